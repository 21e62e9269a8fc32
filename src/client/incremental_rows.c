/*
 * incremental_rows.c
 *		What becomes of rows and events while tables are read beside the stream.
 *
 * Of a table without a key, at any time one of these holds for each sink:
 *
 *	none	it was not given the rows.  Events of a table of an initial snapshot are
 *			dropped: the rows will have them.  Others go out, as they always did.
 *	given	events that the rows' snapshot saw are dropped, until the mark that was
 *			written behind the snapshot has come: nothing older can follow it.
 *
 * After a crash, sinks may differ in that.
 */
#include "client/incremental.h"

#include <stdlib.h>

#define MAX_AGAIN   1000
#define EARLY_MS    500
#define CHUNK_ROWS  10000              /* of a chunk, at most */
#define CHUNK_BYTES ((size_t) 8 << 20) /* and about */

/* Transactions are remembered over lost connections: the stream may not tell of them again. */
LhSeen *
lh_incremental_seen(void)
{
	static LhSeen seen;

	return &seen;
}

/* ---- who holds what ---- */

/* Sinks by names that are the same in every run. */
LhStatus
lh_incremental_name_sinks(LhIncremental *e)
{
	for (int i = 0; i < e->nsinks; i++)
	{
		const LhDeliverySink *s = &e->sinks[i];
		int same = 0;

		for (int k = 0; k < i; k++)
			same += e->sinks[k].format == s->format && strcmp(e->sinks[k].name, s->name) == 0;
		e->sink_names[i] =
			lh_sprintf(e->ctx, "%s=%s#%d", e->client->config.formats[s->format], s->name, same);
		if (e->sink_names[i] == NULL)
			return e->ctx->error->code;
	}
	return LH_OK;
}

static LhStatus
resolve_table(LhIncremental *e, LhIncTable *t, const LhHolder *holders)
{
	bool was_open = t->barrier && t->progress.pending && t->progress.point != 0;
	LhHeld held;

	if (!t->progress.pending)
		return LH_OK;
	LH_TRY(lh_progress_resolve(e->ctx, &t->progress, t->barrier ? LH_BARRIER_END : 1, e->nsinks,
							   holders, &held));
	LH_TRY(lh_incremental_keep(e, t));
	for (int i = 0; i < e->nsinks && was_open && held != LH_HELD_ALL; i++)
	{
		LhChangePos first = {.commit_end = t->progress.point, .ordinal = LH_BARRIER_ORDINAL};

		if (holders[i].known && lh_change_pos_compare(&holders[i].pos, &first) > 0 &&
			!lh_texts_have(&t->progress.holders, holders[i].name))
			lh_log(&e->client->log, LH_LOG_WARNING, "snapshot_again",
				   "sink %s has some rows of tables without keys, which come again",
				   e->sinks[i].name);
	}
	return lh_incremental_note(e, t, NULL, NULL);
}

LhStatus
lh_incremental_resolve(LhIncremental *e)
{
	LhHolder holders[LH_CLIENT_MAX_SINKS];

	for (int i = 0; i < e->nsinks; i++)
		holders[i] = (LhHolder){
			.name = e->sink_names[i], .known = e->sinks[i].known, .pos = e->sinks[i].put};
	for (int i = 0; i < e->ntables; i++)
		LH_TRY(resolve_table(e, &e->tables[i], holders));
	return LH_OK;
}

/* The unit at hand is not for those that hold it already. */
static void
spare_holders(LhIncremental *e, const LhIncTable *t)
{
	for (int i = 0; i < e->nsinks && t->progress.holders.n > 0; i++)
		e->sinks[i].spared = lh_texts_have(&t->progress.holders, e->sink_names[i]);
}

bool
lh_incremental_in_barrier(const LhIncTable *t)
{
	return t->barrier && !t->over && !t->progress.end;
}

