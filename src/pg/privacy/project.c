/*
 * project.c
 *		Projections of scans that put constants beside columns (see project.h).
 *
 * A constant mask is a constant when the query is planned.  All that it costs is that the scan has a projection at all, which
 * PostgreSQL does with one step of its interpreter for each column.  Here it is one function:
 *
 *	1. Columns that stand side by side in the row and in the result are copied together, a run; what a constant takes the place of within
 *	   a run is copied, too, and constants are put over it.
 *	2. Only the result's slot is written to.  The scan's keeps the row as it is: conditions of the scan, and locks of rows, need it.
 *
 * What is not exactly that stays with PostgreSQL: functions (to call them one by one took more), columns of the system and whole rows, plans that run others, compiled
 * expressions, results that are no virtual tuples.  Before the first row the columns are compared with the row's, as PostgreSQL
 * does; if they are others, it says so itself.  Plans that check a row again (EvalPlanQual) are built by PostgreSQL alone, and have none of this.
 */
#include "pg/privacy/project.h"

#include "executor/executor.h"
#include "jit/jit.h"
#include "nodes/execnodes.h"
#include "nodes/nodeFuncs.h"
#include "utils/expandeddatum.h"

/* lakehouse.project */
#define PROJECT_OFF 0
#define PROJECT_TELL 2

/* Plans that cost less end before it pays. */
#define COST_LEAST 50.0

typedef struct Run
{
	int			from;
	int			to;
	int			n;
} Run;

typedef struct Constant
{
	Datum		value;
	int			to;
	bool		isnull;
} Constant;

typedef struct Projection
{
	ExprStateEvalFunc before;	/* PostgreSQL's own */
	void	   *before_private;
	List	   *targets;
	int			need;			/* columns of the row, from the first */
	int			nruns;
	int			nconstants;
	Run		   *runs;
	Constant   *constants;
} Projection;

/* ---- a row ---- */

/* One by one: the row's were written one by one just now, and wider loads would have to wait for these writes. */
static inline void
copy_run(TupleTableSlot *result, const TupleTableSlot *row, const Run *run)
{
	Datum	   *values = result->tts_values + run->to;
	bool	   *nulls = result->tts_isnull + run->to;
	const Datum *from_values = row->tts_values + run->from;
	const bool *from_nulls = row->tts_isnull + run->from;

	for (int i = 0; i < run->n; i++)
	{
		values[i] = from_values[i];
		nulls[i] = from_nulls[i];
	}
}

/* An ExprStateEvalFunc: the caller has cleared the result and says afterwards that it is filled. */
static Datum
project(ExprState *state, ExprContext *econtext, bool *isnull)
{
	const Projection *p = state->evalfunc_private;
	TupleTableSlot *row = econtext->ecxt_scantuple;
	TupleTableSlot *result = state->resultslot;

	slot_getsomeattrs(row, p->need);
	for (int i = 0; i < p->nruns; i++)
		copy_run(result, row, &p->runs[i]);
	for (int i = 0; i < p->nconstants; i++)
	{
		const Constant *c = &p->constants[i];

		result->tts_values[c->to] = c->value;
		result->tts_isnull[c->to] = c->isnull;
	}
	return (Datum) 0;
}

/* The row's columns are those that the plan was made for. */
static bool
columns_are(List *targets, TupleDesc desc)
{
	ListCell   *lc;

	foreach(lc, targets)
	{
		const Var  *var = (const Var *) ((const TargetEntry *) lfirst(lc))->expr;

		if (!IsA(var, Var))
			continue;
		if (var->varattno > desc->natts || TupleDescAttr(desc, var->varattno - 1)->attisdropped ||
			TupleDescAttr(desc, var->varattno - 1)->atttypid != var->vartype)
			return false;
	}
	return true;
}

static Datum
project_first(ExprState *state, ExprContext *econtext, bool *isnull)
{
	Projection *p = state->evalfunc_private;

	if (!columns_are(p->targets, econtext->ecxt_scantuple->tts_tupleDescriptor))
	{
		state->evalfunc = p->before;
		state->evalfunc_private = p->before_private;
		return state->evalfunc(state, econtext, isnull);
	}
	state->evalfunc = project;
	return project(state, econtext, isnull);
}

