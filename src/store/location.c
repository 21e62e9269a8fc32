/*
 * location.c
 *		What users write as a location, and the paths that it means.
 *
 *	/dir/file.parquet			an absolute path or a glob
 *	file:/dir/file.parquet		the same; %XX is decoded, and what it gives
 *	file:///dir/file.parquet	stands for itself, never for a glob character
 *	file://localhost/dir/...
 *	https://host/path?query		one object; no pattern, as the web has no listings
 *	s3://bucket/key				an object, a directory or a glob; the key is written
 *	s3a: s3n:					as it is, not percent-encoded
 *
 * Relative paths are refused: a backend's working directory is the data
 * directory.  ".." is left to the kernel, which alone knows the links before
 * it; in network locations it is refused.  Messages never repeat a URL that was
 * not parsed: it may hold a password.
 */
#include "store/local.h"
#include "net/net.h"

#include <stdio.h>
#include <strings.h>

/* Characters that mean something in a pattern. */
static bool
is_glob_char(char c)
{
	return c == '*' || c == '?' || c == '[' || c == '{' || c == '\\' || c == ',' || c == ']' ||
		   c == '}';
}

bool
lh_is_glob(const char *path)
{
	for (; *path; path++)
	{
		if (*path == '\\' && path[1] != '\0')
			path++;
		else if (*path == '*' || *path == '?' || *path == '[' || *path == '{')
			return true;
	}
	return false;
}

LhStatus
lh_glob_unescape(LhCtx *ctx, const char *pattern, size_t len, const char **path)
{
	char *out;
	size_t n = 0;

	LH_ALLOC(ctx, out, len + 1);
	for (size_t i = 0; i < len; i++)
	{
		if (pattern[i] == '\\' && i + 1 < len)
			i++;
		out[n++] = pattern[i];
	}
	out[n] = '\0';
	*path = out;
	return LH_OK;
}

LhStatus
lh_path_normalise(LhCtx *ctx, const char *path, size_t len, const char **out)
{
	char *buf;
	size_t n = 0, i = 0;

	if (len > LH_PATH_MAX)
		LH_FAIL(ctx, LH_INVALID, "location is longer than %d bytes", LH_PATH_MAX);
	LH_ALLOC(ctx, buf, len + 2);
	while (i < len)
	{
		size_t end;

		while (i < len && path[i] == '/')
			i++;
		for (end = i; end < len && path[end] != '/';)
			end++;
		if (end > i && !(end == i + 1 && path[i] == '.'))
		{
			buf[n++] = '/';
			memcpy(buf + n, path + i, end - i);
			n += end - i;
		}
		i = end;
	}
	if (n == 0)
		buf[n++] = '/';
	buf[n] = '\0';
	*out = buf;
	return LH_OK;
}

/* Length of "scheme" in "scheme:rest" (RFC 3986), 0 when there is none. */
static size_t
scheme_length(const char *s)
{
	size_t n = 0;

	while ((s[n] >= 'a' && s[n] <= 'z') || (s[n] >= 'A' && s[n] <= 'Z') ||
		   (n > 0 && ((s[n] >= '0' && s[n] <= '9') || s[n] == '+' || s[n] == '-' || s[n] == '.')))
		n++;
	return s[n] == ':' ? n : 0;
}

static bool
scheme_is(const char *s, size_t len, const char *name)
{
	return strlen(name) == len && strncasecmp(s, name, len) == 0;
}

