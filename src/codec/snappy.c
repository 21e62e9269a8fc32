/*
 * snappy.c
 *		Snappy blocks: our own decoder; libsnappy compresses.
 *
 * A block is the length of the output as a varint, then tags.  A tag's two low
 * bits say what it is: a literal, whose bytes follow, or a copy of bytes that
 * were made before, 1 to 64 of them, from up to 2^32 bytes back.
 *
 *	1. Where the machine has AVX2 or AVX-512, a kernel (snappy_windows.h)
 *	   decodes batches of tags without a branch for each.
 *	2. It leaves long literals, wrong tags and the last bytes to decode_tag, the
 *	   only place that knows the whole format and all its errors.
 *	3. Without a kernel decode_run takes its place: one tag after the other,
 *	   but in copies of fixed width, which may overshoot into bytes that are
 *	   made later or into the scratch behind the output.
 *
 * Differences to libsnappy: none in what is accepted.
 *
 * Format: https://github.com/google/snappy/blob/main/format_description.txt
 */
#include "codec/codec_internal.h"

#include <snappy-c.h>

#include "codec/snappy_kernels.h"

/* decode_run takes a step while this much input and output is left. */
#define RUN_INPUT  72
#define RUN_OUTPUT 64

/* Longest varint of 32 bits. */
#define MAX_VARINT 5


/* By tag: length, except of long literals; high bits of a copy's offset. */
#define LENGTH(t) (((t) &3) == LH_SNAPPY_COPY1 ? 4 + ((t) >> 2 & 7) : ((t) >> 2) + 1)
#define OFFSET(t) (((t) &3) == LH_SNAPPY_COPY1 ? (t) >> 5 << 8 : 0)
static const uint8_t lengths[256] = {LH_OF256(LENGTH)};
static const uint16_t offsets[256] = {LH_OF256(OFFSET)};

/* By type: the bits of a copy's offset that follow the tag. */
static const uint32_t offset_masks[4] = {0, 0xff, 0xffff, 0};

static LhSnappyKernel kernel;

static void
choose(LhIsa isa)
{
	kernel = NULL;
#ifdef __x86_64__
	if (isa == LH_ISA_AVX512)
		kernel = lh_snappy_avx512;
	else if (isa == LH_ISA_AVX2)
		kernel = lh_snappy_avx2;
#else
	(void) isa;
#endif
}

static void __attribute__((constructor)) listen(void)
{
	lh_isa_listen(choose);
}

/*
 * Copy len bytes to op from offset bytes before it, where the ranges may
 * overlap: then the bytes repeat.  room >= len bytes may be written.
 */
static inline void
copy_back(uint8_t *op, size_t offset, size_t len, size_t room)
{
	const uint8_t *from = op - offset;
	size_t i = 0;

	if (offset >= len)
	{
		memcpy(op, from, len);
		return;
	}
	if (room < len + 8)
	{
		for (; i < len; i++)
			op[i] = from[i];
		return;
	}
	/* eight bytes one by one; from there a multiple of offset of at least 8 */
	if (offset < 8)
	{
		for (; i < 8; i++)
			op[i] = from[i];
		from = op - (8 + offset - 1) / offset * offset;
	}
	for (; i < len; i += 8)
		memcpy(op + i, from + i, 8);
}

/* The bytes of a literal of any length; s->ip is behind tag. */
static bool
decode_literal(LhSnappy *s, uint8_t tag)
{
	size_t len = (size_t) (tag >> 2) + 1;

	if (tag >= LH_SNAPPY_LONG_LITERAL)
	{
		size_t bytes = len - 60;
		uint32_t value = 0;

		if ((size_t) (s->end - s->ip) < bytes)
			return false;
		for (size_t i = 0; i < bytes; i++)
			value |= (uint32_t) s->ip[i] << (8 * i);
		s->ip += bytes;
		len = (size_t) value + 1;
	}
	if ((size_t) (s->end - s->ip) < len || (size_t) (s->oend - s->op) < len)
		return false;
	memcpy(s->op, s->ip, len);
	s->ip += len;
	s->op += len;
	return true;
}

