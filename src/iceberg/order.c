/*
 * order.c
 *		Tasks in the order of their rows, where metadata says that they have one.
 *
 *	1. A file's own order (sort_order_id) has to begin with what is wanted: the same fields,
 *	   identities, in the same directions, nulls at the same end, unless the first key has none in the file.
 *	2. Each file is a stretch of the first key, from its least to its greatest value as the order
 *	   has them; nulls are at one end.  What is not known (a bound, the count of nulls) ends the search.
 *	3. Stretches are sorted by where they begin.  None may begin before the one before it ends; where
 *	   there are more keys, not at its end either.
 *
 * Bounds may be cut, which makes stretches longer, never shorter.
 */
#include "iceberg/order.h"

#include <stdlib.h>

/* An end of a stretch. */
typedef struct End
{
	bool null;
	LhValue value;
} End;

typedef struct Stretch
{
	const LhIceOrder *order;
	size_t task;
	bool empty; /* no rows */
	End from, to;
} Stretch;

struct LhIceOrder
{
	const LhTaskOrder *wanted;
	const LhIceMetadata *metadata;
	const LhField *field; /* of the first key */
	LhArena *arena;
	bool holds; /* so far */
	LhBuf stretches;
};

bool
lh_ice_order_is_plain(const LhType *type)
{
	switch (type->id)
	{
		case LH_T_INT32:
		case LH_T_INT64:
		case LH_T_DECIMAL:
		case LH_T_DATE:
		case LH_T_TIME:
		case LH_T_TIMESTAMP:
		case LH_T_STRING: return true;
		default: return false;
	}
}

LhStatus
lh_ice_order_create(LhCtx *ctx, LhIceTable *table, LhIcePrune *prune, const LhTaskOrder *wanted,
					LhIceOrder **out)
{
	LhIceOrder *order;
	int id = wanted->n > 0 ? wanted->keys[0].field_id : -1;

	LH_NEW(ctx, order);
	order->wanted = wanted;
	order->metadata = table->metadata;
	order->arena = ctx->arena;
	order->field = id >= 0 && table->schema != NULL ? lh_ice_field_find(table->schema, id) : NULL;
	order->holds = order->field != NULL && lh_ice_order_is_plain(&order->field->type) &&
				   lh_ice_field_described(table->metadata, id);
	*out = order;
	LH_TRY(lh_buf_init(ctx, &order->stretches, true));
	return order->holds ? lh_ice_prune_want(ctx, prune, 1, &id) : LH_OK;
}

/* Does this order of the table begin with what is wanted?  *no_nulls: if the first key has no nulls. */
static bool
begins_with(const LhIceOrder *order, int64_t order_id, bool *no_nulls)
{
	const LhIceSortOrder *have = NULL;

	/* number 0 stands for no order */
	for (int i = 0; i < order->metadata->norders && order_id > 0; i++)
		if (order->metadata->orders[i].order_id == order_id)
			have = &order->metadata->orders[i];
	if (have == NULL || have->nfields < order->wanted->n)
		return false;
	for (int i = 0; i < order->wanted->n; i++)
	{
		const LhTaskOrderKey *key = &order->wanted->keys[i];
		const LhIceSortField *field = &have->fields[i];

		if (!field->identity || field->field_id != key->field_id ||
			field->descending != key->descending ||
			(i > 0 && field->nulls_first != key->nulls_first))
			return false;
	}
	*no_nulls = have->fields[0].nulls_first != order->wanted->keys[0].nulls_first;
	return true;
}

static LhStatus
keep_end(LhCtx *ctx, bool null, const LhValue *value, End *out)
{
	*out = (End){.null = null};
	if (null)
		return LH_OK;
	out->value = *value;
	if (value->type.lane != LH_LANE_STR && value->type.lane != LH_LANE_FIX)
		return LH_OK;
	out->value.str.ptr = lh_memdup(ctx, value->str.len > 0 ? value->str.ptr : (const uint8_t *) "",
								   value->str.len > 0 ? value->str.len : 1);
	return out->value.str.ptr == NULL ? ctx->error->code : LH_OK;
}

