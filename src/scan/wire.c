/*
 * wire.c
 *		A table's schema and file tasks as bytes.
 *
 *	schema	scalars, columns: name, type, source, required, field id, hidden, doc;
 *			defaults; name mapping; the format's state
 *	type	the struct's scalars; its fields: name, type, required, field id
 *	tasks	scalars, path, partition, constants, list of deletes
 *	deletes	each delete file of the list once
 *
 * Strings are their length, their bytes and a NUL, so that they can be used as
 * they lie there.  Files of one directory share their partition's values, as they
 * share constants and lists of deletes: here as in a list of tasks what is that of
 * the task before is said to be so.
 */
#include "scan/wire.h"

/* What tasks share with the one before. */
enum
{
	SHARED_NONE,
	SHARED_SAME,
	SHARED_NEW
};

static LhStatus
put_u64(LhCtx *ctx, LhBuf *out, uint64_t v)
{
	return lh_buf_append(ctx, out, &v, sizeof(v));
}

static LhStatus
put_bytes(LhCtx *ctx, LhBuf *out, const void *p, size_t n)
{
	LH_TRY(put_u64(ctx, out, n));
	if (n > 0)
		LH_TRY(lh_buf_append(ctx, out, p, n));
	return lh_buf_putc(ctx, out, '\0');
}

static LhStatus
put_text(LhCtx *ctx, LhBuf *out, const char *s)
{
	return put_bytes(ctx, out, s, strlen(s));
}

/* A text that may be NULL. */
static LhStatus
put_some(LhCtx *ctx, LhBuf *out, const char *s)
{
	LH_TRY(put_u64(ctx, out, s != NULL));
	return s != NULL ? put_text(ctx, out, s) : LH_OK;
}

static LhStatus
put_slice(LhCtx *ctx, LhBuf *out, LhSlice s)
{
	return put_bytes(ctx, out, s.data, s.len);
}

static LhStatus
put_type(LhCtx *ctx, LhBuf *out, const LhType *type)
{
	LH_TRY(lh_buf_append(ctx, out, type, sizeof(*type)));
	for (int i = 0; i < type->nfields; i++)
	{
		const LhField *f = &type->fields[i];

		LH_TRY(put_text(ctx, out, f->name != NULL ? f->name : ""));
		LH_TRY(put_type(ctx, out, &f->type));
		LH_TRY(put_u64(ctx, out, f->required));
		LH_TRY(put_u64(ctx, out, (uint64_t) (int64_t) f->field_id));
	}
	return LH_OK;
}

static LhStatus
put_value(LhCtx *ctx, LhBuf *out, const LhValue *v)
{
	bool bytes = v->type.lane == LH_LANE_STR || v->type.lane == LH_LANE_FIX;

	LH_TRY(put_type(ctx, out, &v->type));
	LH_TRY(put_u64(ctx, out, v->null));
	if (v->null)
		return LH_OK;
	if (bytes)
		return put_bytes(ctx, out, v->str.ptr, v->str.len);
	return lh_buf_append(ctx, out, &v->i128, sizeof(v->i128));
}

static LhStatus
put_mapping(LhCtx *ctx, LhBuf *out, const LhNameMapping *mapping)
{
	LH_TRY(put_u64(ctx, out, (uint64_t) (int64_t) mapping->field_id));
	LH_TRY(put_u64(ctx, out, (uint64_t) mapping->nnames));
	for (int i = 0; i < mapping->nnames; i++)
		LH_TRY(put_text(ctx, out, mapping->names[i]));
	LH_TRY(put_u64(ctx, out, (uint64_t) mapping->nchildren));
	for (int i = 0; i < mapping->nchildren; i++)
		LH_TRY(put_mapping(ctx, out, &mapping->children[i]));
	return LH_OK;
}

static LhStatus
put_schema(LhCtx *ctx, LhBuf *out, const LhTableSchema *schema)
{
	LH_TRY(lh_buf_append(ctx, out, schema, sizeof(*schema)));
	for (int i = 0; i < schema->ncols; i++)
	{
		const LhColumn *c = &schema->cols[i];

		LH_TRY(put_text(ctx, out, c->name));
		LH_TRY(put_type(ctx, out, &c->type));
		LH_TRY(put_u64(ctx, out, c->required));
		LH_TRY(put_u64(ctx, out, c->source));
		LH_TRY(put_u64(ctx, out, (uint64_t) (int64_t) c->field_id));
		LH_TRY(put_u64(ctx, out, c->hidden));
		LH_TRY(put_some(ctx, out, c->doc));
	}
	for (int i = 0; i < schema->ndefaults; i++)
	{
		LH_TRY(put_u64(ctx, out, (uint64_t) (int64_t) schema->defaults[i].field_id));
		LH_TRY(put_value(ctx, out, &schema->defaults[i].value));
	}
	if (schema->mapping != NULL)
		LH_TRY(put_mapping(ctx, out, schema->mapping));
	return put_slice(ctx, out, schema->state);
}

