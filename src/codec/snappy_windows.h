/*
 * snappy_windows.h
 *		Decode snappy in batches of windows, for AVX2 and AVX-512.
 *
 * The plain way to decode is serial: where the next tag begins is known only
 * after this one was looked at, which takes some ten cycles whatever the
 * processor could do besides; and where tags are irregular, branches on them
 * are predicted wrongly.  Columns give 4 to 8 bytes a tag, so that is the
 * limit.  Here no step depends on a single tag:
 *
 *	1. parse: a window of input is taken as if a tag began at each of its bytes.
 *	   next[i] is where the tag after that of byte i would begin; tags that end
 *	   beyond the window point to themselves.  Permuting next by itself gives the
 *	   tag after two, four, eight ... tags (pointer doubling), and so for every
 *	   byte at which the first tag may begin the one at which the next window's
 *	   first begins.  From window to window this look-up is the only serial
 *	   step.  The same permutations list where this window's tags really begin;
 *	   their bytes are gathered and appended to the batch.
 *	2. prepare: for 16 or 32 tags at once, length, offset, the place in the
 *	   output (a prefix sum), the source's address, and whether the offset is
 *	   valid.
 *	3. copy: one load and one store a tag, 16 bytes wide, which overshoot into
 *	   what later tags write.  Tags are taken in groups of 16; a group is
 *
 *		plain:	all lengths at most 16;
 *		near:	so, but with offsets below 17, which would read what the store
 *				before has just written (a stall of 16 cycles each), or which
 *				overlap.  The last 16 bytes of output stay in a register instead
 *				and are permuted;
 *		mixed:	lengths above 16, one tag at a time.
 *
 * A batch ends at a tag that is not ours (lh_snappy_is_special) or wrong.
 *
 * Included by snappy_avx2.c and snappy_avx512.c, which supply copy64(), parse()
 * and prepare().
 */
#ifndef LH_SNAPPY_WINDOWS_H
#define LH_SNAPPY_WINDOWS_H

#include "codec/snappy_kernels.h"

#include <immintrin.h>

/* Input of a batch; a tag has two bytes at least. */
#define BATCH_BYTES 512
#define BATCH_TAGS  (BATCH_BYTES / 2)

/* A step of parse() or prepare() may write this many tags behind the last. */
#define SLACK 64

#define GROUP 16

/* Offsets that the register with the last bytes serves. */
#define NEAR 16

/* copy64 may begin at the last byte of output. */
_Static_assert(LH_PADDING >= 64, "kernels overshoot by up to 63 bytes");

/* So many of them in a group are worth the slower "near" loop. */
#define MANY_NEAR 4

/* A tag byte without length, behind the last tag of a batch. */
#define NO_TAG 0xff

typedef enum GroupKind
{
	GROUP_PLAIN,
	GROUP_NEAR,
	GROUP_MIXED
} GroupKind;

typedef struct Batch
{
	/* by parse() */
	size_t n;     /* tags */
	size_t used;  /* bytes of input they take */
	bool special; /* the tag behind them is not ours */
	uint8_t tag[BATCH_TAGS + SLACK];
	uint8_t byte1[BATCH_TAGS + SLACK]; /* those behind the tag */
	uint8_t byte2[BATCH_TAGS + SLACK];
	uint16_t pos[BATCH_TAGS + SLACK]; /* in the batch's input */

	/* by prepare(), for the first n_valid tags */
	size_t n_valid;
	size_t total; /* bytes they make */
	const uint8_t *src[BATCH_TAGS + SLACK];
	uint16_t dst[BATCH_TAGS + SLACK]; /* behind op */
	uint8_t len[BATCH_TAGS + SLACK];
	uint8_t near[BATCH_TAGS + SLACK];          /* offset where it is at most NEAR, else 0 */
	uint16_t overlaps[BATCH_TAGS / GROUP + 4]; /* a bit a tag: offset < length */
	uint8_t kind[BATCH_TAGS / GROUP + 4];

	_Alignas(64) uint8_t exits[64]; /* of parse() */
} Batch;

/* Keep the compiler from taking what was just stored apart in registers, element by element. */
#define STORED(array) __asm__ volatile("" : "+m"(array))

/* i modulo offset, counted from the first of the last "offset" of 16 bytes */
#define REPEAT1(o, i) (uint8_t)(16 - (o) + (i) % (o))
#define REPEAT(o)                                                                                 \
	{                                                                                             \
		REPEAT1(o, 0), REPEAT1(o, 1), REPEAT1(o, 2), REPEAT1(o, 3), REPEAT1(o, 4), REPEAT1(o, 5), \
			REPEAT1(o, 6), REPEAT1(o, 7), REPEAT1(o, 8), REPEAT1(o, 9), REPEAT1(o, 10),           \
			REPEAT1(o, 11), REPEAT1(o, 12), REPEAT1(o, 13), REPEAT1(o, 14), REPEAT1(o, 15)        \
	}
#define NONE8 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80

/* Row o: the 16 bytes that follow, when the last o bytes repeat.  Row 0: nothing. */
static const uint8_t repeat[NEAR + 1][16] __attribute__((aligned(64))) = {
	{NONE8, NONE8}, REPEAT(1),  REPEAT(2),  REPEAT(3),  REPEAT(4),  REPEAT(5),
	REPEAT(6),      REPEAT(7),  REPEAT(8),  REPEAT(9),  REPEAT(10), REPEAT(11),
	REPEAT(12),     REPEAT(13), REPEAT(14), REPEAT(15), REPEAT(16),
};

/* Sixteen bytes from n on: move n bytes from the begin to the end, the rest is 0. */
static const uint8_t slide_up[32] __attribute__((aligned(64))) = {
	NONE8, NONE8, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
};

