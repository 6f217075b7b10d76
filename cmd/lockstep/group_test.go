package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// groupID finds a group of the directory by name: groupid NAME VARIABLE.
func groupID(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[1], idOfGroup(ts, args[0]))
}

func idOfGroup(ts *testscript.TestScript, name string) string {
	var list struct {
		Embedded struct {
			Groups []struct {
				ID string `json:"id"`
			} `json:"groups"`
		} `json:"_embedded"`
	}
	raw := request(ts, http.MethodGet, "/groups?filter="+url.QueryEscape(fmt.Sprintf("name eq %q", name)), "")
	if json.Unmarshal(raw, &list) != nil || len(list.Embedded.Groups) != 1 {
		ts.Fatalf("group %s: %s", name, raw)
	}
	return list.Embedded.Groups[0].ID
}

// carry selects groups on the rule and publishes: carry [overwriteExisting] NAME...
func carry(ts *testscript.TestScript, _ bool, args []string) {
	consent := len(args) > 0 && args[0] == "overwriteExisting"
	if consent {
		args = args[1:]
	}
	groups := make([]string, len(args))
	for i, name := range args {
		groups[i] = fmt.Sprintf(`{"id":%q}`, idOfGroup(ts, name))
	}
	request(ts, http.MethodPut, "/propagation/rules/"+ts.Getenv("rule"), fmt.Sprintf(
		`{"name":"Staff","active":true,"populationExpression":"title eq \"Staff\"","groups":[%s]}`, strings.Join(groups, ",")))
	created(ts, "/propagation/revisions", fmt.Sprintf(`{"overwriteExisting":%v}`, consent))
}

// groupMembers demands that a group on the target has exactly these members: groups NAME 'USERNAME...'.
func groupMembers(ts *testscript.TestScript, _ bool, args []string) {
	var people []struct {
		ID       string `json:"id"`
		UserName string `json:"userName"`
	}
	sandboxJSON(ts, "/sandbox/members", &people)
	names := map[string]string{}
	for _, p := range people {
		names[p.ID] = p.UserName
	}
	r, err := http.NewRequest(http.MethodGet, ts.Getenv("sandbox")+"/scim/v2/Groups?count=1000", nil)
	ts.Check(err)
	r.Header.Set("Authorization", "Bearer good")
	response, err := http.DefaultClient.Do(r)
	ts.Check(err)
	defer func() { _ = response.Body.Close() }()
	var list struct {
		Resources []struct {
			DisplayName string `json:"displayName"`
			Members     []struct {
				Value string `json:"value"`
			} `json:"members"`
		} `json:"Resources"`
	}
	ts.Check(json.NewDecoder(response.Body).Decode(&list))
	for _, g := range list.Resources {
		if g.DisplayName != args[0] {
			continue
		}
		got := make([]string, len(g.Members))
		for i, m := range g.Members {
			got[i] = names[m.Value]
		}
		slices.Sort(got)
		if strings.Join(got, " ") != args[1] {
			ts.Fatalf("group %s has %q, want %q", args[0], got, args[1])
		}
		return
	}
	ts.Fatalf("there is no group %s", args[0])
}

// scim speaks to the sandbox as another client does.
func scim(ts *testscript.TestScript, method, path, body string) string {
	r, err := http.NewRequest(method, ts.Getenv("sandbox")+"/scim/v2"+path, strings.NewReader(body))
	ts.Check(err)
	r.Header.Set("Authorization", "Bearer good")
	r.Header.Set("Content-Type", "application/json")
	var object struct {
		ID string `json:"id"`
	}
	raw := answer(ts, r)
	if json.Unmarshal(raw, &object) != nil || object.ID == "" {
		ts.Fatalf("%s %s: %s", method, path, raw)
	}
	return object.ID
}

// foreign makes a member whom nobody here knows: foreign NAME.
func foreign(ts *testscript.TestScript, _ bool, args []string) {
	id := scim(ts, http.MethodPost, "/Users", fmt.Sprintf(
		`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q,"name":{"givenName":"A"},"emails":[{"value":"%s@other.example","primary":true}]}`, args[0], args[0]))
	ts.Setenv("foreign_"+args[0], id)
	worldOf(ts).seen++
}

// foreignGroup makes a group on the target: foreigngroup NAME MEMBER.
func foreignGroup(ts *testscript.TestScript, _ bool, args []string) {
	scim(ts, http.MethodPost, "/Groups", fmt.Sprintf(
		`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":%q,"members":[{"value":%q}]}`, args[0], ts.Getenv("foreign_"+args[1])))
	worldOf(ts).seen++
}

// holdID notes the first hold of the store as $hold.
func holdID(ts *testscript.TestScript, _ bool, _ []string) {
	var list struct {
		Embedded struct {
			Holds []struct {
				ID string `json:"id"`
			} `json:"holds"`
		} `json:"_embedded"`
	}
	raw := request(ts, http.MethodGet, "/propagation/stores/"+ts.Getenv("store")+"/holds", "")
	if json.Unmarshal(raw, &list) != nil || len(list.Embedded.Holds) == 0 {
		ts.Fatalf("no hold: %s", raw)
	}
	ts.Setenv("hold", list.Embedded.Holds[0].ID)
}
