package main

import (
	"context"
	"crypto/rand"
	"encoding/csv"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"lockstep/access"
	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/internal/secret"
	"lockstep/provision"
	sandbox "lockstep/sandbox/slack"
)

const (
	demoToken  = "xoxp-demo"
	demoScale  = 20.0 // Slack's limits, twenty times faster
	demoPeople = 200
)

type demoCommand struct {
	Listen        string `help:"Address of the server." default:"127.0.0.1:8020"`
	SandboxListen string `help:"Address of the simulated workspace." default:"127.0.0.1:8021"`
	Data          string `help:"Folder to keep the demo in; without it, a temporary one." type:"path"`
	Once          bool   `help:"End after the first sync instead of serving on." hidden:""`
}

// Run shows the whole flow, then serves on.
func (c demoCommand) Run(ctx context.Context, std stdio) error {
	data := c.Data
	if data == "" {
		temporary, err := os.MkdirTemp("", "lockstep-demo-")
		if err != nil {
			return fmt.Errorf("make a folder for the demo: %w", err)
		}
		defer func() { _ = os.RemoveAll(temporary) }()
		data = temporary
	}
	logger := slog.New(slog.NewTextHandler(std.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	workspace := sandbox.New(sandbox.Options{Token: demoToken, TimeScale: demoScale})
	seedWorkspace(workspace)
	slackURL, err := serveHandler(ctx, c.SandboxListen, workspace)
	if err != nil {
		return err
	}
	a, err := where{Data: data}.open(ctx, true, true, logger)
	if err != nil {
		return err
	}
	defer func() { _ = a.close() }()
	s, err := a.serve(ctx, serveOptions{listen: c.Listen}, logger)
	if err != nil {
		return err
	}
	if err := c.show(ctx, a, std, slackURL); err != nil {
		return err
	}
	client, clientSecret, err := a.access.CreateClient(ctx, a.env.ID, "demo", access.EnvironmentAdmin)
	if err != nil {
		return err
	}
	password, err := a.demoAdministrator(ctx)
	if err != nil {
		return err
	}
	if err := farewell(std.out, s.url, slackURL, a.env.ID, client.ID, clientSecret.Reveal(), password); err != nil {
		return err
	}
	if c.Once {
		stopped, cancel := context.WithCancel(ctx)
		cancel()
		return s.wait(stopped)
	}
	return s.wait(ctx)
}

// seedWorkspace: the workspace has a history. An owner and a bot whom nobody manages, two colleagues who joined by themselves,
// and one who left long ago and whose account nobody closed.
func seedWorkspace(w *sandbox.Workspace) {
	w.Seed(
		sandbox.Member{UserName: "founder", PrimaryEmail: "founder@acme.example", GivenName: "Ada", FamilyName: "Founder", Active: true, Role: sandbox.PrimaryOwner},
		sandbox.Member{UserName: "buildbot", PrimaryEmail: "botuser-T1-A1@slack-bots.com", Active: true, Bot: true},
		sandbox.Member{UserName: personOf(3).username, PrimaryEmail: personOf(3).email, GivenName: "Nick", FamilyName: "Name", Active: true},
		sandbox.Member{UserName: "somebody", PrimaryEmail: personOf(8).email, Active: true},
		sandbox.Member{UserName: personOf(20).username, PrimaryEmail: personOf(20).email, Active: true},
	)
}

func (c demoCommand) show(ctx context.Context, a *app, std stdio, slackURL string) error {
	ctx = directory.WithOrigin(ctx, directory.Origin{Actor: directory.Actor{Type: "SYSTEM", ID: "demo", Name: "lockstep demo"}})
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(std.out, format+"\n", args...) }
	say("Acme has %d people in %d populations, and a Slack workspace with 5 members of its own.", demoPeople, len(departments))
	if existing, err := a.provisions.Rules(ctx, a.env.ID); err != nil || len(existing) > 0 {
		say("This folder holds a demo already; it goes on.")
		return err
	}
	for _, name := range departments {
		if _, err := a.people.CreatePopulation(ctx, a.env.ID, directory.Population{Name: name}); err != nil {
			return err
		}
	}
	report, err := a.people.Import(ctx, a.env.ID, func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(company())), nil }, directory.ImportOptions{CreateAttributes: true})
	if err != nil {
		return err
	}
	say("Imported: %d created, %d refused.", report.Created, report.Refused)
	groups, err := demoGroups(ctx, a)
	if err != nil {
		return err
	}
	say("Made %d groups: one a department, which follows its people, and one for all of them.", len(groups))
	rule, err := demoRule(ctx, a, slackURL, groups)
	if err != nil {
		return err
	}
	preview, err := a.engine.Preview(ctx, a.env.ID, rule.ID, "", func(provision.Operation) error { return nil })
	if err != nil {
		return err
	}
	say("Preview: would create %d people and groups, update %d, disable %d; put in %d members; leave %d as they are. Nothing is written yet.",
		preview.Create, preview.Update, preview.Disable, preview.MemberAdd, preview.Unchanged)
	rule.Active = true
	if _, err := a.provisions.UpdateRule(ctx, a.env.ID, rule.ID, rule); err != nil {
		return err
	}
	start := time.Now()
	if _, err := a.provisions.Publish(ctx, a.env.ID); err != nil {
		return err
	}
	say("Published. Syncing at %.0f times Slack's speed …", demoScale)
	if err := a.follow(ctx, std); err != nil {
		return err
	}
	lines, err := a.ruleLines(ctx)
	if err != nil {
		return err
	}
	say("In step after %.1f s:", time.Since(start).Seconds())
	return printLines(std.out, lines)
}

