/*
 * describe_meta.c
 *		Iceberg's metadata tables: columns of all, rows of those that the metadata file tells.
 *
 * Names, order and meaning of the columns are those of Spark's tables ("$snapshots",
 * "$files" ...); structs, lists and maps are JSON.  Tables whose rows are in manifests
 * are described by describe_files.c.
 */
#include "iceberg/meta.h"

#define COLUMN_TYPE(id_, lane_)      \
	{                                \
		.id = (id_), .lane = (lane_) \
	}
#define INT32_T  COLUMN_TYPE(LH_T_INT32, LH_LANE_I32)
#define INT64_T  COLUMN_TYPE(LH_T_INT64, LH_LANE_I64)
#define BOOL_T   COLUMN_TYPE(LH_T_BOOL, LH_LANE_U8)
#define STRING_T COLUMN_TYPE(LH_T_STRING, LH_LANE_STR)
#define JSON_T   COLUMN_TYPE(LH_T_JSON, LH_LANE_STR)
#define MOMENT_T                                                                   \
	{                                                                              \
		.id = LH_T_TIMESTAMP, .lane = LH_LANE_I64, .unit = LH_UNIT_MS, .utc = true \
	}

/*
 * Columns
 */

static const LhIceMetaColumn snapshots_columns[] = {
	{"committed_at", MOMENT_T}, {"snapshot_id", INT64_T},    {"parent_id", INT64_T},
	{"operation", STRING_T},    {"manifest_list", STRING_T}, {"summary", JSON_T},
};

static const LhIceMetaColumn history_columns[] = {
	{"made_current_at", MOMENT_T},
	{"snapshot_id", INT64_T},
	{"parent_id", INT64_T},
	{"is_current_ancestor", BOOL_T},
};

static const LhIceMetaColumn refs_columns[] = {
	{"name", STRING_T},
	{"type", STRING_T},
	{"snapshot_id", INT64_T},
	{"max_reference_age_in_ms", INT64_T},
	{"min_snapshots_to_keep", INT32_T},
	{"max_snapshot_age_in_ms", INT64_T},
};

static const LhIceMetaColumn files_columns[] = {
	{"content", INT32_T},
	{"file_path", STRING_T},
	{"file_format", STRING_T},
	{"spec_id", INT32_T},
	{"partition", JSON_T},
	{"record_count", INT64_T},
	{"file_size_in_bytes", INT64_T},
	{"column_sizes", JSON_T},
	{"value_counts", JSON_T},
	{"null_value_counts", JSON_T},
	{"nan_value_counts", JSON_T},
	{"lower_bounds", JSON_T},
	{"upper_bounds", JSON_T},
	{"key_metadata", STRING_T},
	{"split_offsets", JSON_T},
	{"equality_ids", JSON_T},
	{"sort_order_id", INT32_T},
	{"first_row_id", INT64_T},
	{"referenced_data_file", STRING_T},
	{"content_offset", INT64_T},
	{"content_size_in_bytes", INT64_T},
	{"readable_metrics", JSON_T},
};

static const LhIceMetaColumn manifests_columns[] = {
	{"content", INT32_T},
	{"path", STRING_T},
	{"length", INT64_T},
	{"partition_spec_id", INT32_T},
	{"added_snapshot_id", INT64_T},
	{"added_data_files_count", INT32_T},
	{"existing_data_files_count", INT32_T},
	{"deleted_data_files_count", INT32_T},
	{"added_delete_files_count", INT32_T},
	{"existing_delete_files_count", INT32_T},
	{"deleted_delete_files_count", INT32_T},
	{"partition_summaries", JSON_T},
	{"key_metadata", STRING_T},
};

static const LhIceMetaColumn partitions_columns[] = {
	{"partition", JSON_T},
	{"spec_id", INT32_T},
	{"record_count", INT64_T},
	{"file_count", INT32_T},
	{"total_data_file_size_in_bytes", INT64_T},
	{"position_delete_record_count", INT64_T},
	{"position_delete_file_count", INT32_T},
	{"equality_delete_record_count", INT64_T},
	{"equality_delete_file_count", INT32_T},
	{"last_updated_at", MOMENT_T},
	{"last_updated_snapshot_id", INT64_T},
};

