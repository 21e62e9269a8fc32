/*
 * test_ice_encryption.c
 *		Encrypted metadata: key metadata, streams of blocks, and the keys that lead to them.
 *
 * The encrypted table is iceberg-rust's (../shared/fixtures); streams are made here with OpenSSL.
 */
#include "ice_seal.h"

#include "iceberg/manifest.h"
#include "scan/datafile.h"
#include "scan/vector.h"

/*
 * A host with keys
 */

typedef struct Keys
{
	const char *name;
	uint8_t bytes[32];
	size_t len;
	char asked[200];
} Keys;

static LhStatus
give_key(void *arg, LhCtx *ctx, const LhKeyRequest *request, LhKey *key)
{
	Keys *keys = arg;
	size_t n = strlen(keys->asked);

	snprintf(keys->asked + n, sizeof(keys->asked) - n, "%.*s;", (int) request->reference.len,
			 (const char *) request->reference.data);
	if (keys->name == NULL || request->reference.len != strlen(keys->name) ||
		memcmp(request->reference.data, keys->name, request->reference.len) != 0)
		LH_FAIL(ctx, LH_DENIED, "no such key");
	*key = (LhKey){.len = keys->len};
	memcpy(key->bytes, keys->bytes, keys->len);
	return LH_OK;
}

static const LhHost host = {.key = give_key};

static Keys
counting_key(const char *name)
{
	Keys keys = {.name = name, .len = 16};

	for (int i = 0; i < 16; i++)
		keys.bytes[i] = (uint8_t) i;
	return keys;
}

static LhStatus
opened(World *w, LhSlice file, const LhFileKey *key, LhBuf *out)
{
	ok(w, lh_buf_init(w->ctx, out, false));
	return lh_gcm_stream_open(w->ctx, "f", file, key, out);
}

/*
 * Key metadata
 */

static void
standard_key_metadata_is_read(void **state)
{
	World *w = *state;
	/* version, 16 bytes of key, prefix of 2, length 300 */
	static const uint8_t full[] = "\x01\x20"
								  "0123456789abcdef"
								  "\x02\x04"
								  "xy"
								  "\x02\xd8\x04";
	static const uint8_t bare[] = "\x01\x20"
								  "0123456789abcdef"
								  "\x00\x00";
	const LhFileKey *key;

	ok(w, lh_file_key_parse(w->ctx, "f", lh_slice(full, sizeof(full) - 1), &key));
	assert_true(key->key.len == 16 && memcmp(key->key.bytes, "0123456789abcdef", 16) == 0);
	assert_true(key->key.aad_prefix.len == 2 && memcmp(key->key.aad_prefix.data, "xy", 2) == 0);
	assert_true(key->length == 300);
	ok(w, lh_file_key_parse(w->ctx, "f", lh_slice(bare, sizeof(bare) - 1), &key));
	assert_true(key->key.aad_prefix.len == 0 && key->length == -1);

	/* cut off anywhere, or longer */
	for (size_t n = 1; n < sizeof(full) - 1; n++)
		refused(w, lh_file_key_parse(w->ctx, "f", lh_slice(full, n), &key), LH_CORRUPT, "\"f\"",
				NULL, NULL);
	refused(w, lh_file_key_parse(w->ctx, "f", lh_slice(full, sizeof(full)), &key), LH_CORRUPT, NULL,
			NULL, NULL);
	refused(w,
			lh_file_key_parse(w->ctx, "f",
							  lh_slice("\x01\x06"
									   "abc"
									   "\0",
									   7),
							  &key),
			LH_CORRUPT, NULL, NULL, NULL);
	refused(w, lh_file_key_parse(w->ctx, "f", lh_slice("\x02", 1), &key), LH_UNSUPPORTED,
			"standard", NULL, NULL);
	refused(w, lh_file_key_parse(w->ctx, "f", lh_slice("binary_key_metadata", 19), &key),
			LH_UNSUPPORTED, NULL, NULL, NULL);
	refused(w, lh_file_key_parse(w->ctx, "f", lh_slice("", 0), &key), LH_UNSUPPORTED, NULL, NULL,
			NULL);
}

/*
 * Streams
 */

static void
streams_of_blocks_are_opened(void **state)
{
	World *w = *state;
	const char *plain = "The quick brown fox jumps over the lazy dog";
	LhFileKey key = file_key();

	for (size_t n = 0; n <= strlen(plain); n++)
		for (uint32_t block = 1; block <= 50; block += 7)
		{
			LhBuf file = stream(w, &key, plain, n, block), out;

			ok(w, opened(w, lh_slice(file.data, file.len), &key, &out));
			assert_true(out.len == n && (n == 0 || memcmp(out.data, plain, n) == 0));
		}
}

