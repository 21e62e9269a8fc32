/*
 * test_ice_hostile.c
 *		Adversities in metadata files and manifest lists, from file to rows: each gives
 *		an error that names file and field, or the right rows.
 *
 * Those in manifests and delete files are test_ice_hostile_files.c's, paths that
 * point elsewhere test_ice_hostile_paths.c's.
 */
#include "unit/ice_hostile.h"

#include <zlib.h>

#define DEPTH 1000000

static void
a_healthy_table_stands(void **state)
{
	House h = house_setup(*state);

	stands(&h, HOUSE_ROWS);
	h.options.metadata_columns = true;
	stands(&h, HOUSE_ROWS);
}

/* Something nested DEPTH times: open, open ... middle ... close, close. */
static char *
deep(const House *h, const char *open, const char *middle, const char *close)
{
	size_t no = strlen(open), nm = strlen(middle), nc = strlen(close);
	char *out = lh_alloc(h->w->ctx, DEPTH * (no + nc) + nm + 1), *p = out;

	for (int i = 0; i < DEPTH; i++, p += no)
		memcpy(p, open, no);
	memcpy(p, middle, nm);
	p += nm;
	for (int i = 0; i < DEPTH; i++, p += nc)
		memcpy(p, close, nc);
	*p = '\0';
	return out;
}

typedef struct Word
{
	const char *old, *with;
	LhStatus code;
	const char *field;
} Word;

/* All are tried: each that does not fall as it should is said. */
static void
fall(House *h, const Word *words, size_t n)
{
	int wrong = 0;

	for (size_t i = 0; i < n; i++)
	{
		const char *message = h->w->ctx->error->message;
		LhStatus status;
		LhBuf ids;

		house_says(h, words[i].old, words[i].with);
		ok(h->w, lh_buf_init(h->w->ctx, &ids, false));
		status = house_read(h, &ids);
		if (status != words[i].code || strstr(message, "v1.metadata.json") == NULL ||
			strstr(message, words[i].field) == NULL)
		{
			print_error("%s -> %s: %s: %s\n", words[i].old, words[i].with, lh_status_name(status),
						status == LH_OK ? "" : message);
			wrong++;
		}
		lh_error_clear(h->w->ctx);
	}
	assert_int_equal(wrong, 0);
}

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void
fields_that_are_missing_are_named(void **state)
{
	House h = house_setup(*state);
	static const Word words[] = {
		{"\"format-version\":3,", "", LH_CORRUPT, "format-version"},
		{"\"table-uuid\":\"9c12d441-03fe-4693-9a96-a0705ddf69c1\",", "", LH_CORRUPT, "table-uuid"},
		{"\"location\":\"@\",", "", LH_CORRUPT, "location"},
		{"\"last-sequence-number\":3,", "", LH_CORRUPT, "last-sequence-number"},
		{"\"last-updated-ms\":1,", "", LH_CORRUPT, "last-updated-ms"},
		{"\"current-schema-id\":0,", "", LH_CORRUPT, "current-schema-id"},
		{"\"schemas\":", "\"others\":", LH_CORRUPT, "schemas"},
		{"\"partition-specs\":", "\"others\":", LH_CORRUPT, "partition-specs"},
		{"\"default-spec-id\":0,", "", LH_CORRUPT, "default-spec-id"},
		{"{\"snapshot-id\":7,\"parent", "{\"parent", LH_CORRUPT, "snapshot-id"},
		{",\"manifest-list\":\"@/metadata/list.avro\"", "", LH_CORRUPT, "manifest-list"},
		{"\"timestamp-ms\":2,\"manifest", "\"manifest", LH_CORRUPT, "timestamp-ms"},
		{"{\"id\":1,\"name\"", "{\"name\"", LH_CORRUPT, "id"},
		{"{\"id\":1,\"name\":\"id\",", "{\"id\":1,", LH_CORRUPT, "name"},
		{"\"required\":false,\"type\":\"long\"", "\"required\":false", LH_CORRUPT, "type"},
		{"\"element-id\":4,", "", LH_CORRUPT, "element-id"},
		{"\"transform\":\"identity\"", "\"x\":1", LH_CORRUPT, "transform"},
	};

	fall(&h, words, COUNT(words));
}

