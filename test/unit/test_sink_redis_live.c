/*
 * test_sink_redis_live.c
 *		The Redis sink and real servers: whatever the streams hold, and what each of a server's
 *		errors becomes.  test_sink_redis_kills.c has the kills, test_sink_redis_tls.c
 *		has TLS.
 *
 * Needs Debian's redis-server; without it the tests are skipped, which is said aloud.  What
 * streams hold is read by hiredis' own client.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "redis_live.h"

static char text[1 << 16];

static LhStatus
try_open(const char *options)
{
	LhChangePos pos;
	LhSink *sink;
	bool known;

	LH_TRY(open_stream("slot", options, &sink, &pos, &known));
	return sink->kind->close(ctx, sink);
}

static LhSink *
open_fine(const char *options)
{
	LhChangePos pos;
	LhSink *sink;
	bool known;

	FINE(open_stream("slot", options, &sink, &pos, &known));
	return sink;
}

static const char *
stream_text(const char *key)
{
	redis_stream_text(&server, key, text, sizeof(text));
	return text;
}

static const char *
position_field(const char *name)
{
	redisReply *reply = redis_do(&server, "HGET lakehouse:position:slot %s", name);
	const char *s = lh_strdup(ctx, reply->type == REDIS_REPLY_STRING ? reply->str : "-");

	freeReplyObject(reply);
	return s;
}

static void
assert_position(const char *lsn, const char *ordinal)
{
	assert_string_equal(position_field("lsn"), lsn);
	assert_string_equal(position_field("ordinal"), ordinal);
	assert_string_equal(position_field("part"), "-");
}

/*
 * What is there
 */

static void
messages_and_position_go_together(void **state)
{
	LhChangePos pos;
	LhSink *sink;
	bool known;

	NEEDS_REDIS;
	redis_start(&server);
	FINE(open_stream("slot", "", &sink, &pos, &known));
	assert_false(known);
	FINE(put(sink, 0x100, 1, "t", "one"));
	FINE(put(sink, 0x100, 2, "t", NULL));
	FINE(put(sink, 0x100, 3, "u", ""));
	FINE(commit(sink, 0x100, 4));
	assert_int_equal(sink->durable.commit_end, 0);
	assert_int_equal(redis_number(&server, "EXISTS %s", "t"), 0);
	FINE(flush(sink));
	assert_true(sink->durable.commit_end == 0x100 && sink->durable.ordinal == 4);
	assert_true(sink->messages == 3);
	finish(sink);
	assert_string_equal(
		stream_text("t"),
		"256-4194304 op=insert position={\"lsn\":\"0/100\",\"ordinal\":1,\"xid\":7} key=k value=one|"
		"256-8388608 op=insert position={\"lsn\":\"0/100\",\"ordinal\":2,\"xid\":7} key=k");
	assert_string_equal(
		stream_text("u"),
		"256-12582912 op=insert position={\"lsn\":\"0/100\",\"ordinal\":3,\"xid\":7} key=k value=");
	assert_position("0/100", "4");
	assert_string_equal(position_field("version"), "1");
	assert_string_equal(position_field("xid"), "7");

	FINE(open_stream("slot", "", &sink, &pos, &known));
	assert_true(known && pos.commit_end == 0x100 && pos.ordinal == 4 && pos.xid == 7);
	assert_true(sink->durable.commit_end == 0x100);
	/* a position alone */
	FINE(commit(sink, 0x200, 1));
	FINE(flush(sink));
	assert_position("0/200", "1");
	finish(sink);
	/* another stream's is another key, and so is one of another prefix */
	FINE(open_stream("other", "", &sink, &pos, &known));
	assert_false(known);
	finish(sink);
	FINE(open_stream("slot", "&prefix=p:", &sink, &pos, &known));
	assert_false(known);
	finish(sink);
}

