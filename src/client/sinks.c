/*
 * sinks.c
 *		The sinks of a run: open, recover, close.
 */
#include "client/client.h"

/* The URI without what may be secret: users and options. */
static const char *
name_of(LhCtx *ctx, const char *uri)
{
	size_t n = strcspn(uri, "?");
	const char *host = strstr(uri, "//");
	const char *at = host != NULL ? memchr(host, '@', n - (size_t) (host - uri)) : NULL;

	if (host == NULL || host >= uri + n || at == NULL)
		return lh_strndup(ctx, uri, n);
	return lh_sprintf(ctx, "%.*s%.*s", (int) (host + 2 - uri), uri, (int) (uri + n - at - 1),
					  at + 1);
}

bool
lh_client_forgets(const LhDeliverySink *s)
{
	return strcmp(s->sink->kind->scheme, "stdout") == 0 ||
		   strcmp(s->sink->kind->scheme, "null") == 0;
}

static LhStatus
open_sink(LhClient *client, const LhClientSinkSpec *spec, LhDeliverySink *s)
{
	LhCtx *ctx = client->ctx;
	const LhClientConfig *c = &client->config;
	LhChangePos durable = {0};
	bool known = false;

	s->format = spec->format;
	s->name = name_of(ctx, spec->uri);
	if (s->name == NULL)
		return ctx->error->code;
	LH_TRY(lh_sink_open(ctx, spec->uri, c->slot, c->formats[spec->format], c->text[spec->format],
						&s->sink));
	LH_TRY(s->sink->kind->recover(ctx, s->sink, &durable, &known));
	lh_delivery_recovered(s, &durable, known);
	if (known)
		s->sink->durable = durable;
	return LH_OK;
}

LhStatus
lh_client_open_sinks(LhClient *client, LhDeliverySink *sinks)
{
	for (int i = 0; i < client->config.nsinks; i++)
	{
		LhStatus status;

		memset(&sinks[i], 0, sizeof(sinks[i]));
		status = open_sink(client, &client->config.sinks[i], &sinks[i]);
		if (status != LH_OK)
		{
			bool wrong = status == LH_INVALID || status == LH_UNSUPPORTED;

			return lh_client_failed(client, wrong ? LH_EXIT_USAGE : LH_EXIT_SINK, false, status);
		}
	}
	return LH_OK;
}

void
lh_client_close_sinks(LhClient *client, LhDeliverySink *sinks)
{
	for (int i = 0; i < client->config.nsinks; i++)
	{
		if (sinks[i].sink != NULL &&
			sinks[i].sink->kind->close(client->ctx, sinks[i].sink) != LH_OK)
			lh_log(&client->log, LH_LOG_WARNING, "close", "sink %s: %s", sinks[i].name,
				   client->ctx->error->message);
		sinks[i].sink = NULL;
	}
}
