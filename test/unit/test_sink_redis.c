/*
 * test_sink_redis.c
 *		The Redis sink and a server that does as badly as it is told.
 *
 * A thread listens and plays a script: for each request that comes it has an answer, or
 * does something that no server should do.  Requests are read by a parser of the test's own
 * and kept, so that tests see what was sent.  Real servers: test_sink_redis_live.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sink/redis.h"

#define STEPS    64
#define REQUESTS 256

/* One answer: bytes, or what to do instead. */
typedef enum Deed
{
	ANSWER,
	DRIP,   /* byte after byte, slowly, without an end */
	SILENT, /* nothing more */
	CLOSE   /* the bytes, and then the end */
} Deed;

typedef struct Step
{
	Deed deed;
	const char *bytes;
	size_t len;
} Step;

typedef struct Mock
{
	int listener;
	int port;
	pthread_t thread;
	bool started;
	volatile bool stop;
	volatile int connections;
	/* of greetings: SELECT, CLIENT, five or six times CONFIG are answered by themselves */
	bool bare; /* not even these */
	bool mute; /* connections are taken, and nothing is read */
	volatile int ended;
	Step steps[STEPS];
	int nsteps;
	volatile int next;
	/* first words, and all of it, of requests */
	char words[REQUESTS][16];
	volatile int nrequests;
	size_t request_bytes;
} Mock;

static LhCtx *ctx;
static LhHost host;
static Mock mock;
static volatile int polls; /* until the host interrupts; -1: never */

static bool
interrupted(void *arg)
{
	(void) arg;
	if (polls > 0)
		polls--;
	return polls == 0;
}

static int
wait_fds(void *arg, LhWaitFd *fds, int nfds, int timeout_ms)
{
	LhCtx plain = {0};

	(void) arg;
	return lh_host_wait(&plain, fds, nfds, timeout_ms > 20 ? 20 : timeout_ms);
}

/*
 * The server
 */

typedef struct Peer
{
	int fd;
	char *data;
	size_t len, cap, at;
} Peer;

/* More bytes; false: the other side is gone, or the test is over. */
static bool
more(Peer *p)
{
	struct pollfd f = {.fd = p->fd, .events = POLLIN};
	ssize_t n;

	if (p->at > 0)
	{
		memmove(p->data, p->data + p->at, p->len - p->at);
		p->len -= p->at;
		p->at = 0;
	}
	if (p->len == p->cap)
		p->data = realloc(p->data, p->cap = 2 * p->cap + 65536);
	while (poll(&f, 1, 20) == 0)
		if (mock.stop)
			return false;
	n = recv(p->fd, p->data + p->len, p->cap - p->len, 0);
	if (n <= 0)
		return false;
	p->len += (size_t) n;
	return true;
}

static bool
line(Peer *p, char *out, size_t size)
{
	size_t n = 0;

	for (;;)
	{
		while (p->at < p->len)
		{
			char c = p->data[p->at++];

			if (c == '\n')
			{
				out[n > 0 ? n - 1 : 0] = '\0';
				return true;
			}
			if (n + 1 < size)
				out[n++] = c;
		}
		if (!more(p))
			return false;
	}
}

static bool
request(Peer *p, char first[16], char second[16])
{
	char text[64];
	int args;

	if (!line(p, text, sizeof(text)) || text[0] != '*')
		return false;
	args = atoi(text + 1);
	first[0] = second[0] = '\0';
	for (int i = 0; i < args; i++)
	{
		size_t n, left;

		if (!line(p, text, sizeof(text)) || text[0] != '$')
			return false;
		n = (size_t) atoll(text + 1);
		mock.request_bytes += n;
		for (left = n + 2; left > 0;)
		{
			size_t k = p->len - p->at < left ? p->len - p->at : left;
			char *out = i == 0 ? first : i == 1 ? second : NULL;

			if (out != NULL && left == n + 2)
				snprintf(out, 16, "%.*s", (int) (n < k ? n : k), p->data + p->at);
			p->at += k;
			left -= k;
			if (left > 0 && !more(p))
				return false;
		}
	}
	return true;
}

static bool
say(int fd, const char *bytes, size_t n)
{
	return send(fd, bytes, n, MSG_NOSIGNAL) == (ssize_t) n;
}

