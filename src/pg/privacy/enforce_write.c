/*
 * enforce_write.c
 *		What a statement may do with the masked columns of the table that it writes to.
 *
 * A table that is written to cannot be replaced by a subquery of masks: it has to be the table.  So by default no masked
 * column of it may be read or changed.  Where all policies that mask a column say "writes": "allow"
 *
 *	1. it may be changed, with core's privileges: a value that is written shows nothing;
 *	2. it may be read where its mask can be put in its place in the expression itself: in RETURNING, which gets the mask of the new
 *	   value, and in WHERE of an UPDATE or DELETE of this one table without sub-selects.  With a join or a sub-select that may become one
 *	   raw values would be carried up to where the mask is computed, and lie in temporary files on the way;
 *	3. not in what is assigned: a client that reads masks and writes them back would lose the values.  Nor in ON CONFLICT and MERGE;
 *	   but what EXCLUDED has was proposed by the statement itself.
 *
 * Whether that is all is not argued: the tree is searched for other uses of such columns.
 */
#include "pg/privacy/audit_uses.h"
#include "pg/privacy/enforce.h"

#include "access/sysattr.h"
#include "nodes/bitmapset.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"

#define COLUMN(attnum) ((attnum) - FirstLowInvalidHeapAttributeNumber)

/* The written table and its masked columns: a copy, as catalogs are read on the way. */
typedef struct Target
{
	Index		rti;
	List	   *masked;			/* of LhColumnPolicy */
	Index		depth;			/* of the level that is searched, below that of the table */
} Target;

static const LhColumnPolicy *
masked_column(const Target *target, AttrNumber attnum)
{
	ListCell   *lc;

	foreach(lc, target->masked)
	{
		if (((const LhColumnPolicy *) lfirst(lc))->attnum == attnum)
			return lfirst(lc);
	}
	return NULL;
}

/* The first of them that is in the set, or that a whole row has; NULL: none. */
static const LhColumnPolicy *
first_in(const Target *target, const Bitmapset *columns)
{
	bool		whole = bms_is_member(COLUMN(InvalidAttrNumber), columns);
	ListCell   *lc;

	foreach(lc, target->masked)
	{
		const LhColumnPolicy *column = lfirst(lc);

		if (whole || bms_is_member(COLUMN(column->attnum), columns))
			return column;
	}
	return NULL;
}

/* ---- masks in place of columns ---- */

#if PG_VERSION_NUM >= 180000
/* RETURNING old.x is the mask of the old value. */
static bool
set_returning_type(Node *node, void *type)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var))
		((Var *) node)->varreturningtype = *(VarReturningType *) type;
	return expression_tree_walker(node, set_returning_type, type);
}
#endif

static Node *
put_masks(Node *node, void *context)
{
	Target	   *target = context;
	const LhColumnPolicy *column;
	Node	   *mask;

	if (node == NULL)
		return NULL;
	/* sub-selects are left alone: what they use of the table will be found there */
	if (IsA(node, Query))
		return node;
	if (!IsA(node, Var))
		return expression_tree_mutator(node, put_masks, context);
	if (((Var *) node)->varno != target->rti || ((Var *) node)->varlevelsup != 0 ||
		(column = masked_column(target, ((Var *) node)->varattno)) == NULL || !column->writable)
		return node;
	mask = copyObject((Node *) column->mask);
	ChangeVarNodes(mask, 1, target->rti, 0);
#if PG_VERSION_NUM >= 180000
	(void) set_returning_type(mask, &((Var *) node)->varreturningtype);
#endif
	return mask;
}

/* An UPDATE or DELETE that reads the one table. */
static bool
alone(const Query *query, const Target *target)
{
	const RangeTblRef *only;

	if ((query->commandType != CMD_UPDATE && query->commandType != CMD_DELETE) || query->hasSubLinks ||
		list_length(query->jointree->fromlist) != 1)
		return false;
	only = linitial(query->jointree->fromlist);
	return IsA(only, RangeTblRef) && only->rtindex == target->rti;
}

/* ---- what is left ---- */

/* context: Target; true: a masked column is used, or a whole row. */
static bool
uses_masked(Node *node, void *context)
{
	Target	   *target = context;

	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		const Var  *var = (const Var *) node;

		return var->varno == target->rti && var->varlevelsup == target->depth &&
			(var->varattno == InvalidAttrNumber || masked_column(target, var->varattno) != NULL);
	}
	if (IsA(node, Query))
	{
		bool		found;

		check_stack_depth();
		target->depth++;
		found = query_tree_walker((Query *) node, uses_masked, context, 0);
		target->depth--;
		return found;
	}
	return expression_tree_walker(node, uses_masked, context);
}

/* Conditions of views that the new row has to satisfy; those of row security are core's. */
static bool
checks_masked(const Query *query, Target *target)
{
	ListCell   *lc;

	foreach(lc, query->withCheckOptions)
	{
		WithCheckOption *check = lfirst_node(WithCheckOption, lc);

		if (check->kind == WCO_VIEW_CHECK && uses_masked(check->qual, target))
			return true;
	}
	return false;
}

/*
 * Are masked columns read in RETURNING and in a WHERE that can have masks, and nowhere else?  MERGE and ON CONFLICT read them in too
 * many places.  In the table's own conditions those of row security cannot be told from those of a view with a security barrier,
 * which anybody may make: where they use such a column there is no more reading.
 */
