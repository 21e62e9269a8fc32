/*
 * agg.c
 *		Aggregates that the engine computes with PostgreSQL's exact results.
 *
 * Results are built from the engine's totals by PostgreSQL's own numeric
 * functions (division, conversion), so scales and rounding match by
 * construction.  Partial results are the transition values that core's
 * combine functions and Finalize Aggregate expect; aggregates whose transition
 * type is "internal" are written in the form of their serial functions:
 *
 *	int8_avg_serialize     (sum, avg of bigint): count, sum
 *	numeric_avg_serialize  (sum, avg of numeric): count, sum, largest scale and
 *	                       how many inputs had it, counts of NaN and infinities
 *
 * (src/backend/utils/adt/numeric.c of PostgreSQL 15-18; the same bytes.)
 */
#include "pg/bridge/agg.h"

#include <math.h>

#include "catalog/pg_aggregate.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "libpq/pqformat.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/float.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "pg/bridge/expr.h"
#include "pg/bridge/members.h"

/* What the result is made of. */
typedef enum ResultForm
{
	RES_COUNT,
	RES_SUM_INT8,				/* sum(int2, int4) -> bigint */
	RES_SUM_POLY,				/* sum(int8) -> numeric; state int8_avg */
	RES_SUM_NUMERIC,
	RES_SUM_FLOAT4, RES_SUM_FLOAT8,
	RES_AVG_INT,				/* avg(int2, int4); state int8[2] */
	RES_AVG_POLY,				/* avg(int8) */
	RES_AVG_NUMERIC,
	RES_AVG_FLOAT,				/* state float8[3] */
	RES_EXTREME,
	RES_BOOL
} ResultForm;

typedef struct AggFunction
{
	Oid			aggfnoid;
	LhAggKind	kind;
	ResultForm	form;
	bool		youngs_cramer;
	bool		text;			/* needs C collation */
} AggFunction;

