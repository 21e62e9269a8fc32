/*
 * avro.c
 *		Avro schemas: parsing canonical form and fingerprint; strings of late length.
 *
 * The canonical form of a schema is what readers need to parse its values: types,
 * full names, fields, symbols, items, values, sizes, in that order, without blanks
 * (Avro specification, "Transforming into Parsing Canonical Form").  Logical types,
 * defaults and documentation are not in it, so two schemas may share a fingerprint.
 */
#include "change/avro.h"

#include <stdio.h>

LhStatus
lh_avro_end(LhCtx *ctx, LhBuf *buf, size_t at)
{
	size_t n = buf->len - at - 1;
	char length[LH_AVRO_LONG];
	size_t k = (size_t) (lh_avro_long(length, (int64_t) n) - length);
	char *p;

	if (k > 1)
	{
		LH_TRY(lh_put_room(ctx, buf, k - 1, &p));
		memmove(buf->data + at + k, buf->data + at + 1, n);
		buf->len += k - 1;
	}
	memcpy(buf->data + at, length, k);
	return LH_OK;
}

LhStatus
lh_avro_cell_text(LhCtx *ctx, LhBuf *buf, const LhCell *c)
{
	size_t at;

	if (lh_cell_is_text(c))
		return lh_avro_bytes(ctx, buf, c->ptr, c->len);
	LH_TRY(lh_avro_begin(ctx, buf, &at));
	LH_TRY(lh_put_cell_text(ctx, buf, c));
	return lh_avro_end(ctx, buf, at);
}

/* ---- canonical form ---- */

static LhStatus
refuse(LhCtx *ctx, const char *what)
{
	LH_FAIL(ctx, LH_CORRUPT, "an Avro schema with %s", what);
}

static bool
is_primitive(const char *name)
{
	static const char *const all[] = {"null",  "boolean", "int",   "long",
									  "float", "double",  "bytes", "string"};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(name, all[i]) == 0)
			return true;
	return false;
}

/* A name with its namespace: its own, else the one around it. */
static LhStatus
full_name(LhCtx *ctx, const char *name, const char *space, const char **out)
{
	*out = strchr(name, '.') != NULL || space == NULL || *space == '\0'
			   ? name
			   : lh_sprintf(ctx, "%s.%s", space, name);
	return *out != NULL ? LH_OK : LH_NO_MEMORY;
}

static LhStatus
put_name(LhCtx *ctx, LhBuf *out, const char *name)
{
	return lh_put_json_string(ctx, out, name, strlen(name));
}

static LhStatus canonical(LhCtx *ctx, LhBuf *out, const json_t *s, const char *space, int depth);

static LhStatus
put_fields(LhCtx *ctx, LhBuf *out, const json_t *fields, const char *space, int depth)
{
	if (!json_is_array(fields))
		return refuse(ctx, "a record without fields");
	LH_TRY(lh_buf_append_str(ctx, out, ",\"fields\":["));
	for (size_t i = 0; i < json_array_size(fields); i++)
	{
		const json_t *f = json_array_get(fields, i);
		const char *name = json_string_value(json_object_get(f, "name"));

		if (name == NULL)
			return refuse(ctx, "a field without a name");
		LH_TRY(lh_buf_append_str(ctx, out, i > 0 ? ",{\"name\":" : "{\"name\":"));
		LH_TRY(put_name(ctx, out, name));
		LH_TRY(lh_buf_append_str(ctx, out, ",\"type\":"));
		LH_TRY(canonical(ctx, out, json_object_get(f, "type"), space, depth + 1));
		LH_TRY(lh_buf_putc(ctx, out, '}'));
	}
	return lh_buf_putc(ctx, out, ']');
}

static LhStatus
put_symbols(LhCtx *ctx, LhBuf *out, const json_t *symbols)
{
	if (!json_is_array(symbols))
		return refuse(ctx, "an enum without symbols");
	LH_TRY(lh_buf_append_str(ctx, out, ",\"symbols\":["));
	for (size_t i = 0; i < json_array_size(symbols); i++)
	{
		const char *symbol = json_string_value(json_array_get(symbols, i));

		if (symbol == NULL)
			return refuse(ctx, "a symbol that is no string");
		if (i > 0)
			LH_TRY(lh_buf_putc(ctx, out, ','));
		LH_TRY(put_name(ctx, out, symbol));
	}
	return lh_buf_putc(ctx, out, ']');
}

