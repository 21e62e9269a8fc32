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
 *	4. For scans the role is the table's owner, so that GRANT SELECT suffices;
 *	   for functions it is the caller.
 *
 * The keys of encrypted files (option parquet_keys_file of the server) come with
 * USAGE on the server in the same way; those of a table with the table.
 *
 * Here it is only decided; the store enforces it when it opens a file, and
 * enters base directories without following what leads out of them.
 */
#include "pg/bridge/options.h"

#include "catalog/pg_authid.h"
#include "catalog/pg_foreign_server.h"
#include "commands/defrem.h"
#include "foreign/foreign.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/memutils.h"

#include "parquet/parquet.h"
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

/* Base directories that a role may enter by a server. */
static List *
base_directories(Oid roleid, Oid serverid)
{
	const char *value = server_option(roleid, serverid, "base_directories");

	return value != NULL ? lh_option_list("base_directories", value) : NIL;
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

/* The access lives in the arena of ctx, as the store does. */
static LhStatus
make_store(LhCtx *ctx, Oid roleid, Oid serverid, LhStore **out)
{
	LhAccess   *access;
	LhRemoteAccess *remote;
	List	   *bases = NIL;
	const char **copy;
	ListCell   *lc;

	LH_NEW(ctx, access);
	LH_TRY(lh_remote_access(ctx, roleid, serverid, true, &remote));
	access->remote = remote;
	access->local_any = reads_any_file(roleid);
	if (!access->local_any)
		bases = base_directories(roleid, serverid);
	LH_NEW_ARRAY(ctx, copy, list_length(bases) + 1);
	foreach(lc, bases)
	{
		char	   *dir = lh_strdup(ctx, lh_pg_utf8(lfirst(lc)));

		if (dir == NULL)
			return ctx->error->code;
		copy[access->nbases++] = dir;
	}
	access->bases = copy;
	return lh_store_create(ctx, access, out);
}

void
lh_lake_store(LhCtx *ctx, Oid roleid, Oid serverid, LhStore **out)
{
	use_keys(ctx, roleid, serverid, NULL);
	lh_pg_check(ctx, make_store(ctx, roleid, serverid, out));
}

LhStatus
lh_lake_try_open(LhCtx *ctx, Oid roleid, Oid serverid, const LhLakeOptions *options, LhTable **out)
{
	LhStore    *store;

	if (options->table.location == NULL)
	{
		(void) lh_fail(ctx, LH_INVALID, "the table has no location");
		lh_hint(ctx, "Set the option location of the foreign table.");
		return LH_INVALID;
	}
	use_keys(ctx, roleid, serverid, options->keys_file);
	LH_TRY(make_store(ctx, roleid, serverid, &store));
	return lh_table_open(ctx, store, lh_pg_footer_cache(), options->format, &options->table, out);
}

void
lh_lake_open(LhCtx *ctx, Oid roleid, Oid serverid, const LhLakeOptions *options, LhTable **out)
{
	lh_pg_check(ctx, lh_lake_try_open(ctx, roleid, serverid, options, out));
}

/*
 * Is path below dir, by its spelling?  Good enough to refuse an option early;
 * what a scan may really reach is decided at open.
 */
bool
lh_path_is_below(const char *path, const char *dir)
{
	size_t		len = strlen(dir);

	while (len > 1 && dir[len - 1] == '/')
		len--;
	if (strncmp(path, dir, len) != 0 || (path[len] != '/' && path[len] != '\0' && len > 1))
		return false;
	return strstr(path, "..") == NULL;
}

static void
check_local(Oid roleid, Oid serverid, const char *path)
{
	ListCell   *lc;

	if (reads_any_file(roleid))
		return;
	foreach(lc, base_directories(roleid, serverid))
	{
		if (lh_path_is_below(path, lh_pg_utf8(lfirst(lc))))
			return;
	}
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
