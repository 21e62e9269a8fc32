/*
 * enforce.h
 *		Policies applied to statements.
 *
 *	enforce.c			planner hook: which statements, whose subject
 *	enforce_table.c		a table in a query replaced by a subquery of masks
 *	enforce_plan.c		executor: plans of another subject are not run; privileges of used columns
 *	utility*.c			statements that the planner does not see (utility.h)
 */
#ifndef LH_PG_PRIVACY_ENFORCE_H
#define LH_PG_PRIVACY_ENFORCE_H

#include "pg/privacy/policy.h"

#include "executor/execdesc.h"
#include "nodes/params.h"
#include "nodes/plannodes.h"

/*
 * Hooks, called by init.c in this order: before planning (the query is changed in place: the planner's caller owns it),
 * after it, and at every executor start before anything else.
 */
extern void lh_enforce_query(Query *query);
extern void lh_enforce_planned(PlannedStmt *plan);
extern void lh_enforce_start(QueryDesc *query, int eflags);

/* _PG_init: fmgr and other hooks of its own, settings. */
extern void lh_enforce_init(void);

#endif