static void
fields_have_the_names_that_were_asked_for(void **state)
{
	LhSink *sink;
	LhBuf headers;
	LhSinkMessage m = {
		.op = LH_CHANGE_INSERT, .pos = {0x100, 1, 7}, .topic = "h", .value = lh_slice("v", 1)};

	NEEDS_REDIS;
	redis_start(&server);
	sink = open_fine("&prefix=p:&field.key=&field.value=v&field.op=o&field.position=");
	FINE(one(sink, 0x100, "t", "x"));
	finish(sink);
	assert_string_equal(stream_text("p:t"), "256-4194304 o=insert v=x");
	/* values alone: tombstones say nothing then */
	sink = open_fine("&prefix=q:&fields=value");
	FINE(put(sink, 0x100, 1, "t", "x"));
	FINE(put(sink, 0x100, 2, "t", NULL));
	FINE(put(sink, 0x100, 3, "t", "y"));
	FINE(commit(sink, 0x100, 4));
	FINE(flush(sink));
	finish(sink);
	assert_string_equal(stream_text("q:t"), "256-4194304 value=x|256-12582912 value=y");

	/* an outbox's headers: two lengths, name, value; one that is null is left out (frame.h) */
	FINE(lh_buf_init(ctx, &headers, false));
	FINE(lh_buf_append(ctx, &headers, "\2\0\3\0\0\0idabc\1\0\xff\xff\xff\xffn", 18));
	m.headers = lh_slice(headers.data, headers.len);
	sink = open_fine("&prefix=r:&field.position=");
	FINE(sink->kind->put(ctx, sink, &m));
	FINE(commit(sink, 0x100, 4));
	FINE(flush(sink));
	finish(sink);
	assert_string_equal(stream_text("r:h"), "256-4194304 op=insert value=v header.id=abc");
}

/* The whole range of positions, as unsigned numbers of 64 bits; beyond it an error. */
static void
ids_are_unsigned_and_bounded(void **state)
{
	LhSink *sink;

	NEEDS_REDIS;
	redis_start(&server);
	sink = open_fine("&fields=value");
	FINE(put_sub(sink, 0x100, 5, 0, "t", "a"));
	FINE(put_sub(sink, 0x100, 5, 1, "t", "b"));
	FINE(put_sub(sink, 0x100, 5, LH_REDIS_SUB_MAX, "t", "c"));
	FINE(put_sub(sink, 0x100, 6, 0, "t", "d"));
	FINE(put_sub(sink, UINT64_MAX - 1, 0, 0, "t", "e"));
	FINE(put_sub(sink, UINT64_MAX - 1, LH_REDIS_ORDINAL_MAX, LH_REDIS_SUB_MAX, "t", "f"));
	FINE(commit(sink, UINT64_MAX - 1, LH_REDIS_ORDINAL_MAX + 9));
	FINE(flush(sink));
	assert_string_equal(stream_text("t"),
						"256-20971520 value=a|256-20971521 value=b|256-25165823 value=c|"
						"256-25165824 value=d|18446744073709551614-0 value=e|"
						"18446744073709551614-18446744073709551615 value=f");
	FAILS(put_sub(sink, UINT64_MAX, LH_REDIS_ORDINAL_MAX + 1, 0, "t", "x"), LH_LIMIT);
	finish(sink);
	sink = open_fine("&fields=value");
	FAILS(put_sub(sink, UINT64_MAX, 1, LH_REDIS_SUB_MAX + 1, "t", "x"), LH_LIMIT);
	SAYS("--chunk-blocks");
	finish(sink);
	/* and texts of ids of several lengths are compared as numbers by the script */
	sink = open_fine("&prefix=p:&fields=value");
	for (int i = 1; i < 200; i++)
		FINE(one(sink, (uint64_t) i * 7, "t", "x"));
	finish(sink);
	assert_int_equal(redis_number(&server, "XLEN %s", "p:t"), 199);
}

static void
a_large_transaction_is_split_and_an_event_is_not(void **state)
{
	LhSink *sink;

	NEEDS_REDIS;
	redis_start(&server);
	sink = open_fine("&fields=value&batch.bytes=300");
	for (int i = 1; i <= 100; i++)
		FINE(put(sink, 0x100, (uint64_t) i, "t", "0123456789"));
	/* the first part of the transaction is there, and the position says how far */
	assert_true(sink->durable.commit_end == 0x100 && sink->durable.ordinal > 20);
	assert_true(redis_number(&server, "XLEN %s", "t") >= (long long) sink->durable.ordinal);
	FINE(commit(sink, 0x100, 101));
	FINE(flush(sink));
	assert_int_equal(redis_number(&server, "XLEN %s", "t"), 100);
	assert_position("0/100", "101");
	/* one event: nothing before it is whole */
	for (int i = 0; i < 500; i++)
		FINE(put_sub(sink, 0x200, 1, i, i % 2 ? "e" : "f", "0123456789"));
	assert_int_equal(redis_number(&server, "EXISTS %s", "e"), 0);
	assert_true(sink->durable.commit_end == 0x100);
	FINE(put(sink, 0x200, 2, "e", "next"));
	FINE(commit(sink, 0x200, 3));
	FINE(flush(sink));
	assert_int_equal(redis_number(&server, "XLEN %s", "e"), 251);
	assert_int_equal(redis_number(&server, "XLEN %s", "f"), 250);
	assert_position("0/200", "3");
	/* and it can be the last one of all */
	for (int i = 0; i < 500; i++)
		FINE(put_sub(sink, 0x300, 1, i, "g", "0123456789"));
	FINE(flush(sink));
	assert_true(sink->durable.commit_end == 0x200);
	FINE(commit(sink, 0x300, 1));
	assert_true(sink->durable.commit_end == 0x300);
	assert_int_equal(redis_number(&server, "XLEN %s", "g"), 500);
	finish(sink);
}

