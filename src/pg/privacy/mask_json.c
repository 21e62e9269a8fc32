/*
 * mask_json.c
 *		lakehouse.mask_json: members of a document are masked by their paths.
 *
 * The document is walked once without recursion; each object or array on the way has the state of the paths'
 * automaton (mask/json.h).  A member that a path ends at is replaced as a whole, whatever
 * it is.  A document in which no path ends at anything is hidden: its secrets may be spelled differently.
 */
#include "pg/privacy/mask_table.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"

#include "mask/json.h"

extern PGDLLEXPORT Datum lakehouse_mask_json(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(lakehouse_mask_json);

#define MAX_DOCUMENT (16 * 1024 * 1024)	/* the walk takes eight times as much */
/* A jsonb array or object takes a quarter of a gigabyte; what is put in place of members may be longer than they were. */
#define MAX_PUT      (128 * 1024 * 1024)

/* ---- arguments ---- */

typedef struct Rules
{
	LhMaskPaths paths;
	LhMaskMember member;
	LhMaskOutcome outcome;		/* not LH_MASK_DONE: they are wrong */
} Rules;

static LhMaskOutcome
read_paths(ArrayType *array, LhMaskPaths *paths)
{
	LhMaskOutcome outcome = LH_MASK_ARGUMENT;
	Datum	   *items;
	bool	   *nulls;
	int			n;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &items, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		text	   *t;

		if (nulls[i])
			return LH_MASK_ARGUMENT;
		t = DatumGetTextPP(items[i]);
		outcome = lh_mask_paths_add(paths, lh_slice(VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t)));
		if (outcome != LH_MASK_DONE)
			return outcome;
	}
	return outcome;
}

/* A copy: arguments that are detoasted, or not, live for one call. */
static Rules *
make_rules(FunctionCallInfo fcinfo)
{
	Rules	   *rules = palloc0(sizeof(Rules));

	rules->outcome = read_paths(PG_GETARG_ARRAYTYPE_P_COPY(1), &rules->paths);
	if (rules->outcome == LH_MASK_DONE)
	{
		text	   *how = PG_GETARG_TEXT_P_COPY(2);

		rules->outcome = lh_mask_member(lh_slice(VARDATA_ANY(how), VARSIZE_ANY_EXHDR(how)), &rules->member);
	}
	return rules;
}

/* Made once a query when the arguments cannot change. */
static Rules *
get_rules(FunctionCallInfo fcinfo)
{
	MemoryContext old;
	Rules	   *rules = fcinfo->flinfo->fn_extra;

	if (rules != NULL)
		return rules;
	if (!get_fn_expr_arg_stable(fcinfo->flinfo, 1) || !get_fn_expr_arg_stable(fcinfo->flinfo, 2))
		return make_rules(fcinfo);
	old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	rules = make_rules(fcinfo);
	MemoryContextSwitchTo(old);
	fcinfo->flinfo->fn_extra = rules;
	return rules;
}

/* ---- members ---- */

static void
put_partial(const LhMaskMember *how, LhSlice value, JsonbValue *out)
{
	LhMaskCut	cut;
	char	   *to;

	(void) lh_mask_partial(value, how->first, how->text, how->last, lh_mask_encoding(), &cut);
	if (cut.nothing)
		return;
	out->type = jbvString;
	out->val.string.len = (int) (cut.head + how->text.len + cut.tail);
	out->val.string.val = to = palloc(out->val.string.len + 1);
	memcpy(to, value.data, cut.head);
	memcpy(to + cut.head, how->text.data, how->text.len);
	memcpy(to + cut.head + how->text.len, value.data + value.len - cut.tail, cut.tail);
}

/* What stands in place of v: null unless said otherwise, and where a part of it cannot be kept. */
static JsonbValue
masked_member(const LhMaskMember *how, const JsonbValue *v)
{
	JsonbValue	out = {.type = jbvNull};

	if (how->kind == LH_MASK_MEMBER_CONSTANT)
	{
		out.type = jbvString;
		out.val.string.len = (int) how->text.len;
		out.val.string.val = unconstify(char *, (const char *) how->text.data);
	}
	else if (how->kind == LH_MASK_MEMBER_PARTIAL && v->type == jbvString)
		put_partial(how, lh_slice(v->val.string.val, v->val.string.len), &out);
	else if (how->kind == LH_MASK_MEMBER_PARTIAL && v->type == jbvNumeric)
	{
		const char *number = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(v->val.numeric)));

		put_partial(how, lh_slice(number, strlen(number)), &out);
	}
	return out;
}

/* ---- the walk ---- */

typedef struct Level
{
	uint64		state;			/* of the object or array */
	uint64		member;			/* of the member that comes next */
	uint64		index;			/* of the element that comes next */
	bool		array;
	bool		scalar;			/* an array around a document that is a scalar */
} Level;

typedef struct Walk
{
	const Rules *rules;
	Level		levels[LH_MASK_JSON_DEPTH];
	int			depth;
	JsonbParseState *to;
	JsonbValue *result;
	size_t		put;			/* bytes in place of members */
	bool		matched;
} Walk;

