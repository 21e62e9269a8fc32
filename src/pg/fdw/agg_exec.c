/*
 * agg_exec.c
 *		Execute aggregates as one foreign scan.
 *
 *	1. The table is a source of batches, as for a scan of rows; only columns of
 *	   aggregates and conditions are read.
 *	2. A column whose files do not hold the declared type is emitted as Datums
 *	   and turned back into vectors of the declared type (revec.h), a condition
 *	   the engine does not take after all is evaluated on the emitted values:
 *	   slower, never different.
 *	3. So is a FILTER whose constants the engine does not take.  Its answers are
 *	   one more column, on which the aggregate's filter is "is true".
 *	4. Batches go into an LhAgg; its states become the one row of the scan.  When
 *	   nothing of steps 2 and 3 is needed and the table is large enough, helper
 *	   threads take part (exec/threads.h).
 */
#include "pg/fdw/agg.h"

#include "access/sysattr.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteManip.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "pg/bridge/revec.h"
#include "pg/bridge/source.h"
#include "pg/fdw/fdw.h"
#include "pg/util/threads.h"

#include "exec/threads.h"

/* A column that is emitted: for a refused condition, or because its declared type differs. */
typedef struct EmittedColumn
{
	AttrNumber	attno;
	int			col;
	LhEmitter  *emitter;
	LhRevec    *revec;			/* NULL: only for conditions */
	Datum	   *values;
	bool	   *nulls;
} EmittedColumn;

/* A FILTER that is evaluated here. */
typedef struct LocalFilter
{
	ExprState  *state;			/* NULL: the engine took it, or there is none */
	LhVec		vec;			/* the answers, as scan column room + number of the aggregate */
	uint8_t    *answers;
} LocalFilter;

typedef struct AggScan
{
	LhSource   *source;
	Index		rti;
	List	   *conds;			/* pushed conditions, Vars of rti */
	List	   *aggrefs;
	bool		started;
	bool		done;

	int			naggs;
	LhAggSpec  *specs;
	LhAggTarget *targets;
	LhAgg	   *agg;
	bool		bound;			/* to types */
	LhType	   *types;			/* by scan column; answers of FILTERs behind them */
	const LhVec **vecs;
	LocalFilter *filters;		/* by aggregate */

	int			nemitted;
	EmittedColumn *emitted;
	ExprState  *local;			/* conditions evaluated here; NULL: none */
	TupleTableSlot *slot;		/* of the table, for local and filters */
	bool		by_row;			/* there are such */
	MemoryContext batch_mcxt;
	LhArena    *round;			/* what depends on parameters, until they change */
	MemoryContext round_mcxt;
	LhPool	   *pool;			/* helper threads; NULL: none yet */
	int			threads;		/* most of them at one time */
} AggScan;

void
lh_fdw_agg_begin(ForeignScanState *node)
{
	ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;
	EState	   *estate = node->ss.ps.state;
	AggScan    *scan = palloc0(sizeof(AggScan));
	int			planned_rti = intVal(lsecond(plan->fdw_private));
	ListCell   *lc;

	node->fdw_state = scan;
	scan->rti = (Index) bms_singleton_member(plan->fs_relids);
	scan->source = lh_source_create(exec_rt_fetch(scan->rti, estate)->relid, estate->es_query_cxt);
	scan->source->estate = estate;
	/* no LIMIT ends an aggregate early */
	scan->source->first_batch = 0;
	scan->conds = copyObject(lthird(plan->fdw_private));
	if (planned_rti != (int) scan->rti)
		ChangeVarNodes((Node *) scan->conds, planned_rti, (int) scan->rti, 0);
	foreach(lc, plan->fdw_scan_tlist)
		scan->aggrefs = lappend(scan->aggrefs, lfirst_node(TargetEntry, lc)->expr);
	scan->naggs = list_length(scan->aggrefs);
}

static EmittedColumn *
add_emitted(AggScan *scan, AttrNumber attno)
{
	LhSource   *s = scan->source;
	Form_pg_attribute att = TupleDescAttr(s->desc, attno - 1);
	EmittedColumn *e;

	for (int i = 0; i < scan->nemitted; i++)
	{
		if (scan->emitted[i].attno == attno)
			return &scan->emitted[i];
	}
	e = &scan->emitted[scan->nemitted++];
	e->attno = attno;
	e->col = lh_source_column(s, attno, false);
	e->emitter = lh_emitter_create(s->ctx, s->mcxt, NameStr(att->attname), att->atttypid, att->atttypmod,
								   &s->options.emit);
	e->values = MemoryContextAlloc(s->mcxt, sizeof(Datum) * LH_BATCH);
	e->nulls = MemoryContextAlloc(s->mcxt, sizeof(bool) * LH_BATCH);
	return e;
}

