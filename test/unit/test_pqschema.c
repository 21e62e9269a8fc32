/*
 * test_pqschema.c
 *		Schemas: trees, levels, logical types, and lists and maps in every historical shape.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>

#include "parquet/meta.h"
#include "unit/pq_write.h"

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

/* A footer with this schema and no rows. */
static LhStatus
parse(const PqEl *els, int n, LhPqMeta **meta)
{
	PqFooter f = {.els = els, .nels = n};
	Tw w = {0};
	LhStatus status;

	pq_write_footer(&w, &f);
	status = lh_pq_meta_parse(ctx, w.p, w.len, 1000000, meta);
	tw_free(&w);
	return status;
}

#define PARSE(els, meta)                                                           \
	do                                                                             \
	{                                                                              \
		if (parse((els), (int) (sizeof(els) / sizeof((els)[0])), (meta)) != LH_OK) \
			fail_msg("%s", ctx->error->message);                                   \
	} while (0)

/* Type of the whole schema as text. */
static const char *
type_text(const LhPqMeta *meta)
{
	LhBuf buf;

	assert_int_equal(lh_buf_init(ctx, &buf, false), LH_OK);
	assert_int_equal(lh_type_format(ctx, &meta->nodes[0].type, &buf), LH_OK);
	assert_int_equal(lh_buf_putc(ctx, &buf, '\0'), LH_OK);
	return (const char *) buf.data;
}

#define ASSERT_SCHEMA(els, text)                  \
	do                                            \
	{                                             \
		LhPqMeta *m_;                             \
		PARSE(els, &m_);                          \
		assert_string_equal(type_text(m_), text); \
	} while (0)

#define ASSERT_REFUSED(els, code, part)                                                    \
	do                                                                                     \
	{                                                                                      \
		LhPqMeta *m_;                                                                      \
		assert_int_equal(parse((els), (int) (sizeof(els) / sizeof((els)[0])), &m_), code); \
		if (strstr(ctx->error->message, part) == NULL)                                     \
			fail_msg("no \"%s\" in: %s", part, ctx->error->message);                       \
	} while (0)

static void
levels_and_leaves_are_counted_from_the_root(void **state)
{
	const PqEl els[] = {PQ_ROOT(2),
						PQ_LEAF("a", PQ_REQ, 1),
						PQ_GROUP_("b", PQ_OPT, 2),
						PQ_LEAF("c", PQ_OPT, 2),
						PQ_GROUP_("d", PQ_REP, 1),
						PQ_LEAF("e", PQ_OPT, 5)};
	LhPqMeta *m;

	(void) state;
	PARSE(els, &m);
	assert_int_equal(m->nnodes, 6);
	assert_int_equal(m->nleaves, 3);
	assert_int_equal(m->leaf_nodes[0], 1);
	assert_int_equal(m->leaf_nodes[1], 3);
	assert_int_equal(m->leaf_nodes[2], 5);
	assert_int_equal(m->nodes[1].max_def, 0);
	assert_int_equal(m->nodes[3].max_def, 2);
	assert_int_equal(m->nodes[3].max_rep, 0);
	assert_int_equal(m->nodes[4].max_def, 2);
	assert_int_equal(m->nodes[4].max_rep, 1);
	assert_int_equal(m->nodes[5].max_def, 3);
	assert_int_equal(m->nodes[5].max_rep, 1);
	assert_int_equal(m->nodes[5].parent, 4);
	assert_int_equal(m->nodes[0].first_child, 1);
	assert_int_equal(m->nodes[1].next, 2);
	assert_int_equal(m->nodes[2].next, -1);
	assert_int_equal(m->nodes[3].next, 4);
	assert_int_equal(m->nodes[2].leaf, -1);
	assert_int_equal(m->nodes[5].leaf, 2);
}

static void
a_schema_without_columns_is_one(void **state)
{
	const PqEl els[] = {PQ_ROOT(0)};

	(void) state;
	ASSERT_SCHEMA(els, "struct<>");
}

static void
the_roots_repetition_means_nothing(void **state)
{
	const PqEl els[] = {{"schema", PQ_REP, -1, 1, -1}, PQ_LEAF("a", PQ_OPT, 1)};
	LhPqMeta *m;

	(void) state;
	PARSE(els, &m);
	assert_int_equal(m->nodes[1].max_rep, 0);
	assert_string_equal(type_text(m), "struct<a: int32>");
}

/* Lists: the rules of LogicalTypes.md, in its order. */

static void
list_of_three_levels(void **state)
{
	const PqEl els[] = {PQ_ROOT(1), PQ_GROUP_AS("l", PQ_OPT, 1, LH_PQ_CONV_LIST),
						PQ_GROUP_("list", PQ_REP, 1), PQ_LEAF("element", PQ_OPT, 1)};
	LhPqMeta *m;

	(void) state;
	PARSE(els, &m);
	assert_string_equal(type_text(m), "struct<l: list<int32>>");
	assert_int_equal(m->nodes[1].repeated, 2);
	assert_int_equal(m->nodes[1].element, 3);
	assert_false(m->nodes[1].type.fields[0].required);
	assert_string_equal(m->nodes[1].type.fields[0].name, "element");
	/* inside its list the repeated group is no list of its own */
	assert_int_equal(m->nodes[2].type.id, LH_T_STRUCT);
	assert_int_equal(m->nodes[2].repeated, -1);
}

