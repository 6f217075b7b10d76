package api

import (
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"lockstep/access"
	"lockstep/alert"
	"lockstep/directory"
	"lockstep/provision"
)

const (
	schemas   = "#/components/schemas/"
	refusals  = "#/components/responses/"
	jsonMedia = "application/json"
	// linesMedia is a JSON value a line.
	linesMedia = "application/x-ndjson"
)

// openAPI answers the OpenAPI 3.1 document. Paths, parameters and bodies come from the routes and the Go types of their handlers.
func (s *server) openAPI(routes []route) http.HandlerFunc {
	document := s.document(routes)
	return func(w http.ResponseWriter, r *http.Request) {
		here := *document
		here.Servers = []*huma.Server{{URL: s.origin(r)}}
		raw, err := json.Marshal(&here)
		if err != nil {
			s.writeError(w, r, err)
			return
		}
		w.Header().Set("Content-Type", jsonMedia)
		_, _ = w.Write(raw)
	}
}

// listsAreNeverNull: huma's default says that any list may be null; ours never are.
var listsAreNeverNull = sync.OnceFunc(func() { huma.DefaultArrayNullable = false })

func (s *server) document(routes []route) *huma.OpenAPI {
	listsAreNeverNull()
	d := &documenter{registry: huma.NewMapRegistry(schemas, huma.DefaultSchemaNamer)}
	d.enums()
	document := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title: "Lockstep", Version: s.Version, License: &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
			Description: "Provisioning in PingOne's words: its paths, shapes, paging and errors, and beside them what it lacks.",
		},
		Components: &huma.Components{Schemas: d.registry, Responses: d.refusals(), SecuritySchemes: map[string]*huma.SecurityScheme{
			"bearer": {Type: "http", Scheme: "bearer", Description: "A token from POST /{environmentID}/as/token; it lives an hour."},
			"client": {Type: "http", Scheme: "basic", Description: "An API client's id and secret."},
		}},
	}
	tags := map[string]bool{}
	for i := range routes {
		op := d.operation(&routes[i])
		tags[op.Tags[0]] = true
		document.AddOperation(op)
	}
	for _, op := range d.open() {
		document.AddOperation(op)
	}
	d.values(reflect.TypeFor[provision.Check](), "status", provision.CheckOK, provision.CheckFailed, provision.CheckWarning, provision.CheckSkipped)
	d.values(reflect.TypeFor[provision.Step](), "status", provision.CheckOK, provision.CheckFailed, provision.CheckSkipped)
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		document.Tags = append(document.Tags, &huma.Tag{Name: name})
	}
	document.Tags = append(document.Tags, &huma.Tag{Name: "server"})
	return document
}

// documenter makes the parts of the document.
type documenter struct{ registry huma.Registry }

// named stands for a type of ours that has a fixed list of values.
type named[T ~string] struct{}

// Schema implements huma.SchemaProvider.
func (named[T]) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Ref: schemas + reflect.TypeFor[T]().Name()}
}

func enum[T ~string](d *documenter, values ...T) {
	s := &huma.Schema{Type: huma.TypeString}
	for _, v := range values {
		s.Enum = append(s.Enum, string(v))
	}
	t := reflect.TypeFor[T]()
	d.registry.Map()[t.Name()] = s
	d.registry.RegisterTypeAlias(t, reflect.TypeFor[named[T]]())
}

// values lists what a text member of a type of ours can be.
func (d *documenter) values(t reflect.Type, member string, values ...any) {
	d.registry.SchemaFromRef(d.schema(t).Ref).Properties[member].Enum = values
}

func (d *documenter) enums() {
	enum(d, provision.Active, provision.Inactive)
	enum(d, append(slices.Clone(statusNames), provision.StatusNone)...)
	enum(d, append(slices.Clone(ownershipNames), provision.OwnershipNone)...)
	enum(d, provision.StateInactive, provision.StateIdle, provision.StateSyncing, provision.StatePaused, provision.StateHeld, provision.StateHalted)
	enum(d, provision.VerbCreate, provision.VerbUpdate, provision.VerbEnable, provision.VerbDisable, provision.VerbDelete)
	enum(d, provision.Transient, provision.Rejected, provision.Taken, provision.Gone, provision.Halted)
	enum(d, provision.FieldText, provision.FieldSecret, provision.FieldFlag, provision.FieldNumber, provision.FieldURL)
	enum(d, directory.TypeString, directory.TypeBoolean, directory.TypeInteger, directory.TypeJSON, directory.TypeComplex, directory.TypeDateTime)
	enum(d, directory.SchemaCore, directory.SchemaStandard, directory.SchemaCustom)
	enum(d, directory.KindUser, directory.KindGroup, directory.KindPopulation, directory.KindAttribute, directory.KindEnvironment, directory.KindClient, directory.KindAdministrator,
		directory.KindConnection, directory.KindRule, directory.KindMapping, directory.KindPlan, directory.KindRevision)
	enum(d, provision.PreviewGroups...)
	enum(d, alert.Conditions...)
	enum(d, alert.ByWebhook, alert.ByEmail)
	enum(d, access.EnvironmentAdmin, access.IdentityDataAdmin, access.ReadOnly)
}

