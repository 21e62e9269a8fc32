/*
 * snappy_avx512.c
 *		The snappy kernel for AVX-512 (with VBMI): windows of 64 bytes.
 *
 * See snappy_windows.h for the algorithm.
 */
#ifdef __x86_64__

#include "codec/snappy_kernels.h"

#include <immintrin.h>

#define WINDOW 64

/* Bytes a tag takes with what belongs to it, and bytes it makes; 0 for those that are not ours. */
#define ADVANCE(t)                                                                  \
	(((t) &3) == LH_SNAPPY_LITERAL && (t) < LH_SNAPPY_LONG_LITERAL ? ((t) >> 2) + 2 \
	 : ((t) &3) == LH_SNAPPY_COPY1                                 ? 2              \
	 : ((t) &3) == LH_SNAPPY_COPY2                                 ? 3              \
																   : 0)
#define LENGTH(t)                                                                       \
	(((t) &3) == LH_SNAPPY_LITERAL && (t) < LH_SNAPPY_LONG_LITERAL ? ((t) >> 2) + 1     \
	 : ((t) &3) == LH_SNAPPY_COPY1                                 ? 4 + ((t) >> 2 & 7) \
	 : ((t) &3) == LH_SNAPPY_COPY2                                 ? ((t) >> 2) + 1     \
																   : 0)

static const uint8_t advance[256] __attribute__((aligned(64))) = {LH_OF256(ADVANCE)};
static const uint8_t length[256] __attribute__((aligned(64))) = {LH_OF256(LENGTH)};

#define SELF(t) (t)
static const uint8_t self[64] __attribute__((aligned(64))) = {LH_OF64(SELF, 0)};

/* A table of 256 bytes in registers. */
typedef struct Table
{
	__m512i part[4];
} Table;

static inline Table
load_table(const uint8_t *bytes)
{
	return (Table){{_mm512_load_si512(bytes), _mm512_load_si512(bytes + 64),
					_mm512_load_si512(bytes + 128), _mm512_load_si512(bytes + 192)}};
}

static inline __m512i
look_up(const Table *t, __m512i at)
{
	return _mm512_mask_mov_epi8(_mm512_permutex2var_epi8(t->part[0], at, t->part[1]),
								_mm512_movepi8_mask(at),
								_mm512_permutex2var_epi8(t->part[2], at, t->part[3]));
}

static inline void
copy64(uint8_t *dst, const uint8_t *src)
{
	_mm512_storeu_si512(dst, _mm512_loadu_si512(src));
}

#include "codec/snappy_windows.h"

/* Lanes k = 0 .. 31 whose number has bit j. */
#define LANES_BIT0 0xaaaaaaaa
#define LANES_BIT1 0xcccccccc
#define LANES_BIT2 0xf0f0f0f0
#define LANES_BIT3 0xff00ff00
#define LANES_BIT4 0xffff0000

/* next[], and itself after 2, 4, ... tags; exits[]: where the first tag behind the window begins */
typedef struct Steps
{
	__m512i by1, by2, by4, by8, by16, exits;
} Steps;

static inline Steps
make_steps(__m512i bytes, const Table *advances)
{
	const __m512i here = _mm512_load_si512(self);
	Steps st;
	__m512i ends = _mm512_add_epi8(here, look_up(advances, bytes));
	__mmask64 outside = _mm512_cmpge_epu8_mask(ends, _mm512_set1_epi8(WINDOW));
	__m512i by32;

	st.by1 = _mm512_mask_mov_epi8(ends, outside, here);
	st.by2 = _mm512_permutexvar_epi8(st.by1, st.by1);
	st.by4 = _mm512_permutexvar_epi8(st.by2, st.by2);
	st.by8 = _mm512_permutexvar_epi8(st.by4, st.by4);
	st.by16 = _mm512_permutexvar_epi8(st.by8, st.by8);
	by32 = _mm512_permutexvar_epi8(st.by16, st.by16);
	st.exits = _mm512_permutexvar_epi8(by32, ends);
	return st;
}

