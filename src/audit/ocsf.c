/*
 * ocsf.c
 *		Audit records as events of the Open Cybersecurity Schema Framework.
 *
 * What the schema has a place for goes there; all the rest is in "unmapped", so that nothing is lost.  It has no place for a
 * statement without its text: query_info names the command, and the fingerprint as uid.
 *
 * Format: https://schema.ocsf.io, version 1.4.0
 */
#include "audit/internal.h"

#define SCHEMA "1.4.0"

typedef struct Class
{
	const char *name, *category;
	unsigned uid;
} Class;

typedef struct Activity
{
	const char *word, *name;
	unsigned id;
} Activity;

static const Class datastore = {"Datastore Activity", "Application Activity", 6005};
static const Class entity = {"Entity Management", "Identity & Access Management", 3004};
static const Class lifecycle = {"Application Lifecycle", "Application Activity", 6002};
static const Class mistake = {"Application Error", "Application Activity", 6008};

/* By a statement's command. */
static const Activity commands[] = {
	{"SELECT", "Query", 4},  {"FETCH", "Query", 4},    {"VALUES", "Query", 4},
	{"COPY TO", "Query", 4}, {"UPDATE", "Update", 2},  {"MERGE", "Update", 2},
	{"INSERT", "Write", 5},  {"COPY", "Write", 5},     {"COPY FROM", "Write", 5},
	{"DELETE", "Delete", 7}, {"TRUNCATE", "Delete", 7}};

/* By the last word of an action, such as key_rotate. */
static const Activity actions[] = {
	{"create", "Create", 1}, {"add", "Create", 1},     {"list", "Read", 2},
	{"show", "Read", 2},     {"status", "Read", 2},    {"delete", "Delete", 4},
	{"drop", "Delete", 4},   {"destroy", "Delete", 4}, {"erase", "Delete", 4},
	{"remove", "Delete", 4}, {"alter", "Update", 3},   {"set", "Update", 3},
	{"rotate", "Update", 3}, {"retire", "Update", 3},  {"grant", "Update", 3},
	{"revoke", "Update", 3}, {"rewrap", "Update", 3},  {"reset", "Update", 3}};

static bool
is_word(LhSlice s, const char *word)
{
	return s.len == strlen(word) && memcmp(s.data, word, s.len) == 0;
}

static Activity
find_activity(const Activity *list, size_t n, LhSlice word)
{
	for (size_t i = 0; i < n; i++)
		if (is_word(word, list[i].word))
			return list[i];
	return (Activity){"", "Other", 99};
}

static LhSlice
last_word(LhSlice action)
{
	size_t n = action.len;

	while (n > 0 && action.data[n - 1] != '_')
		n--;
	return lh_slice(action.data + n, action.len - n);
}

static Activity
activity_of(const LhAuditRecord *r, const Class **class)
{
	switch (r->kind)
	{
		case LH_AUDIT_EVENT:
			*class = &entity;
			return find_activity(actions, sizeof(actions) / sizeof(actions[0]),
								 last_word(r->command));
		case LH_AUDIT_LOST: *class = &mistake; return (Activity){"", "General Error", 1};
		case LH_AUDIT_START: *class = &lifecycle; return (Activity){"", "Start", 3};
		case LH_AUDIT_STOP: *class = &lifecycle; return (Activity){"", "Stop", 4};
		default:
			*class = &datastore;
			return find_activity(commands, sizeof(commands) / sizeof(commands[0]), r->command);
	}
}

/* A member that is an object: what stands between opens and closes it. */
static LhStatus
open_object(LhCtx *ctx, LhBuf *out, const char *name)
{
	LH_TRY(lh_audit_put_name(ctx, out, name));
	return lh_buf_putc(ctx, out, '{');
}

static LhStatus
close_object(LhCtx *ctx, LhBuf *out)
{
	return lh_buf_putc(ctx, out, '}');
}

