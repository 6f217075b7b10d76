package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"lockstep/connector"
	"lockstep/directory"
	"lockstep/provision"
)

// refresh takes over what is published and whether the connection is paused. It reports whether it may run.
func (r *runner) refresh(ctx context.Context) (bool, error) {
	r.mu.Lock()
	asked, trips := r.pauses, r.trips
	r.mu.Unlock()
	stored, err := r.engine.store.Runner(ctx, r.envID, r.connectionID)
	if err != nil {
		return false, fmt.Errorf("read the runner's state: %w", err)
	}
	r.mu.Lock()
	if r.pauses != asked {
		stored.Paused = r.paused // answered since it was read
	}
	changed := r.paused != stored.Paused
	r.mu.Unlock()
	if changed {
		r.pause(stored.Paused) // asked for in another process
	}
	r.state.Paused, r.state.Resync = stored.Paused, stored.Resync
	r.takeTrip(stored.Trip, trips)
	revision, err := r.engine.store.LatestRevision(ctx, r.envID)
	if notFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read the newest revision: %w", err)
	}
	c, ok := revision.Snapshot.Connection(r.connectionID)
	if !ok {
		return false, nil
	}
	current, err := r.engine.store.Connection(ctx, r.envID, r.connectionID)
	if notFound(err) {
		return false, nil
	}
	if err == nil {
		err = current.Readable()
	}
	if err != nil {
		return false, fmt.Errorf("read the connection: %w", err)
	}
	c.Secrets, c.Grant = current.Secrets, current.Grant
	if err := r.open(ctx, revision, c); err != nil {
		return false, err
	}
	_, runs := r.line.runs()
	return runs && !r.state.Paused, nil
}

// open compiles the connection again when its revision or its secrets are new, and lets the revision take effect.
func (r *runner) open(ctx context.Context, revision provision.Revision, c provision.Connection) error {
	digest := fingerprint(c)
	r.mu.Lock()
	stale := r.stale
	r.stale = false
	r.mu.Unlock()
	if r.line != nil && r.state.RevisionID == revision.ID && r.secretsSeen == digest && !stale {
		return nil
	}
	r.endListing() // it reads with the old line
	r.endReading()
	if r.line != nil {
		r.pacer.flush() // whoever waits for the budget decides anew: a rule that is switched off ends between two calls
		r.wait()        // visits under way decide by the old line
	}
	kind, ok := r.engine.types[c.Type]
	if !ok {
		return fmt.Errorf("connection %q has the type %s, which this version of Lockstep does not know", c.Name, c.Type)
	}
	left := left{levels: r.state.Budgets, at: r.state.BudgetsAt, notBefore: r.state.NotBefore}
	switch {
	case r.pacer != nil:
		left = r.pacer.left()
	case r.died:
		left.levels, left.at = spent(kind.Budgets()), r.engine.now() // the shares of a scan start full: it waits for the whole as well
	}
	factor := provision.Effective(kind.Describe(), c)
	budgets := withShares(kind.Budgets(), provision.DriftSettingsOf(&factor).ReadShare)
	pacer := newPacer(budgets, factor.Number(provision.KeyRateLimitFactor, 1), left, r.engine.now)
	line, err := r.engine.compile(ctx, r.envID, &revision.Snapshot, c, r.term.guard(pacer.pace))
	if err != nil {
		return err
	}
	line.published = revision.CreatedAt
	if err := r.countHurt(ctx, pacer); err != nil {
		return err
	}
	reconnected := r.secretsSeen != "" && r.secretsSeen != digest
	r.mu.Lock()
	r.pacer = pacer
	r.mu.Unlock()
	r.line, r.secretsSeen = line, digest
	r.gate.known.Store(false) // the limits may be others
	if reconnected {
		r.mu.Lock()
		if h := r.state.Halt; h == nil || h.Fault.RetryAfter == 0 {
			r.halted, r.state.Halt = nil, nil // new credentials: try at once, unless the target wants to be left alone
		}
		r.mu.Unlock()
	}
	if r.state.RevisionID == revision.ID {
		return nil
	}
	return r.publish(ctx, revision)
}

