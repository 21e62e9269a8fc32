/*
 * uri.c
 *		The URI of a sink: strict, with one reading only.
 *
 *		scheme:[//authority][/path][?name=value[&name=value...]]
 *
 *	1. The scheme is letters, digits, '+', '-' and '.', in any case.
 *	2. The authority is hosts and ports as the sink wants them (Kafka: a list with
 *	   commas).  A '@' is refused: passwords belong into options, which are
 *	   never shown.
 *	3. %XX is decoded in the path and in values, not in the authority and in
 *	   names; %00 is refused everywhere, %2F, "." and ".." in paths.  A '+' is
 *	   itself.  Bytes beyond ASCII may stand as they are; what comes out is UTF-8.
 *	4. Options keep their order; of two with one name the later wins.  A value
 *	   may be empty and may hold '='.
 *	5. A fragment, spaces and controls are refused.
 *
 * Errors name the offset and never show the text: it may hold a password.  What is
 * shown of a parsed URI has "***" for the values of options that look secret.
 *
 * Source: RFC 3986
 */
#include "sink/internal.h"

#include <string.h>
#include <strings.h>

typedef struct Parser
{
	LhCtx *ctx;
	const char *uri;
	const char *p; /* where we are */
} Parser;

static bool
is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_alnum(char c)
{
	return is_alpha(c) || (c >= '0' && c <= '9');
}

/* Fail at p: what is wrong there. */
static LhStatus
wrong(const Parser *s, const char *p, const char *what)
{
	lh_fail(s->ctx, LH_INVALID, "sink URI, byte %zu: %s", (size_t) (p - s->uri) + 1, what);
	lh_hint(s->ctx, "Write it as scheme:[//host][/path][?option=value&...], other characters "
					"percent-encoded.");
	return LH_INVALID;
}

bool
lh_sink_option_secret(const char *name)
{
	static const char *const words[] = {"password",  "passwd",     "passphrase", "secret",
										"token",     "credential", "jaas",       "private",
										"signature", "pem",        "key",        NULL};

	/* those that say which bytes are keys of messages, or where a file is */
	if (strcmp(name, "key") == 0 || strcmp(name, "ssl.key.location") == 0 ||
		strcmp(name, "registry.token.file") == 0)
		return false;
	for (int i = 0; words[i] != NULL; i++)
		if (strcasestr(name, words[i]) != NULL)
			return true;
	return false;
}

/* Length and characters, before anything else looks at them. */
static LhStatus
check_bytes(Parser *s)
{
	size_t n = strnlen(s->uri, LH_SINK_URI_MAX + 1);

	if (n > LH_SINK_URI_MAX)
		LH_FAIL(s->ctx, LH_INVALID, "a sink URI has more than %d bytes", LH_SINK_URI_MAX);
	for (size_t i = 0; i < n; i++)
	{
		uint8_t c = (uint8_t) s->uri[i];

		if (c <= ' ' || c == 0x7f)
			return wrong(s, s->uri + i, "a space or a control character");
		if (c == '#')
			return wrong(s, s->uri + i, "a fragment (write %23 for the character #)");
	}
	return LH_OK;
}

/* Decode %XX of n bytes; NUL is refused, and so is what is no UTF-8. */
static LhStatus
decode(const Parser *s, const char *p, size_t n, const char **out)
{
	const char *const begin = p, *const end = p + n;
	size_t len = 0;
	char *text;

	LH_ALLOC(s->ctx, text, n + 1);
	while (p < end)
	{
		if (*p != '%')
		{
			text[len++] = *p++;
			continue;
		}
		if (end - p < 3 || lh_hex_digit((uint8_t) p[1]) < 0 || lh_hex_digit((uint8_t) p[2]) < 0)
			return wrong(s, p, "a percent sign without two hexadecimal digits behind it");
		text[len] = (char) (lh_hex_digit((uint8_t) p[1]) << 4 | lh_hex_digit((uint8_t) p[2]));
		if (text[len++] == '\0')
			return wrong(s, p, "a zero byte");
		p += 3;
	}
	text[len] = '\0';
	if (!lh_utf8_valid(text, len))
		return wrong(s, begin, "what is decoded is not UTF-8");
	*out = text;
	return LH_OK;
}

static LhStatus
parse_scheme(Parser *s, const char **scheme)
{
	size_t n = 0;
	char *text;

	while (is_alnum(s->p[n]) || s->p[n] == '+' || s->p[n] == '-' || s->p[n] == '.')
		n++;
	if (n == 0 || !is_alpha(s->p[0]) || s->p[n] != ':')
		return wrong(s, s->p + n, "it does not begin with a scheme and a colon");
	text = lh_strndup(s->ctx, s->p, n);
	if (text == NULL)
		return s->ctx->error->code;
	for (size_t i = 0; i < n; i++)
		if (text[i] >= 'A' && text[i] <= 'Z')
			text[i] |= 0x20;
	*scheme = text;
	s->p += n + 1;
	return LH_OK;
}

