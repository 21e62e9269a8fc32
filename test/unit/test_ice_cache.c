/*
 * test_ice_cache.c
 *		Metadata files that are kept: the same file is parsed once, another one of its name is not taken for it.
 */
#include "test_scan.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ice_table.h"

#define TEXT                                                                                           \
	"{\"format-version\":2,\"table-uuid\":\"%c\",\"location\":\"s3://b/t\",\"last-sequence-number\":9,"  \
	"\"last-updated-ms\":5,\"last-column-id\":9,\"current-schema-id\":0,\"schemas\":["                   \
	"{\"type\":\"struct\",\"schema-id\":0,\"fields\":[]}],"                                              \
	"\"default-spec-id\":0,\"partition-specs\":[{\"spec-id\":0,\"fields\":[]}],\"last-partition-id\":999," \
	"\"default-sort-order-id\":0,\"sort-orders\":[{\"order-id\":0,\"fields\":[]}]}"

static char path[64];

/* A file of the table with this letter as its uuid, of an hour ago and some seconds. */
static void
write_file(char uuid, int seconds)
{
	struct timespec times[2];
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fprintf(f, TEXT, uuid);
	fclose(f);
	clock_gettime(CLOCK_REALTIME, &times[0]);
	times[0].tv_sec += seconds - 3600;
	times[1] = times[0];
	if (seconds >= 0)
		assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static LhIceMetadata *
opened_file(World *w)
{
	LhIceMetadata *m = NULL;

	ok(w, lh_ice_metadata_open(w->ctx, ice_store(w->ctx), path, false, &m));
	assert_string_equal(m->path, path);
	return m;
}

static LhIceCache *
begin(size_t bytes)
{
	LhIceCache *cache = lh_ice_cache_create(bytes);

	snprintf(path, sizeof(path), "/tmp/lh_ice_cache_%d.metadata.json", (int) getpid());
	lh_ice_use_cache(cache);
	return cache;
}

static void
end(LhIceCache *cache)
{
	lh_ice_cache_destroy(cache);
	unlink(path);
}

static void
a_file_is_parsed_once(void **state)
{
	LhIceCache *cache = begin(1 << 20);
	LhIceMetadata *m;

	write_file('a', 0);
	m = opened_file(*state);
	assert_ptr_equal(opened_file(*state), m);
	assert_true(lh_ice_cache_bytes(cache) > sizeof(TEXT));
	/* what is dropped lives on while it is used */
	lh_ice_cache_resize(cache, 10);
	assert_int_equal(lh_ice_cache_bytes(cache), 0);
	assert_string_equal(m->uuid, "a");
	end(cache);
	assert_string_equal(m->uuid, "a");
}

static void
a_file_that_was_replaced_is_another_one(void **state)
{
	LhIceCache *cache = begin(1 << 20);

	write_file('a', 0);
	assert_string_equal(opened_file(*state)->uuid, "a");
	write_file('b', 1);
	assert_string_equal(opened_file(*state)->uuid, "b");
	end(cache);
}

/* It may be written again before the clock of the file system moves on. */
static void
a_file_of_this_moment_is_not_kept(void **state)
{
	LhIceCache *cache = begin(1 << 20);

	write_file('a', -1);
	assert_string_equal(opened_file(*state)->uuid, "a");
	assert_int_equal(lh_ice_cache_bytes(cache), 0);
	end(cache);
}

static void
whoever_may_not_read_the_file_gets_nothing_kept(void **state)
{
	static const LhAccess nothing = {0};
	LhIceCache *cache = begin(1 << 20);
	World *w = *state;
	LhIceMetadata *m;
	LhStore *store;

	write_file('a', 0);
	(void) opened_file(w);
	ok(w, lh_store_create(w->ctx, &nothing, &store));
	assert_int_equal(lh_ice_metadata_open(w->ctx, store, path, false, &m), LH_DENIED);
	lh_error_clear(w->ctx);
	end(cache);
}

static void
a_file_too_large_for_the_cache_is_read_all_the_same(void **state)
{
	LhIceCache *cache = begin(100);

	write_file('a', 0);
	assert_ptr_not_equal(opened_file(*state), opened_file(*state));
	assert_int_equal(lh_ice_cache_bytes(cache), 0);
	end(cache);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_is_parsed_once),
		TEST(a_file_that_was_replaced_is_another_one),
		TEST(a_file_of_this_moment_is_not_kept),
		TEST(whoever_may_not_read_the_file_gets_nothing_kept),
		TEST(a_file_too_large_for_the_cache_is_read_all_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
