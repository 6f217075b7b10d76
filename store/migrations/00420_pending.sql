-- +goose Up
-- How much was pending, by the minute, where it is other than before: an environment in which nothing happens costs no rows.
CREATE TABLE pending_work (
  environment_id TEXT NOT NULL REFERENCES environments (id),
  at BIGINT NOT NULL, -- the beginning of the minute
  pending BIGINT NOT NULL, -- the most that was seen in it
  PRIMARY KEY (environment_id, at)
);
