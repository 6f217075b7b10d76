package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"lockstep/access"
)

// TestAlertSettings: secrets are written and never answered, but for a key that was just made; only an Environment Admin sees where alerts go.
func TestAlertSettings(t *testing.T) {
	s := newServer(t)
	put := func(body string) (int, string) { return s.admin(http.MethodPut, "/alerts/settings", body) }
	if status, raw := s.admin(http.MethodGet, "/alerts/settings", ""); status != http.StatusOK || !strings.Contains(raw, `"staleHours":48`) {
		t.Errorf("%d %s", status, raw)
	}
	if status, raw := s.admin(http.MethodPost, "/alerts/test", ""); status != http.StatusConflict {
		t.Errorf("%d %s", status, raw)
	}
	status, raw := put(`{"webhook":{"url":"https://alerts.example.com/x"},"email":{"host":"smtp.example.com","username":"u","password":"marker-password","from":"a@example.com","to":["b@example.com"]}}`)
	var made struct{ Webhook struct{ Key string } }
	must(t, json.Unmarshal([]byte(raw), &made))
	if status != http.StatusOK || !strings.HasPrefix(made.Webhook.Key, "whsec_") || strings.Contains(raw, "marker-password") || !strings.Contains(raw, `"passwordSet":true`) {
		t.Fatalf("%d %s", status, raw)
	}
	for _, call := range []func() (int, string){
		func() (int, string) { return s.admin(http.MethodGet, "/alerts/settings", "") },
		func() (int, string) {
			return put(`{"webhook":{"url":"https://alerts.example.com/x"},"email":{"host":"smtp.example.com","username":"u","from":"a@example.com","to":["c@example.com"]},"thresholds":{"failedPercent":5,"failedCount":1,"expiryDays":30,"staleHours":24,"quietMinutes":0}}`)
		},
		func() (int, string) { return put(`{"webhook":{"url":"ftp://marker-password"}}`) },
		func() (int, string) { return s.admin(http.MethodGet, "/activities", "") },
		func() (int, string) { return s.admin(http.MethodGet, "/activities/export", "") },
		func() (int, string) { return s.admin(http.MethodGet, "/alerts/deliveries", "") },
	} {
		if _, raw := call(); strings.Contains(raw, made.Webhook.Key) || strings.Contains(raw, "marker-password") {
			t.Errorf("a secret came back: %s", raw)
		}
	}
	if _, raw := s.admin(http.MethodGet, "/alerts/settings", ""); !strings.Contains(raw, `"keySet":true`) || !strings.Contains(raw, `"passwordSet":true`) || !strings.Contains(raw, "c@example.com") {
		t.Errorf("%s", raw)
	}
	// A private address is refused when it is called.
	if status, raw := put(`{"webhook":{"url":"http://127.0.0.1:1/"}}`); status != http.StatusOK {
		t.Errorf("%d %s", status, raw)
	}
	if status, raw := s.admin(http.MethodPost, "/alerts/test", ""); status != http.StatusOK || !strings.Contains(raw, "FAILED") || !strings.Contains(raw, "private or local") {
		t.Errorf("%d %s", status, raw)
	}
	if status, raw := s.call(access.ReadOnly, http.MethodGet, "/v1/environments/"+s.env+"/alerts", ""); status != http.StatusOK || !strings.Contains(raw, `"alerts":[]`) {
		t.Errorf("%d %s", status, raw)
	}
	if status, raw := s.admin(http.MethodGet, "/alerts?state=WRONG", ""); status != http.StatusBadRequest {
		t.Errorf("%d %s", status, raw)
	}
}
