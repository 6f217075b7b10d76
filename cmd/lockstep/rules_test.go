package main

import (
	"os"
	"regexp"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestAlertRules: the rule file can be read, and asks only for metrics that there are. That Prometheus takes its expressions is not shown
// here: its own parser is a hundred modules.
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
	source, err := os.ReadFile("metrics.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range file.Groups[0].Rules {
		if rule.Alert == "" || rule.Expr == "" || rule.Labels["severity"] == "" || rule.Annotations["summary"] == "" {
			t.Errorf("%+v", rule)
		}
		for _, name := range regexp.MustCompile(`lockstep_(\w+)`).FindAllStringSubmatch(rule.Expr, -1) {
			if !regexp.MustCompile(`"(lockstep_)?` + name[1] + `"`).Match(source) {
				t.Errorf("%s asks for %s, which is no metric", rule.Alert, name[0])
			}
		}
	}
}
