package audit

import (
	"context"
	"fmt"
	"time"

	"lockstep/directory"
)

// Store is what is asked of where the log is kept.
type Store interface {
	// Chain answers the head and the base of a log.
	Chain(ctx context.Context, envID string) (Chain, error)
	// Lines lists lines after q.After, oldest first, at most q.Limit.
	Lines(ctx context.Context, envID string, q directory.ActivityQuery) ([]Line, error)
	// Prune clears away the oldest lines: those recorded before a time, none above a number, at most limit. It answers how many.
	Prune(ctx context.Context, envID string, before time.Time, upTo int64, limit int) (int64, error)
	// Append adds a line about the log itself.
	Append(ctx context.Context, line directory.Activity) error
	// Reseal adds a line, and seals the log's head whatever seal it had.
	Reseal(ctx context.Context, line directory.Activity) error
}

// What can be wrong with a log.
const (
	FaultChanged = "CHANGED" // a line is not as it was written, or stands elsewhere
	FaultMissing = "MISSING" // a line was taken out
	FaultAdded   = "ADDED"   // a line stands behind the newest one that was written
	FaultCut     = "CUT"     // the newest lines are gone
	FaultForged  = "FORGED"  // the chain was written anew by somebody without the key
	FaultBase    = "BASE"    // the oldest lines are gone, and not by retention
)

// Fault is the first place at which a log is not whole.
type Fault struct {
	Kind    string `json:"kind"`
	Seq     int64  `json:"seq"` // the line's number
	ID      string `json:"id,omitempty"`
	Message string `json:"message"` // a sentence
}

// Report says whether a log is whole.
type Report struct {
	EnvironmentID string `json:"environmentId"`
	Whole         bool   `json:"whole"`
	Lines         int64  `json:"lines"`  // that were checked
	Pruned        int64  `json:"pruned"` // the last number that retention cleared away
	Head          Head   `json:"head"`
	Note          string `json:"note,omitempty"` // what could not be compared
	Fault         *Fault `json:"fault,omitempty"`
}

const verifyPage = 2000 // lines in memory at a time

// verification is one walk along a log.
type verification struct {
	store  Store
	chain  Chain
	report Report
	known  []Head // heads that were kept elsewhere
	// compared are those whose line was reached.
	compared map[Head]bool
	at       Head // the last line that was found whole
	tell     func(done, total int64)
}

// Verify walks a log from its oldest line to its newest and stops at the first that is not whole. known are heads that somebody
// kept outside of the database. tell may be nil. It holds a page of lines in memory, and lines may be appended and cleared away
// meanwhile.
func Verify(ctx context.Context, store Store, envID string, known []Head, tell func(done, total int64)) (Report, error) {
	chain, err := store.Chain(ctx, envID)
	if err != nil {
		return Report{}, fmt.Errorf("read the head of the log: %w", err)
	}
	v := &verification{store: store, chain: chain, known: known, tell: tell}
	v.report = Report{EnvironmentID: envID, Head: chain.Head}
	v.begin()
	if v.report.Fault == nil {
		if err := v.walk(ctx); err != nil {
			return Report{}, err
		}
	}
	if v.report.Fault == nil {
		if err := v.end(ctx); err != nil {
			return Report{}, err
		}
	}
	v.report.Whole = v.report.Fault == nil
	return v.report, nil
}

func (v *verification) fail(kind string, seq int64, id, format string, args ...any) {
	v.report.Fault = &Fault{Kind: kind, Seq: seq, ID: id, Message: fmt.Sprintf(format, args...)}
}

// note says what could not be compared.
func (v *verification) note(format string, args ...any) {
	if v.report.Note != "" {
		v.report.Note += "; "
	}
	v.report.Note += fmt.Sprintf(format, args...)
}

// begin starts behind what retention cleared away.
func (v *verification) begin() {
	v.at, v.report.Pruned = v.chain.Base, v.chain.Base.Seq
	if v.chain.BaseSeal != SealWhole {
		v.fail(FaultBase, v.chain.Base.Seq, "", "the note that retention cleared away the lines up to %d is not by this server", v.chain.Base.Seq)
	}
	for _, h := range v.known {
		switch {
		case h.EnvironmentID != v.chain.EnvironmentID:
			v.report.Note = "the head to compare with is of another environment"
		case h.Seq > v.chain.Seq:
			v.fail(FaultCut, v.chain.Seq+1, "", "the log ends with line %d, but there was a line %d: the newest lines were cut off, or an old backup was restored", v.chain.Seq, h.Seq)
		case h.Seq < v.at.Seq:
			v.report.Note = fmt.Sprintf("the head at line %d cannot be compared: retention cleared that line away", h.Seq)
		}
	}
}

