/*
 * test_ice_location.c
 *		From a location to the metadata file.
 */
#include "test_scan.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "iceberg/iceberg.h"
#include "iceberg/located.h"
#include "iceberg/meta.h"

/* An empty file of the table in the scratch directory, or one with text. */
static void
put(World *w, const char *name, const char *text)
{
	char *path = lh_sprintf(w->ctx, "%s/t/metadata/%s", w->dir, name);
	char *command = lh_sprintf(w->ctx, "mkdir -p %s/t/metadata", w->dir);
	FILE *f;

	assert_int_equal(system(command), 0);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static LhStatus
located(World *w, bool guess, const char **out)
{
	LhTableOptions options = {.location = lh_sprintf(w->ctx, "%s/t", w->dir),
							  .allow_version_guess = guess};

	return lh_ice_locate(w->ctx, w->store, &options, out);
}

static const char *
found(World *w, bool guess)
{
	const char *path;

	ok(w, located(w, guess, &path));
	return strrchr(path, '/') + 1;
}

static void
the_hint_names_the_version(void **state)
{
	World *w = *state;

	put(w, "v1.metadata.json", "{}");
	put(w, "v2.metadata.json", "{}");
	put(w, "version-hint.text", "2\n");
	assert_string_equal(found(w, false), "v2.metadata.json");
}

/* Hadoop catalogs write the hint after the file, and may be too late or fail. */
static void
the_hint_is_only_a_hint(void **state)
{
	World *w = *state;
	const char *out;

	put(w, "v1.metadata.json", "{}");
	put(w, "v2.metadata.json", "{}");
	put(w, "v3.metadata.json", "{}");
	put(w, "v5.metadata.json", "{}");
	put(w, "version-hint.text", "1");
	/* the next one that is missing ends the search: 5 was never committed after 3 */
	assert_string_equal(found(w, false), "v3.metadata.json");
	/* being replaced */
	put(w, "version-hint.text", "");
	assert_string_equal(found(w, false), "v5.metadata.json");
	/* so old that its file is gone */
	put(w, "version-hint.text", "0");
	assert_string_equal(found(w, false), "v5.metadata.json");
	put(w, "version-hint.text", "9");
	refused(w, located(w, false, &out), LH_NOT_FOUND, "says 9", NULL, NULL);
}

static void
a_hint_may_be_a_name(void **state)
{
	World *w = *state;
	const char *out;

	put(w, "00003-abc.metadata.json", "{}");
	put(w, "vfinal.metadata.json", "{}");
	put(w, "version-hint.text", "00003-abc");
	assert_string_equal(found(w, false), "00003-abc.metadata.json");
	put(w, "version-hint.text", "final");
	assert_string_equal(found(w, false), "vfinal.metadata.json");
	put(w, "version-hint.text", "vfinal.metadata.json");
	assert_string_equal(found(w, false), "vfinal.metadata.json");
	put(w, "version-hint.text", "nothing");
	refused(w, located(w, false, &out), LH_NOT_FOUND, "\"nothing\"", NULL, NULL);
	put(w, "version-hint.text", "../../x");
	refused(w, located(w, false, &out), LH_CORRUPT, "neither", NULL, NULL);
	put(w, "version-hint.text", "v*");
	refused(w, located(w, false, &out), LH_CORRUPT, "neither", NULL, NULL);
	put(w, "version-hint.text", lh_sprintf(w->ctx, "%0400d", 1));
	refused(w, located(w, false, &out), LH_CORRUPT, "400 bytes", NULL, NULL);
}

static void
without_a_hint_the_highest_version_counts(void **state)
{
	World *w = *state;

	put(w, "v9.metadata.json", "{}");
	put(w, "v10.metadata.json", "{}");
	put(w, "v3.1.metadata.json", "{}");
	put(w, "v11.metadata.json.tmp", "{}");
	put(w, ".v12.metadata.json.crc", "{}");
	assert_string_equal(found(w, false), "v10.metadata.json");
}

static void
packed_files_have_two_namings(void **state)
{
	World *w = *state;

	put(w, "v1.gz.metadata.json", "{}");
	put(w, "v2.metadata.json.gz", "{}");
	assert_string_equal(found(w, false), "v2.metadata.json.gz");
	put(w, "version-hint.text", "1");
	assert_string_equal(found(w, false), "v2.metadata.json.gz");
	put(w, "v3.gz.metadata.json", "{}");
	assert_string_equal(found(w, false), "v3.gz.metadata.json");
}

static void
two_files_of_one_version_are_an_error_that_names_both(void **state)
{
	World *w = *state;
	const char *out;

	put(w, "v2.metadata.json", "{}");
	put(w, "v2.gz.metadata.json", "{}");
	refused(w, located(w, false, &out), LH_INVALID, "v2.metadata.json", "v2.gz.metadata.json",
			NULL);
	put(w, "version-hint.text", "2");
	refused(w, located(w, false, &out), LH_INVALID, "v2.metadata.json", "v2.gz.metadata.json",
			NULL);
	put(w, "version-hint.text", "1");
	put(w, "v1.metadata.json", "{}");
	refused(w, located(w, false, &out), LH_INVALID, "v2.metadata.json", "v2.gz.metadata.json",
			NULL);
}

static void
files_of_a_catalog_are_guessed_only_on_request(void **state)
{
	World *w = *state;
	const char *out;

	put(w, "00001-aaa.metadata.json", "{}");
	put(w, "00010-bbb.metadata.json", "{}");
	put(w, "00009-ccc.gz.metadata.json", "{}");
	assert_int_equal(located(w, false, &out), LH_INVALID);
	assert_non_null(strstr(w->ctx->error->detail, "00010-bbb.metadata.json"));
	assert_non_null(strstr(w->ctx->error->hint, "allow_version_guess"));
	assert_non_null(
		strstr(w->ctx->error->hint, lh_sprintf(w->ctx, "%s/t/metadata/00010-bbb", w->dir)));
	lh_error_clear(w->ctx);
	assert_string_equal(found(w, true), "00010-bbb.metadata.json");
	put(w, "00010-ddd.metadata.json", "{}");
	refused(w, located(w, true, &out), LH_INVALID, "00010-bbb", "00010-ddd", NULL);
}

/* A table that a catalog took over: reading v3 would show old rows. */
static void
both_kinds_of_names_are_not_guessed(void **state)
{
	World *w = *state;
	const char *out;

	put(w, "v3.metadata.json", "{}");
	put(w, "00004-aaa.metadata.json", "{}");
	refused(w, located(w, false, &out), LH_INVALID, "v3.metadata.json", "00004-aaa.metadata.json",
			NULL);
	assert_string_equal(found(w, true), "00004-aaa.metadata.json");
}

static void
a_metadata_file_is_a_location_itself(void **state)
{
	World *w = *state;
	LhTableOptions options = {.location = "/nowhere/x/00001-a.metadata.json"};
	const char *out;

	ok(w, lh_ice_locate(w->ctx, w->store, &options, &out));
	assert_string_equal(out, "/nowhere/x/00001-a.metadata.json");
	options.location = "file:///nowhere/a%20b/v1.metadata.json.gz";
	ok(w, lh_ice_locate(w->ctx, w->store, &options, &out));
	assert_string_equal(out, "/nowhere/a b/v1.metadata.json.gz");
	options.location = "https://host/t/metadata/v1.metadata.json";
	ok(w, lh_ice_locate(w->ctx, w->store, &options, &out));
	assert_string_equal(out, "https://host/t/metadata/v1.metadata.json");
	options.location = "https://host/t";
	refused(w, lh_ice_locate(w->ctx, w->store, &options, &out), LH_INVALID, "web", NULL, NULL);
	options.location = "/nowhere/*/v1.metadata.json";
	refused(w, lh_ice_locate(w->ctx, w->store, &options, &out), LH_INVALID, "pattern", NULL, NULL);
	options.pin = "/pinned.metadata.json";
	ok(w, lh_ice_locate(w->ctx, w->store, &options, &out));
	assert_string_equal(out, "/pinned.metadata.json");
}

static void
what_is_no_table_is_not_found(void **state)
{
	World *w = *state;
	const char *out;

	refused(w, located(w, false, &out), LH_NOT_FOUND, "no Iceberg table", NULL, NULL);
	put(w, "odd.metadata.json", "{}");
	assert_int_equal(located(w, false, &out), LH_NOT_FOUND);
	assert_non_null(strstr(w->ctx->error->hint, "odd.metadata.json"));
}

/* Directories whose names would be patterns. */
static void
names_are_not_patterns(void **state)
{
	World *w = *state;
	LhTableOptions options = {.location = lh_sprintf(w->ctx, "%s/a\\[b\\]", w->dir)};
	const char *out;

	assert_int_equal(
		system(lh_sprintf(
			w->ctx, "mkdir -p '%s/a[b]/metadata' && echo '{}' > '%s/a[b]/metadata/v1.metadata.json'",
			w->dir, w->dir)),
		0);
	ok(w, lh_ice_locate(w->ctx, w->store, &options, &out));
	assert_string_equal(out, lh_sprintf(w->ctx, "%s/a[b]/metadata/v1.metadata.json", w->dir));
}

static void
tables_are_told_from_bare_files(void **state)
{
	World *w = *state;
	static const struct
	{
		const char *name;
		bool yes;
	} cases[] = {
		{"t", true},
		{"t/", true},
		{"t/metadata", false},
		{"t/metadata/v1.metadata.json", true},
		{"t/metadata/v1.metadata.json.gz", true},
		{"t/x.json", false},
		{"nothing", false},
		{"*", false},
	};
	bool yes;

	put(w, "v1.metadata.json", "{}");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		ok(w, lh_iceberg_format.detect(w->ctx, w->store,
									   lh_sprintf(w->ctx, "%s/%s", w->dir, cases[i].name), &yes));
		assert_int_equal(yes, cases[i].yes);
	}
	ok(w, lh_iceberg_format.detect(w->ctx, w->store, "[\"/x\"]", &yes));
	assert_false(yes);
}

