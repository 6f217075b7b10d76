package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"golang.org/x/term"

	"lockstep/access"
	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/internal/secret"
)

type adminCommand struct {
	Create   adminCreate   `cmd:"" help:"Create an administrator; the password is read from standard input."`
	Password adminPassword `cmd:"" help:"Give an administrator another password, read from standard input; their sessions end."`
	List     adminList     `cmd:"" help:"List administrators."`
}

type adminCreate struct {
	where
	Username string `help:"Name to sign in with." required:""`
	Name     string `help:"Name as it is shown."`
	Role     string `help:"Environment Admin, Identity Data Admin or Read Only." default:"Environment Admin"`
	JSON     bool   `help:"Print JSON."`
}

// asCommand notes in the log that the command line did it.
func asCommand(ctx context.Context, name string) context.Context {
	return directory.WithOrigin(ctx, directory.Origin{Actor: directory.Actor{Type: "SYSTEM", ID: "cli", Name: "lockstep " + name}})
}

// Run creates the administrator.
func (c adminCreate) Run(ctx context.Context, std stdio) error {
	password, err := readPassword(os.Stdin, std.err)
	if err != nil {
		return err
	}
	a, err := c.open(ctx, false, false, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { _ = a.close() }()
	made, err := a.access.CreateAdministrator(asCommand(ctx, "admin create"), a.env.ID, access.NewAdministrator{
		Username: c.Username, Name: c.Name, Role: access.Role(c.Role), Password: password,
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(std.out, map[string]string{"environment_id": a.env.ID, "id": made.ID, "username": made.Username, "role": string(made.Role)})
	}
	_, err = fmt.Fprintf(std.out, "administrator %s was created with the role %s\n", made.Username, made.Role)
	return err
}

type adminPassword struct {
	where
	Username string `help:"Whose password." required:""`
	JSON     bool   `help:"Print JSON."`
}

// Run changes the password.
func (c adminPassword) Run(ctx context.Context, std stdio) error {
	password, err := readPassword(os.Stdin, std.err)
	if err != nil {
		return err
	}
	a, err := c.open(ctx, false, false, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { _ = a.close() }()
	found, err := a.access.AdministratorByUsername(ctx, c.Username)
	if problem.Is(err, problem.NotFound) {
		return errors.New("there is no administrator with this username; lockstep admin list shows them")
	}
	if err != nil {
		return err
	}
	_, err = a.access.UpdateAdministrator(asCommand(ctx, "admin password"), found.EnvironmentID, found.ID, access.AdministratorEdit{Password: &password})
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(std.out, map[string]string{"environment_id": found.EnvironmentID, "id": found.ID, "username": found.Username})
	}
	_, err = fmt.Fprintf(std.out, "administrator %s has a new password\n", found.Username)
	return err
}

type adminList struct {
	where
	JSON bool `help:"Print JSON."`
}

// Run lists the administrators.
func (c adminList) Run(ctx context.Context, std stdio) error {
	a, err := c.open(ctx, false, false, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { _ = a.close() }()
	all, err := a.access.Administrators(ctx, a.env.ID)
	if err != nil {
		return err
	}
	if c.JSON {
		out := make([]map[string]string, len(all))
		for i, one := range all {
			out[i] = map[string]string{"id": one.ID, "username": one.Username, "name": one.Name, "role": string(one.Role)}
		}
		return printJSON(std.out, map[string]any{"administrators": out})
	}
	for _, one := range all {
		if _, err := fmt.Fprintf(std.out, "%-24s %s\n", one.Username, one.Role); err != nil {
			return err
		}
	}
	return nil
}

// readPassword reads a line, and at a terminal asks for it without showing it.
func readPassword(in *os.File, prompt io.Writer) (secret.Text, error) {
	if fd := int(in.Fd()); term.IsTerminal(fd) {
		_, _ = fmt.Fprint(prompt, "Password: ")
		raw, err := term.ReadPassword(fd)
		_, _ = fmt.Fprintln(prompt)
		if err != nil {
			return secret.Text{}, fmt.Errorf("read the password: %w", err)
		}
		return secret.New(string(raw)), nil
	}
	line, err := bufio.NewReader(io.LimitReader(in, 64<<10)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return secret.Text{}, fmt.Errorf("read the password: %w", err)
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return secret.Text{}, errors.New("the password is read from standard input, and nothing came; try: echo 'a long sentence' | lockstep admin create …")
	}
	return secret.New(line), nil
}
