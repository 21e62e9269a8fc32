/*
 * leaf.c
 *		Leaves: booleans, numbers, strings, decimals.
 *
 * Each kind reads values that exist one behind the other; tree.c puts them on
 * their slots.  Where the lane of the type is how the file has them (floats,
 * bytes of fixed length), they are lent from the stream's buffer.
 *
 * Format: https://orc.apache.org/specification/ORCv1/ "Column Encodings"
 */
#include "orc/kernels.h"
#include "orc/reader.h"

LhStatus
lh_orc_leaf_stream(LhCtx *ctx, LhOrcReader *r, LhOrcStream *s, int kind)
{
	return lh_orc_stream_init(ctx, s, r->file, kind, lh_orc_find_stream(r->stripe, r->node->column, kind));
}

LhStatus
lh_orc_leaf_rle(LhCtx *ctx, LhOrcStream *s, bool is_signed, bool v2, LhOrcRle **out)
{
	void *mem;

	LH_TRY(lh_orc_floor(ctx, 1, sizeof(**out), &mem));
	*out = mem;
	lh_orc_rle_init(*out, s, is_signed, v2);
	return LH_OK;
}

/* Are there enough numbers for a stream's place? */
LhStatus
lh_orc_places(LhCtx *ctx, const LhOrcStream *s, size_t extra, size_t *left)
{
	size_t n = (size_t) lh_orc_stream_places(s) + extra;

	if (*left < n)
		LH_FAIL(ctx, LH_CORRUPT, "row index is damaged: expected %zu numbers for stream %s, found %zu", n,
				lh_orc_stream_name(s->kind), *left);
	*left -= n;
	return LH_OK;
}

/*
 * Integers, days, times
 */

static LhStatus
open_integers(LhCtx *ctx, LhOrcReader *r)
{
	LH_TRY(lh_orc_leaf_stream(ctx, r, &r->data, LH_ORC_DATA));
	return lh_orc_leaf_rle(ctx, &r->data, true, r->v2, &r->first_rle);
}

static LhStatus
read_integers(LhCtx *ctx, LhOrcReader *r, size_t n, void *out)
{
	switch (r->node->kind)
	{
		case LH_ORC_LONG: return lh_orc_rle_read(ctx, r->first_rle, n, out);
		case LH_ORC_SHORT: return lh_orc_rle_read32(ctx, r->first_rle, n, INT16_MIN, INT16_MAX, out);
		default: break;
	}
	LH_TRY(lh_orc_rle_read32(ctx, r->first_rle, n, INT32_MIN, INT32_MAX, out));
	if (r->node->kind == LH_ORC_DATE && r->file->meta->hybrid)
	{
		int32_t *days = out;

		for (size_t i = 0; i < n; i++)
			if (days[i] < LH_GREGORIAN_START)
			{
				int64_t day = lh_days_from_hybrid(days[i]);

				/* no day that PostgreSQL knows is that far away */
				days[i] = day < INT32_MIN ? INT32_MIN : (int32_t) day;
			}
	}
	return LH_OK;
}

static LhStatus
skip_integers(LhCtx *ctx, LhOrcReader *r, uint64_t n)
{
	return lh_orc_rle_skip(ctx, r->first_rle, n);
}

static LhStatus
seek_integers(LhCtx *ctx, LhOrcReader *r, const uint64_t **place, size_t *left)
{
	LH_TRY(lh_orc_places(ctx, &r->data, 1, left));
	LH_TRY(lh_orc_rle_seek(ctx, r->first_rle, *place));
	*place += lh_orc_stream_places(&r->data) + 1;
	return LH_OK;
}

static void
rewind_integers(LhOrcReader *r)
{
	lh_orc_stream_rewind(&r->data);
	lh_orc_rle_reset(r->first_rle);
}

static const LhOrcLeafOps integer_ops = {open_integers, read_integers, NULL, skip_integers, seek_integers,
										 rewind_integers};

/*
 * Bytes
 */

static LhStatus
open_bytes(LhCtx *ctx, LhOrcReader *r)
{
	LH_TRY(lh_orc_leaf_stream(ctx, r, &r->data, LH_ORC_DATA));
	lh_orc_bytes_init(&r->bytes, &r->data);
	return LH_OK;
}

