/*
 * test_pqmeta_files.c
 *		Metadata of files that other writers made: test/fixtures, and parquet-testing where it is.
 */
#include "unit/pq_file.h"

#include <dirent.h>
#include <errno.h>

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

/* Absolute path of a fixture. */
static const char *
fixture(const char *name)
{
	const char *root = getenv("LAKEHOUSE_FIXTURES");
	char *real = realpath(root != NULL ? root : "test/fixtures", NULL);
	char *path;

	if (real == NULL)
		fail_msg("no fixtures: set LAKEHOUSE_FIXTURES or run in the top folder");
	path = lh_sprintf(ctx, "%s/%s", real, name);
	free(real);
	return path;
}

static LhPqFile *
open_fixture(const char *name)
{
	LhPqFile *file;

	ASSERT_OK(ctx, pq_open_path(ctx, fixture(name), NULL, &file));
	return file;
}

/* The value that the fixture's script made of number n for this type (make/trips.py, bloom_table). */
static LhValue
value_of(const LhPqNode *node, int n, uint8_t text[16])
{
	const LhType *t = lh_pq_value_type(node);
	LhValue v = {.type = *t};

	switch (t->id)
	{
		case LH_T_STRING:
			v.str =
				(LhStr){.ptr = text, .len = (uint32_t) snprintf((char *) text, 16, "key %03d", n)};
			break;
		case LH_T_BINARY:
			v.str = (LhStr){.ptr = text, .len = (uint32_t) snprintf((char *) text, 16, "%03d", n)};
			break;
		case LH_T_UUID:
			memset(text, 0, 16);
			text[14] = (uint8_t) (n >> 8);
			text[15] = (uint8_t) n;
			v.str = (LhStr){.ptr = text, .len = 16};
			break;
		case LH_T_FLOAT:
		case LH_T_DOUBLE: v.f64 = n; break;
		default:
			if (t->lane == LH_LANE_I128)
				v.i128 = n;
			else
				v.i64 = n;
	}
	return v;
}

/* Odd numbers are in, even ones are not: of 300 at most some per cent may seem to be. */
static void
check_blooms(const char *name, int least)
{
	LhPqFile *file = open_fixture(name);
	const LhPqMeta *meta = lh_pq_meta(file);
	int filters = 0;

	for (int leaf = 0; leaf < meta->nleaves; leaf++)
	{
		const LhPqNode *node = &meta->nodes[meta->leaf_nodes[leaf]];
		const LhPqBloom *bloom;
		int false_hits = 0;

		ASSERT_OK(ctx, lh_pq_bloom(ctx, file, 0, leaf, &bloom));
		if (bloom == NULL || strcmp(node->name, "id") == 0)
			continue;
		filters++;
		for (int n = 0; n < 600; n++)
		{
			uint8_t text[16];
			LhValue v = value_of(node, n, text);
			bool may = lh_pq_bloom_may_hold(bloom, node, &v);

			if (n % 2 == 1 && !may)
				fail_msg("%s: %d is denied", node->name, n);
			false_hits += n % 2 == 0 && may;
		}
		if (false_hits > 20)
			fail_msg("%s: %d of 300 absent values are not excluded", node->name, false_hits);
	}
	assert_true(filters >= least);
}

static void
filters_of_pyarrow_exclude_and_never_deny_for_every_type(void **state)
{
	(void) state;
	check_blooms("flat/bloom.parquet", 17);
}

static void
filters_of_duckdb_exclude_and_never_deny(void **state)
{
	(void) state;
	check_blooms("flat/bloom_duckdb.parquet", 5);
}

