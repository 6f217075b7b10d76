package api

import (
	"net/http"
	"slices"

	"lockstep/access"
)

const (
	read, people, all = access.Read, access.EditDirectory, access.EditAll
	get, post, put    = http.MethodGet, http.MethodPost, http.MethodPut
	patch, del        = http.MethodPatch, http.MethodDelete
	created, accepted = http.StatusCreated, http.StatusAccepted
	env               = "/{environmentID}"
	propagation       = env + "/propagation"
	checkMedia        = "application/vnd.pingidentity.connection.check+json"
)

// The query parameters of lists of drift.
var (
	driftStatus = parameter{name: "status", doc: "Only drift that stands like this. Left out: all that is not over.", allowed: words(driftStatuses)}
	endedDrift  = parameter{name: "ended", doc: "With what is over; it is kept for 30 days.", kind: "boolean"}
)

// routes lists every operation. The OpenAPI document is made from it.
func (s *server) routes() []route {
	return slices.Concat(
		s.directoryRoutes(), s.groupRoutes(), s.schemaRoutes(), s.planRoutes(), s.storeRoutes(), s.authorizationRoutes(), s.ruleRoutes(), s.logRoutes(), s.alertRoutes(), s.consoleRoutes(),
	)
}

func (s *server) directoryRoutes() []route {
	filter := parameter{name: "filter", doc: `A SCIM filter, such as: enabled eq true and name.family sw "M"`}
	const users, user, populations, population = env + "/users", env + "/users/{userID}", env + "/populations", env + "/populations/{populationID}"
	return []route{
		{get, "", "listEnvironments", read, "List the environments in which one has a role: one's own first", reads(s.listEnvironments), paging},
		{post, "", "createEnvironment", all, "Create an environment; whoever does is its Environment Admin", takes(created, s.createEnvironment), nil},
		{get, env, "readEnvironment", read, "Read an environment", reads(s.readEnvironment), nil},
		{put, env, "replaceEnvironment", all, "Rename an environment", takes(http.StatusOK, s.replaceEnvironment), nil},

		{get, users, "listUsers", read, "List users", reads(s.listUsers), paged(filter, includeGroups)},
		{post, users, "createUser", people, "Create a user", takes(created, s.createUser).as("application/vnd.pingidentity.user.import+json"), nil},
		{get, user, "readUser", read, "Read a user", reads(s.readUser), []parameter{includeGroups}},
		{put, user, "replaceUser", people, "Replace a user; what is left out is cleared", takes(http.StatusOK, s.replaceUser), nil},
		{patch, user, "updateUser", people, "Change attributes of a user; null clears", takes(http.StatusOK, s.patchUser), nil},
		{del, user, "deleteUser", people, "Delete a user", does(s.deleteUser), nil},
		{get, user + "/enabled", "readUserEnabled", read, "Read whether a user is enabled", reads(s.readEnabled), nil},
		{put, user + "/enabled", "updateUserEnabled", people, "Enable or disable a user", takes(http.StatusOK, s.setEnabled), nil},
		{get, user + "/population", "readUserPopulation", read, "Read a user's population", reads(s.readUserPopulation), nil},
		{put, user + "/population", "updateUserPopulation", people, "Move a user", takes(http.StatusOK, s.moveUser), nil},
		{get, user + "/syncedRules", "listUserSyncedRules", read, "Where a user stands under each rule", reads(s.listSyncedRules), paging},
		{get, user + "/syncedRules/{ruleID}", "readUserSyncedRule", read, "Where a user stands under a rule", reads(s.readSyncedRule), nil},
		{get, user + "/drift", "listUserDrift", read, "What others changed about a user on targets", reads(s.objectDrift), paged(driftStatus, endedDrift)},
		{post, user + "/syncedRules/{ruleID}", "provisionUser", all, "Provision a user now", reads(s.onDemand), nil},

		{get, populations, "listPopulations", read, "List populations", reads(s.listPopulations), paging},
		{post, populations, "createPopulation", people, "Create a population", takes(created, s.createPopulation), nil},
		{get, population, "readPopulation", read, "Read a population", reads(s.readPopulation), nil},
		{put, population, "replacePopulation", people, "Replace a population", takes(http.StatusOK, s.replacePopulation), nil},
		{del, population, "deletePopulation", people, "Delete an empty population", does(s.deletePopulation), nil},
	}
}