bool
lh_incremental_to_close(const LhIncTable *t)
{
	return t->barrier && !t->over && *t->progress.snapshot != '\0' &&
		   (t->progress.end || (t->progress.pending && t->progress.point == 0));
}

/* ---- chunks ---- */

/* The next chunk's size, from what this one's rows have. */
static void
adapt(LhIncremental *e)
{
	LhIncTable *t = e->table;
	size_t rows = lh_window_nrows(e->window);
	int64_t fit;

	if (rows == 0)
		return;
	fit = (int64_t) (CHUNK_BYTES / (lh_window_bytes(e->window) / rows + 1)) + 1;
	if (fit > t->chunk_rows * 4)
		fit = t->chunk_rows * 4;
	t->chunk_rows = fit > CHUNK_ROWS ? CHUNK_ROWS : fit;
}

static void
shrink(LhIncremental *e)
{
	LhIncTable *t = e->table;
	int64_t rows = (int64_t) lh_window_nrows(e->window);

	if (rows > 0 && rows < t->chunk_rows)
		t->chunk_rows = rows;
	if (t->chunk_rows > 1)
		t->chunk_rows /= 2;
}

/* Keys that a crash left to be read again, as the window wants them. */
static LhStatus
exceptions(LhIncremental *e, const LhTexts *keys, LhSlice **out)
{
	LH_NEW_ARRAY(e->ctx, *out, (size_t) keys->n + 1);
	for (int i = 0; i < keys->n; i++)
		(*out)[i] = lh_slice(keys->v[i], strlen(keys->v[i]));
	return LH_OK;
}

/* Keys of rows to be read again, and how many rows go out. */
static LhStatus
gather(LhIncremental *e, LhTexts *again, size_t *goes)
{
	size_t nagain = 0;

	*goes = 0;
	for (size_t i = 0; i < lh_window_nrows(e->window); i++)
	{
		const LhHeldRow *row = lh_window_row(e->window, i);

		*goes += row->verdict == LH_ROW_GOES;
		if (row->verdict != LH_ROW_AGAIN || ++nagain > MAX_AGAIN)
			continue;
		for (int k = 0; k < e->table->columns.n; k++)
			LH_TRY(lh_texts_add(e->ctx, again, (const char *) row->keys[k].data));
	}
	e->again = nagain > MAX_AGAIN ? -1 : (int) nagain;
	return LH_OK;
}

/* Into the stream where the mark stands. */
static LhStatus
put_rows(LhIncremental *e, const LhChangePos *pos)
{
	LhStatus status = LH_OK;

	LH_TRY(lh_delivery_unit_begin(e->ctx, e->delivery, pos));
	spare_holders(e, e->table);
	for (size_t i = 0; i < lh_window_nrows(e->window) && status == LH_OK; i++)
	{
		const LhHeldRow *row = lh_window_row(e->window, i);

		e->drop = row->verdict != LH_ROW_GOES;
		if (!e->drop || row->names)
			status = lh_delivery_unit_rows(e->ctx, e->delivery, row->batch);
	}
	e->drop = false;
	LH_TRY(status);
	return lh_delivery_unit_end(e->ctx, e->delivery, false);
}

/* All rows have their verdicts.  *put false: no sink was given anything. */
static LhStatus
take_chunk(LhIncremental *e, const LhChangePos *pos, bool *put)
{
	LhIncTable *t = e->table;
	LhProgress *p = &t->progress;
	bool partial = p->pending;
	LhTexts again = {0};
	size_t goes;

	LH_TRY(gather(e, &again, &goes));
	if (e->again < 0 || (partial && e->again > 0))
	{
		if (!partial)
			shrink(e);
		lh_incremental_anew(e, 0);
		return LH_OK;
	}
	adapt(e);
	if (!partial)
	{
		p->next_end = p->end || e->last_chunk;
		p->next = p->end ? p->last : e->upper;
		if (p->next_end && !p->end)
			p->next = p->last;
		p->next_again = again;
	}
	p->pending = true;
	p->point = pos->commit_end;
	t->chunks++;
	t->rows += (int64_t) goes;
	*put = goes > 0;
	if (!*put)
		lh_progress_advance(p);
	LH_TRY(lh_incremental_keep(e, t));
	return *put ? lh_incremental_note(e, t, NULL, NULL) : LH_OK;
}

