package api

import (
	"net/http"
	"strings"

	"lockstep/access"
)

// routes lists every operation. The OpenAPI document is made from it.
func (s *server) routes() []route { //nolint:funlen // the table of the API
	const (
		read, people, all = access.Read, access.EditDirectory, access.EditAll
		get, post, put    = http.MethodGet, http.MethodPost, http.MethodPut
		patch, del        = http.MethodPatch, http.MethodDelete
		env               = "/{environmentID}"
		p                 = env + "/propagation"
	)
	return append([]route{
		{get, "", read, "List the environments of the token", s.listEnvironments, false},
		{get, env, read, "Read an environment", s.readEnvironment, false},

		{get, env + "/users", read, "List users; ?filter= takes a SCIM filter", s.listUsers, false},
		{post, env + "/users", people, "Create a user", s.createUser, false},
		{get, env + "/users/{userID}", read, "Read a user", s.readUser, false},
		{put, env + "/users/{userID}", people, "Replace a user", s.replaceUser, false},
		{patch, env + "/users/{userID}", people, "Change attributes of a user; null clears", s.patchUser, false},
		{del, env + "/users/{userID}", people, "Delete a user", s.deleteUser, false},
		{get, env + "/users/{userID}/enabled", read, "Read whether a user is enabled", s.readEnabled, false},
		{put, env + "/users/{userID}/enabled", people, "Enable or disable a user", s.setEnabled, false},
		{get, env + "/users/{userID}/population", read, "Read a user's population", s.readUserPopulation, false},
		{put, env + "/users/{userID}/population", people, "Move a user", s.moveUser, false},
		{get, env + "/users/{userID}/syncedRules", read, "Where a user stands under each rule", s.listSyncedRules, false},
		{get, env + "/users/{userID}/syncedRules/{ruleID}", read, "Where a user stands under a rule", s.readSyncedRule, false},
		{post, env + "/users/{userID}/syncedRules/{ruleID}", all, "Provision a user now", s.onDemand, false},

		{get, env + "/populations", read, "List populations", s.listPopulations, false},
		{post, env + "/populations", people, "Create a population", s.createPopulation, false},
		{get, env + "/populations/{populationID}", read, "Read a population", s.readPopulation, false},
		{put, env + "/populations/{populationID}", people, "Replace a population", s.replacePopulation, false},
		{del, env + "/populations/{populationID}", people, "Delete an empty population", s.deletePopulation, false},

		{get, env + "/schemas", read, "List schemas: there is one, User", s.listSchemas, false},
		{get, env + "/schemas/{schemaID}", read, "Read a schema", s.readSchema, false},
		{get, env + "/schemas/{schemaID}/attributes", read, "List the attributes of users", s.listAttributes, false},
		{post, env + "/schemas/{schemaID}/attributes", people, "Declare an attribute", s.createAttribute, false},
		{get, env + "/schemas/{schemaID}/attributes/{attributeID}", read, "Read an attribute", s.readAttribute, false},
		{put, env + "/schemas/{schemaID}/attributes/{attributeID}", people, "Change how an attribute is shown", s.updateAttribute, false},
		{patch, env + "/schemas/{schemaID}/attributes/{attributeID}", people, "Change how an attribute is shown", s.updateAttribute, false},
		{del, env + "/schemas/{schemaID}/attributes/{attributeID}", people, "End an attribute", s.deleteAttribute, false},

		{get, p + "/plans", read, "List plans: none or one", s.listPlans, false},
		{post, p + "/plans", all, "Create the plan", s.createPlan, false},
		{get, p + "/plans/{planID}", read, "Read a plan", s.readPlan, false},
		{put, p + "/plans/{planID}", all, "Replace a plan", s.updatePlan, false},
		{del, p + "/plans/{planID}", all, "Delete a plan with its rules and mappings", s.deletePlan, false},
		{get, p + "/plans/{planID}/rules", read, "List the rules of a plan", s.listRules, false},
		{post, p + "/plans/{planID}/rules", all, "Create a rule in a plan", s.createRule, false},

		{get, p + "/stores", read, "List stores (connections)", s.listStores, false},
		{post, p + "/stores", all, "Create a store", s.createStore, false},
		{post, p + "/stores/connection/status", all, "Test a connection that is not saved", s.testStore, false},
		{get, p + "/stores/{storeID}", read, "Read a store", s.readStore, false},
		{put, p + "/stores/{storeID}", all, "Replace a store; a secret that is left out stays", s.updateStore, false},
		{del, p + "/stores/{storeID}", all, "Delete a store that no rule uses", s.deleteStore, false},
		{post, p + "/stores/{storeID}/connection/status", all, "Test a saved connection", s.testSavedStore, false},
		{post, p + "/stores/{storeID}/pause", all, "Pause a connection", s.pauseStore, false},
		{post, p + "/stores/{storeID}/resume", all, "Resume a connection", s.resumeStore, false},
		{get, p + "/stores/{storeID}/accounts", read, "The link table of a connection", s.listAccounts, false},
		{del, p + "/stores/{storeID}/accounts/{accountID}", all, "Unlink an account", s.unlink, false},
		{get, p + "/stores/{storeID}/holds", read, "Operations that are held: none in this release", s.listHolds, false},
		{post, p + "/holds/{holdID}", all, "Decide about held operations", s.decideHold, false},
		{post, p + "/storeMetadata/{type}", read, "What a type of store asks for and can hold", s.storeMetadata, false},

		{get, p + "/rules", read, "List rules", s.listRules, false},
		{post, p + "/rules", all, "Create a rule", s.createRule, false},
		{get, p + "/rules/{ruleID}", read, "Read a rule", s.readRule, false},
		{put, p + "/rules/{ruleID}", all, "Replace a rule", s.updateRule, false},
		{del, p + "/rules/{ruleID}", all, "Delete a rule; ?deprovision=true", s.deleteRule, false},
		{get, p + "/rules/{ruleID}/mappings", read, "List the mappings of a rule", s.listMappings, false},
		{post, p + "/rules/{ruleID}/mappings", all, "Create a mapping", s.createMapping, false},
		{post, p + "/rules/{ruleID}/preview", read, "What the rule would do now; nothing is written", s.preview, false},
		{get, p + "/rules/{ruleID}/syncStatus", read, "The sync status of a rule", s.syncStatus, false},
		{get, p + "/rules/{ruleID}/syncedUsers", read, "The users of a rule; ?status=FAILED", s.syncedUsers, false},
		{get, p + "/rules/{ruleID}/syncedGroups", read, "The groups of a rule: none in this release", s.syncedGroups, false},
		{post, p + "/rules/{ruleID}/resync", all, "Start a full reconciliation", s.resync, false},

		{get, p + "/mappings/{mappingID}", read, "Read a mapping", s.readMapping, false},
		{put, p + "/mappings/{mappingID}", all, "Replace a mapping", s.updateMapping, false},
		{del, p + "/mappings/{mappingID}", all, "Delete a mapping", s.deleteMapping, false},
		{del, p + "/mapping/{mappingID}", all, "Delete a mapping, by the path that PingOne's Go SDK takes", s.deleteMapping, false},

		{get, p + "/revisions", read, "List revisions, newest first", s.listRevisions, false},
		{post, p + "/revisions", all, "Publish what is drafted", s.publish, false},
		{get, p + "/revisions/{revisionID}", read, "Read a revision; id:latest is the newest", s.readRevision, false},
		{get, p + "/events", read, "Follow what happens, as server-sent events", s.events, true},

		{get, env + "/activities", read, "The activity log, newest first", s.listActivities, false},
		{get, env + "/activities/{activityID}", read, "Read an activity", s.readActivity, false},
		{get, env + "/clients", all, "List API clients", s.listClients, false},
		{post, env + "/clients", all, "Create an API client; its secret is answered once", s.createClient, false},
		{del, env + "/clients/{clientID}", all, "Delete an API client", s.deleteClient, false},
	}, s.consoleRoutes()...)
}

