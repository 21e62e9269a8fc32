/*
 * snapshot_plan.c
 *		What the database keeps of a slot's snapshots (lakehouse.cdc_snapshots), and
 *		what becomes of an initial one that a client left unfinished.
 *
 * A sink's own position says which units it holds.  What is stored here says which
 * tables that is about: so the rows are written before any sink is, and a table is
 * noted as done when all sinks are known to hold it.  No stream begins while a
 * table of method "initial" is not done: beyond the point, positions would no
 * longer tell how far a sink had got.
 */
#include "client/snapshot.h"

#include <stdlib.h>

#define QUESTION_MS 30000
/* One plan for all tables may be long to write. */
#define PLAN_MS     600000
#define NOTE_MS     2000
/* Names of tables in an error. */
#define NAMES       5

/* ---- SQL ---- */

LhStatus
lh_sql_literal(LhCtx *ctx, LhBuf *out, const char *text)
{
	LH_TRY(lh_buf_append_str(ctx, out, strchr(text, '\\') != NULL ? " E'" : "'"));
	for (; *text != '\0'; text++)
	{
		if (*text == '\'' || *text == '\\')
			LH_TRY(lh_buf_putc(ctx, out, *text));
		LH_TRY(lh_buf_putc(ctx, out, *text));
	}
	return lh_buf_putc(ctx, out, '\'');
}

LhStatus
lh_sql_name(LhCtx *ctx, LhBuf *out, const char *name)
{
	LH_TRY(lh_buf_putc(ctx, out, '"'));
	for (; *name != '\0'; name++)
	{
		if (*name == '"')
			LH_TRY(lh_buf_putc(ctx, out, '"'));
		LH_TRY(lh_buf_putc(ctx, out, *name));
	}
	return lh_buf_putc(ctx, out, '"');
}

LhStatus
lh_sql_options(LhCtx *ctx, LhBuf *out, const LhClientConfig *config)
{
	LH_TRY(lh_buf_append_str(ctx, out, "ARRAY["));
	for (int i = 0; i < config->noptions; i++)
	{
		LH_TRY(lh_buf_append_str(ctx, out, i > 0 ? "," : ""));
		LH_TRY(lh_sql_literal(ctx, out, config->options[i].name));
		LH_TRY(lh_buf_putc(ctx, out, ','));
		LH_TRY(lh_sql_literal(ctx, out, config->options[i].value));
	}
	return lh_buf_append_str(ctx, out, "]::pg_catalog.text[]");
}

/* Run what stands in sql, over the side connection; frees it. */
static LhStatus
ask(LhClient *client, LhBuf *sql, int64_t timeout_ms, PGresult **r)
{
	LhStatus status = lh_source_side(client);

	if (status == LH_OK)
		status = lh_source_query(client, client->side, (const char *) sql->data, timeout_ms, r);
	lh_buf_free(sql);
	return status;
}

/* The same for what is written: a plan that a crash of the server takes back would lie. */
static LhStatus
write_down(LhClient *client, LhBuf *sql, int64_t timeout_ms, PGresult **r)
{
	PGresult *set;

	LH_TRY(lh_source_side(client));
	LH_TRY(lh_source_query(client, client->side,
						   "SELECT pg_catalog.set_config('synchronous_commit', 'local', false) "
						   "WHERE pg_catalog.current_setting('synchronous_commit') = 'off'",
						   QUESTION_MS, &set));
	PQclear(set);
	return ask(client, sql, timeout_ms, r);
}

LhStatus
lh_snapshot_known(LhClient *client, bool *there)
{
	PGresult *r;

	LH_TRY(lh_source_side(client));
	/* a role that may not use it has no snapshots */
	LH_TRY(lh_source_query(
		client, client->side,
		"SELECT FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace "
		"WHERE n.nspname = 'lakehouse' AND p.proname = 'cdc_snapshot_state' "
		"AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') "
		"AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE')",
		QUESTION_MS, &r));
	*there = PQntuples(r) > 0;
	PQclear(r);
	return LH_OK;
}

/* ---- the plan ---- */

typedef enum Column
{
	COLUMN_RELATION,
	COLUMN_BLOCKS,
	COLUMN_SCHEMA,
	COLUMN_NAME,
	COLUMN_METHOD
} Column;

