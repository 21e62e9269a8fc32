/*
 * dead.c
 *		Which rows of a file are not to be given, because they are deleted.
 *
 *	1. When the first row group of a file is to be read, its deletes are loaded.
 *	2. Of a row group, long stretches without a row to give are cut out of the
 *	   ranges, so that their pages are neither read nor decompressed; a row group
 *	   with nothing to give is left out.
 *	3. A batch begins with the selection of rows that are not deleted by position:
 *	   filters and payload are read for these only.
 *	4. Keys of equality deletes are read like the columns of a filter.  They are
 *	   looked at before any filter of the host, which could fail for a row that is
 *	   no more.
 *
 * A task of the kind LH_ROWS_DELETED turns this round: it gives the rows that its
 * later deletes delete and its earlier ones do not.  A scan with a column that
 * says whether a row is deleted gives all rows.
 */
#include "scan/state.h"

/* Shorter stretches are not worth a batch of their own. */
#define LEAST_GAP 1024
/* Bits of a row group of at most so many rows (128 kB) are kept from cutting to reading. */
#define MOST_KEPT ((int64_t) 1 << 20)

static bool
gives_deleted(const LhScan *scan, const LhScanFile *file)
{
	return scan->tasks.tasks[file->task].rows == LH_ROWS_DELETED;
}

/* The scan's columns of these keys. */
static LhStatus
find_columns(LhCtx *ctx, const LhScan *scan, const LhKeyDeletes *keys, int **out)
{
	LH_NEW_ARRAY(ctx, *out, (size_t) keys->nids);
	for (int k = 0; k < keys->nids; k++)
	{
		(*out)[k] = lh_scan_key_column(scan, keys->ids[k]);
		if ((*out)[k] < 0)
			LH_FAIL(ctx, LH_BUG, "the scan has no column for key field %d of its deletes",
					keys->ids[k]);
	}
	return LH_OK;
}

static LhStatus
load_part(LhCtx *ctx, LhScan *scan, LhScanFile *file, int from, int to, LhFileDeletes *out)
{
	int most = 0;

	LH_TRY(lh_deletes_positions(ctx, scan->deletes, file->task, from, to, &out->rows));
	LH_TRY(lh_deletes_keys(ctx, scan->deletes, file->task, from, to, &out->nkeys, &out->keys));
	LH_NEW_ARRAY(ctx, out->cols, (size_t) out->nkeys + 1);
	for (int i = 0; i < out->nkeys; i++)
	{
		most = out->keys[i].nids > most ? out->keys[i].nids : most;
		LH_TRY(find_columns(ctx, scan, &out->keys[i], &out->cols[i]));
	}
	LH_NEW_ARRAY(ctx, out->vecs, (size_t) most + 1);
	return LH_OK;
}

