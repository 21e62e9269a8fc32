/*
 * emit_nested.c
 *		Nested values as jsonb, arrays and composite values.
 *
 * A nested vector is a tree: lists and maps hold offsets into their children's
 * slots, a struct's members have the slots of the struct.  For each scalar
 * leaf there is an emitter of its own.
 *
 *	1. Selected rows are taken in runs of neighbours.  The slots of a run are
 *	   neighbours too, at every level, so each shape has a range of slots.
 *	2. Values of a leaf are emitted a window of slots at a time, never beyond
 *	   the range: slots of rows that are not selected raise no errors.
 *	3. A row is built by walking its tree; leaves are looked up in the windows.
 *	   A variant in it is emit_variant.c's business.
 *
 * Elements of arrays and attributes of composite types are leaves here, whatever
 * they are: their emitter is nested again.
 *
 * Inside jsonb a leaf looks as to_jsonb() shows it, whatever the session's
 * settings: timestamps in ISO 8601 and UTC, bytes in hex, NaN and the
 * infinities as strings.  A map is an object whose keys are the keys' text; of
 * equal keys the last counts.
 */
#include "pg/bridge/emit.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

typedef struct Shape Shape;
struct Shape
{
	LhTypeId	id;
	const char *name;			/* as a member, in the server's encoding */
	int			nchildren;
	Shape	   *children;
	LhEmitVariant *variant;		/* NULL: not a variant */

	const LhVec *vec;			/* of the batch */
	int			end;			/* of the range of slots */

	/* a leaf, elements of an array, an attribute of a composite type */
	LhEmitter  *emitter;		/* NULL: none of these */
	Oid			typid;
	int			from,
				to;				/* slots in the window */
	Datum	   *values;
	bool	   *nulls;
	FmgrInfo	out;			/* output function, for types that become strings */
};

struct LhEmitNested
{
	Shape		top;
	LhNestedForm form;
	LhEmitRow  *row;			/* ROW, PAIRS */
	/* ARRAY, PAIRS */
	Oid			elemtype;
	int16		typlen;
	bool		typbyval;
	char		typalign;
	int			room;
	Datum	   *values;
	bool	   *nulls;
};

/* ---- the tree ---- */

static void
make_leaf(LhEmitter *em, Shape *shape, const char *column, Oid typid, int32 typmod)
{
	Oid			function;
	bool		varlena;

	shape->typid = typid;
	shape->emitter = lh_emitter_create(em->ctx, CurrentMemoryContext, column, typid, typmod, &em->options);
	shape->emitter->inner = true;
	shape->values = palloc(sizeof(Datum) * LH_BATCH);
	shape->nulls = palloc(sizeof(bool) * LH_BATCH);
	getTypeOutputInfo(getBaseType(typid), &function, &varlena);
	fmgr_info_cxt(function, &shape->out, CurrentMemoryContext);
}

/* The type of a leaf inside jsonb. */
static Oid
leaf_type(const LhEmitter *em, const LhType *type, int32 *typmod)
{
	bool		nanoseconds = (type->id == LH_T_TIMESTAMP && (type->unit == LH_UNIT_NS || type->int96)) ||
		(type->id == LH_T_TIME && type->unit == LH_UNIT_NS);

	*typmod = -1;
	if (nanoseconds && em->options.timestamp_ns == LH_NANOS_TEXT)
		return TEXTOID;
	return lh_pg_type(type, typmod);
}

static void
make_shape(LhEmitter *em, Shape *shape, const LhType *type, const char *name)
{
	check_stack_depth();
	shape->id = type->id;
	shape->name = lh_pg_text(name);
	if (!lh_type_is_nested(type))
	{
		int32		typmod;
		Oid			typid = leaf_type(em, type, &typmod);

		make_leaf(em, shape, em->column, typid, typmod);
		return;
	}
	if (type->id == LH_T_VARIANT)
	{
		shape->variant = lh_emit_variant_create(em, type);
		return;
	}
	shape->nchildren = type->nfields;
	shape->children = palloc0(sizeof(Shape) * type->nfields);
	for (int i = 0; i < type->nfields; i++)
		make_shape(em, &shape->children[i], &type->fields[i].type, type->fields[i].name);
}

/* The attributes of a composite type. */
static void
make_row(LhEmitter *em, LhEmitNested *n, const LhType *type, Oid rowtype)
{
	LhEmitRow  *row = lh_row_create(em, type, rowtype);

	n->row = row;
	n->top.nchildren = row->nmembers;
	n->top.children = palloc0(sizeof(Shape) * Max(row->nmembers, 1));
	for (int i = 0; i < row->nmembers; i++)
	{
		Form_pg_attribute att = TupleDescAttr(row->desc, row->attno[i] - 1);

		make_leaf(em, &n->top.children[i], psprintf("%s.%s", em->column, NameStr(att->attname)),
				  att->atttypid, att->atttypmod);
	}
}

