/*
 * columns.h
 *		Builders of the columns of a manifest (manifest.h).
 */
#ifndef LH_ICEBERG_COLUMNS_H
#define LH_ICEBERG_COLUMNS_H

#include "iceberg/manifest.h"
#include "vec/vec.h"

/* Whole numbers: nothing is stored while all are the same, 4 bytes each while they fit. */
typedef struct LhIceIntsBuilder
{
	size_t n;
	int width;
	int64_t same;
	LhBuf buf;
} LhIceIntsBuilder;

typedef struct LhIceBytesBuilder
{
	size_t n;
	bool any; /* that is not null */
	LhBuf valid;
	LhBuf offsets;
	LhBuf heap;
} LhIceBytesBuilder;

/* All in ctx->arena; finish moves what there is into exactly as much memory. */
extern LhStatus lh_ice_ints_init(LhCtx *ctx, LhIceIntsBuilder *b);
extern LhStatus lh_ice_ints_add(LhCtx *ctx, LhIceIntsBuilder *b, int64_t v);
extern LhStatus lh_ice_ints_finish(LhCtx *ctx, LhIceIntsBuilder *b, LhIceInts *out);

extern LhStatus lh_ice_bytes_init(LhCtx *ctx, LhIceBytesBuilder *b);
/* p NULL: null */
extern LhStatus lh_ice_bytes_add(LhCtx *ctx, LhIceBytesBuilder *b, const uint8_t *p, size_t n);
extern LhStatus lh_ice_bytes_finish(LhCtx *ctx, LhIceBytesBuilder *b, LhIceBytes *out);

/* Row i of a vector of whole numbers; none for null. */
static inline int64_t
lh_ice_vec_int(const LhVec *v, int i, int64_t none)
{
	if (lh_vec_is_null(v, i))
		return none;
	if (v->kind == LH_VEC_FLAT && v->type.lane == LH_LANE_I64)
		return lh_load_i64((const uint8_t *) v->data + (size_t) i * 8);
	if (v->kind == LH_VEC_FLAT && v->type.lane == LH_LANE_I32)
		return lh_load_i32((const uint8_t *) v->data + (size_t) i * 4);
	return lh_vec_value(v, i).i64;
}

/* Row i of a vector of bytes; ptr NULL for null. */
static inline LhStr
lh_ice_vec_str(const LhVec *v, int i)
{
	LhStr s;

	if (lh_vec_is_null(v, i))
		return (LhStr){NULL, 0, 0};
	s = v->kind == LH_VEC_FLAT && v->type.lane == LH_LANE_STR ? ((const LhStr *) v->data)[i]
															   : lh_vec_value(v, i).str;
	if (s.ptr == NULL)
		s.ptr = (const uint8_t *) "";
	return s;
}

#endif
