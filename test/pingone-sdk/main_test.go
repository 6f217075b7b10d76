// Package pingonesdk drives a running server with PingOne's own Go SDK, as a script or a Terraform provider would.
package pingonesdk

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/patrickcping/pingone-go-sdk-v2/management"
)

// binary is the program under test, built once.
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "lockstep-sdk-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary = filepath.Join(dir, "lockstep")
	build := exec.Command("go", "build", "-o", binary, "./cmd/lockstep")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build lockstep: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// server is a running Lockstep with a client of PingOne's SDK.
type server struct {
	*management.APIClient
	ctx      context.Context //nolint:containedctx // it carries the token, as the SDK wants it
	url, env string
}

// start runs a program and answers the address that it says it listens on.
func start(t *testing.T, args ...string) string {
	t.Helper()
	command := exec.Command(binary, args...)
	out, err := command.StdoutPipe()
	must(t, err)
	must(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Signal(os.Interrupt)
		_ = command.Wait()
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if address, ok := strings.CutPrefix(lines.Text(), "listening on "); ok {
			return address
		}
	}
	t.Fatalf("lockstep %s ended without a word", strings.Join(args, " "))
	return ""
}

func newServer(t *testing.T) *server {
	t.Helper()
	data := t.TempDir()
	s := &server{url: start(t, "serve", "--data", data, "--listen", "127.0.0.1:0", "--allow-private-targets")}
	raw, err := exec.Command(binary, "client", "create", "--data", data, "--name", "sdk", "--json").Output()
	must(t, err)
	var client struct {
		EnvironmentID string `json:"environment_id"`
		ID            string `json:"client_id"`
		Secret        string `json:"client_secret"`
	}
	must(t, json.Unmarshal(raw, &client))
	s.env = client.EnvironmentID
	request, err := http.NewRequest(http.MethodPost, s.url+"/"+s.env+"/as/token", strings.NewReader("grant_type=client_credentials"))
	must(t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.SetBasicAuth(url.QueryEscape(client.ID), url.QueryEscape(client.Secret))
	response, err := http.DefaultClient.Do(request)
	must(t, err)
	defer func() { _ = response.Body.Close() }()
	var token struct {
		AccessToken string `json:"access_token"`
	}
	must(t, json.NewDecoder(response.Body).Decode(&token))
	s.ctx = context.WithValue(t.Context(), management.ContextAccessToken, token.AccessToken)

	c := management.NewConfiguration()
	c.SetDefaultServerIndex(1)
	must(t, c.SetDefaultServerVariableDefaultValue("protocol", "http"))
	must(t, c.SetDefaultServerVariableDefaultValue("baseHostname", strings.TrimPrefix(s.url, "http://")))
	s.APIClient = management.NewAPIClient(c)
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ok fails on an error of the SDK with what the server said.
func ok(t *testing.T, response *http.Response, err error) {
	t.Helper()
	if err == nil {
		return
	}
	var body bytes.Buffer
	if response != nil {
		_, _ = body.ReadFrom(response.Body)
	}
	t.Fatalf("%v: %s", err, &body)
}

// object reads the body of an answer that the SDK leaves raw.
func object(t *testing.T, response *http.Response, err error) map[string]any {
	t.Helper()
	ok(t, response, err)
	var out map[string]any
	must(t, json.NewDecoder(response.Body).Decode(&out))
	return out
}

func id(t *testing.T, o map[string]any) string {
	t.Helper()
	out, _ := o["id"].(string)
	if out == "" {
		t.Fatalf("no id in %v", o)
	}
	return out
}

// until asks again and again, as a script would.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline, ticker := time.NewTimer(time.Minute), time.NewTicker(50*time.Millisecond)
	defer deadline.Stop()
	defer ticker.Stop()
	for !done() {
		select {
		case <-deadline.C:
			t.Fatalf("%s did not come to be within a minute", what)
		case <-ticker.C:
		}
	}
}

// raw sends what the SDK has no type for.
func (s *server) raw(t *testing.T, method, path string, body map[string]any) map[string]any {
	t.Helper()
	sent, err := json.Marshal(body)
	must(t, err)
	request, err := http.NewRequestWithContext(s.ctx, method, s.url+"/v1/environments/"+s.env+path, bytes.NewReader(sent))
	must(t, err)
	request.Header.Set("Content-Type", "application/json")
	token, _ := s.ctx.Value(management.ContextAccessToken).(string)
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	must(t, err)
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode >= http.StatusBadRequest {
		var said bytes.Buffer
		_, _ = said.ReadFrom(response.Body)
		t.Fatalf("%s %s: %d %s", method, path, response.StatusCode, &said)
	}
	return object(t, response, nil)
}
