/*
 * test_variant_shred.c
 *		Shredded variants: each rule of VariantShredding.md, and what breaks it.
 */
#include "unit/test_variant_make.h"

/* {value, typed_value} */
static Column *
field(Column *value, Column *typed)
{
	if (value == NULL)
		return group(LH_T_STRUCT, 0, "typed_value", typed, NULL);
	if (typed == NULL)
		return group(LH_T_STRUCT, 0, "value", value, NULL);
	return group(LH_T_STRUCT, 0, "value", value, "typed_value", typed, NULL);
}

static Column *
metadata(int n)
{
	Bytes *m[SLOTS];

	for (int i = 0; i < n; i++)
		m[i] = metadata_abc();
	return binary(n, m);
}

/* A variant; members come in another order than in the specification, which asks to find them by name. */
static Column *
variant(Column *value, Column *typed)
{
	int n = value ? value->vec.n : typed->vec.n;

	if (value == NULL)
		return group(LH_T_VARIANT, 0, "typed_value", typed, "metadata", metadata(n), NULL);
	if (typed == NULL)
		return group(LH_T_VARIANT, 0, "value", value, "metadata", metadata(n), NULL);
	return group(LH_T_VARIANT, 0, "typed_value", typed, "value", value, "metadata", metadata(n), NULL);
}

static void
value_alone_is_the_variant(void **state)
{
	Column *v = variant(BINARY(vint(34), vnull(), OBJECT(IDS(0), vstr("x"))), NULL);

	assert_string_equal(show_slot(v, 0), "int64 34");
	assert_string_equal(show_slot(v, 1), "null");
	assert_string_equal(show_slot(v, 2), "{\"a\":string x}");
}

/* The table "measurement" of the specification. */
static void
typed_value_or_value_is_set(void **state)
{
	Column *v = variant(BINARY(NULL, vnull(), vstr("n/a"), NULL), INTS(34, NONE, NONE, 100));

	assert_string_equal(show_slot(v, 0), "int64 34");
	assert_string_equal(show_slot(v, 1), "null");
	assert_string_equal(show_slot(v, 2), "string n/a");
	assert_string_equal(show_slot(v, 3), "int64 100");
}

static void
missing_at_the_top_is_the_variant_null(void **state)
{
	assert_string_equal(show_slot(variant(BINARY(NULL), INTS(NONE)), 0), "null");
	assert_string_equal(show_slot(variant(BINARY(NULL), NULL), 0), "null");
}

static void
scalar_in_both_is_an_error(void **state)
{
	Column *v = variant(BINARY(vnull(), OBJECT(IDS(0), vint(1))), INTS(1, 2));

	assert_string_equal(show_slot(v, 0), "corrupt: value and typed_value of a variant are both set, and it is no object");
	assert_string_equal(show_slot(v, 1), "corrupt: value and typed_value of a variant are both set, and it is no object");
}

static Column *
tags(Column *value, unsigned null, Column *elements)
{
	return variant(value, list(4, null, OFFSETS(0, 2, 4, 4, 4), elements));
}

/* The table "tags" of the specification. */
static void
arrays_are_lists_of_elements(void **state)
{
	Column *v = tags(BINARY(NULL, NULL, NULL, vnull()), 1 << 3,
					 field(BINARY(NULL, NULL, NULL, vnull()), TEXT("comedy", "drama", "horror", NULL)));

	assert_string_equal(show_slot(v, 0), "[string comedy,string drama]");
	assert_string_equal(show_slot(v, 1), "[string horror,null]");
	assert_string_equal(show_slot(v, 2), "[]");
	assert_string_equal(show_slot(v, 3), "null");
}

