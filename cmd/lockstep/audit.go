package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"lockstep/audit"
	"lockstep/directory"
)

type auditCommand struct {
	Verify auditVerify `cmd:"" help:"Prove that the activity log is whole: no line changed, taken out, put in or moved."`
	Export auditExport `cmd:"" help:"Write the activity log as JSON lines or CSV, oldest first."`
	Head   auditHead   `cmd:"" help:"Show the newest line's number and link, signed: kept elsewhere, it proves later that nothing was cut off."`
	Reseal auditReseal `cmd:"" help:"Take the log for whole as it is, after the key file was replaced. The log says so."`
}

// errNotWhole makes the command's exit code say it too.
var errNotWhole = errors.New("the activity log is not whole")

type auditVerify struct {
	where
	Head []string `help:"A head that was kept elsewhere (lockstep audit head --json); may be given several times." type:"existingfile" placeholder:"FILE"`
	File string   `help:"Prove this export (JSON lines) instead of the database; nothing else is needed for that." type:"existingfile" placeholder:"FILE"`
	JSON bool     `help:"Print JSON."`
}

// Run verifies.
func (c auditVerify) Run(ctx context.Context, std stdio) error {
	heads, err := readHeads(c.Head)
	if err != nil {
		return err
	}
	var reports []audit.Report
	if c.File != "" {
		reports, err = verifyFile(c.File, heads)
	} else {
		reports, err = c.database(ctx, std, heads)
	}
	if err != nil {
		return err
	}
	whole := true
	for _, r := range reports {
		whole = whole && r.Whole
	}
	if c.JSON {
		err = printJSON(std.out, map[string]any{"whole": whole, "logs": reports})
	} else {
		err = printReports(std.out, reports)
	}
	if err == nil && !whole {
		err = errNotWhole
	}
	return err
}

func readHeads(files []string) ([]audit.SignedHead, error) {
	var out []audit.SignedHead
	for _, name := range files {
		raw, err := os.ReadFile(name) //nolint:gosec // the operator names the file
		if err != nil {
			return nil, fmt.Errorf("read the head: %w", err)
		}
		// A file may hold the heads of several environments, one a line.
		for line := range strings.Lines(string(raw)) {
			if strings.TrimSpace(line) == "" {
				continue
			}
			h, err := audit.ReadHead([]byte(line))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			out = append(out, h)
		}
	}
	return out, nil
}

func verifyFile(name string, heads []audit.SignedHead) ([]audit.Report, error) {
	file, err := os.Open(name) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("read the export: %w", err)
	}
	defer func() { _ = file.Close() }()
	known := make([]audit.Head, len(heads))
	for i := range heads {
		known[i] = heads[i].Head
	}
	report, err := audit.VerifyFile(file, known)
	return []audit.Report{report}, err
}

