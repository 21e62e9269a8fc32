/*
 * test_http.c
 *		Requests against a server that does as badly as it is told.
 *
 * The tests of rules are removal proofs: without the check a secret arrives
 * where it must not, or bytes of two objects meet.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include "net/client.h"
#include "stub_client.h"

#define SIZE 300000

static char root[64];
static uint8_t content[SIZE];
static Stub stub;
static const LhNetRule loopback = {.host = "127.0.0.1"};

typedef struct Fixture
{
	LhCtx *ctx;
	LhNetOptions options;
	LhNet *net;
	LhHost host;
	int polls; /* until the host interrupts; -1: never */
	uint8_t got[SIZE];
	int64_t ngot;
} Fixture;

static bool
interrupted(void *arg)
{
	Fixture *f = arg;

	if (f->polls > 0)
		f->polls--;
	return f->polls == 0;
}

static int
start_group(void **state)
{
	static const char *const args[] = {"--require", "Bearer let-me-in", NULL};
	char path[128];
	FILE *file;

	(void) state;
	strcpy(root, "/tmp/lakehouse-http.XXXXXX");
	if (mkdtemp(root) == NULL)
		return 1;
	for (int i = 0; i < SIZE; i++)
		content[i] = (uint8_t) (i * 7 + i / 251);
	snprintf(path, sizeof(path), "%s/data", root);
	file = fopen(path, "w");
	fwrite(content, 1, SIZE, file);
	fclose(file);
	stub_start(&stub, root, args);
	return 0;
}

static int
end_group(void **state)
{
	char command[128];

	(void) state;
	stub_stop(&stub);
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}

static int
set_up(void **state)
{
	Fixture *f = calloc(1, sizeof(*f));

	f->ctx = lh_ctx_create();
	f->polls = -1;
	f->host.interrupted = interrupted;
	f->ctx->host = &f->host;
	f->ctx->host_arg = f;
	f->options = (LhNetOptions){.rules = &loopback, .nrules = 1, .backoff_ms = 1, .attempts = 4};
	*state = f;
	stub_tell(&stub, "reset");
	return 0;
}

static int
tear_down(void **state)
{
	Fixture *f = *state;

	lh_ctx_destroy(f->ctx);
	free(f);
	return 0;
}

static LhStatus
sign(LhCtx *ctx, void *arg, const LhHttp *http, const char **headers, int max, int *n)
{
	(void) ctx;
	(void) http;
	(void) max;
	headers[(*n)++] = arg != NULL ? arg : "Authorization: Bearer let-me-in";
	return LH_OK;
}

static LhStatus
take(LhCtx *ctx, void *arg, int64_t at, const uint8_t *bytes, size_t n)
{
	Fixture *f = arg;

	(void) ctx;
	memcpy(f->got + at, bytes, n);
	f->ngot = at + (int64_t) n;
	return LH_OK;
}

static LhHttp
request(Fixture *f, const char *path)
{
	LhHttp http = {.method = LH_HTTP_GET, .sign = sign};
	char *text = lh_sprintf(f->ctx, "http://127.0.0.1:%d%s", stub.port, path);

	if (f->net == NULL)
		assert_int_equal(lh_net_create(f->ctx, &f->options, &f->net), LH_OK);
	assert_int_equal(lh_url_parse(f->ctx, text, &http.url), LH_OK);
	return http;
}

static LhHttp
range(Fixture *f, int64_t from, int64_t len)
{
	LhHttp http = request(f, "/data");

	http.range_from = from;
	http.range_len = len;
	http.on_body = take;
	http.on_body_arg = f;
	f->ngot = 0;
	return http;
}

static void
reads(Fixture *f, int64_t from, int64_t len)
{
	LhHttp http = range(f, from, len);

	if (lh_http_run(f->ctx, f->net, &http) != LH_OK)
		fail_msg("%s", f->ctx->error->message);
	assert_int_equal(http.reply.status, 206);
	assert_int_equal(f->ngot, len);
	assert_memory_equal(f->got, content + from, (size_t) len);
}

