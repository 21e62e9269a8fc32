/*
 * ff1_rounds.c
 *		The rounds of FF1 for halves of any size.
 *
 * A round makes y of one half, and adds it to the other one modulo radix^u or radix^v:
 *
 *	1. Q is the tweak, zeros, the round's number and the half's b bytes; what stands in front of
 *	   the round's block is already in the state (lh_ff1_states);
 *	2. R is the chain of AES over the rest of Q; S is R and, where y needs more than 16
 *	   bytes, R XOR 1, R XOR 2, ... encrypted;
 *	3. y is the number in the first d bytes of S.  It has up to 64 bits more than the modulus, so that
 *	   it is reduced in two steps: all but its last 32 bits, then the rest of that and
 *	   these.
 *
 * Halves stay numbers all the time, and instead of being swapped they take turns.
 *
 * The values of a group go through AES together, block by block.  Where a half has one or two
 * limbs (up to 36 decimal digits a half), the same code is compiled for that number of limbs.
 */
#include "crypto/ff1_internal.h"

/* ---- one or two limbs: the round's block is the last one ---- */

static inline __attribute__((always_inline)) void
put_half(uint8_t *block, const uint8_t *state, unsigned b, int round, const uint64_t *half,
		 size_t n)
{
	uint64_t low = __builtin_bswap64(half[0]), high = 0;

	if (n > 1)
		high = __builtin_bswap64(half[1]);
	low ^= lh_load_u64(state + 8);
	high ^= lh_load_u64(state);
	memcpy(block, &high, 8);
	memcpy(block + 8, &low, 8);
	block[15 - b] ^= (uint8_t) round;
}

/* x = the number of "bytes" (a multiple of 4) bytes, in n limbs */
static inline __attribute__((always_inline)) void
load_number(uint64_t *x, size_t n, const uint8_t *p, size_t bytes)
{
	for (size_t i = 0; i < n; i++)
	{
		if (bytes >= 8)
		{
			bytes -= 8;
			x[i] = lh_load_be64(p + bytes);
		}
		else
		{
			x[i] = bytes == 4 ? lh_load_be32(p) : 0;
			bytes = 0;
		}
	}
}

/* half = (half +- y) % m; x: of n + 1 limbs */
static inline __attribute__((always_inline)) void
mix(uint64_t *half, const uint8_t *y, size_t d, const LhFf1Modulus *m, size_t n, LhFf1Way way,
	uint64_t *x)
{
	load_number(x, n + 1, y, d - 4);
	lh_ff1_reduce(x, m, n);
	for (size_t i = n; i > 0; i--)
		x[i] = x[i] << 32 | x[i - 1] >> 32;
	x[0] = x[0] << 32 | lh_load_be32(y + d - 4);
	lh_ff1_reduce(x, m, n);
	if (way == LH_FF1_ENCRYPT)
		lh_ff1_add_mod(half, x, m, n);
	else
		lh_ff1_sub_mod(half, x, m, n);
}

/* S beyond its first block, for d of 17 to 32 bytes: y is at most 20 bytes long here */
static bool
extend(const LhFf1Call *call, const uint8_t *blocks, uint8_t *more, size_t count)
{
	memcpy(more, blocks, count * LH_FF1_BLOCK);
	for (size_t i = 0; i < count; i++)
		more[i * LH_FF1_BLOCK + 15] ^= 1;
	return call->kernels->blocks(call, more, count);
}

static inline __attribute__((always_inline)) bool
rounds_small(const LhFf1 *ff1, const LhFf1Call *call, LhFf1Way way, const uint8_t *states,
			 size_t stride, uint64_t *left, uint64_t *right, size_t count, size_t n)
{
	uint8_t blocks[LH_FF1_GROUP * LH_FF1_BLOCK], more[LH_FF1_GROUP * LH_FF1_BLOCK];
	uint64_t x[3];
	bool done = true;

	for (int k = 0; done && k < LH_FF1_ROUNDS; k++)
	{
		int i = way == LH_FF1_ENCRYPT ? k : LH_FF1_ROUNDS - 1 - k;
		uint64_t *to = i & 1 ? right : left;
		const uint64_t *from = i & 1 ? left : right;

		for (size_t j = 0; j < count; j++)
			put_half(blocks + j * LH_FF1_BLOCK, states + j * stride, (unsigned) ff1->b, i,
					 from + j * n, n);
		done = call->kernels->blocks(call, blocks, count);
		if (n > 1 && ff1->d > LH_FF1_BLOCK)
			done = done && extend(call, blocks, more, count);
		for (size_t j = 0; j < count; j++)
		{
			const uint8_t *y = blocks + j * LH_FF1_BLOCK;
			uint8_t both[2 * LH_FF1_BLOCK];

			if (n > 1 && ff1->d > LH_FF1_BLOCK)
			{
				memcpy(both, y, LH_FF1_BLOCK);
				memcpy(both + LH_FF1_BLOCK, more + j * LH_FF1_BLOCK, LH_FF1_BLOCK);
				y = both;
			}
			mix(to + j * n, y, ff1->d, &ff1->modulus[i & 1], n, way, x);
		}
	}
	lh_wipe(blocks, sizeof(blocks));
	lh_wipe(x, sizeof(x));
	return done;
}

/* ---- any number of limbs ---- */

typedef struct Work
{
	uint8_t *q;      /* of each value, Q behind its lead */
	uint8_t *blocks; /* of each value, the chain's block */
	uint8_t *more;   /* of each value, a block of S */
	uint8_t *s;      /* of each value, S */
	uint64_t *x;     /* n + 1 limbs */
	size_t q_len;
	size_t s_len;
} Work;

