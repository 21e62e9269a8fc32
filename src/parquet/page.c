/*
 * page.c
 *		Load a page: check, decrypt, decompress, split into levels and values.
 *
 *	v1	everything is compressed together:
 *		[length and repetition levels] [length and definition levels] values
 *	v2	levels come first, uncompressed and without lengths, values behind them
 *		may be compressed
 *
 * A small uncompressed page is left where it lies in the window, a large one is
 * read into a block of its own.  Values of a compressed v2 page begin at the
 * block's start, that is, aligned; its levels are copied behind them.
 *
 * Format: https://parquet.apache.org/docs/file-format/data-pages/
 */
#include "parquet/leaf.h"

/*
 * An uncompressed page of at least this size is read into a block of its own,
 * not through the window: nothing is copied, and its values are aligned.  From
 * a remote store that would be a request for each page.
 */
#define DIRECT_SIZE ((size_t) 32 * 1024)
#define ALIGNMENT   64

/* Compression codecs of parquet.thrift. */
static const LhCodec codecs[] = {LH_CODEC_NONE,	  LH_CODEC_SNAPPY,	   LH_CODEC_GZIP,
								 LH_CODEC_LZO,	  LH_CODEC_BROTLI,	   LH_CODEC_LZ4_HADOOP,
								 LH_CODEC_ZSTD,	  LH_CODEC_LZ4_RAW};

LhStatus
lh_pq_page_codec(LhCtx *ctx, int thrift, LhCodec *out)
{
	if (thrift < 0 || thrift >= (int) (sizeof(codecs) / sizeof(codecs[0])))
		LH_FAIL(ctx, LH_UNSUPPORTED, "compression codec %d is not supported", thrift);
	*out = codecs[thrift];
	return LH_OK;
}

/*
 * Can len bytes become out_len?  A header that promises 1 GB for 20 bytes is
 * refused before memory is taken.  Limits are those of the formats: a snappy
 * copy of 64 bytes takes 3, a deflate match of 258 bytes 2 bits, an lz4 length
 * byte stands for 255, a zstd block of 128 kB takes 4 bytes at least.  Brotli
 * has none that would help.
 */
static bool
plausible(LhCodec codec, uint64_t len, uint64_t out_len)
{
	switch (codec)
	{
		case LH_CODEC_SNAPPY: return out_len <= 22 * len + 64;
		case LH_CODEC_GZIP: return out_len <= 1032 * len + 64;
		case LH_CODEC_LZ4_RAW:
		case LH_CODEC_LZ4_HADOOP: return out_len <= 255 * len + 64;
		case LH_CODEC_ZSTD: return out_len <= 32768 * len + 64;
		default: return true;
	}
}

/*
 * Where the values of a page will begin in its body, as far as that is known
 * beforehand: levels of a v1 page that is encrypted are not.
 */
static size_t
values_at(const LhPqLeaf *leaf, const LhPqPageHeader *h, int64_t pos)
{
	const LhPqWindow *w = &leaf->window;

	if (h->type == LH_PQ_DATA_PAGE_V2)
		return (size_t) h->rep_length + (size_t) h->def_length;
	if (h->type != LH_PQ_DATA_PAGE || leaf->node->max_rep > 0 || leaf->node->max_def == 0 ||
		h->def_encoding != LH_PQ_RLE || leaf->decrypt != NULL || lh_pq_window_have(w, pos) < 4)
		return 0;
	return 4 + (size_t) lh_load_u32(w->block->buf.data + (pos - w->at));
}

/* Read a body into a block of its own, so that its values are aligned. */
static LhStatus
read_direct(LhCtx *ctx, LhPqLeaf *leaf, const LhPqPageHeader *h, int64_t pos, LhPqBlock **block,
			const uint8_t **body)
{
	const LhPqWindow *w = &leaf->window;
	size_t len = (size_t) h->stored_size;
	size_t head = leaf->decrypt != NULL ? LH_PQ_SEAL_HEAD : 0;
	size_t lead = -(head + values_at(leaf, h, pos)) % ALIGNMENT;
	size_t have = lh_pq_window_have(w, pos);
	uint8_t *p;
	LhStatus status = LH_OK;

	if (pos > leaf->file->size || (int64_t) len > leaf->file->size - pos)
		LH_FAIL(ctx, LH_CORRUPT, "page at offset %lld with %zu bytes reaches beyond the end of the file",
				(long long) pos, len);
	LH_TRY(lh_pq_block_take(ctx, &leaf->pool, lead + len, LH_PQ_FLOOR, block));
	p = (*block)->buf.data + lead;
	if (have > len)
		have = len;
	if (have > 0)
		memcpy(p, w->block->buf.data + (pos - w->at), have);
	if (have < len)
		status = lh_object_read(ctx, leaf->file->obj, pos + (int64_t) have, len - have, p + have);
	if (status != LH_OK)
		lh_pq_block_release(&leaf->pool, *block);
	*body = p;
	return status;
}

