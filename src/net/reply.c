/*
 * reply.c
 *		What a server answered: the few headers that count, parsed strictly.
 *
 * A header that is malformed counts as absent; what needs it then refuses the
 * answer.
 *
 * Source: RFC 9110
 */
#include "net/client.h"

#include <stdio.h>
#include <strings.h>

void
lh_http_reply_init(LhHttpReply *reply)
{
	*reply = (LhHttpReply){
		.length = -1, .range_from = -1, .range_to = -1, .total = -1, .retry_after_ms = -1};
}

/* Digits alone, at most 18; the rest of the text in *end. */
static bool
parse_number(const char *p, int64_t *out, const char **end)
{
	int n = 0;

	*out = 0;
	for (; *p >= '0' && *p <= '9' && n < 18; p++, n++)
		*out = *out * 10 + (*p - '0');
	*end = p;
	return n > 0 && !(*p >= '0' && *p <= '9');
}

bool
lh_http_content_range(const char *text, int64_t *from, int64_t *to, int64_t *total)
{
	*from = *to = *total = -1;
	if (strncasecmp(text, "bytes ", 6) != 0)
		return false;
	text += 6;
	if (*text == '*')
		text++;
	else if (!parse_number(text, from, &text) || *text++ != '-' ||
			 !parse_number(text, to, &text) || *to < *from)
		return false;
	if (*text++ != '/')
		return false;
	if (strcmp(text, "*") == 0)
		return true;
	return parse_number(text, total, &text) && *text == '\0' && *total > *to;
}

int64_t
lh_http_date(const char *text)
{
	time_t t = curl_getdate(text, NULL);

	return t > 0 ? (int64_t) t : 0;
}

int
lh_http_retry_after(const char *text, int64_t unix_now)
{
	int64_t seconds;
	const char *end;

	if (!parse_number(text, &seconds, &end) || *end != '\0')
	{
		time_t then = curl_getdate(text, NULL);

		if (then < 0)
			return -1;
		seconds = (int64_t) then > unix_now ? (int64_t) then - unix_now : 0;
	}
	return seconds > 1000000 ? 1000000000 : (int) seconds * 1000;
}

/* The value of a header of this name, else NULL. */
static const char *
value_of(const char *line, const char *name)
{
	size_t n = strlen(name);

	if (strncasecmp(line, name, n) != 0 || line[n] != ':')
		return NULL;
	line += n + 1;
	while (*line == ' ' || *line == '\t')
		line++;
	return line;
}

/* A value that does not fit counts as absent: a cut one would be another. */
static void
copy_value(char *out, size_t size, const char *value)
{
	if (strlen(value) < size)
		strcpy(out, value);
}

static void
parse_header(LhHttpReply *reply, const char *line)
{
	const char *value, *end;

	if ((value = value_of(line, "Content-Length")) != NULL)
	{
		if (!parse_number(value, &reply->length, &end) || *end != '\0')
			reply->length = -1;
	}
	else if ((value = value_of(line, "Content-Range")) != NULL)
	{
		if (!lh_http_content_range(value, &reply->range_from, &reply->range_to, &reply->total))
			reply->range_from = reply->range_to = reply->total = -1;
	}
	else if ((value = value_of(line, "ETag")) != NULL)
		copy_value(reply->etag, sizeof(reply->etag), value);
	else if ((value = value_of(line, "Last-Modified")) != NULL)
		copy_value(reply->modified, sizeof(reply->modified), value);
	else if ((value = value_of(line, "Location")) != NULL)
		copy_value(reply->location, sizeof(reply->location), value);
	else if ((value = value_of(line, "Retry-After")) != NULL)
		reply->retry_after_ms = lh_http_retry_after(value, (int64_t) time(NULL));
	else if ((value = value_of(line, "Content-Encoding")) != NULL)
		reply->encoded = value[0] != '\0' && strcasecmp(value, "identity") != 0;
	else if ((value = value_of(line, "x-amz-bucket-region")) != NULL)
		copy_value(reply->region, sizeof(reply->region), value);
}

void
lh_http_reply_line(LhHttpReply *reply, const char *line, size_t len)
{
	char copy[LH_URL_MAX + 64];

	while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r' || line[len - 1] == ' '))
		len--;
	if (len >= sizeof(copy) || memchr(line, '\0', len) != NULL)
		return;
	memcpy(copy, line, len);
	copy[len] = '\0';
	if (strncmp(copy, "HTTP/", 5) == 0)
	{
		const char *space = strchr(copy, ' ');

		/* an interim answer (1xx) is forgotten when the next one begins */
		lh_http_reply_init(reply);
		if (space != NULL && strlen(space) >= 4)
			reply->status = (space[1] - '0') * 100 + (space[2] - '0') * 10 + (space[3] - '0');
		return;
	}
	parse_header(reply, copy);
}

void
lh_http_reply_error_code(LhHttpReply *reply, const char *body, size_t len)
{
	const char *code = memmem(body, len, "<Code>", 6);
	size_t n = 0;

	if (code == NULL)
		return;
	code += 6;
	while (code + n < body + len && n + 1 < sizeof(reply->error_code) &&
		   ((code[n] >= 'a' && code[n] <= 'z') || (code[n] >= 'A' && code[n] <= 'Z') ||
			(code[n] >= '0' && code[n] <= '9')))
		n++;
	memcpy(reply->error_code, code, n);
	reply->error_code[n] = '\0';
}
