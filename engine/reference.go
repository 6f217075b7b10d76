package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"lockstep/directory"
	"lockstep/provision"
)

// References: the value of a target attribute such as the manager is an account of the target. What is mapped is what the person is called in
// the directory, and their account's id is put in its place. Whoever has no account yet is waited for, and linked when they get one.

// refer notes which attributes that are mapped hold references.
func (l *line) refer(described provision.Type) {
	for _, a := range described.Attributes {
		if !a.Reference {
			continue
		}
		for _, r := range l.snapshot.RulesFor(l.connection.ID) {
			mappings := l.snapshot.MappingsFor(r.ID)
			if len(mappings) == 0 {
				mappings = described.Defaults
			}
			if slices.ContainsFunc(mappings, func(m provision.Mapping) bool { return m.TargetAttribute == a.Name }) {
				l.references = append(l.references, a.Name)
				break
			}
		}
	}
}

// resolve puts accounts in the place of people. A value that names nobody here but an account of the target stays as it is.
func (l *line) resolve(ctx context.Context, store Store, envID string, items []*item) error {
	wanted := map[string]string{} // folded value -> as it is written
	for _, it := range items {
		for _, name := range l.references {
			if v, _ := it.want.Attributes[name].(string); v != "" {
				wanted[directory.Fold(v)] = v
			}
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	accounts, err := l.referred(ctx, store, envID, wanted)
	if err != nil {
		return err
	}
	for _, it := range items {
		for _, name := range l.references {
			v, _ := it.want.Attributes[name].(string)
			if v == "" {
				continue
			}
			if id := accounts[directory.Fold(v)]; id != "" {
				it.want.Attributes[name] = id
				continue
			}
			delete(it.want.Attributes, name) // neither written nor cleared until they have an account
			it.want.WaitsFor, it.want.Waits = directory.Fold(v), fmt.Sprintf("%s waits for %s, who has no account here yet", name, v)
		}
	}
	return nil
}

// referred answers the accounts of people, by what they are called: id, username or e-mail address.
func (l *line) referred(ctx context.Context, store Store, envID string, wanted map[string]string) (map[string]string, error) {
	users, err := store.UsersCalled(ctx, envID, sortedKeys(wanted))
	if err != nil {
		return nil, fmt.Errorf("read who is referred to: %w", err)
	}
	ids, written := make([]string, len(users)), make([]string, 0, len(wanted))
	for i := range users {
		ids[i] = users[i].ID
	}
	rows, err := store.AccountsByObject(ctx, l.connection.ID, directory.KindUser, ids)
	if err != nil {
		return nil, fmt.Errorf("read accounts: %w", err)
	}
	linked := map[string]string{}
	for i := range rows {
		if rows[i].Linked() {
			linked[rows[i].ObjectID] = rows[i].RemoteID
		}
	}
	out, named := map[string]string{}, map[string]bool{}
	for i := range users {
		for _, key := range called(&users[i]) {
			named[key] = true
			if id := linked[users[i].ID]; id != "" {
				out[key] = id
			}
		}
	}
	for key, v := range wanted {
		if !named[key] {
			written = append(written, v)
		}
	}
	slices.Sort(written)
	known, err := store.AccountsByRemote(ctx, l.connection.ID, directory.KindUser, written)
	if err != nil {
		return nil, fmt.Errorf("read accounts: %w", err)
	}
	for i := range known {
		out[directory.Fold(known[i].RemoteID)] = known[i].RemoteID
	}
	return out, nil
}

// called is what somebody may be referred to by, folded.
func called(u *directory.User) []string {
	return slices.DeleteFunc([]string{strings.ToLower(u.ID), directory.Fold(u.Username), directory.Fold(u.Email)}, func(s string) bool { return s == "" })
}

// referrers makes those due who wait for somebody who has an account now. One that was read anew after a crash counts as well: the mark may
// have been lost.
func (r *runner) referrers(it *item) error {
	if len(r.line.references) == 0 || it.user == nil || !it.row.Linked() || it.stored.Linked() && it.stored.Remote != nil {
		return nil
	}
	if err := r.engine.store.MarkWaiting(r.calls, r.connectionID, called(it.user), r.engine.now(), it.want.Name+" has an account now"); err != nil {
		return fmt.Errorf("mark who waits for an account: %w", err)
	}
	r.poke()
	return nil
}
