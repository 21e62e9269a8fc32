/*
 * proof.c
 *		Proofs as documents.
 */
#include "audit/proof.h"

#include <stdio.h>

#include "audit/internal.h"
#include "audit/log_internal.h"
#include "crypto/base64.h"
#include "core/json_pull.h"

/*
 * Making
 */

static LhStatus
put_hash(LhCtx *ctx, LhBuf *out, const LhMerkleHash *hash)
{
	char text[LH_BASE64_TEXT(LH_SHA256)];
	size_t n = lh_base64_encode(LH_BASE64_STANDARD, hash->b, LH_SHA256, text);

	LH_TRY(lh_buf_putc(ctx, out, '"'));
	LH_TRY(lh_buf_append(ctx, out, text, n));
	return lh_buf_putc(ctx, out, '"');
}

static LhStatus
put_hashes(LhCtx *ctx, LhBuf *out, const LhMerkleProof *proof)
{
	LH_TRY(lh_audit_put_name(ctx, out, "hashes"));
	LH_TRY(lh_buf_putc(ctx, out, '['));
	for (int i = 0; i < proof->n; i++)
	{
		if (i > 0)
			LH_TRY(lh_buf_putc(ctx, out, ','));
		LH_TRY(put_hash(ctx, out, &proof->hashes[i]));
	}
	return lh_buf_putc(ctx, out, ']');
}

/* The newest note of at most so many entries, and its size. */
static LhStatus
find_note(LhCtx *ctx, LhAuditLog *log, uint64_t most, LhSlice *note, LhSlice *origin,
		  uint64_t *size)
{
	LhMerkleHash root;

	LH_TRY(lh_audit_log_note(ctx, log, most, note));
	if (!lh_audit_note_peek(*note, origin, size, &root))
		LH_FAIL(ctx, LH_CORRUPT, "a checkpoint of audit log \"%s\" is none", log->path);
	return LH_OK;
}

/* The line, or its hash when it is gone. */
static LhStatus
put_entry(LhCtx *ctx, LhAuditLog *log, uint64_t number, LhBuf *out)
{
	LhMerkleHash leaf;
	LhSlice line;

	if (number >= lh_audit_log_first(log))
	{
		LH_TRY(lh_audit_log_entry(ctx, log, number, &line));
		return lh_audit_put_text(ctx, out, "line", line);
	}
	LH_TRY(lh_audit_log_leaf(ctx, log, number, &leaf));
	LH_TRY(lh_audit_put_name(ctx, out, "leaf"));
	return put_hash(ctx, out, &leaf);
}

LhStatus
lh_audit_proof_inclusion(LhCtx *ctx, LhAuditLog *log, uint64_t number, uint64_t size, LhBuf *out)
{
	LhMerkleProof proof;
	LhSlice note, origin;
	LhStatus status = find_note(ctx, log, size, &note, &origin, &size);

	if (status == LH_NOT_FOUND || (status == LH_OK && size <= number))
	{
		lh_error_clear(ctx);
		lh_fail(ctx, LH_OUT_OF_RANGE, "no checkpoint of audit log \"%s\" covers entry %llu",
				log->path, (unsigned long long) number);
		lh_hint(ctx, "Entries can be proved from the next checkpoint on.");
		return LH_OUT_OF_RANGE;
	}
	LH_TRY(status);
	LH_TRY(lh_audit_log_inclusion(ctx, log, number, size, &proof));
	LH_TRY(lh_buf_putc(ctx, out, '{'));
	LH_TRY(lh_audit_put_word(ctx, out, "type", "inclusion"));
	LH_TRY(lh_audit_put_text(ctx, out, "origin", origin));
	LH_TRY(lh_audit_put_number(ctx, out, "number", number));
	LH_TRY(lh_audit_put_number(ctx, out, "size", size));
	LH_TRY(put_entry(ctx, log, number, out));
	LH_TRY(put_hashes(ctx, out, &proof));
	LH_TRY(lh_audit_put_text(ctx, out, "checkpoint", note));
	return lh_buf_putc(ctx, out, '}');
}

LhStatus
lh_audit_proof_consistency(LhCtx *ctx, LhAuditLog *log, uint64_t from, uint64_t to, LhBuf *out)
{
	LhSlice first, last, origin;
	LhMerkleProof proof;
	uint64_t size;

	LH_TRY(find_note(ctx, log, from, &first, &origin, &size));
	if (size != from)
		LH_FAIL(ctx, LH_NOT_FOUND, "audit log \"%s\" has no checkpoint of %llu entries", log->path,
				(unsigned long long) from);
	LH_TRY(find_note(ctx, log, to, &last, &origin, &size));
	LH_TRY(lh_audit_log_consistency(ctx, log, from, size, &proof));
	LH_TRY(lh_buf_putc(ctx, out, '{'));
	LH_TRY(lh_audit_put_word(ctx, out, "type", "consistency"));
	LH_TRY(lh_audit_put_text(ctx, out, "origin", origin));
	LH_TRY(lh_audit_put_number(ctx, out, "from_size", from));
	LH_TRY(lh_audit_put_number(ctx, out, "size", size));
	LH_TRY(put_hashes(ctx, out, &proof));
	LH_TRY(lh_audit_put_text(ctx, out, "from_checkpoint", first));
	LH_TRY(lh_audit_put_text(ctx, out, "checkpoint", last));
	return lh_buf_putc(ctx, out, '}');
}

