package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"lockstep/access"
	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/provision"
	sandbox "lockstep/sandbox/slack"
)

type sandboxCommand struct {
	Slack slackSandbox `cmd:"" help:"Run a simulated Slack workspace."`
}

type slackSandbox struct {
	Listen    string        `help:"Address to listen on." default:"127.0.0.1:8021" env:"LOCKSTEP_SANDBOX_LISTEN"`
	Token     string        `help:"Token that clients must send." default:"xoxp-sandbox" env:"LOCKSTEP_SANDBOX_TOKEN"`
	TimeScale float64       `help:"Rate limits run this many times faster; 0 = no limits." default:"1" env:"LOCKSTEP_SANDBOX_TIME_SCALE"`
	Latency   time.Duration `help:"Time that every request takes; a write holds its member or group meanwhile." env:"LOCKSTEP_SANDBOX_LATENCY"`

	Enterprise bool `help:"Be an Enterprise organisation, with guests and groups of up to 15,000 members." env:"LOCKSTEP_SANDBOX_ENTERPRISE"`
}

// Run serves the workspace until the process is told to stop.
func (c slackSandbox) Run(ctx context.Context, std stdio) error {
	workspace := sandbox.New(sandbox.Options{Token: c.Token, TimeScale: scale(c.TimeScale), Latency: c.Latency, Enterprise: c.Enterprise})
	url, err := serveHandler(ctx, c.Listen, workspace)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(std.out, "listening on "+url); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

func scale(s float64) float64 {
	if s == 0 {
		return -1
	}
	return s
}

// serveHandler serves until ctx ends.
func serveHandler(ctx context.Context, listen string, h http.Handler) (string, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", listen)
	if err != nil {
		return "", fmt.Errorf("listen on %s: %w", listen, err)
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }()
	context.AfterFunc(ctx, func() { _ = server.Close() })
	return "http://" + listener.Addr().String(), nil
}

// newBar draws a bar on a terminal, and nothing elsewhere.
func newBar(w io.Writer, total int64, label string) func(done int64) {
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return func(int64) {}
	}
	bar := progressbar.NewOptions64(total, progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(label),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(), progressbar.OptionFullWidth())
	return func(done int64) { _ = bar.Set64(done) }
}

type clientCommand struct {
	Create clientCreate `cmd:"" help:"Create an API client; its secret is shown once."`
}

type clientCreate struct {
	where
	Name string `help:"Name of the client." required:""`
	Role string `help:"Environment Admin, Identity Data Admin or Read Only." default:"Environment Admin"`
	JSON bool   `help:"Print JSON."`
}

// Run creates a client.
func (c clientCreate) Run(ctx context.Context, std stdio) error {
	a, err := c.open(ctx, false, false, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { _ = a.close() }()
	role, err := access.ParseRole(c.Role)
	if err != nil {
		return err
	}
	ctx = directory.WithOrigin(ctx, directory.Origin{Actor: directory.Actor{Type: "SYSTEM", ID: "cli", Name: "lockstep client create"}})
	client, secret, err := a.access.CreateClient(ctx, a.env.ID, c.Name, role)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(std.out, map[string]string{"environment_id": a.env.ID, "client_id": client.ID, "client_secret": secret.Reveal()})
	}
	_, err = fmt.Fprintf(std.out, "environment id  %s\nclient id       %s\nclient secret   %s\n", a.env.ID, client.ID, secret.Reveal())
	return err
}

type statusCommand struct {
	where
	Watch bool `help:"Follow it until nothing is due."`
	JSON  bool `help:"Print JSON."`
}

// ruleLine is one rule's status, for people and programs.
type ruleLine struct {
	ID      string               `json:"id"`
	Name    string               `json:"name"`
	State   provision.RuleState  `json:"state"`
	Users   map[string]int64     `json:"users"`
	Groups  map[string]int64     `json:"groups"`
	Details string               `json:"details,omitempty"`
	status  provision.RuleStatus // for the bar
}

