package storetest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"lockstep/internal/problem"
	"lockstep/internal/secret"
	"lockstep/provision"
)

func testSecrets(t *testing.T, s *suite) {
	ctx := t.Context()
	c := provision.Connection{
		ID: "c1", EnvironmentID: s.env, Name: "Slack", Type: "Slack", Settings: map[string]any{"A": "b", "N": 1.5, "F": true},
		Secrets: map[string]secret.Text{"TOKEN": secret.New("xoxp-very-secret")}, CreatedAt: time.UnixMicro(1000).UTC(),
	}
	must(t, s.db.EditProvisioning(ctx, func(tx provision.Tx) error { return tx.SaveConnection(ctx, c) }))
	got, err := s.db.Connection(ctx, s.env, "c1")
	must(t, err)
	if got.Secrets["TOKEN"].Reveal() != "xoxp-very-secret" || got.Number("N", 0) != 1.5 || !got.Flag("F") {
		t.Errorf("%v", got)
	}
	var stored string
	must(t, s.db.WriteDB().QueryRowContext(ctx, `SELECT body || secrets FROM connections WHERE id = 'c1'`).Scan(&stored))
	if strings.Contains(stored, "very-secret") {
		t.Error("the secret is readable in the database")
	}
}

func testProvisioning(t *testing.T, s *suite) {
	ctx := t.Context()
	r := provision.Rule{ID: "r1", EnvironmentID: s.env, Name: "Rule", GroupIDs: []string{"g"}}
	m := provision.Mapping{ID: "m1", EnvironmentID: s.env, RuleID: "r1", TargetAttribute: "a", Expression: "b"}
	must(t, s.db.EditProvisioning(ctx, func(tx provision.Tx) error {
		return errors.Join(tx.SaveRule(ctx, r), tx.SaveRule(ctx, provision.Rule{ID: "r2", EnvironmentID: s.env}), tx.SaveMapping(ctx, m))
	}))
	rules, err := s.db.Rules(ctx, s.env)
	must(t, err)
	if len(rules) != 2 || rules[0].ID != "r1" || rules[0].Position >= rules[1].Position {
		t.Errorf("%+v", rules)
	}
	first := provision.Revision{ID: "v1", EnvironmentID: s.env, Snapshot: provision.Snapshot{Rules: rules}}
	second := provision.Revision{ID: "v2", EnvironmentID: s.env}
	must(t, s.db.EditProvisioning(ctx, func(tx provision.Tx) error {
		return errors.Join(tx.InsertRevision(ctx, &first), tx.InsertRevision(ctx, &second))
	}))
	latest, err := s.db.LatestRevision(ctx, s.env)
	must(t, err)
	if latest.ID != "v2" || latest.PreviousID != "v1" || latest.Number != 2 {
		t.Errorf("%+v", latest)
	}
	deleted := rules[0]
	deleted.DeletedAt = time.Now()
	must(t, s.db.EditProvisioning(ctx, func(tx provision.Tx) error { return tx.SaveRule(ctx, deleted) }))
	if _, err := s.db.Rule(ctx, s.env, "r1"); !problem.Is(err, problem.NotFound) {
		t.Errorf("a deleted rule: %v", err)
	}
	if _, err := s.db.Mapping(ctx, s.env, "nothing"); !problem.Is(err, problem.NotFound) {
		t.Errorf("a missing mapping: %v", err)
	}
}
