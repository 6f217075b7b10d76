package all_test

import (
	"testing"

	"lockstep/connector/all"
	"lockstep/provision"
)

func TestCatalogue(t *testing.T) {
	c := all.NewCatalogue()
	for spelling, name := range map[string]string{"Slack": "Slack", "slack": "Slack", "SLACK": "Slack", "directory": provision.TypeDirectory, "PingOne": provision.TypeDirectory} {
		if found, ok := c.Type(spelling); !ok || found.Name != name {
			t.Errorf("%s: %v %v", spelling, found.Name, ok)
		}
	}
	for _, unknown := range []string{"", "Slack ", "Teams"} {
		if found, ok := c.Type(unknown); ok {
			t.Errorf("%q is %s", unknown, found.Name)
		}
	}
	if len(c.Types()) != len(all.Types())+1 {
		t.Errorf("%d types", len(c.Types()))
	}
	if d, _ := c.Type(provision.TypeDirectory); len(d.Fields) != 0 {
		t.Error("the identity store needs no settings")
	}
}