static LhStatus
put_column(LhCtx *ctx, LhBuf *out, const LhSnapshot *s, Column column, const char *type)
{
	LH_TRY(lh_buf_append_str(ctx, out, ", ARRAY["));
	for (uint32_t i = 0; i < s->ntables; i++)
	{
		const LhSnapshotTable *t = &s->tables[i];

		if (i > 0)
			LH_TRY(lh_buf_putc(ctx, out, ','));
		if (column == COLUMN_RELATION)
			LH_TRY(lh_buf_printf(ctx, out, "%u", t->relid));
		else if (column == COLUMN_BLOCKS)
			LH_TRY(lh_buf_printf(ctx, out, "%llu", (unsigned long long) t->blocks));
		else
			LH_TRY(lh_sql_literal(ctx, out,
								  column == COLUMN_SCHEMA ? t->schema
								  : column == COLUMN_NAME ? t->name
														  : t->fallback));
	}
	return lh_buf_printf(ctx, out, "]::pg_catalog.%s[]", type);
}

/* Rows come in the order of the tables, with units numbered as we do. */
static LhStatus
take_plan(LhSnapshot *s, const PGresult *r)
{
	LhClient *client = s->client;

	if ((uint32_t) PQntuples(r) != s->ntables)
		LH_CLIENT_FAIL(client, LH_EXIT_CONNECTION,
					   "the server planned a snapshot of %d tables, where there are %u",
					   PQntuples(r), s->ntables);
	for (uint32_t i = 0; i < s->ntables; i++)
	{
		const LhUnitsTable *t = lh_units_table(s->units, i);
		uint64_t relid = strtoull(PQgetvalue(r, (int) i, 1), NULL, 10);
		uint64_t first = strtoull(PQgetvalue(r, (int) i, 2), NULL, 10);
		uint64_t units = strtoull(PQgetvalue(r, (int) i, 3), NULL, 10);

		if (relid != s->tables[i].relid || first != t->first || units != t->units)
			LH_CLIENT_FAIL(
				client, LH_EXIT_CONNECTION,
				"the server planned units %llu to %llu for table %s, the client %llu to %llu",
				(unsigned long long) first, (unsigned long long) (first + units - 1),
				s->tables[i].quoted, (unsigned long long) t->first,
				(unsigned long long) (t->first + t->units - 1));
		s->tables[i].id = strtoll(PQgetvalue(r, (int) i, 0), NULL, 10);
	}
	return LH_OK;
}

LhStatus
lh_snapshot_plan(LhSnapshot *s, uint64_t point)
{
	LhClient *client = s->client;
	LhCtx *ctx = client->ctx;
	PGresult *r;
	LhStatus status;
	LhBuf sql;

	LH_TRY(lh_buf_init(ctx, &sql, false));
	LH_TRY(lh_buf_printf(
		ctx, &sql,
		"SELECT id, relation::pg_catalog.oid, first_unit, units FROM lakehouse.cdc_snapshot_plan('%s', "
		"'" LH_LSN_FORMAT "', %lld",
		client->config.slot, LH_LSN_ARGS(point), (long long) client->config.chunk_blocks));
	LH_TRY(put_column(ctx, &sql, s, COLUMN_RELATION, "oid"));
	LH_TRY(put_column(ctx, &sql, s, COLUMN_BLOCKS, "int8"));
	LH_TRY(put_column(ctx, &sql, s, COLUMN_SCHEMA, "text"));
	LH_TRY(put_column(ctx, &sql, s, COLUMN_NAME, "text"));
	LH_TRY(put_column(ctx, &sql, s, COLUMN_METHOD, "text"));
	LH_TRY(lh_buf_append_str(ctx, &sql, ") ORDER BY first_unit"));
	LH_TRY(lh_buf_putc(ctx, &sql, '\0'));
	LH_TRY(write_down(client, &sql, PLAN_MS, &r));
	status = take_plan(s, r);
	PQclear(r);
	return status;
}

LhStatus
lh_snapshot_forget(LhClient *client)
{
	PGresult *r;
	bool there;
	LhBuf sql;

	LH_TRY(lh_snapshot_known(client, &there));
	if (!there)
		return LH_OK;
	LH_TRY(lh_buf_init(client->ctx, &sql, false));
	LH_TRY(lh_buf_printf(client->ctx, &sql, "SELECT lakehouse.cdc_snapshot_forget('%s')",
						 client->config.slot));
	LH_TRY(write_down(client, &sql, QUESTION_MS, &r));
	PQclear(r);
	return LH_OK;
}

/* ---- notes ---- */