static void
many_streams_and_messages(void **state)
{
	LhSink *sink;

	NEEDS_REDIS;
	redis_start(&server);
	sink = open_fine("&fields=value&batch.bytes=10000000&timeout.ms=300000");
	/* more streams than one script names */
	for (int i = 0; i < 10000; i++)
		FINE(put(sink, 0x100, (uint64_t) i + 1, lh_sprintf(ctx, "s%d", i % 5000), "v"));
	FINE(commit(sink, 0x100, 10001));
	FINE(flush(sink));
	for (int i = 0; i < 5000; i += 611)
		assert_int_equal(redis_number(&server, "XLEN %s", lh_sprintf(ctx, "s%d", i)), 2);
	/* more arguments than one request has, in one event */
	for (int i = 0; i < 300000; i++)
		FINE(put_sub(sink, 0x200, 1, i, "t", "v"));
	FINE(commit(sink, 0x200, 2));
	FINE(flush(sink));
	assert_int_equal(redis_number(&server, "XLEN %s", "t"), 300000);
	finish(sink);
}

static void
streams_are_trimmed_where_asked(void **state)
{
	LhSink *sink;
	long long n;

	NEEDS_REDIS;
	redis_start(&server);
	redis_ok(&server, "CONFIG SET stream-node-max-entries 10");
	sink = open_fine("&fields=value&maxlen=50");
	for (int i = 1; i <= 1000; i++)
		FINE(put(sink, 0x100, (uint64_t) i, "t", "v"));
	FINE(commit(sink, 0x100, 1001));
	FINE(flush(sink));
	finish(sink);
	n = redis_number(&server, "XLEN %s", "t");
	assert_true(n >= 50 && n < 100);
	/* by bytes of the log */
	sink = open_fine("&prefix=m:&fields=value&minid=1000");
	for (int i = 1; i <= 1000; i++)
		FINE(one(sink, (uint64_t) i * 10, "t", "v"));
	finish(sink);
	n = redis_number(&server, "XLEN %s", "m:t");
	assert_true(n >= 100 && n < 150);
	FAILS(try_open("&maxlen=1&minid=1"), LH_INVALID);
}

/*
 * Who else writes
 */

static void
a_second_client_fences_the_first(void **state)
{
	LhSink *first, *second;

	NEEDS_REDIS;
	redis_start(&server);
	first = open_fine("&fields=value");
	FINE(put(first, 16, 1, "t", "v"));
	second = open_fine("&fields=value");
	FINE(commit(first, 16, 2));
	FAILS(flush(first), LH_DENIED);
	SAYS("another client");
	SAYS("lakehouse:position:slot");
	FAILS(flush(first), LH_BUG);
	FINE(one(second, 16, "t", "v"));
	assert_string_equal(stream_text("t"), "16-4194304 value=v");
	/* a batch that was sent before, and comes late, does nothing either: it would be the same request */
	finish(first);
	finish(second);
	/* its position was removed meanwhile */
	first = open_fine("&fields=value");
	redis_ok(&server, "DEL lakehouse:position:slot");
	FAILS(one(first, 32, "t", "v"), LH_DENIED);
	finish(first);
	/* or changed */
	first = open_fine("&fields=value");
	redis_ok(&server, "HSET lakehouse:position:slot lsn 0/5000 ordinal 1 xid 1");
	FAILS(one(first, 32, "t", "v"), LH_CORRUPT);
	SAYS("lakehouse:position:slot");
	finish(first);
	assert_string_equal(stream_text("t"), "16-4194304 value=v");
}

