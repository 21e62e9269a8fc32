/*
 * write_page.c
 *		Make a page of what a leaf has collected.
 *
 *	1. Does the dictionary still pay?  If not, values take its place (AUTO only).
 *	2. Levels, then codes or values, in "raw".
 *	3. How values that have no codes are encoded is chosen at the first such page
 *	   of a chunk, by trying and compressing; all others follow it.
 *	4. Compress; put header and body together, so that a page is written at once.
 *	5. Bounds and counts for the page index, the chunk and the file.
 *
 * Format: parquet.thrift, PageHeader
 */
#include "core/hash.h"
#include "parquet/write_internal.h"

/*
 * Another encoding is worth its while when it takes less than so many percent
 * of PLAIN: all readers know DELTA_BINARY_PACKED, but not all the others.
 */
#define WORTH_PERCENT      95
#define RARE_WORTH_PERCENT 80

/*
 * A dictionary is kept while a page with codes takes less than so many percent
 * of what it would take without: its first page must promise more, because
 * values compress and the dictionary's entries may all be new.
 */
#define FIRST_PAGE_PERCENT 70
#define NEXT_PAGE_PERCENT  90
/* Codes can be filtered without being decoded: worth a little against delta. */
#define DELTA_PERCENT      120

static size_t
count_values(const LhPqwLeaf *leaf)
{
	return leaf->dict.active ? leaf->codes.len / sizeof(uint32_t) : leaf->values.n;
}

/* PLAIN size of what the codes stand for. */
static size_t
size_of_codes(const LhPqwLeaf *leaf)
{
	const uint32_t *codes = (const uint32_t *) (const void *) leaf->codes.data;
	size_t n = leaf->codes.len / sizeof(*codes), total = 4 * n;

	if (leaf->values.width > 0)
		return n * leaf->values.width;
	for (size_t i = 0; i < n; i++)
		total += lh_pqw_value(&leaf->dict.values, codes[i]).len;
	return total;
}

/* Size of the codes' integers as DELTA_BINARY_PACKED. */
static LhStatus
delta_size(LhCtx *ctx, LhPqwLeaf *leaf, size_t *size)
{
	const uint32_t *codes = (const uint32_t *) (const void *) leaf->codes.data;
	LhPqwValues v = {.width = leaf->values.width, .data = leaf->shared->take};
	LhBuf *trial = &leaf->shared->packed;

	v.data.len = 0;
	LH_TRY(
		lh_pqw_values_pick(ctx, &v, &leaf->dict.values, codes, leaf->codes.len / sizeof(*codes)));
	leaf->shared->take = v.data;
	trial->len = 0;
	LH_TRY(lh_pqw_encode(ctx, &v, leaf->physical, LH_PQ_DELTA_BINARY_PACKED, trial));
	*size = trial->len;
	return LH_OK;
}

/* Is the page, whose encoded codes take code_bytes, better with its dictionary? */
static LhStatus
dictionary_pays(LhCtx *ctx, LhPqwLeaf *leaf, size_t code_bytes, bool *pays)
{
	size_t plain = size_of_codes(leaf), cost, delta;
	const LhPqwDict *d = &leaf->dict;

	if (d->used)
	{
		cost = code_bytes + (d->plain_size - leaf->dict_before);
		*pays = cost * 100 < plain * NEXT_PAGE_PERCENT;
		return LH_OK;
	}
	/* what the second half of the page added tells how the dictionary will go on to grow */
	cost = leaf->half_bytes > 0 ? 2 * (d->plain_size - leaf->half_bytes) : d->plain_size;
	cost = code_bytes + (cost < d->plain_size ? cost : d->plain_size);
	*pays = cost * 100 < plain * FIRST_PAGE_PERCENT;
	if (!*pays || !lh_pqw_encoding_fits(leaf->physical, LH_PQ_DELTA_BINARY_PACKED))
		return LH_OK;
	LH_TRY(delta_size(ctx, leaf, &delta));
	*pays = cost * 100 < delta * DELTA_PERCENT;
	return LH_OK;
}

