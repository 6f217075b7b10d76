-- +goose Up
-- The index of unique attributes' values. It also makes sure that two who ask for one value at the same moment do not both get
-- it. The value is a hash: values can be longer than an index entry. Rows of attributes that are gone are in nobody's way.
CREATE TABLE unique_values (
  attribute_id TEXT NOT NULL,
  value TEXT NOT NULL, -- SHA-256 of its JSON, in base64url
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  PRIMARY KEY (attribute_id, value)
);
CREATE INDEX unique_values_user ON unique_values (user_id);
