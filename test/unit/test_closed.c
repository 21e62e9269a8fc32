/*
 * test_closed.c
 *		Closed places: one file, directory or bucket by all its spellings, and nothing beside it.
 *
 * The tests are removal proofs: without the check of store/closed.c that a section names, the secret is read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/local.h"

typedef struct Fixture
{
	LhCtx *ctx;
	char root[64];
} Fixture;

static const char *
at(Fixture *f, const char *name)
{
	const char *path = lh_sprintf(f->ctx, "%s/%s", f->root, name);

	assert_non_null(path);
	return path;
}

static void
put(Fixture *f, const char *name)
{
	FILE *file = fopen(at(f, name), "w");

	assert_non_null(file);
	fputs("secret", file);
	fclose(file);
}

/*
 *	root/lake/people/a=1/x.parquet	closed as a directory
 *	root/lake/peoples/y.parquet		beside it
 *	root/lake/one.parquet			closed as a file
 */
static int
setup(void **state)
{
	Fixture *f = calloc(1, sizeof(*f));

	snprintf(f->root, sizeof(f->root), "/tmp/lakehouse-closed-XXXXXX");
	assert_non_null(mkdtemp(f->root));
	f->ctx = lh_ctx_create();
	assert_non_null(f->ctx);
	assert_int_equal(mkdir(at(f, "lake"), 0755), 0);
	assert_int_equal(mkdir(at(f, "lake/people"), 0755), 0);
	assert_int_equal(mkdir(at(f, "lake/people/a=1"), 0755), 0);
	assert_int_equal(mkdir(at(f, "lake/peoples"), 0755), 0);
	put(f, "lake/people/a=1/x.parquet");
	put(f, "lake/peoples/y.parquet");
	put(f, "lake/one.parquet");
	assert_int_equal(symlink("people", at(f, "lake/link")), 0);
	assert_int_equal(symlink("people/a=1/x.parquet", at(f, "lake/file_link.parquet")), 0);
	assert_int_equal(symlink("lake", at(f, "lake_link")), 0);
	assert_int_equal(link(at(f, "lake/one.parquet"), at(f, "lake/hard.parquet")), 0);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	Fixture *f = *state;
	char *command = NULL;

	assert_true(asprintf(&command, "rm -rf '%s'", f->root) > 0);
	assert_int_equal(system(command), 0);
	free(command);
	lh_ctx_destroy(f->ctx);
	free(f);
	return 0;
}

static LhStore *
store_without(Fixture *f, int n, const char *const *closed)
{
	LhAccess *access = calloc(1, sizeof(*access));
	LhStore *store;

	access->local_any = true;
	access->nclosed = n;
	access->closed = closed;
	assert_int_equal(lh_store_create(f->ctx, access, &store), LH_OK);
	return store;
}

static void
release(LhStore *store)
{
	free((void *) lh_store_access(store));
}

static LhStatus
opens(Fixture *f, LhStore *store, const char *path)
{
	LhObject *obj;
	LhStatus status = lh_object_open(f->ctx, store, path, &obj);

	if (status == LH_OK)
		lh_object_close(obj);
	lh_error_clear(f->ctx);
	return status;
}

static LhStatus
lists(Fixture *f, LhStore *store, const char *location)
{
	LhList list;
	LhStatus status = lh_store_list(f->ctx, store, location, NULL, 0, &list);

	lh_error_clear(f->ctx);
	return status;
}

/* ---- local ---- */

static void
test_directory(void **state)
{
	Fixture *f = *state;
	const char *closed[] = {at(f, "lake/people")};
	LhStore *store = store_without(f, 1, closed);

	assert_int_equal(opens(f, store, at(f, "lake/people/a=1/x.parquet")), LH_DENIED);
	assert_int_equal(opens(f, store, at(f, "lake/link/a=1/x.parquet")), LH_DENIED);
	assert_int_equal(opens(f, store, at(f, "lake/file_link.parquet")), LH_DENIED);
	assert_int_equal(opens(f, store, at(f, "lake_link/peoples/../people/a=1/x.parquet")),
					 LH_DENIED);
	/* what is not there is not told, either */
	assert_int_equal(opens(f, store, at(f, "lake/people/a=2/x.parquet")), LH_DENIED);
	assert_int_equal(opens(f, store, at(f, "lake/peoples/y.parquet")), LH_OK);
	assert_int_equal(opens(f, store, at(f, "lake/one.parquet")), LH_OK);
	assert_int_equal(opens(f, store, at(f, "lake/nowhere.parquet")), LH_NOT_FOUND);
	assert_int_equal(lists(f, store, at(f, "lake/people")), LH_DENIED);
	assert_int_equal(lists(f, store, at(f, "lake")), LH_DENIED);
	assert_int_equal(lists(f, store, at(f, "lake/p*/a=2/*")), LH_DENIED);
	assert_int_equal(lists(f, store, at(f, "l*/lin?/**")), LH_DENIED);
	assert_int_equal(lists(f, store, at(f, "lake/peoples/*")), LH_OK);
	assert_int_equal(lists(f, store, at(f, "lake/o*.parquet")), LH_OK);
	release(store);
}

static void
test_children(void **state)
{
	Fixture *f = *state;
	const char *closed[] = {at(f, "lake/people")};
	LhStore *store = store_without(f, 1, closed);
	LhList list;
	bool yes;

	assert_int_equal(lh_store_children(f->ctx, store, at(f, "lake/link"), &list), LH_DENIED);
	lh_error_clear(f->ctx);
	assert_int_equal(lh_object_exists(f->ctx, store, at(f, "lake/people/a=1"), &yes), LH_DENIED);
	lh_error_clear(f->ctx);
	assert_int_equal(lh_store_children(f->ctx, store, at(f, "lake/peoples"), &list), LH_OK);
	release(store);
}

