/*
 * avro_connect.c
 *		Kafka Connect's schemas and values to Avro's, as Confluent's AvroConverter maps them.
 *
 * What Debezium's formats say of a table is made once, as the JSON converter would
 * show it (debezium_schema.c).  Here that JSON becomes Avro's: the schema, and the
 * few values that stand in for others (placeholders, zeros, defaults).  Rows do not
 * come this way.
 *
 *	int8, int16		int with "connect.type"
 *	struct			record, its name parted at the last dot
 *	map				map, as Debezium's keys are strings
 *	optional		a union with null: null first, unless there is a default
 *	name, version, doc, parameters, default		"connect.name" and so on
 *	org.apache.kafka.connect.data.Decimal ...	logical types besides
 *
 * The mapping is that of AvroData with its defaults (schema-registry 8.x).
 */
#include "change/avro.h"

#include <stdlib.h>

#define MAX_NAMES         64
#define DECIMAL_PRECISION 64 /* of a Decimal that does not say its own */

/* Records that were written out; others of their name refer to them. */
typedef struct Seen
{
	const char *names[MAX_NAMES];
	int n;
} Seen;

static const char *
text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static LhStatus
put_text(LhCtx *ctx, LhBuf *buf, const char *s)
{
	return lh_put(ctx, buf, s, strlen(s));
}

static LhStatus
put_string(LhCtx *ctx, LhBuf *buf, const char *s)
{
	return lh_put_json_string(ctx, buf, s, strlen(s));
}

static LhStatus
refuse(LhCtx *ctx, const char *what)
{
	LH_FAIL(ctx, LH_BUG, "a schema of Connect with %s", what);
}

/* ---- defaults, as JSON ---- */
static int
base64_digit(char c)
{
	return c >= 'A' && c <= 'Z'   ? c - 'A'
		   : c >= 'a' && c <= 'z' ? c - 'a' + 26
		   : c >= '0' && c <= '9' ? c - '0' + 52
		   : c == '+'             ? 62
		   : c == '/'             ? 63
								  : -1;
}

static LhStatus
decode64(LhCtx *ctx, const char *s, uint8_t **out, size_t *n)
{
	uint8_t *p = lh_alloc(ctx, strlen(s) + 1);
	uint32_t bits = 0;
	int have = 0;

	if (p == NULL)
		return LH_NO_MEMORY;
	*out = p;
	for (; base64_digit(*s) >= 0; s++)
	{
		bits = bits << 6 | (uint32_t) base64_digit(*s);
		have += 6;
		if (have >= 8)
		{
			have -= 8;
			*p++ = (uint8_t) (bits >> have);
		}
	}
	*n = (size_t) (p - *out);
	return LH_OK;
}

static bool
is_type(const json_t *schema, const char *type)
{
	const char *t = text_of(schema, "type");

	return t != NULL && strcmp(t, type) == 0;
}

/* A default of a simple type; bytes as characters U+0000 .. U+00FF. */
static LhStatus
put_default(LhCtx *ctx, LhBuf *buf, const json_t *schema, const json_t *v)
{
	uint8_t *bytes;
	size_t n;
	char *p;

	if (json_is_boolean(v))
		return put_text(ctx, buf, json_is_true(v) ? "true" : "false");
	if (json_is_number(v))
	{
		LH_TRY(lh_put_room(ctx, buf, LH_TEXT_FLOAT, &p));
		lh_put_end(buf, json_is_integer(v) ? lh_text_i64(p, json_integer_value(v))
										   : lh_text_float8(p, json_real_value(v)));
		return LH_OK;
	}
	if (!json_is_string(v))
		return put_text(ctx, buf, "null");
	if (!is_type(schema, "bytes"))
		return put_string(ctx, buf, json_string_value(v));
	LH_TRY(decode64(ctx, json_string_value(v), &bytes, &n));
	LH_TRY(put_text(ctx, buf, "\""));
	for (size_t i = 0; i < n; i++)
		LH_TRY(lh_buf_printf(ctx, buf, "\\u00%02x", bytes[i]));
	return put_text(ctx, buf, "\"");
}

/* ---- schemas ---- */
static LhStatus put_schema(LhCtx *ctx, LhBuf *buf, const json_t *s, const char *space, Seen *seen,
						   bool ignore_optional, int depth);

/*
 * Connect's Decimal, where Avro has such a decimal: with a scale below zero or above the
 * precision it would be a schema that some readers refuse.
 */
static bool
is_decimal(const json_t *s, int *scale, int *precision)
{
	const json_t *parameters = json_object_get(s, "parameters");
	const char *name = text_of(s, "name");
	const char *digits = text_of(parameters, "connect.decimal.precision");

	if (name == NULL || strcmp(name, "org.apache.kafka.connect.data.Decimal") != 0 ||
		text_of(parameters, "scale") == NULL)
		return false;
	*scale = atoi(text_of(parameters, "scale"));
	*precision = digits != NULL ? atoi(digits) : DECIMAL_PRECISION;
	return *scale >= 0 && *scale <= *precision;
}

