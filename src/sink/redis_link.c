/*
 * redis_link.c
 *		The socket of a Redis link, and its replies.
 *
 * hiredis' reader takes replies apart and calls us for each value; its own tree of
 * replies is not used, as nobody bounds it.
 */
#include "sink/redis_link.h"

#include <errno.h>
#include <fcntl.h>
#include <hiredis/read.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/resolve.h"
#include "sink/internal.h"

/* The host is asked at least so often. */
#define SLICE_MS 200
#define PIECE    ((size_t) 16384)

struct LhRedisLink
{
	LhCtx *ctx; /* of the call, for the reader's callbacks */
	LhRedisTarget target;
	int fd;
	bool up;      /* requests may be sent */
	bool replied; /* the server has answered one */
	LhRedisTls *tls;
	LhName name;
	redisReader *reader;
	size_t fed; /* bytes that no complete reply has taken */
	LhRedisReply reply;
	LhBuf text;
	const char *refused; /* why a reply is not taken */
	uint8_t in[2 * PIECE];
	uint8_t plain[2 * PIECE];
	uint8_t out[2 * PIECE];
};

/*
 * Replies
 */

static void
copy_error(LhRedisReply *reply, const char *p, size_t n)
{
	size_t len = n < sizeof(reply->error) - 1 ? n : sizeof(reply->error) - 1;

	if (reply->errors++ > 0)
		return;
	for (size_t i = 0; i < len; i++)
		reply->error[i] = p[i] >= ' ' && p[i] <= '~' ? p[i] : '?';
	reply->error[len] = '\0';
}

/* Where a value goes; NULL: it is not kept. */
static LhRedisNode *
node_of(LhRedisLink *link, const redisReadTask *task)
{
	if (task->parent != NULL)
		return task->idx >= 0 && task->idx < LH_REDIS_NODES ? &link->reply.v[task->idx] : NULL;
	link->reply.elements = 0;
	link->reply.errors = 0;
	link->reply.error[0] = '\0';
	link->text.len = 0;
	return &link->reply.top;
}

static void *
refuse(LhRedisLink *link, const char *why)
{
	link->refused = why;
	return NULL;
}

static void *
take_string(const redisReadTask *task, char *p, size_t n)
{
	LhRedisLink *link = task->privdata;
	LhRedisNode *node = node_of(link, task);

	if (task->type != REDIS_REPLY_ERROR && task->type != REDIS_REPLY_STATUS &&
		task->type != REDIS_REPLY_STRING)
		return refuse(link, "a text of another kind");
	if (task->type == REDIS_REPLY_ERROR)
		copy_error(&link->reply, p, n);
	if (node == NULL)
		return link;
	node->kind = task->type == REDIS_REPLY_ERROR    ? LH_REDIS_ERROR
				 : task->type == REDIS_REPLY_STATUS ? LH_REDIS_STATUS
													: LH_REDIS_STRING;
	node->at = link->text.len;
	node->len = n;
	if (lh_buf_append(link->ctx, &link->text, p, n) != LH_OK ||
		lh_buf_putc(link->ctx, &link->text, '\0') != LH_OK)
		return refuse(link, "no memory for it");
	return link;
}

/* hiredis 1 knows kinds of values of the newer protocol, which a server only sends when asked. */
#ifdef REDIS_REPLY_DOUBLE
typedef size_t Elements;

static void *
take_double(const redisReadTask *task, double value, char *p, size_t n)
{
	return refuse(task->privdata, "a number with a fraction");
}

static void *
take_bool(const redisReadTask *task, int value)
{
	return refuse(task->privdata, "a truth value");
}
#else
typedef int Elements;
#endif

static void *
take_array(const redisReadTask *task, Elements elements)
{
	LhRedisLink *link = task->privdata;
	LhRedisNode *node;

	if (task->type != REDIS_REPLY_ARRAY)
		return refuse(link, "a collection that is no array");
	if (task->parent != NULL)
		return refuse(link, "an array within an array");
	/* a negative number is a large one, too */
	if ((size_t) elements > LH_REDIS_ELEMENTS)
		return refuse(link, "an array of too many elements");
	node = node_of(link, task);
	node->kind = LH_REDIS_ARRAY;
	link->reply.elements = (int) elements;
	return link;
}