/* Lane k: where tag k of the window begins; from the last tag on, the last. */
static inline __m512i
tag_places(const Steps *st, size_t first)
{
	__m512i at = _mm512_set1_epi8((char) first);

	at = _mm512_mask_permutexvar_epi8(at, LANES_BIT0, at, st->by1);
	at = _mm512_mask_permutexvar_epi8(at, LANES_BIT1, at, st->by2);
	at = _mm512_mask_permutexvar_epi8(at, LANES_BIT2, at, st->by4);
	at = _mm512_mask_permutexvar_epi8(at, LANES_BIT3, at, st->by8);
	return _mm512_mask_permutexvar_epi8(at, LANES_BIT4, at, st->by16);
}

static inline size_t
count_places(__m256i at)
{
	__m256i before = _mm256_alignr_epi8(at, _mm256_permute2x128_si256(at, at, 0x08), 15);

	return (size_t) __builtin_popcount(_mm256_cmpneq_epi8_mask(at, before) | 1);
}

static inline void
store32_at(uint8_t *to, __m512i at, const uint8_t *bytes)
{
	__m512i v = _mm512_permutexvar_epi8(at, _mm512_loadu_si512(bytes));

	_mm256_storeu_si256((__m256i *) to, _mm512_castsi512_si256(v));
}

static inline void
parse(Batch *b, const uint8_t *in, const uint8_t *end)
{
	const Table advances = load_table(advance);
	size_t first = 0; /* of the window's tags */
	size_t base = 0;
	size_t n = 0;

	b->special = false;
	do
	{
		const uint8_t *window = in + base;
		Steps st = make_steps(_mm512_loadu_si512(window), &advances);
		size_t exit;
		__m512i at;
		__m256i at32;

		_mm512_store_si512(b->exits, st.exits);
		STORED(b->exits);
		exit = b->exits[first];
		at = tag_places(&st, first);
		at32 = _mm512_castsi512_si256(at);
		store32_at(b->tag + n, at, window);
		store32_at(b->byte1 + n, at, window + 1);
		store32_at(b->byte2 + n, at, window + 2);
		_mm512_storeu_si512(b->pos + n, _mm512_add_epi16(_mm512_cvtepu8_epi16(at32),
														 _mm512_set1_epi16((short) base)));
		n += count_places(at32);
		if (exit < WINDOW)
		{
			/* the last is special: it leads to itself */
			b->special = true;
			n--;
			first = exit;
			break;
		}
		first = exit - WINDOW; /* less than 61: literals have at most 60 bytes */
		base += WINDOW;
	} while (base < BATCH_BYTES && end - (in + base) >= LH_SNAPPY_MARGIN);
	b->n = n;
	b->used = base + first;
	_mm512_storeu_si512(b->tag + n, _mm512_set1_epi8((char) NO_TAG));
}

static inline void
measure(Batch *b)
{
	const Table lengths = load_table(length);

	for (size_t i = 0; i < b->n; i += 64)
	{
		__m512i tags = _mm512_loadu_si512(b->tag + i);

		_mm512_storeu_si512(b->len + i, look_up(&lengths, tags));
	}
}

/* Inclusive prefix sums of 32 numbers. */
static inline __m512i
prefix_sums(__m512i v)
{
	const __m512i last_of_lane = _mm512_set1_epi16(0x0f0e);
	__m512i sums;

	v = _mm512_add_epi16(v, _mm512_bslli_epi128(v, 2));
	v = _mm512_add_epi16(v, _mm512_bslli_epi128(v, 4));
	v = _mm512_add_epi16(v, _mm512_bslli_epi128(v, 8));
	/* the sums of the lanes before */
	sums = _mm512_shuffle_epi8(v, last_of_lane);
	v = _mm512_add_epi16(v, _mm512_maskz_shuffle_i64x2(0xfc, sums, sums, 0x90));
	sums = _mm512_add_epi16(_mm512_maskz_shuffle_i64x2(0xf0, sums, sums, 0x40),
							_mm512_maskz_shuffle_i64x2(0xc0, sums, sums, 0x00));
	return _mm512_add_epi16(v, sums);
}

static inline __m512i
load_wide(const uint8_t *bytes)
{
	return _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *) bytes));
}

