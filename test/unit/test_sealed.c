/*
 * test_sealed.c
 *		Encrypted objects read in parts: always what was encrypted, or an error that names the block.
 */
#include "ice_seal.h"

#include <utime.h>

#include "scan/datafile.h"
#include "store/sealed.h"

/* A file of these bytes, an hour old. */
static const char *
put_file(World *w, const char *name, const void *bytes, size_t n)
{
	const char *path = lh_sprintf(w->ctx, "%s/%s", w->dir, name);
	struct utimbuf past = {time(NULL) - 3600, time(NULL) - 3600};
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(utime(path, &past), 0);
	return path;
}

static LhSlice
get_file(World *w, const char *path)
{
	LhObject *obj;
	size_t n;
	uint8_t *bytes;

	ok(w, lh_object_open(w->ctx, w->store, path, &obj));
	n = (size_t) lh_object_id(obj)->size;
	bytes = lh_alloc(w->ctx, n + 1);
	ok(w, lh_object_read(w->ctx, obj, 0, n, bytes));
	return lh_slice(bytes, n);
}

static LhStatus
open_sealed(World *w, const char *path, const LhFileKey *key, LhObject **out)
{
	LhObject *under;

	ok(w, lh_object_open(w->ctx, w->store, path, &under));
	return lh_sealed_open(w->ctx, under, key, out);
}

/* Numbers without order, the same ones each time. */
static uint64_t turn;

static size_t
below(size_t n)
{
	return (size_t) (lh_hash_u64(++turn) % n);
}

static void
check_parts(World *w, LhObject *obj, const uint8_t *plain, size_t n)
{
	uint8_t *out = lh_alloc(w->ctx, 3 * n + 1);

	assert_true(lh_object_id(obj)->size == (int64_t) n);
	for (int i = 0; i < 60; i++)
	{
		LhRange ranges[3];

		for (int k = 0; k < 3; k++)
		{
			ranges[k].offset = (int64_t) below(n + 1);
			ranges[k].len = below(n - (size_t) ranges[k].offset + 1);
			ranges[k].out = out + (size_t) k * n;
		}
		memset(out, 0xAA, 3 * n);
		ok(w, lh_object_will_need(w->ctx, obj, 3, ranges));
		if (i % 2 == 0)
			ok(w, lh_object_read_many(w->ctx, obj, 3, ranges));
		else
			for (int k = 0; k < 3; k++)
				ok(w, lh_object_read(w->ctx, obj, ranges[k].offset, ranges[k].len, ranges[k].out));
		for (int k = 0; k < 3; k++)
		{
			assert_memory_equal(ranges[k].out, plain + ranges[k].offset, ranges[k].len);
			if (ranges[k].len < n)
				assert_int_equal(ranges[k].out[ranges[k].len], 0xAA);
		}
	}
	lh_object_drop_ahead(obj);
}

static void
any_part_is_what_was_encrypted(void **state)
{
	static const size_t sizes[] = {0, 1, 6, 7, 8, 14, 100, 1000};
	static const uint32_t blocks[] = {1, 7, 64, 1000, 1 << 20};
	World *w = *state;
	LhFileKey key = file_key();
	uint8_t plain[1000];

	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t) lh_hash_u64(i);
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
		for (size_t b = 0; b < sizeof(blocks) / sizeof(blocks[0]); b++)
		{
			LhBuf file = stream(w, &key, (const char *) plain, sizes[s], blocks[b]);
			LhObject *obj;

			ok(w, open_sealed(w, put_file(w, "f", file.data, file.len), &key, &obj));
			check_parts(w, obj, plain, sizes[s]);
		}
}

/* A block is authentic or not read; the others are. */
static void
a_changed_block_is_named_and_others_are_read(void **state)
{
	World *w = *state;
	LhFileKey key = file_key();
	LhBuf file = stream(w, &key, "0123456789", 10, 4);
	uint8_t out[11] = {0};

	for (size_t i = LH_GCM_STREAM_HEADER; i < file.len; i++)
	{
		size_t bad = (i - LH_GCM_STREAM_HEADER) / (4 + LH_AES_NONCE + LH_AES_TAG);
		LhObject *obj;

		file.data[i] ^= 0x10;
		ok(w, open_sealed(w, put_file(w, "f", file.data, file.len), &key, &obj));
		for (size_t k = 0; k < 3; k++)
		{
			size_t n = k < 2 ? 4 : 2;
			LhStatus status = lh_object_read(w->ctx, obj, (int64_t) (4 * k), n, out);

			if (k == bad)
				refused(w, status, LH_CORRUPT, lh_sprintf(w->ctx, "block %zu", k), "/f", NULL);
			else
			{
				ok(w, status);
				assert_memory_equal(out, "0123456789" + 4 * k, n);
			}
		}
		/* in the middle of it, and again */
		for (int twice = 0; twice < 2; twice++)
			refused(w, lh_object_read(w->ctx, obj, (int64_t) (4 * bad) + 1, 1, out), LH_CORRUPT,
					"does not belong", NULL, NULL);
		file.data[i] ^= 0x10;
	}
}

