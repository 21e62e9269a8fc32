/*
 * keys_admin.c
 *		lakehouse.key_create, key_rotate, key_retire, key_destroy, key_list, key_status.
 *
 * A version is active, then retired, then destroyed:
 *
 *	1. the newest active one encrypts, all active ones decrypt;
 *	2. a retired one is given to nobody, and can be taken back.  It is retired only when nothing that we know
 *	   of uses it: so nothing breaks that could have been foreseen;
 *	3. a destroyed one is gone.  It must have been retired by a transaction before: whoever had it
 *	   in hands has had his chance to complain.
 *
 * Rows of keys and numbers of versions stay for ever, so that no number comes back with another meaning.
 *
 * Locks: the key's row, FOR NO KEY UPDATE, while its versions change; its parent's, FOR SHARE, while something is wrapped
 * under one of the parent's versions (keys_sql.c).  A provider is asked while the key's row is
 * locked, as the version's number goes into what is wrapped; readers do not wait for that.
 */
#include "pg/privacy/keys_store.h"

#include <openssl/rand.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "pg/util/features.h"

PG_FUNCTION_INFO_V1(lakehouse_key_create);
PG_FUNCTION_INFO_V1(lakehouse_key_rotate);
PG_FUNCTION_INFO_V1(lakehouse_key_retire);
PG_FUNCTION_INFO_V1(lakehouse_key_destroy);
PG_FUNCTION_INFO_V1(lakehouse_key_list);
PG_FUNCTION_INFO_V1(lakehouse_key_status);
extern PGDLLEXPORT Datum lakehouse_key_create(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_key_rotate(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_key_retire(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_key_destroy(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_key_list(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_key_status(PG_FUNCTION_ARGS);

/* ---- shared ---- */

/* The key of a name, its row locked by this clause.  ERROR: no such key */
static void
lock_key(const char *name, const char *clause, LhKeyRow *row)
{
	Datum		values[] = {CStringGetTextDatum(name)};
	char	   *text = psprintf("SELECT id FROM lakehouse.keys WHERE name = $1 %s", clause);

	if (lh_keys_sql(text, "t", values, NULL) == 0 || !lh_key_row_named(name, row))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("key \"%s\" does not exist", name)));
}

static void
lock_id(uint64 id, const char *clause)
{
	Datum		values[] = {Int64GetDatum((int64) id)};

	if (lh_keys_sql(psprintf("SELECT id FROM lakehouse.keys WHERE id = $1 %s", clause), "l", values, NULL) == 0)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("there is no key of number " UINT64_FORMAT, id)));
}

/* A new version, wrapped under the newest version of what wraps the key, which is kept from being retired. */
static void
add_version(LhCtx *ctx, const LhKeyRow *row, uint32 version)
{
	LhKeyRef	ref = {row->id, version};
	Datum		values[5];
	char		nulls[] = "     ";
	LhKeyWrapped wrapped;
	LhSlice		key;

	lh_crypto_ready();
	if (row->parent != 0)
		lock_id(row->parent, "FOR SHARE");
	lh_key_make(ctx, &key);
	lh_key_wrap(ctx, row, ref, key, &wrapped);
	values[0] = Int64GetDatum((int64) row->id);
	values[1] = Int32GetDatum((int32) version);
	values[2] = Int64GetDatum(wrapped.under);
	nulls[2] = wrapped.under < 0 ? 'n' : ' ';
	values[3] = lh_keys_bytea(wrapped.wrapped);
	values[4] = lh_keys_bytea(lh_slice(wrapped.check, LH_KEY_CHECK));
	(void) lh_keys_sql("INSERT INTO lakehouse.key_versions (id, version, state, parent_version, wrapped, \"check\")"
					   " VALUES ($1, $2, 'active', $3, $4, $5)", "lilbb", values, nulls);
}

static char *
text_or_null(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));
}

/* ---- create ---- */