static void *
take_integer(const redisReadTask *task, long long value)
{
	LhRedisLink *link = task->privdata;
	LhRedisNode *node = node_of(link, task);

	if (node != NULL)
	{
		node->kind = LH_REDIS_INTEGER;
		node->integer = value;
	}
	return link;
}

static void *
take_nil(const redisReadTask *task)
{
	LhRedisLink *link = task->privdata;
	LhRedisNode *node = node_of(link, task);

	if (node != NULL)
		node->kind = LH_REDIS_NIL;
	return link;
}

static void
drop_object(void *object)
{
}

static redisReplyObjectFunctions callbacks = {
	.createString = take_string,
	.createArray = take_array,
	.createInteger = take_integer,
#ifdef REDIS_REPLY_DOUBLE
	.createDouble = take_double,
	.createBool = take_bool,
#endif
	.createNil = take_nil,
	.freeObject = drop_object,
};

const char *
lh_redis_text(const LhRedisLink *link, const LhRedisNode *node)
{
	if (node->kind == LH_REDIS_INTEGER || node->kind == LH_REDIS_NIL ||
		node->kind == LH_REDIS_ARRAY)
		return "";
	return (const char *) link->text.data + node->at;
}

static LhStatus
no_reply(LhCtx *ctx, const LhRedisLink *link, const char *why)
{
	lh_fail(ctx, LH_CORRUPT, "sink \"%s\": what the server answers is no reply of Redis: %s",
			link->target.uri, why);
	lh_hint(ctx, "Is it a Redis server, and does it want TLS (rediss:)?");
	return LH_CORRUPT;
}

/* *out NULL: it is not complete yet. */
static LhStatus
next_reply(LhCtx *ctx, LhRedisLink *link, const LhRedisReply **out)
{
	void *object = NULL;

	*out = NULL;
	link->ctx = ctx;
	link->refused = NULL;
	if (redisReaderGetReply(link->reader, &object) != REDIS_OK)
		return no_reply(ctx, link, link->refused != NULL ? link->refused : link->reader->errstr);
	if (object == NULL)
		return LH_OK;
	link->fed = link->reader->len - link->reader->pos;
	link->replied = true;
	*out = &link->reply;
	return LH_OK;
}

/*
 * The socket
 */

void
lh_redis_link_close(LhRedisLink *link)
{
	link->up = link->replied = false;
	lh_name_stop(&link->name);
	lh_redis_tls_end(link->tls);
	link->tls = NULL;
	if (link->fd >= 0)
		close(link->fd);
	link->fd = -1;
	if (link->reader != NULL)
		redisReaderFree(link->reader);
	link->reader = NULL;
	link->fed = 0;
}

static void
release(void *arg)
{
	lh_redis_link_close(arg);
}

static LhStatus
close_after(LhRedisLink *link, LhStatus status)
{
	if (status != LH_OK)
		lh_redis_link_close(link);
	return status;
}

bool
lh_redis_link_connected(const LhRedisLink *link)
{
	return link->up;
}

LhStatus
lh_redis_link_create(LhCtx *ctx, const LhRedisTarget *target, LhRedisLink **out)
{
	LhRedisLink *link;

	LH_NEW(ctx, link);
	link->target = *target;
	link->fd = -1;
	link->name.fd = -1;
	LH_TRY(lh_buf_init(ctx, &link->text, false));
	LH_TRY(lh_arena_on_reset(ctx, ctx->arena, release, link));
	*out = link;
	return LH_OK;
}

static LhStatus
lost(LhCtx *ctx, const LhRedisLink *link, const char *why)
{
	lh_fail(ctx, LH_IO, "sink \"%s\": the connection is lost: %s", link->target.uri, why);
	/* the alert that says so may be lost with the connection */
	if (link->target.tls && !link->replied)
		lh_hint(ctx, "A server that wants certificates of its clients needs tls.cert and tls.key.");
	return LH_IO;
}

/* Wait for events of a descriptor; *ready 0: the time is over. */
static LhStatus
wait_until(LhCtx *ctx, const LhRedisLink *link, int fd, short events, int64_t until, short *ready)
{
	*ready = 0;
	for (;;)
	{
		int64_t left = until - lh_sink_now_ms();
		LhWaitFd w = {.fd = fd, .events = events};
		int n = lh_host_wait(ctx, &w, 1, left < 0 ? 0 : left < SLICE_MS ? (int) left : SLICE_MS);

		LH_TRY(lh_poll(ctx));
		if (n < 0 && errno != EINTR)
			LH_FAIL(ctx, LH_IO, "sink \"%s\": could not wait: %s", link->target.uri,
					lh_errno_text(errno));
		*ready = n > 0 ? w.revents : 0;
		if (*ready != 0 || left <= 0)
			return LH_OK;
	}
}

