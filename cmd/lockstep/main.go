// Command lockstep keeps other systems' user directories in step with yours: the server, a demo, a simulated Slack workspace,
// and what an operator needs beside them.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"lockstep/internal/problem"
)

// version is set by the build.
var version = "dev"

// commands is the command line. Every flag can be given as LOCKSTEP_… in the environment.
type commands struct {
	Serve   serveCommand   `cmd:"" help:"Run the server: console, API, engine, schedule."`
	Demo    demoCommand    `cmd:"" help:"Run the server with a simulated Slack workspace and a sample company."`
	Sandbox sandboxCommand `cmd:"" help:"Run a simulated target on its own."`
	Import  importCommand  `cmd:"" help:"Take over people from a CSV file."`
	Client  clientCommand  `cmd:"" help:"Manage API clients."`
	Admin   adminCommand   `cmd:"" help:"Manage administrators, who sign in to the console."`
	Audit   auditCommand   `cmd:"" help:"Prove and export the activity log."`
	Status  statusCommand  `cmd:"" help:"Show where each rule stands; --watch follows it."`
	Sync    syncCommand    `cmd:"" help:"Start a full reconciliation and follow it."`
	Slack   slackCommand   `cmd:"" help:"Get the token of a Slack connection."`
	Doctor  doctorCommand  `cmd:"" help:"Look at every connection: name, TLS, token, plan, limits; with what to do."`
	Version versionCommand `cmd:"" help:"Show the version."`
}

// stdio is what commands write to.
type stdio struct {
	out, err io.Writer
}

func main() { os.Exit(run(os.Args[1:], stdio{os.Stdout, os.Stderr})) }

// run is the program; it answers the exit code.
func run(args []string, std stdio) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var cli commands
	exit := -1
	parser, err := kong.New(&cli, kong.Name("lockstep"), kong.Description("Lockstep keeps other systems' user directories in step with yours."),
		kong.UsageOnError(), kong.DefaultEnvars("LOCKSTEP"), kong.Writers(std.out, std.err), kong.Exit(func(code int) { exit = code }),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(std))
	if err != nil {
		_, _ = fmt.Fprintln(std.err, "lockstep:", err)
		return 2
	}
	parsed, err := parser.Parse(args)
	if exit >= 0 {
		return exit
	}
	if err != nil {
		_, _ = fmt.Fprintf(std.err, "lockstep: %v\ntry: lockstep --help\n", err)
		return 2
	}
	if err := parsed.Run(); err != nil {
		report(std.err, err)
		return 1
	}
	return 0
}

// report shows an error with every place that is wrong.
func report(w io.Writer, err error) {
	var p *problem.Error
	if errors.As(err, &p) && len(p.Details) > 1 {
		_, _ = fmt.Fprintln(w, "lockstep:", p.Message)
		for _, d := range p.Details {
			_, _ = fmt.Fprintf(w, "  %s: %s\n", d.Target, d.Message)
		}
		return
	}
	_, _ = fmt.Fprintln(w, "lockstep:", err)
}

func printJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}

type versionCommand struct {
	JSON bool `help:"Print JSON."`
}

// Run prints the version.
func (c versionCommand) Run(std stdio) error {
	if c.JSON {
		return printJSON(std.out, map[string]string{"version": version})
	}
	_, err := fmt.Fprintln(std.out, "lockstep", version)
	return err
}
