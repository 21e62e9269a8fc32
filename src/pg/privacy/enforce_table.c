/*
 * enforce_table.c
 *		A table in a query replaced by a subquery of masks.
 *
 *		SELECT ssn, city FROM people p WHERE ...
 *	becomes
 *		SELECT ssn, city FROM (SELECT id, mask(ssn), city FROM people WHERE filter) p WHERE ...
 *
 * Nothing else of the query has to change: the subquery has the table's columns under their numbers, dropped ones
 * included, so every reference, join alias and whole row goes on as it was, and what the user wrote sees masked values only.
 * Conditions on other columns go down into the subquery, where indexes are used, and masks that nobody asks for are not
 * computed.  The nullable side of an outer join gives NULL for a constant mask.
 *
 *	1. What belongs to the scan goes into the subquery: ONLY, TABLESAMPLE, conditions of row security (on raw values,
 *	   before the filter), FOR UPDATE.
 *	2. With a filter it is a security barrier.  Without one the planner pulls it up.  Masks that are computed from the row would
 *	   then be evaluated above joins and sorts, and raw values would lie in their temporary files: they are put where the scan
 *	   evaluates them (enforce_place.c), or, where that cannot be, the subquery is kept one.
 *	3. It reads as the table's owner, and only the columns that it needs.
 *	4. The entry's own privileges stay, but for columns that the policy shows: on a copy of the
 *	   entry that nothing scans, checked for whom core would have checked (a view's owner, else the user).
 *	5. System columns that the query uses become further columns of the subquery; they are junk there when it uses
 *	   whole rows as well, which must not get them.
 */
#include "pg/privacy/audit_uses.h"
#include "pg/privacy/enforce.h"
#include "pg/privacy/policy_internal.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/heap.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/bitmapset.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteHandler.h"
#include "rewrite/rewriteManip.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#define COLUMN(attnum) ((attnum) - FirstLowInvalidHeapAttributeNumber)

/* The table and what holds for it: a copy, as catalogs are read on the way. */
typedef struct Replacement
{
	Query	   *query;			/* where the entry is */
	Index		rti;
	RangeTblEntry *rte;
	Relation	relation;
	LhEffective effective;
	LhPrivileges privileges;	/* of the entry as it came */
	bool		checked;		/* it has any */
	bool		whole;			/* the query uses whole rows */
	Bitmapset  *used;			/* columns that the query uses, whole rows taken apart; user columns only */
	Bitmapset  *needed;			/* what the owner has to read for that */
	List	   *system;			/* attribute numbers of system columns that the query uses, in order (integers) */
	bool		kept;			/* the subquery stays one in any case */
	bool		placed;			/* masks computed from the row are put at the scan, and the subquery goes */
	bool		joined;			/* it stays, and may come to have joins: they are put at its scan */
	Query	   *inner;
} Replacement;

/* ---- tables in expressions of policies ---- */

static bool
mark_lookups(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;
		ListCell   *lc;

		/* of the outermost; it goes down by itself, but again does no harm */
		AcquireRewriteLocks(query, true, false);
		foreach(lc, query->rtable)
		{
			RangeTblEntry *rte = lfirst(lc);
			const LhEffective *effective;

			if (rte->rtekind == RTE_RELATION && (effective = lh_enforce_effective(rte->relid, context)) != NULL)
				lh_mark_set(rte, LH_MARK_POLICY, effective);
		}
		return query_tree_walker(query, mark_lookups, context, 0);
	}
	return expression_tree_walker(node, mark_lookups, context);
}

void
lh_enforce_expression(Node *expression, const LhSubject *subject)
{
	if (checkExprHasSubLink(expression))
		(void) mark_lookups(expression, (void *) subject);
}

/* ---- which columns ---- */

static const LhColumnPolicy *
policy_of(const Replacement *r, AttrNumber attnum)
{
	return lh_policy_column(&r->effective, attnum);
}

static bool
dropped(const Replacement *r, AttrNumber attnum)
{
	return TupleDescAttr(RelationGetDescr(r->relation), attnum - 1)->attisdropped;
}

/* From the privileges that the parser has required: they are what core would check. */
static void
used_columns(Replacement *r)
{
	int			natts = RelationGetDescr(r->relation)->natts;
	AttrNumber	attnum;

	r->whole = !r->checked || bms_is_member(COLUMN(InvalidAttrNumber), *r->privileges.selected);

	/* an entry without privileges (16 and later) may read what it likes: only core makes these */
	for (attnum = 1; attnum <= natts; attnum++)
	{
		if (!dropped(r, attnum) && (r->whole || bms_is_member(COLUMN(attnum), *r->privileges.selected)))
			r->used = bms_add_member(r->used, COLUMN(attnum));
	}
}

