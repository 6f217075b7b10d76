package api

import (
	"context"

	"lockstep/alert"
	"lockstep/internal/secret"
)

// Alerts tells people when provisioning needs them.
type Alerts interface {
	Open(ctx context.Context, envID string) ([]alert.Alert, error)
	Past(ctx context.Context, envID string) ([]alert.Alert, error)
	Settings(ctx context.Context, envID string) (alert.Settings, error)
	Edit(ctx context.Context, envID string, edit func(*alert.Settings) error) (alert.Settings, error)
	Test(ctx context.Context, envID string) ([]alert.Result, error)
	Recent(ctx context.Context, envID string) ([]alert.Delivery, error)
}

// The states of alerts.
const (
	alertsOpen  = "OPEN"
	alertsEnded = "ENDED"
)

// Alert is a condition of a connection, from its beginning to its end.
type Alert struct {
	ID        string          `json:"id" format:"uuid"`
	Condition alert.Condition `json:"condition"`
	Store     AlertStore      `json:"store"`
	Since     Stamp           `json:"since"`
	EndedAt   OptionalStamp   `json:"endedAt,omitzero"`
	Message   string          `json:"message"`
	Hint      string          `json:"hint,omitempty" doc:"What to do."`
}

// AlertStore is the connection.
type AlertStore struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// AlertList is what the list of alerts embeds.
type AlertList struct {
	Alerts []Alert `json:"alerts"`
}

// AlertSettings say where alerts go, and what is worth one.
type AlertSettings struct {
	Webhook    AlertWebhook    `json:"webhook"`
	Email      AlertEmail      `json:"email"`
	Thresholds AlertThresholds `json:"thresholds"`
	UpdatedAt  OptionalStamp   `json:"updatedAt,omitzero"`
}

// AlertWebhook is an address that alerts are posted to.
type AlertWebhook struct {
	URL    string `json:"url,omitempty" doc:"Empty: none."`
	Key    string `json:"key,omitempty" doc:"Signs, as Standard Webhooks do: whsec_ and base64. Written, and answered only by the call in which one was made. A new address needs a new one."`
	KeySet bool   `json:"keySet" readOnly:"true"`
}

// AlertEmail is a mail server that alerts are handed to.
type AlertEmail struct {
	Host        string   `json:"host,omitempty" doc:"Empty: none."`
	Port        int      `json:"port,omitempty" doc:"Left out: 587, 465 or 25, by tls."`
	TLS         string   `json:"tls,omitempty" enum:"STARTTLS,IMPLICIT,NONE" doc:"Left out: STARTTLS, which the server must offer."`
	Username    string   `json:"username,omitempty"`
	Password    string   `json:"password,omitempty" doc:"Written, never answered. Another host needs it again."`
	PasswordSet bool     `json:"passwordSet" readOnly:"true"`
	From        string   `json:"from,omitempty"`
	To          []string `json:"to,omitempty"`
}

// AlertThresholds say what is worth an alert.
type AlertThresholds struct {
	FailedPercent int `json:"failedPercent" doc:"FAILING: more than this share of those whom rules cover could not be written,"`
	FailedCount   int `json:"failedCount" doc:"and at least so many."`
	ExpiryDays    int `json:"expiryDays" doc:"EXPIRING: so many days before the credentials end."`
	StaleHours    int `json:"staleHours" doc:"STALE: nothing succeeded for so long; 0 = never said."`
	QuietMinutes  int `json:"quietMinutes" doc:"A condition has ended when it was away for so long."`
}

// AlertSettingsBody is what may be written of the settings.
type AlertSettingsBody struct {
	Webhook    *AlertWebhook    `json:"webhook,omitempty" doc:"Left out: none."`
	Email      *AlertEmail      `json:"email,omitempty" doc:"Left out: none."`
	Thresholds *AlertThresholds `json:"thresholds,omitempty" doc:"Left out: as they are."`
}

// AlertTest is how a test ended.
type AlertTest struct {
	Results []AlertTestResult `json:"results"`
}

// AlertTestResult is how a test of a channel ended.
type AlertTestResult struct {
	Channel alert.Channel `json:"channel"`
	Status  string        `json:"status" enum:"OK,FAILED"`
	Message string        `json:"message"`
}