/*
 * Verifying
 */

typedef struct Document
{
	LhSlice type, origin, line, from_note, note;
	uint64_t number, from, size, seen;
	LhMerkleHash leaf;
	LhMerkleProof proof;
} Document;

enum
{
	M_TYPE,
	M_ORIGIN,
	M_NUMBER,
	M_FROM,
	M_SIZE,
	M_LINE,
	M_LEAF,
	M_HASHES,
	M_FROM_NOTE,
	M_NOTE
};
#define BIT(m) (UINT64_C(1) << (m))

static LhStatus
read_hash(LhCtx *ctx, LhPull *j, LhMerkleHash *out)
{
	uint8_t bytes[LH_BASE64_BYTES(LH_BASE64_TEXT(LH_SHA256))];
	LhSlice text;
	size_t n;

	LH_TRY(lh_pull_slice(ctx, j, &text));
	if (text.len != LH_BASE64_TEXT(LH_SHA256) ||
		!lh_base64_decode(LH_BASE64_STANDARD, (const char *) text.data, text.len, bytes, &n) ||
		n != LH_SHA256)
		return lh_pull_fail(ctx, j, LH_CORRUPT, "expected a hash in base64");
	memcpy(out->b, bytes, LH_SHA256);
	return LH_OK;
}

static LhStatus
read_hashes(LhCtx *ctx, LhPull *j, LhMerkleProof *out)
{
	bool more;

	LH_TRY(lh_pull_array(ctx, j));
	for (out->n = 0;; out->n++)
	{
		LH_TRY(lh_pull_item(ctx, j, &more));
		if (!more)
			return LH_OK;
		if (out->n == LH_MERKLE_PROOF)
			return lh_pull_fail(ctx, j, LH_CORRUPT, "a proof has at most %d hashes",
								LH_MERKLE_PROOF);
		LH_TRY(read_hash(ctx, j, &out->hashes[out->n]));
	}
}

static LhStatus
read_size(LhCtx *ctx, LhPull *j, uint64_t *out)
{
	int64_t v;

	LH_TRY(lh_pull_i64(ctx, j, &v));
	if (v < 0)
		return lh_pull_fail(ctx, j, LH_CORRUPT, "expected a number that is not negative");
	*out = (uint64_t) v;
	return LH_OK;
}

static LhStatus
read_document(LhCtx *ctx, LhPull *j, LhSlice text, Document *d)
{
	static const char *const names[] = {"type", "origin", "number", "from_size",       "size",
										"line", "leaf",   "hashes", "from_checkpoint", "checkpoint",
										NULL};
	bool more;
	int which;

	LH_TRY(lh_pull_open(ctx, j, "proof", text));
	LH_TRY(lh_pull_object(ctx, j));
	for (;;)
	{
		LH_TRY(lh_pull_field(ctx, j, names, &d->seen, &which, &more));
		if (!more)
			break;
		switch (which)
		{
			case M_TYPE: LH_TRY(lh_pull_slice(ctx, j, &d->type)); break;
			case M_ORIGIN: LH_TRY(lh_pull_slice(ctx, j, &d->origin)); break;
			case M_NUMBER: LH_TRY(read_size(ctx, j, &d->number)); break;
			case M_FROM: LH_TRY(read_size(ctx, j, &d->from)); break;
			case M_SIZE: LH_TRY(read_size(ctx, j, &d->size)); break;
			case M_LINE: LH_TRY(lh_pull_slice(ctx, j, &d->line)); break;
			case M_LEAF: LH_TRY(read_hash(ctx, j, &d->leaf)); break;
			case M_HASHES: LH_TRY(read_hashes(ctx, j, &d->proof)); break;
			case M_FROM_NOTE: LH_TRY(lh_pull_slice(ctx, j, &d->from_note)); break;
			default: LH_TRY(lh_pull_slice(ctx, j, &d->note)); break;
		}
	}
	LH_TRY(lh_pull_close(ctx, j));
	return lh_pull_need(ctx, j, names, d->seen,
						BIT(M_TYPE) | BIT(M_ORIGIN) | BIT(M_SIZE) | BIT(M_HASHES) | BIT(M_NOTE));
}

/* A note by one of the keys, of this size. */
static LhStatus
open_note(LhCtx *ctx, LhSlice note, LhVerifier *const *verifiers, int nverifiers, LhSlice origin,
		  const char *what, LhCheckpoint *out)
{
	LhStatus status = LH_DENIED;

	if (nverifiers == 0)
		LH_FAIL(ctx, LH_INVALID, "no key was given that checkpoints are verified by");
	for (int i = 0; i < nverifiers && status == LH_DENIED; i++)
		status = lh_checkpoint_open(ctx, what, note, verifiers[i], origin, out);
	return status;
}

