/*
 * describe_files.c
 *		Rows of the metadata tables that are in manifests: files, all_files,
 *		delete_files, entries, manifests, partitions.
 *
 * Each manifest is read twice, side by side: as the planner has it, for what its
 * list adds, and the maps of statistics of all columns, row by row.  Order is that
 * of manifests and entries.  Meaning of the columns: Spark's metadata tables.
 */
#include "core/text.h"
#include "core/datetime.h"
#include "crypto/crypto.h"
#include "iceberg/columns.h"
#include "iceberg/plan.h"

/* Places of the columns of files (describe_meta.c has their names). */
typedef enum FileColumn
{
	C_CONTENT, C_PATH, C_FORMAT, C_SPEC, C_PARTITION, C_RECORDS, C_SIZE,
	C_SIZES, C_VALUES, C_NULLS, C_NANS, C_LOWER, C_UPPER,
	C_KEY, C_SPLITS, C_IDS, C_SORT_ORDER, C_FIRST_ROW_ID, C_REFERENCED, C_OFFSET, C_LENGTH, C_METRICS,
	N_FILE_COLUMNS
} FileColumn;

#define N_MAPS 6
static const struct
{
	int id;
	const char *name; /* in manifests */
	const char *one;  /* in readable_metrics */
} maps[N_MAPS] = {
	{108, "data_file.column_sizes", "column_size"},
	{109, "data_file.value_counts", "value_count"},
	{110, "data_file.null_value_counts", "null_value_count"},
	{137, "data_file.nan_value_counts", "nan_value_count"},
	{125, "data_file.lower_bounds", "lower_bound"},
	{128, "data_file.upper_bounds", "upper_bound"},
};

/* A column that has statistics: a leaf that no list or map lies above. */
typedef struct Leaf
{
	int id;
	LhType type;
	const char *path; /* dotted */
} Leaf;

typedef struct Describe
{
	LhIceTable *table;
	LhIceMetaTable which;
	LhIceRowFn fn;
	void *arg;
	LhIcePrune *prune;
	const LhIceMetaColumn *columns;
	LhValue values[N_FILE_COLUMNS];
	LhBuf text[N_FILE_COLUMNS];
	LhBuf entry;
	LhBuf leaves;
	int nleaves;
	LhIceTupleFields tuple_fields;
	LhIceIntern partitions; /* JSON of tuples, for PARTITIONS */
	LhBuf sums;
} Describe;

/* One manifest, both ways. */
typedef struct Source
{
	const LhIceManifestFile *line;
	LhIceManifest *m;
	LhIceView *view;
	LhAvroReader *reader;
	int map_slots[N_MAPS]; /* -1 */
	int split_slot;
} Source;

/* What PARTITIONS adds up. */
typedef struct Sums
{
	int64_t spec_id, records, files, bytes;
	int64_t position_records, position_files, equality_records, equality_files;
	int64_t updated_at, updated_by; /* LH_ICE_NONE: unknown */
} Sums;

/*
 * Values
 */

static void
set_int(Describe *d, int c, int64_t v)
{
	d->values[c] = (LhValue){.type = d->columns[c].type, .null = v == LH_ICE_NONE, .i64 = v};
}

static void
set_slice(Describe *d, int c, const void *p, size_t n)
{
	d->values[c] = (LhValue){.type = d->columns[c].type,
							 .str = {n > 0 ? p : (const uint8_t *) "", (uint32_t) n, 0}};
}

static void
set_null(Describe *d, int c)
{
	d->values[c] = (LhValue){.type = d->columns[c].type, .null = true};
}

/* The text of column c, empty. */
static LhBuf *
fresh(Describe *d, int c)
{
	d->text[c].len = 0;
	return &d->text[c];
}

static void
set_text(Describe *d, int c)
{
	set_slice(d, c, d->text[c].data, d->text[c].len);
}

/* As PostgreSQL writes bytea. */
static LhStatus
write_hex(LhCtx *ctx, LhSlice bytes, LhBuf *out)
{
	static const char hex[] = "0123456789abcdef";

	LH_TRY(lh_buf_append_str(ctx, out, "\\x"));
	for (size_t i = 0; i < bytes.len; i++)
	{
		LH_TRY(lh_buf_putc(ctx, out, hex[bytes.data[i] >> 4]));
		LH_TRY(lh_buf_putc(ctx, out, hex[bytes.data[i] & 15]));
	}
	return LH_OK;
}

