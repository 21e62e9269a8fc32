/*
 * fuzz_codec.c
 *		Every codec's decoder with any bytes; what is accepted must come back.
 *
 * Byte 0 is the codec, bytes 1 and 2 the promised length (in steps of 1 or,
 * when the high bit of byte 0 is set, of 37).  What was decompressed is
 * compressed and decompressed again.  The decoders of huge pages get every input
 * too: what they accept the libraries accept, with the same bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "codec/codec_internal.h"
#include "fuzz/fuzz_codecs.h"
#include "fuzz/fuzz_ctx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static LhStatus
unpack(LhCtx *ctx, LhCodecs *codecs, LhCodec codec, const uint8_t *in, size_t len, uint8_t **out,
	   size_t out_len)
{
	/* memory of exactly this size, where the sanitizer sees each step beyond it */
	uint8_t *copy = malloc(len > 0 ? len : 1);
	LhStatus status;

	*out = malloc(out_len + LH_PADDING);
	if (len > 0)
		memcpy(copy, in, len);
	status = lh_decompress(ctx, codecs, codec, copy, len, *out, out_len);
	if (status != LH_OK && (status != ctx->error->code || ctx->error->message[0] == '\0'))
		abort();
	free(copy);
	return status;
}

static void
there_and_back(LhCtx *ctx, LhCodecs *codecs, LhCodec codec, const uint8_t *bytes, size_t n)
{
	LhBuf packed;
	uint8_t *out;

	if (codec == LH_CODEC_LZ4_HADOOP)
		codec = LH_CODEC_LZ4_RAW;
	if (lh_buf_init(ctx, &packed, false) != LH_OK ||
		lh_compress(ctx, codecs, codec, 1, bytes, n, &packed) != LH_OK ||
		unpack(ctx, codecs, codec, packed.data, packed.len, &out, n) != LH_OK ||
		memcmp(out, bytes, n) != 0)
		abort();
	free(out);
}

/* What lh_decompress does with huge pages of this codec. */
static bool
unpack_huge(LhCtx *ctx, LhCodec codec, const uint8_t *in, size_t len, uint8_t *out, size_t out_len)
{
	int64_t made = -1;

	if (codec == LH_CODEC_GZIP)
		return lh_gzip_stream(ctx, in, len, out, out_len) == LH_OK;
	if (lh_lz4_block(ctx, in, len, out, out_len, &made) != LH_OK || made > (int64_t) out_len)
		abort();
	return made == (int64_t) out_len;
}

/* Memory of exactly these sizes: our decoder needs no scratch. */
static void
compare_huge(LhCtx *ctx, LhCodec codec, const uint8_t *in, size_t len, const uint8_t *expected,
			 size_t out_len)
{
	uint8_t *copy = malloc(len > 0 ? len : 1), *out = malloc(out_len > 0 ? out_len : 1);

	if (len > 0)
		memcpy(copy, in, len);
	if (unpack_huge(ctx, codec, copy, len, out, out_len) &&
		(expected == NULL || memcmp(out, expected, out_len) != 0))
		abort();
	free(copy);
	free(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LhCtx *ctx;
	LhCodecs *codecs;
	LhCodec codec;
	size_t out_len;
	uint8_t *out;
	bool good;

	if (size < 3)
		return 0;
	codec = (LhCodec) ((data[0] & 0x7f) % LH_N_CODECS);
	out_len = (size_t) lh_load_u16(data + 1) * ((data[0] & 0x80) ? 37 : 1);
	ctx = fuzz_ctx();
	codecs = fuzz_codecs();
	good = unpack(ctx, codecs, codec, data + 3, size - 3, &out, out_len) == LH_OK;
	if (good)
		there_and_back(ctx, codecs, codec, out, out_len);
	if ((codec == LH_CODEC_GZIP || codec == LH_CODEC_LZ4_RAW) && size > 3)
		compare_huge(ctx, codec, data + 3, size - 3, good ? out : NULL, out_len);
	free(out);
	fuzz_ctx_done(ctx);
	return 0;
}
