/*
 * sorted.c
 *		The order of a table's rows: option sorted_by, or what Iceberg's metadata says.
 *
 * The planner may use it in place of a sort.  It is a claim about files that
 * others wrote, so a scan whose plan relies on it compares each row with the
 * one before, and a breach is an error that names file and row.
 *
 * The order of an Iceberg table is nobody's promise: the next commit may add a file that has none.  Planning looks
 * whether the files follow each other now; execution asks the metadata again, for the files that it reads, and where it
 * says no the scan sorts its rows itself (exec.c).
 *
 *	1. Planning: pathkeys for as many of the columns as the query can use.
 *	   Text counts under C collation only.
 *	2. Plan: the columns, up to the last one that is relied on, as a List of
 *	   LH_SORTED_* integers each; they are emitted, needed or not.
 *	3. Scan: the keys of each window of rows, in the order of their values.
 */
#include "pg/fdw/fdw.h"

#include "access/stratnum.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "optimizer/paths.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/sortsupport.h"
#include "utils/typcache.h"

#include "iceberg/iceberg.h"

/* Of each column in fdw_private. */
enum
{
	LH_SORTED_ATTNO, LH_SORTED_OPERATOR, LH_SORTED_COLLATION, LH_SORTED_NULLS_FIRST, LH_SORTED_PATHKEYS,
	LH_SORTED_DESCENDING, LH_SORTED_METADATA
};

/* Iceberg tables whose manifests planning reads for the order, beside what it reads anyway. */
#define MAX_ORDER_FILES 10000
#define MAX_ORDER_BYTES (8 * 1024 * 1024)

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

/* At which end the query wants nulls of this class; else as it is. */
static bool
wanted_nulls(PlannerInfo *root, const EquivalenceClass *ec, bool nulls_first)
{
	ListCell   *lc;

	foreach(lc, root->query_pathkeys)
	{
		if (lfirst_node(PathKey, lc)->pk_eclass == ec)
			return lfirst_node(PathKey, lc)->pk_nulls_first;
	}
	return nulls_first;
}

/* One more column of the order; false when the order ends before it, for this query. */
static bool
add_column(PlannerInfo *root, RelOptInfo *rel, const LhSource *source, AttrNumber attno, const LhTaskOrderKey *item,
		   bool metadata, List **pathkeys, List **columns)
{
	Form_pg_attribute att;
	TypeCacheEntry *type;
	EquivalenceClass *ec;
	bool		nulls_first = item->nulls_first;

	if (attno == 0)
		return false;
	att = TupleDescAttr(source->desc, attno - 1);
	type = lookup_type_cache(att->atttypid, TYPECACHE_LT_OPR | TYPECACHE_GT_OPR | TYPECACHE_BTREE_OPFAMILY);
	if (!order_is_plain(att, type) || (ec = class_of(root, rel, att, type)) == NULL)
		return false;
	/* where there are no nulls, which the metadata of the files will tell, they are at whatever end the query wants */
	if (metadata && *pathkeys == NIL)
		nulls_first = wanted_nulls(root, ec, nulls_first);
	/* a column that is one value, or that was named before, orders nothing */
	if (!ec->ec_has_const && !has_class(*pathkeys, ec))
		*pathkeys = lappend(*pathkeys, LH_MAKE_PATHKEY(root, ec, type->btree_opf, item->descending,
													   nulls_first));
	*columns = lappend(*columns,
					   lappend_int(lappend_int(list_make5_int(attno, (int) (item->descending ? type->gt_opr : type->lt_opr),
															  (int) att->attcollation, nulls_first,
															  list_length(*pathkeys)),
											   item->descending), metadata));
	return true;
}

/* What is not relied on is not checked. */
static List *
useful_columns(PlannerInfo *root, RelOptInfo *rel, List *pathkeys, List **columns)
{
	pathkeys = truncate_useless_pathkeys(root, rel, pathkeys);
	while (*columns != NIL &&
		   (list_length(*columns) > 1 ? list_nth_int(list_nth(*columns, list_length(*columns) - 2), LH_SORTED_PATHKEYS) : 0) >=
		   list_length(pathkeys))
		*columns = list_truncate(*columns, list_length(*columns) - 1);
	return pathkeys;
}

