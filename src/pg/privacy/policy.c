/*
 * policy.c
 *		Policies read from their definitions, once in a backend.
 *
 *	1. All views of schema lakehouse_policies are read, vetted and kept, with a table of relations: those that
 *	   policies are bound to, and their ancestors and descendants.
 *	2. What is not in the table has nothing to do with policies: that is the answer for nearly all
 *	   relations of nearly all queries, and costs a look into a hash table.
 *	3. A change of a definition (hidden_watch.c), or of a relation in the table (a column renamed, a partition
 *	   attached), makes all of it stale; it is read again when somebody asks.  Callbacks
 *	   themselves only set flags.
 *
 * A policy that cannot be used is kept with the reason: its relation is closed (policy_effective.c).
 */
#include "pg/privacy/policy_internal.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

/* So often is reading begun anew because something changed meanwhile; after that the next call goes on. */
#define MOST_READINGS 5

typedef struct Cache
{
	MemoryContext mcxt;
	List	   *policies;
	HTAB	   *relations;		/* of LhPolicyRelation */
} Cache;

static Cache cache;
LhPolicyBits lh_policy_bits = {.stale = true};
static bool reading = false;
static bool listening = false;
static uint64 version = 1;

/* ---- changes ---- */

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

/* While we read, the table is not there yet that would tell which relations matter. */
static void
relation_changed(Datum arg, Oid relid)
{
	if (reading || !OidIsValid(relid) ||
		(cache.relations != NULL && hash_search(cache.relations, &relid, HASH_FIND, NULL) != NULL))
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
enter(Oid relid)
{
	bool		found;
	LhPolicyRelation *relation = hash_search(cache.relations, &relid, HASH_ENTER, &found);

	if (!found)
	{
		relation->policies = NIL;
		relation->wrong = NULL;
	}
	lh_policy_bits.bits[relid % LH_POLICY_BITS / 64] |= UINT64CONST(1) << (relid % 64);
	return relation;
}

static void
enter_family(Oid relid)
{
	ListCell   *cell;

	foreach(cell, lh_policy_ancestors(relid))
		(void) enter(lfirst_oid(cell));
	foreach(cell, lh_policy_descendants(relid))
		(void) enter(lfirst_oid(cell));
}

static void
enter_policy(LhPolicy *policy)
{
	LhPolicyRelation *relation = enter(policy->relid);

	relation->policies = lappend(relation->policies, policy);
	enter_family(policy->relid);
}

/* It closes all that it may have been about. */
static void
enter_wrong(LhPolicy *policy)
{
	ListCell   *cell;

	foreach(cell, list_append_unique_oid(list_copy(policy->hidden->named), policy->relid))
	{
		if (!OidIsValid(lfirst_oid(cell)))
			continue;
		enter(lfirst_oid(cell))->wrong = policy;
		enter_family(lfirst_oid(cell));
	}
}

static void
read_all(void)
{
	HASHCTL		ctl = {.keysize = sizeof(Oid), .entrysize = sizeof(LhPolicyRelation), .hcxt = CurrentMemoryContext};
	ListCell   *cell;

	cache.relations = hash_create("lakehouse policies", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	foreach(cell, lh_hidden_all(LH_HIDDEN_POLICY))
	{
		LhPolicy   *policy;

		CHECK_FOR_INTERRUPTS();
		policy = lh_policy_read(lfirst_oid(cell));
		if (policy == NULL)
			continue;
		cache.policies = lappend(cache.policies, policy);
		if (policy->wrong != NULL)
			enter_wrong(policy);
		else if (OidIsValid(policy->relid))
			enter_policy(policy);
	}
}

static void
forget(void)
{
	MemoryContext old = cache.mcxt;

	/* first, so that a callback or an ERROR meanwhile finds nothing half gone */
	cache = (Cache) {0};
	lh_policy_bits = (LhPolicyBits) {.stale = true};
	if (old != NULL)
		MemoryContextDelete(old);
}

static void
load(void)
{
	listen();
	for (int i = 0; lh_policy_bits.stale && i < MOST_READINGS; i++)
	{
		MemoryContext caller = CurrentMemoryContext;
		uint64		begun = version;

		forget();
		cache.mcxt = AllocSetContextCreate(TopMemoryContext, "lakehouse policies", ALLOCSET_DEFAULT_SIZES);
		MemoryContextSwitchTo(cache.mcxt);
		reading = true;
		read_all();
		reading = false;
		MemoryContextSwitchTo(caller);
		lh_policy_bits.none = cache.policies == NIL;
		lh_policy_bits.stale = version != begun;
	}
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

void
lh_policy_init(void)
{
	lh_hidden_init();
	lh_tags_init();
}