/* A recovery takes no answer to what was sent before for its own. */
static void
recovery_leaves_what_is_on_its_way(void **state)
{
	LhChangePos pos;
	LhSink *sink;
	bool known;

	NEEDS_REDIS;
	redis_start(&server);
	sink = open_fine("&fields=value&batch.bytes=1");
	for (int round = 0; round < 20; round++)
	{
		const uint64_t base = sink->durable.commit_end;

		for (uint64_t i = base + 1; i <= base + 5; i++)
		{
			FINE(put(sink, i, 1, "t", "v"));
			FINE(commit(sink, i, 2));
		}
		FINE(sink->kind->recover(ctx, sink, &pos, &known));
	}
	FINE(one(sink, 1000, "t", "v"));
	finish(sink);
	assert_position("0/3E8", "2");
}

/* XADD to a key that is no stream would fail in the middle: nothing at all may be written. */
static void
a_key_of_another_type_moves_nothing(void **state)
{
	LhSink *sink;

	NEEDS_REDIS;
	redis_start(&server);
	redis_ok(&server, "RPUSH list x");
	sink = open_fine("&fields=value");
	FINE(one(sink, 0x100, "t", "v"));
	FINE(put(sink, 0x200, 1, "t", "v"));
	FINE(put(sink, 0x200, 2, "list", "v"));
	FINE(put(sink, 0x200, 3, "u", "v"));
	FINE(commit(sink, 0x200, 4));
	FAILS(flush(sink), LH_INVALID);
	SAYS("key list is a list");
	assert_true(sink->durable.commit_end == 0x100);
	assert_position("0/100", "2");
	assert_int_equal(redis_number(&server, "XLEN %s", "t"), 1);
	assert_int_equal(redis_number(&server, "EXISTS %s", "u"), 0);
	finish(sink);
	/* batches behind it, sent before it was answered, do nothing either */
	sink = open_fine("&fields=value&batch.bytes=1");
	{
		LhStatus status = LH_OK;

		for (int i = 1; i < 40 && status == LH_OK; i++)
			status = put(sink, 0x200, (uint64_t) i, i == 1 ? "list" : "u", "v");
		if (status == LH_OK)
			status = commit(sink, 0x200, 50);
		if (status == LH_OK)
			status = flush(sink);
		assert_int_equal(status, LH_INVALID);
	}
	assert_int_equal(redis_number(&server, "EXISTS %s", "u"), 0);
	assert_position("0/100", "2");
	finish(sink);
	/* in an event of several parts, too */
	sink = open_fine("&fields=value&batch.bytes=200");
	{
		LhStatus status = LH_OK;

		for (int i = 0; i < 100 && status == LH_OK; i++)
			status = put_sub(sink, 0x200, 1, i, i < 90 ? "list" : "u", "v");
		if (status == LH_OK)
			status = commit(sink, 0x200, 2);
		if (status == LH_OK)
			status = flush(sink);
		assert_int_equal(status, LH_INVALID);
	}
	assert_int_equal(redis_number(&server, "EXISTS %s", "u"), 0);
	assert_position("0/100", "2");
	finish(sink);
	/* when the key is gone it goes on */
	redis_ok(&server, "DEL list");
	sink = open_fine("&fields=value");
	FINE(one(sink, 0x200, "list", "v"));
	finish(sink);
}

static void
another_writer_is_noticed(void **state)
{
	LhSink *sink;

	NEEDS_REDIS;
	redis_start(&server);
	sink = open_fine("&fields=value");
	FINE(one(sink, 0x100, "t", "v"));
	redis_ok(&server, "XADD t 257-0 value w");
	/* ids behind it still grow: nothing is lost */
	FINE(one(sink, 0x200, "t", "v"));
	redis_ok(&server, "XADD t * value w");
	FINE(put(sink, 0x300, 1, "u", "v"));
	FINE(put(sink, 0x300, 2, "t", "v"));
	FINE(commit(sink, 0x300, 3));
	FAILS(flush(sink), LH_EXISTS);
	SAYS("stream t");
	assert_int_equal(redis_number(&server, "EXISTS %s", "u"), 0);
	assert_position("0/200", "2");
	finish(sink);
	redis_ok(&server, "DEL t");
	sink = open_fine("&fields=value");
	FINE(one(sink, 0x300, "t", "v"));
	/* entries that are gone leave the top where it was */
	redis_ok(&server, "XADD t 9000-0 value w");
	redis_ok(&server, "XDEL t 9000-0");
	FAILS(one(sink, 0x400, "t", "v"), LH_EXISTS);
	finish(sink);
	/* a stream that was made for a group is no writer */
	redis_ok(&server, "XGROUP CREATE made g $ MKSTREAM");
	sink = open_fine("&fields=value");
	FINE(one(sink, 0x400, "made", "v"));
	finish(sink);
}

