package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/provision"
)

// The activities about whose an account is.
const (
	actionKeptForeign = "PROVISIONING_IDENTITY_SYNC.KEPT_FOREIGN"
	actionAdoptable   = "PROVISIONING_IDENTITY_SYNC.ADOPTABLE"
)

// matchingFaults are those that a decision about whose an account is may end.
var matchingFaults = []string{codeAmbiguous, codeLinkedElsewhere, codeKeptForeign, codeClaimed, codeUncertain}

// Link ties a user to an account on the target, by an administrator's decision: where several match, or none does. The account is
// adopted; it is read first, and must be nobody else's.
func (e *Engine) Link(ctx context.Context, envID, connectionID, userID, remoteID string) (provision.Account, error) {
	user, err := e.store.User(ctx, envID, userID)
	if err != nil {
		return provision.Account{}, err
	}
	l, latest, err := e.drafted(ctx, envID, connectionID)
	if err != nil {
		return provision.Account{}, err
	}
	about := provision.Account{EnvironmentID: envID, ConnectionID: connectionID, ObjectID: userID}
	if err := e.atRest(ctx, &about, "user"); err != nil {
		return provision.Account{}, err
	}
	row, remove, err := e.linkable(ctx, envID, connectionID, &user, remoteID)
	if err != nil {
		return row, err
	}
	remote, err := l.target.Get(withPriority(ctx, provision.PriorityLive), directory.KindUser, remoteID)
	if fault := asFault(err); fault != nil {
		return row, problem.New(problem.InvalidData, "the account cannot be read on the target: %s", fault.Error())
	}
	if err != nil {
		return row, err
	}
	if remote.Protected != "" {
		return row, problem.New(problem.InvalidData, "the account is left alone: %s", remote.Protected)
	}
	if unanswered(&row) && l.matchKey(directory.KindUser, remote) != row.MatchKey {
		return row, problem.New(problem.Conflict, "an account was asked for on the target, which has not answered whether it made one: linked with another, the user could have two; look again when that is settled")
	}
	if err := e.atRest(ctx, &about, "user"); err != nil { // the runner came while the account was read
		return row, err
	}
	origin, now := directory.OriginOf(ctx), e.now()
	row.ObjectName, row.RemoteID, row.Remote, row.Ownership = user.Username, remote.ID, remote, provision.Adopted
	row.Phase, row.MatchKey, row.Fault, row.Attempts, row.Detail, row.UpdatedAt = provision.PhaseNone, "", nil, 0, "linked by "+origin.Actor.Name, now
	if latest.ID != "" {
		row.DueAt, row.Status, row.Priority, row.Cause = now, provision.StatusPending, provision.PriorityLive, "linked by "+origin.Actor.Name
	}
	line := e.decision(ctx, &row, actionLinked, fmt.Sprintf("linked with the account %s on the target by %s", remoteName(remote), origin.Actor.Name))
	err = e.store.Record(ctx, []*provision.Account{&row}, remove, []directory.Activity{line})
	if errors.Is(err, provision.ErrLinked) {
		return row, problem.New(problem.Conflict, "the user or the account was linked at this moment; look again")
	}
	if err != nil {
		return row, fmt.Errorf("keep the link: %w", err)
	}
	if err := e.store.EndForeign(ctx, connectionID, directory.KindUser, remoteID); err != nil {
		return row, fmt.Errorf("end a mark: %w", err)
	}
	e.Wake(envID)
	return row, nil
}

// unanswered reports whether an account may have been made of which nobody knows yet.
func unanswered(row *provision.Account) bool {
	return row.Phase == provision.PhaseCreating && !row.DueAt.IsZero()
}

// linkable answers the user's row, new or known, and the foreign row that it takes the place of.
func (e *Engine) linkable(ctx context.Context, envID, connectionID string, user *directory.User, remoteID string) (provision.Account, []string, error) {
	row := provision.Account{EnvironmentID: envID, ConnectionID: connectionID, Kind: directory.KindUser, ObjectID: user.ID}
	own, err := e.store.AccountsByObject(ctx, connectionID, directory.KindUser, []string{user.ID})
	if err != nil {
		return row, nil, fmt.Errorf("read accounts: %w", err)
	}
	if len(own) > 0 {
		row = own[0]
	}
	if row.Linked() {
		return row, nil, problem.New(problem.Conflict, "the user is linked to the account %s already; unlink it first", remoteName(cmp.Or(row.Remote, &provision.Remote{ID: row.RemoteID})))
	}
	rows, err := e.store.AccountsByRemote(ctx, connectionID, directory.KindUser, []string{remoteID})
	if err != nil {
		return row, nil, fmt.Errorf("read accounts: %w", err)
	}
	var remove []string
	for i := range rows {
		switch rows[i].ObjectID {
		case "":
			remove = append(remove, rows[i].ID)
		case user.ID:
		default:
			return row, nil, problem.New(problem.Conflict, "the account is linked to %s; unlink it first", rows[i].ObjectName)
		}
	}
	return row, remove, nil
}