/* Each bit is bound: to the key, to its block, to the place of the block and to the file. */
static void
no_byte_of_a_stream_can_be_changed(void **state)
{
	World *w = *state;
	LhFileKey key = file_key(), other;
	LhBuf file = stream(w, &key, "0123456789", 10, 4), out;
	uint8_t *copy = lh_alloc(w->ctx, file.len);

	for (size_t i = 0; i < file.len; i++)
	{
		memcpy(copy, file.data, file.len);
		copy[i] ^= 0x10;
		refused(w, opened(w, lh_slice(copy, file.len), &key, &out), LH_CORRUPT, "\"f\"", NULL,
				NULL);
	}
	/* two blocks change places */
	memcpy(copy, file.data, file.len);
	memcpy(copy + 8, file.data + 8 + 32, 32);
	memcpy(copy + 8 + 32, file.data + 8, 32);
	refused(w, opened(w, lh_slice(copy, file.len), &key, &out), LH_CORRUPT, "block 0", NULL, NULL);
	other = key;
	other.key.aad_prefix = lh_slice("prefiy", 6);
	refused(w, opened(w, lh_slice(file.data, file.len), &other, &out), LH_CORRUPT, "block 0", NULL,
			NULL);
	other = key;
	other.key.bytes[3] ^= 1;
	refused(w, opened(w, lh_slice(file.data, file.len), &other, &out), LH_CORRUPT, "block 0", NULL,
			NULL);
}

/* Whole blocks cut off leave a good stream: only the length that the table knows tells. */
static void
a_stream_cut_off_is_told_by_the_length_of_the_table(void **state)
{
	World *w = *state;
	LhFileKey key = file_key();
	LhBuf file = stream(w, &key, "01234567", 8, 4), out;
	LhSlice cut = lh_slice(file.data, 8 + 32);

	ok(w, opened(w, cut, &key, &out));
	key.length = (int64_t) file.len;
	refused(w, opened(w, cut, &key, &out), LH_CORRUPT, "40 bytes", "72", NULL);
	ok(w, opened(w, lh_slice(file.data, file.len), &key, &out));
	key.length = 8;
	ok(w, opened(w, lh_slice(file.data, file.len), &key, &out));
	refused(w, opened(w, cut, &key, &out), LH_CORRUPT, "not 8", NULL, NULL);
}

static void
malformed_streams_are_refused(void **state)
{
	World *w = *state;
	LhFileKey key = file_key();
	LhBuf file = stream(w, &key, "01234567", 8, 4), out;
	uint8_t *copy = lh_memdup(w->ctx, file.data, file.len);

	refused(w, opened(w, lh_slice("", 0), &key, &out), LH_CORRUPT, "AGS1", NULL, NULL);
	refused(w, opened(w, lh_slice("Obj\x01xxxxxxxx", 12), &key, &out), LH_CORRUPT, "AGS1", NULL,
			NULL);
	refused(w, opened(w, lh_slice(file.data, 8), &key, &out), LH_CORRUPT, "no block", NULL, NULL);
	for (size_t n = 9; n < 8 + 28; n++)
		refused(w, opened(w, lh_slice(file.data, n), &key, &out), LH_CORRUPT, "within a block",
				NULL, NULL);
	memset(copy + 4, 0, 4);
	refused(w, opened(w, lh_slice(copy, file.len), &key, &out), LH_CORRUPT, "impossible", NULL,
			NULL);
	memset(copy + 4, 0xff, 4);
	refused(w, opened(w, lh_slice(copy, file.len), &key, &out), LH_CORRUPT, "impossible", NULL,
			NULL);
}

/*
 * Tables
 */

static const char *
shared(World *w, const char *name)
{
	char root[PATH_MAX];

	if (realpath(lh_sprintf(w->ctx, "../shared/fixtures/iceberg/rust/%s", name), root) == NULL)
	{
		print_message("SKIPPED: ../shared/fixtures/iceberg/rust/%s is not there\n", name);
		return NULL;
	}
	return lh_strdup(w->ctx, root);
}

/* iceberg-rust's metadata file and list, side by side in the scratch directory; NULL: not there. */
static LhTable *
encrypted_table(World *w)
{
	const char *metadata = shared(w, "table_metadata/TableMetadataV3ValidEncryption.json"),
			   *list = shared(w, "manifests_lists/manifest-list-v3-encrypted.avro");
	LhTableOptions options = {.location = w->dir, .rebase = "memory:///table"};
	LhTable *table;

	if (metadata == NULL || list == NULL)
		return NULL;
	assert_int_equal(
		system(lh_sprintf(w->ctx,
						  "mkdir -p %s/metadata && cp %s %s/metadata/v1.metadata.json && "
						  "cp %s %s/metadata/manifest-list-enc.avro",
						  w->dir, metadata, w->dir, list, w->dir)),
		0);
	ok(w, lh_table_open(w->ctx, w->store, w->cache, "iceberg", &options, &table));
	return table;
}

