/*
 * test_fields.c
 *		Columns of tables that have changed since their files were written.
 */
#include "test_lake.h"

#include "scan/project.h"

static LhValue
plain_value(World *w, int64_t row, int col)
{
	return num(row * 10 + col);
}

static LhValue
mixed_value(World *w, int64_t row, int col)
{
	switch (col)
	{
		case 0: return num(row);
		case 1: return real((double) row / 2);
		default: return text_value(lh_sprintf(w->ctx, "t%d", (int) row));
	}
}

/* "a" id 1, "b" id 2, both int64 */
static LakeFile
two_columns(World *w, const char *name)
{
	LhField fields[] = {field("a", lake_long, 1), field("b", lake_long, 2)};

	return lake_file(w, name, 2, fields, 3, 0, 0, plain_value);
}

static void
ids_find_columns_whatever_their_names(void **state)
{
	World *w = *state;
	Lake lake;

	/* b was renamed to a, and a to something else: names lie */
	lake_init(w, &lake);
	lake_column(&lake, "a", lake_long, 2);
	lake_column(&lake, "something", lake_long, 1);
	lake_task(&lake, two_columns(w, "f"));
	assert_string_equal(lake_rows(w, &lake.spec), "1,0 11,10 21,20");
	/* a name that was dropped and added again is another column */
	lake.cols[0].field_id = lake.columns[0].field_id = 3;
	assert_string_equal(lake_rows(w, &lake.spec), "null,0 null,10 null,20");
}

static void
what_a_file_lacks_is_const_then_default_then_null(void **state)
{
	World *w = *state;
	Lake lake;
	LhDefault defaults[] = {{1, num(-1)}, {7, text_value("default")}, {8, num(80)}};
	int ids[] = {7, 1};
	LhValue values[] = {text_value("const"), num(99)};
	LhPred *f[1];

	lake_init(w, &lake);
	lake_column(&lake, "a", lake_long, 1);
	lake_column(&lake, "new", lake_text, 7);
	lake_column(&lake, "other", lake_long, 8);
	lake_task(&lake, two_columns(w, "f"));
	assert_string_equal(lake_rows(w, &lake.spec), "0,null,null 10,null,null 20,null,null");
	lake.schema.defaults = defaults;
	lake.schema.ndefaults = 3;
	assert_string_equal(lake_rows(w, &lake.spec), "0,default,80 10,default,80 20,default,80");
	/* the task's constants win, over columns of the file, too */
	lake.tasks[0].nconsts = 2;
	lake.tasks[0].const_ids = ids;
	lake.tasks[0].const_values = values;
	assert_string_equal(lake_rows(w, &lake.spec), "99,const,80 99,const,80 99,const,80");
	/* and prune like partition values: the file is not opened */
	f[0] = cmp(w, 1, LH_EQ, text_value("other"));
	lake.spec.filters = f;
	lake.spec.nfilters = 1;
	lake.tasks[0].path = "/nowhere";
	reset_counters(w);
	assert_string_equal(lake_rows(w, &lake.spec), "");
	assert_int_equal(counter(w, LH_CTR_FILES_PRUNED_PARTITION), 1);
}

static void
filters_see_constants_and_defaults(void **state)
{
	World *w = *state;
	Lake lake;
	LhDefault defaults[] = {{7, num(5)}};
	LhPred *f[1];

	lake_init(w, &lake);
	lake_column(&lake, "a", lake_long, 1);
	lake_column(&lake, "new", lake_long, 7);
	lake_task(&lake, two_columns(w, "f"));
	lake.schema.defaults = defaults;
	lake.schema.ndefaults = 1;
	lake.spec.filters = f;
	lake.spec.nfilters = 1;
	f[0] = cmp(w, 1, LH_EQ, int_value(5));
	assert_string_equal(lake_rows(w, &lake.spec), "0,5 10,5 20,5");
	f[0] = cmp(w, 1, LH_GT, int_value(5));
	assert_string_equal(lake_rows(w, &lake.spec), "");
	f[0] = cmp(w, 0, LH_GT, int_value(5));
	assert_string_equal(lake_rows(w, &lake.spec), "10,5 20,5");
	lake.schema.ndefaults = 0;
	ok(w, lh_pred_leaf(w->ctx, LH_P_IS_NULL, 1, NULL, &f[0]));
	assert_string_equal(lake_rows(w, &lake.spec), "0,null 10,null 20,null");
}

