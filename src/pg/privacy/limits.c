/*
 * limits.c
 *		How many values a role may tokenize, detokenize, encrypt, decrypt, index or search for in a while.
 *
 * A limit is part of a domain's definition (lakehouse.domain_limit).  What was spent is counted in shared memory, by database, domain, right and
 * role: for all sessions of the role together, and for each server by itself.  It is spent when it is asked for, also
 * when the statement fails later.
 *
 * Counted is in windows that slide: of the window before the present one the part that is less than a window ago.  With w the length, b what was
 * spent in the window before, u in this one, and t how far this one is, u + b * (w - t) / w is never above the limit.
 *
 * Without preloading there is no such memory: a domain with limits is then not usable.
 */
#include "pg/privacy/domain_state.h"

#include <math.h>

#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "pg/privacy/limits.h"

/* Counts at a time; those that mean nothing any more make room. */
#define MOST_COUNTS 8192

typedef struct Key
{
	Oid			database;
	Oid			view;			/* of the domain */
	Oid			role;
	uint32		right;			/* its place */
} Key;

typedef struct Count
{
	Key			key;
	TimestampTz start;			/* of the present window */
	int64		window;			/* its length */
	uint64		used,			/* in it */
				before;			/* in the one before */
} Count;

static HTAB *counts;
static LWLock *lock;

void
lh_limits_request(void)
{
	RequestAddinShmemSpace(hash_estimate_size(MOST_COUNTS, sizeof(Count)));
	RequestNamedLWLockTranche("lakehouse limits", 1);
}

void
lh_limits_startup(void)
{
	HASHCTL		info = {.keysize = sizeof(Key), .entrysize = sizeof(Count)};

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	counts = ShmemInitHash("lakehouse limits", MOST_COUNTS, MOST_COUNTS, &info, HASH_ELEM | HASH_BLOBS);
	lock = &GetNamedLWLockTranche("lakehouse limits")->lock;
	LWLockRelease(AddinShmemInitLock);
}

/* ---- counting ---- */

/* Windows that are over become the one before, or nothing. */
static void
slide(Count *c, TimestampTz now)
{
	int64		gone = now - c->start;

	/* somebody else looked at the clock after us, or it was set back: nothing is forgotten for that */
	if (gone < 0)
		c->start = now;
	if (gone < c->window)
		return;
	c->before = gone < 2 * c->window ? c->used : 0;
	c->used = 0;
	c->start = gone < 2 * c->window ? c->start + c->window : now;
}

/* now is in the present window (slide). */
static uint64
spent(const Count *c, TimestampTz now)
{
	/* a part of a value is a value: with a limit of 1 there would be another one as soon as a window ends */
	return c->used + (uint64) ceil((double) c->before * (double) (c->window - (now - c->start)) / (double) c->window);
}

/* What would be nothing by now. */
static void
make_room(TimestampTz now)
{
	HASH_SEQ_STATUS all;
	Count	   *c;

	hash_seq_init(&all, counts);
	while ((c = hash_seq_search(&all)) != NULL)
	{
		if (now - c->start >= 2 * c->window)
			(void) hash_search(counts, &c->key, HASH_REMOVE, NULL);
	}
}

/* The lock is held.  NULL: there is no room. */
static Count *
count_of(const Key *key, int64 window, TimestampTz now)
{
	Count	   *c = hash_search(counts, key, HASH_FIND, NULL);

	if (c == NULL)
	{
		if (hash_get_num_entries(counts) >= MOST_COUNTS)
			make_room(now);
		if (hash_get_num_entries(counts) >= MOST_COUNTS || (c = hash_search(counts, key, HASH_ENTER_NULL, NULL)) == NULL)
			return NULL;
		c->used = c->before = 0;
		c->start = now;
		c->window = window;
	}
	/* a limit per another time begins anew */
	if (c->window != window)
	{
		c->used = c->before = 0;
		c->start = now;
		c->window = window;
	}
	slide(c, now);
	return c;
}

