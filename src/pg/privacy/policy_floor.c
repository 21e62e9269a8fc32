/*
 * policy_floor.c
 *		The privileges beneath a policy.
 *
 * What the planner hook never sees, or a server without the library, ends in PostgreSQL's own "permission denied": if
 * roles that a policy is for do not hold SELECT on what it hides.  They read it by the policy's leave alone.
 *
 *	1. A masked column must not be granted to them, by the table or by the column; with a row filter no column.
 *	   That holds for the partitions and parents of the table as well.
 *	2. A grant concerns them if it is to everybody, to one of these roles, to a role whose privileges one of them
 *	   has, or to a member of one of them.  Owners and superusers are outside; policy_holes() names them.
 *	3. "revoke" takes such grants back as whoever gave them, and gives all other columns instead where
 *	   the whole table was granted.  "check" refuses the policy with the list.
 *
 * Rights that come later, or on other ways (a member of another role that may read the table), are for policy_holes().
 */
#include "pg/privacy/policy_internal.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/value.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* A grant that must not be. */
typedef struct Grant
{
	Oid			relid;
	AttrNumber	attnum;			/* 0: of the whole relation */
	Oid			grantee;
	Oid			grantor;
	bool		grantable;
} Grant;

/* ---- whom it concerns ---- */

static bool
for_role_concerns(const LhPolicy *policy, Oid role, Oid grantee)
{
	/* everybody, or somebody who has the privileges of a role that it is for */
	if (grantee != ACL_ID_PUBLIC && (role == ACL_ID_PUBLIC || lh_hidden_member(grantee, role)))
		return !superuser_arg(grantee) && !lh_hidden_has(policy->hidden, grantee, LH_HIDDEN_EXCEPT);
	if (grantee == ACL_ID_PUBLIC)
		return true;
	return role != ACL_ID_PUBLIC && lh_hidden_member(role, grantee) && !superuser_arg(role) &&
		!lh_hidden_has(policy->hidden, role, LH_HIDDEN_EXCEPT);
}

static bool
concerns(const LhPolicy *policy, Oid grantee)
{
	const Acl  *acl = policy->hidden->acl;

	for (int i = 0; acl != NULL && i < ACL_NUM(acl); i++)
	{
		const AclItem *item = &ACL_DAT(acl)[i];

		if ((ACLITEM_GET_PRIVS(*item) & LH_HIDDEN_FOR) != 0 && item->ai_grantee != policy->hidden->owner &&
			for_role_concerns(policy, item->ai_grantee, grantee))
			return true;
	}
	return false;
}

/* ---- what is granted ---- */

static List *
add_grants(List *grants, const LhPolicy *policy, Oid relid, AttrNumber attnum, const Acl *acl, Oid owner)
{
	for (int i = 0; i < ACL_NUM(acl); i++)
	{
		const AclItem *item = &ACL_DAT(acl)[i];
		Grant	   *grant;

		if ((ACLITEM_GET_PRIVS(*item) & ACL_SELECT) == 0 || item->ai_grantee == owner ||
			!concerns(policy, item->ai_grantee))
			continue;
		grant = palloc(sizeof(Grant));
		grant->relid = relid;
		grant->attnum = attnum;
		grant->grantee = item->ai_grantee;
		grant->grantor = item->ai_grantor;
		grant->grantable = (ACLITEM_GET_GOPTIONS(*item) & ACL_SELECT) != 0;
		/* what was given last goes first: it may hang on what was given before */
		grants = lcons(grant, grants);
	}
	return grants;
}

static List *
column_grants(List *grants, const LhPolicy *policy, Oid relid, AttrNumber attnum, Oid owner)
{
	HeapTuple	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid), Int16GetDatum(attnum));
	Datum		acl;
	bool		isnull;

	if (!HeapTupleIsValid(tuple))
		return grants;
	acl = SysCacheGetAttr(ATTNUM, tuple, Anum_pg_attribute_attacl, &isnull);
	if (!isnull)
		grants = add_grants(grants, policy, relid, attnum, DatumGetAclPCopy(acl), owner);
	ReleaseSysCache(tuple);
	return grants;
}

/* Which columns of a relation of the family the policy hides. */
static Bitmapset *
hidden_columns(const LhPolicy *policy, Oid relid, AttrNumber natts)
{
	Bitmapset  *set = NULL;
	ListCell   *cell;

	if (policy->filter != NULL)
		return bms_add_range(NULL, 1, natts);
	foreach(cell, policy->columns)
	{
		const LhPolicyColumn *column = lfirst(cell);
		AttrNumber	attnum = lh_policy_map_column(policy->relid, column->attnum, relid);

		if (column->mask != NULL && attnum != InvalidAttrNumber)
			set = bms_add_member(set, attnum);
	}
	return set;
}

static List *
relation_grants(List *grants, const LhPolicy *policy, Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Form_pg_class form;
	Bitmapset  *hidden;
	Datum		acl;
	bool		isnull;
	int			attnum = -1;

	if (!HeapTupleIsValid(tuple))
		return grants;
	form = (Form_pg_class) GETSTRUCT(tuple);
	hidden = hidden_columns(policy, relid, form->relnatts);
	acl = SysCacheGetAttr(RELOID, tuple, Anum_pg_class_relacl, &isnull);
	/* columns first: taking the table's takes theirs with it */
	if (!isnull && !bms_is_empty(hidden))
		grants = add_grants(grants, policy, relid, 0, DatumGetAclPCopy(acl), form->relowner);
	while ((attnum = bms_next_member(hidden, attnum)) >= 0)
		grants = column_grants(grants, policy, relid, (AttrNumber) attnum, form->relowner);
	ReleaseSysCache(tuple);
	return grants;
}

