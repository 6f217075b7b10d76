package engine

import (
	"context"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"

	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/provision"
)

// Previews is what the engine asks of the store for previews.
type Previews interface {
	// Drafts reads what is drafted.
	Drafts(ctx context.Context, envID string) (provision.Drafts, error)
	// KnownDigest changes when anything does that plans are made from.
	KnownDigest(ctx context.Context, connectionID string) (string, error)
	// BeginPreview makes room for a preview. It can be read after FinishPreview.
	BeginPreview(ctx context.Context, p provision.Preview) error
	SavePreviewPage(ctx context.Context, id string, page provision.PreviewPage) error
	FinishPreview(ctx context.Context, p provision.Preview) error
	DropPreview(ctx context.Context, id string) error
	Preview(ctx context.Context, envID, id string) (provision.Preview, error)
	// PreviewPage answers one page of a group, and how many items it holds; a page that is not there holds none. Where no item can
	// have the text, in lower case, none is answered.
	PreviewPage(ctx context.Context, id string, group provision.PreviewGroup, page int, text string) ([]provision.Foreseen, int, error)

	// KeepForeign notes, with a line of the log, that an account stays nobody's; EndForeign ends that.
	KeepForeign(ctx context.Context, connectionID string, kind directory.Kind, remoteID, by string, line directory.Activity) error
	EndForeign(ctx context.Context, connectionID string, kind directory.Kind, remoteID string, lines ...directory.Activity) error
	// KeptForeign answers which of the accounts an administrator said stay nobody's.
	KeptForeign(ctx context.Context, connectionID string, kind directory.Kind, remoteIDs []string) (map[string]bool, error)
}

// MakePreview makes a preview and keeps what it foresees, so that it can be read in pages, and published. Nothing is written on the
// target.
func (e *Engine) MakePreview(ctx context.Context, envID string, q provision.PreviewQuery) (provision.Preview, error) {
	return e.foresee(ctx, envID, q, func(f *foresight) error {
		f.out.ID = newID()
		if err := e.store.BeginPreview(ctx, f.out); err != nil {
			return fmt.Errorf("keep the preview: %w", err)
		}
		err := f.keep(ctx)
		if err == nil {
			if err = e.store.FinishPreview(ctx, f.out); err != nil {
				err = fmt.Errorf("keep the preview: %w", err)
			}
		}
		if err == nil {
			return nil
		}
		if dropped := e.store.DropPreview(context.WithoutCancel(ctx), f.out.ID); dropped != nil {
			e.log.Warn("a preview that failed could not be removed", "error", dropped) // it goes when it expires
		}
		return err
	})
}

