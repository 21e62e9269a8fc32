/*
 * reader.c
 *		Rows of a source, one at a time.
 *
 *	1. Start opens the location, binds columns and evaluates parameters.
 *	2. The rows of a batch are emitted in windows: all of them, unless their
 *	   text is so large that the copies would take more than their share of
 *	   work_mem.
 *	3. Next copies the values of one row.
 */
#include "pg/bridge/reader.h"
#include "pg/bridge/members.h"
#include "pg/util/features.h"

#include "access/sysattr.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "utils/memutils.h"

/* Copies of text may take this part of work_mem, but each column this much at least. */
#define TEXT_SHARE 4
#define TEXT_LEAST ((size_t) 64 * 1024)

/* ---- errors that quote values ---- */

bool
lh_source_hides(const LhSource *s)
{
	return OidIsValid(s->relid) && lh_features.under_policy != NULL && lh_features.under_policy(s->relid);
}

/* Another error in its place: what was said with it cannot be taken back. */
static void
hide_error(void *arg)
{
	static bool hiding = false;
	const LhHiddenErrors *errors = arg;
	int			category = ERRCODE_TO_CATEGORY(geterrcode());
	int			code = geterrcode();

	if (hiding || (category != ERRCODE_DATA_EXCEPTION && category != ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION &&
				   category != ERRCODE_TO_CATEGORY(ERRCODE_PLPGSQL_ERROR)))
		return;
	hiding = true;
	PG_TRY();
	{
		ereport(ERROR,
				(errcode(code),
				 errmsg("a value in the files of foreign table \"%s\" does not fit its column", errors->source->relname),
				 errdetail("The message is hidden by a policy, as it may have the value.")));
	}
	PG_FINALLY();
	{
		hiding = false;
	}
	PG_END_TRY();
}

void
lh_hidden_errors_push(LhHiddenErrors *errors, const LhSource *s)
{
	errors->source = s;
	errors->callback.callback = hide_error;
	errors->callback.arg = errors;
	errors->callback.previous = error_context_stack;
	error_context_stack = &errors->callback;
}

void
lh_hidden_errors_pop(const LhHiddenErrors *errors)
{
	error_context_stack = errors->callback.previous;
}

/* ---- start ---- */

/* The column of an attribute: there already, or new. */
static LhReaderColumn *
get_column(LhReader *r, AttrNumber attno)
{
	LhReaderColumn *c;

	for (int i = 0; i < r->ncolumns; i++)
	{
		if (r->columns[i].attno == attno)
			return &r->columns[i];
	}
	c = &r->columns[r->ncolumns++];
	c->attno = attno;
	c->place = attno - 1;
	c->values = palloc(sizeof(Datum) * LH_BATCH);
	c->nulls = palloc(sizeof(bool) * LH_BATCH);
	return c;
}

/* Emit an attribute from now on. */
static void
add_column(LhReader *r, AttrNumber attno)
{
	LhSource   *s = r->source;
	Form_pg_attribute att = TupleDescAttr(s->desc, attno - 1);
	LhReaderColumn *c = get_column(r, attno);

	if (c->emitter != NULL)
		return;
	c->members = NULL;			/* the whole holds them */
	c->col = lh_source_column(s, attno, false);
	c->notnull = att->attnotnull;
	c->emitter = lh_emitter_create(s->ctx, s->mcxt, NameStr(att->attname), att->atttypid, att->atttypmod,
								   &s->options.emit);
}

/* Emit these members of composite attributes, too; whole ones where that cannot be. */
static void
add_members(LhReader *r, List *paths)
{
	LhSource   *s = r->source;
	ListCell   *lc,
			   *other;

	paths = list_difference(paths, r->members);
	r->members = list_concat(r->members, paths);
	foreach(lc, paths)
	{
		AttrNumber	attno = (AttrNumber) linitial_int(lfirst(lc));
		LhReaderColumn *c = get_column(r, attno);
		List	   *all = NIL;

		if (c->emitter != NULL)
			continue;
		foreach(other, r->members)
		{
			if (linitial_int(lfirst(other)) == attno)
				all = lappend(all, lfirst(other));
		}
		c->members = lh_members_create(s, attno, all);
		if (c->members == NULL)
			add_column(r, attno);
	}
}

