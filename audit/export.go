package audit

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"lockstep/directory"
)

// Lines writes JSON lines, in the form that can be proved: {"previous":…,"hash":…,"record":…}.
func Lines(w io.Writer) Sink { return jsonLines{w} }

type jsonLines struct{ w io.Writer }

// Write implements Sink.
func (s jsonLines) Write(lines []Line) error {
	to := bufio.NewWriter(s.w)
	for i := range lines {
		text, err := lines[i].MarshalLine()
		if err != nil {
			return err
		}
		_, _ = to.Write(text) // Flush answers the error
		_ = to.WriteByte('\n')
	}
	return to.Flush()
}

// Columns is the header of an export as CSV.
var Columns = []string{
	"seq", "recordedAt", "type", "result", "actorType", "actorId", "actorName", "correlationId", "resourceType", "resourceId", "resourceName", "storeId", "ruleId",
	"description", "cause", "changes", "id", "hash",
}

// CSV writes comma-separated values with a header row, for spreadsheets. No cell begins like a formula.
func CSV(w io.Writer) Sink { return &table{w: csv.NewWriter(w)} }

type table struct {
	w     *csv.Writer
	begun bool
}

// Write implements Sink.
func (s *table) Write(lines []Line) error {
	if err := s.begin(); err != nil {
		return err
	}
	for i := range lines {
		l := &lines[i]
		var actor directory.Actor
		if err := json.Unmarshal(l.Actor, &actor); err != nil {
			return fmt.Errorf("read the actor of line %d: %w", l.Seq, err)
		}
		result := "SUCCESS"
		if !l.Success {
			result = "FAILED"
		}
		cells := []string{
			strconv.FormatInt(l.Seq, 10), l.RecordedAt, l.Type, result, actor.Type, actor.ID, actor.Name, l.CorrelationID, l.Resource.Type, l.Resource.ID, l.Resource.Name,
			l.StoreID, l.RuleID, l.Description, string(l.Cause), string(l.Changes), l.ID, string(l.Hash),
		}
		for j, c := range cells {
			cells[j] = harmless(c)
		}
		if err := s.w.Write(cells); err != nil {
			return err
		}
	}
	s.w.Flush()
	return s.w.Error()
}

func (s *table) begin() error {
	if s.begun {
		return nil
	}
	s.begun = true
	if err := s.w.Write(Columns); err != nil {
		return err
	}
	s.w.Flush()
	return s.w.Error()
}

// Begin writes what stands before the first line, so that an export without lines is one too.
func Begin(s Sink) error {
	if t, ok := s.(*table); ok {
		return t.begin()
	}
	return nil
}

// harmless keeps a spreadsheet from running a cell that somebody chose the beginning of (OWASP, CSV injection, 2026).
func harmless(cell string) string {
	if strings.HasPrefix(strings.TrimLeft(cell, " "), "=") || cell != "" && strings.ContainsRune("+-@\t\r\n|%", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}
