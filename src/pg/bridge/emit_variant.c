/*
 * emit_variant.c
 *		Variants as jsonb.
 *
 * The core puts a variant together from the columns that it was shredded into
 * and gives it as tokens (parquet/variant.h); here each token becomes a
 * JsonbValue, with no text between:
 *
 *	integers, decimals		numbers, decimals with all their digits
 *	float, double			numbers of the shortest digits that mean the same;
 *							NaN and the infinities are strings
 *	date, time, timestamp	ISO 8601, instants with +00:00, up to nine digits of
 *							a second; years before 1 are astronomical
 *	binary					base64
 *	uuid					its text
 *
 * Strings stay where they lie in the vectors until the document is written.
 * What is made on the way to a document is dropped after each one.
 */
#include "pg/bridge/emit.h"

#include <math.h>

#include "common/base64.h"
#include "common/shortest_dec.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "parquet/variant.h"

/*
 * Integers of smaller magnitude have no neighbour of fewer digits, so that the
 * shortest digits are their own.
 */
#define INTEGRAL_DOUBLE 1e15
#define INTEGRAL_FLOAT 16777216.0

/* Digits that fit in 64 bits whatever they are. */
#define MAX_DIGITS 18

struct LhEmitVariant
{
	LhVariantReader *reader;
	MemoryContext scratch;		/* of one document */
};

LhEmitVariant *
lh_emit_variant_create(LhEmitter *em, const LhType *type)
{
	LhEmitVariant *ev = palloc(sizeof(LhEmitVariant));
	LhArena    *old;
	LhStatus	status;

	if (em->arena == NULL)
		em->arena = lh_arena_child(em->ctx->arena);
	if (em->arena == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	old = lh_use(em->ctx, em->arena);
	status = lh_variant_reader_create(em->ctx, type, &ev->reader);
	lh_use(em->ctx, old);
	if (status != LH_OK)
	{
		lh_error_prefix(em->ctx, "column \"%s\" of file \"%s\"", lh_pg_utf8(em->column), em->path);
		lh_pg_check(em->ctx, status);
	}
	ev->scratch = AllocSetContextCreate(CurrentMemoryContext, "lakehouse variant", ALLOCSET_DEFAULT_SIZES);
	return ev;
}

void
lh_emit_variant_bind(LhEmitter *em, LhEmitVariant *ev, const LhVec *vec)
{
	lh_pg_check(em->ctx, lh_variant_bind(em->ctx, ev->reader, vec));
}

/* ---- scalars ---- */

static void
put_string(JsonbValue *v, const char *text, int len)
{
	v->type = jbvString;
	v->val.string.val = unconstify(char *, text);
	v->val.string.len = len;
}

/* What a document cannot hold anyway is refused before it is copied. */
static void
check_size(size_t len)
{
	if (len <= JENTRY_OFFLENMASK)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("a string of a variant has %zu bytes, but jsonb holds at most %d", len, JENTRY_OFFLENMASK)));
}

/* Text of the core, which is valid, in the server's encoding. */
static void
text_value(LhStr s, JsonbValue *v)
{
	char	   *converted;

	check_size(s.len);
	if (GetDatabaseEncoding() == PG_UTF8)
	{
		put_string(v, (const char *) s.ptr, (int) s.len);
		return;
	}
	converted = pg_any_to_server((const char *) s.ptr, (int) s.len, PG_UTF8);
	put_string(v, converted, converted == (const char *) s.ptr ? (int) s.len : (int) strlen(converted));
}

static void
base64_value(LhStr s, JsonbValue *v)
{
	size_t		room = (size_t) s.len / 3 * 4 + 4;
	char	   *text;
	int			len;

	check_size(room);
	text = palloc(room + 1);
	len = pg_b64_encode((const void *) s.ptr, (int) s.len, text, (int) room);
	if (len < 0)
		elog(ERROR, "%u bytes do not fit as base64 into %zu", s.len, room);
	put_string(v, text, len);
}

static void
uuid_value(LhStr s, JsonbValue *v)
{
	static const char digits[] = "0123456789abcdef";
	char	   *text = palloc(36);
	char	   *p = text;

	for (int i = 0; i < 16; i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		*p++ = digits[s.ptr[i] >> 4];
		*p++ = digits[s.ptr[i] & 15];
	}
	put_string(v, text, 36);
}

static void
moment_value(const LhValue *value, JsonbValue *v)
{
	char	   *text = palloc(48);
	int			len;

	if (value->type.id == LH_T_DATE)
		len = lh_format_date(value->i64, text);
	else if (value->type.id == LH_T_TIME)
		len = lh_format_time(value->i64, (LhUnit) value->type.unit, text);
	else
		len = lh_format_timestamp(value->i64, (LhUnit) value->type.unit, value->type.utc, text);
	put_string(v, text, len);
}

static void
number_value(JsonbValue *v, Numeric n)
{
	v->type = jbvNumeric;
	v->val.numeric = n;
}

/*
 * Decimal digits as a number: those with an exponent, or with more of them
 * than an integer has, the long way.
 */
static Numeric
digits_value(const char *text)
{
	int64		unscaled = 0;
	int			digits = 0,
				scale = -1;		/* no point yet */

	for (const char *p = text + (*text == '-'); *p != '\0'; p++)
	{
		if (*p == '.')
		{
			scale = 0;
			continue;
		}
		if (*p < '0' || *p > '9' || ++digits > MAX_DIGITS)
			return DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(text),
													   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
		unscaled = unscaled * 10 + (*p - '0');
		scale += scale >= 0;
	}
	return DatumGetNumeric(lh_numeric_datum(*text == '-' ? -unscaled : unscaled, Max(scale, 0)));
}