static LhStatus
put_product(LhCtx *ctx, LhBuf *out, const char *name)
{
	LH_TRY(open_object(ctx, out, name));
	LH_TRY(lh_audit_put_word(ctx, out, "name", "lakehouse"));
	LH_TRY(lh_audit_put_word(ctx, out, "vendor_name", "lakehouse"));
	LH_TRY(lh_audit_put_word(ctx, out, "version", LAKEHOUSE_VERSION));
	return close_object(ctx, out);
}

static LhStatus
put_metadata(LhCtx *ctx, LhBuf *out, const LhAuditRecord *r, uint64_t number)
{
	char time[LH_AUDIT_TIME_TEXT];

	lh_audit_time_text(r->time, time);
	LH_TRY(open_object(ctx, out, "metadata"));
	LH_TRY(lh_audit_put_word(ctx, out, "version", SCHEMA));
	LH_TRY(put_product(ctx, out, "product"));
	LH_TRY(lh_audit_put_word(ctx, out, "log_name", "audit"));
	LH_TRY(lh_audit_put_number(ctx, out, "sequence", number));
	LH_TRY(lh_audit_put_word(ctx, out, "original_time", time));
	/* intent and outcome of a statement have the same */
	if (r->statement != 0)
	{
		char start[LH_AUDIT_TIME_TEXT];

		lh_audit_time_text(r->session_start, start);
		LH_TRY(lh_audit_put_name(ctx, out, "correlation_uid"));
		LH_TRY(lh_buf_printf(ctx, out, "\"%s/%d/%llu\"", start, r->pid,
							 (unsigned long long) r->statement));
	}
	return close_object(ctx, out);
}

/* What happened, and how it ended. */
static LhStatus
put_status(LhCtx *ctx, LhBuf *out, const LhAuditRecord *r)
{
	bool ended = r->result != 0, good = r->result == LH_AUDIT_OK;

	LH_TRY(lh_audit_put_number(ctx, out, "status_id", !ended ? 0 : good ? 1 : 2));
	LH_TRY(lh_audit_put_word(ctx, out, "status",
							 !ended ? "Unknown"
							 : good ? "Success"
									: "Failure"));
	LH_TRY(lh_audit_put_word(ctx, out, "status_code", r->sqlstate));
	if (ended && !good)
		LH_TRY(lh_audit_put_word(ctx, out, "status_detail", lh_audit_result_name[r->result]));
	if (r->kind == LH_AUDIT_LOST)
	{
		LH_TRY(lh_audit_put_number(ctx, out, "severity_id", 4));
		return lh_audit_put_word(ctx, out, "severity", "High");
	}
	if (r->result == LH_AUDIT_DENIED)
	{
		LH_TRY(lh_audit_put_number(ctx, out, "severity_id", 3));
		return lh_audit_put_word(ctx, out, "severity", "Medium");
	}
	LH_TRY(lh_audit_put_number(ctx, out, "severity_id", 1));
	return lh_audit_put_word(ctx, out, "severity", "Informational");
}

static LhStatus
put_actor(LhCtx *ctx, LhBuf *out, const LhAuditRecord *r)
{
	LH_TRY(open_object(ctx, out, "actor"));
	LH_TRY(open_object(ctx, out, "user"));
	LH_TRY(lh_audit_put_text(ctx, out, "name", r->session_user));
	LH_TRY(close_object(ctx, out));
	LH_TRY(open_object(ctx, out, "process"));
	LH_TRY(lh_audit_put_name(ctx, out, "pid"));
	LH_TRY(lh_buf_printf(ctx, out, "%d", r->pid));
	LH_TRY(close_object(ctx, out));
	if (r->session_start != 0)
	{
		LH_TRY(open_object(ctx, out, "session"));
		LH_TRY(lh_audit_put_name(ctx, out, "created_time"));
		LH_TRY(lh_buf_printf(ctx, out, "%lld", (long long) lh_floor_div(r->session_start, 1000)));
		LH_TRY(close_object(ctx, out));
	}
	LH_TRY(lh_audit_put_text(ctx, out, "app_name", r->application));
	return close_object(ctx, out);
}

