package engine

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"lockstep/connector"
	"lockstep/directory"
	"lockstep/mapping"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/scope"
)

// line is one connection as one revision published it, compiled: all that is needed to decide about a person. It holds no
// state and is safe for concurrent use.
type line struct {
	connection provision.Connection // defaults filled in, with secrets
	snapshot   *provision.Snapshot
	published  time.Time             // when; zero in a preview of drafts
	custom     []directory.Attribute // as they were when the line was compiled; see fresh
	rules      *scope.Rules
	tables     map[string]*mapping.Table // by rule
	broken     map[string]error          // rules whose mappings cannot be read
	policy     plan.Policy
	limits     provision.DeprovisionLimits
	drift      provision.DriftSettings
	grace      time.Duration
	normalizer connector.Normalizer // nil: stores what it is given
	target     connector.Target

	references  []string            // target attributes that are mapped and hold accounts of the target
	carriers    map[string][]string // group -> the active rules that carry it, in deciding order
	groupPolicy plan.GroupPolicy
}

// compile prepares a connection. Rules that cannot be read make nobody lose anything: see scope and want.
func (e *Engine) compile(
	ctx context.Context, envID string, snapshot *provision.Snapshot, c provision.Connection, pace paceFunc,
) (*line, error) {
	kind, ok := e.types[c.Type]
	if !ok {
		return nil, fmt.Errorf("connection %q has the type %s, which this version of Lockstep does not know", c.Name, c.Type)
	}
	custom, err := e.store.CustomAttributes(ctx, envID)
	if err != nil {
		return nil, fmt.Errorf("read attributes: %w", err)
	}
	described := kind.Describe()
	schema := directory.NewSchema(custom)
	l := &line{
		connection: provision.Effective(described, c), snapshot: snapshot, custom: custom,
		rules:  scope.Compile(snapshot.RulesFor(c.ID), schema.Filter()),
		tables: map[string]*mapping.Table{}, broken: map[string]error{},
	}
	l.policy = plan.PolicyOf(&l.connection)
	l.limits, l.drift, l.grace = provision.DeprovisionLimitsOf(&l.connection), provision.DriftSettingsOf(&l.connection), provision.GraceOf(&l.connection)
	l.carry(described)
	l.refer(described)
	for _, r := range snapshot.RulesFor(c.ID) {
		table, err := mapping.Compile(snapshot.MappingsFor(r.ID), described, mapping.SchemaOf(schema))
		if err != nil {
			l.broken[r.ID] = err
			continue
		}
		l.tables[r.ID] = table
	}
	l.target, err = kind.Open(connector.Config{Connection: &l.connection, Client: e.clientFor(c.ID), Pace: pace})
	if err != nil {
		return nil, fmt.Errorf("open connection %q: %w", c.Name, err)
	}
	l.normalizer, _ = l.target.(connector.Normalizer)
	return l, nil
}

// published is a connection as a revision published it, with the secrets that are current.
func (e *Engine) published(ctx context.Context, envID string, s *provision.Snapshot, id string) (provision.Connection, error) {
	current, err := e.store.Connection(ctx, envID, id)
	if err == nil {
		err = current.Readable()
	}
	if err != nil {
		return provision.Connection{}, err
	}
	c, _ := s.Connection(id)
	c.Secrets, c.Grant = current.Secrets, current.Grant
	return c, nil
}

type paceFunc func(ctx context.Context, budgets ...string) error

// runs reports whether the connection provisions at all, and otherwise why not.
func (l *line) runs() (string, bool) {
	switch {
	case l.snapshot.Plan == nil:
		return "there is no plan", false
	case l.snapshot.Plan.Status == provision.Inactive:
		return fmt.Sprintf("plan %q is switched off", l.snapshot.Plan.Name), false
	case l.connection.Status != provision.Active:
		return fmt.Sprintf("connection %q is switched off", l.connection.Name), false
	default:
		return "", true
	}
}

// want says how one person should stand: scope, mapping, normalising (steps 3 to 5 of ARCHITECTURE §2). u is nil when the
// person is not in the directory; have is nil when nothing is known of them here.
func (l *line) want(u *directory.User, ref provision.Ref, have *provision.Account) provision.Desired {
	d := provision.Desired{Ref: ref, Exists: u != nil}
	if have != nil {
		d.Name = have.ObjectName
	}
	if u == nil {
		l.wantGone(&d, have)
		return d
	}
	d.Name = u.Username
	if l.rules.AsksGroups() && !u.GroupsKnown {
		d.Leave, d.Why = true, "their groups were not read" // never judged as if they were in none
		return d
	}
	decision := l.rules.Decide(u)
	switch {
	case decision.In:
		l.wantCovered(&d, u, decision)
	case decision.Unknown:
		d.Leave, d.RuleID, d.Why = true, decision.RuleID, decision.Why
	default:
		l.wantLeft(&d, u, have)
	}
	return d
}