/* connect.doc and its kin, and logical types: what stands behind a type's own members. */
static LhStatus
put_properties(LhCtx *ctx, LhBuf *buf, const json_t *s, const char *connect_type)
{
	const char *name = text_of(s, "name");
	const json_t *parameters = json_object_get(s, "parameters");
	const json_t *preset = json_object_get(s, "default");
	const char *logical = NULL;
	int scale, precision;

	if (text_of(s, "doc") != NULL)
	{
		LH_TRY(put_text(ctx, buf, ",\"connect.doc\":"));
		LH_TRY(put_string(ctx, buf, text_of(s, "doc")));
	}
	if (json_is_integer(json_object_get(s, "version")))
		LH_TRY(lh_buf_printf(ctx, buf, ",\"connect.version\":%d",
							 (int) json_integer_value(json_object_get(s, "version"))));
	if (json_object_size(parameters) > 0)
	{
		char *text = json_dumps(parameters, JSON_COMPACT);
		LhStatus status;

		if (text == NULL)
			return lh_fail(ctx, LH_NO_MEMORY, "out of memory for a schema");
		status = lh_buf_append_str(ctx, buf, ",\"connect.parameters\":");
		if (status == LH_OK)
			status = lh_buf_append_str(ctx, buf, text);
		free(text);
		LH_TRY(status);
	}
	if (preset != NULL)
	{
		LH_TRY(put_text(ctx, buf, ",\"connect.default\":"));
		LH_TRY(put_default(ctx, buf, s, preset));
	}
	if (name != NULL)
	{
		LH_TRY(put_text(ctx, buf, ",\"connect.name\":"));
		LH_TRY(put_string(ctx, buf, name));
	}
	if (connect_type != NULL)
		LH_TRY(lh_buf_printf(ctx, buf, ",\"connect.type\":\"%s\"", connect_type));
	if (name == NULL)
		return LH_OK;
	if (is_decimal(s, &scale, &precision))
		logical = "decimal";
	else if (strcmp(name, "org.apache.kafka.connect.data.Date") == 0)
		logical = "date";
	else if (strcmp(name, "org.apache.kafka.connect.data.Time") == 0)
		logical = "time-millis";
	else if (strcmp(name, "org.apache.kafka.connect.data.Timestamp") == 0)
		logical = "timestamp-millis";
	return logical == NULL ? LH_OK : lh_buf_printf(ctx, buf, ",\"logicalType\":\"%s\"", logical);
}

/* A decimal's scale and precision, before its properties. */
static LhStatus
put_decimal(LhCtx *ctx, LhBuf *buf, const json_t *s)
{
	int scale, precision;

	if (!is_decimal(s, &scale, &precision))
		return LH_OK;
	return lh_buf_printf(ctx, buf, ",\"scale\":%d,\"precision\":%d", scale, precision);
}

/* A simple type: its name alone when nothing is to be said of it. */
static LhStatus
put_simple(LhCtx *ctx, LhBuf *buf, const json_t *s, const char *avro, const char *connect_type)
{
	size_t at = buf->len;
	size_t before;

	LH_TRY(lh_buf_printf(ctx, buf, "{\"type\":\"%s\"", avro));
	before = buf->len;
	LH_TRY(put_decimal(ctx, buf, s));
	LH_TRY(put_properties(ctx, buf, s, connect_type));
	if (buf->len > before)
		return put_text(ctx, buf, "}");
	buf->len = at;
	return lh_buf_printf(ctx, buf, "\"%s\"", avro);
}

static LhStatus
put_field(LhCtx *ctx, LhBuf *buf, const json_t *f, const char *space, Seen *seen, int depth)
{
	const char *name = text_of(f, "field");
	const json_t *preset = json_object_get(f, "default");

	if (name == NULL)
		return refuse(ctx, "a field without a name");
	LH_TRY(put_text(ctx, buf, "{\"name\":"));
	LH_TRY(put_string(ctx, buf, name));
	LH_TRY(put_text(ctx, buf, ",\"type\":"));
	LH_TRY(put_schema(ctx, buf, f, space, seen, false, depth + 1));
	if (preset != NULL)
	{
		LH_TRY(put_text(ctx, buf, ",\"default\":"));
		LH_TRY(put_default(ctx, buf, f, preset));
	}
	else if (json_is_true(json_object_get(f, "optional")))
		LH_TRY(put_text(ctx, buf, ",\"default\":null"));
	return put_text(ctx, buf, "}");
}

