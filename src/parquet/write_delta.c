/*
 * write_delta.c
 *		Encode DELTA_BINARY_PACKED, DELTA_LENGTH_BYTE_ARRAY and DELTA_BYTE_ARRAY.
 *
 * DELTA_BINARY_PACKED: a header with the first value, then blocks of 128
 * differences: the smallest of the block, the widths of its four miniblocks,
 * and each miniblock's 32 differences less the smallest, bit-packed.
 * Differences wrap around in the width of the type, so that no value is a
 * special case.  Blocks and miniblocks have the sizes that all other writers
 * use, because some readers know no others.
 *
 * Format: https://parquet.apache.org/docs/file-format/data-pages/encodings/
 */
#include "parquet/write_encode.h"

#define BLOCK 128
#define MINIS 4
#define MINI  (BLOCK / MINIS)

/* Header of a block and its miniblocks, at most. */
#define BLOCK_BYTES  (10 + MINIS + BLOCK * 8 + 8)
#define HEADER_BYTES 40

static uint8_t *
put_varint(uint8_t *out, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		*out++ = (uint8_t) (v | 0x80);
	*out++ = (uint8_t) v;
	return out;
}

static uint8_t *
put_zigzag(uint8_t *out, int64_t v)
{
	return put_varint(out, ((uint64_t) v << 1) ^ (uint64_t) (v >> 63));
}

#define VALUE   uint64_t
#define NAME(x) x##_narrow
#include "parquet/write_pack_loops.h"
#undef VALUE
#undef NAME

/* MINI values of up to 64 bits. */
static uint8_t *
pack_wide(const uint64_t *v, int width, uint8_t *out)
{
	LhU128 acc = 0;
	int fill = 0;

	for (int i = 0; i < MINI; i++)
	{
		acc |= (LhU128) v[i] << fill;
		fill += width;
		if (fill >= 64)
		{
			uint64_t word = (uint64_t) acc;

			memcpy(out, &word, 8);
			out += 8;
			acc >>= 64;
			fill -= 64;
		}
	}
	/* 32 values of an odd width end in the middle of a word, on a byte */
	memcpy(out, &acc, (size_t) fill / 8);
	return out + fill / 8;
}

/* A block of n (1..BLOCK) differences; those behind n are overwritten. */
static uint8_t *
put_block(int64_t *deltas, size_t n, uint8_t *out)
{
	uint64_t rest[BLOCK];
	uint8_t *widths;
	int64_t min = deltas[0];

	for (size_t i = 1; i < n; i++)
		min = deltas[i] < min ? deltas[i] : min;
	for (size_t i = n; i < BLOCK; i++)
		deltas[i] = min;
	for (size_t i = 0; i < BLOCK; i++)
		rest[i] = (uint64_t) deltas[i] - (uint64_t) min;
	out = put_zigzag(out, min);
	widths = out;
	out += MINIS;
	for (size_t m = 0; m < MINIS; m++)
	{
		const uint64_t *v = rest + m * MINI;
		uint64_t any = 0;
		int width;

		for (size_t i = 0; i < MINI; i++)
			any |= v[i];
		width = any == 0 ? 0 : 64 - __builtin_clzll(any);
		widths[m] = (uint8_t) width;
		/* miniblocks without a value take no bytes; their width is 0 */
		if (width > 0)
			out = width <= 32 ? pack_narrow(v, MINI, width, out) : pack_wide(v, width, out);
	}
	return out;
}

static LhStatus
begin(LhCtx *ctx, size_t n, int64_t first, LhBuf *out)
{
	uint8_t *p;

	LH_TRY(lh_buf_reserve(ctx, out, out->len + HEADER_BYTES));
	p = put_varint(out->data + out->len, BLOCK);
	p = put_varint(p, MINIS);
	p = put_varint(p, n);
	p = put_zigzag(p, first);
	out->len = (size_t) (p - out->data);
	return LH_OK;
}