/* Streams ahead of the position: what is there under our ids is not written again. */
static void
what_is_there_is_not_written_twice(void **state)
{
	LhChangePos pos;
	LhSink *sink;
	bool known;

	NEEDS_REDIS;
	redis_start(&server);
	sink = open_fine("");
	FINE(one(sink, 0x100, "t", "a"));
	FINE(put(sink, 0x200, 1, "t", "b"));
	FINE(put(sink, 0x200, 2, "u", "c"));
	FINE(put(sink, 0x200, 3, "t", "d"));
	FINE(commit(sink, 0x200, 4));
	FINE(flush(sink));
	finish(sink);
	/* as a server leaves it that failed in the middle */
	redis_ok(&server, "HSET lakehouse:position:slot lsn 0/100 ordinal 2 xid 7 part 3");
	redis_ok(&server, "XDEL u 512-8388608");
	redis_ok(&server, "DEL u");
	FINE(open_stream("slot", "", &sink, &pos, &known));
	assert_true(known && pos.commit_end == 0x100 && pos.ordinal == 2);
	FINE(put(sink, 0x200, 1, "t", "b"));
	FINE(put(sink, 0x200, 2, "u", "c"));
	/* a value that has the time at which it was made is the same message: position and key say so */
	FINE(put(sink, 0x200, 3, "t", "d at another time"));
	FINE(put(sink, 0x200, 4, "t", "e"));
	FINE(commit(sink, 0x200, 5));
	FINE(flush(sink));
	finish(sink);
	assert_int_equal(redis_number(&server, "XLEN %s", "t"), 4);
	assert_int_equal(redis_number(&server, "XLEN %s", "u"), 1);
	assert_non_null(strstr(stream_text("t"), "value=d|"));
	assert_position("0/200", "5");
	/* the position is gone: a new stream, whose messages are there already */
	redis_ok(&server, "DEL lakehouse:position:slot");
	FINE(open_stream("slot", "", &sink, &pos, &known));
	assert_false(known);
	FINE(one(sink, 0x100, "t", "a"));
	FINE(put(sink, 0x200, 1, "t", "b"));
	FINE(commit(sink, 0x200, 2));
	FINE(flush(sink));
	assert_int_equal(redis_number(&server, "XLEN %s", "t"), 4);
	finish(sink);
	/* what cannot be compared is no guess: removed, or of somebody else */
	redis_ok(&server, "DEL lakehouse:position:slot");
	redis_ok(&server, "XDEL t 256-4194304");
	sink = open_fine("");
	FAILS(one(sink, 0x100, "t", "a"), LH_EXISTS);
	SAYS("without 256-4194304");
	finish(sink);
	sink = open_fine("&prefix=p:&fields=value");
	redis_ok(&server, "XADD p:t 256-4194304 value other");
	FAILS(one(sink, 0x100, "t", "a"), LH_EXISTS);
	SAYS("something else");
	finish(sink);
	sink = open_fine("&prefix=q:");
	redis_ok(&server, "XADD q:t 256-4194304 op delete position {} key k value a");
	FAILS(one(sink, 0x100, "t", "a"), LH_EXISTS);
	finish(sink);
}

