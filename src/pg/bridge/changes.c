/*
 * changes.c
 *		Take rows out of changes that were deleted and added alike.
 *
 *	1. When no commit (with net_changes: nothing in the whole range) has both, rows
 *	   pass as they come, and only the wanted columns are read.
 *	2. Otherwise all columns are read, and the rows are sorted by commit, a hash of
 *	   their values, and deletions first; with net_changes by hash, commit, deletions
 *	   first.  The sort spills beyond work_mem.
 *	3. Of neighbours with one hash, each row meets an equal one of the other kind, and
 *	   both are gone; what is left over is given, as often as there was more of it,
 *	   with the commit of the first one.  This is the rule of Spark's
 *	   RemoveNetCarryoverIterator, and within a commit that of its
 *	   RemoveCarryoverIterator.
 */
#include "pg/bridge/changes.h"

#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/tuplesort.h"
#include "utils/typcache.h"

/* Columns of the sort before those of the source. */
enum
{
	KEY_HASH, KEY_ORDINAL, KEY_DELETED, N_KEYS
};

/* Rows that are equal, less those that met their like. */
typedef struct Kind
{
	Datum	   *values;			/* of the first of them, N_KEYS before */
	bool	   *nulls;
	bool		deleted;
	int64		count;
	struct Kind *next;
} Kind;

struct LhChanges
{
	LhReader   *reader;
	LhSource   *source;
	int			first_change;	/* attno - 1 of the first attribute of changes */
	bool		decided;
	bool		sorted;			/* by step 2 */
	bool		net;
	bool	   *compared;		/* by attno - 1: part of what makes rows the same */
	TupleDesc	desc;			/* of the sort */
	Tuplesortstate *sort;
	MemoryContext mcxt;			/* of the sort */
	TupleTableSlot *in,
			   *out;
	bool		ahead;			/* out holds a row of the next group */
	MemoryContext group_mcxt;
	Kind	   *kinds;			/* of the group, in the order in which they came */
};

/* ---- what is to be done ---- */

/* Commits that add and delete; any: of the whole range. */
static bool
is_mixed(const LhTaskList *tasks, bool any)
{
	bool		mixed = false;
	int			n = 0;
	uint8	   *seen;

	for (size_t i = 0; i < tasks->n; i++)
		n = Max(n, tasks->tasks[i].change_ordinal + 1);
	if (any || n <= 0)
		n = 1;
	seen = palloc0(n);
	for (size_t i = 0; i < tasks->n && !mixed; i++)
	{
		const LhFileTask *t = &tasks->tasks[i];
		uint8	   *of = &seen[any ? 0 : Max(t->change_ordinal, 0)];

		*of |= t->change_delete ? 1 : 2;
		mixed = *of == 3;
	}
	pfree(seen);
	return mixed;
}

static TupleDesc
describe(const LhSource *s)
{
	TupleDesc	desc = CreateTemplateTupleDesc(N_KEYS + s->desc->natts);

	TupleDescInitEntry(desc, KEY_HASH + 1, "hash", INT8OID, -1, 0);
	TupleDescInitEntry(desc, KEY_ORDINAL + 1, "ordinal", INT4OID, -1, 0);
	TupleDescInitEntry(desc, KEY_DELETED + 1, "added", INT4OID, -1, 0);
	for (int i = 0; i < s->desc->natts; i++)
	{
		AttrNumber	attno = (AttrNumber) (N_KEYS + i + 1);

		if (TupleDescAttr(s->desc, i)->attisdropped)
			TupleDescInitEntry(desc, attno, "", INT4OID, -1, 0);
		else
			TupleDescCopyEntry(desc, attno, s->desc, (AttrNumber) (i + 1));
	}
	return desc;
}

