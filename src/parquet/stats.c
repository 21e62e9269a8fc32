/*
 * stats.c
 *		What statistics may be believed.
 *
 * A wrong bound makes rows disappear, so every rule errs to "unknown".
 *
 *	1. min_value and max_value count only when the file names a column order that
 *	   we know for the column and the order of its type is defined (not for
 *	   INT96, INTERVAL, nested types, variants and geometries).
 *	2. The deprecated min and max were compared as signed whatever the type: they
 *	   count only where that is right (booleans, signed numbers, dates, times;
 *	   decimals on INT32 and INT64).
 *	3. A bound must have its type's width.  Fixed-length binary may be truncated:
 *	   it is padded with zeros, which keeps both bounds bounds.  Numbers may not.
 *	4. NaN in one bound makes both useless: it was compared with the values.
 *	5. min > max makes both useless.  Zeros of floats become -0 and +0.
 *	6. A bound is exact, a value that occurs, when the file says so.  Where it says
 *	   nothing, booleans, integers and the like count as exact, because writers
 *	   shorten only binary; binary and floats do not.  A zero never is exact: its
 *	   sign is not known.
 *	7. A missing null count is unknown, never 0; but a column without definition
 *	   levels has no nulls.  A missing NaN count means that there may be NaNs.
 *	8. Days before 1582-10-15 are moved as the values are where the file's are Julian
 *	   (calendar.c), which keeps their order.
 *
 * Format: parquet.thrift, Statistics and ColumnOrder
 */
#include <math.h>
#include <string.h>

#include "parquet/convert.h"
#include "parquet/meta.h"

void
lh_pq_stats_parse(LhThrift *r, LhPqRawStats *out)
{
	LhThriftField f = {0};

	*out = (LhPqRawStats){.nulls = -1, .distinct = -1, .nans = -1};
	while (lh_thrift_next(r, &f))
		switch (f.id)
		{
			case 1: lh_thrift_binary(r, &f, &out->max); break;
			case 2: lh_thrift_binary(r, &f, &out->min); break;
			case 3: lh_thrift_i64(r, &f, &out->nulls); break;
			case 4: lh_thrift_i64(r, &f, &out->distinct); break;
			case 5: lh_thrift_binary(r, &f, &out->max_value); break;
			case 6: lh_thrift_binary(r, &f, &out->min_value); break;
			case 7: out->has_max_exact = lh_thrift_bool(r, &f, &out->max_exact); break;
			case 8: out->has_min_exact = lh_thrift_bool(r, &f, &out->min_exact); break;
			case 9: lh_thrift_i64(r, &f, &out->nans); break;
			default: lh_thrift_skip(r, f.type);
		}
}

LhPqOrder
lh_pq_order(const LhPqMeta *meta, int leaf)
{
	return meta->has_column_orders ? (LhPqOrder) meta->priv->orders[leaf] : LH_PQ_ORDER_UNKNOWN;
}

bool
lh_pq_order_usable(const LhPqNode *node, LhPqOrder order)
{
	const LhType *t = lh_pq_value_type(node);

	if (order == LH_PQ_ORDER_IEEE754)
		return lh_pq_is_float(node);
	if (order != LH_PQ_ORDER_TYPE || node->leaf < 0 || node->physical == LH_PQ_INT96)
		return false;
	switch (t->id)
	{
		case LH_T_NULL:
		case LH_T_INTERVAL:
		case LH_T_GEOMETRY:
		case LH_T_GEOGRAPHY:
		case LH_T_LIST:
		case LH_T_MAP:
		case LH_T_STRUCT:
		case LH_T_VARIANT: return false;
		/* wider than our comparison */
		case LH_T_DECIMAL: return t->lane != LH_LANE_STR;
		default: return true;
	}
}

/* May the deprecated min and max be used: is signed comparison the order of the type? */
static bool
legacy_usable(const LhPqNode *node)
{
	switch (node->physical)
	{
		case LH_PQ_BOOLEAN:
		case LH_PQ_INT32:
		case LH_PQ_INT64:
		case LH_PQ_FLOAT:
		case LH_PQ_DOUBLE:
			return !node->unsigned_order && lh_pq_order_usable(node, LH_PQ_ORDER_TYPE);
		default: return false;
	}
}

static double
half_to_double(uint16_t h)
{
	int exponent = (h >> 10) & 0x1f;
	double mantissa = h & 0x3ff;
	double v;

	if (exponent == 31)
		v = mantissa == 0 ? INFINITY : NAN;
	else if (exponent == 0)
		v = ldexp(mantissa, -24);
	else
		v = ldexp(mantissa + 1024, exponent - 25);
	return h & 0x8000 ? -v : v;
}