static void
elements_need_only_one_member(void **state)
{
	Column *only_typed = tags(NULL, 0, field(NULL, TEXT("a", "b", "c", NULL)));
	Column *only_value = tags(NULL, 0, field(BINARY(vint(1), vnull(), ARRAY(vint(2)), NULL), NULL));

	assert_string_equal(show_slot(only_typed, 0), "[string a,string b]");
	assert_string_equal(show_slot(only_value, 0), "[int64 1,null]");
	/* a missing element is one that is required: the variant null */
	assert_string_equal(show_slot(only_typed, 1), "[string c,null]");
	assert_string_equal(show_slot(only_value, 1), "[[int64 2],null]");
}

static void
array_in_both_is_an_error(void **state)
{
	Column *v = tags(BINARY(ARRAY(vint(1)), NULL, NULL, NULL), 0, field(NULL, TEXT("a", "b", "c", "d")));
	Column *element = tags(NULL, 0, field(BINARY(NULL, vint(1), NULL, NULL), TEXT("a", "b", "c", "d")));

	assert_string_equal(show_slot(v, 0), "corrupt: value and typed_value of a variant are both set, and it is no object");
	assert_string_equal(show_slot(element, 0),
						"corrupt: value and typed_value of a variant are both set, and it is no object");
	assert_string_equal(show_slot(element, 1), "[string c,string d]");
}

/* The table "event" of the specification: a is event_type, b is event_ts, other fields are c. */
static Column *
event(Column *value, unsigned null, Column *a_value, Column *a, Column *b_value, Column *b)
{
	return variant(value, group(LH_T_STRUCT, null, "a", field(a_value, a), "b", field(b_value, b), NULL));
}

static void
objects_are_groups_of_fields(void **state)
{
	Column *v = event(BINARY(NULL, OBJECT(IDS(2), vstr("mail")), OBJECT(IDS(2), vstr("m")), vstr("no object"), NULL,
							 NULL, NULL, vnull()),
					  1 << 3 | 1 << 7,
					  BINARY(NULL, NULL, NULL, NULL, vnull(), NULL, NULL, NULL),
					  TEXT("noop", "login", NULL, NULL, NULL, "noop", NULL, NULL),
					  BINARY(NULL, NULL, NULL, NULL, NULL, vstr("2024-10-24"), NULL, NULL),
					  INTS(17, 18, NONE, NONE, 19, NONE, NONE, NONE));

	assert_string_equal(show_slot(v, 0), "{\"a\":string noop,\"b\":int64 17}");
	assert_string_equal(show_slot(v, 1), "{\"a\":string login,\"b\":int64 18,\"c\":string mail}");
	assert_string_equal(show_slot(v, 2), "{\"c\":string m}");
	assert_string_equal(show_slot(v, 3), "string no object");
	assert_string_equal(show_slot(v, 4), "{\"a\":null,\"b\":int64 19}");
	assert_string_equal(show_slot(v, 5), "{\"a\":string noop,\"b\":string 2024-10-24}");
	assert_string_equal(show_slot(v, 6), "{}");
	assert_string_equal(show_slot(v, 7), "null");
}

static Column *
one_event(Bytes *value, unsigned null)
{
	return event(BINARY(value), null, BINARY(NULL), TEXT("login"), BINARY(NULL), INTS(NONE));
}

static void
shredded_field_in_value_as_well_is_an_error(void **state)
{
	assert_string_equal(show_slot(one_event(OBJECT(IDS(0), vstr("login")), 0), 0),
						"corrupt: field \"a\" of a variant is shredded and in value as well");
	/* even when the shredded one is missing */
	assert_string_equal(show_slot(one_event(OBJECT(IDS(1), vint(1)), 0), 0),
						"corrupt: field \"b\" of a variant is shredded and in value as well");
	assert_string_equal(show_slot(one_event(OBJECT(IDS(2, 1), vint(1), vint(2)), 0), 0),
						"corrupt: field \"b\" of a variant is shredded and in value as well");
}

