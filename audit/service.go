package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/internal/secret"
)

// Service reads, proves and prunes activity logs.
type Service struct {
	store  Store
	signer Signer
}

// Signer signs with the server's key.
type Signer interface {
	Sign(text string) (signature, public string)
}

// NewService makes the service.
func NewService(store Store, signer Signer) *Service { return &Service{store, signer} }

// Verify walks a log; see the function of that name.
func (s *Service) Verify(ctx context.Context, envID string, known []Head, tell func(done, total int64)) (Report, error) {
	return Verify(ctx, s.store, envID, known, tell)
}

// Head answers the newest line of a log, signed, to be kept elsewhere. It fails when the head is not sealed by this server: what it
// would vouch for is not its own.
func (s *Service) Head(ctx context.Context, envID string) (SignedHead, error) {
	chain, err := s.store.Chain(ctx, envID)
	if err != nil {
		return SignedHead{}, fmt.Errorf("read the head of the log: %w", err)
	}
	if chain.Seal != SealWhole {
		return SignedHead{}, problem.New(problem.Conflict, "the head of the activity log, line %d, is not sealed by this server's key; lockstep audit verify says more", chain.Seq)
	}
	h := SignedHead{Head: chain.Head, SignedAt: Stamp(time.Now())}
	h.Signature, h.PublicKey = s.signer.Sign(h.Signed())
	return h, nil
}

// ReadHead reads a head that was kept, and makes sure that it is as it was signed. Whose the key is, is for the caller to say.
func ReadHead(raw []byte) (SignedHead, error) {
	var h SignedHead
	if err := json.Unmarshal(raw, &h); err != nil {
		return h, errors.New("this is no head of an activity log; lockstep audit head --json writes one")
	}
	if !secret.Verify(h.Signed(), h.Signature, h.PublicKey) {
		return h, errors.New("the head is not as it was signed")
	}
	return h, nil
}

const exportPage = 1000 // lines in memory at a time

// Sink takes lines that are exported, a page at a time.
type Sink interface {
	// Write takes a page of lines. It must not keep them.
	Write(lines []Line) error
}

// Export hands lines that the query fits to a sink, oldest first, and answers how many. Lines that are appended meanwhile are not
// among them.
func (s *Service) Export(ctx context.Context, envID string, q directory.ActivityQuery, to Sink) (int64, error) {
	chain, err := s.store.Chain(ctx, envID)
	if err != nil {
		return 0, fmt.Errorf("read the head of the log: %w", err)
	}
	q.Limit = exportPage
	if q.Before == 0 || q.Before > chain.Seq+1 {
		q.Before = chain.Seq + 1
	}
	var n int64
	for {
		lines, err := s.store.Lines(ctx, envID, q)
		if err != nil {
			return n, fmt.Errorf("read the log: %w", err)
		}
		for i := range lines {
			if lines[i].Previous != "" {
				continue
			}
			if lines[i].Previous, err = s.before(ctx, envID, lines[i].Seq); err != nil {
				return n, err
			}
		}
		if len(lines) > 0 {
			if err := to.Write(lines); err != nil {
				return n, err
			}
			n, q.After = n+int64(len(lines)), lines[len(lines)-1].Seq
		}
		if len(lines) < exportPage {
			return n, nil
		}
	}
}

// before is the link before the oldest line that is there.
func (s *Service) before(ctx context.Context, envID string, seq int64) (Hash, error) {
	chain, err := s.store.Chain(ctx, envID)
	if err != nil {
		return "", fmt.Errorf("read the head of the log: %w", err)
	}
	if chain.Base.Seq != seq-1 {
		return Genesis, nil // a line is missing there; verification says so
	}
	return chain.Base.Hash, nil
}

// pruneBatch is how many lines go in one transaction: an edit waits no longer than that takes.
const pruneBatch = 2000

// Prune clears away lines older than keep, except what somebody who follows the log has not seen: upTo is the last number that all
// have. It answers how many went, and leaves a line that says so.
func (s *Service) Prune(ctx context.Context, envID string, keep time.Duration, upTo int64) (int64, error) {
	now := time.Now().UTC().Truncate(time.Microsecond)
	var pruned int64
	for {
		n, err := s.store.Prune(ctx, envID, now.Add(-keep), upTo, pruneBatch)
		pruned += n
		if err != nil {
			return pruned, fmt.Errorf("clear away old lines of the log: %w", err)
		}
		if n < pruneBatch {
			break
		}
	}
	if pruned == 0 {
		return 0, nil
	}
	description := fmt.Sprintf("%d lines from before %s were cleared away, by the time that lines are kept", pruned, now.Add(-keep).Format(time.RFC3339))
	return pruned, s.store.Append(ctx, s.line(ctx, envID, "AUDIT.PRUNED", description, now))
}

// Reseal takes a log for whole as it is, after the key file was replaced or somebody wrote to the database, and leaves a line that says so.
func (s *Service) Reseal(ctx context.Context, envID string) error {
	line := s.line(ctx, envID, "AUDIT.RESEALED", "the newest line was sealed anew: from here on the log is taken for whole again", time.Now().UTC().Truncate(time.Microsecond))
	if err := s.store.Reseal(ctx, line); err != nil {
		return fmt.Errorf("seal the log: %w", err)
	}
	return nil
}

func (s *Service) line(ctx context.Context, envID, action, description string, at time.Time) directory.Activity {
	origin := directory.OriginOf(ctx)
	return directory.Activity{
		ID: uuid.Must(uuid.NewV7()).String(), EnvironmentID: envID, RecordedAt: at, Type: action, Actor: origin.Actor, CorrelationID: origin.CorrelationID,
		Kind: directory.KindEnvironment, ObjectID: envID, ObjectName: "activity log", Success: true, Description: description,
	}
}
