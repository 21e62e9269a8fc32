/*
 * chunk.c
 *		Metadata of one column chunk, parsed when it is asked for.
 *
 * What other code relies on after this:
 *
 *	1. start, the place of the first page header, lies inside the file (a
 *	   dictionary may come first without being named, or be named with offset 0);
 *	2. sizes and counts are not negative, and the chunk ends before the footer
 *	   begins.  total_compressed_size may still be too small: old writers left the
 *	   dictionary page out of it;
 *	3. the physical type is the schema's;
 *	4. statistics are judged (stats.c).
 *
 * Places of indexes and bloom filters are checked by who reads them.
 *
 * Metadata of an encrypted column is a module of its own, unless it is protected
 * by an encrypted footer of the same key.  Then what stands in clear text beside
 * it, for readers without the key, is not looked at.  A chunk whose key cannot
 * be had is "locked": it may have sizes and places, but proves nothing.
 *
 * Format: parquet.thrift, ColumnChunk and ColumnMetaData
 */
#include "parquet/meta.h"

/* Bits of LhPqChunk.encodings */
#define BIT(encoding)    (UINT32_C(1) << (encoding))
#define DICTIONARY_CODES (BIT(LH_PQ_PLAIN_DICTIONARY) | BIT(LH_PQ_RLE_DICTIONARY))

/* What is read besides the chunk itself. */
typedef struct Raw
{
	LhPqAllowance allowance;
	LhPqRawStats stats;
	bool has_meta;
	bool has_type, has_codec, has_values, has_size, has_offset;
	int32_t type;
	bool has_page_counts; /* encoding_stats names data pages */
	bool other_pages;     /* ... that are not dictionary coded */
	LhSlice file_path;
	LhPqColumnCrypt crypt;
	LhSlice sealed; /* the metadata as a module */
} Raw;

static void
parse_encodings(LhThrift *r, const LhThriftField *f, LhPqChunk *chunk)
{
	LhThriftList list;

	if (!lh_thrift_list(r, f, LH_THRIFT_I32, &list))
		return;
	for (uint32_t i = 0; i < list.n && lh_thrift_ok(r); i++)
	{
		int32_t encoding = lh_thrift_item_i32(r);

		if (encoding >= 0 && encoding < 32)
			chunk->encodings |= BIT(encoding);
	}
}

/* list<PageEncodingStats> */
static void
parse_page_counts(LhThrift *r, const LhThriftField *f, Raw *raw)
{
	LhThriftList list;

	if (!lh_thrift_list(r, f, LH_THRIFT_STRUCT, &list))
		return;
	for (uint32_t i = 0; i < list.n && lh_thrift_ok(r); i++)
	{
		LhThriftField inner = {0};
		int32_t type = -1, encoding = -1, count = 1;

		while (lh_thrift_next(r, &inner))
			switch (inner.id)
			{
				case 1: lh_thrift_i32(r, &inner, &type); break;
				case 2: lh_thrift_i32(r, &inner, &encoding); break;
				case 3: lh_thrift_i32(r, &inner, &count); break;
				default: lh_thrift_skip(r, inner.type);
			}
		if ((type != LH_PQ_DATA_PAGE && type != LH_PQ_DATA_PAGE_V2) || count == 0)
			continue;
		raw->has_page_counts = true;
		if (encoding != LH_PQ_PLAIN_DICTIONARY && encoding != LH_PQ_RLE_DICTIONARY)
			raw->other_pages = true;
	}
}

