/*
 * enforce_count.c
 *		EXPLAIN ANALYZE does not count rows that a policy's filter hides.
 *
 * A scan of a filtered table reports how many rows it threw away, and an index of it how many it found: looked up by one value, by a token
 * as well, either would say whether a hidden row has it.  Neither is shown: the counts are 0 from the end of the statement on,
 * before EXPLAIN or whoever logs plans reads them.  What EXPLAIN's BUFFERS counts, and time, is not touched, as in row security.
 *
 * PostgreSQL 18 also says how often an index was searched.  Of several tokens, that is fewer times where their values lie side by side, and of
 * one that stands for no value, or for itself, never.  So it is 0 of every table with a policy, filtered or not.
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

/* NULL: the table has none. */
static const LhEffective *
policy_of(const Counts *counts, Index rti)
{
	const RangeTblEntry *rte = exec_rt_fetch(rti, counts->estate);
	LhMark		mark;

	if (rte->rtekind != RTE_RELATION || !lh_mark_get(rte, &mark) || (mark.kind != LH_MARK_MASKED && mark.kind != LH_MARK_WRITTEN))
		return NULL;
	return lh_enforce_effective(mark.relid, &counts->subject);
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

static void
hide_rows(PlanState *state)
{
	bool		found = IsA(state->plan, BitmapIndexScan);

	hide(state->instrument, found);
	for (int i = 0; state->worker_instrument != NULL && i < state->worker_instrument->num_workers; i++)
		hide(&state->worker_instrument->instrument[i], found);
	if (IsA(state, BitmapHeapScanState))
		hide_pages((BitmapHeapScanState *) state);
}

#if PG_VERSION_NUM >= 180000
static void
hide_searches_of(IndexScanInstrumentation *own, SharedIndexScanInstrumentation *workers)
{
	own->nsearches = 0;
	for (int i = 0; workers != NULL && i < workers->num_workers; i++)
		workers->winstrument[i].nsearches = 0;
}
#endif

static void
hide_searches(PlanState *state)
{
#if PG_VERSION_NUM >= 180000
	if (IsA(state, IndexScanState))
		hide_searches_of(&((IndexScanState *) state)->iss_Instrument, ((IndexScanState *) state)->iss_SharedInfo);
	else if (IsA(state, IndexOnlyScanState))
		hide_searches_of(&((IndexOnlyScanState *) state)->ioss_Instrument, ((IndexOnlyScanState *) state)->ioss_SharedInfo);
	else if (IsA(state, BitmapIndexScanState))
		hide_searches_of(&((BitmapIndexScanState *) state)->biss_Instrument, ((BitmapIndexScanState *) state)->biss_SharedInfo);
#endif
}

static bool
uncount(PlanState *state, void *context)
{
	if (state->instrument != NULL && scans(state))
	{
		const LhEffective *effective = policy_of(context, ((Scan *) state->plan)->scanrelid);

		if (effective != NULL)
			hide_searches(state);
		if (effective != NULL && effective->filters != NIL)
			hide_rows(state);
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