static void
make_array(LhEmitter *em, LhEmitNested *n)
{
	n->elemtype = em->route.element;
	get_typlenbyvalalign(n->elemtype, &n->typlen, &n->typbyval, &n->typalign);
}

LhEmitNested *
lh_emit_nested_create(LhEmitter *em, const LhType *type)
{
	MemoryContext old = MemoryContextSwitchTo(em->route_mcxt);
	LhEmitNested *n = palloc0(sizeof(LhEmitNested));

	if (em->arena != NULL)
		lh_arena_reset(em->arena);
	n->form = em->route.form;
	n->top.id = type->id;
	switch (n->form)
	{
		case LH_NESTED_JSON:
			make_shape(em, &n->top, type, "");
			break;
		case LH_NESTED_ARRAY:
			make_array(em, n);
			n->top.nchildren = 1;
			n->top.children = palloc0(sizeof(Shape));
			make_leaf(em, &n->top.children[0], em->column, n->elemtype, em->typmod);
			break;
		case LH_NESTED_ROW:
			make_row(em, n, type, em->base);
			break;
		case LH_NESTED_PAIRS:
			make_array(em, n);
			make_row(em, n, type, getBaseType(n->elemtype));
			break;
	}
	MemoryContextSwitchTo(old);
	return n;
}

static void
set_vectors(LhEmitter *em, Shape *shape, const LhVec *vec)
{
	shape->vec = vec;
	shape->from = shape->to = 0;
	if (shape->emitter != NULL)
	{
		lh_emitter_place(shape->emitter, em->path, em->first_row);
		return;
	}
	if (shape->variant != NULL)
	{
		lh_emit_variant_bind(em, shape->variant, vec);
		return;
	}
	if (vec->nchildren < shape->nchildren)
		elog(ERROR, "vector of column \"%s\" has %d children, expected %d", em->column, vec->nchildren,
			 shape->nchildren);
	for (int i = 0; i < shape->nchildren; i++)
		set_vectors(em, &shape->children[i], &vec->children[i]);
}

/* A run of rows: up to which slot values are wanted, at every level. */
static void
set_ends(Shape *shape, int end, int64_t row)
{
	shape->end = end;
	shape->from = shape->to = 0;
	if (shape->emitter != NULL)
	{
		shape->emitter->first_row = row;
		return;
	}
	if (lh_vec_all_null(shape->vec))
		return;
	for (int i = 0; i < shape->nchildren; i++)
		set_ends(&shape->children[i], shape->id == LH_T_STRUCT ? end : (int) shape->vec->offsets[end], row);
}

/* ---- leaves ---- */

static Datum
leaf_value(LhEmitter *em, Shape *shape, int slot, bool *null)
{
	if (slot < shape->from || slot >= shape->to)
	{
		uint32_t	slots[LH_BATCH];
		int			n = Min(shape->end - slot, LH_BATCH);

		for (int k = 0; k < n; k++)
			slots[k] = (uint32_t) (slot + k);
		lh_emit_rows(shape->emitter, shape->vec, slots, n, em->target, shape->values, shape->nulls);
		shape->from = slot;
		shape->to = slot + n;
		CHECK_FOR_INTERRUPTS();
	}
	*null = shape->nulls[slot - shape->from];
	return shape->values[slot - shape->from];
}

static bool
is_null(const Shape *shape, int slot)
{
	return shape->vec->kind == LH_VEC_CONST ? shape->vec->valid != NULL : lh_vec_is_null(shape->vec, slot);
}

/* ---- jsonb ---- */

static void
string_value(JsonbValue *v, char *text)
{
	v->type = jbvString;
	v->val.string.val = text;
	v->val.string.len = (int) strlen(text);
}

/* Shortest digits, as float8out has them; what is no number becomes a string. */
static void
float_value(JsonbValue *v, char *text)
{
	if (strchr(text, 'N') || strchr(text, 'I'))
	{
		string_value(v, text);
		return;
	}
	v->type = jbvNumeric;
	v->val.numeric = DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(text),
														 ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
}

static void
bytes_value(JsonbValue *v, Datum value)
{
	bytea	   *bytes = DatumGetByteaPP(value);
	size_t		len = VARSIZE_ANY_EXHDR(bytes);
	char	   *hex = palloc(2 * len + 3);

	hex[0] = '\\';
	hex[1] = 'x';
	hex_encode(VARDATA_ANY(bytes), len, hex + 2);
	v->type = jbvString;
	v->val.string.val = hex;
	v->val.string.len = (int) (2 * len + 2);
}

