/*
 * test_ice_lists.c
 *		Manifest lists that are kept: the same list is decoded once, says the same, and is given to nobody
 *		who may not read its file, nor to one who reads that file as something else.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "unit/ice_manifest_make.h"

static LhCtx *ctx;
static char dir[64];
static LhIceCache *cache;

static int
setup(void **state)
{
	(void) state;
	ctx = lh_ctx_create();
	snprintf(dir, sizeof(dir), "/tmp/lh_ice_lists_XXXXXX");
	assert_non_null(mkdtemp(dir));
	cache = lh_ice_cache_create(1 << 20);
	lh_ice_use_cache(cache);
	return 0;
}

static int
teardown(void **state)
{
	(void) state;
	unlink(lh_sprintf(ctx, "%s/list.avro", dir));
	rmdir(dir);
	lh_ctx_destroy(ctx);
	lh_ice_cache_destroy(cache);
	return 0;
}

/* A table that lies in dir. */
static LhIceTable *
table(void)
{
	LhIceTable *t = ice_make_table(ctx);

	ASSERT_OK(ctx, lh_ice_paths_init(ctx, t->base.store,
									 lh_sprintf(ctx, "%s/metadata/v1.metadata.json", dir), dir,
									 NULL, &t->paths));
	return t;
}

/* Summary k of line i has a lower bound of i + k bytes; of an odd k no upper one. */
static void
put_summaries(AvroMake *m, int i, int n)
{
	avro_long(m, n > 0);
	if (n == 0)
		return;
	avro_long(m, n);
	for (int k = 0; k < n; k++)
	{
		char text[64];

		memset(text, 'a' + k, sizeof(text));
		avro_byte(m, k % 2 == 1);
		ice_put_long(m, ICE_NULL);
		avro_long(m, 1);
		avro_bytes(m, text, (size_t) (i + k));
		avro_long(m, k % 2 == 0);
		if (k % 2 == 0)
			avro_bytes(m, "zz", 2);
	}
	avro_long(m, 0);
}

/* n lines; line i has i % 4 summaries.  Of an hour ago and some seconds; below 0: of now. */
static char *
write_list(int n, int64_t length, int seconds)
{
	AvroMake list = avro_new(ctx), rows = avro_new(ctx);
	char *path = lh_sprintf(ctx, "%s/list.avro", dir);
	struct timespec times[2];
	FILE *f;

	avro_header(&list, ICE_LIST_SCHEMA, "null", (const char *const[]){NULL});
	for (int i = 0; i < n; i++)
	{
		avro_text(&rows, lh_sprintf(ctx, "%s/m%d.avro", dir, i));
		for (int k = 0; k < 6; k++)
			avro_long(&rows, k == 0 ? length : 0);
		put_summaries(&rows, i, i % 4);
		ice_put_long(&rows, i % 2 == 0 ? ICE_NULL : i);
	}
	avro_block(&list, n, &rows.b, "null");
	f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(list.b.data, 1, list.b.len, f), list.b.len);
	fclose(f);
	clock_gettime(CLOCK_REALTIME, &times[0]);
	times[0].tv_sec += seconds - 3600;
	times[1] = times[0];
	if (seconds >= 0)
		assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	return path;
}

static LhStatus
read_list(LhIceTable *t, const char *path, size_t *n, const LhIceManifestFile **lines)
{
	LhIceSnapshot snapshot = {.snapshot_id = 1, .manifest_list = path};

	return lh_ice_manifest_list(ctx, t, &snapshot, n, lines);
}

static uint64_t
hits(void)
{
	return ctx->counters->v[LH_CTR_MANIFEST_LIST_CACHE_HITS];
}

static void
same_slice(LhSlice a, LhSlice b)
{
	assert_int_equal(a.len, b.len);
	if (a.len > 0)
		assert_memory_equal(a.data, b.data, a.len);
}

