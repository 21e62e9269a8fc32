/*
 * s3_output.h
 *		Internal: outputs to S3, as the function table that output.c wants.
 */
#ifndef LH_STORE_S3_OUTPUT_H
#define LH_STORE_S3_OUTPUT_H

#include "store/output_internal.h"

/*
 * Begin an object at an S3 location (no pattern).  Without overwrite an object
 * that is there is LH_EXISTS, also when it appears meanwhile.  The state is in
 * ctx->arena; nothing needs to be undone before the first write.
 */
extern LhStatus lh_s3_output_begin(LhCtx *ctx, LhStore *store, const char *location,
								   const LhOutputOptions *options, const LhOutputVtable **vtable,
								   void **state);

/* Bytes of the first parts of an upload; less is written by a single request. */
#define LH_S3_PART ((size_t) 8 << 20)

#endif
