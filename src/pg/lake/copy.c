/*
 * copy.c
 *		COPY ... (FORMAT parquet): which statements are ours, and their options.
 *
 * PostgreSQL knows no formats but its own, so the utility hook looks at every
 * COPY and takes those whose option FORMAT is parquet; all others pass untouched.
 * For the library to be there, it has to be preloaded (session_preload_libraries),
 * or something in the session must have loaded it.
 */
#include "pg/lake/write.h"
#include "pg/util/catalog.h"

#include "access/tupdesc.h"
#include "commands/defrem.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/rel.h"

static bool
is_parquet(const CopyStmt *stmt)
{
	ListCell   *lc;

	foreach(lc, stmt->options)
	{
		DefElem    *def = lfirst_node(DefElem, lc);

		if (strcmp(def->defname, "format") == 0 && def->arg != NULL && IsA(def->arg, String) &&
			strcmp(strVal(def->arg), "parquet") == 0)
			return true;
	}
	return false;
}

/* ---- options ---- */

/* (a, b) as a JSON array. */
static char *
json_of(List *list)
{
	StringInfoData json;
	ListCell   *lc;

	initStringInfo(&json);
	foreach(lc, list)
	{
		appendStringInfoString(&json, foreach_current_index(lc) > 0 ? ", " : "[");
		escape_json(&json, strVal(lfirst(lc)));
	}
	appendStringInfoChar(&json, ']');
	return json.data;
}

/* An option without a value is on. */
static char *
text_of(DefElem *def)
{
	if (def->arg == NULL)
		return pstrdup("true");
	if (IsA(def->arg, List))
		return json_of((List *) def->arg);
	if (IsA(def->arg, A_Star))
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("option \"%s\" does not take \"*\"", def->defname)));
	return defGetString(def);
}

static void
check_twice(ParseState *pstate, List *options, DefElem *def)
{
	ListCell   *lc;

	foreach(lc, options)
	{
		DefElem    *other = lfirst_node(DefElem, lc);

		if (other == def)
			return;
		if (strcmp(other->defname, def->defname) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_SYNTAX_ERROR),
					 errmsg("option \"%s\" is given twice", def->defname),
					 parser_errposition(pstate, def->location)));
	}
}

static void
read_options(LhCopy *copy)
{
	ParseState *pstate = make_parsestate(NULL);
	ListCell   *lc;

	pstate->p_sourcetext = copy->source;
	foreach(lc, copy->stmt->options)
	{
		DefElem    *def = lfirst_node(DefElem, lc);

		check_twice(pstate, copy->stmt->options, def);
		if (strcmp(def->defname, "format") == 0)
			continue;
		if (strcmp(def->defname, "server") == 0)
			copy->serverid = lh_lake_server_named(text_of(def));
		else
			copy->options = lappend(copy->options,
									makeDefElem(def->defname, (Node *) makeString(text_of(def)), def->location));
	}
	free_parsestate(pstate);
}

/* ---- what both directions need ---- */

RawStmt *
lh_copy_raw(const LhCopy *copy, Node *stmt)
{
	RawStmt    *raw = makeNode(RawStmt);

	raw->stmt = stmt;
	raw->stmt_location = copy->stmt_location;
	raw->stmt_len = copy->stmt_len;
	return raw;
}

List *
lh_copy_attributes(Relation rel, List *names)
{
	TupleDesc	desc = RelationGetDescr(rel);
	List	   *attnos = NIL;
	ListCell   *lc;

	if (names == NIL)
	{
		for (int i = 0; i < desc->natts; i++)
		{
			Form_pg_attribute att = TupleDescAttr(desc, i);

			if (!att->attisdropped && !att->attgenerated)
				attnos = lappend_int(attnos, att->attnum);
		}
		return attnos;
	}
	foreach(lc, names)
	{
		AttrNumber	attno = lh_pg_copy_column(rel, strVal(lfirst(lc)));

		if (list_member_int(attnos, attno))
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_COLUMN),
					 errmsg("column \"%s\" specified more than once", strVal(lfirst(lc)))));
		attnos = lappend_int(attnos, attno);
	}
	return attnos;
}

/* ---- the hook ---- */

bool
lh_lake_copy(PlannedStmt *pstmt, const char *source, QueryCompletion *completion)
{
	LhCopy		copy = {0};
	uint64		rows;

	if (!IsA(pstmt->utilityStmt, CopyStmt) || !is_parquet((CopyStmt *) pstmt->utilityStmt))
		return false;
	/* parse analysis writes to the tree, which may be that of a cached plan */
	copy.stmt = copyObject((CopyStmt *) pstmt->utilityStmt);
	copy.source = source;
	copy.stmt_location = pstmt->stmt_location;
	copy.stmt_len = pstmt->stmt_len;
	if (copy.stmt->is_program)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("COPY with a program cannot have format \"parquet\""),
				 errhint("Copy to STDOUT and let the client run the program, or use a file.")));
	read_options(&copy);
	rows = copy.stmt->is_from ? lh_copy_from(&copy) : lh_copy_to(&copy);
	if (completion != NULL)
		SetQueryCompletion(completion, CMDTAG_COPY, rows);
	return true;
}
