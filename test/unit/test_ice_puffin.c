/*
 * test_ice_puffin.c
 *		Footers of Puffin files: Java's, Go's, and hostile ones made here.
 */
#include "unit/ice_table.h"

#include <xxhash.h>

#include "iceberg/puffin.h"

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

/* Open, read, and the same from memory. */
static LhIcePuffin *
read_fixture(const char *name, LhObject **obj)
{
	char *path = ice_fixture(ctx, name);
	LhIcePuffin *puffin, *again;
	uint8_t *bytes;
	int64_t size;

	ASSERT_OK(ctx, lh_object_open(ctx, ice_store(ctx), path, obj));
	ASSERT_OK(ctx, lh_ice_puffin_read(ctx, *obj, &puffin));
	size = lh_object_id(*obj)->size;
	bytes = lh_alloc(ctx, (size_t) size);
	ASSERT_OK(ctx, lh_object_read(ctx, *obj, 0, (size_t) size, bytes));
	ASSERT_OK(ctx, lh_ice_puffin_parse(ctx, path, lh_slice(bytes, (size_t) size), &again));
	assert_int_equal(puffin->nblobs, again->nblobs);
	assert_int_equal(puffin->footer_size, again->footer_size);
	return puffin;
}

static void
assert_blob(LhObject *obj, const LhIcePuffin *puffin, int i, const char *content, size_t n)
{
	LhBuf out;

	ASSERT_OK(ctx, lh_buf_init(ctx, &out, false));
	ASSERT_OK(ctx, lh_ice_puffin_blob(ctx, obj, puffin, &puffin->blobs[i], &out));
	assert_int_equal(out.len, n);
	assert_memory_equal(out.data, content, n);
}

#define SECOND "some blob \0 binary data \xF0\x9F\xA4\xAF that is not very very very very very very long, is it?"

static void
java_files_without_compression(void **state)
{
	const char *dirs[] = {"java-core/org/apache/iceberg/puffin/v1", "rust/puffin/java-generated", "go/puffin"};

	(void) state;
	for (int i = 0; i < 3; i++)
	{
		LhObject *obj;
		LhIcePuffin *p = read_fixture(
			lh_sprintf(ctx, "%s/sample-metric-data-uncompressed.bin", dirs[i]), &obj);

		assert_int_equal(p->nblobs, 2);
		assert_string_equal(p->blobs[0].type, "some-blob");
		assert_int_equal(p->blobs[0].nfields, 1);
		assert_int_equal(p->blobs[0].fields[0], 1);
		assert_int_equal(p->blobs[0].snapshot_id, 2);
		assert_int_equal(p->blobs[0].sequence, 1);
		assert_null(p->blobs[0].codec);
		assert_string_equal(p->properties[0], "created-by");
		assert_string_equal(p->properties[1], "Test 1234");
		assert_blob(obj, p, 0, "abcdefghi", 9);
		assert_blob(obj, p, 1, SECOND, sizeof(SECOND) - 1);
	}
}

static void
java_files_with_zstd_and_without_blobs(void **state)
{
	LhObject *obj;
	LhIcePuffin *p = read_fixture("java-core/org/apache/iceberg/puffin/v1/sample-metric-data-compressed-zstd.bin", &obj);

	(void) state;
	assert_string_equal(p->blobs[0].codec, "zstd");
	assert_blob(obj, p, 0, "abcdefghi", 9);
	assert_blob(obj, p, 1, SECOND, sizeof(SECOND) - 1);
	p = read_fixture("java-core/org/apache/iceberg/puffin/v1/empty-puffin-uncompressed.bin", &obj);
	assert_int_equal(p->nblobs, 0);
}

static void
deletion_vectors_say_their_file(void **state)
{
	LhObject *obj;
	LhIcePuffin *p = read_fixture("go/dv/deletes/multi-blob-dv.puffin", &obj);

	(void) state;
	assert_int_equal(p->nblobs, 2);
	assert_string_equal(p->blobs[1].type, "deletion-vector-v1");
	assert_int_equal(p->blobs[1].snapshot_id, -1);
	assert_string_equal(lh_ice_blob_property(&p->blobs[1], "referenced-data-file"),
						"s3://warehouse/db/table/data/file-002.parquet");
	assert_string_equal(lh_ice_blob_property(&p->blobs[1], "cardinality"), "2");
	assert_null(lh_ice_blob_property(&p->blobs[1], "other"));
}