LhStatus
lh_incremental_high(LhIncremental *e, const LhChangePos *pos)
{
	LhIncTable *t = e->table;
	bool was_pending = t->progress.pending, put = false;
	LhArena *old = lh_use(e->ctx, e->work);
	LhSlice *except = NULL;
	LhOutcome outcome = LH_WINDOW_VOID;
	LhStatus status = exceptions(e, was_pending ? &t->progress.next_again : &(LhTexts){0}, &except);

	if (status == LH_OK)
		status = lh_window_decide(e->ctx, e->window, &e->snapshot, lh_incremental_seen(),
								  was_pending ? t->progress.next_again.n / t->columns.n : 0, except,
								  &outcome);
	if (status == LH_OK && outcome == LH_WINDOW_GOOD)
		status = take_chunk(e, pos, &put);
	else if (status == LH_OK && outcome == LH_WINDOW_KEYLESS)
	{
		t->barrier = true;
		t->progress = (LhProgress){.snapshot = ""};
		status = lh_incremental_note(e, t, "waiting", NULL);
	}
	lh_use(e->ctx, old);
	if (status != LH_OK)
	{
		/* the note may be there or not: nobody may pass this place before it is known */
		e->retry = true;
		return status;
	}
	if (put)
	{
		LH_TRY(put_rows(e, pos));
		e->step = LH_STEP_DURABLE;
		lh_window_end(e->window);
		return LH_OK;
	}
	if (outcome == LH_WINDOW_VOID && !was_pending)
		shrink(e);
	if (e->step == LH_STEP_AWAIT)
		lh_incremental_anew(e, outcome == LH_WINDOW_EARLY ? EARLY_MS : 0);
	return LH_OK;
}

/* ---- tables without keys ---- */

static LhIncTable *
next_table(LhIncremental *e, LhIncTable *after)
{
	for (LhIncTable *t = after == NULL ? e->tables : after + 1; t < e->tables + e->ntables; t++)
	{
		if (lh_incremental_in_barrier(t))
			return t;
	}
	return NULL;
}

/* Before anything is put: from here on the rows may be in a sink. */
static LhStatus
note_barrier(LhIncremental *e)
{
	for (LhIncTable *t = next_table(e, NULL); t != NULL; t = next_table(e, t))
	{
		LhProgress *p = &t->progress;

		p->pending = p->next_end = true;
		p->point = e->low_end;
		p->snapshot = e->snapshot_text;
		t->chunks++;
		LH_TRY(lh_incremental_keep(e, t));
		LH_TRY(lh_incremental_note(e, t, "reading", NULL));
	}
	return LH_OK;
}

/* The batch has a table's names, which the rows behind it need in every unit. */
static bool
has_names(LhSlice batch)
{
	const size_t kind = LH_FRAME_BATCH_HEAD + 4;

	return batch.len > kind && batch.data[kind] == LH_CHANGE_SCHEMA;
}

