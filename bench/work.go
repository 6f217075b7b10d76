package main

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"lockstep/sandbox/slack"
)

const noLimits = -1 // slack.Options.TimeScale

var works = []work{
	{"first sync of 1,000 into a target with 20 ms latency", "< 1 s", false, growth{}, firstSync(1_000, 20*time.Millisecond)},
	{"first sync of 1,000, 0 ms", "–", false, growth{"first sync", 1_000}, firstSync(1_000, 0)},
	{"first sync of 10,000, 0 ms", "< 4 s", false, growth{"first sync", 10_000}, firstSync(10_000, 0)},
	{"first sync of 100,000, 0 ms", "–", false, growth{"first sync", 100_000}, firstSync(100_000, 0)},
	{"no-op resync of 1,000", "–", false, growth{"no-op resync", 1_000}, resync(1_000)},
	{"no-op resync of 10,000", "< 0.4 s, zero writes, < 100 MiB", false, growth{"no-op resync", 10_000}, resync(10_000)},
	{"no-op resync of 100,000", "< 4 s, zero writes, < 256 MiB", false, growth{"no-op resync", 100_000}, resync(100_000)},
	{"no-op resync of 1,000,000", "< 45 s, zero writes, < 512 MiB", true, growth{"no-op resync", 1_000_000}, resync(1_000_000)},
	{"one edit among 1,000, until the write arrives", "–", false, growth{"one edit, p50", 1_000}, edit(1_000)},
	{"one edit among 100,000, until the write arrives", "p50 < 10 ms, p99 < 40 ms", false, growth{"one edit, p50", 100_000}, edit(100_000)},
	{"import of 1,000", "–", false, growth{"import", 1_000}, imports(1_000)},
	{"import of 100,000", "< 10 s, bounded memory", false, growth{"import", 100_000}, imports(100_000)},
	{"import of 1,000,000", "< 120 s, bounded memory", true, growth{"import", 1_000_000}, imports(1_000_000)},
	{"share of the create rate, limits 60 times faster", "≥ 98 %, no 429", false, growth{}, rateShare},
	{"adoption of 1,000 members, none to change", "–", false, growth{"adoption", 1_000}, adoption(1_000)},
	{"adoption of 10,000 members, none to change", "10 calls (+ verification)", false, growth{"adoption", 10_000}, adoption(10_000)},
	{"adoption of 100,000 members, none to change", "–", false, growth{"adoption", 100_000}, adoption(100_000)},
	{"mapping that touches 50 of 1,000", "–", false, growth{"mapping that touches 50", 1_000}, mapping(1_000)},
	{"mapping that touches 50 of 100,000", "50 calls, < 3 s", false, growth{"mapping that touches 50", 100_000}, mapping(100_000)},
	{"preview of a first sync of 100,000, all to be created", "< 5 s, zero writes, bounded memory", false, growth{}, previewNew(100_000, 0)},
	{"preview of a first sync of 100,000, all to be linked", "< 5 s, zero writes, bounded memory", false, growth{}, previewNew(100_000, 100_000)},
	{"preview of a mapping that touches 50 of 100,000", "< 5 s, zero writes, bounded memory", false, growth{}, previewEdit(100_000)},
	{"first sync of 10,000 with 100 groups of 1,000", "< 8 s, 10,100 to 10,200 writes", false, growth{}, groupSync},
	{"no-op resync of 10,000 with 100 groups of 1,000", "< 0.5 s, zero writes", false, growth{}, groupResync},
	{"a nested group of 50,000 is edited", "< 100 ms", false, growth{}, nesting},
	{"idle for 10 s with 1,000 people", "–", false, growth{"idle, processor in 10 s", 1_000}, idle(1_000)},
	{"idle for 10 s with 100,000 people", "< 1 % of a core, < 120 MiB", false, growth{"idle, processor in 10 s", 100_000}, idle(100_000)},
}

func firstSync(n int, latency time.Duration) func(*bench) (figures, error) {
	return func(b *bench) (figures, error) {
		if err := b.ready(n, 0, latency); err != nil {
			return figures{}, err
		}
		took, err := b.client.publish()
		return b.spent(took, usage{}, err)
	}
}

// ready imports n people, makes a workspace that has the first members of them already, and starts the server.
func (b *bench) ready(n, members int, latency time.Duration) error {
	if _, _, err := b.people(n); err != nil {
		return err
	}
	if err := b.start(slack.Options{TimeScale: noLimits, Latency: latency}, 0); err != nil {
		return err
	}
	seed := make([]slack.Member, members)
	for i := range seed {
		seed[i] = member(i)
	}
	b.workspace.Seed(seed...)
	return nil
}

// adopted is ready with everybody a member and linked.
func (b *bench) adopted(n int) (time.Duration, error) {
	if err := b.ready(n, n, 0); err != nil {
		return 0, err
	}
	took, err := b.client.publish()
	if err != nil {
		return 0, err
	}
	if writes := b.workspace.Requests().Totals["writes"]; writes != 0 {
		return 0, fmt.Errorf("%d writes although everybody was a member already", writes)
	}
	return took, nil
}

// spent describes a work by its time, the calls it made, and the server's processor time and memory.
func (b *bench) spent(took time.Duration, before usage, err error) (figures, error) {
	if err != nil {
		return figures{}, err
	}
	after, err := b.usage()
	if err != nil {
		return figures{}, err
	}
	totals := b.workspace.Requests().Totals
	var calls int64
	for name, n := range totals {
		if name != "writes" && name != "429" {
			calls += n
		}
	}
	return figures{fmt.Sprintf("%.2f s, %d calls, %d writes, %.2f s of processor, %d MiB",
		took.Seconds(), calls, totals["writes"], (after.cpu - before.cpu).Seconds(), after.top>>20), took}, nil
}

