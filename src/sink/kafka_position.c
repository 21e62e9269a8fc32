/*
 * kafka_position.c
 *		The topic of positions: made, checked, read.
 *
 * Partition 0 of one compacted topic has a record for each stream: key the stream's
 * name, value the position as JSON.  It is written in the transaction of the
 * messages it speaks of (kafka.c).
 *
 *	1. init_transactions came first: it ends what an earlier client of our
 *	   transactional.id left open, so that no older position can still appear.
 *	2. Where there is no such topic it is made, if it can be, compacted, with one partition.  One that is not
 *	   compacted is refused: it would forget a quiet stream's position.  A broker that
 *	   does not answer within admin.timeout.ms is not asked further.
 *	3. All records up to the end that the topic had at the start are read,
 *	   committed ones only.  Another stream's undecided transaction may hold the
 *	   reader back: it waits, for timeout.ms at most, rather than miss ours.
 */
#include "sink/kafka.h"

#include <stdio.h>
#include <string.h>

typedef enum TopicState
{
	TOPIC_PROBED,  /* we only ask */
	TOPIC_UNKNOWN, /* it could not be made, for all we know */
	TOPIC_THERE
} TopicState;

/* Wait for an admin request's event; NULL on time-out. */
static LhStatus
wait_event(LhCtx *ctx, rd_kafka_queue_t *queue, int64_t until, rd_kafka_event_t **event)
{
	*event = NULL;
	while (*event == NULL && lh_sink_now_ms() < until)
	{
		LH_TRY(lh_poll(ctx));
		*event = rd_kafka_queue_poll(queue, LH_KAFKA_SLICE_MS);
	}
	return LH_OK;
}

static LhStatus
create_topic(LhCtx *ctx, LhKafka *k, rd_kafka_queue_t *queue, TopicState *state)
{
	rd_kafka_AdminOptions_t *options =
		rd_kafka_AdminOptions_new(k->rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
	rd_kafka_NewTopic_t *topic;
	const rd_kafka_topic_result_t **results;
	rd_kafka_event_t *event;
	char text[128];
	LhStatus status;
	size_t n;

	*state = TOPIC_UNKNOWN;
	rd_kafka_AdminOptions_set_request_timeout(options, (int) k->admin_ms, text, sizeof(text));
	/* -1: the broker's own number of replicas */
	topic = rd_kafka_NewTopic_new(k->position_topic, 1, -1, text, sizeof(text));
	if (topic == NULL)
	{
		rd_kafka_AdminOptions_destroy(options);
		LH_FAIL(ctx, LH_INVALID, "sink \"%s\": \"%s\" cannot be the topic of positions",
				k->config.uri, k->position_topic);
	}
	rd_kafka_NewTopic_set_config(topic, "cleanup.policy", "compact");
	rd_kafka_CreateTopics(k->rk, &topic, 1, options, queue);
	rd_kafka_NewTopic_destroy(topic);
	rd_kafka_AdminOptions_destroy(options);
	status = wait_event(ctx, queue, lh_sink_now_ms() + 2 * (int64_t) k->admin_ms, &event);
	if (status != LH_OK || event == NULL)
		return status;
	if (rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		results =
			rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &n);
		if (n == 1 &&
			(rd_kafka_topic_result_error(results[0]) == RD_KAFKA_RESP_ERR_NO_ERROR ||
			 rd_kafka_topic_result_error(results[0]) == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS))
			*state = TOPIC_THERE;
	}
	rd_kafka_event_destroy(event);
	return LH_OK;
}

/* Value of cleanup.policy in a DescribeConfigs answer; NULL: it is not told. */
static const char *
cleanup_policy(const rd_kafka_event_t *event)
{
	size_t n, m;
	const rd_kafka_ConfigResource_t **resources;
	const rd_kafka_ConfigEntry_t **entries;

	if (rd_kafka_event_error((rd_kafka_event_t *) event) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return NULL;
	resources = rd_kafka_DescribeConfigs_result_resources(
		rd_kafka_event_DescribeConfigs_result((rd_kafka_event_t *) event), &n);
	if (n != 1 || rd_kafka_ConfigResource_error(resources[0]) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return NULL;
	entries = rd_kafka_ConfigResource_configs(resources[0], &m);
	for (size_t i = 0; i < m; i++)
		if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), "cleanup.policy") == 0)
			return rd_kafka_ConfigEntry_value(entries[i]);
	return NULL;
}