static LhStatus
parse_authority(Parser *s, LhSinkConfig *out)
{
	size_t n;

	out->host = "";
	if (s->p[0] != '/' || s->p[1] != '/')
		return LH_OK;
	s->p += 2;
	n = strcspn(s->p, "/?");
	for (size_t i = 0; i < n; i++)
	{
		if (s->p[i] == '@')
			return wrong(s, s->p + i,
						 "a user before the host (names and passwords are options of the sink)");
		if (!is_alnum(s->p[i]) && strchr("-._:,[]", s->p[i]) == NULL)
			return wrong(s, s->p + i, "a character that no host has");
	}
	out->host = lh_strndup(s->ctx, s->p, n);
	if (out->host == NULL)
		return s->ctx->error->code;
	s->p += n;
	return LH_OK;
}

static LhStatus
parse_path(Parser *s, LhSinkConfig *out)
{
	size_t n = strcspn(s->p, "?");
	const char *segment;

	if (n > 0 && s->p[0] != '/')
		return wrong(s, s->p, "a path that does not begin with /");
	for (size_t i = 0; i + 2 < n; i++)
		if (s->p[i] == '%' && s->p[i + 1] == '2' && (s->p[i + 2] | 0x20) == 'f')
			return wrong(s, s->p + i, "an encoded / in the path");
	LH_TRY(decode(s, s->p, n, &out->path));
	for (segment = out->path; *segment != '\0';)
	{
		size_t len = strcspn(++segment, "/");

		if ((len == 1 && segment[0] == '.') || (len == 2 && memcmp(segment, "..", 2) == 0))
			return wrong(s, s->p, "a path with . or .. in it");
		segment += len;
	}
	s->p += n;
	return LH_OK;
}

static LhStatus
parse_option(Parser *s, LhSinkOption *out)
{
	size_t n = strcspn(s->p, "=&");

	if (n == 0 || s->p[n] != '=')
		return wrong(s, s->p, "an option that is not name=value");
	for (size_t i = 0; i < n; i++)
		if (!is_alnum(s->p[i]) && s->p[i] != '.' && s->p[i] != '_' && s->p[i] != '-')
			return wrong(s, s->p + i, "a character that no option's name has");
	out->name = lh_strndup(s->ctx, s->p, n);
	if (out->name == NULL)
		return s->ctx->error->code;
	s->p += n + 1;
	n = strcspn(s->p, "&");
	LH_TRY(decode(s, s->p, n, &out->value));
	s->p += n;
	return LH_OK;
}

static LhStatus
parse_options(Parser *s, LhSinkConfig *out)
{
	LhSinkOption *options;
	int n = 1;

	out->noptions = 0;
	out->options = NULL;
	if (*s->p != '?')
		return LH_OK;
	s->p++;
	if (*s->p == '\0')
		return LH_OK;
	for (const char *p = s->p; *p != '\0'; p++)
		n += *p == '&';
	if (n > LH_SINK_OPTIONS_MAX)
		LH_FAIL(s->ctx, LH_INVALID, "a sink URI has %d options, more than %d", n,
				LH_SINK_OPTIONS_MAX);
	LH_NEW_ARRAY(s->ctx, options, n);
	for (int i = 0; i < n; i++)
	{
		LH_TRY(parse_option(s, &options[i]));
		if (*s->p == '&')
			s->p++;
	}
	out->options = options;
	out->noptions = n;
	return LH_OK;
}

bool
lh_sink_option_hidden(const LhSinkOption *option)
{
	/* an address with a user or a query is refused, but shown by then */
	return lh_sink_option_secret(option->name) ||
		   (strcmp(option->name, "registry") == 0 && strpbrk(option->value, "@?") != NULL);
}

/* The URI for messages: as it was given, values of secret options apart. */
static LhStatus
strip(Parser *s, LhSinkConfig *out)
{
	const char *p = strchr(s->uri, '?');
	LhBuf text;

	LH_TRY(lh_buf_init(s->ctx, &text, false));
	LH_TRY(
		lh_buf_append(s->ctx, &text, s->uri, p == NULL ? strlen(s->uri) : (size_t) (p - s->uri)));
	for (int i = 0; i < out->noptions; i++)
	{
		size_t name = strlen(out->options[i].name) + 2; /* with what stands before and behind */
		size_t value = strcspn(p + name, "&");

		LH_TRY(lh_buf_append(s->ctx, &text, p, name));
		if (lh_sink_option_hidden(&out->options[i]))
			LH_TRY(lh_buf_append_str(s->ctx, &text, "***"));
		else
			LH_TRY(lh_buf_append(s->ctx, &text, p + name, value));
		p += name + value;
	}
	LH_TRY(lh_buf_putc(s->ctx, &text, '\0'));
	out->uri = (const char *) text.data;
	return LH_OK;
}

LhStatus
lh_sink_uri_parse(LhCtx *ctx, const char *uri, const char **scheme, LhSinkConfig *out)
{
	Parser s = {.ctx = ctx, .uri = uri, .p = uri};

	LH_TRY(check_bytes(&s));
	LH_TRY(parse_scheme(&s, scheme));
	LH_TRY(parse_authority(&s, out));
	LH_TRY(parse_path(&s, out));
	LH_TRY(parse_options(&s, out));
	if (*s.p != '\0')
		return wrong(&s, s.p, "something behind its end");
	return strip(&s, out);
}
