/*
 * pred_leaf.c
 *		One leaf over values: singly, over arrays, over dictionaries.
 */
#include <string.h>

#include "vec/kernels.h"
#include "vec/pred_impl.h"

/* Entries between two looks at the host. */
#define POLL_ENTRIES 16384

static inline LhStr
get_str(const LhLeaf *leaf, const void *data, size_t i)
{
	LhStr s;

	if (leaf->type.lane == LH_LANE_FIX)
		return (LhStr){(const uint8_t *) data + i * (size_t) leaf->type.width,
					   (uint32_t) leaf->type.width, 0};
	memcpy(&s, (const uint8_t *) data + i * sizeof(LhStr), sizeof(s));
	return s;
}

static bool
bytes_in_range(const LhByteRange *r, LhStr s)
{
	int c;

	if (r->has_lo)
	{
		c = lh_bytes_compare(s, r->lo);
		if (c < 0 || (c == 0 && r->lo_open))
			return false;
	}
	if (r->has_hi)
	{
		c = lh_bytes_compare(s, r->hi);
		if (c > 0 || (c == 0 && r->hi_open))
			return false;
	}
	return true;
}

static bool
test_wide(const LhLeaf *leaf, const void *data, size_t i)
{
	LhValue v = lh_lane_value(&leaf->type, data, i);
	int c = lh_value_compare(&v, &leaf->value);

	switch (leaf->op)
	{
		case LH_EQ: return c == 0;
		case LH_NE: return c != 0;
		case LH_LT: return c < 0;
		case LH_LE: return c <= 0;
		case LH_GT: return c > 0;
		default: return c >= 0;
	}
}

bool
lh_leaf_test(const LhLeaf *leaf, const void *data, size_t i)
{
	bool yes = false;
	LhI128 key;
	LhStr s;

	switch (leaf->test)
	{
		case LH_TEST_RANGE:
			key = lh_lane_key(leaf->type.lane, data, i);
			yes = key >= leaf->lo && key <= leaf->hi;
			break;
		case LH_TEST_SET:
			yes = lh_keyset_has(leaf->set, lh_lane_key(leaf->type.lane, data, i));
			break;
		case LH_TEST_BYTES_EQ:
			s = get_str(leaf, data, i);
			yes = s.len == leaf->bytes.lo.len &&
				  (s.len == 0 || memcmp(s.ptr, leaf->bytes.lo.ptr, s.len) == 0);
			break;
		case LH_TEST_BYTES_PREFIX:
			s = get_str(leaf, data, i);
			yes = s.len >= leaf->bytes.lo.len &&
				  memcmp(s.ptr, leaf->bytes.lo.ptr, leaf->bytes.lo.len) == 0;
			break;
		case LH_TEST_BYTES_RANGE: yes = bytes_in_range(&leaf->bytes, get_str(leaf, data, i)); break;
		case LH_TEST_BYTES_SET: yes = lh_keyset_has_bytes(leaf->set, get_str(leaf, data, i)); break;
		case LH_TEST_LIKE:
			s = get_str(leaf, data, i);
			yes = lh_like_test(leaf->like, s.ptr, s.len);
			break;
		case LH_TEST_WIDE: yes = test_wide(leaf, data, i); break;
		default: break;
	}
	return yes != leaf->negate;
}

/*
 * Float range kernels know numbers only, so a range up to NaN is tested as the
 * complement of what lies below it.  Returns whether the result is to be
 * turned round.
 */
static bool
float_limits(const LhLeaf *leaf, double *lo, double *hi)
{
	int64_t klo = (int64_t) leaf->lo, khi = (int64_t) leaf->hi;
	bool complement = khi == LH_KEY_NAN;

	if (complement)
	{
		khi = klo - 1;
		klo = LH_KEY_MINUS_INF;
	}
	/* -1 belongs to no number: the neighbours on both sides */
	*lo = lh_key_float(klo == -1 ? 0 : klo);
	*hi = lh_key_float(khi == -1 ? -2 : khi);
	return complement;
}

static bool
range_f32(const LhLeaf *leaf, const void *data, size_t n, uint64_t *out)
{
	double lo, hi;
	bool complement = float_limits(leaf, &lo, &hi);
	float flo = (float) lo, fhi = (float) hi;

	/* the smallest float not below lo, the largest not above hi */
	if (flo < lo)
		flo = nextafterf(flo, INFINITY);
	if (fhi > hi)
		fhi = nextafterf(fhi, -INFINITY);
	lh_vec_kernels()->range_f32(data, n, flo, fhi, out);
	return complement;
}

static bool
range_f64(const LhLeaf *leaf, const void *data, size_t n, uint64_t *out)
{
	double lo, hi;
	bool complement = float_limits(leaf, &lo, &hi);

	lh_vec_kernels()->range_f64(data, n, lo, hi, out);
	return complement;
}

static void
invert(uint64_t *words, size_t n)
{
	for (size_t i = 0; i < LH_WORDS(n); i++)
		words[i] = ~words[i];
	if (n % 64 != 0)
		words[n / 64] &= lh_low_bits((int) (n % 64));
}

