/*
 * test_location.c
 *		What is a location, and which path it means.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>

#include "store/local.h"

typedef struct Case
{
	const char *location;
	const char *path;
} Case;

static int
setup(void **state)
{
	*state = lh_ctx_create();
	return *state == NULL;
}

static int
teardown(void **state)
{
	lh_ctx_destroy(*state);
	return 0;
}

static void
assert_refused(LhCtx *ctx, const char *location, LhStatus code)
{
	LhScheme scheme;
	const char *path;

	lh_error_clear(ctx);
	if (lh_location_parse(ctx, location, &scheme, &path) != code)
		fail_msg("\"%s\": expected %s", location, lh_status_name(code));
	assert_int_equal(ctx->error->code, code);
	assert_true(ctx->error->message[0] != '\0');
}

static void
local_spellings_mean_one_path(void **state)
{
	static const Case cases[] = {
		{"/a/b.parquet", "/a/b.parquet"},
		{"/", "/"},
		{"//a///b//", "/a/b"},
		{"/a/./b/.", "/a/b"},
		{"/a/../b", "/a/../b"}, /* the kernel knows what ".." means */
		{"/a/..b/.c", "/a/..b/.c"},
		{"file:/a/b", "/a/b"},
		{"file:///a/b", "/a/b"},
		{"FILE:///a/b", "/a/b"},
		{"file://localhost/a/b", "/a/b"},
		{"file:///a%20b/%C3%A9", "/a b/\xc3\xa9"},
		{"file:////a", "/a"},
		{"/a%20b", "/a%20b"}, /* a path is no URL */
		{"/a*/{b,c}", "/a*/{b,c}"},
		{"file:///a*", "/a*"},
		{"file:///a%2A%5Bx", "/a\\*\\[x"}, /* what was encoded is no wildcard */
		{"/a:b/c", "/a:b/c"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		LhScheme scheme = LH_SCHEME_S3;
		const char *path;

		if (lh_location_parse(*state, cases[i].location, &scheme, &path) != LH_OK)
			fail_msg("\"%s\" was refused", cases[i].location);
		assert_int_equal(scheme, LH_SCHEME_LOCAL);
		assert_string_equal(path, cases[i].path);
	}
}

static void
raw_paths_keep_their_glob_characters(void **state)
{
	LhScheme scheme;
	const char *path;

	assert_int_equal(lh_location_raw(*state, "file:///a%2Ab\\c", &scheme, &path), LH_OK);
	assert_string_equal(path, "/a*b\\c");
}

static void
relative_and_foreign_locations_are_refused(void **state)
{
	static const char *const invalid[] = {
		"",
		"a.parquet",
		"./a",
		"../a",
		"~/a",
		"file:a",
		"file://host/a",
		"file://",
		"C:\\x",
		"c:/x",
		"file:///a%2",
		"file:///a%zz",
		"file:///a%00b",
		"*",
		"{/a,/b}",
	};
	static const char *const unsupported[] = {
		"gs://b/k",   "hdfs://h/a",  "abfss://c@a/k", "ftp://h/a",
	};

	for (size_t i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++)
		assert_refused(*state, invalid[i], LH_INVALID);
	for (size_t i = 0; i < sizeof(unsupported) / sizeof(unsupported[0]); i++)
		assert_refused(*state, unsupported[i], LH_UNSUPPORTED);
}

static void
network_schemes_are_recognised(void **state)
{
	LhScheme scheme;
	const char *path;

	assert_int_equal(lh_location_parse(*state, "https://h/a", &scheme, &path), LH_OK);
	assert_int_equal(scheme, LH_SCHEME_HTTPS);
	lh_location_parse(*state, "http://h/a", &scheme, &path);
	assert_int_equal(scheme, LH_SCHEME_HTTP);
	lh_location_parse(*state, "s3a://h/a", &scheme, &path);
	assert_int_equal(scheme, LH_SCHEME_S3);
}

static void
messages_never_repeat_a_network_location(void **state)
{
	LhCtx *ctx = *state;

	assert_refused(ctx, "https://user:secret@h/a?X-Amz-Signature=secret", LH_INVALID);
	assert_null(strstr(ctx->error->message, "secret"));
	assert_refused(ctx, "gs://user:secret@h/a", LH_UNSUPPORTED);
	assert_null(strstr(ctx->error->message, "secret"));
}

static void
long_locations_are_refused(void **state)
{
	char *s = malloc(LH_PATH_MAX + 2);

	memset(s, 'a', LH_PATH_MAX + 1);
	s[0] = '/';
	s[LH_PATH_MAX + 1] = '\0';
	assert_refused(*state, s, LH_INVALID);
	free(s);
}

static void
globs_are_recognised(void **state)
{
	assert_true(lh_is_glob("/a/*"));
	assert_true(lh_is_glob("/a/?"));
	assert_true(lh_is_glob("/a/[x"));
	assert_true(lh_is_glob("/a/{x"));
	assert_true(lh_is_glob("/a\\\\*"));
	assert_false(lh_is_glob("/a/b"));
	assert_false(lh_is_glob("/a/\\*"));
	assert_false(lh_is_glob("/a/\\"));
	assert_false(lh_is_glob("/a/]}"));
}

static void
escapes_are_taken_out(void **state)
{
	const char *path;

	assert_int_equal(lh_glob_unescape(*state, "/a\\*\\\\b\\", 8, &path), LH_OK);
	assert_string_equal(path, "/a*\\b\\");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(local_spellings_mean_one_path, setup, teardown),
		cmocka_unit_test_setup_teardown(raw_paths_keep_their_glob_characters, setup, teardown),
		cmocka_unit_test_setup_teardown(relative_and_foreign_locations_are_refused, setup,
										teardown),
		cmocka_unit_test_setup_teardown(network_schemes_are_recognised, setup, teardown),
		cmocka_unit_test_setup_teardown(messages_never_repeat_a_network_location, setup, teardown),
		cmocka_unit_test_setup_teardown(long_locations_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(globs_are_recognised, setup, teardown),
		cmocka_unit_test_setup_teardown(escapes_are_taken_out, setup, teardown),
	};

	return cmocka_run_group_tests_name("location", tests, NULL, NULL);
}
