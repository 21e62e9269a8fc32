/*
 * vec.c
 *		Flattening vectors, single values of them, constant vectors.
 */
#include <stdatomic.h>
#include <string.h>

#include "vec/value.h"
#include "vec/vec.h"

static const uint64_t no_rows[LH_BATCH_WORDS];

uint64_t
lh_dict_new_id(void)
{
	static atomic_uint_fast64_t last;

	return atomic_fetch_add_explicit(&last, 1, memory_order_relaxed) + 1;
}

LhStatus
lh_vec_scratch_create(LhCtx *ctx, LhVecScratch **out)
{
	LhVecScratch *s;

	LH_NEW(ctx, s);
	LH_TRY(lh_buf_init(ctx, &s->data, true));
	*out = s;
	return LH_OK;
}

/* Value i of an array of lane values; the array may be unaligned. */
LhValue
lh_lane_value(const LhType *type, const void *data, size_t i)
{
	const uint8_t *p = (const uint8_t *) data + i * lh_lane_size(type->lane, type->width);
	LhValue v = {.type = *type};

	switch (type->lane)
	{
		case LH_LANE_U8: v.i64 = *p != 0; break;
		case LH_LANE_I32: v.i64 = lh_load_i32(p); break;
		case LH_LANE_I64: v.i64 = lh_load_i64(p); break;
		case LH_LANE_I128: memcpy(&v.i128, p, sizeof(v.i128)); break;
		case LH_LANE_F32: v.f64 = lh_load_f32(p); break;
		case LH_LANE_F64: v.f64 = lh_load_f64(p); break;
		case LH_LANE_STR: memcpy(&v.str, p, sizeof(v.str)); break;
		case LH_LANE_FIX: v.str = (LhStr){p, (uint32_t) type->width, 0}; break;
		case LH_LANE_NONE: v.null = true; break;
	}
	return v;
}

LhValue
lh_dict_value(const LhDict *d, uint32_t code)
{
	return lh_lane_value(&d->type, d->values, code);
}

