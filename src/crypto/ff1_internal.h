/*
 * ff1_internal.h
 *		Between the files of FF1; tests and benches look in, too.
 */
#ifndef LH_CRYPTO_FF1_INTERNAL_H
#define LH_CRYPTO_FF1_INTERNAL_H

#include <openssl/evp.h>

#include "crypto/ff1.h"
#include "crypto/ff1_num.h"

#define LH_FF1_BLOCK     16
#define LH_FF1_ROUNDS    10
#define LH_FF1_AES_KEYS  15		/* round keys of AES-256 */
/* Values that are worked on together: the widest kernel takes half of them at once. */
#define LH_FF1_GROUP     64

struct LhFf1Key
{
	uint8_t		keys[LH_FF1_AES_KEYS][LH_FF1_BLOCK] __attribute__((aligned(64)));
	int			rounds;			/* 10, 12, 14; 0: this machine has no instructions for AES */
	EVP_CIPHER *cipher;
	EVP_CIPHER_CTX *evp;		/* keyed; only ever copied */
};

/*
 * Rounds whose halves have at most LH_FF1_SMALL values: a round's number y has then 64
 * bits, and modulus and halves 32.
 *
 * y = high * 2^32 + low.  With c = 2^32 mod m, t = high * c + low + half is congruent to
 * half + y and, as c <= m - 2, at most 2^32 * (m - 1): the quotient t / m has 32 bits.  In double
 * precision it is off by at most 2^-19 (three roundings of 2^-53 each), so that rounding it to an
 * integer leaves a rest between -m * (1/2 + 2^-19) and m * (1/2 + 2^-19), whose sign says whether m is to be
 * added.
 */
#define LH_FF1_SMALL     UINT32_MAX
typedef struct LhFf1Small
{
	uint64_t	m,
				c;
	double		inverse;		/* 1 / m */
} LhFf1Small;

/* What the kernels know of an LhFf1: [0] of the left half (even rounds), [1] of the right. */
typedef struct LhFf1Fused
{
	LhFf1Small	small[2];
	uint64_t	barrett[2];		/* floor((2^64 - 1) / m) */
	unsigned	b;				/* bytes of a half in a block: 1 to 4 */
} LhFf1Fused;

typedef struct LhFf1Kernels LhFf1Kernels;

/* One call's way to AES.  EVP's contexts serve one thread at a time, so that each call has its own. */
typedef struct LhFf1Call
{
	const LhFf1Kernels *kernels;
	const LhFf1Key *key;
	EVP_CIPHER_CTX *evp;		/* NULL: not needed */
} LhFf1Call;

struct LhFf1Kernels
{
	const char *name;
	LhIsa		isa;			/* used where lakehouse.simd allows that much */
	bool		(*supported) (void);
	bool		evp;			/* the call needs its evp */
	/* Encrypt blocks in place; false: the library failed. */
	bool		(*blocks) (const LhFf1Call *call, uint8_t *blocks, size_t count);

	/*
	 * All ten rounds.  Each block is its base XOR the round at byte 15 - b XOR the other half
	 * in the last b bytes.  NULL: the rounds of ff1_rounds.c.
	 */
	void		(*fused) (const LhFf1Key *key, const LhFf1Fused *f, LhFf1Way way, const uint8_t *base,
						  uint64_t *left, uint64_t *right, size_t count);	/* one base */
	void		(*fused_each) (const LhFf1Key *key, const LhFf1Fused *f, LhFf1Way way,
							   const uint8_t *bases, uint64_t *left, uint64_t *right, size_t count);
	size_t		few;			/* up to so many values are faster one by one (fused_one) */
	void		(*fused_one) (const LhFf1Key *key, const LhFf1Fused *f, LhFf1Way way,
							  const uint8_t *base, uint64_t *left, uint64_t *right);

	/* Strings of 16 digits as halves (false: one is none), and back.  NULL: ff1_digits.c's. */
	bool		(*parse16) (const char *in, size_t count, uint64_t *left, uint64_t *right);
	void		(*format16) (char *out, size_t count, const uint64_t *left, const uint64_t *right);
};

