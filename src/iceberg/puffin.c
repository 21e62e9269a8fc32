/*
 * puffin.c
 *		Footers of Puffin files: what blobs of statistics and deletion vectors they hold.
 *
 *		Magic  Blob*  Footer
 *		Footer: Magic  payload  payload size (4)  flags (4)  Magic
 *
 *	1. The last 12 bytes say how long the payload is and whether it is an LZ4 frame.
 *	2. The payload is JSON; unknown members are passed.
 *	3. Blobs must lie where blobs can, in one piece each, and not over each other.
 *
 * Deletion vectors are read by what manifests say of them (scan/vector.c), not
 * through this.
 *
 * Format: https://iceberg.apache.org/puffin-spec/
 */
#include "iceberg/puffin.h"

#include <inttypes.h>
#include <stdlib.h>

#include "codec/codec.h"
#include "core/json_pull.h"

static const uint8_t magic[4] = {'P', 'F', 'A', '1'};

/* Payload size, flags and magic at the end; the magic before the payload. */
#define TAIL  12
#define MAGIC 4

/* No footer is larger, compressed or not. */
#define MAX_FOOTER ((int64_t) 256 << 20)
/* No blob of statistics is larger when unpacked. */
#define MAX_BLOB   ((uint64_t) 1 << 30)

#define FLAG_COMPRESSED 1
#define LZ4_MAGIC       0x184D2204u
#define ZSTD_MAGIC      0xFD2FB528u

static LhStatus
corrupt(LhCtx *ctx, const char *path, const char *what)
{
	LH_FAIL(ctx, LH_CORRUPT, "Puffin file \"%s\": %s", path, what);
}

/*
 * Compression
 */

/* What an LZ4 frame says it holds; false: it says nothing, or is none. */
static bool
lz4_size(LhSlice frame, uint64_t *size)
{
	/* magic, flags (version 01, content size in bit 3), block size, content size */
	if (frame.len < 15 || lh_load_u32(frame.data) != LZ4_MAGIC || (frame.data[4] >> 6) != 1 ||
		(frame.data[4] & 8) == 0)
		return false;
	*size = lh_load_u64(frame.data + 6);
	return true;
}

/* The same of a zstd frame (RFC 8878). */
static bool
zstd_size(LhSlice frame, uint64_t *size)
{
	static const uint8_t dictionary[4] = {0, 1, 2, 4}, content[4] = {0, 2, 4, 8};
	uint8_t flags;
	size_t at = 5, n;

	if (frame.len < 6 || lh_load_u32(frame.data) != ZSTD_MAGIC)
		return false;
	flags = frame.data[4];
	n = content[flags >> 6];
	if ((flags & 0x20) == 0)
		at++;
	else if (n == 0)
		n = 1;
	at += dictionary[flags & 3];
	if (n == 0 || frame.len < at + n)
		return false;
	*size = 0;
	for (size_t i = n; i-- > 0;)
		*size = *size << 8 | frame.data[at + i];
	if (n == 2)
		*size += 256;
	return true;
}

static LhStatus
unpack(LhCtx *ctx, const char *path, const char *what, bool zstd, LhSlice in, uint64_t limit,
	   LhBuf *out)
{
	uint64_t size = 0;
	LhCodecs *codecs;
	LhStatus status;

	if (!(zstd ? zstd_size(in, &size) : lz4_size(in, &size)))
		LH_FAIL(ctx, LH_CORRUPT, "Puffin file \"%s\": %s is no %s frame that says its size", path,
				what, zstd ? "zstd" : "LZ4");
	/* LZ4 packs 255 bytes into one at most, zstd a block of 128 kB into three bytes or so */
	if (size > limit || (!zstd && size / 256 > in.len) || (zstd && size / 65536 > in.len))
		LH_FAIL(ctx, LH_LIMIT, "Puffin file \"%s\": %s would have %" PRIu64 " bytes", path, what,
				size);
	LH_TRY(lh_codecs_create(ctx, &codecs));
	LH_TRY(lh_buf_reserve(ctx, out, (size_t) size + LH_PADDING));
	status = lh_decompress(ctx, codecs, zstd ? LH_CODEC_ZSTD : LH_CODEC_LZ4_HADOOP, in.data, in.len,
						   out->data, (size_t) size);
	if (status == LH_CORRUPT)
		lh_error_prefix(ctx, "Puffin file \"%s\": %s", path, what);
	LH_TRY(status);
	out->len = (size_t) size;
	return LH_OK;
}

