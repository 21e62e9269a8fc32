/*
 * enc_scan.c
 *		Columns with encrypted values, and the versions of keys in them.
 *
 * 1. Tables are read directly and not by queries, so that neither policies nor row security leave rows out, and only the first bytes of each
 *    value, whose envelopes are not opened.
 * 2. That a version is not in use is said after a look at each such column of the database, arrays, composite types and ranges included, while
 *    nobody who is not through has sealed under it.  Values can be copied from table to table without being sealed, so:
 *    a. we wait until nobody is there who began before our snapshot: he could copy what we do not see;
 *    b. then all tables that have such columns are locked against DROP, TRUNCATE and ALTER, and listed again until there are no others: who
 *       made one and has copied values to it has locked where they came from until he is through;
 *    c. from there on whatever version of a row somebody who came later sees, or makes, stays in its table as long as we have our snapshot,
 *       deleted or not, committed or not.  All of these are looked at.  So a value that is moved meanwhile, from a table that we have not
 *       seen to one that we have, is found where it was.
 * 3. What cannot be looked at (temporary tables of other sessions) counts as use.  Dumps, backups, armoured text in other columns and constants
 *    in definitions are not looked at.
 */
#include "pg/privacy/enc.h"

#include "access/heapam.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xlog.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "executor/tuptable.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"
#include "utils/wait_event.h"

#include "pg/privacy/keys_store.h"

PG_FUNCTION_INFO_V1(lakehouse_encryption_status);
extern PGDLLEXPORT Datum lakehouse_encryption_status(PG_FUNCTION_ARGS);

/* How long transactions that began before are waited for: mostly those of a statement beside this one. */
#define PATIENCE_MS 5000
#define PATIENCE_STEP_MS 50

/* False: enough seen. */
typedef bool (*SeeFn) (void *arg, const LhEnc *value);

/* What a scan reads; "row" is counted as it goes. */
typedef struct EncScan
{
	Oid			relid;
	AttrNumber	attnum;
	bool		every_version;	/* rows that anybody sees or might see yet since our snapshot, and not those alone that are committed */
	int64		row;
} EncScan;

/* ---- reading ---- */

/* Has nobody seen this version of a row since our snapshot, or never will? */
static bool
is_dead(TupleTableSlot *slot)
{
	BufferHeapTupleTableSlot *heap = (BufferHeapTupleTableSlot *) slot;
	HTSV_Result state;

	LockBuffer(heap->buffer, BUFFER_LOCK_SHARE);
	state = HeapTupleSatisfiesVacuum(heap->base.tuple, MyProc->xmin, heap->buffer);
	LockBuffer(heap->buffer, BUFFER_LOCK_UNLOCK);
	return state == HEAPTUPLE_DEAD;
}

static bool
scan_slots(Relation rel, EncScan *s, Snapshot snapshot, LhEncWalk *walk)
{
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	TableScanDesc desc = table_beginscan(rel, snapshot, 0, NULL);
	Oid			type = TupleDescAttr(RelationGetDescr(rel), s->attnum - 1)->atttypid;
	MemoryContext each = AllocSetContextCreate(CurrentMemoryContext, "lakehouse encrypted value", ALLOCSET_DEFAULT_SIZES);
	bool		more = true;

	while (more && table_scan_getnextslot(desc, ForwardScanDirection, slot))
	{
		MemoryContext old;
		bool		null;
		Datum		datum;

		CHECK_FOR_INTERRUPTS();
		s->row++;
		if (s->every_version && is_dead(slot))
			continue;
		datum = slot_getattr(slot, s->attnum, &null);
		if (null)
			continue;
		old = MemoryContextSwitchTo(each);
		more = lh_enc_walk(walk, type, datum);
		MemoryContextSwitchTo(old);
		MemoryContextReset(each);
	}
	table_endscan(desc);
	ExecDropSingleTupleTableSlot(slot);
	return more;
}

