/*
 * files.c
 *		The table format of bare Parquet files.
 *
 * A location is one path or glob, or a JSON array of them.  The files of all of
 * them make one table, each file once, in byte order of their paths.  They are
 * listed when schema or tasks are first asked for and the list then stays, so
 * that both speak of the same files; a plan holds none of it.  However many
 * files there are, their names are no reason to refuse a query: what a table
 * keeps counts as the floor of its scan.
 *
 * A directory that is a Delta or Hudi table is not taken for bare files unless
 * the user says so: the files of such a table may hold rows that were deleted
 * long ago.  Iceberg tables are found by their own format, which is asked first.
 */
#include "files/table.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * Locations
 */

static bool
is_json(const char *location)
{
	return location[strspn(location, " \t\r\n")] == '[';
}

/* The strings of a parsed array, copied. */
static LhStatus
copy_array(LhCtx *ctx, const json_t *array, LhFilesTable *table)
{
	size_t n = json_array_size(array);

	if (!json_is_array(array) || n == 0)
		LH_FAIL(ctx, LH_INVALID, "location is not a JSON array of strings, or an empty one");
	LH_NEW_ARRAY(ctx, table->locations, n);
	for (size_t i = 0; i < n; i++)
	{
		const json_t *item = json_array_get(array, i);

		if (!json_is_string(item))
			LH_FAIL(ctx, LH_INVALID, "item %zu of the JSON array of locations is not a string",
					i + 1);
		table->locations[i] = lh_strdup(ctx, json_string_value(item));
		if (table->locations[i] == NULL)
			return ctx->error->code;
	}
	table->nlocations = n;
	return LH_OK;
}

static LhStatus
parse_array(LhCtx *ctx, const char *location, LhFilesTable *table)
{
	json_error_t error;
	json_t *json = json_loads(location, 0, &error);
	LhStatus status;

	if (json == NULL)
		LH_FAIL(ctx, LH_INVALID,
				"location begins like a JSON array, but is none: %s at character %d", error.text,
				error.position);
	status = copy_array(ctx, json, table);
	json_decref(json);
	return status;
}

static LhStatus
set_locations(LhCtx *ctx, const char *location, LhFilesTable *table)
{
	if (location == NULL)
		LH_FAIL(ctx, LH_INVALID, "location is missing");
	if (is_json(location))
		LH_TRY(parse_array(ctx, location, table));
	else
	{
		LH_NEW_ARRAY(ctx, table->locations, 1);
		table->locations[0] = lh_strdup(ctx, location);
		if (table->locations[0] == NULL)
			return ctx->error->code;
		table->nlocations = 1;
	}
	for (size_t i = 0; i < table->nlocations; i++)
	{
		LhScheme scheme;
		const char *path;

		LH_TRY(lh_location_parse(ctx, table->locations[i], &scheme, &path));
	}
	return LH_OK;
}

/*
 * Options
 */

static LhStatus
copy_string(LhCtx *ctx, const char *s, const char **out)
{
	*out = NULL;
	if (s == NULL)
		return LH_OK;
	*out = lh_strdup(ctx, s);
	return *out == NULL ? ctx->error->code : LH_OK;
}

static LhStatus
copy_names(LhCtx *ctx, const char *const *names, const char *const **out)
{
	const char **copy;
	size_t n = 0;

	*out = NULL;
	if (names == NULL)
		return LH_OK;
	while (names[n] != NULL)
		n++;
	LH_NEW_ARRAY(ctx, copy, n + 1);
	for (size_t i = 0; i < n; i++)
		LH_TRY(copy_string(ctx, names[i], &copy[i]));
	*out = copy;
	return LH_OK;
}

