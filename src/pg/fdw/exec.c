/*
 * exec.c
 *		Scans of rows: the reader's windows of values as tuples, one at a time.
 *
 * Begin reads names and options only.  The location is opened, columns are
 * bound and parameters evaluated when the first row is asked for, so that a
 * node which never runs touches no file.
 *
 * A pushed clause that the engine refuses, because a file holds another type
 * than declared, is evaluated here on the emitted row.
 *
 * A plan that relies on the order that metadata says gets its rows in this order, whatever became of the files since:
 * where metadata says it no more, all rows are sorted here before the first is returned.
 *
 * The row is the table's, or, with fdw_scan_tlist, just the columns that the plan
 * wants (plan.c).  The reader knows attributes of the table only: "places" says
 * where they go, and clauses are translated.
 */
#include "pg/fdw/fdw.h"

#include "executor/executor.h"
#include "executor/instrument.h"
#include "nodes/nodeFuncs.h"
#include "utils/memutils.h"
#include "utils/rel.h"

/* Columns of the scan's tuple as Vars of the table. */
static Node *
to_table(Node *node, List *scan_tlist)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, Var) && ((Var *) node)->varno == INDEX_VAR)
		return copyObject((Node *) list_nth_node(TargetEntry, scan_tlist, ((Var *) node)->varattno - 1)->expr);
	return expression_tree_mutator(node, to_table, scan_tlist);
}

/* Vars of the table as columns of the scan's tuple. */
static Node *
to_slot(Node *node, int *places)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, Var) && ((Var *) node)->varattno > 0)
	{
		Var		   *var = copyObject((Var *) node);

		var->varattno = (AttrNumber) (places[var->varattno - 1] + 1);
		return (Node *) var;
	}
	return expression_tree_mutator(node, to_slot, places);
}

static void
find_places(LhFdwScan *scan, ForeignScan *plan)
{
	int			natts = scan->source->desc->natts;
	ListCell   *lc;

	scan->clauses = plan->fdw_exprs;
	scan->places = palloc(sizeof(int) * Max(natts, 1));
	for (int i = 0; i < natts; i++)
		scan->places[i] = plan->fdw_scan_tlist == NIL && i < scan->slot_natts ? i : -1;
	if (plan->fdw_scan_tlist == NIL)
		return;
	foreach(lc, plan->fdw_scan_tlist)
		scan->places[castNode(Var, lfirst_node(TargetEntry, lc)->expr)->varattno - 1] = foreach_current_index(lc);
	scan->clauses = (List *) to_table((Node *) plan->fdw_exprs, plan->fdw_scan_tlist);
}

static List *
sorted_columns(const ForeignScanState *node)
{
	return list_nth(((ForeignScan *) node->ss.ps.plan)->fdw_private, LH_FDW_SORTED);
}

void
lh_fdw_begin(ForeignScanState *node)
{
	LhFdwScan  *scan = palloc0(sizeof(LhFdwScan));
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;

	node->fdw_state = scan;
	scan->source = lh_source_create(RelationGetRelid(node->ss.ss_currentRelation),
									node->ss.ps.state->es_query_cxt);
	scan->source->estate = node->ss.ps.state;
	scan->slot_natts = slot->tts_tupleDescriptor->natts;
	find_places(scan, (ForeignScan *) node->ss.ps.plan);
	scan->source->wanted_members = list_nth(((ForeignScan *) node->ss.ps.plan)->fdw_private, LH_FDW_MEMBERS);

	/* columns that nobody needs stay null */
	memset(slot->tts_values, 0, sizeof(Datum) * slot->tts_tupleDescriptor->natts);
	memset(slot->tts_isnull, true, sizeof(bool) * slot->tts_tupleDescriptor->natts);
	scan->by_metadata = lh_sorted_by_metadata(sorted_columns(node));
	/* what is evaluated once a dictionary entry needs the batch that a row came from: rows that are sorted have none */
	if (!scan->by_metadata)
		lh_once_begin(node, scan);
}

