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
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus/promhttp"

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
}

// open opens the store and wires the services. exclusive makes sure that no other process runs a server on the same SQLite file.
func (w where) open(ctx context.Context, exclusive, allowPrivate bool, logger *slog.Logger) (*app, error) {
	a := &app{unlock: func() {}, catalogue: all.NewCatalogue()}
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
		Wanted: func(envID string) {
			if a.schedule != nil {
				a.schedule.Wanted(envID)
			}
		},
	})
	a.people = directory.NewService(a.db, directory.Options{Wake: a.engine.Wake})
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
	Verbose             bool          `help:"Log each request."`
}

// Run serves until the process is told to stop.
func (c serveCommand) Run(ctx context.Context, std stdio) error {
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
	return s.wait(ctx)
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
	closing chan struct{}
	failed  chan error
}

func (a *app) serve(ctx context.Context, listen, externalURL string, reconcile time.Duration, logger *slog.Logger) (*serving, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", listen, err)
	}
	a.schedule, err = schedule.Start(ctx, schedule.Config{
		Engine: a.engine, Store: a.db, Logger: slog.New(quiet{logger.Handler()}), Reconcile: reconcile, Expire: a.access.Expire,
	})
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	pages, err := console.New()
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	s := &serving{app: a, url: "http://" + listener.Addr().String(), closing: make(chan struct{}), failed: make(chan error, 1)}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.Handler())
	mux.Handle("GET /{$}", pages)
	mux.Handle(console.Base, pages)
	mux.Handle("/", api.New(api.Config{
		Directory: a.people, Provision: a.provisions, Access: a.access, Catalogue: a.catalogue, Engine: a.engine, Log: a.db, Logger: logger,
		ExternalURL: externalURL, Ready: a.db.Ping, Version: version, Closing: s.closing,
	}))
	s.http = &http.Server{
		Handler: mux, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, WriteTimeout: 2 * time.Minute, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
	go func() { s.failed <- s.http.Serve(listener) }()
	return s, nil
}

const grace = 10 * time.Second // for calls in flight

// wait serves until ctx ends, then stops: no new requests, calls in flight finish, leases are given back.
func (s *serving) wait(ctx context.Context) error {
	select {
	case err := <-s.failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	close(s.closing)
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	err := s.http.Shutdown(stopping)
	if stopped := s.app.schedule.Stop(stopping); stopped != nil && !errors.Is(stopped, context.DeadlineExceeded) {
		err = errors.Join(err, stopped)
	}
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
