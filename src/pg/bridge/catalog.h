/*
 * catalog.h
 *		Catalogs: who knows which tables there are, and where each is now.
 *
 * A server with the option "catalog" has one; its foreign tables name a table
 * there (options namespace and table_name) in place of a location.
 *
 *	directory	a table of namespace "a.b" is the directory a/b/table of the
 *				server's warehouse
 *	jdbc		the tables iceberg_tables and iceberg_namespace_properties that
 *				Iceberg's JDBC catalogs share, in this database (catalog_jdbc.c), or, when
 *				the server has the options host or dbname, in another PostgreSQL
 *				(catalog_remote.c)
 *
 * All that a catalog says is read with the rights of one role: in this database
 * its privileges, in another one its user mapping.  Commits are to come as a third
 * member of the interface.
 */
#ifndef LH_PG_BRIDGE_CATALOG_H
#define LH_PG_BRIDGE_CATALOG_H

#include "pg/bridge/bridge.h"

#include "utils/snapshot.h"

typedef struct LhCatalogTable
{
	const char *space;			/* namespace: parts with dots between, UTF-8; "": the root */
	const char *name;			/* UTF-8 */
	const char *location;		/* where it is: metadata file, or directory; NULL: there is no such table */
} LhCatalogTable;

typedef struct LhCatalog LhCatalog;

typedef struct LhCatalogKind
{
	const char *name;
	/* Tables of a namespace (List of LhCatalogTable), by name.  Raises when there is no such namespace. */
	List	   *(*list) (LhCatalog *catalog, const char *space);
	/* Sets the locations of tables, all of one moment. */
	void		(*load) (LhCatalog *catalog, List *tables);
} LhCatalogKind;

struct LhCatalog
{
	const LhCatalogKind *kind;
	LhCtx	   *ctx;
	Oid			roleid;
	Oid			serverid;
	char	   *server;			/* its name */
	Snapshot	snapshot;		/* of look-ups in this database */
	const char *warehouse;		/* of directory; UTF-8 */
	const char *schema;			/* of jdbc */
	const char *name;			/* value of catalog_name */
	bool		remote;			/* in another PostgreSQL */
	const char *host,			/* NULL: libpq's default */
			   *port,
			   *dbname,
			   *sslmode,
			   *sslrootcert;
	int			timeout;		/* seconds to connect */
};

/*
 * The catalog of a server for a role that may use it; memory is the current
 * context's.  NULL: the server has none, or the role has no right to it.
 * snapshot NULL: the active one.
 */
extern LhCatalog *lh_catalog_open(LhCtx *ctx, Oid roleid, Oid serverid, Snapshot snapshot);

/* A single table's location; raises when there is none. */
extern const char *lh_catalog_locate(LhCtx *ctx, Oid roleid, Oid serverid, Snapshot snapshot,
									 const LhLakeOptions *options);
/* Raise that a catalog does not have a table, or is none at all (catalog NULL). */
extern void lh_catalog_fail_table(const LhCatalog *catalog, const char *space, const char *name)
			__attribute__((noreturn));

/* ---- between catalog.c, catalog_jdbc.c and catalog_remote.c ---- */

extern const LhCatalogKind lh_catalog_jdbc;

/*
 * Rows of a query with text parameters, each a palloc'd array of ncols strings or
 * NULLs, in UTF-8.
 */
extern List *lh_catalog_query_remote(LhCatalog *catalog, const char *sql, int nparams,
									 const char *const *params, int ncols);

#endif
