package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"lockstep/provision"
	sandbox "lockstep/sandbox/slack"
)

// command is this program on a data folder of its own.
func command(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "lockstep")
	_ = os.Symlink(self, link)
	return exec.Command(link, append(args, "--data="+filepath.Join(dir, "data"), "--allow-private-targets")...)
}

// token runs `lockstep slack token` and consents; paste says that the address is pasted, and not asked for by a browser.
func token(t *testing.T, c *exec.Cmd, paste bool) (out, log string, failed error) {
	t.Helper()
	stdin, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stdout, said bytes.Buffer
	c.Stdout = &stdout
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(stdin, sandbox.BuiltInClientSecret+"\n")
	lines := bufio.NewScanner(io.TeeReader(stderr, &said))
	for lines.Scan() {
		page := strings.TrimSpace(lines.Text())
		if !strings.Contains(page, "/oauth/v2/authorize?") {
			continue
		}
		u, err := url.Parse(page)
		if err != nil {
			t.Fatal(err)
		}
		form := u.Query()
		form.Set("decision", "allow")
		client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		response, err := client.PostForm(u.Scheme+"://"+u.Host+u.Path, form)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		back := response.Header.Get("Location")
		if paste {
			_, _ = io.WriteString(stdin, back+"\n")
			continue
		}
		where, _, _ := strings.Cut(back, "?")
		for _, at := range []string{where, where + "?state=another&error=access_denied", back} { // any page can have a browser ask: only the answer counts
			came, err := http.Get(at)
			if err != nil {
				t.Error(err)
				continue
			}
			_ = came.Body.Close()
			if (came.StatusCode == http.StatusOK) != (at == back) {
				t.Errorf("%s: %d", at, came.StatusCode)
			}
		}
	}
	failed = c.Wait()
	return stdout.String(), said.String(), failed
}

// gauges are what Prometheus reads of tokens.
func gauges(t *testing.T, data string) map[string]float64 {
	t.Helper()
	a, err := where{Data: data}.open(t.Context(), false, true, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.close() }()
	registry := prometheus.NewRegistry()
	registry.MustRegister(newState(a))
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		if strings.Contains(f.GetName(), "_token_") {
			out[f.GetName()] = f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	if len(out) != 2 {
		t.Errorf("%v", out)
	}
	return out
}

// TestSlackToken: a token from the command line, by the browser and by pasting, and what the doctor says of it.
func TestSlackToken(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	apps := []sandbox.App{
		{ClientID: sandbox.BuiltInClientID, ClientSecret: sandbox.BuiltInClientSecret, Loopback: true, Rotation: true},
		{ClientID: "pasted", ClientSecret: sandbox.BuiltInClientSecret, RedirectURLs: []string{"https://localhost/lockstep"}},
	}
	workspace := httptest.NewServer(sandbox.New(sandbox.Options{TimeScale: -1, Apps: apps}))
	defer workspace.Close()
	out, err := command(t, dir, "doctor").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "There is no connection") {
		t.Errorf("%s %v", out, err)
	}
	free := httptest.NewServer(nil) // its address is free again in a moment
	back := strings.TrimPrefix(free.URL, "http://")
	free.Close()
	said, log, err := token(t, command(t, dir, "slack", "token", "--create=Acme", "--base-url="+workspace.URL+"/scim/v2/", "--client-id="+sandbox.BuiltInClientID, "--redirect-url=http://"+back+"/slack", "--json"), false)
	if err != nil || !strings.Contains(said, `"name":"Lockstep Sandbox"`) || !strings.Contains(said, `"expires":true`) {
		t.Fatalf("%s %s %v", said, log, err)
	}
	for _, text := range []string{said, log} {
		if strings.Contains(text, "xoxp") || strings.Contains(text, sandbox.BuiltInClientSecret) {
			t.Errorf("a secret is shown: %s", text)
		}
	}
	if got := gauges(t, filepath.Join(dir, "data")); got["lockstep_token_expiry_timestamp_seconds"] < float64(time.Now().Add(11*time.Hour).Unix()) || got["lockstep_token_renewal_failed"] != 0 {
		t.Errorf("%v", got)
	}
	said, log, err = token(t, command(t, dir, "slack", "token", "--client-id=pasted"), true)
	if err != nil || !strings.Contains(said, "The connection Acme has a token of owner for Lockstep Sandbox") {
		t.Fatalf("%s %s %v", said, log, err)
	}
	out, err = command(t, dir, "doctor", "--json").Output()
	var found struct {
		Connections []diagnosis `json:"connections"`
	}
	if err != nil || json.Unmarshal(out, &found) != nil || len(found.Connections) != 1 || found.Connections[0].Status != provision.CheckOK {
		t.Fatalf("%s %v", out, err)
	}
	var names []string
	for _, c := range found.Connections[0].Checks {
		names = append(names, c.Name)
	}
	if got, want := strings.Join(names, ", "), "DNS, TLS, Reachability, Credentials, Workspace, Admin scope, Owner's role, Plan, IP allow-list, Read members, Rate budget, Display name changes"; got != want {
		t.Errorf("the checks are\n%s, not\n%s", got, want)
	}
	workspace.Close()
	out, err = command(t, dir, "doctor", "--connection=Acme").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "failed   Reachability") || !strings.Contains(string(out), "-> check the base URL") {
		t.Errorf("%s %v", out, err)
	}
	out, err = command(t, dir, "slack", "token", "--connection=Other").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "there are: Acme") {
		t.Errorf("%s %v", out, err)
	}
	out, err = command(t, dir, "slack", "token", "--connection=Acme").CombinedOutput()
	if err == nil || !strings.Contains(string(out), `"redirect_urls"`) || !strings.Contains(string(out), "--client-id is needed") {
		t.Errorf("%s %v", out, err)
	}
}