// publish lets a new revision take effect: deleted rules first, then everybody is evaluated against it. Rules that were deleted by
// revisions in between are dealt with as well: several may have been published since the last one took effect.
func (r *runner) publish(ctx context.Context, revision provision.Revision) error {
	origin, err := r.source(ctx, directory.ActivityQuery{Kind: directory.KindRevision, ObjectID: revision.ID})
	if err != nil {
		return fmt.Errorf("read who published: %w", err)
	}
	ctx = directory.WithCause(ctx, origin)
	deleted, err := r.engine.store.DeletedSince(ctx, r.envID, r.state.RevisionID)
	if err != nil {
		return fmt.Errorf("read what was deleted: %w", err)
	}
	for _, rule := range deleted {
		if rule.TargetID != r.connectionID {
			continue
		}
		if rule.DeprovisionOnDelete {
			if err := r.reconsiderRule(ctx, rule); err != nil {
				return fmt.Errorf("mark the accounts of a deleted rule: %w", err)
			}
			continue
		}
		if err := r.handOver(ctx, rule); err != nil {
			return fmt.Errorf("hand over the accounts of a deleted rule: %w", err)
		}
		if _, err := r.engine.store.Release(ctx, r.connectionID, rule.ID); err != nil {
			return fmt.Errorf("release the accounts of a deleted rule: %w", err)
		}
	}
	first := r.state.RevisionID == ""
	if first && r.state.Cursor == 0 {
		// Everybody is about to be evaluated: what the feed says until here would only have it done twice.
		head, err := r.engine.store.FeedHead(ctx, r.envID)
		if err != nil {
			return fmt.Errorf("read the feed: %w", err)
		}
		r.state.Cursor = head
	}
	r.state.RevisionID = revision.ID
	if _, runs := r.line.runs(); runs && r.line.rules.Any() {
		r.begin(fmt.Sprintf("revision %d was published", revision.Number), first || r.state.LastSyncAt.IsZero())
		r.state.Sweep.Origin = origin
	}
	return r.keepState(ctx)
}

// reconsiderRule evaluates everybody whom a deleted rule had provisioned: all of them, before the guard counts who loses access.
func (r *runner) reconsiderRule(ctx context.Context, rule provision.Rule) error {
	cause := fmt.Sprintf("rule %q was deleted, with deprovisioning", rule.Name)
	if err := r.reconsiderPeople(ctx, rule.ID, provision.PriorityDeprovision, cause); err != nil {
		return err
	}
	return r.reconsiderGroups(ctx, rule.ID, cause)
}

// handOver gives people and groups of a deleted rule to the rules that cover them from now on: those are not released, not for a moment in
// which their groups would lose them either, and whom we made stays ours.
func (r *runner) handOver(ctx context.Context, rule provision.Rule) error {
	if err := r.reconsiderPeople(ctx, rule.ID, provision.PriorityBackfill, fmt.Sprintf("rule %q was deleted", rule.Name)); err != nil {
		return err
	}
	ids, err := r.groupsOfRule(ctx, rule.ID)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(ids, sweepBatch) {
		items, err := r.line.evaluateGroups(ctx, r.engine.store, r.envID, part)
		if err != nil {
			return err
		}
		var save []*provision.Account
		for _, it := range items {
			if it.want.InScope {
				it.describe(r.engine.now())
				save = append(save, it.row)
			}
		}
		if err := r.engine.store.Record(ctx, save, nil, nil); err != nil {
			return fmt.Errorf("keep which rule carries a group: %w", err)
		}
	}
	return nil
}

func (r *runner) reconsiderPeople(ctx context.Context, ruleID string, p provision.Priority, cause string) error {
	q := provision.AccountQuery{EnvironmentID: r.envID, ConnectionID: r.connectionID, RuleID: ruleID, Kind: directory.KindUser, Limit: sweepBatch}
	for {
		rows, err := r.engine.store.AccountPage(ctx, q)
		if err != nil {
			return err
		}
		ids := make([]string, 0, len(rows))
		for i := range rows {
			if rows[i].ObjectID != "" {
				ids = append(ids, rows[i].ObjectID)
			}
		}
		if err := r.reconsider(ctx, ids, p, cause); err != nil {
			return err
		}
		if len(rows) < q.Limit {
			return nil
		}
		q.After = rows[len(rows)-1].ID
	}
}

// reconsiderGroups looks again at the groups that a deleted rule had carried: no reconciliation does when it was the last rule.
func (r *runner) reconsiderGroups(ctx context.Context, ruleID, cause string) error {
	ids, err := r.groupsOfRule(ctx, ruleID)
	if err != nil {
		return err
	}
	return r.remark(ctx, ids, r.engine.now(), provision.PriorityBackfill, cause)
}

