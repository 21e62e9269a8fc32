/*
 * options.c
 *		Options of servers, tables and columns.
 *
 * One table says what there is, where it may stand and what values it takes.
 * The validator checks by it when an option is set; lh_lake_options reads the
 * options of a table when it is planned or scanned.
 */
#include "pg/bridge/options.h"

#include <errno.h>

#include "commands/defrem.h"
#include "common/string.h"
#include "datatype/timestamp.h"
#include "foreign/foreign.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

static const char *const ranges[] = {"error", "clamp", "null", NULL};
static const char *const nanos[] = {"floor", "error", "text", NULL};
static const char *const formats[] = {"parquet", "avro", "orc", "iceberg", NULL};
static const char *const url_styles[] = {"auto", "path", "host", NULL};
static const char *const dropped[] = {"error", "null", NULL};
static const char *const catalogs[] = {"directory", "jdbc", NULL};
static const char *const ssl_modes[] = {"disable", "allow", "prefer", "require", "verify-ca", "verify-full", NULL};

const LhOption lh_option_table[] = {
	{"location", LH_ON_TABLE, LH_OPTION_LOCATION},
	{"format", LH_ON_TABLE, LH_OPTION_CHOICE, formats},
	{"hive_partitioning", LH_ON_TABLE, LH_OPTION_BOOL_AUTO},
	{"union_by_name", LH_ON_TABLE, LH_OPTION_BOOL},
	{"filename_column", LH_ON_TABLE, LH_OPTION_NAME},
	{"columns", LH_ON_TABLE, LH_OPTION_LIST},
	{"sorted_by", LH_ON_TABLE, LH_OPTION_LIST},
	{"timestamp_ns", LH_ON_TABLE, LH_OPTION_CHOICE, nanos},
	{"out_of_range", LH_ON_TABLE, LH_OPTION_CHOICE, ranges},
	{"check_crc", LH_ON_TABLE, LH_OPTION_BOOL},
	{"parquet_keys_file", LH_ON_SERVER | LH_ON_TABLE, LH_OPTION_FILE, NULL, true},
	{"snapshot_id", LH_ON_TABLE, LH_OPTION_SNAPSHOT_ID},
	{"snapshot_time", LH_ON_TABLE, LH_OPTION_MOMENT},
	{"ref", LH_ON_TABLE, LH_OPTION_TEXT},
	{"allow_version_guess", LH_ON_TABLE, LH_OPTION_BOOL},
	{"rebase_location", LH_ON_TABLE, LH_OPTION_TEXT},
	{"metadata_columns", LH_ON_TABLE, LH_OPTION_BOOL},
	{"dropped_columns", LH_ON_TABLE, LH_OPTION_CHOICE, dropped},
	{"allow_legacy_deletion_vectors", LH_ON_TABLE, LH_OPTION_BOOL},
	{"changes_from", LH_ON_TABLE, LH_OPTION_SNAPSHOT},
	{"changes_to", LH_ON_TABLE, LH_OPTION_SNAPSHOT},
	{"net_changes", LH_ON_TABLE, LH_OPTION_BOOL},
	{"namespace", LH_ON_TABLE, LH_OPTION_TEXT},
	{"table_name", LH_ON_TABLE, LH_OPTION_TEXT},
	{"catalog", LH_ON_SERVER, LH_OPTION_CHOICE, catalogs},
	{"warehouse", LH_ON_SERVER, LH_OPTION_LOCATION},
	{"catalog_schema", LH_ON_SERVER, LH_OPTION_TEXT},
	{"catalog_name", LH_ON_SERVER, LH_OPTION_TEXT},
	{"host", LH_ON_SERVER, LH_OPTION_TEXT},
	{"port", LH_ON_SERVER, LH_OPTION_PORT},
	{"dbname", LH_ON_SERVER, LH_OPTION_TEXT},
	{"sslmode", LH_ON_SERVER, LH_OPTION_CHOICE, ssl_modes},
	{"sslrootcert", LH_ON_SERVER, LH_OPTION_FILE, NULL, true},
	{"connect_timeout", LH_ON_SERVER, LH_OPTION_SECONDS},
	{"base_directories", LH_ON_SERVER, LH_OPTION_DIRECTORIES, NULL, true},
	{"writable_directories", LH_ON_SERVER, LH_OPTION_DIRECTORIES, NULL, true},
	{"allowed_locations", LH_ON_SERVER, LH_OPTION_ALLOWED, NULL, true},
	{"credential_chain", LH_ON_SERVER, LH_OPTION_CHAIN, NULL, true},
	{"ca_file", LH_ON_SERVER, LH_OPTION_FILE, NULL, true},
	{"endpoint", LH_ON_SERVER, LH_OPTION_ENDPOINT},
	{"region", LH_ON_SERVER, LH_OPTION_REGION},
	{"url_style", LH_ON_SERVER, LH_OPTION_CHOICE, url_styles},
	{"access_key_id", LH_ON_USER, LH_OPTION_SECRET},
	{"secret_access_key", LH_ON_USER, LH_OPTION_SECRET},
	{"session_token", LH_ON_USER, LH_OPTION_SECRET},
	{"bearer_token", LH_ON_USER, LH_OPTION_SECRET},
	{"user", LH_ON_USER, LH_OPTION_SECRET},
	{"password", LH_ON_USER, LH_OPTION_SECRET},
	{"secret_file", LH_ON_USER, LH_OPTION_FILE, NULL, true},
	{"column_name", LH_ON_COLUMN, LH_OPTION_ANY},
	{"field_id", LH_ON_COLUMN, LH_OPTION_FIELD},
	{NULL}
};

