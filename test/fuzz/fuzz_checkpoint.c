/*
 * fuzz_checkpoint.c
 *		Signed notes, checkpoints and texts of public keys.
 *
 * Hostile bytes end at the signature, so the target has the key: flags (first byte) 1: the
 * rest is a text that is signed first; what opens then is signed again and must be the same
 * note.  2: the rest is the text of a public key.  Otherwise the rest is a note as it came.
 */
#include "fuzz/fuzz_ctx.h"
#include "crypto/sign.h"

#define CHECK(condition)  \
	do                    \
	{                     \
		if (!(condition)) \
			abort();      \
	} while (0)

static LhSigner *signer;
static LhVerifier *verifier;

static void
prepare(void)
{
	static LhCtx *ctx;

	if (ctx != NULL)
		return;
	ctx = lh_ctx_create();
	CHECK(lh_signer_create(ctx, "k", lh_slice("0123456789abcdef0123456789abcdef", 32), &signer) ==
		  LH_OK);
	CHECK(lh_verifier_create(ctx, "k", lh_slice(lh_signer_public(signer), LH_ED25519_PUBLIC),
							 &verifier) == LH_OK);
}

static void
read_key(LhCtx *ctx, LhSlice text)
{
	LhVerifier *v;
	char *again;

	if (lh_verifier_parse(ctx, text, &v) != LH_OK)
	{
		CHECK(ctx->error->code == LH_INVALID || ctx->error->code == LH_UNSUPPORTED);
		return;
	}
	again = lh_verifier_text(ctx, v);
	/* the digits of the hash may be upper case */
	CHECK(strlen(again) == text.len && strncasecmp(again, (const char *) text.data, text.len) == 0);
}

static void
read_note(LhCtx *ctx, LhSlice note, bool ours)
{
	LhSlice text = {0}, origin = {0};
	LhCheckpoint c;
	LhStatus s = lh_note_open(ctx, "note", note, verifier, &text);
	LhBuf again;

	if (s != LH_OK)
	{
		CHECK(s == LH_CORRUPT || s == LH_DENIED || s == LH_LIMIT);
		return;
	}
	CHECK(text.len > 0 && text.len < note.len);
	origin =
		lh_slice(text.data, (size_t) ((uint8_t *) memchr(text.data, '\n', text.len) - text.data));
	s = lh_checkpoint_open(ctx, "note", note, verifier, origin, &c);
	CHECK(s == LH_OK || s == LH_CORRUPT);
	if (s != LH_OK || !ours)
		return;
	CHECK(c.size <= LH_MERKLE_MOST);
	CHECK(lh_buf_init(ctx, &again, false) == LH_OK);
	CHECK(lh_checkpoint_sign(ctx, signer, &c, &again) == LH_OK);
	CHECK(again.len == note.len && memcmp(again.data, note.data, note.len) == 0);
}

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LhCtx *ctx = fuzz_ctx();
	LhSlice rest;
	LhBuf note;

	prepare();
	if (size == 0)
		return 0;
	rest = lh_slice(data + 1, size - 1);
	if (data[0] & 2)
		read_key(ctx, rest);
	else if (data[0] & 1)
	{
		CHECK(lh_buf_init(ctx, &note, false) == LH_OK);
		if (lh_note_sign(ctx, signer, rest, &note) == LH_OK)
			read_note(ctx, lh_slice(note.data, note.len), true);
	}
	else
		read_note(ctx, rest, false);
	fuzz_ctx_done(ctx);
	return 0;
}
