/*
 * vault.h
 *		Vaulted tokens (vault.c): for those who drop domains and retire keys.
 */
#ifndef LH_PG_PRIVACY_VAULT_H
#define LH_PG_PRIVACY_VAULT_H

#include "pg/privacy/keys.h"

/* Has a domain of this name tokens in a vault, also such as have ended? */
extern bool lh_vault_has(const char *domain);
/* As lh_key_users: what of vaults uses this version, for people; NULL: nothing. */
extern char *lh_vault_users(LhKeyRef ref);

#endif
