package directory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"lockstep/internal/problem"
)

// refresh makes sure that the columns still mean what they meant when the header was read: attributes can be edited while a long
// file is taken over.
func (im *importer) refresh(ctx context.Context, tx Tx) error {
	schema, err := schemaOf(ctx, tx, im.envID)
	if err != nil || im.options.DryRun { // which knows attributes that are yet to be declared
		return err
	}
	for i := range im.columns {
		was := im.columns[i].attribute
		if now, ok := schema.Attribute(was.Name); was.SchemaType == SchemaCustom && (!ok || now.ID != was.ID) {
			return problem.New(problem.Conflict, "the attribute of a column was deleted while the file was taken over; import the file again")
		}
	}
	im.schema = schema
	return nil
}

// placed makes sure that the populations in which users are put are still there.
func (im *importer) placed(ctx context.Context, tx Tx, lists ...[]User) error {
	looked := map[string]bool{}
	for _, u := range slices.Concat(lists...) {
		if looked[u.PopulationID] {
			continue
		}
		looked[u.PopulationID] = true
		if _, err := tx.Population(ctx, im.envID, u.PopulationID); problem.Is(err, problem.NotFound) {
			return problem.New(problem.Conflict, "a population was deleted while the file was taken over; import the file again")
		} else if err != nil {
			return err
		}
	}
	return nil
}

// applyTo takes over a batch: few reads, few writes, and the log last.
func (im *importer) applyTo(ctx context.Context, tx Tx, batch []importRow) error {
	if err := im.refresh(ctx, tx); err != nil {
		return err
	}
	folded := make([]string, len(batch))
	for i := range batch {
		folded[i] = batch[i].folded
	}
	existing, err := tx.UsersByUsername(ctx, im.envID, folded)
	if err != nil {
		return err
	}
	holders, err := im.holders(ctx, tx, batch)
	if err != nil {
		return err
	}
	var inserts, updates []User
	var activities []Activity
	for i := range batch {
		var before *User
		if u, known := existing[batch[i].folded]; known {
			u.forget(im.schema)
			before = &u
		}
		after, changes, ok := im.judge(&batch[i], before, holders)
		switch {
		case !ok: // refused, and said so
		case before == nil:
			inserts = append(inserts, after)
			activities = append(activities, im.service.activity(ctx, im.envID, KindUser, "CREATED", after.ID, after.Username, Made(diff(&User{}, &after))))
			im.report.Created++
		case len(changes) == 0:
			im.report.Unchanged++
		default:
			after.UpdatedAt = im.service.instant()
			updates = append(updates, after)
			activities = append(activities, im.service.activity(ctx, im.envID, KindUser, "UPDATED", after.ID, after.Username, changes))
			im.report.Updated++
		}
	}
	if len(activities) == 0 || im.options.DryRun {
		return errUnchanged // rolled back; what was counted stays counted
	}
	if err := im.placed(ctx, tx, inserts, updates); err != nil {
		return err
	}
	if err := tx.InsertUsers(ctx, inserts); err != nil {
		return err
	}
	if err := tx.UpdateUsers(ctx, updates); err != nil {
		return err
	}
	edited := make([]*User, 0, len(inserts)+len(updates))
	for _, list := range [][]User{inserts, updates} {
		for i := range list {
			edited = append(edited, &list[i])
		}
	}
	followed, err := im.service.follow(ctx, tx, im.envID, im.schema, edited)
	if err != nil {
		return err
	}
	return tx.Append(ctx, append(followed, activities...))
}

// judge works out the user that a row gives and what it changes; before is nil for a new user. It refuses a row that cannot be
// taken over.
func (im *importer) judge(row *importRow, before *User, holders map[uniqueValue]string) (after User, changes []AttributeChange, ok bool) {
	after, ok = im.person(row, before)
	if !ok {
		return after, nil, false
	}
	if before != nil {
		if changes = diff(before, &after); len(changes) == 0 {
			return after, nil, true
		}
	}
	if err := after.check(im.schema, before); err != nil {
		im.refuseFor(row.line, err)
		return after, nil, false
	}
	err := after.unique(im.schema, before, func(a Attribute, value any) error { return im.claimUnique(row.line, after.ID, a, value, holders) })
	return after, changes, err == nil
}

// uniqueValue is a value of a unique attribute, as JSON.
type uniqueValue struct{ attribute, value string }

func uniqueOf(a Attribute, value any) (uniqueValue, error) {
	raw, err := json.Marshal(value)
	return uniqueValue{a.Name, string(raw)}, err
}