/* One row of VALUES (id, state, rows). */
static LhStatus
put_note(LhCtx *ctx, LhBuf *sql, const LhSnapshotTable *t, const char *state)
{
	return lh_buf_printf(ctx, sql, "%s(%lld::pg_catalog.int8, '%s', %llu::pg_catalog.int8)",
						 sql->len > 0 ? ", " : "", (long long) t->id, state,
						 (unsigned long long) t->rows);
}

/* values: rows of put_note; frees them */
static LhStatus
note_values(LhClient *client, LhBuf *values)
{
	LhCtx *ctx = client->ctx;
	PGresult *r;
	LhBuf sql;

	LH_TRY(lh_buf_init(ctx, &sql, false));
	LH_TRY(lh_buf_append_str(
		ctx, &sql,
		"SELECT lakehouse.cdc_snapshot_note(v.id, v.state, NULL, NULL, NULL, NULL, v.n, NULL) "
		"FROM (VALUES "));
	LH_TRY(lh_buf_append(ctx, &sql, values->data, values->len));
	LH_TRY(lh_buf_append_str(ctx, &sql, ") v (id, state, n)"));
	LH_TRY(lh_buf_putc(ctx, &sql, '\0'));
	lh_buf_free(values);
	LH_TRY(write_down(client, &sql, PLAN_MS, &r));
	PQclear(r);
	return LH_OK;
}

static void
tell_done(LhSnapshot *s, uint32_t table)
{
	const LhSnapshotTable *t = &s->tables[table];

	/* small ones are many */
	if (lh_units_table(s->units, table)->units > 1)
		lh_log(&s->client->log, LH_LOG_INFO, "snapshot_table", "table %s: %llu rows", t->quoted,
			   (unsigned long long) t->rows);
}

LhStatus
lh_snapshot_note(LhSnapshot *s, uint64_t durable, bool all)
{
	LhCtx *ctx = s->client->ctx;
	int64_t now = lh_client_now_ms();
	uint32_t noted = s->noted;
	LhBuf values;

	if (!all && now - s->last_note < NOTE_MS)
		return LH_OK;
	s->last_note = now;
	LH_TRY(lh_buf_init(ctx, &values, false));
	for (; noted < s->ntables; noted++)
	{
		const LhUnitsTable *t = lh_units_table(s->units, noted);

		if (t->first + t->units - 1 > durable)
			break;
		LH_TRY(put_note(ctx, &values, &s->tables[noted], "done"));
	}
	if (noted < s->ntables && !all)
		LH_TRY(put_note(ctx, &values, &s->tables[noted], "reading"));
	if (values.len > 0)
		LH_TRY(note_values(s->client, &values));
	for (; s->noted < noted; s->noted++)
		tell_done(s, s->noted);
	return LH_OK;
}

/* ---- an earlier client's ---- */

/* Rows of lakehouse.cdc_snapshots of the slot. */
typedef enum State
{
	STATE_ID,
	STATE_NAME,
	STATE_METHOD,
	STATE_STATE,
	STATE_POINT,
	STATE_FIRST,
	STATE_UNITS,
	STATE_FALLBACK,
	STATE_ROWS,
	STATE_ERROR
} State;

static LhStatus
read_state(LhClient *client, const char *slot, PGresult **r)
{
	bool there;
	LhBuf sql;

	*r = NULL;
	LH_TRY(lh_snapshot_known(client, &there));
	if (!there)
		return LH_OK;
	LH_TRY(lh_buf_init(client->ctx, &sql, false));
	LH_TRY(lh_buf_printf(
		client->ctx, &sql,
		"SELECT id, pg_catalog.format('%%I.%%I', schema_name, table_name), coalesce(method, 'undecided'), state, "
		"coalesce(point, '0/0'), coalesce(first_unit, 0), coalesce(units, 0), coalesce(fallback, ''), rows, error "
		"FROM lakehouse.cdc_snapshot_state('%s')",
		slot));
	return ask(client, &sql, QUESTION_MS, r);
}

static bool
is(const PGresult *r, int row, State column, const char *value)
{
	return strcmp(PQgetvalue(r, row, (int) column), value) == 0;
}

static bool
unfinished(const PGresult *r, int row)
{
	return is(r, row, STATE_STATE, "waiting") || is(r, row, STATE_STATE, "reading");
}

static uint64_t
point_of(const PGresult *r, int row)
{
	uint64_t point = 0;

	lh_client_parse_lsn(PQgetvalue(r, row, (int) STATE_POINT), &point);
	return point;
}

