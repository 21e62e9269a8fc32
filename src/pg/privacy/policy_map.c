/*
 * policy_map.c
 *		Expressions of one relation over another of its family.
 *
 * Partitions, children and parents have the same columns by name; their numbers differ as soon as
 * one was made by hand or lost a column.
 */
#include "pg/privacy/policy_internal.h"

#include "nodes/nodeFuncs.h"
#include "utils/lsyscache.h"

AttrNumber
lh_policy_map_column(Oid from, AttrNumber attnum, Oid to)
{
	char	   *name;
	AttrNumber	found;

	if (from == to || attnum <= 0)
		return attnum;
	name = get_attname(from, attnum, true);
	found = name != NULL ? get_attnum(to, name) : InvalidAttrNumber;
	return found > 0 ? found : InvalidAttrNumber;
}

typedef struct Map
{
	Oid			from;
	Oid			to;
	int			level;
	bool		failed;
} Map;

static void
map_var(Var *var, Map *map)
{
	AttrNumber	attnum = lh_policy_map_column(map->from, var->varattno, map->to);
	Oid			type,
				collation;
	int32		typmod;

	if (attnum != InvalidAttrNumber)
		get_atttypetypmodcoll(map->to, attnum, &type, &typmod, &collation);
	if (attnum == InvalidAttrNumber || type != var->vartype || collation != var->varcollid)
	{
		map->failed = true;
		return;
	}
	var->varattno = attnum;
	var->varattnosyn = attnum;
}

static bool
map_node(Node *node, void *context)
{
	Map		   *map = context;

	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		if ((int) ((Var *) node)->varlevelsup == map->level && ((Var *) node)->varno == 1)
			map_var((Var *) node, map);
		return map->failed;
	}
	if (IsA(node, Query))
	{
		bool		stop;

		map->level++;
		stop = query_tree_walker((Query *) node, map_node, map, 0);
		map->level--;
		return stop;
	}
	return expression_tree_walker(node, map_node, map);
}

Node *
lh_policy_map(const Node *expr, Oid from, Oid to)
{
	Map			map = {.from = from, .to = to};
	Node	   *copy = copyObject(unconstify(Node *, expr));

	if (from != to)
		(void) map_node(copy, &map);
	return map.failed ? NULL : copy;
}
