/*
 * schema.c
 *		Iceberg's schemas: types, defaults, name mappings, fields by id.
 *
 * A schema of Iceberg becomes a STRUCT whose fields, at every depth, have their
 * ids; lists have a field "element", maps "key" and "value".
 *
 *	boolean int long float double	BOOL INT32 INT64 FLOAT DOUBLE
 *	decimal(P,S)					DECIMAL
 *	date time						DATE TIME(us)
 *	timestamp timestamptz			TIMESTAMP(us), utc for the latter
 *	timestamp_ns timestamptz_ns		TIMESTAMP(ns)
 *	string uuid fixed[L] binary		STRING UUID FIXED BINARY
 *	unknown							NULL
 *	variant							VARIANT
 *	geometry(C) geography(C, A)		GEOMETRY GEOGRAPHY: well-known binary, whatever C is
 *
 * Format: https://iceberg.apache.org/spec/#schemas-and-data-types, Appendix C
 */
#include "iceberg/meta.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What is collected on the way down. */
typedef struct Collector
{
	LhBuf ids;      /* int */
	LhBuf defaults; /* LhDefault */
	const char *refused;
} Collector;

static LhStatus parse_type(LhCtx *ctx, LhPull *j, Collector *all, int depth, LhType *out);

/*
 * Primitive types
 */

static const struct
{
	const char *name;
	LhType type;
} plain_types[] = {
	{"boolean", {.id = LH_T_BOOL, .lane = LH_LANE_U8}},
	{"int", {.id = LH_T_INT32, .lane = LH_LANE_I32}},
	{"long", {.id = LH_T_INT64, .lane = LH_LANE_I64}},
	{"float", {.id = LH_T_FLOAT, .lane = LH_LANE_F32}},
	{"double", {.id = LH_T_DOUBLE, .lane = LH_LANE_F64}},
	{"date", {.id = LH_T_DATE, .lane = LH_LANE_I32}},
	{"time", {.id = LH_T_TIME, .lane = LH_LANE_I64, .unit = LH_UNIT_US}},
	{"timestamp", {.id = LH_T_TIMESTAMP, .lane = LH_LANE_I64, .unit = LH_UNIT_US}},
	{"timestamptz", {.id = LH_T_TIMESTAMP, .lane = LH_LANE_I64, .unit = LH_UNIT_US, .utc = true}},
	{"timestamp_ns", {.id = LH_T_TIMESTAMP, .lane = LH_LANE_I64, .unit = LH_UNIT_NS}},
	{"timestamptz_ns",
	 {.id = LH_T_TIMESTAMP, .lane = LH_LANE_I64, .unit = LH_UNIT_NS, .utc = true}},
	{"string", {.id = LH_T_STRING, .lane = LH_LANE_STR}},
	{"uuid", {.id = LH_T_UUID, .lane = LH_LANE_FIX, .width = 16}},
	{"binary", {.id = LH_T_BINARY, .lane = LH_LANE_STR}},
	{"unknown", {.id = LH_T_NULL, .lane = LH_LANE_NONE}},
	{"variant", {.id = LH_T_VARIANT, .lane = LH_LANE_NONE}},
};

/* Over an unsigned number with spaces around it; false when there is none below 2^31. */
static bool
take_number(const char **p, int *out)
{
	int64_t v = 0;
	const char *s = *p + strspn(*p, " ");

	if (*s < '0' || *s > '9')
		return false;
	for (; *s >= '0' && *s <= '9'; s++)
		if ((v = v * 10 + (*s - '0')) > INT32_MAX)
			return false;
	*out = (int) v;
	*p = s + strspn(s, " ");
	return true;
}

static bool
take_char(const char **p, char c)
{
	if (**p != c)
		return false;
	++*p;
	return true;
}

/* Behind "decimal" */
static bool
decimal_type(const char *p, LhType *out)
{
	int precision, scale;

	if (!take_char(&p, '(') || !take_number(&p, &precision) || !take_char(&p, ',') ||
		!take_number(&p, &scale) || !take_char(&p, ')') || *p != '\0')
		return false;
	if (precision < 1 || precision > LH_DECIMAL_MAX_PRECISION || scale > precision)
		return false;
	*out = (LhType){.id = LH_T_DECIMAL,
					.lane = precision <= 18 ? LH_LANE_I64 : LH_LANE_I128,
					.precision = (int16_t) precision,
					.scale = (int16_t) scale};
	return true;
}