/* Predicates with the parameters of now; clauses that the engine refuses get their columns. */
static void
push_clauses(LhReader *r, ExprContext *econtext, PlanState *parent)
{
	Bitmapset  *attrs = NULL;
	List	   *paths = NIL;
	int			i = -1;

	r->refused = NIL;
	if (r->clauses == NIL)
		return;
	r->refused = lh_source_filters(r->source, r->clauses, r->rti, econtext, parent);
	if (r->refused == NIL)
		return;
	if (lakehouse_require_vector)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a condition on \"%s\" is not evaluated by the vector engine: %s",
						r->source->relname, r->source->refusal),
				 errhint("lakehouse.require_vector makes this an error.")));
	lh_member_uses((Node *) r->refused, r->rti, &attrs, &paths);
	while ((i = bms_next_member(attrs, i)) >= 0)
	{
		AttrNumber	attno = (AttrNumber) (i + FirstLowInvalidHeapAttributeNumber);

		if (attno > 0)
			add_column(r, attno);
	}
	add_members(r, paths);
}

LhReader *
lh_reader_start(LhSource *source, List *attnos, List *clauses, Index rti, ExprContext *econtext,
				PlanState *parent)
{
	MemoryContext old = MemoryContextSwitchTo(source->mcxt);
	LhReader   *r = palloc0(sizeof(LhReader));
	ListCell   *lc;

	r->source = source;
	r->clauses = clauses;
	r->rti = rti;
	r->columns = palloc0(sizeof(LhReaderColumn) * Max(source->desc->natts, 1));
	r->hides = lh_source_hides(source);
	r->batch_mcxt = AllocSetContextCreate(source->mcxt, "lakehouse batch", ALLOCSET_DEFAULT_SIZES);
	lh_source_open(source);
	foreach(lc, attnos)
		add_column(r, (AttrNumber) lfirst_int(lc));
	add_members(r, source->wanted_members);
	push_clauses(r, econtext, parent);
	MemoryContextSwitchTo(old);
	return r;
}

void
lh_reader_add(LhReader *r, AttrNumber attno)
{
	MemoryContext old = MemoryContextSwitchTo(r->source->mcxt);

	add_column(r, attno);
	MemoryContextSwitchTo(old);
}

/* ---- batches ---- */

/* How many of the n rows make at most "most" bytes of text in this vector; one at least. */
static int
rows_within(const LhVec *vec, const uint32_t *rows, int n, size_t most)
{
	const LhStr *v = vec->data;
	size_t		bytes = 0;

	if (vec->kind != LH_VEC_FLAT || vec->type.lane != LH_LANE_STR)
		return n;
	for (int k = 0; k < n; k++)
	{
		if (!lh_vec_is_null(vec, (int) rows[k]))
			bytes += v[rows[k]].len;
		if (unlikely(bytes > most))
			return Max(k, 1);
	}
	return n;
}

static int
column_within(const LhReader *r, const LhReaderColumn *c, const uint32_t *rows, int n, size_t most)
{
	const int  *cols = &c->col;
	int			ncols = c->members != NULL ? lh_members_columns(c->members, &cols) : 1;

	for (int i = 0; i < ncols; i++)
		n = rows_within(r->batch->vecs[cols[i]], rows, n, most);
	return n;
}

