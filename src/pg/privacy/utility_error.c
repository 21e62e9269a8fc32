/*
 * utility_error.c
 *		Details of errors that have values of rows in them.
 *
 * "Failing row contains (...)", "Key (ssn)=(...) already exists": PostgreSQL leaves out what the present user may not
 * select.  That is not enough.  In a function with SECURITY DEFINER the present user is its owner, and columns that a
 * statement assigned are shown whatever a trigger made of them.  Whoever catches the error in PL/pgSQL reads
 * the detail before it comes to a log hook, which besides is not asked for all errors.
 *
 * So it is done where errors are made: a callback at the bottom of error_context_stack, the last that is called before an
 * error is thrown, puts another detail in its place when the error is about a table of which a policy holds for the outer
 * role.  PostgreSQL empties that stack after an error that reached the client; each utility statement and each executor start
 * calls lh_utility_watch_errors.
 *
 * Errors in expressions over rows ("invalid input syntax for type integer: ...") name no table.  Such expressions
 * (constraints, indexes, generated columns, triggers) get values as they are while a statement writes to a table, and conditions of
 * row security while one reads it, so their text is replaced while that is done to a table that has a policy for the outer role
 * (lh_utility_started).
 */
#include "pg/privacy/enforce.h"
#include "pg/privacy/utility_parts.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "miscadmin.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

static void clean_error(void *arg);

static ErrorContextCallback watch = {.callback = clean_error};

/* Within the callback: what it calls may fail itself. */
static bool cleaning = false;

void
lh_utility_watch_errors(void)
{
	ErrorContextCallback **last = &error_context_stack;

	while (*last != NULL && *last != &watch)
		last = &(*last)->previous;
	*last = &watch;
}

/* To whom the error goes: never who a function runs as. */
static LhSubject
viewer(void)
{
	LhSubject	subject = lh_subject();

	subject.role = GetOuterUserId();
	subject.superuser = superuser_arg(subject.role);
	subject.integrity = false;
	subject.unknown = false;
	return subject;
}

static bool
under_policy(Oid relid, const LhSubject *subject)
{
	return OidIsValid(relid) && lh_policy_any(relid) && lh_policy_effective(relid, subject) != NULL;
}

/* The values of a foreign key are those of both tables. */
static bool
other_side_under_policy(Oid relid, const char *constraint, const LhSubject *subject)
{
	Oid			oid = constraint != NULL ? get_relation_constraint_oid(relid, constraint, true) : InvalidOid;
	HeapTuple	tuple = OidIsValid(oid) ? SearchSysCache1(CONSTROID, ObjectIdGetDatum(oid)) : NULL;
	Oid			other;

	if (!HeapTupleIsValid(tuple))
		return false;
	other = ((Form_pg_constraint) GETSTRUCT(tuple))->confrelid;
	ReleaseSysCache(tuple);
	return under_policy(other, subject);
}

static bool
under_any_policy(const LhSubject *subject)
{
	ListCell   *lc;

	foreach(lc, lh_policy_relations())
	{
		if (lh_policy_effective(lfirst_oid(lc), subject) != NULL)
			return true;
	}
	return false;
}

/* Does the error's detail have to go?  Errors that name no table: when any policy holds for the viewer. */
static bool
tells_values(const ErrorData *error, const LhSubject *subject)
{
	Oid			schema;
	Oid			relid;

	if (error->detail == NULL && error->detail_log == NULL)
		return false;
	if (error->table_name == NULL || error->schema_name == NULL)
		return under_any_policy(subject);
	schema = get_namespace_oid(error->schema_name, true);
	relid = OidIsValid(schema) ? get_relname_relid(error->table_name, schema) : InvalidOid;
	/* not there: dropped in this very transaction, or a name that somebody invented */
	if (!OidIsValid(relid))
		return under_any_policy(subject);
	return under_policy(relid, subject) || other_side_under_policy(relid, error->constraint_name, subject);
}

/* SQLSTATEs that come with values of rows, and whose makers look into catalogs themselves. */
static bool
about_rows(int code)
{
	return ERRCODE_TO_CATEGORY(code) == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION ||
		code == ERRCODE_WITH_CHECK_OPTION_VIOLATION ||
		code == ERRCODE_CARDINALITY_VIOLATION;	/* REFRESH CONCURRENTLY: "Row: ..." */
}

