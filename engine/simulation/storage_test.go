package simulation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"lockstep/directory"
	"lockstep/engine"
	"lockstep/provision"
	"lockstep/store"
)

var (
	errDead  = errors.New("simulated: the process is dead")
	errStore = errors.New("simulated: the database does not answer")
)

// storage is the real store as one process sees it: it takes time, it fails, and the process may die at any write. Every method
// of engine.Store is written out, so that a new one must say whether it is a write.
type storage struct {
	db   *store.DB
	w    *world
	life *life
}

var _ engine.Store = (*storage)(nil)

type doorKey struct{}

// atDoor marks calls of an administrator, which never fail here: an edit that fails was not acknowledged.
func atDoor(ctx context.Context) context.Context { return context.WithValue(ctx, doorKey{}, true) }

func (s *storage) reading(ctx context.Context) error {
	if ctx.Value(doorKey{}) != nil {
		return nil
	}
	s.w.turn("store")
	if s.life.isDead() {
		return errDead
	}
	if s.w.takeBreak("read") {
		s.w.trace("store: a read fails")
		return errStore
	}
	return nil
}

// writing runs a write of a kind of rows. key names what is written, so that its time depends on nothing else.
func (s *storage) writing(ctx context.Context, kind, key string, write func() error) error {
	if ctx.Value(doorKey{}) != nil {
		defer s.w.forget("")
		return write()
	}
	s.w.turn("store")
	if s.life.isDead() {
		return errDead
	}
	s.life.pass(s.w.delay(100*time.Microsecond, 3*time.Millisecond, "write", key))
	if s.life.isDead() {
		return errDead
	}
	defer s.w.forget(kind)
	if s.w.takeBreak("write") || kind == "account" && s.w.takeBreak("record") {
		s.w.trace("store: %s fails", key)
		if s.w.hash("break", key)%2 == 0 {
			_ = write() // it was committed, and nobody was told
		}
		return errStore
	}
	switch s.life.countWrite() {
	case "before":
		s.w.trace("store: the process dies before %s", key)
		s.life.crash()
		return errDead
	case "after":
		_ = write()
		s.w.trace("store: the process dies after %s", key)
		s.life.crash()
		return errDead
	}
	return write()
}

// remembered answers a read that was made since the last write of its kind once more: an idle engine asks the same again and again, and a
// virtual hour has 3,600 seconds.
func remembered[T any](s *storage, key string, read func() (T, error)) (T, error) {
	known, ok, writes := s.w.recall(key)
	if ok {
		return known.(T), nil //nolint:forcetypeassert // kept under its own key
	}
	v, err := read()
	if err == nil {
		s.w.remember(key, v, writes)
	}
	return v, err
}

func (s *storage) Environments(ctx context.Context) ([]directory.Environment, error) {
	return s.db.Environments(ctx)
}

func (s *storage) CustomAttributes(ctx context.Context, envID string) ([]directory.Attribute, error) {
	if err := s.reading(ctx); err != nil {
		return nil, err
	}
	return remembered(s, "door attributes", func() ([]directory.Attribute, error) { return s.db.CustomAttributes(ctx, envID) })
}

func (s *storage) User(ctx context.Context, envID, id string) (directory.User, error) {
	return s.db.User(ctx, envID, id)
}

func (s *storage) UsersByID(ctx context.Context, envID string, ids []string) ([]directory.User, error) {
	if err := s.reading(ctx); err != nil {
		return nil, err
	}
	if s.w.takeBreak("users") {
		s.w.trace("store: users cannot be read")
		return nil, errStore
	}
	return s.db.UsersByID(ctx, envID, ids)
}

func (s *storage) Users(ctx context.Context, envID string, q directory.UserQuery) ([]directory.User, error) {
	if err := s.reading(ctx); err != nil {
		return nil, err
	}
	return s.db.Users(ctx, envID, q)
}

func (s *storage) CountUsers(ctx context.Context, envID string) (int64, error) {
	if err := s.reading(ctx); err != nil {
		return 0, err
	}
	return s.db.CountUsers(ctx, envID)
}