/* One vector, as Java's writer and as Go's wraps it: the bytes of Java's own vector. */
static void
a_vector_has_the_same_bytes_in_every_envelope(void **state)
{
	static const char *const files[][2] = {
		{"go/dv/deletes/single-blob-dv.puffin", "s3://warehouse/db/table/data/00000-0-abc.parquet"},
		{"go/puffin/deletion-vector-v1.puffin", "data/test.parquet"},
	};
	LhObject *obj;
	uint8_t vector[50];

	(void) state;
	ASSERT_OK(ctx, lh_object_open(ctx, ice_store(ctx), ice_fixture(ctx, "go/puffin/deletion-vector-v1-payload.bin"), &obj));
	assert_int_equal(lh_object_id(obj)->size, sizeof(vector));
	ASSERT_OK(ctx, lh_object_read(ctx, obj, 0, sizeof(vector), vector));
	for (int i = 0; i < 2; i++)
	{
		LhIcePuffin *p = read_fixture(files[i][0], &obj);

		assert_int_equal(p->nblobs, 1);
		assert_string_equal(p->blobs[0].type, "deletion-vector-v1");
		assert_string_equal(lh_ice_blob_property(&p->blobs[0], "cardinality"), "5");
		assert_string_equal(lh_ice_blob_property(&p->blobs[0], "referenced-data-file"), files[i][1]);
		assert_blob(obj, p, 0, (const char *) vector, sizeof(vector));
	}
}

/*
 * Files made here
 */

typedef struct Made
{
	const char *json;
	uint32_t flags;
	int64_t payload_size; /* -1: as it is */
	bool lz4;
	size_t body; /* bytes between the first magic and the footer */
	const char *first, *middle, *last; /* magics; NULL: as they are */
} Made;

static LhSlice
make(const Made *m)
{
	LhBuf out, packed;
	LhSlice payload = lh_slice(m->json, strlen(m->json));
	int32_t size;

	ASSERT_OK(ctx, lh_buf_init(ctx, &out, false));
	ASSERT_OK(ctx, lh_buf_append(ctx, &out, m->first != NULL ? m->first : "PFA1", 4));
	for (size_t i = 0; i < m->body; i++)
		ASSERT_OK(ctx, lh_buf_putc(ctx, &out, (char) i));
	ASSERT_OK(ctx, lh_buf_append(ctx, &out, m->middle != NULL ? m->middle : "PFA1", 4));
	if (m->lz4)
	{
		/* a frame with content size and one block that is not compressed */
		uint32_t head = 0x184D2204u, block = (uint32_t) payload.len | 0x80000000u, end = 0;
		uint64_t content = payload.len;
		uint8_t header[] = {0x68, 0x70};
		uint8_t checksum;
		uint8_t descriptor[10];

		memcpy(descriptor, header, 2);
		memcpy(descriptor + 2, &content, 8);
		ASSERT_OK(ctx, lh_buf_init(ctx, &packed, false));
		ASSERT_OK(ctx, lh_buf_append(ctx, &packed, &head, 4));
		ASSERT_OK(ctx, lh_buf_append(ctx, &packed, descriptor, 10));
		checksum = (uint8_t) (XXH32(descriptor, 10, 0) >> 8);
		ASSERT_OK(ctx, lh_buf_putc(ctx, &packed, (char) checksum));
		ASSERT_OK(ctx, lh_buf_append(ctx, &packed, &block, 4));
		ASSERT_OK(ctx, lh_buf_append(ctx, &packed, payload.data, payload.len));
		ASSERT_OK(ctx, lh_buf_append(ctx, &packed, &end, 4));
		payload = lh_slice(packed.data, packed.len);
	}
	ASSERT_OK(ctx, lh_buf_append(ctx, &out, payload.data, payload.len));
	size = m->payload_size == -1 ? (int32_t) payload.len : (int32_t) m->payload_size;
	ASSERT_OK(ctx, lh_buf_append(ctx, &out, &size, 4));
	ASSERT_OK(ctx, lh_buf_append(ctx, &out, &m->flags, 4));
	ASSERT_OK(ctx, lh_buf_append(ctx, &out, m->last != NULL ? m->last : "PFA1", 4));
	return lh_slice(out.data, out.len);
}

static const char *
parsed(const Made *m)
{
	LhIcePuffin *p;
	LhStatus status;

	lh_error_clear(ctx);
	status = lh_ice_puffin_parse(ctx, "x.puffin", make(m), &p);
	if (status == LH_OK)
		return lh_sprintf(ctx, "%d blobs", p->nblobs);
	assert_non_null(strstr(ctx->error->message, "x.puffin"));
	return lh_status_name(status);
}

#define BLOB(offset, length)                                                               \
	"{\"type\":\"t\",\"fields\":[1],\"snapshot-id\":1,\"sequence-number\":1,\"offset\":" offset \
	",\"length\":" length "}"

static const char *
parsed_json(const char *json)
{
	return parsed(&(Made){.json = json, .payload_size = -1, .body = 100});
}

static void
compressed_footers(void **state)
{
	Made m = {.json = "{\"blobs\":[" BLOB("4", "10") "]}", .payload_size = -1, .body = 100,
			  .lz4 = true, .flags = 1};

	(void) state;
	assert_string_equal(parsed(&m), "1 blobs");
	m.lz4 = false;
	assert_string_equal(parsed(&m), lh_status_name(LH_CORRUPT));
	m.lz4 = true;
	m.flags = 0;
	assert_true(strcmp(parsed(&m), "1 blobs") != 0);
	m.flags = 2;
	assert_string_equal(parsed(&m), lh_status_name(LH_UNSUPPORTED));
}

