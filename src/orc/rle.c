/*
 * rle.c
 *		Run-length decoders of integers, versions 1 and 2.
 *
 * Version 1, by the first byte:
 *
 *	0 .. 127	a run of 3 more values; then a step (one signed byte) and the first value
 *	128 .. 255	literals, 256 less the byte of them
 *
 * Version 2, by the two high bits of the first byte:
 *
 *	0	short repeat	one value of 1 to 8 bytes, 3 to 10 times
 *	1	direct			1 to 512 values of a fixed number of bits
 *	2	patched base	the same above a base, with high bits for the few that need more
 *	3	delta			first value, first distance, distances of a fixed number of bits
 *
 * A run is looked at when it begins and then read by parts: direct and delta
 * runs are unpacked from the stream's buffer straight to where they are wanted; patched ones
 * and literals are decoded at once.  Sums wrap around as Java's do.
 *
 * Format: https://orc.apache.org/specification/ORCv1/ "Run Length Encoding"
 */
#include "orc/kernels.h"
#include "orc/rle.h"

#define MAX_VARINT 10

void
lh_orc_rle_init(LhOrcRle *r, LhOrcStream *in, bool is_signed, bool v2)
{
	r->in = in;
	r->is_signed = is_signed;
	r->v2 = v2;
	r->left = 0;
}

void
lh_orc_rle_reset(LhOrcRle *r)
{
	r->left = 0;
}

static inline int64_t
plus(int64_t a, int64_t b)
{
	return (int64_t) ((uint64_t) a + (uint64_t) b);
}

static inline int64_t
minus(int64_t a, int64_t b)
{
	return (int64_t) ((uint64_t) a - (uint64_t) b);
}

/* The varint at byte *at of the stream's buffer, which has as many bytes as there are. */
static LhStatus
varint(LhCtx *ctx, LhOrcRle *r, size_t *at, bool is_signed, int64_t *out)
{
	uint64_t v = 0;
	int n = lh_proto_varint(r->in->p + *at, r->in->end, &v);

	if (n == 0)
		return lh_orc_stream_bad(ctx, r->in, "a varint of 64 bits");
	*at += (size_t) n;
	*out = is_signed ? lh_unzigzag(v) : (int64_t) v;
	return LH_OK;
}

/*
 * Version 1
 */

static LhStatus
begin_v1(LhCtx *ctx, LhOrcRle *r)
{
	LhOrcStream *in = r->in;
	size_t at = 1;
	int n;

	LH_TRY(lh_orc_stream_need(ctx, in, 1));
	if (in->p[0] < 0x80)
	{
		n = in->p[0] + 3;
		LH_TRY(lh_orc_stream_need(ctx, in, 3));
		LH_TRY(lh_orc_stream_peek(ctx, in, 2 + MAX_VARINT));
		r->step = (int8_t) in->p[1];
		at = 2;
		LH_TRY(varint(ctx, r, &at, r->is_signed, &r->value));
		r->run = LH_ORC_RUN_STEPS;
	}
	else
	{
		n = 256 - in->p[0];
		LH_TRY(lh_orc_stream_peek(ctx, in, 1 + (size_t) n * MAX_VARINT));
		for (int i = 0; i < n; i++)
			LH_TRY(varint(ctx, r, &at, r->is_signed, &r->buf[i]));
		r->run = LH_ORC_RUN_DECODED;
		r->at = 0;
	}
	in->p += at;
	r->left = (uint32_t) n;
	return LH_OK;
}

/*
 * Version 2
 */

/* Bits of a value, by the 5 bits of the header. */
static int
width_of(unsigned code)
{
	static const uint8_t wide[8] = {26, 28, 30, 32, 40, 48, 56, 64};

	return code < 24 ? (int) code + 1 : wide[code - 24];
}

/* The next number of bits that a patch list has. */
static int
closest_width(int bits)
{
	for (unsigned code = 0; code < 32; code++)
		if (width_of(code) >= bits)
			return width_of(code);
	return 64;
}

static inline size_t
bytes_of(int width, uint32_t n)
{
	return ((size_t) width * n + 7) / 8;
}

