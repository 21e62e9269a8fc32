/*
 * test_wire.c
 *		A table's schema and files come out of their bytes as they went in.
 */
#include "test_scan.h"

#include "scan/wire.h"

static void
assert_value(const LhValue *a, const LhValue *b)
{
	assert_true(lh_type_equal(&a->type, &b->type));
	assert_int_equal(a->null, b->null);
	if (!a->null)
		assert_int_equal(lh_value_compare(a, b), 0);
}

static void
assert_schema(const LhTableSchema *a, const LhTableSchema *b)
{
	assert_int_equal(a->ncols, b->ncols);
	assert_int_equal(a->bytes, b->bytes);
	assert_true(a->rows == b->rows && a->groups == b->groups);
	for (int i = 0; i < a->ncols; i++)
	{
		assert_string_equal(a->cols[i].name, b->cols[i].name);
		assert_true(lh_type_equal(&a->cols[i].type, &b->cols[i].type));
		assert_int_equal(a->cols[i].required, b->cols[i].required);
		assert_int_equal(a->cols[i].source, b->cols[i].source);
		assert_int_equal(a->cols[i].field_id, b->cols[i].field_id);
	}
}

static void
assert_tasks(const LhTaskList *a, const LhTaskList *b)
{
	assert_int_equal(a->n, b->n);
	for (size_t i = 0; i < a->n; i++)
	{
		const LhFileTask *x = &a->tasks[i], *y = &b->tasks[i];

		assert_string_equal(x->path, y->path);
		assert_int_equal(x->size, y->size);
		assert_int_equal(x->npartition, y->npartition);
		for (int k = 0; k < x->npartition; k++)
		{
			assert_string_equal(x->partition_names[k], y->partition_names[k]);
			assert_value(&x->partition_values[k], &y->partition_values[k]);
		}
	}
}

/* Pack, unpack, compare; and every shorter piece of the bytes is refused. */
static void
there_and_back(World *w, const char *location)
{
	Table t = table_of(w, location);
	LhTableSchema schema;
	LhTaskList tasks, found;
	LhBuf bytes;

	ok(w, t.table->tasks(w->ctx, t.table, NULL, &tasks));
	ok(w, lh_buf_init(w->ctx, &bytes, false));
	ok(w, lh_wire_pack(w->ctx, &t.schema, &tasks, &bytes));
	ok(w, lh_wire_unpack(w->ctx, bytes.data, bytes.len, &schema, &found));
	assert_schema(&t.schema, &schema);
	assert_tasks(&tasks, &found);
	for (size_t len = 0; len < bytes.len; len += 1 + bytes.len / 3000)
	{
		/* a copy of its own, so that a read behind it is noticed */
		uint8_t *cut = malloc(len > 0 ? len : 1);

		memcpy(cut, bytes.data, len);
		refused(w, lh_wire_unpack(w->ctx, cut, len, &schema, &found), LH_CORRUPT, "ends early",
				NULL, NULL);
		free(cut);
	}
}

static void
one_file_of_all_types(void **state)
{
	there_and_back(*state, fixture(*state, "flat/alltypes.parquet"));
}

static void
nested_types(void **state)
{
	there_and_back(*state, fixture(*state, "nested/mixed.parquet"));
	there_and_back(*state, fixture(*state, "nested/maps.parquet"));
}

static void
partitions_with_their_values(void **state)
{
	there_and_back(*state, fixture(*state, "hive"));
	there_and_back(*state, fixture(*state, "hive_text"));
	there_and_back(*state, fixture(*state, "hive_types"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_file_of_all_types),
		TEST(nested_types),
		TEST(partitions_with_their_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
