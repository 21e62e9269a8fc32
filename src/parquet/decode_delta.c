/*
 * decode_delta.c
 *		DELTA_BINARY_PACKED, DELTA_LENGTH_BYTE_ARRAY and DELTA_BYTE_ARRAY.
 *
 * DELTA_BINARY_PACKED is a header (block size, miniblocks a block, number of
 * values, first value) and blocks.  A block is its smallest delta, a width for
 * each miniblock, and the miniblocks: deltas less the smallest, bit-packed.
 *
 *	1. sums wrap around: a delta may need one bit more than the type has;
 *	2. widths of miniblocks that no value needs may be anything, and those
 *	   miniblocks have no bytes;
 *	3. the last miniblock that is needed may be cut off behind its last value;
 *	4. writers that count in 64 bits (DuckDB) give differences of INT32 up to 34
 *	   bits; their low 32 bits are all that matters.
 *
 * DELTA_LENGTH_BYTE_ARRAY is the lengths so coded, then all bytes, which are
 * handed out where they lie.  DELTA_BYTE_ARRAY is the lengths of prefixes
 * shared with the value before, so coded, then the suffixes as
 * DELTA_LENGTH_BYTE_ARRAY; a value that shares something is put together in a
 * block that lives as long as the vector.
 *
 * Format: https://parquet.apache.org/docs/file-format/data-pages/encodings/
 */
#include "parquet/decode.h"
#include "parquet/kernels.h"

/* Deltas unpacked at a time. */
#define STEP 256
/* Bytes of values made for one batch: more is a bomb. */
#define MAX_MADE ((uint64_t) 1 << 30)

static LhStatus
malformed(LhCtx *ctx, const char *what)
{
	LH_FAIL(ctx, LH_CORRUPT, "DELTA_BINARY_PACKED: %s", what);
}

/* Unsigned varint; false when it is cut off. */
static bool
get_varint(LhPqDelta *d, uint64_t *out)
{
	uint64_t v = 0;

	for (int shift = 0; shift < 70 && d->p < d->end; shift += 7)
	{
		uint8_t b = *d->p++;

		if (shift < 64)
			v |= (uint64_t) (b & 0x7f) << shift;
		if (b < 0x80)
		{
			*out = v;
			return true;
		}
	}
	return false;
}

static bool
get_zigzag(LhPqDelta *d, uint64_t *out)
{
	uint64_t v;

	if (!get_varint(d, &v))
		return false;
	*out = v >> 1 ^ -(v & 1);
	return true;
}

static LhStatus
delta_start(LhCtx *ctx, LhPqDelta *d, const uint8_t *p, const uint8_t *end, bool wide)
{
	uint64_t block;

	*d = (LhPqDelta){.p = p, .end = end, .wide = wide};
	/* a page of nulls may have no values at all */
	if (p == end)
		return LH_OK;
	if (!get_varint(d, &block) || !get_varint(d, &d->minis) || !get_varint(d, &d->left) ||
		!get_zigzag(d, &d->last))
		return malformed(ctx, "header is cut off");
	if (block == 0 || block % 128 != 0 || block > UINT32_MAX)
		return malformed(ctx, "block size is not a multiple of 128");
	if (d->minis == 0 || d->minis > block || block % d->minis != 0 || block / d->minis % 32 != 0)
		return malformed(ctx, "block does not divide into miniblocks of a multiple of 32 values");
	if (d->left > UINT32_MAX)
		return malformed(ctx, "number of values is out of range");
	d->per_mini = block / d->minis;
	d->mini = d->minis;
	d->first = d->left > 0;
	return LH_OK;
}