static void
fails(Fixture *f, LhHttp *http, LhStatus code, const char *message)
{
	assert_int_equal(lh_http_run(f->ctx, f->net, http), code);
	if (strstr(f->ctx->error->message, message) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", message, f->ctx->error->message);
}

#define REQUESTS(f) ((f)->ctx->counters->v[LH_CTR_HTTP_REQUESTS])
#define RETRIES(f)  ((f)->ctx->counters->v[LH_CTR_HTTP_RETRIES])

static void
whole_bodies_and_heads(void **state)
{
	Fixture *f = *state;
	LhHttp http = request(f, "/data");

	http.max_body = SIZE;
	assert_int_equal(lh_http_run(f->ctx, f->net, &http), LH_OK);
	assert_int_equal(http.reply.status, 200);
	assert_int_equal(http.text.len, SIZE);
	assert_memory_equal(http.text.data, content, SIZE);
	lh_http_cancel(&http);
	http = request(f, "/data");
	http.method = LH_HTTP_HEAD;
	assert_int_equal(lh_http_run(f->ctx, f->net, &http), LH_OK);
	assert_int_equal(http.reply.length, SIZE);
	assert_true(http.reply.etag[0] == '"');
	http = request(f, "/nothing");
	assert_int_equal(lh_http_run(f->ctx, f->net, &http), LH_OK);
	assert_int_equal(http.reply.status, 404);
	assert_int_equal(lh_http_fail(f->ctx, &http, "could not read \"x\""), LH_NOT_FOUND);
	assert_string_equal(f->ctx->error->message,
						"could not read \"x\": the server answered with status 404, NoSuchKey");
	assert_int_equal(REQUESTS(f), 3);
}

static void
a_body_beyond_its_limit_is_refused(void **state)
{
	Fixture *f = *state;
	LhHttp http = request(f, "/data");

	http.max_body = SIZE - 1;
	fails(f, &http, LH_LIMIT, "is longer than");
}

static void
ranges_use_one_connection(void **state)
{
	Fixture *f = *state;

	for (int i = 0; i < 10; i++)
		reads(f, i * 1000, 500 + i);
	assert_int_equal(REQUESTS(f), 10);
	assert_int_equal(RETRIES(f), 0);
	assert_int_equal(f->net->nidle, 1);
}

static void
several_at_a_time(void **state)
{
	Fixture *f = *state;
	LhHttp http[40];

	for (int i = 0; i < 40; i++)
	{
		http[i] = request(f, "/data");
		http[i].range_from = i * 5000;
		http[i].range_len = 900;
		assert_int_equal(lh_http_submit(f->ctx, f->net, &http[i]), LH_OK);
	}
	for (int i = 39; i >= 0; i--)
	{
		assert_int_equal(lh_http_wait(f->ctx, &http[i]), LH_OK);
		assert_int_equal(http[i].text.len, 900);
		assert_memory_equal(http[i].text.data, content + i * 5000, 900);
	}
	assert_true(f->net->nidle > 1 && f->net->nidle <= LH_NET_PARALLEL);
}

static void
passing_faults_are_overcome(void **state)
{
	Fixture *f = *state;

	stub_tell(&stub, "fault?kind=status&status=503&every=2&match=/data");
	reads(f, 10, 1000);
	reads(f, 20, 1000);
	assert_int_equal(RETRIES(f), 1);
	stub_tell(&stub, "reset");
	stub_tell(&stub, "fault?kind=status&status=429&times=1&arg=1&match=/data");
	reads(f, 10, 1000);
	stub_tell(&stub, "fault?kind=reset&times=2&match=/data");
	reads(f, 10, 1000);
}

static void
a_cut_body_goes_on_where_it_ended(void **state)
{
	Fixture *f = *state;

	stub_tell(&stub, "fault?kind=reset&arg=100000&match=/data");
	reads(f, 5, 250000);
	assert_int_equal(stub_count(&stub, "bytes=5-250004"), 1);
	assert_true(stub_count(&stub, "GET") <= 4);
	stub_tell(&stub, "reset");
	stub_tell(&stub, "fault?kind=truncate&arg=9000&match=/data");
	reads(f, 0, 30000);
	assert_int_equal(stub_count(&stub, "bytes=9000-29999"), 1);
	assert_int_equal(stub_count(&stub, "bytes=27000-29999"), 1);
	assert_int_equal(stub_count(&stub, "GET"), 4);
}

static void
retries_are_bounded(void **state)
{
	Fixture *f = *state;
	LhHttp http = range(f, 0, 10);

	stub_tell(&stub, "fault?kind=status&status=503&match=/data");
	assert_int_equal(lh_http_run(f->ctx, f->net, &http), LH_OK);
	assert_int_equal(http.reply.status, 503);
	assert_int_equal(stub_count(&stub, "GET"), 4);
	assert_int_equal(lh_http_fail(f->ctx, &http, "x"), LH_IO);
	/* a pause that is longer than ours may be ends them, too */
	stub_tell(&stub, "reset");
	stub_tell(&stub, "fault?kind=status&status=503&arg=1000&match=/data");
	http = range(f, 0, 10);
	assert_int_equal(lh_http_run(f->ctx, f->net, &http), LH_OK);
	assert_int_equal(stub_count(&stub, "GET"), 1);
	lh_http_fail(f->ctx, &http, "x");
	assert_non_null(strstr(f->ctx->error->detail, "1000 seconds"));
	stub_tell(&stub, "reset");
	stub_tell(&stub, "fault?kind=reset&match=/data");
	http = range(f, 0, 10);
	fails(f, &http, LH_IO, "could not reach host \"127.0.0.1\"");
	assert_non_null(strstr(f->ctx->error->detail, "4 times"));
	/* what is wrong with the request is not repeated */
	stub_tell(&stub, "reset");
	stub_tell(&stub, "fault?kind=status&status=400&match=/data");
	http = range(f, 0, 10);
	assert_int_equal(lh_http_run(f->ctx, f->net, &http), LH_OK);
	assert_int_equal(stub_count(&stub, "GET"), 1);
}

static void
another_object_is_noticed(void **state)
{
	Fixture *f = *state;
	LhHttp http = range(f, 0, 10);

	http.etag = "\"another\"";
	fails(f, &http, LH_CHANGED, "changed while it was being read");
	assert_int_equal(f->ngot, 0);
	http = range(f, 0, 10);
	http.modified = "Thu, 01 Jan 1970 00:00:00 GMT";
	fails(f, &http, LH_CHANGED, "changed while it was being read");
}

static void
wrong_ranges_are_refused(void **state)
{
	Fixture *f = *state;
	LhHttp http = range(f, 100, 10);

	stub_tell(&stub, "fault?kind=norange&match=/data");
	fails(f, &http, LH_UNSUPPORTED, "does not serve ranges");
	stub_tell(&stub, "reset");
	stub_tell(&stub, "fault?kind=wrongrange&match=/data");
	http = range(f, 100, 10);
	fails(f, &http, LH_IO, "answered with bytes 99 to 109 where 100 to 109 were wanted");
	assert_int_equal(f->ngot, 0);
	/* all of it is a range like another */
	stub_tell(&stub, "reset");
	stub_tell(&stub, "fault?kind=norange&match=/data");
	http = range(f, 0, SIZE);
	assert_int_equal(lh_http_run(f->ctx, f->net, &http), LH_OK);
	assert_memory_equal(f->got, content, SIZE);
}

/*
 * Redirects
 */

static void
redirect_to(const Stub *from, const char *fmt, int port)
{
	char where[256], tell[400];

	snprintf(where, sizeof(where), fmt, port);
	snprintf(tell, sizeof(tell), "fault?kind=redirect&match=/data&arg=%s", where);
	stub_tell(from, tell);
}

static void
redirects_are_followed_with_credentials_at_home(void **state)
{
	Fixture *f = *state;
	LhHttp http = request(f, "/data?from=here");

	stub_tell(&stub, "fault?kind=redirect&match=from%3Dhere&arg=/data");
	http.max_body = SIZE;
	assert_int_equal(lh_http_run(f->ctx, f->net, &http), LH_OK);
	assert_int_equal(http.reply.status, 200);
	assert_int_equal(stub_count(&stub, " auth "), 2);
}

static void
no_credential_follows_to_another_origin(void **state)
{
	Fixture *f = *state;
	LhHttp http;
	Stub other;

	stub_start(&other, root, NULL);
	redirect_to(&stub, "http://127.0.0.1:%d/data", other.port);
	http = request(f, "/data");
	http.max_body = SIZE;
	assert_int_equal(lh_http_run(f->ctx, f->net, &http), LH_OK);
	assert_int_equal(http.reply.status, 200);
	assert_int_equal(stub_count(&other, "GET /data"), 1);
	assert_int_equal(stub_count(&other, " auth "), 0);
	/* nor does it come back */
	redirect_to(&other, "http://127.0.0.1:%d/data", stub.port);
	stub_tell(&stub, "reset");
	redirect_to(&stub, "http://127.0.0.1:%d/data", other.port);
	http = request(f, "/data");
	fails(f, &http, LH_LIMIT, "more than 5 redirects");
	assert_int_equal(stub_count(&stub, " auth "), 1);
	stub_stop(&other);
}

static void
redirects_lead_to_no_refused_address(void **state)
{
	Fixture *f = *state;
	LhHttp http;

	redirect_to(&stub, "http://169.254.169.254/latest/meta-data", 0);
	http = request(f, "/data");
	fails(f, &http, LH_DENIED, "has address 169.254.169.254, which may not be connected");
	stub_tell(&stub, "reset");
	redirect_to(&stub, "http://localhost:%d/data", stub.port);
	http = request(f, "/data");
	fails(f, &http, LH_DENIED, "host \"localhost\" has address");
	stub_tell(&stub, "reset");
	redirect_to(&stub, "file:///etc/passwd", 0);
	http = request(f, "/data");
	fails(f, &http, LH_INVALID, "redirects to where it cannot be followed");
}

static void
private_addresses_need_a_rule(void **state)
{
	Fixture *f = *state;
	LhHttp http;

	f->options.nrules = 0;
	http = request(f, "/data");
	fails(f, &http, LH_DENIED, "host \"127.0.0.1\" has address 127.0.0.1, which may not be");
	assert_int_equal(stub_count(&stub, "GET"), 0);
}

/* Whoever may ask the metadata service may not thereby reach anything else. */
static void
the_metadata_client_reaches_nothing_else(void **state)
{
	Fixture *f = *state;
	LhAddress address;
	LhHttp http;

	f->options.metadata_service = true;
	http = request(f, "/data");
	fails(f, &http, LH_DENIED, "host \"127.0.0.1\" has address 127.0.0.1, which may not be");
	assert_int_equal(stub_count(&stub, "GET"), 0);
	assert_true(lh_address_parse("169.254.169.254", &address) && lh_address_is_metadata(&address));
	assert_true(lh_address_parse("::ffff:169.254.169.254", &address) &&
				lh_address_is_metadata(&address));
	assert_true(lh_address_parse("169.254.169.253", &address) && !lh_address_is_metadata(&address));
	assert_true(lh_address_parse("::169.254.169.254", &address) &&
				!lh_address_is_metadata(&address));
}

/*
 * TLS
 */

static void
certificates_are_verified(void **state)
{
	Fixture *f = *state;
	char ca[128];
	const char *args[] = {"--tls", ca, NULL};
	LhHttp http;
	Stub tls;

	snprintf(ca, sizeof(ca), "%s/ca.pem", root);
	stub_start(&tls, root, args);
	http = request(f, "/data");
	http.max_body = SIZE;
	assert_int_equal(lh_url_parse(f->ctx, lh_sprintf(f->ctx, "https://127.0.0.1:%d/data", tls.port),
								  &http.url),
					 LH_OK);
	fails(f, &http, LH_IO, "certificate");
	f->options.ca_file = ca;
	assert_int_equal(lh_net_create(f->ctx, &f->options, &f->net), LH_OK);
	assert_int_equal(lh_http_run(f->ctx, f->net, &http), LH_OK);
	assert_int_equal(http.reply.status, 200);
	stub_stop(&tls);
}

/*
 * Cancelling
 */

/* Threads and descriptors of this process. */
static int
entries(const char *dir)
{
	DIR *d = opendir(dir);
	int n = 0;

	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static void
a_hanging_request_is_cancelled(void **state)
{
	Fixture *f = *state;
	LhHttp http = request(f, "/data");

	stub_tell(&stub, "fault?kind=hang&match=/data");
	f->polls = 3;
	assert_int_equal(lh_http_run(f->ctx, f->net, &http), LH_CANCELLED);
	assert_int_equal(http.state, LH_HTTP_IDLE);
	assert_int_equal(f->net->running, 0);
	assert_null(f->net->first);
}

static void
a_hanging_request_times_out(void **state)
{
	Fixture *f = *state;
	LhHttp http;

	stub_tell(&stub, "fault?kind=hang&match=/data");
	f->options.stall_timeout_ms = 50;
	f->options.attempts = 2;
	http = request(f, "/data");
	fails(f, &http, LH_IO, "it does not answer");
	assert_int_equal(stub_count(&stub, "GET"), 2);
}

/* A look-up that hangs, by a program in the place of getent. */
static void
make_resolver(Fixture *f, const char *script)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/resolver", root);
	file = fopen(path, "w");
	fprintf(file, "#!/bin/sh\n%s\n", script);
	fclose(file);
	chmod(path, 0755);
	f->options.resolver = lh_strdup(f->ctx, path);
}

static LhHttp
named_request(Fixture *f, const char *name)
{
	LhHttp http = request(f, "/data");

	assert_int_equal(
		lh_url_parse(f->ctx, lh_sprintf(f->ctx, "http://%s:%d/data", name, stub.port), &http.url),
		LH_OK);
	return http;
}

static void
a_hanging_look_up_is_cancelled(void **state)
{
	Fixture *f = *state;
	int fds = entries("/proc/self/fd"), threads = entries("/proc/self/task");
	LhHttp http;

	make_resolver(f, "exec sleep 1000");
	http = named_request(f, "slow.example");
	f->polls = 3;
	assert_int_equal(lh_http_run(f->ctx, f->net, &http), LH_CANCELLED);
	assert_int_equal(f->net->names[0]->state, LH_NAME_PENDING);
	assert_int_equal(entries("/proc/self/task"), threads);
	lh_arena_reset(f->ctx->arena);
	f->net = NULL;
	assert_int_equal(entries("/proc/self/fd"), fds);
	/* the child is gone, too */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), 0);
}

