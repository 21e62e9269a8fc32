/*
 * policy.c
 *		Policies read from their definitions, once in a backend.
 *
 *	1. All views of schema lakehouse_policies are read, vetted and kept, with a table of relations: those that
 *	   policies are bound to, and their ancestors and descendants.
 *	2. What is not in the table has nothing to do with policies: that is the answer for nearly all
 *	   relations of nearly all queries, and costs a look into a hash table.
 *	3. A change of a definition (hidden_watch.c), or of a relation in the table (a column renamed, a partition
 *	   attached), is noted by callbacks, and looked into when somebody asks: views are read again whose rows in pg_class or pg_rewrite are
 *	   other ones than those that were read, and those that have to do with a changed relation.  To read one costs as much
 *	   as to ask for the rows of hundreds.
 *
 * A policy that cannot be used is kept with the reason: its relation is closed (policy_effective.c).
 */
#include "pg/privacy/policy_internal.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_rewrite.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

/* So often is reading begun anew because something changed meanwhile; after that the next call goes on. */
#define MOST_READINGS 5

/* Which row of a catalog it was: an update makes another. */
typedef struct Row
{
	TransactionId xmin;
	ItemPointerData tid;
} Row;

/* A view as it was read, in a memory context of its own. */
typedef struct Reading
{
	MemoryContext mcxt;
	Oid			view;
	Row			class,
				rewrite;
	LhPolicy   *policy;			/* NULL: it had gone meanwhile */
	List	   *families;		/* Oid: what it may be about, with ancestors and descendants */
} Reading;

typedef struct Cache
{
	MemoryContext mcxt;			/* of all but what is in readings */
	List	   *readings;		/* of Reading */
	List	   *policies;
	HTAB	   *relations;		/* of LhPolicyRelation */
	uint64		bits[LH_POLICY_BITS / 64];	/* of these */
} Cache;

/* What changed since; all: too much to tell. */
#define MOST_CHANGES 64
typedef struct Changes
{
	bool		all;
	int			n;
	Oid			relations[MOST_CHANGES];
} Changes;

static Cache cache;
static Changes changes = {.all = true};
LhPolicyBits lh_policy_bits = {.stale = true};
static bool reading = false;
static bool listening = false;
static uint64 version = 1;
static uint64 readings = 0;

/* ---- changes ---- */

/* Of definitions: which ones is seen by their rows. */
static void
changed(void)
{
	version++;
	lh_policy_bits.stale = true;
}

void
lh_policy_bump(void)
{
	version++;
}

uint64
lh_policy_version(void)
{
	return version;
}

/* While we read it is not known yet which relations matter. */
static void
relation_changed(Datum arg, Oid relid)
{
	if (OidIsValid(relid) && !reading &&
		(cache.relations == NULL || hash_search(cache.relations, &relid, HASH_FIND, NULL) == NULL))
		return;
	if (!OidIsValid(relid) || changes.n == MOST_CHANGES)
		changes.all = true;
	else
		changes.relations[changes.n++] = relid;
	changed();
}

static void
roles_changed(Datum arg, int cacheid, uint32 hash)
{
	version++;
}

static void
listen(void)
{
	if (listening)
		return;
	lh_hidden_watch(changed);
	CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHOID, roles_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, roles_changed, (Datum) 0);
	listening = true;
}

/* ---- families ---- */

