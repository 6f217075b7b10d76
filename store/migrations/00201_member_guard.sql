-- +goose Up
-- A group at the mass-deprovision guard: how many of its members count towards the limits, and all whom it would lose.
ALTER TABLE accounts ADD COLUMN gate_members BIGINT NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN gate_leaving TEXT NOT NULL DEFAULT ''; -- '' = nobody, or a JSON list of remote ids

-- Members who were taken out of groups lately without a decision. Rows that are too old to count are deleted by the next one.
CREATE TABLE member_removals (
  connection_id TEXT NOT NULL,
  removed_at BIGINT NOT NULL,
  members BIGINT NOT NULL
);
CREATE INDEX member_removals_lately ON member_removals (connection_id, removed_at);
