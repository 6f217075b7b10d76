package engine

import (
	"context"
	"fmt"
	"time"

	"lockstep/connector"
	"lockstep/provision"
)

func unpaced(ctx context.Context, _ ...string) error { return ctx.Err() }

// The steps of a test that the engine knows more of than the target.
const (
	checkConfiguration = "Configuration"
	checkExpiry        = "Token expiry"
	checkBudget        = "Rate budget"
)

// Test tries a connection, saved or not, and writes nothing. What is wrong is in the checks.
func (e *Engine) Test(ctx context.Context, c provision.Connection) []provision.Check {
	kind, ok := e.types[c.Type]
	if !ok {
		return []provision.Check{{
			Name: checkConfiguration, Status: provision.CheckFailed, Message: "connections of this type cannot be tested", Hint: "choose one of the types that the catalogue lists",
		}}
	}
	if c.Readable() != nil {
		return []provision.Check{{Name: checkConfiguration, Status: provision.CheckFailed, Message: unreadable, Hint: unreadableHint}}
	}
	effective := provision.Effective(kind.Describe(), c)
	target, err := kind.Open(connector.Config{Connection: &effective, Client: e.client, Pace: unpaced})
	if err != nil {
		return []provision.Check{{Name: checkConfiguration, Status: provision.CheckFailed, Message: err.Error(), Hint: "correct the configuration"}}
	}
	checker, ok := target.(connector.Checker)
	if !ok {
		return []provision.Check{{Name: checkConfiguration, Status: provision.CheckOK, Message: "the configuration is complete"}}
	}
	out := checker.Check(ctx)
	if g := c.Grant; g != nil && (!g.ExpiresAt.IsZero() || g.Trouble != nil) {
		out = append(out, e.expiry(&c))
	}
	if c.ID != "" {
		out = append(out, e.budget(ctx, &c))
		for _, a := range kind.Describe().Attributes {
			if a.Lock != nil {
				out = append(out, e.locked(ctx, &c, &a))
			}
		}
	}
	return out
}

// expiry says whether the token is kept alive.
func (e *Engine) expiry(c *provision.Connection) provision.Check {
	g := c.Grant
	out := provision.Check{Name: checkExpiry, Status: provision.CheckOK}
	until := g.ExpiresAt.UTC().Format("2 January 15:04 UTC")
	over := !g.ExpiresAt.IsZero() && !e.now().Before(g.ExpiresAt)
	switch {
	case g.Trouble != nil:
		out.Status, out.Message, out.Hint = provision.CheckWarning, "the token works until "+until+", and was not refreshed: "+g.Trouble.Message, g.Trouble.Hint
		if over {
			out.Status, out.Message = provision.CheckFailed, "the token expired on "+until+", and was not refreshed: "+g.Trouble.Message
		}
		if !g.Trouble.NextAt.IsZero() {
			out.Hint = "it is tried again by itself; " + out.Hint
		}
	case c.Secrets[provision.KeyRefreshToken].IsZero():
		out.Status, out.Message, out.Hint = provision.CheckWarning, "the token works until "+until+", and there is nothing to refresh it with", "press Get token before then"
	case over:
		out.Status, out.Message, out.Hint = provision.CheckWarning, "the token expired on "+until+" while no server ran", "the server refreshes it within a minute; test again then"
	default:
		out.Message = fmt.Sprintf("the token works until %s, and is refreshed from %s on", until, g.RenewAt().UTC().Format("2 January 15:04 UTC"))
	}
	return out
}

// budget says how much of the target's limits is left, as far as this program has spent it.
func (e *Engine) budget(ctx context.Context, c *provision.Connection) provision.Check {
	s, err := e.ConnectionStatus(ctx, c.EnvironmentID, c.ID)
	if err != nil || len(s.Budgets) == 0 {
		return provision.Check{Name: checkBudget, Status: provision.CheckSkipped, Message: "not known: nothing was counted yet"}
	}
	if !s.NotBefore.IsZero() {
		return provision.Check{
			Name: checkBudget, Status: provision.CheckWarning, Message: fmt.Sprintf("the target wants to be left alone for %s more", s.NotBefore.Sub(e.now()).Round(time.Second)),
			Hint: "other apps share the target's limits: lower RATE_LIMIT_FACTOR if this comes often",
		}
	}
	least := s.Budgets[0]
	for _, b := range s.Budgets[1:] {
		if b.Burst > 0 && b.Available/b.Burst < least.Available/least.Burst {
			least = b
		}
	}
	if least.PerMinute == 0 {
		return provision.Check{Name: checkBudget, Status: provision.CheckOK, Message: "calls are not paced here; the target's own refusals are obeyed"}
	}
	return provision.Check{
		Name: checkBudget, Status: provision.CheckOK,
		Message: fmt.Sprintf("%.0f %% is left of the one that is spent most (%s: %.0f of %.0f at once)", 100*least.Available/least.Burst, least.Name, least.Available, least.Burst),
	}
}

const failuresLooked = 500

// locked says whether the target lets an attribute be changed that its own users may change. It is known by what was refused: nothing
// is written to find out.
func (e *Engine) locked(ctx context.Context, c *provision.Connection, a *provision.TargetAttribute) provision.Check {
	out := provision.Check{Name: a.Title + " changes", Status: provision.CheckSkipped}
	if !e.changes(ctx, c, a.Name) {
		out.Message = "none are made: it is sent when an account is created, and nothing can be refused later"
		return out
	}
	rows, err := e.store.AccountPage(ctx, provision.AccountQuery{EnvironmentID: c.EnvironmentID, ConnectionID: c.ID, Status: provision.StatusFailed, Limit: failuresLooked})
	if err != nil {
		out.Message = "not known: the link table could not be read"
		return out
	}
	refused := 0
	for i := range rows {
		if f := rows[i].Fault; f != nil && f.Code == a.Lock.Code {
			refused++
		}
	}
	if refused == 0 {
		out.Status, out.Message = provision.CheckOK, "a rule makes them, and none was refused"
		return out
	}
	out.Status, out.Message, out.Hint = provision.CheckWarning, fmt.Sprintf("the target refused them for %d people: its users may change theirs", refused), a.Lock.Hint
	return out
}

// changes reports whether a published rule writes an attribute on update as well.
func (e *Engine) changes(ctx context.Context, c *provision.Connection, attribute string) bool {
	revision, err := e.store.LatestRevision(ctx, c.EnvironmentID)
	if err != nil {
		return false
	}
	for _, rule := range revision.Snapshot.RulesFor(c.ID) {
		for _, m := range revision.Snapshot.MappingsFor(rule.ID) {
			if rule.Active && m.TargetAttribute == attribute && !m.CreateOnly {
				return true
			}
		}
	}
	return false
}