/* Who closes spells as he likes: by a link, as a pattern, the table by its metadata file. */
static void
test_spellings(void **state)
{
	Fixture *f = *state;
	const char *spellings[] = {"lake_link/people/",
							   "lake/link",
							   "lake/people/**/*.parquet",
							   "lake/./peoples/../people",
							   "lake/people/metadata/v3.metadata.json",
							   "lake/people/metadata/00001-x.gz.metadata.json"};

	for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++)
	{
		const char *closed[] = {at(f, spellings[i])};
		LhStore *store = store_without(f, 1, closed);

		assert_int_equal(opens(f, store, at(f, "lake/people/a=1/x.parquet")), LH_DENIED);
		assert_int_equal(opens(f, store, at(f, "lake/peoples/y.parquet")), LH_OK);
		release(store);
	}
}

/* A place that is closed before it is there. */
static void
test_later(void **state)
{
	Fixture *f = *state;
	const char *closed[] = {at(f, "lake_link/later/table")};
	LhStore *store = store_without(f, 1, closed);

	assert_int_equal(mkdir(at(f, "lake/later"), 0755), 0);
	assert_int_equal(mkdir(at(f, "lake/later/table"), 0755), 0);
	put(f, "lake/later/table/z.parquet");
	assert_int_equal(opens(f, store, at(f, "lake/later/table/z.parquet")), LH_DENIED);
	release(store);
}

/* A file by its inode: another name of it is the same file. */
static void
test_file(void **state)
{
	Fixture *f = *state;
	const char *closed[] = {at(f, "lake/one.parquet")};
	LhStore *store = store_without(f, 1, closed);

	assert_int_equal(opens(f, store, at(f, "lake/one.parquet")), LH_DENIED);
	assert_int_equal(opens(f, store, at(f, "lake/hard.parquet")), LH_DENIED);
	assert_int_equal(opens(f, store, at(f, "lake/people/a=1/x.parquet")), LH_OK);
	assert_int_equal(lists(f, store, at(f, "lake/h*")), LH_DENIED);
	assert_int_equal(lists(f, store, at(f, "lake/people")), LH_OK);
	release(store);
}

/* ---- network ---- */

static void
test_network(void **state)
{
	static const struct
	{
		const char *closed, *path;
		bool denied;
	} cases[] = {
		{"s3://Lake/people", "s3://Lake/people/a.parquet", true},
		{"s3://Lake/people/", "s3a://lake/people/x/y.parquet", true},
		{"s3://lake/people", "s3n://lake//people//a.parquet", true},
		{"s3://lake/people/*/x*.parquet", "s3://lake/people/b/other", true},
		{"s3://lake/people", "s3://lake/peoples/a.parquet", false},
		{"s3://lake/people", "s3://pond/people/a.parquet", false},
		{"s3://lake", "s3://lake/any", true},
		{"s3://lake/t/metadata/00003-1.metadata.json", "s3://lake/t/data/x.parquet", true},
		/* the same object on the web */
		{"s3://lake/people", "https://lake.s3.eu-west-1.amazonaws.com/people/a.parquet", true},
		{"s3://lake/people", "https://LAKE.minio.local:9000/people/a.parquet", true},
		{"s3://lake/people", "http://minio.local:9000/lake/people/a.parquet", true},
		{"s3://lake/people", "http://minio.local:9000/lake/pe%6Fple/a.parquet", true},
		{"s3://lake/people", "https://minio.local/lake/peoples/a.parquet", false},
		{"s3://lake/people", "https://lake.example.com/other/people", false},
		{"https://minio.local/lake/people", "s3://lake/people/a.parquet", true},
		{"https://lake.minio.local/people/a.parquet", "s3://lake/people/a.parquet", true},
		{"https://lake.minio.local/people/a.parquet", "s3://lake/people/b.parquet", false},
		{"https://lake.minio.local/people/a", "https://minio.local/lake/people/a", true},
		{"https://minio.local/lake/people/a", "https://lake.minio.local/people/a", true},
		/* case and port of the host, scheme, escapes, queries */
		{"https://files.example.com/people/a", "http://FILES.example.com:8080/people/%61?v=1",
		 true},
		{"https://files.example.com/people/a", "https://files.example.com//people/a", true},
		{"https://files.example.com/people/a", "https://files.example.com/people/b", false},
		{"https://files.example.com/people/a", "https://other.example.com/people/a", false},
		{"https://files.example.com/people/a", "/people/a", false},
		{"/people", "s3://people/a", false},
	};
	Fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		LhStore *store = store_without(f, 1, &cases[i].closed);
		LhStatus status = lh_object_check(f->ctx, store, cases[i].path);

		if ((status == LH_DENIED) != cases[i].denied)
			print_message("%s of %s\n", cases[i].path, cases[i].closed);
		assert_int_equal(status, cases[i].denied ? LH_DENIED : LH_OK);
		lh_error_clear(f->ctx);
		release(store);
	}
}

/* What cannot be understood closes everything: no store comes of it. */
static void
test_unknown(void **state)
{
	Fixture *f = *state;
	const char *closed[] = {"gs://bucket/x"};
	LhAccess access = {.local_any = true, .nclosed = 1, .closed = closed};
	LhStore *store;

	assert_int_not_equal(lh_store_create(f->ctx, &access, &store), LH_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_directory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_children, setup, teardown),
		cmocka_unit_test_setup_teardown(test_spellings, setup, teardown),
		cmocka_unit_test_setup_teardown(test_later, setup, teardown),
		cmocka_unit_test_setup_teardown(test_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_network, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unknown, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
