/*
 * row.c
 *		A change's tuples as cells: taken apart once, filtered, masked.
 *
 *	1. Conditions of publications decide, and may turn an update into an insert or
 *	   a delete: where only the new or only the old row passes.
 *	2. Values become cells; a masked one never stays as it was.  Masks of policies come first, and all that
 *	   follows has what they made.
 *	3. The old row is whole under REPLICA IDENTITY FULL, else it holds the key, and
 *	   is there at all only where the key changed.
 *	4. What may raise an error is done under guard, and its row goes to quarantine:
 *	   users' output functions, conditions that may fail, and values whose text has
 *	   more than 1 GB, which PostgreSQL's own functions cannot make.
 *	5. A value that is stored out of line and was not touched is not in the log: it
 *	   is taken from the old row where that is whole, else it is UNCHANGED; wal2json
 *	   never looked into the old row, and its formats do not either.
 */
#include "pg/cdc/cdc.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "executor/executor.h"
#include "utils/memutils.h"

/* ---- row filters ---- */

/* The log's row in the shape of the published relation; what the new row has not, the old one may have. */
static void
fill_slot(LhCdcRel *rel, TupleTableSlot *slot, const Datum *values, const bool *nulls, const Datum *old_values,
		  const bool *old_nulls, TupleDesc desc)
{
	TupleDesc	shape = slot->tts_tupleDescriptor;

	ExecClearTuple(slot);
	for (int i = 0; i < shape->natts; i++)
	{
		int			from = rel->root_attributes[i];

		slot->tts_isnull[i] = from < 0 || nulls[from];
		slot->tts_values[i] = from < 0 ? (Datum) 0 : values[from];
		if (slot->tts_isnull[i] || old_values == NULL || TupleDescAttr(desc, from)->attlen != -1)
			continue;
		if (VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(values[from])) && !old_nulls[from])
			slot->tts_values[i] = old_values[from];
	}
	ExecStoreVirtualTuple(slot);
}

static bool
passes(LhCdcRel *rel, LhCdcAction action, TupleTableSlot *slot)
{
	ExprContext *context;
	Datum		result;
	bool		isnull;

	if (rel->filters[action] == NULL)
		return true;
	context = GetPerTupleExprContext(rel->estate);
	context->ecxt_scantuple = slot;
	result = ExecEvalExprSwitchContext(rel->filters[action], context, &isnull);
	ResetExprContext(context);
	return !isnull && DatumGetBool(result);
}

static inline bool
has_condition(const LhCdcRel *rel, LhCdcAction action)
{
	return rel->filters[action] != NULL || lh_cdc_policy_filters(rel->policy);
}

static bool
new_passes(LhCdcRel *rel, LhCdcAction action, TupleDesc desc, const Datum *old_values, const bool *old_nulls)
{
	if (rel->filters[action] != NULL)
	{
		fill_slot(rel, rel->new_slot, rel->new_values, rel->new_nulls, old_values, old_nulls, desc);
		if (!passes(rel, action, rel->new_slot))
			return false;
	}
	return rel->policy == NULL || lh_cdc_policy_passes(rel->policy, desc, rel->new_values, rel->new_nulls, old_values, old_nulls);
}

static bool
old_passes(LhCdcRel *rel, LhCdcAction action, TupleDesc desc)
{
	if (rel->filters[action] != NULL)
	{
		fill_slot(rel, rel->old_slot, rel->old_values, rel->old_nulls, NULL, NULL, desc);
		if (!passes(rel, action, rel->old_slot))
			return false;
	}
	return rel->policy == NULL || lh_cdc_policy_passes(rel->policy, desc, rel->old_values, rel->old_nulls, NULL, NULL);
}

/*
 * The operation as the conditions leave it; false: nothing is left.  An update
 * without an old row left the columns of the identity as they are, and conditions
 * read no others.
 */