/* {"1": 10, "2": 12} of row i. */
static LhStatus
write_map(LhCtx *ctx, const LhVec *v, int i, LhBuf *out)
{
	LH_TRY(lh_buf_putc(ctx, out, '{'));
	for (uint32_t k = v->offsets[i]; k < v->offsets[i + 1]; k++)
	{
		LhValue value = lh_vec_value(&v->children[1], (int) k);

		LH_TRY(lh_buf_printf(ctx, out, "%s\"%lld\": ", k > v->offsets[i] ? ", " : "",
							 (long long) lh_ice_vec_int(&v->children[0], (int) k, 0)));
		LH_TRY(lh_ice_value_write(ctx, &value, out));
	}
	return lh_buf_putc(ctx, out, '}');
}

static LhStatus
write_ints(LhCtx *ctx, const LhVec *v, int i, LhBuf *out)
{
	LH_TRY(lh_buf_putc(ctx, out, '['));
	for (uint32_t k = v->offsets[i]; k < v->offsets[i + 1]; k++)
		LH_TRY(lh_buf_printf(ctx, out, "%s%lld", k > v->offsets[i] ? ", " : "",
							 (long long) lh_ice_vec_int(&v->children[0], (int) k, 0)));
	return lh_buf_putc(ctx, out, ']');
}

/*
 * readable_metrics
 */

static LhStatus
find_leaves(LhCtx *ctx, Describe *d, const LhType *record, const char *prefix)
{
	for (int i = 0; i < record->nfields; i++)
	{
		const LhField *f = &record->fields[i];
		Leaf leaf = {.id = f->field_id, .type = f->type};

		leaf.path = lh_sprintf(ctx, "%s%s%s", prefix, prefix[0] != '\0' ? "." : "", f->name);
		if (leaf.path == NULL)
			return ctx->error->code;
		if (f->type.id == LH_T_STRUCT)
			LH_TRY(find_leaves(ctx, d, &f->type, leaf.path));
		else if (!lh_type_is_nested(&f->type))
		{
			LH_TRY(lh_buf_append(ctx, &d->leaves, &leaf, sizeof(leaf)));
			d->nleaves++;
		}
	}
	return LH_OK;
}

/* Value under a key in row i of a map; -1: none. */
static int64_t
find_key(const LhVec *v, int i, int key)
{
	if (v == NULL || lh_vec_is_null(v, i))
		return -1;
	for (uint32_t k = v->offsets[i]; k < v->offsets[i + 1]; k++)
	{
		if (lh_ice_vec_int(&v->children[0], (int) k, -1) == key)
			return k;
	}
	return -1;
}

static LhStatus
write_metric(LhCtx *ctx, const Leaf *leaf, const LhVec *v, int64_t at, bool bound, LhBuf *out)
{
	LhValue value, decoded;

	if (at < 0)
		return lh_buf_append_str(ctx, out, "null");
	value = lh_vec_value(&v->children[1], (int) at);
	if (!bound || value.null)
		return lh_ice_value_write(ctx, &value, out);
	if (!lh_ice_value_binary(&leaf->type, lh_slice(value.str.ptr, value.str.len), &decoded))
		return lh_buf_append_str(ctx, out, "null");
	return lh_ice_value_write(ctx, &decoded, out);
}

static LhStatus
write_metrics(LhCtx *ctx, const Describe *d, const LhVec *const *vecs, int i, LhBuf *out)
{
	const Leaf *leaves = (const Leaf *) (const void *) d->leaves.data;

	LH_TRY(lh_buf_putc(ctx, out, '{'));
	for (int k = 0; k < d->nleaves; k++)
	{
		if (k > 0)
			LH_TRY(lh_buf_append_str(ctx, out, ", "));
		LH_TRY(lh_json_string(ctx, out, leaves[k].path, strlen(leaves[k].path)));
		LH_TRY(lh_buf_append_str(ctx, out, ": {"));
		for (int m = 0; m < N_MAPS; m++)
		{
			LH_TRY(lh_buf_printf(ctx, out, "%s\"%s\": ", m > 0 ? ", " : "", maps[m].one));
			LH_TRY(write_metric(ctx, &leaves[k], vecs[m], find_key(vecs[m], i, leaves[k].id), m >= 4,
								out));
		}
		LH_TRY(lh_buf_putc(ctx, out, '}'));
	}
	return lh_buf_putc(ctx, out, '}');
}

