/*
 * copy_to.c
 *		COPY ... TO (FORMAT parquet).
 *
 * COPY t (a, b) becomes SELECT a, b FROM ONLY t, so that column privileges and
 * row-level security are those of any query.  What PostgreSQL's own COPY refuses
 * (views, partitioned and foreign tables) is refused with the same message.
 */
#include "pg/lake/write.h"

#include "access/table.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "tcop/tcopprot.h"
#include "utils/lsyscache.h"

static const char *
refused_kind(char relkind)
{
	switch (relkind)
	{
		case RELKIND_VIEW:
			return "view";
		case RELKIND_FOREIGN_TABLE:
			return "foreign table";
		case RELKIND_PARTITIONED_TABLE:
			return "partitioned table";
		case RELKIND_SEQUENCE:
			return "sequence";
		default:
			return NULL;
	}
}

static void
check_relation(Relation rel)
{
	const char *kind = refused_kind(rel->rd_rel->relkind);

	if (kind != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("cannot copy from %s \"%s\"", kind, RelationGetRelationName(rel)),
				 errhint("Try the COPY (SELECT ...) TO variant.")));
}

static ResTarget *
target_of(const char *name)
{
	ColumnRef  *column = makeNode(ColumnRef);
	ResTarget  *target = makeNode(ResTarget);

	column->fields = list_make1(makeString(pstrdup(name)));
	column->location = -1;
	target->val = (Node *) column;
	target->location = -1;
	return target;
}

/* SELECT columns FROM ONLY the relation. */
static Node *
select_of(Relation rel, List *names)
{
	SelectStmt *select = makeNode(SelectStmt);
	RangeVar   *from = makeRangeVar(get_namespace_name(RelationGetNamespace(rel)),
									pstrdup(RelationGetRelationName(rel)), -1);
	ListCell   *lc;

	foreach(lc, lh_copy_attributes(rel, names))
	{
		Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel), lfirst_int(lc) - 1);

		select->targetList = lappend(select->targetList, target_of(NameStr(att->attname)));
	}
	from->inh = false;
	select->fromClause = list_make1(from);
	return (Node *) select;
}

uint64
lh_copy_to(const LhCopy *copy)
{
	const CopyStmt *stmt = copy->stmt;
	LhWriteOptions options;
	LhWrite    *w;
	Relation	rel = NULL;
	Node	   *query = stmt->query;
	LhWriteResult result;

	lh_write_options(copy->options, &options);
	if (stmt->filename == NULL && whereToSendOutput != DestRemote)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("COPY TO STDOUT in format \"parquet\" needs a client")));
	/* before the table is looked at: whoever may not write learns nothing */
	w = lh_write_create(stmt->filename, copy->serverid, &options, CurrentMemoryContext);
	if (stmt->relation != NULL)
	{
		rel = table_openrv(stmt->relation, AccessShareLock);
		check_relation(rel);
		query = select_of(rel, stmt->attlist);
	}
	result = lh_write_query(w, lh_copy_raw(copy, query), copy->source, rel ? RelationGetRelid(rel) : InvalidOid);
	if (rel != NULL)
		table_close(rel, NoLock);
	return (uint64) result.rows;
}
