/*
 * members.c
 *		(s).a: which members of composite columns a query uses.
 *
 * A composite column that is used by its members alone need not be read whole.
 *
 *	1. A member is a chain of FieldSelects over a column, all of whose types are
 *	   composite and no domains: a domain's constraint wants the whole value.
 *	2. Base relations want whole columns in their target list, whatever is above,
 *	   so planning looks at the whole query for uses of the column itself.  A
 *	   partition's columns are used under the name of its parent.
 *	3. What is left out is null in the composite value of the scan; nobody looks
 *	   at it.  A member of a null value is null, as a member of nulls is.
 */
#include "pg/bridge/members.h"

#include "access/sysattr.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

static bool
is_plain_composite(Oid typid)
{
	return get_typtype(typid) == TYPTYPE_COMPOSITE;
}

static List *
path_at(Node *node, Index rti, int level)
{
	List	   *path;

	check_stack_depth();
	if (node == NULL)
		return NIL;
	if (IsA(node, Var))
	{
		Var		   *var = (Var *) node;

		if (var->varno != (int) rti || (int) var->varlevelsup != level || var->varattno <= 0 ||
			!is_plain_composite(var->vartype))
			return NIL;
		return list_make1_int(var->varattno);
	}
	if (!IsA(node, FieldSelect))
		return NIL;
	path = path_at((Node *) ((FieldSelect *) node)->arg, rti, level);
	if (path == NIL || (IsA(((FieldSelect *) node)->arg, FieldSelect) &&
						!is_plain_composite(((FieldSelect *) ((FieldSelect *) node)->arg)->resulttype)))
		return NIL;
	return lappend_int(path, ((FieldSelect *) node)->fieldnum);
}

List *
lh_member_path(Node *node, Index rti)
{
	if (node == NULL || !IsA(node, FieldSelect) ||
		get_typtype(((FieldSelect *) node)->resulttype) == TYPTYPE_DOMAIN)
		return NIL;
	return path_at(node, rti, 0);
}

/* ---- uses ---- */

typedef struct Uses
{
	Index		rti;
	int			level;			/* of sub-queries */
	Bitmapset  *whole;			/* as pull_varattnos */
	List	   *paths;
} Uses;

static bool
uses_walker(Node *node, Uses *u)
{
	if (node == NULL)
		return false;
	if (IsA(node, RestrictInfo))
		return uses_walker((Node *) ((RestrictInfo *) node)->clause, u);
	if (IsA(node, FieldSelect) && get_typtype(((FieldSelect *) node)->resulttype) != TYPTYPE_DOMAIN)
	{
		List	   *path = path_at(node, u->rti, u->level);

		if (path != NIL)
		{
			u->paths = list_append_unique(u->paths, path);
			return false;
		}
	}
	if (IsA(node, Var))
	{
		Var		   *var = (Var *) node;

		if (var->varno == (int) u->rti && (int) var->varlevelsup == u->level)
			u->whole = bms_add_member(u->whole, var->varattno - FirstLowInvalidHeapAttributeNumber);
		return false;
	}
	if (IsA(node, Query))
	{
		bool		stopped;

		u->level++;
		/* aliases of joins name columns that nobody need use */
		stopped = query_tree_walker((Query *) node, uses_walker, (void *) u, QTW_IGNORE_JOINALIASES);
		u->level--;
		return stopped;
	}
	return expression_tree_walker(node, uses_walker, (void *) u);
}

void
lh_member_uses(Node *node, Index rti, Bitmapset **whole, List **paths)
{
	Uses		u = {rti, 0, *whole, *paths};

	(void) uses_walker(node, &u);
	*whole = u.whole;
	*paths = u.paths;
}

bool
lh_has_members(Node *node, Index rti)
{
	Bitmapset  *whole = NULL;
	List	   *paths = NIL;

	lh_member_uses(node, rti, &whole, &paths);
	return paths != NIL;
}

static int
compare_paths(const ListCell *a, const ListCell *b)
{
	List	   *l = lfirst(a);
	List	   *r = lfirst(b);

	for (int i = 0; i < list_length(l) && i < list_length(r); i++)
	{
		if (list_nth_int(l, i) != list_nth_int(r, i))
			return list_nth_int(l, i) - list_nth_int(r, i);
	}
	return list_length(l) - list_length(r);
}

/* "s.a.b" in UTF-8; column: the name of s in the files. */
static char *
path_text(TupleDesc desc, const char *column, List *path)
{
	Oid			typid = TupleDescAttr(desc, linitial_int(path) - 1)->atttypid;
	char	   *text = pstrdup(column);

	for (int i = 1; i < list_length(path); i++)
	{
		TupleDesc	row = lookup_rowtype_tupdesc_copy(typid, -1);
		Form_pg_attribute att = TupleDescAttr(row, list_nth_int(path, i) - 1);

		text = psprintf("%s.%s", text, lh_pg_utf8(NameStr(att->attname)));
		typid = att->atttypid;
	}
	return text;
}