func (c auditVerify) database(ctx context.Context, std stdio, heads []audit.SignedHead) ([]audit.Report, error) {
	a, err := c.open(ctx, false, false, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	defer func() { _ = a.close() }()
	environments, err := a.people.Environments(ctx)
	if err != nil {
		return nil, err
	}
	for i := range heads {
		if !slices.ContainsFunc(environments, func(e directory.Environment) bool { return e.ID == heads[i].EnvironmentID }) {
			return nil, fmt.Errorf("a head is of environment %s, which this database does not have: it is another installation's, or another database was put in the place of that one", heads[i].EnvironmentID)
		}
	}
	_, ours := a.ring.Sign("")
	var reports []audit.Report
	for _, env := range environments {
		var known []audit.Head
		for i := range heads {
			if heads[i].EnvironmentID != env.ID {
				continue
			}
			if heads[i].PublicKey != ours {
				return nil, errors.New("a head was signed with another key than this installation's; give --keys, or find out whose head it is")
			}
			known = append(known, heads[i].Head)
		}
		var bar func(int64)
		report, err := a.audit.Verify(ctx, env.ID, known, func(done, total int64) {
			if bar == nil {
				bar = newBar(std.err, total, "verifying")
			}
			bar(min(done, total))
		})
		if err != nil {
			return nil, err
		}
		reports = append(reports, report)
	}
	return reports, nil
}

func printReports(w io.Writer, reports []audit.Report) error {
	for _, r := range reports {
		var err error
		if r.Whole {
			_, err = fmt.Fprintf(w, "whole: %d lines up to line %d of environment %s, link %s\n", r.Lines, r.Head.Seq, r.EnvironmentID, r.Head.Hash)
		} else {
			_, err = fmt.Fprintf(w, "NOT WHOLE: %s (environment %s; %d lines before it are whole)\n", r.Fault.Message, r.EnvironmentID, r.Lines)
		}
		if r.Pruned > 0 {
			_, err = fmt.Fprintf(w, "  the lines up to %d are not there any more\n", r.Pruned)
		}
		if r.Note != "" {
			_, err = fmt.Fprintln(w, "  "+r.Note)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

type auditExport struct {
	where
	Format string `help:"jsonl (JSON lines, with the links that prove them) or csv (for spreadsheets)." enum:"jsonl,csv" default:"jsonl"`
	Filter string `help:"Conditions as in the API's activities: recordedAt ge \"2026-01-01T00:00:00Z\" and action.type eq \"USER.DELETED\"."`
	Output string `help:"File to write; without it, standard output." type:"path" placeholder:"FILE"`
	JSON   bool   `help:"Print a summary as JSON; needs --output."`
}

// Run exports.
func (c auditExport) Run(ctx context.Context, std stdio) error {
	if c.JSON && c.Output == "" {
		return errors.New("--json is a summary beside a file; give --output too, or leave it out: the export itself is JSON lines")
	}
	var q directory.ActivityQuery
	if c.Filter != "" {
		if err := audit.ParseFilter(&q, c.Filter); err != nil {
			return err
		}
	}
	a, err := c.open(ctx, false, false, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { _ = a.close() }()
	out := std.out
	var file *os.File
	if c.Output != "" {
		if file, err = os.OpenFile(c.Output, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600); err != nil {
			return fmt.Errorf("make the export's file: %w", err)
		}
		out = file
	}
	n, err := c.write(ctx, a, q, out)
	if file != nil {
		if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
			_ = os.Remove(c.Output) // half an export looks like a whole one
		}
	}
	if err != nil || c.Output == "" {
		return err
	}
	if c.JSON {
		return printJSON(std.out, map[string]any{"lines": n, "file": c.Output})
	}
	_, err = fmt.Fprintf(std.out, "%d lines were written to %s\n", n, c.Output)
	return err
}

func (c auditExport) write(ctx context.Context, a *app, q directory.ActivityQuery, out io.Writer) (int64, error) {
	buffered := bufio.NewWriterSize(out, 256<<10)
	sink := audit.Lines(buffered)
	if c.Format == "csv" {
		sink = audit.CSV(buffered)
	}
	n, err := a.audit.Export(ctx, a.env.ID, q, sink)
	if err == nil {
		err = audit.Begin(sink)
	}
	return n, errors.Join(err, buffered.Flush())
}

type auditHead struct {
	where
	JSON bool `help:"Print JSON, to be kept."`
}

// Run shows the heads of all environments.
func (c auditHead) Run(ctx context.Context, std stdio) error {
	a, err := c.open(ctx, false, false, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { _ = a.close() }()
	environments, err := a.people.Environments(ctx)
	if err != nil {
		return err
	}
	for _, env := range environments {
		head, err := a.audit.Head(ctx, env.ID)
		if err != nil {
			return err
		}
		if c.JSON {
			err = printJSON(std.out, head)
		} else {
			_, err = fmt.Fprintf(std.out, "environment  %s\nline         %d\nlink         %s\nsigned at    %s\npublic key   %s\n",
				env.ID, head.Seq, head.Hash, head.SignedAt, head.PublicKey)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

type auditReseal struct {
	where
	JSON bool `help:"Print JSON."`
}

// Run seals the heads of all environments anew.
func (c auditReseal) Run(ctx context.Context, std stdio) error {
	a, err := c.open(ctx, false, false, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { _ = a.close() }()
	environments, err := a.people.Environments(ctx)
	if err != nil {
		return err
	}
	sealed := make([]string, 0, len(environments))
	for _, env := range environments {
		if err := a.audit.Reseal(asCommand(ctx, "audit reseal"), env.ID); err != nil {
			return err
		}
		sealed = append(sealed, env.ID)
	}
	if c.JSON {
		return printJSON(std.out, map[string][]string{"environments": sealed})
	}
	_, err = fmt.Fprintln(std.out, "the newest line is sealed; lockstep audit verify says whether the log is whole")
	return err
}

// minRetention keeps a typing error ("24" for "24h" is refused anyhow, "24m" is not) from emptying the log.
const minRetention = 24 * time.Hour

func checkRetention(keep time.Duration) error {
	if keep != 0 && keep < minRetention {
		return fmt.Errorf("--audit-retention must be 0 (keep everything) or at least %s; a year is 8760h", minRetention)
	}
	return nil
}

// housekeeping is done once an hour by one of the servers.
func (a *app) housekeeping(retention time.Duration, logger *slog.Logger) func(context.Context) error {
	return func(ctx context.Context) error {
		err := errors.Join(a.access.Expire(ctx), a.alerts.Forget(ctx), a.db.ForgetPending(ctx, time.Now().Add(-pendingKept)))
		if retention == 0 {
			return err
		}
		environments, listed := a.people.Environments(ctx)
		err = errors.Join(err, listed)
		for _, env := range environments {
			upTo, known := a.engine.Followed(ctx, env.ID)
			if known != nil {
				err = errors.Join(err, known)
				continue
			}
			n, pruned := a.audit.Prune(ctx, env.ID, retention, upTo)
			if n > 0 {
				logger.Info("old lines of the activity log were cleared away", "environment", env.ID, "lines", n)
			}
			err = errors.Join(err, pruned)
		}
		return err
	}
}
