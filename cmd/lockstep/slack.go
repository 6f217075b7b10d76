package main

import (
	"bufio"
	"cmp"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/term"

	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/internal/secret"
	"lockstep/provision"
)

type slackCommand struct {
	Token slackToken `cmd:"" help:"Get the token of a Slack connection by OAuth, without a public address."`
}

type slackToken struct {
	where
	Connection          string `help:"Name or id of the connection that takes the token over; without it, the only one there is." xor:"which"`
	Create              string `help:"Make a connection of this name instead; it is off." placeholder:"NAME" xor:"which"`
	BaseURL             string `help:"Base URL of a connection that is made; without it, Slack's own." placeholder:"URL"`
	ClientID            string `help:"Client ID of the Slack app; without it, that by which the connection's token was had."`
	ClientSecretFile    string `help:"File with the Client Secret; without it, it is asked for, or read as the first line of stdin." type:"path" placeholder:"FILE"`
	RedirectURL         string `help:"Redirect URL of the Slack app. At one of this machine (http://127.0.0.1:8765/slack) Lockstep listens; at any other, paste the address to which Slack leads." default:"https://localhost/lockstep"`
	Organization        bool   `help:"Show how to make the app for an Enterprise organisation."`
	ConfirmWorkspace    bool   `help:"Take a token over that is for another workspace than the connection provisions."`
	AllowPrivateTargets bool   `help:"Let connections call private and loopback addresses."`
	JSON                bool   `help:"Print JSON."`
}

// Run gets a token: it shows the page on which to consent, and takes what comes back, from the browser or by hand.
func (c slackToken) Run(ctx context.Context, std stdio) error {
	a, err := c.open(ctx, false, c.AllowPrivateTargets, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { _ = a.close() }()
	ctx = directory.WithOrigin(ctx, directory.Origin{Actor: directory.Actor{Type: "SYSTEM", ID: "cli", Name: "lockstep slack token"}})
	saved, err := c.connection(ctx, a)
	if err != nil {
		return err
	}
	setup, err := a.grants.Setup("Slack", provision.AppOptions{RedirectURL: c.RedirectURL, Organization: c.Organization})
	if err != nil {
		return err
	}
	lines := bufio.NewReader(os.Stdin)
	r := provision.ConsentRequest{
		Type: "Slack", ConnectionID: saved.ID, Settings: map[string]any{provision.KeyBaseURL: c.BaseURL}, ClientID: c.ClientID, RedirectURL: c.RedirectURL,
	}
	if again := saved.Grant != nil && saved.Grant.ClientID != "" && !saved.Secrets[provision.KeyClientSecret].IsZero(); c.ClientID == "" && !again {
		say(std.err, "Make a Slack app first, and give its Client ID with --client-id:\n")
		for i, step := range setup.Steps {
			say(std.err, "  %d. %s\n", i+1, step)
		}
		say(std.err, "\nThe manifest to paste:\n%s\n\n", setup.Manifest)
		return errors.New("--client-id is needed")
	}
	if c.ClientID != "" {
		if r.ClientSecret, err = c.secret(std, lines); err != nil {
			return err
		}
	}
	bound := "command " + uuid.NewString()
	begun, page, err := a.grants.Begin(ctx, a.env.ID, bound, r)
	if err != nil {
		return err
	}
	answer, err := c.wait(ctx, std, lines, page, begun.ExpiresAt)
	if err != nil {
		return err
	}
	got, err := a.grants.Complete(ctx, a.env.ID, bound, answer)
	if err != nil {
		return err
	}
	return c.finish(ctx, a, std, bound, &saved, got)
}

func say(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }

// connection finds the connection that is meant; it has no id where one is to be made.
func (c slackToken) connection(ctx context.Context, a *app) (provision.Connection, error) {
	if c.Create != "" {
		return provision.Connection{}, nil
	}
	all, err := a.slackConnections(ctx)
	if err != nil {
		return provision.Connection{}, err
	}
	var names []string
	for _, one := range all {
		if c.Connection == one.ID || c.Connection == one.Name || c.Connection == "" && len(all) == 1 {
			return one, nil
		}
		names = append(names, one.Name)
	}
	switch {
	case len(all) == 0:
		return provision.Connection{}, problem.New(problem.NotFound, "there is no Slack connection yet; make one with --create NAME")
	case c.Connection == "":
		return provision.Connection{}, problem.New(problem.NotFound, "say with --connection which one: %s", strings.Join(names, ", "))
	default:
		return provision.Connection{}, problem.New(problem.NotFound, "there is no such Slack connection; there are: %s", strings.Join(names, ", "))
	}
}

func (a *app) slackConnections(ctx context.Context) ([]provision.Connection, error) {
	all, err := a.provisions.Connections(ctx, a.env.ID)
	var out []provision.Connection
	for _, one := range all {
		if one.Type == "Slack" {
			out = append(out, one)
		}
	}
	return out, err
}

// secret reads the Client Secret, which is in no flag: every user of the machine can see those.
func (c slackToken) secret(std stdio, lines *bufio.Reader) (secret.Text, error) {
	if c.ClientSecretFile != "" {
		raw, err := os.ReadFile(c.ClientSecretFile)
		if err != nil {
			return secret.Text{}, fmt.Errorf("read the Client Secret: %w", err)
		}
		return secret.New(strings.TrimSpace(string(raw))), nil
	}
	if stdin := int(os.Stdin.Fd()); term.IsTerminal(stdin) {
		say(std.err, "Client Secret: ")
		raw, err := term.ReadPassword(stdin)
		say(std.err, "\n")
		return secret.New(strings.TrimSpace(string(raw))), err
	}
	line, err := lines.ReadString('\n')
	if line = strings.TrimSpace(line); line == "" {
		return secret.Text{}, errors.Join(errors.New("the Client Secret is needed, as the first line of stdin or with --client-secret-file"), ignoreEnd(err))
	}
	return secret.New(line), nil
}

func ignoreEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// wait answers what consent led back with: what the browser asked of the address on this machine, or what was pasted.
func (c slackToken) wait(ctx context.Context, std stdio, lines *bufio.Reader, page string, until time.Time) (provision.ConsentAnswer, error) {
	answers, failed := make(chan provision.ConsentAnswer, 2), make(chan error, 1)
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	asked, _ := url.Parse(page)
	state := asked.Query().Get("state")
	listens, err := c.listen(ctx, state, answers)
	if err != nil {
		return provision.ConsentAnswer{}, err
	}
	say(std.err, "The Slack app needs this redirect URL, exactly so:\n  %s\n\nOpen this page, and allow it as an owner, within ten minutes:\n  %s\n\n", c.RedirectURL, page)
	if listens {
		say(std.err, "The browser comes back here by itself. If it cannot, paste the address to which it was led:\n")
	} else {
		say(std.err, "The browser is led to an address where nobody answers. Paste that address here:\n")
	}
	go paste(lines, state, answers, failed, listens)
	select {
	case a := <-answers:
		return a, nil
	case err := <-failed:
		return provision.ConsentAnswer{}, err
	case <-ctx.Done():
		return provision.ConsentAnswer{}, errors.New("nobody consented within ten minutes; run the command again")
	}
}

// paste reads what was pasted: the whole address, or the code alone.
func paste(lines *bufio.Reader, state string, to chan<- provision.ConsentAnswer, failed chan<- error, listens bool) {
	for {
		line, err := lines.ReadString('\n')
		line = strings.TrimSpace(line)
		if u, wrong := url.Parse(line); wrong == nil && u.Scheme != "" && u.RawQuery != "" {
			to <- answerIn(u.Query())
			return
		}
		if line != "" {
			to <- provision.ConsentAnswer{State: state, Code: line}
			return
		}
		if err != nil {
			if !listens { // otherwise the browser may still come
				failed <- errors.New("no address was pasted; run the command again")
			}
			return
		}
	}
}

func answerIn(q url.Values) provision.ConsentAnswer {
	return provision.ConsentAnswer{State: q.Get("state"), Code: q.Get("code"), Error: q.Get("error")}
}

// listen waits for the browser, if the redirect URL is of this machine and without TLS. What has another state than the one that was given is
// passed over: any page can have the browser ask here, and must not end what goes on.
func (c slackToken) listen(ctx context.Context, state string, to chan<- provision.ConsentAnswer) (bool, error) {
	u, err := url.Parse(c.RedirectURL)
	if err != nil || u.Host == "" {
		return false, errors.New("--redirect-url is no address; write it as https://localhost/lockstep or http://127.0.0.1:8765/slack")
	}
	ip := net.ParseIP(u.Hostname())
	if u.Scheme != "http" || u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return false, nil
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+cmp.Or(u.Path, "/"), func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
		rw.Header().Set("Referrer-Policy", "no-referrer")
		rw.Header().Set("Cache-Control", "no-store")
		q := r.URL.Query()
		if subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(state)) != 1 {
			http.Error(rw, "This is no answer of Slack.", http.StatusBadRequest)
			return
		}
		_, _ = io.WriteString(rw, "Lockstep has the answer. Close this page and look at the terminal.\n")
		select {
		case to <- answerIn(q):
		default:
		}
	})
	if _, err := serveHandler(ctx, u.Host, mux); err != nil {
		return false, err
	}
	return true, nil
}

