/*
 * setup.c
 *		lakehouse.cdc_options(), cdc_formats(), cdc_setup(): what there is to know
 *		before a stream is begun.
 *
 * cdc_setup looks at what most often stops a first stream, says what to do, and
 * for a superuser does what can be done without a restart.
 */
#include "pg/cdc/cdc.h"

#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "replication/slot.h"
#include "replication/walsender.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"

extern PGDLLEXPORT Datum lakehouse_cdc_options(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_cdc_formats(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_cdc_setup(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(lakehouse_cdc_options);
PG_FUNCTION_INFO_V1(lakehouse_cdc_formats);
PG_FUNCTION_INFO_V1(lakehouse_cdc_setup);

#define MAX_COLUMNS 7

/* ---- options and formats ---- */

static const char *
type_name(LhOptionType type)
{
	static const char *const names[] = {"boolean", "integer", "size", "choice", "text", "list"};

	return names[type];
}

static Datum
choices_array(const char *const *choices)
{
	int			n = 0;
	Datum	   *items;

	while (choices[n] != NULL)
		n++;
	items = palloc(sizeof(Datum) * Max(n, 1));
	for (int i = 0; i < n; i++)
		items[i] = CStringGetTextDatum(choices[i]);
	return PointerGetDatum(construct_array(items, n, TEXTOID, -1, false, TYPALIGN_INT));
}

Datum
lakehouse_cdc_options(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < lh_change_noptions; i++)
	{
		const LhOptionInfo *o = &lh_change_option_table[i];
		Datum		values[MAX_COLUMNS];
		bool		nulls[MAX_COLUMNS] = {false};

		values[0] = CStringGetTextDatum(o->name);
		values[1] = CStringGetTextDatum(type_name(o->type));
		values[2] = CStringGetTextDatum(o->preset);
		nulls[3] = o->choices == NULL;
		values[3] = nulls[3] ? (Datum) 0 : choices_array(o->choices);
		values[4] = CStringGetTextDatum(o->formats);
		values[5] = CStringGetTextDatum(o->summary);
		values[6] = CStringGetTextDatum(o->avoids);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

Datum
lakehouse_cdc_formats(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; lh_change_formats[i] != NULL; i++)
	{
		Datum		values[3];
		bool		nulls[3] = {false};

		values[0] = CStringGetTextDatum(lh_change_formats[i]->name);
		values[1] = CStringGetTextDatum(lh_change_formats[i]->text ? "text" : "binary");
		values[2] = CStringGetTextDatum(lh_change_formats[i]->summary);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* ---- setup ---- */

typedef struct Report
{
	ReturnSetInfo *rsinfo;
	bool		fix;
} Report;

/* NULL: there is none. */
static void
put_row(Report *r, const char *check, const char *state, const char *detail, const char *remedy)
{
	const char *texts[4] = {check, state, detail, remedy};
	Datum		values[4];
	bool		nulls[4];

	for (int i = 0; i < 4; i++)
	{
		nulls[i] = texts[i] == NULL;
		values[i] = nulls[i] ? (Datum) 0 : CStringGetTextDatum(texts[i]);
	}
	tuplestore_putvalues(r->rsinfo->setResult, r->rsinfo->setDesc, values, nulls);
}

static void
check_wal_level(Report *r)
{
	const char *level = GetConfigOption("wal_level", false, false);
	bool		good = strcmp(level, "logical") == 0;

	put_row(r, "wal_level", good ? "ok" : "error", level,
			good ? NULL : "Set wal_level = logical in postgresql.conf and restart the server.");
}

/* The items of a setting that is a list of names, as they are between commas and quotes. */
static List *
list_items(const char *setting)
{
	List	   *items = NIL;
	char	   *item;

	while ((item = lh_cdc_next_item(&setting, ',')) != NULL)
	{
		size_t		n = strlen(item);

		if (n >= 2 && item[0] == '"' && item[n - 1] == '"')
		{
			item[n - 1] = '\0';
			item++;
		}
		if (*item != '\0')
			items = lappend(items, item);
	}
	return items;
}

/* ALTER DATABASE ... SET, with what was there: a list, not one quoted name. */
static void
allow_plugin(List *items)
{
	StringInfoData sql;
	ListCell   *lc;

	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("only a superuser may set output_plugin_libraries")));
	initStringInfo(&sql);
	appendStringInfo(&sql, "ALTER DATABASE %s SET output_plugin_libraries = ",
					 quote_identifier(get_database_name(MyDatabaseId)));
	foreach(lc, items)
		appendStringInfo(&sql, "%s, ", quote_literal_cstr(lfirst(lc)));
	appendStringInfoString(&sql, "'lakehouse'");
	if (SPI_execute(sql.data, false, 0) != SPI_OK_UTILITY)
		elog(ERROR, "ALTER DATABASE did not do");
}

/* Newer minor releases let only named libraries decode; older ones do not know the setting. */
static void
check_libraries(Report *r)
{
	const char *setting = GetConfigOption("output_plugin_libraries", true, false);
	List	   *items;
	ListCell   *lc;

	if (setting == NULL)
	{
		put_row(r, "output_plugin_libraries", "ok", "this server does not know the setting and lets all libraries decode", NULL);
		return;
	}
	items = list_items(setting);
	foreach(lc, items)
	{
		if (strcmp(lfirst(lc), "lakehouse") == 0)
		{
			put_row(r, "output_plugin_libraries", "ok", setting, NULL);
			return;
		}
	}
	if (r->fix)
	{
		allow_plugin(items);
		put_row(r, "output_plugin_libraries", "fixed", "set for this database, beside what was there", "Connect again: it holds for new sessions.");
		return;
	}
	put_row(r, "output_plugin_libraries", "error", psprintf("\"lakehouse\" is not in it: %s", setting),
			"A superuser may call lakehouse.cdc_setup(fix => true), or add lakehouse to the list in postgresql.conf and reload.");
}

static void
check_slots(Report *r)
{
	int			used = 0;

	LWLockAcquire(ReplicationSlotControlLock, LW_SHARED);
	for (int i = 0; i < max_replication_slots; i++)
		used += ReplicationSlotCtl->replication_slots[i].in_use;
	LWLockRelease(ReplicationSlotControlLock);
	put_row(r, "max_replication_slots", used < max_replication_slots ? "ok" : "error",
			psprintf("%d of %d are in use", used, max_replication_slots),
			used < max_replication_slots ? NULL : "Drop slots that nobody reads, or raise max_replication_slots and restart the server.");
	put_row(r, "max_wal_senders", max_wal_senders > 0 ? "ok" : "error", psprintf("%d", max_wal_senders),
			max_wal_senders > 0 ? NULL : "Raise max_wal_senders and restart the server.");
}

static void
check_role(Report *r)
{
	bool		good = superuser() || has_rolreplication(GetUserId());
	char	   *name = GetUserNameFromId(GetUserId(), false);

	put_row(r, "role", good ? "ok" : "warning",
			psprintf(good ? "\"%s\" may decode" : "\"%s\" may not decode", name),
			good ? NULL : psprintf("ALTER ROLE %s REPLICATION", quote_identifier(name)));
}

/* A row for each table found. */
static void
check_tables(Report *r)
{
	static const char sql[] =
		"SELECT pg_catalog.format('%I.%I in publication %I', t.schemaname, t.tablename, p.pubname)"
		" FROM pg_catalog.pg_publication p"
		" JOIN pg_catalog.pg_publication_tables t ON t.pubname OPERATOR(pg_catalog.=) p.pubname"
		" JOIN pg_catalog.pg_namespace n ON n.nspname OPERATOR(pg_catalog.=) t.schemaname"
		" JOIN pg_catalog.pg_class c ON c.relnamespace OPERATOR(pg_catalog.=) n.oid"
		"  AND c.relname OPERATOR(pg_catalog.=) t.tablename"
		" WHERE (p.pubupdate OR p.pubdelete) AND (c.relreplident OPERATOR(pg_catalog.=) 'n'"
		"  OR c.relreplident OPERATOR(pg_catalog.=) 'd' AND NOT EXISTS (SELECT FROM pg_catalog.pg_index i"
		"  WHERE i.indrelid OPERATOR(pg_catalog.=) c.oid AND i.indisprimary)) ORDER BY 1";
	uint64		n;

	if (SPI_execute(sql, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "the query for tables without identity failed");
	n = SPI_processed;
	if (n == 0)
		put_row(r, "replica identity", "ok", "all published tables can be updated and deleted from", NULL);
	for (uint64 i = 0; i < n; i++)
	{
		char	   *table = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);

		put_row(r, "replica identity", "warning", psprintf("%s: updates and deletes are refused", table),
				"Give the table a primary key, or ALTER TABLE ... REPLICA IDENTITY.");
	}
}

/* Masks are of our streams alone. */
static void
check_masks(Report *r)
{
	static const char sql[] =
		"SELECT pg_catalog.format('%s.%I', m.relation, m.column_name), a.attname FROM lakehouse.cdc_masks m"
		" JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) m.relation"
		" LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) m.relation"
		"  AND a.attnum OPERATOR(pg_catalog.=) m.attnum"
		" WHERE a.attname IS NULL OR (a.attname OPERATOR(pg_catalog.<>) m.column_name AND NOT a.attisdropped) ORDER BY 1";

	if (!superuser())
		return;
	if (SPI_execute(sql, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "the query for masks failed");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		char	   *column = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);

		put_row(r, "masks", "error", psprintf("%s has another name now, so no stream starts", column),
				"Call lakehouse.cdc_mask_set for the column that is to be masked, or lakehouse.cdc_mask_drop with the old name.");
	}
	put_row(r, "masks", "note", "masks hold for streams of the plugin \"lakehouse\" only",
			"Roles with REPLICATION can use other plugins and take base backups: name no others in output_plugin_libraries, and allow them no physical replication in pg_hba.conf.");
}

Datum
lakehouse_cdc_setup(PG_FUNCTION_ARGS)
{
	Report		r = {(ReturnSetInfo *) fcinfo->resultinfo, PG_GETARG_BOOL(0)};

	InitMaterializedSRF(fcinfo, 0);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	check_wal_level(&r);
	check_libraries(&r);
	check_slots(&r);
	check_role(&r);
	check_tables(&r);
	check_masks(&r);
	SPI_finish();
	return (Datum) 0;
}