static bool
same_partition(const LhFileTask *a, const LhFileTask *b)
{
	return a->npartition == b->npartition && a->partition_names == b->partition_names &&
		   a->partition_values == b->partition_values;
}

static LhStatus
put_partition(LhCtx *ctx, LhBuf *out, const LhFileTask *task, const LhFileTask *before)
{
	if (task->npartition == 0)
		return put_u64(ctx, out, SHARED_NONE);
	if (before != NULL && same_partition(task, before))
		return put_u64(ctx, out, SHARED_SAME);
	LH_TRY(put_u64(ctx, out, SHARED_NEW));
	LH_TRY(put_u64(ctx, out, (uint64_t) task->npartition));
	for (int i = 0; i < task->npartition; i++)
	{
		LH_TRY(put_text(ctx, out, task->partition_names[i]));
		LH_TRY(put_value(ctx, out, &task->partition_values[i]));
	}
	return LH_OK;
}

static LhStatus
put_consts(LhCtx *ctx, LhBuf *out, const LhFileTask *task, const LhFileTask *before)
{
	if (task->nconsts == 0)
		return put_u64(ctx, out, SHARED_NONE);
	if (before != NULL && before->nconsts == task->nconsts && before->const_ids == task->const_ids &&
		before->const_values == task->const_values)
		return put_u64(ctx, out, SHARED_SAME);
	LH_TRY(put_u64(ctx, out, SHARED_NEW));
	LH_TRY(put_u64(ctx, out, (uint64_t) task->nconsts));
	for (int i = 0; i < task->nconsts; i++)
	{
		LH_TRY(put_u64(ctx, out, (uint64_t) (int64_t) task->const_ids[i]));
		LH_TRY(put_value(ctx, out, &task->const_values[i]));
	}
	return LH_OK;
}

static LhStatus
put_deletes(LhCtx *ctx, LhBuf *out, const LhFileTask *task, const LhFileTask *before)
{
	if (task->ndeletes == 0)
		return put_u64(ctx, out, SHARED_NONE);
	if (before != NULL && before->ndeletes == task->ndeletes && before->deletes == task->deletes)
		return put_u64(ctx, out, SHARED_SAME);
	LH_TRY(put_u64(ctx, out, SHARED_NEW));
	LH_TRY(put_u64(ctx, out, (uint64_t) task->ndeletes));
	return lh_buf_append(ctx, out, task->deletes, (size_t) task->ndeletes * sizeof(*task->deletes));
}

/* Scalars go with the struct; who reads it sets every pointer anew. */
static LhStatus
put_task(LhCtx *ctx, LhBuf *out, const LhFileTask *task, const LhFileTask *before)
{
	LH_TRY(lh_buf_append(ctx, out, task, sizeof(*task)));
	LH_TRY(put_text(ctx, out, task->path));
	LH_TRY(put_partition(ctx, out, task, before));
	LH_TRY(put_consts(ctx, out, task, before));
	LH_TRY(put_deletes(ctx, out, task, before));
	LH_TRY(put_some(ctx, out, task->partition));
	return put_slice(ctx, out, task->key_metadata);
}

static LhStatus
put_delete_file(LhCtx *ctx, LhBuf *out, const LhDeleteFile *file)
{
	LH_TRY(lh_buf_append(ctx, out, file, sizeof(*file)));
	LH_TRY(put_text(ctx, out, file->path));
	if (file->nids > 0)
		LH_TRY(lh_buf_append(ctx, out, file->ids, (size_t) file->nids * sizeof(*file->ids)));
	return put_slice(ctx, out, file->key_metadata);
}

LhStatus
lh_wire_pack(LhCtx *ctx, const LhTableSchema *schema, const LhTaskList *tasks, LhBuf *out)
{
	LH_TRY(put_schema(ctx, out, schema));
	LH_TRY(put_u64(ctx, out, tasks->n));
	for (size_t i = 0; i < tasks->n; i++)
	{
		if (i % 1024 == 0)
			LH_TRY(lh_poll(ctx));
		LH_TRY(put_task(ctx, out, &tasks->tasks[i], i > 0 ? &tasks->tasks[i - 1] : NULL));
	}
	LH_TRY(put_u64(ctx, out, tasks->ndeletes));
	for (size_t i = 0; i < tasks->ndeletes; i++)
		LH_TRY(put_delete_file(ctx, out, &tasks->deletes[i]));
	return LH_OK;
}