// finish lets the connection take the token over, and says what came of it.
func (c slackToken) finish(ctx context.Context, a *app, std stdio, bound string, saved *provision.Connection, got provision.Authorization) error {
	g := got.Tokens.Grant
	id, name := saved.ID, saved.Name
	switch {
	case c.Create != "":
		made, err := a.grants.Create(ctx, a.env.ID, bound, got.ID, provision.Connection{Name: c.Create, Type: "Slack"}, map[string]any{provision.KeyBaseURL: c.BaseURL})
		if err != nil {
			return err
		}
		id, name = made.ID, made.Name
	case got.Differs && !c.ConfirmWorkspace:
		_ = a.grants.Abandon(ctx, a.env.ID, bound, got.ID)
		return problem.New(problem.InvalidData, "the token is for %s, and the connection %s provisions %s: everybody would be created again there. Consent for %s, or run the command again with --confirm-workspace",
			g.Workspace.Name, saved.Name, got.Known.Name, got.Known.Name)
	case got.Differs:
		if _, err := a.grants.Confirm(ctx, a.env.ID, bound, got.ID); err != nil {
			return err
		}
	}
	if c.JSON {
		return printJSON(std.out, map[string]any{
			"connection": map[string]string{"id": id, "name": name}, "workspace": map[string]any{"id": g.Workspace.ID, "name": g.Workspace.Name, "organization": g.Workspace.Organization},
			"owner": g.Owner, "expires": !g.ExpiresAt.IsZero(),
		})
	}
	_, err := fmt.Fprintf(std.out, "The connection %s has a token of %s for %s. A running server uses it at once.\n", name, g.Owner, g.Workspace.Name)
	return err
}
