/*
 * fuzz_sink_registry.c
 *		What a registry answers, and names of records in schemas: any bytes are read, ids are
 *		ids, and what is shown is clean.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz_ctx.h"
#include "sink/registry.h"

#define CHECK(condition)  \
	do                    \
	{                     \
		if (!(condition)) \
			abort();      \
	} while (0)

static void
check_error(LhSlice body)
{
	char text[LH_REGISTRY_TEXT];
	size_t n;
	int code;

	lh_registry_read_error(body, &code, text);
	n = strnlen(text, sizeof(text));
	CHECK(code >= 0 && code <= 999999 && n < sizeof(text));
	CHECK(lh_utf8_valid(text, n));
	for (size_t i = 0; i < n; i++)
		CHECK((uint8_t) text[i] >= ' ' && text[i] != 0x7f);
}

/* Nothing that could be another path, or no name at all. */
static void
check_name(LhCtx *ctx, LhSchemaKind kind, LhSlice text)
{
	LhSchema schema = {kind, 0, text};
	const char *name;

	if (lh_registry_record_name(ctx, &schema, &name) != LH_OK)
		return;
	CHECK(name[0] != '\0' && name[0] != '.' && strstr(name, "..") == NULL);
	CHECK(name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.")] ==
		  '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LhCtx *ctx = fuzz_ctx();
	LhSlice body = lh_slice(data, size), value;
	uint32_t id = 0;

	if (lh_registry_read_id(ctx, body, &id) == LH_OK)
		CHECK(id > 0 && id <= INT32_MAX && lh_registry_member(body, "id", &value));
	check_error(body);
	check_name(ctx, LH_SCHEMA_AVRO, body);
	check_name(ctx, LH_SCHEMA_PROTOBUF, body);
	fuzz_ctx_done(ctx);
	return 0;
}
