-- +goose Up
-- The rows of groups are few among those of people; whoever looks for them must not read the others.
CREATE INDEX accounts_groups ON accounts (connection_id, id) WHERE kind = 'GROUP';
