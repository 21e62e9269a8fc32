/*
 * registered.c
 *		Around a sink whose values have schemas: their heads become what readers expect.
 *
 *	1. With option registry=URL the schema that a key or value names by its head is
 *	   registered (registry.h), and the head becomes Confluent's: a zero byte and the id,
 *	   big-endian; for Protobuf also the place of the message in its file, which is the
 *	   first: one more zero byte.
 *	2. Without it Protobuf loses its head, as nothing else knows it.  Avro keeps its own,
 *	   the single-object encoding; then there is no sink around the other one at all.
 *	3. Keys and values of an outbox have no schema, and pass as they are.
 *	4. All else is the inner sink's, call by call: positions, refusals, failures.
 *
 * A message whose schema the registry refuses is not given to the inner sink: a person is
 * needed, or with registry.refused=dead-letters it is refused like one that the sink
 * cannot take (dead.h).  A registry that cannot be reached is a failure of the sink (LH_IO).
 *
 * The queue (queue.h) stands outside: requests are made in the sink's own thread, where it
 * has one, and wait through the client's host where it has none.
 *
 * Format: https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format
 */
#include <stdio.h>
#include <string.h>

#include "sink/kafka.h"
#include "sink/registry.h"

/* A zero byte, the id; and that of the first message. */
#define AVRO_HEADER     5
#define PROTOBUF_HEADER 6

struct LhRegistered
{
	LhSink sink;
	LhSinkKind kind; /* ours under the name of the sink inside */
	LhSink *inner;
	LhSchemaKind schemas;
	LhRegistry *registry; /* NULL: heads are taken off */
	bool kafka;           /* topics are called as Kafka has them */
	const char *prefix;
	bool letters; /* messages of refused schemas are refused */
	bool failed;  /* a message is missing inside: nothing goes on before recovery */
	const char *stream;
	LhSinkRefusals refusals; /* the inner sink's, or ours */
	LhBuf key, value;
};

/*
 * Options
 */

static bool
is_ours(const char *name)
{
	return strcmp(name, "registry") == 0 || strncmp(name, "registry.", 9) == 0;
}

/* Ours, and those of the sink itself. */
static LhStatus
split(LhCtx *ctx, const LhSinkConfig *config, LhSinkConfig *ours, LhSinkConfig *inner)
{
	LhSinkOption *mine, *others;

	*ours = *inner = *config;
	LH_NEW_ARRAY(ctx, mine, config->noptions + 1);
	LH_NEW_ARRAY(ctx, others, config->noptions + 1);
	ours->noptions = inner->noptions = 0;
	ours->options = mine;
	inner->options = others;
	for (int i = 0; i < config->noptions; i++)
	{
		if (is_ours(config->options[i].name))
			mine[ours->noptions++] = config->options[i];
		else
			others[inner->noptions++] = config->options[i];
	}
	return LH_OK;
}

/* At most one kind of them, and that whole. */
static LhStatus
read_credentials(LhCtx *ctx, const LhSinkConfig *c, LhRegistryOptions *o)
{
	o->user = lh_sink_option(c, "registry.user", NULL);
	o->password = lh_sink_option(c, "registry.password", NULL);
	o->auth_file = lh_sink_option(c, "registry.auth.file", NULL);
	o->token_file = lh_sink_option(c, "registry.token.file", NULL);
	if ((o->user == NULL) != (o->password == NULL))
		LH_FAIL(ctx, LH_INVALID, "sink \"%s\": registry.user and registry.password go together",
				c->uri);
	if ((o->user != NULL) + (o->auth_file != NULL) + (o->token_file != NULL) > 1)
		LH_FAIL(
			ctx, LH_INVALID,
			"sink \"%s\": give registry.user, registry.auth.file or registry.token.file, not two "
			"of them",
			c->uri);
	if (o->user != NULL && strchr(o->user, ':') != NULL)
		LH_FAIL(ctx, LH_INVALID, "sink \"%s\": registry.user cannot have a colon", c->uri);
	return LH_OK;
}