/* Random, so that it means no other key, in this database or another. */
static uint64
new_id(void)
{
	for (int i = 0; i < 100; i++)
	{
		uint64		id;
		LhKeyRow	other;

		if (RAND_bytes((unsigned char *) &id, sizeof(id)) != 1)
			break;
		id >>= 1;
		if (id != 0 && !lh_key_row(id, &other))
			return id;
	}
	ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("the cryptographic library failed to make a number")));
}

static void
check_provider(const char *provider, const char *kek)
{
	LhCtx	   *ctx = lh_pg_ctx(CurrentMemoryContext, 0, NULL);
	LhKeyringCall call;

	lh_key_provider(provider, &call);
	lh_pg_check(ctx, lh_provider_check_name(ctx, kek));
}

/* What wraps it; ERROR when that cannot be. */
static void
check_above(LhKeyRow *row, const char *parent)
{
	LhKeyRow	above;

	if (row->kind == LH_KEY_KIND_DOMAIN && parent != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a domain key has no parent"),
				 errhint("Give a provider, and the name of its key as \"kek\".")));
	if ((row->provider == NULL) != (row->kek == NULL) || (parent == NULL) == (row->provider == NULL))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("it must be said what wraps key \"%s\"", row->name),
				 errhint("Either \"parent\", a domain key, or \"provider\" and \"kek\".")));
	if (parent == NULL)
	{
		check_provider(row->provider, row->kek);
		return;
	}
	lock_key(parent, "FOR SHARE", &above);
	if (above.kind != LH_KEY_KIND_DOMAIN)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("key \"%s\" is no domain key", parent),
				 errdetail("Data keys wrap no keys.")));
	row->parent = above.id;
}

static LhKeyKind
kind_of(const char *kind)
{
	if (strcmp(kind, "domain") == 0)
		return LH_KEY_KIND_DOMAIN;
	if (strcmp(kind, "data") == 0)
		return LH_KEY_KIND_DATA;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("there are no keys of kind \"%s\"", kind),
			 errhint("It is \"domain\" or \"data\".")));
}

static void
insert_key(const LhKeyRow *row)
{
	Datum		values[6];
	char		nulls[] = "      ";

	values[0] = Int64GetDatum((int64) row->id);
	values[1] = CStringGetTextDatum(row->name);
	values[2] = CStringGetTextDatum(row->kind == LH_KEY_KIND_DOMAIN ? "domain" : "data");
	values[3] = Int64GetDatum((int64) row->parent);
	nulls[3] = row->parent == 0 ? 'n' : ' ';
	nulls[4] = nulls[5] = row->provider == NULL ? 'n' : ' ';
	values[4] = row->provider == NULL ? (Datum) 0 : CStringGetTextDatum(row->provider);
	values[5] = row->kek == NULL ? (Datum) 0 : CStringGetTextDatum(row->kek);
	/* catalog tables have no ON CONFLICT: of two at once, one fails by the index */
	if (lh_keys_sql("SELECT 1 FROM lakehouse.keys WHERE name = $1", "t", &values[1], NULL) > 0)
		ereport(ERROR, (errcode(ERRCODE_DUPLICATE_OBJECT), errmsg("key \"%s\" already exists", row->name)));
	(void) lh_keys_sql("INSERT INTO lakehouse.keys (id, name, kind, parent, provider, kek) VALUES ($1, $2, $3, $4, $5, $6)", "lttltt",
					   values, nulls);
}

Datum
lakehouse_key_create(PG_FUNCTION_ARGS)
{
	LhCtx	   *ctx = lh_pg_ctx(CurrentMemoryContext, 0, NULL);
	LhKeyRow	row = {.provider = text_or_null(fcinfo, 3), .kek = text_or_null(fcinfo, 4)};
	LhKeysSql	sql;

	lh_right_require(LH_RIGHT_KEY_ADMIN, "to create keys");
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("name and kind of a key must not be NULL")));
	row.name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	lh_keys_check_name("key", row.name);
	row.kind = kind_of(text_to_cstring(PG_GETARG_TEXT_PP(1)));
	lh_audit_event("key_create", "key", row.name, NULL);
	lh_keys_begin(&sql, "lakehouse.key_create()", true, true);
	check_above(&row, text_or_null(fcinfo, 2));
	row.id = new_id();
	insert_key(&row);
	add_version(ctx, &row, 1);
	lh_keys_end(&sql);
	PG_RETURN_INT64((int64) row.id);
}

