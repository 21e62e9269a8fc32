/*
 * remote.c
 *		What a role may reach over the network by a server, and its credentials.
 *
 *	1. The role needs USAGE on the server, superusers have it; the server says by
 *	   allowed_locations, which only a superuser sets, what may be reached.  There
 *	   is no network location without a server.
 *	2. Credentials are those of the role's user mapping, else of PUBLIC's: options
 *	   of the mapping, or of the JSON file that its secret_file names.  User and
 *	   password of a server whose catalog is another database (options host, dbname)
 *	   are that database's, and never sent to an http location.
 *	3. Without either, and only when a superuser set credential_chain on the
 *	   server, S3 uses those of the server process: "environment" (AWS_*
 *	   variables), "profile" (the shared credentials file), "instance" (the role of
 *	   the machine, instance.c).
 *	4. Whose credentials they are becomes part of the identity of what they
 *	   fetched, so that no cache serves it to others (LhRemoteAccess.scope).
 *
 * Values of secrets appear in no message.
 */
#include "pg/bridge/remote.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/htup_details.h"
#include "access/reloptions.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"
#include "foreign/foreign.h"
#include "utils/syscache.h"

#include "core/hash.h"
#include "pg/bridge/options.h"

/* A file of secrets, or of profiles, is small. */
#define MAX_SECRET_FILE (64 * 1024)

/* Where each credential is kept; all are named as the option is. */
typedef struct Place
{
	const char *name;
	size_t		offset;
	const char *variable;		/* of the environment, and lower-cased of a profile; NULL: none */
} Place;

#define PLACE(name, variable) {#name, offsetof(LhRemoteAccess, name), variable}

static const Place places[] = {
	PLACE(access_key_id, "AWS_ACCESS_KEY_ID"),
	PLACE(secret_access_key, "AWS_SECRET_ACCESS_KEY"),
	PLACE(session_token, "AWS_SESSION_TOKEN"),
	PLACE(bearer_token, NULL),
	PLACE(user, NULL),
	PLACE(password, NULL),
};

static LhStatus
set_place(LhCtx *ctx, LhRemoteAccess *access, const Place *place, const char *value)
{
	char	   *copy = lh_strdup(ctx, value);

	if (copy == NULL)
		return ctx->error->code;
	*(const char **) ((char *) access + place->offset) = copy;
	return LH_OK;
}

/* ---- secret_file ---- */

/* A server-side file that nobody but the server's user can read, at most MAX_SECRET_FILE bytes. */
static LhStatus
read_private_file(LhCtx *ctx, const char *path, bool strict, char **text)
{
	struct stat st;
	ssize_t		n;
	int			fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		LH_FAIL(ctx, errno == ENOENT ? LH_NOT_FOUND : LH_IO, "could not open \"%s\": %s", path,
				lh_errno_text(errno));
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > MAX_SECRET_FILE ||
		(strict && ((st.st_mode & 077) != 0 || st.st_uid != geteuid())))
	{
		close(fd);
		(void) lh_fail(ctx, LH_DENIED, "file \"%s\" cannot be used for secrets", path);
		lh_hint(ctx, "It must be a regular file of at most 64 kB that belongs to the server's "
				"operating system user and has mode 0600.");
		return LH_DENIED;
	}
	*text = lh_alloc(ctx, (size_t) st.st_size + 1);
	n = *text != NULL ? read(fd, *text, (size_t) st.st_size) : 0;
	close(fd);
	if (*text == NULL)
		return ctx->error->code;
	if (n < 0)
		LH_FAIL(ctx, LH_IO, "could not read \"%s\": %s", path, lh_errno_text(errno));
	(*text)[n] = '\0';
	return LH_OK;
}

/* One member of the JSON object. */
static LhStatus
take_member(LhCtx *ctx, LhRemoteAccess *access, const char *path, const char *name, const json_t *value)
{
	for (int i = 0; i < lengthof(places); i++)
	{
		if (strcmp(places[i].name, name) != 0)
			continue;
		if (!json_is_string(value))
			LH_FAIL(ctx, LH_INVALID, "\"%s\" of file \"%s\" is not a string", name, path);
		return set_place(ctx, access, &places[i], json_string_value(value));
	}
	LH_FAIL(ctx, LH_INVALID, "file \"%s\" has a member \"%s\", which is no credential", path, name);
}

