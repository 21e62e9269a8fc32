/*
 * static_load.c
 *		Rows of a static copy.
 *
 *	INSERT INTO copy.t (a, b) OVERRIDING SYSTEM VALUE SELECT a, b FROM [ONLY] t
 *
 * is analysed as the invoker; derived masks are put in place of their columns; then it is planned and run with the role as the
 * subject, so that the planner's hook makes a subquery of masks of the table, as it would for the role.  Privileges on
 * what is not masked are the invoker's.
 *
 * Values of derived masks are read above that subquery, at the top of a plan that is a scan and nothing else: no join or sort
 * is there to write them anywhere.
 */
#include "pg/privacy/static.h"

#include "access/xact.h"
#include "catalog/pg_class.h"
#include "commands/progress.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/parser.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "tcop/dest.h"
#include "tcop/tcopprot.h"
#include "utils/backend_progress.h"
#include "utils/builtins.h"
#include "utils/plancache.h"
#include "utils/snapmgr.h"

/* Progress is told, and interrupts are asked for, each so many rows. */
#define CHUNK 10000

/* Of the counters of PROGRESS_COMMAND_COPY that COPY leaves free: what lakehouse.static_progress shows. */
#define PROGRESS_MARK        PROGRESS_COPY_COMMAND
#define PROGRESS_MARK_STATIC 76
#define PROGRESS_TABLES_DONE 10
#define PROGRESS_TABLES      11

/* ---- the statement ---- */

static char *
insert_text(const LhStaticTable *table)
{
	StringInfoData columns;
	ListCell   *lc;

	initStringInfo(&columns);
	foreach(lc, table->columns)
	{
		const LhStaticColumn *column = lfirst(lc);

		if (!lh_static_computed(column))
			appendStringInfo(&columns, "%s%s", columns.len > 0 ? ", " : "", quote_identifier(column->name));
	}
	/* a table without columns has rows all the same */
	if (columns.len == 0)
		return psprintf("INSERT INTO %s SELECT FROM %s RETURNING 1", table->copy, table->source);
	return psprintf("INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %s%s RETURNING 1", table->copy, columns.data, columns.data,
					table->relkind == RELKIND_RELATION ? "ONLY " : "", table->source);
}

/* Of INSERT ... SELECT: the SELECT. */
static Query *
selected(Query *insert)
{
	ListCell   *lc;

	foreach(lc, insert->rtable)
	{
		if (lfirst_node(RangeTblEntry, lc)->rtekind == RTE_SUBQUERY)
			return lfirst_node(RangeTblEntry, lc)->subquery;
	}
	elog(ERROR, "a statement of a static copy has no SELECT");
}

static void
put_derived(Query *select, const LhStaticTable *table)
{
	ListCell   *lc;

	foreach(lc, select->targetList)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, lc);
		Var		   *var = castNode(Var, entry->expr);
		const LhStaticColumn *column = lh_static_column(table, var->varattno);

		if (column->mask != NULL || column->derived == NULL)
			continue;
		entry->expr = copyObject(column->derived);
		ChangeVarNodes((Node *) entry->expr, 1, var->varno, 0);
	}
}

static PlannedStmt *
planned(const LhStaticTable *table, const char *text)
{
	List	   *queries = pg_analyze_and_rewrite_fixedparams(linitial_node(RawStmt, raw_parser(text, RAW_PARSE_DEFAULT)), text, NULL, 0, NULL);
	Query	   *insert = linitial_node(Query, queries);

	put_derived(selected(insert), table);
	return pg_plan_query(insert, text, 0, NULL);
}

/* ---- run ---- */

static void
run_some(QueryDesc *query)
{
#if PG_VERSION_NUM >= 180000
	ExecutorRun(query, ForwardScanDirection, CHUNK);
#else
	ExecutorRun(query, ForwardScanDirection, CHUNK, false);
#endif
}

static double
run(PlannedStmt *plan, const char *text, Snapshot snapshot)
{
	QueryDesc  *query;
	double		rows = 0;

	PushCopiedSnapshot(snapshot);
	UpdateActiveSnapshotCommandId();
	query = CreateQueryDesc(plan, text, GetActiveSnapshot(), InvalidSnapshot, None_Receiver, NULL, NULL, 0);
	ExecutorStart(query, 0);
	do
	{
		run_some(query);
		rows += query->estate->es_processed;
		pgstat_progress_update_param(PROGRESS_COPY_TUPLES_PROCESSED, (int64) rows);
		CHECK_FOR_INTERRUPTS();
	} while (query->estate->es_processed == CHUNK);
	ExecutorFinish(query);
	ExecutorEnd(query);
	FreeQueryDesc(query);
	PopActiveSnapshot();
	CommandCounterIncrement();
	return rows;
}