/* The bytes of a body as they lie in the file. */
static LhStatus
get_stored(LhCtx *ctx, LhPqLeaf *leaf, const LhPqPageHeader *h, int64_t pos, bool plain,
		   LhPqBlock **block, const uint8_t **body)
{
	size_t len = (size_t) h->stored_size;

	LH_TRY(lh_poll(ctx));
	leaf->direct = plain && leaf->may_direct && len >= DIRECT_SIZE;
	if (leaf->direct)
		LH_TRY(read_direct(ctx, leaf, h, pos, block, body));
	else
	{
		size_t have;

		LH_TRY(lh_pq_window_get(ctx, &leaf->window, pos, len, leaf->read_ahead, body, &have));
		*block = leaf->window.block;
		lh_pq_block_own(*block);
	}
	if (leaf->file->options.check_crc && h->has_crc)
	{
		uint32_t crc = lh_crc32(*body, len);

		if (crc != h->crc)
		{
			lh_pq_block_release(&leaf->pool, *block);
			LH_FAIL(ctx, LH_CORRUPT, "page at offset %lld has the checksum %08x, its header says %08x",
					(long long) pos, crc, h->crc);
		}
	}
	return LH_OK;
}

/*
 * Decrypt a body: where it lies when the block is its own, else into another
 * block, because what lies in the window may be read again.
 */
static LhStatus
decrypt_body(LhCtx *ctx, LhPqLeaf *leaf, const LhPqPageHeader *h, LhPqBlock **block,
			 const uint8_t **body)
{
	LhPqModule module =
		h->type == LH_PQ_DICTIONARY_PAGE ? LH_PQ_M_DICT_PAGE : LH_PQ_M_DATA_PAGE;
	const uint8_t *in = *body;
	uint8_t *out = (*block)->buf.data + (in - (*block)->buf.data) + LH_PQ_SEAL_HEAD;
	LhPqBlock *own = NULL;
	LhStatus status;

	if (!leaf->direct)
	{
		size_t lead = -values_at(leaf, h, leaf->body) % ALIGNMENT;

		status = lh_pq_block_take(ctx, &leaf->pool, lead + (size_t) h->compressed_size, LH_PQ_FLOOR, &own);
		if (status != LH_OK)
		{
			lh_pq_block_release(&leaf->pool, *block);
			return status;
		}
		out = own->buf.data + lead;
	}
	status = lh_pq_decrypt(ctx, leaf->decrypt, module, h->ordinal, in, (size_t) h->stored_size, out);
	if (status != LH_OK || own != NULL)
		lh_pq_block_release(&leaf->pool, *block);
	if (status != LH_OK)
		lh_pq_block_release(&leaf->pool, own);
	else if (own != NULL)
		*block = own;
	*body = out;
	return status;
}

/*
 * The body of a page at pos: *body, in *block, of which the caller becomes an
 * owner.  "plain": it will be used as it is, not decompressed.
 */
static LhStatus
get_body(LhCtx *ctx, LhPqLeaf *leaf, const LhPqPageHeader *h, int64_t pos, bool plain,
		 LhPqBlock **block, const uint8_t **body)
{
	LH_TRY(get_stored(ctx, leaf, h, pos, plain, block, body));
	if (leaf->decrypt != NULL)
		return decrypt_body(ctx, leaf, h, block, body);
	return LH_OK;
}

/*
 * Decompress len bytes into a block that has extra bytes behind the padding of
 * the result.
 */