bool
lh_leaf_kernel(const LhLeaf *leaf, const void *data, size_t n, uint64_t *out)
{
	const LhVecKernels *k = lh_vec_kernels();
	bool turn = leaf->negate;

	if (leaf->test == LH_TEST_SET && leaf->set->few_i32 != NULL)
		k->in_i32(data, n, leaf->set->few_i32, leaf->set->n, out);
	else if (leaf->test == LH_TEST_SET && leaf->set->few_i64 != NULL)
		k->in_i64(data, n, leaf->set->few_i64, leaf->set->n, out);
	else if (leaf->test != LH_TEST_RANGE)
		return false;
	else
	{
		switch (leaf->type.lane)
		{
			case LH_LANE_U8:
				k->nonzero_u8(data, n, out);
				turn ^= leaf->lo == 0; /* 0..0; 0..1 and an empty range are no ranges */
				break;
			case LH_LANE_I32:
				k->range_i32(data, n, (int32_t) leaf->lo, (int32_t) leaf->hi, out);
				break;
			case LH_LANE_I64:
				k->range_i64(data, n, (int64_t) leaf->lo, (int64_t) leaf->hi, out);
				break;
			case LH_LANE_F32: turn ^= range_f32(leaf, data, n, out); break;
			case LH_LANE_F64: turn ^= range_f64(leaf, data, n, out); break;
			default: return false;
		}
	}
	if (turn)
		invert(out, n);
	return true;
}

/* Rows of words w: BODY says whether s passes the test. */
#define STR_LOOP(EXPR)                                            \
	for (size_t k = 0; k < LH_WORDS(n); k++)                      \
	{                                                             \
		for (uint64_t w = live[k]; w != 0; w &= w - 1)            \
		{                                                         \
			LhStr s = strs[k * 64 + (size_t) __builtin_ctzll(w)]; \
			uint64_t yes = (uint64_t) (EXPR) ^ turn;              \
			hit[k] |= yes << __builtin_ctzll(w);                  \
		}                                                         \
	}

bool
lh_leaf_strs(const LhLeaf *leaf, const LhStr *strs, const uint64_t *live, size_t n, uint64_t *hit)
{
	const LhStr c = leaf->bytes.lo;
	uint64_t lengths = 0;
	bool turn = leaf->negate;

	switch (leaf->test)
	{
		case LH_TEST_BYTES_EQ:
			STR_LOOP(s.len == c.len && (c.len == 0 || memcmp(s.ptr, c.ptr, c.len) == 0));
			return true;
		case LH_TEST_BYTES_PREFIX:
			STR_LOOP(s.len >= c.len && memcmp(s.ptr, c.ptr, c.len) == 0);
			return true;
		case LH_TEST_BYTES_SET:
			/* most strings are already of another length */
			for (int i = 0; i < leaf->set->n; i++)
				lengths |= UINT64_C(1) << (leaf->set->strs[i].len & 63);
			STR_LOOP((lengths >> (s.len & 63) & 1) && lh_keyset_has_bytes(leaf->set, s));
			return true;
		case LH_TEST_LIKE: STR_LOOP(lh_like_test(leaf->like, s.ptr, s.len)); return true;
		default: return false;
	}
}

LhStatus
lh_leaf_use_dict(LhCtx *ctx, LhPred *p, const LhDict *dict)
{
	LhLeaf *leaf = lh_pred_get_leaf(p);
	LhDictResults *r = &leaf->dict;
	size_t bytes = (LH_WORDS(dict->n) + 1) * sizeof(uint64_t);

	if (r->id == dict->id)
		return LH_OK;
	r->id = 0;
	LH_TRY(lh_buf_fit(ctx, &r->pass, bytes));
	LH_TRY(lh_buf_fit(ctx, &r->known, bytes));
	memset(r->pass.data, 0, bytes);
	memset(r->known.data, 0, bytes);
	r->id = dict->id;
	r->n = dict->n;
	r->complete = false;
	r->nknown = 0;
	r->npass = 0;
	r->rows = 0;
	return LH_OK;
}

LhStatus
lh_leaf_complete(LhCtx *ctx, LhPred *p, const LhDict *dict)
{
	LhLeaf *leaf = lh_pred_get_leaf(p);
	LhDictResults *r = &leaf->dict;
	uint64_t *pass, *known;

	LH_TRY(lh_leaf_use_dict(ctx, p, dict));
	if (r->complete)
		return LH_OK;
	pass = (uint64_t *) r->pass.data;
	known = (uint64_t *) r->known.data;
	if (leaf->test == LH_TEST_LIKE && dict->type.lane == LH_LANE_STR &&
		lh_like_scan(leaf->like, dict->values, dict->n, NULL, pass))
	{
		if (leaf->negate)
			invert(pass, dict->n);
	}
	else if (!lh_leaf_kernel(leaf, dict->values, dict->n, pass))
	{
		for (uint32_t i = 0; i < dict->n; i++)
		{
			if (i % POLL_ENTRIES == POLL_ENTRIES - 1)
				LH_TRY(lh_poll(ctx));
			if (!lh_bit_get(known, i) && lh_leaf_test(leaf, dict->values, i))
				lh_bit_set(pass, i);
		}
	}
	r->npass = (uint32_t) lh_bits_count(pass, LH_WORDS(dict->n));
	r->nknown = dict->n;
	r->complete = true;
	return LH_OK;
}

/* A single entry, remembered. */
bool
lh_leaf_entry(LhLeaf *leaf, const LhDict *dict, uint32_t code)
{
	LhDictResults *r = &leaf->dict;
	uint64_t *pass = (uint64_t *) r->pass.data, *known = (uint64_t *) r->known.data;

	if (!r->complete && !lh_bit_get(known, code))
	{
		lh_bit_set(known, code);
		r->nknown++;
		if (lh_leaf_test(leaf, dict->values, code))
			lh_bit_set(pass, code);
	}
	return lh_bit_get(pass, code);
}
