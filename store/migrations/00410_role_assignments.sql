-- +goose Up
-- Roles of administrators and clients in environments other than their own. There is no foreign key to the environment: whoever makes
-- one gets the role first, so that none can come to be that nobody may enter.
CREATE TABLE role_assignments (
  principal_id TEXT NOT NULL, -- an administrator, or a client
  environment_id TEXT NOT NULL,
  role TEXT NOT NULL,
  PRIMARY KEY (principal_id, environment_id)
);
CREATE INDEX role_assignments_environment ON role_assignments (environment_id);