/* A frame that says it holds far more than it can. */
static void
a_bomb_is_refused(void **state)
{
	uint8_t frame[15] = {0x04, 0x22, 0x4D, 0x18, 0x68, 0x70, 0, 0, 0, 0x40};
	LhIceBlob blob = {.type = "t", .codec = "lz4", .offset = 4, .length = 15};
	LhIcePuffin puffin = {.path = "x.puffin"};
	LhBuf out;

	(void) state;
	ASSERT_OK(ctx, lh_buf_init(ctx, &out, false));
	assert_int_equal(lh_ice_puffin_unpack(ctx, &puffin, &blob, lh_slice(frame, 15), &out), LH_LIMIT);
	lh_error_clear(ctx);
	blob.codec = "brotli";
	assert_int_equal(lh_ice_puffin_unpack(ctx, &puffin, &blob, lh_slice(frame, 15), &out),
					 LH_UNSUPPORTED);
}

static void
blobs_lie_where_blobs_can(void **state)
{
	(void) state;
	assert_string_equal(parsed_json("{\"blobs\":[" BLOB("4", "100") "]}"), "1 blobs");
	assert_string_equal(parsed_json("{\"blobs\":[" BLOB("4", "101") "]}"), lh_status_name(LH_CORRUPT));
	assert_string_equal(parsed_json("{\"blobs\":[" BLOB("3", "1") "]}"), lh_status_name(LH_CORRUPT));
	assert_string_equal(parsed_json("{\"blobs\":[" BLOB("4", "-1") "]}"), lh_status_name(LH_CORRUPT));
	assert_string_equal(parsed_json("{\"blobs\":[" BLOB("-9", "20") "]}"), lh_status_name(LH_CORRUPT));
	assert_string_equal(
		parsed_json("{\"blobs\":[" BLOB("9223372036854775807", "9223372036854775807") "]}"),
		lh_status_name(LH_CORRUPT));
	/* order does not matter, sharing does */
	assert_string_equal(parsed_json("{\"blobs\":[" BLOB("50", "10") "," BLOB("4", "46") "]}"),
						"2 blobs");
	assert_string_equal(parsed_json("{\"blobs\":[" BLOB("50", "10") "," BLOB("4", "47") "]}"),
						lh_status_name(LH_CORRUPT));
	assert_string_equal(parsed_json("{\"blobs\":[" BLOB("4", "10") "," BLOB("4", "10") "]}"),
						lh_status_name(LH_CORRUPT));
}

static void
what_is_wrong_with_a_footer_is_said(void **state)
{
	const char *corrupt = lh_status_name(LH_CORRUPT);
	Made m = {.json = "{\"blobs\":[]}", .payload_size = -1, .body = 10};

	(void) state;
	assert_string_equal(parsed(&m), "0 blobs");
	m.first = "PFA2";
	assert_string_equal(parsed(&m), corrupt);
	m.first = NULL;
	m.middle = "PFA2";
	assert_string_equal(parsed(&m), corrupt);
	m.middle = NULL;
	m.last = "PFA2";
	assert_string_equal(parsed(&m), corrupt);
	m.last = NULL;
	for (const int64_t *size = (const int64_t[]){-2, 11, 13, 23, 1000000, INT32_MAX, 0}; *size != 0;
		 size++)
	{
		m.payload_size = *size;
		assert_string_equal(parsed(&m), corrupt);
	}
	assert_string_equal(parsed_json("{}"), corrupt);
	assert_string_equal(parsed_json("[]"), corrupt);
	assert_string_equal(parsed_json("{\"blobs\":{}}"), corrupt);
	assert_string_equal(parsed_json("{\"blobs\":[{\"type\":\"t\"}]}"), corrupt);
	assert_string_equal(parsed_json("{\"blobs\":[]} x"), corrupt);
	assert_string_equal(parsed_json("{\"blobs\":[],\"other\":{\"a\":[1,2]}}"), "0 blobs");
	/* shorter than any */
	for (size_t n = 0; n < 20; n++)
	{
		LhIcePuffin *p;
		char bytes[20] = "PFA1PFA1\0\0\0\0\0\0\0\0PFA1";

		lh_error_clear(ctx);
		assert_int_equal(lh_ice_puffin_parse(ctx, "x.puffin", lh_slice(bytes, n), &p), LH_CORRUPT);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(java_files_without_compression),
		TEST(java_files_with_zstd_and_without_blobs),
		TEST(deletion_vectors_say_their_file),
		TEST(a_vector_has_the_same_bytes_in_every_envelope),
		TEST(compressed_footers),
		TEST(a_bomb_is_refused),
		TEST(blobs_lie_where_blobs_can),
		TEST(what_is_wrong_with_a_footer_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