/*
 * Do aggregates see the column as PostgreSQL does?  Besides its values that is,
 * for numeric, the number of decimals to show.
 */
static bool
seen_as_declared(const LhQualColumn *q)
{
	LhType		natural;

	if (!lh_type_exact(&q->type, q->typid, q->typmod, &q->emit))
		return false;
	return q->typid != NUMERICOID || q->typmod < 0 || !lh_natural_type(q->typid, q->typmod, &natural) ||
		natural.scale == (q->type.id == LH_T_DECIMAL ? q->type.scale : 0);
}

/* Columns of the aggregates: those of another type are emitted and made vectors again. */
static void
bind_aggregate_columns(AggScan *scan)
{
	LhSource   *s = scan->source;
	Bitmapset  *attrs = NULL;
	int			i = -1;

	pull_varattnos((Node *) scan->aggrefs, scan->rti, &attrs);
	lh_source_columns(s, attrs, false);
	while ((i = bms_next_member(attrs, i)) >= 0)
	{
		AttrNumber	attno = (AttrNumber) (i + FirstLowInvalidHeapAttributeNumber);
		LhQualColumn *q;
		EmittedColumn *e;

		if (attno <= 0)
			continue;
		q = &s->quals[attno - 1];
		if (q->col < 0 || seen_as_declared(q))
			continue;
		e = add_emitted(scan, attno);
		e->revec = lh_revec_create(s->ctx, NameStr(TupleDescAttr(s->desc, attno - 1)->attname),
								   q->typid, q->typmod);
	}
}

/* Emit the columns of these expressions, for ExecQual on the slot. */
static void
emit_for(AggScan *scan, Node *exprs)
{
	LhSource   *s = scan->source;
	MemoryContext caller = MemoryContextSwitchTo(s->mcxt);
	LhArena    *old = lh_use(s->ctx, s->arena);	/* columns stay from round to round */
	Bitmapset  *attrs = NULL;
	int			i = -1;

	pull_varattnos(exprs, scan->rti, &attrs);
	while ((i = bms_next_member(attrs, i)) >= 0)
		add_emitted(scan, (AttrNumber) (i + FirstLowInvalidHeapAttributeNumber));
	scan->by_row = true;
	if (scan->slot == NULL)
		scan->slot = MakeSingleTupleTableSlot(s->desc, &TTSOpsVirtual);
	lh_use(s->ctx, old);
	MemoryContextSwitchTo(caller);
}

/* The FILTER of aggregate i for this round. */
static void
build_filter(ForeignScanState *node, AggScan *scan, const LhQualBuild *build, int i, Expr *filter)
{
	LhSource   *s = scan->source;
	LocalFilter *f = &scan->filters[i];
	int			col = s->room + i;
	const char *why;

	if (lh_qual_build(filter, build, &scan->specs[i].filter, &why))
		return;
	if (lakehouse_require_vector)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("FILTER of an aggregate is not evaluated by the vector engine: %s", why),
				 errhint("lakehouse.require_vector makes this an error.")));
	emit_for(scan, (Node *) filter);
	f->state = ExecInitQual(list_make1(filter), &node->ss.ps);
	f->answers = palloc0(LH_BATCH);
	f->vec.type.id = LH_T_BOOL;
	f->vec.type.lane = LH_LANE_U8;
	f->vec.kind = LH_VEC_FLAT;
	f->vec.data = f->answers;
	scan->vecs[col] = &f->vec;
	lh_pg_check(s->ctx, lh_pred_leaf(s->ctx, LH_P_IS_TRUE_BOOL, col, NULL, &scan->specs[i].filter));
}

