/*
 * keys_store.c
 *		Rows of the catalog of keys.
 *
 * Read as PostgreSQL reads its own catalogs: by index, and by the newest snapshot whatever the
 * statement's is.  What is cached of a key must not be older than the message that told of its change.
 * This way it works in parallel workers and on standbys; and while decoding, as vacuum
 * leaves to logical decoding what it may see of these tables (user_catalog_table).
 */
#include "pg/privacy/keys_store.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "pg/util/catalog.h"

enum
{
	KEYS_ID = 1, KEYS_NAME, KEYS_KIND, KEYS_PARENT, KEYS_PROVIDER, KEYS_KEK
};

enum
{
	VERSIONS_ID = 1, VERSIONS_VERSION, VERSIONS_STATE, VERSIONS_PARENT_VERSION, VERSIONS_WRAPPED, VERSIONS_CHECK
};

enum
{
	PROVIDERS_NAME = 1, PROVIDERS_KIND, PROVIDERS_OPTIONS
};

typedef struct Reader
{
	Relation	rel;
	Snapshot	snapshot;
	SysScanDesc scan;
} Reader;

Oid
lh_keys_table(const char *name, bool missing_ok)
{
	Oid			schema = get_namespace_oid("lakehouse", true);
	Oid			table = OidIsValid(schema) ? get_relname_relid(name, schema) : InvalidOid;

	if (!OidIsValid(table) && !missing_ok)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("this database has no keys"),
				 OidIsValid(schema) ? errhint("Run ALTER EXTENSION lakehouse UPDATE.") :
				 errhint("Run CREATE EXTENSION lakehouse.")));
	return table;
}

static void
open_reader(Reader *r, const char *table, const char *index, int nkeys, ScanKey keys)
{
	if (!IsTransactionState())
		ereport(ERROR,
				(errcode(ERRCODE_NO_ACTIVE_SQL_TRANSACTION),
				 errmsg("keys are not read outside of transactions, or in failed ones")));
	r->rel = table_open(lh_keys_table(table, false), AccessShareLock);
	r->snapshot = RegisterSnapshot(lh_pg_catalog_now(RelationGetRelid(r->rel)));
	r->scan = systable_beginscan(r->rel, lh_keys_table(index, false), true, r->snapshot, nkeys, keys);
}

static void
close_reader(Reader *r)
{
	systable_endscan(r->scan);
	UnregisterSnapshot(r->snapshot);
	table_close(r->rel, AccessShareLock);
}

/* Columns that are never NULL say so in the table; a NULL all the same is somebody's ALTER TABLE. */
static Datum
get(Reader *r, HeapTuple tuple, int column, bool *null)
{
	bool		is_null;
	Datum		value = heap_getattr(tuple, column, RelationGetDescr(r->rel), &is_null);

	if (is_null && null == NULL)
		elog(ERROR, "column %d of table \"%s\" is NULL", column, RelationGetRelationName(r->rel));
	if (null != NULL)
		*null = is_null;
	return value;
}

static char *
get_text(Reader *r, HeapTuple tuple, int column)
{
	bool		null;
	Datum		value = get(r, tuple, column, &null);

	return null ? NULL : TextDatumGetCString(value);
}

static bool
read_key(Reader *r, LhKeyRow *out)
{
	HeapTuple	tuple = systable_getnext(r->scan);
	bool		null;
	Datum		parent;
	char	   *kind;

	if (!HeapTupleIsValid(tuple))
		return false;
	out->id = (uint64) DatumGetInt64(get(r, tuple, KEYS_ID, NULL));
	out->name = TextDatumGetCString(get(r, tuple, KEYS_NAME, NULL));
	kind = TextDatumGetCString(get(r, tuple, KEYS_KIND, NULL));
	out->kind = strcmp(kind, "domain") == 0 ? LH_KEY_KIND_DOMAIN : LH_KEY_KIND_DATA;
	parent = get(r, tuple, KEYS_PARENT, &null);
	out->parent = null ? 0 : (uint64) DatumGetInt64(parent);
	out->provider = get_text(r, tuple, KEYS_PROVIDER);
	out->kek = get_text(r, tuple, KEYS_KEK);
	if ((out->parent == 0) != (out->provider != NULL && out->kek != NULL))
		elog(ERROR, "key \"%s\" has no parent and no provider, or both", out->name);
	return true;
}

bool
lh_key_row(uint64 id, LhKeyRow *out)
{
	ScanKeyData key;
	Reader		r;
	bool		found;

	ScanKeyInit(&key, KEYS_ID, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum((int64) id));
	open_reader(&r, "keys", "keys_pkey", 1, &key);
	found = read_key(&r, out);
	close_reader(&r);
	return found;
}