static List *
parents(Oid relid)
{
	Relation	rel = table_open(InheritsRelationId, AccessShareLock);
	List	   *found = NIL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_inherits_inhrelid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(rel, InheritsRelidSeqnoIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		found = lappend_oid(found, ((Form_pg_inherits) GETSTRUCT(tuple))->inhparent);
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return found;
}

/* The list grows while it is walked. */
List *
lh_policy_ancestors(Oid relid)
{
	List	   *all = parents(relid);

	for (int i = 0; i < list_length(all); i++)
		all = list_concat_unique_oid(all, parents(list_nth_oid(all, i)));
	return all;
}

/* Partitions that are being detached are still among them. */
List *
lh_policy_descendants(Oid relid)
{
	List	   *all = NIL;
	Relation	rel = table_open(InheritsRelationId, AccessShareLock);

	for (int i = -1; i < list_length(all); i++)
	{
		ScanKeyData key;
		SysScanDesc scan;
		HeapTuple	tuple;

		CHECK_FOR_INTERRUPTS();
		ScanKeyInit(&key, Anum_pg_inherits_inhparent, BTEqualStrategyNumber, F_OIDEQ,
					ObjectIdGetDatum(i < 0 ? relid : list_nth_oid(all, i)));
		scan = systable_beginscan(rel, InheritsParentIndexId, true, NULL, 1, &key);
		while (HeapTupleIsValid(tuple = systable_getnext(scan)))
			all = list_append_unique_oid(all, ((Form_pg_inherits) GETSTRUCT(tuple))->inhrelid);
		systable_endscan(scan);
	}
	table_close(rel, AccessShareLock);
	return all;
}

/* ---- one policy ---- */

static const char *
read_column(LhPolicy *policy, const LhHiddenPair *pair)
{
	LhPolicyColumn *column = palloc0(sizeof(LhPolicyColumn));
	char	   *name = get_attname(policy->relid, pair->attnum, false);
	LhVetted	vetted = lh_policy_vet((Node *) pair->expr, policy->relid, false);
	const char *wrong = vetted.wrong != NULL ? vetted.wrong :
		lh_policy_vet_type((Node *) pair->expr, policy->relid, pair->attnum);
	const Var  *var = (const Var *) pair->expr;
	ListCell   *cell;

	if (wrong != NULL)
		return psprintf("mask of column \"%s\": %s", name, wrong);
	foreach(cell, policy->columns)
		if (((const LhPolicyColumn *) lfirst(cell))->attnum == pair->attnum)
			return psprintf("column \"%s\" is named twice", name);
	column->attnum = pair->attnum;
	column->strength = lh_policy_strength((Node *) pair->expr);
	if (!(IsA(var, Var) && var->varattno == pair->attnum))
		column->mask = pair->expr;
	policy->columns = lappend(policy->columns, column);
	return NULL;
}

static const char *
read_body(LhPolicy *policy)
{
	const char *wrong = lh_policy_options_read(policy, policy->hidden->definition);
	ListCell   *cell;

	if (wrong != NULL)
		return wrong;
	if (!OidIsValid(policy->relid))
		return policy->tag == NULL ? "it is of no relation" : policy->hidden->pairs != NIL ? "it has masks of no relation" : NULL;
	foreach(cell, policy->hidden->pairs)
		if ((wrong = read_column(policy, lfirst(cell))) != NULL)
			return wrong;
	if (policy->hidden->filter != NULL)
	{
		LhVetted	vetted = lh_policy_vet(policy->hidden->filter, policy->relid, true);

		if (vetted.wrong != NULL)
			return psprintf("row filter: %s", vetted.wrong);
		policy->filter = (Expr *) policy->hidden->filter;
	}
	if (policy->columns == NIL && policy->filter == NULL)
		return "it neither masks nor filters";
	return NULL;
}

LhPolicy *
lh_policy_read(Oid view)
{
	const char *wrong;
	LhHidden   *hidden = lh_hidden_look(view, &wrong);
	LhPolicy   *policy;

	if (hidden == NULL)
		return NULL;
	policy = palloc0(sizeof(LhPolicy));
	policy->hidden = hidden;
	policy->name = hidden->name;
	policy->relid = hidden->relid;
	policy->until = policy->except_until = DT_NOEND;
	policy->wrong = wrong != NULL ? wrong : read_body(policy);
	return policy;
}

List *
lh_policies_read(void)
{
	List	   *policies = NIL;
	ListCell   *cell;

	foreach(cell, lh_hidden_all(LH_HIDDEN_POLICY))
	{
		LhPolicy   *policy = lh_policy_read(lfirst_oid(cell));

		if (policy != NULL)
			policies = lappend(policies, policy);
	}
	return policies;
}

/* ---- all of them ---- */

static LhPolicyRelation *
enter(HTAB *relations, Oid relid)
{
	bool		found;
	LhPolicyRelation *relation = hash_search(relations, &relid, HASH_ENTER, &found);

	if (!found)
	{
		relation->policies = NIL;
		relation->wrong = NULL;
	}
	return relation;
}

static void
enter_policy(HTAB *relations, const Reading *r)
{
	LhPolicy   *policy = r->policy;
	LhPolicyRelation *relation;
	ListCell   *cell;

	foreach(cell, r->families)
		(void) enter(relations, lfirst_oid(cell));
	if (policy->wrong == NULL)
	{
		if (!OidIsValid(policy->relid))
			return;
		relation = enter(relations, policy->relid);
		relation->policies = lappend(relation->policies, policy);
		return;
	}
	/* it closes all that it may have been about */
	foreach(cell, policy->hidden->named)
		enter(relations, lfirst_oid(cell))->wrong = policy;
	if (OidIsValid(policy->relid))
		enter(relations, policy->relid)->wrong = policy;
}

/* ---- one view ---- */

static Row
row_of(HeapTuple tuple)
{
	return (Row) {HeapTupleHeaderGetRawXmin(tuple->t_data), tuple->t_self};
}

static bool
same_row(const Row *a, const Row *b)
{
	return a->xmin == b->xmin && ItemPointerEquals(unconstify(ItemPointerData *, &a->tid), unconstify(ItemPointerData *, &b->tid));
}

/* The one row of a catalog with this key; xmin InvalidTransactionId: there is none. */
static Row
find_row(Oid catalog, Oid index, AttrNumber attnum, Oid key)
{
	Relation	rel = table_open(catalog, AccessShareLock);
	ScanKeyData scankey;
	SysScanDesc scan;
	HeapTuple	tuple;
	Row			row = {InvalidTransactionId};

	ScanKeyInit(&scankey, attnum, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(key));
	scan = systable_beginscan(rel, index, true, NULL, 1, &scankey);
	if (HeapTupleIsValid(tuple = systable_getnext(scan)))
		row = row_of(tuple);
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return row;
}

static void
note_rows(Oid view, Reading *r)
{
	r->view = view;
	r->class = find_row(RelationRelationId, ClassOidIndexId, Anum_pg_class_oid, view);
	r->rewrite = find_row(RewriteRelationId, RewriteRelRulenameIndexId, Anum_pg_rewrite_ev_class, view);
}

static List *
families(const LhPolicy *policy)
{
	List	   *all = NIL;
	ListCell   *cell;

	foreach(cell, policy->wrong != NULL ? list_append_unique_oid(list_copy(policy->hidden->named), policy->relid) :
			list_make1_oid(policy->relid))
	{
		Oid			relid = lfirst_oid(cell);

		if (!OidIsValid(relid))
			continue;
		all = list_append_unique_oid(all, relid);
		all = list_concat_unique_oid(all, lh_policy_ancestors(relid));
		all = list_concat_unique_oid(all, lh_policy_descendants(relid));
	}
	return all;
}

/* Rows first: what changes while the view is read makes them others. */
static Reading *
read_view(Oid view)
{
	MemoryContext mcxt = AllocSetContextCreate(CurrentMemoryContext, "lakehouse policy", ALLOCSET_SMALL_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(mcxt);
	Reading    *r = palloc0(sizeof(Reading));

	CHECK_FOR_INTERRUPTS();
	r->mcxt = mcxt;
	note_rows(view, r);
	readings++;
	r->policy = lh_policy_read(view);
	if (r->policy != NULL)
		r->families = families(r->policy);
	MemoryContextSwitchTo(caller);
	return r;
}

static bool
touched(const Reading *r, const Changes *what)
{
	for (int i = 0; i < what->n; i++)
	{
		if (list_member_oid(r->families, what->relations[i]))
			return true;
	}
	return false;
}

/* As it was read last, if that holds. */
static Reading *
still(Oid view, const Changes *what)
{
	Reading		now;
	ListCell   *cell;

	foreach(cell, cache.readings)
	{
		Reading    *r = lfirst(cell);

		if (r->view != view)
			continue;
		if (what->all || r->policy == NULL || touched(r, what))
			return NULL;
		note_rows(view, &now);
		return same_row(&now.class, &r->class) && same_row(&now.rewrite, &r->rewrite) ? r : NULL;
	}
	return NULL;
}

/* ---- all of them, anew ---- */

/* In the current memory context, with what is kept of the last. */
static Cache
read_all(const Changes *what)
{
	HASHCTL		ctl = {.keysize = sizeof(Oid), .entrysize = sizeof(LhPolicyRelation), .hcxt = CurrentMemoryContext};
	Cache		next = {.mcxt = CurrentMemoryContext};
	HASH_SEQ_STATUS all;
	const LhPolicyRelation *relation;
	ListCell   *cell;

	next.relations = hash_create("lakehouse policies", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	foreach(cell, lh_hidden_all(LH_HIDDEN_POLICY))
	{
		Oid			view = lfirst_oid(cell);
		Reading    *r = still(view, what);

		if (r == NULL)
			r = read_view(view);
		next.readings = lappend(next.readings, r);
		if (r->policy == NULL)
			continue;
		next.policies = lappend(next.policies, r->policy);
		enter_policy(next.relations, r);
	}
	hash_seq_init(&all, next.relations);
	while ((relation = hash_seq_search(&all)) != NULL)
		next.bits[relation->relid % LH_POLICY_BITS / 64] |= UINT64CONST(1) << (relation->relid % 64);
	return next;
}

/* These are known from now on.  Nothing here fails. */
static void
put(const Cache *next)
{
	Cache		old = cache;
	ListCell   *cell;

	cache = *next;
	memcpy(lh_policy_bits.bits, next->bits, sizeof(next->bits));
	lh_policy_bits.none = cache.policies == NIL;
	MemoryContextSetParent(next->mcxt, TopMemoryContext);
	foreach(cell, next->readings)
		MemoryContextSetParent(((Reading *) lfirst(cell))->mcxt, TopMemoryContext);
	foreach(cell, old.readings)
	{
		if (!list_member_ptr(next->readings, lfirst(cell)))
			MemoryContextDelete(((Reading *) lfirst(cell))->mcxt);
	}
	if (old.mcxt != NULL)
		MemoryContextDelete(old.mcxt);
}

/*
 * Built beside what is known, and put in its place at the end.  What changes meanwhile is noted for the next time.  After an ERROR,
 * wherever it came from, what was known stays, but nobody relies on it: it is stale, and all views are read again.  Whatever can fail is
 * either before the noted changes are taken, or within PG_TRY.
 */
static void
read_changes(void)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext mcxt = AllocSetContextCreate(caller, "lakehouse policies", ALLOCSET_DEFAULT_SIZES);
	uint64		begun = version;
	Changes		what = changes;
	Cache		next;

	reading = true;
	PG_TRY();
	{
		changes = (Changes) {.all = false};
		MemoryContextSwitchTo(mcxt);
		next = read_all(&what);
	}
	PG_CATCH();
	{
		reading = false;
		changes.all = true;
		lh_policy_bits.stale = true;
		MemoryContextDelete(mcxt);
		PG_RE_THROW();
	}
	PG_END_TRY();
	reading = false;
	put(&next);
	MemoryContextSwitchTo(caller);
	lh_policy_bits.stale = version != begun;
	/* what was made of the last, between a change and this, is of the last */
	version++;
}

static void
load(void)
{
	/* an inner reading would free what the outer one goes on with */
	if (reading)
		elog(ERROR, "policies are asked for while they are read");
	listen();
	for (int i = 0; lh_policy_bits.stale && i < MOST_READINGS; i++)
		read_changes();
}

List *
lh_policies(void)
{
	load();
	return cache.policies;
}

const LhPolicyRelation *
lh_policy_relation_read(Oid relid)
{
	if (cache.policies == NIL)
		return NULL;
	return hash_search(cache.relations, &relid, HASH_FIND, NULL);
}

const LhPolicyRelation *
lh_policy_relation(Oid relid)
{
	if (lh_policy_bits.stale)
		load();
	return lh_policy_relation_read(relid);
}

bool
lh_policy_any_read(Oid relid)
{
	return lh_policy_relation(relid) != NULL;
}

bool
lh_policy_none_read(void)
{
	if (lh_policy_bits.stale)
		load();
	return cache.policies == NIL;
}

List *
lh_policy_relations(void)
{
	List	   *relations = NIL;
	ListCell   *cell;

	foreach(cell, lh_policies())
	{
		const LhPolicy *policy = lfirst(cell);

		if (OidIsValid(policy->relid) && policy->wrong == NULL)
			relations = list_append_unique_oid(relations, policy->relid);
	}
	return relations;
}

extern PGDLLEXPORT Datum lakehouse_policy_readings(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(lakehouse_policy_readings);

Datum
lakehouse_policy_readings(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64((int64) readings);
}

void
lh_policy_init(void)
{
	lh_hidden_init();
	lh_tags_init();
}
