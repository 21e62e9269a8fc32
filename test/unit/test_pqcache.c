/*
 * test_pqcache.c
 *		The cache of footers: whose they are, how many fit, and how long they live.
 */
#include "unit/pq_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "parquet/cache.h"

static LhCtx *ctx;
static LhPqCache *cache;
static char path[] = "/tmp/lh_pqcache_XXXXXX";

static int
setup(void **state)
{
	int fd;

	(void) state;
	strcpy(path, "/tmp/lh_pqcache_XXXXXX");
	fd = mkstemp(path);
	if (fd < 0)
		return 1;
	close(fd);
	ctx = lh_ctx_create();
	cache = lh_pq_cache_create(1 << 20);
	return ctx == NULL || cache == NULL;
}

static int
teardown(void **state)
{
	(void) state;
	unlink(path);
	lh_ctx_destroy(ctx);
	lh_pq_cache_destroy(cache);
	return 0;
}

/* A file at path with so many rows. */
static void
put_rows(int64_t rows)
{
	const PqEl els[] = {PQ_ROOT(1), PQ_LEAF("a", PQ_REQ, 1)};
	const PqCol col = {.type = 1, .values = rows, .data = 4};
	const PqGroup group = {rows, 1, &col};
	const PqFooter f = {.els = els, .nels = 2, .groups = &group, .ngroups = 1, .rows = rows};
	const uint8_t body[200] = {0};
	Tw footer = {0}, w = {0};

	pq_write_footer(&footer, &f);
	pq_write_file(&w, body, sizeof(body), &footer, "PAR1");
	pq_put_file(path, w.p, w.len);
	tw_free(&footer);
	tw_free(&w);
}

static int64_t
rows_of_path(void)
{
	LhPqFile *file;

	ASSERT_OK(ctx, pq_open_path(ctx, path, cache, &file));
	return lh_pq_meta(file)->num_rows;
}

static void
the_second_opening_reads_nothing(void **state)
{
	uint64_t reads;

	(void) state;
	put_rows(5);
	assert_int_equal(rows_of_path(), 5);
	reads = ctx->counters->v[LH_CTR_READS];
	assert_int_equal(rows_of_path(), 5);
	assert_int_equal(ctx->counters->v[LH_CTR_READS], reads);
	assert_int_equal(ctx->counters->v[LH_CTR_FOOTERS_READ], 1);
	assert_int_equal(ctx->counters->v[LH_CTR_FOOTER_CACHE_HITS], 1);
	assert_true(lh_pq_cache_bytes(cache) > 0);
}

static void
a_replaced_file_is_read_anew(void **state)
{
	struct timespec times[2] = {{0, UTIME_OMIT}, {1000000000, 7}};
	char other[64];

	(void) state;
	put_rows(5);
	assert_int_equal(rows_of_path(), 5);
	/* as many bytes, another time */
	put_rows(6);
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	assert_int_equal(rows_of_path(), 6);
	assert_int_equal(ctx->counters->v[LH_CTR_FOOTER_CACHE_HITS], 0);
	/* the same size and time, another file (the old one keeps its inode) */
	snprintf(other, sizeof(other), "%s.x", path);
	assert_int_equal(rename(path, other), 0);
	put_rows(8);
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	assert_int_equal(rows_of_path(), 8);
	unlink(other);
}

/* Metadata that nobody else refers to. */
static LhPqMeta *
make_meta(void)
{
	static const PqEl els[] = {PQ_ROOT(1), PQ_LEAF("a", PQ_REQ, 1)};
	const PqFooter f = {.els = els, .nels = 2};
	LhArena *arena = lh_arena_create(NULL);
	LhArena *old;
	Tw w = {0};
	LhPqMeta *meta;
	uint8_t *copy;

	pq_write_footer(&w, &f);
	old = lh_use(ctx, arena);
	copy = lh_memdup(ctx, w.p, w.len);
	lh_use(ctx, old);
	ASSERT_OK(ctx, lh_pq_meta_make(ctx, arena, copy, w.len, 1000, &meta));
	tw_free(&w);
	return meta;
}

static LhObjectId
id_of(const char *name, int64_t size, int64_t mtime, const char *etag)
{
	return (LhObjectId){.path = name, .size = size, .mtime_ns = mtime, .etag = etag};
}

/* Is it there?  The reference is given back. */
static bool
cached(LhObjectId id)
{
	LhPqMeta *meta = lh_pq_cache_get(cache, &id);

	if (meta != NULL)
		lh_pq_meta_unref(meta);
	return meta != NULL;
}

static void
put(LhObjectId id)
{
	LhPqMeta *meta = make_meta();

	lh_pq_cache_put(cache, &id, meta);
	lh_pq_meta_unref(meta);
}