static LhStatus
read_options(LhCtx *ctx, const LhSinkConfig *c, LhRegistryOptions *o, bool *letters)
{
	static const char *const known[] = {"registry",
										"registry.user",
										"registry.password",
										"registry.auth.file",
										"registry.token.file",
										"registry.ca.file",
										"registry.timeout.ms",
										"registry.retries",
										"registry.register",
										"registry.normalize",
										"registry.subject",
										"registry.refused",
										NULL};
	static const char *const on_off[] = {"on", "off", NULL}, *const off_on[] = {"off", "on", NULL};
	static const char *const subjects[] = {"topic", "record", "topic-record", NULL};
	static const char *const refused[] = {"stop", "dead-letters", NULL};
	uint64_t timeout_ms, retries;
	int reg, normalize, subject, on_refused;

	LH_TRY(lh_sink_check_options(ctx, c, known));
	LH_TRY(read_credentials(ctx, c, o));
	LH_TRY(lh_sink_option_number(ctx, c, "registry.timeout.ms", 10000, 100, 600000, &timeout_ms));
	LH_TRY(lh_sink_option_number(ctx, c, "registry.retries", 2, 0, 20, &retries));
	LH_TRY(lh_sink_option_choice(ctx, c, "registry.register", on_off, &reg));
	LH_TRY(lh_sink_option_choice(ctx, c, "registry.normalize", off_on, &normalize));
	LH_TRY(lh_sink_option_choice(ctx, c, "registry.subject", subjects, &subject));
	LH_TRY(lh_sink_option_choice(ctx, c, "registry.refused", refused, &on_refused));
	o->url = lh_sink_option(c, "registry", NULL);
	o->ca_file = lh_sink_option(c, "registry.ca.file", NULL);
	o->subjects = (LhSubjects) subject;
	o->look_up = reg == 1;
	o->normalize = normalize == 1;
	o->timeout_ms = (int) timeout_ms;
	o->attempts = (int) retries + 1;
	*letters = on_refused == 1;
	return LH_OK;
}

/* Options of a registry where it cannot be one. */
static LhStatus
check_use(LhCtx *ctx, const LhSinkConfig *ours, const LhSinkConfig *inner)
{
	if (lh_sink_option(ours, "registry", NULL) == NULL)
		LH_FAIL(ctx, LH_INVALID, "sink \"%s\": option \"%s\" needs registry=URL", ours->uri,
				ours->options[0].name);
	if (ours->schemas == LH_SCHEMA_NONE)
	{
		lh_fail(ctx, LH_INVALID, "sink \"%s\": values of format \"%s\" have no schemas to register",
				ours->uri, ours->format != NULL ? ours->format : "unknown");
		lh_hint(ctx, "Choose a format of Avro or Protobuf, as with --sink debezium-avro=URI.");
		return LH_INVALID;
	}
	if (strcmp(lh_sink_option(inner, "container", "none"), "none") != 0)
		LH_FAIL(ctx, LH_INVALID,
				"sink \"%s\": containers have their schema in them, and no registry", ours->uri);
	return LH_OK;
}

/*
 * Messages
 */

/* Everything that is seen of a sink is the inner one's. */
static LhStatus
mirror(LhRegistered *s, LhStatus status)
{
	s->sink.durable = s->inner->durable;
	s->sink.messages = s->inner->messages;
	s->sink.bytes = s->inner->bytes;
	if (!s->letters)
		s->sink.refusals = s->inner->refusals;
	else if (status == LH_SINK_REFUSED && s->inner->refusals != NULL)
		s->refusals = *s->inner->refusals;
	return status;
}

/* No message of this topic can be written: the inner sink says so. */
static bool
name_topic(const LhRegistered *s, const LhSinkMessage *m, char buf[LH_KAFKA_TOPIC_MAX + 1],
		   const char **out)
{
	*out = m->topic != NULL ? m->topic : s->stream;
	if (!s->kafka)
		return true;
	if (!lh_kafka_topic_name(s->prefix, *out, buf))
		return false;
	*out = buf;
	return true;
}