List *
lh_sorted_pathkeys(PlannerInfo *root, RelOptInfo *rel, const LhSource *source, List **columns)
{
	List	   *pathkeys = NIL;
	ListCell   *lc;

	*columns = NIL;
	foreach(lc, source->options.sorted_by)
	{
		const LhSortItem *item = lfirst(lc);
		LhTaskOrderKey key = {.descending = item->descending, .nulls_first = item->nulls_first};

		if (!add_column(root, rel, source, attribute_of(source, item->name), &key, false, &pathkeys, columns))
			break;
	}
	return useful_columns(root, rel, pathkeys, columns);
}

/* ---- planning: the order that metadata says ---- */

/*
 * The field of an attribute in a source that is open; -1: none, or its values are others here than there, or in another
 * order.  *cut: values that differ there may be one here, so that columns behind this one are in no order.
 */
static int
field_of(const LhSource *source, AttrNumber attno, bool *cut)
{
	const LhSource *s = source;
	const LhEmitOptions *emit = &s->options.emit;
	Form_pg_attribute att = TupleDescAttr(s->desc, attno - 1);
	LhScanColumn c = {.field_id = s->field_ids[attno - 1]};

	*cut = false;
	/* values that become null leave their place */
	if (att->attisdropped || s->names[attno - 1] == NULL || emit->out_of_range == LH_RANGE_NULL)
		return -1;
	if (c.field_id >= 0 ? !lh_source_find_field(&s->schema, c.field_id, &c) : !lh_source_find(&s->schema, s->names[attno - 1], &c))
		return -1;
	/* text is compared as the server spells it */
	if (c.type.id == LH_T_STRING && GetDatabaseEncoding() != PG_UTF8 && GetDatabaseEncoding() != PG_SQL_ASCII)
		return -1;
	*cut = c.type.id == LH_T_TIMESTAMP && c.type.unit == LH_UNIT_NS;
	return c.source == LH_SRC_DATA && lh_ice_order_is_plain(&c.type) &&
		lh_type_exact(&c.type, att->atttypid, att->atttypmod, emit) ? c.field_id : -1;
}

static AttrNumber
attribute_of_field(const LhSource *source, int field_id, bool *cut)
{
	for (int i = 0; i < source->desc->natts; i++)
	{
		if (field_of(source, (AttrNumber) (i + 1), cut) == field_id)
			return (AttrNumber) (i + 1);
	}
	return 0;
}

/* Do the files that the table has now follow each other in the order of these columns? */
static bool
files_follow(LhSource *source, List *columns, const LhIceSortField *fields)
{
	LhTaskOrder order = {.n = list_length(columns)};
	LhTaskOrderKey *keys = palloc(sizeof(LhTaskOrderKey) * order.n);
	bool		yes = false;
	LhStatus	status;

	for (int i = 0; i < order.n; i++)
		keys[i] = (LhTaskOrderKey) {fields[i].field_id, fields[i].descending,
			list_nth_int(list_nth(columns, i), LH_SORTED_NULLS_FIRST) != 0};
	order.keys = keys;
	status = lh_ice_follows(source->ctx, source->table, &order, MAX_ORDER_FILES, MAX_ORDER_BYTES, &yes);
	if (status == LH_CANCELLED)
		lh_pg_cancelled(source->ctx);
	if (status != LH_OK)
		lh_error_clear(source->ctx);
	return status == LH_OK && yes;
}

