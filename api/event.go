package api

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"lockstep/internal/problem"
)

// Event is the data of one server-sent event; its name says what happened.
type Event struct {
	ConnectionID string `json:"connectionId,omitempty"`
	RuleID       string `json:"ruleId,omitempty"`
	At           Stamp  `json:"at,omitzero"`
	Data         any    `json:"data,omitempty"`
}

// patience is how long a watcher may take to read one event.
const patience = 10 * time.Second

// events streams what happens. The stream ends when the client goes, reads nothing, or may not ask any more, and when the
// server stops; clients come back by themselves.
func (s *server) events(r *request) error {
	events, cancel := s.Engine.Subscribe(r.env)
	defer cancel()
	controller := http.NewResponseController(r.writer)
	r.writer.Header().Set("Content-Type", "text/event-stream")
	r.writer.WriteHeader(http.StatusOK)
	heartbeat := time.NewTicker(s.Heartbeat)
	defer heartbeat.Stop()
	say := func(text string) bool {
		_ = controller.SetWriteDeadline(time.Now().Add(patience))
		_, err := io.WriteString(r.writer, text)
		return err == nil && controller.Flush() == nil
	}
	if !say("retry: 2000\n\n") {
		return nil
	}
	for n := 1; ; {
		text := ": still here\n\n"
		select {
		case <-r.Context().Done():
			return nil
		case <-s.Closing:
			return nil
		case <-heartbeat.C:
			who, err := s.authenticate(r.Request)
			if problem.Is(err, problem.Unauthorized) { // the token is over, or its client was deleted
				return nil
			}
			if err == nil {
				if _, err := s.enter(r.Context(), &who, r.env); problem.Is(err, problem.AccessFailed) { // the role here was taken away
					return nil
				}
			}
		case e, open := <-events:
			if !open {
				return nil
			}
			data, _ := json.Marshal(Event{ConnectionID: e.ConnectionID, RuleID: e.RuleID, At: Stamp(e.At), Data: e.Data})
			text = fmt.Sprintf("id: %d\nevent: %s\ndata: %s\n\n", n, e.Type, data)
			n++
		}
		if !say(text) {
			return nil
		}
	}
}
