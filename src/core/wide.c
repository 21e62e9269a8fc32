/*
 * wide.c
 *		256-bit integers, for sums only.
 *
 * Speed does not matter: a sum comes here when it leaves 128 bits, which takes
 * 10^20 times the values that fill 64.
 */
#include "core/wide.h"

#define LIMBS 4

bool
lh_i256_add(LhI256 *a, const LhI256 *b)
{
	LhI256 sum = {.lo = a->lo + b->lo};
	bool minus_a = a->hi < 0, minus_b = b->hi < 0;

	sum.hi = (LhI128) ((LhU128) a->hi + (LhU128) b->hi + (sum.lo < a->lo));
	/* only numbers of one sign can leave the range, and then the sign changes */
	if (minus_a == minus_b && (sum.hi < 0) != minus_a)
		return false;
	*a = sum;
	return true;
}

static LhI256
negative(const LhI256 *a)
{
	LhI256 out = {.lo = ~a->lo + 1};

	out.hi = (LhI128) (~(LhU128) a->hi + (out.lo == 0));
	return out;
}

bool
lh_i256_mul(LhI256 *a, LhI128 m)
{
	bool minus = a->hi < 0;
	LhI256 x = minus ? negative(a) : *a;
	uint64_t in[LIMBS] = {(uint64_t) x.lo, (uint64_t) (x.lo >> 64), (uint64_t) (LhU128) x.hi,
						  (uint64_t) ((LhU128) x.hi >> 64)};
	uint64_t by[2] = {(uint64_t) (LhU128) m, (uint64_t) ((LhU128) m >> 64)};
	uint64_t out[LIMBS + 2] = {0};

	for (int j = 0; j < 2; j++)
	{
		uint64_t carry = 0;

		for (int i = 0; i < LIMBS; i++)
		{
			LhU128 t = (LhU128) in[i] * by[j] + out[i + j] + carry;

			out[i + j] = (uint64_t) t;
			carry = (uint64_t) (t >> 64);
		}
		out[LIMBS + j] += carry;
	}
	if (out[LIMBS] != 0 || out[LIMBS + 1] != 0 || out[LIMBS - 1] >> 63 != 0)
		return false;
	x.lo = (LhU128) out[1] << 64 | out[0];
	x.hi = (LhI128) ((LhU128) out[3] << 64 | out[2]);
	*a = minus ? negative(&x) : x;
	return true;
}

void
lh_i256_to_be(const LhI256 *a, uint8_t out[32])
{
	for (int i = 0; i < 16; i++)
	{
		out[31 - i] = (uint8_t) (a->lo >> (8 * i));
		out[15 - i] = (uint8_t) ((LhU128) a->hi >> (8 * i));
	}
}