static void
fields_beside_what_is_no_object_are_an_error(void **state)
{
	assert_string_equal(show_slot(one_event(vstr("a"), 0), 0),
						"corrupt: value of a variant is no object, but typed_value has fields of one");
	assert_string_equal(show_slot(one_event(ARRAY(vint(1)), 0), 0),
						"corrupt: value of a variant is no object, but typed_value has fields of one");
}

/* What typed_value does not say is taken from value as it is, an object too. */
static void
value_counts_where_typed_value_is_null(void **state)
{
	assert_string_equal(show_slot(one_event(OBJECT(IDS(0), vstr("login")), 1), 0), "{\"a\":string login}");
	assert_string_equal(show_slot(one_event(vint(5), 1), 0), "int64 5");
}

static void
names_twice_in_value_are_an_error(void **state)
{
	assert_string_equal(show_slot(one_event(OBJECT(IDS(2, 2), vint(1), vint(2)), 0), 0),
						"corrupt: an object of a variant has field \"c\" twice");
}

static void
shredding_nests(void **state)
{
	/* {a: {c: int, rest}, b: [ {d: text} ]} in two rows */
	Column *c = field(BINARY(NULL, NULL), INTS(1, NONE));
	Column *a = field(BINARY(OBJECT(IDS(3), vstr("rest")), vstr("not shredded")), group(LH_T_STRUCT, 2, "c", c, NULL));
	Column *d = field(BINARY(NULL, vnull(), NULL), TEXT("x", NULL, NULL));
	Column *element = field(BINARY(NULL, NULL, OBJECT(IDS(0), vint(9))), group(LH_T_STRUCT, 0, "d", d, NULL));
	Column *b = field(NULL, list(2, 0, OFFSETS(0, 2, 3), element));
	Column *v = variant(BINARY(NULL, OBJECT(IDS(2), ARRAY(vnull()))), group(LH_T_STRUCT, 0, "a", a, "b", b, NULL));

	assert_string_equal(show_slot(v, 0), "{\"a\":{\"c\":int64 1,\"d\":string rest},\"b\":[{\"d\":string x},{\"d\":null}]}");
	assert_string_equal(show_slot(v, 1), "{\"a\":string not shredded,\"b\":[{\"a\":int64 9}],\"c\":[null]}");
}

/* A reader goes on with the next slot whatever became of the one before. */
static void
slots_are_independent(void **state)
{
	Column *v = event(BINARY(OBJECT(IDS(0), vnull()), NULL), 0, NULL, TEXT("x", "y"), NULL, INTS(1, 2));
	LhVariantReader *r;
	const LhVariantToken *t;
	LhBuf out;

	assert_int_equal(lh_variant_reader_create(ctx, &v->type, &r), LH_OK);
	assert_int_equal(lh_variant_bind(ctx, r, &v->vec), LH_OK);
	for (int i = 0; i < 3; i++)
	{
		assert_int_equal(lh_buf_init(ctx, &out, true), LH_OK);
		assert_int_equal(lh_variant_start(ctx, r, 0), LH_OK);
		assert_int_equal(i == 0 ? lh_variant_next(ctx, r, &t) : show_tokens(r, &out), i == 0 ? LH_OK : LH_CORRUPT);
		out.len = 0;
		assert_int_equal(lh_variant_start(ctx, r, 1), LH_OK);
		assert_int_equal(show_tokens(r, &out), LH_OK);
		assert_string_equal((char *) out.data, "{\"a\":string y,\"b\":int64 2}");
	}
	assert_int_equal(lh_variant_start(ctx, r, 2), LH_BUG);
}

