/*
 * test_ice_plan.c
 *		Plans of the fixtures' tables, and of what their snapshots changed.
 */
#include "iceberg/plan.h"
#include "unit/ice_table.h"

#include <unistd.h>

static LhCtx *ctx;

static int
setup(void **state)
{
	(void) state;
	ctx = lh_ctx_create();
	return ctx == NULL;
}

static int
teardown(void **state)
{
	(void) state;
	lh_ctx_destroy(ctx);
	return 0;
}

#define IMPALA "impala/iceberg_test/"
#define ICE    IMPALA "hadoop_catalog/ice/"

/* The table of a fixture's metadata file. */
static LhIceTable *
table_of(const char *name, const LhTableOptions *options)
{
	char *path = ice_fixture(ctx, name);
	LhIceTable *table = NULL;

	ASSERT_OK(ctx, ice_load_table(ctx, path, options, &table));
	return table;
}

static const char *
total(const LhIceTable *table, const char *key)
{
	const char *value = NULL;

	ASSERT_OK(ctx, lh_ice_summary_value(ctx, table->snapshot, key, &value));
	return value;
}

static void
plans_have_the_files_that_summaries_count(void **state)
{
	static const char *const names[] = {
		ICE "iceberg_v2_delete_both_eq_and_pos/metadata/v4.metadata.json",
		ICE "iceberg_v2_delete_equality/metadata/v4.metadata.json",
		ICE "iceberg_v2_delete_equality_partitioned/metadata/v5.metadata.json",
		ICE "iceberg_v2_delete_equality_partition_evolution/metadata/v4.metadata.json",
		ICE "iceberg_v2_delete_pos_and_multi_eq_ids/metadata/v5.metadata.json",
		IMPALA "iceberg_with_puffin_stats/metadata/v3.metadata.json",
		IMPALA "iceberg_v3/trino_variant/metadata/v2.metadata.json",
	};

	(void) state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		LhIceTable *table = table_of(names[i], NULL);
		LhTaskList list;

		ASSERT_OK(ctx, lh_ice_plan(ctx, table, NULL, &list));
		assert_int_equal(list.n, atoi(total(table, "total-data-files")));
		assert_true(list.ndeletes <= (size_t) atoi(total(table, "total-delete-files")));
		for (size_t k = 0; k < list.n; k++)
		{
			struct stat st;

			/* where the file lies, and as large as the manifest says */
			assert_int_equal(stat(list.tasks[k].path, &st), 0);
			for (int d = 0; d < list.tasks[k].ndeletes; d++)
				assert_true(list.tasks[k].deletes[d] < list.ndeletes);
		}
		for (size_t d = 0; d < list.ndeletes; d++)
			assert_int_equal(access(list.deletes[d].path, R_OK), 0);
	}
}

static void
vectors_come_with_their_place(void **state)
{
	LhIceTable *table = table_of(
		IMPALA "iceberg_v3/iceberg_v3_deletion_vectors/metadata/v3.metadata.json", NULL);
	LhTaskList list;
	int vectors = 0;

	(void) state;
	ASSERT_OK(ctx, lh_ice_plan(ctx, table, NULL, &list));
	for (size_t k = 0; k < list.n; k++)
	{
		assert_true(list.tasks[k].has_row_ids);
		assert_true(list.tasks[k].ndeletes <= 1);
		if (list.tasks[k].ndeletes == 1)
		{
			const LhDeleteFile *f = &list.deletes[list.tasks[k].deletes[0]];

			assert_int_equal(f->kind, LH_DELETE_VECTOR);
			assert_true(f->offset >= 4 && f->length > 0 && f->records > 0);
			vectors++;
		}
	}
	assert_true(vectors > 0);
}

static void
plans_are_the_same_each_time(void **state)
{
	LhIceTable *table = table_of(
		ICE "iceberg_v2_delete_equality_partitioned/metadata/v5.metadata.json", NULL);
	LhIceCache *cache = lh_ice_cache_create(1 << 20);
	LhTaskList first, list;

	(void) state;
	lh_ice_use_cache(cache);
	ASSERT_OK(ctx, lh_ice_plan(ctx, table, NULL, &first));
	for (int round = 0; round < 2; round++)
	{
		ASSERT_OK(ctx, lh_ice_plan(ctx, table, NULL, &list));
		assert_int_equal(list.n, first.n);
		for (size_t i = 0; i < list.n; i++)
		{
			assert_string_equal(list.tasks[i].path, first.tasks[i].path);
			assert_string_equal(list.tasks[i].partition, first.tasks[i].partition);
			assert_int_equal(list.tasks[i].ndeletes, first.tasks[i].ndeletes);
			assert_int_equal(list.tasks[i].nconsts, first.tasks[i].nconsts);
		}
	}
	assert_true(ctx->counters->v[LH_CTR_MANIFEST_CACHE_HITS] > 0);
	lh_ice_cache_destroy(cache);
}