static void
need(Replacement *r, Node *expression)
{
	/* what a sublink uses of the table is not looked for: all of it */
	if (checkExprHasSubLink(expression))
		r->needed = bms_add_member(r->needed, COLUMN(InvalidAttrNumber));
	else
		pull_varattnos(expression, 1, &r->needed);
}

static void
needed_columns(Replacement *r)
{
	int			column = -1;

	while ((column = bms_next_member(r->used, column)) >= 0)
	{
		const LhColumnPolicy *policy = policy_of(r, column + FirstLowInvalidHeapAttributeNumber);

		if (policy == NULL || policy->mask == NULL)
			r->needed = bms_add_member(r->needed, column);
		else
			need(r, (Node *) policy->mask);
	}
	need(r, (Node *) r->effective.filters);
}

/* ---- system columns ---- */

typedef struct SystemColumns
{
	Replacement *r;
	int			depth;			/* of the level that is looked at below that of the entry */
} SystemColumns;

/* References to system columns of the entry become references to the columns after the last. */
static bool
take_system(Node *node, void *context)
{
	SystemColumns *sys = context;

	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		Var		   *var = (Var *) node;
		int			at;

		if (var->varno != sys->r->rti || var->varlevelsup != sys->depth || var->varattno >= 0)
			return false;
		for (at = 0; at < list_length(sys->r->system); at++)
		{
			if (list_nth_int(sys->r->system, at) == var->varattno)
				break;
		}
		if (at == list_length(sys->r->system))
			sys->r->system = lappend_int(sys->r->system, var->varattno);
		var->varattno = RelationGetDescr(sys->r->relation)->natts + at + 1;
		return false;
	}
	if (IsA(node, Query))
	{
		bool		found;

		sys->depth++;
		found = query_tree_walker((Query *) node, take_system, context, 0);
		sys->depth--;
		return found;
	}
	return expression_tree_walker(node, take_system, context);
}

static void
system_columns(Replacement *r)
{
	SystemColumns sys = {.r = r};

	(void) query_tree_walker(r->query, take_system, &sys, 0);
}

/* ---- masks computed from the row ---- */

/* lakehouse.mask_constant(ssn, 'x') is not. */
static bool
from_row(const LhColumnPolicy *policy)
{
	return policy != NULL && policy->mask != NULL &&
		contain_var_clause(eval_const_expressions(NULL, (Node *) policy->mask));
}

/*
 * A virtual generated column that the policy shows is its expression, over columns that it may mask: evaluated at the
 * scan as well.  That the expression tells of them is as with columns that are stored.
 */
static bool
from_masked(const Replacement *r, AttrNumber attnum)
{
#if PG_VERSION_NUM >= 180000
	const LhColumnPolicy *policy = policy_of(r, attnum);
	Bitmapset  *columns = NULL;
	int			column = -1;

	if (!lh_attribute_is_virtual(TupleDescAttr(RelationGetDescr(r->relation), attnum - 1)) ||
		(policy != NULL && policy->mask != NULL))
		return false;
	pull_varattnos(build_generation_expression(r->relation, attnum), 1, &columns);
	while ((column = bms_next_member(columns, column)) >= 0)
	{
		policy = policy_of(r, column + FirstLowInvalidHeapAttributeNumber);
		if (policy != NULL && policy->mask != NULL)
			return true;
	}
#endif
	return false;
}

/*
 * Does the planner ask for the column?  Of a subquery that stays it takes whole rows where rows beside it are locked or changed, which
 * the query does not say.  What it does not take it puts away, mask and all.
 */
static bool
given_out(const Replacement *r, AttrNumber attnum, bool joined)
{
	return joined || bms_is_member(COLUMN(attnum), r->used);
}

static int
raw_values(const Replacement *r, bool joined)
{
	int			n = 0;

	for (AttrNumber attnum = 1; attnum <= RelationGetDescr(r->relation)->natts; attnum++)
	{
		if (!dropped(r, attnum) && given_out(r, attnum, joined))
			n += from_row(policy_of(r, attnum)) || from_masked(r, attnum);
	}
	return n;
}