static void
a_damaged_position_is_an_error(void **state)
{
	static const char *const damaged[] = {"lsn x ordinal 1 xid 1",
										  "lsn 0/10 ordinal -1 xid 1",
										  "lsn 0/10 ordinal 1 xid 5000000000",
										  "lsn 0/10 ordinal 1",
										  "lsn 0/10 xid 1",
										  "ordinal 1 xid 1",
										  "lsn 0/10 ordinal z xid 1",
										  "version 2 lsn 0/10 ordinal 1 xid 1"};

	NEEDS_REDIS;
	redis_start(&server);
	for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++)
	{
		char command[128];

		redis_ok(&server, "DEL lakehouse:position:slot");
		redis_ok(&server, "HSET lakehouse:position:slot version 1");
		snprintf(command, sizeof(command), "HSET lakehouse:position:slot %s", damaged[i]);
		redis_ok(&server, command);
		FAILS(try_open(""), LH_CORRUPT);
		SAYS("lakehouse:position:slot");
	}
	/* not ours at all: it is left as it is */
	redis_ok(&server, "DEL lakehouse:position:slot");
	redis_ok(&server, "SET lakehouse:position:slot x");
	FAILS(try_open(""), LH_CORRUPT);
	redis_ok(&server, "DEL lakehouse:position:slot");
	redis_ok(&server, "HSET lakehouse:position:slot name value");
	FAILS(try_open(""), LH_CORRUPT);
	assert_string_equal(position_field("owner"), "-");
	redis_ok(&server, "DEL lakehouse:position:slot");
	FINE(try_open(""));
}

/*
 * What a server can say
 */

static void
settings_that_lose_data_are_refused(void **state)
{
	static const char *const bad[][2] = {
		{"appendonly", "no"}, {"appendfsync", "everysec"}, {"no-appendfsync-on-rewrite", "yes"}};

	NEEDS_REDIS;
	redis_start(&server);
	FINE(try_open(""));
	for (size_t i = 0; i < 3; i++)
	{
		redis_ok(&server, "CONFIG SET %s %s", bad[i][0], bad[i][1]);
		FAILS(try_open(""), LH_INVALID);
		SAYS(bad[i][0]);
		SAYS("durability=trust");
		FINE(try_open("&durability=trust"));
		redis_ok(&server, "CONFIG SET %s %s", bad[i][0], i == 0 ? "yes" : i == 1 ? "always" : "no");
	}
	FINE(try_open(""));
	redis_ok(&server, "CONFIG SET maxmemory-policy allkeys-lru");
	FINE(try_open(""));
	redis_ok(&server, "CONFIG SET maxmemory 1gb");
	FAILS(try_open(""), LH_INVALID);
	SAYS("maxmemory-policy");
	redis_ok(&server, "CONFIG SET maxmemory-policy volatile-lru");
	FINE(try_open(""));
	/* who may not look has to know */
	redis_ok(&server, "CONFIG SET appendfsync no");
	redis_ok(&server, "ACL SETUSER default -config");
	FINE(try_open(""));
}

static void
rights_and_passwords(void **state)
{
	char path[128];
	FILE *f;

	NEEDS_REDIS;
	redis_start(&server);
	redis_ok(&server, "ACL SETUSER w on >s3cret ~* +@all");
	redis_ok(&server, "ACL SETUSER r on >s3cret ~* +@all -xadd");
	redis_ok(&server, "ACL SETUSER k on >s3cret ~lakehouse:* +@all");
	FINE(try_open("&user=w&password=s3cret"));
	FAILS(try_open("&user=w&password=s3cret%2Bx"), LH_DENIED);
	SAYS("WRONGPASS");
	assert_null(strstr(ctx->error->message, "s3cret"));
	FAILS(try_open("&user=nobody&password=s3cret"), LH_DENIED);
	/* rights that are missing, at the first message */
	for (int i = 0; i < 2; i++)
	{
		LhSink *sink = open_fine(i == 0 ? "&user=r&password=s3cret" : "&user=k&password=s3cret");

		FAILS(one(sink, 0x100, "t", "v"), LH_DENIED);
		SAYS("XADD");
		finish(sink);
		assert_int_equal(redis_number(&server, "EXISTS %s", "t"), 0);
	}
	/* from a file, which must be its owner's, and from the environment */
	snprintf(path, sizeof(path), "%s/secret", server.dir);
	f = fopen(path, "w");
	fputs("s3cret\n", f);
	fclose(f);
	chmod(path, 0600);
	FINE(try_open(lh_sprintf(ctx, "&user=w&password.file=%s", path)));
	chmod(path, 0644);
	FAILS(try_open(lh_sprintf(ctx, "&user=w&password.file=%s", path)), LH_INVALID);
	setenv("REDIS_TEST_SECRET", "s3cret", 1);
	FINE(try_open("&user=w&password.env=REDIS_TEST_SECRET"));
	unsetenv("REDIS_TEST_SECRET");
	FAILS(try_open("&user=w&password.env=REDIS_TEST_SECRET"), LH_INVALID);
	FAILS(try_open("&user=w"), LH_INVALID);
	FAILS(try_open("&password=a&password.env=b"), LH_INVALID);
	/* the server wants one */
	redis_ok(&server, "CONFIG SET requirepass s3cret");
	FAILS(try_open(""), LH_DENIED);
	SAYS("NOAUTH");
	FINE(try_open("&password=s3cret"));
}

