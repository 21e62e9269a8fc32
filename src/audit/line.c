/*
 * line.c
 *		Audit records as lines of JSON, and lines read again.
 *
 * Members, in this order; those without a value are left out:
 *
 *	time kind database session_user role roles application address pid session_start transaction
 *	statement purpose command fingerprint object detail relations result sqlstate rows count used cut
 *
 * relations: schema name oid kind filters columns (name policy mask written).  used: use object values.
 * transaction is "backend/local" as in pg_locks.  rows are there in every outcome.
 *
 * One record has one line, byte for byte.  Reading takes members in any order, with blanks and with
 * members of later versions: a line is evidence by its hash, not by its form.
 */
#include "audit/internal.h"

#include <inttypes.h>
#include <stdio.h>

const char *const lh_audit_kind_name[LH_AUDIT_STOP + 1] = {
	NULL, "intent", "outcome", "event", "lost", "start", "stop",
};
const char *const lh_audit_result_name[LH_AUDIT_GONE + 1] = {
	NULL, "ok", "failed", "cancelled", "denied", "gone",
};
const char *const lh_audit_use_name[LH_AUDIT_USES] = {
	"tokenize", "detokenize", "encrypt", "decrypt", "blind_index", "search",
};

/*
 * Times
 */

#define US_PER_DAY INT64_C(86400000000)

static char *
put_digits(char *p, uint64_t v, int n)
{
	for (int i = n - 1; i >= 0; i--, v /= 10)
		p[i] = (char) ('0' + v % 10);
	return p + n;
}

void
lh_audit_time_text(int64_t time, char out[LH_AUDIT_TIME_TEXT])
{
	uint64_t us = (uint64_t) lh_floor_mod(time, US_PER_DAY), s = us / 1000000;
	int64_t year;
	int month, day;
	char *p = out;

	lh_civil_from_days(lh_floor_div(time, US_PER_DAY), &year, &month, &day);
	p = put_digits(p, (uint64_t) year, 4);
	*p++ = '-';
	p = put_digits(p, (uint64_t) month, 2);
	*p++ = '-';
	p = put_digits(p, (uint64_t) day, 2);
	*p++ = 'T';
	p = put_digits(p, s / 3600, 2);
	*p++ = ':';
	p = put_digits(p, s / 60 % 60, 2);
	*p++ = ':';
	p = put_digits(p, s % 60, 2);
	*p++ = '.';
	p = put_digits(p, us % 1000000, 6);
	*p++ = 'Z';
	*p = '\0';
}

static bool
parse_digits(const uint8_t *p, int n, int *out)
{
	*out = 0;
	for (int i = 0; i < n; i++)
	{
		if (p[i] < '0' || p[i] > '9')
			return false;
		*out = *out * 10 + (p[i] - '0');
	}
	return true;
}

/* Only the form that is written: there is one text for a time. */
bool
lh_audit_time_parse(LhSlice text, int64_t *out)
{
	char again[LH_AUDIT_TIME_TEXT];
	int year, month, day, hour, minute, second, us;
	const uint8_t *p = text.data;

	if (text.len != LH_AUDIT_TIME_TEXT - 1 || !parse_digits(p, 4, &year) ||
		!parse_digits(p + 5, 2, &month) || !parse_digits(p + 8, 2, &day) ||
		!parse_digits(p + 11, 2, &hour) || !parse_digits(p + 14, 2, &minute) ||
		!parse_digits(p + 17, 2, &second) || !parse_digits(p + 20, 6, &us))
		return false;
	if (year < 1 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 ||
		second > 59)
		return false;
	*out = lh_days_from_civil(year, month, day) * US_PER_DAY +
		   ((int64_t) hour * 3600 + minute * 60 + second) * 1000000 + us;
	if (*out < LH_AUDIT_TIME_LEAST || *out > LH_AUDIT_TIME_MOST)
		return false;
	lh_audit_time_text(*out, again);
	return memcmp(again, text.data, text.len) == 0;
}

/*
 * Writing
 */

LhStatus
lh_audit_put_string(LhCtx *ctx, LhBuf *out, LhSlice text)
{
	size_t bad;

	if (lh_utf8_check(text.data, text.len, &bad))
		return lh_json_string(ctx, out, text.data, text.len);
	LH_TRY(lh_buf_putc(ctx, out, '"'));
	for (;;)
	{
		/* its quotes go: parts stand behind each other in one string */
		size_t at = out->len;

		LH_TRY(lh_json_string(ctx, out, text.data, bad));
		memmove(out->data + at, out->data + at + 1, out->len - at - 2);
		out->len -= 2;
		if (bad == text.len)
			break;
		LH_TRY(lh_buf_append_str(ctx, out, "\xEF\xBF\xBD"));
		text = lh_slice(text.data + bad + 1, text.len - bad - 1);
		if (lh_utf8_check(text.data, text.len, &bad))
			bad = text.len;
	}
	return lh_buf_putc(ctx, out, '"');
}

