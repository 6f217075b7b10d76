package main

import (
	"cmp"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.yaml.in/yaml/v3"
)

// TestAlertRules: the rule file can be read, and asks only for metrics and labels that there are. That Prometheus takes its expressions is not
// shown here: its own parser is a hundred modules.
func TestAlertRules(t *testing.T) {
	raw, err := os.ReadFile("../../docs/prometheus/lockstep.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Name  string `yaml:"name"`
			Rules []struct {
				Alert       string            `yaml:"alert"`
				Expr        string            `yaml:"expr"`
				For         string            `yaml:"for"`
				Labels      map[string]string `yaml:"labels"`
				Annotations map[string]string `yaml:"annotations"`
			} `yaml:"rules"`
		} `yaml:"groups"`
	}
	if err := yaml.Unmarshal(raw, &file); err != nil || len(file.Groups) != 1 || len(file.Groups[0].Rules) < 5 {
		t.Fatalf("%+v %v", file, err)
	}
	labels := exposed(t)
	for _, rule := range file.Groups[0].Rules {
		if rule.Alert == "" || rule.Expr == "" || rule.Labels["severity"] == "" || rule.Annotations["summary"] == "" {
			t.Errorf("%+v", rule)
		}
		if _, err := time.ParseDuration(cmp.Or(rule.For, "0s")); err != nil {
			t.Errorf("%s: %v", rule.Alert, err)
		}
		kept := map[string]bool{} // by the aggregation
		for _, by := range regexp.MustCompile(`by \(([^)]*)\)`).FindAllStringSubmatch(rule.Expr, -1) {
			for name := range strings.SplitSeq(by[1], ",") {
				kept[strings.TrimSpace(name)] = true
			}
		}
		for _, name := range regexp.MustCompile(`lockstep_\w+`).FindAllString(rule.Expr, -1) {
			has, known := labels[name]
			if !known {
				t.Errorf("%s asks for %s, which is no metric", rule.Alert, name)
			}
			for label := range kept {
				if !slices.Contains(has, label) {
					t.Errorf("%s: %s has no label %s", rule.Alert, name, label)
				}
			}
		}
		for _, text := range rule.Annotations {
			for _, used := range regexp.MustCompile(`\$labels\.(\w+)`).FindAllStringSubmatch(text, -1) {
				if !kept[used[1]] {
					t.Errorf("%s tells of a label %s that its expression does not keep", rule.Alert, used[1])
				}
			}
		}
	}
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range regexp.MustCompile("`(lockstep_\\w+)").FindAllSubmatch(page, -1) {
		if _, known := labels[string(name[1])]; !known {
			t.Errorf("docs/operations.md tells of %s, which is no metric", name[1])
		}
	}
}

// exposed are the metrics of this program that there are, with their labels.
func exposed(t *testing.T) map[string][]string {
	t.Helper()
	all := make(chan *prometheus.Desc, 1000)
	m := newMetrics()
	for _, c := range []prometheus.Collector{newState(nil), m.edits, m.operations, m.calls, m.throttled, m.requests, m.answers} {
		c.Describe(all)
	}
	close(all)
	form := regexp.MustCompile(`fqName: "(lockstep_\w+)".*variableLabels: \{(.*)\}\}$`)
	out := map[string][]string{}
	for d := range all {
		parts := form.FindStringSubmatch(d.String())
		if parts == nil {
			t.Fatal(d)
		}
		out[parts[1]] = strings.Split(parts[2], ",")
	}
	return out
}
