/*
 * outbox.h
 *		Inserts into an outbox as messages with a topic, a key and headers of their own.
 *
 * An outbox is a table that is written to be told of.  Its rows do not go through
 * the formats: each insert is a message whose topic, key, value and headers are
 * columns, as of Debezium's EventRouter.  In frames a message of format
 * LH_MESSAGE_ROUTE says topic and headers first (frame.h); a bare stream has an
 * object with all of it (format json).
 *
 * Columns come masked as always: a mask on the payload masks the payload.
 */
#ifndef LH_CHANGE_OUTBOX_H
#define LH_CHANGE_OUTBOX_H

#include "change/change.h"

typedef struct LhOutbox LhOutbox;

/* Options together: what needs frames, what excludes what, the topic's template. */
extern LhStatus lh_outbox_check(LhCtx *ctx, const LhChangeOptions *options);
/* The plan of a relation, in ctx->arena; LH_INVALID names the column that is missing, and the option. */
extern LhStatus lh_outbox_plan(LhCtx *ctx, const LhChangeOptions *options, const LhChangeRel *rel, LhOutbox **out);
/*
 * The topic of a row, in ctx->arena.  *reason: why there is none, without any value;
 * who may insert may not stop a stream.
 */
extern LhStatus lh_outbox_topic(LhCtx *ctx, const LhOutbox *outbox, const LhCell *cells, const char **topic,
								const char **reason);
/* The messages of an insert, one for each format of the stream; in frames, frame begun. */
extern LhStatus lh_outbox_write(LhCtx *ctx, const LhOutbox *outbox, const LhChangeEvent *ev, const char *topic,
								LhChangeOut *out);

/*
 * One header of a route's: at moves behind it.  LH_CORRUPT when lengths are not
 * true.  value.data NULL: null.
 */
extern LhStatus lh_header_next(LhCtx *ctx, LhSlice headers, size_t *at, LhSlice *name, LhSlice *value);

#endif
