package simulation

import (
	"testing"
	"time"
)

// shrunk drops events, and what else can go, while the schedule still fails, for a while.
func shrunk(t *testing.T, s schedule, m mutant, patience time.Duration) schedule {
	t.Helper()
	end := time.Now().Add(patience)
	fails := func(s schedule) bool { return time.Now().Before(end) && len(run(t, s, m).violations) > 0 }
	for size := (len(s.Events) + 1) / 2; size > 0; size /= 2 {
		for at := 0; at < len(s.Events); {
			smaller := s
			smaller.Events = append(append([]event{}, s.Events[:at]...), s.Events[min(at+size, len(s.Events)):]...)
			if fails(smaller) {
				s = smaller
			} else {
				at += size
			}
		}
	}
	for at := 0; at < len(s.Members); {
		smaller := s
		smaller.Members = append(append([]member{}, s.Members[:at]...), s.Members[at+1:]...)
		if fails(smaller) {
			s = smaller
		} else {
			at++
		}
	}
	for s.People > 0 {
		smaller := s
		smaller.People--
		if !fails(smaller) {
			break
		}
		s = smaller
	}
	return s
}