/* Sixteen addresses: op + dst - offset, or where the mask is set in + pos. */
static inline void
store_sources(const uint8_t **src, __m256i dst, __m256i offset, __m256i pos, __mmask16 literal,
			  __m512i op, __m512i in)
{
	__m512i back = _mm512_sub_epi32(_mm512_cvtepu16_epi32(dst), _mm512_cvtepu16_epi32(offset));
	__m512i rel = _mm512_mask_cvtepu16_epi32(back, literal, pos);
	__m512i low = _mm512_cvtepi32_epi64(_mm512_castsi512_si256(rel));
	__m512i high = _mm512_cvtepi32_epi64(_mm512_extracti64x4_epi64(rel, 1));
	__m512i low_base = _mm512_mask_mov_epi64(op, (__mmask8) literal, in);
	__m512i high_base = _mm512_mask_mov_epi64(op, (__mmask8) (literal >> 8), in);

	_mm512_storeu_si512(src, _mm512_add_epi64(low, low_base));
	_mm512_storeu_si512(src + 8, _mm512_add_epi64(high, high_base));
}

static inline void
prepare(Batch *b, const LhSnappy *s)
{
	const __m512i op = _mm512_set1_epi64((long long) (uintptr_t) s->op);
	const __m512i in = _mm512_set1_epi64((long long) (uintptr_t) (s->ip + 1));
	const size_t done = (size_t) (s->op - s->out);
	const __m512i made = _mm512_set1_epi16((short) (done < UINT16_MAX ? done : UINT16_MAX));
	__m512i total = _mm512_setzero_si512();

	measure(b);
	for (size_t i = 0; i < b->n; i += 32)
	{
		__m512i tags = load_wide(b->tag + i);
		__m512i lens = load_wide(b->len + i);
		__m512i pos = _mm512_loadu_si512(b->pos + i);
		__mmask32 literal = _mm512_testn_epi16_mask(tags, _mm512_set1_epi16(3));
		__mmask32 copy1 = _mm512_testn_epi16_mask(tags, _mm512_set1_epi16(2));
		__mmask32 copies = ~literal & _mm512_test_epi16_mask(lens, lens);
		__m512i offset = _mm512_mask_srli_epi16(load_wide(b->byte2 + i), copy1, tags, 5);
		__m512i dst = _mm512_add_epi16(total, prefix_sums(lens));
		__mmask32 wrong, nearby, overlaps, longer;

		offset = _mm512_or_si512(load_wide(b->byte1 + i), _mm512_slli_epi16(offset, 8));
		total = _mm512_permutexvar_epi16(_mm512_set1_epi16(31), dst);
		dst = _mm512_sub_epi16(dst, lens);
		_mm512_storeu_si512(b->dst + i, dst);

		wrong = _mm512_mask_cmpgt_epu16_mask(copies, offset, _mm512_adds_epu16(made, dst)) |
				_mm512_mask_testn_epi16_mask(copies, offset, offset);
		nearby = _mm512_mask_cmple_epu16_mask(copies, offset, _mm512_set1_epi16(NEAR));
		overlaps = _mm512_mask_cmplt_epu16_mask(copies, offset, lens);
		longer = _mm512_cmpgt_epu16_mask(lens, _mm512_set1_epi16(16));
		_mm256_storeu_si256((__m256i *) (b->near + i), _mm512_maskz_cvtepi16_epi8(nearby, offset));
		classify(b, i, longer & 0xffff, nearby & 0xffff, overlaps & 0xffff);
		classify(b, i + GROUP, longer >> 16, nearby >> 16, overlaps >> 16);

		store_sources(b->src + i, _mm512_castsi512_si256(dst), _mm512_castsi512_si256(offset),
					  _mm512_castsi512_si256(pos), (__mmask16) literal, op, in);
		store_sources(b->src + i + 16, _mm512_extracti64x4_epi64(dst, 1),
					  _mm512_extracti64x4_epi64(offset, 1), _mm512_extracti64x4_epi64(pos, 1),
					  (__mmask16) (literal >> 16), op, in);
		if (__builtin_expect(wrong != 0, 0))
		{
			b->n_valid = i + (size_t) __builtin_ctz(wrong);
			b->total = b->dst[b->n_valid];
			return;
		}
	}
	b->n_valid = b->n;
	b->total = (uint16_t) _mm_cvtsi128_si32(_mm512_castsi512_si128(total));
}

void
lh_snappy_avx512(LhSnappy *s)
{
	decode_batches(s);
}

#endif