/* Sixteen bytes from n on: move all but the first n down; zeros for what slide_up fills. */
static const uint8_t slide_down[32] __attribute__((aligned(64))) = {
	0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
};

static const uint8_t zeros[16];

static inline __m128i
load16(const void *p)
{
	return _mm_loadu_si128((const __m128i *) p);
}

static inline void
store16(void *p, __m128i v)
{
	_mm_storeu_si128((__m128i *) p, v);
}

/* The two steps that each instruction set does its own way. */
static inline void parse(Batch *b, const uint8_t *in, const uint8_t *end);
static inline void prepare(Batch *b, const LhSnappy *s);

/* Which loop a group needs; a bit of each mask is a tag. */
static inline void
classify(Batch *b, size_t first, unsigned longer, unsigned nearby, unsigned overlaps)
{
	GroupKind kind = GROUP_PLAIN;

	if (overlaps != 0 || __builtin_popcount(nearby) >= MANY_NEAR)
		kind = GROUP_NEAR;
	if (longer != 0)
		kind = GROUP_MIXED;
	b->kind[first / GROUP] = (uint8_t) kind;
	b->overlaps[first / GROUP] = (uint16_t) overlaps;
}

/* Behind the last valid tag come tags that do nothing: groups are copied whole. */
static inline void
seal(Batch *b, uint8_t *op)
{
	for (size_t i = b->n_valid; i < b->n_valid + GROUP; i++)
	{
		b->src[i] = op;
		b->dst[i] = (uint16_t) b->total;
		b->len[i] = 0;
		b->near[i] = 0;
	}
	b->overlaps[b->n_valid / GROUP] &= (uint16_t) ((1u << b->n_valid % GROUP) - 1);
}

static inline void
copy_plain(const Batch *b, size_t first, uint8_t *op)
{
#pragma GCC unroll 16
	for (size_t i = first; i < first + GROUP; i++)
		store16(op + b->dst[i], load16(b->src[i]));
}

/*
 * All groups of this kind from first on; returns the first behind them.
 *
 * "tail" is the last 16 bytes of output.  What follows when the last "near" of
 * them repeat is one permutation of it, and the tail after that is another:
 * only the latter is on the way from tag to tag.
 */
static inline size_t
copy_near(const Batch *b, size_t first, uint8_t *op)
{
	__m128i tail = load16(op + b->dst[first] - 16);
	size_t i = first;

	do
	{
#pragma GCC unroll 4
		for (size_t end = i + GROUP; i < end; i++)
		{
			size_t near = b->near[i];
			size_t len = b->len[i];
			/* a near one's own source would wait for the last store */
			__m128i far = load16(near != 0 ? zeros : b->src[i]);
			__m128i pattern = load16(repeat[near]);
			__m128i up = load16(slide_up + len);
			__m128i down = load16(slide_down + len);
			__m128i next = _mm_or_si128(down, _mm_shuffle_epi8(pattern, up));

			store16(op + b->dst[i], _mm_or_si128(far, _mm_shuffle_epi8(tail, pattern)));
			tail = _mm_or_si128(_mm_shuffle_epi8(far, up), _mm_shuffle_epi8(tail, next));
		}
	} while (i < b->n_valid && b->kind[i / GROUP] == GROUP_NEAR);
	return i;
}

/* len bytes from offset < len bytes back; overshoots by at most 15. */
static inline void
copy_overlapping(uint8_t *op, size_t offset, size_t len)
{
	size_t step = 16;
	__m128i bytes;

	if (offset >= 16)
	{
		for (size_t i = 0; i < len; i += 16)
			store16(op + i, load16(op + i - offset));
		return;
	}
	/* as in "repeat", but counted from the first of the bytes before op */
	bytes = _mm_sub_epi8(load16(repeat[offset]), _mm_set1_epi8((char) (16 - offset)));
	bytes = _mm_shuffle_epi8(load16(op - offset), bytes);
	step -= 16 % offset;
	for (size_t i = 0; i < len; i += step)
		store16(op + i, bytes);
}

static inline void
copy_mixed(const Batch *b, size_t first, uint8_t *op)
{
	size_t end = first + GROUP < b->n_valid ? first + GROUP : b->n_valid;

	for (size_t i = first; i < end; i++)
	{
		const uint8_t *src = b->src[i];
		uint8_t *dst = op + b->dst[i];

		if (b->overlaps[first / GROUP] >> (i - first) & 1)
			copy_overlapping(dst, (size_t) (dst - src), b->len[i]);
		else
			copy64(dst, src);
	}
}

static inline void
copy(const Batch *b, LhSnappy *s)
{
	size_t i = 0;

	while (i < b->n_valid)
	{
		GroupKind kind = b->kind[i / GROUP];

		if (kind == GROUP_NEAR && s->op + b->dst[i] - s->out >= 16)
		{
			i = copy_near(b, i, s->op);
			continue;
		}
		if (kind == GROUP_PLAIN)
			copy_plain(b, i, s->op);
		else
			copy_mixed(b, i, s->op);
		i += GROUP;
	}
}

static inline void
decode_batches(LhSnappy *s)
{
	Batch b;

	while (s->end - s->ip >= LH_SNAPPY_MARGIN && s->op < s->pause)
	{
		parse(&b, s->ip, s->end);
		prepare(&b, s);
		if (b.total > (size_t) (s->oend - s->op))
			return;
		seal(&b, s->op);
		copy(&b, s);
		s->op += b.total;
		if (b.n_valid < b.n)
		{
			s->ip += b.pos[b.n_valid];
			return;
		}
		s->ip += b.used;
		if (b.special)
			return;
	}
}

#endif