/* Another head for a key or a value. */
static LhStatus
replace(LhCtx *ctx, LhRegistered *s, const char *topic, bool key, const LhSchema *schema,
		LhSlice *bytes)
{
	size_t header = s->schemas == LH_SCHEMA_PROTOBUF ? PROTOBUF_HEADER : AVRO_HEADER;
	LhBuf *buf = key ? &s->key : &s->value;
	uint64_t fingerprint;
	LhSlice rest;
	uint32_t id;

	if (schema == NULL)
		return LH_OK;
	if (schema->kind != s->schemas || !lh_schema_head_read(schema->kind, *bytes, &fingerprint) ||
		fingerprint != schema->fingerprint)
		LH_FAIL(ctx, LH_CORRUPT, "a message does not begin with the head of its schema");
	rest = lh_slice(bytes->data + LH_SCHEMA_HEAD, bytes->len - LH_SCHEMA_HEAD);
	if (s->registry == NULL)
	{
		*bytes = rest;
		return LH_OK;
	}
	LH_TRY(lh_registry_id(ctx, s->registry, topic, key, schema, &id));
	LH_TRY(lh_buf_fit(ctx, buf, header + rest.len));
	buf->data[0] = buf->data[header - 1] = 0;
	for (int i = 0; i < 4; i++)
		buf->data[1 + i] = (uint8_t) (id >> (24 - 8 * i));
	if (rest.len > 0)
		memcpy(buf->data + header, rest.data, rest.len);
	*bytes = lh_slice(buf->data, header + rest.len);
	return LH_OK;
}

static LhStatus
replace_heads(LhCtx *ctx, LhRegistered *s, LhSinkMessage *m)
{
	char buf[LH_KAFKA_TOPIC_MAX + 1];
	const char *topic;

	if (!name_topic(s, m, buf, &topic))
		return LH_OK;
	if (m->has_key)
		LH_TRY(replace(ctx, s, topic, true, m->key_schema, &m->key));
	if (!m->tombstone)
		LH_TRY(replace(ctx, s, topic, false, m->value_schema, &m->value));
	return LH_OK;
}

/* The message is refused, and the inner sink has not seen it. */
static LhStatus
refuse(LhCtx *ctx, LhRegistered *s, const LhSinkMessage *m)
{
	LhSinkRefusal *r = &s->refusals.v[0];
	const char *text = ctx->error->message;
	size_t n = lh_utf8_clip(text, strlen(text), sizeof(r->reason) - 1);

	s->refusals.n = 1;
	s->refusals.here = true;
	r->pos = m->pos;
	r->sub = m->sub;
	memcpy(r->reason, text, n);
	r->reason[n] = '\0';
	return ctx->error->code = LH_SINK_REFUSED;
}

/*
 * The vtable
 */

static LhStatus
check(LhCtx *ctx, const LhRegistered *s)
{
	if (s->failed)
		LH_FAIL(ctx, LH_BUG, "a sink was used after a failure, before its recovery");
	return LH_OK;
}

static LhStatus
registered_recover(LhCtx *ctx, LhSink *sink, LhChangePos *durable, bool *known)
{
	LhRegistered *s = (LhRegistered *) sink;

	s->failed = false;
	return mirror(s, s->inner->kind->recover(ctx, s->inner, durable, known));
}

static LhStatus
registered_put(LhCtx *ctx, LhSink *sink, const LhSinkMessage *message)
{
	LhRegistered *s = (LhRegistered *) sink;
	LhSinkMessage m = *message;
	LhStatus status;

	LH_TRY(check(ctx, s));
	status = replace_heads(ctx, s, &m);
	if (s->letters && (status == LH_MISMATCH || status == LH_NOT_FOUND))
		return refuse(ctx, s, message);
	s->failed = status != LH_OK;
	LH_TRY(status);
	return mirror(s, s->inner->kind->put(ctx, s->inner, &m));
}

