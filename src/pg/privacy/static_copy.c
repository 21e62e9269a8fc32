/*
 * static_copy.c
 *		lakehouse.static_copy and static_plan: tables copied with the masks of a role.
 *
 *	1. The plan is made (static_plan.c), and its problems are an ERROR that lists them all, or what static_plan answers.
 *	2. One snapshot is taken when all tables are locked, and holds for all of them, whatever the transaction's isolation.
 *	3. Tables, rows, what refers to none, the rest.
 *
 * All runs as the invoker, with search_path empty; row security that would hide rows from him is an error, as in pg_dump:
 * a copy that lacks rows without a word is none.
 */
#include "pg/privacy/static.h"
#include "pg/privacy/policy_internal.h"
#include "pg/util/features.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

extern PGDLLEXPORT Datum lakehouse_static_copy(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_static_plan(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(lakehouse_static_copy);
PG_FUNCTION_INFO_V1(lakehouse_static_plan);

enum
{
	ARG_RELATIONS, ARG_SCHEMA, ARG_ROLE, ARG_ORPHANS, ARG_CHECKS, ARG_PARTITIONS, ARG_WITHOUT, ARGS
};

enum
{
	OUT_KIND, OUT_RELATION, OUT_OBJECT, OUT_TREATMENT, OUT_POLICY, OUT_ROWS, OUTS
};

/* ---- arguments ---- */

/* Which of the words the argument is. */
static int
word(const char *argument, text *given, const char *const *words, int n)
{
	const char *value = text_to_cstring(given);
	StringInfoData list;

	for (int i = 0; i < n; i++)
	{
		if (strcmp(value, words[i]) == 0)
			return i;
	}
	initStringInfo(&list);
	for (int i = 0; i < n; i++)
		appendStringInfo(&list, "%s\"%s\"", i == 0 ? "" : i == n - 1 ? " or " : ", ", words[i]);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("\"%s\" is no value of \"%s\"", value, argument),
			 errhint("It is %s.", list.data)));
}

static List *
elements(ArrayType *array, Oid type)
{
	Datum	   *values;
	bool	   *nulls;
	int			n;
	List	   *list = NIL;

	if (type == REGCLASSOID)
		deconstruct_array(array, type, sizeof(Oid), true, TYPALIGN_INT, &values, &nulls, &n);
	else
		deconstruct_array(array, type, -1, false, TYPALIGN_INT, &values, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		if (nulls[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a list of what to copy has a null")));
		list = type == REGCLASSOID ? list_append_unique_oid(list, DatumGetObjectId(values[i])) :
			lappend(list, TextDatumGetCString(values[i]));
	}
	return list;
}

static LhStaticOptions
options_of(FunctionCallInfo fcinfo)
{
	static const char *const orphans[] = {"error", "drop", "null"};
	static const char *const checks[] = {"error", "not_valid"};
	static const char *const partitions[] = {"keep", "flatten"};
	LhStaticOptions options = {.role = PG_GETARG_OID(ARG_ROLE), .schema = NameStr(*PG_GETARG_NAME(ARG_SCHEMA))};

	(void) get_namespace_oid(options.schema, false);
	(void) GetUserNameFromId(options.role, false);
	options.orphans = word("orphans", PG_GETARG_TEXT_PP(ARG_ORPHANS), orphans, lengthof(orphans));
	options.not_valid = word("checks", PG_GETARG_TEXT_PP(ARG_CHECKS), checks, lengthof(checks)) == 1;
	options.flatten = word("partitions", PG_GETARG_TEXT_PP(ARG_PARTITIONS), partitions, lengthof(partitions)) == 1;
	options.without = elements(PG_GETARG_ARRAYTYPE_P(ARG_WITHOUT), TEXTOID);
	/* for these no policy holds but those that say so, and a copy in the clear would be called anonymous */
	if (superuser_arg(options.role))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a static copy is not made for a superuser"),
				 errdetail("Policies do not hold for role \"%s\".", GetUserNameFromId(options.role, false)),
				 errhint("Name a role that policies are for.")));
	return options;
}