/* False: the connection is over. */
static bool
play(int fd)
{
	Step *s = &mock.steps[mock.next];

	if (mock.next >= mock.nsteps)
		return say(fd, "+OK\r\n", 5);
	mock.next++;
	switch (s->deed)
	{
		case ANSWER: return say(fd, s->bytes, s->len);
		case CLOSE: say(fd, s->bytes, s->len); return false;
		case DRIP:
			for (size_t i = 0; !mock.stop && say(fd, i == 0 ? "$" : "1", 1); i++)
				usleep(5000);
			return false;
		case SILENT:
			while (!mock.stop)
				usleep(5000);
			return false;
	}
	return false;
}

static void
serve(int fd)
{
	Peer peer = {.fd = fd};
	char first[16], second[16];

	while (mock.mute && !mock.stop)
		usleep(5000);
	while (!mock.mute && request(&peer, first, second))
	{
		if (mock.nrequests < REQUESTS)
			strcpy(mock.words[mock.nrequests], first);
		mock.nrequests++;
		if (!mock.bare && (strcmp(first, "SELECT") == 0 || strcmp(first, "CLIENT") == 0))
		{
			if (!say(fd, "+OK\r\n", 5))
				break;
		}
		else if (!mock.bare && strcmp(first, "CONFIG") == 0)
		{
			if (!say(fd, "-ERR unknown command\r\n", 22))
				break;
		}
		else if (!play(fd))
			break;
	}
	free(peer.data);
	close(fd);
	mock.ended++;
}

static void *
listen_on(void *arg)
{
	(void) arg;
	while (!mock.stop)
	{
		struct pollfd f = {.fd = mock.listener, .events = POLLIN};

		if (poll(&f, 1, 10) == 1)
		{
			int fd = accept(mock.listener, NULL, NULL);

			mock.connections++;
			if (fd >= 0)
				serve(fd);
		}
	}
	return NULL;
}

static void
start(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);

	mock.listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(mock.listener, (struct sockaddr *) &a, sizeof(a)), 0);
	assert_int_equal(listen(mock.listener, 8), 0);
	assert_int_equal(getsockname(mock.listener, (struct sockaddr *) &a, &len), 0);
	mock.port = ntohs(a.sin_port);
	assert_int_equal(pthread_create(&mock.thread, NULL, listen_on, NULL), 0);
	mock.started = true;
}

static void
stop(void)
{
	if (!mock.started)
		return;
	mock.stop = true;
	pthread_join(mock.thread, NULL);
	close(mock.listener);
	memset(&mock, 0, sizeof(mock));
}

static void
step(Deed deed, const char *bytes)
{
	mock.steps[mock.nsteps++] = (Step){deed, bytes, strlen(bytes)};
}

static int
set_up(void **state)
{
	(void) state;
	ctx = lh_ctx_create();
	if (ctx == NULL)
		return 1;
	host = (LhHost){.interrupted = interrupted, .wait = wait_fds};
	ctx->host = &host;
	polls = -1;
	memset(&mock, 0, sizeof(mock));
	return 0;
}

static int
tear_down(void **state)
{
	(void) state;
	lh_ctx_destroy(ctx);
	stop();
	return 0;
}

/*
 * The client
 */

