/*
 * wire.c
 *		A table's schema and file tasks as bytes.
 *
 *	schema	scalars, columns: name, type, source, required, field id
 *	type	the struct's scalars; its fields: name, type, required, field id
 *	tasks	path, size, partition: none, that of the task before, or a new one
 *
 * Strings are their length, their bytes and a NUL, so that they can be used as
 * they lie there.  Files of one directory share their partition's values, here
 * as in a list of tasks.
 */
#include "scan/wire.h"

/* Types nested deeper are refused; no reader of schemas makes them. */
#define MAX_DEPTH 300

enum
{
	PARTITION_NONE,
	PARTITION_SAME,
	PARTITION_NEW
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
	}
	return LH_OK;
}

static bool
same_partition(const LhFileTask *a, const LhFileTask *b)
{
	return a->npartition == b->npartition && a->partition_names == b->partition_names &&
		   a->partition_values == b->partition_values;
}

static LhStatus
put_task(LhCtx *ctx, LhBuf *out, const LhFileTask *task, const LhFileTask *before)
{
	LH_TRY(put_text(ctx, out, task->path));
	LH_TRY(put_u64(ctx, out, (uint64_t) task->size));
	if (task->npartition == 0)
		return put_u64(ctx, out, PARTITION_NONE);
	if (before != NULL && same_partition(task, before))
		return put_u64(ctx, out, PARTITION_SAME);
	LH_TRY(put_u64(ctx, out, PARTITION_NEW));
	LH_TRY(put_u64(ctx, out, (uint64_t) task->npartition));
	for (int i = 0; i < task->npartition; i++)
	{
		LH_TRY(put_text(ctx, out, task->partition_names[i]));
		LH_TRY(put_value(ctx, out, &task->partition_values[i]));
	}
	return LH_OK;
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

	if (depth > MAX_DEPTH)
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
get_schema(LhCtx *ctx, Wire *w, LhTableSchema *out)
{
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
	}
	return LH_OK;
}

static LhStatus
get_partition(LhCtx *ctx, Wire *w, LhFileTask *task)
{
	const char **names;
	LhValue *values;
	uint64_t n = 0;

	LH_TRY(get_u64(ctx, w, &n));
	LH_TRY(check_count(ctx, w, n));
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
get_task(LhCtx *ctx, Wire *w, LhFileTask *task, const LhFileTask *before)
{
	uint64_t size = 0, partition = 0;

	LH_TRY(get_text(ctx, w, &task->path));
	LH_TRY(get_u64(ctx, w, &size));
	LH_TRY(get_u64(ctx, w, &partition));
	task->size = (int64_t) size;
	if (partition == PARTITION_NEW)
		return get_partition(ctx, w, task);
	if (partition == PARTITION_SAME && before != NULL)
	{
		task->npartition = before->npartition;
		task->partition_names = before->partition_names;
		task->partition_values = before->partition_values;
	}
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
	return LH_OK;
}
