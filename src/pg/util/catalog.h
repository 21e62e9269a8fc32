/*
 * catalog.h
 *		Questions to catalogs that several features ask.
 */
#ifndef LH_PG_UTIL_CATALOG_H
#define LH_PG_UTIL_CATALOG_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/relcache.h"
#include "utils/snapshot.h"

/* Objects of a class that depend on the object, by pg_depend (List of Oid, each once); type: a DEPENDENCY_..., 0: any. */
extern List *lh_pg_dependents(Oid class, Oid object, Oid dependent_class, char type);

/* The attribute that a column list of COPY names; ERROR as COPY has it: generated, or none. */
extern AttrNumber lh_pg_copy_column(Relation rel, const char *name);

/*
 * Some transactions have committed, for ever, and yet no snapshot of now sees them: their sessions wait for a synchronous standby
 * before they tell others.  A snapshot that sees these as well, registered; NULL: there are none, or this is a standby.
 */
extern Snapshot lh_pg_snapshot_of_committed(void);
/* Whoever reads the catalog of now by lh_pg_catalog_now has it from this one, until it is taken back (NULL). */
extern void lh_pg_set_catalog_now(Snapshot snapshot);
extern Snapshot lh_pg_catalog_now(Oid relid);

#endif
