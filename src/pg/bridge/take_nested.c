/*
 * take_nested.c
 *		Arrays as lists, composite values as groups.
 *
 * A list of a file has one dimension and begins at 1, so an array of several
 * dimensions, or one that begins elsewhere, is an error.  int2vector and
 * oidvector, which begin at 0, are text.
 */
#include "pg/bridge/take_impl.h"

#include "access/htup_details.h"
#include "access/tupmacs.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

/* ---- arrays ---- */

static void
check_array(const LhTaker *t, const ArrayType *array)
{
	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("an array of column \"%s\" has %d dimensions, but a list of a Parquet file has one",
						t->name, ARR_NDIM(array)),
				 errhint("Write it as JSON with to_jsonb(), or cast it to text.")));
	if (ARR_NDIM(array) == 1 && ARR_LBOUND(array)[0] != 1)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("an array of column \"%s\" begins at %d, but a list of a Parquet file at 1",
						t->name, ARR_LBOUND(array)[0]),
				 errhint("Write it without its bounds, for example as (array)[:], or cast it to text.")));
}

static bool
take_array(LhTaker *t, Datum d)
{
	ArrayType  *array = DatumGetArrayTypeP(d);
	LhTaker    *element = t->children[0];
	int			n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	const bits8 *present = ARR_NULLBITMAP(array);
	const char *p = ARR_DATA_PTR(array);

	check_array(t, array);
	for (int i = 0; i < n; i++)
	{
		if (present != NULL && !(present[i / 8] & (1 << (i % 8))))
		{
			lh_taker_append(element, (Datum) 0, true);
			continue;
		}
		lh_taker_append(element, fetch_att(p, t->typbyval, t->typlen), false);
		p = att_addlength_pointer(p, t->typlen, p);
		p = (const char *) att_align_nominal(p, t->typalign);
	}
	/* an element's place in the vectors is memory, too */
	t->take->bytes += (size_t) n * sizeof(LhStr);
	((uint32_t *) t->offsets.data)[t->n + 1] = element->n;
	return true;
}

static LhField *
make_fields(LhTaker *t, int n)
{
	LhField    *fields = palloc0(sizeof(LhField) * n);

	t->children = palloc0(sizeof(LhTaker *) * n);
	t->nchildren = n;
	t->type.lane = LH_LANE_NONE;
	t->type.nfields = n;
	t->type.fields = fields;
	return fields;
}

static void
make_list(LhTaker *t, Oid element)
{
	LhField    *field = make_fields(t, 1);

	t->type.id = LH_T_LIST;
	get_typlenbyvalalign(element, &t->typlen, &t->typbyval, &t->typalign);
	/* the type modifier of an array is that of its elements */
	t->children[0] = lh_taker_create(t->take, psprintf("%s.element", t->name), element, t->typmod);
	*field = (LhField) {"element", t->children[0]->type, false, -1};
	t->fn = take_array;
}

/* ---- composite values ---- */

static bool
take_composite(LhTaker *t, Datum d)
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(d);
	HeapTupleData tuple = {0};

	tuple.t_len = HeapTupleHeaderGetDatumLength(header);
	tuple.t_data = header;
	heap_deform_tuple(&tuple, t->desc, t->values, t->nulls);
	for (int i = 0; i < t->nchildren; i++)
	{
		int			at = t->attnos[i] - 1;

		lh_taker_append(t->children[i], t->values[at], t->nulls[at]);
	}
	return true;
}

static int
live_attributes(TupleDesc desc)
{
	int			n = 0;

	for (int i = 0; i < desc->natts; i++)
		n += !TupleDescAttr(desc, i)->attisdropped;
	return n;
}

static void
make_struct(LhTaker *t, TupleDesc desc)
{
	int			n = live_attributes(desc);
	LhField    *fields = make_fields(t, n);
	int			at = 0;

	t->type.id = LH_T_STRUCT;
	t->desc = desc;
	t->attnos = palloc(sizeof(AttrNumber) * n);
	t->values = palloc(sizeof(Datum) * desc->natts);
	t->nulls = palloc(sizeof(bool) * desc->natts);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		LhTaker    *child;

		if (att->attisdropped)
			continue;
		child = lh_taker_create(t->take, psprintf("%s.%s", t->name, NameStr(att->attname)),
								att->atttypid, att->atttypmod);
		fields[at] = (LhField) {lh_pg_utf8(NameStr(att->attname)), child->type, false, -1};
		t->children[at] = child;
		t->attnos[at++] = att->attnum;
	}
	t->fn = take_composite;
}

bool
lh_take_nested(LhTaker *t)
{
	Oid			element = get_element_type(t->typid);
	TupleDesc	desc;

	if (t->typid == INT2VECTOROID || t->typid == OIDVECTOROID)
		return false;
	if (OidIsValid(element))
	{
		make_list(t, element);
		return true;
	}
	if (get_typtype(t->typid) != TYPTYPE_COMPOSITE)
		return false;
	desc = lookup_rowtype_tupdesc_copy(t->typid, -1);
	if (live_attributes(desc) == 0)
		return false;			/* a group of a file must have members */
	make_struct(t, desc);
	return true;
}