/* Begin the next miniblock. */
static LhStatus
next_mini(LhCtx *ctx, LhPqDelta *d)
{
	uint64_t room,
		bytes;

	if (d->mini == d->minis)
	{
		if (!get_zigzag(d, &d->min) || (uint64_t) (d->end - d->p) < d->minis)
			return malformed(ctx, "header of a block is cut off");
		d->widths = d->p;
		d->p += d->minis;
		d->mini = 0;
	}
	d->width = d->widths[d->mini++];
	if (d->width > 64)
		return malformed(ctx, "width of a miniblock exceeds 64 bits");
	room = (uint64_t) (d->end - d->p);
	bytes = d->per_mini / 8 * (uint64_t) d->width;
	d->bits = d->p;
	d->mini_at = 0;
	d->mini_left = bytes <= room ? d->per_mini : room * 8 / (uint64_t) d->width;
	d->p += bytes <= room ? bytes : room;
	if (d->mini_left == 0)
		return malformed(ctx, "fewer values than its header promises");
	return LH_OK;
}

/* Deltas of a type of 32 bits, which may be wider than the type. */
static void
unpack_narrow(const LhPqDelta *d, const uint8_t *in, int shift, size_t k, uint32_t *delta)
{
	uint64_t wide[STEP];
	uint32_t most = 0;

	if (d->width <= 32)
	{
		lh_pq_kernels->unpack32(in, shift, d->width, k, delta, &most);
		return;
	}
	lh_pq_kernels->unpack64(in, shift, d->width, k, wide);
	for (size_t i = 0; i < k; i++)
		delta[i] = (uint32_t) wide[i];
}

/* k (at most STEP and mini_left) values of the miniblock; out has 4 or 8 bytes a value. */
static void
sum_mini(LhPqDelta *d, size_t k, void *out)
{
	const LhPqKernels *kernels = lh_pq_kernels;
	uint64_t bit = d->mini_at * (uint64_t) d->width;
	const uint8_t *in = d->bits + (bit >> 3);
	int shift = (int) (bit & 7);

	if (d->wide)
	{
		uint64_t delta[STEP];

		kernels->unpack64(in, shift, d->width, k, delta);
		kernels->sum64(delta, d->min, k, &d->last, out);
	}
	else
	{
		uint32_t delta[STEP];
		uint32_t last = (uint32_t) d->last;

		unpack_narrow(d, in, shift, k, delta);
		kernels->sum32(delta, (uint32_t) d->min, k, &last, out);
		d->last = last;
	}
	d->mini_at += k;
	d->mini_left -= k;
	d->left -= k;
}

/* The next n values, as uint32_t or uint64_t. */
static LhStatus
delta_read(LhCtx *ctx, LhPqDelta *d, size_t n, void *out)
{
	size_t width = d->wide ? 8 : 4;
	uint8_t *o = out;

	if (n > d->left)
		return malformed(ctx, "fewer values than the page promises");
	if (n > 0 && d->first)
	{
		memcpy(o, &d->last, width);
		d->first = false;
		d->left--;
		o += width;
		n--;
	}
	while (n > 0)
	{
		size_t k = n < STEP ? n : STEP;

		if (d->mini_left == 0)
			LH_TRY(next_mini(ctx, d));
		if (k > d->mini_left)
			k = (size_t) d->mini_left;
		sum_mini(d, k, o);
		o += k * width;
		n -= k;
	}
	return LH_OK;
}

static LhStatus
delta_skip(LhCtx *ctx, LhPqDelta *d, size_t n)
{
	uint64_t ignored[STEP];

	/* every value depends on the one before: there is no short cut */
	while (n > 0)
	{
		size_t k = n < STEP ? n : STEP;

		LH_TRY(delta_read(ctx, d, k, ignored));
		n -= k;
	}
	return LH_OK;
}

/* Where the coded values of a fresh d end, without unpacking any. */
static LhStatus
delta_end(LhCtx *ctx, const LhPqDelta *d, const uint8_t **end)
{
	LhPqDelta walk = *d;
	uint64_t left = walk.left > 0 ? walk.left - 1 : 0;

	while (left > 0)
	{
		LH_TRY(next_mini(ctx, &walk));
		left -= left < walk.mini_left ? left : walk.mini_left;
	}
	*end = walk.p;
	return LH_OK;
}

/* INT32 and INT64 */

static LhStatus
start_ints(LhCtx *ctx, LhPqDecoder *d)
{
	return delta_start(ctx, &d->delta, d->p, d->end, d->physical == LH_PQ_INT64);
}

