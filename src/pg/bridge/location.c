/*
 * location.c
 *		Who may open which location.
 *
 *	1. A role with pg_read_server_files, a superuser among them, reads any
 *	   local file that the server can read.
 *	2. Any other role needs USAGE on a server with the option base_directories,
 *	   which only a superuser can set, and reads what lies below these.
 *	3. Network locations need, for any role, USAGE on a server whose
 *	   allowed_locations cover them (remote.c).
 *	4. What a catalog says of a table's place gives no right to it: it is opened
 *	   under the same rules.
 *	5. Files of a table with policies are closed to those whom these are for, by
 *	   whatever way but the table (features.h: closed_locations).
 *	6. For scans the role is the table's owner, so that GRANT SELECT suffices;
 *	   for functions it is the caller.
 *
 * The keys of encrypted files (option parquet_keys_file of the server) come with
 * USAGE on the server in the same way; those of a table with the table.
 *
 * Here it is only decided; the store enforces it when it opens a file, and
 * enters base directories without following what leads out of them.
 */
#include "pg/bridge/options.h"
#include "pg/util/features.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_foreign_server.h"
#include "commands/defrem.h"
#include "foreign/fdwapi.h"
#include "foreign/foreign.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "parquet/parquet.h"
#include "pg/bridge/catalog.h"
#include "pg/bridge/iceberg.h"
#include "pg/bridge/remote.h"

char *
lh_pg_utf8(const char *text)
{
	char	   *utf8 = pg_server_to_any(text, (int) strlen(text), PG_UTF8);

	return utf8 == text ? pstrdup(text) : utf8;
}

List *
lh_location_list(const char *location)
{
	const char *p = location;

	while (isspace((unsigned char) *p))
		p++;
	if (*p == '[')
	{
		List	   *list = lh_option_list("location", p);

		if (list != NIL)
			return list;
	}
	else if (*p != '\0')
		return list_make1(pstrdup(location));
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
			 errmsg("option \"location\" must not be empty")));
}

bool
lh_lake_is_server(const ForeignServer *server)
{
	ForeignDataWrapper *wrapper = GetForeignDataWrapper(server->fdwid);
	char	   *name = OidIsValid(wrapper->fdwhandler) ? get_func_name(wrapper->fdwhandler) : NULL;

	return name != NULL && strcmp(name, "fdw_handler") == 0 &&
		get_func_namespace(wrapper->fdwhandler) == get_namespace_oid("lakehouse", true);
}

bool
lh_lake_is_table(Oid relid)
{
	return get_rel_relkind(relid) == RELKIND_FOREIGN_TABLE &&
		lh_lake_is_server(GetForeignServer(GetForeignServerIdByRelId(relid)));
}

Oid
lh_lake_owner(Oid foreigntableid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(foreigntableid));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", foreigntableid);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/* An option of a server that a role may use; NULL: not set, or no right to it. */
static const char *
server_option(Oid roleid, Oid serverid, const char *name)
{
	ForeignServer *server;
	ListCell   *lc;

	if (!OidIsValid(serverid) || !lh_server_usage(serverid, roleid))
		return NULL;
	server = GetForeignServer(serverid);
	foreach(lc, server->options)
	{
		DefElem    *def = lfirst(lc);

		if (strcmp(def->defname, name) == 0)
			return defGetString(def);
	}
	return NULL;
}

/* A list of an option; empty when it is not set, or the role has no right to it. */
static List *
server_list(Oid roleid, Oid serverid, const char *name)
{
	const char *value = server_option(roleid, serverid, name);

	return value != NULL ? lh_option_list(name, value) : NIL;
}

LhStatus
lh_core_strings(LhCtx *ctx, List *list, const char *const **out, int *n)
{
	const char **copy;
	ListCell   *lc;

	LH_NEW_ARRAY(ctx, copy, list_length(list) + 1);
	foreach(lc, list)
	{
		copy[foreach_current_index(lc)] = lh_strdup(ctx, lh_pg_utf8(lfirst(lc)));
		if (copy[foreach_current_index(lc)] == NULL)
			return ctx->error->code;
	}
	*out = copy;
	*n = list_length(list);
	return LH_OK;
}

LhStatus
lh_server_directories(LhCtx *ctx, Oid roleid, Oid serverid, const char *name, const char *const **out, int *n)
{
	return lh_core_strings(ctx, server_list(roleid, serverid, name), out, n);
}

/*
 * Is path below dir, by its spelling?  Good enough to refuse an option early;
 * what a scan may really reach is decided at open.
 */
static bool
is_below(const char *path, const char *dir)
{
	size_t		len = strlen(dir);

	while (len > 1 && dir[len - 1] == '/')
		len--;
	if (strncmp(path, dir, len) != 0 || (path[len] != '/' && path[len] != '\0' && len > 1))
		return false;
	return strstr(path, "..") == NULL;
}