static bool
filter_row(LhCdcRel *rel, TupleDesc desc, bool has_old, bool has_new, LhChangeOp *op)
{
	bool		old,
				new;

	if (*op == LH_CHANGE_INSERT)
		return new_passes(rel, LH_CDC_INSERT, desc, NULL, NULL);
	if (*op == LH_CHANGE_DELETE)
	{
		if (!has_condition(rel, LH_CDC_DELETE))
			return true;
		return has_old && old_passes(rel, LH_CDC_DELETE, desc);
	}
	if (!has_condition(rel, LH_CDC_UPDATE))
		return true;
	new = new_passes(rel, LH_CDC_UPDATE, desc, has_old ? rel->old_values : NULL, has_old ? rel->old_nulls : NULL);
	if (!has_old)
		return new;
	old = old_passes(rel, LH_CDC_UPDATE, desc);
	if (!old && !new)
		return false;
	if (!old)
		*op = LH_CHANGE_INSERT;
	else if (!new)
		*op = LH_CHANGE_DELETE;
	return true;
}

/* ---- cells ---- */

typedef struct Build
{
	LhCdc	   *cdc;
	LhCdcRel   *rel;
	TupleDesc	desc;
	bool		has_old;
	bool		has_new;
	bool		old_is_key;
	LhChangeOp	op;
	bool		passes;
	bool		incomplete;
} Build;

/* Does what a mask makes depend on the value? */
static inline bool
shows_value(const LhMask *mask)
{
	return lh_mask_kind(mask) != LH_MASK_NULL && lh_mask_kind(mask) != LH_MASK_CONSTANT;
}

static inline void
make_cell(Build *b, int i, Datum value, bool isnull, bool is_new, LhCell *cell)
{
	LhCdc	   *cdc = b->cdc;
	LhCdcRel   *rel = b->rel;
	Form_pg_attribute a = TupleDescAttr(b->desc, rel->attributes[i]);

	*cell = lh_cell_null();
	cdc->column = i;
	if (unlikely(rel->policy != NULL) && is_new && lh_cdc_policy_unknown(rel->policy, rel->attributes[i]))
		cell->kind = LH_CELL_UNCHANGED;
	else if (isnull)
		;
	else if (a->attlen == -1 && VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(value)))
		cell->kind = LH_CELL_UNCHANGED;
	else if (rel->masks[i] == NULL || shows_value(rel->masks[i]))
		lh_cell_make(&cdc->cells, rel->types[i], value, cell);
	if (unlikely(cdc->cells.grown > LH_CELL_GROWN_MAX))
	{
		*cell = lh_cell_null();
		return;
	}
	if (unlikely(rel->masks[i] != NULL))
		lh_pg_check(cdc->ctx, lh_mask_apply(cdc->ctx, rel->masks[i], lh_put_cell_text, &cdc->mask_text, cell));
}

/* The new row first: it may look at the old one. */
static void
mask_rows(Build *b)
{
	LhCdcRel   *rel = b->rel;
	bool		look = b->has_old && !b->cdc->session;

	if (b->has_new)
		lh_cdc_policy_row(b->cdc, rel, b->desc, rel->new_values, rel->new_nulls, look ? rel->old_values : NULL,
						  look ? rel->old_nulls : NULL, false, true);
	if (b->has_old)
		lh_cdc_policy_row(b->cdc, rel, b->desc, rel->old_values, rel->old_nulls, NULL, NULL, b->old_is_key, false);
}

static void
build(void *arg)
{
	Build	   *b = arg;
	LhCdcRel   *rel = b->rel;

	b->passes = !unlikely(rel->filtered) || filter_row(rel, b->desc, b->has_old, b->has_new, &b->op);
	if (!b->passes)
		return;
	if (b->op == LH_CHANGE_DELETE)
		b->has_new = false;
	if (unlikely(rel->policy != NULL))
		mask_rows(b);

	for (int i = 0; b->has_old && i < rel->change.ncolumns; i++)
	{
		int			from = rel->attributes[i];

		if (b->old_is_key && !rel->identity[i])
			rel->old_cells[i] = (LhCell) {.kind = LH_CELL_ABSENT};
		else
			make_cell(b, i, rel->old_values[from], rel->old_nulls[from], false, &rel->old_cells[i]);
	}
	for (int i = 0; b->has_new && i < rel->change.ncolumns; i++)
	{
		int			from = rel->attributes[i];

		make_cell(b, i, rel->new_values[from], rel->new_nulls[from], true, &rel->new_cells[i]);
		if (rel->new_cells[i].kind == LH_CELL_UNCHANGED && b->has_old && !b->cdc->session &&
			rel->old_cells[i].kind != LH_CELL_ABSENT)
			rel->new_cells[i] = rel->old_cells[i];
		b->incomplete |= rel->new_cells[i].kind == LH_CELL_UNCHANGED;
	}
}

