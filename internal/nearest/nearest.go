// Package nearest answers "did you mean …?": the known name that a mistyped one is closest to.
package nearest

import "strings"

// Name finds the name that differs in the fewest letters, if it is near at all; otherwise "".
func Name(word string, names []string) string {
	best, bestDistance := "", min(len(word)/3+2, 5)
	for _, name := range names {
		if d := distance(strings.ToLower(word), strings.ToLower(name), bestDistance); d < bestDistance {
			best, bestDistance = name, d
		}
		if i := strings.LastIndexByte(name, '.'); best == "" && i >= 0 && strings.EqualFold(name[i+1:], word) {
			best = name // "given" for "name.given"
		}
	}
	return best
}

// distance is Levenshtein's, given up at limit.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit || len(a) > 100 {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		previous := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := previous
			if a[i] != b[j] {
				cost++
			}
			previous = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
