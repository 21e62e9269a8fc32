/*
 * text_avx2.c
 *		Is it UTF-8?  32 bytes at a time.
 *
 * The method of Keiser and Lemire, "Validating UTF-8 in less than one
 * instruction per byte" (2020), and the NUL that PostgreSQL does not take:
 *
 *	1. Whatever is wrong with two neighbouring bytes is seen in three nibbles:
 *	   both of the first byte and the upper one of the second.  For each nibble a
 *	   table says which errors it allows, a bit an error; an error that all three
 *	   allow is there.
 *	2. That leaves lengths: the bit TWO_CONTS (two continuation bytes in a row)
 *	   must be set exactly where a byte two places back begins a character of
 *	   three bytes or more, or one three places back one of four.
 *	3. Errors are gathered and looked at now and then.  A block of ASCII needs
 *	   none of this, only that the block before it ended with a character.
 *
 * The last block is filled up with blanks, so that a character cut off by the
 * end is one that is too short.
 */
#ifdef __x86_64__

#include "core/text_kernels.h"

#include <immintrin.h>
#include <string.h>

#define BLOCK 32

/* Errors of two neighbouring bytes, "lead" and "next". */
#define TOO_SHORT  0x01 /* a lead that is not followed by a continuation */
#define TOO_LONG   0x02 /* ASCII followed by a continuation */
#define OVERLONG_3 0x04 /* e0 80..9f */
#define TOO_LARGE  0x08 /* f4 90..bf, f5 to ff with 90..bf */
#define SURROGATE  0x10 /* ed a0..bf */
#define OVERLONG_2 0x20 /* c0, c1 and a continuation */
#define OVERLONG_4 0x40 /* f0 80..8f; also f5 to ff with 80..8f, which is too large */
#define TWO_CONTS  0x80 /* no error if a longer character began before */
#define ANY_NEXT   (TOO_SHORT | TOO_LONG | TWO_CONTS) /* that do not depend on lead's lower nibble */

/* By lead's upper nibble. */
#define LEAD_HIGH                                                                                \
	TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, /* ASCII */  \
		TWO_CONTS, TWO_CONTS, TWO_CONTS, TWO_CONTS,                                 /* 80..bf */ \
		TOO_SHORT | OVERLONG_2,                                                     /* c0..cf */ \
		TOO_SHORT,                                                                  /* d0..df */ \
		TOO_SHORT | OVERLONG_3 | SURROGATE,                                         /* e0..ef */ \
		TOO_SHORT | TOO_LARGE | OVERLONG_4                                          /* f0..ff */

/* By lead's lower nibble; beyond f4 all is too large. */
#define BEYOND_F4 (ANY_NEXT | TOO_LARGE | OVERLONG_4)
#define LEAD_LOW                                                                                \
	ANY_NEXT | OVERLONG_3 | OVERLONG_2 | OVERLONG_4, /* .0 */                                   \
		ANY_NEXT | OVERLONG_2,                       /* .1 */                                   \
		ANY_NEXT, ANY_NEXT, ANY_NEXT | TOO_LARGE,    /* .2, .3, .4 */                           \
		BEYOND_F4, BEYOND_F4, BEYOND_F4, BEYOND_F4, BEYOND_F4, BEYOND_F4, BEYOND_F4, BEYOND_F4, \
		BEYOND_F4 | SURROGATE, /* .d */                                                         \
		BEYOND_F4, BEYOND_F4

/* By next's upper nibble. */
#define NEXT_CONT (TOO_LONG | OVERLONG_2 | TWO_CONTS)
#define NEXT_HIGH                                                                           \
	TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, \
		NEXT_CONT | OVERLONG_3 | OVERLONG_4, /* 80..8f */                                   \
		NEXT_CONT | OVERLONG_3 | TOO_LARGE,  /* 90..9f */                                   \
		NEXT_CONT | SURROGATE | TOO_LARGE,   /* a0..af */                                   \
		NEXT_CONT | SURROGATE | TOO_LARGE,   /* b0..bf */                                   \
		TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT

static const uint8_t lead_high[16] __attribute__((aligned(16))) = {LEAD_HIGH};
static const uint8_t lead_low[16] __attribute__((aligned(16))) = {LEAD_LOW};
static const uint8_t next_high[16] __attribute__((aligned(16))) = {NEXT_HIGH};

/* The bytes n places before those of "now". */
#define BYTES_BEFORE(now, before, n) \
	_mm256_alignr_epi8((now), _mm256_permute2x128_si256((before), (now), 0x21), 16 - (n))

static inline __m256i
look_up(const uint8_t *table, __m256i nibbles)
{
	__m128i row = _mm_load_si128((const __m128i *) table);

	return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(row), nibbles);
}

static inline __m256i
upper_nibbles(__m256i v)
{
	return _mm256_and_si256(_mm256_srli_epi16(v, 4), _mm256_set1_epi8(15));
}

/* Steps 1 and 2: not zero where something is wrong. */
static inline __m256i
errors_of(__m256i now, __m256i before)
{
	__m256i prev1 = BYTES_BEFORE(now, before, 1);
	__m256i prev2 = BYTES_BEFORE(now, before, 2);
	__m256i prev3 = BYTES_BEFORE(now, before, 3);
	__m256i lower = _mm256_and_si256(prev1, _mm256_set1_epi8(15));
	__m256i pairs = _mm256_and_si256(
		look_up(lead_high, upper_nibbles(prev1)),
		_mm256_and_si256(look_up(lead_low, lower), look_up(next_high, upper_nibbles(now))));
	/* the high bit is set from e0 and f0 on */
	__m256i third = _mm256_subs_epu8(prev2, _mm256_set1_epi8(0xe0 - 0x80));
	__m256i fourth = _mm256_subs_epu8(prev3, _mm256_set1_epi8((char) (0xf0 - 0x80)));
	__m256i wanted =
		_mm256_and_si256(_mm256_or_si256(third, fourth), _mm256_set1_epi8((char) TWO_CONTS));

	return _mm256_xor_si256(pairs, wanted);
}

/* Not zero where a character begins that does not end in this block. */
static inline __m256i
open_end(__m256i block)
{
	const __m256i most = _mm256_setr_epi8(
		-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
		-1, -1, -1, -1, -1, -1, (char) (0xf0 - 1), (char) (0xe0 - 1), (char) (0xc0 - 1));

	return _mm256_subs_epu8(block, most);
}

typedef struct Check
{
	__m256i errors;
	__m256i before;
	__m256i open; /* of the block before */
} Check;

static inline void
check_block(Check *c, __m256i now)
{
	__m256i nul = _mm256_cmpeq_epi8(now, _mm256_setzero_si256());

	c->errors = _mm256_or_si256(c->errors, nul);
	if (_mm256_movemask_epi8(now) == 0)
	{
		c->errors = _mm256_or_si256(c->errors, c->open);
		c->open = _mm256_setzero_si256();
	}
	else
	{
		c->errors = _mm256_or_si256(c->errors, errors_of(now, c->before));
		c->open = open_end(now);
	}
	c->before = now;
}

bool
lh_utf8_valid_avx2(const uint8_t *p, size_t n)
{
	Check c = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256()};
	uint8_t last[BLOCK];
	size_t i = 0;

	for (; n - i >= BLOCK; i += BLOCK)
	{
		check_block(&c, _mm256_loadu_si256((const __m256i *) (p + i)));
		if ((i & 1023) == 0 && !_mm256_testz_si256(c.errors, c.errors))
			return false;
	}
	memset(last, ' ', sizeof(last));
	memcpy(last, p + i, n - i);
	check_block(&c, _mm256_loadu_si256((const __m256i *) last));
	return _mm256_testz_si256(c.errors, c.errors);
}

#endif
