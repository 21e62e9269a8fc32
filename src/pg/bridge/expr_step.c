/*
 * expr_step.c
 *		Comparison operators by OID, and monotone date functions of a column.
 *
 * g(column) op c for a non-decreasing step function g becomes a range of the
 * column.  With first(c) = the smallest x where g(x) >= c and after(c) = the
 * smallest x where g(x) > c:
 *
 *	g >= c:  x >= first(c)		g > c:  x >= after(c)
 *	g <  c:  x <  first(c)		g <= c: x <  after(c)
 *	g =  c:  x >= first(c) and x < after(c)   (empty when c is no result of g)
 */
#include "pg/bridge/bridge.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/pg_locale.h"
#include "utils/timestamp.h"

#include "pg/bridge/expr.h"

#define SIX(eq, ne, lt, le, gt, ge, text, dl, dr) \
	{eq, LH_EQ, text, dl, dr}, {ne, LH_NE, text, dl, dr}, {lt, LH_LT, text, dl, dr}, \
	{le, LH_LE, text, dl, dr}, {gt, LH_GT, text, dl, dr}, {ge, LH_GE, text, dl, dr}
#define PLAIN(p) SIX(F_##p##EQ, F_##p##NE, F_##p##LT, F_##p##LE, F_##p##GT, F_##p##GE, false, false, false)
#define UNDER(p) SIX(F_##p##_EQ, F_##p##_NE, F_##p##_LT, F_##p##_LE, F_##p##_GT, F_##p##_GE, false, false, false)

static const LhCmpFunction cmp_functions[] = {
	PLAIN(INT2), PLAIN(INT4), PLAIN(INT8), PLAIN(INT24), PLAIN(INT42),
	PLAIN(INT28), PLAIN(INT82), PLAIN(INT48), PLAIN(INT84),
	PLAIN(FLOAT4), PLAIN(FLOAT8), PLAIN(FLOAT48), PLAIN(FLOAT84),
	UNDER(NUMERIC), UNDER(DATE), UNDER(TIMESTAMP), UNDER(TIMESTAMPTZ), UNDER(TIME), UNDER(UUID),
	PLAIN(BYTEA), PLAIN(BOOL),
	SIX(F_TEXTEQ, F_TEXTNE, F_TEXT_LT, F_TEXT_LE, F_TEXT_GT, F_TEXT_GE, true, false, false),
	SIX(F_DATE_EQ_TIMESTAMP, F_DATE_NE_TIMESTAMP, F_DATE_LT_TIMESTAMP, F_DATE_LE_TIMESTAMP,
		F_DATE_GT_TIMESTAMP, F_DATE_GE_TIMESTAMP, false, true, false),
	SIX(F_TIMESTAMP_EQ_DATE, F_TIMESTAMP_NE_DATE, F_TIMESTAMP_LT_DATE, F_TIMESTAMP_LE_DATE,
		F_TIMESTAMP_GT_DATE, F_TIMESTAMP_GE_DATE, false, false, true),
};

const LhCmpFunction *
lh_cmp_function(Oid funcid)
{
	for (size_t i = 0; i < lengthof(cmp_functions); i++)
	{
		if (cmp_functions[i].funcid == funcid)
			return &cmp_functions[i];
	}
	return NULL;
}

bool
lh_cmp_collation_ok(LhCmp cmp, Oid collid)
{
	if (GetDatabaseEncoding() != PG_UTF8 || !OidIsValid(collid))
		return false;
	if (cmp == LH_EQ || cmp == LH_NE)
		return get_collation_isdeterministic(collid);
	return lh_collation_is_c(collid);
}

LhCmp
lh_cmp_commute(LhCmp cmp)
{
	switch (cmp)
	{
		case LH_LT:
			return LH_GT;
		case LH_LE:
			return LH_GE;
		case LH_GT:
			return LH_LT;
		case LH_GE:
			return LH_LE;
		default:
			return cmp;
	}
}

/* Units of date_trunc that are whole months, or whole microseconds, long. */
typedef struct TruncUnit
{
	const char *name;
	int32		months;
	int32		days;
	int64		micros;
} TruncUnit;