/* A comma before all members but the first. */
LhStatus
lh_audit_put_name(LhCtx *ctx, LhBuf *out, const char *name)
{
	uint8_t last = out->len > 0 ? out->data[out->len - 1] : '{';

	if (last != '{' && last != '[')
		LH_TRY(lh_buf_putc(ctx, out, ','));
	LH_TRY(lh_buf_putc(ctx, out, '"'));
	LH_TRY(lh_buf_append_str(ctx, out, name));
	return lh_buf_append(ctx, out, "\":", 2);
}

LhStatus
lh_audit_put_text(LhCtx *ctx, LhBuf *out, const char *name, LhSlice text)
{
	if (text.len == 0)
		return LH_OK;
	LH_TRY(lh_audit_put_name(ctx, out, name));
	return lh_audit_put_string(ctx, out, text);
}

LhStatus
lh_audit_put_word(LhCtx *ctx, LhBuf *out, const char *name, const char *word)
{
	return lh_audit_put_text(ctx, out, name, lh_slice(word, strlen(word)));
}

LhStatus
lh_audit_put_number(LhCtx *ctx, LhBuf *out, const char *name, uint64_t v)
{
	char text[24];

	LH_TRY(lh_audit_put_name(ctx, out, name));
	return lh_buf_append(ctx, out, text, (size_t) snprintf(text, sizeof(text), "%" PRIu64, v));
}

static LhStatus
put_number_set(LhCtx *ctx, LhBuf *out, const char *name, uint64_t v)
{
	return v != 0 ? lh_audit_put_number(ctx, out, name, v) : LH_OK;
}

static LhStatus
put_time(LhCtx *ctx, LhBuf *out, const char *name, int64_t time)
{
	char text[LH_AUDIT_TIME_TEXT];

	lh_audit_time_text(time, text);
	return lh_audit_put_word(ctx, out, name, text);
}

static LhStatus
put_true(LhCtx *ctx, LhBuf *out, const char *name, bool set)
{
	if (!set)
		return LH_OK;
	LH_TRY(lh_audit_put_name(ctx, out, name));
	return lh_buf_append(ctx, out, "true", 4);
}

static LhStatus
open_item(LhCtx *ctx, LhBuf *out, int i)
{
	return lh_buf_append(ctx, out, ",{" + (i == 0), i == 0 ? 1 : 2);
}

static LhStatus
put_column(LhCtx *ctx, LhBuf *out, const LhAuditColumn *c)
{
	LH_TRY(lh_audit_put_text(ctx, out, "name", c->name));
	LH_TRY(lh_audit_put_text(ctx, out, "policy", c->policy));
	LH_TRY(lh_audit_put_text(ctx, out, "mask", c->mask));
	LH_TRY(put_true(ctx, out, "written", c->written));
	return lh_buf_putc(ctx, out, '}');
}

static LhStatus
put_relation(LhCtx *ctx, LhBuf *out, const LhAuditRelation *r)
{
	LH_TRY(lh_audit_put_text(ctx, out, "schema", r->schema));
	LH_TRY(lh_audit_put_text(ctx, out, "name", r->name));
	LH_TRY(put_number_set(ctx, out, "oid", r->oid));
	LH_TRY(lh_audit_put_text(ctx, out, "kind", lh_slice(&r->kind, 1)));
	LH_TRY(lh_audit_put_text(ctx, out, "filters", r->filters));
	if (r->ncolumns > 0)
	{
		LH_TRY(lh_audit_put_name(ctx, out, "columns"));
		LH_TRY(lh_buf_putc(ctx, out, '['));
		for (int i = 0; i < r->ncolumns; i++)
		{
			LH_TRY(open_item(ctx, out, i));
			LH_TRY(put_column(ctx, out, &r->columns[i]));
		}
		LH_TRY(lh_buf_putc(ctx, out, ']'));
	}
	return lh_buf_putc(ctx, out, '}');
}