static void
values_of_another_type_are_named(void **state)
{
	House h = house_setup(*state);
	static const Word words[] = {
		{"\"format-version\":3", "\"format-version\":\"3\"", LH_CORRUPT, "format-version"},
		{"\"format-version\":3", "\"format-version\":[3]", LH_CORRUPT, "format-version"},
		{"\"location\":\"@\"", "\"location\":7", LH_CORRUPT, "location"},
		{"\"location\":\"@\"", "\"location\":null", LH_CORRUPT, "location"},
		{"\"last-sequence-number\":3", "\"last-sequence-number\":3.5", LH_CORRUPT, "last-sequence-number"},
		{"\"last-updated-ms\":1", "\"last-updated-ms\":true", LH_CORRUPT, "last-updated-ms"},
		{"\"current-schema-id\":0", "\"current-schema-id\":{}", LH_CORRUPT, "current-schema-id"},
		{"\"schemas\":[", "\"schemas\":7,\"x\":[", LH_CORRUPT, "schemas"},
		{"\"fields\":[{\"id\":1", "\"fields\":{},\"x\":[{\"id\":1", LH_CORRUPT, "fields"},
		{"\"type\":\"long\"", "\"type\":7", LH_CORRUPT, "type"},
		{"\"type\":\"long\"", "\"type\":\"longer\"", LH_UNSUPPORTED, "longer"},
		{"\"required\":false,\"type\":\"long\"", "\"required\":\"no\",\"type\":\"long\"", LH_CORRUPT, "required"},
		{"\"properties\":{\"owner\":\"me\"}", "\"properties\":[]", LH_CORRUPT, "properties"},
		{"\"refs\":{", "\"refs\":[],\"x\":{", LH_CORRUPT, "refs"},
		{"\"snapshots\":[", "\"snapshots\":{},\"x\":[", LH_CORRUPT, "snapshots"},
		{"\"manifest-list\":\"@/metadata/list.avro\"", "\"manifest-list\":7", LH_CORRUPT, "manifest-list"},
		{"\"type\":\"branch\"", "\"type\":\"twig\"", LH_CORRUPT, "refs.main"},
	};

	fall(&h, words, COUNT(words));
}

static void
absurd_numbers_are_named(void **state)
{
	House h = house_setup(*state);
	static const Word words[] = {
		{"\"format-version\":3", "\"format-version\":4", LH_UNSUPPORTED, "4"},
		{"\"format-version\":3", "\"format-version\":0", LH_CORRUPT, "format-version"},
		{"\"format-version\":3", "\"format-version\":-3", LH_CORRUPT, "format-version"},
		{"\"format-version\":3", "\"format-version\":99999999999999999999", LH_CORRUPT, "format-version"},
		{"\"last-sequence-number\":3", "\"last-sequence-number\":1e400", LH_CORRUPT, "last-sequence-number"},
		{"\"current-schema-id\":0", "\"current-schema-id\":2147483648", LH_CORRUPT, "current-schema-id"},
		{"\"current-schema-id\":0", "\"current-schema-id\":1", LH_CORRUPT, "current-schema-id"},
		{"\"default-spec-id\":0", "\"default-spec-id\":-1", LH_CORRUPT, "default-spec-id"},
		{"\"default-spec-id\":0", "\"default-spec-id\":9", LH_CORRUPT, "default-spec-id"},
		{"{\"id\":1,", "{\"id\":-1,", LH_CORRUPT, "id"},
		{"{\"id\":1,", "{\"id\":2,", LH_CORRUPT, "id"},
		{"\"element-id\":4", "\"element-id\":1", LH_CORRUPT, "id"},
		{"{\"id\":1,", "{\"id\":4294967297,", LH_CORRUPT, "id"},
		{"\"spec-id\":1,", "\"spec-id\":0,", LH_CORRUPT, "partition-specs"},
		{"\"schemas\":[", "\"schemas\":[{\"type\":\"struct\",\"schema-id\":0,\"fields\":[]},", LH_CORRUPT, "schemas"},
		{"\"truncate[2]\"", "\"truncate[0]\"", LH_CORRUPT, "truncate"},
		{"\"truncate[2]\"", "\"bucket[-1]\"", LH_CORRUPT, "bucket"},
		{"\"truncate[2]\"", "\"bucket[99999999999]\"", LH_CORRUPT, "bucket"},
		{"\"snapshot-id\":7,\"parent", "\"snapshot-id\":170000000000000000000,\"parent", LH_CORRUPT, "snapshot-id"},
	};

	fall(&h, words, COUNT(words));
}