static void
what_is_no_such_stream_is_refused(void **state)
{
	World *w = *state;
	LhFileKey key = file_key();
	LhBuf file = stream(w, &key, "01234567", 8, 4);
	uint8_t out[9];
	LhObject *obj;

	refused(w, open_sealed(w, put_file(w, "f", "", 0), &key, &obj), LH_CORRUPT, "AGS1", NULL, NULL);
	refused(w, open_sealed(w, put_file(w, "f", "AGS1", 4), &key, &obj), LH_CORRUPT, "AGS1", NULL,
			NULL);
	refused(w, open_sealed(w, put_file(w, "f", "Obj\1 and more", 14), &key, &obj), LH_CORRUPT,
			"AGS1", NULL, NULL);
	refused(w, open_sealed(w, put_file(w, "f", file.data, file.len - 20), &key, &obj), LH_CORRUPT,
			"within a block", NULL, NULL);
	key.length = (int64_t) file.len;
	refused(w, open_sealed(w, put_file(w, "f", file.data, file.len - 32), &key, &obj), LH_CORRUPT,
			"as its table says", NULL, NULL);
	ok(w, open_sealed(w, put_file(w, "f", file.data, file.len), &key, &obj));
	refused(w, lh_object_read(w->ctx, obj, 0, 9, out), LH_CORRUPT, "ends at byte 8", NULL, NULL);
	refused(w, lh_object_read(w->ctx, obj, 9, 0, out), LH_CORRUPT, "ends at byte 8", NULL, NULL);
	refused(w, lh_object_read(w->ctx, obj, -1, 1, out), LH_CORRUPT, "ends at byte 8", NULL, NULL);
}

/* Caches keep what certain identities name: nothing of a secret file. */
static void
nothing_decrypted_is_kept_by_caches(void **state)
{
	World *w = *state;
	LhFileKey key = file_key();
	LhBuf file = stream(w, &key, "01234567", 8, 4);
	const char *path = put_file(w, "f", file.data, file.len);
	LhObject *under, *obj;

	ok(w, lh_object_open(w->ctx, w->store, path, &under));
	assert_true(lh_object_id_certain(lh_object_id(under)));
	ok(w, lh_sealed_open(w->ctx, under, &key, &obj));
	assert_false(lh_object_id_certain(lh_object_id(obj)));
	assert_false(lh_object_id_same(lh_object_id(obj), lh_object_id(under)));
	assert_string_equal(lh_object_id(obj)->path, path);
}

/* The file, encrypted, has the rows and columns of the plain one. */
static void
check_format(World *w, LhFileFormat format, const char *name)
{
	LhFileKey key = file_key();
	LhSlice plain = get_file(w, fixture(w, name));
	LhSlice metadata = metadata_of(w, key.key.bytes, 16, "prefix");
	LhBuf file = stream(w, &key, (const char *) plain.data, plain.len, 1000);
	const char *path = put_file(w, "f", file.data, file.len);
	LhDataOptions options = {.cache = w->cache};
	LhDataFile *of_plain, *of_sealed;
	LhObject *obj;

	ok(w, lh_object_open(w->ctx, w->store, fixture(w, name), &obj));
	ok(w, lh_data_open(w->ctx, format, obj, &options, &of_plain));
	ok(w, lh_object_open(w->ctx, w->store, path, &obj));
	options.key_metadata = metadata;
	ok(w, lh_data_open(w->ctx, format, obj, &options, &of_sealed));
	assert_true(of_plain->rows > 0 && of_plain->rows == of_sealed->rows);
	assert_int_equal(of_plain->nnodes, of_sealed->nnodes);
	assert_string_equal(of_sealed->path, path);
	options.key_metadata = metadata_of(w, key.key.bytes, 16, "prefiy");
	refused(w, lh_data_open(w->ctx, format, obj, &options, &of_sealed), LH_CORRUPT, "block ", "/f",
			NULL);
	/* a plain file in the place of an encrypted one */
	options.key_metadata = metadata;
	ok(w, lh_object_open(w->ctx, w->store, fixture(w, name), &obj));
	refused(w, lh_data_open(w->ctx, format, obj, &options, &of_sealed), LH_CORRUPT, "AGS1", NULL,
			NULL);
}

static void
avro_and_orc_files_open_with_the_keys_of_their_tables(void **state)
{
	check_format(*state, LH_FILE_AVRO, "avro/alltypes_deflate.avro");
	check_format(*state, LH_FILE_ORC, "orc/types_zlib.orc");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(any_part_is_what_was_encrypted),
		TEST(a_changed_block_is_named_and_others_are_read),
		TEST(what_is_no_such_stream_is_refused),
		TEST(nothing_decrypted_is_kept_by_caches),
		TEST(avro_and_orc_files_open_with_the_keys_of_their_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
