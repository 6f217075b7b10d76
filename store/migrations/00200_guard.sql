-- +goose Up
-- Where a row stands at the mass-deprovision guard: '' = it takes nobody's access away, WAITING, PASSED, HELD, APPROVED, REJECTED.
ALTER TABLE accounts ADD COLUMN gate TEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN gate_why TEXT NOT NULL DEFAULT ''; -- why access is to be taken away; a decision is good for this reason only
ALTER TABLE accounts ADD COLUMN gate_said TEXT NOT NULL DEFAULT ''; -- who decided
ALTER TABLE accounts ADD COLUMN hold_id TEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN deprovisioned_at BIGINT NOT NULL DEFAULT 0; -- when access was taken away last without a decision
CREATE INDEX accounts_gate ON accounts (connection_id, gate, rule_id) WHERE gate <> '';
CREATE INDEX accounts_hold ON accounts (hold_id, id) WHERE hold_id <> '';
CREATE INDEX accounts_deprovisioned ON accounts (connection_id, deprovisioned_at) WHERE deprovisioned_at > 0;

CREATE TABLE deprovision_holds (
  id TEXT PRIMARY KEY,
  environment_id TEXT NOT NULL REFERENCES environments (id),
  connection_id TEXT NOT NULL,
  status TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  body TEXT NOT NULL
);
-- A connection has one open hold at a time: what comes later joins it.
CREATE UNIQUE INDEX deprovision_holds_open ON deprovision_holds (connection_id) WHERE status = 'OPEN';