static const TruncUnit trunc_units[] = {
	{"millisecond", 0, 0, 1000}, {"milliseconds", 0, 0, 1000},
	{"second", 0, 0, USECS_PER_SEC}, {"minute", 0, 0, USECS_PER_MINUTE}, {"hour", 0, 0, USECS_PER_HOUR},
	{"day", 0, 1, 0}, {"week", 0, 7, 0},
	{"month", 1, 0, 0}, {"quarter", 3, 0, 0}, {"year", 12, 0, 0},
	{"decade", 120, 0, 0}, {"century", 1200, 0, 0}, {"millennium", 12000, 0, 0},
};

static const TruncUnit *
find_unit(const char *name)
{
	for (size_t i = 0; i < lengthof(trunc_units); i++)
	{
		if (pg_strcasecmp(trunc_units[i].name, name) == 0)
			return &trunc_units[i];
	}
	return NULL;
}

static const char *
const_text(Node *node)
{
	if (node == NULL || !IsA(node, Const) || ((Const *) node)->constisnull ||
		((Const *) node)->consttype != TEXTOID)
		return NULL;
	return TextDatumGetCString(((Const *) node)->constvalue);
}

bool
lh_step_match(Expr *expr, LhStep *step)
{
	FuncExpr   *f = (FuncExpr *) expr;
	Node	   *arg;

	memset(step, 0, sizeof(*step));
	if (expr == NULL || !IsA(expr, FuncExpr) || f->args == NIL)
		return false;
	arg = llast(f->args);
	if (!IsA(arg, Var))
		return false;
	step->var = (Var *) arg;
	step->typid = exprType(arg);
	switch (f->funcid)
	{
		case F_DATE_TIMESTAMP:
			step->kind = LH_STEP_TO_DATE;
			return true;
		case F_DATE_TRUNC_TEXT_TIMESTAMP:
			step->kind = LH_STEP_TRUNC;
			step->unit = const_text(linitial(f->args));
			return step->unit != NULL && find_unit(step->unit) != NULL;
		case F_EXTRACT_TEXT_DATE:
		case F_EXTRACT_TEXT_TIMESTAMP:
			step->kind = LH_STEP_YEAR;
			step->unit = const_text(linitial(f->args));
			return step->unit != NULL && pg_strcasecmp(step->unit, "year") == 0;
		default:
			return false;
	}
}

/* Years that are safely inside every type's range. */
#define STEP_MIN_YEAR 1
#define STEP_MAX_YEAR 200000

static bool
timestamp_is_safe(Timestamp ts)
{
	return !TIMESTAMP_NOT_FINITE(ts) && ts > INT64CONST(-50000000000000000) && ts < INT64CONST(6000000000000000000);
}

/* first(c) and after(c) of date_trunc, as timestamps. */
static bool
trunc_bounds(const char *unit_name, Timestamp c, Timestamp *first, Timestamp *after)
{
	const TruncUnit *unit = find_unit(unit_name);
	Interval	span;
	Datum		truncated;

	if (!timestamp_is_safe(c))
		return false;
	memset(&span, 0, sizeof(span));
	span.month = unit->months;
	span.day = unit->days;
	span.time = unit->micros;
	truncated = DirectFunctionCall2(timestamp_trunc, CStringGetTextDatum(unit_name), TimestampGetDatum(c));
	*after = DatumGetTimestamp(DirectFunctionCall2(timestamp_pl_interval, truncated, IntervalPGetDatum(&span)));
	*first = DatumGetTimestamp(truncated) == c ? c : *after;
	return true;
}

/* The first day of a year, in days since 1970. */
static int64_t
year_start(int64_t year)
{
	return lh_days_from_civil(year, 1, 1);
}