/* ---- rotate ---- */

Datum
lakehouse_key_rotate(PG_FUNCTION_ARGS)
{
	LhCtx	   *ctx = lh_pg_ctx(CurrentMemoryContext, 0, NULL);
	const char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Datum		last, id;
	LhKeysSql	sql;
	LhKeyRow	row;
	int32		version;

	lh_right_require(LH_RIGHT_KEY_ADMIN, "to rotate keys");
	lh_audit_event("key_rotate", "key", name, NULL);
	lh_keys_begin(&sql, "lakehouse.key_rotate()", true, true);
	lock_key(name, "FOR NO KEY UPDATE", &row);
	id = Int64GetDatum((int64) row.id);
	(void) lh_keys_sql("SELECT coalesce(max(version), 0) FROM lakehouse.key_versions WHERE id = $1", "l", &id, NULL);
	(void) lh_keys_get(0, 1, &last);
	version = DatumGetInt32(last);
	if (version == PG_INT32_MAX)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("key \"%s\" has no more versions", name)));
	add_version(ctx, &row, (uint32) version + 1);
	lh_keys_end(&sql);
	PG_RETURN_INT32(version + 1);
}

/* ---- retire, destroy ---- */

static void
read_version(const LhKeyRow *row, int32 number, LhKeyVersion *version)
{
	if (number <= 0 || !lh_key_version((LhKeyRef) {row->id, (uint32) number}, version))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("key \"%s\" has no version %d", row->name, number)));
}

/* ERROR while something needs it. */
static void
check_unused(const LhKeyRow *row, LhKeyRef ref, const char *what)
{
	Datum		values[] = {Int64GetDatum((int64) ref.id), Int64GetDatum(ref.version)};
	Datum		below;
	char	   *users;

	if (lh_keys_sql("SELECT k.name FROM lakehouse.keys k JOIN lakehouse.key_versions v USING (id)"
					" WHERE k.parent = $1 AND v.state <> 'destroyed' AND (v.parent_version = $2 OR v.parent_version IS NULL)"
					" ORDER BY k.name LIMIT 1", "ll", values, NULL) > 0)
	{
		(void) lh_keys_get(0, 1, &below);
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("version %u of key \"%s\" cannot be %s: it wraps keys", ref.version, row->name, what),
				 errdetail("One of them is \"%s\".", TextDatumGetCString(below)),
				 errhint("CALL lakehouse.key_rewrap(%s) wraps them under the newest version.", quote_literal_cstr(row->name))));
	}
	users = lh_key_users(ref);
	if (users != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("version %u of key \"%s\" cannot be %s: it is in use", ref.version, row->name, what),
				 errdetail("By %s.", users)));
}

/* An older version must not become the one that encrypts again. */
static void
check_order(const LhKeyRow *row, LhKeyRef ref)
{
	Datum		values[] = {Int64GetDatum((int64) ref.id), Int32GetDatum((int32) ref.version)};

	if (ref.version == lh_key_newest(ref.id) &&
		lh_keys_sql("SELECT 1 FROM lakehouse.key_versions WHERE id = $1 AND version <> $2 AND state = 'active' LIMIT 1", "li", values,
					NULL) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("version %u of key \"%s\" cannot be retired: it is the one that encrypts", ref.version, row->name),
				 errhint("Rotate the key first, or retire all older versions.")));
}

