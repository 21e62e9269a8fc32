/*
 * catalog.c
 *		The catalog of a server, and the one that is a directory.
 */
#include "pg/bridge/catalog.h"

#include "commands/defrem.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "iceberg/iceberg.h"
#include "pg/bridge/options.h"

#define DEFAULT_SCHEMA "public"
/* Seconds to wait for a connection. */
#define DEFAULT_TIMEOUT 30

/* ---- the directory ---- */

/* A name as one segment of a path that is a pattern. */
static void
append_segment(StringInfo out, const char *name, size_t len)
{
	if (len == 0 || memchr(name, '/', len) != NULL || strspn(name, ".") >= len)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("\"%s\" cannot be the name of a directory", lh_pg_text(pnstrdup(name, len)))));
	appendStringInfoChar(out, '/');
	for (size_t i = 0; i < len; i++)
	{
		if (strchr("*?[{\\", name[i]) != NULL)
			appendStringInfoChar(out, '\\');
		appendStringInfoChar(out, name[i]);
	}
}

static char *
directory_of(const LhCatalog *catalog, const char *space, const char *name)
{
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoString(&out, catalog->warehouse);
	while (out.len > 1 && out.data[out.len - 1] == '/')
		out.data[--out.len] = '\0';
	while (*space != '\0')
	{
		size_t		n = strcspn(space, ".");

		append_segment(&out, space, n);
		space += n + (space[n] == '.');
	}
	if (name != NULL)
		append_segment(&out, name, strlen(name));
	return out.data;
}

static void
load_directories(LhCatalog *catalog, List *tables)
{
	ListCell   *lc;

	foreach(lc, tables)
	{
		LhCatalogTable *t = lfirst(lc);

		t->location = directory_of(catalog, t->space, t->name);
	}
}

/* Children that are tables; others are namespaces, or nothing. */
static List *
list_directories(LhCatalog *catalog, const char *space)
{
	char	   *directory = directory_of(catalog, space, NULL);
	List	   *tables = NIL;
	LhStore    *store;
	LhList		children;

	lh_location_check(catalog->roleid, catalog->serverid, lh_pg_text(directory));
	lh_lake_store(catalog->ctx, catalog->roleid, catalog->serverid, &store);
	lh_pg_check(catalog->ctx, lh_store_children(catalog->ctx, store, directory, &children));
	for (size_t i = 0; i < children.n; i++)
	{
		const char *child = children.entries[i].path;
		size_t		len = strlen(child);
		LhCatalogTable *t;
		bool		yes;

		CHECK_FOR_INTERRUPTS();
		if (len < 2 || child[len - 1] != '/')
			continue;
		t = palloc(sizeof(LhCatalogTable));
		t->space = pstrdup(space);
		t->name = pnstrdup(child, len - 1);
		t->location = directory_of(catalog, space, t->name);
		lh_pg_check(catalog->ctx, lh_iceberg_format.detect(catalog->ctx, store, t->location, &yes));
		if (yes)
			tables = lappend(tables, t);
	}
	return tables;
}

static const LhCatalogKind directory = {"directory", list_directories, load_directories};

/* ---- of a server ---- */

static void
take_option(LhCatalog *c, const char *name, const char *value)
{
	if (strcmp(name, "catalog") == 0)
		c->kind = strcmp(value, "jdbc") == 0 ? &lh_catalog_jdbc : &directory;
	else if (strcmp(name, "warehouse") == 0)
		c->warehouse = lh_pg_utf8(value);
	else if (strcmp(name, "catalog_schema") == 0)
		c->schema = pstrdup(value);
	else if (strcmp(name, "catalog_name") == 0)
		c->name = lh_pg_utf8(value);
	else if (strcmp(name, "host") == 0)
		c->host = pstrdup(value);
	else if (strcmp(name, "port") == 0)
		c->port = pstrdup(value);
	else if (strcmp(name, "dbname") == 0)
		c->dbname = pstrdup(value);
	else if (strcmp(name, "sslmode") == 0)
		c->sslmode = pstrdup(value);
	else if (strcmp(name, "sslrootcert") == 0)
		c->sslrootcert = pstrdup(value);
	else if (strcmp(name, "connect_timeout") == 0)
		c->timeout = atoi(value);
}

LhCatalog *
lh_catalog_open(LhCtx *ctx, Oid roleid, Oid serverid, Snapshot snapshot)
{
	LhCatalog  *c;
	ForeignServer *server;
	ListCell   *lc;

	if (!OidIsValid(serverid) || !lh_server_usage(serverid, roleid))
		return NULL;
	server = GetForeignServer(serverid);
	c = palloc0(sizeof(LhCatalog));
	c->ctx = ctx;
	c->roleid = roleid;
	c->serverid = serverid;
	c->server = pstrdup(server->servername);
	c->snapshot = snapshot != NULL ? snapshot : ActiveSnapshotSet() ? GetActiveSnapshot() : NULL;
	c->schema = DEFAULT_SCHEMA;
	c->name = lh_pg_utf8(server->servername);
	c->timeout = DEFAULT_TIMEOUT;
	foreach(lc, server->options)
	{
		DefElem    *def = lfirst(lc);

		take_option(c, def->defname, defGetString(def));
	}
	if (c->kind == NULL)
		return NULL;
	c->remote = c->host != NULL || c->dbname != NULL;
	if (c->kind == &directory && c->warehouse == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_DYNAMIC_PARAMETER_VALUE_NEEDED),
				 errmsg("server \"%s\" has a catalog \"directory\" and no warehouse", c->server),
				 errhint("Set the option warehouse of the server to the directory of its tables.")));
	return c;
}

void
lh_catalog_fail_table(const LhCatalog *catalog, const char *space, const char *name)
{
	if (catalog == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_DYNAMIC_PARAMETER_VALUE_NEEDED),
				 errmsg("table \"%s\" is named by its catalog, but the server has none that may be used",
						lh_pg_text(name)),
				 errhint("Set the option catalog of the server, and grant USAGE on it to the table's owner.")));
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_TABLE),
			 errmsg("there is no table \"%s%s%s\" in the catalog of server \"%s\"", lh_pg_text(space),
					space[0] != '\0' ? "." : "", lh_pg_text(name), catalog->server),
			 catalog->kind == &lh_catalog_jdbc ?
			 errdetail("Looked for catalog_name \"%s\" in %s.iceberg_tables%s.", lh_pg_text(catalog->name),
					   quote_identifier(catalog->schema), catalog->remote ? " of the other database" : "") : 0));
}

const char *
lh_catalog_locate(LhCtx *ctx, Oid roleid, Oid serverid, Snapshot snapshot, const LhLakeOptions *options)
{
	LhCatalog  *catalog = lh_catalog_open(ctx, roleid, serverid, snapshot);
	LhCatalogTable table = {options->catalog_namespace ? options->catalog_namespace : "", options->catalog_table};

	if (catalog != NULL)
		catalog->kind->load(catalog, list_make1(&table));
	if (table.location == NULL)
		lh_catalog_fail_table(catalog, table.space, table.name);
	return table.location;
}
