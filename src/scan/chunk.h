/*
 * chunk.h
 *		A column of a group of rows, transposed and compact, in one piece of memory.
 *
 * For files whose rows come as a whole: what was decoded once can be kept (colcache.h).
 * Values are exactly those that came: bits of floats, empty strings, nulls.
 *
 *	1. Rows are cut into segments of LH_BATCH.  Numbers of a segment are what they exceed
 *	   its least by, in 0, 1, 2, 4 or 8 bytes, so that any row is found by its number.
 *	2. Floats and fixed bytes, and decimals beyond 64 bits, lie as they are; a segment
 *	   that holds one value only, once.
 *	3. Strings that repeat are codes of 1 or 2 bytes into a dictionary of the chunk, and
 *	   come out as LH_VEC_DICT, so that who reads them sees each value once.  Others
 *	   are their lengths, compact, and their bytes.
 *	4. Nulls are one bitmap for all rows; none: no bitmap; nothing but nulls: nothing else.
 *
 * What is read points into the chunk and into the reader.
 */
#ifndef LH_SCAN_CHUNK_H
#define LH_SCAN_CHUNK_H

#include "vec/vec.h"

/* Chunks of more rows, and fixed bytes that are longer, are not made. */
#define LH_CHUNK_MOST_ROWS  ((int64_t) 1 << 24)
#define LH_CHUNK_MOST_FIXED 64

typedef enum LhChunkShape
{
	LH_CHUNK_NULLS,   /* no row has a value */
	LH_CHUNK_NUMBERS, /* lanes U8, I32, I64, I128 */
	LH_CHUNK_RAW,     /* lanes F32, F64, FIX */
	LH_CHUNK_CODES,   /* strings by a dictionary */
	LH_CHUNK_STRINGS
} LhChunkShape;

typedef struct LhChunkSegment
{
	int64_t base;   /* NUMBERS: the least; STRINGS of width 0: the length of all */
	uint32_t width; /* bytes a value; 0: one value for all; of STRINGS: a length */
	uint64_t at;    /* in data */
	uint64_t text;  /* STRINGS: where their bytes begin in the chunk's */
} LhChunkSegment;

typedef struct LhChunk
{
	LhType type;
	LhChunkShape shape;
	int64_t rows;
	int64_t nulls;
	const uint64_t *valid; /* NULL: no row is null */
	const LhChunkSegment *segments;
	const uint8_t *data;
	const uint8_t *text;
	uint32_t code_width; /* CODES: 1 or 2; data has a code for each row, 0 where it is null */
	LhDict dict;
} LhChunk;

/* Can values of this type be put into a chunk? */
extern bool lh_chunk_can(const LhType *type);

typedef struct LhChunkMaker LhChunkMaker;

/* For so many rows.  It lives in ctx->arena, whose budget may refuse it: LH_NO_MEMORY. */
extern LhStatus lh_chunk_maker_create(LhCtx *ctx, const LhType *type, int64_t rows, LhChunkMaker **out);
/* The next rows, at most LH_BATCH; LH_BUG when there are more than were promised. */
extern LhStatus lh_chunk_add(LhCtx *ctx, LhChunkMaker *maker, const LhVec *vec);
/* Bytes that the chunk takes so far, at least. */
extern size_t lh_chunk_so_far(const LhChunkMaker *maker);
/* All rows are there: bytes of the chunk. */
extern LhStatus lh_chunk_seal(LhCtx *ctx, LhChunkMaker *maker, size_t *size);
/* The chunk at an address that is a multiple of 64, with so many bytes. */
extern void lh_chunk_write(const LhChunkMaker *maker, void *to);

typedef struct LhChunkReader LhChunkReader;

/* In ctx->arena; its buffers are part of the floor. */
extern LhStatus lh_chunk_reader_create(LhCtx *ctx, const LhChunk *chunk, LhChunkReader **out);
/* n rows, at most LH_BATCH, from row on; valid until the next call. */
extern void lh_chunk_read(LhChunkReader *reader, int64_t row, int n, LhVec *out);

#endif
