/*
 * take.c
 *		Rows to vectors, a row at a time.
 *
 *	1. A taker is chosen for each column when the row type is known: the type of
 *	   its vector, and a function that appends one value.
 *	2. A row's values are appended.  What is borrowed from the row is copied to
 *	   chunks of the batch; what detoasting took goes with the row.
 *	3. Vectors are views of the takers' buffers, made when the batch is used.
 */
#include "pg/bridge/take_impl.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/* A batch with more bytes than this is full: large values would fill the memory otherwise. */
#define BATCH_BYTES ((size_t) 8 * 1024 * 1024)
#define CHUNK ((size_t) 64 * 1024)
/* Room of a taker at first; columns have a batch's. */
#define SMALL_ROOM 64

/* ---- takers ---- */

static void
make_buffers(LhTaker *t)
{
	LhCtx	   *ctx = t->take->ctx;

	lh_pg_check(ctx, lh_buf_init(ctx, &t->data, true));
	lh_pg_check(ctx, lh_buf_init(ctx, &t->valid, true));
	lh_pg_check(ctx, lh_buf_init(ctx, &t->offsets, true));
}

LhTaker *
lh_taker_create(LhTake *take, const char *name, Oid typid, int32 typmod)
{
	LhTaker    *t = palloc0(sizeof(LhTaker));

	check_stack_depth();
	t->take = take;
	t->name = name;
	t->typmod = typmod;
	t->typid = getBaseTypeAndTypmod(typid, &t->typmod);
	make_buffers(t);
	if (!lh_take_scalar(t) && !lh_take_datetime(t) && !lh_take_numeric(t) && !lh_take_nested(t))
		lh_take_text(t);
	return t;
}

/* len bytes of content, room for cap; what is new is zero. */
static void
grow_buffer(LhCtx *ctx, LhBuf *buf, size_t len, size_t cap)
{
	buf->len = len;
	lh_pg_check(ctx, lh_buf_reserve(ctx, buf, cap));
	memset(buf->data + len, 0, cap - len);
}

void
lh_taker_grow(LhTaker *t)
{
	LhCtx	   *ctx = t->take->ctx;
	size_t		cap = Max((size_t) t->cap * 2, SMALL_ROOM);
	size_t		size = lh_lane_size(t->type.lane, t->type.width);

	/* offsets and codes of a batch are 32 bits wide */
	if (cap > PG_INT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("column \"%s\" has too many elements", t->name)));
	if (size > 0)
		grow_buffer(ctx, &t->data, t->n * size, cap * size);
	grow_buffer(ctx, &t->valid, LH_WORDS(t->n) * sizeof(uint64_t), LH_WORDS(cap) * sizeof(uint64_t));
	if (t->type.id == LH_T_LIST)
		grow_buffer(ctx, &t->offsets, t->cap == 0 ? 0 : (t->n + 1) * sizeof(uint32_t), (cap + 1) * sizeof(uint32_t));
	t->cap = (uint32_t) cap;
}

/* What lies under a null must be readable: strings point nowhere, lists are empty. */
void
lh_taker_null(LhTaker *t)
{
	if (t->type.lane == LH_LANE_STR)
		((LhStr *) t->data.data)[t->n] = (LhStr) {(const uint8_t *) "", 0, 0};
	if (t->type.id == LH_T_LIST)
		((uint32_t *) t->offsets.data)[t->n + 1] = t->children[0]->n;
	else
		for (int i = 0; i < t->nchildren; i++)
			lh_taker_append(t->children[i], (Datum) 0, true);
	t->any_null = true;
	t->n++;
}

const LhVec *
lh_taker_vec(LhTaker *t)
{
	LhVec	   *v = &t->vec;
	LhVec	   *children = v->children;

	if (t->nchildren > 0 && children == NULL)
		children = MemoryContextAllocZero(t->take->mcxt, sizeof(LhVec) * t->nchildren);
	memset(v, 0, sizeof(*v));
	v->type = t->type;
	v->kind = LH_VEC_FLAT;
	v->n = (int) t->n;
	v->valid = t->any_null ? (const uint64_t *) t->valid.data : NULL;
	v->data = t->data.data;
	v->offsets = (const uint32_t *) t->offsets.data;
	v->nchildren = t->nchildren;
	v->children = children;
	for (int i = 0; i < t->nchildren; i++)
		children[i] = *lh_taker_vec(t->children[i]);
	return v;
}

void
lh_taker_reset(LhTaker *t)
{
	if (t->n > 0)
		memset(t->valid.data, 0, LH_WORDS(t->n) * sizeof(uint64_t));
	t->n = 0;
	t->any_null = false;
	for (int i = 0; i < t->nchildren; i++)
		lh_taker_reset(t->children[i]);
}

/* ---- bytes ---- */

