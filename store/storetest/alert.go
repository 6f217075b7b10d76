package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"lockstep/alert"
	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/internal/secret"
	"lockstep/provision"
)

// wire is everything around the service of alerts, at hand.
type wire struct {
	mu     sync.Mutex
	health []provision.Health
	sent   []alert.Delivery
	fails  int
	now    time.Time
}

func (w *wire) Health(context.Context, string) ([]provision.Health, error) { return w.health, nil }

func (w *wire) Send(_ context.Context, _ *alert.Settings, d *alert.Delivery) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fails > 0 {
		w.fails--
		return errors.New("not now")
	}
	w.sent = append(w.sent, *d)
	return nil
}

func (s *suite) alerts(w *wire) *alert.Service {
	w.now = time.Now().UTC().Truncate(time.Second)
	return alert.NewService(alert.Config{Store: s.db, Source: w, Sender: w, Now: func() time.Time { return w.now }})
}

func webhook(t *testing.T, alerts *alert.Service, env string) {
	t.Helper()
	_, err := alerts.Edit(t.Context(), env, func(set *alert.Settings) error { set.Webhook.URL = "https://alerts.example.com/x"; return nil })
	must(t, err)
}

// testAlertSettings: secrets are sealed, stay when they are left out, and go to no address that they were not given for.
func testAlertSettings(t *testing.T, s *suite) {
	alerts := s.alerts(&wire{})
	if _, err := s.db.AlertSettings(t.Context(), s.env); !problem.Is(err, problem.NotFound) {
		t.Fatal(err)
	}
	if set, err := alerts.Settings(t.Context(), s.env); err != nil || set.Thresholds != alert.Defaults || set.Webhook.URL != "" {
		t.Fatalf("%+v %v", set, err)
	}
	edit := func(fn func(*alert.Settings)) alert.Settings {
		t.Helper()
		_, err := alerts.Edit(t.Context(), s.env, func(set *alert.Settings) error { fn(set); return nil })
		must(t, err)
		set, err := s.db.AlertSettings(t.Context(), s.env)
		must(t, err)
		return set
	}
	first := edit(func(set *alert.Settings) {
		set.Webhook.URL = "https://alerts.example.com/services/marker-address?token=marker-address"
		set.Email = alert.Email{Host: "smtp.example.com", Username: "u", Password: secret.New("marker-password"), From: "a@example.com", To: []string{"b@example.com"}}
	})
	if first.Webhook.Key.IsZero() || first.Email.Password.Reveal() != "marker-password" || first.Email.Port != 587 || first.Email.TLS != alert.StartTLS {
		t.Errorf("%+v", first)
	}
	same := edit(func(set *alert.Settings) { set.Thresholds.StaleHours = 1; set.Email.To = []string{"c@example.com"} })
	if same.Webhook.Key != first.Webhook.Key || same.Email.Password != first.Email.Password || same.Thresholds.StaleHours != 1 {
		t.Error("what was left out did not stay")
	}
	if other := edit(func(set *alert.Settings) { set.Webhook.URL = "https://alerts.example.com/services/marker-address2" }); other.Webhook.Key == first.Webhook.Key {
		t.Error("a key follows to another address of the same server")
	}
	moved := edit(func(set *alert.Settings) {
		set.Webhook.URL = "https://elsewhere.example.com/"
		set.Email.Host = "smtp.elsewhere.example.com"
	})
	if moved.Webhook.Key == first.Webhook.Key || !moved.Email.Password.IsZero() {
		t.Error("a secret follows to another address")
	}
	if none := edit(func(set *alert.Settings) { set.Webhook.URL, set.Email = "", alert.Email{} }); !none.Webhook.Key.IsZero() || none.Email.Host != "" {
		t.Errorf("%+v", none)
	}
	for target, wrong := range map[string]func(*alert.Settings){
		"webhook.url": func(set *alert.Settings) { set.Webhook.URL = "ftp://x" }, "email.to": func(set *alert.Settings) { set.Email = alert.Email{Host: "h", From: "a@example.com"} },
		"email.from": func(set *alert.Settings) {
			set.Email = alert.Email{Host: "h", From: "x", To: []string{"a@example.com"}}
		},
		"email.tls": func(set *alert.Settings) {
			set.Email = alert.Email{Host: "h", TLS: alert.NoTLS, Username: "u", From: "a@example.com", To: []string{"a@example.com"}}
		},
		"webhook.key": func(set *alert.Settings) {
			set.Webhook = alert.Webhook{URL: "https://x.example.com", Key: secret.New("short")}
		},
		"thresholds.failedPercent": func(set *alert.Settings) { set.Thresholds.FailedPercent = 101 },
	} {
		_, err := alerts.Edit(t.Context(), s.env, func(set *alert.Settings) error { wrong(set); return nil })
		p, ok := errors.AsType[*problem.Error](err)
		if !ok || len(p.Details) == 0 || p.Details[0].Target != target {
			t.Errorf("%s: %v", target, err)
		}
	}
	// No secret is in the log or in the open in the database. Who has the address of a webhook can post to it: it is in the settings, which only an
	// Environment Admin reads, and not in the log.
	log, err := s.db.Activities(t.Context(), s.env, directory.ActivityQuery{Type: "ALERT_SETTINGS.UPDATED", Limit: 10})
	must(t, err)
	told := fmt.Sprint(log)
	if strings.Contains(told, "marker-address") || !strings.Contains(told, "https://alerts.example.com") || strings.Count(told, "webhook.url") != 4 {
		t.Error(told)
	}
	var kept strings.Builder
	rows, err := s.db.WriteDB().QueryContext(t.Context(), `SELECT body || webhook_key || password FROM alert_settings UNION ALL SELECT description || changes FROM activities`)
	must(t, err)
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var text string
		must(t, rows.Scan(&text))
		kept.WriteString(text)
	}
	must(t, rows.Err())
	raw := kept.String()
	if strings.Contains(raw, "marker-password") || strings.Contains(raw, "whsec_") || !strings.Contains(raw, "webhook.key") {
		t.Error(raw)
	}
}