static void
required_columns_must_be_somewhere(void **state)
{
	World *w = *state;
	Lake lake;
	LhDefault defaults[] = {{7, num(5)}};

	lake_init(w, &lake);
	lake_column(&lake, "new", lake_long, 7);
	lake.cols[0].required = true;
	lake_task(&lake, two_columns(w, "f"));
	refused(w, run_scan(w, &lake.spec), LH_NULL_VALUE, "\"new\" is missing", "/f\"", NULL);
	lake.schema.defaults = defaults;
	lake.schema.ndefaults = 1;
	assert_string_equal(lake_rows(w, &lake.spec), "5 5 5");
}

static void
promotions(void **state)
{
	World *w = *state;
	LhType d52 = {.id = LH_T_DECIMAL, .lane = LH_LANE_I32, .precision = 5, .scale = 2};
	LhType d92 = {.id = LH_T_DECIMAL, .lane = LH_LANE_I32, .precision = 9, .scale = 2};
	LhType d93 = {.id = LH_T_DECIMAL, .lane = LH_LANE_I32, .precision = 9, .scale = 3};
	LhType zoned = lake_stamp, nothing = {.id = LH_T_NULL}, binary = {.id = LH_T_BINARY, .lane = LH_LANE_STR};
	LhType fixed = {.id = LH_T_FIXED, .lane = LH_LANE_FIX, .width = 16}, uuid = fixed;

	zoned.utc = true;
	uuid.id = LH_T_UUID;
	{
		const struct
		{
			LhType file, table;
			bool fits;
			LhTypeId as;
		} cases[] = {
			{lake_int, lake_long, true, LH_T_INT32},
			{lake_long, lake_int, false, 0},
			{lake_float, lake_double, true, LH_T_FLOAT},
			{lake_double, lake_float, false, 0},
			{lake_int, lake_double, false, 0},
			{d52, d92, true, LH_T_DECIMAL},
			{d92, d52, false, 0},
			{d92, d93, false, 0},
			{lake_date, lake_stamp, true, LH_T_DATE},
			{lake_date, zoned, false, 0},
			{lake_stamp, lake_date, false, 0},
			{lake_stamp, zoned, true, LH_T_TIMESTAMP},
			{lake_text, lake_long, false, 0},
			{lake_long, lake_text, false, 0},
			{binary, lake_text, true, LH_T_STRING},
			{fixed, uuid, true, LH_T_UUID},
			{nothing, lake_text, true, LH_T_NULL},
		};

		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		{
			LhFieldValues values = {0};
			LhProjection *p;
			bool fits;

			ok(w, lh_project_plan(w->ctx, &cases[i].file, NULL, &cases[i].table, &values, &p, &fits));
			if (fits != cases[i].fits)
				fail_msg("case %zu", i);
			if (fits)
				assert_int_equal(p != NULL ? lh_project_type(p)->id : cases[i].file.id, cases[i].as);
		}
	}
}

static void
promoted_columns_are_read_and_filtered(void **state)
{
	World *w = *state;
	Lake lake;
	LhField fields[] = {field("i", lake_int, 1), field("f", lake_float, 2), field("s", lake_text, 3)};
	LakeFile file = lake_file(w, "f", 3, fields, 4, 0, 0, mixed_value);
	LhPred *f[1];

	lake_init(w, &lake);
	lake_column(&lake, "i", lake_long, 1);
	lake_column(&lake, "f", lake_double, 2);
	lake_task(&lake, file);
	f[0] = cmp(w, 0, LH_LE, int_value(INT64_C(1) << 40));
	lake.spec.filters = f;
	lake.spec.nfilters = 1;
	assert_string_equal(lake_rows(w, &lake.spec), "0,0 1,0.5 2,1 3,1.5");
	lake.cols[0].type = lake.columns[0].type = lake_text;
	f[0] = cmp(w, 1, LH_LE, real(9));
	refused(w, run_scan(w, &lake.spec), LH_MISMATCH, "column \"i\"", "int32", "string");
}

