/*
 * utility_keys.c
 *		DDL by which masked values would be compared with others, or give rows their order.
 *
 * A foreign key of or to a masked column, and a unique key that has one, answer whoever may write a row whether a value is there; rows that
 * are put in the order of a masked column show it.  Keys that were there before the policy are for policy_holes() (holes.sql).
 */
#include "pg/privacy/policy_internal.h"
#include "pg/privacy/utility_parts.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_index.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/* ---- foreign keys ---- */

/* Who may write to a table that refers to a masked column asks of each value whether it is there, with other columns of which row. */
static bool
refers_to_hidden(Oid relid, const List *columns)
{
	Bitmapset  *primary;
	Oid			constraint;
	int			column = -1;
	ListCell   *lc;

	if (lh_utility_has_filter(relid))
		return true;
	foreach(lc, columns)
	{
		if (lh_utility_masked(relid, get_attnum(relid, strVal(lfirst(lc)))))
			return true;
	}
	if (columns != NIL)
		return false;
	primary = get_primary_key_attnos(relid, false, &constraint);
	while ((column = bms_next_member(primary, column)) >= 0)
	{
		if (lh_utility_masked(relid, column + FirstLowInvalidHeapAttributeNumber))
			return true;
	}
	return false;
}

void
lh_utility_foreign_key(const Constraint *key, LOCKMODE lock)
{
	Oid			relid;

	if (key->contype != CONSTR_FOREIGN)
		return;
	relid = lh_utility_relation(key->pktable, lock);
	if (OidIsValid(relid) && lh_policy_any(relid) && refers_to_hidden(relid, key->pk_attrs))
		lh_utility_refuse(relid, "refer to masked columns of");
}

void
lh_utility_foreign_keys(const List *constraints, LOCKMODE lock)
{
	ListCell   *lc;

	foreach(lc, constraints)
		lh_utility_foreign_key(lfirst_node(Constraint, lc), lock);
}

/* A masked column that refers to a table is compared with what is in that. */
void
lh_utility_referring(const RangeVar *name, const Constraint *key, LOCKMODE lock)
{
	Oid			relid = key->contype == CONSTR_FOREIGN ? lh_utility_relation(name, lock) : InvalidOid;
	ListCell   *lc;

	if (!OidIsValid(relid) || !lh_policy_any(relid))
		return;
	foreach(lc, key->fk_attrs)
	{
		if (lh_utility_masked(relid, get_attnum(relid, strVal(lfirst(lc)))))
			lh_utility_refuse(relid, "let masked columns refer to others in");
	}
}

/* A foreign key that was there before a policy begins to compare values, and those that are there first. */
void
lh_utility_enforced(const AlterTableStmt *stmt, const AlterTableCmd *cmd, LOCKMODE lock)
{
#if PG_VERSION_NUM >= 180000
	const ATAlterConstraint *alter = (const ATAlterConstraint *) cmd->def;
	Oid			relid;
	Oid			constraint;
	HeapTuple	tuple;

	if (!alter->alterEnforceability || !alter->is_enforced || !OidIsValid(relid = lh_utility_relation(stmt->relation, lock)))
		return;
	constraint = get_relation_constraint_oid(relid, alter->conname, true);
	tuple = OidIsValid(constraint) ? SearchSysCache1(CONSTROID, ObjectIdGetDatum(constraint)) : NULL;
	if (HeapTupleIsValid(tuple))
	{
		Oid			other = ((Form_pg_constraint) GETSTRUCT(tuple))->confrelid;

		ReleaseSysCache(tuple);
		if (lh_policy_any(relid))
			lh_utility_refuse(relid, "enforce a foreign key of");
		if (OidIsValid(other) && lh_policy_any(other))
			lh_utility_refuse(other, "enforce a foreign key to");
	}
#endif
}

/* ---- unique keys ---- */

/* Who may write a row asks whether there is one with the same values. */
void
lh_utility_unique(Oid relid, const List *columns)
{
	ListCell   *lc;

	if (!OidIsValid(relid) || !lh_policy_any(relid))
		return;
	foreach(lc, columns)
	{
		if (lh_utility_masked(relid, get_attnum(relid, strVal(lfirst(lc)))))
			lh_utility_refuse(relid, "make masked columns unique in");
	}
}

bool
lh_utility_is_unique(const Constraint *constraint)
{
	return constraint->contype == CONSTR_UNIQUE || constraint->contype == CONSTR_PRIMARY;
}

/* ---- the order of rows ---- */

static bool
index_of_masked(Oid relid, Oid index)
{
	HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
	Form_pg_index form;
	bool		found = false;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_index) GETSTRUCT(tuple);
	/* 0 is an expression; what is in it is not looked for */
	for (int i = 0; i < form->indnatts; i++)
		found |= form->indkey.values[i] <= 0 ? lh_utility_has_masks(relid) : lh_utility_masked(relid, form->indkey.values[i]);
	ReleaseSysCache(tuple);
	return found;
}

/* name NULL: by which it was done last. */
void
lh_utility_order(Oid relid, const char *name)
{
	Relation	rel;
	List	   *indexes;
	ListCell   *lc;

	if (!OidIsValid(relid) || !lh_policy_any(relid) ||
		!(lh_relation_owner(relid, GetUserId()) || lh_may_maintain(relid, GetUserId())))
		return;
	rel = table_open(relid, AccessShareLock);
	indexes = RelationGetIndexList(rel);
	table_close(rel, NoLock);
	foreach(lc, indexes)
	{
		Oid			index = lfirst_oid(lc);

		if ((name != NULL ? strcmp(get_rel_name(index), name) == 0 : get_index_isclustered(index)) && index_of_masked(relid, index))
			lh_utility_refuse(relid, "put in the order of a masked column the rows of");
	}
}

void
lh_utility_cluster(const ClusterStmt *stmt)
{
	ListCell   *lc;

	if (stmt->relation != NULL)
	{
		lh_utility_order(lh_utility_relation(stmt->relation, AccessExclusiveLock), stmt->indexname);
		return;
	}
	/* all that there are of his */
	foreach(lc, lh_policy_governed())
		lh_utility_order(lfirst_oid(lc), NULL);
}
