/*
 * manifest.c
 *		Manifests and manifest lists, decoded column-wise.
 *
 *	1. The fields that are wanted are looked up in the file's schema by their
 *	   ids (names differ between writers and versions), by name where it has none.
 *	2. The Avro reader decodes these and skips the rest; of maps of statistics it
 *	   picks the ids that somebody filters by.
 *	3. Each batch is appended to columns (columns.h); partition tuples, directories
 *	   and sets of equality ids are kept once each.
 *
 * Format: "Manifests" and "Manifest Lists" of https://iceberg.apache.org/spec/
 */
#include <stdlib.h>
#include <strings.h>

#include "iceberg/columns.h"
#include "iceberg/ids.h"

/* Partition fields of one spec, at most; more are no table of anybody. */
#define MAX_PARTS 1000

/*
 * Fields
 */

typedef struct Field
{
	const char *name; /* dotted */
	int ids[2];       /* from the root down */
	int depth;
	bool required;
	LhLane lane; /* that its values lie in */
	LhLane also; /* or in this */
} Field;

typedef enum FieldNumber
{
	F_STATUS, F_SNAPSHOT, F_SEQUENCE, F_FILE_SEQUENCE, F_CONTENT, F_PATH, F_FORMAT, F_RECORDS, F_SIZE,
	F_KEYS, F_SORT_ORDER, F_FIRST_ROW_ID, F_REFERENCED, F_OFFSET, F_LENGTH,
	N_FIELDS
} FieldNumber;

static const Field fields[N_FIELDS] = {
	[F_STATUS] = {"status", {0}, 1, true, LH_LANE_I32, LH_LANE_I32},
	[F_SNAPSHOT] = {"snapshot_id", {1}, 1, false, LH_LANE_I64, LH_LANE_I32},
	[F_SEQUENCE] = {"sequence_number", {3}, 1, false, LH_LANE_I64, LH_LANE_I32},
	[F_FILE_SEQUENCE] = {"file_sequence_number", {4}, 1, false, LH_LANE_I64, LH_LANE_I32},
	[F_CONTENT] = {"data_file.content", {2, 134}, 2, false, LH_LANE_I32, LH_LANE_I32},
	[F_PATH] = {"data_file.file_path", {2, 100}, 2, true, LH_LANE_STR, LH_LANE_STR},
	[F_FORMAT] = {"data_file.file_format", {2, 101}, 2, true, LH_LANE_STR, LH_LANE_STR},
	[F_RECORDS] = {"data_file.record_count", {2, 103}, 2, true, LH_LANE_I64, LH_LANE_I32},
	[F_SIZE] = {"data_file.file_size_in_bytes", {2, 104}, 2, true, LH_LANE_I64, LH_LANE_I32},
	[F_KEYS] = {"data_file.key_metadata", {2, 131}, 2, false, LH_LANE_STR, LH_LANE_FIX},
	[F_SORT_ORDER] = {"data_file.sort_order_id", {2, 140}, 2, false, LH_LANE_I32, LH_LANE_I64},
	[F_FIRST_ROW_ID] = {"data_file.first_row_id", {2, 142}, 2, false, LH_LANE_I64, LH_LANE_I32},
	[F_REFERENCED] = {"data_file.referenced_data_file", {2, 143}, 2, false, LH_LANE_STR, LH_LANE_STR},
	[F_OFFSET] = {"data_file.content_offset", {2, 144}, 2, false, LH_LANE_I64, LH_LANE_I32},
	[F_LENGTH] = {"data_file.content_size_in_bytes", {2, 145}, 2, false, LH_LANE_I64, LH_LANE_I32},
};

/* Maps from field id to a statistic. */
static const Field maps[] = {
	{"data_file.value_counts", {2, 109}, 2, false, LH_LANE_I64, LH_LANE_I64},
	{"data_file.null_value_counts", {2, 110}, 2, false, LH_LANE_I64, LH_LANE_I64},
	{"data_file.nan_value_counts", {2, 137}, 2, false, LH_LANE_I64, LH_LANE_I64},
	{"data_file.lower_bounds", {2, 125}, 2, false, LH_LANE_STR, LH_LANE_FIX},
	{"data_file.upper_bounds", {2, 128}, 2, false, LH_LANE_STR, LH_LANE_FIX},
};
#define N_MAPS ((int) (sizeof(maps) / sizeof(maps[0])))

static int
find_node(const LhAvroFile *file, const char *name, const int *ids, int depth)
{
	int node = lh_avro_find_ids(file, ids, depth);

	return node >= 0 ? node : lh_avro_find(file, name);
}