func (s *server) schemaRoutes() []route {
	const schema = env + "/schemas/{schemaID}"
	const attributes, attribute = schema + "/attributes", schema + "/attributes/{attributeID}"
	return []route{
		{get, env + "/schemas", "listSchemas", read, "List schemas: there is one, User", reads(s.listSchemas), paging},
		{get, schema, "readSchema", read, "Read a schema", reads(s.readSchema), nil},
		{get, attributes, "listAttributes", read, "List the attributes of users", reads(s.listAttributes), paging},
		{post, attributes, "createAttribute", people, "Declare an attribute", takes(created, s.createAttribute), nil},
		{get, attribute, "readAttribute", read, "Read an attribute", reads(s.readAttribute), nil},
		{put, attribute, "replaceAttribute", people, "Change how an attribute is shown", takes(http.StatusOK, s.updateAttribute), nil},
		{patch, attribute, "updateAttribute", people, "Change how an attribute is shown; what is left out stays", takes(http.StatusOK, s.updateAttribute), nil},
		{del, attribute, "deleteAttribute", people, "End an attribute", does(s.deleteAttribute), nil},
	}
}

func (s *server) planRoutes() []route {
	const plans, plan, revisions = propagation + "/plans", propagation + "/plans/{planID}", propagation + "/revisions"
	return []route{
		{get, plans, "listPlans", read, "List plans: none or one", reads(s.listPlans), paging},
		{post, plans, "createPlan", all, "Create the plan", takes(created, s.createPlan), nil},
		{get, plan, "readPlan", read, "Read a plan", reads(s.readPlan), nil},
		{put, plan, "replacePlan", all, "Replace a plan", takes(http.StatusOK, s.updatePlan), nil},
		{del, plan, "deletePlan", all, "Delete a plan with its rules and mappings", does(s.deletePlan), nil},
		{get, plan + "/rules", "listPlanRules", read, "List the rules of a plan", reads(s.listRules), paging},
		{post, plan + "/rules", "createPlanRule", all, "Create a rule in a plan", takes(created, s.createRule), nil},

		{get, revisions, "listRevisions", read, "List revisions, newest first", reads(s.listRevisions), paging},
		{post, revisions, "createRevision", all, "Publish what is drafted", mayTake(created, s.publish), nil},
		{get, revisions + "/id:latest", "readLatestRevision", read, "Read the newest revision", reads(s.latestRevision), nil},
		{get, revisions + "/{revisionID}", "readRevision", read, "Read a revision", reads(s.readRevision), nil},
	}
}

func (s *server) storeRoutes() []route {
	const stores, store, preview = propagation + "/stores", propagation + "/stores/{storeID}", propagation + "/previews/{previewID}"
	ownership := parameter{name: "ownership", doc: "Only accounts that are owned like this.", allowed: words(ownershipNames)}
	name := parameter{name: "name", doc: "Only accounts whose name has this in it."}
	object := parameter{name: "objectId", doc: "Only the account of this user.", id: true}
	return []route{
		{get, stores, "listStores", read, "List stores (connections)", reads(s.listStores), paging},
		{post, stores, "createStore", all, "Create a store", takes(created, s.createStore), nil},
		{post, stores + "/connection/status", "testStore", all, "Test a connection that is not saved", takes(http.StatusOK, s.testStore).as(checkMedia), nil},
		{get, store, "readStore", read, "Read a store", reads(s.readStore), nil},
		{put, store, "replaceStore", all, "Replace a store; a secret that is left out stays", takes(http.StatusOK, s.updateStore), nil},
		{del, store, "deleteStore", all, "Delete a store that no rule uses", does(s.deleteStore), nil},
		{post, store + "/connection/status", "testSavedStore", all, "Test a saved connection", mayTake(http.StatusOK, s.testSavedStore).as(checkMedia), nil},
		{post, store + "/pause", "pauseStore", all, "Pause a connection", does(s.pauseStore), nil},
		{post, store + "/resume", "resumeStore", all, "Resume a connection", does(s.resumeStore), nil},
		{get, store + "/accounts", "listAccounts", read, "The link table of a connection", reads(s.listAccounts), paged(statusParameter, ownership, object, name)},
		{post, store + "/accounts", "linkAccount", all, "Link a user with an account on the target, by decision", takes(created, s.linkAccount), nil},
		{get, store + "/foreignAccounts", "listForeignAccounts", read, "Accounts of which somebody said that they stay foreign", reads(s.listKeptForeign), paging},
		{post, store + "/foreignAccounts", "keepForeign", all, "Say that an account on the target stays nobody's; whoever is linked to it is unlinked", takes(created, s.keepForeign), nil},
		{del, store + "/foreignAccounts/{remoteID}", "endForeign", all, "Let an account be adopted again", does(s.endForeign), nil},
		{del, store + "/accounts/{accountID}", "deleteAccount", all, "Unlink an account", does(s.unlink), nil},
		{post, store + "/preview", "previewStore", read, "What all active rules of the connection would do now; nothing is written", mayTake(http.StatusOK, s.previewStore).waiting(), paging},
		{get, store + "/preview", "continueStorePreview", read, "Read on in a preview, with the cursor of its next link", reads(s.continuePreview), paging},
		{get, preview, "readPreview", read, "A preview that was made, and what changed since", reads(s.readPreview), nil},
		{get, preview + "/operations", "listPreviewOperations", read, "All that a preview shows, by kind and text", reads(s.listForeseen), paged(groupParameter, textParameter)},
		{get, store + "/holds", "listHolds", read, "Operations that are held until somebody decides", reads(s.listHolds), paged(parameter{name: "name", doc: "Of a mass deprovisioning: only objects whose name has this in it."})},
		{post, propagation + "/holds/{holdID}", "decideHold", all, "Decide about held operations", takes(http.StatusOK, s.decideHold), nil},
		{get, store + "/drift", "listStoreDrift", read, "What others changed on the target of a store", reads(s.storeDrift), paged(driftStatus, endedDrift, object)},
		{post, store + "/drift", "decideStoreDrift", all, "Repair or accept drift of a store: some, or all that is open", takes(http.StatusOK, s.decideStoreDrift), nil},
		{post, store + "/scan", "scanStore", all, "Look for drift now", answers(accepted, s.scanStore), nil},
		{get, propagation + "/drift/{driftID}", "readDrift", read, "Read a drift", reads(s.readDrift), nil},
		{post, propagation + "/drift/{driftID}", "decideDrift", all, "Repair or accept a drift", takes(http.StatusOK, s.decideDrift), nil},
		{get, store + "/tripwire", "readTripwire", read, "Whether the tripwire stopped a store, and why", reads(s.tripwire), nil},
		{post, store + "/tripwire", "actOnTripwire", all, "Repair or resume a store that the tripwire stopped", takes(http.StatusOK, s.actOnTripwire), nil},
		{post, propagation + "/storeMetadata/{type}", "readStoreMetadata", read, "What a type of store asks for and can hold", mayTake(http.StatusOK, s.storeMetadata), nil},
	}
}

