package alert

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"lockstep/internal/secret"
)

// Channel is a way to people.
type Channel string

// The channels.
const (
	ByWebhook Channel = "WEBHOOK"
	ByEmail   Channel = "EMAIL"
)

// Notice says that an alert began or ended.
type Notice struct {
	Event string `json:"event"` // BEGAN, ENDED, TEST
	Alert Alert  `json:"alert"`
}

// What a notice is about.
const (
	Began  = "BEGAN"
	Ended  = "ENDED"
	Tested = "TEST"
)

// Delivery is a message on its way: all that began and ended at one look, by one channel.
type Delivery struct {
	ID            string    `json:"id"`
	EnvironmentID string    `json:"environmentId"`
	Channel       Channel   `json:"channel"`
	CreatedAt     time.Time `json:"createdAt"`
	Notices       []Notice  `json:"notices"`
	More          int       `json:"more,omitempty"` // notices that were left out
	Attempts      int       `json:"attempts"`
	NextAt        time.Time `json:"-"` // zero: delivered, or given up
	DeliveredAt   time.Time `json:"deliveredAt,omitzero"`
	Error         string    `json:"error,omitempty"` // of the last attempt
}

const (
	maxNotices  = 50
	maxAttempts = 12
	firstWait   = 15 * time.Second
	longestWait = time.Hour
)

// failed notes an attempt that did not work, and when the next one is: after 15 s, doubling to an hour, twelve in all, which is about
// four hours.
func (d *Delivery) failed(err error, now time.Time) {
	d.Attempts++
	d.Error = err.Error()
	if d.Attempts >= maxAttempts {
		d.NextAt = time.Time{}
		return
	}
	d.NextAt = now.Add(min(firstWait<<(d.Attempts-1), longestWait))
}

func (d *Delivery) delivered(now time.Time) {
	d.Attempts++
	d.DeliveredAt, d.NextAt, d.Error = now, time.Time{}, ""
}

const keyPrefix = "whsec_"

// NewKey makes a key for a webhook.
func NewKey() secret.Text {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails: crypto/rand ends the process instead
	return secret.New(keyPrefix + base64.StdEncoding.EncodeToString(raw))
}

func keyOf(t secret.Text) ([]byte, bool) {
	text, ok := strings.CutPrefix(t.Reveal(), keyPrefix)
	raw, err := base64.StdEncoding.DecodeString(text)
	return raw, ok && err == nil && len(raw) >= 24 && len(raw) <= 64
}

// Sign answers the signature of a webhook's body, as Standard Webhooks define it: HMAC-SHA256 over "id.time.body", in base64 behind "v1,".
func Sign(key secret.Text, id string, at time.Time, body []byte) string {
	raw, _ := keyOf(key)
	mac := hmac.New(sha256.New, raw)
	_, _ = mac.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "."))
	_, _ = mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// Body is what is posted.
func (d *Delivery) Body() ([]byte, error) {
	type store struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	}
	type notice struct {
		ID        string     `json:"id"`
		Event     string     `json:"event"`
		Condition Condition  `json:"condition"`
		Store     *store     `json:"store,omitempty"`
		Since     time.Time  `json:"since"`
		EndedAt   *time.Time `json:"endedAt,omitempty"`
		Message   string     `json:"message"`
		Hint      string     `json:"hint,omitempty"`
	}
	out := struct {
		Type        string    `json:"type"`
		Timestamp   time.Time `json:"timestamp"`
		ID          string    `json:"id"`
		Environment struct {
			ID string `json:"id"`
		} `json:"environment"`
		Alerts []notice `json:"alerts"`
		More   int      `json:"more,omitempty"`
	}{Type: "lockstep.alerts", Timestamp: d.CreatedAt, ID: d.ID, Alerts: []notice{}, More: d.More}
	out.Environment.ID = d.EnvironmentID
	for i := range d.Notices {
		n := &d.Notices[i]
		to := notice{ID: n.Alert.ID, Event: n.Event, Condition: n.Alert.Condition, Since: n.Alert.Since, Message: n.Alert.Message, Hint: n.Alert.Hint}
		if n.Alert.ConnectionID != "" {
			to.Store = &store{n.Alert.ConnectionID, n.Alert.ConnectionName}
		}
		if !n.Alert.EndedAt.IsZero() {
			to.EndedAt = &n.Alert.EndedAt
		}
		out.Alerts = append(out.Alerts, to)
	}
	return json.Marshal(out)
}

// Subject is the first line of a message.
func (d *Delivery) Subject() string {
	if len(d.Notices) == 1 && d.More == 0 {
		return "Lockstep: " + d.Notices[0].title()
	}
	return fmt.Sprintf("Lockstep: %s, and %d more", d.Notices[0].title(), len(d.Notices)-1+d.More)
}

func (n *Notice) title() string {
	name := plain(n.Alert.ConnectionName)
	what := map[Condition]string{
		Halted: "is halted", Held: "waits for a decision", Quarantined: "does not answer", Failing: "has many failures", Expiring: "needs new credentials soon", Stale: "has not synced for long",
	}[n.Alert.Condition]
	switch n.Event {
	case Tested:
		return "a test"
	case Ended:
		return fmt.Sprintf("over: %s %s", name, what)
	default:
		return name + " " + what
	}
}

// plain keeps a name in one line.
func plain(text string) string { return strings.Join(strings.Fields(text), " ") }

// Text is a message for people.
func (d *Delivery) Text() string {
	var b strings.Builder
	for i := range d.Notices {
		n := &d.Notices[i]
		switch n.Event {
		case Tested:
			b.WriteString("This is a test: alerts of Lockstep reach you.\n")
			continue
		case Ended:
			fmt.Fprintf(&b, "Over since %s (it began %s): %s.\n", when(n.Alert.EndedAt), when(n.Alert.Since), plain(n.Alert.Message))
		default:
			fmt.Fprintf(&b, "Since %s: %s.\n", when(n.Alert.Since), plain(n.Alert.Message))
			if n.Alert.Hint != "" {
				fmt.Fprintf(&b, "What to do: %s.\n", plain(n.Alert.Hint))
			}
		}
		b.WriteString("\n")
	}
	if d.More > 0 {
		fmt.Fprintf(&b, "And %d more; the console lists all.\n", d.More)
	}
	return b.String()
}

func when(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") }
