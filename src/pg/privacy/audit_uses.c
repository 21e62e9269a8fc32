/*
 * audit_uses.c
 *		What policies made of the tables of a plan, told to the audit (see audit_uses.h).
 */
#include "pg/privacy/audit_uses.h"

#include "access/sysattr.h"
#include "catalog/namespace.h"
#include "lib/stringinfo.h"
#include "nodes/bitmapset.h"
#include "nodes/primnodes.h"
#include "utils/lsyscache.h"

#include "pg/util/features.h"

/* ---- columns, beside the mark ---- */

#define COLUMNS " columns"

void
lh_audit_note_columns(RangeTblEntry *rte, const Bitmapset *used)
{
	StringInfoData s;
	int			column = -1;

	initStringInfo(&s);
	appendStringInfo(&s, "%s" COLUMNS, rte->enrname);
	while ((column = bms_next_member(used, column)) >= 0)
		appendStringInfo(&s, " %d", column + FirstLowInvalidHeapAttributeNumber);
	rte->enrname = s.data;
}

/* ---- masks by name ---- */

/* Casts, and the function that fits a mask into its column's type, are no masks. */
static const Node *
strip(const Node *node)
{
	for (;;)
	{
		const FuncExpr *call = (const FuncExpr *) node;

		if (IsA(node, RelabelType))
			node = (const Node *) ((const RelabelType *) node)->arg;
		else if (IsA(node, CoerceViaIO))
			node = (const Node *) ((const CoerceViaIO *) node)->arg;
		else if (IsA(node, FuncExpr) && call->args != NIL &&
				 (call->funcformat != COERCE_EXPLICIT_CALL || strcmp(get_func_name(call->funcid), "mask_fit") == 0))
			node = linitial(call->args);
		else
			return node;
	}
}

static const char *
mask_name(const Expr *mask)
{
	const Node *node = mask != NULL ? strip((const Node *) mask) : NULL;
	char	   *name;
	size_t		len;

	if (node == NULL)
		return NULL;
	if (IsA(node, Const))
		return ((const Const *) node)->constisnull ? "null" : "constant";
	if (!IsA(node, FuncExpr) ||
		get_func_namespace(((const FuncExpr *) node)->funcid) != get_namespace_oid("lakehouse", true))
		return "expression";
	name = get_func_name(((const FuncExpr *) node)->funcid);
	if (name == NULL)
		return "expression";
	/* the twin that executes it has a longer name */
	len = strlen(name);
	if (len > 4 && strcmp(name + len - 4, "_run") == 0)
		name[len - 4] = '\0';
	return name;
}

/* ---- uses ---- */

static List *
add(List *uses, Oid relid, AttrNumber attnum, const char *policy, const char *mask)
{
	LhPolicyUse *use = palloc(sizeof(LhPolicyUse));

	*use = (LhPolicyUse) {relid, attnum, policy != NULL ? pstrdup(policy) : NULL, mask};
	return lappend(uses, use);
}

static List *
add_column(List *uses, Oid relid, AttrNumber attnum, const LhEffective *effective)
{
	const LhColumnPolicy *column = effective != NULL ? lh_policy_column(effective, attnum) : NULL;

	return add(uses, relid, attnum, column != NULL ? column->policy : NULL, column != NULL ? mask_name(column->mask) : NULL);
}

/* An entry that stands for a replaced table. */
static List *
add_entry(List *uses, const RangeTblEntry *rte, const LhSubject *subject)
{
	const LhEffective *effective = lh_enforce_effective(rte->relid, subject);
	const char *at = strstr(rte->enrname, COLUMNS) + strlen(COLUMNS);
	ListCell   *lc;

	/* count(*) uses no column of it */
	uses = add(uses, rte->relid, -1, NULL, NULL);
	if (effective != NULL)
	{
		foreach(lc, effective->filtering)
			uses = add(uses, rte->relid, InvalidAttrNumber, lfirst(lc), NULL);
	}
	while (*at == ' ')
	{
		char	   *end;
		long		attnum = strtol(at, &end, 10);

		if (attnum > 0)
			uses = add_column(uses, rte->relid, (AttrNumber) attnum, effective);
		at = end;
	}
	return uses;
}

/*
 * Marks that have no columns are of entries that were not replaced: a view's.  Those of a table that is written to are what is read of it
 * as masks; its children have its mark, and not its columns.
 */
static bool
has_columns(const RangeTblEntry *rte, const LhMark *mark)
{
	return (mark->kind == LH_MARK_PRIVILEGES || (mark->kind == LH_MARK_WRITTEN && mark->relid == rte->relid)) &&
		strstr(rte->enrname, COLUMNS) != NULL;
}

bool
lh_audit_policy_entry(const RangeTblEntry *rte)
{
	LhMark		mark;

	return lh_mark_get(rte, &mark) &&
		(mark.kind == LH_MARK_MASKED || mark.kind == LH_MARK_POLICY ||
		 (mark.kind == LH_MARK_PRIVILEGES && has_columns(rte, &mark)));
}

List *
lh_audit_policy_uses(struct PlannedStmt *plan)
{
	List	   *uses = NIL;
	LhSubject	subject;
	ListCell   *lc;

	if (lh_policy_none())
		return NIL;
	subject = lh_subject();
	foreach(lc, plan->rtable)
	{
		const RangeTblEntry *rte = lfirst(lc);
		LhMark		mark;

		if (rte->rtekind == RTE_RELATION && lh_mark_get(rte, &mark) && has_columns(rte, &mark))
			uses = add_entry(uses, rte, &subject);
	}
	return uses;
}
