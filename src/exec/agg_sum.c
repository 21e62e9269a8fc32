/*
 * agg_sum.c
 *		Sums of integers and decimals, exact and in any order.
 *
 *	RUNS	value times selected rows of the run
 *	DICT	up to 64 entries: values are looked up in registers, where the machine
 *			has enough of them; up to 4096: a histogram of codes, folded once a
 *			dictionary; large ones: values are gathered by code
 *	FLAT	kernels over the selection words
 */
#include <string.h>

#include "exec/agg_impl.h"
#include "vec/kernels.h"

/* Four tables of this many counters stay in the first-level cache's reach. */
#define HISTOGRAM_MAX  4096
/* Counters are 32 bits. */
#define HISTOGRAM_ROWS ((int64_t) 1 << 31)

/* x * times in the scale of the sum, beyond 128 bits somewhere on the way. */
static void
add_wide(LhAggInput *in, LhI128 x, int64_t times)
{
	LhI256 v = lh_i256_of(x);

	if (!lh_i256_mul(&v, times) || !lh_i256_mul(&v, in->factor) || !lh_i256_add(&in->wide, &v))
		in->overflow = true;
}

static void
add_sum(LhAggInput *in, LhI128 x)
{
	LhI128 y;

	if (!lh_mul_i128(x, in->factor, &y) || __builtin_add_overflow(in->sum, y, &y))
		add_wide(in, x, 1);
	else
		in->sum = y;
}

static void
add_times(LhAggInput *in, LhI128 x, int64_t times)
{
	LhI128 y;

	if (lh_mul_i128(x, times, &y))
		add_sum(in, y);
	else
		add_wide(in, x, times);
}

LhI256
lh_agg_total(const LhAggInput *in, bool *overflow)
{
	LhI256 total = lh_i256_of(in->sum);

	*overflow = in->overflow || !lh_i256_add(&total, &in->wide);
	return total;
}

/* A file with more decimal places moves the sum to its scale; others are brought to it. */
void
lh_agg_set_scale(LhAggInput *in, int scale)
{
	if (scale > in->scale)
	{
		LhI256 total = lh_agg_total(in, &in->overflow);

		/* by steps, because the difference may be any */
		for (int left = scale - in->scale; left > 0 && !lh_i256_is_zero(&total);)
		{
			int step = left < LH_DECIMAL_MAX_PRECISION ? left : LH_DECIMAL_MAX_PRECISION;

			in->overflow |= !lh_i256_mul(&total, lh_pow10[step]);
			left -= step;
		}
		in->sum = 0;
		in->wide = total;
		in->scale = scale;
	}
	if (in->scale - scale > LH_DECIMAL_MAX_PRECISION)
		in->overflow = true;
	else
		in->factor = lh_pow10[in->scale - scale];
}

LhStatus
lh_agg_fold(LhCtx *ctx, LhAggInput *in)
{
	LhHistogram *h = &in->hist;
	const uint32_t *c = (const uint32_t *) h->counts.data;

	if (h->rows == 0)
		return LH_OK;
	for (uint32_t i = 0; i < h->n; i++)
	{
		int64_t times =
			(int64_t) c[i] + c[h->n + i] + c[2 * (size_t) h->n + i] + c[3 * (size_t) h->n + i];

		if (times > 0)
			add_times(in, lh_lane_key(h->type.lane, h->values.data, i), times);
	}
	memset(h->counts.data, 0, 4 * (size_t) h->n * sizeof(uint32_t));
	h->rows = 0;
	return LH_OK;
}

/* Values less the smallest, if they are few and close enough. */
static void
make_table(LhHistogram *h, const LhDict *dict)
{
	LhI128 min = LH_I128_MAX, max = LH_I128_MIN;

	h->small = false;
	if (dict->n > lh_vec_kernels()->small_table || dict->n > 64 || dict->n == 0)
		return;
	for (uint32_t i = 0; i < dict->n; i++)
	{
		LhI128 x = lh_lane_key(dict->type.lane, dict->values, i);

		min = x < min ? x : min;
		max = x > max ? x : max;
	}
	if (min < INT64_MIN || max > INT64_MAX || max - min > INT32_MAX)
		return;
	memset(h->table, 0, sizeof(h->table));
	for (uint32_t i = 0; i < dict->n; i++)
		h->table[i] = (int32_t) (lh_lane_key(dict->type.lane, dict->values, i) - min);
	h->base = min;
	h->small = true;
}

/* A part of the L2 cache. */
#define FAR_SIZE ((size_t) 256 * 1024)

static LhStatus
start_histogram(LhCtx *ctx, LhAggInput *in, const LhDict *dict)
{
	LhHistogram *h = &in->hist;
	size_t values = (size_t) dict->n * lh_lane_size(dict->type.lane, dict->type.width);

	LH_TRY(lh_agg_fold(ctx, in));
	h->dict_id = 0;
	LH_TRY(lh_buf_fit(ctx, &h->values, values));
	LH_TRY(lh_buf_fit(ctx, &h->counts, 4 * (size_t) dict->n * sizeof(uint32_t)));
	memcpy(h->values.data, dict->values, values);
	memset(h->counts.data, 0, 4 * (size_t) dict->n * sizeof(uint32_t));
	h->type = dict->type;
	h->n = dict->n;
	make_table(h, dict);
	h->dict_id = dict->id;
	return LH_OK;
}