static void
an_id_that_is_there_twice(void **state)
{
	World *w = *state;
	Lake lake;
	LhField fields[] = {field("a", lake_long, 1), field("b", lake_long, 1)};

	lake_init(w, &lake);
	lake_column(&lake, "a", lake_long, 1);
	lake_task(&lake, lake_file(w, "f", 2, fields, 3, 0, 0, plain_value));
	refused(w, run_scan(w, &lake.spec), LH_CORRUPT, "two columns with field id 1", "/f\"", NULL);
	/* nobody asks for it: it does not matter */
	lake.cols[0].field_id = 4;
	assert_string_equal(lake_rows(w, &lake.spec), "null null null");
}

/*
 * Files without ids
 */

static LakeFile
without_ids(World *w, const char *name)
{
	LhField fields[] = {field("a", lake_long, -1), field("b", lake_long, -1)};

	return lake_file(w, name, 2, fields, 3, 0, 0, plain_value);
}

static void
a_name_mapping_gives_ids(void **state)
{
	World *w = *state;
	Lake lake;
	const char *one[] = {"x", "b"}, *two[] = {"a"};
	LhNameMapping children[] = {{.field_id = 1, .nnames = 2, .names = one},
								{.field_id = 2, .nnames = 1, .names = two}};
	LhNameMapping mapping = {.field_id = -1, .nchildren = 2, .children = children};

	lake_init(w, &lake);
	lake_column(&lake, "first", lake_long, 1);
	lake_column(&lake, "second", lake_long, 2);
	lake_task(&lake, without_ids(w, "f"));
	lake.schema.mapping = &mapping;
	assert_string_equal(lake_rows(w, &lake.spec), "1,0 11,10 21,20");
	/* what the mapping does not name is not there */
	mapping.nchildren = 1;
	assert_string_equal(lake_rows(w, &lake.spec), "1,null 11,null 21,null");
	/* a file with ids needs none */
	lake.tasks[0].path = two_columns(w, "g").path;
	lake.tasks[0].version = 0;
	assert_string_equal(lake_rows(w, &lake.spec), "0,1 10,11 20,21");
}

/* As Iceberg's Java readers: columns of Parquet files have the ids 1, 2, ... */
static void
without_a_mapping_columns_go_by_their_place(void **state)
{
	World *w = *state;
	Lake lake;

	lake_init(w, &lake);
	lake_column(&lake, "a", lake_long, 2);
	lake_column(&lake, "b", lake_long, 1);
	lake_column(&lake, "c", lake_long, 3);
	lake_task(&lake, without_ids(w, "f"));
	assert_string_equal(lake_rows(w, &lake.spec), "1,0,null 11,10,null 21,20,null");
}

/*
 * Nested columns
 */

static LhType
struct_of(int n, const LhField *fields)
{
	return (LhType){.id = LH_T_STRUCT, .nfields = n, .fields = fields};
}

static LhType
list_of(const LhField *element)
{
	return (LhType){.id = LH_T_LIST, .nfields = 1, .fields = element};
}

static LhType
map_of(const LhField *fields)
{
	return (LhType){.id = LH_T_MAP, .nfields = 2, .fields = fields};
}

/* Any vector's row as text, by the names of its type. */
static void
format_any(World *w, const LhVec *v, int i, LhBuf *out)
{
	LhValue value;

	if (v->type.id == LH_T_NULL || lh_vec_is_null(v, i))
	{
		ok(w, lh_buf_append_str(w->ctx, out, "null"));
		return;
	}
	switch (v->type.id)
	{
		case LH_T_STRUCT:
			assert_int_equal(v->nchildren, v->type.nfields);
			ok(w, lh_buf_putc(w->ctx, out, '{'));
			for (int k = 0; k < v->nchildren; k++)
			{
				ok(w, lh_buf_printf(w->ctx, out, "%s%s=", k ? " " : "", v->type.fields[k].name));
				assert_true(lh_type_equal(&v->type.fields[k].type, &v->children[k].type));
				format_any(w, &v->children[k], i, out);
			}
			ok(w, lh_buf_putc(w->ctx, out, '}'));
			break;
		case LH_T_LIST:
		case LH_T_MAP:
			ok(w, lh_buf_putc(w->ctx, out, '['));
			for (uint32_t k = v->offsets[i]; k < v->offsets[i + 1]; k++)
			{
				if (k > v->offsets[i])
					ok(w, lh_buf_putc(w->ctx, out, ' '));
				format_any(w, &v->children[0], (int) k, out);
				if (v->type.id == LH_T_MAP)
				{
					ok(w, lh_buf_putc(w->ctx, out, ':'));
					format_any(w, &v->children[1], (int) k, out);
				}
			}
			ok(w, lh_buf_putc(w->ctx, out, ']'));
			break;
		default:
			value = lh_vec_value(v, i);
			if (v->type.lane == LH_LANE_STR)
				ok(w, lh_buf_append(w->ctx, out, value.str.ptr, value.str.len));
			else
				ok(w, lh_value_format(w->ctx, &value, out));
			break;
	}
}