/* As the role sees it. */
static void
load_table(const LhStaticPlan *plan, LhStaticTable *table, Snapshot snapshot)
{
	MemoryContext caller = CurrentMemoryContext;
	char	   *text = insert_text(table);

	PG_TRY();
	{
		lh_subject_assume(plan->options->role);
		table->rows = run(planned(table, text), text, snapshot);
	}
	PG_CATCH();
	{
		lh_subject_assume(InvalidOid);
		ResetPlanCache();
		lh_static_raise(caller);
	}
	PG_END_TRY();
	lh_subject_assume(InvalidOid);
}

void
lh_static_load(LhStaticPlan *plan, Snapshot snapshot)
{
	int64		done = 0;
	ListCell   *lc;

	/* plans that functions keep are of another subject, before and after */
	ResetPlanCache();
	foreach(lc, plan->tables)
	{
		LhStaticTable *table = lfirst(lc);

		pgstat_progress_start_command(PROGRESS_COMMAND_COPY, table->relid);
		pgstat_progress_update_param(PROGRESS_MARK, PROGRESS_MARK_STATIC);
		pgstat_progress_update_param(PROGRESS_TABLES, list_length(plan->tables));
		pgstat_progress_update_param(PROGRESS_TABLES_DONE, done++);
		/* rows of partitions came with their root's */
		if (table->bound == NULL)
		{
			load_table(plan, table, snapshot);
			lh_static_note(plan, "table", table, NULL, "copied", NULL, table->rows);
		}
		pgstat_progress_end_command();
	}
	ResetPlanCache();
}

/* ---- rows that refer to none ---- */

/* Over c, the referencing table. */
static char *
orphan_condition(const LhStaticObject *key)
{
	StringInfoData refers;
	StringInfoData found;

	initStringInfo(&refers);
	initStringInfo(&found);
	for (int i = 0; i < list_length(key->columns); i++)
	{
		const char *child = quote_identifier(lh_static_column(key->table, list_nth_int(key->columns, i))->name);
		const char *parent = quote_identifier(lh_static_column(key->refers, list_nth_int(key->refers_columns, i))->name);

		appendStringInfo(&refers, "c.%s IS NOT NULL AND ", child);
		appendStringInfo(&found, "%sp.%s OPERATOR(%s) c.%s", i > 0 ? " AND " : "", parent, (const char *) list_nth(key->operators, i), child);
	}
	return psprintf("%sNOT EXISTS (SELECT FROM %s%s p WHERE %s)", refers.data, key->refers->partition_key != NULL ? "" : "ONLY ",
					key->refers->copy, found.data);
}

static char *
key_columns(const LhStaticObject *key, const char *value)
{
	StringInfoData list;
	ListCell   *lc;

	initStringInfo(&list);
	foreach(lc, key->columns)
		appendStringInfo(&list, "%s%s%s", list.len > 0 ? ", " : "",
						 quote_identifier(lh_static_column(key->table, lfirst_int(lc))->name), value);
	return list.data;
}

/* True: rows were dropped or changed, so others may refer to none now. */
static bool
mend(LhStaticPlan *plan, const LhStaticObject *key)
{
	const char *only = key->table->partition_key != NULL ? "" : "ONLY ";
	char	   *condition = orphan_condition(key);
	char	   *count = lh_static_ask("SELECT nullif(count(*), 0) FROM %s%s c WHERE %s", only, key->table->copy, condition);
	bool		drop = plan->options->orphans == LH_ORPHANS_DROP;

	if (count == NULL)
		return false;
	if (plan->options->orphans == LH_ORPHANS_ERROR)
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("%s rows of the copy of %s refer by \"%s\" to rows that are not in the copy of %s", count, key->table->source,
						key->name, key->refers->source),
				 errhint("A row filter left these out, or their masked keys are NULL. Take orphans => 'drop' or 'null', or name the key in \"without\".")));
	if (drop)
		lh_static_run("DELETE FROM %s%s c WHERE %s", only, key->table->copy, condition);
	else
		lh_static_run("UPDATE %s%s c SET %s WHERE %s", only, key->table->copy, key_columns(key, " = NULL"), condition);
	lh_static_note(plan, "foreign key", key->table, key->name, drop ? "rows dropped: they refer to none of the copy" :
				   "set to NULL: rows refer to none of the copy", NULL, strtod(count, NULL));
	return true;
}

void
lh_static_orphans(LhStaticPlan *plan)
{
	bool		again = true;
	ListCell   *lc;

	while (again)
	{
		again = false;
		foreach(lc, plan->objects)
		{
			const LhStaticObject *key = lfirst(lc);

			CHECK_FOR_INTERRUPTS();
			if (key->kind == 'f' && key->left_out == NULL && key->valid)
				again |= mend(plan, key);
		}
	}
}
