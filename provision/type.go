package provision

// Type describes one kind of connection: what to ask for, what the target can hold, and what is mapped when a rule maps
// nothing. The setup form, the API's validation and the documentation come from it.
type Type struct {
	Name        string   // the documented spelling, "Slack"
	Aliases     []string // other spellings in use
	Title       string
	Description string
	Fields      []Field
	Attributes  []TargetAttribute
	Defaults    []Mapping
	Groups      bool // can hold groups
	// TokenKey is the secret that can be had by OAuth; "" = none.
	TokenKey string
	// Rename maps keys that other clients use onto ours ("BEARER_TOKEN" -> "OAUTH_ACCESS_TOKEN"); Ignore lists keys that are
	// accepted and dropped.
	Rename map[string]string
	Ignore []string
}

// FieldKind is the kind of a setting.
type FieldKind string

// The kinds of settings.
const (
	FieldText   FieldKind = "STRING"
	FieldSecret FieldKind = "SECRET"
	FieldFlag   FieldKind = "BOOLEAN"
	FieldNumber FieldKind = "NUMBER"
	FieldURL    FieldKind = "URL"
)

// Field is one setting of a connection type.
type Field struct {
	Key         string
	Label       string // PingOne's words
	Help        string // one line
	Kind        FieldKind
	Required    bool
	Default     any      // used when the key is missing; nil = none
	Allowed     []string // for a fixed list
	Minimum     *float64
	Maximum     *float64
	Preference  bool // changing it needs a full resync (PingOne: Configure Preferences), an action does not
	Credentials bool // belongs to Configure Authentication
}

// TargetAttribute is one attribute that accounts on the target have.
type TargetAttribute struct {
	Name        string
	Title       string
	Description string
	Flag        bool // a boolean; everything else is text
	Required    bool
	Unique      bool
	Multi       bool
	MaxLength   int // 0 = no known limit
	// CreateOnly: the target answers another value than it is sent, or cannot change it, so it is sent on create and never compared.
	CreateOnly bool
	// Reference: the value is an account of the target. What somebody is called in the directory may be mapped to it.
	Reference bool
	// Lock: a setting at the target lets its own users change the attribute, and others then no longer.
	Lock *Lock
}

// Lock is how a target refuses to change what its own users may change. No target tells beforehand.
type Lock struct {
	Code string // of the fault
	Hint string // how it is unlocked
}

// Catalogue knows the connection types.
type Catalogue interface {
	// Type finds a type by its documented name or another spelling in use.
	Type(name string) (Type, bool)
	Types() []Type
}
