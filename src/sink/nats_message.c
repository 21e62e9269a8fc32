/*
 * nats_message.c
 *		What a message looks like in JetStream: its subject, its headers, positions in headers.
 *
 *	Nats-Msg-Id			slot/format/commit/ordinal/sub, for who copies or drops duplicates
 *	Lakehouse-Stream	slot/format: whose it is
 *	Lakehouse-At		which message it is: commit ordinal sub xid, and " unit" in a snapshot's unit
 *	Lakehouse-Done		commit ordinal xid: all up to there is in the stream, this message included
 *	Lakehouse-Key		its key; not there: it has none
 *	Lakehouse-Tombstone	"yes": it has no value, which is not the same as an empty one
 *	lsn commit ordinal op		as the Kafka sink has them (headers=yes)
 *
 * A unit's rows may be others when they come again, under the same numbers; so their Nats-Msg-Id
 * has a number of the recovery, too, lest the server take new rows for old ones.
 *
 * Names of an outbox's headers come from the configuration, values from rows.  A name that
 * would mean something to the server ("Nats-Rollup" empties streams) is refused.
 */
#include "sink/nats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "change/outbox.h"

bool
lh_nats_subject(const char *prefix, const char *topic, char out[LH_NATS_SUBJECT_MAX + 1])
{
	size_t n = 0;
	bool begins = true; /* a token */

	for (int part = 0; part < 2; part++)
		for (const char *p = part == 0 ? prefix : topic; *p != '\0'; p++)
		{
			unsigned char c = (unsigned char) *p;

			if (n + 2 >= LH_NATS_SUBJECT_MAX)
				return false;
			if (c == '.' && begins)
				out[n++] = '_';
			if (c <= ' ' || c == 0x7f || c == '*' || c == '>' || (c == '$' && n == 0))
				c = '_';
			begins = c == '.';
			out[n++] = (char) c;
		}
	if (n == 0)
		return false;
	if (begins)
		out[n++] = '_';
	out[n] = '\0';
	return true;
}

bool
lh_nats_subject_in(const char *pattern, const char *subject)
{
	for (;;)
	{
		size_t p = strcspn(pattern, "."), s = strcspn(subject, ".");

		if (p == 1 && pattern[0] == '>' && pattern[1] == '\0')
			return s > 0;
		if (s == 0 || p == 0)
			return false;
		if (!(p == 1 && pattern[0] == '*') && (p != s || memcmp(pattern, subject, p) != 0))
			return false;
		if (pattern[p] == '\0' || subject[s] == '\0')
			return pattern[p] == subject[s];
		pattern += p + 1;
		subject += s + 1;
	}
}

LhStatus
lh_nats_header_text(LhCtx *ctx, LhBuf *out, LhSlice bytes)
{
	static const char hex[] = "0123456789ABCDEF";

	out->len = 0;
	for (size_t i = 0; i < bytes.len; i++)
	{
		uint8_t c = bytes.data[i];

		if (c > ' ' && c < 0x7f && c != '%')
			LH_TRY(lh_buf_putc(ctx, out, (char) c));
		else
		{
			char text[3] = {'%', hex[c >> 4], hex[c & 15]};

			LH_TRY(lh_buf_append(ctx, out, text, 3));
		}
		/* no message has room for more */
		if (out->len > 4 * LH_NATS_HEADERS_MAX)
			break;
	}
	return lh_buf_putc(ctx, out, '\0');
}

LhStatus
lh_nats_header(LhCtx *ctx, natsMsg *msg, const char *name, const char *value)
{
	natsStatus s = natsMsgHeader_Set(msg, name, value);

	if (s == NATS_OK)
		return LH_OK;
	LH_FAIL(ctx, s == NATS_NO_MEMORY ? LH_NO_MEMORY : LH_BUG, "a header could not be set: %s",
			natsStatus_GetText(s));
}

