package slack

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
)

// users serves the collection.
func (w *Workspace) users(c *call) (int, any, error) {
	switch c.Method {
	case http.MethodGet:
		return w.listUsers(c)
	case http.MethodPost:
		return w.createUser(c)
	case http.MethodPatch, http.MethodPut, http.MethodDelete:
		return 0, nil, bad("missing_user_id")
	default:
		return 0, nil, errMethod
	}
}

// listUsers answers rows in the order of creation.
func (w *Workspace) listUsers(c *call) (int, any, error) {
	q := c.URL.Query()
	start, count := page(q)
	if err := sorting(query(q, "sortOrder")); err != nil {
		return 0, nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	ids := w.order
	filter := query(q, "filter")
	switch {
	case filter != "" && !w.options.FilterIgnored && !c.fault.FilterIgnored:
		found, err := w.filterUsers(filter)
		if err != nil {
			return 0, nil, err
		}
		ids = found
	case w.options.VisibilityDelay > 0:
		ids = w.where(func(*Member) bool { return true })
	}
	if omitted := c.fault.Omit; omitted != "" {
		ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return id == omitted })
	}
	var out []*wireUser
	for _, id := range slice(ids, start, count, c.fault.Drift) {
		out = append(out, w.render(w.members[id], c.version))
	}
	return http.StatusOK, listBody(c.version, out, len(ids), start), nil
}

// slice cuts a page out of a list.
func slice(ids []string, start, count, drift int) []string {
	from := start - 1
	if from > 0 {
		from = max(from-drift, 0)
	}
	from = min(from, len(ids))
	return ids[from:min(from+count, len(ids))]
}

// sorting: Slack cannot sort, but looks at the order all the same.
func sorting(order string) error {
	if order != "" && order != "ascending" && order != "descending" {
		return bad("invalid_sort_order")
	}
	return nil
}

// where answers the ids of the visible members that match.
func (w *Workspace) where(match func(*Member) bool) []string {
	var out []string
	for _, id := range w.order {
		if m := w.members[id]; w.visible(m) && match(m) {
			out = append(out, id)
		}
	}
	return out
}

// createUser makes a member: sanitise, check the name, then the e-mail, both also against deactivated members.
func (w *Workspace) createUser(c *call) (int, any, error) {
	body, err := resource(c.body)
	if err != nil {
		return 0, nil, err
	}
	if body["userName"] == nil && body["nickName"] == nil {
		return 0, nil, bad("username_required")
	}
	if list, ok := rows(body["emails"]); ok && len(list) == 0 {
		return 0, nil, bad("email_empty")
	}
	if hasEmoji(withoutSecrets(body)) {
		return 0, nil, bad("invalid_emoji_not_allowed")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	m := &Member{Active: true, Role: Ordinary, Timezone: defaultTimezone, Profile: map[string]string{}, made: w.options.Now()}
	s := &setter{workspace: w, member: m, creating: true, urns: versions[c.version]}
	if err := s.all(body, true); err != nil {
		return 0, nil, err
	}
	if m.DisplayName == "" {
		m.DisplayName = m.UserName
	}
	if !s.named {
		m.GivenName = m.DisplayName
	}
	if err := s.done(); err != nil {
		return 0, nil, err
	}
	m.Full = m.Full || lists(body["schemas"], s.urns.enterprise)
	w.keep(s)
	w.add(m)
	return http.StatusCreated, w.render(m, c.version), nil
}

func withoutSecrets(body map[string]any) map[string]any {
	out := maps.Clone(body)
	delete(out, "password")
	delete(out, "photos")
	return out
}

// keep makes the custom profile fields that a write brought with it.
func (w *Workspace) keep(s *setter) {
	for _, name := range s.fields {
		w.fields[name] = true
	}
}

// userID is an id that can be read, of a member or not.
var userID = regexp.MustCompile(`^[A-Z0-9]+$`)

// user serves one member.
func (w *Workspace) user(c *call) (int, any, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := w.members[c.id]
	switch {
	case m == nil && !userID.MatchString(c.id):
		return 0, nil, bad("cannot_decode_user_id")
	case m == nil:
		return 0, nil, fail(http.StatusNotFound, "no_such_user")
	}
	switch c.Method {
	case http.MethodGet:
		return http.StatusOK, w.render(m, c.version), nil
	case http.MethodPatch, http.MethodPut, http.MethodDelete:
	default:
		return 0, nil, errMethod
	}
	if err := w.mayWrite(m); err != nil {
		return 0, nil, err
	}
	s := &setter{workspace: w, member: m.clone(), urns: versions[c.version]}
	err := w.change(s, c)
	if err == nil || w.options.PartialPatch && c.Method == http.MethodPatch && c.version == "v2" {
		if refused := w.changed(m, s, c); err == nil {
			err = refused
		}
	}
	switch {
	case err != nil:
		return 0, nil, err
	case c.Method == http.MethodDelete && c.version == "v1":
		return http.StatusOK, nil, nil
	case c.Method == http.MethodDelete:
		return http.StatusNoContent, nil, nil
	default:
		return http.StatusOK, w.render(m, c.version), nil
	}
}

// change writes what is asked into the setter's copy.
func (w *Workspace) change(s *setter, c *call) error {
	switch {
	case c.Method == http.MethodDelete:
		s.member.Active = false
		s.member.deleted = w.options.Now()
		return nil
	case c.Method == http.MethodPut:
		return s.put(c.body)
	case c.version == "v1":
		return s.patchV1(c.body)
	default:
		return s.patchV2(c.body)
	}
}

// changed makes the copy the member, unless the member must stay active. Slack's failure of April 2024 was that an update which
// does not mention active left the member inactive.
func (w *Workspace) changed(m *Member, s *setter, c *call) error {
	if c.fault.DeactivateOnUpdate && c.Method != http.MethodDelete && !s.activity && refuseDisable(m) == nil {
		s.member.Active = false
	}
	if m.Active && !s.member.Active {
		if err := refuseDisable(m); err != nil {
			return err
		}
	}
	w.keep(s)
	w.commit(m, s.member)
	return nil
}

func sortedKeys(values map[string]any) []string {
	return slices.Sorted(maps.Keys(values))
}
