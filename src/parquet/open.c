/*
 * open.c
 *		Open a Parquet file: find its footer and parse it.
 *
 *	1. When the cache holds the footer of this very object, nothing is read.
 *	2. Else the last 64 kB are read: they hold trailer and footer of most files.
 *	3. The trailer is the footer's length and a magic number: PAR1, or PARE for
 *	   an encrypted footer.
 *	4. A longer footer costs a second read, of the part before those 64 kB.
 *	5. An encrypted footer is decrypted, and never goes into the cache: whoever
 *	   has no key must not get it from there.  A signed footer in clear text is
 *	   cached with its signature, which is verified at each open.
 *
 * Format: https://parquet.apache.org/docs/file-format/
 */
#include <stdio.h>
#include <string.h>

#include "parquet/cache.h"
#include "parquet/meta.h"

#define TAIL_SIZE     ((int64_t) 64 << 10)
/* Magic at the begin, a footer of at least one byte, trailer. */
#define MIN_FILE_SIZE (LH_PQ_MAGIC_SIZE + LH_PQ_TRAILER_SIZE + 1)

/* What the first bytes of a file say it is, for a hint; NULL when they say nothing. */
static const char *
guess_format(const uint8_t *p, size_t len)
{
	static const struct
	{
		const char *bytes;
		size_t len;
		const char *name;
	} known[] = {{"ORC", 3, "an ORC file"},
				 {"Obj\x01", 4, "an Avro file"},
				 {"ARROW1", 6, "an Arrow file"},
				 {"\x1f\x8b", 2, "a gzip file"},
				 {"\x28\xb5\x2f\xfd", 4, "a zstd file"},
				 {"PK\x03\x04", 4, "a zip file"},
				 {"SQLite format 3", 15, "an SQLite database"},
				 {"PAR1", 4, "the begin of a Parquet file whose end is missing"}};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (len >= known[i].len && memcmp(p, known[i].bytes, known[i].len) == 0)
			return known[i].name;
	return NULL;
}

/* Four bytes for a message: as text when they are letters, else as numbers. */
static void
format_magic(const uint8_t *p, char out[24])
{
	bool text = true;

	for (int i = 0; i < LH_PQ_MAGIC_SIZE; i++)
		text = text && p[i] > 0x20 && p[i] < 0x7f;
	if (text)
		snprintf(out, 24, "\"%c%c%c%c\"", p[0], p[1], p[2], p[3]);
	else
		snprintf(out, 24, "%02x %02x %02x %02x", p[0], p[1], p[2], p[3]);
}

/* The last bytes are no magic number of Parquet. */
static LhStatus
fail_magic(LhCtx *ctx, LhPqFile *file, const uint8_t *found)
{
	uint8_t head[16];
	char text[24];
	const char *guess = NULL;

	format_magic(found, text);
	lh_fail(ctx, LH_CORRUPT,
			"\"%s\" is not a Parquet file: expected magic number \"PAR1\" in its last 4 bytes, "
			"found %s",
			file->path, text);
	if (file->size >= (int64_t) sizeof(head))
	{
		/* only to say more: whether it can be read does not matter */
		LhError error = *ctx->error;

		if (lh_object_read(ctx, file->obj, 0, sizeof(head), head) == LH_OK)
			guess = guess_format(head, sizeof(head));
		*ctx->error = error;
	}
	if (guess != NULL)
		lh_detail(ctx, "Its first bytes are those of %s.", guess);
	return LH_CORRUPT;
}