/* Integers on INT32 or INT64; false when the value is outside the annotated width. */
static bool
integer_value(const LhType *t, int64_t v, bool wide, LhValue *out)
{
	switch (t->id)
	{
		case LH_T_INT8: out->i64 = v; return v >= INT8_MIN && v <= INT8_MAX;
		case LH_T_INT16: out->i64 = v; return v >= INT16_MIN && v <= INT16_MAX;
		case LH_T_UINT8: out->i64 = v; return v >= 0 && v <= UINT8_MAX;
		case LH_T_UINT16: out->i64 = v; return v >= 0 && v <= UINT16_MAX;
		case LH_T_UINT32: out->i64 = wide ? v : (uint32_t) v; return !wide;
		case LH_T_UINT64: out->i128 = (uint64_t) v; return wide;
		default: out->i64 = v; return t->lane == LH_LANE_I32 || t->lane == LH_LANE_I64;
	}
}

/* Big-endian two's complement of a decimal in FIXED_LEN_BYTE_ARRAY or BYTE_ARRAY. */
static bool
decimal_value(const LhType *t, LhSlice bytes, LhValue *out)
{
	LhI128 v;

	if (bytes.len == 0 || !lh_i128_from_be_wide(bytes.data, bytes.len, &v))
		return false;
	if (t->lane == LH_LANE_I128)
		out->i128 = v;
	else if (t->lane == LH_LANE_I64 && v >= INT64_MIN && v <= INT64_MAX)
		out->i64 = (int64_t) v;
	else
		return false;
	return true;
}

/* A fixed-length value; a truncated one is padded with zeros in ctx->arena. */
static bool
fixed_value(LhCtx *ctx, int width, LhSlice bytes, LhValue *out)
{
	uint8_t *padded;

	if (bytes.len > (size_t) width)
		return false;
	out->str = (LhStr){.ptr = bytes.data, .len = (uint32_t) width};
	if (bytes.len == (size_t) width)
		return true;
	padded = lh_alloc0(ctx, (size_t) width);
	if (padded == NULL)
	{
		/* a bound less is no reason to fail */
		lh_error_clear(ctx);
		return false;
	}
	if (bytes.len > 0)
		memcpy(padded, bytes.data, bytes.len);
	out->str.ptr = padded;
	return true;
}

static bool
binary_value(LhCtx *ctx, const LhPqNode *node, const LhType *t, LhSlice bytes, LhValue *out)
{
	bool fixed = node->physical == LH_PQ_FLBA;

	switch (t->id)
	{
		case LH_T_DECIMAL:
			return (!fixed || bytes.len == (size_t) node->type_length) &&
				   decimal_value(t, bytes, out);
		case LH_T_FLOAT16:
			if (bytes.len != 2)
				return false;
			out->f64 = half_to_double(lh_load_u16(bytes.data));
			return true;
		case LH_T_NULL: return false;
		default: break;
	}
	if (fixed)
		return fixed_value(ctx, node->type_length, bytes, out);
	if (bytes.len > UINT32_MAX)
		return false;
	out->str = (LhStr){.ptr = bytes.data, .len = (uint32_t) bytes.len};
	return t->lane == LH_LANE_STR;
}

bool
lh_pq_stat_value(LhCtx *ctx, const LhPqNode *node, LhSlice bytes, LhValue *out)
{
	const LhType *t = lh_pq_value_type(node);

	*out = (LhValue){.type = *t};
	if (bytes.data == NULL)
		return false;
	switch (node->physical)
	{
		case LH_PQ_BOOLEAN:
			if (bytes.len != 1 || bytes.data[0] > 1 || t->lane != LH_LANE_U8)
				return false;
			out->i64 = bytes.data[0];
			return true;
		case LH_PQ_INT32:
			if (bytes.len != 4 || !integer_value(t, lh_load_i32(bytes.data), false, out))
				return false;
			lh_pq_rebase_value(node, out);
			return true;
		case LH_PQ_INT64:
			if (bytes.len != 8 || !integer_value(t, lh_load_i64(bytes.data), true, out))
				return false;
			lh_pq_rebase_value(node, out);
			return true;
		case LH_PQ_FLOAT:
			if (bytes.len != 4 || t->lane != LH_LANE_F32)
				return false;
			out->f64 = (double) lh_load_f32(bytes.data);
			return true;
		case LH_PQ_DOUBLE:
			if (bytes.len != 8 || t->lane != LH_LANE_F64)
				return false;
			out->f64 = lh_load_f64(bytes.data);
			return true;
		case LH_PQ_BYTE_ARRAY:
		case LH_PQ_FLBA: return binary_value(ctx, node, t, bytes, out);
		default: return false;
	}
}