static LhStatus
does_not(LhCtx *ctx, const char *why)
{
	LH_FAIL(ctx, LH_CORRUPT, "%s", why);
}

static LhStatus
check_inclusion(LhCtx *ctx, Document *d, const LhCheckpoint *c, const LhSlice *hashes)
{
	bool line = (d->seen & BIT(M_LINE)) != 0;

	if ((d->seen & BIT(M_NUMBER)) == 0 || line == ((d->seen & BIT(M_LEAF)) != 0))
		return does_not(ctx,
						"a proof of inclusion has a \"number\", and either \"line\" or \"leaf\"");
	if (line)
		lh_merkle_leaf(d->line, &d->leaf);
	if (!lh_merkle_verify_inclusion(d->number, c->size, lh_slice(d->leaf.b, LH_SHA256), hashes,
									d->proof.n, lh_slice(c->root.b, LH_SHA256)))
		return does_not(ctx, "the hashes do not lead from the entry to the checkpoint's root");
	return LH_OK;
}

static LhStatus
check_consistency(LhCtx *ctx, const Document *d, const LhCheckpoint *from, const LhCheckpoint *c,
				  const LhSlice *hashes)
{
	if (from->size != d->from ||
		!lh_merkle_verify_consistency(from->size, c->size, lh_slice(from->root.b, LH_SHA256),
									  lh_slice(c->root.b, LH_SHA256), hashes, d->proof.n))
		return does_not(ctx, "the hashes do not lead from one checkpoint's root to the other's");
	return LH_OK;
}

static LhStatus
verify(LhCtx *ctx, Document *d, LhVerifier *const *v, int nv, LhSlice origin, LhSlice kept,
	   LhAuditProof *out)
{
	LhSlice hashes[LH_MERKLE_PROOF];
	LhCheckpoint c, from, k;

	out->inclusion = lh_slice_is(d->type, "inclusion");
	out->number = d->number;
	out->from = d->from;
	out->size = d->size;
	if (!out->inclusion && !lh_slice_is(d->type, "consistency"))
		return does_not(ctx, "a proof has type \"inclusion\" or \"consistency\"");
	LH_TRY(open_note(ctx, d->note, v, nv, origin, "checkpoint of a proof", &c));
	if (c.size != d->size || d->origin.len != origin.len ||
		memcmp(d->origin.data, origin.data, origin.len) != 0)
		return does_not(ctx, "the proof says another size or origin than its checkpoint");
	if (kept.len > 0)
	{
		LH_TRY(open_note(ctx, kept, v, nv, origin, "kept checkpoint", &k));
		if (k.size == c.size && memcmp(&k.root, &c.root, sizeof(k.root)) != 0)
			return does_not(
				ctx,
				"the proof's checkpoint and the kept one are of the same size and say different things");
		if (k.size != c.size && (out->inclusion || k.size != d->from))
			return does_not(ctx, "the kept checkpoint is of another size than the proof's");
	}
	for (int i = 0; i < d->proof.n; i++)
		hashes[i] = lh_slice(d->proof.hashes[i].b, LH_SHA256);
	if (out->inclusion)
	{
		LH_TRY(check_inclusion(ctx, d, &c, hashes));
		out->line = d->line;
		out->leaf = d->leaf;
		return LH_OK;
	}
	LH_TRY(open_note(ctx, d->from_note, v, nv, origin, "first checkpoint of a proof", &from));
	if (kept.len > 0 && k.size == from.size && memcmp(&k.root, &from.root, sizeof(k.root)) != 0)
		return does_not(
			ctx,
			"the proof's checkpoint and the kept one are of the same size and say different things");
	return check_consistency(ctx, d, &from, &c, hashes);
}

LhStatus
lh_audit_proof_verify(LhCtx *ctx, LhSlice document, LhVerifier *const *verifiers, int nverifiers,
					  LhSlice origin, LhSlice kept, LhAuditProof *out)
{
	LhStatus status = LH_OK;
	LhPull *j;
	Document *d;

	*out = (LhAuditProof){0};
	LH_NEW(ctx, j);
	LH_NEW(ctx, d);
	if (document.len > LH_AUDIT_PROOF_MOST)
		status = lh_fail(ctx, LH_LIMIT, "a proof has %zu bytes, above the limit of %zu",
						 document.len, LH_AUDIT_PROOF_MOST);
	if (status == LH_OK)
		status = read_document(ctx, j, document, d);
	if (status == LH_OK)
		status = verify(ctx, d, verifiers, nverifiers, origin, kept, out);
	out->holds = status == LH_OK;
	if (status == LH_OK || status == LH_NO_MEMORY || status == LH_CANCELLED || status == LH_BUG)
		return status;
	out->why = lh_strdup(ctx, ctx->error->message);
	lh_error_clear(ctx);
	return out->why != NULL ? LH_OK : ctx->error->code;
}