static void
list_by_logical_type_alone(void **state)
{
	const PqEl els[] = {PQ_ROOT(1),
						{"l", PQ_OPT, -1, 1, -1, .logical = LH_PQ_LOGICAL_LIST},
						PQ_GROUP_("bag", PQ_REP, 1),
						PQ_LEAF("array_element", PQ_REQ, 2)};

	(void) state;
	ASSERT_SCHEMA(els, "struct<l: list<int64>>");
}

static void
list_of_a_repeated_primitive(void **state)
{
	const PqEl els[] = {PQ_ROOT(1), PQ_GROUP_AS("l", PQ_OPT, 1, LH_PQ_CONV_LIST),
						PQ_LEAF("array", PQ_REP, 1)};
	LhPqMeta *m;

	(void) state;
	PARSE(els, &m);
	assert_string_equal(type_text(m), "struct<l: list<int32>>");
	assert_int_equal(m->nodes[1].element, 2);
	assert_int_equal(m->nodes[1].repeated, 2);
	assert_true(m->nodes[1].type.fields[0].required);
	assert_int_equal(m->nodes[2].type.id, LH_T_INT32);
	assert_int_equal(lh_pq_value_type(&m->nodes[2])->id, LH_T_INT32);
}

static void
list_of_a_repeated_group_with_several_fields(void **state)
{
	const PqEl els[] = {PQ_ROOT(1), PQ_GROUP_AS("l", PQ_OPT, 1, LH_PQ_CONV_LIST),
						PQ_GROUP_("element", PQ_REP, 2), PQ_LEAF("a", PQ_REQ, 1),
						PQ_LEAF("b", PQ_OPT, 2)};

	(void) state;
	ASSERT_SCHEMA(els, "struct<l: list<struct<a: int32, b: int64>>>");
}

static void
list_of_a_repeated_group_called_array(void **state)
{
	const PqEl els[] = {PQ_ROOT(1), PQ_GROUP_AS("l", PQ_OPT, 1, LH_PQ_CONV_LIST),
						PQ_GROUP_("array", PQ_REP, 1), PQ_LEAF("a", PQ_REQ, 1)};

	(void) state;
	ASSERT_SCHEMA(els, "struct<l: list<struct<a: int32>>>");
}

static void
list_of_a_repeated_group_called_tuple(void **state)
{
	const PqEl els[] = {PQ_ROOT(1), PQ_GROUP_AS("l", PQ_OPT, 1, LH_PQ_CONV_LIST),
						PQ_GROUP_("l_tuple", PQ_REP, 1), PQ_LEAF("a", PQ_REQ, 1)};
	const PqEl other[] = {PQ_ROOT(1), PQ_GROUP_AS("l", PQ_OPT, 1, LH_PQ_CONV_LIST),
						  PQ_GROUP_("tuples", PQ_REP, 1), PQ_LEAF("a", PQ_REQ, 1)};

	(void) state;
	ASSERT_SCHEMA(els, "struct<l: list<struct<a: int32>>>");
	ASSERT_SCHEMA(other, "struct<l: list<int32>>");
}

static void
list_of_a_repeated_group_with_one_repeated_field(void **state)
{
	const PqEl els[] = {PQ_ROOT(1), PQ_GROUP_AS("l", PQ_OPT, 1, LH_PQ_CONV_LIST),
						PQ_GROUP_("list", PQ_REP, 1), PQ_LEAF("a", PQ_REP, 1)};

	(void) state;
	ASSERT_SCHEMA(els, "struct<l: list<struct<a: list<int32>>>>");
}

static void
list_of_two_level_lists(void **state)
{
	const PqEl els[] = {PQ_ROOT(1), PQ_GROUP_AS("a", PQ_REQ, 1, LH_PQ_CONV_LIST),
						PQ_GROUP_AS("array", PQ_REP, 1, LH_PQ_CONV_LIST),
						PQ_LEAF("array", PQ_REP, 1)};
	LhPqMeta *m;

	(void) state;
	PARSE(els, &m);
	assert_string_equal(type_text(m), "struct<a: list<list<int32>>>");
	assert_int_equal(m->nodes[1].element, 2);
	assert_int_equal(m->nodes[1].repeated, 2);
	assert_int_equal(m->nodes[2].element, 3);
	assert_int_equal(m->nodes[2].repeated, 3);
}

static void
list_of_a_repeated_map(void **state)
{
	const PqEl els[] = {PQ_ROOT(1),
						PQ_GROUP_AS("a", PQ_REQ, 1, LH_PQ_CONV_LIST),
						PQ_GROUP_AS("element", PQ_REP, 1, LH_PQ_CONV_MAP),
						PQ_GROUP_("key_value", PQ_REP, 2),
						PQ_LEAF("key", PQ_REQ, 1),
						PQ_LEAF("value", PQ_OPT, 2)};

	(void) state;
	ASSERT_SCHEMA(els, "struct<a: list<map<int32, int64>>>");
}

