/*
 * mask_regex.c
 *		lakehouse.mask_regex: what PostgreSQL's regular expressions find is replaced.
 *
 *	1. The pattern is compiled once a query, in memory of its own, and kept while it is the same.  One that
 *	   is no regular expression hides every value: an error would come up in the queries of those who
 *	   did not write it.
 *	2. All matches that are not empty are replaced, from left to right.  An empty match hides
 *	   nothing, so a value with only such ones has not been masked and is hidden as a whole.
 *	3. Pattern, value and result have limits; within them the engine asks for interrupts by itself.
 *
 * Classes such as \w and case folding follow the collation of the value; where it has none, or one that the
 * engine does not take, that of the database.
 */
#include "pg/privacy/mask_table.h"

#include "catalog/pg_collation.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "regex/regex.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

extern PGDLLEXPORT Datum lakehouse_mask_regex(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(lakehouse_mask_regex);

#define MAX_PATTERN     1024	/* bytes */
#define MAX_REPLACEMENT 1024
#define MAX_VALUE       65536
#define MAX_RESULT      (1 << 20)	/* of characters, as bytes of pg_wchar */
#define GROUPS          10		/* the match and \1 to \9 */

typedef struct Compiled
{
	MemoryContext mcxt;
	LhSlice		pattern;
	bool		valid;
	regex_t		re;
	MemoryContextCallback release;
} Compiled;

/* ---- the pattern ---- */

static void
release(void *arg)
{
	pg_regfree(&((Compiled *) arg)->re);
}

static pg_wchar *
widen(LhSlice s, size_t *n)
{
	pg_wchar   *wide = palloc((s.len + 1) * sizeof(pg_wchar));

	*n = pg_mb2wchar_with_len((const char *) s.data, wide, (int) s.len);
	return wide;
}

/* In a context that is deleted with what it holds. */
static Compiled *
compile(MemoryContext parent, LhSlice pattern, Oid collation)
{
	MemoryContext mcxt = AllocSetContextCreate(parent, "lakehouse mask_regex", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(mcxt);
	Compiled   *c = palloc0(sizeof(Compiled));
	uint8	   *copy = palloc(pattern.len + 1);
	pg_wchar   *wide;
	size_t		n;

	memcpy(copy, pattern.data, pattern.len);
	c->mcxt = mcxt;
	c->pattern = lh_slice(copy, pattern.len);
	wide = widen(pattern, &n);
	c->valid = pg_regcomp(&c->re, wide, n, REG_ADVANCED, collation) == REG_OKAY;
	if (c->valid)
	{
		c->release.func = release;
		c->release.arg = c;
		MemoryContextRegisterResetCallback(mcxt, &c->release);
	}
	/* where it was cancelled it says no more than that it failed */
	CHECK_FOR_INTERRUPTS();
	MemoryContextSwitchTo(old);
	return c;
}

static Oid
usable_collation(Oid collation)
{
	return OidIsValid(collation) && get_collation_isdeterministic(collation) ? collation : DEFAULT_COLLATION_OID;
}

static Compiled *
compiled(FunctionCallInfo fcinfo, LhSlice pattern)
{
	Compiled   *c = fcinfo->flinfo->fn_extra;

	if (c != NULL && c->pattern.len == pattern.len && memcmp(c->pattern.data, pattern.data, pattern.len) == 0)
		return c;
	fcinfo->flinfo->fn_extra = NULL;
	if (c != NULL)
		MemoryContextDelete(c->mcxt);
	c = compile(fcinfo->flinfo->fn_mcxt, pattern, usable_collation(PG_GET_COLLATION()));
	fcinfo->flinfo->fn_extra = c;
	return c;
}

/* ---- one value ---- */

static bool
put(StringInfo out, const pg_wchar *p, size_t n)
{
	if (out->len + n * sizeof(pg_wchar) > MAX_RESULT)
		return false;
	appendBinaryStringInfo(out, (const char *) p, (int) (n * sizeof(pg_wchar)));
	return true;
}

typedef struct Replacement
{
	const pg_wchar *text;
	size_t		n;
} Replacement;

/* \1 to \9 are groups, \\ a backslash; before anything else a backslash is one. */
static bool
put_replacement(StringInfo out, const Replacement *r, const pg_wchar *value, const regmatch_t *groups)
{
	for (size_t i = 0; i < r->n; i++)
	{
		bool		more = r->text[i] == '\\' && i + 1 < r->n;

		if (more && r->text[i + 1] >= '1' && r->text[i + 1] <= '9')
		{
			const regmatch_t *g = &groups[r->text[++i] - '0'];

			if (g->rm_so >= 0 && !put(out, value + g->rm_so, g->rm_eo - g->rm_so))
				return false;
			continue;
		}
		if (more && r->text[i + 1] == '\\')
			i++;
		if (!put(out, r->text + i, 1))
			return false;
	}
	return true;
}

/* A replacement by the match itself hides nothing. */
static bool
keeps_match(const Replacement *r)
{
	for (size_t i = 0; i + 1 < r->n; i++)
	{
		if (r->text[i] != '\\')
			continue;
		if (r->text[i + 1] == '&' || r->text[i + 1] == '0')
			return true;
		i++;
	}
	return false;
}

static LhMaskOutcome
replace(Compiled *c, const pg_wchar *value, size_t n, const Replacement *replacement, StringInfo out)
{
	LhMaskOutcome outcome = LH_MASK_UNMATCHED;
	regmatch_t	groups[GROUPS];
	size_t		copied = 0;

	for (size_t at = 0; at <= n;)
	{
		int			found;

		CHECK_FOR_INTERRUPTS();
		found = pg_regexec(&c->re, value, n, at, NULL, GROUPS, groups, 0);
		if (found == REG_NOMATCH)
			break;
		if (found != REG_OKAY)
		{
			CHECK_FOR_INTERRUPTS();
			return LH_MASK_LONG;
		}
		at = groups[0].rm_eo;
		if (groups[0].rm_so == groups[0].rm_eo)
		{
			at++;
			continue;
		}
		if (!put(out, value + copied, groups[0].rm_so - copied) || !put_replacement(out, replacement, value, groups))
			return LH_MASK_LONG;
		copied = at;
		outcome = LH_MASK_DONE;
	}
	return outcome == LH_MASK_DONE && !put(out, value + copied, n - copied) ? LH_MASK_LONG : outcome;
}

static LhMaskOutcome
mask(FunctionCallInfo fcinfo, LhSlice value, LhSlice pattern, LhSlice with, LhSlice *result)
{
	Replacement replacement;
	LhMaskOutcome outcome;
	StringInfoData out;
	pg_wchar   *wide;
	Compiled   *c;
	char	   *bytes;
	size_t		n;

	if (pattern.len > MAX_PATTERN || with.len > MAX_REPLACEMENT)
		return LH_MASK_ARGUMENT;
	if (value.len > MAX_VALUE)
		return LH_MASK_LONG;
	if (!pg_verify_mbstr(GetDatabaseEncoding(), (const char *) value.data, (int) value.len, true))
		return LH_MASK_ENCODING;
	c = compiled(fcinfo, pattern);
	replacement.text = widen(with, &replacement.n);
	if (!c->valid || keeps_match(&replacement))
		return LH_MASK_ARGUMENT;
	wide = widen(value, &n);
	initStringInfo(&out);
	outcome = replace(c, wide, n, &replacement, &out);
	if (outcome != LH_MASK_DONE)
		return outcome;
	n = out.len / sizeof(pg_wchar);
	bytes = palloc(n * pg_database_encoding_max_length() + 1);
	*result = lh_slice(bytes, pg_wchar2mb_with_len((const pg_wchar *) out.data, bytes, (int) n));
	return result->len == value.len && memcmp(bytes, value.data, value.len) == 0 ? LH_MASK_SAME : LH_MASK_DONE;
}

/* mask_regex(value, pattern, replacement, fallback) */
Datum
lakehouse_mask_regex(PG_FUNCTION_ARGS)
{
	LhMaskOutcome outcome = LH_MASK_ARGUMENT;
	LhSlice		value,
				result;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	value = lh_mask_argument(fcinfo, 0);
	if (!PG_ARGISNULL(1) && !PG_ARGISNULL(2))
		outcome = mask(fcinfo, value, lh_mask_argument(fcinfo, 1), lh_mask_argument(fcinfo, 2), &result);
	if (outcome == LH_MASK_DONE)
		return lh_mask_text(result);
	return lh_mask_fallback(fcinfo, LH_MASK_ID_REGEX, outcome, value, 3);
}
