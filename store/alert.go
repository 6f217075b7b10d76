package store

import (
	"context"
	"encoding/json"
	"time"

	"lockstep/alert"
	"lockstep/directory"
	"lockstep/internal/secret"
)

// alertSettings is how settings are kept, without what is sealed.
type alertSettings struct {
	Thresholds alert.Thresholds `json:"thresholds"`
	URL        string           `json:"url"`
	Host       string           `json:"host"`
	Port       int              `json:"port"`
	TLS        string           `json:"tls"`
	Username   string           `json:"username"`
	From       string           `json:"from"`
	To         []string         `json:"to"`
	UpdatedAt  time.Time        `json:"updatedAt"`
}

// AlertSettings implements alert.Store.
func (db *DB) AlertSettings(ctx context.Context, envID string) (alert.Settings, error) {
	return one(db.read.QueryRowContext(ctx, `SELECT body, webhook_key, password FROM alert_settings WHERE environment_id = $1`, envID), func(s scanner) (alert.Settings, error) {
		out := alert.Settings{EnvironmentID: envID}
		var body []byte
		var key, password string
		if err := s.Scan(&body, &key, &password); err != nil {
			return out, err
		}
		var kept alertSettings
		if err := json.Unmarshal(body, &kept); err != nil {
			return out, err
		}
		out.Thresholds, out.UpdatedAt = kept.Thresholds, kept.UpdatedAt
		out.Webhook.URL = kept.URL
		out.Email = alert.Email{Host: kept.Host, Port: kept.Port, TLS: kept.TLS, Username: kept.Username, From: kept.From, To: kept.To}
		for _, sealed := range []struct {
			value, place string
			to           *secret.Text
		}{{key, "webhookKey", &out.Webhook.Key}, {password, "password", &out.Email.Password}} {
			if sealed.value == "" {
				continue
			}
			text, err := db.ring.Open(sealed.value, alertPlace(envID, sealed.place))
			if err != nil {
				out.Unreadable = true
				continue
			}
			*sealed.to = text
		}
		return out, nil
	}, "settings")
}

func alertPlace(envID, what string) string { return "alerts/" + envID + "/" + what }

// SaveAlertSettings implements alert.Store.
func (db *DB) SaveAlertSettings(ctx context.Context, s alert.Settings, line directory.Activity) error {
	body, err := json.Marshal(alertSettings{
		Thresholds: s.Thresholds, URL: s.Webhook.URL, Host: s.Email.Host, Port: s.Email.Port, TLS: s.Email.TLS, Username: s.Email.Username,
		From: s.Email.From, To: s.Email.To, UpdatedAt: s.UpdatedAt,
	})
	if err != nil {
		return err
	}
	seal := func(t secret.Text, place string) string {
		if t.IsZero() {
			return ""
		}
		return db.ring.Seal(t, alertPlace(s.EnvironmentID, place))
	}
	return db.transact(ctx, func(t *tx) error {
		_, err := t.ExecContext(ctx, `INSERT INTO alert_settings (environment_id, body, webhook_key, password) VALUES ($1, $2, $3, $4)
 ON CONFLICT (environment_id) DO UPDATE SET body = excluded.body, webhook_key = excluded.webhook_key, password = excluded.password`,
			s.EnvironmentID, string(body), seal(s.Webhook.Key, "webhookKey"), seal(s.Email.Password, "password"))
		if err != nil {
			return err
		}
		return t.Append(ctx, []directory.Activity{line})
	})
}

func scanAlert(s scanner) (alert.Alert, error) {
	var a alert.Alert
	var body []byte
	if err := s.Scan(&body); err != nil {
		return a, err
	}
	return a, json.Unmarshal(body, &a)
}

// Alerts implements alert.Store.
func (db *DB) Alerts(ctx context.Context, envID string, open bool, limit int) ([]alert.Alert, error) {
	if open {
		return collect(ctx, db.read, scanAlert, `SELECT body FROM alerts WHERE environment_id = $1 AND ended_at = 0 ORDER BY id LIMIT $2`, envID, limit)
	}
	return collect(ctx, db.read, scanAlert, `SELECT body FROM alerts WHERE environment_id = $1 AND ended_at > 0 ORDER BY ended_at DESC LIMIT $2`, envID, limit)
}

