/*
 * format.c
 *		The table formats that this process knows.
 *
 * pg/init.c registers them; nobody else needs to know which there are.  A
 * format that is asked by name is found by name; otherwise each is asked
 * whether a location looks like its own, "parquet" last, because bare files
 * are what every other format is made of.
 */
#include "scan/scan.h"

#include <strings.h>

#define MAX_FORMATS 16

static const LhFormat *formats[MAX_FORMATS];
static int nformats;

static bool
is_bare(const LhFormat *format)
{
	return strcmp(format->name, "parquet") == 0;
}

/* Registering a name again replaces it. */
void
lh_format_register(const LhFormat *format)
{
	for (int i = 0; i < nformats; i++)
		if (strcmp(formats[i]->name, format->name) == 0)
		{
			formats[i] = format;
			return;
		}
	if (nformats < MAX_FORMATS)
		formats[nformats++] = format;
}

const LhFormat *
lh_format_find(const char *name)
{
	for (int i = 0; i < nformats; i++)
		if (strcasecmp(formats[i]->name, name) == 0)
			return formats[i];
	return NULL;
}

static LhStatus
unknown_format(LhCtx *ctx, const char *name)
{
	LhBuf names;

	LH_TRY(lh_buf_init(ctx, &names, false));
	for (int i = 0; i < nformats; i++)
		LH_TRY(lh_buf_printf(ctx, &names, "%s\"%s\"", i ? ", " : "", formats[i]->name));
	lh_fail(ctx, LH_INVALID, "format \"%s\" is not known", name);
	lh_hint(ctx, "Known formats are %.*s.", (int) names.len, names.data ? (char *) names.data : "");
	return LH_INVALID;
}

static LhStatus
detect(LhCtx *ctx, LhStore *store, const char *location, const LhFormat **out)
{
	*out = NULL;
	for (int bare = 0; bare <= 1; bare++)
		for (int i = 0; i < nformats; i++)
		{
			bool yes = false;

			if (is_bare(formats[i]) != (bare == 1))
				continue;
			LH_TRY(formats[i]->detect(ctx, store, location, &yes));
			if (yes)
			{
				*out = formats[i];
				return LH_OK;
			}
		}
	lh_fail(ctx, LH_UNSUPPORTED, "the table format of \"%s\" is not recognised", location);
	lh_hint(ctx, "Name it by the option \"format\".");
	return LH_UNSUPPORTED;
}

LhStatus
lh_table_open(LhCtx *ctx, LhStore *store, LhPqCache *cache, const char *format,
			  const LhTableOptions *options, LhTable **out)
{
	const LhFormat *found;

	if (format == NULL)
		LH_TRY(detect(ctx, store, options->location, &found));
	else if ((found = lh_format_find(format)) == NULL)
		return unknown_format(ctx, format);
	return found->open(ctx, store, cache, options, out);
}