/*
 * Reading
 */

typedef struct Wire
{
	const uint8_t *p, *end;
} Wire;

static LhStatus
get(LhCtx *ctx, Wire *w, void *out, size_t n)
{
	if (n > (size_t) (w->end - w->p))
		LH_FAIL(ctx, LH_CORRUPT, "shared description of a table ends early");
	memcpy(out, w->p, n);
	w->p += n;
	return LH_OK;
}

static LhStatus
get_u64(LhCtx *ctx, Wire *w, uint64_t *out)
{
	return get(ctx, w, out, sizeof(*out));
}

static LhStatus
get_bool(LhCtx *ctx, Wire *w, bool *out)
{
	uint64_t v = 0;

	LH_TRY(get_u64(ctx, w, &v));
	*out = v != 0;
	return LH_OK;
}

static LhStatus
get_int(LhCtx *ctx, Wire *w, int *out)
{
	uint64_t v = 0;

	LH_TRY(get_u64(ctx, w, &v));
	*out = (int) (int64_t) v;
	return LH_OK;
}

static LhStatus
get_bytes(LhCtx *ctx, Wire *w, LhSlice *out)
{
	uint64_t n = 0;

	LH_TRY(get_u64(ctx, w, &n));
	if (n >= (size_t) (w->end - w->p) || w->p[n] != '\0')
		LH_FAIL(ctx, LH_CORRUPT, "shared description of a table ends early");
	*out = lh_slice(w->p, n);
	w->p += n + 1;
	return LH_OK;
}

static LhStatus
get_text(LhCtx *ctx, Wire *w, const char **out)
{
	LhSlice s = {0};

	LH_TRY(get_bytes(ctx, w, &s));
	*out = (const char *) s.data;
	return LH_OK;
}

static LhStatus
get_some(LhCtx *ctx, Wire *w, const char **out)
{
	bool some = false;

	*out = NULL;
	LH_TRY(get_bool(ctx, w, &some));
	return some ? get_text(ctx, w, out) : LH_OK;
}

/* A count of things that take a byte each at least. */
static LhStatus
check_count(LhCtx *ctx, const Wire *w, uint64_t n)
{
	if (n > (size_t) (w->end - w->p))
		LH_FAIL(ctx, LH_CORRUPT, "shared description of a table ends early");
	return LH_OK;
}

static LhStatus
get_type(LhCtx *ctx, Wire *w, int depth, LhType *out)
{
	LhField *fields;

	if (depth > LH_MAX_TYPE_DEPTH)
		LH_FAIL(ctx, LH_LIMIT, "type is nested too deeply");
	LH_TRY(get(ctx, w, out, sizeof(*out)));
	out->fields = NULL;
	if (out->nfields == 0)
		return LH_OK;
	LH_TRY(check_count(ctx, w, (uint64_t) (unsigned) out->nfields));
	LH_NEW_ARRAY(ctx, fields, (size_t) out->nfields);
	for (int i = 0; i < out->nfields; i++)
	{
		LH_TRY(get_text(ctx, w, &fields[i].name));
		LH_TRY(get_type(ctx, w, depth + 1, &fields[i].type));
		LH_TRY(get_bool(ctx, w, &fields[i].required));
		LH_TRY(get_int(ctx, w, &fields[i].field_id));
	}
	out->fields = fields;
	return LH_OK;
}

static LhStatus
get_value(LhCtx *ctx, Wire *w, LhValue *out)
{
	LhSlice s = {0};

	LH_TRY(get_type(ctx, w, 0, &out->type));
	LH_TRY(get_bool(ctx, w, &out->null));
	if (out->null)
		return LH_OK;
	if (out->type.lane != LH_LANE_STR && out->type.lane != LH_LANE_FIX)
		return get(ctx, w, &out->i128, sizeof(out->i128));
	LH_TRY(get_bytes(ctx, w, &s));
	out->str = (LhStr){s.data, (uint32_t) s.len, 0};
	return LH_OK;
}

