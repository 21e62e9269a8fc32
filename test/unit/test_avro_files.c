/*
 * test_avro_files.c
 *		Containers that others wrote: fastavro's (test/fixtures/avro), and every
 *		manifest, manifest list and data file of the shared Iceberg tables.
 *
 * With AVRO_DUMP=DIRECTORY in the environment the rows of all files are also
 * written there, as text for test/fixtures/make/avro_compare.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit/avro_make.h"
#include "unit/avro_show.h"

#define SHARED "../shared/fixtures/iceberg"
#define OWN    "test/fixtures/avro"

static LhCtx *ctx;
static int seen;

static int
setup(void **state)
{
	ctx = lh_ctx_create();
	return 0;
}

static int
teardown(void **state)
{
	lh_ctx_destroy(ctx);
	return 0;
}

static LhStatus
open_path(const char *path, LhAvroFile **out)
{
	static const LhAccess access = {.local_any = true};
	char full[4096];
	LhStore *store;
	LhObject *obj;

	assert_non_null(realpath(path, full));
	LH_TRY(lh_store_create(ctx, &access, &store));
	LH_TRY(lh_object_open(ctx, store, full, &obj));
	return lh_avro_open(ctx, obj, out);
}

static void
dump(const char *path, const LhBuf *rows)
{
	const char *dir = getenv("AVRO_DUMP");
	char name[4096];
	FILE *f;

	if (dir == NULL)
		return;
	snprintf(name, sizeof(name), "%s/%s", dir, path);
	for (char *p = name + strlen(dir) + 1; *p != '\0'; p++)
		if (*p == '/')
			*p = '~';
	f = fopen(name, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(rows->data, 1, rows->len - 1, f), rows->len - 1);
	fclose(f);
}

/* The whole of a small file; a NUL follows. */
static char *
slurp(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text;
	long n;

	if (f == NULL)
		fail_msg("there is no %s", path);
	fseek(f, 0, SEEK_END);
	n = ftell(f);
	rewind(f);
	text = lh_alloc0(ctx, (size_t) n + 1);
	assert_int_equal(fread(text, 1, (size_t) n, f), n);
	fclose(f);
	return text;
}

