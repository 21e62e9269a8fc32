/*
 * test_vec_gen.h
 *		Random types, values and vectors for the tests of vec/ and exec/.
 *
 * A column has a small pool of values, so that equal ones meet often, and with
 * edges of its type among them.  A vector comes with the values its rows hold
 * (rows[i]), which is what the slow references look at.
 */
#ifndef TEST_VEC_GEN_H
#define TEST_VEC_GEN_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vec/value.h"
#include "vec/vec.h"

static uint64_t gen_state = 88172645463325252u;

static inline uint64_t
gen_u64(void)
{
	gen_state ^= gen_state << 13;
	gen_state ^= gen_state >> 7;
	gen_state ^= gen_state << 17;
	return gen_state;
}

/* 0 .. n - 1 */
static inline int
gen_int(int n)
{
	return (int) (gen_u64() % (uint64_t) n);
}

static inline bool
gen_chance(int one_in)
{
	return gen_int(one_in) == 0;
}

#define ok(call) assert_int_equal((call), LH_OK)

static inline LhType
gen_simple(LhTypeId id, LhLane lane)
{
	return (LhType){.id = id, .lane = lane};
}

static inline LhType
gen_decimal(int precision, int scale, LhLane lane)
{
	return (LhType){.id = LH_T_DECIMAL,
					.lane = lane,
					.precision = (int16_t) precision,
					.scale = (int16_t) scale};
}

static inline LhType
gen_ticks(LhTypeId id, LhUnit unit)
{
	return (LhType){.id = id, .lane = LH_LANE_I64, .unit = (uint8_t) unit};
}

/* Any type whose values compare. */
static inline LhType
gen_type(void)
{
	switch (gen_int(28))
	{
		case 0: return gen_simple(LH_T_BOOL, LH_LANE_U8);
		case 1: return gen_simple(LH_T_INT8, LH_LANE_I32);
		case 2: return gen_simple(LH_T_INT16, LH_LANE_I32);
		case 3:
		case 4: return gen_simple(LH_T_INT32, LH_LANE_I32);
		case 5:
		case 6: return gen_simple(LH_T_INT64, LH_LANE_I64);
		case 7: return gen_simple(LH_T_UINT32, LH_LANE_I64);
		case 8: return gen_simple(LH_T_UINT64, LH_LANE_I128);
		case 9: return gen_simple(LH_T_FLOAT16, LH_LANE_F32);
		case 10:
		case 11: return gen_simple(LH_T_FLOAT, LH_LANE_F32);
		case 12:
		case 13: return gen_simple(LH_T_DOUBLE, LH_LANE_F64);
		case 14: return gen_decimal(9, gen_int(4), LH_LANE_I32);
		case 15: return gen_decimal(15, gen_int(5), LH_LANE_I64);
		case 16: return gen_decimal(38, gen_int(12), LH_LANE_I128);
		case 17: return gen_decimal(50, gen_int(4), LH_LANE_STR);
		case 18: return gen_simple(LH_T_DATE, LH_LANE_I32);
		case 19: return gen_ticks(LH_T_TIME, (LhUnit) (LH_UNIT_MS + gen_int(3)));
		case 20:
		case 21: return gen_ticks(LH_T_TIMESTAMP, (LhUnit) gen_int(4));
		case 22:
		case 23:
		case 24: return gen_simple(LH_T_STRING, LH_LANE_STR);
		case 25: return gen_simple(LH_T_BINARY, LH_LANE_STR);
		case 26: return (LhType){.id = LH_T_FIXED, .lane = LH_LANE_FIX, .width = 3};
		default: return (LhType){.id = LH_T_UUID, .lane = LH_LANE_FIX, .width = 16};
	}
}

static inline LhStr
gen_bytes(LhCtx *ctx, const void *p, uint32_t n)
{
	uint8_t *copy = lh_alloc(ctx, n + 1);

	memcpy(copy, p, n);
	return (LhStr){copy, n, 0};
}

/* Short texts over few characters, some of several bytes, some with % and _ in them. */
static inline LhStr
gen_text(LhCtx *ctx)
{
	static const char *const parts[] = {"a", "b", "ab", "%", "_", "\\", "é", "€", "😀", "abc", "zz"};
	char text[128] = "";
	int n = gen_chance(20) ? gen_int(16) : gen_int(5);

	for (int i = 0; i < n; i++)
		strcat(text, parts[gen_int(11)]);
	return gen_bytes(ctx, text, (uint32_t) strlen(text));
}