static LhStatus
inflate(LhCtx *ctx, LhPqLeaf *leaf, const uint8_t *in, size_t len, size_t out_len, size_t extra,
		LhPqBlock **out)
{
	LhPqBlock *block;

	if (!plausible(leaf->codec, len, out_len))
		LH_FAIL(ctx, LH_CORRUPT, "page of %zu bytes cannot decompress (%s) to the size of %zu bytes that its header says", len,
				lh_codec_name(leaf->codec), out_len);
	LH_TRY(lh_pq_block_take(ctx, &leaf->pool, out_len + LH_PADDING + extra, LH_PQ_FLOOR, &block));
	if (out_len > 0)
	{
		LhStatus status = lh_decompress(ctx, leaf->file->codecs, leaf->codec, in, len,
										block->buf.data, out_len);

		if (status != LH_OK)
		{
			lh_pq_block_release(&leaf->pool, block);
			return status;
		}
	}
	*out = block;
	return LH_OK;
}

/*
 * Are the bytes of a page of codes stored as they are, from in + *at on?  Codes are unpacked
 * wherever they lie; other values are better off aligned and not in the window.
 */
static bool
are_stored(const LhPqLeaf *leaf, const LhPqPageHeader *h, const uint8_t *in, size_t len, size_t out_len,
		   size_t *at)
{
	return h == &leaf->header && leaf->by_code && lh_codec_stored(leaf->codec, in, len, out_len, at);
}

/* A whole body, decompressed: *data, in *block, of which the caller becomes an owner. */
static LhStatus
whole_body(LhCtx *ctx, LhPqLeaf *leaf, const LhPqPageHeader *h, int64_t pos, LhPqBlock **block,
		   const uint8_t **data, size_t *len)
{
	LhPqBlock *raw;
	const uint8_t *body;
	LhStatus status;
	size_t at;

	*len = (size_t) h->compressed_size;
	if (leaf->codec == LH_CODEC_NONE)
		return get_body(ctx, leaf, h, pos, true, block, data);
	LH_TRY(get_body(ctx, leaf, h, pos, false, &raw, &body));
	if (are_stored(leaf, h, body, *len, (size_t) h->uncompressed_size, &at))
	{
		*block = raw;
		*data = body + at;
		*len = (size_t) h->uncompressed_size;
		return LH_OK;
	}
	status = inflate(ctx, leaf, body, *len, (size_t) h->uncompressed_size, 0, block);
	lh_pq_block_release(&leaf->pool, raw);
	LH_TRY(status);
	*data = (*block)->buf.data;
	*len = (size_t) h->uncompressed_size;
	return LH_OK;
}

LhStatus
lh_pq_page_dict_bytes(LhCtx *ctx, LhPqLeaf *leaf, LhPqBlock **out, const uint8_t **data,
					  size_t *len)
{
	return whole_body(ctx, leaf, &leaf->dict_header, leaf->dict_pos, out, data, len);
}

/* Levels of a v1 page at *p, which is moved behind them. */
static LhStatus
v1_levels(LhCtx *ctx, const LhPqPage *page, int max, int encoding, const char *what,
		  const uint8_t **p, const uint8_t *end, LhPqLevels *lv)
{
	uint64_t room = (uint64_t) (end - *p);
	uint64_t len;

	if (max == 0)
	{
		lh_pq_levels_init(lv, *p, 0, 0, false);
		return LH_OK;
	}
	if (encoding == LH_PQ_BIT_PACKED)
		len = ((uint64_t) page->num_values * (uint64_t) lh_pq_level_width(max) + 7) / 8;
	else if (encoding == LH_PQ_RLE)
	{
		if (room < 4)
			LH_FAIL(ctx, LH_CORRUPT, "page ends before its %s levels", what);
		len = lh_load_u32(*p);
		*p += 4;
		room -= 4;
	}
	else
		LH_FAIL(ctx, LH_CORRUPT, "%s levels cannot be coded as %s", what,
				lh_pq_encoding_name(encoding));
	if (len > room)
		LH_FAIL(ctx, LH_CORRUPT, "%s levels of %llu bytes exceed their page", what,
				(unsigned long long) len);
	lh_pq_levels_init(lv, *p, (size_t) len, max, encoding == LH_PQ_BIT_PACKED);
	*p += len;
	return LH_OK;
}