static const LhIceMetaColumn entries_columns[] = {
	{"status", INT32_T},          {"snapshot_id", INT64_T},
	{"sequence_number", INT64_T}, {"file_sequence_number", INT64_T},
	{"data_file", JSON_T},        {"readable_metrics", JSON_T},
};

static const LhIceMetaColumn metadata_log_columns[] = {
	{"timestamp", MOMENT_T},
	{"file", STRING_T},
	{"latest_snapshot_id", INT64_T},
	{"latest_schema_id", INT32_T},
	{"latest_sequence_number", INT64_T},
};

static const LhIceMetaColumn properties_columns[] = {{"key", STRING_T}, {"value", STRING_T}};

#define COLUMNS(name)                                                      \
	{                                                                      \
		name##_columns, sizeof(name##_columns) / sizeof(name##_columns[0]) \
	}

static const struct
{
	const LhIceMetaColumn *columns;
	int n;
} tables[LH_N_ICE_META_TABLES] = {
	[LH_ICE_SNAPSHOTS] = COLUMNS(snapshots),
	[LH_ICE_HISTORY] = COLUMNS(history),
	[LH_ICE_REFS] = COLUMNS(refs),
	[LH_ICE_FILES] = COLUMNS(files),
	[LH_ICE_ALL_FILES] = COLUMNS(files),
	[LH_ICE_MANIFESTS] = COLUMNS(manifests),
	[LH_ICE_PARTITIONS] = COLUMNS(partitions),
	[LH_ICE_ENTRIES] = COLUMNS(entries),
	[LH_ICE_DELETE_FILES] = COLUMNS(files),
	[LH_ICE_METADATA_LOG] = COLUMNS(metadata_log),
	[LH_ICE_PROPERTIES] = COLUMNS(properties),
};

const LhIceMetaColumn *
lh_ice_meta_columns(LhIceMetaTable which, int *n)
{
	*n = tables[which].n;
	return tables[which].columns;
}

/*
 * Rows
 */

#define MAX_COLUMNS 8

/* A row being made. */
typedef struct Row
{
	const LhIceMetaColumn *columns;
	int n;
	LhValue values[MAX_COLUMNS];
} Row;

static void
begin_row(Row *row, LhIceMetaTable which)
{
	row->columns = tables[which].columns;
	row->n = 0;
}

static LhValue *
next_value(Row *row, bool null)
{
	LhValue *v = &row->values[row->n];

	*v = (LhValue){.type = row->columns[row->n].type, .null = null};
	row->n++;
	return v;
}

static void
put_int(Row *row, bool known, int64_t i)
{
	next_value(row, !known)->i64 = known ? i : 0;
}

static void
put_bool(Row *row, bool b)
{
	next_value(row, false)->i64 = b;
}

static void
put_slice(Row *row, LhSlice s)
{
	LhValue *v = next_value(row, s.data == NULL);

	v->str = (LhStr){s.data, (uint32_t) s.len, 0};
}

/* NULL is null. */
static void
put_text(Row *row, const char *s)
{
	put_slice(row, s != NULL ? lh_slice(s, strlen(s)) : (LhSlice){0});
}

/* What is read for one row goes to its own arena. */
typedef struct Walk
{
	const LhIceMetadata *m;
	LhArena *scratch;
	LhIceRowFn fn;
	void *arg;
	Row row;
} Walk;

static LhStatus
give(LhCtx *ctx, Walk *walk)
{
	LH_TRY(walk->fn(ctx, walk->arg, walk->row.values));
	lh_arena_reset(walk->scratch);
	return lh_poll(ctx);
}

/* A snapshot, until the row is given.  *out NULL: the table has it no more. */
static LhStatus
snapshot_of(LhCtx *ctx, Walk *walk, int64_t id, LhIceSnapshot **out)
{
	LhArena *old;
	LhStatus status;

	*out = NULL;
	if (lh_ice_snapshot_find(walk->m, id) == NULL)
		return LH_OK;
	old = lh_use(ctx, walk->scratch);
	status = lh_ice_snapshot_get(ctx, walk->m, id, out);
	lh_use(ctx, old);
	return status;
}

