package pingonesdk

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/patrickcping/pingone-go-sdk-v2/management"
)

// TestPropagation sets provisioning up from nothing and reads how it stands, with the SDK's own calls.
func TestPropagation(t *testing.T) {
	s := newServer(t)
	slack := start(t, "sandbox", "slack", "--listen", "127.0.0.1:0", "--token", "xoxp-sdk", "--time-scale", "0")

	plan, response, err := s.IdentityPropagationPlansApi.CreatePlan(s.ctx, s.env).IdentityPropagationPlan(*management.NewIdentityPropagationPlan("SDK")).Execute()
	ok(t, response, err)
	if plan.GetStatus() != management.ENUMIDENTITYPROPAGATIONPLANSTATUS_INACTIVE {
		t.Errorf("a new plan is %s", plan.GetStatus())
	}
	if _, _, err := s.IdentityPropagationPlansApi.CreatePlan(s.ctx, s.env).IdentityPropagationPlan(*management.NewIdentityPropagationPlan("Another")).Execute(); code(err) != "INVALID_DATA" {
		t.Errorf("a second plan: %v", err)
	}
	n := 0
	for page, err := range s.IdentityPropagationPlansApi.ReadAllPlans(s.ctx, s.env).Execute() {
		must(t, err)
		n += len(page.EntityArray.Embedded.GetPlans())
	}
	if n != 1 {
		t.Errorf("%d plans", n)
	}

	source := s.store(t, management.ENUMPROPAGATIONSTORETYPE_DIRECTORY, "Directory", map[string]any{})
	configuration := map[string]any{
		"OAUTH_ACCESS_TOKEN": "xoxp-sdk", "UNIQUE_USER_IDENTIFIER": "primaryEmail", "CREATE_USERS": true, "UPDATE_USERS": true, "DISABLE_USERS": true,
		"DEPROVISION_USERS": true, "REMOVE_ACTION": "Disable", "GROUP_MEMBERSHIP_HANDLING": "Merge", "BASE_URL": slack + "/scim/v2/", "RATE_LIMIT_FACTOR": 0,
	}
	target := s.store(t, management.ENUMPROPAGATIONSTORETYPE_SLACK, "Slack", configuration)
	if _, told := target.Configuration["OAUTH_ACCESS_TOKEN"]; told {
		t.Error("a secret was answered")
	}
	for _, media := range management.AllowedEnumPropagationStoreConnectionStatusContentTypeEnumValues {
		store := management.NewPropagationStore(configuration, "Slack", management.ENUMPROPAGATIONSTORETYPE_SLACK)
		response, err := s.PropagationStoresApi.TestConnectionConfiguration(s.ctx, s.env).ContentType(media).PropagationStore(*store).Execute()
		if got := object(t, response, err); got["status"] != "OK" {
			t.Errorf("%s: %v", media, got)
		}
	}

	response, err = s.PropagationRulesApi.EnvironmentsEnvironmentIDPropagationRulesPost(s.ctx, s.env).Body(map[string]any{
		"name": "Everybody", "plan": map[string]any{"id": plan.GetId()}, "sourceStore": map[string]any{"id": source.GetId()},
		"targetStore": map[string]any{"id": target.GetId()}, "populationExpression": "population.id pr",
	}).Execute()
	rule := object(t, response, err)
	if rule["active"] != false {
		t.Error("a new rule is active")
	}
	mappings := map[string]string{}
	for from, to := range map[string]string{"username": "userName", "email": "primaryEmail", "name.given": "givenName", "name.family": "familyName"} {
		response, err := s.PropagationMappingsApi.EnvironmentsEnvironmentIDPropagationRulesRuleIDMappingsPost(s.ctx, s.env, id(t, rule)).
			Body(map[string]any{"sourceAttribute": from, "targetAttribute": to, "attributeMappingType": "userAttributeMapping"}).Execute()
		mappings[from] = id(t, object(t, response, err))
	}
	// The SDK's DELETE goes to /propagation/mapping/{id}, in the singular.
	response, err = s.PropagationMappingsApi.EnvironmentsEnvironmentIDPropagationMappingMappingIDDelete(s.ctx, s.env, mappings["name.family"]).Execute()
	ok(t, response, err)
	response, err = s.PropagationMappingsApi.EnvironmentsEnvironmentIDPropagationRulesRuleIDMappingsGet(s.ctx, s.env, id(t, rule)).Execute()
	if got := object(t, response, err); got["count"] != 3.0 {
		t.Errorf("%v", got)
	}
	// The SDK's PUT of a rule calls its parameter storeID; it is the rule's.
	response, err = s.PropagationRulesApi.EnvironmentsEnvironmentIDPropagationRulesStoreIDPut(s.ctx, s.env, id(t, rule)).
		Body(map[string]any{"name": "Everybody", "populationExpression": "population.id pr", "active": true, "groups": []any{}}).Execute()
	if got := object(t, response, err); got["active"] != true {
		t.Errorf("%v", got)
	}

	user := s.user(t, "ada", "Ada", "")
	response, err = s.PropagationRevisionsApi.EnvironmentsEnvironmentIDPropagationRevisionsPost(s.ctx, s.env).Execute()
	revision := object(t, response, err)
	response, err = s.PropagationRevisionsApi.EnvironmentsEnvironmentIDPropagationRevisionsIdlatestGet(s.ctx, s.env).Execute()
	if got := object(t, response, err); got["id"] != revision["id"] {
		t.Errorf("the latest revision is %v", got)
	}
	until(t, "one user in step", func() bool {
		store, response, err := s.PropagationStoresApi.ReadOnePropagationStore(s.ctx, s.env, target.GetId()).Execute()
		ok(t, response, err)
		status := store.GetSyncStatus()
		return status.GetSuccessCount() == 1 && status.GetUserTotal() == 1 && status.GetFailedCount() == 0 && !status.GetLastSyncAt().IsZero()
	})

	// What the SDK does not know, it must at least not choke on.
	target.SetDescription("changed")
	delete(target.Configuration, "OAUTH_ACCESS_TOKEN") // as a script does that read the store and sends it back
	changed, response, err := s.PropagationStoresApi.UpdatePropagationStore(s.ctx, s.env, target.GetId()).PropagationStore(*target).Execute()
	ok(t, response, err)
	if changed.GetDescription() != "changed" || changed.Configuration["BASE_URL"] != slack+"/scim/v2/" {
		t.Errorf("%+v", changed)
	}
	if response, err := s.PropagationStoresApi.DeletePropagationStore(s.ctx, s.env, target.GetId()).Execute(); err == nil {
		t.Errorf("a store in use was deleted: %d", response.StatusCode)
	}
	response, err = s.UsersApi.DeleteUser(s.ctx, s.env, user.GetId()).Execute()
	ok(t, response, err)
	response, err = s.PropagationRulesApi.EnvironmentsEnvironmentIDPropagationRulesRuleIDDelete(s.ctx, s.env, id(t, rule)).Execute()
	ok(t, response, err)
	response, err = s.IdentityPropagationPlansApi.DeletePlan(s.ctx, s.env, plan.GetId()).Execute()
	ok(t, response, err)
}