static LhStatus
read_bytes(LhCtx *ctx, LhOrcReader *r, size_t n, void *out)
{
	int32_t *values = out;
	uint8_t bytes[LH_BATCH];

	while (n > 0)
	{
		size_t k = n < LH_BATCH ? n : LH_BATCH;

		LH_TRY(lh_orc_bytes_read(ctx, &r->bytes, k, bytes));
		for (size_t i = 0; i < k; i++)
			values[i] = (int8_t) bytes[i];
		values += k;
		n -= k;
	}
	return LH_OK;
}

static LhStatus
skip_bytes(LhCtx *ctx, LhOrcReader *r, uint64_t n)
{
	return lh_orc_bytes_skip(ctx, &r->bytes, n);
}

static LhStatus
seek_bytes(LhCtx *ctx, LhOrcReader *r, const uint64_t **place, size_t *left)
{
	LH_TRY(lh_orc_places(ctx, &r->data, 1, left));
	LH_TRY(lh_orc_bytes_seek(ctx, &r->bytes, *place));
	*place += lh_orc_stream_places(&r->data) + 1;
	return LH_OK;
}

static void
rewind_bytes(LhOrcReader *r)
{
	lh_orc_stream_rewind(&r->data);
	lh_orc_bytes_reset(&r->bytes);
}

static const LhOrcLeafOps byte_ops = {open_bytes, read_bytes, NULL, skip_bytes, seek_bytes, rewind_bytes};

/*
 * Booleans
 */

static LhStatus
open_bools(LhCtx *ctx, LhOrcReader *r)
{
	LH_TRY(lh_orc_leaf_stream(ctx, r, &r->data, LH_ORC_DATA));
	lh_orc_bits_init(&r->bits, &r->data);
	return LH_OK;
}

static LhStatus
read_bools(LhCtx *ctx, LhOrcReader *r, size_t n, void *out)
{
	uint8_t *values = out;
	uint64_t bits[LH_BATCH_WORDS];

	while (n > 0)
	{
		size_t k = n < LH_BATCH ? n : LH_BATCH;

		LH_TRY(lh_orc_bits_read(ctx, &r->bits, k, bits));
		for (size_t i = 0; i < k; i++)
			values[i] = bits[i >> 6] >> (i & 63) & 1;
		values += k;
		n -= k;
	}
	return LH_OK;
}

static LhStatus
skip_bools(LhCtx *ctx, LhOrcReader *r, uint64_t n)
{
	uint64_t set;

	return lh_orc_bits_skip(ctx, &r->bits, n, &set);
}

static LhStatus
seek_bools(LhCtx *ctx, LhOrcReader *r, const uint64_t **place, size_t *left)
{
	LH_TRY(lh_orc_places(ctx, &r->data, 2, left));
	LH_TRY(lh_orc_bits_seek(ctx, &r->bits, *place));
	*place += lh_orc_stream_places(&r->data) + 2;
	return LH_OK;
}

static void
rewind_bools(LhOrcReader *r)
{
	lh_orc_stream_rewind(&r->data);
	lh_orc_bits_reset(&r->bits);
}

static const LhOrcLeafOps bool_ops = {open_bools, read_bools, NULL, skip_bools, seek_bools, rewind_bools};

/*
 * Floats
 */

static size_t
float_size(const LhOrcReader *r)
{
	return r->node->kind == LH_ORC_FLOAT ? 4 : 8;
}

static LhStatus
open_floats(LhCtx *ctx, LhOrcReader *r)
{
	return lh_orc_leaf_stream(ctx, r, &r->data, LH_ORC_DATA);
}

static LhStatus
borrow_floats(LhCtx *ctx, LhOrcReader *r, size_t n, const void **out)
{
	LH_TRY(lh_orc_stream_need(ctx, &r->data, n * float_size(r)));
	*out = r->data.p;
	r->data.p += n * float_size(r);
	return LH_OK;
}

static LhStatus
read_floats(LhCtx *ctx, LhOrcReader *r, size_t n, void *out)
{
	const void *from = NULL;

	LH_TRY(borrow_floats(ctx, r, n, &from));
	memcpy(out, from, n * float_size(r));
	return LH_OK;
}

static LhStatus
skip_floats(LhCtx *ctx, LhOrcReader *r, uint64_t n)
{
	return lh_orc_stream_skip(ctx, &r->data, n * float_size(r));
}

