/*
 * metrics.c
 *		The smallest HTTP server that Prometheus is content with.
 */
#include "client/metrics.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_MAX 4096
#define PATIENCE_MS 5000

typedef struct Peer
{
	int fd; /* -1: free */
	int64_t until;
	size_t n;
	char request[REQUEST_MAX];
	LhBuf reply;
	size_t sent;
} Peer;

struct LhMetrics
{
	int fd;
	int port;
	LhMetricsText text;
	void *arg;
	Peer peers[LH_METRICS_PEERS];
};

static void
close_all(void *arg)
{
	LhMetrics *m = arg;

	close(m->fd);
	for (int i = 0; i < LH_METRICS_PEERS; i++)
	{
		if (m->peers[i].fd >= 0)
			close(m->peers[i].fd);
	}
}

LhStatus
lh_metrics_open(LhCtx *ctx, int port, LhMetricsText text, void *arg, LhMetrics **out)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
								  .sin_port = htons((uint16_t) port),
								  .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t n = sizeof(address);
	LhMetrics *m;
	int on = 1;

	LH_NEW(ctx, m);
	m->text = text;
	m->arg = arg;
	for (int i = 0; i < LH_METRICS_PEERS; i++)
	{
		m->peers[i].fd = -1;
		LH_TRY(lh_buf_init(ctx, &m->peers[i].reply, false));
	}
	m->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (m->fd < 0)
		LH_FAIL(ctx, LH_IO, "metrics: no socket: %s", lh_errno_text(errno));
	LH_TRY(lh_arena_on_reset(ctx, ctx->arena, close_all, m));
	setsockopt(m->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(m->fd, (struct sockaddr *) &address, n) < 0 || listen(m->fd, 16) < 0 ||
		getsockname(m->fd, (struct sockaddr *) &address, &n) < 0)
		LH_FAIL(ctx, LH_IO, "metrics: 127.0.0.1:%d cannot be listened on: %s", port,
				lh_errno_text(errno));
	m->port = ntohs(address.sin_port);
	*out = m;
	return LH_OK;
}

int
lh_metrics_port(const LhMetrics *m)
{
	return m->port;
}

int
lh_metrics_fds(LhMetrics *m, LhWaitFd *fds)
{
	int n = 0;
	bool full = true;

	for (int i = 0; i < LH_METRICS_PEERS; i++)
	{
		Peer *p = &m->peers[i];

		if (p->fd < 0)
			full = false;
		else
			fds[n++] = (LhWaitFd){.fd = p->fd, .events = p->reply.len > 0 ? POLLOUT : POLLIN};
	}
	if (!full)
		fds[n++] = (LhWaitFd){.fd = m->fd, .events = POLLIN};
	return n;
}

static void
drop(Peer *p)
{
	close(p->fd);
	p->fd = -1;
	p->n = p->sent = 0;
	lh_buf_free(&p->reply);
}

static LhStatus
make_reply(LhCtx *ctx, LhMetrics *m, Peer *p)
{
	LhBuf body;
	const char *status = "200 OK";
	LhStatus result;

	LH_TRY(lh_buf_init(ctx, &body, false));
	if (strncmp(p->request, "GET /metrics", 12) == 0 &&
		(p->request[12] == ' ' || p->request[12] == '?'))
		result = m->text(ctx, &body, m->arg);
	else
	{
		status = strncmp(p->request, "GET ", 4) == 0 ? "404 Not Found" : "405 Method Not Allowed";
		result = lh_buf_append_str(ctx, &body, "There is /metrics only.\n");
	}
	if (result == LH_OK)
		result = lh_buf_printf(ctx, &p->reply,
							   "HTTP/1.1 %s\r\nContent-Type: text/plain; version=0.0.4; "
							   "charset=utf-8\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
							   status, body.len);
	if (result == LH_OK)
		result = lh_buf_append(ctx, &p->reply, body.data, body.len);
	lh_buf_free(&body);
	return result;
}

/* false: the peer is done with. */
static bool
receive(LhCtx *ctx, LhMetrics *m, Peer *p)
{
	ssize_t n = recv(p->fd, p->request + p->n, REQUEST_MAX - 1 - p->n, 0);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0)
		return false;
	p->n += (size_t) n;
	p->request[p->n] = '\0';
	if (strstr(p->request, "\r\n\r\n") != NULL || strstr(p->request, "\n\n") != NULL)
		return make_reply(ctx, m, p) == LH_OK;
	return p->n < REQUEST_MAX - 1;
}

static bool
reply(Peer *p)
{
	ssize_t n = send(p->fd, p->reply.data + p->sent, p->reply.len - p->sent, MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	p->sent += (size_t) n;
	return p->sent < p->reply.len;
}

void
lh_metrics_serve(LhCtx *ctx, LhMetrics *m, int64_t now_ms)
{
	for (int i = 0; i < LH_METRICS_PEERS; i++)
	{
		Peer *p = &m->peers[i];

		if (p->fd < 0)
		{
			p->fd = accept4(m->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
			p->until = now_ms + PATIENCE_MS;
		}
		if (p->fd < 0)
			continue;
		if ((p->reply.len == 0 && !receive(ctx, m, p)) || (p->reply.len > 0 && !reply(p)) ||
			now_ms > p->until)
			drop(p);
	}
}
