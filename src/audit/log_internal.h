/*
 * log_internal.h
 *		The log's own: what is in memory of it, and its files.  See log.h.
 */
#ifndef LH_AUDIT_LOG_INTERNAL_H
#define LH_AUDIT_LOG_INTERNAL_H

#include "audit/log.h"

#define LH_AUDIT_LEVELS 63
#define LH_AUDIT_SEGMENT_BYTES (UINT64_C(64) << 20)
#define LH_AUDIT_SEGMENT_MOST (UINT64_C(1) << 30)
/* Of a file's name, with its NUL. */
#define LH_AUDIT_NAME 32

/* What the state's file says. */
typedef struct LhAuditState
{
	uint64_t	first;			/* entry whose line is kept */
	uint64_t	segment;		/* first entry of the segment that was appended to */
	uint64_t	bytes;			/* of that segment's file, with the last line of tree.size */
	LhMerkle	tree;
} LhAuditState;

struct LhAuditLog
{
	LhArena    *arena;
	const char *path;			/* of the directory, for messages */
	int			dir, lock;
	bool		writing;
	bool		broken;			/* a sync failed */
	bool		entered;		/* names came into the directory since it was synced */
	LhSlice		origin;
	uint64_t	segment_bytes;

	uint64_t	first;
	LhMerkle	tree;			/* of everything appended */
	uint64_t	synced;			/* entries whose lines are durable */
	uint64_t	hashed;			/* ... and whose hashes and offsets are in the files, too: only these are read */
	uint64_t	saved;			/* ... that the state covers; UINT64_MAX: there is none */
	uint64_t	saved_first;

	LhBuf		segments;		/* uint64_t: first entries, ascending */
	uint64_t	segment;		/* that is appended to */
	uint64_t	bytes;			/* of its file, durable */
	int			lines_fd, index_fd;
	LhBuf		lines;			/* behind bytes */
	LhBuf		offsets;		/* of entries from hashed on */
	LhBuf		nodes[LH_AUDIT_LEVELS];		/* of level i from node hashed >> i on */
	int			node_fd[LH_AUDIT_LEVELS];
	uint64_t	node_dirty;		/* levels written since they were synced, as bits */

	int			notes_fd;
	uint64_t	notes_bytes;	/* of the file of checkpoints */

	int			read_fd, read_index_fd;		/* of the segment that was read last */
	uint64_t	read_segment;
};

/* ---- log_files.c ---- */

/* System calls that change something, as POSIX has them; tests let them fail. */
typedef struct LhAuditIo
{
	ssize_t		(*write) (int fd, const void *p, size_t n, off_t at);
	int			(*sync) (int fd, bool data);
	int			(*cut) (int fd, off_t size);
	int			(*create) (int dir, const char *name, int flags);
	int			(*rename) (int dir, const char *from, const char *to);
	int			(*unlink) (int dir, const char *name);
} LhAuditIo;
extern LhAuditIo lh_audit_io;

extern LhStatus lh_audit_fail(LhCtx *ctx, const LhAuditLog *log, const char *what, const char *name, int error);
/* -1: it is not there, unless it is to be made. */
extern LhStatus lh_audit_open(LhCtx *ctx, LhAuditLog *log, const char *name, bool write, bool make, int *fd);
extern void lh_audit_close_fd(int *fd);
extern LhStatus lh_audit_write(LhCtx *ctx, LhAuditLog *log, int fd, const char *name, LhSlice bytes, uint64_t at);
/* A failure breaks the log. */
extern LhStatus lh_audit_sync(LhCtx *ctx, LhAuditLog *log, int fd, const char *name);
extern LhStatus lh_audit_sync_dir(LhCtx *ctx, LhAuditLog *log);
extern LhStatus lh_audit_cut(LhCtx *ctx, LhAuditLog *log, int fd, const char *name, uint64_t size);
extern LhStatus lh_audit_file_size(LhCtx *ctx, const LhAuditLog *log, int fd, const char *name, uint64_t *size);
/* *n: fewer than size only at the end of the file. */
extern LhStatus lh_audit_read_at(LhCtx *ctx, const LhAuditLog *log, int fd, const char *name, void *p, size_t size, uint64_t at,
								 size_t *n);
