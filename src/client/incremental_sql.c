/*
 * incremental_sql.c
 *		What snapshots beside the stream ask of the server, and what they note there.
 *
 *	1. Keys come as text and go back as literals of their types, so nothing here knows
 *	   types.  The session's settings are such that text and value are one to one.
 *	2. The order is that of ORDER BY, the bounds are row comparisons.  Both mean the
 *	   same as long as the operators are those of pg_catalog; a key whose index has
 *	   others (citext) is read as if there were none.
 *	3. search_path is empty, and row_security off: a policy that would hide rows is
 *	   an error, not a table that is silently incomplete.
 *	4. Messages of errors may hold values (22P02 names what it could not read), which
 *	   the stream masks: only those that speak of names and rights are repeated.
 */
#include "client/incremental.h"
#include "client/snapshot.h"

#include <stdlib.h>

#include "change/change.h"

#define FIRST_ROWS   1000 /* of a table's first chunk */
#define NOTE_MS      30000
#define LOCK_TIMEOUT "10s"

/* ---- pieces of SQL ---- */

static LhStatus
put_texts(LhCtx *ctx, LhBuf *out, const LhTexts *t)
{
	LhBuf list;

	LH_TRY(lh_buf_init(ctx, &list, false));
	LH_TRY(lh_texts_write(ctx, &list, t));
	LH_TRY(lh_buf_putc(ctx, &list, '\0'));
	LH_TRY(lh_sql_literal(ctx, out, (const char *) list.data));
	return lh_buf_append_str(ctx, out, "::pg_catalog.text[]");
}

/* ROW("t"."a", "t"."b") */
static LhStatus
put_columns(LhIncremental *e, LhBuf *out)
{
	const LhTexts *columns = &e->table->columns;

	for (int i = 0; i < columns->n; i++)
		LH_TRY(lh_buf_printf(e->ctx, out, "%s%s", i > 0 ? ", " : "ROW(", columns->v[i]));
	return lh_buf_putc(e->ctx, out, ')');
}

/* ROW('1'::integer, 'x'::text) */
static LhStatus
put_key(LhIncremental *e, LhBuf *out, const char *const *key)
{
	const LhTexts *types = &e->table->types;

	for (int i = 0; i < types->n; i++)
	{
		LH_TRY(lh_buf_append_str(e->ctx, out, i > 0 ? ", " : "ROW("));
		LH_TRY(lh_sql_literal(e->ctx, out, key[i]));
		LH_TRY(lh_buf_printf(e->ctx, out, "::%s", types->v[i]));
	}
	return lh_buf_putc(e->ctx, out, ')');
}

/* ROW(columns) OP ROW(key) */
static LhStatus
put_compare(LhIncremental *e, LhBuf *out, const char *operator, const LhTexts * key)
{
	LH_TRY(put_columns(e, out));
	LH_TRY(lh_buf_append_str(e->ctx, out, operator));
	return put_key(e, out, key->v);
}

static LhStatus
put_predicate(LhIncremental *e, LhBuf *out)
{
	/* on a line of its own, lest a comment at its end takes the rest */
	return e->table->predicate == NULL
			   ? LH_OK
			   : lh_buf_printf(e->ctx, out, " AND (%s\n)", e->table->predicate);
}

/* "t"."a"::text, "t"."b"::text */
static LhStatus
put_key_texts(LhIncremental *e, LhBuf *out)
{
	const LhTexts *columns = &e->table->columns;

	for (int i = 0; i < columns->n; i++)
		LH_TRY(
			lh_buf_printf(e->ctx, out, "%s%s::pg_catalog.text", i > 0 ? ", " : "", columns->v[i]));
	return LH_OK;
}

/* ---- statements ---- */

/* Formats that show values as the session does would differ from the stream, were settings changed. */
static bool
canonical(const LhClientConfig *c)
{
	for (int i = 0; i < c->nformats; i++)
	{
		if (lh_change_format_find(c->formats[i], strlen(c->formats[i]))->session)
			return false;
	}
	return true;
}

