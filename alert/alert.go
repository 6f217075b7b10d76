// Package alert tells people when provisioning needs them: once when a condition begins, once when it ends. What is open is decided by
// a pure function of how the connections stand and what was open before; webhooks and e-mail are at the edge.
package alert

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"lockstep/provision"
)

// Condition says what an alert is about.
type Condition string

// The conditions.
const (
	Halted      Condition = "HALTED"      // the target refuses the credentials or the configuration
	Held        Condition = "HELD"        // operations wait for a decision
	Quarantined Condition = "QUARANTINED" // the target does not answer as it should
	Failing     Condition = "FAILING"     // more than a share of the people could not be written
	Expiring    Condition = "EXPIRING"    // the credentials are about to expire
	Stale       Condition = "STALE"       // nothing succeeded for long
)

// Conditions lists the conditions, the most pressing first.
var Conditions = []Condition{Halted, Held, Quarantined, Expiring, Failing, Stale}

// Alert is a condition of one connection, from its beginning to its end.
type Alert struct {
	ID             string    `json:"id"`
	EnvironmentID  string    `json:"environmentId"`
	ConnectionID   string    `json:"connectionId"`
	ConnectionName string    `json:"connectionName"`
	Condition      Condition `json:"condition"`
	Since          time.Time `json:"since"`
	Message        string    `json:"message"` // a sentence
	Hint           string    `json:"hint,omitempty"`
	// AwaySince is when the condition was last found gone; one that is gone for a moment has not ended.
	AwaySince time.Time `json:"awaySince,omitzero"`
	EndedAt   time.Time `json:"endedAt,omitzero"` // zero: open
}

// Thresholds say what is worth an alert.
type Thresholds struct {
	FailedPercent int `json:"failedPercent"` // FAILING: more than this share of those whom rules cover
	FailedCount   int `json:"failedCount"`   // ... and at least so many
	ExpiryDays    int `json:"expiryDays"`    // EXPIRING: so many days before
	StaleHours    int `json:"staleHours"`    // STALE: no successful sync for so long; 0 = never said
	QuietMinutes  int `json:"quietMinutes"`  // a condition has ended when it was away for so long
}

// Defaults are what holds until somebody says otherwise. A connection that is well is reconciled once a day.
var Defaults = Thresholds{FailedPercent: 10, FailedCount: 5, ExpiryDays: 14, StaleHours: 48, QuietMinutes: 5}

// Decision is what follows from a look at the connections.
type Decision struct {
	Began   []Alert // new, without ids
	Ended   []Alert
	Changed []Alert // open ones that read differently now
}

// Empty reports whether nothing follows.
func (d *Decision) Empty() bool { return len(d.Began)+len(d.Ended)+len(d.Changed) == 0 }

type key struct {
	connection string
	condition  Condition
}

// Decide compares how the connections stand with what is open. Connections that are not among health are switched off or gone: their
// alerts end. The same input gives the same answer, whatever order it is in.
func Decide(health []provision.Health, open []Alert, t Thresholds, now time.Time) Decision {
	wanted := map[key]Alert{}
	for i := range health {
		for _, a := range conditions(&health[i], t, now) {
			wanted[key{a.ConnectionID, a.Condition}] = a
		}
	}
	here := make(map[string]bool, len(health))
	for i := range health {
		here[health[i].ConnectionID] = true
	}
	quiet := time.Duration(t.QuietMinutes) * time.Minute
	var d Decision
	for _, a := range open {
		k := key{a.ConnectionID, a.Condition}
		is, still := wanted[k]
		delete(wanted, k)
		before := a
		switch {
		case still:
			a.AwaySince, a.ConnectionName, a.Message, a.Hint = time.Time{}, is.ConnectionName, is.Message, is.Hint
		case here[a.ConnectionID] && quiet > 0 && a.AwaySince.IsZero():
			a.AwaySince = now
		case here[a.ConnectionID] && now.Sub(a.AwaySince) < quiet:
		default:
			a.EndedAt = now
			if !a.AwaySince.IsZero() {
				a.EndedAt = a.AwaySince
			}
			a.AwaySince = time.Time{}
			d.Ended = append(d.Ended, a)
			continue
		}
		if a != before {
			d.Changed = append(d.Changed, a)
		}
	}
	for _, a := range wanted {
		d.Began = append(d.Began, a)
	}
	for _, list := range [][]Alert{d.Began, d.Ended, d.Changed} {
		Sort(list)
	}
	return d
}

// Sort puts the most pressing first.
func Sort(list []Alert) {
	slices.SortFunc(list, func(a, b Alert) int {
		return cmp.Or(slices.Index(Conditions, a.Condition)-slices.Index(Conditions, b.Condition), a.Since.Compare(b.Since), cmp.Compare(a.ConnectionName, b.ConnectionName), cmp.Compare(a.ConnectionID, b.ConnectionID))
	})
}

// conditions lists what holds of a connection now.
func conditions(h *provision.Health, t Thresholds, now time.Time) []Alert {
	var out []Alert
	add := func(condition Condition, since time.Time, hint, format string, args ...any) {
		if since.IsZero() || since.After(now) {
			since = now
		}
		out = append(out, Alert{ConnectionID: h.ConnectionID, ConnectionName: h.Name, Condition: condition, Since: since, Message: fmt.Sprintf(format, args...), Hint: hint})
	}
	if h.Halted != nil {
		add(Halted, h.Halted.Since, h.Halted.Hint, "provisioning to %s has stopped: %s", h.Name, h.Halted.Message)
	}
	if h.Quarantined != nil && h.Halted == nil {
		add(Quarantined, h.Quarantined.Since, h.Quarantined.Hint, "%s does not answer as it should: %s", h.Name, h.Quarantined.Message)
	}
	if h.Held > 0 {
		add(Held, h.HeldSince, "approve or reject them in the console", "%s for %s: %s", held(h.Held), h.Name, h.HeldWhy)
	}
	if h.Failed >= int64(max(1, t.FailedCount)) && h.Failed*100 > int64(t.FailedPercent)*max(h.Impacted, 1) {
		add(Failing, time.Time{}, "the rule lists the causes with the next step", "%d of %d could not be written to %s", h.Failed, max(h.Impacted, h.Failed), h.Name)
	}
	if at := h.CredentialsExpireAt; !at.IsZero() && at.Sub(now) < time.Duration(t.ExpiryDays)*24*time.Hour {
		when := "expire on " + at.UTC().Format("2 January 2006, 15:04 UTC")
		if !at.After(now) {
			when = "expired on " + at.UTC().Format("2 January 2006, 15:04 UTC")
		}
		add(Expiring, time.Time{}, "authorise the connection again, or enter a new token", "the credentials of %s %s", h.Name, when)
	}
	last := h.LastSyncAt
	if last.IsZero() {
		last = h.PublishedAt
	}
	if limit := time.Duration(t.StaleHours) * time.Hour; limit > 0 && h.Halted == nil && !last.IsZero() && now.Sub(last) > limit {
		hint, state := "the connection's page and the server's log say more", ""
		if h.Paused {
			hint, state = "resume it in the console", "; it is paused"
		}
		add(Stale, last.Add(limit), hint, "nothing was written to %s, and no reconciliation ended well, for more than %d hours%s", h.Name, t.StaleHours, state)
	}
	return out
}

func held(n int64) string {
	if n == 1 {
		return "an operation waits for a decision"
	}
	return fmt.Sprintf("%d operations wait for a decision", n)
}
