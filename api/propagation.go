package api

import (
	"net/http"
	"slices"
	"strings"

	"lockstep/internal/problem"
	"lockstep/provision"
)

func (r *request) plan(p *provision.Plan) map[string]any {
	status := p.Status
	if status == "" {
		status = provision.Inactive // PingOne's default; see provision.Service.CreatePlan
	}
	return map[string]any{
		"id": p.ID, "name": p.Name, "status": string(status), "environment": map[string]any{"id": p.EnvironmentID},
		"createdAt": stamp(p.CreatedAt), "updatedAt": stamp(p.UpdatedAt),
		"_links": map[string]any{"self": link(r.here("/propagation/plans/" + p.ID)), "rules": link(r.here("/propagation/plans/" + p.ID + "/rules"))},
	}
}

func (s *server) listPlans(r *request) (int, any, error) {
	all, err := s.Provision.Plans(r.Context(), r.env)
	return http.StatusOK, r.collection("plans", list(all, r.plan), "", int64(len(all))), err
}

func (s *server) readPlan(r *request) (int, any, error) {
	id, err := r.id("planID", "plan")
	if err != nil {
		return 0, nil, err
	}
	p, err := s.Provision.Plan(r.Context(), r.env, id)
	return http.StatusOK, r.plan(&p), err
}

func (r *request) planBody() (provision.Plan, error) {
	body, err := r.object(false)
	if err != nil {
		return provision.Plan{}, err
	}
	f := &fields{object: body}
	p := provision.Plan{Name: f.text("name"), Status: provision.Status(strings.ToUpper(f.text("status")))}
	return p, f.err()
}

func (s *server) createPlan(r *request) (int, any, error) {
	p, err := r.planBody()
	if err != nil {
		return 0, nil, err
	}
	p, err = s.Provision.CreatePlan(r.Context(), r.env, p)
	return http.StatusCreated, r.plan(&p), err
}

func (s *server) updatePlan(r *request) (int, any, error) {
	id, err := r.id("planID", "plan")
	if err != nil {
		return 0, nil, err
	}
	p, err := r.planBody()
	if err != nil {
		return 0, nil, err
	}
	p, err = s.Provision.UpdatePlan(r.Context(), r.env, id, p)
	return http.StatusOK, r.plan(&p), err
}

func (s *server) deletePlan(r *request) (int, any, error) {
	id, err := r.id("planID", "plan")
	if err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, s.Provision.DeletePlan(r.Context(), r.env, id)
}

// store renders a connection. Secrets have no place in it.
func (r *request) store(c *provision.Connection) map[string]any {
	out := map[string]any{
		"id": c.ID, "name": c.Name, "description": c.Description, "type": c.Type, "status": string(c.Status), "managed": c.Managed,
		"configuration": c.Settings, "environment": map[string]any{"id": c.EnvironmentID}, "createdAt": stamp(c.CreatedAt), "updatedAt": stamp(c.UpdatedAt),
		"_links": map[string]any{"self": link(r.here("/propagation/stores/" + c.ID))},
	}
	if c.ImageID != "" || c.ImageHref != "" {
		out["image"] = map[string]any{"id": c.ImageID, "href": c.ImageHref}
	}
	return out
}

// storeBody reads a connection apart from its configuration, which the service reads.
func (r *request) storeBody(body map[string]any) (provision.Connection, map[string]any, error) {
	f := &fields{object: body}
	image := &fields{object: f.child("image"), prefix: "image."}
	c := provision.Connection{
		EnvironmentID: r.env, Name: f.text("name"), Description: f.text("description"), Type: f.text("type"),
		Status: provision.Status(strings.ToUpper(f.text("status"))), Managed: f.flag("managed"), ImageID: image.text("id"), ImageHref: image.text("href"),
	}
	return c, f.child("configuration"), f.err()
}

func (s *server) listStores(r *request) (int, any, error) {
	all, err := s.Provision.Connections(r.Context(), r.env)
	return http.StatusOK, r.collection("stores", list(all, r.store), "", int64(len(all))), err
}

func (s *server) readStore(r *request) (int, any, error) {
	c, err := s.connection(r)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, r.store(&c), nil
}

func (s *server) connection(r *request) (provision.Connection, error) {
	id, err := r.id("storeID", "store")
	if err != nil {
		return provision.Connection{}, err
	}
	return s.Provision.Connection(r.Context(), r.env, id)
}