#define EXTREMES(t, text) \
	{F_MIN_##t, LH_AGG_MIN, RES_EXTREME, false, text}, {F_MAX_##t, LH_AGG_MAX, RES_EXTREME, false, text}

static const AggFunction agg_functions[] = {
	{F_COUNT_, LH_AGG_COUNT_STAR, RES_COUNT, false, false},
	{F_COUNT_ANY, LH_AGG_COUNT, RES_COUNT, false, false},
	{F_SUM_INT2, LH_AGG_SUM, RES_SUM_INT8, false, false},
	{F_SUM_INT4, LH_AGG_SUM, RES_SUM_INT8, false, false},
	{F_SUM_INT8, LH_AGG_SUM, RES_SUM_POLY, false, false},
	{F_SUM_NUMERIC, LH_AGG_SUM, RES_SUM_NUMERIC, false, false},
	{F_SUM_FLOAT4, LH_AGG_SUM, RES_SUM_FLOAT4, false, false},
	{F_SUM_FLOAT8, LH_AGG_SUM, RES_SUM_FLOAT8, false, false},
	{F_AVG_INT2, LH_AGG_SUM, RES_AVG_INT, false, false},
	{F_AVG_INT4, LH_AGG_SUM, RES_AVG_INT, false, false},
	{F_AVG_INT8, LH_AGG_SUM, RES_AVG_POLY, false, false},
	{F_AVG_NUMERIC, LH_AGG_SUM, RES_AVG_NUMERIC, false, false},
	{F_AVG_FLOAT4, LH_AGG_SUM, RES_AVG_FLOAT, true, false},
	{F_AVG_FLOAT8, LH_AGG_SUM, RES_AVG_FLOAT, true, false},
	EXTREMES(INT2, false), EXTREMES(INT4, false), EXTREMES(INT8, false),
	EXTREMES(FLOAT4, false), EXTREMES(FLOAT8, false), EXTREMES(NUMERIC, false),
	EXTREMES(DATE, false), EXTREMES(TIME, false), EXTREMES(TIMESTAMP, false),
	EXTREMES(TIMESTAMPTZ, false), EXTREMES(TEXT, true),
	{F_BOOL_AND, LH_AGG_BOOL_AND, RES_BOOL, false, false},
	{F_EVERY, LH_AGG_BOOL_AND, RES_BOOL, false, false},
	{F_BOOL_OR, LH_AGG_BOOL_OR, RES_BOOL, false, false},
};

static const AggFunction *
find_agg(Oid aggfnoid)
{
	for (size_t i = 0; i < lengthof(agg_functions); i++)
	{
		if (agg_functions[i].aggfnoid == aggfnoid)
			return &agg_functions[i];
	}
	return NULL;
}

static bool
no(const char **why, const char *text)
{
	if (why != NULL && *why == NULL)
		*why = text;
	return false;
}

/* count(x) of a column needs only its nulls, whatever its type. */
static Expr *
first_arg(Aggref *agg)
{
	return agg->args == NIL ? NULL : ((TargetEntry *) linitial(agg->args))->expr;
}

bool
lh_aggref_pushable(Aggref *agg, Index rti, bool partial, const char **why)
{
	const AggFunction *f = find_agg(agg->aggfnoid);
	Expr	   *arg = first_arg(agg);

	if (f == NULL || agg->aggkind != AGGKIND_NORMAL || agg->aggvariadic || agg->agglevelsup != 0 ||
		list_length(agg->args) > 1)
		return no(why, "aggregate has no vector form");
	if (agg->aggorder != NIL)
		return no(why, "aggregate with ORDER BY");
	if (agg->aggdistinct != NIL && (partial || f->kind != LH_AGG_COUNT ||
									!lh_cmp_collation_ok(LH_EQ, OidIsValid(agg->inputcollid) ? agg->inputcollid : C_COLLATION_OID)))
		return no(why, "aggregate with DISTINCT");
	if (f->text && !lh_cmp_collation_ok(LH_LT, agg->inputcollid))
		return no(why, "collation is not C");
	if (agg->aggfilter != NULL && lh_has_members((Node *) agg->aggfilter, rti))
		return no(why, "FILTER on a member of a composite column");
	if (agg->aggfilter != NULL && !lh_qual_pushable(agg->aggfilter, rti, why))
		return false;
	return arg == NULL || lh_scalar_pushable(arg, rti, why);
}

LhAggKind
lh_aggref_kind(const Aggref *agg)
{
	const AggFunction *f = find_agg(agg->aggfnoid);

	return agg->aggdistinct != NIL || f == NULL ? LH_AGG_COUNT_DISTINCT : f->kind;
}

bool
lh_aggref_ordered(const Aggref *agg)
{
	const AggFunction *f = find_agg(agg->aggfnoid);

	return f != NULL && (f->form == RES_SUM_FLOAT4 || f->form == RES_SUM_FLOAT8 || f->form == RES_AVG_FLOAT);
}

void
lh_aggref_build(Aggref *agg, const LhQualBuild *build, LhAggSpec *spec, LhAggTarget *target)
{
	const AggFunction *f = find_agg(agg->aggfnoid);
	Expr	   *arg = first_arg(agg);

	if (f == NULL)
		elog(ERROR, "aggregate %u has no vector form", agg->aggfnoid);
	memset(spec, 0, sizeof(*spec));
	memset(target, 0, sizeof(*target));
	target->aggref = agg;
	target->partial = agg->aggsplit == AGGSPLIT_INITIAL_SERIAL;
	spec->kind = agg->aggdistinct != NIL ? LH_AGG_COUNT_DISTINCT : f->kind;
	spec->float_sum = f->youngs_cramer ? LH_FLOAT_YOUNGS_CRAMER : LH_FLOAT_PLAIN;
	if (arg != NULL)
	{
		target->argtype = exprType((Node *) arg);
		spec->arg = lh_scalar_build(arg, build);
	}
}

/* The sum as a numeric, however many digits it has. */
static Numeric
sum_numeric(LhCtx *ctx, const LhAggState *s, int scale)
{
	LhI128		v = (LhI128) s->sum.lo;
	uint8_t		bytes[32];
	LhBuf		text;
	Datum		d;

	if (s->sum.hi == (v < 0 ? -1 : 0) && v <= lh_pow10[LH_DECIMAL_MAX_PRECISION] && v >= -lh_pow10[LH_DECIMAL_MAX_PRECISION])
		return DatumGetNumeric(lh_numeric_datum(v, scale));
	lh_i256_to_be(&s->sum, bytes);
	lh_pg_check(ctx, lh_buf_init(ctx, &text, true));
	lh_pg_check(ctx, lh_decimal_format_be(ctx, bytes, sizeof(bytes), scale, &text));
	lh_pg_check(ctx, lh_buf_append(ctx, &text, "", 1));
	d = DirectFunctionCall3(numeric_in, CStringGetDatum((char *) text.data), ObjectIdGetDatum(InvalidOid),
							Int32GetDatum(-1));
	lh_buf_free(&text);
	return DatumGetNumeric(d);
}

/* numeric of an unscaled 128-bit integer */
static Numeric
i128_numeric(LhI128 v, int scale)
{
	return DatumGetNumeric(lh_numeric_datum(v, scale));
}

static Datum
divide(Numeric sum, int64 count)
{
	return DirectFunctionCall2(numeric_div, NumericGetDatum(sum), NumericGetDatum(int64_to_numeric(count)));
}

/*
 * The variable part of numeric.c's serial form: digits, weight, sign and
 * display scale, taken from numeric_send, which sends the same digits.
 */
static void
send_numeric_var(StringInfo buf, Numeric num)
{
	bytea	   *sent = DatumGetByteaPP(DirectFunctionCall1(numeric_send, NumericGetDatum(num)));
	StringInfoData in;
	int			ndigits;
	int16		weight;
	int			sign,
				dscale;

	in.data = VARDATA_ANY(sent);
	in.len = in.maxlen = (int) VARSIZE_ANY_EXHDR(sent);
	in.cursor = 0;
	ndigits = (uint16) pq_getmsgint(&in, 2);
	weight = (int16) pq_getmsgint(&in, 2);
	sign = (uint16) pq_getmsgint(&in, 2);
	dscale = (uint16) pq_getmsgint(&in, 2);
	pq_sendint32(buf, ndigits);
	pq_sendint32(buf, weight);
	pq_sendint32(buf, sign);
	pq_sendint32(buf, dscale);
	for (int i = 0; i < ndigits; i++)
		pq_sendint16(buf, (int16) pq_getmsgint(&in, 2));
}

static Datum
serialize_poly(LhCtx *ctx, const LhAggState *s)
{
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendint64(&buf, s->count);
	send_numeric_var(&buf, sum_numeric(ctx, s, 0));
	return PointerGetDatum(pq_endtypsend(&buf));
}

static Datum
serialize_numeric(LhCtx *ctx, const LhAggState *s)
{
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendint64(&buf, s->count);
	send_numeric_var(&buf, sum_numeric(ctx, s, s->scale));
	pq_sendint32(&buf, s->count > 0 ? s->scale : 0);	/* largest scale */
	pq_sendint64(&buf, s->count);	/* inputs that had it */
	pq_sendint64(&buf, 0);		/* NaN */
	pq_sendint64(&buf, 0);		/* +Infinity */
	pq_sendint64(&buf, 0);		/* -Infinity */
	return PointerGetDatum(pq_endtypsend(&buf));
}

static Datum
array_int8_pair(int64 count, int64 sum)
{
	Datum		d[2] = {Int64GetDatum(count), Int64GetDatum(sum)};

	return PointerGetDatum(construct_array(d, 2, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

static Datum
array_float8_three(const LhAggState *s)
{
	Datum		d[3] = {Float8GetDatum(s->yc_n), Float8GetDatum(s->yc_sx), Float8GetDatum(s->yc_sxx)};

	return PointerGetDatum(construct_array(d, 3, FLOAT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/* bigint total: PostgreSQL adds in int8 and fails on overflow */
static int64
total_int8(const LhAggState *s)
{
	LhI128		v = (LhI128) s->sum.lo;

	if (s->overflow || s->sum.hi != (v < 0 ? -1 : 0) || v > PG_INT64_MAX || v < PG_INT64_MIN)
		ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("bigint out of range")));
	return (int64) v;
}

static void
check_digits(const LhAggState *s)
{
	if (s->overflow)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("sum needs more than 76 digits"),
				 errhint("Set lakehouse.pushdown to off for this query.")));
}

static Datum
extreme_datum(Oid typid, const LhAggState *s)
{
	const LhValue *v = &s->extreme;

	switch (typid)
	{
		case INT2OID:
			return Int16GetDatum((int16) v->i64);
		case INT4OID:
			return Int32GetDatum((int32) v->i64);
		case INT8OID:
			return Int64GetDatum(v->i64);
		case FLOAT4OID:
			return Float4GetDatum((float4) v->f64);
		case FLOAT8OID:
			return Float8GetDatum(v->f64);
		case NUMERICOID:
			return NumericGetDatum(i128_numeric(v->type.lane == LH_LANE_I128 ? v->i128 : (LhI128) v->i64,
												   v->type.id == LH_T_DECIMAL ? v->type.scale : 0));
		case DATEOID:
			return DateADTGetDatum((DateADT) (v->i64 - LH_PG_EPOCH_DAYS));
		case TIMEOID:
			return TimeADTGetDatum(v->type.unit == LH_UNIT_NS ? lh_floor_div(v->i64, 1000) :
								   v->type.unit == LH_UNIT_MS ? v->i64 * 1000 : v->i64);
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return TimestampGetDatum((v->type.unit == LH_UNIT_NS ? lh_floor_div(v->i64, 1000) :
									  v->type.unit == LH_UNIT_MS ? v->i64 * 1000 : v->i64) - LH_PG_EPOCH_US);
		case TEXTOID:
		case VARCHAROID:
			return PointerGetDatum(cstring_to_text_with_len((const char *) v->str.ptr, (int) v->str.len));
		default:
			elog(ERROR, "unexpected type %u of min or max", typid);
	}
}

static Datum
final_result(LhCtx *ctx, const AggFunction *f, const LhAggTarget *t, const LhAggState *s, bool *isnull)
{
	*isnull = f->form != RES_COUNT && !s->seen;
	if (*isnull)
		return (Datum) 0;
	switch (f->form)
	{
		case RES_COUNT:
			return Int64GetDatum(s->count);
		case RES_SUM_INT8:
			return Int64GetDatum(total_int8(s));
		case RES_SUM_POLY:
			return NumericGetDatum(sum_numeric(ctx, s, 0));
		case RES_SUM_NUMERIC:
			check_digits(s);
			return NumericGetDatum(sum_numeric(ctx, s, s->scale));
		case RES_SUM_FLOAT4:
			return Float4GetDatum(s->fsum4);
		case RES_SUM_FLOAT8:
			return Float8GetDatum(s->fsum);
		case RES_AVG_INT:
			return divide(int64_to_numeric(total_int8(s)), s->count);
		case RES_AVG_POLY:
			return divide(sum_numeric(ctx, s, 0), s->count);
		case RES_AVG_NUMERIC:
			check_digits(s);
			return divide(sum_numeric(ctx, s, s->scale), s->count);
		case RES_AVG_FLOAT:
			return Float8GetDatum(s->yc_sx / s->yc_n);
		case RES_BOOL:
			return BoolGetDatum(s->boolean);
		case RES_EXTREME:
			return extreme_datum(t->argtype, s);
	}
	return (Datum) 0;
}

/* The transition value; aggregates with an initial value are never null. */
static Datum
partial_result(LhCtx *ctx, const AggFunction *f, const LhAggTarget *t, const LhAggState *s, bool *isnull)
{
	*isnull = false;
	switch (f->form)
	{
		case RES_SUM_POLY:
		case RES_AVG_POLY:
			*isnull = !s->seen;
			return s->seen ? serialize_poly(ctx, s) : (Datum) 0;
		case RES_SUM_NUMERIC:
		case RES_AVG_NUMERIC:
			check_digits(s);
			*isnull = !s->seen;
			return s->seen ? serialize_numeric(ctx, s) : (Datum) 0;
		case RES_AVG_INT:
			return array_int8_pair(s->count, total_int8(s));
		case RES_AVG_FLOAT:
			return array_float8_three(s);
		default:
			return final_result(ctx, f, t, s, isnull);
	}
}

Datum
lh_aggref_result(LhCtx *ctx, const LhAggTarget *target, const LhAggState *state, bool *isnull)
{
	const AggFunction *f = find_agg(target->aggref->aggfnoid);

	return target->partial ? partial_result(ctx, f, target, state, isnull) :
		final_result(ctx, f, target, state, isnull);
}