/* Row security that looks at what is masked: an equality in it could stand for the raw column elsewhere. */
static bool
security_uses_masked(const Replacement *r)
{
	List	   *quals = r->rte->securityQuals;
	Bitmapset  *columns = NULL;
	int			column = -1;

	if (checkExprHasSubLink((Node *) quals))
		return true;
	pull_varattnos((Node *) quals, r->rti, &columns);
	while ((column = bms_next_member(columns, column)) >= 0)
	{
		AttrNumber	attnum = column + FirstLowInvalidHeapAttributeNumber;
		const LhColumnPolicy *policy = policy_of(r, attnum);

		if (attnum == InvalidAttrNumber || (policy != NULL && policy->mask != NULL) || (attnum > 0 && from_masked(r, attnum)))
			return true;
	}
	return false;
}

/* Statements that lock or change rows beside it take whole rows of foreign tables with them. */
static bool
foreign(const Replacement *r)
{
	ListCell   *lc;

	if (r->relation->rd_rel->relkind == RELKIND_FOREIGN_TABLE)
		return true;
	if (!r->rte->inh || !r->relation->rd_rel->relhassubclass)
		return false;
	foreach(lc, lh_policy_descendants(r->rte->relid))
	{
		if (get_rel_relkind(lfirst_oid(lc)) == RELKIND_FOREIGN_TABLE)
			return true;
	}
	return false;
}

static bool
row_locked(const Replacement *r)
{
	ListCell   *lc;

	foreach(lc, r->query->rowMarks)
	{
		if (lfirst_node(RowMarkClause, lc)->rti == r->rti)
			return true;
	}
	return false;
}

/* Pulled up, a whole row is a ROW() of all columns, and IS NOT NULL would see dropped ones. */
static bool
row_with_dropped(const Replacement *r)
{
	for (AttrNumber attnum = 1; r->whole && attnum <= RelationGetDescr(r->relation)->natts; attnum++)
	{
		if (dropped(r, attnum))
			return true;
	}
	return false;
}

/* Can the scan be one of the query around it, and give masks all the same? */
static bool
can_be_placed(const Replacement *r)
{
	return lakehouse_mask_plans != LH_MASK_PLANS_SUBQUERY && !r->kept && r->effective.filters == NIL && !row_locked(r) &&
		!row_with_dropped(r) && !foreign(r) && !security_uses_masked(r) && lh_places_room(raw_values(r, false));
}

/*
 * A filter like "dept IN (SELECT ...)" becomes a join within the subquery.  That one is a security barrier, which is neither pulled up nor
 * made a child of UNION ALL, so that its numbers meet no others, be it copied.
 */
static bool
may_be_joined(const Replacement *r)
{
	return r->effective.filters != NIL && checkExprHasSubLink((Node *) r->effective.filters) && lh_places_room(raw_values(r, true));
}

/* ---- the subquery ---- */

static TargetEntry *
user_column(Replacement *r, AttrNumber attnum)
{
	Form_pg_attribute att = TupleDescAttr(RelationGetDescr(r->relation), attnum - 1);
	const LhColumnPolicy *policy;
	Expr	   *expr;

	/* as core fills dropped columns of rows */
	if (att->attisdropped)
		return makeTargetEntry((Expr *) makeNullConst(INT4OID, -1, InvalidOid), attnum, pstrdup(""), false);
	policy = policy_of(r, attnum);
	if (policy == NULL || policy->mask == NULL)
	{
		expr = (Expr *) makeVar(1, attnum, att->atttypid, att->atttypmod, att->attcollation, 0);
		if ((r->placed || r->joined) && given_out(r, attnum, r->joined) && from_masked(r, attnum))
			expr = lh_place_at_scan(expr, 1);
	}
	else
	{
		expr = copyObject(policy->mask);
		if (exprType((Node *) expr) != att->atttypid)
			elog(ERROR, "mask of column %s of table %s has another type than the column", NameStr(att->attname),
				 RelationGetRelationName(r->relation));
		if ((r->placed || r->joined) && given_out(r, attnum, r->joined) && from_row(policy))
			expr = lh_place_at_scan(expr, 1);
	}
	return makeTargetEntry(expr, attnum, pstrdup(NameStr(att->attname)), false);
}

static TargetEntry *
system_column(const Replacement *r, AttrNumber attnum, AttrNumber resno)
{
	const FormData_pg_attribute *att = SystemAttributeDefinition(attnum);

	return makeTargetEntry((Expr *) makeVar(1, attnum, att->atttypid, att->atttypmod, att->attcollation, 0), resno,
						   pstrdup(NameStr(att->attname)), r->whole);
}

