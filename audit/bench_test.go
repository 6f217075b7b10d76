package audit_test

import (
	"testing"

	"lockstep/audit"
)

// BenchmarkLink is what the chain adds to a line.
func BenchmarkLink(b *testing.B) {
	a := activity(1, "user bob was updated: title")
	link := audit.Genesis
	for b.Loop() {
		record, err := audit.RecordOf(&a)
		if err != nil {
			b.Fatal(err)
		}
		text, err := record.Text()
		if err != nil {
			b.Fatal(err)
		}
		link = link.Next(text)
	}
}