/* Length of the footer from the trailer, and whether it is encrypted. */
static LhStatus
read_trailer(LhCtx *ctx, LhPqFile *file, const uint8_t *trailer, int64_t *len, bool *secret)
{
	const uint8_t *magic = trailer + 4;

	*len = lh_load_u32(trailer);
	*secret = memcmp(magic, "PARE", LH_PQ_MAGIC_SIZE) == 0;
	if (!*secret && memcmp(magic, "PAR1", LH_PQ_MAGIC_SIZE) != 0)
		return fail_magic(ctx, file, magic);
	if (*len < 1 || *len > file->size - LH_PQ_TRAILER_SIZE - LH_PQ_MAGIC_SIZE)
		LH_FAIL(ctx, LH_CORRUPT,
				"\"%s\" is damaged: expected a footer of 1 to %lld bytes in a file of %lld, found "
				"a length of %lld",
				file->path, (long long) (file->size - LH_PQ_TRAILER_SIZE - LH_PQ_MAGIC_SIZE),
				(long long) file->size, (long long) *len);
	if (*len > LH_PQ_MAX_FOOTER)
		LH_FAIL(ctx, LH_LIMIT, "footer of \"%s\" has %lld bytes, above the limit of %lld",
				file->path, (long long) *len, (long long) LH_PQ_MAX_FOOTER);
	return LH_OK;
}

/* The footer in arena (ctx->arena is scratch). */
static LhStatus
read_footer(LhCtx *ctx, LhPqFile *file, LhArena *arena, uint8_t **footer, int64_t *len, bool *secret)
{
	int64_t tail_size = file->size < TAIL_SIZE ? file->size : TAIL_SIZE;
	int64_t tail_at = file->size - tail_size;
	int64_t begin, before;
	LhArena *old;
	uint8_t *tail;

	LH_ALLOC(ctx, tail, (size_t) tail_size);
	LH_TRY(lh_object_read(ctx, file->obj, tail_at, (size_t) tail_size, tail));
	LH_TRY(read_trailer(ctx, file, tail + tail_size - LH_PQ_TRAILER_SIZE, len, secret));
	old = lh_use(ctx, arena);
	*footer = lh_alloc(ctx, (size_t) *len);
	lh_use(ctx, old);
	if (*footer == NULL)
		return ctx->error->code;
	begin = file->size - LH_PQ_TRAILER_SIZE - *len;
	before = begin < tail_at ? tail_at - begin : 0;
	if (before > 0)
		LH_TRY(lh_object_read(ctx, file->obj, begin, (size_t) before, *footer));
	memcpy(*footer + before, tail + (begin + before - tail_at), (size_t) (*len - before));
	return LH_OK;
}

/* An encrypted footer: crypto metadata in clear text, then the footer as a module. */
static LhStatus
make_secret(LhCtx *ctx, LhPqFile *file, LhArena *arena, uint8_t *footer, size_t len, LhPqMeta **out)
{
	LhPqCryptInfo info;
	LhSlice plain = {0};
	size_t size;

	LH_TRY(lh_pq_crypt_parse_file(ctx, lh_slice(footer, len), &info, &size));
	LH_TRY(lh_pq_crypt_create(ctx, file, &info));
	LH_TRY(lh_pq_crypt_footer(ctx, file, footer + size, len - size, &plain));
	LH_TRY(lh_pq_meta_make(ctx, arena, plain.data, plain.len, file->size, out));
	(*out)->footer_size = (int64_t) len;
	(*out)->priv->secret = true;
	return LH_OK;
}

/* Read and parse into a new arena, which is the caller's even after a failure. */
static LhStatus
load_meta(LhCtx *ctx, LhPqFile *file, LhArena *arena, LhPqMeta **out)
{
	LhArena *scratch = lh_arena_child(ctx->arena);
	LhArena *old;
	LhStatus status;
	uint8_t *footer = NULL;
	int64_t len = 0;
	bool secret = false;

	if (scratch == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory for the footer of \"%s\"", file->path);
	old = lh_use(ctx, scratch);
	status = read_footer(ctx, file, arena, &footer, &len, &secret);
	lh_use(ctx, old);
	lh_arena_destroy(scratch);
	LH_TRY(status);
	LH_COUNT(ctx, FOOTERS_READ, 1);
	if (secret)
		status = make_secret(ctx, file, arena, footer, (size_t) len, out);
	else
		status = lh_pq_meta_make(ctx, arena, footer, (size_t) len, file->size, out);
	/* errors about encryption name the file themselves */
	if (status != LH_OK && status != LH_CANCELLED && strstr(ctx->error->message, file->path) == NULL)
		lh_error_prefix(ctx, "%s", file->path);
	return status;
}