static void
a_name_that_is_not_known_is_an_error(void **state)
{
	Fixture *f = *state;
	LhHttp http;

	make_resolver(f, "exit 2");
	http = named_request(f, "nowhere.example");
	fails(f, &http, LH_IO, "its name could not be looked up");
	make_resolver(f, "sleep 1000");
	f->options.connect_timeout_ms = 50;
	assert_int_equal(lh_net_create(f->ctx, &f->options, &f->net), LH_OK);
	http = named_request(f, "slow.example");
	fails(f, &http, LH_IO, "its name could not be looked up");
}

static void
a_name_is_looked_up_once(void **state)
{
	Fixture *f = *state;
	static LhNetRule rule = {.host = "data.example"};
	LhHttp http;
	char path[128];
	struct stat st;

	make_resolver(f, "echo x >> $(dirname $0)/asked; [ $1 = ahosts ] && [ $2 = data.example ] && "
					 "echo '127.0.0.1   STREAM data.example'; echo '127.0.0.1   DGRAM'");
	f->options.rules = &rule;
	for (int i = 0; i < 3; i++)
	{
		http = named_request(f, "data.example");
		http.method = LH_HTTP_HEAD;
		if (lh_http_run(f->ctx, f->net, &http) != LH_OK)
			fail_msg("%s", f->ctx->error->message);
		assert_int_equal(http.reply.status, 200);
	}
	snprintf(path, sizeof(path), "%s/asked", root);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 2);
}