uint8_t *
lh_take_bytes(LhTake *take, size_t len)
{
	uint8_t    *p;

	take->bytes += len;
	if (len > take->left)
	{
		if (len > CHUNK / 4)
			return MemoryContextAllocHuge(take->batch_mcxt, len);
		take->chunk = MemoryContextAlloc(take->batch_mcxt, CHUNK);
		take->left = CHUNK;
	}
	p = take->chunk;
	take->chunk += len;
	take->left -= len;
	return p;
}

/* ---- messages ---- */

void
lh_take_out_of_range(const LhTaker *t, int sqlstate, const char *value)
{
	LhBuf		buf;
	const char *type = lh_type_name(&t->type);
	LhCtx	   *ctx = t->take->ctx;

	if (lh_buf_init(ctx, &buf, true) == LH_OK && lh_type_format(ctx, &t->type, &buf) == LH_OK &&
		lh_buf_putc(ctx, &buf, '\0') == LH_OK)
		type = (const char *) buf.data;
	ereport(ERROR,
			(errcode(sqlstate),
			 errmsg("value %s of column \"%s\" cannot be held by Parquet type %s", value, t->name, type),
			 t->type.id == LH_T_INTERVAL ?
			 errhint("Set the option interval to \"text\", or out_of_range to \"null\".") :
			 errhint("Set the option out_of_range to \"clamp\" or \"null\", or cast the column to text.")));
}

static void
place_callback(void *arg)
{
	LhTake	   *take = arg;

	errcontext("writing \"%s\", row " INT64_FORMAT ", column \"%s\"", take->target, take->rows + 1,
			   take->at->name);
}

/* ---- rows ---- */

LhTake *
lh_take_create(LhCtx *ctx, MemoryContext mcxt, TupleDesc desc, const char *target, const LhTakeOptions *options)
{
	MemoryContext old = MemoryContextSwitchTo(mcxt);
	LhTake	   *take = palloc0(sizeof(LhTake));

	take->ctx = ctx;
	take->mcxt = mcxt;
	take->batch_mcxt = AllocSetContextCreate(mcxt, "lakehouse batch", ALLOCSET_DEFAULT_SIZES);
	take->row_mcxt = AllocSetContextCreate(mcxt, "lakehouse row", ALLOCSET_DEFAULT_SIZES);
	take->target = pstrdup(target);
	take->options = *options;
	take->cols = palloc(sizeof(LhTaker *) * desc->natts);
	take->attnos = palloc(sizeof(AttrNumber) * desc->natts);
	take->vecs = palloc(sizeof(LhVec *) * desc->natts);
	take->fields = palloc0(sizeof(LhField) * desc->natts);
	take->first = palloc(CHUNK);
	initStringInfo(&take->text);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		LhTaker    *t;

		if (att->attisdropped)
			continue;
		t = lh_taker_create(take, pstrdup(NameStr(att->attname)), att->atttypid, att->atttypmod);
		while (t->cap < LH_BATCH)
			lh_taker_grow(t);
		take->cols[take->ncols] = t;
		take->attnos[take->ncols] = att->attnum;
		take->fields[take->ncols] = (LhField) {lh_pg_utf8(NameStr(att->attname)), t->type, false, -1};
		take->ncols++;
	}
	lh_take_reset(take);
	MemoryContextSwitchTo(old);
	return take;
}

int
lh_take_fields(const LhTake *take, const LhField **fields)
{
	*fields = take->fields;
	return take->ncols;
}

bool
lh_take_row(LhTake *take, const Datum *values, const bool *nulls)
{
	ErrorContextCallback context = {error_context_stack, place_callback, take};
	MemoryContext old = MemoryContextSwitchTo(take->row_mcxt);

	error_context_stack = &context;
	for (int i = 0; i < take->ncols; i++)
	{
		int			at = take->attnos[i] - 1;

		take->at = take->cols[i];
		lh_taker_append(take->cols[i], values[at], nulls[at]);
	}
	error_context_stack = context.previous;
	take->rows++;
	MemoryContextSwitchTo(old);
	MemoryContextReset(take->row_mcxt);
	return take->cols[0]->n == LH_BATCH || take->bytes > BATCH_BYTES;
}

int
lh_take_vecs(LhTake *take, const LhVec *const **vecs)
{
	for (int i = 0; i < take->ncols; i++)
		take->vecs[i] = lh_taker_vec(take->cols[i]);
	*vecs = take->vecs;
	return (int) take->cols[0]->n;
}

void
lh_take_reset(LhTake *take)
{
	for (int i = 0; i < take->ncols; i++)
		lh_taker_reset(take->cols[i]);
	MemoryContextReset(take->batch_mcxt);
	take->chunk = take->first;
	take->left = CHUNK;
	take->bytes = 0;
}

int64_t
lh_take_rows(const LhTake *take)
{
	return take->rows;
}
