package store

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"strings"

	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/provision"
)

// Drafts reads what is drafted. It is no snapshot of one moment: who acts by it compares it once more, in the transaction.
func (db *DB) Drafts(ctx context.Context, envID string) (provision.Drafts, error) {
	var out provision.Drafts
	var err error
	if out.Plans, err = db.Plans(ctx, envID); err != nil {
		return out, err
	}
	if out.Connections, err = db.Connections(ctx, envID); err != nil {
		return out, err
	}
	if out.Rules, err = collect(ctx, db.read, fromJSON[provision.Rule], selectRules+` ORDER BY position`, envID); err != nil {
		return out, err
	}
	out.Mappings, err = db.allMappings(ctx, envID)
	return out, err
}

// previewsKept is how many previews of one rule or connection are kept, the newest.
const previewsKept = 3

func subjectOf(p *provision.Preview) string {
	if p.RuleID != "" {
		return p.RuleID
	}
	return p.ConnectionID
}

// BeginPreview makes room for a preview: those that expired, and the oldest of the same subject, are forgotten.
func (db *DB) BeginPreview(ctx context.Context, p provision.Preview) error {
	return db.transact(ctx, func(t *tx) error {
		old, err := collect(ctx, t, func(s scanner) (string, error) {
			var id string
			return id, s.Scan(&id)
		}, `SELECT id FROM previews WHERE expires_at <= $1 OR environment_id = $2 AND subject = $3 AND id NOT IN
 (SELECT id FROM previews WHERE environment_id = $2 AND subject = $3 ORDER BY created_at DESC, id DESC LIMIT $4)`,
			micros(p.CreatedAt), p.EnvironmentID, subjectOf(&p), previewsKept-1)
		if err != nil {
			return err
		}
		for _, id := range old {
			if err := t.dropPreview(ctx, id); err != nil {
				return err
			}
		}
		_, err = t.ExecContext(ctx, `INSERT INTO previews (id, environment_id, subject, created_at, expires_at, body) VALUES ($1, $2, $3, $4, $5, '')`,
			p.ID, p.EnvironmentID, subjectOf(&p), micros(p.CreatedAt), micros(p.ExpiresAt))
		return err
	})
}

func (t *tx) dropPreview(ctx context.Context, id string) error {
	for _, query := range []string{`DELETE FROM preview_pages WHERE preview_id = $1`, `DELETE FROM previews WHERE id = $1`} {
		if _, err := t.ExecContext(ctx, query, id); err != nil {
			return err
		}
	}
	return nil
}

// DropPreview forgets a preview that could not be made.
func (db *DB) DropPreview(ctx context.Context, id string) error {
	return db.transact(ctx, func(t *tx) error { return t.dropPreview(ctx, id) })
}

// SavePreviewPage keeps a part of what a preview foresees.
func (db *DB) SavePreviewPage(ctx context.Context, id string, page provision.PreviewPage) error {
	items, err := pack(page.Items)
	if err != nil {
		return fmt.Errorf("pack what was foreseen: %w", err)
	}
	_, err = db.write.ExecContext(ctx, `INSERT INTO preview_pages (preview_id, kind, page, size, items) VALUES ($1, $2, $3, $4, $5)`,
		id, string(page.Group), page.Page, len(page.Items), items)
	return err
}

// FinishPreview keeps what a preview found; from now on it can be read.
func (db *DB) FinishPreview(ctx context.Context, p provision.Preview) error {
	body, err := json.Marshal(p)
	if err != nil {
		return err
	}
	r, err := db.write.ExecContext(ctx, `UPDATE previews SET body = $1 WHERE environment_id = $2 AND id = $3`, string(body), p.EnvironmentID, p.ID)
	return affected(r, err, "preview")
}

// Preview answers a preview that was finished.
func (db *DB) Preview(ctx context.Context, envID, id string) (provision.Preview, error) {
	return one(db.read.QueryRowContext(ctx, `SELECT body FROM previews WHERE environment_id = $1 AND id = $2 AND body <> ''`, envID, id), fromJSON[provision.Preview], "preview")
}

// PreviewPage answers one page of a group, and how many items it holds; a page that is not there holds none. Where no item can have
// the text, in lower case, none is answered: most pages of a search need not be read whole.
func (db *DB) PreviewPage(ctx context.Context, id string, group provision.PreviewGroup, page int, text string) ([]provision.Foreseen, int, error) {
	var size int
	out, err := one(db.read.QueryRowContext(ctx, `SELECT size, items FROM preview_pages WHERE preview_id = $1 AND kind = $2 AND page = $3`, id, string(group), page),
		func(s scanner) ([]provision.Foreseen, error) {
			var packed string
			if err := s.Scan(&size, &packed); err != nil {
				return nil, err
			}
			return unpack(packed, text)
		}, "page")
	if problem.Is(err, problem.NotFound) {
		return nil, 0, nil
	}
	return out, size, err
}

func pack(items []provision.Foreseen) (string, error) {
	var out bytes.Buffer
	encoded := base64.NewEncoder(base64.RawStdEncoding, &out)
	w, err := flate.NewWriter(encoded, flate.BestSpeed)
	if err != nil {
		return "", err
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false) // it is searched as it is
	if err := encoder.Encode(items); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	err = encoded.Close() // the last bytes come with it
	return out.String(), err
}

