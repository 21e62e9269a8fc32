/*
 * fuzz_location.c
 *		Locations: whatever users write.
 *
 * What is accepted is an absolute, normal path, and accepted again as the same.
 */
#include <stdlib.h>

#include "store/local.h"

#define CHECK(condition)  \
	do                    \
	{                     \
		if (!(condition)) \
			abort();      \
	} while (0)

static void
check_normal(LhCtx *ctx, const char *path)
{
	LhScheme scheme;
	const char *again;
	size_t len = strlen(path);

	CHECK(path[0] == '/' && strstr(path, "//") == NULL && strstr(path, "/./") == NULL);
	CHECK(len == 1 || path[len - 1] != '/');
	if (len > LH_PATH_MAX)
		return; /* escapes made it longer */
	CHECK(lh_location_parse(ctx, path, &scheme, &again) == LH_OK);
	CHECK(scheme == LH_SCHEME_LOCAL && strcmp(again, path) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LhCtx *ctx;
	char *location;
	const char *path, *plain;
	LhScheme scheme;

	if (size > 8192 || memchr(data, '\0', size) != NULL)
		return 0;
	ctx = lh_ctx_create();
	location = lh_strndup(ctx, (const char *) data, size);
	if (lh_location_parse(ctx, location, &scheme, &path) == LH_OK)
	{
		check_normal(ctx, path);
		CHECK(lh_location_raw(ctx, location, &plain) == LH_OK);
		CHECK(plain[0] == '/');
		CHECK(lh_glob_unescape(ctx, path, strlen(path), &plain) == LH_OK);
	}
	else
		CHECK(ctx->error->message[0] != '\0');
	lh_ctx_destroy(ctx);
	return 0;
}
