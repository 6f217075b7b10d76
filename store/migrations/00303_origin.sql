-- +goose Up
-- Whose edit, revision or request made the row due, as JSON; '' = nobody's.
ALTER TABLE accounts ADD COLUMN origin TEXT NOT NULL DEFAULT '';
