/*
 * open.c
 *		A file's tail, read from its end; the open file.
 */
#include "orc/meta.h"

/* Read at once in the hope that it holds the whole tail. */
#define TAIL_SIZE      (64 * 1024)
/* The longest postscript and its length. */
#define MAX_POSTSCRIPT 256
/* "ORC", and the length of a postscript with a footer's length. */
#define MIN_FILE_SIZE  8

const char *
lh_orc_where(LhCtx *ctx, const LhOrcFile *file, int stripe, int node)
{
	char *path, *text;

	if (node <= 0 || lh_orc_path(ctx, file->meta, node, &path) != LH_OK)
		text = lh_sprintf(ctx, "%s, stripe %d", file->path, stripe);
	else
		text = lh_sprintf(ctx, "%s, stripe %d, column %s", file->path, stripe, path);
	return text != NULL ? text : file->path;
}

LhStatus
lh_orc_with_place(LhCtx *ctx, const LhOrcFile *file, int stripe, int node, LhStatus status)
{
	const char *where;

	if (status == LH_OK || status == LH_CANCELLED || status == LH_NEED_HOST)
		return status;
	/* what the store and other calls said may name the file themselves */
	if (strncmp(ctx->error->message, file->path, strlen(file->path)) == 0)
		return status;
	where = lh_orc_where(ctx, file, stripe, node);
	lh_error_prefix(ctx, "%s", where);
	return status;
}

static LhStatus
not_orc(LhCtx *ctx, const LhOrcFile *file)
{
	lh_fail(ctx, LH_CORRUPT, "\"%s\" is not an ORC file: expected \"ORC\" at its end or begin",
			file->path);
	return LH_CORRUPT;
}

/* Files of Hive 0.11 have the magic bytes at their begin only. */
static LhStatus
check_magic(LhCtx *ctx, const LhOrcFile *file)
{
	uint8_t begin[3];

	LH_TRY(lh_object_read(ctx, file->obj, 0, sizeof(begin), begin));
	if (memcmp(begin, "ORC", 3) != 0)
		return not_orc(ctx, file);
	return LH_OK;
}

/* The tail in ctx->arena. */
static LhStatus
read_tail(LhCtx *ctx, LhOrcFile *file, LhOrcPostscript *ps, uint8_t **out)
{
	int64_t size = file->size < TAIL_SIZE ? file->size : TAIL_SIZE;
	int64_t have;
	uint8_t *end;
	size_t most;

	LH_ALLOC(ctx, end, (size_t) size);
	LH_TRY(lh_object_read(ctx, file->obj, file->size - size, (size_t) size, end));
	most = size < MAX_POSTSCRIPT ? (size_t) size : MAX_POSTSCRIPT;
	if (lh_orc_postscript(ctx, end + size - most, most, file->size, ps) != LH_OK)
	{
		/* a file of something else is said to be that, not to be damaged */
		LhStatus status = ctx->error->code;

		if (!ps->magic && (status == LH_CORRUPT || status == LH_UNSUPPORTED || status == LH_LIMIT))
		{
			LhError error = *ctx->error;

			LH_TRY(check_magic(ctx, file));
			*ctx->error = error;
		}
		return status;
	}
	if (!ps->magic)
		LH_TRY(check_magic(ctx, file));
	LH_ALLOC(ctx, *out, (size_t) ps->tail);
	have = ps->tail < size ? ps->tail : size;
	memcpy(*out + ps->tail - have, end + size - have, (size_t) have);
	if (have < ps->tail)
		LH_TRY(lh_object_read(ctx, file->obj, file->size - ps->tail, (size_t) (ps->tail - have),
							  *out));
	return LH_OK;
}

/* Read and parse into a new arena, which is the caller's even after a failure. */
static LhStatus
load_meta(LhCtx *ctx, LhOrcFile *file, LhArena *arena)
{
	LhArena *scratch = lh_arena_child(ctx->arena);
	LhOrcPostscript ps;
	LhArena *old;
	LhStatus status;
	uint8_t *tail = NULL;

	if (scratch == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory for the footer of \"%s\"", file->path);
	old = lh_use(ctx, scratch);
	status = read_tail(ctx, file, &ps, &tail);
	if (status == LH_OK)
	{
		LH_COUNT(ctx, FOOTERS_READ, 1);
		status = lh_orc_meta_make(ctx, arena, tail, &ps, file->size, &file->options, &file->meta);
	}
	lh_use(ctx, old);
	lh_arena_destroy(scratch);
	if (status != LH_OK && status != LH_CANCELLED &&
		strstr(ctx->error->message, file->path) == NULL)
		lh_error_prefix(ctx, "%s", file->path);
	return status;
}

static LhStatus
find_meta(LhCtx *ctx, LhOrcFile *file, LhOrcMeta *given)
{
	LhArena *arena;
	LhStatus status;

	if (given != NULL)
	{
		if (given->priv->file_size != file->size ||
			given->priv->nanoseconds != file->options.nanoseconds)
			LH_FAIL(ctx, LH_BUG, "\"%s\": metadata of another file", file->path);
		LH_COUNT(ctx, FOOTER_CACHE_HITS, 1);
		lh_orc_meta_ref(given);
		file->meta = given;
		return LH_OK;
	}
	/* a tail may outlive the scan that read it, so it is not on the scan's budget */
	arena = lh_arena_create(NULL);
	if (arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory for the footer of \"%s\"", file->path);
	status = load_meta(ctx, file, arena);
	if (status != LH_OK)
	{
		lh_arena_destroy(arena);
		file->meta = NULL;
	}
	return status;
}

static LhStatus
refuse_acid(LhCtx *ctx, const LhOrcFile *file)
{
	lh_fail(ctx, LH_UNSUPPORTED,
			"\"%s\" belongs to a transactional Hive table, whose rows are spread over files",
			file->path);
	lh_hint(
		ctx,
		"In Hive, copy the table into one that is not transactional (CREATE TABLE ... STORED AS ORC "
		"TBLPROPERTIES ('transactional'='false') AS SELECT ...) and read that.");
	return LH_UNSUPPORTED;
}

LhStatus
lh_orc_open(LhCtx *ctx, LhObject *obj, LhOrcMeta *meta, const LhOrcOptions *options,
			LhOrcFile **out)
{
	const LhObjectId *id = lh_object_id(obj);
	LhOrcFile *file;
	LhStatus status;

	LH_NEW(ctx, file);
	file->obj = obj;
	file->size = id->size;
	file->path = id->path;
	file->arena = ctx->arena;
	file->stats_stripe = -1;
	LH_TRY(lh_buf_init(ctx, &file->stats, true));
	if (options != NULL)
		file->options = *options;
	if (file->size < MIN_FILE_SIZE)
		LH_FAIL(ctx, LH_CORRUPT,
				"\"%s\" is not an ORC file: expected at least %d bytes, found %lld", file->path,
				MIN_FILE_SIZE, (long long) file->size);
	LH_TRY(find_meta(ctx, file, meta));
	status = lh_arena_on_reset(ctx, ctx->arena, lh_orc_meta_unref, file->meta);
	LH_TRY(status);
	if (file->meta->acid && !file->options.any_acid)
		return refuse_acid(ctx, file);
	LH_TRY(lh_blocks_create(ctx, &file->blocks));
	*out = file;
	return LH_OK;
}

LhOrcMeta *
lh_orc_meta(const LhOrcFile *file)
{
	return file->meta;
}

void
lh_orc_drop_ahead(LhOrcFile *file)
{
	lh_object_drop_ahead(file->obj);
}