/* Rows that are held become a unit of their table. */
static LhStatus
put_unit(LhIncremental *e)
{
	LhChangePos pos = {.commit_end = e->low_end, .ordinal = LH_BARRIER_ORDINAL + ++e->unit};
	size_t n = lh_window_nrows(e->window);

	LH_TRY(lh_delivery_unit_begin(e->ctx, e->delivery, &pos));
	spare_holders(e, e->table);
	if (e->names.len > 0)
	{
		LhStatus status;

		e->drop = true;
		status = lh_delivery_unit_rows(e->ctx, e->delivery, lh_slice(e->names.data, e->names.len));
		e->drop = false;
		LH_TRY(status);
	}
	for (size_t i = 0; i < n; i++)
	{
		LhSlice batch = lh_window_row(e->window, i)->batch;

		if (has_names(batch))
		{
			e->names.len = 0;
			LH_TRY(lh_buf_append(e->ctx, &e->names, batch.data, batch.len));
		}
		LH_TRY(lh_delivery_unit_rows(e->ctx, e->delivery, batch));
	}
	e->table->rows += (int64_t) n;
	lh_window_end(e->window);
	e->full = false;
	return lh_delivery_unit_end(e->ctx, e->delivery, false);
}

/* Until there are as many rows as fit, or all of the table. */
static LhStatus
fill(LhIncremental *e)
{
	while (e->step == LH_STEP_ROWS && !e->full)
		LH_TRY(lh_incremental_pump(e, true));
	return LH_OK;
}

/* The table's rows to its end, some of which are held already. */
static LhStatus
put_table(LhIncremental *e)
{
	e->names.len = 0;
	for (;;)
	{
		LH_TRY(fill(e));
		if (e->step != LH_STEP_ROWS && e->step != LH_STEP_READ)
			LH_FAIL(e->ctx, LH_IO, "table %s.%s could not be read to its end", e->table->schema,
					e->table->name);
		LH_TRY(put_unit(e));
		if (e->step == LH_STEP_READ)
			return LH_OK;
	}
}

static LhStatus
put_tables(LhIncremental *e)
{
	LhChangePos end = {.commit_end = e->low_end, .ordinal = LH_BARRIER_END};

	LH_TRY(note_barrier(e));
	for (;;)
	{
		LhIncTable *next;

		LH_TRY(put_table(e));
		next = next_table(e, e->table);
		if (next == NULL)
			break;
		e->table = next;
		LH_TRY(lh_incremental_send(e, LH_STEP_ROWS));
	}
	e->delivered = true;
	/* a place of its own: who is there has all of it */
	LH_TRY(lh_delivery_unit_begin(e->ctx, e->delivery, &end));
	return lh_delivery_unit_end(e->ctx, e->delivery, true);
}

/*
 * The first of the tables is being read, or was; its mark is behind us in the stream,
 * which waits from here on.
 */
LhStatus
lh_incremental_barrier(LhIncremental *e)
{
	LhArena *old = lh_use(e->ctx, e->work);
	LhStatus status = LH_OK;

	while (status == LH_OK && e->step >= LH_STEP_LOW && e->step < LH_STEP_ROWS)
		status = lh_incremental_pump(e, true);
	if (status == LH_OK)
		status = fill(e);
	if (status == LH_OK && e->step != LH_STEP_ROWS && e->step != LH_STEP_READ)
	{
		/* lost or refused, which is dealt with; nothing was put */
		lh_use(e->ctx, old);
		return LH_OK;
	}
	if (status == LH_OK && lh_seen_before(lh_incremental_seen(), e->seen_at_low, &e->snapshot))
	{
		lh_use(e->ctx, old);
		lh_incremental_anew(e, EARLY_MS);
		return LH_OK;
	}
	if (status == LH_OK)
		status = put_tables(e);
	lh_use(e->ctx, old);
	/* some of it may be in sinks: they say what, in the next attempt */
	e->retry = status != LH_OK && !lh_delivery_state(e->delivery)->sink_failed;
	return status;
}

/* ---- events of the stream ---- */

static int
compare_relids(const void *a, const void *b)
{
	const LhIncRelid *x = a, *y = b;

	return x->relid != y->relid ? (x->relid > y->relid) - (x->relid < y->relid)
								: (x->table > y->table) - (x->table < y->table);
}