static void
any_difference_is_another_object(void **state)
{
	LhObjectId id = id_of("p", 10, 20, NULL);
	LhObjectId dev = id, ino = id;

	(void) state;
	dev.dev = 1;
	ino.ino = 1;
	put(id);
	assert_true(cached(id));
	assert_false(cached(dev));
	assert_false(cached(ino));
	assert_false(cached(id_of("q", 10, 20, NULL)));
	assert_false(cached(id_of("p", 11, 20, NULL)));
	assert_false(cached(id_of("p", 10, 21, NULL)));
	assert_false(cached(id_of("p", 10, 20, "e")));
	put(id_of("p", 10, 20, "e"));
	assert_true(cached(id_of("p", 10, 20, "e")));
	assert_false(cached(id_of("p", 10, 20, "f")));
	assert_true(cached(id));
}

static void
the_least_recently_used_goes_first(void **state)
{
	size_t one;

	(void) state;
	put(id_of("a", 1, 1, NULL));
	one = lh_pq_cache_bytes(cache);
	lh_pq_cache_resize(cache, one * 3);
	put(id_of("b", 1, 1, NULL));
	put(id_of("c", 1, 1, NULL));
	assert_true(cached(id_of("a", 1, 1, NULL)));
	put(id_of("d", 1, 1, NULL));
	assert_true(cached(id_of("a", 1, 1, NULL)));
	assert_false(cached(id_of("b", 1, 1, NULL)));
	assert_true(cached(id_of("c", 1, 1, NULL)));
	assert_true(cached(id_of("d", 1, 1, NULL)));
	assert_true(lh_pq_cache_bytes(cache) <= one * 3);
	lh_pq_cache_resize(cache, one);
	assert_true(lh_pq_cache_bytes(cache) <= one);
	assert_true(cached(id_of("d", 1, 1, NULL)));
	assert_false(cached(id_of("c", 1, 1, NULL)));
	lh_pq_cache_clear(cache);
	assert_int_equal(lh_pq_cache_bytes(cache), 0);
	assert_false(cached(id_of("d", 1, 1, NULL)));
}

static void
what_is_too_large_is_not_kept(void **state)
{
	(void) state;
	lh_pq_cache_resize(cache, 100);
	put(id_of("a", 1, 1, NULL));
	assert_false(cached(id_of("a", 1, 1, NULL)));
	assert_int_equal(lh_pq_cache_bytes(cache), 0);
}

static void
the_same_object_is_kept_once(void **state)
{
	size_t one;

	(void) state;
	put(id_of("a", 1, 1, NULL));
	one = lh_pq_cache_bytes(cache);
	put(id_of("a", 1, 1, NULL));
	assert_int_equal(lh_pq_cache_bytes(cache), one);
}

static void
metadata_lives_as_long_as_somebody_uses_it(void **state)
{
	LhPqFile *file;

	(void) state;
	put_rows(9);
	ASSERT_OK(ctx, pq_open_path(ctx, path, cache, &file));
	lh_pq_cache_clear(cache);
	/* under ASan a freed footer would be noticed here */
	assert_int_equal(lh_pq_meta(file)->num_rows, 9);
	assert_string_equal(lh_pq_meta(file)->nodes[1].name, "a");
}

static void
thousands_of_footers_are_found(void **state)
{
	char name[16];

	(void) state;
	lh_pq_cache_resize(cache, (size_t) 1 << 30);
	for (int i = 0; i < 3000; i++)
	{
		snprintf(name, sizeof(name), "f%d", i);
		put(id_of(name, i, i, NULL));
	}
	for (int i = 0; i < 3000; i++)
	{
		snprintf(name, sizeof(name), "f%d", i);
		assert_true(cached(id_of(name, i, i, NULL)));
		assert_false(cached(id_of(name, i + 1, i, NULL)));
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static void
scopes_share_nothing(void **state)
{
	LhObjectId alice = id_of("s3://b/k", 10, 0, "\"v1\""), bob = alice, none = alice;
	LhPqMeta *meta = make_meta();

	(void) state;
	alice.scope = "1/2/a";
	bob.scope = "1/3/b";
	lh_pq_cache_put(cache, &alice, meta);
	assert_true(cached(alice));
	assert_false(cached(bob));
	assert_false(cached(none));
	lh_pq_meta_unref(meta);
}

static void
what_has_no_version_is_not_kept(void **state)
{
	LhObjectId id = id_of("https://h/x", 10, 0, "");
	LhPqMeta *meta = make_meta();

	(void) state;
	lh_pq_cache_put(cache, &id, meta);
	assert_false(cached(id));
	lh_pq_meta_unref(meta);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_second_opening_reads_nothing),
		T(a_replaced_file_is_read_anew),
		T(any_difference_is_another_object),
		T(the_least_recently_used_goes_first),
		T(what_is_too_large_is_not_kept),
		T(the_same_object_is_kept_once),
		T(metadata_lives_as_long_as_somebody_uses_it),
		T(thousands_of_footers_are_found),
		cmocka_unit_test_setup_teardown(scopes_share_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(what_has_no_version_is_not_kept, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
