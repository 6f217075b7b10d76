package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"lockstep/api"
	"lockstep/provision"
)

// TestMetricLabels: what others make up, such as paths and methods, never becomes a label.
func TestMetricLabels(t *testing.T) {
	m := newMetrics()
	m.Called("c", http.StatusTooManyRequests, time.Second)
	m.Called("c", 0, time.Second)
	m.Operated("c", provision.VerbUpdate, &provision.Fault{Kind: provision.Rejected})
	m.answered(api.Answered{Method: "SMUGGLE", Status: http.StatusNotFound})
	m.answered(api.Answered{Route: "GET /v1/environments", Method: "GET", Status: http.StatusOK})
	want := `
# HELP lockstep_calls_throttled_total Requests that a target refused with 429: somebody else spends its budget.
# TYPE lockstep_calls_throttled_total counter
lockstep_calls_throttled_total{connection="c"} 1
# HELP lockstep_http_requests_total Requests to the API, by route and status.
# TYPE lockstep_http_requests_total counter
lockstep_http_requests_total{route="GET /v1/environments",status="200"} 1
lockstep_http_requests_total{route="other",status="404"} 1
# HELP lockstep_operations_total Operations on targets, by how they ended: done, or the kind of the fault.
# TYPE lockstep_operations_total counter
lockstep_operations_total{connection="c",outcome="rejected",verb="update"} 1
`
	if err := testutil.GatherAndCompare(m.registry, strings.NewReader(want), "lockstep_calls_throttled_total", "lockstep_http_requests_total", "lockstep_operations_total"); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.GatherAndLint(m.registry); err != nil || len(problems) > 0 {
		t.Error(problems, err)
	}
}
