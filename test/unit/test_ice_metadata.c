/*
 * test_ice_metadata.c
 *		Metadata files: every version, what is required, what is chosen.
 *
 * Files of other projects are read where they are at hand (../shared/fixtures);
 * every rule has a file of its own here.
 */
#include "test_scan.h"

#include "codec/codec.h"
#include "iceberg/meta.h"

/*
 * Files
 */

/* One schema of one column, nothing else that is optional; "%s" is what else the file says. */
#define V1                                                                                                         \
	"{\"format-version\":1,\"location\":\"s3://b/t\",\"last-updated-ms\":5,\"last-column-id\":1,"                  \
	"\"schema\":{\"type\":\"struct\",\"fields\":[{\"id\":1,\"name\":\"x\",\"required\":true,\"type\":\"long\"}]}," \
	"\"partition-spec\":[]%s}"
#define V2_OF(version, schemas, more)                                                                      \
	"{\"format-version\":" version                                                                         \
	",\"table-uuid\":\"u\",\"location\":\"s3://b/t\",\"last-sequence-number\":9,"                          \
	"\"last-updated-ms\":5,\"last-column-id\":9,\"current-schema-id\":0,\"schemas\":[" schemas             \
	"],"                                                                                                   \
	"\"default-spec-id\":0,\"partition-specs\":[{\"spec-id\":0,\"fields\":[]}],\"last-partition-id\":999," \
	"\"default-sort-order-id\":0,\"sort-orders\":[{\"order-id\":0,\"fields\":[]}]" more "}"
#define SCHEMA(id, name)                                                               \
	"{\"type\":\"struct\",\"schema-id\":" id ",\"fields\":[{\"id\":1,\"name\":\"" name \
	"\",\"required\":false,\"type\":\"long\"}]}"
#define V2(more) V2_OF("2", SCHEMA("0", "x"), more)
#define SNAPSHOT(id, time, more)                                           \
	"{\"snapshot-id\":" id ",\"sequence-number\":1,\"timestamp-ms\":" time \
	",\"manifest-list\":\"l" id "\"" more "}"

static LhStatus
parsed(World *w, const char *text, LhIceMetadata **out)
{
	return lh_ice_metadata_parse(w->ctx, "/t/m.json", lh_slice(text, strlen(text)), out);
}

static LhIceMetadata *
metadata(World *w, const char *text)
{
	LhIceMetadata *m;

	ok(w, parsed(w, text, &m));
	return m;
}

static LhIceMetadata *
v1(World *w, const char *more)
{
	return metadata(w, lh_sprintf(w->ctx, V1, more));
}

static const char *shared_root = "../shared/fixtures/iceberg";

/* A file of another project; NULL, loudly, when it is not there. */
static const char *
others(World *w, const char *name, LhSlice *bytes)
{
	const char *path = lh_sprintf(w->ctx, "%s/%s", shared_root, name);
	FILE *f = fopen(path, "rb");
	uint8_t *data;
	size_t n;

	if (f == NULL)
	{
		print_message("SKIPPED: %s is not there\n", path);
		return NULL;
	}
	data = lh_alloc(w->ctx, 1 << 20);
	n = fread(data, 1, 1 << 20, f);
	fclose(f);
	*bytes = lh_slice(data, n);
	return path;
}

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
 * Files of Java and Rust
 */

static void
valid_files_of_others_are_read(void **state)
{
	World *w = *state;
	int absent = 0;
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
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
	{
		const LhIceSnapshot *snapshot;
		const LhIceSchema *schema;
		LhTableOptions options = {0};
		LhIceMetadata *m;
		LhSlice bytes;
		const char *path = others(w, files[i].name, &bytes);

		if (path == NULL)
		{
			absent++;
			continue;
		}
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
	if (absent > 0)
		skip();
}

static void
broken_files_of_others_are_refused_by_file_and_field(void **state)
{
	World *w = *state;
	int absent = 0;
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
			if (name != NULL && rust && files[i].code == LH_UNSUPPORTED)
				refused(w, lh_ice_metadata_parse(w->ctx, name, bytes, &m), LH_CORRUPT, name,
						"is missing", NULL);
			else if (name != NULL)
				refused(w, lh_ice_metadata_parse(w->ctx, name, bytes, &m), files[i].code, name,
						files[i].word, NULL);
			absent += name == NULL;
		}
	if (absent > 0)
		skip();
}