func (s *server) createStore(r *request) (int, any, error) {
	body, err := r.object(false)
	if err != nil {
		return 0, nil, err
	}
	c, configuration, err := r.storeBody(body)
	if err != nil {
		return 0, nil, err
	}
	c, err = s.Provision.CreateConnection(r.Context(), r.env, c, configuration)
	return http.StatusCreated, r.store(&c), err
}

func (s *server) updateStore(r *request) (int, any, error) {
	id, err := r.id("storeID", "store")
	if err != nil {
		return 0, nil, err
	}
	body, err := r.object(false)
	if err != nil {
		return 0, nil, err
	}
	c, configuration, err := r.storeBody(body)
	if err != nil {
		return 0, nil, err
	}
	c, err = s.Provision.UpdateConnection(r.Context(), r.env, id, c, configuration)
	return http.StatusOK, r.store(&c), err
}

func (s *server) deleteStore(r *request) (int, any, error) {
	id, err := r.id("storeID", "store")
	if err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, s.Provision.DeleteConnection(r.Context(), r.env, id)
}

func (s *server) testStore(r *request) (int, any, error) {
	body, err := r.object(false)
	if err != nil {
		return 0, nil, err
	}
	c, configuration, err := r.storeBody(body)
	if err != nil {
		return 0, nil, err
	}
	if err := s.Provision.Configure(&c, configuration, nil); err != nil {
		return 0, nil, err
	}
	return s.test(r, c)
}

// testSavedStore tests a connection as it is saved, or with another configuration whose secrets may be left out.
func (s *server) testSavedStore(r *request) (int, any, error) {
	saved, err := s.connection(r)
	if err != nil {
		return 0, nil, err
	}
	body, err := r.object(true)
	if err != nil {
		return 0, nil, err
	}
	if len(body) == 0 || body["configuration"] == nil {
		status, answer, err := s.test(r, saved)
		if m, ok := answer.(map[string]any); ok && err == nil {
			checks, _ := m["checks"].([]provision.Check)
			err = s.Provision.RecordTest(r.Context(), saved.ID, checks)
		}
		return status, answer, err
	}
	c, configuration, err := r.storeBody(body)
	if err != nil {
		return 0, nil, err
	}
	c.ID, c.Type = saved.ID, saved.Type
	if err := s.Provision.Configure(&c, configuration, saved.Secrets); err != nil {
		return 0, nil, err
	}
	return s.test(r, c)
}

func (s *server) test(r *request, c provision.Connection) (int, any, error) {
	checks := s.Engine.Test(r.Context(), c)
	status := "OK"
	if slices.ContainsFunc(checks, func(c provision.Check) bool { return c.Status == provision.CheckFailed }) {
		status = "FAILED"
	}
	return http.StatusOK, map[string]any{"status": status, "checks": checks}, nil
}

func (s *server) pauseStore(r *request) (int, any, error) {
	id, err := r.id("storeID", "store")
	if err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, s.Engine.Pause(r.Context(), r.env, id)
}

func (s *server) resumeStore(r *request) (int, any, error) {
	id, err := r.id("storeID", "store")
	if err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, s.Engine.Resume(r.Context(), r.env, id)
}

func (s *server) storeMetadata(r *request) (int, any, error) {
	t, ok := s.Catalogue.Type(r.PathValue("type"))
	if !ok {
		return 0, nil, problem.New(problem.NotFound, "there is no type of store with this name")
	}
	attributes := make([]any, len(t.Fields))
	for i, f := range t.Fields {
		attributes[i] = optional(map[string]any{
			"name": f.Key, "displayName": f.Label, "description": f.Help, "type": string(f.Kind), "required": f.Required, "defaultValue": f.Default,
			"allowedValues": allowed(f.Allowed), "section": section(&f),
		})
	}
	users := map[string]any{}
	for _, a := range t.Attributes {
		kind := "STRING"
		if a.Flag {
			kind = "BOOLEAN"
		}
		users[a.Name] = optional(map[string]any{
			"displayName": a.Title, "description": a.Description, "type": kind, "required": a.Required, "unique": a.Unique, "multiValued": a.Multi,
		})
	}
	defaults := make([]any, len(t.Defaults))
	for i, m := range t.Defaults {
		defaults[i] = map[string]any{"sourceAttribute": m.SourceAttribute, "targetAttribute": m.TargetAttribute, "createOnly": m.CreateOnly}
	}
	return http.StatusOK, map[string]any{
		"information": map[string]any{"type": t.Name, "name": t.Title, "description": t.Description}, "connectionProfiles": []any{
			map[string]any{"name": t.Title, "connectionAttributes": attributes},
		},
		"attributeMetadata": map[string]any{"capabilities": []string{"CREATE", "UPDATE", "DISABLE"}, "userAttributes": users, "groupAttributes": map[string]any{}},
		"defaultMappings":   defaults,
	}, nil
}

