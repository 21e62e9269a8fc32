/*
 * rle.c
 *		Decode Parquet's RLE / bit-packed hybrid runs.
 *
 * Used for dictionary codes, definition and repetition levels and booleans.
 * A page is a sequence of runs.  We hand runs, not values, to the caller:
 *
 *	1. an RLE run (value, length) costs O(1) whatever its length, so a filter
 *	   or an aggregate can work on it without expanding it;
 *	2. a bit-packed run is unpacked by the kernel chosen at load time
 *	   (kernels.h), beginning at any value of the run;
 *	3. the largest value seen is kept, so that the dictionary bound is checked
 *	   once a batch, not once a value.
 *
 * Format: https://parquet.apache.org/docs/file-format/data-pages/encodings/
 *	run := varint (length << 1) value in (width + 7) / 8 bytes
 *	     | varint (groups << 1 | 1) groups * width bytes, 8 values a group
 *
 * Two habits of writers are allowed for: the last packed run may be padded
 * beyond the number of values, and old writers cut its padding off.
 */
#include "parquet/rle.h"

#include "parquet/kernels.h"

void
lh_rle_init(LhRle *r, const uint8_t *data, size_t len, int width)
{
	*r = (LhRle){.p = data, .end = data + len, .width = (uint8_t) width};
}

/* Unsigned varint of at most 64 bits; false when it is cut off or longer. */
static inline bool
get_varint(const uint8_t **p, const uint8_t *end, uint64_t *out)
{
	uint64_t v = 0;

	if (*p < end && **p < 0x80)
	{
		*out = *(*p)++;
		return true;
	}

	for (int shift = 0; shift < 64 && *p < end; shift += 7)
	{
		uint8_t b = *(*p)++;

		v |= (uint64_t) (b & 0x7f) << shift;
		if (b < 0x80)
		{
			*out = v;
			return true;
		}
	}
	return false;
}

/* Values of a packed run of "groups" groups that the rest of the input really holds. */
static uint64_t
packed_values(const LhRle *r, uint64_t groups)
{
	uint64_t bytes = (uint64_t) (r->end - r->p);

	/* a run header of a page under 1 GB cannot mean more than this */
	if (groups > UINT32_MAX)
		groups = UINT32_MAX;
	if (r->width == 0 || groups <= bytes / r->width)
		return groups * 8;
	return bytes * 8 / r->width;
}

bool
lh_rle_next(LhRle *r)
{
	uint64_t header;
	size_t bytes = (size_t) (r->width + 7) / 8;

	r->left = 0;
	while (r->left == 0)
	{
		if (!get_varint(&r->p, r->end, &header))
			return false;
		if (header & 1)
		{
			uint64_t groups = header >> 1;
			uint64_t room = (uint64_t) (r->end - r->p);

			r->left = packed_values(r, groups);
			r->packed = r->width > 0;
			r->bits = r->p;
			r->pos = 0;
			r->value = 0; /* of width 0 */
			r->p = r->width > 0 && groups > room / r->width ? r->end : r->p + groups * r->width;
		}
		else
		{
			if ((size_t) (r->end - r->p) < bytes)
				return false;
			r->left = header >> 1;
			r->packed = false;
			r->value = 0;
			memcpy(&r->value, r->p, bytes);
			r->p += bytes;
		}
	}
	return true;
}

void
lh_rle_unpack(LhRle *r, size_t k, uint32_t *out, uint32_t *max)
{
	uint64_t bit = r->pos * r->width;

	lh_pq_kernels->unpack32(r->bits + (bit >> 3), (int) (bit & 7), r->width, k, out, max);
	lh_rle_take(r, k);
}

size_t
lh_rle_read(LhRle *r, size_t n, uint32_t *out, uint32_t *max)
{
	return lh_pq_kernels->rle_read(r, n, out, max);
}

size_t
lh_rle_read_any(LhRle *r, size_t n, uint32_t *out, uint32_t *max)
{
	size_t done = 0;

	while (done < n && lh_rle_more(r))
	{
		size_t k = n - done < r->left ? n - done : (size_t) r->left;

		if (r->packed)
			lh_rle_unpack(r, k, out + done, max);
		else
		{
			for (size_t i = 0; i < k; i++)
				out[done + i] = r->value;
			if (r->value > *max)
				*max = r->value;
			lh_rle_take(r, k);
		}
		done += k;
	}
	return done;
}

uint64_t
lh_rle_skip(LhRle *r, uint64_t n)
{
	uint64_t done = 0;

	while (done < n && lh_rle_more(r))
	{
		uint64_t k = n - done < r->left ? n - done : r->left;

		lh_rle_take(r, k);
		done += k;
	}
	return done;
}