static LhStatus
find_meta(LhCtx *ctx, LhPqFile *file, LhPqCache *cache)
{
	const LhObjectId *id = lh_object_id(file->obj);
	LhArena *arena;
	LhStatus status;

	file->meta = cache != NULL ? lh_pq_cache_get(cache, id) : NULL;
	if (file->meta != NULL)
	{
		LH_COUNT(ctx, FOOTER_CACHE_HITS, 1);
		return LH_OK;
	}
	/* a footer outlives the scan that read it, so it is not on the scan's budget */
	arena = lh_arena_create(NULL);
	if (arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory for the footer of \"%s\"", file->path);
	status = load_meta(ctx, file, arena, &file->meta);
	if (status != LH_OK)
	{
		lh_arena_destroy(arena);
		file->meta = NULL;
		return status;
	}
	if (cache != NULL && !file->meta->priv->secret)
		lh_pq_cache_put(cache, id, file->meta);
	return LH_OK;
}

/* A footer in clear text: if it names an algorithm, prepare for its columns and verify the signature. */
static LhStatus
open_signed(LhCtx *ctx, LhPqFile *file)
{
	const LhPqMetaPrivate *priv = file->meta->priv;

	if (priv->secret)
		return LH_OK;
	if (priv->crypt.algorithm == 0 && priv->crypt.key_metadata.data != NULL)
		LH_FAIL(ctx, LH_CORRUPT, "footer of \"%s\" names a key for its signature, but no algorithm", file->path);
	if (priv->crypt.algorithm == 0 && file->options.file_key != NULL)
		LH_FAIL(ctx, LH_CORRUPT, "\"%s\" is not encrypted, but its table has a key for it: it may be another file",
				file->path);
	if (priv->crypt.algorithm == 0)
		return lh_pq_crypt_plain(ctx, file);
	LH_TRY(lh_pq_crypt_create(ctx, file, &priv->crypt));
	return lh_pq_crypt_verify(ctx, file, lh_slice(priv->footer, priv->footer_len));
}

LhStatus
lh_pq_open(LhCtx *ctx, LhObject *obj, LhPqCache *cache, const LhPqOptions *options, LhPqFile **out)
{
	const LhObjectId *id = lh_object_id(obj);
	LhPqFile *file;
	LhStatus status;

	LH_NEW(ctx, file);
	file->obj = obj;
	file->size = id->size;
	file->path = id->path;
	file->arena = ctx->arena;
	if (options != NULL)
		file->options = *options;
	if (file->size < MIN_FILE_SIZE)
		LH_FAIL(ctx, LH_CORRUPT,
				"\"%s\" is not a Parquet file: expected at least %d bytes, found %lld", file->path,
				MIN_FILE_SIZE, (long long) file->size);
	LH_TRY(find_meta(ctx, file, cache));
	status = lh_arena_on_reset(ctx, ctx->arena, lh_pq_meta_unref, file->meta);
	if (status != LH_OK)
	{
		lh_pq_meta_unref(file->meta);
		return status;
	}
	LH_TRY(open_signed(ctx, file));
	LH_TRY(lh_codecs_create(ctx, &file->codecs));
	LH_NEW_ARRAY(ctx, file->chunks, (size_t) file->meta->ngroups * (size_t) file->meta->nleaves);
	*out = file;
	return LH_OK;
}

const LhPqMeta *
lh_pq_meta(const LhPqFile *file)
{
	return file->meta;
}