func (a *app) ruleLines(ctx context.Context) ([]ruleLine, error) {
	rules, err := a.provisions.Rules(ctx, a.env.ID)
	if err != nil {
		return nil, err
	}
	out := make([]ruleLine, 0, len(rules))
	for _, rule := range rules {
		s, err := a.engine.Status(ctx, a.env.ID, rule.ID)
		if err != nil {
			return nil, err
		}
		out = append(out, ruleLine{ID: rule.ID, Name: rule.Name, State: s.State, Details: s.Details, status: s, Users: counted(s.Users), Groups: counted(s.Groups)})
	}
	return out, nil
}

// Run shows the status.
func (c statusCommand) Run(ctx context.Context, std stdio) error {
	a, err := c.open(ctx, false, false, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { _ = a.close() }()
	if c.Watch {
		if err := a.follow(ctx, std); err != nil {
			return err
		}
	}
	lines, err := a.ruleLines(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(std.out, map[string]any{"rules": lines})
	}
	return printLines(std.out, lines)
}

func counted(c provision.Counts) map[string]int64 {
	return map[string]int64{
		"impacted": c.Impacted, "success": c.Success, "unsynced": c.Unsynced, "partial": c.Partial, "failed": c.Failed, "pending": c.Pending,
	}
}

func printLines(w io.Writer, lines []ruleLine) error {
	if len(lines) == 0 {
		_, err := fmt.Fprintln(w, "There is no rule yet; create one through the API.")
		return err
	}
	for _, l := range lines {
		u := l.status.Users
		if _, err := fmt.Fprintf(w, "%-24s %-9s impacted %d  success %d  unsynced %d  partial %d  failed %d  pending %d\n",
			l.Name, l.State, u.Impacted, u.Success, u.Unsynced, u.Partial, u.Failed, u.Pending); err != nil {
			return err
		}
		if g := l.status.Groups; g != (provision.Counts{}) {
			if _, err := fmt.Fprintf(w, "%-34s groups    %d  success %d  unsynced %d  partial %d  failed %d  pending %d\n",
				"", g.Impacted, g.Success, g.Unsynced, g.Partial, g.Failed, g.Pending); err != nil {
				return err
			}
		}
		if l.Details != "" {
			if _, err := fmt.Fprintln(w, "  "+l.Details); err != nil {
				return err
			}
		}
	}
	return nil
}

// follow waits until no rule syncs, and draws a bar meanwhile.
func (a *app) follow(ctx context.Context, std stdio) error {
	var bar func(int64)
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		lines, err := a.ruleLines(ctx)
		if err != nil {
			return err
		}
		var done, total int64
		busy := false
		for _, l := range lines {
			done, total = done+l.status.Progress.Done, total+l.status.Progress.Total
			busy = busy || l.State == provision.StateSyncing
		}
		if !busy {
			return nil
		}
		if bar == nil && total > 0 {
			bar = newBar(std.err, total, "syncing")
		}
		if bar != nil {
			bar(min(done, total))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

type syncCommand struct {
	where
	Rule string `help:"Name or id of one rule; without it, all."`
	JSON bool   `help:"Print JSON."`
}

// Run asks for a full reconciliation and follows it. The server does the work.
func (c syncCommand) Run(ctx context.Context, std stdio) error {
	a, err := c.open(ctx, false, false, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { _ = a.close() }()
	ctx = directory.WithOrigin(ctx, directory.Origin{Actor: directory.Actor{Type: "SYSTEM", ID: "cli", Name: "lockstep sync"}})
	rules, err := a.provisions.Rules(ctx, a.env.ID)
	if err != nil {
		return err
	}
	found := false
	for _, rule := range rules {
		if c.Rule == "" || c.Rule == rule.ID || c.Rule == rule.Name {
			found = true
			if err := a.engine.Resync(ctx, a.env.ID, rule.ID); err != nil {
				return err
			}
		}
	}
	if !found {
		return problem.New(problem.NotFound, "there is no such rule; lockstep status lists them")
	}
	if err := a.follow(ctx, std); err != nil {
		return err
	}
	lines, err := a.ruleLines(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(std.out, map[string]any{"rules": lines})
	}
	return printLines(std.out, lines)
}
