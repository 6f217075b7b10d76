-- +goose Up
-- What a preview foresaw, so that it can be read in pages, searched, and published as it was shown.
CREATE TABLE previews (
  id TEXT PRIMARY KEY,
  environment_id TEXT NOT NULL REFERENCES environments (id),
  subject TEXT NOT NULL, -- the rule, or the connection, that was previewed
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  body TEXT NOT NULL -- '' while it is being made
);
CREATE INDEX previews_subject ON previews (environment_id, subject, created_at);
CREATE INDEX previews_expire ON previews (expires_at);

CREATE TABLE preview_pages (
  preview_id TEXT NOT NULL,
  kind TEXT NOT NULL, -- provision.PreviewGroup
  page INTEGER NOT NULL,
  size INTEGER NOT NULL, -- how many items
  items TEXT NOT NULL, -- compressed JSON, in base64: one SQL text for both databases
  PRIMARY KEY (preview_id, kind, page)
);

-- An administrator said that an account on the target stays nobody's: it is not adopted, whoever's identifier it holds.
CREATE TABLE kept_foreign (
  connection_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  remote_id TEXT NOT NULL,
  said_by TEXT NOT NULL,
  said_at BIGINT NOT NULL,
  PRIMARY KEY (connection_id, kind, remote_id)
);