static void
the_table_of_rust_opens_with_its_master_key(void **state)
{
	World *w = *state;
	Keys keys = counting_key("master-1");
	LhTable *table = encrypted_table(w);
	LhIceSnapshotInfo info;
	LhTaskList tasks;

	if (table == NULL)
		skip();
	w->ctx->host = &host;
	w->ctx->host_arg = &keys;
	ok(w, lh_ice_snapshot_info(w->ctx, table, &info));
	assert_true(info.snapshot_id == 1 && info.data_files == 0);
	assert_int_equal(((LhIceTable *) table)->nmanifests, 0);
	ok(w, table->tasks(w->ctx, table, NULL, &tasks));
	assert_int_equal(tasks.n, 0);
	/* by its own id first: whose master key only a service has, can give that */
	assert_string_equal(keys.asked, "5b29941b-b3b4-4d57-8758-a9d1bf340b39;master-1;");
}

static void
without_the_right_key_the_table_is_refused(void **state)
{
	World *w = *state;
	Keys keys = counting_key("another");
	LhTable *table = encrypted_table(w);
	LhIceSnapshotInfo info;

	if (table == NULL)
		skip();
	refused(w, lh_ice_snapshot_info(w->ctx, table, &info), LH_UNSUPPORTED, "key", NULL, NULL);
	w->ctx->host = &host;
	w->ctx->host_arg = &keys;
	refused(w, lh_ice_snapshot_info(w->ctx, table, &info), LH_DENIED, "master-1", NULL, NULL);
	keys = counting_key("master-1");
	keys.bytes[0] ^= 1;
	refused(w, lh_ice_snapshot_info(w->ctx, table, &info), LH_DENIED, "master-1", "does not unwrap",
			NULL);
	assert_null(strstr(w->ctx->error->message, "0102"));
}

/* The time of a key is bound to what it wraps. */
static void
a_changed_time_of_a_key_is_noticed(void **state)
{
	World *w = *state;
	Keys keys = counting_key("master-1");
	LhTable *table = encrypted_table(w);
	LhIceSnapshotInfo info;

	if (table == NULL)
		skip();
	assert_int_equal(
		system(lh_sprintf(
			w->ctx, "sed -i s/1781172301703/1781172301704/ %s/metadata/v1.metadata.json", w->dir)),
		0);
	w->ctx->host = &host;
	w->ctx->host_arg = &keys;
	refused(w, lh_ice_snapshot_info(w->ctx, table, &info), LH_CORRUPT, "1fb95f04", "time", NULL);
}

static void
an_encrypted_manifest_needs_the_key_of_its_list(void **state)
{
	World *w = *state;
	LhFileKey key = file_key();
	LhBuf file = stream(w, &key, "Obj", 3, 1024);
	LhBuf metadata;
	const char *path = lh_sprintf(w->ctx, "%s/m.avro", w->dir);
	LhObject *object;
	LhSlice bytes;
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(file.data, 1, file.len, f), file.len);
	fclose(f);
	ok(w, lh_buf_init(w->ctx, &metadata, false));
	ok(w, lh_buf_append(w->ctx, &metadata, "\x01\x20", 2));
	ok(w, lh_buf_append(w->ctx, &metadata, key.key.bytes, 16));
	ok(w, lh_buf_append(w->ctx, &metadata, "\x02\x0cprefix\x00", 9));
	ok(w, lh_object_open(w->ctx, w->store, path, &object));
	ok(w, lh_ice_decrypt(w->ctx, object, lh_slice(metadata.data, metadata.len), &bytes));
	assert_true(bytes.len == 3 && memcmp(bytes.data, "Obj", 3) == 0);
	metadata.data[5] ^= 1;
	refused(w, lh_ice_decrypt(w->ctx, object, lh_slice(metadata.data, metadata.len), &bytes),
			LH_CORRUPT, path, NULL, NULL);
}

/*
 * Data and delete files
 */

static LhStatus
open_data(World *w, const char *name, LhSlice metadata, LhDataFile **out)
{
	LhDataOptions options = {.key_metadata = metadata, .cache = w->cache};
	LhObject *object;

	ok(w, lh_object_open(w->ctx, w->store, fixture(w, name), &object));
	return lh_data_open(w->ctx, LH_FILE_PARQUET, object, &options, out);
}