func (s *storage) DeletedSince(ctx context.Context, envID, revisionID string) ([]provision.Rule, error) {
	if err := s.reading(ctx); err != nil {
		return nil, err
	}
	return s.db.DeletedSince(ctx, envID, revisionID)
}

func (s *storage) LatestRevision(ctx context.Context, envID string) (provision.Revision, error) {
	if err := s.reading(ctx); err != nil {
		return provision.Revision{}, err
	}
	return remembered(s, "door revision", func() (provision.Revision, error) { return s.db.LatestRevision(ctx, envID) })
}

func (s *storage) Connection(ctx context.Context, envID, id string) (provision.Connection, error) {
	if err := s.reading(ctx); err != nil {
		return provision.Connection{}, err
	}
	return remembered(s, "door connection", func() (provision.Connection, error) { return s.db.Connection(ctx, envID, id) })
}

func (s *storage) Rule(ctx context.Context, envID, id string) (provision.Rule, error) {
	return s.db.Rule(ctx, envID, id)
}

func (s *storage) Rules(ctx context.Context, envID string) ([]provision.Rule, error) {
	return s.db.Rules(ctx, envID)
}

func (s *storage) Mappings(ctx context.Context, envID, ruleID string) ([]provision.Mapping, error) {
	return s.db.Mappings(ctx, envID, ruleID)
}

func (s *storage) Changes(ctx context.Context, envID string, after int64, limit int) ([]directory.Change, error) {
	if err := s.reading(ctx); err != nil {
		return nil, err
	}
	return remembered(s, fmt.Sprint("door changes", after), func() ([]directory.Change, error) { return s.db.Changes(ctx, envID, after, limit) })
}

func (s *storage) FeedHead(ctx context.Context, envID string) (int64, error) {
	return remembered(s, "door head", func() (int64, error) { return s.db.FeedHead(ctx, envID) })
}

func (s *storage) AccountsByObject(ctx context.Context, connectionID string, kind directory.Kind, ids []string) ([]provision.Account, error) {
	if err := s.reading(ctx); err != nil {
		return nil, err
	}
	return s.db.AccountsByObject(ctx, connectionID, kind, ids)
}

func (s *storage) AccountsByRemote(ctx context.Context, connectionID string, kind directory.Kind, ids []string) ([]provision.Account, error) {
	if err := s.reading(ctx); err != nil {
		return nil, err
	}
	return s.db.AccountsByRemote(ctx, connectionID, kind, ids)
}

func (s *storage) News(ctx context.Context, connectionID string, kind directory.Kind, listed []provision.Remote) ([]provision.News, error) {
	if err := s.reading(ctx); err != nil {
		return nil, err
	}
	return s.db.News(ctx, connectionID, kind, listed)
}

func (s *storage) CountRemote(ctx context.Context, connectionID string, kind directory.Kind) (int64, error) {
	if err := s.reading(ctx); err != nil {
		return 0, err
	}
	return s.db.CountRemote(ctx, connectionID, kind)
}

func (s *storage) Unlinked(ctx context.Context, connectionID string, kind directory.Kind, keys []string) ([]provision.Account, error) {
	if err := s.reading(ctx); err != nil {
		return nil, err
	}
	return s.db.Unlinked(ctx, connectionID, kind, keys)
}

func (s *storage) DueAccounts(ctx context.Context, connectionID string, now time.Time, except []string, limit int) ([]provision.Account, error) {
	next, err := s.NextDue(ctx, connectionID)
	if err != nil || next.IsZero() || next.After(now) {
		return nil, err
	}
	return s.db.DueAccounts(ctx, connectionID, now, except, limit)
}

func (s *storage) NextDue(ctx context.Context, connectionID string) (time.Time, error) {
	if err := s.reading(ctx); err != nil {
		return time.Time{}, err
	}
	return remembered(s, "account next", func() (time.Time, error) { return s.db.NextDue(ctx, connectionID) })
}

func (s *storage) AccountPage(ctx context.Context, q provision.AccountQuery) ([]provision.Account, error) {
	if err := s.reading(ctx); err != nil {
		return nil, err
	}
	return s.db.AccountPage(ctx, q)
}

