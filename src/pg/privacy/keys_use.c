/*
 * keys_use.c
 *		What uses a version of a key, beside the keys that it wraps.
 *
 * A feature that names versions of keys in what it stores has a line in the list.  It calls
 * lh_key_hold in the transaction that stores one: that waits for those who retire or destroy it, or they
 * for it.
 */
#include "pg/privacy/keys_store.h"

/* For people ("token domain \"cards\""), palloc'd; NULL: no use.  Seen by the newest snapshot. */
typedef char *(*UseFn) (LhKeyRef ref);

static const UseFn uses[] = {NULL};

char *
lh_key_users(LhKeyRef ref)
{
	for (int i = 0; i < lengthof(uses); i++)
	{
		char	   *found = uses[i] != NULL ? uses[i] (ref) : NULL;

		if (found != NULL)
			return found;
	}
	return NULL;
}
