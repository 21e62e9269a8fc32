/*
 * utility_grant.c
 *		DDL that gives away the privileges beneath policies: GRANT SELECT, REASSIGN OWNED.
 */
#include "pg/privacy/policy_internal.h"
#include "pg/privacy/utility_parts.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "commands/user.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* ---- what is hidden ---- */

bool
lh_utility_masked(Oid relid, AttrNumber attnum)
{
	const LhColumnPolicy *column = lh_policy_strictest(relid, attnum);

	return column != NULL && column->mask != NULL;
}

bool
lh_utility_has_masks(Oid relid)
{
	AttrNumber	natts = lh_utility_natts(relid);

	for (AttrNumber i = 1; i <= natts; i++)
	{
		if (lh_utility_masked(relid, i))
			return true;
	}
	return false;
}

/* Rows that a filter hides have all columns: none may be granted. */
bool
lh_utility_has_filter(Oid relid)
{
	List	   *family = list_concat(list_make1_oid(relid),
									 list_concat_copy(lh_policy_ancestors(relid), lh_policy_descendants(relid)));
	ListCell   *lc;

	foreach(lc, lh_policies())
	{
		const LhPolicy *policy = lfirst(lc);

		if (policy->filter != NULL && list_member_oid(family, policy->relid))
			return true;
	}
	return false;
}

/* ---- privileges ---- */

/* Would the grant give SELECT on a column that a policy hides something of? */
static bool
gives(const GrantStmt *stmt, Oid relid)
{
	bool		filter = lh_utility_has_filter(relid);
	ListCell   *lc;
	ListCell   *name;

	if (stmt->privileges == NIL)	/* ALL */
		return filter || lh_utility_has_masks(relid);
	foreach(lc, stmt->privileges)
	{
		AccessPriv *priv = lfirst(lc);

		/* ALL (columns) has no name */
		if (priv->priv_name != NULL && strcmp(priv->priv_name, "select") != 0)
			continue;
		if (filter || (priv->cols == NIL && lh_utility_has_masks(relid)))
			return true;
		foreach(name, priv->cols)
		{
			AttrNumber	attnum = get_attnum(relid, strVal(lfirst(name)));

			if (attnum > 0 && lh_utility_masked(relid, attnum))
				return true;
		}
	}
	return false;
}

void
lh_utility_grant(const GrantStmt *stmt)
{
	ListCell   *lc;
	ListCell   *schema;

	if (!stmt->is_grant || stmt->objtype != OBJECT_TABLE)
		return;
	if (stmt->targtype == ACL_TARGET_OBJECT)
	{
		foreach(lc, stmt->objects)
		{
			Oid			relid = lh_utility_relation(lfirst(lc), NoLock);

			if (OidIsValid(relid) && lh_policy_any(relid) && gives(stmt, relid))
				lh_utility_refuse(relid, "grant SELECT on masked columns of");
		}
		return;
	}
	if (stmt->targtype != ACL_TARGET_ALL_IN_SCHEMA)
		return;
	foreach(lc, lh_policy_governed())
	{
		Oid			relid = lfirst_oid(lc);

		foreach(schema, stmt->objects)
		{
			if (get_rel_namespace(relid) == get_namespace_oid(strVal(lfirst(schema)), true) && gives(stmt, relid))
				lh_utility_refuse(relid, "grant SELECT on masked columns of");
		}
	}
}

/* ---- REASSIGN OWNED ---- */

void
lh_utility_reassign(const ReassignOwnedStmt *stmt)
{
	List	   *roles = roleSpecsToIds(stmt->roles);
	ListCell   *lc;

	foreach(lc, lh_policy_governed())
	{
		HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(lfirst_oid(lc)));
		Oid			owner = InvalidOid;

		if (HeapTupleIsValid(tuple))
		{
			owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
			ReleaseSysCache(tuple);
		}
		if (list_member_oid(roles, owner))
			lh_utility_refuse(lfirst_oid(lc), "change the owner of");
	}
}