/*
 * The payload
 */

static LhStatus
read_fields(LhCtx *ctx, LhPull *j, LhIceBlob *blob)
{
	int *fields;

	LH_PULL_ITEMS(ctx, j, fields, blob->nfields, lh_pull_i32(ctx, j, &fields[blob->nfields]));
	blob->fields = fields;
	return LH_OK;
}

static LhStatus
read_blob(LhCtx *ctx, LhPull *j, LhIceBlob *blob)
{
	static const char *const names[] = {"type",   "fields", "snapshot-id",       "sequence-number",
										"offset", "length", "compression-codec", "properties",
										NULL};
	uint64_t seen = 0;
	bool more;
	int which;

	LH_TRY(lh_pull_object(ctx, j));
	for (;;)
	{
		LH_TRY(lh_pull_field(ctx, j, names, &seen, &which, &more));
		if (!more)
			return lh_pull_need(ctx, j, names, seen, 0x3F);
		switch (which)
		{
			case 0: LH_TRY(lh_pull_text(ctx, j, &blob->type)); break;
			case 1: LH_TRY(read_fields(ctx, j, blob)); break;
			case 2: LH_TRY(lh_pull_id(ctx, j, &blob->snapshot_id)); break;
			case 3: LH_TRY(lh_pull_i64(ctx, j, &blob->sequence)); break;
			case 4: LH_TRY(lh_pull_i64(ctx, j, &blob->offset)); break;
			case 5: LH_TRY(lh_pull_i64(ctx, j, &blob->length)); break;
			case 6: LH_TRY(lh_pull_text(ctx, j, &blob->codec)); break;
			default: LH_TRY(lh_pull_pairs(ctx, j, &blob->nproperties, &blob->properties)); break;
		}
	}
}

static LhStatus
read_blobs(LhCtx *ctx, LhPull *j, LhIcePuffin *puffin)
{
	LhIceBlob *blobs;

	LH_PULL_ITEMS(ctx, j, blobs, puffin->nblobs, read_blob(ctx, j, &blobs[puffin->nblobs]));
	puffin->blobs = blobs;
	return LH_OK;
}

static LhStatus
read_payload(LhCtx *ctx, LhSlice payload, LhIcePuffin *puffin)
{
	static const char *const names[] = {"blobs", "properties", NULL};
	const char *what = lh_sprintf(ctx, "footer of Puffin file \"%s\"", puffin->path);
	LhPull *j;
	uint64_t seen = 0;
	bool more;
	int which;

	if (what == NULL)
		return ctx->error->code;
	LH_NEW(ctx, j);
	LH_TRY(lh_pull_open(ctx, j, what, payload));
	LH_TRY(lh_pull_object(ctx, j));
	for (;;)
	{
		LH_TRY(lh_pull_field(ctx, j, names, &seen, &which, &more));
		if (!more)
			break;
		if (which == 0)
			LH_TRY(read_blobs(ctx, j, puffin));
		else
			LH_TRY(lh_pull_pairs(ctx, j, &puffin->nproperties, &puffin->properties));
	}
	LH_TRY(lh_pull_need(ctx, j, names, seen, 1));
	return lh_pull_close(ctx, j);
}

