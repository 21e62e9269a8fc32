/*
 * enforce_stats.c
 *		What the planner may know of masked columns: nothing.
 *
 * EXPLAIN shows estimates, and these come from samples of raw values: how many there are of each, how many differ, how long
 * they are.  A mask hides the column from most of it, being an expression, but the planner looks through expressions
 * when it counts groups.  So for tables that are read through a policy statistics are held back:
 * of masked columns, of all columns when rows are filtered, of index expressions, and all extended ones.
 */
#include "pg/privacy/enforce.h"
#include "pg/privacy/policy_internal.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/index.h"
#include "catalog/indexing.h"
#include "catalog/pg_index.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_statistic.h"
#include "catalog/pg_statistic_ext.h"
#include "catalog/pg_statistic_ext_data.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/pathnodes.h"
#include "optimizer/optimizer.h"
#include "optimizer/plancat.h"
#include "parser/parsetree.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/selfuncs.h"
#include "utils/syscache.h"

static get_index_stats_hook_type next_index_stats;
static get_relation_info_hook_type next_relation_info;
static get_attavgwidth_hook_type next_attavgwidth;

/* What holds for the subject of the statement that is planned. */
static const LhEffective *
effective_of(Oid relid)
{
	LhSubject	subject;

	if (lh_policy_none() || !lh_policy_any(relid))
		return NULL;
	subject = lh_subject();
	return lh_policy_effective(relid, &subject);
}

static bool
masks_column(const LhEffective *effective, AttrNumber attnum)
{
	const LhColumnPolicy *column = lh_policy_column(effective, attnum);

	return column != NULL && column->mask != NULL;
}

static bool
hides_column(const LhEffective *effective, AttrNumber attnum)
{
	return effective->filters != NIL || masks_column(effective, attnum);
}

/* A child may have its columns in another order than the table that policies were looked up for. */
static AttrNumber
marked_column(const RangeTblEntry *rte, const LhMark *mark, AttrNumber attnum)
{
	char	   *name;

	if (mark->relid == rte->relid)
		return attnum;
	name = get_attname(rte->relid, attnum, true);
	return name != NULL ? get_attnum(mark->relid, name) : InvalidAttrNumber;
}

bool
lh_enforce_hides_stats(RangeTblEntry *rte, AttrNumber attnum)
{
	const LhEffective *effective;
	LhMark		mark;

	if (rte->rtekind != RTE_RELATION || !lh_mark_get(rte, &mark) || mark.kind == LH_MARK_INTEGRITY)
		return false;
	effective = effective_of(mark.relid);
	if (effective == NULL || effective->filters != NIL)
		return true;
	attnum = marked_column(rte, &mark, attnum);
	return attnum == InvalidAttrNumber || masks_column(effective, attnum);
}

static bool
index_stats(PlannerInfo *root, Oid index, AttrNumber attnum, VariableStatData *vardata)
{
	if (!lh_policy_none() && effective_of(IndexGetRelation(index, false)) != NULL)
		return true;
	return next_index_stats != NULL && next_index_stats(root, index, attnum, vardata);
}

/* Has the index a masked column, as a key, beside them, or in an expression? */
static bool
index_of_masked(const RangeTblEntry *rte, const LhMark *mark, const LhEffective *effective, const IndexOptInfo *index)
{
	Bitmapset  *columns = NULL;
	int			column = -1;

	pull_varattnos((Node *) index->indexprs, index->rel->relid, &columns);
	for (int i = 0; i < index->ncolumns; i++)
	{
		if (index->indexkeys[i] > 0)
			columns = bms_add_member(columns, index->indexkeys[i] - FirstLowInvalidHeapAttributeNumber);
	}
	while ((column = bms_next_member(columns, column)) >= 0)
	{
		AttrNumber	attnum = marked_column(rte, mark, column + FirstLowInvalidHeapAttributeNumber);

		/* whole rows, and what the parent has not, are as masked ones */
		if (attnum == InvalidAttrNumber || masks_column(effective, attnum))
			return true;
	}
	return false;
}

/*
 * Rows that come in the order of a masked column show it: such an index gives a bitmap only, whose rows come as they
 * lie in the table.
 */
static void
hide_order(const RangeTblEntry *rte, const LhMark *mark, RelOptInfo *rel)
{
	const LhEffective *effective = effective_of(mark->relid);
	ListCell   *lc;

	if (effective == NULL)
		return;
	foreach(lc, rel->indexlist)
	{
		IndexOptInfo *index = lfirst(lc);

		if (!index_of_masked(rte, mark, effective, index))
			continue;
		index->amhasgettuple = false;
		for (int i = 0; i < index->ncolumns; i++)
			index->canreturn[i] = false;
	}
}