/* *known false: its bounds do not say where the file lies. */
static LhStatus
find_ends(LhCtx *ctx, const LhIceOrder *order, const LhBounds *b, Stretch *out, bool *known)
{
	const LhTaskOrderKey *key = &order->wanted->keys[0];
	bool all_null = b->nulls == b->rows;
	bool nulls_before = b->nulls > 0 && key->nulls_first,
		 nulls_behind = b->nulls > 0 && !key->nulls_first;

	*known = b->nulls >= 0 && (all_null || (b->known && b->has_min && b->has_max));
	if (!*known)
		return LH_OK;
	LH_TRY(
		keep_end(ctx, all_null || nulls_before, key->descending ? &b->max : &b->min, &out->from));
	return keep_end(ctx, all_null || nulls_behind, key->descending ? &b->min : &b->max, &out->to);
}

LhStatus
lh_ice_order_add(LhCtx *ctx, LhIceOrder *order, const LhIceManifest *m, size_t i)
{
	Stretch stretch = {.order = order,
					   .task = order->stretches.len / sizeof(Stretch),
					   .empty = lh_ice_int(&m->records, i) == 0};
	LhBounds b;
	LhArena *old;
	LhStatus status = LH_OK;
	bool no_nulls = false;

	if (!order->holds)
		return LH_OK;
	if (!stretch.empty)
	{
		order->holds = begins_with(order, lh_ice_int(&m->sort_order, i), &no_nulls);
		if (!order->holds)
			return LH_OK;
		lh_ice_stats_bounds(lh_ice_manifest_stats(m, order->field->field_id), &order->field->type,
							i, lh_ice_int(&m->records, i), &b);
		order->holds = !no_nulls || b.nulls == 0;
		if (!order->holds)
			return LH_OK;
		old = lh_use(ctx, order->arena);
		status = find_ends(ctx, order, &b, &stretch, &order->holds);
		lh_use(ctx, old);
	}
	LH_TRY(status);
	return lh_buf_append(ctx, &order->stretches, &stretch, sizeof(stretch));
}

static int
compare_ends(const LhIceOrder *order, const End *a, const End *b)
{
	const LhTaskOrderKey *key = &order->wanted->keys[0];
	int c;

	if (a->null || b->null)
		return a->null == b->null ? 0 : a->null == key->nulls_first ? -1 : 1;
	c = lh_value_compare(&a->value, &b->value);
	return key->descending ? -c : c;
}

/* Files without rows first; then by where they begin, and end. */
static int
compare_stretches(const void *x, const void *y)
{
	const Stretch *a = x, *b = y;
	int c = 0;

	if (a->empty != b->empty)
		return a->empty ? -1 : 1;
	if (!a->empty)
		c = compare_ends(a->order, &a->from, &b->from);
	if (c == 0 && !a->empty)
		c = compare_ends(a->order, &a->to, &b->to);
	if (c == 0)
		c = a->task < b->task ? -1 : a->task > b->task;
	return c;
}

static bool
overlap(const LhIceOrder *order, const Stretch *sorted, size_t n)
{
	for (size_t i = 1; i < n; i++)
	{
		int c;

		if (sorted[i - 1].empty)
			continue;
		c = compare_ends(order, &sorted[i - 1].to, &sorted[i].from);
		if (c > 0 || (c == 0 && order->wanted->n > 1))
			return true;
	}
	return false;
}

LhStatus
lh_ice_order_apply(LhCtx *ctx, LhIceOrder *order, LhTaskList *tasks)
{
	Stretch *sorted = (Stretch *) (void *) order->stretches.data;
	LhFileTask *moved;

	tasks->ordered = false;
	if (!order->holds || order->stretches.len / sizeof(Stretch) != tasks->n)
		return LH_OK;
	qsort(sorted, tasks->n, sizeof(*sorted), compare_stretches);
	if (overlap(order, sorted, tasks->n))
		return LH_OK;
	tasks->ordered = true;
	LH_NEW_ARRAY(ctx, moved, tasks->n + 1);
	for (size_t i = 0; i < tasks->n; i++)
		moved[i] = tasks->tasks[sorted[i].task];
	tasks->tasks = moved;
	return LH_OK;
}
