/*
 * enforce_count.c
 *		EXPLAIN ANALYZE does not count rows that a policy's filter hides.
 *
 * A scan of a filtered table reports how many rows it threw away, and an index of it how many it found: looked up by one value, by a token
 * as well, either would say whether a hidden row has it.  Neither is shown: the counts are 0 from the end of the statement on,
 * before EXPLAIN or whoever logs plans reads them.  What EXPLAIN's BUFFERS counts, and time, is not touched, as in row security.
 */
#include "pg/privacy/enforce.h"

#include "access/parallel.h"
#include "executor/executor.h"
#include "executor/instrument.h"
#include "nodes/execnodes.h"
#include "nodes/nodeFuncs.h"

typedef struct Counts
{
	EState	   *estate;
	LhSubject	subject;
} Counts;

static bool
scans(const PlanState *state)
{
	switch (nodeTag(state->plan))
	{
		case T_SeqScan:
		case T_SampleScan:
		case T_IndexScan:
		case T_IndexOnlyScan:
		case T_BitmapIndexScan:
		case T_BitmapHeapScan:
		case T_TidScan:
		case T_TidRangeScan:
		case T_ForeignScan:
		case T_CustomScan:
			return ((Scan *) state->plan)->scanrelid > 0;
		default:
			return false;
	}
}

static bool
filtered(const Counts *counts, Index rti)
{
	const RangeTblEntry *rte = exec_rt_fetch(rti, counts->estate);
	const LhEffective *effective;
	LhMark		mark;

	if (rte->rtekind != RTE_RELATION || !lh_mark_get(rte, &mark) || (mark.kind != LH_MARK_MASKED && mark.kind != LH_MARK_WRITTEN))
		return false;
	effective = lh_enforce_effective(mark.relid, &counts->subject);
	return effective != NULL && effective->filters != NIL;
}

static void
hide(Instrumentation *of, bool found)
{
	/* rows thrown away; of an index-only scan the rows that it fetched */
	of->nfiltered1 = of->nfiltered2 = of->ntuples2 = 0;
	if (found)
	{
		/* what was counted since the last rescan is added now, as later by who shows it */
		InstrEndLoop(of);
		of->ntuples = 0;
	}
}

static void
hide_pages(BitmapHeapScanState *scan)
{
#if PG_VERSION_NUM >= 180000
	memset(&scan->stats, 0, sizeof(scan->stats));
	for (int i = 0; scan->sinstrument != NULL && i < scan->sinstrument->num_workers; i++)
		memset(&scan->sinstrument->sinstrument[i], 0, sizeof(scan->stats));
#else
	scan->exact_pages = scan->lossy_pages = 0;
#endif
}

static bool
uncount(PlanState *state, void *context)
{
	if (state->instrument != NULL && scans(state) && filtered(context, ((Scan *) state->plan)->scanrelid))
	{
		bool		found = IsA(state->plan, BitmapIndexScan);

		hide(state->instrument, found);
		for (int i = 0; state->worker_instrument != NULL && i < state->worker_instrument->num_workers; i++)
			hide(&state->worker_instrument->instrument[i], found);
		if (IsA(state, BitmapHeapScanState))
			hide_pages((BitmapHeapScanState *) state);
	}
	return planstate_tree_walker(state, uncount, context);
}

void
lh_enforce_finished(QueryDesc *query)
{
	Counts		counts = {.estate = query->estate};

	if (query->instrument_options == 0 || query->planstate == NULL || lh_policy_none() || IsParallelWorker())
		return;
	counts.subject = lh_subject();
	(void) uncount(query->planstate, &counts);
}
