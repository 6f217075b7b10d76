package directory

import "context"

// Cause is what made Lockstep act: an edit, a revision, a request. The zero value is nobody's doing, such as a schedule's.
type Cause struct {
	Text          string `json:"text,omitempty"`          // in a sentence: "edited in the directory"
	ActivityID    string `json:"activityId,omitempty"`    // the line of the log that says what was done
	CorrelationID string `json:"correlationId,omitempty"` // of the request that did it
	Actor         *Actor `json:"actor,omitempty"`         // who did it
}

// IsZero reports whether nobody is known to have caused it.
func (c Cause) IsZero() bool { return c == Cause{} }

type causeKey struct{}

// causes are by object; otherwise is everybody else's.
type causes struct {
	byObject  map[string]Cause
	otherwise Cause
}

// WithCause notes in ctx what is the cause of all that is marked due.
func WithCause(ctx context.Context, c Cause) context.Context {
	return context.WithValue(ctx, causeKey{}, causes{otherwise: c})
}

// WithCauses notes in ctx which change is the cause of each object's being marked due: its newest. Others that follow, such as the
// groups above one, have a cause when all changes are one request's; no cause is better than a wrong one.
func WithCauses(ctx context.Context, changes []Change) context.Context {
	noted := causes{byObject: make(map[string]Cause, len(changes))}
	for i := range changes {
		noted.byObject[changes[i].ObjectID] = changes[i].Cause()
		if first := &changes[0]; changes[i].CorrelationID != first.CorrelationID || changes[i].Actor != first.Actor || first.CorrelationID == "" && i > 0 {
			noted.otherwise = Cause{}
		} else if i == 0 || !noted.otherwise.IsZero() {
			noted.otherwise = changes[i].Cause()
		}
	}
	return context.WithValue(ctx, causeKey{}, noted)
}

// CauseOf answers the cause of an object's being marked due: the one noted for it, or whoever asks.
func CauseOf(ctx context.Context, objectID string) Cause {
	if noted, ok := ctx.Value(causeKey{}).(causes); ok {
		if c, ok := noted.byObject[objectID]; ok {
			return c
		}
		return noted.otherwise
	}
	o := OriginOf(ctx)
	if o.Actor == System {
		return Cause{}
	}
	return Cause{CorrelationID: o.CorrelationID, Actor: &o.Actor}
}

// Cause is the change as the cause of what follows from it.
func (c *Change) Cause() Cause {
	return Cause{ActivityID: c.ActivityID, CorrelationID: c.CorrelationID, Actor: &c.Actor}
}

// AsCause is the activity as the cause of what follows from it.
func (a *Activity) AsCause() Cause {
	return Cause{ActivityID: a.ID, CorrelationID: a.CorrelationID, Actor: &a.Actor}
}
