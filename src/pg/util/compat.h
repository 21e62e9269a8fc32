/*
 * compat.h
 *		Differences between PostgreSQL 15, 16, 17 and 18, and only those.
 */
#ifndef LH_PG_COMPAT_H
#define LH_PG_COMPAT_H

#include "postgres.h"
#include "fmgr.h"

#if PG_VERSION_NUM < 150000
#error "lakehouse needs PostgreSQL 15 or newer"
#endif

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* create_foreignscan_path: fdw_restrictinfo came with 17, disabled_nodes with 18. */
#if PG_VERSION_NUM >= 180000
#define LH_CREATE_FOREIGNSCAN_PATH(root, rel, target, rows, startup, total, pathkeys, outer, outerpath, priv) \
	create_foreignscan_path(root, rel, target, rows, 0, startup, total, pathkeys, outer, outerpath, NIL, priv)
#define LH_CREATE_FOREIGN_UPPER_PATH(root, rel, target, rows, startup, total, pathkeys, outerpath, priv) \
	create_foreign_upper_path(root, rel, target, rows, 0, startup, total, pathkeys, outerpath, NIL, priv)
#elif PG_VERSION_NUM >= 170000
#define LH_CREATE_FOREIGNSCAN_PATH(root, rel, target, rows, startup, total, pathkeys, outer, outerpath, priv) \
	create_foreignscan_path(root, rel, target, rows, startup, total, pathkeys, outer, outerpath, NIL, priv)
#define LH_CREATE_FOREIGN_UPPER_PATH(root, rel, target, rows, startup, total, pathkeys, outerpath, priv) \
	create_foreign_upper_path(root, rel, target, rows, startup, total, pathkeys, outerpath, NIL, priv)
#else
#define LH_CREATE_FOREIGNSCAN_PATH(root, rel, target, rows, startup, total, pathkeys, outer, outerpath, priv) \
	create_foreignscan_path(root, rel, target, rows, startup, total, pathkeys, outer, outerpath, priv)
#define LH_CREATE_FOREIGN_UPPER_PATH(root, rel, target, rows, startup, total, pathkeys, outerpath, priv) \
	create_foreign_upper_path(root, rel, target, rows, startup, total, pathkeys, outerpath, priv)
#endif

/* Equivalence classes know of nullable relations no more with 16; pathkeys have compare types with 18. */
#include "access/stratnum.h"
#include "optimizer/paths.h"
#if PG_VERSION_NUM >= 160000
#define LH_GET_ECLASS(root, expr, opfamilies, type, collation, relids) \
	get_eclass_for_sort_expr(root, expr, opfamilies, type, collation, 0, relids, false)
#else
#define LH_GET_ECLASS(root, expr, opfamilies, type, collation, relids) \
	get_eclass_for_sort_expr(root, expr, NULL, opfamilies, type, collation, 0, relids, false)
#endif
#if PG_VERSION_NUM >= 180000
#define LH_MAKE_PATHKEY(root, ec, opfamily, descending, nulls_first) \
	make_canonical_pathkey(root, ec, opfamily, (descending) ? COMPARE_GT : COMPARE_LT, nulls_first)
#else
#define LH_MAKE_PATHKEY(root, ec, opfamily, descending, nulls_first) \
	make_canonical_pathkey(root, ec, opfamily, (descending) ? BTGreaterStrategyNumber : BTLessStrategyNumber, nulls_first)
#endif

/* Does text order under this collation equal byte order? */
#include "utils/pg_locale.h"
static inline bool
lh_collation_is_c(Oid collid)
{
#if PG_VERSION_NUM >= 180000
	return pg_newlocale_from_collation(collid)->collate_is_c;
#else
	return lc_collate_is_c(collid);
#endif
}

/* make_range takes a context of soft errors with 16. */
#if PG_VERSION_NUM >= 160000
#define LH_MAKE_RANGE(cache, lower, upper) make_range(cache, lower, upper, false, NULL)
#else
#define LH_MAKE_RANGE(cache, lower, upper) make_range(cache, lower, upper, false)
#endif

/* May a role use a foreign server? */
#include "catalog/pg_foreign_server.h"
#include "utils/acl.h"
static inline bool
lh_server_usage(Oid serverid, Oid roleid)
{
#if PG_VERSION_NUM >= 160000
	return object_aclcheck(ForeignServerRelationId, serverid, roleid, ACL_USAGE) == ACLCHECK_OK;
#else
	return pg_foreign_server_aclcheck(serverid, roleid, ACL_USAGE) == ACLCHECK_OK;
#endif
}

/* Is a role the owner of a relation, or may it do what the owner may? */
#include "catalog/pg_class.h"
static inline bool
lh_relation_owner(Oid relid, Oid roleid)
{
#if PG_VERSION_NUM >= 160000
	return object_ownercheck(RelationRelationId, relid, roleid);
#else
	return pg_class_ownercheck(relid, roleid);
#endif
}