// meeting is a sender who is done with nobody before everybody is there.
type meeting struct {
	wire
	everybody sync.WaitGroup
}

func (m *meeting) Send(ctx context.Context, _ *alert.Settings, _ *alert.Delivery) error {
	m.everybody.Done()
	met := make(chan struct{})
	go func() { m.everybody.Wait(); close(met) }()
	select {
	case <-met:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// testSlowReceiver: a webhook that does not answer holds up no e-mail, and the other way round.
func testSlowReceiver(t *testing.T, s *suite) {
	m := &meeting{}
	m.everybody.Add(2)
	alerts := alert.NewService(alert.Config{Store: s.db, Source: m, Sender: m, Now: time.Now})
	_, err := alerts.Edit(t.Context(), s.env, func(set *alert.Settings) error {
		set.Webhook.URL = "https://alerts.example.com/x"
		set.Email = alert.Email{Host: "smtp.example.com", From: "a@example.com", To: []string{"b@example.com"}}
		return nil
	})
	must(t, err)
	m.health = []provision.Health{{ConnectionID: "1", Name: "C1", Held: 1, HeldWhy: "too many", LastSyncAt: time.Now()}}
	must(t, alerts.Look(t.Context(), s.env))
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := alerts.Deliver(ctx); err != nil {
		t.Errorf("one waits for the other: %v", err)
		m.everybody.Done()
	}
}

// testLostKey: where the secrets of the channels cannot be read, alerts begin all the same, and are delivered once they can.
func testLostKey(t *testing.T, s *suite) {
	w := &wire{}
	alerts := s.alerts(w)
	webhook(t, alerts, s.env)
	var key string
	must(t, s.db.WriteDB().QueryRowContext(t.Context(), `SELECT webhook_key FROM alert_settings`).Scan(&key))
	s.exec(t, `UPDATE alert_settings SET webhook_key = 'v1:lost:AAAA'`)
	w.health = []provision.Health{{ConnectionID: "1", Name: "C1", Held: 1, HeldWhy: "too many", LastSyncAt: w.now}}
	must(t, alerts.Look(t.Context(), s.env))
	if open, err := alerts.Open(t.Context(), s.env); err != nil || len(open) != 1 {
		t.Fatal(open, err)
	}
	if err := alerts.Deliver(t.Context()); !errors.Is(err, secret.ErrUnreadable) || len(w.sent) != 0 {
		t.Errorf("%v %+v", err, w.sent)
	}
	if shown, err := alerts.Settings(t.Context(), s.env); err != nil || !shown.Unreadable || shown.Webhook.URL == "" || !shown.Webhook.Key.IsZero() {
		t.Errorf("the settings cannot be looked at: %+v %v", shown, err)
	}
	if _, err := alerts.Test(t.Context(), s.env); !problem.Is(err, problem.Conflict) {
		t.Errorf("a test message without its secrets: %v", err)
	}
	mail := alert.Email{Host: "smtp.example.com", Username: "u", From: "a@example.com", To: []string{"b@example.com"}}
	_, err := alerts.Edit(t.Context(), s.env, func(e *alert.Settings) error { e.Email = mail; return nil })
	if !problem.Is(err, problem.InvalidData) {
		t.Errorf("a password that cannot be read is not asked for: %v", err)
	}
	s.exec(t, `UPDATE alert_settings SET webhook_key = $1`, key)
	w.now = w.now.Add(time.Minute)
	must(t, alerts.Deliver(t.Context()))
	if len(w.sent) != 1 {
		t.Errorf("%+v", w.sent)
	}
	s.exec(t, `UPDATE alert_settings SET webhook_key = 'v1:lost:AAAA'`)
	again, err := alerts.Edit(t.Context(), s.env, func(*alert.Settings) error { return nil })
	if err != nil || !again.KeyMade || again.Unreadable {
		t.Errorf("saving does not make a new key: %+v %v", again, err)
	}
}

// testAlerts: begun and ended once, by whoever looks; grouped into one message; delivered once, tried again with growing gaps, given up.
func testAlerts(t *testing.T, s *suite) {
	w := &wire{}
	alerts := s.alerts(w)
	webhook(t, alerts, s.env)
	c := func(id string, held int64) provision.Health {
		return provision.Health{ConnectionID: id, Name: "C" + id, Held: held, HeldWhy: "too many", LastSyncAt: w.now}
	}
	w.health = []provision.Health{c("1", 1), c("2", 5), c("3", 0)}
	together := func(fn func() error) {
		t.Helper()
		var all sync.WaitGroup
		for range 4 { // as many replicas
			all.Go(func() {
				if err := fn(); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	look := func() error { return alerts.Look(t.Context(), s.env) }
	deliver := func() error { return alerts.Deliver(t.Context()) }
	together(look)
	together(deliver)
	open, err := alerts.Open(t.Context(), s.env)
	must(t, err)
	if len(open) != 2 || len(w.sent) != 1 || len(w.sent[0].Notices) != 2 {
		t.Fatalf("%d open, sent %+v", len(open), w.sent)
	}
	together(look)
	together(deliver)
	if len(w.sent) != 1 {
		t.Fatal("told again")
	}
	// Restarted: another service on the same database.
	again := s.alerts(w)
	must(t, again.Look(t.Context(), s.env))
	must(t, again.Deliver(t.Context()))
	if len(w.sent) != 1 {
		t.Fatal("told again after a restart")
	}
	// Over, with a receiver that fails for a while.
	w.fails = 3
	w.health = []provision.Health{c("1", 0), c("2", 5), c("3", 0)}
	must(t, look())
	w.now = w.now.Add(6 * time.Minute)
	w.health = []provision.Health{c("1", 0), c("2", 5), c("3", 0)}
	must(t, look())
	var waits []string
	for range 5 {
		must(t, deliver())
		list, err := alerts.Recent(t.Context(), s.env)
		must(t, err)
		if list[0].NextAt.IsZero() {
			break
		}
		waits = append(waits, list[0].NextAt.Sub(w.now).String())
		before := len(w.sent)
		must(t, deliver()) // too early
		if len(w.sent) != before {
			t.Fatal("tried too early")
		}
		w.now = list[0].NextAt
	}
	if fmt.Sprint(waits) != "[15s 30s 1m0s]" || len(w.sent) != 2 || w.sent[1].Notices[0].Event != alert.Ended || w.sent[1].Notices[0].Alert.ConnectionID != "1" {
		t.Fatalf("%v %+v", waits, w.sent)
	}
	past, err := alerts.Past(t.Context(), s.env)
	if err != nil || len(past) != 1 || past[0].EndedAt.IsZero() {
		t.Fatal(past, err)
	}
	// Never taken: given up, and that is to be seen.
	w.fails = 1000
	w.health = nil
	must(t, look())
	for range 40 {
		must(t, deliver())
		w.now = w.now.Add(2 * time.Hour)
	}
	list, err := alerts.Recent(t.Context(), s.env)
	must(t, err)
	if list[0].Attempts != 12 || !list[0].NextAt.IsZero() || !list[0].DeliveredAt.IsZero() || list[0].Error != "not now" {
		t.Fatalf("%+v", list[0])
	}
	lines, err := s.db.Activities(t.Context(), s.env, directory.ActivityQuery{Kind: directory.KindConnection, Limit: 20})
	if err != nil || len(lines) != 4 {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	w.now = w.now.Add(100 * 24 * time.Hour)
	must(t, alerts.Forget(t.Context()))
	if past, err := alerts.Past(t.Context(), s.env); err != nil || len(past) != 0 {
		t.Fatal(past, err)
	}
	if due, err := s.db.DueDeliveries(t.Context(), w.now, 10); err != nil || len(due) != 0 {
		t.Fatal(due, err)
	}
	if results, err := alerts.Test(t.Context(), s.env); err != nil || len(results) != 1 || results[0].OK || results[0].Message != "not now" {
		t.Fatal(results, err)
	}
	// What the service calls, by name.
	d := alert.Delivery{ID: "none", NextAt: w.now}
	if mine, err := s.db.ClaimDelivery(t.Context(), d, w.now); err != nil || mine {
		t.Fatal(mine, err)
	}
	must(t, s.db.SaveDelivery(t.Context(), d))
	_, err = s.db.Deliveries(t.Context(), s.env, 1)
	must(t, err)
	_, err = s.db.Alerts(t.Context(), s.env, true, 1)
	must(t, err)
	must(t, s.db.ForgetAlerts(t.Context(), w.now))
	must(t, s.db.DecideAlerts(t.Context(), s.env, func([]alert.Alert) (alert.Outcome, error) { return alert.Outcome{}, nil }))
	lines[0].ID = "another"
	must(t, s.db.SaveAlertSettings(t.Context(), alert.Settings{EnvironmentID: s.env}, lines[0]))
}
