/*
 * line_read.c
 *		Lines of the log, read again.
 *
 * A line may come from anywhere.  It is parsed by the pull parser of core/json_pull.h, which knows no
 * recursion; members of a later version are passed over, one that comes twice is an error.
 */
#include "audit/internal.h"
#include "core/json_pull.h"

static LhStatus
damaged(LhCtx *ctx, LhPull *j, const char *expected)
{
	return lh_pull_fail(ctx, j, LH_CORRUPT, "expected %s", expected);
}

static LhStatus
read_word(LhCtx *ctx, LhPull *j, const char *const *names, int first, int n, int *out)
{
	LhSlice word;

	LH_TRY(lh_pull_slice(ctx, j, &word));
	for (int i = first; i < n; i++)
		if (lh_slice_is(word, names[i]))
		{
			*out = i;
			return LH_OK;
		}
	return damaged(ctx, j, "a word that is known here");
}

static LhStatus
read_time(LhCtx *ctx, LhPull *j, int64_t *out)
{
	LhSlice text;

	LH_TRY(lh_pull_slice(ctx, j, &text));
	if (!lh_audit_time_parse(text, out))
		return damaged(ctx, j, "a time in UTC with microseconds");
	return LH_OK;
}

static LhStatus
read_count(LhCtx *ctx, LhPull *j, uint64_t *out)
{
	int64_t v;

	if (lh_pull_kind(j) == LH_PULL_NUMBER && *j->p == '-')
		return damaged(ctx, j, "a number that is not negative");
	LH_TRY(lh_pull_id(ctx, j, &v));
	*out = (uint64_t) v;
	return LH_OK;
}

/* "backend/local", both of 32 bits. */
static LhStatus
read_transaction(LhCtx *ctx, LhPull *j, uint64_t *out)
{
	uint64_t halves[2] = {0, 0};
	int half = 0, digits = 0;
	LhSlice text;

	LH_TRY(lh_pull_slice(ctx, j, &text));
	for (size_t i = 0; i < text.len; i++)
	{
		uint8_t c = text.data[i];

		if (c == '/' && half == 0 && digits > 0)
		{
			half = 1;
			digits = 0;
			continue;
		}
		if (c < '0' || c > '9' || ++digits > 10)
			return damaged(ctx, j, "a transaction, as \"3/25\"");
		halves[half] = halves[half] * 10 + (uint64_t) (c - '0');
	}
	if (half == 0 || digits == 0 || halves[0] > UINT32_MAX || halves[1] > UINT32_MAX)
		return damaged(ctx, j, "a transaction, as \"3/25\"");
	*out = halves[0] << 32 | halves[1];
	return LH_OK;
}

static LhStatus
read_column(LhCtx *ctx, LhPull *j, LhAuditColumn *c)
{
	static const char *const names[] = {"name", "policy", "mask", "written", NULL};
	uint64_t seen = 0;
	bool more;
	int which;

	LH_TRY(lh_pull_object(ctx, j));
	for (;;)
	{
		LH_TRY(lh_pull_field(ctx, j, names, &seen, &which, &more));
		if (!more)
			return LH_OK;
		switch (which)
		{
			case 0: LH_TRY(lh_pull_slice(ctx, j, &c->name)); break;
			case 1: LH_TRY(lh_pull_slice(ctx, j, &c->policy)); break;
			case 2: LH_TRY(lh_pull_slice(ctx, j, &c->mask)); break;
			default: LH_TRY(lh_pull_bool(ctx, j, &c->written)); break;
		}
	}
}

static LhStatus
read_columns(LhCtx *ctx, LhPull *j, LhAuditRelation *r)
{
	LhAuditColumn *columns;

	LH_PULL_ITEMS(ctx, j, columns, r->ncolumns, read_column(ctx, j, &columns[r->ncolumns]));
	r->columns = columns;
	return LH_OK;
}

static LhStatus
read_relkind(LhCtx *ctx, LhPull *j, char *kind)
{
	LhSlice text;

	LH_TRY(lh_pull_slice(ctx, j, &text));
	if (text.len != 1)
		return damaged(ctx, j, "one letter");
	*kind = (char) text.data[0];
	return LH_OK;
}