/*
 * Files
 */

static const char *
format_name(int64_t format)
{
	switch (format)
	{
		case LH_FILE_PARQUET: return "PARQUET";
		case LH_FILE_AVRO: return "AVRO";
		case LH_FILE_ORC: return "ORC";
		case LH_ICE_PUFFIN: return "PUFFIN";
		default: return "UNKNOWN";
	}
}

static LhStatus
set_bytes(LhCtx *ctx, Describe *d, int c, const LhIceBytes *bytes, size_t i, bool hex)
{
	LhSlice s;

	if (!lh_ice_bytes(bytes, i, &s))
		set_null(d, c);
	else if (!hex)
		set_slice(d, c, s.data, s.len);
	else
	{
		LH_TRY(write_hex(ctx, s, fresh(d, c)));
		set_text(d, c);
	}
	return LH_OK;
}

static LhStatus
set_ids(LhCtx *ctx, Describe *d, const LhIceManifest *m, size_t i)
{
	int64_t set = lh_ice_int(&m->ids, i);
	LhBuf *out = fresh(d, C_IDS);

	set_null(d, C_IDS);
	if (set == LH_ICE_NONE)
		return LH_OK;
	LH_TRY(lh_buf_putc(ctx, out, '['));
	for (int k = 0; k < m->idsets[set].n; k++)
		LH_TRY(lh_buf_printf(ctx, out, "%s%d", k > 0 ? ", " : "", m->idsets[set].ids[k]));
	LH_TRY(lh_buf_putc(ctx, out, ']'));
	set_text(d, C_IDS);
	return LH_OK;
}

/* All columns of files, of entry i and row "row" of a batch. */
static LhStatus
set_file(LhCtx *ctx, Describe *d, const Source *s, const LhAvroBatch *batch, int row, size_t i,
		 const LhIceInherit *inherit)
{
	const LhIceManifest *m = s->m;
	const LhVec *vecs[N_MAPS];
	const char *format = format_name(lh_ice_int(&m->format, i));
	LhSlice key = {0};

	set_int(d, C_CONTENT, lh_ice_int(&m->content, i));
	LH_TRY(lh_ice_manifest_path(ctx, m, i, &d->text[C_PATH]));
	set_text(d, C_PATH);
	set_slice(d, C_FORMAT, format, strlen(format));
	set_int(d, C_SPEC, s->line->spec_id);
	LH_TRY(lh_ice_partition_json(ctx, &d->tuple_fields, s->view,
								 (uint32_t) lh_ice_int(&m->tuple, i), fresh(d, C_PARTITION)));
	set_text(d, C_PARTITION);
	set_int(d, C_RECORDS, lh_ice_int(&m->records, i));
	set_int(d, C_SIZE, lh_ice_int(&m->size, i));
	for (int k = 0; k < N_MAPS; k++)
	{
		vecs[k] = s->map_slots[k] < 0 ? NULL : &batch->vecs[s->map_slots[k]];
		set_null(d, C_SIZES + k);
		if (vecs[k] == NULL || lh_vec_is_null(vecs[k], row))
			continue;
		LH_TRY(write_map(ctx, vecs[k], row, fresh(d, C_SIZES + k)));
		set_text(d, C_SIZES + k);
	}
	/* Iceberg's own key metadata is a key in the clear */
	if (lh_ice_bytes(&m->keys, i, &key) && lh_file_key_is(key))
		set_null(d, C_KEY);
	else
		LH_TRY(set_bytes(ctx, d, C_KEY, &m->keys, i, true));
	set_null(d, C_SPLITS);
	if (s->split_slot >= 0 && !lh_vec_is_null(&batch->vecs[s->split_slot], row))
	{
		LH_TRY(write_ints(ctx, &batch->vecs[s->split_slot], row, fresh(d, C_SPLITS)));
		set_text(d, C_SPLITS);
	}
	LH_TRY(set_ids(ctx, d, m, i));
	set_int(d, C_SORT_ORDER, lh_ice_int(&m->sort_order, i));
	set_int(d, C_FIRST_ROW_ID, inherit->first_row_id);
	LH_TRY(set_bytes(ctx, d, C_REFERENCED, &m->referenced, i, false));
	set_int(d, C_OFFSET, lh_ice_int(&m->offset, i));
	set_int(d, C_LENGTH, lh_ice_int(&m->length, i));
	LH_TRY(write_metrics(ctx, d, vecs, row, fresh(d, C_METRICS)));
	set_text(d, C_METRICS);
	return LH_OK;
}

