/*
 * log.h
 *		The log of what was audited: it only grows, and can prove it.
 *
 *	log.c			opening for appending, appending, syncing, checkpoints
 *	log_recover.c	what a crash left
 *	log_state.c		the file of the state
 *	log_files.c		system calls; where tests let them fail
 *	segment.c		files of lines, and their index
 *	nodes.c			files of hashes
 *	notes.c			the file of checkpoints
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
 *	public							the verifier's texts of the keys that signed, a line each
 *	lock							held by whoever appends; its process
 *	torn-NNNNNNNNNNNNNNNNNNNN		what a recovery cut off behind that entry, kept to be looked at
 *
 * An entry's leaf is that of its line without its end (RFC 6962: SHA-256 of a byte 0 and the line), so that an auditor
 * needs a text file and a hash function.
 *
 * What a crash leaves: lines behind the last sync may be missing or cut.  Opening for appending keeps whole
 * lines, cuts a torn one, makes nodes and index anew where they are behind, and refuses (LH_CORRUPT) when lines are missing that the
 * last checkpoint or the state covers.  A missing sync of ours is never taken for somebody's change, and somebody's change never mended.
 *
 * A write that fails (disk full) may be tried again.  A sync that fails may not: what the kernel then has in memory says
 * nothing about the disk.  From then on every call on the log fails until it is opened anew, which writes the doubtful lines again.
 */
#ifndef LH_AUDIT_LOG_H
#define LH_AUDIT_LOG_H

#include "audit/record.h"
#include "crypto/sign.h"

typedef struct LhAuditLog LhAuditLog;

typedef struct LhAuditLogOptions
{
	LhSlice		origin;			/* of checkpoints: "example.com/audit", see sign.h */
	uint64_t	segment_bytes;	/* a new segment from here on; 0: 64 MB */
} LhAuditLogOptions;

/*
 * For appending; one process at a time (LH_DENIED, which says who).  Made when it is not there.  LH_MISMATCH: it is the
 * log of another origin.  Closed with ctx->arena, or before; what was not synced is lost then.
 */
extern LhStatus lh_audit_log_open(LhCtx *ctx, const char *dir, const LhAuditLogOptions *options, LhAuditLog **out);
/* For reading, by anyone who may read the files, also while another process appends: what was there when it was opened, or refreshed. */
extern LhStatus lh_audit_log_read(LhCtx *ctx, const char *dir, LhAuditLog **out);
extern LhStatus lh_audit_log_refresh(LhCtx *ctx, LhAuditLog *log);
extern void lh_audit_log_close(LhAuditLog *log);

extern uint64_t lh_audit_log_size(const LhAuditLog *log);	/* with what is not synced yet */
extern uint64_t lh_audit_log_synced(const LhAuditLog *log);	/* what can be read and proved */
extern uint64_t lh_audit_log_first(const LhAuditLog *log);	/* first entry whose line is kept */

/*
 * In memory until synced; *number (may be NULL): its place.  After a failure (disk full) nothing of the entry is there, and it may be
 * tried again.  LH_INVALID: a line has 1 to LH_AUDIT_LINE_MOST bytes of UTF-8 without control characters.
 */
extern LhStatus lh_audit_log_append(LhCtx *ctx, LhAuditLog *log, LhSlice line, uint64_t *number);
/* Everything appended is durable when it returns: lines first, then hashes. */
extern LhStatus lh_audit_log_sync(LhCtx *ctx, LhAuditLog *log);
/* Sync, then sign the present size; stored, and appended to note.  Nothing new since the last: that one again. */
extern LhStatus lh_audit_log_checkpoint(LhCtx *ctx, LhAuditLog *log, LhSigner *signer, LhBuf *note);

/* The line of an entry, in ctx->arena.  LH_OUT_OF_RANGE: not there, or no longer kept; LH_CORRUPT: it is not the one that was hashed. */
extern LhStatus lh_audit_log_entry(LhCtx *ctx, LhAuditLog *log, uint64_t number, LhSlice *line);
/* Its hash, which is there also when its line is no longer kept. */
extern LhStatus lh_audit_log_leaf(LhCtx *ctx, LhAuditLog *log, uint64_t number, LhMerkleHash *out);
/* Of what is synced; LH_OUT_OF_RANGE. */
extern LhStatus lh_audit_log_root(LhCtx *ctx, LhAuditLog *log, uint64_t size, LhMerkleHash *out);
extern LhStatus lh_audit_log_inclusion(LhCtx *ctx, LhAuditLog *log, uint64_t number, uint64_t size, LhMerkleProof *out);
extern LhStatus lh_audit_log_consistency(LhCtx *ctx, LhAuditLog *log, uint64_t from, uint64_t to, LhMerkleProof *out);
/* The newest checkpoint of at most this size (UINT64_MAX: the newest): its note, in ctx->arena.  LH_NOT_FOUND. */
extern LhStatus lh_audit_log_note(LhCtx *ctx, LhAuditLog *log, uint64_t size, LhSlice *note);

/*
 * Whole segments whose last line is before the time (microseconds since 1970) are removed, but none that the last
 * checkpoint does not cover.  *removed: entries.
 */
extern LhStatus lh_audit_log_retain(LhCtx *ctx, LhAuditLog *log, int64_t before, uint64_t *removed);

/*
 * Is the directory the log of which somebody kept these checkpoints?  Trusts the verifiers' keys and the notes alone: every
 * kept line is hashed, every root computed, each kept note has to be a beginning of the log and each note of the log consistent
 * with it; every other file has to say what follows from the lines.  A failure is of reading, never of what was read: then it
 * is not intact.  Lines that are being appended meanwhile are not looked at.
 */
typedef struct LhAuditVerdict
{
	bool		intact;
	uint64_t	size, first, lines, notes;	/* what was looked at */
	uint64_t	covered;		/* entries that the newest checkpoint vouches for; nobody does for those behind */
	uint64_t	wrong;			/* entry where it begins to differ, if that is known; else UINT64_MAX */
	const char *why;			/* NULL when intact; a sentence, in ctx->arena */
} LhAuditVerdict;
extern LhStatus lh_audit_log_verify(LhCtx *ctx, const char *dir, LhVerifier *const *verifiers, int nverifiers, LhSlice origin,
									const LhSlice *kept, int nkept, LhAuditVerdict *out);

#endif
