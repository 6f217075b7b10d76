-- +goose Up
-- One text for SQLite and PostgreSQL. Times are UTC microseconds, 0 = none. Ids are UUIDs as text.
CREATE TABLE environments (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  seq BIGINT NOT NULL DEFAULT 0 -- of the newest activity; its row lock puts commits of an environment in order
);

CREATE TABLE populations (
  id TEXT PRIMARY KEY,
  environment_id TEXT NOT NULL REFERENCES environments (id),
  name TEXT NOT NULL,
  name_key TEXT NOT NULL,
  description TEXT NOT NULL,
  is_default BOOLEAN NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  UNIQUE (environment_id, name_key)
);

CREATE TABLE attributes (
  id TEXT PRIMARY KEY,
  environment_id TEXT NOT NULL REFERENCES environments (id),
  name TEXT NOT NULL,
  name_key TEXT NOT NULL,
  body TEXT NOT NULL,
  UNIQUE (environment_id, name_key)
);

CREATE TABLE users (
  id TEXT PRIMARY KEY,
  environment_id TEXT NOT NULL REFERENCES environments (id),
  population_id TEXT NOT NULL REFERENCES populations (id),
  username TEXT NOT NULL,
  username_key TEXT NOT NULL,
  email TEXT NOT NULL,
  email_key TEXT NOT NULL,
  given_key TEXT NOT NULL,
  family_key TEXT NOT NULL,
  external_id TEXT NOT NULL,
  enabled BOOLEAN NOT NULL,
  attrs JSON NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  UNIQUE (environment_id, username_key)
);
CREATE INDEX users_walk ON users (environment_id, id);
CREATE INDEX users_email ON users (environment_id, email_key);
CREATE INDEX users_population ON users (population_id);

-- The append-only log; feed marks the lines that the engine follows.
CREATE TABLE activities (
  environment_id TEXT NOT NULL REFERENCES environments (id),
  seq BIGINT NOT NULL,
  id TEXT NOT NULL UNIQUE,
  recorded_at BIGINT NOT NULL,
  type TEXT NOT NULL,
  kind TEXT NOT NULL,
  object_id TEXT NOT NULL,
  object_name TEXT NOT NULL,
  connection_id TEXT NOT NULL,
  rule_id TEXT NOT NULL,
  correlation_id TEXT NOT NULL,
  success BOOLEAN NOT NULL,
  feed BOOLEAN NOT NULL,
  description TEXT NOT NULL,
  actor TEXT NOT NULL,
  changes TEXT NOT NULL,
  PRIMARY KEY (environment_id, seq)
);
CREATE INDEX activities_feed ON activities (environment_id, seq) WHERE feed;
CREATE INDEX activities_object ON activities (object_id, seq);

CREATE TABLE plans (
  id TEXT PRIMARY KEY,
  environment_id TEXT NOT NULL UNIQUE REFERENCES environments (id),
  body TEXT NOT NULL
);

CREATE TABLE connections (
  id TEXT PRIMARY KEY,
  environment_id TEXT NOT NULL REFERENCES environments (id),
  created_at BIGINT NOT NULL,
  body TEXT NOT NULL,
  secrets TEXT NOT NULL -- sealed, by key
);

CREATE TABLE rules (
  id TEXT PRIMARY KEY,
  environment_id TEXT NOT NULL REFERENCES environments (id),
  position BIGINT NOT NULL,
  deleted BOOLEAN NOT NULL,
  body TEXT NOT NULL
);
CREATE INDEX rules_order ON rules (environment_id, position);

CREATE TABLE mappings (
  id TEXT PRIMARY KEY,
  environment_id TEXT NOT NULL REFERENCES environments (id),
  rule_id TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  body TEXT NOT NULL
);
CREATE INDEX mappings_rule ON mappings (rule_id);

CREATE TABLE revisions (
  id TEXT PRIMARY KEY,
  environment_id TEXT NOT NULL REFERENCES environments (id),
  number BIGINT NOT NULL,
  previous_id TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  snapshot TEXT NOT NULL,
  UNIQUE (environment_id, number)
);

-- The link table, which is also the work list.
CREATE TABLE accounts (
  id TEXT PRIMARY KEY,
  environment_id TEXT NOT NULL REFERENCES environments (id),
  connection_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  object_id TEXT NOT NULL,
  object_name TEXT NOT NULL,
  rule_id TEXT NOT NULL,
  in_scope BOOLEAN NOT NULL,
  ownership TEXT NOT NULL,
  remote_id TEXT NOT NULL,
  match_key TEXT NOT NULL,
  remote TEXT NOT NULL,
  assigned TEXT NOT NULL,
  phase TEXT NOT NULL,
  status TEXT NOT NULL,
  fault TEXT NOT NULL,
  fault_code TEXT NOT NULL,
  detail TEXT NOT NULL,
  attempts BIGINT NOT NULL,
  due_at BIGINT NOT NULL,
  priority BIGINT NOT NULL,
  cause TEXT NOT NULL,
  synced_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX accounts_object ON accounts (connection_id, kind, object_id) WHERE object_id <> '';
CREATE UNIQUE INDEX accounts_remote ON accounts (connection_id, kind, remote_id) WHERE remote_id <> '';
CREATE INDEX accounts_due ON accounts (connection_id, priority, due_at) WHERE due_at > 0;
CREATE INDEX accounts_match ON accounts (connection_id, kind, match_key) WHERE object_id = '';
CREATE INDEX accounts_count ON accounts (connection_id, rule_id, kind, status, in_scope);
CREATE INDEX accounts_walk ON accounts (connection_id, id);

CREATE TABLE runners (
  connection_id TEXT PRIMARY KEY,
  environment_id TEXT NOT NULL,
  owner TEXT NOT NULL,
  leased_until BIGINT NOT NULL,
  term BIGINT NOT NULL,
  paused BOOLEAN NOT NULL,
  resync TEXT NOT NULL,
  body TEXT NOT NULL
);

CREATE TABLE clients (
  id TEXT PRIMARY KEY,
  environment_id TEXT NOT NULL REFERENCES environments (id),
  name TEXT NOT NULL,
  role TEXT NOT NULL,
  secret_hash TEXT NOT NULL,
  created_at BIGINT NOT NULL
);

CREATE TABLE tokens (
  hash TEXT PRIMARY KEY,
  client_id TEXT NOT NULL,
  environment_id TEXT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX tokens_expiry ON tokens (expires_at);
