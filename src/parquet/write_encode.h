/*
 * write_encode.h
 *		Internal: values of a page in their physical form, and how they are encoded.
 */
#ifndef LH_PARQUET_WRITE_ENCODE_H
#define LH_PARQUET_WRITE_ENCODE_H

#include "parquet/parquet.h"

/* A page's sizes are signed 32-bit numbers, headers and levels included. */
#define LH_PQW_PAGE_MAX ((size_t) INT32_MAX - (1 << 20))

/* Dense values, nulls left out. */
typedef struct LhPqwValues
{
	size_t n;
	size_t width; /* bytes a value (BOOLEAN: 1); 0: BYTE_ARRAY */
	LhBuf data;
	LhBuf ends; /* BYTE_ARRAY: uint32_t each, where the value ends in data */
} LhPqwValues;

extern LhStatus lh_pqw_values_init(LhCtx *ctx, LhPqwValues *v, size_t width);
extern void lh_pqw_values_clear(LhPqwValues *v); /* keeps its memory */
extern void lh_pqw_values_free(LhPqwValues *v);
/* Room for n more values of fixed width; they are to be put at the returned place and counted. */
extern LhStatus lh_pqw_values_extend(LhCtx *ctx, LhPqwValues *v, size_t n, uint8_t **at);
/* Append byte arrays; LH_LIMIT when a page cannot hold them. */
extern LhStatus lh_pqw_values_add_strs(LhCtx *ctx, LhPqwValues *v, const LhStr *strs, size_t n);
/* Append values of "from" by number. */
extern LhStatus lh_pqw_values_pick(LhCtx *ctx, LhPqwValues *v, const LhPqwValues *from,
								   const uint32_t *numbers, size_t n);

static inline const uint32_t *
lh_pqw_ends(const LhPqwValues *v)
{
	return (const uint32_t *) (const void *) v->ends.data;
}

static inline LhSlice
lh_pqw_value(const LhPqwValues *v, size_t i)
{
	uint32_t from;

	if (v->width > 0)
		return lh_slice(v->data.data + i * v->width, v->width);
	from = i > 0 ? lh_pqw_ends(v)[i - 1] : 0;
	return lh_slice(v->data.data + from, lh_pqw_ends(v)[i] - from);
}

/* Bytes in PLAIN. */
static inline size_t
lh_pqw_plain_size(const LhPqwValues *v, LhPqPhysical physical)
{
	if (physical == LH_PQ_BOOLEAN)
		return (v->n + 7) / 8;
	return v->width > 0 ? v->n * v->width : v->data.len + 4 * v->n;
}

/* May values of this physical type be written so? */
extern bool lh_pqw_encoding_fits(LhPqPhysical physical, LhPqEncoding encoding);

/* Append the values in an encoding that fits them. */
extern LhStatus lh_pqw_encode(LhCtx *ctx, const LhPqwValues *v, LhPqPhysical physical,
							  LhPqEncoding encoding, LhBuf *out);

/*
 * write_rle.c: Parquet's hybrid of runs and bit-packed groups of 8, values of
 * width (0..32) bits.
 */
extern LhStatus lh_pqw_rle32(LhCtx *ctx, const uint32_t *v, size_t n, int width, LhBuf *out);
extern LhStatus lh_pqw_rle8(LhCtx *ctx, const uint8_t *v, size_t n, int width, LhBuf *out);
/* n times the same value. */
extern LhStatus lh_pqw_rle_run(LhCtx *ctx, uint32_t value, uint64_t n, int width, LhBuf *out);
/* Bits that hold values up to max. */
static inline int
lh_pqw_bits(uint32_t max)
{
	return max == 0 ? 0 : 32 - __builtin_clz(max);
}

/* write_delta.c */
extern LhStatus lh_pqw_delta32(LhCtx *ctx, const int32_t *v, size_t n, LhBuf *out);
extern LhStatus lh_pqw_delta64(LhCtx *ctx, const int64_t *v, size_t n, LhBuf *out);
extern LhStatus lh_pqw_delta_lengths(LhCtx *ctx, const LhPqwValues *v, LhBuf *out);
extern LhStatus lh_pqw_delta_bytes(LhCtx *ctx, const LhPqwValues *v, LhBuf *out);

#endif