/* Column 0 of all rows. */
static const char *
nested_rows(World *w, const LhScanSpec *spec)
{
	LhHostRequest *request;
	const LhBatch *batch;
	LhScan *scan;
	LhBuf out;

	ok(w, lh_buf_init(w->ctx, &out, false));
	ok(w, lh_scan_open(w->ctx, spec, &scan));
	for (;;)
	{
		ok(w, lh_scan_next(w->ctx, scan, &batch, &request));
		if (batch == NULL)
			break;
		for (int i = 0; i < batch->n; i++)
		{
			if (out.len > 0)
				ok(w, lh_buf_putc(w->ctx, &out, ';'));
			format_any(w, batch->vecs[0], i, &out);
		}
	}
	ok(w, lh_buf_append(w->ctx, &out, "", 1));
	return (const char *) out.data;
}

/* Children of the file's struct: x (11) int32 1 2 null, y (12) text "p" "q" "r"; row 2 of the struct itself is null. */
static void
file_struct(World *w, LhField *fields, LhVec *children, LhVec *out, uint64_t *valid)
{
	LhValue x[] = {num(1), num(2), null_value()}, y[] = {text_value("p"), text_value("q"), text_value("r")};

	fields[0] = field("x", lake_int, 11);
	fields[1] = field("y", lake_text, 12);
	lake_vec(w, lake_int, 3, x, &children[0]);
	lake_vec(w, lake_text, 3, y, &children[1]);
	*valid = 3;
	*out = (LhVec){.type = struct_of(2, fields), .kind = LH_VEC_FLAT, .n = 3, .valid = valid,
				   .nchildren = 2, .children = children};
}

static void
members_are_renamed_reordered_added_dropped_promoted(void **state)
{
	World *w = *state;
	Lake lake;
	LhField members[2], top[1], wanted[4];
	LhVec children[2], vec;
	const LhVec *vecs[] = {&vec};
	LhDefault defaults[] = {{14, num(140)}, {15, {.type = {.id = LH_T_STRUCT, .lane = LH_LANE_NONE}}}};
	static const int const_ids[] = {13, 14};
	LhValue consts[] = {num(77), num(78)};
	uint64_t valid;

	file_struct(w, members, children, &vec, &valid);
	top[0] = field("s", vec.type, 10);
	lake_init(w, &lake);
	lake_column(&lake, "s", vec.type, 10);
	lake_task(&lake, lake_file_of(w, "f", 1, top, 3, vecs));
	assert_string_equal(nested_rows(w, &lake.spec), "{x=1 y=p};{x=2 y=q};null");
	/* reordered, renamed, promoted */
	wanted[0] = field("why", lake_text, 12);
	wanted[1] = field("ex", lake_long, 11);
	lake.cols[0].type = struct_of(2, wanted);
	assert_string_equal(nested_rows(w, &lake.spec), "{why=p ex=1};{why=q ex=2};null");
	/* added, one with a default; one dropped; a struct added within */
	wanted[0] = field("y", lake_text, 12);
	wanted[1] = field("new", lake_long, 13);
	wanted[2] = field("defaulted", lake_long, 14);
	wanted[3] = field("within", struct_of(2, members), 15);
	lake.cols[0].type = struct_of(4, wanted);
	lake.schema.defaults = defaults;
	lake.schema.ndefaults = 1;
	assert_string_equal(nested_rows(w, &lake.spec),
						"{y=p new=null defaulted=140 within=null};{y=q new=null defaulted=140 within=null};null");
	/* the default of a struct is its members' own */
	lake.schema.ndefaults = 2;
	assert_string_equal(nested_rows(w, &lake.spec),
						"{y=p new=null defaulted=140 within={x=null y=null}};{y=q new=null defaulted=140 within={x=null y=null}};null");
	lake.schema.ndefaults = 1;
	/* values of partitions by members come before defaults */
	lake.tasks[0].nconsts = 2;
	lake.tasks[0].const_ids = const_ids;
	lake.tasks[0].const_values = consts;
	assert_string_equal(nested_rows(w, &lake.spec),
						"{y=p new=77 defaulted=78 within=null};{y=q new=77 defaulted=78 within=null};null");
	lake.tasks[0].nconsts = 0;
	/* dropped and added again under its name */
	wanted[0] = field("x", lake_int, 99);
	lake.cols[0].type = struct_of(1, wanted);
	assert_string_equal(nested_rows(w, &lake.spec), "{x=null};{x=null};null");
	/* a required member that is nowhere */
	wanted[0].required = true;
	refused(w, run_scan(w, &lake.spec), LH_NULL_VALUE, "column \"s\"", "field \"x\" (id 99) is required", "/f\"");
	/* a type that does not fit, deep down */
	wanted[0] = field("x", lake_text, 11);
	refused(w, run_scan(w, &lake.spec), LH_MISMATCH, "column \"s\"", NULL, NULL);
}

