-- +goose Up
-- An environment has one default population. Should it have more from before, the oldest stays.
UPDATE populations SET is_default = FALSE WHERE is_default AND EXISTS (SELECT 1 FROM populations o WHERE o.environment_id = populations.environment_id
 AND o.is_default AND (o.created_at < populations.created_at OR (o.created_at = populations.created_at AND o.id < populations.id)));
CREATE UNIQUE INDEX populations_default ON populations (environment_id) WHERE is_default;