/* Does the key differ?  Columns that the old row has not cannot tell. */
static bool
key_differs(const LhCdcRel *rel)
{
	for (int i = 0; i < rel->change.nkeys; i++)
	{
		const LhCell *old = &rel->old_cells[rel->change.keys[i]];
		const LhCell *new = &rel->new_cells[rel->change.keys[i]];

		if (old->kind != LH_CELL_ABSENT && old->kind != LH_CELL_UNCHANGED && !lh_cell_equal(old, new))
			return true;
	}
	return false;
}

/* Text of a value is at most so many times as long as what is stored, escapes apart. */
#define LONGEST_TEXT 32

/* Are there values that PostgreSQL's own output functions may not be able to show? */
static bool
any_large(const LhCdcRel *rel, const Datum *values, const bool *nulls)
{
	for (int i = 0; i < rel->change.ncolumns; i++)
	{
		const LhCellType *type = rel->types[i];
		int			from = rel->attributes[i];

		if (type->typlen == -1 && !nulls[from] &&
			(type->kind == LH_CELL_OTHER || (type->elem != NULL && type->elem->kind == LH_CELL_OTHER)) &&
			toast_raw_datum_size(values[from]) > MaxAllocSize / LONGEST_TEXT)
			return true;
	}
	return false;
}

bool
lh_cdc_row(LhCdc *cdc, LhCdcRel *rel, TupleDesc desc, LhChangeOp op, HeapTuple old, HeapTuple new, LhCdcRow *row)
{
	Build		b = {cdc, rel, desc, old != NULL, new != NULL, rel->change.identity != LH_IDENTITY_FULL, op};
	bool		guarded = rel->guarded;

	if (desc->natts != rel->natts)
		elog(ERROR, "table \"%s.%s\" has %d attributes where its plan has %d", lh_pg_text(rel->change.schema),
			 lh_pg_text(rel->change.name), desc->natts, rel->natts);
	memset(row, 0, sizeof(*row));
	if (old != NULL)
		heap_deform_tuple(old, desc, rel->old_values, rel->old_nulls);
	if (new != NULL)
		heap_deform_tuple(new, desc, rel->new_values, rel->new_nulls);
	if (rel->has_settings)
		lh_cdc_need_settings(cdc);
	if (unlikely(rel->policy != NULL))
		lh_cdc_policy_begin_row(cdc, rel->policy);
	if (rel->has_other)
		guarded = guarded || (old != NULL && any_large(rel, rel->old_values, rel->old_nulls)) ||
			(new != NULL && any_large(rel, rel->new_values, rel->new_nulls));
	if (unlikely(guarded))
		row->quarantine = lh_cdc_guard(cdc, rel, build, &b);
	else
		build(&b);
	if (row->quarantine != NULL)
		return true;
	if (!b.passes)
		return false;
	row->op = b.op;
	if (unlikely(cdc->cells.grown > LH_CELL_GROWN_MAX))
	{
		row->quarantine = "the row's numbers have more than 1 GB of digits";
		return true;
	}
	row->new_cells = b.has_new ? rel->new_cells : NULL;
	row->old_cells = b.has_old && row->op != LH_CHANGE_INSERT ? rel->old_cells : NULL;
	row->old_is_key = row->old_cells != NULL && b.old_is_key;
	row->incomplete = b.incomplete;
	row->key_changed = row->op == LH_CHANGE_UPDATE && b.has_old && key_differs(rel);
	return true;
}
