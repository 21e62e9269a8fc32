/*
 * ddl.c
 *		Commands that defined something, as JSON.
 */
#include "change/ddl.h"

#include "change/text.h"

#include <jansson.h>

static const char *const type_names[LH_N_DDL_TYPES] = {
	[LH_DDL_TABLE] = "table",
	[LH_DDL_PARTITIONED] = "partitioned table",
	[LH_DDL_MATVIEW] = "materialized view",
	[LH_DDL_TYPE] = "type",
	[LH_DDL_SCHEMA] = "schema",
	[LH_DDL_COLUMN] = "table column",
};

const char *
lh_ddl_type_name(LhDdlType type)
{
	return type_names[type];
}

/* ---- writing ---- */

#define PUT(ctx, buf, literal) lh_put((ctx), (buf), (literal), sizeof(literal) - 1)

/* name: with its comma and colon; s NULL: null. */
static LhStatus
put_string(LhCtx *ctx, LhBuf *buf, const char *name, const char *s)
{
	LH_TRY(lh_put(ctx, buf, name, strlen(name)));
	return s == NULL ? PUT(ctx, buf, "null") : lh_put_json_string(ctx, buf, s, strlen(s));
}

static LhStatus
put_strings(LhCtx *ctx, LhBuf *buf, const char *name, int n, const char *const *strings)
{
	LH_TRY(lh_put(ctx, buf, name, strlen(name)));
	LH_TRY(PUT(ctx, buf, "["));
	for (int i = 0; i < n; i++)
		LH_TRY(put_string(ctx, buf, i > 0 ? "," : "", strings[i]));
	return PUT(ctx, buf, "]");
}

static LhStatus
put_object(LhCtx *ctx, LhBuf *buf, const LhDdlObject *o, bool log)
{
	LH_TRY(put_string(ctx, buf, "{\"type\":", type_names[o->type]));
	LH_TRY(put_string(ctx, buf, ",\"schema\":", o->schema));
	if (o->name != NULL)
		LH_TRY(put_string(ctx, buf, ",\"name\":", o->name));
	if (o->column != NULL)
		LH_TRY(put_string(ctx, buf, ",\"column\":", o->column));
	if (o->oid != 0)
		LH_TRY(lh_buf_printf(ctx, buf, ",\"oid\":%u", o->oid));
	if (o->dropped)
		LH_TRY(PUT(ctx, buf, ",\"dropped\":true"));
	if (o->rewritten)
		LH_TRY(PUT(ctx, buf, ",\"rewritten\":true"));
	if (log && o->nancestors > 0)
	{
		for (int i = 0; i < o->nancestors; i++)
			LH_TRY(lh_buf_printf(ctx, buf, i > 0 ? ",%u" : ",\"ancestors\":[%u", o->ancestors[i]));
		LH_TRY(PUT(ctx, buf, "]"));
	}
	if (log && o->npublications > 0)
		LH_TRY(put_strings(ctx, buf, ",\"publications\":", o->npublications, o->publications));
	return PUT(ctx, buf, "}");
}

LhStatus
lh_ddl_write(LhCtx *ctx, LhBuf *buf, const LhDdl *ddl, bool log)
{
	LH_TRY(put_string(ctx, buf, "{\"tag\":", ddl->tag));
	LH_TRY(put_string(ctx, buf, ",\"text\":", ddl->text));
	if (ddl->withheld)
		LH_TRY(PUT(ctx, buf, ",\"withheld\":true"));
	if (log && ddl->query)
		LH_TRY(PUT(ctx, buf, ",\"query\":true"));
	LH_TRY(put_string(ctx, buf, ",\"user\":", ddl->user));
	LH_TRY(put_strings(ctx, buf, ",\"search_path\":", ddl->npath, ddl->path));
	LH_TRY(PUT(ctx, buf, ",\"objects\":["));
	for (int i = 0; i < ddl->nobjects; i++)
	{
		if (i > 0)
			LH_TRY(PUT(ctx, buf, ","));
		LH_TRY(put_object(ctx, buf, &ddl->objects[i], log));
	}
	return PUT(ctx, buf, "]}");
}

/* ---- reading ---- */

static LhStatus
refuse(LhCtx *ctx, const char *member)
{
	LH_FAIL(ctx, LH_CORRUPT, "a message with prefix \"%s\" is none of the server's: its \"%s\"",
			LH_DDL_PREFIX, member);
}

/* A member that is text.  optional: it may be missing or null. */
static LhStatus
get_string(LhCtx *ctx, const json_t *object, const char *name, bool optional, const char **out)
{
	const json_t *v = json_object_get(object, name);

	*out = NULL;
	if (v == NULL || json_is_null(v))
		return optional ? LH_OK : refuse(ctx, name);
	if (!json_is_string(v))
		return refuse(ctx, name);
	*out = lh_strndup(ctx, json_string_value(v), json_string_length(v));
	return *out != NULL ? LH_OK : ctx->error->code;
}

/* A member that is true or missing. */
static LhStatus
get_flag(LhCtx *ctx, const json_t *object, const char *name, bool *out)
{
	const json_t *v = json_object_get(object, name);

	*out = v != NULL;
	return v == NULL || json_is_true(v) ? LH_OK : refuse(ctx, name);
}

