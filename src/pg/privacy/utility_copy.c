/*
 * utility_copy.c
 *		COPY t TO, which PostgreSQL does without the planner.
 *
 * It becomes COPY (SELECT columns FROM ONLY t) TO with the same options, as PostgreSQL does itself under row
 * security, and the planner sees it.  Where COPY would refuse the table anyhow the statement stays as it is,
 * so that the error is PostgreSQL's.
 *
 * pg_dump also reads the tables in which the extension keeps keys, masks and the like.  Who reads masked has no rights there:
 * for it they are empty, so that its dump is whole.  That goes for COPY and for the cursor of pg_dump --inserts.
 */
#include "pg/privacy/enforce.h"
#include "pg/privacy/utility_parts.h"
#include "pg/util/catalog.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/analyze.h"
#include "parser/parser.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* ---- under a policy ---- */

static bool
copies(char kind)
{
#if PG_VERSION_NUM >= 180000
	if (kind == RELKIND_MATVIEW)
		return true;
#endif
	return kind == RELKIND_RELATION;
}

static ResTarget *
column(char *name)
{
	ColumnRef  *ref = makeNode(ColumnRef);
	ResTarget  *target = makeNode(ResTarget);

	ref->fields = list_make1(makeString(name));
	ref->location = -1;
	target->val = (Node *) ref;
	target->location = -1;
	return target;
}

/* What PostgreSQL's COPY would take of the table: the columns named, or all but generated ones. */
static List *
targets_of(Relation rel, List *names)
{
	TupleDesc	desc = RelationGetDescr(rel);
	Bitmapset  *seen = NULL;
	List	   *targets = NIL;
	ListCell   *lc;

	foreach(lc, names)
	{
		char	   *name = strVal(lfirst(lc));
		AttrNumber	attnum = lh_pg_copy_column(rel, name);

		if (bms_is_member(attnum, seen))
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_COLUMN),
					 errmsg("column \"%s\" specified more than once", name)));
		seen = bms_add_member(seen, attnum);
		targets = lappend(targets, column(name));
	}
	for (int i = 0; names == NIL && i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (!att->attisdropped && !att->attgenerated)
			targets = lappend(targets, column(pstrdup(NameStr(att->attname))));
	}
	return targets;
}

static Node *
select_of(Relation rel, List *names)
{
	SelectStmt *select = makeNode(SelectStmt);
	RangeVar   *from = makeRangeVar(get_namespace_name(RelationGetNamespace(rel)),
									pstrdup(RelationGetRelationName(rel)), -1);

	from->inh = false;
	from->relpersistence = rel->rd_rel->relpersistence;
	select->fromClause = list_make1(from);
	select->targetList = targets_of(rel, names);
	return (Node *) select;
}

/* ---- the extension's own tables ---- */

/* Is it a table of ours whose rows pg_dump takes along (pg_extension.extconfig)? */
static bool
dumped_of_ours(Oid relid)
{
	Oid			extension = get_extension_oid("lakehouse", true);
	bool		found = false;
	Relation	rel;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	if (!OidIsValid(extension))
		return false;
	rel = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyInit(&key, Anum_pg_extension_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(extension));
	scan = systable_beginscan(rel, ExtensionOidIndexId, true, NULL, 1, &key);
	if (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		null;
		Datum		config = heap_getattr(tuple, Anum_pg_extension_extconfig, RelationGetDescr(rel), &null);

		if (!null)
		{
			ArrayType  *array = DatumGetArrayTypeP(config);
			Oid		   *oids = (Oid *) ARR_DATA_PTR(array);
			int			n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));

			for (int i = 0; i < n && !found; i++)
				found = oids[i] == relid;
		}
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return found;
}

/* Does a policy hold for the present subject on any table at all? */
static bool
reads_masked_anywhere(void)
{
	LhSubject	subject = lh_subject();
	ListCell   *lc;

	foreach(lc, lh_policy_relations())
	{
		if (lh_policy_effective(lfirst_oid(lc), &subject) != NULL)
			return true;
	}
	return false;
}

