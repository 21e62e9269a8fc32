/*
 * list.c
 *		Manifest lists, and how the files of the metadata are opened.
 *
 * A list is small (some 500 bytes a manifest) and read whole.  Tables of version
 * 1 may have none; then the snapshot names its manifests, whose headers say the
 * spec, and nothing is known of their content.
 */
#include <stdlib.h>

#include "crypto/crypto.h"
#include "iceberg/columns.h"

typedef enum Number
{
	L_LENGTH, L_SPEC, L_CONTENT, L_SEQUENCE, L_MIN_SEQUENCE, L_SNAPSHOT,
	L_ADDED, L_EXISTING, L_DELETED, L_ADDED_ROWS, L_EXISTING_ROWS, L_DELETED_ROWS, L_FIRST_ROW_ID,
	N_NUMBERS
} Number;

static const struct
{
	const char *name;
	int id;
	bool required;
} numbers[N_NUMBERS] = {
	[L_LENGTH] = {"manifest_length", 501, true},
	[L_SPEC] = {"partition_spec_id", 502, true},
	[L_CONTENT] = {"content", 517, false},
	[L_SEQUENCE] = {"sequence_number", 515, false},
	[L_MIN_SEQUENCE] = {"min_sequence_number", 516, false},
	[L_SNAPSHOT] = {"added_snapshot_id", 503, false},
	[L_ADDED] = {"added_files_count", 504, false},
	[L_EXISTING] = {"existing_files_count", 505, false},
	[L_DELETED] = {"deleted_files_count", 506, false},
	[L_ADDED_ROWS] = {"added_rows_count", 512, false},
	[L_EXISTING_ROWS] = {"existing_rows_count", 513, false},
	[L_DELETED_ROWS] = {"deleted_rows_count", 514, false},
	[L_FIRST_ROW_ID] = {"first_row_id", 520, false},
};

/* Members of a summary, by their place among the children of the element. */
typedef enum Member
{
	S_NULL, S_NAN, S_LOWER, S_UPPER, N_MEMBERS
} Member;

static const struct
{
	const char *name;
	int id;
	LhLane lane, also;
} members[N_MEMBERS] = {
	[S_NULL] = {"contains_null", 509, LH_LANE_U8, LH_LANE_U8},
	[S_NAN] = {"contains_nan", 518, LH_LANE_U8, LH_LANE_U8},
	[S_LOWER] = {"lower_bound", 510, LH_LANE_STR, LH_LANE_FIX},
	[S_UPPER] = {"upper_bound", 511, LH_LANE_STR, LH_LANE_FIX},
};

typedef struct List
{
	LhAvroFile *file;
	const char *path;
	int nwants;
	LhAvroWant wants[N_NUMBERS + 3];
	int numbers[N_NUMBERS]; /* slots; -1 */
	int manifest, summaries, keys;
	int members[N_MEMBERS];
	size_t n;
	LhBuf lines;
} List;

static int
find(const LhAvroFile *file, const char *name, int id)
{
	int node = lh_avro_find_ids(file, &id, 1);

	return node >= 0 ? node : lh_avro_find(file, name);
}

static LhStatus
wrong_type(LhCtx *ctx, const List *l, const char *name)
{
	LH_FAIL(ctx, LH_CORRUPT, "%s: field \"%s\" has a type that it cannot have", l->path, name);
}

static LhStatus
want(LhCtx *ctx, List *l, const char *name, int id, bool required, LhLane lane, LhLane also,
	 int *slot)
{
	int node = find(l->file, name, id);
	const LhAvroNode *n = node >= 0 ? &lh_avro_meta(l->file)->nodes[node] : NULL;

	*slot = -1;
	if (n == NULL || (n->type.id == LH_T_NULL && !required))
	{
		if (required)
			LH_FAIL(ctx, LH_CORRUPT, "%s: field \"%s\" (id %d) is missing", l->path, name, id);
		return LH_OK;
	}
	if (n->type.lane != lane && n->type.lane != also)
		return wrong_type(ctx, l, name);
	*slot = l->nwants;
	l->wants[l->nwants++] = (LhAvroWant){.node = node};
	return LH_OK;
}

