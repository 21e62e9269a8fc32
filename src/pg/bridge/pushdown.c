/*
 * pushdown.c
 *		Which clauses of a relation the engine evaluates.
 */
#include "pg/bridge/reader.h"

#include "nodes/makefuncs.h"
#include "optimizer/restrictinfo.h"

static int
compare_security(const ListCell *a, const ListCell *b)
{
	Index		l = lfirst_node(RestrictInfo, a)->security_level;
	Index		r = lfirst_node(RestrictInfo, b)->security_level;

	return l < r ? -1 : l > r;
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
}