void
lh_nats_at_write(const LhChangePos *pos, int sub, bool unit, char out[LH_NATS_AT_TEXT])
{
	char lsn[LH_LSN_TEXT];

	snprintf(out, LH_NATS_AT_TEXT, "%s %llu %d %u%s", lh_sink_lsn_text(pos->commit_end, lsn),
			 (unsigned long long) pos->ordinal, sub, pos->xid, unit ? " unit" : "");
}

void
lh_nats_done_write(const LhChangePos *pos, char out[LH_NATS_AT_TEXT])
{
	char lsn[LH_LSN_TEXT];

	snprintf(out, LH_NATS_AT_TEXT, "%s %llu %u", lh_sink_lsn_text(pos->commit_end, lsn),
			 (unsigned long long) pos->ordinal, pos->xid);
}

/* A number and what ends it; text moves behind both. */
static bool
take_number(const char **text, uint64_t max, char end, uint64_t *out)
{
	const char *p = *text;

	*out = 0;
	if (*p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(*out, 10, out) ||
			__builtin_add_overflow(*out, (uint64_t) (*p - '0'), out))
			return false;
	if (*out > max || *p != end)
		return false;
	*text = *p != '\0' ? p + 1 : p;
	return true;
}

static bool
take_lsn(const char **text, uint64_t *out)
{
	char lsn[LH_LSN_TEXT];
	size_t n = strcspn(*text, " ");

	if (n >= sizeof(lsn) || (*text)[n] != ' ')
		return false;
	memcpy(lsn, *text, n);
	lsn[n] = '\0';
	*text += n + 1;
	return lh_sink_lsn_parse(lsn, out);
}

bool
lh_nats_at_read(const char *text, LhChangePos *pos, int *sub, bool *unit)
{
	uint64_t number;
	size_t n = strlen(text);

	*unit = n > 5 && strcmp(text + n - 5, " unit") == 0;
	if (!take_lsn(&text, &pos->commit_end) || !take_number(&text, UINT64_MAX, ' ', &pos->ordinal))
		return false;
	*sub = -1;
	if (strncmp(text, "-1 ", 3) == 0)
		text += 3;
	else if (take_number(&text, INT32_MAX, ' ', &number))
		*sub = (int) number;
	else
		return false;
	if (!take_number(&text, UINT32_MAX, *unit ? ' ' : '\0', &number))
		return false;
	pos->xid = (uint32_t) number;
	return true;
}

bool
lh_nats_done_read(const char *text, LhChangePos *pos)
{
	uint64_t xid;

	if (!take_lsn(&text, &pos->commit_end) || !take_number(&text, UINT64_MAX, ' ', &pos->ordinal) ||
		!take_number(&text, UINT32_MAX, '\0', &xid))
		return false;
	pos->xid = (uint32_t) xid;
	return true;
}

const char *
lh_nats_find_header(LhCtx *ctx, const char *block, const char *name)
{
	size_t n = strlen(name);

	/* the first line is the version */
	for (const char *line = strstr(block, "\r\n"); line != NULL; line = strstr(line, "\r\n"))
	{
		line += 2;
		if (strncmp(line, name, n) == 0 && line[n] == ':')
		{
			const char *value = line + n + 1;

			value += strspn(value, " ");
			return lh_strndup(ctx, value, strcspn(value, "\r"));
		}
	}
	return NULL;
}

/*
 * A message
 */

/* May it be called so, beside what the server and we have? */
static bool
is_free_name(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || strncasecmp(name, "Nats-", 5) == 0 || strncasecmp(name, "Lakehouse-", 10) == 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if (name[i] <= ' ' || name[i] >= 0x7f || name[i] == ':')
			return false;
	return true;
}

