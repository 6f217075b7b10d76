package slack

import (
	"crypto/subtle"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// authorizeRoutes serve the page on which people consent.
func (w *Workspace) authorizeRoutes() {
	w.mux.HandleFunc("GET /oauth/v2/authorize", func(rw http.ResponseWriter, r *http.Request) { w.consent(rw, r.URL.Query(), false) })
	w.mux.HandleFunc("POST /oauth/v2/authorize", func(rw http.ResponseWriter, r *http.Request) {
		if r.ParseForm() == nil {
			w.consent(rw, r.PostForm, true)
		}
	})
}

var consentTemplate = template.Must(template.New("consent").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Simulated Slack: permission</title>
<style>:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;margin:3rem auto;max-width:30rem;padding:0 1rem}
button{font:inherit;padding:.5rem 1.4rem;margin:1rem .6rem 0 0}code{font-size:.95em}</style></head><body>
<h1>Simulated Slack</h1>
{{if .Error}}<p>Something went wrong: <code>{{.Error}}</code></p>{{else}}
<p>An app asks for permission to use <b>{{.Team}}</b> as its owner. It asks for: <code>{{.Scopes}}</code></p>
<form method="post" action="/oauth/v2/authorize">
{{range $name, $value := .Hidden}}<input type="hidden" name="{{$name}}" value="{{$value}}">{{end}}
{{if .Enterprise}}<p><label>Install it on <select name="install"><option value="organization">the organisation</option><option value="workspace">one workspace</option></select></label></p>{{end}}
<button name="decision" value="allow">Allow</button><button name="decision" value="deny">Cancel</button>
</form>{{end}}</body></html>`))

// consent shows the page, or carries out what was decided on it.
func (w *Workspace) consent(rw http.ResponseWriter, form url.Values, decided bool) {
	w.mu.Lock()
	app, known := w.oauth.apps[form.Get("client_id")]
	w.mu.Unlock()
	scopes := words(form.Get("user_scope"))
	wrong := ""
	switch {
	case !known:
		wrong = "invalid_client_id"
	case !app.takes(form.Get("redirect_uri")):
		wrong = "bad_redirect_uri"
	case len(scopes) == 0 && form.Get("scope") == "":
		wrong = "no_scopes"
	}
	if wrong == "" && decided {
		w.decide(rw, &app, form, scopes)
		return
	}
	hidden := map[string]string{}
	for _, name := range []string{"client_id", "redirect_uri", "user_scope", "scope", "state"} {
		hidden[name] = form.Get(name)
	}
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	rw.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	if wrong != "" {
		rw.WriteHeader(http.StatusBadRequest)
	}
	_ = consentTemplate.Execute(rw, map[string]any{
		"Error": wrong, "Team": w.team().Name, "Scopes": strings.Join(scopes, ", "), "Hidden": hidden, "Enterprise": w.options.Enterprise,
	})
}

func words(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

// decide leads back to the app, with a code or a refusal.
func (w *Workspace) decide(rw http.ResponseWriter, app *App, form url.Values, scopes []string) {
	back, _ := url.Parse(form.Get("redirect_uri")) // it was read before
	query := back.Query()
	if state := form.Get("state"); state != "" {
		query.Set("state", state)
	}
	if form.Get("decision") != "allow" {
		query.Set("error", "access_denied")
	} else {
		if app.Scopes != nil {
			scopes = app.Scopes
		}
		given := random("")
		w.mu.Lock()
		w.oauth.codes[given] = code{
			app: app.ClientID, redirectURL: form.Get("redirect_uri"), scopes: scopes, expires: w.options.Now().Add(codeLife),
			organization: w.options.Enterprise && form.Get("install") != "workspace",
		}
		w.mu.Unlock()
		query.Set("code", given)
	}
	back.RawQuery = query.Encode()
	rw.Header().Set("Location", back.String())
	rw.WriteHeader(http.StatusFound)
}

// access is oauth.v2.access: it exchanges a code, or a refresh token, once.
func (w *Workspace) access(r *http.Request) (any, string) {
	if err := r.ParseForm(); err != nil {
		return nil, "invalid_form_data"
	}
	id, secret, basic := r.BasicAuth()
	if basic { // RFC 6749 §2.3.1: both are form-encoded first
		id, _ = url.QueryUnescape(id)
		secret, _ = url.QueryUnescape(secret)
	} else {
		id, secret = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	app, known := w.oauth.apps[id]
	switch {
	case !known:
		return nil, "invalid_client_id"
	case subtle.ConstantTimeCompare([]byte(app.ClientSecret), []byte(secret)) != 1:
		return nil, "bad_client_secret"
	}
	switch r.PostForm.Get("grant_type") {
	case "", "authorization_code":
		return w.exchange(&app, r.PostForm)
	case "refresh_token":
		given := r.PostForm.Get("refresh_token")
		before, ok := w.oauth.refresh[given]
		if !ok || before.app != id || w.oauth.gone {
			return nil, "invalid_refresh_token"
		}
		delete(w.oauth.refresh, given) // the refresh token is then revoked; the access token lives on until it expires
		body := w.installed(&before)
		w.issue(&app, before, body)
		body["token_type"], body["scope"] = "user", strings.Join(before.scopes, ",")
		return body, ""
	default:
		return nil, "invalid_grant_type"
	}
}

// exchange takes a code. The caller holds mu.
func (w *Workspace) exchange(app *App, form url.Values) (any, string) {
	c, ok := w.oauth.codes[form.Get("code")]
	if !ok || c.app != app.ClientID || !w.options.Now().Before(c.expires) {
		return nil, "invalid_code"
	}
	delete(w.oauth.codes, form.Get("code"))
	if form.Get("redirect_uri") != c.redirectURL {
		return nil, "bad_redirect_uri"
	}
	t := issued{app: c.app, scopes: c.scopes, organization: c.organization}
	body := w.installed(&t)
	user := map[string]any{"id": ownerID, "scope": strings.Join(c.scopes, ","), "token_type": "user"}
	w.issue(app, t, user)
	body["authed_user"] = user
	return body, ""
}

// installed says where the app was installed. The caller holds mu.
func (w *Workspace) installed(t *issued) map[string]any {
	body := map[string]any{
		"ok": true, "app_id": "A00000001", "is_enterprise_install": t.organization, "enterprise": nil,
		"team": w.oauth.team,
	}
	if w.options.Enterprise {
		body["enterprise"] = w.oauth.team.organization()
	}
	if t.organization {
		body["team"] = nil
	}
	return body
}

// issue makes a token and writes it into an answer. The caller holds mu.
func (w *Workspace) issue(app *App, t issued, into map[string]any) {
	token := random("xoxp-")
	if app.Rotation {
		life := tokenLife
		if app.TokenSeconds > 0 {
			life = time.Duration(app.TokenSeconds) * time.Second
		}
		refresh := random("xoxe-1-")
		w.oauth.refresh[refresh] = t
		token = random("xoxe.xoxp-1-")
		t.expires = w.options.Now().Add(life)
		into["refresh_token"], into["expires_in"] = refresh, int(life.Seconds())
	}
	w.oauth.tokens[token] = &t
	into["access_token"] = token
}