static LhStatus
read_secret_file(LhCtx *ctx, LhRemoteAccess *access, const char *path)
{
	json_t	   *object;
	void	   *it;
	LhStatus	status = LH_OK;
	char	   *text;

	LH_TRY(read_private_file(ctx, path, true, &text));
	/* jansson's message could quote the file */
	object = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	explicit_bzero(text, strlen(text));
	if (!json_is_object(object))
		status = lh_fail(ctx, LH_INVALID, "file \"%s\" is not a JSON object", path);
	for (it = json_object_iter(object); it != NULL && status == LH_OK;
		 it = json_object_iter_next(object, it))
		status = take_member(ctx, access, path, json_object_iter_key(it), json_object_iter_value(it));
	json_decref(object);
	return status;
}

/* ---- credential_chain ---- */

static LhStatus
take_environment(LhCtx *ctx, LhRemoteAccess *access)
{
	if (getenv("AWS_ACCESS_KEY_ID") == NULL || getenv("AWS_SECRET_ACCESS_KEY") == NULL)
		return LH_OK;
	for (int i = 0; i < lengthof(places); i++)
	{
		const char *value = places[i].variable != NULL ? getenv(places[i].variable) : NULL;

		if (value != NULL && value[0] != '\0')
			LH_TRY(set_place(ctx, access, &places[i], value));
	}
	return LH_OK;
}

/* "name = value" of the profile. */
static LhStatus
take_line(LhCtx *ctx, LhRemoteAccess *access, char *line)
{
	char	   *value = strchr(line, '=');
	size_t		n;

	if (value == NULL)
		return LH_OK;
	n = (size_t) (value - line);
	while (n > 0 && isspace((unsigned char) line[n - 1]))
		n--;
	value += 1 + strspn(value + 1, " \t");
	value[strcspn(value, "\r\n")] = '\0';
	for (size_t k = strlen(value); k > 0 && isspace((unsigned char) value[k - 1]); k--)
		value[k - 1] = '\0';
	for (int i = 0; i < lengthof(places); i++)
	{
		if (places[i].variable != NULL && strlen(places[i].variable) == n &&
			pg_strncasecmp(places[i].variable, line, n) == 0)
			return set_place(ctx, access, &places[i], value);
	}
	return LH_OK;
}

/* The shared credentials file: INI sections, one a profile. */
static LhStatus
take_profile(LhCtx *ctx, LhRemoteAccess *access)
{
	const char *file = getenv("AWS_SHARED_CREDENTIALS_FILE");
	const char *profile = getenv("AWS_PROFILE");
	const char *home = getenv("HOME");
	char	   *section,
			   *text,
			   *save = NULL;
	bool		mine = false;
	LhStatus	status;

	if (file == NULL && home != NULL)
		file = lh_sprintf(ctx, "%s/.aws/credentials", home);
	if (file == NULL)
		return LH_OK;
	status = read_private_file(ctx, file, false, &text);
	if (status == LH_NOT_FOUND)
	{
		lh_error_clear(ctx);
		return LH_OK;
	}
	LH_TRY(status);
	section = lh_sprintf(ctx, "[%s]", profile != NULL ? profile : "default");
	if (section == NULL)
		return ctx->error->code;
	for (char *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save))
	{
		line += strspn(line, " \t");
		if (line[0] == '[')
			mine = strncmp(line, section, strlen(section)) == 0;
		else if (mine && line[0] != '#' && line[0] != ';')
			LH_TRY(take_line(ctx, access, line));
	}
	return LH_OK;
}

static LhStatus
follow_chain(LhCtx *ctx, LhRemoteAccess *access, List *chain)
{
	ListCell   *lc;

	foreach(lc, chain)
	{
		if (access->access_key_id != NULL)
			break;
		if (strcmp(lfirst(lc), "environment") == 0)
			LH_TRY(take_environment(ctx, access));
		else if (strcmp(lfirst(lc), "profile") == 0)
			LH_TRY(take_profile(ctx, access));
		else
			LH_TRY(lh_instance_key(ctx, access));
	}
	return LH_OK;
}

/* ---- user mappings ---- */

Oid
lh_user_mapping(Oid roleid, Oid serverid, List **options)
{
	HeapTuple	tuple = SearchSysCache2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(roleid),
										ObjectIdGetDatum(serverid));
	Datum		datum;
	bool		null;
	Oid			umid;

	*options = NIL;
	if (!HeapTupleIsValid(tuple))
		tuple = SearchSysCache2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(InvalidOid),
								ObjectIdGetDatum(serverid));
	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	umid = ((Form_pg_user_mapping) GETSTRUCT(tuple))->oid;
	datum = SysCacheGetAttr(USERMAPPINGUSERSERVER, tuple, Anum_pg_user_mapping_umoptions, &null);
	if (!null)
		*options = untransformRelOptions(datum);
	ReleaseSysCache(tuple);
	return umid;
}