static LhStatus
want_summaries(LhCtx *ctx, List *l)
{
	const LhAvroMeta *meta = lh_avro_meta(l->file);
	int node = find(l->file, "partitions", 507), element, place = 0;

	l->summaries = -1;
	if (node < 0 || meta->nodes[node].type.id == LH_T_NULL)
		return LH_OK;
	element = meta->nodes[node].first_child;
	if (meta->nodes[node].type.id != LH_T_LIST || element < 0 ||
		meta->nodes[element].type.id != LH_T_STRUCT)
		return wrong_type(ctx, l, "partitions");
	for (int m = 0; m < N_MEMBERS; m++)
		l->members[m] = -1;
	for (int c = meta->nodes[element].first_child; c >= 0; c = meta->nodes[c].next, place++)
	{
		const LhAvroNode *child = &meta->nodes[c];

		for (int m = 0; m < N_MEMBERS; m++)
		{
			if (child->field_id != members[m].id &&
				(child->field_id >= 0 || strcmp(child->name, members[m].name) != 0))
				continue;
			if (child->type.lane != members[m].lane && child->type.lane != members[m].also)
				return wrong_type(ctx, l, members[m].name);
			l->members[m] = place;
		}
	}
	if (l->members[S_NULL] < 0)
		LH_FAIL(ctx, LH_CORRUPT, "%s: field \"partitions.contains_null\" (id 509) is missing",
				l->path);
	l->summaries = l->nwants;
	l->wants[l->nwants++] = (LhAvroWant){.node = node};
	return LH_OK;
}

static LhStatus
copy_slice(LhCtx *ctx, LhStr s, LhSlice *out)
{
	const uint8_t *p = lh_memdup(ctx, s.len > 0 ? s.ptr : (const uint8_t *) "", s.len + (s.len == 0));

	if (p == NULL)
		return ctx->error->code;
	*out = lh_slice(p, s.len);
	return LH_OK;
}

static LhStatus
read_bound(LhCtx *ctx, const List *l, const LhVec *element, int row, Member which, bool *has,
		   LhSlice *out)
{
	LhStr s = l->members[which] < 0 ? (LhStr){NULL, 0, 0}
									: lh_ice_vec_str(&element->children[l->members[which]], row);

	*has = s.ptr != NULL;
	return *has ? copy_slice(ctx, s, out) : LH_OK;
}

static LhStatus
read_summaries(LhCtx *ctx, const List *l, const LhVec *v, int i, LhIceManifestFile *line)
{
	const LhVec *element = &v->children[0];
	uint32_t from, n;

	if (lh_vec_is_null(v, i) || v->offsets == NULL)
		return LH_OK;
	from = v->offsets[i];
	n = v->offsets[i + 1] - from;
	LH_NEW_ARRAY(ctx, line->summaries, n > 0 ? n : 1);
	line->nsummaries = (int) n;
	for (uint32_t k = 0; k < n; k++)
	{
		struct LhIceSummary *s = &line->summaries[k];
		int row = (int) (from + k);
		const LhVec *nan = l->members[S_NAN] < 0 ? NULL : &element->children[l->members[S_NAN]];
		const LhVec *null = &element->children[l->members[S_NULL]];

		s->contains_null = lh_vec_is_null(null, row) || lh_vec_value(null, row).b;
		s->contains_nan = nan == NULL || lh_vec_is_null(nan, row)
							  ? -1
							  : (int8_t) lh_vec_value(nan, row).b;
		LH_TRY(read_bound(ctx, l, element, row, S_LOWER, &s->has_lower, &s->lower));
		LH_TRY(read_bound(ctx, l, element, row, S_UPPER, &s->has_upper, &s->upper));
	}
	return LH_OK;
}

static LhStatus
bad_line(LhCtx *ctx, const List *l, const LhIceManifestFile *line, const char *field)
{
	LH_FAIL(ctx, LH_CORRUPT, "%s: %s of manifest \"%.300s\" is out of range", l->path, field,
			line->path);
}

/* Counts are natural numbers or unknown. */
static LhStatus
read_count(LhCtx *ctx, const List *l, const LhIceManifestFile *line, Number which, int64_t v,
		   int64_t *out)
{
	*out = v == LH_ICE_NONE ? -1 : v;
	return v < 0 && v != LH_ICE_NONE ? bad_line(ctx, l, line, numbers[which].name) : LH_OK;
}

