/*
 * stats.c
 *		What statistics may be believed.
 *
 *	1. Those of Java's first writers (before HIVE-8732) are wrong: none is used.
 *	2. The number of values that are not null is always counted: with the rows it
 *	   gives the nulls.  Below a list that says nothing of rows.
 *	3. Strings beyond 1,024 bytes have bounds in other fields, which are no values.
 *	4. Floats: a NaN among the first values hides all others; a sum that is a
 *	   number proves that there was none, where the writer is known to add all up.
 *	5. Decimals are text with a scale of their own; those of 18 digits or less by
 *	   Java's writer of version ORC-135 alone are wrong (ORC-517).
 *	6. Time stamps: only the UTC fields count (the older ones depend on the writer's
 *	   zone in ways that changed).  They are milliseconds; without the
 *	   nanoseconds beside them a value may lie up to a millisecond later.
 *	7. Writers lose a second of moments just before 1970 (stamp.c), but not all of them in
 *	   their statistics.
 *	8. Days and time stamps of Julian calendars are converted as values are.
 *
 * Format: https://orc.apache.org/specification/ORCv1/ "Column Statistics"
 */
#include <math.h>

#include "orc/meta.h"

/* Zones are less than so far from UTC. */
#define FAR_ZONE_MS (INT64_C(27) * 3600 * 1000)

/* ColumnStatistics as read; bytes.data NULL: not there. */
typedef struct Raw
{
	int64_t count; /* of values; -1: not said */
	bool has_null; /* false also when not said */
	LhSlice integer, real, string, bucket, decimal, date, timestamp;
} Raw;

static LhStatus
read_raw(LhCtx *ctx, LhSlice bytes, Raw *out)
{
	LhProto r;
	LhProtoField f;
	uint64_t v;

	*out = (Raw){.count = -1};
	lh_proto_init(&r, bytes);
	while (lh_proto_next(&r, &f))
		switch (f.id)
		{
			case 1: lh_proto_i64(&r, &f, &out->count); break;
			case 2: lh_proto_bytes(&f, &out->integer); break;
			case 3: lh_proto_bytes(&f, &out->real); break;
			case 4: lh_proto_bytes(&f, &out->string); break;
			case 5: lh_proto_bytes(&f, &out->bucket); break;
			case 6: lh_proto_bytes(&f, &out->decimal); break;
			case 7: lh_proto_bytes(&f, &out->date); break;
			case 9: lh_proto_bytes(&f, &out->timestamp); break;
			case 10:
				if (lh_proto_u64(&f, &v))
					out->has_null = v != 0;
				break;
			default: break;
		}
	return lh_proto_status(ctx, &r, "statistics");
}

static void
set_i64(LhBounds *b, const LhType *type, int64_t min, int64_t max)
{
	b->min = b->max = (LhValue){.type = *type};
	b->min.i64 = min;
	b->max.i64 = max;
	b->has_min = b->has_max = b->min_exact = b->max_exact = true;
}

/* Two sint64 fields, 1 and 2, which both have to be there. */
static bool
read_pair(LhSlice bytes, int64_t *min, int64_t *max)
{
	bool has_min = false, has_max = false;
	LhProto r;
	LhProtoField f;

	lh_proto_init(&r, bytes);
	while (lh_proto_next(&r, &f))
	{
		if (f.id == 1)
			has_min = lh_proto_s64(&f, min);
		else if (f.id == 2)
			has_max = lh_proto_s64(&f, max);
	}
	return has_min && has_max && r.why == NULL && *min <= *max;
}

static void
integer_bounds(const LhOrcNode *node, const Raw *raw, LhBounds *b)
{
	int64_t min, max, limit = INT64_MAX;

	if (raw->integer.data == NULL || !read_pair(raw->integer, &min, &max))
		return;
	if (node->kind == LH_ORC_BYTE)
		limit = INT8_MAX;
	else if (node->kind == LH_ORC_SHORT)
		limit = INT16_MAX;
	else if (node->kind == LH_ORC_INT)
		limit = INT32_MAX;
	if (min >= -limit - 1 && max <= limit)
		set_i64(b, &node->type, min, max);
}

static void
date_bounds(const LhOrcMeta *meta, const LhOrcNode *node, const Raw *raw, LhBounds *b)
{
	int64_t min, max;

	if (raw->date.data == NULL || !read_pair(raw->date, &min, &max) || min < INT32_MIN ||
		max > INT32_MAX)
		return;
	if (meta->hybrid)
	{
		min = lh_days_from_hybrid(min);
		max = lh_days_from_hybrid(max);
	}
	if (min >= INT32_MIN && max <= INT32_MAX)
		set_i64(b, &node->type, min, max);
}