static LhStatus
setup_sql(LhIncremental *e, LhBuf *out)
{
	static const char *const always[][2] = {{"search_path", ""},
											{"synchronous_commit", "local"},
											{"row_security", "off"},
											{"statement_timeout", "0"},
											{"idle_in_transaction_session_timeout", "0"},
											{"default_transaction_read_only", "off"},
											{"default_transaction_deferrable", "off"},
											{"lock_timeout", LOCK_TIMEOUT}};
	static const char *const texts[][2] = {{"datestyle", "ISO, YMD"}, {"intervalstyle", "postgres"},
										   {"timezone", "UTC"},       {"extra_float_digits", "3"},
										   {"bytea_output", "hex"},   {"lc_monetary", "C"}};
	size_t ntexts = canonical(&e->client->config) ? sizeof(texts) / sizeof(texts[0]) : 0;

	LH_TRY(lh_buf_append_str(e->ctx, out, "SELECT true"));
	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		LH_TRY(lh_buf_printf(e->ctx, out, ", pg_catalog.set_config('%s', '%s', false)",
							 always[i][0], always[i][1]));
	for (size_t i = 0; i < ntexts; i++)
		LH_TRY(lh_buf_printf(e->ctx, out, ", pg_catalog.set_config('%s', '%s', false)", texts[i][0],
							 texts[i][1]));
	return LH_OK;
}

const char *
lh_incremental_list_sql(LhIncremental *e)
{
	return lh_sprintf(
		e->ctx,
		"SELECT s.id, s.relation::pg_catalog.oid, s.schema_name, s.table_name, s.method, s.state, "
		"s.predicate, s.pending, s.chunks, s.rows, s.units IS NOT NULL, "
		"(SELECT pg_catalog.string_agg(a.relid::pg_catalog.oid::pg_catalog.text, ' ') "
		"FROM pg_catalog.pg_partition_ancestors(s.relation::pg_catalog.regclass) a) "
		"FROM lakehouse.cdc_snapshot_state('%s') s "
		"WHERE s.state IN ('waiting', 'reading') "
		"AND coalesce(s.method, 'key') IN ('key', 'barrier') ORDER BY s.id",
		e->client->config.slot);
}

/* The table as it is now; does an index of pg_catalog's operators have its key? */
static LhStatus
describe_sql(LhIncremental *e, LhBuf *out)
{
	LH_TRY(lh_buf_append_str(
		e->ctx, out,
		"SELECT pg_catalog.format('ONLY %I.%I', n.nspname, c.relname), "
		"pg_catalog.format('%I', c.relname), "
		"(SELECT pg_catalog.array_agg(pg_catalog.format('%I.%I', c.relname, u.k) ORDER BY u.o) "
		"FROM pg_catalog.unnest(t.key_columns) WITH ORDINALITY u(k, o)), "
		"t.key_types, t.method, t.reason, "
		"EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisunique "
		"AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL "
		"AND i.indnkeyatts = pg_catalog.cardinality(t.key_columns) "
		"AND (SELECT pg_catalog.bool_and(a.attname::pg_catalog.text = ANY (t.key_columns)) "
		"FROM pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY k(attnum, o) "
		"JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum "
		"WHERE k.o <= i.indnkeyatts) "
		"AND NOT EXISTS (SELECT FROM pg_catalog.unnest(i.indclass::pg_catalog.oid[]) k(oid) "
		"JOIN pg_catalog.pg_opclass o ON o.oid = k.oid WHERE NOT o.opcdefault "
		"OR o.opcnamespace <> 'pg_catalog'::pg_catalog.regnamespace)) "
		"FROM lakehouse.cdc_snapshot_tables("));
	LH_TRY(lh_sql_options(e->ctx, out, &e->client->config));
	return lh_buf_printf(e->ctx, out,
						 ") t JOIN pg_catalog.pg_class c ON c.oid = t.relation "
						 "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
						 "WHERE t.relation = %u",
						 e->table->oid);
}

/* The last key of the next chunk; no row: it is the last chunk. */
static LhStatus
bound_sql(LhIncremental *e, LhBuf *out)
{
	LhIncTable *t = e->table;

	LH_TRY(lh_buf_append_str(e->ctx, out, "SELECT "));
	LH_TRY(put_key_texts(e, out));
	LH_TRY(lh_buf_printf(e->ctx, out, " FROM %s AS %s WHERE true", t->only, t->alias));
	if (t->progress.last.n > 0)
	{
		LH_TRY(lh_buf_append_str(e->ctx, out, " AND "));
		LH_TRY(put_compare(e, out, " > ", &t->progress.last));
	}
	LH_TRY(put_predicate(e, out));
	for (int i = 0; i < t->columns.n; i++)
		LH_TRY(lh_buf_printf(e->ctx, out, "%s%s", i > 0 ? ", " : " ORDER BY ", t->columns.v[i]));
	return lh_buf_printf(e->ctx, out, " OFFSET %lld LIMIT 1", (long long) t->chunk_rows - 1);
}

