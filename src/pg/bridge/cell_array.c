/*
 * cell_array.c
 *		Arrays as cells: bounds, and a cell for each item.
 */
#include "pg/bridge/cell.h"

#include "access/tupmacs.h"
#include "utils/array.h"

static LhCell *
cells(LhCellMaker *maker, int n)
{
	return MemoryContextAllocHuge(maker->scratch, sizeof(LhCell) * Max(n, 1));
}

/*
 * Items stand one behind the other, those that are NULL take no room; bits of the
 * bitmap are set where they do.
 */
static void
read_items(LhCellMaker *maker, const LhCellType *elem, ArrayType *a, int n, LhCell *items)
{
	const char *at = ARR_DATA_PTR(a);
	const bits8 *bitmap = ARR_NULLBITMAP(a);

	for (int i = 0; i < n; i++)
	{
		Datum		d;

		if (bitmap != NULL && (bitmap[i / 8] & (1 << (i % 8))) == 0)
		{
			items[i] = lh_cell_null();
			continue;
		}
		d = fetch_att(at, elem->typbyval, elem->typlen);
		at = att_addlength_pointer(at, elem->typlen, at);
		at = (const char *) att_align_nominal(at, elem->typalign);
		items[i] = (LhCell) {0};
		lh_cell_make(maker, elem, d, &items[i]);
	}
}

void
lh_cell_make_array(LhCellMaker *maker, const LhCellType *type, Datum d, LhCell *cell)
{
	ArrayType  *a = DatumGetArrayTypeP(d);
	LhCellArray *out = MemoryContextAllocZero(maker->scratch, sizeof(LhCellArray));
	int			n = ArrayGetNItems(ARR_NDIM(a), ARR_DIMS(a));
	LhCell	   *items = cells(maker, n);

	/* the type of its items is the column's: a composite type's or a domain's arrays say the same */
	out->ndim = n > 0 ? ARR_NDIM(a) : 0;
	for (int i = 0; i < out->ndim; i++)
	{
		out->dims[i] = ARR_DIMS(a)[i];
		out->lbound[i] = ARR_LBOUND(a)[i];
	}
	out->nitems = n;
	out->delim = type->delim;
	out->items = items;
	maker->bytes += VARSIZE(a);
	read_items(maker, type->elem, a, n, items);
	cell->kind = LH_CELL_ARRAY;
	cell->array = out;
}
