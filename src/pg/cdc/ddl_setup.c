/*
 * ddl_setup.c
 *		lakehouse.cdc_ddl_enable(), cdc_ddl_disable(), cdc_ddl_status(): the event triggers of ddl.c.
 *
 * They are objects of the database, not of the extension: CREATE EXTENSION makes none,
 * and a dump has them, so that a restored database tells as the old one did.  What they
 * call is the extension's, so DROP EXTENSION would stop at them; they depend on it in
 * the way that lets them go with it.  A restore does not bring that back, but the next
 * cdc_ddl_enable() does.
 */
#include "pg/cdc/cdc.h"

#include "access/htup_details.h"
#include "access/xlog.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_event_trigger.h"
#include "catalog/pg_extension.h"
#include "commands/event_trigger.h"
#include "commands/extension.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "parser/parse_func.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

extern PGDLLEXPORT Datum lakehouse_cdc_ddl_enable(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_cdc_ddl_disable(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(lakehouse_cdc_ddl_enable);
extern PGDLLEXPORT Datum lakehouse_cdc_ddl_status(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(lakehouse_cdc_ddl_disable);
PG_FUNCTION_INFO_V1(lakehouse_cdc_ddl_status);

typedef struct Wanted
{
	const char *name;
	const char *event;
	const char *when;
} Wanted;

static const Wanted triggers[] = {
	{"lakehouse_cdc_ddl_start", "ddl_command_start",
	" WHEN TAG IN ('CREATE TABLE AS', 'SELECT INTO', 'CREATE MATERIALIZED VIEW')"},
	{"lakehouse_cdc_ddl_rewrite", "table_rewrite", ""},
	{"lakehouse_cdc_ddl_drop", "sql_drop", ""},
	{"lakehouse_cdc_ddl_end", "ddl_command_end", ""},
};

static void
execute(const char *sql)
{
	if (SPI_execute(sql, false, 0) != SPI_OK_UTILITY)
		elog(ERROR, "could not execute: %s", sql);
}

/* The function that a trigger calls, and its state; false: there is no such trigger. */
static bool
find_trigger(const char *name, Oid *function, char *enabled)
{
	HeapTuple	tuple = SearchSysCache1(EVENTTRIGGERNAME, CStringGetDatum(name));
	Form_pg_event_trigger t;

	if (!HeapTupleIsValid(tuple))
		return false;
	t = (Form_pg_event_trigger) GETSTRUCT(tuple);
	*function = t->evtfoid;
	*enabled = t->evtenabled;
	ReleaseSysCache(tuple);
	return true;
}

static Oid
event_function(void)
{
	List	   *name = list_make2(makeString("lakehouse"), makeString("cdc_ddl_event"));

	return LookupFuncName(name, 0, NULL, false);
}

/* It goes with the extension. */
static void
tie_to_extension(const char *name)
{
	Oid			extension = get_extension_oid("lakehouse", false);
	ObjectAddress trigger,
				on;

	ObjectAddressSet(trigger, EventTriggerRelationId, get_event_trigger_oid(name, false));
	ObjectAddressSet(on, ExtensionRelationId, extension);
	if (!list_member_oid(getAutoExtensionsOfObject(trigger.classId, trigger.objectId), extension))
		recordDependencyOn(&trigger, &on, DEPENDENCY_AUTO_EXTENSION);
}

static void
enable(const Wanted *w)
{
	Oid			function;
	char		enabled;

	if (!find_trigger(w->name, &function, &enabled))
		execute(psprintf("CREATE EVENT TRIGGER %s ON %s%s EXECUTE FUNCTION lakehouse.cdc_ddl_event()",
						 w->name, w->event, w->when));
	else if (function != event_function())
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("event trigger \"%s\" exists and calls another function", w->name),
				 errhint("Rename or drop it, then call lakehouse.cdc_ddl_enable() again.")));
	/* who made it fire ALWAYS may have meant it */
	else if (enabled == TRIGGER_DISABLED || enabled == TRIGGER_FIRES_ON_REPLICA)
		execute(psprintf("ALTER EVENT TRIGGER %s ENABLE", w->name));
	tie_to_extension(w->name);
}

static void
check_superuser(const char *function)
{
	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for function %s", function),
				 errdetail("Only superusers may make and drop event triggers.")));
}

Datum
lakehouse_cdc_ddl_enable(PG_FUNCTION_ARGS)
{
	check_superuser("lakehouse.cdc_ddl_enable");
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	for (int i = 0; i < lengthof(triggers); i++)
	{
		enable(&triggers[i]);
		CommandCounterIncrement();
	}
	SPI_finish();
	PG_RETURN_VOID();
}

Datum
lakehouse_cdc_ddl_disable(PG_FUNCTION_ARGS)
{
	check_superuser("lakehouse.cdc_ddl_disable");
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	for (int i = 0; i < lengthof(triggers); i++)
	{
		Oid			function;
		char		enabled;

		if (find_trigger(triggers[i].name, &function, &enabled) && function == event_function())
			execute(psprintf("DROP EVENT TRIGGER %s", triggers[i].name));
	}
	SPI_finish();
	PG_RETURN_VOID();
}

/* ---- status ---- */

#define STATUS_COLUMNS 4

/* *remedy NULL: it is on. */
static const char *
state_of(const char *name, const char **remedy)
{
	/* a setting of 17 and later */
	const char *setting = GetConfigOption("event_triggers", true, false);
	Oid			function;
	char		enabled;

	*remedy = "SELECT lakehouse.cdc_ddl_enable();";
	if (!find_trigger(name, &function, &enabled))
		return "off";
	if (function != event_function())
	{
		*remedy = "Rename or drop that event trigger, then SELECT lakehouse.cdc_ddl_enable();";
		return "other function";
	}
	if (enabled == TRIGGER_DISABLED || enabled == TRIGGER_FIRES_ON_REPLICA)
		return "disabled";
	*remedy = "Set event_triggers = on.";
	if (setting != NULL && strcmp(setting, "off") == 0)
		return "event_triggers";
	*remedy = "Set wal_level = logical in postgresql.conf and restart the server.";
	if (!XLogLogicalInfoActive())
		return "wal_level";
	*remedy = NULL;
	return "on";
}

Datum
lakehouse_cdc_ddl_status(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < lengthof(triggers); i++)
	{
		const char *remedy;
		Datum		values[STATUS_COLUMNS];
		bool		nulls[STATUS_COLUMNS] = {false};

		values[0] = CStringGetTextDatum(triggers[i].event);
		values[1] = DirectFunctionCall1(namein, CStringGetDatum(triggers[i].name));
		values[2] = CStringGetTextDatum(state_of(triggers[i].name, &remedy));
		nulls[3] = remedy == NULL;
		values[3] = nulls[3] ? (Datum) 0 : CStringGetTextDatum(remedy);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