/* JSON text becomes part of the document. */
static void
json_value(JsonbValue *v, Datum value)
{
	Jsonb	   *json = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(TextDatumGetCString(value))));

	if (JsonbExtractScalar(&json->root, v))
		return;
	v->type = jbvBinary;
	v->val.binary.data = &json->root;
	v->val.binary.len = VARSIZE(json) - VARHDRSZ;
}

static void
datetime_value(JsonbValue *v, Datum value, Oid typid)
{
	const int	utc = 0;

	string_value(v, JsonEncodeDateTime(palloc(MAXDATELEN + 1), value, typid, &utc));
}

static void
scalar_value(Shape *shape, Datum value, JsonbValue *v)
{
	switch (shape->typid)
	{
		case BOOLOID:
			v->type = jbvBool;
			v->val.boolean = DatumGetBool(value);
			break;
		case INT2OID:
		case INT4OID:
		case INT8OID:
			v->type = jbvNumeric;
			v->val.numeric = int64_to_numeric(shape->typid == INT2OID ? DatumGetInt16(value) :
											  shape->typid == INT4OID ? DatumGetInt32(value) : DatumGetInt64(value));
			break;
		case FLOAT4OID:
			float_value(v, DatumGetCString(DirectFunctionCall1(float4out, value)));
			break;
		case FLOAT8OID:
			float_value(v, DatumGetCString(DirectFunctionCall1(float8out, value)));
			break;
		case NUMERICOID:
			v->type = jbvNumeric;
			v->val.numeric = DatumGetNumeric(value);
			break;
		case TEXTOID:
			v->type = jbvString;
			v->val.string.val = VARDATA_ANY(DatumGetPointer(value));
			v->val.string.len = VARSIZE_ANY_EXHDR(DatumGetPointer(value));
			break;
		case BYTEAOID:
			bytes_value(v, value);
			break;
		case JSONOID:
			json_value(v, value);
			break;
		case DATEOID:
		case TIMEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			datetime_value(v, value, shape->typid);
			break;
		default:
			string_value(v, OutputFunctionCall(&shape->out, value));
			break;
	}
}

static void push_slot(LhEmitter *em, Shape *shape, int slot, JsonbParseState **state, JsonbIteratorToken as);

static void
push_struct(LhEmitter *em, Shape *shape, int slot, JsonbParseState **state)
{
	for (int i = 0; i < shape->nchildren; i++)
	{
		JsonbValue	key;

		string_value(&key, unconstify(char *, shape->children[i].name));
		pushJsonbValue(state, WJB_KEY, &key);
		push_slot(em, &shape->children[i], slot, state, WJB_VALUE);
	}
}

/* The text of a map's key. */
static void
key_value(LhEmitter *em, Shape *shape, int slot, JsonbValue *key)
{
	bool		null = false;
	Datum		value = (Datum) 0;

	if (shape->emitter == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the keys of map \"%s\" are nested, which jsonb cannot hold", em->column),
				 errdetail("File \"%s\".", lh_pg_text(em->path))));
	value = leaf_value(em, shape, slot, &null);
	if (null)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("a key of map \"%s\" is null", em->column),
				 errdetail("File \"%s\", %s.", lh_pg_text(em->path), lh_emit_where(shape->emitter, 0))));
	scalar_value(shape, value, key);
	if (key->type != jbvString)
		string_value(key, OutputFunctionCall(&shape->out, value));
}

static void
push_map(LhEmitter *em, Shape *shape, int slot, JsonbParseState **state)
{
	for (uint32_t i = shape->vec->offsets[slot]; i < shape->vec->offsets[slot + 1]; i++)
	{
		JsonbValue	key;

		key_value(em, &shape->children[0], (int) i, &key);
		pushJsonbValue(state, WJB_KEY, &key);
		push_slot(em, &shape->children[1], (int) i, state, WJB_VALUE);
	}
}

static void
push_list(LhEmitter *em, Shape *shape, int slot, JsonbParseState **state)
{
	for (uint32_t i = shape->vec->offsets[slot]; i < shape->vec->offsets[slot + 1]; i++)
		push_slot(em, &shape->children[0], (int) i, state, WJB_ELEM);
}

