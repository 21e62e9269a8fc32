/*
 * fuzz_location.c
 *		Locations: whatever users write.
 *
 * What is accepted is an absolute, normal path or URL, and accepted again as the
 * same; what of network locations is covered has no dots in it.
 */
#include <stdlib.h>

#include "fuzz/fuzz_ctx.h"
#include "net/net.h"
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

/* "." or ".." as a segment of n bytes, spelled plainly or with %2e. */
static bool
has_dots(const char *path, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		size_t len = strcspn(path + i + 1, "/");

		if (path[i] == '/' && lh_url_is_dots(path + i + 1, len < n - i - 1 ? len : n - i - 1))
			return true;
	}
	return false;
}

static void
check_network(LhCtx *ctx, LhScheme scheme, const char *path, const char *location)
{
	static const char *const allowed[] = {"https://h/a", "s3://b/p", "http", "10.0.0.0/8"};
	const LhRemoteAccess access = {.nallowed = 4, .allowed = allowed};
	const char *raw, *again;
	LhScheme same;

	CHECK(strncmp(path, scheme == LH_SCHEME_S3 ? "s3://" : scheme == LH_SCHEME_HTTPS ? "https://" : "http://",
				  5) == 0);
	/* a query may hold what it wants */
	again = path + (scheme == LH_SCHEME_S3 ? 5 : 7);
	CHECK(!has_dots(again, scheme == LH_SCHEME_S3 ? strlen(again) : strcspn(again, "\\")));
	if (lh_location_raw(ctx, location, &same, &raw) == LH_OK)
	{
		CHECK(same == scheme);
		CHECK(lh_location_raw(ctx, raw, &same, &again) == LH_OK);
		CHECK(same == scheme && strcmp(raw, again) == 0);
	}
	(void) lh_remote_covers(ctx, &access, location);
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
	ctx = fuzz_ctx();
	location = lh_strndup(ctx, (const char *) data, size);
	(void) lh_remote_check_allowed(ctx, location);
	if (lh_location_parse(ctx, location, &scheme, &path) == LH_OK && scheme != LH_SCHEME_LOCAL)
		check_network(ctx, scheme, path, location);
	else if (lh_location_parse(ctx, location, &scheme, &path) == LH_OK)
	{
		check_normal(ctx, path);
		CHECK(lh_location_raw(ctx, location, &scheme, &plain) == LH_OK);
		CHECK(plain[0] == '/');
		CHECK(lh_glob_unescape(ctx, path, strlen(path), &plain) == LH_OK);
	}
	else
		CHECK(ctx->error->message[0] != '\0');
	fuzz_ctx_done(ctx);
	return 0;
}