static LhStatus
seek_floats(LhCtx *ctx, LhOrcReader *r, const uint64_t **place, size_t *left)
{
	LH_TRY(lh_orc_places(ctx, &r->data, 0, left));
	LH_TRY(lh_orc_stream_seek(ctx, &r->data, *place));
	*place += lh_orc_stream_places(&r->data);
	return LH_OK;
}

static void
rewind_floats(LhOrcReader *r)
{
	lh_orc_stream_rewind(&r->data);
}

static const LhOrcLeafOps float_ops = {open_floats, read_floats, borrow_floats, skip_floats, seek_floats,
									   rewind_floats};

/*
 * Strings and bytes, of any or of one length
 */

static LhStatus
open_strings(LhCtx *ctx, LhOrcReader *r)
{
	LH_TRY(lh_orc_leaf_stream(ctx, r, &r->data, LH_ORC_DATA));
	LH_TRY(lh_orc_leaf_stream(ctx, r, &r->second, LH_ORC_LENGTH));
	return lh_orc_leaf_rle(ctx, &r->second, false, r->v2, &r->second_rle);
}

/* Lengths of n strings to r->numbers; *total of them. */
static LhStatus
read_lengths(LhCtx *ctx, LhOrcReader *r, size_t n, size_t *total)
{
	int64_t *lengths;
	uint64_t sum = 0, any = 0;

	LH_TRY(lh_orc_fit(ctx, &r->numbers, n, sizeof(*lengths)));
	lengths = (int64_t *) (void *) r->numbers.data;
	LH_TRY(lh_orc_rle_read(ctx, r->second_rle, n, lengths));
	for (size_t i = 0; i < n; i++)
	{
		any |= (uint64_t) lengths[i];
		sum += (uint64_t) lengths[i] & INT32_MAX;
	}
	if (any > INT32_MAX)
		return lh_orc_stream_bad(ctx, &r->second, "lengths of at most 2^31 - 1");
	*total = (size_t) sum;
	return LH_OK;
}

static LhStatus
read_strings(LhCtx *ctx, LhOrcReader *r, size_t n, void *out)
{
	LhStr *strs = out;
	const int64_t *lengths;
	const uint8_t *p;
	size_t total = 0;

	LH_TRY(read_lengths(ctx, r, n, &total));
	LH_TRY(lh_orc_stream_need(ctx, &r->data, total));
	lengths = (const int64_t *) (const void *) r->numbers.data;
	p = r->data.p;
	for (size_t i = 0; i < n; i++)
	{
		strs[i] = (LhStr){p, (uint32_t) lengths[i], 0};
		p += lengths[i];
	}
	r->data.p = p;
	return LH_OK;
}

static LhStatus
skip_strings(LhCtx *ctx, LhOrcReader *r, uint64_t n)
{
	uint64_t total = 0;

	LH_TRY(lh_orc_rle_sum(ctx, r->second_rle, n, INT64_MAX, &total));
	return lh_orc_stream_skip(ctx, &r->data, total);
}

static LhStatus
seek_strings(LhCtx *ctx, LhOrcReader *r, const uint64_t **place, size_t *left)
{
	LH_TRY(lh_orc_places(ctx, &r->data, 0, left));
	LH_TRY(lh_orc_stream_seek(ctx, &r->data, *place));
	*place += lh_orc_stream_places(&r->data);
	LH_TRY(lh_orc_places(ctx, &r->second, 1, left));
	LH_TRY(lh_orc_rle_seek(ctx, r->second_rle, *place));
	*place += lh_orc_stream_places(&r->second) + 1;
	return LH_OK;
}

static void
rewind_strings(LhOrcReader *r)
{
	lh_orc_stream_rewind(&r->data);
	lh_orc_stream_rewind(&r->second);
	lh_orc_rle_reset(r->second_rle);
}

static const LhOrcLeafOps string_ops = {open_strings, read_strings, NULL, skip_strings, seek_strings,
										rewind_strings};