static uint64_t
big_endian(const uint8_t *p, int n)
{
	uint64_t v = 0;

	for (int i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

static LhStatus
begin_repeat(LhCtx *ctx, LhOrcRle *r)
{
	LhOrcStream *in = r->in;
	int width = (in->p[0] >> 3 & 7) + 1;
	uint64_t v;

	LH_TRY(lh_orc_stream_need(ctx, in, 1 + (size_t) width));
	v = big_endian(in->p + 1, width);
	r->value = r->is_signed ? lh_unzigzag(v) : (int64_t) v;
	r->step = 0;
	r->run = LH_ORC_RUN_STEPS;
	r->left = (in->p[0] & 7) + 3u;
	in->p += 1 + width;
	return LH_OK;
}

static LhStatus
begin_direct(LhCtx *ctx, LhOrcRle *r)
{
	LhOrcStream *in = r->in;
	size_t size;

	LH_TRY(lh_orc_stream_need(ctx, in, 2));
	r->width = width_of(in->p[0] >> 1 & 31);
	r->left = ((in->p[0] & 1u) << 8 | in->p[1]) + 1;
	size = bytes_of(r->width, r->left);
	LH_TRY(lh_orc_stream_need(ctx, in, 2 + size));
	r->packed = in->p + 2;
	r->index = 0;
	r->run = LH_ORC_RUN_PACKED;
	in->p += 2 + size;
	return LH_OK;
}

typedef struct Patched
{
	int width; /* of values */
	int base_bytes;
	int patch_width;
	int gap_width;
	int npatches;
	int entry_width; /* of gap and patch */
} Patched;

static LhStatus
apply_patches(LhCtx *ctx, LhOrcRle *r, const Patched *p, const uint8_t *list, uint32_t n)
{
	uint64_t *values = (uint64_t *) r->buf;
	uint64_t entries[32];
	uint64_t i = 0;

	lh_orc_kernels->unpack(list, 0, p->entry_width, (size_t) p->npatches, entries);
	for (int k = 0; k < p->npatches; k++)
	{
		uint64_t patch = p->patch_width == 64 ? entries[k] : entries[k] & ((UINT64_C(1) << p->patch_width) - 1);

		i += p->patch_width == 64 ? 0 : entries[k] >> p->patch_width;
		if (i >= n)
			return lh_orc_stream_bad(ctx, r->in, "patches of values of the run");
		if (p->width < 64)
			values[i] |= patch << p->width;
	}
	return LH_OK;
}

/* The base has its sign in the highest bit; it is no complement. */
static int64_t
patched_base(const uint8_t *p, int bytes)
{
	uint64_t v = big_endian(p, bytes);
	uint64_t sign = UINT64_C(1) << (8 * bytes - 1);

	return (v & sign) != 0 ? (int64_t) -(v & ~sign) : (int64_t) v;
}

static LhStatus
begin_patched(LhCtx *ctx, LhOrcRle *r)
{
	LhOrcStream *in = r->in;
	Patched p;
	uint32_t n;
	size_t values, list;
	int64_t base;

	LH_TRY(lh_orc_stream_need(ctx, in, 4));
	n = ((in->p[0] & 1u) << 8 | in->p[1]) + 1;
	p.width = width_of(in->p[0] >> 1 & 31);
	p.base_bytes = (in->p[2] >> 5) + 1;
	p.patch_width = width_of(in->p[2] & 31);
	p.gap_width = (in->p[3] >> 5) + 1;
	p.npatches = in->p[3] & 31;
	if (p.patch_width + p.gap_width > 64)
		return lh_orc_stream_bad(ctx, in, "patches of at most 64 bits");
	p.entry_width = closest_width(p.patch_width + p.gap_width);
	values = bytes_of(p.width, n);
	list = bytes_of(p.entry_width, (uint32_t) p.npatches);
	LH_TRY(lh_orc_stream_need(ctx, in, 4 + (size_t) p.base_bytes + values + list));
	in->p += 4;
	base = patched_base(in->p, p.base_bytes);
	in->p += p.base_bytes;
	lh_orc_kernels->unpack(in->p, 0, p.width, n, (uint64_t *) r->buf);
	in->p += values;
	LH_TRY(apply_patches(ctx, r, &p, in->p, n));
	in->p += list;
	for (uint32_t i = 0; i < n; i++)
		r->buf[i] = plus(base, r->buf[i]);
	r->run = LH_ORC_RUN_DECODED;
	r->at = 0;
	r->left = n;
	return LH_OK;
}

static LhStatus
begin_delta(LhCtx *ctx, LhOrcRle *r)
{
	LhOrcStream *in = r->in;
	unsigned code;
	size_t at = 2, size;
	uint32_t n;

	LH_TRY(lh_orc_stream_need(ctx, in, 2));
	LH_TRY(lh_orc_stream_peek(ctx, in, 2 + 2 * MAX_VARINT));
	code = in->p[0] >> 1 & 31;
	n = ((in->p[0] & 1u) << 8 | in->p[1]) + 1;
	LH_TRY(varint(ctx, r, &at, r->is_signed, &r->value));
	LH_TRY(varint(ctx, r, &at, true, &r->step));
	r->left = n;
	/* width 0 is for one distance throughout; here alone code 0 is no width of 1 */
	if (code == 0 || n <= 2)
	{
		size = code == 0 || n < 2 ? 0 : bytes_of(width_of(code), n - 2);
		LH_TRY(lh_orc_stream_need(ctx, in, at + size));
		r->run = LH_ORC_RUN_STEPS;
		in->p += at + size;
		return LH_OK;
	}
	r->width = width_of(code);
	size = bytes_of(r->width, n - 2);
	LH_TRY(lh_orc_stream_need(ctx, in, at + size));
	r->packed = in->p + at;
	r->index = 0;
	r->down = r->step < 0;
	r->run = LH_ORC_RUN_SUMS;
	/* two values come before the distances: see read_sums */
	in->p += at + size;
	return LH_OK;
}

static LhStatus
begin(LhCtx *ctx, LhOrcRle *r)
{
	if (!r->v2)
		return begin_v1(ctx, r);
	LH_TRY(lh_orc_stream_need(ctx, r->in, 1));
	switch (r->in->p[0] >> 6)
	{
		case 0: return begin_repeat(ctx, r);
		case 1: return begin_direct(ctx, r);
		case 2: return begin_patched(ctx, r);
		default: return begin_delta(ctx, r);
	}
}

/*
 * Values of the current run
 */

static void
read_steps(LhOrcRle *r, size_t n, int64_t *out)
{
	int64_t v = r->value;

	if (r->step == 0)
	{
		for (size_t i = 0; i < n; i++)
			out[i] = v;
		return;
	}
	for (size_t i = 0; i < n; i++)
		out[i] = (int64_t) ((uint64_t) v + (uint64_t) r->step * i);
	r->value = (int64_t) ((uint64_t) v + (uint64_t) r->step * n);
}

static void
read_packed(LhOrcRle *r, size_t n, int64_t *out)
{
	size_t bit = (size_t) r->index * (size_t) r->width;

	lh_orc_kernels->unpack(r->packed + (bit >> 3), (int) (bit & 7), r->width, n, (uint64_t *) out);
	if (r->is_signed)
		lh_orc_kernels->unzigzag((const uint64_t *) out, n, out);
	r->index += (uint32_t) n;
}

/* Value 0 is the base, value 1 the base and the first distance; then they are packed: number index - 2. */
static void
read_sums(LhOrcRle *r, size_t n, int64_t *out)
{
	size_t bit;

	for (; n > 0 && r->index < 2; n--, r->index++)
	{
		if (r->index == 1)
			r->value = plus(r->value, r->step);
		*out++ = r->value;
	}
	if (n == 0)
		return;
	bit = (size_t) (r->index - 2) * (size_t) r->width;
	lh_orc_kernels->unpack(r->packed + (bit >> 3), (int) (bit & 7), r->width, n, (uint64_t *) out);
	if (r->down)
		for (size_t i = 0; i < n; i++)
			out[i] = r->value = minus(r->value, out[i]);
	else
		for (size_t i = 0; i < n; i++)
			out[i] = r->value = plus(r->value, out[i]);
	r->index += (uint32_t) n;
}

static void
read_run(LhOrcRle *r, size_t n, int64_t *out)
{
	switch (r->run)
	{
		case LH_ORC_RUN_STEPS: read_steps(r, n, out); break;
		case LH_ORC_RUN_PACKED: read_packed(r, n, out); break;
		case LH_ORC_RUN_SUMS: read_sums(r, n, out); break;
		case LH_ORC_RUN_DECODED:
			memcpy(out, r->buf + r->at, n * sizeof(*out));
			r->at += (int) n;
			break;
	}
	r->left -= (uint32_t) n;
}

static void
skip_run(LhOrcRle *r, size_t n)
{
	int64_t scratch[LH_ORC_MAX_RUN];

	if (r->run == LH_ORC_RUN_SUMS)
	{
		read_run(r, n, scratch);
		return;
	}
	if (r->run == LH_ORC_RUN_STEPS)
		r->value = (int64_t) ((uint64_t) r->value + (uint64_t) r->step * n);
	r->index += (uint32_t) n;
	r->at += (int) n;
	r->left -= (uint32_t) n;
}

LhStatus
lh_orc_rle_read(LhCtx *ctx, LhOrcRle *r, size_t n, int64_t *out)
{
	while (n > 0)
	{
		size_t k;

		if (r->left == 0)
			LH_TRY(begin(ctx, r));
		k = n < r->left ? n : r->left;
		read_run(r, k, out);
		out += k;
		n -= k;
	}
	return LH_OK;
}

LhStatus
lh_orc_rle_skip(LhCtx *ctx, LhOrcRle *r, uint64_t n)
{
	for (int polls = 0; n > 0; polls++)
	{
		size_t k;

		if (polls % 256 == 255)
			LH_TRY(lh_poll(ctx));
		if (r->left == 0)
			LH_TRY(begin(ctx, r));
		k = n < r->left ? (size_t) n : r->left;
		skip_run(r, k);
		n -= k;
	}
	return LH_OK;
}

LhStatus
lh_orc_rle_same(LhCtx *ctx, LhOrcRle *r, size_t n, int64_t *value, size_t *count)
{
	if (r->left == 0)
		LH_TRY(begin(ctx, r));
	*count = 1;
	switch (r->run)
	{
		case LH_ORC_RUN_STEPS:
			*value = r->value;
			if (r->step == 0)
				*count = n < r->left ? n : r->left;
			return LH_OK;
		case LH_ORC_RUN_DECODED: *value = r->buf[r->at]; return LH_OK;
		default:
		{
			/* a look ahead that leaves no trace */
			uint32_t left = r->left, index = r->index;
			int64_t at = r->value;

			read_run(r, 1, value);
			r->left = left;
			r->index = index;
			r->value = at;
			return LH_OK;
		}
	}
}

LhStatus
lh_orc_rle_sum(LhCtx *ctx, LhOrcRle *r, uint64_t n, uint64_t limit, uint64_t *sum)
{
	int64_t values[LH_ORC_MAX_RUN];

	*sum = 0;
	for (int polls = 0; n > 0; polls++)
	{
		size_t k = n < LH_ORC_MAX_RUN ? (size_t) n : LH_ORC_MAX_RUN;

		if (polls % 256 == 255)
			LH_TRY(lh_poll(ctx));
		LH_TRY(lh_orc_rle_read(ctx, r, k, values));
		for (size_t i = 0; i < k; i++)
		{
			if (values[i] < 0 || (uint64_t) values[i] > limit - *sum)
				return lh_orc_stream_bad(ctx, r->in, "lengths within limits");
			*sum += (uint64_t) values[i];
		}
		n -= k;
	}
	return LH_OK;
}

LhStatus
lh_orc_rle_read32(LhCtx *ctx, LhOrcRle *r, size_t n, int64_t least, int64_t most, int32_t *out)
{
	int64_t values[LH_ORC_MAX_RUN];

	while (n > 0)
	{
		size_t k = n < LH_ORC_MAX_RUN ? n : LH_ORC_MAX_RUN;

		if (r->left == 0)
			LH_TRY(begin(ctx, r));
		if (k > r->left)
			k = r->left;
		read_run(r, k, values);
		if (!lh_orc_kernels->narrow(values, k, least, most, out))
			return lh_orc_stream_bad(ctx, r->in, "values of the column's type");
		out += k;
		n -= k;
	}
	return LH_OK;
}

LhStatus
lh_orc_rle_seek(LhCtx *ctx, LhOrcRle *r, const uint64_t *place)
{
	LH_TRY(lh_orc_stream_seek(ctx, r->in, place));
	r->left = 0;
	return lh_orc_rle_skip(ctx, r, place[lh_orc_stream_places(r->in)]);
}
