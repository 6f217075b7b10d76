package access

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"lockstep/directory"
	"lockstep/internal/problem"
	"lockstep/internal/secret"
)

// Administrator is a person who signs in to the console. The password is kept as a hash only.
type Administrator struct {
	ID            string
	EnvironmentID string
	Username      string // unique in the installation, without regard to case
	Name          string // as shown; may be empty
	Role          Role
	PasswordHash  string // see hashPassword
	CreatedAt     time.Time
	UpdatedAt     time.Time
	LastSignOnAt  time.Time // zero: never
}

// AdministratorStore keeps administrators and their sessions. What does not exist is a problem.NotFound.
type AdministratorStore interface {
	AssignmentStore

	// EditAdministrators runs fn in one transaction: all of it is kept, or nothing. fn may be run again after a conflict.
	EditAdministrators(ctx context.Context, fn func(tx AdministratorTx) error) error
	Administrator(ctx context.Context, id string) (Administrator, error)
	// AdministratorByUsername finds by the folded username (see directory.Fold).
	AdministratorByUsername(ctx context.Context, folded string) (Administrator, error)
	// Administrators lists them by username; envID "" = of all environments.
	Administrators(ctx context.Context, envID string) ([]Administrator, error)

	Session(ctx context.Context, hash string) (Session, error)
	TouchSession(ctx context.Context, hash string, at time.Time) error
	DeleteSession(ctx context.Context, hash string) error
}

// AdministratorTx is an edit in progress.
type AdministratorTx interface {
	AssignmentTx

	// LockAdministrators keeps others from editing administrators until the transaction ends, and lists them all.
	LockAdministrators(ctx context.Context) ([]Administrator, error)
	InsertAdministrator(ctx context.Context, a Administrator) error
	UpdateAdministrator(ctx context.Context, a Administrator) error
	// DeleteAdministrator also ends the sessions, and the roles in other environments.
	DeleteAdministrator(ctx context.Context, id string) error
	InsertSession(ctx context.Context, s Session) error
	// DeleteSessions ends the sessions of an administrator, but for the one kept ("" = none).
	DeleteSessions(ctx context.Context, administratorID, kept string) error

	// InsertInvitation keeps the hash of a one-time link; TakeInvitation uses it up and answers until when it was good.
	InsertInvitation(ctx context.Context, hash string, expires time.Time) error
	TakeInvitation(ctx context.Context, hash string) (time.Time, error)
	DeleteInvitations(ctx context.Context) error

	Append(ctx context.Context, activities []directory.Activity) error
}

const (
	sessionLife    = 12 * time.Hour
	sessionIdle    = time.Hour
	seenEvery      = time.Minute
	invitationLife = 24 * time.Hour
	maxUsername    = 128
	// Length matters, composition does not, and the commonest are refused (NIST SP 800-63B-4 §3.1.1.2). NIST asks for 15 where there is no
	// second factor (SECURITY.md).
	minPassword    = 8
	maxPassword    = 256
	sessionMark    = "lockstep session\x00"
	invitationMark = "lockstep invitation\x00"
)

// NewAdministrator is what a new administrator is made of.
type NewAdministrator struct {
	Username string
	Name     string
	Role     Role // "" = EnvironmentAdmin
	Password secret.Text
}

// CreateAdministrator makes an administrator.
func (s *Service) CreateAdministrator(ctx context.Context, envID string, n NewAdministrator) (Administrator, error) {
	a, err := s.newAdministrator(envID, n)
	if err != nil {
		return Administrator{}, err
	}
	err = s.store.EditAdministrators(ctx, func(tx AdministratorTx) error {
		all, err := tx.LockAdministrators(ctx)
		if err != nil {
			return err
		}
		return s.insertAdministrator(ctx, tx, all, a)
	})
	return a, err
}

