/*
 * avro_decode.h
 *		Avro values by their schemas as JSON: a slow and strict reader for tests.
 *
 * Unions are the value alone, bytes are base64, NaN and infinities strings.  Anything
 * that the specification does not allow is a NULL: a branch that is not there, a
 * boolean that is neither 0 nor 1, a string that is no UTF-8, bytes that are missing.
 */
#ifndef AVRO_DECODE_H
#define AVRO_DECODE_H

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "change/text.h"
#include "core/text.h"

#define AVRO_NAMES 128

typedef struct AvroIn
{
	LhCtx *ctx;
	const uint8_t *p, *end;
	/* records by their full names */
	int n;
	const char *names[AVRO_NAMES];
	const json_t *schemas[AVRO_NAMES];
	int depth;
	const char *at; /* the last field that was begun, for messages */
} AvroIn;

static const char *avro_failed_at;

static inline bool
avro_in_long(AvroIn *in, int64_t *v)
{
	uint64_t z = 0;

	for (int shift = 0; shift < 70; shift += 7)
	{
		if (in->p == in->end || (shift == 63 && *in->p > 1))
			return false;
		z |= (uint64_t) (*in->p & 0x7f) << shift;
		if (*in->p++ < 0x80)
		{
			*v = (int64_t) (z >> 1) ^ -(int64_t) (z & 1);
			return true;
		}
	}
	return false;
}

static inline bool
avro_in_bytes(AvroIn *in, LhSlice *out)
{
	int64_t n;

	if (!avro_in_long(in, &n) || n < 0 || n > in->end - in->p)
		return false;
	*out = lh_slice(in->p, (size_t) n);
	in->p += n;
	return true;
}

static inline json_t *avro_in(AvroIn *in, const json_t *schema, const char *space);

static inline const char *
avro_full(AvroIn *in, const char *name, const char *space)
{
	return strchr(name, '.') != NULL || space == NULL || *space == '\0'
			   ? name
			   : lh_sprintf(in->ctx, "%s.%s", space, name);
}

/* Of a record that is known: its own. */
static inline const char *
avro_record_name(AvroIn *in, const json_t *schema, const char *space)
{
	const json_t *own = json_object_get(schema, "namespace");

	for (int k = 0; k < in->n; k++)
		if (in->schemas[k] == schema)
			return in->names[k];
	return avro_full(in, json_string_value(json_object_get(schema, "name")),
					 own != NULL ? json_string_value(own) : space);
}

static inline const char *
avro_space(AvroIn *in, const char *full)
{
	const char *dot = strrchr(full, '.');

	return dot != NULL ? lh_strndup(in->ctx, full, (size_t) (dot - full)) : "";
}

/* All records of a schema, by their names. */
static inline void
avro_register(AvroIn *in, const json_t *schema, const char *space)
{
	const char *type = json_string_value(json_object_get(schema, "type"));
	size_t i;
	json_t *item;

	json_array_foreach(schema, i, item) avro_register(in, item, space);
	if (!json_is_object(schema))
		return;
	if (type == NULL)
		avro_register(in, json_object_get(schema, "type"), space);
	else if (strcmp(type, "record") == 0 && in->n < AVRO_NAMES)
	{
		const char *full = avro_record_name(in, schema, space);

		in->names[in->n] = full;
		in->schemas[in->n++] = schema;
		json_array_foreach(json_object_get(schema, "fields"), i, item)
			avro_register(in, json_object_get(item, "type"), avro_space(in, full));
	}
	avro_register(in, json_object_get(schema, "items"), space);
	avro_register(in, json_object_get(schema, "values"), space);
}

static inline json_t *
avro_in_record(AvroIn *in, const json_t *schema, const char *space)
{
	const char *full = avro_record_name(in, schema, space);
	const json_t *fields = json_object_get(schema, "fields");
	json_t *out = json_object();
	size_t i;
	json_t *f;

	space = avro_space(in, full);
	json_array_foreach(fields, i, f)
	{
		json_t *v;

		in->at = json_string_value(json_object_get(f, "name"));
		v = avro_in(in, json_object_get(f, "type"), space);
		if (v == NULL)
		{
			json_decref(out);
			return NULL;
		}
		json_object_set_new(out, json_string_value(json_object_get(f, "name")), v);
	}
	return out;
}