// drafted compiles a connection as it is drafted, and answers the newest revision.
func (e *Engine) drafted(ctx context.Context, envID, connectionID string) (*line, provision.Revision, error) {
	drafts, latest, err := e.draftedNow(ctx, envID)
	if err != nil {
		return nil, latest, err
	}
	c, err := subject(&drafts, &provision.PreviewQuery{ConnectionID: connectionID})
	if err != nil {
		return nil, latest, err
	}
	if c.Type == provision.TypeDirectory {
		return nil, latest, problem.New(problem.InvalidData, "accounts are on targets; this is the identity store itself")
	}
	snapshot := drafts.Snapshot(&latest)
	l, err := e.compile(ctx, envID, &snapshot, c, e.previewPace(envID, c))
	return l, latest, err
}

// KeepForeign says that an account on the target stays nobody's: it is not adopted, whoever's identifier it holds. Whoever was linked
// to it is no more.
func (e *Engine) KeepForeign(ctx context.Context, envID, connectionID, remoteID string) (provision.KeptForeign, error) {
	rows, err := e.ownersOf(ctx, envID, connectionID, remoteID)
	if err != nil {
		return provision.KeptForeign{}, err
	}
	name := remoteID
	for i := range rows {
		if rows[i].Remote != nil {
			name = remoteName(rows[i].Remote)
		}
		if rows[i].ObjectID == "" {
			continue
		}
		if err := e.Unlink(ctx, envID, connectionID, rows[i].ID); err != nil {
			return provision.KeptForeign{}, err
		}
	}
	by := directory.OriginOf(ctx).Actor
	about := provision.Account{EnvironmentID: envID, ConnectionID: connectionID, Kind: directory.KindUser, ObjectName: name}
	line := e.decision(ctx, &about, actionKeptForeign, fmt.Sprintf("the account %s on the target stays foreign, said %s", name, by.Name))
	if err := e.store.KeepForeign(ctx, connectionID, directory.KindUser, remoteID, by.Name, line); err != nil {
		return provision.KeptForeign{}, fmt.Errorf("keep the mark: %w", err)
	}
	return provision.KeptForeign{RemoteID: remoteID, By: by.Name, At: line.RecordedAt}, e.lookAgain(ctx, envID, connectionID)
}

// Adoptable takes back that an account stays foreign.
func (e *Engine) Adoptable(ctx context.Context, envID, connectionID, remoteID string) error {
	if _, err := e.ownersOf(ctx, envID, connectionID, remoteID); err != nil {
		return err
	}
	kept, err := e.store.KeptForeign(ctx, connectionID, directory.KindUser, []string{remoteID})
	if err != nil {
		return fmt.Errorf("read what stays foreign: %w", err)
	}
	if !kept[remoteID] {
		return problem.New(problem.NotFound, "nobody said that this account stays foreign")
	}
	about := provision.Account{EnvironmentID: envID, ConnectionID: connectionID, Kind: directory.KindUser, ObjectName: remoteID}
	line := e.decision(ctx, &about, actionAdoptable, fmt.Sprintf("the account %s on the target may be adopted, said %s", remoteID, directory.OriginOf(ctx).Actor.Name))
	if err := e.store.EndForeign(ctx, connectionID, directory.KindUser, remoteID, line); err != nil {
		return fmt.Errorf("end the mark: %w", err)
	}
	return e.lookAgain(ctx, envID, connectionID)
}

func (e *Engine) ownersOf(ctx context.Context, envID, connectionID, remoteID string) ([]provision.Account, error) {
	if _, err := e.store.Connection(ctx, envID, connectionID); err != nil {
		return nil, err
	}
	rows, err := e.store.AccountsByRemote(ctx, connectionID, directory.KindUser, []string{remoteID})
	if err != nil {
		return nil, fmt.Errorf("read accounts: %w", err)
	}
	return rows, nil
}

// lookAgain makes those due of whom nobody could tell which account is theirs.
func (e *Engine) lookAgain(ctx context.Context, envID, connectionID string) error {
	for _, code := range matchingFaults {
		q := provision.AccountQuery{EnvironmentID: envID, ConnectionID: connectionID, Kind: directory.KindUser, FaultCode: code}
		if _, err := e.store.MarkDue(ctx, q, e.now(), provision.PriorityLive, "an account was said to be somebody's, or nobody's"); err != nil {
			return fmt.Errorf("mark who may be matched now: %w", err)
		}
	}
	e.Wake(envID)
	return nil
}

func (e *Engine) decision(ctx context.Context, about *provision.Account, action, said string) directory.Activity {
	origin := directory.OriginOf(ctx)
	return directory.Activity{
		ID: newID(), EnvironmentID: about.EnvironmentID, RecordedAt: e.now(), Type: action, Actor: origin.Actor, CorrelationID: origin.CorrelationID,
		Kind: about.Kind, ObjectID: about.ObjectID, ObjectName: about.ObjectName, ConnectionID: about.ConnectionID, RuleID: about.RuleID, Success: true, Description: said,
	}
}
