/*
 * test_sink_redis_tls.c
 *		The Redis sink over TLS: whom it believes, and who believes it.
 *
 * Needs Debian's redis-server and openssl; without the server the test is skipped, which is said aloud.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "redis_live.h"

static void run(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void
run(const char *format, ...)
{
	char command[2048];
	va_list ap;

	va_start(ap, format);
	vsnprintf(command, sizeof(command), format, ap);
	va_end(ap);
	if (system(command) != 0)
		fail_msg("%s", command);
}

/* An authority and a certificate of it, for a name or an address. */
static void
make_certificate(const char *dir, const char *ca, const char *name, const char *san)
{
	run("cd '%s' && { [ -e %s.pem ] || openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=%s "
		"-keyout %s.key -out %s.pem; } >/dev/null 2>&1 && "
		"openssl req -newkey rsa:2048 -nodes -subj /CN=%s -keyout %s.key -out %s.csr >/dev/null 2>&1 && "
		"echo subjectAltName=%s >%s.ext && "
		"openssl x509 -req -in %s.csr -CA %s.pem -CAkey %s.key -CAcreateserial -days 2 -extfile %s.ext "
		"-out %s.pem >/dev/null 2>&1",
		dir, ca, ca, ca, ca, name, name, name, san, name, name, ca, ca, name, name);
}

static void
start_tls(const char *certificate, const char *clients, int *port)
{
	const char *d = server.dir;

	*port = redis_free_port();
	server.nargs = 0;
	redis_set(&server, "--tls-port", lh_sprintf(ctx, "%d", *port));
	redis_set(&server, "--tls-cert-file", lh_sprintf(ctx, "%s/%s.pem", d, certificate));
	redis_set(&server, "--tls-key-file", lh_sprintf(ctx, "%s/%s.key", d, certificate));
	redis_set(&server, "--tls-ca-cert-file", lh_sprintf(ctx, "%s/ca.pem", d));
	redis_set(&server, "--tls-auth-clients", clients);
	redis_start(&server);
}

static LhStatus
try_tls(int port, const char *host, const char *options)
{
	LhChangePos pos;
	LhSink *sink;
	bool known;

	LH_TRY(lh_sink_open(ctx,
						lh_sprintf(ctx, "rediss://%s:%d?timeout.ms=10000%s", host, port, options),
						"slot", "json", true, &sink));
	LH_TRY(sink->kind->recover(ctx, sink, &pos, &known));
	LH_TRY(one(sink, pos.commit_end + 0x100, "t", "v"));
	return sink->kind->close(ctx, sink);
}

static void
tls_verifies_server_and_client(void **state)
{
	const char *ca, *mine;
	char *large = malloc(3 << 20);
	LhChangePos pos;
	LhSink *sink;
	bool known;
	int port;

	NEEDS_REDIS;
	strcpy(server.dir, "/tmp/lakehouse-redis.XXXXXX");
	assert_non_null(mkdtemp(server.dir));
	snprintf(server.socket, sizeof(server.socket), "%s/redis.sock", server.dir);
	make_certificate(server.dir, "ca", "here", "IP:127.0.0.1,DNS:localhost");
	make_certificate(server.dir, "ca", "elsewhere", "DNS:redis.example.org");
	make_certificate(server.dir, "other", "client", "DNS:x");
	ca = lh_sprintf(ctx, "&tls.ca=%s/ca.pem", server.dir);
	start_tls("here", "no", &port);
	FINE(try_tls(port, "127.0.0.1", ca));
	FINE(try_tls(port, "localhost", ca));
	/* an authority that nobody knows, and one that is not this one's */
	FAILS(try_tls(port, "127.0.0.1", ""), LH_DENIED);
	SAYS("certificate");
	FAILS(try_tls(port, "127.0.0.1", lh_sprintf(ctx, "&tls.ca=%s/other.pem", server.dir)),
		  LH_DENIED);
	FINE(try_tls(port, "127.0.0.1", "&tls.verify=no"));
	FAILS(try_tls(port, "127.0.0.1", lh_sprintf(ctx, "&tls.ca=%s/none.pem", server.dir)),
		  LH_INVALID);
	/* a few megabytes in both directions' buffers */
	memset(large, 'x', 3 << 20);
	FINE(lh_sink_open(ctx, lh_sprintf(ctx, "rediss://127.0.0.1:%d?fields=value%s", port, ca), "big",
					  "json", true, &sink));
	FINE(sink->kind->recover(ctx, sink, &pos, &known));
	for (int i = 1; i < 20; i++)
		FINE(sink->kind->put(ctx, sink,
							 &(LhSinkMessage){.pos = {0x100, (uint64_t) i, 1},
											  .topic = "big",
											  .value = lh_slice(large, (3 << 20) - (size_t) i)}));
	FINE(commit(sink, 0x100, 100));
	FINE(flush(sink));
	finish(sink);
	assert_int_equal(redis_number(&server, "XLEN %s", "big"), 19);
	free(large);
	/* a server without TLS, and TLS where none is spoken */
	assert_int_not_equal(lh_sink_open(ctx,
									  lh_sprintf(ctx, "redis://127.0.0.1:%d?timeout.ms=3000", port),
									  "slot", "json", true, &sink),
						 LH_OK);
	redis_kill(&server, SIGKILL);
	/* the name is another one */
	start_tls("elsewhere", "no", &port);
	FAILS(try_tls(port, "127.0.0.1", ca), LH_DENIED);
	FAILS(try_tls(port, "localhost", ca), LH_DENIED);
	FINE(try_tls(port, "127.0.0.1", lh_sprintf(ctx, "%s&tls.verify=ca", ca)));
	redis_kill(&server, SIGKILL);
	/* a certificate of ours is wanted; with luck the server's alert comes before its end */
	start_tls("here", "yes", &port);
	assert_int_not_equal(try_tls(port, "127.0.0.1", ca), LH_OK);
	SAYS("tls.cert");
	mine =
		lh_sprintf(ctx, "%s&tls.cert=%s/here.pem&tls.key=%s/here.key", ca, server.dir, server.dir);
	FINE(try_tls(port, "127.0.0.1", mine));
	mine = lh_sprintf(ctx, "%s&tls.cert=%s/client.pem&tls.key=%s/client.key", ca, server.dir,
					  server.dir);
	assert_int_not_equal(try_tls(port, "127.0.0.1", mine), LH_OK);
	SAYS("tls.cert");
	FAILS(try_tls(port, "127.0.0.1", lh_sprintf(ctx, "%s&tls.cert=%s/here.pem", ca, server.dir)),
		  LH_INVALID);
	redis_kill(&server, SIGKILL);
	server.nargs = 0;
	server.port = redis_free_port();
	redis_start(&server);
	FAILS(try_tls(server.port, "127.0.0.1", lh_sprintf(ctx, "%s&connect.timeout.ms=500", ca)),
		  LH_IO);
	SAYS("speak TLS");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(tls_verifies_server_and_client, set_up, tear_down),
	};

	if (!redis_is_installed())
		print_message("NO REDIS SERVER: " REDIS_PROGRAM " is not there, THIS TEST IS SKIPPED\n");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
