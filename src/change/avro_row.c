/*
 * avro_row.c
 *		Columns as Avro fields, and rows as records.
 *
 *	1. "plan" chooses for each column a way to write it and its schema, from one table
 *	   by kind of cell; the schema's text and fingerprint are made once.
 *	2. Room for all values of bounded size is taken once a row; only text, bytes,
 *	   long numerics and arrays look for room again.
 *	3. A value that its type cannot say is a null and is counted; only then a second
 *	   look finds it for __special.
 */
#include "change/avro_row.h"

#include "change/names.h"
#include "change/unscaled.h"
#include "core/datetime.h"
#include "core/digits.h"

enum
{
	OID_INT2 = 21,
	OID_INT4 = 23
};

/* A union's branch and a value of bounded size. */
#define VALUE 48

/* Days since 2000 of 0001-01-01 and 9999-12-31: what readers' own types take. */
#define FIRST_DAY   INT64_C(-730119)
#define LAST_DAY    INT64_C(2921939)
#define US_PER_DAY  INT64_C(86400000000)
#define FIRST_STAMP (FIRST_DAY * US_PER_DAY)
#define LAST_STAMP  ((LAST_DAY + 1) * US_PER_DAY - 1)

/* Branches of ["null", type], as ints. */
#define NULL_BRANCH  '\0'
#define VALUE_BRANCH '\2'

/* ---- types ---- */

#define LOGICAL(type, name) "{\"type\":\"" type "\",\"logicalType\":\"" name "\"}"