static LhStatus
read_line(LhCtx *ctx, const List *l, const LhVec *vecs, int i, LhIceManifestFile *line)
{
	int64_t v[N_NUMBERS];
	LhStr path = lh_ice_vec_str(&vecs[l->manifest], i);
	LhStr keys = l->keys < 0 ? (LhStr){NULL, 0, 0} : lh_ice_vec_str(&vecs[l->keys], i);

	*line = (LhIceManifestFile){.added_snapshot = -1};
	if (path.ptr == NULL || path.len == 0 || memchr(path.ptr, '\0', path.len) != NULL)
		LH_FAIL(ctx, LH_CORRUPT, "%s: manifest_path of line %zu is no path", l->path, l->n + 1);
	line->path = lh_strndup(ctx, (const char *) path.ptr, path.len);
	if (line->path == NULL)
		return ctx->error->code;
	for (int k = 0; k < N_NUMBERS; k++)
		v[k] = l->numbers[k] < 0 ? LH_ICE_NONE
								 : lh_ice_vec_int(&vecs[l->numbers[k]], i, LH_ICE_NONE);
	line->length = v[L_LENGTH];
	if (line->length < 0)
		return bad_line(ctx, l, line, numbers[L_LENGTH].name);
	if (v[L_SPEC] < 0 || v[L_SPEC] > INT32_MAX)
		return bad_line(ctx, l, line, numbers[L_SPEC].name);
	line->spec_id = (int) v[L_SPEC];
	if (v[L_CONTENT] != LH_ICE_NONE && v[L_CONTENT] != 0 && v[L_CONTENT] != 1)
		return bad_line(ctx, l, line, numbers[L_CONTENT].name);
	line->deletes = v[L_CONTENT] == 1;
	line->sequence = v[L_SEQUENCE] == LH_ICE_NONE ? 0 : v[L_SEQUENCE];
	line->min_sequence = v[L_MIN_SEQUENCE] == LH_ICE_NONE ? 0 : v[L_MIN_SEQUENCE];
	if (line->sequence < 0)
		return bad_line(ctx, l, line, numbers[L_SEQUENCE].name);
	if (v[L_SNAPSHOT] != LH_ICE_NONE)
		line->added_snapshot = v[L_SNAPSHOT];
	LH_TRY(read_count(ctx, l, line, L_ADDED, v[L_ADDED], &line->added_files));
	LH_TRY(read_count(ctx, l, line, L_EXISTING, v[L_EXISTING], &line->existing_files));
	LH_TRY(read_count(ctx, l, line, L_DELETED, v[L_DELETED], &line->deleted_files));
	LH_TRY(read_count(ctx, l, line, L_ADDED_ROWS, v[L_ADDED_ROWS], &line->added_rows));
	LH_TRY(read_count(ctx, l, line, L_EXISTING_ROWS, v[L_EXISTING_ROWS], &line->existing_rows));
	LH_TRY(read_count(ctx, l, line, L_DELETED_ROWS, v[L_DELETED_ROWS], &line->deleted_rows));
	line->has_first_row_id = v[L_FIRST_ROW_ID] != LH_ICE_NONE;
	if (line->has_first_row_id)
		LH_TRY(read_count(ctx, l, line, L_FIRST_ROW_ID, v[L_FIRST_ROW_ID], &line->first_row_id));
	if (keys.ptr != NULL)
		LH_TRY(copy_slice(ctx, keys, &line->key_metadata));
	return l->summaries < 0 ? LH_OK
							: read_summaries(ctx, l, &vecs[l->summaries], i, line);
}

static LhStatus
read_lines(LhCtx *ctx, List *l, LhAvroReader *reader)
{
	for (;;)
	{
		LhAvroBatch batch;

		LH_TRY(lh_avro_next(ctx, reader, &batch));
		if (batch.n == 0)
			return LH_OK;
		LH_TRY(lh_poll(ctx));
		for (int i = 0; i < batch.n; i++)
		{
			LhIceManifestFile line;

			LH_TRY(read_line(ctx, l, batch.vecs, i, &line));
			LH_TRY(lh_buf_append(ctx, &l->lines, &line, sizeof(line)));
			l->n++;
		}
	}
}