/* Does the query get rows as they come?  Called when filters are known. */
static void
decide(LhChanges *c)
{
	LhSource   *s = c->source;
	MemoryContext old;

	c->decided = true;
	c->sorted = is_mixed(lh_source_tasks(s), c->net);
	if (!c->sorted)
		return;
	old = MemoryContextSwitchTo(s->mcxt);
	for (int i = 0; i < s->desc->natts; i++)
	{
		if (!TupleDescAttr(s->desc, i)->attisdropped)
			lh_reader_add(c->reader, (AttrNumber) (i + 1));
	}
	c->compared = palloc0(sizeof(bool) * s->desc->natts);
	for (int i = 0; i < s->desc->natts; i++)
	{
		if (s->quals[i].col >= 0)
			c->compared[i] = s->cols[s->quals[i].col].source == LH_SRC_DATA;
	}
	c->desc = describe(s);
	c->in = MakeTupleTableSlot(c->desc, &TTSOpsVirtual);
	c->out = MakeTupleTableSlot(c->desc, &TTSOpsMinimalTuple);
	c->group_mcxt = AllocSetContextCreate(s->mcxt, "lakehouse changes", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(old);
}

LhChanges *
lh_changes_create(LhReader *reader)
{
	LhSource   *s = reader->source;
	MemoryContext old = MemoryContextSwitchTo(s->mcxt);
	LhChanges  *c = palloc0(sizeof(LhChanges));

	c->reader = reader;
	c->source = s;
	c->first_change = s->desc->natts - LH_CHANGE_ATTRS;
	c->net = s->options.table.net_changes;
	for (int i = 0; i < LH_CHANGE_ATTRS; i++)
		lh_reader_add(reader, (AttrNumber) (c->first_change + i + 1));
	MemoryContextSwitchTo(old);
	return c;
}

/* ---- sort ---- */

static uint64
hash_row(const LhChanges *c, const Datum *values, const bool *nulls)
{
	uint64		hash = 0;

	for (int i = 0; i < c->first_change; i++)
	{
		Form_pg_attribute att = TupleDescAttr(c->source->desc, i);

		if (c->compared[i])
			hash = hash_combine64(hash, nulls[i] ? 1 : 2 + (uint64) datum_image_hash(values[i], att->attbyval, att->attlen));
	}
	return hash;
}

static void
begin_sort(LhChanges *c)
{
	AttrNumber	keys[N_KEYS] = {KEY_ORDINAL + 1, KEY_HASH + 1, KEY_DELETED + 1};
	AttrNumber	net_keys[N_KEYS] = {KEY_HASH + 1, KEY_ORDINAL + 1, KEY_DELETED + 1};
	Oid			operators[N_KEYS];
	Oid			collations[N_KEYS] = {InvalidOid};
	bool		nulls_first[N_KEYS] = {false};
	AttrNumber *order = c->net ? net_keys : keys;
	MemoryContext old;

	for (int i = 0; i < N_KEYS; i++)
		operators[i] = lookup_type_cache(TupleDescAttr(c->desc, order[i] - 1)->atttypid, TYPECACHE_LT_OPR)->lt_opr;
	if (c->mcxt == NULL)
		c->mcxt = AllocSetContextCreate(c->source->mcxt, "lakehouse sort of changes", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(c->mcxt);
	c->sort = tuplesort_begin_heap(c->desc, N_KEYS, order, operators, collations, nulls_first, work_mem, NULL,
								   TUPLESORT_NONE);
	MemoryContextSwitchTo(old);
}

static void
sort_rows(LhChanges *c)
{
	Datum	   *values = c->in->tts_values + N_KEYS;
	bool	   *nulls = c->in->tts_isnull + N_KEYS;

	begin_sort(c);
	ExecClearTuple(c->in);
	memset(c->in->tts_isnull, true, sizeof(bool) * c->desc->natts);
	while (lh_reader_next(c->reader, values, nulls))
	{
		const char *type = VARDATA_ANY(DatumGetPointer(values[c->first_change + LH_CHANGE_TYPE]));

		CHECK_FOR_INTERRUPTS();
		c->in->tts_values[KEY_HASH] = Int64GetDatum((int64) hash_row(c, values, nulls));
		c->in->tts_values[KEY_ORDINAL] = values[c->first_change + LH_CHANGE_ORDINAL];
		c->in->tts_values[KEY_DELETED] = Int32GetDatum(type[0] != 'D');
		memset(c->in->tts_isnull, false, sizeof(bool) * N_KEYS);
		ExecStoreVirtualTuple(c->in);
		tuplesort_puttupleslot(c->sort, c->in);
		ExecClearTuple(c->in);
	}
	tuplesort_performsort(c->sort);
	c->ahead = tuplesort_gettupleslot(c->sort, true, false, c->out, NULL);
}

/* ---- groups ---- */

static bool
same_row(const LhChanges *c, const Kind *k)
{
	for (int i = 0; i < c->first_change; i++)
	{
		Form_pg_attribute att = TupleDescAttr(c->source->desc, i);
		int			at = N_KEYS + i;

		if (!c->compared[i])
			continue;
		if (k->nulls[at] != c->out->tts_isnull[at])
			return false;
		if (!k->nulls[at] && !datum_image_eq(k->values[at], c->out->tts_values[at], att->attbyval, att->attlen))
			return false;
	}
	return true;
}

static void
keep_row(const LhChanges *c, Kind *k, bool deleted)
{
	int			natts = c->desc->natts;

	k->deleted = deleted;
	k->count = 1;
	k->values = palloc(sizeof(Datum) * natts);
	k->nulls = palloc(sizeof(bool) * natts);
	for (int i = 0; i < natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(c->desc, i);

		k->nulls[i] = c->out->tts_isnull[i];
		k->values[i] = k->nulls[i] ? (Datum) 0 : datumCopy(c->out->tts_values[i], att->attbyval, att->attlen);
	}
}

/* All of its rows met their like: a row that comes and goes in many commits takes no room. */
static void
drop_kind(const LhChanges *c, Kind **k)
{
	Kind	   *gone = *k;

	for (int i = 0; i < c->desc->natts; i++)
	{
		if (!gone->nulls[i] && !TupleDescAttr(c->desc, i)->attbyval)
			pfree(DatumGetPointer(gone->values[i]));
	}
	*k = gone->next;
	pfree(gone->values);
	pfree(gone->nulls);
	pfree(gone);
}

/* The row that is ahead joins its kind, or meets one of the other. */
static void
add_row(LhChanges *c)
{
	bool		deleted;
	Kind	  **k = &c->kinds;

	slot_getallattrs(c->out);
	deleted = DatumGetInt32(c->out->tts_values[KEY_DELETED]) == 0;
	while (*k != NULL && !same_row(c, *k))
		k = &(*k)->next;
	if (*k == NULL)
	{
		*k = palloc0(sizeof(Kind));
		keep_row(c, *k, deleted);
	}
	else if ((*k)->deleted == deleted)
		(*k)->count++;
	else if (--(*k)->count == 0)
		drop_kind(c, k);
}

static bool
in_group(const LhChanges *c, int64 hash, int32 ordinal)
{
	bool		null;

	return DatumGetInt64(slot_getattr(c->out, KEY_HASH + 1, &null)) == hash &&
		(c->net || DatumGetInt32(slot_getattr(c->out, KEY_ORDINAL + 1, &null)) == ordinal);
}

/* The rows with the next hash; false when there are none. */
static bool
next_group(LhChanges *c)
{
	MemoryContext old;
	int64		hash;
	int32		ordinal;
	bool		null;

	if (!c->ahead)
		return false;
	c->kinds = NULL;
	MemoryContextReset(c->group_mcxt);
	hash = DatumGetInt64(slot_getattr(c->out, KEY_HASH + 1, &null));
	ordinal = DatumGetInt32(slot_getattr(c->out, KEY_ORDINAL + 1, &null));
	old = MemoryContextSwitchTo(c->group_mcxt);
	while (c->ahead && in_group(c, hash, ordinal))
	{
		CHECK_FOR_INTERRUPTS();
		add_row(c);
		c->ahead = tuplesort_gettupleslot(c->sort, true, false, c->out, NULL);
	}
	MemoryContextSwitchTo(old);
	return true;
}

/* ---- rows ---- */

bool
lh_changes_next(LhChanges *c, Datum *values, bool *nulls)
{
	int			natts = c->source->desc->natts;

	if (!c->decided)
		decide(c);
	if (!c->sorted)
		return lh_reader_next(c->reader, values, nulls);
	if (c->sort == NULL)
		sort_rows(c);
	for (;;)
	{
		while (c->kinds != NULL && c->kinds->count == 0)
			c->kinds = c->kinds->next;
		if (c->kinds != NULL)
			break;
		if (!next_group(c))
			return false;
	}
	c->kinds->count--;
	memcpy(values, c->kinds->values + N_KEYS, sizeof(Datum) * natts);
	memcpy(nulls, c->kinds->nulls + N_KEYS, sizeof(bool) * natts);
	return true;
}

/*
 * There is no callback for errors: their resource owner closes the files of the sort,
 * perhaps before its memory goes, and to end it then would close them once more.
 */
void
lh_changes_end(LhChanges *c)
{
	if (c->sort != NULL)
	{
		ExecClearTuple(c->out);
		tuplesort_end(c->sort);
	}
	c->sort = NULL;
	c->kinds = NULL;
	c->ahead = false;
}

void
lh_changes_rewind(LhChanges *c)
{
	lh_changes_end(c);
	/* other filters may have another list */
	if (!c->sorted)
		c->decided = false;
}
