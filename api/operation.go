package api

import (
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"lockstep/access"
	"lockstep/internal/problem"
	"lockstep/provision"
)

// route is one operation of the API: where it is, who may, and what it does. The OpenAPI document is made from it.
type route struct {
	method, path string
	id           string // operationId
	action       access.Action
	summary      string
	handler      handler
	query        []parameter
}

// handler is the code of an operation together with the Go types that it takes and answers, so that the document cannot say
// anything else. Its makers below are the only way to one.
type handler struct {
	status  int
	in      reflect.Type // nil: a body is not read
	sparse  bool         // the body may be left out
	media   string       // PingOne's own content type of the body, beside application/json; any …+json is taken
	out     reflect.Type // nil: no body is answered
	stream  bool         // the operation writes its answer itself, and takes as long as it likes
	patient bool         // it looks at everybody, and may take its time
	upload  string       // the content type of a body that is a file
	files   []string     // the content types of an answer that is a file
	run     func(*request) (any, error)
}

// answers is an operation without a body.
func answers[O any](status int, f func(*request) (O, error)) handler {
	return handler{status: status, out: reflect.TypeFor[O](), run: func(r *request) (any, error) { return f(r) }}
}

// reads is the most common kind: it answers 200.
func reads[O any](f func(*request) (O, error)) handler { return answers(http.StatusOK, f) }

// takes is an operation whose body must be there.
func takes[I, O any](status int, f func(*request, I) (O, error)) handler {
	return bodied(status, f, false)
}

// mayTake is an operation whose body may be left out.
func mayTake[I, O any](status int, f func(*request, I) (O, error)) handler {
	return bodied(status, f, true)
}

func bodied[I, O any](status int, f func(*request, I) (O, error), sparse bool) handler {
	return handler{status: status, in: reflect.TypeFor[I](), sparse: sparse, out: reflect.TypeFor[O](), run: func(r *request) (any, error) {
		in, err := body[I](r, sparse)
		if err != nil {
			return nil, err
		}
		return f(r, in)
	}}
}

// as names PingOne's own content type of a body.
func (h handler) as(media string) handler {
	h.media = media
	return h
}

// waiting gives an operation more time than others have.
func (h handler) waiting() handler {
	h.patient = true
	return h
}

// does is an operation that answers 204.
func does(f func(*request) error) handler {
	return handler{status: http.StatusNoContent, run: func(r *request) (any, error) { return nil, f(r) }}
}

// streams is an operation that writes its answer itself.
func streams(f func(*request) error) handler {
	return handler{status: http.StatusOK, out: reflect.TypeFor[Event](), stream: true, run: func(r *request) (any, error) { return nil, f(r) }}
}

// downloads is an operation that writes a file, as long as it is.
func downloads(f func(*request) error) handler {
	return handler{status: http.StatusOK, stream: true, files: []string{linesMedia, csvMedia}, run: func(r *request) (any, error) { return nil, f(r) }}
}

// uploads is an operation that takes a file, and tells of it while it does, for who asks for lines of JSON.
func uploads[O any](media string, f func(*request) error) handler {
	return handler{status: http.StatusOK, upload: media, out: reflect.TypeFor[O](), stream: true, run: func(r *request) (any, error) { return nil, f(r) }}
}

// flag answers a query parameter that is true or false; checkQuery has seen to that.
func (r *request) flag(name string) bool { return strings.EqualFold(r.parameter(name), "true") }

// objects says what the ids in paths name.
var objects = map[string]string{
	"environmentID": "environment", "userID": "user", "groupID": "group", "nestedGroupID": "group", "populationID": "population", "schemaID": "schema", "attributeID": "attribute",
	"planID": "plan", "storeID": "store", "accountID": "account", "holdID": "hold", "driftID": "drift", "ruleID": "rule", "mappingID": "mapping",
	"revisionID": "revision", "previewID": "preview", "activityID": "activity", "clientID": "client", "administratorID": "administrator",
	"authorizationID": "authorization",
}

// names lists the parameters of a route's path.
func (rt *route) names() []string {
	var out []string
	for part := range strings.SplitSeq(rt.path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			out = append(out, strings.TrimSuffix(name, "}"))
		}
	}
	return out
}

// checkPath makes sure that every id in the path is one: what is no UUID names nothing, and a database may refuse to look for it.
func (r *request) checkPath() error {
	for _, name := range r.route.names() {
		if kind := objects[name]; kind != "" && !byID(r.PathValue(name)) {
			return problem.Missing(kind)
		}
	}
	return nil
}

// parameter is a query parameter.
type parameter struct {
	name, doc string
	kind      string   // of JSON schema; "" = string
	allowed   []string // "" = any text; taken in any case
	id        bool
}

// The query parameters that several operations have.
var (
	limitParameter  = parameter{name: "limit", doc: "At most this many items. The list may give fewer: size says how many. Left out: as many as the list may give.", kind: "integer"}
	cursorParameter = parameter{name: "cursor", doc: "Where the page starts, from the list's own next link."}
	paging          = []parameter{limitParameter, cursorParameter}
	groupParameter  = parameter{name: "group", doc: "Only this kind.", allowed: words(provision.PreviewGroups)}
	textParameter   = parameter{name: "text", doc: "Only what has this in a name, a reason or a value, without regard to case."}
	statusParameter = parameter{name: "status", doc: "Only those that stand like this.", allowed: words(statusNames)}
)

func paged(more ...parameter) []parameter { return slices.Concat(more, paging) }

func words[T ~string](in []T) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = string(s)
	}
	return out
}

// parameter answers a query parameter. Only what the route declares can be asked for; anything else is a mistake in the code.
func (r *request) parameter(name string) string {
	if !slices.ContainsFunc(r.route.query, func(p parameter) bool { return p.name == name }) {
		panic("the route does not declare the query parameter " + name)
	}
	return r.URL.Query().Get(name)
}

// choice answers a query parameter that takes one of a few names; "" when it is missing.
func choice[T ~string](r *request, name string) T { return T(strings.ToUpper(r.parameter(name))) }

// checkQuery refuses values that a declared parameter does not take. Unknown parameters are passed over, as PingOne does.
func (r *request) checkQuery() error {
	for _, p := range r.route.query {
		given := r.parameter(p.name)
		switch {
		case given == "":
		case p.allowed != nil && !slices.Contains(p.allowed, strings.ToUpper(given)):
			return problem.New(problem.InvalidRequest, "%s must be one of %s", p.name, strings.Join(p.allowed, ", "))
		case p.kind == huma.TypeBoolean && !strings.EqualFold(given, "true") && !strings.EqualFold(given, "false"): // "dryRun=1" must not write
			return problem.New(problem.InvalidRequest, "%s must be true or false", p.name)
		case p.id && uuid.Validate(given) != nil:
			return problem.New(problem.InvalidRequest, "%s must be an id", p.name)
		}
	}
	return nil
}