static LhStatus
read_ints(LhCtx *ctx, LhPqDecoder *d, size_t n, void *out)
{
	return delta_read(ctx, &d->delta, n, out);
}

static LhStatus
skip_ints(LhCtx *ctx, LhPqDecoder *d, size_t n)
{
	return delta_skip(ctx, &d->delta, n);
}

const LhPqDecoderOps lh_pq_delta_ints = {start_ints, read_ints, skip_ints, NULL};

/* Lengths, then bytes */

static LhStatus
start_length(LhCtx *ctx, LhPqDecoder *d)
{
	LH_TRY(delta_start(ctx, &d->bytes.lengths, d->p, d->end, false));
	return delta_end(ctx, &d->bytes.lengths, &d->p);
}

/* Check n lengths of bytes that follow each other at d->p. */
static LhStatus
check_lengths(LhCtx *ctx, const LhPqDecoder *d, const uint32_t *len, size_t n)
{
	uint64_t total = 0;

	for (size_t i = 0; i < n; i++)
		total += len[i];
	return total <= (uint64_t) (d->end - d->p) ? LH_OK : lh_pq_decoder_short(ctx, d);
}

static LhStatus
read_length(LhCtx *ctx, LhPqDecoder *d, size_t n, void *out)
{
	LhStr *str = out;

	for (size_t done = 0; done < n;)
	{
		uint32_t len[STEP];
		size_t k = n - done < STEP ? n - done : STEP;

		LH_TRY(delta_read(ctx, &d->bytes.lengths, k, len));
		LH_TRY(check_lengths(ctx, d, len, k));
		for (size_t i = 0; i < k; i++)
		{
			str[done + i] = (LhStr){d->p, len[i], 0};
			d->p += len[i];
		}
		done += k;
	}
	return LH_OK;
}

static LhStatus
skip_length(LhCtx *ctx, LhPqDecoder *d, size_t n)
{
	LhStr ignored[STEP];

	for (size_t done = 0; done < n; done += STEP)
		LH_TRY(read_length(ctx, d, n - done < STEP ? n - done : STEP, ignored));
	return LH_OK;
}

const LhPqDecoderOps lh_pq_delta_length = {start_length, read_length, skip_length, NULL};

/* Prefix lengths, suffix lengths, suffixes */

static LhStatus
start_bytes(LhCtx *ctx, LhPqDecoder *d)
{
	const uint8_t *suffixes;

	LH_TRY(delta_start(ctx, &d->bytes.prefixes, d->p, d->end, false));
	LH_TRY(delta_end(ctx, &d->bytes.prefixes, &suffixes));
	LH_TRY(delta_start(ctx, &d->bytes.lengths, suffixes, d->end, false));
	LH_TRY(delta_end(ctx, &d->bytes.lengths, &d->p));
	d->bytes.last = (LhStr){d->p, 0, 0};
	return LH_OK;
}

/*
 * Bytes that n values need which share a prefix with their predecessor; the
 * others lie in the page.  Checks all lengths.
 */
static LhStatus
bytes_to_make(LhCtx *ctx, const LhPqDecoder *d, const uint32_t *prefix, const uint32_t *suffix,
			  size_t n, uint64_t *made)
{
	uint64_t last = d->bytes.last.len;

	*made = 0;
	LH_TRY(check_lengths(ctx, d, suffix, n));
	for (size_t i = 0; i < n; i++)
	{
		uint64_t len = (uint64_t) prefix[i] + suffix[i];

		if (prefix[i] > last)
			LH_FAIL(ctx, LH_CORRUPT, "DELTA_BYTE_ARRAY: prefix of %u bytes of a value of %llu bytes",
					prefix[i], (unsigned long long) last);
		if (d->physical == LH_PQ_FLBA && len != d->width)
			LH_FAIL(ctx, LH_CORRUPT, "DELTA_BYTE_ARRAY: value of %llu bytes in a column of %zu bytes",
					(unsigned long long) len, d->width);
		if (prefix[i] > 0)
			*made += len;
		if (*made + d->pool->made > MAX_MADE)
			LH_FAIL(ctx, LH_LIMIT, "DELTA_BYTE_ARRAY: values of one batch exceed %llu bytes",
					(unsigned long long) MAX_MADE);
		last = len;
	}
	return LH_OK;
}

