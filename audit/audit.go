// Package audit makes the activity log tamper-evident: every line is chained to the one before it, the newest one is sealed with a
// key that is not in the database, and whoever has the lines can prove that none was changed, taken out, put in or moved.
//
// The chain is made where lines are appended, in their own transaction: numbers are given one after another there anyhow
// (docs/decisions/0002), so it costs no order that the log does not have already, and no committed line is ever unchained.
package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"lockstep/directory"
)

// Hash is a link of the chain: SHA-256 in 64 hexadecimal digits.
type Hash string

// Genesis stands before the first line of a log.
var Genesis = Hash(strings.Repeat("0", 2*sha256.Size))

// Next is the link of the line whose record this is: SHA-256 over the link before it, a line feed, and the record's text.
func (h Hash) Next(record []byte) Hash {
	sum := sha256.New()
	_, _ = sum.Write([]byte(h)) // a hash never fails
	_, _ = sum.Write([]byte{'\n'})
	_, _ = sum.Write(record)
	return Hash(hex.EncodeToString(sum.Sum(nil)))
}

// Record is one line as it is chained and exported. Its JSON text, which is the same every time, is what the chain covers.
type Record struct {
	EnvironmentID string          `json:"environmentId"`
	Seq           int64           `json:"seq"`
	ID            string          `json:"id"`
	RecordedAt    string          `json:"recordedAt"` // UTC, with six digits of the second
	Type          string          `json:"type"`
	Success       bool            `json:"success"`
	Actor         json.RawMessage `json:"actor"`
	CorrelationID string          `json:"correlationId,omitempty"` // of the request
	Resource      Resource        `json:"resource"`
	StoreID       string          `json:"storeId,omitempty"`
	RuleID        string          `json:"ruleId,omitempty"`
	Description   string          `json:"description"`
	Cause         json.RawMessage `json:"cause,omitempty"`
	Changes       json.RawMessage `json:"changes"`
}

// Resource is what a line is about.
type Resource struct {
	Type string `json:"type"`
	ID   string `json:"id"`
	Name string `json:"name"`
}

const stamp = "2006-01-02T15:04:05.000000Z"

// Stamp writes a time as records do.
func Stamp(t time.Time) string { return t.UTC().Format(stamp) }

// Text is the record as the chain covers it. It fails when a member is no JSON, which no line that we wrote is.
func (r *Record) Text() ([]byte, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("write line %d of the log: %w", r.Seq, err)
	}
	return text, nil
}

// RecordOf is the record of an activity that has its number.
func RecordOf(a *directory.Activity) (Record, error) {
	r := Record{
		EnvironmentID: a.EnvironmentID, Seq: a.Seq, ID: a.ID, RecordedAt: Stamp(a.RecordedAt), Type: a.Type, Success: a.Success,
		CorrelationID: a.CorrelationID, Resource: Resource{Type: string(a.Kind), ID: a.ObjectID, Name: a.ObjectName},
		StoreID: a.ConnectionID, RuleID: a.RuleID, Description: a.Description, Changes: json.RawMessage("[]"),
	}
	var err error
	if r.Actor, err = json.Marshal(a.Actor); err != nil {
		return r, fmt.Errorf("write the actor of an activity: %w", err)
	}
	if !a.Cause.IsZero() {
		if r.Cause, err = json.Marshal(a.Cause); err != nil {
			return r, fmt.Errorf("write the cause of an activity: %w", err)
		}
	}
	if len(a.Changes) > 0 {
		if r.Changes, err = json.Marshal(a.Changes); err != nil {
			return r, fmt.Errorf("write the changes of an activity: %w", err)
		}
	}
	return r, nil
}

// Line is a record with its links.
type Line struct {
	Record
	Previous Hash // the link of the line before it
	Hash     Hash // its own, as it was kept
	Feed     bool // whether the engine follows it, as it was kept
}

