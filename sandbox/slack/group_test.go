package slack_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"lockstep/sandbox/slack"
)

func crowd(o slack.Options, n int) (*slack.Workspace, []string) {
	o.Token, o.TimeScale = "t", -1
	w := slack.New(o)
	members := make([]slack.Member, n)
	for i := range members {
		members[i] = slack.Member{UserName: fmt.Sprintf("u%d", i), PrimaryEmail: fmt.Sprintf("u%d@example.com", i), Active: true}
	}
	return w, w.Seed(members...)
}

func valueRows(ids []string) string {
	rows := make([]map[string]string, len(ids))
	for i, id := range ids {
		rows[i] = map[string]string{"value": id}
	}
	out, _ := json.Marshal(rows)
	return string(out)
}

func groupOps(operations ...string) string {
	return `{` + patchURN + `,"Operations":[` + strings.Join(operations, ",") + `]}`
}

func addMembers(ids []string) string {
	return `{"op":"add","path":"members","value":` + valueRows(ids) + `}`
}

// TestGroupLimits: 5,000 members in a user group, 15,000 in an IdP group and in one request; what is refused changes nothing.
func TestGroupLimits(t *testing.T) {
	for name, test := range map[string]struct {
		enterprise bool
		add        []int // members from and to, in one operation each
		status     int
		says       string
		members    int
	}{
		"a user group":           {false, []int{0, 5000}, 200, "", 5000},
		"one too many":           {false, []int{0, 5001}, 400, "group_member_max_exceeded", 0},
		"one too many, in two":   {false, []int{0, 4000, 4000, 5001}, 400, "group_member_max_exceeded", 0},
		"the same ones twice":    {false, []int{0, 4000, 0, 4000}, 200, "", 4000},
		"an IdP group":           {true, []int{0, 5000, 5000, 15_000}, 200, "", 15_000},
		"too many for a request": {true, []int{0, 15_000, 15_000, 15_001}, 400, "too_many_users", 0},
	} {
		t.Run(name, func(t *testing.T) {
			w, ids := crowd(slack.Options{Enterprise: test.enterprise}, 15_001)
			group := w.SeedGroups(slack.Group{Name: "All"})[0]
			var operations []string
			for i := 0; i < len(test.add); i += 2 {
				operations = append(operations, addMembers(ids[test.add[i]:test.add[i+1]]))
			}
			status, _, body := do(t, w, "t", "PATCH", "/scim/v2/Groups/"+group, groupOps(operations...))
			if status != test.status || !strings.Contains(body, test.says) {
				t.Errorf("%d %.200s", status, body)
			}
			if got := len(w.Groups()[0].Members); got != test.members {
				t.Errorf("%d members, want %d", got, test.members)
			}
		})
	}
}

// TestGroupRemoveMany: as many removals as a request can have, each of its own operation.
func TestGroupRemoveMany(t *testing.T) {
	w, ids := crowd(slack.Options{}, 5000)
	group := w.SeedGroups(slack.Group{Name: "All", Members: ids})[0]
	var operations []string
	for _, id := range ids[1:] {
		operations = append(operations, `{"op":"remove","path":"members[value eq \"`+id+`\"]"}`)
	}
	start := time.Now()
	status, _, body := do(t, w, "t", "PATCH", "/scim/v2/Groups/"+group, groupOps(operations...))
	if members := w.Groups()[0].Members; status != 200 || len(members) != 1 || members[0] != ids[0] {
		t.Errorf("%d %.200s", status, body)
	}
	t.Logf("4,999 removals took %s", time.Since(start))
	_, _, one := do(t, w, "t", "GET", "/scim/v2/Users/"+ids[0], "")
	_, _, two := do(t, w, "t", "GET", "/scim/v2/Users/"+ids[1], "")
	if !strings.Contains(one, group) || strings.Contains(two, group) {
		t.Errorf("%s%s", one, two)
	}
}

func BenchmarkPage(b *testing.B) {
	w, _ := crowd(slack.Options{}, 10_000)
	for _, m := range w.Members() {
		w.Edit(m.ID, func(m *slack.Member) { m.Full, m.Profile["department"] = true, "Sales" })
	}
	b.ReportAllocs()
	for b.Loop() {
		do(b, w, "t", "GET", "/scim/v2/Users?startIndex=5001&count=1000", "")
	}
}

func BenchmarkAddToGroup(b *testing.B) {
	w, ids := crowd(slack.Options{}, 5000)
	group := w.SeedGroups(slack.Group{Name: "All", Members: ids[1:]})[0]
	out := groupOps(`{"op":"remove","path":"members[value eq \"` + ids[0] + `\"]"}`)
	in := groupOps(addMembers(ids[:1]))
	for b.Loop() {
		do(b, w, "t", "PATCH", "/scim/v2/Groups/"+group, in)
		do(b, w, "t", "PATCH", "/scim/v2/Groups/"+group, out)
	}
}
