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
assert_text(const char *a, const char *b)
{
	assert_int_equal(a != NULL, b != NULL);
	if (a != NULL)
		assert_string_equal(a, b);
}

static void
assert_slice(LhSlice a, LhSlice b)
{
	assert_int_equal(a.len, b.len);
	assert_true(a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static void
assert_mapping(const LhNameMapping *a, const LhNameMapping *b)
{
	assert_int_equal(a->field_id, b->field_id);
	assert_int_equal(a->nnames, b->nnames);
	for (int i = 0; i < a->nnames; i++)
		assert_string_equal(a->names[i], b->names[i]);
	assert_int_equal(a->nchildren, b->nchildren);
	for (int i = 0; i < a->nchildren; i++)
		assert_mapping(&a->children[i], &b->children[i]);
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
		assert_int_equal(a->cols[i].hidden, b->cols[i].hidden);
		assert_text(a->cols[i].doc, b->cols[i].doc);
	}
	assert_int_equal(a->by_id, b->by_id);
	assert_int_equal(a->ndefaults, b->ndefaults);
	for (int i = 0; i < a->ndefaults; i++)
	{
		assert_int_equal(a->defaults[i].field_id, b->defaults[i].field_id);
		assert_value(&a->defaults[i].value, &b->defaults[i].value);
	}
	assert_int_equal(a->mapping != NULL, b->mapping != NULL);
	if (a->mapping != NULL)
		assert_mapping(a->mapping, b->mapping);
	assert_slice(a->state, b->state);
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
		assert_int_equal(x->format, y->format);
		assert_int_equal(x->rows, y->rows);
		assert_int_equal(x->nconsts, y->nconsts);
		for (int k = 0; k < x->nconsts; k++)
		{
			assert_int_equal(x->const_ids[k], y->const_ids[k]);
			assert_value(&x->const_values[k], &y->const_values[k]);
		}
		assert_int_equal(x->ndeletes, y->ndeletes);
		assert_int_equal(x->nearlier, y->nearlier);
		for (int k = 0; k < x->ndeletes; k++)
			assert_int_equal(x->deletes[k], y->deletes[k]);
		assert_int_equal(x->satisfied, y->satisfied);
		assert_int_equal(x->has_row_ids, y->has_row_ids);
		assert_int_equal(x->first_row_id, y->first_row_id);
		assert_int_equal(x->sequence, y->sequence);
		assert_int_equal(x->spec_id, y->spec_id);
		assert_text(x->partition, y->partition);
		assert_int_equal(x->change_delete, y->change_delete);
		assert_int_equal(x->change_ordinal, y->change_ordinal);
		assert_int_equal(x->change_snapshot, y->change_snapshot);
		assert_slice(x->key_metadata, y->key_metadata);
	}
	assert_int_equal(a->ndeletes, b->ndeletes);
	for (size_t i = 0; i < a->ndeletes; i++)
	{
		const LhDeleteFile *x = &a->deletes[i], *y = &b->deletes[i];

		assert_string_equal(x->path, y->path);
		assert_true(x->kind == y->kind && x->format == y->format && x->size == y->size);
		assert_true(x->offset == y->offset && x->length == y->length && x->records == y->records);
		assert_int_equal(x->bare, y->bare);
		assert_int_equal(x->nids, y->nids);
		for (int k = 0; k < x->nids; k++)
			assert_int_equal(x->ids[k], y->ids[k]);
		assert_slice(x->key_metadata, y->key_metadata);
	}
}

/* Pack, unpack, compare; and every shorter piece of the bytes is refused. */
static void
pack_and_unpack(World *w, const LhTableSchema *from, const LhTaskList *tasks)
{
	LhTableSchema schema;
	LhTaskList found;
	LhBuf bytes;

	ok(w, lh_buf_init(w->ctx, &bytes, false));
	ok(w, lh_wire_pack(w->ctx, from, tasks, &bytes));
	ok(w, lh_wire_unpack(w->ctx, bytes.data, bytes.len, &schema, &found));
	assert_schema(from, &schema);
	assert_tasks(tasks, &found);
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
there_and_back(World *w, const char *location)
{
	Table t = table_of(w, location);
	LhTaskList tasks;

	ok(w, t.table->tasks(w->ctx, t.table, NULL, &tasks));
	pack_and_unpack(w, &t.schema, &tasks);
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

static LhValue
text(const char *s)
{
	return (LhValue){.type = {.id = LH_T_STRING, .lane = LH_LANE_STR},
					 .str = {(const uint8_t *) s, (uint32_t) strlen(s), 0}};
}

static void
what_formats_with_snapshots_say(void **state)
{
	World *w = *state;
	LhType string = {.id = LH_T_STRING, .lane = LH_LANE_STR};
	LhColumn cols[] = {{.name = "a", .type = string, .field_id = 7, .doc = "about it"},
					   {.name = "_pos", .type = string, .source = LH_SRC_POSITION, .field_id = -1,
						.hidden = true}};
	LhDefault defaults[] = {{7, text("nothing")}};
	const char *names[] = {"a", "was"};
	LhNameMapping below[] = {{.field_id = 8, .nnames = 1, .names = names}};
	LhNameMapping children[] = {
		{.field_id = 7, .nnames = 2, .names = names, .nchildren = 1, .children = below}};
	LhNameMapping root = {.field_id = -1, .nchildren = 1, .children = children};
	LhTableSchema schema = {.ncols = 2, .cols = cols, .by_id = true, .ndefaults = 1,
							.defaults = defaults, .mapping = &root, .state = lh_slice("st\0te", 5)};
	int ids[] = {7}, keys[] = {7, 9};
	LhValue consts[] = {text("const")};
	uint32_t deletes[] = {1, 0}, other[] = {0};
	LhFileTask tasks[] = {
		{.path = "/a", .size = 5, .format = LH_FILE_ORC, .rows = LH_ROWS_DELETED, .nconsts = 1,
		 .const_ids = ids, .const_values = consts, .ndeletes = 2, .nearlier = 1, .deletes = deletes,
		 .satisfied = 5, .has_row_ids = true, .first_row_id = 1000, .sequence = 3,
		 .spec_id = 2, .partition = "{}", .change_delete = true, .change_ordinal = 4,
		 .change_snapshot = INT64_MAX, .key_metadata = lh_slice("k", 1)},
		{.path = "/b", .size = -1, .nconsts = 1, .const_ids = ids, .const_values = consts,
		 .ndeletes = 2, .deletes = deletes},
		{.path = "/c", .ndeletes = 1, .deletes = other},
		{.path = "/d"},
	};
	LhDeleteFile files[] = {
		{.kind = LH_DELETE_VECTOR, .path = "/v", .size = 100, .offset = 4, .length = 50, .bare = true,
		 .records = 3},
		{.kind = LH_DELETE_EQUALITY, .format = LH_FILE_AVRO, .path = "/e", .size = -1, .records = -1,
		 .nids = 2, .ids = keys, .key_metadata = lh_slice("xyz", 3)},
	};
	LhTaskList list = {.n = 4, .tasks = tasks, .ndeletes = 2, .deletes = files};

	pack_and_unpack(w, &schema, &list);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_file_of_all_types),
		TEST(nested_types),
		TEST(partitions_with_their_values),
		TEST(what_formats_with_snapshots_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
