/*
 * vault.h
 *		HashiCorp Vault's transit engine as a key provider (crypto/provider.h).
 *
 *	vault.c			the provider: credentials, requests, answers
 *	secret_json.c	members of JSON that holds secrets (secret_json.h)
 *
 * Options:
 *
 *	address			"https://host:8200"; http:// only to this machine
 *	mount			path of the engine; "transit"
 *	namespace		of Vault Enterprise; none
 *	token_file		a token; or, instead,
 *	role_id_file, secret_id_file	for a login by AppRole, and
 *	approle_mount	where that is; "approle"
 *	ca_file			certificates instead of the system's
 *	timeout_ms		of one attempt; 10000
 *	attempts		5
 *
 * Files of credentials are read by the rules of files of keys: regular, of the server's user
 * or root, for nobody else.  They are read anew for each login or request.
 *
 * The address's host may be a private address, as it is named on purpose; link-local ones and
 * metadata services are refused as everywhere (net.h).  Redirects are not followed: a
 * token never goes to another host.
 *
 * API: https://developer.hashicorp.com/vault/api-docs/secret/transit
 */
#ifndef LH_NET_VAULT_H
#define LH_NET_VAULT_H

#include "crypto/provider.h"

extern const LhProviderKind lh_provider_vault;

#endif