static void
a_server_without_memory_is_tried_again(void **state)
{
	LhSink *sink;

	NEEDS_REDIS;
	redis_start(&server);
	sink = open_fine("&fields=value");
	FINE(one(sink, 0x100, "t", "v"));
	redis_ok(&server, "CONFIG SET maxmemory 1000");
	FAILS(one(sink, 0x200, "t", "w"), LH_IO);
	SAYS("OOM");
	SAYS("maxlen");
	finish(sink);
	assert_position("0/100", "2");
	assert_string_equal(stream_text("t"), "256-4194304 value=v");
	redis_ok(&server, "CONFIG SET maxmemory 0");
	sink = open_fine("&fields=value");
	FINE(one(sink, 0x200, "t", "w"));
	finish(sink);
	assert_int_equal(redis_number(&server, "XLEN %s", "t"), 2);
}

static void
messages_that_no_server_takes_are_refused(void **state)
{
	LhSink *sink;
	char *large = malloc(3 << 20);
	LhSinkMessage m = {.pos = {0x100, 2, 7}, .sub = 1, .topic = "t"};

	NEEDS_REDIS;
	redis_start(&server);
	memset(large, 'x', 3 << 20);
	redis_ok(&server, "CONFIG SET proto-max-bulk-len 2097152");
	sink = open_fine("&fields=value");
	FINE(put(sink, 0x100, 1, "t", "before"));
	m.value = lh_slice(large, (2 << 20) + 1);
	FAILS(sink->kind->put(ctx, sink, &m), LH_SINK_REFUSED);
	assert_true(sink->refusals->here && sink->refusals->n == 1);
	assert_true(sink->refusals->v[0].pos.ordinal == 2 && sink->refusals->v[0].sub == 1);
	m.value.len--;
	m.sub = 2;
	FINE(sink->kind->put(ctx, sink, &m));
	assert_int_equal(sink->refusals->n, 0);
	FINE(commit(sink, 0x100, 3));
	FINE(flush(sink));
	finish(sink);
	assert_int_equal(redis_number(&server, "XLEN %s", "t"), 2);
	free(large);
}

static void
replicas(void **state)
{
	Redis replica = {0};
	LhChangePos pos;
	LhSink *sink;
	bool known;

	NEEDS_REDIS;
	server.port = redis_free_port();
	redis_start(&server);
	/* nobody else has it: the position is not to be relied on */
	FAILS(lh_sink_open(ctx, uri("&wait=1&timeout.ms=400"), "slot", "json", true, &sink) == LH_OK
			  ? sink->kind->recover(ctx, sink, &pos, &known)
			  : LH_BUG,
		  LH_IO);
	SAYS("0 of 1 replicas");
	redis_start(&replica);
	redis_wait_loaded(&replica);
	redis_ok(&replica, "REPLICAOF 127.0.0.1 %d", server.port);
	for (int i = 0; i < 1000 && redis_number(&server, "WAIT 1 %s", "50") < 1; i++)
		usleep(20000);
	sink = open_fine("&fields=value&wait=1");
	for (int i = 1; i < 50; i++)
		FINE(one(sink, 0x100 * (uint64_t) i, "t", "v"));
	assert_int_equal(redis_number(&replica, "XLEN %s", "t"), 49);
	/* it goes away: what is written then is not durable, though the server has it */
	redis_kill(&replica, SIGKILL);
	finish(sink);
	sink = NULL;
	FAILS(try_open("&wait=1&timeout.ms=400"), LH_IO);
	/* a replica is no place to write to */
	redis_start(&replica);
	redis_wait_loaded(&replica);
	redis_ok(&replica, "REPLICAOF 127.0.0.1 %d", server.port);
	FAILS(lh_sink_open(ctx, lh_sprintf(ctx, "redis://%s?timeout.ms=20000", replica.socket), "slot",
					   "json", true, &sink) == LH_OK
			  ? sink->kind->recover(ctx, sink, &pos, &known)
			  : LH_BUG,
		  LH_IO);
	SAYS("replica");
	redis_remove(&replica);
}