static List *
forbidden_grants(const LhPolicy *policy)
{
	List	   *grants = relation_grants(NIL, policy, policy->relid);
	ListCell   *cell;

	foreach(cell, lh_policy_descendants(policy->relid))
		grants = relation_grants(grants, policy, lfirst_oid(cell));
	foreach(cell, lh_policy_ancestors(policy->relid))
		grants = relation_grants(grants, policy, lfirst_oid(cell));
	return grants;
}

/* ---- said ---- */

static char *
role_name(Oid role)
{
	return role == ACL_ID_PUBLIC ? pstrdup("PUBLIC") : GetUserNameFromId(role, true);
}

static char *
grant_text(const Grant *grant)
{
	char	   *relation = get_rel_name(grant->relid);

	if (grant->attnum == 0)
		return psprintf("table \"%s\" to %s", relation, role_name(grant->grantee));
	return psprintf("column \"%s\" of \"%s\" to %s", get_attname(grant->relid, grant->attnum, false), relation,
					role_name(grant->grantee));
}

static void __attribute__((noreturn))
refuse(const LhPolicy *policy, List *grants, bool tried)
{
	StringInfoData list;
	ListCell   *cell;

	initStringInfo(&list);
	foreach(cell, grants)
		appendStringInfo(&list, "%s%s", list.len > 0 ? ", " : "", grant_text(lfirst(cell)));
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("SELECT is granted on what policy \"%s\" hides", policy->name),
			 errdetail("It is granted on %s.", list.data),
			 tried ? errhint("It could not be revoked: do it by hand.") :
			 errhint("Revoke it, or make the policy with floor => 'revoke'.")));
}

/* ---- taken ---- */

static void
run_grant(Oid as, const Grant *grant, bool give, List *columns)
{
	GrantStmt  *stmt = makeNode(GrantStmt);
	AccessPriv *privilege = makeNode(AccessPriv);
	RoleSpec   *grantee = makeNode(RoleSpec);
	LhHiddenOwner was;

	privilege->priv_name = pstrdup("select");
	privilege->cols = columns;
	grantee->roletype = grant->grantee == ACL_ID_PUBLIC ? ROLESPEC_PUBLIC : ROLESPEC_CSTRING;
	grantee->rolename = grant->grantee == ACL_ID_PUBLIC ? NULL : GetUserNameFromId(grant->grantee, false);
	grantee->location = -1;
	stmt->is_grant = give;
	stmt->targtype = ACL_TARGET_OBJECT;
	stmt->objtype = OBJECT_TABLE;
	stmt->objects = list_make1(makeRangeVar(get_namespace_name(get_rel_namespace(grant->relid)),
											get_rel_name(grant->relid), -1));
	stmt->privileges = list_make1(privilege);
	stmt->grantees = list_make1(grantee);
	stmt->grant_option = give && grant->grantable;
	stmt->behavior = DROP_RESTRICT;

	was = lh_hidden_become(as);
	ExecuteGrantStmt(stmt);
	lh_hidden_return(was);
	CommandCounterIncrement();
}

/* All columns that the policy leaves alone. */
static List *
other_columns(const LhPolicy *policy, Oid relid)
{
	Bitmapset  *hidden = hidden_columns(policy, relid, MaxHeapAttributeNumber);
	List	   *columns = NIL;
	HeapTuple	tuple;

	for (AttrNumber attnum = 1;
		 HeapTupleIsValid(tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid), Int16GetDatum(attnum))); attnum++)
	{
		if (!((Form_pg_attribute) GETSTRUCT(tuple))->attisdropped && !bms_is_member(attnum, hidden))
			columns = lappend(columns, makeString(pstrdup(NameStr(((Form_pg_attribute) GETSTRUCT(tuple))->attname))));
		ReleaseSysCache(tuple);
	}
	return columns;
}

static Oid
owner_of(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

static void
take(const LhPolicy *policy, const Grant *grant)
{
	List	   *others = NIL;

	if (grant->attnum != 0)
		run_grant(grant->grantor, grant, false,
				  list_make1(makeString(get_attname(grant->relid, grant->attnum, false))));
	else
	{
		run_grant(grant->grantor, grant, false, NIL);
		others = other_columns(policy, grant->relid);
		if (others != NIL)
			run_grant(owner_of(grant->relid), grant, true, others);
	}
	ereport(NOTICE,
			(errmsg("SELECT on %s was revoked", grant_text(grant)),
			 others != NIL ? errdetail("It is granted on the other columns instead.") : 0));
}

void
lh_policy_floor(const LhPolicy *policy, bool revoke)
{
	List	   *grants = forbidden_grants(policy);
	ListCell   *cell;

	if (grants != NIL && !revoke)
		refuse(policy, grants, false);
	foreach(cell, grants)
		take(policy, lfirst(cell));
	if (grants != NIL && (grants = forbidden_grants(policy)) != NIL)
		refuse(policy, grants, true);
}