/* Names under which other software keeps credentials. */
static const char *const secrets[] = {
	"access_key", "access_key_id", "account_key", "api_key", "authorization", "bearer_token",
	"client_secret", "connection_string", "credential", "credentials", "key", "key_id", "passphrase",
	"password", "private_key", "sas_token", "secret", "secret_access_key", "secret_key",
	"session_token", "token", NULL
};

const LhOption *
lh_option_find(const char *name, int where)
{
	for (const LhOption *o = lh_option_table; o->name != NULL; o++)
	{
		if ((o->where & where) && strcmp(o->name, name) == 0)
			return o;
	}
	return NULL;
}

bool
lh_option_is_secret(const char *name)
{
	for (const char *const *s = secrets; *s != NULL; s++)
	{
		if (pg_strcasecmp(*s, name) == 0)
			return true;
	}
	return false;
}

/* ---- lists ---- */

static List *
list_of_json(const char *name, const char *value)
{
	Datum		json = DirectFunctionCall1(jsonb_in, CStringGetDatum(value));
	Jsonb	   *array = DatumGetJsonbP(json);
	JsonbIterator *it = JsonbIteratorInit(&array->root);
	JsonbIteratorToken token;
	JsonbValue	v;
	List	   *list = NIL;

	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_ELEM && v.type == jbvString)
			list = lappend(list, pnstrdup(v.val.string.val, v.val.string.len));
		else if (token == WJB_ELEM)
			ereport(ERROR,
					(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
					 errmsg("option \"%s\" must be a JSON array of strings", name)));
	}
	return list;
}

static List *
list_of_commas(const char *value)
{
	List	   *list = NIL;
	char	   *copy = pstrdup(value);
	char	   *next;

	for (char *item = copy; item != NULL; item = next)
	{
		char	   *end;

		next = strchr(item, ',');
		if (next != NULL)
			*next++ = '\0';
		while (isspace((unsigned char) *item))
			item++;
		end = item + strlen(item);
		while (end > item && isspace((unsigned char) end[-1]))
			*--end = '\0';
		if (*item != '\0')
			list = lappend(list, item);
	}
	return list;
}

List *
lh_option_list(const char *name, const char *value)
{
	while (isspace((unsigned char) *value))
		value++;
	return *value == '[' ? list_of_json(name, value) : list_of_commas(value);
}

/* ---- checks ---- */

static void
fail_value(const LhOption *option, const char *value, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
			 errmsg("invalid value for option \"%s\": \"%s\"", option->name, value),
			 errhint("%s", hint)));
}

