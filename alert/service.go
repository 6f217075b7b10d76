package alert

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/internal/secret"
	"lockstep/provision"
)

// Store is what is asked of where alerts are kept.
type Store interface {
	// AlertSettings answers the settings; NotFound when nobody has set any.
	AlertSettings(ctx context.Context, envID string) (Settings, error)
	SaveAlertSettings(ctx context.Context, s Settings, line directory.Activity) error
	// Alerts lists alerts, open ones or ended ones, the newest first.
	Alerts(ctx context.Context, envID string, open bool, limit int) ([]Alert, error)
	// DecideAlerts hands the open alerts to fn and keeps what it answers, in one transaction and for one caller at a time.
	DecideAlerts(ctx context.Context, envID string, fn func(open []Alert) (Outcome, error)) error
	// DueDeliveries lists deliveries that are to be tried, the oldest first.
	DueDeliveries(ctx context.Context, now time.Time, limit int) ([]Delivery, error)
	// ClaimDelivery puts a delivery off until a time, unless somebody else has meanwhile. It reports whether the caller may deliver.
	ClaimDelivery(ctx context.Context, d Delivery, until time.Time) (bool, error)
	SaveDelivery(ctx context.Context, d Delivery) error
	// Deliveries lists the newest deliveries.
	Deliveries(ctx context.Context, envID string, limit int) ([]Delivery, error)
	// ForgetAlerts drops alerts that ended, and deliveries that were made or given up, before a time.
	ForgetAlerts(ctx context.Context, before time.Time) error
}

// Outcome is what is kept of a decision.
type Outcome struct {
	Save       []Alert
	Deliveries []Delivery
	Lines      []directory.Activity
}

// Source says how the connections of an environment stand.
type Source interface {
	Health(ctx context.Context, envID string) ([]provision.Health, error)
}

// Sender hands a delivery over.
type Sender interface {
	Send(ctx context.Context, s *Settings, d *Delivery) error
}

// Config is what a service is made of.
type Config struct {
	Store       Store
	Source      Source
	Sender      Sender
	Now         func() time.Time  // nil: the clock
	Undelivered func(d *Delivery) // told of every attempt that did not work; nil: nobody asks
}

// Service looks, decides and delivers.
type Service struct{ Config }

// NewService makes the service.
func NewService(c Config) *Service {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Undelivered == nil {
		c.Undelivered = func(*Delivery) {}
	}
	return &Service{c}
}

func (s *Service) instant() time.Time { return s.Now().UTC().Truncate(time.Microsecond) }

func newID() string { return uuid.Must(uuid.NewV7()).String() }

// Settings answers the settings, or the defaults.
func (s *Service) Settings(ctx context.Context, envID string) (Settings, error) {
	out, err := s.Store.AlertSettings(ctx, envID)
	if problem.Is(err, problem.NotFound) {
		return Settings{EnvironmentID: envID, Thresholds: Defaults}, nil
	}
	return out, err
}

