// Package slack is a simulated Slack workspace: Slack's SCIM API (v2, and v1 for users) as public records describe it, on a
// model in memory. It is for demos, rehearsals and tests, and shares no code with the connector, so that neither hides the
// other's mistakes.
//
// Faithful: constraints and coupling of names, e-mails and phones; null-laden answers; both error shapes; a
// ServiceProviderConfig that denies filters and answers anybody; deactivation that never removes; rate limits and locks with
// Retry-After. What Slack does not document is an Option.
package slack

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Options shape a workspace. The zero value is Slack as documented, without a token.
type Options struct {
	Token     string
	TimeScale float64 // rate limits run this many times faster; 0 = as Slack's; negative = no limits
	Now       func() time.Time
	// Latency is added to every request.
	Latency time.Duration
	// ConflictStatus is the status of email_taken and username_taken; 0 = 409.
	ConflictStatus int
	// FilterIgnored answers every list as if it had no filter.
	FilterIgnored bool
	// UsersMayChangeDisplayName refuses updates of displayName, as Slack does while members may change theirs.
	UsersMayChangeDisplayName bool
	// VisibilityDelay hides a new member from lists and filters for a while.
	VisibilityDelay time.Duration
}

// Role is a member's place in the workspace.
type Role string

// The roles.
const (
	Ordinary     Role = "member"
	Admin        Role = "admin"
	Owner        Role = "owner"
	PrimaryOwner Role = "primary_owner"
)

// Member is a member of the workspace.
type Member struct {
	ID              string            `json:"id"`
	UserName        string            `json:"userName"`
	DisplayName     string            `json:"displayName"`
	GivenName       string            `json:"givenName"`
	FamilyName      string            `json:"familyName"`
	HonorificPrefix string            `json:"honorificPrefix,omitempty"`
	Title           string            `json:"title"`
	PrimaryEmail    string            `json:"primaryEmail"`
	SecondaryEmail  string            `json:"secondaryEmail,omitempty"`
	PrimaryPhone    string            `json:"primaryPhone,omitempty"`
	MobilePhone     string            `json:"mobilePhone,omitempty"`
	Timezone        string            `json:"timezone"`
	Profile         map[string]string `json:"profile,omitempty"` // locale, userType, role, address and enterprise values
	Active          bool              `json:"active"`
	Role            Role              `json:"role"`
	Bot             bool              `json:"bot,omitempty"`
	Erased          bool              `json:"erased,omitempty"` // by GDPR: never to be changed
	Full            bool              `json:"-"`                // answered in the full shape
	Created         time.Time         `json:"created"`
	photo           string
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
	groups   map[string]*group
	groupIDs []string
	next     int
	locked   map[string]bool
	faults   []*Fault
	log      Log
	token    string
	role     Role

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
	w := &Workspace{
		options: o, members: map[string]*Member{}, byEmail: map[string]string{}, byName: map[string]string{"general": "#", "random": "#"},
		groups: map[string]*group{}, locked: map[string]bool{}, token: o.Token, role: Owner, budgets: newBudgets(o.TimeScale),
	}
	w.log.Totals = map[string]int64{}
	w.routes()
	return w
}

// published are Slack's limits a minute and their bursts (docs.slack.dev/reference/scim-api/rate-limits).
var published = map[string][2]int{
	"write": {600, 180}, "read": {1000, 1000}, "GET /Users/{id}": {300, 300}, "POST /Users": {180, 20}, "PATCH /Users/{id}": {180, 20},
	"DELETE /Users/{id}": {180, 20}, "GET /Groups/{id}": {300, 300}, "POST /Groups": {180, 20}, "PATCH /Groups/{id}": {180, 80}, "DELETE /Groups/{id}": {180, 20},
}

func newBudgets(scale float64) map[string]*rate.Limiter {
	if scale < 0 {
		return nil
	}
	if scale == 0 {
		scale = 1
	}
	out := map[string]*rate.Limiter{}
	for name, p := range published {
		out[name] = rate.NewLimiter(rate.Limit(float64(p[0])/60*scale), p[1])
	}
	return out
}

// Seed adds members as they are, without limits or checks, and answers their ids. Missing values are filled in.
func (w *Workspace) Seed(members ...Member) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	ids := make([]string, len(members))
	for i := range members {
		m := members[i]
		if m.Role == "" {
			m.Role = Ordinary
		}
		w.add(&m)
		ids[i] = m.ID
	}
	return ids
}

func (w *Workspace) add(m *Member) {
	if m.ID == "" {
		w.next++
		m.ID = "U" + strings.ToUpper(fmt.Sprintf("%09s", strconv.FormatInt(int64(w.next)*7919+36*36*36*36*36, 36)))
	}
	if m.Created.IsZero() {
		m.Created = w.options.Now()
	}
	if m.Timezone == "" {
		m.Timezone = "America/Los_Angeles"
	}
	if m.Profile == nil {
		m.Profile = map[string]string{}
	}
	m.UserName, m.PrimaryEmail = strings.ToLower(m.UserName), strings.TrimSpace(m.PrimaryEmail)
	w.members[m.ID] = m
	w.order = append(w.order, m.ID)
	w.byEmail[strings.ToLower(m.PrimaryEmail)] = m.ID
	w.byName[m.UserName] = m.ID
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

// Edit changes a member behind everybody's back, as an administrator of the workspace would.
func (w *Workspace) Edit(id string, change func(*Member)) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	m, ok := w.members[id]
	if !ok {
		return false
	}
	delete(w.byEmail, strings.ToLower(m.PrimaryEmail))
	delete(w.byName, m.UserName)
	change(m)
	m.ID = id
	w.byEmail[strings.ToLower(m.PrimaryEmail)] = id
	w.byName[m.UserName] = id
	return true
}

// SetToken replaces the token, and the role of whoever made it.
func (w *Workspace) SetToken(token string, role Role) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.token, w.role = token, role
}

// Log is what was asked of the workspace.
type Log struct {
	Requests []Request        `json:"requests"` // the last 10,000
	Totals   map[string]int64 `json:"totals"`   // by method and endpoint, "429", and "writes"
}

// Request is one request that was answered.
type Request struct {
	At     time.Time `json:"at"`
	Method string    `json:"method"`
	Path   string    `json:"path"`
	Status int       `json:"status"` // 0: the connection was broken
}

const keptRequests = 10_000

// Requests answers what was asked since the log was reset.
func (w *Workspace) Requests() Log {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := Log{Requests: slices.Clone(w.log.Requests), Totals: map[string]int64{}}
	maps.Copy(out.Totals, w.log.Totals)
	return out
}

// ResetLog forgets the requests.
func (w *Workspace) ResetLog() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = Log{Totals: map[string]int64{}}
}

func (w *Workspace) note(method, path, endpoint string, status int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.log.Requests) >= keptRequests {
		w.log.Requests = slices.Clone(w.log.Requests[keptRequests/2:])
	}
	w.log.Requests = append(w.log.Requests, Request{w.options.Now(), method, path, status})
	w.log.Totals[endpoint]++
	if status == http.StatusTooManyRequests {
		w.log.Totals["429"]++
	}
	if method != http.MethodGet && status < 300 {
		w.log.Totals["writes"]++
	}
}
