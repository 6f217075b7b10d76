// Command bench measures the whole program: it builds ./cmd/lockstep, runs it as an administrator would against a simulated
// Slack workspace, and prints a table. `make bench` runs it; with -write it is kept in docs/performance.md.
//
// The workspace runs in this process, so that what arrives at the target is timed where it arrives. Server and workspace share
// the machine: the times are those of both.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
)

func main() {
	only := flag.String("run", "", "measure only the works whose name matches this `expression`")
	big := flag.Bool("big", false, "also with a million people (needs half an hour and 3 GB of disk)")
	write := flag.String("write", "", "put the table into this `file`, between its markers")
	binary := flag.String("binary", "", "measure this `program` instead of building one")
	postgres := flag.String("database", "", "a PostgreSQL `URL` with an empty database; default SQLite")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := measure(ctx, *only, *binary, *postgres, *write, *big)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func measure(ctx context.Context, only, binary, postgres, write string, big bool) error {
	pattern, err := regexp.Compile(only)
	if err != nil {
		return fmt.Errorf("-run: %w", err)
	}
	dir, err := os.MkdirTemp("", "lockstep-bench-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if binary == "" {
		binary = filepath.Join(dir, "lockstep")
		if out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/lockstep").CombinedOutput(); err != nil { //nolint:gosec // our own program
			return fmt.Errorf("build the program: %w\n%s", err, out)
		}
	}
	b := &bench{ctx: ctx, dir: dir, binary: binary, postgres: postgres}
	var rows []row
	for _, w := range works {
		if !pattern.MatchString(w.name) || w.big && !big {
			continue
		}
		fmt.Fprintf(os.Stderr, "%s ... ", w.name)
		measured, err := w.do(b)
		err = errors.Join(err, b.end())
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		fmt.Fprintln(os.Stderr, measured.text)
		rows = append(rows, row{w, measured})
	}
	text := table(rows) + growths(rows)
	_, _ = os.Stdout.WriteString(text)
	if write != "" {
		return keep(write, text)
	}
	return nil
}

// work is one line of the table.
type work struct {
	name   string
	target string // what is to be reached
	big    bool
	growth growth
	do     func(*bench) (figures, error)
}

// growth says of which work this one is a size. The zero value: it is measured at one size.
type growth struct {
	of     string
	people int
}

// figures is what was measured: in words, and the cost by which it grows.
type figures struct {
	text string
	cost time.Duration
}

type row struct {
	work work
	figures
}

func table(rows []row) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured %s on %s.\n\n| work | to reach | measured |\n| --- | --- | --- |\n", time.Now().UTC().Format(time.DateOnly), machine())
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", r.work.name, r.work.target, r.text)
	}
	return b.String()
}

// growths shows what becomes of the cost when there are more people. The slope is that of the line between the smallest and the
// largest in a diagram whose axes are logarithmic: 0 is a cost that does not grow, 1 one that grows as the people do.
func growths(rows []row) string {
	var b strings.Builder
	b.WriteString("\n| cost | fewest people | most people | slope |\n| --- | --- | --- | --- |\n")
	for first, r := range rows {
		same := func(o row) bool { return o.work.growth.of == r.work.growth.of }
		if r.work.growth.of == "" || slices.IndexFunc(rows, same) != first {
			continue
		}
		last := r
		for _, o := range rows {
			if same(o) && o.work.growth.people > last.work.growth.people {
				last = o
			}
		}
		if last.work.growth.people == r.work.growth.people {
			continue
		}
		slope := math.Log(float64(last.cost)/float64(r.cost)) / math.Log(float64(last.work.growth.people)/float64(r.work.growth.people))
		fmt.Fprintf(&b, "| %s | %d: %s | %d: %s | %.2f |\n", r.work.growth.of, r.work.growth.people, round(r.cost), last.work.growth.people, round(last.cost), slope)
	}
	return b.String()
}

func round(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%.1f ms", ms(d))
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}

// machine names what was measured on.
func machine() string {
	model := ""
	raw, _ := os.ReadFile("/proc/cpuinfo") // elsewhere than on Linux the name is missing
	for line := range strings.Lines(string(raw)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	return fmt.Sprintf("%d cores (%s), %s/%s, %s", runtime.NumCPU(), cmp.Or(model, "processor unknown"), runtime.GOOS, runtime.GOARCH, runtime.Version())
}

const begins, ends = "<!-- bench: begin -->\n", "<!-- bench: end -->"

// keep replaces what stands between the markers of a page.
func keep(file, text string) error {
	raw, err := os.ReadFile(file) //nolint:gosec // the operator names the page
	if err != nil {
		return fmt.Errorf("read the page: %w", err)
	}
	before, rest, ok := strings.Cut(string(raw), begins)
	_, after, found := strings.Cut(rest, ends)
	if !ok || !found {
		return fmt.Errorf("%s has no lines %q and %q", file, strings.TrimSpace(begins), ends)
	}
	return os.WriteFile(file, []byte(before+begins+text+ends+after), 0o644) //nolint:gosec // a page of documentation
}