/* The columns of files but the metrics as one JSON object. */
static LhStatus
write_file(LhCtx *ctx, Describe *d, const LhIceMetaColumn *columns, LhBuf *out)
{
	LH_TRY(lh_buf_putc(ctx, out, '{'));
	for (int c = 0; c < C_METRICS; c++)
	{
		const LhValue *v = &d->values[c];

		LH_TRY(lh_buf_printf(ctx, out, "%s\"%s\": ", c > 0 ? ", " : "", columns[c].name));
		if (!v->null && v->type.id == LH_T_JSON)
			LH_TRY(lh_buf_append(ctx, out, v->str.ptr, v->str.len));
		else
			LH_TRY(lh_ice_value_write(ctx, v, out));
	}
	return lh_buf_putc(ctx, out, '}');
}

/* A row of ENTRIES, made of one of files. */
static LhStatus
entry_row(LhCtx *ctx, Describe *d, const Source *s, size_t i, const LhIceInherit *inherit)
{
	const LhIceMetaColumn *files = d->columns, *columns;
	LhValue row[6], metrics = d->values[C_METRICS];
	int64_t file_sequence = lh_ice_int(&s->m->file_sequence, i);
	int n;

	d->entry.len = 0;
	LH_TRY(write_file(ctx, d, files, &d->entry));
	columns = lh_ice_meta_columns(LH_ICE_ENTRIES, &n);
	if (n != 6)
		LH_FAIL(ctx, LH_BUG, "entries have %d columns", n);
	if (file_sequence == LH_ICE_NONE)
		file_sequence = s->line->sequence;
	for (int c = 0; c < n; c++)
		row[c] = (LhValue){.type = columns[c].type};
	row[0].i64 = lh_ice_int(&s->m->status, i);
	row[1].i64 = inherit->snapshot;
	row[1].null = inherit->snapshot == LH_ICE_NONE;
	row[2].i64 = inherit->sequence;
	row[3].i64 = file_sequence;
	row[4].str = (LhStr){d->entry.data, (uint32_t) d->entry.len, 0};
	row[5].str = metrics.str;
	return d->fn(ctx, d->arg, row);
}

/* Adds an entry up in its partition. */
static LhStatus
add_up(LhCtx *ctx, Describe *d, const Source *s, size_t i, const LhIceInherit *inherit)
{
	const LhIceSnapshotEntry *snapshot = lh_ice_snapshot_find(d->table->metadata, inherit->snapshot);
	int64_t records = lh_ice_int(&s->m->records, i);
	LhBuf *json = fresh(d, C_PARTITION);
	uint32_t number;
	bool added;
	Sums *sums;

	LH_TRY(lh_ice_partition_json(ctx, &d->tuple_fields, s->view,
								 (uint32_t) lh_ice_int(&s->m->tuple, i), json));
	LH_TRY(lh_ice_intern_put(ctx, &d->partitions, json->data, json->len, &number, &added));
	if (added)
	{
		const Sums zero = {.spec_id = s->line->spec_id, .updated_at = LH_ICE_NONE,
						   .updated_by = LH_ICE_NONE};

		LH_TRY(lh_buf_append(ctx, &d->sums, &zero, sizeof(zero)));
	}
	sums = (Sums *) (void *) d->sums.data + number;
	switch (lh_ice_int(&s->m->content, i))
	{
		case LH_ICE_DATA:
			sums->records += records;
			sums->files++;
			sums->bytes += lh_ice_int(&s->m->size, i);
			break;
		case LH_ICE_POSITION_DELETES:
			sums->position_records += records;
			sums->position_files++;
			break;
		default:
			sums->equality_records += records;
			sums->equality_files++;
			break;
	}
	if (snapshot != NULL &&
		(sums->updated_at == LH_ICE_NONE || snapshot->timestamp_ms > sums->updated_at))
	{
		sums->spec_id = s->line->spec_id;
		sums->updated_at = snapshot->timestamp_ms;
		sums->updated_by = snapshot->snapshot_id;
	}
	return LH_OK;
}

