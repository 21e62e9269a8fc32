/*
 * resume.h
 *		How far a snapshot beside the stream is, as it is kept in the database.
 *
 * A sink has its rows and its own position, the database knows which rows were given
 * where.  Together they say, after any crash, which sink holds what:
 *
 *	1. Before rows are put, it is noted at which place of the stream ("point"), up to
 *	   which key, and what then is still to be read again.
 *	2. When a client starts, before it puts anything, each sink is asked: one that is
 *	   at the point or beyond holds those rows, for nobody passed there without them.
 *	   All hold them: so far the snapshot is.  None does: it is where it was before.
 *	   Some do: that is noted by their names, and the same rows are read once more,
 *	   for the others alone.
 *	3. So a note is written only before rows go out, never between put and flush, and
 *	   the position of the slot plays no part.
 *
 * Keys are texts, as PostgreSQL writes them; a list has so many for each row.
 */
#ifndef LH_CLIENT_RESUME_H
#define LH_CLIENT_RESUME_H

#include "change/change.h"

/* Texts without NUL, which may have any other byte. */
typedef struct LhTexts
{
	int			n;
	int			capacity;
	const char **v;
} LhTexts;

/* v is of ctx->arena, so that all calls for one list need the same. */
extern LhStatus lh_texts_add(LhCtx *ctx, LhTexts *t, const char *text);
extern bool lh_texts_have(const LhTexts *t, const char *text);
/* Of PostgreSQL's text[]: {a,"b c",...}; NULLs and dimensions are LH_CORRUPT. */
extern LhStatus lh_texts_parse(LhCtx *ctx, const char *literal, LhTexts *t);
extern LhStatus lh_texts_write(LhCtx *ctx, LhBuf *out, const LhTexts *t);

typedef struct LhProgress
{
	/* what all sinks hold */
	LhTexts		last;			/* all rows up to this key; empty: none yet */
	bool		end;			/* all rows of the table */
	LhTexts		again;			/* but for these */
	bool		moved;			/* a row went over to a key that was passed, perhaps not whole: another pass */
	uint32_t	pass;			/* from 0 */
	/* what was given out */
	bool		pending;
	uint64_t	point;			/* commit's end of the place where; 0: holders are known, no window is under way */
	LhTexts		next;			/* up to this key; empty with next_end */
	bool		next_end;
	LhTexts		next_again;
	LhTexts		holders;		/* sinks that hold it */
	const char *snapshot;		/* what the rows of a table without keys were read under; "": none */
} LhProgress;

extern LhStatus lh_progress_encode(LhCtx *ctx, const LhProgress *p, LhTexts *out);
/* LH_CORRUPT: it was not written by encode.  An empty list is a snapshot that has not begun. */
extern LhStatus lh_progress_decode(LhCtx *ctx, const LhTexts *in, LhProgress *p);
/* All of it anew, in ctx->arena. */
extern LhStatus lh_progress_copy(LhCtx *ctx, const LhProgress *from, LhProgress *to);
/* What was given out is held by all. */
extern void lh_progress_advance(LhProgress *p);

typedef enum LhHeld { LH_HELD_NONE, LH_HELD_SOME, LH_HELD_ALL } LhHeld;

/* A sink as it was found. */
typedef struct LhHolder
{
	const char *name;
	bool		known;
	LhChangePos pos;
} LhHolder;

/* Point 2: which hold what was given out at (point, ordinal); p is brought to that state. */
extern LhStatus lh_progress_resolve(LhCtx *ctx, LhProgress *p, uint64_t ordinal, int n, const LhHolder *sinks,
									LhHeld *held);

#endif
