package provision

import (
	"fmt"
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"lockstep/internal/problem"
	"lockstep/internal/secret"
)

const maxSetting = 4096

// Effective is the connection with its type's defaults filled in.
func Effective(t Type, c Connection) Connection {
	c.Settings = maps.Clone(c.Settings)
	if c.Settings == nil {
		c.Settings = map[string]any{}
	}
	for _, f := range t.Fields {
		if v, ok := c.Settings[f.Key]; f.Default != nil && (!ok || v == "") {
			c.Settings[f.Key] = f.Default
		}
	}
	return c
}

// Configure reads a configuration as clients send it: other spellings of keys and values are taken over, secrets go apart.
// A secret that is left out is taken from kept, an empty one is cleared. Any other setting that is left out, null or empty has no
// value: defaults are not written down, so that better ones reach connections that exist. It does not store anything.
func (s *Service) Configure(c *Connection, configuration map[string]any, kept map[string]secret.Text) error {
	t, ok := s.catalogue.Type(c.Type)
	if !ok {
		names := make([]string, 0, len(s.catalogue.Types()))
		for _, known := range s.catalogue.Types() {
			names = append(names, known.Name)
		}
		p := problem.New(problem.InvalidData, "The connection cannot be saved:")
		p.Details = []problem.Detail{{Code: problem.InvalidValue, Target: "type", Message: "connections of this type are not supported", AllowedValues: names}}
		return p
	}
	c.Type = t.Name
	c.Settings, c.Secrets = map[string]any{}, maps.Clone(kept)
	if c.Secrets == nil {
		c.Secrets = map[string]secret.Text{}
	}
	var l problem.List
	var wrong []string // said once, not once more as missing
	for _, key := range slices.Sorted(maps.Keys(configuration)) {
		if own, ok := setting(&l, t, c, key, configuration[key]); !ok {
			wrong = append(wrong, own)
		}
	}
	for _, f := range t.Fields {
		given := c.Settings[f.Key] != nil || f.Default != nil
		if f.Kind == FieldSecret {
			given = !c.Secrets[f.Key].IsZero()
		}
		if f.Required && !given && !slices.Contains(wrong, f.Key) {
			l.Add(problem.RequiredValue, "configuration."+f.Key, "%s is required", f.Label)
		}
	}
	return l.Err("The connection cannot be saved:")
}

// ConfigureWith is Configure for a new connection, with tokens that were had by OAuth where t is not nil. They are for the server for
// which they were given, and no other.
func (s *Service) ConfigureWith(c *Connection, configuration map[string]any, t *Tokens) error {
	kind, ok := s.catalogue.Type(c.Type)
	if !ok || t == nil {
		if err := s.Configure(c, configuration, nil); err != nil {
			return err
		}
		c.Grant = &Grant{Origin: kind.OriginOf(c), ObtainedAt: c.UpdatedAt}
		return nil
	}
	if _, given := configuration[kind.TokenKey]; given {
		return invalid(problem.InvalidValue, "configuration."+kind.TokenKey, "a token was obtained already; leave this out, or leave the authorization out")
	}
	if err := s.Configure(c, configuration, t.secrets(&kind)); err != nil {
		return err
	}
	if kind.OriginOf(c) != t.Grant.Origin {
		return invalid(problem.InvalidValue, "configuration."+KeyBaseURL, "the token was obtained from another server; obtain one for this base URL")
	}
	g := t.Grant
	c.Grant = &g
	return nil
}

// Reconfigure is Configure for a connection that exists. Its secrets are sent to no other server than they were given for: whoever
// changes the server has to enter them again. proven is what the target says of a token that replaces the saved one; nil = it was not
// asked, and the new one has to be for the workspace that is known.
func (s *Service) Reconfigure(c *Connection, configuration map[string]any, before *Connection, proven *Identity) error {
	c.Type = before.Type
	if err := s.Configure(c, configuration, before.Secrets); err != nil {
		return err
	}
	kind, _ := s.catalogue.Type(c.Type)
	was := kind.OriginOf(before)
	if g := before.Grant; g != nil && g.Origin != "" {
		was = g.Origin
	}
	if now := kind.OriginOf(c); now != was {
		var l problem.List
		for _, key := range kind.secretKeys() {
			if !kind.names(configuration, key) && !c.Secrets[key].IsZero() {
				l.Add(problem.RequiredValue, "configuration."+key, "the base URL leads to another server now, and the saved token is not sent there: enter the token for it")
			}
		}
		if err := l.Err("The connection cannot be saved:"); err != nil {
			return err
		}
	}
	kind.granted(before, c, proven)
	return nil
}