/* Step 1 */
static LhStatus
load(LhCtx *ctx, LhScan *scan)
{
	LhScanFile *file = scan->file;
	const LhFileTask *task = &scan->tasks.tasks[file->task];
	int later = task->rows == LH_ROWS_DELETED ? task->nearlier : 0;
	LhArena *old;

	if (later < 0 || later > task->ndeletes)
		LH_FAIL(ctx, LH_BUG, "file \"%s\" has %d earlier deletes of %d", task->path, later,
				task->ndeletes);
	file->deletes_arena = lh_arena_child(file->arena);
	if (file->deletes_arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	lh_arena_as_floor(file->deletes_arena);
	old = lh_use(ctx, file->deletes_arena);
	LH_TRY(load_part(ctx, scan, file, later, task->ndeletes, &file->now));
	LH_TRY(load_part(ctx, scan, file, 0, later, &file->earlier));
	lh_use(ctx, old);
	file->loaded = true;
	return LH_OK;
}

/* Bits of rows [from, from + n) of the file that may be given, by their positions. */
static void
given_words(const LhScan *scan, int64_t from, int n, uint64_t *words)
{
	const LhScanFile *file = scan->file;
	size_t nwords = LH_WORDS(n);
	uint64_t other[LH_BATCH_WORDS];

	if (!gives_deleted(scan, file))
	{
		memset(other, 0, sizeof(other));
		if (file->now.rows != NULL)
			lh_rowset_words(file->now.rows, from, n, other);
		for (size_t w = 0; w < nwords; w++)
			words[w] = ~other[w];
	}
	else
	{
		if (file->now.nkeys > 0)
			memset(words, 0xFF, nwords * sizeof(*words));
		else if (file->now.rows != NULL)
			lh_rowset_words(file->now.rows, from, n, words);
		else
			memset(words, 0, nwords * sizeof(*words));
		if (file->earlier.rows != NULL)
		{
			lh_rowset_words(file->earlier.rows, from, n, other);
			for (size_t w = 0; w < nwords; w++)
				words[w] &= ~other[w];
		}
	}
	if (n % 64 != 0)
		words[nwords - 1] &= (UINT64_C(1) << (n % 64)) - 1;
}

/*
 * Step 2
 */

/* The pieces of ranges that are left. */
typedef struct Cutter
{
	LhRowRange *out;
	int n;
	int64_t live;  /* where the present piece begins */
	bool whole;    /* no row of it up to the gap is dead */
	int64_t last;  /* row of the last word with one to give ... */
	uint64_t word; /* ... and the word; 0: none yet, the piece is empty */
	int64_t given; /* of tasks that give deleted rows */
} Cutter;

/* Behind the last row to give. */
static int64_t
gap_of(const Cutter *c)
{
	return c->word == 0 ? c->live : c->last + 64 - __builtin_clzll(c->word);
}

static void
emit(Cutter *c, int64_t to)
{
	if (c->live < to)
		c->out[c->n++] = (LhRowRange){c->live, to, c->whole && to == gap_of(c)};
}

/* A word with rows to give. */
static void
cut_word(Cutter *c, int64_t row, uint64_t word)
{
	int64_t first = row + __builtin_ctzll(word), gap = gap_of(c);
	uint64_t run = word >> __builtin_ctzll(word);

	if (first - gap >= LEAST_GAP)
	{
		emit(c, gap);
		c->live = gap = first;
		c->whole = true;
	}
	c->whole &= first == gap && (run & (run + 1)) == 0;
}

/* Where dead rows lie among others it matters only which word was the last, as long as none is far away. */
static void
cut_words(Cutter *c, int64_t row, size_t n, const uint64_t *words)
{
	for (size_t w = 0; w < n; w++, row += 64)
	{
		if (words[w] == 0)
			continue;
		if (c->whole || c->word == 0 || row - c->last > LEAST_GAP - 64)
			cut_word(c, row, words[w]);
		c->last = row;
		c->word = words[w];
	}
}

static LhStatus
cut_range(LhCtx *ctx, const LhScan *scan, const LhRowRange *range, Cutter *c)
{
	uint64_t words[LH_BATCH_WORDS];

	c->live = range->from;
	c->word = 0;
	c->whole = true;
	for (int64_t row = range->from; row < range->to; row += LH_BATCH)
	{
		int n = range->to - row < LH_BATCH ? (int) (range->to - row) : LH_BATCH;

		LH_TRY(lh_poll(ctx));
		given_words(scan, scan->group.first_row + row, n, words);
		if (scan->group.given != NULL)
			memcpy(&scan->group.given[row / 64], words, LH_WORDS(n) * sizeof(*words));
		cut_words(c, row, LH_WORDS(n), words);
		if (gives_deleted(scan, scan->file))
			c->given += (int64_t) lh_bits_count(words, LH_WORDS(n));
	}
	if (c->word != 0)
		emit(c, range->to - gap_of(c) >= LEAST_GAP ? gap_of(c) : range->to);
	return LH_OK;
}

static LhStatus
cut(LhCtx *ctx, LhScan *scan, int64_t *alive)
{
	LhScanGroup *group = &scan->group;
	Cutter c = {0};
	const LhScanFile *file = scan->file;
	bool turned = gives_deleted(scan, file);
	int64_t rows = 0, dead = 0;

	for (int i = 0; i < group->nranges; i++)
	{
		rows += group->ranges[i].to - group->ranges[i].from;
		if (!turned)
			dead += (int64_t) lh_rowset_count_range(file->now.rows,
													group->first_row + group->ranges[i].from,
													group->first_row + group->ranges[i].to);
	}
	if (!turned)
		LH_COUNT(ctx, ROWS_DELETED_POSITION, (uint64_t) dead);
	*alive = rows - dead;
	/* nothing long enough, unless all of a short group is deleted */
	if (!turned && dead<LEAST_GAP && * alive> 0)
		return LH_OK;
	LH_NEW_ARRAY(ctx, c.out, (size_t) (group->nranges + group->rows / LEAST_GAP) + 1);
	/* a word more: the last rows' are taken out of two; without the memory they are asked for twice */
	if (rows == group->rows && rows <= MOST_KEPT)
	{
		group->given = lh_alloc_array(ctx, LH_WORDS(rows) + 1, sizeof(*group->given));
		if (group->given == NULL)
			lh_error_clear(ctx);
	}
	for (int i = 0; i < group->nranges; i++)
		LH_TRY(cut_range(ctx, scan, &group->ranges[i], &c));
	group->ranges = c.out;
	group->nranges = c.n;
	if (turned)
		*alive = c.given;
	return LH_OK;
}

LhStatus
lh_scan_cut_deletes(LhCtx *ctx, LhScan *scan, int64_t *alive)
{
	LhScanFile *file = scan->file;
	bool turned = gives_deleted(scan, file);

	*alive = scan->group.rows;
	if (!file->has_deletes && !turned)
		return LH_OK;
	if (!file->loaded && file->has_deletes)
		LH_TRY(load(ctx, scan));
	if (turned || (!scan->shows_deleted && file->now.rows != NULL))
		LH_TRY(cut(ctx, scan, alive));
	return LH_OK;
}

/*
 * Steps 3 and 4
 */

/* given_words of n rows from "row" of the row group on, as they were kept. */
static void
kept_words(const uint64_t *given, int64_t row, int n, uint64_t *words)
{
	const uint64_t *from = &given[row / 64];
	int down = (int) (row % 64);

	for (size_t w = 0; w < LH_WORDS(n); w++)
		words[w] = down == 0 ? from[w] : from[w] >> down | from[w + 1] << (64 - down);
	if (n % 64 != 0)
		words[n / 64] &= (UINT64_C(1) << (n % 64)) - 1;
}

void
lh_scan_begin_deletes(LhScan *scan)
{
	const LhScanFile *file = scan->file;
	LhBatch *batch = &scan->batch;
	uint64_t words[LH_BATCH_WORDS];
	bool turned = gives_deleted(scan, file);

	scan->keys_done = file->now.nkeys + file->earlier.nkeys == 0;
	if (scan->shows_deleted)
		lh_sel_none(&scan->dead, batch->n);
	if (!file->has_deletes && !turned)
		return;
	if (!turned && scan->shows_deleted)
	{
		if (file->now.rows != NULL)
			lh_rowset_words(file->now.rows, batch->first_row, batch->n, scan->dead.w);
		return;
	}
	if (scan->group.ranges[scan->group.range].live || (!turned && file->now.rows == NULL))
		return;
	if (scan->group.given != NULL)
		kept_words(scan->group.given, scan->group.row, batch->n, words);
	else
		given_words(scan, batch->first_row, batch->n, words);
	lh_sel_and(&batch->sel, words);
}

/* Bits of the selected rows that keys delete. */
static LhStatus
probe(LhCtx *ctx, LhScan *scan, LhFileDeletes *deletes, const LhSel *sel, uint64_t *hits)
{
	uint64_t some[LH_BATCH_WORDS];

	memset(hits, 0, LH_WORDS(sel->n) * sizeof(*hits));
	for (int i = 0; i < deletes->nkeys && sel->count > 0; i++)
	{
		const LhKeyDeletes *keys = &deletes->keys[i];

		for (int k = 0; k < keys->nids; k++)
		{
			int col = deletes->cols[i][k];

			LH_TRY(lh_scan_read_column(ctx, scan, col));
			deletes->vecs[k] = scan->vec_ptrs[col];
		}
		LH_TRY(lh_deletes_probe(ctx, scan->deletes, keys, deletes->vecs, sel, some));
		for (size_t w = 0; w < LH_WORDS(sel->n); w++)
			hits[w] |= some[w];
	}
	return LH_OK;
}

static void
take_out(LhSel *sel, const uint64_t *words)
{
	for (size_t w = 0; w < LH_WORDS(sel->n); w++)
		sel->w[w] &= ~words[w];
	sel->count = (int) lh_bits_count(sel->w, LH_WORDS(sel->n));
}

/* Of a task that gives deleted rows. */
static LhStatus
probe_turned(LhCtx *ctx, LhScan *scan)
{
	LhScanFile *file = scan->file;
	LhSel *sel = &scan->batch.sel;
	uint64_t hits[LH_BATCH_WORDS], rows[LH_BATCH_WORDS];

	if (file->now.nkeys > 0)
	{
		LH_TRY(probe(ctx, scan, &file->now, sel, hits));
		if (file->now.rows != NULL)
		{
			lh_rowset_words(file->now.rows, scan->batch.first_row, sel->n, rows);
			for (size_t w = 0; w < LH_WORDS(sel->n); w++)
				hits[w] |= rows[w];
		}
		lh_sel_and(sel, hits);
	}
	LH_TRY(probe(ctx, scan, &file->earlier, sel, hits));
	take_out(sel, hits);
	return LH_OK;
}

LhStatus
lh_scan_probe_keys(LhCtx *ctx, LhScan *scan)
{
	LhSel *sel = &scan->batch.sel;
	uint64_t hits[LH_BATCH_WORDS];

	if (scan->keys_done)
		return LH_OK;
	scan->keys_done = true;
	if (gives_deleted(scan, scan->file))
		return probe_turned(ctx, scan);
	LH_TRY(probe(ctx, scan, &scan->file->now, sel, hits));
	if (scan->shows_deleted)
	{
		for (size_t w = 0; w < LH_WORDS(sel->n); w++)
			scan->dead.w[w] |= hits[w];
		return LH_OK;
	}
	LH_COUNT(ctx, ROWS_DELETED_EQUALITY, lh_bits_count(hits, LH_WORDS(sel->n)));
	take_out(sel, hits);
	return LH_OK;
}