/* A broker that does not tell (no right, no such request) is believed. */
static LhStatus
check_compacted(LhCtx *ctx, LhKafka *k, rd_kafka_queue_t *queue)
{
	rd_kafka_AdminOptions_t *options =
		rd_kafka_AdminOptions_new(k->rk, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
	rd_kafka_ConfigResource_t *resource =
		rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, k->position_topic);
	rd_kafka_event_t *event;
	const char *policy;
	char text[128];
	bool good;

	rd_kafka_AdminOptions_set_request_timeout(options, (int) k->admin_ms, text, sizeof(text));
	rd_kafka_DescribeConfigs(k->rk, &resource, 1, options, queue);
	rd_kafka_ConfigResource_destroy(resource);
	rd_kafka_AdminOptions_destroy(options);
	LH_TRY(wait_event(ctx, queue, lh_sink_now_ms() + 2 * (int64_t) k->admin_ms, &event));
	if (event == NULL)
		return LH_OK;
	policy = cleanup_policy(event);
	good = policy == NULL || strstr(policy, "compact") != NULL;
	rd_kafka_event_destroy(event);
	if (good)
		return LH_OK;
	lh_fail(ctx, LH_INVALID, "sink \"%s\": topic \"%s\" is not compacted", k->config.uri,
			k->position_topic);
	lh_detail(ctx, "It would forget the position of a stream that is quiet for long.");
	lh_hint(ctx, "Set cleanup.policy=compact for this topic.");
	return LH_INVALID;
}