func (s *Service) insertAdministrator(ctx context.Context, tx AdministratorTx, all []Administrator, a Administrator) error {
	for _, other := range all {
		if directory.Fold(other.Username) == directory.Fold(a.Username) {
			return refused("The administrator cannot be saved:", problem.UniquenessViolation, "username", "another administrator has this username; choose another one")
		}
	}
	if err := tx.InsertAdministrator(ctx, a); err != nil {
		return err
	}
	// The link of the first start is of no use any more, and must be of none.
	if err := tx.DeleteInvitations(ctx); err != nil {
		return err
	}
	return tx.Append(ctx, s.lines(ctx, a, "CREATED", "administrator "+a.Username+" was created with the role "+string(a.Role), nil))
}

func refused(message, code, target, format string, args ...any) error {
	var l problem.List
	l.Add(code, target, format, args...)
	return l.Err(message)
}

func (s *Service) newAdministrator(envID string, n NewAdministrator) (Administrator, error) {
	n.Username, n.Name = strings.TrimSpace(n.Username), strings.TrimSpace(n.Name)
	if n.Role == "" {
		n.Role = EnvironmentAdmin
	}
	var l problem.List
	checkText(&l, "username", n.Username, maxUsername, true)
	checkText(&l, "name", n.Name, maxName, false)
	checkPassword(&l, "password", n.Password, n.Username)
	if err := l.Err("The administrator cannot be saved:"); err != nil {
		return Administrator{}, err
	}
	role, err := ParseRole(string(n.Role))
	if err != nil {
		return Administrator{}, err
	}
	hash, err := s.passwords.hash(n.Password)
	if err != nil {
		return Administrator{}, err
	}
	now := s.instant()
	return Administrator{
		ID: uuid.Must(uuid.NewV7()).String(), EnvironmentID: envID, Username: n.Username, Name: n.Name, Role: role, PasswordHash: hash, CreatedAt: now, UpdatedAt: now,
	}, nil
}

func (s *Service) instant() time.Time { return s.now().UTC().Truncate(time.Microsecond) }

func checkText(l *problem.List, target, text string, longest int, required bool) {
	switch {
	case text == "" && required:
		l.Add(problem.RequiredValue, target, "a %s is required", target)
	case utf8.RuneCountInString(text) > longest:
		l.Add(problem.InvalidValue, target, "at most %d characters are allowed", longest)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
		l.Add(problem.InvalidValue, target, "control characters such as line breaks are not allowed")
	}
}

func checkPassword(l *problem.List, target string, password secret.Text, username string) {
	text := password.Reveal()
	switch n := utf8.RuneCountInString(text); {
	case n < minPassword:
		l.Add(problem.InvalidValue, target, "a password has at least %d characters; a sentence is easy to remember", minPassword)
	case n > maxPassword || !utf8.ValidString(text):
		l.Add(problem.InvalidValue, target, "a password has at most %d characters", maxPassword)
	case strings.EqualFold(text, username):
		l.Add(problem.InvalidValue, target, "the password must not be the username")
	case isCommon(password):
		l.Add(problem.InvalidValue, target, "this is one of the passwords that are tried first; a sentence is easy to remember")
	}
}

// AdministratorEdit is what may change about an administrator; nil stays as it is.
type AdministratorEdit struct {
	Name     *string
	Role     *Role
	Password *secret.Text
}