static void
a_member_is_a_column_by_its_id(void **state)
{
	World *w = *state;
	Lake lake;
	LhField members[2], top[1];
	LhVec children[2], vec;
	const LhVec *vecs[] = {&vec};
	LhPred *f[1];
	uint64_t valid;

	file_struct(w, members, children, &vec, &valid);
	top[0] = field("s", vec.type, 10);
	lake_init(w, &lake);
	lake_column(&lake, "s", vec.type, 10);
	lake_task(&lake, lake_file_of(w, "f", 1, top, 3, vecs));
	lake.cols[0] = (LhScanColumn){.name = "s.y", .type = lake_text, .field_id = 12};
	assert_string_equal(lake_rows(w, &lake.spec), "p q null");
	f[0] = cmp(w, 0, LH_EQ, text_value("q"));
	lake.spec.filters = f;
	lake.spec.nfilters = 1;
	assert_string_equal(lake_rows(w, &lake.spec), "q");
}

static void
structs_in_lists_and_maps(void **state)
{
	World *w = *state;
	Lake lake;
	LhField members[2], element, pair[2], top[2], wanted[2], want_element, want_pair[2];
	LhVec children[2], inner, list, map, map_children[2];
	const LhVec *vecs[] = {&list, &map};
	uint32_t offsets[] = {0, 2, 2, 3};
	LhValue keys[] = {text_value("k1"), text_value("k2"), text_value("k3")};
	uint64_t valid;

	file_struct(w, members, children, &inner, &valid);
	element = field("element", inner.type, 20);
	list = (LhVec){.type = list_of(&element), .kind = LH_VEC_FLAT, .n = 3, .offsets = offsets, .nchildren = 1, .children = &inner};
	pair[0] = field("key", lake_text, 31);
	pair[0].required = true;
	pair[1] = field("value", inner.type, 32);
	lake_vec(w, lake_text, 3, keys, &map_children[0]);
	map_children[1] = inner;
	map = (LhVec){.type = map_of(pair), .kind = LH_VEC_FLAT, .n = 3, .offsets = offsets, .nchildren = 2, .children = map_children};
	top[0] = field("l", list.type, 2);
	top[1] = field("m", map.type, 3);
	wanted[0] = field("z", lake_long, 77);
	wanted[1] = field("x", lake_long, 11);
	want_element = field("element", struct_of(2, wanted), 20);
	lake_init(w, &lake);
	lake_column(&lake, "l", list_of(&want_element), 2);
	lake_task(&lake, lake_file_of(w, "f", 2, top, 3, vecs));
	assert_string_equal(nested_rows(w, &lake.spec), "[{z=null x=1} {z=null x=2}];[];[null]");
	want_pair[0] = pair[0];
	want_pair[1] = field("value", struct_of(2, wanted), 32);
	lake.cols[0].type = lake.columns[0].type = map_of(want_pair);
	lake.cols[0].field_id = lake.columns[0].field_id = 3;
	assert_string_equal(nested_rows(w, &lake.spec), "[k1:{z=null x=1} k2:{z=null x=2}];[];[k3:null]");
}