static void
relation_info(PlannerInfo *root, Oid relid, bool inhparent, RelOptInfo *rel)
{
	RangeTblEntry *rte = planner_rt_fetch(rel->relid, root);
	LhMark		mark;

	if (next_relation_info != NULL)
		next_relation_info(root, relid, inhparent, rel);
	lh_places_tell(root, &lh_planning);
	if (!lh_mark_get(rte, &mark))
		return;
	rel->statlist = NIL;
	/* RETURNING shows in which order rows were found */
	if (mark.kind == LH_MARK_MASKED || mark.kind == LH_MARK_WRITTEN)
		hide_order(rte, &mark, rel);
}

/* ---- pg_statistic and pg_statistic_ext_data, read by views of the system ---- */

/*
 * Views like pg_stats show to the owner of a table what is in these, and he may be masked himself.  What has to do with a table under
 * a policy is left out.
 */
bool
lh_enforce_is_statistics(Oid relid)
{
	return relid == StatisticRelationId || relid == StatisticExtDataRelationId;
}

/* What hangs on the relation: the column "oid" of rows of a catalog whose column "of" is the relation. */
static List *
hanging(List *found, Oid relid, Oid catalog, Oid index, AttrNumber of, AttrNumber oid)
{
	Relation	rel = table_open(catalog, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, of, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(rel, index, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;

		found = lappend_oid(found, DatumGetObjectId(heap_getattr(tuple, oid, RelationGetDescr(rel), &isnull)));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return found;
}

static List *
hidden_from(const LhSubject *subject, bool extended)
{
	List	   *relations = lh_policy_relations();
	List	   *families = list_copy(relations);
	List	   *found = NIL;
	ListCell   *lc;

	foreach(lc, relations)
	{
		families = list_concat_unique_oid(families, lh_policy_ancestors(lfirst_oid(lc)));
		families = list_concat_unique_oid(families, lh_policy_descendants(lfirst_oid(lc)));
	}
	foreach(lc, families)
	{
		Oid			relid = lfirst_oid(lc);

		if (lh_policy_effective(relid, subject) == NULL)
			continue;
		if (extended)
			found = hanging(found, relid, StatisticExtRelationId, StatisticExtRelidIndexId,
							Anum_pg_statistic_ext_stxrelid, Anum_pg_statistic_ext_oid);
		else
			/* those of an index are of its expressions */
			found = hanging(lappend_oid(found, relid), relid, IndexRelationId, IndexIndrelidIndexId,
							Anum_pg_index_indrelid, Anum_pg_index_indexrelid);
	}
	return found;
}

static Const *
oid_array(List *oids)
{
	Datum	   *values = palloc(sizeof(Datum) * list_length(oids));
	ListCell   *lc;

	foreach(lc, oids)
		values[foreach_current_index(lc)] = ObjectIdGetDatum(lfirst_oid(lc));
	return makeConst(OIDARRAYOID, -1, InvalidOid, -1,
					 PointerGetDatum(construct_array(values, list_length(oids), OIDOID, sizeof(Oid), true, TYPALIGN_INT)), false, false);
}

/* Its first column is the relation's oid, or that of the extended statistics. */
void
lh_enforce_statistics(RangeTblEntry *rte, Index rti, const LhSubject *subject)
{
	List	   *oids = hidden_from(subject, rte->relid == StatisticExtDataRelationId);
	ScalarArrayOpExpr *any;

	if (oids == NIL)
		return;
	any = makeNode(ScalarArrayOpExpr);
	any->opno = get_opfamily_member(OID_BTREE_FAM_OID, OIDOID, OIDOID, BTEqualStrategyNumber);
	any->opfuncid = F_OIDEQ;
	any->useOr = true;
	any->args = list_make2(makeVar(rti, 1, OIDOID, -1, InvalidOid, 0), oid_array(oids));
	any->location = -1;
	rte->securityQuals = lappend(rte->securityQuals, makeBoolExpr(NOT_EXPR, list_make1(any), -1));
}

/* ---- hooks ---- */

/* Of columns that no statistics are known of it asks for the type's own guess. */
static int32
attavgwidth(Oid relid, AttrNumber attnum)
{
	const LhEffective *effective = effective_of(relid);
	Oid			type;
	int32		typmod;
	Oid			collation;

	if (effective != NULL && attnum > 0 && hides_column(effective, attnum))
	{
		get_atttypetypmodcoll(relid, attnum, &type, &typmod, &collation);
		return get_typavgwidth(type, typmod);
	}
	return next_attavgwidth != NULL ? next_attavgwidth(relid, attnum) : 0;
}

void
lh_enforce_stats_init(void)
{
	next_index_stats = get_index_stats_hook;
	get_index_stats_hook = index_stats;
	next_relation_info = get_relation_info_hook;
	get_relation_info_hook = relation_info;
	next_attavgwidth = get_attavgwidth_hook;
	get_attavgwidth_hook = attavgwidth;
}