static LhStatus
parse_meta_data(LhCtx *ctx, LhThrift *r, LhPqChunk *chunk, Raw *raw)
{
	LhThriftField f = {0};
	LhPqAllowance *allowance = &raw->allowance;

	while (lh_thrift_next(r, &f))
		switch (f.id)
		{
			case 1: raw->has_type = lh_thrift_i32(r, &f, &raw->type); break;
			case 2: parse_encodings(r, &f, chunk); break;
			case 4: raw->has_codec = lh_thrift_i32(r, &f, &chunk->codec); break;
			case 5: raw->has_values = lh_thrift_i64(r, &f, &chunk->num_values); break;
			case 6: lh_thrift_i64(r, &f, &chunk->uncompressed_size); break;
			case 7: raw->has_size = lh_thrift_i64(r, &f, &chunk->compressed_size); break;
			case 8: LH_TRY(lh_pq_key_values(ctx, allowance, r, &f, &chunk->nkv, &chunk->kv)); break;
			case 9: raw->has_offset = lh_thrift_i64(r, &f, &chunk->data_offset); break;
			case 10: lh_thrift_i64(r, &f, &chunk->index_offset); break;
			case 11: lh_thrift_i64(r, &f, &chunk->dict_offset); break;
			case 12:
				if (lh_thrift_struct(r, &f))
				{
					lh_pq_stats_parse(r, &raw->stats);
					chunk->stats.present = true;
				}
				break;
			case 13: parse_page_counts(r, &f, raw); break;
			case 14: lh_thrift_i64(r, &f, &chunk->bloom_offset); break;
			case 15: lh_thrift_i32(r, &f, &chunk->bloom_length); break;
			case 17:
				if (lh_thrift_struct(r, &f))
					LH_TRY(lh_pq_geo_parse(ctx, allowance, r, &chunk->geo));
				break;
			default: lh_thrift_skip(r, f.type);
		}
	return LH_OK;
}

static LhStatus
parse_chunk(LhCtx *ctx, LhThrift *r, LhPqChunk *chunk, Raw *raw)
{
	LhThriftField f = {0};

	while (lh_thrift_next(r, &f))
		switch (f.id)
		{
			case 1: lh_thrift_binary(r, &f, &raw->file_path); break;
			case 3:
				if (lh_thrift_struct(r, &f))
				{
					raw->has_meta = true;
					LH_TRY(parse_meta_data(ctx, r, chunk, raw));
				}
				break;
			case 4: lh_thrift_i64(r, &f, &chunk->offset_index_offset); break;
			case 5: lh_thrift_i32(r, &f, &chunk->offset_index_length); break;
			case 6: lh_thrift_i64(r, &f, &chunk->column_index_offset); break;
			case 7: lh_thrift_i32(r, &f, &chunk->column_index_length); break;
			case 8:
				chunk->encrypted = true;
				lh_pq_crypt_parse_column(r, &f, &raw->crypt);
				break;
			case 9:
				chunk->encrypted = true;
				lh_thrift_binary(r, &f, &raw->sealed);
				break;
			default: lh_thrift_skip(r, f.type);
		}
	return lh_thrift_status(ctx, r, "column chunk");
}

static LhStatus
check_present(LhCtx *ctx, const Raw *raw, LhPqPhysical physical)
{
	const char *missing = NULL;

	if (!raw->has_meta)
		missing = "its metadata";
	else if (!raw->has_type)
		missing = "a type";
	else if (!raw->has_codec)
		missing = "a codec";
	else if (!raw->has_values)
		missing = "a number of values";
	else if (!raw->has_size)
		missing = "a compressed size";
	else if (!raw->has_offset)
		missing = "the offset of its first data page";
	if (missing != NULL)
		LH_FAIL(ctx, LH_CORRUPT, "column chunk: expected %s, found none", missing);
	if (raw->type != (int32_t) physical)
		LH_FAIL(ctx, LH_CORRUPT, "column chunk: expected type %s as in the schema, found %s",
				lh_pq_physical_name(physical), lh_pq_physical_name(raw->type));
	return LH_OK;
}

