/*
 * kafka_read.c
 *		All that a read_committed reader finds in the topics whose names begin with a prefix.
 *
 * usage: kafka_read BROKERS PREFIX
 *
 * A line a message, members separated by tabs: topic, partition, offset, the headers commit,
 * ordinal and op, key, value; "\N" stands for one that is not there.  Neither keys nor values of
 * text formats have tabs or newlines; a message that has ends the program, as do all errors.
 * Partitions are read one after the other, each to the end that it has then.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

#define WAIT_MS  60000
#define SLICE_MS 1000

static void
give_up(const char *what, const char *why)
{
	fprintf(stderr, "kafka_read: %s: %s\n", what, why);
	exit(1);
}

static void
put(const char *bytes, size_t n, char end)
{
	if (bytes == NULL)
	{
		bytes = "\\N";
		n = 2;
	}
	if (memchr(bytes, '\t', n) != NULL || memchr(bytes, '\n', n) != NULL)
		give_up("a message", "a tab or a newline in it");
	fwrite(bytes, 1, n, stdout);
	putchar(end);
}

static void
put_header(const rd_kafka_message_t *m, const char *name)
{
	rd_kafka_headers_t *headers;
	const void *value = NULL;
	size_t n = 0;

	if (rd_kafka_message_headers(m, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR)
		(void) rd_kafka_header_get_last(headers, name, &value, &n);
	put(value, n, '\t');
}

static void
read_partition(rd_kafka_t *rk, const char *name, int partition)
{
	rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, name, NULL);
	int waited = 0;

	if (topic == NULL || rd_kafka_consume_start(topic, partition, RD_KAFKA_OFFSET_BEGINNING) != 0)
		give_up(name, rd_kafka_err2str(rd_kafka_last_error()));
	for (bool end = false; !end;)
	{
		rd_kafka_message_t *m = rd_kafka_consume(topic, partition, SLICE_MS);

		if (m == NULL)
		{
			if ((waited += SLICE_MS) > WAIT_MS)
				give_up(name, "nothing comes, nor the end");
			continue;
		}
		waited = 0;
		end = m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
		if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR && !end)
			give_up(name, rd_kafka_message_errstr(m));
		if (!end)
		{
			printf("%s\t%d\t%lld\t", name, partition, (long long) m->offset);
			put_header(m, "commit");
			put_header(m, "ordinal");
			put_header(m, "op");
			put(m->key, m->key_len, '\t');
			put(m->payload, m->len, '\n');
		}
		rd_kafka_message_destroy(m);
	}
	rd_kafka_consume_stop(topic, partition);
	rd_kafka_topic_destroy(topic);
}

int
main(int argc, char **argv)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	const struct rd_kafka_metadata *metadata;
	const char *settings[][2] = {{"bootstrap.servers", argc > 1 ? argv[1] : ""},
								 {"isolation.level", "read_committed"},
								 {"enable.partition.eof", "true"},
								 {"check.crcs", "true"}};
	rd_kafka_resp_err_t error;
	rd_kafka_t *rk;
	char text[256];

	if (argc != 3)
		give_up("usage", "kafka_read BROKERS PREFIX");
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], text, sizeof(text)) !=
			RD_KAFKA_CONF_OK)
			give_up(settings[i][0], text);
	rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
	if (rk == NULL)
		give_up("consumer", text);
	error = rd_kafka_metadata(rk, 1, NULL, &metadata, WAIT_MS);
	if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
		give_up("metadata", rd_kafka_err2str(error));
	for (int i = 0; i < metadata->topic_cnt; i++)
		if (strncmp(metadata->topics[i].topic, argv[2], strlen(argv[2])) == 0)
			for (int k = 0; k < metadata->topics[i].partition_cnt; k++)
				read_partition(rk, metadata->topics[i].topic, metadata->topics[i].partitions[k].id);
	rd_kafka_metadata_destroy(metadata);
	rd_kafka_destroy(rk);
	return fflush(stdout) == 0 ? 0 : 1;
}
