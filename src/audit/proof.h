/*
 * proof.h
 *		Proofs as documents that need nothing else, keys, and checkpoints brought outside.
 *
 *	proof.c			documents made and verified
 *	key.c			the file of the key that signs
 *	publish.c		checkpoints to a file, a directory or a URL
 *
 * A document is one object of JSON:
 *
 *	{"type":"inclusion","origin":O,"number":N,"size":S,"line":L,"hashes":[H,...],"checkpoint":C}
 *	{"type":"consistency","origin":O,"from_size":F,"size":S,"hashes":[H,...],"from_checkpoint":C,"checkpoint":C}
 *
 * Hashes are base64, checkpoints notes as in sign.h.  An entry whose line is no longer kept has "leaf", its hash, instead of
 * "line".  Whoever verifies a document trusts the key and the notes that they kept; a document's own
 * checkpoint is verified by the key, and only as good as the wish of its signer to be honest: compare it with a kept one.
 */
#ifndef LH_AUDIT_PROOF_H
#define LH_AUDIT_PROOF_H

#include "audit/log.h"

/* Bytes of the largest document that is read. */
#define LH_AUDIT_PROOF_MOST ((size_t) 1 << 20)

/* Append the document that an entry is in the newest checkpoint of at most "size" entries (UINT64_MAX: the newest).  LH_OUT_OF_RANGE: none covers it. */
extern LhStatus lh_audit_proof_inclusion(LhCtx *ctx, LhAuditLog *log, uint64_t number, uint64_t size, LhBuf *out);
/* ... that the checkpoint of exactly "from" entries is the beginning of the newest one of at most "to".  LH_NOT_FOUND. */
extern LhStatus lh_audit_proof_consistency(LhCtx *ctx, LhAuditLog *log, uint64_t from, uint64_t to, LhBuf *out);

typedef struct LhAuditProof
{
	bool		holds;
	bool		inclusion;		/* else consistency */
	uint64_t	number, from, size;
	LhSlice		line;			/* empty: no longer kept */
	LhMerkleHash leaf;
	const char *why;			/* NULL when it holds; a sentence, in ctx->arena */
} LhAuditProof;

/*
 * Does a document prove what it says?  kept (empty: none) is a note that must say the same as the document's checkpoint; for
 * consistency one of its two.  A document that is none does not hold.
 */
extern LhStatus lh_audit_proof_verify(LhCtx *ctx, LhSlice document, LhVerifier *const *verifiers, int nverifiers, LhSlice origin,
									  LhSlice kept, LhAuditProof *out);

/* ---- key.c ---- */

/* Make a new key in a file that is not there yet, for its owner alone.  LH_EXISTS. */
extern LhStatus lh_audit_key_make(LhCtx *ctx, const char *path);
/* In ctx->arena.  The file is read by the rules of files of keys; name as in lh_signer_create. */
extern LhStatus lh_audit_key_load(LhCtx *ctx, const char *path, const char *name, LhSigner **out);

/* ---- publish.c ---- */

typedef struct LhAuditPublishOptions
{
	/*
	 * "/path/file": notes are appended, each followed by an empty line.  "/path/": a file of its own for each, named by its size.
	 * "https://host/path": POST of the note.  "https://host/path/": PUT of the note to a name of its own.  http:// only to this machine.
	 */
	const char *target;
	const char *credentials_file;	/* its only line is the value of the header Authorization; NULL: none */
	const char *ca_file;			/* instead of the system's certificates; NULL */
	int			timeout_ms;			/* of one attempt; 0: 10000 */
	int			attempts;			/* 0: 3 */
} LhAuditPublishOptions;

typedef struct LhAuditPublisher LhAuditPublisher;
/* LH_INVALID.  In ctx->arena, and closed with it. */
extern LhStatus lh_audit_publisher_open(LhCtx *ctx, const LhAuditPublishOptions *options, LhAuditPublisher **out);
/*
 * Bring the log's newest checkpoint outside, unless this target has it.  What the target took is remembered in the log's
 * directory, so that after a failure, or a restart, the newest one is sent: it vouches for all before.  *sent (may be NULL): the size
 * that the target now has, UINT64_MAX when there is no checkpoint yet.  The log is open for appending.
 */
extern LhStatus lh_audit_publish(LhCtx *ctx, LhAuditPublisher *publisher, LhAuditLog *log, uint64_t *sent);

#endif
