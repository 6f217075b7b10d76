package engine

import (
	"context"
	"testing"

	"lockstep/connector"
	"lockstep/directory"
	"lockstep/provision"
)

// looking is a target that notes with which priority it is asked.
type looking struct {
	connector.Target
	asked provision.Priority
}

func (l *looking) Get(ctx context.Context, _ directory.Kind, id string) (*provision.Remote, error) {
	l.asked = priorityOf(ctx)
	return &provision.Remote{ID: id, Active: true}, nil
}

// TestLooksByPriority: an account that has to be read before somebody loses access, or before an edit is carried out, is not read behind a
// backfill.
func TestLooksByPriority(t *testing.T) {
	for name, c := range map[string]struct {
		inScope   bool
		row, want provision.Priority
	}{
		"who loses access": {false, provision.PriorityBackfill, provision.PriorityDeprovision},
		"who was edited":   {true, provision.PriorityLive, provision.PriorityLive},
		"backfill":         {true, provision.PriorityBackfill, provision.PriorityBackfill},
	} {
		t.Run(name, func(t *testing.T) {
			target := &looking{}
			r := &runner{engine: New(Config{}), line: &line{target: target}}
			it := &item{
				want: provision.Desired{Ref: provision.Ref{Kind: directory.KindUser, ID: "u"}, InScope: c.inScope, Active: c.inScope},
				row:  &provision.Account{ObjectID: "u", RemoteID: "U1", Ownership: provision.Managed, Priority: c.row},
			}
			if err := r.link(t.Context(), it); err != nil {
				t.Fatal(err)
			}
			if target.asked != c.want {
				t.Errorf("asked with priority %d, want %d", target.asked, c.want)
			}
		})
	}
}
