/*
 * ctx.h
 *		The context every core call works in: arena, error, counters, host.
 *
 * Core knows its surroundings only through LhCtx (DESIGN D2).  A backend, the
 * change-stream client, the unit tests and the fuzzers each make one.  Rules:
 *
 *	1. Every call that can fail, wait or allocate takes LhCtx * first and
 *	   returns LhStatus.  The caller writes LH_TRY(call).
 *	2. Whoever fails first writes the error with LH_FAIL and returns; nobody
 *	   between has anything to clean up, because memory and handles belong to
 *	   arenas (arena.h).
 *	3. Core polls the host at least once a page or batch with lh_poll().
 *	4. Core never prints, aborts, longjmps or calls back into the host to
 *	   evaluate something: it returns LH_NEED_HOST and is called again.
 */
#ifndef LH_CORE_CTX_H
#define LH_CORE_CTX_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct LhArena LhArena;
typedef struct LhCtx LhCtx;
typedef struct LhKeyRequest LhKeyRequest;	/* key.h */
typedef struct LhKey LhKey;

typedef enum LhStatus
{
	LH_OK = 0,
	LH_CANCELLED,				/* the host wants to stop; it knows why */
	LH_NEED_HOST,				/* not an error: do the host's step, call again */
	LH_NO_MEMORY,				/* allocation failed or budget exceeded */
	LH_IO,						/* the operating system or a server failed */
	LH_NOT_FOUND,				/* no such file, object, column */
	LH_DENIED,					/* location or right refused */
	LH_CORRUPT,					/* bytes contradict their format */
	LH_UNSUPPORTED,				/* legal, but not supported */
	LH_INVALID,					/* bad option or argument */
	LH_OUT_OF_RANGE,			/* a value does not fit the wanted type */
	LH_BAD_DATETIME,			/* a date or time does not fit the wanted type */
	LH_BAD_TEXT,				/* invalid UTF-8 or a NUL in text */
	LH_CHANGED,					/* the object changed while it was read */
	LH_LIMIT,					/* a limit of ours or of the host */
	LH_MISMATCH,				/* schemas or types that do not fit each other */
	LH_NULL_VALUE,				/* a null where none is allowed */
	LH_EXISTS,					/* target already exists */
	LH_BUG						/* should not happen */
} LhStatus;

#define LH_ERROR_TEXT 768

typedef struct LhError
{
	LhStatus	code;
	char		message[LH_ERROR_TEXT]; /* one line, no trailing period */
	char		detail[LH_ERROR_TEXT];	/* may be empty; whole sentences */
	char		hint[LH_ERROR_TEXT];	/* may be empty; whole sentences */
} LhError;

/*
 * Counters that EXPLAIN shows and tests assert.  LH_COUNTERS is the only list:
 * enum, names and labels come from it.  X(id, json/test name, EXPLAIN label)
 */
