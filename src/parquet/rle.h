/*
 * rle.h
 *		Internal: decoder of Parquet's RLE / bit-packed hybrid.
 */
#ifndef LH_PARQUET_RLE_H
#define LH_PARQUET_RLE_H

#include "core/core.h"

/* A place in a sequence of runs.  Plain state: copying it is a bookmark. */
typedef struct LhRle
{
	const uint8_t *p; /* header of the next run */
	const uint8_t *end;
	const uint8_t *bits; /* packed run: its first byte */
	uint64_t pos; /* packed run: values already taken */
	uint64_t left; /* values left in this run */
	uint32_t value; /* RLE run: the value */
	uint8_t width; /* bits a value, 0..32 */
	bool packed;
} LhRle;

/* len bytes at data with LH_PADDING readable bytes behind them; width 0..32. */
extern void lh_rle_init(LhRle *r, const uint8_t *data, size_t len, int width);

/* Step to the next run that is not empty; false at the end or when it is malformed. */
extern bool lh_rle_next(LhRle *r);

/* Is there a value to take?  After this r->left > 0. */
static inline bool
lh_rle_more(LhRle *r)
{
	return r->left > 0 || lh_rle_next(r);
}

/* Take k (at most r->left) values of the current run without looking at them. */
static inline void
lh_rle_take(LhRle *r, uint64_t k)
{
	r->left -= k;
	r->pos += k;
}

/* Take k (at most r->left) values of a packed run; *max is raised to the largest. */
extern void lh_rle_unpack(LhRle *r, size_t k, uint32_t *out, uint32_t *max);

/*
 * The next n values; returns how many there were.  *max is raised to the
 * largest.  Up to LH_RLE_SLACK values behind out[n] may be written as well.
 */
#define LH_RLE_SLACK 16
extern size_t lh_rle_read(LhRle *r, size_t n, uint32_t *out, uint32_t *max);
/* The same for any width and instruction set. */
extern size_t lh_rle_read_any(LhRle *r, size_t n, uint32_t *out, uint32_t *max);

/* Pass over n values in O(runs); returns how many there were. */
extern uint64_t lh_rle_skip(LhRle *r, uint64_t n);

#endif
