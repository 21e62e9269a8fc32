/*
 * test_ice_metadata.c
 *		Metadata files: every version, what is required.
 *
 * Files of other projects are read where they are at hand (../shared/fixtures);
 * every rule has a file of its own here.
 */
#include "unit/ice_metadata.h"

#include <unistd.h>

#include "codec/codec.h"

static const char *shared_root = "../shared/fixtures/iceberg";

/* A file of another project.  Without them the test is skipped, and says so; where they are, each one has to be. */
static const char *
others(World *w, const char *name, LhSlice *bytes)
{
	const char *path = lh_sprintf(w->ctx, "%s/%s", shared_root, name);
	FILE *f = fopen(path, "rb");
	uint8_t *data;
	size_t n;

	if (f == NULL && access(shared_root, F_OK) != 0)
	{
		print_message("SKIPPED: files of other projects are not at %s\n", shared_root);
		skip();
	}
	if (f == NULL)
		fail_msg("%s is not there", path);
	data = lh_alloc(w->ctx, 1 << 20);
	n = fread(data, 1, 1 << 20, f);
	fclose(f);
	assert_true(n > 0);
	*bytes = lh_slice(data, n);
	return path;
}

/*
 * Files of Java and Rust
 */

static void
valid_files_of_others_are_read(void **state)
{
	World *w = *state;
	static const struct
	{
		const char *name;
		int version, fields;
		size_t snapshots;
		int64_t current;
	} files[] = {
		{"java-core/TableMetadataV1Valid.json", 1, 3, 0, -1},
		{"java-core/TableMetadataV2Valid.json", 2, 3, 2, INT64_C(3055729675574597004)},
		{"java-core/TableMetadataV2ValidMinimal.json", 2, 3, 0, -1},
		{"java-core/TableMetadataV3ValidMinimal.json", 3, 3, 0, -1},
		{"java-core/TableMetadataStatisticsFiles.json", 2, 1, 1, INT64_C(3055729675574597004)},
		{"java-core/TableMetadataPartitionStatisticsFiles.json", 2, 1, 1,
		 INT64_C(3055729675574597004)},
		{"rust/table_metadata/TableMetadataV1Valid.json", 1, 3, 0, -1},
		{"rust/table_metadata/TableMetadataV1Compat.json", 1, 4, 1, INT64_C(917896971991367610)},
		{"rust/table_metadata/TableMetadataV1PartitionSpecsWithoutDefaultId.json", 1, 3, 0, -1},
		{"rust/table_metadata/TableMetadataV1SchemasWithoutCurrentId.json", 1, 3, 0, -1},
		{"rust/table_metadata/TableMetadataV2Valid.json", 2, 3, 2, INT64_C(3055729675574597004)},
		{"rust/table_metadata/TableMetadataV2ValidMinimal.json", 2, 3, 0, -1},
		{"rust/table_metadata/TableMetadataV3ValidMinimal.json", 3, 3, 0, -1},
		{"rust/table_metadata/TableMetadataV3ValidEncryption.json", 3, 1, 1, 1},
		{"rust/example_empty_table_metadata_v2.json", 2, 8, 0, -1},
		{"rust/example_table_metadata_v2.json", 2, 8, 2, INT64_C(3055729675574597004)},
		{"rust/example_table_metadata_v2_deep_history.json", 2, 3, 5, INT64_C(3059729675574597004)},
		{"rust/example_table_metadata_v2_partition_evolution.json", 2, 8, 3, INT64_C(3059729675574597004)},
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
	{
		const LhIceSnapshot *snapshot;
		const LhIceSchema *schema;
		LhTableOptions options = {0};
		LhIceMetadata *m;
		LhSlice bytes;
		const char *path = others(w, files[i].name, &bytes);

		ok(w, lh_ice_metadata_parse(w->ctx, path, bytes, &m));
		assert_int_equal(m->version, files[i].version);
		assert_int_equal(m->nsnapshots, files[i].snapshots);
		assert_true((m->has_current ? m->current_snapshot : -1) == files[i].current);
		ok(w, lh_ice_choose(w->ctx, m, &options, &snapshot, &schema));
		assert_int_equal(schema->root.nfields, files[i].fields);
		assert_true((snapshot != NULL) == m->has_current);
		if (snapshot != NULL)
			assert_true(snapshot->snapshot_id == files[i].current &&
						snapshot->manifest_list != NULL);
	}
}

static void
broken_files_of_others_are_refused_by_file_and_field(void **state)
{
	World *w = *state;
	static const struct
	{
		const char *name;
		LhStatus code;
		const char *word;
	} files[] = {
		{"TableMetadataUnsupportedVersion.json", LH_UNSUPPORTED, "version"},
		{"TableMetadataV2CurrentSchemaNotFound.json", LH_CORRUPT, "\"current-schema-id\" 2"},
		{"TableMetadataV2MissingLastPartitionId.json", LH_CORRUPT,
		 "\"last-partition-id\" is missing"},
		{"TableMetadataV2MissingPartitionSpecs.json", LH_CORRUPT, "\"partition-specs\" is missing"},
		{"TableMetadataV2MissingSchemas.json", LH_CORRUPT, "\"schemas\" is missing"},
		{"TableMetadataV2MissingSortOrder.json", LH_CORRUPT, "\"sort-orders\" is missing"},
		{"TableMetadataV1MissingSchemaType.json", LH_CORRUPT, "\"type\" is missing"},
		{"TableMetadataV1NoValidSchema.json", LH_CORRUPT, "\"current-schema-id\" is missing"},
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		for (int rust = 0; rust <= 1; rust++)
		{
			const char *name = lh_sprintf(
				w->ctx, "%s/%s", rust ? "rust/table_metadata" : "java-core", files[i].name);
			LhIceMetadata *m;
			LhSlice bytes;

			/* each project has one that the other has not */
			if ((rust && strstr(name, "MissingSchemaType") != NULL) ||
				(!rust && strstr(name, "NoValidSchema") != NULL))
				continue;
			name = others(w, name, &bytes);
			/* that of Rust is of version 3, and lacks what 3 needs */
			if (rust && files[i].code == LH_UNSUPPORTED)
				refused(w, lh_ice_metadata_parse(w->ctx, name, bytes, &m), LH_CORRUPT, name,
						"is missing", NULL);
			else
				refused(w, lh_ice_metadata_parse(w->ctx, name, bytes, &m), files[i].code, name,
						files[i].word, NULL);
		}
}

/* All of them, whatever else is wrong with them. */
static void
views_are_told_from_tables(void **state)
{
	World *w = *state;
	static const char *const files[] = {
		"java-core/org/apache/iceberg/view/ValidViewMetadata.json",
		"java-core/org/apache/iceberg/view/ViewMetadataInvalidCurrentSchema.json",
		"java-core/org/apache/iceberg/view/ViewMetadataInvalidCurrentVersion.json",
		"java-core/org/apache/iceberg/view/ViewMetadataMissingCurrentVersion.json",
		"java-core/org/apache/iceberg/view/ViewMetadataMissingLocation.json",
		"java-core/org/apache/iceberg/view/ViewMetadataMultipleSQLsForDialect.json",
		"rust/view_metadata/ViewMetadataUnsupportedVersion.json",
		"rust/view_metadata/ViewMetadataV1CurrentVersionNotFound.json",
		"rust/view_metadata/ViewMetadataV1MissingCurrentVersion.json",
		"rust/view_metadata/ViewMetadataV1MissingSchema.json",
		"rust/view_metadata/ViewMetadataV1SchemaNotFound.json",
		"rust/view_metadata/ViewMetadataV1Valid.json",
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
	{
		LhIceMetadata *m;
		LhSlice bytes;
		const char *path = others(w, files[i], &bytes);

		refused(w, lh_ice_metadata_parse(w->ctx, path, bytes, &m), LH_UNSUPPORTED, path, "view-uuid", "is a view");
	}
}

/* Types of the plane and of the globe as Java writes them, in a table's schema. */
static void
a_schema_of_java_with_geometries(void **state)
{
	World *w = *state;
	LhTableOptions options = {0};
	const LhIceSnapshot *snapshot;
	const LhIceSchema *schema;
	LhIceMetadata *m;
	LhSlice bytes;
	const char *text;

	others(w, "go/misc/geo-schema-java-main.json", &bytes);
	text = lh_sprintf(w->ctx,
					  "{\"format-version\":3,\"table-uuid\":\"9c12d441-03fe-4693-9a96-a0705ddf69c1\",\"location\":\"/t\","
					  "\"last-sequence-number\":0,\"last-updated-ms\":1,\"last-column-id\":7,\"next-row-id\":0,\"current-schema-id\":17,"
					  "\"schemas\":[%.*s],\"partition-specs\":[{\"spec-id\":0,\"fields\":[]}],\"default-spec-id\":0,"
					  "\"last-partition-id\":999,\"sort-orders\":[{\"order-id\":0,\"fields\":[]}],\"default-sort-order-id\":0}",
					  (int) bytes.len, (const char *) bytes.data);
	ok(w, lh_ice_metadata_parse(w->ctx, "x", lh_slice(text, strlen(text)), &m));
	ok(w, lh_ice_choose(w->ctx, m, &options, &snapshot, &schema));
	assert_int_equal(schema->root.nfields, 7);
	for (int i = 1; i < 7; i++)
		assert_int_equal(schema->root.fields[i].type.id, i == 1 || i == 5 ? LH_T_GEOMETRY : LH_T_GEOGRAPHY);
}

/* Values of the file that all projects share, one by one. */
static void
every_part_of_a_full_file_is_kept(void **state)
{
	World *w = *state;
	LhIceSnapshot *s;
	LhIceMetadata *m;
	LhSlice bytes;

	others(w, "java-core/TableMetadataV2Valid.json", &bytes);
	ok(w, lh_ice_metadata_parse(w->ctx, "f", bytes, &m));
	assert_string_equal(m->uuid, "9c12d441-03fe-4693-9a96-a0705ddf69c1");
	assert_string_equal(m->location, "s3://bucket/test/location");
	assert_true(m->last_sequence == 34 && m->last_updated_ms == INT64_C(1602638573590));
	assert_true(m->nschemas == 2 && m->current_schema == 1);
	assert_int_equal(lh_ice_schema_find(m, 1)->nidentifiers, 2);
	assert_string_equal(lh_ice_schema_find(m, 1)->docs[1], "comment");
	assert_null(lh_ice_schema_find(m, 1)->docs[0]);
	assert_true(m->nspecs == 1 && m->specs[0].fields[0].field_id == 1000 &&
				m->specs[0].fields[0].source_id == 1);
	assert_true(m->norders == 1 && m->default_order == 3 && m->orders[0].nfields == 2);
	assert_true(m->orders[0].fields[0].identity && m->orders[0].fields[0].nulls_first &&
				!m->orders[0].fields[0].descending);
	assert_true(!m->orders[0].fields[1].identity && m->orders[0].fields[1].descending &&
				!m->orders[0].fields[1].nulls_first);
	assert_true(m->nlog == 2 && m->log[1].snapshot_id == INT64_C(3055729675574597004) &&
				m->log[1].timestamp_ms == INT64_C(1555100955770));
	ok(w, lh_ice_snapshot_get(w->ctx, m, INT64_C(3055729675574597004), &s));
	assert_true(s->has_parent && s->parent_id == INT64_C(3051729675574597004));
	assert_true(s->sequence == 1 && s->schema_id == 1 && s->added_rows == -1 &&
				!s->has_first_row_id);
	assert_string_equal(s->operation, "append");
	assert_string_equal(s->manifest_list, "s3://a/b/2.avro");
	assert_int_equal(m->nrefs, 1);
	assert_string_equal(m->refs[0].name, "main");
}

static void
statistics_and_keys_are_kept(void **state)
{
	World *w = *state;
	LhIceMetadata *m;
	LhIceSnapshot *s;
	LhSlice bytes;

	others(w, "java-core/TableMetadataStatisticsFiles.json", &bytes);
	ok(w, lh_ice_metadata_parse(w->ctx, "f", bytes, &m));
	assert_true(m->nstatistics == 1 && m->statistics[0].size == 413 &&
				m->statistics[0].footer_size == 42);
	assert_string_equal(m->statistics[0].path, "s3://a/b/stats.puffin");
	assert_non_null(strstr(lh_strndup(w->ctx, (const char *) m->statistics[0].blobs.data,
									  m->statistics[0].blobs.len),
						   "ndv"));
	others(w, "rust/table_metadata/TableMetadataV3ValidEncryption.json", &bytes);
	ok(w, lh_ice_metadata_parse(w->ctx, "f", bytes, &m));
	assert_int_equal(m->nkeys, 2);
	assert_string_equal(m->keys[0].encrypted_by, "master-1");
	assert_int_equal(m->keys[0].encrypted.len, 44);
	assert_int_equal(m->keys[0].encrypted.data[0], 0x59);
	assert_string_equal(m->keys[0].properties[0], "KEY_TIMESTAMP");
	assert_true(m->next_row_id == 0);
	ok(w, lh_ice_snapshot_get(w->ctx, m, 1, &s));
	assert_string_equal(s->key_id, "1fb95f04-7f98-4b1f-a08f-e810cfb907ff");
}

/*
 * Version 1
 */

static void
version_1_has_one_schema_one_spec_and_manifests_inline(void **state)
{
	World *w = *state;
	LhIceMetadata *m =
		v1(w, ",\"current-snapshot-id\":7,\"snapshots\":[{\"snapshot-id\":7,\"timestamp-ms\":3,"
			  "\"manifests\":[\"s3://b/m1\",\"s3://b/m2\"]}]");
	const LhIceSnapshot *s;
	const LhIceSchema *schema;
	LhTableOptions options = {0};

	assert_true(m->nschemas == 1 && m->nspecs == 1 && m->norders == 0 && m->last_sequence == 0);
	ok(w, lh_ice_choose(w->ctx, m, &options, &s, &schema));
	assert_true(s->sequence == 0 && s->manifest_list == NULL && s->nmanifests == 2 &&
				!s->has_parent);
	assert_string_equal(s->manifests[1], "s3://b/m2");
	assert_null(s->operation);
	assert_int_equal(s->schema_id, -1);
	assert_string_equal(schema->root.fields[0].name, "x");
	assert_true(schema->root.fields[0].required);
}

static void
specs_of_version_1_without_ids_count_from_1000(void **state)
{
	World *w = *state;
	const char *text =
		"{\"format-version\":1,\"location\":\"s3://b/t\",\"last-updated-ms\":5,\"last-column-id\":1,"
		"\"schema\":{\"type\":\"struct\",\"fields\":[]},\"partition-spec\":["
		"{\"name\":\"a\",\"transform\":\"identity\",\"source-id\":1%s},"
		"{\"name\":\"b\",\"transform\":\"bucket[16]\",\"source-id\":2}]}";
	LhIceMetadata *m = metadata(w, lh_sprintf(w->ctx, text, ""));

	assert_int_equal(m->specs[0].fields[0].field_id, 1000);
	assert_int_equal(m->specs[0].fields[1].field_id, 1001);
	assert_int_equal(m->specs[0].fields[1].transform.kind, LH_ICE_BUCKET);
	refused(w, parsed(w, lh_sprintf(w->ctx, text, ",\"field-id\":1005"), &m), LH_CORRUPT,
			"partition-spec", "1 of the 2", "field-id");
}

static void
version_1_needs_a_snapshot_with_manifests(void **state)
{
	World *w = *state;
	LhIceMetadata *m =
		v1(w, ",\"current-snapshot-id\":7,\"snapshots\":[{\"snapshot-id\":7,\"timestamp-ms\":3}]");
	LhTableOptions options = {0};
	const LhIceSnapshot *s;
	const LhIceSchema *schema;

	refused(w, lh_ice_choose(w->ctx, m, &options, &s, &schema), LH_CORRUPT, "/t/m.json",
			"snapshot 7", "\"manifest-list\" is missing");
}

/*
 * What is required
 */

/* That of version 1, in metadata that was upgraded since, has no sequence number: it is 0. */
static void
a_snapshot_needs_a_list_but_no_sequence_number(void **state)
{
	World *w = *state;
	LhIceMetadata *m =
		metadata(w, V2(",\"current-snapshot-id\":7,\"snapshots\":[{\"snapshot-id\":7,"
					   "\"timestamp-ms\":3,\"manifest-list\":\"l\"},{\"snapshot-id\":8,"
					   "\"timestamp-ms\":3,\"sequence-number\":1}]"));
	LhTableOptions options = {0};
	const LhIceSnapshot *s;
	const LhIceSchema *schema;

	ok(w, lh_ice_choose(w->ctx, m, &options, &s, &schema));
	assert_int_equal(s->sequence, 0);
	options.snapshot_id = 8;
	refused(w, lh_ice_choose(w->ctx, m, &options, &s, &schema), LH_CORRUPT,
			"\"manifest-list\" is missing", NULL, NULL);
}

/* Only who writes needs it, and some writers leave it out. */
static void
version_3_may_lack_a_next_row_id(void **state)
{
	World *w = *state;

	assert_true(metadata(w, V2_OF("3", SCHEMA("0", "x"), ",\"next-row-id\":77"))->next_row_id ==
				77);
	assert_true(metadata(w, V2_OF("3", SCHEMA("0", "x"), ""))->next_row_id == -1);
	assert_true(metadata(w, V2(""))->next_row_id == -1);
}

static void
a_version_to_come_is_told_from_a_broken_file(void **state)
{
	World *w = *state;
	LhIceMetadata *m;

	refused(w, parsed(w, "{\"schemas\":7,\"location\":\"x\",\"format-version\":4}", &m),
			LH_UNSUPPORTED, "version 4", NULL, NULL);
	refused(w, parsed(w, "{\"format-version\":4}", &m), LH_UNSUPPORTED, "version 4", NULL, NULL);
	refused(w, parsed(w, "{\"format-version\":0}", &m), LH_CORRUPT, "format-version", NULL, NULL);
	refused(w, parsed(w, "{\"schemas\":7,\"format-version\":2}", &m), LH_CORRUPT, "\"schemas\"",
			"an array", NULL);
	refused(w, parsed(w, "{}", &m), LH_CORRUPT, "\"format-version\" is missing", NULL, NULL);
	refused(w, parsed(w, "", &m), LH_CORRUPT, "/t/m.json", "text ends", NULL);
	refused(w, parsed(w, "<html>", &m), LH_CORRUPT, "/t/m.json", NULL, NULL);
}

static void
fields_that_come_twice_are_refused(void **state)
{
	World *w = *state;
	LhIceMetadata *m;

	refused(w, parsed(w, V2(",\"location\":\"s3://other\""), &m), LH_CORRUPT, "\"location\"",
			"twice", NULL);
	refused(w,
			parsed(w,
				   V2(",\"current-snapshot-id\":null,\"snapshots\":[" SNAPSHOT(
					   "7", "3", "") "," SNAPSHOT("7", "4", "") "]"),
				   &m),
			LH_CORRUPT, "snapshots[1].snapshot-id", "7", NULL);
}

static void
absurd_numbers_are_refused_by_field(void **state)
{
	World *w = *state;
	LhIceMetadata *m;

	refused(w, parsed(w, V2(",\"current-snapshot-id\":1e3"), &m), LH_CORRUPT,
			"\"current-snapshot-id\"", "1e3", NULL);
	refused(w, parsed(w, V2(",\"snapshots\":[" SNAPSHOT("99999999999999999999", "3", "") "]"), &m),
			LH_CORRUPT, "snapshots[0].snapshot-id", "64 bits", NULL);
	refused(w, parsed(w, V2(",\"snapshots\":[{\"snapshot-id\":1}]"), &m), LH_CORRUPT,
			"snapshots[0]", "\"timestamp-ms\" is missing", NULL);
	refused(w, parsed(w, V2(",\"refs\":{\"b\":{\"snapshot-id\":1,\"type\":\"x\"}}"), &m),
			LH_CORRUPT, "refs.b", "neither", NULL);
}

static void
unknown_fields_are_stepped_over(void **state)
{
	World *w = *state;
	LhIceMetadata *m =
		metadata(w, V2(",\"future\":{\"deep\":[[[{\"x\":\"}\"}]]]},\"more\":[1,2.5,null]"));

	assert_int_equal(m->nschemas, 1);
}

static void
deep_nesting_is_an_error(void **state)
{
	World *w = *state;
	size_t n = 1000000;
	char *deep = lh_alloc(w->ctx, n + 1);
	LhIceMetadata *m;
	LhBuf text;

	memset(deep, '[', n);
	deep[n] = '\0';
	refused(w, parsed(w, lh_sprintf(w->ctx, V1, lh_sprintf(w->ctx, ",\"x\":%s", deep)), &m),
			LH_LIMIT, "\"x\"", "nested", NULL);
	/* a schema as deep as that */
	ok(w, lh_buf_init(w->ctx, &text, false));
	ok(w, lh_buf_append_str(w->ctx, &text,
							"{\"format-version\":1,\"schema\":{\"type\":\"struct\",\"fields\":"
							"[{\"id\":1,\"name\":\"a\",\"required\":true,\"type\":"));
	for (int i = 0; i < 1000; i++)
		ok(w, lh_buf_append_str(w->ctx, &text, "{\"type\":\"list\",\"element\":"));
	ok(w, lh_buf_append_str(w->ctx, &text, "\"int\""));
	for (int i = 0; i < 1000; i++)
		ok(w, lh_buf_putc(w->ctx, &text, '}'));
	ok(w, lh_buf_append_str(w->ctx, &text, "}]}}"));
	refused(w, lh_ice_metadata_parse(w->ctx, "f", lh_slice(text.data, text.len), &m), LH_LIMIT,
			"schema.fields", "types are nested more than 100 deep", NULL);
}

static void
packed_files_are_told_by_their_bytes(void **state)
{
	World *w = *state;
	const char *text = V2("");
	LhCodecs *codecs;
	LhIceMetadata *m;
	LhBuf packed;

	ok(w, lh_codecs_create(w->ctx, &codecs));
	ok(w, lh_buf_init(w->ctx, &packed, false));
	ok(w, lh_compress(w->ctx, codecs, LH_CODEC_GZIP, 0, (const uint8_t *) text, strlen(text),
					  &packed));
	ok(w, lh_ice_metadata_parse(w->ctx, "v1.metadata.json", lh_slice(packed.data, packed.len), &m));
	assert_string_equal(m->location, "s3://b/t");
	refused(w, lh_ice_metadata_parse(w->ctx, "f", lh_slice(packed.data, packed.len - 9), &m),
			LH_CORRUPT, "\"f\"", NULL, NULL);
	refused(w, lh_ice_metadata_parse(w->ctx, "f", lh_slice(packed.data, 10), &m), LH_CORRUPT,
			"gzip", NULL, NULL);
	/* a size that deflate cannot reach is not allocated */
	memset(packed.data + packed.len - 4, 0x3F, 4);
	refused(w, lh_ice_metadata_parse(w->ctx, "f", lh_slice(packed.data, packed.len), &m),
			LH_CORRUPT, "gzip", NULL, NULL);
}

static void
properties_may_be_numbers_and_the_last_of_a_key_counts(void **state)
{
	World *w = *state;
	LhIceMetadata *m = v1(w, ",\"properties\":{\"a\":\"1\",\"n\":100,\"a\":\"2\"}");

	assert_string_equal(lh_ice_property(m, "a"), "2");
	assert_string_equal(lh_ice_property(m, "n"), "100");
	assert_null(lh_ice_property(m, "b"));
}

/* Each costs its entry, and what is read of one is little. */
static void
many_snapshots_cost_little(void **state)
{
	World *w = *state;
	size_t n = 200000, before;
	LhIceMetadata *m;
	LhBuf text;

	ok(w, lh_buf_init(w->ctx, &text, false));
	ok(w,
	   lh_buf_append_str(
		   w->ctx, &text,
		   "{\"format-version\":1,\"location\":\"s3://b/t\",\"last-updated-ms\":5,"
		   "\"last-column-id\":1,\"schema\":{\"type\":\"struct\",\"fields\":[]},\"partition-spec\":[],"
		   "\"current-snapshot-id\":199999,\"snapshots\":["));
	for (size_t i = 0; i < n; i++)
		ok(w,
		   lh_buf_printf(
			   w->ctx, &text,
			   "%s{\"snapshot-id\":%zu,\"timestamp-ms\":%zu,\"parent-snapshot-id\":%zu,\"summary\":{"
			   "\"operation\":\"append\",\"spark.app.id\":\"local-1641\",\"added-data-files\":\"1\","
			   "\"added-records\":\"3\",\"total-records\":\"%zu\"},\"manifest-list\":\"s3://bucket/warehouse/db/table/"
			   "metadata/snap-%zu-1-60bac781-d939.avro\"}",
			   i > 0 ? "," : "", i, i * 1000, i - 1, i * 3, i));
	ok(w, lh_buf_append_str(w->ctx, &text, "]}"));
	before = lh_arena_used(w->ctx->arena);
	ok(w, lh_ice_metadata_parse(w->ctx, "f", lh_slice(text.data, text.len), &m));
	assert_int_equal(m->nsnapshots, n);
	/* 32 bytes, growth of the array, and the index */
	assert_true(lh_arena_used(w->ctx->arena) - before < n * 80);
	assert_string_equal(
		chosen(
			w,
			v1(w,
			   ",\"current-snapshot-id\":1,\"snapshots\":[{\"snapshot-id\":1,\"timestamp-ms\":1,\"manifest-list\":\"l\"}]"),
			(LhTableOptions){0}),
		"1 x");
	assert_true(lh_ice_snapshot_find(m, 123456)->timestamp_ms == 123456000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(valid_files_of_others_are_read),
		TEST(broken_files_of_others_are_refused_by_file_and_field),
		TEST(views_are_told_from_tables),
		TEST(a_schema_of_java_with_geometries),
		TEST(every_part_of_a_full_file_is_kept),
		TEST(statistics_and_keys_are_kept),
		TEST(version_1_has_one_schema_one_spec_and_manifests_inline),
		TEST(specs_of_version_1_without_ids_count_from_1000),
		TEST(version_1_needs_a_snapshot_with_manifests),
		TEST(a_snapshot_needs_a_list_but_no_sequence_number),
		TEST(version_3_may_lack_a_next_row_id),
		TEST(a_version_to_come_is_told_from_a_broken_file),
		TEST(fields_that_come_twice_are_refused),
		TEST(absurd_numbers_are_refused_by_field),
		TEST(unknown_fields_are_stepped_over),
		TEST(deep_nesting_is_an_error),
		TEST(packed_files_are_told_by_their_bytes),
		TEST(properties_may_be_numbers_and_the_last_of_a_key_counts),
		TEST(many_snapshots_cost_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
