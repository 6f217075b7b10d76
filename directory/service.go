package directory

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Options is what a Service may be told. The zero value works.
type Options struct {
	Now   func() time.Time
	NewID func() string // UUIDv7: ids in the order of creation
	// Wake is called after an edit of an environment was committed.
	Wake func(envID string)
	// InUse names what outside of the directory reads a custom attribute ("rule \"Staff\""); "" = nothing does. Such an attribute
	// is not deleted.
	InUse func(ctx context.Context, envID, name string) (string, error)
}

// Service is the only way to edit the identity store.
type Service struct {
	store Store
	now   func() time.Time
	newID func() string
	wake  func(string)
	inUse func(ctx context.Context, envID, name string) (string, error)

	sweeping sync.Mutex // held by SweepAttributes
	filters  groupFilters
}

// NewService makes a service over a store.
func NewService(store Store, o Options) *Service {
	s := &Service{store: store, now: o.Now, newID: o.NewID, wake: o.Wake, inUse: o.InUse}
	if s.now == nil {
		s.now = time.Now
	}
	if s.newID == nil {
		s.newID = func() string { return uuid.Must(uuid.NewV7()).String() }
	}
	if s.wake == nil {
		s.wake = func(string) {}
	}
	if s.inUse == nil {
		s.inUse = func(context.Context, string, string) (string, error) { return "", nil }
	}
	return s
}

func (s *Service) instant() time.Time { return s.now().UTC().Truncate(time.Microsecond) }

// errUnchanged ends an edit that turned out to change nothing: it is rolled back, nothing is logged and nobody is woken.
var errUnchanged = errors.New("nothing changed")

// edit runs fn in one transaction and wakes whoever follows the feed.
func (s *Service) edit(ctx context.Context, envID string, fn func(tx Tx) error) error {
	err := s.store.Edit(ctx, fn)
	switch {
	case errors.Is(err, errUnchanged):
		return nil
	case err != nil:
		return err
	}
	s.wake(envID)
	return nil
}

// activity is one line of the log about an edit. It carries what is other than before: of what was
// created all that it has, of what was deleted all that it had. How long that lives on is the operator's to say (--audit-retention).
func (s *Service) activity(ctx context.Context, envID string, kind Kind, verb, id, name string, changes []AttributeChange) Activity {
	origin := OriginOf(ctx)
	description := fmt.Sprintf("%s %s was %s", strings.ToLower(string(kind)), name, strings.ToLower(verb))
	if len(changes) > 0 && verb == "UPDATED" {
		names := make([]string, len(changes))
		for i, c := range changes {
			names[i] = c.Attribute
		}
		description += ": " + strings.Join(names, ", ")
	}
	return Activity{
		ID: s.newID(), EnvironmentID: envID, RecordedAt: s.instant(), Type: string(kind) + "." + verb, Actor: origin.Actor,
		CorrelationID: origin.CorrelationID, Kind: kind, ObjectID: id, ObjectName: name, Success: true, Description: description, Changes: changes,
	}
}

// Setup makes the first environment with its default population, if there is none, and answers the first one. Several
// processes that start at once end with one.
func (s *Service) Setup(ctx context.Context, name string) (Environment, error) {
	if existing, err := s.store.Environments(ctx); err != nil || len(existing) > 0 {
		return first(existing), err
	}
	env, p, err := s.newEnvironment(name)
	if err != nil {
		return Environment{}, err
	}
	made := env
	err = s.edit(ctx, env.ID, func(tx Tx) error {
		existing, err := tx.Environments(ctx)
		if err != nil {
			return err
		}
		if len(existing) > 0 {
			made = existing[0]
			return errUnchanged
		}
		made = env
		return s.insertEnvironment(ctx, tx, env, p)
	})
	return made, err
}

func first(environments []Environment) Environment {
	if len(environments) == 0 {
		return Environment{}
	}
	return environments[0]
}