func demoRule(ctx context.Context, a *app, slackURL string, groups []string) (provision.Rule, error) {
	plan, err := a.provisions.CreatePlan(ctx, a.env.ID, provision.Plan{Name: "Acme", Status: provision.Active})
	if err != nil {
		return provision.Rule{}, err
	}
	source, err := a.provisions.CreateConnection(ctx, a.env.ID, provision.Connection{Name: "Acme directory", Type: provision.TypeDirectory, Status: provision.Active}, nil)
	if err != nil {
		return provision.Rule{}, err
	}
	target, err := a.provisions.CreateConnection(ctx, a.env.ID, provision.Connection{Name: "Acme Slack", Type: "Slack", Status: provision.Active}, map[string]any{
		"OAUTH_ACCESS_TOKEN": demoToken, "BASE_URL": slackURL + "/scim/v2/", "UNIQUE_USER_IDENTIFIER": "primaryEmail", "RATE_LIMIT_FACTOR": demoScale,
	})
	if err != nil {
		return provision.Rule{}, err
	}
	return a.provisions.CreateRule(ctx, a.env.ID, provision.Rule{
		Name: "Staff to Slack", PlanID: plan.ID, SourceID: source.ID, TargetID: target.ID, GroupIDs: groups,
		PopulationExpression: `population.id pr and not (type eq "Contractor")`,
	})
}

const demoUsername = "admin"

// demoAdministrator answers the password of the demo's administrator: a new one at each start.
func (a *app) demoAdministrator(ctx context.Context) (string, error) {
	password := "demo-" + strings.ToLower(rand.Text()[:10])
	text := secret.New(password)
	found, err := a.access.AdministratorByUsername(ctx, demoUsername)
	switch {
	case problem.Is(err, problem.NotFound):
		_, err = a.access.CreateAdministrator(ctx, a.env.ID, access.NewAdministrator{Username: demoUsername, Name: "Demo Admin", Password: text})
	case err == nil:
		_, err = a.access.UpdateAdministrator(ctx, a.env.ID, found.ID, access.AdministratorEdit{Password: &text})
	}
	return password, err
}

func farewell(w io.Writer, url, slackURL, env, id, secret, password string) error {
	_, err := fmt.Fprintf(w, `
The console:      %[1]s/console/    sign in as admin with the password %[6]s
The workspace:    %[2]s
The API:          %[1]s/v1/openapi.json

Try next, in another terminal:

  export TOKEN=$(curl -s -u %[4]s:%[5]s -d grant_type=client_credentials %[1]s/%[3]s/as/token | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
  export API=%[1]s/v1/environments/%[3]s

  # who is in the directory
  curl -s -H "Authorization: Bearer $TOKEN" "$API/users?limit=3"
  # somebody joins: reload the workspace
  curl -s -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '{"username":"new.person","email":"new.person@acme.example","name":{"given":"New","family":"Person"}}' "$API/users"
  # everything that was written, and why
  curl -s -H "Authorization: Bearer $TOKEN" "$API/activities?limit=5"

Press Ctrl-C to end.
`, url, slackURL, env, id, secret, password)
	return err
}

var (
	departments = []string{"Engineering", "Sales", "Support", "Finance", "People"}
	givenNames  = []string{"Anna", "Ben", "Chloé", "David", "Elif", "Farid", "Grace", "Hugo", "Inês", "Jonas", "Kira", "Liam", "Maya", "Noor", "Omar", "Paula", "Quinn", "Rosa", "Sven", "Tara"}
	familyNames = []string{"Adler", "Brooks", "Costa", "Dubois", "Eriksen", "Fischer", "García", "Hansen", "Ito", "Jensen", "Kowalski", "Lopez", "Meyer", "Novak", "Okafor", "Patel", "Quist", "Rossi", "Schmidt", "Tanaka"}
	titles      = []string{"Engineer", "Account Manager", "Support Agent", "Controller", "Recruiter"}
)

type person struct {
	username, email, given, family, title, department, kind string
	enabled                                                 bool
}

// personOf makes the n-th colleague; always the same.
func personOf(n int) person {
	given, family := givenNames[n%len(givenNames)], familyNames[(n/len(givenNames)+n)%len(familyNames)]
	plain := strings.NewReplacer("é", "e", "ê", "e", "í", "i").Replace(strings.ToLower(given + "." + family))
	p := person{
		username: plain, email: plain + "@acme.example", given: given, family: family, title: titles[n%len(titles)], department: departments[n%len(departments)],
		kind: "Employee", enabled: n%20 != 0 || n == 0,
	}
	if n%17 == 0 {
		p.kind = "Contractor"
	}
	return p
}

// company is the people file.
func company() string {
	var b strings.Builder
	w := csv.NewWriter(&b)
	_ = w.Write([]string{"username", "email", "given", "family", "title", "type", "population", "enabled", "department"})
	for n := range demoPeople {
		p := personOf(n)
		_ = w.Write([]string{p.username, p.email, p.given, p.family, p.title, p.kind, p.department, fmt.Sprint(p.enabled), p.department})
	}
	w.Flush()
	return b.String()
}
