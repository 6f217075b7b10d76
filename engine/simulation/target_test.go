package simulation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"lockstep/connector"
	"lockstep/connector/slack"
	"lockstep/directory"
	"lockstep/provision"
)

// whole is everything that a target can be to the engine.
type whole interface {
	connector.Target
	connector.Lister
	connector.Normalizer
	connector.Alternator
	connector.Checker
}

// distantType is the real connector with some time before each call. What the time is follows from the call, so that visits
// that start together do not race: the same schedule gives the same order.
type distantType struct {
	connector.Type
	w    *world
	life *life
}

// Open implements connector.Type.
func (t distantType) Open(c connector.Config) (connector.Target, error) {
	inner, err := t.Type.Open(c)
	if err != nil {
		return nil, err
	}
	full, ok := inner.(whole)
	if !ok {
		return nil, errors.New("the target lacks a part that the engine uses")
	}
	var out whole = &distant{whole: full, w: t.w, life: t.life}
	if t.w.mutant.target != nil {
		out = t.w.mutant.target(t.w, out)
	}
	return out, nil
}

func slackAt(w *world, life *life) connector.Type {
	return distantType{Type: slack.New(), w: w, life: life}
}

type distant struct {
	whole
	w    *world
	life *life
}

func (d *distant) way(key string) { d.life.pass(d.w.delay(time.Microsecond, 5*time.Millisecond, key)) }

func (d *distant) Do(ctx context.Context, call connector.Call) (*provision.Remote, error) {
	d.way(fmt.Sprint("do", call.Verb, call.RemoteID, call.Attributes["primaryEmail"]))
	return d.whole.Do(ctx, call)
}

func (d *distant) Find(ctx context.Context, kind directory.Kind, identifier string) ([]provision.Remote, error) {
	d.way("find" + identifier)
	return d.whole.Find(ctx, kind, identifier)
}

func (d *distant) Get(ctx context.Context, kind directory.Kind, id string) (*provision.Remote, error) {
	d.way("get" + id)
	return d.whole.Get(ctx, kind, id)
}