static LhStatus
wrong_type(LhCtx *ctx, const LhAvroFile *file, const char *name)
{
	LH_FAIL(ctx, LH_CORRUPT, "%s: field \"%s\" has a type that it cannot have",
			lh_avro_meta(file)->path, name);
}

/* Node of a field; -1: the file has none. */
static LhStatus
find_field(LhCtx *ctx, const LhAvroFile *file, const Field *f, int *node)
{
	const LhAvroNode *found;

	*node = find_node(file, f->name, f->ids, f->depth);
	if (*node < 0)
	{
		if (f->required)
			LH_FAIL(ctx, LH_CORRUPT, "%s: field \"%s\" (id %d) is missing",
					lh_avro_meta(file)->path, f->name, f->ids[f->depth - 1]);
		return LH_OK;
	}
	found = &lh_avro_meta(file)->nodes[*node];
	if (found->type.lane != f->lane && found->type.lane != f->also)
	{
		/* "null" alone is the type of what is never there */
		if (found->type.id == LH_T_NULL && !f->required)
			*node = -1;
		else
			return wrong_type(ctx, file, f->name);
	}
	return LH_OK;
}

/*
 * The builder
 */

typedef struct StatsBuilder
{
	LhIceIntsBuilder counts[3]; /* values, nulls, nans */
	LhIceBytesBuilder bounds[2];
} StatsBuilder;

typedef struct PartBuilder
{
	int slot;
	LhIcePart part;
	LhBuf valid; /* words */
	LhBuf data;
} PartBuilder;

typedef struct Builder
{
	LhAvroFile *file;
	const char *path;
	LhIceManifest *m;
	int nwants;
	LhAvroWant *wants;
	int nslots;
	int slots[N_FIELDS]; /* -1: not in the file */
	int map_slots[N_MAPS];
	int ids_slot; /* equality_ids */
	int nids;
	const int32_t *ids;
	LhIceIntsBuilder ints[N_FIELDS];
	LhIceIntsBuilder dir, tuple, idset;
	LhIceBytesBuilder names, referenced, keys;
	StatsBuilder *stats;
	int nparts;
	PartBuilder *parts;
	LhIceIntern dirs, tuples, idsets;
	LhBuf tuple_key;
	uint32_t last_dir, last_tuple;
} Builder;

static void
add_want(Builder *b, int node, int nkeys, const int32_t *keys, int *slot)
{
	*slot = b->nslots;
	b->wants[b->nwants++] = (LhAvroWant){.node = node, .nkeys = nkeys, .keys = keys};
	b->nslots += nkeys > 0 ? nkeys : 1;
}

/* A map of another form (BigQuery's pairs may be null) is none: then nothing is known. */
static void
want_maps(Builder *b)
{
	const LhAvroMeta *meta = lh_avro_meta(b->file);

	for (int i = 0; i < N_MAPS; i++)
	{
		int node = b->nids > 0 ? find_node(b->file, maps[i].name, maps[i].ids, 2) : -1;
		const LhType *t = node >= 0 ? &meta->nodes[node].type : NULL;

		b->map_slots[i] = -1;
		if (t != NULL && t->id == LH_T_MAP && t->nfields == 2 &&
			(t->fields[0].type.id == LH_T_INT32 || t->fields[0].type.id == LH_T_INT64) &&
			(t->fields[1].type.lane == maps[i].lane || t->fields[1].type.lane == maps[i].also))
			add_want(b, node, b->nids, b->ids, &b->map_slots[i]);
	}
}

static LhStatus
want_partition(LhCtx *ctx, Builder *b, int node)
{
	const LhAvroMeta *meta = lh_avro_meta(b->file);

	if (node < 0)
		return LH_OK;
	for (int c = meta->nodes[node].first_child; c >= 0; c = meta->nodes[c].next)
	{
		const LhAvroNode *child = &meta->nodes[c];
		PartBuilder *p = &b->parts[b->nparts];

		if (lh_type_is_nested(&child->type))
			LH_FAIL(ctx, LH_CORRUPT, "%s: partition field \"%s\" has a nested type", b->path,
					child->name);
		p->part = (LhIcePart){.field_id = child->field_id, .type = child->type};
		p->part.name = lh_strdup(ctx, child->name);
		if (p->part.name == NULL)
			return ctx->error->code;
		LH_TRY(lh_buf_init(ctx, &p->valid, true));
		LH_TRY(lh_buf_init(ctx, &p->data, true));
		p->slot = -1;
		if (child->type.id != LH_T_NULL)
			add_want(b, c, 0, NULL, &p->slot);
		/* the types' names of fields, if any, would die with the file */
		p->part.type.fields = NULL;
		b->nparts++;
	}
	return LH_OK;
}

