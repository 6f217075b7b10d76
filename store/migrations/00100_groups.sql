-- +goose Up
CREATE TABLE directory_groups (
  id TEXT PRIMARY KEY,
  environment_id TEXT NOT NULL REFERENCES environments (id),
  population_id TEXT NOT NULL, -- '' = of the whole environment
  name TEXT NOT NULL,
  name_key TEXT NOT NULL,
  user_filter TEXT NOT NULL, -- '' = no dynamic members
  body TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  UNIQUE (environment_id, name_key, population_id)
);
CREATE INDEX directory_groups_walk ON directory_groups (environment_id, id);
CREATE INDEX directory_groups_dynamic ON directory_groups (environment_id) WHERE user_filter <> '';

-- Base membership: somebody said so, or the group's filter does. Effective membership follows from it and the nestings.
CREATE TABLE group_members (
  group_id TEXT NOT NULL REFERENCES directory_groups (id) ON DELETE CASCADE,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  by_filter BOOLEAN NOT NULL,
  PRIMARY KEY (group_id, user_id, by_filter)
);
CREATE INDEX group_members_user ON group_members (user_id);

-- The members of the child are members of the parent.
CREATE TABLE group_nestings (
  child_id TEXT NOT NULL REFERENCES directory_groups (id) ON DELETE CASCADE,
  parent_id TEXT NOT NULL REFERENCES directory_groups (id) ON DELETE CASCADE,
  PRIMARY KEY (child_id, parent_id)
);
CREATE INDEX group_nestings_parent ON group_nestings (parent_id);

-- Members of a provisioned group, as they stand on the target. ours: we put them there.
CREATE TABLE account_members (
  account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  remote_id TEXT NOT NULL,
  present BOOLEAN NOT NULL,
  ours BOOLEAN NOT NULL,
  PRIMARY KEY (account_id, remote_id)
);

CREATE INDEX accounts_due_groups ON accounts (connection_id, priority, due_at) WHERE due_at > 0 AND kind = 'GROUP';

-- Somebody agreed that a group that is on the target already is overwritten.
CREATE TABLE group_consents (
  connection_id TEXT NOT NULL,
  group_id TEXT NOT NULL,
  given_by TEXT NOT NULL,
  given_at BIGINT NOT NULL,
  PRIMARY KEY (connection_id, group_id)
);
