/*
 * provider.h
 *		Where the keys come from that wrap all other keys.
 *
 *	provider.c			settings and names, checked for all of them
 *	provider_keys.c		providers that hold the keys themselves (provider_keys.h)
 *	provider_file.c		... in a file: development
 *	provider_env.c		... in the environment that the server was started with
 *	provider_job.c		calls made of steps (provider_job.h)
 *	provider_pkcs11.c	hardware security modules (provider_pkcs11.h)
 *	net/vault.c			HashiCorp Vault's transit engine (net/vault.h)
 *	net/awskms.c		AWS KMS (net/awskms.h)
 *
 * A provider holds key encryption keys by name and version, and wraps data keys with
 * them.  Only wrapped keys are stored.  The latest version wraps; older ones go on
 * unwrapping until the provider drops them.
 *
 * Settings name files, never secrets, and a provider's errors tell neither keys nor tokens.
 * Whoever may choose the settings may make the server read files and connect
 * to hosts: superusers only.  Providers may wait, through the host, and so end when it wants
 * it: they are for a worker, not for queries.
 */
#ifndef LH_CRYPTO_PROVIDER_H
#define LH_CRYPTO_PROVIDER_H

#include "crypto/crypto.h"

/* Bytes of a data key that a provider makes, and of the longest that it wraps. */
#define LH_PROVIDER_KEY 32
#define LH_PROVIDER_MOST 4096

typedef struct LhProviderOption
{
	const char *name;
	const char *value;
} LhProviderOption;

/* Versions that a key has. */
typedef struct LhProviderStatus
{
	uint32_t	latest;			/* wraps */
	uint32_t	oldest;			/* still unwraps */
} LhProviderStatus;

typedef struct LhProviderKind LhProviderKind;
typedef struct LhProviderSteps LhProviderSteps;

/* Of one configuration; each kind's own struct begins with it. */
typedef struct LhProvider
{
	const LhProviderKind *kind;
	const LhProviderSteps *steps;	/* of kinds whose calls are made of steps (provider_job.h) */
} LhProvider;

/*
 * Failures of all calls: LH_DENIED (credentials or rights), LH_NOT_FOUND (no such key or
 * version), LH_IO (out of reach, sealed, overloaded, or an answer that makes no sense),
 * LH_CORRUPT (not what this key wrapped), LH_INVALID (settings or arguments).
 * Results are in ctx->arena, keys in secret memory there.
 */
struct LhProviderKind
{
	const char *name;
	/* Check settings; it does not have to be in reach yet.  Lives in ctx->arena. */
	LhStatus	(*open) (LhCtx *ctx, const LhProviderOption *options, int n, LhProvider **out);
	LhStatus	(*wrap) (LhCtx *ctx, LhProvider *provider, const char *name, LhSlice key, LhSlice *wrapped);
	LhStatus	(*unwrap) (LhCtx *ctx, LhProvider *provider, const char *name, LhSlice wrapped, LhSlice *key);
	/* The same key, wrapped under the latest version. */
	LhStatus	(*rewrap) (LhCtx *ctx, LhProvider *provider, const char *name, LhSlice wrapped, LhSlice *out);
	/* A new data key of LH_PROVIDER_KEY bytes. */
	LhStatus	(*generate) (LhCtx *ctx, LhProvider *provider, const char *name, LhSlice *key, LhSlice *wrapped);
	LhStatus	(*status) (LhCtx *ctx, LhProvider *provider, const char *name, LhProviderStatus *out);
	/* By its form, without asking: the version that wrapped it; false: not of this provider. */
	bool		(*version) (LhSlice wrapped, uint32_t *out);
};

extern const LhProviderKind lh_provider_file;
extern const LhProviderKind lh_provider_env;

/* Names of the variables of lh_provider_env begin so; without more it is the one that is meant unless another is named. */
#define LH_PROVIDER_ENV "LAKEHOUSE_KEYS"
/*
 * Take them from the environment of the process into secret memory of its own, which its children by fork inherit.
 * Before there are threads; may be called again.  LH_LIMIT: one is too long, and gone all the same.
 */
extern LhStatus lh_provider_env_take(LhCtx *ctx);

/* ---- for providers ---- */

/* What a setting is called and where its value goes. */
typedef struct LhProviderField
{
	const char *name;
	const char **value;			/* what it is before is the default */
	bool		required;
} LhProviderField;

/* LH_INVALID: unknown, twice, empty, or missing.  Values are borrowed. */
extern LhStatus lh_provider_options(LhCtx *ctx, const LhProviderKind *kind, const LhProviderOption *options, int n,
									const LhProviderField *fields, int nfields);
/* Names are 1 to 128 letters, digits, '_', '-', '.', not all dots; LH_INVALID. */
extern LhStatus lh_provider_check_name(LhCtx *ctx, const char *name);
extern LhStatus lh_provider_check_key(LhCtx *ctx, LhSlice key);

#endif