/* FILTER and arguments see revectored columns with their declared type. */
static void
build_aggregates(ForeignScanState *node, AggScan *scan)
{
	LhSource   *s = scan->source;
	LhQualColumn *columns = palloc(sizeof(LhQualColumn) * Max(s->desc->natts, 1));
	LhQualBuild build = {s->ctx, node->ss.ps.ps_ExprContext, &node->ss.ps, scan->rti, s->desc->natts, columns};
	ListCell   *lc;
	int			i = 0;

	memcpy(columns, s->quals, sizeof(LhQualColumn) * s->desc->natts);
	for (int k = 0; k < scan->nemitted; k++)
	{
		LhQualColumn *q = &columns[scan->emitted[k].attno - 1];

		if (scan->emitted[k].revec && lh_natural_type(q->typid, q->typmod, &q->type))
			q->emit = (LhEmitOptions) {LH_RANGE_ERROR, LH_NANOS_FLOOR};
	}
	scan->specs = palloc0(sizeof(LhAggSpec) * Max(scan->naggs, 1));
	scan->targets = palloc0(sizeof(LhAggTarget) * Max(scan->naggs, 1));
	scan->filters = palloc0(sizeof(LocalFilter) * Max(scan->naggs, 1));
	foreach(lc, scan->aggrefs)
	{
		Aggref	   *agg = lfirst_node(Aggref, lc);

		lh_aggref_build(agg, &build, &scan->specs[i], &scan->targets[i]);
		scan->vecs[s->room + i] = NULL;
		if (agg->aggfilter)
			build_filter(node, scan, &build, i, agg->aggfilter);
		i++;
	}
}

/* Conditions for the engine; what it refuses is evaluated on a slot of the table. */
static void
build_conditions(ForeignScanState *node, AggScan *scan)
{
	LhSource   *s = scan->source;
	List	   *refused;

	refused = lh_source_filters(s, scan->conds, scan->rti, node->ss.ps.ps_ExprContext, &node->ss.ps);
	scan->local = NULL;
	if (refused == NIL)
		return;
	emit_for(scan, (Node *) refused);
	scan->local = ExecInitQual(refused, &node->ss.ps);
}

static bool
metadata_may_answer(const AggScan *scan)
{
	return scan->local == NULL && !scan->by_row && scan->nemitted == 0 && lakehouse_pushdown &&
		lh_agg_metadata_may_answer(scan->agg, scan->source->cols);
}

