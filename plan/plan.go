// Package plan compares how an object should stand on a target with what is known of it, and answers the operations that
// make the difference: those to do, and those that the connection's policy withholds, each with its reason.
//
// It is a pure function: no clock, no I/O, no order that depends on chance. Planning again after the operations were done
// finds nothing to do. Only accounts that are ours (managed or adopted) are ever operated on.
package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"lockstep/directory"
	"lockstep/provision"
)

// Policy is what a connection allows.
type Policy struct {
	Create      bool // Allow users to be created
	Update      bool // Allow users to be updated; also needed to enable somebody again
	Disable     bool // Allow users to be disabled
	Deprovision bool // Allow users to be deprovisioned
	Report      bool // what others changed on the target is shown, and left until somebody decides
}

// PolicyOf reads the policy from a connection whose defaults are filled in.
func PolicyOf(c *provision.Connection) Policy {
	return Policy{
		Create:      c.Flag(provision.KeyCreateUsers),
		Update:      c.Flag(provision.KeyUpdateUsers),
		Disable:     c.Flag(provision.KeyDisableUsers),
		Deprovision: c.Flag(provision.KeyDeprovisionUsers),
		Report:      provision.DriftSettingsOf(c).Handling == provision.DriftReport,
	}
}

// Outcome is the plan for one object.
type Outcome struct {
	Operations []provision.Operation // in the order in which they are to be done; withheld ones among them
	Status     provision.SyncStatus  // where the object stands if nothing but the withheld is left
	Detail     string                // why, in a sentence; "" when it is simply as wanted
}

// ToDo lists the operations that are not withheld.
func (o Outcome) ToDo() []provision.Operation {
	out := make([]provision.Operation, 0, len(o.Operations))
	for _, op := range o.Operations {
		if op.Withheld == "" {
			out = append(out, op)
		}
	}
	return out
}

// Diff plans one object. have may be nil: nothing is known.
func Diff(want *provision.Desired, have *provision.Account, policy Policy) Outcome {
	d := differ{want: want, have: have, policy: policy}
	if have == nil {
		d.have = &provision.Account{}
	}
	switch {
	case want.Leave:
		return Outcome{Status: d.have.Status, Detail: want.Why}
	case !want.InScope:
		return d.outOfScope()
	case !d.have.Linked():
		return d.unlinked()
	default:
		return d.linked()
	}
}

type differ struct {
	want   *provision.Desired
	have   *provision.Account
	policy Policy
	out    Outcome
	left   []*provision.Drift // the target's values that are left as they are
}

// outOfScope plans somebody whom no rule covers: what is ours is deactivated.
func (d *differ) outOfScope() Outcome {
	if !d.have.Linked() || d.have.Remote == nil || !d.have.Remote.Active {
		return Outcome{Status: provision.StatusNone, Detail: d.want.Why}
	}
	if p := d.have.Remote.Protected; p != "" {
		return Outcome{Status: provision.StatusPartial, Detail: "the account is left alone: " + p}
	}
	if d.stays(provision.DriftActive, false, true) {
		return d.settled(provision.StatusNone, provision.StatusPartial)
	}
	d.disable(d.want.Why, d.policy.Deprovision, "deprovisioning is off (Allow users to be deprovisioned)")
	return d.settled(provision.StatusNone, provision.StatusPartial)
}

// unlinked plans somebody in scope who has no account yet.
func (d *differ) unlinked() Outcome {
	if d.want.Problem != nil && (d.want.Active || d.want.KeepActive) {
		return Outcome{Status: provision.StatusFailed, Detail: d.want.Problem.Error()}
	}
	if !d.want.Active {
		return Outcome{
			Status: provision.StatusUnsynced,
			Detail: d.want.InactiveWhy + "; no account is made for somebody who is not active",
		}
	}
	if d.gone() {
		return d.settled(provision.StatusUnsynced, provision.StatusUnsynced)
	}
	op := d.operation(provision.VerbCreate, d.want.Why)
	for _, name := range d.want.Attributes.Names() {
		op.Changes = append(op.Changes, directory.AttributeChange{Attribute: name, To: d.value(name)})
	}
	d.add(op, d.policy.Create, "creation is off (Allow users to be created)")
	return d.settled(provision.StatusSuccess, provision.StatusUnsynced)
}

