/*
 * header.c
 *		Page headers from the window on a chunk.
 *
 * Where a header in clear text ends is known when it has been parsed; an
 * encrypted one is a module that begins with its length.  The kind of module is
 * part of what it is bound to, and is known beforehand: a chunk whose metadata
 * names a dictionary page begins with it, all other pages are data pages.  So a
 * dictionary that was taken away is noticed.
 */
#include "parquet/leaf.h"

/* The largest header that is believed: it may hold two values as statistics. */
#define HEADER_MAX ((size_t) 16 * 1024 * 1024)

/* A header in clear text. */
static LhStatus
read_plain(LhCtx *ctx, LhPqWindow *w, int64_t pos, size_t ahead, LhPqPageHeader *h)
{
	int64_t room = w->file->size - pos;
	size_t need = LH_PQ_HEADER_TRY;
	bool more = true;

	/* the last header is shorter than the try: what lies behind the column is no help */
	if (pos < w->end && (int64_t) need > w->end - pos)
		need = (size_t) (w->end - pos);
	while (more)
	{
		const uint8_t *p;
		size_t have;

		if ((int64_t) need > room)
			need = (size_t) room;
		LH_TRY(lh_pq_window_get(ctx, w, pos, need, ahead, &p, &have));
		LH_TRY(lh_pq_page_header_parse(ctx, p, have, h, &more));
		if (more && ((int64_t) have >= room || have >= HEADER_MAX))
			LH_FAIL(ctx, LH_CORRUPT, "page header at offset %lld does not end", (long long) pos);
		need = 2 * have;
	}
	return LH_OK;
}

/* What encryption adds to the body, and whether the header is of the page it was encrypted for. */
static LhStatus
check_sealed(LhCtx *ctx, const LhPqDecrypt *d, bool dictionary, LhPqPageHeader *h)
{
	LhPqModule module = dictionary ? LH_PQ_M_DICT_PAGE : LH_PQ_M_DATA_PAGE;
	size_t extra = lh_pq_decrypt_extra(d, module);

	if (dictionary != (h->type == LH_PQ_DICTIONARY_PAGE))
		LH_FAIL(ctx, LH_CORRUPT, "encrypted page is not a %s page, but a %s page",
				dictionary ? "dictionary" : "data", dictionary ? "data" : "dictionary");
	if (h->stored_size < (int64_t) extra)
		LH_FAIL(ctx, LH_CORRUPT, "encrypted page of %d bytes, expected at least %zu",
				h->stored_size, extra);
	h->compressed_size -= (int32_t) extra;
	return LH_OK;
}

static LhStatus
read_sealed(LhCtx *ctx, LhPqWindow *w, LhPqDecrypt *d, int64_t pos, size_t ahead, bool dictionary,
			int ordinal, LhPqPageHeader *h)
{
	LhPqModule module = dictionary ? LH_PQ_M_DICT_HEADER : LH_PQ_M_DATA_HEADER;
	size_t extra = lh_pq_decrypt_extra(d, module);
	const uint8_t *p;
	size_t have, len;
	bool more;

	LH_TRY(lh_pq_window_get(ctx, w, pos, LH_PQ_SEAL_LENGTH, ahead, &p, &have));
	len = LH_PQ_SEAL_LENGTH + (size_t) lh_load_u32(p);
	if (len < extra || len > HEADER_MAX)
		LH_FAIL(ctx, LH_CORRUPT, "encrypted page header at offset %lld has a length of %zu bytes",
				(long long) pos, len);
	LH_TRY(lh_pq_window_get(ctx, w, pos, len, ahead, &p, &have));
	LH_TRY(lh_buf_fit(ctx, &d->header, len));
	LH_TRY(lh_pq_decrypt(ctx, d, module, ordinal, p, len, d->header.data));
	LH_TRY(lh_pq_page_header_parse(ctx, d->header.data, len - extra, h, &more));
	if (more)
		LH_FAIL(ctx, LH_CORRUPT, "encrypted page header at offset %lld does not end",
				(long long) pos);
	h->header_size = (int) len;
	h->ordinal = ordinal;
	return check_sealed(ctx, d, dictionary, h);
}

LhStatus
lh_pq_header_read(LhCtx *ctx, LhPqWindow *w, const LhPqChunk *chunk, LhPqDecrypt *decrypt,
				  int64_t pos, size_t ahead, int ordinal, LhPqPageHeader *h)
{
	bool dictionary = chunk->dict_offset > 0 && pos == chunk->dict_offset;

	if (pos < 0 || w->file->size - pos <= 0)
		LH_FAIL(ctx, LH_CORRUPT, "pages end with the file, at offset %lld, before their values do",
				(long long) pos);
	if (decrypt == NULL)
		return read_plain(ctx, w, pos, ahead, h);
	return read_sealed(ctx, w, decrypt, pos, ahead, dictionary, ordinal, h);
}