func allowed(values []string) any {
	if len(values) == 0 {
		return nil
	}
	return values
}

func refs(ids []string) []any {
	out := make([]any, len(ids))
	for i, id := range ids {
		out[i] = map[string]any{"id": id}
	}
	return out
}

func (r *request) rule(p *provision.Rule) map[string]any {
	self := r.here("/propagation/rules/" + p.ID)
	out := map[string]any{
		"id": p.ID, "name": p.Name, "description": p.Description, "environment": map[string]any{"id": p.EnvironmentID}, "plan": map[string]any{"id": p.PlanID},
		"sourceStore": map[string]any{"id": p.SourceID}, "targetStore": map[string]any{"id": p.TargetID}, "active": p.Active,
		"populationExpression": p.PopulationExpression, "groups": refs(p.GroupIDs), "deprovision": p.Deprovision,
		"createdAt": stamp(p.CreatedAt), "updatedAt": stamp(p.UpdatedAt),
		"_links": map[string]any{
			"self": link(self), "mappings": link(self + "/mappings"), "preview": link(self + "/preview"), "syncStatus": link(self + "/syncStatus"),
		},
	}
	if len(p.PopulationIDs) > 0 {
		out["populations"] = refs(p.PopulationIDs)
	}
	if p.Configuration != nil {
		out["configuration"] = p.Configuration
	}
	if p.ParentRuleID != "" {
		out["parentRule"] = map[string]any{"id": p.ParentRuleID}
	}
	return out
}

func (r *request) ruleBody() (provision.Rule, error) {
	body, err := r.object(false)
	if err != nil {
		return provision.Rule{}, err
	}
	f := &fields{object: body}
	p := provision.Rule{
		Name: f.text("name"), Description: f.text("description"), PlanID: f.id("plan"), SourceID: f.id("sourceStore"), TargetID: f.id("targetStore"),
		Active: f.flag("active"), PopulationExpression: f.text("populationExpression"), PopulationIDs: f.ids("populations"), GroupIDs: f.ids("groups"),
		Deprovision: f.flag("deprovision"), Configuration: f.child("configuration"), ParentRuleID: f.id("parentRule"),
	}
	return p, f.err()
}

func (s *server) listRules(r *request) (int, any, error) {
	all, err := s.Provision.Rules(r.Context(), r.env)
	if err != nil {
		return 0, nil, err
	}
	if plan := r.PathValue("planID"); plan != "" {
		if _, err := s.Provision.Plan(r.Context(), r.env, plan); err != nil {
			return 0, nil, err
		}
		all = slices.DeleteFunc(all, func(p provision.Rule) bool { return p.PlanID != plan })
	}
	return http.StatusOK, r.collection("rules", list(all, r.rule), "", int64(len(all))), nil
}

func (s *server) createRule(r *request) (int, any, error) {
	p, err := r.ruleBody()
	if err != nil {
		return 0, nil, err
	}
	if plan := r.PathValue("planID"); plan != "" {
		if p.PlanID != "" && p.PlanID != plan {
			var l problem.List
			l.Add(problem.InvalidValue, "plan.id", "the plan is not the one of the path")
			return 0, nil, l.Err("The rule cannot be saved:")
		}
		p.PlanID = plan
	}
	p, err = s.Provision.CreateRule(r.Context(), r.env, p)
	return http.StatusCreated, r.rule(&p), err
}

func (s *server) readRule(r *request) (int, any, error) {
	id, err := r.id("ruleID", "rule")
	if err != nil {
		return 0, nil, err
	}
	p, err := s.Provision.Rule(r.Context(), r.env, id)
	return http.StatusOK, r.rule(&p), err
}

func (s *server) updateRule(r *request) (int, any, error) {
	id, err := r.id("ruleID", "rule")
	if err != nil {
		return 0, nil, err
	}
	p, err := r.ruleBody()
	if err != nil {
		return 0, nil, err
	}
	p, err = s.Provision.UpdateRule(r.Context(), r.env, id, p)
	return http.StatusOK, r.rule(&p), err
}

func (s *server) deleteRule(r *request) (int, any, error) {
	id, err := r.id("ruleID", "rule")
	if err != nil {
		return 0, nil, err
	}
	deprovision := strings.EqualFold(r.URL.Query().Get("deprovision"), "true")
	return http.StatusNoContent, nil, s.Provision.DeleteRule(r.Context(), r.env, id, deprovision)
}