static inline LhStr
gen_binary(LhCtx *ctx, int n)
{
	uint8_t b[64];

	for (int i = 0; i < n; i++)
		b[i] = gen_chance(3) ? 0xFF : gen_chance(3) ? 0 : (uint8_t) gen_int(4);
	return gen_bytes(ctx, b, (uint32_t) n);
}

/* Big-endian two's complement with some needless sign bytes. */
static inline LhStr
gen_wide(LhCtx *ctx)
{
	uint8_t b[24];
	int n = 1 + gen_int(20);
	int keep = gen_int(3);
	uint8_t sign = gen_chance(2) ? 0xFF : 0;

	for (int i = 0; i < n; i++)
		b[i] = i < n - keep ? sign : (uint8_t) gen_u64();
	if (gen_chance(6))
		b[0] = (uint8_t) gen_u64();
	return gen_bytes(ctx, b, (uint32_t) n);
}

static inline double
gen_float(void)
{
	static const double edges[] = {0.0,
								   -0.0,
								   INFINITY,
								   -INFINITY,
								   NAN,
								   1e300,
								   -1e300,
								   5e-324,
								   -5e-324,
								   1.5,
								   -1.5,
								   0.1,
								   3.4028234663852886e38,
								   1e-40,
								   16777217.0};

	if (gen_chance(2))
		return (double) gen_int(9) - 4;
	return edges[gen_int(15)];
}

static inline int64_t
gen_i64(int64_t min, int64_t max)
{
	if (gen_chance(12))
		return gen_chance(2) ? min : max;
	if (gen_chance(12))
		return min + (int64_t) (gen_u64() % 5);
	if (min == INT64_MIN && gen_chance(4))
		return (int64_t) (gen_u64() >> gen_int(60));
	return gen_int(21) - (min < 0 ? 10 : 0);
}

static inline LhValue
gen_value(LhCtx *ctx, const LhType *t)
{
	LhValue v = {.type = *t};

	switch (t->lane)
	{
		case LH_LANE_U8: v.i64 = gen_int(2); break;
		case LH_LANE_I32:
			v.i64 = t->id == LH_T_INT8      ? gen_i64(-128, 127)
					: t->id == LH_T_INT16   ? gen_i64(-32768, 32767)
					: t->id == LH_T_DECIMAL ? gen_i64(-999999999, 999999999)
											: gen_i64(INT32_MIN, INT32_MAX);
			break;
		case LH_LANE_I64:
			v.i64 = t->id == LH_T_UINT32    ? gen_i64(0, UINT32_MAX)
					: t->id == LH_T_DECIMAL ? gen_i64(-999999999999999, 999999999999999)
					: t->id == LH_T_TIME    ? gen_i64(0, 86400000)
											: gen_i64(INT64_MIN, INT64_MAX);
			if ((t->id == LH_T_TIMESTAMP || t->id == LH_T_TIME) && gen_chance(2))
				v.i64 = (int64_t) gen_int(5000) - (t->id == LH_T_TIME ? 0 : 2500);
			break;
		case LH_LANE_I128:
			v.i128 = gen_i64(t->id == LH_T_UINT64 ? 0 : INT64_MIN, INT64_MAX);
			if (gen_chance(4) && t->id == LH_T_DECIMAL)
				v.i128 = gen_chance(2) ? lh_pow10[38] - 1 : v.i128 * 1000000007;
			break;
		case LH_LANE_F32: v.f64 = (float) gen_float(); break;
		case LH_LANE_F64: v.f64 = gen_float(); break;
		case LH_LANE_STR:
			v.str = t->id == LH_T_DECIMAL  ? gen_wide(ctx)
					: t->id == LH_T_BINARY ? gen_binary(ctx, gen_int(5))
										   : gen_text(ctx);
			break;
		default: v.str = gen_binary(ctx, t->width); break;
	}
	return v;
}

