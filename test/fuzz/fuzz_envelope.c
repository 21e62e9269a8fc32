/*
 * fuzz_envelope.c
 *		Envelopes: hostile bytes and texts, and whatever is sealed opens again.
 *
 * Input: a byte of flags, then the bytes.  1: they are a text.  2: they are behind a header
 * that names the target's key, so that hostile bodies reach the ciphers.  4: they are a
 * value, sealed (8: by SIV) and opened; then bit "last byte" of the envelope is changed, and
 * it must not open.
 */
#include "fuzz/fuzz_ctx.h"
#include "crypto/envelope.h"

#define CHECK(condition)  \
	do                    \
	{                     \
		if (!(condition)) \
			abort();      \
	} while (0)

static const LhKeyRef ref = {7, 1};

/* The only ways in which a stranger's bytes fail. */
static bool
is_refusal(LhStatus s)
{
	return s == LH_CORRUPT || s == LH_UNSUPPORTED || s == LH_MISMATCH;
}

static void
open_bytes(LhCtx *ctx, LhEnvelopeKey *key, const LhBinding *b, LhSlice bytes)
{
	LhEnvelope e;
	uint8_t *out;
	LhStatus s = lh_envelope_parse(ctx, bytes, &e);
	LhBuf text;
	LhSlice back;

	if (s != LH_OK)
	{
		CHECK(is_refusal(s));
		return;
	}
	CHECK(lh_envelope_size(e.algorithm, e.plain_len) == bytes.len);
	out = lh_alloc(ctx, e.plain_len);
	CHECK(is_refusal(lh_envelope_open(ctx, key, b, &e, out)));
	CHECK(lh_buf_init(ctx, &text, false) == LH_OK);
	CHECK(lh_envelope_to_text(ctx, bytes, &text) == LH_OK);
	CHECK(lh_envelope_from_text(ctx, lh_slice(text.data, text.len), &back) == LH_OK);
	CHECK(back.len == bytes.len && memcmp(back.data, bytes.data, bytes.len) == 0);
}

/* A text that is taken is the only one of its envelope. */
static void
read_text(LhCtx *ctx, LhSlice text)
{
	LhSlice bytes;
	LhBuf again;
	LhStatus s = lh_envelope_from_text(ctx, text, &bytes);

	if (s != LH_OK)
	{
		CHECK(is_refusal(s));
		return;
	}
	CHECK(lh_buf_init(ctx, &again, false) == LH_OK);
	CHECK(lh_envelope_to_text(ctx, bytes, &again) == LH_OK);
	CHECK(again.len == text.len && memcmp(again.data, text.data, text.len) == 0);
}

static void
seal_and_open(LhCtx *ctx, LhEnvelopeKey *key, const LhBinding *b, int flags, LhSlice plain)
{
	LhEnvelopeAlgorithm algorithm = flags & 8 ? LH_ENVELOPE_SIV : LH_ENVELOPE_GCM;
	size_t n = lh_envelope_size(algorithm, plain.len), bit;
	uint8_t *sealed = lh_alloc(ctx, n), *out = lh_alloc(ctx, plain.len + 1);
	LhEnvelope e;

	CHECK(lh_envelope_seal(ctx, key, algorithm, b, plain, sealed) == LH_OK);
	CHECK(lh_envelope_parse(ctx, lh_slice(sealed, n), &e) == LH_OK);
	CHECK(lh_envelope_open(ctx, key, b, &e, out) == LH_OK);
	CHECK(plain.len == 0 || memcmp(out, plain.data, plain.len) == 0);
	bit = plain.len == 0 ? 0 : plain.data[plain.len - 1] % (8 * n);
	sealed[bit / 8] ^= (uint8_t) (1 << bit % 8);
	open_bytes(ctx, key, b, lh_slice(sealed, n));
}

/* Made once: deriving keys would take most of the time. */
static LhEnvelopeKey *
target_key(LhBinding *b)
{
	static LhCtx *ctx;
	static LhEnvelopeKey *key;
	static LhBinding binding;

	if (ctx == NULL)
	{
		ctx = lh_ctx_create();
		CHECK(lh_envelope_key_create(ctx, ref, lh_slice("0123456789abcdef0123456789abcdef", 32), 0,
									 &key) == LH_OK);
		CHECK(lh_envelope_bind(ctx, key, lh_slice("t.c", 3), lh_slice("7", 1), &binding) == LH_OK);
	}
	*b = binding;
	return key;
}

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t header[LH_ENVELOPE_HEADER] = {'L', 'E', 1, 1, [7] = 1, [15] = 7};
	LhBinding b;
	LhEnvelopeKey *key = target_key(&b);
	LhCtx *ctx = fuzz_ctx();
	LhSlice rest;

	if (size == 0)
		return 0;
	rest = lh_slice(data + 1, size - 1);
	if (data[0] & 1)
		read_text(ctx, rest);
	else if (data[0] & 2)
	{
		uint8_t *bytes = lh_alloc(ctx, LH_ENVELOPE_HEADER + rest.len);

		memcpy(bytes, header, LH_ENVELOPE_HEADER);
		if (data[0] & 8)
			bytes[3] = LH_ENVELOPE_SIV;
		memcpy(bytes + LH_ENVELOPE_HEADER, rest.data, rest.len);
		open_bytes(ctx, key, &b, lh_slice(bytes, LH_ENVELOPE_HEADER + rest.len));
	}
	else if (data[0] & 4)
		seal_and_open(ctx, key, &b, data[0], rest);
	else
		open_bytes(ctx, key, &b, rest);
	fuzz_ctx_done(ctx);
	return 0;
}
