package simulation

import "lockstep/engine"

// mutant is an engine that is broken on purpose, by what it is given.
type mutant struct {
	name     string
	store    func(engine.Store) engine.Store
	observer func(engine.Store) engine.Store
	target   func(whole) whole
}