/* The directory of metadata (name "") or a file in it gets the mtime of so many seconds ago. */
static void
age(World *w, const char *name, int seconds)
{
	static time_t now;
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {0}};

	if (now == 0)
		now = time(NULL);
	times[1].tv_sec = now - seconds;
	assert_int_equal(utimensat(AT_FDCWD, lh_sprintf(w->ctx, "%s/t/metadata/%s", w->dir, name), times, 0), 0);
}

static void
what_was_found_is_remembered_while_nothing_changes(void **state)
{
	World *w = *state;
	LhIceCache *cache = lh_ice_cache_create(1 << 20);
	LhIceLook look;
	const char *path;

	assert_non_null(cache);
	put(w, "v1.metadata.json", "{}");
	put(w, "version-hint.text", "1");
	if (!lh_local_names_are_noted(w->dir))
		skip();
	lh_ice_use_cache(cache);
	age(w, "version-hint.text", 3600);
	age(w, "", 3600);
	assert_string_equal(found(w, false), "v1.metadata.json");
	/* nor is anything remembered where the hint is a link to another kind of file system */
	assert_int_equal(mkdir(lh_sprintf(w->ctx, "%s/away", w->dir), 0700), 0);
	assert_int_equal(mkdir(lh_sprintf(w->ctx, "%s/away/metadata", w->dir), 0700), 0);
	assert_int_equal(symlink("/proc/self/status", lh_sprintf(w->ctx, "%s/away/metadata/version-hint.text", w->dir)), 0);
	look = (LhIceLook){.valid = true};
	lh_ice_remember_located(lh_sprintf(w->ctx, "%s/away", w->dir), &look, "/none/such");
	ok(w, lh_ice_located(w->ctx, lh_sprintf(w->ctx, "%s/away", w->dir), &look, &path));
	assert_null(path);
	/* what was found is not looked for again: were it another one, that would come */
	ok(w, lh_ice_look(w->ctx, w->store, lh_sprintf(w->ctx, "%s/t", w->dir), &look));
	assert_true(look.valid);
	lh_ice_remember_located(lh_sprintf(w->ctx, "%s/t", w->dir), &look, "/none/such");
	assert_string_equal(found(w, false), "such");
	/* but for who keeps nothing */
	lh_ice_cache_resize(cache, 0);
	assert_string_equal(found(w, false), "v1.metadata.json");
	lh_ice_cache_resize(cache, 1 << 20);
	assert_string_equal(found(w, false), "such");
	/* the directory says that names changed */
	put(w, "v2.metadata.json", "{}");
	age(w, "", 3599);
	assert_string_equal(found(w, false), "v2.metadata.json");
	assert_string_equal(found(w, false), "v2.metadata.json");
	/* also when somebody sets its time back */
	put(w, "v3.metadata.json", "{}");
	age(w, "", 3599);
	assert_string_equal(found(w, false), "v3.metadata.json");
	/* the hint changes in its place: a younger file of the same size */
	put(w, "v7.metadata.json", "{}");
	age(w, "", 3598);
	assert_string_equal(found(w, false), "v3.metadata.json");
	put(w, "version-hint.text", "7");
	age(w, "version-hint.text", 3598);
	assert_string_equal(found(w, false), "v7.metadata.json");
	/* of another size */
	put(w, "v12.metadata.json", "{}");
	put(w, "version-hint.text", "12");
	age(w, "version-hint.text", 3598);
	age(w, "", 3599);
	assert_string_equal(found(w, false), "v12.metadata.json");
	/* another file under the same name, as young and as large */
	put(w, "v13.metadata.json", "{}");
	put(w, "hint", "13");
	age(w, "hint", 3598);
	assert_int_equal(rename(lh_sprintf(w->ctx, "%s/t/metadata/hint", w->dir),
							lh_sprintf(w->ctx, "%s/t/metadata/version-hint.text", w->dir)), 0);
	age(w, "", 3599);
	assert_string_equal(found(w, false), "v13.metadata.json");
	/* the hint is gone */
	unlink(lh_sprintf(w->ctx, "%s/t/metadata/version-hint.text", w->dir));
	put(w, "v14.metadata.json", "{}");
	age(w, "", 3599);
	assert_string_equal(found(w, false), "v14.metadata.json");
	lh_ice_cache_destroy(cache);
}

