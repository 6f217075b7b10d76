package mapping

import (
	"encoding/base64"
	"encoding/hex"
	"math"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

var textAndNumber = []Type{String, Number}

var convertFunctions = map[string]function{
	"string.asInt":    {params: "text, otherwise", takes: textAndNumber, gives: Number, always: true, apply: asWhole(math.MaxInt32)},
	"string.asLong":   {params: "text, otherwise", takes: textAndNumber, gives: Number, always: true, apply: asWhole(1 << 53)},
	"string.asDouble": {params: "text, otherwise", takes: textAndNumber, gives: Number, always: true, apply: asDouble},

	"string.asBase64Encoded": changed(func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }),
	"string.asBase64Decoded": decoded(func(s string) (string, error) {
		b, err := base64.StdEncoding.DecodeString(s)
		return string(b), err
	}),
	"string.asUrlEncoded": changed(url.QueryEscape),
	"string.asUrlDecoded": decoded(url.QueryUnescape),

	"string.uuidAsBase64Guid": {params: "uuid, otherwise", takes: []Type{String, String}, gives: String, always: true, apply: uuidAsBase64GUID},
	"string.format":           {params: "format, [value], …", takes: oneText, gives: String, apply: format},
}

// decoded makes a function whose text is not always one of that encoding: then, or when it holds what is no text, it has no value.
func decoded(f func(string) (string, error)) function {
	return function{params: "text", takes: oneText, gives: String, apply: func(c *call) any {
		s, err := f(c.text(0))
		if err != nil || !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0 {
			return nil
		}
		return s
	}}
}

var number = regexp.MustCompile(`^[+-]?[0-9]+([.][0-9]+)?([eE][+-]?[0-9]{1,3})?$`)

func parseNumber(s string) (float64, bool) {
	if s = strings.TrimSpace(s); !number.MatchString(s) {
		return 0, false
	}
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil
}

// asWhole reads a whole number. Numbers are doubles here, whole up to 2^53; a longer one is better kept as text.
func asWhole(most float64) func(c *call) any {
	return func(c *call) any {
		s := c.text(0)
		if n, ok := parseNumber(s); ok && math.Abs(n) <= most && !strings.ContainsAny(s, ".eE") {
			return n
		}
		return c.value(1)
	}
}

func asDouble(c *call) any {
	if n, ok := parseNumber(c.text(0)); ok {
		return n
	}
	return c.value(1)
}

var uuid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// uuidAsBase64GUID is what Microsoft calls an immutable id: the first three parts have their bytes the other way round.
func uuidAsBase64GUID(c *call) any {
	s := c.text(0)
	if !uuid.MatchString(s) {
		return c.value(1)
	}
	b, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	if err != nil {
		return c.value(1)
	}
	b[0], b[1], b[2], b[3] = b[3], b[2], b[1], b[0]
	b[4], b[5] = b[5], b[4]
	b[6], b[7] = b[7], b[6]
	return base64.StdEncoding.EncodeToString(b)
}
