/*
 * keyring_direct.c
 *		Providers asked by the backend itself, and no keys in shared memory.
 */
#include "pg/privacy/keyring.h"

#include "net/vault.h"

static const LhProviderKind *const kinds[] = {&lh_provider_file, &lh_provider_vault};

bool
lh_keyring_find(LhCtx *ctx, Oid database, LhKeyRef ref, LhSlice *key)
{
	return false;
}

void
lh_keyring_put(LhCtx *ctx, Oid database, LhKeyRef ref, LhSlice key)
{
}

void
lh_keyring_forget(Oid database, uint64 id, uint32 version)
{
}

const LhProviderKind *
lh_keyring_kind(const char *name)
{
	for (int i = 0; i < lengthof(kinds); i++)
		if (strcmp(kinds[i]->name, name) == 0)
			return kinds[i];
	return NULL;
}

void
lh_keyring_kinds(const LhProviderKind *const **out, int *n)
{
	*out = kinds;
	*n = lengthof(kinds);
}

void
lh_keyring_call(LhCtx *ctx, const LhKeyringCall *call, LhKeyringAnswer *answer)
{
	const LhProviderKind *kind = lh_keyring_kind(call->kind);
	LhProvider *p;

	if (kind == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is no key provider of kind \"%s\"", call->kind)));
	lh_pg_check(ctx, kind->open(ctx, call->options, call->noptions, &p));
	switch (call->op)
	{
		case LH_KEYRING_WRAP:
			lh_pg_check(ctx, kind->wrap(ctx, p, call->name, call->input, &answer->wrapped));
			break;
		case LH_KEYRING_UNWRAP:
			lh_pg_check(ctx, kind->unwrap(ctx, p, call->name, call->input, &answer->key));
			break;
		case LH_KEYRING_REWRAP:
			lh_pg_check(ctx, kind->rewrap(ctx, p, call->name, call->input, &answer->wrapped));
			break;
		case LH_KEYRING_GENERATE:
			lh_pg_check(ctx, kind->generate(ctx, p, call->name, &answer->key, &answer->wrapped));
			break;
		case LH_KEYRING_STATUS:
			lh_pg_check(ctx, kind->status(ctx, p, call->name, &answer->status));
			break;
	}
}