LhStatus
lh_ice_list_decode(LhCtx *ctx, LhAvroFile *file, size_t *n, LhIceManifestFile **out)
{
	List l = {.file = file, .path = lh_avro_meta(file)->path};
	LhAvroReader *reader;

	LH_TRY(lh_buf_init(ctx, &l.lines, true));
	LH_TRY(want(ctx, &l, "manifest_path", 500, true, LH_LANE_STR, LH_LANE_STR, &l.manifest));
	for (int k = 0; k < N_NUMBERS; k++)
		LH_TRY(want(ctx, &l, numbers[k].name, numbers[k].id, numbers[k].required, LH_LANE_I64,
					LH_LANE_I32, &l.numbers[k]));
	LH_TRY(want(ctx, &l, "key_metadata", 519, false, LH_LANE_STR, LH_LANE_FIX, &l.keys));
	LH_TRY(want_summaries(ctx, &l));
	LH_TRY(lh_avro_reader_open(ctx, file, l.nwants, l.wants, NULL, &reader));
	LH_TRY(read_lines(ctx, &l, reader));
	lh_avro_reader_close(reader);
	*n = l.n;
	*out = (LhIceManifestFile *) (void *) l.lines.data;
	return LH_OK;
}

/*
 * Opening
 */

static LhStatus
open_object(LhCtx *ctx, LhIceTable *table, const char *what, const char *from, const char *raw,
			LhObject **out)
{
	const char *path;

	LH_TRY(lh_ice_path(ctx, &table->paths, what, from, raw, strlen(raw), &path));
	return lh_object_open(ctx, table->base.store, path, out);
}

/* The spec of a manifest by its header; 0 when it says none.  What is no number is no spec. */
static LhStatus
header_spec(LhCtx *ctx, const LhAvroFile *file, int *out)
{
	const LhSlice *text = lh_avro_meta_value(file, "partition-spec-id");
	int64_t v = 0;
	size_t i = 0;

	*out = 0;
	if (text == NULL)
		return LH_OK;
	for (; i < text->len && text->data[i] >= '0' && text->data[i] <= '9' && v <= INT32_MAX; i++)
		v = v * 10 + (text->data[i] - '0');
	if (i == 0 || i < text->len || v > INT32_MAX)
		LH_FAIL(ctx, LH_CORRUPT, "%s: partition-spec-id of the header is no spec id: \"%.*s\"",
				lh_avro_meta(file)->path, text->len > 100 ? 100 : (int) text->len,
				(const char *) text->data);
	*out = (int) v;
	return LH_OK;
}

/* The line of a manifest that no list describes, by its header; path is as the snapshot has it. */
static LhStatus
line_of(LhCtx *ctx, LhIceTable *table, int64_t snapshot_id, const char *path,
		LhIceManifestFile *line)
{
	LhAvroFile *file;
	LhObject *obj;

	*line = (LhIceManifestFile){
		.path = path,
		.added_snapshot = snapshot_id,
		.added_files = -1,
		.existing_files = -1,
		.deleted_files = -1,
		.added_rows = -1,
		.existing_rows = -1,
		.deleted_rows = -1,
	};
	LH_TRY(open_object(ctx, table, "manifest", table->metadata->path, path, &obj));
	LH_TRY(lh_avro_open(ctx, obj, &file));
	line->length = lh_avro_meta(file)->size;
	return header_spec(ctx, file, &line->spec_id);
}

