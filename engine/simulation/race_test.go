//go:build race

package simulation

// raced: the race detector makes everything ten times slower, so that less is run under it.
const raced = true
