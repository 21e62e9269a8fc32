/*
 * provider_job.h
 *		One call of a key provider, made of steps: what providers that have to ask somebody share.
 *
 * A kind of provider gives its steps (LhProvider.steps) and takes its calls from here (LH_PROVIDER_CALLS).  All memory of a call but
 * its results goes when it ends, credentials and plain keys with it.
 */
#ifndef LH_CRYPTO_PROVIDER_JOB_H
#define LH_CRYPTO_PROVIDER_JOB_H

#include "crypto/provider.h"

typedef struct LhProviderJob
{
	LhProvider *provider;
	LhArena    *keep;			/* of the results */
	void	   *session;		/* of begin */
	const char *name;
	LhSlice		key, wrapped;	/* what is given, and what comes */
	LhProviderStatus status;
} LhProviderJob;

typedef LhStatus (*LhProviderStep) (LhCtx *ctx, LhProviderJob *job);

/* What a kind does, of which its calls are made. */
struct LhProviderSteps
{
	/* Before and after each; NULL: nothing.  end comes only after a begin that went well. */
	LhProviderStep begin;
	void		(*end) (LhProviderJob *job);
	LhProviderStep wrap, unwrap, rewrap, generate, status;
};

/* Names and keys are checked first. */
extern LhStatus lh_provider_wrap(LhCtx *ctx, LhProvider *provider, const char *name, LhSlice key, LhSlice *wrapped);
extern LhStatus lh_provider_unwrap(LhCtx *ctx, LhProvider *provider, const char *name, LhSlice wrapped, LhSlice *key);
extern LhStatus lh_provider_rewrap(LhCtx *ctx, LhProvider *provider, const char *name, LhSlice wrapped, LhSlice *out);
extern LhStatus lh_provider_generate(LhCtx *ctx, LhProvider *provider, const char *name, LhSlice *key, LhSlice *wrapped);
extern LhStatus lh_provider_status(LhCtx *ctx, LhProvider *provider, const char *name, LhProviderStatus *out);

#define LH_PROVIDER_CALLS \
	.wrap = lh_provider_wrap, .unwrap = lh_provider_unwrap, .rewrap = lh_provider_rewrap, \
	.generate = lh_provider_generate, .status = lh_provider_status

/* Room for a result: memory that stays; secret memory that stays. */
extern void *lh_provider_keep(LhCtx *ctx, const LhProviderJob *job, size_t n);
extern LhStatus lh_provider_keep_secret(LhCtx *ctx, const LhProviderJob *job, size_t n, void **out);

#endif