static void
set_state(LhKeyRef ref, const char *set)
{
	Datum		values[] = {Int64GetDatum((int64) ref.id), Int32GetDatum((int32) ref.version)};

	(void) lh_keys_sql(psprintf("UPDATE lakehouse.key_versions SET %s WHERE id = $1 AND version = $2", set), "li", values, NULL);
}

Datum
lakehouse_key_retire(PG_FUNCTION_ARGS)
{
	const char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	bool		retire = PG_GETARG_BOOL(2);
	LhKeyVersion version;
	LhKeysSql	sql;
	LhKeyRow	row;

	lh_right_require(LH_RIGHT_KEY_ADMIN, "to retire keys");
	lh_audit_event("key_retire", "key", name, psprintf("version %d%s", PG_GETARG_INT32(1), retire ? "" : ", active again"));
	lh_keys_begin(&sql, "lakehouse.key_retire()", true, true);
	lock_key(name, "FOR NO KEY UPDATE", &row);
	read_version(&row, PG_GETARG_INT32(1), &version);
	if (version.state == LH_KEY_DESTROYED)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("version %u of key \"%s\" has been destroyed", version.ref.version, name)));
	if (retire && version.state == LH_KEY_ACTIVE)
	{
		check_order(&row, version.ref);
		check_unused(&row, version.ref, "retired");
		set_state(version.ref, "state = 'retired', retired = now()");
		lh_keyring_forget_for_good(version.ref.id, version.ref.version);
	}
	else if (!retire && version.state == LH_KEY_RETIRED)
		set_state(version.ref, "state = 'active', retired = NULL");
	lh_keys_end(&sql);
	PG_RETURN_VOID();
}

/* Retired by this transaction: nobody else has missed it yet. */
static bool
retired_here(LhKeyRef ref)
{
	Datum		values[] = {Int64GetDatum((int64) ref.id), Int32GetDatum((int32) ref.version)};
	Datum		xmin;

	if (lh_keys_sql("SELECT xmin FROM lakehouse.key_versions WHERE id = $1 AND version = $2", "li", values, NULL) == 0)
		return true;
	(void) lh_keys_get(0, 1, &xmin);
	return TransactionIdIsCurrentTransactionId(DatumGetTransactionId(xmin));
}

Datum
lakehouse_key_destroy(PG_FUNCTION_ARGS)
{
	const char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	LhKeyVersion version;
	LhKeysSql	sql;
	LhKeyRow	row;

	lh_right_require(LH_RIGHT_KEY_ADMIN, "to destroy keys");
	lh_audit_event("key_destroy", "key", name, psprintf("version %d", PG_GETARG_INT32(1)));
	lh_keys_begin(&sql, "lakehouse.key_destroy()", true, true);
	lock_key(name, "FOR NO KEY UPDATE", &row);
	read_version(&row, PG_GETARG_INT32(1), &version);
	if (version.state == LH_KEY_ACTIVE)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("version %u of key \"%s\" cannot be destroyed: it is not retired", version.ref.version, name),
				 errhint("lakehouse.key_retire comes first.")));
	if (version.state == LH_KEY_RETIRED)
	{
		if (retired_here(version.ref))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("version %u of key \"%s\" cannot be destroyed in the transaction that retired it",
							version.ref.version, name),
					 errhint("Commit, see that all still works, and destroy it then.")));
		check_unused(&row, version.ref, "destroyed");
		set_state(version.ref, "state = 'destroyed', destroyed = now(), wrapped = NULL");
		lh_keyring_forget_for_good(version.ref.id, version.ref.version);
	}
	lh_keys_end(&sql);
	PG_RETURN_VOID();
}

void
lh_key_hold(LhKeyRef ref)
{
	LhKeyVersion version;
	LhKeysSql	sql;

	lh_keys_begin(&sql, "a function that uses keys", true, true);
	lock_id(ref.id, "FOR SHARE");
	lh_keys_end(&sql);
	if (!lh_key_version(ref, &version) || version.state != LH_KEY_ACTIVE)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("version %u of key \"%s\" is not active", ref.version, lh_key_name(ref.id))));
}