/* ---- results ---- */

static void
put_note(ReturnSetInfo *result, const LhStaticNote *note)
{
	Datum		values[OUTS] = {0};
	bool		nulls[OUTS] = {0};

	values[OUT_KIND] = CStringGetTextDatum(note->kind);
	nulls[OUT_RELATION] = note->table == NULL;
	if (note->table != NULL)
		values[OUT_RELATION] = ObjectIdGetDatum(note->table->relid);
	nulls[OUT_OBJECT] = note->object == NULL;
	if (note->object != NULL)
		values[OUT_OBJECT] = CStringGetTextDatum(note->object);
	values[OUT_TREATMENT] = CStringGetTextDatum(note->treatment);
	nulls[OUT_POLICY] = note->policy == NULL;
	if (note->policy != NULL)
		values[OUT_POLICY] = CStringGetTextDatum(note->policy);
	nulls[OUT_ROWS] = note->rows < 0;
	if (note->rows >= 0)
		values[OUT_ROWS] = Int64GetDatum((int64) note->rows);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static void
put_notes(ReturnSetInfo *result, const List *notes)
{
	ListCell   *lc;

	foreach(lc, notes)
		put_note(result, lfirst(lc));
}

static void
refuse_problems(const LhStaticPlan *plan)
{
	StringInfoData list;
	ListCell   *lc;

	if (plan->problems == NIL)
		return;
	initStringInfo(&list);
	foreach(lc, plan->problems)
	{
		const LhStaticNote *note = lfirst(lc);

		if (list.len > 0)
			appendStringInfoChar(&list, '\n');
		if (note->table != NULL)
			appendStringInfo(&list, "%s, ", note->table->source);
		appendStringInfoString(&list, note->kind);
		if (note->object != NULL)
			appendStringInfo(&list, " \"%s\"", note->object);
		appendStringInfo(&list, ": %s.", note->treatment);
	}
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("the static copy would not be right"),
			 errdetail("%s", list.data), errhint("lakehouse.static_plan shows what each column would get. Nothing was made.")));
}

/* ---- work ---- */

static void
pin_setting(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

static void
carry_out(LhStaticPlan *plan)
{
	Snapshot	snapshot;

	refuse_problems(plan);
	lh_audit_event("static_copy", "role", GetUserNameFromId(plan->options->role, false),
				   psprintf("%d tables to schema %s", list_length(plan->tables), plan->options->schema));
	/* fresh, as what was committed while we waited for locks is not in that of the statement; a serializable one is the transaction's */
	snapshot = RegisterSnapshot(GetTransactionSnapshot());
	lh_static_make_tables(plan);
	lh_static_load(plan, snapshot);
	UnregisterSnapshot(snapshot);
	lh_static_orphans(plan);
	lh_static_make_objects(plan);
}

static Datum
static_copy(FunctionCallInfo fcinfo, bool carried_out)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	LhStaticOptions options;
	LhStaticPlan *plan;
	int			settings;

	lh_right_require(LH_RIGHT_POLICY_ADMIN, "to make static copies");
	lh_privacy_require();
	options = options_of(fcinfo);
	InitMaterializedSRF(fcinfo, 0);
	settings = NewGUCNestLevel();
	pin_setting("search_path", "pg_catalog, pg_temp");
	pin_setting("row_security", "off");
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	plan = lh_static_plan(elements(PG_GETARG_ARRAYTYPE_P(ARG_RELATIONS), REGCLASSOID), &options);
	if (carried_out)
		carry_out(plan);
	put_notes(result, plan->notes);
	put_notes(result, carried_out ? NIL : plan->problems);
	SPI_finish();
	AtEOXact_GUC(true, settings);
	return (Datum) 0;
}

Datum
lakehouse_static_copy(PG_FUNCTION_ARGS)
{
	return static_copy(fcinfo, true);
}

Datum
lakehouse_static_plan(PG_FUNCTION_ARGS)
{
	return static_copy(fcinfo, false);
}
