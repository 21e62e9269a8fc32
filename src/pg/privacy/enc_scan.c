/*
 * enc_scan.c
 *		Columns with encrypted values, and the versions of keys in them.
 *
 * 1. Tables are read directly and not by queries, so that neither policies nor row security leave rows out, and only the first bytes of each
 *    value, whose envelopes are not opened.
 * 2. That a version is not in use is said after a look at each such column of the database, by the newest snapshot, while nobody who is not
 *    through has sealed under it.  What cannot be looked at (values within composite types, temporary tables of other sessions) counts
 *    as use.  Dumps, backups and constants in definitions are not looked at.
 */
#include "pg/privacy/enc.h"

#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "executor/tuptable.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

#include "pg/privacy/keys_store.h"

PG_FUNCTION_INFO_V1(lakehouse_encryption_status);
extern PGDLLEXPORT Datum lakehouse_encryption_status(PG_FUNCTION_ARGS);

/* How encrypted values are in a column. */
typedef enum Inside
{
	INSIDE_VALUE = 'v',			/* each is one */
	INSIDE_ARRAY = 'a',
	INSIDE_OTHER = 'x'			/* composite types, ranges, arrays of them */
} Inside;

typedef struct Column
{
	Oid			relid;
	AttrNumber	attnum;
	Inside		inside;
} Column;

/* False: enough seen. */
typedef bool (*SeeFn) (void *arg, const LhEnc *value);

/* ---- reading ---- */

static bool
see_array(Datum datum, Oid element, SeeFn see, void *arg)
{
	ArrayType  *array = DatumGetArrayTypeP(datum);
	Datum	   *values;
	bool	   *nulls;
	int			n;
	LhEnc		value;

	deconstruct_array(array, element, -1, false, TYPALIGN_INT, &values, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		if (nulls[i])
			continue;
		lh_enc_parse_head(values[i], &value);
		if (!see(arg, &value))
			return false;
	}
	return true;
}

static bool
see_datum(const Column *column, Datum datum, Oid element, SeeFn see, void *arg)
{
	LhEnc		value;

	if (column->inside == INSIDE_ARRAY)
		return see_array(datum, element, see, arg);
	lh_enc_parse_head(datum, &value);
	return see(arg, &value);
}

