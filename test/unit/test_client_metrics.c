/*
 * test_client_metrics.c
 *		GET /metrics: what is answered, and what nobody gets by insisting.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/metrics.h"

typedef struct Made
{
	LhCtx *ctx;
	LhMetrics *m;
} Made;

static LhStatus
text(LhCtx *ctx, LhBuf *out, void *arg)
{
	return lh_buf_append_str(ctx, out, "answer 42\n");
}

static int
setup(void **state)
{
	Made *m = calloc(1, sizeof(*m));

	m->ctx = lh_ctx_create();
	assert_int_equal(lh_metrics_open(m->ctx, 0, text, NULL, &m->m), LH_OK);
	*state = m;
	return 0;
}

static int
teardown(void **state)
{
	Made *m = *state;

	lh_ctx_destroy(m->ctx);
	free(m);
	return 0;
}

static int
peer(Made *m, const char *request, size_t n)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
							 .sin_port = htons((uint16_t) lh_metrics_port(m->m)),
							 .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *) &to, sizeof(to)), 0);
	assert_int_equal(send(fd, request, n, MSG_NOSIGNAL), n);
	return fd;
}

/* What came within some rounds; *closed: and then the end. */
static const char *
reply(Made *m, int fd, int64_t now, bool *closed)
{
	static char got[4096];
	size_t n = 0;

	*closed = false;
	for (int i = 0; i < 50 && !*closed; i++)
	{
		ssize_t k;

		lh_metrics_serve(m->ctx, m->m, now);
		k = recv(fd, got + n, sizeof(got) - 1 - n, MSG_DONTWAIT);
		*closed = k == 0 || (k < 0 && errno != EAGAIN);
		n += k > 0 ? (size_t) k : 0;
		usleep(1000);
	}
	got[n] = '\0';
	return got;
}

static void
asked(Made *m, const char *request, const char *begins)
{
	bool closed;
	int fd = peer(m, request, strlen(request));
	const char *got = reply(m, fd, 0, &closed);

	assert_true(closed);
	if (strncmp(got, begins, strlen(begins)) != 0)
		fail_msg("%s: %s", request, got);
	close(fd);
}

static void
metrics_and_nothing_else(void **state)
{
	Made *m = *state;

	asked(m, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\r\n");
	asked(m, "GET /metrics?x=y HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\n");
	asked(m, "GET /metricsx HTTP/1.1\r\n\r\n", "HTTP/1.1 404 ");
	asked(m, "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 404 ");
	asked(m, "POST /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 405 ");
}

static void
a_long_request_ends(void **state)
{
	Made *m = *state;
	char *much = malloc(10000);
	bool closed;
	int fd;

	memset(much, 'x', 10000);
	memcpy(much, "GET /metrics ", 13);
	fd = peer(m, much, 10000);
	assert_string_equal(reply(m, fd, 0, &closed), "");
	assert_true(closed);
	close(fd);
	free(much);
}

/* Who says nothing is dropped, so that the next one is served. */
static void
silence_ends(void **state)
{
	Made *m = *state;
	int silent[LH_METRICS_PEERS + 2];
	LhWaitFd fds[LH_METRICS_FDS];
	bool closed;

	for (int i = 0; i < LH_METRICS_PEERS + 2; i++)
		silent[i] = peer(m, "GET", 3);
	reply(m, silent[0], 1000, &closed);
	assert_false(closed);
	assert_int_equal(lh_metrics_fds(m->m, fds), LH_METRICS_PEERS);
	reply(m, silent[0], 1000 + 5001, &closed);
	assert_true(closed);
	for (int i = 0; i < LH_METRICS_PEERS + 2; i++)
		close(silent[i]);
	reply(m, silent[0], 20000, &closed);
	asked(m, "GET /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n");
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {T(metrics_and_nothing_else), T(a_long_request_ends),
									   T(silence_ends)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