// DecideAlerts implements alert.Store.
func (db *DB) DecideAlerts(ctx context.Context, envID string, fn func(open []alert.Alert) (alert.Outcome, error)) error {
	return db.transact(ctx, func(t *tx) error {
		if err := t.lock(ctx, lockAlerts, envID, true); err != nil {
			return err
		}
		open, err := collect(ctx, t, scanAlert, `SELECT body FROM alerts WHERE environment_id = $1 AND ended_at = 0 ORDER BY id`, envID)
		if err != nil {
			return err
		}
		out, err := fn(open)
		if err != nil {
			return err
		}
		for i := range out.Save {
			a := &out.Save[i]
			body, err := json.Marshal(a)
			if err != nil {
				return err
			}
			_, err = t.ExecContext(ctx, `INSERT INTO alerts (id, environment_id, connection_id, condition, ended_at, body) VALUES ($1, $2, $3, $4, $5, $6)
 ON CONFLICT (id) DO UPDATE SET ended_at = excluded.ended_at, body = excluded.body`, a.ID, envID, a.ConnectionID, string(a.Condition), micros(a.EndedAt), string(body))
			if err != nil {
				return err
			}
		}
		for i := range out.Deliveries {
			d := &out.Deliveries[i]
			body, err := json.Marshal(d)
			if err != nil {
				return err
			}
			_, err = t.ExecContext(ctx, `INSERT INTO alert_deliveries (id, environment_id, created_at, next_at, body) VALUES ($1, $2, $3, $4, $5)`,
				d.ID, envID, micros(d.CreatedAt), micros(d.NextAt), string(body))
			if err != nil {
				return err
			}
		}
		if len(out.Lines) == 0 {
			return nil
		}
		return t.Append(ctx, out.Lines)
	})
}

func scanDelivery(s scanner) (alert.Delivery, error) {
	var d alert.Delivery
	var body []byte
	var next int64
	if err := s.Scan(&body, &next); err != nil {
		return d, err
	}
	err := json.Unmarshal(body, &d)
	d.NextAt = instant(next)
	return d, err
}

// DueDeliveries implements alert.Store.
func (db *DB) DueDeliveries(ctx context.Context, now time.Time, limit int) ([]alert.Delivery, error) {
	return collect(ctx, db.read, scanDelivery, `SELECT body, next_at FROM alert_deliveries WHERE next_at > 0 AND next_at <= $1 ORDER BY next_at, id LIMIT $2`, micros(now), limit)
}

// ClaimDelivery implements alert.Store.
func (db *DB) ClaimDelivery(ctx context.Context, d alert.Delivery, until time.Time) (bool, error) {
	r, err := db.write.ExecContext(ctx, `UPDATE alert_deliveries SET next_at = $1 WHERE id = $2 AND next_at = $3`, micros(until), d.ID, micros(d.NextAt))
	if err != nil {
		return false, err
	}
	n, err := r.RowsAffected()
	return n == 1, err
}

// SaveDelivery implements alert.Store.
func (db *DB) SaveDelivery(ctx context.Context, d alert.Delivery) error {
	body, err := json.Marshal(d)
	if err != nil {
		return err
	}
	_, err = db.write.ExecContext(ctx, `UPDATE alert_deliveries SET next_at = $1, body = $2 WHERE id = $3`, micros(d.NextAt), string(body), d.ID)
	return err
}

// Deliveries implements alert.Store.
func (db *DB) Deliveries(ctx context.Context, envID string, limit int) ([]alert.Delivery, error) {
	return collect(ctx, db.read, scanDelivery, `SELECT body, next_at FROM alert_deliveries WHERE environment_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2`, envID, limit)
}

// ForgetAlerts implements alert.Store.
func (db *DB) ForgetAlerts(ctx context.Context, before time.Time) error {
	if _, err := db.write.ExecContext(ctx, `DELETE FROM alerts WHERE ended_at > 0 AND ended_at < $1`, micros(before)); err != nil {
		return err
	}
	_, err := db.write.ExecContext(ctx, `DELETE FROM alert_deliveries WHERE next_at = 0 AND created_at < $1`, micros(before))
	return err
}