/* Blocks of items; of maps each with its key. */
static inline json_t *
avro_in_blocks(AvroIn *in, const json_t *items, bool map, const char *space)
{
	json_t *out = map ? json_object() : json_array();
	int64_t n;

	for (;;)
	{
		if (!avro_in_long(in, &n) || n < 0)
			break;
		if (n == 0)
			return out;
		for (; n > 0; n--)
		{
			LhSlice key = {NULL, 0};
			json_t *v = NULL;

			if (!map || (avro_in_bytes(in, &key) && lh_utf8_valid(key.data, key.len)))
				v = avro_in(in, items, space);
			if (v == NULL)
				break;
			if (map)
				json_object_set_new(out, lh_strndup(in->ctx, (const char *) key.data, key.len), v);
			else
				json_array_append_new(out, v);
		}
		if (n > 0)
			break;
	}
	json_decref(out);
	return NULL;
}

static inline json_t *
avro_in_float(AvroIn *in, bool wide)
{
	float f;
	double d;
	size_t n = wide ? 8 : 4;

	if ((size_t) (in->end - in->p) < n)
		return NULL;
	memcpy(wide ? (void *) &d : (void *) &f, in->p, n);
	in->p += n;
	if (!wide)
		d = f;
	if (isnan(d))
		return json_string("NaN");
	return isinf(d) ? json_string(d > 0 ? "Infinity" : "-Infinity") : json_real(d);
}

static inline json_t *
avro_in_primitive(AvroIn *in, const char *type, bool *known)
{
	int64_t v;
	LhSlice s;
	LhBuf text;
	json_t *out;

	*known = true;
	if (strcmp(type, "null") == 0)
		return json_null();
	if (strcmp(type, "boolean") == 0)
	{
		if (in->p == in->end || *in->p > 1)
			return NULL;
		return json_boolean(*in->p++);
	}
	if (strcmp(type, "int") == 0 || strcmp(type, "long") == 0)
	{
		if (!avro_in_long(in, &v) || (type[0] == 'i' && v != (int32_t) v))
			return NULL;
		return json_integer(v);
	}
	if (strcmp(type, "float") == 0 || strcmp(type, "double") == 0)
		return avro_in_float(in, type[0] == 'd');
	if (strcmp(type, "string") == 0)
		return avro_in_bytes(in, &s) && lh_utf8_valid(s.data, s.len)
				   ? json_stringn((const char *) s.data, s.len)
				   : NULL;
	*known = strcmp(type, "bytes") == 0;
	if (!*known || !avro_in_bytes(in, &s) || lh_buf_init(in->ctx, &text, false) != LH_OK ||
		lh_put_base64(in->ctx, &text, s.data, s.len, false) != LH_OK)
		return NULL;
	out = json_stringn(text.len > 0 ? (const char *) text.data : "", text.len);
	lh_buf_free(&text);
	return out;
}

static inline json_t *
avro_in_named(AvroIn *in, const char *type, const char *space)
{
	const char *full = avro_full(in, type, space);

	for (int i = 0; i < in->n; i++)
		if (strcmp(in->names[i], full) == 0)
			return avro_in(in, in->schemas[i], space);
	return NULL;
}

static inline json_t *
avro_in(AvroIn *in, const json_t *schema, const char *space)
{
	const json_t *type = json_is_object(schema) ? json_object_get(schema, "type") : schema;
	const char *name;
	int64_t branch;
	bool known;
	json_t *out;

	if (in->depth++ > 64)
		return NULL;
	if (json_is_array(type))
		out = avro_in_long(in, &branch) && branch >= 0 &&
					  (size_t) branch < json_array_size(type)
				  ? avro_in(in, json_array_get(type, (size_t) branch), space)
				  : NULL;
	else if (json_is_object(type))
		out = avro_in(in, type, space);
	else if ((name = json_string_value(type)) == NULL)
		out = NULL;
	else if (strcmp(name, "record") == 0)
		out = avro_in_record(in, schema, space);
	else if (strcmp(name, "array") == 0)
		out = avro_in_blocks(in, json_object_get(schema, "items"), false, space);
	else if (strcmp(name, "map") == 0)
		out = avro_in_blocks(in, json_object_get(schema, "values"), true, space);
	else
	{
		out = avro_in_primitive(in, name, &known);
		if (!known)
			out = avro_in_named(in, name, space);
	}
	in->depth--;
	return out;
}

/* A whole value, to its last byte; NULL: it is none. */
static inline json_t *
avro_decode(LhCtx *ctx, const json_t *schema, LhSlice bytes)
{
	AvroIn *in = lh_alloc0(ctx, sizeof(*in));
	json_t *out;

	in->ctx = ctx;
	in->p = bytes.data;
	in->end = bytes.data + bytes.len;
	avro_register(in, schema, "");
	out = avro_in(in, schema, "");
	avro_failed_at = in->at;
	if (out != NULL && in->p != in->end)
	{
		json_decref(out);
		out = NULL;
	}
	return out;
}

#endif