bool
lh_key_row_named(const char *name, LhKeyRow *out)
{
	ScanKeyData key;
	Reader		r;
	bool		found;

	/* its collation is C, as ScanKeyInit has it */
	ScanKeyInit(&key, KEYS_NAME, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(name));
	open_reader(&r, "keys", "keys_name_key", 1, &key);
	found = read_key(&r, out);
	close_reader(&r);
	return found;
}

static LhKeyState
state_of(Reader *r, HeapTuple tuple)
{
	char	   *state = TextDatumGetCString(get(r, tuple, VERSIONS_STATE, NULL));

	if (strcmp(state, "active") == 0)
		return LH_KEY_ACTIVE;
	return strcmp(state, "retired") == 0 ? LH_KEY_RETIRED : LH_KEY_DESTROYED;
}

/* An unaligned, uncompressed copy. */
static LhSlice
bytes_of(Datum value)
{
	bytea	   *b = DatumGetByteaPCopy(value);

	return lh_slice(VARDATA(b), VARSIZE(b) - VARHDRSZ);
}

static void
read_version(Reader *r, HeapTuple tuple, LhKeyVersion *out)
{
	bool		null;
	Datum		wrapped = get(r, tuple, VERSIONS_WRAPPED, &null);
	LhSlice		check = bytes_of(get(r, tuple, VERSIONS_CHECK, NULL));

	out->state = state_of(r, tuple);
	out->wrapped = null ? (LhSlice) {0} : bytes_of(wrapped);
	if (check.len != LH_KEY_CHECK || (null && out->state != LH_KEY_DESTROYED))
		elog(ERROR, "version %u of key " UINT64_FORMAT " is not whole", out->ref.version, out->ref.id);
	memcpy(out->check, check.data, LH_KEY_CHECK);
}

bool
lh_key_version(LhKeyRef ref, LhKeyVersion *out)
{
	ScanKeyData keys[2];
	HeapTuple	tuple;
	Reader		r;

	if (ref.version > PG_INT32_MAX)
		return false;
	out->ref = ref;
	ScanKeyInit(&keys[0], VERSIONS_ID, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum((int64) ref.id));
	ScanKeyInit(&keys[1], VERSIONS_VERSION, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum((int32) ref.version));
	open_reader(&r, "key_versions", "key_versions_pkey", 2, keys);
	tuple = systable_getnext(r.scan);
	if (HeapTupleIsValid(tuple))
		read_version(&r, tuple, out);
	close_reader(&r);
	return HeapTupleIsValid(tuple);
}

uint32
lh_key_newest(uint64 id)
{
	ScanKeyData key;
	HeapTuple	tuple;
	Reader		r;
	int32		newest = 0;

	ScanKeyInit(&key, VERSIONS_ID, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum((int64) id));
	open_reader(&r, "key_versions", "key_versions_pkey", 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(r.scan)))
	{
		int32		version = DatumGetInt32(get(&r, tuple, VERSIONS_VERSION, NULL));

		if (version > newest && state_of(&r, tuple) == LH_KEY_ACTIVE)
			newest = version;
	}
	close_reader(&r);
	return (uint32) newest;
}

static char *
option_text(const char *name, const JsonbValue *v)
{
	if (v->type == jbvString)
		return pnstrdup(v->val.string.val, v->val.string.len);
	if (v->type == jbvNumeric)
		return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(v->val.numeric)));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("option \"%s\" of a key provider must be text or a number", name)));
}

void
lh_key_provider_options(Datum value, LhKeyringCall *call)
{
	Jsonb	   *jsonb = DatumGetJsonbPCopy(value);
	LhProviderOption *options;
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;

	if (!JB_ROOT_IS_OBJECT(jsonb))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("options of a key provider must be an object of JSON")));
	options = palloc0(sizeof(*options) * Max(JB_ROOT_COUNT(jsonb), 1));
	call->noptions = 0;
	it = JsonbIteratorInit(&jsonb->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		char	   *name;

		if (token != WJB_KEY)
			continue;
		name = pnstrdup(v.val.string.val, v.val.string.len);
		(void) JsonbIteratorNext(&it, &v, true);
		if (v.type == jbvNull)
			continue;
		options[call->noptions++] = (LhProviderOption) {name, option_text(name, &v)};
	}
	call->options = options;
}

void
lh_key_provider(const char *name, LhKeyringCall *call)
{
	ScanKeyData key;
	HeapTuple	tuple;
	Reader		r;

	ScanKeyInit(&key, PROVIDERS_NAME, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(name));
	open_reader(&r, "key_providers", "key_providers_pkey", 1, &key);
	tuple = systable_getnext(r.scan);
	if (!HeapTupleIsValid(tuple))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("key provider \"%s\" does not exist", name)));
	call->kind = TextDatumGetCString(get(&r, tuple, PROVIDERS_KIND, NULL));
	lh_key_provider_options(get(&r, tuple, PROVIDERS_OPTIONS, NULL), call);
	close_reader(&r);
}
