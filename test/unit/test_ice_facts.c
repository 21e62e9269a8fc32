/*
 * test_ice_facts.c
 *		What planners ask: the order that all files of a snapshot share.
 */
#include <fcntl.h>

#include "unit/ice_manifest_make.h"

#define LONG_OR_NULL(name, id) \
	"{\"name\":\"" name "\",\"type\":[\"null\",\"long\"],\"field-id\":" id "}"
#define SCHEMA                                                                                                           \
	"{\"type\":\"record\",\"name\":\"manifest_entry\",\"fields\":["                                                      \
	"{\"name\":\"status\",\"type\":\"int\",\"field-id\":0}," LONG_OR_NULL(                                               \
		"snapshot_id",                                                                                                   \
		"1") ","                                                                                                         \
			 "{\"name\":\"data_file\",\"field-id\":2,\"type\":{\"type\":\"record\",\"name\":\"r2\",\"fields\":["         \
			 "{\"name\":\"content\",\"type\":\"int\",\"field-id\":134},"                                                 \
			 "{\"name\":\"file_path\",\"type\":\"string\",\"field-id\":100},"                                            \
			 "{\"name\":\"file_format\",\"type\":\"string\",\"field-id\":101},"                                          \
			 "{\"name\":\"partition\",\"field-id\":102,\"type\":{\"type\":\"record\",\"name\":\"r102\",\"fields\":[]}}," \
			 "{\"name\":\"record_count\",\"type\":\"long\",\"field-id\":103},"                                           \
			 "{\"name\":\"file_size_in_bytes\",\"type\":\"long\",\"field-id\":104},"                                     \
			 "{\"name\":\"sort_order_id\",\"type\":[\"null\",\"int\"],\"field-id\":140}]}}]}"

/* A manifest of files with these statuses and orders (ICE_NULL: none) in the scratch directory. */
static LhIceManifestFile
manifest(LhCtx *ctx, const char *dir, int number, int n, const int *statuses, const int64_t *orders)
{
	AvroMake m = avro_new(ctx), rows = avro_new(ctx);
	char *path = lh_sprintf(ctx, "%s/m%d.avro", dir, number);
	int fd;

	avro_header(&m, SCHEMA, "null",
				(const char *const[]){"partition-spec-id", "0", "content", "data", NULL});
	for (int i = 0; i < n; i++)
	{
		avro_long(&rows, statuses[i]);
		ice_put_long(&rows, 1);
		avro_long(&rows, 0);
		avro_text(&rows, lh_sprintf(ctx, "/t/%d-%d.parquet", number, i));
		avro_text(&rows, "PARQUET");
		avro_long(&rows, 10);
		avro_long(&rows, 100);
		ice_put_long(&rows, orders[i]);
	}
	avro_block(&m, n, &rows.b, "null");
	fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
	assert_true(fd >= 0 && write(fd, m.b.data, m.b.len) == (ssize_t) m.b.len);
	close(fd);
	return (LhIceManifestFile){.path = path,
							   .length = (int64_t) m.b.len,
							   .added_snapshot = 1,
							   .added_files = -1,
							   .existing_files = -1,
							   .deleted_files = -1,
							   .added_rows = -1,
							   .existing_rows = -1,
							   .deleted_rows = -1};
}

static void
an_order_is_that_of_all_live_files(void **state)
{
	static const struct
	{
		int statuses[3];
		int64_t orders[3];
		int default_order;
		int fields;
	} cases[] = {
		{{1, 0, 1}, {3, 3, 3}, 3, 2},
		{{1, 0, 1}, {3, 3, 3}, 4, 0},
		{{1, 0, 1}, {3, 2, 3}, 3, 0},
		{{1, 0, 1}, {3, ICE_NULL, 3}, 3, 0},
		/* what was deleted does not count */
		{{1, 2, 1}, {3, 2, 3}, 3, 2},
		/* 0 is no order, whatever the table declares by it */
		{{1, 0, 1}, {0, 0, 0}, 0, 0},
		/* an order that the metadata does not know */
		{{1, 0, 1}, {9, 9, 9}, 9, 0},
	};
	LhCtx *ctx = lh_ctx_create();
	char dir[] = "/tmp/lh_facts_XXXXXX";
	LhIceSortField fields[] = {{1, true, false, true}, {2, false, true, false}};
	LhIceSortOrder orders[] = {{0, 2, fields}, {3, 2, fields}, {4, 2, fields}};

	(void) state;
	assert_non_null(mkdtemp(dir));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		LhIceTable *t = ice_make_table(ctx);
		LhIceMetadata *m = lh_memdup(ctx, t->metadata, sizeof(*m));
		LhIceManifestFile lines[3];
		const LhIceSortField *out;
		LhIceSnapshot snapshot = {.snapshot_id = 1};
		int n;

		m->orders = orders;
		m->norders = 3;
		m->default_order = cases[i].default_order;
		t->metadata = m;
		t->snapshot = &snapshot;
		lines[0] = manifest(ctx, dir, (int) i * 2, 2, cases[i].statuses, cases[i].orders);
		/* manifests of deletes are not asked */
		lines[1] = (LhIceManifestFile){.path = "/nowhere", .deletes = true};
		lines[2] =
			manifest(ctx, dir, (int) i * 2 + 1, 1, cases[i].statuses + 2, cases[i].orders + 2);
		t->manifests = lines;
		t->nmanifests = 3;
		ASSERT_OK(ctx, lh_ice_sort_order(ctx, &t->base, &n, &out));
		assert_int_equal(n, cases[i].fields);
		assert_true(n == 0 ? out == NULL
						   : out[0].field_id == 1 && out[0].identity && out[1].descending);
	}
	assert_int_equal(system(lh_sprintf(ctx, "rm -r %s", dir)), 0);
	lh_ctx_destroy(ctx);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(an_order_is_that_of_all_live_files)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