static LhStatus
want_all(LhCtx *ctx, Builder *b)
{
	const LhAvroMeta *meta = lh_avro_meta(b->file);
	int partition = find_node(b->file, "data_file.partition", (const int[]){2, 102}, 2);
	int ids = find_node(b->file, "data_file.equality_ids", (const int[]){2, 135}, 2);
	int nparts = partition >= 0 ? meta->nodes[partition].nchildren : 0;

	if (partition >= 0 && meta->nodes[partition].type.id != LH_T_STRUCT)
		return wrong_type(ctx, b->file, "data_file.partition");
	if (nparts > MAX_PARTS)
		LH_FAIL(ctx, LH_LIMIT, "%s: %d partition fields are more than %d", b->path, nparts,
				MAX_PARTS);
	LH_NEW_ARRAY(ctx, b->wants, (size_t) (N_FIELDS + N_MAPS + nparts + 1));
	LH_NEW_ARRAY(ctx, b->parts, (size_t) nparts + 1);
	for (int i = 0; i < N_FIELDS; i++)
	{
		int node;

		b->slots[i] = -1;
		LH_TRY(find_field(ctx, b->file, &fields[i], &node));
		if (node >= 0)
			add_want(b, node, 0, NULL, &b->slots[i]);
	}
	b->ids_slot = -1;
	if (ids >= 0 && meta->nodes[ids].type.id != LH_T_NULL)
	{
		const LhType *t = &meta->nodes[ids].type;

		/* PyIceberg's are longs */
		if (t->id != LH_T_LIST || t->nfields != 1 ||
			(t->fields[0].type.lane != LH_LANE_I32 && t->fields[0].type.lane != LH_LANE_I64))
			return wrong_type(ctx, b->file, "data_file.equality_ids");
		add_want(b, ids, 0, NULL, &b->ids_slot);
	}
	want_maps(b);
	return want_partition(ctx, b, partition);
}

static LhStatus
begin_columns(LhCtx *ctx, Builder *b)
{
	for (int i = 0; i < N_FIELDS; i++)
		LH_TRY(lh_ice_ints_init(ctx, &b->ints[i]));
	LH_TRY(lh_ice_ints_init(ctx, &b->dir));
	LH_TRY(lh_ice_ints_init(ctx, &b->tuple));
	LH_TRY(lh_ice_ints_init(ctx, &b->idset));
	LH_TRY(lh_ice_bytes_init(ctx, &b->names));
	LH_TRY(lh_ice_bytes_init(ctx, &b->referenced));
	LH_TRY(lh_ice_bytes_init(ctx, &b->keys));
	LH_TRY(lh_ice_intern_init(ctx, &b->dirs));
	LH_TRY(lh_ice_intern_init(ctx, &b->tuples));
	LH_TRY(lh_ice_intern_init(ctx, &b->idsets));
	LH_TRY(lh_buf_init(ctx, &b->tuple_key, true));
	LH_NEW_ARRAY(ctx, b->stats, (size_t) b->nids + 1);
	for (int i = 0; i < b->nids; i++)
	{
		for (int k = 0; k < 3; k++)
			LH_TRY(lh_ice_ints_init(ctx, &b->stats[i].counts[k]));
		for (int k = 0; k < 2; k++)
			LH_TRY(lh_ice_bytes_init(ctx, &b->stats[i].bounds[k]));
	}
	return LH_OK;
}

/*
 * Rows
 */

static LhStatus
bad_entry(LhCtx *ctx, const Builder *b, const LhVec *vecs, int i, const char *field,
		  const char *what)
{
	LhStr path = lh_ice_vec_str(&vecs[b->slots[F_PATH]], i);

	LH_FAIL(ctx, LH_CORRUPT, "%s: %s of \"%.*s\" %s", b->path, field,
			path.len > 300 ? 300 : (int) path.len, (const char *) path.ptr, what);
}