/* Behind "fixed" */
static bool
fixed_type(const char *p, LhType *out)
{
	int width;

	if (!take_char(&p, '[') || !take_number(&p, &width) || !take_char(&p, ']') || *p != '\0' ||
		width < 1)
		return false;
	*out = (LhType){.id = LH_T_FIXED, .lane = LH_LANE_FIX, .width = width};
	return true;
}

/* Behind "geometry" or "geography": nothing, or what a reference system and an algorithm are called. */
static bool
is_geo_rest(const char *p)
{
	size_t n;

	p += strspn(p, " ");
	n = strlen(p);
	return n == 0 || (p[0] == '(' && p[n - 1] == ')' && n > 1);
}

/* Types are written in any case. */
static LhStatus
primitive_type(LhCtx *ctx, LhPull *j, const char *text, LhType *out)
{
	for (size_t i = 0; i < sizeof(plain_types) / sizeof(plain_types[0]); i++)
		if (strcasecmp(text, plain_types[i].name) == 0)
		{
			*out = plain_types[i].type;
			return LH_OK;
		}
	if (strncasecmp(text, "decimal", 7) == 0 && decimal_type(text + 7, out))
		return LH_OK;
	if (strncasecmp(text, "fixed", 5) == 0 && fixed_type(text + 5, out))
		return LH_OK;
	*out = (LhType){.id = LH_T_GEOMETRY, .lane = LH_LANE_STR};
	if (strncasecmp(text, "geometry", 8) == 0 && is_geo_rest(text + 8))
		return LH_OK;
	out->id = LH_T_GEOGRAPHY;
	if (strncasecmp(text, "geography", 9) == 0 && is_geo_rest(text + 9))
		return LH_OK;
	return lh_pull_fail(ctx, j, LH_UNSUPPORTED, "type \"%.*s\" is not known",
						(int) lh_utf8_clip(text, strlen(text), 100), text);
}

/*
 * Nested types
 */

static LhStatus
note_id(LhCtx *ctx, LhPull *j, Collector *all, int id)
{
	if (id < 0)
		return lh_pull_fail(ctx, j, LH_CORRUPT, "expected a field id, found %d", id);
	return lh_buf_append(ctx, &all->ids, &id, sizeof(id));
}

/* "{}" */
static bool
is_empty_object(LhSlice text)
{
	size_t n = text.len;

	return n >= 2 && text.data[0] == '{' && text.data[n - 1] == '}' &&
		   n - 2 == strspn((const char *) text.data + 1, " \t\r\n");
}

/*
 * What a field is worth in files without it.  Of a struct it is the empty object, which means
 * its members' defaults.  Another value of a nested type is not an error until rows are shown
 * with this schema.
 */
static LhStatus
note_default(LhCtx *ctx, LhPull *j, Collector *all, const LhField *f, LhSlice text)
{
	LhDefault d = {.field_id = f->field_id};

	if (f->type.id == LH_T_STRUCT && is_empty_object(text))
		d.value.type = f->type;
	else if (lh_type_is_nested(&f->type) || f->type.id == LH_T_NULL)
	{
		if (all->refused == NULL)
			all->refused = lh_sprintf(ctx, "field %d (\"%s\") has a default of type %s",
									  f->field_id, f->name, lh_type_name(&f->type));
		return all->refused != NULL ? LH_OK : ctx->error->code;
	}
	else if (lh_ice_value_json(ctx, &f->type, text, &d.value) != LH_OK)
	{
		lh_error_prefix(ctx, "%s: default of field %d (\"%s\"): ", j->what, f->field_id, f->name);
		return ctx->error->code;
	}
	return lh_buf_append(ctx, &all->defaults, &d, sizeof(d));
}