/* record, enum, fixed */
static LhStatus
put_named(LhCtx *ctx, LhBuf *out, const json_t *s, const char *type, const char *space, int depth)
{
	const char *name = json_string_value(json_object_get(s, "name"));
	const json_t *own = json_object_get(s, "namespace");
	const char *full;
	const char *dot;

	if (name == NULL)
		return refuse(ctx, "a named type without a name");
	LH_TRY(full_name(ctx, name, json_is_string(own) ? json_string_value(own) : space, &full));
	LH_TRY(lh_buf_append_str(ctx, out, "{\"name\":"));
	LH_TRY(put_name(ctx, out, full));
	LH_TRY(lh_buf_append_str(ctx, out, ",\"type\":"));
	LH_TRY(put_name(ctx, out, type));
	if (strcmp(type, "fixed") == 0)
	{
		if (!json_is_integer(json_object_get(s, "size")))
			return refuse(ctx, "a fixed type without a size");
		LH_TRY(lh_buf_printf(ctx, out, ",\"size\":%lld",
							 (long long) json_integer_value(json_object_get(s, "size"))));
	}
	else if (strcmp(type, "enum") == 0)
		LH_TRY(put_symbols(ctx, out, json_object_get(s, "symbols")));
	else
	{
		dot = strrchr(full, '.');
		space = dot != NULL ? lh_strndup(ctx, full, (size_t) (dot - full)) : "";
		if (space == NULL)
			return LH_NO_MEMORY;
		LH_TRY(put_fields(ctx, out, json_object_get(s, "fields"), space, depth));
	}
	return lh_buf_putc(ctx, out, '}');
}

static LhStatus
put_union(LhCtx *ctx, LhBuf *out, const json_t *s, const char *space, int depth)
{
	LH_TRY(lh_buf_putc(ctx, out, '['));
	for (size_t i = 0; i < json_array_size(s); i++)
	{
		if (i > 0)
			LH_TRY(lh_buf_putc(ctx, out, ','));
		LH_TRY(canonical(ctx, out, json_array_get(s, i), space, depth + 1));
	}
	return lh_buf_putc(ctx, out, ']');
}

static LhStatus
put_reference(LhCtx *ctx, LhBuf *out, const char *name, const char *space)
{
	if (!is_primitive(name))
		LH_TRY(full_name(ctx, name, space, &name));
	return put_name(ctx, out, name);
}

static LhStatus
canonical(LhCtx *ctx, LhBuf *out, const json_t *s, const char *space, int depth)
{
	const json_t *type;
	const char *name;
	bool array;

	if (depth > LH_AVRO_DEPTH)
		LH_FAIL(ctx, LH_LIMIT, "an Avro schema that is nested more than %d deep", LH_AVRO_DEPTH);
	if (json_is_array(s))
		return put_union(ctx, out, s, space, depth);
	if (json_is_string(s))
		return put_reference(ctx, out, json_string_value(s), space);
	type = json_object_get(s, "type");
	if (json_is_array(type) || json_is_object(type))
		return canonical(ctx, out, type, space, depth + 1);
	name = json_string_value(type);
	if (name == NULL)
		return refuse(ctx, "a type that is none");
	array = strcmp(name, "array") == 0;
	if (array || strcmp(name, "map") == 0)
	{
		LH_TRY(lh_buf_append_str(
			ctx, out, array ? "{\"type\":\"array\",\"items\":" : "{\"type\":\"map\",\"values\":"));
		LH_TRY(
			canonical(ctx, out, json_object_get(s, array ? "items" : "values"), space, depth + 1));
		return lh_buf_putc(ctx, out, '}');
	}
	if (strcmp(name, "record") == 0 || strcmp(name, "error") == 0 || strcmp(name, "enum") == 0 ||
		strcmp(name, "fixed") == 0)
		return put_named(ctx, out, s, name, space, depth);
	return put_reference(ctx, out, name, space);
}

LhStatus
lh_avro_canonical(LhCtx *ctx, LhSlice json, LhBuf *out)
{
	json_error_t error;
	/* defaults of bytes may have NULs */
	json_t *s = json_loadb((const char *) json.data, json.len, JSON_DECODE_ANY | JSON_ALLOW_NUL,
						   &error);
	LhStatus status;

	if (s == NULL)
		LH_FAIL(ctx, LH_CORRUPT, "an Avro schema is no JSON: %s", error.text);
	status = canonical(ctx, out, s, NULL, 0);
	json_decref(s);
	return status;
}

LhStatus
lh_avro_schema(LhCtx *ctx, LhSlice json, LhSchema *out)
{
	const char *text = lh_strndup(ctx, (const char *) json.data, json.len);
	LhBuf form;

	if (text == NULL)
		return LH_NO_MEMORY;
	LH_TRY(lh_buf_init(ctx, &form, false));
	LH_TRY(lh_avro_canonical(ctx, json, &form));
	*out = (LhSchema){LH_SCHEMA_AVRO, lh_schema_fingerprint(form.data, form.len),
					  lh_slice(text, json.len)};
	lh_buf_free(&form);
	return LH_OK;
}