/* Write a value to an array in its lane. */
static inline void
gen_put(void *data, size_t i, const LhValue *v)
{
	uint8_t *p = (uint8_t *) data + i * lh_lane_size(v->type.lane, v->type.width);
	int32_t i32 = (int32_t) v->i64;
	float f32 = (float) v->f64;

	switch (v->type.lane)
	{
		case LH_LANE_U8: *p = (uint8_t) v->i64; break;
		case LH_LANE_I32: memcpy(p, &i32, 4); break;
		case LH_LANE_F32: memcpy(p, &f32, 4); break;
		case LH_LANE_I64:
		case LH_LANE_F64: memcpy(p, &v->i64, 8); break;
		case LH_LANE_I128:
		case LH_LANE_STR: memcpy(p, &v->i128, 16); break;
		default: memcpy(p, v->str.ptr, (size_t) v->type.width); break;
	}
}

/* Move strings behind one another, as they lie in pages: with a length between them, or none. */
static inline void
gen_page(LhCtx *ctx, LhStr *strs, size_t n)
{
	size_t gap = gen_chance(2) ? 4 : 0, bytes = 0;
	uint8_t *p;

	for (size_t i = 0; i < n; i++)
		bytes += strs[i].len + gap;
	p = lh_alloc0(ctx, bytes + 1);
	for (size_t i = 0; i < n; i++)
	{
		if (gap > 0)
			memcpy(p, &strs[i].len, 4);
		memcpy(p + gap, strs[i].ptr, strs[i].len);
		strs[i].ptr = p + gap;
		p += gap + strs[i].len;
	}
}

/* n distinct-or-not random entries. */
static inline LhDict *
gen_dict(LhCtx *ctx, const LhType *t, uint32_t n)
{
	LhDict *d = lh_alloc0(ctx, sizeof(LhDict));
	uint8_t *values = lh_alloc0(ctx, (size_t) n * lh_lane_size(t->lane, t->width) + 64);

	for (uint32_t i = 0; i < n; i++)
	{
		LhValue v = gen_value(ctx, t);

		gen_put(values, i, &v);
	}
	if (t->lane == LH_LANE_STR && gen_chance(2))
		gen_page(ctx, (LhStr *) values, n);
	*d = (LhDict){.type = *t, .n = n, .values = values, .id = lh_dict_new_id()};
	return d;
}

static inline uint64_t *
gen_words(LhCtx *ctx, int n)
{
	uint64_t *w = lh_alloc0(ctx, LH_WORDS(n) * 8 + 8);
	int mode = gen_int(4);

	for (int i = 0; i < n; i++)
	{
		if (mode == 0   ? true
			: mode == 1 ? gen_chance(2)
			: mode == 2 ? gen_chance(30)
						: !gen_chance(30))
			lh_bit_set(w, (size_t) i);
	}
	return w;
}

