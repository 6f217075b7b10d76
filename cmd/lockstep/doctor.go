package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"lockstep/internal/problem"
	"lockstep/provision"
)

type doctorCommand struct {
	where
	Connection          string `help:"Name or id of one connection; without it, all."`
	AllowPrivateTargets bool   `help:"Let connections call private and loopback addresses."`
	JSON                bool   `help:"Print JSON."`
}

// diagnosis is what a connection's checks found.
type diagnosis struct {
	ID     string            `json:"id"`
	Name   string            `json:"name"`
	Type   string            `json:"type"`
	Status string            `json:"status"`
	Checks []provision.Check `json:"checks"`
}

var errUnwell = errors.New("something is wrong; the checks say what to do")

// Run looks at every connection, from this machine, and writes nothing anywhere. It fails when a check does.
func (c doctorCommand) Run(ctx context.Context, std stdio) error {
	a, err := c.open(ctx, false, c.AllowPrivateTargets, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { _ = a.close() }()
	all, err := a.provisions.Connections(ctx, a.env.ID)
	if err != nil {
		return err
	}
	out := []diagnosis{}
	unwell := false
	for _, one := range all {
		if one.Type == provision.TypeDirectory || c.Connection != "" && c.Connection != one.ID && c.Connection != one.Name {
			continue
		}
		d := diagnosis{ID: one.ID, Name: one.Name, Type: one.Type, Status: provision.CheckOK, Checks: a.engine.Test(ctx, one)}
		for _, check := range d.Checks {
			if check.Status == provision.CheckFailed {
				d.Status, unwell = provision.CheckFailed, true
			}
		}
		out = append(out, d)
	}
	if len(out) == 0 && c.Connection != "" {
		return problem.New(problem.NotFound, "there is no such connection")
	}
	if c.JSON {
		err = printJSON(std.out, map[string]any{"connections": out})
	} else {
		err = printDiagnoses(std.out, out)
	}
	if err == nil && unwell {
		err = errUnwell
	}
	return err
}

func printDiagnoses(w io.Writer, all []diagnosis) error {
	var text strings.Builder
	if len(all) == 0 {
		text.WriteString("There is no connection to a target yet; make one in the console or through the API.\n")
	}
	for i, d := range all {
		if i > 0 {
			text.WriteString("\n")
		}
		fmt.Fprintf(&text, "%s (%s)\n", d.Name, d.Type)
		for _, c := range d.Checks {
			fmt.Fprintf(&text, "  %-8s %-21s %s\n", strings.ToLower(c.Status), c.Name, c.Message)
			if c.Hint != "" && c.Status != provision.CheckOK && c.Status != provision.CheckSkipped {
				fmt.Fprintf(&text, "  %-8s %-21s -> %s\n", "", "", c.Hint)
			}
		}
	}
	_, err := io.WriteString(w, text.String())
	return err
}