static void
vectors_of_every_kind_are_read(void **state)
{
	Column *names = metadata(1), *entries = BINARY(vint(5), vstr("x")), *v;
	LhDict values = {.type = entries->type, .n = 2, .values = entries->data.str, .id = 1};
	LhDict one = {.type = entries->type, .n = 1, .values = names->data.str, .id = 2};
	const uint32_t codes[] = {1, 0, 1}, same[] = {0, 0, 0};
	const LhRun runs[] = {{0, 2}, {1, 3}};
	static const uint64_t no_rows[1];

	v = variant(BINARY(NULL, NULL, NULL), INTS(NONE, NONE, NONE));
	for (int kind = 0; kind < 3; kind++)
	{
		static const char *const want[3][3] = {{"string x", "int64 5", "string x"}, {"int64 5", "int64 5", "string x"},
											   {"int64 5", "int64 5", "int64 5"}};

		v->children[2] = (LhVec){.type = one.type, .kind = LH_VEC_DICT, .n = 3, .dict = &one, .codes = same};
		v->children[1] = (LhVec){.type = values.type, .kind = LH_VEC_DICT, .n = 3, .dict = &values, .codes = codes};
		if (kind == 1)
			v->children[1] = (LhVec){.type = values.type, .kind = LH_VEC_RUNS, .n = 3, .dict = &values, .nruns = 2, .runs = runs};
		if (kind == 2)
			v->children[1] = (LhVec){.type = values.type, .kind = LH_VEC_CONST, .n = 3, .data = entries->data.str};
		for (int i = 0; i < 3; i++)
			assert_string_equal(show_slot(v, i), want[kind][i]);
	}
	v->children[1] = (LhVec){.type = values.type, .kind = LH_VEC_CONST, .n = 3, .valid = no_rows};
	assert_string_equal(show_slot(v, 2), "null");
	v->children[2].valid = no_rows;
	assert_string_equal(show_slot(v, 2), "corrupt: metadata of a variant is null");
}

/* A column that is null throughout has no children to look at. */
static void
nested_columns_may_be_all_null(void **state)
{
	Column *v = tags(BINARY(vint(1), vint(2), vint(3), NULL), 15, field(NULL, TEXT("a", "b", "c", "d")));
	static const uint64_t no_rows[1];

	lh_vec_null(&v->children[0], &v->fields[0].type, 4);
	assert_string_equal(show_slot(v, 1), "int64 2");
	assert_string_equal(show_slot(v, 3), "null");
	v->vec = (LhVec){.type = v->type, .kind = LH_VEC_CONST, .n = 4, .valid = no_rows};
	assert_string_equal(show_slot(v, 1), "bug: slot 1 of a variant is not there");
}

static void
typed_strings_must_be_valid(void **state)
{
	assert_string_equal(show_slot(variant(NULL, TEXT("\xff", "good")), 0),
						"bad text: a string of a variant is not valid UTF-8 or holds a NUL");
	assert_string_equal(show_slot(variant(NULL, TEXT("\xff", "good")), 1), "string good");
}

static const char *
typed_as(LhType type)
{
	Column *v = variant(BINARY(NULL), INTS(NONE));

	v->fields[0].type = type;
	return show_slot(v, 0);
}

