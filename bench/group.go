package main

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"lockstep/sandbox/slack"
)

// The works with groups: 10,000 people, each in ten of 100 groups.
const (
	groupPeople = 10_000
	groupCount  = 100
	groupSize   = 1_000
)

// grouped imports people and groups, starts the server, and lets the rule carry the groups.
func (b *bench) grouped() error {
	if err := b.ready(groupPeople, 0, 0); err != nil {
		return err
	}
	groups, members := filepath.Join(b.dir, "groups.csv"), filepath.Join(b.dir, "members.csv")
	defer func() { _ = errors.Join(os.Remove(groups), os.Remove(members)) }()
	err := errors.Join(
		lines(groups, "name\n", func(w *bufio.Writer) {
			for g := range groupCount {
				_, _ = fmt.Fprintf(w, "Group %03d\n", g)
			}
		}),
		lines(members, "group,username\n", func(w *bufio.Writer) {
			for g := range groupCount {
				for i := range groupSize {
					_, _ = fmt.Fprintf(w, "Group %03d,user%d\n", g, (g*groupPeople/groupCount+i)%groupPeople)
				}
			}
		}))
	if err != nil {
		return err
	}
	if err := b.command("import", "--groups", groups, "--memberships", members).Run(); err != nil {
		return fmt.Errorf("import groups: %w", err)
	}
	return b.client.carry()
}

// lines writes a file.
func lines(file, header string, body func(*bufio.Writer)) error {
	f, err := os.Create(file) //nolint:gosec // our own folder
	if err != nil {
		return fmt.Errorf("make a file: %w", err)
	}
	w := bufio.NewWriter(f)
	_, _ = w.WriteString(header)
	body(w)
	return errors.Join(w.Flush(), f.Close())
}

// carry selects all groups on the rule.
func (c *apiClient) carry() error {
	var page struct {
		Embedded struct {
			Groups []struct {
				ID string `json:"id"`
			} `json:"groups"`
		} `json:"_embedded"`
	}
	if err := c.call(http.MethodGet, "/groups?limit=1000", nil, &page); err != nil {
		return err
	}
	groups := make([]object, len(page.Embedded.Groups))
	for i, g := range page.Embedded.Groups {
		groups[i] = object{"id": g.ID}
	}
	rule := object{"name": "Everybody", "active": true, "populationExpression": "population.id pr", "groups": groups}
	return c.call(http.MethodPut, "/propagation/rules/"+c.rule, rule, nil)
}

func groupSync(b *bench) (figures, error) {
	if err := b.grouped(); err != nil {
		return figures{}, err
	}
	took, err := b.client.publish()
	return b.spent(took, usage{}, err)
}

func groupResync(b *bench) (figures, error) {
	if err := b.grouped(); err != nil {
		return figures{}, err
	}
	if _, err := b.client.publish(); err != nil {
		return figures{}, err
	}
	return b.resynced()
}

// nesting takes a group of 50,000 out of another and puts it back, by the API.
func nesting(b *bench) (figures, error) {
	const people, rounds = 50_000, 20
	if _, _, err := b.people(people); err != nil {
		return figures{}, err
	}
	if err := b.start(slack.Options{TimeScale: noLimits}, 0); err != nil {
		return figures{}, err
	}
	var ids [3]string
	for i, g := range []object{{"name": "Base", "userFilter": `title eq "Engineer"`}, {"name": "Middle"}, {"name": "Top"}} {
		var made struct {
			ID string `json:"id"`
		}
		if err := b.client.call(http.MethodPost, "/groups", g, &made); err != nil {
			return figures{}, err
		}
		ids[i] = made.ID
	}
	inner := "/groups/" + ids[0] + "/memberOfGroups"
	if err := b.client.call(http.MethodPost, "/groups/"+ids[1]+"/memberOfGroups", object{"id": ids[2]}, nil); err != nil {
		return figures{}, err
	}
	var longest time.Duration
	for range rounds {
		start := time.Now()
		if err := b.client.call(http.MethodPost, inner, object{"id": ids[1]}, nil); err != nil {
			return figures{}, err
		}
		longest = max(longest, time.Since(start))
		start = time.Now()
		if err := b.client.call(http.MethodDelete, inner+"/"+ids[1], nil, nil); err != nil {
			return figures{}, err
		}
		longest = max(longest, time.Since(start))
	}
	return figures{text: fmt.Sprintf("%.1f ms at most, of %d", ms(longest), 2*rounds)}, nil
}