// wantGone is somebody who was deleted from the directory.
func (l *line) wantGone(d *provision.Desired, have *provision.Account) {
	l.wantLeft(d, nil, have)
	if !d.Leave {
		d.Why = "deleted from the directory"
	}
}

// wantLeft is somebody whom no rule covers now. What happens depends on the rule that covered them last: only an active rule,
// or one that was deleted with deprovisioning, takes access away.
func (l *line) wantLeft(d *provision.Desired, u *directory.User, have *provision.Account) {
	if have == nil || (have.RuleID == "" && !have.Linked()) {
		d.Why = "no rule covers them"
		return
	}
	d.RuleID = have.RuleID
	switch {
	case have.Ownership == provision.Released:
		d.Leave, d.Why = true, "released when its rule was deleted"
	case l.rules.Active(have.RuleID):
		d.Why = "left the directory"
		if u != nil {
			d.Why = l.rules.WhyNot(have.RuleID, u)
		}
	case l.deprovisioned(have.RuleID):
		d.Why = "its rule was deleted, with deprovisioning"
	default:
		d.Leave, d.Why = true, "the rule that covered them is not active"
	}
	// Being disabled is a reason of its own: who was to keep access although no rule covers them is asked about once more.
	if d.Closed = !d.Leave && u != nil && !u.Enabled; d.Closed {
		d.Why += "; disabled in the directory"
	}
}

// deprovisioned reports whether the rule was deleted with the wish to deprovision whom it had provisioned.
func (l *line) deprovisioned(ruleID string) bool {
	return slices.ContainsFunc(l.snapshot.Deleted, func(r provision.Rule) bool {
		return r.ID == ruleID && r.DeprovisionOnDelete
	})
}

func (l *line) wantCovered(d *provision.Desired, u *directory.User, decision scope.Decision) {
	d.InScope, d.RuleID, d.Why = true, decision.RuleID, decision.Why
	d.Active = u.Enabled
	if !u.Enabled {
		d.InactiveWhy = "disabled in the directory"
	}
	table := l.tables[decision.RuleID]
	if table == nil {
		d.KeepActive = u.Enabled
		d.Problem = &provision.Fault{
			Kind: provision.Rejected, Code: "mapping_unreadable",
			Message: fmt.Sprintf("rule %q: %v", decision.RuleName, l.broken[decision.RuleID]), Hint: "correct the rule's attribute mapping and publish it",
		}
		return
	}
	result, fault := table.Apply(u)
	if u.Enabled && !result.Active {
		d.Active, d.InactiveWhy = false, fmt.Sprintf("the mapping of active in rule %q says so", decision.RuleName)
	}
	d.KeepActive = u.Enabled && result.ActiveUnknown
	d.Attributes, d.Clear, d.CreateOnly = result.Attributes, result.Clear, table.CreateOnly()
	if fault == nil && l.normalizer != nil {
		var normal provision.Attributes
		if normal, fault = l.normalizer.Normalize(d.Ref.Kind, result.Attributes); fault == nil {
			d.Attributes = normal
		}
	}
	d.Problem = fault
}

// errStale says that the attributes of the environment changed since the line was compiled: nothing may be decided by it.
var errStale = errors.New("the environment's attributes changed meanwhile")

// fresh makes sure that what was read of users is judged by the attributes that they were read with. It must be called after the
// users were read: an attribute's declaration is deleted before its values are, so values that are missing because of that show
// here. Judged by the old filter, everybody whose rule names the attribute would have left it, and would be deactivated.
func (l *line) fresh(ctx context.Context, store Source, envID string) error {
	custom, err := store.CustomAttributes(ctx, envID)
	if err != nil {
		return fmt.Errorf("read attributes: %w", err)
	}
	if !reflect.DeepEqual(custom, l.custom) {
		return errStale
	}
	return nil
}

// identifier is the value by which the target identifies the person, or "".
func (l *line) identifier(d *provision.Desired) string {
	if l.normalizer == nil || d.Attributes == nil {
		return ""
	}
	return l.normalizer.Identifier(d.Ref.Kind, d.Attributes)
}

// matchKey is the identifier of an account that the target reported, as identifier would give it.
func (l *line) matchKey(kind directory.Kind, remote *provision.Remote) string {
	if l.normalizer == nil {
		return ""
	}
	return l.normalizer.Identifier(kind, remote.Attributes)
}

// normalIdentifier lists what the identifier is called, for sentences.
func (l *line) identifies() string {
	if l.normalizer == nil {
		return "identifier"
	}
	return l.normalizer.Identifies()
}

// known answers what is known of an object with a released account taken back: it was ours, and a rule covers it again.
func known(have *provision.Account, d *provision.Desired) *provision.Account {
	if have == nil || !d.InScope || have.Ownership != provision.Released {
		return have
	}
	back := *have
	back.Ownership = provision.Adopted
	return &back
}