static bool
reads_masks_only(Query *query, Target *target)
{
	bool		found;
	Node	   *quals = query->jointree->quals;
	List	   *returning = query->returningList;
	List	   *checks = query->withCheckOptions;
	bool		in_quals = alone(query, target);

	if (query->commandType == CMD_MERGE || query->onConflict != NULL || checks_masked(query, target))
		return false;
	/* all but what gets masks, and the checks of row security */
	if (in_quals)
		query->jointree->quals = NULL;
	query->returningList = NIL;
	query->withCheckOptions = NIL;
	found = query_tree_walker(query, uses_masked, target, 0);
	query->jointree->quals = quals;
	query->withCheckOptions = checks;
	query->returningList = returning;
	return !found;
}

/* What masks cannot stand for: whole rows, sub-selects that use the table, columns that only some policies let be written. */
static bool
unmaskable(Node *node, void *context)
{
	Target	   *target = context;

	if (node == NULL)
		return false;
	if (IsA(node, Var) && target->depth == 0)
	{
		const LhColumnPolicy *column;

		if (((Var *) node)->varno != target->rti || ((Var *) node)->varlevelsup != 0)
			return false;
		if (((Var *) node)->varattno == InvalidAttrNumber)
			return true;
		column = masked_column(target, ((Var *) node)->varattno);
		return column != NULL && !column->writable;
	}
	if (IsA(node, SubLink))
		return uses_masked(node, context);
	return expression_tree_walker(node, unmaskable, context);
}

static bool
mask_reads(Query *query, Target *target)
{
	bool		in_quals = alone(query, target);

	if (!reads_masks_only(query, target) || unmaskable((Node *) query->returningList, target) ||
		(in_quals && unmaskable(query->jointree->quals, target)))
		return false;
	query->returningList = (List *) put_masks((Node *) query->returningList, target);
	if (in_quals)
		query->jointree->quals = put_masks(query->jointree->quals, target);
	return true;
}

/* ---- privileges ---- */

/* For the audit: those that are read as masks. */
static Bitmapset *
masked_reads(const List *columns, const Bitmapset *selected)
{
	Bitmapset  *read = NULL;
	ListCell   *lc;

	foreach(lc, columns)
	{
		int			column = COLUMN(((const LhColumnPolicy *) lfirst(lc))->attnum);

		if (bms_is_member(column, selected))
			read = bms_add_member(read, column);
	}
	return read;
}

/* What policies grant needs none of core's. */
static void
release(const List *columns, LhPrivileges *privileges)
{
	bool		granted = false;
	ListCell   *lc;

	*privileges->selected = bms_copy(*privileges->selected);
	foreach(lc, columns)
	{
		const LhColumnPolicy *column = lfirst(lc);

		if (!column->granted || !column->writable || !bms_is_member(COLUMN(column->attnum), *privileges->selected))
			continue;
		*privileges->selected = bms_del_member(*privileges->selected, COLUMN(column->attnum));
		granted = true;
	}
	if (granted && bms_is_empty(*privileges->selected))
		*privileges->required &= ~ACL_SELECT;
}

static bool
updates(const Query *query)
{
	return query->commandType == CMD_UPDATE || query->commandType == CMD_MERGE ||
		(query->onConflict != NULL && query->onConflict->action == ONCONFLICT_UPDATE);
}

void
lh_enforce_written(Query *query, const LhEffective *effective, LhPrivileges *privileges)
{
	RangeTblEntry *rte = rt_fetch(query->resultRelation, query->rtable);
	Target		target = {.rti = query->resultRelation};
	const LhColumnPolicy *column;
	ListCell   *lc;

	foreach(lc, effective->columns)
	{
		const LhColumnPolicy *policy = lfirst(lc);
		LhColumnPolicy *copy;

		if (policy->mask == NULL)
			continue;
		copy = palloc(sizeof(LhColumnPolicy));
		*copy = *policy;
		copy->mask = copyObject(policy->mask);
		target.masked = lappend(target.masked, copy);
	}
	if ((column = first_in(&target, *privileges->selected)) != NULL)
	{
		if (!column->writable)
			lh_enforce_denied(rte->relid, column->attnum, "It is masked by a policy, so a statement that writes to the table may not read it.");
		if (!mask_reads(query, &target))
			lh_enforce_denied(rte->relid, column->attnum,
							  "It is masked by a policy: a statement that writes to the table may read it in RETURNING, and in WHERE, without joins, sub-selects, ON CONFLICT and MERGE.");
		lh_audit_note_columns(rte, masked_reads(target.masked, *privileges->selected));
		release(target.masked, privileges);
	}
	foreach(lc, updates(query) ? target.masked : NIL)
	{
		column = lfirst(lc);
		if (!column->writable && (bms_is_member(COLUMN(column->attnum), *privileges->updated) ||
								  bms_is_member(COLUMN(InvalidAttrNumber), *privileges->updated)))
			lh_enforce_denied(rte->relid, column->attnum, "It is masked by a policy, so it may not be changed.");
	}
}

void
lh_enforce_excluded(Query *query, RangeTblEntry *rte, const LhEffective *effective)
{
	LhPrivileges privileges;

	if (lh_privileges(LH_QUERY_PRIVILEGES(query), rte, &privileges))
		release(effective->columns, &privileges);
}
