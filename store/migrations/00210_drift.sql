-- +goose Up
-- What others changed on targets although it is managed. Rows exist only for what drifted.
CREATE TABLE drifts (
  id TEXT PRIMARY KEY,
  environment_id TEXT NOT NULL REFERENCES environments (id),
  connection_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  object_id TEXT NOT NULL,
  attribute TEXT NOT NULL,
  member TEXT NOT NULL, -- of a group: whose membership it is
  rule_id TEXT NOT NULL,
  status TEXT NOT NULL, -- OPEN, REPAIRING, ACCEPTED; REPAIRED, ENDED
  finding TEXT NOT NULL, -- both values: the same found once more is no news
  hurt BOOLEAN NOT NULL, -- somebody was deactivated by an update of ours: what the tripwire counts
  found_at BIGINT NOT NULL,
  ended_at BIGINT NOT NULL,
  body TEXT NOT NULL
);
CREATE UNIQUE INDEX drifts_live ON drifts (connection_id, kind, object_id, attribute, member) WHERE status IN ('OPEN', 'REPAIRING', 'ACCEPTED');
CREATE INDEX drifts_connection ON drifts (connection_id, id);
CREATE INDEX drifts_object ON drifts (object_id, id);
CREATE INDEX drifts_ended ON drifts (connection_id, ended_at) WHERE ended_at > 0;
CREATE INDEX drifts_hurt ON drifts (connection_id, found_at) WHERE hurt;

-- Why the tripwire stopped a connection, and what an administrator wants done about it; '' = it did not.
ALTER TABLE runners ADD COLUMN trip TEXT NOT NULL DEFAULT '';
