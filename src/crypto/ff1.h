/*
 * ff1.h
 *		Format-preserving encryption: FF1 over AES.
 *
 * FF1 permutes the strings of one length over an alphabet of "radix" numerals: what
 * comes out is again such a string.  The tweak is public and chooses the permutation:
 * the same value under another tweak is another one.
 *
 *	ff1.c			keys, prepared objects, tweaks, the public calls
 *	ff1_num.c		moduli and numerals, in limbs of 64 bits
 *	ff1_rounds.c	the rounds for any size, values in groups
 *	ff1_digits.c	decimal digits as text
 *	ff1_kernels*.c	AES, and whole rounds of small halves, by instruction set
 *
 * NIST asks for at least 10^6 strings (SP 800-38G Revision 1, drafts); smaller domains are
 * refused, but for "legacy", which goes down to the 100 of the first edition.  Such small
 * domains are undone by trying and counting; they are for data that is already so.
 *
 * An alphabet has no room for a version or a tag: a wrong key or tweak gives another
 * string and no error.
 *
 * Format: NIST SP 800-38G, algorithms 7 and 8
 */
#ifndef LH_CRYPTO_FF1_H
#define LH_CRYPTO_FF1_H

#include "crypto/crypto.h"

/* An AES key, expanded.  Read only; lies in secret memory until its arena is reset. */
typedef struct LhFf1Key LhFf1Key;
/* LH_INVALID: not 16, 24 or 32 bytes */
extern LhStatus lh_ff1_key_create(LhCtx *ctx, const LhKey *key, LhFf1Key **out);

#define LH_FF1_MIN_RADIX   2
#define LH_FF1_MAX_RADIX   65536
#define LH_FF1_MIN_LENGTH  2
#define LH_FF1_MAX_LENGTH  ((size_t) UINT32_MAX)
/* Bytes of a tweak: what a domain and the kept characters of a value need, with room. */
#define LH_FF1_MAX_TWEAK   65536
#define LH_FF1_DOMAIN      1000000	/* strings that a domain has at least */
#define LH_FF1_DOMAIN_LEGACY 100	/* ... where legacy is asked for */

typedef struct LhFf1Spec
{
	uint32_t	radix;
	size_t		length;			/* numerals of each string */
	size_t		tweak_len;		/* bytes of each tweak; may be 0 */
	bool		legacy;			/* domains of 100 to 999,999 strings, too */
} LhFf1Spec;

/*
 * What strings of one length need, made once: moduli, and the first block
 * encrypted.  Read only afterwards: several threads may use one, each with a ctx of its own.
 * It points to its key, and is wiped with ctx->arena.
 *
 * LH_INVALID: parameters that FF1 does not have, or a domain that is too small.
 */
typedef struct LhFf1 LhFf1;
extern LhStatus lh_ff1_create(LhCtx *ctx, const LhFf1Key *key, const LhFf1Spec *spec, LhFf1 **out);

/* radix^length >= the least domain?  What lh_ff1_create asks, without an error. */
extern bool lh_ff1_domain_allowed(uint32_t radix, size_t length, bool legacy);

typedef enum LhFf1Way
{
	LH_FF1_ENCRYPT, LH_FF1_DECRYPT
} LhFf1Way;

/* Tweaks of values: value i has spec.tweak_len bytes at data + i * stride; stride 0: all the same one. */
typedef struct LhFf1Tweaks
{
	const uint8_t *data;		/* may be NULL when tweak_len is 0 */
	size_t		stride;
} LhFf1Tweaks;

/*
 * Strings of numerals: "count" times "length" numbers below radix, one string behind
 * the other.  out may be in, or must not overlap it.  LH_INVALID names the first value
 * with a numeral that is none; then out is unspecified.  LH_CANCELLED.
 */
extern LhStatus lh_ff1_numerals(LhCtx *ctx, const LhFf1 *ff1, LhFf1Way way, LhFf1Tweaks tweaks,
								const uint16_t *in, uint16_t *out, size_t count);

/* The same for radix 10 and strings of ASCII digits. */
extern LhStatus lh_ff1_digits(LhCtx *ctx, const LhFf1 *ff1, LhFf1Way way, LhFf1Tweaks tweaks,
							  const char *in, char *out, size_t count);

/*
 * The same for strings as two numbers each: of their first length / 2 numerals and of
 * the rest, in place.  Only where lh_ff1_has_halves: the larger half has at most 2^56 values.
 */
extern bool lh_ff1_has_halves(const LhFf1 *ff1);
extern LhStatus lh_ff1_halves(LhCtx *ctx, const LhFf1 *ff1, LhFf1Way way, LhFf1Tweaks tweaks,
							  uint64_t *left, uint64_t *right, size_t count);

/*
 * One string of digits after the other, under a tweak whose blocks were encrypted before: nothing is
 * allocated, and nothing can fail.  *out is a secret, as what it was made with is.
 */
typedef struct LhFf1Tweaked
{
	uint8_t		state[16];
} LhFf1Tweaked;
extern LhStatus lh_ff1_tweak(LhCtx *ctx, const LhFf1 *ff1, const uint8_t *tweak, LhFf1Tweaked *out);
/*
 * out may be in.  False: it is no string of digits, or this object or machine has no such way; then out is
 * as it was, and lh_ff1_digits tells.
 */
extern bool lh_ff1_digits_one(const LhFf1 *ff1, LhFf1Way way, const LhFf1Tweaked *tweaked, const char *in,
							  char *out);

#endif
