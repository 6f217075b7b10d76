package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"lockstep/provision"
)

// errGrace ends a visit that would take access away before the grace period is over.
var errGrace = errors.New("the grace period is not over")

// lingers reports whether somebody whom no rule covers any more keeps their access for a while. Who is disabled does not: also a filter
// that asks for enabled people, or a move to another population before the end, must not keep a leaver's account open.
func (it *item) lingers(l *line, now time.Time) bool {
	return l.grace > 0 && !it.want.InScope && !it.want.Leave && !it.want.Closed && it.accessUntil(l, now).After(now)
}

func (it *item) accessUntil(l *line, now time.Time) time.Time {
	since := it.row.OutSince
	if since.IsZero() {
		since = now
	}
	return since.Add(l.grace)
}

// linger makes the row due at the end of the grace period. Nobody has to look for it: a row that is due is work.
func (it *item) linger(l *line, now time.Time, cause string) {
	row := it.row
	why, _ := it.takes()
	until := it.accessUntil(l, now)
	if row.OutSince.IsZero() {
		row.OutSince = now
	}
	row.InScope, row.Gate = it.stored.InScope, provision.Gate{} // also to their groups they belong as before
	row.DueAt, row.Status, row.Priority, row.Cause = until, provision.StatusPending, provision.PriorityDeprovision, cause
	row.Attempts, row.Fault = 0, nil
	row.Detail = fmt.Sprintf("access ends on %s, after the grace period: %s", until.UTC().Format("2006-01-02 15:04 MST"), why)
}

const ripeBatch = 1000

// ripen takes those whose grace period is over to the guard together, so that it counts all of them before the first one loses access.
func (r *runner) ripen(ctx context.Context) error {
	if r.line.limits.Off() {
		return nil // the visits do it
	}
	for {
		rows, err := r.engine.store.Ripe(ctx, r.connectionID, r.engine.now(), ripeBatch)
		if err != nil {
			return fmt.Errorf("read whose grace period is over: %w", err)
		}
		byCause := map[string][]string{}
		for i := range rows {
			if row := &rows[i]; row.Remote != nil && !r.busy(row.ObjectID) {
				byCause[row.Cause] = append(byCause[row.Cause], row.ObjectID)
			}
		}
		for _, cause := range sortedKeys(byCause) {
			if err := r.reconsider(ctx, byCause[cause], provision.PriorityDeprovision, cause); err != nil {
				return err
			}
		}
		if len(rows) < ripeBatch || len(byCause) == 0 {
			return nil
		}
	}
}
