/*
 * pushdown.c
 *		Which clauses of a relation the engine evaluates.
 */
#include "pg/bridge/reader.h"

#include "nodes/makefuncs.h"
#include "optimizer/restrictinfo.h"

#include "pg/bridge/host.h"

/* As order_qual_clauses sorts: by security level, then by cost. */
static int
compare_cost(const ListCell *a, const ListCell *b)
{
	const RestrictInfo *l = lfirst_node(RestrictInfo, a);
	const RestrictInfo *r = lfirst_node(RestrictInfo, b);

	if (l->security_level != r->security_level)
		return l->security_level < r->security_level ? -1 : 1;
	return l->eval_cost.per_tuple < r->eval_cost.per_tuple ? -1 : l->eval_cost.per_tuple > r->eval_cost.per_tuple;
}

static int
compare_security(const ListCell *a, const ListCell *b)
{
	Index		l = lfirst_node(RestrictInfo, a)->security_level;
	Index		r = lfirst_node(RestrictInfo, b)->security_level;

	return l < r ? -1 : l > r;
}

/*
 * Clauses that PostgreSQL may answer once a dictionary entry, behind those that
 * have a vector form.  Only when nothing is left to the executor: it would come
 * later, although its order of clauses might put it first, and user code must
 * not see values that such a clause hides.
 */
static void
push_host_clauses(RelOptInfo *rel, List **pushed, List **local, List **reasons)
{
	List	   *hosts;
	ListCell   *lc;

	foreach(lc, *local)
	{
		if (lh_qual_hostable(lfirst_node(RestrictInfo, lc)->clause, rel->relid) == 0)
			return;
	}
	hosts = list_copy(*local);
	list_sort(hosts, compare_cost);
	*pushed = list_concat(*pushed, hosts);
	*local = *reasons = NIL;
}

void
lh_push_clauses(RelOptInfo *rel, List *clauses, List **pushed, List **local, List **reasons)
{
	List	   *candidates = NIL;
	Index		lowest = UINT_MAX;
	ListCell   *lc;

	*pushed = *local = *reasons = NIL;
	foreach(lc, clauses)
	{
		RestrictInfo *ri = lfirst_node(RestrictInfo, lc);
		const char *why = "lakehouse.pushdown is off";

		if (ri->pseudoconstant)
			continue;
		if (lakehouse_pushdown && lh_qual_pushable(ri->clause, rel->relid, &why))
		{
			candidates = lappend(candidates, ri);
			continue;
		}
		*local = lappend(*local, ri);
		*reasons = lappend(*reasons, makeString(pstrdup(why ? why : "")));
		lowest = Min(lowest, ri->security_level);
	}
	foreach(lc, candidates)
	{
		RestrictInfo *ri = lfirst_node(RestrictInfo, lc);

		if (ri->security_level <= lowest || ri->leakproof)
			*pushed = lappend(*pushed, ri);
		else
		{
			*local = lappend(*local, ri);
			*reasons = lappend(*reasons, makeString("must wait for a security barrier"));
		}
	}
	list_sort(*pushed, compare_security);
	if (lakehouse_pushdown)
		push_host_clauses(rel, pushed, local, reasons);
}
