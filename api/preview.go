package api

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"lockstep/internal/problem"
	"lockstep/provision"
)

// Preview is what a rule, or all rules of a store, would do with the next revision: a page of the operations, and always the whole
// summary. What it foresees is kept for some hours, and can be published as it was shown.
type Preview struct {
	Collection[Operations]
	PreviewHead
}

// PreviewHead is a preview without its operations.
type PreviewHead struct {
	ID        string            `json:"id,omitempty" format:"uuid" doc:"To read it in pages, and to publish it. Absent in a preview for one user."`
	PreviewID string            `json:"previewId,omitempty" format:"uuid" doc:"The same, as POST /propagation/revisions calls it."`
	Store     Reference         `json:"store"`
	Rule      *Reference        `json:"rule,omitempty" doc:"Absent in a preview of all active rules of a store."`
	CreatedAt Stamp             `json:"createdAt,omitzero"`
	ExpiresAt Stamp             `json:"expiresAt,omitzero" doc:"Until then it is kept, and can be published."`
	Summary   provision.Summary `json:"summary" doc:"held is how many of the operations counted the mass-deprovision guard would hold; withheld ones are counted nowhere else."`
	Guard     string            `json:"guard" doc:"Why the mass-deprovision guard would hold what takes access away; empty: it would not."`
	Drafted   bool              `json:"drafted" doc:"What is previewed is not all published yet."`
	Others    []string          `json:"others" doc:"What else the next revision publishes, and the preview does not show."`
	Listed    bool              `json:"listed" doc:"The target's accounts were read for it: it never was looked at before, or much is unknown."`
	Unasked   string            `json:"unasked" doc:"Why people without a known account could not be looked up on the target; empty: they were, or it was not needed."`
	Overwrite bool              `json:"overwriteExisting" doc:"It agrees to groups being overwritten."`
}

// PreviewState is a preview without its operations, and whether it is still what would happen.
type PreviewState struct {
	Links Links `json:"_links"`
	PreviewHead
	Moved []string `json:"moved" doc:"What changed since, in sentences; empty: it is what would happen, and can be published."`
}

// Operations is what a preview embeds.
type Operations struct {
	Operations []Operation `json:"operations"`
}

// Foreseen is one thing that a preview shows: an operation, or an object about which there is none, and why.
type Foreseen struct {
	Group      provision.PreviewGroup `json:"group"`
	Operation                         // the verb is empty where nothing is done
	Held       bool                   `json:"held" doc:"The mass-deprovision guard would hold it."`
	Candidates []Candidate            `json:"candidates" doc:"The accounts that match, of LINK, AMBIGUOUS and FOREIGN."`
}

// Candidate is an account on the target that may be somebody's.
type Candidate struct {
	RemoteID string `json:"remoteId"`
	Name     string `json:"name"`
	Active   bool   `json:"active"`
	LinkedTo string `json:"linkedTo" doc:"Whose it is already."`
	Kept     bool   `json:"keptForeign" doc:"An administrator said that it stays foreign."`
}

// ForeseenItems is what the list of what a preview shows embeds.
type ForeseenItems struct {
	Operations []Foreseen `json:"operations"`
}

// PreviewBody narrows a preview.
type PreviewBody struct {
	_         struct{}   `additionalProperties:"true"`
	User      *Reference `json:"user,omitempty" doc:"Only this user."`
	Overwrite bool       `json:"overwriteExisting,omitempty" doc:"As if the revision agreed to overwrite groups that are on the target already."`
}

// StorePreviewBody says how a store is previewed.
type StorePreviewBody struct {
	_         struct{} `additionalProperties:"true"`
	Overwrite bool     `json:"overwriteExisting,omitempty" doc:"As if the revision agreed to overwrite groups that are on the target already."`
}

