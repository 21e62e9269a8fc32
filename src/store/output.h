/*
 * output.h
 *		Where bytes go: an object appears whole, or not at all.
 *
 * Local files are written under a temporary name in the target's directory
 * ("._lakehouse-<random>.tmp", which listings skip), synced and renamed; object
 * stores get a multipart upload that is completed, small ones a single PUT.
 * Until lh_output_finish nobody sees anything; when the arena is reset before,
 * the temporary file is unlinked and the upload aborted.
 */
#ifndef LH_STORE_OUTPUT_H
#define LH_STORE_OUTPUT_H

#include "store/store.h"

typedef struct LhOutput LhOutput;

typedef struct LhOutputOptions
{
	bool		overwrite;		/* replace an existing object; else it is LH_EXISTS, also when it appears meanwhile */
} LhOutputOptions;

/*
 * Begin an object at a location (no glob, no directory).  Needs the write
 * rights of the store's LhAccess (LH_DENIED).  Lives in ctx->arena.
 */
extern LhStatus lh_output_create(LhCtx *ctx, LhStore *store, const char *location,
								 const LhOutputOptions *options, LhOutput **out);

/* Whoever writes bytes elsewhere: COPY TO STDOUT, a test's buffer. */
typedef LhStatus (*LhOutputFn) (LhCtx *ctx, void *arg, const uint8_t *bytes, size_t len);
extern LhStatus lh_output_to(LhCtx *ctx, LhOutputFn fn, void *arg, LhOutput **out);

/* Append.  Large writes poll the host. */
extern LhStatus lh_output_write(LhCtx *ctx, LhOutput *o, const void *bytes, size_t len);
/* Bytes written so far. */
extern int64_t lh_output_position(const LhOutput *o);
/* Make it durable and visible; id (may be NULL) gets the new object's identity. */
extern LhStatus lh_output_finish(LhCtx *ctx, LhOutput *o, LhObjectId *id);
/* Give up early: nothing remains.  Never fails. */
extern void lh_output_abort(LhOutput *o);

#endif