#define FINE(call)                                                                   \
	do                                                                               \
	{                                                                                \
		if ((call) != LH_OK)                                                         \
			fail_msg("%s: %s (%s)", #call, ctx->error->message, ctx->error->detail); \
	} while (0)

#define FAILS(call, code)                                                             \
	do                                                                                \
	{                                                                                 \
		LhStatus status_ = (call);                                                    \
		if (status_ != (code))                                                        \
			fail_msg("%s: %s instead of %s: %s (%s)", #call, lh_status_name(status_), \
					 lh_status_name(code), ctx->error->message, ctx->error->detail);  \
	} while (0)

/* What EVAL of a recovery answers: nothing is known. */
#define NEW "*4\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n"

static LhStatus
open_recovered(const char *options, LhSink **sink)
{
	LhChangePos pos;
	bool known;

	LH_TRY(lh_sink_open(
		ctx, lh_sprintf(ctx, "redis://127.0.0.1:%d?timeout.ms=5000%s", mock.port, options), "slot",
		"json", true, sink));
	return (*sink)->kind->recover(ctx, *sink, &pos, &known);
}

static LhStatus
put(LhSink *sink, uint64_t end, int sub, const char *value)
{
	LhSinkMessage m = {
		.pos = {end, 1, 7}, .sub = sub, .topic = "t", .value = lh_slice(value, strlen(value))};

	return sink->kind->put(ctx, sink, &m);
}

static LhStatus
one(LhSink *sink, uint64_t end)
{
	LH_TRY(put(sink, end, 0, "v"));
	LH_TRY(sink->kind->commit(ctx, sink, &(LhChangePos){end, 2, 7}));
	return sink->kind->flush(ctx, sink);
}

/* A server answers a batch so; the status, with the durable position where it was. */
static LhStatus
answer(Deed deed, const char *bytes, const char *options)
{
	LhSink *sink;
	LhStatus status;

	memset(&mock, 0, sizeof(mock));
	step(ANSWER, NEW);
	step(deed, bytes);
	start();
	FINE(open_recovered(options, &sink));
	status = one(sink, 0x100);
	assert_int_equal(sink->durable.commit_end, status == LH_OK ? 0x100 : 0);
	/* what failed takes nothing more until it is recovered */
	if (status != LH_OK)
		assert_int_equal(put(sink, 0x200, 0, "v"), LH_BUG);
	lh_error_clear(ctx);
	FINE(sink->kind->close(ctx, sink));
	stop();
	return status;
}

static void
only_ok_is_ok(void **state)
{
	(void) state;
	FAILS(answer(ANSWER, "$2\r\nOK\r\n", ""), LH_OK);
	FAILS(answer(ANSWER, "+OK\r\n", ""), LH_CORRUPT);
	FAILS(answer(ANSWER, "$3\r\nOKK\r\n", ""), LH_CORRUPT);
	FAILS(answer(ANSWER, "$-1\r\n", ""), LH_CORRUPT);
	FAILS(answer(ANSWER, ":1\r\n", ""), LH_CORRUPT);
	FAILS(answer(ANSWER, "*1\r\n$2\r\nOK\r\n", ""), LH_CORRUPT);
	FAILS(answer(ANSWER, "*-1\r\n", ""), LH_CORRUPT);
}

static void
hostile_replies_are_errors(void **state)
{
	static const char *const corrupt[] = {
		"HTTP/1.1 400 Bad Request\r\n\r\n",
		"\r\n",
		"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
		"*1\r\n*1\r\n:1\r\n",
		"*2147483647\r\n",
		"*99999999999999999999\r\n",
		"*1048577\r\n",
		"$99999999999999999999999\r\n",
		"$-5\r\n",
		"*-7\r\n",
		":12x\r\n",
		/* RESP3, which we did not ask for */
		"%1\r\n+a\r\n+b\r\n",
		"~1\r\n+a\r\n",
		">1\r\n+a\r\n",
		",1.5\r\n",
		"#t\r\n",
		"(123\r\n",
		"=5\r\ntxt:a\r\n",
		"*1\r\n,1.5\r\n",
		"*1\r\n%1\r\n+a\r\n+b\r\n",
	};
	static const char *const cut[] = {"", "$", "$2\r\n", "$2\r\nO", "$2\r\nOK\r", "*3\r\n:1\r\n",
									  "-"};

	(void) state;
	for (size_t i = 0; i < sizeof(corrupt) / sizeof(corrupt[0]); i++)
	{
		LhStatus status = answer(CLOSE, corrupt[i], "");

		if (status != LH_CORRUPT)
			fail_msg("%s: %s", corrupt[i], lh_status_name(status));
	}
	for (size_t i = 0; i < sizeof(cut) / sizeof(cut[0]); i++)
	{
		LhStatus status = answer(CLOSE, cut[i], "");

		if (status != LH_IO)
			fail_msg("%s: %s", cut[i], lh_status_name(status));
	}
}

/* Lengths that lie cost no more memory than what really comes, and not even that without end. */
static void
endless_replies_are_bounded(void **state)
{
	char *large = malloc((8 << 20) + 1);

	(void) state;
	memset(large, 'x', 8 << 20);
	large[8 << 20] = '\0';
	memcpy(large, "$8000000000\r\n", 13);
	FAILS(answer(CLOSE, large, ""), LH_CORRUPT);
	memcpy(large, "+xxxxxxxxxxxx", 13);
	FAILS(answer(CLOSE, large, ""), LH_CORRUPT);
	free(large);
}

static void
slow_servers_are_given_up(void **state)
{
	(void) state;
	FAILS(answer(SILENT, "", "&timeout.ms=300"), LH_IO);
	FAILS(answer(DRIP, "", "&timeout.ms=300"), LH_IO);
	/* at the greeting, too */
	memset(&mock, 0, sizeof(mock));
	mock.bare = true;
	step(SILENT, "");
	start();
	{
		LhSink *sink;

		FAILS(open_recovered("&timeout.ms=300", &sink), LH_IO);
	}
}

/* Whatever is waited for, the host can end it. */
static void
waiting_is_cancelled(void **state)
{
	LhSink *sink;

	(void) state;
	step(ANSWER, NEW);
	step(SILENT, "");
	start();
	FINE(open_recovered("&timeout.ms=3600000", &sink));
	polls = 10;
	FAILS(one(sink, 0x100), LH_CANCELLED);
	polls = -1;
	FINE(sink->kind->close(ctx, sink));
	stop();

	memset(&mock, 0, sizeof(mock));
	mock.bare = true;
	step(SILENT, "");
	start();
	polls = 10;
	FAILS(open_recovered("&timeout.ms=3600000", &sink), LH_CANCELLED);
	polls = -1;
	stop();

	/* TLS that never comes */
	memset(&mock, 0, sizeof(mock));
	mock.mute = true;
	start();
	polls = 10;
	FAILS(lh_sink_open(
			  ctx, lh_sprintf(ctx, "rediss://127.0.0.1:%d?connect.timeout.ms=3600000", mock.port),
			  "slot", "json", true, &sink),
		  LH_CANCELLED);
	polls = -1;
	stop();

	/* a server that does not read */
	memset(&mock, 0, sizeof(mock));
	step(ANSWER, NEW);
	step(SILENT, "");
	start();
	FINE(open_recovered("&timeout.ms=3600000&batch.bytes=100000", &sink));
	{
		char *large = calloc(1, 1 << 20);
		LhStatus status = LH_OK;

		memset(large, 'x', (1 << 20) - 1);
		polls = 200;
		for (int i = 0; i < 100 && status == LH_OK; i++)
			status = put(sink, 0x100 + (uint64_t) i, 0, large);
		free(large);
		assert_int_equal(status, LH_CANCELLED);
	}
	polls = -1;
}

static const struct
{
	const char *reply;
	LhStatus status;
	const char *hint;
} errors[] = {
	{"-LOADING Redis is loading the dataset in memory\r\n", LH_IO, "reads its data"},
	{"-BUSY Redis is busy running a script\r\n", LH_IO, ""},
	{"-MASTERDOWN Link with MASTER is down\r\n", LH_IO, ""},
	{"-TRYAGAIN Multiple keys request during rehashing of slot\r\n", LH_IO, ""},
	{"-CLUSTERDOWN The cluster is down\r\n", LH_IO, ""},
	{"-NOREPLICAS Not enough good replicas to write.\r\n", LH_IO, "min-replicas"},
	{"-READONLY You can't write against a read only replica.\r\n", LH_IO, "primary"},
	{"-OOM command not allowed when used memory > 'maxmemory'.\r\n", LH_IO, "maxlen"},
	{"-MISCONF Redis is configured to save RDB snapshots, but it's currently unable\r\n", LH_IO,
	 "disk"},
	{"-ERR max number of clients reached\r\n", LH_IO, "maxclients"},
	{"-EXECABORT Transaction discarded because of previous errors.\r\n", LH_IO, ""},
	{"-ERR something that nobody knows\r\n", LH_IO, ""},
	{"-NOAUTH Authentication required.\r\n", LH_DENIED, "password"},
	{"-WRONGPASS invalid username-password pair or user is disabled.\r\n", LH_DENIED, "password"},
	{"-NOPERM this user has no permissions to run the 'eval' command\r\n", LH_DENIED, "EVAL"},
	{"-DENIED Redis is running in protected mode\r\n", LH_DENIED, "Protected"},
	{"-MOVED 3999 127.0.0.1:6381\r\n", LH_INVALID, "cluster"},
	{"-ASK 3999 127.0.0.1:6381\r\n", LH_INVALID, "cluster"},
	{"-CROSSSLOT Keys in request don't hash to the same slot\r\n", LH_INVALID, "prefix={cdc}"},
	{"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n", LH_INVALID,
	 "prefix"},
	{"-ERR DB index is out of range\r\n", LH_INVALID, "database"},
	{"-ERR unknown command 'EVAL', with args beginning with: \r\n", LH_UNSUPPORTED, "Redis 5"},
	{"-ERR Protocol error: invalid bulk length\r\n", LH_INVALID, "max.bulk.bytes"},
	/* servers before 7 put words of theirs before a script's */
	{"-ERR Error running script (call to f_1): @user_script:9: @user_script: 9: -OOM command not\r\n",
	 LH_IO, "maxlen"},
	{"-ERR Error running script (call to f_1): @user_script:1: WRONGTYPE Operation against\r\n",
	 LH_INVALID, "prefix"},
	{"-ERR Error running script (call to f_1): @user_script:2: @user_script: 2: -NOPERM this user\r\n",
	 LH_DENIED, "XADD"},
	{"-LHFENCED another client has the position\r\n", LH_DENIED, "run one only"},
	{"-LHSTALE the position is not the one\r\n", LH_CORRUPT, ""},
	{"-LHTYPE key t is a list\r\n", LH_INVALID, "prefix"},
	{"-LHORDER stream t goes up to 9-9, without 8-8\r\n", LH_EXISTS, "Somebody else"},
	/* not words of it: a longer code, a code within a word */
	{"-OOMS no\r\n", LH_IO, ""},
	{"-ERR script ZOOM\r\n", LH_IO, ""},
};

static void
each_error_has_its_status(void **state)
{
	(void) state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
	{
		LhSink *sink;
		LhStatus status;

		memset(&mock, 0, sizeof(mock));
		step(ANSWER, NEW);
		step(ANSWER, errors[i].reply);
		start();
		FINE(open_recovered("", &sink));
		status = one(sink, 0x100);
		if (status != errors[i].status || strstr(ctx->error->hint, errors[i].hint) == NULL)
			fail_msg("%s: %s: %s (%s)", errors[i].reply, lh_status_name(status),
					 ctx->error->message, ctx->error->hint);
		assert_int_equal(sink->durable.commit_end, 0);
		FINE(sink->kind->close(ctx, sink));
		stop();
		/* at the greeting */
		if (strncmp(errors[i].reply, "-LH", 3) == 0 || strstr(errors[i].reply, "script") != NULL)
			continue;
		memset(&mock, 0, sizeof(mock));
		mock.bare = true;
		step(ANSWER, errors[i].reply);
		start();
		FAILS(open_recovered("", &sink), errors[i].status);
		stop();
	}
}

/* What is shown of a server's text has no controls, and is cut. */
static void
texts_of_servers_are_harmless(void **state)
{
	char reply[2000];
	LhSink *sink;

	(void) state;
	memset(reply, 'y', sizeof(reply));
	memcpy(reply, "-ERR \033[2Jred\xff\tx", 15);
	strcpy(reply + sizeof(reply) - 3, "\r\n");
	step(ANSWER, NEW);
	step(ANSWER, reply);
	start();
	FINE(open_recovered("", &sink));
	FAILS(one(sink, 0x100), LH_IO);
	assert_non_null(strstr(ctx->error->message, "ERR ?[2Jred??x"));
	assert_true(strlen(ctx->error->message) < 600);
	FINE(sink->kind->close(ctx, sink));
}

static void
passwords_are_not_shown(void **state)
{
	LhSink *sink;

	(void) state;
	mock.bare = true;
	/* a server that repeats what it does not know */
	step(ANSWER, "-ERR unknown command 'AUTH', with args beginning with: 'u' 'S3CRET' \r\n");
	start();
	FAILS(open_recovered("&user=u&password=S3CRET", &sink), LH_UNSUPPORTED);
	assert_string_equal(mock.words[0], "AUTH");
	assert_null(strstr(ctx->error->message, "S3CRET"));
	assert_null(strstr(ctx->error->detail, "S3CRET"));
	assert_null(strstr(ctx->error->hint, "S3CRET"));
	stop();
	memset(&mock, 0, sizeof(mock));
	mock.bare = true;
	step(ANSWER, "-FOO S3CRET\r\n");
	start();
	FAILS(open_recovered("&password=S3CRET", &sink), LH_DENIED);
	assert_null(strstr(ctx->error->message, "S3CRET"));
	assert_null(strstr(ctx->error->message, "FOO"));
}

static void
positions_that_are_none(void **state)
{
	static const char *const bad[] = {
		"*3\r\n$-1\r\n$-1\r\n$-1\r\n",
		"+OK\r\n",
		"$-1\r\n",
		"*0\r\n",
		"*4\r\n$1\r\n1\r\n$4\r\n0/10\r\n$-1\r\n$1\r\n1\r\n",
		"*4\r\n$1\r\n1\r\n$4\r\n0/10\r\n:5\r\n$1\r\n1\r\n",
		"*4\r\n$1\r\n1\r\n$3\r\nxyz\r\n$1\r\n1\r\n$1\r\n1\r\n",
		"*4\r\n$1\r\n1\r\n$4\r\n0/10\r\n$21\r\n184467440737095516160\r\n$1\r\n1\r\n",
		"-LHPOSITION it is a list\r\n"};
	LhChangePos pos;
	LhSink *sink;
	bool known;

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		memset(&mock, 0, sizeof(mock));
		step(ANSWER, bad[i]);
		start();
		FAILS(open_recovered("", &sink), LH_CORRUPT);
		stop();
	}
	memset(&mock, 0, sizeof(mock));
	step(
		ANSWER,
		"*4\r\n$1\r\n1\r\n$11\r\nFFFFFFFF/FE\r\n$20\r\n18446744073709551615\r\n$10\r\n4294967295\r\n");
	start();
	FINE(lh_sink_open(ctx, lh_sprintf(ctx, "redis://127.0.0.1:%d", mock.port), "slot", "json", true,
					  &sink));
	FINE(sink->kind->recover(ctx, sink, &pos, &known));
	assert_true(known && pos.commit_end == UINT64_C(0xFFFFFFFF000000FE) &&
				pos.ordinal == UINT64_MAX && pos.xid == UINT32_MAX);
}

