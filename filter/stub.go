// Package filter is the one filter language.
package filter

// Node is replaced by the real package when it lands.
type Node interface{}