// operation describes one route.
func (d *documenter) operation(rt *route) *huma.Operation {
	op := &huma.Operation{
		OperationID: rt.id, Method: rt.method, Path: base + rt.path, Summary: rt.summary, Tags: []string{tag(rt.path)},
		Security: []map[string][]string{{"bearer": {}}}, Responses: map[string]*huma.Response{},
	}
	for _, name := range rt.names() {
		schema := &huma.Schema{Type: huma.TypeString}
		if objects[name] != "" {
			schema.Format = "uuid"
		}
		op.Parameters = append(op.Parameters, &huma.Param{Name: name, In: "path", Required: true, Schema: schema})
	}
	for _, p := range rt.query {
		op.Parameters = append(op.Parameters, &huma.Param{Name: p.name, In: "query", Description: p.doc, Schema: p.schema()})
	}
	if rt.handler.in != nil {
		op.RequestBody = &huma.RequestBody{Required: !rt.handler.sparse, Content: d.content(rt.handler.in)}
		if rt.handler.media != "" {
			op.RequestBody.Content[rt.handler.media] = &huma.MediaType{Schema: d.schema(rt.handler.in)}
		}
	}
	if rt.handler.upload != "" {
		op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{rt.handler.upload: {Schema: &huma.Schema{Type: huma.TypeString}}}}
	}
	success := &huma.Response{Description: http.StatusText(rt.handler.status)}
	switch {
	case rt.handler.upload != "":
		success.Description = "The report; with Accept: " + linesMedia + " a line for every step, of which the last is {\"report\":…} or {\"error\":…}."
		success.Content = d.content(rt.handler.out)
		success.Content[linesMedia] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}}
	case rt.handler.files != nil:
		success.Description, success.Content = "The file", map[string]*huma.MediaType{}
		for _, media := range rt.handler.files {
			success.Content[media] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}}
		}
	case rt.handler.stream:
		d.schema(rt.handler.out)
		success.Description = "A stream of events; the data of each is an " + rt.handler.out.Name() + " as JSON."
		success.Content = map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}}}
	case rt.handler.out != nil:
		success.Content = d.content(rt.handler.out)
	}
	op.Responses[strconv.Itoa(rt.handler.status)] = success
	for _, status := range rt.refusals() {
		op.Responses[strconv.Itoa(status)] = &huma.Response{Ref: refusals + strconv.Itoa(status)}
	}
	op.Responses["default"] = &huma.Response{Ref: refusals + "default"}
	return op
}

func (d *documenter) schema(t reflect.Type) *huma.Schema { return d.registry.Schema(t, true, "") }

func (d *documenter) content(t reflect.Type) map[string]*huma.MediaType {
	return map[string]*huma.MediaType{jsonMedia: {Schema: d.schema(t)}}
}

// refusals are the answers that many operations share.
func (d *documenter) refusals() map[string]*huma.Response {
	out := map[string]*huma.Response{"default": {Description: "Anything else that went wrong", Content: d.content(reflect.TypeFor[Error]())}}
	for status, description := range map[int]string{
		http.StatusBadRequest: "The request is at fault; details name the places", http.StatusUnauthorized: "The access token is missing or not valid any more",
		http.StatusForbidden: "The client's role does not allow this", http.StatusNotFound: "There is no such object",
		http.StatusConflict: "The world has moved since the caller looked", http.StatusRequestEntityTooLarge: "The body is too large",
		http.StatusUnsupportedMediaType: "The body is of another content type",
	} {
		out[strconv.Itoa(status)] = &huma.Response{Description: description, Content: d.content(reflect.TypeFor[Error]())}
	}
	return out
}

// refusals lists the statuses by which an operation refuses.
func (rt *route) refusals() []int {
	out := []int{http.StatusUnauthorized, http.StatusForbidden}
	hasBody := rt.handler.in != nil || rt.handler.upload != ""
	if hasBody || len(rt.query) > 0 {
		out = append(out, http.StatusBadRequest)
	}
	if len(rt.names()) > 0 {
		out = append(out, http.StatusNotFound)
	}
	if hasBody {
		out = append(out, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	if rt.action != read {
		out = append(out, http.StatusConflict)
	}
	return out
}

// tag is the part of the API that a path belongs to: users, stores, rules, ...
func tag(path string) string {
	parts := strings.FieldsFunc(strings.TrimPrefix(path, env), func(c rune) bool { return c == '/' })
	if len(parts) > 1 && parts[0] == "propagation" {
		parts = parts[1:]
	}
	switch {
	case len(parts) == 0:
		return "environments"
	case parts[0] == "mapping":
		return "mappings"
	default:
		return parts[0]
	}
}

func (p *parameter) schema() *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString}
	if p.kind != "" {
		s.Type = p.kind
	}
	if p.kind == huma.TypeInteger {
		s.Minimum = new(1.0)
	}
	for _, v := range p.allowed {
		s.Enum = append(s.Enum, v)
	}
	if p.id {
		s.Format = "uuid"
	}
	return s
}
