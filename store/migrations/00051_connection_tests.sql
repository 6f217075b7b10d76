-- +goose Up
-- How each connection was last tested.
CREATE TABLE connection_tests (
  connection_id TEXT PRIMARY KEY,
  at BIGINT NOT NULL,
  checks TEXT NOT NULL
);