/* The page index and the statistics of the row group must agree. */
static void
page_indexes_of_pyarrow_agree_with_the_statistics(void **state)
{
	LhPqFile *file = open_fixture("flat/trips.parquet");
	const LhPqMeta *meta = lh_pq_meta(file);
	int with_bounds = 0;

	(void) state;
	for (int g = 0; g < meta->ngroups; g++)
		for (int leaf = 0; leaf < meta->nleaves; leaf++)
		{
			const LhPqPageIndex *p;
			LhBounds all;
			int64_t rows = 0, nulls = 0;

			ASSERT_OK(ctx, lh_pq_bounds(ctx, file, g, leaf, &all));
			ASSERT_OK(ctx, lh_pq_page_index(ctx, file, g, leaf, &p));
			assert_non_null(p);
			assert_non_null(p->bounds);
			for (int i = 0; i < p->npages; i++)
			{
				const LhBounds *b = &p->bounds[i];

				rows += b->rows;
				nulls += b->nulls;
				if (b->has_min && all.has_min)
				{
					assert_true(lh_value_compare(&all.min, &b->min) <= 0);
					with_bounds++;
				}
				if (b->has_max && all.has_max)
					assert_true(lh_value_compare(&all.max, &b->max) >= 0);
			}
			assert_int_equal(rows, meta->groups[g].num_rows);
			assert_int_equal(nulls, all.nulls);
		}
	assert_true(with_bounds > 100);
}

static void
columns_of_wide_files_are_found(void **state)
{
	LhPqFile *file = open_fixture("wide/cols_5000.parquet");
	const LhPqChunk *c;

	(void) state;
	assert_int_equal(lh_pq_meta(file)->nleaves, 5000);
	for (int i = 0; i < 5000; i += 997)
	{
		char name[16];
		int node;

		snprintf(name, sizeof(name), "c%d", i);
		node = lh_pq_find(lh_pq_meta(file), name);
		assert_true(node > 0);
		assert_string_equal(lh_pq_meta(file)->nodes[node].name, name);
		ASSERT_OK(ctx, lh_pq_chunk(ctx, file, 0, lh_pq_meta(file)->nodes[node].leaf, &c));
		assert_int_equal(c->num_values, 1);
	}
}

static void
names_with_dots_are_not_ambiguous(void **state)
{
	LhPqFile *file = open_fixture("names/dotted.parquet");
	const LhPqMeta *meta = lh_pq_meta(file);
	int column = lh_pq_find(meta, "a.b"), member = lh_pq_child(meta, lh_pq_find(meta, "a"), "b", 1);

	(void) state;
	assert_true(column > 0 && member > 0 && column != member);
	assert_int_equal(meta->nodes[column].parent, 0);
	assert_true(lh_pq_find(meta, "e.f.g") > 0);
}

/* Open and look at all that there is; the first failure. */
static LhStatus
read_all(const char *path)
{
	LhPqFile *file;

	LH_TRY(pq_open_path(ctx, path, NULL, &file));
	for (int g = 0; g < file->meta->ngroups; g++)
		for (int leaf = 0; leaf < file->meta->nleaves; leaf++)
		{
			const LhPqPageIndex *index;
			const LhPqBloom *bloom;
			LhBounds b;

			LH_TRY(lh_pq_bounds(ctx, file, g, leaf, &b));
			LH_TRY(lh_pq_page_index(ctx, file, g, leaf, &index));
			LH_TRY(lh_pq_bloom(ctx, file, g, leaf, &bloom));
		}
	return LH_OK;
}

static void
broken_metadata_is_named(void **state)
{
	/* those files of bad/ whose metadata is broken, and a word that the message has */
	static const struct
	{
		const char *name, *word;
	} bad[] = {{"chunk_offset_past_end", "pages"},
			   {"cut_in_half", "not a Parquet file"},
			   {"cut_last_byte", "not a Parquet file"},
			   {"eleven_bytes", "11"},
			   {"encrypted_footer", "encryption"},
			   {"footer_deep_structs", "nested"},
			   {"footer_huge_list", "length"},
			   {"footer_length_max", "4294967295"},
			   {"footer_length_zero", "length of 0"},
			   {"footer_longer_than_file", "footer"},
			   {"footer_noise", "footer"},
			   {"footer_truncated", "footer"},
			   {"garbage", "not a Parquet file"},
			   {"negative_row_count", "rows"},
			   {"one_byte", "found 1"},
			   {"schema_child_count", "children"},
			   {"schema_fixed_without_length", "length"},
			   {"schema_no_columns_in_group", "columns"},
			   {"schema_type_mismatch", "type"},
			   {"schema_unknown_type", "type"},
			   {"text", "not a Parquet file"},
			   {"wrong_magic_end", "PAR2"}};

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		const char *path = fixture(lh_sprintf(ctx, "bad/%s.parquet", bad[i].name));

		lh_error_clear(ctx);
		if (access(path, R_OK) != 0)
			fail_msg("%s: %s", path, strerror(errno));
		if (read_all(path) == LH_OK)
			fail_msg("%s was believed", bad[i].name);
		if (strstr(ctx->error->message, bad[i].word) == NULL ||
			strstr(ctx->error->message, bad[i].name) == NULL)
			fail_msg("%s: %s", bad[i].name, ctx->error->message);
	}
}

