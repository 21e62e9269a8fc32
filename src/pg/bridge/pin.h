/*
 * pin.h
 *		Which state of a table a statement sees: chosen at its first touch, kept to
 *		its end.
 *
 * A table format with snapshots says by one file (of metadata) what the table is.
 * What is pinned is the path of that file:
 *
 *	READ COMMITTED		for all that PostgreSQL runs with one snapshot: a statement
 *						with its sub-queries and the STABLE functions it calls, a
 *						cursor.  Statements in VOLATILE functions take snapshots of
 *						their own, and so pins of their own.
 *	REPEATABLE READ		until the transaction ends, whatever is rolled back to a
 *	and above			savepoint.
 *
 * What PostgreSQL's own snapshot decides (a catalog in this database) is pinned to that
 * snapshot in either case: then the transaction sees its own changes, and no more of them
 * when they were rolled back to a savepoint.
 *
 * Workers of parallel plans are told by their leader (parallel.h); what else runs in a
 * worker has no pins to go by.
 */
#ifndef LH_PG_BRIDGE_PIN_H
#define LH_PG_BRIDGE_PIN_H

#include "postgres.h"

#include "nodes/execnodes.h"

/* For the hook of init.c: an executor has started. */
extern void lh_pin_executor(EState *estate);

/*
 * The path that was pinned under a key; NULL: none yet.  estate NULL: outside of
 * executors there are only the transaction's pins.
 */
extern const char *lh_pin_find(EState *estate, const char *key);
/* Pin it.  Without estate only where pins are the transaction's. */
extern void lh_pin_set(EState *estate, const char *key, const char *path);
/* Pin what the snapshot of the executor decides: no longer than that is in use. */
extern void lh_pin_set_by_snapshot(EState *estate, const char *key, const char *path);

#endif
