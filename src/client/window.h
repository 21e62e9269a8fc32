/*
 * window.h
 *		Which rows of a table may go out beside its change stream.
 *
 * Rows that are read while the stream flows are older than some events and newer
 * than others.  As in DBLog (Andreakis and Papapanagiotou, "DBLog: A Watermark Based
 * Change-Data-Capture Framework", 2019) two marks in the server's log fence the
 * reading in:
 *
 *	1. "low" is written, then the rows are read under one snapshot, then "high" is
 *	   written.  Both marks come in the stream as events do.
 *	2. From low's place in the stream to high's, keys of the events of that table
 *	   are collected, as bytes, for each format that has keys.
 *	3. At high, a row whose key was collected is dropped: an event said the same or
 *	   something newer.  The others go out there: what comes behind is newer.
 *
 * Beyond the paper:
 *
 *	4. An event may be incomplete: a large value that an UPDATE left alone is not in
 *	   the log.  A row of which only such events came must not be dropped.  The
 *	   snapshot says which of them the row has in it: if all, it goes out; if not, it
 *	   is read again in a later window.
 *	5. A transaction is in the log before others see it: a synchronous standby may
 *	   keep it there for long.  If the stream told of it before low, while the snapshot
 *	   did not see it, the rows are too old, and nothing was collected.  So the
 *	   transactions that the stream told of lately are remembered and compared.
 *	6. An event whose key is not known (a quarantined row), or more keys than memory
 *	   may hold, make the window void: the rows are read anew.
 *
 * Knows neither libpq nor clocks.
 */
#ifndef LH_CLIENT_WINDOW_H
#define LH_CLIENT_WINDOW_H

#include "change/frame.h"

/* ---- a snapshot, as pg_current_snapshot() writes it: "xmin:xmax:xip,xip" ---- */

/* Transaction ids without their epoch, as frames have them. */
typedef struct LhXidSnapshot
{
	uint32_t	xmin,
				xmax;
	int			nxip;
	uint32_t   *xip;			/* in ascending order from xmin on */
} LhXidSnapshot;

/* In ctx->arena; LH_CORRUPT: it is not one. */
extern LhStatus lh_xids_parse(LhCtx *ctx, const char *text, LhXidSnapshot *s);
/* Of a transaction that is known to have committed: its rows are seen. */
extern bool lh_xids_see(const LhXidSnapshot *s, uint32_t xid);

/* ---- transactions of rows that the stream told of, lately ---- */

#define LH_SEEN_MAX 65536		/* a power of two */

typedef struct LhSeen
{
	uint64_t	n;				/* all that were */
	uint32_t	xid[LH_SEEN_MAX];
} LhSeen;

extern void lh_seen_add(LhSeen *seen, uint32_t xid);
/* One of the first n was not seen by s; of those that are still remembered. */
extern bool lh_seen_before(const LhSeen *seen, uint64_t n, const LhXidSnapshot *s);

/* ---- a window ---- */

typedef struct LhWindow LhWindow;

typedef enum LhVerdict
{
	LH_ROW_GOES,				/* out */
	LH_ROW_DROPPED,				/* an event said it */
	LH_ROW_AGAIN				/* is to be read in another window */
} LhVerdict;

typedef struct LhHeldRow
{
	LhSlice		batch;			/* of lakehouse.cdc_row */
	LhSlice	   *keys;			/* values of the key columns, as text */
	LhVerdict	verdict;
	bool		names;			/* has a schema frame, which the rows behind it need */
} LhHeldRow;

typedef enum LhOutcome
{
	LH_WINDOW_GOOD,				/* verdicts hold */
	LH_WINDOW_VOID,				/* read the rows anew, fewer of them if there are many */
	LH_WINDOW_EARLY,			/* read them anew, later: point 5 */
	LH_WINDOW_KEYLESS			/* rows have no key in any format */
} LhOutcome;

/* max_bytes: of rows, and of keys.  Memory is of ctx->arena. */
extern LhStatus lh_window_create(LhCtx *ctx, size_t max_bytes, size_t max_batch, LhWindow **out);
/* Rows of a relation are going to be read; its events may bear any of these ids (a partition's parents). */
extern LhStatus lh_window_begin(LhCtx *ctx, LhWindow *w, int nrelids, const uint32_t *relids, int nkeys);
/* Nothing is held or collected. */
extern void lh_window_end(LhWindow *w);
/* Low came in the stream. */
extern void lh_window_low(LhWindow *w, const LhSeen *seen);
/* An event of the relation in the stream; does nothing before low. */
extern LhStatus lh_window_event(LhCtx *ctx, LhWindow *w, const LhFrame *f);
/* A row that was read, to be copied; *full: it is one too many, and is not held. */
extern LhStatus lh_window_hold(LhCtx *ctx, LhWindow *w, LhSlice batch, const LhSlice *keys, bool *full);
/*
 * High came: s is what the rows were read under.  except: keys (nkeys values each) of
 * rows that are dropped whatever the events were.
 */
extern LhStatus lh_window_decide(LhCtx *ctx, LhWindow *w, const LhXidSnapshot *s, const LhSeen *seen,
								 int nexcept, const LhSlice *except, LhOutcome *outcome);
extern size_t lh_window_nrows(const LhWindow *w);
extern size_t lh_window_bytes(const LhWindow *w);
extern const LhHeldRow *lh_window_row(const LhWindow *w, size_t i);

#endif
