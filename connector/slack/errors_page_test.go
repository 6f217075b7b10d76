package slack_test

import (
	"cmp"
	"fmt"
	"strings"
	"testing"

	"lockstep/connector/slack"
	"lockstep/provision"
)

// classes are the faults in the order of the page.
var classes = []struct {
	kind  provision.FaultKind
	title string
	intro string
}{
	{provision.Halted, "Halted", "The token, the plan or the address is wrong, and so is every call: the connection stops."},
	{provision.Gone, "Gone", "The account does not exist."},
	{provision.Taken, "Taken", "Somebody has the address or the name."},
	{provision.Transient, "Transient", "It passes."},
	{provision.Rejected, "Rejected", "Slack refuses this person's data, or this change."},
}

func page(t *testing.T, codes []string, seen []map[string]observed) string {
	t.Helper()
	var out strings.Builder
	out.WriteString(errorsIntro)
	for _, class := range classes {
		fmt.Fprintf(&out, "\n## %s\n\n%s\n\n", class.title, class.intro)
		out.WriteString("| code | HTTP | meaning, and what the administrator reads | next step | create | update | disable | list | connection |\n")
		out.WriteString("| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
		for i, code := range codes {
			if slack.Codes()[code] == class.kind {
				out.WriteString(line(t, code, seen[i]))
			}
		}
	}
	out.WriteString(otherIntro)
	for i, status := range others {
		cells, connection, reads := make([]string, 0, len(ops)), "goes on", ""
		for _, op := range ops {
			o := seen[len(codes)+i][op]
			cells = append(cells, o.word())
			if o.first.state == provision.StateHalted {
				connection = "`HALTED`"
			}
			if op == opUpdate {
				reads = o.first.reads
			}
		}
		fmt.Fprintf(&out, "| %d | %s | %s | %s |\n", status, cmp.Or(reads, "nothing: it is nobody's failure"), strings.Join(cells, " | "), connection)
	}
	return out.String()
}

// line is one code's row. What the administrator reads is taken from where they read it.
func line(t *testing.T, code string, seen map[string]observed) string {
	t.Helper()
	message, hint := slack.Says(code)
	connection := "goes on"
	cells := make([]string, 0, len(ops))
	for _, op := range ops {
		o := seen[op]
		word := o.word()
		if strings.HasPrefix(word, "?") {
			t.Errorf("%s to %s: %s", code, op, word)
		}
		if o.first.state == provision.StateHalted {
			connection = "`HALTED`"
		}
		if reads := o.first.reads; o.first.kind != "" && (!strings.Contains(reads, message) || !strings.Contains(reads, hint)) {
			t.Errorf("%s to %s: the administrator reads %q, which lacks %q or %q", code, op, reads, message, hint)
		}
		cells = append(cells, word)
	}
	return fmt.Sprintf("| `%s` | %d | %s | %s | %s | %s |\n", code, statusOf(code), message, cmp.Or(hint, "none is needed"), strings.Join(cells, " | "), connection)
}

// others are the statuses with which codes are tried that nobody knows.
var others = []int{400, 401, 403, 404, 408, 409, 413, 429, 500, 503}

const otherIntro = `
## Any other code

counts by its status.

| HTTP | what the administrator reads | create | update | disable | list | connection |
| --- | --- | --- | --- | --- | --- | --- |
`

const errorsIntro = `# Slack's error codes, and what the engine does

*Written by a test* (` + "`go test ./connector/slack -run TestErrorsPage -update`" + `), which answers each code to each kind of call while the real engine,
store and connector run, and which fails when this page is not true. The codes are those of Slack's documentation and a few that were seen
elsewhere; which HTTP status each comes with is partly a guess.

After each answer the same call is let through, and everything ends as it should: no code leaves anything behind, and none leads to a second
account or to calls in a hurry.

| word | what the engine does | when it tries again |
| --- | --- | --- |
| stops | nothing more is sent for anybody; the rule is ` + "`HALTED`" + ` and says why | the connection is tested after 5 s, then in growing gaps up to 10 min, and at once with a new token; then it goes on by itself |
| again | the person is *pending*, and the sentence is shown; *failed* after eight times in a row. A listing is repeated, and the rule's details say why it is not done | after 1 s, then in gaps that double up to 5 min, not before Retry-After |
| waits | nobody's failure: everybody who needs the spent limit waits, others go on | after Retry-After |
| waits alone | this person waits; everybody else goes on | after Retry-After |
| shown | the person is *failed*, with sentence and next step; one entry in the activity log. Nothing is repeated in a hurry | when the person, the rule or the account changes, when somebody asks; and after 1 h, then in gaps that double up to 24 h |
| other name | a name with a number is taken, and the create sent again; after 24 that are taken as well: shown | at once |
| made anew | the link is forgotten; nobody holds the identifier, so that the account is made | at once |
| closed | the link is forgotten; nobody holds the identifier, so that nothing is left to close: *unsynced* | never |

A create that was not answered, or answered with 5xx, is looked up before another is sent.
`