/* Lines for manifests that no list describes.  Each is closed before the next: there may be thousands. */
static LhStatus
without_list(LhCtx *ctx, LhIceTable *table, const LhIceSnapshot *snapshot, size_t *n,
			 const LhIceManifestFile **out)
{
	LhIceManifestFile *lines;
	LhArena *arena, *old;
	LhStatus status = LH_OK;

	LH_NEW_ARRAY(ctx, lines, (size_t) snapshot->nmanifests + 1);
	*out = lines;
	arena = lh_arena_child(ctx->arena);
	if (arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	lh_arena_as_floor(arena);
	old = lh_use(ctx, arena);
	for (int i = 0; i < snapshot->nmanifests && status == LH_OK; i++)
	{
		status = lh_poll(ctx);
		if (status == LH_OK)
			status = line_of(ctx, table, snapshot->snapshot_id, snapshot->manifests[i], &lines[i]);
		lh_arena_reset(arena);
	}
	lh_use(ctx, old);
	lh_arena_destroy(arena);
	*n = (size_t) snapshot->nmanifests;
	return status;
}

/*
 * A list that was cut behind its header is a list without lines: nothing in it tells, and no
 * metadata says its length.  A snapshot that counts files has some.
 */
static LhStatus
check_empty(LhCtx *ctx, const LhIceSnapshot *snapshot, const LhAvroFile *file, size_t n)
{
	const char *files;

	if (n > 0)
		return LH_OK;
	LH_TRY(lh_ice_summary_value(ctx, snapshot, "total-data-files", &files));
	if (files == NULL || strtoll(files, NULL, 10) <= 0)
		return LH_OK;
	LH_FAIL(ctx, LH_CORRUPT,
			"%s: the list names no manifest, but \"total-data-files\" of snapshot %lld is %.20s",
			lh_avro_meta(file)->path, (long long) snapshot->snapshot_id, files);
}

static LhStatus
open_list(LhCtx *ctx, LhIceTable *table, const LhIceSnapshot *snapshot, LhObject *obj,
		  LhAvroFile **out)
{
	LhSlice bytes;

	if (snapshot->key_id == NULL)
		return lh_avro_open(ctx, obj, out);
	LH_TRY(lh_ice_decrypt_list(ctx, table->metadata, snapshot, obj, &bytes));
	return lh_avro_open_bytes(ctx, bytes, lh_object_id(obj)->path, out);
}

/* Lines in ctx->arena, the file in that of files. */
static LhStatus
read_list(LhCtx *ctx, LhIceTable *table, const LhIceSnapshot *snapshot, LhArena *files, size_t *n,
		  const LhIceManifestFile **out)
{
	/* what is encrypted is for those who have its key, who are asked for it each time */
	bool may_keep = snapshot->key_id == NULL;
	LhIceManifestFile *lines;
	LhArena *lasting = lh_use(ctx, files);
	LhAvroFile *file;
	LhObject *obj;
	const char *path;
	LhStatus status;

	status = lh_ice_path(ctx, &table->paths, "manifest list", table->metadata->path,
						 snapshot->manifest_list, strlen(snapshot->manifest_list), &path);
	lh_use(ctx, lasting);
	LH_TRY(status);
	if (may_keep)
		LH_TRY(lh_ice_list_look(ctx, table->base.store, path, table->options.estimate, n, out));
	if (*out != NULL)
		return LH_OK;
	lh_use(ctx, files);
	status = lh_object_open(ctx, table->base.store, path, &obj);
	lh_use(ctx, lasting);
	LH_TRY(status);
	if (may_keep)
		LH_TRY(lh_ice_list_find(ctx, lh_object_id(obj), n, out));
	if (*out != NULL)
		return LH_OK;
	lh_use(ctx, files);
	status = open_list(ctx, table, snapshot, obj, &file);
	lh_use(ctx, lasting);
	LH_TRY(status);
	LH_TRY(lh_ice_list_decode(ctx, file, n, &lines));
	LH_TRY(check_empty(ctx, snapshot, file, *n));
	*out = lines;
	if (may_keep)
		lh_ice_list_keep(lh_object_id(obj), *n, lines);
	return LH_OK;
}

/* The file lives in an arena of its own, and is closed here: one who asks for all snapshots asks often. */
LhStatus
lh_ice_manifest_list(LhCtx *ctx, LhIceTable *table, const LhIceSnapshot *snapshot, size_t *n,
					 const LhIceManifestFile **out)
{
	LhArena *arena;
	LhStatus status;

	*n = 0;
	*out = NULL;
	if (snapshot->manifest_list == NULL)
		return without_list(ctx, table, snapshot, n, out);
	arena = lh_arena_child(ctx->arena);
	if (arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	lh_arena_as_floor(arena);
	status = read_list(ctx, table, snapshot, arena, n, out);
	lh_arena_destroy(arena);
	return status;
}

LhStatus
lh_ice_manifest_open_file(LhCtx *ctx, LhIceTable *table, const LhIceManifestFile *line,
						  LhAvroFile **out)
{
	LhSlice bytes;
	LhObject *obj;

	LH_TRY(open_object(ctx, table, "manifest", "the manifest list", line->path, &obj));
	/* metadata that is not Iceberg's own means nothing to us: the file says whether it is encrypted */
	if (!lh_file_key_is(line->key_metadata))
		return lh_avro_open(ctx, obj, out);
	LH_TRY(lh_ice_decrypt(ctx, obj, line->key_metadata, &bytes));
	return lh_avro_open_bytes(ctx, bytes, lh_object_id(obj)->path, out);
}
