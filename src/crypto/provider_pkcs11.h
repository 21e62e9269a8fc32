/*
 * provider_pkcs11.h
 *		Hardware security modules, and whatever else speaks PKCS#11, as a key provider (provider.h).
 *
 * Options:
 *
 *	module		the library of the token's maker: an absolute path, a file that only root or the server's user may change
 *	token		the token's label
 *	pin_file	the user's PIN, by the rules of files of keys
 *
 * A key of the provider is an AES key (CKO_SECRET_KEY) whose label is the name.  Its CKA_ID, as a number of one to four
 * bytes from 1 on, is the version: the largest wraps, all that are there unwrap.  A new version is made with the maker's tools
 * ("pkcs11-tool --keygen --key-type AES:32 --label app --id 02").  The keys never leave the token, and may be sensitive and not extractable.
 *
 * A wrapped key is "pkcs11:vN:" and base64 of nonce (12 bytes), cipher text and tag (16) of AES-GCM, bound to name and version.
 *
 * A module is loaded once in a process, told that there are threads, and never unloaded.  Its calls block, and nothing can end them: it is
 * for a worker with threads.
 *
 * Standard: PKCS #11 Cryptographic Token Interface 2.40 (OASIS), CKM_AES_GCM
 */
#ifndef LH_CRYPTO_PROVIDER_PKCS11_H
#define LH_CRYPTO_PROVIDER_PKCS11_H

#include "crypto/provider.h"

extern const LhProviderKind lh_provider_pkcs11;

#endif