static LhStatus
get_oid(LhCtx *ctx, const json_t *v, const char *name, uint32_t *out)
{
	json_int_t n = json_integer_value(v);

	if (!json_is_integer(v) || n <= 0 || n > UINT32_MAX)
		return refuse(ctx, name);
	*out = (uint32_t) n;
	return LH_OK;
}

/* Items of an array; a missing one has none. */
static LhStatus
get_array(LhCtx *ctx, const json_t *object, const char *name, const json_t **array, int *n)
{
	*array = json_object_get(object, name);
	*n = 0;
	if (*array == NULL)
		return LH_OK;
	/* each item has a byte, and there are LH_DDL_MAX at most */
	if (!json_is_array(*array))
		return refuse(ctx, name);
	*n = (int) json_array_size(*array);
	return LH_OK;
}

static LhStatus
get_strings(LhCtx *ctx, const json_t *object, const char *name, int *n, const char *const **out)
{
	const json_t *array;
	const char **strings;

	LH_TRY(get_array(ctx, object, name, &array, n));
	LH_NEW_ARRAY(ctx, strings, (size_t) *n + 1);
	for (int i = 0; i < *n; i++)
	{
		const json_t *v = json_array_get(array, (size_t) i);

		if (!json_is_string(v))
			return refuse(ctx, name);
		strings[i] = lh_strndup(ctx, json_string_value(v), json_string_length(v));
		if (strings[i] == NULL)
			return ctx->error->code;
	}
	*out = strings;
	return LH_OK;
}

static LhStatus
get_ancestors(LhCtx *ctx, const json_t *object, LhDdlObject *out)
{
	const json_t *array;
	uint32_t *oids;

	LH_TRY(get_array(ctx, object, "ancestors", &array, &out->nancestors));
	LH_NEW_ARRAY(ctx, oids, (size_t) out->nancestors + 1);
	for (int i = 0; i < out->nancestors; i++)
		LH_TRY(get_oid(ctx, json_array_get(array, (size_t) i), "ancestors", &oids[i]));
	out->ancestors = oids;
	return LH_OK;
}

static LhStatus
get_object(LhCtx *ctx, const json_t *object, LhDdlObject *out)
{
	const json_t *oid = json_object_get(object, "oid");
	const char *type;
	int i = 0;

	if (!json_is_object(object))
		return refuse(ctx, "objects");
	LH_TRY(get_string(ctx, object, "type", false, &type));
	while (i < LH_N_DDL_TYPES && strcmp(type, type_names[i]) != 0)
		i++;
	if (i == LH_N_DDL_TYPES)
		return refuse(ctx, "type");
	out->type = (LhDdlType) i;
	LH_TRY(get_string(ctx, object, "schema", false, &out->schema));
	LH_TRY(get_string(ctx, object, "name", out->type == LH_DDL_SCHEMA, &out->name));
	LH_TRY(get_string(ctx, object, "column", out->type != LH_DDL_COLUMN, &out->column));
	if (oid != NULL)
		LH_TRY(get_oid(ctx, oid, "oid", &out->oid));
	LH_TRY(get_flag(ctx, object, "dropped", &out->dropped));
	LH_TRY(get_flag(ctx, object, "rewritten", &out->rewritten));
	LH_TRY(get_ancestors(ctx, object, out));
	return get_strings(ctx, object, "publications", &out->npublications, &out->publications);
}

static LhStatus
get_ddl(LhCtx *ctx, const json_t *root, LhDdl *out)
{
	const json_t *array;
	LhDdlObject *objects;

	if (!json_is_object(root))
		return refuse(ctx, "object");
	LH_TRY(get_string(ctx, root, "tag", false, &out->tag));
	LH_TRY(get_string(ctx, root, "text", true, &out->text));
	LH_TRY(get_flag(ctx, root, "withheld", &out->withheld));
	LH_TRY(get_flag(ctx, root, "query", &out->query));
	LH_TRY(get_string(ctx, root, "user", false, &out->user));
	LH_TRY(get_strings(ctx, root, "search_path", &out->npath, &out->path));
	LH_TRY(get_array(ctx, root, "objects", &array, &out->nobjects));
	if (out->nobjects == 0)
		return refuse(ctx, "objects");
	LH_NEW_ARRAY(ctx, objects, (size_t) out->nobjects);
	for (int i = 0; i < out->nobjects; i++)
		LH_TRY(get_object(ctx, json_array_get(array, (size_t) i), &objects[i]));
	out->objects = objects;
	return LH_OK;
}

LhStatus
lh_ddl_read(LhCtx *ctx, LhSlice content, LhDdl *ddl)
{
	json_error_t error;
	json_t *root;
	LhStatus status;

	*ddl = (LhDdl){0};
	if (content.len > LH_DDL_MAX)
		return refuse(ctx, "size");
	root = json_loadb((const char *) content.data, content.len, 0, &error);
	if (root == NULL && json_error_code(&error) == json_error_out_of_memory)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory for a message of %zu bytes", content.len);
	if (root == NULL)
		return refuse(ctx, "JSON");
	status = get_ddl(ctx, root, ddl);
	json_decref(root);
	return status;
}