/* Files that were inserted less those that were removed are those that are there. */
static void
changes_add_up_to_the_snapshot(void **state)
{
	static const char *const names[] = {
		ICE "iceberg_v2_delete_both_eq_and_pos/metadata/v4.metadata.json",
		ICE "iceberg_v2_delete_equality/metadata/v4.metadata.json",
		ICE "iceberg_v2_delete_equality_partitioned/metadata/v5.metadata.json",
		IMPALA "iceberg_v3/iceberg_v3_deletion_vectors/metadata/v3.metadata.json",
	};

	(void) state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		const LhTableOptions options = {.changes = true};
		LhIceTable *table = table_of(names[i], &options), *now = table_of(names[i], NULL);
		LhTaskList changes, live;
		int inserted = 0, removed = 0, deleted = 0, last = 0;

		ASSERT_OK(ctx, lh_ice_plan(ctx, table, NULL, &changes));
		ASSERT_OK(ctx, lh_ice_plan(ctx, now, NULL, &live));
		for (size_t k = 0; k < changes.n; k++)
		{
			const LhFileTask *t = &changes.tasks[k];

			/* oldest first */
			assert_true(t->change_ordinal >= last);
			last = t->change_ordinal;
			assert_non_null(lh_ice_snapshot_find(table->metadata, t->change_snapshot));
			if (t->rows == LH_ROWS_DELETED)
			{
				deleted++;
				assert_true(t->change_delete && t->ndeletes > t->nearlier);
			}
			else if (t->change_delete)
				removed++;
			else
				inserted++;
		}
		assert_int_equal(inserted - removed, live.n);
		assert_true(deleted > 0);
	}
}

static void
changes_begin_at_an_ancestor(void **state)
{
	LhTableOptions options = {.changes = true, .changes_from = 12345};
	const char *name = ICE "iceberg_v2_delete_equality/metadata/v4.metadata.json";
	LhIceTable *table = table_of(name, &options);
	LhTaskList list;

	(void) state;
	assert_int_equal(lh_ice_plan(ctx, table, NULL, &list), LH_INVALID);
	assert_non_null(strstr(ctx->error->message, "12345"));
	lh_error_clear(ctx);
	/* nothing came after the snapshot itself */
	table->options.changes_from = table->snapshot->snapshot_id;
	ASSERT_OK(ctx, lh_ice_plan(ctx, table, NULL, &list));
	assert_int_equal(list.n, 0);
	/* one step: the last snapshot alone */
	table->options.changes_from = table->snapshot->parent_id;
	ASSERT_OK(ctx, lh_ice_plan(ctx, table, NULL, &list));
	assert_true(list.n > 0);
	for (size_t k = 0; k < list.n; k++)
	{
		assert_int_equal(list.tasks[k].change_ordinal, 0);
		assert_int_equal(list.tasks[k].change_snapshot, table->snapshot->snapshot_id);
	}
	table->options.changes_from = 0;
	table->options.changes_to = 999;
	assert_int_equal(lh_ice_plan(ctx, table, NULL, &list), LH_NOT_FOUND);
}

/* Rows of a metadata table, counted; all columns have their types. */
typedef struct Rows
{
	LhIceMetaTable which;
	int n;
	int64_t records;
} Rows;

static LhStatus
count_row(LhCtx *c, void *arg, const LhValue *values)
{
	Rows *rows = arg;
	const LhIceMetaColumn *columns;
	int n;

	(void) c;
	columns = lh_ice_meta_columns(rows->which, &n);
	for (int i = 0; i < n; i++)
	{
		assert_int_equal(values[i].type.id, columns[i].type.id);
		if (!values[i].null && columns[i].type.id == LH_T_JSON)
			assert_true(values[i].str.len >= 2 &&
						(values[i].str.ptr[0] == '{' || values[i].str.ptr[0] == '['));
	}
	if (rows->which == LH_ICE_FILES && values[0].i64 == LH_ICE_DATA)
		rows->records += values[5].i64;
	rows->n++;
	return LH_OK;
}

static void
metadata_tables_agree_with_each_other(void **state)
{
	static const char *const names[] = {
		ICE "iceberg_v2_delete_both_eq_and_pos/metadata/v4.metadata.json",
		ICE "iceberg_v2_delete_equality_partitioned/metadata/v5.metadata.json",
		IMPALA "iceberg_v3/iceberg_v3_deletion_vectors/metadata/v3.metadata.json",
	};

	(void) state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		LhIceTable *table = table_of(names[i], NULL);
		int n[LH_N_ICE_META_TABLES] = {0};

		for (LhIceMetaTable which = LH_ICE_FILES; which <= LH_ICE_DELETE_FILES; which++)
		{
			Rows rows = {.which = which};

			ASSERT_OK(ctx, lh_ice_file_rows(ctx, table, which, count_row, &rows));
			n[which] = rows.n;
			if (which == LH_ICE_FILES)
				assert_int_equal(rows.records, atoll(total(table, "total-records")));
		}
		assert_int_equal(n[LH_ICE_MANIFESTS], table->nmanifests);
		assert_int_equal(n[LH_ICE_FILES], atoi(total(table, "total-data-files")) +
											  atoi(total(table, "total-delete-files")));
		assert_int_equal(n[LH_ICE_DELETE_FILES], atoi(total(table, "total-delete-files")));
		assert_true(n[LH_ICE_ENTRIES] >= n[LH_ICE_FILES]);
		assert_true(n[LH_ICE_ALL_FILES] >= n[LH_ICE_FILES]);
		assert_true(n[LH_ICE_PARTITIONS] >= 1 && n[LH_ICE_PARTITIONS] <= n[LH_ICE_FILES]);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(plans_have_the_files_that_summaries_count),
		TEST(vectors_come_with_their_place),
		TEST(plans_are_the_same_each_time),
		TEST(changes_add_up_to_the_snapshot),
		TEST(changes_begin_at_an_ancestor),
		TEST(metadata_tables_agree_with_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
