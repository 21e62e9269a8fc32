/*
 * read_exec.c
 *		Execution of the CustomScan that stands for lakehouse.read.
 *
 *	1. Begin checks EXECUTE and prepares expressions.  The arguments are
 *	   evaluated, and the location opened with the rights of the user of now,
 *	   when the first row is asked for.
 *	2. Next fills the scan tuple; ExecScan evaluates what was not pushed and
 *	   projects.  A pushed clause that the engine refuses, because a file holds
 *	   another type than declared, is evaluated here.
 *	3. A rescan goes back to the beginning of the same files, unless the
 *	   arguments have other values now.
 *	4. In a parallel plan the processes share the row groups; the leader resolves
 *	   the location when the plan begins.  Such a plan is made only for arguments
 *	   that stay the same.
 *	5. EvalPlanQual brings the row as a composite value, which is taken apart
 *	   and filtered by the pushed clauses again.
 */
#include "pg/lake/read.h"
#include "pg/bridge/members.h"

#include "access/htup_details.h"
#include "commands/progress.h"
#include "executor/executor.h"
#include "executor/instrument.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/backend_progress.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/ruleutils.h"
#include "utils/typcache.h"

/* Rows between two reports of progress; a power of two. */
#define REPORT_ROWS 1024

typedef struct LhReadState
{
	CustomScanState css;		/* first */
	Oid			rowtype;
	char	   *alias;
	List	   *arguments;		/* of ExprState */
	List	   *argument_exprs;
	List	   *clauses;		/* pushed; Vars of INDEX_VAR */
	TupleDesc	desc;			/* the function's columns */
	bool		whole_row;
	TupleDesc	row_desc;		/* blessed, of the whole row */

	Datum		values[LH_READ_ARGS];	/* of the arguments, in the query's context */
	bool		nulls[LH_READ_ARGS];
	LhSource   *source;			/* NULL: not made yet, or the location is null */
	LhReader   *reader;			/* NULL: not opened yet */
	bool		started;
	bool		by_copy;		/* COPY FROM made the call: it is told how far the scan is */
	int64		rows;			/* given so far */
	ExprState  *refused;		/* clauses that the engine refused */
	ExprState  *recheck;		/* all pushed clauses, for EvalPlanQual; made at need */
	TupleTableSlot *row_slot;	/* for EvalPlanQual; made at need */
} LhReadState;

static void begin_read(CustomScanState *node, EState *estate, int eflags);
static TupleTableSlot *exec_read(CustomScanState *node);
static void end_read(CustomScanState *node);
static void rescan_read(CustomScanState *node);
static void explain_read(CustomScanState *node, List *ancestors, ExplainState *es);
static Size estimate_dsm(CustomScanState *node, ParallelContext *pcxt);
static void initialize_dsm(CustomScanState *node, ParallelContext *pcxt, void *coordinate);
static void reinitialize_dsm(CustomScanState *node, ParallelContext *pcxt, void *coordinate);
static void initialize_worker(CustomScanState *node, shm_toc *toc, void *coordinate);
static void shutdown_read(CustomScanState *node);

static const CustomExecMethods exec_methods = {
	.CustomName = "LakehouseRead",
	.BeginCustomScan = begin_read,
	.ExecCustomScan = exec_read,
	.EndCustomScan = end_read,
	.ReScanCustomScan = rescan_read,
	.ExplainCustomScan = explain_read,
	.EstimateDSMCustomScan = estimate_dsm,
	.InitializeDSMCustomScan = initialize_dsm,
	.ReInitializeDSMCustomScan = reinitialize_dsm,
	.InitializeWorkerCustomScan = initialize_worker,
	.ShutdownCustomScan = shutdown_read,
};

Node *
lh_read_create_state(CustomScan *plan)
{
	LhReadState *state = palloc0(sizeof(LhReadState));

	NodeSetTag(state, T_CustomScanState);
	state->css.methods = &exec_methods;
	return (Node *) state;
}

static List *
private_list(const LhReadState *state, enum LhReadPrivate i)
{
	return list_nth(((CustomScan *) state->css.ss.ps.plan)->custom_private, i);
}

/* ---- begin ---- */

/* The function's columns, as the planner saw them. */
static TupleDesc
planned_desc(const LhReadState *state)
{
	List	   *names = private_list(state, LH_READ_NAMES);
	List	   *types = private_list(state, LH_READ_TYPES);
	List	   *typmods = private_list(state, LH_READ_TYPMODS);
	List	   *collations = private_list(state, LH_READ_COLLATIONS);
	TupleDesc	desc = CreateTemplateTupleDesc(list_length(types));

	for (int i = 0; i < desc->natts; i++)
	{
		AttrNumber	attno = (AttrNumber) (i + 1);
		Oid			typid = list_nth_oid(types, i);

		TupleDescInitEntry(desc, attno, strVal(list_nth(names, i)),
						   OidIsValid(typid) ? typid : INT4OID, list_nth_int(typmods, i), 0);
		TupleDescInitEntryCollation(desc, attno, list_nth_oid(collations, i));
		TupleDescAttr(desc, i)->attisdropped = !OidIsValid(typid);
		lh_attribute_changed(desc, i);
	}
	return desc;
}

