/*
 * sorted.c
 *		The declared order of a table's rows: option sorted_by.
 *
 * The planner may use it in place of a sort.  It is a claim about files that
 * others wrote, so a scan whose plan relies on it compares each row with the
 * one before, and a breach is an error that names file and row.
 *
 *	1. Planning: pathkeys for as many of the columns as the query can use.
 *	   Text counts under C collation only.
 *	2. Plan: the columns, up to the last one that is relied on, as a List of
 *	   LH_SORTED_* integers each; they are emitted, needed or not.
 *	3. Scan: the keys of each window of rows, in the order of their values.
 */
#include "pg/fdw/fdw.h"

#include "access/stratnum.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "optimizer/paths.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/sortsupport.h"
#include "utils/typcache.h"

/* Of each column in fdw_private. */
enum
{
	LH_SORTED_ATTNO, LH_SORTED_OPERATOR, LH_SORTED_COLLATION, LH_SORTED_NULLS_FIRST, LH_SORTED_PATHKEYS
};

/* ---- planning ---- */

/* The attribute that has this name in the files; 0: none. */
static AttrNumber
attribute_of(const LhSource *source, const char *utf8_name)
{
	for (int i = 0; i < source->desc->natts; i++)
	{
		if (source->names[i] != NULL && strcmp(source->names[i], utf8_name) == 0)
			return (AttrNumber) (i + 1);
	}
	return 0;
}

/* Does this order mean the same to everybody? */
static bool
order_is_plain(const FormData_pg_attribute *att, const TypeCacheEntry *type)
{
	return type->typtype != TYPTYPE_DOMAIN && OidIsValid(type->btree_opf) &&
		(!OidIsValid(att->attcollation) || lh_collation_is_c(att->attcollation));
}

/* The equivalence class of a column that the query orders or merges by; NULL: none. */
static EquivalenceClass *
class_of(PlannerInfo *root, RelOptInfo *rel, const FormData_pg_attribute *att, const TypeCacheEntry *type)
{
	Var		   *var = makeVar(rel->relid, att->attnum, att->atttypid, att->atttypmod, att->attcollation, 0);
	Oid			equal = get_opfamily_member(type->btree_opf, type->btree_opintype, type->btree_opintype,
											BTEqualStrategyNumber);

	if (!OidIsValid(equal))
		return NULL;
	return LH_GET_ECLASS(root, (Expr *) var, get_mergejoin_opfamilies(equal), type->btree_opintype,
						 att->attcollation, rel->relids);
}

static bool
has_class(List *pathkeys, const EquivalenceClass *ec)
{
	ListCell   *lc;

	foreach(lc, pathkeys)
	{
		if (lfirst_node(PathKey, lc)->pk_eclass == ec)
			return true;
	}
	return false;
}

/* One more column of the order; false when the order ends before it, for this query. */
static bool
add_column(PlannerInfo *root, RelOptInfo *rel, const LhSource *source, const LhSortItem *item,
		   List **pathkeys, List **columns)
{
	AttrNumber	attno = attribute_of(source, item->name);
	Form_pg_attribute att;
	TypeCacheEntry *type;
	EquivalenceClass *ec;

	if (attno == 0)
		return false;
	att = TupleDescAttr(source->desc, attno - 1);
	type = lookup_type_cache(att->atttypid, TYPECACHE_LT_OPR | TYPECACHE_GT_OPR | TYPECACHE_BTREE_OPFAMILY);
	if (!order_is_plain(att, type) || (ec = class_of(root, rel, att, type)) == NULL)
		return false;
	/* a column that is one value, or that was named before, orders nothing */
	if (!ec->ec_has_const && !has_class(*pathkeys, ec))
		*pathkeys = lappend(*pathkeys, LH_MAKE_PATHKEY(root, ec, type->btree_opf, item->descending,
													   item->nulls_first));
	*columns = lappend(*columns, list_make5_int(attno, (int) (item->descending ? type->gt_opr : type->lt_opr),
												(int) att->attcollation, item->nulls_first,
												list_length(*pathkeys)));
	return true;
}

List *
lh_sorted_pathkeys(PlannerInfo *root, RelOptInfo *rel, const LhSource *source, List **columns)
{
	List	   *pathkeys = NIL;
	ListCell   *lc;

	*columns = NIL;
	foreach(lc, source->options.sorted_by)
	{
		if (!add_column(root, rel, source, lfirst(lc), &pathkeys, columns))
			break;
	}
	pathkeys = truncate_useless_pathkeys(root, rel, pathkeys);
	/* what is not relied on is not checked */
	while (*columns != NIL &&
		   (list_length(*columns) > 1 ? list_nth_int(list_nth(*columns, list_length(*columns) - 2), LH_SORTED_PATHKEYS) : 0) >=
		   list_length(pathkeys))
		*columns = list_truncate(*columns, list_length(*columns) - 1);
	return pathkeys;
}