static void
clean_detail(void)
{
	LhSubject	subject = viewer();

	if (!lh_policy_none())
	{
		ErrorData  *error = CopyErrorData();

		if (tells_values(error, &subject))
		{
			errdetail("The values are hidden by a policy.");
			if (error->detail_log != NULL)
				errdetail_log("The values are hidden by a policy.");
		}
	}
}

/* ---- statements with expressions over raw rows ---- */

/* Such statements being run, on a table with a policy for whom they are run. */
static int	exposed = 0;

static void
ended(void *arg)
{
	exposed--;
}

static bool
writes(const PlannedStmt *plan, const LhSubject *subject)
{
	ListCell   *lc;

	foreach(lc, plan->resultRelations)
	{
		if (under_policy(rt_fetch(lfirst_int(lc), plan->rtable)->relid, subject))
			return true;
	}
	return false;
}

static bool
has_row_security(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	bool		has = HeapTupleIsValid(tuple) && ((Form_pg_class) GETSTRUCT(tuple))->relrowsecurity;

	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	return has;
}

/* Conditions of row security come before masks. */
static bool
reads_behind_row_security(const PlannedStmt *plan)
{
	ListCell   *lc;

	foreach(lc, plan->rtable)
	{
		const RangeTblEntry *rte = lfirst(lc);
		LhMark		mark;

		/* children are read under their parent's */
		if (rte->rtekind == RTE_RELATION && lh_mark_get(rte, &mark) && mark.kind == LH_MARK_MASKED &&
			(has_row_security(rte->relid) || has_row_security(mark.relid)))
			return true;
	}
	return false;
}

/* Without asking who looks: has any table of the plan a policy? */
static bool
concerned(const PlannedStmt *plan)
{
	ListCell   *lc;

	foreach(lc, plan->rtable)
	{
		const RangeTblEntry *rte = lfirst(lc);

		if (rte->rtekind == RTE_RELATION && (rte->enrname != NULL || lh_policy_any(rte->relid)))
			return true;
	}
	return false;
}

void
lh_utility_started(QueryDesc *query)
{
	MemoryContextCallback *end;
	LhSubject	subject;

	lh_utility_watch_errors();
	if (!concerned(query->plannedstmt))
		return;
	subject = viewer();
	if (!writes(query->plannedstmt, &subject) && !reads_behind_row_security(query->plannedstmt))
		return;
	/* ends with the statement, also by an error: after that one was made */
	end = MemoryContextAllocZero(query->estate->es_query_cxt, sizeof(MemoryContextCallback));
	end->func = ended;
	MemoryContextRegisterResetCallback(query->estate->es_query_cxt, end);
	exposed++;
}

/* Data exceptions quote what they could not use. */
static bool
quotes_values(int code)
{
	return ERRCODE_TO_CATEGORY(code) == ERRCODE_DATA_EXCEPTION && code != ERRCODE_DIVISION_BY_ZERO;
}

/* Another error in its place: a context that was given with it (JSON's has the text) cannot be taken back. */
static void
replace_error(void)
{
	ErrorData  *error = CopyErrorData();

	if (error->elevel == ERROR)
		ereport(ERROR,
				(errcode(error->sqlerrcode),
				 errmsg("an expression failed over a row of a table under a policy"),
				 errdetail("The message is hidden, as it may have values of the row."),
				 errhint("Constraints, indexes, generated columns, triggers and row security have expressions, too.")));
}

static void
clean_error(void *arg)
{
	bool		replaced = exposed > 0 && quotes_values(geterrcode());
	MemoryContext context;
	MemoryContext old;

	if (cleaning || !IsTransactionState() || !(replaced || about_rows(geterrcode())))
		return;
	cleaning = true;
	context = AllocSetContextCreate(TopTransactionContext, "lakehouse error", ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(context);
	PG_TRY();
	{
		if (replaced)
			replace_error();
		else
			clean_detail();
	}
	PG_FINALLY();
	{
		cleaning = false;
		MemoryContextSwitchTo(old);
		MemoryContextDelete(context);
	}
	PG_END_TRY();
}