/* Directory and name. */
static LhStatus
add_path(LhCtx *ctx, Builder *b, const LhVec *vecs, int i)
{
	LhStr path = lh_ice_vec_str(&vecs[b->slots[F_PATH]], i);
	const uint8_t *slash;
	size_t dir;

	if (path.ptr == NULL || path.len == 0)
		return bad_entry(ctx, b, vecs, i, "file_path", "is empty");
	if (memchr(path.ptr, '\0', path.len) != NULL)
		return bad_entry(ctx, b, vecs, i, "file_path", "holds a zero byte");
	slash = memrchr(path.ptr, '/', path.len);
	dir = slash == NULL ? 0 : (size_t) (slash - path.ptr) + 1;
	if (b->dirs.n > 0)
	{
		LhStr last = lh_ice_intern_get(&b->dirs, b->last_dir);

		if (last.len == dir && memcmp(last.ptr, path.ptr, dir) == 0)
			dir = SIZE_MAX;
	}
	if (dir != SIZE_MAX)
		LH_TRY(lh_ice_intern_put(ctx, &b->dirs, path.ptr, dir, &b->last_dir, NULL));
	else
		dir = lh_ice_intern_get(&b->dirs, b->last_dir).len;
	LH_TRY(lh_ice_ints_add(ctx, &b->dir, b->last_dir));
	return lh_ice_bytes_add(ctx, &b->names, path.ptr + dir, path.len - dir);
}

static int
format_of(LhStr s)
{
	static const struct
	{
		const char *name;
		int format;
	} formats[] = {{"parquet", LH_FILE_PARQUET},
				   {"avro", LH_FILE_AVRO},
				   {"orc", LH_FILE_ORC},
				   {"puffin", LH_ICE_PUFFIN}};

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
	{
		if (s.ptr != NULL && s.len == strlen(formats[i].name) &&
			strncasecmp((const char *) s.ptr, formats[i].name, s.len) == 0)
			return formats[i].format;
	}
	return LH_ICE_OTHER_FORMAT;
}

/* A new tuple's values go to the parts. */
static LhStatus
store_tuple(LhCtx *ctx, Builder *b, const LhVec *vecs, int i, uint32_t tuple)
{
	for (int k = 0; k < b->nparts; k++)
	{
		PartBuilder *p = &b->parts[k];
		const LhVec *v = p->slot >= 0 ? &vecs[p->slot] : NULL;
		bool null = v == NULL || lh_vec_is_null(v, i);
		size_t size = lh_lane_size(p->part.type.lane, p->part.type.width);
		static const uint8_t zeros[16];

		if (tuple % 64 == 0)
			LH_TRY(lh_buf_append(ctx, &p->valid, &(uint64_t){0}, sizeof(uint64_t)));
		if (!null)
			lh_bit_set((uint64_t *) (void *) p->valid.data, tuple);
		if (p->part.type.lane == LH_LANE_STR)
		{
			LhStr s = null ? (LhStr){NULL, 0, 0} : lh_ice_vec_str(v, i);

			s.ptr = lh_memdup(ctx, s.len > 0 ? s.ptr : zeros, s.len > 0 ? s.len : 1);
			if (s.ptr == NULL)
				return ctx->error->code;
			LH_TRY(lh_buf_append(ctx, &p->data, &s, sizeof(s)));
		}
		else if (null)
		{
			for (size_t left = size; left > 0; left -= left < 16 ? left : 16)
				LH_TRY(lh_buf_append(ctx, &p->data, zeros, left < 16 ? left : 16));
		}
		else if (v->kind == LH_VEC_FLAT || v->kind == LH_VEC_CONST)
			LH_TRY(lh_buf_append(ctx, &p->data,
								 (const uint8_t *) v->data +
									 (v->kind == LH_VEC_FLAT ? (size_t) i * size : 0),
								 size));
		else
			LH_FAIL(ctx, LH_BUG, "%s: partition values come as codes", b->path);
	}
	return LH_OK;
}

static LhStatus
add_tuple(LhCtx *ctx, Builder *b, const LhVec *vecs, int i)
{
	bool added;

	b->tuple_key.len = 0;
	for (int k = 0; k < b->nparts; k++)
	{
		const PartBuilder *p = &b->parts[k];
		const LhVec *v = p->slot >= 0 ? &vecs[p->slot] : NULL;
		size_t size = lh_lane_size(p->part.type.lane, p->part.type.width);

		if (v == NULL || lh_vec_is_null(v, i))
		{
			LH_TRY(lh_buf_putc(ctx, &b->tuple_key, 0));
			continue;
		}
		LH_TRY(lh_buf_putc(ctx, &b->tuple_key, 1));
		if (p->part.type.lane == LH_LANE_STR)
		{
			LhStr s = lh_ice_vec_str(v, i);

			LH_TRY(lh_buf_append(ctx, &b->tuple_key, &s.len, sizeof(s.len)));
			LH_TRY(lh_buf_append(ctx, &b->tuple_key, s.ptr, s.len));
		}
		else
			LH_TRY(lh_buf_append(ctx, &b->tuple_key,
								 (const uint8_t *) v->data +
									 (v->kind == LH_VEC_FLAT ? (size_t) i * size : 0),
								 size));
	}
	if (b->tuples.n > 0)
	{
		LhStr last = lh_ice_intern_get(&b->tuples, b->last_tuple);

		if (last.len == b->tuple_key.len &&
			(last.len == 0 || memcmp(last.ptr, b->tuple_key.data, last.len) == 0))
			return lh_ice_ints_add(ctx, &b->tuple, b->last_tuple);
	}
	LH_TRY(lh_ice_intern_put(ctx, &b->tuples,
							 b->tuple_key.len > 0 ? (const void *) b->tuple_key.data : "",
							 b->tuple_key.len, &b->last_tuple, &added));
	if (added)
		LH_TRY(store_tuple(ctx, b, vecs, i, b->last_tuple));
	return lh_ice_ints_add(ctx, &b->tuple, b->last_tuple);
}