/* Put the values together; room has what bytes_to_make said.  fixed or str is written. */
static void
make_values(LhPqDecoder *d, const uint32_t *prefix, const uint32_t *suffix, size_t n,
			uint8_t *room, LhStr *str)
{
	LhStr last = d->bytes.last;

	for (size_t i = 0; i < n; i++)
	{
		if (prefix[i] == 0)
			last = (LhStr){d->p, suffix[i], 0};
		else
		{
			memcpy(room, last.ptr, prefix[i]);
			memcpy(room + prefix[i], d->p, suffix[i]);
			last = (LhStr){room, prefix[i] + suffix[i], 0};
			room += last.len;
		}
		d->p += suffix[i];
		str[i] = last;
	}
	d->bytes.last = last;
}

/* The last value must outlive the vector: its page or block may be reused. */
static LhStatus
keep_last(LhCtx *ctx, LhPqDecoder *d, bool in_page)
{
	LhStr *last = &d->bytes.last;

	if (in_page || last->ptr == d->keep.data)
		return LH_OK;
	LH_TRY(lh_buf_reserve(ctx, &d->keep, (size_t) last->len + 1));
	memcpy(d->keep.data, last->ptr, last->len);
	last->ptr = d->keep.data;
	return LH_OK;
}

/*
 * n (at most STEP) values; when pin is set they live on until the next unpin,
 * else until the next call.
 */
static LhStatus
read_some(LhCtx *ctx, LhPqDecoder *d, size_t n, bool pin, LhStr *str)
{
	uint32_t prefix[STEP],
		suffix[STEP];
	uint64_t made;
	uint8_t *room = NULL;

	LH_TRY(delta_read(ctx, &d->bytes.prefixes, n, prefix));
	LH_TRY(delta_read(ctx, &d->bytes.lengths, n, suffix));
	LH_TRY(bytes_to_make(ctx, d, prefix, suffix, n, &made));
	if (made > 0 && pin)
	{
		LhPqBlock *block;

		LH_TRY(lh_pq_block_take(ctx, d->pool, made, LH_PQ_FLOOR, &block));
		lh_pq_block_pin(d->pool, block);
		lh_pq_block_release(d->pool, block);
		d->pool->made += made;
		room = block->buf.data;
	}
	else if (made > 0)
	{
		LH_TRY(lh_buf_fit(ctx, &d->work, made));
		room = d->work.data;
	}
	make_values(d, prefix, suffix, n, room, str);
	return keep_last(ctx, d, n == 0 || prefix[n - 1] == 0);
}

static LhStatus
read_delta_bytes(LhCtx *ctx, LhPqDecoder *d, size_t n, void *out)
{
	bool fixed = d->physical == LH_PQ_FLBA;
	LhStr *str = out;
	uint8_t *o = out;

	for (size_t done = 0; done < n;)
	{
		LhStr some[STEP];
		size_t k = n - done < STEP ? n - done : STEP;

		LH_TRY(read_some(ctx, d, k, !fixed, fixed ? some : str + done));
		for (size_t i = 0; fixed && i < k; i++)
			memcpy(o + (done + i) * d->width, some[i].ptr, d->width);
		done += k;
	}
	return LH_OK;
}

static LhStatus
skip_delta_bytes(LhCtx *ctx, LhPqDecoder *d, size_t n)
{
	LhStr ignored[STEP];

	for (size_t done = 0; done < n; done += STEP)
		LH_TRY(read_some(ctx, d, n - done < STEP ? n - done : STEP, false, ignored));
	return LH_OK;
}

const LhPqDecoderOps lh_pq_delta_bytes = {start_bytes, read_delta_bytes, skip_delta_bytes, NULL};