// holders finds who has the unique values that a batch gives, with one question an attribute.
func (im *importer) holders(ctx context.Context, tx Tx, batch []importRow) (map[uniqueValue]string, error) {
	out := map[uniqueValue]string{}
	for i := range im.columns {
		a := im.columns[i].attribute
		if !a.Unique || a.SchemaType != SchemaCustom {
			continue
		}
		var values []any
		for _, row := range batch {
			if v, message := a.read(strings.TrimSpace(row.fields[i])); v != nil && message == "" {
				values = append(values, v)
			}
		}
		holders, err := tx.Holders(ctx, a, values)
		if err != nil {
			return nil, err
		}
		for n, holder := range holders {
			key, err := uniqueOf(a, values[n])
			if err != nil {
				return nil, err
			}
			out[key] = holder
		}
	}
	return out, nil
}

var errRefused = errors.New("the row is refused")

// claimUnique refuses a value that somebody else holds, or that an earlier row of the file gave: the store does not know that one
// yet.
func (im *importer) claimUnique(line int, id string, a Attribute, value any, holders map[uniqueValue]string) error {
	key, err := uniqueOf(a, value)
	if err != nil {
		im.refuse(line, im.header(a.Name), "the value cannot be kept")
		return errRefused
	}
	if holder := holders[key]; holder != "" && holder != id {
		im.refuse(line, im.header(a.Name), valueTaken)
		return errRefused
	}
	if first := im.claim(im.claimed, a.Name+"\x00"+key.value, line); first != line {
		im.refuse(line, im.header(a.Name), fmt.Sprintf("line %d of the file has the same value, which must be unique", first))
		return errRefused
	}
	return nil
}

// person is the user as the row says.
func (im *importer) person(row *importRow, before *User) (User, bool) {
	var u User
	if before != nil {
		u = *before
		u.Custom = maps.Clone(before.Custom)
	} else {
		now := im.service.instant()
		u = User{
			ID: im.service.newID(), EnvironmentID: im.envID, Enabled: true, PopulationID: im.home.ID, PopulationName: im.home.Name, CreatedAt: now, UpdatedAt: now,
		}
	}
	for i, value := range row.fields {
		if message := im.set(&u, &im.columns[i], strings.TrimSpace(value)); message != "" {
			im.refuse(row.line, im.columns[i].header, message)
			return u, false
		}
	}
	if len(u.Custom) == 0 {
		u.Custom = nil
	}
	return u, true
}

// set writes one value of a row into a user; it answers what is wrong with the value, or "".
func (im *importer) set(u *User, c *column, value string) string {
	switch c.path {
	case "enabled":
		if value == "" {
			return "" // there is always a value
		}
		enabled, ok := flagWords[strings.ToLower(value)]
		if !ok {
			return "true or false is needed"
		}
		u.Enabled = enabled
		return ""
	case "population.name":
		return move(u, im.names, Fold(value))
	case "population.id":
		return move(u, im.ids, strings.ToLower(value))
	}
	if p := u.field(c.path); p != nil {
		*p = value
		return ""
	}
	v, message := c.attribute.read(value)
	switch {
	case v == nil:
		delete(u.Custom, c.path)
	case u.Custom == nil:
		u.Custom = map[string]any{c.path: v}
	default:
		u.Custom[c.path] = v
	}
	return message
}

func move(u *User, populations map[string]Population, key string) string {
	if key == "" {
		return "" // there is always a population
	}
	p, ok := populations[key]
	if !ok {
		return "there is no such population; create it first"
	}
	u.PopulationID, u.PopulationName = p.ID, p.Name
	return ""
}

var flagWords = map[string]bool{
	"true": true, "yes": true, "1": true, "active": true, "enabled": true, "false": false, "no": false, "0": false, "inactive": false, "disabled": false,
}

// read gives text from a file the attribute's type; several values stand between | signs, several of JSON in a JSON array.
func (a Attribute) read(value string) (any, string) {
	if value == "" {
		return nil, ""
	}
	if !a.MultiValued {
		return a.readOne(value)
	}
	if a.Type == TypeJSON {
		v, message := a.readOne(value)
		if list, ok := v.([]any); ok && len(list) > 0 || message != "" {
			return v, message
		}
		return nil, "a JSON array with at least one value is needed"
	}
	var list []any
	for part := range strings.SplitSeq(value, "|") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		v, message := a.readOne(part)
		if message != "" {
			return nil, message
		}
		list = append(list, v)
	}
	if len(list) == 0 {
		return nil, ""
	}
	return list, ""
}

func (a Attribute) readOne(value string) (any, string) {
	switch a.Type {
	case TypeBoolean:
		b, ok := flagWords[strings.ToLower(value)]
		if !ok {
			return nil, "true or false is needed"
		}
		return b, ""
	case TypeInteger:
		n, err := strconv.ParseInt(value, 10, 54)
		if err != nil {
			return nil, "a whole number is needed"
		}
		return float64(n), ""
	case TypeJSON:
		var v any
		if err := json.Unmarshal([]byte(value), &v); err != nil {
			return nil, `JSON is needed, such as {"key": "value"}`
		}
		return v, ""
	default:
		return value, ""
	}
}
