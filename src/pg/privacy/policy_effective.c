/*
 * policy_effective.c
 *		What holds for a subject: of several policies one mask a column.
 *
 *	1. A relation has its own policies, those of its ancestors, and those of its descendants, with their
 *	   expressions carried over by column name.
 *	2. Those that hold for the subject are merged: the strictest mask of each column (of equals the first by name),
 *	   all filters.
 *	3. A policy of a descendant restricts, but grants nothing above: there are rows that it is not about.
 *	   What it needs and the ancestor has not is NULL, or no row.
 *	4. The result is kept by relation and subject, until policies or roles change, or a time comes that one of them is
 *	   bound to.
 *
 * Where one of these policies cannot be used, the relation is closed to all but superusers: a filter that is
 * left out shows rows.
 */
#include "pg/privacy/policy_internal.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/privacy/mask_table.h"
#include "pg/privacy/stream.h"
#include "pg/privacy/token.h"

/* Results of so many relations and subjects are kept. */
#define MOST_KEPT 1024

typedef struct Key
{
	Oid			relid;
	Oid			role;
	Oid			session;
	uint32		superuser;
} Key;

typedef struct Kept
{
	Key			key;
	bool		ready;
	TimestampTz until;
	LhEffective *effective;		/* NULL: no policy holds */
} Kept;

static MemoryContext kept_mcxt = NULL;
static HTAB *kept = NULL;
static uint64 kept_version = 0;
static char *kept_purpose = NULL;

/* A policy that has to do with a relation. */
typedef enum Kinship
{
	KIN_OWN, KIN_ANCESTOR, KIN_DESCENDANT
} Kinship;

typedef struct Contribution
{
	const LhPolicy *policy;
	Kinship		kinship;
} Contribution;

/* ---- which policies ---- */

void
lh_policy_closed(Oid relid, const LhPolicy *policy)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
			 errmsg("relation \"%s\" is closed: its policy \"%s\" cannot be used", get_rel_name(relid), policy->name),
			 errdetail("%c%s.", pg_toupper((unsigned char) policy->wrong[0]), policy->wrong + 1),
			 errhint("A policy administrator can drop the policy and make it again.")));
}

static List *
contribute(List *list, Oid relid, Kinship kinship, bool tolerant)
{
	const LhPolicyRelation *relation = lh_policy_relation_read(relid);
	ListCell   *cell;

	if (relation == NULL)
		return list;
	if (relation->wrong != NULL && !tolerant)
		lh_policy_closed(relid, relation->wrong);
	foreach(cell, relation->policies)
	{
		const LhPolicy *policy = lfirst(cell);
		Contribution *c;

		c = palloc(sizeof(Contribution));
		c->policy = policy;
		c->kinship = kinship;
		list = lappend(list, c);
	}
	return list;
}

/* Families first: policies stay where they are only while nobody asks for them to be read anew. */
static List *
contributions(Oid relid, bool tolerant)
{
	List	   *ancestors = lh_policy_ancestors(relid);
	List	   *descendants = lh_policy_descendants(relid);
	List	   *list;
	ListCell   *cell;

	(void) lh_policies();
	list = contribute(NIL, relid, KIN_OWN, tolerant);
	foreach(cell, ancestors)
		list = contribute(list, lfirst_oid(cell), KIN_ANCESTOR, tolerant);
	foreach(cell, descendants)
		list = contribute(list, lfirst_oid(cell), KIN_DESCENDANT, tolerant);
	return list;
}

static bool
claims(const List *purposes, const char *purpose)
{
	ListCell   *cell;

	foreach(cell, purposes)
		if (strcmp(lfirst(cell), purpose) == 0)
			return true;
	return false;
}

/* A time that is to come ends what we know; one that has passed is told. */
static bool
passed(TimestampTz time, TimestampTz now, TimestampTz *until)
{
	if (time <= now)
		return true;
	if (time < *until)
		*until = time;
	return false;
}

