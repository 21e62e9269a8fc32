/*
 * provider.c
 *		Settings of key providers, and names of their keys.
 */
#include "crypto/provider.h"

#define MAX_NAME 128

static const LhProviderField *
field_of(const LhProviderField *fields, int n, const char *name)
{
	for (int i = 0; i < n; i++)
		if (strcmp(fields[i].name, name) == 0)
			return &fields[i];
	return NULL;
}

LhStatus
lh_provider_options(LhCtx *ctx, const LhProviderKind *kind, const LhProviderOption *options, int n,
					const LhProviderField *fields, int nfields)
{
	for (int i = 0; i < n; i++)
	{
		const LhProviderField *field = field_of(fields, nfields, options[i].name);

		if (field == NULL)
			LH_FAIL(ctx, LH_INVALID, "key provider \"%s\" has no option \"%.64s\"", kind->name,
					options[i].name);
		for (int k = 0; k < i; k++)
			if (strcmp(options[k].name, options[i].name) == 0)
				LH_FAIL(ctx, LH_INVALID, "option \"%s\" of key provider \"%s\" is given twice",
						options[i].name, kind->name);
		if (options[i].value == NULL || options[i].value[0] == '\0')
			LH_FAIL(ctx, LH_INVALID, "option \"%s\" of key provider \"%s\" is empty",
					options[i].name, kind->name);
		*field->value = options[i].value;
	}
	for (int i = 0; i < nfields; i++)
		if (fields[i].required && *fields[i].value == NULL)
			LH_FAIL(ctx, LH_INVALID, "key provider \"%s\" needs option \"%s\"", kind->name,
					fields[i].name);
	return LH_OK;
}

LhStatus
lh_provider_check_name(LhCtx *ctx, const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > MAX_NAME || strspn(name, ".") == len ||
		strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.") != len)
		LH_FAIL(ctx, LH_INVALID,
				"the name of a provider's key has 1 to %d letters, digits, \"_\", \"-\" and \".\"",
				MAX_NAME);
	return LH_OK;
}

LhStatus
lh_provider_check_key(LhCtx *ctx, LhSlice key)
{
	if (key.len == 0 || key.len > LH_PROVIDER_MOST)
		LH_FAIL(ctx, LH_INVALID, "a key to wrap has 1 to %d bytes, not %zu", LH_PROVIDER_MOST,
				key.len);
	return LH_OK;
}
