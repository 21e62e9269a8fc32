/*
 * test_ice_path.c
 *		Paths of metadata: spellings, trust, moved tables.
 */
#include "test_scan.h"

#include "iceberg/meta.h"

static LhIcePaths
paths_of(World *w, const char *metadata, const char *location, const char *rebase)
{
	LhIcePaths paths;

	ok(w, lh_ice_paths_init(w->ctx, w->store, metadata, location, rebase, &paths));
	return paths;
}

static LhStatus
path_of(World *w, const LhIcePaths *paths, const char *raw, const char **out)
{
	return lh_ice_path(w->ctx, paths, "data file", "m.avro", raw, strlen(raw), out);
}

/* What opens; an error's name where nothing does. */
static const char *
opens(World *w, const LhIcePaths *paths, const char *raw)
{
	const char *out;
	LhStatus status = path_of(w, paths, raw, &out);

	lh_error_clear(w->ctx);
	return status == LH_OK ? out : lh_status_name(status);
}

typedef struct Case
{
	const char *raw;
	const char *path;
} Case;

static void
check_cases(World *w, const LhIcePaths *paths, const Case *cases)
{
	for (; cases->raw != NULL; cases++)
		assert_string_equal(opens(w, paths, cases->raw), cases->path);
}

/* Other network locations that may be read. */
static void
allow(World *w, const char *const *allowed, int n)
{
	LhRemoteAccess *remote = lh_alloc0(w->ctx, sizeof(*remote));

	remote->allowed = allowed;
	remote->nallowed = n;
	w->access.remote = remote;
}

static void
paths_of_a_local_table(void **state)
{
	World *w = *state;
	LhIcePaths paths = paths_of(w, "/data/t/metadata/v1.metadata.json", "/data/t", NULL);

	assert_string_equal(paths.found, "/data/t");
	assert_false(paths.rebase);
	check_cases(w, &paths,
				(const Case[]){{"/data/t/data/a.parquet", "/data/t/data/a.parquet"},
							   {"file:/data/t/a.parquet", "/data/t/a.parquet"},
							   {"file:///data/t/a.parquet", "/data/t/a.parquet"},
							   {"FILE:///data/t/a.parquet", "/data/t/a.parquet"},
							   {"file://localhost/data/t/a.parquet", "/data/t/a.parquet"},
							   {"file:////data/t/a.parquet", "/data/t/a.parquet"},
							   {"/data//t/./a.parquet", "/data/t/a.parquet"},
							   /* a name, not a URL */
							   {"/data/t/d=a%20b/x%2Fy.parquet", "/data/t/d=a%20b/x%2Fy.parquet"},
							   {"/data/t/a*b?[c].parquet", "/data/t/a*b?[c].parquet"},
							   /* elsewhere on this machine: the store decides */
							   {"/etc/passwd", "/etc/passwd"},
							   {"data/t/a.parquet", "unsupported"},
							   {"file://data/t/a.parquet", "unsupported"},
							   {"hdfs://localhost:20500/data/t/a.parquet", "unsupported"},
							   {"gs://b/a.parquet", "unsupported"},
							   {"s3://bucket/a.parquet", "denied"},
							   {"https://host/a.parquet", "denied"},
							   {"", "corrupt"},
							   {NULL, NULL}});
}

static void
paths_of_a_table_in_an_object_store(void **state)
{
	World *w = *state;
	LhIcePaths paths =
		paths_of(w, "s3://bucket/db/t/metadata/v1.metadata.json", "s3a://bucket/db/t/", NULL);

	assert_string_equal(paths.found, "s3://bucket/db/t");
	assert_string_equal(paths.location, "s3://bucket/db/t");
	check_cases(
		w, &paths,
		(const Case[]){
			{"s3://bucket/db/t/data/a.parquet", "s3://bucket/db/t/data/a.parquet"},
			{"s3a://bucket/db/t/data/a.parquet", "s3://bucket/db/t/data/a.parquet"},
			{"s3n://bucket/other/a.parquet", "s3://bucket/other/a.parquet"},
			{"s3://bucket/db/t/../u/a.parquet", "denied"},
			{"s3://bucket/db/t/%2e%2e/u/a.parquet", "denied"},
			/* keys are names: slashes and percents stay */
			{"s3://bucket/db/t//data///a%20b.parquet", "s3://bucket/db/t//data///a%20b.parquet"},
			{"s3://other/db/t/a.parquet", "denied"},
			{"s3://Bucket/db/t/a.parquet", "denied"},
			{"s3://bucket.evil/db/t/a.parquet", "denied"},
			{"https://bucket.s3.amazonaws.com/db/t/a.parquet", "denied"},
			{"gs://bucket/db/t/a.parquet", "unsupported"},
			{NULL, NULL}});
}

