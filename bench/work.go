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
	{"first sync of 1,000 into a target with 20 ms latency", "< 1 s", false, firstSync(1_000, 20*time.Millisecond)},
	{"first sync of 10,000, 0 ms", "< 4 s", false, firstSync(10_000, 0)},
	{"no-op resync of 1,000", "–", false, resync(1_000)},
	{"no-op resync of 10,000", "< 0.4 s, zero writes, < 100 MiB", false, resync(10_000)},
	{"no-op resync of 100,000", "< 4 s, zero writes, < 256 MiB", false, resync(100_000)},
	{"no-op resync of 1,000,000", "< 45 s, zero writes, < 512 MiB", true, resync(1_000_000)},
	{"one edit among 1,000, until the write arrives", "–", false, edit(1_000)},
	{"one edit among 100,000, until the write arrives", "p50 < 10 ms, p99 < 40 ms", false, edit(100_000)},
	{"import of 1,000", "–", false, imports(1_000)},
	{"import of 100,000", "< 10 s, bounded memory", false, imports(100_000)},
	{"import of 1,000,000", "< 120 s, bounded memory", true, imports(1_000_000)},
	{"share of the create rate, limits 60 times faster", "≥ 98 %, no 429", false, rateShare},
	{"adoption of 10,000 members, none to change", "10 calls (+ verification)", false, adoption(10_000)},
	{"adoption of 100,000 members, none to change", "–", false, adoption(100_000)},
	{"mapping that touches 50 of 100,000", "50 calls, < 3 s", false, mapping(100_000)},
	{"preview of a first sync of 100,000, all to be created", "< 5 s, zero writes, bounded memory", false, previewNew(100_000, 0)},
	{"preview of a first sync of 100,000, all to be linked", "< 5 s, zero writes, bounded memory", false, previewNew(100_000, 100_000)},
	{"preview of a mapping that touches 50 of 100,000", "< 5 s, zero writes, bounded memory", false, previewEdit(100_000)},
	{"idle for 10 s with 1,000 people", "–", false, idle(1_000)},
	{"idle for 10 s with 100,000 people", "< 1 % of a core, < 120 MiB", false, idle(100_000)},
}

func firstSync(n int, latency time.Duration) func(*bench) (string, error) {
	return func(b *bench) (string, error) {
		if err := b.ready(n, 0, latency); err != nil {
			return "", err
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
func (b *bench) spent(took time.Duration, before usage, err error) (string, error) {
	if err != nil {
		return "", err
	}
	after, err := b.usage()
	if err != nil {
		return "", err
	}
	totals := b.workspace.Requests().Totals
	var calls int64
	for name, n := range totals {
		if name != "writes" && name != "429" {
			calls += n
		}
	}
	return fmt.Sprintf("%.2f s, %d calls, %d writes, %.2f s of processor, %d MiB",
		took.Seconds(), calls, totals["writes"], (after.cpu - before.cpu).Seconds(), after.top>>20), nil
}

func resync(n int) func(*bench) (string, error) {
	return func(b *bench) (string, error) {
		if _, err := b.adopted(n); err != nil {
			return "", err
		}
		b.workspace.ResetLog()
		before, err := b.usage()
		if err = errors.Join(err, b.resetTop()); err != nil {
			return "", err
		}
		took, err := b.client.resync()
		return b.spent(took, before, err)
	}
}

func adoption(n int) func(*bench) (string, error) {
	return func(b *bench) (string, error) {
		took, err := b.adopted(n)
		return b.spent(took, usage{}, err)
	}
}

const edits = 300

func edit(n int) func(*bench) (string, error) {
	return func(b *bench) (string, error) {
		if _, err := b.adopted(n); err != nil {
			return "", err
		}
		var page struct {
			Embedded struct {
				Users []struct {
					ID string `json:"id"`
				} `json:"users"`
			} `json:"_embedded"`
		}
		if err := b.client.call(http.MethodGet, "/users?limit=100", nil, &page); err != nil {
			return "", err
		}
		b.arrived = make(chan arrival, 16)
		var took []time.Duration
		for i := range edits {
			user := page.Embedded.Users[i%len(page.Embedded.Users)].ID
			start := time.Now()
			if err := b.client.call(http.MethodPatch, "/users/"+user, object{"title": fmt.Sprintf("Engineer %d", i)}, nil); err != nil {
				return "", err
			}
			select {
			case a := <-b.arrived:
				took = append(took, a.at.Sub(start))
			case <-time.After(10 * time.Second):
				return "", fmt.Errorf("edit %d did not arrive within ten seconds", i)
			}
		}
		slices.Sort(took)
		return fmt.Sprintf("p50 %.1f ms, p99 %.1f ms, of %d", ms(took[len(took)/2]), ms(took[len(took)*99/100]), len(took)), nil
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func imports(n int) func(*bench) (string, error) {
	return func(b *bench) (string, error) {
		took, top, err := b.people(n)
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("%.2f s (%.0f a second), %d MiB", took.Seconds(), float64(n)/took.Seconds(), top>>20), nil
	}
}

// rateShare lets 2,000 people be created by Slack's limits, made 60 times faster: 180 creates a second after a burst of 20.
func rateShare(b *bench) (string, error) {
	const n, scale, perSecond, burst = 2_000, 60, 180, 20
	if _, _, err := b.people(n); err != nil {
		return "", err
	}
	if err := b.start(slack.Options{TimeScale: scale}, scale); err != nil {
		return "", err
	}
	b.arrived = make(chan arrival, 10*n)
	if _, err := b.client.publish(); err != nil {
		return "", err
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
	return fmt.Sprintf("%.1f %%, %d refused", n/allowed*100, b.workspace.Requests().Totals["429"]), nil
}

// senior changes the title of 50 people.
const senior = "#regex.matches(username, '^user1[0-4][0-9]$') ? 'Senior ' + title : title"

// mapping edits one mapping so that the title of 50 people changes, and publishes it. What it touches nobody knows before
// everybody was evaluated.
func mapping(n int) func(*bench) (string, error) {
	return func(b *bench) (string, error) {
		if err := b.ready(n, n, 0); err != nil {
			return "", err
		}
		title, err := b.client.mappings()
		if err != nil {
			return "", err
		}
		if _, err := b.client.publish(); err != nil {
			return "", err
		}
		b.workspace.ResetLog()
		before, err := b.usage()
		if err != nil {
			return "", err
		}
		err = b.client.call(http.MethodPut, "/propagation/mappings/"+title, object{"targetAttribute": "title", "expression": senior}, nil)
		if err != nil {
			return "", err
		}
		took, err := b.client.publish()
		return b.spent(took, before, err)
	}
}

func idle(n int) func(*bench) (string, error) {
	return func(b *bench) (string, error) {
		if _, err := b.adopted(n); err != nil {
			return "", err
		}
		if err := b.resetTop(); err != nil {
			return "", err
		}
		before, err := b.usage()
		if err != nil {
			return "", err
		}
		const watched = 10 * time.Second
		select {
		case <-b.ctx.Done():
			return "", b.ctx.Err()
		case <-time.After(watched):
		}
		after, err := b.usage()
		if err != nil {
			return "", err
		}
		share := (after.cpu - before.cpu).Seconds() / watched.Seconds() * 100
		return fmt.Sprintf("%.2f %% of a core, %d MiB", share, after.rss>>20), nil
	}
}