/* Values of the file that all projects share, one by one. */
static void
every_part_of_a_full_file_is_kept(void **state)
{
	World *w = *state;
	LhIceSnapshot *s;
	LhIceMetadata *m;
	LhSlice bytes;

	if (others(w, "java-core/TableMetadataV2Valid.json", &bytes) == NULL)
		skip();
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

	if (others(w, "java-core/TableMetadataStatisticsFiles.json", &bytes) == NULL)
		skip();
	ok(w, lh_ice_metadata_parse(w->ctx, "f", bytes, &m));
	assert_true(m->nstatistics == 1 && m->statistics[0].size == 413 &&
				m->statistics[0].footer_size == 42);
	assert_string_equal(m->statistics[0].path, "s3://a/b/stats.puffin");
	assert_non_null(strstr(lh_strndup(w->ctx, (const char *) m->statistics[0].blobs.data,
									  m->statistics[0].blobs.len),
						   "ndv"));
	if (others(w, "rust/table_metadata/TableMetadataV3ValidEncryption.json", &bytes) == NULL)
		skip();
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

/*
 * Which snapshot
 */

/* main: 1 (at 100), 2 (at 300, after a rollback), branch b: 3 (at 900), tag t: 1; snapshot 2 has schema 1. */
#define HISTORY                                                                                                                                                                                                                \
	V2_OF(                                                                                                                                                                                                                     \
		"2", SCHEMA("0", "now") "," SCHEMA("1", "then"),                                                                                                                                                                       \
		",\"current-snapshot-id\":2,\"snapshots\":[" SNAPSHOT("1", "100", ",\"schema-id\":1") "," SNAPSHOT(                                                                                                                    \
			"2", "300",                                                                                                                                                                                                        \
			",\"schema-id\":1,\"parent-snapshot-id\":1") "," SNAPSHOT("3", "900",                                                                                                                                              \
																	  ",\"schema-id\":1,\"parent-snapshot-id\":2") "],"                                                                                                        \
																												   "\"snapshot-log\":[{\"timestamp-ms\":100,\"snapshot-id\":1},{\"timestamp-ms\":200,\"snapshot-id\":4},"      \
																												   "{\"timestamp-ms\":250,\"snapshot-id\":1},{\"timestamp-ms\":300,\"snapshot-id\":2}],"                       \
																												   "\"refs\":{\"main\":{\"snapshot-id\":2,\"type\":\"branch\"},\"b\":{\"snapshot-id\":3,\"type\":\"branch\"}," \
																												   "\"t\":{\"snapshot-id\":1,\"type\":\"tag\",\"max-ref-age-ms\":7},\"gone\":{\"snapshot-id\":8,\"type\":\"tag\"}}")

/* "snapshot column" of what options choose. */
static const char *
chosen(World *w, const LhIceMetadata *m, LhTableOptions options)
{
	const LhIceSnapshot *s;
	const LhIceSchema *schema;

	ok(w, lh_ice_choose(w->ctx, m, &options, &s, &schema));
	return lh_sprintf(w->ctx, "%lld %s", s != NULL ? (long long) s->snapshot_id : -1LL,
					  schema->root.fields[0].name);
}

static LhStatus
not_chosen(World *w, const LhIceMetadata *m, LhTableOptions options)
{
	const LhIceSnapshot *s;
	const LhIceSchema *schema;

	return lh_ice_choose(w->ctx, m, &options, &s, &schema);
}

static void
the_current_snapshot_is_that_of_main_not_the_newest(void **state)
{
	World *w = *state;
	LhIceMetadata *m = metadata(w, HISTORY);

	assert_string_equal(chosen(w, m, (LhTableOptions){0}), "2 now");
	assert_string_equal(chosen(w, m, (LhTableOptions){.ref = "main"}), "2 now");
}

static void
a_snapshot_by_id_or_tag_is_shown_with_its_own_schema_a_branch_with_the_current(void **state)
{
	World *w = *state;
	LhIceMetadata *m = metadata(w, HISTORY);

	assert_string_equal(chosen(w, m, (LhTableOptions){.snapshot_id = 3}), "3 then");
	assert_string_equal(chosen(w, m, (LhTableOptions){.ref = "t"}), "1 then");
	assert_string_equal(chosen(w, m, (LhTableOptions){.ref = "b"}), "3 now");
}

static void
time_travel_follows_the_log_of_main(void **state)
{
	World *w = *state;
	LhIceMetadata *m = metadata(w, HISTORY);
	LhTableOptions at = {.has_time = true};

	at.snapshot_time_us = 100 * 1000;
	assert_string_equal(chosen(w, m, at), "1 then");
	at.snapshot_time_us = 299 * 1000 + 999;
	assert_string_equal(chosen(w, m, at), "1 then");
	at.snapshot_time_us = 300 * 1000;
	assert_string_equal(chosen(w, m, at), "2 then");
	/* branch b has a newer snapshot, but not main */
	at.snapshot_time_us = INT64_C(1) << 60;
	assert_string_equal(chosen(w, m, at), "2 then");
	at.snapshot_time_us = 100 * 1000 - 1;
	refused(w, not_chosen(w, m, at), LH_NOT_FOUND, "/t/m.json", "1970-01-01T00:00:00.099999", NULL);
	at.snapshot_time_us = 200 * 1000;
	refused(w, not_chosen(w, m, at), LH_NOT_FOUND, "snapshot 4", "expired", NULL);
}

/* The oldest time and the names are in the detail. */
static void
errors_list_what_there_is(void **state)
{
	World *w = *state;
	LhIceMetadata *m = metadata(w, HISTORY);

	assert_int_equal(not_chosen(w, m, (LhTableOptions){.has_time = true}), LH_NOT_FOUND);
	assert_non_null(strstr(w->ctx->error->detail, "1970-01-01T00:00:00.1"));
	assert_int_equal(not_chosen(w, m, (LhTableOptions){.ref = "B"}), LH_NOT_FOUND);
	assert_string_equal(w->ctx->error->detail, "It has branches: main, b; tags: t, gone.");
	refused(w, not_chosen(w, m, (LhTableOptions){.snapshot_id = 5}), LH_NOT_FOUND, "snapshot 5",
			NULL, NULL);
	refused(w, not_chosen(w, m, (LhTableOptions){.ref = "gone"}), LH_NOT_FOUND, "snapshot 8", NULL,
			NULL);
	refused(w, not_chosen(w, m, (LhTableOptions){.ref = "b", .snapshot_id = 1}), LH_INVALID,
			"only one", NULL, NULL);
}

static void
without_a_log_time_travel_follows_the_parents(void **state)
{
	World *w = *state;
	LhIceMetadata *m = metadata(
		w, V2(",\"current-snapshot-id\":2,\"snapshots\":[" SNAPSHOT("1", "100", "") "," SNAPSHOT(
			   "2", "300", ",\"parent-snapshot-id\":1") "," SNAPSHOT("3", "200", "") "]"));
	LhTableOptions at = {.has_time = true, .snapshot_time_us = 250 * 1000};

	assert_string_equal(chosen(w, m, at), "1 x");
	at.snapshot_time_us = 99 * 1000;
	refused(w, not_chosen(w, m, at), LH_NOT_FOUND, "as of", NULL, NULL);
}

static void
parents_in_a_circle_end(void **state)
{
	World *w = *state;
	LhIceMetadata *m = metadata(
		w,
		V2(",\"current-snapshot-id\":1,\"snapshots\":[" SNAPSHOT(
			"1", "100",
			",\"parent-snapshot-id\":2") "," SNAPSHOT("2", "90", ",\"parent-snapshot-id\":1") "]"));

	refused(w, not_chosen(w, m, (LhTableOptions){.has_time = true, .snapshot_time_us = 5}),
			LH_NOT_FOUND, "as of", NULL, NULL);
}

static void
minus_one_and_nothing_are_no_snapshot(void **state)
{
	World *w = *state;

	assert_string_equal(chosen(w, metadata(w, V2("")), (LhTableOptions){0}), "-1 x");
	assert_string_equal(
		chosen(w, metadata(w, V2(",\"current-snapshot-id\":-1")), (LhTableOptions){0}), "-1 x");
	assert_string_equal(chosen(w, metadata(w, V2(",\"current-snapshot-id\":null")),
							   (LhTableOptions){.ref = "main"}),
						"-1 x");
	refused(w, not_chosen(w, metadata(w, V2("")), (LhTableOptions){.snapshot_id = -1}), LH_INVALID,
			"-1", NULL, NULL);
	refused(w, not_chosen(w, metadata(w, V2(",\"current-snapshot-id\":77")), (LhTableOptions){0}),
			LH_NOT_FOUND, "77", NULL, NULL);
	refused(w, not_chosen(w, metadata(w, V2("")), (LhTableOptions){.ref = "x"}), LH_NOT_FOUND,
			"\"x\"", NULL, NULL);
}

static void
main_is_a_ref_even_when_only_the_current_snapshot_says_so(void **state)
{
	World *w = *state;
	LhIceMetadata *m =
		metadata(w, V2(",\"current-snapshot-id\":1,\"snapshots\":[" SNAPSHOT("1", "1", "") "]"));

	assert_int_equal(m->nrefs, 1);
	assert_string_equal(m->refs[0].name, "main");
	assert_true(!m->refs[0].is_tag && m->refs[0].max_ref_age_ms == -1);
	refused(
		w,
		parsed(
			w,
			V2(",\"current-snapshot-id\":1,\"refs\":{\"main\":{\"snapshot-id\":2,\"type\":\"branch\"}}"),
			&m),
		LH_CORRUPT, "main", "2", "1");
}

static void
snapshot_ids_have_64_bits(void **state)
{
	World *w = *state;
	LhIceMetadata *m =
		metadata(w, V2(",\"current-snapshot-id\":9876543210123456789,\"snapshots\":[" SNAPSHOT(
						"9007199254740993", "1",
						"") "," SNAPSHOT("9007199254740992", "1",
										 "") "," SNAPSHOT("9876543210123456789", "1", "") "]"));
	LhTableOptions options = {.snapshot_id = INT64_C(9007199254740993)};

	assert_string_equal(chosen(w, m, options), "9007199254740993 x");
	assert_true((uint64_t) m->current_snapshot == UINT64_C(9876543210123456789));
	assert_non_null(lh_ice_snapshot_find(m, m->current_snapshot));
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

/* Only rows that are shown with such a schema are refused. */
static void
a_default_of_a_nested_type_is_refused_when_it_is_needed(void **state)
{
	World *w = *state;
	const char *odd =
		"{\"type\":\"struct\",\"schema-id\":1,\"fields\":[{\"id\":1,\"name\":\"s\",\"required\":false,"
		"\"initial-default\":{},\"type\":{\"type\":\"struct\",\"fields\":[]}}]}";
	LhIceMetadata *m = metadata(
		w, lh_sprintf(w->ctx, V2_OF("3", SCHEMA("0", "x") ",%s", ",\"next-row-id\":0"), odd));

	assert_string_equal(chosen(w, m, (LhTableOptions){0}), "-1 x");
	m->current_schema = 1;
	refused(w, not_chosen(w, m, (LhTableOptions){0}), LH_UNSUPPORTED, "schema 1", "\"s\"",
			"struct");
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
		TEST(the_current_snapshot_is_that_of_main_not_the_newest),
		TEST(a_snapshot_by_id_or_tag_is_shown_with_its_own_schema_a_branch_with_the_current),
		TEST(time_travel_follows_the_log_of_main),
		TEST(errors_list_what_there_is),
		TEST(without_a_log_time_travel_follows_the_parents),
		TEST(parents_in_a_circle_end),
		TEST(minus_one_and_nothing_are_no_snapshot),
		TEST(main_is_a_ref_even_when_only_the_current_snapshot_says_so),
		TEST(snapshot_ids_have_64_bits),
		TEST(all_types_of_all_versions_are_known),
		TEST(nested_fields_have_their_ids),
		TEST(field_ids_are_unique_and_all_parts_are_there),
		TEST(defaults_are_values_of_the_fields_type),
		TEST(a_default_of_a_nested_type_is_refused_when_it_is_needed),
		TEST(a_dropped_field_is_found_in_the_newest_schema_that_had_it),
		TEST(the_same_name_in_two_specs_keeps_its_ids_apart),
		TEST(specs_of_manifests_are_arrays),
		TEST(name_mappings_have_names_at_every_depth),
		TEST(properties_may_be_numbers_and_the_last_of_a_key_counts),
		TEST(many_snapshots_cost_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
