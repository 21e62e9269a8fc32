/*
 * lz4_block.c
 *		Huge raw LZ4 blocks: a decoder of our own that can be cancelled.
 *
 * liblz4 (lz4.c) decodes a block by one call, and a block may become 2 GB.  Here
 * the host is polled after some megabytes, also within one literal or match.
 * Blocks of usual size are the library's: it is faster.
 *
 * A block is a row of sequences:
 *
 *	1. a token: four bits for the number of literals, four for the match;
 *	2. 15 in either means that bytes follow which are added, until one is not 255;
 *	3. the literals, then two bytes of offset, and the match: four bytes more than
 *	   its number says, copied from so far back, where the ranges may overlap;
 *	4. the last sequence is literals only.  Literals that end near the end of the
 *	   input or the output (the constants below) belong to it.
 *
 * Differences to the library: an offset of 0, which the format forbids, is
 * refused; the library takes what lies in the output for it.
 *
 * Format: lz4 doc/lz4_Block_format.md.
 */
#include "codec/codec_internal.h"

/* What the last sequence takes, by the format. */
#define LAST_LITERALS 5
#define MATCH_LIMIT   12
/* ... and what any other takes of the input behind its literals: offset, token, the last literals. */
#define LAST_INPUT    (2 + 1 + LAST_LITERALS)

#define MIN_MATCH     4
#define LONG          15

/* Bytes copied between two polls. */
#define STEP          ((size_t) 2 << 20)

typedef struct Block
{
	const uint8_t *ip;
	const uint8_t *end;
	uint8_t *op;
	const uint8_t *out;
	const uint8_t *oend;
	const uint8_t *poll; /* when op is here */
} Block;

static inline size_t
in_left(const Block *b)
{
	return (size_t) (b->end - b->ip);
}

static inline size_t
room_left(const Block *b)
{
	return (size_t) (b->oend - b->op);
}

/* Step 2.  False when the input ends, or when it is more than the block has room for. */
static bool
read_length(Block *b, size_t *length)
{
	size_t most = room_left(b);
	uint8_t byte;

	if (*length < LONG)
		return true;
	do
	{
		if (b->ip == b->end || *length > most)
			return false;
		byte = *b->ip++;
		*length += byte;
	} while (byte == 255);
	return true;
}

static inline LhStatus
poll_now_and_then(LhCtx *ctx, Block *b)
{
	if (b->op < b->poll)
		return LH_OK;
	b->poll = room_left(b) > STEP ? b->op + STEP : b->oend;
	return lh_poll(ctx);
}

/* There are so many bytes of input and room. */
static LhStatus
copy_literals(LhCtx *ctx, Block *b, size_t length)
{
	while (length > 0)
	{
		size_t n = length < STEP ? length : STEP;

		memcpy(b->op, b->ip, n);
		b->ip += n;
		b->op += n;
		length -= n;
		LH_TRY(poll_now_and_then(ctx, b));
	}
	return LH_OK;
}

/*
 * The bytes before op repeat every offset bytes, and so they do every multiple of
 * it: what can be copied at once doubles with each round.
 */
static LhStatus
copy_match(LhCtx *ctx, Block *b, size_t offset, size_t length)
{
	size_t period = offset;

	while (length > 0)
	{
		size_t n = length < period ? length : period;

		memcpy(b->op, b->op - period, n);
		b->op += n;
		length -= n;
		if (period < STEP / 2)
			period += n;
		LH_TRY(poll_now_and_then(ctx, b));
	}
	return LH_OK;
}

/* One sequence; *last: it was the last.  *fits false: the block is corrupt. */
static LhStatus
decode_sequence(LhCtx *ctx, Block *b, bool *last, bool *fits)
{
	uint8_t token = *b->ip++;
	size_t literals = token >> 4, match = token & 15, offset;

	*fits = false;
	if (!read_length(b, &literals) || literals > in_left(b) || literals > room_left(b))
		return LH_OK;
	*last = room_left(b) - literals < MATCH_LIMIT || in_left(b) - literals < LAST_INPUT;
	if (*last && literals != in_left(b))
		return LH_OK;
	LH_TRY(copy_literals(ctx, b, literals));
	*fits = *last;
	if (*last)
		return LH_OK;
	offset = lh_load_u16(b->ip);
	b->ip += 2;
	if (!read_length(b, &match) || in_left(b) < LAST_LITERALS - 1)
		return LH_OK;
	if (offset == 0 || offset > (size_t) (b->op - b->out) ||
		match + MIN_MATCH + LAST_LITERALS > room_left(b))
		return LH_OK;
	*fits = true;
	return copy_match(ctx, b, offset, match + MIN_MATCH);
}

/* A block of nothing is one byte, 0, and no other: as the library has it. */
LhStatus
lh_lz4_block(LhCtx *ctx, const uint8_t *in, size_t len, uint8_t *out, size_t room, int64_t *made)
{
	Block b = {.ip = in, .end = in + len, .op = out, .out = out, .oend = out + room, .poll = out};
	bool last = false, fits = true;

	*made = room == 0 && len == 1 && in[0] == 0 ? 0 : -1;
	while (!last && room > 0)
	{
		if (b.ip == b.end)
			return LH_OK;
		LH_TRY(decode_sequence(ctx, &b, &last, &fits));
		if (!fits)
			return LH_OK;
	}
	if (last)
		*made = b.op - out;
	return LH_OK;
}