static int
compare_blobs(const void *a, const void *b)
{
	const LhIceBlob *x = *(const LhIceBlob *const *) a, *y = *(const LhIceBlob *const *) b;

	return x->offset != y->offset ? (x->offset < y->offset ? -1 : 1)
								  : (x->length < y->length ? -1 : x->length > y->length);
}

/* Blobs lie between the magic and the footer, and do not share bytes. */
static LhStatus
check_places(LhCtx *ctx, const LhIcePuffin *puffin)
{
	int64_t end = puffin->size - puffin->footer_size, from = MAGIC;
	const LhIceBlob **order;

	LH_NEW_ARRAY(ctx, order, (size_t) puffin->nblobs + 1);
	for (int i = 0; i < puffin->nblobs; i++)
	{
		const LhIceBlob *b = &puffin->blobs[i];

		order[i] = b;
		if (b->offset < MAGIC || b->length < 0 || b->offset > end || b->length > end - b->offset)
			LH_FAIL(ctx, LH_CORRUPT,
					"Puffin file \"%s\": blob %d of %" PRId64 " bytes at offset %" PRId64
					" leaves the %" PRId64 " bytes that blobs have",
					puffin->path, i, b->length, b->offset, end);
	}
	qsort(order, (size_t) puffin->nblobs, sizeof(*order), compare_blobs);
	for (int i = 0; i < puffin->nblobs; i++)
	{
		if (order[i]->length > 0 && order[i]->offset < from)
			LH_FAIL(ctx, LH_CORRUPT, "Puffin file \"%s\": blobs overlap at offset %" PRId64,
					puffin->path, order[i]->offset);
		if (order[i]->length > 0)
			from = order[i]->offset + order[i]->length;
	}
	return LH_OK;
}

/* Size of the payload and whether it is compressed, from the last bytes. */
static LhStatus
read_tail(LhCtx *ctx, LhIcePuffin *puffin, const uint8_t tail[TAIL], bool *compressed)
{
	int64_t payload = (int32_t) lh_load_u32(tail);
	uint32_t flags = lh_load_u32(tail + 4);

	if (memcmp(tail + 8, magic, MAGIC) != 0)
		return corrupt(ctx, puffin->path, "it does not end with \"PFA1\"");
	if ((flags & ~(uint32_t) FLAG_COMPRESSED) != 0)
		LH_FAIL(ctx, LH_UNSUPPORTED, "Puffin file \"%s\": flags %08x are not all known",
				puffin->path, flags);
	*compressed = (flags & FLAG_COMPRESSED) != 0;
	if (payload < 0 || payload > MAX_FOOTER || payload > puffin->size - TAIL - 2 * MAGIC)
		LH_FAIL(ctx, LH_CORRUPT,
				"Puffin file \"%s\": %" PRId64 " bytes of footer do not fit %" PRId64
				" bytes of file",
				puffin->path, payload, puffin->size);
	puffin->footer_size = payload + TAIL + MAGIC;
	return LH_OK;
}

/* footer: from its magic to its payload's end. */
static LhStatus
read_footer(LhCtx *ctx, LhIcePuffin *puffin, LhSlice footer, bool compressed)
{
	LhSlice payload = lh_slice(footer.data + MAGIC, footer.len - MAGIC);

	if (memcmp(footer.data, magic, MAGIC) != 0)
		return corrupt(ctx, puffin->path, "its footer does not begin with \"PFA1\"");
	if (compressed)
	{
		LhBuf plain;

		LH_TRY(lh_buf_init(ctx, &plain, true));
		LH_TRY(
			unpack(ctx, puffin->path, "the footer", false, payload, (uint64_t) MAX_FOOTER, &plain));
		payload = lh_slice(plain.data, plain.len);
	}
	LH_TRY(read_payload(ctx, payload, puffin));
	return check_places(ctx, puffin);
}

