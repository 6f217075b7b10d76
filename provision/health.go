package provision

import "time"

// Health is how one connection stands, as far as somebody may have to be told.
type Health struct {
	ConnectionID string
	Name         string
	Paused       bool
	Halted       *Trouble  // nil: not halted
	Quarantined  *Trouble  // nil: the target can be worked with
	Held         int64     // operations that wait for a decision
	HeldSince    time.Time // zero: nobody knows
	HeldWhy      string
	Impacted     int64 // objects that rules cover
	Failed       int64 // of them, those that could not be written
	// CredentialsExpireAt is when the target will refuse the credentials that there are; zero: never, or nobody knows.
	CredentialsExpireAt time.Time
	LastSyncAt          time.Time // zero: never yet
	PublishedAt         time.Time // the newest revision
}

// Trouble is something that is wrong with a connection.
type Trouble struct {
	Since   time.Time
	Message string // in a sentence
	Hint    string // what to do, or ""
}
