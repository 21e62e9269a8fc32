/*
 * describe.c
 *		Files of a location and what their footers say: lakehouse.list,
 *		parquet_metadata, parquet_schema, parquet_key_values.
 *
 * describe_chunks.c has what lies deeper.  Nothing is created, and data pages
 * are not read.
 */
#include "pg/lake/describe.h"

#include "datatype/timestamp.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

extern PGDLLEXPORT Datum lakehouse_list(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_parquet_metadata(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_parquet_schema(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_parquet_key_values(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(lakehouse_list);
PG_FUNCTION_INFO_V1(lakehouse_parquet_metadata);
PG_FUNCTION_INFO_V1(lakehouse_parquet_schema);
PG_FUNCTION_INFO_V1(lakehouse_parquet_key_values);

/* ---- files ---- */

static LhStatus
open_file(LhDescribe *d, LhStore *store)
{
	LhPqOptions options = {0};
	LhObject   *obj;

	LH_TRY(lh_object_open(d->ctx, store, d->path, &obj));
	LH_TRY(lh_pq_open(d->ctx, obj, lh_pg_footer_cache(), &options, &d->file));
	d->meta = lh_pq_meta(d->file);
	d->size = lh_object_id(obj)->size;
	return LH_OK;
}

static void
describe_file(LhDescribe *d, LhStore *store, bool open, LhDescribeFn fn)
{
	LhArena    *arena = lh_arena_child(d->ctx->arena);
	LhArena    *old;
	MemoryContext caller;

	if (arena == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	old = lh_use(d->ctx, arena);
	if (open)
		lh_pg_check(d->ctx, open_file(d, store));
	/* what one row needs goes with the row */
	caller = MemoryContextSwitchTo(d->rows.mcxt);
	fn(d);
	MemoryContextSwitchTo(caller);
	lh_use(d->ctx, old);
	lh_arena_destroy(arena);
}

Datum
lh_describe(FunctionCallInfo fcinfo, bool open, LhDescribeFn fn)
{
	LhDescribe	d = {0};
	char	   *location = LH_ARG_TEXT(0);
	Oid			serverid = lh_lake_server_arg(fcinfo, 1);
	MemoryContext mcxt,
				old;
	LhStore    *store;
	ListCell   *lc;

	lh_rows_begin(&d.rows, fcinfo);
	if (location == NULL)
		return (Datum) 0;
	lh_location_check(GetUserId(), serverid, location);
	mcxt = AllocSetContextCreate(CurrentMemoryContext, "lakehouse describe", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(mcxt);
	d.ctx = lh_pg_ctx(mcxt, (size_t) work_mem, "work_mem");
	lh_arena_as_floor(d.ctx->arena);	/* the names of all files */
	lh_lake_store(d.ctx, GetUserId(), serverid, &store);
	foreach(lc, lh_location_list(location))
	{
		LhList		list;

		lh_pg_check(d.ctx, lh_store_list(d.ctx, store, lh_pg_utf8(lfirst(lc)), NULL, 0, &list));
		for (size_t i = 0; i < list.n; i++)
		{
			d.path = list.entries[i].path;
			d.size = list.entries[i].size;
			d.mtime_ns = list.entries[i].mtime_ns;
			describe_file(&d, store, open, fn);
		}
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(mcxt);
	return (Datum) 0;
}

/* ---- values ---- */

static LhStatus
put_nul(LhCtx *ctx, LhBuf *buf, LhStatus status)
{
	LH_TRY(status);
	return lh_buf_putc(ctx, buf, '\0');
}

void
lh_describe_type(LhDescribe *d, const LhType *type)
{
	LhBuf		buf;

	lh_pg_check(d->ctx, lh_buf_init(d->ctx, &buf, false));
	lh_pg_check(d->ctx, put_nul(d->ctx, &buf, lh_type_format(d->ctx, type, &buf)));
	lh_rows_text(&d->rows, (const char *) buf.data);
	lh_buf_free(&buf);
}

void
lh_describe_value(LhDescribe *d, const LhValue *value)
{
	LhBuf		buf;

	lh_pg_check(d->ctx, lh_buf_init(d->ctx, &buf, false));
	lh_pg_check(d->ctx, put_nul(d->ctx, &buf, lh_value_format(d->ctx, value, &buf)));
	lh_rows_text(&d->rows, (const char *) buf.data);
	lh_buf_free(&buf);
}

void
lh_describe_path(LhDescribe *d, int node)
{
	char	   *path;

	lh_pg_check(d->ctx, lh_pq_path(d->ctx, d->meta, node, &path));
	lh_rows_text(&d->rows, path);
}

void
lh_describe_known(LhDescribe *d, int64 value)
{
	if (value < 0)
		lh_rows_null(&d->rows);
	else
		lh_rows_bigint(&d->rows, value);
}

static void
known_int(LhDescribe *d, int32 value)
{
	if (value < 0)
		lh_rows_null(&d->rows);
	else
		lh_rows_int(&d->rows, value);
}

/* ---- lakehouse.list ---- */

static void
list_file(LhDescribe *d)
{
	int64		us = d->mtime_ns / 1000;

	lh_rows_text(&d->rows, d->path);
	lh_rows_bigint(&d->rows, d->size);
	lh_rows_datum(&d->rows, TimestampTzGetDatum(us - (int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY));
	lh_rows_put(&d->rows);
}

Datum
lakehouse_list(PG_FUNCTION_ARGS)
{
	return lh_describe(fcinfo, false, list_file);
}

/* ---- lakehouse.parquet_metadata ---- */

static void
metadata_of(LhDescribe *d)
{
	const LhPqMeta *meta = d->meta;

	lh_rows_text(&d->rows, d->path);
	lh_rows_bigint(&d->rows, d->size);
	lh_rows_bigint(&d->rows, meta->num_rows);
	lh_rows_int(&d->rows, meta->ngroups);
	lh_rows_int(&d->rows, meta->nleaves);
	lh_rows_int(&d->rows, meta->version);
	lh_rows_text(&d->rows, meta->created_by);
	lh_rows_bigint(&d->rows, meta->footer_size);
	lh_rows_bool(&d->rows, meta->has_column_orders);
	lh_rows_put(&d->rows);
}

Datum
lakehouse_parquet_metadata(PG_FUNCTION_ARGS)
{
	return lh_describe(fcinfo, true, metadata_of);
}

/* ---- lakehouse.parquet_schema ---- */

static int
depth_of(const LhPqMeta *meta, int node)
{
	int			depth = 0;

	for (int i = meta->nodes[node].parent; i >= 0; i = meta->nodes[i].parent)
		depth++;
	return depth;
}

static void
put_decimal_digits(LhDescribe *d, const LhPqNode *node)
{
	if (node->type.id != LH_T_DECIMAL)
	{
		lh_rows_null(&d->rows);
		lh_rows_null(&d->rows);
		return;
	}
	lh_rows_int(&d->rows, node->type.precision);
	lh_rows_int(&d->rows, node->type.scale);
}

/* Has the node one value a row?  What lies in a list has not; a list has, even one without a group around it. */
static bool
can_be_column(const LhPqMeta *meta, const LhPqNode *node)
{
	return node->max_rep == 0 ||
		(meta->nodes[node->parent].max_rep == 0 && node->type.id == LH_T_LIST && node->repeated == node->index);
}

/* The type of a column declared on this node. */
static void
put_sql_type(LhDescribe *d, const LhPqNode *node)
{
	if (can_be_column(d->meta, node))
		lh_rows_datum(&d->rows, CStringGetTextDatum(lh_pg_type_sql(&node->type)));
	else
		lh_rows_null(&d->rows);
}

static void
schema_of(LhDescribe *d)
{
	for (int i = 1; i < d->meta->nnodes; i++)
	{
		const LhPqNode *node = &d->meta->nodes[i];
		bool		leaf = node->leaf >= 0;

		lh_rows_text(&d->rows, d->path);
		lh_describe_path(d, i);
		lh_rows_text(&d->rows, node->name);
		lh_rows_int(&d->rows, depth_of(d->meta, i));
		known_int(d, node->leaf);
		lh_rows_text(&d->rows, lh_pq_repetition_name(node->repetition));
		lh_rows_text(&d->rows, leaf ? lh_pq_physical_name(node->physical) : NULL);
		known_int(d, leaf && node->physical == LH_PQ_FLBA ? node->type_length : -1);
		lh_rows_text(&d->rows, lh_pq_converted_name(node->converted));
		lh_rows_text(&d->rows, node->logical);
		put_decimal_digits(d, node);
		known_int(d, node->field_id);
		lh_rows_int(&d->rows, node->nchildren);
		lh_rows_int(&d->rows, node->max_def);
		lh_rows_int(&d->rows, node->max_rep);
		lh_describe_type(d, &node->type);
		put_sql_type(d, node);
		lh_rows_put(&d->rows);
	}
}

Datum
lakehouse_parquet_schema(PG_FUNCTION_ARGS)
{
	return lh_describe(fcinfo, true, schema_of);
}

/* ---- lakehouse.parquet_key_values ---- */

/* group below 0: of the file */
static void
put_pairs(LhDescribe *d, int group, int node, int n, const char *const *kv)
{
	for (int i = 0; i < n; i++)
	{
		lh_rows_text(&d->rows, d->path);
		if (group < 0)
		{
			lh_rows_null(&d->rows);
			lh_rows_null(&d->rows);
		}
		else
		{
			lh_rows_int(&d->rows, group);
			lh_describe_path(d, node);
		}
		lh_rows_text(&d->rows, kv[2 * i]);
		lh_rows_text(&d->rows, kv[2 * i + 1]);
		lh_rows_put(&d->rows);
	}
}

static void
key_values_of(LhDescribe *d)
{
	const LhPqMeta *meta = d->meta;

	put_pairs(d, -1, 0, meta->nkv, meta->kv);
	for (int g = 0; g < meta->ngroups; g++)
	{
		for (int leaf = 0; leaf < meta->nleaves; leaf++)
		{
			const LhPqChunk *chunk;

			lh_pg_check(d->ctx, lh_pq_chunk(d->ctx, d->file, g, leaf, &chunk));
			put_pairs(d, g, meta->leaf_nodes[leaf], chunk->nkv, chunk->kv);
		}
	}
}

Datum
lakehouse_parquet_key_values(PG_FUNCTION_ARGS)
{
	return lh_describe(fcinfo, true, key_values_of);
}