// UpdateAdministrator edits an administrator. A new password ends the other sessions.
func (s *Service) UpdateAdministrator(ctx context.Context, envID, id string, edit AdministratorEdit) (Administrator, error) {
	var out Administrator
	hash, by, err := s.newPassword(ctx, envID, id, edit.Password)
	if err != nil {
		return out, err
	}
	err = s.store.EditAdministrators(ctx, func(tx AdministratorTx) error {
		all, err := tx.LockAdministrators(ctx)
		if err != nil {
			return err
		}
		given, err := tx.AllAssignments(ctx)
		if err != nil {
			return err
		}
		if a, err := find(guests(all, given, envID), "", id); err == nil {
			out, err = s.updateGuest(ctx, tx, all, given, envID, a, edit)
			return err
		}
		a, err := find(all, envID, id)
		if err != nil {
			return err
		}
		if role, more := by.outranked(all, given, a); more && edit.Password != nil {
			return refused("The password cannot be changed:", problem.ConstraintViolation, "password",
				"they have the role %q in another environment, where you have a lesser one or none; they can change it themselves", role)
		}
		var changed []directory.AttributeChange
		if edit.Name != nil && strings.TrimSpace(*edit.Name) != a.Name {
			var l problem.List
			name := strings.TrimSpace(*edit.Name)
			checkText(&l, "name", name, maxName, false)
			if err := l.Err("The administrator cannot be saved:"); err != nil {
				return err
			}
			changed = append(changed, directory.AttributeChange{Attribute: "name", From: a.Name, To: name})
			a.Name = name
		}
		if edit.Role != nil && *edit.Role != a.Role {
			role, err := ParseRole(string(*edit.Role))
			if err != nil {
				return err
			}
			if role != EnvironmentAdmin && sole(all, given, a, envID) {
				return errSole
			}
			changed = append(changed, directory.AttributeChange{Attribute: "role", From: string(a.Role), To: string(role)})
			a.Role = role
		}
		out = a
		if hash != "" {
			a.PasswordHash = hash
		}
		if len(changed) == 0 && hash == "" {
			return nil
		}
		return s.saveAdministrator(ctx, tx, &a, changed, hash != "", "", &out)
	})
	s.forgetSessions()
	return out, err
}

// newPassword answers the hash of a password that somebody gives an administrator, and who does.
func (s *Service) newPassword(ctx context.Context, envID, id string, password *secret.Text) (string, editor, error) {
	if password == nil {
		return "", editor{}, nil
	}
	a, err := s.Administrator(ctx, envID, id)
	if err != nil {
		return "", editor{}, err
	}
	by, err := s.editor(ctx)
	if err != nil || a.EnvironmentID != envID { // of another environment: it is refused under the lock
		return "", by, err
	}
	hash, err := s.newHash(a, "password", *password)
	return hash, by, err
}

func (s *Service) saveAdministrator(
	ctx context.Context, tx AdministratorTx, a *Administrator, changed []directory.AttributeChange, password bool, kept string, out *Administrator,
) error {
	a.UpdatedAt = s.instant()
	if err := tx.UpdateAdministrator(ctx, *a); err != nil {
		return err
	}
	what := "administrator " + a.Username + " was updated"
	if password {
		what = "the password of administrator " + a.Username + " was changed"
		if err := tx.DeleteSessions(ctx, a.ID, kept); err != nil {
			return err
		}
	}
	*out = *a
	return tx.Append(ctx, s.lines(ctx, *a, "UPDATED", what, changed))
}

func (s *Service) newHash(a Administrator, target string, password secret.Text) (string, error) {
	var l problem.List
	checkPassword(&l, target, password, a.Username)
	if err := l.Err("The password cannot be changed:"); err != nil {
		return "", err
	}
	return s.passwords.hash(password)
}

var errSole = refused("The administrator cannot be saved:", problem.ConstraintViolation, "role", "this is the last administrator with the role %q; give it to somebody else first", EnvironmentAdmin)

var errNotCurrent = refused("The password cannot be changed:", problem.InvalidValue, "currentPassword", "this is not your current password")

// ChangePassword is what administrators do themselves; kept is the session that goes on.
func (s *Service) ChangePassword(ctx context.Context, id string, current, next, kept secret.Text) error {
	a, err := s.store.Administrator(ctx, id)
	if err != nil {
		return err
	}
	ok, err := s.passwords.verify(ctx, a.PasswordHash, current)
	if err != nil {
		return err
	}
	if !ok {
		return errNotCurrent
	}
	hash, err := s.newHash(a, "newPassword", next)
	if err != nil {
		return err
	}
	err = s.store.EditAdministrators(ctx, func(tx AdministratorTx) error {
		all, err := tx.LockAdministrators(ctx)
		if err != nil {
			return err
		}
		now, err := find(all, a.EnvironmentID, id)
		if err != nil {
			return err
		}
		if now.PasswordHash != a.PasswordHash { // somebody gave them a new one meanwhile, maybe because this one was stolen
			return errNotCurrent
		}
		now.PasswordHash = hash
		return s.saveAdministrator(ctx, tx, &now, nil, true, sessionHash(kept), &now)
	})
	s.forgetSessions()
	return err
}

