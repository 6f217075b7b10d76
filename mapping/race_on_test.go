//go:build race

package mapping_test

const raceDetector = true // which makes time and memory ten times and more