/* "https://user:password@host/": a location that we would have to hide. */
static bool
holds_credentials(const char *location)
{
	const char *host = strstr(location, "://");
	size_t		len;

	if (host == NULL)
		return false;
	host += 3;
	len = strcspn(host, "/?#");
	return memchr(host, '@', len) != NULL;
}

static void
check_location(const char *value)
{
	MemoryContext mcxt = AllocSetContextCreate(CurrentMemoryContext, "lakehouse option", ALLOCSET_SMALL_SIZES);
	LhCtx	   *ctx = lh_pg_ctx(mcxt, 0, NULL);
	ListCell   *lc;

	foreach(lc, lh_location_list(value))
	{
		const char *one = lfirst(lc);
		const char *path;
		LhScheme	scheme;

		if (holds_credentials(one))
			ereport(ERROR,
					(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
					 errmsg("option \"location\" must not hold a user name or password"),
					 errhint("Credentials belong into a user mapping of the server.")));
		lh_pg_check(ctx, lh_location_parse(ctx, lh_pg_utf8(one), &scheme, &path));
	}
	MemoryContextDelete(mcxt);
}

static void
check_directories(const LhOption *option, const char *value)
{
	ListCell   *lc;
	List	   *list = lh_option_list(option->name, value);

	if (list == NIL)
		fail_value(option, value, "Give one or more absolute directories.");
	foreach(lc, list)
	{
		const char *dir = lfirst(lc);

		if (dir[0] != '/' || strstr(dir, "/../") != NULL || pg_str_endswith(dir, "/.."))
			fail_value(option, dir, "Give absolute paths without \"..\".");
	}
}

/* Each entry of allowed_locations. */
static void
check_allowed(const LhOption *option, const char *value)
{
	MemoryContext mcxt = AllocSetContextCreate(CurrentMemoryContext, "lakehouse option", ALLOCSET_SMALL_SIZES);
	LhCtx	   *ctx = lh_pg_ctx(mcxt, 0, NULL);
	List	   *list = lh_option_list(option->name, value);
	ListCell   *lc;

	if (list == NIL)
		fail_value(option, value, "Give prefixes such as \"s3://bucket/path\", hosts or networks.");
	foreach(lc, list)
		lh_pg_check(ctx, lh_remote_check_allowed(ctx, lh_pg_utf8(lfirst(lc))));
	MemoryContextDelete(mcxt);
}

static void
check_endpoint(const char *value)
{
	MemoryContext mcxt = AllocSetContextCreate(CurrentMemoryContext, "lakehouse option", ALLOCSET_SMALL_SIZES);
	LhCtx	   *ctx = lh_pg_ctx(mcxt, 0, NULL);

	lh_pg_check(ctx, lh_remote_check_endpoint(ctx, lh_pg_utf8(value)));
	MemoryContextDelete(mcxt);
}

static void
check_chain(const LhOption *option, const char *value)
{
	List	   *list = lh_option_list(option->name, value);
	ListCell   *lc;

	foreach(lc, list)
	{
		if (strcmp(lfirst(lc), "environment") != 0 && strcmp(lfirst(lc), "profile") != 0 &&
			strcmp(lfirst(lc), "instance") != 0)
			list = NIL;
	}
	if (list == NIL)
		fail_value(option, value, "It is a list of \"environment\", \"profile\" and \"instance\".");
}

static void
check_choice(const LhOption *option, const char *value)
{
	StringInfoData hint;

	initStringInfo(&hint);
	for (const char *const *c = option->choices; *c != NULL; c++)
	{
		if (strcmp(*c, value) == 0)
			return;
		appendStringInfo(&hint, "%s\"%s\"", hint.len ? ", " : "Valid values are: ", *c);
	}
	appendStringInfoChar(&hint, '.');
	fail_value(option, value, hint.data);
}

/* A whole number of 64 bits. */
static bool
is_integer(const char *value, int64 *out)
{
	char	   *end;
	long long	n;

	errno = 0;
	n = strtoll(value, &end, 10);
	*out = n;
	return errno == 0 && end != value && *end == '\0' && !isspace((unsigned char) *value);
}

static void
check_number(const LhOption *option, const char *value, int64 least, int64 most, const char *hint)
{
	int64		n;

	if (!is_integer(value, &n) || n < least || n > most)
		fail_value(option, value, hint);
}