// openAPI describes the operations.
func (s *server) openAPI(w http.ResponseWriter, r *http.Request) {
	paths := map[string]map[string]any{}
	for _, rt := range s.routes() {
		path := base + rt.path
		if paths[path] == nil {
			paths[path] = map[string]any{}
		}
		var parameters []any
		for part := range strings.SplitSeq(rt.path, "/") {
			if name, ok := strings.CutPrefix(part, "{"); ok {
				parameters = append(parameters, map[string]any{"name": strings.TrimSuffix(name, "}"), "in": "path", "required": true, "schema": map[string]any{"type": "string"}})
			}
		}
		operation := map[string]any{
			"summary":  rt.summary,
			"security": []any{map[string]any{"bearer": []any{}}},
			"responses": map[string]any{
				"2XX": map[string]any{"description": "done"}, "4XX": map[string]any{"description": "the request is at fault", "content": map[string]any{
					"application/json": map[string]any{"schema": map[string]any{"$ref": "#/components/schemas/Error"}},
				}},
			},
		}
		if parameters != nil {
			operation["parameters"] = parameters
		}
		if rt.method == http.MethodPost || rt.method == http.MethodPut || rt.method == http.MethodPatch {
			operation["requestBody"] = map[string]any{"content": map[string]any{"application/json": map[string]any{"schema": map[string]any{"type": "object"}}}}
		}
		paths[path][strings.ToLower(rt.method)] = operation
	}
	text := map[string]any{"type": "string"}
	writeJSON(w, http.StatusOK, map[string]any{
		"openapi": "3.1.0", "info": map[string]any{"title": "Lockstep", "version": s.Version, "description": "Provisioning in PingOne's words."},
		"servers": []any{map[string]any{"url": s.origin(r)}}, "paths": paths,
		"components": map[string]any{
			"securitySchemes": map[string]any{"bearer": map[string]any{"type": "http", "scheme": "bearer"}},
			"schemas": map[string]any{"Error": map[string]any{"type": "object", "properties": map[string]any{
				"id": text, "code": text, "message": text, "details": map[string]any{"type": "array", "items": map[string]any{
					"type": "object", "properties": map[string]any{"code": text, "target": text, "message": text, "innerError": map[string]any{"type": "object"}},
				}},
			}}},
		},
	})
}