static void
names_of_the_mapping_reach_into_nested_columns(void **state)
{
	World *w = *state;
	Lake lake;
	LhField members[2], top[1], wanted[2];
	LhVec children[2], vec;
	const LhVec *vecs[] = {&vec};
	const char *s[] = {"s"}, *x[] = {"x"}, *y[] = {"was_y", "y"};
	LhNameMapping below[] = {{.field_id = 11, .nnames = 1, .names = x}, {.field_id = 12, .nnames = 2, .names = y}};
	LhNameMapping children_of[] = {{.field_id = 10, .nnames = 1, .names = s, .nchildren = 2, .children = below}};
	LhNameMapping mapping = {.field_id = -1, .nchildren = 1, .children = children_of};
	uint64_t valid;

	file_struct(w, members, children, &vec, &valid);
	members[0].field_id = members[1].field_id = -1;
	top[0] = field("s", vec.type, -1);
	wanted[0] = field("Y", lake_text, 12);
	wanted[1] = field("X", lake_int, 11);
	lake_init(w, &lake);
	lake_column(&lake, "s", struct_of(2, wanted), 10);
	lake_task(&lake, lake_file_of(w, "f", 1, top, 3, vecs));
	lake.schema.mapping = &mapping;
	assert_string_equal(nested_rows(w, &lake.spec), "{Y=p X=1};{Y=q X=2};null");
	lake.cols[0] = (LhScanColumn){.name = "s.Y", .type = lake_text, .field_id = 12};
	assert_string_equal(lake_rows(w, &lake.spec), "p q null");
}

/* Hive's migration numbers fields depth first, its tables do not: such a mapping is nobody's. */
static void
a_mapping_with_other_ids_than_the_schema_is_not_used(void **state)
{
	World *w = *state;
	Lake lake;
	LhField members[2], top[1], wanted[2];
	LhVec children[2], vec;
	const LhVec *vecs[] = {&vec};
	const char *s[] = {"s"}, *x[] = {"x"}, *y[] = {"y"};
	/* table: s 1, n 2, s.x 3, s.y 4 */
	LhNameMapping below[] = {{.field_id = 2, .nnames = 1, .names = x}, {.field_id = 5, .nnames = 1, .names = y}};
	LhNameMapping children_of[] = {{.field_id = 1, .nnames = 1, .names = s, .nchildren = 2, .children = below}};
	LhNameMapping mapping = {.field_id = -1, .nchildren = 1, .children = children_of};
	uint64_t valid;

	file_struct(w, members, children, &vec, &valid);
	members[0].field_id = members[1].field_id = -1;
	top[0] = field("s", vec.type, -1);
	wanted[0] = field("x", lake_int, 3);
	wanted[1] = field("y", lake_text, 4);
	lake_init(w, &lake);
	lake_column(&lake, "s", struct_of(2, wanted), 1);
	lake_task(&lake, lake_file_of(w, "f", 1, top, 3, vecs));
	/* of a field that the schema has no more the mapping may say anything */
	lake.schema.mapping = &mapping;
	assert_string_equal(nested_rows(w, &lake.spec), "{x=null y=null};{x=null y=null};null");
	lake_column(&lake, "n", lake_long, 2);
	lake.spec.ncols = 1;
	assert_string_equal(nested_rows(w, &lake.spec), "{x=1 y=p};{x=2 y=q};null");
}

