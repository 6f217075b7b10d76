package provision

import (
	"context"
	"time"

	"lockstep/directory"
	"lockstep/internal/problem"
)

// Tested is how a connection's last test went. A connection whose credentials were edited since is not tested.
type Tested struct {
	ConnectionID string
	At           time.Time
	Checks       []Check
}

// OK reports whether no check failed.
func (t *Tested) OK() bool {
	for _, c := range t.Checks {
		if c.Status == CheckFailed {
			return false
		}
	}
	return true
}

// RecordTest remembers how the test of a saved connection went.
func (s *Service) RecordTest(ctx context.Context, connectionID string, checks []Check) error {
	return s.edit(ctx, func(tx Tx) error {
		return tx.SaveTested(ctx, Tested{ConnectionID: connectionID, At: s.instant(), Checks: checks})
	})
}

// LastTest answers how the last test went; nil when there was none with these credentials.
func (s *Service) LastTest(ctx context.Context, connectionID string) (*Tested, error) {
	t, err := s.store.Tested(ctx, connectionID)
	if problem.Is(err, problem.NotFound) {
		return nil, nil //nolint:nilnil // not tested
	}
	return &t, err
}

// touchesCredentials reports whether one of the changes is about how the target is reached.
func touchesCredentials(t Type, changes []directory.AttributeChange) bool {
	for _, c := range changes {
		for _, f := range t.Fields {
			if f.Credentials && c.Attribute == "configuration."+f.Key {
				return true
			}
		}
	}
	return false
}

// ConnectionStatus is what a connection's runner is doing.
type ConnectionStatus struct {
	Paused        bool
	Halt          *Halt
	Trip          *Trip
	ScannedAt     time.Time // when the target was last listed to the end
	LastSyncAt    time.Time
	RatePerMinute float64
	Budgets       []BudgetLevel
	NotBefore     time.Time // until then the target wants to be left alone; zero: it does not
}

// BudgetLevel is one of the target's limits: how much of it may be used, and how much is left at this moment.
type BudgetLevel struct {
	Name      string
	PerMinute float64 // after the connection's own factor; 0 = not paced
	Burst     float64
	Available float64
}