bool
lh_utility_empty(Oid relid)
{
	return dumped_of_ours(relid) && pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) != ACLCHECK_OK &&
		pg_attribute_aclcheck_all(relid, GetUserId(), ACL_SELECT, ACLMASK_ANY) != ACLCHECK_OK &&
		reads_masked_anywhere();
}

/* SELECT NULL::type AS "column", ... WHERE false */
static Node *
nothing_of(Relation rel, List *names)
{
	StringInfoData sql;
	TupleDesc	desc = RelationGetDescr(rel);
	List	   *targets = targets_of(rel, names);
	ListCell   *lc;
	const char *comma = "";

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT ");
	foreach(lc, targets)
	{
		char	   *name = strVal(linitial(((ColumnRef *) ((ResTarget *) lfirst(lc))->val)->fields));
		Form_pg_attribute att = TupleDescAttr(desc, lh_pg_copy_column(rel, name) - 1);

		appendStringInfo(&sql, "%sNULL::%s AS %s", comma,
						 format_type_extended(att->atttypid, att->atttypmod, FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY),
						 quote_identifier(name));
		comma = ", ";
	}
	appendStringInfoString(&sql, " WHERE false");
	return ((RawStmt *) linitial(raw_parser(sql.data, RAW_PARSE_DEFAULT)))->stmt;
}

/* ---- statements ---- */

CopyStmt *
lh_utility_copy(const CopyStmt *stmt)
{
	CopyStmt   *copy = NULL;
	Relation	rel;
	Node	   *query = NULL;

	if (stmt->is_from || stmt->relation == NULL || lh_policy_none())
		return NULL;
	rel = table_openrv(stmt->relation, AccessShareLock);
	if (copies(rel->rd_rel->relkind))
	{
		LhSubject	subject = lh_subject();

		if (lh_policy_any(RelationGetRelid(rel)) && lh_enforce_effective(RelationGetRelid(rel), &subject) != NULL)
			query = select_of(rel, stmt->attlist);
		else if (lh_utility_empty(RelationGetRelid(rel)))
			query = nothing_of(rel, stmt->attlist);
	}
	if (query != NULL)
	{
		copy = copyObject((CopyStmt *) stmt);
		copy->relation = NULL;
		copy->attlist = NIL;
		copy->query = query;
	}
	table_close(rel, NoLock);
	return copy;
}

/* DECLARE ... CURSOR FOR SELECT columns FROM ONLY one of our tables */
DeclareCursorStmt *
lh_utility_cursor(const DeclareCursorStmt *stmt)
{
	Query	   *query = (Query *) stmt->query;
	DeclareCursorStmt *copy = NULL;
	RangeTblEntry *rte;
	List	   *names = NIL;
	ListCell   *lc;
	Relation	rel;

	if (!IsA(query, Query) || query->commandType != CMD_SELECT || list_length(query->rtable) != 1 || lh_policy_none())
		return NULL;
	rte = linitial(query->rtable);
	if (rte->rtekind != RTE_RELATION || rte->relkind != RELKIND_RELATION || !lh_utility_empty(rte->relid))
		return NULL;
	foreach(lc, query->targetList)
	{
		TargetEntry *entry = lfirst(lc);

		/* anything else than columns is not pg_dump's, and a matter of PostgreSQL's privileges */
		if (entry->resjunk || !IsA(entry->expr, Var) || ((Var *) entry->expr)->varattno <= 0 ||
			get_attgenerated(rte->relid, ((Var *) entry->expr)->varattno))
			return NULL;
		names = lappend(names, makeString(get_attname(rte->relid, ((Var *) entry->expr)->varattno, false)));
	}
	rel = table_open(rte->relid, AccessShareLock);
	if (names != NIL)
	{
		RawStmt    *raw = makeNode(RawStmt);

		raw->stmt = nothing_of(rel, names);
		copy = copyObject((DeclareCursorStmt *) stmt);
		copy->query = (Node *) parse_analyze_fixedparams(raw, "", NULL, 0, NULL);
	}
	table_close(rel, NoLock);
	return copy;
}
