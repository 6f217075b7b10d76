package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/google/uuid"

	"lockstep/access"
	"lockstep/api"
	"lockstep/connector/all"
	"lockstep/console"
	"lockstep/directory"
	"lockstep/engine"
	"lockstep/internal/outbound"
	"lockstep/internal/secret"
	"lockstep/provision"
	"lockstep/schedule"
	"lockstep/store"
)

// where says where things are kept.
type where struct {
	Data     string `help:"Folder for the database and the key file." default:"data" type:"path"`
	Database string `help:"PostgreSQL URL (postgres://user:password@host/name); without it, SQLite in the data folder." placeholder:"URL"`
	Keys     string `help:"Key file that seals secrets; without it, keys.json in the data folder." type:"path" placeholder:"FILE"`
}

const callTimeout = 30 * time.Second // of one request to a target

// app is the program's parts, wired.
type app struct {
	db         *store.DB
	people     *directory.Service
	provisions *provision.Service
	access     *access.Service
	catalogue  *all.Catalogue
	engine     *engine.Engine
	env        directory.Environment
	unlock     func()
	schedule   *schedule.Schedule
	metrics    *metrics
}

// open opens the store and wires the services. exclusive makes sure that no other process runs a server on the same SQLite file.
func (w where) open(ctx context.Context, exclusive, allowPrivate bool, logger *slog.Logger) (*app, error) {
	a := &app{unlock: func() {}, catalogue: all.NewCatalogue(), metrics: newMetrics()}
	if err := os.MkdirAll(w.Data, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	owner := ""
	if exclusive {
		unlock, err := lock(filepath.Join(w.Data, "lockstep.lock"))
		switch {
		case err == nil:
			a.unlock = unlock
			if owner, err = ownerOf(w.Data); err != nil {
				return nil, errors.Join(err, a.close())
			}
		case w.Database == "":
			return nil, err
		}
		// Several servers on PostgreSQL may share a folder; each but one is a stranger to its earlier leases.
	}
	keys := w.Keys
	if keys == "" {
		keys = filepath.Join(w.Data, "keys.json")
	}
	ring, err := secret.LoadRing(keys)
	if err != nil {
		return nil, errors.Join(err, a.close())
	}
	a.db, err = store.Open(ctx, store.Options{Path: filepath.Join(w.Data, "lockstep.db"), PostgresURL: w.Database, Ring: ring})
	if err != nil {
		return nil, errors.Join(err, a.close())
	}
	a.engine = engine.New(engine.Config{
		Store: a.db, Types: all.Types(), Client: outbound.Client(allowPrivate, callTimeout), Logger: logger, Owner: owner,
		Observer: a.metrics,
		Wanted: func(envID string) {
			if a.schedule != nil {
				a.schedule.Wanted(envID)
			}
		},
		Announce: a.db.Announce,
	})
	a.people = directory.NewService(a.db, directory.Options{InUse: a.engine.AttributeUse, Wake: func(envID string) {
		a.metrics.edits.Inc()
		a.engine.Wake(envID)
	}})
	a.provisions = provision.NewService(a.db, provision.Deps{
		Catalogue: a.catalogue, Checker: engine.Checker{Schema: a.people.Schema}, Wake: a.engine.Refresh,
	})
	a.access = access.NewService(a.db, nil)
	if a.env, err = a.people.Setup(ctx, "Default"); err != nil {
		return nil, errors.Join(err, a.close())
	}
	return a, nil
}

func (a *app) close() error {
	var err error
	if a.db != nil {
		err = a.db.Close()
	}
	a.unlock()
	return err
}

// lock takes a file lock that the system releases when the process ends, however it ends.
func lock(path string) (func(), error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // in the operator's data folder
	if err != nil {
		return nil, fmt.Errorf("open the lock file: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close()
		return nil, errors.New("another Lockstep server runs on this data folder; stop it first, or use PostgreSQL for several servers")
	}
	return func() { _ = file.Close() }, nil
}

// ownerOf is the name under which this folder's server holds leases: after a crash it takes its own back at once.
func ownerOf(data string) (string, error) {
	path := filepath.Join(data, "owner")
	raw, err := os.ReadFile(path) //nolint:gosec // in the operator's data folder
	if id := strings.TrimSpace(string(raw)); err == nil && id != "" {
		return id, nil
	}
	id := uuid.NewString()
	if err := os.WriteFile(path, []byte(id+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("keep the server's name: %w", err)
	}
	return id, nil
}

type serveCommand struct {
	where
	Listen              string        `help:"Address to listen on." default:"127.0.0.1:8020"`
	ExternalURL         string        `help:"Address under which clients reach the server, when a proxy stands before it." placeholder:"URL"`
	AllowPrivateTargets bool          `help:"Let connections call private and loopback addresses."`
	Reconcile           time.Duration `help:"Time between full reconciliations of each connection; 0 = never." default:"24h"`
	MetricsListen       string        `help:"Address at which Prometheus may read /metrics, without sign-in; without it, nowhere." placeholder:"ADDRESS"`
	Drain               time.Duration `help:"Time that /readyz says no before the door is closed, for a load balancer to notice."`
	Verbose             bool          `help:"Log each request."`
}

// Run serves until the process is told to stop.
func (c serveCommand) Run(ctx context.Context, std stdio) error {
	if err := checkExternalURL(c.ExternalURL); err != nil {
		return err
	}
	level := slog.LevelInfo
	if c.Verbose {
		level = slog.LevelDebug
	}
	logger := slog.New(slog.NewTextHandler(std.err, &slog.HandlerOptions{Level: level}))
	a, err := c.open(ctx, true, c.AllowPrivateTargets, logger)
	if err != nil {
		return err
	}
	defer func() { _ = a.close() }()
	if c.MetricsListen != "" {
		if err := a.serveMetrics(ctx, c.MetricsListen, logger); err != nil {
			return err
		}
	}
	s, err := a.serve(ctx, c.Listen, c.ExternalURL, c.Reconcile, logger)
	if err != nil {
		return err
	}
	if err := a.invite(ctx, std.err, cmp.Or(c.ExternalURL, s.url)); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(std.out, "listening on "+s.url); err != nil {
		return err
	}
	s.drain = c.Drain
	return s.wait(ctx)
}

// checkExternalURL refuses what would make links that lead nowhere, and session cookies that are not kept to TLS.
func checkExternalURL(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" ||
		!strings.HasPrefix(text, u.Scheme+"://") {
		return errors.New("--external-url is no address of a server; write it as https://lockstep.example.com")
	}
	return nil
}

// invite shows the one-time link by which the first administrator is made, while there is none. The token stands behind #, where no
// proxy and no access log sees it.
func (a *app) invite(ctx context.Context, w io.Writer, url string) error {
	needed, err := a.access.SetupNeeded(ctx)
	if err != nil || !needed {
		return err
	}
	token, err := a.access.Invite(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "No administrator exists yet. To create the first one, open this link within a day; it works once:\n  %s%ssetup#%s\n",
		strings.TrimSuffix(url, "/"), console.Base, token.Reveal())
	return err
}

// serving is a server that answers.
type serving struct {
	app     *app
	url     string
	http    *http.Server
	drain   time.Duration
	leaving chan struct{} // closed when nobody should come any more
	closing chan struct{} // closed when those who stay for long must go
	failed  chan error
}

func (a *app) serve(ctx context.Context, listen, externalURL string, reconcile time.Duration, logger *slog.Logger) (*serving, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", listen, err)
	}
	a.schedule, err = schedule.Start(ctx, schedule.Config{
		Engine: a.engine, Store: a.db, Logger: slog.New(quiet{logger.Handler()}), Reconcile: reconcile, Expire: a.access.Expire, Sweep: a.people.SweepAttributes,
	})
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	pages, err := console.New()
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	s := &serving{
		app: a, url: "http://" + listener.Addr().String(), leaving: make(chan struct{}), closing: make(chan struct{}), failed: make(chan error, 1),
	}
	go a.db.Heed(ctx, func(envID string) { a.engine.Heard(envID) })
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", pages)
	mux.Handle(console.Base, pages)
	mux.Handle("/", api.New(api.Config{
		Directory: a.people, Provision: a.provisions, Access: a.access, Catalogue: a.catalogue, Engine: a.engine, Log: a.db, Logger: logger,
		ExternalURL: externalURL, Version: version, Closing: s.closing, Observe: a.metrics.answered, Ready: []api.Check{
			{Name: "server", Run: s.staying, Wrong: "the server stops"},
			{Name: "database", Run: s.reachable, Wrong: "the database does not answer; the server's log says why"},
			{Name: "runner", Run: func(context.Context) error { return a.schedule.Alive() }, Wrong: "nobody sees to the connections; the server's log says why. If it stays like this, restart the server"},
		},
	}))
	s.http = &http.Server{
		Handler: s.outgoing(mux), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, WriteTimeout: 2 * time.Minute, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
	go func() { s.failed <- s.http.Serve(listener) }()
	return s, nil
}

const (
	grace        = 10 * time.Second // for calls in flight
	requestGrace = 2 * time.Second  // of it, before the runners stop: a request may wait for one
	readyGrace   = 2 * time.Second  // a database that answers later does not answer
)

// staying fails once nobody should be sent here any more.
func (s *serving) staying(context.Context) error {
	select {
	case <-s.leaving:
		return errors.New("the server stops")
	default:
		return nil
	}
}

// reachable fails when the database does not answer soon.
func (s *serving) reachable(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyGrace)
	defer cancel()
	return s.app.db.Ping(ctx)
}

// outgoing ends each client's connection with its next answer once the server is about to stop: a connection that is closed while
// a request is on its way costs an error.
func (s *serving) outgoing(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-s.leaving:
			w.Header().Set("Connection", "close")
		default:
		}
		h.ServeHTTP(w, r)
	})
}

// wait serves until ctx ends, then stops: nobody is sent here any more, no new requests, calls in flight finish, leases are
// given back.
func (s *serving) wait(ctx context.Context) error {
	select {
	case err := <-s.failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	close(s.leaving)
	if s.drain > 0 {
		<-time.After(s.drain)
	}
	close(s.closing)
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	shut := make(chan error, 1)
	go func() { shut <- s.http.Shutdown(stopping) }()
	var err error
	select {
	case err = <-shut:
		shut <- nil
	case <-time.After(requestGrace): // one slow request does not keep the runners from ending well
	}
	err = errors.Join(err, s.app.schedule.Stop(stopping), <-shut)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil // what was cut off is due still
	}
	return err
}

// quiet keeps the job queue's everyday remarks out of the log.
type quiet struct{ slog.Handler }

// Enabled implements slog.Handler.
func (q quiet) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && q.Handler.Enabled(ctx, level)
}

// Handle implements slog.Handler. What fails because the program is ending is no failure.
func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	if ctx.Err() == nil {
		return q.Handler.Handle(ctx, r)
	}
	return nil
}
