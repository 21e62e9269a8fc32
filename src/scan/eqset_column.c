/*
 * eqset_column.c
 *		Key columns in canonical form: equal keys have equal 64-bit numbers, 128-bit ones, or bytes.
 */
#include <math.h>
#include <string.h>

#include "scan/eqset_state.h"
#include "vec/value.h"

#define NULL_HASH UINT64_C(0x9E3779B97F4A7C15)

LhKeyForm
lh_key_form(const LhType *t)
{
	switch (lh_type_family(t))
	{
		case LH_FAMILY_NUMBER:
			if (t->id == LH_T_DECIMAL)
				return t->precision <= 18 ? LH_KEY_64 : LH_KEY_128;
			return t->id == LH_T_UINT64 ? LH_KEY_128 : LH_KEY_64;
		case LH_FAMILY_BYTES: return LH_KEY_BYTES;
		default: return LH_KEY_64;
	}
}

LhStatus
lh_keys_work_create(LhCtx *ctx, const LhEqSet *set, LhKeyWork **out)
{
	LhKeyWork *work;

	LH_NEW(ctx, work);
	LH_NEW_ARRAY(ctx, work->cols, (size_t) set->ncols + 1);
	for (int i = 0; i < set->ncols; i++)
	{
		LH_NEW(ctx, work->cols[i]);
		work->cols[i]->type = set->types[i];
		work->cols[i]->form = lh_key_form(&set->types[i]);
		LH_TRY(lh_vec_scratch_create(ctx, &work->cols[i]->scratch));
	}
	*out = work;
	return LH_OK;
}

static int64_t
unit_size(const LhType *t)
{
	if (t->id == LH_T_DATE)
		return INT64_C(86400000000000);
	switch (t->unit)
	{
		case LH_UNIT_S: return 1000000000;
		case LH_UNIT_MS: return 1000000;
		case LH_UNIT_US: return 1000;
		default: return 1;
	}
}

/* Moments in another unit than the set's. */
static void
convert_moments(LhKeyColumn *col, const LhType *from, int n)
{
	int64_t have = unit_size(from), want = unit_size(&col->type);

	for (int i = 0; i < n; i++)
	{
		int64_t v = (int64_t) col->low[i], scaled;

		if (have >= want ? __builtin_mul_overflow(v, have / want, &scaled) : v % (want / have) != 0)
			lh_bit_set(col->other, (size_t) i);
		else
			col->low[i] = (uint64_t) (have >= want ? scaled : v / (want / have));
	}
}

static uint64_t
float_bits(double x)
{
	uint64_t bits;

	if (isnan(x))
		return UINT64_C(0x7FF8000000000000);
	memcpy(&bits, &x, sizeof(bits));
	return bits;
}

/* A number of any lane that is not a plain 64-bit one. */
static void
set_wide(LhKeyColumn *col, const LhVec *flat, int i)
{
	LhValue v = lh_lane_value(&flat->type, flat->data, (size_t) i);
	LhI128 x;

	if (!lh_value_unscaled(&v, &x) || (col->form == LH_KEY_64 && x != (LhI128) (int64_t) x))
	{
		lh_bit_set(col->other, (size_t) i);
		return;
	}
	col->low[i] = (uint64_t) x;
	col->high[i] = (int64_t) (x >> 64);
}

static void
set_numbers(LhKeyColumn *col, const LhVec *flat)
{
	const uint8_t *p = flat->data;

	switch (flat->type.lane)
	{
		case LH_LANE_U8:
			for (int i = 0; i < flat->n; i++)
				col->low[i] = p[i] != 0;
			break;
		case LH_LANE_I32:
			for (int i = 0; i < flat->n; i++)
				col->low[i] = (uint64_t) (int64_t) lh_load_i32(p + (size_t) i * 4);
			break;
		case LH_LANE_I64:
			for (int i = 0; i < flat->n; i++)
				col->low[i] = lh_load_u64(p + (size_t) i * 8);
			break;
		case LH_LANE_F32:
			for (int i = 0; i < flat->n; i++)
				col->low[i] = float_bits((double) lh_load_f32(p + (size_t) i * 4));
			break;
		case LH_LANE_F64:
			for (int i = 0; i < flat->n; i++)
				col->low[i] = float_bits(lh_load_f64(p + (size_t) i * 8));
			break;
		default:
			for (int i = 0; i < flat->n; i++)
				if (flat->valid == NULL || lh_bit_get(flat->valid, (size_t) i))
					set_wide(col, flat, i);
			return;
	}
	if (col->form == LH_KEY_128)
		for (int i = 0; i < flat->n; i++)
			col->high[i] = (int64_t) col->low[i] >> 63;
}

