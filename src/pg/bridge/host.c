/*
 * host.c
 *		Conditions that PostgreSQL evaluates, once for each dictionary entry.
 */
#include "pg/bridge/host.h"

#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "pg/bridge/emit.h"
#include "pg/bridge/source.h"

typedef struct HostQual
{
	const Expr *clause;
	ExprState  *state;
	AttrNumber	attno;
	LhEmitter  *emitter;
} HostQual;

struct LhHostQuals
{
	LhSource   *source;
	PlanState  *parent;
	ExprContext *econtext;
	TupleTableSlot *slot;		/* the table's row with one column */
	MemoryContext batch_mcxt;	/* values asked about */
	int			n;
	int			room;
	HostQual   *quals;
	Datum	   *values;
	bool	   *nulls;
};

/* Null or false whenever the column is null.  AND, OR and NOT of such clauses are, too. */
static bool
rejects_null(Node *node)
{
	ListCell   *lc;

	if (!IsA(node, BoolExpr))
		return !contain_nonstrict_functions(node);
	foreach(lc, ((BoolExpr *) node)->args)
	{
		if (!contain_var_clause(lfirst(lc)) || !rejects_null(lfirst(lc)))
			return false;
	}
	return true;
}

AttrNumber
lh_qual_hostable(Expr *clause, Index rti)
{
	List	   *vars;
	ListCell   *lc;
	AttrNumber	attno = 0;

	if (contain_subplans((Node *) clause) || contain_mutable_functions((Node *) clause) ||
		!rejects_null((Node *) clause))
		return 0;
	vars = pull_var_clause((Node *) clause, PVC_RECURSE_PLACEHOLDERS);
	foreach(lc, vars)
	{
		Var		   *var = lfirst_node(Var, lc);

		if (var->varno != (int) rti || var->varlevelsup != 0 || var->varattno <= 0 ||
			(attno != 0 && var->varattno != attno) || type_is_rowtype(var->vartype))
			return 0;
		attno = var->varattno;
	}
	return attno;
}

LhHostQuals *
lh_host_create(LhSource *source, PlanState *parent)
{
	MemoryContext old = MemoryContextSwitchTo(source->mcxt);
	LhHostQuals *h = palloc0(sizeof(LhHostQuals));

	h->source = source;
	h->parent = parent;
	h->econtext = CreateExprContext(parent->state);
	h->slot = MakeTupleTableSlot(source->desc, &TTSOpsVirtual);
	h->batch_mcxt = AllocSetContextCreate(source->mcxt, "lakehouse host conditions", ALLOCSET_DEFAULT_SIZES);
	h->values = palloc(sizeof(Datum) * LH_BATCH);
	h->nulls = palloc(sizeof(bool) * LH_BATCH);
	MemoryContextSwitchTo(old);
	return h;
}

void
lh_host_add(LhHostQuals *h, Expr *clause, AttrNumber attno, LhPred **out)
{
	LhSource   *s = h->source;
	LhQualColumn *c = &s->quals[attno - 1];
	MemoryContext old = MemoryContextSwitchTo(s->mcxt);

	/* a rescan asks for the same clauses again */
	for (int i = 0; i < h->n; i++)
	{
		if (h->quals[i].clause != clause)
			continue;
		MemoryContextSwitchTo(old);
		lh_pg_check(s->ctx, lh_pred_leaf(s->ctx, LH_P_HOST, c->col, NULL, out));
		(*out)->host_id = i;
		return;
	}
	if (h->n == h->room)
	{
		h->room = Max(4, h->room * 2);
		h->quals = h->quals ? repalloc(h->quals, sizeof(HostQual) * h->room) : palloc(sizeof(HostQual) * h->room);
	}
	h->quals[h->n].state = ExecInitQual(list_make1(clause), h->parent);
	h->quals[h->n].clause = clause;
	h->quals[h->n].attno = attno;
	h->quals[h->n].emitter = lh_emitter_create(s->ctx, s->mcxt, NameStr(TupleDescAttr(s->desc, attno - 1)->attname),
											   c->typid, c->typmod, &c->emit);
	MemoryContextSwitchTo(old);
	lh_pg_check(s->ctx, lh_pred_leaf(s->ctx, LH_P_HOST, c->col, NULL, out));
	(*out)->host_id = h->n++;
}

/* Values of up to LH_BATCH items, then the condition on each. */
static void
answer_some(LhHostQuals *h, HostQual *q, const LhVec *vec, const uint32_t *items, int n, uint8_t *result)
{
	TupleTableSlot *slot = h->slot;
	int			at = q->attno - 1;
	MemoryContext old;

	MemoryContextReset(h->batch_mcxt);
	old = MemoryContextSwitchTo(h->batch_mcxt);
	lh_emit_rows(q->emitter, vec, items, n, h->batch_mcxt, h->values, h->nulls);
	MemoryContextSwitchTo(old);
	for (int k = 0; k < n; k++)
	{
		CHECK_FOR_INTERRUPTS();
		ResetExprContext(h->econtext);
		ExecClearTuple(slot);
		memset(slot->tts_isnull, true, sizeof(bool) * slot->tts_tupleDescriptor->natts);
		slot->tts_values[at] = h->values[k];
		slot->tts_isnull[at] = h->nulls[k];
		ExecStoreVirtualTuple(slot);
		h->econtext->ecxt_scantuple = slot;
		result[k] = ExecQual(q->state, h->econtext);
	}
	ExecClearTuple(slot);
}

void
lh_host_answer(LhHostQuals *h, LhHostRequest *request)
{
	HostQual   *q = &h->quals[request->host_id];
	LhVec		entries;
	const LhVec *vec = request->vec;

	if (request->dict != NULL)
	{
		memset(&entries, 0, sizeof(entries));
		entries.type = request->dict->type;
		entries.kind = LH_VEC_FLAT;
		entries.n = (int) request->dict->n;
		entries.data = request->dict->values;
		vec = &entries;
	}
	for (int from = 0; from < request->n; from += LH_BATCH)
		answer_some(h, q, vec, request->items + from, Min(LH_BATCH, request->n - from), request->result + from);
}