/* False: "see" did not want more. */
static bool
scan(Relation rel, EncScan *s, SeeFn see, void *arg)
{
	MemoryContext mcxt = AllocSetContextCreate(CurrentMemoryContext, "lakehouse encrypted column", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(mcxt);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	LhEncWalk	walk = {.see = see, .arg = arg};
	bool		more;

	/* other table access methods do not tell which versions there are */
	s->every_version = s->every_version && rel->rd_rel->relam == HEAP_TABLE_AM_OID;
	lh_enc_walk_begin(&walk);
	more = scan_slots(rel, s, s->every_version ? SnapshotAny : snapshot, &walk);
	UnregisterSnapshot(snapshot);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(mcxt);
	return more;
}

/* ---- all columns ---- */

#define COLUMNS \
	"WITH RECURSIVE t (oid) AS (" \
	" SELECT y.oid FROM pg_type y WHERE y.typnamespace = 'lakehouse'::regnamespace AND y.typtype = 'b' AND" \
	"  y.typname IN ('enc_text', 'enc_bytea', 'enc_bigint', 'enc_numeric', 'enc_date', 'enc_timestamptz', 'enc_jsonb')" \
	" UNION SELECT n.oid FROM t, LATERAL (" \
	"  SELECT y.oid FROM pg_type y WHERE y.typbasetype = t.oid OR (y.typelem = t.oid AND y.typlen = -1)" \
	"  UNION ALL SELECT c.reltype FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid" \
	"   WHERE a.atttypid = t.oid AND c.reltype <> 0 AND NOT a.attisdropped" \
	"  UNION ALL SELECT u.oid FROM pg_range r, LATERAL (VALUES (r.rngtypid), (r.rngmultitypid)) u (oid) WHERE r.rngsubtype = t.oid) n)" \
	" SELECT a.attrelid, a.attnum FROM pg_attribute a JOIN t ON t.oid = a.atttypid JOIN pg_class c ON c.oid = a.attrelid" \
	" WHERE c.relkind IN ('r', 'm') AND a.attnum > 0 AND NOT a.attisdropped ORDER BY 1, 2"

LhEncColumn *
lh_enc_columns(int *n)
{
	MemoryContext mcxt = CurrentMemoryContext;
	LhKeysSql	sql;
	LhEncColumn *columns;
	uint64		rows;

	lh_keys_begin(&sql, "a look for encrypted columns", false, true);
	rows = lh_keys_sql_now(COLUMNS, "", NULL);
	columns = MemoryContextAlloc(mcxt, sizeof(LhEncColumn) * (rows + 1));
	for (uint64 i = 0; i < rows; i++)
	{
		Datum		relid, attnum;

		(void) lh_keys_get(i, 1, &relid);
		(void) lh_keys_get(i, 2, &attnum);
		columns[i] = (LhEncColumn) {DatumGetObjectId(relid), DatumGetInt16(attnum)};
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

	wanted->found = value->envelope.key.id == wanted->ref.id && value->envelope.key.version == wanted->ref.version;
	return !wanted->found;
}

static bool
column_uses(const LhEncColumn *column, LhKeyRef ref)
{
	EncScan		s = {.relid = column->relid, .attnum = column->attnum, .every_version = true};
	Wanted		wanted = {.ref = ref};
	Relation	rel = try_relation_open(column->relid, AccessShareLock);

	if (rel == NULL)
		return false;
	/* altered since it was listed, or out of reach */
	if (RELATION_IS_OTHER_TEMP(rel) || column->attnum > RelationGetNumberOfAttributes(rel))
		wanted.found = true;
	else if (!TupleDescAttr(RelationGetDescr(rel), column->attnum - 1)->attisdropped)
		(void) scan(rel, &s, is_wanted, &wanted);
	relation_close(rel, AccessShareLock);
	return wanted.found;
}

static char *
first_user(const LhEncColumn *columns, int n, LhKeyRef ref)
{
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

/* Is nobody there who began before our snapshot?  A standby has nobody who writes. */
static bool
nobody_before_us(void)
{
	Relation	rel;
	TransactionId horizon;

	if (RecoveryInProgress())
		return true;
	rel = relation_open(lh_keys_table("encryption_jobs", false), AccessShareLock);
	horizon = GetOldestNonRemovableTransactionId(rel);
	relation_close(rel, AccessShareLock);
	return TransactionIdFollowsOrEquals(horizon, MyProc->xmin);
}

static bool
wait_for_those_before(void)
{
	for (int waited = 0; !nobody_before_us(); waited += PATIENCE_STEP_MS)
	{
		if (waited >= PATIENCE_MS)
			return false;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, PATIENCE_STEP_MS, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
	return true;
}

/* All columns there are, when all of their tables are locked; those, too. */
static LhEncColumn *
lock_columns(int *n, List **tables)
{
	for (;;)
	{
		LhEncColumn *columns = lh_enc_columns(n);
		int			before = list_length(*tables);

		for (int i = 0; i < *n; i++)
		{
			CHECK_FOR_INTERRUPTS();
			if (list_member_oid(*tables, columns[i].relid))
				continue;
			LockRelationOid(columns[i].relid, AccessShareLock);
			*tables = lappend_oid(*tables, columns[i].relid);
		}
		if (list_length(*tables) == before)
			return columns;
	}
}

/* Nobody is there who began before our snapshot. */
static char *
user_of_now(LhKeyRef ref)
{
	int			n;
	List	   *tables = NIL;
	LhEncColumn *columns = lock_columns(&n, &tables);
	char	   *user = first_user(columns, n, ref);
	ListCell   *lc;

	/* what is in use nowhere can be copied from nowhere */
	foreach(lc, tables)
		UnlockRelationOid(lfirst_oid(lc), AccessShareLock);
	return user;
}

char *
lh_enc_users(LhKeyRef ref)
{
	int			n;
	LhEncColumn *columns;
	char	   *user;

	if (lh_enc_seals_now(ref))
		return pstrdup("a transaction that is not over");
	columns = lh_enc_columns(&n);
	if (n == 0)
		return NULL;
	if (!nobody_before_us())
	{
		/* what is there is told at once */
		user = first_user(columns, n, ref);
		if (user != NULL)
			return user;
		if (!wait_for_those_before())
			return pstrdup("a transaction that began before, and may see or have copied a value");
	}
	return user_of_now(ref);
}

/* ---- one column ---- */

List *
lh_enc_tables(Oid relid, const char *column)
{
	AttrNumber	attnum = get_attnum(relid, column);
	List	   *tables = NIL;
	ListCell   *lc;
	LhEncWalk	walk;

	if (get_rel_name(relid) == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("there is no table of number %u", relid)));
	if (attnum <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of relation \"%s\" does not exist", column, get_rel_name(relid))));
	lh_enc_walk_begin(&walk);
	if (!lh_enc_walk_holds(&walk, get_atttype(relid, attnum)))
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

typedef struct Staleness
{
	uint64		key;
	int64		enough,
				last;			/* row that was counted */
	const EncScan *scan;
	LhEncStale *out;
} Staleness;

static bool
count_stale(void *arg, const LhEnc *value)
{
	Staleness  *s = arg;
	uint32		newest;

	if ((s->key != 0 && value->envelope.key.id != s->key) || !lh_enc_stale(value))
		return true;
	if (s->last != s->scan->row)
		s->out->rows++;
	s->last = s->scan->row;
	newest = lh_enc_current(lh_enc_domain(value->number)).version;
	if (s->out->from == 0 || value->envelope.key.version < s->out->from)
		s->out->from = value->envelope.key.version;
	if (newest > s->out->to)
		s->out->to = newest;
	return s->enough == 0 || s->out->rows < s->enough;
}

void
lh_enc_count_stale(Oid relid, const char *column, uint64 key, int64 enough, LhEncStale *out)
{
	Relation	rel = try_relation_open(relid, AccessShareLock);
	EncScan     s = {.relid = relid, .attnum = rel != NULL ? get_attnum(relid, column) : 0};
	Staleness	staleness = {.key = key, .enough = enough, .last = -1, .scan = &s, .out = out};

	if (rel == NULL)
		return;
	if (s.attnum > 0 && !RELATION_IS_OTHER_TEMP(rel))
		(void) scan(rel, &s, count_stale, &staleness);
	relation_close(rel, AccessShareLock);
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
	EncScan     s = {.relid = relid, .attnum = get_attnum(relid, column)};
	Relation	rel = try_relation_open(relid, AccessShareLock);

	if (rel == NULL)
		return;
	if (RELATION_IS_OTHER_TEMP(rel))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("cannot access temporary tables of other sessions")));
	(void) scan(rel, &s, tally, tallies);
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