/* The summary without its operation, which has a column of its own. */
static LhStatus
write_summary(LhCtx *ctx, LhSlice summary, LhBuf *out)
{
	bool more, first = true;
	LhSlice name, value;
	LhPull j;

	out->len = 0;
	LH_TRY(lh_pull_open(ctx, &j, "summary of a snapshot", summary));
	LH_TRY(lh_pull_object(ctx, &j));
	LH_TRY(lh_buf_putc(ctx, out, '{'));
	for (;;)
	{
		LH_TRY(lh_pull_member(ctx, &j, &name, &more));
		if (!more)
			return lh_buf_putc(ctx, out, '}');
		LH_TRY(lh_pull_skip(ctx, &j, &value));
		if (lh_slice_is(name, "operation"))
			continue;
		LH_TRY(lh_buf_append_str(ctx, out, first ? "" : ", "));
		LH_TRY(lh_json_string(ctx, out, (const char *) name.data, name.len));
		LH_TRY(lh_buf_append_str(ctx, out, ": "));
		LH_TRY(lh_buf_append(ctx, out, value.data, value.len));
		first = false;
	}
}

static LhStatus
snapshots_rows(LhCtx *ctx, Walk *walk)
{
	LhBuf summary;

	LH_TRY(lh_buf_init(ctx, &summary, true));
	for (size_t i = 0; i < walk->m->nsnapshots; i++)
	{
		LhIceSnapshot *s;

		LH_TRY(snapshot_of(ctx, walk, walk->m->snapshots[i].snapshot_id, &s));
		if (s->summary.len > 0)
		{
			LhArena *old = lh_use(ctx, walk->scratch);
			LhStatus status = write_summary(ctx, s->summary, &summary);

			lh_use(ctx, old);
			LH_TRY(status);
		}
		begin_row(&walk->row, LH_ICE_SNAPSHOTS);
		put_int(&walk->row, true, s->timestamp_ms);
		put_int(&walk->row, true, s->snapshot_id);
		put_int(&walk->row, s->has_parent, s->parent_id);
		put_text(&walk->row, s->operation);
		put_text(&walk->row, s->manifest_list);
		put_slice(&walk->row,
				  s->summary.len > 0 ? lh_slice(summary.data, summary.len) : (LhSlice){0});
		LH_TRY(give(ctx, walk));
	}
	return LH_OK;
}

/* A bit for each snapshot that the current one comes from; parents may go in a circle. */
static LhStatus
mark_ancestors(LhCtx *ctx, Walk *walk, bool **out)
{
	const LhIceMetadata *m = walk->m;
	int64_t id = m->current_snapshot;
	bool more = m->has_current;

	LH_NEW_ARRAY(ctx, *out, m->nsnapshots + 1);
	while (more)
	{
		const LhIceSnapshotEntry *entry = lh_ice_snapshot_find(m, id);
		LhIceSnapshot *s;

		if (entry == NULL || (*out)[entry - m->snapshots])
			break;
		(*out)[entry - m->snapshots] = true;
		LH_TRY(snapshot_of(ctx, walk, id, &s));
		more = s->has_parent;
		id = s->parent_id;
		lh_arena_reset(walk->scratch);
		LH_TRY(lh_poll(ctx));
	}
	return LH_OK;
}

static LhStatus
history_rows(LhCtx *ctx, Walk *walk)
{
	bool *ancestors;

	LH_TRY(mark_ancestors(ctx, walk, &ancestors));
	for (size_t i = 0; i < walk->m->nlog; i++)
	{
		const LhIceLogEntry *e = &walk->m->log[i];
		const LhIceSnapshotEntry *entry = lh_ice_snapshot_find(walk->m, e->snapshot_id);
		LhIceSnapshot *s;

		LH_TRY(snapshot_of(ctx, walk, e->snapshot_id, &s));
		begin_row(&walk->row, LH_ICE_HISTORY);
		put_int(&walk->row, true, e->timestamp_ms);
		put_int(&walk->row, true, e->snapshot_id);
		put_int(&walk->row, s != NULL && s->has_parent, s != NULL ? s->parent_id : 0);
		put_bool(&walk->row, entry != NULL && ancestors[entry - walk->m->snapshots]);
		LH_TRY(give(ctx, walk));
	}
	return LH_OK;
}