/* Elements have other names in files of Hive, Avro and old writers. */
static void
elements_keys_and_values_go_by_what_they_are(void **state)
{
	World *w = *state;
	Lake lake;
	LhField members[2], element, top[1], wanted[2], want_element;
	LhVec children[2], inner, list;
	const LhVec *vecs[] = {&list};
	uint32_t offsets[] = {0, 2, 2, 3};
	const char *l[] = {"l"}, *e[] = {"element"}, *x[] = {"x"}, *y[] = {"y"};
	LhNameMapping below[] = {{.field_id = 11, .nnames = 1, .names = x}, {.field_id = 12, .nnames = 1, .names = y}};
	LhNameMapping elements[] = {{.field_id = 20, .nnames = 1, .names = e, .nchildren = 2, .children = below}};
	LhNameMapping children_of[] = {{.field_id = 10, .nnames = 1, .names = l, .nchildren = 1, .children = elements}};
	LhNameMapping mapping = {.field_id = -1, .nchildren = 1, .children = children_of};
	uint64_t valid;

	file_struct(w, members, children, &inner, &valid);
	members[0].field_id = members[1].field_id = -1;
	element = field("array_element", inner.type, -1);
	list = (LhVec){.type = list_of(&element), .kind = LH_VEC_FLAT, .n = 3, .offsets = offsets, .nchildren = 1, .children = &inner};
	top[0] = field("l", list.type, -1);
	wanted[0] = field("y", lake_text, 12);
	wanted[1] = field("x", lake_int, 11);
	want_element = field("element", struct_of(2, wanted), 20);
	lake_init(w, &lake);
	lake_column(&lake, "l", list_of(&want_element), 10);
	lake_task(&lake, lake_file_of(w, "f", 1, top, 3, vecs));
	lake.schema.mapping = &mapping;
	assert_string_equal(nested_rows(w, &lake.spec), "[{y=p x=1} {y=q x=2}];[];[null]");
}

/*
 * Metadata columns
 */

static LhValue
lineage_value(World *w, int64_t row, int col)
{
	return col == 0 ? num(row) : row == 1 ? num(col == 1 ? 555 : 66) : null_value();
}

static void
metadata_columns(void **state)
{
	World *w = *state;
	Lake lake;
	LhFileTask *task;
	LhField stored[] = {field("a", lake_long, 1), field("_row_id", lake_long, LH_ID_ROW_ID),
						field("_seq", lake_long, LH_ID_ROW_SEQUENCE)};
	LhPred *f[1];

	lake_init(w, &lake);
	lake_column(&lake, "a", lake_long, 1);
	lake_meta(&lake, LH_SRC_POSITION, lake_long);
	lake_meta(&lake, LH_SRC_SPEC_ID, lake_int);
	lake_meta(&lake, LH_SRC_PARTITION_TUPLE, lake_text);
	lake_meta(&lake, LH_SRC_ROW_ID, lake_long);
	lake_meta(&lake, LH_SRC_ROW_SEQUENCE, lake_long);
	task = lake_task(&lake, two_columns(w, "f"));
	task->spec_id = 4;
	/* a file of before row ids: null, whatever its sequence number */
	task->sequence = 9;
	assert_string_equal(lake_rows(w, &lake.spec), "0,0,4,null,null,null 10,1,4,null,null,null 20,2,4,null,null,null");
	task->partition = "{\"p\": 1}";
	task->has_row_ids = true;
	task->first_row_id = 1000;
	assert_string_equal(lake_rows(w, &lake.spec),
						"0,0,4,{\"p\": 1},1000,9 10,1,4,{\"p\": 1},1001,9 20,2,4,{\"p\": 1},1002,9");
	f[0] = cmp(w, 4, LH_EQ, int_value(1001));
	lake.spec.filters = f;
	lake.spec.nfilters = 1;
	assert_string_equal(lake_rows(w, &lake.spec), "10,1,4,{\"p\": 1},1001,9");
	f[0] = cmp(w, 1, LH_GE, int_value(2));
	assert_string_equal(lake_rows(w, &lake.spec), "20,2,4,{\"p\": 1},1002,9");
	/* positions prune */
	f[0] = cmp(w, 1, LH_GE, int_value(3));
	reset_counters(w);
	assert_string_equal(lake_rows(w, &lake.spec), "");
	assert_int_equal(counter(w, LH_CTR_ROW_GROUPS_PRUNED_STATS), 1);
	/* spec ids prune files */
	f[0] = cmp(w, 2, LH_EQ, int_value(5));
	reset_counters(w);
	assert_string_equal(lake_rows(w, &lake.spec), "");
	assert_int_equal(counter(w, LH_CTR_FILES_PRUNED_PARTITION), 1);
	/* stored ones, where they are not null */
	task->path = lake_file(w, "g", 3, stored, 3, 0, 0, lineage_value).path;
	task->version = 0;
	lake.spec.nfilters = 0;
	assert_string_equal(lake_rows(w, &lake.spec),
						"0,0,4,{\"p\": 1},1000,9 1,1,4,{\"p\": 1},555,66 2,2,4,{\"p\": 1},1002,9");
	task->has_row_ids = false;
	assert_string_equal(lake_rows(w, &lake.spec),
						"0,0,4,{\"p\": 1},null,null 1,1,4,{\"p\": 1},555,66 2,2,4,{\"p\": 1},null,null");
	f[0] = cmp(w, 4, LH_EQ, int_value(555));
	lake.spec.nfilters = 1;
	assert_string_equal(lake_rows(w, &lake.spec), "1,1,4,{\"p\": 1},555,66");
}