static LhStatus
silent(LhCtx *ctx, const LhRedisLink *link, int64_t ms)
{
	lh_fail(ctx, LH_IO, "sink \"%s\": the server did not answer within %lld ms", link->target.uri,
			(long long) ms);
	lh_hint(ctx, "Look whether it can be reached; the option timeout.ms gives more time.");
	return LH_IO;
}

static LhStatus
feed(LhCtx *ctx, LhRedisLink *link, const uint8_t *p, size_t n)
{
	link->fed += n;
	if (link->fed > LH_REDIS_REPLY_MAX)
		return no_reply(ctx, link, "it is too long");
	if (redisReaderFeed(link->reader, (const char *) p, n) != REDIS_OK)
		return no_reply(ctx, link, link->reader->errstr);
	return LH_OK;
}

static LhStatus
feed_tls(LhCtx *ctx, LhRedisLink *link)
{
	size_t n;

	do
	{
		LH_TRY(
			lh_redis_tls_read(ctx, link->tls, &link->target, link->plain, sizeof(link->plain), &n));
		LH_TRY(feed(ctx, link, link->plain, n));
	} while (n > 0);
	return LH_OK;
}

/* Take in what is there; *some false: nothing is. */
static LhStatus
take_in(LhCtx *ctx, LhRedisLink *link, bool *some)
{
	ssize_t n = recv(link->fd, link->in, sizeof(link->in), MSG_DONTWAIT);

	*some = n > 0;
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return LH_OK;
	if (n < 0)
		return lost(ctx, link, lh_errno_text(errno));
	if (n == 0)
		return lost(ctx, link, "the server closed it");
	if (link->tls == NULL)
		return feed(ctx, link, link->in, (size_t) n);
	LH_TRY(lh_redis_tls_feed(ctx, link->tls, link->in, (size_t) n));
	return link->up ? feed_tls(ctx, link) : LH_OK;
}

/* Send bytes as they go over the network. */
static LhStatus
send_raw(LhCtx *ctx, LhRedisLink *link, const uint8_t *p, size_t n, int ms)
{
	int64_t until = lh_sink_now_ms() + ms;

	while (n > 0)
	{
		ssize_t k = send(link->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		short ready;
		bool some;

		if (k > 0)
		{
			p += k;
			n -= (size_t) k;
			until = lh_sink_now_ms() + ms;
			continue;
		}
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
		{
			int error = errno;

			/* what the server said before it closed tells more */
			return link->up && take_in(ctx, link, &some) == LH_OK && some
					   ? LH_OK
					   : lost(ctx, link, lh_errno_text(error));
		}
		LH_TRY(wait_until(ctx, link, link->fd, POLLIN | POLLOUT, until, &ready));
		if (ready == 0)
			return silent(ctx, link, ms);
		if (ready & POLLIN)
			LH_TRY(take_in(ctx, link, &some));
	}
	return LH_OK;
}

static LhStatus
send_pending(LhCtx *ctx, LhRedisLink *link, int ms)
{
	size_t n;

	while ((n = lh_redis_tls_pending(link->tls, link->out, sizeof(link->out))) > 0)
		LH_TRY(send_raw(ctx, link, link->out, n, ms));
	return LH_OK;
}

/*
 * Connecting
 */

static LhStatus
resolve(LhCtx *ctx, LhRedisLink *link, int64_t until)
{
	const LhRedisTarget *t = &link->target;
	short ready;

	LH_TRY(lh_name_begin(ctx, &link->name, t->host, NULL, lh_sink_now_ms(), t->connect_ms));
	while (link->name.state == LH_NAME_PENDING)
	{
		LH_TRY(wait_until(ctx, link, link->name.fd, POLLIN, until, &ready));
		lh_name_advance(&link->name, lh_sink_now_ms());
		if (link->name.state == LH_NAME_PENDING && lh_sink_now_ms() >= until)
			lh_name_stop(&link->name);
	}
	if (link->name.state != LH_NAME_KNOWN)
		LH_FAIL(ctx, LH_IO, "sink \"%s\": host \"%s\" has no address", t->uri, t->host);
	return LH_OK;
}

static socklen_t
fill_address(const LhAddress *address, int port, struct sockaddr_storage *out)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *) out;
	struct sockaddr_in *v4 = (struct sockaddr_in *) out;

	memset(out, 0, sizeof(*out));
	if (memcmp(address->b, mapped, sizeof(mapped)) == 0)
	{
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t) port);
		memcpy(&v4->sin_addr, address->b + 12, 4);
		return sizeof(*v4);
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons((uint16_t) port);
	memcpy(&v6->sin6_addr, address->b, 16);
	return sizeof(*v6);
}