static LhStatus
refs_rows(LhCtx *ctx, Walk *walk)
{
	for (int i = 0; i < walk->m->nrefs; i++)
	{
		const LhIceRef *r = &walk->m->refs[i];

		begin_row(&walk->row, LH_ICE_REFS);
		put_text(&walk->row, r->name);
		put_text(&walk->row, r->is_tag ? "TAG" : "BRANCH");
		put_int(&walk->row, true, r->snapshot_id);
		put_int(&walk->row, r->max_ref_age_ms >= 0, r->max_ref_age_ms);
		put_int(&walk->row, r->min_snapshots >= 0, r->min_snapshots);
		put_int(&walk->row, r->max_snapshot_age_ms >= 0, r->max_snapshot_age_ms);
		LH_TRY(give(ctx, walk));
	}
	return LH_OK;
}

/* A metadata file, and what was current when it was written. */
static LhStatus
metadata_file_row(LhCtx *ctx, Walk *walk, int64_t timestamp_ms, const char *file)
{
	const LhIceLogEntry *current = NULL;
	LhIceSnapshot *s = NULL;

	for (size_t i = 0; i < walk->m->nlog; i++)
		if (walk->m->log[i].timestamp_ms <= timestamp_ms)
			current = &walk->m->log[i];
	if (current != NULL)
		LH_TRY(snapshot_of(ctx, walk, current->snapshot_id, &s));
	begin_row(&walk->row, LH_ICE_METADATA_LOG);
	put_int(&walk->row, true, timestamp_ms);
	put_text(&walk->row, file);
	put_int(&walk->row, current != NULL, current != NULL ? current->snapshot_id : 0);
	put_int(&walk->row, s != NULL && s->schema_id >= 0, s != NULL ? s->schema_id : 0);
	put_int(&walk->row, s != NULL, s != NULL ? s->sequence : 0);
	return give(ctx, walk);
}

static LhStatus
metadata_log_rows(LhCtx *ctx, Walk *walk)
{
	const LhIceMetadata *m = walk->m;

	for (size_t i = 0; i < m->nmetadata_log; i++)
		LH_TRY(
			metadata_file_row(ctx, walk, m->metadata_log[i].timestamp_ms, m->metadata_log[i].path));
	return metadata_file_row(ctx, walk, m->last_updated_ms, m->path);
}

static LhStatus
properties_rows(LhCtx *ctx, Walk *walk)
{
	const LhIceMetadata *m = walk->m;

	for (int i = 0; i < m->nproperties; i++)
	{
		/* of a key that comes twice the last counts */
		if (lh_ice_property(m, m->properties[2 * i]) != m->properties[2 * i + 1])
			continue;
		begin_row(&walk->row, LH_ICE_PROPERTIES);
		put_text(&walk->row, m->properties[2 * i]);
		put_text(&walk->row, m->properties[2 * i + 1]);
		LH_TRY(give(ctx, walk));
	}
	return LH_OK;
}

LhStatus
lh_ice_meta_rows(LhCtx *ctx, LhTable *base, LhIceMetaTable which, LhIceRowFn fn, void *arg)
{
	LhIceTable *table = (LhIceTable *) base;
	Walk walk = {.fn = fn, .arg = arg};

	LH_TRY(lh_ice_load(ctx, table));
	walk.m = table->metadata;
	walk.scratch = lh_arena_child(ctx->arena);
	if (walk.scratch == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	switch (which)
	{
		case LH_ICE_SNAPSHOTS: return snapshots_rows(ctx, &walk);
		case LH_ICE_HISTORY: return history_rows(ctx, &walk);
		case LH_ICE_REFS: return refs_rows(ctx, &walk);
		case LH_ICE_METADATA_LOG: return metadata_log_rows(ctx, &walk);
		case LH_ICE_PROPERTIES: return properties_rows(ctx, &walk);
		default: return lh_ice_file_rows(ctx, table, which, fn, arg);
	}
}
