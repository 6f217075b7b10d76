package slack

import (
	"net/http"
	"slices"
	"strings"
)

// webAPI serves the few methods of Slack's Web API that belong to tokens. They answer 200 with "ok": false when they refuse.
func (w *Workspace) webAPI() {
	for name, serve := range map[string]func(*http.Request) (any, string){
		"oauth.v2.access": w.access, "auth.test": w.authTest, "auth.revoke": w.revoke, "users.info": w.usersInfo,
	} {
		w.mux.HandleFunc("POST /api/"+name, func(rw http.ResponseWriter, r *http.Request) {
			w.mu.Lock()
			w.log.Totals["POST /api/"+name]++
			w.mu.Unlock()
			f := w.webFault(r)
			if f.ResetBefore || f.Status != 0 {
				w.insteadOfWeb(rw, f)
				return
			}
			body, refusal := serve(r)
			if f.spoil(rw, r) {
				return
			}
			if refusal != "" {
				body = map[string]any{"ok": false, "error": refusal}
			} else if t, wrong := w.bearer(r); wrong == "" {
				rw.Header().Set("X-Oauth-Scopes", strings.Join(t.scopes, ","))
			}
			w.answer(rw, http.StatusOK, body)
		})
	}
}

// webFault takes the first fault that is meant for the Web API: one that names its path.
func (w *Workspace) webFault(r *http.Request) *Fault {
	w.mu.Lock()
	meant := slices.ContainsFunc(w.faults, func(f *Fault) bool { return strings.HasPrefix(f.PathPrefix, "/api/") })
	w.mu.Unlock()
	if !meant {
		return &Fault{}
	}
	return w.fault(r)
}

func (w *Workspace) insteadOfWeb(rw http.ResponseWriter, f *Fault) {
	switch {
	case f.ResetBefore:
		reset(rw)
	case f.Code != "":
		if f.RetryAfter > 0 {
			rw.Header().Set("Retry-After", "1")
		}
		w.answer(rw, f.Status, map[string]any{"ok": false, "error": f.Code})
	default:
		http.Error(rw, http.StatusText(f.Status), f.Status)
	}
}

// bearer answers whose token a request has, and what is wrong with it.
func (w *Workspace) bearer(r *http.Request) (*issued, string) {
	header := r.Header.Get("Authorization")
	token, ok := strings.CutPrefix(header, "Bearer ")
	if !ok {
		return nil, "not_authed"
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state(token)
}

func (w *Workspace) authTest(r *http.Request) (any, string) {
	t, wrong := w.bearer(r)
	if wrong != "" {
		return nil, wrong
	}
	team := w.team()
	body := map[string]any{"ok": true, "url": w.host() + "/", "team": team.Name, "user": "owner", "team_id": team.ID, "user_id": ownerID}
	if w.options.Enterprise {
		body["enterprise_id"] = team.organization().ID
		if t.organization { // an organisation's token has the organisation in the place of the workspace
			body["team_id"] = team.organization().ID
		}
	}
	return body, ""
}

const ownerID = "U00000001" // of whoever consents

func (w *Workspace) revoke(r *http.Request) (any, string) {
	t, wrong := w.bearer(r)
	if wrong != "" {
		return nil, wrong
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	t.revoked = true
	return map[string]any{"ok": true, "revoked": true}, ""
}

// usersInfo tells a member's role to tokens with users:read; one with admin alone has not got it.
func (w *Workspace) usersInfo(r *http.Request) (any, string) {
	t, wrong := w.bearer(r)
	switch {
	case wrong != "":
		return nil, wrong
	case !slices.Contains(t.scopes, "users:read"):
		return nil, "missing_scope"
	case r.FormValue("user") != ownerID:
		return nil, "user_not_found"
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	owner := w.role == Owner || w.role == PrimaryOwner
	return map[string]any{"ok": true, "user": map[string]any{
		"id": ownerID, "name": "owner", "is_admin": owner || w.role == Admin, "is_owner": owner, "is_primary_owner": w.role == PrimaryOwner,
	}}, ""
}