/* A whole file that has at most so many bytes, in ctx->arena; *there false: it is not there. */
extern LhStatus lh_audit_load(LhCtx *ctx, LhAuditLog *log, const char *name, uint64_t most, bool *there, LhSlice *out);
/* Replace a file as a whole: durable when it returns. */
extern LhStatus lh_audit_replace(LhCtx *ctx, LhAuditLog *log, const char *name, LhSlice bytes);

/* ---- log_state.c ---- */

extern LhStatus lh_audit_state_load(LhCtx *ctx, LhAuditLog *log, bool *there, LhAuditState *out);
/* Everything appended has been written: make it durable, then say so. */
extern LhStatus lh_audit_state_save(LhCtx *ctx, LhAuditLog *log);

/* ---- segment.c ---- */

extern void lh_audit_segment_name(uint64_t first, bool index, char name[LH_AUDIT_NAME]);
extern LhStatus lh_audit_segments_list(LhCtx *ctx, LhAuditLog *log);
extern int	lh_audit_segment_count(const LhAuditLog *log);
extern uint64_t lh_audit_segment_at(const LhAuditLog *log, int i);
/* Append to this one from now on; made when it is not there. */
extern LhStatus lh_audit_segment_use(LhCtx *ctx, LhAuditLog *log, uint64_t first);
/* A line that may be one of the log. */
extern bool lh_audit_line_valid(LhSlice line);
/* The line of an entry that is kept and hashed, unchecked, in ctx->arena. */
extern LhStatus lh_audit_segment_line(LhCtx *ctx, LhAuditLog *log, uint64_t number, LhSlice *line);
/* Write the offsets that are in memory. */
extern LhStatus lh_audit_index_write(LhCtx *ctx, LhAuditLog *log);

/* ---- nodes.c ---- */

extern void lh_audit_nodes_name(int level, char name[LH_AUDIT_NAME]);
/* Append a leaf to the tree, and its nodes to what is in memory; all or nothing. */
extern LhStatus lh_audit_nodes_add(LhCtx *ctx, LhAuditLog *log, const LhMerkleHash *leaf);
/* Write what is in memory, the leaves last: readers count them. */
extern LhStatus lh_audit_nodes_write(LhCtx *ctx, LhAuditLog *log);
extern LhStatus lh_audit_nodes_sync(LhCtx *ctx, LhAuditLog *log);
extern LhStatus lh_audit_nodes_cut(LhCtx *ctx, LhAuditLog *log);	/* what stands behind the last one */
/* Are there as many as a tree of this size has? */
extern LhStatus lh_audit_nodes_there(LhCtx *ctx, LhAuditLog *log, uint64_t size, bool *there);
extern LhStatus lh_audit_nodes_count(LhCtx *ctx, LhAuditLog *log, uint64_t *leaves);
/* LhMerkleReadFn; arg is the log.  Also of what is only in memory. */
extern LhStatus lh_audit_nodes_read(LhCtx *ctx, void *arg, int level, uint64_t index, LhMerkleHash *out);

/* ---- notes.c ---- */

/* The next note of a file of checkpoints, if all of it is there; *rest goes behind the empty line that follows. */
extern bool lh_audit_note_next(LhSlice *rest, LhSlice *note);
/* What an unverified note says; false: it says nothing. */
extern bool lh_audit_note_peek(LhSlice note, LhSlice *origin, uint64_t *size, LhMerkleHash *root);
/* The last whole note in bytes of such a file, from its start or from its middle on, and where it ends; false: there is none. */
extern bool lh_audit_notes_end(LhSlice bytes, bool from_start, LhSlice *last, size_t *end);
/* The newest note, LH_NOT_FOUND; for the writer, a torn one behind it is cut first. */
extern LhStatus lh_audit_notes_last(LhCtx *ctx, LhAuditLog *log, LhSlice *note);
extern LhStatus lh_audit_notes_add(LhCtx *ctx, LhAuditLog *log, LhSlice note);

/* ---- log.c, log_recover.c ---- */

extern LhStatus lh_audit_log_begin(LhCtx *ctx, const char *dir, bool writing, LhAuditLog **out);
extern LhStatus lh_audit_recover(LhCtx *ctx, LhAuditLog *log);
/* Hashes and offsets of synced lines into the files. */
extern LhStatus lh_audit_log_settle(LhCtx *ctx, LhAuditLog *log);

#endif
