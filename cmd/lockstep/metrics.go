package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"lockstep/api"
	"lockstep/directory"
	"lockstep/provision"
)

// metrics is what Prometheus is told. Labels are connections, verbs, routes and the like: nothing that grows with people.
type metrics struct {
	registry   *prometheus.Registry
	edits      prometheus.Counter
	operations *prometheus.CounterVec
	calls      *prometheus.HistogramVec
	throttled  *prometheus.CounterVec
	requests   *prometheus.CounterVec
	answers    *prometheus.HistogramVec
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		edits:    prometheus.NewCounter(prometheus.CounterOpts{Name: "lockstep_edits_total", Help: "Edits of the directory that this process made; a batch of an import is one."}),
		operations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lockstep_operations_total", Help: "Operations on targets, by how they ended: done, or the kind of the fault.",
		}, []string{"connection", "verb", "outcome"}),
		calls: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "lockstep_call_seconds", Help: "Time until a target answered a request, by the class of the answer's status; none = no answer.",
			Buckets: []float64{0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30},
		}, []string{"connection", "status"}),
		throttled: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lockstep_calls_throttled_total", Help: "Requests that a target refused with 429: somebody else spends its budget.",
		}, []string{"connection"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lockstep_http_requests_total", Help: "Requests to the API, by route and status.",
		}, []string{"route", "status"}),
		answers: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "lockstep_http_request_seconds", Help: "Time to answer a request to the API, event streams apart.",
			Buckets: []float64{0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30},
		}, []string{"method"}),
	}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.edits, m.operations, m.calls, m.throttled, m.requests, m.answers)
	return m
}

// Called implements engine.Observer.
func (m *metrics) Called(connectionID string, status int, took time.Duration) {
	class := "none"
	if status > 0 {
		class = strconv.Itoa(status/100) + "xx"
	}
	m.calls.WithLabelValues(connectionID, class).Observe(took.Seconds())
	if status == http.StatusTooManyRequests {
		m.throttled.WithLabelValues(connectionID).Inc()
	}
}

// Operated implements engine.Observer.
func (m *metrics) Operated(connectionID string, verb provision.Verb, fault *provision.Fault) {
	outcome := "done"
	if fault != nil {
		outcome = strings.ToLower(string(fault.Kind))
	}
	m.operations.WithLabelValues(connectionID, string(verb), outcome).Inc()
}

// answered is told of every answer of the API.
func (m *metrics) answered(a api.Answered) {
	route, method := a.Route, a.Method
	if route == "" {
		route, method = "other", "other" // also methods that somebody made up
	}
	m.requests.WithLabelValues(route, strconv.Itoa(a.Status)).Inc()
	if !strings.HasSuffix(route, "/events") {
		m.answers.WithLabelValues(method).Observe(a.Took.Seconds())
	}
}

// scrapeTime bounds what a scrape reads from the database.
const scrapeTime = 5 * time.Second

// state reads, at each scrape, how the connections stand. It is the same on every server of a database, the budgets apart.
type state struct {
	app                                       *app
	info, due, behind, halted, paused, tokens *prometheus.Desc
	drift, tripped, scanned                   *prometheus.Desc
	expiry, renewal                           *prometheus.Desc
	alerts, waiting, lines                    *prometheus.Desc
}

func newState(a *app) *state {
	gauge := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("lockstep_"+name, help, append([]string{"connection"}, labels...), nil)
	}
	return &state{
		app:     a,
		info:    gauge("connection_info", "Always 1: the name and type of a connection.", "name", "type"),
		due:     gauge("accounts_due", "Accounts on which something is to be done now."),
		behind:  gauge("feed_behind", "Lines of the activity log between the newest edit and the one up to which the connection has looked; 0 = all are seen."),
		halted:  gauge("connection_halted", "1 when credentials or configuration stop the connection."),
		paused:  gauge("connection_paused", "1 when an administrator paused the connection."),
		drift:   gauge("drift", "Values that somebody changed on the target and that are not settled: open, or accepted by an administrator.", "status"),
		tripped: gauge("connection_tripped", "1 when the tripwire stopped the connection: nothing is written until an administrator says so."),
		scanned: gauge("connection_scanned_seconds", "When the target was last listed to the end, in seconds since 1970; 0 = never."),
		expiry:  gauge("token_expiry_timestamp_seconds", "When the connection's token expires, in seconds since 1970; not there for one that does not."),
		renewal: gauge("token_renewal_failed", "1 when the last refresh of the token failed; not there for one that does not expire."),
		alerts:  gauge("alert_open", "1 for each open alert, by its condition.", "condition"),
		waiting: prometheus.NewDesc("lockstep_alert_deliveries_waiting", "Messages about alerts that are still to be delivered.", []string{"environment"}, nil),
		lines:   prometheus.NewDesc("lockstep_activity_head", "The number of the newest line of the activity log; it never falls.", []string{"environment"}, nil),
		tokens:  gauge("budget_tokens", "Requests that this process may make at once within a target's budget; negative: that many wait.", "budget"),
	}
}