static LhMaskOutcome
enter(Walk *w, JsonbIteratorToken token, JsonbValue *v)
{
	const Level *above = w->depth > 0 ? &w->levels[w->depth - 1] : NULL;
	Level	   *level;

	if (w->depth == LH_MASK_JSON_DEPTH)
		return LH_MASK_LONG;
	level = &w->levels[w->depth++];
	*level = (Level) {.state = above != NULL ? above->member : w->rules->paths.start};
	level->array = token == WJB_BEGIN_ARRAY;
	level->scalar = level->array && v->val.array.rawScalar;
	w->result = pushJsonbValue(&w->to, token, level->array ? v : NULL);
	return LH_MASK_DONE;
}

/* Is what comes next to be masked? */
static bool
is_next(Walk *w)
{
	const LhMaskPaths *paths = &w->rules->paths;
	Level	   *level;

	if (w->depth == 0)
		return false;
	level = &w->levels[w->depth - 1];
	if (level->scalar)
		level->member = level->state;
	else if (level->array)
		level->member = lh_mask_paths_index(paths, level->state, level->index);
	return (level->member & paths->ends) != 0;
}

static LhMaskOutcome
step(Walk *w, JsonbIteratorToken token, JsonbValue *v, bool matched)
{
	Level	   *level = w->depth > 0 ? &w->levels[w->depth - 1] : NULL;

	switch (token)
	{
		case WJB_KEY:
			level->member = lh_mask_paths_key(&w->rules->paths, level->state, lh_slice(v->val.string.val, v->val.string.len));
			w->result = pushJsonbValue(&w->to, token, v);
			return LH_MASK_DONE;
		case WJB_VALUE:
		case WJB_ELEM:
			if (matched)
			{
				*v = masked_member(&w->rules->member, v);
				w->put += v->type == jbvString ? v->val.string.len : 0;
				w->matched = true;
			}
			level->index++;
			w->result = pushJsonbValue(&w->to, token, v);
			return w->put > MAX_PUT ? LH_MASK_LONG : LH_MASK_DONE;
		case WJB_BEGIN_ARRAY:
		case WJB_BEGIN_OBJECT:
			if (level != NULL)
				level->index++;
			return enter(w, token, v);
		default:
			w->depth--;
			w->result = pushJsonbValue(&w->to, token, NULL);
			return LH_MASK_DONE;
	}
}

static LhMaskOutcome
walk(Walk *w, Jsonb *document)
{
	JsonbIterator *it = JsonbIteratorInit(&document->root);
	bool		key = false;	/* a value follows its key */
	JsonbIteratorToken token;
	JsonbValue	v;

	for (;;)
	{
		Level	   *level = w->depth > 0 ? &w->levels[w->depth - 1] : NULL;
		/* in an object the state is that of the key before; in front of a key there is nothing to mask */
		bool		matched = level != NULL && (level->array || key) && is_next(w);
		LhMaskOutcome outcome;

		CHECK_FOR_INTERRUPTS();
		token = JsonbIteratorNext(&it, &v, matched);
		if (token == WJB_DONE)
			return w->matched ? LH_MASK_DONE : LH_MASK_UNMATCHED;
		key = token == WJB_KEY;
		outcome = step(w, token, &v, matched);
		if (outcome != LH_MASK_DONE)
			return outcome;
	}
}

static LhMaskOutcome
mask(FunctionCallInfo fcinfo, Jsonb *document, Datum *result)
{
	Rules	   *rules = get_rules(fcinfo);
	Walk		w = {.rules = rules};
	LhMaskOutcome outcome;

	if (rules->outcome != LH_MASK_DONE)
		return rules->outcome;
	if (VARSIZE(document) > MAX_DOCUMENT)
		return LH_MASK_LONG;
	/* all of it */
	if ((rules->paths.start & rules->paths.ends) != 0)
	{
		JsonbValue	whole = {.type = jbvNull};

		if (rules->member.kind == LH_MASK_MEMBER_CONSTANT)
			whole = masked_member(&rules->member, &whole);
		*result = JsonbPGetDatum(JsonbValueToJsonb(&whole));
		return LH_MASK_DONE;
	}
	outcome = walk(&w, document);
	if (outcome == LH_MASK_DONE)
		*result = JsonbPGetDatum(JsonbValueToJsonb(w.result));
	return outcome;
}

/* mask_json(value, paths, mask, fallback) */
Datum
lakehouse_mask_json(PG_FUNCTION_ARGS)
{
	LhMaskOutcome outcome = LH_MASK_ARGUMENT;
	Datum		result;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	if (!PG_ARGISNULL(1) && !PG_ARGISNULL(2))
		outcome = mask(fcinfo, PG_GETARG_JSONB_P(0), &result);
	if (outcome == LH_MASK_DONE)
		return result;
	lh_mask_count(LH_MASK_ID_JSON, outcome);
	if (PG_ARGISNULL(3) || DatumGetBool(DirectFunctionCall2(jsonb_eq, PG_GETARG_DATUM(0), PG_GETARG_DATUM(3))))
		PG_RETURN_NULL();
	PG_RETURN_DATUM(PG_GETARG_DATUM(3));
}