static void __attribute__((noreturn))
refuse(const LhDomain *domain, int i, Oid role, bool room)
{
	const LhDomainLimit *limit = &domain->limits[i];

	if (!room)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("limits of token domain \"%s\" cannot be counted", NameStr(domain->name)),
				 errdetail("There are counts of %d roles and domains already.", MOST_COUNTS)));
	ereport(ERROR,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("limit of token domain \"%s\" is reached", NameStr(domain->name)),
			 errdetail("Role \"%s\" may %s " INT64_FORMAT " values in " INT64_FORMAT " seconds there.",
					   GetUserNameFromId(role, true), lh_domain_right_names[i], limit->values, limit->window / USECS_PER_SEC),
			 errhint("Wait, or have a policy administrator set another limit (lakehouse.domain_limit).")));
}

void
lh_domain_spend_slow(const LhDomain *domain, LhDomainRight right, uint64 n)
{
	int			i = lh_domain_right_place(right);
	const LhDomainLimit *limit = &domain->limits[i];
	LhSubject	subject = lh_subject();
	Key			key = {MyDatabaseId, domain->hidden->view, subject.role, (uint32) i};
	TimestampTz now = GetCurrentTimestamp();
	Count	   *c;
	bool		room,
				fits = false;

	if (counts == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("token domain \"%s\" has limits, which need lakehouse in shared_preload_libraries", NameStr(domain->name))));
	LWLockAcquire(lock, LW_EXCLUSIVE);
	c = count_of(&key, limit->window, now);
	room = c != NULL;
	if (room && n <= (uint64) limit->values && spent(c, now) <= (uint64) limit->values - n)
	{
		c->used += n;
		fits = true;
	}
	LWLockRelease(lock);
	if (!fits)
		refuse(domain, i, subject.role, room);
}

/* ---- lakehouse.domain_limit_status ---- */

extern PGDLLEXPORT Datum lakehouse_domain_limit_status(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(lakehouse_domain_limit_status);

static void
put_count(ReturnSetInfo *result, const Count *c, TimestampTz now)
{
	char	   *domain = get_rel_name(c->key.view);
	char	   *role = GetUserNameFromId(c->key.role, true);
	Datum		values[5];
	bool		nulls[5] = {false, false, role == NULL};
	Count		present = *c;

	/* dropped since */
	if (domain == NULL)
		return;
	slide(&present, now);
	values[0] = CStringGetTextDatum(domain);
	values[1] = CStringGetTextDatum(lh_domain_right_names[c->key.right]);
	values[2] = role != NULL ? CStringGetTextDatum(role) : (Datum) 0;
	values[3] = Int64GetDatum((int64) spent(&present, now));
	values[4] = TimestampTzGetDatum(present.start);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

Datum
lakehouse_domain_limit_status(PG_FUNCTION_ARGS)
{
	HASH_SEQ_STATUS all;
	TimestampTz now = GetCurrentTimestamp();
	Count	   *copy;
	Count	   *c;
	int			n = 0;

	if (!lh_right_has(LH_RIGHT_AUDITOR, GetUserId()))
		lh_right_require(LH_RIGHT_POLICY_ADMIN, "to look at limits of token domains");
	InitMaterializedSRF(fcinfo, 0);
	if (counts == NULL)
		return (Datum) 0;
	copy = palloc(MOST_COUNTS * sizeof(Count));
	LWLockAcquire(lock, LW_SHARED);
	hash_seq_init(&all, counts);
	while ((c = hash_seq_search(&all)) != NULL)
	{
		if (c->key.database == MyDatabaseId && n < MOST_COUNTS)
			copy[n++] = *c;
	}
	LWLockRelease(lock);
	for (int i = 0; i < n; i++)
		put_count((ReturnSetInfo *) fcinfo->resultinfo, &copy[i], now);
	return (Datum) 0;
}
