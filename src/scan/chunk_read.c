/*
 * chunk_read.c
 *		Vectors of what a chunk holds (chunk.h).
 *
 * What lies in one segment as a vector would is pointed to; one value for all is LH_VEC_CONST.
 * Else numbers are widened in simple loops, which the compiler makes vector code of.
 */
#include <string.h>

#include "core/buffer.h"
#include "scan/bitslice.h"
#include "scan/chunk.h"

struct LhChunkReader
{
	const LhChunk *chunk;
	size_t size; /* of a lane */
	LhBuf data;
	LhI128 one; /* of CONST */
	uint32_t codes[LH_BATCH];
	uint64_t valid[LH_BATCH_WORDS];
};

LhStatus
lh_chunk_reader_create(LhCtx *ctx, const LhChunk *chunk, LhChunkReader **out)
{
	LhChunkReader *r;

	LH_NEW(ctx, r);
	r->chunk = chunk;
	r->size = lh_lane_size(chunk->type.lane, chunk->type.width);
	LH_TRY(lh_buf_init(ctx, &r->data, true));
	if (chunk->shape != LH_CHUNK_NULLS && chunk->shape != LH_CHUNK_CODES)
		LH_TRY(lh_buf_reserve(ctx, &r->data, r->size * LH_BATCH));
	*out = r;
	return LH_OK;
}

/*
 * Numbers
 */

#define WIDEN(from_type, type)                                                \
	do                                                                        \
	{                                                                         \
		const from_type *v = (const from_type *) (const void *) from + first; \
		type *d = to;                                                         \
                                                                              \
		for (int i = 0; i < n; i++)                                           \
			d[i] = (type) ((type) v[i] + (type) base);                        \
	} while (0)

#define WIDEN_TO(type)                              \
	do                                              \
	{                                               \
		switch (s->width)                           \
		{                                           \
			case 0:                                 \
				for (int i = 0; i < n; i++)         \
					((type *) to)[i] = (type) base; \
				break;                              \
			case 1: WIDEN(uint8_t, type); break;    \
			case 2: WIDEN(uint16_t, type); break;   \
			case 4: WIDEN(uint32_t, type); break;   \
			default: WIDEN(uint64_t, type); break;  \
		}                                           \
	} while (0)

/* n values of a segment from its value "first" on. */
static void
get_numbers(const LhChunkReader *r, const LhChunkSegment *s, size_t first, int n, void *restrict to)
{
	const uint8_t *from = r->chunk->data + s->at;
	int64_t base = s->base;

	switch (r->chunk->type.lane)
	{
		case LH_LANE_U8: WIDEN_TO(uint8_t); break;
		case LH_LANE_I32: WIDEN_TO(uint32_t); break;
		case LH_LANE_I64: WIDEN_TO(uint64_t); break;
		default:
			if (s->width == sizeof(LhI128))
				memcpy(to, from + first * sizeof(LhI128), (size_t) n * sizeof(LhI128));
			else
				WIDEN_TO(LhI128);
			break;
	}
}

static void
get_raw(const LhChunkReader *r, const LhChunkSegment *s, size_t first, int n, uint8_t *to)
{
	const uint8_t *from = r->chunk->data + s->at;

	if (s->width > 0)
		memcpy(to, from + first * r->size, (size_t) n * r->size);
	else
		for (int i = 0; i < n; i++)
			memcpy(to + (size_t) i * r->size, from, r->size);
}

/* Where the one value of a segment lies. */
static const void *
one_value(LhChunkReader *r, const LhChunkSegment *s)
{
	int32_t i32 = (int32_t) s->base;
	uint8_t u8 = (uint8_t) s->base;

	if (r->chunk->shape == LH_CHUNK_RAW)
		return r->chunk->data + s->at;
	r->one = s->base;
	switch (r->chunk->type.lane)
	{
		case LH_LANE_U8: memcpy(&r->one, &u8, sizeof(u8)); break;
		case LH_LANE_I32: memcpy(&r->one, &i32, sizeof(i32)); break;
		case LH_LANE_I64: memcpy(&r->one, &s->base, sizeof(s->base)); break;
		default: break;
	}
	return &r->one;
}

