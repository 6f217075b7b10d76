-- +goose Up
-- Tokens that are being had by OAuth, until a connection takes them over. What is secret is sealed.
CREATE TABLE authorizations (
  id TEXT PRIMARY KEY,
  environment_id TEXT NOT NULL REFERENCES environments (id),
  state_hash TEXT NOT NULL, -- of the state that consent leads back with; '' once that was used
  bound TEXT NOT NULL,      -- a hash of the session, or the client, that began it
  expires_at BIGINT NOT NULL,
  body TEXT NOT NULL,
  secrets TEXT NOT NULL
);
CREATE INDEX authorizations_state ON authorizations (state_hash);