/* Rule 6.3(1) of the reference: where the first page header lies, and that all is in the file. */
static LhStatus
check_place(LhCtx *ctx, const LhPqMeta *meta, LhPqChunk *chunk)
{
	int64_t end = lh_pq_data_end(meta);

	if (chunk->num_values < 0 || chunk->compressed_size < 0 || chunk->uncompressed_size < 0)
		LH_FAIL(ctx, LH_CORRUPT,
				"column chunk: expected counts and sizes, found %lld values in %lld bytes (%lld "
				"uncompressed)",
				(long long) chunk->num_values, (long long) chunk->compressed_size,
				(long long) chunk->uncompressed_size);
	chunk->start = chunk->data_offset;
	if (chunk->dict_offset > 0 && chunk->dict_offset < chunk->start)
		chunk->start = chunk->dict_offset;
	/* empty chunks have no pages, and some writers no offsets for them */
	if (chunk->num_values == 0 || chunk->file_path != NULL)
		return LH_OK;
	if (chunk->start < LH_PQ_MAGIC_SIZE || chunk->start >= end ||
		chunk->compressed_size > end - chunk->start)
		LH_FAIL(
			ctx, LH_CORRUPT,
			"column chunk: expected its pages between byte %d and the footer at byte %lld, found "
			"%lld bytes at byte %lld",
			LH_PQ_MAGIC_SIZE, (long long) end, (long long) chunk->compressed_size,
			(long long) chunk->start);
	return LH_OK;
}

/*
 * Is every data page dictionary coded?  Without counts of pages this is known
 * when PLAIN_DICTIONARY is named and nothing else that values could be coded
 * with (RLE is for levels, but for booleans).
 */
static bool
all_dictionary(const LhPqChunk *chunk, const Raw *raw)
{
	const uint32_t levels = BIT(LH_PQ_RLE) | BIT(LH_PQ_BIT_PACKED);

	if (raw->has_page_counts)
		return !raw->other_pages;
	return chunk->physical != LH_PQ_BOOLEAN && (chunk->encodings & DICTIONARY_CODES) != 0 &&
		   (chunk->encodings & ~(DICTIONARY_CODES | levels)) == 0;
}

static void
init(LhPqChunk *chunk, Raw *raw)
{
	raw->stats.nulls = raw->stats.distinct = raw->stats.nans = -1;
	chunk->bloom_offset = chunk->bloom_length = -1;
}