static LhStatus
put_used(LhCtx *ctx, LhBuf *out, const LhAuditUsed *u)
{
	LH_TRY(lh_audit_put_word(ctx, out, "use", lh_audit_use_name[u->use]));
	LH_TRY(lh_audit_put_text(ctx, out, "object", u->object));
	LH_TRY(lh_audit_put_number(ctx, out, "values", u->values));
	return lh_buf_putc(ctx, out, '}');
}

static LhStatus
put_who(LhCtx *ctx, LhBuf *out, const LhAuditRecord *r)
{
	LH_TRY(lh_audit_put_text(ctx, out, "database", r->database));
	LH_TRY(lh_audit_put_text(ctx, out, "session_user", r->session_user));
	LH_TRY(lh_audit_put_text(ctx, out, "role", r->role));
	LH_TRY(lh_audit_put_text(ctx, out, "roles", r->roles));
	LH_TRY(lh_audit_put_text(ctx, out, "application", r->application));
	LH_TRY(lh_audit_put_text(ctx, out, "address", r->address));
	if (r->pid != 0)
	{
		LH_TRY(lh_audit_put_name(ctx, out, "pid"));
		LH_TRY(lh_buf_printf(ctx, out, "%d", r->pid));
	}
	if (r->session_start != 0)
		LH_TRY(put_time(ctx, out, "session_start", r->session_start));
	if (r->transaction != 0)
	{
		LH_TRY(lh_audit_put_name(ctx, out, "transaction"));
		LH_TRY(lh_buf_printf(ctx, out, "\"%u/%u\"", (unsigned) (r->transaction >> 32),
							 (unsigned) r->transaction));
	}
	return LH_OK;
}

LhStatus
lh_audit_put_relations(LhCtx *ctx, LhBuf *out, const LhAuditRecord *r)
{
	if (r->nrelations == 0)
		return LH_OK;
	LH_TRY(lh_audit_put_name(ctx, out, "relations"));
	LH_TRY(lh_buf_putc(ctx, out, '['));
	for (int i = 0; i < r->nrelations; i++)
	{
		LH_TRY(open_item(ctx, out, i));
		LH_TRY(put_relation(ctx, out, &r->relations[i]));
	}
	return lh_buf_putc(ctx, out, ']');
}

LhStatus
lh_audit_put_uses(LhCtx *ctx, LhBuf *out, const LhAuditRecord *r)
{
	if (r->nused == 0)
		return LH_OK;
	LH_TRY(lh_audit_put_name(ctx, out, "used"));
	LH_TRY(lh_buf_putc(ctx, out, '['));
	for (int i = 0; i < r->nused; i++)
	{
		LH_TRY(open_item(ctx, out, i));
		LH_TRY(put_used(ctx, out, &r->used[i]));
	}
	return lh_buf_putc(ctx, out, ']');
}

LhStatus
lh_audit_line(LhCtx *ctx, const LhAuditRecord *r, LhBuf *out)
{
	if (!lh_audit_valid(r))
		LH_FAIL(ctx, LH_INVALID, "an audit record has a kind, a time or a code that is none");
	LH_TRY(lh_buf_putc(ctx, out, '{'));
	LH_TRY(put_time(ctx, out, "time", r->time));
	LH_TRY(lh_audit_put_word(ctx, out, "kind", lh_audit_kind_name[r->kind]));
	LH_TRY(put_who(ctx, out, r));
	LH_TRY(put_number_set(ctx, out, "statement", r->statement));
	LH_TRY(lh_audit_put_text(ctx, out, "purpose", r->purpose));
	LH_TRY(lh_audit_put_text(ctx, out, "command", r->command));
	LH_TRY(lh_audit_put_text(ctx, out, "fingerprint", r->fingerprint));
	LH_TRY(lh_audit_put_text(ctx, out, "object", r->object));
	LH_TRY(lh_audit_put_text(ctx, out, "detail", r->detail));
	LH_TRY(lh_audit_put_relations(ctx, out, r));
	if (r->result != 0)
		LH_TRY(lh_audit_put_word(ctx, out, "result", lh_audit_result_name[r->result]));
	LH_TRY(lh_audit_put_word(ctx, out, "sqlstate", r->sqlstate));
	if (r->kind == LH_AUDIT_OUTCOME || r->rows != 0)
		LH_TRY(lh_audit_put_number(ctx, out, "rows", r->rows));
	LH_TRY(put_number_set(ctx, out, "count", r->count));
	LH_TRY(lh_audit_put_uses(ctx, out, r));
	LH_TRY(put_true(ctx, out, "cut", r->cut));
	return lh_buf_putc(ctx, out, '}');
}
