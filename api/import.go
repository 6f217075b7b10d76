package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"lockstep/directory"
	"lockstep/internal/problem"
)

const (
	maxImport     = 64 << 20
	csvMedia      = "text/csv"
	importsAtOnce = 2
	importBudget  = 10 * time.Minute
)

// importUsers takes over people from a CSV file.
func (s *server) importUsers(r *request) error {
	return s.upload(r, func(raw []byte, progress func(read, rows int64)) (any, error) {
		return s.Directory.Import(r.Context(), r.env, opener(raw), directory.ImportOptions{
			DryRun: r.flag("dryRun"), CreateAttributes: r.flag("createAttributes"), AllOrNothing: r.flag("allOrNothing"), Population: r.parameter("population"),
			Progress: progress,
		})
	})
}

// GroupImport is the report of a file of groups, or of memberships.
type GroupImport struct {
	directory.ImportReport
	Kind directory.FileKind `json:"kind" enum:"GROUPS,MEMBERSHIPS" doc:"What the file holds, as its first line says."`
}

// importGroups takes over groups or memberships from a CSV file; which of them is told from its first line.
func (s *server) importGroups(r *request) error {
	return s.upload(r, func(raw []byte, progress func(read, rows int64)) (any, error) {
		kind, err := directory.KindOfFile(bytes.NewReader(raw))
		if err != nil {
			return nil, err
		}
		options := directory.ImportOptions{DryRun: r.flag("dryRun"), AllOrNothing: r.flag("allOrNothing"), Progress: progress}
		if kind == directory.FileOfMemberships {
			report, err := s.Directory.ImportMemberships(r.Context(), r.env, opener(raw), options)
			return GroupImport{report, kind}, err
		}
		report, err := s.Directory.ImportGroups(r.Context(), r.env, opener(raw), options)
		return GroupImport{report, directory.FileOfGroups}, err
	})
}

func opener(raw []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil }
}

// upload takes over a CSV file. With Accept: application/x-ndjson it tells how far it is, a line each, and ends with
// the report; otherwise it answers the report alone.
func (s *server) upload(r *request, take func(raw []byte, progress func(read, rows int64)) (any, error)) error {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != csvMedia {
		return problem.New(unsupportedMedia, "the body must be a CSV file, with the content type text/csv")
	}
	select {
	case s.importing <- struct{}{}:
		defer func() { <-s.importing }()
	default: // each holds its file in memory
		return problem.New(problem.TooMany, "other imports are running; try again when they are done")
	}
	controller := http.NewResponseController(r.writer)
	_ = controller.SetReadDeadline(time.Now().Add(importBudget))
	_ = controller.SetWriteDeadline(time.Now().Add(importBudget))
	raw, err := io.ReadAll(http.MaxBytesReader(r.writer, r.Body, maxImport))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return problem.New(problem.TooLarge, "the file is larger than %d MiB; split it, or use: lockstep import", maxImport>>20)
	}
	if err != nil {
		return problem.New(problem.InvalidRequest, "the file could not be read to its end")
	}
	streamed := strings.Contains(r.Header.Get("Accept"), linesMedia)
	started := false
	say := func(line any) {
		if !started {
			started = true
			r.writer.Header().Set("Content-Type", linesMedia)
			r.writer.WriteHeader(http.StatusOK)
		}
		text, _ := json.Marshal(line)
		_, _ = r.writer.Write(append(text, '\n'))
		_ = controller.Flush()
	}
	var progress func(read, rows int64)
	if streamed {
		progress = func(read, rows int64) { say(map[string]any{"bytes": read, "total": len(raw), "rows": rows}) }
	}
	report, err := take(raw, progress)
	switch {
	case err == nil && !streamed:
		writeJSON(r.writer, http.StatusOK, report)
		return nil
	case err == nil:
		say(map[string]any{"report": report})
		return nil
	case !started:
		return err
	}
	// The status is sent already; what went wrong is the last line.
	message := "something failed inside; rows before this may be taken over already. Import the file again: what is there is left as it is"
	if r.flag("dryRun") {
		message = "something failed inside; nothing was changed"
	}
	if p, ok := errors.AsType[*problem.Error](err); ok {
		message = p.Error()
	} else {
		s.Logger.Error("an import failed inside", "error", err, "correlation", directory.OriginOf(r.Context()).CorrelationID)
	}
	say(map[string]any{"error": message})
	return nil
}