func head(p *provision.Preview) PreviewHead {
	return PreviewHead{
		ID: p.ID, PreviewID: p.ID, Store: refer(p.ConnectionID), Rule: referTo(p.RuleID), CreatedAt: Stamp(p.CreatedAt), ExpiresAt: Stamp(p.ExpiresAt), Summary: p.Summary, Guard: cmp.Or(p.Guard, p.GuardGroups),
		Drafted: p.Drafted, Others: append([]string{}, p.Others...), Listed: p.Listed, Unasked: p.Unasked, Overwrite: p.Overwrite,
	}
}

// realGroups are the groups of operations, which a preview itself shows.
func realGroups() []provision.PreviewGroup {
	return slices.DeleteFunc(slices.Clone(provision.PreviewGroups), func(g provision.PreviewGroup) bool { return !g.IsOperation() })
}

// previewCursor is a position in a kept preview: its id, the group, and how many of the group were passed.
func previewCursor(id string, at provision.ForeseenPosition) string {
	if at.Group == "" {
		return ""
	}
	return fmt.Sprintf("%s.%s.%d", id, at.Group, at.Seq)
}

func readCursor(s string) (id string, at provision.ForeseenPosition, ok bool) {
	parts := strings.Split(s, ".")
	if len(parts) != 3 || !byID(parts[0]) || !byNumber(parts[2]) || !slices.Contains(provision.PreviewGroups, provision.PreviewGroup(parts[1])) {
		return "", at, false
	}
	seq, err := strconv.Atoi(parts[2])
	return parts[0], provision.ForeseenPosition{Group: provision.PreviewGroup(parts[1]), Seq: seq}, err == nil
}

func byPreview(s string) bool { _, _, ok := readCursor(s); return ok }

func (s *server) preview(r *request, in PreviewBody) (Preview, error) {
	q := provision.PreviewQuery{RuleID: r.PathValue("ruleID"), UserID: in.User.id(), Overwrite: in.Overwrite}
	if q.UserID != "" {
		return s.previewUser(r, q)
	}
	return s.makePreview(r, q)
}

func (s *server) previewStore(r *request, in StorePreviewBody) (Preview, error) {
	c, err := s.connection(r)
	if err != nil {
		return Preview{}, err
	}
	return s.makePreview(r, provision.PreviewQuery{ConnectionID: c.ID, Overwrite: in.Overwrite})
}

// previewUser is small: it is answered whole, and not kept.
func (s *server) previewUser(r *request, q provision.PreviewQuery) (Preview, error) {
	items := []Operation{}
	p, err := s.Engine.PreviewOnce(r.Context(), r.env, q, func(f provision.Foreseen) error {
		if f.Group.IsOperation() {
			items = append(items, operation(&f.Operation))
		}
		return nil
	})
	if err != nil {
		return Preview{}, err
	}
	return Preview{collection(r, Operations{items}, len(items), "", int64(len(items))), head(&p)}, nil
}

func (s *server) makePreview(r *request, q provision.PreviewQuery) (Preview, error) {
	page, err := r.page(maxPage, byPreview)
	if err != nil {
		return Preview{}, err
	}
	if page.after != "" {
		return s.previewAfter(r, page)
	}
	p, err := s.Engine.MakePreview(r.Context(), r.env, q)
	if err != nil {
		return Preview{}, err
	}
	return s.previewPage(r, &p, page.limit, provision.ForeseenPosition{})
}

// continuePreview is for who follows a next link with GET.
func (s *server) continuePreview(r *request) (Preview, error) {
	page, err := r.page(maxPage, byPreview)
	if err != nil {
		return Preview{}, err
	}
	if page.after == "" {
		return Preview{}, problem.New(problem.InvalidRequest, "a preview is made with POST; GET reads on in one, with the cursor of its next link")
	}
	return s.previewAfter(r, page)
}

