/*
 * url.c
 *		URLs, parsed strictly: what two parsers might read differently is refused.
 *
 * A URL decides where credentials go and is compared with what a superuser
 * allowed, so there must be one reading only:
 *
 *	1. the scheme is http or https, in any case;
 *	2. the authority is a host and perhaps a port; a '@' is refused, and so are
 *	   a host with other characters than letters, digits, '-', '_' and '.', and
 *	   numbers that some resolvers take for addresses (127.1, 0x7f000001, 017);
 *	3. the path keeps its spelling; a segment that is "." or "..", also spelled
 *	   with %2e, a backslash, and %00, %2f and %5c are refused;
 *	4. bytes beyond ASCII, and spaces, are percent-encoded; other characters that
 *	   RFC 3986 does not know (controls, quotes, brackets) are too, in the path;
 *	5. a fragment is refused: it never reaches a server.
 *
 * Source: RFC 3986
 */
#include "net/net.h"

#include <stdio.h>
#include <strings.h>

/* A host name of DNS. */
#define HOST_MAX 253

static bool
is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool
is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_unreserved(char c)
{
	return is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

LhStatus
lh_url_encode(LhCtx *ctx, LhBuf *out, const char *p, size_t n, bool keep_slash)
{
	static const char hex[] = "0123456789ABCDEF";

	LH_TRY(lh_buf_reserve(ctx, out, out->len + 3 * n + 1));
	for (size_t i = 0; i < n; i++)
	{
		uint8_t c = (uint8_t) p[i];

		if (is_unreserved((char) c) || (c == '/' && keep_slash))
			out->data[out->len++] = c;
		else
		{
			out->data[out->len++] = '%';
			out->data[out->len++] = (uint8_t) hex[c >> 4];
			out->data[out->len++] = (uint8_t) hex[c & 15];
		}
	}
	return LH_OK;
}

bool
lh_url_is_dots(const char *segment, size_t n)
{
	int dots = 0;

	while (n > 0)
	{
		size_t step = segment[0] == '.' ? 1
					  : n >= 3 && segment[0] == '%' && segment[1] == '2' &&
							  (segment[2] == 'e' || segment[2] == 'E')
						  ? 3
						  : 0;

		if (step == 0 || ++dots > 2)
			return false;
		segment += step;
		n -= step;
	}
	return dots > 0;
}

/*
 * The authority
 */

/* Would a lenient resolver take this for a number of an address?  Then only the plain spelling is. */
static bool
looks_numeric(const char *host)
{
	const char *last = strrchr(host, '.');

	last = last != NULL ? last + 1 : host;
	if (last[0] == '0' && (last[1] == 'x' || last[1] == 'X'))
		return true;
	return last[0] != '\0' && last[strspn(last, "0123456789")] == '\0';
}

/* Letters, digits and '-', '_', '.', no empty label. */
static bool
is_host_name(const char *p, size_t n)
{
	if (n == 0 || n > HOST_MAX || p[0] == '.' || p[0] == '-' || p[n - 1] == '.')
		return false;
	for (size_t i = 0; i < n; i++)
		if (!is_alnum(p[i]) && p[i] != '-' && p[i] != '_' && !(p[i] == '.' && p[i - 1] != '.'))
			return false;
	return true;
}

static LhStatus
parse_host(LhCtx *ctx, const char *p, size_t n, LhUrl *out)
{
	LhAddress address;
	char *host;

	if (n >= 2 && p[0] == '[' && p[n - 1] == ']')
	{
		host = lh_strndup(ctx, p + 1, n - 2);
		if (host == NULL)
			return ctx->error->code;
		if (strchr(host, ':') == NULL || !lh_address_parse(host, &address))
			LH_FAIL(ctx, LH_INVALID, "the URL has no valid IPv6 address between its brackets");
		out->ipv6 = true;
	}
	else
	{
		if (!is_host_name(p, n))
			LH_FAIL(ctx, LH_INVALID, "the URL has no valid host name");
		host = lh_strndup(ctx, p, n);
		if (host == NULL)
			return ctx->error->code;
		if (looks_numeric(host) && !lh_address_parse(host, &address))
			LH_FAIL(ctx, LH_INVALID, "the URL has no valid host name: a number that is no address");
	}
	for (char *c = host; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char) (*c - 'A' + 'a');
	out->host = host;
	return LH_OK;
}

static LhStatus
parse_authority(LhCtx *ctx, const char *p, size_t n, LhUrl *out)
{
	const char *colon = NULL;

	for (size_t i = n; i > 0 && p[i - 1] != ']'; i--)
		if (p[i - 1] == ':')
			colon = p + i - 1;
	if (memchr(p, '@', n) != NULL)
	{
		lh_fail(ctx, LH_INVALID, "the URL holds a user name or password");
		lh_hint(ctx, "Credentials belong into a user mapping.");
		return LH_INVALID;
	}
	out->port = out->https ? 443 : 80;
	if (colon != NULL)
	{
		size_t digits = (size_t) (p + n - colon - 1);

		out->port = 0;
		for (size_t i = 1; i <= digits && digits <= 5; i++)
		{
			if (colon[i] < '0' || colon[i] > '9')
				LH_FAIL(ctx, LH_INVALID, "the URL has no valid port");
			out->port = out->port * 10 + (colon[i] - '0');
		}
		if (out->port < 1 || out->port > 65535)
			LH_FAIL(ctx, LH_INVALID, "the URL has no valid port");
		n = (size_t) (colon - p);
	}
	return parse_host(ctx, p, n, out);
}

/*
 * Path and query
 */

/* Characters that may stand in a path or query as they are. */
static bool
is_url_char(char c)
{
	return is_unreserved(c) || (c != '\0' && strchr("!$&'()*+,;=:@/?", c) != NULL);
}

/* Is the escape one that servers and caches are known to read in two ways? */
static bool
is_trick(const char *escape)
{
	return strncmp(escape, "%00", 3) == 0 || strncasecmp(escape, "%2f", 3) == 0 ||
		   strncasecmp(escape, "%5c", 3) == 0;
}

static LhStatus
copy_encoded(LhCtx *ctx, const char *p, size_t n, bool path, const char **out)
{
	LhBuf buf;

	LH_TRY(lh_buf_init(ctx, &buf, false));
	LH_TRY(lh_buf_reserve(ctx, &buf, n + 2));
	if (path && (n == 0 || p[0] != '/'))
		LH_TRY(lh_buf_putc(ctx, &buf, '/'));
	for (size_t i = 0; i < n; i++)
	{
		if (p[i] == '%')
		{
			if (n - i < 3 || !is_hex(p[i + 1]) || !is_hex(p[i + 2]))
				LH_FAIL(ctx, LH_INVALID, "the URL holds a malformed %% escape");
			if (path && is_trick(p + i))
				LH_FAIL(ctx, LH_INVALID, "the URL holds an escaped slash, backslash or zero");
			LH_TRY(lh_buf_putc(ctx, &buf, '%'));
		}
		else if (p[i] == '\\' || p[i] == '#')
			LH_FAIL(ctx, LH_INVALID, "the URL holds a '%c'", p[i]);
		else if ((uint8_t) p[i] < 0x20 || p[i] == 0x7f)
			LH_FAIL(ctx, LH_INVALID, "the URL holds a control character");
		else if (is_url_char(p[i]))
			LH_TRY(lh_buf_putc(ctx, &buf, p[i]));
		else
			LH_TRY(lh_url_encode(ctx, &buf, p + i, 1, false));
	}
	LH_TRY(lh_buf_putc(ctx, &buf, '\0'));
	*out = (const char *) buf.data;
	return LH_OK;
}

static LhStatus
check_segments(LhCtx *ctx, const char *path)
{
	for (const char *p = path; *p == '/';)
	{
		size_t n = strcspn(p + 1, "/");

		if (lh_url_is_dots(p + 1, n))
			LH_FAIL(ctx, LH_INVALID, "the URL holds a path segment \".\" or \"..\"");
		p += 1 + n;
	}
	return LH_OK;
}

static LhStatus
parse_rest(LhCtx *ctx, const char *p, LhUrl *out)
{
	size_t path = strcspn(p, "?");

	LH_TRY(copy_encoded(ctx, p, path, true, &out->path));
	LH_TRY(check_segments(ctx, out->path));
	out->query = NULL;
	if (p[path] == '?')
		LH_TRY(copy_encoded(ctx, p + path + 1, strlen(p + path + 1), false, &out->query));
	return LH_OK;
}

LhStatus
lh_url_parse(LhCtx *ctx, const char *text, LhUrl *out)
{
	size_t len = strlen(text), authority;

	*out = (LhUrl){0};
	if (len > LH_URL_MAX)
		LH_FAIL(ctx, LH_INVALID, "the URL is longer than %d bytes", LH_URL_MAX);
	if (strncasecmp(text, "https://", 8) == 0)
		out->https = true;
	else if (strncasecmp(text, "http://", 7) != 0)
		LH_FAIL(ctx, LH_INVALID, "the URL does not begin with \"http://\" or \"https://\"");
	text += out->https ? 8 : 7;
	authority = strcspn(text, "/?#\\");
	LH_TRY(parse_authority(ctx, text, authority, out));
	return parse_rest(ctx, text + authority, out);
}

LhStatus
lh_url_resolve(LhCtx *ctx, const LhUrl *base, const char *reference, LhUrl *out)
{
	char *text = NULL;

	if (strlen(reference) > LH_URL_MAX)
		LH_FAIL(ctx, LH_INVALID, "the URL is longer than %d bytes", LH_URL_MAX);
	if (strncmp(reference, "//", 2) == 0)
		text = lh_sprintf(ctx, "%s:%s", base->https ? "https" : "http", reference);
	else if (reference[0] == '/')
	{
		LhUrl rest = *base;

		LH_TRY(parse_rest(ctx, reference, &rest));
		*out = rest;
		return LH_OK;
	}
	else if (strstr(reference, "://") != NULL)
		return lh_url_parse(ctx, reference, out);
	else
		LH_FAIL(ctx, LH_INVALID, "the URL is relative to another");
	if (text == NULL)
		return ctx->error->code;
	return lh_url_parse(ctx, text, out);
}

char *
lh_url_authority(LhCtx *ctx, const LhUrl *url)
{
	const char *open = url->ipv6 ? "[" : "", *close = url->ipv6 ? "]" : "";

	if (url->port == (url->https ? 443 : 80))
		return lh_sprintf(ctx, "%s%s%s", open, url->host, close);
	return lh_sprintf(ctx, "%s%s%s:%d", open, url->host, close, url->port);
}

char *
lh_url_text(LhCtx *ctx, const LhUrl *url)
{
	char *authority = lh_url_authority(ctx, url);

	if (authority == NULL)
		return NULL;
	return lh_sprintf(ctx, "%s://%s%s%s%s", url->https ? "https" : "http", authority, url->path,
					  url->query != NULL ? "?" : "", url->query != NULL ? url->query : "");
}

bool
lh_url_same_origin(const LhUrl *a, const LhUrl *b)
{
	return a->https == b->https && a->port == b->port && a->ipv6 == b->ipv6 &&
		   strcmp(a->host, b->host) == 0;
}
