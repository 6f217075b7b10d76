package slack

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Role is a member's place in the workspace.
type Role string

// The roles. A workspace inside an Enterprise organisation has a primary owner of its own.
const (
	Ordinary              Role = "member"
	Admin                 Role = "admin"
	Owner                 Role = "owner"
	PrimaryOwner          Role = "primary_owner"
	WorkspacePrimaryOwner Role = "workspace_primary_owner"
)

// Guest says how far a guest may go.
type Guest string

// The guests. SCIM can make only those of several channels, and list the others.
const (
	MultiChannel  Guest = "multi"
	SingleChannel Guest = "single"
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
	Profile         map[string]string `json:"profile,omitempty"` // locale, userType, role, startDate, address and enterprise values
	ProfileURL      string            `json:"profileUrl,omitempty"`
	Active          bool              `json:"active"`
	Role            Role              `json:"role"`
	Guest           Guest             `json:"guest,omitempty"`
	GuestExpires    string            `json:"guestExpires,omitempty"`
	Bot             bool              `json:"bot,omitempty"`
	Erased          bool              `json:"erased,omitempty"` // by GDPR: never to be changed
	Full            bool              `json:"-"`                // answered in the full shape
	Created         time.Time         `json:"created"`

	made    time.Time // when SCIM made the member, who is in no list for a while; zero = was there before
	deleted time.Time // of the DELETE that reads may not know of yet
	photo   photo
}

// photo is fetched some time after it was named: until then, answers show the one before.
type photo struct {
	address, before string
	named           time.Time
}

func (m *Member) clone() *Member {
	out := *m
	out.Profile = maps.Clone(m.Profile)
	if out.Profile == nil {
		out.Profile = map[string]string{}
	}
	return &out
}

// fullName is what others see where there is no room for more.
func (m *Member) fullName() string {
	if name := strings.TrimSpace(m.GivenName + " " + m.FamilyName); name != "" {
		return name
	}
	if m.DisplayName != "" {
		return m.DisplayName
	}
	return m.UserName
}

const defaultTimezone = "America/Los_Angeles"

// add takes a new member in and fills in what it lacks.
func (w *Workspace) add(m *Member) {
	if m.ID == "" {
		w.next++
		m.ID = "U" + strings.ToUpper(fmt.Sprintf("%09s", strconv.FormatInt(int64(w.next)*7919+36*36*36*36*36, 36)))
	}
	if m.Role == "" {
		m.Role = Ordinary
	}
	if m.Created.IsZero() {
		m.Created = w.options.Now()
	}
	if m.Timezone == "" {
		m.Timezone = defaultTimezone
	}
	m.UserName, m.PrimaryEmail = strings.ToLower(m.UserName), strings.TrimSpace(m.PrimaryEmail)
	m.Full = m.Full || len(m.Profile) > 0 || m.PrimaryPhone != "" || m.MobilePhone != "" || m.HonorificPrefix != ""
	w.members[m.ID] = m
	w.order = append(w.order, m.ID)
	w.byEmail[strings.ToLower(m.PrimaryEmail)] = m.ID
	w.byName[m.UserName] = m.ID
}

// commit makes a member what it was changed to. Whoever is deactivated leaves the groups.
func (w *Workspace) commit(m, changed *Member) {
	if email := strings.ToLower(m.PrimaryEmail); w.byEmail[email] == m.ID {
		delete(w.byEmail, email)
	}
	if w.byName[m.UserName] == m.ID {
		delete(w.byName, m.UserName)
	}
	if m.Active && !changed.Active && !w.options.DeactivatedStayInGroups {
		for _, g := range w.memberOf[m.ID] {
			g.Members = slices.DeleteFunc(g.Members, func(id string) bool { return id == m.ID })
			delete(g.has, m.ID)
		}
		delete(w.memberOf, m.ID)
	}
	*m = *changed
	w.byEmail[strings.ToLower(m.PrimaryEmail)], w.byName[m.UserName] = m.ID, m.ID
}

func (w *Workspace) visible(m *Member) bool {
	return m.made.IsZero() || w.options.Now().Sub(m.made) >= w.options.VisibilityDelay
}

// active is what reads say, which is late after a DELETE.
func (w *Workspace) active(m *Member) bool {
	return m.Active || !m.deleted.IsZero() && w.options.Now().Sub(m.deleted) < w.options.DeactivationDelay
}

// mayWrite: an admin's token cannot touch owners; an erased profile is never changed.
func (w *Workspace) mayWrite(m *Member) error {
	switch {
	case m.Erased:
		return fail(http.StatusForbidden, "cannot_modify_gdpr")
	case w.role == Admin && (m.Role == Owner || m.Role == PrimaryOwner || m.Role == WorkspacePrimaryOwner):
		return fail(http.StatusForbidden, "permission_denied")
	default:
		return nil
	}
}

func refuseDisable(m *Member) error {
	switch {
	case m.Bot:
		return fail(http.StatusForbidden, "cannot_disable_bot_user_with_scim")
	case m.Role == PrimaryOwner:
		return fail(http.StatusForbidden, "cannot_disable_primary_owner")
	case m.Role == WorkspacePrimaryOwner:
		return fail(http.StatusForbidden, "primary_owner_check_failure")
	case m.Role == Owner:
		return fail(http.StatusForbidden, "cannot_modify_owner")
	default:
		return nil
	}
}