static void
a_cluster_needs_one_slot(void **state)
{
	LhSink *sink;

	NEEDS_REDIS;
	server.port = redis_free_port();
	redis_set(&server, "--cluster-enabled", "yes");
	redis_set(&server, "--cluster-port", lh_sprintf(ctx, "%d", redis_free_port()));
	redis_start(&server);
	FAILS(try_open(""), LH_IO);
	SAYS("CLUSTERDOWN");
	redis_ok(&server, "CLUSTER ADDSLOTSRANGE 0 16383");
	for (int i = 0; i < 1000; i++)
	{
		redisReply *reply = redis_do(&server, "SET x y");
		bool up = reply->type == REDIS_REPLY_STATUS;

		freeReplyObject(reply);
		if (up)
			break;
		usleep(20000);
	}
	sink = open_fine("&fields=value");
	FAILS(one(sink, 0x100, "t", "v"), LH_INVALID);
	SAYS("CROSSSLOT");
	SAYS("prefix={cdc}:");
	finish(sink);
	sink = open_fine("&fields=value&prefix=%7Bcdc%7D:");
	FINE(one(sink, 0x100, "t", "v"));
	finish(sink);
	FAILS(try_open("&db=3"), LH_INVALID);
}

static void
databases_and_addresses(void **state)
{
	LhChangePos pos;
	LhSink *sink;
	bool known;

	NEEDS_REDIS;
	server.port = redis_free_port();
	redis_start(&server);
	for (int i = 0; i < 2; i++)
	{
		FINE(lh_sink_open(ctx,
						  lh_sprintf(ctx, "redis://%s:%d/3?fields=value&prefix=%d",
									 i == 0 ? "localhost" : "127.0.0.1", server.port, i),
						  "slot", "json", true, &sink));
		FINE(sink->kind->recover(ctx, sink, &pos, &known));
		FINE(one(sink, 0x100, "t", "v"));
		finish(sink);
	}
	assert_int_equal(redis_number(&server, "EXISTS %s", "0t"), 0);
	redis_ok(&server, "SWAPDB 0 3");
	assert_int_equal(redis_number(&server, "EXISTS %s", "0t"), 1);
	FAILS(try_open("&db=77"), LH_INVALID);
	FAILS(try_open("&db=x"), LH_INVALID);
	FAILS(try_open("&nonsense=1"), LH_INVALID);
	FAILS(try_open("&tls.ca=/x"), LH_INVALID);
	{
		static const char *const bad[] = {"redis:",        "redis://",           "redis://h:0",
										  "redis://h:x",   "redis://[::1",       "redis://[::1]x",
										  "redis://a,b:1", "redis://h:1/x",      "redis://h:99999",
										  "redis://:6379", "redis://h:1/1?db=2", "rediss:///run/s"};

		for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
			FAILS(lh_sink_open(ctx, bad[i], "slot", "json", true, &sink), LH_INVALID);
	}
	/* nobody there */
	redis_kill(&server, SIGKILL);
	FAILS(lh_sink_open(ctx, lh_sprintf(ctx, "redis://127.0.0.1:%d", server.port), "slot", "json",
					   true, &sink),
		  LH_IO);
	FAILS(try_open(""), LH_IO);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(messages_and_position_go_together),
		TEST(fields_have_the_names_that_were_asked_for),
		TEST(ids_are_unsigned_and_bounded),
		TEST(a_large_transaction_is_split_and_an_event_is_not),
		TEST(many_streams_and_messages),
		TEST(streams_are_trimmed_where_asked),
		TEST(a_second_client_fences_the_first),
		TEST(recovery_leaves_what_is_on_its_way),
		TEST(a_key_of_another_type_moves_nothing),
		TEST(another_writer_is_noticed),
		TEST(what_is_there_is_not_written_twice),
		TEST(a_damaged_position_is_an_error),
		TEST(settings_that_lose_data_are_refused),
		TEST(rights_and_passwords),
		TEST(a_server_without_memory_is_tried_again),
		TEST(messages_that_no_server_takes_are_refused),
		TEST(replicas),
		TEST(a_cluster_needs_one_slot),
		TEST(databases_and_addresses),
	};

	if (!redis_is_installed())
		print_message("NO REDIS SERVER: " REDIS_PROGRAM
					  " is not there, ALL OF THESE TESTS ARE SKIPPED\n");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