static void
columns_of_changes(void **state)
{
	World *w = *state;
	Lake lake;
	LhFileTask *task;

	lake_init(w, &lake);
	lake_column(&lake, "a", lake_long, 1);
	lake_meta(&lake, LH_SRC_CHANGE_TYPE, lake_text);
	lake_meta(&lake, LH_SRC_CHANGE_ORDINAL, lake_int);
	lake_meta(&lake, LH_SRC_CHANGE_SNAPSHOT, lake_long);
	lake_task(&lake, two_columns(w, "f"));
	task = lake_task(&lake, two_columns(w, "g"));
	task->change_delete = true;
	task->change_ordinal = 1;
	task->change_snapshot = INT64_MAX;
	assert_string_equal(lake_rows(w, &lake.spec),
						"0,INSERT,0,0 10,INSERT,0,0 20,INSERT,0,0 0,DELETE,1,9223372036854775807 "
						"10,DELETE,1,9223372036854775807 20,DELETE,1,9223372036854775807");
}

/* Removal proof: the filter is false for every row, so a bit that is heeded shows. */
static void
satisfied_filters_are_not_evaluated(void **state)
{
	World *w = *state;
	Lake lake;
	LhPred *f[70];
	LhScan *scan;
	LhHostRequest *request;
	const LhBatch *batch;

	lake_init(w, &lake);
	lake_column(&lake, "a", lake_long, 1);
	lake_task(&lake, two_columns(w, "f"))->satisfied = 2;
	f[0] = cmp(w, 0, LH_GE, int_value(10));
	f[1] = cmp(w, 0, LH_GE, int_value(1000));
	lake.spec.filters = f;
	lake.spec.nfilters = 2;
	assert_string_equal(lake_rows(w, &lake.spec), "");
	lake.spec.tasks_filters = 2;
	assert_string_equal(lake_rows(w, &lake.spec), "10 20");
	/* bits belong to the filters of the list, not to those of a rewind */
	ok(w, lh_scan_open(w->ctx, &lake.spec, &scan));
	ok(w, lh_scan_rewind(w->ctx, scan, 2, f));
	ok(w, lh_scan_next(w->ctx, scan, &batch, &request));
	assert_null(batch);
	/* filters beyond the last bit have none */
	for (int i = 0; i < 70; i++)
		f[i] = cmp(w, 0, LH_GE, int_value(i == 65 ? 20 : 0));
	lake.spec.nfilters = lake.spec.tasks_filters = 70;
	assert_string_equal(lake_rows(w, &lake.spec), "20");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ids_find_columns_whatever_their_names),
		TEST(what_a_file_lacks_is_const_then_default_then_null),
		TEST(filters_see_constants_and_defaults),
		TEST(required_columns_must_be_somewhere),
		TEST(promotions),
		TEST(promoted_columns_are_read_and_filtered),
		TEST(an_id_that_is_there_twice),
		TEST(a_name_mapping_gives_ids),
		TEST(without_a_mapping_columns_go_by_their_place),
		TEST(members_are_renamed_reordered_added_dropped_promoted),
		TEST(a_member_is_a_column_by_its_id),
		TEST(structs_in_lists_and_maps),
		TEST(names_of_the_mapping_reach_into_nested_columns),
		TEST(a_mapping_with_other_ids_than_the_schema_is_not_used),
		TEST(elements_keys_and_values_go_by_what_they_are),
		TEST(metadata_columns),
		TEST(columns_of_changes),
		TEST(satisfied_filters_are_not_evaluated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
