package slack

import (
	"html/template"
	"net/http"
)

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
<td>{{.Role}}{{if .Bot}} (bot){{end}}{{if .Guest}} (guest){{end}}</td><td>{{if .Active}}active{{else}}deactivated{{end}}</td><td><small>{{.ID}}</small></td></tr>
{{else}}<tr><td colspan="7">Nobody is here yet.</td></tr>{{end}}
</tbody></table>{{if .More}}<p><small>The first 1,000 are shown; /sandbox/members has all.</small></p>{{end}}
{{with .Groups}}<h2>Groups</h2><table><thead><tr><th>Name</th><th>Members</th><th>Id</th></tr></thead><tbody>
{{range .}}<tr><td>{{.Name}}{{if .Generated}} (Slack's){{end}}{{if .Linked}} (linked){{end}}</td><td>{{len .Members}}</td><td><small>{{.ID}}</small></td></tr>
{{end}}</tbody></table>{{end}}
</body></html>`))

func (w *Workspace) page(rw http.ResponseWriter, _ *http.Request) {
	members := w.Members()
	data := struct {
		Active, Inactive int
		Totals           map[string]int64
		Members          []Member
		Groups           []Group
		More             bool
	}{Totals: w.Requests().Totals, Groups: w.Groups(), More: len(members) > 1000}
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
