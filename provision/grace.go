package provision

import "time"

// KeyGraceDays is how many days somebody keeps their access after no rule covers them any more. Ours.
const KeyGraceDays = "GRACE_PERIOD_DAYS"

var year = 365.0

// GraceFields are the settings of the grace period in the description of a type of connection.
func GraceFields() []Field {
	return []Field{{
		Key: KeyGraceDays, Label: "Grace period, days", Kind: FieldNumber, Default: 0.0, Minimum: &none, Maximum: &year,
		Help: "So many days after no rule covers somebody any more they lose access; until then it is shown as pending with its date, and ends if they come back. People who are disabled in the directory lose access at once.",
	}}
}

// SafetyFields are the settings by which every target is kept safe.
func SafetyFields() []Field {
	return append(append(GuardFields(), GraceFields()...), DriftFields()...)
}

// GraceOf reads the grace period of a connection.
func GraceOf(c *Connection) time.Duration {
	return time.Duration(c.Number(KeyGraceDays, 0) * float64(24*time.Hour))
}
