/*
 * path.c
 *		Paths that metadata, manifests and delete files name.
 *
 * They come in many spellings, and are not to be trusted:
 *
 *	1. A path is split into scheme, authority and path.  Schemes have aliases (s3
 *	   s3a s3n; file: with no, one or two slashes before the path; abfs abfss
 *	   wasb wasbs).  "/x" and "hdfs://host:port/x" are the same place of a
 *	   table that was written in a Hadoop file system, because writers leave the
 *	   default authority away where they like.
 *	2. When the table was moved, and the user says so, what lies below its old
 *	   location lies below the new one; ".." in such a path is refused, encoded
 *	   or not.
 *	3. What is then local is opened with the rights of the store; but a remote table
 *	   never names a local file.  What is remote must have the table's own
 *	   scheme and authority, or be covered by allowed_locations.
 *
 * Slashes within keys of object stores are kept as they are, and so is '%':
 * these are names, not URLs.  Local paths lose empty and "." parts.
 */
#include "iceberg/meta.h"

#include <ctype.h>
#include <strings.h>

/* No path that can be opened is longer (S3: 1024, local: 4096). */
#define MAX_PATH 8192

typedef enum Kind
{
	KIND_LOCAL, /* no scheme, or file: */
	KIND_S3,
	KIND_WEB, /* http, https */
	KIND_HDFS,
	KIND_OTHER
} Kind;

typedef struct Parts
{
	Kind kind;
	bool plain;         /* no scheme was written */
	const char *scheme; /* in lower case, without alias; "" of local ones */
	LhStr authority;
	LhStr path; /* with its leading slash, unless it is relative */
} Parts;

static LhStr
str(const char *p, size_t n)
{
	return (LhStr){(const uint8_t *) p, (uint32_t) n, 0};
}

static const struct
{
	const char *alias;
	const char *name;
	Kind kind;
} schemes[] = {
	{"file", "", KIND_LOCAL},      {"s3", "s3", KIND_S3},         {"s3a", "s3", KIND_S3},
	{"s3n", "s3", KIND_S3},        {"http", "http", KIND_WEB},    {"https", "https", KIND_WEB},
	{"hdfs", "hdfs", KIND_HDFS},   {"viewfs", "hdfs", KIND_HDFS}, {"webhdfs", "hdfs", KIND_HDFS},
	{"abfs", "abfs", KIND_OTHER},  {"abfss", "abfs", KIND_OTHER}, {"wasb", "abfs", KIND_OTHER},
	{"wasbs", "abfs", KIND_OTHER}, {"gs", "gs", KIND_OTHER},      {"gcs", "gs", KIND_OTHER},
};

/* Letters before a ':' (one letter is a drive, not a scheme). */
static size_t
scheme_length(const char *p, size_t len)
{
	size_t n = 0;

	while (n < len && (isalnum((unsigned char) p[n]) || p[n] == '+' || p[n] == '-' || p[n] == '.'))
		n++;
	return n >= 2 && n < len && p[n] == ':' && isalpha((unsigned char) p[0]) ? n : 0;
}

static LhStatus
find_scheme(LhCtx *ctx, const char *p, size_t n, Parts *out)
{
	char *name;

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (strlen(schemes[i].alias) == n && strncasecmp(schemes[i].alias, p, n) == 0)
		{
			out->scheme = schemes[i].name;
			out->kind = schemes[i].kind;
			return LH_OK;
		}
	name = lh_strndup(ctx, p, n);
	if (name == NULL)
		return ctx->error->code;
	for (char *c = name; *c; c++)
		*c = (char) tolower((unsigned char) *c);
	out->scheme = name;
	out->kind = KIND_OTHER;
	return LH_OK;
}

static LhStatus
split(LhCtx *ctx, const char *raw, size_t len, Parts *out)
{
	size_t n = scheme_length(raw, len);
	const char *p = raw, *end = raw + len, *slash;

	*out = (Parts){.kind = KIND_LOCAL, .plain = true, .scheme = "", .path = str(raw, len)};
	if (n == 0)
		return LH_OK;
	LH_TRY(find_scheme(ctx, raw, n, out));
	out->plain = false;
	p += n + 1;
	if (end - p >= 2 && p[0] == '/' && p[1] == '/')
	{
		p += 2;
		slash = memchr(p, '/', (size_t) (end - p));
		if (slash == NULL)
			slash = end;
		/* "file://data/x" is how some writers spell a relative path; "localhost" is nobody else's */
		if (out->kind != KIND_LOCAL || (slash - p == 9 && strncasecmp(p, "localhost", 9) == 0))
		{
			out->authority = str(p, (size_t) (slash - p));
			p = slash;
		}
		if (out->kind == KIND_LOCAL)
			out->authority = str(NULL, 0);
	}
	out->path = str(p, (size_t) (end - p));
	return LH_OK;
}

