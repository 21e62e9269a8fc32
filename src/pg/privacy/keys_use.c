/*
 * keys_use.c
 *		What uses a version of a key, beside the keys that it wraps.
 *
 * A feature that names versions of keys in what it stores has a line in the list.  It calls
 * lh_key_hold in the transaction that stores one: that waits for those who retire or destroy it, or they
 * for it.
 */
#include "pg/privacy/keys_store.h"
#include "pg/privacy/subject_store.h"

#include "pg/privacy/enc.h"
#include "pg/privacy/hidden.h"
#include "pg/privacy/vault.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

/* For people ("token domain \"cards\""), palloc'd; NULL: no use.  Seen by the newest snapshot. */
typedef char *(*UseFn) (LhKeyRef ref);

/* Is this member of a definition this number? */
static bool
member_is(Jsonb *definition, const char *name, uint64 value)
{
	JsonbValue	v;
	char	   *text;

	if (!JB_ROOT_IS_OBJECT(definition) ||
		getKeyJsonValueFromContainer(&definition->root, name, (int) strlen(name), &v) == NULL || v.type != jbvNumeric)
		return false;
	text = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(v.val.numeric)));
	return strcmp(text, psprintf(UINT64_FORMAT, value)) == 0;
}

/*
 * Token domains make tokens under one version.  A definition that cannot be read may be one that needs the key: its
 * error stops us.
 */
static char *
token_domain(LhKeyRef ref)
{
	ListCell   *lc;

	foreach(lc, lh_hidden_all(LH_HIDDEN_DOMAIN))
	{
		LhHidden   *h = lh_hidden_read(lfirst_oid(lc));

		if (member_is(h->definition, "key", ref.id) && member_is(h->definition, "version", ref.version))
			return psprintf("token domain \"%s\"", h->name);
	}
	return NULL;
}

static const UseFn uses[] = {token_domain, lh_enc_users, lh_subject_users, lh_vault_users};

char *
lh_key_users(LhKeyRef ref)
{
	for (int i = 0; i < lengthof(uses); i++)
	{
		char	   *found = uses[i] (ref);

		if (found != NULL)
			return found;
	}
	return NULL;
}