// linked plans somebody in scope who has an account. Deactivation comes first: it must not wait for an attribute that is
// refused. An inactive account's attributes are left as they are until it is active again.
func (d *differ) linked() Outcome {
	remote := d.have.Remote
	if remote == nil {
		remote = &provision.Remote{}
	}
	if remote.Protected != "" {
		return Outcome{Status: provision.StatusPartial, Detail: "the account is left alone: " + remote.Protected}
	}
	active := d.want.Active
	if d.want.KeepActive {
		active = remote.Active
	}
	if !active {
		if remote.Active && !d.stays(provision.DriftActive, false, true) {
			d.disable(d.want.InactiveWhy, d.policy.Disable, "disabling is off (Allow users to be disabled)")
		}
		return d.settled(provision.StatusSuccess, provision.StatusPartial)
	}
	if !remote.Active && !d.want.KeepActive {
		if d.stays(provision.DriftActive, true, false) {
			return d.settled(provision.StatusSuccess, provision.StatusPartial)
		}
		op := d.operation(provision.VerbEnable, d.want.Why+"; the account is not active")
		op.Changes = []directory.AttributeChange{{Attribute: attributeActive, From: false, To: true}}
		d.add(op, d.policy.Update, updatesOff)
	}
	if d.want.Problem != nil {
		out := d.settled(provision.StatusFailed, provision.StatusFailed)
		out.Detail = d.want.Problem.Error()
		return out
	}
	if changes := d.changes(remote); len(changes) > 0 {
		op := d.operation(provision.VerbUpdate, d.whyUpdate(changes))
		op.Changes = changes
		d.add(op, d.policy.Update, updatesOff)
	}
	return d.settled(provision.StatusSuccess, provision.StatusPartial)
}

const (
	attributeActive = "active"
	updatesOff      = "updating is off (Allow users to be updated)"
)

// changes lists what differs, by attribute name. What is sent on create only is never compared.
func (d *differ) changes(remote *provision.Remote) []directory.AttributeChange {
	var out []directory.AttributeChange
	for _, name := range d.want.Attributes.Names() {
		if slices.Contains(d.want.CreateOnly, name) {
			continue
		}
		if to := d.value(name); !provision.SameValue(remote.Attributes[name], to) && !d.stays(name, to, remote.Attributes[name]) {
			out = append(out, directory.AttributeChange{Attribute: name, From: remote.Attributes[name], To: to})
		}
	}
	for _, name := range d.want.Clear {
		if from := remote.Attributes[name]; !provision.SameValue(from, nil) && !d.stays(name, nil, from) {
			out = append(out, directory.AttributeChange{Attribute: name, From: from})
		}
	}
	slices.SortFunc(out, func(a, b directory.AttributeChange) int { return strings.Compare(a.Attribute, b.Attribute) })
	return out
}

// value is the wanted value of an attribute, or the one that was chosen in its place because it was taken.
func (d *differ) value(name string) any {
	wanted := d.want.Attributes[name]
	if choice, ok := d.have.Assigned[name]; ok && choice.Wanted == wanted {
		return choice.Used
	}
	return wanted
}

func (d *differ) whyUpdate(changes []directory.AttributeChange) string {
	names := make([]string, len(changes))
	for i, c := range changes {
		names[i] = c.Attribute
	}
	verb := "differs"
	if len(names) > 1 {
		verb = "differ"
	}
	return fmt.Sprintf("%s; %s %s from the directory", d.want.Why, sentenceList(names), verb)
}

func (d *differ) disable(why string, allowed bool, withheld string) {
	if allowed && d.have.Gate.Refuses(why) {
		allowed, withheld = false, "it was "+d.have.Gate.Said
	}
	op := d.operation(provision.VerbDisable, why)
	op.Changes = []directory.AttributeChange{{Attribute: attributeActive, From: true, To: false}}
	d.add(op, allowed, withheld)
}