/* The scan, with everything that belongs to it, which leaves the outer entry. */
static void
scan_entry(Replacement *r)
{
	RangeTblEntry *scan = makeNode(RangeTblEntry);
	RangeTblEntry *rte = r->rte;
	LhPrivileges privileges = {0};

	scan->rtekind = RTE_RELATION;
	scan->relid = rte->relid;
	scan->relkind = rte->relkind;
	scan->rellockmode = rte->rellockmode;
	scan->inh = rte->inh;
	scan->inFromCl = true;
	scan->alias = copyObject(rte->alias);
	scan->eref = copyObject(rte->eref);
	scan->tablesample = rte->tablesample;
	rte->tablesample = NULL;
	if (scan->tablesample != NULL)
	{
		/* it may use columns of tables beside it, or of outer queries */
		rte->lateral |= contain_vars_of_level((Node *) scan->tablesample, 0);
		IncrementVarSublevelsUp((Node *) scan->tablesample, 1, 0);
	}
	scan->securityQuals = rte->securityQuals;
	rte->securityQuals = NIL;
	ChangeVarNodes((Node *) scan->securityQuals, r->rti, 1, 0);
	r->inner->rtable = list_make1(scan);
	lh_privileges_add(r->inner, scan, &privileges);
	*privileges.required = ACL_SELECT;
	*privileges.as = r->relation->rd_rel->relowner;
	*privileges.selected = r->needed;
	lh_mark_set(scan, LH_MARK_MASKED, &r->effective);
}

/* FOR UPDATE and the like are done where the rows are. */
static void
row_marks(Replacement *r)
{
	ListCell   *lc;
	LhPrivileges privileges = {0};

	foreach(lc, r->query->rowMarks)
	{
		RowMarkClause *outer = lfirst_node(RowMarkClause, lc);
		RowMarkClause *mark;

		if (outer->rti != r->rti)
			continue;
		mark = makeNode(RowMarkClause);
		mark->rti = 1;
		mark->strength = outer->strength;
		mark->waitPolicy = outer->waitPolicy;
		mark->pushedDown = true;
		r->inner->rowMarks = lappend(r->inner->rowMarks, mark);
		if (lh_privileges(LH_QUERY_PRIVILEGES(r->inner), linitial(r->inner->rtable), &privileges))
			*privileges.required |= ACL_SELECT_FOR_UPDATE;
	}
}

/*
 * A WITH query that nobody refers to.  It makes the planner leave a subquery where it is, and is left out of the
 * plan; unlike LIMIT or a security barrier it lets conditions go down into the subquery.
 */
static CommonTableExpr *
unread_query(void)
{
	CommonTableExpr *cte = makeNode(CommonTableExpr);
	Query	   *query = makeNode(Query);

	query->commandType = CMD_SELECT;
	query->jointree = makeFromExpr(NIL, NULL);
	query->targetList = list_make1(makeTargetEntry((Expr *) makeNullConst(INT4OID, -1, InvalidOid), 1,
												   pstrdup("nothing"), false));
	query->stmt_location = -1;
	cte->ctename = pstrdup("masks stay here");
	cte->ctematerialized = CTEMaterializeDefault;
	cte->ctequery = (Node *) query;
	cte->ctecolnames = list_make1(makeString(pstrdup("nothing")));
	cte->ctecoltypes = list_make1_oid(INT4OID);
	cte->ctecoltypmods = list_make1_int(-1);
	cte->ctecolcollations = list_make1_oid(InvalidOid);
	cte->location = -1;
	return cte;
}

static void
build(Replacement *r, const LhSubject *subject)
{
	Query	   *inner = makeNode(Query);
	int			natts = RelationGetDescr(r->relation)->natts;
	RangeTblRef *ref = makeNode(RangeTblRef);
	int			i;

	r->inner = inner;
	r->placed = can_be_placed(r);
	r->joined = may_be_joined(r);
	inner->commandType = CMD_SELECT;
	inner->querySource = QSRC_ORIGINAL;
	inner->canSetTag = true;
	inner->hasRowSecurity = r->query->hasRowSecurity;
	inner->stmt_location = -1;
	scan_entry(r);
	system_columns(r);
	ref->rtindex = 1;
	inner->jointree = makeFromExpr(list_make1(ref), r->effective.filters == NIL ? NULL :
								   (Node *) make_ands_explicit(r->effective.filters));
	for (i = 1; i <= natts; i++)
		inner->targetList = lappend(inner->targetList, user_column(r, i));
	for (i = 0; i < list_length(r->system); i++)
		inner->targetList = lappend(inner->targetList, system_column(r, list_nth_int(r->system, i), natts + i + 1));
	inner->hasSubLinks = checkExprHasSubLink((Node *) inner->targetList) || checkExprHasSubLink(inner->jointree->quals) ||
		checkExprHasSubLink((Node *) ((RangeTblEntry *) linitial(inner->rtable))->securityQuals);
	lh_enforce_expression((Node *) inner->targetList, subject);
	lh_enforce_expression(inner->jointree->quals, subject);
	row_marks(r);
	if (!r->placed && (raw_values(r, false) > 0 || row_with_dropped(r)))
		inner->cteList = list_make1(unread_query());
	/* the planner takes no condition on a junk column of a subquery that stays one */
	if (r->system != NIL && r->whole && (inner->cteList != NIL || r->effective.filters != NIL))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("whole rows and system columns of table \"%s\" cannot be used in one statement",
						RelationGetRelationName(r->relation)),
				 errdetail("A policy masks it."), errhint("Name the columns.")));
}