static void
a_remote_table_never_opens_a_local_file(void **state)
{
	World *w = *state;
	LhIcePaths s3 = paths_of(w, "s3://b/t/metadata/v1.metadata.json", "s3://b/t", NULL),
			   web = paths_of(w, "https://h/t/metadata/v1.metadata.json", "https://h/t", NULL),
			   moved = paths_of(w, "s3://b/t/metadata/v1.metadata.json", "/old/t", "auto");
	const char *out;

	/* whatever the user may read */
	assert_true(w->access.local_any);
	for (int i = 0; i < 3; i++)
	{
		const LhIcePaths *paths = i == 0 ? &s3 : i == 1 ? &web : &moved;

		refused(w, path_of(w, paths, "/etc/passwd", &out), LH_DENIED, "data file", "/etc/passwd",
				"m.avro");
		refused(w, path_of(w, paths, "file:///etc/passwd", &out), LH_DENIED, "local file", NULL,
				NULL);
		refused(w, path_of(w, paths, "file:/etc/passwd", &out), LH_DENIED, "local file", NULL,
				NULL);
		refused(w, path_of(w, paths, "etc/passwd", &out), LH_DENIED, "local file", NULL, NULL);
	}
	assert_string_equal(opens(w, &moved, "/old/t/a"), "s3://b/t/a");
}

static void
what_is_elsewhere_must_be_allowed(void **state)
{
	World *w = *state;
	static const char *const allowed[] = {"s3://lake/shared", "files.example"};
	LhIcePaths local = paths_of(w, "/t/metadata/v1.metadata.json", "/t", NULL),
			   s3 = paths_of(w, "s3://b/t/metadata/v1.metadata.json", "s3://b/t", NULL);
	const char *out;

	allow(w, allowed, 2);
	for (int i = 0; i < 2; i++)
		check_cases(w, i == 0 ? &local : &s3,
					(const Case[]){{"s3://lake/shared/a", "s3://lake/shared/a"},
								   {"s3a://lake/shared/a*", "s3://lake/shared/a*"},
								   {"s3://lake/sharedbutnot/a", "denied"},
								   {"s3://lake/a", "denied"},
								   {"s3://lake/shared/../a", "denied"},
								   {"https://files.example/a", "https://files.example/a"},
								   {"https://files.example.evil/a", "denied"},
								   {NULL, NULL}});
	refused(w, path_of(w, &s3, "https://user:secret@h/a", &out), LH_DENIED, "https://...", NULL,
			NULL);
	assert_int_equal(path_of(w, &s3, "https://h/a?sig=secret", &out), LH_DENIED);
	assert_null(strstr(w->ctx->error->message, "secret"));
}

static void
moved_tables_are_rebased_on_request_only(void **state)
{
	World *w = *state;
	const char *metadata = "/here/t/metadata/v1.metadata.json", *location = "/test-warehouse/t";
	LhIcePaths as_said = paths_of(w, metadata, location, NULL),
			   moved = paths_of(w, metadata, location, "auto"),
			   by_hand = paths_of(w, metadata, location, "hdfs://h/wh/x/");

	assert_string_equal(opens(w, &as_said, "/test-warehouse/t/a"), "/test-warehouse/t/a");
	check_cases(w, &moved,
				(const Case[]){{"/test-warehouse/t/data/a", "/here/t/data/a"},
							   {"/test-warehouse//t/data/a", "/here/t/data/a"},
							   {"hdfs://localhost:20500/test-warehouse/t/data/a", "/here/t/data/a"},
							   {"hdfs:/test-warehouse/t/a", "/here/t/a"},
							   /* not below it */
							   {"/test-warehouse/table/a", "/test-warehouse/table/a"},
							   {"s3://test-warehouse/t/a", "denied"},
							   {NULL, NULL}});
	check_cases(w, &by_hand,
				(const Case[]){{"hdfs://h/wh/x/a", "/here/t/a"},
							   {"/wh/x/a", "/here/t/a"},
							   {"hdfs://other/wh/x/a", "unsupported"},
							   {NULL, NULL}});
}

static void
relative_locations_can_be_rebased(void **state)
{
	World *w = *state;
	LhIcePaths a = paths_of(w, "/x/lineitem/metadata/v1.metadata.json", "./lineitem", "auto"),
			   b = paths_of(w, "/x/t/metadata/v1.metadata.json", "file://data/persistent/t",
							"auto"),
			   root = paths_of(w, "/x/t/metadata/v1.metadata.json", "/", "auto"), none;

	assert_string_equal(opens(w, &a, "lineitem/data/a"), "/x/lineitem/data/a");
	assert_string_equal(opens(w, &a, "./lineitem/data/a"), "/x/lineitem/data/a");
	assert_string_equal(opens(w, &b, "file://data/persistent/t/data/a"), "/x/t/data/a");
	assert_string_equal(opens(w, &b, "data/persistent/t/data/a"), "/x/t/data/a");
	assert_string_equal(opens(w, &root, "/etc/passwd"), "/x/t/etc/passwd");
	refused(
		w, lh_ice_paths_init(w->ctx, w->store, "/x/t/metadata/v1.metadata.json", "", "auto", &none),
		LH_INVALID, "location", NULL, NULL);
}