static void
bool_bounds(const LhOrcNode *node, const Raw *raw, LhBounds *b)
{
	LhProto r;
	LhProtoField f;
	uint64_t trues = 0;
	bool found = false;

	if (raw->bucket.data == NULL || raw->count < 0)
		return;
	lh_proto_init(&r, raw->bucket);
	while (lh_proto_next(&r, &f))
	{
		LhProtoPacked packed;

		/* the first count is of true values */
		if (f.id != 1 || found)
			continue;
		lh_proto_packed(&f, &packed);
		found = lh_proto_packed_next(&packed, &trues);
	}
	if (r.why == NULL && found && trues <= (uint64_t) raw->count && raw->count > 0)
		set_i64(b, &node->type, trues == (uint64_t) raw->count, trues > 0);
}

static void
float_bounds(const LhOrcMeta *meta, const LhOrcNode *node, const Raw *raw, LhBounds *b)
{
	double min = NAN, max = NAN, sum = NAN;
	LhProto r;
	LhProtoField f;

	if (raw->real.data == NULL)
		return;
	lh_proto_init(&r, raw->real);
	while (lh_proto_next(&r, &f))
		switch (f.id)
		{
			case 1: lh_proto_double(&f, &min); break;
			case 2: lh_proto_double(&f, &max); break;
			case 3: lh_proto_double(&f, &sum); break;
			default: break;
		}
	if (r.why != NULL || isnan(min) || isnan(max) || min > max)
		return;
	/* a sum that is no number may also come from infinities: then we do not know */
	b->may_nan = isnan(sum) || (meta->writer != LH_ORC_JAVA && meta->writer != LH_ORC_CPP);
	b->min = b->max = (LhValue){.type = node->type};
	b->min.f64 = min == 0 ? -0.0 : min;
	b->max.f64 = max == 0 ? 0.0 : max;
	b->has_min = b->has_max = true;
	b->min_exact = b->max_exact = true;
}

static LhStatus
set_text(LhCtx *ctx, LhSlice text, const LhType *type, LhValue *out)
{
	uint8_t *copy;

	/* an empty one has an address, too */
	LH_ALLOC(ctx, copy, text.len + 1);
	if (text.len > 0)
		memcpy(copy, text.data, text.len);
	*out = (LhValue){.type = *type};
	out->str = (LhStr){copy, (uint32_t) text.len, 0};
	return LH_OK;
}

static LhStatus
string_bounds(LhCtx *ctx, const LhOrcNode *node, const Raw *raw, LhBounds *b)
{
	LhSlice min = {0}, max = {0}, lower = {0}, upper = {0};
	LhProto r;
	LhProtoField f;

	if (raw->string.data == NULL)
		return LH_OK;
	lh_proto_init(&r, raw->string);
	while (lh_proto_next(&r, &f))
		switch (f.id)
		{
			case 1: lh_proto_bytes(&f, &min); break;
			case 2: lh_proto_bytes(&f, &max); break;
			case 4: lh_proto_bytes(&f, &lower); break;
			case 5: lh_proto_bytes(&f, &upper); break;
			default: break;
		}
	if (r.why != NULL)
		return LH_OK;
	b->min_exact = min.data != NULL;
	b->max_exact = max.data != NULL;
	if (min.data == NULL)
		min = lower;
	if (max.data == NULL)
		max = upper;
	if (min.data != NULL)
		LH_TRY(set_text(ctx, min, &node->type, &b->min));
	if (max.data != NULL)
		LH_TRY(set_text(ctx, max, &node->type, &b->max));
	b->has_min = min.data != NULL;
	b->has_max = max.data != NULL;
	return LH_OK;
}

/* "-12.30" as an unscaled number; false when it is no such text or too large. */
static bool
parse_decimal(LhSlice text, int scale, LhI128 *out, bool *exact, bool up)
{
	size_t i = 0;
	bool negative = false, digits = false, point = false, cut;
	int behind = 0;
	LhI128 v = 0;

	if (i < text.len && (text.data[i] == '-' || text.data[i] == '+'))
		negative = text.data[i++] == '-';
	for (; i < text.len; i++)
	{
		uint8_t c = text.data[i];

		if (c == '.' && !point)
		{
			point = true;
			continue;
		}
		if (c < '0' || c > '9' || v > lh_pow10[37])
			return false;
		v = v * 10 + (c - '0');
		behind += point;
		digits = true;
	}
	if (!digits || !lh_decimal_rescale(negative ? -v : v, behind, scale, out, exact))
		return false;
	cut = !*exact;
	*out += cut && up;
	return true;
}