static LhStatus
borrow_fixed(LhCtx *ctx, LhOrcReader *r, size_t n, const void **out)
{
	const int64_t *lengths;
	size_t total = 0;

	LH_TRY(read_lengths(ctx, r, n, &total));
	lengths = (const int64_t *) (const void *) r->numbers.data;
	for (size_t i = 0; i < n; i++)
		if (lengths[i] != r->type.width)
			LH_FAIL(ctx, LH_CORRUPT, "stream LENGTH at offset %lld: expected %d bytes a value, found %lld",
					(long long) r->second.offset, r->type.width, (long long) lengths[i]);
	LH_TRY(lh_orc_stream_need(ctx, &r->data, total));
	*out = r->data.p;
	r->data.p += total;
	return LH_OK;
}

static LhStatus
read_fixed(LhCtx *ctx, LhOrcReader *r, size_t n, void *out)
{
	const void *from = NULL;

	LH_TRY(borrow_fixed(ctx, r, n, &from));
	memcpy(out, from, n * (size_t) r->type.width);
	return LH_OK;
}

static const LhOrcLeafOps fixed_ops = {open_strings, read_fixed, borrow_fixed, skip_strings, seek_strings,
									   rewind_strings};

/*
 * Decimals: numbers of any length, and for each one a scale of its own
 */

static LhStatus
open_decimals(LhCtx *ctx, LhOrcReader *r)
{
	LH_TRY(lh_orc_leaf_stream(ctx, r, &r->data, LH_ORC_DATA));
	LH_TRY(lh_orc_leaf_stream(ctx, r, &r->second, LH_ORC_SECONDARY));
	return lh_orc_leaf_rle(ctx, &r->second, true, r->v2, &r->second_rle);
}

/* A zigzag number of up to 128 bits. */
static LhStatus
wide_varint(LhCtx *ctx, LhOrcStream *s, LhI128 *out)
{
	LhU128 v = 0;
	size_t have;

	LH_TRY(lh_orc_stream_peek(ctx, s, 19));
	have = lh_orc_stream_have(s);
	for (size_t i = 0; i < have && i < 19; i++)
	{
		uint8_t byte = s->p[i];

		/* 18 * 7 bits, and two more */
		if (i == 18 && byte > 3)
			break;
		v |= (LhU128) (byte & 0x7f) << (7 * i);
		if (byte < 0x80)
		{
			s->p += i + 1;
			*out = (LhI128) (v >> 1) ^ -(LhI128) (v & 1);
			return LH_OK;
		}
	}
	return lh_orc_stream_bad(ctx, s, "decimals of at most 128 bits");
}

static LhStatus
bad_decimal(LhCtx *ctx, const LhOrcReader *r, int64_t scale)
{
	lh_fail(ctx, LH_OUT_OF_RANGE, "a decimal with %lld digits behind the point does not fit into decimal(%d,%d)",
			(long long) scale, r->type.precision, r->type.scale);
	return LH_OUT_OF_RANGE;
}

/* To the column's scale; no digit is lost. */
static LhStatus
rescale(LhCtx *ctx, const LhOrcReader *r, LhI128 v, int64_t scale, LhI128 *out)
{
	bool exact;

	*out = v;
	if (v >= lh_pow10[38] || v <= -lh_pow10[38])
		return bad_decimal(ctx, r, scale);
	if (scale == r->type.scale)
		return LH_OK;
	if (scale < 0 || scale > LH_DECIMAL_MAX_PRECISION ||
		!lh_decimal_rescale(v, (int) scale, r->type.scale, out, &exact) || !exact)
		return bad_decimal(ctx, r, scale);
	return LH_OK;
}

/* Scales of n values to r->numbers; *same: all are the column's. */
static LhStatus
read_scales(LhCtx *ctx, LhOrcReader *r, size_t n, bool *same)
{
	int64_t *scales;
	uint64_t differs = 0;

	LH_TRY(lh_orc_fit(ctx, &r->numbers, n, sizeof(*scales)));
	scales = (int64_t *) (void *) r->numbers.data;
	LH_TRY(lh_orc_rle_read(ctx, r->second_rle, n, scales));
	for (size_t i = 0; i < n; i++)
		differs |= (uint64_t) (scales[i] ^ r->type.scale);
	*same = differs == 0;
	return LH_OK;
}