/*
 * Levels
 */

static LhStatus
put_levels(LhCtx *ctx, const LhPqwLevels *l, bool with_length, LhBuf *out, size_t *bytes)
{
	size_t at = out->len;
	int width = lh_pqw_bits((uint32_t) l->max);
	uint32_t len = 0;

	*bytes = 0;
	if (l->max == 0)
		return LH_OK;
	if (with_length)
		LH_TRY(lh_buf_append(ctx, out, &len, sizeof(len)));
	if (l->data.len == 0)
		LH_TRY(lh_pqw_rle_run(ctx, l->same, l->n, width, out));
	else
		LH_TRY(lh_pqw_rle8(ctx, l->data.data, l->n, width, out));
	*bytes = out->len - at;
	len = (uint32_t) (*bytes - sizeof(len));
	if (with_length)
		memcpy(out->data + at, &len, sizeof(len));
	return LH_OK;
}

/*
 * Values without codes
 */

static LhPqEncoding
wished(const LhPqwLeaf *leaf)
{
	LhPqEncoding e = LH_PQ_PLAIN;

	switch (leaf->wish)
	{
		case LH_PQ_WRITE_DELTA:
			e = leaf->physical == LH_PQ_BYTE_ARRAY ? LH_PQ_DELTA_LENGTH_BYTE_ARRAY
												   : LH_PQ_DELTA_BINARY_PACKED;
			break;
		case LH_PQ_WRITE_DELTA_BYTES: e = LH_PQ_DELTA_BYTE_ARRAY; break;
		case LH_PQ_WRITE_SPLIT: e = LH_PQ_BYTE_STREAM_SPLIT; break;
		default: break;
	}
	return lh_pqw_encoding_fits(leaf->physical, e) ? e : LH_PQ_PLAIN;
}

/* Encodings besides PLAIN that AUTO tries. */
static int
candidates(const LhPqwLeaf *leaf, LhPqEncoding *out)
{
	switch (leaf->physical)
	{
		case LH_PQ_INT32:
		case LH_PQ_INT64: out[0] = LH_PQ_DELTA_BINARY_PACKED; return 1;
		case LH_PQ_FLOAT:
		case LH_PQ_DOUBLE: out[0] = LH_PQ_BYTE_STREAM_SPLIT; return 1;
		case LH_PQ_BYTE_ARRAY:
			out[0] = LH_PQ_DELTA_LENGTH_BYTE_ARRAY;
			out[1] = LH_PQ_DELTA_BYTE_ARRAY;
			return 2;
		case LH_PQ_BOOLEAN:
			/* the format has it in pages of version 2 */
			out[0] = LH_PQ_RLE;
			return leaf->shared->options.data_page == 2;
		default: return 0;
	}
}

/* Bytes of the page's values in an encoding, compressed. */
static LhStatus
try_encoding(LhCtx *ctx, LhPqwLeaf *leaf, LhPqEncoding encoding, size_t *bytes)
{
	LhPqwShared *s = leaf->shared;

	s->trial.len = s->packed.len = 0;
	LH_TRY(lh_pqw_encode(ctx, &leaf->values, leaf->physical, encoding, &s->trial));
	*bytes = s->trial.len;
	if (s->options.codec == LH_CODEC_NONE)
		return LH_OK;
	LH_TRY(lh_compress(ctx, s->codecs, s->options.codec, s->options.level, s->trial.data,
					   s->trial.len, &s->packed));
	*bytes = s->packed.len;
	return LH_OK;
}