static bool
exempt(const LhPolicy *policy, const LhSubject *subject, TimestampTz now, TimestampTz *until)
{
	if (policy->except_purposes != NIL && claims(policy->except_purposes, subject->purpose))
		return true;
	if (!lh_hidden_has(policy->hidden, subject->role, LH_HIDDEN_EXCEPT))
		return false;
	if (policy->session_user && !lh_hidden_has(policy->hidden, subject->session, LH_HIDDEN_EXCEPT))
		return false;
	return !passed(policy->except_until, now, until);
}

bool
lh_policy_holds(const LhPolicy *policy, const LhSubject *subject, TimestampTz now, TimestampTz *until)
{
	if (subject->superuser && !policy->superusers)
		return false;
	if (!lh_hidden_has(policy->hidden, subject->role, LH_HIDDEN_FOR) &&
		!(policy->session_user && lh_hidden_has(policy->hidden, subject->session, LH_HIDDEN_FOR)))
		return false;
	if (policy->purposes != NIL && !claims(policy->purposes, subject->purpose))
		return false;
	if (exempt(policy, subject, now, until))
		return false;
	return !passed(policy->until, now, until);
}

/* ---- merged ---- */

typedef struct Merge
{
	Oid			relid;
	List	   *columns;		/* of Merged */
	List	   *filters;
	List	   *filtering;
} Merge;

typedef struct Merged
{
	LhColumnPolicy column;
	int			strength;
} Merged;

static Merged *
merged_column(Merge *merge, AttrNumber attnum)
{
	Merged	   *made;
	ListCell   *cell;

	foreach(cell, merge->columns)
	{
		Merged	   *m = lfirst(cell);

		if (m->column.attnum == attnum)
			return m;
	}
	made = palloc0(sizeof(Merged));
	made->column.attnum = attnum;
	made->strength = -1;
	made->column.writable = true;
	merge->columns = lappend(merge->columns, made);
	return made;
}

static Node *
null_of(Oid relid, AttrNumber attnum)
{
	Oid			type,
				collation;
	int32		typmod;

	get_atttypetypmodcoll(relid, attnum, &type, &typmod, &collation);
	return (Node *) makeNullConst(type, typmod, collation);
}

static void
merge_column(Merge *merge, const Contribution *c, const LhPolicyColumn *column)
{
	AttrNumber	attnum = lh_policy_map_column(c->policy->relid, column->attnum, merge->relid);
	Node	   *mask;
	Merged	   *m;
	int			strength = column->strength;

	if (attnum == InvalidAttrNumber)
		return;
	/* that a descendant's column may be read says nothing about ours */
	if (c->kinship == KIN_DESCENDANT && column->mask == NULL)
		return;
	m = merged_column(merge, attnum);
	if (c->kinship != KIN_DESCENDANT)
		m->column.granted = true;
	/* of each that masks it, not only of the strictest */
	if (column->mask != NULL && (c->policy->writes == NULL || strcmp(c->policy->writes, "allow") != 0))
		m->column.writable = false;
	if (m->strength > strength || (m->strength == strength && strcmp(m->column.policy, c->policy->name) <= 0))
		return;
	mask = NULL;
	if (column->mask != NULL && (mask = lh_policy_map((Node *) column->mask, c->policy->relid, merge->relid)) == NULL)
	{
		mask = null_of(merge->relid, attnum);
		strength = LH_STRENGTH_NULL;
	}
	m->column.mask = (Expr *) mask;
	m->column.policy = c->policy->name;
	m->strength = strength;
}

static void
merge_contribution(Merge *merge, const Contribution *c)
{
	ListCell   *cell;

	foreach(cell, c->policy->columns)
		merge_column(merge, c, lfirst(cell));
	if (c->policy->filter != NULL)
	{
		Node	   *filter = lh_policy_map((Node *) c->policy->filter, c->policy->relid, merge->relid);

		/* the column it needs is not here, so no row is known to be visible */
		if (filter == NULL)
			filter = makeBoolConst(false, false);
		merge->filters = lappend(merge->filters, filter);
		merge->filtering = lappend(merge->filtering, unconstify(char *, c->policy->name));
	}
}

