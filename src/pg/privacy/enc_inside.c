/*
 * enc_inside.c
 *		Encrypted values wherever they are within a value: in arrays, composite types, ranges and domains over all of these.
 *
 * Types are taken apart by what the catalogs say they are made of, to the depth that they have.  Ranges are looked into and not
 * made anew: their bounds are in the order of blind indexes, which may be another one afterwards.
 */
#include "pg/privacy/enc.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/itemptr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/multirangetypes.h"
#include "utils/rangetypes.h"
#include "utils/typcache.h"

PG_FUNCTION_INFO_V1(lakehouse_enc_value_stale);
PG_FUNCTION_INFO_V1(lakehouse_enc_row_renew);
extern PGDLLEXPORT Datum lakehouse_enc_value_stale(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_enc_row_renew(PG_FUNCTION_ARGS);

typedef enum Kind
{
	PLAIN, ENCRYPTED, ARRAY, ROW, RANGE, MULTIRANGE
} Kind;

void
lh_enc_walk_begin(LhEncWalk *walk)
{
	for (int i = 1; i <= LH_ENC_TYPES; i++)
		walk->types[i] = lh_enc_type_oid((LhEncType) i);
}

/* *type: its base type then, or of an array its elements'. */
static Kind
kind_of(const LhEncWalk *walk, Oid *type)
{
	Oid			element;

	*type = getBaseType(*type);
	for (int i = 1; i <= LH_ENC_TYPES; i++)
	{
		if (OidIsValid(*type) && *type == walk->types[i])
			return ENCRYPTED;
	}
	element = get_element_type(*type);
	if (OidIsValid(element))
	{
		*type = element;
		return ARRAY;
	}
	switch (get_typtype(*type))
	{
		case TYPTYPE_COMPOSITE:
			return ROW;
		case TYPTYPE_RANGE:
			return RANGE;
		case TYPTYPE_MULTIRANGE:
			return MULTIRANGE;
		default:
			return *type == RECORDOID ? ROW : PLAIN;
	}
}

/* ---- could there be any? ---- */

static bool
row_holds(const LhEncWalk *walk, Oid type)
{
	TupleDesc	desc = lookup_rowtype_tupdesc_copy(type, -1);
	bool		holds = false;

	for (int i = 0; !holds && i < desc->natts; i++)
		holds = !TupleDescAttr(desc, i)->attisdropped && lh_enc_walk_holds(walk, TupleDescAttr(desc, i)->atttypid);
	FreeTupleDesc(desc);
	return holds;
}

bool
lh_enc_walk_holds(const LhEncWalk *walk, Oid type)
{
	check_stack_depth();
	switch (kind_of(walk, &type))
	{
		case ENCRYPTED:
			return true;
		case ARRAY:
			return lh_enc_walk_holds(walk, type);
		case ROW:
			return type == RECORDOID || row_holds(walk, type);
		case RANGE:
			return lh_enc_walk_holds(walk, get_range_subtype(type));
		case MULTIRANGE:
			return lh_enc_walk_holds(walk, get_multirange_range(type));
		case PLAIN:
			break;
	}
	return false;
}

/* ---- seeing ---- */

static bool
see_array(LhEncWalk *walk, Oid element, Datum datum)
{
	ArrayType  *array;
	Datum	   *values;
	bool	   *nulls;
	int			n;
	int16		len;
	bool		by_value;
	char		align;
	bool		more = true;

	if (!lh_enc_walk_holds(walk, element))
		return true;
	array = DatumGetArrayTypeP(datum);
	get_typlenbyvalalign(element, &len, &by_value, &align);
	deconstruct_array(array, element, len, by_value, align, &values, &nulls, &n);
	for (int i = 0; more && i < n; i++)
		more = nulls[i] || lh_enc_walk(walk, element, values[i]);
	return more;
}

static bool
see_row(LhEncWalk *walk, Datum datum)
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(datum);
	TupleDesc	desc = lookup_rowtype_tupdesc_copy(HeapTupleHeaderGetTypeId(header), HeapTupleHeaderGetTypMod(header));
	Datum	   *values = palloc(sizeof(Datum) * desc->natts);
	bool	   *nulls = palloc(sizeof(bool) * desc->natts);
	HeapTupleData tuple = {.t_len = HeapTupleHeaderGetDatumLength(header), .t_data = header};
	bool		more = true;

	heap_deform_tuple(&tuple, desc, values, nulls);
	for (int i = 0; more && i < desc->natts; i++)
		more = nulls[i] || TupleDescAttr(desc, i)->attisdropped || lh_enc_walk(walk, TupleDescAttr(desc, i)->atttypid, values[i]);
	return more;
}

static bool
see_range(LhEncWalk *walk, TypeCacheEntry *cache, const RangeType *range)
{
	RangeBound	lower,
				upper;
	bool		empty;
	Oid			subtype = cache->rngelemtype->type_id;

	range_deserialize(cache, range, &lower, &upper, &empty);
	if (empty)
		return true;
	return (lower.infinite || lh_enc_walk(walk, subtype, lower.val)) && (upper.infinite || lh_enc_walk(walk, subtype, upper.val));
}

static bool
see_multirange(LhEncWalk *walk, Oid type, Datum datum)
{
	TypeCacheEntry *cache = lookup_type_cache(type, TYPECACHE_MULTIRANGE_INFO);
	RangeType **ranges;
	int32		n;
	bool		more = true;

	multirange_deserialize(cache->rngtype, DatumGetMultirangeTypeP(datum), &n, &ranges);
	for (int i = 0; more && i < n; i++)
		more = see_range(walk, cache->rngtype, ranges[i]);
	return more;
}

