-- +goose Up
CREATE TABLE alert_settings (
  environment_id TEXT PRIMARY KEY REFERENCES environments (id),
  body TEXT NOT NULL,
  webhook_key TEXT NOT NULL, -- sealed
  password TEXT NOT NULL -- sealed
);

CREATE TABLE alerts (
  id TEXT PRIMARY KEY,
  environment_id TEXT NOT NULL REFERENCES environments (id),
  connection_id TEXT NOT NULL,
  condition TEXT NOT NULL,
  ended_at BIGINT NOT NULL, -- 0 = open
  body TEXT NOT NULL
);
CREATE UNIQUE INDEX alerts_open ON alerts (environment_id, connection_id, condition) WHERE ended_at = 0;
CREATE INDEX alerts_ended ON alerts (environment_id, ended_at) WHERE ended_at > 0;

-- Messages about alerts, with how far they have come.
CREATE TABLE alert_deliveries (
  id TEXT PRIMARY KEY,
  environment_id TEXT NOT NULL REFERENCES environments (id),
  created_at BIGINT NOT NULL,
  next_at BIGINT NOT NULL, -- 0 = made, or given up
  body TEXT NOT NULL
);
CREATE INDEX alert_deliveries_due ON alert_deliveries (next_at) WHERE next_at > 0;
CREATE INDEX alert_deliveries_walk ON alert_deliveries (environment_id, created_at);
