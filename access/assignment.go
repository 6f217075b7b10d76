package access

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"lockstep/directory"
	"lockstep/internal/problem"
)

// Assignment is a role in an environment other than one's own.
type Assignment struct {
	PrincipalID   string // an administrator, or a client
	EnvironmentID string
	Role          Role
}

// AssignmentStore keeps the roles that are held in other environments. What does not exist is a problem.NotFound.
type AssignmentStore interface {
	Assignment(ctx context.Context, principalID, envID string) (Assignment, error)
	AssignmentsOf(ctx context.Context, principalID string) ([]Assignment, error)
	AssignmentsIn(ctx context.Context, envID string) ([]Assignment, error)
}

// AssignmentTx is an edit of them in progress.
type AssignmentTx interface {
	AllAssignments(ctx context.Context) ([]Assignment, error)
	SaveAssignment(ctx context.Context, a Assignment) error
	DeleteAssignment(ctx context.Context, principalID, envID string) error
}

// RoleIn answers the role that an administrator or a client has in an environment that is not their own. It is read each time, so that a
// role that was taken away is gone at once.
func (s *Service) RoleIn(ctx context.Context, principalID, envID string) (Role, error) {
	a, err := s.store.Assignment(ctx, principalID, envID)
	return a.Role, err
}

// Assignments lists the roles that an administrator or a client has beside the one at home.
func (s *Service) Assignments(ctx context.Context, principalID string) ([]Assignment, error) {
	return s.store.AssignmentsOf(ctx, principalID)
}

// Found gives whoever makes an environment every right in it. It comes first: if the environment then is not kept, this is a role in nothing.
func (s *Service) Found(ctx context.Context, principalID, envID string) error {
	return s.store.EditAdministrators(ctx, func(tx AdministratorTx) error {
		return tx.SaveAssignment(ctx, Assignment{principalID, envID, EnvironmentAdmin})
	})
}

// Admit gives an administrator of another environment a role in this one. They sign in as before.
func (s *Service) Admit(ctx context.Context, envID, username string, role Role) (Administrator, error) {
	var out Administrator
	role, err := ParseRole(string(role))
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
		i := slices.IndexFunc(all, func(a Administrator) bool {
			return directory.Fold(a.Username) == directory.Fold(strings.TrimSpace(username))
		})
		if i < 0 {
			return refused("The administrator cannot be added:", problem.InvalidValue, "username", "nobody signs in with this username")
		}
		if _, ok := roleOf(all[i], given, envID); ok {
			return refused("The administrator cannot be added:", problem.UniquenessViolation, "username", "they are an administrator here already")
		}
		out = all[i]
		out.Role = role
		if err := tx.SaveAssignment(ctx, Assignment{out.ID, envID, role}); err != nil {
			return err
		}
		return tx.Append(ctx, s.linesIn(ctx, envID, out, "ROLE_ASSIGNED", fmt.Sprintf("administrator %s of another environment was given the role %s", out.Username, role), nil))
	})
	return out, err
}

// roleOf answers the role of an administrator in an environment, their own or another one.
func roleOf(a Administrator, given []Assignment, envID string) (Role, bool) {
	if a.EnvironmentID == envID {
		return a.Role, true
	}
	for _, g := range given {
		if g.PrincipalID == a.ID && g.EnvironmentID == envID {
			return g.Role, true
		}
	}
	return "", false
}

// editor is who gives somebody else a new password. It is nobody when that is done on the server itself.
type editor struct {
	id     string
	client Client // where it is one
}

func (s *Service) editor(ctx context.Context) (editor, error) {
	actor := directory.OriginOf(ctx).Actor
	switch actor.Type {
	case "USER":
		return editor{id: actor.ID}, nil
	case "CLIENT":
		c, err := s.store.Client(ctx, actor.ID)
		return editor{actor.ID, c}, err
	default:
		return editor{}, nil
	}
}