/* A composite type may have been altered since; its rows would be other rows. */
static void
check_rowtype(const LhReadState *state, TupleDesc now)
{
	bool		same = now->natts == state->desc->natts;

	for (int i = 0; same && i < now->natts; i++)
	{
		Form_pg_attribute a = TupleDescAttr(now, i),
					b = TupleDescAttr(state->desc, i);

		same = a->attisdropped == b->attisdropped &&
			(a->attisdropped || (a->atttypid == b->atttypid && strcmp(NameStr(a->attname), NameStr(b->attname)) == 0));
	}
	if (!same)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cached plan must not change result type"),
				 errdetail("The row type of \"%s\" was altered.", state->alias)));
}

static void
describe_row(LhReadState *state)
{
	TupleDesc	desc = state->desc;

	if (OidIsValid(state->rowtype))
	{
		desc = lookup_rowtype_tupdesc_copy(state->rowtype, -1);
		check_rowtype(state, desc);
	}
	state->row_desc = BlessTupleDesc(CreateTupleDescCopy(desc));
}

static void
begin_read(CustomScanState *node, EState *estate, int eflags)
{
	LhReadState *state = (LhReadState *) node;
	CustomScan *plan = (CustomScan *) node->ss.ps.plan;
	List	   *oids = private_list(state, LH_READ_OIDS);
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;

	state->by_copy = intVal(list_nth(plan->custom_private, LH_READ_COPY)) != 0;
	if (!state->by_copy)
		lh_read_check_execute(linitial_oid(oids));
	state->rowtype = lsecond_oid(oids);
	state->alias = strVal(list_nth(plan->custom_private, LH_READ_ALIAS));
	state->whole_row = intVal(list_nth(plan->custom_private, LH_READ_WHOLE_ROW)) != 0;
	state->argument_exprs = list_truncate(list_copy(plan->custom_exprs), LH_READ_ARGS);
	state->arguments = ExecInitExprList(state->argument_exprs, &node->ss.ps);
	state->clauses = list_copy_tail(plan->custom_exprs, LH_READ_ARGS);
	state->desc = planned_desc(state);
	describe_row(state);

	/* columns that nobody needs stay null */
	memset(slot->tts_values, 0, sizeof(Datum) * slot->tts_tupleDescriptor->natts);
	memset(slot->tts_isnull, true, sizeof(bool) * slot->tts_tupleDescriptor->natts);
}

/* ---- start ---- */

/* Values of the arguments, copied to the query's context; true when one differs from the last time. */
static bool
evaluate_arguments(LhReadState *state)
{
	ExprContext *econtext = state->css.ss.ps.ps_ExprContext;
	MemoryContext query = state->css.ss.ps.state->es_query_cxt;
	bool		changed = false;
	ListCell   *lc;

	ResetExprContext(econtext);
	foreach(lc, state->arguments)
	{
		int			i = foreach_current_index(lc);
		Oid			typid = exprType(list_nth(state->argument_exprs, i));
		MemoryContext old;
		Datum		value;
		bool		null,
					byval;
		int16		len;

		value = ExecEvalExprSwitchContext(lfirst(lc), econtext, &null);
		get_typlenbyval(typid, &len, &byval);
		if (state->started && null == state->nulls[i] &&
			(null || datumIsEqual(value, state->values[i], byval, len)))
			continue;
		old = MemoryContextSwitchTo(query);
		state->values[i] = null ? (Datum) 0 : datumCopy(value, byval, len);
		state->nulls[i] = null;
		MemoryContextSwitchTo(old);
		changed = true;
	}
	return changed;
}

static void
prepare_refused(LhReadState *state)
{
	MemoryContext old = MemoryContextSwitchTo(state->source->mcxt);

	state->refused = ExecInitQual(state->reader->refused, &state->css.ss.ps);
	MemoryContextSwitchTo(old);
}

static void
make_source(LhReadState *state)
{
	state->source = lh_read_source(state->values, state->nulls, state->desc, state->alias,
								   state->rowtype, state->css.ss.ps.state->es_query_cxt);
	if (state->source != NULL)
		state->source->estate = state->css.ss.ps.state;
}

static void
check_location(LhReadState *state)
{
	lh_location_check(GetUserId(), state->source->serverid,
					  TextDatumGetCString(state->values[LH_READ_LOCATION]));
}

