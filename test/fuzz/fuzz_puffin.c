/*
 * fuzz_puffin.c
 *		Footers of Puffin files and their blobs.
 *
 * The first byte: a whole file (0), or the JSON of a footer (1), put into a file
 * with 64 bytes for blobs.
 */
#include <stdlib.h>

#include "fuzz/fuzz_ctx.h"
#include "iceberg/puffin.h"

#define CHECK(condition)  \
	do                    \
	{                     \
		if (!(condition)) \
			abort();      \
	} while (0)

static LhSlice
file_of(LhCtx *ctx, const uint8_t *data, size_t size)
{
	uint32_t n = (uint32_t) size - 1, flags = 0;
	uint8_t body[64] = {0};
	LhBuf out;

	if ((data[0] & 1) == 0)
		return lh_slice(data + 1, size - 1);
	CHECK(lh_buf_init(ctx, &out, false) == LH_OK);
	CHECK(lh_buf_append(ctx, &out, "PFA1", 4) == LH_OK);
	CHECK(lh_buf_append(ctx, &out, body, sizeof(body)) == LH_OK);
	CHECK(lh_buf_append(ctx, &out, "PFA1", 4) == LH_OK);
	CHECK(lh_buf_append(ctx, &out, data + 1, size - 1) == LH_OK);
	CHECK(lh_buf_append(ctx, &out, &n, 4) == LH_OK);
	CHECK(lh_buf_append(ctx, &out, &flags, 4) == LH_OK);
	CHECK(lh_buf_append(ctx, &out, "PFA1", 4) == LH_OK);
	return lh_slice(out.data, out.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LhIcePuffin *puffin;
	LhSlice file;
	LhCtx *ctx;
	LhBuf out;

	if (size < 1 || size > 65536)
		return 0;
	ctx = fuzz_ctx();
	file = file_of(ctx, data, size);
	if (lh_ice_puffin_parse(ctx, "fuzz.puffin", file, &puffin) == LH_OK)
	{
		CHECK(lh_buf_init(ctx, &out, false) == LH_OK);
		for (int i = 0; i < puffin->nblobs; i++)
		{
			const LhIceBlob *b = &puffin->blobs[i];

			CHECK(b->offset >= 4 && b->length >= 0 &&
				  (uint64_t) b->offset + (uint64_t) b->length <= file.len);
			CHECK(b->type != NULL);
			(void) lh_ice_blob_property(b, "ndv");
			if (lh_ice_puffin_unpack(ctx, puffin, b, lh_slice(file.data + b->offset, (size_t) b->length),
									 &out) != LH_OK)
				lh_error_clear(ctx);
		}
	}
	else
		CHECK(ctx->error->message[0] != '\0');
	fuzz_ctx_done(ctx);
	return 0;
}