static LhStatus
row_sql(LhIncremental *e, LhBuf *out)
{
	LH_TRY(lh_buf_printf(e->ctx, out, "SELECT lakehouse.cdc_row(%s.*, ", e->table->alias));
	LH_TRY(lh_sql_options(e->ctx, out, &e->client->config));
	LH_TRY(lh_buf_putc(e->ctx, out, ')'));
	if (!e->barrier)
	{
		LH_TRY(lh_buf_append_str(e->ctx, out, ", "));
		LH_TRY(put_key_texts(e, out));
	}
	return lh_buf_printf(e->ctx, out, " FROM %s AS %s WHERE true", e->table->only, e->table->alias);
}

/* Rows of the chunk, and those that are to be read again. */
static LhStatus
rows_sql(LhIncremental *e, LhBuf *out)
{
	const LhProgress *p = &e->table->progress;
	int nkeys = e->table->columns.n;
	bool range = e->barrier || !p->end;

	if (range)
	{
		LH_TRY(row_sql(e, out));
		if (!e->barrier && p->last.n > 0)
		{
			LH_TRY(lh_buf_append_str(e->ctx, out, " AND "));
			LH_TRY(put_compare(e, out, " > ", &p->last));
		}
		if (!e->barrier && !e->last_chunk)
		{
			LH_TRY(lh_buf_append_str(e->ctx, out, " AND "));
			LH_TRY(put_compare(e, out, " <= ", &e->upper));
		}
		LH_TRY(put_predicate(e, out));
	}
	if (e->barrier || p->again.n == 0)
		return LH_OK;
	if (range)
		LH_TRY(lh_buf_append_str(e->ctx, out, " UNION ALL "));
	LH_TRY(row_sql(e, out));
	LH_TRY(lh_buf_append_str(e->ctx, out, " AND "));
	LH_TRY(put_columns(e, out));
	for (int i = 0; i + nkeys <= p->again.n; i += nkeys)
	{
		LH_TRY(lh_buf_append_str(e->ctx, out, i > 0 ? ", " : " IN ("));
		LH_TRY(put_key(e, out, p->again.v + i));
	}
	LH_TRY(lh_buf_putc(e->ctx, out, ')'));
	return put_predicate(e, out);
}

/* What else changes a table's rows without a trace in them (TRUNCATE, a rewrite) is kept out before the snapshot is taken. */
static LhStatus
lock_sql(LhIncremental *e, LhBuf *out)
{
	bool any = false;

	LH_TRY(lh_buf_append_str(e->ctx, out, "LOCK TABLE "));
	for (int i = 0; i < e->ntables; i++)
	{
		const LhIncTable *t = &e->tables[i];

		if (e->barrier ? !lh_incremental_in_barrier(t) : t != e->table)
			continue;
		LH_TRY(lh_buf_printf(e->ctx, out, "%s%s", any ? ", " : "", t->only));
		any = true;
	}
	return lh_buf_append_str(e->ctx, out, " IN ACCESS SHARE MODE");
}

static LhStatus
mark_sql(LhIncremental *e, LhBuf *out, const char *which)
{
	return lh_buf_printf(
		e->ctx, out,
		"SELECT pg_catalog.pg_logical_emit_message(true, 'lakehouse.watermark', '%s %s')", e->mark,
		which);
}

