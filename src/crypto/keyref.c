/*
 * keyref.c
 *		What a file calls its keys.
 *
 * Key metadata is bytes of the writer's choice:
 *
 *	1. a name: what writers with keys of their own store;
 *	2. JSON of the key tools of parquet-java and pyarrow, with the key material
 *	   kept elsewhere: "keyReference" is the name of the key;
 *	3. the same with the key material inside: the key itself, wrapped under a
 *	   master key by a key service.  Nobody but that service can use it.
 *
 * Metadata comes from the file, and so may hold anything.
 */
#include "crypto/crypto.h"

#include <jansson.h>
#include <stdio.h>

/* Longer metadata is not looked into: it is a name that nobody has. */
#define MAX_JSON ((size_t) 16 * 1024)
/* Names are shown whole up to here, other bytes only these many. */
#define MAX_NAME 128
#define MAX_HEX  8

static bool
printable(LhSlice s)
{
	if (s.len > MAX_NAME || !lh_utf8_valid(s.data, s.len))
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (s.data[i] < 0x20 || s.data[i] == 0x7f)
			return false;
	return true;
}

/* "name", or the first bytes as hexadecimal digits. */
static const char *
show(LhCtx *ctx, LhSlice s)
{
	char hex[2 * MAX_HEX + 1];

	if (s.len == 0)
		return "without a name";
	if (printable(s))
		return lh_sprintf(ctx, "\"%.*s\"", (int) s.len, (const char *) s.data);
	for (size_t i = 0; i < MAX_HEX && i < s.len; i++)
		snprintf(hex + 2 * i, 3, "%02x", s.data[i]);
	return lh_sprintf(ctx, "of %zu bytes of metadata (%s%s)", s.len, hex,
					  s.len > MAX_HEX ? "..." : "");
}

static LhStatus
text_member(LhCtx *ctx, const json_t *object, const char *member, LhSlice *out)
{
	const json_t *v = json_object_get(object, member);
	const void *copy;

	*out = (LhSlice){0};
	if (!json_is_string(v))
		return LH_OK;
	copy = lh_memdup(ctx, json_string_value(v), json_string_length(v));
	if (copy == NULL)
		return ctx->error->code;
	*out = lh_slice(copy, json_string_length(v));
	return LH_OK;
}

/* Key tools' JSON; *known false: it is none. */
static LhStatus
from_tools(LhCtx *ctx, const json_t *json, LhSlice *reference, const char **name, bool *known)
{
	LhSlice master;

	LH_TRY(text_member(ctx, json, "keyReference", reference));
	LH_TRY(text_member(ctx, json, "masterKeyID", &master));
	*known = true;
	if (reference->len > 0)
		*name = show(ctx, *reference);
	else if (master.len > 0)
	{
		*name = show(ctx, master);
		if (*name != NULL)
			*name = lh_sprintf(ctx, "wrapped under master key %s", *name);
	}
	else
		*known = false;
	return LH_OK;
}

LhStatus
lh_key_reference(LhCtx *ctx, LhSlice metadata, LhSlice *reference, const char **name)
{
	LhStatus status = LH_OK;
	bool known = false;
	json_t *json = NULL;

	if (metadata.len > 1 && metadata.len <= MAX_JSON && metadata.data[0] == '{')
		json = json_loadb((const char *) metadata.data, metadata.len, 0, NULL);
	if (json != NULL)
	{
		status = from_tools(ctx, json, reference, name, &known);
		json_decref(json);
	}
	LH_TRY(status);
	if (!known)
	{
		*reference = metadata;
		*name = show(ctx, metadata);
	}
	return *name != NULL ? LH_OK : ctx->error->code;
}