static void
a_list_whose_shape_is_wrong_is_a_struct(void **state)
{
	const PqEl not_repeated[] = {PQ_ROOT(1), PQ_GROUP_AS("l", PQ_OPT, 1, LH_PQ_CONV_LIST),
								 PQ_GROUP_("list", PQ_OPT, 1), PQ_LEAF("element", PQ_OPT, 1)};
	const PqEl two_children[] = {PQ_ROOT(1), PQ_GROUP_AS("l", PQ_OPT, 2, LH_PQ_CONV_LIST),
								 PQ_LEAF("a", PQ_REP, 1), PQ_LEAF("b", PQ_OPT, 1)};

	(void) state;
	ASSERT_SCHEMA(not_repeated, "struct<l: struct<list: struct<element: int32>>>");
	ASSERT_SCHEMA(two_children, "struct<l: struct<a: list<int32>, b: int32>>");
}

static void
a_repeated_node_alone_is_a_list(void **state)
{
	const PqEl els[] = {PQ_ROOT(2), PQ_LEAF_AS("s", PQ_REP, 6, LH_PQ_CONV_UTF8),
						PQ_GROUP_("g", PQ_REP, 2), PQ_LEAF("a", PQ_REQ, 1),
						PQ_LEAF("b", PQ_REP, 2)};
	LhPqMeta *m;

	(void) state;
	PARSE(els, &m);
	assert_string_equal(type_text(m),
						"struct<s: list<string>, g: list<struct<a: int32, b: list<int64>>>>");
	assert_int_equal(m->nodes[1].element, 1);
	assert_int_equal(m->nodes[1].repeated, 1);
	assert_int_equal(lh_pq_value_type(&m->nodes[1])->id, LH_T_STRING);
	assert_true(m->nodes[1].type.fields[0].required);
	assert_true(m->nodes[0].type.fields[0].required);
	assert_int_equal(lh_pq_value_type(&m->nodes[2])->id, LH_T_STRUCT);
	assert_int_equal(m->nodes[4].max_rep, 2);
}

static void
a_repeated_list_outside_lists_is_a_list_of_structs(void **state)
{
	const PqEl els[] = {PQ_ROOT(1), PQ_GROUP_AS("l", PQ_REP, 1, LH_PQ_CONV_LIST),
						PQ_LEAF("x", PQ_REP, 1)};

	(void) state;
	ASSERT_SCHEMA(els, "struct<l: list<struct<x: list<int32>>>>");
}

/* Maps */

static void
map_with_key_and_value(void **state)
{
	const PqEl els[] = {PQ_ROOT(1), PQ_GROUP_AS("m", PQ_OPT, 1, LH_PQ_CONV_MAP),
						PQ_GROUP_("key_value", PQ_REP, 2), PQ_LEAF("k", PQ_REQ, 6),
						PQ_LEAF("v", PQ_OPT, 1)};
	LhPqMeta *m;

	(void) state;
	PARSE(els, &m);
	assert_string_equal(type_text(m), "struct<m: map<binary, int32>>");
	assert_int_equal(m->nodes[1].repeated, 2);
	assert_int_equal(m->nodes[1].element, 3);
	assert_int_equal(m->nodes[1].value, 4);
	assert_true(m->nodes[1].type.fields[0].required);
	assert_false(m->nodes[1].type.fields[1].required);
	assert_int_equal(m->nodes[2].type.id, LH_T_STRUCT);
}

static void
map_key_value_marks_inner_or_outer_group(void **state)
{
	const PqEl inner[] = {PQ_ROOT(1), PQ_GROUP_AS("m", PQ_OPT, 1, LH_PQ_CONV_MAP),
						  PQ_GROUP_AS("map", PQ_REP, 2, LH_PQ_CONV_MAP_KEY_VALUE),
						  PQ_LEAF("key", PQ_REQ, 1), PQ_LEAF("value", PQ_OPT, 1)};
	const PqEl outer[] = {PQ_ROOT(1), PQ_GROUP_AS("m", PQ_OPT, 1, LH_PQ_CONV_MAP_KEY_VALUE),
						  PQ_GROUP_("map", PQ_REP, 2), PQ_LEAF("key", PQ_REQ, 1),
						  PQ_LEAF("value", PQ_OPT, 1)};

	(void) state;
	ASSERT_SCHEMA(inner, "struct<m: map<int32, int32>>");
	ASSERT_SCHEMA(outer, "struct<m: map<int32, int32>>");
}

static void
map_without_value_is_a_list_of_keys(void **state)
{
	const PqEl els[] = {PQ_ROOT(1), PQ_GROUP_AS("m", PQ_OPT, 1, LH_PQ_CONV_MAP),
						PQ_GROUP_("array", PQ_REP, 1), PQ_LEAF("key", PQ_REQ, 1)};
	LhPqMeta *m;

	(void) state;
	PARSE(els, &m);
	assert_string_equal(type_text(m), "struct<m: list<int32>>");
	assert_int_equal(m->nodes[1].element, 3);
	assert_int_equal(m->nodes[1].repeated, 2);
	assert_int_equal(m->nodes[1].value, -1);
}