// DeleteAdministrator ends an administrator and the sessions; the last one with every right stays. Of an administrator of another
// environment it ends the role here.
func (s *Service) DeleteAdministrator(ctx context.Context, envID, id string) error {
	err := s.store.EditAdministrators(ctx, func(tx AdministratorTx) error {
		all, err := tx.LockAdministrators(ctx)
		if err != nil {
			return err
		}
		given, err := tx.AllAssignments(ctx)
		if err != nil {
			return err
		}
		guest, err := find(guests(all, given, envID), "", id)
		isGuest := err == nil
		a, err := find(all, "", id)
		if err != nil || !isGuest && a.EnvironmentID != envID {
			return problem.Missing("administrator")
		}
		if sole(all, given, a, envID) {
			return problem.New(problem.Conflict, "this is the last administrator with the role %q; make another one first", EnvironmentAdmin)
		}
		if isGuest {
			return s.deleteGuest(ctx, tx, envID, guest)
		}
		for _, g := range given {
			if g.PrincipalID == a.ID && sole(all, given, a, g.EnvironmentID) {
				return problem.New(problem.Conflict, "this is the last administrator of another environment with the role %q; make another one there first", EnvironmentAdmin)
			}
		}
		if err := tx.DeleteAdministrator(ctx, id); err != nil {
			return err
		}
		return tx.Append(ctx, s.lines(ctx, a, "DELETED", "administrator "+a.Username+" was deleted", nil))
	})
	s.forgetSessions()
	return err
}

// find answers the one with the id; envID "" = whatever environment they are of.
func find(all []Administrator, envID, id string) (Administrator, error) {
	for _, a := range all {
		if a.ID == id && (envID == "" || a.EnvironmentID == envID) {
			return a, nil
		}
	}
	return Administrator{}, problem.Missing("administrator")
}

// Administrator reads one who has a role in the environment, with that role.
func (s *Service) Administrator(ctx context.Context, envID, id string) (Administrator, error) {
	a, err := s.store.Administrator(ctx, id)
	if err != nil || a.EnvironmentID == envID {
		return a, err
	}
	if a.Role, err = s.RoleIn(ctx, id, envID); problem.Is(err, problem.NotFound) {
		return Administrator{}, problem.Missing("administrator")
	}
	return a, err
}

// Administrators lists those who have a role in an environment by username, with that role: its own, and those of others.
func (s *Service) Administrators(ctx context.Context, envID string) ([]Administrator, error) {
	out, err := s.store.Administrators(ctx, envID)
	if err != nil {
		return nil, err
	}
	given, err := s.store.AssignmentsIn(ctx, envID)
	if err != nil || len(given) == 0 {
		return out, err
	}
	all, err := s.store.Administrators(ctx, "")
	if err != nil {
		return nil, err
	}
	out = append(out, guests(all, given, envID)...)
	slices.SortFunc(out, func(a, b Administrator) int {
		return strings.Compare(directory.Fold(a.Username), directory.Fold(b.Username))
	})
	return out, nil
}

// AdministratorByUsername reads one.
func (s *Service) AdministratorByUsername(ctx context.Context, username string) (Administrator, error) {
	return s.store.AdministratorByUsername(ctx, directory.Fold(strings.TrimSpace(username)))
}

func (s *Service) lines(ctx context.Context, a Administrator, verb, what string, changes []directory.AttributeChange) []directory.Activity {
	return s.linesIn(ctx, a.EnvironmentID, a, verb, what, changes)
}

func (s *Service) linesIn(ctx context.Context, envID string, a Administrator, verb, what string, changes []directory.AttributeChange) []directory.Activity {
	origin := directory.OriginOf(ctx)
	return []directory.Activity{{
		ID: uuid.Must(uuid.NewV7()).String(), EnvironmentID: envID, RecordedAt: s.instant(), Type: "ADMINISTRATOR." + verb, Actor: origin.Actor,
		CorrelationID: origin.CorrelationID, Kind: directory.KindAdministrator, ObjectID: a.ID, ObjectName: a.Username, Success: true, Description: what, Changes: changes,
	}}
}