static LhStatus
registered_commit(LhCtx *ctx, LhSink *sink, const LhChangePos *pos)
{
	LhRegistered *s = (LhRegistered *) sink;

	LH_TRY(check(ctx, s));
	return mirror(s, s->inner->kind->commit(ctx, s->inner, pos));
}

static LhStatus
registered_flush(LhCtx *ctx, LhSink *sink)
{
	LhRegistered *s = (LhRegistered *) sink;

	LH_TRY(check(ctx, s));
	return mirror(s, s->inner->kind->flush(ctx, s->inner));
}

static LhStatus
registered_close(LhCtx *ctx, LhSink *sink)
{
	LhRegistered *s = (LhRegistered *) sink;

	return mirror(s, s->inner->kind->close(ctx, s->inner));
}

/* Of a sink that works on after its calls have returned. */

static int
registered_event(LhSink *sink)
{
	LhRegistered *s = (LhRegistered *) sink;

	return s->inner->kind->async->event(s->inner);
}

static LhStatus
registered_poll(LhCtx *ctx, LhSink *sink)
{
	LhRegistered *s = (LhRegistered *) sink;

	return mirror(s, s->inner->kind->async->poll(ctx, s->inner));
}

static void
registered_refresh(LhSink *sink)
{
	LhRegistered *s = (LhRegistered *) sink;

	s->inner->kind->async->refresh(s->inner);
	(void) mirror(s, LH_OK);
}

static LhStatus
registered_settle(LhCtx *ctx, LhSink *sink)
{
	LhRegistered *s = (LhRegistered *) sink;

	return mirror(s, s->inner->kind->async->settle(ctx, s->inner));
}

static void
registered_backlog(LhSink *sink, uint64_t *memory, uint64_t *spooled)
{
	LhRegistered *s = (LhRegistered *) sink;

	s->inner->kind->async->backlog(s->inner, memory, spooled);
}

static const LhSinkAsync async = {
	.event = registered_event,
	.poll = registered_poll,
	.refresh = registered_refresh,
	.settle = registered_settle,
	.backlog = registered_backlog,
};

/*
 * Open
 */

LhStatus
lh_registered_open(LhCtx *ctx, const LhSinkConfig *config, const char *scheme, LhSinkConfig *inner,
				   LhRegistered **out)
{
	LhRegistryOptions options = {0};
	LhRegistered *s;
	LhSinkConfig ours;

	*out = NULL;
	LH_TRY(split(ctx, config, &ours, inner));
	if (ours.noptions > 0)
		LH_TRY(check_use(ctx, &ours, inner));
	else if (config->schemas != LH_SCHEMA_PROTOBUF)
		return LH_OK;
	LH_NEW(ctx, s);
	s->schemas = config->schemas;
	s->stream = config->stream;
	s->kafka = strcmp(scheme, "kafka") == 0;
	s->prefix = lh_sink_option(inner, "topic.prefix", "");
	LH_TRY(lh_buf_init(ctx, &s->key, false));
	LH_TRY(lh_buf_init(ctx, &s->value, false));
	*out = s;
	if (ours.noptions == 0)
		return LH_OK;
	LH_TRY(read_options(ctx, &ours, &options, &s->letters));
	if (lh_registry_open(ctx, &options, &s->registry) == LH_OK)
		return LH_OK;
	lh_error_prefix(ctx, "sink \"%s\"", config->uri);
	return ctx->error->code;
}

LhSink *
lh_registered_wrap(LhRegistered *s, LhSink *inner)
{
	s->inner = inner;
	s->kind = (LhSinkKind){.scheme = inner->kind->scheme,
						   .lines = inner->kind->lines,
						   .summary = inner->kind->summary,
						   .recover = registered_recover,
						   .put = registered_put,
						   .commit = registered_commit,
						   .flush = registered_flush,
						   .close = registered_close,
						   .async = inner->kind->async != NULL ? &async : NULL};
	s->sink.kind = &s->kind;
	s->sink.refusals = s->letters ? &s->refusals : inner->refusals;
	(void) mirror(s, LH_OK);
	return &s->sink;
}
