package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/provision"
)

// previewsAtOnce bounds how many previews are made at a time: each keeps a processor busy.
var previewsAtOnce = max(1, runtime.GOMAXPROCS(0))

// foresight is a preview in the making: the first half of Sync for everybody, with nothing written.
type foresight struct {
	engine *Engine
	line   *line
	query  provision.PreviewQuery
	envID  string
	match  *matcher
	yield  func(provision.Foreseen) error

	out    provision.Preview
	stands map[string]stand // people who will stand otherwise than their rows say, for groups
	woken  map[string]bool  // accounts that become active again: in which groups they are is not known then
	// Of all the connection's people, whichever rule is previewed: who is to lose access and was not weighed yet, and who is to be
	// linked to an account that is open. The guard counts them together.
	takes, opened int64
	barred        int64 // of what is shown
}

// Preview answers what a rule, draft or published, would do with the next revision if it were active, for everybody or for one
// user: exactly the first half of Sync. Nothing is written anywhere, and nothing is kept. yield gets each operation, withheld ones
// too: people first, in the order of their ids.
func (e *Engine) Preview(
	ctx context.Context, envID, ruleID, userID string, yield func(provision.Operation) error,
) (provision.Summary, error) {
	q := provision.PreviewQuery{RuleID: ruleID, UserID: userID}
	out, err := e.PreviewOnce(ctx, envID, q, func(f provision.Foreseen) error {
		if !f.Group.IsOperation() {
			return nil
		}
		return yield(f.Operation)
	})
	return out.Summary, err
}

// PreviewOnce makes a preview that is not kept. yield gets all that it foresees.
func (e *Engine) PreviewOnce(
	ctx context.Context, envID string, q provision.PreviewQuery, yield func(provision.Foreseen) error,
) (provision.Preview, error) {
	return e.foresee(ctx, envID, q, func(f *foresight) error {
		f.yield = yield
		return f.run(ctx)
	})
}

// foresee prepares a preview when its turn has come, and makes it.
func (e *Engine) foresee(ctx context.Context, envID string, q provision.PreviewQuery, run func(*foresight) error) (provision.Preview, error) {
	select {
	case e.previews <- struct{}{}:
		defer func() { <-e.previews }()
	case <-ctx.Done():
		return provision.Preview{}, ctx.Err()
	}
	f, err := e.prepare(ctx, envID, q)
	if err != nil {
		return provision.Preview{}, err
	}
	if err := run(f); err != nil {
		return f.out, movedOr(err)
	}
	return f.out, nil
}

// prepare reads what the preview is made from, in an order that lets nothing slip: what is written down first may be older than
// what is evaluated afterwards, and then the preview is said to be outdated, never the other way round.
func (e *Engine) prepare(ctx context.Context, envID string, q provision.PreviewQuery) (*foresight, error) {
	drafts, latest, err := e.draftedNow(ctx, envID)
	if err != nil {
		return nil, err
	}
	c, err := subject(&drafts, &q)
	if err != nil {
		return nil, err
	}
	f := &foresight{
		engine: e, query: q, envID: envID, stands: map[string]stand{}, woken: map[string]bool{},
		out: provision.Preview{
			EnvironmentID: envID, ConnectionID: c.ID, RuleID: q.RuleID, Overwrite: q.Overwrite, CreatedAt: e.now(), ExpiresAt: e.now().Add(provision.PreviewFor),
			Inputs: provision.Inputs{Drafts: drafts.Digests(c.ID, q.RuleID), RevisionID: latest.ID},
		},
	}
	f.out.Drafted, f.out.Others = drafts.Unpublished(&latest, c.ID, q.RuleID)
	if q.UserID == "" {
		if f.out.Inputs.Feed, err = e.store.FeedHead(ctx, envID); err != nil {
			return nil, fmt.Errorf("read the feed: %w", err)
		}
		if f.out.Inputs.Known, err = e.store.KnownDigest(ctx, c.ID); err != nil {
			return nil, fmt.Errorf("read what is known of the target: %w", err)
		}
	}
	snapshot := drafts.Snapshot(&latest)
	activate(&snapshot, c.ID, q.RuleID)
	if f.line, err = e.compile(ctx, envID, &snapshot, c, e.previewPace(envID, c)); err != nil {
		return nil, err
	}
	for _, r := range snapshot.RulesFor(c.ID) {
		if !f.shows(r.ID) || !r.Active {
			continue
		}
		if err := errors.Join(f.line.rules.Broken(r.ID), f.line.broken[r.ID]); err != nil {
			return nil, problem.New(problem.InvalidData, "rule %q cannot be read: %v", r.Name, err)
		}
	}
	f.match, err = newMatcher(ctx, f)
	return f, err
}