static void
set_bytes(LhKeyColumn *col, const LhVec *flat)
{
	if (flat->type.lane == LH_LANE_STR)
		memcpy(col->str, flat->data, (size_t) flat->n * sizeof(LhStr));
	else
		for (int i = 0; i < flat->n; i++)
			col->str[i] = (LhStr){(const uint8_t *) flat->data + (size_t) i * (size_t) flat->type.width,
								  (uint32_t) flat->type.width, 0};
}

static bool
other_unit(const LhKeyColumn *col, const LhType *type)
{
	LhFamily family = lh_type_family(&col->type);

	return (family == LH_FAMILY_MOMENT || family == LH_FAMILY_TIME) && unit_size(type) != unit_size(&col->type);
}

bool
lh_keys_canonical(const LhKeyColumn *col, const LhVec *flat)
{
	return flat->type.lane == LH_LANE_I64 && col->form == LH_KEY_64 && !other_unit(col, &flat->type);
}

LhStatus
lh_keys_load_column(LhCtx *ctx, LhKeyColumn *col, const LhVec *vec)
{
	size_t words = LH_WORDS(vec->n);
	LhVec flat;

	memset(col->other, 0, words * sizeof(uint64_t));
	memset(col->null, 0xFF, words * sizeof(uint64_t));
	if (vec->type.id == LH_T_NULL || lh_vec_all_null(vec))
		return LH_OK;
	LH_TRY(lh_vec_flatten(ctx, vec, col->scratch, &flat));
	if (col->form == LH_KEY_BYTES)
		set_bytes(col, &flat);
	else
		set_numbers(col, &flat);
	if (other_unit(col, &flat.type))
		convert_moments(col, &flat.type, flat.n);
	for (size_t w = 0; w < words; w++)
		col->null[w] = flat.valid != NULL ? ~flat.valid[w] : 0;
	return LH_OK;
}

static inline uint64_t
hash_at(const LhKeyColumn *col, int i)
{
	if (lh_bit_get(col->null, (size_t) i))
		return NULL_HASH;
	switch (col->form)
	{
		case LH_KEY_64: return col->low[i];
		case LH_KEY_128: return col->low[i] ^ lh_hash_u64((uint64_t) col->high[i]);
		default: return lh_hash_bytes(col->str[i].ptr, col->str[i].len, 0);
	}
}

static void
hash_numbers(LhKeyWork *work, int n)
{
	const uint64_t *low = work->cols[0]->low;

	for (int i = 0; i < n; i++)
		work->hash[i] = lh_hash_u64(low[i]);
}

LhStatus
lh_keys_load(LhCtx *ctx, const LhEqSet *set, LhKeyWork *work, const LhVec *const *vecs, int n, const uint64_t *rows)
{
	for (int c = 0; c < set->ncols; c++)
		LH_TRY(lh_keys_load_column(ctx, work->cols[c], vecs[c]));
	if (set->simple)
	{
		hash_numbers(work, n);
		return LH_OK;
	}
	for (int c = 0; c < set->ncols; c++)
		LH_FOR_ROWS(rows, n, row)
		work->hash[row] = lh_hash_u64((c == 0 ? 0 : work->hash[row]) * 31 + hash_at(work->cols[c], (int) row));
	return LH_OK;
}

void
lh_keys_load_numbers(LhKeyWork *work, const uint64_t *numbers, int n)
{
	LhKeyColumn *col = work->cols[0];

	memcpy(col->low, numbers, (size_t) n * sizeof(*numbers));
	memset(col->null, 0, LH_WORDS(n) * sizeof(*col->null));
	memset(col->other, 0, LH_WORDS(n) * sizeof(*col->other));
	hash_numbers(work, n);
}

bool
lh_keys_other(const LhEqSet *set, const LhKeyWork *work, int i)
{
	for (int c = 0; c < set->ncols; c++)
		if (lh_bit_get(work->cols[c]->other, (size_t) i) && !lh_bit_get(work->cols[c]->null, (size_t) i))
			return true;
	return false;
}

uint64_t
lh_keys_hash_stored(const LhEqSet *set, const uint8_t *stored)
{
	const uint8_t *p = stored;
	uint64_t hash = 0;

	for (int c = 0; c < set->ncols; c++)
	{
		uint64_t part = NULL_HASH;

		if (*p++ == 0)
			switch (lh_key_form(&set->types[c]))
			{
				case LH_KEY_64: part = lh_load_u64(p); p += 8; break;
				case LH_KEY_128:
					part = lh_load_u64(p) ^ lh_hash_u64(lh_load_u64(p + 8));
					p += 16;
					break;
				default:
					part = lh_hash_bytes(p + 4, lh_load_u32(p), 0);
					p += 4 + lh_load_u32(p);
					break;
			}
		hash = lh_hash_u64(hash * 31 + part);
	}
	return hash;
}
