package engine

import (
	"context"
	"fmt"

	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/provision"
)

// heldState says that a rule at rest has groups that wait for a decision.
func (e *Engine) heldState(ctx context.Context, envID string, rule *provision.Rule, out *provision.RuleStatus) error {
	rows, err := e.store.AccountPage(ctx, provision.AccountQuery{
		EnvironmentID: envID, ConnectionID: rule.TargetID, RuleID: rule.ID, Kind: directory.KindGroup, FaultCode: provision.CodeOverwriteHeld, Limit: 2,
	})
	if err != nil || len(rows) == 0 {
		return err
	}
	out.State, out.Details = provision.StateHeld, fmt.Sprintf("group %s is held: %s", rows[0].ObjectName, rows[0].Fault.Message)
	return nil
}

// Holds lists what waits for a decision on a connection.
func (e *Engine) Holds(ctx context.Context, envID, connectionID, after string, limit int) ([]provision.Hold, error) {
	rows, err := e.store.AccountPage(ctx, provision.AccountQuery{
		EnvironmentID: envID, ConnectionID: connectionID, Kind: directory.KindGroup, FaultCode: provision.CodeOverwriteHeld, After: after, Limit: limit,
	})
	if err != nil {
		return nil, err
	}
	out := make([]provision.Hold, 0, len(rows))
	for i := range rows {
		hold, err := e.hold(ctx, &rows[i])
		if err != nil {
			return nil, err
		}
		out = append(out, hold)
	}
	return out, nil
}

func (e *Engine) hold(ctx context.Context, row *provision.Account) (provision.Hold, error) {
	h := provision.Hold{Account: *row, Operation: provision.Operation{
		Verb: provision.VerbUpdate, Kind: directory.KindGroup, Object: provision.Object{ID: row.ObjectID, Name: row.ObjectName}, RemoteID: row.RemoteID,
		Members: &provision.MemberChange{Remove: row.Fault.Members}, Why: row.Cause, Withheld: row.Fault.Message,
	}}
	var err error
	h.Leaving, err = e.memberNames(ctx, row.ConnectionID, row.Fault.Members)
	return h, err
}

// memberNames answers what the accounts on a target are called.
func (e *Engine) memberNames(ctx context.Context, connectionID string, remoteIDs []string) ([]string, error) {
	rows, err := e.store.AccountsByRemote(ctx, connectionID, directory.KindUser, remoteIDs)
	if err != nil {
		return nil, fmt.Errorf("read accounts: %w", err)
	}
	names := make(map[string]string, len(rows))
	for i := range rows {
		names[rows[i].RemoteID] = rows[i].ObjectName
		if rows[i].ObjectName == "" && rows[i].Remote != nil {
			names[rows[i].RemoteID], _ = rows[i].Remote.Attributes["userName"].(string)
		}
	}
	out := make([]string, len(remoteIDs))
	for i, id := range remoteIDs {
		if out[i] = names[id]; out[i] == "" {
			out[i] = id
		}
	}
	return out, nil
}

// Decide carries out an administrator's decision about a hold: the group is overwritten, or left as it is.
func (e *Engine) Decide(ctx context.Context, envID, holdID string, approve bool) error {
	row, err := e.store.Account(ctx, envID, holdID)
	if notFound(err) {
		return problem.Missing("hold")
	}
	if err != nil {
		return err
	}
	if row.Fault == nil || row.Fault.Code != provision.CodeOverwriteHeld && row.Fault.Code != codeOverwriteRejected {
		return problem.Missing("hold")
	}
	if !approve {
		if err := e.atRest(ctx, &row, "group"); err != nil {
			return err
		}
	}
	origin, now := directory.OriginOf(ctx), e.now()
	verb, word := "REJECTED", "must stay as it is"
	if approve {
		verb, word = "APPROVED", "may be overwritten"
		if err := e.store.Consent(ctx, row.ConnectionID, []string{row.ObjectID}, origin.Actor.ID, now); err != nil {
			return fmt.Errorf("keep the consent: %w", err)
		}
	} else if err := e.store.EndConsent(ctx, row.ConnectionID, row.ObjectID, now); err != nil { // it may have been approved a moment ago
		return fmt.Errorf("end a consent: %w", err)
	}
	line := directory.Activity{
		ID: newID(), EnvironmentID: envID, RecordedAt: now, Type: "PROVISIONING_HOLD." + verb, Actor: origin.Actor, CorrelationID: origin.CorrelationID,
		Kind: row.Kind, ObjectID: row.ObjectID, ObjectName: row.ObjectName, ConnectionID: row.ConnectionID, RuleID: row.RuleID, Success: true,
		Description: fmt.Sprintf("group %s on the target %s", row.ObjectName, word),
	}
	if !approve {
		row.Fault = &provision.Fault{Kind: provision.Rejected, Code: codeOverwriteRejected, Message: "an administrator refused to overwrite the group", Hint: "rename it here or there, or approve the hold"}
		row.Detail, row.UpdatedAt = row.Fault.Error(), now
	}
	rows := []*provision.Account{&row}
	if approve {
		rows = nil // the runner writes it
	}
	if err := e.store.Record(ctx, rows, nil, []directory.Activity{line}); err != nil {
		return fmt.Errorf("keep the decision: %w", err)
	}
	if approve {
		if err := e.store.MarkGroups(ctx, row.ConnectionID, []string{row.ObjectID}, now, provision.PriorityLive, "overwriting was approved by "+origin.Actor.Name); err != nil {
			return fmt.Errorf("mark the group: %w", err)
		}
		e.Wake(envID)
	}
	return nil
}