static LhStatus
put_reference(LhCtx *ctx, LhBuf *buf, const char *full, const char *dot, const char *space)
{
	size_t n = dot != NULL ? (size_t) (dot - full) : 0;

	if (n == strlen(space) && memcmp(full, space, n) == 0 && dot != NULL)
		full = dot + 1;
	return put_string(ctx, buf, full);
}

static LhStatus
put_record(LhCtx *ctx, LhBuf *buf, const json_t *s, const char *space, Seen *seen, int depth)
{
	const char *full = text_of(s, "name");
	const json_t *fields = json_object_get(s, "fields");
	const char *own = "";
	const char *dot;

	if (full == NULL)
		return refuse(ctx, "a struct without a name");
	dot = strrchr(full, '.');
	for (int i = 0; i < seen->n; i++)
		if (strcmp(seen->names[i], full) == 0)
			return put_reference(ctx, buf, full, dot, space);
	if (seen->n == MAX_NAMES)
		return refuse(ctx, "too many structs");
	seen->names[seen->n++] = full;
	if (dot != NULL && (own = lh_strndup(ctx, full, (size_t) (dot - full))) == NULL)
		return LH_NO_MEMORY;
	LH_TRY(lh_buf_printf(ctx, buf, "{\"type\":\"record\",\"name\":\"%s\"",
						 dot != NULL ? dot + 1 : full));
	if (strcmp(own, space) != 0)
		LH_TRY(lh_buf_printf(ctx, buf, ",\"namespace\":\"%s\"", own));
	LH_TRY(put_text(ctx, buf, ",\"fields\":["));
	for (size_t i = 0; i < json_array_size(fields); i++)
	{
		if (i > 0)
			LH_TRY(put_text(ctx, buf, ","));
		LH_TRY(put_field(ctx, buf, json_array_get(fields, i), own, seen, depth));
	}
	LH_TRY(put_text(ctx, buf, "]"));
	LH_TRY(put_properties(ctx, buf, s, NULL));
	return put_text(ctx, buf, "}");
}

static LhStatus
put_base(LhCtx *ctx, LhBuf *buf, const json_t *s, const char *space, Seen *seen, int depth)
{
	static const char *const simple[][2] = {
		{"int8", "int"},    {"int16", "int"},     {"int32", "int"},       {"int64", "long"},
		{"float", "float"}, {"double", "double"}, {"boolean", "boolean"}, {"string", "string"},
		{"bytes", "bytes"}, {NULL, NULL}};
	const char *type = text_of(s, "type");
	bool array;

	if (type == NULL)
		return refuse(ctx, "no type");
	for (int i = 0; simple[i][0] != NULL; i++)
		if (strcmp(type, simple[i][0]) == 0)
			return put_simple(ctx, buf, s, simple[i][1], i < 2 ? type : NULL);
	if (strcmp(type, "struct") == 0)
		return put_record(ctx, buf, s, space, seen, depth);
	array = strcmp(type, "array") == 0;
	if (!array && strcmp(type, "map") != 0)
		return refuse(ctx, "a type that nobody knows");
	LH_TRY(put_text(ctx, buf,
					array ? "{\"type\":\"array\",\"items\":" : "{\"type\":\"map\",\"values\":"));
	LH_TRY(put_schema(ctx, buf, json_object_get(s, array ? "items" : "values"), space, seen, false,
					  depth + 1));
	LH_TRY(put_properties(ctx, buf, s, NULL));
	return put_text(ctx, buf, "}");
}

/* Are null and a value in the other order, as an optional field has a default? */
static bool
null_is_last(const json_t *s)
{
	return json_object_get(s, "default") != NULL;
}

static LhStatus
put_schema(LhCtx *ctx, LhBuf *buf, const json_t *s, const char *space, Seen *seen,
		   bool ignore_optional, int depth)
{
	bool optional = !ignore_optional && json_is_true(json_object_get(s, "optional"));

	if (depth > LH_AVRO_DEPTH)
		return refuse(ctx, "types that are nested too deep");
	if (!optional)
		return put_base(ctx, buf, s, space, seen, depth);
	LH_TRY(put_text(ctx, buf, null_is_last(s) ? "[" : "[\"null\","));
	LH_TRY(put_base(ctx, buf, s, space, seen, depth));
	return put_text(ctx, buf, null_is_last(s) ? ",\"null\"]" : "]");
}

/* ---- values ---- */
static LhStatus put_value(LhCtx *ctx, LhBuf *buf, const json_t *s, const json_t *v, int depth);

static LhStatus
put_long(LhCtx *ctx, LhBuf *buf, int64_t v)
{
	char *p;

	LH_TRY(lh_put_room(ctx, buf, LH_AVRO_LONG, &p));
	lh_put_end(buf, lh_avro_long(p, v));
	return LH_OK;
}

