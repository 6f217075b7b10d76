package directory

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

const (
	maxColumns   = 1000
	namedColumns = 10 // at most this many are named in an error
	shownName    = 64
)

// aliases are the short names of attributes in files; PingOne's paths work as well. A declared attribute of the same name
// comes first.
var aliases = map[string]string{
	"given": "name.given", "givenname": "name.given", "firstname": "name.given", "family": "name.family", "familyname": "name.family",
	"lastname": "name.family", "middle": "name.middle", "formatted": "name.formatted", "prefix": "name.honorificPrefix", "suffix": "name.honorificSuffix",
	"phone": "primaryPhone", "mobile": "mobilePhone", "street": "address.streetAddress", "city": "address.locality", "locality": "address.locality",
	"region": "address.region", "postalcode": "address.postalCode", "country": "address.countryCode", "countrycode": "address.countryCode",
	"photo": "photo.href", "population": "population.name", "mail": "email", "active": "enabled",
}

// column is what one column of a file gives.
type column struct {
	header    string // as written
	path      string
	attribute Attribute
}

// start reads the header and finds out what its columns mean.
func (im *importer) start(ctx context.Context, in io.Reader) error {
	var err error
	if im.file, err = openCSV(in); err != nil {
		return err
	}
	if im.schema, err = im.service.Schema(ctx, im.envID); err != nil {
		return err
	}
	if err := im.loadPopulations(ctx); err != nil {
		return err
	}
	line, header, err := im.file.row()
	if broken, ok := errors.AsType[*brokenRow](err); ok {
		return badFile("line %d: the header cannot be read: %s", broken.line, broken.message)
	}
	if errors.Is(err, io.EOF) {
		return badFile("the file is empty; the first line must name the columns, such as username,email,given,family")
	}
	if err != nil {
		return fmt.Errorf("read the file: %w", err)
	}
	im.line = line
	return im.resolve(ctx, header)
}

func (im *importer) loadPopulations(ctx context.Context) error {
	list, err := im.service.store.Populations(ctx, im.envID)
	if err != nil {
		return err
	}
	im.names, im.ids = make(map[string]Population, len(list)), make(map[string]Population, len(list))
	for _, p := range list {
		im.names[Fold(p.Name)], im.ids[p.ID] = p, p
		if p.Default {
			im.home = p
		}
	}
	if im.options.Population == "" {
		return nil
	}
	p, ok := im.names[Fold(im.options.Population)]
	if !ok {
		p, ok = im.ids[im.options.Population]
	}
	if !ok {
		return badFile("there is no population called %q; create it first", shorten(im.options.Population))
	}
	im.home = p
	return nil
}

func (im *importer) resolve(ctx context.Context, header []string) error {
	if len(header) > maxColumns {
		return badFile("line %d: the header names %d columns; at most %d are allowed", im.line, len(header), maxColumns)
	}
	var unknown []string
	at := map[string]int{}
	for i, name := range header {
		name = strings.TrimSpace(name)
		switch {
		case !utf8.ValidString(name):
			return badFile("line %d: the header is not valid UTF-8; save the file as CSV UTF-8", im.line)
		case name == "":
			return badFile("line %d: column %d has no name; name it, or remove it", im.line, i+1)
		}
		path, ok := im.path(name)
		if !ok {
			unknown = append(unknown, name)
			path = name
		}
		if other, twice := at[strings.ToLower(path)]; twice {
			return badFile("line %d: columns %d and %d both give %s; remove one", im.line, other+1, i+1, shorten(path))
		}
		at[strings.ToLower(path)] = i
		im.columns = append(im.columns, column{header: name, path: path})
	}
	if _, ok := at["username"]; !ok {
		return badFile("line %d: the column username is missing; people are told apart by it", im.line)
	}
	_, byName := at["population.name"]
	if _, byID := at["population.id"]; byID && byName {
		return badFile("line %d: the columns population.name and population.id both say where people are; remove one", im.line)
	}
	if err := im.declare(ctx, unknown); err != nil {
		return err
	}
	for i := range im.columns {
		im.columns[i].attribute, _ = im.schema.Attribute(im.columns[i].path)
	}
	return nil
}

// path is what a column gives, and whether it is known.
func (im *importer) path(name string) (string, bool) {
	a, ok := im.schema.Attribute(name)
	if ok && a.SchemaType == SchemaCustom {
		return a.Name, true
	}
	if path, known := aliases[strings.ToLower(name)]; known {
		return path, true
	}
	if !ok || a.ReadOnly && a.Name != "population.name" {
		return "", false
	}
	return a.Name, true
}

// declare makes attributes of unknown columns, all or none, or says what to do about them.
func (im *importer) declare(ctx context.Context, unknown []string) error {
	if len(unknown) == 0 {
		return nil
	}
	if !im.options.CreateAttributes {
		return badFile("line %d: unknown columns: %s; correct their names, or declare them as attributes with --create-attributes", im.line, enumerate(unknown))
	}
	schema := im.schema
	for _, name := range unknown {
		a := Attribute{Name: name, Type: TypeString, SchemaType: SchemaCustom}
		if err := checkAttribute(&a, schema.custom); err != nil {
			return fmt.Errorf("line %d: column %s: %w", im.line, shorten(name), err)
		}
		schema = schema.with(a)
	}
	im.report.AttributesCreated = unknown
	if im.options.DryRun {
		im.schema = schema
		return nil
	}
	for _, name := range unknown {
		if _, err := im.service.CreateAttribute(ctx, im.envID, Attribute{Name: name, Type: TypeString}); err != nil {
			return fmt.Errorf("line %d: column %s: %w", im.line, shorten(name), err)
		}
	}
	var err error
	im.schema, err = im.service.Schema(ctx, im.envID)
	return err
}

// enumerate names columns; a file without a header would otherwise be told back to its reader.
func enumerate(names []string) string {
	shown := make([]string, 0, namedColumns)
	for _, name := range names[:min(len(names), namedColumns)] {
		shown = append(shown, shorten(name))
	}
	out := strings.Join(shown, ", ")
	if more := len(names) - len(shown); more > 0 {
		out += fmt.Sprintf(" and %d more", more)
	}
	return out
}

func shorten(name string) string {
	if r := []rune(name); len(r) > shownName {
		return string(r[:shownName]) + "…"
	}
	return name
}
