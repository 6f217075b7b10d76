package provision

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"lockstep/directory"
	"lockstep/internal/problem"
)

// Checker knows the languages of filters and expressions.
type Checker interface {
	// Language answers what can be said about the users of an environment. It reads the store, and its error is the store's:
	// nothing is wrong with what the user gave. It is asked before an edit begins, which must not wait for a second connection.
	Language(ctx context.Context, envID string) (Language, error)
}

// Language judges what users of the API write. An error is a sentence that says what is wrong and where.
type Language interface {
	CheckFilter(expression string) error
	CheckExpression(expression string) error
	CheckAttribute(path string) error
}

// Deps is what a Service needs. Now, NewID and Wake may be nil.
type Deps struct {
	Catalogue Catalogue
	Checker   Checker
	Now       func() time.Time
	NewID     func() string
	// Wake is called after a revision was published, and after a connection was edited: a replaced token works at once.
	Wake func(envID string)
}

// Service is the only way to edit what is provisioned. Edits are drafts until Publish.
type Service struct {
	store     Store
	catalogue Catalogue
	checker   Checker
	now       func() time.Time
	newID     func() string
	wake      func(string)
}

// NewService makes a service over a store.
func NewService(store Store, d Deps) *Service {
	s := &Service{store: store, catalogue: d.Catalogue, checker: d.Checker, now: d.Now, newID: d.NewID, wake: d.Wake}
	if s.now == nil {
		s.now = time.Now
	}
	if s.newID == nil {
		s.newID = func() string { return uuid.Must(uuid.NewV7()).String() }
	}
	if s.wake == nil {
		s.wake = func(string) {}
	}
	return s
}

// language is Checker.Language, with an error that is not about the input.
func (s *Service) language(ctx context.Context, envID string) (Language, error) {
	l, err := s.checker.Language(ctx, envID)
	if err != nil {
		return nil, fmt.Errorf("read the attributes of users: %w", err)
	}
	return l, nil
}

func (s *Service) instant() time.Time { return s.now().UTC().Truncate(time.Microsecond) }

// errUnchanged ends an edit that turned out to change nothing: it is rolled back, and nothing is logged.
var errUnchanged = errors.New("nothing changed")

// edit runs fn in one transaction.
func (s *Service) edit(ctx context.Context, fn func(tx Tx) error) error {
	if err := s.store.EditProvisioning(ctx, fn); err != nil && !errors.Is(err, errUnchanged) {
		return err
	}
	return nil
}

// subject is what an activity is about.
type subject struct {
	envID        string
	kind         directory.Kind
	id, name     string
	connectionID string
	ruleID       string
}

var kindWords = map[directory.Kind]string{
	directory.KindPlan: "plan", directory.KindConnection: "connection", directory.KindRule: "rule", directory.KindMapping: "mapping",
	directory.KindRevision: "revision",
}

// log appends one activity about an edit, as the last thing of its transaction. It never carries a secret.
func (s *Service) log(ctx context.Context, tx Tx, about subject, verb string, changes []directory.AttributeChange) error {
	origin := directory.OriginOf(ctx)
	description := kindWords[about.kind] + " " + about.name + " was " + strings.ToLower(verb)
	if len(changes) > 0 && verb == "UPDATED" {
		names := make([]string, len(changes))
		for i, c := range changes {
			names[i] = c.Attribute
		}
		description += ": " + strings.Join(names, ", ")
	}
	return tx.Append(ctx, []directory.Activity{{
		ID: s.newID(), EnvironmentID: about.envID, RecordedAt: s.instant(), Type: string(about.kind) + "." + verb, Actor: origin.Actor,
		CorrelationID: origin.CorrelationID, Kind: about.kind, ObjectID: about.id, ObjectName: about.name, ConnectionID: about.connectionID,
		RuleID: about.ruleID, Success: true, Description: description, Changes: changes,
	}})
}

// changes collects what differs between two states of an object.
type changes []directory.AttributeChange

func (c *changes) add(name string, from, to any) {
	if !reflect.DeepEqual(from, to) {
		*c = append(*c, directory.AttributeChange{Attribute: name, From: from, To: to})
	}
}

// sorted lists the changes by attribute.
func (c *changes) sorted() []directory.AttributeChange {
	slices.SortFunc(*c, func(a, b directory.AttributeChange) int { return strings.Compare(a.Attribute, b.Attribute) })
	return *c
}

func invalid(code, target, format string, args ...any) error {
	var l problem.List
	l.Add(code, target, format, args...)
	return l.Err("The input is not acceptable:")
}

const (
	maxName        = 256
	maxDescription = 1024
)

func checkName(l *problem.List, name *string, required bool) {
	*name = strings.TrimSpace(*name)
	directory.CheckText(l, "name", *name, maxName, required)
}

func checkStatus(l *problem.List, status Status) {
	if status != "" && status != Active && status != Inactive {
		l.AddDetail(problem.Detail{
			Code: problem.InvalidValue, Target: "status", Message: "a status is ACTIVE or INACTIVE", AllowedValues: []string{string(Active), string(Inactive)},
		})
	}
}