static void
decimal_bounds(const LhOrcMeta *meta, const LhOrcNode *node, const Raw *raw, LhBounds *b)
{
	LhSlice text[2] = {{0}, {0}};
	LhI128 min, max;
	LhProto r;
	LhProtoField f;

	if (raw->decimal.data == NULL)
		return;
	if (meta->writer == LH_ORC_JAVA && meta->writer_version == LH_ORC_135 &&
		node->type.precision <= 18)
		return;
	lh_proto_init(&r, raw->decimal);
	while (lh_proto_next(&r, &f))
		if (f.id == 1 || f.id == 2)
			lh_proto_bytes(&f, &text[f.id - 1]);
	if (r.why != NULL || text[0].data == NULL || text[1].data == NULL ||
		!parse_decimal(text[0], node->type.scale, &min, &b->min_exact, false) ||
		!parse_decimal(text[1], node->type.scale, &max, &b->max_exact, true) || min > max)
		return;
	b->min = b->max = (LhValue){.type = node->type};
	if (node->type.lane == LH_LANE_I64)
	{
		if (min < INT64_MIN || max > INT64_MAX)
			return;
		b->min.i64 = (int64_t) min;
		b->max.i64 = (int64_t) max;
	}
	else
	{
		b->min.i128 = min;
		b->max.i128 = max;
	}
	b->has_min = b->has_max = true;
}

/* Milliseconds, and nanoseconds within one, in the unit of the type; false: it does not fit. */
static bool
to_unit(const LhOrcMeta *meta, const LhType *type, int64_t ms, int64_t nanos, int64_t *out)
{
	int64_t factor = type->unit == LH_UNIT_NS ? 1000000 : 1000;

	if (__builtin_mul_overflow(ms, factor, out) ||
		__builtin_add_overflow(*out, lh_floor_div(nanos, 1000000 / factor), out))
		return false;
	if (meta->hybrid)
		*out = lh_timestamp_from_hybrid(*out, (LhUnit) type->unit);
	return true;
}

static void
timestamp_bounds(const LhOrcMeta *meta, const LhOrcNode *node, const Raw *raw, LhBounds *b)
{
	int64_t ms[2] = {0, 0}, nanos[2] = {0, 999999}, v[2];
	bool has[2] = {false, false}, exact[2] = {false, false};
	LhProto r;
	LhProtoField f;
	uint64_t n;

	if (raw->timestamp.data == NULL || meta->writer_version < LH_ORC_135)
		return;
	lh_proto_init(&r, raw->timestamp);
	while (lh_proto_next(&r, &f))
	{
		if (f.id == 3 || f.id == 4)
			has[f.id - 3] = lh_proto_s64(&f, &ms[f.id - 3]);
		/* stored plus one, as zero is not written; Arrow's are negative before 1970 */
		else if ((f.id == 5 || f.id == 6) && lh_proto_u64(&f, &n) && (int64_t) n >= -999998 &&
				 (int64_t) n <= 1000000)
		{
			nanos[f.id - 5] = (int64_t) n - 1;
			exact[f.id - 5] = true;
		}
	}
	if (!exact[0] && ms[0] < FAR_ZONE_MS)
		nanos[0] = -999999;
	if (r.why != NULL || !has[0] || !has[1] || ms[0] > ms[1] ||
		!to_unit(meta, &node->type, ms[0], nanos[0], &v[0]) ||
		!to_unit(meta, &node->type, ms[1], nanos[1], &v[1]) || v[0] > v[1])
		return;
	set_i64(b, &node->type, v[0], v[1]);
	b->min_exact = exact[0];
	b->max_exact = exact[1];
	/* no zone is further from UTC */
	if (ms[0] < FAR_ZONE_MS && ms[1] > -FAR_ZONE_MS)
	{
		b->min_exact = b->max_exact = false;
		if (__builtin_add_overflow(b->max.i64,
								   node->type.unit == LH_UNIT_NS ? 1000000000 : 1000000,
								   &b->max.i64))
			b->max.i64 = INT64_MAX;
	}
}

