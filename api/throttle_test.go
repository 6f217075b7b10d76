package api

import "testing"

func TestThrottle(t *testing.T) {
	th := newThrottle()
	for range freeFailures - 1 {
		th.failed("k")
	}
	th.succeeded("k") // "in a row"
	th.failed("k")
	if th.wait("k") > 0 {
		t.Error("failures before a success still count")
	}
	for range freeFailures {
		th.failed("k")
	}
	if th.wait("k") <= 0 || th.wait("other") > 0 {
		t.Error("whoever fails again and again waits, and nobody else")
	}
}
