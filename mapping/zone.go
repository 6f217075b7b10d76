package mapping

import (
	"regexp"
	"sync"
	"time"
	_ "time/tzdata" // the same zones on every machine that has none of its own
)

var offset = regexp.MustCompile(`^[+-][0-9]{2}(:?[0-9]{2})?$`)

// zones keeps those that were asked for; there are some hundreds.
var zones sync.Map

// zone takes Z, UTC, GMT, an offset such as +01:00, or a name such as Europe/Berlin.
func zone(name string) (*time.Location, error) {
	switch name {
	case "Z", "UTC", "GMT", "UT":
		return time.UTC, nil
	}
	if known, ok := zones.Load(name); ok {
		at, _ := known.(*time.Location)
		return at, nil
	}
	if offset.MatchString(name) {
		for _, form := range [...]string{"-07:00", "-0700", "-07"} {
			if t, err := time.Parse(form, name); err == nil {
				_, seconds := t.Zone()
				return time.FixedZone("", seconds), nil
			}
		}
	}
	if name != "" && name != "Local" { // which is the machine's, and no name
		if at, err := time.LoadLocation(name); err == nil {
			zones.Store(name, at)
			return at, nil
		}
	}
	return nil, refuse("there is no time zone %q; write one such as Europe/Berlin, or an offset such as +01:00", name[:min(len(name), 60)])
}