func (r *runner) groupsOfRule(ctx context.Context, ruleID string) ([]string, error) {
	rows, err := r.groupRows(ctx)
	if err != nil {
		return nil, err
	}
	var ids []string
	for i := range rows {
		if rows[i].RuleID == ruleID && rows[i].ObjectID != "" {
			ids = append(ids, rows[i].ObjectID)
		}
	}
	return ids, nil
}

// healthy makes sure that the connection works before anything is written: a configuration that was not tested is tested,
// a halted one is probed when its time has come.
func (r *runner) healthy(ctx context.Context) (bool, error) {
	r.mu.Lock()
	halt := r.state.Halt
	fresh := r.halted != nil && halt == nil
	if fresh {
		halt = &provision.Halt{Fault: r.halted, Since: r.engine.now(), ProbeAt: r.engine.now().Add(probeFirst), Attempts: 1}
		r.state.Halt = halt
	}
	r.mu.Unlock()
	if fresh {
		r.engine.forgetCheck(r.connectionID) // it locks the engine, which must not wait for a runner
	}
	if halt == nil && r.engine.passed(r.connectionID, r.secretsSeen) {
		return true, nil
	}
	if fresh {
		if err := r.keepState(ctx); err != nil { // the status says so at once
			return false, err
		}
	}
	if halt != nil && r.engine.now().Before(halt.ProbeAt) {
		r.report(ctx)
		return false, nil
	}
	r.wait()
	var fault *provision.Fault
	if checker, ok := r.line.target.(connector.Checker); ok {
		fault = checksFault(checker.Check(withPriority(ctx, provision.PriorityDeprovision)))
	}
	if err := errors.Join(ctx.Err(), r.term.over()); err != nil {
		return false, err // the test was interrupted, which says nothing about the connection
	}
	r.mu.Lock()
	paused := r.paused
	r.mu.Unlock()
	if paused {
		return false, nil // the test was interrupted, and says nothing
	}
	if fault != nil {
		return false, r.stayHalted(ctx, halt, fault)
	}
	r.mu.Lock()
	r.halted, r.state.Halt = nil, nil
	r.mu.Unlock()
	r.engine.pass(r.connectionID, r.secretsSeen)
	if halt != nil {
		r.note(actionResumed, true, "the connection works again; provisioning goes on")
	}
	return true, r.keepState(ctx)
}

func (r *runner) stayHalted(ctx context.Context, before *provision.Halt, fault *provision.Fault) error {
	now := r.engine.now()
	halt := &provision.Halt{Fault: fault, Since: now, Attempts: 1}
	if before != nil {
		halt.Since, halt.Attempts = before.Since, before.Attempts+1
	}
	halt.ProbeAt = now.Add(max(fault.RetryAfter, r.engine.backoff(halt.Attempts, probeFirst, probeLast)))
	r.mu.Lock()
	r.halted, r.state.Halt = fault, halt
	r.mu.Unlock()
	if before == nil || before.Fault.Message != fault.Message {
		r.note(actionHalted, false, "provisioning is halted: "+fault.Error())
	}
	return r.keepState(ctx)
}

// halt stops the connection: with the calls in flight nothing more is sent.
func (r *runner) halt(fault *provision.Fault) {
	r.mu.Lock()
	first := r.halted == nil
	if first {
		r.halted = fault
	}
	pacer := r.pacer
	r.mu.Unlock()
	if first {
		pacer.flush()
		r.note(actionHalted, false, "provisioning is halted: "+fault.Error())
	}
	r.poke()
}

func (e *Engine) passed(connectionID, digest string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.checked[connectionID] == digest
}

func (e *Engine) pass(connectionID, digest string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.checked[connectionID] = digest
}

func (e *Engine) forgetCheck(connectionID string) { e.pass(connectionID, "") }

// fingerprint changes when the configuration or a secret does. It tells nothing about the secret. Which workspace the token is good for
// follows from the token: to learn it, while the target is being listed, must not begin everything anew.
func fingerprint(c provision.Connection) string {
	h := sha256.New()
	raw, _ := json.Marshal(c.Settings) // maps of plain values always marshal
	h.Write(raw)
	if g := c.Grant; g != nil { // where the token may be sent
		_, _ = fmt.Fprintf(h, "\x00%s", g.Origin)
	}
	for _, key := range sortedKeys(c.Secrets) {
		_, _ = fmt.Fprintf(h, "\x00%s\x00%s", key, c.Secrets[key].Reveal())
	}
	return hex.EncodeToString(h.Sum(nil))
}
