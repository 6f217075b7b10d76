// Package mapping gives target attributes their values from a person's: by a source attribute or by an expression.
//
// Expressions are written in PingOne Expression Language, as far as mappings need it. Names, parameters and results follow its
// reference (docs.pingidentity.com/pingone/pingone_expression_language); docs/expressions.md lists all there is.
//
//	name.given + ' ' + name.family          text is joined; a part without a value is left out
//	#root.nickname ?: username              the first that has a value
//	type eq 'EXT' ? 'Guest' : 'Member'      ternary; == != < <= > >= && || ! and their words
//	{'PM':'Product Manager'}[title] ?: title
//	#core.switchExpr(#root.type, 'A','x', 'B','y', 'otherwise')
//	skills.![#string.upperCase(#this)]      .![] changes each element, .?[] .^[] .$[] choose
//	#string.substring(name.given, 0, 1)     #core, #string, #regex, #data, #datetime
//
// An attribute without a value is "no value", never an error; what is computed from no value alone is no value. Expressions
// have no loops and no clock, and are bounded in length, depth, cost and result, so that none can hold up a sync. They are
// compiled once: our front end finds the mistakes and says where they are, cel-go evaluates.
package mapping