static void
float_value(const LhValue *value, JsonbValue *v)
{
	bool		single = value->type.id == LH_T_FLOAT;
	double		x = value->f64;
	char		text[DOUBLE_SHORTEST_DECIMAL_LEN];

	if (isnan(x))
		put_string(v, "NaN", 3);
	else if (isinf(x))
		put_string(v, x < 0 ? "-Infinity" : "Infinity", x < 0 ? 9 : 8);
	else if (fabs(x) < (single ? INTEGRAL_FLOAT : INTEGRAL_DOUBLE) && x == (double) (int64) x)
		number_value(v, int64_to_numeric((int64) x));
	else
	{
		if (single)
			float_to_shortest_decimal_buf((float) x, text);
		else
			double_to_shortest_decimal_buf(x, text);
		number_value(v, digits_value(text));
	}
}

static void
scalar_value(const LhValue *value, JsonbValue *v)
{
	if (value->null)
	{
		v->type = jbvNull;
		return;
	}
	switch (value->type.id)
	{
		case LH_T_BOOL:
			v->type = jbvBool;
			v->val.boolean = value->i64 != 0;
			break;
		case LH_T_INT8:
		case LH_T_INT16:
		case LH_T_INT32:
		case LH_T_INT64:
			number_value(v, int64_to_numeric(value->i64));
			break;
		case LH_T_FLOAT:
		case LH_T_DOUBLE:
			float_value(value, v);
			break;
		case LH_T_DECIMAL:
			number_value(v, DatumGetNumeric(lh_numeric_datum(value->type.lane == LH_LANE_I128 ? value->i128 : value->i64,
															 value->type.scale)));
			break;
		case LH_T_DATE:
		case LH_T_TIME:
		case LH_T_TIMESTAMP:
			moment_value(value, v);
			break;
		case LH_T_STRING:
			text_value(value->str, v);
			break;
		case LH_T_BINARY:
			base64_value(value->str, v);
			break;
		case LH_T_UUID:
			uuid_value(value->str, v);
			break;
		default:
			elog(ERROR, "a variant gave a value of type %s", lh_type_name(&value->type));
	}
}

/* ---- documents ---- */

/*
 * Push all tokens of the value that was begun.  Its last: a scalar in *scalar,
 * not pushed when there is no document around it, or the finished container.
 */
static JsonbValue *
push_tokens(LhEmitter *em, LhEmitVariant *ev, JsonbParseState **state, JsonbIteratorToken as, JsonbValue *scalar)
{
	JsonbValue *last = scalar;

	for (;;)
	{
		const LhVariantToken *t;

		lh_pg_check(em->ctx, lh_variant_next(em->ctx, ev->reader, &t));
		switch (t->kind)
		{
			case LH_VARIANT_END:
				return last;
			case LH_VARIANT_VALUE:
				scalar_value(&t->value, scalar);
				if (*state != NULL)
					(void) pushJsonbValue(state, as, scalar);
				as = WJB_ELEM;
				break;
			case LH_VARIANT_KEY:
				text_value(t->key, scalar);
				(void) pushJsonbValue(state, WJB_KEY, scalar);
				as = WJB_VALUE;
				break;
			case LH_VARIANT_OBJECT:
			case LH_VARIANT_ARRAY:
				(void) pushJsonbValue(state, t->kind == LH_VARIANT_OBJECT ? WJB_BEGIN_OBJECT : WJB_BEGIN_ARRAY, NULL);
				as = WJB_ELEM;
				break;
			case LH_VARIANT_END_OBJECT:
			case LH_VARIANT_END_ARRAY:
				last = pushJsonbValue(state, t->kind == LH_VARIANT_END_OBJECT ? WJB_END_OBJECT : WJB_END_ARRAY, NULL);
				as = WJB_ELEM;
				break;
		}
	}
}

/* Errors, the core's and PostgreSQL's, name file, column and row from here on. */
static void
begin_place(LhEmitPlace *place, LhEmitter *em)
{
	lh_emit_place_push(place, em);
	place->j = em->at;
}

void
lh_emit_variant_push(LhEmitter *em, LhEmitVariant *ev, int slot, JsonbParseState **state, JsonbIteratorToken as)
{
	LhEmitPlace place;
	JsonbValue	scalar;

	begin_place(&place, em);
	lh_pg_check(em->ctx, lh_variant_start(em->ctx, ev->reader, slot));
	(void) push_tokens(em, ev, state, as, &scalar);
	lh_emit_place_pop(&place);
}

Datum
lh_emit_variant_datum(LhEmitter *em, LhEmitVariant *ev, int slot)
{
	MemoryContext old = MemoryContextSwitchTo(ev->scratch);
	JsonbParseState *state = NULL;
	LhEmitPlace place;
	JsonbValue	scalar;
	JsonbValue *v;
	Datum		result;

	begin_place(&place, em);
	lh_pg_check(em->ctx, lh_variant_start(em->ctx, ev->reader, slot));
	v = push_tokens(em, ev, &state, WJB_ELEM, &scalar);
	MemoryContextSwitchTo(em->target);
	result = JsonbPGetDatum(JsonbValueToJsonb(v));
	lh_emit_place_pop(&place);
	MemoryContextReset(ev->scratch);
	MemoryContextSwitchTo(old);
	return result;
}