/* Numbers that only writers ask for. */
static void
numbers_that_reading_does_not_need(void **state)
{
	House h = house_setup(*state);
	static const char *const words[][2] = {
		{"\"last-sequence-number\":3", "\"last-sequence-number\":-1"},
		{"\"last-sequence-number\":3", "\"last-sequence-number\":1"},
		{"\"next-row-id\":100", "\"next-row-id\":-1"},
		{"\"next-row-id\":100,", ""},
		{"\"spec-id\":1,", "\"spec-id\":-1,"},
		{"\"last-column-id\":8", "\"last-column-id\":1"},
		{"\"last-updated-ms\":1", "\"last-updated-ms\":-9223372036854775808"},
		{"\"sequence-number\":3", "\"sequence-number\":1"},
	};

	for (size_t i = 0; i < COUNT(words); i++)
	{
		house_says(&h, words[i][0], words[i][1]);
		stands(&h, HOUSE_ROWS);
	}
}

/* Strings may be long: there is memory for what the file has, and no other. */
static void
long_names_cost_what_they_have(void **state)
{
	House h = house_setup(*state);
	size_t n = 8 << 20;
	char *name = lh_alloc(h.w->ctx, n + 16);

	memset(name, 'x', n);
	memcpy(name + n, "\":\"me\"", 7);
	h.json = house_replaced(h.w, h.json, "owner\":\"me\"", name);
	stands(&h, HOUSE_ROWS);
}

static void
keys_that_come_twice_are_named(void **state)
{
	House h = house_setup(*state);
	static const Word words[] = {
		{"\"location\":\"@\",", "\"location\":\"@\",\"location\":\"/elsewhere\",", LH_CORRUPT, "location"},
		{"\"current-snapshot-id\":7,", "\"current-snapshot-id\":7,\"current-snapshot-id\":6,", LH_CORRUPT, "current-snapshot-id"},
		{"\"snapshots\":[", "\"snapshots\":[],\"snapshots\":[", LH_CORRUPT, "snapshots"},
		{"{\"id\":1,", "{\"id\":1,\"id\":2,", LH_CORRUPT, "id"},
		{"\"refs\":{", "\"refs\":{\"main\":{\"snapshot-id\":6,\"type\":\"branch\"},", LH_CORRUPT, "branch main"},
		{"\"manifest-list\":\"@/metadata/list.avro\"", "\"manifest-list\":\"/x\",\"manifest-list\":\"@/metadata/list.avro\"", LH_CORRUPT, "manifest-list"},
		{"{\"snapshot-id\":6,\"seq", "{\"snapshot-id\":7,\"seq", LH_CORRUPT, "snapshot"},
	};

	fall(&h, words, COUNT(words));
}

static void
snapshots_that_are_not_there_are_named(void **state)
{
	House h = house_setup(*state);

	house_says(&h, "\"current-snapshot-id\":7,\"refs\":{\"main\":{\"snapshot-id\":7",
			   "\"current-snapshot-id\":8,\"refs\":{\"main\":{\"snapshot-id\":8");
	falls(&h, LH_NOT_FOUND, "v1.metadata.json", "no snapshot 8", NULL);
	house_says(&h, "\"refs\":{", "\"refs\":{\"old\":{\"snapshot-id\":99,\"type\":\"tag\"},");
	stands(&h, HOUSE_ROWS); /* nobody asks for it */
	h.options.ref = "old";
	falls(&h, LH_NOT_FOUND, "v1.metadata.json", "99", NULL);
	house_healthy(&h);
	h.options.snapshot_id = 5;
	falls(&h, LH_NOT_FOUND, "5", NULL, NULL);
	h.options.snapshot_id = 0;
	h.options.ref = "nobody";
	falls(&h, LH_NOT_FOUND, "nobody", NULL, NULL);
	h.options.ref = NULL;
	house_says(&h, "\"schema-id\":0,\"first-row-id\":20", "\"schema-id\":5,\"first-row-id\":20");
	h.options.snapshot_id = 7;
	falls(&h, LH_CORRUPT, "v1.metadata.json", "5", NULL);
	/* of main, the current schema is used */
	h.options.snapshot_id = 0;
	stands(&h, HOUSE_ROWS);
}