bool
lh_server_covers(Oid roleid, Oid serverid, const char *name, const char *path)
{
	ListCell   *lc;

	foreach(lc, server_list(roleid, serverid, name))
	{
		if (is_below(path, lh_pg_utf8(lfirst(lc))))
			return true;
	}
	return false;
}

/* Keys of encrypted files: the table's, else the server's for a role that may use it. */
static void
use_keys(LhCtx *ctx, Oid roleid, Oid serverid, const char *keys_file)
{
	lh_pg_use_keys(ctx, keys_file != NULL ? keys_file
				   : server_option(roleid, serverid, "parquet_keys_file"));
}

static bool
reads_any_file(Oid roleid)
{
	return superuser_arg(roleid) || has_privs_of_role(roleid, ROLE_PG_READ_SERVER_FILES);
}

/* The access lives in the arena of ctx, as the store does; options NULL: no table reads. */
static LhStatus
make_store(LhCtx *ctx, Oid roleid, Oid serverid, const LhLakeOptions *options, LhStore **out)
{
	LhAccess   *access;
	LhRemoteAccess *remote;

	LH_NEW(ctx, access);
	LH_TRY(lh_remote_access(ctx, roleid, serverid, true, &remote));
	access->remote = remote;
	access->local_any = reads_any_file(roleid);
	if (!access->local_any)
		LH_TRY(lh_server_directories(ctx, roleid, serverid, "base_directories", &access->bases, &access->nbases));
	if (lh_features.closed_locations != NULL)
		LH_TRY(lh_core_strings(ctx, lh_features.closed_locations(options != NULL ? options->relid : InvalidOid,
																 options != NULL && options->sampled),
							   &access->closed, &access->nclosed));
	return lh_store_create(ctx, access, out);
}

void
lh_lake_store(LhCtx *ctx, Oid roleid, Oid serverid, LhStore **out)
{
	use_keys(ctx, roleid, serverid, NULL);
	lh_pg_check(ctx, make_store(ctx, roleid, serverid, NULL, out));
}

LhStatus
lh_lake_try_open(LhCtx *ctx, Oid roleid, Oid serverid, const LhLakeOptions *options, LhTable **out)
{
	LhTableOptions table = options->table;
	const char *format = options->format;
	LhStore    *store;

	if (table.location == NULL && options->catalog_table != NULL)
	{
		table.location = lh_catalog_locate(ctx, roleid, serverid, NULL, options);
		if (format == NULL)
			format = lh_iceberg_name;
	}
	if (table.location == NULL)
	{
		(void) lh_fail(ctx, LH_INVALID, "the table has no location");
		lh_hint(ctx, "Set the option location of the foreign table.");
		return LH_INVALID;
	}
	use_keys(ctx, roleid, serverid, options->keys_file);
	LH_TRY(make_store(ctx, roleid, serverid, options, &store));
	lh_iceberg_use_cache();
	lh_pg_use_data_caches();
	return lh_table_open(ctx, store, lh_pg_footer_cache(), format, &table, out);
}

void
lh_lake_open(LhCtx *ctx, Oid roleid, Oid serverid, const LhLakeOptions *options, LhTable **out)
{
	lh_pg_check(ctx, lh_lake_try_open(ctx, roleid, serverid, options, out));
}

static void
check_local(Oid roleid, Oid serverid, const char *path)
{
	if (reads_any_file(roleid) || lh_server_covers(roleid, serverid, "base_directories", path))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for location \"%s\"", lh_pg_text(path)),
			 errdetail("Role \"%s\" may neither read all files of the server nor is the location below a base directory of a foreign server that it may use.",
					   GetUserNameFromId(roleid, true)),
			 errhint("Grant pg_read_server_files to the role, or have a superuser set the option base_directories of the foreign server.")));
}

void
lh_location_check(Oid roleid, Oid serverid, const char *location)
{
	MemoryContext mcxt = AllocSetContextCreate(CurrentMemoryContext, "lakehouse location", ALLOCSET_SMALL_SIZES);
	LhCtx	   *ctx = lh_pg_ctx(mcxt, 0, NULL);
	ListCell   *lc;

	foreach(lc, lh_location_list(location))
	{
		LhScheme	scheme;
		const char *path;

		lh_pg_check(ctx, lh_location_parse(ctx, lh_pg_utf8(lfirst(lc)), &scheme, &path));
		if (scheme == LH_SCHEME_LOCAL)
			check_local(roleid, serverid, path);
		else
			lh_remote_check(ctx, roleid, serverid, lh_pg_utf8(lfirst(lc)));
	}
	MemoryContextDelete(mcxt);
}