static void
a_list_is_decoded_once_and_says_the_same(void **state)
{
	char *path = write_list(9, 77, 0);
	const LhIceManifestFile *first, *second, *third;
	LhIceTable *t = table();
	size_t n;

	(void) state;
	ASSERT_OK(ctx, read_list(t, path, &n, &first));
	assert_int_equal(hits(), 0);
	assert_int_equal(n, 9);
	ASSERT_OK(ctx, read_list(t, path, &n, &second));
	assert_int_equal(hits(), 1);
	assert_int_equal(n, 9);
	assert_ptr_not_equal(first, second);
	for (size_t i = 0; i < n; i++)
	{
		const LhIceManifestFile *a = &first[i], *b = &second[i];

		assert_string_equal(a->path, b->path);
		assert_int_equal(b->length, 77);
		assert_int_equal(a->has_first_row_id, b->has_first_row_id);
		assert_int_equal(a->first_row_id, b->first_row_id);
		assert_int_equal(a->nsummaries, (int) i % 4);
		assert_int_equal(b->nsummaries, a->nsummaries);
		for (int k = 0; k < a->nsummaries; k++)
		{
			assert_int_equal(a->summaries[k].contains_null, b->summaries[k].contains_null);
			assert_true(b->summaries[k].has_lower);
			assert_int_equal(a->summaries[k].has_upper, b->summaries[k].has_upper);
			same_slice(a->summaries[k].lower, b->summaries[k].lower);
			same_slice(a->summaries[k].upper, b->summaries[k].upper);
			assert_int_equal(b->summaries[k].lower.len, i + (size_t) k);
		}
	}
	/* what is dropped lives on while it is used */
	lh_ice_cache_resize(cache, 10);
	assert_int_equal(lh_ice_cache_bytes(cache), 0);
	assert_string_equal(second[8].path, first[8].path);
	ASSERT_OK(ctx, read_list(t, path, &n, &third));
	assert_int_equal(hits(), 1);
}

static void
a_list_that_was_replaced_is_another_one(void **state)
{
	const LhIceManifestFile *lines;
	LhIceTable *t = table();
	size_t n;

	(void) state;
	ASSERT_OK(ctx, read_list(t, write_list(2, 77, 0), &n, &lines));
	ASSERT_OK(ctx, read_list(t, write_list(2, 78, 1), &n, &lines));
	assert_int_equal(hits(), 0);
	assert_int_equal(lines[1].length, 78);
}

/* It may be written again before the clock of the file system moves on. */
static void
a_list_of_this_moment_is_not_kept(void **state)
{
	const LhIceManifestFile *lines;
	size_t n;

	(void) state;
	ASSERT_OK(ctx, read_list(table(), write_list(2, 77, -1), &n, &lines));
	assert_int_equal(lh_ice_cache_bytes(cache), 0);
}

static void
whoever_may_not_read_the_list_gets_nothing_kept(void **state)
{
	static const LhAccess nothing = {0};
	char *path = write_list(2, 77, 0);
	const LhIceManifestFile *lines;
	LhIceTable *t = table();
	size_t n;

	(void) state;
	ASSERT_OK(ctx, read_list(t, path, &n, &lines));
	ASSERT_OK(ctx, lh_store_create(ctx, &nothing, &t->base.store));
	t->paths.store = t->base.store;
	assert_int_equal(read_list(t, path, &n, &lines), LH_DENIED);
	lh_error_clear(ctx);
}

/* Metadata may say of its own file that it is the list, or of the list that it is a metadata file. */
static void
a_file_is_kept_as_what_it_was_read_as(void **state)
{
	char *path = write_list(2, 77, 0);
	const LhIceManifestFile *lines;
	LhIceTable *t = table();
	LhIceMetadata *m;
	struct timespec times[2];
	size_t n;
	FILE *f;

	(void) state;
	ASSERT_OK(ctx, read_list(t, path, &n, &lines));
	assert_int_not_equal(lh_ice_metadata_open(ctx, t->base.store, path, false, &m), LH_OK);
	lh_error_clear(ctx);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(ICE_METADATA, f);
	fclose(f);
	clock_gettime(CLOCK_REALTIME, &times[0]);
	times[0].tv_sec -= 3000;
	times[1] = times[0];
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	ASSERT_OK(ctx, lh_ice_metadata_open(ctx, t->base.store, path, false, &m));
	assert_int_not_equal(read_list(t, path, &n, &lines), LH_OK);
	assert_int_equal(hits(), 0);
	lh_error_clear(ctx);
}

/* Others that are used as often shall stay in the cache. */
static void
a_list_that_would_fill_the_cache_is_not_kept(void **state)
{
	const LhIceManifestFile *lines;
	LhIceTable *t = table();
	size_t n;

	(void) state;
	lh_ice_cache_resize(cache, 8 * 1024);
	ASSERT_OK(ctx, read_list(t, write_list(20, 77, 0), &n, &lines));
	assert_int_equal(n, 20);
	assert_int_equal(lh_ice_cache_bytes(cache), 0);
	ASSERT_OK(ctx, read_list(t, write_list(2, 77, 1), &n, &lines));
	assert_true(lh_ice_cache_bytes(cache) > 0 && lh_ice_cache_bytes(cache) < 1024);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_list_is_decoded_once_and_says_the_same),
		TEST(a_list_that_was_replaced_is_another_one),
		TEST(a_list_of_this_moment_is_not_kept),
		TEST(whoever_may_not_read_the_list_gets_nothing_kept),
		TEST(a_file_is_kept_as_what_it_was_read_as),
		TEST(a_list_that_would_fill_the_cache_is_not_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
