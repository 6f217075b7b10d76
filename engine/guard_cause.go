package engine

import (
	"context"
	"fmt"
	"strings"

	"lockstep/directory"
)

// cause says in a sentence what the waiting rows have in common, and whose edit it was.
func (r *runner) cause(ctx context.Context) (string, error) {
	causes, err := r.engine.store.WaitingCauses(ctx, r.connectionID, 3)
	if err != nil {
		return "", err
	}
	parts := make([]string, 0, len(causes))
	for i := range causes {
		said, err := r.whose(ctx, causes[i].Cause, causes[i].ObjectID)
		if err != nil {
			return "", err
		}
		if len(causes) > 1 {
			said = fmt.Sprintf("%s (%d)", said, causes[i].Rows)
		}
		parts = append(parts, said)
	}
	return strings.Join(parts, "; "), nil
}

// whose adds to a cause who brought it about, as far as the log says.
func (r *runner) whose(ctx context.Context, cause, objectID string) (string, error) {
	switch {
	case cause == editedCause:
		a, ok, err := r.newest(ctx, directory.ActivityQuery{Kind: directory.KindUser, ObjectID: objectID})
		if err != nil || !ok {
			return cause, err
		}
		return fmt.Sprintf("edited in the directory by %s, for instance %q", a.Actor.Name, a.Description), nil
	case strings.HasPrefix(cause, "attributes or populations"):
		return r.by(ctx, cause, directory.KindAttribute, directory.KindPopulation)
	case strings.HasPrefix(cause, "revision "), strings.HasPrefix(cause, "rule "):
		a, ok, err := r.newest(ctx, directory.ActivityQuery{Kind: directory.KindRevision, ObjectID: r.state.RevisionID})
		if err != nil || !ok {
			return cause, err
		}
		out := fmt.Sprintf("%s; published by %s", cause, a.Actor.Name)
		edit, ok, err := r.newest(ctx, directory.ActivityQuery{Kind: directory.KindRule, Before: a.Seq})
		if err == nil && ok {
			out += fmt.Sprintf(", the last edit before: %q by %s", edit.Description, edit.Actor.Name)
		}
		return out, err
	default:
		return cause, nil
	}
}

// by adds who made the newest edit of these kinds.
func (r *runner) by(ctx context.Context, cause string, kinds ...directory.Kind) (string, error) {
	var newest directory.Activity
	for _, kind := range kinds {
		a, ok, err := r.newest(ctx, directory.ActivityQuery{Kind: kind})
		if err != nil {
			return cause, err
		}
		if ok && a.Seq > newest.Seq {
			newest = a
		}
	}
	if newest.ID == "" {
		return cause, nil
	}
	return fmt.Sprintf("%s by %s: %q", cause, newest.Actor.Name, newest.Description), nil
}

// newest answers the newest edit that the query finds. What the engine itself did is not an edit.
func (r *runner) newest(ctx context.Context, q directory.ActivityQuery) (directory.Activity, bool, error) {
	q.Limit = 10
	lines, err := r.engine.store.Activities(ctx, r.envID, q)
	for i := range lines {
		if !strings.HasPrefix(lines[i].Type, "PROVISIONING_IDENTITY_SYNC.") {
			return lines[i], true, err
		}
	}
	return directory.Activity{}, false, err
}
