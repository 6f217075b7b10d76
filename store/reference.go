package store

import (
	"context"
	"time"

	"lockstep/directory"
	"lockstep/provision"
)

// UsersCalled answers the users whose id, username or e-mail address is one of these, folded.
func (db *DB) UsersCalled(ctx context.Context, envID string, folded []string) ([]directory.User, error) {
	var out []directory.User
	seen := map[string]bool{}
	for _, column := range []string{"u.id", "u.username_key", "u.email_key"} {
		err := chunks(folded, 5000, func(part []string) error {
			args := []any{envID}
			found, err := collect(ctx, db.read, scanUser, selectUser+` AND `+column+` IN (`+db.list(part, &args)+`)`, args...)
			for i := range found {
				if !seen[found[i].ID] {
					seen[found[i].ID] = true
					out = append(out, found[i])
				}
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// MarkWaiting makes the rows due that wait for somebody who is called like this.
func (db *DB) MarkWaiting(ctx context.Context, connectionID string, folded []string, at time.Time, cause string) error {
	args := []any{connectionID, micros(at), int(provision.PriorityLive), cause, string(provision.StatusPending)}
	//nolint:gosec // list binds values
	query := `UPDATE accounts SET due_at = $2, cause = $4, status = $5, marks = marks + 1,
 priority = CASE WHEN due_at > 0 AND priority < $3 THEN priority ELSE $3 END
 WHERE connection_id = $1 AND waits_for <> '' AND waits_for IN (` + db.list(folded, &args) + `)`
	_, err := db.write.ExecContext(ctx, query, args...)
	return err
}