/* The address counts, not the name that has it. */
static void
a_name_with_a_private_address_is_refused(void **state)
{
	Fixture *f = *state;
	LhHttp http;

	make_resolver(f, "echo 127.0.0.1; echo ::1; echo 10.0.0.1");
	http = named_request(f, "public.example");
	fails(f, &http, LH_DENIED, "which may not be connected");
	assert_int_equal(stub_count(&stub, "GET"), 0);
}

static void
what_is_under_way_goes_with_its_arena(void **state)
{
	Fixture *f = *state;
	int fds = entries("/proc/self/fd");
	LhHttp http[8];

	stub_tell(&stub, "fault?kind=hang&match=/data&every=2");
	for (int i = 0; i < 8; i++)
	{
		http[i] = request(f, "/data");
		assert_int_equal(lh_http_submit(f->ctx, f->net, &http[i]), LH_OK);
	}
	for (int i = 0; i < 20; i++)
		assert_int_equal(lh_http_progress(f->ctx, f->net), LH_OK);
	lh_arena_reset(f->ctx->arena);
	f->net = NULL;
	for (int i = 0; i < 8; i++)
		assert_int_equal(http[i].state == LH_HTTP_DONE ? LH_HTTP_IDLE : http[i].state, LH_HTTP_IDLE);
	assert_int_equal(entries("/proc/self/fd"), fds);
}

