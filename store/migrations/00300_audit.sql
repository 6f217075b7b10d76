-- +goose Up
-- The log is a chain: hash is the link of each line, made from the link before it and all that the line says (package audit).
-- cause is what made Lockstep act, as JSON; '' = nothing but what the line is about.
ALTER TABLE activities ADD COLUMN hash TEXT NOT NULL DEFAULT '';
ALTER TABLE activities ADD COLUMN cause TEXT NOT NULL DEFAULT '';
-- The link of the newest line, and its seal by a key that is not in the database.
ALTER TABLE environments ADD COLUMN chain TEXT NOT NULL DEFAULT '';
ALTER TABLE environments ADD COLUMN seal TEXT NOT NULL DEFAULT '';

-- The last line that retention cleared away, with its link and a seal: the chain is checked from there.
CREATE TABLE audit_bases (
  environment_id TEXT PRIMARY KEY REFERENCES environments (id),
  seq BIGINT NOT NULL,
  hash TEXT NOT NULL,
  seal TEXT NOT NULL
);