static LhStatus
add_ids(LhCtx *ctx, Builder *b, const LhVec *vecs, int i)
{
	const LhVec *v;
	int ids[64], n;
	uint32_t set;

	if (b->ids_slot < 0 || lh_vec_is_null(&vecs[b->ids_slot], i))
		return lh_ice_ints_add(ctx, &b->idset, LH_ICE_NONE);
	v = &vecs[b->ids_slot];
	if (v->kind != LH_VEC_FLAT || v->offsets[i + 1] - v->offsets[i] > 64)
		return bad_entry(ctx, b, vecs, i, "equality_ids", "are more than 64");
	n = (int) (v->offsets[i + 1] - v->offsets[i]);
	for (int k = 0; k < n; k++)
	{
		int64_t id = lh_ice_vec_int(&v->children[0], (int) v->offsets[i] + k, -1);

		if (id < 0 || id > INT32_MAX)
			return bad_entry(ctx, b, vecs, i, "equality_ids", "are no field ids");
		ids[k] = (int) id;
	}
	qsort(ids, (size_t) n, sizeof(int), lh_ice_ids_compare);
	LH_TRY(lh_ice_intern_put(ctx, &b->idsets, ids, (size_t) n * sizeof(int), &set, NULL));
	return lh_ice_ints_add(ctx, &b->idset, set);
}

/* Numbers that cannot be negative. */
static LhStatus
check_numbers(LhCtx *ctx, Builder *b, const LhVec *vecs, int i, const int64_t *v)
{
	static const FieldNumber natural[] = {F_RECORDS, F_SIZE, F_FIRST_ROW_ID, F_OFFSET, F_LENGTH};
	static const FieldNumber sequences[] = {F_SEQUENCE, F_FILE_SEQUENCE};

	for (size_t k = 0; k < sizeof(natural) / sizeof(natural[0]); k++)
	{
		if (v[natural[k]] < 0 && v[natural[k]] != LH_ICE_NONE)
			return bad_entry(ctx, b, vecs, i, strchr(fields[natural[k]].name, '.') + 1,
							 "is negative");
	}
	for (size_t k = 0; k < sizeof(sequences) / sizeof(sequences[0]); k++)
	{
		if (v[sequences[k]] < 0 && v[sequences[k]] != LH_ICE_NONE)
			return bad_entry(ctx, b, vecs, i, fields[sequences[k]].name, "is negative");
	}
	if (v[F_STATUS] < LH_ICE_EXISTING || v[F_STATUS] > LH_ICE_DELETED)
		return bad_entry(ctx, b, vecs, i, "status", "is none of 0, 1 and 2");
	if (v[F_CONTENT] < LH_ICE_DATA || v[F_CONTENT] > LH_ICE_EQUALITY_DELETES)
		return bad_entry(ctx, b, vecs, i, "content", "is none of 0, 1 and 2");
	if (v[F_RECORDS] == LH_ICE_NONE)
		return bad_entry(ctx, b, vecs, i, "record_count", "is null");
	if (v[F_SIZE] == LH_ICE_NONE)
		return bad_entry(ctx, b, vecs, i, "file_size_in_bytes", "is null");
	return LH_OK;
}

static LhStatus
add_stats(LhCtx *ctx, Builder *b, const LhVec *vecs, int i, int64_t records)
{
	for (int k = 0; k < b->nids; k++)
	{
		StatsBuilder *s = &b->stats[k];

		for (int c = 0; c < 3; c++)
		{
			int64_t v = b->map_slots[c] < 0
							? LH_ICE_NONE
							: lh_ice_vec_int(&vecs[b->map_slots[c] + k], i, LH_ICE_NONE);

			/* a count below zero is none */
			if (v < 0)
				v = LH_ICE_NONE;
			else if (c == 0)
				v -= records;
			LH_TRY(lh_ice_ints_add(ctx, &s->counts[c], v));
		}
		for (int c = 0; c < 2; c++)
		{
			LhStr v = b->map_slots[3 + c] < 0 ? (LhStr){NULL, 0, 0}
											  : lh_ice_vec_str(&vecs[b->map_slots[3 + c] + k], i);

			LH_TRY(lh_ice_bytes_add(ctx, &s->bounds[c], v.ptr, v.len));
		}
	}
	return LH_OK;
}