static LhStatus
make_sql(LhIncremental *e, LhStep step, LhBuf *sql)
{
	LhCtx *ctx = e->ctx;

	switch (step)
	{
		case LH_STEP_SETUP: return setup_sql(e, sql);
		case LH_STEP_LOAD: return lh_buf_append_str(ctx, sql, lh_incremental_list_sql(e));
		case LH_STEP_DESCRIBE: return describe_sql(e, sql);
		case LH_STEP_BOUND: return bound_sql(e, sql);
		case LH_STEP_LOW: return mark_sql(e, sql, "low");
		case LH_STEP_BEGIN:
			return lh_buf_append_str(ctx, sql, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
		case LH_STEP_LOCK: return lock_sql(e, sql);
		case LH_STEP_SNAPSHOT:
			return lh_buf_append_str(ctx, sql, "SELECT pg_catalog.pg_current_snapshot()");
		case LH_STEP_ROWS: return rows_sql(e, sql);
		case LH_STEP_COMMIT: return lh_buf_append_str(ctx, sql, "COMMIT");
		default: return mark_sql(e, sql, "high");
	}
}

LhStatus
lh_incremental_send(LhIncremental *e, LhStep step)
{
	LhBuf sql;
	bool sent;

	LH_TRY(lh_buf_init(e->ctx, &sql, false));
	LH_TRY(make_sql(e, step, &sql));
	LH_TRY(lh_buf_putc(e->ctx, &sql, '\0'));
	if (step == LH_STEP_ROWS)
		sent = PQsendQueryParams(e->conn, (const char *) sql.data, 0, NULL, NULL, NULL, NULL, 1) &&
			   PQsetSingleRowMode(e->conn);
	else
		sent = PQsendQuery(e->conn, (const char *) sql.data);
	lh_buf_free(&sql);
	e->step = step;
	e->refused = false;
	if (!sent)
		lh_incremental_lost(e, PQerrorMessage(e->conn));
	return LH_OK;
}

/* ---- answers ---- */

static bool
is_true(const PGresult *r, int row, int column)
{
	return PQgetvalue(r, row, column)[0] == 't';
}

static LhStatus
keep_text(LhCtx *ctx, const PGresult *r, int row, int column, const char **text)
{
	*text = NULL;
	if (PQgetisnull(r, row, column))
		return LH_OK;
	*text = lh_strdup(ctx, PQgetvalue(r, row, column));
	return *text != NULL ? LH_OK : ctx->error->code;
}

/* Ids that events of the table may bear: "1 2 3" and its own. */
static LhStatus
take_relids(LhCtx *ctx, LhIncTable *t, const char *ancestors)
{
	const char *p = ancestors;
	int n = 2;

	for (const char *c = ancestors; *c != '\0'; c++)
		n += *c == ' ';
	LH_NEW_ARRAY(ctx, t->relids, n);
	t->relids[t->nrelids++] = t->oid;
	while (*p != '\0')
	{
		char *end;
		uint32_t relid = (uint32_t) strtoul(p, &end, 10);

		if (end == p)
			break;
		if (relid != t->oid && t->nrelids < n)
			t->relids[t->nrelids++] = relid;
		p = end;
	}
	return LH_OK;
}

LhStatus
lh_incremental_keep(LhIncremental *e, LhIncTable *t)
{
	LhArena *to = t->arenas[1 - t->turn];
	LhArena *old = lh_use(e->ctx, to);
	LhStatus status = lh_progress_copy(e->ctx, &t->progress, &t->progress);

	lh_use(e->ctx, old);
	LH_TRY(status);
	lh_arena_reset(t->arenas[t->turn]);
	t->turn = 1 - t->turn;
	return LH_OK;
}

/* A row of the list; in e->tables_arena. */
static LhStatus
load_row(LhIncremental *e, const PGresult *r, int row, LhIncTable *t)
{
	LhCtx *ctx = e->ctx;
	LhTexts state = {0};

	t->id = strtoll(PQgetvalue(r, row, 0), NULL, 10);
	t->oid = (uint32_t) strtoul(PQgetvalue(r, row, 1), NULL, 10);
	LH_TRY(keep_text(ctx, r, row, 2, &t->schema));
	LH_TRY(keep_text(ctx, r, row, 3, &t->name));
	t->barrier = strcmp(PQgetvalue(r, row, 4), "barrier") == 0;
	t->reading = strcmp(PQgetvalue(r, row, 5), "reading") == 0;
	LH_TRY(keep_text(ctx, r, row, 6, &t->predicate));
	if (!PQgetisnull(r, row, 7))
		LH_TRY(lh_texts_parse(ctx, PQgetvalue(r, row, 7), &state));
	LH_TRY(lh_progress_decode(ctx, &state, &t->progress));
	t->chunks = strtoll(PQgetvalue(r, row, 8), NULL, 10);
	t->rows = strtoll(PQgetvalue(r, row, 9), NULL, 10);
	t->planned = is_true(r, row, 10);
	LH_TRY(take_relids(ctx, t, PQgetvalue(r, row, 11)));
	t->chunk_rows = FIRST_ROWS;
	for (int i = 0; i < 2; i++)
	{
		t->arenas[i] = lh_arena_child(e->tables_arena);
		if (t->arenas[i] == NULL)
			LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	}
	return lh_incremental_keep(e, t);
}

LhStatus
lh_incremental_load(LhIncremental *e, const PGresult *r)
{
	LhArena *old;
	LhStatus status = LH_OK;
	int n = PQntuples(r);

	lh_arena_reset(e->tables_arena);
	e->tables = NULL;
	e->ntables = 0;
	e->table = NULL;
	old = lh_use(e->ctx, e->tables_arena);
	e->tables = lh_alloc_array(e->ctx, (size_t) n + 1, sizeof(LhIncTable));
	if (e->tables == NULL)
		status = e->ctx->error->code;
	for (int i = 0; i < n && status == LH_OK; i++)
	{
		status = load_row(e, r, i, &e->tables[i]);
		e->ntables = i + 1;
	}
	if (status == LH_OK)
		status = lh_incremental_index(e);
	lh_use(e->ctx, old);
	return status;
}

/* In e->tables_arena. */
static LhStatus
take_description(LhIncremental *e, const PGresult *r)
{
	LhIncTable *t = e->table;
	bool barrier;

	if (PQntuples(r) == 0)
		return lh_incremental_note(e, t, "failed",
								   "the stream does not have this table, or it is there no more");
	LH_TRY(keep_text(e->ctx, r, 0, 0, &t->only));
	LH_TRY(keep_text(e->ctx, r, 0, 1, &t->alias));
	barrier = strcmp(PQgetvalue(r, 0, 4), "key") != 0 || PQgetisnull(r, 0, 2) || !is_true(r, 0, 6);
	if (!t->barrier && !barrier)
	{
		LH_TRY(lh_texts_parse(e->ctx, PQgetvalue(r, 0, 2), &t->columns));
		LH_TRY(lh_texts_parse(e->ctx, PQgetvalue(r, 0, 3), &t->types));
		barrier = t->columns.n == 0 || t->columns.n != t->types.n ||
				  (t->progress.last.n != 0 && t->progress.last.n != t->columns.n);
	}
	t->described = true;
	if (t->barrier || !barrier)
		return t->reading ? LH_OK : lh_incremental_note(e, t, "reading", NULL);
	lh_log(
		&e->client->log, LH_LOG_WARNING, "snapshot",
		"table %s.%s cannot be read in pieces by its key (%s): the stream will wait while it is read",
		t->schema, t->name,
		PQgetisnull(r, 0, 5) ? "its index has operators of its own" : PQgetvalue(r, 0, 5));
	t->barrier = true;
	t->progress = (LhProgress){.snapshot = ""};
	return lh_incremental_note(e, t, "waiting", NULL);
}

static LhStatus
take_row(LhIncremental *e, const PGresult *r)
{
	int nkeys = e->barrier ? 0 : e->table->columns.n;
	LhSlice keys[LH_MAX_FORMATS + 64];
	bool full;

	/* a row that the stream would not have */
	if (e->cancelled || PQgetisnull(r, 0, 0))
		return LH_OK;
	if (nkeys > (int) (sizeof(keys) / sizeof(keys[0])) || PQnfields(r) != 1 + nkeys)
		LH_FAIL(e->ctx, LH_CORRUPT, "rows of table %s.%s have %d columns", e->table->schema,
				e->table->name, PQnfields(r));
	for (int i = 0; i < nkeys; i++)
		keys[i] = lh_slice(PQgetvalue(r, 0, 1 + i), (size_t) PQgetlength(r, 0, 1 + i));
	LH_TRY(lh_window_hold(e->ctx, e->window,
						  lh_slice(PQgetvalue(r, 0, 0), (size_t) PQgetlength(r, 0, 0)), keys,
						  &full));
	e->full = e->barrier ? lh_window_bytes(e->window) >= (size_t) e->client->config.chunk_memory
						 : e->full || full;
	return LH_OK;
}

LhStatus
lh_incremental_take(LhIncremental *e, const PGresult *r)
{
	LhArena *old = lh_use(e->ctx, e->step == LH_STEP_DESCRIBE ? e->tables_arena : e->work);
	LhStatus status = LH_OK;

	switch (e->step)
	{
		case LH_STEP_LOAD: status = lh_incremental_load(e, r); break;
		case LH_STEP_DESCRIBE: status = take_description(e, r); break;
		case LH_STEP_BOUND:
			e->last_chunk = PQntuples(r) == 0;
			e->upper = (LhTexts){0};
			for (int i = 0; i < PQnfields(r) && !e->last_chunk && status == LH_OK; i++)
			{
				const char *text;

				status = keep_text(e->ctx, r, 0, i, &text);
				if (status == LH_OK)
					status = lh_texts_add(e->ctx, &e->upper, text != NULL ? text : "");
			}
			break;
		case LH_STEP_SNAPSHOT:
			status = keep_text(e->ctx, r, 0, 0, &e->snapshot_text);
			if (status == LH_OK)
				status = lh_xids_parse(e->ctx, e->snapshot_text, &e->snapshot);
			break;
		case LH_STEP_ROWS:
			if (PQntuples(r) > 0)
				status = take_row(e, r);
			break;
		default: break;
	}
	lh_use(e->ctx, old);
	return status;
}

/* ---- notes ---- */

const char *
lh_incremental_refusal(LhIncremental *e, const PGresult *r)
{
	static const char *const told[] = {"08", "0A", "25", "28", "40", "42", "53", "54", "55", "57"};
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
	const char *message = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
	const char *text = NULL;

	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]) && state != NULL; i++)
	{
		if (strncmp(state, told[i], 2) == 0)
			text = lh_sprintf(e->ctx, "%s", message != NULL ? message : state);
	}
	if (text == NULL)
		text = lh_sprintf(
			e->ctx, "error %s, whose message may hold values of rows; the server's log has it",
			state != NULL ? state : "without a code");
	return text != NULL ? text : "out of memory";
}

