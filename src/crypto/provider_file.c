/*
 * provider_file.c
 *		Key encryption keys in a file: for development.
 *
 * The file is read anew for each call, so that keys do not stay in memory and a new version is
 * used at once.  What is in it, and how keys are wrapped: provider_keys.c.
 */
#include "crypto/provider_keys.h"

static LhStatus
file_load(LhCtx *ctx, const LhKeysProvider *p, LhKeySet **out)
{
	return lh_keyset_load(ctx, p->where, out);
}

static LhStatus
file_open(LhCtx *ctx, const LhProviderOption *options, int n, LhProvider **out)
{
	const char *path = NULL;
	const LhProviderField fields[] = {{"path", &path, true}};
	LhKeysProvider *p;

	LH_TRY(lh_provider_options(ctx, &lh_provider_file, options, n, fields, 1));
	if (path[0] != '/')
		LH_FAIL(ctx, LH_INVALID,
				"option \"path\" of key provider \"file\" must be an absolute path");
	LH_NEW(ctx, p);
	p->base.kind = &lh_provider_file;
	p->what = "file of keys";
	p->where = lh_strdup(ctx, path);
	p->load = file_load;
	*out = &p->base;
	return p->where != NULL ? LH_OK : ctx->error->code;
}

const LhProviderKind lh_provider_file = {
	.name = "file",
	.open = file_open,
	LH_KEYS_PROVIDER_CALLS,
};
