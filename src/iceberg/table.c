/*
 * table.c
 *		The vtable of Iceberg tables.
 *
 *	1. Opening looks at nothing but the options.
 *	2. The metadata file is found and read when schema or tasks are first asked for;
 *	   snapshot and schema are chosen, and stay for the life of the table.
 *	3. Another process of the statement adopts what this one found: it knows how
 *	   to spell paths, and gets schema and tasks as bytes (scan/wire.h), so it reads
 *	   no metadata at all.
 *
 * What a table keeps lives in its own arena, which counts as the floor of the
 * scan, as the names of bare files do.
 */
#include "iceberg/meta.h"

#include <stdio.h>

/* How many bytes a row group has, where nothing is known but the bytes of all files. */
#define GROUP_BYTES 134217728.0

/*
 * Opening
 */

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
		LH_TRY(lh_ice_copy(ctx, names[i], &copy[i]));
	*out = copy;
	return LH_OK;
}

static LhStatus table_schema(LhCtx *ctx, LhTable *base, LhTableSchema *out);
static LhStatus table_tasks(LhCtx *ctx, LhTable *base, const LhTaskFilter *filter, LhTaskList *out);
static LhStatus table_adopt(LhCtx *ctx, LhTable *base, const LhTableSchema *schema);
static LhStatus table_file_path(LhCtx *ctx, LhTable *base, LhStr raw, const char **out);
static LhStatus table_facts(LhCtx *ctx, LhTable *base,
							void (*fn)(void *arg, const char *label, const char *text), void *arg);

static LhStatus
open_table(LhCtx *ctx, LhStore *store, LhPqCache *cache, const LhTableOptions *options,
		   LhTable **out)
{
	LhIceTable *table;
	LhScheme scheme;
	const char *path;

	if (options->location == NULL)
		LH_FAIL(ctx, LH_INVALID, "location is missing");
	if (options->location[strspn(options->location, " \t\r\n")] == '[')
		LH_FAIL(ctx, LH_INVALID, "an Iceberg table has one location, not an array of them");
	LH_TRY(lh_location_parse(ctx, options->location, &scheme, &path));
	LH_NEW(ctx, table);
	table->base = (LhTable){
		.format = &lh_iceberg_format,
		.store = store,
		.cache = cache,
		.schema = table_schema,
		.tasks = table_tasks,
		.filtered = true,
		.adopt = table_adopt,
		.file_path = table_file_path,
		.facts = table_facts,
	};
	table->arena = ctx->arena;
	table->options = *options;
	LH_TRY(lh_ice_copy(ctx, options->location, &table->options.location));
	LH_TRY(lh_ice_copy(ctx, options->filename_column, &table->options.filename_column));
	LH_TRY(lh_ice_copy(ctx, options->ref, &table->options.ref));
	LH_TRY(lh_ice_copy(ctx, options->pin, &table->options.pin));
	LH_TRY(lh_ice_copy(ctx, options->rebase, &table->options.rebase));
	LH_TRY(copy_names(ctx, options->columns, &table->options.columns));
	*out = &table->base;
	return LH_OK;
}