/* Parents are followed in one place, time travel without a log. */
static void
parents_in_a_circle_end(void **state)
{
	House h = house_setup(*state);

	h.json = house_replaced(h.w, h.json, "{\"snapshot-id\":6,", "{\"snapshot-id\":6,\"parent-snapshot-id\":7,");
	stands(&h, HOUSE_ROWS);
	h.json = house_replaced(h.w, h.json, "\"snapshot-log\":[", "\"snapshot-log\":[],\"x\":[");
	h.options.has_time = true;
	h.options.snapshot_time_us = 2000;
	stands(&h, HOUSE_ROWS);
	h.options.snapshot_time_us = 1;
	falls(&h, LH_NOT_FOUND, "1970", NULL, NULL);
	h.options.has_time = false;
	h.options.changes = true;
	h.options.changes_from = 5;
	falls(&h, LH_CORRUPT, "v1.metadata.json", "circle", NULL);
	house_says(&h, "\"parent-snapshot-id\":6", "\"parent-snapshot-id\":7");
	h.options.changes_from = 6;
	falls(&h, LH_CORRUPT, "v1.metadata.json", "snapshot 7", "circle");
	h.options.changes = false;
	stands(&h, HOUSE_ROWS);
}

static void
a_million_levels_are_an_error(void **state)
{
	House h = house_setup(*state);
	char *arrays = deep(&h, "[", "", "]"), *objects = deep(&h, "{\"a\":", "1", "}"), *lists, *text;

	house_says(&h, "\"owner\":\"me\"}", lh_sprintf(h.w->ctx, "\"owner\":\"me\"},\"x\":%s", arrays));
	falls(&h, LH_LIMIT, "v1.metadata.json", "x", "nested");
	house_says(&h, "\"owner\":\"me\"}", lh_sprintf(h.w->ctx, "\"owner\":\"me\"},\"x\":%s", objects));
	falls(&h, LH_LIMIT, "v1.metadata.json", "x", "nested");
	house_says(&h, "\"summary\":{\"operation\":\"delete\",\"total-data-files\":\"2\"}", lh_sprintf(h.w->ctx, "\"summary\":%s", objects));
	falls(&h, LH_LIMIT, "v1.metadata.json", "summary", "nested");
	h.json = arrays;
	falls(&h, LH_CORRUPT, "v1.metadata.json", NULL, NULL);
	h.json = deep(&h, "{\"schemas\":", "1", "}");
	falls(&h, LH_CORRUPT, "v1.metadata.json", "schemas", NULL);

	/* types, defaults and names */
	lists = deep(&h, "{\"type\":\"list\",\"element-id\":9,\"element-required\":false,\"element\":", "\"int\"", "}");
	house_says(&h, "\"type\":\"long\"", lh_sprintf(h.w->ctx, "\"type\":%s", lists));
	falls(&h, LH_LIMIT, "v1.metadata.json", "schemas[0]", "nested");
	house_says(&h, "\"type\":\"long\"", lh_sprintf(h.w->ctx, "\"type\":\"long\",\"initial-default\":%s", arrays));
	falls(&h, LH_LIMIT, "v1.metadata.json", "schemas[0]", "nested");
	text = deep(&h, "[{\\\"field-id\\\":1,\\\"names\\\":[\\\"a\\\"],\\\"fields\\\":", "[]", "}]");
	house_says(&h, "\"owner\":\"me\"", lh_sprintf(h.w->ctx, "\"schema.name-mapping.default\":\"%s\"", text));
	falls(&h, LH_LIMIT, "v1.metadata.json", "name-mapping", "nested");
}