static LhStatus
value_bounds(LhCtx *ctx, const LhOrcMeta *meta, const LhOrcNode *node, const Raw *raw, LhBounds *b)
{
	switch (node->kind)
	{
		case LH_ORC_BOOLEAN: bool_bounds(node, raw, b); break;
		case LH_ORC_BYTE:
		case LH_ORC_SHORT:
		case LH_ORC_INT:
		case LH_ORC_LONG: integer_bounds(node, raw, b); break;
		case LH_ORC_FLOAT:
		case LH_ORC_DOUBLE: float_bounds(meta, node, raw, b); break;
		case LH_ORC_STRING:
		case LH_ORC_VARCHAR:
		case LH_ORC_CHAR: return string_bounds(ctx, node, raw, b);
		case LH_ORC_DECIMAL: decimal_bounds(meta, node, raw, b); break;
		case LH_ORC_DATE: date_bounds(meta, node, raw, b); break;
		case LH_ORC_TIMESTAMP:
		case LH_ORC_TIMESTAMP_INSTANT: timestamp_bounds(meta, node, raw, b); break;
		default: break;
	}
	return LH_OK;
}

LhStatus
lh_orc_stats_bounds(LhCtx *ctx, const LhOrcMeta *meta, const LhOrcNode *node, LhSlice stats,
					int64_t rows, LhBounds *b)
{
	Raw raw;

	*b = (LhBounds){.rows = rows, .nulls = -1, .may_nan = true};
	if (rows < 0 || (meta->writer == LH_ORC_JAVA && meta->writer_version < LH_ORC_HIVE_8732))
		return LH_OK;
	LH_TRY(read_raw(ctx, stats, &raw));
	/* more values than rows: nothing of it is to be believed */
	if (raw.count > rows || (raw.count < 0 && stats.len == 0))
		return LH_OK;
	if (raw.count >= 0)
		b->nulls = rows - raw.count;
	LH_TRY(value_bounds(ctx, meta, node, &raw, b));
	if (!b->has_min)
		b->min_exact = false;
	if (!b->has_max)
		b->max_exact = false;
	b->known = b->has_min || b->has_max;
	return LH_OK;
}

/*
 * Where each column's ColumnStatistics lie in the StripeStatistics message: found once for a
 * stripe, of which all columns are asked for one after the other.
 */
static LhStatus
index_stripe(LhCtx *ctx, LhOrcFile *file, int stripe)
{
	size_t most = (size_t) file->meta->priv->ncolumns, n = 0;
	LhSlice *columns;
	LhProto r;
	LhProtoField f;

	file->stats_stripe = -1;
	LH_TRY(lh_buf_fit(ctx, &file->stats, most * sizeof(*columns)));
	columns = (LhSlice *) (void *) file->stats.data;
	lh_proto_init(&r, file->meta->priv->stripe_stats[stripe]);
	while (n < most && lh_proto_next(&r, &f))
		if (f.id == 1 && f.wire == LH_PROTO_BYTES)
		{
			columns[n++] = f.bytes;
			if (n % LH_ORC_POLL == 0)
				LH_TRY(lh_poll(ctx));
		}
	LH_TRY(lh_proto_status(ctx, &r, "stripe statistics"));
	file->stats.len = n * sizeof(*columns);
	file->stats_stripe = stripe;
	return LH_OK;
}

/* The column's ColumnStatistics of a stripe; empty: none. */
static LhStatus
find_column(LhCtx *ctx, LhOrcFile *file, int stripe, int column, LhSlice *out)
{
	*out = (LhSlice){0};
	if (file->stats_stripe != stripe)
		LH_TRY(index_stripe(ctx, file, stripe));
	if ((size_t) column < file->stats.len / sizeof(*out))
		*out = ((const LhSlice *) (const void *) file->stats.data)[column];
	return LH_OK;
}

LhStatus
lh_orc_bounds(LhCtx *ctx, LhOrcFile *file, int stripe, int node, LhBounds *out)
{
	const LhOrcMeta *meta = file->meta;
	const LhOrcNode *n = &meta->nodes[node];
	int64_t rows = meta->stripes[stripe].rows;
	LhSlice stats;
	LhStatus status;

	*out = (LhBounds){.rows = rows, .nulls = -1, .may_nan = true};
	if (meta->priv->nstats == 0 || n->repeated || n->encrypted)
		return LH_OK;
	status = find_column(ctx, file, stripe, n->column, &stats);
	if (status == LH_OK && stats.data != NULL)
		status = lh_orc_stats_bounds(ctx, meta, n, stats, rows, out);
	return lh_orc_with_place(ctx, file, stripe, node, status);
}

LhStatus
lh_orc_stats_count(LhCtx *ctx, LhOrcFile *file, int stripe, int column, int64_t *out)
{
	LhSlice stats;
	Raw raw;

	*out = -1;
	if (file->meta->priv->nstats == 0)
		return LH_OK;
	LH_TRY(find_column(ctx, file, stripe, column, &stats));
	if (stats.data == NULL)
		return LH_OK;
	LH_TRY(read_raw(ctx, stats, &raw));
	*out = raw.count;
	return LH_OK;
}