func (s *server) authorizationRoutes() []route {
	const authorizations, authorization = propagation + "/authorizations", propagation + "/authorizations/{authorizationID}"
	kind := parameter{name: "type", doc: "The type of store."}
	organization := parameter{name: "organization", doc: "The app is installed on a whole organisation.", kind: "boolean"}
	rotation := parameter{name: "rotation", doc: "The app's tokens expire and are refreshed.", kind: "boolean"}
	return []route{
		{get, propagation + "/authorizationSetup", "readAuthorizationSetup", read, "How to make the app by which a token is had", reads(s.authorizationSetup), []parameter{kind, organization, rotation}},
		{post, authorizations, "createAuthorization", all, "Begin to get a token by OAuth; answers the page on which to consent", takes(created, s.beginAuthorization), nil},
		{post, propagation + "/authorizationAnswer", "answerAuthorization", all, "Take what consent led back with; the token is proven, and answered to nobody", takes(http.StatusOK, s.completeAuthorization), nil},
		{get, authorization, "readAuthorization", all, "Read an authorization of one's own", reads(s.readAuthorization), nil},
		{post, authorization + "/confirm", "confirmAuthorization", all, "Let a store take over a token of another workspace", reads(s.confirmAuthorization), nil},
		{del, authorization, "deleteAuthorization", all, "Forget an authorization and its token", does(s.deleteAuthorization), nil},
		{post, propagation + "/stores/{storeID}/token/refresh", "refreshToken", all, "Refresh a token that expires, now", answers(http.StatusOK, s.refreshToken), nil},
	}
}

