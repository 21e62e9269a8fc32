/*
 * null.c
 *		"null:": counts and forgets, for measurements of everything before a sink.
 */
#include "sink/internal.h"

static LhStatus
null_open(LhCtx *ctx, const LhSinkConfig *config, LhSink **out)
{
	static const char *const known[] = {NULL};

	LH_TRY(lh_sink_check_options(ctx, config, known));
	if (config->host[0] != '\0' || config->path[0] != '\0')
		LH_FAIL(ctx, LH_INVALID, "sink \"%s\": write \"null:\" alone", config->uri);
	LH_NEW(ctx, *out);
	return LH_OK;
}

static LhStatus
null_recover(LhCtx *ctx, LhSink *sink, LhChangePos *durable, bool *known)
{
	*durable = (LhChangePos){0};
	*known = false;
	return LH_OK;
}

static LhStatus
null_put(LhCtx *ctx, LhSink *sink, const LhSinkMessage *message)
{
	sink->messages++;
	sink->bytes += message->key.len + message->value.len;
	return LH_OK;
}

/* What is forgotten needs no flush. */
static LhStatus
null_commit(LhCtx *ctx, LhSink *sink, const LhChangePos *pos)
{
	sink->durable = *pos;
	return LH_OK;
}

static LhStatus
null_done(LhCtx *ctx, LhSink *sink)
{
	return LH_OK;
}

const LhSinkKind lh_sink_null = {
	.scheme = "null",
	.summary = "counts messages and forgets them",
	.open = null_open,
	.recover = null_recover,
	.put = null_put,
	.commit = null_commit,
	.flush = null_done,
	.close = null_done,
};