func (s *server) store(t *testing.T, kind management.EnumPropagationStoreType, name string, configuration map[string]any) *management.PropagationStore {
	t.Helper()
	store := management.NewPropagationStore(configuration, name, kind)
	store.SetManaged(true)
	out, response, err := s.PropagationStoresApi.CreatePropagationStore(s.ctx, s.env).PropagationStore(*store).Execute()
	ok(t, response, err)
	if out.GetName() != name || out.GetType() != kind || out.GetId() == "" {
		t.Errorf("%+v", out)
	}
	// The SDK has one status only, INACTIVE; a status of ours it does not know must reach the server as text.
	body := map[string]any{"name": name, "type": string(kind), "status": "ACTIVE", "managed": true, "configuration": configuration}
	s.raw(t, http.MethodPut, "/propagation/stores/"+out.GetId(), body)
	out, response, err = s.PropagationStoresApi.ReadOnePropagationStore(s.ctx, s.env, out.GetId()).Execute()
	ok(t, response, err)
	return out
}

func (s *server) user(t *testing.T, username, given, population string) *management.User {
	t.Helper()
	u := management.NewUser(username+"@example.com", username)
	name := management.NewUserName()
	name.SetGiven(given)
	name.SetFamily("Example")
	u.SetName(*name)
	if population != "" {
		u.SetPopulation(*management.NewUserPopulation(population))
	}
	out, response, err := s.UsersApi.CreateUser(s.ctx, s.env).ContentType("application/json").User(*u).Execute()
	ok(t, response, err)
	return out
}