/* In e->tables_arena. */
LhStatus
lh_incremental_index(LhIncremental *e)
{
	size_t n = 0;

	for (int i = 0; i < e->ntables; i++)
		n += (size_t) e->tables[i].nrelids;
	LH_NEW_ARRAY(e->ctx, e->relids, n + 1);
	e->nrelids = 0;
	for (int i = 0; i < e->ntables; i++)
	{
		for (int k = 0; k < e->tables[i].nrelids; k++)
			e->relids[e->nrelids++] = (LhIncRelid){e->tables[i].relids[k], &e->tables[i]};
	}
	qsort(e->relids, e->nrelids, sizeof(*e->relids), compare_relids);
	return LH_OK;
}

static const LhIncRelid *
find_relid(const LhIncremental *e, uint32_t relid)
{
	size_t low = 0, high = e->nrelids;

	while (low < high)
	{
		size_t middle = (low + high) / 2;

		if (e->relids[middle].relid < relid)
			low = middle + 1;
		else
			high = middle;
	}
	return low < e->nrelids && e->relids[low].relid == relid ? &e->relids[low] : NULL;
}

/* Did the rows of the table have what a transaction did? */
static LhStatus
rows_have(LhIncremental *e, const LhProgress *p, uint32_t xid, bool *have)
{
	LhArena *old;
	LhStatus status = LH_OK;

	*have = false;
	if (*p->snapshot == '\0' || xid == 0)
		return LH_OK;
	if (e->filter_text == NULL || strcmp(e->filter_text, p->snapshot) != 0)
	{
		lh_arena_reset(e->filter_arena);
		old = lh_use(e->ctx, e->filter_arena);
		status = lh_xids_parse(e->ctx, p->snapshot, &e->filter);
		e->filter_text = status == LH_OK ? lh_strdup(e->ctx, p->snapshot) : NULL;
		lh_use(e->ctx, old);
		if (e->filter_text == NULL)
			return e->ctx->error->code;
	}
	*have = lh_xids_see(&e->filter, xid);
	return LH_OK;
}

/* An event of a table without a key: which sinks is it not for? */
static LhStatus
filter(LhIncremental *e, const LhIncTable *t, const LhFrame *f, bool *drop)
{
	const LhProgress *p = &t->progress;
	/* the rows are given to all, or in this run to those who lacked them */
	bool given = p->end || (p->pending && p->point != 0), have;

	LH_TRY(rows_have(e, p, f->pos.xid, &have));
	for (int i = 0; i < e->nsinks && p->holders.n > 0; i++)
	{
		if (lh_texts_have(&p->holders, e->sink_names[i]))
			e->sinks[i].spared = !given && have;
		else
			e->sinks[i].spared = given ? have : t->planned;
	}
	if (p->holders.n == 0)
		*drop = given ? have : t->planned;
	return LH_OK;
}

/* A row went to another key, and the event has not all of it: a chunk that was read may lack it. */
static LhStatus
note_moved(LhIncremental *e, LhIncTable *t)
{
	LhStatus status;

	if (t->barrier || !t->reading || t->over || t->progress.moved)
		return LH_OK;
	t->progress.moved = true;
	status = lh_incremental_note(e, t, NULL, NULL);
	e->retry = status != LH_OK;
	return status;
}

LhStatus
lh_incremental_row(LhIncremental *e, const LhFrame *f, bool *drop)
{
	const uint8_t both = LH_FRAME_INCOMPLETE | LH_FRAME_KEY_CHANGED;
	const LhIncRelid *r = find_relid(e, f->relid);

	lh_seen_add(lh_incremental_seen(), f->pos.xid);
	if (r == NULL)
		return LH_OK;
	if (!e->barrier)
		LH_TRY(lh_window_event(e->ctx, e->window, f));
	for (; r < e->relids + e->nrelids && r->relid == f->relid; r++)
	{
		if (r->table->barrier && !r->table->over)
			return filter(e, r->table, f, drop);
		if ((f->flags & both) == both)
			LH_TRY(note_moved(e, r->table));
	}
	return LH_OK;
}