// Describe implements prometheus.Collector.
func (s *state) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{s.info, s.due, s.behind, s.halted, s.paused, s.tokens, s.drift, s.tripped, s.scanned, s.expiry, s.renewal, s.alerts, s.waiting, s.lines} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (s *state) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
	defer cancel()
	for connection, budgets := range s.app.engine.Budgets() {
		for name, level := range budgets {
			to <- prometheus.MustNewConstMetric(s.tokens, prometheus.GaugeValue, level, connection, name)
		}
	}
	environments, err := s.app.people.Environments(ctx)
	for i := range environments {
		err = errors.Join(err, s.collect(ctx, to, environments[i]))
	}
	if err != nil {
		to <- prometheus.NewInvalidMetric(s.due, err)
	}
}

func (s *state) collect(ctx context.Context, to chan<- prometheus.Metric, env directory.Environment) error {
	if err := s.collectAlerts(ctx, to, env.ID); err != nil {
		return err
	}
	connections, err := s.app.provisions.Connections(ctx, env.ID)
	if err != nil {
		return err
	}
	head, err := s.app.db.FeedHead(ctx, env.ID)
	if err != nil {
		return err
	}
	for _, c := range connections {
		if c.Type == provision.TypeDirectory {
			continue
		}
		due, err := s.app.db.CountDue(ctx, c.ID, time.Now())
		if err != nil {
			return err
		}
		runner, err := s.app.db.Runner(ctx, env.ID, c.ID)
		if err != nil {
			return err
		}
		drift, err := s.app.db.CountDrift(ctx, c.ID, "")
		if err != nil {
			return err
		}
		to <- prometheus.MustNewConstMetric(s.drift, prometheus.GaugeValue, float64(drift.Open), c.ID, "open")
		to <- prometheus.MustNewConstMetric(s.drift, prometheus.GaugeValue, float64(drift.Accepted), c.ID, "accepted")
		scanned := 0.0
		if !runner.ScannedAt.IsZero() {
			scanned = float64(runner.ScannedAt.Unix())
		}
		to <- prometheus.MustNewConstMetric(s.info, prometheus.GaugeValue, 1, c.ID, c.Name, c.Type)
		if g := c.Grant; g != nil && !g.ExpiresAt.IsZero() {
			to <- prometheus.MustNewConstMetric(s.expiry, prometheus.GaugeValue, float64(g.ExpiresAt.Unix()), c.ID)
			to <- prometheus.MustNewConstMetric(s.renewal, prometheus.GaugeValue, flag(g.Trouble != nil), c.ID)
		}
		for d, value := range map[*prometheus.Desc]float64{
			s.due: float64(due), s.behind: float64(max(0, head-runner.Cursor)), s.halted: flag(runner.Halt != nil), s.paused: flag(runner.Paused),
			s.tripped: flag(runner.Trip != nil), s.scanned: scanned,
		} {
			to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, c.ID)
		}
	}
	return nil
}

func (s *state) collectAlerts(ctx context.Context, to chan<- prometheus.Metric, envID string) error {
	chain, err := s.app.db.Chain(ctx, envID)
	if err != nil {
		return err
	}
	to <- prometheus.MustNewConstMetric(s.lines, prometheus.GaugeValue, float64(chain.Seq), envID)
	open, err := s.app.alerts.Open(ctx, envID)
	if err != nil {
		return err
	}
	for i := range open {
		to <- prometheus.MustNewConstMetric(s.alerts, prometheus.GaugeValue, 1, open[i].ConnectionID, string(open[i].Condition))
	}
	recent, err := s.app.alerts.Recent(ctx, envID)
	if err != nil {
		return err
	}
	waiting := 0
	for i := range recent {
		if !recent[i].NextAt.IsZero() {
			waiting++
		}
	}
	to <- prometheus.MustNewConstMetric(s.waiting, prometheus.GaugeValue, float64(waiting), envID)
	return nil
}

func flag(on bool) float64 {
	if on {
		return 1
	}
	return 0
}

// serveMetrics answers Prometheus at an address of its own, until ctx ends.
func (a *app) serveMetrics(ctx context.Context, listen string, logger *slog.Logger) error {
	if err := a.metrics.registry.Register(newState(a)); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.metrics.registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelWarn), ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 2, Timeout: 2 * scrapeTime,
	}))
	url, err := serveHandler(ctx, listen, mux)
	if err != nil {
		return err
	}
	logger.Info("metrics are served", "address", url+"/metrics")
	return nil
}