static LhStatus
add_row(LhCtx *ctx, Builder *b, const LhVec *vecs, int i)
{
	int64_t v[N_FIELDS];

	for (int f = 0; f < N_FIELDS; f++)
	{
		v[f] = LH_ICE_NONE;
		if (b->slots[f] >= 0 && fields[f].lane != LH_LANE_STR)
			v[f] = lh_ice_vec_int(&vecs[b->slots[f]], i, LH_ICE_NONE);
	}
	if (v[F_CONTENT] == LH_ICE_NONE)
		v[F_CONTENT] = LH_ICE_DATA;
	v[F_FORMAT] = format_of(lh_ice_vec_str(&vecs[b->slots[F_FORMAT]], i));
	LH_TRY(check_numbers(ctx, b, vecs, i, v));
	for (int f = 0; f < N_FIELDS; f++)
	{
		if (fields[f].lane != LH_LANE_STR || f == F_FORMAT)
			LH_TRY(lh_ice_ints_add(ctx, &b->ints[f], v[f]));
	}
	LH_TRY(add_path(ctx, b, vecs, i));
	LH_TRY(add_tuple(ctx, b, vecs, i));
	LH_TRY(add_ids(ctx, b, vecs, i));
	for (int k = 0; k < 2; k++)
	{
		int slot = b->slots[k == 0 ? F_REFERENCED : F_KEYS];
		LhStr s = slot >= 0 ? lh_ice_vec_str(&vecs[slot], i) : (LhStr){NULL, 0, 0};

		LH_TRY(lh_ice_bytes_add(ctx, k == 0 ? &b->referenced : &b->keys, s.ptr, s.len));
	}
	return add_stats(ctx, b, vecs, i, v[F_RECORDS]);
}

static LhStatus
add_rows(LhCtx *ctx, Builder *b, LhArena *arena, LhAvroReader *reader)
{
	for (;;)
	{
		LhAvroBatch batch;
		LhArena *own = lh_use(ctx, arena);
		LhStatus status = lh_avro_next(ctx, reader, &batch);

		lh_use(ctx, own);
		LH_TRY(status);
		if (batch.n == 0)
			return LH_OK;
		LH_TRY(lh_poll(ctx));
		for (int i = 0; i < batch.n; i++)
			LH_TRY(add_row(ctx, b, batch.vecs, i));
		b->m->n += (size_t) batch.n;
	}
}

/*
 * The end
 */

static LhStatus
finish_strings(LhCtx *ctx, LhIceIntern *in, const LhStr **out)
{
	LhStr *strs;
	uint8_t *heap = lh_memdup(ctx, in->heap.len > 0 ? (const void *) in->heap.data : "",
							  in->heap.len > 0 ? in->heap.len : 1);

	if (heap == NULL)
		return ctx->error->code;
	LH_NEW_ARRAY(ctx, strs, (size_t) in->n + 1);
	for (uint32_t i = 0; i < in->n; i++)
	{
		strs[i] = lh_ice_intern_get(in, i);
		strs[i].ptr = heap + (strs[i].ptr - in->heap.data);
	}
	*out = strs;
	return LH_OK;
}

static LhStatus
finish_ids(LhCtx *ctx, Builder *b)
{
	struct LhIceIdSet *sets;
	const LhStr *strs;

	LH_TRY(finish_strings(ctx, &b->idsets, &strs));
	LH_NEW_ARRAY(ctx, sets, (size_t) b->idsets.n + 1);
	for (uint32_t i = 0; i < b->idsets.n; i++)
	{
		/* copied: the heap is not aligned for every length */
		int *ids;

		LH_NEW_ARRAY(ctx, ids, strs[i].len / sizeof(int) + 1);
		memcpy(ids, strs[i].ptr, strs[i].len);
		sets[i].n = (int) (strs[i].len / sizeof(int));
		sets[i].ids = ids;
	}
	b->m->nidsets = b->idsets.n;
	b->m->idsets = sets;
	return LH_OK;
}