// names reports whether a configuration has a value for a setting, by its own name or another that clients use.
func (t *Type) names(configuration map[string]any, key string) bool {
	for given, value := range configuration {
		if value != nil && value != "" && (given == key || t.Rename[given] == key) {
			return true
		}
	}
	return false
}

// setting takes over one setting. It answers our key for it, and false when its value was refused.
func setting(l *problem.List, t Type, c *Connection, key string, value any) (string, bool) {
	target := "configuration." + key
	if slices.Contains(t.Ignore, key) || value == nil {
		return key, true
	}
	if renamed, ok := t.Rename[key]; ok {
		if value == "" {
			return renamed, true // other clients send empty twins of keys that they do not use
		}
		key = renamed
	}
	i := slices.IndexFunc(t.Fields, func(f Field) bool { return f.Key == key })
	if i < 0 {
		keys := make([]string, len(t.Fields))
		for i, f := range t.Fields {
			keys[i] = f.Key
		}
		message := t.Title + " connections have no such setting; remove it"
		if len(keys) == 0 {
			message = "connections of the type " + t.Name + " have no settings; remove it"
		}
		l.AddDetail(problem.Detail{Code: problem.InvalidValue, Target: target, Message: message, AllowedValues: keys})
		return key, false
	}
	f := t.Fields[i]
	if f.Kind == FieldSecret {
		return key, readSecret(l, target, c.Secrets, key, value)
	}
	v, message := f.read(value)
	if message != "" {
		l.AddDetail(problem.Detail{Code: problem.InvalidValue, Target: target, Message: message, AllowedValues: f.Allowed})
		return key, false
	}
	if v != nil {
		c.Settings[key] = v
	}
	return key, true
}

func readSecret(l *problem.List, target string, into map[string]secret.Text, key string, value any) bool {
	text, ok := value.(string)
	text = strings.TrimSpace(text) // pasted with a line break at its end
	switch {
	case !ok || len(text) > maxSetting || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
		l.Add(problem.InvalidValue, target, "text without line breaks, of at most %d characters, is needed", maxSetting)
		return false
	case text == "":
		delete(into, key)
	default:
		into[key] = secret.New(text)
	}
	return true
}

// read gives a value the field's kind, or nil where the value is empty. Terraform sends everything as text.
func (f Field) read(value any) (any, string) { //nolint:gocyclo // one case a kind of setting
	text, isText := value.(string)
	text = strings.TrimSpace(text)
	switch {
	case isText && text == "":
		return nil, ""
	case len(text) > maxSetting:
		return nil, fmt.Sprintf("at most %d characters are allowed", maxSetting)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
		return nil, "control characters such as line breaks are not allowed"
	}
	switch f.Kind {
	case FieldFlag:
		if b, ok := value.(bool); ok {
			return b, ""
		}
		if b, err := strconv.ParseBool(strings.ToLower(text)); isText && err == nil {
			return b, ""
		}
		return nil, "true or false is needed"
	case FieldNumber:
		n, ok := value.(float64)
		if isText {
			parsed, err := strconv.ParseFloat(text, 64)
			n, ok = parsed, err == nil
		}
		if !ok || math.IsNaN(n) || math.IsInf(n, 0) || f.Minimum != nil && n < *f.Minimum || f.Maximum != nil && n > *f.Maximum {
			return nil, "a number " + f.bounds() + "is needed"
		}
		return n, ""
	}
	if !isText {
		return nil, "text is needed"
	}
	if f.Kind == FieldURL {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" {
			return nil, "an http or https address is needed, such as https://api.example.com/scim/v2/"
		}
	}
	if len(f.Allowed) == 0 {
		return text, ""
	}
	for _, allowed := range f.Allowed {
		if strings.EqualFold(allowed, text) {
			return allowed, ""
		}
	}
	return nil, "the value is not one of those allowed"
}

// bounds says between which numbers a setting may be.
func (f Field) bounds() string {
	switch {
	case f.Minimum != nil && f.Maximum != nil:
		return fmt.Sprintf("from %g to %g ", *f.Minimum, *f.Maximum)
	case f.Minimum != nil:
		return fmt.Sprintf("of at least %g ", *f.Minimum)
	case f.Maximum != nil:
		return fmt.Sprintf("of at most %g ", *f.Maximum)
	default:
		return ""
	}
}