static LhStatus
split_v1(LhCtx *ctx, LhPqLeaf *leaf, const uint8_t *data, size_t len, LhPqPage *page)
{
	const LhPqPageHeader *h = &leaf->header;
	const uint8_t *p = data;
	const uint8_t *end = data + len;

	LH_TRY(v1_levels(ctx, page, leaf->node->max_rep, h->rep_encoding, "repetition", &p, end,
					 &page->rep));
	LH_TRY(v1_levels(ctx, page, leaf->node->max_def, h->def_encoding, "definition", &p, end,
					 &page->def));
	page->values = p;
	page->len = (size_t) (end - p);
	return LH_OK;
}

/* Levels of a v2 page, which lie at p. */
static void
v2_levels(const LhPqLeaf *leaf, const uint8_t *p, LhPqPage *page)
{
	size_t rep = (size_t) leaf->header.rep_length;

	lh_pq_levels_init(&page->rep, p, rep, leaf->node->max_rep, false);
	lh_pq_levels_init(&page->def, p + rep, (size_t) leaf->header.def_length, leaf->node->max_def,
					  false);
}

/* Decompress a v2 page's values; its levels, which are not compressed, are copied behind them. */
static LhStatus
inflate_v2(LhCtx *ctx, LhPqLeaf *leaf, const uint8_t *body, size_t levels, LhPqPage *page)
{
	size_t len = (size_t) leaf->header.compressed_size - levels;
	size_t out_len = (size_t) leaf->header.uncompressed_size - levels;
	uint8_t *behind;

	/* nothing is not a compressed stream: a page of nulls may leave it out */
	if (len == 0)
		out_len = 0;
	LH_TRY(inflate(ctx, leaf, body + levels, len, out_len, levels, &page->block));
	behind = page->block->buf.data + out_len + LH_PADDING;
	memcpy(behind, body, levels);
	v2_levels(leaf, behind, page);
	page->values = page->block->buf.data;
	page->len = out_len;
	return LH_OK;
}

static LhStatus
load_v2(LhCtx *ctx, LhPqLeaf *leaf, LhPqPage *page)
{
	const LhPqPageHeader *h = &leaf->header;
	int64_t levels = (int64_t) h->rep_length + h->def_length;
	bool plain = leaf->codec == LH_CODEC_NONE || !h->is_compressed;
	LhPqBlock *raw;
	const uint8_t *body;
	size_t at = 0;
	LhStatus status;

	if (h->rep_length < 0 || h->def_length < 0 || levels > h->compressed_size ||
		levels > h->uncompressed_size)
		LH_FAIL(ctx, LH_CORRUPT, "levels of %lld bytes exceed their page of %d", (long long) levels,
				h->compressed_size);
	LH_TRY(get_body(ctx, leaf, h, leaf->body, plain, &raw, &body));
	if (plain || are_stored(leaf, h, body + levels, (size_t) (h->compressed_size - levels),
							(size_t) (h->uncompressed_size - levels), &at))
	{
		page->block = raw;
		v2_levels(leaf, body, page);
		page->values = body + levels + at;
		page->len = (size_t) (h->compressed_size - levels) - at;
		return LH_OK;
	}
	status = inflate_v2(ctx, leaf, body, (size_t) levels, page);
	lh_pq_block_release(&leaf->pool, raw);
	return status;
}

static LhStatus
load_v1(LhCtx *ctx, LhPqLeaf *leaf, LhPqPage *page)
{
	const uint8_t *data;
	size_t len;

	LH_TRY(whole_body(ctx, leaf, &leaf->header, leaf->body, &page->block, &data, &len));
	return split_v1(ctx, leaf, data, len, page);
}

LhStatus
lh_pq_page_load(LhCtx *ctx, LhPqLeaf *leaf, LhPqPage *page)
{
	const LhPqPageHeader *h = &leaf->header;
	LhStatus status;

	*page = (LhPqPage){.num_values = h->num_values, .encoding = h->encoding};
	status = h->type == LH_PQ_DATA_PAGE_V2 ? load_v2(ctx, leaf, page) : load_v1(ctx, leaf, page);
	if (status != LH_OK)
	{
		lh_pq_page_drop(leaf, page);
		return status;
	}
	LH_COUNT(ctx, PAGES_READ, 1);
	return LH_OK;
}

void
lh_pq_page_drop(LhPqLeaf *leaf, LhPqPage *page)
{
	lh_pq_block_release(&leaf->pool, page->block);
	page->block = NULL;
}
