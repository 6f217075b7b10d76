package engine

import (
	"context"
	"errors"
	"testing"

	"lockstep/directory"
)

type attributesOnly struct {
	Source
	list []directory.Attribute
}

func (a attributesOnly) CustomAttributes(context.Context, string) ([]directory.Attribute, error) {
	return a.list, nil
}

// TestStaleLineDecidesNothing: a line that was compiled before an attribute was deleted must not judge people who lost its value.
func TestStaleLineDecidesNothing(t *testing.T) {
	l := &line{custom: []directory.Attribute{{Name: "team"}}}
	if err := l.fresh(t.Context(), attributesOnly{list: []directory.Attribute{{Name: "team"}}}, "e"); err != nil {
		t.Error(err)
	}
	for name, now := range map[string][]directory.Attribute{"deleted": nil, "declared anew": {{Name: "team", ID: "other"}}, "another one": {{Name: "team"}, {Name: "x"}}} {
		if err := l.fresh(t.Context(), attributesOnly{list: now}, "e"); !errors.Is(err, errStale) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