static void
moved_between_object_stores_slashes_stay(void **state)
{
	World *w = *state;
	LhIcePaths paths = paths_of(w, "s3://new/t/metadata/v1.metadata.json",
								"abfss://c@a.dfs.core.windows.net/old/t", "auto");

	check_cases(
		w, &paths,
		(const Case[]){{"abfss://c@a.dfs.core.windows.net/old/t/d//a%2e", "s3://new/t/d//a%2e"},
					   {"abfs://c@a.dfs.core.windows.net/old/t/a", "s3://new/t/a"},
					   {"abfss://d@a.dfs.core.windows.net/old/t/a", "unsupported"},
					   {NULL, NULL}});
}

/* Plain, encoded once, with slashes encoded, at the end. */
static void
rebased_paths_do_not_climb(void **state)
{
	World *w = *state;
	static const char *const tails[] = {"/../x",   "/a/../../x", "/..",         "/%2e%2e/x",
										"/%2E./x", "/.%2e/x",    "/a%2f..%2fx", "/..%2fx",
										"/..%5Cx", "/a\\..\\x",  "/%2e%2e"};
	LhIcePaths local = paths_of(w, "/here/t/metadata/v1.metadata.json", "/old/t", "auto"),
			   s3 = paths_of(w, "s3://b/t/metadata/v1.metadata.json", "/old/t", "auto");
	const char *out;

	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++)
	{
		const char *raw = lh_sprintf(w->ctx, "/old/t%s", tails[i]);

		refused(w, path_of(w, &local, raw, &out), LH_DENIED, "..", NULL, NULL);
		refused(w, path_of(w, &s3, raw, &out), LH_DENIED, "..", NULL, NULL);
	}
	assert_string_equal(opens(w, &local, "/old/t/a..b/...x/.hidden"), "/here/t/a..b/...x/.hidden");
	assert_string_equal(opens(w, &local, "/old/t/..."), "/here/t/...");
}

static void
hostile_bytes_are_refused(void **state)
{
	World *w = *state;
	LhIcePaths paths = paths_of(w, "/t/metadata/v1.metadata.json", "/t", NULL);
	char *text = lh_alloc(w->ctx, 100000);
	const char *out;

	refused(w, lh_ice_path(w->ctx, &paths, "data file", "m", "/t/\0x", 5, &out), LH_BAD_TEXT,
			"UTF-8", NULL, NULL);
	refused(w, lh_ice_path(w->ctx, &paths, "data file", "m", "/t/\xff", 4, &out), LH_BAD_TEXT,
			"UTF-8", NULL, NULL);
	memset(text, '/', 100000);
	refused(w, lh_ice_path(w->ctx, &paths, "data file", "m", text, 100000, &out), LH_LIMIT,
			"100000", NULL, NULL);
}

/* What position deletes say is compared with what tasks are called. */
static void
a_delete_file_may_spell_a_path_otherwise(void **state)
{
	World *w = *state;
	static const struct
	{
		const char *metadata, *location, *rebase, *data, *deletes;
	} cases[] = {
		/* Impala's iceberg_v2_delete_positional */
		{"/here/x/metadata/v1.metadata.json", "/test-warehouse/x", "auto", "/test-warehouse/x/a",
		 "hdfs://localhost:20500/test-warehouse/x/a"},
		{"/test-warehouse/x/metadata/v1.metadata.json", "/test-warehouse/x", NULL,
		 "/test-warehouse/x/a", "hdfs://localhost:20500/test-warehouse/x/a"},
		{"/t/metadata/v1.metadata.json", "/t", NULL, "file:/t/a", "file:///t/a"},
		{"/t/metadata/v1.metadata.json", "/t", NULL, "/t/a", "file:///t//a"},
		{"s3://b/t/metadata/v1.metadata.json", "s3://b/t", NULL, "s3a://b/t/a", "s3://b/t/a"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		LhIcePaths paths = paths_of(w, cases[i].metadata, cases[i].location, cases[i].rebase);
		const char *data, *deletes;

		ok(w, path_of(w, &paths, cases[i].data, &data));
		ok(w,
		   lh_ice_path_form(w->ctx, &paths, cases[i].deletes, strlen(cases[i].deletes), &deletes));
		assert_string_equal(data, deletes);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(paths_of_a_local_table),
		TEST(paths_of_a_table_in_an_object_store),
		TEST(a_remote_table_never_opens_a_local_file),
		TEST(what_is_elsewhere_must_be_allowed),
		TEST(moved_tables_are_rebased_on_request_only),
		TEST(relative_locations_can_be_rebased),
		TEST(moved_between_object_stores_slashes_stay),
		TEST(rebased_paths_do_not_climb),
		TEST(hostile_bytes_are_refused),
		TEST(a_delete_file_may_spell_a_path_otherwise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