List *
lh_sorted_metadata_pathkeys(PlannerInfo *root, RelOptInfo *rel, LhSource *source, List **columns)
{
	const LhIceSortField *fields;
	List	   *pathkeys = NIL;
	bool		cut = false;
	int			n = 0;

	*columns = NIL;
	if (lh_ice_default_order(source->ctx, source->table, &n, &fields) != LH_OK)
	{
		lh_error_clear(source->ctx);
		return NIL;
	}
	for (int i = 0; i < n && !cut; i++)
	{
		LhTaskOrderKey key = {fields[i].field_id, fields[i].descending, fields[i].nulls_first};
		AttrNumber	attno = fields[i].identity ? attribute_of_field(source, key.field_id, &cut) : 0;

		if (attno == 0 || !add_column(root, rel, source, attno, &key, true, &pathkeys, columns))
			break;
	}
	pathkeys = useful_columns(root, rel, pathkeys, columns);
	if (pathkeys != NIL && files_follow(source, *columns, fields))
		return pathkeys;
	*columns = NIL;
	return NIL;
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
	bool		metadata;		/* who says that there is an order */
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
		sorted->metadata = list_nth_int(lfirst(lc), LH_SORTED_METADATA) != 0;
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

bool
lh_sorted_by_metadata(List *columns)
{
	return columns != NIL && list_nth_int(linitial(columns), LH_SORTED_METADATA) != 0;
}

/* ---- scan: the order that metadata says ---- */

void
lh_sorted_want(LhReader *reader, List *columns)
{
	LhSource   *s = reader->source;
	LhTaskOrder *order = MemoryContextAllocZero(s->mcxt, sizeof(LhTaskOrder));
	LhTaskOrderKey *keys = MemoryContextAllocZero(s->mcxt, sizeof(LhTaskOrderKey) * list_length(columns));
	bool		cut = false;
	ListCell   *lc;

	order->keys = keys;
	foreach(lc, columns)
	{
		AttrNumber	attno = (AttrNumber) list_nth_int(lfirst(lc), LH_SORTED_ATTNO);

		/* of a type that is not the declared one any more, or of no field: nothing is known of its order */
		keys[order->n++] = (LhTaskOrderKey) {cut ? -1 : field_of(s, attno, &cut),
			list_nth_int(lfirst(lc), LH_SORTED_DESCENDING) != 0,
			list_nth_int(lfirst(lc), LH_SORTED_NULLS_FIRST) != 0};
	}
	s->order = order;
}

Tuplesortstate *
lh_sorted_sorter(const LhSource *source, TupleDesc desc, const int *places, List *columns)
{
	int			n = list_length(columns);
	MemoryContext old = MemoryContextSwitchTo(source->mcxt);
	AttrNumber *attnos = palloc(sizeof(AttrNumber) * n);
	Oid		   *operators = palloc(sizeof(Oid) * n),
			   *collations = palloc(sizeof(Oid) * n);
	bool	   *nulls_first = palloc(sizeof(bool) * n);
	Tuplesortstate *sorter;
	ListCell   *lc;

	foreach(lc, columns)
	{
		int			i = foreach_current_index(lc);

		attnos[i] = (AttrNumber) (places[list_nth_int(lfirst(lc), LH_SORTED_ATTNO) - 1] + 1);
		operators[i] = (Oid) list_nth_int(lfirst(lc), LH_SORTED_OPERATOR);
		collations[i] = (Oid) list_nth_int(lfirst(lc), LH_SORTED_COLLATION);
		nulls_first[i] = list_nth_int(lfirst(lc), LH_SORTED_NULLS_FIRST) != 0;
	}
	sorter = tuplesort_begin_heap(desc, n, attnos, operators, collations, nulls_first, work_mem, NULL, TUPLESORT_NONE);
	MemoryContextSwitchTo(old);
	return sorter;
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

	if (sorted->metadata)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("rows of \"%s\" are not in the order that the metadata of its table says", r->source->relname),
				 errdetail("File \"%s\", row " INT64_FORMAT ": column \"%s\" contradicts the row before.",
						   lh_pg_text(r->batch->task->path), r->batch->first_row + r->rows[r->first + k] + 1,
						   NameStr(TupleDescAttr(r->source->desc, key->column->attno - 1)->attname)),
				 errhint("The sort_order_id or a bound of the file is wrong. With lakehouse.metadata_order off nothing relies on them.")));
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
