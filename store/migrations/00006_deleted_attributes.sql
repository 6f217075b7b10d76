-- +goose Up
-- A deleted attribute keeps its name until users have lost their values of it.
ALTER TABLE attributes ADD COLUMN deleted BOOLEAN NOT NULL DEFAULT FALSE;