/* Within a tick of the clock names may come that the directory does not tell of. */
static void
what_is_young_is_not_remembered(void **state)
{
	World *w = *state;
	LhIceLook look;
	LhIceCache *cache = lh_ice_cache_create(1 << 20);

	assert_non_null(cache);
	lh_ice_use_cache(cache);
	put(w, "v1.metadata.json", "{}");
	put(w, "version-hint.text", "1");
	for (int young = 0; young < 2; young++)
	{
		char name[40];

		/* from the future, so that no machine is too slow for this test */
		age(w, "version-hint.text", young == 0 ? -3600 : 3600);
		age(w, "", young == 1 ? -3600 : 3600);
		snprintf(name, sizeof(name), "v%d.metadata.json", young + 1);
		assert_string_equal(found(w, false), name);
		ok(w, lh_ice_look(w->ctx, w->store, lh_sprintf(w->ctx, "%s/t", w->dir), &look));
		assert_false(look.valid);
		snprintf(name, sizeof(name), "v%d.metadata.json", young + 2);
		put(w, name, "{}");
		age(w, "", young == 1 ? -3600 : 3600);
		assert_string_equal(found(w, false), name);
	}
	lh_ice_cache_destroy(cache);
}

/* More tables than are remembered: each is found all the same. */
static void
many_tables_are_found(void **state)
{
	World *w = *state;
	LhIceCache *cache = lh_ice_cache_create(1 << 20);

	assert_non_null(cache);
	lh_ice_use_cache(cache);
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < 40; i++)
		{
			LhTableOptions options = {.location = lh_sprintf(w->ctx, "%s/t%d", w->dir, i)};
			const char *path;

			if (round == 0)
			{
				char *command = lh_sprintf(w->ctx,
										   "mkdir -p %s/t%d/metadata; cd %s/t%d/metadata; touch v%d.metadata.json;"
										   "printf %d > version-hint.text; touch -d '1 hour ago' . version-hint.text",
										   w->dir, i, w->dir, i, i, i);

				assert_int_equal(system(command), 0);
			}
			ok(w, lh_ice_locate(w->ctx, w->store, &options, &path));
			assert_string_equal(strrchr(path, '/') + 1, lh_sprintf(w->ctx, "v%d.metadata.json", i));
		}
	lh_ice_cache_destroy(cache);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_hint_names_the_version),
		TEST(the_hint_is_only_a_hint),
		TEST(a_hint_may_be_a_name),
		TEST(without_a_hint_the_highest_version_counts),
		TEST(packed_files_have_two_namings),
		TEST(two_files_of_one_version_are_an_error_that_names_both),
		TEST(files_of_a_catalog_are_guessed_only_on_request),
		TEST(both_kinds_of_names_are_not_guessed),
		TEST(a_metadata_file_is_a_location_itself),
		TEST(what_is_no_table_is_not_found),
		TEST(names_are_not_patterns),
		TEST(tables_are_told_from_bare_files),
		TEST(what_was_found_is_remembered_while_nothing_changes),
		TEST(what_is_young_is_not_remembered),
		TEST(many_tables_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
