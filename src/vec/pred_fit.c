/*
 * pred_fit.c
 *		Constants as intervals of a column's keys, and keys as values.
 */
#include <string.h>

#include "vec/pred_fit.h"

/* Integers up to this size are exact in a double. */
#define MAX_EXACT_INT ((LhI128) 1 << 53)

static const int64_t ns_per_unit[] = {
	[LH_UNIT_S] = 1000000000,
	[LH_UNIT_MS] = 1000000,
	[LH_UNIT_US] = 1000,
	[LH_UNIT_NS] = 1,
};

bool
lh_lane_is_number(LhLane lane)
{
	return lane >= LH_LANE_U8 && lane <= LH_LANE_F64;
}

void
lh_lane_limits(LhLane lane, LhI128 *min, LhI128 *max)
{
	switch (lane)
	{
		case LH_LANE_U8:
			*min = 0;
			*max = 1;
			break;
		case LH_LANE_I32:
			*min = INT32_MIN;
			*max = INT32_MAX;
			break;
		case LH_LANE_I64:
			*min = INT64_MIN;
			*max = INT64_MAX;
			break;
		case LH_LANE_F32:
		case LH_LANE_F64:
			*min = LH_KEY_MINUS_INF;
			*max = LH_KEY_NAN;
			break;
		default:
			*min = LH_I128_MIN;
			*max = LH_I128_MAX;
			break;
	}
}

LhI128
lh_value_key(const LhValue *v)
{
	switch (v->type.lane)
	{
		case LH_LANE_U8: return lh_value_bool(v);
		case LH_LANE_F32:
		case LH_LANE_F64: return lh_float_key(v->f64);
		case LH_LANE_I128: return v->i128;
		default: return v->i64;
	}
}

LhValue
lh_key_value(const LhType *type, LhI128 key)
{
	LhValue v = {.type = *type};

	switch (type->lane)
	{
		case LH_LANE_F32:
		case LH_LANE_F64: v.f64 = key >= LH_KEY_NAN ? NAN : lh_key_float((int64_t) key); break;
		case LH_LANE_I128: v.i128 = key; break;
		default: v.i64 = (int64_t) key; break;
	}
	return v;
}

LhFitKind
lh_fit_kind(const LhType *column, const LhType *constant)
{
	LhFamily fc = lh_type_family(column), fk = lh_type_family(constant);

	if (fc == LH_FAMILY_FLOAT && fk == LH_FAMILY_NUMBER)
		return LH_FIT_KEY;
	if (fc != fk || fc == LH_FAMILY_NONE)
		return LH_FIT_NONE;
	if (fc == LH_FAMILY_BYTES)
	{
		/* a UUID's bytes compare with bytes, not with its text */
		if ((column->id == LH_T_UUID) != (constant->id == LH_T_UUID) &&
			(column->id == LH_T_STRING || constant->id == LH_T_STRING))
			return LH_FIT_NONE;
		return LH_FIT_BYTES;
	}
	if (fc == LH_FAMILY_NUMBER && column->lane == LH_LANE_STR)
		return LH_FIT_WIDE;
	return LH_FIT_KEY;
}

/* The constant is floor, or lies between floor and floor + 1. */
static void
set_floor(LhFit *out, LhI128 floor, bool exact)
{
	out->lo = exact || floor == LH_I128_MAX ? floor : floor + 1;
	out->hi = floor;
}

static void
fit_number(const LhValue *c, const LhType *column, LhFit *out)
{
	int from = c->type.id == LH_T_DECIMAL ? c->type.scale : 0;
	int to = column->id == LH_T_DECIMAL ? column->scale : 0;
	LhI128 x, q;

	if (!lh_value_unscaled(c, &x))
	{
		/*
		 * Wider than 128 bits: beyond every key as long as its scale is not
		 * larger than the column's; else it is compared after cutting, which
		 * the planner never asks for.
		 */
		out->over = c->str.len > 0 && c->str.ptr[0] >= 0x80 ? -1 : 1;
		return;
	}
	if (from <= to)
	{
		if (x == 0)
			q = 0;
		else if (to - from > LH_DECIMAL_MAX_PRECISION || !lh_mul_i128(x, lh_pow10[to - from], &q))
		{
			out->over = x < 0 ? -1 : 1;
			return;
		}
		set_floor(out, q, true);
	}
	else if (from - to > LH_DECIMAL_MAX_PRECISION)
		set_floor(out, x < 0 ? -1 : 0, x == 0);
	else
	{
		q = lh_floor_div_i128(x, lh_pow10[from - to]);
		set_floor(out, q, q * lh_pow10[from - to] == x);
	}
}

static bool
fit_float(const LhValue *c, LhFit *out)
{
	if (lh_type_family(&c->type) == LH_FAMILY_FLOAT)
		set_floor(out, lh_float_key(c->f64), true);
	else
	{
		LhI128 x;

		if ((c->type.id == LH_T_DECIMAL && c->type.scale != 0) || !lh_value_unscaled(c, &x) ||
			x > MAX_EXACT_INT || x < -MAX_EXACT_INT)
			return false;
		set_floor(out, lh_float_key((double) x), true);
	}
	return true;
}

/*
 * A moment or time of ns_per units in a column of other units.  PostgreSQL
 * sees nanoseconds cut to microseconds, so a constant that is not of
 * nanoseconds itself is equal to a thousand of them.
 */
static void
fit_ticks(LhI128 c, int64_t per, int64_t column_per, LhFit *out)
{
	LhI128 ns = c * per;

	if (column_per == 1 && per > 1)
	{
		out->lo = ns;
		out->hi = ns + 999;
	}
	else
	{
		LhI128 q = lh_floor_div_i128(ns, column_per);

		set_floor(out, q, q * column_per == ns);
	}
}

static bool
fit_moment(const LhValue *c, const LhType *column, LhFit *out)
{
	const int64_t day = INT64_C(86400) * 1000000000;
	int64_t per = c->type.id == LH_T_DATE ? day : ns_per_unit[c->type.unit & 3];
	int64_t column_per = column->id == LH_T_DATE ? day : ns_per_unit[column->unit & 3];

	/* midnight of a date, as a moment, depends on the session's time zone */
	if (column->id != c->type.id && (column->id == LH_T_DATE ? c->type.utc : column->utc))
		return false;
	fit_ticks(c->i64, per, column_per, out);
	return true;
}

bool
lh_fit_value(const LhValue *c, const LhType *column, LhFit *out)
{
	*out = (LhFit){0};
	switch (lh_type_family(column))
	{
		case LH_FAMILY_BOOL: set_floor(out, lh_value_bool(c), true); return true;
		case LH_FAMILY_NUMBER: fit_number(c, column, out); return true;
		case LH_FAMILY_FLOAT: return fit_float(c, out);
		case LH_FAMILY_MOMENT: return fit_moment(c, column, out);
		case LH_FAMILY_TIME:
			fit_ticks(c->i64, ns_per_unit[c->type.unit & 3], ns_per_unit[column->unit & 3], out);
			return true;
		default: return false;
	}
}