// outranked reports whether an administrator may do more in another environment than the editor, who could sign in as them with a new
// password, and answers the role there.
func (e editor) outranked(all []Administrator, given []Assignment, a Administrator) (Role, bool) {
	if e.id == "" || e.id == a.ID {
		return "", false
	}
	as := Administrator{ID: e.id, EnvironmentID: e.client.EnvironmentID, Role: e.client.Role}
	if known, err := find(all, "", e.id); err == nil {
		as = known
	}
	for _, g := range given {
		if g.PrincipalID != a.ID {
			continue
		}
		has, _ := roleOf(as, given, g.EnvironmentID)
		for _, may := range []Action{Read, EditDirectory, EditAll} {
			if g.Role.May(may) && !has.May(may) {
				return g.Role, true
			}
		}
	}
	return "", false
}

// sole reports whether nobody but this administrator may do everything in an environment.
func sole(all []Administrator, given []Assignment, a Administrator, envID string) bool {
	if role, _ := roleOf(a, given, envID); role != EnvironmentAdmin {
		return false
	}
	return !slices.ContainsFunc(all, func(other Administrator) bool {
		role, _ := roleOf(other, given, envID)
		return other.ID != a.ID && role == EnvironmentAdmin
	})
}

// guests answers the administrators of other environments who have a role in this one, with that role.
func guests(all []Administrator, given []Assignment, envID string) []Administrator {
	var out []Administrator
	for _, a := range all {
		if role, ok := roleOf(a, given, envID); ok && a.EnvironmentID != envID {
			a.Role = role
			out = append(out, a)
		}
	}
	return out
}

// updateGuest changes the role that an administrator of another environment has here; all else of them is their own environment's.
func (s *Service) updateGuest(ctx context.Context, tx AdministratorTx, all []Administrator, given []Assignment, envID string, a Administrator, edit AdministratorEdit) (Administrator, error) {
	if edit.Password != nil || edit.Name != nil && strings.TrimSpace(*edit.Name) != a.Name {
		target := "name"
		if edit.Password != nil {
			target = "password"
		}
		return a, refused("The administrator cannot be saved:", problem.ConstraintViolation, target, "they belong to another environment; only their role here can be changed")
	}
	if edit.Role == nil || *edit.Role == a.Role {
		return a, nil
	}
	role, err := ParseRole(string(*edit.Role))
	if err != nil {
		return a, err
	}
	if role != EnvironmentAdmin && sole(all, given, a, envID) {
		return a, errSole
	}
	changed := []directory.AttributeChange{{Attribute: "role", From: string(a.Role), To: string(role)}}
	a.Role = role
	if err := tx.SaveAssignment(ctx, Assignment{a.ID, envID, role}); err != nil {
		return a, err
	}
	return a, tx.Append(ctx, s.linesIn(ctx, envID, a, "UPDATED", "administrator "+a.Username+" was updated", changed))
}

// deleteGuest takes the role away that an administrator of another environment has here.
func (s *Service) deleteGuest(ctx context.Context, tx AdministratorTx, envID string, a Administrator) error {
	if err := tx.DeleteAssignment(ctx, a.ID, envID); err != nil {
		return err
	}
	return tx.Append(ctx, s.linesIn(ctx, envID, a, "ROLE_REMOVED", "administrator "+a.Username+" of another environment has no role any more", nil))
}

// deleteGuestClient takes the role away that a client of another environment has here.
func (s *Service) deleteGuestClient(ctx context.Context, envID string, c Client) error {
	err := s.store.EditAdministrators(ctx, func(tx AdministratorTx) error {
		if err := tx.DeleteAssignment(ctx, c.ID, envID); err != nil {
			return err
		}
		here := c
		here.EnvironmentID = envID
		return tx.Append(ctx, []directory.Activity{s.line(ctx, &here, "ROLE_REMOVED", "client "+c.Name+" of another environment has no role any more")})
	})
	if problem.Is(err, problem.NotFound) {
		return problem.Missing("client")
	}
	return err
}
