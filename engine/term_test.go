package engine

import (
	"context"
	"errors"
	"testing"
	"time"

	"lockstep/directory"
	"lockstep/provision"
)

// noStore must not be reached.
type noStore struct {
	Accounts
	t *testing.T
}

func (s noStore) Record(context.Context, []*provision.Account, []string, []directory.Activity) error {
	s.t.Error("something was recorded")
	return nil
}

// TestNothingAfterTheTerm: a process that stood still while its lease ran out neither calls nor records any more.
func TestNothingAfterTheTerm(t *testing.T) {
	over := &term{}
	over.until.Store(time.Now().Add(-time.Second).UnixNano())
	if err := over.guard(unpaced)(t.Context(), "write"); !errors.Is(err, provision.ErrLeased) {
		t.Errorf("a call passes: %v", err)
	}
	recorder := startRecorder(t.Context(), noStore{t: t}, over.over)
	defer recorder.stop()
	if err := recorder.save(&provision.Account{}, nil); !errors.Is(err, provision.ErrLeased) {
		t.Errorf("a result is recorded: %v", err)
	}
	over.until.Store(time.Now().Add(time.Minute).UnixNano())
	if err := over.guard(unpaced)(t.Context(), "write"); err != nil {
		t.Error(err)
	}
}