static JsonbValue *
push_container(LhEmitter *em, Shape *shape, int slot, JsonbParseState **state)
{
	bool		list = shape->id == LH_T_LIST;

	check_stack_depth();
	pushJsonbValue(state, list ? WJB_BEGIN_ARRAY : WJB_BEGIN_OBJECT, NULL);
	if (list)
		push_list(em, shape, slot, state);
	else if (shape->id == LH_T_MAP)
		push_map(em, shape, slot, state);
	else
		push_struct(em, shape, slot, state);
	return pushJsonbValue(state, list ? WJB_END_ARRAY : WJB_END_OBJECT, NULL);
}

static void
push_slot(LhEmitter *em, Shape *shape, int slot, JsonbParseState **state, JsonbIteratorToken as)
{
	JsonbValue	v;
	bool		null = false;
	Datum		value = (Datum) 0;

	v.type = jbvNull;
	if (shape->emitter != NULL)
	{
		value = leaf_value(em, shape, slot, &null);
		if (!null)
			scalar_value(shape, value, &v);
	}
	else if (!is_null(shape, slot))
	{
		if (shape->variant != NULL)
			lh_emit_variant_push(em, shape->variant, slot, state, as);
		else
			(void) push_container(em, shape, slot, state);
		return;
	}
	pushJsonbValue(state, as, &v);
}

/* ---- arrays and composite values ---- */

static void
make_room(LhEmitter *em, LhEmitNested *n, int count)
{
	if (count <= n->room)
		return;
	n->room = Max(count, 64);
	n->values = MemoryContextAllocExtended(em->route_mcxt, sizeof(Datum) * n->room, MCXT_ALLOC_HUGE);
	n->nulls = MemoryContextAllocExtended(em->route_mcxt, sizeof(bool) * n->room, MCXT_ALLOC_HUGE);
}

/* A composite value of the members at a slot; what the file lacks stays null. */
static Datum
row_of(LhEmitter *em, LhEmitNested *n, int slot)
{
	LhEmitRow  *row = n->row;

	for (int i = 0; i < row->nmembers; i++)
	{
		int			a = row->attno[i] - 1;

		row->values[a] = leaf_value(em, &n->top.children[i], slot, &row->nulls[a]);
	}
	return HeapTupleGetDatum(heap_form_tuple(row->desc, row->values, row->nulls));
}

static Datum
array_of(LhEmitter *em, LhEmitNested *n, int slot)
{
	int			first = (int) n->top.vec->offsets[slot];
	int			count = (int) n->top.vec->offsets[slot + 1] - first;
	int			dims[1] = {count};
	int			lbs[1] = {1};

	if (count == 0)
		return PointerGetDatum(construct_empty_array(n->elemtype));
	make_room(em, n, count);
	for (int i = 0; i < count; i++)
	{
		n->nulls[i] = false;
		n->values[i] = n->form == LH_NESTED_PAIRS ? row_of(em, n, first + i) :
			leaf_value(em, &n->top.children[0], first + i, &n->nulls[i]);
	}
	return PointerGetDatum(construct_md_array(n->values, n->nulls, 1, dims, lbs, n->elemtype, n->typlen,
											  n->typbyval, n->typalign));
}

/* ---- rows ---- */

static Datum
nested_value(LhEmitter *em, LhEmitNested *n, int slot)
{
	JsonbParseState *state = NULL;

	switch (n->form)
	{
		case LH_NESTED_ROW:
			return row_of(em, n, slot);
		case LH_NESTED_ARRAY:
		case LH_NESTED_PAIRS:
			return array_of(em, n, slot);
		case LH_NESTED_JSON:
			break;
	}
	if (n->top.variant != NULL)
		return lh_emit_variant_datum(em, n->top.variant, slot);
	return JsonbPGetDatum(JsonbValueToJsonb(push_container(em, &n->top, slot, &state)));
}

void
lh_emit_nested(LhEmitter *em, const LhVec *vec, const uint32_t *rows, int n, Datum *values, bool *nulls)
{
	MemoryContext old = MemoryContextSwitchTo(em->target);
	int			end = 0;		/* behind the run that is set up */

	set_vectors(em, &em->nested->top, vec);
	for (int j = 0; j < n; j++)
	{
		int			slot = rows ? (int) rows[j] : j;

		values[j] = (Datum) 0;
		nulls[j] = is_null(&em->nested->top, slot);
		if (nulls[j])
			continue;
		em->at = j;
		if (slot >= end)
		{
			int			k = j + 1;

			while (k < n && (rows ? (int) rows[k] : k) == slot + (k - j))
				k++;
			end = slot + (k - j);
			/* slots of elements are no rows */
			set_ends(&em->nested->top, end, em->first_row + (em->inner ? 0 : slot));
		}
		values[j] = nested_value(em, em->nested, slot);
	}
	MemoryContextSwitchTo(old);
}