/* A mask as the planner gets it: of the column's very type, keyed masks as what computes them. */
static Expr *
ready_mask(Expr *mask, Oid relid, AttrNumber attnum)
{
	Oid			type,
				collation;
	int32		typmod;

	if (mask == NULL)
		return NULL;
	get_atttypetypmodcoll(relid, attnum, &type, &typmod, &collation);
	mask = lh_mask_executing(mask);
	return (Expr *) applyRelabelType((Node *) mask, type, typmod, collation, COERCE_IMPLICIT_CAST, -1, false);
}

static int
by_attnum(const ListCell *a, const ListCell *b)
{
	return ((const LhColumnPolicy *) lfirst(a))->attnum - ((const LhColumnPolicy *) lfirst(b))->attnum;
}

static uint64
stamp_of(const LhEffective *effective)
{
	uint64		stamp = 0;
	ListCell   *cell;

	foreach(cell, effective->columns)
	{
		const LhColumnPolicy *column = lfirst(cell);
		char	   *text = nodeToString(column->mask);

		stamp = hash_bytes_extended((unsigned char *) text, (int) strlen(text),
									hash_combine64(stamp, (uint64) column->attnum * 4 + column->granted * 2 + column->writable));
	}
	foreach(cell, effective->filters)
	{
		char	   *text = nodeToString(lfirst(cell));

		stamp = hash_bytes_extended((unsigned char *) text, (int) strlen(text), stamp + 1);
	}
	return stamp;
}

static LhEffective *
finish(Merge *merge, TimestampTz until)
{
	LhEffective *effective;
	ListCell   *cell;

	effective = palloc0(sizeof(LhEffective));
	effective->relid = merge->relid;
	effective->filters = merge->filters;
	effective->filtering = merge->filtering;
	effective->until = until;
	foreach(cell, merge->columns)
	{
		LhColumnPolicy *column = &((Merged *) lfirst(cell))->column;

		column->mask = ready_mask(column->mask, merge->relid, column->attnum);
		column->writable &= column->mask != NULL;
		effective->columns = lappend(effective->columns, column);
	}
	list_sort(effective->columns, by_attnum);
	effective->stamp = stamp_of(effective);
	return effective;
}

static LhEffective *
merge_for(Oid relid, const LhSubject *subject, TimestampTz *until)
{
	Merge		merge = {.relid = relid};
	TimestampTz now = GetCurrentTimestamp();
	bool		any = false;
	ListCell   *cell;

	*until = DT_NOEND;
	foreach(cell, contributions(relid, subject->superuser))
	{
		const Contribution *c = lfirst(cell);

		if (!lh_policy_holds(c->policy, subject, now, until))
			continue;
		merge_contribution(&merge, c);
		any = true;
	}
	return any ? finish(&merge, *until) : NULL;
}

/* ---- kept ---- */

static void
forget(void)
{
	MemoryContext old = kept_mcxt;

	kept = NULL;
	kept_mcxt = NULL;
	kept_purpose = NULL;
	if (old != NULL)
		MemoryContextDelete(old);
}

