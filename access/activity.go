package access

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"lockstep/directory"
	"lockstep/internal/problem"
)

// line is a line of the activity log about a client. It never has a secret in it.
func (s *Service) line(ctx context.Context, c *Client, verb, description string) directory.Activity {
	origin := directory.OriginOf(ctx)
	return directory.Activity{
		ID: uuid.Must(uuid.NewV7()).String(), EnvironmentID: c.EnvironmentID, RecordedAt: s.now().UTC().Truncate(time.Microsecond), Type: "CLIENT." + verb,
		Actor: origin.Actor, CorrelationID: origin.CorrelationID, Kind: directory.KindClient, ObjectID: c.ID, ObjectName: c.Name, Success: true,
		Description: description,
	}
}

// unknownActor is whoever fails to say who they are.
var unknownActor = directory.Actor{Type: "CLIENT", ID: "unknown", Name: "unknown"}

// refused notes a sign-in that failed: at once, and then at most once a minute for the same client, with how many there were in
// between, so that whoever guesses cannot fill the log. c is empty but for the environment when no such client exists.
func (s *Service) refused(ctx context.Context, c *Client) error {
	earlier, tell := s.refusals.note(c.EnvironmentID+"|"+c.ID, s.now())
	if !tell {
		return nil
	}
	origin := directory.OriginOf(ctx)
	origin.Actor = unknownActor
	description := fmt.Sprintf("somebody tried to sign in as client %q with a wrong secret", c.Name)
	if c.ID == "" {
		description = "somebody tried to sign in as a client that does not exist"
	}
	if origin.Address != "" {
		description += ", from " + origin.Address
	}
	if earlier > 0 {
		description += fmt.Sprintf("; %d more attempts failed since the last line about it", earlier)
	}
	l := s.line(directory.WithOrigin(ctx, origin), c, "SIGN_ON_FAILED", description)
	l.Success = false
	err := s.store.Append(ctx, l)
	if problem.Is(err, problem.NotFound) { // there is no such environment, so there is no log
		return nil
	}
	return err
}

const refusalPause = time.Minute

// refusals remembers which failures were told of lately.
type refusals struct {
	mu    sync.Mutex
	byKey map[string]refusal
}

type refusal struct {
	told    time.Time
	earlier int // failures since
}

// note counts a failure. It answers whether to tell of it, and how many were not told of before.
func (r *refusals) note(key string, now time.Time) (earlier int, tell bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	last, ok := r.byKey[key]
	if ok && now.Sub(last.told) < refusalPause {
		last.earlier++
		r.byKey[key] = last
		return 0, false
	}
	if len(r.byKey) >= cacheSize || r.byKey == nil {
		r.byKey = map[string]refusal{}
	}
	r.byKey[key] = refusal{told: now}
	return last.earlier, true
}
