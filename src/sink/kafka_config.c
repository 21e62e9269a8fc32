/*
 * kafka_config.c
 *		The Kafka sink's options: its own, and librdkafka's, which are passed through.
 *
 * Options that would break the sink's promise, and one that loads code, are refused.
 * The library's own texts may hold the value of an option, so they are not shown
 * for those that are secret.
 */
#include "sink/kafka.h"

#include <stdio.h>
#include <string.h>

static const char *const own[] = {"topic.prefix", "position.topic",   "commit.bytes",
								  "commit.ms",    "split.bytes",      "timeout.ms",
								  "headers",      "admin.timeout.ms", NULL};

/* Set by the sink, each with the reason that is told. */
static const struct
{
	const char *name;
	const char *why;
} refused[] = {
	{"bootstrap.servers", "brokers stand behind kafka://"},
	{"metadata.broker.list", "brokers stand behind kafka://"},
	{"enable.idempotence", "the sink needs idempotent writes"},
	{"isolation.level", "positions are read from committed transactions only"},
	{"enable.partition.eof", "the sink sets it"},
	{"enable.auto.commit", "the sink sets it"},
	{"plugin.library.paths", "it would load code into the client"},
	{NULL, NULL},
};

static bool
is_own(const char *name)
{
	for (int i = 0; own[i] != NULL; i++)
		if (strcmp(own[i], name) == 0)
			return true;
	return false;
}

LhStatus
lh_kafka_read_options(LhCtx *ctx, LhKafka *k)
{
	static const char *const yes_no[] = {"yes", "no", NULL};
	const LhSinkConfig *c = &k->config;
	uint64_t kafka_timeout;
	int choice;

	if (c->host[0] == '\0' || (c->path[0] != '\0' && strcmp(c->path, "/") != 0))
		LH_FAIL(ctx, LH_INVALID, "sink \"%s\": write \"kafka://host:port[,host:port...]?...\"",
				c->uri);
	for (int i = 0; i < c->noptions; i++)
		for (int r = 0; refused[r].name != NULL; r++)
			if (strcasecmp(c->options[i].name, refused[r].name) == 0)
				LH_FAIL(ctx, LH_INVALID, "sink \"%s\": option \"%s\" cannot be set: %s", c->uri,
						refused[r].name, refused[r].why);
	k->prefix = lh_sink_option(c, "topic.prefix", "");
	k->position_topic = lh_sink_option(c, "position.topic", "__lakehouse_positions");
	k->transactional_id = lh_sink_option(c, "transactional.id", NULL);
	if (k->transactional_id == NULL &&
		(k->transactional_id = lh_sprintf(ctx, "lakehouse-%s", c->stream)) == NULL)
		return ctx->error->code;
	if (k->transactional_id[0] == '\0' || k->position_topic[0] == '\0')
		LH_FAIL(ctx, LH_INVALID, "sink \"%s\": transactional.id and position.topic cannot be empty",
				c->uri);
	LH_TRY(lh_sink_option_number(ctx, c, "commit.bytes", 16 << 20, 1, UINT64_C(1) << 40,
								 &k->commit_bytes));
	LH_TRY(lh_sink_option_number(ctx, c, "commit.ms", 1000, 0, 3600000, &k->commit_ms));
	LH_TRY(lh_sink_option_number(ctx, c, "split.bytes", 256 << 20, 1, UINT64_C(1) << 40,
								 &k->split_bytes));
	LH_TRY(lh_sink_option_number(ctx, c, "timeout.ms", 60000, 100, 3600000, &k->timeout_ms));
	LH_TRY(lh_sink_option_number(ctx, c, "admin.timeout.ms", 10000, 0, 300000, &k->admin_ms));
	LH_TRY(lh_sink_option_choice(ctx, c, "headers", yes_no, &choice));
	k->headers = choice == 0;
	/* the broker aborts what is open for longer: we end it in half of that */
	LH_TRY(lh_sink_option_number(ctx, c, "transaction.timeout.ms", 60000, 1000, INT32_MAX,
								 &kafka_timeout));
	k->split_ms = kafka_timeout / 2;
	return LH_OK;
}

static LhStatus
set(LhCtx *ctx, const LhKafka *k, rd_kafka_conf_t *conf, const char *name, const char *value)
{
	char text[256] = "";

	if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) == RD_KAFKA_CONF_OK)
		return LH_OK;
	lh_fail(ctx, LH_INVALID, "sink \"%s\": option \"%s\" has a wrong name or value", k->config.uri,
			name);
	if (!lh_sink_option_secret(name))
		lh_detail(ctx, "%s.", text);
	lh_hint(ctx, "What is not an option of the sink itself must be a property of librdkafka.");
	return LH_INVALID;
}