/* ---- a plan ---- */

static bool
is_column(const Expr *expr)
{
	const Var  *var = (const Var *) expr;

	return IsA(expr, Var) && var->varattno > 0 && var->varlevelsup == 0 && var->varno != INNER_VAR && var->varno != OUTER_VAR;
}

static bool
is_constant(const Expr *expr)
{
	const Const *c = (const Const *) expr;

	return IsA(expr, Const) && (c->constisnull || c->constlen != -1 || !VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(c->constvalue)));
}

/* NULL: it stays with PostgreSQL. */
static Projection *
examine(List *targets)
{
	int			n = list_length(targets);
	Projection *p = palloc0(sizeof(Projection));
	ListCell   *lc;

	p->targets = targets;
	p->runs = palloc(sizeof(Run) * n);
	p->constants = palloc(sizeof(Constant) * n);
	foreach(lc, targets)
	{
		const TargetEntry *tle = lfirst(lc);
		int			to = foreach_current_index(lc);

		if (tle->resno != to + 1)
			return NULL;
		if (is_column(tle->expr))
		{
			int			from = ((const Var *) tle->expr)->varattno - 1;
			Run		   *last = p->nruns > 0 ? &p->runs[p->nruns - 1] : NULL;

			p->need = Max(p->need, from + 1);
			/* over what is put in place of others, too */
			if (last != NULL && from - to == last->from - last->to)
				last->n = to - last->to + 1;
			else
				p->runs[p->nruns++] = (Run) {from, to, 1};
			continue;
		}
		if (!is_constant(tle->expr))
			return NULL;
		p->constants[p->nconstants++] = (Constant) {((const Const *) tle->expr)->constvalue, to, ((const Const *) tle->expr)->constisnull};
	}
	return p->nconstants > 0 && p->nruns > 0 ? p : NULL;
}

static bool
is_scan(const PlanState *ps)
{
	switch (nodeTag(ps->plan))
	{
		case T_SeqScan:
		case T_SampleScan:
		case T_IndexScan:
		case T_IndexOnlyScan:
		case T_BitmapHeapScan:
		case T_TidScan:
		case T_TidRangeScan:
		case T_SubqueryScan:
			return true;
		default:
			return false;
	}
}

static void
take_over(PlanState *ps)
{
	ExprState  *state = &ps->ps_ProjInfo->pi_state;
	Projection *p = examine(ps->plan->targetlist);

	if (p == NULL || ps->ps_ProjInfo->pi_exprContext != ps->ps_ExprContext ||
		state->resultslot == NULL || state->resultslot->tts_ops != &TTSOpsVirtual ||
		state->resultslot->tts_tupleDescriptor->natts != list_length(ps->plan->targetlist))
		return;
	p->before = state->evalfunc;
	p->before_private = state->evalfunc_private;
	state->evalfunc_private = p;
	state->evalfunc = project_first;
	if (lakehouse_project == PROJECT_TELL)
		ereport(NOTICE, (errmsg_internal("lakehouse projects %d runs of columns, %d constants", p->nruns, p->nconstants)));
}

static bool
walk(PlanState *ps, void *context)
{
	check_stack_depth();
	if (ps->ps_ProjInfo != NULL && is_scan(ps))
		take_over(ps);
	return planstate_tree_walker(ps, walk, context);
}

void
lh_project_started(QueryDesc *query)
{
	MemoryContext old;

	if (query->planstate == NULL || query->plannedstmt->planTree->total_cost < COST_LEAST || lakehouse_project == PROJECT_OFF ||
		(query->estate->es_jit_flags & PGJIT_PERFORM) != 0 || (query->estate->es_top_eflags & EXEC_FLAG_EXPLAIN_ONLY) != 0)
		return;
	old = MemoryContextSwitchTo(query->estate->es_query_cxt);
	(void) walk(query->planstate, NULL);
	MemoryContextSwitchTo(old);
}