/* Index of the run that holds row i. */
static int
find_run(const LhVec *v, uint32_t row)
{
	int lo = 0, hi = v->nruns - 1;

	while (lo < hi)
	{
		int mid = (lo + hi) / 2;

		if (v->runs[mid].end > row)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

LhValue
lh_vec_value(const LhVec *v, int i)
{
	if (v->type.id == LH_T_NULL || lh_vec_is_null(v, i))
		return (LhValue){.type = v->type, .null = true};
	switch (v->kind)
	{
		case LH_VEC_DICT: return lh_dict_value(v->dict, v->codes[i]);
		case LH_VEC_RUNS: return lh_dict_value(v->dict, v->runs[find_run(v, (uint32_t) i)].code);
		case LH_VEC_CONST: return lh_lane_value(&v->type, v->data, 0);
		default: return lh_lane_value(&v->type, v->data, (size_t) i);
	}
}

/*
 * Borrows the value's bytes; only a float, whose lane is narrower than the
 * double that holds it, is kept inside the vector itself.
 */
void
lh_vec_const(LhVec *out, const LhValue *value, int n)
{
	if (value->null || value->type.lane == LH_LANE_NONE)
	{
		lh_vec_null(out, &value->type, n);
		return;
	}
	*out = (LhVec){.type = value->type, .kind = LH_VEC_CONST, .n = n};
	switch (value->type.lane)
	{
		case LH_LANE_U8: out->data = &value->b; break;
		case LH_LANE_F32:
			out->const_f32 = (float) value->f64;
			out->data = &out->const_f32;
			break;
		case LH_LANE_FIX: out->data = value->str.ptr; break;
		case LH_LANE_STR: out->data = &value->str; break;
		case LH_LANE_I128: out->data = &value->i128; break;
		case LH_LANE_F64: out->data = &value->f64; break;
		default:
			out->data = &value->i64; /* little-endian: I32 are its first bytes */
			break;
	}
}

void
lh_vec_null(LhVec *out, const LhType *type, int n)
{
	*out = (LhVec){.type = *type, .kind = LH_VEC_CONST, .n = n, .valid = no_rows};
}

/* Write value x of src n times from dst on. */
static void
fill(void *dst, const void *src, size_t size, size_t n)
{
#define FILL(type)                     \
	do                                 \
	{                                  \
		type x;                        \
		memcpy(&x, src, sizeof(x));    \
		for (size_t i = 0; i < n; i++) \
			((type *) dst)[i] = x;     \
	} while (0)
	switch (size)
	{
		case 1: memset(dst, *(const uint8_t *) src, n); break;
		case 4: FILL(uint32_t); break;
		case 8: FILL(uint64_t); break;
		case 16:
			for (size_t i = 0; i < n; i++)
				memcpy((uint8_t *) dst + i * 16, src, 16);
			break;
		default:
			for (size_t i = 0; i < n; i++)
				memcpy((uint8_t *) dst + i * size, src, size);
			break;
	}
#undef FILL
}

/* dst[i] = values[codes[i]] */
static void
gather(void *dst, const void *values, const uint32_t *codes, size_t size, size_t n)
{
	const uint8_t *src = values;
	uint8_t *d = dst;

#define GATHER(width)                                                            \
	do                                                                           \
	{                                                                            \
		for (size_t i = 0; i < n; i++)                                           \
			memcpy(d + i * (width), src + (size_t) codes[i] * (width), (width)); \
	} while (0)
	switch (size)
	{
		case 1: GATHER(1); break;
		case 4: GATHER(4); break;
		case 8: GATHER(8); break;
		case 16: GATHER(16); break;
		default: GATHER(size); break;
	}
#undef GATHER
}

/* CONST null has no value to repeat: every row is zero bytes and null. */
static void
flatten_null(LhVecScratch *s, LhVec *out, size_t size)
{
	memset(s->data.data, 0, size * (size_t) out->n);
	if (out->n <= LH_BATCH)
	{
		memset(s->valid, 0, sizeof(s->valid));
		out->valid = s->valid;
	}
	else
	{
		/* beyond a batch the bitmap follows the values */
		uint8_t *w = s->data.data + ((size * (size_t) out->n + 7) & ~(size_t) 7);

		memset(w, 0, LH_WORDS(out->n) * 8);
		out->valid = (const uint64_t *) w;
	}
}

LhStatus
lh_vec_flatten(LhCtx *ctx, const LhVec *v, LhVecScratch *scratch, LhVec *out)
{
	size_t size = lh_lane_size(v->type.lane, v->type.width);
	size_t n = (size_t) v->n;
	LhVec flat = {.type = v->type, .kind = LH_VEC_FLAT, .n = v->n, .valid = v->valid};
	uint8_t *d;
	uint32_t at = 0;

	if (v->kind == LH_VEC_FLAT)
	{
		if (out != v)
			*out = *v;
		return LH_OK;
	}
	if (lh_type_is_nested(&v->type) && !lh_vec_all_null(v))
		LH_FAIL(ctx, LH_BUG, "cannot flatten a vector of type %s", lh_type_name(&v->type));
	LH_TRY(lh_buf_fit(ctx, &scratch->data, n * size + LH_WORDS(n) * 8 + 8));
	d = scratch->data.data;
	flat.data = d;
	switch (v->kind)
	{
		case LH_VEC_CONST:
			if (v->valid != NULL || v->data == NULL)
				flatten_null(scratch, &flat, size);
			else
				fill(d, v->data, size, n);
			break;
		case LH_VEC_DICT:
			if (v->dict->n == 0)
				memset(d, 0, n * size); /* only nulls */
			else
				gather(d, v->dict->values, v->codes, size, n);
			break;
		default:
			for (int r = 0; r < v->nruns; r++)
			{
				const LhRun *run = &v->runs[r];

				fill(d + at * size, (const uint8_t *) v->dict->values + run->code * size, size,
					 run->end - at);
				at = run->end;
			}
			break;
	}
	*out = flat; /* last: out may be v */
	return LH_OK;
}

LhStatus
lh_vec_expand_runs(LhCtx *ctx, const LhVec *v, LhVecScratch *scratch, LhVec *out)
{
	uint32_t *codes = scratch->codes;
	uint32_t at = 0;

	if (v->kind == LH_VEC_DICT)
	{
		if (out != v)
			*out = *v;
		return LH_OK;
	}
	if (v->kind != LH_VEC_RUNS)
		LH_FAIL(ctx, LH_BUG, "a vector without a dictionary has no runs");
	if (v->n > LH_BATCH)
	{
		LH_TRY(lh_buf_fit(ctx, &scratch->data, (size_t) v->n * sizeof(uint32_t)));
		codes = (uint32_t *) scratch->data.data;
	}
	for (int r = 0; r < v->nruns; r++)
	{
		fill(codes + at, &v->runs[r].code, sizeof(uint32_t), v->runs[r].end - at);
		at = v->runs[r].end;
	}
	*out = *v;
	out->kind = LH_VEC_DICT;
	out->codes = codes;
	out->nruns = 0;
	out->runs = NULL;
	return LH_OK;
}