void
lh_pq_bounds_make(LhCtx *ctx, const LhPqNode *node, LhSlice min, LhSlice max, LhBounds *out)
{
	out->has_min = lh_pq_stat_value(ctx, node, min, &out->min);
	out->has_max = lh_pq_stat_value(ctx, node, max, &out->max);
	if (lh_pq_is_float(node))
	{
		if ((out->has_min && isnan(out->min.f64)) || (out->has_max && isnan(out->max.f64)))
			out->has_min = out->has_max = false;
		if (out->has_min && out->min.f64 == 0)
			out->min.f64 = -0.0;
		if (out->has_max && out->max.f64 == 0)
			out->max.f64 = 0.0;
	}
	if (out->has_min && out->has_max && lh_value_compare(&out->min, &out->max) > 0)
		out->has_min = out->has_max = false;
	out->known = out->has_min || out->has_max;
}

/* Rule 6: is a usable bound a value that occurs? */
static bool
is_exact(const LhPqNode *node, const LhValue *bound, bool said, bool exact)
{
	if (lh_pq_is_float(node) && bound->f64 == 0)
		return false;
	if (said)
		return exact;
	return node->physical == LH_PQ_BOOLEAN || node->physical == LH_PQ_INT32 ||
		   node->physical == LH_PQ_INT64;
}

/* A truncated decimal is another number, not a bound. */
static bool
may_be_cut(const LhPqNode *node, bool said, bool exact)
{
	return lh_pq_value_type(node)->id == LH_T_DECIMAL && said && !exact;
}

LhStatus
lh_pq_stats_judge(LhCtx *ctx, const LhPqMeta *meta, int leaf, int64_t num_values,
				  const LhPqRawStats *raw, LhPqStats *out)
{
	const LhPqNode *node = &meta->nodes[meta->leaf_nodes[leaf]];
	LhBounds b = {0};

	out->raw_min = raw->min_value.data != NULL ? raw->min_value : raw->min;
	out->raw_max = raw->max_value.data != NULL ? raw->max_value : raw->max;
	out->nulls = raw->nulls >= 0 && raw->nulls <= num_values ? raw->nulls : -1;
	out->distinct = raw->distinct >= 0 ? raw->distinct : -1;
	out->nans = raw->nans >= 0 && raw->nans <= num_values ? raw->nans : -1;
	if (lh_pq_order_usable(node, lh_pq_order(meta, leaf)) &&
		(raw->min_value.data != NULL || raw->max_value.data != NULL))
	{
		out->min = raw->min_value;
		out->max = raw->max_value;
	}
	else if (legacy_usable(node))
	{
		out->min = raw->min;
		out->max = raw->max;
	}
	lh_pq_bounds_make(ctx, node, out->min, out->max, &b);
	out->has_min = b.has_min && !may_be_cut(node, raw->has_min_exact, raw->min_exact);
	out->has_max = b.has_max && !may_be_cut(node, raw->has_max_exact, raw->max_exact);
	out->min_exact = out->has_min && is_exact(node, &b.min, raw->has_min_exact, raw->min_exact);
	out->max_exact = out->has_max && is_exact(node, &b.max, raw->has_max_exact, raw->max_exact);
	return LH_OK;
}

LhStatus
lh_pq_bounds(LhCtx *ctx, LhPqFile *file, int group, int leaf, LhBounds *out)
{
	const LhPqMeta *meta = file->meta;
	const LhPqChunk *chunk;
	const LhPqNode *node;
	const LhPqStats *s;

	LH_TRY(lh_pq_chunk(ctx, file, group, leaf, &chunk));
	node = &meta->nodes[meta->leaf_nodes[leaf]];
	s = &chunk->stats;
	*out = (LhBounds){.rows = -1, .nulls = -1, .may_nan = lh_pq_is_float(node) && s->nans != 0};
	if (node->max_rep == 0)
		out->rows = meta->groups[group].num_rows;
	/* with another number of values than rows nothing in this chunk is to be trusted */
	if (chunk->locked || (node->max_rep == 0 && chunk->num_values != out->rows))
		return LH_OK;
	if (node->max_rep == 0)
		out->nulls = node->max_def == 0 ? 0 : s->nulls;
	lh_pq_bounds_make(ctx, node, s->has_min ? s->min : (LhSlice){0},
					  s->has_max ? s->max : (LhSlice){0}, out);
	out->min_exact = out->has_min && s->min_exact;
	out->max_exact = out->has_max && s->max_exact;
	return LH_OK;
}
