/*
 * log.c
 *		Messages on stderr.  Each is one write, so that those of several processes
 *		do not get mixed up.
 */
#include "client/log.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define LINE 8192

typedef struct Line
{
	char text[LINE];
	size_t n;
} Line;

static void
put(Line *l, const char *text)
{
	while (*text != '\0' && l->n < LINE - 2)
		l->text[l->n++] = *text++;
}

/* A quoted JSON string; bytes that are no UTF-8 become '?'. */
static void
put_json(Line *l, const char *text)
{
	size_t n = strlen(text);
	char piece[8];

	put(l, "\"");
	for (size_t i = 0; i < n;)
	{
		unsigned char c = (unsigned char) text[i];
		size_t len = c < 0x80 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;

		if (len > n - i || !lh_utf8_valid(text + i, len))
		{
			put(l, "?");
			i++;
			continue;
		}
		if (c == '"' || c == '\\')
			snprintf(piece, sizeof(piece), "\\%c", c);
		else if (c < 0x20)
			snprintf(piece, sizeof(piece), "\\u%04x", c);
		else
			snprintf(piece, sizeof(piece), "%.*s", (int) len, text + i);
		/* a character is cut nowhere, and the quote still fits */
		if (l->n + sizeof(piece) + 4 < LINE)
			put(l, piece);
		i += len;
	}
	put(l, "\"");
}

static void
put_field(Line *l, const char *name, const char *value)
{
	put(l, ",\"");
	put(l, name);
	put(l, "\":");
	put_json(l, value);
}

static void
write_line(LhLog *log, Line *l)
{
	l->text[l->n++] = '\n';
	lh_log_progress_end(log);
	/* nobody is left to be told when this fails */
	if (write(log->fd, l->text, l->n) < 0)
		return;
}

static void
say(LhLog *log, LhLogLevel level, const char *event, const char *message, const char *detail,
	const char *hint)
{
	static const char *const names[] = {"info", "warning", "error"};
	Line l = {.n = 0};
	struct timespec now;
	struct tm tm;
	char time[64];

	if (!log->json)
	{
		put(&l, "lakehouse_cdc: ");
		if (level != LH_LOG_INFO)
		{
			put(&l, names[level]);
			put(&l, ": ");
		}
		put(&l, message);
		if (detail[0] != '\0')
		{
			put(&l, "\nDETAIL:  ");
			put(&l, detail);
		}
		if (hint[0] != '\0')
		{
			put(&l, "\nHINT:  ");
			put(&l, hint);
		}
		write_line(log, &l);
		return;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(time, sizeof(time), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(time + strlen(time), sizeof(time) - strlen(time), ".%03ldZ", now.tv_nsec / 1000000);
	put(&l, "{\"time\":");
	put_json(&l, time);
	put_field(&l, "level", names[level]);
	put_field(&l, "event", event);
	if (log->slot != NULL)
		put_field(&l, "slot", log->slot);
	put_field(&l, "message", message);
	if (detail[0] != '\0')
		put_field(&l, "detail", detail);
	if (hint[0] != '\0')
		put_field(&l, "hint", hint);
	put(&l, "}");
	write_line(log, &l);
}

void
lh_log(LhLog *log, LhLogLevel level, const char *event, const char *fmt, ...)
{
	char message[LH_ERROR_TEXT];
	va_list args;

	va_start(args, fmt);
	vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	say(log, level, event, message, "", "");
}

void
lh_log_error(LhLog *log, const char *event, const LhError *error)
{
	say(log, LH_LOG_ERROR, event, error->message, error->detail, error->hint);
}

void
lh_log_progress(LhLog *log, const char *fmt, ...)
{
	char text[256];
	va_list args;

	if (!log->terminal || log->json)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	log->progress_shown = dprintf(log->fd, "\r%s\033[K", text) > 0;
}

void
lh_log_progress_end(LhLog *log)
{
	if (log->progress_shown)
		dprintf(log->fd, "\n");
	log->progress_shown = false;
}