static LhStatus
iceberg_open(LhCtx *ctx, LhStore *store, LhPqCache *cache, const LhTableOptions *options,
			 LhTable **out)
{
	LhArena *arena = lh_arena_child(ctx->arena), *old;
	LhStatus status;

	if (arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	lh_arena_as_floor(arena);
	old = lh_use(ctx, arena);
	status = open_table(ctx, store, cache, options, out);
	lh_use(ctx, old);
	return status;
}

/*
 * What a look at two names says: a table with a hint is one, and nothing without a directory
 * of metadata is.  *known false: only a listing tells.
 */
static LhStatus
detect_by_name(LhCtx *ctx, LhStore *store, const char *location, bool *known, bool *yes)
{
	const char *pattern, *raw, *dir, *hint;
	LhScheme scheme;
	bool has_dir;

	*known = false;
	LH_TRY(lh_location_plain(ctx, location, &scheme, &pattern, &raw));
	hint = lh_sprintf(ctx, "%s/metadata/version-hint.text", raw);
	dir = lh_sprintf(ctx, "%s/metadata", raw);
	if (hint == NULL || dir == NULL)
		return ctx->error->code;
	LH_TRY(lh_object_exists(ctx, store, hint, yes));
	*known = *yes;
	if (*known)
		return LH_OK;
	LH_TRY(lh_object_exists(ctx, store, dir, &has_dir));
	*known = !has_dir;
	return LH_OK;
}

/*
 * A metadata file, or a directory that holds some.  Object stores are asked only
 * for what looks like a directory.
 */
static LhStatus
iceberg_detect(LhCtx *ctx, LhStore *store, const char *location, bool *yes)
{
	const char *path;
	LhScheme scheme;
	LhStatus status;
	char *pattern;
	LhList list;
	size_t n;

	*yes = false;
	if (location == NULL || location[strspn(location, " \t\r\n")] == '[')
		return LH_OK;
	LH_TRY(lh_location_parse(ctx, location, &scheme, &path));
	if (lh_is_glob(path))
		return LH_OK;
	*yes = lh_ice_is_metadata_file(path);
	if (*yes || (scheme != LH_SCHEME_LOCAL &&
				 (scheme != LH_SCHEME_S3 || strchr(strrchr(path, '/'), '.') != NULL)))
		return LH_OK;
	for (n = strlen(path); n > 0 && path[n - 1] == '/'; n--)
		;
	if (scheme == LH_SCHEME_LOCAL)
	{
		bool known;

		status = detect_by_name(ctx, store, location, &known, yes);
		if (status == LH_CANCELLED || status == LH_NO_MEMORY || known)
			return status;
		lh_error_clear(ctx);
	}
	pattern = lh_sprintf(ctx, "%.*s/metadata/*.metadata.json*", (int) n, path);
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

const LhFormat lh_iceberg_format = {
	.name = "iceberg",
	.detect = iceberg_detect,
	.open = iceberg_open,
};

/*
 * Loading
 */

static LhStatus
load(LhCtx *ctx, LhIceTable *table)
{
	const LhTableOptions *options = &table->options;
	LhIceMetadata *m;
	const char *path;

	LH_TRY(lh_ice_locate(ctx, table->base.store, options, &path));
	LH_TRY(lh_ice_metadata_open(ctx, table->base.store, path, options->estimate, &m));
	LH_TRY(lh_ice_choose(ctx, m, options, &table->snapshot, &table->schema));
	LH_TRY(lh_ice_paths_init(ctx, table->base.store, path, m->location, options->rebase,
							 &table->paths));
	table->metadata = m;
	table->loaded = true;
	return LH_OK;
}

LhStatus
lh_ice_load(LhCtx *ctx, LhIceTable *table)
{
	LhArena *old;
	LhStatus status;

	if (table->loaded)
		return LH_OK;
	old = lh_use(ctx, table->arena);
	status = load(ctx, table);
	lh_use(ctx, old);
	return status;
}

LhStatus
lh_ice_load_list(LhCtx *ctx, LhIceTable *table)
{
	LhArena *old;
	LhStatus status = LH_OK;

	LH_TRY(lh_ice_load(ctx, table));
	if (table->has_list)
		return LH_OK;
	old = lh_use(ctx, table->arena);
	if (table->snapshot != NULL)
		status = lh_ice_manifest_list(ctx, table, table->snapshot, &table->nmanifests,
									  &table->manifests);
	lh_use(ctx, old);
	table->has_list = status == LH_OK;
	return status;
}

/* The state is this one, whoever commits meanwhile. */
LhStatus
lh_ice_pin(LhCtx *ctx, LhTable *base, const char *path)
{
	LhIceTable *table = (LhIceTable *) base;
	LhArena *old = lh_use(ctx, table->arena);
	LhStatus status;

	if (table->loaded)
		status = lh_fail(ctx, LH_BUG, "an Iceberg table is pinned after it was read");
	else
		status = lh_ice_copy(ctx, path, &table->options.pin);
	lh_use(ctx, old);
	return status;
}

/*
 * Columns
 */

typedef struct Columns
{
	const char *const *wanted; /* option "columns"; NULL: all */
	int n;
	LhColumn *cols;
} Columns;

static bool
is_wanted(const Columns *c, const char *name)
{
	if (c->wanted == NULL)
		return true;
	for (int i = 0; c->wanted[i] != NULL; i++)
		if (strcmp(c->wanted[i], name) == 0)
			return true;
	return false;
}

static bool
is_taken(const Columns *c, const char *name)
{
	for (int i = 0; i < c->n; i++)
		if (strcmp(c->cols[i].name, name) == 0)
			return true;
	return false;
}

static LhStatus
check_wanted(LhCtx *ctx, const Columns *c, const LhIceTable *table)
{
	for (int i = 0; c->wanted != NULL && c->wanted[i] != NULL; i++)
		if (!is_taken(c, c->wanted[i]))
			LH_FAIL(ctx, LH_NOT_FOUND, "column \"%s\" of option \"columns\" is not in \"%s\"",
					c->wanted[i], table->metadata->path);
	return LH_OK;
}

static void
add_data_columns(Columns *c, const LhIceSchema *schema)
{
	for (int i = 0; i < schema->root.nfields; i++)
	{
		const LhField *f = &schema->root.fields[i];

		if (!is_wanted(c, f->name))
			continue;
		c->cols[c->n++] = (LhColumn){
			.name = f->name,
			.type = f->type,
			.required = f->required,
			.source = LH_SRC_DATA,
			.field_id = f->field_id,
			.doc = schema->docs != NULL ? schema->docs[i] : NULL,
		};
	}
}

/* What the format knows of each row.  A column of the table that is called so hides it. */
static const struct
{
	const char *name;
	LhColumnSource source;
	int field_id;
	int from_version;
	bool change;
	bool required;
	LhType type;
} metadata_columns[] = {
	{"_file",
	 LH_SRC_FILENAME,
	 LH_ID_FILE,
	 1,
	 false,
	 true,
	 {.id = LH_T_STRING, .lane = LH_LANE_STR}},
	{"_pos",
	 LH_SRC_POSITION,
	 LH_ID_POSITION,
	 1,
	 false,
	 true,
	 {.id = LH_T_INT64, .lane = LH_LANE_I64}},
	{"_deleted",
	 LH_SRC_DELETED,
	 LH_ID_DELETED,
	 1,
	 false,
	 true,
	 {.id = LH_T_BOOL, .lane = LH_LANE_U8}},
	{"_spec_id",
	 LH_SRC_SPEC_ID,
	 LH_ID_SPEC_ID,
	 1,
	 false,
	 true,
	 {.id = LH_T_INT32, .lane = LH_LANE_I32}},
	{"_partition",
	 LH_SRC_PARTITION_TUPLE,
	 LH_ID_PARTITION,
	 1,
	 false,
	 false,
	 {.id = LH_T_JSON, .lane = LH_LANE_STR}},
	{"_row_id",
	 LH_SRC_ROW_ID,
	 LH_ID_ROW_ID,
	 3,
	 false,
	 false,
	 {.id = LH_T_INT64, .lane = LH_LANE_I64}},
	{"_last_updated_sequence_number",
	 LH_SRC_ROW_SEQUENCE,
	 LH_ID_ROW_SEQUENCE,
	 3,
	 false,
	 false,
	 {.id = LH_T_INT64, .lane = LH_LANE_I64}},
	{"_change_type",
	 LH_SRC_CHANGE_TYPE,
	 LH_ID_CHANGE_TYPE,
	 1,
	 true,
	 true,
	 {.id = LH_T_STRING, .lane = LH_LANE_STR}},
	{"_change_ordinal",
	 LH_SRC_CHANGE_ORDINAL,
	 LH_ID_CHANGE_ORDINAL,
	 1,
	 true,
	 true,
	 {.id = LH_T_INT32, .lane = LH_LANE_I32}},
	{"_commit_snapshot_id",
	 LH_SRC_CHANGE_SNAPSHOT,
	 LH_ID_CHANGE_SNAPSHOT,
	 1,
	 true,
	 true,
	 {.id = LH_T_INT64, .lane = LH_LANE_I64}},
};

#define N_METADATA_COLUMNS ((int) (sizeof(metadata_columns) / sizeof(metadata_columns[0])))

static void
add_metadata_columns(Columns *c, const LhIceTable *table)
{
	const LhTableOptions *options = &table->options;

	if (options->filename_column != NULL && !is_taken(c, options->filename_column))
		c->cols[c->n++] = (LhColumn){
			.name = options->filename_column,
			.type = metadata_columns[0].type,
			.required = true,
			.source = LH_SRC_FILENAME,
			.field_id = LH_ID_FILE,
		};
	for (int i = 0; i < N_METADATA_COLUMNS; i++)
	{
		if (table->metadata->version < metadata_columns[i].from_version ||
			(metadata_columns[i].change && !options->changes) ||
			is_taken(c, metadata_columns[i].name))
			continue;
		c->cols[c->n++] = (LhColumn){
			.name = metadata_columns[i].name,
			.type = metadata_columns[i].type,
			.required = metadata_columns[i].required,
			.source = metadata_columns[i].source,
			.field_id = metadata_columns[i].field_id,
			.hidden = !metadata_columns[i].change && !options->metadata_columns &&
					  (c->wanted == NULL || !is_wanted(c, metadata_columns[i].name)),
		};
	}
}

/*
 * State: what another process needs to spell paths
 */

#define N_TEXTS 4

typedef struct State
{
	int64_t snapshot_id;
	int32_t has_snapshot, rebase, scheme, version;
	/* metadata path, found, location, base follow, each with a NUL */
} State;

static LhStatus
pack_state(LhCtx *ctx, const LhIceTable *table, LhSlice *out)
{
	State state = {
		.snapshot_id = table->snapshot != NULL ? table->snapshot->snapshot_id : 0,
		.has_snapshot = table->snapshot != NULL,
		.rebase = table->paths.rebase,
		.scheme = (int32_t) table->paths.scheme,
		.version = table->metadata->version,
	};
	const char *texts[N_TEXTS] = {table->metadata->path, table->paths.found, table->paths.location,
								  table->paths.base};
	LhBuf bytes;

	LH_TRY(lh_buf_init(ctx, &bytes, true));
	LH_TRY(lh_buf_append(ctx, &bytes, &state, sizeof(state)));
	for (int i = 0; i < N_TEXTS; i++)
		LH_TRY(lh_buf_append(ctx, &bytes, texts[i], strlen(texts[i]) + 1));
	*out = lh_slice(bytes.data, bytes.len);
	return LH_OK;
}

static LhStatus
unpack_state(LhCtx *ctx, LhIceTable *table, LhSlice bytes)
{
	const char *texts[N_TEXTS];
	State state;
	size_t at = sizeof(state);

	if (bytes.len < sizeof(state))
		LH_FAIL(ctx, LH_BUG, "the state of an Iceberg table has %zu bytes", bytes.len);
	memcpy(&state, bytes.data, sizeof(state));
	for (int i = 0; i < N_TEXTS; i++)
	{
		const uint8_t *end = at < bytes.len ? memchr(bytes.data + at, '\0', bytes.len - at) : NULL;

		if (end == NULL)
			LH_FAIL(ctx, LH_BUG, "the state of an Iceberg table ends early");
		LH_TRY(lh_ice_copy(ctx, (const char *) bytes.data + at, &texts[i]));
		at = (size_t) (end - bytes.data) + 1;
	}
	table->options.pin = texts[0];
	if (state.has_snapshot)
	{
		table->options.snapshot_id = state.snapshot_id;
		table->options.has_time = false;
		table->options.ref = NULL;
	}
	table->paths = (LhIcePaths){
		.found = texts[1],
		.location = texts[2],
		.base = texts[3],
		.rebase = state.rebase != 0,
		.scheme = (LhScheme) state.scheme,
		.store = table->base.store,
	};
	return LH_OK;
}

static LhStatus
table_adopt(LhCtx *ctx, LhTable *base, const LhTableSchema *schema)
{
	LhIceTable *table = (LhIceTable *) base;
	LhArena *old = lh_use(ctx, table->arena);
	LhStatus status = unpack_state(ctx, table, schema->state);

	lh_use(ctx, old);
	table->adopted = status == LH_OK;
	return status;
}

/*
 * Schema
 */

static LhStatus
make_schema(LhCtx *ctx, LhIceTable *table, LhTableSchema *out)
{
	const LhIceSchema *schema = table->schema;
	Columns c = {.wanted = table->options.columns};
	LhIceSnapshotInfo info;

	LH_NEW_ARRAY(ctx, c.cols, (size_t) schema->root.nfields + N_METADATA_COLUMNS + 1);
	add_data_columns(&c, schema);
	add_metadata_columns(&c, table);
	LH_TRY(check_wanted(ctx, &c, table));
	*out = (LhTableSchema){
		.ncols = c.n,
		.cols = c.cols,
		.by_id = true,
		.ndefaults = schema->ndefaults,
		.defaults = schema->defaults,
		.mapping = table->metadata->mapping,
	};
	LH_TRY(lh_ice_snapshot_info(ctx, &table->base, &info));
	out->rows = info.rows > 0 ? info.rows : 0;
	out->bytes = info.bytes > 0 ? info.bytes : 0;
	out->deletes = info.delete_files != 0;
	out->files = out->files_total = info.data_files > 0 ? info.data_files : 0;
	out->groups = (double) out->bytes / GROUP_BYTES;
	if (out->groups < (double) out->files)
		out->groups = (double) out->files;
	return pack_state(ctx, table, &out->state);
}

static LhStatus
table_schema(LhCtx *ctx, LhTable *base, LhTableSchema *out)
{
	LhIceTable *table = (LhIceTable *) base;
	LhArena *old;
	LhStatus status = LH_OK;

	LH_TRY(lh_ice_load(ctx, table));
	if (table->table_schema.cols == NULL)
	{
		old = lh_use(ctx, table->arena);
		status = make_schema(ctx, table, &table->table_schema);
		lh_use(ctx, old);
		if (status != LH_OK)
			table->table_schema.cols = NULL;
	}
	*out = table->table_schema;
	return status;
}

static LhStatus
table_tasks(LhCtx *ctx, LhTable *base, const LhTaskFilter *filter, LhTaskList *out)
{
	LhIceTable *table = (LhIceTable *) base;

	*out = (LhTaskList){0};
	LH_TRY(lh_ice_load(ctx, table));
	return lh_ice_plan(ctx, table, filter, out);
}

static LhStatus
table_file_path(LhCtx *ctx, LhTable *base, LhStr raw, const char **out)
{
	LhIceTable *table = (LhIceTable *) base;

	if (!table->adopted)
		LH_TRY(lh_ice_load(ctx, table));
	return lh_ice_path_form(ctx, &table->paths, (const char *) raw.ptr, raw.len, out);
}

static LhStatus
table_facts(LhCtx *ctx, LhTable *base, void (*fn)(void *arg, const char *label, const char *text),
			void *arg)
{
	LhIceTable *table = (LhIceTable *) base;
	const LhIceSnapshot *s = table->snapshot;
	char text[64];

	if (!table->loaded)
		return LH_OK;
	fn(arg, "Metadata File", table->metadata->path);
	if (table->options.ref != NULL)
		fn(arg, "Ref", table->options.ref);
	if (s == NULL)
	{
		fn(arg, "Snapshot", "none");
		return LH_OK;
	}
	snprintf(text, sizeof(text), "%lld", (long long) s->snapshot_id);
	fn(arg, "Snapshot", text);
	lh_format_timestamp(s->timestamp_ms, LH_UNIT_MS, true, text);
	fn(arg, "Snapshot Time", text);
	if (table->has_list)
	{
		snprintf(text, sizeof(text), "%zu", table->nmanifests);
		fn(arg, "Manifests", text);
	}
	return LH_OK;
}