static void
map_with_optional_key_is_read(void **state)
{
	const PqEl els[] = {PQ_ROOT(1), PQ_GROUP_AS("m", PQ_OPT, 1, LH_PQ_CONV_MAP),
						PQ_GROUP_AS("key_value", PQ_REP, 2, LH_PQ_CONV_MAP_KEY_VALUE),
						PQ_LEAF("key", PQ_OPT, 1), PQ_LEAF("value", PQ_OPT, 1)};
	LhPqMeta *m;

	(void) state;
	PARSE(els, &m);
	assert_string_equal(type_text(m), "struct<m: map<int32, int32>>");
	assert_false(m->nodes[1].type.fields[0].required);
}

static void
map_of_maps_and_lists(void **state)
{
	const PqEl els[] = {PQ_ROOT(1),
						PQ_GROUP_AS("m", PQ_OPT, 1, LH_PQ_CONV_MAP),
						PQ_GROUP_("key_value", PQ_REP, 2),
						PQ_LEAF("key", PQ_REQ, 1),
						PQ_GROUP_AS("value", PQ_OPT, 1, LH_PQ_CONV_MAP),
						PQ_GROUP_("key_value", PQ_REP, 2),
						PQ_LEAF("key", PQ_REQ, 1),
						PQ_GROUP_AS("value", PQ_OPT, 1, LH_PQ_CONV_LIST),
						PQ_GROUP_("list", PQ_REP, 1),
						PQ_LEAF("element", PQ_OPT, 0)};

	(void) state;
	ASSERT_SCHEMA(els, "struct<m: map<int32, map<int32, list<bool>>>>");
}

static void
a_map_whose_shape_is_wrong_is_a_struct(void **state)
{
	const PqEl three[] = {PQ_ROOT(1),
						  PQ_GROUP_AS("m", PQ_OPT, 1, LH_PQ_CONV_MAP),
						  PQ_GROUP_("kv", PQ_REP, 3),
						  PQ_LEAF("a", PQ_REQ, 1),
						  PQ_LEAF("b", PQ_REQ, 1),
						  PQ_LEAF("c", PQ_REQ, 1)};
	const PqEl leaf[] = {PQ_ROOT(1), PQ_GROUP_AS("m", PQ_OPT, 1, LH_PQ_CONV_MAP),
						 PQ_LEAF("kv", PQ_REP, 1)};
	const PqEl repeated_key[] = {PQ_ROOT(1), PQ_GROUP_AS("m", PQ_OPT, 1, LH_PQ_CONV_MAP),
								 PQ_GROUP_("kv", PQ_REP, 2), PQ_LEAF("k", PQ_REP, 1),
								 PQ_LEAF("v", PQ_OPT, 1)};

	(void) state;
	ASSERT_SCHEMA(three, "struct<m: struct<kv: list<struct<a: int32, b: int32, c: int32>>>>");
	ASSERT_SCHEMA(leaf, "struct<m: struct<kv: list<int32>>>");
	ASSERT_SCHEMA(repeated_key, "struct<m: struct<kv: list<struct<k: list<int32>, v: int32>>>>");
}

static void
variant_keeps_its_children(void **state)
{
	const PqEl els[] = {PQ_ROOT(1),
						{"v", PQ_OPT, -1, 2, -1, .logical = LH_PQ_LOGICAL_VARIANT},
						PQ_LEAF("metadata", PQ_REQ, 6),
						PQ_LEAF("value", PQ_OPT, 6)};
	LhPqMeta *m;

	(void) state;
	PARSE(els, &m);
	assert_int_equal(m->nodes[1].type.id, LH_T_VARIANT);
	assert_int_equal(m->nodes[1].type.nfields, 2);
	assert_string_equal(m->nodes[1].type.fields[1].name, "value");
	assert_string_equal(m->nodes[1].logical, "VARIANT(1)");
}

/* Types of leaves: element and its type as text. */
typedef struct LeafCase
{
	PqEl el;
	const char *text;
	bool unsigned_order;
} LeafCase;

static void
check_leaves(const LeafCase *cases, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		PqEl els[] = {PQ_ROOT(1), cases[i].el};
		LhPqMeta *m;
		char want[128];

		PARSE(els, &m);
		snprintf(want, sizeof(want), "struct<%s: %s>", cases[i].el.name, cases[i].text);
		assert_string_equal(type_text(m), want);
		assert_int_equal(m->nodes[1].unsigned_order, cases[i].unsigned_order);
	}
}

static void
physical_types_alone(void **state)
{
	const LeafCase cases[] = {
		{PQ_LEAF("c", 1, 0), "bool", false},  {PQ_LEAF("c", 1, 1), "int32", false},
		{PQ_LEAF("c", 1, 2), "int64", false}, {PQ_LEAF("c", 1, 3), "timestamp(us, int96)", false},
		{PQ_LEAF("c", 1, 4), "float", false}, {PQ_LEAF("c", 1, 5), "double", false},
		{PQ_LEAF("c", 1, 6), "binary", true}, {{"c", 1, 7, -1, -1, .length = 5}, "fixed(5)", true}};

	(void) state;
	check_leaves(cases, sizeof(cases) / sizeof(cases[0]));
}

