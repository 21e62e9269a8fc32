/*
 * utility.h
 *		Statements that the planner does not see, or that would undermine policies.
 *
 * Called by init.c for each utility statement while the library is preloaded.  It may rewrite the statement (COPY t TO
 * becomes COPY (SELECT ...) TO), run it itself (LOCK TABLE by holders of a masked-read grant), refuse it (DDL that takes
 * a policy administrator), or look at what comes out of it (CREATE TABLE AS, REFRESH).
 */
#ifndef LH_PG_PRIVACY_UTILITY_H
#define LH_PG_PRIVACY_UTILITY_H

#include "pg/privacy/policy.h"

#include "executor/execdesc.h"
#include "tcop/utility.h"

/* True: done.  *pstmt may be replaced by a changed copy. */
extern bool lh_utility_before(PlannedStmt **pstmt, const char *source, ProcessUtilityContext context, ParamListInfo params,
							  QueryEnvironment *env, DestReceiver *dest, QueryCompletion *completion);
extern void lh_utility_after(PlannedStmt *pstmt, const char *source, QueryCompletion *completion);

/* At the end of every executor start. */
extern void lh_utility_started(QueryDesc *query);

/* A policy was made for the relation: materialized views over it, and over its family, inherit it. */
extern void lh_utility_derive_over(Oid relid, const char *policy);

#endif
