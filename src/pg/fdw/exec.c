/*
 * exec.c
 *		Scans of rows: batches from the source, values column by column, tuples
 *		one at a time.
 *
 *	1. Begin reads names and options only.  The location is opened, columns are
 *	   bound and parameters evaluated when the first row is asked for, so that
 *	   a node which never runs touches no file.
 *	2. The rows of a batch are emitted in windows: all of them, unless their
 *	   text is so large that the copies would take more than their share of
 *	   work_mem.
 *	3. Iterate copies the values of one row into the slot.
 *
 * A pushed clause that the engine refuses, because a file holds another type
 * than declared, is evaluated here on the emitted row.
 */
#include "pg/fdw/fdw.h"

#include "access/sysattr.h"
#include "executor/executor.h"
#include "executor/instrument.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "utils/memutils.h"
#include "utils/rel.h"

/* Copies of text may take this part of work_mem, but each column this much at least. */
#define TEXT_SHARE 4
#define TEXT_LEAST ((size_t) 64 * 1024)

void
lh_fdw_begin(ForeignScanState *node, int eflags)
{
	ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;
	LhFdwScan  *scan = palloc0(sizeof(LhFdwScan));
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;

	node->fdw_state = scan;
	scan->source = lh_source_create(RelationGetRelid(node->ss.ss_currentRelation),
									node->ss.ps.state->es_query_cxt);
	scan->clauses = plan->fdw_exprs;

	/* columns that nobody needs stay null */
	memset(slot->tts_values, 0, sizeof(Datum) * slot->tts_tupleDescriptor->natts);
	memset(slot->tts_isnull, true, sizeof(bool) * slot->tts_tupleDescriptor->natts);
}

/* ---- start ---- */

/* Emit an attribute from now on. */
static void
add_column(LhFdwScan *scan, AttrNumber attno)
{
	LhSource   *s = scan->source;
	Form_pg_attribute att = TupleDescAttr(s->desc, attno - 1);
	LhFdwColumn *c;

	for (int i = 0; i < scan->ncolumns; i++)
	{
		if (scan->columns[i].attno == attno)
			return;
	}
	c = &scan->columns[scan->ncolumns++];
	c->attno = attno;
	c->col = lh_source_column(s, attno, false);
	c->notnull = att->attnotnull;
	c->emitter = lh_emitter_create(s->ctx, s->mcxt, NameStr(att->attname), att->atttypid, att->atttypmod,
								   &s->options.emit);
	c->values = palloc(sizeof(Datum) * LH_BATCH);
	c->nulls = palloc(sizeof(bool) * LH_BATCH);
}

/* Predicates with the parameters of now; refused clauses get their columns and an ExprState. */
static void
build_filters(ForeignScanState *node, LhFdwScan *scan)
{
	Index		rti = ((ForeignScan *) node->ss.ps.plan)->scan.scanrelid;
	Bitmapset  *attrs = NULL;
	int			i = -1;

	scan->local = NULL;
	scan->local_clauses = NIL;
	if (scan->clauses == NIL)
		return;
	scan->local_clauses = lh_source_filters(scan->source, scan->clauses, rti, node->ss.ps.ps_ExprContext,
											&node->ss.ps);
	if (scan->local_clauses == NIL)
		return;
	if (lakehouse_require_vector)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a condition on \"%s\" is not evaluated by the vector engine: %s",
						scan->source->relname, scan->source->refusal),
				 errhint("lakehouse.require_vector makes this an error.")));
	pull_varattnos((Node *) scan->local_clauses, rti, &attrs);
	while ((i = bms_next_member(attrs, i)) >= 0)
	{
		AttrNumber	attno = (AttrNumber) (i + FirstLowInvalidHeapAttributeNumber);

		if (attno > 0)
			add_column(scan, attno);
	}
	scan->local = ExecInitQual(scan->local_clauses, &node->ss.ps);
}