/*
 * Strings
 */

static inline uint32_t
length_at(const LhChunkSegment *s, const uint8_t *lengths, size_t i)
{
	switch (s->width)
	{
		case 0: return (uint32_t) s->base;
		case 1: return lengths[i];
		case 2: return lh_load_u16(lengths + i * 2);
		default: return lh_load_u32(lengths + i * 4);
	}
}

static void
get_strings(const LhChunkReader *r, const LhChunkSegment *s, size_t first, int n, LhStr *to)
{
	const uint8_t *lengths = r->chunk->data + s->at;
	const uint8_t *text = r->chunk->text + s->text;

	for (size_t i = 0; i < first; i++)
		text += length_at(s, lengths, i);
	for (int i = 0; i < n; i++)
	{
		uint32_t len = length_at(s, lengths, first + (size_t) i);

		to[i] = (LhStr){text, len, 0};
		text += len;
	}
}

static void
get_codes(LhChunkReader *r, int64_t row, int n)
{
	const uint8_t *narrow = r->chunk->data + row;
	const uint16_t *wide = (const uint16_t *) (const void *) r->chunk->data + row;

	if (r->chunk->code_width == 1)
		for (int i = 0; i < n; i++)
			r->codes[i] = narrow[i];
	else
		for (int i = 0; i < n; i++)
			r->codes[i] = wide[i];
}

/*
 * The whole
 */

static void
get_valid(LhChunkReader *r, int64_t row, int n, LhVec *out)
{
	if (r->chunk->valid == NULL)
		return;
	lh_bits_slice(r->chunk->valid, (size_t) row, (size_t) n, r->valid);
	if (lh_bits_count(r->valid, LH_WORDS(n)) != (size_t) n)
		out->valid = r->valid;
}

/* Is what is asked for one piece that lies as a vector does?  Then *out points to it. */
static bool
points_to(LhChunkReader *r, const LhChunkSegment *s, size_t first, LhVec *out)
{
	if (r->chunk->shape == LH_CHUNK_STRINGS)
		return false;
	if (s->width == 0 && out->valid == NULL)
	{
		out->kind = LH_VEC_CONST;
		out->data = one_value(r, s);
		return true;
	}
	if (s->width != r->size || (r->chunk->shape == LH_CHUNK_NUMBERS && s->base != 0))
		return false;
	out->data = r->chunk->data + s->at + first * r->size;
	return true;
}

static void
get_values(LhChunkReader *r, int64_t row, int n, LhVec *out)
{
	const LhChunkSegment *s = &r->chunk->segments[row / LH_BATCH];
	size_t first = (size_t) (row % LH_BATCH);
	int done = 0;

	if (first + (size_t) n <= LH_BATCH && points_to(r, s, first, out))
		return;
	while (done < n)
	{
		int some = LH_BATCH - (int) first < n - done ? LH_BATCH - (int) first : n - done;
		uint8_t *to = r->data.data + (size_t) done * r->size;

		switch (r->chunk->shape)
		{
			case LH_CHUNK_NUMBERS: get_numbers(r, s, first, some, to); break;
			case LH_CHUNK_RAW: get_raw(r, s, first, some, to); break;
			default: get_strings(r, s, first, some, (LhStr *) (void *) to); break;
		}
		done += some;
		first = 0;
		s++;
	}
	out->data = r->data.data;
}

void
lh_chunk_read(LhChunkReader *r, int64_t row, int n, LhVec *out)
{
	const LhChunk *chunk = r->chunk;

	if (chunk->shape == LH_CHUNK_NULLS)
	{
		lh_vec_null(out, &chunk->type, n);
		return;
	}
	*out = (LhVec){.type = chunk->type, .kind = LH_VEC_FLAT, .n = n};
	get_valid(r, row, n, out);
	if (chunk->shape != LH_CHUNK_CODES)
	{
		get_values(r, row, n, out);
		return;
	}
	get_codes(r, row, n);
	out->kind = LH_VEC_DICT;
	out->dict = &chunk->dict;
	out->codes = r->codes;
}