/* In the JSON of an Avro header and in what its own keys say. */
static void
a_million_levels_in_a_manifest_are_an_error(void **state)
{
	House h = house_setup(*state);
	const char *const extra[] = {"partition-spec-id", "0", "schema", deep(&h, "[", "", "]"), "content", "data", NULL};

	h.schema = deep(&h, "{\"type\":\"array\",\"items\":", "\"int\"", "}");
	falls(&h, LH_CORRUPT, "deletes.avro", "header has 25000005 bytes", NULL);
	h.schema = deep(&h, "[", "\"int\"", "]");
	falls(&h, LH_CORRUPT, "deletes.avro", "schema", "depth");
	/* we do not ask a manifest for the table's schema */
	house_healthy(&h);
	h.extra = extra;
	stands(&h, HOUSE_ROWS);
}

static void
files_that_are_no_metadata_are_named(void **state)
{
	House h = house_setup(*state);
	static const char *const others[] = {"", "\n", "PAR1", "null", "[]", "{", "{}", "{\"format-version\":3", "\x1f\x8b", "\xff\xfe{"};

	for (size_t i = 0; i < COUNT(others); i++)
	{
		LhBuf ids;

		h.json = lh_strdup(h.w->ctx, others[i]);
		ok(h.w, lh_buf_init(h.w->ctx, &ids, false));
		if (house_read(&h, &ids) == LH_OK || strstr(h.w->ctx->error->message, h.dir) == NULL)
			fail_msg("%s: %s", others[i], h.w->ctx->error->message);
		lh_error_clear(h.w->ctx);
	}
}

/*
 * Manifest lists
 */

static void
a_list_that_is_none_is_named(void **state)
{
	House h = house_setup(*state);
	uint8_t packed[4096];
	uLongf n = sizeof(packed);
	AvroMake m;
	char *all;
	int64_t size;
	FILE *f;

	stands(&h, HOUSE_ROWS);
	size = house_size(house_path(&h, "metadata/list.avro"));
	all = lh_alloc(h.w->ctx, (size_t) size);
	f = fopen(house_path(&h, "metadata/list.avro"), "rb");
	assert_non_null(f);
	assert_int_equal(fread(all, 1, (size_t) size, f), size);
	fclose(f);

	/* cut anywhere: behind the header, too, where no block is a file, but not one of a snapshot */
	h.list = all;
	for (h.list_len = 0; h.list_len < (size_t) size; h.list_len += h.list_len < 64 || h.list_len + 300 > (size_t) size ? 1 : 97)
	{
		LhBuf ids;

		ok(h.w, lh_buf_init(h.w->ctx, &ids, false));
		if (house_read(&h, &ids) == LH_OK)
			fail_msg("%zu of %d bytes are a list", h.list_len, (int) size);
		if (strstr(h.w->ctx->error->message, "list.avro") == NULL)
			fail_msg("%zu bytes: %s", h.list_len, h.w->ctx->error->message);
		lh_error_clear(h.w->ctx);
	}
	assert_int_equal(compress2(packed, &n, (const Bytef *) all, (uLong) size, 6), Z_OK);
	h.list = (const char *) packed;
	h.list_len = n;
	falls(&h, LH_CORRUPT, "list.avro", NULL, NULL);
	h.list = "\x1f\x8b\x08\0\0\0\0\0\0\3garbage garbage";
	h.list_len = 25;
	falls(&h, LH_CORRUPT, "list.avro", NULL, NULL);
	h.list = "PAR1 and so on, and so on PAR1";
	h.list_len = 30;
	falls(&h, LH_CORRUPT, "list.avro", NULL, NULL);

	/* a manifest in its place, and an Avro file of something else */
	h.json = house_replaced(h.w, h.json, "list.avro", "data.avro");
	falls(&h, LH_CORRUPT, "data.avro", "manifest_path", NULL);
	house_healthy(&h);
	m = avro_new(h.w->ctx);
	avro_header(&m, "\"int\"", NULL, NULL);
	h.list = (const char *) m.b.data;
	h.list_len = m.b.len;
	falls(&h, LH_CORRUPT, "list.avro", NULL, NULL);
	house_healthy(&h);
	h.json = house_replaced(h.w, h.json, "list.avro", "nothing.avro");
	falls(&h, LH_NOT_FOUND, "nothing.avro", NULL, NULL);
	h.json = house_replaced(h.w, h.json, "nothing.avro", "");
	falls(&h, LH_INVALID, "metadata", NULL, NULL);
}

