package slack

import (
	"encoding/json"
	"slices"
	"strings"
)

// resource reads a body that must name its schemas.
func resource(raw []byte) (map[string]any, error) {
	var body map[string]any
	if json.Unmarshal(raw, &body) != nil || body == nil {
		return nil, errPayload
	}
	if list, _ := body["schemas"].([]any); len(list) == 0 {
		return nil, errSchemas
	}
	return body, nil
}

// put overwrites everything: what is left out is blanked, active among it. The name stays, as in Slack's own example.
func (s *setter) put(raw []byte) error {
	body, err := resource(raw)
	if err != nil {
		return err
	}
	if body["userName"] == nil && body["nickName"] == nil {
		return bad("username_required")
	}
	if list, ok := rows(body["emails"]); ok && len(list) == 0 {
		return bad("email_empty")
	}
	m := s.member
	m.Title, m.SecondaryEmail, m.PrimaryPhone, m.MobilePhone, m.HonorificPrefix, m.Active = "", "", "", "", "", false
	m.Timezone, m.Profile = defaultTimezone, map[string]string{}
	if !s.workspace.options.UsersMayChangeDisplayName {
		m.DisplayName = ""
	}
	if err := s.all(body, true); err != nil {
		return err
	}
	return s.done()
}

// patchV1 takes a partial resource: meta.attributes are removed, rows with the operation delete go, and the rest is set.
func (s *setter) patchV1(raw []byte) error {
	body, err := resource(raw)
	if err != nil {
		return err
	}
	meta, _ := body["meta"].(map[string]any)
	list, _ := meta["attributes"].([]any)
	for _, a := range list {
		name, _ := a.(string)
		p, ok := parsePath(name, s.urns)
		if !ok {
			return errFormat
		}
		if err := s.clear(p); err != nil {
			return err
		}
	}
	for _, name := range []string{"emails", "phoneNumbers", "addresses", "roles", "photos"} {
		kept, err := s.deleteRows(name, body[name])
		if err != nil {
			return err
		}
		if kept != nil {
			body[name] = kept
		} else {
			delete(body, name)
		}
	}
	if err := s.all(body, false); err != nil {
		return err
	}
	return s.done()
}

// deleteRows takes away the rows of a list that say so, and answers the others; nil = there are none.
func (s *setter) deleteRows(name string, v any) (any, error) {
	list, ok := v.([]any)
	if !ok {
		return v, nil
	}
	var kept []any
	for _, e := range list {
		r, _ := e.(map[string]any)
		if r["operation"] != "delete" {
			kept = append(kept, e)
			continue
		}
		p := path{name: name}
		value, _ := plain(r["value"])
		switch name {
		case "addresses":
			if !s.sameAddress(r) {
				continue
			}
		case "roles":
			if value != s.member.Profile["role"] {
				continue
			}
		case "photos":
		default:
			p.row = &row{"value", value}
		}
		if err := s.clear(p); err != nil {
			return nil, err
		}
	}
	if kept == nil {
		return nil, nil
	}
	return kept, nil
}

// sameAddress: an address is removed only if all of its parts match.
func (s *setter) sameAddress(r map[string]any) bool {
	return !slices.ContainsFunc(addressParts, func(part string) bool {
		value, _ := plain(r[part])
		return value != s.member.Profile[part]
	})
}

// operation is one of a version 2 PATCH.
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

// operations reads a version 2 PATCH. The case of an op does not matter.
func operations(raw []byte) ([]operation, error) {
	var body struct {
		Schemas    []string    `json:"schemas"`
		Operations []operation `json:"Operations"`
	}
	if json.Unmarshal(raw, &body) != nil {
		return nil, errPayload
	}
	if len(body.Schemas) == 0 {
		return nil, errSchemas
	}
	for i := range body.Operations {
		o := &body.Operations[i]
		o.Op = strings.ToLower(o.Op)
		if o.Op != "add" && o.Op != "replace" && (o.Op != "remove" || o.Path == "") {
			return nil, errPayload
		}
	}
	return body.Operations, nil
}

// patchV2 does the operations in their order. Slack's own example for the start date is a body of version 1 in version 2, so
// that one is taken as well.
func (s *setter) patchV2(raw []byte) error {
	list, err := operations(raw)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		body, err := resource(raw)
		if err != nil || body[s.urns.profile] == nil {
			return errPayload
		}
		return s.all(body, false)
	}
	for _, o := range list {
		saved, fields := s.member.clone(), s.fields
		err := s.operate(o)
		if err == nil {
			err = s.done()
		}
		if err != nil {
			*s.member, s.fields = *saved, fields
			return err
		}
	}
	return nil
}

func (s *setter) operate(o operation) error {
	if o.Path == "" {
		values, ok := o.Value.(map[string]any)
		if !ok {
			return errFormat
		}
		return s.values(values, o.Op == "replace")
	}
	p, ok := parsePath(o.Path, s.urns)
	if !ok {
		return errFormat
	}
	if o.Op == "remove" {
		return s.clear(p)
	}
	return s.write(p, o.Value, o.Op == "replace")
}

// values takes an operation without a path. Its keys are paths.
func (s *setter) values(values map[string]any, replaces bool) error {
	for _, name := range sortedKeys(values) {
		p, ok := parsePath(name, s.urns)
		if !ok {
			return errFormat
		}
		if err := s.write(p, values[name], replaces); err != nil {
			return err
		}
	}
	return nil
}
