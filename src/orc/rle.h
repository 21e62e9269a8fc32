/*
 * rle.h
 *		Internal: run-length decoders of integers, bytes and bits.
 */
#ifndef LH_ORC_RLE_H
#define LH_ORC_RLE_H

#include "orc/stream.h"

/* Values of the longest run: of version 2, and literals of version 1. */
#define LH_ORC_MAX_RUN 512

/* What is left of the current run. */
typedef enum LhOrcRun
{
	LH_ORC_RUN_STEPS, /* value, value + step, ... */
	LH_ORC_RUN_PACKED, /* bits in the stream, the next one number "index" */
	LH_ORC_RUN_SUMS,  /* the same as distances from value to value */
	LH_ORC_RUN_DECODED /* in buf */
} LhOrcRun;

typedef struct LhOrcRle
{
	LhOrcStream *in;
	bool is_signed;
	bool v2;
	LhOrcRun run;
	uint32_t left; /* values of the run */
	int64_t value; /* STEPS: the next one; SUMS: the last one */
	int64_t step;
	bool down;	   /* SUMS: distances are subtracted */
	const uint8_t *packed; /* in the stream's buffer, which stays until the run is over */
	uint32_t index;
	int width;
	int at; /* in buf */
	int64_t buf[LH_ORC_MAX_RUN];
} LhOrcRle;

extern void lh_orc_rle_init(LhOrcRle *r, LhOrcStream *in, bool is_signed, bool v2);
/* After the stream was moved: no run is left. */
extern void lh_orc_rle_reset(LhOrcRle *r);
extern LhStatus lh_orc_rle_read(LhCtx *ctx, LhOrcRle *r, size_t n, int64_t *out);
extern LhStatus lh_orc_rle_skip(LhCtx *ctx, LhOrcRle *r, uint64_t n);
/*
 * As many of the next n values as are one and the same: *value, *count (at least 1).
 * They are not passed: lh_orc_rle_skip.
 */
extern LhStatus lh_orc_rle_same(LhCtx *ctx, LhOrcRle *r, size_t n, int64_t *value, size_t *count);

/* Values are added up: *sum of the next n, which must be >= 0 and stay below limit; they are passed. */
extern LhStatus lh_orc_rle_sum(LhCtx *ctx, LhOrcRle *r, uint64_t n, uint64_t limit, uint64_t *sum);

/* As read, but a value outside [least, most] is an error. */
extern LhStatus lh_orc_rle_read32(LhCtx *ctx, LhOrcRle *r, size_t n, int64_t least, int64_t most, int32_t *out);

typedef struct LhOrcBytes
{
	LhOrcStream *in;
	uint32_t left;
	bool literal; /* they lie in the stream */
	uint8_t value;
} LhOrcBytes;

extern void lh_orc_bytes_init(LhOrcBytes *r, LhOrcStream *in);
extern void lh_orc_bytes_reset(LhOrcBytes *r);
extern LhStatus lh_orc_bytes_read(LhCtx *ctx, LhOrcBytes *r, size_t n, uint8_t *out);
extern LhStatus lh_orc_bytes_skip(LhCtx *ctx, LhOrcBytes *r, uint64_t n);

typedef struct LhOrcBits
{
	LhOrcBytes bytes;
	int left; /* bits of "current" */
	uint8_t current; /* the next bit is its highest */
} LhOrcBits;

extern void lh_orc_bits_init(LhOrcBits *r, LhOrcStream *in);
extern void lh_orc_bits_reset(LhOrcBits *r);
/* n bits to the bits [0, n) of out, whole words of it; bits above n are 0. */
extern LhStatus lh_orc_bits_read(LhCtx *ctx, LhOrcBits *r, size_t n, uint64_t *out);
/* Pass n bits; *set is how many of them were 1. */
extern LhStatus lh_orc_bits_skip(LhCtx *ctx, LhOrcBits *r, uint64_t n, uint64_t *set);

/*
 * Places of the row index are in front of these: how many numbers, and go on from
 * where the stream was moved to.
 */
extern LhStatus lh_orc_rle_seek(LhCtx *ctx, LhOrcRle *r, const uint64_t *place);
extern LhStatus lh_orc_bytes_seek(LhCtx *ctx, LhOrcBytes *r, const uint64_t *place);
extern LhStatus lh_orc_bits_seek(LhCtx *ctx, LhOrcBits *r, const uint64_t *place);

#endif
