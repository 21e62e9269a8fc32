/*
 * vector.c
 *		Deletion vectors: every claim about them is checked before a row is deleted.
 *
 * A vector that is wrong in any way is an error and never "no rows deleted":
 * rows that were deleted would come back.
 */
#include "scan/vector.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "store/sealed.h"

#define LENGTH_BYTES 4
#define MAGIC_BYTES  4
#define CRC_BYTES    4
#define LEAST_BYTES  (LENGTH_BYTES + MAGIC_BYTES + 8 + CRC_BYTES)
/* Java's readers hold a vector in one array. */
#define MOST_BYTES   ((int64_t) INT32_MAX)
/* A Puffin file begins with 4 bytes of magic, so no blob lies there. */
#define PUFFIN_MAGIC_BYTES 4

static const uint8_t magic[MAGIC_BYTES] = {0xD1, 0xD3, 0x39, 0x64};

/* Does it begin as a frame of zstd or LZ4 does? */
static const char *
compression(LhSlice blob)
{
	static const uint8_t zstd[] = {0x28, 0xB5, 0x2F, 0xFD}, lz4[] = {0x04, 0x22, 0x4D, 0x18};

	if (memcmp(blob.data, zstd, sizeof(zstd)) == 0)
		return "zstd";
	return memcmp(blob.data, lz4, sizeof(lz4)) == 0 ? "LZ4" : NULL;
}

LhStatus
lh_vector_parse(LhCtx *ctx, LhSlice blob, int64_t records, bool floor, const char *what,
				LhRowSet **out)
{
	const uint8_t *body;
	size_t size;
	uint32_t claimed, crc, expected;
	uint64_t count;

	if (blob.len < LEAST_BYTES)
		LH_FAIL(ctx, LH_CORRUPT, "%s: %zu bytes are too few for a deletion vector", what, blob.len);
	body = blob.data + LENGTH_BYTES;
	size = blob.len - LENGTH_BYTES - CRC_BYTES;
	if (compression(blob) != NULL)
		LH_FAIL(ctx, LH_UNSUPPORTED, "%s: it is compressed with %s, which deletion vectors must not be",
				what, compression(blob));
	claimed = lh_load_be32(blob.data);
	if (claimed != size)
		LH_FAIL(ctx, LH_CORRUPT, "%s: its length field says %" PRIu32 " bytes, expected %zu", what,
				claimed, size);
	if (memcmp(body, magic, MAGIC_BYTES) != 0)
		LH_FAIL(ctx, LH_CORRUPT, "%s: it begins with magic %02X%02X%02X%02X, expected D1D33964", what,
				body[0], body[1], body[2], body[3]);
	crc = lh_crc32(body, size);
	expected = lh_load_be32(body + size);
	if (crc != expected)
		LH_FAIL(ctx, LH_CORRUPT, "%s: its CRC-32 is %08" PRIX32 ", stored is %08" PRIX32, what, crc,
				expected);
	LH_TRY(lh_rowset_parse(ctx, lh_slice(body + MAGIC_BYTES, size - MAGIC_BYTES), floor, what, out));
	count = lh_rowset_count(*out);
	if (records >= 0 && count != (uint64_t) records)
		LH_FAIL(ctx, LH_CORRUPT, "%s: it deletes %" PRIu64 " rows, the metadata says %" PRId64, what,
				count, records);
	return LH_OK;
}

static LhStatus
check_place(LhCtx *ctx, const LhDeleteFile *file, int64_t size)
{
	if (file->offset < 0 || file->length < LEAST_BYTES || file->length > MOST_BYTES ||
		file->offset > size - file->length)
		LH_FAIL(ctx, LH_CORRUPT,
				"deletion vector at offset %" PRId64 " with %" PRId64
				" bytes does not lie within file \"%s\" of %" PRId64 " bytes",
				file->offset, file->length, file->path, size);
	if (file->offset >= PUFFIN_MAGIC_BYTES || file->bare)
		return LH_OK;
	lh_fail(ctx, LH_UNSUPPORTED, "file \"%s\" is no Puffin file: its deletion vector begins at offset %" PRId64,
			file->path, file->offset);
	lh_hint(ctx, "Table option \"allow_legacy_deletion_vectors\" reads deletion vectors that lie in a file of their own without Puffin's frame.");
	return LH_UNSUPPORTED;
}

static LhStatus
read_blob(LhCtx *ctx, LhStore *store, const LhDeleteFile *file, LhArena *scratch, LhSlice *out)
{
	LhArena *old = lh_use(ctx, scratch);
	const LhFileKey *key;
	LhObject *obj;
	LhBuf buf;

	LH_TRY(lh_object_open(ctx, store, file->path, &obj));
	/* a vector's place is one in what is encrypted */
	if (lh_file_key_is(file->key_metadata))
	{
		LH_TRY(lh_file_key_parse(ctx, file->path, file->key_metadata, &key));
		LH_TRY(lh_sealed_open(ctx, obj, key, &obj));
	}
	LH_TRY(check_place(ctx, file, lh_object_id(obj)->size));
	LH_TRY(lh_buf_init(ctx, &buf, true));
	LH_TRY(lh_buf_reserve(ctx, &buf, (size_t) file->length));
	LH_TRY(lh_object_read(ctx, obj, file->offset, (size_t) file->length, buf.data));
	lh_use(ctx, old);
	*out = lh_slice(buf.data, (size_t) file->length);
	return LH_OK;
}

LhStatus
lh_vector_read(LhCtx *ctx, LhStore *store, const LhDeleteFile *file, bool floor, LhRowSet **out)
{
	LhArena *keep = ctx->arena, *scratch = lh_arena_child(keep);
	char what[LH_ERROR_TEXT / 2];
	LhSlice blob;
	LhStatus status;

	if (scratch == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	status = read_blob(ctx, store, file, scratch, &blob);
	lh_use(ctx, keep);
	if (status == LH_OK)
	{
		snprintf(what, sizeof(what), "deletion vector at offset %" PRId64 " of file \"%s\"",
				 file->offset, file->path);
		status = lh_vector_parse(ctx, blob, file->records, floor, what, out);
	}
	lh_arena_destroy(scratch);
	if (status == LH_OK)
		LH_COUNT(ctx, DELETION_VECTORS_READ, 1);
	return status;
}