/* Files that are broken or encrypted on purpose. */
static const char *
known_broken(const char *path)
{
	static const char *const names[][2] = {
		{"manifest-list-v3-encrypted.avro", "is not an Avro file"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strstr(path, names[i][0]) != NULL)
			return names[i][1];
	return NULL;
}

/* Opens, decodes wholly, and its blocks promise as many rows as there are. */
static LhStatus
read_all(const char *path, LhBuf *rows)
{
	LhAvroFile *file;
	int64_t count;
	int64_t lines = 0;

	LH_TRY(lh_buf_init(ctx, rows, false));
	LH_TRY(open_path(path, &file));
	LH_TRY(avro_count(ctx, file, &count));
	LH_TRY(avro_show_file(ctx, file, rows));
	for (size_t i = 0; i < rows->len; i++)
		lines += rows->data[i] == '\n';
	assert_int_equal(lines, count);
	return LH_OK;
}

static int
visit(const char *path, const struct stat *sb, int flag, struct FTW *ftw)
{
	size_t n = strlen(path);
	const char *broken = known_broken(path);
	LhStatus status;
	LhBuf rows;

	if (flag != FTW_F || n < 5 || strcmp(path + n - 5, ".avro") != 0)
		return 0;
	seen++;
	status = read_all(path, &rows);
	if (broken != NULL)
	{
		assert_int_equal(status, LH_CORRUPT);
		assert_non_null(strstr(ctx->error->message, broken));
	}
	else if (status != LH_OK)
		fail_msg("%s: %s", path, ctx->error->message);
	else
		dump(path, &rows);
	lh_ctx_destroy(ctx);
	ctx = lh_ctx_create();
	return 0;
}

static void
every_shared_file_is_read(void **state)
{
	if (access(SHARED, R_OK) != 0)
	{
		print_message("SKIPPED: there is no %s\n", SHARED);
		skip();
	}
	seen = 0;
	assert_int_equal(nftw(SHARED, visit, 16, FTW_PHYS), 0);
	print_message("%d files\n", seen);
	assert_true(seen >= 400);
}

static void
files_of_fastavro_have_their_rows(void **state)
{
	static const char *const files[][2] = {
		{"alltypes_null", "alltypes"},
		{"alltypes_deflate", "alltypes"},
		{"alltypes_snappy", "alltypes"},
		{"alltypes_zstandard", "alltypes"},
		{"nested", "nested"},
		{"iceberg", "iceberg"},
		{"empty", "empty"},
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
	{
		LhBuf rows;
		const char *path = lh_sprintf(ctx, OWN "/%s.avro", files[i][0]);

		if (read_all(path, &rows) != LH_OK)
			fail_msg("%s", ctx->error->message);
		assert_string_equal((const char *) rows.data,
							slurp(lh_sprintf(ctx, OWN "/%s.jsonl", files[i][1])));
		dump(path, &rows);
	}
}

/* Ids, original names, and clocks with and without a zone. */
static void
icebergs_attributes_are_kept(void **state)
{
	const LhAvroNode *nodes;
	LhAvroFile *file;

	assert_int_equal(open_path(OWN "/iceberg.avro", &file), LH_OK);
	nodes = lh_avro_meta(file)->nodes;
	assert_string_equal(nodes[lh_avro_find_ids(file, (const int[]){2}, 1)].name, "a.b");
	assert_false(nodes[lh_avro_find_ids(file, (const int[]){3}, 1)].type.utc);
	assert_true(nodes[lh_avro_find_ids(file, (const int[]){4}, 1)].type.utc);
	assert_int_equal(nodes[lh_avro_find_ids(file, (const int[]){5}, 1)].type.id, LH_T_MAP);
	assert_int_equal(nodes[lh_avro_find_ids(file, (const int[]){5, 6}, 2)].type.id, LH_T_INT32);
	assert_int_equal(nodes[lh_avro_find_ids(file, (const int[]){8, 9}, 2)].type.id, LH_T_INT32);
	assert_string_equal((const char *) lh_avro_meta_value(file, "iceberg.schema")->data,
						"{\"type\":\"struct\"}");
}

/* Windows, not the begin of the file: 5 MB of blocks, of an object. */
static void
large_files_come_by_windows(void **state)
{
	char path[] = "/tmp/lh_avro_XXXXXX";
	AvroMake m = avro_new(ctx);
	AvroMake r = avro_new(ctx);
	const LhAvroBlock *blocks;
	LhAvroReader *reader;
	LhAvroFile *file;
	LhAvroBatch batch;
	LhAvroWant all = {0};
	int64_t rows = 0, count;
	int n, fd;

	avro_header(&m, "\"string\"", NULL, NULL);
	for (int i = 0; i < 10000; i++)
	{
		avro_text(&r, lh_sprintf(ctx, "%0500d", i));
		if (i % 7 < 6 && i + 1 < 10000)
			continue;
		avro_block(&m, i % 7 + 1, &r.b, NULL);
		r.b.len = 0;
	}
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, m.b.data, m.b.len), m.b.len);
	close(fd);
	assert_int_equal(open_path(path, &file), LH_OK);
	unlink(path);
	assert_int_equal(avro_count(ctx, file, &count), LH_OK);
	assert_int_equal(count, 10000);
	assert_int_equal(lh_avro_reader_open(ctx, file, 1, &all, NULL, &reader), LH_OK);
	do
	{
		assert_int_equal(lh_avro_next(ctx, reader, &batch), LH_OK);
		for (int i = 0; i < batch.n; i++)
		{
			LhValue v = lh_vec_value(&batch.vecs[0], i);

			assert_int_equal(v.str.len, 500);
			assert_int_equal(strtol(lh_strndup(ctx, (const char *) v.str.ptr, 500), NULL, 10),
							 rows + i);
		}
		rows += batch.n;
	} while (batch.n > 0);
	assert_int_equal(rows, 10000);

	/* and blocks of their own */
	assert_int_equal(lh_avro_blocks(ctx, file, &n, &blocks), LH_OK);
	assert_int_equal(n, 1429);
	assert_int_equal(lh_avro_read_blocks(ctx, reader, blocks + 1000, 1), LH_OK);
	assert_int_equal(lh_avro_next(ctx, reader, &batch), LH_OK);
	assert_int_equal(batch.n, 7);
	assert_int_equal(batch.first_row, 7000);
	assert_int_equal(lh_avro_next(ctx, reader, &batch), LH_OK);
	assert_int_equal(batch.n, 0);
	assert_int_equal(lh_avro_read_blocks(ctx, reader, blocks, n), LH_OK);
	assert_int_equal(lh_avro_skip_rows(ctx, reader, 9999), LH_OK);
	assert_int_equal(lh_avro_next(ctx, reader, &batch), LH_OK);
	assert_int_equal(batch.n, 1);
}

/* A header that is longer than what is read first. */
static void
long_headers_are_read_on(void **state)
{
	char path[] = "/tmp/lh_avro_XXXXXX";
	char *value = lh_alloc0(ctx, 3000001);
	const char *extra[] = {"long", value, NULL};
	AvroMake m = avro_new(ctx);
	LhAvroFile *file;
	LhBuf rows;
	int fd;

	memset(value, 'x', 3000000);
	avro_header(&m, "\"string\"", NULL, extra);
	avro_raw_block(&m, 1, "\4ab", 3);
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, m.b.data, m.b.len), m.b.len);
	close(fd);
	assert_int_equal(open_path(path, &file), LH_OK);
	unlink(path);
	assert_int_equal(lh_avro_meta_value(file, "long")->len, 3000000);
	assert_int_equal(lh_buf_init(ctx, &rows, false), LH_OK);
	assert_int_equal(avro_show_file(ctx, file, &rows), LH_OK);
	assert_string_equal((const char *) rows.data, "\"ab\"\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(files_of_fastavro_have_their_rows, setup, teardown),
		cmocka_unit_test_setup_teardown(icebergs_attributes_are_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(large_files_come_by_windows, setup, teardown),
		cmocka_unit_test_setup_teardown(long_headers_are_read_on, setup, teardown),
		cmocka_unit_test_setup_teardown(every_shared_file_is_read, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
