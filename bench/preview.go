package main

import (
	"fmt"
	"net/http"
	"time"
)

// preview is what the program answers about one.
type preview struct {
	ID      string `json:"id"`
	Summary struct {
		Create, Update, Link, Unchanged, Foreign int
	} `json:"summary"`
	Links struct {
		Next *struct {
			Href string `json:"href"`
		} `json:"next"`
	} `json:"_links"`
}

// previewed measures one preview of the rule, with the first page of a thousand operations.
func (b *bench) previewed(check func(preview) bool) (figures, error) {
	b.workspace.ResetLog()
	before, err := b.usage()
	if err != nil {
		return figures{}, err
	}
	if err := b.resetTop(); err != nil {
		return figures{}, err
	}
	var p preview
	start := time.Now()
	if err := b.client.call(http.MethodPost, "/propagation/rules/"+b.client.rule+"/preview", object{}, &p); err != nil {
		return figures{}, err
	}
	took := time.Since(start)
	if !check(p) {
		return figures{}, fmt.Errorf("the preview says %+v", p.Summary)
	}
	out, err := b.spent(took, before, nil)
	if err != nil {
		return figures{}, err
	}
	start = time.Now()
	if err := b.client.call(http.MethodGet, "/propagation/previews/"+p.ID, nil, nil); err != nil {
		return figures{}, err
	}
	checked := time.Since(start)
	start = time.Now()
	if err := b.client.call(http.MethodGet, "/propagation/previews/"+p.ID+"/operations?text=user99999&limit=100", nil, nil); err != nil {
		return figures{}, err
	}
	searched := time.Since(start)
	out.text += fmt.Sprintf("; still true? %.2f s; searched in %.2f s", checked.Seconds(), searched.Seconds())
	return out, nil
}

// previewNew is the preview of a first day: n people, of whom members have an account already.
func previewNew(n, members int) func(*bench) (figures, error) {
	return func(b *bench) (figures, error) {
		if err := b.ready(n, members, 0); err != nil {
			return figures{}, err
		}
		return b.previewed(func(p preview) bool { return p.Summary.Create == n-members && p.Summary.Link == members })
	}
}

// previewEdit is the preview of a mapping that changes 50 of n people who are in step.
func previewEdit(n int) func(*bench) (figures, error) {
	return func(b *bench) (figures, error) {
		if err := b.ready(n, n, 0); err != nil {
			return figures{}, err
		}
		title, err := b.client.mappings()
		if err != nil {
			return figures{}, err
		}
		if _, err := b.client.publish(); err != nil {
			return figures{}, err
		}
		if err := b.client.call(http.MethodPut, "/propagation/mappings/"+title, object{"targetAttribute": "title", "expression": senior}, nil); err != nil {
			return figures{}, err
		}
		return b.previewed(func(p preview) bool { return p.Summary.Update == 50 && p.Summary.Unchanged == n-50 })
	}
}