static LhStatus
finish_parts(LhCtx *ctx, Builder *b)
{
	LhIcePart *parts;

	LH_NEW_ARRAY(ctx, parts, (size_t) b->nparts + 1);
	for (int k = 0; k < b->nparts; k++)
	{
		PartBuilder *p = &b->parts[k];

		parts[k] = p->part;
		parts[k].valid = lh_memdup(ctx, p->valid.data, p->valid.len);
		parts[k].data = lh_memdup(ctx, p->data.data, p->data.len);
		if ((p->valid.len > 0 && parts[k].valid == NULL) ||
			(p->data.len > 0 && parts[k].data == NULL))
			return ctx->error->code;
		lh_buf_free(&p->valid);
		lh_buf_free(&p->data);
	}
	b->m->nparts = b->nparts;
	b->m->parts = parts;
	b->m->ntuples = b->tuples.n;
	return LH_OK;
}

static LhStatus
finish_stats(LhCtx *ctx, Builder *b)
{
	LhIceStats *stats;

	LH_NEW_ARRAY(ctx, stats, (size_t) b->nids + 1);
	for (int i = 0; i < b->nids; i++)
	{
		StatsBuilder *s = &b->stats[i];

		stats[i].id = b->ids[i];
		LH_TRY(lh_ice_ints_finish(ctx, &s->counts[0], &stats[i].values));
		LH_TRY(lh_ice_ints_finish(ctx, &s->counts[1], &stats[i].nulls));
		LH_TRY(lh_ice_ints_finish(ctx, &s->counts[2], &stats[i].nans));
		LH_TRY(lh_ice_bytes_finish(ctx, &s->bounds[0], &stats[i].lower));
		LH_TRY(lh_ice_bytes_finish(ctx, &s->bounds[1], &stats[i].upper));
	}
	b->m->nstats = b->nids;
	b->m->stats = stats;
	return LH_OK;
}

static LhStatus
finish(LhCtx *ctx, Builder *b)
{
	LhIceManifest *m = b->m;
	LhIceInts *const ints[N_FIELDS] = {
		[F_STATUS] = &m->status,           [F_SNAPSHOT] = &m->snapshot,
		[F_SEQUENCE] = &m->sequence,       [F_FILE_SEQUENCE] = &m->file_sequence,
		[F_CONTENT] = &m->content,         [F_FORMAT] = &m->format,
		[F_RECORDS] = &m->records,         [F_SIZE] = &m->size,
		[F_SORT_ORDER] = &m->sort_order,   [F_FIRST_ROW_ID] = &m->first_row_id,
		[F_OFFSET] = &m->offset,           [F_LENGTH] = &m->length,
	};

	for (int f = 0; f < N_FIELDS; f++)
	{
		if (ints[f] != NULL)
			LH_TRY(lh_ice_ints_finish(ctx, &b->ints[f], ints[f]));
	}
	LH_TRY(lh_ice_ints_finish(ctx, &b->dir, &m->dir));
	LH_TRY(lh_ice_ints_finish(ctx, &b->tuple, &m->tuple));
	LH_TRY(lh_ice_ints_finish(ctx, &b->idset, &m->ids));
	LH_TRY(lh_ice_bytes_finish(ctx, &b->names, &m->names));
	LH_TRY(lh_ice_bytes_finish(ctx, &b->referenced, &m->referenced));
	LH_TRY(lh_ice_bytes_finish(ctx, &b->keys, &m->keys));
	m->ndirs = b->dirs.n;
	LH_TRY(finish_strings(ctx, &b->dirs, &m->dirs));
	LH_TRY(finish_ids(ctx, b));
	LH_TRY(finish_parts(ctx, b));
	LH_TRY(finish_stats(ctx, b));
	for (int k = 0; k < 3; k++)
	{
		LhIceIntern *in = (LhIceIntern *[]){&b->dirs, &b->tuples, &b->idsets}[k];

		lh_buf_free(&in->heap);
		lh_buf_free(&in->entries);
		lh_buf_free(&in->slots);
	}
	lh_buf_free(&b->tuple_key);
	return LH_OK;
}

static LhStatus
decode(LhCtx *ctx, LhAvroFile *file, LhArena *arena, int nids, const int32_t *ids,
	   LhIceManifest **out)
{
	Builder b = {.file = file, .path = lh_avro_meta(file)->path, .nids = nids};
	LhAvroReader *reader;
	LhArena *own;
	LhStatus status;

	LH_NEW(ctx, b.m);
	b.m->arena = ctx->arena;
	b.m->refs = 1;
	b.ids = lh_memdup(ctx, ids, (size_t) nids * sizeof(*ids));
	if (nids > 0 && b.ids == NULL)
		return ctx->error->code;
	LH_TRY(want_all(ctx, &b));
	LH_TRY(begin_columns(ctx, &b));
	own = lh_use(ctx, arena);
	status = lh_avro_reader_open(ctx, file, b.nwants, b.wants, NULL, &reader);
	lh_use(ctx, own);
	LH_TRY(status);
	LH_TRY(add_rows(ctx, &b, arena, reader));
	lh_avro_reader_close(reader);
	LH_TRY(finish(ctx, &b));
	*out = b.m;
	return LH_OK;
}

