package provision

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"lockstep/internal/secret"
)

// Secrets that come with a token that was had by OAuth. No client sets them.
const (
	KeyRefreshToken = "OAUTH_REFRESH_TOKEN"
	KeyClientSecret = "OAUTH_CLIENT_SECRET"
)

// Workspace is what a token is good for: a workspace, or a whole organisation. The zero value is "not known".
type Workspace struct {
	ID           string
	Name         string
	Organization bool
}

// Identity is what a target says about a token: where it is good, whose it is, and what it may.
type Identity struct {
	Workspace Workspace
	Owner     string
	Scopes    []string // nil: the target does not say
}

// Grant is what is known of a connection's token, and never the token itself. It is not part of revisions: like the token, it takes
// effect at once.
type Grant struct {
	Identity
	// Origin is the server that the token was given for (scheme, host and port). It is sent to no other. "" = not recorded.
	Origin     string
	ClientID   string // of the app by which it was had; "" = it was pasted
	ObtainedAt time.Time
	ExpiresAt  time.Time // zero: not as far as is known
	// Renewal is a refresh that was begun and not concluded: the refresh token may have been used.
	Renewal *Renewal
	// Trouble says why the last refresh failed; nil = it did not.
	Trouble *RenewalFailure
}

// Renewal is the right to refresh a token, which one process at a time has.
type Renewal struct {
	ID    string
	Until time.Time // then somebody else may try
}

// RenewalFailure is a refresh that failed.
type RenewalFailure struct {
	Message string
	Hint    string
	At      time.Time
	Tries   int
	NextAt  time.Time // zero: it is of no use to try again; somebody has to consent anew
}

// Tokens is what a target gave by OAuth.
type Tokens struct {
	Access       secret.Text   `json:"-"`
	Refresh      secret.Text   `json:"-"` // zero: there is none
	ClientSecret secret.Text   `json:"-"` // of the app; kept with a refresh token, which is of no use without it
	Life         time.Duration // 0: it does not expire
	Grant        Grant
}

// AppSetup is how an app has to be made at a target, so that a token can be had by it.
type AppSetup struct {
	RedirectURL string
	Scopes      []string // user scopes
	Manifest    string   // to paste at the target
	CreateURL   string   // a page of the target on which the manifest stands already
	Steps       []string // what to do at the target, in order
	Warnings    []string // what keeps it from working, as sentences
}

// RenewAt is when a token that expires is refreshed: half-way through its life, so that the other half is left to mend what fails.
// Zero: never.
func (g *Grant) RenewAt() time.Time {
	if g == nil || g.ExpiresAt.IsZero() {
		return time.Time{}
	}
	at := g.ObtainedAt.Add(g.ExpiresAt.Sub(g.ObtainedAt) / 2)
	switch t := g.Trouble; {
	case t == nil:
		return at
	case t.NextAt.IsZero():
		return time.Time{}
	case t.NextAt.After(at):
		return t.NextAt
	default:
		return at
	}
}

// Origin is the server of an address: scheme, host and port, with the port that is meant when there is none. "" = it is no address.
func Origin(address string) string {
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil || u.Hostname() == "" {
		return ""
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return strings.ToLower(u.Scheme + "://" + u.Hostname() + ":" + port)
}

// OriginOf is the server to which a connection sends its credentials.
func (t *Type) OriginOf(c *Connection) string {
	for _, f := range t.Fields {
		if f.Kind != FieldURL || !f.Credentials {
			continue
		}
		address := c.Text(f.Key)
		if address == "" {
			address, _ = f.Default.(string)
		}
		return Origin(address)
	}
	return ""
}

// secretKeys are the settings that hold credentials.
func (t *Type) secretKeys() []string {
	var out []string
	for _, f := range t.Fields {
		if f.Kind == FieldSecret {
			out = append(out, f.Key)
		}
	}
	return out
}

// granted is what is known of an edited connection's token: as before while the token is, and nothing that belonged to another one.
func (t *Type) granted(before, c *Connection, proven *Identity) {
	same := !slices.ContainsFunc(t.secretKeys(), func(key string) bool { return before.Secrets[key].Reveal() != c.Secrets[key].Reveal() })
	if same {
		c.Grant = before.Grant
		if c.Grant == nil || c.Grant.Origin == "" {
			g := Grant{}
			if before.Grant != nil {
				g = *before.Grant
			}
			g.Origin = t.OriginOf(before)
			c.Grant = &g
		}
		if c.Grant.Origin != t.OriginOf(c) { // the very same token was entered again, for another server
			g := *c.Grant
			g.Origin, g.ClientID, g.Renewal, g.Trouble = t.OriginOf(c), "", nil, nil
			c.Grant = &g
			// Nobody entered these again: they are for the server that gave them.
			delete(c.Secrets, KeyRefreshToken)
			delete(c.Secrets, KeyClientSecret)
		}
		return
	}
	g := Grant{}
	switch {
	case proven != nil:
		g.Identity = *proven
	case before.Grant != nil:
		g.Workspace = before.Grant.Workspace // whoever tests the new token compares
	}
	g.Origin, g.ObtainedAt = t.OriginOf(c), c.UpdatedAt
	c.Grant = &g
	delete(c.Secrets, KeyRefreshToken)
	delete(c.Secrets, KeyClientSecret)
}