func (v *verification) walk(ctx context.Context) error {
	v.compare()
	for v.at.Seq < v.chain.Seq && v.report.Fault == nil {
		lines, err := v.store.Lines(ctx, v.chain.EnvironmentID, directory.ActivityQuery{After: v.at.Seq, Limit: verifyPage})
		if err != nil {
			return fmt.Errorf("read the log: %w", err)
		}
		if len(lines) == 0 || lines[0].Seq != v.at.Seq+1 {
			moved, err := v.pruned(ctx)
			if err != nil {
				return err
			}
			if moved {
				continue
			}
		}
		if len(lines) == 0 {
			v.fail(FaultCut, v.at.Seq+1, "", "the lines from %d to %d are missing: the newest lines were cut off", v.at.Seq+1, v.chain.Seq)
			return nil
		}
		for i := range lines {
			if v.at.Seq == v.chain.Seq || v.report.Fault != nil {
				break
			}
			v.step(&lines[i])
		}
		if v.tell != nil {
			v.tell(v.at.Seq-v.report.Pruned, v.chain.Seq-v.report.Pruned)
		}
	}
	return nil
}

// pruned moves the start when retention went past it meanwhile.
func (v *verification) pruned(ctx context.Context) (bool, error) {
	now, err := v.store.Chain(ctx, v.chain.EnvironmentID)
	if err != nil {
		return false, fmt.Errorf("read the head of the log: %w", err)
	}
	if now.Base.Seq <= v.at.Seq {
		return false, nil
	}
	v.chain.Base, v.chain.BaseSeal = now.Base, now.BaseSeal
	v.begin()
	return true, nil
}

func (v *verification) step(l *Line) {
	switch {
	case l.Seq != v.at.Seq+1:
		v.fail(FaultMissing, v.at.Seq+1, "", "line %d is missing; the next one that is there is %d", v.at.Seq+1, l.Seq)
	case !l.Whole(v.at.Hash):
		v.fail(FaultChanged, l.Seq, l.ID, "line %d (%s of %s) is not as it was written, or the chain was written anew from there", l.Seq, l.Type, l.RecordedAt)
	default:
		v.at.Seq, v.at.Hash = l.Seq, l.Hash
		v.report.Lines++
		v.compare()
	}
}

// compare holds the line that was reached against the heads that were kept elsewhere.
func (v *verification) compare() {
	for _, h := range v.known {
		if h.EnvironmentID != v.at.EnvironmentID || h.Seq != v.at.Seq {
			continue
		}
		if v.compared == nil {
			v.compared = map[Head]bool{}
		}
		v.compared[h] = true
		if h.Hash != v.at.Hash && v.report.Fault == nil {
			v.fail(FaultForged, h.Seq, "", "line %d is not the one whose link was kept: the log was written anew up to there", h.Seq)
		}
	}
}

// end looks at the head.
func (v *verification) end(ctx context.Context) error {
	switch {
	case v.at.Seq > v.chain.Seq: // retention went past the head that was read first
		return nil
	case v.at.Hash != v.chain.Hash:
		v.fail(FaultForged, v.at.Seq, "", "line %d is not the newest one that was kept: the chain was written anew", v.at.Seq)
	case v.chain.Seal == SealForged:
		v.fail(FaultForged, v.chain.Seq, "", "the newest line, %d, is not sealed by this server's key: somebody wrote to the database past it, or the key file is another one", v.chain.Seq)
	case v.chain.Seal == SealBroken:
		v.fail(FaultForged, v.chain.BrokenAt, "", "line %d was not sealed by this server's key when the log went on from there: somebody wrote to the database past it, or the key file was replaced", v.chain.BrokenAt)
	}
	if v.report.Fault != nil {
		return nil
	}
	more, err := v.store.Lines(ctx, v.chain.EnvironmentID, directory.ActivityQuery{After: v.chain.Seq, Limit: 1})
	if err != nil || len(more) == 0 {
		return err
	}
	now, err := v.store.Chain(ctx, v.chain.EnvironmentID)
	if err != nil {
		return err
	}
	if now.Seq < more[0].Seq {
		v.fail(FaultAdded, more[0].Seq, more[0].ID, "line %d stands behind the newest line that this server wrote, %d", more[0].Seq, now.Seq)
	}
	return nil
}
