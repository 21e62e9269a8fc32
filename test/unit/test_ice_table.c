/*
 * test_ice_table.c
 *		Whole tables that others wrote: opened, planned and read through the vtable.
 *
 * The tables are duckdb-iceberg's (../shared/fixtures); their metadata says paths relative to
 * a checkout of that project, so they are rebased.
 */
#include "test_scan.h"

#include "iceberg/ice.h"

/* Absolute path of a table; NULL, loudly, when it is not there. */
static const char *
shared(World *w, const char *name)
{
	char root[PATH_MAX];

	if (realpath(lh_sprintf(w->ctx, "../shared/fixtures/iceberg/%s", name), root) == NULL)
	{
		print_message("SKIPPED: ../shared/fixtures/iceberg/%s is not there\n", name);
		return NULL;
	}
	return lh_strdup(w->ctx, root);
}

static LhTableOptions
options_of(const char *location)
{
	return (LhTableOptions){
		.location = location, .rebase = "auto", .allow_version_guess = true, .legacy_vectors = true};
}

static Table
opened(World *w, const LhTableOptions *options)
{
	Table t;

	ok(w, lh_table_open(w->ctx, w->store, w->cache, NULL, options, &t.table));
	assert_ptr_equal(t.table->format, &lh_iceberg_format);
	ok(w, t.table->schema(w->ctx, t.table, &t.schema));
	return t;
}

/* A scan of the columns that are not hidden. */
static LhScanSpec
visible(World *w, const Table *t)
{
	LhScanSpec spec = {.table = t->table, .schema = &t->schema, .prune = true};
	LhScanColumn *cols = lh_alloc_array(w->ctx, (size_t) t->schema.ncols + 1, sizeof(*cols));

	for (int i = 0; i < t->schema.ncols; i++)
		if (!t->schema.cols[i].hidden)
			cols[spec.ncols++] = (LhScanColumn){
				.name = t->schema.cols[i].name,
				.source = t->schema.cols[i].source,
				.type = t->schema.cols[i].type,
				.field_id = t->schema.cols[i].field_id,
			};
	spec.cols = cols;
	return spec;
}

static LhStatus
read_all(World *w, const LhScanSpec *spec, int64_t *rows)
{
	LhHostRequest *request;
	const LhBatch *batch;
	LhScan *scan;

	*rows = 0;
	LH_TRY(lh_scan_open(w->ctx, spec, &scan));
	for (;;)
	{
		LH_TRY(lh_scan_next(w->ctx, scan, &batch, &request));
		if (batch == NULL)
			return LH_OK;
		*rows += lh_sel_count(&batch->sel);
	}
}

static int64_t
rows_of(World *w, const Table *t)
{
	LhScanSpec spec = visible(w, t);
	int64_t rows;

	ok(w, read_all(w, &spec, &rows));
	return rows;
}

static void
tables_of_duckdb_have_their_rows(void **state)
{
	World *w = *state;
	static const struct
	{
		const char *name;
		int64_t rows;
	} tables[] = {
		{"duckdb/partition_integer", -1},
	};

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
	{
		const char *location = shared(w, tables[i].name);
		LhTableOptions options = options_of(location);
		Table t;

		if (location == NULL)
			continue;
		t = opened(w, &options);
		print_message("%s %lld\n", tables[i].name, (long long) rows_of(w, &t));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(tables_of_duckdb_have_their_rows),
	};

	lh_format_register(&lh_iceberg_format);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
