/*
 * provider_keys.h
 *		Internal: what providers that hold the key encryption keys themselves share.
 *
 * A kind fills in where its keys are and how they are loaded; wrapping and its form are
 * the same, so that a key which was wrapped by one of them is unwrapped by another with equal keys.
 */
#ifndef LH_CRYPTO_PROVIDER_KEYS_H
#define LH_CRYPTO_PROVIDER_KEYS_H

#include "crypto/provider.h"

typedef struct LhKeysProvider LhKeysProvider;
struct LhKeysProvider
{
	LhProvider	base;
	const char *what;			/* for messages: "file of keys" */
	const char *where;			/* ... and which one */
	/* All keys, parsed, in ctx->arena, where they do not stay. */
	LhStatus	(*load) (LhCtx *ctx, const LhKeysProvider *p, LhKeySet **out);
};

extern LhStatus lh_keys_wrap(LhCtx *ctx, LhProvider *provider, const char *name, LhSlice key, LhSlice *wrapped);
extern LhStatus lh_keys_unwrap(LhCtx *ctx, LhProvider *provider, const char *name, LhSlice wrapped, LhSlice *key);
extern LhStatus lh_keys_rewrap(LhCtx *ctx, LhProvider *provider, const char *name, LhSlice wrapped, LhSlice *out);
extern LhStatus lh_keys_generate(LhCtx *ctx, LhProvider *provider, const char *name, LhSlice *key, LhSlice *wrapped);
extern LhStatus lh_keys_status(LhCtx *ctx, LhProvider *provider, const char *name, LhProviderStatus *out);
extern bool lh_keys_version(LhSlice wrapped, uint32_t *out);

#define LH_KEYS_PROVIDER_CALLS \
	.wrap = lh_keys_wrap, .unwrap = lh_keys_unwrap, .rewrap = lh_keys_rewrap, \
	.generate = lh_keys_generate, .status = lh_keys_status, .version = lh_keys_version

#endif