func (e *Engine) draftedNow(ctx context.Context, envID string) (provision.Drafts, provision.Revision, error) {
	latest, err := e.store.LatestRevision(ctx, envID)
	if err != nil && !notFound(err) {
		return provision.Drafts{}, latest, fmt.Errorf("read the newest revision: %w", err)
	}
	drafts, err := e.store.Drafts(ctx, envID)
	if err != nil {
		return drafts, latest, fmt.Errorf("read what is drafted: %w", err)
	}
	return drafts, latest, nil
}

// subject answers the connection that is previewed.
func subject(d *provision.Drafts, q *provision.PreviewQuery) (provision.Connection, error) {
	if q.RuleID != "" {
		i := slices.IndexFunc(d.Rules, func(r provision.Rule) bool { return r.ID == q.RuleID && r.DeletedAt.IsZero() })
		if i < 0 {
			return provision.Connection{}, problem.Missing("rule")
		}
		q.ConnectionID = d.Rules[i].TargetID
	}
	i := slices.IndexFunc(d.Connections, func(c provision.Connection) bool { return c.ID == q.ConnectionID })
	if i < 0 {
		return provision.Connection{}, problem.Missing("store")
	}
	return d.Connections[i], nil
}

// activate takes the rule for active; of a connection whose rules are all switched off, all of them.
func activate(s *provision.Snapshot, connectionID, ruleID string) {
	any := ruleID != "" || slices.ContainsFunc(s.Rules, func(r provision.Rule) bool { return r.TargetID == connectionID && r.Active })
	for i := range s.Rules {
		if r := &s.Rules[i]; r.ID == ruleID || !any && r.TargetID == connectionID {
			r.Active = true
		}
	}
}

// shows reports whether what the rule decides is part of the preview.
func (f *foresight) shows(ruleIDs ...string) bool {
	return f.query.RuleID == "" || slices.Contains(ruleIDs, f.query.RuleID)
}

func (f *foresight) run(ctx context.Context) error {
	if f.query.UserID != "" {
		user, err := f.engine.store.User(ctx, f.envID, f.query.UserID)
		if err != nil {
			return err
		}
		return f.people(ctx, []directory.User{user})
	}
	read := func(ctx context.Context, page func([]directory.User) error) error {
		return f.engine.eachUser(ctx, f.envID, page)
	}
	if err := ahead(ctx, read, func(users []directory.User) error { return f.people(ctx, users) }); err != nil {
		return err
	}
	if err := f.deleted(ctx); err != nil {
		return err
	}
	if err := f.guard(ctx); err != nil { // who keeps access keeps their groups
		return err
	}
	if err := f.groups(ctx); err != nil {
		return err
	}
	return f.foreign(ctx)
}

// stand is how a person will stand, as far as groups are concerned.
type stand struct {
	remoteID string // "" = they have no account
	none     bool   // and get none
	asleep   bool   // the account will not be active
	barred   bool   // unless the guard holds that
	prior    bool   // they stand as their row says, whatever the rules say now
}

// place notes how a person will stand when all that is planned for them is done.
func (f *foresight) place(it *item, barred, failed bool) {
	id, row := it.want.Ref.ID, it.row
	s := stand{remoteID: row.RemoteID, barred: barred, prior: it.want.Leave || row.Gate.State == provision.GateRejected}
	if !row.Linked() {
		if s.remoteID, s.none = "", failed || !it.want.Active; s.none {
			f.stands[id] = s
		}
		return
	}
	before := row.Remote != nil && row.Remote.Active
	after := before
	for i := range it.outcome.Operations {
		switch op := &it.outcome.Operations[i]; {
		case op.Withheld != "":
		case op.Verb == provision.VerbEnable:
			after = true
		case op.Verb == provision.VerbDisable:
			after = false
		}
	}
	s.asleep = !after
	if after && !before && it.stored.RemoteID == row.RemoteID {
		f.woken[row.RemoteID] = true
	}
	if s.prior || barred || after != before || it.stored.RemoteID != row.RemoteID {
		f.stands[id] = s
	}
}