static LhStatus
put_or_null(LhCtx *ctx, LhBuf *out, PGconn *conn, const char *text)
{
	return text != NULL ? lh_sql_literal(ctx, out, text) : lh_buf_append_str(ctx, out, "NULL");
}

static LhStatus
note_sql(LhIncremental *e, LhIncTable *t, const char *state, const char *error, LhBuf *out)
{
	LhCtx *ctx = e->ctx;
	PGconn *conn = e->client->side;
	LhTexts progress;

	LH_TRY(lh_progress_encode(ctx, &t->progress, &progress));
	LH_TRY(lh_buf_printf(ctx, out,
						 "SELECT pg_catalog.set_config('synchronous_commit', 'local', true), "
						 "lakehouse.cdc_snapshot_note(%lld, ",
						 (long long) t->id));
	LH_TRY(put_or_null(ctx, out, conn, state));
	LH_TRY(lh_buf_printf(ctx, out, ", '%s', ", t->barrier ? "barrier" : "key"));
	if (t->progress.point != 0)
		LH_TRY(lh_buf_printf(ctx, out, "'" LH_LSN_FORMAT "', ", LH_LSN_ARGS(t->progress.point)));
	else
		LH_TRY(lh_buf_append_str(ctx, out, "NULL, "));
	LH_TRY(put_texts(ctx, out, &t->progress.last));
	LH_TRY(lh_buf_printf(ctx, out, ", %lld, %lld, ", (long long) t->chunks, (long long) t->rows));
	LH_TRY(put_or_null(ctx, out, conn, error));
	LH_TRY(lh_buf_append_str(ctx, out, ", "));
	LH_TRY(put_texts(ctx, out, &progress));
	return lh_buf_append(ctx, out, ")", 2);
}