// Edit changes the settings. A webhook without a key gets one. A secret goes to no other address than the one it was given for: a new
// address of the webhook gets a new key, and a new mail server needs its password entered again.
func (s *Service) Edit(ctx context.Context, envID string, edit func(*Settings) error) (Settings, error) {
	before, err := s.Settings(ctx, envID)
	if err != nil {
		return Settings{}, err
	}
	after := before
	after.Webhook.Key, after.Email.Password = secret.Text{}, secret.Text{}
	if err := edit(&after); err != nil {
		return Settings{}, err
	}
	if after.Webhook.Key.IsZero() && after.Webhook.URL == before.Webhook.URL {
		after.Webhook.Key = before.Webhook.Key
	}
	after.KeyMade = after.Webhook.Key.IsZero() && after.Webhook.URL != ""
	if after.KeyMade {
		after.Webhook.Key = NewKey()
	}
	if after.Email.Host != "" {
		after.Email.TLS = cmp.Or(after.Email.TLS, StartTLS)
	}
	if same := after.Email.Host == before.Email.Host && after.Email.Username == before.Email.Username && after.Email.TLS == before.Email.TLS; after.Email.Password.IsZero() && same {
		after.Email.Password = before.Email.Password
	}
	if err := after.check(); err != nil {
		return Settings{}, err
	}
	if after.Webhook.URL == "" {
		after.Webhook.Key = secret.Text{}
	}
	if after.Email.Host == "" {
		after.Email = Email{}
	}
	differs := changes(&before, &after)
	if len(differs) == 0 && !before.UpdatedAt.IsZero() {
		return before, nil
	}
	after.EnvironmentID, after.UpdatedAt, after.Unreadable = envID, s.instant(), false
	line := s.line(ctx, envID, "ALERT_SETTINGS.UPDATED", true, "the settings of alerts were updated")
	line.Changes = differs
	return after, s.Store.SaveAlertSettings(ctx, after, line)
}

func (s *Service) line(ctx context.Context, envID, action string, success bool, description string) directory.Activity {
	origin := directory.OriginOf(ctx)
	return directory.Activity{
		ID: newID(), EnvironmentID: envID, RecordedAt: s.instant(), Type: action, Actor: origin.Actor, CorrelationID: origin.CorrelationID,
		Kind: directory.KindEnvironment, ObjectID: envID, ObjectName: "alerts", Success: success, Description: description,
	}
}

// Look decides which alerts of an environment begin and end, and keeps what is to be said about them.
func (s *Service) Look(ctx context.Context, envID string) error {
	settings, err := s.Settings(ctx, envID)
	if err != nil { // when its secrets cannot be read nothing can be sent, and the console and the metrics still say it
		return fmt.Errorf("read the settings of alerts: %w", err)
	}
	health, err := s.Source.Health(ctx, envID)
	if err != nil {
		return fmt.Errorf("look at the connections: %w", err)
	}
	return s.Store.DecideAlerts(ctx, envID, func(open []Alert) (Outcome, error) {
		d := Decide(health, open, settings.Thresholds, s.instant())
		if d.Empty() {
			return Outcome{}, nil
		}
		for i := range d.Began {
			d.Began[i].ID, d.Began[i].EnvironmentID = newID(), envID
		}
		out := Outcome{Save: append(append(append([]Alert{}, d.Began...), d.Ended...), d.Changed...)}
		var notices []Notice
		for _, part := range []struct {
			event, action string
			alerts        []Alert
		}{{Began, "ALERT.BEGAN", d.Began}, {Ended, "ALERT.ENDED", d.Ended}} {
			for _, a := range part.alerts {
				notices = append(notices, Notice{Event: part.event, Alert: a})
				line := s.line(ctx, envID, part.action, part.event == Ended, fmt.Sprintf("%s: %s", a.Condition, a.Message))
				line.Kind, line.ObjectID, line.ObjectName, line.ConnectionID = directory.KindConnection, a.ConnectionID, a.ConnectionName, a.ConnectionID
				out.Lines = append(out.Lines, line)
			}
		}
		if len(notices) > 0 {
			out.Deliveries = s.deliveries(&settings, notices)
		}
		return out, nil
	})
}

// deliveries makes one message for each channel, whatever the number of alerts.
func (s *Service) deliveries(settings *Settings, notices []Notice) []Delivery {
	more := max(0, len(notices)-maxNotices)
	var out []Delivery
	for channel, on := range map[Channel]bool{ByWebhook: settings.Webhook.URL != "", ByEmail: settings.Email.Host != ""} {
		if on {
			now := s.instant()
			out = append(out, Delivery{
				ID: newID(), EnvironmentID: settings.EnvironmentID, Channel: channel, CreatedAt: now, NextAt: now, Notices: notices[:len(notices)-more], More: more,
			})
		}
	}
	return out
}

