/*
 * keys_sql.c
 *		Statements of the functions that change keys.
 *
 * Whoever has the right to a function has none to the tables.  The functions switch to the
 * tables' owner for their statements, with a search_path of pg_catalog alone: nothing that a user named
 * is found by them.  An error takes all of that back with the (sub)transaction.
 *
 * Row locks order what happens at once, keys before their parents.  After each the next statement sees what
 * others have committed: that is so in READ COMMITTED only, and nothing else is taken.
 */
#include "pg/privacy/keys_store.h"

#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"

#define MAX_PARAMETERS 10

static Oid
owner(void)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(lh_keys_table("keys", false)));
	Oid			role;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for table lakehouse.keys");
	role = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return role;
}

static void
check_write(const char *what)
{
	PreventCommandIfReadOnly(what);
	PreventCommandIfParallelMode(what);
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s must be called in a transaction of isolation level READ COMMITTED", what),
				 errdetail("A snapshot of the whole transaction would hide what others did to keys.")));
}

void
lh_keys_begin(LhKeysSql *sql, const char *what, bool write, bool atomic)
{
	Oid			role = owner();

	if (write)
		check_write(what);
	sql->nest = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
							 false);
	GetUserIdAndSecContext(&sql->user, &sql->security);
	SetUserIdAndSecContext(role, sql->security | SECURITY_LOCAL_USERID_CHANGE);
	if (SPI_connect_ext(atomic ? 0 : SPI_OPT_NONATOMIC) != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
}

void
lh_keys_end(LhKeysSql *sql)
{
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	AtEOXact_GUC(false, sql->nest);
	SetUserIdAndSecContext(sql->user, sql->security);
}

static Oid
type_of(char letter)
{
	switch (letter)
	{
		case 'i':
			return INT4OID;
		case 'l':
			return INT8OID;
		case 't':
			return TEXTOID;
		case 'b':
			return BYTEAOID;
		case 'j':
			return JSONBOID;
		case 'o':
			return BOOLOID;
		case 'z':
			return TIMESTAMPTZOID;
		default:
			elog(ERROR, "unknown letter of a type: '%c'", letter);
	}
}

static uint64
execute(const char *text, const char *types, const Datum *values, const char *nulls, bool read_only)
{
	int			n = (int) strlen(types);
	Oid			oids[MAX_PARAMETERS];
	Datum		copies[MAX_PARAMETERS];
	int			code;

	Assert(n <= MAX_PARAMETERS);
	for (int i = 0; i < n; i++)
	{
		oids[i] = type_of(types[i]);
		copies[i] = values[i];
	}
	code = SPI_execute_with_args(text, n, oids, copies, nulls, read_only, 0);
	if (code < 0)
		elog(ERROR, "SPI_execute_with_args failed: %s", SPI_result_code_string(code));
	return SPI_processed;
}

uint64
lh_keys_sql(const char *text, const char *types, const Datum *values, const char *nulls)
{
	return execute(text, types, values, nulls, false);
}

uint64
lh_keys_sql_now(const char *text, const char *types, const Datum *values)
{
	uint64		n;

	/* a statement that only reads has the active snapshot, whatever the transaction's is */
	PushActiveSnapshot(GetLatestSnapshot());
	n = execute(text, types, values, NULL, true);
	PopActiveSnapshot();
	return n;
}

bool
lh_keys_get(uint64 row, int column, Datum *out)
{
	bool		null;

	if (SPI_tuptable == NULL || row >= SPI_tuptable->numvals)
		elog(ERROR, "a statement on keys returned too few rows");
	*out = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &null);
	return !null;
}

void
lh_keys_return(ReturnSetInfo *result)
{
	if (SPI_tuptable->tupdesc->natts != result->setDesc->natts)
		elog(ERROR, "a statement on keys returned %d columns, not %d", SPI_tuptable->tupdesc->natts, result->setDesc->natts);
	for (uint64 i = 0; i < SPI_tuptable->numvals; i++)
	{
		CHECK_FOR_INTERRUPTS();
		tuplestore_puttuple(result->setResult, SPI_tuptable->vals[i]);
	}
}

Datum
lh_keys_bytea(LhSlice bytes)
{
	bytea	   *b = palloc(VARHDRSZ + bytes.len);

	SET_VARSIZE(b, VARHDRSZ + bytes.len);
	memcpy(VARDATA(b), bytes.data, bytes.len);
	return PointerGetDatum(b);
}

void
lh_keys_check_name(const char *what, const char *name)
{
	size_t		len = strlen(name);
	bool		control = false;

	for (size_t i = 0; i < len; i++)
		control = control || (unsigned char) name[i] < ' ' || name[i] == 0x7f;
	if (len == 0 || len > LH_KEY_NAME || control)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("the name of a %s has 1 to %d bytes and no control characters", what, LH_KEY_NAME)));
}