/* "host:port", the last colon counts; "local" and the like are names. */
static LhStatus
put_endpoint(LhCtx *ctx, LhBuf *out, const LhAuditRecord *r)
{
	const char *text = (const char *) r->address.data;
	size_t colon = r->address.len, digits = 0;
	unsigned long port = 0;

	while (colon > 0 && text[colon - 1] >= '0' && text[colon - 1] <= '9' && digits < 5)
	{
		colon--;
		digits++;
	}
	for (size_t i = colon; i < r->address.len; i++)
		port = port * 10 + (unsigned long) (text[i] - '0');
	LH_TRY(open_object(ctx, out, "src_endpoint"));
	if (digits > 0 && colon > 1 && text[colon - 1] == ':')
	{
		LH_TRY(lh_audit_put_text(ctx, out, "ip", lh_slice(text, colon - 1)));
		LH_TRY(lh_audit_put_number(ctx, out, "port", port));
	}
	else if (r->address.len > 0)
		LH_TRY(lh_audit_put_text(ctx, out, "name", r->address));
	else
		LH_TRY(lh_audit_put_word(ctx, out, "name", "unknown"));
	return close_object(ctx, out);
}

static LhStatus
put_table(LhCtx *ctx, LhBuf *out, const LhAuditRelation *r)
{
	LhBuf name;

	LH_TRY(lh_buf_init(ctx, &name, false));
	LH_TRY(lh_buf_append(ctx, &name, r->schema.data, r->schema.len));
	LH_TRY(lh_buf_putc(ctx, &name, '.'));
	LH_TRY(lh_buf_append(ctx, &name, r->name.data, r->name.len));
	LH_TRY(open_object(ctx, out, "table"));
	LH_TRY(lh_audit_put_text(ctx, out, "name", lh_slice(name.data, name.len)));
	LH_TRY(lh_audit_put_name(ctx, out, "uid"));
	LH_TRY(lh_buf_printf(ctx, out, "\"%u\"", r->oid));
	lh_buf_free(&name);
	return close_object(ctx, out);
}

static LhStatus
put_datastore(LhCtx *ctx, LhBuf *out, const LhAuditRecord *r)
{
	LH_TRY(put_actor(ctx, out, r));
	LH_TRY(put_endpoint(ctx, out, r));
	LH_TRY(open_object(ctx, out, "database"));
	LH_TRY(lh_audit_put_text(ctx, out, "name", r->database));
	LH_TRY(lh_audit_put_word(ctx, out, "type", "Relational"));
	LH_TRY(lh_audit_put_number(ctx, out, "type_id", 1));
	LH_TRY(close_object(ctx, out));
	LH_TRY(lh_audit_put_number(ctx, out, "type_id", r->nrelations > 0 ? 3 : 1));
	if (r->nrelations > 0)
		LH_TRY(put_table(ctx, out, &r->relations[0]));
	LH_TRY(open_object(ctx, out, "query_info"));
	LH_TRY(lh_audit_put_text(ctx, out, "query_string", r->command));
	LH_TRY(lh_audit_put_text(ctx, out, "uid", r->fingerprint));
	return close_object(ctx, out);
}

/* "key/customer": its kind and its name. */
static LhStatus
put_entity(LhCtx *ctx, LhBuf *out, const LhAuditRecord *r)
{
	const uint8_t *slash = r->object.len > 0 ? memchr(r->object.data, '/', r->object.len) : NULL;
	size_t kind = slash != NULL ? (size_t) (slash - r->object.data) : 0;
	size_t name = slash != NULL ? kind + 1 : 0;

	LH_TRY(put_actor(ctx, out, r));
	LH_TRY(put_endpoint(ctx, out, r));
	LH_TRY(open_object(ctx, out, "entity"));
	LH_TRY(
		lh_audit_put_text(ctx, out, "name", lh_slice(r->object.data + name, r->object.len - name)));
	LH_TRY(lh_audit_put_text(ctx, out, "type", lh_slice(r->object.data, kind)));
	LH_TRY(close_object(ctx, out));
	return lh_audit_put_text(ctx, out, "comment", r->detail);
}

