/*
 * test_ice_schema.c
 *		Schemas, partition specs and name mappings of metadata files.
 */
#include "unit/ice_metadata.h"

static const char *
type_text(World *w, const LhType *type)
{
	LhBuf out;

	ok(w, lh_buf_init(w->ctx, &out, false));
	ok(w, lh_type_format(w->ctx, type, &out));
	ok(w, lh_buf_putc(w->ctx, &out, '\0'));
	return (const char *) out.data;
}

/*
 * Schemas
 */

static LhStatus
schema_of(World *w, const char *fields, LhIceSchema *out)
{
	const char *text =
		lh_sprintf(w->ctx, "{\"type\":\"struct\",\"schema-id\":3,\"fields\":[%s]}", fields);

	return lh_ice_schema_parse(w->ctx, "schema", lh_slice(text, strlen(text)), out);
}

static void
all_types_of_all_versions_are_known(void **state)
{
	World *w = *state;
	static const char *const types[][2] = {
		{"boolean", "bool"},
		{"int", "int32"},
		{"long", "int64"},
		{"float", "float"},
		{"double", "double"},
		{"decimal(9, 2)", "decimal(9,2)"},
		{"decimal(38,38)", "decimal(38,38)"},
		{"date", "date"},
		{"time", "time(us)"},
		{"timestamp", "timestamp(us)"},
		{"timestamptz", "timestamp(us, utc)"},
		{"timestamp_ns", "timestamp(ns)"},
		{"timestamptz_ns", "timestamp(ns, utc)"},
		{"string", "string"},
		{"uuid", "uuid"},
		{"fixed[16]", "fixed(16)"},
		{"binary", "binary"},
		{"unknown", "null"},
		{"variant", "variant"},
		{"geometry", "geometry"},
		{"geometry(srid:4326)", "geometry"},
		{"geography", "geography"},
		{"geography(OGC:CRS84, spherical)", "geography"},
		{"LONG", "int64"},
	};
	static const char *const bad[] = {"integer",
									  "decimal(39,2)",
									  "decimal(0,0)",
									  "decimal(9,10)",
									  "decimal(9)",
									  "decimal(9,2",
									  "fixed[0]",
									  "fixed[99999999999]",
									  "fixed",
									  "geometry(",
									  "",
									  "timestamp_s",
									  "geographyx"};
	LhIceSchema s;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
	{
		ok(w, schema_of(w,
						lh_sprintf(w->ctx,
								   "{\"id\":1,\"name\":\"a\",\"required\":false,\"type\":\"%s\"}",
								   types[i][0]),
						&s));
		assert_string_equal(type_text(w, &s.root.fields[0].type), types[i][1]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused(w,
				schema_of(w,
						  lh_sprintf(w->ctx,
									 "{\"id\":1,\"name\":\"a\",\"required\":false,\"type\":\"%s\"}",
									 bad[i]),
						  &s),
				LH_UNSUPPORTED, "fields[0].type", bad[i], "not known");
}

#define NESTED                                                                                                            \
	"{\"id\":1,\"name\":\"l\",\"required\":true,\"type\":{\"type\":\"list\",\"element-id\":2,\"element-required\":true,"  \
	"\"element\":{\"type\":\"struct\",\"fields\":[{\"id\":3,\"name\":\"s\",\"required\":false,\"type\":\"string\","       \
	"\"initial-default\":\"d\"}]}}},{\"id\":4,\"name\":\"m\",\"required\":false,\"type\":{\"type\":\"map\",\"key-id\":5," \
	"\"key\":\"string\",\"value-id\":6,\"value\":\"int\",\"value-required\":false}}"

static void
nested_fields_have_their_ids(void **state)
{
	World *w = *state;
	LhIceSchema s;

	ok(w, schema_of(w, NESTED, &s));
	assert_int_equal(s.schema_id, 3);
	assert_string_equal(type_text(w, &s.root),
						"struct<l: list<struct<s: string>>, m: map<string, int32>>");
	assert_string_equal(lh_ice_field_find(&s, 2)->name, "element");
	assert_true(lh_ice_field_find(&s, 2)->required);
	assert_string_equal(lh_ice_field_find(&s, 3)->name, "s");
	assert_string_equal(lh_ice_field_find(&s, 5)->name, "key");
	assert_true(lh_ice_field_find(&s, 5)->required && !lh_ice_field_find(&s, 6)->required);
	assert_null(lh_ice_field_find(&s, 7));
}

static void
field_ids_are_unique_and_all_parts_are_there(void **state)
{
	World *w = *state;
	LhIceSchema s;

	refused(
		w, schema_of(w, NESTED ",{\"id\":5,\"name\":\"z\",\"required\":true,\"type\":\"int\"}", &s),
		LH_CORRUPT, "field id 5", "twice", NULL);
	refused(w, schema_of(w, "{\"id\":-1,\"name\":\"z\",\"required\":true,\"type\":\"int\"}", &s),
			LH_CORRUPT, "-1", NULL, NULL);
	refused(w, schema_of(w, "{\"id\":1,\"required\":true,\"type\":\"int\"}", &s), LH_CORRUPT,
			"fields[0]", "\"name\" is missing", NULL);
	refused(
		w,
		schema_of(
			w,
			"{\"id\":1,\"name\":\"z\",\"required\":true,\"type\":{\"type\":\"list\",\"element\":\"int\"}}",
			&s),
		LH_CORRUPT, "\"element-id\" is missing", NULL, NULL);
	refused(
		w,
		schema_of(w, "{\"id\":1,\"name\":\"z\",\"required\":true,\"type\":{\"type\":\"set\"}}", &s),
		LH_UNSUPPORTED, "\"set\"", NULL, NULL);
}

static void
defaults_are_values_of_the_fields_type(void **state)
{
	World *w = *state;
	LhIceSchema s;

	ok(w,
	   schema_of(
		   w,
		   "{\"id\":9,\"name\":\"z\",\"required\":true,\"initial-default\":-7,\"write-default\":8,\"type\":\"int\"}," NESTED,
		   &s));
	assert_int_equal(s.ndefaults, 2);
	/* by id, the nested one among them */
	assert_int_equal(s.defaults[0].field_id, 3);
	assert_int_equal(s.defaults[0].value.str.len, 1);
	assert_true(s.defaults[1].field_id == 9 && s.defaults[1].value.i64 == -7 &&
				!s.defaults[1].value.null);
	ok(w,
	   schema_of(
		   w,
		   "{\"id\":1,\"name\":\"z\",\"required\":false,\"type\":\"int\",\"initial-default\":null}",
		   &s));
	assert_int_equal(s.ndefaults, 0);
	refused(
		w,
		schema_of(
			w,
			"{\"id\":1,\"name\":\"z\",\"required\":false,\"type\":\"int\",\"initial-default\":\"x\"}",
			&s),
		LH_CORRUPT, "default of field 1", "\"z\"", NULL);
}

/* The empty object: members have their own. */
static void
the_default_of_a_struct_is_empty(void **state)
{
	World *w = *state;
	const char *of = "{\"id\":1,\"name\":\"s\",\"required\":false,\"initial-default\":%s,\"type\":{\"type\":\"struct\","
					 "\"fields\":[{\"id\":2,\"name\":\"x\",\"required\":false,\"type\":\"int\",\"initial-default\":4}]}}";
	LhIceSchema s;

	for (int i = 0; i < 2; i++)
	{
		ok(w, schema_of(w, lh_sprintf(w->ctx, of, i == 0 ? "{}" : "{ \n}"), &s));
		assert_null(s.refused);
		assert_int_equal(s.ndefaults, 2);
		assert_true(s.defaults[0].field_id == 1 && !s.defaults[0].value.null);
		assert_string_equal(type_text(w, &s.defaults[0].value.type), "struct<x: int32>");
		assert_int_equal(s.defaults[1].value.i64, 4);
	}
	ok(w, schema_of(w, lh_sprintf(w->ctx, of, "{\"x\":1}"), &s));
	assert_non_null(s.refused);
	ok(w, schema_of(w, lh_sprintf(w->ctx, of, "null"), &s));
	assert_true(s.refused == NULL && s.ndefaults == 1);
}

/* Only rows that are shown with such a schema are refused. */
static void
a_default_of_a_nested_type_is_refused_when_it_is_needed(void **state)
{
	World *w = *state;
	const char *odd =
		"{\"type\":\"struct\",\"schema-id\":1,\"fields\":[{\"id\":1,\"name\":\"s\",\"required\":false,"
		"\"initial-default\":[],\"type\":{\"type\":\"list\",\"element-id\":2,\"element-required\":false,\"element\":\"int\"}}]}";
	LhIceMetadata *m = metadata(
		w, lh_sprintf(w->ctx, V2_OF("3", SCHEMA("0", "x") ",%s", ",\"next-row-id\":0"), odd));

	assert_string_equal(chosen(w, m, (LhTableOptions){0}), "-1 x");
	m->current_schema = 1;
	refused(w, not_chosen(w, m, (LhTableOptions){0}), LH_UNSUPPORTED, "schema 1", "\"s\"",
			"list");
}

static void
a_dropped_field_is_found_in_the_newest_schema_that_had_it(void **state)
{
	World *w = *state;
	LhIceMetadata *m = metadata(
		w,
		V2_OF(
			"2",
			"{\"type\":\"struct\",\"schema-id\":1,\"fields\":[{\"id\":1,\"name\":\"old\",\"required\":false,"
			"\"type\":\"int\"},{\"id\":2,\"name\":\"dropped\",\"required\":false,\"type\":\"int\"}]}," SCHEMA(
				"0", "x"),
			""));

	assert_string_equal(lh_ice_field_any(m, 1)->name, "x");
	assert_int_equal(lh_ice_field_any(m, 1)->type.id, LH_T_INT64);
	assert_string_equal(lh_ice_field_any(m, 2)->name, "dropped");
	assert_null(lh_ice_field_any(m, 3));
}
/*
 * Partition specs, name mappings
 */

static void
the_same_name_in_two_specs_keeps_its_ids_apart(void **state)
{
	World *w = *state;
	LhIceMetadata *m = v1(
		w,
		",\"default-spec-id\":1,\"partition-specs\":["
		"{\"spec-id\":0,\"fields\":[{\"source-id\":1,\"field-id\":1000,\"name\":\"p\",\"transform\":\"identity\"}]},"
		"{\"spec-id\":1,\"fields\":[{\"source-id\":1,\"field-id\":1001,\"name\":\"p\",\"transform\":\"truncate[10]\"},"
		"{\"source-ids\":[1,2],\"field-id\":1002,\"name\":\"q\",\"transform\":\"bucket[4]\"},"
		"{\"source-ids\":[2],\"field-id\":1003,\"name\":\"r\",\"transform\":\"zorder\"}]}]");
	const LhIceSpec *spec = lh_ice_spec_find(m, 1);

	assert_int_equal(m->default_spec, 1);
	assert_int_equal(lh_ice_spec_find(m, 0)->fields[0].field_id, 1000);
	assert_true(spec->fields[0].field_id == 1001 &&
				spec->fields[0].transform.kind == LH_ICE_TRUNCATE);
	/* of several fields: readable, but it says nothing */
	assert_true(spec->fields[1].source_id == -1 &&
				spec->fields[1].transform.kind == LH_ICE_UNKNOWN);
	assert_true(spec->fields[2].source_id == 2 && spec->fields[2].transform.kind == LH_ICE_UNKNOWN);
	assert_null(lh_ice_spec_find(m, 2));
}

static void
specs_of_manifests_are_arrays(void **state)
{
	World *w = *state;
	const char *text = "[{\"name\":\"x\",\"transform\":\"day\",\"source-id\":1,\"field-id\":1000}]";
	LhIceSpec spec;

	ok(w, lh_ice_spec_parse(w->ctx, "manifest", lh_slice(text, strlen(text)), &spec));
	assert_true(spec.nfields == 1 && spec.fields[0].transform.kind == LH_ICE_DAY);
	text =
		"[{\"name\":\"x\",\"transform\":\"day\",\"source-id\":1,\"field-id\":7},{\"name\":\"y\",\"transform\":\"day\",\"source-id\":1,\"field-id\":7}]";
	refused(w, lh_ice_spec_parse(w->ctx, "manifest", lh_slice(text, strlen(text)), &spec),
			LH_CORRUPT, "manifest", "id 7", NULL);
}

static void
name_mappings_have_names_at_every_depth(void **state)
{
	World *w = *state;
	LhIceMetadata *m = v1(
		w,
		",\"properties\":{\"schema.name-mapping.default\":\"[{\\\"field-id\\\":1,\\\"names\\\":[\\\"a\\\",\\\"b\\\"],"
		"\\\"fields\\\":[{\\\"field-id\\\":2,\\\"names\\\":[\\\"element\\\"]}]},{\\\"names\\\":[]}]\"}");
	const LhNameMapping *map = m->mapping;

	assert_true(map->field_id == -1 && map->nchildren == 2);
	assert_true(map->children[0].field_id == 1 && map->children[0].nnames == 2);
	assert_string_equal(map->children[0].names[1], "b");
	assert_true(map->children[0].nchildren == 1 && map->children[0].children[0].field_id == 2);
	assert_true(map->children[1].field_id == -1 && map->children[1].nnames == 0);
	refused(
		w,
		parsed(w,
			   lh_sprintf(w->ctx, V1, ",\"properties\":{\"schema.name-mapping.default\":\"{}\"}"),
			   &m),
		LH_CORRUPT, "schema.name-mapping.default", "an array", NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_types_of_all_versions_are_known),
		TEST(nested_fields_have_their_ids),
		TEST(field_ids_are_unique_and_all_parts_are_there),
		TEST(defaults_are_values_of_the_fields_type),
		TEST(the_default_of_a_struct_is_empty),
		TEST(a_default_of_a_nested_type_is_refused_when_it_is_needed),
		TEST(a_dropped_field_is_found_in_the_newest_schema_that_had_it),
		TEST(the_same_name_in_two_specs_keeps_its_ids_apart),
		TEST(specs_of_manifests_are_arrays),
		TEST(name_mappings_have_names_at_every_depth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
