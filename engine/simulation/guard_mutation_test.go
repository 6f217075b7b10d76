package simulation

import (
	"context"
	"testing"
	"time"

	"lockstep/directory"
	"lockstep/engine"
	"lockstep/provision"
)

// blind spoils what the guard sees and does.
type blind struct {
	engine.Store
	counts  func(*provision.GateCounts)
	access  int64
	stuck   bool // nobody passes
	through bool // what is to be held passes
	decide  func(*provision.HoldDecision)
	read    func(*provision.Account)
	record  func(*provision.Account)
}

func (b *blind) GateCounts(ctx context.Context, id string, since time.Time) (provision.GateCounts, error) {
	c, err := b.Store.GateCounts(ctx, id, since)
	if b.counts != nil {
		b.counts(&c)
	}
	return c, err
}

func (b *blind) CountAccess(ctx context.Context, id string, since time.Time) (int64, error) {
	n, err := b.Store.CountAccess(ctx, id, since)
	return n + b.access, err
}

func (b *blind) PassWaiting(ctx context.Context, id string, held bool, most int64, at time.Time) (int64, error) {
	if b.stuck {
		return 0, nil
	}
	return b.Store.PassWaiting(ctx, id, held, most, at)
}

func (b *blind) HoldWaiting(ctx context.Context, h provision.DeprovisionHold, lines ...directory.Activity) (int64, error) {
	if b.through {
		return b.Store.PassWaiting(ctx, h.ConnectionID, false, 1000, time.Now())
	}
	return b.Store.HoldWaiting(ctx, h, lines...)
}

func (b *blind) DecideHold(ctx context.Context, envID string, d provision.HoldDecision) (provision.DeprovisionHold, int64, error) {
	if b.decide != nil {
		b.decide(&d)
	}
	return b.Store.DecideHold(ctx, envID, d)
}

func (b *blind) AccountsByObject(ctx context.Context, id string, kind directory.Kind, ids []string) ([]provision.Account, error) {
	rows, err := b.Store.AccountsByObject(ctx, id, kind, ids)
	for i := range rows {
		if b.read != nil {
			b.read(&rows[i])
		}
	}
	return rows, err
}

func (b *blind) Record(ctx context.Context, save []*provision.Account, remove []string, lines []directory.Activity) error {
	for _, a := range save {
		if b.record != nil {
			b.record(a)
		}
	}
	return b.Store.Record(ctx, save, remove, lines)
}

func blinded(b blind) func(engine.Store) engine.Store {
	return func(s engine.Store) engine.Store {
		own := b
		own.Store = s
		return &own
	}
}

// guardMutants are engines whose guard is broken on purpose.
var guardMutants = []mutant{
	{name: "what is done is not counted", breaks: "the guard weighs only who waits now", store: blinded(blind{counts: func(c *provision.GateCounts) { c.Done = 0 }})},
	{name: "a lost answer is not counted", breaks: "what was done without an answer does not count", store: blinded(blind{record: func(a *provision.Account) {
		if a.Cause == "" { // a visit that found it done
			a.DeprovisionedAt = time.Time{}
		}
	}})},
	{name: "closed accounts count as access", breaks: "the share is of everybody who ever had an account", store: blinded(blind{access: 1000})},
	{name: "what is to be held passes", breaks: "the hold is not made", store: blinded(blind{through: true})},
	{name: "a visit does not ask the gate", breaks: "what waits or is held is done when the row is visited", store: blinded(blind{read: func(a *provision.Account) {
		if a.Gate.State != provision.GateNone {
			a.Gate.State = provision.GatePassed
		}
	}})},
	{name: "nobody passes", breaks: "what is below the limits waits for ever", store: blinded(blind{stuck: true})},
	{name: "silence approves", breaks: "what nobody decided is done when the time is over", store: blinded(blind{decide: func(d *provision.HoldDecision) {
		if d.Status == provision.HoldExpired {
			d.Status = provision.HoldApproved
		}
	}})},
	{name: "rejected is done", breaks: "a rejection is taken for an approval", store: blinded(blind{read: func(a *provision.Account) {
		if a.Gate.State == provision.GateRejected {
			a.Gate.State = provision.GateApproved
		}
	}})},
	{name: "approved is not done", breaks: "an approval is taken for a rejection", store: blinded(blind{read: func(a *provision.Account) {
		if a.Gate.State == provision.GateApproved {
			a.Gate.State = provision.GateRejected
		}
	}})},
	{name: "an approval is for any reason", seed: 756, breaks: "who was approved for one reason is closed for another", store: blinded(blind{read: func(a *provision.Account) {
		if a.Gate.State == provision.GateApproved {
			a.Gate.State = provision.GatePassed
		}
	}})},
	{name: "a hold without an end", breaks: "what is held never expires", store: blinded(blind{decide: func(d *provision.HoldDecision) {
		if d.Status == provision.HoldExpired {
			d.Objects = []string{"nobody"}
		}
	}})},
}

// TestGuardMutations: the simulation catches every mutant of the guard, which is on in every second world.
func TestGuardMutations(t *testing.T) {
	caught(t, guardMutants, guardMutationSeeds, func(seed uint64) schedule { return generate(2 * seed) })
}

// guardedDay is a story with a hold in it: half of the people leave, some are approved, some rejected, and the rest expires.
func guardedDay(seed uint64) schedule {
	s := day(seed)
	s.Seed, s.People, s.Guard = seed, 6, guardKind{Share: 30, Count: 1, End: "nothing"}
	soon := 150 * time.Millisecond
	s.Events = []event{
		{Gap: soon, Do: create, Who: 7, Text: "Sales"}, {Gap: time.Second, Do: exodus, Who: 0, N: 1, Text: "disabled"}, {Gap: 2 * time.Second, Do: exodus, Who: 1, N: 4, Text: "title"},
		{Gap: 2 * time.Second, Do: approve, N: 1}, {Gap: soon, Do: reject, N: 1}, {Gap: soon, Do: rename, Who: 6}, {Gap: soon, Do: homecoming, Who: 3, N: 1},
	}
	return s
}

// TestGuardCrashEverywhere lets the process die at every store write and at every call of a story with a hold.
func TestGuardCrashEverywhere(t *testing.T) {
	crashEverywhere(t, guardedDay, 12)
}