static LhStatus
read_relation(LhCtx *ctx, LhPull *j, LhAuditRelation *r)
{
	static const char *const names[] = {"schema",  "name",    "oid", "kind",
										"filters", "columns", NULL};
	uint64_t seen = 0, oid = 0;
	bool more;
	int which;

	LH_TRY(lh_pull_object(ctx, j));
	for (;;)
	{
		LH_TRY(lh_pull_field(ctx, j, names, &seen, &which, &more));
		if (!more)
			return LH_OK;
		switch (which)
		{
			case 0: LH_TRY(lh_pull_slice(ctx, j, &r->schema)); break;
			case 1: LH_TRY(lh_pull_slice(ctx, j, &r->name)); break;
			case 2:
				LH_TRY(read_count(ctx, j, &oid));
				if (oid > UINT32_MAX)
					return damaged(ctx, j, "a number of 32 bits");
				r->oid = (uint32_t) oid;
				break;
			case 3: LH_TRY(read_relkind(ctx, j, &r->kind)); break;
			case 4: LH_TRY(lh_pull_slice(ctx, j, &r->filters)); break;
			default: LH_TRY(read_columns(ctx, j, r)); break;
		}
	}
}

static LhStatus
read_used(LhCtx *ctx, LhPull *j, LhAuditUsed *u)
{
	static const char *const names[] = {"use", "object", "values", NULL};
	uint64_t seen = 0;
	bool more;
	int which, use = 0;

	LH_TRY(lh_pull_object(ctx, j));
	for (;;)
	{
		LH_TRY(lh_pull_field(ctx, j, names, &seen, &which, &more));
		if (!more)
			break;
		switch (which)
		{
			case 0: LH_TRY(read_word(ctx, j, lh_audit_use_name, 0, LH_AUDIT_USES, &use)); break;
			case 1: LH_TRY(lh_pull_slice(ctx, j, &u->object)); break;
			default: LH_TRY(read_count(ctx, j, &u->values)); break;
		}
	}
	u->use = (LhAuditUse) use;
	return lh_pull_need(ctx, j, names, seen, 1);
}

static LhStatus
read_relations(LhCtx *ctx, LhPull *j, LhAuditRecord *r)
{
	LhAuditRelation *relations;

	LH_PULL_ITEMS(ctx, j, relations, r->nrelations,
				  read_relation(ctx, j, &relations[r->nrelations]));
	r->relations = relations;
	return LH_OK;
}

static LhStatus
read_uses(LhCtx *ctx, LhPull *j, LhAuditRecord *r)
{
	LhAuditUsed *used;

	LH_PULL_ITEMS(ctx, j, used, r->nused, read_used(ctx, j, &used[r->nused]));
	r->used = used;
	return LH_OK;
}

static LhStatus
read_pid(LhCtx *ctx, LhPull *j, int32_t *pid)
{
	int v;

	LH_TRY(lh_pull_i32(ctx, j, &v));
	*pid = v;
	return LH_OK;
}

static LhStatus
read_sqlstate(LhCtx *ctx, LhPull *j, char *out)
{
	LhSlice text;

	LH_TRY(lh_pull_slice(ctx, j, &text));
	if (text.len != 5)
		return damaged(ctx, j, "an SQLSTATE of five characters");
	memcpy(out, text.data, 5);
	return LH_OK;
}

enum
{
	M_TIME,
	M_KIND,
	M_DATABASE,
	M_SESSION_USER,
	M_ROLE,
	M_ROLES,
	M_APPLICATION,
	M_ADDRESS,
	M_PID,
	M_SESSION_START,
	M_TRANSACTION,
	M_STATEMENT,
	M_PURPOSE,
	M_COMMAND,
	M_FINGERPRINT,
	M_OBJECT,
	M_DETAIL,
	M_RELATIONS,
	M_RESULT,
	M_SQLSTATE,
	M_ROWS,
	M_COUNT,
	M_USED,
	M_CUT
};

