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
	LH_TRY(lh_avro_count(ctx, file, &count));
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_shared_file_is_read, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
