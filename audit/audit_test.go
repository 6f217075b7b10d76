package audit_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"lockstep/audit"
	"lockstep/directory"
)

func activity(seq int64, description string) directory.Activity {
	return directory.Activity{
		Seq: seq, ID: fmt.Sprintf("id-%d", seq), EnvironmentID: "env", RecordedAt: time.Date(2026, 11, 26, 1, 2, 3, 4005, time.UTC), Type: "USER.UPDATED",
		Actor: directory.Actor{Type: "USER", ID: "u", Name: "Ann <ann@example.com>"}, CorrelationID: "request", Kind: directory.KindUser, ObjectID: "o", ObjectName: "bob",
		Success: true, Description: description, Changes: []directory.AttributeChange{{Attribute: "title", From: nil, To: "Chef \u2028 & Söhne"}},
	}
}

func chain(t *testing.T, descriptions ...string) []audit.Line {
	t.Helper()
	previous := audit.Genesis
	lines := make([]audit.Line, len(descriptions))
	for i, d := range descriptions {
		a := activity(int64(i)+1, d)
		record, err := audit.RecordOf(&a)
		if err != nil {
			t.Fatal(err)
		}
		text, err := record.Text()
		if err != nil {
			t.Fatal(err)
		}
		lines[i] = audit.Line{Record: record, Previous: previous, Hash: previous.Next(text), Feed: true}
		previous = lines[i].Hash
	}
	return lines
}

// TestLinkStays: what was chained by one version must be proved by the next one. If this fails, the text of records has changed, and every log
// that there is would be called forged.
func TestLinkStays(t *testing.T) {
	t.Parallel()
	line := chain(t, "user bob was updated: title")[0]
	text, err := line.MarshalLine()
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"previous":"0000000000000000000000000000000000000000000000000000000000000000","hash":"HASH","record":{"environmentId":"env","seq":1,"id":"id-1",` +
		`"recordedAt":"2026-11-26T01:02:03.000004Z","type":"USER.UPDATED","success":true,"actor":{"type":"USER","id":"u","name":"Ann \u003cann@example.com\u003e"},` +
		`"correlationId":"request","resource":{"type":"USER","id":"o","name":"bob"},"description":"user bob was updated: title",` +
		`"changes":[{"attribute":"title","from":null,"to":"Chef \u2028 \u0026 Söhne"}]}}`
	if got := strings.Replace(string(text), string(line.Hash), "HASH", 1); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	// docs/operations.md checks lines by these places.
	if sum := sha256.Sum256(append([]byte(string(text[13:77])+"\n"), text[162:len(text)-1]...)); hex.EncodeToString(sum[:]) != string(text[87:151]) {
		t.Error("the parts of an exported line are not at their places")
	}
	if line.Hash != "9764401fb7edff4b116e6de60f499fe50b20b025a175277463212449d56dcf43" {
		t.Errorf("the link is %s", line.Hash)
	}
}

func exported(t *testing.T, lines []audit.Line) string {
	t.Helper()
	var out bytes.Buffer
	if err := audit.Lines(&out).Write(lines); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestVerifyFile(t *testing.T) {
	t.Parallel()
	lines := chain(t, "a", "b", "c", "d")
	whole := exported(t, lines)
	rows := strings.SplitAfter(strings.TrimSuffix(whole, "\n"), "\n")
	last := audit.Head{EnvironmentID: "env", Seq: 4, Hash: lines[3].Hash}
	for name, c := range map[string]struct {
		text  string
		known []audit.Head
		kind  string
		seq   int64
		note  bool
	}{
		"whole":               {text: whole, known: []audit.Head{last}},
		"empty":               {},
		"a word":              {text: strings.Replace(whole, `"description":"b"`, `"description":"B"`, 1), kind: audit.FaultChanged, seq: 2},
		"a link":              {text: strings.Replace(whole, string(lines[1].Hash), strings.Repeat("f", 64), 1), kind: audit.FaultChanged, seq: 2},
		"order":               {text: rows[0] + rows[2] + rows[1] + rows[3], kind: audit.FaultChanged, seq: 2},
		"twice":               {text: rows[0] + rows[0], kind: audit.FaultChanged, seq: 1},
		"narrowed":            {text: rows[0] + rows[2], note: true},
		"begins later":        {text: rows[2] + rows[3]},
		"cut":                 {text: rows[0] + rows[1], known: []audit.Head{last}, kind: audit.FaultCut, seq: 3},
		"another":             {text: whole, known: []audit.Head{{EnvironmentID: "env", Seq: 2, Hash: "x"}}, kind: audit.FaultForged, seq: 2},
		"head before":         {text: rows[2] + rows[3], known: []audit.Head{{EnvironmentID: "env", Seq: 1, Hash: "x"}}, note: true},
		"head in a gap":       {text: rows[0] + rows[2], known: []audit.Head{{EnvironmentID: "env", Seq: 2, Hash: "x"}}, note: true},
		"head of another log": {text: whole, known: []audit.Head{last, {EnvironmentID: "other", Seq: 2, Hash: "x"}}, note: true},
		"head and no lines":   {known: []audit.Head{last}, note: true},
		"no export":           {text: "{}\n", kind: audit.FaultChanged, seq: 1},
		"a tail of something": {text: whole + "\n", kind: audit.FaultChanged, seq: 5},
	} {
		report, err := audit.VerifyFile(strings.NewReader(c.text), c.known)
		if err != nil {
			t.Fatal(name, err)
		}
		if c.kind == "" && (!report.Whole || (report.Note != "") != c.note) {
			t.Errorf("%s: %+v %+v", name, report, report.Fault)
		}
		if c.kind != "" && (report.Whole || report.Fault.Kind != c.kind || report.Fault.Seq != c.seq) {
			t.Errorf("%s: %+v", name, report.Fault)
		}
	}
}

// FuzzVerifyFile: a file from anywhere is answered about. What is whole has whole links.
func FuzzVerifyFile(f *testing.F) {
	f.Add([]byte(`{"previous":"` + strings.Repeat("0", 64) + `","hash":"` + strings.Repeat("0", 64) + `","record":{}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		report, err := audit.VerifyFile(bytes.NewReader(raw), nil)
		if err == nil && report.Whole != (report.Fault == nil) {
			t.Errorf("%+v", report)
		}
	})
}

func TestCSV(t *testing.T) {
	t.Parallel()
	lines := chain(t, `=HYPERLINK("http://evil.example","x")`, "+1", "-1", "@x", "\tx", " =1", "plain, \"quoted\"\nand long", "")
	var out bytes.Buffer
	if err := audit.CSV(&out).Write(lines); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil || len(rows) != len(lines)+1 {
		t.Fatal(len(rows), err)
	}
	at := map[string]int{}
	for i, name := range rows[0] {
		at[name] = i
	}
	for i, want := range []string{`'=HYPERLINK("http://evil.example","x")`, "'+1", "'-1", "'@x", "'\tx", "' =1", "plain, \"quoted\"\nand long", ""} {
		if got := rows[i+1][at["description"]]; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if rows[1][at["actorName"]] != "Ann <ann@example.com>" || rows[1][at["correlationId"]] != "request" || rows[1][at["seq"]] != "1" || !json.Valid([]byte(rows[1][at["changes"]])) {
		t.Error(rows[1])
	}
	out.Reset()
	if err := audit.Begin(audit.CSV(&out)); err != nil || !strings.HasPrefix(out.String(), "seq,recordedAt,") {
		t.Error(out.String(), err)
	}
}