/* False: "see" did not want more. */
static bool
scan(Relation rel, const Column *column, SeeFn see, void *arg)
{
	MemoryContext mcxt = AllocSetContextCreate(CurrentMemoryContext, "lakehouse encrypted column", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(mcxt);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	TableScanDesc desc = table_beginscan(rel, snapshot, 0, NULL);
	Oid			element = get_base_element_type(TupleDescAttr(RelationGetDescr(rel), column->attnum - 1)->atttypid);
	MemoryContext each = AllocSetContextCreate(mcxt, "lakehouse encrypted value", ALLOCSET_DEFAULT_SIZES);
	bool		more = true;

	while (more && table_scan_getnextslot(desc, ForwardScanDirection, slot))
	{
		bool		null;
		Datum		datum = slot_getattr(slot, column->attnum, &null);

		CHECK_FOR_INTERRUPTS();
		if (null)
			continue;
		MemoryContextSwitchTo(each);
		/* what is in there is not known: that there is something is enough */
		more = column->inside == INSIDE_OTHER ? see(arg, NULL) : see_datum(column, datum, element, see, arg);
		MemoryContextSwitchTo(mcxt);
		MemoryContextReset(each);
	}
	table_endscan(desc);
	ExecDropSingleTupleTableSlot(slot);
	UnregisterSnapshot(snapshot);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(mcxt);
	return more;
}

/* ---- all columns ---- */

#define COLUMNS \
	"WITH RECURSIVE t (oid, inside) AS (" \
	" SELECT y.oid, 'v' FROM pg_type y WHERE y.typnamespace = 'lakehouse'::regnamespace AND y.typtype = 'b' AND" \
	"  y.typname IN ('enc_text', 'enc_bytea', 'enc_bigint', 'enc_numeric', 'enc_date', 'enc_timestamptz', 'enc_jsonb')" \
	" UNION SELECT n.oid, n.inside FROM t, LATERAL (" \
	"  SELECT y.oid, t.inside FROM pg_type y WHERE y.typbasetype = t.oid" \
	"  UNION ALL SELECT y.oid, CASE t.inside WHEN 'v' THEN 'a' ELSE 'x' END FROM pg_type y WHERE y.typelem = t.oid AND y.typlen = -1" \
	"  UNION ALL SELECT c.reltype, 'x' FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid" \
	"   WHERE a.atttypid = t.oid AND c.reltype <> 0 AND NOT a.attisdropped" \
	"  UNION ALL SELECT u.oid, 'x' FROM pg_range r, LATERAL (VALUES (r.rngtypid), (r.rngmultitypid)) u (oid) WHERE r.rngsubtype = t.oid) n)" \
	" SELECT a.attrelid, a.attnum, max(t.inside) FROM pg_attribute a JOIN t ON t.oid = a.atttypid JOIN pg_class c ON c.oid = a.attrelid" \
	" WHERE c.relkind IN ('r', 'm') AND a.attnum > 0 AND NOT a.attisdropped GROUP BY 1, 2 ORDER BY 1, 2"

/* Of the database; in the current context. */
static Column *
all_columns(int *n)
{
	MemoryContext mcxt = CurrentMemoryContext;
	LhKeysSql	sql;
	Column	   *columns;
	uint64		rows;

	lh_keys_begin(&sql, "a look for encrypted columns", false, true);
	rows = lh_keys_sql(COLUMNS, "", NULL, NULL);
	columns = MemoryContextAlloc(mcxt, sizeof(Column) * (rows + 1));
	for (uint64 i = 0; i < rows; i++)
	{
		Datum		relid, attnum, inside;

		(void) lh_keys_get(i, 1, &relid);
		(void) lh_keys_get(i, 2, &attnum);
		(void) lh_keys_get(i, 3, &inside);
		columns[i] = (Column) {DatumGetObjectId(relid), DatumGetInt16(attnum), (Inside) *VARDATA_ANY(DatumGetTextPP(inside))};
	}
	*n = (int) rows;
	lh_keys_end(&sql);
	return columns;
}

typedef struct Wanted
{
	LhKeyRef	ref;
	bool		found;
} Wanted;

static bool
is_wanted(void *arg, const LhEnc *value)
{
	Wanted	   *wanted = arg;

	wanted->found = value == NULL ||
		(value->envelope.key.id == wanted->ref.id && value->envelope.key.version == wanted->ref.version);
	return !wanted->found;
}

static bool
column_uses(const Column *column, LhKeyRef ref)
{
	Wanted		wanted = {.ref = ref};
	Relation	rel = try_relation_open(column->relid, AccessShareLock);

	if (rel == NULL)
		return false;
	/* altered since it was listed, or out of reach */
	if (RELATION_IS_OTHER_TEMP(rel) || column->attnum > RelationGetNumberOfAttributes(rel))
		wanted.found = true;
	else if (!TupleDescAttr(RelationGetDescr(rel), column->attnum - 1)->attisdropped)
		(void) scan(rel, column, is_wanted, &wanted);
	relation_close(rel, AccessShareLock);
	return wanted.found;
}

char *
lh_enc_users(LhKeyRef ref)
{
	int			n;
	Column	   *columns;

	if (lh_enc_seals_now(ref))
		return pstrdup("a transaction that is not over");
	columns = all_columns(&n);
	for (int i = 0; i < n; i++)
	{
		char	   *name;

		if (!column_uses(&columns[i], ref))
			continue;
		name = get_rel_name(columns[i].relid);
		return psprintf("column \"%s\" of table \"%s\"", get_attname(columns[i].relid, columns[i].attnum, false), name != NULL ? name : "?");
	}
	return NULL;
}

/* ---- one column ---- */

static bool
is_encrypted_type(Oid type)
{
	type = getBaseType(type);
	for (int i = 1; i <= LH_ENC_TYPES; i++)
	{
		if (type == lh_enc_type_oid((LhEncType) i))
			return true;
	}
	return false;
}

List *
lh_enc_tables(Oid relid, const char *column)
{
	AttrNumber	attnum = get_attnum(relid, column);
	List	   *tables = NIL;
	ListCell   *lc;

	if (get_rel_name(relid) == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("there is no table of number %u", relid)));
	if (attnum <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of relation \"%s\" does not exist", column, get_rel_name(relid))));
	if (!is_encrypted_type(get_atttype(relid, attnum)))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("column \"%s\" of relation \"%s\" is not of an encrypted type", column, get_rel_name(relid))));
	foreach(lc, find_all_inheritors(relid, NoLock, NULL))
	{
		char		kind = get_rel_relkind(lfirst_oid(lc));

		if (kind == RELKIND_RELATION || kind == RELKIND_MATVIEW)
			tables = lappend_oid(tables, lfirst_oid(lc));
	}
	return tables;
}

static bool
is_stale(void *arg, const LhEnc *value)
{
	*(bool *) arg = lh_enc_stale(value);
	return !*(bool *) arg;
}

