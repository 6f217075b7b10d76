-- +goose Up
-- How often a row was marked due from outside of its visits. A visit that ends keeps the row due if it was marked since the
-- visit read it: what the mark is about may have come too late for the visit.
ALTER TABLE accounts ADD COLUMN marks BIGINT NOT NULL DEFAULT 0;