static LhStatus
choose_encoding(LhCtx *ctx, LhPqwLeaf *leaf)
{
	LhPqEncoding others[2];
	size_t best, bytes;
	int n;

	leaf->plain = wished(leaf);
	leaf->chosen = true;
	if (leaf->wish != LH_PQ_WRITE_AUTO)
		return LH_OK;
	n = candidates(leaf, others);
	if (n == 0)
		return LH_OK;
	LH_TRY(try_encoding(ctx, leaf, LH_PQ_PLAIN, &best));
	best =
		best * (others[0] == LH_PQ_DELTA_BINARY_PACKED ? WORTH_PERCENT : RARE_WORTH_PERCENT) / 100;
	for (int i = 0; i < n; i++)
	{
		LH_TRY(try_encoding(ctx, leaf, others[i], &bytes));
		if (bytes >= best)
			continue;
		best = bytes;
		leaf->plain = others[i];
	}
	return LH_OK;
}

static LhStatus
put_codes(LhCtx *ctx, LhPqwLeaf *leaf, LhBuf *out)
{
	const uint32_t *codes = (const uint32_t *) (const void *) leaf->codes.data;
	size_t n = leaf->dict.values.n;
	int width = n > 0 ? lh_pqw_bits((uint32_t) n - 1) : 0;

	LH_TRY(lh_buf_putc(ctx, out, (char) width));
	return lh_pqw_rle32(ctx, codes, leaf->codes.len / sizeof(*codes), width, out);
}

/* Append codes or values. */
static LhStatus
put_values(LhCtx *ctx, LhPqwLeaf *leaf, LhBuf *out, LhPqEncoding *encoding)
{
	size_t at = out->len;

	if (leaf->dict.active)
	{
		bool pays = true;

		LH_TRY(put_codes(ctx, leaf, out));
		*encoding = LH_PQ_RLE_DICTIONARY;
		if (leaf->wish == LH_PQ_WRITE_AUTO)
			LH_TRY(dictionary_pays(ctx, leaf, out->len - at, &pays));
		if (pays)
			return LH_OK;
		out->len = at;
		LH_TRY(lh_pqw_dict_give_up(ctx, leaf));
	}
	/* a page of nulls tells nothing; some readers cannot take the headers of other encodings alone */
	*encoding = LH_PQ_PLAIN;
	if (leaf->values.n == 0)
		return LH_OK;
	if (!leaf->chosen)
		LH_TRY(choose_encoding(ctx, leaf));
	*encoding = leaf->plain;
	return lh_pqw_encode(ctx, &leaf->values, leaf->physical, leaf->plain, out);
}

/*
 * Header and body
 */

typedef struct Body
{
	int type;
	size_t raw, packed; /* bytes of the body, levels included */
	size_t rep, def;    /* bytes of levels */
	int64_t values, nulls, rows;
	LhPqEncoding encoding;
	bool compressed;
	LhSlice levels, rest; /* what stands in the file */
} Body;

static uint32_t
checksum(const Body *b)
{
	return lh_crc32_more(lh_crc32(b->levels.data, b->levels.len), b->rest.data, b->rest.len);
}

static LhStatus
put_header(LhCtx *ctx, const LhPqwLeaf *leaf, const Body *b, LhBuf *out)
{
	LhTout t;

	lh_tout_begin(&t, ctx, out);
	lh_tout_i32(&t, 1, b->type);
	lh_tout_i32(&t, 2, (int32_t) b->raw);
	lh_tout_i32(&t, 3, (int32_t) b->packed);
	if (!leaf->shared->options.no_crc)
		lh_tout_i32(&t, 4, (int32_t) checksum(b));
	switch (b->type)
	{
		case LH_PQ_DATA_PAGE:
			lh_tout_struct(&t, 5);
			lh_tout_i32(&t, 1, (int32_t) b->values);
			lh_tout_i32(&t, 2, (int32_t) b->encoding);
			lh_tout_i32(&t, 3, LH_PQ_RLE);
			lh_tout_i32(&t, 4, LH_PQ_RLE);
			break;
		case LH_PQ_DICTIONARY_PAGE:
			lh_tout_struct(&t, 7);
			lh_tout_i32(&t, 1, (int32_t) b->values);
			lh_tout_i32(&t, 2, (int32_t) b->encoding);
			break;
		default:
			lh_tout_struct(&t, 8);
			lh_tout_i32(&t, 1, (int32_t) b->values);
			lh_tout_i32(&t, 2, (int32_t) b->nulls);
			lh_tout_i32(&t, 3, (int32_t) b->rows);
			lh_tout_i32(&t, 4, (int32_t) b->encoding);
			lh_tout_i32(&t, 5, (int32_t) b->def);
			lh_tout_i32(&t, 6, (int32_t) b->rep);
			lh_tout_bool(&t, 7, b->compressed);
	}
	lh_tout_close(&t);
	return lh_tout_end(&t);
}

