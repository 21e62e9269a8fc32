/*
 * progress.h
 *		How far the scans of this server are, in shared memory: what the view
 *		lakehouse.scan_progress shows.
 *
 *	1. There is one slot for each backend.  Only its backend writes it, with plain
 *	   stores between two changes of a counter; who reads it looks again when the
 *	   counter moved.  No lock is taken.
 *	2. A slot shows one scan: of several that a backend has begun and not ended, the
 *	   one that began first.  When it ends another one takes the slot as soon as it
 *	   goes on.
 *	3. The slot is empty again when the scan ends or begins anew, when its memory
 *	   context goes (so after each error), and when the process exits.
 *
 * There is shared memory only when the library is in shared_preload_libraries;
 * else nothing here does anything.
 */
#ifndef LH_PG_UTIL_PROGRESS_H
#define LH_PG_UTIL_PROGRESS_H

#include "pg/util/util.h"

#include "datatype/timestamp.h"

/* Bytes of a location that are kept, with the NUL. */
#define LH_PROGRESS_LOCATION 1024

/* A scan as others see it.  Counts are of the pass that runs, not of the rescans before it. */
typedef struct LhScanProgress
{
	int			pid;			/* 0: there is none */
	Oid			datid;
	Oid			userid;			/* of the session */
	Oid			relid;			/* InvalidOid: lakehouse.read */
	TimestampTz started;
	int64		files_total;
	int64		files_done;		/* read, pruned, or taken by another process of a parallel plan */
	int64		row_groups_done;	/* read or pruned by this process */
	int64		rows_scanned;
	int64		bytes_read;
	int64		group;			/* the file that is read: row groups done, of all that it has */
	int64		ngroups;
	char		location[LH_PROGRESS_LOCATION]; /* in the database's encoding */
} LhScanProgress;

typedef struct LhProgress LhProgress;

/* ---- hooks, called when the library is preloaded ---- */

extern void lh_pg_progress_request(void);
extern void lh_pg_progress_startup(void);

/* ---- the backend's own scans ---- */

extern bool lh_pg_progress_enabled(void);
/* For the scans of a context (one at a time); location in UTF-8; lives in mcxt, which must be that of ctx. */
extern LhProgress *lh_pg_progress_create(LhCtx *ctx, MemoryContext mcxt, Oid relid, const char *location);
/* A pass over so many files begins; nothing when it is under way. */
extern void lh_pg_progress_begin(LhProgress *progress, int64 files);
/* The counters of the context may have moved. */
extern void lh_pg_progress_update(LhProgress *progress);
/* As the core tells it (lh_progress): so many "files" or "row groups" are done. */
extern void lh_pg_progress_place(LhProgress *progress, const char *what, int64 done, int64 total);
/* The pass is over, or given up; also when none had begun. */
extern void lh_pg_progress_end(LhProgress *progress);

/* ---- those of all backends ---- */

extern int	lh_pg_progress_slots(void);
/* A copy that is whole; false: that backend scans nothing. */
extern bool lh_pg_progress_read(int slot, LhScanProgress *out);

#endif