static LhStatus
give_partitions(LhCtx *ctx, Describe *d)
{
	for (uint32_t k = 0; k < d->partitions.n; k++)
	{
		const Sums *s = (const Sums *) (const void *) d->sums.data + k;
		LhStr json = lh_ice_intern_get(&d->partitions, k);
		const int64_t v[] = {s->spec_id,          s->records,        s->files,
							 s->bytes,            s->position_records, s->position_files,
							 s->equality_records, s->equality_files, s->updated_at,
							 s->updated_by};

		set_slice(d, 0, json.ptr, json.len);
		for (int c = 0; c < 10; c++)
			set_int(d, c + 1, v[c]);
		LH_TRY(d->fn(ctx, d->arg, d->values));
	}
	return LH_OK;
}

/*
 * Manifests
 */

static LhStatus
open_maps(LhCtx *ctx, Describe *d, Source *s)
{
	LhAvroWant wants[N_MAPS + 2];
	int nwants = 0, node;
	LhAvroFile *file;

	LH_TRY(lh_ice_manifest_open_file(ctx, d->table, s->line, &file));
	for (int k = 0; k < N_MAPS; k++)
	{
		node = lh_avro_find_ids(file, (const int[]){2, maps[k].id}, 2);
		if (node < 0)
			node = lh_avro_find(file, maps[k].name);
		s->map_slots[k] = -1;
		if (node < 0 || lh_avro_meta(file)->nodes[node].type.id != LH_T_MAP)
			continue;
		s->map_slots[k] = nwants;
		wants[nwants++] = (LhAvroWant){.node = node};
	}
	node = lh_avro_find_ids(file, (const int[]){2, 132}, 2);
	s->split_slot = -1;
	if (node >= 0 && lh_avro_meta(file)->nodes[node].type.id == LH_T_LIST)
	{
		s->split_slot = nwants;
		wants[nwants++] = (LhAvroWant){.node = node};
	}
	/* something must be wanted for there to be rows */
	node = lh_avro_find_ids(file, (const int[]){0}, 1);
	wants[nwants++] = (LhAvroWant){.node = node >= 0 ? node : lh_avro_find(file, "status")};
	return lh_avro_reader_open(ctx, file, nwants, wants, NULL, &s->reader);
}

static LhStatus
entry(LhCtx *ctx, Describe *d, const Source *s, const LhAvroBatch *batch, int row, size_t i,
	  LhIceInherit *inherit)
{
	bool data = lh_ice_int(&s->m->content, i) == LH_ICE_DATA;

	LH_TRY(lh_ice_inherit(ctx, s->line, s->m, i, inherit));
	if (d->which != LH_ICE_ENTRIES && lh_ice_int(&s->m->status, i) == LH_ICE_DELETED)
		return LH_OK;
	if (d->which == LH_ICE_DELETE_FILES && data)
		return LH_OK;
	LH_TRY(set_file(ctx, d, s, batch, row, i, inherit));
	return d->which == LH_ICE_ENTRIES ? entry_row(ctx, d, s, i, inherit)
									  : d->fn(ctx, d->arg, d->values);
}

/* For PARTITIONS, which needs no maps. */
static LhStatus
add_up_all(LhCtx *ctx, Describe *d, const Source *s)
{
	LhIceInherit inherit = {0};

	for (size_t i = 0; i < s->m->n; i++)
	{
		if (i % 1024 == 0)
			LH_TRY(lh_poll(ctx));
		LH_TRY(lh_ice_inherit(ctx, s->line, s->m, i, &inherit));
		if (lh_ice_int(&s->m->status, i) != LH_ICE_DELETED)
			LH_TRY(add_up(ctx, d, s, i, &inherit));
	}
	return LH_OK;
}

static LhStatus
manifest(LhCtx *ctx, Describe *d, const LhIceManifestFile *line)
{
	Source s = {.line = line};
	LhIceInherit inherit = {0};
	size_t i = 0;

	LH_TRY(lh_ice_manifest_open(ctx, d->table, line, 0, NULL, &s.m));
	LH_TRY(lh_ice_view_create(ctx, d->prune, line->spec_id, s.m, &s.view));
	if (d->which == LH_ICE_PARTITIONS)
		return add_up_all(ctx, d, &s);
	LH_TRY(open_maps(ctx, d, &s));
	for (;;)
	{
		LhAvroBatch batch;

		LH_TRY(lh_avro_next(ctx, s.reader, &batch));
		LH_TRY(lh_poll(ctx));
		if (batch.n == 0 ? i < s.m->n : (size_t) batch.n > s.m->n - i)
			LH_FAIL(ctx, LH_CHANGED, "%s: the manifest changed while it was read", line->path);
		if (batch.n == 0)
			return LH_OK;
		for (int row = 0; row < batch.n; row++, i++)
		{
			LH_TRY(entry(ctx, d, &s, &batch, row, i, &inherit));
		}
	}
}