/* Results are of one purpose: sessions claim one and stay with it. */
static void
prepare(const char *purpose)
{
	HASHCTL		ctl = {.keysize = sizeof(Key), .entrysize = sizeof(Kept)};

	if (kept != NULL && kept_version == lh_policy_version() && strcmp(kept_purpose, purpose) == 0 &&
		hash_get_num_entries(kept) < MOST_KEPT)
		return;
	forget();
	kept_mcxt = AllocSetContextCreate(TopMemoryContext, "lakehouse effective policies", ALLOCSET_DEFAULT_SIZES);
	kept_purpose = MemoryContextStrdup(kept_mcxt, purpose);
	ctl.hcxt = kept_mcxt;
	kept_version = lh_policy_version();
	kept = hash_create("lakehouse effective policies", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

const LhEffective *
lh_policy_effective(Oid relid, const LhSubject *subject)
{
	Key			key;
	Kept	   *entry;
	bool		found;
	MemoryContext caller;
	TimestampTz until;
	LhEffective *effective;

	if (subject->integrity || !lh_policy_any(relid))
		return NULL;
	prepare(subject->purpose);
	memset(&key, 0, sizeof(key));
	key.relid = relid;
	key.role = subject->role;
	key.session = subject->session;
	key.superuser = subject->superuser;
	entry = hash_search(kept, &key, HASH_FIND, NULL);
	if (entry != NULL && entry->ready && (entry->until == DT_NOEND || GetCurrentTimestamp() < entry->until))
		return entry->effective;

	caller = MemoryContextSwitchTo(kept_mcxt);
	effective = merge_for(relid, subject, &until);
	MemoryContextSwitchTo(caller);
	entry = hash_search(kept, &key, HASH_ENTER, &found);
	entry->effective = effective;
	entry->until = until;
	entry->ready = true;
	return effective;
}

const LhColumnPolicy *
lh_policy_column(const LhEffective *effective, AttrNumber attnum)
{
	ListCell   *cell;

	if (effective == NULL)
		return NULL;
	foreach(cell, effective->columns)
	{
		const LhColumnPolicy *column = lfirst(cell);

		if (column->attnum == attnum)
			return column;
	}
	return NULL;
}

/* In CurrentMemoryContext. */
const LhColumnPolicy *
lh_policy_strictest(Oid relid, AttrNumber attnum)
{
	Merge		merge = {.relid = relid};
	ListCell   *cell;

	if (!lh_policy_any(relid))
		return NULL;
	foreach(cell, contributions(relid, false))
		merge_contribution(&merge, lfirst(cell));
	foreach(cell, merge.columns)
	{
		LhColumnPolicy *column = &((Merged *) lfirst(cell))->column;

		if (column->attnum != attnum || column->mask == NULL)
			continue;
		column->mask = ready_mask(column->mask, relid, attnum);
		return column;
	}
	return NULL;
}

/* ---- for streams ---- */

/* Why the relation is closed to everybody; NULL: it is not. */
static const char *
closed_by(Oid relid)
{
	List	   *family = lcons_oid(relid, list_concat(lh_policy_ancestors(relid), lh_policy_descendants(relid)));
	ListCell   *cell;

	(void) lh_policies();
	foreach(cell, family)
	{
		const LhPolicyRelation *relation = lh_policy_relation_read(lfirst_oid(cell));

		if (relation != NULL && relation->wrong != NULL)
			return psprintf("its policy \"%s\" cannot be used: %s", relation->wrong->name, relation->wrong->wrong);
	}
	return NULL;
}

/* Columns that no policy of the subject's is about are masked as for others. */
static void
merge_others(Merge *held, const Merge *others)
{
	ListCell   *cell;

	foreach(cell, others->columns)
	{
		const Merged *m = lfirst(cell);
		ListCell   *other;
		bool		there = false;

		foreach(other, held->columns)
			there |= ((const Merged *) lfirst(other))->column.attnum == m->column.attnum;
		if (!there && m->column.mask != NULL)
			held->columns = lappend(held->columns, (void *) m);
	}
}

LhEffective *
lh_policy_streamed(Oid relid, const LhSubject *subject, TimestampTz *until, const char **closed)
{
	Merge		held = {.relid = relid};
	Merge		others = {.relid = relid};
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz least = DT_NOEND;
	bool		any = false;
	LhEffective *effective;
	ListCell   *cell;

	*closed = NULL;
	if (!lh_policy_any(relid) || (*closed = closed_by(relid)) != NULL)
		return NULL;
	foreach(cell, contributions(relid, true))
	{
		const Contribution *c = lfirst(cell);

		if (lh_policy_holds(c->policy, subject, now, &least))
		{
			merge_contribution(&held, c);
			any = true;
		}
		else if (!exempt(c->policy, subject, now, &least))
			merge_contribution(&others, c);
	}
	merge_others(&held, &others);
	if (!any)
		held.filters = others.filters;
	effective = finish(&held, least);
	*until = Min(*until, least);
	/* definitions may be read anew while the result is used */
	foreach(cell, effective->columns)
	{
		LhColumnPolicy *column = lfirst(cell);

		column->policy = pstrdup(column->policy);
	}
	return effective;
}
