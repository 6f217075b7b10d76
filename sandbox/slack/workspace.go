// Package slack is a simulated Slack workspace: Slack's SCIM API, v1 and v2, for users and groups, as public records describe
// it, on a model in memory. It is for demos, rehearsals and tests, and shares no code with the connector, so that neither hides
// the other's mistakes.
//
// Faithful: constraints and coupling of names, e-mails and phones; null-laden answers; both error shapes; a
// ServiceProviderConfig that denies filters and answers anybody; deactivation that never removes; a bare remove of members that
// empties a group; rate limits and locks with Retry-After. What Slack does not document is an Option.
//
// All waiting (latency, limits, delays, slow and hanging answers) goes by Options.Now and by timers of package time, so that
// the workspace also lives in the virtual time of testing/synctest.
package slack

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Options shape a workspace. The zero value is Slack as documented, on the plan Business+, without a token.
type Options struct {
	Token     string
	TimeScale float64 // rate limits run this many times faster; 0 = as Slack's; negative = no limits
	Now       func() time.Time
	// Latency is how long every request is worked on. A write holds its user or group for so long.
	Latency time.Duration
	// Enterprise makes it an Enterprise organisation: it has guests, and its groups are IdP groups of up to 15,000 members.
	Enterprise bool
	// Domain is the workspace's part of its address; "" = sandbox.
	Domain string
	// TeamID and TeamName are the workspace's own; "" = T00000001, Lockstep Sandbox. An organisation's id has an E for the T.
	TeamID, TeamName string
	// Apps are those that people can install, beside the built-in one.
	Apps []App

	// What follows decides what Slack leaves undocumented, or what is a setting of the workspace.

	// ConflictStatus is the status of email_taken and username_taken; 0 = 409.
	ConflictStatus int
	// Statuses are those of other error codes, by code, and of what succeeds, as "PATCH /Users/{id}". 204 leaves the body out.
	Statuses map[string]int
	// ContentType is that of answers; "" = application/json;charset=utf-8.
	ContentType string
	// FilterIgnored answers every list of users as if it had no filter.
	FilterIgnored bool
	// UsersMayChangeDisplayName refuses updates of displayName, as Slack does while members may change theirs.
	UsersMayChangeDisplayName bool
	// VisibilityDelay hides a member that SCIM made from lists and filters for a while.
	VisibilityDelay time.Duration
	// DeactivationDelay lets reads say "active" for a while after a DELETE.
	DeactivationDelay time.Duration
	// DeactivatedStayInGroups keeps a deactivated member's memberships.
	DeactivatedStayInGroups bool
	// PartialPatch keeps the operations that stand before a refused one. Otherwise a PATCH is done whole or not at all.
	PartialPatch bool
	// ProfileFields is how many of the 50 custom profile fields are in use by others.
	ProfileFields int
}

// Workspace is the simulated workspace. It is an http.Handler, safe for concurrent use.
type Workspace struct {
	options Options
	mux     *http.ServeMux

	mu       sync.Mutex
	members  map[string]*Member
	order    []string // ids in the order of creation
	byEmail  map[string]string
	byName   map[string]string // userNames and channels
	fields   map[string]bool   // custom profile fields that SCIM made
	groups   map[string]*group
	groupIDs []string            // in the order of creation
	memberOf map[string][]*group // by a member's id, in the order of creation
	next     int
	locked   map[string]bool
	faults   []*Fault
	log      Log
	token    string
	role     Role
	oauth    oauth

	budgets map[string]*rate.Limiter
}

// New makes a workspace with the channels that every one has.
func New(o Options) *Workspace {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.ConflictStatus == 0 {
		o.ConflictStatus = http.StatusConflict
	}
	if o.ContentType == "" {
		o.ContentType = "application/json;charset=utf-8"
	}
	if o.Domain == "" {
		o.Domain = "sandbox"
	}
	w := &Workspace{
		options: o, oauth: newOAuth(&o), token: o.Token, role: Owner, budgets: newBudgets(o.TimeScale), log: Log{Totals: map[string]int64{}},
		members: map[string]*Member{}, byEmail: map[string]string{}, byName: map[string]string{"general": channel, "random": channel},
		fields: map[string]bool{}, groups: map[string]*group{}, memberOf: map[string][]*group{}, locked: map[string]bool{},
	}
	w.AddApps(o.Apps...)
	w.routes()
	return w
}

// channel stands for whoever holds a channel's name.
const channel = "#"

// host is the workspace's own address.
func (w *Workspace) host() string {
	if w.options.Enterprise {
		return "https://" + w.options.Domain + ".enterprise.slack.com"
	}
	return "https://" + w.options.Domain + ".slack.com"
}

// Seed adds members as they are, without limits or checks, and answers their ids. Missing values are filled in.
func (w *Workspace) Seed(members ...Member) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	ids := make([]string, len(members))
	for i := range members {
		m := members[i].clone()
		w.add(m)
		ids[i] = m.ID
	}
	return ids
}

// Members lists all members in the order of their creation.
func (w *Workspace) Members() []Member {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]Member, 0, len(w.order))
	for _, id := range w.order {
		out = append(out, *w.members[id])
	}
	return out
}

// Member answers one member.
func (w *Workspace) Member(id string) (Member, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if m := w.members[id]; m != nil {
		return *m, true
	}
	return Member{}, false
}

// Edit changes a member behind everybody's back, as an administrator of the workspace would.
func (w *Workspace) Edit(id string, change func(*Member)) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	m, ok := w.members[id]
	if !ok {
		return false
	}
	changed := m.clone()
	change(changed)
	changed.ID = id
	w.commit(m, changed)
	return true
}

// Remove takes a member away without a trace, as when an account is moved to another workspace or erased. It reports whether they were there.
func (w *Workspace) Remove(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	m, ok := w.members[id]
	if !ok {
		return false
	}
	gone := m.clone()
	gone.Active = false
	w.commit(m, gone) // out of the groups
	delete(w.members, id)
	delete(w.memberOf, id)
	delete(w.byEmail, strings.ToLower(m.PrimaryEmail))
	delete(w.byName, m.UserName)
	w.order = slices.DeleteFunc(slices.Clone(w.order), func(other string) bool { return other == id })
	return true
}

// RemoveGroup deletes a group, as somebody in the workspace would. It reports whether it was there.
func (w *Workspace) RemoveGroup(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	g, ok := w.groups[id]
	if ok {
		w.removeGroup(g)
	}
	return ok
}

// SeedGroups adds groups as they are, without limits or checks, and answers their ids. Members that do not exist are left out.
func (w *Workspace) SeedGroups(groups ...Group) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	ids := make([]string, len(groups))
	for i := range groups {
		ids[i] = w.addGroup(&groups[i]).ID
	}
	return ids
}

// Groups lists all groups in the order of their creation.
func (w *Workspace) Groups() []Group {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]Group, 0, len(w.groupIDs))
	for _, id := range w.groupIDs {
		g := w.groups[id].Group
		g.Members = slices.Clone(g.Members)
		out = append(out, g)
	}
	return out
}

// EditGroup changes a group behind everybody's back. Members that do not exist are left out.
func (w *Workspace) EditGroup(id string, change func(*Group)) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	g, ok := w.groups[id]
	if !ok {
		return false
	}
	changed := g.Group
	changed.Members = slices.Clone(g.Members)
	change(&changed)
	changed.ID = id
	w.commitGroup(g, &changed)
	return true
}

// SetToken replaces the token, and the role of whoever made it.
func (w *Workspace) SetToken(token string, role Role) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.token, w.role = token, role
}