/* A whole number of years, or its ceiling; *whole says which. */
static bool
year_of_numeric(Datum d, int64_t *year, bool *whole)
{
	Datum		up = DirectFunctionCall1(numeric_ceil, d);
	Datum		small = DirectFunctionCall2(numeric_lt, up, NumericGetDatum(int64_to_numeric(STEP_MIN_YEAR)));
	Datum		large = DirectFunctionCall2(numeric_gt, up, NumericGetDatum(int64_to_numeric(STEP_MAX_YEAR)));

	if (numeric_is_nan(DatumGetNumeric(d)) || DatumGetBool(small) || DatumGetBool(large))
		return false;
	*year = DatumGetInt64(DirectFunctionCall1(numeric_int8, up));
	*whole = DatumGetBool(DirectFunctionCall2(numeric_eq, up, d));
	return true;
}

/* first(c) and after(c) in the column's unit: days for dates, us since 1970 for timestamps. */
static bool
step_bounds(const LhStep *step, Datum result, Oid resulttype, int64_t *first, int64_t *after)
{
	const int64_t day_us = INT64_C(86400000000);

	switch (step->kind)
	{
		case LH_STEP_TO_DATE:
			{
				DateADT		date = DatumGetDateADT(result);

				if (resulttype != DATEOID || DATE_NOT_FINITE(date) || date < -700000 || date > 60000000)
					return false;
				*first = ((int64_t) date + LH_PG_EPOCH_DAYS) * day_us;
				*after = *first + day_us;
				return true;
			}
		case LH_STEP_TRUNC:
			{
				Timestamp	f,
							a;

				if (resulttype != TIMESTAMPOID || !trunc_bounds(step->unit, DatumGetTimestamp(result), &f, &a))
					return false;
				*first = f + LH_PG_EPOCH_US;
				*after = a + LH_PG_EPOCH_US;
				return true;
			}
		case LH_STEP_YEAR:
			{
				int64_t		year;
				bool		whole;
				int64_t		scale = step->typid == DATEOID ? 1 : day_us;

				if (resulttype != NUMERICOID || !year_of_numeric(result, &year, &whole))
					return false;
				*first = year_start(year) * scale;
				*after = whole ? year_start(year + 1) * scale : *first;
				return true;
			}
		default:
			return false;
	}
}

static LhStatus
step_leaf(LhCtx *ctx, const LhStep *step, int col, LhCmp cmp, int64_t x, LhPred **out)
{
	LhValue		v;

	memset(&v, 0, sizeof(v));
	if (step->typid == DATEOID)
	{
		v.type.id = LH_T_DATE;
		v.type.lane = LH_LANE_I32;
	}
	else
	{
		v.type.id = LH_T_TIMESTAMP;
		v.type.lane = LH_LANE_I64;
		v.type.unit = LH_UNIT_US;
	}
	v.i64 = x;
	return lh_pred_cmp(ctx, col, cmp, &v, out);
}

bool
lh_step_build(LhCtx *ctx, const LhStep *step, int col, LhCmp cmp, Datum result, Oid resulttype,
			  LhPred **out)
{
	int64_t		first,
				after;
	LhPred	   *two[2];

	if (!step_bounds(step, result, resulttype, &first, &after))
		return false;
	switch (cmp)
	{
		case LH_GE:
			lh_pg_check(ctx, step_leaf(ctx, step, col, LH_GE, first, out));
			return true;
		case LH_GT:
			lh_pg_check(ctx, step_leaf(ctx, step, col, LH_GE, after, out));
			return true;
		case LH_LT:
			lh_pg_check(ctx, step_leaf(ctx, step, col, LH_LT, first, out));
			return true;
		case LH_LE:
			lh_pg_check(ctx, step_leaf(ctx, step, col, LH_LT, after, out));
			return true;
		case LH_EQ:
			lh_pg_check(ctx, step_leaf(ctx, step, col, LH_GE, first, &two[0]));
			lh_pg_check(ctx, step_leaf(ctx, step, col, LH_LT, after, &two[1]));
			lh_pg_check(ctx, lh_pred_list(ctx, LH_P_AND, two, 2, out));
			return true;
		case LH_NE:
			lh_pg_check(ctx, step_leaf(ctx, step, col, LH_LT, first, &two[0]));
			lh_pg_check(ctx, step_leaf(ctx, step, col, LH_GE, after, &two[1]));
			lh_pg_check(ctx, lh_pred_list(ctx, LH_P_OR, two, 2, out));
			return true;
	}
	return false;
}