func (s *storage) Account(ctx context.Context, envID, id string) (provision.Account, error) {
	return s.db.Account(ctx, envID, id)
}

func (s *storage) Orphans(ctx context.Context, connectionID, after string, limit int) ([]provision.Account, error) {
	if err := s.reading(ctx); err != nil {
		return nil, err
	}
	return s.db.Orphans(ctx, connectionID, after, limit)
}

func (s *storage) CountAccounts(ctx context.Context, connectionID, ruleID string, kind directory.Kind) (provision.Counts, error) {
	return s.db.CountAccounts(ctx, connectionID, ruleID, kind)
}

func (s *storage) Record(ctx context.Context, save []*provision.Account, gone []string, activities []directory.Activity) error {
	key := fmt.Sprintf("record %d -%d", len(save), len(gone))
	for _, a := range save {
		key += fmt.Sprintf(" %s/%s %s%s", a.ObjectName, a.RemoteID, a.Status, a.Phase)
	}
	return s.writing(ctx, "account", key, func() error {
		err := s.db.Record(ctx, save, gone, activities)
		if err == nil {
			s.w.recorded(save, activities)
		}
		return err
	})
}

func (s *storage) MarkDue(ctx context.Context, q provision.AccountQuery, at time.Time, p provision.Priority, cause string) (n int64, err error) {
	err = s.writing(ctx, "account", "mark due "+cause, func() error { n, err = s.db.MarkDue(ctx, q, at, p, cause); return err })
	return n, err
}

func (s *storage) Release(ctx context.Context, connectionID, ruleID string) (n int64, err error) {
	err = s.writing(ctx, "account", "release", func() error { n, err = s.db.Release(ctx, connectionID, ruleID); return err })
	return n, err
}

func (s *storage) Runner(ctx context.Context, envID, connectionID string) (provision.RunnerState, error) {
	if err := s.reading(ctx); err != nil {
		return provision.RunnerState{}, err
	}
	return remembered(s, "runner", func() (provision.RunnerState, error) { return s.db.Runner(ctx, envID, connectionID) })
}

func (s *storage) RunnerStates(ctx context.Context, envID string) ([]provision.RunnerState, error) {
	return s.db.RunnerStates(ctx, envID)
}

// Lease is no crash point: renewals come by the clock, and nothing depends on them that Unlease and the time do not show. Where
// nobody else wants the lease, it is not written again and again.
func (s *storage) Lease(ctx context.Context, envID, connectionID, owner string, until, now time.Time) (provision.RunnerState, error) {
	if err := s.reading(ctx); err != nil {
		return provision.RunnerState{}, err
	}
	if s.life.leased.Load() && !s.w.s.Runner.NewOwner {
		return s.Runner(ctx, envID, connectionID)
	}
	defer s.w.forget("runner")
	state, err := s.db.Lease(ctx, envID, connectionID, owner, until, now)
	s.life.leased.Store(err == nil)
	return state, err
}

func (s *storage) Unlease(ctx context.Context, connectionID, owner string) error {
	s.life.leased.Store(false)
	return s.writing(ctx, "runner", "unlease", func() error { return s.db.Unlease(ctx, connectionID, owner) })
}

func (s *storage) SaveRunner(ctx context.Context, owner string, state provision.RunnerState) error {
	return s.writing(ctx, "runner", fmt.Sprint("runner ", state.Cursor, state.Sweep.Phase), func() error { return s.db.SaveRunner(ctx, owner, state) })
}

func (s *storage) SetPaused(ctx context.Context, envID, connectionID string, paused bool, line directory.Activity) error {
	return s.writing(ctx, "runner", "paused", func() error { return s.db.SetPaused(ctx, envID, connectionID, paused, line) })
}

func (s *storage) RequestResync(ctx context.Context, envID, connectionID, cause string) error {
	return s.writing(ctx, "runner", "resync", func() error { return s.db.RequestResync(ctx, envID, connectionID, cause) })
}

func (s *storage) ClearResync(ctx context.Context, connectionID, cause string) error {
	return s.writing(ctx, "runner", "clear resync", func() error { return s.db.ClearResync(ctx, connectionID, cause) })
}