func (d *differ) operation(verb provision.Verb, why string) provision.Operation {
	op := provision.Operation{Verb: verb, Kind: d.want.Ref.Kind, Object: provision.Object{ID: d.want.Ref.ID, Name: d.want.Name}, Why: why}
	if d.have.Linked() {
		op.RemoteID = d.have.RemoteID
	}
	return op
}

func (d *differ) add(op provision.Operation, allowed bool, withheld string) {
	if !allowed {
		op.Withheld = withheld
	}
	d.out.Operations = append(d.out.Operations, op)
}

// settled ends the plan: done is the status when nothing is withheld or waits for a decision, otherwise the other one with the reasons.
func (d *differ) settled(done, otherwise provision.SyncStatus) Outcome {
	d.out.Status = done
	var reasons []string
	for _, op := range d.out.Operations {
		if op.Withheld != "" {
			reasons = append(reasons, fmt.Sprintf("would %s, but %s", op.Verb, op.Withheld))
		}
	}
	behind := len(reasons) > 0
	for _, drift := range d.left {
		behind = behind || drift.Status == provision.DriftOpen
		reasons = append(reasons, leftAlone(drift))
	}
	if behind {
		d.out.Status = otherwise
	}
	d.out.Detail = strings.Join(reasons, "; ")
	return d.out
}

// stays reports whether the target's value of an attribute is left as it is, and notes it.
func (d *differ) stays(attribute string, ours, theirs any) bool {
	drift := d.want.Drifts.Of(attribute)
	if !drift.Stays(d.policy.Report, ours, theirs) || attribute == provision.DriftActive && Overtaken(drift, d.want) {
		return false
	}
	d.left = append(d.left, drift)
	return true
}

// Overtaken reports whether a drift of an account's activation was found, or accepted, when the person stood otherwise in the directory:
// whoever accepted that somebody whom no rule covers is active has not accepted it of the same person disabled.
func Overtaken(drift *provision.Drift, want *provision.Desired) bool {
	return drift.Basis != "" && drift.Basis != Standing(want)
}

// Standing says whether somebody is to have access, and otherwise why not.
func Standing(want *provision.Desired) string {
	switch {
	case want.InScope && want.Active:
		return "active"
	case want.InScope:
		return "disabled"
	case !want.Exists:
		return "deleted"
	case want.Closed:
		return "left and disabled"
	default:
		return "left"
	}
}

// gone reports whether an account that vanished on the target is not to be made again. That goes until anything is wanted otherwise.
func (d *differ) gone() bool {
	drift := d.want.Drifts.Of(provision.DriftAccount)
	if drift == nil || drift.Basis != Fingerprint(d.want) || !drift.Stays(d.policy.Report, drift.Ours, drift.Theirs) {
		return false
	}
	d.left = append(d.left, drift)
	return true
}

func leftAlone(d *provision.Drift) string {
	what := d.Attribute + " was changed on the target"
	switch {
	case d.Attribute == provision.DriftActive && d.Theirs == true:
		what = "the account was activated on the target"
	case d.Attribute == provision.DriftActive:
		what = "the account was deactivated on the target"
	case d.Attribute == provision.DriftAccount:
		what = "the account is gone from the target"
	case d.Attribute == provision.DriftMembers && d.Theirs == true:
		what = d.MemberName + " was added on the target"
	case d.Attribute == provision.DriftMembers:
		what = d.MemberName + " was taken out on the target"
	}
	if d.Status == provision.DriftAccepted {
		return what + ", which " + d.DecidedBy + " accepted"
	}
	return what + "; repair it or accept it"
}

// Fingerprint tells whether the same is wanted of an object as before. It is no secret, and the same for the same input.
func Fingerprint(want *provision.Desired) string {
	raw, err := json.Marshal([]any{want.InScope, want.Active, want.Attributes}) // maps are marshalled in order
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:16])
}

func sentenceList(names []string) string {
	switch n := len(names); {
	case n == 1:
		return names[0]
	case n > 4:
		return fmt.Sprintf("%s and %d more", strings.Join(names[:3], ", "), n-3)
	default:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
}