/* All that this build has, the best first; ends with NULL. */
extern const LhFf1Kernels *const lh_ff1_kernels_all[];
/* The set in use: the best that the machine and lakehouse.simd allow. */
extern const LhFf1Kernels *lh_ff1_kernels(void);
/* For tests and benches: use this set until the next lh_isa_choose. */
extern void lh_ff1_kernels_force(const LhFf1Kernels *kernels);

extern const LhFf1Kernels lh_ff1_kernels_evp;
#if defined(__x86_64__)
extern const LhFf1Kernels lh_ff1_kernels_aesni;
extern const LhFf1Kernels lh_ff1_kernels_vaes;
extern const LhFf1Kernels lh_ff1_kernels_vaes512;
extern void lh_ff1_expand_aesni(LhFf1Key *key, const uint8_t *bytes, size_t len);
extern bool lh_ff1_blocks_aesni(const LhFf1Call *call, uint8_t *blocks, size_t count);
extern void lh_ff1_one_aesni(const LhFf1Key *key, const LhFf1Fused *f, LhFf1Way way,
							 const uint8_t *base, uint64_t *left, uint64_t *right);
#endif

struct LhFf1
{
	const LhFf1Key *key;
	LhFf1Spec	spec;
	LhFf1Radix	radix;
	size_t		u,				/* numerals of the left half */
				v,				/* ... of the right */
				b,				/* bytes of the right half's largest number */
				d,				/* bytes of a round's number y */
				n;				/* limbs: floor(8 b / 64) + 1, so that radix^v < 2^(64 n) */
	LhFf1Modulus modulus[2];	/* radix^u, radix^v */
	bool		is_fused;
	LhFf1Fused	fused;
	uint8_t		first[LH_FF1_BLOCK];	/* P encrypted */
	size_t		q,				/* bytes of Q: tweak, zeros, round, right half */
				lead;			/* whole blocks of Q in front of the round's */
};

/*
 * The chain up to the round's block: P, and the tweak's blocks in front of that, encrypted, then
 * XOR what the tweak has in it.  "count" states, or one when tweaks are the same.
 */
extern LhStatus lh_ff1_states(LhCtx *ctx, const LhFf1 *ff1, const LhFf1Call *call, LhFf1Tweaks tweaks,
							  size_t count, uint8_t *states);

/*
 * The rounds of "count" <= LH_FF1_GROUP values, halves of ff1->n limbs each, one value
 * behind the other; states as above, apart by stride (0 or LH_FF1_BLOCK).  work: of
 * lh_ff1_work_size bytes, where that is not 0.
 */
extern LhStatus lh_ff1_rounds(LhCtx *ctx, const LhFf1 *ff1, const LhFf1Call *call, LhFf1Way way,
							  const uint8_t *states, size_t stride, uint64_t *left, uint64_t *right,
							  size_t count, uint8_t *work);
extern size_t lh_ff1_work_size(const LhFf1 *ff1, size_t count);

/* Digits of a half that are two groups of eight, and a number of 56 bits. */
#define LH_FF1_MOST_DIGITS 16
/* "count" strings of u + v ASCII digits as pairs of numbers; less than count: the first string that is none. */
extern size_t lh_ff1_parse_digits(const LhFf1Kernels *k, const char *in, size_t count, size_t u,
								  size_t v, uint64_t *left, uint64_t *right);
extern void lh_ff1_format_digits(const LhFf1Kernels *k, char *out, size_t count, size_t u, size_t v,
								 const uint64_t *left, const uint64_t *right);

/* Beginning and end of a call. */
extern LhStatus lh_ff1_call_begin(LhCtx *ctx, const LhFf1Key *key, LhFf1Call *call);
extern void lh_ff1_call_end(LhFf1Call *call);
extern LhStatus lh_ff1_fail_library(LhCtx *ctx);

#endif