/* By kind of cell; what is not here, or needs a look at its type, is decided in type_of. */
static const LhAvroType types[LH_N_CELL_KINDS] = {
#define TYPE(kind, write, schema) \
	[LH_CELL_##kind] = {LH_AVRO_##write, LH_CELL_##kind, 0, schema, NULL}
	TYPE(BOOL, BOOL, "\"boolean\""),
	TYPE(INT, INT, "\"long\""),
	TYPE(FLOAT4, FLOAT4, "\"float\""),
	TYPE(FLOAT8, FLOAT8, "\"double\""),
	TYPE(TEXT, TEXT, "\"string\""),
	TYPE(JSON, TEXT, "\"string\""),
	TYPE(OTHER, TEXT, "\"string\""),
	TYPE(BYTES, BYTES, "\"bytes\""),
	TYPE(UUID, UUID, LOGICAL("string", "uuid")),
	TYPE(DATE, DATE, LOGICAL("int", "date")),
	TYPE(TIME, TIME, LOGICAL("long", "time-micros")),
	TYPE(TIMESTAMP, STAMP, LOGICAL("long", "local-timestamp-micros")),
	TYPE(TIMESTAMPTZ, STAMP, LOGICAL("long", "timestamp-micros")),
	TYPE(TIMETZ, CELL_TEXT, "\"string\""),
	TYPE(INTERVAL, CELL_TEXT, "\"string\""),
	TYPE(NUMERIC, CELL_TEXT, "\"string\""),
#undef TYPE
};

/* numeric(p,s) is a decimal, where Avro has it; numeric alone has no scale, and is text. */
static LhStatus
numeric_type(LhCtx *ctx, const LhChangeOptions *o, int32_t typmod, LhAvroType *t)
{
	int precision = typmod >= 4 ? (typmod - 4) >> 16 & 0xffff : 0;
	int scale = typmod >= 4 ? (((typmod - 4) & 0x7ff) ^ 1024) - 1024 : 0;

	if (o->decimal == LH_DECIMAL_DOUBLE)
	{
		t->write = LH_AVRO_DOUBLE;
		t->schema = "\"double\"";
	}
	else if (o->decimal == LH_DECIMAL_PRECISE && typmod >= 4 && scale >= 0 && scale <= precision)
	{
		t->write = LH_AVRO_DECIMAL;
		t->scale = scale;
		t->schema = lh_sprintf(
			ctx, "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":%d,\"scale\":%d}",
			precision, scale);
		if (t->schema == NULL)
			return LH_NO_MEMORY;
	}
	return LH_OK;
}

static LhStatus
type_of(LhCtx *ctx, const LhChangeOptions *o, const LhChangeColumn *c, LhCellKind kind,
		uint32_t typid, LhAvroType *t)
{
	LhAvroType *element;

	*t = types[kind];
	if (t->schema == NULL)
		*t = (LhAvroType){LH_AVRO_CELL_TEXT, kind, 0, "\"string\"", NULL};
	if (kind == LH_CELL_INT && (typid == OID_INT2 || typid == OID_INT4))
		t->schema = "\"int\"";
	else if (kind == LH_CELL_NUMERIC)
		return numeric_type(ctx, o, c->typmod, t);
	/* arrays of arrays (by a domain) are text */
	else if (kind == LH_CELL_ARRAY && c->elem_kind != LH_CELL_ARRAY && c->elem_kind >= LH_CELL_BOOL)
	{
		LH_NEW(ctx, element);
		LH_TRY(type_of(ctx, o, c, c->elem_kind, c->elem_typid, element));
		t->write = LH_AVRO_ARRAY;
		t->element = element;
		t->schema =
			lh_sprintf(ctx, "{\"type\":\"array\",\"items\":[\"null\",%s]}", element->schema);
		if (t->schema == NULL)
			return LH_NO_MEMORY;
	}
	return LH_OK;
}

/* Could a cell of the right kind be what the type cannot say? */
static bool
may_be_special(const LhAvroType *t)
{
	return t->write == LH_AVRO_DECIMAL || t->write == LH_AVRO_DATE || t->write == LH_AVRO_TIME ||
		   t->write == LH_AVRO_STAMP || t->write == LH_AVRO_ARRAY;
}

static bool is_special(const LhAvroType *t, const LhCell *c);

static bool
is_special_array(const LhAvroType *t, const LhCellArray *a)
{
	if (a->ndim > 1 || (a->ndim == 1 && a->lbound[0] != 1))
		return true;
	for (int i = 0; i < a->nitems; i++)
		if (LH_CELL_IS_VALUE(&a->items[i]) && is_special(t->element, &a->items[i]))
			return true;
	return false;
}

/* Of a value: its type cannot say it. */
static bool
is_special(const LhAvroType *t, const LhCell *c)
{
	if (c->kind == LH_CELL_RAW)
		return true;
	if (t->write == LH_AVRO_CELL_TEXT)
		return false;
	if (t->write == LH_AVRO_TEXT)
		return !lh_cell_is_text(c);
	if (c->kind != t->kind)
		return true;
	switch (t->write)
	{
		case LH_AVRO_DECIMAL: return c->sign >= LH_SIGN_NAN;
		case LH_AVRO_DATE: return c->i64 < FIRST_DAY || c->i64 > LAST_DAY;
		case LH_AVRO_TIME: return c->i64 >= US_PER_DAY;
		case LH_AVRO_STAMP: return c->i64 < FIRST_STAMP || c->i64 > LAST_STAMP;
		case LH_AVRO_ARRAY: return is_special_array(t, c->array);
		default: return false;
	}
}

/* ---- values ---- */

/*
 * A value of at most VALUE - 1 bytes; NULL: it has more, or is special.
 */
static inline char *
bounded(char *p, const LhAvroType *t, const LhCell *c)
{
	uint8_t few[LH_UNSCALED_FEW];
	int64_t v;
	size_t n;

	if (c->kind != t->kind)
		return NULL;
	switch (t->write)
	{
		case LH_AVRO_BOOL: *p = (char) (c->i64 != 0); return p + 1;
		case LH_AVRO_INT: return lh_avro_long(p, c->i64);
		case LH_AVRO_FLOAT4: return lh_avro_float(p, (float) c->f64);
		case LH_AVRO_FLOAT8: return lh_avro_double(p, c->f64);
		case LH_AVRO_DATE:
			if (c->i64 < FIRST_DAY || c->i64 > LAST_DAY)
				return NULL;
			return lh_avro_long(p, c->i64 + LH_PG_EPOCH_DAYS);
		case LH_AVRO_TIME: return c->i64 < US_PER_DAY ? lh_avro_long(p, c->i64) : NULL;
		case LH_AVRO_STAMP:
			if (c->i64 < FIRST_STAMP || c->i64 > LAST_STAMP)
				return NULL;
			return lh_avro_long(p, c->i64 + LH_PG_EPOCH_US);
		case LH_AVRO_UUID: *p = 36 * 2; return lh_text_uuid(p + 1, c->ptr);
		case LH_AVRO_DECIMAL:
			if (c->sign > LH_SIGN_MINUS || !lh_unscaled_i64(c, t->scale, &v))
				return NULL;
			n = lh_unscaled_bytes(v, few);
			*p = (char) (n * 2);
			memcpy(p + 1, few, LH_UNSCALED_FEW);
			return p + 1 + n;
		default: return NULL;
	}
}

static LhStatus put_value(LhCtx *ctx, LhBuf *buf, const LhAvroType *t, const LhCell *c);

static LhStatus
put_items(LhCtx *ctx, LhBuf *buf, const LhAvroType *element, const LhCellArray *a)
{
	char *p;

	LH_TRY(lh_put_room(ctx, buf, LH_AVRO_LONG + 1, &p));
	if (a->nitems > 0)
		p = lh_avro_long(p, a->nitems);
	lh_put_end(buf, p);
	for (int i = 0; i < a->nitems; i++)
	{
		const LhCell *c = &a->items[i];
		bool value = LH_CELL_IS_VALUE(c);

		LH_TRY(lh_put(ctx, buf, value ? "\2" : "\0", 1));
		if (value)
			LH_TRY(put_value(ctx, buf, element, c));
	}
	return lh_put(ctx, buf, "\0", 1);
}

static LhStatus
put_double(LhCtx *ctx, LhBuf *buf, const LhCell *c)
{
	double v;
	char *p;

	LH_TRY(lh_numeric_double(ctx, c, &v));
	LH_TRY(lh_put_room(ctx, buf, 8, &p));
	lh_put_end(buf, lh_avro_double(p, v));
	return LH_OK;
}

/* A value that is not special. */
static __attribute__((noinline)) LhStatus
put_unbounded(LhCtx *ctx, LhBuf *buf, const LhAvroType *t, const LhCell *c)
{
	uint8_t few[LH_UNSCALED_FEW];
	LhSlice bytes;

	switch (t->write)
	{
		case LH_AVRO_DECIMAL:
			LH_TRY(lh_unscaled(ctx, c, t->scale, few, &bytes));
			return lh_avro_bytes(ctx, buf, bytes.data, bytes.len);
		case LH_AVRO_DOUBLE: return put_double(ctx, buf, c);
		case LH_AVRO_ARRAY: return put_items(ctx, buf, t->element, c->array);
		case LH_AVRO_TEXT:
		case LH_AVRO_BYTES: return lh_avro_bytes(ctx, buf, c->ptr, c->len);
		default: return lh_avro_cell_text(ctx, buf, c);
	}
}

static LhStatus
put_value(LhCtx *ctx, LhBuf *buf, const LhAvroType *t, const LhCell *c)
{
	char *p, *end;

	LH_TRY(lh_put_room(ctx, buf, VALUE, &p));
	end = bounded(p, t, c);
	if (end == NULL)
		return put_unbounded(ctx, buf, t, c);
	lh_put_end(buf, end);
	return LH_OK;
}

/* ---- rows ---- */

/* The cell that says a column's value: of the whole old row, where this update left it alone. */
static inline const LhCell *
cell_of(const LhCell *cells, const LhCell *whole, int i)
{
	return cells[i].kind == LH_CELL_UNCHANGED && whole != NULL ? &whole[i] : &cells[i];
}

LhStatus
lh_avro_put_row(LhCtx *ctx, LhBuf *buf, const LhAvroPlan *plan, const LhCell *cells,
				const LhCell *whole, LhAvroRest *rest)
{
	const int n = plan->rel->ncolumns;
	size_t room = plan->room;
	char *p;

	LH_TRY(lh_put_room(ctx, buf, room, &p));
	if (cells == NULL)
	{
		memset(p, NULL_BRANCH, (size_t) n);
		lh_put_end(buf, p + n);
		return LH_OK;
	}
	for (int i = 0; i < n; i++)
	{
		const LhAvroType *t = &plan->columns[i].type;
		const LhCell *c = cell_of(cells, whole, i);
		char *end;

		room -= VALUE;
		if (!LH_CELL_IS_VALUE(c))
		{
			rest->unchanged += c->kind == LH_CELL_UNCHANGED;
			*p++ = NULL_BRANCH;
			continue;
		}
		*p = VALUE_BRANCH;
		if (t->write == LH_AVRO_TEXT && lh_cell_is_text(c))
		{
			lh_put_end(buf, p + 1);
			LH_TRY(lh_avro_bytes(ctx, buf, c->ptr, c->len));
			LH_TRY(lh_put_room(ctx, buf, room, &p));
			continue;
		}
		end = bounded(p + 1, t, c);
		if (end != NULL)
			p = end;
		else if (is_special(t, c))
		{
			rest->special++;
			*p++ = NULL_BRANCH;
		}
		else
		{
			lh_put_end(buf, p + 1);
			LH_TRY(put_unbounded(ctx, buf, t, c));
			LH_TRY(lh_put_room(ctx, buf, room, &p));
		}
	}
	lh_put_end(buf, p);
	return LH_OK;
}

/* The text that a special value is told as. */
static LhStatus
put_special(LhCtx *ctx, LhBuf *buf, const LhAvroColumn *column, const LhCell *c)
{
	LH_TRY(lh_put(ctx, buf, column->name.data, column->name.len));
	return lh_avro_cell_text(ctx, buf, c);
}

static LhStatus
put_count(LhCtx *ctx, LhBuf *buf, int n)
{
	char *p;

	LH_TRY(lh_put_room(ctx, buf, LH_AVRO_LONG, &p));
	lh_put_end(buf, lh_avro_long(p, n));
	return LH_OK;
}

static __attribute__((noinline)) LhStatus
put_rest(LhCtx *ctx, LhBuf *buf, const LhAvroPlan *plan, const LhCell *cells, const LhCell *whole,
		 const LhAvroRest *rest)
{
	if (rest->unchanged > 0)
		LH_TRY(put_count(ctx, buf, rest->unchanged));
	for (int i = 0; i < plan->rel->ncolumns && rest->unchanged > 0; i++)
		if (cell_of(cells, whole, i)->kind == LH_CELL_UNCHANGED)
			LH_TRY(lh_put(ctx, buf, plan->columns[i].name.data, plan->columns[i].name.len));
	LH_TRY(put_count(ctx, buf, 0));
	if (rest->special > 0)
		LH_TRY(put_count(ctx, buf, rest->special));
	for (int i = 0; i < plan->rel->ncolumns && rest->special > 0; i++)
	{
		const LhCell *c = cell_of(cells, whole, i);

		if (LH_CELL_IS_VALUE(c) && is_special(&plan->columns[i].type, c))
			LH_TRY(put_special(ctx, buf, &plan->columns[i], c));
	}
	return put_count(ctx, buf, 0);
}

LhStatus
lh_avro_put_rest(LhCtx *ctx, LhBuf *buf, const LhAvroPlan *plan, const LhCell *cells,
				 const LhCell *whole, const LhAvroRest *rest)
{
	if (__builtin_expect((rest->unchanged | rest->special) == 0, 1))
		return lh_put(ctx, buf, "\0\0", 2);
	return put_rest(ctx, buf, plan, cells, whole, rest);
}

/* A required column has a value; should there be none, a record must still be one. */
static LhStatus
put_required(LhCtx *ctx, LhBuf *buf, const LhAvroType *t, const LhCell *c)
{
	static const char zero[1 + 36] = "";

	if (c->kind == t->kind || (t->write == LH_AVRO_TEXT && lh_cell_is_text(c)))
		return put_value(ctx, buf, t, c);
	/* damaged text has no other place */
	if (c->kind == LH_CELL_RAW && (t->write == LH_AVRO_TEXT || t->write == LH_AVRO_CELL_TEXT))
		return lh_avro_cell_text(ctx, buf, c);
	return lh_put(ctx, buf, zero,
				  t->write == LH_AVRO_FLOAT4                                 ? 4
				  : t->write == LH_AVRO_FLOAT8 || t->write == LH_AVRO_DOUBLE ? 8
																			 : 1);
}

static inline const LhCell *
key_cell(const LhAvroPlan *plan, const LhCell *cells, const LhCell *other, int i)
{
	const int k = plan->rel->keys[i];

	return !LH_CELL_IS_VALUE(&cells[k]) && cells[k].kind != LH_CELL_NULL && other != NULL
			   ? &other[k]
			   : &cells[k];
}

static __attribute__((noinline)) LhStatus
put_special_keys(LhCtx *ctx, LhBuf *buf, const LhAvroPlan *plan, const LhCell *cells,
				 const LhCell *other, int n)
{
	if (n > 0)
		LH_TRY(put_count(ctx, buf, n));
	for (int i = 0; i < plan->rel->nkeys && n > 0; i++)
	{
		const LhAvroColumn *column = &plan->columns[plan->rel->keys[i]];
		const LhCell *c = key_cell(plan, cells, other, i);

		if (!column->required && LH_CELL_IS_VALUE(c) && is_special(&column->type, c))
			LH_TRY(put_special(ctx, buf, column, c));
	}
	return put_count(ctx, buf, 0);
}

LhStatus
lh_avro_put_key(LhCtx *ctx, LhBuf *buf, const LhAvroPlan *plan, const LhCell *cells,
				const LhCell *other)
{
	int special = 0;

	for (int i = 0; i < plan->rel->nkeys; i++)
	{
		const LhAvroColumn *column = &plan->columns[plan->rel->keys[i]];
		const LhCell *c = key_cell(plan, cells, other, i);

		if (column->required)
		{
			LH_TRY(put_required(ctx, buf, &column->type, c));
			continue;
		}
		if (LH_CELL_IS_VALUE(c) && !is_special(&column->type, c))
		{
			LH_TRY(lh_put(ctx, buf, "\2", 1));
			LH_TRY(put_value(ctx, buf, &column->type, c));
			continue;
		}
		special += LH_CELL_IS_VALUE(c);
		LH_TRY(lh_put(ctx, buf, "\0", 1));
	}
	return plan->special_key ? put_special_keys(ctx, buf, plan, cells, other, special) : LH_OK;
}

/* ---- plans ---- */

#define UNCHANGED_FIELD \
	"{\"name\":\"__unchanged\",\"type\":{\"type\":\"array\",\"items\":\"string\"},\"default\":[]}"
#define SPECIAL_FIELD \
	"{\"name\":\"__special\",\"type\":{\"type\":\"map\",\"values\":\"string\"},\"default\":{}}"

static const char *const reserved[] = {"__op",        "__lsn",     "__seq", "__ts_us",
									   "__unchanged", "__special", NULL};

static LhStatus
put_field(LhCtx *ctx, LhBuf *text, const LhChangeColumn *c, const LhAvroColumn *column,
		  const char *name, bool required)
{
	LH_TRY(lh_buf_printf(ctx, text,
						 required ? "{\"name\":\"%s\",\"type\":%s"
								  : "{\"name\":\"%s\",\"type\":[\"null\",%s],\"default\":null",
						 name, column->type.schema));
	LH_TRY(lh_buf_append_str(ctx, text, ",\"lakehouse.type\":"));
	LH_TRY(lh_put_json_string(ctx, text, c->type_text, strlen(c->type_text)));
	if (strcmp(name, c->name) != 0)
	{
		LH_TRY(lh_buf_append_str(ctx, text, ",\"lakehouse.column\":"));
		LH_TRY(lh_put_json_string(ctx, text, c->name, strlen(c->name)));
	}
	return lh_buf_append_str(ctx, text, "},");
}

static LhStatus
value_schema(LhCtx *ctx, LhBuf *text, const LhAvroPlan *plan, const char *space,
			 const char *const *names, LhSchema *out)
{
	text->len = 0;
	LH_TRY(lh_buf_printf(ctx, text,
						 "{\"type\":\"record\",\"name\":\"Row\",\"namespace\":\"%s\",\"fields\":[",
						 space));
	for (int i = 0; i < plan->rel->ncolumns; i++)
		LH_TRY(put_field(ctx, text, &plan->rel->columns[i], &plan->columns[i], names[i], false));
	LH_TRY(lh_buf_append_str(
		ctx, text,
		"{\"name\":\"__op\",\"type\":\"string\"},{\"name\":\"__lsn\",\"type\":\"long\"},"
		"{\"name\":\"__seq\",\"type\":\"long\"},{\"name\":\"__ts_us\",\"type\":[\"null\"," LOGICAL(
			"long", "timestamp-micros") "],\"default\":null}," UNCHANGED_FIELD "," SPECIAL_FIELD
										"]}"));
	return lh_avro_schema(ctx, lh_slice(text->data, text->len), out);
}

static LhStatus
key_schema(LhCtx *ctx, LhBuf *text, LhAvroPlan *plan, const char *space, const char *const *names)
{
	const LhChangeRel *rel = plan->rel;

	text->len = 0;
	LH_TRY(lh_buf_printf(ctx, text,
						 "{\"type\":\"record\",\"name\":\"Key\",\"namespace\":\"%s\",\"fields\":[",
						 space));
	for (int i = 0; i < rel->nkeys; i++)
	{
		const int k = rel->keys[i];

		LH_TRY(put_field(ctx, text, &rel->columns[k], &plan->columns[k], names[k],
						 plan->columns[k].required));
	}
	if (plan->special_key)
		LH_TRY(lh_buf_append_str(ctx, text, SPECIAL_FIELD));
	else
		text->len--;
	LH_TRY(lh_buf_append_str(ctx, text, "]}"));
	return lh_avro_schema(ctx, lh_slice(text->data, text->len), &plan->key);
}

/*
 * Is a key's column there in each row and each old key?  What message.key.columns
 * chose may be in no old key, and without identity there is no old key at all.
 */
static bool
is_required(const LhChangeOptions *o, const LhChangeRel *rel, const LhChangeColumn *c,
			const LhAvroType *t)
{
	bool chosen = o->message_key_columns != NULL && *o->message_key_columns != '\0';

	if (!c->not_null || c->masked || may_be_special(t))
		return false;
	switch (rel->identity)
	{
		case LH_IDENTITY_FULL: return true;
		case LH_IDENTITY_DEFAULT: return c->pk > 0;
		case LH_IDENTITY_INDEX: return c->key > 0 && !chosen;
		default: return false;
	}
}

static LhStatus
plan_column(LhCtx *ctx, const LhChangeOptions *o, const LhChangeRel *rel, int i, const char *name,
			LhAvroColumn *out)
{
	const LhChangeColumn *c = &rel->columns[i];
	size_t n = strlen(name);
	char *text;

	LH_TRY(type_of(ctx, o, c, c->kind, c->base_typid, &out->type));
	out->required = is_required(o, rel, c, &out->type);
	LH_ALLOC(ctx, text, n + LH_AVRO_LONG);
	out->name.data = (const uint8_t *) text;
	text = lh_avro_long(text, (int64_t) n);
	memcpy(text, name, n);
	out->name.len = (size_t) (text + n - (const char *) out->name.data);
	return LH_OK;
}

LhStatus
lh_avro_plan(LhCtx *ctx, const LhChangeOptions *o, const LhChangeRel *rel, LhAvroPlan **out)
{
	LhAdjustMode mode = o->adjust == LH_ADJUST_NONE ? LH_ADJUST_AVRO : o->adjust;
	const char **names;
	const char *topic, *space;
	LhAvroPlan *plan;
	LhBuf text;

	LH_NEW(ctx, plan);
	plan->rel = rel;
	plan->room = (size_t) rel->ncolumns * VALUE + VALUE;
	LH_NEW_ARRAY(ctx, plan->columns, (size_t) rel->ncolumns + 1);
	LH_TRY(lh_names_of_columns(ctx, mode, rel, reserved, &names));
	LH_TRY(lh_name_topic(ctx, o->topic_prefix, rel->schema, rel->name, &topic));
	LH_TRY(lh_name_namespace(ctx, topic, &space));
	for (int i = 0; i < rel->ncolumns; i++)
		LH_TRY(plan_column(ctx, o, rel, i, names[i], &plan->columns[i]));
	for (int i = 0; i < rel->nkeys; i++)
		plan->special_key |= !plan->columns[rel->keys[i]].required;
	LH_TRY(lh_buf_init(ctx, &text, false));
	LH_TRY(value_schema(ctx, &text, plan, space, names, &plan->value));
	if (rel->nkeys > 0)
		LH_TRY(key_schema(ctx, &text, plan, space, names));
	lh_buf_free(&text);
	*out = plan;
	return LH_OK;
}