/* The path of a file: URL, decoded; as a pattern, decoded glob characters get a '\'. */
static LhStatus
decode_file_url(LhCtx *ctx, const char *url, bool pattern, const char **path)
{
	const char *p = url + strlen("file:");
	size_t len, n = 0;
	char *out;

	if (strncmp(p, "//", 2) == 0)
	{
		p += 2;
		if (strncasecmp(p, "localhost/", 10) == 0)
			p += 9;
		if (*p != '/')
		{
			lh_fail(ctx, LH_INVALID, "location \"%s\" names another host", url);
			lh_hint(ctx, "Write a local file as \"/dir/name\" or \"file:///dir/name\".");
			return LH_INVALID;
		}
	}
	len = strlen(p);
	LH_ALLOC(ctx, out, 2 * len + 1);
	for (size_t i = 0; i < len; i++)
	{
		char c = p[i];
		size_t got = 0;

		if (c == '%')
		{
			if (len - i < 3 || !lh_url_decode(p + i, 3, &c, &got) || got != 1 || c == '\0')
				LH_FAIL(ctx, LH_INVALID, "location \"%s\" holds a malformed %% escape", url);
			i += 2;
			if (pattern && is_glob_char(c))
				out[n++] = '\\';
		}
		out[n++] = c;
	}
	out[n] = '\0';
	*path = out;
	return LH_OK;
}

static LhStatus
relative_location(LhCtx *ctx, const char *location)
{
	lh_fail(ctx, LH_INVALID, "location \"%s\" is not an absolute path", location);
	lh_hint(ctx, "A location begins with \"/\" or \"file:///\".");
	return LH_INVALID;
}

/* The scheme of a location; LH_UNSUPPORTED for those we know to be none of ours. */
static LhStatus
find_scheme(LhCtx *ctx, const char *location, LhScheme *scheme)
{
	static const struct
	{
		const char *name;
		LhScheme scheme;
	} known[] = {
		{"file", LH_SCHEME_LOCAL}, {"http", LH_SCHEME_HTTP}, {"https", LH_SCHEME_HTTPS},
		{"s3", LH_SCHEME_S3},      {"s3a", LH_SCHEME_S3},    {"s3n", LH_SCHEME_S3},
	};
	size_t len = scheme_length(location);

	*scheme = LH_SCHEME_LOCAL;
	if (location[0] == '/')
		return LH_OK;
	for (size_t i = 0; len > 0 && i < sizeof(known) / sizeof(known[0]); i++)
		if (scheme_is(location, len, known[i].name))
		{
			*scheme = known[i].scheme;
			return LH_OK;
		}
	/* One letter is a drive of another system, not a scheme. */
	if (len < 2)
		return relative_location(ctx, location);
	lh_fail(ctx, LH_UNSUPPORTED, "locations of scheme \"%.*s\" are not supported", (int) len,
			location);
	lh_hint(ctx, "Supported are local paths, \"file:\", \"http:\", \"https:\" and \"s3:\".");
	return LH_UNSUPPORTED;
}

/*
 * Network locations
 */

/* Parameters of signed URLs: with them a location is a secret. */
static const char *const secret_parameters[] = {
	"x-amz-signature", "x-amz-credential", "x-amz-security-token", "x-goog-signature", "signature",
	"sig", "sas", "token", "access_token", "api_key", "apikey", "key", "password", "secret", NULL,
};

static LhStatus
check_query(LhCtx *ctx, const char *query)
{
	for (const char *p = query; *p;)
	{
		size_t n = strcspn(p, "=&");

		for (const char *const *s = secret_parameters; *s != NULL; s++)
			if (strlen(*s) == n && strncasecmp(p, *s, n) == 0)
			{
				lh_fail(ctx, LH_INVALID, "the URL holds a credential, parameter \"%s\"", *s);
				lh_hint(ctx, "Credentials belong into a user mapping.");
				return LH_INVALID;
			}
		p += n;
		p += strcspn(p, "&");
		p += *p == '&';
	}
	return LH_OK;
}

/* As a pattern the '?' before the query is escaped. */
static LhStatus
parse_web(LhCtx *ctx, const char *location, bool pattern, const char **path)
{
	const char *question;
	LhUrl url;
	char *text;

	if (location[strcspn(location, "*[{")] != '\0')
	{
		lh_fail(ctx, LH_UNSUPPORTED, "a location on the web cannot be a pattern");
		lh_hint(ctx, "Web servers do not list files; name them in a JSON array.");
		return LH_UNSUPPORTED;
	}
	LH_TRY(lh_url_parse(ctx, location, &url));
	if (url.query != NULL)
		LH_TRY(check_query(ctx, url.query));
	text = lh_url_text(ctx, &url);
	question = text != NULL && pattern ? strchr(text, '?') : NULL;
	if (question != NULL)
		text = lh_sprintf(ctx, "%.*s\\%s", (int) (question - text), text, question);
	if (text == NULL)
		return ctx->error->code;
	*path = text;
	return LH_OK;
}