static void
converted_types(void **state)
{
	const LeafCase cases[] = {
		{PQ_LEAF_AS("c", 1, 6, LH_PQ_CONV_UTF8), "string", true},
		{PQ_LEAF_AS("c", 1, 6, LH_PQ_CONV_ENUM), "enum", true},
		{PQ_LEAF_AS("c", 1, 6, LH_PQ_CONV_JSON), "json", true},
		{PQ_LEAF_AS("c", 1, 6, LH_PQ_CONV_BSON), "bson", true},
		{PQ_LEAF_AS("c", 1, 1, LH_PQ_CONV_DATE), "date", false},
		{PQ_LEAF_AS("c", 1, 1, LH_PQ_CONV_TIME_MILLIS), "time(ms, utc)", false},
		{PQ_LEAF_AS("c", 1, 2, LH_PQ_CONV_TIME_MICROS), "time(us, utc)", false},
		{PQ_LEAF_AS("c", 1, 2, LH_PQ_CONV_TIMESTAMP_MILLIS), "timestamp(ms, utc)", false},
		{PQ_LEAF_AS("c", 1, 2, LH_PQ_CONV_TIMESTAMP_MICROS), "timestamp(us, utc)", false},
		{PQ_LEAF_AS("c", 1, 1, LH_PQ_CONV_UINT_8), "uint8", true},
		{PQ_LEAF_AS("c", 1, 1, LH_PQ_CONV_UINT_16), "uint16", true},
		{PQ_LEAF_AS("c", 1, 1, LH_PQ_CONV_UINT_32), "uint32", true},
		{PQ_LEAF_AS("c", 1, 2, LH_PQ_CONV_UINT_64), "uint64", true},
		{PQ_LEAF_AS("c", 1, 1, LH_PQ_CONV_INT_8), "int8", false},
		{PQ_LEAF_AS("c", 1, 1, LH_PQ_CONV_INT_16), "int16", false},
		{PQ_LEAF_AS("c", 1, 1, LH_PQ_CONV_INT_32), "int32", false},
		{PQ_LEAF_AS("c", 1, 2, LH_PQ_CONV_INT_64), "int64", false},
		{{"c", 1, 7, -1, LH_PQ_CONV_INTERVAL, .length = 12}, "interval", true},
		{{"c", 1, 1, -1, LH_PQ_CONV_DECIMAL, .precision = 9, .scale = 2}, "decimal(9,2)", false},
		{{"c", 1, 2, -1, LH_PQ_CONV_DECIMAL, .precision = 18, .scale = 18},
		 "decimal(18,18)",
		 false},
		{{"c", 1, 6, -1, LH_PQ_CONV_DECIMAL, .precision = 38}, "decimal(38,0)", false},
		{{"c", 1, 7, -1, LH_PQ_CONV_DECIMAL, .length = 20, .precision = 45, .scale = 3},
		 "decimal(45,3)",
		 false}};

	(void) state;
	check_leaves(cases, sizeof(cases) / sizeof(cases[0]));
}

static void
logical_types(void **state)
{
	const LeafCase cases[] = {
		{{"c", 1, 6, -1, -1, .logical = LH_PQ_LOGICAL_STRING}, "string", true},
		{{"c", 1, 6, -1, -1, .logical = LH_PQ_LOGICAL_ENUM}, "enum", true},
		{{"c", 1, 6, -1, -1, .logical = LH_PQ_LOGICAL_JSON}, "json", true},
		{{"c", 1, 6, -1, -1, .logical = LH_PQ_LOGICAL_BSON}, "bson", true},
		{{"c", 1, 6, -1, -1, .logical = LH_PQ_LOGICAL_GEOMETRY}, "geometry", true},
		{{"c", 1, 6, -1, -1, .logical = LH_PQ_LOGICAL_GEOGRAPHY}, "geography", true},
		{{"c", 1, 1, -1, -1, .logical = LH_PQ_LOGICAL_DATE}, "date", false},
		{{"c", 1, 7, -1, -1, .logical = LH_PQ_LOGICAL_UUID, .length = 16}, "uuid", true},
		{{"c", 1, 7, -1, -1, .logical = LH_PQ_LOGICAL_FLOAT16, .length = 2}, "float16", false},
		{{"c", 1, 1, -1, -1, .logical = LH_PQ_LOGICAL_NULL}, "null", false},
		{{"c", 1, 1, -1, -1, .logical = LH_PQ_LOGICAL_TIME, .unit = 1}, "time(ms)", false},
		{{"c", 1, 2, -1, -1, .logical = LH_PQ_LOGICAL_TIME, .unit = 3, .flag = true},
		 "time(ns, utc)",
		 false},
		{{"c", 1, 2, -1, -1, .logical = LH_PQ_LOGICAL_TIMESTAMP, .unit = 3},
		 "timestamp(ns)",
		 false},
		{{"c", 1, 2, -1, -1, .logical = LH_PQ_LOGICAL_TIMESTAMP, .unit = 1, .flag = true},
		 "timestamp(ms, utc)",
		 false},
		{{"c", 1, 1, -1, -1, .logical = LH_PQ_LOGICAL_INTEGER, .unit = 8, .flag = true},
		 "int8",
		 false},
		{{"c", 1, 2, -1, -1, .logical = LH_PQ_LOGICAL_INTEGER, .unit = 64}, "uint64", true},
		{{"c", 1, 7, -1, -1, .logical = LH_PQ_LOGICAL_DECIMAL, .length = 16, .precision = 38,
		  .scale = 10},
		 "decimal(38,10)",
		 false}};

	(void) state;
	check_leaves(cases, sizeof(cases) / sizeof(cases[0]));
}