/* Where the server has a catalog in another database, user and password are for that alone. */
static LhStatus
take_mapping(LhCtx *ctx, LhRemoteAccess *access, List *options, bool of_database)
{
	ListCell   *lc;

	foreach(lc, options)
	{
		DefElem    *def = lfirst(lc);

		if (of_database && (strcmp(def->defname, "user") == 0 || strcmp(def->defname, "password") == 0))
			continue;

		if (strcmp(def->defname, "secret_file") == 0)
			LH_TRY(read_secret_file(ctx, access, defGetString(def)));
		for (int i = 0; i < lengthof(places); i++)
		{
			if (strcmp(places[i].name, def->defname) == 0)
				LH_TRY(set_place(ctx, access, &places[i], lh_pg_utf8(defGetString(def))));
		}
	}
	return LH_OK;
}

/* Server, mapping, and a fingerprint of the credentials: another key is another scope. */
static LhStatus
make_scope(LhCtx *ctx, LhRemoteAccess *access, Oid serverid, Oid umid)
{
	uint64_t	hash = 0;

	for (int i = 0; i < lengthof(places); i++)
	{
		const char *value = *(const char **) ((char *) access + places[i].offset);

		if (value != NULL)
			hash = lh_hash_bytes(value, strlen(value), hash + (uint64_t) i + 1);
	}
	access->scope = lh_sprintf(ctx, "%u/%u/%016llx", serverid, umid, (unsigned long long) hash);
	return access->scope == NULL ? ctx->error->code : LH_OK;
}

/* ---- the server ---- */

static LhStatus
take_server_option(LhCtx *ctx, LhRemoteAccess *access, const char *name, const char *value)
{
	const char **text = strcmp(name, "endpoint") == 0 ? &access->endpoint
		: strcmp(name, "region") == 0 ? &access->region
		: strcmp(name, "ca_file") == 0 ? &access->ca_file
		: NULL;

	if (strcmp(name, "allowed_locations") == 0)
		return lh_core_strings(ctx, lh_option_list(name, value), &access->allowed, &access->nallowed);
	if (strcmp(name, "url_style") == 0)
		access->url_style = strcmp(value, "path") == 0 ? LH_URL_STYLE_PATH
			: strcmp(value, "host") == 0 ? LH_URL_STYLE_HOST
			: LH_URL_STYLE_AUTO;
	if (text == NULL)
		return LH_OK;
	*text = lh_strdup(ctx, lh_pg_utf8(value));
	return *text == NULL ? ctx->error->code : LH_OK;
}

LhStatus
lh_remote_access(LhCtx *ctx, Oid roleid, Oid serverid, bool credentials, LhRemoteAccess **out)
{
	LhRemoteAccess *access;
	List	   *chain = NIL,
			   *options;
	bool		of_database = false;
	ListCell   *lc;
	Oid			umid;

	*out = NULL;
	if (!OidIsValid(serverid) || !lh_server_usage(serverid, roleid))
		return LH_OK;
	LH_NEW(ctx, access);
	foreach(lc, GetForeignServer(serverid)->options)
	{
		DefElem    *def = lfirst(lc);

		if (strcmp(def->defname, "credential_chain") == 0)
			chain = lh_option_list(def->defname, defGetString(def));
		of_database |= strcmp(def->defname, "host") == 0 || strcmp(def->defname, "dbname") == 0;
		LH_TRY(take_server_option(ctx, access, def->defname, defGetString(def)));
	}
	if (access->nallowed == 0)
		return LH_OK;
	*out = access;
	if (!credentials)
		return LH_OK;
	umid = lh_user_mapping(roleid, serverid, &options);
	LH_TRY(take_mapping(ctx, access, options, of_database));
	if (access->access_key_id == NULL)
		LH_TRY(follow_chain(ctx, access, chain));
	return make_scope(ctx, access, serverid, umid);
}

void
lh_remote_check(LhCtx *ctx, Oid roleid, Oid serverid, const char *location)
{
	LhRemoteAccess *access;
	LhStatus	status;

	lh_pg_check(ctx, lh_remote_access(ctx, roleid, serverid, false, &access));
	status = lh_remote_covers(ctx, access, location);
	if (status == LH_DENIED)
		lh_hint(ctx, OidIsValid(serverid) ?
				"Have a superuser set the option allowed_locations of the foreign server, and grant USAGE on it." :
				"Name a foreign server that may be used, by the argument or option \"server\".");
	lh_pg_check(ctx, status);
}
