package slack

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/mail"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// URNs by version.
type urns struct{ core, enterprise, list string }

var versionURNs = map[string]urns{
	"v1": {"urn:scim:schemas:core:1.0", "urn:scim:schemas:extension:enterprise:1.0", ""},
	"v2": {"urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", "urn:ietf:params:scim:api:messages:2.0:ListResponse"},
}

// text answers null for an unset value of a profile, as Slack does.
func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// render writes a member: the full shape with its nulls, or the minimal one of accounts without a profile.
func (w *Workspace) render(m *Member, c *call) map[string]any {
	u := versionURNs[c.version]
	host := "https://api.slack.com"
	out := map[string]any{
		"schemas": []string{u.core}, "id": m.ID, "externalId": "", "userName": m.UserName, "nickName": m.UserName, "displayName": m.DisplayName,
		"meta":       map[string]any{"created": m.Created.In(pacific).Format("2006-01-02T15:04:05-07:00"), "location": host + "/scim/" + c.version + "/Users/" + m.ID},
		"name":       map[string]any{"givenName": m.GivenName, "familyName": m.FamilyName},
		"profileUrl": "https://sandbox.slack.com/team/" + m.UserName, "title": m.Title, "timezone": m.Timezone, "active": m.Active,
		"emails": []any{map[string]any{"value": m.PrimaryEmail, "primary": true}},
		"photos": []any{map[string]any{"value": "https://secure.gravatar.com/avatar/" + strings.ToLower(m.ID) + ".jpg?s=192", "type": "photo"}},
		"groups": w.groupsOf(m.ID),
	}
	if m.SecondaryEmail != "" {
		out["emails"] = []any{map[string]any{"value": m.PrimaryEmail, "primary": true}, map[string]any{"value": m.SecondaryEmail, "primary": false}}
	}
	if !m.Full {
		return out
	}
	p := m.Profile
	out["schemas"] = []string{u.core, u.enterprise}
	out["name"] = map[string]any{"givenName": m.GivenName, "familyName": m.FamilyName, "honorificPrefix": text(m.HonorificPrefix)}
	out["addresses"] = []any{map[string]any{
		"streetAddress": text(p["streetAddress"]), "locality": text(p["locality"]), "region": text(p["region"]), "postalCode": text(p["postalCode"]), "country": text(p["country"]),
	}}
	out["phoneNumbers"] = []any{map[string]any{"value": text(m.MobilePhone), "type": "mobile"}, map[string]any{"value": text(m.PrimaryPhone), "primary": true}}
	out["userType"], out["preferredLanguage"], out["locale"] = text(p["userType"]), text(p["preferredLanguage"]), text(p["locale"])
	out["roles"] = []any{map[string]any{"value": text(p["role"]), "primary": true}}
	out[u.enterprise] = map[string]any{
		"employeeNumber": text(p["employeeNumber"]), "costCenter": text(p["costCenter"]), "organization": text(p["organization"]),
		"division": text(p["division"]), "department": text(p["department"]), "manager": map[string]any{"managerId": text(p["manager"])},
	}
	return out
}

var pacific = time.FixedZone("", -8*60*60)

// users serves the collection.
func (w *Workspace) users(c *call) (int, any, error) {
	switch c.Method {
	case http.MethodGet:
		return w.listUsers(c)
	case http.MethodPost:
		return w.createUser(c)
	default:
		return 0, nil, fail(http.StatusMethodNotAllowed, "method_not_allowed")
	}
}

func number(s string, otherwise int) int {
	if n, err := strconv.Atoi(s); err == nil {
		return n
	}
	return otherwise
}

// listUsers: count is 10 unless given, and never more than 1,000; rows come in the order of creation.
func (w *Workspace) listUsers(c *call) (int, any, error) {
	q := c.URL.Query()
	start, count := max(number(q.Get("startIndex"), 1), 1), min(max(number(q.Get("count"), 10), 0), 1000)
	w.mu.Lock()
	defer w.mu.Unlock()
	var matching []*Member
	if raw := q.Get("filter"); raw != "" && !w.options.FilterIgnored {
		found, err := w.filterUsers(raw)
		if err != nil {
			return 0, nil, err
		}
		matching = found
	}
	total := len(matching)
	at := func(i int) *Member { return matching[i] }
	if q.Get("filter") == "" || w.options.FilterIgnored {
		total = len(w.order)
		at = func(i int) *Member { return w.members[w.order[i]] }
	}
	resources := []any{}
	for i := start - 1; i < total && len(resources) < count; i++ {
		if m := at(i); w.visible(m) {
			resources = append(resources, w.render(m, c))
		}
	}
	return http.StatusOK, listBody(c.version, resources, total, start), nil
}

