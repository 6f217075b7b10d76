package main

import (
	"context"
	"fmt"

	"lockstep/directory"
)

// demoGroups makes a dynamic group for each department, nested in one for all of Acme. It answers their ids.
func demoGroups(ctx context.Context, a *app) ([]string, error) {
	everybody, err := a.people.CreateGroup(ctx, a.env.ID, directory.Group{Name: "Acme staff", Description: "everybody, through their department"})
	if err != nil {
		return nil, err
	}
	ids := []string{everybody.ID}
	for _, name := range departments {
		g, err := a.people.CreateGroup(ctx, a.env.ID, directory.Group{
			Name: name + " team", Description: "follows the attribute department", UserFilter: fmt.Sprintf("department eq %q", name),
		})
		if err != nil {
			return nil, err
		}
		if err := a.people.Nest(ctx, a.env.ID, g.ID, everybody.ID); err != nil {
			return nil, err
		}
		ids = append(ids, g.ID)
	}
	return ids, nil
}