/* The last unit of a table. */
static uint64_t
last_unit(const PGresult *r, int row)
{
	return strtoull(PQgetvalue(r, row, (int) STATE_FIRST), NULL, 10) +
		   strtoull(PQgetvalue(r, row, (int) STATE_UNITS), NULL, 10) - 1;
}

LhStatus
lh_snapshot_fresh(LhClient *client, const LhSlot *slot, uint64_t *fresh)
{
	PGresult *r;
	bool all;

	LH_TRY(read_state(client, client->config.slot, &r));
	all = r != NULL && PQntuples(r) > 0;
	for (int i = 0; all && i < PQntuples(r); i++)
	{
		uint64_t point = point_of(r, i);

		/* what was read beside the stream is not read again for a sink that is new */
		all = (point == slot->confirmed || point == 0) &&
			  (is(r, i, STATE_METHOD, "initial") || !is(r, i, STATE_STATE, "done"));
	}
	PQclear(r);
	if (all && *fresh < slot->confirmed)
		*fresh = slot->confirmed;
	return LH_OK;
}

LhStatus
lh_snapshot_covers(LhClient *client, const LhSlot *slot, bool *covers)
{
	PGresult *r;

	LH_TRY(read_state(client, client->config.slot, &r));
	*covers = r != NULL && PQntuples(r) > 0;
	for (int i = 0; *covers && i < PQntuples(r); i++)
	{
		uint64_t point = point_of(r, i);

		/* 0: it was stored before the slot was made, and the client died in between */
		*covers = (point == slot->confirmed || point == 0) && !is(r, i, STATE_STATE, "done") &&
				  !is(r, i, STATE_STATE, "cancelled");
	}
	PQclear(r);
	return LH_OK;
}

/* The units that each sink holds, of a snapshot at point; a sink's position is durable when it is opened. */
static uint64_t
held_by_all(const LhClient *client, uint64_t point, bool done, int nsinks,
			const LhDeliverySink *sinks)
{
	uint64_t held = UINT64_MAX;

	for (int i = 0; i < nsinks; i++)
	{
		const LhDeliverySink *s = &sinks[i];
		uint64_t units = 0;

		/* what was given to a pipe before a table was done, nobody knows */
		if (lh_client_forgets(s))
			units = done ? UINT64_MAX : 0;
		else if (s->known && s->put.commit_end == point)
			units = s->put.ordinal;
		else if (s->known && s->put.commit_end > point)
			units = done ? UINT64_MAX : 0; /* no stream of ours begins before all is done */
		if (units < held)
			held = units;
	}
	return held;
}

/*
 * A plan that was stored before its slot was made: its client died in between, or just
 * behind.  Sinks hold nothing; the tables are those that there are now.
 */
static LhStatus
plan_again(LhClient *client, const LhSlot *slot)
{
	LhSnapshot s = {.client = client, .arena = client->ctx->arena};
	uint64_t *blocks;

	LH_TRY(lh_source_side(client));
	LH_TRY(lh_snapshot_list(&s, client->side));
	LH_NEW_ARRAY(client->ctx, blocks, s.ntables > 0 ? s.ntables : 1);
	for (uint32_t i = 0; i < s.ntables; i++)
		blocks[i] = s.tables[i].blocks;
	LH_TRY(lh_units_create(client->ctx, (uint64_t) client->config.chunk_blocks, s.ntables, blocks,
						   1, 0, &s.units));
	return lh_snapshot_plan(&s, slot->confirmed);
}

/* Another client may be at it: it holds this lock as long as it can go on. */
static LhStatus
check_alone(LhClient *client)
{
	PGresult *r;
	bool alone;
	LhBuf sql;

	LH_TRY(lh_buf_init(client->ctx, &sql, false));
	LH_TRY(lh_buf_printf(
		client->ctx, &sql,
		"SELECT CASE WHEN pg_catalog.pg_try_advisory_lock(%d, pg_catalog.hashtext('%s')) "
		"THEN pg_catalog.pg_advisory_unlock(%d, pg_catalog.hashtext('%s')) ELSE false END",
		LH_SNAPSHOT_LOCK, client->config.slot, LH_SNAPSHOT_LOCK, client->config.slot));
	LH_TRY(ask(client, &sql, QUESTION_MS, &r));
	alone = strcmp(PQgetvalue(r, 0, 0), "t") == 0;
	PQclear(r);
	if (alone)
		return LH_OK;
	client->busy = true;
	return lh_client_failed(client, LH_EXIT_SLOT, true,
							lh_fail(client->ctx, LH_IO,
									"another client reads the initial snapshot of slot \"%s\"",
									client->config.slot));
}