/* An EXEC is believed only when each of its scripts did its part. */
static void
parts_are_all_checked(void **state)
{
#define OK "$2\r\nOK\r\n"
	static const struct
	{
		const char *exec;
		LhStatus status;
	} answers[] = {
		{"*3\r\n" OK OK OK, LH_OK},
		{"*3\r\n" OK "-LHTYPE key t is a list\r\n" OK, LH_INVALID},
		{"*3\r\n" OK OK "-LHSTALE no\r\n", LH_CORRUPT},
		{"*2\r\n" OK OK, LH_CORRUPT},
		{"*4\r\n" OK OK OK OK, LH_CORRUPT},
		{"*3\r\n" OK "$-1\r\n" OK, LH_CORRUPT},
		{"*-1\r\n", LH_CORRUPT},
		{"-EXECABORT Transaction discarded\r\n", LH_IO},
		{OK, LH_CORRUPT},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
	{
		LhStatus status = LH_OK;
		LhSink *sink;

		memset(&mock, 0, sizeof(mock));
		step(ANSWER, NEW);
		step(ANSWER, "+OK\r\n");
		for (int k = 0; k < 3; k++)
			step(ANSWER, "+QUEUED\r\n");
		step(ANSWER, answers[i].exec);
		start();
		FINE(open_recovered("&batch.bytes=1", &sink));
		for (int k = 0; k < 3 && status == LH_OK; k++)
			status = put(sink, 0x100, k, "v");
		if (status == LH_OK)
			status = sink->kind->commit(ctx, sink, &(LhChangePos){0x100, 2, 7});
		if (status == LH_OK)
			status = sink->kind->flush(ctx, sink);
		FAILS(status, answers[i].status);
		assert_int_equal(sink->durable.commit_end, status == LH_OK ? 0x100 : 0);
		FINE(sink->kind->close(ctx, sink));
		stop();
	}
	/* refused while it is queued: nothing of it was done */
	memset(&mock, 0, sizeof(mock));
	step(ANSWER, NEW);
	step(ANSWER, "+OK\r\n");
	step(ANSWER, "-OOM command not allowed\r\n");
	start();
	{
		LhStatus status = LH_OK;
		LhSink *sink;

		FINE(open_recovered("&batch.bytes=1", &sink));
		for (int k = 0; k < 3 && status == LH_OK; k++)
			status = put(sink, 0x100, k, "v");
		if (status == LH_OK)
			status = sink->kind->commit(ctx, sink, &(LhChangePos){0x100, 2, 7});
		if (status == LH_OK)
			status = sink->kind->flush(ctx, sink);
		FAILS(status, LH_IO);
		assert_int_equal(sink->durable.commit_end, 0);
	}
}

/* Nothing is durable before replicas have it. */
static void
replicas_are_waited_for(void **state)
{
	static const struct
	{
		const char *reply;
		LhStatus status;
	} answers[] = {{":2\r\n", LH_OK},
				   {":3\r\n", LH_OK},
				   {":1\r\n", LH_IO},
				   {"+OK\r\n", LH_CORRUPT},
				   {"-ERR WAIT cannot be used with replica instances\r\n", LH_IO}};

	(void) state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
	{
		LhSink *sink;

		memset(&mock, 0, sizeof(mock));
		step(ANSWER, NEW);
		step(ANSWER, ":2\r\n");
		step(ANSWER, OK);
		step(ANSWER, answers[i].reply);
		start();
		FINE(open_recovered("&wait=2", &sink));
		FAILS(one(sink, 0x100), answers[i].status);
		assert_int_equal(sink->durable.commit_end, answers[i].status == LH_OK ? 0x100 : 0);
		FINE(sink->kind->close(ctx, sink));
		stop();
	}
}

/* The first failure counts, whatever comes behind it; durable stays with the last success. */
static void
batches_ahead_fail_together(void **state)
{
	LhStatus status = LH_OK;
	LhSink *sink;

	(void) state;
	step(ANSWER, NEW);
	step(ANSWER, OK);
	step(ANSWER, OK);
	step(ANSWER, "-OOM command not allowed\r\n");
	for (int i = 0; i < 20; i++)
		step(ANSWER, "-LHSTALE the position is not the one\r\n");
	start();
	FINE(open_recovered("&batch.bytes=1", &sink));
	for (int i = 1; i <= 20 && status == LH_OK; i++)
	{
		status = put(sink, (uint64_t) i, 0, "v");
		if (status == LH_OK)
			status = sink->kind->commit(ctx, sink, &(LhChangePos){(uint64_t) i, 2, 7});
	}
	if (status == LH_OK)
		status = sink->kind->flush(ctx, sink);
	FAILS(status, LH_IO);
	assert_non_null(strstr(ctx->error->message, "OOM"));
	assert_int_equal(sink->durable.commit_end, 2);
	/* the sink is recovered by a new connection: no answer of the old one is taken for one of the new */
	while (mock.ended == 0)
		usleep(1000);
	mock.steps[mock.next] = (Step){ANSWER, NEW, strlen(NEW)};
	mock.steps[mock.next + 1] = (Step){ANSWER, OK, strlen(OK)};
	mock.nsteps = mock.next + 2;
	{
		LhChangePos pos;
		bool known;

		FINE(sink->kind->recover(ctx, sink, &pos, &known));
	}
	FINE(one(sink, 0x200));
	assert_int_equal(mock.connections, 2);
	FINE(sink->kind->close(ctx, sink));
}

static void
settings_are_read(void **state)
{
	LhSink *sink;

	(void) state;
	/* SELECT, CLIENT, then CONFIG GET: bulk length, appendonly, ... */
	mock.bare = true;
	step(ANSWER, "+OK\r\n");
	step(ANSWER, "-ERR no names here\r\n");
	step(ANSWER, "*2\r\n$18\r\nproto-max-bulk-len\r\n$7\r\n1048576\r\n");
	step(ANSWER, "*2\r\n$10\r\nappendonly\r\n$2\r\nno\r\n");
	start();
	FAILS(open_recovered("", &sink), LH_INVALID);
	assert_non_null(strstr(ctx->error->message, "appendonly no"));
	stop();
	/* answers that are none */
	memset(&mock, 0, sizeof(mock));
	mock.bare = true;
	step(ANSWER, "+OK\r\n");
	step(ANSWER, "+OK\r\n");
	step(ANSWER, "*3\r\n:1\r\n:2\r\n:3\r\n");
	start();
	FAILS(open_recovered("", &sink), LH_CORRUPT);
	stop();
	memset(&mock, 0, sizeof(mock));
	mock.bare = true;
	step(ANSWER, "$2\r\nOK\r\n");
	start();
	FAILS(open_recovered("", &sink), LH_CORRUPT);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(only_ok_is_ok),
		TEST(hostile_replies_are_errors),
		TEST(endless_replies_are_bounded),
		TEST(slow_servers_are_given_up),
		TEST(waiting_is_cancelled),
		TEST(each_error_has_its_status),
		TEST(texts_of_servers_are_harmless),
		TEST(passwords_are_not_shown),
		TEST(positions_that_are_none),
		TEST(parts_are_all_checked),
		TEST(replicas_are_waited_for),
		TEST(batches_ahead_fail_together),
		TEST(settings_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
