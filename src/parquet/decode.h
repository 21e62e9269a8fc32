/*
 * decode.h
 *		Internal: decoders of values, one per encoding.
 *
 * A decoder gives the values of one page in their physical form, nulls left
 * out:
 *
 *	BOOLEAN            one byte, 0 or 1
 *	INT32, FLOAT       4 bytes
 *	INT64, DOUBLE      8 bytes
 *	INT96              12 bytes
 *	FLBA               type_length bytes
 *	BYTE_ARRAY         LhStr
 *
 * Dictionary codes are not its business (leaf.c).
 */
#ifndef LH_PARQUET_DECODE_H
#define LH_PARQUET_DECODE_H

#include "parquet/rle.h"
#include "parquet/window.h"

/* A place in DELTA_BINARY_PACKED values (decode_delta.c). */
typedef struct LhPqDelta
{
	const uint8_t *p; /* what follows the current miniblock */
	const uint8_t *end;
	bool wide; /* 64-bit values */
	bool first; /* the first value, which stands in the header, is still to be given */
	uint64_t left; /* values not given */
	uint64_t last; /* the value before */
	uint64_t min; /* smallest delta of the block */
	uint64_t per_mini; /* values a miniblock */
	uint64_t minis; /* miniblocks a block */
	uint64_t mini; /* those of the block that were begun */
	const uint8_t *widths; /* of the block's miniblocks */
	const uint8_t *bits; /* the current miniblock */
	int width;
	uint64_t mini_at; /* its values given */
	uint64_t mini_left; /* and not given */
} LhPqDelta;

typedef struct LhPqDecoder LhPqDecoder;

typedef struct LhPqDecoderOps
{
	LhStatus (*start)(LhCtx *ctx, LhPqDecoder *d);
	/* The next n values; LH_CORRUPT when there are fewer. */
	LhStatus (*read)(LhCtx *ctx, LhPqDecoder *d, size_t n, void *out);
	LhStatus (*skip)(LhCtx *ctx, LhPqDecoder *d, size_t n);
	/* As read, pointing into the page, unaligned; NULL: not possible.  May be NULL. */
	const uint8_t *(*borrow)(LhPqDecoder *d, size_t n);
} LhPqDecoderOps;

struct LhPqDecoder
{
	const LhPqDecoderOps *ops;
	LhPqPhysical physical;
	size_t width; /* bytes of a value as given */
	const uint8_t *p; /* values not yet given */
	const uint8_t *end;
	LhPqPool *pool; /* for values that lie nowhere in the page; pinned */
	union
	{
		size_t bit; /* PLAIN BOOLEAN: bits given */
		LhRle rle; /* RLE BOOLEAN */
		struct
		{
			size_t n; /* values of the page */
			size_t at; /* values given */
		} split; /* BYTE_STREAM_SPLIT */
		LhPqDelta delta; /* DELTA_BINARY_PACKED */
		struct
		{
			LhPqDelta lengths;
			LhPqDelta prefixes; /* DELTA_BYTE_ARRAY */
			LhStr last; /* in the page, a pinned block or "keep" */
		} bytes;
	};
	LhBuf work; /* lengths of the values being read */
	LhBuf keep; /* DELTA_BYTE_ARRAY: the last value, between reads */
};

/* Bytes of a value as decoders give it. */
extern size_t lh_pq_physical_width(LhPqPhysical physical, int type_length);

/* Once a column; memory is that of pool. */
extern void lh_pq_decoder_init(LhPqDecoder *d, LhPqPool *pool, LhPqPhysical physical,
							   int type_length);

/*
 * Begin a page of the given encoding.  LH_UNSUPPORTED for encodings unknown to
 * us, LH_CORRUPT for one that the physical type cannot have.
 */
extern LhStatus lh_pq_decoder_start(LhCtx *ctx, LhPqDecoder *d, int encoding,
									const uint8_t *data, size_t len);
extern void lh_pq_decoder_close(LhPqDecoder *d);

/* Ops by encoding, for lh_pq_decoder_start. */
extern const LhPqDecoderOps lh_pq_plain_fixed;
extern const LhPqDecoderOps lh_pq_plain_bytes;
extern const LhPqDecoderOps lh_pq_plain_bool;
extern const LhPqDecoderOps lh_pq_rle_bool;
extern const LhPqDecoderOps lh_pq_delta_ints;
extern const LhPqDecoderOps lh_pq_delta_length;
extern const LhPqDecoderOps lh_pq_delta_bytes;
extern const LhPqDecoderOps lh_pq_split;

/* LH_CORRUPT: the page ends before its values do. */
extern LhStatus lh_pq_decoder_short(LhCtx *ctx, const LhPqDecoder *d);

#endif