func (s *server) ruleRoutes() []route {
	const rules, rule, mapping = propagation + "/rules", propagation + "/rules/{ruleID}", propagation + "/mappings/{mappingID}"
	deprovision := parameter{name: "deprovision", doc: "Whether the next revision deprovisions what the rule provisioned; the target store must be managed.", kind: "boolean"}
	return []route{
		{get, rules, "listRules", read, "List rules", reads(s.listRules), paging},
		{post, rules, "createRule", all, "Create a rule", takes(created, s.createRule), nil},
		{get, rule, "readRule", read, "Read a rule", reads(s.readRule), nil},
		{put, rule, "replaceRule", all, "Replace a rule", takes(http.StatusOK, s.updateRule), nil},
		{del, rule, "deleteRule", all, "Delete a rule", does(s.deleteRule), []parameter{deprovision}},
		{get, rule + "/mappings", "listMappings", read, "List the mappings of a rule", reads(s.listMappings), paging},
		{post, rule + "/mappings", "createMapping", all, "Create a mapping", takes(created, s.createMapping), nil},
		{post, rule + "/preview", "previewRule", read, "What the rule would do now; nothing is written", mayTake(http.StatusOK, s.preview).waiting(), paging},
		{get, rule + "/preview", "continuePreview", read, "Read on in a preview, with the cursor of its next link", reads(s.continuePreview), paging},
		{get, rule + "/syncStatus", "readSyncStatus", read, "The sync status of a rule", reads(s.syncStatus), nil},
		{get, rule + "/syncedUsers", "listSyncedUsers", read, "The users of a rule", reads(s.syncedUsers), paged(statusParameter)},
		{get, rule + "/syncedGroups", "listSyncedGroups", read, "The groups of a rule", reads(s.syncedGroups), paged(statusParameter)},
		{get, rule + "/syncedGroups/{groupID}", "readSyncedGroup", read, "Where a group stands under a rule", reads(s.readSyncedGroup), nil},
		{get, rule + "/failures", "listFailures", read, "Why users and groups of a rule fail, by cause", reads(s.listFailures), paging},
		{post, rule + "/retry", "retryRule", all, "Try failed users and groups again at once: all, those of one cause, or one", mayTake(accepted, s.retry), nil},
		{get, rule + "/drift", "listRuleDrift", read, "What others changed on the target of a rule", reads(s.ruleDrift), paged(driftStatus, endedDrift)},
		{post, rule + "/resync", "resyncRule", all, "Start a full reconciliation", answers(accepted, s.resync), nil},

		{get, mapping, "readMapping", read, "Read a mapping", reads(s.readMapping), nil},
		{put, mapping, "replaceMapping", all, "Replace a mapping", takes(http.StatusOK, s.updateMapping), nil},
		{del, mapping, "deleteMapping", all, "Delete a mapping", does(s.deleteMapping), nil},
		{del, propagation + "/mapping/{mappingID}", "deleteMappingSDK", all, "Delete a mapping, by the path that PingOne's Go SDK takes", does(s.deleteMapping), nil},
	}
}

func (s *server) alertRoutes() []route {
	const alerts = env + "/alerts"
	state := parameter{name: "state", doc: "OPEN: what holds now. ENDED: what is over, the newest first. Left out: OPEN.", allowed: []string{alertsOpen, alertsEnded}}
	return []route{
		{get, alerts, "listAlerts", read, "Conditions that people are told of: halted, held, quarantined, failing, expiring, stale", reads(s.listAlerts), paged(state)},
		{get, alerts + "/settings", "readAlertSettings", all, "Where alerts go, and what is worth one", reads(s.readAlertSettings), nil},
		{put, alerts + "/settings", "replaceAlertSettings", all, "Say where alerts go; a secret that is left out stays", takes(http.StatusOK, s.replaceAlertSettings), nil},
		{post, alerts + "/test", "testAlerts", all, "Send a test message by every channel, now", reads(s.testAlerts), nil},
		{get, alerts + "/deliveries", "listAlertDeliveries", all, "The newest messages, and how far they came", reads(s.listDeliveries), paging},
	}
}

func (s *server) logRoutes() []route {
	filter := parameter{name: "filter", doc: `Conditions joined by "and": recordedAt with eq, gt, ge, lt, le; action.type, correlationId, resources.type, resources.id, store.id and rule.id with eq.`}
	format := parameter{name: "format", doc: "JSONL: a line of JSON for each activity, with its link of the chain. CSV: for spreadsheets. Left out: JSONL.", allowed: []string{formatLines, formatCSV}}
	const clients, client = env + "/clients", env + "/clients/{clientID}"
	return []route{
		{get, propagation + "/events", "followEvents", read, "Follow what happens, as server-sent events", streams(s.events), nil},
		{get, env + "/activities", "listActivities", read, "The activity log, newest first", reads(s.listActivities), paged(filter)},
		{get, env + "/activities/export", "exportActivities", read, "Export the activity log, oldest first, as JSON lines that can be proved or as CSV", downloads(s.exportActivities), []parameter{filter, format}},
		{get, env + "/activities/head", "readActivityHead", read, "The newest line of the activity log, signed: kept elsewhere, it proves later that nothing was cut off", reads(s.activityHead), nil},
		{get, env + "/activities/{activityID}", "readActivity", read, "Read an activity", reads(s.readActivity), nil},

		{get, clients, "listClients", all, "List API clients: the environment's own, and those of others that have a role in it", reads(s.listClients), paging},
		{post, clients, "createClient", all, "Create an API client; its secret is answered once", takes(created, s.createClient), nil},
		{get, client, "readClient", all, "Read an API client", reads(s.readClient), nil},
		{del, client, "deleteClient", all, "Delete an API client; of one of another environment, the role in this one", does(s.deleteClient), nil},
	}
}
