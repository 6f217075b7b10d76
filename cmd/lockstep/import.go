package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"lockstep/directory"
)

type importCommand struct {
	where
	File             string `arg:"" optional:"" help:"CSV file of people, groups or memberships; its first line names the columns." type:"existingfile"`
	Groups           string `help:"CSV file of groups: name,description,externalId,population,userFilter,memberOf." type:"existingfile" placeholder:"FILE"`
	Memberships      string `help:"CSV file of memberships: group,username." type:"existingfile" placeholder:"FILE"`
	CreateAttributes bool   `help:"Declare unknown columns as attributes of people."`
	Population       string `help:"Population of new people, where the file has no such column."`
	DryRun           bool   `help:"Report what would happen, and change nothing."`
	AllOrNothing     bool   `help:"Change nothing of a file if any of its rows is refused."`
	JSON             bool   `help:"Print JSON."`
}

type importFunc func(ctx context.Context, envID string, open func() (io.ReadCloser, error), o directory.ImportOptions) (directory.ImportReport, error)

// importFile is one file to take over.
type importFile struct {
	path string
	take importFunc
}

// Run imports files: people first, then groups, then who is in them.
func (c importCommand) Run(ctx context.Context, std stdio) error {
	a, err := c.open(ctx, false, false, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { _ = a.close() }()
	files, err := c.files(a)
	if err != nil {
		return err
	}
	ctx = directory.WithOrigin(ctx, directory.Origin{Actor: directory.Actor{Type: "SYSTEM", ID: "cli", Name: "lockstep import"}})
	var refused int64
	applied := true
	for _, f := range files {
		report, err := c.take(ctx, a, f, std)
		if err != nil {
			return err
		}
		refused += report.Refused
		applied = applied && report.Applied
	}
	if refused > 0 {
		return fmt.Errorf("%d rows were refused; the others were %s", refused, map[bool]string{true: "applied", false: "not applied"}[applied])
	}
	return nil
}

func (c importCommand) files(a *app) ([]importFile, error) {
	var out []importFile
	if c.File != "" {
		kind, err := kindOf(c.File)
		if err != nil {
			return nil, err
		}
		take := map[directory.FileKind]importFunc{
			directory.FileOfUsers: a.people.Import, directory.FileOfGroups: a.people.ImportGroups, directory.FileOfMemberships: a.people.ImportMemberships,
		}[kind]
		out = append(out, importFile{c.File, take})
	}
	if c.Groups != "" {
		out = append(out, importFile{c.Groups, a.people.ImportGroups})
	}
	if c.Memberships != "" {
		out = append(out, importFile{c.Memberships, a.people.ImportMemberships})
	}
	if len(out) == 0 {
		return nil, errors.New("no file is named; give a file of people, --groups or --memberships")
	}
	return out, nil
}

func kindOf(path string) (directory.FileKind, error) {
	file, err := os.Open(path) //nolint:gosec // the user names it
	if err != nil {
		return "", fmt.Errorf("read the file: %w", err)
	}
	defer func() { _ = file.Close() }()
	return directory.KindOfFile(file)
}

func (c importCommand) take(ctx context.Context, a *app, f importFile, std stdio) (directory.ImportReport, error) {
	info, err := os.Stat(f.path)
	if err != nil {
		return directory.ImportReport{}, fmt.Errorf("read the file: %w", err)
	}
	bar := newBar(std.err, info.Size(), "importing")
	report, err := f.take(ctx, a.env.ID, func() (io.ReadCloser, error) { return os.Open(f.path) }, directory.ImportOptions{
		CreateAttributes: c.CreateAttributes, Population: c.Population, DryRun: c.DryRun, AllOrNothing: c.AllOrNothing,
		Progress: func(bytes, _ int64) { bar(bytes) },
	})
	if err != nil {
		return report, err
	}
	if c.JSON {
		return report, printJSON(std.out, report)
	}
	return report, printReport(std.out, &report)
}

func printReport(w io.Writer, r *directory.ImportReport) error {
	for _, refusal := range r.Refusals {
		column := ""
		if refusal.Column != "" {
			column = refusal.Column + ": "
		}
		if _, err := fmt.Fprintf(w, "line %d: %s%s\n", refusal.Line, column, refusal.Message); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "created %d, updated %d, unchanged %d, refused %d\n", r.Created, r.Updated, r.Unchanged, r.Refused)
	return err
}