/* The clauses that the engine refused, for rows. */
static void
prepare_refused(ForeignScanState *node, LhFdwScan *scan)
{
	MemoryContext old = MemoryContextSwitchTo(scan->source->mcxt);

	/* mostly the same ones at each rescan */
	if (!equal(scan->refused_list, scan->reader->refused))
	{
		List	   *refused = (List *) to_slot((Node *) scan->reader->refused, scan->places);

		scan->refused = refused != NIL ? ExecInitQual(refused, &node->ss.ps) : NULL;
	}
	scan->refused_list = scan->reader->refused;
	for (int i = 0; i < scan->reader->ncolumns; i++)
		scan->reader->columns[i].place = scan->places[scan->reader->columns[i].attno - 1];
	MemoryContextSwitchTo(old);
}

static void
start(ForeignScanState *node, LhFdwScan *scan)
{
	ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;

	scan->reader = lh_reader_start(scan->source, list_nth(plan->fdw_private, LH_FDW_ATTRS), scan->clauses,
								   plan->scan.scanrelid, node->ss.ps.ps_ExprContext, &node->ss.ps);
	prepare_refused(node, scan);
	if (sorted_columns(node) != NIL)
		scan->sorted = lh_sorted_create(scan->reader, sorted_columns(node));
	if (scan->by_metadata)
		lh_sorted_want(scan->reader, sorted_columns(node));
}

/* Rows for the slot; false at the end. */
static bool
fill(ForeignScanState *node, LhFdwScan *scan)
{
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;

	if (scan->reader == NULL)
		start(node, scan);
	if (!lh_reader_fill(scan->reader))
		return false;
	if (scan->sorted != NULL && scan->sorter == NULL)
		lh_sorted_check(scan->sorted);
	for (int i = 0; i < scan->reader->ncolumns; i++)
		slot->tts_isnull[scan->reader->columns[i].place] = false;
	return true;
}

/*
 * Row k of the window as the slot's virtual tuple.  This is what ExecClearTuple
 * and ExecStoreVirtualTuple do, without two calls a row; a tuple that somebody
 * made of the slot in between is freed by the real one.  tts_isnull of columns
 * without nulls was set for the whole window.
 */
static inline void
store_row(const LhReader *reader, TupleTableSlot *slot, int k)
{
	if (unlikely(TTS_SHOULDFREE(slot)))
		ExecClearTuple(slot);
	for (int i = 0; i < reader->ncolumns; i++)
	{
		const LhReaderColumn *c = &reader->columns[i];

		slot->tts_values[c->place] = c->values[k];
		if (c->any_null)
			slot->tts_isnull[c->place] = c->nulls[k];
	}
	slot->tts_flags &= ~TTS_FLAG_EMPTY;
	slot->tts_nvalid = slot->tts_tupleDescriptor->natts;
}

/* The next row of a table that is read for its changes. */
static TupleTableSlot *
iterate_changes(ForeignScanState *node, LhFdwScan *scan)
{
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;
	ExprContext *econtext = node->ss.ps.ps_ExprContext;
	int			natts = scan->source->desc->natts;

	if (scan->reader == NULL)
	{
		start(node, scan);
		scan->changes = lh_changes_create(scan->reader);
		scan->change_values = MemoryContextAllocZero(scan->source->mcxt, sizeof(Datum) * natts);
		scan->change_nulls = MemoryContextAlloc(scan->source->mcxt, sizeof(bool) * natts);
		memset(scan->change_nulls, true, sizeof(bool) * natts);
		for (int i = 0; i < scan->reader->ncolumns; i++)
			scan->reader->columns[i].place = scan->reader->columns[i].attno - 1;
	}
	for (;;)
	{
		ExecClearTuple(slot);
		if (!lh_changes_next(scan->changes, scan->change_values, scan->change_nulls))
			return slot;
		for (int i = 0; i < natts; i++)
		{
			if (scan->places[i] < 0)
				continue;
			slot->tts_values[scan->places[i]] = scan->change_values[i];
			slot->tts_isnull[scan->places[i]] = scan->change_nulls[i];
		}
		ExecStoreVirtualTuple(slot);
		if (scan->refused == NULL)
			return slot;
		ResetExprContext(econtext);
		econtext->ecxt_scantuple = slot;
		if (ExecQual(scan->refused, econtext))
			return slot;
		InstrCountFiltered1(node, 1);
	}
}