/* Decrypt the metadata module, where it was copied to. */
static LhStatus
open_sealed(LhCtx *ctx, const LhPqFile *file, int group, int leaf, const LhPqKey *key, uint8_t *bytes,
			size_t len, LhSlice *plain)
{
	LhArena *old = ctx->arena, *scratch = lh_arena_child(old);
	LhPqDecrypt *d;
	LhStatus status;

	if (scratch == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	lh_use(ctx, scratch);
	status = lh_pq_decrypt_create(ctx, file, group, leaf, key, &d);
	if (status == LH_OK)
		status = lh_pq_decrypt_here(ctx, d, LH_PQ_M_COLUMN, bytes, len, plain);
	lh_use(ctx, old);
	lh_arena_destroy(scratch);
	return status;
}

/* Metadata from its module instead of what was in clear text. */
static LhStatus
parse_sealed(LhCtx *ctx, const LhPqFile *file, int group, int leaf, LhPqChunk *chunk, Raw *raw)
{
	LhPqChunk outside = *chunk;
	Raw inner = {.allowance = LH_PQ_ALLOWANCE(raw->sealed.len), .file_path = raw->file_path};
	LhSlice plain = {0};
	uint8_t *copy;
	LhThrift r;

	copy = lh_memdup(ctx, raw->sealed.data, raw->sealed.len);
	if (copy == NULL)
		return ctx->error->code;
	LH_TRY(open_sealed(ctx, file, group, leaf, chunk->key, copy, raw->sealed.len, &plain));
	*chunk = (LhPqChunk){.physical = outside.physical,
						 .offset_index_offset = outside.offset_index_offset,
						 .offset_index_length = outside.offset_index_length,
						 .column_index_offset = outside.column_index_offset,
						 .column_index_length = outside.column_index_length,
						 .encrypted = true,
						 .key = outside.key};
	init(chunk, &inner);
	inner.has_meta = true;
	lh_thrift_init(&r, plain.data, plain.len);
	LH_TRY(parse_meta_data(ctx, &r, chunk, &inner));
	LH_TRY(lh_thrift_status(ctx, &r, "encrypted column chunk"));
	*raw = inner;
	return LH_OK;
}

static LhStatus
unlock(LhCtx *ctx, LhPqFile *file, int group, int leaf, LhPqChunk *chunk, Raw *raw)
{
	LH_TRY(lh_pq_crypt_key(ctx, file, leaf, &raw->crypt, &chunk->key));
	chunk->locked = chunk->key->key == NULL;
	if (chunk->locked || raw->sealed.len == 0)
		return LH_OK;
	return parse_sealed(ctx, file, group, leaf, chunk, raw);
}

/* Fill a new chunk; ctx->arena is the file's. */
static LhStatus
make_chunk(LhCtx *ctx, LhPqFile *file, int group, int leaf, LhPqChunk *chunk)
{
	const LhPqMeta *meta = file->meta;
	const LhPqMetaPrivate *priv = meta->priv;
	size_t at = priv->chunk_at[(size_t) group * (size_t) meta->nleaves + (size_t) leaf];
	const LhPqNode *node = &meta->nodes[meta->leaf_nodes[leaf]];
	Raw raw = {.allowance = LH_PQ_ALLOWANCE(priv->footer_len - at)};
	LhThrift r;

	init(chunk, &raw);
	chunk->physical = node->physical;
	chunk->offset_index_offset = chunk->column_index_offset = -1;
	lh_thrift_init(&r, priv->footer + at, priv->footer_len - at);
	LH_TRY(parse_chunk(ctx, &r, chunk, &raw));
	if (chunk->encrypted)
		LH_TRY(unlock(ctx, file, group, leaf, chunk, &raw));
	if (raw.file_path.len > 0)
		LH_TRY(lh_pq_text(ctx, &raw.allowance, raw.file_path, &chunk->file_path));
	if (chunk->locked && !raw.has_meta)
	{
		chunk->stats.nulls = chunk->stats.distinct = chunk->stats.nans = -1;
		return LH_OK;
	}
	LH_TRY(check_present(ctx, &raw, node->physical));
	LH_TRY(check_place(ctx, meta, chunk));
	chunk->all_dictionary = all_dictionary(chunk, &raw);
	return lh_pq_stats_judge(ctx, meta, leaf, chunk->num_values, &raw.stats, &chunk->stats);
}

static LhStatus
make_in_file(LhCtx *ctx, LhPqFile *file, int group, int leaf, LhPqChunk **out)
{
	LhArena *old = lh_use(ctx, file->arena);
	LhPqChunk *chunk = lh_alloc0(ctx, sizeof(LhPqChunk));
	LhStatus status = LH_NO_MEMORY;

	if (chunk != NULL)
		status = make_chunk(ctx, file, group, leaf, chunk);
	lh_use(ctx, old);
	*out = chunk;
	return status;
}

LhStatus
lh_pq_chunk(LhCtx *ctx, LhPqFile *file, int group, int leaf, const LhPqChunk **out)
{
	const LhPqMeta *meta = file->meta;
	const LhPqChunk **slot;
	LhPqChunk *chunk;
	LhStatus status;

	if (group < 0 || group >= meta->ngroups || leaf < 0 || leaf >= meta->nleaves)
		LH_FAIL(ctx, LH_BUG, "%s: no column chunk %d in row group %d", file->path, leaf, group);
	slot = &file->chunks[(size_t) group * (size_t) meta->nleaves + (size_t) leaf];
	if (*slot == NULL)
	{
		status = make_in_file(ctx, file, group, leaf, &chunk);
		if (status == LH_CORRUPT || status == LH_LIMIT || status == LH_UNSUPPORTED)
			lh_error_prefix(ctx, "%s", lh_pq_where(ctx, file, group, meta->leaf_nodes[leaf]));
		LH_TRY(status);
		*slot = chunk;
	}
	*out = *slot;
	return LH_OK;
}
