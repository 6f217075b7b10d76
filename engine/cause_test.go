package engine_test

import (
	"strings"
	"testing"

	"lockstep/directory"
	"lockstep/provision"
	sandbox "lockstep/sandbox/slack"
)

// TestCause: each write says which line of the log caused it, who was behind that, and in which request.
func TestCause(t *testing.T) {
	w := newWorld(t, sandbox.Options{TimeScale: -1})
	w.provision("population.id pr", nil)
	w.run()
	w.settle(provision.StateIdle)
	ann, bob := directory.Actor{Type: "USER", ID: "a", Name: "ann"}, directory.Actor{Type: "CLIENT", ID: "b", Name: "bob"}
	by := func(actor directory.Actor, request string) directory.Origin {
		return directory.Origin{Actor: actor, CorrelationID: request}
	}
	newest := func(kind directory.Kind, id, action string) directory.Activity {
		t.Helper()
		lines, err := w.db.Activities(t.Context(), w.env.ID, directory.ActivityQuery{Kind: kind, ObjectID: id, Type: action, Limit: 1})
		must(t, err)
		if len(lines) != 1 {
			t.Fatalf("no %s of %s", action, id)
		}
		return lines[0]
	}
	const synced = "PROVISIONING_IDENTITY_SYNC.SUCCESS"

	// An edit.
	u, err := w.people.CreateUser(directory.WithOrigin(t.Context(), by(ann, "request-1")), w.env.ID, directory.User{Username: "u1", Email: "u1@example.com", Enabled: true})
	must(t, err)
	w.settle(provision.StateIdle)
	edit, write := newest(directory.KindUser, u.ID, "USER.CREATED"), newest(directory.KindUser, u.ID, synced)
	if write.Actor != directory.System || write.CorrelationID != "request-1" || write.Cause.ActivityID != edit.ID || *write.Cause.Actor != ann || write.Cause.Text != "edited in the directory" {
		t.Errorf("%+v %+v", write, write.Cause)
	}
	found, err := w.db.Activities(t.Context(), w.env.ID, directory.ActivityQuery{CorrelationID: "request-1", Limit: 10})
	must(t, err)
	if len(found) < 2 {
		t.Errorf("the request finds only %d lines", len(found))
	}
	before := map[string]any{}
	for _, c := range write.Changes {
		before[c.Attribute] = c.From
		if c.To == nil {
			t.Errorf("created without a value: %+v", c)
		}
	}
	if len(before) == 0 {
		t.Error("the line of a create has no values")
	}

	// Another one's edit is another cause.
	_, err = w.people.UpdateUser(directory.WithOrigin(t.Context(), by(bob, "request-2")), w.env.ID, u.ID, func(now *directory.User) error {
		now.Title = "Chef"
		return nil
	})
	must(t, err)
	w.settle(provision.StateIdle)
	edit, write = newest(directory.KindUser, u.ID, "USER.UPDATED"), newest(directory.KindUser, u.ID, synced)
	if write.CorrelationID != "request-2" || write.Cause.ActivityID != edit.ID || *write.Cause.Actor != bob {
		t.Errorf("%+v %+v", write, write.Cause)
	}
	if len(write.Changes) == 0 || write.RuleID != w.rule.ID || write.ConnectionID != w.connection.ID {
		t.Errorf("%+v", write)
	}

	// A resync that somebody asked for, and what it finds.
	w.call("PATCH", "/sandbox/members/"+w.member("u1@example.com").ID, `{"title":"Thief"}`)
	must(t, w.engine.Resync(directory.WithOrigin(t.Context(), by(ann, "request-3")), w.env.ID, w.rule.ID))
	w.settle(provision.StateIdle)
	write = newest(directory.KindUser, u.ID, synced)
	asked := newest(directory.KindRule, w.rule.ID, "PROVISIONING_SYNC.REQUESTED")
	if write.CorrelationID != "request-3" || write.Cause.ActivityID != asked.ID || *write.Cause.Actor != ann || !strings.Contains(write.Cause.Text, "asked for by ann") {
		t.Errorf("%+v %+v", write, write.Cause)
	}

	// A revision.
	ctx := directory.WithOrigin(t.Context(), by(bob, "request-4"))
	w.rule.PopulationExpression = `population.id pr and title eq "Cook"`
	w.rule, err = w.provisions.UpdateRule(ctx, w.env.ID, w.rule.ID, w.rule)
	must(t, err)
	_, err = w.provisions.Publish(ctx, w.env.ID)
	must(t, err)
	w.settle(provision.StateIdle)
	write = newest(directory.KindUser, u.ID, synced)
	if write.CorrelationID != "request-4" || *write.Cause.Actor != bob || !strings.Contains(write.Cause.Text, "was published") {
		t.Errorf("%+v %+v", write, write.Cause)
	}
	rows, err := w.db.AccountsByObject(t.Context(), w.connection.ID, directory.KindUser, []string{u.ID})
	must(t, err)
	if len(rows) != 1 || !rows[0].Origin.IsZero() {
		t.Errorf("%+v", rows)
	}
}
