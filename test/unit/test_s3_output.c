/*
 * test_s3_output.c
 *		Writing to S3: an object appears whole, or not at all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <sys/stat.h>

#include "store/remote.h"
#include "store/s3_output.h"
#include "stub_client.h"

#define SIZE (2 * LH_S3_PART + 12345)

static char root[64];
static uint8_t *content;
static Stub s3;
static LhCtx *ctx;
static LhAccess access_;
static LhRemoteAccess remote;
static LhStore *store;
static char endpoint[64];
static const char *const allowed[] = {"127.0.0.1", "s3://b/w"};

static int
start_group(void **state)
{
	static const char *const args[] = {"--s3", "--key", "ID:SECRET:TOKEN", NULL};
	char path[128];

	(void) state;
	strcpy(root, "/tmp/lakehouse-s3out.XXXXXX");
	if (mkdtemp(root) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/b", root);
	mkdir(path, 0755);
	content = malloc(SIZE);
	for (size_t i = 0; i < SIZE; i++)
		content[i] = (uint8_t) (i * 31 + i / 257);
	stub_start(&s3, root, args);
	return 0;
}

static int
end_group(void **state)
{
	char command[128];

	(void) state;
	stub_stop(&s3);
	free(content);
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}

static int
set_up(void **state)
{
	(void) state;
	ctx = lh_ctx_create();
	snprintf(endpoint, sizeof(endpoint), "http://127.0.0.1:%d", s3.port);
	remote = (LhRemoteAccess){.nallowed = 2, .allowed = allowed, .endpoint = endpoint,
							  .access_key_id = "ID", .secret_access_key = "SECRET",
							  .session_token = "TOKEN"};
	access_ = (LhAccess){.remote = &remote};
	stub_tell(&s3, "reset");
	return lh_store_create(ctx, &access_, &store);
}

static int
tear_down(void **state)
{
	(void) state;
	lh_ctx_destroy(ctx);
	return 0;
}

static LhStatus
begin(const char *location, bool overwrite, LhOutput *out)
{
	LhOutputOptions options = {.overwrite = overwrite};

	*out = (LhOutput){.arena = ctx->arena};
	return lh_s3_output_begin(ctx, store, location, &options, &out->vtable, &out->state);
}

/* In pieces of uneven size. */
static LhStatus
write_some(LhOutput *out, size_t n)
{
	for (size_t at = 0; at < n;)
	{
		size_t k = n - at < 700001 ? n - at : 700001;

		LH_TRY(out->vtable->write(ctx, out, content + at, k));
		at += k;
	}
	return LH_OK;
}

static LhStatus
write_object(const char *location, bool overwrite, size_t n, LhObjectId *id)
{
	LhOutput out;

	LH_TRY(begin(location, overwrite, &out));
	LH_TRY(write_some(&out, n));
	return out.vtable->finish(ctx, &out, id);
}

static bool
holds(const char *name, size_t n)
{
	char path[256];
	uint8_t *got = malloc(n + 1);
	bool same;
	FILE *f;

	snprintf(path, sizeof(path), "%s/b/%s", root, name);
	f = fopen(path, "r");
	same = f != NULL && fread(got, 1, n + 1, f) == n && memcmp(got, content, n) == 0;
	if (f != NULL)
		fclose(f);
	free(got);
	return same;
}

static int
parts_left(void)
{
	char path[256];
	int n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "%s/.uploads", root);
	d = opendir(path);
	while (d != NULL && readdir(d) != NULL)
		n++;
	if (d != NULL)
		closedir(d);
	return n > 2 ? n - 2 : 0;
}

static void
small_objects_are_one_request(void **state)
{
	LhObjectId id;

	(void) state;
	if (write_object("s3://b/w/small one+.bin", false, 1000, &id) != LH_OK)
		fail_msg("%s", ctx->error->message);
	assert_true(holds("w/small one+.bin", 1000));
	assert_int_equal(id.size, 1000);
	assert_true(id.etag[0] == '"');
	assert_int_equal(stub_count(&s3, "PUT"), 1);
	assert_int_equal(stub_count(&s3, "POST"), 0);
	assert_int_equal(write_object("s3://b/w/empty", false, 0, NULL), LH_OK);
	assert_true(holds("w/empty", 0));
}

