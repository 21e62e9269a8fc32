/*
 * estimate.c
 *		What an Iceberg table's manifest list says of selectivities and widths.
 *
 * Without statistics of ANALYZE the planner guesses: one row of 200 for an equality, a third for a comparison, 32 bytes
 * for a text.  The list of manifests, which planning has read, knows better in two cases:
 *
 *	1. Conditions on partition columns: the share of rows in manifests where all rows pass is added to what is
 *	   guessed of those where it is not known; in the others none pass.  The planner's own place for the selectivity of a
 *	   clause takes it.
 *	2. Columns of variable width: the bytes of a row say whether texts are long or short.
 *
 * What ANALYZE found of a column comes first: a clause of which it knows the column is left to it.
 */
#include "pg/fdw/fdw.h"

#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "access/sysattr.h"
#include "catalog/pg_statistic.h"
#include "iceberg/iceberg.h"

/* Files are compressed, so that a row takes more bytes in memory. */
#define INFLATION 2.0

/* Bytes of a text that are believed: so many columns as tables may have, and joins of them, stay below what a width can be. */
#define MAX_WIDTH (256 * 1024)

static bool
is_analyzed(Oid relid, AttrNumber attno)
{
	return SearchSysCacheExists3(STATRELATTINH, ObjectIdGetDatum(relid), Int16GetDatum(attno), BoolGetDatum(false));
}

/* ---- selectivities ---- */

typedef struct Estimate
{
	LhSource   *source;
	LhScanColumn *cols;
	LhQualColumn *quals;		/* by attno - 1 */
	int			ncols;
	LhPred	  **filters;
	RestrictInfo **clauses;		/* of filters */
	int			n;
} Estimate;

static bool
has_param(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param) || IsA(node, SubPlan) || IsA(node, AlternativeSubPlan))
		return true;
	return expression_tree_walker(node, has_param, context);
}

/* The columns of a clause, as scan columns; false: one of them is none, or ANALYZE knows it. */
static bool
bind_columns(Estimate *e, Node *clause, Index rti)
{
	LhSource   *s = e->source;
	Bitmapset  *attrs = NULL;
	int			i = -1;

	pull_varattnos(clause, rti, &attrs);
	while ((i = bms_next_member(attrs, i)) >= 0)
	{
		AttrNumber	attno = (AttrNumber) (i + FirstLowInvalidHeapAttributeNumber);
		LhQualColumn *q;
		LhScanColumn c = {.field_id = -1};

		if (attno <= 0 || s->names[attno - 1] == NULL || is_analyzed(s->relid, attno))
			return false;
		q = &e->quals[attno - 1];
		if (q->col >= 0)
			continue;
		c.field_id = s->field_ids[attno - 1];
		if (c.field_id >= 0 ? !lh_source_find_field(&s->schema, c.field_id, &c) : !lh_source_find(&s->schema, s->names[attno - 1], &c))
			return false;
		q->type = c.type;
		q->col = e->ncols;
		e->cols[e->ncols++] = c;
	}
	return attrs != NULL;
}

static void
add_clause(PlannerInfo *root, RelOptInfo *rel, Estimate *e, RestrictInfo *ri, ExprContext *econtext)
{
	LhSource   *s = e->source;
	LhQualBuild build = {s->ctx, econtext, NULL, rel->relid, s->desc->natts, e->quals, NULL};
	Node	   *clause;
	const char *why = NULL;

	/* what has a value now is estimated with it */
	if (ri->pseudoconstant || contain_volatile_functions((Node *) ri->clause))
		return;
	clause = estimate_expression_value(root, (Node *) ri->clause);
	if (has_param(clause, NULL) || contain_mutable_functions(clause) || !lh_qual_pushable((Expr *) clause, rel->relid, &why) ||
		!bind_columns(e, clause, rel->relid) || !lh_qual_build((Expr *) clause, &build, &e->filters[e->n], &why))
		return;
	e->clauses[e->n++] = ri;
}

/* Give the clauses their selectivities, where the list says more than nothing. */
static void
set_selectivities(PlannerInfo *root, RelOptInfo *rel, Estimate *e)
{
	LhSource   *s = e->source;
	LhTaskFilter filter = {e->ncols, e->cols, e->n, e->filters, NULL};
	LhIceShare *shares = palloc(sizeof(LhIceShare) * e->n);
	LhStatus	status = lh_ice_shares(s->ctx, s->table, &filter, shares);

	if (status == LH_CANCELLED)
		lh_pg_cancelled(s->ctx);
	if (status != LH_OK)
	{
		lh_error_clear(s->ctx);
		return;
	}
	for (int i = 0; i < e->n; i++)
	{
		Selectivity guess;

		if (shares[i].maybe >= 1)
			continue;
		guess = clause_selectivity(root, (Node *) e->clauses[i], 0, JOIN_INNER, NULL);
		e->clauses[i]->norm_selec = Min(shares[i].all + shares[i].maybe * guess, 1.0);
	}
}

static void
estimate_clauses(PlannerInfo *root, RelOptInfo *rel, LhSource *s)
{
	int			most = list_length(rel->baserestrictinfo);
	Estimate	e = {.source = s};
	ExprContext *econtext;
	LhArena    *arena,
			   *old;
	ListCell   *lc;

	if (most == 0)
		return;
	arena = lh_arena_child(s->arena);
	if (arena == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	e.cols = palloc0(sizeof(LhScanColumn) * Max(s->desc->natts, 1));
	e.quals = palloc(sizeof(LhQualColumn) * Max(s->desc->natts, 1));
	memcpy(e.quals, s->quals, sizeof(LhQualColumn) * s->desc->natts);
	e.filters = palloc0(sizeof(LhPred *) * most);
	e.clauses = palloc0(sizeof(RestrictInfo *) * most);
	econtext = CreateStandaloneExprContext();
	old = lh_use(s->ctx, arena);
	foreach(lc, rel->baserestrictinfo)
		add_clause(root, rel, &e, lfirst_node(RestrictInfo, lc), econtext);
	if (e.n > 0)
		set_selectivities(root, rel, &e);
	lh_use(s->ctx, old);
	lh_arena_destroy(arena);
	FreeExprContext(econtext, true);
}

/* ---- widths ---- */

/*
 * Texts and their like get what a row has left beside its other columns, at least one byte each: the planner's 32 bytes scaled
 * by what all columns would take and what a row does.
 */
static void
estimate_widths(RelOptInfo *rel, LhSource *s)
{
	double		guess = 0,
				factor;

	if (s->schema.rows < 1 || s->schema.bytes < 1)
		return;
	for (int i = 0; i < s->desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(s->desc, i);

		if (!att->attisdropped)
			guess += get_typavgwidth(att->atttypid, att->atttypmod);
	}
	factor = (double) s->schema.bytes / s->schema.rows * INFLATION / Max(guess, 1);
	for (int i = 0; i < s->desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(s->desc, i);
		AttrNumber	attno = (AttrNumber) (i + 1);
		double		width;

		if (att->attisdropped || att->attlen >= 0 || attno > rel->max_attr || is_analyzed(s->relid, attno))
			continue;
		width = get_typavgwidth(att->atttypid, att->atttypmod) * factor;
		rel->attr_widths[attno - rel->min_attr] = (int32) Min(Max(width, 4), MAX_WIDTH);
	}
}

void
lh_fdw_estimate(PlannerInfo *root, RelOptInfo *rel, LhSource *source)
{
	estimate_clauses(root, rel, source);
	estimate_widths(rel, source);
}