#define LH_COUNTERS(X) \
	X(MANIFESTS, "manifests", "Manifests") \
	X(MANIFESTS_PRUNED, "manifests_pruned", "Manifests Pruned") \
	X(MANIFEST_CACHE_HITS, "manifest_cache_hits", "Manifest Cache Hits") \
	X(MANIFEST_LIST_CACHE_HITS, "manifest_list_cache_hits", "Manifest List Cache Hits") \
	X(FILES, "files", "Files") \
	X(FILES_PRUNED_PARTITION, "files_pruned_partition", "Files Pruned by Partition") \
	X(FILES_PRUNED_STATS, "files_pruned_stats", "Files Pruned by Statistics") \
	X(FILES_PRUNED_MANIFEST, "files_pruned_manifest", "Files Pruned by Partition Tuple") \
	X(FILES_PRUNED_BOUNDS, "files_pruned_bounds", "Files Pruned by Bounds") \
	X(FILES_METADATA_ONLY, "files_metadata_only", "Files Answered from Metadata") \
	X(ROW_GROUPS, "row_groups", "Row Groups") \
	X(ROW_GROUPS_PRUNED_STATS, "row_groups_pruned_stats", "Row Groups Pruned by Statistics") \
	X(ROW_GROUPS_PRUNED_BLOOM, "row_groups_pruned_bloom", "Row Groups Pruned by Bloom Filter") \
	X(ROW_GROUPS_PRUNED_INDEX, "row_groups_pruned_index", "Row Groups Pruned by Page Index") \
	X(ROW_GROUPS_PRUNED_DICT, "row_groups_pruned_dict", "Row Groups Pruned by Dictionary") \
	X(ROW_GROUPS_PRUNED_DELETES, "row_groups_pruned_deletes", "Row Groups Pruned by Deletes") \
	X(PAGES_READ, "pages_read", "Pages Decoded") \
	X(PAGES_SKIPPED, "pages_skipped", "Pages Skipped") \
	X(PAGES_PRUNED_INDEX, "pages_pruned_index", "Pages Pruned by Page Index") \
	X(DICT_PAGES_READ, "dict_pages_read", "Dictionary Pages Read") \
	X(DICT_CACHE_HITS, "dict_cache_hits", "Dictionary Cache Hits") \
	X(DICT_CACHE_BYTES, "dict_cache_bytes", "Dictionary Cache Bytes") \
	X(COLUMN_CACHE_HITS, "column_cache_hits", "Column Cache Hits") \
	X(COLUMN_CACHE_BYTES, "column_cache_bytes", "Column Cache Bytes") \
	X(DELETE_FILES_READ, "delete_files_read", "Delete Files Read") \
	X(DELETE_FILES_CACHED, "delete_files_cached", "Delete Files Cached") \
	X(DELETION_VECTORS_READ, "deletion_vectors_read", "Deletion Vectors Read") \
	X(EQUALITY_KEYS, "equality_keys", "Equality Deletes Hashed") \
	X(ROWS_DELETED_POSITION, "rows_deleted_position", "Rows Deleted by Position") \
	X(ROWS_DELETED_EQUALITY, "rows_deleted_equality", "Rows Deleted by Equality") \
	X(ROWS_PRUNED, "rows_pruned", "Rows Pruned") \
	X(ROWS_SCANNED, "rows_scanned", "Rows Scanned") \
	X(ROWS_SELECTED, "rows_selected", "Rows Selected") \
	X(RUNS_FOLDED, "runs_folded", "Runs Folded") \
	X(HOST_EVALS, "host_evals", "Dictionary Entries Evaluated by PostgreSQL") \
	X(ENTRIES_COMPUTED, "entries_computed", "Dictionary Entries Computed") \
	X(BYTES_READ, "bytes_read", "Bytes Read") \
	X(BYTES_DECOMPRESSED, "bytes_decompressed", "Bytes Decompressed") \
	X(MODULES_DECRYPTED, "modules_decrypted", "Modules Decrypted") \
	X(READS, "reads", "Read Requests") \
	X(HTTP_REQUESTS, "http_requests", "HTTP Requests") \
	X(HTTP_RETRIES, "http_retries", "HTTP Retries") \
	X(BYTES_AHEAD, "bytes_ahead", "Bytes Read Ahead") \
	X(FOOTERS_READ, "footers_read", "Footers Read") \
	X(FOOTER_CACHE_HITS, "footer_cache_hits", "Footer Cache Hits") \
	X(BYTES_SPILLED, "bytes_spilled", "Bytes Spilled") \
	X(DIGITS_LOST, "digits_lost", "Values With Lost Nanoseconds")

typedef enum LhCounterId
{
#define X(id, name, label) LH_CTR_##id,
	LH_COUNTERS(X)
#undef X
	LH_N_COUNTERS
} LhCounterId;

typedef struct LhCounters
{
	uint64_t	v[LH_N_COUNTERS];
} LhCounters;

extern const char *const lh_counter_name[LH_N_COUNTERS];
extern const char *const lh_counter_label[LH_N_COUNTERS];

/* One descriptor to wait for; events and revents are poll(2)'s. */
typedef struct LhWaitFd
{
	int			fd;
	short		events;
	short		revents;
} LhWaitFd;

/*
 * What core may ask of its host.  Any member may be NULL: then the default
 * named here holds.
 */
