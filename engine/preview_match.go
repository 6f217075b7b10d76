package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"lockstep/connector"
	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/plan"
	"lockstep/provision"
)

// matcher finds, for a preview, the accounts that the engine will find: people who have no account yet may have one on the target.
type matcher struct {
	f *foresight
	// listed is the target's accounts by match key, for a connection that never looked at its target, packed: all of them have to be
	// kept until everybody was evaluated. nil: what the link table knows, and a few look-ups, have to do.
	listed map[string][][]byte
	taken  map[string]bool // accounts that somebody is linked to in this preview
	maybe  map[string]bool // accounts that may be somebody's, and nobody can tell whose
	asked  int             // look-ups made
}

// verdict is what was found about a person.
type verdict struct {
	account    *provision.Remote // theirs; nil: none
	why        string
	problem    string // why nobody can tell which account is theirs
	candidates []provision.Candidate
}

// previewLookups is how many people are looked up on the target, one by one. With more of them it is listed.
const previewLookups = 20

func newMatcher(ctx context.Context, f *foresight) (*matcher, error) {
	m := &matcher{f: f, taken: map[string]bool{}, maybe: map[string]bool{}}
	if f.query.UserID != "" {
		return m, nil
	}
	state, err := f.engine.store.Runner(ctx, f.envID, f.line.connection.ID)
	if err != nil {
		return nil, fmt.Errorf("read the runner's state: %w", err)
	}
	if state.LastSyncAt.IsZero() {
		return m, m.list(ctx)
	}
	return m, nil
}

// list reads the target's accounts, a page at a time, within its read budget.
func (m *matcher) list(ctx context.Context) error {
	lister, ok := m.f.line.target.(connector.Lister)
	if !ok {
		return nil
	}
	m.listed = map[string][][]byte{}
	seen := newSeen()
	err := lister.List(ctx, directory.KindUser, func(rows []provision.Remote, _ int) error {
		for i := range rows {
			if seen.has(rows[i].ID) { // a list over a changing set may repeat rows
				continue
			}
			seen.add(rows[i].ID)
			raw, err := json.Marshal(&rows[i])
			if err != nil {
				return err
			}
			key := m.f.line.matchKey(directory.KindUser, &rows[i])
			m.listed[key] = append(m.listed[key], raw)
		}
		return nil
	})
	if fault := asFault(err); fault != nil {
		return problem.New(problem.InvalidData, "the target's accounts cannot be listed: %s", fault.Error())
	}
	m.f.out.Listed = err == nil
	return err
}

// batch answers what was found about those of the people who have no account.
func (m *matcher) batch(ctx context.Context, items []*item) (map[*item]verdict, error) {
	wanting := make([]*item, 0, len(items))
	keys := make([]string, 0, len(items))
	for _, it := range items {
		if !it.row.Linked() && it.want.InScope && !it.want.Leave {
			if key := m.keyOf(it); key != "" {
				wanting, keys = append(wanting, it), append(keys, key)
			}
		}
	}
	out := make(map[*item]verdict, len(wanting))
	if len(wanting) == 0 {
		return out, nil
	}
	found, err := m.find(ctx, wanting, keys)
	if err != nil {
		return nil, err
	}
	linked, err := m.holders(ctx, found)
	if err != nil {
		return nil, err
	}
	claims, err := m.f.line.rivals(ctx, m.f.engine.store, m.f.envID, sortedKeys(found))
	if err != nil {
		return nil, err
	}
	for i, it := range wanting {
		if remotes := found[keys[i]]; len(remotes) > 0 {
			out[it] = m.judge(it, remotes, linked, claims[keys[i]])
		}
	}
	return out, nil
}

// keyOf is what the person's account is looked for by.
func (m *matcher) keyOf(it *item) string {
	if it.row.Phase == provision.PhaseCreating && it.row.MatchKey != "" {
		return it.row.MatchKey
	}
	return m.f.line.identifier(&it.want)
}

// find answers the accounts on the target by key.
func (m *matcher) find(ctx context.Context, wanting []*item, keys []string) (map[string][]provision.Remote, error) {
	found := map[string][]provision.Remote{}
	if m.listed == nil {
		rows, err := m.f.engine.store.Unlinked(ctx, m.f.line.connection.ID, directory.KindUser, keys)
		if err != nil {
			return nil, fmt.Errorf("read foreign accounts: %w", err)
		}
		for i := range rows {
			if rows[i].Remote != nil {
				found[rows[i].MatchKey] = append(found[rows[i].MatchKey], *rows[i].Remote)
			}
		}
		if err := m.ask(ctx, wanting, keys, found); err != nil {
			return nil, err
		}
	}
	if m.listed == nil {
		return found, nil
	}
	clear(found)
	for _, key := range keys {
		if found[key] != nil {
			continue
		}
		for _, raw := range m.listed[key] {
			remote, err := unpackRemote(raw)
			if err != nil {
				return nil, err
			}
			found[key] = append(found[key], remote)
		}
	}
	return found, nil
}