/* Rows from the dictionary's entries, in any form a vector may have. */
static inline LhVec
gen_vec_of(LhCtx *ctx, const LhDict *d, int n, LhVecKind kind, bool nulls)
{
	LhVec v = {.type = d->type, .kind = kind, .n = n};
	size_t size = lh_lane_size(d->type.lane, d->type.width);
	uint32_t *codes;
	LhRun *runs;
	uint8_t *data;

	if (nulls && kind != LH_VEC_RUNS && kind != LH_VEC_CONST)
		v.valid = gen_words(ctx, n);
	switch (kind)
	{
		case LH_VEC_FLAT:
			/* lanes that may come straight from a page are unaligned at times */
			data =
				(uint8_t *) lh_alloc0(ctx, (size_t) n * size + 80) +
				(d->type.lane != LH_LANE_I128 && d->type.lane != LH_LANE_STR && gen_chance(2) ? 3
																							  : 0);
			for (int i = 0; i < n; i++)
				memcpy(data + (size_t) i * size,
					   (const uint8_t *) d->values + (size_t) gen_int((int) d->n) * size, size);
			if (d->type.lane == LH_LANE_STR && gen_chance(2))
			{
				/* null rows have no bytes in a page */
				LhStr *present = lh_alloc(ctx, (size_t) n * sizeof(LhStr));
				size_t count = 0;

				for (int i = 0; i < n; i++)
				{
					if (v.valid == NULL || lh_bit_get(v.valid, (size_t) i))
						present[count++] = ((LhStr *) data)[i];
				}
				gen_page(ctx, present, count);
				count = 0;
				for (int i = 0; i < n; i++)
					((LhStr *) data)[i] = v.valid == NULL || lh_bit_get(v.valid, (size_t) i)
											  ? present[count++]
											  : (LhStr){0};
			}
			v.data = data;
			break;
		case LH_VEC_CONST:
			if (nulls && gen_chance(2))
				lh_vec_null(&v, &d->type, n);
			else
				v.data = (const uint8_t *) d->values + (size_t) gen_int((int) d->n) * size;
			break;
		case LH_VEC_DICT:
			codes = lh_alloc0(ctx, (size_t) n * 4 + 64);
			for (int i = 0; i < n; i++)
				codes[i] = v.valid != NULL && !lh_bit_get(v.valid, (size_t) i)
							   ? 0
							   : (uint32_t) gen_int((int) d->n);
			v.dict = d;
			v.codes = codes;
			break;
		default:
			runs = lh_alloc0(ctx, (size_t) (n + 1) * sizeof(LhRun));
			for (int at = 0; at < n;)
			{
				int len = gen_chance(3) ? 1 + gen_int(200) : 1 + gen_int(5);

				at = at + len > n ? n : at + len;
				runs[v.nruns++] = (LhRun){(uint32_t) gen_int((int) d->n), (uint32_t) at};
			}
			v.dict = d;
			v.runs = runs;
			break;
	}
	return v;
}

static inline LhVec
gen_vec(LhCtx *ctx, const LhDict *d, int n)
{
	return gen_vec_of(ctx, d, n, (LhVecKind) gen_int(4), gen_chance(2));
}

/* Slow and independent of lh_vec_value: what row i holds. */
static inline LhValue
gen_row(const LhVec *v, int i)
{
	size_t at = 0;
	const void *data = v->data;
	LhValue x = {.type = v->type};
	size_t size = lh_lane_size(v->type.lane, v->type.width);
	const uint8_t *p;
	int32_t i32;
	float f32;

	if (v->valid != NULL && (v->kind == LH_VEC_CONST || !lh_bit_get(v->valid, (size_t) i)))
	{
		x.null = true;
		return x;
	}
	if (v->kind == LH_VEC_FLAT)
		at = (size_t) i;
	else if (v->kind == LH_VEC_DICT)
	{
		at = v->codes[i];
		data = v->dict->values;
	}
	else if (v->kind == LH_VEC_RUNS)
	{
		int r = 0;

		while (v->runs[r].end <= (uint32_t) i)
			r++;
		at = v->runs[r].code;
		data = v->dict->values;
	}
	p = (const uint8_t *) data + at * size;
	switch (v->type.lane)
	{
		case LH_LANE_U8: x.i64 = *p; break;
		case LH_LANE_I32:
			memcpy(&i32, p, 4);
			x.i64 = i32;
			break;
		case LH_LANE_F32:
			memcpy(&f32, p, 4);
			x.f64 = f32;
			break;
		case LH_LANE_I64:
		case LH_LANE_F64: memcpy(&x.i64, p, 8); break;
		case LH_LANE_I128:
		case LH_LANE_STR: memcpy(&x.i128, p, 16); break;
		default: x.str = (LhStr){p, (uint32_t) v->type.width, 0}; break;
	}
	return x;
}

static inline void
gen_sel(LhSel *sel, int n)
{
	int mode = gen_int(4);

	lh_sel_none(sel, n);
	for (int i = 0; i < n; i++)
	{
		if (mode == 0   ? true
			: mode == 1 ? gen_chance(2)
			: mode == 2 ? gen_chance(40)
						: !gen_chance(40))
		{
			lh_bit_set(sel->w, (size_t) i);
			sel->count++;
		}
	}
}

static inline int
gen_batch(void)
{
	switch (gen_int(128))
	{
		case 0: return LH_BATCH;
		case 1: return 1 + gen_int(LH_BATCH);
		default: return 1 + gen_int(130);
	}
}

/* Instruction sets of this machine, one after the other. */
static inline void
gen_isa(void)
{
	lh_isa_choose((LhIsa) gen_int(3));
}

#endif