/* One tag, whatever it is; false when the block is corrupt.  There is input. */
static bool
decode_tag(LhSnappy *s)
{
	uint8_t tag = *s->ip++;
	size_t left = (size_t) (s->end - s->ip);
	size_t room = (size_t) (s->oend - s->op);
	size_t len = (size_t) (tag >> 2) + 1;
	size_t offset;

	switch (tag & 3)
	{
		case LH_SNAPPY_LITERAL: return decode_literal(s, tag);
		case LH_SNAPPY_COPY1:
			if (left < 1)
				return false;
			len = 4 + ((tag >> 2) & 7);
			offset = (size_t) (tag >> 5) << 8 | s->ip[0];
			s->ip += 1;
			break;
		case LH_SNAPPY_COPY2:
			if (left < 2)
				return false;
			offset = lh_load_u16(s->ip);
			s->ip += 2;
			break;
		default:
			if (left < 4)
				return false;
			offset = lh_load_u32(s->ip);
			s->ip += 4;
			break;
	}
	if (offset == 0 || offset > (size_t) (s->op - s->out) || len > room)
		return false;
	copy_back(s->op, offset, len, room);
	s->op += len;
	return true;
}

/* One load, one store: what is behind the wanted bytes may overlap. */
static inline void
copy16(uint8_t *dst, const uint8_t *src)
{
	struct
	{
		uint8_t bytes[16];
	} all;

	memcpy(&all, src, sizeof(all));
	memcpy(dst, &all, sizeof(all));
}

/*
 * Tags one by one while input and output are far from their ends; stops as a
 * kernel does (snappy_kernels.h).  The next tag is loaded before this one is
 * carried out, and what a copy is comes from tables: which of its kinds it is
 * cannot be predicted.
 */
static void
decode_run(LhSnappy *s)
{
	const uint8_t *ip = s->ip;
	uint8_t *op = s->op;

	while (s->end - ip >= RUN_INPUT && s->oend - op >= RUN_OUTPUT && op < s->pause)
	{
		size_t tag = *ip;
		size_t type = tag & 3;
		size_t len = lengths[tag];
		size_t offset;

		if (type == LH_SNAPPY_LITERAL)
		{
			if (tag >= LH_SNAPPY_LONG_LITERAL)
				break;
			copy16(op, ip + 1);
			if (len > 16)
				memcpy(op + 16, ip + 17, 48);
			ip += len + 1;
			op += len;
			continue;
		}
		offset = (lh_load_u32(ip + 1) & offset_masks[type]) + offsets[tag];
		if (offset - 1 >= (size_t) (op - s->out) || type == LH_SNAPPY_COPY4)
			break;
		if (__builtin_expect(offset >= len, 1))
		{
			const uint8_t *from = op - offset;

			copy16(op, from);
			if (__builtin_expect(len > 16, 0))
			{
				copy16(op + 16, from + 16);
				copy16(op + 32, from + 32);
				copy16(op + 48, from + 48);
			}
		}
		else
			copy_back(op, offset, len, len + LH_PADDING);
		ip += type + 1;
		op += len;
	}
	s->ip = ip;
	s->op = op;
}

/* Decode until the pause or the end of the input; false when the block is corrupt. */
static bool
decode(LhSnappy *s)
{
	LhSnappyKernel fast = kernel != NULL ? kernel : decode_run;

	while (s->ip < s->end && s->op < s->pause)
	{
		if (s->end - s->ip >= LH_SNAPPY_MARGIN && !lh_snappy_is_special(*s->ip))
			fast(s);
		else if (s->end - s->ip >= RUN_INPUT)
			decode_run(s);
		if (s->ip < s->end && s->op < s->pause && !decode_tag(s))
			return false;
	}
	return true;
}