/* *error: errno where it cannot be connected. */
static LhStatus
connect_one(LhCtx *ctx, LhRedisLink *link, const struct sockaddr *address, socklen_t len,
			int64_t until, int *error)
{
	socklen_t size = sizeof(*error);
	int one = 1;
	short ready;

	*error = 0;
	link->fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (link->fd < 0 || connect(link->fd, address, len) != 0)
		*error = errno;
	if (link->fd >= 0 && *error == EINPROGRESS)
	{
		LH_TRY(wait_until(ctx, link, link->fd, POLLOUT, until, &ready));
		*error = ETIMEDOUT;
		if (ready != 0 && getsockopt(link->fd, SOL_SOCKET, SO_ERROR, error, &size) != 0)
			*error = errno;
	}
	if (*error != 0)
	{
		if (link->fd >= 0)
			close(link->fd);
		link->fd = -1;
		return LH_OK;
	}
	if (address->sa_family == AF_UNIX)
		return LH_OK;
	(void) setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	(void) setsockopt(link->fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	return LH_OK;
}

static LhStatus
connect_socket(LhCtx *ctx, LhRedisLink *link, int64_t until)
{
	const LhRedisTarget *t = &link->target;
	struct sockaddr_storage address;
	struct sockaddr_un path = {.sun_family = AF_UNIX};
	int error = 0;

	if (t->host == NULL)
	{
		snprintf(path.sun_path, sizeof(path.sun_path), "%s", t->socket);
		LH_TRY(connect_one(ctx, link, (struct sockaddr *) &path, sizeof(path), until, &error));
	}
	else
		LH_TRY(resolve(ctx, link, until));
	for (int i = 0; t->host != NULL && i < link->name.naddresses && link->fd < 0; i++)
	{
		socklen_t len = fill_address(&link->name.addresses[i], t->port, &address);

		LH_TRY(connect_one(ctx, link, (struct sockaddr *) &address, len, until, &error));
	}
	if (link->fd >= 0)
		return LH_OK;
	lh_fail(ctx, LH_IO, "sink \"%s\": could not connect: %s", t->uri, lh_errno_text(error));
	lh_hint(ctx, "Look whether the server runs and listens there.");
	return LH_IO;
}

static LhStatus
shake_hands(LhCtx *ctx, LhRedisLink *link, int64_t until)
{
	const LhRedisTarget *t = &link->target;
	bool done, some;
	short ready;

	LH_TRY(lh_redis_tls_begin(ctx, t, &link->tls));
	for (;;)
	{
		LhStatus status = lh_redis_tls_handshake(ctx, link->tls, t, &done);

		if (status != LH_OK)
		{
			/* the alert, so that the server knows, too */
			size_t n = lh_redis_tls_pending(link->tls, link->out, sizeof(link->out));

			(void) send(link->fd, link->out, n, MSG_DONTWAIT | MSG_NOSIGNAL);
			return status;
		}
		LH_TRY(send_pending(ctx, link, t->connect_ms));
		if (done)
			return LH_OK;
		LH_TRY(wait_until(ctx, link, link->fd, POLLIN, until, &ready));
		if (ready == 0 || lh_sink_now_ms() >= until)
		{
			lh_fail(ctx, LH_IO, "sink \"%s\": TLS was not there within %d ms", t->uri,
					t->connect_ms);
			lh_hint(ctx, "Does the server speak TLS on this port?");
			return LH_IO;
		}
		LH_TRY(take_in(ctx, link, &some));
	}
}

static LhStatus
connect_link(LhCtx *ctx, LhRedisLink *link)
{
	int64_t until = lh_sink_now_ms() + link->target.connect_ms;

	link->reader = redisReaderCreateWithFunctions(&callbacks);
	if (link->reader == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "no memory for a reader of replies");
	link->reader->privdata = link;
	LH_TRY(connect_socket(ctx, link, until));
	if (link->target.tls)
		LH_TRY(shake_hands(ctx, link, until));
	link->up = true;
	/* what came behind the handshake */
	return link->tls != NULL ? feed_tls(ctx, link) : LH_OK;
}

LhStatus
lh_redis_link_connect(LhCtx *ctx, LhRedisLink *link)
{
	lh_redis_link_close(link);
	return close_after(link, connect_link(ctx, link));
}

/*
 * Requests and replies
 */

static LhStatus
check_up(LhCtx *ctx, const LhRedisLink *link)
{
	if (!link->up)
		LH_FAIL(ctx, LH_IO, "sink \"%s\": there is no connection", link->target.uri);
	return LH_OK;
}

static LhStatus
send_tls(LhCtx *ctx, LhRedisLink *link, const uint8_t *p, size_t n)
{
	while (n > 0)
	{
		size_t k = n < PIECE ? n : PIECE;

		LH_TRY(lh_redis_tls_write(ctx, link->tls, &link->target, p, k));
		LH_TRY(send_pending(ctx, link, link->target.timeout_ms));
		p += k;
		n -= k;
	}
	return LH_OK;
}

LhStatus
lh_redis_link_send(LhCtx *ctx, LhRedisLink *link, const void *p, size_t n)
{
	LH_TRY(check_up(ctx, link));
	return close_after(link, link->tls != NULL
								 ? send_tls(ctx, link, p, n)
								 : send_raw(ctx, link, p, n, link->target.timeout_ms));
}

static LhStatus
poll_reply(LhCtx *ctx, LhRedisLink *link, const LhRedisReply **out)
{
	bool some = true;

	LH_TRY(next_reply(ctx, link, out));
	while (*out == NULL && some)
	{
		LH_TRY(take_in(ctx, link, &some));
		if (some)
			LH_TRY(next_reply(ctx, link, out));
	}
	return LH_OK;
}

static LhStatus
await_reply(LhCtx *ctx, LhRedisLink *link, int64_t ms, const LhRedisReply **out)
{
	int64_t until = lh_sink_now_ms() + ms;
	short ready;

	for (;;)
	{
		LH_TRY(poll_reply(ctx, link, out));
		if (*out != NULL)
			return LH_OK;
		/* the whole reply has this time: a server that drips bytes is as bad as a silent one */
		if (lh_sink_now_ms() >= until)
			return silent(ctx, link, ms);
		LH_TRY(wait_until(ctx, link, link->fd, POLLIN, until, &ready));
	}
}

LhStatus
lh_redis_link_poll(LhCtx *ctx, LhRedisLink *link, const LhRedisReply **out)
{
	*out = NULL;
	LH_TRY(check_up(ctx, link));
	return close_after(link, poll_reply(ctx, link, out));
}

LhStatus
lh_redis_link_reply(LhCtx *ctx, LhRedisLink *link, const LhRedisReply **out)
{
	LH_TRY(check_up(ctx, link));
	return close_after(link, await_reply(ctx, link, link->target.timeout_ms, out));
}

LhStatus
lh_redis_put_count(LhCtx *ctx, LhBuf *out, char sign, uint64_t n)
{
	char text[24], *p = text + sizeof(text);

	*--p = '\n';
	*--p = '\r';
	do
		*--p = (char) ('0' + n % 10);
	while ((n /= 10) > 0);
	*--p = sign;
	return lh_buf_append(ctx, out, p, (size_t) (text + sizeof(text) - p));
}

LhStatus
lh_redis_put_arg(LhCtx *ctx, LhBuf *out, const void *p, size_t n)
{
	LH_TRY(lh_redis_put_count(ctx, out, '$', n));
	LH_TRY(lh_buf_append(ctx, out, p, n));
	return lh_buf_append(ctx, out, "\r\n", 2);
}

LhStatus
lh_redis_put_text(LhCtx *ctx, LhBuf *out, const char *text)
{
	return lh_redis_put_arg(ctx, out, text, strlen(text));
}
