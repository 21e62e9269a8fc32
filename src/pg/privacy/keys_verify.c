/*
 * keys_verify.c
 *		lakehouse.key_verify: can the versions of a key be had?
 *
 * For the day after a restore, and before a version of a provider's key is given up.  Each version that is not
 * destroyed is unwrapped, by the provider or the parent, whether or not it is in shared memory; an active one is also
 * loaded as everybody loads it, and has to be the same.
 */
#include "pg/privacy/keys_store.h"

#include "crypto/crypto.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

PG_FUNCTION_INFO_V1(lakehouse_key_verify);
extern PGDLLEXPORT Datum lakehouse_key_verify(PG_FUNCTION_ARGS);

/* false: destroyed */
static bool
verify(const LhKeyRow *row, const LhKeyVersion *version)
{
	LhCtx	   *ctx;
	LhSlice		fresh, loaded;

	if (version->state == LH_KEY_DESTROYED)
		return false;
	ctx = lh_pg_ctx(CurrentMemoryContext, 0, NULL);
	fresh = lh_key_unwrap_version(ctx, row, version);
	if (version->state != LH_KEY_ACTIVE)
		return true;
	loaded = lh_key_load(ctx, version->ref);
	if (loaded.len != fresh.len || !lh_same_secret(loaded.data, fresh.data, fresh.len))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("version %u of key \"%s\" in memory is not the one in the catalog", version->ref.version, row->name)));
	return true;
}

Datum
lakehouse_key_verify(PG_FUNCTION_ARGS)
{
	const char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	MemoryContext mcxt = AllocSetContextCreate(CurrentMemoryContext, "lakehouse key", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old;
	LhKeyVersion version;
	LhKeyRow	row;
	int32		n = 0;

	if (!lh_right_has(LH_RIGHT_AUDITOR, GetUserId()))
		lh_right_require(LH_RIGHT_KEY_ADMIN, "to verify keys");
	lh_crypto_ready();
	if (!lh_key_row_named(name, &row))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("key \"%s\" does not exist", name)));
	old = MemoryContextSwitchTo(mcxt);
	/* none is ever taken out */
	for (uint32 v = 1; lh_key_version((LhKeyRef) {row.id, v}, &version); v++)
	{
		CHECK_FOR_INTERRUPTS();
		n += verify(&row, &version);
		MemoryContextReset(mcxt);
	}
	MemoryContextSwitchTo(old);
	PG_RETURN_INT32(n);
}
