/*
 * levels.c
 *		Definition and repetition levels: which values are there, and where lists begin.
 *
 * Levels are coded as RLE hybrid (rle.c) or, by old writers, as BIT_PACKED.
 * For a flat column only one question is asked: is the level the largest, that
 * is, is the row not null?  So levels become a bitmap directly:
 *
 *	1. an RLE run sets a range of bits, whole words at a time;
 *	2. packed levels of one bit are the bitmap: they are copied, shifted;
 *	3. wider packed levels are unpacked and compared.
 *
 * Format: https://parquet.apache.org/docs/file-format/data-pages/encodings/
 */
#include "parquet/levels.h"

#include "parquet/kernels.h"

/* Levels unpacked at a time. */
#define STEP 256

void
lh_pq_levels_init(LhPqLevels *lv, const uint8_t *data, size_t len, int max, bool bit_packed)
{
	*lv = (LhPqLevels){.width = lh_pq_level_width(max), .max = max, .bit_packed = bit_packed};
	if (max == 0)
		return;
	lv->bits = data;
	lv->have = (uint64_t) len * 8 / (uint64_t) lv->width;
	lh_rle_init(&lv->rle, data, len, lv->width);
}

/* n (1..64) bits of *p from bit "bit" on; reads up to 9 bytes. */
static inline uint64_t
get_bits(const uint8_t *p, uint64_t bit, size_t n)
{
	int s = (int) (bit & 7);
	uint64_t w;

	p += bit >> 3;
	w = lh_load_u64(p) >> s;
	if (s > 0)
		w |= (uint64_t) p[8] << (64 - s);
	return w & lh_low_bits((int) n);
}

/* Copy n bits from bit "bit" of *p to bits from.. of out, which are 0; returns the number set. */
static size_t
copy_bits(const uint8_t *p, uint64_t bit, size_t n, uint64_t *out, size_t from)
{
	size_t set = 0;

	while (n > 0)
	{
		size_t room = 64 - (from & 63);
		size_t k = n < room ? n : room;
		uint64_t w = get_bits(p, bit, k);

		out[from >> 6] |= w << (from & 63);
		set += (size_t) __builtin_popcountll(w);
		bit += k;
		from += k;
		n -= k;
	}
	return set;
}

static size_t
count_bits(const uint8_t *p, uint64_t bit, size_t n)
{
	size_t set = 0;

	for (size_t i = 0; i < n; i += 64)
		set += (size_t) __builtin_popcountll(get_bits(p, bit + i, n - i < 64 ? n - i : 64));
	return set;
}

/* Up to STEP levels of a packed run wider than one bit. */
static bool
unpack_step(LhPqLevels *lv, size_t k, uint32_t *out)
{
	uint32_t most = 0;

	lh_rle_unpack(&lv->rle, k, out, &most);
	return most <= (uint32_t) lv->max;
}

/* Level at: BIT_PACKED fills each byte from its most significant bit. */
static int
bit_packed_level(const LhPqLevels *lv, uint64_t at)
{
	uint64_t bit = at * (uint64_t) lv->width;
	int level = 0;

	for (int i = 0; i < lv->width; i++, bit++)
		level = level << 1 | (lv->bits[bit >> 3] >> (7 - (bit & 7)) & 1);
	return level;
}

/* Levels of the deprecated encoding; bits and out may be NULL. */
static bool
take_bit_packed(LhPqLevels *lv, size_t n, uint64_t *bits, size_t from, size_t *nset, uint8_t *out)
{
	size_t set = 0;

	if (n > lv->have - lv->at)
		return false;
	for (size_t i = 0; i < n; i++)
	{
		int level = bit_packed_level(lv, lv->at++);

		if (level > lv->max)
			return false;
		if (out != NULL)
			out[i] = (uint8_t) level;
		if (level < lv->max)
			continue;
		set++;
		if (bits != NULL)
			lh_bit_set(bits, from + i);
	}
	*nset = set;
	return true;
}

bool
lh_pq_levels_bitmap(LhPqLevels *lv, size_t n, uint64_t *bits, size_t from, size_t *nset)
{
	LhRle *r = &lv->rle;
	size_t set = 0;

	if (lv->bit_packed)
		return take_bit_packed(lv, n, bits, from, nset, NULL);
	while (n > 0)
	{
		size_t k;

		if (!lh_rle_more(r))
			return false;
		k = n < r->left ? n : (size_t) r->left;
		if (!r->packed)
		{
			if (r->value > (uint32_t) lv->max)
				return false;
			if (r->value == (uint32_t) lv->max)
			{
				lh_bits_set_range(bits, from, from + k);
				set += k;
			}
			lh_rle_take(r, k);
		}
		else if (lv->width == 1)
		{
			set += copy_bits(r->bits, r->pos, k, bits, from);
			lh_rle_take(r, k);
		}
		else
		{
			uint32_t level[STEP];

			k = k < STEP ? k : STEP;
			if (!unpack_step(lv, k, level))
				return false;
			for (size_t i = 0; i < k; i++)
			{
				uint64_t is = level[i] == (uint32_t) lv->max;

				bits[(from + i) >> 6] |= is << ((from + i) & 63);
				set += is;
			}
		}
		from += k;
		n -= k;
	}
	*nset = set;
	return true;
}

bool
lh_pq_levels_count(LhPqLevels *lv, size_t n, size_t *nset)
{
	LhRle *r = &lv->rle;
	size_t set = 0;

	if (lv->bit_packed)
		return take_bit_packed(lv, n, NULL, 0, nset, NULL);
	while (n > 0)
	{
		size_t k;

		if (!lh_rle_more(r))
			return false;
		k = n < r->left ? n : (size_t) r->left;
		if (!r->packed)
		{
			if (r->value > (uint32_t) lv->max)
				return false;
			set += r->value == (uint32_t) lv->max ? k : 0;
			lh_rle_take(r, k);
		}
		else if (lv->width == 1)
		{
			set += count_bits(r->bits, r->pos, k);
			lh_rle_take(r, k);
		}
		else
		{
			uint32_t level[STEP];

			k = k < STEP ? k : STEP;
			if (!unpack_step(lv, k, level))
				return false;
			for (size_t i = 0; i < k; i++)
				set += level[i] == (uint32_t) lv->max;
		}
		n -= k;
	}
	*nset = set;
	return true;
}

bool
lh_pq_levels_read(LhPqLevels *lv, size_t n, uint8_t *out)
{
	LhRle *r = &lv->rle;
	size_t ignored;

	if (lv->max == 0)
	{
		memset(out, 0, n);
		return true;
	}
	if (lv->bit_packed)
		return take_bit_packed(lv, n, NULL, 0, &ignored, out);
	while (n > 0)
	{
		size_t k;

		if (!lh_rle_more(r))
			return false;
		k = n < r->left ? n : (size_t) r->left;
		if (!r->packed)
		{
			if (r->value > (uint32_t) lv->max)
				return false;
			memset(out, (int) r->value, k);
			lh_rle_take(r, k);
		}
		else
		{
			uint32_t level[STEP];

			k = k < STEP ? k : STEP;
			if (!unpack_step(lv, k, level))
				return false;
			for (size_t i = 0; i < k; i++)
				out[i] = (uint8_t) level[i];
		}
		out += k;
		n -= k;
	}
	return true;
}