/* ---- privileges ---- */

/*
 * A copy of the entry that nothing scans, with what core would have checked but for the columns that policies
 * show.  Who uses these only, or none (count(*)), needs no SELECT; without any such
 * column all of core's check stays.
 */
static void
privileges_entry(Replacement *r)
{
	RangeTblEntry *entry;
	Bitmapset  *selected = NULL;
	AttrNumber	attnum;
	int			column = -1;
	bool		granted = false;
	ListCell   *lc;

	if (!r->checked)
		return;
	/* system columns are core's */
	for (attnum = FirstLowInvalidHeapAttributeNumber + 1; attnum < 0; attnum++)
	{
		if (bms_is_member(COLUMN(attnum), *r->privileges.selected))
			selected = bms_add_member(selected, COLUMN(attnum));
	}
	while ((column = bms_next_member(r->used, column)) >= 0)
	{
		const LhColumnPolicy *policy = policy_of(r, column + FirstLowInvalidHeapAttributeNumber);

		if (policy == NULL || !policy->granted)
			selected = bms_add_member(selected, column);
	}
	*r->privileges.selected = selected;
	foreach(lc, r->effective.columns)
		granted |= ((const LhColumnPolicy *) lfirst(lc))->granted;
	if (selected == NULL && granted)
		*r->privileges.required &= ~ACL_SELECT;
	entry = makeNode(RangeTblEntry);
	memcpy(entry, r->rte, sizeof(RangeTblEntry));
	entry->alias = NULL;
	entry->eref = copyObject(r->rte->eref);
	entry->inh = false;
	entry->inFromCl = false;
	entry->lateral = false;
	lh_mark_set(entry, LH_MARK_PRIVILEGES, &r->effective);
	lh_audit_note_columns(entry, r->used);
	r->query->rtable = lappend(r->query->rtable, entry);
}

/* ---- all of it ---- */

/* The entry is the subquery from now on; its column names grow by those added since a view was made, and by system columns. */
static void
become_subquery(Replacement *r)
{
	RangeTblEntry *rte = r->rte;
	int			i;

	rte->eref = copyObject(rte->eref);
	for (i = list_length(rte->eref->colnames); i < list_length(r->inner->targetList); i++)
	{
		TargetEntry *entry = list_nth(r->inner->targetList, i);

		rte->eref->colnames = lappend(rte->eref->colnames, makeString(pstrdup(entry->resname)));
	}
	rte->rtekind = RTE_SUBQUERY;
	rte->subquery = r->inner;
	rte->security_barrier = r->effective.filters != NIL;
	rte->relid = InvalidOid;
	rte->relkind = 0;
	rte->rellockmode = 0;
	rte->inh = false;
	lh_privileges_none(rte);
}

void
lh_enforce_table(Query *query, Index rti, const LhSubject *subject, bool kept)
{
	Replacement r = {.query = query, .rti = rti, .rte = rt_fetch(rti, query->rtable), .kept = kept};
	const LhEffective *effective;

	/* the lock is the parser's, or the rewriter's */
	r.relation = table_open(r.rte->relid, NoLock);
	effective = lh_enforce_effective(r.rte->relid, subject);
	if (effective != NULL)
	{
		ListCell   *lc;

		r.effective = *effective;
		r.effective.filters = copyObject(effective->filters);
		r.effective.columns = NIL;
		foreach(lc, effective->columns)
		{
			LhColumnPolicy *column = palloc(sizeof(LhColumnPolicy));

			*column = *(const LhColumnPolicy *) lfirst(lc);
			column->mask = copyObject(column->mask);
			r.effective.columns = lappend(r.effective.columns, column);
		}
		r.checked = lh_privileges(LH_QUERY_PRIVILEGES(query), r.rte, &r.privileges);
		used_columns(&r);
		needed_columns(&r);
		build(&r, subject);
		privileges_entry(&r);
		become_subquery(&r);
	}
	table_close(r.relation, NoLock);
}