const (
	deliverBatch = 20
	claimFor     = time.Minute // longer than a delivery may take
	sendTime     = 30 * time.Second
)

// Deliver tries what is due, all at once: a receiver that does not answer holds up no other. Several processes may: each delivery is one's.
// One that dies meanwhile leaves it to another, with the same id.
func (s *Service) Deliver(ctx context.Context) error {
	due, err := s.Store.DueDeliveries(ctx, s.instant(), deliverBatch)
	if err != nil {
		return fmt.Errorf("read what is to be delivered: %w", err)
	}
	errs := make([]error, len(due))
	var all sync.WaitGroup
	for i := range due {
		all.Go(func() {
			mine, err := s.Store.ClaimDelivery(ctx, due[i], s.instant().Add(claimFor))
			if err == nil && mine {
				err = s.deliver(ctx, &due[i])
			}
			errs[i] = err
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

func (s *Service) deliver(ctx context.Context, d *Delivery) error {
	settings, err := s.Settings(ctx, d.EnvironmentID)
	if err == nil && settings.Unreadable {
		err = secret.ErrUnreadable
	}
	if err != nil {
		return fmt.Errorf("read the settings of alerts: %w", err)
	}
	sending, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	if err := s.Sender.Send(sending, &settings, d); err != nil {
		if ctx.Err() != nil {
			return ctx.Err() // the server stops: another attempt is due when the claim is over
		}
		d.failed(err, s.instant())
		s.Undelivered(d)
	} else {
		d.delivered(s.instant())
	}
	return s.Store.SaveDelivery(context.WithoutCancel(ctx), *d)
}

// Result says how a test of a channel ended.
type Result struct {
	Channel Channel `json:"channel"`
	OK      bool    `json:"ok"`
	Message string  `json:"message"`
}

// Test sends a test message by every channel, now.
func (s *Service) Test(ctx context.Context, envID string) ([]Result, error) {
	settings, err := s.Settings(ctx, envID)
	if err != nil {
		return nil, err
	}
	if settings.Unreadable {
		return nil, problem.New(problem.Conflict, "a saved secret cannot be read with the keys at hand: enter the password again, and save for a new key; or restore the key file")
	}
	notice := Notice{Event: Tested, Alert: Alert{ID: newID(), EnvironmentID: envID, Since: s.instant(), Message: "this is a test"}}
	list := s.deliveries(&settings, []Notice{notice})
	if len(list) == 0 {
		return nil, problem.New(problem.Conflict, "no webhook and no mail server is set; save one first")
	}
	var out []Result
	for i := range list {
		sending, cancel := context.WithTimeout(ctx, sendTime)
		r := Result{Channel: list[i].Channel, OK: true, Message: "delivered"}
		if err := s.Sender.Send(sending, &settings, &list[i]); err != nil {
			r.OK, r.Message = false, err.Error()
		}
		cancel()
		out = append(out, r)
	}
	return out, nil
}

// Open lists the alerts that are open, the most pressing first.
func (s *Service) Open(ctx context.Context, envID string) ([]Alert, error) {
	list, err := s.Store.Alerts(ctx, envID, true, maxListed)
	Sort(list)
	return list, err
}

// Past lists the alerts that ended, the newest first.
func (s *Service) Past(ctx context.Context, envID string) ([]Alert, error) {
	return s.Store.Alerts(ctx, envID, false, maxListed)
}

// Recent lists the newest deliveries.
func (s *Service) Recent(ctx context.Context, envID string) ([]Delivery, error) {
	return s.Store.Deliveries(ctx, envID, recent)
}

const (
	maxListed = 1000
	recent    = 20
	keepFor   = 90 * 24 * time.Hour
)

// Forget drops what is long over.
func (s *Service) Forget(ctx context.Context) error {
	return s.Store.ForgetAlerts(ctx, s.instant().Add(-keepFor))
}