#include "catalog/pg_proc.h"
static inline bool
lh_function_owner(Oid funcid, Oid roleid)
{
#if PG_VERSION_NUM >= 160000
	return object_ownercheck(ProcedureRelationId, funcid, roleid);
#else
	return pg_proc_ownercheck(funcid, roleid);
#endif
}

/* May a role execute a function, or grant that? */
static inline AclResult
lh_function_aclcheck(Oid funcid, Oid roleid, AclMode mode)
{
#if PG_VERSION_NUM >= 160000
	return object_aclcheck(ProcedureRelationId, funcid, roleid, mode);
#else
	return pg_proc_aclcheck(funcid, roleid, mode);
#endif
}
static inline AclResult
lh_function_execute(Oid funcid, Oid roleid)
{
	return lh_function_aclcheck(funcid, roleid, ACL_EXECUTE);
}

/* To be called after a Form_pg_attribute of a TupleDesc was written to: 18 keeps a short form beside it. */
#include "access/tupdesc.h"
static inline void
lh_attribute_changed(TupleDesc desc, int i)
{
#if PG_VERSION_NUM >= 180000
	populate_compact_attribute(desc, i);
#endif
}

/* An interval as ISO 8601 text ("P1Y2M3DT4H"), whatever IntervalStyle is; infinite ones came with 17.  out: MAXDATELEN + 1 */
#include "miscadmin.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"
static inline void
lh_interval_iso(const Interval *span, char *out)
{
	struct pg_itm itm;

#if PG_VERSION_NUM >= 170000
	if (INTERVAL_NOT_FINITE(span))
	{
		strcpy(out, INTERVAL_IS_NOBEGIN(span) ? "-infinity" : "infinity");
		return;
	}
#endif
	interval2itm(*span, &itm);
	EncodeInterval(&itm, INTSTYLE_ISO_8601, out);
}

/* This backend's place in an array of MaxBackends: backend ids, from 1, became process numbers, from 0, with 17. */
#if PG_VERSION_NUM >= 170000
#include "storage/procnumber.h"
#else
#include "storage/backendid.h"
#endif
static inline int
lh_backend_index(void)
{
#if PG_VERSION_NUM >= 170000
	return MyProcNumber;
#else
	return MyBackendId - 1;
#endif
}

/* Is this a worker of autovacuum?  A macro of another name since 17. */
#include "postmaster/autovacuum.h"
static inline bool
lh_autovacuum_worker(void)
{
#if PG_VERSION_NUM >= 170000
	return AmAutoVacuumWorkerProcess();
#else
	return IsAutoVacuumWorkerProcess();
#endif
}

/* The running transaction as one number, backend and its local number; 0: none.  Its place moved with 17. */
#include "storage/proc.h"
static inline uint64
lh_virtual_transaction(void)
{
#if PG_VERSION_NUM >= 170000
	return MyProc->vxid.lxid == InvalidLocalTransactionId ? 0 :
		((uint64) MyProc->vxid.procNumber + 1) << 32 | MyProc->vxid.lxid;
#else
	return MyProc->lxid == InvalidLocalTransactionId ? 0 : (uint64) MyProc->backendId << 32 | MyProc->lxid;
#endif
}

/* ExecutorRun to the end: execute_once went with 18. */
#include "executor/executor.h"
static inline void
lh_executor_run(QueryDesc *query)
{
#if PG_VERSION_NUM >= 180000
	ExecutorRun(query, ForwardScanDirection, 0);
#else
	ExecutorRun(query, ForwardScanDirection, 0, true);
#endif
}

/* EXPLAIN's own headers were split in 18. */
#include "commands/explain.h"
#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif

/* Tuples of logical decoding lost the buffer around them with 17. */
#if PG_VERSION_NUM >= 170000
#define LH_CHANGE_TUPLE(t) (t)
#else
#define LH_CHANGE_TUPLE(t) ((t) != NULL ? &(t)->tuple : NULL)
#endif

/* A logical message of the running transaction; 17 may flush. */
#include "replication/message.h"
#if PG_VERSION_NUM >= 170000
#define LH_LOG_MESSAGE(prefix, content, size) LogLogicalMessage(prefix, content, size, true, false)
#else
#define LH_LOG_MESSAGE(prefix, content, size) LogLogicalMessage(prefix, content, size, true)
#endif

/* Does PostgreSQL itself tell the receiver of changes that a plugin skips?  Since 16. */
#define LH_SKIPPED_CHANGES_ARE_REPORTED (PG_VERSION_NUM >= 160000)

/* The primary key's index, also a deferrable one's (18 asks; before, these are not told). */
#include "utils/relcache.h"
static inline Oid
lh_primary_key_index(Relation relation)
{
#if PG_VERSION_NUM >= 180000
	return RelationGetPrimaryKeyIndex(relation, true);
#else
	return RelationGetPrimaryKeyIndex(relation);
#endif
}