static LhStatus
get_mapping(LhCtx *ctx, Wire *w, int depth, LhNameMapping *out)
{
	LhNameMapping *children;
	const char **names;

	if (depth > LH_MAX_TYPE_DEPTH)
		LH_FAIL(ctx, LH_LIMIT, "name mapping is nested too deeply");
	LH_TRY(get_int(ctx, w, &out->field_id));
	LH_TRY(get_int(ctx, w, &out->nnames));
	LH_TRY(check_count(ctx, w, (uint64_t) (unsigned) out->nnames));
	LH_NEW_ARRAY(ctx, names, (size_t) out->nnames + 1);
	for (int i = 0; i < out->nnames; i++)
		LH_TRY(get_text(ctx, w, &names[i]));
	out->names = names;
	LH_TRY(get_int(ctx, w, &out->nchildren));
	LH_TRY(check_count(ctx, w, (uint64_t) (unsigned) out->nchildren));
	LH_NEW_ARRAY(ctx, children, (size_t) out->nchildren + 1);
	for (int i = 0; i < out->nchildren; i++)
		LH_TRY(get_mapping(ctx, w, depth + 1, &children[i]));
	out->children = children;
	return LH_OK;
}

static LhStatus
get_defaults(LhCtx *ctx, Wire *w, LhTableSchema *out)
{
	LhDefault *defaults;

	LH_TRY(check_count(ctx, w, (uint64_t) (unsigned) out->ndefaults));
	LH_NEW_ARRAY(ctx, defaults, (size_t) out->ndefaults + 1);
	for (int i = 0; i < out->ndefaults; i++)
	{
		LH_TRY(get_int(ctx, w, &defaults[i].field_id));
		LH_TRY(get_value(ctx, w, &defaults[i].value));
	}
	out->defaults = defaults;
	return LH_OK;
}

static LhStatus
get_schema(LhCtx *ctx, Wire *w, LhTableSchema *out)
{
	LhNameMapping *mapping = NULL;

	LH_TRY(get(ctx, w, out, sizeof(*out)));
	LH_TRY(check_count(ctx, w, (uint64_t) (unsigned) out->ncols));
	LH_NEW_ARRAY(ctx, out->cols, (size_t) out->ncols + 1);
	for (int i = 0; i < out->ncols; i++)
	{
		LhColumn *c = &out->cols[i];
		int source = 0;

		LH_TRY(get_text(ctx, w, &c->name));
		LH_TRY(get_type(ctx, w, 0, &c->type));
		LH_TRY(get_bool(ctx, w, &c->required));
		LH_TRY(get_int(ctx, w, &source));
		c->source = (LhColumnSource) source;
		LH_TRY(get_int(ctx, w, &c->field_id));
		LH_TRY(get_bool(ctx, w, &c->hidden));
		LH_TRY(get_some(ctx, w, &c->doc));
	}
	LH_TRY(get_defaults(ctx, w, out));
	if (out->mapping != NULL)
	{
		LH_NEW(ctx, mapping);
		LH_TRY(get_mapping(ctx, w, 0, mapping));
	}
	out->mapping = mapping;
	return get_bytes(ctx, w, &out->state);
}

/* SHARED_NEW: how many follow; SHARED_SAME without a task before is nonsense. */
static LhStatus
get_shared(LhCtx *ctx, Wire *w, const LhFileTask *before, uint64_t *shared, uint64_t *n)
{
	*n = 0;
	LH_TRY(get_u64(ctx, w, shared));
	if (*shared > SHARED_NEW || (*shared == SHARED_SAME && before == NULL))
		LH_FAIL(ctx, LH_CORRUPT, "shared description of a table has a task that shares nothing");
	if (*shared != SHARED_NEW)
		return LH_OK;
	LH_TRY(get_u64(ctx, w, n));
	return check_count(ctx, w, *n);
}

static LhStatus
get_partition(LhCtx *ctx, Wire *w, LhFileTask *task, const LhFileTask *before)
{
	const char **names;
	LhValue *values;
	uint64_t shared = 0, n = 0;

	task->npartition = 0;
	task->partition_names = NULL;
	task->partition_values = NULL;
	LH_TRY(get_shared(ctx, w, before, &shared, &n));
	if (shared == SHARED_SAME)
	{
		task->npartition = before->npartition;
		task->partition_names = before->partition_names;
		task->partition_values = before->partition_values;
	}
	if (shared != SHARED_NEW)
		return LH_OK;
	LH_NEW_ARRAY(ctx, names, n);
	LH_NEW_ARRAY(ctx, values, n);
	for (uint64_t i = 0; i < n; i++)
	{
		LH_TRY(get_text(ctx, w, &names[i]));
		LH_TRY(get_value(ctx, w, &values[i]));
	}
	task->npartition = (int) n;
	task->partition_names = names;
	task->partition_values = values;
	return LH_OK;
}

