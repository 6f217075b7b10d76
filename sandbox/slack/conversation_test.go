package slack_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"lockstep/sandbox/slack"
)

// TestConversations replays testdata/*.txtar. A file begins with prose, whose lines "option: {…}" are JSON of slack.Options; then
// come pairs of "request" (method and path, " | Name: value" for each header, then the body) and "response" (status, wanted headers
// as "Name: value", then the body). A part "wait" lets time pass. In what is wanted, * stands for any text, and <name> for an id:
// it is learnt where it is met first, must be the same afterwards, and requests can use it. The order of keys counts, unless a
// body has the key "...", which stands for keys that do not matter.
func TestConversations(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no conversations: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			replay(t, archive)
		})
	}
}

const testToken = "xoxp-test"

func replay(t *testing.T, archive *txtar.Archive) {
	t.Helper()
	// When the documentation's example of a new user was made.
	now := time.Date(2023, 2, 20, 22, 33, 21, 0, time.UTC)
	o := slack.Options{Token: testToken, Now: func() time.Time { return now }}
	for line := range strings.Lines(string(archive.Comment)) {
		if raw, ok := strings.CutPrefix(line, "option: "); ok {
			if err := json.Unmarshal([]byte(raw), &o); err != nil {
				t.Fatal(err)
			}
		}
	}
	w := slack.New(o)
	ids := map[string]string{}
	var got *http.Response
	asked := ""
	for _, part := range archive.Files {
		text := strings.TrimSpace(string(part.Data))
		for name, id := range ids {
			text = strings.ReplaceAll(text, "<"+name+">", id)
		}
		head, body, _ := strings.Cut(text, "\n")
		switch part.Name {
		case "request":
			asked = text
			got = ask(w, head, body)
		case "response":
			if problem := compareResponse(got, head, body, ids); problem != "" {
				t.Fatalf("%s\n%s", asked, problem) // what follows builds on it
			}
		case "wait":
			d, err := time.ParseDuration(text)
			if err != nil {
				t.Fatal(err)
			}
			now = now.Add(d)
		default:
			t.Fatalf("a part is called %q", part.Name)
		}
	}
}

func ask(h http.Handler, head, body string) *http.Response {
	method, target, _ := strings.Cut(head, " ")
	target, headers, _ := strings.Cut(target, " | ")
	r := httptest.NewRequest(method, strings.NewReplacer(" ", "%20", `"`, "%22").Replace(target), strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+testToken)
	for header := range strings.SplitSeq(headers, " | ") {
		if name, value, ok := strings.Cut(header, ":"); ok {
			if value = strings.TrimSpace(value); value == "" {
				r.Header.Del(name)
			} else {
				r.Header.Set(name, value)
			}
		}
	}
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, r)
	return recorder.Result()
}

func compareResponse(got *http.Response, head, body string, ids map[string]string) string {
	raw, err := io.ReadAll(got.Body)
	if err != nil {
		return err.Error()
	}
	if strconv.Itoa(got.StatusCode) != head {
		return fmt.Sprintf("status %d, want %s\n%s", got.StatusCode, head, raw)
	}
	for {
		line, rest, _ := strings.Cut(body, "\n")
		name, value, ok := strings.Cut(line, ": ")
		if !ok || strings.HasPrefix(line, "{") || strings.HasPrefix(line, "[") {
			break
		}
		if !sameHeader(got.Header.Get(name), value, ids) {
			return fmt.Sprintf("header %s is %q, want %q", name, got.Header.Get(name), value)
		}
		body = rest
	}
	problem := ""
	switch {
	case body == "" && len(raw) == 0 || body == "*":
	case body == "":
		problem = "a body where none is wanted"
	case strings.Contains(body, `"..."`):
		problem = comparePart(raw, []byte(body), ids)
	default:
		problem = compareAll(string(raw), body, ids)
	}
	if problem != "" {
		problem += fmt.Sprintf("\ngot  %s\nwant %s", raw, body)
	}
	return problem
}

// sameHeader compares a header, in which a <name> may stand for a part that is learnt.
func sameHeader(got, want string, ids map[string]string) bool {
	pattern := regexp.MustCompile(`<([a-z0-9]+)>`).ReplaceAllString(regexp.QuoteMeta(want), `(?P<$1>[^&]+)`)
	found := regexp.MustCompile("^" + pattern + "$")
	values := found.FindStringSubmatch(got)
	for i, name := range found.SubexpNames() {
		if name != "" && values != nil {
			ids[name] = values[i]
		}
	}
	return values != nil
}

var learnt = regexp.MustCompile(`^<([a-z0-9]+)>$`)

// sameText compares with what stands for something.
func sameText(got, want string, ids map[string]string) bool {
	if name := learnt.FindStringSubmatch(want); name != nil && ids[name[1]] == "" {
		ids[name[1]] = got
	}
	for name, id := range ids {
		want = strings.ReplaceAll(want, "<"+name+">", id)
	}
	matched, err := regexp.MatchString("^"+strings.ReplaceAll(regexp.QuoteMeta(want), `\*`, ".*")+"$", got)
	return err == nil && matched
}

// compareAll compares token by token, so that the order of keys counts.
func compareAll(got, want string, ids map[string]string) string {
	g, w := json.NewDecoder(strings.NewReader(got)), json.NewDecoder(strings.NewReader(want))
	for n := 0; ; n++ {
		wanted, err := w.Token()
		if errors.Is(err, io.EOF) {
			return ""
		}
		if err != nil {
			return "the wanted body is not JSON: " + err.Error()
		}
		have, err := g.Token()
		if err != nil {
			return fmt.Sprintf("the body ends or breaks where %v is wanted: %v", wanted, err)
		}
		text, isText := have.(string)
		pattern, isPattern := wanted.(string)
		if have != wanted && (!isText || !isPattern || !sameText(text, pattern, ids)) {
			return fmt.Sprintf("token %d is %v, want %v", n, have, wanted)
		}
	}
}

func comparePart(got, want []byte, ids map[string]string) string {
	var g, w any
	if err := errors.Join(json.Unmarshal(got, &g), json.Unmarshal(want, &w)); err != nil {
		return err.Error()
	}
	return compareValue("", g, w, ids)
}

func compareValue(at string, got, want any, ids map[string]string) string {
	switch want := want.(type) {
	case map[string]any:
		have, ok := got.(map[string]any)
		_, some := want["..."]
		if !ok || !some && len(have) != len(want) {
			return fmt.Sprintf("%s is %v", at, got)
		}
		for _, name := range slices.Sorted(maps.Keys(want)) {
			if _, there := have[name]; name != "..." && !there {
				return fmt.Sprintf("%s.%s is not there", at, name)
			}
			if problem := compareValue(at+"."+name, have[name], want[name], ids); name != "..." && problem != "" {
				return problem
			}
		}
	case []any:
		have, ok := got.([]any)
		if !ok || len(have) != len(want) {
			return fmt.Sprintf("%s is %v", at, got)
		}
		for i := range want {
			if problem := compareValue(fmt.Sprintf("%s[%d]", at, i), have[i], want[i], ids); problem != "" {
				return problem
			}
		}
	case string:
		if have, ok := got.(string); !ok || !sameText(have, want, ids) {
			return fmt.Sprintf("%s is %v, want %s", at, got, want)
		}
	default:
		if got != want {
			return fmt.Sprintf("%s is %v, want %v", at, got, want)
		}
	}
	return ""
}