/* Callbacks run while we poll; they only remember. */
static void
on_error(rd_kafka_t *rk, int err, const char *reason, void *opaque)
{
	LhKafka *k = opaque;

	snprintf(k->last_error, sizeof(k->last_error), "%s: %s", rd_kafka_err2name(err), reason);
}

static void
on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	LhKafka *k = opaque;
	LhKafkaId *id = m->_private;
	LhStatus status = LH_OK;

	switch (m->err)
	{
		case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
		case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
		case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
		case RD_KAFKA_RESP_ERR_INVALID_RECORD:
			/* a position has no id: it is as small as can be */
			if (id != NULL)
				lh_kafka_refuse(k, &id->pos, id->sub, "topic \"%s\": %s",
								rd_kafka_topic_name(m->rkt), rd_kafka_err2str(m->err));
			else
				status = LH_INVALID;
			break;
		case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
		case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
		case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED: status = LH_DENIED; break;
		case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
		case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
		case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION: status = LH_NOT_FOUND; break;
		default: break;
	}
	if (id != NULL)
	{
		id->next = k->free_ids;
		k->free_ids = id;
	}
	if (status == LH_OK || k->hopeless != LH_OK)
		return;
	k->hopeless = status;
	snprintf(k->hopeless_text, sizeof(k->hopeless_text), "topic \"%s\": %s",
			 rd_kafka_topic_name(m->rkt), rd_kafka_err2str(m->err));
}

/* Called by threads of the library: nothing is printed. */
static void
on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
}

static LhStatus
fill(LhCtx *ctx, LhKafka *k, rd_kafka_type_t type, rd_kafka_conf_t *conf)
{
	LH_TRY(set(ctx, k, conf, "client.id", "lakehouse_cdc"));
	LH_TRY(set(ctx, k, conf, "partitioner", "murmur2_random"));
	for (int i = 0; i < k->config.noptions; i++)
		if (!is_own(k->config.options[i].name) &&
			strcmp(k->config.options[i].name, "transactional.id") != 0)
			LH_TRY(set(ctx, k, conf, k->config.options[i].name, k->config.options[i].value));
	LH_TRY(set(ctx, k, conf, "bootstrap.servers", k->config.host));
	if (type == RD_KAFKA_PRODUCER)
	{
		LH_TRY(set(ctx, k, conf, "enable.idempotence", "true"));
		LH_TRY(set(ctx, k, conf, "transactional.id", k->transactional_id));
		rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	}
	else
	{
		LH_TRY(set(ctx, k, conf, "isolation.level", "read_committed"));
		LH_TRY(set(ctx, k, conf, "enable.partition.eof", "true"));
		LH_TRY(set(ctx, k, conf, "enable.auto.commit", "false"));
	}
	rd_kafka_conf_set_opaque(conf, k);
	rd_kafka_conf_set_error_cb(conf, on_error);
	rd_kafka_conf_set_log_cb(conf, on_log);
	return LH_OK;
}

LhStatus
lh_kafka_client(LhCtx *ctx, LhKafka *k, rd_kafka_type_t type, rd_kafka_t **out)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	LhStatus status = fill(ctx, k, type, conf);
	char text[256] = "";

	if (status != LH_OK)
	{
		rd_kafka_conf_destroy(conf);
		return status;
	}
	*out = rd_kafka_new(type, conf, text, sizeof(text));
	if (*out != NULL)
		return LH_OK;
	rd_kafka_conf_destroy(conf);
	lh_fail(ctx, LH_INVALID, "sink \"%s\": the options do not fit together", k->config.uri);
	lh_detail(ctx, "%s.", text);
	return LH_INVALID;
}

LhStatus
lh_kafka_timeout(LhCtx *ctx, const LhKafka *k, const char *what, uint64_t ms)
{
	lh_fail(ctx, LH_IO, "sink \"%s\": %s took more than %llu ms", k->config.uri, what,
			(unsigned long long) ms);
	if (k->last_error[0] != '\0')
		lh_detail(ctx, "The last error of a broker: %s.", k->last_error);
	lh_hint(ctx, "Look whether the brokers can be reached; the option timeout.ms gives more time.");
	return LH_IO;
}