/* Number of files of a folder that are read, and that fail with this code. */
static int
count_folder(const char *folder, const char *suffix, LhStatus want)
{
	DIR *dir = opendir(folder);
	struct dirent *e;
	int n = 0;

	assert_non_null(dir);
	while ((e = readdir(dir)) != NULL)
	{
		size_t len = strlen(e->d_name), end = strlen(suffix);
		char path[1024];
		LhStatus status;

		if (len < end || strcmp(e->d_name + len - end, suffix) != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
		lh_error_clear(ctx);
		status = read_all(path);
		if (status != want)
			fail_msg("%s: %s: %s", e->d_name, lh_status_name(status), ctx->error->message);
		n++;
	}
	closedir(dir);
	return n;
}

static void
every_file_of_parquet_testing_is_understood(void **state)
{
	const char *data = fixture("../../../shared/fixtures/parquet/data");

	(void) state;
	if (access(data, R_OK) != 0)
	{
		print_message("%s is not there\n", data);
		skip();
	}
	assert_int_equal(count_folder(data, ".parquet", LH_OK), 65);
	assert_int_equal(count_folder(lh_sprintf(ctx, "%s/geospatial", data), ".parquet", LH_OK), 10);
	assert_true(count_folder(lh_sprintf(ctx, "%s/../shredded_variant", data), ".parquet", LH_OK) >
				100);
}

static void
encrypted_footers_of_parquet_testing_are_named(void **state)
{
	const char *data = fixture("../../../shared/fixtures/parquet/data");
	const char *plain =
		lh_sprintf(ctx, "%s/encrypt_columns_plaintext_footer.parquet.encrypted", data);
	LhPqFile *file;
	const LhPqChunk *c;

	(void) state;
	if (access(data, R_OK) != 0)
	{
		print_message("%s is not there\n", data);
		skip();
	}
	ASSERT_FAILS(ctx, read_all(lh_sprintf(ctx, "%s/uniform_encryption.parquet.encrypted", data)),
				 LH_UNSUPPORTED, "uniform_encryption.parquet.encrypted: the footer is encrypted with key \"kf\"");
	/* a footer in clear text names its encrypted columns */
	ASSERT_OK(ctx, pq_open_path(ctx, plain, NULL, &file));
	assert_int_equal(file->meta->priv->crypt.algorithm, 1);
	for (int leaf = 0; leaf < file->meta->nleaves; leaf++)
	{
		const char *name = file->meta->nodes[file->meta->leaf_nodes[leaf]].name;

		ASSERT_OK(ctx, lh_pq_chunk(ctx, file, 0, leaf, &c));
		assert_int_equal(c->encrypted,
						 strcmp(name, "double_field") == 0 || strcmp(name, "float_field") == 0);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(filters_of_pyarrow_exclude_and_never_deny_for_every_type),
		T(filters_of_duckdb_exclude_and_never_deny),
		T(page_indexes_of_pyarrow_agree_with_the_statistics),
		T(columns_of_wide_files_are_found),
		T(names_with_dots_are_not_ambiguous),
		T(broken_metadata_is_named),
		T(every_file_of_parquet_testing_is_understood),
		T(encrypted_footers_of_parquet_testing_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
