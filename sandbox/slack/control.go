package slack

import (
	"encoding/json"
	"html/template"
	"io"
	"net/http"
)

// control serves what tests and people use beside Slack's own API.
func (w *Workspace) control() {
	w.mux.HandleFunc("GET /{$}", w.page)
	w.mux.HandleFunc("GET /sandbox/members", func(rw http.ResponseWriter, _ *http.Request) { answer(rw, http.StatusOK, w.Members()) })
	w.mux.HandleFunc("GET /sandbox/requests", func(rw http.ResponseWriter, _ *http.Request) { answer(rw, http.StatusOK, w.Requests()) })
	w.mux.HandleFunc("POST /sandbox/reset-log", func(rw http.ResponseWriter, _ *http.Request) {
		w.ResetLog()
		rw.WriteHeader(http.StatusNoContent)
	})
	w.mux.HandleFunc("POST /sandbox/members", func(rw http.ResponseWriter, r *http.Request) {
		var members []Member
		if read(rw, r, &members) {
			answer(rw, http.StatusCreated, w.Seed(members...))
		}
	})
	w.mux.HandleFunc("PATCH /sandbox/members/{id}", w.editMember)
	w.mux.HandleFunc("POST /sandbox/faults", func(rw http.ResponseWriter, r *http.Request) {
		var faults []Fault
		if read(rw, r, &faults) {
			w.Inject(faults...)
			rw.WriteHeader(http.StatusNoContent)
		}
	})
	w.mux.HandleFunc("PUT /sandbox/token", func(rw http.ResponseWriter, r *http.Request) {
		var body struct {
			Token string `json:"token"`
			Role  Role   `json:"role"`
		}
		if read(rw, r, &body) {
			if body.Role == "" {
				body.Role = Owner
			}
			w.SetToken(body.Token, body.Role)
			rw.WriteHeader(http.StatusNoContent)
		}
	})
}

func read(rw http.ResponseWriter, r *http.Request, into any) bool {
	raw, err := io.ReadAll(io.LimitReader(r.Body, 64<<20))
	if err == nil {
		err = json.Unmarshal(raw, into)
	}
	if err != nil {
		answer(rw, http.StatusBadRequest, map[string]string{"error": "the body cannot be read: " + err.Error()})
		return false
	}
	return true
}

func (w *Workspace) editMember(rw http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxRequest))
	if err != nil {
		answer(rw, http.StatusBadRequest, map[string]string{"error": "the body cannot be read"})
		return
	}
	var broken error
	found := w.Edit(r.PathValue("id"), func(m *Member) { broken = json.Unmarshal(raw, m) })
	switch {
	case !found:
		answer(rw, http.StatusNotFound, map[string]string{"error": "no such member"})
	case broken != nil:
		answer(rw, http.StatusBadRequest, map[string]string{"error": broken.Error()})
	default:
		rw.WriteHeader(http.StatusNoContent)
	}
}

var pageTemplate = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Simulated Slack workspace</title>
<style>
:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #8884}
th{font-weight:600}.off td{opacity:.65;text-decoration:line-through}small{opacity:.8}
dl{display:flex;flex-wrap:wrap;gap:.3rem 1.5rem}dt{font-weight:600}dd{margin:0 1rem 0 .3rem}dl>div{display:flex}
</style></head><body>
<h1>Simulated Slack workspace</h1>
<p>{{.Active}} active members, {{.Inactive}} deactivated. Reload to see what changed.</p>
<dl>{{range $k, $v := .Totals}}<div><dt>{{$k}}</dt><dd>{{$v}}</dd></div>{{end}}</dl>
<table><thead><tr><th>Username</th><th>Name</th><th>E-mail</th><th>Title</th><th>Role</th><th>State</th><th>Id</th></tr></thead><tbody>
{{range .Members}}<tr{{if not .Active}} class="off"{{end}}><td>{{.UserName}}</td><td>{{.GivenName}} {{.FamilyName}}</td><td>{{.PrimaryEmail}}</td><td>{{.Title}}</td>
<td>{{.Role}}{{if .Bot}} (bot){{end}}</td><td>{{if .Active}}active{{else}}deactivated{{end}}</td><td><small>{{.ID}}</small></td></tr>
{{else}}<tr><td colspan="7">Nobody is here yet.</td></tr>{{end}}
</tbody></table>{{if .More}}<p><small>The first 1,000 are shown; /sandbox/members has all.</small></p>{{end}}
</body></html>`))

func (w *Workspace) page(rw http.ResponseWriter, _ *http.Request) {
	members := w.Members()
	data := struct {
		Active, Inactive int
		Totals           map[string]int64
		Members          []Member
		More             bool
	}{Totals: w.Requests().Totals, More: len(members) > 1000}
	for _, m := range members {
		if m.Active {
			data.Active++
		} else {
			data.Inactive++
		}
	}
	data.Members = members[:min(len(members), 1000)]
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	rw.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	_ = pageTemplate.Execute(rw, data)
}
