package slack_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lockstep/sandbox/slack"
)

func replaceOp(path, value string) string {
	return fmt.Sprintf(`{%s,"Operations":[{"op":"replace","path":%q,"value":%s}]}`, patchURN, path, value)
}

func oneMember(o slack.Options) (*slack.Workspace, string) {
	o.Token = "t"
	w := slack.New(o)
	return w, w.Seed(slack.Member{UserName: "anna", PrimaryEmail: "anna@example.com", Active: true})[0]
}

// TestOverlap: a second write to what is being written is told to come back; reads, and writes to others, are not kept waiting.
func TestOverlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, id := oneMember(slack.Options{Latency: time.Second})
		other := w.Seed(slack.Member{UserName: "bert", PrimaryEmail: "bert@example.com", Active: true})[0]
		start := time.Now()
		codes := make([]int, 6)
		after := make([]string, 6)
		var all sync.WaitGroup
		request := func(i int, method, path, body string) {
			all.Go(func() {
				var header http.Header
				codes[i], header, _ = do(t, w, "t", method, path, body)
				after[i] = header.Get("Retry-After")
			})
			synctest.Wait()
		}
		user := "/scim/v2/Users/"
		request(0, "PATCH", user+id, replaceOp("title", `"x"`))
		request(1, "PATCH", user+id, replaceOp("title", `"y"`))
		request(2, "DELETE", user+id, "")
		request(3, "GET", user+id, "")
		request(4, "PATCH", user+other, replaceOp("title", `"z"`))
		request(5, "PUT", "/scim/v1/Users/"+id, "")
		all.Wait()
		if want := []int{200, 429, 429, 200, 200, 429}; !slices.Equal(codes, want) || after[1] != "1" {
			t.Errorf("%v, want %v; Retry-After %v", codes, want, after)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("it took %s", took)
		}
		if code, _, _ := do(t, w, "t", "PATCH", user+id, replaceOp("title", `"y"`)); code != http.StatusOK {
			t.Errorf("afterwards: %d", code)
		}
	})
}

// TestBrokenAnswers: what is done before the answer breaks stays done, and the other way round.
func TestBrokenAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		fault slack.Fault
		done  bool
		took  time.Duration
	}{
		"reset before": {slack.Fault{ResetBefore: true}, false, 0},
		"reset after":  {slack.Fault{ResetAfter: true}, true, 0},
		"hang":         {slack.Fault{Hang: true}, true, 2 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, id := oneMember(slack.Options{})
				w.Inject(test.fault)
				start := time.Now()
				func() {
					defer func() {
						if e := recover(); e != http.ErrAbortHandler { //nolint:errorlint // exactly this
							t.Errorf("the connection is not broken: %v", e)
						}
					}()
					do(t, w, "t", "PATCH", "/scim/v2/Users/"+id, replaceOp("title", `"x"`))
				}()
				if m, _ := w.Member(id); (m.Title == "x") != test.done || time.Since(start) != test.took {
					t.Errorf("title %q after %s", m.Title, time.Since(start))
				}
			})
		})
	}
}

// slow notes when its bytes come.
type slow struct {
	*httptest.ResponseRecorder
	start time.Time
	times []time.Duration
}

func (s *slow) Write(p []byte) (int, error) {
	s.times = append(s.times, time.Since(s.start))
	return s.ResponseRecorder.Write(p)
}

func TestSlowBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, id := oneMember(slack.Options{})
		_, _, whole := do(t, w, "t", "GET", "/scim/v2/Users/"+id, "")
		w.Inject(slack.Fault{SlowBody: 20})
		r := httptest.NewRequest(http.MethodGet, "/scim/v2/Users/"+id, nil)
		r.Header.Set("Authorization", "Bearer t")
		s := &slow{ResponseRecorder: httptest.NewRecorder(), start: time.Now()}
		w.ServeHTTP(s, r)
		if s.Body.String() != whole || len(s.times) != 10 || s.times[0] != 2*time.Second || s.times[9] != 20*time.Second {
			t.Errorf("%v: %s", s.times, s.Body)
		}
	})
}

// TestOnTheWire: over a real connection, a broken answer is a broken answer.
func TestOnTheWire(t *testing.T) {
	w, id := oneMember(slack.Options{})
	server := httptest.NewServer(w)
	defer server.Close()
	for _, fault := range []slack.Fault{{ResetBefore: true}, {ResetAfter: true}} {
		w.Inject(fault)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, server.URL+"/scim/v2/Users/"+id, strings.NewReader(replaceOp("title", `"x"`)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer t")
		if answer, err := http.DefaultClient.Do(r); err == nil {
			_ = answer.Body.Close()
			t.Errorf("%+v: %d", fault, answer.StatusCode)
		}
	}
}
