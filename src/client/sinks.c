/*
 * sinks.c
 *		The sinks of a run: open, recover, close.
 */
#include "client/client.h"

#include <stdlib.h>
#include <unistd.h>

#include "sink/queue.h"
#include "sink/registry.h"

/* The URI without what may be secret: users and options. */
static const char *
name_of(LhCtx *ctx, const char *uri)
{
	size_t n = strcspn(uri, "?");
	const char *host = memmem(uri, n, "//", 2);
	const char *at = host != NULL ? memchr(host, '@', n - (size_t) (host - uri)) : NULL;

	if (at == NULL)
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

/* What a sink's opening needs, as it may be in another arena than what is beside it. */
typedef struct Opening
{
	LhClient *client;
	int i;
	const char *name;
} Opening;

static LhStatus
open_inner(LhCtx *ctx, void *arg, LhSink **out)
{
	const Opening *o = arg;
	const LhClientConfig *c = &o->client->config;
	const LhClientSinkSpec *spec = &c->sinks[o->i];
	LhDeadConfig dead = {.letters = o->client->letters,
						 .refused = o->client->refused[o->i],
						 .tries = (int) c->dead_after,
						 .name = o->name,
						 .format = c->formats[spec->format]};
	LhSink *inner;

	LH_TRY(lh_sink_open(ctx, spec->uri, c->slot, c->formats[spec->format], c->text[spec->format],
						&inner));
	*out = inner;
	return dead.letters != NULL ? lh_dead_wrap(ctx, inner, &dead, out) : LH_OK;
}

/* Where queues overflow to: what is not asked for need not be possible. */
const char *
lh_client_spool_directory(LhClient *client)
{
	const char *given = client->config.spool;
	const char *preset = getenv("TMPDIR");

	if (given != NULL && strcmp(given, "off") == 0)
		return NULL;
	if (given != NULL)
		return given;
	if (preset == NULL || *preset == '\0')
		preset = "/var/tmp";
	if (access(preset, W_OK | X_OK) == 0)
		return preset;
	lh_log(&client->log, LH_LOG_WARNING, "spool",
		   "no spool: \"%s\" cannot be written to; --spool DIR names another directory", preset);
	client->config.spool = "off";
	return NULL;
}

static LhStatus
open_sink(LhClient *client, int i, bool queued, LhDeliverySink *s)
{
	LhCtx *ctx = client->ctx;
	const LhClientConfig *c = &client->config;
	Opening o = {.client = client, .i = i};
	LhSinkQueueConfig queue = {.memory = (size_t) c->queue_memory,
							   .spool_size = (uint64_t) c->spool_size};
	LhChangePos durable = {0};
	bool known = false;

	s->format = c->sinks[i].format;
	s->name = o.name = name_of(ctx, c->sinks[i].uri);
	if (s->name == NULL)
		return ctx->error->code;
	if (queued)
	{
		queue.spool = c->spool_size > 0 ? lh_client_spool_directory(client) : NULL;
		LH_TRY(lh_sink_queue_open(ctx, &queue, open_inner, &o, &s->sink));
	}
	else
		LH_TRY(open_inner(ctx, &o, &s->sink));
	LH_TRY(s->sink->kind->recover(ctx, s->sink, &durable, &known));
	lh_delivery_recovered(s, &durable, known);
	if (known)
		s->sink->durable = durable;
	return LH_OK;
}

/* What sinks refuse is remembered in the client's own arena, as long as it runs. */
static LhStatus
open_letters(LhClient *client)
{
	LhCtx *ctx = client->ctx;
	const char *uri = client->config.dead_uri;
	const char *name = name_of(ctx, uri);
	LhArena *old;
	LhStatus status = LH_OK;

	if (name == NULL)
		return ctx->error->code;
	old = lh_use(ctx, client->arena);
	for (int i = 0; i < client->config.nsinks && status == LH_OK; i++)
	{
		if (client->refused[i] == NULL)
			status = lh_refused_create(ctx, &client->refused[i]);
	}
	lh_use(ctx, old);
	LH_TRY(status);
	return lh_dead_open(ctx, uri, name, client->config.slot, &client->letters);
}

static LhStatus
open_all(LhClient *client, LhDeliverySink *sinks)
{
	bool stream =
		client->config.command != LH_CLIENT_STATUS && client->config.command != LH_CLIENT_DROP;

	/* before the sinks, whose threads write to it: it is released behind them */
	if (stream && client->config.dead_uri != NULL)
		LH_TRY(open_letters(client));
	for (int i = 0; i < client->config.nsinks; i++)
	{
		memset(&sinks[i], 0, sizeof(sinks[i]));
		LH_TRY(open_sink(client, i, stream && client->config.nsinks > 1, &sinks[i]));
	}
	return LH_OK;
}

LhStatus
lh_client_open_sinks(LhClient *client, LhDeliverySink *sinks)
{
	LhStatus status = open_all(client, sinks);
	bool wrong = status == LH_INVALID || status == LH_UNSUPPORTED;

	return lh_client_failed(client, wrong ? LH_EXIT_USAGE : LH_EXIT_SINK, false, status);
}

uint64_t
lh_client_letters(const LhClient *client)
{
	return client->letters != NULL ? lh_dead_count(client->letters) : 0;
}

uint64_t
lh_client_refusals(const LhClient *client)
{
	uint64_t n = 0;

	for (int i = 0; i < client->config.nsinks; i++)
	{
		if (client->refused[i] != NULL)
			n += lh_refused_tries(client->refused[i]);
	}
	return n;
}

/* Of all registries together. */
static LhStatus
registry_metrics(LhCtx *ctx, LhBuf *out)
{
	LhRegistryCounts n;

	lh_registry_counts(&n);
	const struct
	{
		const char *name, *help;
		uint64_t value;
	} all[] = {
		{"requests", "Schemas whose id a registry told", n.requests},
		{"hits", "Keys and values whose schema had a known id", n.hits},
		{"refused", "Times that a registry refused a schema, or did not have it", n.refused},
		{"failures", "Times that a registry could not be asked", n.failures},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		LH_TRY(lh_buf_printf(ctx, out,
							 "# HELP lakehouse_cdc_registry_%s_total %s\n"
							 "# TYPE lakehouse_cdc_registry_%s_total counter\n"
							 "lakehouse_cdc_registry_%s_total %llu\n",
							 all[i].name, all[i].help, all[i].name, all[i].name,
							 (unsigned long long) all[i].value));
	return LH_OK;
}

LhStatus
lh_client_queue_metrics(const LhClient *client, const LhDeliverySink *sinks, LhCtx *ctx, LhBuf *out)
{
	static const char *const heads[] = {
		"# HELP lakehouse_cdc_sink_queue_bytes Memory of what waits for the sink\n# TYPE lakehouse_cdc_sink_queue_bytes gauge\n",
		"# HELP lakehouse_cdc_sink_spooled_bytes Bytes of the spool file that wait for the sink\n# TYPE lakehouse_cdc_sink_spooled_bytes gauge\n"};
	static const char *const names[] = {"queue_bytes", "spooled_bytes"};

	for (int k = 0; k < 2; k++)
	{
		LH_TRY(lh_buf_append_str(ctx, out, heads[k]));
		for (int i = 0; i < client->config.nsinks; i++)
		{
			LhSink *sink = sinks[i].sink;
			uint64_t bytes[2];

			if (sink == NULL || sink->kind->async == NULL)
				continue;
			sink->kind->async->backlog(sink, &bytes[0], &bytes[1]);
			LH_TRY(lh_buf_printf(ctx, out, "lakehouse_cdc_sink_%s{sink=\"%d\",kind=\"%s\"} %llu\n",
								 names[k], i + 1, sink->kind->scheme,
								 (unsigned long long) bytes[k]));
		}
	}
	return registry_metrics(ctx, out);
}

static void
warn(LhClient *client, const char *what, const char *name)
{
	lh_log(&client->log, LH_LOG_WARNING, "close", "%s %s: %s", what, name,
		   client->ctx->error->message);
}

void
lh_client_close_sinks(LhClient *client, LhDeliverySink *sinks)
{
	for (int i = 0; i < client->config.nsinks; i++)
	{
		if (sinks[i].sink != NULL &&
			sinks[i].sink->kind->close(client->ctx, sinks[i].sink) != LH_OK)
			warn(client, "sink", sinks[i].name);
		sinks[i].sink = NULL;
	}
	if (client->letters != NULL && lh_dead_close(client->ctx, client->letters) != LH_OK)
		warn(client, "dead letters to", lh_dead_name(client->letters));
	client->letters = NULL;
}