LhStatus
lh_incremental_note(LhIncremental *e, LhIncTable *t, const char *state, const char *error)
{
	LhBuf sql;
	PGresult *r;

	bool was = e->client->finishing;
	LhStatus status;

	LH_TRY(lh_source_side(e->client));
	LH_TRY(lh_buf_init(e->ctx, &sql, false));
	LH_TRY(note_sql(e, t, state, error, &sql));
	/* a signal to stop does not leave in doubt whether it was written */
	e->client->finishing = true;
	status = lh_source_query(e->client, e->client->side, (const char *) sql.data, NOTE_MS, &r);
	e->client->finishing = was;
	lh_buf_free(&sql);
	if (status != LH_OK)
	{
		lh_source_close(&e->client->side);
		return status;
	}
	PQclear(r);
	if (state == NULL)
		return LH_OK;
	t->reading = strcmp(state, "reading") == 0;
	t->over = !t->reading && strcmp(state, "waiting") != 0;
	if (strcmp(state, "failed") == 0)
		lh_log(&e->client->log, LH_LOG_ERROR, "snapshot_failed",
			   "the snapshot of table %s.%s failed, the stream goes on: %s", t->schema, t->name,
			   error);
	if (strcmp(state, "done") == 0)
		lh_log(&e->client->log, LH_LOG_INFO, "snapshot_done",
			   "the snapshot of table %s.%s is done: %lld rows", t->schema, t->name,
			   (long long) t->rows);
	return LH_OK;
}
