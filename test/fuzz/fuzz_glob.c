/*
 * fuzz_glob.c
 *		Glob patterns: "pattern NEWLINE path".
 *
 * Besides not crashing: a path fed component by component, as a walk does it,
 * must give what the whole path gives; a guard only takes matches away; and an
 * escaped path is a pattern that matches exactly itself.
 */
#include <stdlib.h>

#include "fuzz/fuzz_ctx.h"
#include "store/local.h"

#define CHECK(condition)  \
	do                    \
	{                     \
		if (!(condition)) \
			abort();      \
	} while (0)

static bool
fed_in_pieces(LhCtx *ctx, const char *pattern, const char *path, bool guard)
{
	LhGlob *glob;
	uint64_t *set;
	bool at_start = true;

	if (lh_glob_compile(ctx, pattern, guard, &glob) != LH_OK)
		return false;
	set = lh_alloc_array(ctx, lh_glob_words(glob), sizeof(*set));
	CHECK(set != NULL);
	lh_glob_start(glob, set);
	while (*path != '\0')
	{
		size_t len = strcspn(path, "/");

		if (len == 0)
			len = 1;
		at_start = true;
		lh_glob_feed(glob, set, path, len, at_start, set);
		path += len;
	}
	return lh_glob_accepts(glob, set);
}

/* Multi-byte characters that a slash cuts are no characters in either way of feeding. */
static void
check_match(LhCtx *ctx, const char *pattern, const char *path)
{
	bool whole = lh_glob_match(pattern, path);

	CHECK(fed_in_pieces(ctx, pattern, path, false) == whole);
	if (fed_in_pieces(ctx, pattern, path, true))
		CHECK(whole);
	CHECK(lh_glob_static_prefix(pattern) <= strlen(pattern));
}

static void
check_escaped(LhCtx *ctx, const char *path)
{
	size_t len = strlen(path), n = 0;
	char *escaped = lh_alloc(ctx, 2 * len + 1);
	const char *back;

	CHECK(escaped != NULL);
	for (size_t i = 0; i < len; i++)
	{
		if (strchr("*?[]{},!\\", path[i]) != NULL)
			escaped[n++] = '\\';
		escaped[n++] = path[i];
	}
	escaped[n] = '\0';
	CHECK(!lh_is_glob(escaped));
	CHECK(lh_glob_unescape(ctx, escaped, n, &back) == LH_OK && strcmp(back, path) == 0);
	if (n <= LH_PATH_MAX)
		CHECK(lh_glob_match(escaped, path));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LhCtx *ctx;
	char *pattern, *path;

	if (size > 1024 || memchr(data, '\0', size) != NULL)
		return 0;
	ctx = fuzz_ctx();
	pattern = lh_strndup(ctx, (const char *) data, size);
	path = strchr(pattern, '\n');
	if (path != NULL)
	{
		*path++ = '\0';
		check_match(ctx, pattern, path);
		check_escaped(ctx, path);
	}
	fuzz_ctx_done(ctx);
	return 0;
}
