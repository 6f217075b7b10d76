package main

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/rogpeppe/go-internal/testscript"
)

// toSandbox asks the simulated workspace for something of its own.
func toSandbox(ts *testscript.TestScript, method, path, body string) {
	r, err := http.NewRequest(method, ts.Getenv("sandbox")+path, bytes.NewBufferString(body))
	ts.Check(err)
	answer, err := http.DefaultClient.Do(r)
	ts.Check(err)
	_ = answer.Body.Close()
	if answer.StatusCode >= http.StatusMultipleChoices {
		ts.Fatalf("%s %s: %s", method, path, answer.Status)
	}
}

// byHand changes a member as somebody in the workspace would: byhand user0001 '{"title":"Boss"}'.
func byHand(ts *testscript.TestScript, _ bool, args []string) {
	var list []struct {
		ID       string `json:"id"`
		UserName string `json:"userName"`
	}
	sandboxJSON(ts, "/sandbox/members", &list)
	for _, m := range list {
		if m.UserName == args[0] {
			toSandbox(ts, http.MethodPatch, "/sandbox/members/"+m.ID, args[1])
			return
		}
	}
	ts.Fatalf("no member is called %s", args[0])
}

// faults makes requests to the workspace go wrong; without an argument no longer.
func faults(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) == 0 {
		toSandbox(ts, http.MethodDelete, "/sandbox/faults", "")
		return
	}
	toSandbox(ts, http.MethodPost, "/sandbox/faults", args[0])
}

// oneDrift puts the id of the only drift that is not over into $drift.
func oneDrift(ts *testscript.TestScript, _ bool, _ []string) {
	var page struct {
		Embedded struct {
			Drift []struct {
				ID     string `json:"id"`
				Object struct {
					ID string `json:"id"`
				} `json:"object"`
			} `json:"drift"`
		} `json:"_embedded"`
	}
	raw := request(ts, http.MethodGet, "/propagation/stores/"+ts.Getenv("store")+"/drift", "")
	if json.Unmarshal(raw, &page) != nil || len(page.Embedded.Drift) != 1 {
		ts.Fatalf("not one drift: %s", raw)
	}
	ts.Setenv("drift", page.Embedded.Drift[0].ID)
	ts.Setenv("object", page.Embedded.Drift[0].Object.ID)
}