LhStatus
lh_pqw_delta32(LhCtx *ctx, const int32_t *v, size_t n, LhBuf *out)
{
	int64_t deltas[BLOCK];

	LH_TRY(begin(ctx, n, n > 0 ? v[0] : 0, out));
	for (size_t from = 1; from < n; from += BLOCK)
	{
		size_t k = n - from < BLOCK ? n - from : BLOCK;

		for (size_t i = 0; i < k; i++)
			deltas[i] = (int32_t) ((uint32_t) v[from + i] - (uint32_t) v[from + i - 1]);
		LH_TRY(lh_buf_reserve(ctx, out, out->len + BLOCK_BYTES));
		out->len = (size_t) (put_block(deltas, k, out->data + out->len) - out->data);
	}
	return LH_OK;
}

LhStatus
lh_pqw_delta64(LhCtx *ctx, const int64_t *v, size_t n, LhBuf *out)
{
	int64_t deltas[BLOCK];

	LH_TRY(begin(ctx, n, n > 0 ? v[0] : 0, out));
	for (size_t from = 1; from < n; from += BLOCK)
	{
		size_t k = n - from < BLOCK ? n - from : BLOCK;

		for (size_t i = 0; i < k; i++)
			deltas[i] = (int64_t) ((uint64_t) v[from + i] - (uint64_t) v[from + i - 1]);
		LH_TRY(lh_buf_reserve(ctx, out, out->len + BLOCK_BYTES));
		out->len = (size_t) (put_block(deltas, k, out->data + out->len) - out->data);
	}
	return LH_OK;
}

LhStatus
lh_pqw_delta_lengths(LhCtx *ctx, const LhPqwValues *v, LhBuf *out)
{
	const uint32_t *ends = lh_pqw_ends(v);
	int32_t *lengths;
	LhBuf buf;

	LH_TRY(lh_buf_init(ctx, &buf, true));
	LH_TRY(lh_buf_reserve(ctx, &buf, v->n * sizeof(*lengths) + 1));
	lengths = (int32_t *) (void *) buf.data;
	for (size_t i = 0; i < v->n; i++)
		lengths[i] = (int32_t) (ends[i] - (i > 0 ? ends[i - 1] : 0));
	LH_TRY(lh_pqw_delta32(ctx, lengths, v->n, out));
	lh_buf_free(&buf);
	return lh_buf_append(ctx, out, v->data.data, v->data.len);
}

static size_t
common_prefix(LhSlice a, LhSlice b)
{
	size_t most = a.len < b.len ? a.len : b.len, i = 0;

	for (; i + 8 <= most; i += 8)
	{
		uint64_t diff = lh_load_u64(a.data + i) ^ lh_load_u64(b.data + i);

		if (diff != 0)
			return i + (size_t) __builtin_ctzll(diff) / 8;
	}
	while (i < most && a.data[i] == b.data[i])
		i++;
	return i;
}

/* Each value is what it shares with the one before, and the rest as DELTA_LENGTH_BYTE_ARRAY. */
LhStatus
lh_pqw_delta_bytes(LhCtx *ctx, const LhPqwValues *v, LhBuf *out)
{
	int32_t *prefixes;
	LhPqwValues rest;
	LhSlice before = {0};
	LhBuf buf;

	LH_TRY(lh_buf_init(ctx, &buf, true));
	LH_TRY(lh_buf_reserve(ctx, &buf, v->n * sizeof(*prefixes) + 1));
	LH_TRY(lh_pqw_values_init(ctx, &rest, 0));
	prefixes = (int32_t *) (void *) buf.data;
	for (size_t i = 0; i < v->n; i++)
	{
		LhSlice value = lh_pqw_value(v, i);
		size_t same = common_prefix(before, value);
		LhStr tail = {value.data + same, (uint32_t) (value.len - same), 0};

		prefixes[i] = (int32_t) same;
		LH_TRY(lh_pqw_values_add_strs(ctx, &rest, &tail, 1));
		before = value;
	}
	LH_TRY(lh_pqw_delta32(ctx, prefixes, v->n, out));
	LH_TRY(lh_pqw_delta_lengths(ctx, &rest, out));
	lh_buf_free(&buf);
	lh_pqw_values_free(&rest);
	return LH_OK;
}
