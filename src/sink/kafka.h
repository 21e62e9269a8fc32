/*
 * kafka.h
 *		Internal: the Kafka sink's parts.  kafka.c tells how it keeps its promise.
 */
#ifndef LH_SINK_KAFKA_H
#define LH_SINK_KAFKA_H

#include <librdkafka/rdkafka.h>

#include "sink/internal.h"

/* A call of the library blocks so long, then the host is asked whether to go on. */
#define LH_KAFKA_SLICE_MS 200

/* Kafka's limit of a topic's name. */
#define LH_KAFKA_TOPIC_MAX 249

/* Which message a delivery report is of; one for each that is on its way. */
typedef struct LhKafkaId
{
	struct LhKafkaId *next; /* of those that are free */
	LhChangePos pos;
	int sub;
} LhKafkaId;

typedef struct LhKafka
{
	LhSink sink;
	LhArena *arena;
	LhSinkConfig config; /* copied */
	const char *transactional_id;
	const char *prefix;
	const char *position_topic;
	uint64_t commit_bytes; /* a Kafka transaction ends at a commit when it is so large, or so old */
	uint64_t commit_ms;
	uint64_t split_bytes; /* or within a source transaction */
	uint64_t split_ms;
	uint64_t timeout_ms;
	uint64_t admin_ms; /* 0: the topic of positions is neither made nor checked */
	bool headers;
	rd_kafka_t *rk; /* NULL: closed */
	bool initialised;
	bool ready;
	/* topics met, by the name that messages have */
	LhNameMap *topic_of;
	rd_kafka_topic_t **topics;
	int ntopics;
	int topics_cap;
	rd_kafka_topic_t *positions;
	/* the Kafka transaction */
	bool in_txn;
	bool inside;       /* messages were put since the last commit */
	bool flush_wanted; /* at the next commit */
	uint64_t txn_bytes;
	int64_t began_ms;
	LhChangePos at; /* all up to here was put */
	LhBuf text;
	LhKafkaId *free_ids;
	/* written by callbacks, which run in our calls only */
	LhSinkRefusals refusals; /* messages that no second attempt will bring through */
	LhStatus hopeless;       /* a topic that is not there, a right that is missing: not the message's fault */
	char hopeless_text[256];
	char last_error[256]; /* of a broker, for time-outs */
} LhKafka;

/*
 * How a topic is called there: characters that no topic may have become '_', as Debezium
 * does it; false: it cannot be one.
 */
extern bool lh_kafka_topic_name(const char *prefix, const char *topic, char out[LH_KAFKA_TOPIC_MAX + 1]);

/* kafka_position.c: what the position topic says of our stream, when all transactions are decided. */
extern LhStatus lh_kafka_position(LhCtx *ctx, LhKafka *k, LhChangePos *pos, bool *known);

/* kafka_config.c */
extern LhStatus lh_kafka_read_options(LhCtx *ctx, LhKafka *k);
extern LhStatus lh_kafka_client(LhCtx *ctx, LhKafka *k, rd_kafka_type_t type, rd_kafka_t **out);

/* A message that can never be written; what does not fit is refused again. */
extern void lh_kafka_refuse(LhKafka *k, const LhChangePos *pos, int sub, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* A time-out of ours: what was waited for, and what brokers said meanwhile. */
extern LhStatus lh_kafka_timeout(LhCtx *ctx, const LhKafka *k, const char *what, uint64_t ms);

#endif