// ask looks people up of whom the link table knows nothing, as their visits will; with many of them the target is listed. A target
// that cannot be asked now leaves the preview without them, and the preview says so.
func (m *matcher) ask(ctx context.Context, wanting []*item, keys []string, found map[string][]provision.Remote) error {
	for i, it := range wanting {
		if found[keys[i]] != nil || !it.lookup(m.f.line) || m.f.out.Unasked != "" {
			continue
		}
		var err error
		var remotes []provision.Remote
		if m.asked++; m.asked > previewLookups {
			if err = m.list(ctx); err == nil && m.listed != nil {
				return nil
			}
		} else {
			remotes, err = m.f.line.target.Find(ctx, directory.KindUser, keys[i])
		}
		if fault := asFault(err); fault != nil {
			m.f.out.Unasked, m.listed = fault.Error(), nil
			continue
		}
		if problem.Is(err, problem.InvalidData) {
			m.f.out.Unasked, m.listed = err.Error(), nil
			continue
		}
		if err != nil {
			return err
		}
		if len(remotes) > 0 {
			found[keys[i]] = remotes
		}
	}
	return nil
}

func unpackRemote(raw []byte) (provision.Remote, error) {
	var remote provision.Remote
	err := json.Unmarshal(raw, &remote)
	for name, v := range remote.Attributes {
		if list, ok := v.([]any); ok {
			texts := make([]string, 0, len(list))
			for _, e := range list {
				s, _ := e.(string)
				texts = append(texts, s)
			}
			remote.Attributes[name] = texts
		}
	}
	return remote, err
}

// holder is whose an account is, or what was said about it.
type holder struct {
	objectID, name string
	kept           bool
}

// holders answers who has the accounts already. Whoever was deleted from the directory passes theirs on.
func (m *matcher) holders(ctx context.Context, found map[string][]provision.Remote) (map[string]holder, error) {
	var ids []string
	for _, remotes := range found {
		for i := range remotes {
			ids = append(ids, remotes[i].ID)
		}
	}
	out := map[string]holder{}
	if len(ids) == 0 {
		return out, nil
	}
	slices.Sort(ids)
	rows, err := m.f.engine.store.AccountsByRemote(ctx, m.f.line.connection.ID, directory.KindUser, ids)
	if err != nil {
		return nil, fmt.Errorf("read accounts: %w", err)
	}
	var people []string
	for i := range rows {
		if rows[i].ObjectID != "" {
			people = append(people, rows[i].ObjectID)
		}
	}
	users, err := m.f.engine.store.UsersByID(ctx, m.f.envID, people)
	if err != nil {
		return nil, fmt.Errorf("read users: %w", err)
	}
	alive := make(map[string]bool, len(users))
	for i := range users {
		alive[users[i].ID] = true
	}
	for i := range rows {
		if alive[rows[i].ObjectID] {
			out[rows[i].RemoteID] = holder{objectID: rows[i].ObjectID, name: rows[i].ObjectName}
		}
	}
	kept, err := m.f.engine.store.KeptForeign(ctx, m.f.line.connection.ID, directory.KindUser, ids)
	if err != nil {
		return nil, fmt.Errorf("read what stays foreign: %w", err)
	}
	for id := range kept {
		out[id] = holder{kept: true}
	}
	return out, nil
}

// judge decides as a visit will: exactly one account that is nobody's is theirs.
func (m *matcher) judge(it *item, remotes []provision.Remote, held map[string]holder, claims []string) verdict {
	identifies := m.f.line.identifies()
	var v verdict
	var free []*provision.Remote
	var other holder
	for i := range remotes {
		h := held[remotes[i].ID]
		if h.objectID == it.want.Ref.ID {
			h = holder{}
		}
		v.candidates = append(v.candidates, provision.Candidate{
			RemoteID: remotes[i].ID, Name: remoteName(&remotes[i]), Active: remotes[i].Active, LinkedTo: h.name, Kept: h.kept,
		})
		switch {
		case h.kept:
		case h.objectID != "":
			other = h
			free = append(free, &remotes[i])
		default:
			free = append(free, &remotes[i])
		}
	}
	switch {
	case len(free) == 0:
		v.problem = keptSaid(identifies)
	case len(free) > 1:
		v.problem = ambiguousSaid(len(free), identifies)
	case other.objectID != "":
		v.problem = fmt.Sprintf("the account with this %s is linked to %s", identifies, other.name)
	case len(claims) > 0 && it.row.Phase != provision.PhaseCreating:
		v.problem = claimedSaid(claims, identifies)
	case it.row.Phase != provision.PhaseCreating && !m.f.line.certain(it, free[0]):
		v.problem = uncertainSaid(m.f.line.identifier(&it.want), identifies)
	case m.taken[free[0].ID]: // an identifier that is no address
		v.problem = fmt.Sprintf("two people in the directory claim the account with this %s", identifies)
	default:
		m.taken[free[0].ID] = true
		v.account, v.why = free[0], adoptedSaid(identifies)
		if it.row.Phase == provision.PhaseCreating {
			v.why = lostSaid
		}
	}
	if v.problem != "" {
		for _, remote := range free {
			m.maybe[remote.ID] = true
		}
	}
	return v
}

// What is said about matching, in a preview as in a visit.
const lostSaid = "the account was created by a call whose answer was lost; it is linked"

func adoptedSaid(identifies string) string {
	return "an account with the same " + identifies + " was there; it is adopted"
}

func ambiguousSaid(n int, identifies string) string {
	return fmt.Sprintf("%d accounts on the target hold this %s, and none is guessed", n, identifies)
}

func keptSaid(identifies string) string {
	return fmt.Sprintf("an administrator said that the account with this %s stays foreign", identifies)
}

// remoteName is what people call an account.
func remoteName(r *provision.Remote) string {
	for _, name := range []string{"userName", "primaryEmail", "email", plan.AttributeGroupName} {
		if s, _ := r.Attributes[name].(string); s != "" {
			return s
		}
	}
	return r.ID
}
