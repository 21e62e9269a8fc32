/*
 * error.c
 *		Errors of the core as PostgreSQL errors.
 *
 * Core writes UTF-8, and what it quotes (paths, names) may come from hostile
 * files, so every text is made valid in the server's encoding before ereport
 * sees it.
 */
#include "pg/util/util.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"

static int
sqlstate(LhStatus code)
{
	switch (code)
	{
		case LH_CANCELLED:
			return ERRCODE_QUERY_CANCELED;
		case LH_NO_MEMORY:
			return ERRCODE_OUT_OF_MEMORY;
		case LH_IO:
			return ERRCODE_IO_ERROR;
		case LH_NOT_FOUND:
			return ERRCODE_UNDEFINED_FILE;
		case LH_DENIED:
			return ERRCODE_INSUFFICIENT_PRIVILEGE;
		case LH_CORRUPT:
			return ERRCODE_DATA_CORRUPTED;
		case LH_UNSUPPORTED:
			return ERRCODE_FEATURE_NOT_SUPPORTED;
		case LH_INVALID:
			return ERRCODE_INVALID_PARAMETER_VALUE;
		case LH_OUT_OF_RANGE:
			return ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE;
		case LH_BAD_DATETIME:
			return ERRCODE_DATETIME_VALUE_OUT_OF_RANGE;
		case LH_BAD_TEXT:
			return ERRCODE_CHARACTER_NOT_IN_REPERTOIRE;
		case LH_CHANGED:
			return ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE;
		case LH_LIMIT:
			return ERRCODE_PROGRAM_LIMIT_EXCEEDED;
		case LH_MISMATCH:
			return ERRCODE_DATATYPE_MISMATCH;
		case LH_NULL_VALUE:
			return ERRCODE_NOT_NULL_VIOLATION;
		case LH_EXISTS:
			return ERRCODE_DUPLICATE_FILE;
		case LH_OK:
		case LH_NEED_HOST:
		case LH_BUG:
			break;
	}
	return ERRCODE_INTERNAL_ERROR;
}

/*
 * Text of the core for people: bytes that are no UTF-8 become '?', and the
 * rest is converted to the server's encoding.  In CurrentMemoryContext.
 */
char *
lh_pg_text(const char *utf8)
{
	size_t		len = strlen(utf8);
	size_t		bad,
				at = 0;
	char	   *text = pnstrdup(utf8, len);
	char	   *converted;

	while (!lh_utf8_check(text + at, len - at, &bad))
	{
		at += bad;
		text[at++] = '?';
	}
	converted = pg_any_to_server(text, (int) len, PG_UTF8);
	return converted;
}

void
lh_pg_raise(LhCtx *ctx)
{
	LhError    *e = ctx->error;
	char	   *message = lh_pg_text(e->message);
	char	   *detail = e->detail[0] ? lh_pg_text(e->detail) : NULL;
	char	   *hint = e->hint[0] ? lh_pg_text(e->hint) : NULL;

	ereport(ERROR,
			(errcode(sqlstate(e->code)),
			 errmsg_internal("%s", message),
			 detail ? errdetail_internal("%s", detail) : 0,
			 hint ? errhint("%s", hint) : 0));
	pg_unreachable();
}

void
lh_pg_check(LhCtx *ctx, LhStatus status)
{
	if (likely(status == LH_OK))
		return;
	if (status == LH_CANCELLED)
		lh_pg_cancelled(ctx);
	if (status != ctx->error->code)
		elog(ERROR, "core returned %s and wrote %s", lh_status_name(status),
			 lh_status_name(ctx->error->code));
	lh_pg_raise(ctx);
}