static size_t
blocks_of(size_t bytes)
{
	return (bytes + LH_FF1_BLOCK - 1) / LH_FF1_BLOCK;
}

size_t
lh_ff1_work_size(const LhFf1 *ff1, size_t count)
{
	size_t q = ff1->q - ff1->lead * LH_FF1_BLOCK, s = blocks_of(ff1->d) * LH_FF1_BLOCK;

	if (ff1->n <= 2)
		return 0;
	return (ff1->n + 1) * 8 + count * (q + s + 2 * LH_FF1_BLOCK);
}

static void
divide_work(const LhFf1 *ff1, uint8_t *memory, size_t count, Work *w)
{
	w->q_len = ff1->q - ff1->lead * LH_FF1_BLOCK;
	w->s_len = blocks_of(ff1->d) * LH_FF1_BLOCK;
	w->x = (uint64_t *) (void *) memory;
	w->q = memory + (ff1->n + 1) * 8;
	w->s = w->q + count * w->q_len;
	w->blocks = w->s + count * w->s_len;
	w->more = w->blocks + count * LH_FF1_BLOCK;
}

/* The last b bytes of q: the half; in front of it the round. */
static void
put_q(const LhFf1 *ff1, const Work *w, uint8_t *q, int round, const uint64_t *half)
{
	size_t at = w->q_len, left = ff1->b;

	memset(q, 0, w->q_len);
	for (size_t i = 0; left > 0; i++)
	{
		size_t k = left < 8 ? left : 8;

		at -= k;
		left -= k;
		for (size_t j = 0; j < k; j++)
			q[at + k - 1 - j] = (uint8_t) (half[i] >> (8 * j));
	}
	q[at - 1] ^= (uint8_t) round;
}

/* R of each value, in blocks. */
static bool
chain(const LhFf1Call *call, const Work *w, const uint8_t *states, size_t stride, size_t count)
{
	for (size_t j = 0; j < count; j++)
		memcpy(w->blocks + j * LH_FF1_BLOCK, states + j * stride, LH_FF1_BLOCK);
	for (size_t at = 0; at < w->q_len; at += LH_FF1_BLOCK)
	{
		for (size_t j = 0; j < count; j++)
		{
			for (size_t k = 0; k < LH_FF1_BLOCK; k++)
				w->blocks[j * LH_FF1_BLOCK + k] ^= w->q[j * w->q_len + at + k];
		}
		if (!call->kernels->blocks(call, w->blocks, count))
			return false;
	}
	return true;
}

/* S of each value. */
static bool
stretch(const LhFf1Call *call, const Work *w, size_t count)
{
	for (size_t at = 0; at < w->s_len; at += LH_FF1_BLOCK)
	{
		uint64_t number = at / LH_FF1_BLOCK;

		memcpy(w->more, w->blocks, count * LH_FF1_BLOCK);
		for (size_t j = 0; number > 0 && j < count; j++)
		{
			uint8_t *tail = w->more + j * LH_FF1_BLOCK + 8;
			uint64_t v = lh_load_u64(tail) ^ __builtin_bswap64(number);

			memcpy(tail, &v, 8);
		}
		if (number > 0 && !call->kernels->blocks(call, w->more, count))
			return false;
		for (size_t j = 0; j < count; j++)
			memcpy(w->s + j * w->s_len + at, w->more + j * LH_FF1_BLOCK, LH_FF1_BLOCK);
	}
	return true;
}

static LhStatus
rounds_large(LhCtx *ctx, const LhFf1 *ff1, const LhFf1Call *call, LhFf1Way way,
			 const uint8_t *states, size_t stride, uint64_t *left, uint64_t *right, size_t count,
			 uint8_t *memory)
{
	size_t n = ff1->n;
	Work w;

	divide_work(ff1, memory, count, &w);
	for (int k = 0; k < LH_FF1_ROUNDS; k++)
	{
		int i = way == LH_FF1_ENCRYPT ? k : LH_FF1_ROUNDS - 1 - k;
		uint64_t *to = i & 1 ? right : left;
		const uint64_t *from = i & 1 ? left : right;

		LH_TRY(lh_poll(ctx));
		for (size_t j = 0; j < count; j++)
			put_q(ff1, &w, w.q + j * w.q_len, i, from + j * n);
		if (!chain(call, &w, states, stride, count) || !stretch(call, &w, count))
			return lh_ff1_fail_library(ctx);
		for (size_t j = 0; j < count; j++)
			mix(to + j * n, w.s + j * w.s_len, ff1->d, &ff1->modulus[i & 1], n, way, w.x);
	}
	return LH_OK;
}

LhStatus
lh_ff1_rounds(LhCtx *ctx, const LhFf1 *ff1, const LhFf1Call *call, LhFf1Way way,
			  const uint8_t *states, size_t stride, uint64_t *left, uint64_t *right, size_t count,
			  uint8_t *work)
{
	const LhFf1Kernels *k = call->kernels;
	bool done;

	if (ff1->is_fused && k->fused != NULL)
	{
		if (count <= k->few)
		{
			for (size_t j = 0; j < count; j++)
				k->fused_one(ff1->key, &ff1->fused, way, states + j * stride, left + j, right + j);
		}
		else if (stride == 0)
			k->fused(ff1->key, &ff1->fused, way, states, left, right, count);
		else
			k->fused_each(ff1->key, &ff1->fused, way, states, left, right, count);
		return LH_OK;
	}
	if (ff1->n > 2)
		return rounds_large(ctx, ff1, call, way, states, stride, left, right, count, work);
	done = ff1->n == 1 ? rounds_small(ff1, call, way, states, stride, left, right, count, 1)
					   : rounds_small(ff1, call, way, states, stride, left, right, count, 2);
	return done ? LH_OK : lh_ff1_fail_library(ctx);
}