/* Key "footer-24" of test/fixtures/encrypted/keys.json. */
static const uint8_t footer_24[24] = {0x2d, 0x89, 0xd0, 0x68, 0xac, 0xc9, 0xc0, 0xa3,
									  0xe4, 0x33, 0xf5, 0xb3, 0x14, 0xed, 0xa8, 0x72,
									  0x2a, 0x1a, 0x9f, 0xa1, 0x82, 0x90, 0xa0, 0xc1};

/* The file's own host knows no key at all. */
static void
a_parquet_file_opens_with_the_key_of_its_table(void **state)
{
	World *w = *state;
	LhDataFile *file;
	uint8_t other[24];

	ok(w, open_data(w, "encrypted/uniform.parquet",
					metadata_of(w, footer_24, 24, "lakehouse fixtures"), &file));
	assert_true(file->rows > 0 && file->nnodes > 1);
	memcpy(other, footer_24, 24);
	other[23] ^= 1;
	refused(w,
			open_data(w, "encrypted/uniform.parquet",
					  metadata_of(w, other, 24, "lakehouse fixtures"), &file),
			LH_CORRUPT, "uniform.parquet", NULL, NULL);
	refused(w,
			open_data(w, "encrypted/uniform.parquet",
					  metadata_of(w, footer_24, 24, "another table"), &file),
			LH_CORRUPT, "uniform.parquet", NULL, NULL);
}

static void
a_plain_file_in_the_place_of_an_encrypted_one_is_refused(void **state)
{
	World *w = *state;
	LhDataFile *file;

	refused(w, open_data(w, "flat/trips.parquet", metadata_of(w, footer_24, 24, "x"), &file),
			LH_CORRUPT, "not encrypted", NULL, NULL);
	/* key metadata of somebody else's making: the file itself says that it is plain */
	ok(w, open_data(w, "flat/trips.parquet", lh_slice("binary_key_metadata", 19), &file));
	assert_true(file->rows == 20000);
}

/* A vector for rows 1, 3, 5, 7 and 9 (iceberg-go's payload), in a stream of small blocks. */
static void
an_encrypted_deletion_vector_is_read(void **state)
{
	World *w = *state;
	char root[PATH_MAX];
	LhFileKey key = file_key();
	LhDeleteFile file = {
		.kind = LH_DELETE_VECTOR, .size = -1, .offset = 4, .length = 50, .records = 5};
	uint8_t puffin[54] = "PFA1";
	LhRowSet *rows;
	LhBuf sealed;
	FILE *f;

	if (realpath("../shared/fixtures/iceberg/go/puffin/deletion-vector-v1-payload.bin", root) ==
		NULL)
	{
		print_message("SKIPPED: iceberg/go/puffin/deletion-vector-v1-payload.bin is not there\n");
		skip();
	}
	f = fopen(root, "rb");
	assert_int_equal(fread(puffin + 4, 1, 50, f), 50);
	fclose(f);
	sealed = stream(w, &key, (const char *) puffin, 54, 16);
	file.path = lh_sprintf(w->ctx, "%s/dv.puffin", w->dir);
	f = fopen(file.path, "wb");
	assert_int_equal(fwrite(sealed.data, 1, sealed.len, f), sealed.len);
	fclose(f);
	file.key_metadata = metadata_of(w, key.key.bytes, 16, "prefix");
	ok(w, lh_vector_read(w->ctx, w->store, &file, false, &rows));
	assert_true(lh_rowset_count(rows) == 5);
	file.length = 51;
	refused(w, lh_vector_read(w->ctx, w->store, &file, false, &rows), LH_CORRUPT, "lie within",
			NULL, NULL);
	file.length = 50;
	file.key_metadata = metadata_of(w, key.key.bytes, 16, "prefiy");
	refused(w, lh_vector_read(w->ctx, w->store, &file, false, &rows), LH_CORRUPT, "block 0", NULL,
			NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(standard_key_metadata_is_read),
		TEST(streams_of_blocks_are_opened),
		TEST(no_byte_of_a_stream_can_be_changed),
		TEST(a_stream_cut_off_is_told_by_the_length_of_the_table),
		TEST(malformed_streams_are_refused),
		TEST(the_table_of_rust_opens_with_its_master_key),
		TEST(without_the_right_key_the_table_is_refused),
		TEST(a_changed_time_of_a_key_is_noticed),
		TEST(an_encrypted_manifest_needs_the_key_of_its_list),
		TEST(a_parquet_file_opens_with_the_key_of_its_table),
		TEST(a_plain_file_in_the_place_of_an_encrypted_one_is_refused),
		TEST(an_encrypted_deletion_vector_is_read),
	};

	lh_format_register(&lh_iceberg_format);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