// TestPeople creates, pages, filters, changes and deletes users and populations.
func TestPeople(t *testing.T) {
	s := newServer(t)
	population, response, err := s.PopulationsApi.CreatePopulation(s.ctx, s.env).Population(*management.NewPopulation("Staff")).Execute()
	ok(t, response, err)
	if _, _, err := s.PopulationsApi.CreatePopulation(s.ctx, s.env).Population(*management.NewPopulation("Staff")).Execute(); code(err) != "INVALID_DATA" {
		t.Errorf("a second population of that name: %v", err)
	}
	n := 0
	for page, err := range s.PopulationsApi.ReadAllPopulations(s.ctx, s.env).Execute() {
		must(t, err)
		n += len(page.EntityArray.Embedded.GetPopulations())
	}
	if n != 2 {
		t.Errorf("%d populations", n)
	}
	var first *management.User
	for i := range 7 {
		if u := s.user(t, fmt.Sprintf("u%d", i), "U", population.GetId()); first == nil {
			first = u
		}
	}
	seen := map[string]bool{}
	for page, err := range s.UsersApi.ReadAllUsers(s.ctx, s.env).Limit(3).Filter(`population.id eq "` + population.GetId() + `" and username sw "u"`).Execute() {
		must(t, err)
		for _, u := range page.EntityArray.Embedded.GetUsers() {
			seen[u.GetUsername()] = true
		}
	}
	if len(seen) != 7 {
		t.Errorf("%d of 7 users over pages", len(seen))
	}

	got, response, err := s.UsersApi.ReadUser(s.ctx, s.env, first.GetId()).Execute()
	ok(t, response, err)
	if got.GetEmail() != "u0@example.com" || !got.GetEnabled() || got.GetCreatedAt().IsZero() || got.Population.GetId() != population.GetId() {
		t.Errorf("%+v", got)
	}
	got.SetTitle("Dr")
	put, response, err := s.UsersApi.UpdateUserPut(s.ctx, s.env, first.GetId()).User(*got).Execute() // sent back as it was read
	ok(t, response, err)
	if put.GetTitle() != "Dr" || put.Name.GetGiven() != "U" {
		t.Errorf("%+v", put)
	}
	enabled := management.NewUserEnabled()
	enabled.SetEnabled(false)
	off, response, err := s.EnableUsersApi.UpdateUserEnabled(s.ctx, s.env, first.GetId()).UserEnabled(*enabled).Execute()
	ok(t, response, err)
	if off.GetEnabled() {
		t.Error("still enabled")
	}
	if _, _, err := s.UsersApi.ReadUser(s.ctx, s.env, "00000000-0000-4000-8000-000000000000").Execute(); code(err) != "NOT_FOUND" {
		t.Errorf("nobody: %v", err)
	}
	if response, err := s.PopulationsApi.DeletePopulation(s.ctx, s.env, population.GetId()).Execute(); err == nil {
		t.Errorf("a population with people was deleted: %d", response.StatusCode)
	}
}

// TestSchema declares an attribute and gives a user a value.
func TestSchema(t *testing.T) {
	s := newServer(t)
	schema := ""
	for page, err := range s.SchemasApi.ReadAllSchemas(s.ctx, s.env).Execute() {
		must(t, err)
		for _, one := range page.EntityArray.Embedded.GetSchemas() {
			schema = one.GetId()
		}
	}
	a, response, err := s.SchemasApi.CreateAttribute(s.ctx, s.env, schema).
		SchemaAttribute(*management.NewSchemaAttribute(true, "shirtSize", management.ENUMSCHEMAATTRIBUTETYPE_STRING)).Execute()
	ok(t, response, err)
	if a.GetName() != "shirtSize" || a.GetSchemaType() != management.ENUMSCHEMAATTRIBUTESCHEMATYPE_CUSTOM {
		t.Errorf("%+v", a)
	}
	n := 0
	for page, err := range s.SchemasApi.ReadAllSchemaAttributes(s.ctx, s.env, schema).Execute() {
		must(t, err)
		n += len(page.EntityArray.Embedded.GetAttributes())
	}
	if n < 20 {
		t.Errorf("%d attributes", n)
	}
	s.raw(t, http.MethodPost, "/users", map[string]any{"username": "a", "email": "a@example.com", "shirtSize": "L"})
	response, err = s.SchemasApi.DeleteAttribute(s.ctx, s.env, schema, a.GetId()).Execute()
	ok(t, response, err)
}

// code is the error code that the SDK read out of an answer.
func code(err error) string {
	var e *management.GenericOpenAPIError
	if !errors.As(err, &e) {
		return ""
	}
	p, _ := e.Model().(management.P1Error)
	return p.GetCode()
}
