/*
 * provider_job.c
 *		One call of a key provider, made of steps.
 */
#include "crypto/provider_job.h"

static LhStatus
run(LhCtx *ctx, LhProvider *provider, const char *name, LhProviderStep step, LhProviderJob *job)
{
	LhArena *keep = ctx->arena, *scratch;
	LhStatus status;

	LH_TRY(lh_provider_check_name(ctx, name));
	scratch = lh_arena_child(ctx->arena);
	if (scratch == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory for key provider \"%s\"", provider->kind->name);
	job->provider = provider;
	job->name = name;
	job->keep = lh_use(ctx, scratch);
	status = provider->steps->begin != NULL ? provider->steps->begin(ctx, job) : LH_OK;
	if (status == LH_OK)
	{
		status = step(ctx, job);
		if (provider->steps->end != NULL)
			provider->steps->end(job);
	}
	lh_use(ctx, keep);
	lh_arena_destroy(scratch);
	return status;
}

LhStatus
lh_provider_wrap(LhCtx *ctx, LhProvider *provider, const char *name, LhSlice key, LhSlice *wrapped)
{
	LhProviderJob job = {.key = key};

	LH_TRY(lh_provider_check_key(ctx, key));
	LH_TRY(run(ctx, provider, name, provider->steps->wrap, &job));
	*wrapped = job.wrapped;
	return LH_OK;
}

LhStatus
lh_provider_unwrap(LhCtx *ctx, LhProvider *provider, const char *name, LhSlice wrapped,
				   LhSlice *key)
{
	LhProviderJob job = {.wrapped = wrapped};

	LH_TRY(run(ctx, provider, name, provider->steps->unwrap, &job));
	*key = job.key;
	return LH_OK;
}

LhStatus
lh_provider_rewrap(LhCtx *ctx, LhProvider *provider, const char *name, LhSlice wrapped,
				   LhSlice *out)
{
	LhProviderJob job = {.wrapped = wrapped};

	LH_TRY(run(ctx, provider, name, provider->steps->rewrap, &job));
	*out = job.wrapped;
	return LH_OK;
}

LhStatus
lh_provider_generate(LhCtx *ctx, LhProvider *provider, const char *name, LhSlice *key,
					 LhSlice *wrapped)
{
	LhProviderJob job = {0};

	LH_TRY(run(ctx, provider, name, provider->steps->generate, &job));
	*key = job.key;
	*wrapped = job.wrapped;
	return LH_OK;
}

LhStatus
lh_provider_status(LhCtx *ctx, LhProvider *provider, const char *name, LhProviderStatus *out)
{
	LhProviderJob job = {0};

	LH_TRY(run(ctx, provider, name, provider->steps->status, &job));
	*out = job.status;
	return LH_OK;
}

void *
lh_provider_keep(LhCtx *ctx, const LhProviderJob *job, size_t n)
{
	LhArena *old = lh_use(ctx, job->keep);
	void *p = lh_alloc(ctx, n);

	lh_use(ctx, old);
	return p;
}

LhStatus
lh_provider_keep_secret(LhCtx *ctx, const LhProviderJob *job, size_t n, void **out)
{
	LhArena *old = lh_use(ctx, job->keep);
	LhStatus status = lh_secret_alloc(ctx, n, out);

	lh_use(ctx, old);
	return status;
}
