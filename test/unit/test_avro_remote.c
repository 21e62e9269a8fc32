/*
 * test_avro_remote.c
 *		Containers behind HTTP: how many requests they take.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "stub_client.h"
#include "unit/avro_make.h"

#define MB ((size_t) 1 << 20)

static char root[64];
static Stub web;
static LhCtx *ctx;

/* rows rows of width bytes each, in blocks of one. */
static void
put(const char *name, int rows, size_t width)
{
	LhCtx *own = lh_ctx_create();
	AvroMake m = avro_new(own);
	char path[512];
	FILE *f;

	avro_header(&m, "\"bytes\"", NULL, NULL);
	for (int i = 0; i < rows; i++)
	{
		AvroMake r = avro_new(own);

		avro_long(&r, (int64_t) width);
		avro_must(lh_buf_reserve(own, &r.b, r.b.len + width));
		memset(r.b.data + r.b.len, 'a' + i % 26, width);
		r.b.len += width;
		avro_block(&m, 1, &r.b, NULL);
		lh_buf_free(&r.b);
	}
	snprintf(path, sizeof(path), "%s/%s", root, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(m.b.data, 1, m.b.len, f), m.b.len);
	fclose(f);
	lh_ctx_destroy(own);
}

static int
start_group(void **state)
{
	strcpy(root, "/tmp/lakehouse-avro.XXXXXX");
	if (mkdtemp(root) == NULL)
		return 1;
	put("small", 3, MB);
	put("large", 20, MB);
	put("fine", 640, 32768);
	stub_start(&web, root, NULL);
	return 0;
}

static int
end_group(void **state)
{
	char command[128];

	stub_stop(&web);
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}

static int
setup(void **state)
{
	ctx = lh_ctx_create();
	stub_tell(&web, "reset");
	return 0;
}

static int
teardown(void **state)
{
	lh_ctx_destroy(ctx);
	return 0;
}

static LhAvroFile *
open_web(const char *name)
{
	static const char *const allowed[] = {"127.0.0.1"};
	static const LhRemoteAccess remote = {.nallowed = 1, .allowed = allowed, .scope = "me"};
	static const LhAccess access = {.remote = &remote};
	LhStore *store;
	LhObject *obj;
	LhAvroFile *file;

	if (lh_store_create(ctx, &access, &store) != LH_OK ||
		lh_object_open(ctx, store, lh_sprintf(ctx, "http://127.0.0.1:%d/%s", web.port, name),
					   &obj) != LH_OK ||
		lh_avro_open(ctx, obj, &file) != LH_OK)
		fail_msg("%s", ctx->error->message);
	return file;
}

static LhAvroReader *
open_reader(LhAvroFile *file)
{
	LhAvroWant all = {0};
	LhAvroReader *reader;

	if (lh_avro_reader_open(ctx, file, 1, &all, NULL, &reader) != LH_OK)
		fail_msg("%s", ctx->error->message);
	return reader;
}

/* Rows from the one called first on, all of them right. */
static int
read_rows(LhAvroReader *reader, int first)
{
	LhAvroBatch batch;
	int rows = 0;

	do
	{
		if (lh_avro_next(ctx, reader, &batch) != LH_OK)
			fail_msg("%s", ctx->error->message);
		for (int i = 0; i < batch.n; i++, rows++)
		{
			LhStr s = lh_vec_value(&batch.vecs[0], i).str;

			assert_int_equal(s.len, MB);
			assert_int_equal(s.ptr[0], 'a' + first + rows);
			assert_int_equal(s.ptr[MB - 1], 'a' + first + rows);
		}
	} while (batch.n > 0);
	return rows;
}

/* A manifest costs one request, whatever is done with it. */
static void
a_small_file_is_one_request(void **state)
{
	LhAvroFile *file = open_web("small");
	int64_t rows;

	assert_int_equal(avro_count(ctx, file, &rows), LH_OK);
	assert_int_equal(rows, 3);
	assert_int_equal(read_rows(open_reader(file), 0), 3);
	assert_int_equal(stub_count(&web, "GET"), 1);
}

/* The begin, then windows of 8 MB, the next of which is asked for before it is needed. */
static void
a_large_file_is_read_once(void **state)
{
	LhAvroFile *file = open_web("large");

	assert_int_equal(stub_count(&web, "GET"), 1);
	assert_int_equal(read_rows(open_reader(file), 0), 20);
	assert_true(ctx->counters->v[LH_CTR_BYTES_READ] < 22 * MB);
	assert_true(ctx->counters->v[LH_CTR_BYTES_AHEAD] > 0);
	assert_true(stub_count(&web, "GET") <= 8);
}

static void
what_is_skipped_is_mostly_not_read(void **state)
{
	LhAvroReader *reader = open_reader(open_web("large"));

	assert_int_equal(lh_avro_skip_rows(ctx, reader, 19), LH_OK);
	assert_true(ctx->counters->v[LH_CTR_BYTES_READ] < 8 * MB);
	assert_int_equal(ctx->counters->v[LH_CTR_BYTES_AHEAD], 0);
	assert_int_equal(read_rows(reader, 19), 1);
}

/* Blocks that lie closer than what one request costs are not asked for one by one. */
static void
small_blocks_are_counted_by_large_reads(void **state)
{
	LhAvroFile *file = open_web("fine");
	int64_t rows;

	assert_int_equal(avro_count(ctx, file, &rows), LH_OK);
	assert_int_equal(rows, 640);
	assert_true(stub_count(&web, "GET") <= 8);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_small_file_is_one_request),
		TEST(a_large_file_is_read_once),
		TEST(small_blocks_are_counted_by_large_reads),
		TEST(what_is_skipped_is_mostly_not_read),
	};

	return cmocka_run_group_tests(tests, start_group, end_group);
}