/* ---- list, status ---- */

/* Who administers keys and who audits may see them. */
static void
require_reader(const char *what)
{
	if (!lh_right_has(LH_RIGHT_AUDITOR, GetUserId()))
		lh_right_require(LH_RIGHT_KEY_ADMIN, what);
}

Datum
lakehouse_key_list(PG_FUNCTION_ARGS)
{
	LhKeysSql	sql;

	require_reader("to list keys");
	InitMaterializedSRF(fcinfo, 0);
	lh_keys_begin(&sql, "lakehouse.key_list()", false, true);
	(void) lh_keys_sql("SELECT k.name, k.id, k.kind, p.name, k.provider, k.kek, max(v.version) FILTER (WHERE v.state = 'active'),"
					   " count(*) FILTER (WHERE v.state = 'active'), count(*) FILTER (WHERE v.state = 'retired'),"
					   " count(*) FILTER (WHERE v.state = 'destroyed'), k.created"
					   " FROM lakehouse.keys k LEFT JOIN lakehouse.keys p ON p.id = k.parent"
					   " LEFT JOIN lakehouse.key_versions v ON v.id = k.id GROUP BY k.id, p.id ORDER BY k.name", "", NULL, NULL);
	lh_keys_return((ReturnSetInfo *) fcinfo->resultinfo);
	lh_keys_end(&sql);
	return (Datum) 0;
}

/* used_by is asked for each version, and the rest is one statement. */
static void
return_status(ReturnSetInfo *result, const LhKeyRow *row, const Datum *values, const char *nulls)
{
	uint64		n = lh_keys_sql("SELECT v.version, v.state, v.parent_version, $2, $3,"
								" (SELECT count(*) FROM lakehouse.keys c JOIN lakehouse.key_versions w ON w.id = c.id"
								" WHERE c.parent = v.id AND w.parent_version = v.version AND w.state <> 'destroyed'),"
								" v.created, v.retired, v.destroyed"
								" FROM lakehouse.key_versions v WHERE v.id = $1 ORDER BY v.version", "lll", values, nulls);

	for (uint64 i = 0; i < n; i++)
	{
		/* in order of the result's columns: used_by comes between */
		static const int place[] = {0, 1, 2, 3, 4, 5, 7, 8, 9};
		Datum		out[10];
		bool		null[10];
		char	   *users;

		for (int c = 0; c < lengthof(place); c++)
			null[place[c]] = !lh_keys_get(i, c + 1, &out[place[c]]);
		users = lh_key_users((LhKeyRef) {row->id, (uint32) DatumGetInt32(out[0])});
		null[6] = users == NULL;
		out[6] = users == NULL ? (Datum) 0 : CStringGetTextDatum(users);
		tuplestore_putvalues(result->setResult, result->setDesc, out, null);
	}
}

Datum
lakehouse_key_status(PG_FUNCTION_ARGS)
{
	LhCtx	   *ctx = lh_pg_ctx(CurrentMemoryContext, 0, NULL);
	const char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char		nulls[] = "   ";
	Datum		values[3];
	LhKeysSql	sql;
	LhKeyRow	row;

	require_reader("to see keys");
	InitMaterializedSRF(fcinfo, 0);
	if (!lh_key_row_named(name, &row))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("key \"%s\" does not exist", name)));
	values[0] = Int64GetDatum((int64) row.id);
	if (row.parent != 0)
	{
		values[1] = Int64GetDatum(lh_key_newest(row.parent));
		nulls[2] = 'n';
	}
	else
	{
		LhProviderStatus status = lh_key_provider_status(ctx, &row);

		values[1] = Int64GetDatum(status.latest);
		values[2] = Int64GetDatum(status.oldest);
	}
	lh_keys_begin(&sql, "lakehouse.key_status()", false, true);
	return_status((ReturnSetInfo *) fcinfo->resultinfo, &row, values, nulls);
	lh_keys_end(&sql);
	return (Datum) 0;
}
