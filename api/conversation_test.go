package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"lockstep/access"
)

// TestConversations goes through the files of testdata/conversation. Each section is a request with its body, and the next one
// is its answer: the status and the body. Paths are below the environment. Ids are #1, #2, … in the order in which they are first
// answered, and requests name them so; NEXT is the path of the last answer's next link. "(Read Only)" behind a path asks as a client with
// that role, "(nobody)" without a token, and "(application/…)" with that content type. -update writes the answers anew.
func TestConversations(t *testing.T) {
	files, err := filepath.Glob("testdata/conversation/*.txtar")
	must(t, err)
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			raw, err := os.ReadFile(path)
			must(t, err)
			archive := txtar.Parse(raw)
			c := &conversation{server: newServer(t), ids: map[string]string{}}
			c.ids[c.env] = "ENV"
			for i := 0; i < len(archive.Files); i++ {
				request := archive.Files[i]
				name, body := c.ask(t, request.Name, string(bytes.TrimSpace(request.Data)))
				answer := txtar.File{Name: name, Data: []byte(body)}
				isAnswer := i+1 < len(archive.Files) && regexp.MustCompile(`^\d{3}$`).MatchString(archive.Files[i+1].Name)
				switch {
				case isAnswer && *update:
					archive.Files[i+1] = answer
				case isAnswer:
					if diff := cmp.Diff(archive.Files[i+1].Name+"\n"+string(archive.Files[i+1].Data), name+"\n"+body); diff != "" {
						t.Errorf("%s\n%s", request.Name, diff)
					}
				case *update:
					archive.Files = append(archive.Files[:i+1], append([]txtar.File{answer}, archive.Files[i+1:]...)...)
				default:
					t.Fatalf("%s has no answer; run with -update", request.Name)
				}
				i++
			}
			if *update {
				must(t, os.WriteFile(path, txtar.Format(archive), 0o600))
			}
		})
	}
}

// conversation is a server with names for what it made up.
type conversation struct {
	*server
	ids  map[string]string // name by id
	next string
}

var (
	uuids    = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	made     = regexp.MustCompile(`#\d+\b`)
	instants = regexp.MustCompile(`"\d{4}-\d\d-\d\dT[0-9:.]+Z"`)
	errorIDs = regexp.MustCompile(`(?m)^  "id": "[0-9a-f-]{36}",$`)
	secrets  = regexp.MustCompile(`("clientSecret"|"access_token"): "[^"]+"`)
	cursors  = regexp.MustCompile(`cursor=[A-Za-z0-9_-]+`)
	asked    = regexp.MustCompile(`^(\S+) (.+?)(?: \((.+)\))?$`)
)

func (c *conversation) ask(t *testing.T, title, body string) (status, answer string) {
	t.Helper()
	parts := asked.FindStringSubmatch(title)
	if parts == nil {
		t.Fatalf("%q is no request", title)
	}
	method, path, how := parts[1], c.real(parts[2]), parts[3]
	switch {
	case path == "NEXT":
		path = c.next
	case !strings.HasPrefix(path, "/v1") && !strings.HasPrefix(path, "/healthz") && !strings.HasPrefix(path, "/readyz"):
		path = "/v1/environments/" + c.env + path
	}
	request, err := http.NewRequest(method, c.url+strings.ReplaceAll(strings.ReplaceAll(path, " ", "%20"), `"`, "%22"), strings.NewReader(c.real(body)))
	must(t, err)
	role := access.EnvironmentAdmin
	switch {
	case strings.HasPrefix(how, "application/"):
		request.Header.Set("Content-Type", how)
	case how != "":
		role = access.Role(how)
	}
	if body != "" && request.Header.Get("Content-Type") == "" {
		request.Header.Set("Content-Type", "application/json")
	}
	if token := c.tokens[role]; token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	must(t, err)
	defer func() { _ = response.Body.Close() }()
	var said, pretty bytes.Buffer
	_, err = said.ReadFrom(response.Body)
	must(t, err)
	if said.Len() > 0 {
		must(t, json.Indent(&pretty, said.Bytes(), "", "  "))
		pretty.WriteByte('\n')
	}
	var links struct {
		Links struct {
			Next struct {
				Href string `json:"href"`
			} `json:"next"`
		} `json:"_links"`
	}
	_ = json.Unmarshal(said.Bytes(), &links) // not every answer has links
	c.next = strings.TrimPrefix(links.Links.Next.Href, c.url)
	return fmt.Sprint(response.StatusCode), c.named(pretty.String(), response.StatusCode)
}

// real puts ids in the place of their names.
func (c *conversation) real(s string) string {
	byName := map[string]string{}
	for id, name := range c.ids {
		byName[name] = id
	}
	return made.ReplaceAllStringFunc(strings.ReplaceAll(s, "ENV", c.env), func(name string) string { return byName[name] })
}

// named puts names in the place of whatever is another one each time.
func (c *conversation) named(s string, status int) string {
	s = strings.ReplaceAll(s, c.url, "https://lockstep.example")
	if status >= http.StatusBadRequest {
		s = errorIDs.ReplaceAllString(s, `  "id": "CORRELATION",`)
	}
	s = cursors.ReplaceAllString(secrets.ReplaceAllString(instants.ReplaceAllString(s, `"TIME"`), `$1: "SECRET"`), "cursor=CURSOR")
	return uuids.ReplaceAllStringFunc(s, func(id string) string {
		if c.ids[id] == "" {
			c.ids[id] = fmt.Sprintf("#%d", len(c.ids))
		}
		return c.ids[id]
	})
}