func listBody(version string, resources []any, total, start int) any {
	if version == "v1" {
		return struct {
			TotalResults int      `json:"totalResults"`
			ItemsPerPage int      `json:"itemsPerPage"`
			StartIndex   int      `json:"startIndex"`
			Schemas      []string `json:"schemas"`
			Resources    []any    `json:"Resources"`
		}{total, len(resources), start, []string{versionURNs["v1"].core}, resources}
	}
	return struct {
		Schemas      []string `json:"schemas"`
		Resources    []any    `json:"Resources"`
		TotalResults int      `json:"totalResults"`
		ItemsPerPage int      `json:"itemsPerPage"`
		StartIndex   int      `json:"startIndex"`
	}{[]string{versionURNs["v2"].list}, resources, total, len(resources), start}
}

func (w *Workspace) visible(m *Member) bool {
	return w.options.VisibilityDelay == 0 || w.options.Now().Sub(m.Created) >= w.options.VisibilityDelay
}

// filterUsers knows attribute eq "value" joined by and/or, which is what clients send; anything else is no_filters, as Slack
// answers what it cannot read.
func (w *Workspace) filterUsers(raw string) ([]*Member, error) {
	fields := strings.SplitN(strings.TrimSpace(raw), " ", 3)
	if len(fields) != 3 {
		return nil, fail(http.StatusBadRequest, "no_filters (is_aggregate_call=1)")
	}
	value := strings.TrimSpace(fields[2])
	var unquoted string
	if json.Unmarshal([]byte(value), &unquoted) != nil {
		unquoted = strings.Trim(value, `'`)
	}
	want, op := strings.ToLower(unquoted), strings.ToLower(fields[1])
	attribute := strings.ToLower(fields[0])
	get := map[string]func(*Member) string{
		"username": func(m *Member) string { return m.UserName }, "email": func(m *Member) string { return m.PrimaryEmail },
		"emails": func(m *Member) string { return m.PrimaryEmail }, "emails.value": func(m *Member) string { return m.PrimaryEmail },
	}[attribute]
	if get == nil || op != "eq" && op != "co" && op != "sw" {
		return nil, fail(http.StatusBadRequest, "no_filters (is_aggregate_call=1)")
	}
	if op == "eq" {
		id := w.byEmail[want]
		if attribute == "username" {
			id = w.byName[want]
		}
		if m := w.members[id]; m != nil && w.visible(m) {
			return []*Member{m}, nil
		}
		return nil, nil
	}
	var out []*Member
	for _, id := range w.order {
		m := w.members[id]
		v := strings.ToLower(get(m))
		if w.visible(m) && (op == "co" && strings.Contains(v, want) || op == "sw" && strings.HasPrefix(v, want)) {
			out = append(out, m)
		}
	}
	return out, nil
}