static bool
same(LhStr a, LhStr b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* Host names are written in any case, buckets and accounts are not. */
static bool
same_authority(const Parts *a, const Parts *b)
{
	return same(a->authority, b->authority) ||
		   (a->kind == KIND_WEB && a->authority.len == b->authority.len &&
			strncasecmp((const char *) a->authority.ptr, (const char *) b->authority.ptr,
						a->authority.len) == 0);
}

/* May paths of the two be below each other?  An authority that was left away is the other's. */
static bool
same_root(const Parts *a, const Parts *b)
{
	if ((a->kind == KIND_HDFS && b->plain) || (b->kind == KIND_HDFS && a->plain))
		return true;
	return a->kind == b->kind && strcmp(a->scheme, b->scheme) == 0 &&
		   (same_authority(a, b) ||
			(a->kind == KIND_HDFS && (a->authority.len == 0 || b->authority.len == 0)));
}

/* A local path without empty and "." parts; relative ones stay relative. */
static size_t
clean_local(LhStr path, char *out)
{
	const char *p = (const char *) path.ptr, *end = p + path.len;
	bool absolute = path.len > 0 && *p == '/';
	size_t n = 0;

	while (p < end)
	{
		const char *slash = memchr(p, '/', (size_t) (end - p));
		size_t k = (size_t) ((slash != NULL ? slash : end) - p);

		if (k > 0 && !(k == 1 && *p == '.'))
		{
			if (absolute || n > 0)
				out[n++] = '/';
			memcpy(out + n, p, k);
			n += k;
		}
		p += k + (slash != NULL);
	}
	if (n == 0 && absolute)
		out[n++] = '/';
	out[n] = '\0';
	return n;
}

/* Normal form of parts, as text. */
static LhStatus
join(LhCtx *ctx, const Parts *parts, const char **out)
{
	size_t n = strlen(parts->scheme);
	char *text;

	LH_ALLOC(ctx, text, n + 3 + parts->authority.len + parts->path.len + 1);
	*out = text;
	if (parts->kind == KIND_LOCAL)
	{
		clean_local(parts->path, text);
		return LH_OK;
	}
	memcpy(text, parts->scheme, n);
	memcpy(text + n, "://", 3);
	n += 3;
	if (parts->authority.len > 0)
		memcpy(text + n, parts->authority.ptr, parts->authority.len);
	n += parts->authority.len;
	if (parts->path.len > 0)
		memcpy(text + n, parts->path.ptr, parts->path.len);
	text[n + parts->path.len] = '\0';
	return LH_OK;
}

/* A directory: normal form without slashes at the end. */
static LhStatus
directory_form(LhCtx *ctx, const char *raw, const char **out)
{
	Parts parts;
	char *text;
	size_t n;

	LH_TRY(split(ctx, raw, strlen(raw), &parts));
	LH_TRY(join(ctx, &parts, out));
	n = strlen(*out);
	while (n > 1 && (*out)[n - 1] == '/' && (*out)[n - 2] != '/')
		n--;
	text = lh_strndup(ctx, *out, n);
	*out = text;
	return text == NULL ? ctx->error->code : LH_OK;
}

/*
 * Rebasing
 */

/* The byte at *p, a %XX escape counting as what it stands for. */
static uint8_t
decoded(const char **p, const char *end)
{
	char c;
	size_t n;

	if (**p == '%' && end - *p >= 3 && lh_url_decode(*p, 3, &c, &n) && n == 1)
	{
		*p += 3;
		return (uint8_t) c;
	}
	return (uint8_t) * (*p)++;
}

/* Is a part "..", whichever way its dots and slashes are written? */
static bool
climbs(LhStr path)
{
	const char *p = (const char *) path.ptr, *end = p + path.len;
	size_t dots = 0, others = 0;

	while (p < end)
	{
		uint8_t c = decoded(&p, end);

		if (c == '/' || c == '\\')
		{
			if (dots == 2 && others == 0)
				return true;
			dots = others = 0;
		}
		else if (c == '.')
			dots++;
		else
			others++;
	}
	return dots == 2 && others == 0;
}

/* What of the path lies behind the location; false: it does not lie below it. */
static LhStatus
below(LhCtx *ctx, const LhIcePaths *paths, const Parts *path, LhStr *rest, bool *yes)
{
	Parts location;
	LhStr clean = path->path;
	char *text;

	*yes = false;
	LH_TRY(split(ctx, paths->location, strlen(paths->location), &location));
	if (!same_root(&location, path))
		return LH_OK;
	if (path->kind == KIND_LOCAL || location.kind == KIND_LOCAL)
	{
		LH_ALLOC(ctx, text, path->path.len + 1);
		clean = str(text, clean_local(path->path, text));
	}
	if (location.path.len == 1 && location.path.ptr[0] == '/')
		location.path.len = 0; /* the root: everything is below it */
	if (clean.len < location.path.len ||
		(location.path.len > 0 && memcmp(clean.ptr, location.path.ptr, location.path.len) != 0))
		return LH_OK;
	*rest = str((const char *) clean.ptr + location.path.len, clean.len - location.path.len);
	*yes = rest->len == 0 || rest->ptr[0] == '/';
	return LH_OK;
}

/*
 * Messages
 */

/* The path, or as much of it as surely holds no secret. */
static const char *
shown(LhCtx *ctx, const char *raw, size_t len)
{
	const char *text;
	Parts parts;

	if (split(ctx, raw, len, &parts) != LH_OK)
		return "...";
	if (memchr(raw, '@', len) != NULL || (parts.kind == KIND_WEB && memchr(raw, '?', len) != NULL))
		text = lh_sprintf(ctx, "%s://...", parts.scheme);
	else
		text = lh_strndup(ctx, raw, lh_utf8_clip(raw, len, 300));
	return text != NULL ? text : "...";
}

static LhStatus
denied(LhCtx *ctx, const LhIcePaths *paths, const char *what, const char *from, const char *raw,
	   size_t len, const char *why)
{
	lh_error_clear(ctx);
	lh_fail(ctx, LH_DENIED, "%s \"%s\", named by \"%s\", %s", what, shown(ctx, raw, len), from,
			why);
	lh_detail(ctx, "The table lies at \"%s\".", paths->found);
	return LH_DENIED;
}

static LhStatus
unreadable(LhCtx *ctx, const LhIcePaths *paths, const char *what, const char *from, const char *raw,
		   size_t len, const char *why)
{
	lh_fail(ctx, LH_UNSUPPORTED, "%s \"%s\", named by \"%s\", %s", what, shown(ctx, raw, len), from,
			why);
	lh_detail(ctx, "The table lies at \"%s\".", paths->found);
	lh_hint(ctx, "If the table was moved here, set the option that rebases its paths.");
	return LH_UNSUPPORTED;
}

/*
 * What others use
 */

LhStatus
lh_ice_paths_init(LhCtx *ctx, LhStore *store, const char *metadata_path, const char *location,
				  const char *rebase, LhIcePaths *out)
{
	const char *slash = strrchr(metadata_path, '/'), *dir;
	size_t n = slash != NULL ? (size_t) (slash - metadata_path) : 0;
	Parts parts;

	*out = (LhIcePaths){.store = store};
	if (n >= 9 && strncmp(metadata_path + n - 9, "/metadata", 9) == 0)
		n -= 9;
	dir = n > 0 ? lh_strndup(ctx, metadata_path, n) : "/";
	if (dir == NULL)
		return ctx->error->code;
	LH_TRY(split(ctx, dir, strlen(dir), &parts));
	out->scheme = parts.kind == KIND_S3                ? LH_SCHEME_S3
				  : parts.kind != KIND_WEB             ? LH_SCHEME_LOCAL
				  : strcmp(parts.scheme, "https") == 0 ? LH_SCHEME_HTTPS
													   : LH_SCHEME_HTTP;
	LH_TRY(directory_form(ctx, dir, &out->found));
	if (rebase != NULL && strcmp(rebase, "auto") != 0)
		location = rebase;
	LH_TRY(directory_form(ctx, location, &out->location));
	if (rebase != NULL && out->location[0] == '\0')
		LH_FAIL(
			ctx, LH_INVALID,
			"metadata file \"%s\" says no location of the table, from which paths could be rebased",
			metadata_path);
	out->rebase = rebase != NULL && strcmp(out->location, out->found) != 0;
	return LH_OK;
}

/* The path below the new location; *out NULL: it was not below the old one. */
static LhStatus
rebased(LhCtx *ctx, const LhIcePaths *paths, const Parts *parts, bool *climbing, const char **out)
{
	size_t n = strlen(paths->found);
	LhStr rest;
	char *text;
	bool yes;

	*out = NULL;
	*climbing = false;
	if (!paths->rebase)
		return LH_OK;
	LH_TRY(below(ctx, paths, parts, &rest, &yes));
	if (!yes)
		return LH_OK;
	*climbing = climbs(rest);
	while (n > 0 && paths->found[n - 1] == '/')
		n--;
	LH_ALLOC(ctx, text, n + rest.len + 1);
	memcpy(text, paths->found, n);
	memcpy(text + n, rest.ptr, rest.len);
	text[n + rest.len] = '\0';
	*out = text;
	return LH_OK;
}

/* Escape what would be a pattern. */
static LhStatus
escaped(LhCtx *ctx, const char *path, const char **out)
{
	char *text;
	size_t n = 0;

	LH_ALLOC(ctx, text, 2 * strlen(path) + 1);
	for (; *path; path++)
	{
		if (strchr("*?[]{},\\", *path) != NULL)
			text[n++] = '\\';
		text[n++] = *path;
	}
	text[n] = '\0';
	*out = text;
	return LH_OK;
}

/* A remote path, of a table that lies elsewhere. */
static LhStatus
check_elsewhere(LhCtx *ctx, const LhIcePaths *paths, const char *path, bool *allowed)
{
	const char *pattern = NULL;
	LhStatus status;

	LH_TRY(escaped(ctx, path, &pattern));
	status = lh_remote_covers(ctx, lh_store_access(paths->store)->remote, pattern);
	if (status == LH_NO_MEMORY || status == LH_CANCELLED)
		return status;
	*allowed = status == LH_OK;
	return LH_OK;
}

LhStatus
lh_ice_path(LhCtx *ctx, const LhIcePaths *paths, const char *what, const char *from,
			const char *raw, size_t len, const char **out)
{
	Parts parts, table;
	bool climbing, allowed;

	if (len == 0)
		LH_FAIL(ctx, LH_CORRUPT, "%s, named by \"%s\", has an empty path", what, from);
	if (len > MAX_PATH)
		LH_FAIL(ctx, LH_LIMIT, "%s, named by \"%s\", has a path of %zu bytes", what, from, len);
	if (!lh_utf8_valid(raw, len))
		LH_FAIL(ctx, LH_BAD_TEXT, "%s, named by \"%s\", has a path that is not UTF-8", what, from);
	LH_TRY(split(ctx, raw, len, &parts));
	LH_TRY(rebased(ctx, paths, &parts, &climbing, out));
	if (*out != NULL)
		return climbing
				   ? denied(ctx, paths, what, from, raw, len, "would leave the table by \"..\"")
				   : LH_OK;
	if (parts.kind == KIND_LOCAL)
	{
		if (paths->scheme != LH_SCHEME_LOCAL)
			return denied(ctx, paths, what, from, raw, len,
						  "is a local file, but the table is not local");
		if (parts.path.len == 0 || parts.path.ptr[0] != '/')
			return unreadable(ctx, paths, what, from, raw, len, "has a relative path");
		return join(ctx, &parts, out);
	}
	if (parts.kind != KIND_S3 && parts.kind != KIND_WEB)
		return unreadable(ctx, paths, what, from, raw, len, "is of a scheme that cannot be read");
	if (climbs(parts.path))
		return denied(ctx, paths, what, from, raw, len, "would leave its place by \"..\"");
	LH_TRY(join(ctx, &parts, out));
	LH_TRY(split(ctx, paths->found, strlen(paths->found), &table));
	if (table.kind == parts.kind && strcmp(table.scheme, parts.scheme) == 0 &&
		same_authority(&table, &parts))
		return LH_OK;
	LH_TRY(check_elsewhere(ctx, paths, *out, &allowed));
	if (!allowed)
		return denied(ctx, paths, what, from, raw, len,
					  "is elsewhere, and not covered by the option allowed_locations");
	return LH_OK;
}

LhStatus
lh_ice_path_form(LhCtx *ctx, const LhIcePaths *paths, const char *raw, size_t len, const char **out)
{
	Parts parts;
	bool climbing;

	LH_TRY(split(ctx, raw, len, &parts));
	LH_TRY(rebased(ctx, paths, &parts, &climbing, out));
	if (*out != NULL)
		return LH_OK;
	if (parts.kind == KIND_HDFS)
		parts.kind = KIND_LOCAL;
	return join(ctx, &parts, out);
}