bool
lh_enc_walk(LhEncWalk *walk, Oid type, Datum datum)
{
	LhEnc		value;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	switch (kind_of(walk, &type))
	{
		case ENCRYPTED:
			lh_enc_parse_head(datum, &value);
			return walk->see(walk->arg, &value);
		case ARRAY:
			return see_array(walk, type, datum);
		case ROW:
			return see_row(walk, datum);
		case RANGE:
			return see_range(walk, lookup_type_cache(type, TYPECACHE_RANGE_INFO), DatumGetRangeTypeP(datum));
		case MULTIRANGE:
			return see_multirange(walk, type, datum);
		case PLAIN:
			break;
	}
	return true;
}

static bool
note_stale(void *arg, const LhEnc *value)
{
	*(bool *) arg = lh_enc_stale(value);
	return !*(bool *) arg;
}

static bool
any_stale(const LhEncWalk *of, Oid type, Datum datum)
{
	bool		stale = false;
	LhEncWalk	walk = *of;

	walk.see = note_stale;
	walk.arg = &stale;
	(void) lh_enc_walk(&walk, type, datum);
	return stale;
}

/* ---- made anew ---- */

static Datum renew(LhEncWalk *walk, Oid type, Datum datum);

static Datum
renew_array(LhEncWalk *walk, Oid element, Datum datum)
{
	ArrayType  *array = DatumGetArrayTypeP(datum);
	Datum	   *values;
	bool	   *nulls;
	int			n;
	int16		len;
	bool		by_value;
	char		align;

	get_typlenbyvalalign(element, &len, &by_value, &align);
	deconstruct_array(array, element, len, by_value, align, &values, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		if (!nulls[i])
			values[i] = renew(walk, element, values[i]);
	}
	return PointerGetDatum(construct_md_array(values, nulls, ARR_NDIM(array), ARR_DIMS(array), ARR_LBOUND(array), element, len, by_value, align));
}

static Datum
renew_row(LhEncWalk *walk, Datum datum)
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(datum);
	TupleDesc	desc = lookup_rowtype_tupdesc_copy(HeapTupleHeaderGetTypeId(header), HeapTupleHeaderGetTypMod(header));
	Datum	   *values = palloc(sizeof(Datum) * desc->natts);
	bool	   *nulls = palloc(sizeof(bool) * desc->natts);
	HeapTupleData tuple = {.t_len = HeapTupleHeaderGetDatumLength(header), .t_data = header};

	heap_deform_tuple(&tuple, desc, values, nulls);
	for (int i = 0; i < desc->natts; i++)
	{
		if (TupleDescAttr(desc, i)->attisdropped)
			nulls[i] = true;
		else if (!nulls[i])
			values[i] = renew(walk, TupleDescAttr(desc, i)->atttypid, values[i]);
	}
	return HeapTupleHeaderGetDatum(heap_form_tuple(desc, values, nulls)->t_data);
}

/* As it is unless something in it is stale. */
static Datum
renew(LhEncWalk *walk, Oid type, Datum datum)
{
	Oid			inner = type;
	Kind		kind;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	if (!lh_enc_walk_holds(walk, type) || !any_stale(walk, type, datum))
		return datum;
	kind = kind_of(walk, &inner);
	switch (kind)
	{
		case ENCRYPTED:
			return lh_enc_renew_value(datum);
		case ARRAY:
			return renew_array(walk, inner, datum);
		case ROW:
			return renew_row(walk, datum);
		case RANGE:
		case MULTIRANGE:
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("values within a range (%s) are not encrypted anew", format_type_be(inner)),
					 errhint("Make the range anew of lakehouse.enc_renew of its bounds.")));
		case PLAIN:
			break;
	}
	return datum;
}

static Oid
type_of_argument(FunctionCallInfo fcinfo)
{
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, 0);

	if (!OidIsValid(type))
		elog(ERROR, "could not determine input data type");
	return type;
}

static LhEncWalk *
walk_of(FunctionCallInfo fcinfo)
{
	LhEncWalk  *walk = fcinfo->flinfo->fn_extra;

	if (walk != NULL)
		return walk;
	walk = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(LhEncWalk));
	lh_enc_walk_begin(walk);
	fcinfo->flinfo->fn_extra = walk;
	return walk;
}

Datum
lakehouse_enc_value_stale(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(any_stale(walk_of(fcinfo), type_of_argument(fcinfo), PG_GETARG_DATUM(0)));
}

/*
 * Values that cannot be opened say which row has them.  What went wrong is said as it was, and has no value in it: nothing else than opening and
 * sealing is in there.
 */
Datum
lakehouse_enc_row_renew(PG_FUNCTION_ARGS)
{
	MemoryContext mcxt = CurrentMemoryContext;
	volatile Datum result = 0;

	PG_TRY();
	{
		result = renew(walk_of(fcinfo), type_of_argument(fcinfo), PG_GETARG_DATUM(0));
	}
	PG_CATCH();
	{
		ItemPointer place = (ItemPointer) PG_GETARG_POINTER(2);
		ErrorData  *e;
		char	   *name;

		MemoryContextSwitchTo(mcxt);
		e = CopyErrorData();
		if (ERRCODE_TO_CATEGORY(e->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION)
			PG_RE_THROW();
		FlushErrorState();
		name = get_rel_name(PG_GETARG_OID(1));
		lh_enc_row_failed = true;
		ereport(ERROR,
				(errcode(e->sqlerrcode),
				 errmsg("row (%u,%u) of table \"%s\" cannot be encrypted anew: %s", ItemPointerGetBlockNumberNoCheck(place),
						ItemPointerGetOffsetNumberNoCheck(place), name != NULL ? name : "?", e->message),
				 e->hint != NULL ? errhint("%s", e->hint) : 0));
	}
	PG_END_TRY();
	return result;
}

bool		lh_enc_row_failed = false;