static void
signals_are_as_before(void **state)
{
	Fixture *f = *state;
	sigset_t before, after;

	sigprocmask(SIG_SETMASK, NULL, &before);
	reads(f, 0, 10);
	sigprocmask(SIG_SETMASK, NULL, &after);
	for (int i = 1; i < NSIG; i++)
		assert_int_equal(sigismember(&before, i), sigismember(&after, i));
}

static void
a_header_with_a_line_break_is_refused(void **state)
{
	Fixture *f = *state;
	LhHttp http = request(f, "/data?refused");

	http.sign_arg = "Authorization: x\r\nEvil: y";
	fails(f, &http, LH_INVALID, "line break");
	/* what an earlier test gave up may still come */
	assert_int_equal(stub_count(&stub, "refused"), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(whole_bodies_and_heads),
		T(a_body_beyond_its_limit_is_refused),
		T(ranges_use_one_connection),
		T(several_at_a_time),
		T(passing_faults_are_overcome),
		T(a_cut_body_goes_on_where_it_ended),
		T(retries_are_bounded),
		T(another_object_is_noticed),
		T(wrong_ranges_are_refused),
		T(redirects_are_followed_with_credentials_at_home),
		T(no_credential_follows_to_another_origin),
		T(redirects_lead_to_no_refused_address),
		T(private_addresses_need_a_rule),
		T(the_metadata_client_reaches_nothing_else),
		T(certificates_are_verified),
		T(a_hanging_request_is_cancelled),
		T(a_hanging_request_times_out),
		T(a_hanging_look_up_is_cancelled),
		T(a_name_that_is_not_known_is_an_error),
		T(a_name_is_looked_up_once),
		T(a_name_with_a_private_address_is_refused),
		T(what_is_under_way_goes_with_its_arena),
		T(signals_are_as_before),
		T(a_header_with_a_line_break_is_refused),
	};

	return cmocka_run_group_tests(tests, start_group, end_group);
}
