/*
 * probe.c
 *		Paths for the inner side of nested loops: a clause that compares a column
 *		with one of another relation becomes a filter whose value is new in each
 *		rescan.
 *
 * A scan without such clauses reads the table once, for a hash join; one with
 * them reads, for each outer row, the row groups that its value leaves.  So a
 * path is offered only where the footers (of at most LH_PLAN_FOOTERS files) say
 * that these are few:
 *
 *	statistics	bounds of different row groups hardly meet each other: the table
 *				is sorted by the column, or nearly so, or partitioned by it
 *	bloom		each row group has a filter, and a value has few rows
 *
 * The plan holds nothing of this, only the costs.
 */
#include "pg/fdw/fdw.h"

#include "access/sysattr.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"

/* A probe that reads more of the table than this is no cheap one. */
#define MAX_SHARE 0.5
/* Bloom filters say "perhaps" for so many of the row groups that lack a value. */
#define BLOOM_FALSE 0.02
/* To judge a row group by its footer, in cpu_operator_cost. */
#define GROUP_COST 20

typedef struct Probe
{
	PlannerInfo *root;
	RelOptInfo *rel;
	AttrNumber	attno;			/* whose equivalences are wanted */
	List	   *outers;			/* of Relids: different parameterisations */
	LhOverlap **overlaps;		/* by attno - 1; NULL: not asked for yet */
} Probe;

/* ---- which relations may give parameters ---- */

/* The clause as a reason for a path: its other relations. */
static void
add_outer(Probe *probe, RestrictInfo *ri)
{
	bool		equality;
	Relids		outer;
	ListCell   *lc;

	if (!join_clause_is_movable_to(ri, probe->rel) ||
		lh_qual_probe(ri->clause, probe->rel->relid, &equality) == 0 ||
		!lh_qual_pushable(ri->clause, probe->rel->relid, NULL))
		return;
	outer = bms_union(ri->clause_relids, probe->rel->lateral_relids);
	outer = bms_del_member(outer, (int) probe->rel->relid);
	if (bms_is_empty(outer))
		return;
	foreach(lc, probe->outers)
	{
		if (bms_equal(lfirst(lc), outer))
			return;
	}
	probe->outers = lappend(probe->outers, outer);
}

/* ec_matches_callback_type: is it the attribute in question? */
static bool
is_attribute(PlannerInfo *root, RelOptInfo *rel, EquivalenceClass *ec, EquivalenceMember *em, void *arg)
{
	Node	   *node = (Node *) em->em_expr;

	while (node != NULL && IsA(node, RelabelType))
		node = (Node *) ((RelabelType *) node)->arg;
	return node != NULL && IsA(node, Var) && ((Var *) node)->varno == (int) rel->relid &&
		((Var *) node)->varlevelsup == 0 && ((Var *) node)->varattno == ((Probe *) arg)->attno;
}

static void
find_outers(Probe *probe)
{
	RelOptInfo *rel = probe->rel;
	Bitmapset  *attrs = NULL;
	ListCell   *lc;

	foreach(lc, rel->joininfo)
		add_outer(probe, lfirst_node(RestrictInfo, lc));
	if (!rel->has_eclass_joins)
		return;
	/* what joins compare leaves the scan (attr_needed says nothing of partitions) */
	pull_varattnos((Node *) rel->reltarget->exprs, rel->relid, &attrs);
	for (probe->attno = 1; probe->attno <= rel->max_attr; probe->attno++)
	{
		if (!bms_is_member(probe->attno - FirstLowInvalidHeapAttributeNumber, attrs))
			continue;
		foreach(lc, generate_implied_equalities_for_column(probe->root, rel, is_attribute, probe,
														   rel->lateral_referencers))
			add_outer(probe, lfirst_node(RestrictInfo, lc));
	}
}

/* ---- what a probe reads ---- */

static const LhOverlap *
overlap_of(Probe *probe, AttrNumber attno)
{
	LhOverlap **o = &probe->overlaps[attno - 1];

	if (*o != NULL)
		return *o;
	*o = palloc(sizeof(LhOverlap));
	if (!lh_source_overlap(((LhFdwRel *) probe->rel->fdw_private)->source, attno, LH_PLAN_FOOTERS, *o))
		**o = (LhOverlap) {.others = 1};
	return *o;
}

/* Of the table's row groups, the share that one clause leaves; "rows" come out of the probe. */
static double
share_of_clause(Probe *probe, RestrictInfo *ri, double rows)
{
	LhFdwRel   *info = probe->rel->fdw_private;
	bool		equality = false;
	AttrNumber	attno = lh_qual_probe(ri->clause, probe->rel->relid, &equality);
	const LhOverlap *overlap;
	double		share;

	if (attno == 0)
		return 1;
	overlap = overlap_of(probe, attno);
	/* the row group where the value lies, and those that also might hold it */
	share = 1 / info->source->schema.groups + overlap->others;
	if (!equality)
		return share + rows / Max(probe->rel->tuples, 1);
	if (overlap->bloom)
		share = Min(share, Max(rows, 1) / info->source->schema.groups + BLOOM_FALSE);
	return Min(share, 1);
}

/* The least of them, over the clauses that come with the parameters and that the scan evaluates. */
static double
share_of_table(Probe *probe, const ParamPathInfo *params)
{
	List	   *pushed,
			   *local,
			   *reasons;
	double		share = 1;
	ListCell   *lc;

	lh_push_clauses(probe->rel, list_concat_copy(probe->rel->baserestrictinfo, params->ppi_clauses),
					&pushed, &local, &reasons);
	foreach(lc, pushed)
	{
		if (list_member_ptr(params->ppi_clauses, lfirst(lc)))
			share = Min(share, share_of_clause(probe, lfirst(lc), params->ppi_rows));
	}
	return share;
}

static void
add_probe_path(Probe *probe, Relids outer)
{
	RelOptInfo *rel = probe->rel;
	LhFdwRel   *info = rel->fdw_private;
	ParamPathInfo *params = get_baserel_parampathinfo(probe->root, rel, outer);
	double		share = share_of_table(probe, params);
	QualCost	quals;
	Cost		startup,
				total;

	if (share > MAX_SHARE)
		return;
	cost_qual_eval(&quals, params->ppi_clauses, probe->root);
	startup = rel->baserestrictcost.startup + quals.startup + rel->reltarget->cost.startup;
	total = startup + info->source->schema.groups * GROUP_COST * cpu_operator_cost;
	total += share * (info->read / BLCKSZ * seq_page_cost +
					  rel->tuples * (info->used * cpu_operator_cost * 0.5 + rel->baserestrictcost.per_tuple +
									 quals.per_tuple));
	total += params->ppi_rows * (cpu_tuple_cost + rel->reltarget->cost.per_tuple);
	add_path(rel, (Path *) LH_CREATE_FOREIGNSCAN_PATH(probe->root, rel, NULL, params->ppi_rows, startup, total,
													  NIL, outer, NULL, NIL));
}

void
lh_fdw_probe_paths(PlannerInfo *root, RelOptInfo *rel)
{
	Probe		probe = {.root = root, .rel = rel};
	ListCell   *lc;

	probe.overlaps = palloc0(sizeof(LhOverlap *) * Max(rel->max_attr, 1));
	find_outers(&probe);
	foreach(lc, probe.outers)
		add_probe_path(&probe, lfirst(lc));
}