/* First and last offset; *there false: nobody knows the topic. */
static LhStatus
find_ends(LhCtx *ctx, LhKafka *k, rd_kafka_t *rk, TopicState state, int64_t until, int64_t *lo,
		  int64_t *hi, bool *there)
{
	/* a topic that was just made may not be known everywhere; one that could not be made need not be */
	int64_t unknown_until = lh_sink_now_ms() + (state == TOPIC_UNKNOWN ? 2000 : 0);

	for (;;)
	{
		rd_kafka_resp_err_t err = rd_kafka_query_watermark_offsets(rk, k->position_topic, 0, lo, hi,
																   LH_KAFKA_SLICE_MS * 5);
		bool unknown = err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
					   err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
					   err == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
		int64_t now = lh_sink_now_ms();

		*there = err == RD_KAFKA_RESP_ERR_NO_ERROR;
		if (*there)
			return LH_OK;
		rd_kafka_poll(rk, unknown && state == TOPIC_PROBED ? 0 : LH_KAFKA_SLICE_MS);
		LH_TRY(lh_poll(ctx));
		if (err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
			LH_FAIL(ctx, LH_DENIED, "sink \"%s\": topic \"%s\": %s", k->config.uri,
					k->position_topic, rd_kafka_err2str(err));
		if (unknown && state != TOPIC_THERE && now >= unknown_until)
			return LH_OK;
		if (now >= until)
			return lh_kafka_timeout(ctx, k, "asking for the end of the topic of positions",
									k->timeout_ms);
	}
}

/* One record; of other streams' nothing is wanted. */
static LhStatus
take_record(LhCtx *ctx, const LhKafka *k, const rd_kafka_message_t *m, LhChangePos *pos,
			bool *known)
{
	json_t *json;
	bool good;

	if (m->key_len != strlen(k->config.stream) || memcmp(m->key, k->config.stream, m->key_len) != 0)
		return LH_OK;
	*known = m->payload != NULL; /* a tombstone: somebody wants the stream to begin anew */
	if (!*known)
		return LH_OK;
	json = json_loadb(m->payload, m->len, 0, NULL);
	good = json != NULL && lh_sink_position_read(json, pos);
	json_decref(json);
	if (good)
		return LH_OK;
	lh_fail(ctx, LH_CORRUPT, "sink \"%s\": topic \"%s\", offset %lld: no position", k->config.uri,
			k->position_topic, (long long) m->offset);
	lh_hint(ctx, "A null value for the key \"%s\" makes the stream begin anew.", k->config.stream);
	return LH_CORRUPT;
}

static LhStatus
read_to(LhCtx *ctx, LhKafka *k, rd_kafka_topic_t *topic, int64_t hi, int64_t until,
		LhChangePos *pos, bool *known)
{
	for (;;)
	{
		rd_kafka_message_t *m = rd_kafka_consume(topic, 0, LH_KAFKA_SLICE_MS);
		LhStatus status = lh_poll(ctx);
		bool done = false;

		if (m != NULL && m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
			done = m->offset >= hi;
		else if (m != NULL && m->err == RD_KAFKA_RESP_ERR_NO_ERROR)
		{
			done = m->offset + 1 >= hi;
			if (status == LH_OK && m->offset < hi)
				status = take_record(ctx, k, m, pos, known);
		}
		else if (m != NULL && status == LH_OK &&
				 m->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
			status = lh_fail(ctx, LH_DENIED, "sink \"%s\": topic \"%s\": %s", k->config.uri,
							 k->position_topic, rd_kafka_err2str(m->err));
		if (m != NULL)
			rd_kafka_message_destroy(m);
		LH_TRY(status);
		if (done)
			return LH_OK;
		if (lh_sink_now_ms() >= until)
			return lh_kafka_timeout(ctx, k,
									"reading the topic of positions to its end (another "
									"stream's transaction may be undecided)",
									k->timeout_ms);
	}
}

/* Find the topic, or make it. */
static LhStatus
prepare_topic(LhCtx *ctx, LhKafka *k, rd_kafka_t *rk, rd_kafka_queue_t *queue, int64_t until,
			  int64_t *lo, int64_t *hi, bool *there)
{
	TopicState state = TOPIC_UNKNOWN;

	LH_TRY(find_ends(ctx, k, rk, TOPIC_PROBED, until, lo, hi, there));
	if (!*there)
	{
		if (k->admin_ms > 0)
			LH_TRY(create_topic(ctx, k, queue, &state));
		LH_TRY(find_ends(ctx, k, rk, state, until, lo, hi, there));
	}
	return *there && k->admin_ms > 0 ? check_compacted(ctx, k, queue) : LH_OK;
}

static LhStatus
read_positions(LhCtx *ctx, LhKafka *k, rd_kafka_t *rk, LhChangePos *pos, bool *known)
{
	int64_t until = lh_sink_now_ms() + (int64_t) k->timeout_ms;
	rd_kafka_queue_t *queue = rd_kafka_queue_new(k->rk);
	rd_kafka_topic_t *topic;
	int64_t lo, hi;
	LhStatus status;
	bool there;

	status = prepare_topic(ctx, k, rk, queue, until, &lo, &hi, &there);
	rd_kafka_queue_destroy(queue);
	if (status != LH_OK || !there || hi <= lo)
		return status;
	topic = rd_kafka_topic_new(rk, k->position_topic, NULL);
	if (topic == NULL || rd_kafka_consume_start(topic, 0, lo) != 0)
		status = lh_fail(ctx, LH_IO, "sink \"%s\": could not read topic \"%s\": %s", k->config.uri,
						 k->position_topic, rd_kafka_err2str(rd_kafka_last_error()));
	else
	{
		status = read_to(ctx, k, topic, hi, until, pos, known);
		rd_kafka_consume_stop(topic, 0);
	}
	if (topic != NULL)
		rd_kafka_topic_destroy(topic);
	return status;
}

LhStatus
lh_kafka_position(LhCtx *ctx, LhKafka *k, LhChangePos *pos, bool *known)
{
	LhStatus status;
	rd_kafka_t *rk;

	*pos = (LhChangePos){0};
	*known = false;
	LH_TRY(lh_kafka_client(ctx, k, RD_KAFKA_CONSUMER, &rk));
	status = read_positions(ctx, k, rk, pos, known);
	rd_kafka_destroy(rk);
	return status;
}
