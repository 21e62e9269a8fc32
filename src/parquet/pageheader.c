/*
 * pageheader.c
 *		Parse the header of a page.
 *
 * Signs are checked here, and sizes and counts against each other, so that the
 * readers of pages may add them up in 64 bits without fear.  What is far too
 * large for its chunk or its compressed bytes page.c refuses.  Page
 * types and encodings are handed on as they are: who does not know a page type
 * skips the page, who does not know an encoding says which.
 *
 * Format: parquet.thrift, PageHeader
 */
#include "parquet/page.h"
#include "parquet/thrift.h"

/*
 * A header may hold statistics with two values of any length; beyond this size
 * it is damage, and asking for ever more bytes must end.
 */
#define MAX_HEADER ((size_t) 64 << 20)

static void
parse_data(LhThrift *r, LhPqPageHeader *h)
{
	LhThriftField f = {0};

	while (lh_thrift_next(r, &f))
		switch (f.id)
		{
			case 1: lh_thrift_i32(r, &f, &h->num_values); break;
			case 2: lh_thrift_i32(r, &f, &h->encoding); break;
			case 3: lh_thrift_i32(r, &f, &h->def_encoding); break;
			case 4: lh_thrift_i32(r, &f, &h->rep_encoding); break;
			default: lh_thrift_skip(r, f.type);
		}
}

static void
parse_dictionary(LhThrift *r, LhPqPageHeader *h)
{
	LhThriftField f = {0};

	while (lh_thrift_next(r, &f))
		switch (f.id)
		{
			case 1: lh_thrift_i32(r, &f, &h->num_values); break;
			case 2: lh_thrift_i32(r, &f, &h->encoding); break;
			default: lh_thrift_skip(r, f.type);
		}
}

static void
parse_data_v2(LhThrift *r, LhPqPageHeader *h)
{
	LhThriftField f = {0};

	while (lh_thrift_next(r, &f))
		switch (f.id)
		{
			case 1: lh_thrift_i32(r, &f, &h->num_values); break;
			case 2: lh_thrift_i32(r, &f, &h->num_nulls); break;
			case 3: lh_thrift_i32(r, &f, &h->num_rows); break;
			case 4: lh_thrift_i32(r, &f, &h->encoding); break;
			case 5: lh_thrift_i32(r, &f, &h->def_length); break;
			case 6: lh_thrift_i32(r, &f, &h->rep_length); break;
			case 7: lh_thrift_bool(r, &f, &h->is_compressed); break;
			default: lh_thrift_skip(r, f.type);
		}
}

/* Which of the inner headers was there. */
typedef struct Seen
{
	bool type, uncompressed, compressed;
	bool data, dictionary, data_v2;
} Seen;

static void
parse_header(LhThrift *r, LhPqPageHeader *h, Seen *seen)
{
	LhThriftField f = {0};
	int32_t crc;

	while (lh_thrift_next(r, &f))
		switch (f.id)
		{
			case 1: seen->type = lh_thrift_i32(r, &f, &h->type); break;
			case 2: seen->uncompressed = lh_thrift_i32(r, &f, &h->uncompressed_size); break;
			case 3: seen->compressed = lh_thrift_i32(r, &f, &h->compressed_size); break;
			case 4:
				if (lh_thrift_i32(r, &f, &crc))
				{
					h->has_crc = true;
					h->crc = (uint32_t) crc;
				}
				break;
			case 5:
				if ((seen->data = lh_thrift_struct(r, &f)))
					parse_data(r, h);
				break;
			case 7:
				if ((seen->dictionary = lh_thrift_struct(r, &f)))
					parse_dictionary(r, h);
				break;
			case 8:
				if ((seen->data_v2 = lh_thrift_struct(r, &f)))
					parse_data_v2(r, h);
				break;
			default: lh_thrift_skip(r, f.type);
		}
}

static LhStatus
check_size(LhCtx *ctx, const char *what, bool seen, int32_t size)
{
	if (!seen)
		LH_FAIL(ctx, LH_CORRUPT, "page header: expected the %s size of the page, found none", what);
	if (size < 0)
		LH_FAIL(ctx, LH_CORRUPT, "page header: expected a %s size, found %d", what, size);
	return LH_OK;
}

static LhStatus
check_v2(LhCtx *ctx, const LhPqPageHeader *h)
{
	int64_t levels = (int64_t) h->def_length + h->rep_length;

	if (h->num_nulls < 0 || h->num_nulls > h->num_values)
		LH_FAIL(ctx, LH_CORRUPT, "page header: expected 0 to %d nulls, found %d", h->num_values,
				h->num_nulls);
	if (h->num_rows < 0 || h->num_rows > h->num_values)
		LH_FAIL(ctx, LH_CORRUPT, "page header: expected 0 to %d rows, found %d", h->num_values,
				h->num_rows);
	if (h->def_length < 0 || h->rep_length < 0 || levels > h->compressed_size ||
		levels > h->uncompressed_size)
		LH_FAIL(ctx, LH_CORRUPT,
				"page header: expected levels within a page of %d bytes (%d uncompressed), found "
				"%d bytes of definition and %d of repetition levels",
				h->compressed_size, h->uncompressed_size, h->def_length, h->rep_length);
	return LH_OK;
}

static LhStatus
check_header(LhCtx *ctx, const LhPqPageHeader *h, const Seen *seen)
{
	static const char *const missing = "page header: expected the header of a %s page, found none";

	if (!seen->type)
		LH_FAIL(ctx, LH_CORRUPT, "page header: expected a page type, found none");
	LH_TRY(check_size(ctx, "uncompressed", seen->uncompressed, h->uncompressed_size));
	LH_TRY(check_size(ctx, "compressed", seen->compressed, h->compressed_size));
	if (h->num_values < 0)
		LH_FAIL(ctx, LH_CORRUPT, "page header: expected a number of values, found %d",
				h->num_values);
	switch (h->type)
	{
		case LH_PQ_DATA_PAGE:
			if (!seen->data)
				LH_FAIL(ctx, LH_CORRUPT, missing, "data");
			break;
		case LH_PQ_DICTIONARY_PAGE:
			if (!seen->dictionary)
				LH_FAIL(ctx, LH_CORRUPT, missing, "dictionary");
			break;
		case LH_PQ_DATA_PAGE_V2:
			if (!seen->data_v2)
				LH_FAIL(ctx, LH_CORRUPT, missing, "version 2 data");
			return check_v2(ctx, h);
		default: break;
	}
	return LH_OK;
}

LhStatus
lh_pq_page_header_parse(LhCtx *ctx, const uint8_t *p, size_t len, LhPqPageHeader *out,
						bool *need_more)
{
	LhThrift r;
	Seen seen = {0};

	*out = (LhPqPageHeader){.type = -1,
							.encoding = LH_PQ_PLAIN,
							.def_encoding = LH_PQ_RLE,
							.rep_encoding = LH_PQ_RLE,
							.is_compressed = true};
	*need_more = false;
	lh_thrift_init(&r, p, len);
	parse_header(&r, out, &seen);
	if (r.error == LH_THRIFT_SHORT && len < MAX_HEADER)
	{
		*need_more = true;
		return LH_OK;
	}
	LH_TRY(lh_thrift_status(ctx, &r, "page header"));
	out->header_size = (int) lh_thrift_at(&r);
	out->stored_size = out->compressed_size;
	return check_header(ctx, out, &seen);
}
