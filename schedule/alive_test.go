package schedule

import (
	"testing"
	"time"
)

// TestNobodyLooks: a watch that hangs, or fails round after round, makes the schedule not alive.
func TestNobodyLooks(t *testing.T) {
	s := &Schedule{ended: func() <-chan struct{} { return nil }}
	s.looked.Store(time.Now().UnixNano())
	if err := s.Alive(); err != nil {
		t.Error(err)
	}
	s.looked.Store(time.Now().Add(-watchPatience - time.Second).UnixNano())
	if err := s.Alive(); err == nil {
		t.Error("it is alive although nobody looked for long")
	}
}
