/*
 * convert.h
 *		Internal: physical values to the lanes of vec/types.h.
 */
#ifndef LH_PARQUET_CONVERT_H
#define LH_PARQUET_CONVERT_H

#include "parquet/parquet.h"

typedef enum LhPqConvertKind
{
	LH_PQ_AS_IS, /* the physical value is the lane's */
	LH_PQ_MASK8, LH_PQ_MASK16, /* UINT8 and UINT16 in an INT32 */
	LH_PQ_I32_I64, LH_PQ_U32_I64, LH_PQ_I32_I128, LH_PQ_I64_I128, LH_PQ_U64_I128,
	LH_PQ_FIXED_I32, LH_PQ_FIXED_I64, LH_PQ_FIXED_I128, LH_PQ_FIXED_STR, /* from FLBA */
	LH_PQ_BYTES_I32, LH_PQ_BYTES_I64, LH_PQ_BYTES_I128, LH_PQ_BYTES_FIXED, /* from BYTE_ARRAY */
	LH_PQ_HALF,
	LH_PQ_INT96_US,
	LH_PQ_HYBRID, /* as it is, but for days before 1582-10-15 */
	LH_PQ_ALL_NULL /* type NULL: there are no values */
} LhPqConvertKind;

typedef struct LhPqConvert
{
	LhPqConvertKind kind;
	size_t in; /* bytes of a physical value (decode.h) */
	size_t out; /* bytes of a lane value */
	LhType type;
	bool hybrid; /* the file's days before 1582-10-15 are Julian */
} LhPqConvert;

/* How the values of a leaf become those of type; LH_UNSUPPORTED when they cannot. */
extern LhStatus lh_pq_convert_choose(LhCtx *ctx, const LhPqNode *node, const LhType *type,
									 const LhPqOptions *options, LhPqConvert *out);

/*
 * n values.  in may be unaligned unless it holds LhStr.  A value that the lane
 * cannot hold is LH_CORRUPT or LH_OUT_OF_RANGE.  *digits_lost counts INT96
 * values that were cut.
 */
extern LhStatus lh_pq_convert(LhCtx *ctx, const LhPqConvert *c, const uint8_t *in, size_t n,
							  void *out, int64_t *digits_lost);

/* A statistic of a leaf, as lh_pq_convert would make it of the value: moved where days are Julian. */
extern void lh_pq_rebase_value(const LhPqNode *node, LhValue *v);

#endif