/* Compress what lies in shared->raw; with version 2 levels stay as they are. */
static LhStatus
compress(LhCtx *ctx, LhPqwLeaf *leaf, Body *b)
{
	LhPqwShared *s = leaf->shared;
	size_t levels = b->type == LH_PQ_DATA_PAGE_V2 ? b->rep + b->def : 0;
	LhSlice rest = lh_slice(s->raw.data + levels, s->raw.len - levels);

	b->raw = s->raw.len;
	if (b->raw > INT32_MAX)
		LH_FAIL(ctx, LH_LIMIT, "column \"%s\": a page of %zu bytes is too large", leaf->path,
				b->raw);
	b->levels = lh_slice(s->raw.data, levels);
	b->rest = rest;
	b->compressed = false;
	if (s->options.codec != LH_CODEC_NONE)
	{
		s->packed.len = 0;
		LH_TRY(lh_compress(ctx, s->codecs, s->options.codec, s->options.level, rest.data, rest.len,
						   &s->packed));
		/* only version 2 can say that its values are not compressed */
		b->compressed = b->type != LH_PQ_DATA_PAGE_V2 || s->packed.len < rest.len;
		if (b->compressed)
			b->rest = lh_slice(s->packed.data, s->packed.len);
	}
	b->packed = levels + b->rest.len;
	if (b->packed > INT32_MAX)
		LH_FAIL(ctx, LH_LIMIT, "column \"%s\": a page of %zu bytes is too large", leaf->path,
				b->packed);
	return LH_OK;
}

/* Header and body to out, which is new or empty. */
static LhStatus
assemble(LhCtx *ctx, LhPqwLeaf *leaf, const Body *b, LhBuf *out)
{
	LhBuf *header = &leaf->shared->header;

	header->len = 0;
	LH_TRY(put_header(ctx, leaf, b, header));
	LH_TRY(lh_buf_reserve(ctx, out, out->len + header->len + b->packed));
	LH_TRY(lh_buf_append(ctx, out, header->data, header->len));
	LH_TRY(lh_buf_append(ctx, out, b->levels.data, b->levels.len));
	LH_TRY(lh_buf_append(ctx, out, b->rest.data, b->rest.len));
	leaf->uncompressed += (int64_t) (header->len + b->raw);
	return LH_OK;
}

/*
 * Pages
 */

/* Bounds of the page's values; those of the page index go to leaf->bounds. */
static LhStatus
note_bounds(LhCtx *ctx, LhPqwLeaf *leaf, LhPqwPage *page)
{
	LhPqwBounds b = {0};
	bool min_exact, max_exact;

	if (leaf->shared->options.no_statistics)
		return LH_OK;
	if (leaf->dict.active)
		LH_TRY(lh_pqw_bounds_of_codes(ctx, leaf, &b));
	else
		lh_pqw_bounds(leaf->order, &leaf->values, &b);
	page->nans = b.nans;
	page->known = b.known;
	page->bounds_at = leaf->bounds.len;
	LH_TRY(lh_pqw_kept_add(ctx, leaf->order, &leaf->chunk, &b));
	LH_TRY(lh_pqw_kept_add(ctx, leaf->order, &leaf->file, &b));
	if (!b.known || leaf->shared->options.no_page_index)
		return LH_OK;
	return lh_pqw_bounds_put(ctx, leaf, b.min, b.max, &leaf->bounds, &page->min_len, &page->max_len,
							 &min_exact, &max_exact);
}

