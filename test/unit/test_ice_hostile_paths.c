/*
 * test_ice_hostile_paths.c
 *		Paths of the metadata that point elsewhere: denied, and nothing is opened there.
 *
 * The table lies in a base directory, the only one that may be read.  What a path
 * would reach is there and healthy, so that only the right to it is missing.
 */
#include "unit/ice_hostile.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Who reads has one base directory; what is outside of it is a copy of all that is in it. */
static House
based(World *w)
{
	House h = house_setup(w);
	static const char *bases[1];

	house_write(&h);
	assert_int_equal(system(lh_sprintf(w->ctx, "cp -r %s %s/outside && mkdir %s/sub && ln -s ../outside %s/link",
									   h.dir, w->dir, h.dir, h.dir)), 0);
	bases[0] = h.dir;
	w->access = (LhAccess){.nbases = 1, .bases = bases};
	ok(w, lh_store_create(w->ctx, &w->access, &w->store));
	return h;
}

typedef struct Way
{
	const char *path; /* %s: the scratch directory */
	LhStatus code;
	const char *word; /* of the message, beside the path's own */
} Way;

/* Ways out of the table's directory; behind them comes the file's name. */
static const Way ways[] = {
	{"%s/outside/", LH_DENIED, "no right to read"},
	{"file:%s/outside/", LH_DENIED, "no right to read"},
	{"file://%s/outside/", LH_DENIED, "no right to read"},
	{"file://localhost%s/outside/", LH_DENIED, "no right to read"},
	{"FILE:%s/outside/", LH_DENIED, "no right to read"},
	{"%s/t/../outside/", LH_DENIED, "base directory"},
	{"%s/t/data/../../outside/", LH_DENIED, "base directory"},
	{"%s/t/sub/./../../outside/", LH_DENIED, "base directory"},
	{"%s//t//..//outside/", LH_DENIED, "base directory"},
	{"%s/t/link/", LH_DENIED, "base directory"},
	/* names, not ways: nothing is decoded */
	{"%s/t/%2e%2e/outside/", LH_NOT_FOUND, "does not exist"},
	{"file:%s/t/%2E%2e/outside/", LH_NOT_FOUND, "does not exist"},
	{"%s/t/..%2foutside/", LH_NOT_FOUND, "does not exist"},
};

/* Others, which nobody may reach from a local table; they are whole. */
static const Way others[] = {
	{"/etc/passwd", LH_DENIED, "no right to read"},
	{"/proc/self/environ", LH_DENIED, "no right to read"},
	{"http://169.254.169.254/latest/meta-data/", LH_DENIED, "named by"},
	{"http://[fd00:ec2::254]/latest/meta-data/", LH_DENIED, "named by"},
	{"https://169.254.169.254/x", LH_DENIED, "named by"},
	{"http://0251.0376.0251.0376/x", LH_DENIED, "named by"},
	{"http://localhost:5432/x", LH_DENIED, "named by"},
	{"s3://another/bucket", LH_DENIED, "named by"},
	{"s3a://another/bucket", LH_DENIED, "named by"},
	{"gs://another/bucket", LH_UNSUPPORTED, "named by"},
	{"abfss://c@account.dfs.core.windows.net/x", LH_UNSUPPORTED, "named by"},
	{"hdfs://namenode:8020/etc/passwd", LH_UNSUPPORTED, "named by"},
	{"jar:file:/etc/passwd!/x", LH_UNSUPPORTED, "named by"},
	{"data:text/plain,x", LH_UNSUPPORTED, "named by"},
	{"ftp://host/x", LH_UNSUPPORTED, "named by"},
	{"../../../../etc/passwd", LH_UNSUPPORTED, "named by"},
	{"x/../../../../etc/passwd", LH_UNSUPPORTED, "named by"},
};

typedef void (*SetPath)(House *h, const char *path);

/* name: of the file below the table; what: how messages about other schemes call it. */
static void
each_way(House *h, const char *name, const char *what, SetPath set)
{
	World *w = h->w;

	for (size_t i = 0; i < COUNT(ways); i++)
	{
		const char *path = lh_sprintf(w->ctx, "%s%s", house_replaced(w, ways[i].path, "%s", w->dir), name);

		house_healthy(h);
		set(h, path);
		falls(h, ways[i].code, name, ways[i].word, NULL);
	}
	for (size_t i = 0; i < COUNT(others); i++)
	{
		house_healthy(h);
		set(h, others[i].path);
		falls(h, others[i].code, others[i].word, others[i].word[1] == 'a' ? what : others[i].path, NULL);
	}
}

static void
data_path(House *h, const char *path)
{
	h->data[0].path = path;
}

static void
positions_path(House *h, const char *path)
{
	h->deletes[0].path = path;
}