static LhStatus
read_member(LhCtx *ctx, LhPull *j, int which, LhAuditRecord *r)
{
	LhStatus status = LH_OK;
	int word = 0;

	switch (which)
	{
		case M_TIME: return read_time(ctx, j, &r->time);
		case M_KIND:
			status = read_word(ctx, j, lh_audit_kind_name, 1, LH_AUDIT_STOP + 1, &word);
			if (status == LH_OK)
				r->kind = (LhAuditKind) word;
			return status;
		case M_DATABASE: return lh_pull_slice(ctx, j, &r->database);
		case M_SESSION_USER: return lh_pull_slice(ctx, j, &r->session_user);
		case M_ROLE: return lh_pull_slice(ctx, j, &r->role);
		case M_ROLES: return lh_pull_slice(ctx, j, &r->roles);
		case M_APPLICATION: return lh_pull_slice(ctx, j, &r->application);
		case M_ADDRESS: return lh_pull_slice(ctx, j, &r->address);
		case M_PID: return read_pid(ctx, j, &r->pid);
		case M_SESSION_START: return read_time(ctx, j, &r->session_start);
		case M_TRANSACTION: return read_transaction(ctx, j, &r->transaction);
		case M_STATEMENT: return read_count(ctx, j, &r->statement);
		case M_PURPOSE: return lh_pull_slice(ctx, j, &r->purpose);
		case M_COMMAND: return lh_pull_slice(ctx, j, &r->command);
		case M_FINGERPRINT: return lh_pull_slice(ctx, j, &r->fingerprint);
		case M_OBJECT: return lh_pull_slice(ctx, j, &r->object);
		case M_DETAIL: return lh_pull_slice(ctx, j, &r->detail);
		case M_RELATIONS: return read_relations(ctx, j, r);
		case M_RESULT:
			status = read_word(ctx, j, lh_audit_result_name, 1, LH_AUDIT_GONE + 1, &word);
			if (status == LH_OK)
				r->result = (LhAuditResult) word;
			return status;
		case M_SQLSTATE: return read_sqlstate(ctx, j, r->sqlstate);
		case M_ROWS: return read_count(ctx, j, &r->rows);
		case M_COUNT: return read_count(ctx, j, &r->count);
		case M_USED: return read_uses(ctx, j, r);
		default: return lh_pull_bool(ctx, j, &r->cut);
	}
}

static LhStatus
read_line(LhCtx *ctx, LhPull *j, LhSlice line, LhAuditRecord *out)
{
	static const char *const names[] = {
		"time",        "kind",        "database",  "session_user", "role",
		"roles",       "application", "address",   "pid",          "session_start",
		"transaction", "statement",   "purpose",   "command",      "fingerprint",
		"object",      "detail",      "relations", "result",       "sqlstate",
		"rows",        "count",       "used",      "cut",          NULL};
	uint64_t seen = 0;
	bool more;
	int which;

	LH_TRY(lh_pull_open(ctx, j, "audit line", line));
	LH_TRY(lh_pull_object(ctx, j));
	for (;;)
	{
		LH_TRY(lh_pull_field(ctx, j, names, &seen, &which, &more));
		if (!more)
			break;
		LH_TRY(read_member(ctx, j, which, out));
	}
	LH_TRY(lh_pull_need(ctx, j, names, seen, 3));
	LH_TRY(lh_pull_close(ctx, j));
	if (!lh_audit_valid(out))
		return damaged(ctx, j, "a record whose relations, uses and codes are some");
	return LH_OK;
}

LhStatus
lh_audit_read_line(LhCtx *ctx, LhSlice line, LhAuditRecord *out)
{
	LhPull *j;
	LhStatus status;

	if (line.len > LH_AUDIT_LINE_MOST)
		LH_FAIL(ctx, LH_CORRUPT, "an audit line has %zu bytes, above the limit of %d", line.len,
				LH_AUDIT_LINE_MOST);
	LH_NEW(ctx, j);
	*out = (LhAuditRecord){0};
	status = read_line(ctx, j, line, out);
	/* there is one way in which a line is none */
	if (status == LH_BAD_TEXT || status == LH_LIMIT || status == LH_OUT_OF_RANGE ||
		status == LH_UNSUPPORTED || status == LH_INVALID)
		status = ctx->error->code = LH_CORRUPT;
	return status;
}
