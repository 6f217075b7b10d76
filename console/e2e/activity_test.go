package e2e_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"
)

// downloads lets files be saved, and answers where to.
func (b *browser) downloads() string {
	b.t.Helper()
	dir := b.t.TempDir()
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, cdpbrowser.SetDownloadBehavior, cdpbrowser.SetDownloadBehaviorParams{Behavior: "allow", DownloadPath: dir})
		return err
	}))
	return dir
}

// arrives waits for a file, and takes it away.
func (b *browser) arrives(dir, ending string) []byte {
	b.t.Helper()
	var raw []byte
	b.poll("a file "+ending+" arrives", func() bool {
		names, err := filepath.Glob(filepath.Join(dir, "lockstep-activity-*"+ending))
		if err != nil || len(names) != 1 {
			return false
		}
		raw, err = os.ReadFile(names[0])
		return err == nil && os.Remove(names[0]) == nil
	})
	return raw
}

// TestExport: the menu of the page Activity gives the log as JSON lines, each chained to the one before, and as a table; both have the same
// entries, and no others than the page shows.
func TestExport(t *testing.T) {
	t.Parallel()
	w := newWorld(t, people)
	b := w.administrator()
	dir := b.downloads()
	export := func(item, ending string) []byte {
		t.Helper()
		b.click("button", "Export")
		b.click("menuitem", item)
		return b.arrives(dir, ending)
	}
	type entry struct {
		Previous, Hash string
		Record         struct {
			ID, Type string
			Seq      int64
		}
	}
	lines := func() []entry {
		t.Helper()
		var out []entry
		for line := range bytes.SplitSeq(bytes.TrimSpace(export("JSON lines, which can be proved", ".jsonl")), []byte("\n")) {
			var e entry
			must(t, json.Unmarshal(line, &e))
			out = append(out, e)
		}
		return out
	}
	table := func() [][]string {
		t.Helper()
		rows, err := csv.NewReader(bytes.NewReader(export("CSV, for spreadsheets", ".csv"))).ReadAll()
		must(t, err)
		if strings.Join(rows[0][:3], " ") != "seq recordedAt type" {
			t.Errorf("the columns are %v", rows[0])
		}
		return rows[1:]
	}
	b.open("/activity")
	b.sees("was created")
	all := lines()
	if len(all) < 8 { // six people, an environment, an administrator
		t.Fatalf("only %d lines: %v", len(all), all)
	}
	for i := 1; i < len(all); i++ {
		if all[i].Previous == "" || all[i].Previous != all[i-1].Hash {
			t.Errorf("line %d is not chained to the one before", i)
		}
	}
	rows := table()
	if len(rows) != len(all) || rows[0][2] != "ENVIRONMENT.CREATED" || rows[0][17] != all[0].Hash {
		t.Errorf("%d rows for %d lines, beginning with %v", len(rows), len(all), rows[0])
	}

	// A filter narrows the files as it narrows the page.
	b.choose("Kind of object", "Users")
	b.leaves("administrator ann signed on")
	rows = table()
	if len(rows) != 6 || rows[0][2] != "USER.CREATED" {
		t.Errorf("of users there are %d rows: %v", len(rows), rows)
	}
	if some := lines(); len(some) != 6 {
		t.Errorf("of users there are %d lines", len(some))
	}
	b.keep("activity-filtered")
}
