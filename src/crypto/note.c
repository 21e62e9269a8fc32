/*
 * note.c
 *		Signed notes and checkpoints.
 *
 *	1. A note is UTF-8 without control characters but line ends.  Its text ends before
 *	   the last empty line; behind it stand signature lines only.
 *	2. Every signature line must be one; those of other keys are passed over.  Name and
 *	   key hash choose the line, only the signature itself counts.
 *	3. A checkpoint's size is a number as printed, its root 32 bytes: there is one text
 *	   for one checkpoint.
 */
#include "crypto/note.h"
#include "crypto/base64.h"

/* An em dash and a blank. */
static const char dash[] = "\xe2\x80\x94 ";
#define DASH           (sizeof(dash) - 1)
#define SIGNATURE      (LH_NOTE_HASH + LH_ED25519_SIGNATURE)
/* Signatures of other kinds may be longer. */
#define MOST_SIGNATURE 16384

static LhStatus
damaged(LhCtx *ctx, const char *where, const char *why)
{
	LH_FAIL(ctx, LH_CORRUPT, "signed note of \"%s\" %s", where, why);
}

/* Text that may be signed: lines, each ended, of UTF-8 without other control characters. */
static bool
text_valid(LhSlice text)
{
	if (text.len == 0 || text.data[text.len - 1] != '\n' || !lh_utf8_valid(text.data, text.len))
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] < ' ' && text.data[i] != '\n')
			return false;
	return true;
}

LhStatus
lh_note_sign(LhCtx *ctx, LhSigner *signer, LhSlice text, LhBuf *out)
{
	const LhNoteKey *key = lh_signer_note(signer);
	uint8_t bytes[SIGNATURE];
	char base64[LH_BASE64_TEXT(SIGNATURE)];
	size_t n;

	if (!text_valid(text))
		LH_FAIL(ctx, LH_INVALID, "what is signed as a note is ended lines of UTF-8");
	memcpy(bytes, key->hash, LH_NOTE_HASH);
	LH_TRY(lh_sign(ctx, signer, text, bytes + LH_NOTE_HASH));
	n = lh_base64_encode(LH_BASE64_STANDARD, bytes, SIGNATURE, base64);
	LH_TRY(lh_buf_append(ctx, out, text.data, text.len));
	return lh_buf_printf(ctx, out, "\n%s%s %.*s\n", dash, key->name, (int) n, base64);
}

/* Where the text ends: behind its last line, before the last empty one.  0: nowhere. */
static size_t
text_end(LhSlice note)
{
	for (size_t i = note.len; i >= 2; i--)
		if (note.data[i - 1] == '\n' && note.data[i - 2] == '\n')
			return i - 1;
	return 0;
}

/* One line, without its end. */
static LhSlice
take_line(LhSlice *rest)
{
	const uint8_t *end = memchr(rest->data, '\n', rest->len);
	LhSlice line = lh_slice(rest->data, end == NULL ? rest->len : (size_t) (end - rest->data));
	size_t used = line.len + (end != NULL);

	*rest = lh_slice(rest->data + used, rest->len - used);
	return line;
}

/* *mine: by name and hash of this key, and then signature has its 64 bytes. */
static bool
parse_signature(LhSlice line, const LhNoteKey *key, uint8_t signature[LH_ED25519_SIGNATURE],
				bool *mine)
{
	uint8_t bytes[LH_BASE64_BYTES(MOST_SIGNATURE)];
	const uint8_t *blank;
	LhSlice name, base64;
	size_t len;

	*mine = false;
	if (line.len < DASH || memcmp(line.data, dash, DASH) != 0)
		return false;
	name = lh_slice(line.data + DASH, line.len - DASH);
	blank = memchr(name.data, ' ', name.len);
	if (blank == NULL)
		return false;
	base64 = lh_slice(blank + 1, name.len - (size_t) (blank + 1 - name.data));
	name.len = (size_t) (blank - name.data);
	if (!lh_note_name_valid(name) || base64.len > MOST_SIGNATURE ||
		!lh_base64_decode(LH_BASE64_STANDARD, (const char *) base64.data, base64.len, bytes,
						  &len) ||
		len <= LH_NOTE_HASH)
		return false;
	if (name.len != key->name_len || memcmp(name.data, key->name, name.len) != 0 ||
		memcmp(bytes, key->hash, LH_NOTE_HASH) != 0)
		return true;
	if (len != SIGNATURE)
		return false;
	*mine = true;
	memcpy(signature, bytes + LH_NOTE_HASH, LH_ED25519_SIGNATURE);
	return true;
}

