/*
 * export.c
 *		Entries shown and exported.
 */
#include "audit_tool/tool.h"

#include <stdio.h>

#include "audit/internal.h"

/* Entries between two resets of their memory. */
#define BATCH 1000

typedef struct Filter
{
	int64_t from, to;
	const ToolOptions *o;
} Filter;

/* "2026-12-01", "2026-12-01T10:00:00Z" or with a fraction. */
static LhStatus
parse_time(LhCtx *ctx, const char *option, const char *text, int64_t *out)
{
	static const char rest[] = "T00:00:00.000000Z";
	size_t n = strlen(text);
	char full[LH_AUDIT_TIME_TEXT] = "";

	if (n == 10)
		snprintf(full, sizeof(full), "%s%s", text, rest);
	else if (n == 20 && text[19] == 'Z')
		snprintf(full, sizeof(full), "%.19s.000000Z", text);
	else
		snprintf(full, sizeof(full), "%s", text);
	if (n > LH_AUDIT_TIME_TEXT - 1 || !lh_audit_time_parse(lh_slice(full, strlen(full)), out))
		LH_FAIL(ctx, LH_INVALID, "option --%s is a time such as 2026-12-01T10:00:00Z, not \"%s\"",
				option, text);
	return LH_OK;
}

static LhSlice
word(const char *text)
{
	return lh_slice(text, text != NULL ? strlen(text) : 0);
}

static bool
same(LhSlice a, const char *text, size_t n)
{
	return a.len == n && (n == 0 || memcmp(a.data, text, n) == 0);
}

static bool
has_relation(const LhAuditRecord *r, const char *text)
{
	for (int i = 0; i < r->nrelations; i++)
	{
		const LhAuditRelation *x = &r->relations[i];

		if (strlen(text) == x->schema.len + 1 + x->name.len &&
			same(x->schema, text, x->schema.len) && text[x->schema.len] == '.' &&
			same(x->name, text + x->schema.len + 1, x->name.len))
			return true;
	}
	return false;
}

/* "member=value"; *holds. */
static LhStatus
apply(LhCtx *ctx, const char *where, const LhAuditRecord *r, bool *holds)
{
	const struct
	{
		const char *name;
		LhSlice value;
	} members[] = {
		{"kind", word(lh_audit_kind_name[r->kind])},
		{"database", r->database},
		{"session_user", r->session_user},
		{"role", r->role},
		{"application", r->application},
		{"purpose", r->purpose},
		{"command", r->command},
		{"object", r->object},
		{"fingerprint", r->fingerprint},
		{"result", word(lh_audit_result_name[r->result])},
		{"sqlstate", word(r->sqlstate)},
	};
	const char *equals = strchr(where, '=');
	size_t n = equals != NULL ? (size_t) (equals - where) : 0;

	if (n == 8 && memcmp(where, "relation", 8) == 0)
	{
		*holds = has_relation(r, equals + 1);
		return LH_OK;
	}
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (n == strlen(members[i].name) && memcmp(where, members[i].name, n) == 0)
		{
			*holds = same(members[i].value, equals + 1, strlen(equals + 1));
			return LH_OK;
		}
	LH_FAIL(ctx, LH_INVALID,
			"option --where is MEMBER=VALUE with a member that --help names, not \"%s\"", where);
}

static LhStatus
matches(LhCtx *ctx, const Filter *f, const LhAuditRecord *r, bool *holds)
{
	*holds = r->time >= f->from && r->time < f->to;
	for (int i = 0; i < f->o->nwhere && *holds; i++)
		LH_TRY(apply(ctx, f->o->where[i], r, holds));
	return LH_OK;
}

typedef enum Form
{
	FORM_SHOW,
	FORM_JSON,
	FORM_OCSF
} Form;

static LhStatus
put_entry(LhCtx *ctx, const Filter *f, Form form, uint64_t number, LhSlice line)
{
	LhAuditRecord r;
	bool holds;
	LhBuf event;

	LH_TRY(lh_audit_read_line(ctx, line, &r));
	LH_TRY(matches(ctx, f, &r, &holds));
	if (!holds)
		return LH_OK;
	if (form == FORM_SHOW)
		printf("%llu ", (unsigned long long) number);
	if (form != FORM_OCSF)
	{
		fwrite(line.data, 1, line.len, stdout);
		putchar('\n');
		return LH_OK;
	}
	LH_TRY(lh_buf_init(ctx, &event, false));
	LH_TRY(lh_audit_ocsf(ctx, &r, number, &event));
	fwrite(event.data, 1, event.len, stdout);
	putchar('\n');
	return LH_OK;
}

static LhStatus
put_all(LhCtx *ctx, LhAuditLog *log, const Filter *f, Form form)
{
	for (uint64_t i = lh_audit_log_first(log); i < lh_audit_log_synced(log); i++)
	{
		LhSlice line;

		if (i % BATCH == 0)
			lh_arena_reset(ctx->arena);
		LH_TRY(lh_audit_log_entry(ctx, log, i, &line));
		if (put_entry(ctx, f, form, i, line) != LH_OK)
		{
			lh_error_prefix(ctx, "entry %llu", (unsigned long long) i);
			return ctx->error->code;
		}
		if (ferror(stdout))
			LH_FAIL(ctx, LH_IO, "could not write to standard output");
	}
	return LH_OK;
}

static LhStatus
put_log(LhCtx *ctx, const ToolOptions *o, Form form, int *exit)
{
	Filter f = {INT64_MIN, INT64_MAX, o};
	LhAuditRecord none = {.kind = LH_AUDIT_STOP};
	LhArena *keep = ctx->arena, *batch;
	LhAuditLog *log;
	LhStatus status;
	bool holds;

	LH_TRY(tool_need(ctx, "log", o->log));
	if (o->from != NULL)
		LH_TRY(parse_time(ctx, "from", o->from, &f.from));
	if (o->to != NULL)
		LH_TRY(parse_time(ctx, "to", o->to, &f.to));
	for (int i = 0; i < o->nwhere; i++)
		LH_TRY(apply(ctx, o->where[i], &none, &holds));
	LH_TRY(lh_audit_log_read(ctx, o->log, &log));
	batch = lh_arena_child(keep);
	if (batch == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	lh_use(ctx, batch);
	status = put_all(ctx, log, &f, form);
	lh_use(ctx, keep);
	*exit = TOOL_INTACT;
	return status;
}

LhStatus
tool_show(LhCtx *ctx, const ToolOptions *o, int *exit)
{
	return put_log(ctx, o, FORM_SHOW, exit);
}

LhStatus
tool_export(LhCtx *ctx, const ToolOptions *o, int *exit)
{
	if (o->format == NULL || strcmp(o->format, "json") == 0)
		return put_log(ctx, o, FORM_JSON, exit);
	if (strcmp(o->format, "ocsf") == 0)
		return put_log(ctx, o, FORM_OCSF, exit);
	LH_FAIL(ctx, LH_INVALID, "option --format is json or ocsf, not \"%s\"", o->format);
}