/* What the schema has no place for. */
static LhStatus
put_unmapped(LhCtx *ctx, LhBuf *out, const LhAuditRecord *r)
{
	LH_TRY(open_object(ctx, out, "unmapped"));
	LH_TRY(lh_audit_put_word(ctx, out, "kind", lh_audit_kind_name[r->kind]));
	LH_TRY(lh_audit_put_text(ctx, out, "role", r->role));
	LH_TRY(lh_audit_put_text(ctx, out, "roles", r->roles));
	LH_TRY(lh_audit_put_text(ctx, out, "purpose", r->purpose));
	LH_TRY(lh_audit_put_text(ctx, out, "command", r->command));
	if (r->transaction != 0)
	{
		LH_TRY(lh_audit_put_name(ctx, out, "transaction"));
		LH_TRY(lh_buf_printf(ctx, out, "\"%u/%u\"", (unsigned) (r->transaction >> 32),
							 (unsigned) r->transaction));
	}
	if (r->kind == LH_AUDIT_OUTCOME)
		LH_TRY(lh_audit_put_number(ctx, out, "rows", r->rows));
	LH_TRY(lh_audit_put_relations(ctx, out, r));
	LH_TRY(lh_audit_put_uses(ctx, out, r));
	if (r->cut)
	{
		LH_TRY(lh_audit_put_name(ctx, out, "cut"));
		LH_TRY(lh_buf_append(ctx, out, "true", 4));
	}
	return close_object(ctx, out);
}

LhStatus
lh_audit_ocsf(LhCtx *ctx, const LhAuditRecord *r, uint64_t number, LhBuf *out)
{
	const Class *class;
	Activity activity;

	if (!lh_audit_valid(r))
		LH_FAIL(ctx, LH_INVALID, "an audit record has a kind, a time or a code that is none");
	activity = activity_of(r, &class);
	LH_TRY(lh_buf_putc(ctx, out, '{'));
	LH_TRY(lh_audit_put_number(ctx, out, "category_uid", class->uid / 1000));
	LH_TRY(lh_audit_put_word(ctx, out, "category_name", class->category));
	LH_TRY(lh_audit_put_number(ctx, out, "class_uid", class->uid));
	LH_TRY(lh_audit_put_word(ctx, out, "class_name", class->name));
	LH_TRY(lh_audit_put_number(ctx, out, "activity_id", activity.id));
	LH_TRY(lh_audit_put_word(ctx, out, "activity_name", activity.name));
	LH_TRY(lh_audit_put_number(ctx, out, "type_uid", class->uid * 100 + activity.id));
	LH_TRY(lh_audit_put_name(ctx, out, "time"));
	LH_TRY(lh_buf_printf(ctx, out, "%lld", (long long) lh_floor_div(r->time, 1000)));
	LH_TRY(put_status(ctx, out, r));
	LH_TRY(put_metadata(ctx, out, r, number));
	if (class == &datastore)
		LH_TRY(put_datastore(ctx, out, r));
	else if (class == &entity)
		LH_TRY(put_entity(ctx, out, r));
	else if (class == &lifecycle)
		LH_TRY(put_product(ctx, out, "app"));
	if (class == &mistake)
	{
		LH_TRY(lh_audit_put_number(ctx, out, "count", r->count));
		LH_TRY(lh_audit_put_text(ctx, out, "message", r->detail));
	}
	LH_TRY(put_unmapped(ctx, out, r));
	return close_object(ctx, out);
}