static LhStatus
parse_field(LhCtx *ctx, LhPull *j, Collector *all, int depth, LhField *f, const char **doc)
{
	enum
	{
		ID,
		NAME,
		REQUIRED,
		TYPE,
		DOC,
		INITIAL
	};
	static const char *const names[] = {"id", "name", "required", "type", "doc", "initial-default",
										NULL};
	LhSlice initial = {0};
	uint64_t seen = 0;
	bool more;
	int which;

	*doc = NULL;
	LH_TRY(lh_pull_object(ctx, j));
	for (;;)
	{
		LH_TRY(lh_pull_field(ctx, j, names, &seen, &which, &more));
		if (!more)
			break;
		switch (which)
		{
			case ID: LH_TRY(lh_pull_i32(ctx, j, &f->field_id)); break;
			case NAME: LH_TRY(lh_pull_text(ctx, j, &f->name)); break;
			case REQUIRED: LH_TRY(lh_pull_bool(ctx, j, &f->required)); break;
			case TYPE: LH_TRY(parse_type(ctx, j, all, depth + 1, &f->type)); break;
			case DOC: LH_TRY(lh_pull_text(ctx, j, doc)); break;
			case INITIAL: LH_TRY(lh_pull_skip(ctx, j, &initial)); break;
		}
	}
	LH_TRY(lh_pull_need(ctx, j, names, seen, 1 << ID | 1 << NAME | 1 << REQUIRED | 1 << TYPE));
	LH_TRY(note_id(ctx, j, all, f->field_id));
	return initial.len > 0 ? note_default(ctx, j, all, f, initial) : LH_OK;
}

/* The array of a struct's fields; docs (may be NULL) gets an array of them, or stays when there are none. */
static LhStatus
parse_fields(LhCtx *ctx, LhPull *j, Collector *all, int depth, LhType *out,
			 const char *const **docs)
{
	LhField *fields;
	const char **texts = NULL;
	size_t n, i = 0;
	bool more;

	LH_TRY(lh_pull_count(ctx, j, &n));
	if (n > INT32_MAX)
		return lh_pull_fail(ctx, j, LH_LIMIT, "there are too many fields");
	LH_NEW_ARRAY(ctx, fields, n + 1);
	if (docs != NULL)
		LH_NEW_ARRAY(ctx, texts, n + 1);
	LH_TRY(lh_pull_array(ctx, j));
	for (;; i++)
	{
		const char *doc;

		LH_TRY(lh_pull_item(ctx, j, &more));
		if (!more)
			break;
		LH_TRY(parse_field(ctx, j, all, depth, &fields[i], &doc));
		if (docs == NULL || doc == NULL)
			continue;
		texts[i] = doc;
		*docs = texts;
	}
	*out = (LhType){.id = LH_T_STRUCT, .lane = LH_LANE_NONE, .nfields = (int) n, .fields = fields};
	return LH_OK;
}

/* What the object of a nested type may say, whichever it is. */
enum
{
	TYPE,
	FIELDS,
	ELEMENT,
	ELEMENT_ID,
	ELEMENT_REQUIRED,
	KEY,
	KEY_ID,
	VALUE,
	VALUE_ID,
	VALUE_REQUIRED
};
static const char *const nested_names[] = {
	"type",  "fields",   "element",        "element-id", "element-required", "key", "key-id",
	"value", "value-id", "value-required", NULL};

static LhStatus
list_type(LhCtx *ctx, LhPull *j, uint64_t seen, LhField *element, LhType *out)
{
	LhField *fields;

	LH_TRY(lh_pull_need(ctx, j, nested_names, seen,
						1 << ELEMENT | 1 << ELEMENT_ID | 1 << ELEMENT_REQUIRED));
	LH_NEW_ARRAY(ctx, fields, 1);
	fields[0] = *element;
	*out = (LhType){.id = LH_T_LIST, .lane = LH_LANE_NONE, .nfields = 1, .fields = fields};
	return LH_OK;
}

