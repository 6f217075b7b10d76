package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"lockstep/provision"
)

// rivals answers, of those identifiers that several people in the directory claim, who they are: people whom a rule covers, who have
// no account, and whose identifier it is. Nobody guesses to which of them an account belongs: a record of somebody who left, and one
// of the same person who is back, would take turns at closing it. Addresses can be shared in the directory; usernames cannot.
func (l *line) rivals(ctx context.Context, store Store, envID string, keys []string) (map[string][]string, error) {
	if len(keys) == 0 {
		return nil, nil //nolint:nilnil // nobody
	}
	ids, err := store.SharedEmails(ctx, envID, keys)
	if err != nil {
		return nil, fmt.Errorf("read who shares an address: %w", err)
	}
	if len(ids) == 0 {
		return nil, nil //nolint:nilnil // nobody
	}
	claims := map[string][]string{}
	for part := range slices.Chunk(ids, sweepBatch) {
		items, err := l.evaluate(ctx, store, envID, part)
		if err != nil {
			return nil, err
		}
		for _, it := range items {
			if key := l.identifier(&it.want); key != "" && it.want.InScope && !it.want.Leave && !it.row.Linked() {
				claims[key] = append(claims[key], it.want.Name)
			}
		}
	}
	for key, names := range claims {
		if len(names) < 2 {
			delete(claims, key)
		}
	}
	return claims, nil
}

// claimed refuses to adopt an account that several people claim.
func (r *runner) claimed(ctx context.Context, it *item) error {
	key := r.line.identifier(&it.want)
	if it.row.Phase == provision.PhaseCreating || key == "" {
		return nil // it was made for them
	}
	claims, err := r.line.rivals(ctx, r.engine.store, r.envID, []string{key})
	if err != nil {
		return err
	}
	if names := claims[key]; len(names) > 0 {
		return &provision.Fault{
			Kind: provision.Rejected, Code: codeClaimed, Message: claimedSaid(names, r.line.identifies()),
			Hint: "correct one of them in the directory, or link the right one on the connection's page",
		}
	}
	return nil
}

// certain reports whether the account with a person's identifier can be nobody else's. That goes for an address (see rivals), and for the
// person's own username, which is nobody else's in the directory. What a mapping, or the target, made of something else ("anna", of
// anna@one.example) others may come to as well: then the account must have the person's address besides.
func (l *line) certain(it *item, remote *provision.Remote) bool {
	const address = "primaryEmail"
	key := l.identifier(&it.want)
	ours, _ := it.want.Attributes[address].(string)
	theirs, _ := remote.Attributes[address].(string)
	return strings.EqualFold(it.want.Name, key) || strings.EqualFold(ours, key) || ours != "" && strings.EqualFold(ours, theirs)
}

// uncertain refuses to adopt an account that may be somebody else's.
func (r *runner) uncertain(it *item, remote *provision.Remote) error {
	if it.row.Phase == provision.PhaseCreating || r.line.certain(it, remote) { // it was made for them, or it is theirs
		return nil
	}
	return &provision.Fault{
		Kind: provision.Rejected, Code: codeUncertain, Message: uncertainSaid(r.line.identifier(&it.want), r.line.identifies()),
		Hint: "link the person to it on the connection's page, or correct the address here or there",
	}
}

func uncertainSaid(key, identifies string) string {
	return fmt.Sprintf("the account with the %s %q has another address, and others may come to that %s as well: nobody guesses whose it is", identifies, key, identifies)
}

// alone refuses to adopt an account when the last listing showed others with its identifier that are there still: a look-up may show
// one of several.
func (r *runner) alone(ctx context.Context, it *item, remote *provision.Remote) error {
	key := r.line.identifier(&it.want)
	if it.row.Phase == provision.PhaseCreating || key == "" {
		return nil // it was made for them
	}
	rows, err := r.engine.store.Unlinked(ctx, r.connectionID, it.row.Kind, []string{key})
	if err != nil {
		return fmt.Errorf("read foreign accounts: %w", err)
	}
	var others []provision.Remote
	for i := range rows {
		if rows[i].RemoteID != remote.ID {
			others = append(others, provision.Remote{ID: rows[i].RemoteID})
		}
	}
	if len(others) == 0 {
		return nil
	}
	others, err = r.adoptable(ctx, it.row.Kind, others)
	if fault := asFault(err); fault != nil {
		return nil //nolint:nilerr // all of the others stay foreign, so this one is alone
	}
	if err != nil {
		return err
	}
	n := 1
	for i := range others {
		other, err := r.line.target.Get(ctx, it.row.Kind, others[i].ID)
		switch fault := asFault(err); {
		case fault != nil && fault.Kind == provision.Gone:
		case err != nil:
			return err
		case r.line.matchKey(it.row.Kind, other) == key:
			n++
		}
	}
	if n > 1 {
		return ambiguous(n, r.line.identifies())
	}
	return nil
}

func claimedSaid(names []string, identifies string) string {
	const most = 5
	list := names
	if len(list) > most {
		list = append(slices.Clone(list[:most]), "others")
	}
	return fmt.Sprintf("%s in the directory have the same %s, and nobody guesses whose account it is", sentence(list), identifies)
}

// sentence joins names: "anna, ben and cleo".
func sentence(names []string) string {
	if len(names) == 1 {
		return names[0]
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}
