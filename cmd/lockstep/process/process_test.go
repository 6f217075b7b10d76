// Package process_test runs Lockstep as people run it, in processes of their own, and kills them: at random moments, again and
// again, with edits going on. It is about what no test inside one process can show: that nothing which matters lives in memory.
//
// What is edited and when it is killed follows from a seed, which every test prints: go test ./cmd/lockstep/process -seed 7
package process_test

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"lockstep/internal/postgrestest"
)

var seed = flag.Uint64("seed", 1, "what is edited, and when it is killed")

func TestMain(m *testing.M) {
	code := postgrestest.Main(m)
	if folder != "" {
		_ = os.RemoveAll(folder)
	}
	os.Exit(code)
}

var (
	building sync.Once
	folder   string
	failure  error
)

// program builds Lockstep, once.
func program(t *testing.T) string {
	t.Helper()
	building.Do(func() {
		if folder, failure = os.MkdirTemp("", "lockstep-process-"); failure != nil {
			return
		}
		out, err := exec.Command("go", "build", "-o", filepath.Join(folder, "lockstep"), "lockstep/cmd/lockstep").CombinedOutput()
		if err != nil {
			failure = fmt.Errorf("%w: %s", err, out)
		}
	})
	must(t, failure)
	return filepath.Join(folder, "lockstep")
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// chance answers the test's source of chance, and says which it is.
func chance(t *testing.T, stream uint64) *rand.Rand {
	t.Helper()
	if stream == 0 {
		t.Logf("seed %d", *seed)
	}
	return rand.New(rand.NewPCG(*seed, stream))
}

// eventually waits for something, without waiting longer than it takes.
func eventually(t *testing.T, within time.Duration, what string, done func() bool) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(within)
	for !done() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("not within %s: %s", within, what)
		}
	}
}

// server is a replica: a process that is started again and again at the same address.
type server struct {
	t       *testing.T
	name    string
	flags   []string
	data    string
	address string
	log     string
	starts  times // from exec to the first 200 of /readyz

	mu      sync.Mutex // guards the process: a trap kills it from another goroutine
	command *exec.Cmd
	exited  chan struct{}
}

// newServer does not start it.
func newServer(t *testing.T, name string, flags ...string) *server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	s := &server{t: t, name: name, address: listener.Addr().String(), log: filepath.Join(t.TempDir(), name+".log")}
	must(t, listener.Close())
	s.flags = append([]string{"serve", "--allow-private-targets", "--listen=" + s.address}, flags...)
	for _, f := range flags {
		if folder, ok := strings.CutPrefix(f, "--data="); ok {
			s.data = folder
		}
	}
	t.Cleanup(func() {
		if t.Failed() {
			s.dump()
		}
		s.kill()
		if raw, err := os.ReadFile(s.log); err == nil && t.Failed() {
			t.Logf("the log of %s ends:\n%s", name, raw[max(0, len(raw)-30_000):])
		}
	})
	return s
}

// spawn starts the process and answers its first line; the channel is closed when it ends.
func (s *server) spawn() <-chan string {
	s.t.Helper()
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(s.t, err)
	defer func() { _ = log.Close() }()
	c := exec.Command(program(s.t), s.flags...)
	c.Stderr = log
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // it does not outlive the test
	out, err := c.StdoutPipe()
	must(s.t, err)
	must(s.t, c.Start())
	exited := make(chan struct{})
	s.mu.Lock()
	s.command, s.exited = c, exited
	s.mu.Unlock()
	first := make(chan string, 1)
	go func() {
		reader := bufio.NewReader(out)
		if line, err := reader.ReadString('\n'); err == nil {
			first <- line
		}
		_, _ = io.Copy(io.Discard, reader)
		_ = c.Wait()
		close(exited)
		close(first)
	}()
	return first
}

// start starts it and waits until it is ready.
func (s *server) start() {
	s.t.Helper()
	began := time.Now()
	line, alive := <-s.spawn()
	if !alive {
		raw, _ := os.ReadFile(s.log)
		s.t.Fatalf("%s does not start:\n%s", s.name, raw)
	}
	if want := "listening on http://" + s.address; strings.TrimSpace(line) != want {
		s.t.Fatalf("%s says %q, want %q", s.name, line, want)
	}
	eventually(s.t, time.Minute, s.name+" is ready", s.ready)
	s.starts = append(s.starts, time.Since(began))
}

var prober = &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

func (s *server) ready() bool {
	response, err := prober.Get("http://" + s.address + "/readyz")
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// kill is kill -9; nothing happens if it does not run.
func (s *server) kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.command != nil {
		_ = s.command.Process.Kill()
		<-s.exited
	}
}

// dump lets the process, if it runs, write into its log what each goroutine does, and end.
func (s *server) dump() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.command == nil || s.command.Process.Signal(syscall.SIGQUIT) != nil {
		return
	}
	select {
	case <-s.exited:
	case <-time.After(5 * time.Second):
	}
}

// terminate is SIGTERM; it answers how long the process took to end, which it must do with 0.
func (s *server) terminate() time.Duration {
	s.t.Helper()
	began := time.Now()
	must(s.t, s.command.Process.Signal(syscall.SIGTERM))
	select {
	case <-s.exited:
	case <-time.After(20 * time.Second):
		s.t.Fatalf("%s does not end after SIGTERM", s.name)
	}
	if code := s.command.ProcessState.ExitCode(); code != 0 {
		s.t.Errorf("%s ends with %d after SIGTERM", s.name, code)
	}
	return time.Since(began)
}

// times are measured, and shown as a distribution.
type times []time.Duration

func (d times) at(share float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(d))
	return sorted[min(len(sorted)-1, int(share*float64(len(sorted))))]
}

func (d times) String() string {
	round := func(share float64) time.Duration { return d.at(share).Round(time.Millisecond) }
	return fmt.Sprintf("n %d, p50 %s, p90 %s, p99 %s, max %s", len(d), round(0.5), round(0.9), round(0.99), round(1))
}