static void
only_types_of_variants_are_shredded(void **state)
{
	const LhType good[] = {
		{LH_T_BOOL, LH_LANE_U8}, {LH_T_INT8, LH_LANE_I32}, {LH_T_INT16, LH_LANE_I32}, {LH_T_INT32, LH_LANE_I32},
		{LH_T_FLOAT, LH_LANE_F32}, {LH_T_DOUBLE, LH_LANE_F64}, {LH_T_DATE, LH_LANE_I32}, {LH_T_BINARY, LH_LANE_STR},
		{LH_T_DECIMAL, LH_LANE_I128, .precision = 38}, {LH_T_TIME, LH_LANE_I64, LH_UNIT_US},
		{LH_T_TIMESTAMP, LH_LANE_I64, LH_UNIT_US, true}, {LH_T_TIMESTAMP, LH_LANE_I64, LH_UNIT_NS}, {LH_T_UUID, LH_LANE_FIX},
	};
	const LhType bad[] = {
		{LH_T_UINT8, LH_LANE_I32}, {LH_T_UINT32, LH_LANE_I64}, {LH_T_UINT64, LH_LANE_I128}, {LH_T_FLOAT16, LH_LANE_F32},
		{LH_T_FIXED, LH_LANE_FIX}, {LH_T_JSON, LH_LANE_STR}, {LH_T_ENUM, LH_LANE_STR}, {LH_T_INTERVAL, LH_LANE_FIX},
		{LH_T_TIME, LH_LANE_I64, LH_UNIT_NS}, {LH_T_TIMESTAMP, LH_LANE_I64, LH_UNIT_MS}, {LH_T_MAP, LH_LANE_NONE},
		{LH_T_TIMESTAMP, LH_LANE_I64, LH_UNIT_US, .int96 = true}, {LH_T_DECIMAL, LH_LANE_STR, .precision = 40},
		{LH_T_VARIANT, LH_LANE_NONE}, {LH_T_NULL, LH_LANE_NONE},
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_string_equal(typed_as(good[i]), "null");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_string_equal(typed_as(bad[i]),
							lh_sprintf(ctx, "unsupported: typed_value of a variant has type %s, which variants do not have",
									   lh_type_name(&bad[i])));
}

static void
shapes_must_be_those_of_the_format(void **state)
{
	Column *v = variant(BINARY(NULL), INTS(NONE));
	Column *twins = group(LH_T_STRUCT, 0, "a", field(NULL, INTS(1)), "a", field(NULL, INTS(1)), NULL);
	Column *optional = group(LH_T_STRUCT, 0, "a", field(NULL, INTS(1)), NULL);

	assert_string_equal(show_slot(group(LH_T_VARIANT, 0, "value", BINARY(NULL), NULL), 0),
						"corrupt: a variant has no column metadata");
	assert_string_equal(show_slot(group(LH_T_VARIANT, 0, "metadata", metadata(1), NULL), 0),
						"corrupt: a group of a variant has neither value nor typed_value");
	assert_string_equal(show_slot(group(LH_T_VARIANT, 0, "metadata", TEXT("x"), "value", BINARY(NULL), NULL), 0),
						"corrupt: metadata of a variant has type string");
	assert_string_equal(show_slot(variant(INTS(1), NULL), 0), "corrupt: value of a variant has type int64");
	assert_string_equal(show_slot(variant(NULL, group(LH_T_STRUCT, 0, "a", INTS(1), NULL)), 0),
						"corrupt: a field or element of a variant has type int64");
	assert_string_equal(show_slot(variant(NULL, list(1, 0, OFFSETS(0, 1), INTS(1))), 0),
						"corrupt: a field or element of a variant has type int64");
	assert_string_equal(show_slot(variant(NULL, twins), 0), "corrupt: an object of a variant has field \"a\" twice");
	optional->fields[0].required = false;
	assert_string_equal(show_slot(variant(NULL, optional), 0), "corrupt: the group \"a\" of a variant is not required");
	assert_string_equal(show_slot(v, 0), "null");
}

#define T(f) cmocka_unit_test_setup_teardown(f, variant_setup, variant_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(value_alone_is_the_variant),
		T(typed_value_or_value_is_set),
		T(missing_at_the_top_is_the_variant_null),
		T(scalar_in_both_is_an_error),
		T(arrays_are_lists_of_elements),
		T(elements_need_only_one_member),
		T(array_in_both_is_an_error),
		T(objects_are_groups_of_fields),
		T(shredded_field_in_value_as_well_is_an_error),
		T(fields_beside_what_is_no_object_are_an_error),
		T(value_counts_where_typed_value_is_null),
		T(names_twice_in_value_are_an_error),
		T(shredding_nests),
		T(slots_are_independent),
		T(vectors_of_every_kind_are_read),
		T(nested_columns_may_be_all_null),
		T(typed_strings_must_be_valid),
		T(only_types_of_variants_are_shredded),
		T(shapes_must_be_those_of_the_format),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