// AlertDelivery is a message, and how far it came.
type AlertDelivery struct {
	ID          string        `json:"id" format:"uuid"`
	Channel     alert.Channel `json:"channel"`
	CreatedAt   Stamp         `json:"createdAt"`
	Alerts      int           `json:"alerts" doc:"How many it is about."`
	Status      string        `json:"status" enum:"DELIVERED,WAITING,GIVEN_UP"`
	Attempts    int           `json:"attempts"`
	NextAt      OptionalStamp `json:"nextAt,omitzero"`
	DeliveredAt OptionalStamp `json:"deliveredAt,omitzero"`
	Message     string        `json:"message,omitempty" doc:"Why the last attempt did not work."`
}

// AlertDeliveries is what the list of messages embeds.
type AlertDeliveries struct {
	Deliveries []AlertDelivery `json:"deliveries"`
}

func renderAlert(a *alert.Alert) Alert {
	return Alert{
		ID: a.ID, Condition: a.Condition, Store: AlertStore{a.ConnectionID, a.ConnectionName}, Since: Stamp(a.Since), EndedAt: OptionalStamp{Stamp(a.EndedAt)},
		Message: a.Message, Hint: a.Hint,
	}
}

func (s *server) listAlerts(r *request) (Collection[AlertList], error) {
	list := s.Alerts.Open
	if choice[string](r, "state") == alertsEnded {
		list = s.Alerts.Past
	}
	alerts, err := list(r.Context(), r.env)
	if err != nil {
		return Collection[AlertList]{}, err
	}
	return whole(r, alerts, renderAlert, func(l []Alert) AlertList { return AlertList{l} })
}

func renderAlertSettings(set *alert.Settings) AlertSettings {
	out := AlertSettings{
		Webhook: AlertWebhook{URL: set.Webhook.URL, KeySet: !set.Webhook.Key.IsZero()},
		Email: AlertEmail{
			Host: set.Email.Host, Port: set.Email.Port, TLS: set.Email.TLS, Username: set.Email.Username, PasswordSet: !set.Email.Password.IsZero(),
			From: set.Email.From, To: set.Email.To,
		},
		Thresholds: AlertThresholds(set.Thresholds), UpdatedAt: OptionalStamp{Stamp(set.UpdatedAt)},
	}
	if set.KeyMade {
		out.Webhook.Key = set.Webhook.Key.Reveal() // once: the receiver has to know it
	}
	return out
}

func (s *server) readAlertSettings(r *request) (AlertSettings, error) {
	set, err := s.Alerts.Settings(r.Context(), r.env)
	return renderAlertSettings(&set), err
}

func (s *server) replaceAlertSettings(r *request, in AlertSettingsBody) (AlertSettings, error) {
	set, err := s.Alerts.Edit(r.Context(), r.env, func(set *alert.Settings) error {
		set.Webhook, set.Email = alert.Webhook{}, alert.Email{}
		if w := in.Webhook; w != nil {
			set.Webhook = alert.Webhook{URL: w.URL, Key: secret.New(w.Key)}
		}
		if e := in.Email; e != nil {
			set.Email = alert.Email{
				Host: e.Host, Port: e.Port, TLS: e.TLS, Username: e.Username, Password: secret.New(e.Password), From: e.From, To: e.To,
			}
		}
		if t := in.Thresholds; t != nil {
			set.Thresholds = alert.Thresholds(*t)
		}
		return nil
	})
	return renderAlertSettings(&set), err
}

func (s *server) testAlerts(r *request) (AlertTest, error) {
	results, err := s.Alerts.Test(r.Context(), r.env)
	return AlertTest{each(results, func(in *alert.Result) AlertTestResult {
		out := AlertTestResult{Channel: in.Channel, Status: "OK", Message: in.Message}
		if !in.OK {
			out.Status = "FAILED"
		}
		return out
	})}, err
}

func (s *server) listDeliveries(r *request) (Collection[AlertDeliveries], error) {
	recent, err := s.Alerts.Recent(r.Context(), r.env)
	if err != nil {
		return Collection[AlertDeliveries]{}, err
	}
	return whole(r, recent, func(d *alert.Delivery) AlertDelivery {
		out := AlertDelivery{
			ID: d.ID, Channel: d.Channel, CreatedAt: Stamp(d.CreatedAt), Alerts: len(d.Notices) + d.More, Status: "WAITING", Attempts: d.Attempts,
			NextAt: OptionalStamp{Stamp(d.NextAt)}, DeliveredAt: OptionalStamp{Stamp(d.DeliveredAt)}, Message: d.Error,
		}
		switch {
		case !d.DeliveredAt.IsZero():
			out.Status = "DELIVERED"
		case d.NextAt.IsZero():
			out.Status = "GIVEN_UP"
		}
		return out
	}, func(l []AlertDelivery) AlertDeliveries { return AlertDeliveries{l} })
}