static LhStatus
open_table(LhCtx *ctx, LhStore *store, LhPqCache *cache, const LhFormat *format,
		   LhFileFormat file_format, const LhTableOptions *options, LhTable **out)
{
	LhFilesTable *table;

	LH_NEW(ctx, table);
	table->base = (LhTable){
		.format = format,
		.store = store,
		.cache = cache,
		.schema = lh_files_schema,
		.tasks = lh_files_tasks,
	};
	table->arena = ctx->arena;
	table->options = *options;
	table->file_format = file_format;
	LH_TRY(copy_string(ctx, options->location, &table->options.location));
	LH_TRY(copy_string(ctx, options->filename_column, &table->options.filename_column));
	LH_TRY(copy_names(ctx, options->columns, &table->options.columns));
	LH_TRY(set_locations(ctx, options->location, table));
	*out = &table->base;
	return LH_OK;
}

static LhStatus
open_files(LhCtx *ctx, LhStore *store, LhPqCache *cache, const LhFormat *format,
		   LhFileFormat file_format, const LhTableOptions *options, LhTable **out)
{
	LhArena *arena = lh_arena_child(ctx->arena), *old;
	LhStatus status;

	if (arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	lh_arena_as_floor(arena);
	old = lh_use(ctx, arena);
	status = open_table(ctx, store, cache, format, file_format, options, out);
	lh_use(ctx, old);
	return status;
}

static LhStatus
open_parquet(LhCtx *ctx, LhStore *store, LhPqCache *cache, const LhTableOptions *options,
			 LhTable **out)
{
	return open_files(ctx, store, cache, &lh_files_format, LH_FILE_PARQUET, options, out);
}

static LhStatus
open_avro(LhCtx *ctx, LhStore *store, LhPqCache *cache, const LhTableOptions *options,
		  LhTable **out)
{
	return open_files(ctx, store, cache, &lh_files_avro, LH_FILE_AVRO, options, out);
}

static LhStatus
open_orc(LhCtx *ctx, LhStore *store, LhPqCache *cache, const LhTableOptions *options, LhTable **out)
{
	return open_files(ctx, store, cache, &lh_files_orc, LH_FILE_ORC, options, out);
}

/*
 * Listing
 */

static int
by_path(const void *a, const void *b)
{
	return strcmp(((const LhListEntry *) a)->path, ((const LhListEntry *) b)->path);
}

/* Put the lists of several locations together; a file that two of them name counts once. */
static LhStatus
merge_lists(LhCtx *ctx, const LhList *lists, size_t nlists, LhList *out)
{
	size_t total = 0, n = 0;

	for (size_t i = 0; i < nlists; i++)
		total += lists[i].n;
	LH_NEW_ARRAY(ctx, out->entries, total + 1);
	for (size_t i = 0; i < nlists; i++)
	{
		memcpy(out->entries + n, lists[i].entries, lists[i].n * sizeof(*out->entries));
		n += lists[i].n;
	}
	qsort(out->entries, n, sizeof(*out->entries), by_path);
	out->n = 0;
	for (size_t i = 0; i < n; i++)
		if (i == 0 || by_path(&out->entries[i], &out->entries[out->n - 1]) != 0)
			out->entries[out->n++] = out->entries[i];
	return LH_OK;
}

static LhStatus
list_files(LhCtx *ctx, LhFilesTable *table)
{
	size_t left = table->options.max_files ? table->options.max_files : 1000000;
	LhList *lists;

	LH_NEW_ARRAY(ctx, lists, table->nlocations);
	for (size_t i = 0; i < table->nlocations; i++)
	{
		if (left == 0)
			LH_FAIL(ctx, LH_LIMIT, "the locations of the table have more than %zu files",
					table->options.max_files ? table->options.max_files : 1000000);
		LH_TRY(lh_store_list(ctx, table->base.store, table->locations[i], NULL, left, &lists[i]));
		left -= lists[i].n;
	}
	if (table->nlocations == 1)
		table->files = lists[0];
	else
		LH_TRY(merge_lists(ctx, lists, table->nlocations, &table->files));
	return lh_hive_infer(ctx, &table->files, table->options.hive_partitioning, &table->hive);
}

LhStatus
lh_files_list(LhCtx *ctx, LhFilesTable *table)
{
	LhArena *old;
	LhStatus status;

	if (table->listed)
		return LH_OK;
	old = lh_use(ctx, table->arena);
	status = list_files(ctx, table);
	lh_use(ctx, old);
	table->listed = status == LH_OK;
	return status;
}

/*
 * Detection
 */

/* Is there a file of this name or glob below the location? */
static LhStatus
holds(LhCtx *ctx, LhStore *store, const char *location, const char *what, bool *yes)
{
	char *pattern = lh_sprintf(ctx, "%s/%s", location, what);
	LhStatus status;
	LhList list;

	*yes = false;
	if (pattern == NULL)
		return ctx->error->code;
	status = lh_store_list(ctx, store, pattern, NULL, 1, &list);
	if (status == LH_CANCELLED || status == LH_NO_MEMORY)
		return status;
	if (status != LH_OK)
		lh_error_clear(ctx); /* whoever opens the location will say what is wrong */
	*yes = status == LH_OK || status == LH_LIMIT;
	return LH_OK;
}

/*
 * Is it worth looking?  Asking an object store takes a request each, for a glob
 * perhaps the listing of a bucket; a file or a pattern of files is no table.
 */
static LhStatus
may_be_table(LhCtx *ctx, const char *location, bool *yes)
{
	LhScheme scheme;
	const char *path, *slash;

	LH_TRY(lh_location_parse(ctx, location, &scheme, &path));
	slash = strrchr(path, '/');
	*yes = scheme == LH_SCHEME_LOCAL ||
		   (scheme == LH_SCHEME_S3 && !lh_is_glob(path) && strchr(slash, '.') == NULL);
	return LH_OK;
}

/* Bare files are the last resort: refuse only what is known to be something else. */
static LhStatus
files_detect(LhCtx *ctx, LhStore *store, const char *location, bool *yes)
{
	static const struct
	{
		const char *what;
		const char *name;
	} others[] = {
		{"_delta_log/*.{json,parquet}", "a Delta table"},
		{".hoodie/hoodie.properties", "a Hudi table"},
	};

	bool look;

	*yes = true;
	if (location == NULL || is_json(location))
		return LH_OK;
	LH_TRY(may_be_table(ctx, location, &look));
	if (!look)
		return LH_OK;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
	{
		bool is;

		LH_TRY(holds(ctx, store, location, others[i].what, &is));
		if (!is)
			continue;
		lh_fail(ctx, LH_UNSUPPORTED, "\"%s\" is %s, which cannot be read yet", location,
				others[i].name);
		lh_hint(
			ctx,
			"Format \"parquet\" reads its files as they lie there, rows that were deleted included.");
		return LH_UNSUPPORTED;
	}
	return LH_OK;
}

/* Files of other formats are taken for what they are by the end of their names only. */
static bool
ends_with(const char *location, const char *end)
{
	size_t n = location != NULL ? strlen(location) : 0, k = strlen(end);

	return n > k && !is_json(location) && strcmp(location + n - k, end) == 0;
}

static LhStatus
detect_avro(LhCtx *ctx, LhStore *store, const char *location, bool *yes)
{
	*yes = ends_with(location, ".avro");
	return LH_OK;
}

static LhStatus
detect_orc(LhCtx *ctx, LhStore *store, const char *location, bool *yes)
{
	*yes = ends_with(location, ".orc");
	return LH_OK;
}

const LhFormat lh_files_format = {
	.name = "parquet",
	.detect = files_detect,
	.open = open_parquet,
};

const LhFormat lh_files_avro = {
	.name = "avro",
	.detect = detect_avro,
	.open = open_avro,
};

const LhFormat lh_files_orc = {
	.name = "orc",
	.detect = detect_orc,
	.open = open_orc,
};
