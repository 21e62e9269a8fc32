/*
 * snappy_avx2.c
 *		The snappy kernel for AVX2: windows of 16 bytes, two at a time.
 *
 * See snappy_windows.h for the algorithm.  Bytes are permuted within lanes of
 * 16 only, so that is a window here; it holds at most eight tags.
 */
#ifdef __x86_64__

#include "codec/snappy_kernels.h"

#include <immintrin.h>

#define WINDOW 16

static inline void
copy64(uint8_t *dst, const uint8_t *src)
{
	__m256i low = _mm256_loadu_si256((const __m256i *) src);
	__m256i high = _mm256_loadu_si256((const __m256i *) (src + 32));

	_mm256_storeu_si256((__m256i *) dst, low);
	_mm256_storeu_si256((__m256i *) (dst + 32), high);
}

#include "codec/snappy_windows.h"

/* Lanes k = 0 .. 7 whose number has bit j, in both windows. */
#define LANES_BIT0 _mm256_set1_epi16((short) 0xff00)
#define LANES_BIT1 _mm256_set1_epi32((int) 0xffff0000)
#define LANES_BIT2 _mm256_set1_epi64x((long long) 0xffffffff00000000)

/* next[], and itself after 2 and 4 tags, of two windows; exits[]: where the first tag behind begins */
typedef struct Steps
{
	__m256i by1, by2, by4, exits;
} Steps;

static inline __m256i
load32(const void *p)
{
	return _mm256_loadu_si256((const __m256i *) p);
}

static inline void
store32(void *p, __m256i v)
{
	_mm256_storeu_si256((__m256i *) p, v);
}

static inline __m256i
both(__m128i v)
{
	return _mm256_broadcastsi128_si256(v);
}

/* tag >> 2 of each byte */
static inline __m256i
upper_bits(__m256i tags)
{
	return _mm256_and_si256(_mm256_srli_epi16(tags, 2), _mm256_set1_epi8(0x3f));
}

static inline __m256i
tag_types(__m256i tags)
{
	return _mm256_and_si256(tags, _mm256_set1_epi8(3));
}