static void
vector_path(House *h, const char *path)
{
	h->deletes[1].path = path;
}

static void
keys_path(House *h, const char *path)
{
	h->deletes[2].path = path;
}

static void
manifest_path(House *h, const char *path)
{
	h->lines[0].path = path;
	h->lines[0].length = 100;
}

static void
deletes_path(House *h, const char *path)
{
	h->lines[1].path = path;
	h->lines[1].length = 100;
}

static void
list_path(House *h, const char *path)
{
	house_says(h, "\"manifest-list\":\"@/metadata/list.avro\"",
			   lh_sprintf(h->w->ctx, "\"manifest-list\":\"%s\"", path));
}

static void
in_its_directory_the_table_stands(void **state)
{
	House h = based(*state);

	stands(&h, HOUSE_ROWS);
}

static void
paths_of_data_files(void **state)
{
	House h = based(*state);

	each_way(&h, "data/a.parquet", "data file", data_path);
}

static void
paths_of_delete_files(void **state)
{
	House h = based(*state);

	each_way(&h, "data/p.parquet", "delete file", positions_path);
	each_way(&h, "data/e.parquet", "delete file", keys_path);
}

static void
paths_of_puffin_files(void **state)
{
	House h = based(*state);

	each_way(&h, "data/v.puffin", "delete file", vector_path);
}

static void
paths_of_manifests(void **state)
{
	House h = based(*state);

	each_way(&h, "metadata/data.avro", "manifest", manifest_path);
	each_way(&h, "metadata/deletes.avro", "manifest", deletes_path);
}

static void
paths_of_manifest_lists(void **state)
{
	House h = based(*state);

	each_way(&h, "metadata/list.avro", "manifest list", list_path);
}

/* Statistics are named by the metadata and never opened: what is needed of them stands there. */
static void
paths_of_statistics(void **state)
{
	House h = based(*state);
	static const char *const kinds[] = {"statistics", "partition-statistics"};

	for (size_t k = 0; k < COUNT(kinds); k++)
		for (size_t i = 0; i < COUNT(others); i++)
		{
			house_says(&h, "\"metadata-log\":[]",
					   lh_sprintf(h.w->ctx,
								  "\"metadata-log\":[{\"timestamp-ms\":1,\"metadata-file\":\"%s\"}],\"%s\":[{\"snapshot-id\":7,"
								  "\"statistics-path\":\"%s\",\"file-size-in-bytes\":9,\"file-footer-size-in-bytes\":9,\"blob-metadata\":[]}]",
								  others[i].path, kinds[k], others[i].path));
			stands(&h, HOUSE_ROWS);
		}
}

/* The location that metadata claims gives no right, and does not say where files lie. */
static void
a_claimed_location(void **state)
{
	House h = based(*state);

	h.json = house_replaced(h.w, h.json, lh_sprintf(h.w->ctx, "\"location\":\"%s\"", h.dir),
							lh_sprintf(h.w->ctx, "\"location\":\"%s/outside\"", h.w->dir));
	stands(&h, HOUSE_ROWS);
	data_path(&h, lh_sprintf(h.w->ctx, "%s/outside/data/a.parquet", h.w->dir));
	falls(&h, LH_DENIED, "outside/data/a.parquet", "no right", NULL);
	/* rebased, it is looked for in the table; and does not climb out of it */
	h.options.rebase = "auto";
	stands(&h, HOUSE_ROWS);
	data_path(&h, lh_sprintf(h.w->ctx, "%s/outside/../outside/data/a.parquet", h.w->dir));
	falls(&h, LH_DENIED, "data file", "data.avro", "..");
	data_path(&h, lh_sprintf(h.w->ctx, "%s/outside/%%2e%%2e/outside/data/a.parquet", h.w->dir));
	falls(&h, LH_DENIED, "data file", "data.avro", "..");
}

/* Who may read all files reads what metadata names there: the right is the store's, not the path's. */
static void
with_the_right_it_stands(void **state)
{
	House h = based(*state);

	h.w->access = (LhAccess){.local_any = true};
	ok(h.w, lh_store_create(h.w->ctx, &h.w->access, &h.w->store));
	data_path(&h, lh_sprintf(h.w->ctx, "%s/outside/data/a.parquet", h.w->dir));
	/* the deletes of the one in the table are not for it */
	stands(&h, "0 1 " HOUSE_ROWS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(in_its_directory_the_table_stands),
		TEST(paths_of_data_files),
		TEST(paths_of_delete_files),
		TEST(paths_of_puffin_files),
		TEST(paths_of_manifests),
		TEST(paths_of_manifest_lists),
		TEST(paths_of_statistics),
		TEST(a_claimed_location),
		TEST(with_the_right_it_stands),
	};

	return house_main(tests, COUNT(tests));
}
