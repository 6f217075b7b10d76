-- +goose Up
-- Whom a row waits for, who is to be referred to and has no account yet: what they are called, folded.
ALTER TABLE accounts ADD COLUMN waits_for TEXT NOT NULL DEFAULT '';
CREATE INDEX accounts_waiting ON accounts (connection_id, waits_for) WHERE waits_for <> '';