static LhStatus
put_items(LhCtx *ctx, LhBuf *buf, const json_t *s, const json_t *v, int depth)
{
	const json_t *items = json_object_get(s, "items");

	if (json_array_size(v) > 0)
		LH_TRY(put_long(ctx, buf, (int64_t) json_array_size(v)));
	for (size_t i = 0; i < json_array_size(v); i++)
		LH_TRY(put_value(ctx, buf, items, json_array_get(v, i), depth + 1));
	return put_long(ctx, buf, 0);
}

static LhStatus
put_entries(LhCtx *ctx, LhBuf *buf, const json_t *s, const json_t *v, int depth)
{
	const json_t *values = json_object_get(s, "values");
	const char *key;
	json_t *entry;

	if (json_object_size(v) > 0)
		LH_TRY(put_long(ctx, buf, (int64_t) json_object_size(v)));
	json_object_foreach((json_t *) v, key, entry)
	{
		LH_TRY(lh_avro_bytes(ctx, buf, key, strlen(key)));
		LH_TRY(put_value(ctx, buf, values, entry, depth + 1));
	}
	return put_long(ctx, buf, 0);
}

static LhStatus
put_number(LhCtx *ctx, LhBuf *buf, const json_t *s, const json_t *v)
{
	char *p;

	if (is_type(s, "float") || is_type(s, "double"))
	{
		bool wide = is_type(s, "double");

		LH_TRY(lh_put_room(ctx, buf, 8, &p));
		lh_put_end(buf, wide ? lh_avro_double(p, json_number_value(v))
							 : lh_avro_float(p, (float) json_number_value(v)));
		return LH_OK;
	}
	if (!json_is_integer(v))
		return refuse(ctx, "a value of another type");
	return put_long(ctx, buf, json_integer_value(v));
}

static LhStatus
put_value(LhCtx *ctx, LhBuf *buf, const json_t *s, const json_t *v, int depth)
{
	bool null = v == NULL || json_is_null(v);
	const json_t *fields = json_object_get(s, "fields");
	uint8_t *bytes;
	size_t n;

	if (depth > LH_AVRO_DEPTH)
		return refuse(ctx, "values that are nested too deep");
	if (json_is_true(json_object_get(s, "optional")))
	{
		LH_TRY(put_long(ctx, buf, null == null_is_last(s)));
		if (null)
			return LH_OK;
	}
	if (null)
		return refuse(ctx, "a null that may not be");
	if (is_type(s, "struct"))
	{
		for (size_t i = 0; i < json_array_size(fields); i++)
		{
			const json_t *f = json_array_get(fields, i);

			LH_TRY(put_value(ctx, buf, f, json_object_get(v, text_of(f, "field")), depth + 1));
		}
		return LH_OK;
	}
	if (is_type(s, "array"))
		return put_items(ctx, buf, s, v, depth);
	if (is_type(s, "map"))
		return put_entries(ctx, buf, s, v, depth);
	if (json_is_boolean(v))
		return lh_put(ctx, buf, json_is_true(v) ? "\1" : "\0", 1);
	if (json_is_number(v))
		return put_number(ctx, buf, s, v);
	if (!json_is_string(v))
		return refuse(ctx, "a value of another type");
	if (!is_type(s, "bytes"))
		return lh_avro_bytes(ctx, buf, json_string_value(v), json_string_length(v));
	LH_TRY(decode64(ctx, json_string_value(v), &bytes, &n));
	return lh_avro_bytes(ctx, buf, bytes, n);
}

/* ---- both ---- */
static LhStatus
parse(LhCtx *ctx, LhSlice json, json_t **out)
{
	json_error_t error;

	*out = json_loadb((const char *) json.data, json.len, JSON_DECODE_ANY, &error);
	if (*out == NULL)
		LH_FAIL(ctx, LH_BUG, "a schema of Connect is no JSON: %s", error.text);
	return LH_OK;
}

LhStatus
lh_avro_of_connect(LhCtx *ctx, LhSlice connect, LhBuf *out)
{
	Seen seen = {.n = 0};
	json_t *s;
	LhStatus status;

	LH_TRY(parse(ctx, connect, &s));
	status = put_schema(ctx, out, s, "", &seen, false, 0);
	json_decref(s);
	return status;
}

LhStatus
lh_avro_connect_value(LhCtx *ctx, LhSlice connect, LhSlice value, LhBuf *out)
{
	json_t *s, *v;
	LhStatus status;

	LH_TRY(parse(ctx, connect, &s));
	status = parse(ctx, value, &v);
	if (status == LH_OK)
	{
		status = put_value(ctx, out, s, v, 0);
		json_decref(v);
	}
	json_decref(s);
	return status;
}
