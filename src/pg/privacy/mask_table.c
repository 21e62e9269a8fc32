/*
 * mask_table.c
 *		The mask functions, how much each hides, and what they could not mask.
 *
 * A function is known by its name and schema, so all of one name hide as much; schema lakehouse takes
 * functions from the extension's owner alone.
 */
#include "pg/privacy/mask_table.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"

extern PGDLLEXPORT Datum lakehouse_mask_functions(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_mask_counters(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_mask_counters_reset(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(lakehouse_mask_functions);
PG_FUNCTION_INFO_V1(lakehouse_mask_counters);
PG_FUNCTION_INFO_V1(lakehouse_mask_counters_reset);

static const LhMaskFunction table[] = {
#define X(id, name, strength, keyed, summary) {name, LH_STRENGTH_##strength, keyed, summary},
	LH_MASK_FUNCTIONS(X)
#undef X
};

static const char *const strengths[] = {
	[LH_STRENGTH_TOKEN] = "token",
	[LH_STRENGTH_PARTIAL] = "partial",
	[LH_STRENGTH_GENERALISED] = "generalised",
	[LH_STRENGTH_CONSTANT] = "constant",
	[LH_STRENGTH_NULL] = "null",
};

static const char *const outcomes[] = {
#define X(id, name) name,
	LH_MASK_OUTCOMES(X)
#undef X
};

/* ---- look-up ---- */

const LhMaskFunction *
lh_mask_function(Oid function)
{
	const LhMaskFunction *found = NULL;
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Form_pg_proc proc;

	if (!HeapTupleIsValid(tuple))
		return NULL;
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	for (int i = 0; i < lengthof(table); i++)
	{
		if (strcmp(NameStr(proc->proname), table[i].name) == 0 &&
			proc->pronamespace == get_namespace_oid("lakehouse", true))
			found = &table[i];
	}
	ReleaseSysCache(tuple);
	return found;
}

int
lh_mask_strength(Oid function)
{
	const LhMaskFunction *found = lh_mask_function(function);

	return found != NULL ? found->strength : LH_STRENGTH_PARTIAL;
}

LhMaskEncoding
lh_mask_encoding(void)
{
	int			encoding = GetDatabaseEncoding();

	if (encoding == PG_UTF8)
		return LH_MASK_UTF8;
	return encoding != PG_SQL_ASCII && pg_database_encoding_max_length() == 1 ? LH_MASK_BYTES : LH_MASK_ASCII;
}

/* ---- arguments and results ---- */

LhSlice
lh_mask_argument(FunctionCallInfo fcinfo, int n)
{
	text	   *t = PG_GETARG_TEXT_PP(n);

	return lh_slice(VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t));
}

Datum
lh_mask_text(LhSlice s)
{
	return PointerGetDatum(cstring_to_text_with_len((const char *) s.data, (int) s.len));
}

Datum
lh_mask_fallback(FunctionCallInfo fcinfo, LhMaskId mask, LhMaskOutcome outcome, LhSlice value, int n)
{
	LhSlice		instead;

	lh_mask_count(mask, outcome);
	if (PG_ARGISNULL(n))
		PG_RETURN_NULL();
	instead = lh_mask_argument(fcinfo, n);
	if (instead.len == value.len && memcmp(instead.data, value.data, value.len) == 0)
		PG_RETURN_NULL();
	return lh_mask_text(instead);
}

/* ---- lakehouse.mask_functions ---- */

static void
put_functions(ReturnSetInfo *result, const LhMaskFunction *mask, Oid schema)
{
	CatCList   *list = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(mask->name));

	for (int i = 0; i < list->n_members; i++)
	{
		Form_pg_proc proc = (Form_pg_proc) GETSTRUCT(&list->members[i]->tuple);
		Datum		values[5];
		bool		nulls[5] = {0};

		if (proc->pronamespace != schema)
			continue;
		values[0] = CStringGetTextDatum(mask->name);
		values[1] = OidFunctionCall1(F_PG_GET_FUNCTION_ARGUMENTS, ObjectIdGetDatum(proc->oid));
		values[2] = CStringGetTextDatum(strengths[mask->strength]);
		values[3] = BoolGetDatum(mask->keyed);
		values[4] = CStringGetTextDatum(mask->summary);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	ReleaseSysCacheList(list);
}

Datum
lakehouse_mask_functions(PG_FUNCTION_ARGS)
{
	Oid			schema = get_namespace_oid("lakehouse", false);

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < lengthof(table); i++)
		put_functions((ReturnSetInfo *) fcinfo->resultinfo, &table[i], schema);
	return (Datum) 0;
}

/* ---- counters ---- */

static uint64 counters[LH_N_MASK_IDS][LH_N_MASK_OUTCOMES];

void
lh_mask_count(LhMaskId mask, LhMaskOutcome outcome)
{
	counters[mask][outcome]++;
}

Datum
lakehouse_mask_counters(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < LH_N_MASK_IDS; i++)
	{
		for (int j = LH_MASK_DONE + 1; j < LH_N_MASK_OUTCOMES; j++)
		{
			Datum		values[3] = {CStringGetTextDatum(table[i].name), CStringGetTextDatum(outcomes[j]),
			Int64GetDatum((int64) counters[i][j])};
			bool		nulls[3] = {0};

			if (counters[i][j] != 0)
				tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
		}
	}
	return (Datum) 0;
}

Datum
lakehouse_mask_counters_reset(PG_FUNCTION_ARGS)
{
	memset(counters, 0, sizeof(counters));
	PG_RETURN_VOID();
}