static void
the_logical_type_wins_over_the_converted_one(void **state)
{
	const LeafCase cases[] = {{{"c", 1, 2, -1, LH_PQ_CONV_TIMESTAMP_MICROS,
								.logical = LH_PQ_LOGICAL_TIMESTAMP, .unit = 2},
							   "timestamp(us)",
							   false}};

	(void) state;
	check_leaves(cases, 1);
}

static void
annotations_that_do_not_fit_are_ignored(void **state)
{
	const LeafCase cases[] = {
		{PQ_LEAF_AS("c", 1, 1, LH_PQ_CONV_UTF8), "int32", false},
		{PQ_LEAF_AS("c", 1, 2, LH_PQ_CONV_DATE), "int64", false},
		{PQ_LEAF_AS("c", 1, 1, LH_PQ_CONV_TIMESTAMP_MILLIS), "int32", false},
		{PQ_LEAF_AS("c", 1, 6, 99), "binary", true},
		{{"c", 1, 7, -1, LH_PQ_CONV_INTERVAL, .length = 11}, "fixed(11)", true},
		{{"c", 1, 7, -1, -1, .logical = LH_PQ_LOGICAL_UUID, .length = 15}, "fixed(15)", true},
		{{"c", 1, 1, -1, LH_PQ_CONV_DECIMAL, .precision = -1, .scale = 2}, "int32", false},
		{{"c", 1, 1, -1, LH_PQ_CONV_DECIMAL, .precision = 3, .scale = 4}, "int32", false},
		{{"c", 1, 1, -1, LH_PQ_CONV_DECIMAL, .precision = 3, .scale = -1}, "int32", false},
		{{"c", 1, 4, -1, LH_PQ_CONV_DECIMAL, .precision = 3, .scale = 1}, "float", false},
		{{"c", 1, 1, -1, -1, .logical = LH_PQ_LOGICAL_INTEGER, .unit = 64}, "int32", false},
		{{"c", 1, 1, -1, -1, .logical = LH_PQ_LOGICAL_INTEGER, .unit = 24}, "int32", false},
		{{"c", 1, 2, -1, -1, .logical = LH_PQ_LOGICAL_TIMESTAMP, .unit = 9}, "int64", false},
		/* an unknown logical type; with a converted type that helps */
		{{"c", 1, 6, -1, -1, .logical = 555}, "binary", true},
		{{"c", 1, 6, -1, LH_PQ_CONV_UTF8, .logical = 555}, "string", true}};

	(void) state;
	check_leaves(cases, sizeof(cases) / sizeof(cases[0]));
}

static void
annotations_are_described(void **state)
{
	const PqEl els[] = {
		PQ_ROOT(5),
		{"a", 1, 2, -1, -1, .logical = LH_PQ_LOGICAL_TIMESTAMP, .unit = 3, .flag = true},
		{"b", 1, 1, -1, -1, .logical = LH_PQ_LOGICAL_INTEGER, .unit = 16},
		{"c", 1, 2, -1, -1, .logical = LH_PQ_LOGICAL_DECIMAL, .precision = 15, .scale = 2},
		{"d", 1, 6, -1, -1, .logical = LH_PQ_LOGICAL_GEOGRAPHY},
		{"e", 1, 6, -1, -1, .logical = 1234}};
	LhPqMeta *m;

	(void) state;
	PARSE(els, &m);
	assert_string_equal(m->nodes[1].logical, "TIMESTAMP(NANOS,true)");
	assert_string_equal(m->nodes[2].logical, "INTEGER(16,false)");
	assert_string_equal(m->nodes[3].logical, "DECIMAL(15,2)");
	assert_string_equal(m->nodes[4].logical, "GEOGRAPHY(OGC:CRS84,SPHERICAL)");
	assert_string_equal(m->nodes[5].logical, "unknown logical type 1234");
	assert_null(m->nodes[0].logical);
}

/* What is refused */

static void
child_counts_must_match(void **state)
{
	const PqEl few[] = {PQ_ROOT(3), PQ_LEAF("a", 0, 1), PQ_LEAF("b", 0, 1)};
	const PqEl many[] = {PQ_ROOT(1), PQ_LEAF("a", 0, 1), PQ_LEAF("b", 0, 1)};
	const PqEl huge[] = {PQ_ROOT(INT32_MAX), PQ_LEAF("a", 0, 1)};
	const PqEl negative[] = {PQ_ROOT(1), PQ_GROUP_("g", 0, 0), PQ_LEAF("b", 0, 1)};
	PqEl below_zero[] = {PQ_ROOT(1), PQ_LEAF("a", 0, 1)};
	PqFooter f = {.els = below_zero, .nels = 2};
	Tw w = {0};
	LhPqMeta *m;

	(void) state;
	ASSERT_REFUSED(few, LH_CORRUPT, "expected 3 children of element 0 (\"schema\"), found 2");
	ASSERT_REFUSED(many, LH_CORRUPT, "belongs nowhere is \"b\"");
	ASSERT_REFUSED(huge, LH_CORRUPT, "expected 2147483647 children");
	ASSERT_REFUSED(negative, LH_CORRUPT, "belongs nowhere is \"b\"");
	/* a count below zero, which the writer above leaves out */
	pq_write_footer(&w, &f);
	for (size_t i = 0; i + 1 < w.len; i++)
		if (w.p[i] == 0x15 && w.p[i + 1] == 2)
		{
			w.p[i + 1] = 1; /* zigzag -1 */
			break;
		}
	assert_int_equal(lh_pq_meta_parse(ctx, w.p, w.len, 1000, &m), LH_CORRUPT);
	assert_non_null(strstr(ctx->error->message, "expected children, found -1"));
	tw_free(&w);
}

