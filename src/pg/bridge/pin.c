/*
 * pin.c
 *		Pins of statements and of transactions.
 *
 * A scope is a list of pins that lives in the query context of an executor.  The
 * hook makes one for each executor whose snapshot has none yet, so that what a
 * STABLE function pins lives as long as the statement that calls it.  Scopes are
 * found by the address of the snapshot: executors keep theirs registered, and
 * share the very same one exactly when they see the same data.  With REPEATABLE READ
 * scopes are made at need: they hold only what the snapshot decides, so that a second
 * look would find the same.
 *
 * A scope goes with its query context, by a callback.  Should an aborted
 * executor's snapshot be gone before its context is, another snapshot could get
 * the address: so the snapshot's content is compared, too.
 */
#include "pg/bridge/pin.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/snapshot.h"

typedef struct Pin
{
	char	   *key;
	char	   *path;
	struct Pin *next;
} Pin;

typedef struct Scope
{
	Snapshot	snapshot;
	TransactionId xmin,
				xmax;
	CommandId	curcid;
	uint32		xcnt;
	MemoryContext mcxt;
	Pin		   *pins;
	struct Scope *next;
	MemoryContextCallback forget;
} Scope;

static Scope *scopes;
static Scope only;				/* the first of them: in use while there are any */
static Pin *transaction_pins;	/* in TopTransactionContext */

/* ---- scopes ---- */

static void
forget_scope(void *arg)
{
	for (Scope **p = &scopes; *p != NULL; p = &(*p)->next)
	{
		if (*p == arg)
		{
			*p = (*p)->next;
			return;
		}
	}
}

static Scope *
find_scope(Snapshot snapshot)
{
	for (Scope *s = scopes; s != NULL; s = s->next)
	{
		if (s->snapshot == snapshot && s->xmin == snapshot->xmin && s->xmax == snapshot->xmax &&
			s->curcid == snapshot->curcid && s->xcnt == snapshot->xcnt)
			return s;
	}
	return NULL;
}

static Scope *
scope_of(EState *estate)
{
	Snapshot	snapshot = estate->es_snapshot;
	Scope	   *s = snapshot != NULL ? find_scope(snapshot) : NULL;

	if (s != NULL || snapshot == NULL)
		return s;
	/* most statements are the only one: no memory is asked for */
	s = scopes == NULL ? &only : MemoryContextAlloc(estate->es_query_cxt, sizeof(Scope));
	memset(s, 0, sizeof(Scope));
	s->snapshot = snapshot;
	s->xmin = snapshot->xmin;
	s->xmax = snapshot->xmax;
	s->curcid = snapshot->curcid;
	s->xcnt = snapshot->xcnt;
	s->mcxt = estate->es_query_cxt;
	s->next = scopes;
	s->forget.func = forget_scope;
	s->forget.arg = s;
	MemoryContextRegisterResetCallback(estate->es_query_cxt, &s->forget);
	scopes = s;
	return s;
}

void
lh_pin_executor(EState *estate)
{
	if (!IsParallelWorker() && !IsolationUsesXactSnapshot())
		(void) scope_of(estate);
}

/* ---- pins ---- */

static const char *
find(const Pin *pins, const char *key)
{
	for (const Pin *p = pins; p != NULL; p = p->next)
	{
		if (strcmp(p->key, key) == 0)
			return p->path;
	}
	return NULL;
}

static void
add(Pin **pins, MemoryContext mcxt, const char *key, const char *path)
{
	Pin		   *p = MemoryContextAlloc(mcxt, sizeof(Pin));

	p->key = MemoryContextStrdup(mcxt, key);
	p->path = MemoryContextStrdup(mcxt, path);
	p->next = *pins;
	*pins = p;
}

static void
forget_transaction(void *arg)
{
	transaction_pins = NULL;
}

const char *
lh_pin_find(EState *estate, const char *key)
{
	const char *path = IsolationUsesXactSnapshot() ? find(transaction_pins, key) : NULL;
	Scope	   *s = path == NULL && estate != NULL ? scope_of(estate) : NULL;

	return s != NULL ? find(s->pins, key) : path;
}

void
lh_pin_set_by_snapshot(EState *estate, const char *key, const char *path)
{
	Scope	   *s = scope_of(estate);

	if (s != NULL)
		add(&s->pins, s->mcxt, key, path);
}

void
lh_pin_set(EState *estate, const char *key, const char *path)
{
	if (IsolationUsesXactSnapshot())
	{
		if (transaction_pins == NULL)
		{
			MemoryContextCallback *forget = MemoryContextAllocZero(TopTransactionContext,
																   sizeof(MemoryContextCallback));

			forget->func = forget_transaction;
			MemoryContextRegisterResetCallback(TopTransactionContext, forget);
		}
		add(&transaction_pins, TopTransactionContext, key, path);
		return;
	}
	if (estate != NULL)
		lh_pin_set_by_snapshot(estate, key, path);
}