/* The server goes on making a slot for a while whose client is gone. */
static LhStatus
check_made(LhClient *client, const LhSlot *slot)
{
	if (slot->confirmed != 0)
		return LH_OK;
	client->busy = true;
	return lh_client_failed(
		client, LH_EXIT_SLOT, true,
		lh_fail(client->ctx, LH_IO, "slot \"%s\" is still being made", client->config.slot));
}

/* What sinks hold of an initial snapshot is done, all else is to be read beside the stream. */
static LhStatus
settle(LhClient *client, const LhSlot *slot, const PGresult *r, int nsinks,
	   const LhDeliverySink *sinks)
{
	LhCtx *ctx = client->ctx;
	PGresult *done;
	int n = 0;
	LhBuf sql;

	LH_TRY(lh_buf_init(ctx, &sql, false));
	LH_TRY(lh_buf_append_str(
		ctx, &sql,
		"SELECT lakehouse.cdc_snapshot_note(v.id, v.state, v.method, NULL, NULL, NULL, "
		"v.n::pg_catalog.int8, NULL) FROM (VALUES "));
	for (int i = 0; i < PQntuples(r); i++)
	{
		bool open = unfinished(r, i);
		bool held;

		if (!is(r, i, STATE_METHOD, "initial") || (!open && !is(r, i, STATE_STATE, "done")))
			continue;
		/* what sinks lack of it now they were allowed to miss */
		if (!open && slot->confirmed != point_of(r, i))
			continue;
		held = last_unit(r, i) <= held_by_all(client, point_of(r, i), !open, nsinks, sinks);
		if (held && !open)
			continue;
		LH_TRY(lh_buf_printf(
			ctx, &sql, "%s(%s::pg_catalog.int8, '%s', %s, %s::pg_catalog.int8)", n > 0 ? ", " : "",
			PQgetvalue(r, i, (int) STATE_ID), held ? "done" : "waiting",
			held                                                         ? "NULL"
			: strcmp(PQgetvalue(r, i, (int) STATE_FALLBACK), "key") == 0 ? "'key'"
																		 : "'barrier'",
			held ? "NULL" : "0"));
		if (!held)
			lh_log(&client->log, LH_LOG_WARNING, "snapshot_left",
				   "table %s is not whole in all sinks: it is read again beside the stream",
				   PQgetvalue(r, i, (int) STATE_NAME));
		n++;
	}
	LH_TRY(lh_buf_append_str(ctx, &sql, ") v (id, state, method, n)"));
	LH_TRY(lh_buf_putc(ctx, &sql, '\0'));
	if (n == 0)
		return LH_OK;
	LH_TRY(check_alone(client));
	LH_TRY(write_down(client, &sql, PLAN_MS, &done));
	PQclear(done);
	return LH_OK;
}

LhStatus
lh_snapshot_resume(LhClient *client, const LhSlot *slot, int nsinks, const LhDeliverySink *sinks)
{
	PGresult *r;
	LhStatus status = LH_OK;
	bool half = false;

	LH_TRY(read_state(client, client->config.slot, &r));
	for (int i = 0; r != NULL && i < PQntuples(r); i++)
		half = half || (is(r, i, STATE_METHOD, "initial") && point_of(r, i) == 0);
	if (half)
	{
		PQclear(r);
		r = NULL;
		LH_TRY(check_made(client, slot));
		LH_TRY(check_alone(client));
		LH_TRY(plan_again(client, slot));
		LH_TRY(read_state(client, client->config.slot, &r));
	}
	if (r != NULL)
		status = settle(client, slot, r, nsinks, sinks);
	PQclear(r);
	return status;
}

/* Names of the tables that are not finished, and how many; in ctx->arena. */
static LhStatus
list_unfinished(LhClient *client, const PGresult *r, int *n, const char **names)
{
	LhBuf out;

	*n = 0;
	LH_TRY(lh_buf_init(client->ctx, &out, false));
	for (int i = 0; i < PQntuples(r); i++)
	{
		if (!unfinished(r, i))
			continue;
		if (++*n <= NAMES)
			LH_TRY(lh_buf_printf(client->ctx, &out, "%s%s", *n > 1 ? ", " : "",
								 PQgetvalue(r, i, (int) STATE_NAME)));
	}
	if (*n > NAMES)
		LH_TRY(lh_buf_append_str(client->ctx, &out, ", ..."));
	LH_TRY(lh_buf_putc(client->ctx, &out, '\0'));
	*names = (const char *) out.data;
	return LH_OK;
}