static LhStatus
map_type(LhCtx *ctx, LhPull *j, uint64_t seen, const LhField *key, const LhField *value,
		 LhType *out)
{
	LhField *fields;

	LH_TRY(lh_pull_need(ctx, j, nested_names, seen,
						1 << KEY | 1 << KEY_ID | 1 << VALUE | 1 << VALUE_ID | 1 << VALUE_REQUIRED));
	LH_NEW_ARRAY(ctx, fields, 2);
	fields[0] = *key;
	fields[1] = *value;
	*out = (LhType){.id = LH_T_MAP, .lane = LH_LANE_NONE, .nfields = 2, .fields = fields};
	return LH_OK;
}

static LhStatus
nested_type(LhCtx *ctx, LhPull *j, Collector *all, int depth, LhType *out)
{
	LhField element = {.name = "element"}, key = {.name = "key", .required = true},
			value = {.name = "value"};
	LhSlice kind = {0};
	uint64_t seen = 0;
	bool more;
	int which;

	LH_TRY(lh_pull_object(ctx, j));
	for (;;)
	{
		LH_TRY(lh_pull_field(ctx, j, nested_names, &seen, &which, &more));
		if (!more)
			break;
		switch (which)
		{
			case TYPE: LH_TRY(lh_pull_slice(ctx, j, &kind)); break;
			case FIELDS: LH_TRY(parse_fields(ctx, j, all, depth, out, NULL)); break;
			case ELEMENT: LH_TRY(parse_type(ctx, j, all, depth + 1, &element.type)); break;
			case ELEMENT_ID: LH_TRY(lh_pull_i32(ctx, j, &element.field_id)); break;
			case ELEMENT_REQUIRED: LH_TRY(lh_pull_bool(ctx, j, &element.required)); break;
			case KEY: LH_TRY(parse_type(ctx, j, all, depth + 1, &key.type)); break;
			case KEY_ID: LH_TRY(lh_pull_i32(ctx, j, &key.field_id)); break;
			case VALUE: LH_TRY(parse_type(ctx, j, all, depth + 1, &value.type)); break;
			case VALUE_ID: LH_TRY(lh_pull_i32(ctx, j, &value.field_id)); break;
			case VALUE_REQUIRED: LH_TRY(lh_pull_bool(ctx, j, &value.required)); break;
		}
	}
	LH_TRY(lh_pull_need(ctx, j, nested_names, seen, 1 << TYPE));
	if (seen & 1 << ELEMENT_ID)
		LH_TRY(note_id(ctx, j, all, element.field_id));
	if (seen & 1 << KEY_ID)
		LH_TRY(note_id(ctx, j, all, key.field_id));
	if (seen & 1 << VALUE_ID)
		LH_TRY(note_id(ctx, j, all, value.field_id));
	if (lh_slice_is(kind, "struct"))
		return lh_pull_need(ctx, j, nested_names, seen, 1 << FIELDS);
	if (lh_slice_is(kind, "list"))
		return list_type(ctx, j, seen, &element, out);
	if (lh_slice_is(kind, "map"))
		return map_type(ctx, j, seen, &key, &value, out);
	return lh_pull_fail(ctx, j, LH_UNSUPPORTED, "nested type \"%.*s\" is not known",
						(int) lh_utf8_clip(kind.data, kind.len, 100), (const char *) kind.data);
}

static LhStatus
parse_type(LhCtx *ctx, LhPull *j, Collector *all, int depth, LhType *out)
{
	const char *text;

	if (depth > LH_ICE_MAX_DEPTH)
		return lh_pull_fail(ctx, j, LH_LIMIT, "types are nested more than %d deep",
							LH_ICE_MAX_DEPTH);
	if (lh_pull_kind(j) == LH_PULL_OBJECT)
		return nested_type(ctx, j, all, depth, out);
	LH_TRY(lh_pull_text(ctx, j, &text));
	return primitive_type(ctx, j, text, out);
}

/*
 * Schemas
 */

static int
by_number(const void *a, const void *b)
{
	int x = *(const int *) a, y = *(const int *) b;

	return x < y ? -1 : x > y;
}

static int
by_field_id(const void *a, const void *b)
{
	return by_number(&((const LhDefault *) a)->field_id, &((const LhDefault *) b)->field_id);
}