/* The first null of n values of a NOT NULL column; rows: of the batch. */
static void
fail_null(const LhReader *r, const LhReaderColumn *c, const uint32_t *rows, int n)
{
	int			k = (int) ((const bool *) memchr(c->nulls, true, n) - c->nulls);

	ereport(ERROR,
			(errcode(ERRCODE_NOT_NULL_VIOLATION),
			 errmsg("null value in column \"%s\" of \"%s\" violates not-null constraint",
					NameStr(TupleDescAttr(r->source->desc, c->attno - 1)->attname), r->source->relname),
			 errdetail("File \"%s\", row " INT64_FORMAT ".", lh_pg_text(r->batch->task->path),
					   r->batch->first_row + rows[k] + 1),
			 errhint("Drop the constraint, or do not let out_of_range turn values into null.")));
}

/* Values of the next window of the batch's rows. */
static void
emit_window(LhReader *r)
{
	const LhBatch *batch = r->batch;
	int			n = r->nrows - r->emitted;
	const uint32_t *rows = r->rows + r->emitted;
	size_t		most = (size_t) work_mem * 1024 / TEXT_SHARE / Max(r->ncolumns, 1);

	MemoryContextReset(r->batch_mcxt);
	for (int i = 0; i < r->ncolumns; i++)
		n = column_within(r, &r->columns[i], rows, n, Max(most, TEXT_LEAST));
	for (int i = 0; i < r->ncolumns; i++)
	{
		LhReaderColumn *c = &r->columns[i];
		const uint32_t *some = n == batch->n ? NULL : rows;

		if (c->members != NULL)
			lh_members_emit(c->members, batch, some, n, r->batch_mcxt, c->values, c->nulls);
		else
			lh_emit_rows(c->emitter, batch->vecs[c->col], some, n, r->batch_mcxt, c->values, c->nulls);
		c->any_null = memchr(c->nulls, true, n) != NULL;
		if (c->notnull && c->any_null)
			fail_null(r, c, rows, n);
	}
	r->first = r->emitted;
	r->emitted += n;
}

/* False at the end. */
static bool
next_batch(LhReader *r)
{
	const LhBatch *batch = lh_source_next(r->source);
	uint16_t	rows[LH_BATCH];

	r->batch = batch;
	r->nrows = r->emitted = r->first = r->next = 0;
	if (batch == NULL)
		return false;
	r->nrows = lh_sel_rows(&batch->sel, rows);
	for (int k = 0; k < r->nrows; k++)
		r->rows[k] = rows[k];
	for (int i = 0; i < r->ncolumns; i++)
	{
		LhReaderColumn *c = &r->columns[i];

		if (c->members != NULL)
			lh_members_place(c->members, batch->task->path, batch->first_row);
		else
			lh_emitter_place(c->emitter, batch->task->path, batch->first_row);
	}
	return true;
}

static bool
fill(LhReader *r)
{
	while (r->emitted >= r->nrows)
	{
		if (!next_batch(r))
		{
			r->done = true;
			return false;
		}
	}
	emit_window(r);
	lh_source_notice(r->source);
	return true;
}

bool
lh_reader_fill(LhReader *r)
{
	LhHiddenErrors errors;
	bool		filled;

	if (r->next < r->emitted)
		return true;
	if (r->done)
		return false;
	if (likely(!r->hides))
		return fill(r);
	lh_hidden_errors_push(&errors, r->source);
	filled = fill(r);
	lh_hidden_errors_pop(&errors);
	return filled;
}

bool
lh_reader_next(LhReader *r, Datum *values, bool *nulls)
{
	int			k;

	if (unlikely(r->next >= r->emitted) && !lh_reader_fill(r))
		return false;
	k = r->next++ - r->first;
	for (int i = 0; i < r->ncolumns; i++)
	{
		const LhReaderColumn *c = &r->columns[i];

		values[c->place] = c->values[k];
		nulls[c->place] = c->nulls[k];
	}
	return true;
}

void
lh_reader_rewind(LhReader *r, ExprContext *econtext, PlanState *parent)
{
	if (parent != NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(r->source->mcxt);

		push_clauses(r, econtext, parent);
		MemoryContextSwitchTo(old);
	}
	lh_source_rewind(r->source);
	r->batch = NULL;
	r->nrows = r->emitted = r->first = r->next = 0;
	r->done = false;
}