bool
lh_enc_any_stale(Oid relid, AttrNumber attnum)
{
	Column		column = {relid, attnum, INSIDE_VALUE};
	Relation	rel = try_relation_open(relid, AccessShareLock);
	bool		stale = false;

	if (rel == NULL)
		return false;
	(void) scan(rel, &column, is_stale, &stale);
	relation_close(rel, AccessShareLock);
	return stale;
}

/* ---- lakehouse.encryption_status ---- */

typedef struct Tally
{
	LhEncForm	form;
	uint32		number;
	LhKeyRef	key;
	uint32		search_version;
	int64		values;
} Tally;

typedef struct Tallies
{
	MemoryContext mcxt;
	Tally	   *all;
	int			n, room;
} Tallies;

static bool
tally(void *arg, const LhEnc *value)
{
	Tallies    *t = arg;
	Tally		new = {value->form, value->number, value->envelope.key, value->search_version, 1};

	for (int i = 0; i < t->n; i++)
	{
		Tally	   *old = &t->all[i];

		if (old->form == new.form && old->number == new.number && old->key.id == new.key.id && old->key.version == new.key.version &&
			old->search_version == new.search_version)
		{
			old->values++;
			return true;
		}
	}
	if (t->n == t->room)
	{
		t->room = t->room == 0 ? 16 : 2 * t->room;
		t->all = t->all == NULL ? MemoryContextAlloc(t->mcxt, sizeof(Tally) * t->room) : repalloc(t->all, sizeof(Tally) * t->room);
	}
	t->all[t->n++] = new;
	return true;
}

static int
by_place(const void *a, const void *b)
{
	const Tally *x = a, *y = b;

	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	if (x->form != y->form)
		return x->form < y->form ? -1 : 1;
	if (x->key.id != y->key.id)
		return x->key.id < y->key.id ? -1 : 1;
	if (x->key.version != y->key.version)
		return x->key.version < y->key.version ? -1 : 1;
	return x->search_version < y->search_version ? -1 : x->search_version > y->search_version;
}

static const char *
form_name(LhEncForm form)
{
	switch (form)
	{
		case LH_ENC_RANDOM:
			return "random";
		case LH_ENC_SEARCH:
			return "search";
		case LH_ENC_OPEN:
			return "open";
		case LH_ENC_NEEDLE:
			return "needle";
	}
	return "?";
}

static void
put_tally(ReturnSetInfo *result, const Tally *t)
{
	char	   *domain = lh_enc_domain_name(t->number);
	char	   *key = lh_key_name(t->key.id);
	Datum		values[7] = {0};
	bool		nulls[7] = {domain == NULL, false, key == NULL, t->form == LH_ENC_NEEDLE, t->search_version == 0, key == NULL};

	if (domain != NULL)
		values[0] = CStringGetTextDatum(domain);
	values[1] = CStringGetTextDatum(form_name(t->form));
	if (key != NULL)
	{
		values[2] = CStringGetTextDatum(key);
		values[5] = BoolGetDatum(t->key.version == lh_key_newest(t->key.id));
	}
	values[3] = Int32GetDatum((int32) t->key.version);
	values[4] = Int32GetDatum((int32) t->search_version);
	values[6] = Int64GetDatum(t->values);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static void
tally_table(Oid relid, const char *column, Tallies *tallies)
{
	Column		of = {relid, get_attnum(relid, column), INSIDE_VALUE};
	Relation	rel = try_relation_open(relid, AccessShareLock);

	if (rel == NULL)
		return;
	if (RELATION_IS_OTHER_TEMP(rel))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("cannot access temporary tables of other sessions")));
	(void) scan(rel, &of, tally, tallies);
	relation_close(rel, AccessShareLock);
}

Datum
lakehouse_encryption_status(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);
	char	   *column = NameStr(*PG_GETARG_NAME(1));
	Tallies		tallies = {.mcxt = CurrentMemoryContext};
	ListCell   *lc;

	if (!lh_right_has(LH_RIGHT_AUDITOR, GetUserId()))
		lh_right_require(LH_RIGHT_KEY_ADMIN, "to see which keys are in use");
	InitMaterializedSRF(fcinfo, 0);
	foreach(lc, lh_enc_tables(relid, column))
		tally_table(lfirst_oid(lc), column, &tallies);
	if (tallies.n > 1)
		qsort(tallies.all, (size_t) tallies.n, sizeof(Tally), by_place);
	for (int i = 0; i < tallies.n; i++)
		put_tally((ReturnSetInfo *) fcinfo->resultinfo, &tallies.all[i]);
	return (Datum) 0;
}