// keep runs the preview, and keeps a page whenever one is full, while the next is being made.
func (f *foresight) keep(ctx context.Context) error {
	full := make(chan provision.PreviewPage)
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error {
		for page := range full {
			if err := f.engine.store.SavePreviewPage(groupCtx, f.out.ID, page); err != nil {
				return fmt.Errorf("keep the preview: %w", err)
			}
		}
		return nil
	})
	group.Go(func() error {
		defer close(full)
		open := map[provision.PreviewGroup]*provision.PreviewPage{}
		send := func(page provision.PreviewPage) error {
			select {
			case full <- page:
				return nil
			case <-groupCtx.Done():
				return groupCtx.Err()
			}
		}
		f.yield = func(item provision.Foreseen) error {
			page := open[item.Group]
			if page == nil {
				page = &provision.PreviewPage{Group: item.Group}
				open[item.Group] = page
			}
			if page.Items = append(page.Items, item); len(page.Items) < provision.PreviewPageSize {
				return nil
			}
			whole := *page
			page.Page, page.Items = page.Page+1, nil
			return send(whole)
		}
		if err := f.run(groupCtx); err != nil {
			return err
		}
		for _, g := range provision.PreviewGroups {
			if page := open[g]; page != nil && len(page.Items) > 0 {
				if err := send(*page); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return group.Wait()
}

// KeptPreview answers a preview that was kept.
func (e *Engine) KeptPreview(ctx context.Context, envID, id string) (provision.Preview, error) {
	p, err := e.store.Preview(ctx, envID, id)
	if notFound(err) || err == nil && !e.now().Before(p.ExpiresAt) {
		return p, problem.New(problem.NotFound, "there is no such preview, or it has expired: previews are kept for %g hours, and the newest few of each rule; make a new one", provision.PreviewFor.Hours())
	}
	return p, err
}

// Foreseen answers a page of what a preview shows, and where it ended; an empty group says that nothing is left.
func (e *Engine) Foreseen(ctx context.Context, p *provision.Preview, q provision.ForeseenQuery) ([]provision.Foreseen, provision.ForeseenPosition, error) {
	text := strings.ToLower(q.Text)
	var out []provision.Foreseen
	begun := q.After.Group == ""
	for _, g := range q.Groups {
		seq := 0
		if g == q.After.Group {
			begun, seq = true, q.After.Seq
		}
		if !begun {
			continue
		}
		for {
			items, size, err := e.store.PreviewPage(ctx, p.ID, g, seq/provision.PreviewPageSize, text)
			if err != nil {
				return nil, q.After, fmt.Errorf("read the preview: %w", err)
			}
			from := seq - seq%provision.PreviewPageSize
			for i := seq - from; i < len(items); i++ {
				if !items[i].Matches(text) {
					continue
				}
				if len(out) == q.Limit { // one more is there
					return out, provision.ForeseenPosition{Group: g, Seq: from + i}, nil
				}
				out = append(out, items[i])
			}
			if size < provision.PreviewPageSize {
				break
			}
			seq = from + size
		}
	}
	return out, provision.ForeseenPosition{}, nil
}

// Publishable makes sure that a preview is still what would be done. It answers what is left to be asked in the transaction that
// publishes it: whether the drafts, and what is published, are as they were.
func (e *Engine) Publishable(ctx context.Context, envID, id string) (provision.PublishOptions, error) {
	p, err := e.KeptPreview(ctx, envID, id)
	if problem.Is(err, problem.NotFound) {
		return provision.PublishOptions{}, problem.New(problem.Conflict, "%s", err)
	}
	if err != nil {
		return provision.PublishOptions{}, err
	}
	moved, err := e.PreviewMoved(ctx, &p)
	if err != nil {
		return provision.PublishOptions{}, err
	}
	if len(moved) > 0 {
		return provision.PublishOptions{}, outdated(moved)
	}
	return provision.PublishOptions{OverwriteExisting: p.Overwrite, Check: func(d *provision.Drafts, previous *provision.Revision) error {
		if moved := draftsMoved(&p, d, previous); len(moved) > 0 {
			return outdated(moved)
		}
		return switchedOn(&p, d)
	}}, nil
}

func outdated(moved []string) error {
	const most = 3
	if n := len(moved); n > most {
		moved = append(moved[:most:most], fmt.Sprintf("and %d more", n-most))
	}
	return problem.New(problem.Conflict, "the preview is not what would happen any more: %s; make a new preview, and look at it before you publish", strings.Join(moved, "; "))
}

func draftsMoved(p *provision.Preview, d *provision.Drafts, latest *provision.Revision) []string {
	var out []string
	if latest.ID != p.Inputs.RevisionID {
		out = append(out, fmt.Sprintf("revision %d was published", latest.Number))
	}
	for _, m := range provision.DraftsMoved(p.Inputs.Drafts, d.Digests(p.ConnectionID, p.RuleID)) {
		out = append(out, m.Said)
	}
	return out
}

// switchedOn refuses to publish what would do nothing of what the preview shows.
func switchedOn(p *provision.Preview, d *provision.Drafts) error {
	for i := range d.Plans {
		if d.Plans[i].Status == provision.Inactive {
			return problem.New(problem.InvalidData, "plan %q is switched off, so that nothing of the preview would happen; switch it on, then publish", d.Plans[i].Name)
		}
	}
	for i := range d.Connections {
		if c := &d.Connections[i]; c.ID == p.ConnectionID && c.Status != provision.Active {
			return problem.New(problem.InvalidData, "connection %q is switched off, so that nothing of the preview would happen; switch it on, then publish", c.Name)
		}
	}
	for i := range d.Rules {
		if r := &d.Rules[i]; r.ID == p.RuleID && !r.Active {
			return problem.New(problem.InvalidData, "rule %q is switched off, so that nothing of the preview would happen; switch it on, then publish", r.Name)
		}
	}
	return nil
}

// PreviewMoved says in sentences what changed since the preview was made; nothing means that it is what would happen.
func (e *Engine) PreviewMoved(ctx context.Context, p *provision.Preview) ([]string, error) {
	drafts, latest, err := e.draftedNow(ctx, p.EnvironmentID)
	if err != nil {
		return nil, err
	}
	moved := draftsMoved(p, &drafts, &latest)
	edits, err := e.editsSince(ctx, p)
	if err != nil {
		return nil, err
	}
	moved = append(moved, edits...)
	known, err := e.store.KnownDigest(ctx, p.ConnectionID)
	if err != nil {
		return nil, fmt.Errorf("read what is known of the target: %w", err)
	}
	if known != p.Inputs.Known {
		moved = append(moved, "accounts on the target were written, linked, unlinked or found changed, or a hold was decided")
	}
	return moved, nil
}

// editsSince says who was edited in the directory since the preview.
func (e *Engine) editsSince(ctx context.Context, p *provision.Preview) ([]string, error) {
	head, err := e.store.FeedHead(ctx, p.EnvironmentID)
	if err != nil || head <= p.Inputs.Feed {
		return nil, err
	}
	const most = 1000
	changes, err := e.store.Changes(ctx, p.EnvironmentID, p.Inputs.Feed, most)
	if err != nil {
		return nil, fmt.Errorf("read the feed: %w", err)
	}
	ids := map[string]bool{}
	for i := range changes {
		ids[changes[i].ObjectID] = true
	}
	said := fmt.Sprintf("%d users, groups or attributes were edited", len(ids))
	if len(changes) == most {
		said = fmt.Sprintf("more than %d edits were made in the directory", most)
	} else if len(ids) == 1 {
		said = "the directory was edited"
	}
	if len(changes) > 0 {
		newest := changes[len(changes)-1]
		lines, err := e.store.Activities(ctx, p.EnvironmentID, directory.ActivityQuery{Kind: newest.Kind, ObjectID: newest.ObjectID, Before: newest.Seq + 1, Limit: 1})
		if err == nil && len(lines) > 0 {
			said += fmt.Sprintf(", lastly: %s, by %s", lines[0].Description, lines[0].Actor.Name)
		}
	}
	return []string{said}, nil
}