static void
open_reader(LhReadState *state)
{
	PlanState  *ps = &state->css.ss.ps;
	MemoryContext old = MemoryContextSwitchTo(ps->state->es_query_cxt);

	if (state->source == NULL)
		make_source(state);
	if (state->source != NULL)
	{
		check_location(state);
		state->source->wanted_members = private_list(state, LH_READ_MEMBERS);
		state->reader = lh_reader_start(state->source, private_list(state, LH_READ_ATTRS), state->clauses,
										INDEX_VAR, ps->ps_ExprContext, ps);
		prepare_refused(state);
	}
	MemoryContextSwitchTo(old);
}

static void
close_reader(LhReadState *state)
{
	ExecClearTuple(state->css.ss.ss_ScanTupleSlot);
	if (state->source != NULL)
		MemoryContextDelete(state->source->mcxt);
	state->source = NULL;
	state->reader = NULL;
	state->refused = NULL;
}

static void
start_reading(LhReadState *state)
{
	/* in a parallel plan the source is there already */
	if (state->source == NULL)
		(void) evaluate_arguments(state);
	state->started = true;
	open_reader(state);
}

/* ---- rows ---- */

static void
add_whole_row(const LhReadState *state, TupleTableSlot *slot)
{
	int			natts = state->row_desc->natts;
	HeapTuple	tuple;
	MemoryContext old;

	old = MemoryContextSwitchTo(state->css.ss.ps.ps_ExprContext->ecxt_per_tuple_memory);
	tuple = heap_form_tuple(state->row_desc, slot->tts_values, slot->tts_isnull);
	slot->tts_values[natts] = HeapTupleHeaderGetDatum(tuple->t_data);
	slot->tts_isnull[natts] = false;
	MemoryContextSwitchTo(old);
}

/* Rows read and bytes of files, for pg_stat_progress_copy. */
static void
report_progress(LhReadState *state)
{
	const int	params[] = {PROGRESS_COPY_TUPLES_PROCESSED, PROGRESS_COPY_BYTES_PROCESSED};
	const int64 values[] = {state->rows, (int64) state->source->ctx->counters->v[LH_CTR_BYTES_READ]};

	pgstat_progress_update_multi_param(lengthof(params), params, values);
}

static TupleTableSlot *
next_row(ScanState *node)
{
	LhReadState *state = (LhReadState *) node;
	TupleTableSlot *slot = node->ss_ScanTupleSlot;
	ExprContext *econtext = node->ps.ps_ExprContext;

	if (!state->started)
		start_reading(state);
	for (;;)
	{
		ExecClearTuple(slot);
		if (state->reader == NULL || !lh_reader_next(state->reader, slot->tts_values, slot->tts_isnull))
			return slot;
		if (state->by_copy && (++state->rows & (REPORT_ROWS - 1)) == 0)
			report_progress(state);
		if (state->whole_row)
			add_whole_row(state, slot);
		ExecStoreVirtualTuple(slot);
		if (likely(state->refused == NULL))
			return slot;
		ResetExprContext(econtext);
		econtext->ecxt_scantuple = slot;
		if (ExecQual(state->refused, econtext))
			return slot;
		InstrCountFiltered1(node, 1);
	}
}

/* ---- EvalPlanQual ---- */

/* The row that EvalPlanQual has for this relation, in row_slot; false when it has none left. */
static bool
fetch_row(LhReadState *state)
{
	EPQState   *epq = state->css.ss.ps.state->es_epq_active;
	CustomScan *plan = (CustomScan *) state->css.ss.ps.plan;
	Index		rti = (Index) bms_singleton_member(plan->custom_relids);

	if (epq->relsubs_done[rti - 1])
		return false;
	epq->relsubs_done[rti - 1] = true;
	if (epq->relsubs_rowmark[rti - 1] == NULL)
		return false;
	if (state->row_slot == NULL)
		state->row_slot = ExecInitExtraTupleSlot(state->css.ss.ps.state, state->row_desc, &TTSOpsVirtual);
	return EvalPlanQualFetchRowMark(epq, rti, state->row_slot);
}

/* ExecScan asks for a relation that is none, in EvalPlanQual only: fill the slot. */
static bool
recheck_row(ScanState *node, TupleTableSlot *slot)
{
	LhReadState *state = (LhReadState *) node;
	ExprContext *econtext = node->ps.ps_ExprContext;
	int			natts = state->desc->natts;

	ExecClearTuple(slot);
	if (!fetch_row(state))
		return false;
	slot_getallattrs(state->row_slot);
	memcpy(slot->tts_values, state->row_slot->tts_values, sizeof(Datum) * natts);
	memcpy(slot->tts_isnull, state->row_slot->tts_isnull, sizeof(bool) * natts);
	if (state->whole_row)
		add_whole_row(state, slot);
	ExecStoreVirtualTuple(slot);
	if (state->recheck == NULL && state->clauses != NIL)
		state->recheck = ExecInitQual(state->clauses, &node->ps);
	econtext->ecxt_scantuple = slot;
	return ExecQual(state->recheck, econtext);
}

