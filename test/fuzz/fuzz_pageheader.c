/*
 * fuzz_pageheader.c
 *		Page headers: sizes and counts that come out fit each other.
 *
 * Input: the bytes of a page header, with anything behind it.
 */
#include <stdlib.h>

#include "fuzz/fuzz_ctx.h"
#include "parquet/page.h"

#define CHECK(x)     \
	do               \
	{                \
		if (!(x))    \
			abort(); \
	} while (0)

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LhCtx *ctx = fuzz_ctx();
	LhPqPageHeader h, again;
	bool more;

	if (lh_pq_page_header_parse(ctx, data, size, &h, &more) != LH_OK)
		CHECK(ctx->error->code == LH_CORRUPT && ctx->error->message[0] != '\0');
	else if (!more)
	{
		CHECK(h.header_size > 0 && (size_t) h.header_size <= size);
		CHECK(h.compressed_size >= 0 && h.uncompressed_size >= 0 && h.num_values >= 0);
		if (h.type == LH_PQ_DATA_PAGE_V2)
		{
			CHECK(h.num_nulls >= 0 && h.num_nulls <= h.num_values);
			CHECK(h.num_rows >= 0 && h.num_rows <= h.num_values);
			CHECK(h.def_length >= 0 && h.rep_length >= 0);
			CHECK((int64_t) h.def_length + h.rep_length <= h.compressed_size);
			CHECK((int64_t) h.def_length + h.rep_length <= h.uncompressed_size);
		}
		/* exactly these bytes are enough, one less is not */
		CHECK(lh_pq_page_header_parse(ctx, data, (size_t) h.header_size, &again, &more) == LH_OK &&
			  !more && again.header_size == h.header_size);
		CHECK(lh_pq_page_header_parse(ctx, data, (size_t) h.header_size - 1, &again, &more) ==
				  LH_OK &&
			  more);
	}
	fuzz_ctx_done(ctx);
	return 0;
}