// people evaluates a batch, by as many as there are processors, and shows it in its order.
func (f *foresight) people(ctx context.Context, users []directory.User) error {
	byID := make(map[string]*directory.User, len(users))
	ids := make([]string, 0, len(users))
	for i := range users {
		byID[users[i].ID] = &users[i]
		ids = append(ids, users[i].ID)
	}
	parts := slices.Collect(slices.Chunk(ids, max(1, (len(ids)+walkers-1)/walkers)))
	evaluated := make([][]*item, len(parts))
	group, groupCtx := errgroup.WithContext(ctx)
	for i, part := range parts {
		group.Go(func() error {
			var err error
			evaluated[i], err = f.line.evaluateUsers(groupCtx, f.engine.store, f.envID, part, byID)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return f.show(ctx, slices.Concat(evaluated...))
}

// deleted looks at rows whose user is gone.
func (f *foresight) deleted(ctx context.Context) error {
	after := ""
	for {
		rows, err := f.engine.store.Orphans(ctx, f.line.connection.ID, after, sweepBatch)
		if err != nil {
			return fmt.Errorf("read rows of deleted users: %w", err)
		}
		if len(rows) == 0 {
			return nil
		}
		ids := make([]string, len(rows))
		for i := range rows {
			ids[i] = rows[i].ObjectID
		}
		drifts, err := f.line.drifts(ctx, f.engine.store, directory.KindUser, ids)
		if err != nil {
			return err
		}
		items, err := f.line.planned(ctx, f.engine.store, f.envID, f.line.items(f.envID, ids, nil, rows, drifts))
		if err != nil {
			return err
		}
		if err := f.show(ctx, items); err != nil {
			return err
		}
		after = rows[len(rows)-1].ObjectID
	}
}

// show matches people with accounts that are there, and shows what is planned for each.
func (f *foresight) show(ctx context.Context, items []*item) error {
	items = slices.DeleteFunc(items, func(it *item) bool { return !it.concerns() })
	verdicts, err := f.match.batch(ctx, items)
	if err != nil {
		return err
	}
	for _, it := range items {
		if err := f.person(it, verdicts[it]); err != nil {
			return err
		}
	}
	return nil
}

func (f *foresight) person(it *item, v verdict) error {
	if v.account != nil {
		it.row.RemoteID, it.row.Remote, it.row.Ownership, it.row.Phase = v.account.ID, v.account, provision.Adopted, provision.PhaseNone
		it.plan(f.line.policy)
		if v.account.Active {
			f.opened++
		}
	}
	_, barred := it.barred(f.line)
	if barred && it.row.Gate.State == provision.GateNone {
		f.takes++
	}
	failed := it.outcome.Status == provision.StatusFailed || v.problem != ""
	f.place(it, barred, failed)
	if !f.shows(it.want.RuleID, it.row.RuleID) {
		return nil
	}
	who := provision.Operation{
		Kind: it.want.Ref.Kind, Object: provision.Object{ID: it.want.Ref.ID, Name: it.want.Name}, RemoteID: it.row.RemoteID, Why: it.want.Why,
	}
	switch {
	case v.problem != "":
		who.Why = v.problem
		f.out.Summary.Ambiguous++
		return f.yield(provision.Foreseen{Group: provision.ForeseenAmbiguous, Operation: who, Candidates: v.candidates})
	case v.account != nil:
		link := who
		link.Why = v.why
		f.out.Summary.Link++
		if err := f.yield(provision.Foreseen{Group: provision.ForeseenLink, Operation: link, Candidates: v.candidates}); err != nil {
			return err
		}
	}
	if failed {
		who.Why = it.outcome.Detail
		f.out.Summary.Failed++
		if err := f.yield(provision.Foreseen{Group: provision.ForeseenFailed, Operation: who}); err != nil {
			return err
		}
	}
	return f.operations(it.outcome.Operations, barred, failed || v.account != nil)
}

// operations shows what is planned for one object. counted says that it is counted otherwise when there is nothing to do.
func (f *foresight) operations(operations []provision.Operation, barred, counted bool) error {
	if len(operations) == 0 && !counted {
		f.out.Summary.Unchanged++
	}
	for i := range operations {
		op := operations[i]
		f.out.Summary.Count(op)
		held := barred && op.Withheld == "" && op.TakesAccess()
		if held {
			f.barred++
		}
		if err := f.yield(provision.Foreseen{Group: provision.GroupOf(&op), Operation: op, Barred: held}); err != nil {
			return err
		}
	}
	return nil
}

// movedOr says what a caller can do about attributes that changed while they waited.
func movedOr(err error) error {
	if errors.Is(err, errStale) {
		return problem.New(problem.Conflict, "the attributes of users were edited at this moment; try again")
	}
	return err
}

func (e *Engine) eachUser(ctx context.Context, envID string, visit func([]directory.User) error) error {
	q := directory.UserQuery{Limit: sweepBatch}
	for {
		users, err := e.store.Users(ctx, envID, q)
		if err != nil {
			return fmt.Errorf("read users: %w", err)
		}
		if err := visit(users); err != nil {
			return err
		}
		if len(users) < q.Limit {
			return nil
		}
		q.After = users[len(users)-1].ID
	}
}