static void
large_objects_are_uploaded_in_parts(void **state)
{
	LhObjectId id;

	(void) state;
	/* and faults on the way do not matter */
	stub_tell(&s3, "fault?kind=status&status=503&every=3&match=partNumber");
	if (write_object("s3://b/w/large", false, SIZE, &id) != LH_OK)
		fail_msg("%s", ctx->error->message);
	assert_true(holds("w/large", SIZE));
	assert_int_equal(id.size, SIZE);
	assert_int_equal(stub_count(&s3, "PUT"), 4);
	assert_int_equal(stub_count(&s3, "POST"), 2);
	assert_int_equal(parts_left(), 0);
}

static void
nothing_is_seen_before_the_end(void **state)
{
	LhOutput out;

	(void) state;
	assert_int_equal(begin("s3://b/w/half", false, &out), LH_OK);
	assert_int_equal(write_some(&out, SIZE), LH_OK);
	assert_false(holds("w/half", SIZE));
	assert_true(parts_left() > 0);
	out.vtable->abort(&out);
	assert_int_equal(parts_left(), 0);
	assert_int_equal(stub_count(&s3, "DELETE"), 1);
	/* once is enough, and without an upload there is nothing to do */
	out.vtable->abort(&out);
	assert_int_equal(stub_count(&s3, "DELETE"), 1);
}

static void
an_object_that_is_there_is_kept(void **state)
{
	LhOutput out;

	(void) state;
	assert_int_equal(write_object("s3://b/w/kept", true, 500, NULL), LH_OK);
	assert_int_equal(begin("s3://b/w/kept", false, &out), LH_EXISTS);
	assert_int_equal(write_object("s3://b/w/kept", true, 600, NULL), LH_OK);
	assert_true(holds("w/kept", 600));
	/* it appears meanwhile: one request, and an upload */
	for (int large = 0; large <= 1; large++)
	{
		char name[64], location[96];

		snprintf(name, sizeof(name), "w/race%d", large);
		snprintf(location, sizeof(location), "s3://b/%s", name);
		assert_int_equal(begin(location, false, &out), LH_OK);
		assert_int_equal(write_some(&out, large ? SIZE : 100), LH_OK);
		assert_int_equal(write_object(location, true, 77, NULL), LH_OK);
		assert_int_equal(out.vtable->finish(ctx, &out, NULL), LH_EXISTS);
		out.vtable->abort(&out);
		assert_true(holds(name, 77));
	}
	assert_int_equal(parts_left(), 0);
}

static void
servers_without_conditions_are_asked_without(void **state)
{
	(void) state;
	stub_tell(&s3, "fault?kind=status&status=501&times=1&match=PUT");
	assert_int_equal(write_object("s3://b/w/plain", false, 100, NULL), LH_OK);
	assert_true(holds("w/plain", 100));
}

static void
failures_are_told(void **state)
{
	LhOutput out;

	(void) state;
	assert_int_equal(begin("s3://b/w/*", false, &out), LH_INVALID);
	assert_int_equal(begin("s3://b/w/", false, &out), LH_INVALID);
	assert_int_equal(begin("s3://b/other", false, &out), LH_DENIED);
	/* an error behind a status that is none */
	assert_int_equal(begin("s3://b/w/bad", false, &out), LH_OK);
	assert_int_equal(write_some(&out, SIZE), LH_OK);
	stub_tell(&s3, "fault?kind=body&match=POST&arg=<Error><Code>InternalError</Code></Error>");
	assert_int_equal(out.vtable->finish(ctx, &out, NULL), LH_IO);
	stub_tell(&s3, "reset");
	out.vtable->abort(&out);
	assert_int_equal(parts_left(), 0);
	assert_false(holds("w/bad", SIZE));
}

static void
giving_up_does_not_take_long(void **state)
{
	LhOutput out;

	(void) state;
	assert_int_equal(begin("s3://b/w/hang", false, &out), LH_OK);
	assert_int_equal(write_some(&out, SIZE), LH_OK);
	stub_tell(&s3, "fault?kind=hang&match=DELETE");
	/* returns, though the server never answers */
	out.vtable->abort(&out);
	assert_int_equal(stub_count(&s3, "DELETE"), 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(small_objects_are_one_request),
		T(large_objects_are_uploaded_in_parts),
		T(nothing_is_seen_before_the_end),
		T(an_object_that_is_there_is_kept),
		T(servers_without_conditions_are_asked_without),
		T(failures_are_told),
		T(giving_up_does_not_take_long),
	};

	return cmocka_run_group_tests(tests, start_group, end_group);
}