LhStatus
lh_snapshot_was_done(LhClient *client)
{
	const char *names = "";
	PGresult *r;
	LhStatus status = LH_OK;
	int n = 0, rows;

	LH_TRY(read_state(client, client->config.slot, &r));
	rows = r != NULL ? PQntuples(r) : 0;
	if (rows > 0)
		status = list_unfinished(client, r, &n, &names);
	PQclear(r);
	LH_TRY(status);
	if (rows == 0)
	{
		lh_fail(
			client->ctx, LH_EXISTS,
			"slot \"%s\" is there: an initial snapshot is one of the moment at which a slot is made",
			client->config.slot);
		lh_hint(client->ctx, "Choose another name, or drop the slot first.");
		return lh_client_failed(client, LH_EXIT_SLOT, false, LH_EXISTS);
	}
	if (n == 0)
	{
		lh_log(&client->log, LH_LOG_INFO, "snapshot_done",
			   "the snapshot of slot \"%s\" was delivered before", client->config.slot);
		return LH_OK;
	}
	lh_fail(client->ctx, LH_CHANGED,
			"the snapshot of slot \"%s\" was interrupted; %d tables are not whole: %s",
			client->config.slot, n, names);
	lh_hint(client->ctx, "\"run\" reads them beside the stream; or drop the slot and begin anew.");
	return lh_client_failed(client, LH_EXIT_SLOT, false, LH_CHANGED);
}

/* ---- status ---- */

static LhStatus
print_row(LhCtx *ctx, LhBuf *out, const PGresult *r, int i, bool json)
{
	const char *error =
		PQgetisnull(r, i, (int) STATE_ERROR) ? NULL : PQgetvalue(r, i, (int) STATE_ERROR);
	const char *name = PQgetvalue(r, i, (int) STATE_NAME);

	if (!json)
		return lh_buf_printf(ctx, out, "%-20s %s: %s, %s, %s rows%s%s\n", i == 0 ? "snapshots" : "",
							 name, PQgetvalue(r, i, (int) STATE_STATE),
							 PQgetvalue(r, i, (int) STATE_METHOD),
							 PQgetvalue(r, i, (int) STATE_ROWS), error != NULL ? ": " : "",
							 error != NULL ? error : "");
	LH_TRY(lh_buf_printf(ctx, out, "%s{\"id\":%s,\"table\":", i > 0 ? "," : "",
						 PQgetvalue(r, i, (int) STATE_ID)));
	LH_TRY(lh_json_string(ctx, out, name, strlen(name)));
	LH_TRY(lh_buf_printf(ctx, out, ",\"state\":\"%s\",\"method\":\"%s\",\"rows\":%s,\"error\":",
						 PQgetvalue(r, i, (int) STATE_STATE), PQgetvalue(r, i, (int) STATE_METHOD),
						 PQgetvalue(r, i, (int) STATE_ROWS)));
	LH_TRY(error != NULL ? lh_json_string(ctx, out, error, strlen(error))
						 : lh_buf_append_str(ctx, out, "null"));
	return lh_buf_putc(ctx, out, '}');
}

LhStatus
lh_snapshot_print(LhClient *client, LhBuf *out, const char *slot, const char *database)
{
	PGresult *r = NULL;
	LhStatus status = LH_OK;

	/* the state is kept in the slot's database; who may not read it sees none */
	if (strcmp(database, PQdb(client->side)) != 0 || read_state(client, slot, &r) != LH_OK ||
		r == NULL || PQntuples(r) == 0)
	{
		PQclear(r);
		lh_error_clear(client->ctx);
		return LH_OK;
	}
	if (client->log.json)
		status = lh_buf_append_str(client->ctx, out, ",\"snapshots\":[");
	for (int i = 0; i < PQntuples(r) && status == LH_OK; i++)
		status = print_row(client->ctx, out, r, i, client->log.json);
	PQclear(r);
	if (status == LH_OK && client->log.json)
		status = lh_buf_putc(client->ctx, out, ']');
	return status;
}