static void
note_counts(LhPqwLeaf *leaf, const LhPqwPage *page, LhPqEncoding encoding)
{
	leaf->chunk.values += page->values;
	leaf->chunk.nulls += page->nulls;
	leaf->file.values += page->values;
	leaf->file.nulls += page->nulls;
	leaf->kept += (int64_t) page->bytes.len;
	leaf->data_pages[encoding]++;
	leaf->dict.used |= encoding == LH_PQ_RLE_DICTIONARY;
	leaf->dict_before = leaf->dict.plain_size;
}

static void
clear_levels(LhPqwLevels *l)
{
	l->n = 0;
	l->data.len = 0;
}

LhStatus
lh_pqw_page_cut(LhCtx *ctx, LhPqwLeaf *leaf)
{
	LhPqwShared *s = leaf->shared;
	LhPqwPage page = {.first_row = leaf->rows, .rows = leaf->page_rows};
	Body b = {.type = s->options.data_page == 2 ? LH_PQ_DATA_PAGE_V2 : LH_PQ_DATA_PAGE};

	if (leaf->def.n == 0)
		return LH_OK;
	LH_TRY(lh_poll(ctx));
	page.values = b.values = (int64_t) leaf->def.n;
	page.nulls = b.nulls = page.values - (int64_t) count_values(leaf);
	b.rows = page.rows;
	if (page.values > INT32_MAX)
		LH_FAIL(ctx, LH_LIMIT, "column \"%s\": a row of %lld values is too long", leaf->path,
				(long long) page.values);
	s->raw.len = 0;
	LH_TRY(put_levels(ctx, &leaf->rep, b.type == LH_PQ_DATA_PAGE, &s->raw, &b.rep));
	LH_TRY(put_levels(ctx, &leaf->def, b.type == LH_PQ_DATA_PAGE, &s->raw, &b.def));
	LH_TRY(put_values(ctx, leaf, &s->raw, &b.encoding));
	LH_TRY(compress(ctx, leaf, &b));
	LH_TRY(lh_buf_init(ctx, &page.bytes, true));
	LH_TRY(assemble(ctx, leaf, &b, &page.bytes));
	LH_TRY(note_bounds(ctx, leaf, &page));
	if (leaf->bloom.wanted && !leaf->dict.active && leaf->physical != LH_PQ_BOOLEAN)
		LH_TRY(lh_pqw_bloom_add(ctx, leaf, &leaf->values));
	note_counts(leaf, &page, b.encoding);
	LH_TRY(lh_buf_append(ctx, &leaf->pages, &page, sizeof(page)));
	leaf->npages++;
	leaf->rows += leaf->page_rows;
	leaf->page_rows = 0;
	leaf->half_bytes = 0;
	leaf->codes.len = 0;
	lh_pqw_values_clear(&leaf->values);
	clear_levels(&leaf->rep);
	clear_levels(&leaf->def);
	return LH_OK;
}

LhStatus
lh_pqw_dict_page(LhCtx *ctx, LhPqwLeaf *leaf, LhBuf *out)
{
	LhPqwShared *s = leaf->shared;
	Body b = {.type = LH_PQ_DICTIONARY_PAGE,
			  .values = (int64_t) leaf->dict.values.n,
			  .encoding = LH_PQ_PLAIN};

	s->raw.len = 0;
	LH_TRY(lh_pqw_encode(ctx, &leaf->dict.values, leaf->physical, LH_PQ_PLAIN, &s->raw));
	LH_TRY(compress(ctx, leaf, &b));
	leaf->dict_pages = 1;
	return assemble(ctx, leaf, &b, out);
}