List *
lh_sorted_attnos(List *columns)
{
	List	   *attnos = NIL;
	ListCell   *lc;

	foreach(lc, columns)
		attnos = lappend_int(attnos, list_nth_int(lfirst(lc), LH_SORTED_ATTNO));
	return attnos;
}

/* ---- scan ---- */

typedef struct LhSortedKey
{
	const LhReaderColumn *column;
	SortSupportData compare;
	bool		by_value;
	int16		length;
	Datum		last;			/* of the window before */
	bool		last_null;
} LhSortedKey;

struct LhSorted
{
	LhReader   *reader;
	bool		has_last;
	MemoryContext mcxt;			/* of the last values */
	int			nkeys;
	LhSortedKey keys[FLEXIBLE_ARRAY_MEMBER];
};

LhSorted *
lh_sorted_create(LhReader *reader, List *columns)
{
	MemoryContext old = MemoryContextSwitchTo(reader->source->mcxt);
	LhSorted   *sorted = palloc0(offsetof(LhSorted, keys) + sizeof(LhSortedKey) * list_length(columns));
	ListCell   *lc;

	sorted->reader = reader;
	sorted->mcxt = AllocSetContextCreate(CurrentMemoryContext, "lakehouse order", ALLOCSET_SMALL_SIZES);
	foreach(lc, columns)
	{
		LhSortedKey *key = &sorted->keys[sorted->nkeys++];
		AttrNumber	attno = (AttrNumber) list_nth_int(lfirst(lc), LH_SORTED_ATTNO);
		Form_pg_attribute att = TupleDescAttr(reader->source->desc, attno - 1);

		for (int i = 0; i < reader->ncolumns; i++)
		{
			if (reader->columns[i].attno == attno)
				key->column = &reader->columns[i];
		}
		key->by_value = att->attbyval;
		key->length = att->attlen;
		key->compare.ssup_cxt = CurrentMemoryContext;
		key->compare.ssup_collation = (Oid) list_nth_int(lfirst(lc), LH_SORTED_COLLATION);
		key->compare.ssup_nulls_first = list_nth_int(lfirst(lc), LH_SORTED_NULLS_FIRST) != 0;
		PrepareSortSupportFromOrderingOp((Oid) list_nth_int(lfirst(lc), LH_SORTED_OPERATOR), &key->compare);
	}
	MemoryContextSwitchTo(old);
	return sorted;
}

void
lh_sorted_rewind(LhSorted *sorted)
{
	sorted->has_last = false;
}

static void
fail_order(const LhSorted *sorted, const LhSortedKey *key, int k)
{
	const LhReader *r = sorted->reader;

	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
			 errmsg("rows of \"%s\" are not in the order that option \"sorted_by\" declares", r->source->relname),
			 errdetail("File \"%s\", row " INT64_FORMAT ": column \"%s\" contradicts the row before.",
					   lh_pg_text(r->batch->task->path), r->batch->first_row + r->rows[r->first + k] + 1,
					   NameStr(TupleDescAttr(r->source->desc, key->column->attno - 1)->attname)),
			 errhint("Correct or drop the option, or sort the files; files follow each other in byte order of their paths.")));
}

/* Row k of the window against the row before; k = 0: against the last one of the window before. */
static void
check_row(const LhSorted *sorted, int k)
{
	for (int i = 0; i < sorted->nkeys; i++)
	{
		const LhSortedKey *key = &sorted->keys[i];
		const LhReaderColumn *c = key->column;
		int			order = ApplySortComparator(k > 0 ? c->values[k - 1] : key->last,
												k > 0 ? c->nulls[k - 1] : key->last_null,
												c->values[k], c->nulls[k], (SortSupport) &key->compare);

		if (order < 0)
			return;
		if (unlikely(order > 0))
			fail_order(sorted, key, k);
	}
}

void
lh_sorted_check(LhSorted *sorted)
{
	int			n = sorted->reader->emitted - sorted->reader->first;
	MemoryContext old;

	for (int k = sorted->has_last ? 0 : 1; k < n; k++)
		check_row(sorted, k);
	if (n == 0)
		return;
	MemoryContextReset(sorted->mcxt);
	old = MemoryContextSwitchTo(sorted->mcxt);
	for (int i = 0; i < sorted->nkeys; i++)
	{
		LhSortedKey *key = &sorted->keys[i];

		key->last_null = key->column->nulls[n - 1];
		if (!key->last_null)
			key->last = datumCopy(key->column->values[n - 1], key->by_value, key->length);
	}
	sorted->has_last = true;
	MemoryContextSwitchTo(old);
}