LhStatus
lh_note_open(LhCtx *ctx, const char *where, LhSlice note, LhVerifier *verifier, LhSlice *text)
{
	const LhNoteKey *key = lh_verifier_note(verifier);
	uint8_t signature[LH_ED25519_SIGNATURE], line_signature[LH_ED25519_SIGNATURE];
	bool found = false, authentic;
	size_t end;
	LhSlice rest;
	int n = 0;

	if (note.len > LH_NOTE_MOST)
		LH_FAIL(ctx, LH_LIMIT, "signed note of \"%s\" has %zu bytes, above the limit of %d", where,
				note.len, LH_NOTE_MOST);
	if (!text_valid(note))
		return damaged(ctx, where, "is not ended lines of UTF-8");
	end = text_end(note);
	if (end == 0)
		return damaged(ctx, where, "has no empty line before its signatures");
	*text = lh_slice(note.data, end);
	rest = lh_slice(note.data + end + 1, note.len - end - 1);
	if (rest.len == 0)
		return damaged(ctx, where, "has no signature");
	while (rest.len > 0)
	{
		bool mine;

		if (++n > LH_NOTE_SIGNATURES)
			return damaged(ctx, where, "has too many signatures");
		if (!parse_signature(take_line(&rest), key, line_signature, &mine))
			return damaged(ctx, where, "has a signature line that is none");
		if (mine && found)
			return damaged(ctx, where, "has two signatures of one key");
		if (mine)
			memcpy(signature, line_signature, sizeof(signature));
		found = found || mine;
	}
	if (!found)
		LH_FAIL(ctx, LH_DENIED, "signed note of \"%s\" is not signed by \"%s\"", where, key->name);
	LH_TRY(lh_verify(ctx, verifier, *text, lh_slice(signature, sizeof(signature)), &authentic));
	if (!authentic)
		LH_FAIL(ctx, LH_DENIED, "signed note of \"%s\" has a wrong signature of \"%s\"", where,
				key->name);
	return LH_OK;
}

/*
 * Checkpoints
 */

/* Ended lines, none of them empty. */
static bool
extensions_valid(LhSlice lines)
{
	if (lines.len == 0)
		return true;
	if (!text_valid(lines) || lines.data[0] == '\n')
		return false;
	for (size_t i = 1; i < lines.len; i++)
		if (lines.data[i] == '\n' && lines.data[i - 1] == '\n')
			return false;
	return true;
}

static bool
origin_valid(LhSlice origin)
{
	return origin.len > 0 && origin.len <= LH_SIGN_NAME &&
		   memchr(origin.data, '\n', origin.len) == NULL;
}

LhStatus
lh_checkpoint_sign(LhCtx *ctx, LhSigner *signer, const LhCheckpoint *checkpoint, LhBuf *out)
{
	char base64[LH_BASE64_TEXT(LH_SHA256)];
	size_t n;
	LhBuf text;

	if (!origin_valid(checkpoint->origin) || !extensions_valid(checkpoint->extensions))
		LH_FAIL(
			ctx, LH_INVALID,
			"the origin of a log is one line of at most %d bytes, its extensions are lines that are "
			"not empty",
			LH_SIGN_NAME);
	if (checkpoint->size > LH_MERKLE_MOST)
		LH_FAIL(ctx, LH_OUT_OF_RANGE, "a log holds at most 2^63 - 1 entries");
	n = lh_base64_encode(LH_BASE64_STANDARD, checkpoint->root.b, LH_SHA256, base64);
	LH_TRY(lh_buf_init(ctx, &text, false));
	LH_TRY(lh_buf_append(ctx, &text, checkpoint->origin.data, checkpoint->origin.len));
	LH_TRY(lh_buf_printf(ctx, &text, "\n%llu\n%.*s\n", (unsigned long long) checkpoint->size,
						 (int) n, base64));
	LH_TRY(lh_buf_append(ctx, &text, checkpoint->extensions.data, checkpoint->extensions.len));
	if (text.len > LH_NOTE_MOST / 2)
		LH_FAIL(ctx, LH_LIMIT, "a checkpoint of %zu bytes is too long", text.len);
	return lh_note_sign(ctx, signer, lh_slice(text.data, text.len), out);
}

/* A number as it is printed: no sign, no leading zeros. */
static bool
parse_size(LhSlice s, uint64_t *out)
{
	uint64_t v = 0;

	if (s.len == 0 || s.len > 19 || (s.data[0] == '0' && s.len > 1))
		return false;
	for (size_t i = 0; i < s.len; i++)
	{
		if (s.data[i] < '0' || s.data[i] > '9')
			return false;
		v = v * 10 + (uint64_t) (s.data[i] - '0');
	}
	*out = v;
	return v <= LH_MERKLE_MOST;
}

static bool
parse_root(LhSlice s, LhMerkleHash *out)
{
	uint8_t bytes[LH_BASE64_BYTES(LH_BASE64_TEXT(LH_SHA256))];
	size_t len;

	if (s.len != LH_BASE64_TEXT(LH_SHA256) ||
		!lh_base64_decode(LH_BASE64_STANDARD, (const char *) s.data, s.len, bytes, &len) ||
		len != LH_SHA256)
		return false;
	memcpy(out->b, bytes, LH_SHA256);
	return true;
}

LhStatus
lh_checkpoint_open(LhCtx *ctx, const char *where, LhSlice note, LhVerifier *verifier,
				   LhSlice origin, LhCheckpoint *out)
{
	LhSlice text = {0}, size, root;

	LH_TRY(lh_note_open(ctx, where, note, verifier, &text));
	out->origin = take_line(&text);
	size = take_line(&text);
	root = take_line(&text);
	out->extensions = text;
	if (!origin_valid(out->origin))
		return damaged(ctx, where, "has no origin");
	if (!parse_size(size, &out->size))
		return damaged(ctx, where, "has a second line that is no size");
	if (!parse_root(root, &out->root))
		return damaged(ctx, where, "has a third line that is no root");
	if (!extensions_valid(out->extensions))
		return damaged(ctx, where, "has an empty line among its extensions");
	if (out->origin.len != origin.len || memcmp(out->origin.data, origin.data, origin.len) != 0)
		LH_FAIL(ctx, LH_MISMATCH, "signed note of \"%s\" is of another log than \"%.*s\"", where,
				(int) (origin.len > LH_SIGN_NAME ? LH_SIGN_NAME : origin.len),
				(const char *) origin.data);
	return LH_OK;
}
