package api

import "lockstep/provision"

// Revision is a published snapshot of plan, stores, rules and mappings.
type Revision struct {
	Links            Links      `json:"_links"`
	ID               string     `json:"id" format:"uuid"`
	Environment      Reference  `json:"environment"`
	Number           int64      `json:"number"`
	CreatedAt        Stamp      `json:"createdAt,omitzero"`
	CreatedBy        string     `json:"createdBy"`
	PreviousRevision *Reference `json:"previousRevision,omitempty"`
}

// Revisions is what a list of revisions embeds.
type Revisions struct {
	Revisions []Revision `json:"revisions"`
}

func (r *request) revision(v *provision.Revision) Revision {
	return Revision{
		Links: Links{"self": {r.here("/propagation/revisions/" + v.ID)}}, ID: v.ID, Environment: refer(v.EnvironmentID), Number: v.Number,
		CreatedAt: Stamp(v.CreatedAt), CreatedBy: v.CreatedBy, PreviousRevision: referTo(v.PreviousID),
	}
}

func (s *server) listRevisions(r *request) (Collection[Revisions], error) {
	all, err := s.Provision.Revisions(r.Context(), r.env, maxPage)
	if err != nil {
		return Collection[Revisions]{}, err
	}
	return whole(r, all, r.revision, func(l []Revision) Revisions { return Revisions{l} })
}

// PublishBody says what whoever publishes agrees to.
type PublishBody struct {
	_                 struct{} `additionalProperties:"true"`
	OverwriteExisting bool     `json:"overwriteExisting,omitempty" doc:"Groups that are on the target already may be overwritten; without it they are held."`
	PreviewID         string   `json:"previewId,omitempty" doc:"Publish what this preview showed, and nothing else: a 409 says what changed since."`
}

func (s *server) publish(r *request, in PublishBody) (Revision, error) {
	if in.PreviewID != "" {
		return s.publishPreview(r, in)
	}
	v, err := s.Provision.PublishWith(r.Context(), r.env, provision.PublishOptions{OverwriteExisting: in.OverwriteExisting})
	return r.revision(&v), err
}

func (s *server) latestRevision(r *request) (Revision, error) {
	v, err := s.Provision.LatestRevision(r.Context(), r.env)
	return r.revision(&v), err
}

func (s *server) readRevision(r *request) (Revision, error) {
	v, err := s.Provision.Revision(r.Context(), r.env, r.PathValue("revisionID"))
	return r.revision(&v), err
}
