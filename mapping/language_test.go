package mapping_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lockstep/directory"
	"lockstep/mapping"
)

// What the page does not show: the edges of the language.
func TestLanguageEdges(t *testing.T) {
	for src, want := range map[string]any{
		// Names
		"#root.user.name.given": "Anna", "#this.title": "PM", "USER.Name.GIVEN": "Anna", "True ? NULL : False": nil,
		// Text and numbers
		`"a""b" + '''c'''`: `a"b'c'`, `'\d\\'`: `\d\\`, "34533535454345L + 1": 34533535454346.0, "1e3": 1000.0, "2.5e-1 + 1D": 1.25, "'' + 1e20": "100000000000000000000",
		"'' + 1 / 3": "0.3333333333333333", "'' + 0 * -1": "0", "2 ^ 3 ^ 2": 64.0, "-2 ^ 2": 4.0, "2 * 3 ^ 2": 18.0, "7 - 2 - 1": 4.0, "#string.asLong('34533535454345', 0)": 34533535454345.0,
		"'x' + true + null + 1": "xtrue1", "createdAt + ''": "2026-03-09T14:05:06.000Z",
		// No value
		"nickname + nickname": nil, "nickname == ''": true, "nickname != 'x'": true, "nickname < 'x'": false, "!profile.x": true, "{}[0]": nil, "{:}.x": nil, "(nickname ?: '') ?: 'z'": "z", "false ?: true": false, "0 ?: 1": 0.0, "{} ?: 1": 1.0,
		"{nickname: 1}.nickname": 1.0, "{#root.nickname: 1, null: 2, 'a': 3}": map[string]any{"a": 3.0},
		// Comparing
		"level == '3'": true, "enabled == 'true'": true, "createdAt == '2026-03-09T15:05:06+01:00'": true, "'2026-01-01' < createdAt": true, "createdAt >= nickname": false,
		"{1,{2}} == {1,{2}}": true, "{1,2} == {'1 2'}": false, "{'a':1} == {'a':1}": true, "profile == skills": false, "1 lt 2 and 'a' GE 'A'": true,
		"enabled ? null : 'x'": nil, "enabled ? 1 : 'x'": 1.0, "enabled ? {1} : {'a':1}": []any{1.0}, "(enabled ? 1 : null) + (enabled ? 'a' : {1})": "1a",
		"1 == 1 ? 'a' : 1 == 2 ? 'b' : 'c'": "a", "enabled and not enabled or enabled": true,
		// Lists
		"{1,{2,3}}[1][0]": 2.0, "skills[-1]": nil, "skills.![#this + '!'].?[#this matches 's.*']": []any{"sql!"},
		"profile.floors.![#this * 2]": []any{2.0, 4.0}, "{{'a':1},{'a':2}}.![a]": []any{1.0, 2.0}, "{{'a':1},{'b':2}}.?[a == null][0].b": 2.0,
		"skills.![#root.title + '/' + #this][0]": "PM/go", "{{1,2},{3}}.![#this.![#this + 1]]": []any{[]any{2.0, 3.0}, []any{4.0}}, "nickname == null ? {}.![#this] : 1": []any{},
		"profile.nothing.![x]": []any{}, "skills.?[false].^[true]": nil, "skills.$[#this == 'go']": "go", "{level,title}.![#this]": []any{3.0, "PM"},
		// Functions at their edges
		"#string.substring(title, -1, -1)": "", "#string.substring(title, 5)": "", "#string.substring('añb', -2, 9)": "ñb", "#string.substring('abc', 2, 1)": "",
		"#string.indexOf('ñañ', 'ñ', 1)": 2.0, "#string.indexOf('aaa', '', 9)": 3.0, "#string.indexOf('abc', 'z')": -1.0, "#string.indexOf('abc', 'a', -5)": 0.0,
		"#string.lastIndexOf('ñañ', 'ñ')": 2.0, "#string.lastIndexOf('ñañ', 'ñ', 1)": 0.0, "#string.lastIndexOf('abc', 'c', 1)": -1.0, "#string.lastIndexOf('abab', 'ab', -3)": 0.0,
		"#string.split('a b\tc', null)": []any{"a", "b", "c"}, "#string.split('', ',')": []any{}, "#string.split(',a,,b,', ',')": []any{"a", "b"}, "#string.split('ab', '')": []any{"ab"},
		"#string.compare(nickname, 'a')": -1.0, "#string.compare('a', nickname)": 1.0, "#string.compare(null, null)": 0.0, "#string.compare('b', 'a', false)": 1.0,
		"#string.replace('aaa', 'a', 'b', 0)": "aaa", "#string.replace(nickname, 'a', 'b')": nil, "#string.replace('aaa', 'a', '')": "",
		"#string.join(profile.city, ',')": "Köln", "#string.join(profile.x, ',')": nil, "#string.join({1, {2, null}, createdAt}, '|')": "1|2|2026-03-09T14:05:06.000Z",
		"#string.capitalize('ß')": "Ss", "#string.capitalize('ǆ')": "ǅ", "#string.capitalize(' a')": " a", "#string.capitalize('e\u0301a')": "E\u0301a", "#string.lowerCase('ΟΔΟΣ')": "οδος",
		"#string.upperCase('ﬁ é i')": "FI É I", "#string.asInt('2147483648', 7)": 7.0, "#string.asInt('-12', 0)": -12.0, "#string.asInt('1.0', 7)": 7.0, "#string.asInt(nickname, 7)": 7.0,
		"#string.asLong('9876543210123456789', 0)": 0.0, "#string.asDouble('1e400', 0)": 0.0, "#string.asDouble('NaN', 0)": 0.0, "#string.asBase64Decoded('%')": nil, "#string.asUrlDecoded('%zz')": nil,
		"#string.asBase64Decoded('/w==')": nil, "#string.uuidAsBase64Guid('x', 'y')": "y",
		"#regex.matches(nickname, '.*')": false, "#regex.matches('ab', 'a|ab')": true, "#regex.matches('x\ny', 'x.y')": false, "#regex.matches('abab', '(ab)+')": true, "'ab' matches 'a'": false,
		"#regex.replaceAll('a.b', '[.]', '$')": "a$b", "#regex.replaceAll('a.b', '[.]', '\\$\\\\')": `a$\b`, "#regex.replaceAll('ab', '(a)(?P<second>b)', '${second}$12')": "ba2",
		"#regex.replaceAll('ab', 'a', nickname)": "ab", "#regex.replaceAll('x1x', '1', 'one', 'x', '')": "one", "#regex.replaceFirst(nickname, 'a', 'b')": nil,
		"#data.size('x')": 1.0, "#data.indexOf(nickname, 'x')": -1.0, "#data.removeAll({nickname, 'a', ''}, {null})": []any{"a"}, "#data.containsAll(skills, {})": true,
		"#data.equals({1,'2'}, {'1',2})": true, "#data.distinct({1, '1', {1}, {1}, null, ''})": []any{1.0, []any{1.0}, nil},
		"#core.ifelse('yes', 1, 2)": 1.0, "#core.ifelse(0, 1)": nil, "#core.ifelse(skills, 1, 'Y', 2, 3)": 2.0, "#core.switchExpr(level, '3', 'three')": "three",
		"#datetime.daysBetween('2021-01-03T00:00:01Z', '2021-01-01T10:30:00Z', -1)": -2.0, "#datetime.weeksBetween('2021-01-15T00:00:01Z', '2021-01-01T10:30:00Z', -1)": -2.0,
		"#datetime.yearsBetween('2022-01-01T00:00:01Z', '2021-01-01T10:30:00Z', -1)": -1.0, "#datetime.monthsBetween('2021-01-31', '2021-02-28', 0)": 0.0,
		"#datetime.periodBetween('2022-02-11', '2021-01-01', '')": "P-1Y-1M-10D", "#datetime.periodBetween('2021-01-31', '2021-03-01', '')": "P1M1D", "#datetime.daysBetween('1969-12-31T23:00:00Z', '1970-01-01', 0)": 1.0,
		"#datetime.addMonths('2020-12-31T01:01:01.001Z', 2) + ''": "2021-02-28T01:01:01.001Z", "#datetime.addMonths('2021-02-28T01:01:01Z', -1) + ''": "2021-01-28T01:01:01.000Z",
		"#datetime.toUnixTimestamp('2020-12-31T23:59:59.001Z')": 1609459199.0, "#datetime.compare('x' + '', '2021-01-01')": -1.0, "#datetime.format(createdAt, 'QQQQ yyyy D')": "1st quarter 2026 68",
		"#datetime.toDateTimeInTimezone('2023-01-01T04:30:30Z', '+0100')": "2023-01-01T05:30:30.000+0100", "#datetime.toDateTimeInTimezone('2022-07-01T12:00:00Z', 'America/Vancouver', 'HH:mm Z')": "05:00 -0700",
		"#datetime.parse('2022-01-01', 'yyyy-MM-dd', {'zoneid': 'America/Vancouver'}) + ''": "2022-01-01T08:00:00.000Z", "#datetime.getYear('2026-12-31T23:30:00-0100')": 2027.0,
	} {
		t.Run(src, func(t *testing.T) {
			got, err := evaluate(t, src)
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestFormat(t *testing.T) {
	for src, want := range map[string]string{
		"#string.format('%s|%5s|%-5s|', 1, 'é', 'b')":         "1|    é|b    |",
		"#string.format('%+d %,d %05d', 5, -1234567, 42)":     "+5 -1,234,567 00042",
		"#string.format('%.2f %f %x %X', 2.345, 1, 255, 255)": "2.35 1.000000 ff FF",
		"#string.format('%2$s %1$s %s', 'a', 'b')":            "b a a",
		"#string.format('%S %.2s %b%n%%', 'é', 'abc', true)":  "É ab true\n%",
		"#string.format('none', 1)":                           "none",
		"#string.format('%s', nickname)":                      "",
	} {
		if got, err := evaluate(t, src); got != want || err != nil {
			t.Errorf("%s gives %q, %v; want %q", src, got, err, want)
		}
	}
	for src, want := range map[string]string{
		"#string.format('%s')":      "the format asks for value 1, and there are 0",
		"#string.format('100 %')":   "nothing readable follows; write %% for the sign itself",
		"#string.format('%q', 1)":   "the conversion %q is not supported",
		"#string.format('%d', 'x')": "a number is needed here, and this is text",
		"#string.format('%3$s', 1)": "the format asks for value 3, and there are 1",
		"#string.format('%0$s', 1)": "the format asks for value 0, and there are 1",
	} {
		if got, err := evaluate(t, src); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s gives %v, %v; want %q", src, got, err, want)
		}
	}
}

// What goes wrong for a person has a place too.
func TestPlaces(t *testing.T) {
	for src, want := range map[string]mapping.ExpressionError{
		"'é' + level / (level - 3)":                        {Offset: 12, Line: 1, Column: 13},
		"title +\n  #string.padLeft('é', 3, 'ab')":         {Offset: 10, Line: 2, Column: 3},
		"title +\n\n  nme":                                 {Offset: 11, Line: 3, Column: 3},
		"'ü' + profile":                                    {Offset: 4, Line: 1, Column: 5},
		"#regex.replaceAll(title, title, '$3')":            {Offset: 0, Line: 1, Column: 1},
		"enabled ? #string.trim(profile) : title":          {Offset: 10, Line: 1, Column: 11},
		"skills.![#this < 1]":                              {Offset: 15, Line: 1, Column: 16},
		"{'b', 1}.![#this - 1]":                            {Offset: 17, Line: 1, Column: 18},
		"#datetime.toDateTimeInTimezone(createdAt, title)": {Offset: 0, Line: 1, Column: 1},
	} {
		e, err := mapping.CompileExpression(src, schema())
		if err == nil {
			_, err = e.Eval(anna())
		}
		got, ok := err.(*mapping.ExpressionError) //nolint:errorlint // nothing wraps it
		if !ok || got.Offset != want.Offset || got.Line != want.Line || got.Column != want.Column {
			t.Errorf("%q: %+v, want %+v", src, err, want)
		}
	}
	_, err := mapping.CompileExpression("title +\n  nme", schema())
	if want := "at line 2, column 3: users have no attribute"; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v, want %q", err, want)
	}
}

func TestMoreMistakes(t *testing.T) {
	s := mapping.SchemaOf(directory.NewSchema([]directory.Attribute{
		{Name: "cost-center", Type: directory.TypeString}, {Name: "skills", Type: directory.TypeString, MultiValued: true}, {Name: "profile", Type: directory.TypeJSON},
	}))
	for src, want := range map[string]string{
		"cost-center + ''":                     "at position 1: this is a subtraction; write #root['cost-center'] for the attribute",
		"skills == 'go'":                       "at position 8: a list and text are never equal; write #data.contains(list, value)",
		"{'a':1} != 1":                         "a map and a number are never equal",
		"skills.![name.given]":                 "each element is text and has no parts; write #this for the element, and #root.name for the person's",
		"skills.![value]":                      "each element is text and has no parts; write #this for the element",
		"title.![#this]":                       "at position 1: this is text, but a list is needed",
		"skills.?[#this + 'x']":                "this is text, but true or false is needed",
		"skills.?[#this == 'x'":                `but "]" is expected`,
		"'it\\'s'":                             "",
		"'it\\'s":                              "",
		"'a\\' + 'b":                           "this text is never closed; write '' for a quote inside it",
		"1.2.3":                                "at position 1: this is not a number",
		"12abc":                                "at position 1: this is not a number",
		"skills[{1}]":                          "a list is no key",
		"#regex.matches(title, '(?<=@)[^.]+')": "at position 23: (?<= is not supported: patterns are RE2",
		"title matches '(a)\\1'":               `\1 is not supported: patterns are RE2, without back-references`,
		"title matches 'x{1001}'":              "the pattern repeats too much",
		"title matches '((x{100}){10}){10}'":   "the pattern repeats too much",
		"title matches '[a'":                   "missing closing ]",
		"#crypto.hmacHexDigest('a','b','c')":   "a key in an expression would not be secret",
		"#list.join(skills, '')":               "write #string.join",
		"#string.concat('a', 'b')":             "join texts with +",
		"#strin.trim('')":                      "did you mean #string.trim?",
		"#nothing.at('')":                      "the families are #core, #string, #regex, #data and #datetime",
		"#string.substring(title)":             "#string.substring takes (text, start, [end])",
		"#core.switchExpr(title, 'a')":         "#core.switchExpr takes (value, choice, result, …)",
		"#this":                                "name an attribute, such as #root.username",
		"#root['ti' + 'tle']":                  "name the attribute of #root in quotes",
		"skills.![#root]":                      "name an attribute",
		"new int[] {1}":                        "write the list alone, such as {1, 2}",
		"[1, 2]":                               "lists stand in braces, such as {1, 2}",
		"title.equals('x')":                    "values have no methods",
	} {
		e, err := mapping.CompileExpression(src, s)
		if want == "" {
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n got %v, %v\nwant %q", src, e, err, want)
		}
	}
}