static TupleTableSlot *
exec_read(CustomScanState *node)
{
	return ExecScan(&node->ss, next_row, recheck_row);
}

/* ---- again, and the end ---- */

static void
rescan_read(CustomScanState *node)
{
	LhReadState *state = (LhReadState *) node;
	ExprContext *econtext = node->ss.ps.ps_ExprContext;
	bool		changed = node->ss.ps.chgParam != NULL;

	ExecScanReScan(&node->ss);
	if (!state->started)
		return;
	if (changed && evaluate_arguments(state))
	{
		close_reader(state);
		open_reader(state);
	}
	else if (state->reader != NULL)
	{
		lh_reader_rewind(state->reader, econtext, changed ? &node->ss.ps : NULL);
		if (changed)
			prepare_refused(state);
	}
}

static void
end_read(CustomScanState *node)
{
	close_reader((LhReadState *) node);
}

/* ---- parallel plans (pg/bridge/parallel.h) ---- */

static Size
estimate_dsm(CustomScanState *node, ParallelContext *pcxt)
{
	LhReadState *state = (LhReadState *) node;

	if (state->source == NULL)
	{
		(void) evaluate_arguments(state);
		make_source(state);
	}
	if (state->source == NULL)
		return 1;
	check_location(state);
	return lh_parallel_estimate(state->source, state->clauses, INDEX_VAR, &node->ss.ps);
}

static void
initialize_dsm(CustomScanState *node, ParallelContext *pcxt, void *coordinate)
{
	LhReadState *state = (LhReadState *) node;

	if (state->source != NULL)
		lh_parallel_initialize(state->source, pcxt, coordinate);
}

static void
reinitialize_dsm(CustomScanState *node, ParallelContext *pcxt, void *coordinate)
{
	LhReadState *state = (LhReadState *) node;

	if (state->source != NULL)
		lh_parallel_reinitialize(state->source);
}

static void
initialize_worker(CustomScanState *node, shm_toc *toc, void *coordinate)
{
	LhReadState *state = (LhReadState *) node;

	(void) evaluate_arguments(state);
	make_source(state);
	if (state->source != NULL)
		lh_parallel_attach(state->source, coordinate);
}

static void
shutdown_read(CustomScanState *node)
{
	LhReadState *state = (LhReadState *) node;

	if (state->source != NULL)
		lh_parallel_report(state->source);
}

/* ---- EXPLAIN ---- */

/* Before execution there is no source: the location is shown as it is written. */
static void
explain_unopened(LhReadState *state, ExplainState *es)
{
	Node	   *location = linitial(state->argument_exprs);
	char	   *shown;

	if (IsA(location, Const) && !((Const *) location)->constisnull)
		shown = TextDatumGetCString(castNode(Const, location)->constvalue);
	else
		shown = deparse_expression(location, set_deparse_context_plan(es->deparse_cxt, state->css.ss.ps.plan, NIL),
								   es->verbose, false);
	ExplainPropertyText("Location", shown, es);
}

/* Columns that are read: emitted ones, and those that only pushed clauses need. */
static List *
columns_read(const LhReadState *state)
{
	const char **names = palloc0(sizeof(char *) * Max(state->desc->natts, 1));

	for (int i = 0; i < state->desc->natts; i++)
		names[i] = state->source != NULL ? state->source->names[i] :
			lh_pg_utf8(NameStr(TupleDescAttr(state->desc, i)->attname));
	return lh_columns_read(state->desc, names, private_list(state, LH_READ_ATTRS),
						   private_list(state, LH_READ_MEMBERS), state->clauses, INDEX_VAR);
}

static void
explain_read(CustomScanState *node, List *ancestors, ExplainState *es)
{
	LhReadState *state = (LhReadState *) node;
	PlanState  *ps = &node->ss.ps;

	if (state->source != NULL)
		lh_explain_location(state->source, es);
	else
		explain_unopened(state, es);
	lh_explain_columns(columns_read(state), es);
	lh_explain_pushed(ps, es, state->clauses, INDEX_VAR);
	if (es->verbose)
		lh_explain_reasons(ps, es, private_list(state, LH_READ_REASONS));
	if (!es->analyze || state->source == NULL)
		return;
	if (state->reader != NULL)
		lh_explain_clauses(ps, es, "Fallback Filter", state->reader->refused);
	lh_explain_counters(state->source, es);
}