/* May the role maintain the table (CLUSTER, REFRESH, ...)?  Its owner may; since 17 that is a privilege of its own. */
#include "utils/acl.h"
static inline bool
lh_may_maintain(Oid relid, Oid role)
{
#if PG_VERSION_NUM >= 170000
	return pg_class_aclcheck(relid, role, ACL_MAINTAIN) == ACLCHECK_OK;
#else
	return false;
#endif
}

/* Generated columns that the heap has no values of: 18. */
#include "catalog/pg_attribute.h"
static inline bool
lh_generated_virtually(char generated)
{
#if PG_VERSION_NUM >= 180000
	return generated == ATTRIBUTE_GENERATED_VIRTUAL;
#else
	return false;
#endif
}
static inline bool
lh_attribute_is_virtual(Form_pg_attribute attribute)
{
	return lh_generated_virtually(attribute->attgenerated);
}

/*
 * Privileges of an entry of the range table: in it until 15, in a list beside the range table since 16.  False: none are
 * checked for this entry.
 */
#include "nodes/parsenodes.h"
#include "nodes/plannodes.h"
#include "parser/parse_relation.h"
typedef struct LhPrivileges
{
	AclMode    *required;
	Oid		   *as;				/* checkAsUser */
	Bitmapset **selected;
	Bitmapset **inserted;
	Bitmapset **updated;
} LhPrivileges;

#if PG_VERSION_NUM >= 160000
#define LH_QUERY_PRIVILEGES(query) ((query)->rteperminfos)
#define LH_PLAN_PRIVILEGES(plan) ((plan)->permInfos)
typedef RTEPermissionInfo LhPrivilegesHolder;
#else
#define LH_QUERY_PRIVILEGES(query) NIL
#define LH_PLAN_PRIVILEGES(plan) NIL
typedef RangeTblEntry LhPrivilegesHolder;
#endif

static inline bool
lh_privileges(List *infos, RangeTblEntry *rte, LhPrivileges *out)
{
#if PG_VERSION_NUM >= 160000
	LhPrivilegesHolder *holder;

	if (rte->perminfoindex == 0)
		return false;
	holder = getRTEPermissionInfo(infos, rte);
#else
	LhPrivilegesHolder *holder = rte;
#endif
	out->required = &holder->requiredPerms;
	out->as = &holder->checkAsUser;
	out->selected = &holder->selectedCols;
	out->inserted = &holder->insertedCols;
	out->updated = &holder->updatedCols;
	return true;
}

/* The same of an entry that was just made for this query; nothing is required yet. */
static inline void
lh_privileges_add(Query *query, RangeTblEntry *rte, LhPrivileges *out)
{
#if PG_VERSION_NUM >= 160000
	rte->perminfoindex = 0;
	addRTEPermissionInfo(&query->rteperminfos, rte);
	(void) lh_privileges(query->rteperminfos, rte, out);
#else
	(void) lh_privileges(NIL, rte, out);
	rte->extraUpdatedCols = NULL;
#endif
	*out->required = 0;
	*out->as = InvalidOid;
	*out->selected = *out->inserted = *out->updated = NULL;
}

/* An entry that needs no privileges any more. */
static inline void
lh_privileges_none(RangeTblEntry *rte)
{
#if PG_VERSION_NUM >= 160000
	rte->perminfoindex = 0;
#else
	rte->requiredPerms = 0;
	rte->checkAsUser = InvalidOid;
	rte->selectedCols = rte->insertedCols = rte->updatedCols = rte->extraUpdatedCols = NULL;
#endif
}

/* Hooks of the executor: 16 gives the privileges beside the range table, 18 no execute_once. */
#if PG_VERSION_NUM >= 160000
#define LH_CHECK_PERMS_ARGUMENTS List *rtable, List *infos, bool raise
#define LH_CHECK_PERMS_PASS rtable, infos, raise
#define LH_CHECK_PERMS_INFOS infos
#else
#define LH_CHECK_PERMS_ARGUMENTS List *rtable, bool raise
#define LH_CHECK_PERMS_PASS rtable, raise
#define LH_CHECK_PERMS_INFOS NIL
#endif
#if PG_VERSION_NUM >= 180000
#define LH_EXECUTOR_RUN_ARGUMENTS QueryDesc *query, ScanDirection direction, uint64 count
#define LH_EXECUTOR_RUN_PASS query, direction, count
#else
#define LH_EXECUTOR_RUN_ARGUMENTS QueryDesc *query, ScanDirection direction, uint64 count, bool once
#define LH_EXECUTOR_RUN_PASS query, direction, count, once
#endif

/* Is the transaction over, its locks gone, and what it changed told to all?  18 also asks whether to log that it is not. */
#if PG_VERSION_NUM >= 180000
#define lh_transaction_is_over(xid) ConditionalXactLockTableWait(xid, false)
#else
#define lh_transaction_is_over(xid) ConditionalXactLockTableWait(xid)
#endif

#endif
