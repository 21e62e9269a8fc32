/*
 * copy.h
 *		Rows of COPY ... TO STDOUT (FORMAT binary) of one column of bytea.
 *
 *	file	"PGCOPY\n\377\r\n\0", u32 flags, u32 bytes of extension, extension,
 *	        tuples, i16 -1
 *	tuple	i16 columns (1), i32 bytes (-1: null), bytes
 *
 * All big-endian (PostgreSQL's documentation of COPY).  The pieces in which the
 * bytes come need not be tuples, although a server sends them so; what is whole in
 * a piece is handed out where it stands.  Trusts nothing: lengths are checked
 * against the limit before memory is taken for them, and a stream that ends
 * without its trailer, or goes on behind it, is an error.
 */
#ifndef LH_CLIENT_COPY_H
#define LH_CLIENT_COPY_H

#include "core/core.h"

typedef struct LhCopyReader
{
	size_t		max;			/* bytes of a value, else LH_LIMIT */
	LhBuf		kept;			/* of earlier pieces: what was not whole yet */
	size_t		used;			/* of kept: handed out */
	LhSlice		rest;			/* of the piece at hand */
	uint64_t	at;				/* bytes before rest, for messages */
	bool		started;		/* the head is read */
	bool		ended;			/* the trailer is */
} LhCopyReader;

/* Its memory is of ctx->arena. */
extern LhStatus lh_copy_init(LhCtx *ctx, LhCopyReader *r, size_t max);
/* A new stream begins. */
extern void lh_copy_reset(LhCopyReader *r);
/* The next piece; borrowed until lh_copy_next says that there is no more. */
extern void lh_copy_feed(LhCopyReader *r, LhSlice piece);
/* The next value, good until the next call; *more false: feed.  A null has data NULL. */
extern LhStatus lh_copy_next(LhCtx *ctx, LhCopyReader *r, LhSlice *value, bool *more);
/* The stream is over: was it whole? */
extern LhStatus lh_copy_end(LhCtx *ctx, const LhCopyReader *r);

#endif