static void
nesting_has_a_limit(void **state)
{
	PqEl els[LH_PQ_MAX_DEPTH + 2];
	LhPqMeta *m;

	(void) state;
	for (int i = 0; i <= LH_PQ_MAX_DEPTH; i++)
		els[i] = (PqEl) PQ_GROUP_("g", PQ_OPT, 1);
	/* 256 groups: the last has the column */
	els[LH_PQ_MAX_DEPTH] = (PqEl) PQ_LEAF("c", PQ_OPT, 1);
	assert_int_equal(parse(els, LH_PQ_MAX_DEPTH + 1, &m), LH_OK);
	assert_int_equal(m->nodes[LH_PQ_MAX_DEPTH].max_def, LH_PQ_MAX_DEPTH);
	els[LH_PQ_MAX_DEPTH] = (PqEl) PQ_GROUP_("g", PQ_OPT, 1);
	els[LH_PQ_MAX_DEPTH + 1] = (PqEl) PQ_LEAF("c", PQ_OPT, 1);
	assert_int_equal(parse(els, LH_PQ_MAX_DEPTH + 2, &m), LH_LIMIT);
}

static void
nonsense_in_elements_is_named(void **state)
{
	const PqEl type[] = {PQ_ROOT(1), PQ_LEAF("col", 0, 8)};
	const PqEl repetition[] = {PQ_ROOT(1), PQ_LEAF("col", 7, 1)};
	const PqEl vector[] = {PQ_ROOT(1), PQ_LEAF("col", 3, 1)};
	const PqEl no_length[] = {PQ_ROOT(1), PQ_LEAF("col", 0, 7)};
	const PqEl length[] = {PQ_ROOT(1), {"col", 0, 7, -1, -1, .length = -4}};
	const PqEl huge[] = {PQ_ROOT(1), {"col", 0, 7, -1, -1, .length = INT32_MAX}};
	const PqEl both[] = {PQ_ROOT(1), {"col", 0, 1, 1, -1}, PQ_LEAF("x", 0, 1)};
	const PqEl root[] = {PQ_LEAF("col", 0, 1)};

	(void) state;
	ASSERT_REFUSED(type, LH_CORRUPT, "element 1 (\"col\"): expected a physical type");
	ASSERT_REFUSED(repetition, LH_CORRUPT, "element 1 (\"col\"): expected a repetition");
	ASSERT_REFUSED(vector, LH_UNSUPPORTED, "VECTOR");
	ASSERT_REFUSED(no_length, LH_CORRUPT, "expected a positive length");
	ASSERT_REFUSED(length, LH_CORRUPT, "expected a positive length");
	ASSERT_REFUSED(huge, LH_LIMIT, "too long");
	ASSERT_REFUSED(both, LH_CORRUPT, "found both");
	ASSERT_REFUSED(root, LH_CORRUPT, "expected a group as its root");
}

static void
a_field_given_twice_does_not_confuse(void **state)
{
	Tw w = {0};
	LhPqMeta *m;

	(void) state;
	/* the type of a column, then the same field as text: found by fuzzing */
	tw_open(&w);
	tw_list(&w, 2, TW_STRUCT, 2);
	pq_write_el(&w, &(PqEl) PQ_ROOT(1));
	tw_open(&w);
	tw_i32(&w, 1, 6);
	tw_string(&w, 4, "a");
	tw_string(&w, 1, "nonsense");
	tw_close(&w);
	tw_list(&w, 4, TW_STRUCT, 0);
	tw_close(&w);
	if (lh_pq_meta_parse(ctx, w.p, w.len, 1000, &m) != LH_OK)
		fail_msg("%s", ctx->error->message);
	assert_string_equal(type_text(m), "struct<a: binary>");
	tw_free(&w);
}

static void
names_that_are_no_text_are_repaired(void **state)
{
	const PqEl els[] = {PQ_ROOT(2),
						PQ_LEAF("a\xff\xfe"
								"b",
								0, 1),
						PQ_LEAF("\xc3\xa4", 0, 1)};
	LhPqMeta *m;
	Tw w = {0};
	PqFooter f = {.els = els, .nels = 3};
	uint8_t *nul;

	(void) state;
	pq_write_footer(&w, &f);
	/* a NUL in the second name */
	nul = memchr(w.p, 0xc3, w.len);
	nul[0] = 0;
	nul[1] = 'z';
	assert_int_equal(lh_pq_meta_parse(ctx, w.p, w.len, 1000, &m), LH_OK);
	assert_string_equal(m->nodes[1].name, "a\xef\xbf\xbd\xef\xbf\xbd"
										  "b");
	assert_string_equal(m->nodes[2].name, "\xef\xbf\xbdz");
	tw_free(&w);
}

/* Names and paths */

