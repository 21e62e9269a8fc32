/*
 * catalog.h
 *		Questions to catalogs that several features ask.
 */
#ifndef LH_PG_UTIL_CATALOG_H
#define LH_PG_UTIL_CATALOG_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/relcache.h"

/* Objects of a class that depend on the object, by pg_depend (List of Oid, each once); type: a DEPENDENCY_..., 0: any. */
extern List *lh_pg_dependents(Oid class, Oid object, Oid dependent_class, char type);

/* The attribute that a column list of COPY names; ERROR as COPY has it: generated, or none. */
extern AttrNumber lh_pg_copy_column(Relation rel, const char *name);

#endif