// Whole reports whether the line is as it was chained after previous.
func (l *Line) Whole(previous Hash) bool {
	text, err := l.Text()
	return err == nil && previous.Next(text) == l.Hash && l.Feed == (directory.Kind(l.Resource.Type).Feed() && l.StoreID == "")
}

// The text of an exported line: {"previous":"…","hash":"…","record":{…}}. The record is the text that the chain covers, byte by
// byte, and stands at the same place in every line, so that a few lines of any script can check it.
const (
	linePrevious = `{"previous":"`
	lineHash     = `","hash":"`
	lineRecord   = `","record":`
	lineEnd      = "}"
	recordAt     = len(linePrevious) + len(lineHash) + len(lineRecord) + 4*sha256.Size
)

// MarshalLine writes an exported line, without the line feed.
func (l *Line) MarshalLine() ([]byte, error) {
	text, err := l.Text()
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, recordAt+len(text)+1)
	out = append(append(append(append(out, linePrevious...), l.Previous...), lineHash...), l.Hash...)
	return append(append(append(out, lineRecord...), text...), lineEnd...), nil
}

// parsed is an exported line that was read again. The record's text is as it stands in the file.
type parsed struct {
	previous, hash Hash
	record         Record
	text           []byte
}

func parseLine(raw []byte) (parsed, bool) {
	var p parsed
	half := len(linePrevious) + 2*sha256.Size
	sane := len(raw) > recordAt+len(lineEnd) && bytes.HasPrefix(raw, []byte(linePrevious)) && bytes.HasPrefix(raw[half:], []byte(lineHash)) &&
		bytes.HasPrefix(raw[recordAt-len(lineRecord):], []byte(lineRecord)) && bytes.HasSuffix(raw, []byte(lineEnd))
	if !sane {
		return p, false
	}
	p.previous = Hash(raw[len(linePrevious):half])
	p.hash = Hash(raw[half+len(lineHash) : recordAt-len(lineRecord)])
	p.text = raw[recordAt : len(raw)-len(lineEnd)]
	return p, json.Unmarshal(p.text, &p.record) == nil
}

// Head is the newest line of a log: its number and its link. Whoever keeps one outside of the database can tell later whether lines
// up to there were cut off or written anew.
type Head struct {
	EnvironmentID string `json:"environmentId"`
	Seq           int64  `json:"seq"`
	Hash          Hash   `json:"hash"`
}

// Text is what is sealed and signed of a head.
func (h Head) Text() string {
	return "lockstep activity log\n" + h.EnvironmentID + "\n" + strconv.FormatInt(h.Seq, 10) + "\n" + string(h.Hash)
}

// BaseText is what is sealed of a head up to which retention cleared the log away. It is not Text: the seal of a head stands in the database,
// and would say for whoever copies it that all lines were cleared away.
func (h Head) BaseText() string { return "cleared away by retention\n" + h.Text() }

// SignedHead is a head as it is given away.
type SignedHead struct {
	Head
	SignedAt  string `json:"signedAt"`
	PublicKey string `json:"publicKey"` // Ed25519, base64: the same for all heads of an installation
	Signature string `json:"signature"` // over the text that Signed answers, base64
}

// Signed is what the signature is over.
func (h *SignedHead) Signed() string { return h.Text() + "\n" + h.SignedAt }

// Chain is what the store keeps of a log beside its lines.
type Chain struct {
	Head
	// Seal says whether the head is sealed by this server's key.
	Seal     Seal
	BrokenAt int64 // with SealBroken: the number of the head that was found forged
	// Base is the last line that retention cleared away; its number is 0 when there was none.
	Base     Head
	BaseSeal Seal
}

// Seal is how a seal was found.
type Seal int

// The states of a seal.
const (
	SealWhole  Seal = iota
	SealForged      // it does not belong to what it stands on, or was made with another key
	SealBroken      // a head before this one was found forged while lines were appended
)
