package engine

import (
	"slices"
	"testing"

	"lockstep/internal/secret"
	"lockstep/provision"
)

// TestClaim: who is in a visit, or is to be weighed with the others of an edit first, is not visited; the backfill takes its share only.
func TestClaim(t *testing.T) {
	due := []provision.Account{
		{ObjectID: "edited", Priority: provision.PriorityLive},
		{ObjectID: "in a visit", Priority: provision.PriorityLive},
		{ObjectID: "edited during the visit", Priority: provision.PriorityLive},
		{ObjectID: "first", Priority: provision.PriorityBackfill},
		{ObjectID: "second", Priority: provision.PriorityBackfill},
	}
	r := &runner{
		inflight: map[string]bool{"in a visit": true}, retake: map[string]bool{"edited during the visit": true}, backfill: map[string]bool{},
	}
	if got, want := r.claim(due, 1), []string{"edited", "first"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := r.claim(due, 1); !slices.Equal(got, []string{"second"}) {
		t.Errorf("the second time: %q", got)
	}
	delete(r.retake, "edited during the visit")
	if got := r.claim(due, 0); !slices.Equal(got, []string{"edited during the visit"}) {
		t.Errorf("weighed: %q", got)
	}
}

// TestFingerprint: what changes how a connection is called begins it anew; to learn which workspace its token is good for does not.
func TestFingerprint(t *testing.T) {
	base := func() provision.Connection {
		return provision.Connection{
			Settings: map[string]any{"BASE_URL": "https://slack.example/scim/v2/"}, Secrets: map[string]secret.Text{"TOKEN": secret.New("one")},
			Grant: &provision.Grant{Origin: "https://slack.example"},
		}
	}
	was := fingerprint(base())
	learned := base()
	learned.Grant.Workspace, learned.Grant.Owner = provision.Workspace{ID: "T1", Name: "Acme"}, "ann"
	if fingerprint(learned) != was {
		t.Error("to learn the workspace begins everything anew")
	}
	for what, change := range map[string]func(*provision.Connection){
		"another token":   func(c *provision.Connection) { c.Secrets["TOKEN"] = secret.New("two") },
		"a setting":       func(c *provision.Connection) { c.Settings["BASE_URL"] = "https://other.example/" },
		"where it may go": func(c *provision.Connection) { c.Grant.Origin = "https://other.example" },
	} {
		c := base()
		if change(&c); fingerprint(c) == was {
			t.Errorf("%s begins nothing anew", what)
		}
	}
}