/* Ask for the values of live rows before they are needed. */
static void
fetch_values(const LhVec *v, int n, const uint64_t *sel)
{
	const int64_t *values = v->dict->values;

	for (int from = 0; from < n; from += 64)
	{
		const uint32_t *code = v->codes + from, *end = code + (n - from < 64 ? n - from : 64);

		if (sel != NULL && sel[from / 64] == 0)
			continue;
		for (; code < end; code++)
			__builtin_prefetch(&values[*code]);
	}
}

/*
 * Values of 8 bytes by their codes.  A dictionary larger than FAR_SIZE may lie in memory and
 * in none of the processor's caches: one that was kept by an earlier statement, or of which dead
 * rows made nobody read the part that a live row points to.  So all that a batch needs, 16 kB
 * where codes count on, is asked for at once: the waits are then one.  (An eighth of it while the
 * eighth before is summed was a twelfth slower.)
 */
static LhI128
sum_codes_i64(const LhVec *v, int n, const uint64_t *sel)
{
	if (v->dict->n >= FAR_SIZE / sizeof(int64_t))
		fetch_values(v, n, sel);
	return lh_vec_kernels()->sum_codes_i64(v->codes, (size_t) n, v->dict->values, sel);
}

static LhStatus
sum_dict(LhCtx *ctx, LhAggInput *in, const LhVec *v, const LhSel *live)
{
	const LhVecKernels *k = lh_vec_kernels();
	const uint64_t *sel = live->count == live->n ? NULL : live->w;

	if (v->dict->n <= HISTOGRAM_MAX)
	{
		if (in->hist.dict_id != v->dict->id)
			LH_TRY(start_histogram(ctx, in, v->dict));
		if (in->hist.small && k->sum_small != NULL)
		{
			add_times(in, in->hist.base, live->count);
			add_sum(in, k->sum_small(v->codes, (size_t) live->n, in->hist.table, sel));
			return LH_OK;
		}
		k->histogram(v->codes, (size_t) live->n, sel, (uint32_t *) in->hist.counts.data,
					 v->dict->n);
		in->hist.rows += live->count;
		return in->hist.rows >= HISTOGRAM_ROWS ? lh_agg_fold(ctx, in) : LH_OK;
	}
	if (v->type.lane == LH_LANE_I32)
		add_sum(in, k->sum_codes_i32(v->codes, (size_t) live->n, v->dict->values, sel));
	else if (v->type.lane == LH_LANE_I64)
		add_sum(in, sum_codes_i64(v, live->n, sel));
	else
	{
		LH_FOR_ROWS(live->w, live->n, row)
		{
			add_sum(in, lh_lane_key(v->type.lane, v->dict->values, v->codes[row]));
		}
	}
	return LH_OK;
}

static void
sum_runs(LhAggInput *in, const LhVec *v, const LhSel *live)
{
	uint32_t at = 0;

	for (int r = 0; r < v->nruns; r++)
	{
		uint32_t end = v->runs[r].end;
		int times = live->count == live->n ? (int) (end - at) : lh_count_range(live->w, at, end);

		if (times > 0)
			add_times(in, lh_lane_key(v->type.lane, v->dict->values, v->runs[r].code), times);
		at = end;
	}
}

static void
sum_i128(LhAggInput *in, const LhVec *v, const LhSel *live)
{
	const LhI128 *x = v->data;
	LhI128 sum = 0;

	LH_FOR_ROWS(live->w, live->n, row)
	{
		LhI128 y;

		if (__builtin_add_overflow(sum, x[row], &y))
			add_sum(in, x[row]);
		else
			sum = y;
	}
	add_sum(in, sum);
}

LhStatus
lh_agg_sum(LhCtx *ctx, LhAggInput *in, const LhVec *v, const LhSel *live)
{
	const LhVecKernels *k = lh_vec_kernels();
	const uint64_t *sel = live->count == live->n ? NULL : live->w;

	switch (v->kind)
	{
		case LH_VEC_CONST:
			add_times(in, lh_lane_key(v->type.lane, v->data, 0), live->count);
			return LH_OK;
		case LH_VEC_DICT: return sum_dict(ctx, in, v, live);
		case LH_VEC_RUNS: sum_runs(in, v, live); return LH_OK;
		default: break;
	}
	if (v->type.lane == LH_LANE_I32)
		add_sum(in, k->sum_i32(v->data, (size_t) live->n, sel));
	else if (v->type.lane == LH_LANE_I64)
		add_sum(in, k->sum_i64(v->data, (size_t) live->n, sel));
	else
		sum_i128(in, v, live);
	return LH_OK;
}

/* Rows whose bool is true. */
void
lh_agg_trues(LhAggInput *in, const LhVec *v, const LhSel *live)
{
	uint64_t w[LH_BATCH_WORDS];

	if (v->kind == LH_VEC_CONST)
	{
		in->trues += *(const uint8_t *) v->data != 0 ? live->count : 0;
		return;
	}
	if (v->kind == LH_VEC_FLAT)
	{
		lh_vec_kernels()->nonzero_u8(v->data, (size_t) live->n, w);
		for (size_t i = 0; i < LH_WORDS(live->n); i++)
			in->trues += (int) lh_bits_count_word(w[i] & live->w[i]);
		return;
	}
	LH_FOR_ROWS(live->w, live->n, row)
	{
		in->trues += lh_vec_value(v, (int) row).i64;
	}
}
