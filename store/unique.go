package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"lockstep/directory"
)

// holding is one entry of the index of unique values.
type holding struct{ attributeID, value, userID string }

func uniqueKey(value any) (string, error) {
	raw, err := json.Marshal(value)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(raw)
	return base64.RawURLEncoding.EncodeToString(sum[:]), nil
}

// Holders implements directory.Tx.
func (t *tx) Holders(ctx context.Context, a directory.Attribute, values []any) ([]string, error) {
	keys := make([]string, len(values))
	for i, v := range values {
		var err error
		if keys[i], err = uniqueKey(v); err != nil {
			return nil, err
		}
	}
	holders := map[string]string{}
	err := chunks(keys, 5000, func(part []string) error {
		args := []any{a.ID}
		const query = `SELECT attribute_id, value, user_id FROM unique_values WHERE attribute_id = $1 AND value IN (`
		found, err := collect(ctx, t, scanHolding, query+t.db.list(part, &args)+`)`, args...)
		for _, h := range found {
			holders[h.value] = h.userID
		}
		return err
	})
	out := make([]string, len(values))
	for i, key := range keys {
		out[i] = holders[key]
	}
	return out, err
}

func scanHolding(s scanner) (holding, error) {
	var h holding
	return h, s.Scan(&h.attributeID, &h.value, &h.userID)
}

// uniqueAttributes lists the unique attributes of an environment, read once a transaction.
func (t *tx) uniqueAttributes(ctx context.Context, envID string) ([]directory.Attribute, error) {
	if list, ok := t.unique[envID]; ok {
		return list, nil
	}
	all, err := t.CustomAttributes(ctx, envID)
	if err != nil {
		return nil, err
	}
	list := []directory.Attribute{}
	for _, a := range all {
		if a.Unique {
			list = append(list, a)
		}
	}
	if t.unique == nil {
		t.unique = map[string][]directory.Attribute{}
	}
	t.unique[envID] = list
	return list, nil
}

// index keeps the index of unique values as the users are now. Those that are new have no entries yet.
func (t *tx) index(ctx context.Context, users []directory.User, isNew bool) error {
	wanted := map[holding]bool{}
	for i := range users {
		attributes, err := t.uniqueAttributes(ctx, users[i].EnvironmentID)
		if err != nil {
			return err
		}
		for _, a := range attributes {
			value := users[i].Custom[a.Name]
			if value == nil {
				continue
			}
			key, err := uniqueKey(value)
			if err != nil {
				return err
			}
			wanted[holding{a.ID, key, users[i].ID}] = true
		}
	}
	if !isNew {
		if err := t.unindex(ctx, users, wanted); err != nil {
			return err
		}
	}
	rows := make([][]any, 0, len(wanted))
	for h := range wanted {
		rows = append(rows, []any{h.attributeID, h.value, h.userID})
	}
	err := insertMany(ctx, t, `INSERT INTO unique_values (attribute_id, value, user_id)`, rows, "")
	if unique(err) {
		return directory.ErrValueTaken
	}
	return err
}

// unindex drops the users' entries that are not wanted any more, and from what is wanted what is there.
func (t *tx) unindex(ctx context.Context, users []directory.User, wanted map[holding]bool) error {
	ids := make([]string, len(users))
	for i := range users {
		ids[i] = users[i].ID
	}
	return chunks(ids, 5000, func(part []string) error {
		var args []any
		const query = `SELECT attribute_id, value, user_id FROM unique_values WHERE user_id IN (`
		have, err := collect(ctx, t, scanHolding, query+t.db.list(part, &args)+`)`, args...)
		if err != nil {
			return err
		}
		for _, h := range have {
			kept := h
			kept.value, _, _ = strings.Cut(h.value, alsoHeld)
			if wanted[kept] {
				delete(wanted, kept)
				continue
			}
			if _, err := t.ExecContext(ctx, `DELETE FROM unique_values WHERE attribute_id = $1 AND value = $2`, h.attributeID, h.value); err != nil {
				return err
			}
		}
		return nil
	})
}

// alsoHeld stands between a value and a user who holds it besides the one who is found. That could happen when there was no index;
// such a user must still be editable.
const alsoHeld = "#"

// fillUnique is a migration: it indexes the values that there are.
func (db *DB) fillUnique(ctx context.Context, migration *sql.Tx) error {
	t := &tx{Tx: migration, db: db}
	environments, err := collect(ctx, t, scanEnvironment, `SELECT id, name, created_at FROM environments`)
	if err != nil {
		return err
	}
	for _, env := range environments {
		attributes, err := t.uniqueAttributes(ctx, env.ID)
		if err != nil {
			return err
		}
		if len(attributes) == 0 {
			continue
		}
		if err := t.fillEnvironment(ctx, env.ID, attributes); err != nil {
			return fmt.Errorf("index unique values: %w", err)
		}
	}
	return nil
}

func (t *tx) fillEnvironment(ctx context.Context, envID string, attributes []directory.Attribute) error {
	const size = 1000
	for after := ""; ; {
		users, err := collect(ctx, t, scanUser, selectUser+` AND u.id > $2 ORDER BY u.id LIMIT $3`, envID, after, size)
		if err != nil {
			return err
		}
		for i := range attributes {
			if err := t.fillValues(ctx, attributes[i], users); err != nil {
				return err
			}
		}
		if len(users) < size {
			return nil
		}
		after = users[len(users)-1].ID
	}
}

// fillValues indexes one attribute's values of some users: the first to come is found.
func (t *tx) fillValues(ctx context.Context, a directory.Attribute, users []directory.User) error {
	const insert = `INSERT INTO unique_values (attribute_id, value, user_id)`
	var values []any
	var ids []string
	var rows [][]any
	for i := range users {
		value := users[i].Custom[a.Name]
		if value == nil {
			continue
		}
		key, err := uniqueKey(value)
		if err != nil {
			return err
		}
		values, ids, rows = append(values, value), append(ids, users[i].ID), append(rows, []any{a.ID, key, users[i].ID})
	}
	if err := insertMany(ctx, t, insert, rows, ` ON CONFLICT DO NOTHING`); err != nil {
		return err
	}
	holders, err := t.Holders(ctx, a, values)
	if err != nil {
		return err
	}
	var besides [][]any
	for i, row := range rows {
		if holders[i] != ids[i] {
			besides = append(besides, []any{a.ID, fmt.Sprint(row[1], alsoHeld, ids[i]), ids[i]})
		}
	}
	return insertMany(ctx, t, insert, besides, "")
}
