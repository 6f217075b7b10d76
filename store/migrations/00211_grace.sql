-- +goose Up
-- Since when no rule covers somebody who keeps access for the grace period; 0 otherwise.
ALTER TABLE accounts ADD COLUMN out_since BIGINT NOT NULL DEFAULT 0;
CREATE INDEX accounts_lingering ON accounts (connection_id, due_at) WHERE out_since > 0;