/* What an Avro file says of its own lengths. */
static void
absurd_lengths_in_an_avro_file_are_errors(void **state)
{
	House h = house_setup(*state);
	static const int64_t absurd[] = {-1, INT64_MIN, INT64_MAX, INT64_C(1) << 62, INT64_C(1) << 32, INT32_MAX};

	for (size_t i = 0; i < COUNT(absurd); i++)
	{
		for (int which = 0; which < 4; which++)
		{
			AvroMake m = avro_new(h.w->ctx), rows = avro_new(h.w->ctx);

			avro_long(&rows, which == 0 ? absurd[i] : 1);
			avro_text(&rows, "x");
			if (which == 1)
			{
				/* an entry of the header that is as long as nothing */
				avro_raw(&m, "Obj\1", 4);
				avro_long(&m, 1);
				avro_long(&m, absurd[i]);
				avro_raw(&m, "avro.schema", 11);
			}
			else
			{
				avro_header(&m, ICE_LIST_SCHEMA, NULL, NULL);
				avro_long(&m, which == 2 ? absurd[i] : 1);
				avro_long(&m, which == 3 ? absurd[i] : (int64_t) rows.b.len);
				avro_raw(&m, rows.b.data, rows.b.len);
				avro_raw(&m, avro_sync, 16);
			}
			h.list = (const char *) m.b.data;
			h.list_len = m.b.len;
			falls(&h, LH_CORRUPT, "list.avro", NULL, NULL);
		}
	}
}

static void
lines_of_the_list_are_checked(void **state)
{
	House h = house_setup(*state);

	h.lines[0].length = 3;
	falls(&h, LH_CORRUPT, "data.avro", "bytes", "3");
	h.lines[0].length = -1;
	falls(&h, LH_CORRUPT, "list.avro", "manifest_length", "data.avro");
	h.lines[0].length = INT64_MAX;
	falls(&h, LH_CORRUPT, "data.avro", "9223372036854775807", NULL);
	house_healthy(&h);
	h.lines[0].added = -7;
	falls(&h, LH_CORRUPT, "list.avro", "added_files_count", NULL);
	house_healthy(&h);
	h.lines[0].spec = 77;
	falls(&h, LH_CORRUPT, "data.avro", "partition spec 77", "v1.metadata.json");
	h.lines[0].spec = -1;
	falls(&h, LH_CORRUPT, "list.avro", "partition_spec_id", NULL);
	house_healthy(&h);
	h.lines[1].spec = 77;
	falls(&h, LH_CORRUPT, "deletes.avro", "partition spec 77", "v1.metadata.json");
	house_healthy(&h);
	h.lines[1].content = 2;
	falls(&h, LH_CORRUPT, "list.avro", "content", NULL);
	house_healthy(&h);
	h.lines[0].sequence = -4;
	falls(&h, LH_CORRUPT, "list.avro", "sequence_number", NULL);
	house_healthy(&h);
	h.lines[0].first_row_id = -4;
	falls(&h, LH_CORRUPT, "list.avro", "first_row_id", NULL);
	h.lines[0].first_row_id = INT64_MAX - 5;
	falls(&h, LH_CORRUPT, "data.avro", "row ids", NULL);
	house_healthy(&h);
	h.lines[0].path = house_path(&h, "metadata/nothing.avro");
	h.lines[0].length = 100;
	falls(&h, LH_NOT_FOUND, "nothing.avro", NULL, NULL);
	h.lines[0].path = "";
	falls(&h, LH_CORRUPT, "list.avro", "manifest_path", NULL);
}

