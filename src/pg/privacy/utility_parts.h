/*
 * utility_parts.h
 *		What the files of utility*.c share.
 *
 *	utility.c			which statement goes where
 *	utility_copy.c		COPY t TO
 *	utility_lock.c		LOCK TABLE
 *	utility_ddl.c		DDL that would take a policy away, or what it keeps
 *	utility_keys.c		... by keys and by the order of rows
 *	utility_grant.c		... by privileges
 *	utility_function.c	functions that get rows, replaced
 *	utility_error.c		details of errors
 *	utility_origin.c	from which columns an output column comes
 *	utility_derive.c	CREATE TABLE AS, materialized views: copies of what is under policies
 */
#ifndef LH_PG_PRIVACY_UTILITY_PARTS_H
#define LH_PG_PRIVACY_UTILITY_PARTS_H

#include "pg/privacy/utility.h"

#include "nodes/parsenodes.h"

/* NULL: the statement is PostgreSQL's as it is. */
extern CopyStmt *lh_utility_copy(const CopyStmt *stmt);
extern DeclareCursorStmt *lh_utility_cursor(const DeclareCursorStmt *stmt);

/* A table of the extension that pg_dump takes along, and that is empty for who reads masked. */
extern bool lh_utility_empty(Oid relid);

/* False: nothing in it is ours. */
extern bool lh_utility_lock(const LockStmt *stmt, bool top_level);

/* ERROR when the statement takes a policy administrator and the user is none. */
extern void lh_utility_ddl(Node *stmt);
/* True: the user may do to tables under policies what takes a policy administrator. */
extern bool lh_utility_admin(void);
extern AttrNumber lh_utility_natts(Oid relid);
/* "permission denied to <what> <relation>: it has a policy". */
extern void lh_utility_refuse(Oid relid, const char *what) __attribute__((noreturn));
extern Oid	lh_utility_relation(const RangeVar *name, LOCKMODE lock);
extern void lh_utility_guard(const RangeVar *name, const char *what, LOCKMODE lock);
/* Does a policy mask the column, for whomever? */
extern bool lh_utility_masked(Oid relid, AttrNumber attnum);
extern bool lh_utility_has_masks(Oid relid);
extern bool lh_utility_has_filter(Oid relid);
/* utility_keys.c, of parts of statements; ERROR as lh_utility_ddl. */
extern void lh_utility_foreign_key(const Constraint *key, LOCKMODE lock);
extern void lh_utility_foreign_keys(const List *constraints, LOCKMODE lock);
extern void lh_utility_referring(const RangeVar *name, const Constraint *key, LOCKMODE lock);
extern void lh_utility_enforced(const AlterTableStmt *stmt, const AlterTableCmd *cmd, LOCKMODE lock);
extern void lh_utility_unique(Oid relid, const List *columns);
extern bool lh_utility_is_unique(const Constraint *constraint);
extern void lh_utility_order(Oid relid, const char *name);
extern void lh_utility_cluster(const ClusterStmt *stmt);
/* utility_grant.c */
extern void lh_utility_grant(const GrantStmt *stmt);
extern void lh_utility_reassign(const ReassignOwnedStmt *stmt);
/* A table that policies are about with values of the domain; InvalidOid: none. */
extern Oid	lh_utility_domain_table(Oid domain);
extern void lh_utility_create_function(const CreateFunctionStmt *stmt);
extern void lh_utility_alter_function(const AlterFunctionStmt *stmt);

/*
 * Errors of this session show no values of rows to whom a policy holds for.  Called before anything runs; cheap.
 */
extern void lh_utility_watch_errors(void);

typedef struct LhOrigin
{
	Oid			relid;
	AttrNumber	attnum;
	bool		plain;			/* its very value; else it is computed with */
} LhOrigin;

/* One output column of a query. */
typedef struct LhOrigins
{
	char	   *name;
	List	   *origins;		/* of LhOrigin; columns of tables, whether under policies or not */
	List	   *visits;			/* of the search */
} LhOrigins;

/* For each output column of a SELECT as parse analysis has it (List of LhOrigins); relations: tables in it (Oid). */
extern List *lh_utility_origins(Query *query, List **relations);

/* Before CREATE TABLE AS: columns that will be copies of masked ones are reported. */
extern void lh_utility_report(const CreateTableAsStmt *stmt);
/*
 * After a materialized view was made or refreshed: it inherits policies; filled: unless it was made WITH NO DATA.
 * (Policies that come later: utility.h.)
 */
extern void lh_utility_derive(const RangeVar *name, bool filled);

#endif
