/*
 * utility.c
 *		Statements that the planner does not see, or that would undermine policies.
 *
 * Most statements that read end in the planner: EXPLAIN, EXECUTE, DECLARE CURSOR, CREATE TABLE AS, COPY of a query.  What
 * is left is COPY of a table, LOCK TABLE, and what is about tables and not about rows.
 */
#include "pg/privacy/utility_parts.h"

#include "access/xact.h"
#include "catalog/pg_class.h"
#include "utils/syscache.h"

#include "access/htup_details.h"

/* 0: no such relation. */
AttrNumber
lh_utility_natts(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	AttrNumber	natts;

	if (!HeapTupleIsValid(tuple))
		return 0;
	natts = ((Form_pg_class) GETSTRUCT(tuple))->relnatts;
	ReleaseSysCache(tuple);
	return natts;
}

/* The statement in a copy of what led to it: the tree may be that of a cached plan. */
static void
replace(PlannedStmt **pstmt, Node *stmt)
{
	PlannedStmt *copy;

	if (stmt == NULL)
		return;
	copy = makeNode(PlannedStmt);
	memcpy(copy, *pstmt, sizeof(PlannedStmt));
	copy->utilityStmt = stmt;
	*pstmt = copy;
}

bool
lh_utility_before(PlannedStmt **pstmt, const char *source, ProcessUtilityContext context, ParamListInfo params,
				  QueryEnvironment *env, DestReceiver *dest, QueryCompletion *completion)
{
	Node	   *stmt = (*pstmt)->utilityStmt;

	lh_utility_watch_errors();
	/* COMMIT and the like, also of transactions that failed: no catalogs there */
	if (IsA(stmt, TransactionStmt) || !IsTransactionState())
		return false;
	switch (nodeTag(stmt))
	{
		case T_CopyStmt:
			replace(pstmt, (Node *) lh_utility_copy((CopyStmt *) stmt));
			return false;
		case T_DeclareCursorStmt:
			replace(pstmt, (Node *) lh_utility_cursor((DeclareCursorStmt *) stmt));
			return false;
		case T_LockStmt:
			return lh_utility_lock((LockStmt *) stmt, context == PROCESS_UTILITY_TOPLEVEL);
		case T_CreateTableAsStmt:
			lh_utility_report((CreateTableAsStmt *) stmt);
			return false;
		default:
			lh_utility_ddl(stmt);
			return false;
	}
}

void
lh_utility_after(PlannedStmt *pstmt, const char *source, QueryCompletion *completion)
{
	Node	   *stmt = pstmt->utilityStmt;

	/*
	 * WITH NO DATA: at REFRESH; a dump makes all views so, and brings the policy itself.  The statement itself does not
	 * tell: since 17 CREATE takes its own skipData, and fills the view by REFRESH.
	 */
	if (IsA(stmt, CreateTableAsStmt) && ((CreateTableAsStmt *) stmt)->objtype == OBJECT_MATVIEW)
		lh_utility_derive(((CreateTableAsStmt *) stmt)->into->rel, true);
	else if (IsA(stmt, RefreshMatViewStmt))
		lh_utility_derive(((RefreshMatViewStmt *) stmt)->relation, false);
}