/* Field ids are unique in a schema: data, deletes and statistics are found by them. */
static LhStatus
finish(LhCtx *ctx, LhPull *j, Collector *all, LhIceSchema *out)
{
	int *ids = (int *) all->ids.data;
	size_t n = all->ids.len / sizeof(int), k = all->defaults.len / sizeof(LhDefault);

	if (n > 1)
		qsort(ids, n, sizeof(int), by_number);
	for (size_t i = 1; i < n; i++)
		if (ids[i] == ids[i - 1])
			return lh_pull_fail(ctx, j, LH_CORRUPT, "field id %d occurs twice in schema %d", ids[i],
								out->schema_id);
	lh_buf_free(&all->ids);
	out->refused = all->refused;
	if (k == 0)
		return LH_OK;
	LH_NEW_ARRAY(ctx, out->defaults, k);
	memcpy(out->defaults, all->defaults.data, k * sizeof(LhDefault));
	qsort(out->defaults, k, sizeof(LhDefault), by_field_id);
	out->ndefaults = (int) k;
	lh_buf_free(&all->defaults);
	return LH_OK;
}

static LhStatus
parse_identifiers(LhCtx *ctx, LhPull *j, LhIceSchema *out)
{
	int *ids;

	LH_PULL_ITEMS(ctx, j, ids, out->nidentifiers, lh_pull_i32(ctx, j, &ids[out->nidentifiers]));
	out->identifiers = ids;
	return LH_OK;
}

LhStatus
lh_ice_schema_at(LhCtx *ctx, LhPull *j, LhIceSchema *out)
{
	enum
	{
		KIND,
		FIELD_LIST,
		ID,
		IDENTIFIERS
	};
	static const char *const names[] = {"type", "fields", "schema-id", "identifier-field-ids",
										NULL};
	LhSlice kind = {0};
	uint64_t seen = 0;
	Collector all = {0};
	bool more;
	int which;

	*out = (LhIceSchema){0};
	LH_TRY(lh_buf_init(ctx, &all.ids, true));
	LH_TRY(lh_buf_init(ctx, &all.defaults, true));
	LH_TRY(lh_pull_object(ctx, j));
	for (;;)
	{
		LH_TRY(lh_pull_field(ctx, j, names, &seen, &which, &more));
		if (!more)
			break;
		switch (which)
		{
			case KIND: LH_TRY(lh_pull_slice(ctx, j, &kind)); break;
			case FIELD_LIST: LH_TRY(parse_fields(ctx, j, &all, 0, &out->root, &out->docs)); break;
			case ID: LH_TRY(lh_pull_i32(ctx, j, &out->schema_id)); break;
			case IDENTIFIERS: LH_TRY(parse_identifiers(ctx, j, out)); break;
		}
	}
	LH_TRY(lh_pull_need(ctx, j, names, seen, 1 << KIND | 1 << FIELD_LIST));
	if (!lh_slice_is(kind, "struct"))
		return lh_pull_fail(ctx, j, LH_CORRUPT, "a schema of type \"%.*s\", not \"struct\"",
							(int) lh_utf8_clip(kind.data, kind.len, 100), (const char *) kind.data);
	return finish(ctx, j, &all, out);
}

LhStatus
lh_ice_schema_parse(LhCtx *ctx, const char *what, LhSlice text, LhIceSchema *out)
{
	LhPull j;

	LH_TRY(lh_pull_open(ctx, &j, what, text));
	LH_TRY(lh_ice_schema_at(ctx, &j, out));
	return lh_pull_close(ctx, &j);
}

/*
 * Fields by id
 */

static const LhField *
find_field(const LhType *type, int field_id)
{
	for (int i = 0; i < type->nfields; i++)
	{
		const LhField *f = &type->fields[i];

		if (f->field_id == field_id)
			return f;
		if (f->type.nfields > 0 && (f = find_field(&f->type, field_id)) != NULL)
			return f;
	}
	return NULL;
}

const LhField *
lh_ice_field_find(const LhIceSchema *schema, int field_id)
{
	return find_field(&schema->root, field_id);
}

