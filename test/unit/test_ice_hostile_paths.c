/*
 * test_ice_hostile_paths.c
 *		Paths of the metadata that point elsewhere: denied, and nothing is opened there.
 *
 * The table lies in a base directory, the only one that may be read.  What a path
 * would reach is there and healthy, so that only the right to it is missing.
 */
#include "unit/ice_hostile.h"

/* Who reads has one base directory; what is outside of it is a copy of all that is in it. */
static House
based(World *w)
{
	House h = house_setup(w);
	static const char *bases[1];

	house_write(&h);
	assert_int_equal(system(lh_sprintf(w->ctx, "cp -r %s %s/outside && mkdir %s/t/sub", h.dir, w->dir, w->dir)), 0);
	bases[0] = h.dir;
	w->access = (LhAccess){.nbases = 1, .bases = bases};
	ok(w, lh_store_create(w->ctx, &w->access, &w->store));
	return h;
}

/* Ways out of the table's directory to DIR/outside/NAME; %s: the scratch directory, then the name. */
static const char *const ways[] = {
	"%s/outside/%s",
	"file:%s/outside/%s",
	"file://%s/outside/%s",
	"file://localhost%s/outside/%s",
	"FILE:%s/outside/%s",
	"%s/t/../outside/%s",
	"%s/t/data/../../outside/%s",
	"%s/t/sub/./../../outside/%s",
	"%s//t//..//outside/%s",
	"%s/t/%%2e%%2e/outside/%s",
	"file:%s/t/%%2E%%2e/outside/%s",
	"%s/t/..%%2foutside/%s",
	"%s/t/link/%s",
};

/* Others, which nobody may reach from a local table. */
static const char *const others[] = {
	"/etc/passwd",
	"/proc/self/environ",
	"http://169.254.169.254/latest/meta-data/",
	"http://[fd00:ec2::254]/latest/meta-data/",
	"https://169.254.169.254/x",
	"http://0251.0376.0251.0376/x",
	"http://localhost:5432/x",
	"s3://another/bucket",
	"s3a://another/bucket",
	"gs://another/bucket",
	"abfss://c@account.dfs.core.windows.net/x",
	"hdfs://namenode:8020/etc/passwd",
	"jar:file:/etc/passwd!/x",
	"data:text/plain,x",
	"ftp://host/x",
	"\\\\host\\share\\x",
	"../../../../etc/passwd",
	"x/../../../../etc/passwd",
	"",
};

/* The error is one about the path, and its place is named: words (NULL: none) are in the message. */
static void
is_refused(House *h, const char *path, const char *word)
{
	const char *message = h->w->ctx->error->message;
	LhStatus status;
	LhBuf ids;

	ok(h->w, lh_buf_init(h->w->ctx, &ids, false));
	status = house_read(h, &ids);
	/* what climbs or is encoded may be a name that is not there, never one that is */
	if (status != LH_DENIED && status != LH_NOT_FOUND && status != LH_UNSUPPORTED && status != LH_INVALID &&
		status != LH_CORRUPT)
		fail_msg("%s \"%s\": %s: %s", word, path, lh_status_name(status), status == LH_OK ? (const char *) ids.data : message);
	if (strstr(message, word) == NULL)
		fail_msg("%s \"%s\": %s: %s", word, path, lh_status_name(status), message);
	if (status == LH_CORRUPT && strstr(message, "path") == NULL)
		fail_msg("%s \"%s\" was opened: %s", word, path, message);
	lh_error_clear(h->w->ctx);
}

typedef void (*SetPath)(House *h, const char *path);

static void
each_way(House *h, const char *name, const char *word, SetPath set)
{
	World *w = h->w;

	(void) !symlink(lh_sprintf(w->ctx, "%s/outside", w->dir), lh_sprintf(w->ctx, "%s/t/link", w->dir));
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
	{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		const char *path = lh_sprintf(w->ctx, ways[i], w->dir, name);
#pragma GCC diagnostic pop

		house_healthy(h);
		set(h, path);
		is_refused(h, path, word);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
	{
		house_healthy(h);
		set(h, others[i]);
		is_refused(h, others[i], word);
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
			   lh_sprintf(h->w->ctx, "\"manifest-list\":\"%s\"", path[0] == '\\' ? "smb://host/share" : path));
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

	each_way(&h, "data/a.parquet", "", data_path);
}

static void
paths_of_delete_files(void **state)
{
	House h = based(*state);

	each_way(&h, "data/p.parquet", "", positions_path);
	each_way(&h, "data/e.parquet", "", keys_path);
}

static void
paths_of_puffin_files(void **state)
{
	House h = based(*state);

	each_way(&h, "data/v.puffin", "", vector_path);
}

static void
paths_of_manifests(void **state)
{
	House h = based(*state);

	each_way(&h, "metadata/data.avro", "", manifest_path);
	each_way(&h, "metadata/deletes.avro", "", deletes_path);
}

static void
paths_of_manifest_lists(void **state)
{
	House h = based(*state);

	each_way(&h, "metadata/list.avro", "", list_path);
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
	};

	return house_main(tests, sizeof(tests) / sizeof(tests[0]));
}