/* The next row as it comes. */
static inline TupleTableSlot *
iterate_plain(ForeignScanState *node, LhFdwScan *scan)
{
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;
	LhReader   *reader = scan->reader;
	ExprContext *econtext;

	for (;;)
	{
		if (unlikely(reader == NULL || reader->next >= reader->emitted))
		{
			if (!fill(node, scan))
				return ExecClearTuple(slot);
			reader = scan->reader;
		}
		store_row(reader, slot, reader->next++ - reader->first);
		if (likely(scan->refused == NULL))
			return slot;
		econtext = node->ss.ps.ps_ExprContext;
		ResetExprContext(econtext);
		econtext->ecxt_scantuple = slot;
		if (ExecQual(scan->refused, econtext))
			return slot;
		InstrCountFiltered1(node, 1);
	}
}

/* The files are not in the order of the plan: take all rows. */
static void
sort_rows(ForeignScanState *node, LhFdwScan *scan)
{
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;

	scan->sorter = lh_sorted_sorter(scan->source, slot->tts_tupleDescriptor, scan->places, sorted_columns(node));
	if (scan->sorter_slot == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(scan->source->mcxt);

		scan->sorter_slot = MakeSingleTupleTableSlot(slot->tts_tupleDescriptor, &TTSOpsMinimalTuple);
		MemoryContextSwitchTo(old);
	}
	/* TupIsNull names its argument twice */
	for (slot = iterate_plain(node, scan); !TupIsNull(slot); slot = iterate_plain(node, scan))
		tuplesort_puttupleslot(scan->sorter, slot);
	tuplesort_performsort(scan->sorter);
}

/* The next row of a plan that relies on the order of metadata. */
static TupleTableSlot *
iterate_in_order(ForeignScanState *node, LhFdwScan *scan)
{
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot,
			   *from;

	if (!scan->begun)
	{
		if (scan->reader == NULL)
			start(node, scan);
		scan->begun = true;
		if (!lh_source_tasks(scan->source)->ordered)
			sort_rows(node, scan);
	}
	if (scan->sorter == NULL)
		return iterate_plain(node, scan);
	ExecClearTuple(slot);
	from = scan->sorter_slot;
	if (!tuplesort_gettupleslot(scan->sorter, true, false, from, NULL))
		return slot;
	slot_getallattrs(from);
	memcpy(slot->tts_values, from->tts_values, sizeof(Datum) * slot->tts_tupleDescriptor->natts);
	memcpy(slot->tts_isnull, from->tts_isnull, sizeof(bool) * slot->tts_tupleDescriptor->natts);
	return ExecStoreVirtualTuple(slot);
}

TupleTableSlot *
lh_fdw_iterate(ForeignScanState *node)
{
	LhFdwScan  *scan = node->fdw_state;

	if (unlikely(scan->source->options.table.changes))
		return iterate_changes(node, scan);
	if (unlikely(scan->by_metadata))
		return iterate_in_order(node, scan);
	return iterate_plain(node, scan);
}

static void
end_sorter(ForeignScanState *node, LhFdwScan *scan)
{
	scan->begun = false;
	if (scan->sorter == NULL)
		return;
	ExecClearTuple(node->ss.ss_ScanTupleSlot);
	ExecClearTuple(scan->sorter_slot);
	tuplesort_end(scan->sorter);
	scan->sorter = NULL;
}

void
lh_fdw_rescan(ForeignScanState *node)
{
	LhFdwScan  *scan = node->fdw_state;
	bool		changed = node->ss.ps.chgParam != NULL;

	if (scan->reader == NULL)
		return;
	end_sorter(node, scan);
	if (scan->sorted != NULL)
		lh_sorted_rewind(scan->sorted);
	lh_reader_rewind(scan->reader, node->ss.ps.ps_ExprContext, changed ? &node->ss.ps : NULL);
	if (changed)
		prepare_refused(node, scan);
	if (scan->changes != NULL)
	{
		for (int i = 0; i < scan->reader->ncolumns; i++)
			scan->reader->columns[i].place = scan->reader->columns[i].attno - 1;
		lh_changes_rewind(scan->changes);
	}
}

void
lh_fdw_end(ForeignScanState *node)
{
	LhFdwScan  *scan = node->fdw_state;

	if (scan == NULL)
		return;
	ExecClearTuple(node->ss.ss_ScanTupleSlot);
	end_sorter(node, scan);
	if (scan->sorter_slot != NULL)
		ExecDropSingleTupleTableSlot(scan->sorter_slot);
	if (scan->changes != NULL)
		lh_changes_end(scan->changes);
	MemoryContextDelete(scan->source->mcxt);
	node->fdw_state = NULL;
}