static void
a_manifest_in_the_wrong_place_is_an_error(void **state)
{
	House h = house_setup(*state);

	/* deletes taken for data would bring deleted rows back, data taken for deletes hides rows */
	h.lines[1].path = house_path(&h, "metadata/data.avro");
	h.lines[1].added = 2;
	falls(&h, LH_CORRUPT, "data.avro", "a.parquet", "is a data file");
	house_healthy(&h);
	h.lines[0].path = house_path(&h, "metadata/deletes.avro");
	h.lines[0].added = 3;
	falls(&h, LH_CORRUPT, "deletes.avro", "content", "not data");
	/* the list itself, the metadata and a data file as manifests */
	house_healthy(&h);
	stands(&h, HOUSE_ROWS);
	h.lines[0].path = house_path(&h, "metadata/list.avro");
	h.lines[0].length = 100;
	falls(&h, LH_CORRUPT, "list.avro", "status", NULL);
	h.lines[0].path = house_path(&h, "metadata/v1.metadata.json");
	falls(&h, LH_CORRUPT, "v1.metadata.json", NULL, NULL);
	h.lines[0].path = house_path(&h, "data/a.parquet");
	falls(&h, LH_CORRUPT, "a.parquet", NULL, NULL);
	h.lines[0].path = house_path(&h, "data");
	falls(&h, LH_INVALID, "data", NULL, NULL);
}

/* As Iceberg's library has it: files that stand twice are read twice; vectors must not. */
static void
a_manifest_that_is_listed_twice(void **state)
{
	House h = house_setup(*state);

	h.lines[2] = h.lines[0];
	h.nlines = 3;
	stands(&h, HOUSE_ROWS " " HOUSE_ROWS);
	house_healthy(&h);
	h.lines[2] = h.lines[1];
	h.nlines = 3;
	falls(&h, LH_CORRUPT, "b.parquet", "two deletion vectors", NULL);
	h.deletes[1] = h.deletes[2];
	h.ndeletes = 2;
	h.lines[1].added = h.lines[2].added = 2;
	stands(&h, "2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18");
}

/* Whenever the host wants to stop, the reader stops, and says nothing else. */
static int calls, stop_at;

static bool
interrupted(void *arg)
{
	(void) arg;
	return ++calls >= stop_at;
}

static void
it_can_be_stopped_at_every_step(void **state)
{
	House h = house_setup(*state);
	static const LhHost host = {.interrupted = interrupted};
	int all;

	stop_at = INT32_MAX;
	h.w->ctx->host = &host;
	stands(&h, HOUSE_ROWS);
	calls = 0; /* footers are cached now */
	stands(&h, HOUSE_ROWS);
	all = calls;
	assert_true(all > 5);
	for (stop_at = 1; stop_at <= all; stop_at++)
	{
		calls = 0;
		falls(&h, LH_CANCELLED, NULL, NULL, NULL);
		/* the first refusal is the last question but for what ends */
		assert_true(calls <= stop_at + 3);
	}
	h.w->ctx->host = NULL;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_healthy_table_stands),
		TEST(fields_that_are_missing_are_named),
		TEST(values_of_another_type_are_named),
		TEST(absurd_numbers_are_named),
		TEST(numbers_that_reading_does_not_need),
		TEST(long_names_cost_what_they_have),
		TEST(keys_that_come_twice_are_named),
		TEST(snapshots_that_are_not_there_are_named),
		TEST(parents_in_a_circle_end),
		TEST(a_million_levels_are_an_error),
		TEST(a_million_levels_in_a_manifest_are_an_error),
		TEST(files_that_are_no_metadata_are_named),
		TEST(a_list_that_is_none_is_named),
		TEST(absurd_lengths_in_an_avro_file_are_errors),
		TEST(lines_of_the_list_are_checked),
		TEST(a_manifest_in_the_wrong_place_is_an_error),
		TEST(a_manifest_that_is_listed_twice),
		TEST(it_can_be_stopped_at_every_step),
	};

	return house_main(tests, COUNT(tests));
}
