/*
 * internal.h
 *		What sinks share: the URI's parser, the options' readers, positions as text.
 */
#ifndef LH_SINK_INTERNAL_H
#define LH_SINK_INTERNAL_H

#include <jansson.h>

#include "core/core.h"
#include "sink/sink.h"

#define LH_SINK_URI_MAX     16384
#define LH_SINK_OPTIONS_MAX 256

extern const LhSinkKind lh_sink_stdout, lh_sink_null, lh_sink_file, lh_sink_kafka;
extern const LhSinkKind lh_sink_nats, lh_sink_nats_tls;
extern const LhSinkKind lh_sink_redis, lh_sink_rediss;

/* Takes a URI apart (uri.c); stream, format and text are left alone.  *scheme is in lower case. */
extern LhStatus
lh_sink_uri_parse(LhCtx *ctx, const char *uri, const char **scheme, LhSinkConfig *out);

/* Is this option's value never to be shown? */
extern bool lh_sink_option_secret(const char *name);
/* The same, or this very value. */
extern bool lh_sink_option_hidden(const LhSinkOption *option);

/* An option that is a number from min to max; preset when it is not given. */
extern LhStatus lh_sink_option_number(LhCtx *ctx, const LhSinkConfig *config, const char *name,
									  uint64_t preset, uint64_t min, uint64_t max, uint64_t *out);

/* An option that is one of choices (NULL-terminated): its index; the first is the preset. */
extern LhStatus lh_sink_option_choice(LhCtx *ctx, const LhSinkConfig *config, const char *name,
									  const char *const *choices, int *out);

/* "begin", "insert", ... */
extern const char *lh_sink_op_name(LhChangeOp op);

/* An LSN as PostgreSQL writes it: "16/B374D848". */
#define LH_LSN_TEXT 18
extern const char *lh_sink_lsn_text(uint64_t lsn, char out[LH_LSN_TEXT]);
/* The reverse; false when it is none. */
extern bool lh_sink_lsn_parse(const char *text, uint64_t *lsn);

/* position.c: {"lsn":"0/64","ordinal":1,"xid":7} */
extern LhStatus lh_sink_position_write(LhCtx *ctx, LhBuf *out, const LhChangePos *pos);
/* False when it is none. */
extern bool lh_sink_position_read(const json_t *json, LhChangePos *pos);

/*
 * registered.c: around sinks whose values have schemas.  *out NULL: nothing to do there.
 * *inner: what the sink itself is opened with, without the options that are taken here.
 */
typedef struct LhRegistered LhRegistered;
extern LhStatus lh_registered_open(LhCtx *ctx, const LhSinkConfig *config, const char *scheme, LhSinkConfig *inner,
								   LhRegistered **out);
/* Around the sink that was opened so. */
extern LhSink *lh_registered_wrap(LhRegistered *registered, LhSink *inner);

/* A copy in ctx->arena: what open is handed is borrowed for the call.  format stays borrowed. */
extern LhStatus lh_sink_keep_config(LhCtx *ctx, const LhSinkConfig *from, LhSinkConfig *to);

/* The one line of a file that nobody but its owner may read (registry.c). */
extern LhStatus lh_sink_read_secret(LhCtx *ctx, const char *path, char **out);

/* Milliseconds of a clock that never goes back. */
extern int64_t lh_sink_now_ms(void);

#endif
