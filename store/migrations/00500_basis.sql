-- +goose Up
-- What the plan of a group was made of that left nothing to do; '' = it has to be planned to know (docs/decisions/0032).
ALTER TABLE accounts ADD COLUMN basis TEXT NOT NULL DEFAULT '';