func resync(n int) func(*bench) (figures, error) {
	return func(b *bench) (figures, error) {
		if _, err := b.adopted(n); err != nil {
			return figures{}, err
		}
		return b.resynced()
	}
}

// resynced measures one more reconciliation.
func (b *bench) resynced() (figures, error) {
	b.workspace.ResetLog()
	before, err := b.usage()
	if err = errors.Join(err, b.resetTop()); err != nil {
		return figures{}, err
	}
	took, err := b.client.resync()
	return b.spent(took, before, err)
}

func adoption(n int) func(*bench) (figures, error) {
	return func(b *bench) (figures, error) {
		took, err := b.adopted(n)
		return b.spent(took, usage{}, err)
	}
}

const edits = 300

func edit(n int) func(*bench) (figures, error) {
	return func(b *bench) (figures, error) {
		if _, err := b.adopted(n); err != nil {
			return figures{}, err
		}
		var page struct {
			Embedded struct {
				Users []struct {
					ID string `json:"id"`
				} `json:"users"`
			} `json:"_embedded"`
		}
		if err := b.client.call(http.MethodGet, "/users?limit=100", nil, &page); err != nil {
			return figures{}, err
		}
		b.arrived = make(chan arrival, 16)
		var took []time.Duration
		for i := range edits {
			user := page.Embedded.Users[i%len(page.Embedded.Users)].ID
			start := time.Now()
			if err := b.client.call(http.MethodPatch, "/users/"+user, object{"title": fmt.Sprintf("Engineer %d", i)}, nil); err != nil {
				return figures{}, err
			}
			select {
			case a := <-b.arrived:
				took = append(took, a.at.Sub(start))
			case <-time.After(10 * time.Second):
				return figures{}, fmt.Errorf("edit %d did not arrive within ten seconds", i)
			}
		}
		slices.Sort(took)
		p50, p99 := took[len(took)/2], took[len(took)*99/100]
		return figures{fmt.Sprintf("p50 %.1f ms, p99 %.1f ms, of %d", ms(p50), ms(p99), len(took)), p50}, nil
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func imports(n int) func(*bench) (figures, error) {
	return func(b *bench) (figures, error) {
		took, top, err := b.people(n)
		if err != nil {
			return figures{}, err
		}
		return figures{fmt.Sprintf("%.2f s (%.0f a second), %d MiB", took.Seconds(), float64(n)/took.Seconds(), top>>20), took}, nil
	}
}

// rateShare lets 2,000 people be created by Slack's limits, made 60 times faster: 180 creates a second after a burst of 20.
func rateShare(b *bench) (figures, error) {
	const n, scale, perSecond, burst = 2_000, 60, 180, 20
	if _, _, err := b.people(n); err != nil {
		return figures{}, err
	}
	if err := b.start(slack.Options{TimeScale: scale}, scale); err != nil {
		return figures{}, err
	}
	b.arrived = make(chan arrival, 10*n)
	if _, err := b.client.publish(); err != nil {
		return figures{}, err
	}
	var first, last time.Time
	for len(b.arrived) > 0 {
		a := <-b.arrived
		if first.IsZero() {
			first = a.at
		}
		last = a.at
	}
	allowed := burst + last.Sub(first).Seconds()*perSecond
	return figures{text: fmt.Sprintf("%.1f %%, %d refused", n/allowed*100, b.workspace.Requests().Totals["429"])}, nil
}

// senior changes the title of 50 people.
const senior = "#regex.matches(username, '^user1[0-4][0-9]$') ? 'Senior ' + title : title"

// mapping edits one mapping so that the title of 50 people changes, and publishes it. What it touches nobody knows before
// everybody was evaluated.
func mapping(n int) func(*bench) (figures, error) {
	return func(b *bench) (figures, error) {
		if err := b.ready(n, n, 0); err != nil {
			return figures{}, err
		}
		title, err := b.client.mappings()
		if err != nil {
			return figures{}, err
		}
		if _, err := b.client.publish(); err != nil {
			return figures{}, err
		}
		b.workspace.ResetLog()
		before, err := b.usage()
		if err != nil {
			return figures{}, err
		}
		err = b.client.call(http.MethodPut, "/propagation/mappings/"+title, object{"targetAttribute": "title", "expression": senior}, nil)
		if err != nil {
			return figures{}, err
		}
		took, err := b.client.publish()
		return b.spent(took, before, err)
	}
}

func idle(n int) func(*bench) (figures, error) {
	return func(b *bench) (figures, error) {
		if _, err := b.adopted(n); err != nil {
			return figures{}, err
		}
		if err := b.resetTop(); err != nil {
			return figures{}, err
		}
		before, err := b.usage()
		if err != nil {
			return figures{}, err
		}
		const watched = 10 * time.Second
		select {
		case <-b.ctx.Done():
			return figures{}, b.ctx.Err()
		case <-time.After(watched):
		}
		after, err := b.usage()
		if err != nil {
			return figures{}, err
		}
		spent := after.cpu - before.cpu
		return figures{fmt.Sprintf("%.2f %% of a core, %d MiB", spent.Seconds()/watched.Seconds()*100, after.rss>>20), spent}, nil
	}
}