func unpack(packed, text string) ([]provision.Foreseen, error) {
	r := flate.NewReader(base64.NewDecoder(base64.RawStdEncoding, strings.NewReader(packed)))
	defer func() { _ = r.Close() }()
	raw, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read a preview: %w", err)
	}
	written, err := json.Marshal(text) // as JSON writes it
	if err != nil {
		return nil, err
	}
	plain := bytes.Equal(written[1:len(written)-1], []byte(text))
	if plain && !bytes.Contains(bytes.ToLower(raw), []byte(text)) {
		return nil, nil
	}
	var out []provision.Foreseen
	if err := json.Unmarshal(raw, &out); err != nil {
		return nil, fmt.Errorf("read a preview: %w", err)
	}
	return out, nil
}

// KnownDigest changes when anything does that plans are made from: whose accounts are whose, what the target last said of them,
// decisions about them, members of groups, consents. When something is due, how often it failed and the like do not count. It reads
// the rows of the connection once, in no particular order.
func (db *DB) KnownDigest(ctx context.Context, connectionID string) (string, error) {
	var sum [2]uint64
	for _, query := range []string{
		`SELECT kind || ' ' || object_id || ' ' || rule_id || ' ' || ownership || ' ' || phase || ' ' || gate || ' ' || hold_id || ' ' || gate_why, remote_id || ' ' || assigned,
 remote FROM accounts WHERE connection_id = $1`,
		`SELECT account_id, remote_id, CASE WHEN present THEN 'present' ELSE '' END || CASE WHEN ours THEN ' ours' ELSE '' END FROM account_members
 WHERE account_id IN (SELECT id FROM accounts WHERE connection_id = $1 AND kind = 'GROUP')`,
		`SELECT 'consent', group_id, '' FROM group_consents WHERE connection_id = $1`,
		`SELECT 'foreign', remote_id, kind FROM kept_foreign WHERE connection_id = $1`,
	} {
		if err := db.addDigests(ctx, &sum, query, connectionID); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%016x%016x", sum[0], sum[1]), nil
}

// addDigests adds the hashes of rows, so that their order does not matter.
func (db *DB) addDigests(ctx context.Context, sum *[2]uint64, query, connectionID string) error {
	rows, err := db.read.QueryContext(ctx, query, connectionID)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	h := fnv.New128a()
	var parts [3]string
	var hash [16]byte
	for rows.Next() {
		if err := rows.Scan(&parts[0], &parts[1], &parts[2]); err != nil {
			return err
		}
		h.Reset()
		for _, p := range parts {
			_, _ = io.WriteString(h, p)
			_, _ = h.Write([]byte{0})
		}
		h.Sum(hash[:0])
		sum[0] += binary.LittleEndian.Uint64(hash[:8])
		sum[1] += binary.LittleEndian.Uint64(hash[8:])
	}
	return rows.Err()
}

// KeepForeign notes, with a line of the log, that an account on the target stays nobody's.
func (db *DB) KeepForeign(ctx context.Context, connectionID string, kind directory.Kind, remoteID, by string, line directory.Activity) error {
	return db.transact(ctx, func(t *tx) error {
		_, err := t.ExecContext(ctx, `INSERT INTO kept_foreign (connection_id, kind, remote_id, said_by, said_at) VALUES ($1, $2, $3, $4, $5)
 ON CONFLICT (connection_id, kind, remote_id) DO NOTHING`, connectionID, string(kind), remoteID, by, micros(line.RecordedAt))
		if err != nil {
			return err
		}
		return t.Append(ctx, []directory.Activity{line})
	})
}

// EndForeign lets an account be somebody's again.
func (db *DB) EndForeign(ctx context.Context, connectionID string, kind directory.Kind, remoteID string, lines ...directory.Activity) error {
	return db.transact(ctx, func(t *tx) error {
		_, err := t.ExecContext(ctx, `DELETE FROM kept_foreign WHERE connection_id = $1 AND kind = $2 AND remote_id = $3`, connectionID, string(kind), remoteID)
		if err != nil {
			return err
		}
		return t.Append(ctx, lines)
	})
}

// KeptForeignList lists the accounts of a connection that stay nobody's, in the order of their ids.
func (db *DB) KeptForeignList(ctx context.Context, connectionID, after string, limit int) ([]provision.KeptForeign, error) {
	return collect(ctx, db.read, func(s scanner) (provision.KeptForeign, error) {
		var k provision.KeptForeign
		var at int64
		err := s.Scan(&k.RemoteID, &k.By, &at)
		k.At = instant(at)
		return k, err
	}, `SELECT remote_id, said_by, said_at FROM kept_foreign WHERE connection_id = $1 AND kind = 'USER' AND remote_id > $2 ORDER BY remote_id LIMIT $3`,
		connectionID, after, limit)
}

// KeptForeign answers which of the accounts an administrator said stay nobody's.
func (db *DB) KeptForeign(ctx context.Context, connectionID string, kind directory.Kind, remoteIDs []string) (map[string]bool, error) {
	out := map[string]bool{}
	err := chunks(remoteIDs, idChunk, func(part []string) error {
		args := []any{connectionID, string(kind)}
		found, err := collect(ctx, db.read, func(s scanner) (string, error) {
			var id string
			return id, s.Scan(&id)
		}, `SELECT remote_id FROM kept_foreign WHERE connection_id = $1 AND kind = $2 AND remote_id IN (`+db.list(part, &args)+`)`, args...)
		for _, id := range found {
			out[id] = true
		}
		return err
	})
	return out, err
}