/* Numbers of up to 8 bytes as long as they come, by the kernel; then one by one. */
static LhStatus
read_narrow(LhCtx *ctx, LhOrcReader *r, size_t n, int64_t *out)
{
	LhOrcStream *s = &r->data;
	size_t done = 0;

	while (done < n)
	{
		size_t k = 0;
		LhI128 v;

		LH_TRY(lh_orc_stream_peek(ctx, s, 19));
		s->p += lh_orc_kernels->varints(s->p, lh_orc_stream_have(s), n - done, out + done, &k);
		done += k;
		if (done == n)
			break;
		LH_TRY(wide_varint(ctx, s, &v));
		if (v < INT64_MIN || v > INT64_MAX)
			return bad_decimal(ctx, r, r->type.scale);
		out[done++] = (int64_t) v;
	}
	return LH_OK;
}

static LhStatus
read_decimals(LhCtx *ctx, LhOrcReader *r, size_t n, void *out)
{
	bool same = false;
	const int64_t *scales;
	int64_t *narrow = out;
	LhI128 *wide = out;

	LH_TRY(read_scales(ctx, r, n, &same));
	if (r->type.lane == LH_LANE_I64 && same)
		return read_narrow(ctx, r, n, narrow);
	scales = (const int64_t *) (const void *) r->numbers.data;
	for (size_t i = 0; i < n; i++)
	{
		LhI128 v;

		LH_TRY(wide_varint(ctx, &r->data, &v));
		LH_TRY(rescale(ctx, r, v, scales[i], &v));
		if (r->type.lane != LH_LANE_I64)
			wide[i] = v;
		else if (v < INT64_MIN || v > INT64_MAX)
			return bad_decimal(ctx, r, scales[i]);
		else
			narrow[i] = (int64_t) v;
	}
	return LH_OK;
}

/* Numbers end with a byte below 128. */
static LhStatus
skip_varints(LhCtx *ctx, LhOrcStream *s, uint64_t n)
{
	while (n > 0)
	{
		const uint8_t *p;

		LH_TRY(lh_orc_stream_need(ctx, s, 1));
		for (p = s->p; p < s->end && n > 0; p++)
			n -= *p < 0x80;
		s->p = p;
	}
	return LH_OK;
}

static LhStatus
skip_decimals(LhCtx *ctx, LhOrcReader *r, uint64_t n)
{
	LH_TRY(lh_orc_rle_skip(ctx, r->second_rle, n));
	return skip_varints(ctx, &r->data, n);
}

static const LhOrcLeafOps decimal_ops = {open_decimals, read_decimals, NULL, skip_decimals, seek_strings,
										 rewind_strings};

/*
 * Of the unfinished version 2 of the format: up to 18 digits are integers, in run
 * lengths of version 2 whatever the encoding says.
 */
static LhStatus
open_decimal64(LhCtx *ctx, LhOrcReader *r)
{
	LH_TRY(lh_orc_leaf_stream(ctx, r, &r->data, LH_ORC_DATA));
	return lh_orc_leaf_rle(ctx, &r->data, true, true, &r->first_rle);
}

static LhStatus
read_decimal64(LhCtx *ctx, LhOrcReader *r, size_t n, void *out)
{
	return lh_orc_rle_read(ctx, r->first_rle, n, out);
}

static const LhOrcLeafOps decimal64_ops = {open_decimal64, read_decimal64, NULL, skip_integers, seek_integers,
										   rewind_integers};

const LhOrcLeafOps *
lh_orc_leaf_ops(const LhOrcReader *r)
{
	const LhOrcMeta *meta = r->file->meta;

	switch (r->node->kind)
	{
		case LH_ORC_BOOLEAN: return &bool_ops;
		case LH_ORC_BYTE: return &byte_ops;
		case LH_ORC_SHORT:
		case LH_ORC_INT:
		case LH_ORC_LONG:
		case LH_ORC_DATE: return &integer_ops;
		case LH_ORC_FLOAT:
		case LH_ORC_DOUBLE: return &float_ops;
		case LH_ORC_TIMESTAMP:
		case LH_ORC_TIMESTAMP_INSTANT: return &lh_orc_stamp_ops;
		case LH_ORC_DECIMAL:
			if (meta->version[0] == 1 && meta->version[1] == 9999 && r->type.precision <= 18)
				return &decimal64_ops;
			return &decimal_ops;
		default:
			if (lh_orc_is_dictionary(r->encoding))
				return &lh_orc_dict_ops;
			return r->type.lane == LH_LANE_FIX ? &fixed_ops : &string_ops;
	}
}