static void
children_are_found_by_name(void **state)
{
	enum
	{
		N = 300
	};
	static char names[N][16];
	PqEl els[N + 1] = {PQ_ROOT(N)};
	LhPqMeta *m;

	(void) state;
	for (int i = 0; i < N; i++)
	{
		snprintf(names[i], sizeof(names[i]), "c%d", i % 299); /* c0 twice */
		els[i + 1] = (PqEl) PQ_LEAF(names[i], 0, 1);
	}
	for (int n = 4; n <= N; n += N - 4) /* narrow and wide */
	{
		els[0].children = n;
		assert_int_equal(parse(els, n + 1, &m), LH_OK);
		for (int i = 0; i < n && i < 299; i++)
			assert_int_equal(lh_pq_child(m, 0, names[i], strlen(names[i])), i + 1);
		assert_int_equal(lh_pq_child(m, 0, "c", 1), -1);
		assert_int_equal(lh_pq_child(m, 0, "c1x", 2), 2);
		assert_int_equal(lh_pq_child(m, 0, "c1\0\0\0\0\0\0", 8), -1);
		assert_int_equal(lh_pq_child(m, 1, "c1", 2), -1);
		assert_int_equal(lh_pq_child(m, -1, "c1", 2), -1);
		assert_int_equal(lh_pq_child(m, 100000, "c1", 2), -1);
	}
}

static void
paths_find_nodes_and_nodes_have_paths(void **state)
{
	const PqEl els[] = {
		PQ_ROOT(3),         PQ_GROUP_("a", 1, 2), PQ_LEAF("b", 1, 1),  PQ_GROUP_("c.d", 1, 1),
		PQ_LEAF("e", 1, 1), PQ_LEAF("a.b", 1, 1), PQ_GROUP_("", 1, 1), PQ_LEAF("", 1, 1)};
	LhPqMeta *m;
	char *path;

	(void) state;
	PARSE(els, &m);
	assert_int_equal(lh_pq_find(m, "a"), 1);
	assert_int_equal(lh_pq_find(m, "a.c.d"), 3);
	assert_int_equal(lh_pq_find(m, "a.c.d.e"), 4);
	/* the name as it stands wins */
	assert_int_equal(lh_pq_find(m, "a.b"), 5);
	assert_int_equal(lh_pq_find(m, ""), 6);
	assert_int_equal(lh_pq_find(m, "."), 7);
	assert_int_equal(lh_pq_find(m, "a.x"), -1);
	assert_int_equal(lh_pq_find(m, "a.b.c"), -1);
	assert_int_equal(lh_pq_find(m, "a."), -1);
	assert_int_equal(lh_pq_path(ctx, m, 4, &path), LH_OK);
	assert_string_equal(path, "a.c.d.e");
	assert_int_equal(lh_pq_path(ctx, m, 0, &path), LH_OK);
	assert_string_equal(path, "");
	assert_int_equal(lh_pq_path(ctx, m, 7, &path), LH_OK);
	assert_string_equal(path, ".");
}

static void
field_ids_reach_nodes_and_fields(void **state)
{
	const PqEl els[] = {PQ_ROOT(2), {"a", 1, 1, -1, -1, .id = 7}, PQ_LEAF("b", 0, 1)};
	LhPqMeta *m;

	(void) state;
	PARSE(els, &m);
	assert_int_equal(m->nodes[1].field_id, 7);
	assert_int_equal(m->nodes[2].field_id, -1);
	assert_int_equal(m->nodes[0].type.fields[0].field_id, 7);
	assert_true(m->nodes[0].type.fields[1].required);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(levels_and_leaves_are_counted_from_the_root),
		T(a_schema_without_columns_is_one),
		T(the_roots_repetition_means_nothing),
		T(list_of_three_levels),
		T(list_by_logical_type_alone),
		T(list_of_a_repeated_primitive),
		T(list_of_a_repeated_group_with_several_fields),
		T(list_of_a_repeated_group_called_array),
		T(list_of_a_repeated_group_called_tuple),
		T(list_of_a_repeated_group_with_one_repeated_field),
		T(list_of_two_level_lists),
		T(list_of_a_repeated_map),
		T(a_list_whose_shape_is_wrong_is_a_struct),
		T(a_repeated_node_alone_is_a_list),
		T(a_repeated_list_outside_lists_is_a_list_of_structs),
		T(map_with_key_and_value),
		T(map_key_value_marks_inner_or_outer_group),
		T(map_without_value_is_a_list_of_keys),
		T(map_with_optional_key_is_read),
		T(map_of_maps_and_lists),
		T(a_map_whose_shape_is_wrong_is_a_struct),
		T(variant_keeps_its_children),
		T(physical_types_alone),
		T(converted_types),
		T(logical_types),
		T(the_logical_type_wins_over_the_converted_one),
		T(annotations_that_do_not_fit_are_ignored),
		T(annotations_are_described),
		T(child_counts_must_match),
		T(nesting_has_a_limit),
		T(nonsense_in_elements_is_named),
		T(a_field_given_twice_does_not_confuse),
		T(names_that_are_no_text_are_repaired),
		T(children_are_found_by_name),
		T(paths_find_nodes_and_nodes_have_paths),
		T(field_ids_reach_nodes_and_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