typedef struct LhHost
{
	/* true when the work should stop; cheap, no side effects (default: never) */
	bool		(*interrupted) (void *arg);

	/*
	 * Wait until a descriptor is ready, timeout_ms passed (-1: no limit) or
	 * the host wants to stop.  Returns the number of ready descriptors, 0 on
	 * timeout or interruption, -1 with errno on failure (default: poll(2)).
	 */
	int			(*wait) (void *arg, LhWaitFd *fds, int nfds, int timeout_ms);

	/*
	 * A new temporary file, which nobody else sees: a number for the calls below, -1
	 * with errno (default: a descriptor, O_TMPFILE in /tmp).  They are as pwrite(2),
	 * pread(2) and close(2) (default: these).  A host that wants the work to stop, for
	 * its limits say, lets them fail and is then interrupted.
	 */
	int			(*temp_file) (void *arg);
	ssize_t		(*temp_write) (void *arg, int file, const void *p, size_t n, int64_t at);
	ssize_t		(*temp_read) (void *arg, int file, void *p, size_t n, int64_t at);
	void		(*temp_close) (void *arg, int file);

	/* Progress of long work, in units of the caller; done/total (default: ignored). */
	void		(*progress) (void *arg, const char *what, int64_t done, int64_t total);

	/*
	 * A key (key.h).  Helper threads ask, too, but only after the leader did: the host looks
	 * up what it has loaded by then.  LH_DENIED: the host has
	 * keys, but not this one; LH_UNSUPPORTED: it was given none at all; any other
	 * failure ends the work.  Each with its error written (default: none at all).
	 * Also asked whether a file may be in clear text.
	 */
	LhStatus	(*key) (void *arg, LhCtx *ctx, const LhKeyRequest *request, LhKey *key);
} LhHost;

struct LhCtx
{
	LhArena    *arena;			/* where results of the current call go */
	LhError    *error;			/* never NULL */
	LhCounters *counters;		/* never NULL */
	const LhHost *host;			/* may be NULL */
	void	   *host_arg;
};

/*
 * A context of its own for tests, fuzzers and tools: arena without budget,
 * error and counters inside it.  lh_ctx_destroy frees all.  NULL when out of
 * memory.
 */
extern LhCtx *lh_ctx_create(void);
extern void lh_ctx_destroy(LhCtx *ctx);

/* Write the error and return its code.  Returns LH_BUG for code LH_OK. */
extern LhStatus lh_fail(LhCtx *ctx, LhStatus code, const char *fmt,...)
			__attribute__((format(printf, 3, 4), cold, noinline));

/* Add to the error that was just written; the first detail or hint wins. */
extern void lh_detail(LhCtx *ctx, const char *fmt,...) __attribute__((format(printf, 2, 3), cold));
extern void lh_hint(LhCtx *ctx, const char *fmt,...) __attribute__((format(printf, 2, 3), cold));

/* Put "what: " before the message: a caller that knows the file or column. */
extern void lh_error_prefix(LhCtx *ctx, const char *fmt,...) __attribute__((format(printf, 2, 3), cold));
extern void lh_error_clear(LhCtx *ctx);

extern const char *lh_status_name(LhStatus code);

#define LH_FAIL(ctx, code, ...) return lh_fail((ctx), (code), __VA_ARGS__)

#define LH_TRY(call) \
	do { \
		LhStatus	lh_try_status_ = (call); \
		if (__builtin_expect(lh_try_status_ != LH_OK, 0)) \
			return lh_try_status_; \
	} while (0)

/* Ask the host whether to go on: LH_OK or LH_CANCELLED (error filled). */
extern LhStatus lh_poll(LhCtx *ctx);

/* The host's vtable with its defaults.  The default wait takes at most 64 descriptors. */
extern int	lh_host_wait(LhCtx *ctx, LhWaitFd *fds, int nfds, int timeout_ms);
extern LhStatus lh_host_temp_file(LhCtx *ctx, int *file); /* the caller closes it: lh_arena_on_reset */
extern LhStatus lh_host_temp_write(LhCtx *ctx, int file, const void *p, size_t n, int64_t at);
extern LhStatus lh_host_temp_read(LhCtx *ctx, int file, void *p, size_t n, int64_t at);
/* By host and host_arg of the ctx that made it, when that is gone. */
extern void lh_host_temp_close(const LhHost *host, void *host_arg, int file);
extern void lh_progress(LhCtx *ctx, const char *what, int64_t done, int64_t total);

/* Text of an errno in English, the same in every thread and locale (strerror is neither). */
extern const char *lh_errno_text(int error);

#define LH_COUNT(ctx, id, k) ((ctx)->counters->v[LH_CTR_##id] += (k))

#endif