/* Aggregates and conditions with the parameters of now; those of the last round are released. */
static void
build_round(ForeignScanState *node, AggScan *scan)
{
	LhSource   *s = scan->source;
	MemoryContext caller;
	LhArena    *old;

	lh_source_set_meta(s, NULL, NULL);
	scan->by_row = false;
	MemoryContextReset(scan->round_mcxt);
	lh_arena_destroy(scan->round);
	scan->round = lh_arena_child(s->arena);
	if (scan->round == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	caller = MemoryContextSwitchTo(scan->round_mcxt);
	old = lh_use(s->ctx, scan->round);
	build_aggregates(node, scan);
	lh_pg_check(s->ctx, lh_agg_create(s->ctx, scan->specs, scan->naggs, &scan->agg));
	scan->bound = false;
	lh_use(s->ctx, old);
	build_conditions(node, scan);
	if (metadata_may_answer(scan))
		lh_source_set_meta(s, lh_agg_take_group, scan->agg);
	MemoryContextSwitchTo(caller);
}

static void
start(ForeignScanState *node, AggScan *scan)
{
	LhSource   *s = scan->source;
	MemoryContext old = MemoryContextSwitchTo(s->mcxt);
	int			natts = s->desc->natts;

	lh_source_open(s);
	scan->emitted = palloc0(sizeof(EmittedColumn) * Max(natts, 1));
	scan->types = palloc0(sizeof(LhType) * (s->room + scan->naggs));
	scan->vecs = palloc0(sizeof(LhVec *) * (s->room + scan->naggs));
	scan->batch_mcxt = AllocSetContextCreate(s->mcxt, "lakehouse aggregate batch", ALLOCSET_DEFAULT_SIZES);
	scan->round_mcxt = AllocSetContextCreate(s->mcxt, "lakehouse aggregates", ALLOCSET_SMALL_SIZES);
	bind_aggregate_columns(scan);
	build_round(node, scan);
	scan->started = true;
	MemoryContextSwitchTo(old);
}

/* Row k of the emitted values, for ExecQual. */
static void
store_row(AggScan *scan, ExprContext *econtext, int k)
{
	TupleTableSlot *slot = scan->slot;

	ExecClearTuple(slot);
	memset(slot->tts_isnull, true, sizeof(bool) * slot->tts_tupleDescriptor->natts);
	for (int i = 0; i < scan->nemitted; i++)
	{
		slot->tts_values[scan->emitted[i].attno - 1] = scan->emitted[i].values[k];
		slot->tts_isnull[scan->emitted[i].attno - 1] = scan->emitted[i].nulls[k];
	}
	ExecStoreVirtualTuple(slot);
	econtext->ecxt_scantuple = slot;
	ResetExprContext(econtext);
}

/* Narrow the selection by the conditions that the engine refused, and answer its FILTERs for the rest. */
static void
filter_locally(ForeignScanState *node, AggScan *scan, LhSel *sel)
{
	ExprContext *econtext = node->ss.ps.ps_ExprContext;
	uint16_t	rows[LH_BATCH];
	int			n = lh_sel_rows(sel, rows);

	for (int k = 0; k < n; k++)
	{
		store_row(scan, econtext, k);
		if (scan->local && !ExecQual(scan->local, econtext))
		{
			lh_bit_clear(sel->w, rows[k]);
			sel->count--;
			continue;
		}
		for (int i = 0; i < scan->naggs; i++)
		{
			if (scan->filters[i].state)
				scan->filters[i].answers[rows[k]] = ExecQual(scan->filters[i].state, econtext);
		}
	}
	ExecClearTuple(scan->slot);
	for (int i = 0; i < scan->naggs; i++)
		scan->filters[i].vec.n = sel->n;
}

/* Has column c another type than in the batch before, whose file may be closed by now? */
static bool
type_changed(AggScan *scan, int c)
{
	LhType		now;

	if (scan->vecs[c] == NULL)
		return false;
	now = lh_type_bare(&scan->vecs[c]->type);
	if (lh_type_equal(&scan->types[c], &now))
		return false;
	scan->types[c] = now;
	return true;
}

/* Bring aggregates to the types that this batch's vectors have. */
static void
bind_types(AggScan *scan)
{
	LhSource   *s = scan->source;
	bool		changed = !scan->bound;

	for (int c = 0; c < s->ncols; c++)
		changed |= type_changed(scan, c);
	for (int i = 0; i < scan->naggs; i++)
		changed |= type_changed(scan, s->room + i);
	if (!changed)
		return;
	lh_pg_check(s->ctx, lh_agg_bind(s->ctx, scan->agg, scan->types));
	scan->bound = true;
}

static void
consume(ForeignScanState *node, AggScan *scan, const LhBatch *batch)
{
	LhSource   *s = scan->source;
	LhSel		sel = batch->sel;
	MemoryContext old;

	for (int c = 0; c < s->ncols; c++)
		scan->vecs[c] = batch->vecs[c];
	if (scan->nemitted > 0)
	{
		MemoryContextReset(scan->batch_mcxt);
		old = MemoryContextSwitchTo(scan->batch_mcxt);
		for (int i = 0; i < scan->nemitted; i++)
		{
			EmittedColumn *e = &scan->emitted[i];

			lh_emitter_place(e->emitter, batch->task->path, batch->first_row);
			lh_emit(e->emitter, batch->vecs[e->col], &batch->sel, scan->batch_mcxt, e->values, e->nulls);
			if (e->revec)
				scan->vecs[e->col] = lh_revec(e->revec, &batch->sel, e->values, e->nulls);
		}
		MemoryContextSwitchTo(old);
	}
	if (scan->by_row)
		filter_locally(node, scan, &sel);
	bind_types(scan);
	lh_pg_check(s->ctx, lh_agg_update(s->ctx, scan->agg, scan->vecs, &sel));
}

/* Connections to other hosts belong to one thread. */
static bool
is_local(LhSource *s)
{
	const LhTaskList *tasks = lh_source_tasks(s);

	for (size_t i = 0; i < tasks->n; i++)
	{
		if (tasks->tasks[i].path[0] != '/')
			return false;
	}
	return true;
}

/* Helper threads for this run; 0: the session alone. */
static int
helpers_wanted(const AggScan *scan)
{
	LhSource   *s = scan->source;
	int			helpers;

	if (s->parallel != NULL || scan->local != NULL || scan->by_row || scan->nemitted > 0 || lh_source_asks_host(s))
		return 0;
	helpers = lh_pg_helpers(lh_source_bytes(s));
	return helpers > 0 && is_local(s) ? helpers : 0;
}

/* At the first run, as many as other sessions leave of those that are wanted; false: none. */
static bool
have_pool(AggScan *scan, int helpers)
{
	LhSource   *s = scan->source;
	LhArena    *old;
	int			got;

	if (scan->pool != NULL)
		return true;
	old = lh_use(s->ctx, s->arena);
	lh_pg_check(s->ctx, lh_pg_threads_take(s->ctx, helpers, &got));
	if (got > 0)
		lh_pg_check(s->ctx, lh_pool_create(s->ctx, got, &scan->pool));
	lh_use(s->ctx, old);
	return got > 0;
}

static void
run_with_threads(AggScan *scan, int helpers)
{
	LhSource   *s = scan->source;
	LhAggJob	job = {.nspecs = scan->naggs, .specs = scan->specs, .float_fast = lakehouse_float_fast};
	LhArena    *old = lh_use(s->ctx, s->arena);

	CHECK_FOR_INTERRUPTS();
	lh_source_spec(s, &job.scan);
	job.metadata = metadata_may_answer(scan);
	job.pool = scan->pool;
	job.helpers = helpers;
	lh_source_report(s, true);
	lh_pg_check(s->ctx, lh_agg_with_threads(s->ctx, &job, scan->agg));
	lh_source_report(s, false);
	scan->threads = Max(scan->threads, lh_pool_threads(scan->pool));
	/* to the types of whatever came last */
	scan->bound = false;
	lh_use(s->ctx, old);
}

TupleTableSlot *
lh_fdw_agg_iterate(ForeignScanState *node)
{
	AggScan    *scan = node->fdw_state;
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;
	const LhBatch *batch;
	int			helpers;

	ExecClearTuple(slot);
	if (scan->done)
		return slot;
	if (!scan->started)
		start(node, scan);
	helpers = helpers_wanted(scan);
	if (helpers > 0 && have_pool(scan, helpers))
		run_with_threads(scan, helpers);
	else
	{
		while ((batch = lh_source_next(scan->source)) != NULL)
			consume(node, scan, batch);
	}
	lh_source_notice(scan->source);
	lh_pg_check(scan->source->ctx, lh_agg_finish(scan->source->ctx, scan->agg));
	for (int i = 0; i < scan->naggs; i++)
		slot->tts_values[i] = lh_aggref_result(scan->source->ctx, &scan->targets[i], lh_agg_state(scan->agg, i), &slot->tts_isnull[i]);
	scan->done = true;
	return ExecStoreVirtualTuple(slot);
}

/* Parameters may have changed: conditions are built again, FILTER clauses with them. */
void
lh_fdw_agg_rescan(ForeignScanState *node)
{
	AggScan    *scan = node->fdw_state;

	scan->done = false;
	if (!scan->started)
		return;
	if (node->ss.ps.chgParam != NULL)
		build_round(node, scan);
	else
		lh_agg_reset(scan->agg);
	lh_source_rewind(scan->source);
}

void
lh_fdw_agg_end(ForeignScanState *node)
{
	AggScan    *scan = node->fdw_state;

	if (scan != NULL && scan->slot != NULL)
		ExecDropSingleTupleTableSlot(scan->slot);
}

List *
lh_fdw_agg_clauses(ForeignScanState *node, Index *rti)
{
	AggScan    *scan = node->fdw_state;

	*rti = scan->rti;
	return scan->conds;
}

LhSource *
lh_fdw_agg_source(ForeignScanState *node)
{
	return ((AggScan *) node->fdw_state)->source;
}

/* FILTERs that the engine did not take. */
static void
explain_filters(ForeignScanState *node, const AggScan *scan, ExplainState *es)
{
	ListCell   *lc;

	foreach(lc, scan->aggrefs)
	{
		if (scan->filters != NULL && scan->filters[foreach_current_index(lc)].state != NULL)
			lh_explain_list(&node->ss.ps, es, "Fallback Filter", list_make1(lfirst_node(Aggref, lc)->aggfilter));
	}
}

void
lh_fdw_agg_explain(ForeignScanState *node, ExplainState *es)
{
	AggScan    *scan = node->fdw_state;

	lh_explain_list(&node->ss.ps, es, "Vector Aggregate", scan->aggrefs);
	lh_explain_location(scan->source, es);
	lh_explain_pushed(&node->ss.ps, es, scan->conds, scan->rti);
	if (!es->analyze)
		return;
	if (scan->threads > 0)
		ExplainPropertyInteger("Helper Threads", NULL, scan->threads, es);
	explain_filters(node, scan, es);
	lh_explain_counters(scan->source, es);
}
