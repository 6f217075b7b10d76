package slack

import (
	"encoding/json"
	"io"
	"net/http"
)

// control serves what tests and people use beside Slack's own API.
func (w *Workspace) control() {
	w.mux.HandleFunc("GET /{$}", w.page)
	w.mux.HandleFunc("GET /sandbox/members", func(rw http.ResponseWriter, _ *http.Request) { w.answer(rw, http.StatusOK, w.Members()) })
	w.mux.HandleFunc("GET /sandbox/requests", func(rw http.ResponseWriter, _ *http.Request) { w.answer(rw, http.StatusOK, w.Requests()) })
	w.mux.HandleFunc("POST /sandbox/reset-log", func(rw http.ResponseWriter, _ *http.Request) {
		w.ResetLog()
		rw.WriteHeader(http.StatusNoContent)
	})
	w.mux.HandleFunc("POST /sandbox/members", func(rw http.ResponseWriter, r *http.Request) {
		var members []Member
		if w.read(rw, r, &members) {
			w.answer(rw, http.StatusCreated, w.Seed(members...))
		}
	})
	w.mux.HandleFunc("PATCH /sandbox/members/{id}", w.editMember)
	w.mux.HandleFunc("DELETE /sandbox/members/{id}", func(rw http.ResponseWriter, r *http.Request) { w.removed(rw, w.Remove(r.PathValue("id"))) })
	w.mux.HandleFunc("DELETE /sandbox/groups/{id}", func(rw http.ResponseWriter, r *http.Request) { w.removed(rw, w.RemoveGroup(r.PathValue("id"))) })
	w.mux.HandleFunc("GET /sandbox/groups", func(rw http.ResponseWriter, _ *http.Request) { w.answer(rw, http.StatusOK, w.Groups()) })
	w.mux.HandleFunc("POST /sandbox/groups", func(rw http.ResponseWriter, r *http.Request) {
		var groups []Group
		if w.read(rw, r, &groups) {
			w.answer(rw, http.StatusCreated, w.SeedGroups(groups...))
		}
	})
	w.mux.HandleFunc("PATCH /sandbox/groups/{id}", w.editGroup)
	w.mux.HandleFunc("DELETE /sandbox/faults", func(rw http.ResponseWriter, _ *http.Request) {
		w.ClearFaults()
		rw.WriteHeader(http.StatusNoContent)
	})
	w.mux.HandleFunc("POST /sandbox/faults", func(rw http.ResponseWriter, r *http.Request) {
		var faults []Fault
		if w.read(rw, r, &faults) {
			w.Inject(faults...)
			rw.WriteHeader(http.StatusNoContent)
		}
	})
	w.mux.HandleFunc("POST /sandbox/apps", func(rw http.ResponseWriter, r *http.Request) {
		var apps []App
		if w.read(rw, r, &apps) {
			w.AddApps(apps...)
			rw.WriteHeader(http.StatusNoContent)
		}
	})
	w.mux.HandleFunc("PUT /sandbox/account", func(rw http.ResponseWriter, r *http.Request) {
		body := struct {
			Role   Role `json:"role"`
			Active bool `json:"active"`
		}{Owner, true}
		if w.read(rw, r, &body) {
			w.SetAccount(body.Role, body.Active)
			rw.WriteHeader(http.StatusNoContent)
		}
	})
	w.mux.HandleFunc("PUT /sandbox/team", func(rw http.ResponseWriter, r *http.Request) {
		var body place
		if w.read(rw, r, &body) {
			w.SetTeam(body.ID, body.Name)
			rw.WriteHeader(http.StatusNoContent)
		}
	})
	w.mux.HandleFunc("PUT /sandbox/token", func(rw http.ResponseWriter, r *http.Request) {
		var body struct {
			Token string `json:"token"`
			Role  Role   `json:"role"`
		}
		if w.read(rw, r, &body) {
			if body.Role == "" {
				body.Role = Owner
			}
			w.SetToken(body.Token, body.Role)
			rw.WriteHeader(http.StatusNoContent)
		}
	})
}

func (w *Workspace) read(rw http.ResponseWriter, r *http.Request, into any) bool {
	raw, err := io.ReadAll(io.LimitReader(r.Body, 64<<20))
	if err == nil {
		err = json.Unmarshal(raw, into)
	}
	if err != nil {
		w.answer(rw, http.StatusBadRequest, map[string]string{"error": "the body cannot be read: " + err.Error()})
		return false
	}
	return true
}

func (w *Workspace) removed(rw http.ResponseWriter, found bool) {
	if !found {
		w.answer(rw, http.StatusNotFound, map[string]string{"error": "there is nothing with this id"})
		return
	}
	rw.WriteHeader(http.StatusNoContent)
}

func (w *Workspace) editMember(rw http.ResponseWriter, r *http.Request) {
	w.editFrom(rw, r, func(raw []byte) (found bool, broken error) {
		found = w.Edit(r.PathValue("id"), func(m *Member) { broken = json.Unmarshal(raw, m) })
		return found, broken
	})
}

func (w *Workspace) editGroup(rw http.ResponseWriter, r *http.Request) {
	w.editFrom(rw, r, func(raw []byte) (found bool, broken error) {
		found = w.EditGroup(r.PathValue("id"), func(g *Group) { broken = json.Unmarshal(raw, g) })
		return found, broken
	})
}

func (w *Workspace) editFrom(rw http.ResponseWriter, r *http.Request, edit func(raw []byte) (found bool, broken error)) {
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxRequest))
	if err != nil {
		w.answer(rw, http.StatusBadRequest, map[string]string{"error": "the body cannot be read"})
		return
	}
	found, broken := edit(raw)
	switch {
	case !found:
		w.answer(rw, http.StatusNotFound, map[string]string{"error": "there is nothing with this id"})
	case broken != nil:
		w.answer(rw, http.StatusBadRequest, map[string]string{"error": broken.Error()})
	default:
		rw.WriteHeader(http.StatusNoContent)
	}
}