static LhStatus
get_consts(LhCtx *ctx, Wire *w, LhFileTask *task, const LhFileTask *before)
{
	LhValue *values;
	int *ids;
	uint64_t shared = 0, n = 0;

	task->nconsts = 0;
	task->const_ids = NULL;
	task->const_values = NULL;
	LH_TRY(get_shared(ctx, w, before, &shared, &n));
	if (shared == SHARED_SAME)
	{
		task->nconsts = before->nconsts;
		task->const_ids = before->const_ids;
		task->const_values = before->const_values;
	}
	if (shared != SHARED_NEW)
		return LH_OK;
	LH_NEW_ARRAY(ctx, ids, n);
	LH_NEW_ARRAY(ctx, values, n);
	for (uint64_t i = 0; i < n; i++)
	{
		LH_TRY(get_int(ctx, w, &ids[i]));
		LH_TRY(get_value(ctx, w, &values[i]));
	}
	task->nconsts = (int) n;
	task->const_ids = ids;
	task->const_values = values;
	return LH_OK;
}

static LhStatus
get_deletes(LhCtx *ctx, Wire *w, LhFileTask *task, const LhFileTask *before)
{
	uint32_t *deletes;
	uint64_t shared = 0, n = 0;

	task->ndeletes = 0;
	task->deletes = NULL;
	LH_TRY(get_shared(ctx, w, before, &shared, &n));
	if (shared == SHARED_SAME)
	{
		task->ndeletes = before->ndeletes;
		task->deletes = before->deletes;
	}
	if (shared != SHARED_NEW)
		return LH_OK;
	LH_NEW_ARRAY(ctx, deletes, n);
	LH_TRY(get(ctx, w, deletes, n * sizeof(*deletes)));
	task->ndeletes = (int) n;
	task->deletes = deletes;
	return LH_OK;
}

static LhStatus
get_task(LhCtx *ctx, Wire *w, LhFileTask *task, const LhFileTask *before)
{
	LH_TRY(get(ctx, w, task, sizeof(*task)));
	task->version = 0;
	LH_TRY(get_text(ctx, w, &task->path));
	LH_TRY(get_partition(ctx, w, task, before));
	LH_TRY(get_consts(ctx, w, task, before));
	LH_TRY(get_deletes(ctx, w, task, before));
	LH_TRY(get_some(ctx, w, &task->partition));
	return get_bytes(ctx, w, &task->key_metadata);
}

static LhStatus
get_delete_file(LhCtx *ctx, Wire *w, LhDeleteFile *file)
{
	int *ids;

	LH_TRY(get(ctx, w, file, sizeof(*file)));
	LH_TRY(get_text(ctx, w, &file->path));
	LH_TRY(check_count(ctx, w, (uint64_t) (unsigned) file->nids));
	LH_NEW_ARRAY(ctx, ids, (size_t) file->nids + 1);
	LH_TRY(get(ctx, w, ids, (size_t) file->nids * sizeof(*ids)));
	file->ids = ids;
	return get_bytes(ctx, w, &file->key_metadata);
}

static LhStatus
get_delete_files(LhCtx *ctx, Wire *w, LhTaskList *tasks)
{
	LhDeleteFile *files;
	uint64_t n = 0;

	LH_TRY(get_u64(ctx, w, &n));
	LH_TRY(check_count(ctx, w, n));
	LH_NEW_ARRAY(ctx, files, n + 1);
	for (uint64_t i = 0; i < n; i++)
		LH_TRY(get_delete_file(ctx, w, &files[i]));
	tasks->ndeletes = n;
	tasks->deletes = files;
	return LH_OK;
}

LhStatus
lh_wire_unpack(LhCtx *ctx, const uint8_t *data, size_t len, LhTableSchema *schema,
			   LhTaskList *tasks)
{
	Wire w = {data, data + len};
	uint64_t n = 0;

	LH_TRY(get_schema(ctx, &w, schema));
	LH_TRY(get_u64(ctx, &w, &n));
	LH_TRY(check_count(ctx, &w, n));
	LH_NEW_ARRAY(ctx, tasks->tasks, n);
	tasks->n = n;
	for (size_t i = 0; i < n; i++)
	{
		if (i % 1024 == 0)
			LH_TRY(lh_poll(ctx));
		LH_TRY(get_task(ctx, &w, &tasks->tasks[i], i > 0 ? &tasks->tasks[i - 1] : NULL));
	}
	return get_delete_files(ctx, &w, tasks);
}
