package provision

import "time"

// The tripwire's numbers (docs/decisions/0028).
const (
	// TripHurtMost bounds how many people are ever deactivated by updates of ours before the connection stops: so many updates are
	// under way at once, less those that went wrong lately.
	TripHurtMost = 5
	// TripHurt is how many such deactivations within TripWindow stop the connection. One or two may be somebody who was deactivated
	// by hand a moment before.
	TripHurt   = 3
	TripWindow = time.Hour
)

// TripKind says what stopped a connection.
type TripKind string

// The kinds.
const (
	TripUpdates TripKind = "DEACTIVATED_ON_UPDATE" // updates are answered with people who are inactive now
	TripMass    TripKind = "MASS_CHANGE"           // much changed on the target between two scans
)

// TripRequest is what an administrator wants done about a tripped connection.
type TripRequest string

// The requests.
const (
	TripNone   TripRequest = ""
	TripRepair TripRequest = "REPAIR" // activate again whom the target deactivated, and stay stopped
	TripResume TripRequest = "RESUME" // the same, and then go on
)

// Trip stops all writes to a connection until an administrator lets it go on.
type Trip struct {
	Kind        TripKind    `json:"kind"`
	Why         string      `json:"why"`           // with the next step
	Hurt        int64       `json:"hurt"`          // how many people it was about when it tripped
	From        time.Time   `json:"from,omitzero"` // of a mass change: what was found after this time is part of it
	Since       time.Time   `json:"since"`
	Request     TripRequest `json:"request,omitempty"`
	RequestedBy string      `json:"requestedBy,omitempty"`
	RepairedAt  time.Time   `json:"repairedAt,omitzero"` // when everybody was active again
}