func (r *request) mapping(m *provision.Mapping) map[string]any {
	return optional(map[string]any{
		"id": m.ID, "name": m.Name, "environment": map[string]any{"id": m.EnvironmentID}, "rule": map[string]any{"id": m.RuleID},
		"sourceAttribute": m.SourceAttribute, "expression": m.Expression, "targetAttribute": m.TargetAttribute, "attributeMappingType": m.MappingType,
		"createOnly": m.CreateOnly, "clearWhenEmpty": m.ClearWhenEmpty, "createdAt": stamp(m.CreatedAt), "updatedAt": stamp(m.UpdatedAt),
		"_links": map[string]any{"self": link(r.here("/propagation/mappings/" + m.ID)), "rule": link(r.here("/propagation/rules/" + m.RuleID))},
	})
}

func (r *request) mappingBody() (provision.Mapping, error) {
	body, err := r.object(false)
	if err != nil {
		return provision.Mapping{}, err
	}
	f := &fields{object: body}
	m := provision.Mapping{
		Name: f.text("name"), RuleID: f.id("rule"), SourceAttribute: f.text("sourceAttribute"), Expression: f.text("expression"),
		TargetAttribute: f.text("targetAttribute"), CreateOnly: f.flag("createOnly"), ClearWhenEmpty: f.flag("clearWhenEmpty"),
	}
	// The documentation says Boolean and shows text; both are taken.
	m.MappingType, _ = body["attributeMappingType"].(string)
	return m, f.err()
}

func (s *server) listMappings(r *request) (int, any, error) {
	id, err := r.id("ruleID", "rule")
	if err != nil {
		return 0, nil, err
	}
	all, err := s.Provision.Mappings(r.Context(), r.env, id)
	return http.StatusOK, r.collection("mappings", list(all, r.mapping), "", int64(len(all))), err
}

func (s *server) createMapping(r *request) (int, any, error) {
	id, err := r.id("ruleID", "rule")
	if err != nil {
		return 0, nil, err
	}
	m, err := r.mappingBody()
	if err != nil {
		return 0, nil, err
	}
	m, err = s.Provision.CreateMapping(r.Context(), r.env, id, m)
	return http.StatusCreated, r.mapping(&m), err
}

func (s *server) readMapping(r *request) (int, any, error) {
	id, err := r.id("mappingID", "mapping")
	if err != nil {
		return 0, nil, err
	}
	m, err := s.Provision.Mapping(r.Context(), r.env, id)
	return http.StatusOK, r.mapping(&m), err
}

func (s *server) updateMapping(r *request) (int, any, error) {
	id, err := r.id("mappingID", "mapping")
	if err != nil {
		return 0, nil, err
	}
	m, err := r.mappingBody()
	if err != nil {
		return 0, nil, err
	}
	m, err = s.Provision.UpdateMapping(r.Context(), r.env, id, m)
	return http.StatusOK, r.mapping(&m), err
}

func (s *server) deleteMapping(r *request) (int, any, error) {
	id, err := r.id("mappingID", "mapping")
	if err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, s.Provision.DeleteMapping(r.Context(), r.env, id)
}

func (r *request) revision(v *provision.Revision) map[string]any {
	out := map[string]any{
		"id": v.ID, "number": v.Number, "environment": map[string]any{"id": v.EnvironmentID}, "createdAt": stamp(v.CreatedAt), "createdBy": v.CreatedBy,
		"_links": map[string]any{"self": link(r.here("/propagation/revisions/" + v.ID))},
	}
	if v.PreviousID != "" {
		out["previousRevision"] = map[string]any{"id": v.PreviousID}
	}
	return out
}

func (s *server) listRevisions(r *request) (int, any, error) {
	all, err := s.Provision.Revisions(r.Context(), r.env, maxPage)
	return http.StatusOK, r.collection("revisions", list(all, r.revision), "", int64(len(all))), err
}

func (s *server) publish(r *request) (int, any, error) {
	v, err := s.Provision.Publish(r.Context(), r.env)
	return http.StatusCreated, r.revision(&v), err
}

func (s *server) readRevision(r *request) (int, any, error) {
	if r.PathValue("revisionID") == "id:latest" {
		v, err := s.Provision.LatestRevision(r.Context(), r.env)
		return http.StatusOK, r.revision(&v), err
	}
	id, err := r.id("revisionID", "revision")
	if err != nil {
		return 0, nil, err
	}
	v, err := s.Provision.Revision(r.Context(), r.env, id)
	return http.StatusOK, r.revision(&v), err
}
