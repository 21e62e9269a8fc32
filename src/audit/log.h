/*
 * log.h
 *		The log of what was audited: it only grows, and can prove it.
 *
 *	log.c			opening, appending, syncing, recovery
 *	segment.c		files of lines, and their index
 *	nodes.c			files of hashes
 *	log_read.c		entries, proofs, the root of any size
 *	log_retain.c	old lines removed; their hashes stay, so all proofs still hold
 *	verify.c		a copy of the log against checkpoints that somebody kept
 *
 * A directory, of one server:
 *
 *	00000000000000000000.jsonl		lines from entry 0 on; the next segment is named by its first entry
 *	00000000000000000000.index		offsets of these lines: 8 bytes each, little-endian
 *	nodes-LL						level LL of the tree: hashes of its complete nodes in order, from nodes-00, the leaves
 *	state							size, state of the tree, first entry that is kept; replaced as a whole (rename)
 *	checkpoints						signed checkpoints, each as in sign.h followed by an empty line
 *	public							the verifier's text of the key that signs
 *	lock							held by whoever appends
 *
 * An entry's leaf is that of its line without its end (RFC 6962: SHA-256 of a byte 0 and the line), so that an auditor
 * needs a text file and a hash function.
 *
 * What a crash leaves: lines behind the last sync may be missing or cut.  Opening for appending keeps whole
 * lines, cuts a torn one, makes nodes and index anew where they are behind, and refuses (LH_CORRUPT) when lines are missing that the
 * last checkpoint covers.  A missing sync of ours is never taken for somebody's change, and somebody's change never mended.
 */
#ifndef LH_AUDIT_LOG_H
#define LH_AUDIT_LOG_H

#include "crypto/sign.h"

typedef struct LhAuditLog LhAuditLog;

typedef struct LhAuditLogOptions
{
	LhSlice		origin;			/* of checkpoints: "example.com/audit", see sign.h */
	uint64_t	segment_bytes;	/* a new segment from here on; 0: 64 MB */
} LhAuditLogOptions;

/* For appending; one process at a time (LH_BUSY... whatever core has: says who).  Made when it is not there.  Closed with ctx->arena. */
extern LhStatus lh_audit_log_open(LhCtx *ctx, const char *dir, const LhAuditLogOptions *options, LhAuditLog **out);
/* For reading, by anyone who may read the files, also while another process appends: what was there when it was opened, or refreshed. */
extern LhStatus lh_audit_log_read(LhCtx *ctx, const char *dir, LhAuditLog **out);
extern LhStatus lh_audit_log_refresh(LhCtx *ctx, LhAuditLog *log);

extern uint64_t lh_audit_log_size(const LhAuditLog *log);
extern uint64_t lh_audit_log_first(const LhAuditLog *log);	/* first entry whose line is kept */

/* In memory until synced; *number: its place.  After a failure (disk full) nothing of the entry is there, and it may be tried again. */
extern LhStatus lh_audit_log_append(LhCtx *ctx, LhAuditLog *log, LhSlice line, uint64_t *number);
/* Everything appended is durable when it returns: lines first, then hashes. */
extern LhStatus lh_audit_log_sync(LhCtx *ctx, LhAuditLog *log);
/* Sync, then sign the present size; stored, and appended to note.  Nothing new since the last: that one again. */
extern LhStatus lh_audit_log_checkpoint(LhCtx *ctx, LhAuditLog *log, LhSigner *signer, LhBuf *note);

/* The line of an entry, in ctx->arena.  LH_OUT_OF_RANGE: not there, or no longer kept. */
extern LhStatus lh_audit_log_entry(LhCtx *ctx, LhAuditLog *log, uint64_t number, LhSlice *line);
extern LhStatus lh_audit_log_root(LhCtx *ctx, LhAuditLog *log, uint64_t size, LhMerkleHash *out);
extern LhStatus lh_audit_log_inclusion(LhCtx *ctx, LhAuditLog *log, uint64_t number, uint64_t size, LhMerkleProof *out);
extern LhStatus lh_audit_log_consistency(LhCtx *ctx, LhAuditLog *log, uint64_t from, uint64_t to, LhMerkleProof *out);
/* The newest checkpoint of at most this size (0: the newest): its note, in ctx->arena.  LH_NOT_FOUND. */
extern LhStatus lh_audit_log_note(LhCtx *ctx, LhAuditLog *log, uint64_t size, LhSlice *note);

/*
 * Whole segments whose last line is before the time (microseconds since 1970) are removed, but none that the last
 * checkpoint does not cover.  *removed: entries.
 */
extern LhStatus lh_audit_log_retain(LhCtx *ctx, LhAuditLog *log, int64_t before, uint64_t *removed);

/*
 * Is the directory the log of which somebody kept these checkpoints?  Trusts the verifier's key and the notes alone: every
 * kept line is hashed, every root computed, each kept note has to be a beginning of the log and each note of the log consistent with it.
 */
typedef struct LhAuditVerdict
{
	bool		intact;
	uint64_t	size, first, lines, notes;	/* what was looked at */
	uint64_t	wrong;			/* entry where it begins to differ, if that is known; else UINT64_MAX */
	const char *why;			/* NULL when intact; a sentence, in ctx->arena */
} LhAuditVerdict;
extern LhStatus lh_audit_log_verify(LhCtx *ctx, const char *dir, LhVerifier *verifier, LhSlice origin,
									const LhSlice *kept, int nkept, LhAuditVerdict *out);

#endif