int64
lh_option_moment(const char *value)
{
	TimestampTz t = DatumGetTimestampTz(DirectFunctionCall3(timestamptz_in, CStringGetDatum(value),
															ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));

	if (TIMESTAMP_NOT_FINITE(t))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_DATETIME_FORMAT),
				 errmsg("\"%s\" is no time of a snapshot", value)));
	return t + (int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
}

void
lh_option_check_right(const LhOption *option, const char *where)
{
	if (option->superuser && !superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to set option \"%s\"", option->name),
				 errdetail("Only a superuser may set it, or change another option of %s that has it.",
						   where)));
}

void
lh_option_check(const LhOption *option, const char *value)
{
	bool		ignored;
	int64		number;

	switch (option->kind)
	{
		case LH_OPTION_TEXT:
		case LH_OPTION_NAME:
			if (value[0] == '\0')
				fail_value(option, value, "The value must not be empty.");
			break;
		case LH_OPTION_ANY:
			break;
		case LH_OPTION_LOCATION:
			check_location(value);
			break;
		case LH_OPTION_BOOL:
			if (!parse_bool(value, &ignored))
				fail_value(option, value, "Valid values are: \"true\", \"false\".");
			break;
		case LH_OPTION_BOOL_AUTO:
			if (pg_strcasecmp(value, "auto") != 0 && !parse_bool(value, &ignored))
				fail_value(option, value, "Valid values are: \"true\", \"false\", \"auto\".");
			break;
		case LH_OPTION_CHOICE:
			check_choice(option, value);
			break;
		case LH_OPTION_LIST:
			if (lh_option_list(option->name, value) == NIL)
				fail_value(option, value, "Give a JSON array of strings, or names separated by commas.");
			break;
		case LH_OPTION_DIRECTORIES:
			check_directories(option, value);
			break;
		case LH_OPTION_ALLOWED:
			check_allowed(option, value);
			break;
		case LH_OPTION_ENDPOINT:
			check_endpoint(value);
			break;
		case LH_OPTION_REGION:
			if (value[0] == '\0' || value[strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789-")] != '\0')
				fail_value(option, value, "A region is named as \"eu-central-1\".");
			break;
		case LH_OPTION_CHAIN:
			check_chain(option, value);
			break;
		case LH_OPTION_FILE:
			if (value[0] != '/')
				fail_value(option, value, "Give an absolute path on the server.");
			break;
		case LH_OPTION_SNAPSHOT:
			check_number(option, value, INT64_MIN, INT64_MAX, "A snapshot is named by its number: see lakehouse.iceberg_snapshots().");
			break;
		case LH_OPTION_SNAPSHOT_ID:
			check_number(option, value, INT64_MIN, INT64_MAX, "A snapshot is named by its number: see lakehouse.iceberg_snapshots().");
			/* it would be read as if nothing were said */
			if (is_integer(value, &number) && number == 0)
				fail_value(option, value, "No snapshot has the number 0: see lakehouse.iceberg_snapshots().");
			break;
		case LH_OPTION_MOMENT:
			(void) lh_option_moment(value);
			break;
		case LH_OPTION_FIELD:
			check_number(option, value, 0, INT32_MAX, "It is the id of a field in the table's schema.");
			break;
		case LH_OPTION_PORT:
			check_number(option, value, 1, 65535, "Give a TCP port.");
			break;
		case LH_OPTION_SECONDS:
			check_number(option, value, 1, 3600, "Give a number of seconds.");
			break;
		case LH_OPTION_SECRET:
			if (value[0] == '\0' || value[strcspn(value, "\r\n")] != '\0')
				ereport(ERROR,
						(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
						 errmsg("option \"%s\" must not be empty, nor hold a line break", option->name)));
			break;
	}
}

/* ---- reading ---- */

static int
choice_of(const char *const *choices, const char *value)
{
	for (int i = 0; choices[i] != NULL; i++)
	{
		if (strcmp(choices[i], value) == 0)
			return i;
	}
	return 0;
}

static const char *const *
columns_of(const char *value)
{
	List	   *list = lh_option_list("columns", value);
	const char **names = palloc0(sizeof(char *) * (list_length(list) + 1));
	ListCell   *lc;

	foreach(lc, list)
		names[foreach_current_index(lc)] = lh_pg_utf8(lfirst(lc));
	return names;
}

/* Options of formats with snapshots and fields. */
static void
snapshot_option(LhLakeOptions *out, const char *name, const char *value)
{
	LhTableOptions *t = &out->table;

	if (strcmp(name, "snapshot_id") == 0)
		(void) is_integer(value, &t->snapshot_id);
	else if (strcmp(name, "snapshot_time") == 0)
	{
		t->has_time = true;
		t->snapshot_time_us = lh_option_moment(value);
	}
	else if (strcmp(name, "ref") == 0)
		t->ref = lh_pg_utf8(value);
	else if (strcmp(name, "allow_version_guess") == 0)
		(void) parse_bool(value, &t->allow_version_guess);
	else if (strcmp(name, "rebase_location") == 0)
		t->rebase = lh_pg_utf8(value);
	else if (strcmp(name, "metadata_columns") == 0)
		(void) parse_bool(value, &t->metadata_columns);
	else if (strcmp(name, "dropped_columns") == 0)
		out->dropped_null = choice_of(dropped, value) == 1;
	else if (strcmp(name, "allow_legacy_deletion_vectors") == 0)
		(void) parse_bool(value, &t->legacy_vectors);
	else if (strcmp(name, "changes_from") == 0)
	{
		t->changes = true;
		(void) is_integer(value, &t->changes_from);
	}
	else if (strcmp(name, "changes_to") == 0)
	{
		t->changes = true;
		(void) is_integer(value, &t->changes_to);
	}
	else if (strcmp(name, "net_changes") == 0)
		(void) parse_bool(value, &t->net_changes);
	else if (strcmp(name, "namespace") == 0)
		out->catalog_namespace = lh_pg_utf8(value);
	else if (strcmp(name, "table_name") == 0)
		out->catalog_table = lh_pg_utf8(value);
}

void
lh_lake_option(LhLakeOptions *out, const char *name, const char *value)
{
	if (strcmp(name, "location") == 0)
		out->table.location = lh_pg_utf8(value);
	else if (strcmp(name, "format") == 0)
		out->format = pstrdup(value);
	else if (strcmp(name, "hive_partitioning") == 0)
	{
		bool		on = false;

		out->table.hive_partitioning = parse_bool(value, &on) ? (on ? 1 : 0) : -1;
	}
	else if (strcmp(name, "union_by_name") == 0)
	{
		(void) parse_bool(value, &out->table.union_by_name);
		out->emit.missing_null = out->table.union_by_name;
	}
	else if (strcmp(name, "filename_column") == 0)
		out->table.filename_column = lh_pg_utf8(value);
	else if (strcmp(name, "columns") == 0)
		out->table.columns = columns_of(value);
	else if (strcmp(name, "sorted_by") == 0)
		out->sorted_by = lh_option_sort(value);
	else if (strcmp(name, "timestamp_ns") == 0)
		out->emit.timestamp_ns = (LhNanos) choice_of(nanos, value);
	else if (strcmp(name, "out_of_range") == 0)
		out->emit.out_of_range = (LhOutOfRange) choice_of(ranges, value);
	else if (strcmp(name, "check_crc") == 0)
		(void) parse_bool(value, &out->check_crc);
	else if (strcmp(name, "parquet_keys_file") == 0)
		out->keys_file = pstrdup(value);
	else
		snapshot_option(out, name, value);
}

void
lh_lake_options_init(LhLakeOptions *out)
{
	memset(out, 0, sizeof(*out));
	out->table.hive_partitioning = -1;
	out->check_crc = lakehouse_check_crc;
}

void
lh_lake_options(Oid foreigntableid, LhLakeOptions *out)
{
	ForeignTable *table = GetForeignTable(foreigntableid);
	ListCell   *lc;

	lh_lake_options_init(out);
	out->relid = foreigntableid;
	foreach(lc, table->options)
	{
		DefElem    *def = lfirst(lc);

		lh_lake_option(out, def->defname, defGetString(def));
	}
}
