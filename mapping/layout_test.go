package mapping_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"lockstep/mapping"
)

func evaluate(t interface{ Fatalf(string, ...any) }, src string) (any, error) {
	e, err := mapping.CompileExpression(src, schema())
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	return e.Eval(anna())
}

func TestTimes(t *testing.T) {
	for src, want := range map[string]string{
		`#datetime.format(createdAt, "yyyy-MM-dd 'v2 Jan 15'")`:                              "2026-03-09 v2 Jan 15",
		`#datetime.format(createdAt, "yyyy_d")`:                                              "2026_9",
		`#datetime.format(createdAt, "H:m:s")`:                                               "14:5:6",
		`#datetime.format(createdAt, "yyyyMMddHHmmssSSS")`:                                   "20260309140506000",
		`#datetime.format(createdAt, "h 'o''clock' a")`:                                      "2 o'clock PM",
		`#datetime.format(createdAt, "''yy")`:                                                "'26",
		`#datetime.format(createdAt, "EEEE, d. MMMM")`:                                       "Monday, 9. March",
		`#datetime.format(createdAt, "d·M·yyyy 2006")`:                                       "9·3·2026 2006",
		`#datetime.parse("09.03.2026 14:05", "dd.MM.yyyy HH:mm") + ''`:                       "2026-03-09T14:05:00.000Z",
		`#datetime.parse("9 mar 2026 at 2:05 pm +02:00", "d MMM yyyy 'at' h:mm a XXX") + ''`: "2026-03-09T12:05:00.000Z",
		`#datetime.parse("20260309", "yyyyMMdd") + ''`:                                       "2026-03-09T00:00:00.000Z",
		`#datetime.parse("2026-03-09T00:00:00.250Z", "yyyy-MM-dd'T'HH:mm:ss.SSSXXX") + ''`:   "2026-03-09T00:00:00.250Z",
		`#datetime.parse("12 AM 1.1.70", "h a d.M.yy") + ''`:                                 "2070-01-01T00:00:00.000Z",
	} {
		if got, err := evaluate(t, src); got != want || err != nil {
			t.Errorf("%s gives %v, %v; want %s", src, got, err, want)
		}
	}
}

func TestTimesThatAreNone(t *testing.T) {
	for _, src := range []string{
		`#datetime.parse("30.02.2026", "dd.MM.yyyy")`, `#datetime.parse("01.01.2026 x", "dd.MM.yyyy")`, `#datetime.parse("1.1.2026", "dd.MM.yyyy")`,
		`#datetime.parse("0 AM 01.01.2026", "h a dd.MM.yyyy")`, `#datetime.parse("+9 01.01.2026", "XXX dd.MM.yyyy")`, `#datetime.parse("01.13.2026", "dd.MM.yyyy")`,
		`#datetime.addDays(createdAt, 100000000000000000000)`, `#datetime.addDays(createdAt, -99999999)`, `#datetime.addHours(createdAt, 100000000000000000000)`,
		`#datetime.addYears(createdAt, 9000)`, `#datetime.addMonths(createdAt, -100000)`, `#datetime.fromUnixTimestamp(100000000000000000000)`,
		`#datetime.toDateTime(2026, 2, 30, 0, 0, 0)`, `#datetime.toDateTime(2026, 13, 1, 0, 0, 0)`, `#datetime.toDate(username)`, `#datetime.format(title, "yyyy")`,
	} {
		if got, err := evaluate(t, src); got != nil || err != nil {
			t.Errorf("%s gives %v, %v; want no value", src, got, err)
		}
	}
	for src, want := range map[string]string{
		`#datetime.format(createdAt, "YYYY")`:                     "write yyyy for the year",
		`#datetime.format(createdAt, "'open")`:                    "a quote that is never closed",
		`#datetime.parse("12:00", "HH:mm")`:                       "the pattern needs a year, a month and a day",
		`#datetime.format("tomorrow", "yyyy")`:                    "this text is not a time",
		`#datetime.toDateTimeInTimezone(createdAt, "Mars/Olymp")`: `there is no time zone "Mars/Olymp"; write one such as Europe/Berlin`,
		`#datetime.toDateTimeInTimezone(createdAt, "Local")`:      `there is no time zone "Local"`,
		`#datetime.toDateTimeInTimezone(createdAt, "../etc")`:     `there is no time zone "../etc"`,
	} {
		if _, err := mapping.CompileExpression(src, schema()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s gives %v; want %s", src, err, want)
		}
	}
}

// What is written with a full pattern is read again as the same time.
func TestTimesRoundTrip(t *testing.T) {
	patterns := []string{"yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "yyyyMMddHHmmssSSS", "EEE, d MMMM yyyy h:m:s.SSS a Z", "uuuu/M/d H:m:s:SSS"}
	rapid.Check(t, func(t *rapid.T) {
		at := time.UnixMilli(rapid.Int64Range(-62135596800000, 253402300799999).Draw(t, "at")).UTC()
		pattern := rapid.SampledFrom(patterns).Draw(t, "pattern")
		e, err := mapping.CompileExpression("#datetime.parse(#datetime.format(createdAt, profile.p), profile.p)", schema())
		if err != nil {
			t.Fatal(err)
		}
		person := anna()
		person.CreatedAt, person.Custom["profile"] = at, map[string]any{"p": pattern}
		got, err := e.Eval(person)
		if back, ok := got.(time.Time); err != nil || (!ok && !at.IsZero()) || (ok && !back.Equal(at)) {
			t.Fatalf("%s by %s gives %v, %v", at, pattern, got, err)
		}
	})
}