/* Bytes a tag takes with what belongs to it; 0 for those that are not ours. */
static inline __m256i
advances(__m256i tags)
{
	const __m256i of_copies = both(_mm_setr_epi8(0, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
	__m256i types = tag_types(tags);
	__m256i bits = upper_bits(tags);
	__m256i literal = _mm256_cmpeq_epi8(types, _mm256_setzero_si256());
	__m256i is_short = _mm256_cmpgt_epi8(_mm256_set1_epi8(LH_SNAPPY_LONG_LITERAL >> 2), bits);
	__m256i of_literals = _mm256_add_epi8(bits, _mm256_set1_epi8(2));

	of_literals = _mm256_and_si256(of_literals, _mm256_and_si256(literal, is_short));
	return _mm256_or_si256(of_literals, _mm256_shuffle_epi8(of_copies, types));
}

/* Bytes a tag makes; 0 for NO_TAG. */
static inline __m256i
lengths(__m256i tags)
{
	__m256i types = tag_types(tags);
	__m256i bits = upper_bits(tags);
	__m256i copy1 = _mm256_cmpeq_epi8(types, _mm256_set1_epi8(LH_SNAPPY_COPY1));
	__m256i none = _mm256_cmpeq_epi8(types, _mm256_set1_epi8(LH_SNAPPY_COPY4));
	__m256i of_copy1 =
		_mm256_add_epi8(_mm256_and_si256(bits, _mm256_set1_epi8(7)), _mm256_set1_epi8(4));
	__m256i of_others = _mm256_add_epi8(bits, _mm256_set1_epi8(1));

	return _mm256_andnot_si256(none, _mm256_blendv_epi8(of_others, of_copy1, copy1));
}

static inline Steps
make_steps(__m256i bytes)
{
	const __m256i here = both(_mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
	__m256i ends = _mm256_add_epi8(here, advances(bytes));
	__m256i outside = _mm256_cmpgt_epi8(ends, _mm256_set1_epi8(WINDOW - 1));
	__m256i by8;
	Steps st;

	st.by1 = _mm256_blendv_epi8(ends, here, outside);
	st.by2 = _mm256_shuffle_epi8(st.by1, st.by1);
	st.by4 = _mm256_shuffle_epi8(st.by2, st.by2);
	by8 = _mm256_shuffle_epi8(st.by4, st.by4);
	st.exits = _mm256_shuffle_epi8(ends, by8);
	return st;
}

/* Byte k of each half: where tag k of that window begins; from the last tag on, the last. */
static inline __m256i
tag_places(const Steps *st, size_t first0, size_t first1)
{
	__m256i at = _mm256_set_m128i(_mm_set1_epi8((char) first1), _mm_set1_epi8((char) first0));

	at = _mm256_blendv_epi8(at, _mm256_shuffle_epi8(st->by1, at), LANES_BIT0);
	at = _mm256_blendv_epi8(at, _mm256_shuffle_epi8(st->by2, at), LANES_BIT1);
	return _mm256_blendv_epi8(at, _mm256_shuffle_epi8(st->by4, at), LANES_BIT2);
}

/* A bit for each byte that begins another tag than the byte before. */
static inline uint32_t
distinct_places(__m256i at)
{
	__m256i before = _mm256_slli_si256(at, 1);

	return ~(uint32_t) _mm256_movemask_epi8(_mm256_cmpeq_epi8(at, before));
}

static inline size_t
count_places(uint32_t distinct)
{
	return (size_t) __builtin_popcount((distinct | 1) & 0xff);
}

/* Eight bytes of each half. */
static inline void
store_halves(uint8_t *to0, uint8_t *to1, __m256i v)
{
	_mm_storel_epi64((__m128i *) to0, _mm256_castsi256_si128(v));
	_mm_storel_epi64((__m128i *) to1, _mm256_extracti128_si256(v, 1));
}

static inline void
parse(Batch *b, const uint8_t *in, const uint8_t *end)
{
	size_t first = 0; /* of the next tag, from base */
	size_t base = 0;
	size_t n = 0;

	b->special = false;
	do
	{
		const uint8_t *windows = in + base;
		Steps st = make_steps(load32(windows));
		size_t n0, n1, first1, exit0, exit1;
		__m256i at;
		uint32_t distinct;

		store32(b->exits, st.exits);
		STORED(b->exits);
		/* a literal may cover one window or both; then none of its bytes is a tag */
		exit0 = first < WINDOW ? b->exits[first] : first;
		first1 = exit0 - WINDOW;
		exit1 = first1 < WINDOW ? b->exits[WINDOW + first1] : first1;

		at = tag_places(&st, first, first1);
		distinct = distinct_places(at);
		n0 = first < WINDOW ? count_places(distinct) : 0;
		n1 = first1 < WINDOW ? count_places(distinct >> 16) : 0;
		store_halves(b->tag + n, b->tag + n + n0, _mm256_shuffle_epi8(load32(windows), at));
		store_halves(b->byte1 + n, b->byte1 + n + n0, _mm256_shuffle_epi8(load32(windows + 1), at));
		store_halves(b->byte2 + n, b->byte2 + n + n0, _mm256_shuffle_epi8(load32(windows + 2), at));
		store16(b->pos + n, _mm_add_epi16(_mm_cvtepu8_epi16(_mm256_castsi256_si128(at)),
										  _mm_set1_epi16((short) base)));
		store16(b->pos + n + n0, _mm_add_epi16(_mm_cvtepu8_epi16(_mm256_extracti128_si256(at, 1)),
											   _mm_set1_epi16((short) (base + WINDOW))));
		if (__builtin_expect(exit0 < WINDOW, 0))
		{
			b->special = true;
			n += n0 - 1;
			first = exit0;
			break;
		}
		n += n0 + n1;
		if (__builtin_expect(exit1 < WINDOW, 0))
		{
			b->special = true;
			n--;
			first = WINDOW + exit1;
			break;
		}
		first = exit1 - WINDOW;
		base += 2 * WINDOW;
	} while (base < BATCH_BYTES && end - (in + base) >= LH_SNAPPY_MARGIN);
	b->n = n;
	b->used = base + first;
	store32(b->tag + n, _mm256_set1_epi8((char) NO_TAG));
}

static inline void
measure(Batch *b)
{
	for (size_t i = 0; i < b->n; i += 32)
		store32(b->len + i, lengths(load32(b->tag + i)));
}

static inline __m256i
load_wide(const uint8_t *bytes)
{
	return _mm256_cvtepu8_epi16(load16(bytes));
}

/* Inclusive prefix sums of 16 numbers. */
static inline __m256i
prefix_sums(__m256i v)
{
	const __m256i last_of_lane = _mm256_set1_epi16(0x0f0e);
	__m256i sums;

	v = _mm256_add_epi16(v, _mm256_slli_si256(v, 2));
	v = _mm256_add_epi16(v, _mm256_slli_si256(v, 4));
	v = _mm256_add_epi16(v, _mm256_slli_si256(v, 8));
	sums = _mm256_shuffle_epi8(_mm256_permute2x128_si256(v, v, 0x08), last_of_lane);
	return _mm256_add_epi16(v, sums);
}

/* The last of 16 numbers, sixteen times. */
static inline __m256i
spread_last(__m256i v)
{
	const __m256i last_of_lane = _mm256_set1_epi16(0x0f0e);

	return _mm256_shuffle_epi8(_mm256_permute4x64_epi64(v, 0xff), last_of_lane);
}

/* Masks of 16-bit lanes: a <= b, unsigned */
static inline __m256i
at_most(__m256i a, __m256i b)
{
	return _mm256_cmpeq_epi16(_mm256_subs_epu16(a, b), _mm256_setzero_si256());
}

/* Sixteen numbers below 256, or masks, as bytes. */
static inline __m128i
narrow(__m256i v)
{
	return _mm_packs_epi16(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
}

static inline unsigned
to_bits(__m256i mask)
{
	return (unsigned) _mm_movemask_epi8(narrow(mask));
}

/* Eight addresses: op + dst - offset, or where the mask is set in + pos. */
static inline void
store_sources(const uint8_t **src, __m128i dst, __m128i offset, __m128i pos, __m128i literal,
			  __m256i op, __m256i in)
{
	__m256i back = _mm256_sub_epi32(_mm256_cvtepu16_epi32(dst), _mm256_cvtepu16_epi32(offset));
	__m256i is_literal = _mm256_cvtepi16_epi32(literal);
	__m256i rel = _mm256_blendv_epi8(back, _mm256_cvtepu16_epi32(pos), is_literal);
	__m128i low = _mm256_castsi256_si128(rel);
	__m128i high = _mm256_extracti128_si256(rel, 1);
	__m256i low_literal = _mm256_cvtepi16_epi64(literal);
	__m256i high_literal = _mm256_cvtepi16_epi64(_mm_srli_si128(literal, 8));

	store32(src,
			_mm256_add_epi64(_mm256_cvtepi32_epi64(low), _mm256_blendv_epi8(op, in, low_literal)));
	store32(src + 4, _mm256_add_epi64(_mm256_cvtepi32_epi64(high),
									  _mm256_blendv_epi8(op, in, high_literal)));
}

static inline void
prepare(Batch *b, const LhSnappy *s)
{
	const __m256i zero = _mm256_setzero_si256();
	const __m256i sixteen = _mm256_set1_epi16(16);
	const __m256i op = _mm256_set1_epi64x((long long) (uintptr_t) s->op);
	const __m256i in = _mm256_set1_epi64x((long long) (uintptr_t) (s->ip + 1));
	const size_t done = (size_t) (s->op - s->out);
	const __m256i made = _mm256_set1_epi16((short) (done < UINT16_MAX ? done : UINT16_MAX));
	__m256i total = zero;

	measure(b);
	for (size_t i = 0; i < b->n; i += GROUP)
	{
		__m256i tags = load_wide(b->tag + i);
		__m256i lens = load_wide(b->len + i);
		__m256i pos = load32(b->pos + i);
		__m256i types = _mm256_and_si256(tags, _mm256_set1_epi16(3));
		__m256i literal = _mm256_cmpeq_epi16(types, zero);
		__m256i copy1 = _mm256_cmpeq_epi16(types, _mm256_set1_epi16(LH_SNAPPY_COPY1));
		__m256i none = _mm256_or_si256(literal, _mm256_cmpeq_epi16(lens, zero));
		__m256i high =
			_mm256_blendv_epi8(load_wide(b->byte2 + i), _mm256_srli_epi16(tags, 5), copy1);
		__m256i offset = _mm256_or_si256(load_wide(b->byte1 + i), _mm256_slli_epi16(high, 8));
		__m256i dst = _mm256_add_epi16(total, prefix_sums(lens));
		__m256i right, nearby, apart;
		unsigned wrong;

		total = spread_last(dst);
		dst = _mm256_sub_epi16(dst, lens);
		store32(b->dst + i, dst);

		right = _mm256_andnot_si256(_mm256_cmpeq_epi16(offset, zero),
									at_most(offset, _mm256_adds_epu16(made, dst)));
		wrong = ~to_bits(_mm256_or_si256(none, right)) & 0xffff;
		nearby = _mm256_andnot_si256(none, at_most(offset, sixteen));
		apart = _mm256_or_si256(none, at_most(lens, offset));
		store16(b->near + i, narrow(_mm256_and_si256(nearby, offset)));
		classify(b, i, ~to_bits(at_most(lens, sixteen)) & 0xffff, to_bits(nearby),
				 ~to_bits(apart) & 0xffff);

		store_sources(b->src + i, _mm256_castsi256_si128(dst), _mm256_castsi256_si128(offset),
					  _mm256_castsi256_si128(pos), _mm256_castsi256_si128(literal), op, in);
		store_sources(b->src + i + 8, _mm256_extracti128_si256(dst, 1),
					  _mm256_extracti128_si256(offset, 1), _mm256_extracti128_si256(pos, 1),
					  _mm256_extracti128_si256(literal, 1), op, in);
		if (__builtin_expect(wrong != 0, 0))
		{
			b->n_valid = i + (size_t) __builtin_ctz(wrong);
			b->total = b->dst[b->n_valid];
			return;
		}
	}
	b->n_valid = b->n;
	b->total = (uint16_t) _mm256_extract_epi16(total, 0);
}

void
lh_snappy_avx2(LhSnappy *s)
{
	decode_batches(s);
}

#endif