// createUser makes a member: sanitise, check the name, then the e-mail, both also against deactivated members.
func (w *Workspace) createUser(c *call) (int, any, error) {
	var body map[string]any
	if json.Unmarshal(c.body, &body) != nil {
		return 0, nil, fail(http.StatusBadRequest, "invalid_request_payload")
	}
	if list, _ := body["schemas"].([]any); len(list) == 0 {
		return 0, nil, fail(http.StatusBadRequest, "missing_schema_element")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	m := &Member{Active: true, Role: Ordinary, Timezone: "America/Los_Angeles", Profile: map[string]string{}}
	s := &setter{workspace: w, member: m, creating: true, urns: versionURNs[c.version]}
	if err := s.all(body); err != nil {
		return 0, nil, err
	}
	if m.UserName == "" {
		return 0, nil, fail(http.StatusBadRequest, "username_empty")
	}
	if m.PrimaryEmail == "" {
		return 0, nil, fail(http.StatusBadRequest, "email_empty")
	}
	if m.GivenName == "" && m.FamilyName == "" {
		m.GivenName = m.DisplayName
	}
	if m.DisplayName == "" && body["displayName"] == nil {
		m.DisplayName = strings.TrimSpace(m.GivenName + " " + m.FamilyName)
	}
	w.add(m)
	return http.StatusCreated, w.render(m, c), nil
}

// user serves one member.
func (w *Workspace) user(c *call) (int, any, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := w.members[c.id]
	if m == nil {
		return 0, nil, fail(http.StatusNotFound, "no_such_user")
	}
	switch c.Method {
	case http.MethodGet:
		return http.StatusOK, w.render(m, c), nil
	case http.MethodPatch, http.MethodPut, http.MethodDelete:
	default:
		return 0, nil, fail(http.StatusMethodNotAllowed, "method_not_allowed")
	}
	if err := w.mayWrite(m); err != nil {
		return 0, nil, err
	}
	changed := *m // nothing is changed unless everything can be
	changed.Profile = map[string]string{}
	maps.Copy(changed.Profile, m.Profile)
	s := &setter{workspace: w, member: &changed, urns: versionURNs[c.version]}
	var err error
	switch {
	case c.Method == http.MethodDelete:
		changed.Active = false
	case c.Method == http.MethodPut:
		err = s.put(c.body)
	case c.version == "v1":
		err = s.patchV1(c.body)
	default:
		err = s.patchV2(c.body)
	}
	if err == nil && m.Active && !changed.Active {
		err = refuseDisable(m)
	}
	if err != nil {
		return 0, nil, err
	}
	delete(w.byEmail, strings.ToLower(m.PrimaryEmail))
	delete(w.byName, m.UserName)
	*m = changed
	w.byEmail[strings.ToLower(m.PrimaryEmail)], w.byName[m.UserName] = m.ID, m.ID
	if c.Method == http.MethodDelete {
		if c.version == "v1" {
			return http.StatusOK, nil, nil
		}
		return http.StatusNoContent, nil, nil
	}
	return http.StatusOK, w.render(m, c), nil
}

// mayWrite: an admin's token cannot touch owners; an erased profile is never changed.
func (w *Workspace) mayWrite(m *Member) error {
	switch {
	case m.Erased:
		return fail(http.StatusForbidden, "cannot_modify_gdpr")
	case w.role == Admin && (m.Role == Owner || m.Role == PrimaryOwner):
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
	default:
		return nil
	}
}

const maxName = 21

// sanitise is what Slack makes of a username: lower case, special characters to _.
func sanitise(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '_' || r == '-':
			return r
		default:
			return '_'
		}
	}, strings.ToLower(s))
}

var reserved = map[string]bool{"slackbot": true, "everyone": true, "here": true, "channel": true, "group": true}

func (s *setter) userName(v string) error {
	name := sanitise(strings.TrimSpace(v))
	switch {
	case name == "":
		return fail(http.StatusBadRequest, "username_empty")
	case utf8.RuneCountInString(name) > maxName:
		return fail(http.StatusBadRequest, "username_too_long (username="+name+")")
	case reserved[name]:
		return fail(http.StatusBadRequest, "username_not_allowed (user="+name+")")
	}
	if id := s.workspace.byName[name]; id != "" && id != s.member.ID {
		return fail(s.workspace.options.ConflictStatus, "username_taken (username="+name+")")
	}
	s.member.UserName = name
	return nil
}

func (s *setter) displayName(v string) error {
	switch {
	case !s.creating && s.workspace.options.UsersMayChangeDisplayName && v != s.member.DisplayName:
		return fail(http.StatusBadRequest, "invalid_display_name (user="+s.member.ID+")")
	case strings.HasPrefix(v, "@"):
		return fail(http.StatusBadRequest, "invalid_starts_with_at")
	case strings.Contains(v, "@"):
		return fail(http.StatusBadRequest, "invalid_name_specials (user="+s.member.ID+")")
	case utf8.RuneCountInString(v) > 80:
		return fail(http.StatusBadRequest, "invalid_name_maxlength")
	}
	s.member.DisplayName = v
	return nil
}

func (s *setter) primaryEmail(v string) error {
	if a, err := mail.ParseAddress(v); err != nil || a.Address != v {
		return fail(http.StatusBadRequest, "bad_email_address")
	}
	if id := s.workspace.byEmail[strings.ToLower(v)]; id != "" && id != s.member.ID {
		return fail(s.workspace.options.ConflictStatus, "email_taken (email="+v+" existing_user="+id+")")
	}
	s.member.PrimaryEmail = v
	return nil
}