/* Bytes of the length that a block begins with; 0: it is not out_len. */
static size_t
read_length(const uint8_t *in, size_t len, size_t out_len)
{
	uint64_t promised = 0;

	for (size_t i = 0; i < len && i < MAX_VARINT; i++)
	{
		promised |= (uint64_t) (in[i] & 0x7f) << (7 * i);
		if (in[i] < 0x80)
			return promised == out_len && promised <= UINT32_MAX ? i + 1 : 0;
	}
	return 0;
}

/* Read the length and begin; false when it is not out_len. */
static bool
begin(LhSnappy *s, const uint8_t *in, size_t len, uint8_t *out, size_t out_len)
{
	size_t head = read_length(in, len, out_len);

	*s = (LhSnappy){.ip = in + head,
					.end = in + len,
					.op = out,
					.out = out,
					.oend = out + out_len,
					.pause = out + out_len + 1};
	return head > 0;
}

/* One literal: what an encoder makes of bytes in which nothing repeats. */
bool
lh_snappy_stored(const uint8_t *in, size_t len, size_t out_len, size_t *at)
{
	size_t head = read_length(in, len, out_len), bytes = 0;
	uint64_t size;

	if (head == 0 || head == len || (in[head] & 3) != LH_SNAPPY_LITERAL)
		return false;
	size = (uint64_t) (in[head] >> 2) + 1;
	if (in[head] >= LH_SNAPPY_LONG_LITERAL)
	{
		bytes = (size_t) size - 60;
		if (len - head - 1 < bytes)
			return false;
		size = 1;
		for (size_t i = 0; i < bytes; i++)
			size += (uint64_t) in[head + 1 + i] << (8 * i);
	}
	*at = head + 1 + bytes;
	return size == out_len && len - *at == out_len;
}

static bool
is_complete(const LhSnappy *s)
{
	return s->ip == s->end && s->op == s->oend;
}

bool
lh_snappy_decode(const uint8_t *in, size_t len, uint8_t *out, size_t out_len)
{
	LhSnappy s;

	return begin(&s, in, len, out, out_len) && decode(&s) && is_complete(&s);
}

LhStatus
lh_snappy_decompress(LhCtx *ctx, LhCodecs *codecs, const uint8_t *in, size_t len, uint8_t *out,
					 size_t out_len)
{
	LhSnappy s;

	(void) codecs;
	if (!begin(&s, in, len, out, out_len))
		return lh_codec_corrupt(ctx, LH_CODEC_SNAPPY, len, out_len, "it names another length");
	do
	{
		LH_TRY(lh_poll(ctx));
		s.pause = (size_t) (s.oend - s.op) > LH_CODEC_POLL ? s.op + LH_CODEC_POLL : s.oend + 1;
		if (!decode(&s))
			return lh_codec_corrupt(ctx, LH_CODEC_SNAPPY, len, out_len,
									"a literal or copy does not fit");
	} while (s.ip < s.end);
	if (!is_complete(&s))
		return lh_codec_corrupt(ctx, LH_CODEC_SNAPPY, len, out_len, "it holds fewer bytes");
	return LH_OK;
}

LhStatus
lh_snappy_compress(LhCtx *ctx, LhCodecs *codecs, int level, const uint8_t *in, size_t len,
				   LhBuf *out)
{
	size_t n = snappy_max_compressed_length(len);

	(void) codecs;
	LH_TRY(lh_codec_level(ctx, LH_CODEC_SNAPPY, &level, 1, 1, 1));
	if (len > UINT32_MAX)
		LH_FAIL(ctx, LH_LIMIT, "a snappy block of %zu bytes is larger than 4 GB", len);
	LH_TRY(lh_buf_reserve(ctx, out, out->len + n));
	if (snappy_compress((const char *) in, len, (char *) out->data + out->len, &n) != SNAPPY_OK)
		LH_FAIL(ctx, LH_BUG, "snappy could not compress %zu bytes", len);
	out->len += n;
	return LH_OK;
}