List *
lh_columns_read(TupleDesc desc, const char *const *names, List *attnos, List *members, List *clauses, Index rti)
{
	Bitmapset  *attrs = NULL;
	List	   *paths = list_copy(members);
	List	   *texts = NIL;
	ListCell   *lc;

	lh_member_uses((Node *) clauses, rti, &attrs, &paths);
	foreach(lc, attnos)
		attrs = bms_add_member(attrs, lfirst_int(lc) - FirstLowInvalidHeapAttributeNumber);
	list_sort(paths, compare_paths);
	for (int a = 1; a <= desc->natts; a++)
	{
		if (bms_is_member(a - FirstLowInvalidHeapAttributeNumber, attrs))
		{
			texts = lappend(texts, unconstify(char *, names[a - 1]));
			continue;
		}
		foreach(lc, paths)
		{
			if (linitial_int(lfirst(lc)) == a)
				texts = lappend(texts, path_text(desc, names[a - 1], lfirst(lc)));
		}
	}
	return texts;
}

/* ---- planning ---- */

/*
 * Under which relation and number the query uses an attribute: partitions have
 * those of their topmost parent.  0: under none.
 */
static AttrNumber
attribute_of_query(PlannerInfo *root, Index *rti, AttrNumber attno)
{
	while (root->append_rel_array != NULL && root->append_rel_array[*rti] != NULL &&
		   OidIsValid(root->append_rel_array[*rti]->parent_reltype))
	{
		AppendRelInfo *info = root->append_rel_array[*rti];

		if (attno > info->num_child_cols || info->parent_colnos[attno - 1] == 0)
			return 0;
		attno = info->parent_colnos[attno - 1];
		*rti = info->parent_relid;
	}
	return attno;
}

/* All uses of a relation in the query, outside of the plans of its sub-queries. */
static void
uses_in_query(PlannerInfo *root, Index rti, Uses *u)
{
	ListCell   *lc;

	*u = (Uses) {.rti = rti};
	(void) query_tree_walker(root->parse, uses_walker, (void *) u, QTW_IGNORE_JOINALIASES);
	(void) uses_walker((Node *) root->processed_tlist, u);
	foreach(lc, root->append_rel_list)
	{
		AppendRelInfo *info = lfirst_node(AppendRelInfo, lc);

		/* members of UNION ALL compute the columns of it */
		if (!OidIsValid(info->parent_reltype))
			(void) uses_walker((Node *) info->translated_vars, u);
	}
}

/* Paths among those of the query that begin with attno, beginning with own instead. */
static List *
paths_of(const Uses *u, AttrNumber attno, AttrNumber own)
{
	List	   *list = NIL;
	ListCell   *lc;

	foreach(lc, u->paths)
	{
		if (linitial_int(lfirst(lc)) == attno)
			list = lappend(list, lcons_int(own, list_copy_tail(lfirst(lc), 1)));
	}
	return list;
}

/* Without those that lie inside another one: (s).a holds (s).a.b. */
static List *
outermost(List *paths)
{
	List	   *list = NIL;
	ListCell   *lc,
			   *other;

	foreach(lc, paths)
	{
		List	   *path = lfirst(lc);
		bool		inside = false;

		foreach(other, paths)
		{
			int			n = list_length(lfirst(other));

			inside |= n < list_length(path) && equal(lfirst(other), list_truncate(list_copy(path), n));
		}
		if (!inside)
			list = lappend(list, path);
	}
	return list;
}

List *
lh_plan_members(PlannerInfo *root, RelOptInfo *rel, List *local, Bitmapset **attrs)
{
	Index		top = rel->relid;
	Uses		query,
				own = {.rti = rel->relid};
	List	   *members = NIL;
	bool		asked = false;
	int			i = -1;

	if (!lakehouse_pushdown || bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, *attrs))
		return NIL;
	(void) uses_walker((Node *) local, &own);
	while ((i = bms_next_member(*attrs, i)) >= 0)
	{
		AttrNumber	attno = (AttrNumber) (i + FirstLowInvalidHeapAttributeNumber);
		AttrNumber	there;
		List	   *paths;

		top = rel->relid;
		if (attno <= 0 || bms_is_member(i, own.whole))
			continue;
		there = attribute_of_query(root, &top, attno);
		if (there == 0)
			continue;
		if (!asked)
			uses_in_query(root, top, &query);
		asked = true;
		if (bms_is_member(there - FirstLowInvalidHeapAttributeNumber, query.whole) ||
			bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, query.whole))
			continue;
		/* what only a clause of this relation has was made from the query's, too */
		paths = list_concat_unique(paths_of(&query, there, attno), paths_of(&own, attno, attno));
		if (paths == NIL)
			continue;
		members = list_concat(members, outermost(paths));
		*attrs = bms_del_member(*attrs, i);
	}
	return members;
}
