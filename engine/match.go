package engine

import (
	"context"
	"errors"
	"fmt"

	"lockstep/directory"
	"lockstep/provision"
)

// match links people with accounts that the listing found: exactly one with the same identifier is adopted, none means that
// there is none, several are nobody's guess.
func (r *runner) match(ctx context.Context, items []*item) error {
	wanting := map[string][]*item{}
	for _, it := range items {
		// Somebody of whom an earlier look-up said that they have no account may have got one by hand since.
		if it.want.InScope && !it.row.Linked() && it.row.Phase != provision.PhaseCreating {
			if key := r.line.identifier(&it.want); key != "" {
				wanting[key] = append(wanting[key], it)
			}
		}
	}
	if len(wanting) == 0 {
		return nil
	}
	found, closer, err := r.listedWith(ctx, sortedKeys(wanting))
	if err != nil {
		return err
	}
	claims, err := r.line.rivals(ctx, r.engine.store, r.envID, sortedKeys(found))
	if err != nil {
		return err
	}
	var taken []*item
	for _, key := range sortedKeys(wanting) {
		its := wanting[key]
		for _, it := range its {
			switch rows := found[key]; {
			case len(claims[key]) > 0:
			case closer[key] && it.row.Phase == provision.PhaseAbsent:
				it.row.Phase = provision.PhaseNone
			case closer[key]:
			case len(rows) == 0:
				it.row.Phase = provision.PhaseAbsent
			case len(rows) == 1 && len(its) == 1 && r.line.certain(it, rows[0].Remote):
				it.foreign = &rows[0]
				taken = append(taken, it)
			}
			// Otherwise the visit looks closer and says what is wrong.
		}
	}
	return r.take(taken)
}

// listedWith answers the foreign accounts with these identifiers. closer are the identifiers of which an administrator said that an
// account stays foreign: their people are looked at closer.
func (r *runner) listedWith(ctx context.Context, keys []string) (found map[string][]provision.Account, closer map[string]bool, err error) {
	rows, err := r.engine.store.Unlinked(ctx, r.connectionID, directory.KindUser, keys)
	if err != nil {
		return nil, nil, fmt.Errorf("read foreign accounts: %w", err)
	}
	ids := make([]string, len(rows))
	for i := range rows {
		ids[i] = rows[i].RemoteID
	}
	kept, err := r.engine.store.KeptForeign(ctx, r.connectionID, directory.KindUser, ids)
	if err != nil {
		return nil, nil, fmt.Errorf("read what stays foreign: %w", err)
	}
	found, closer = map[string][]provision.Account{}, map[string]bool{}
	for _, row := range rows {
		if kept[row.RemoteID] {
			closer[row.MatchKey] = true
			continue
		}
		found[row.MatchKey] = append(found[row.MatchKey], row)
	}
	return found, closer, nil
}

// take adopts listed accounts: the foreign row becomes the person's.
func (r *runner) take(items []*item) error {
	entries := make([]*entry, len(items))
	before := make([]*provision.Account, len(items))
	for i, it := range items {
		before[i] = it.row
		entries[i] = r.taking(it)
	}
	for i, err := range r.recorder.all(entries) {
		it := items[i]
		switch {
		case errors.Is(err, provision.ErrLinked):
			it.row = before[i] // somebody was quicker: the visit looks closer
			it.plan(r.line.policy)
		case err != nil:
			return fmt.Errorf("adopt an account: %w", err)
		default:
			if err := r.referrers(it); err != nil {
				return err
			}
			it.stored = *it.row
		}
	}
	return nil
}

// taking ties the person to the foreign row that was found.
func (r *runner) taking(it *item) *entry {
	row, foreign := *it.row, it.foreign
	var remove []string
	if row.ID == "" {
		row.ID = foreign.ID
	} else {
		remove = []string{foreign.ID}
	}
	row.RemoteID, row.Remote, row.Ownership = foreign.RemoteID, foreign.Remote, provision.Adopted
	row.Phase, row.MatchKey, row.UpdatedAt = provision.PhaseNone, "", r.engine.now()
	it.row = &row
	it.describe(r.engine.now())
	it.plan(r.line.policy)
	it.row.Status, it.row.Detail = it.outcome.Status, it.outcome.Detail
	why := adoptedSaid(r.line.identifies())
	kept := row // the recorder reads it while the item goes on
	return &entry{account: &kept, remove: remove, activities: []directory.Activity{r.activity(it, actionLinked, true, why, nil)}}
}