func (s *server) previewAfter(r *request, page page) (Preview, error) {
	id, after, _ := readCursor(page.after)
	p, err := s.Engine.KeptPreview(r.Context(), r.env, id)
	if store := r.PathValue("storeID"); err == nil && (p.RuleID != r.PathValue("ruleID") || store != "" && p.ConnectionID != store) {
		err = problem.New(problem.InvalidRequest, "the cursor is not one that this list gave; start without it")
	}
	if err != nil {
		return Preview{}, err
	}
	return s.previewPage(r, &p, page.limit, after)
}

func (s *server) previewPage(r *request, p *provision.Preview, limit int, after provision.ForeseenPosition) (Preview, error) {
	items, next, err := s.Engine.Foreseen(r.Context(), p, provision.ForeseenQuery{Groups: realGroups(), Limit: limit, After: after})
	if err != nil {
		return Preview{}, err
	}
	m := &p.Summary
	total := m.Create + m.Update + m.Enable + m.Disable + m.Delete + m.Withheld
	operations := each(items, func(f *provision.Foreseen) Operation { return operation(&f.Operation) })
	out := Preview{collection(r, Operations{operations}, len(items), previewCursor(p.ID, next), total), head(p)}
	return out, nil
}

func (s *server) readPreview(r *request) (PreviewState, error) {
	p, err := s.Engine.KeptPreview(r.Context(), r.env, r.PathValue("previewID"))
	if err != nil {
		return PreviewState{}, err
	}
	moved, err := s.Engine.PreviewMoved(r.Context(), &p)
	if err != nil {
		return PreviewState{}, err
	}
	self := r.here("/propagation/previews/" + p.ID)
	return PreviewState{Links: Links{"self": {self}, "operations": {self + "/operations"}}, PreviewHead: head(&p), Moved: append([]string{}, moved...)}, nil
}

func (s *server) listForeseen(r *request) (Collection[ForeseenItems], error) {
	page, err := r.page(maxPage, byPreview)
	if err != nil {
		return Collection[ForeseenItems]{}, err
	}
	p, err := s.Engine.KeptPreview(r.Context(), r.env, r.PathValue("previewID"))
	if err != nil {
		return Collection[ForeseenItems]{}, err
	}
	q := provision.ForeseenQuery{Groups: provision.PreviewGroups, Text: r.parameter("text"), Limit: page.limit}
	if g := choice[provision.PreviewGroup](r, "group"); g != "" {
		q.Groups = []provision.PreviewGroup{g}
	}
	if page.after != "" {
		id, after, _ := readCursor(page.after)
		if id != p.ID || !slices.Contains(q.Groups, after.Group) {
			return Collection[ForeseenItems]{}, problem.New(problem.InvalidRequest, "the cursor is not one that this list gave; start without it")
		}
		q.After = after
	}
	items, next, err := s.Engine.Foreseen(r.Context(), &p, q)
	if err != nil {
		return Collection[ForeseenItems]{}, err
	}
	rows := each(items, func(f *provision.Foreseen) Foreseen { return foreseen(f, p.Holds(f)) })
	return collection(r, ForeseenItems{rows}, len(rows), previewCursor(p.ID, next), -1), nil
}

func foreseen(f *provision.Foreseen, held bool) Foreseen {
	return Foreseen{
		Group: f.Group, Operation: operation(&f.Operation), Held: held,
		Candidates: each(f.Candidates, func(c *provision.Candidate) Candidate { return Candidate(*c) }),
	}
}

// publishPreview publishes what a preview showed, and nothing else.
func (s *server) publishPreview(r *request, in PublishBody) (Revision, error) {
	o, err := s.Engine.Publishable(r.Context(), r.env, in.PreviewID)
	if err == nil && in.OverwriteExisting && !o.OverwriteExisting {
		err = problem.New(problem.Conflict, "the preview did not agree to groups being overwritten; make one that does, and look at it before you publish")
	}
	if err != nil {
		return Revision{}, err
	}
	v, err := s.Provision.PublishWith(r.Context(), r.env, o)
	return r.revision(&v), err
}