/* Those that an outbox's row has.  *bytes grows by what they take. */
static LhStatus
own_headers(LhCtx *ctx, LhNats *n, natsMsg *msg, LhSlice headers, uint64_t *bytes)
{
	size_t at = 0;

	while (at < headers.len)
	{
		LhSlice name, value;
		const char *text;

		LH_TRY(lh_header_next(ctx, headers, &at, &name, &value));
		text = lh_strndup(ctx, (const char *) name.data, name.len);
		if (text == NULL)
			return ctx->error->code;
		if (strlen(text) != name.len || !is_free_name(text))
		{
			lh_fail(ctx, LH_INVALID, "sink \"%s\": a header cannot be called \"%.64s\"",
					n->config.uri, text);
			lh_hint(ctx,
					"The outbox's options name headers: letters, digits, '-', without \"Nats-\" "
					"or \"Lakehouse-\" before them.");
			return LH_INVALID;
		}
		/* null: a header that is not there */
		if (value.data == NULL)
			continue;
		LH_TRY(lh_nats_header_text(ctx, &n->text, value));
		*bytes += name.len + n->text.len + 4;
		if (*bytes > LH_NATS_HEADERS_MAX)
			return LH_OK;
		LH_TRY(lh_nats_header(ctx, msg, text, (const char *) n->text.data));
	}
	return LH_OK;
}

static LhStatus
put_header(LhCtx *ctx, natsMsg *msg, const char *name, const char *value, uint64_t *bytes)
{
	*bytes += strlen(name) + strlen(value) + 4;
	return lh_nats_header(ctx, msg, name, value);
}

static LhStatus
fill(LhCtx *ctx, LhNats *n, const LhSinkMessage *m, natsMsg *msg, uint64_t *bytes)
{
	char at[LH_NATS_AT_TEXT], lsn[LH_LSN_TEXT], end[LH_LSN_TEXT], ordinal[32];

	lh_nats_at_write(&m->pos, m->sub, m->unit, at);
	lh_sink_lsn_text(m->pos.commit_end, end);
	snprintf(ordinal, sizeof(ordinal), "%llu", (unsigned long long) m->pos.ordinal);
	LH_TRY(put_header(ctx, msg, LH_NATS_H_IN, n->o.stream, bytes));
	LH_TRY(put_header(ctx, msg, LH_NATS_H_STREAM, n->identity, bytes));
	LH_TRY(put_header(ctx, msg, LH_NATS_H_AT, at, bytes));
	if (m->tombstone)
		LH_TRY(put_header(ctx, msg, LH_NATS_H_TOMBSTONE, "yes", bytes));
	if (n->o.headers)
	{
		LH_TRY(put_header(ctx, msg, "lsn", lh_sink_lsn_text(m->lsn, lsn), bytes));
		LH_TRY(put_header(ctx, msg, "commit", end, bytes));
		LH_TRY(put_header(ctx, msg, "ordinal", ordinal, bytes));
		LH_TRY(put_header(ctx, msg, "op", lh_sink_op_name(m->op), bytes));
	}
	if (m->has_key)
	{
		LH_TRY(lh_nats_header_text(ctx, &n->text, m->key));
		*bytes += n->text.len + sizeof(LH_NATS_H_KEY) + 4;
		if (*bytes > LH_NATS_HEADERS_MAX)
			return LH_OK;
		LH_TRY(lh_nats_header(ctx, msg, LH_NATS_H_KEY, (const char *) n->text.data));
	}
	return own_headers(ctx, n, msg, m->headers, bytes);
}

LhStatus
lh_nats_message(LhCtx *ctx, LhNats *n, const LhSinkMessage *m, const char *subject, uint64_t *bytes,
				natsMsg **out)
{
	LhSlice value = m->tombstone ? (LhSlice){0} : m->value;
	char inbox[LH_NATS_INBOX];
	LhStatus status;
	natsMsg *msg;

	*out = NULL;
	/* the id, and what comes when it leaves */
	*bytes = LH_NATS_LATE_ROOM;
	/* the token is taken when the message is */
	lh_nats_link_inbox(n->link, n->token + 1, inbox);
	if (value.len > INT32_MAX / 2 ||
		natsMsg_Create(&msg, subject, inbox, value.len > 0 ? (const char *) value.data : "",
					   (int) value.len) != NATS_OK)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	status = fill(ctx, n, m, msg, bytes);
	if (status == LH_OK && *bytes <= LH_NATS_HEADERS_MAX)
	{
		*bytes += value.len;
		*out = msg;
		return LH_OK;
	}
	natsMsg_Destroy(msg);
	return status;
}