/* A manifest in an arena of its own. */
static LhStatus
one_manifest(LhCtx *ctx, Describe *d, const LhIceManifestFile *line)
{
	LhArena *arena = lh_arena_child(ctx->arena), *old;
	LhStatus status;

	if (d->which == LH_ICE_DELETE_FILES && !line->deletes)
		return LH_OK;
	if (arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	old = lh_use(ctx, arena);
	status = manifest(ctx, d, line);
	lh_use(ctx, old);
	lh_arena_destroy(arena);
	return status;
}

/* Manifests of all snapshots, each once. */
static LhStatus
all_snapshots(LhCtx *ctx, Describe *d)
{
	const LhIceMetadata *m = d->table->metadata;
	LhIceIntern seen;

	LH_TRY(lh_ice_intern_init(ctx, &seen));
	for (size_t k = 0; k < m->nsnapshots; k++)
	{
		const LhIceManifestFile *lines;
		LhIceSnapshot *snapshot;
		size_t n;

		LH_TRY(lh_ice_snapshot_get(ctx, m, m->snapshots[k].snapshot_id, &snapshot));
		LH_TRY(lh_ice_manifest_list(ctx, d->table, snapshot, &n, &lines));
		for (size_t i = 0; i < n; i++)
		{
			uint32_t number;
			bool added;

			LH_TRY(lh_ice_intern_put(ctx, &seen, lines[i].path, strlen(lines[i].path), &number,
									 &added));
			if (added)
				LH_TRY(one_manifest(ctx, d, &lines[i]));
		}
	}
	return LH_OK;
}

/*
 * MANIFESTS
 */

/* As Java's transforms tell values to people: "2017", "2017-11", "2017-11-16-22". */
static LhStatus
write_human(LhCtx *ctx, const LhIceFieldInfo *f, LhSlice bytes, LhBuf *out)
{
	char text[64];
	LhValue v;

	if (!f->known || !lh_ice_value_binary(&f->type, bytes, &v))
		return lh_buf_append_str(ctx, out, "null");
	switch (f->field->transform.kind)
	{
		case LH_ICE_YEAR: return lh_buf_printf(ctx, out, "\"%04lld\"", 1970 + (long long) v.i64);
		case LH_ICE_MONTH:
			return lh_buf_printf(ctx, out, "\"%04lld-%02d\"",
								 1970 + (long long) lh_floor_div(v.i64, 12),
								 (int) lh_floor_mod(v.i64, 12) + 1);
		case LH_ICE_HOUR:
			lh_format_date(lh_floor_div(v.i64, 24), text);
			return lh_buf_printf(ctx, out, "\"%s-%02d\"", text, (int) lh_floor_mod(v.i64, 24));
		default: break;
	}
	if (v.type.lane == LH_LANE_STR || v.type.lane == LH_LANE_FIX || v.type.id == LH_T_DATE ||
		v.type.id == LH_T_TIME || v.type.id == LH_T_TIMESTAMP)
		return lh_ice_value_write(ctx, &v, out);
	LH_TRY(lh_buf_putc(ctx, out, '"'));
	LH_TRY(lh_ice_value_write(ctx, &v, out));
	return lh_buf_putc(ctx, out, '"');
}

static LhStatus
write_summaries(LhCtx *ctx, Describe *d, const LhIceManifestFile *line, LhBuf *out)
{
	LhIceSpecInfo *spec;

	LH_TRY(lh_ice_prune_spec(ctx, d->prune, line->spec_id, &spec));
	LH_TRY(lh_buf_putc(ctx, out, '['));
	for (int j = 0; j < line->nsummaries && j < spec->nfields; j++)
	{
		const struct LhIceSummary *s = &line->summaries[j];

		LH_TRY(lh_buf_printf(ctx, out, "%s{\"contains_null\": %s, \"contains_nan\": %s, ",
							 j > 0 ? ", " : "", s->contains_null ? "true" : "false",
							 s->contains_nan < 0 ? "null" : s->contains_nan ? "true" : "false"));
		LH_TRY(lh_buf_append_str(ctx, out, "\"lower_bound\": "));
		if (s->has_lower)
			LH_TRY(write_human(ctx, &spec->fields[j], s->lower, out));
		else
			LH_TRY(lh_buf_append_str(ctx, out, "null"));
		LH_TRY(lh_buf_append_str(ctx, out, ", \"upper_bound\": "));
		if (s->has_upper)
			LH_TRY(write_human(ctx, &spec->fields[j], s->upper, out));
		else
			LH_TRY(lh_buf_append_str(ctx, out, "null"));
		LH_TRY(lh_buf_putc(ctx, out, '}'));
	}
	return lh_buf_putc(ctx, out, ']');
}

static int64_t
known(int64_t v)
{
	return v < 0 ? LH_ICE_NONE : v;
}

static LhStatus
manifest_rows(LhCtx *ctx, Describe *d)
{
	for (size_t i = 0; i < d->table->nmanifests; i++)
	{
		const LhIceManifestFile *line = &d->table->manifests[i];
		const int64_t counts[3] = {known(line->added_files), known(line->existing_files),
								   known(line->deleted_files)};

		LH_TRY(lh_poll(ctx));
		set_int(d, 0, line->deletes);
		set_slice(d, 1, line->path, strlen(line->path));
		set_int(d, 2, line->length);
		set_int(d, 3, line->spec_id);
		set_int(d, 4, line->added_snapshot == -1 ? LH_ICE_NONE : line->added_snapshot);
		for (int k = 0; k < 3; k++)
		{
			set_int(d, 5 + k, line->deletes ? 0 : counts[k]);
			set_int(d, 8 + k, line->deletes ? counts[k] : 0);
		}
		LH_TRY(write_summaries(ctx, d, line, fresh(d, 11)));
		set_text(d, 11);
		set_null(d, 12);
		if (line->key_metadata.len > 0 && !lh_file_key_is(line->key_metadata))
		{
			LH_TRY(write_hex(ctx, line->key_metadata, fresh(d, 12)));
			set_text(d, 12);
		}
		LH_TRY(d->fn(ctx, d->arg, d->values));
	}
	return LH_OK;
}

/*
 * All
 */

static LhStatus
begin(LhCtx *ctx, Describe *d)
{
	int n;

	/* entries are made of files */
	d->columns = lh_ice_meta_columns(d->which == LH_ICE_ENTRIES ? LH_ICE_FILES : d->which, &n);
	if (n > N_FILE_COLUMNS)
		LH_FAIL(ctx, LH_BUG, "metadata table %d has %d columns", (int) d->which, n);
	for (int c = 0; c < N_FILE_COLUMNS; c++)
		LH_TRY(lh_buf_init(ctx, &d->text[c], true));
	LH_TRY(lh_buf_init(ctx, &d->entry, true));
	LH_TRY(lh_buf_init(ctx, &d->leaves, true));
	LH_TRY(lh_buf_init(ctx, &d->sums, true));
	LH_TRY(lh_ice_intern_init(ctx, &d->partitions));
	LH_TRY(lh_ice_prune_create(ctx, d->table, NULL, &d->prune));
	LH_TRY(lh_ice_tuple_fields(ctx, d->table->metadata, &d->tuple_fields));
	return d->table->schema == NULL ? LH_OK : find_leaves(ctx, d, &d->table->schema->root, "");
}

LhStatus
lh_ice_file_rows(LhCtx *ctx, LhIceTable *table, LhIceMetaTable which, LhIceRowFn fn, void *arg)
{
	Describe *d;

	LH_TRY(lh_ice_load(ctx, table));
	LH_NEW(ctx, d);
	d->table = table;
	d->which = which;
	d->fn = fn;
	d->arg = arg;
	LH_TRY(begin(ctx, d));
	if (which == LH_ICE_ALL_FILES)
		return all_snapshots(ctx, d);
	if (table->snapshot == NULL)
		return LH_OK;
	LH_TRY(lh_ice_load_list(ctx, table));
	if (which == LH_ICE_MANIFESTS)
		return manifest_rows(ctx, d);
	for (size_t i = 0; i < table->nmanifests; i++)
		LH_TRY(one_manifest(ctx, d, &table->manifests[i]));
	return which == LH_ICE_PARTITIONS ? give_partitions(ctx, d) : LH_OK;
}