static LhStatus
begin(LhCtx *ctx, const char *path, int64_t size, LhIcePuffin **out)
{
	LH_NEW(ctx, *out);
	(*out)->path = lh_strdup(ctx, path);
	if ((*out)->path == NULL)
		return ctx->error->code;
	(*out)->size = size;
	if (size < TAIL + 2 * MAGIC)
		return corrupt(ctx, path, "it is too short");
	return LH_OK;
}

LhStatus
lh_ice_puffin_read(LhCtx *ctx, LhObject *obj, LhIcePuffin **out)
{
	const LhObjectId *id = lh_object_id(obj);
	uint8_t first[MAGIC], tail[TAIL], *footer;
	size_t length;
	bool compressed = false;

	LH_TRY(begin(ctx, id->path, id->size, out));
	LH_TRY(lh_object_read_many(
		ctx, obj, 2, (const LhRange[]){{0, MAGIC, first}, {id->size - TAIL, TAIL, tail}}));
	if (memcmp(first, magic, MAGIC) != 0)
		return corrupt(ctx, id->path, "it does not begin with \"PFA1\"");
	LH_TRY(read_tail(ctx, *out, tail, &compressed));
	length = (size_t) (*out)->footer_size - TAIL;
	LH_ALLOC(ctx, footer, length);
	LH_TRY(lh_object_read(ctx, obj, id->size - (*out)->footer_size, length, footer));
	return read_footer(ctx, *out, lh_slice(footer, length), compressed);
}

LhStatus
lh_ice_puffin_parse(LhCtx *ctx, const char *path, LhSlice bytes, LhIcePuffin **out)
{
	bool compressed = false;

	LH_TRY(begin(ctx, path, (int64_t) bytes.len, out));
	if (memcmp(bytes.data, magic, MAGIC) != 0)
		return corrupt(ctx, path, "it does not begin with \"PFA1\"");
	LH_TRY(read_tail(ctx, *out, bytes.data + bytes.len - TAIL, &compressed));
	return read_footer(
		ctx, *out,
		lh_slice(bytes.data + bytes.len - (*out)->footer_size, (size_t) (*out)->footer_size - TAIL),
		compressed);
}

LhStatus
lh_ice_puffin_unpack(LhCtx *ctx, const LhIcePuffin *puffin, const LhIceBlob *blob, LhSlice bytes,
					 LhBuf *out)
{
	out->len = 0;
	if (blob->codec == NULL)
		return lh_buf_append(ctx, out, bytes.data, bytes.len);
	if (strcmp(blob->codec, "lz4") == 0)
		return unpack(ctx, puffin->path, "a blob", false, bytes, MAX_BLOB, out);
	if (strcmp(blob->codec, "zstd") == 0)
		return unpack(ctx, puffin->path, "a blob", true, bytes, MAX_BLOB, out);
	LH_FAIL(ctx, LH_UNSUPPORTED,
			"Puffin file \"%s\": compression codec \"%s\" of a blob is unknown", puffin->path,
			blob->codec);
}

LhStatus
lh_ice_puffin_blob(LhCtx *ctx, LhObject *obj, const LhIcePuffin *puffin, const LhIceBlob *blob,
				   LhBuf *out)
{
	LhBuf bytes;

	LH_TRY(lh_buf_init(ctx, &bytes, false));
	LH_TRY(lh_buf_reserve(ctx, &bytes, (size_t) blob->length));
	LH_TRY(lh_object_read(ctx, obj, blob->offset, (size_t) blob->length, bytes.data));
	LH_TRY(
		lh_ice_puffin_unpack(ctx, puffin, blob, lh_slice(bytes.data, (size_t) blob->length), out));
	lh_buf_free(&bytes);
	return LH_OK;
}

const char *
lh_ice_blob_property(const LhIceBlob *blob, const char *key)
{
	for (int i = 0; i < blob->nproperties; i++)
	{
		if (strcmp(blob->properties[2 * i], key) == 0)
			return blob->properties[2 * i + 1];
	}
	return NULL;
}
