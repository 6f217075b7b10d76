// Package postgrestest gives tests real PostgreSQL databases, in a throw-away cluster that is started once a test process
// and ends with it.
package postgrestest

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver
)

var (
	start   sync.Once
	cluster *server
	failure error
	counter atomic.Int64
)

// server is a cluster that runs.
type server struct {
	folder, address string
	process         *exec.Cmd
}

// Main runs the tests of a package and stops the cluster, if one was started.
func Main(m *testing.M) int {
	code := m.Run()
	if cluster != nil {
		cluster.stop()
	}
	return code
}

// URL answers the address of a fresh, empty database. The package's TestMain must use Main.
func URL(t testing.TB) string {
	t.Helper()
	start.Do(func() { cluster, failure = run() })
	if failure != nil {
		t.Fatalf("start PostgreSQL: %v; `make setup` installs it", failure)
	}
	return cluster.database(t)
}

// Cluster is a PostgreSQL server of a test's own, which may be killed.
type Cluster struct{ server *server }

// Start starts a cluster for one test.
func Start(t testing.TB) *Cluster {
	t.Helper()
	s, err := run()
	if err != nil {
		t.Fatalf("start PostgreSQL: %v; `make setup` installs it", err)
	}
	c := &Cluster{s}
	t.Cleanup(c.server.stop)
	return c
}

// URL answers the address of a fresh, empty database.
func (c *Cluster) URL(t testing.TB) string {
	t.Helper()
	return c.server.database(t)
}

// Crash stops the server immediately: every connection breaks, and the next start recovers from the log.
func (c *Cluster) Crash(t testing.TB) {
	t.Helper()
	if err := c.server.process.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	_ = c.server.process.Wait()
}

// Restart starts the server again, at the same address, and waits until it answers.
func (c *Cluster) Restart(t testing.TB) {
	t.Helper()
	old := c.server.process
	c.server.process = exec.Command(old.Path, old.Args[1:]...)
	c.server.process.SysProcAttr, c.server.process.Dir = old.SysProcAttr, old.Dir
	if err := c.server.process.Start(); err != nil {
		t.Fatal(err)
	}
	if err := c.server.ready(); err != nil {
		t.Fatal(err)
	}
}

func (s *server) database(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test%d", counter.Add(1))
	db, err := sql.Open("pgx", s.url("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(context.Background(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return s.url(name)
}

func (s *server) url(database string) string {
	return "postgres://postgres@" + s.address + "/" + database + "?sslmode=disable"
}

func (s *server) stop() {
	_ = s.process.Process.Signal(syscall.SIGINT) // fast shutdown
	_ = s.process.Wait()
	_ = os.RemoveAll(s.folder)
}

func run() (*server, error) {
	initdb, err := find("initdb")
	if err != nil {
		return nil, err
	}
	postgres, err := find("postgres")
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "lockstep-postgres-")
	if err != nil {
		return nil, err
	}
	attributes, err := unprivileged(folder)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(folder, "data")
	init := exec.Command(initdb, "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C.UTF-8")
	init.SysProcAttr, init.Dir = attributes, folder
	if out, err := init.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s := &server{folder: folder, address: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}
	s.process = exec.Command(postgres, "-D", data, "-h", "127.0.0.1", "-p", strconv.Itoa(port), "-k", folder,
		"-c", "fsync=off", "-c", "max_connections=300", "-c", "log_min_messages=fatal")
	s.process.SysProcAttr, s.process.Dir = attributes, folder
	if err := s.process.Start(); err != nil {
		return nil, err
	}
	return s, s.ready()
}

// ready waits until the server answers.
func (s *server) ready() error {
	db, err := sql.Open("pgx", s.url("postgres"))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	deadline := time.Now().Add(30 * time.Second)
	for {
		if err = db.PingContext(context.Background()); err == nil || time.Now().After(deadline) {
			return err
		}
		<-time.After(20 * time.Millisecond)
	}
}

func find(name string) (string, error) {
	matches, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if len(matches) > 0 {
		return matches[len(matches)-1], nil
	}
	return exec.LookPath(name)
}

// unprivileged makes the server run as somebody else than root, which it refuses, and end with the test process.
func unprivileged(folder string) (*syscall.SysProcAttr, error) {
	attributes := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Getuid() != 0 {
		return attributes, nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		if account, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}
	uid, _ := strconv.ParseUint(account.Uid, 10, 32)
	gid, _ := strconv.ParseUint(account.Gid, 10, 32)
	attributes.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return attributes, os.Chown(folder, int(uid), int(gid))
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port, nil //nolint:forcetypeassert // TCP
}