const LhField *
lh_ice_field_any(const LhIceMetadata *m, int field_id)
{
	const LhIceSchema *current = lh_ice_schema_find(m, m->current_schema);
	const LhField *f = current != NULL ? lh_ice_field_find(current, field_id) : NULL;

	/* the newest of those that had it */
	for (int i = m->nschemas - 1; i >= 0 && f == NULL; i--)
		f = lh_ice_field_find(&m->schemas[i], field_id);
	return f;
}

/*
 * Name mappings
 */

static LhStatus parse_mapping(LhCtx *ctx, LhPull *j, int depth, int *n, const LhNameMapping **out);

static LhStatus
parse_names(LhCtx *ctx, LhPull *j, LhNameMapping *out)
{
	const char **names;

	LH_PULL_ITEMS(ctx, j, names, out->nnames, lh_pull_text(ctx, j, &names[out->nnames]));
	out->names = names;
	return LH_OK;
}

/* One field; one without an id only leads to others, or nowhere. */
static LhStatus
parse_mapped(LhCtx *ctx, LhPull *j, int depth, LhNameMapping *out)
{
	enum
	{
		ID,
		NAMES,
		CHILDREN
	};
	static const char *const names[] = {"field-id", "names", "fields", NULL};
	uint64_t seen = 0;
	bool more;
	int which;

	*out = (LhNameMapping){.field_id = -1};
	LH_TRY(lh_pull_object(ctx, j));
	for (;;)
	{
		LH_TRY(lh_pull_field(ctx, j, names, &seen, &which, &more));
		if (!more)
			break;
		switch (which)
		{
			case ID: LH_TRY(lh_pull_i32(ctx, j, &out->field_id)); break;
			case NAMES: LH_TRY(parse_names(ctx, j, out)); break;
			case CHILDREN:
				LH_TRY(parse_mapping(ctx, j, depth + 1, &out->nchildren, &out->children));
				break;
		}
	}
	return lh_pull_need(ctx, j, names, seen, 1 << NAMES);
}

static LhStatus
parse_mapping(LhCtx *ctx, LhPull *j, int depth, int *n, const LhNameMapping **out)
{
	LhNameMapping *fields;

	if (depth > LH_ICE_MAX_DEPTH)
		return lh_pull_fail(ctx, j, LH_LIMIT, "fields are nested more than %d deep",
							LH_ICE_MAX_DEPTH);
	LH_PULL_ITEMS(ctx, j, fields, *n, parse_mapped(ctx, j, depth, &fields[*n]));
	*out = fields;
	return LH_OK;
}

LhStatus
lh_ice_mapping_parse(LhCtx *ctx, const char *what, LhSlice text, const LhNameMapping **out)
{
	LhNameMapping *root;
	LhPull j;

	LH_NEW(ctx, root);
	root->field_id = -1;
	LH_TRY(lh_pull_open(ctx, &j, what, text));
	LH_TRY(parse_mapping(ctx, &j, 0, &root->nchildren, &root->children));
	LH_TRY(lh_pull_close(ctx, &j));
	*out = root;
	return LH_OK;
}

/* Every name that the table's schemas ever gave a mapping's field is among its names. */
static bool
has_all_names(const LhIceMetadata *m, const LhNameMapping *field)
{
	for (int i = 0; i < m->nschemas; i++)
	{
		const LhField *f = lh_ice_field_find(&m->schemas[i], field->field_id);
		bool has = f == NULL;

		for (int k = 0; k < field->nnames && !has; k++)
			has = strcmp(field->names[k], f->name) == 0;
		if (!has)
			return false;
	}
	return true;
}

/* A field and all above it.  The mapping is as deep as its parser allows. */
static bool
mapped_as_ever(const LhIceMetadata *m, const LhNameMapping *mapping, int id)
{
	for (int i = 0; i < mapping->nchildren; i++)
	{
		const LhNameMapping *c = &mapping->children[i];

		if (c->field_id == id || mapped_as_ever(m, c, id))
			return has_all_names(m, c);
	}
	return false;
}

bool
lh_ice_field_described(const LhIceMetadata *m, int field_id)
{
	return m->mapping == NULL || mapped_as_ever(m, m->mapping, field_id);
}
