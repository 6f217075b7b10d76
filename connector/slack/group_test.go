package slack_test

import (
	"fmt"
	"strings"
	"testing"

	"lockstep/connector"
	"lockstep/directory"
	"lockstep/provision"
	sandbox "lockstep/sandbox/slack"
)

// TestGroupTooLarge: a group with more members than Slack takes is refused with a sentence; those who fit are in, and the next group
// is none the worse.
func TestGroupTooLarge(t *testing.T) {
	w := sandbox.New(sandbox.Options{Token: token, TimeScale: -1})
	target, _ := open(t, w, "primaryEmail")
	members := make([]sandbox.Member, 5_003)
	for i := range members {
		members[i] = sandbox.Member{UserName: fmt.Sprintf("p%05d", i), PrimaryEmail: fmt.Sprintf("p%05d@example.com", i), Active: true}
	}
	ids := w.Seed(members...)
	create := func(name string, add []string) (*provision.Remote, error) {
		return target.Do(t.Context(), connector.Call{
			Verb: provision.VerbCreate, Kind: directory.KindGroup, Attributes: provision.Attributes{"displayName": name}, Members: &provision.MemberChange{Add: add},
		})
	}
	r, err := create("Everybody", ids)
	if r == nil || len(r.Members) != 5_000 || err == nil || !strings.Contains(err.Error(), "more members than Slack allows") {
		t.Fatalf("%v", err)
	}
	if r, err := create("Some", ids[:10]); err != nil || len(r.Members) != 10 {
		t.Errorf("%+v %v", r, err)
	}
}