LhStatus
lh_ice_manifest_decode(LhCtx *ctx, LhAvroFile *file, int nids, const int32_t *ids,
					   LhIceManifest **out)
{
	LhArena *arena = lh_arena_create(NULL), *old;
	LhStatus status;

	if (arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	old = lh_use(ctx, arena);
	status = decode(ctx, file, old, nids, ids, out);
	lh_use(ctx, old);
	if (status != LH_OK)
		lh_arena_destroy(arena);
	return status;
}

void
lh_ice_manifest_ref(LhIceManifest *m)
{
	__atomic_add_fetch(&m->refs, 1, __ATOMIC_RELAXED);
}

void
lh_ice_manifest_unref(LhIceManifest *m)
{
	if (__atomic_sub_fetch(&m->refs, 1, __ATOMIC_ACQ_REL) == 0)
		lh_arena_destroy(m->arena);
}

LhStatus
lh_ice_manifest_path(LhCtx *ctx, const LhIceManifest *m, size_t i, LhBuf *buf)
{
	LhStr dir = m->dirs[lh_ice_int(&m->dir, i)];
	LhSlice name = {0};

	lh_ice_bytes(&m->names, i, &name);
	buf->len = 0;
	LH_TRY(lh_buf_reserve(ctx, buf, dir.len + name.len + 1));
	memcpy(buf->data, dir.ptr, dir.len);
	memcpy(buf->data + dir.len, name.data, name.len);
	buf->len = dir.len + name.len;
	buf->data[buf->len] = '\0';
	return LH_OK;
}

const LhIceStats *
lh_ice_manifest_stats(const LhIceManifest *m, int32_t id)
{
	for (int i = 0; i < m->nstats; i++)
	{
		if (m->stats[i].id == id)
			return &m->stats[i];
	}
	return NULL;
}

LhValue
lh_ice_part_value(const LhIcePart *part, uint32_t tuple)
{
	if (part->valid == NULL || !lh_bit_get(part->valid, tuple))
		return (LhValue){.type = part->type, .null = true};
	return lh_lane_value(&part->type, part->data, tuple);
}

/*
 * Inheritance
 */

static LhStatus
no_sequence(LhCtx *ctx, const LhIceManifestFile *line, const LhIceManifest *m, size_t i)
{
	LhSlice name = {0};

	lh_ice_bytes(&m->names, i, &name);
	LH_FAIL(ctx, LH_CORRUPT,
			"%s: sequence_number of \"%.*s\" is null, which only added files may leave to the list",
			line->path, name.len > 300 ? 300 : (int) name.len, (const char *) name.data);
}

LhStatus
lh_ice_inherit(LhCtx *ctx, const LhIceManifestFile *line, const LhIceManifest *m, size_t i,
			   LhIceInherit *state)
{
	int64_t status = lh_ice_int(&m->status, i);

	if (!state->begun)
	{
		state->begun = true;
		state->next_row_id = line->first_row_id;
	}
	state->snapshot = lh_ice_int(&m->snapshot, i);
	if (state->snapshot == LH_ICE_NONE && line->added_snapshot != -1)
		state->snapshot = line->added_snapshot;
	state->sequence = lh_ice_int(&m->sequence, i);
	if (state->sequence == LH_ICE_NONE)
	{
		if (status == LH_ICE_EXISTING && line->sequence != 0)
			return no_sequence(ctx, line, m, i);
		state->sequence = line->sequence;
	}
	state->first_row_id = LH_ICE_NONE;
	if (line->deletes || !line->has_first_row_id || status == LH_ICE_DELETED)
		return LH_OK;
	state->first_row_id = lh_ice_int(&m->first_row_id, i);
	if (state->first_row_id != LH_ICE_NONE)
		return LH_OK;
	state->first_row_id = state->next_row_id;
	if (__builtin_add_overflow(state->next_row_id, lh_ice_int(&m->records, i),
							   &state->next_row_id))
		LH_FAIL(ctx, LH_CORRUPT, "%s: row ids of its files leave 64 bits", line->path);
	return LH_OK;
}