static void
start(ForeignScanState *node, LhFdwScan *scan)
{
	ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;
	LhSource   *s = scan->source;
	MemoryContext old = MemoryContextSwitchTo(s->mcxt);
	ListCell   *lc;

	lh_source_open(s);
	scan->columns = palloc0(sizeof(LhFdwColumn) * Max(s->desc->natts, 1));
	scan->batch_mcxt = AllocSetContextCreate(s->mcxt, "lakehouse batch", ALLOCSET_DEFAULT_SIZES);
	foreach(lc, (List *) list_nth(plan->fdw_private, LH_FDW_ATTRS))
		add_column(scan, (AttrNumber) lfirst_int(lc));
	build_filters(node, scan);
	scan->started = true;
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

static void
fail_null(const LhFdwScan *scan, const LhFdwColumn *c)
{
	ereport(ERROR,
			(errcode(ERRCODE_NOT_NULL_VIOLATION),
			 errmsg("null value in column \"%s\" of \"%s\" violates not-null constraint",
					NameStr(TupleDescAttr(scan->source->desc, c->attno - 1)->attname), scan->source->relname),
			 errdetail("File \"%s\".", lh_pg_text(scan->batch->task->path)),
			 errhint("Drop the constraint, or do not let out_of_range turn values into null.")));
}

/* Values of the next window of the batch's rows. */
static void
emit_window(LhFdwScan *scan)
{
	const LhBatch *batch = scan->batch;
	int			n = scan->nrows - scan->emitted;
	const uint32_t *rows = scan->rows + scan->emitted;
	size_t		most = (size_t) work_mem * 1024 / TEXT_SHARE / Max(scan->ncolumns, 1);

	MemoryContextReset(scan->batch_mcxt);
	for (int i = 0; i < scan->ncolumns; i++)
		n = rows_within(batch->vecs[scan->columns[i].col], rows, n, Max(most, TEXT_LEAST));
	for (int i = 0; i < scan->ncolumns; i++)
	{
		LhFdwColumn *c = &scan->columns[i];
		bool		dense = n == batch->n;

		lh_emit_rows(c->emitter, batch->vecs[c->col], dense ? NULL : rows, n, scan->batch_mcxt,
					 c->values, c->nulls);
		if (c->notnull && memchr(c->nulls, true, n) != NULL)
			fail_null(scan, c);
	}
	scan->first = scan->emitted;
	scan->emitted += n;
}

/* False at the end. */
static bool
next_batch(LhFdwScan *scan)
{
	const LhBatch *batch = lh_source_next(scan->source);
	uint16_t	rows[LH_BATCH];

	scan->batch = batch;
	scan->nrows = scan->emitted = scan->first = scan->next = 0;
	if (batch == NULL)
		return false;
	scan->nrows = lh_sel_rows(&batch->sel, rows);
	for (int k = 0; k < scan->nrows; k++)
		scan->rows[k] = rows[k];
	for (int i = 0; i < scan->ncolumns; i++)
		lh_emitter_place(scan->columns[i].emitter, batch->task->path, batch->first_row);
	return true;
}

/* Make rows available from scan->next on; false at the end. */
static bool
fill(ForeignScanState *node, LhFdwScan *scan)
{
	if (!scan->started)
		start(node, scan);
	else if (scan->done)
		return false;
	while (scan->emitted >= scan->nrows)
	{
		if (!next_batch(scan))
		{
			scan->done = true;
			return false;
		}
	}
	emit_window(scan);
	lh_source_notice(scan->source);
	return true;
}

TupleTableSlot *
lh_fdw_iterate(ForeignScanState *node)
{
	LhFdwScan  *scan = node->fdw_state;
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;
	ExprContext *econtext;

	for (;;)
	{
		int			k;

		ExecClearTuple(slot);
		if (unlikely(scan->next >= scan->emitted) && !fill(node, scan))
			return slot;
		k = scan->next++ - scan->first;
		for (int i = 0; i < scan->ncolumns; i++)
		{
			const LhFdwColumn *c = &scan->columns[i];

			slot->tts_values[c->attno - 1] = c->values[k];
			slot->tts_isnull[c->attno - 1] = c->nulls[k];
		}
		ExecStoreVirtualTuple(slot);
		if (likely(scan->local == NULL))
			return slot;
		econtext = node->ss.ps.ps_ExprContext;
		ResetExprContext(econtext);
		econtext->ecxt_scantuple = slot;
		if (ExecQual(scan->local, econtext))
			return slot;
		InstrCountFiltered1(node, 1);
	}
}

/* ---- again, and the end ---- */

void
lh_fdw_rescan(ForeignScanState *node)
{
	LhFdwScan  *scan = node->fdw_state;
	MemoryContext old;

	if (!scan->started)
		return;
	if (node->ss.ps.chgParam != NULL)
	{
		old = MemoryContextSwitchTo(scan->source->mcxt);
		build_filters(node, scan);
		MemoryContextSwitchTo(old);
	}
	lh_source_rewind(scan->source);
	scan->batch = NULL;
	scan->nrows = scan->emitted = scan->first = scan->next = 0;
	scan->done = false;
}

void
lh_fdw_end(ForeignScanState *node)
{
	LhFdwScan  *scan = node->fdw_state;

	if (scan == NULL)
		return;
	ExecClearTuple(node->ss.ss_ScanTupleSlot);
	MemoryContextDelete(scan->source->mcxt);
	node->fdw_state = NULL;
}
