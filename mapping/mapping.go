package mapping

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"lockstep/provision"
)

// activeAttribute is the target attribute that says whether the account is active; it becomes Result.Active.
const activeAttribute = "active"

// Table is the compiled mappings of one rule. It is safe for concurrent use.
type Table struct {
	rows       []row
	createOnly []string
}

type row struct {
	target     provision.TargetAttribute
	source     string      // set, or
	expression *Expression // set
	createOnly bool
	clear      bool
}

// Result is what the mappings give for one person, as wanted; the target's own way to store it comes after.
type Result struct {
	Attributes provision.Attributes
	Clear      []string // mapped attributes without a value that are to be cleared; sorted
	Active     bool     // true when nothing maps "active"
	// ActiveUnknown says that the mapping of "active" failed: a broken expression must neither enable nor disable anybody.
	ActiveUnknown bool
}

// Compile prepares the mappings of a rule, or the connection type's defaults when it has none. An error names the mapping.
func Compile(mappings []provision.Mapping, target provision.Type, source Schema) (*Table, error) {
	if len(mappings) == 0 {
		mappings = target.Defaults
	}
	t := &Table{rows: make([]row, 0, len(mappings))}
	for _, m := range mappings {
		r, err := compileRow(m, target, source)
		if err != nil {
			return nil, fmt.Errorf("the mapping of %s cannot be read: %w", m.TargetAttribute, err)
		}
		t.rows = append(t.rows, r)
		if r.createOnly {
			t.createOnly = append(t.createOnly, r.target.Name)
		}
	}
	slices.SortFunc(t.rows, func(a, b row) int { return compareStrings(a.target.Name, b.target.Name) })
	slices.Sort(t.createOnly)
	return t, nil
}

func compareStrings(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	default:
		return 0
	}
}

func compileRow(m provision.Mapping, target provision.Type, source Schema) (row, error) {
	i := slices.IndexFunc(target.Attributes, func(a provision.TargetAttribute) bool { return a.Name == m.TargetAttribute })
	if i < 0 {
		return row{}, fmt.Errorf("%s has no attribute of this name", target.Title)
	}
	r := row{target: target.Attributes[i], createOnly: m.CreateOnly || target.Attributes[i].CreateOnly, clear: m.ClearWhenEmpty}
	r.target.Flag = r.target.Flag || r.target.Name == activeAttribute // text must never pass for false there
	if m.Expression != "" {
		expression, err := CompileExpression(m.Expression, source)
		if err != nil {
			return row{}, err
		}
		r.expression = expression
		return r, nil
	}
	attribute, ok := source.Attribute(m.SourceAttribute)
	if !ok {
		return row{}, fmt.Errorf("users have no attribute %q", m.SourceAttribute)
	}
	r.source = attribute.Name
	return r, nil
}

// CreateOnly lists the target attributes that are sent on create only; sorted.
func (t *Table) CreateOnly() []string { return t.createOnly }

// Apply maps one person. The fault, if any, is a Rejected that names the attribute at fault; the Result is complete otherwise,
// so that somebody who has to be deactivated can be, whatever else is wrong with their data.
func (t *Table) Apply(person Object) (Result, *provision.Fault) {
	out := Result{Attributes: make(provision.Attributes, len(t.rows)), Active: true}
	var fault *provision.Fault
	for i := range t.rows {
		r := &t.rows[i]
		value, err := r.value(person)
		if err != nil {
			if fault == nil {
				fault = rejected(r.target.Name, err)
			}
			out.ActiveUnknown = out.ActiveUnknown || r.target.Name == activeAttribute
			continue
		}
		switch {
		case r.target.Name == activeAttribute:
			active, _ := value.(bool)
			out.Active = active
		case !provision.SameValue(value, nil):
			out.Attributes[r.target.Name] = value
		case r.clear && !r.createOnly:
			out.Clear = append(out.Clear, r.target.Name)
		}
	}
	return out, fault
}

func rejected(attribute string, err error) *provision.Fault {
	return &provision.Fault{
		Kind: provision.Rejected, Code: "mapping_failed", Attribute: attribute,
		Message: fmt.Sprintf("the mapping of %s fails for this person: %v", attribute, err),
		Hint:    "correct the person's data or the mapping",
	}
}

// value evaluates the row and gives it the target attribute's type.
func (r *row) value(person Object) (any, error) {
	var v any
	if r.expression == nil {
		v = person.Value(r.source)
	} else {
		var err error
		if v, err = r.expression.Eval(person); err != nil {
			return nil, err
		}
	}
	if r.target.Flag {
		return flag(v)
	}
	if r.target.Multi {
		return texts(v)
	}
	// A target that holds one value gets the first, as PingOne does.
	if list, ok := v.([]any); ok {
		if len(list) == 0 {
			return nil, nil //nolint:nilnil // no value is a value here
		}
		v = list[0]
	}
	return text(v)
}

func flag(v any) (any, error) {
	switch v := v.(type) {
	case nil:
		return false, nil
	case bool:
		return v, nil
	case string:
		if b, err := strconv.ParseBool(v); err == nil {
			return b, nil
		}
		return nil, fmt.Errorf("it gives text where true or false is needed")
	default:
		return nil, fmt.Errorf("it gives %s where true or false is needed", kind(v))
	}
}

func texts(v any) (any, error) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	out := make([]string, 0, len(list))
	for _, e := range list {
		s, err := text(e)
		if err != nil {
			return nil, err
		}
		if s, ok := s.(string); ok && s != "" {
			out = append(out, s)
		}
	}
	return out, nil
}

// text answers a string, or nil for no value.
func text(v any) (any, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil //nolint:nilnil // no value is a value here
	case string:
		return v, nil
	case bool, float64, time.Time:
		return scalarText(v), nil
	default:
		return nil, fmt.Errorf("it gives %s where text is needed", kind(v))
	}
}
