package slack

import (
	"strconv"
	"strings"
)

// filter is one that was read: what Slack documents of SCIM's, which is eq co sw pr gt ge lt le, and, or and brackets.
type filter[T any] struct {
	match func(T) bool
	// A single equality, for which there may be an index. Empty where it is more.
	attribute, value string
}

// getters are what can be filtered by. Names are lower case.
type getters[T any] map[string]func(T) string

const (
	maxFilter = 8 << 10
	maxNested = 32
)

// The refusals. Which of Slack's codes is for what is not documented; the first is what it answers to garbage.
var (
	errNoFilters  = bad("no_filters (is_aggregate_call=1)")
	errIncomplete = bad("incomplete_filter")
	errBrackets   = bad("invalid_filter_group")
	errOperator   = bad("invalid_query")
	errTooMuch    = bad("query_building_failed")
)

// parseFilter reads a filter. Names, operators and values have no case; values are quoted or bare.
func parseFilter[T any](raw string, get getters[T]) (*filter[T], error) {
	if len(raw) > maxFilter {
		return nil, errTooMuch
	}
	words, err := split(raw)
	if err != nil {
		return nil, err
	}
	p := &parser[T]{words: words, get: get}
	f, err := p.either(0)
	switch {
	case err != nil:
		return nil, err
	case p.at < len(words) && words[p.at].is(")"):
		return nil, errBrackets
	case p.at < len(words):
		return nil, errTooMuch // two conditions, and nothing between them
	default:
		return f, nil
	}
}

// word is a piece of a filter.
type word struct {
	text   string
	quoted bool
}

func (t word) is(s string) bool { return !t.quoted && strings.EqualFold(t.text, s) }

func split(raw string) ([]word, error) {
	var out []word
	for i := 0; i < len(raw); {
		switch c := raw[i]; c {
		case ' ', '\t':
			i++
		case '(', ')':
			out = append(out, word{text: string(c)})
			i++
		case '"', '\'':
			end := i + 1
			for end < len(raw) && raw[end] != c {
				if raw[end] == '\\' && c == '"' {
					end++
				}
				end++
			}
			if end >= len(raw) {
				return nil, errIncomplete
			}
			out = append(out, word{literal(raw[i : end+1]), true})
			i = end + 1
		default:
			end := i + strings.IndexAny(raw[i:]+" ", " \t()")
			out = append(out, word{text: raw[i:end]})
			i = end
		}
	}
	return out, nil
}

type parser[T any] struct {
	words []word
	at    int
	get   getters[T]
}

func (p *parser[T]) take(s string) bool {
	if p.at < len(p.words) && p.words[p.at].is(s) {
		p.at++
		return true
	}
	return false
}

func (p *parser[T]) either(depth int) (*filter[T], error) {
	left, err := p.both(depth)
	for err == nil && p.take("or") {
		var right *filter[T]
		if right, err = p.both(depth); err == nil {
			a, b := left.match, right.match
			left = &filter[T]{match: func(v T) bool { return a(v) || b(v) }}
		}
	}
	return left, err
}

func (p *parser[T]) both(depth int) (*filter[T], error) {
	left, err := p.one(depth)
	for err == nil && p.take("and") {
		var right *filter[T]
		if right, err = p.one(depth); err == nil {
			a, b := left.match, right.match
			left = &filter[T]{match: func(v T) bool { return a(v) && b(v) }}
		}
	}
	return left, err
}

func (p *parser[T]) one(depth int) (*filter[T], error) {
	if depth > maxNested {
		return nil, errTooMuch
	}
	if p.take("(") {
		f, err := p.either(depth + 1)
		if err == nil && !p.take(")") {
			err = errBrackets
		}
		return f, err
	}
	if p.at == len(p.words) {
		if p.at == 0 {
			return nil, errNoFilters
		}
		return nil, errIncomplete
	}
	if p.words[p.at].is(")") {
		return nil, errBrackets
	}
	return p.condition()
}

func (p *parser[T]) condition() (*filter[T], error) {
	name := strings.ToLower(p.words[p.at].text)
	get, ok := p.get[name]
	rest := p.words[p.at+1:]
	switch {
	case name == "not":
		return nil, errOperator
	case !ok:
		return nil, errNoFilters
	case len(rest) == 0:
		return nil, errIncomplete
	}
	op := strings.ToLower(rest[0].text)
	if op == "pr" {
		p.at += 2
		return &filter[T]{match: func(v T) bool { return get(v) != "" }}, nil
	}
	compare, ok := comparisons[op]
	switch {
	case !ok:
		return nil, errOperator
	case len(rest) < 2 || !rest[1].quoted && strings.ContainsAny(rest[1].text, "()"):
		return nil, errIncomplete
	}
	p.at += 3
	want := strings.ToLower(rest[1].text)
	f := &filter[T]{match: func(v T) bool { return compare(strings.ToLower(get(v)), want) }}
	if op == "eq" {
		f.attribute, f.value = name, want
	}
	return f, nil
}

var comparisons = map[string]func(have, want string) bool{
	"eq": func(have, want string) bool { return have == want || have == boolean(want) },
	"co": strings.Contains,
	"sw": strings.HasPrefix,
	"gt": func(have, want string) bool { return have > want },
	"ge": func(have, want string) bool { return have >= want },
	"lt": func(have, want string) bool { return have < want },
	"le": func(have, want string) bool { return have <= want },
}

// boolean: true and false are written 1 and 0 in Slack's example.
func boolean(want string) string {
	if b, err := strconv.ParseBool(want); err == nil && len(want) > 1 {
		return flag(b)
	}
	return want
}

func flag(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

var memberGetters = getters[*Member]{
	"username":         func(m *Member) string { return m.UserName },
	"email":            func(m *Member) string { return m.PrimaryEmail },
	"emails":           func(m *Member) string { return m.PrimaryEmail },
	"emails.value":     func(m *Member) string { return m.PrimaryEmail },
	"restricted":       func(m *Member) string { return flag(m.Guest == MultiChannel) },
	"ultra_restricted": func(m *Member) string { return flag(m.Guest == SingleChannel) },
}

// filterUsers answers the ids of those who match.
func (w *Workspace) filterUsers(raw string) ([]string, error) {
	f, err := parseFilter(raw, memberGetters)
	if err != nil {
		return nil, err
	}
	var id string
	switch f.attribute {
	case "username":
		id = w.byName[f.value]
	case "email", "emails", "emails.value":
		id = w.byEmail[f.value]
	default:
		return w.where(f.match), nil
	}
	if m := w.members[id]; m != nil && w.visible(m) {
		return []string{id}, nil
	}
	return nil, nil
}
