/*
 * utility_lock.c
 *		LOCK TABLE by those who may read a table masked.
 *
 * pg_dump locks each table in ACCESS SHARE mode before it reads, and PostgreSQL lets those do that who have SELECT
 * on the whole table: grants on columns do not count, and who reads masked has not even these.  To read a table takes
 * that very lock, so who may read it may as well have the lock before.  Other modes are PostgreSQL's.
 */
#include "pg/privacy/utility_parts.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "commands/lockcmds.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* May the present subject read the table by a policy, and would PostgreSQL not let it lock it? */
static bool
reads_masked(Oid relid)
{
	char		kind = get_rel_relkind(relid);
	LhSubject	subject;

	if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE)
		return false;
	if (pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) == ACLCHECK_OK || !lh_policy_any(relid))
		return false;
	subject = lh_subject();
	return lh_policy_effective(relid, &subject) != NULL;
}

/* Called for the name's table before it is locked, and again when the name has moved meanwhile. */
static void
check_reader(const RangeVar *name, Oid relid, Oid oldrelid, void *arg)
{
	if (OidIsValid(relid) && !reads_masked(relid))
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, name->relname);
}

static void
lock_descendants(Oid relid, bool nowait)
{
	List	   *all = find_all_inheritors(relid, nowait ? NoLock : AccessShareLock, NULL);
	ListCell   *lc;

	foreach(lc, all)
	{
		Oid			child = lfirst_oid(lc);
		char	   *name;

		if (!nowait || child == relid || ConditionalLockRelationOid(child, AccessShareLock))
			continue;
		name = get_rel_name(child);
		if (name != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
					 errmsg("could not obtain lock on relation \"%s\"", name)));
	}
}

static bool
names_ours(const LockStmt *stmt)
{
	ListCell   *lc;

	foreach(lc, stmt->relations)
	{
		Oid			relid = RangeVarGetRelid((RangeVar *) lfirst(lc), NoLock, true);

		if (OidIsValid(relid) && reads_masked(relid))
			return true;
	}
	return false;
}

/* In the order of the statement, whoever takes the lock. */
bool
lh_utility_lock(const LockStmt *stmt, bool top_level)
{
	ListCell   *lc;

	if (stmt->mode != AccessShareLock || lh_policy_none() || !names_ours(stmt))
		return false;
	RequireTransactionBlock(top_level, "LOCK TABLE");
	foreach(lc, stmt->relations)
	{
		RangeVar   *name = lfirst(lc);
		Oid			relid = RangeVarGetRelid(name, NoLock, true);
		LockStmt	one = *stmt;

		if (OidIsValid(relid) && reads_masked(relid))
		{
			relid = RangeVarGetRelidExtended(name, AccessShareLock, stmt->nowait ? RVR_NOWAIT : 0, check_reader, NULL);
			if (name->inh)
				lock_descendants(relid, stmt->nowait);
			continue;
		}
		one.relations = list_make1(name);
		LockTableCommand(&one);
	}
	return true;
}