static bool
is_bucket_name(const char *p, size_t n)
{
	if (n < 1 || n > 255 || p[0] == '.' || p[0] == '-')
		return false;
	for (size_t i = 0; i < n; i++)
		if (!((p[i] >= 'a' && p[i] <= 'z') || (p[i] >= 'A' && p[i] <= 'Z') ||
			  (p[i] >= '0' && p[i] <= '9') || p[i] == '-' || p[i] == '_' ||
			  (p[i] == '.' && p[i - 1] != '.')))
			return false;
	return true;
}

/* A key whose "." or ".." would be read as directories somewhere on the way. */
static bool
has_dots(const char *key)
{
	for (;;)
	{
		size_t n = strcspn(key, "/");

		if (lh_url_is_dots(key, n))
			return true;
		if (key[n] == '\0')
			return false;
		key += n + 1;
	}
}

static LhStatus
parse_s3(LhCtx *ctx, const char *location, const char **path)
{
	const char *rest = strchr(location, ':') + 1, *key;
	size_t bucket;
	char *text;

	if (strncmp(rest, "//", 2) != 0)
		LH_FAIL(ctx, LH_INVALID, "location does not begin with \"s3://bucket/\"");
	rest += 2;
	bucket = strcspn(rest, "/");
	if (memchr(rest, '@', bucket) != NULL)
	{
		lh_fail(ctx, LH_INVALID, "the location holds a user name or password");
		lh_hint(ctx, "Credentials belong into a user mapping.");
		return LH_INVALID;
	}
	if (!is_bucket_name(rest, bucket))
		LH_FAIL(ctx, LH_INVALID, "location has no valid name of a bucket");
	key = rest[bucket] == '/' ? rest + bucket + 1 : "";
	if (strlen(key) > LH_PATH_MAX)
		LH_FAIL(ctx, LH_INVALID, "location is longer than %d bytes", LH_PATH_MAX);
	if (has_dots(key))
		LH_FAIL(ctx, LH_INVALID, "location holds \".\" or \"..\" as a directory");
	text = lh_sprintf(ctx, "s3://%.*s/%s", (int) bucket, rest, key);
	if (text == NULL)
		return ctx->error->code;
	*path = text;
	return LH_OK;
}

static LhStatus
parse(LhCtx *ctx, const char *location, bool pattern, LhScheme *scheme, const char **path)
{
	if (location[0] == '\0')
		LH_FAIL(ctx, LH_INVALID, "location is empty");
	LH_TRY(find_scheme(ctx, location, scheme));
	if (*scheme == LH_SCHEME_HTTP || *scheme == LH_SCHEME_HTTPS)
		return parse_web(ctx, location, pattern, path);
	if (*scheme == LH_SCHEME_S3)
		return parse_s3(ctx, location, path);
	if (location[0] != '/')
		LH_TRY(decode_file_url(ctx, location, pattern, &location));
	if (location[0] != '/')
		return relative_location(ctx, location);
	return lh_path_normalise(ctx, location, strlen(location), path);
}

LhStatus
lh_location_parse(LhCtx *ctx, const char *location, LhScheme *scheme, const char **path)
{
	return parse(ctx, location, true, scheme, path);
}

LhStatus
lh_location_raw(LhCtx *ctx, const char *location, LhScheme *scheme, const char **path)
{
	return parse(ctx, location, false, scheme, path);
}

LhStatus
lh_location_plain(LhCtx *ctx, const char *location, LhScheme *scheme, const char **pattern,
				  const char **raw)
{
	LH_TRY(parse(ctx, location, true, scheme, pattern));
	if (lh_is_glob(*pattern))
		LH_FAIL(ctx, LH_INVALID, "location is a pattern, where one file or directory is wanted");
	return lh_glob_unescape(ctx, *pattern, strlen(*pattern), raw);
}
