/*
 * options.c
 *		The consumer's options: a list of DefElem into the table of change/options.h.
 */
#include "pg/cdc/cdc.h"

#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/varlena.h"

/* Names of publications, as SplitIdentifierString takes them. */
static void
read_publications(LhCdc *cdc)
{
	char	   *names;

	if (cdc->options.publication_names == NULL || cdc->options.publication_names[0] == '\0')
		return;
	names = lh_pg_text(cdc->options.publication_names);
	if (!SplitIdentifierString(names, ',', &cdc->publications))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("option \"publication_names\" is not a list of names: %s", lh_pg_text(cdc->options.publication_names)),
				 errhint("Names are separated by commas; those with other than lower-case letters, digits and underscores stand in double quotes.")));
}

/* The check saw to it that all formats show values as the session does, or none. */
static void
find_formats(LhCdc *cdc)
{
	LhChangeOptions *o = &cdc->options;

	for (int i = 0; i < o->nformats; i++)
	{
		const LhChangeFormat *format = lh_change_format_find(o->formats[i], strlen(o->formats[i]));

		if (format == NULL)
			elog(ERROR, "change format \"%s\" passed the check and is not there", o->formats[i]);
		cdc->session = format->session;
		lh_pg_check(cdc->ctx, format->create(cdc->ctx, o, &cdc->encoders[i]));
	}
	cdc->nformats = o->nformats;
}

void
lh_cdc_read_options(LhCdc *cdc, List *defelems)
{
	LhCtx	   *ctx = cdc->ctx;
	ListCell   *lc;
	char	   *database;

	lh_pg_check(ctx, lh_change_options_init(ctx, &cdc->options));
	foreach(lc, defelems)
	{
		DefElem    *def = lfirst(lc);
		const char *value = def->arg != NULL ? defGetString(def) : NULL;

		lh_pg_check(ctx, lh_change_option_set(ctx, &cdc->options, lh_cell_utf8(ctx, def->defname),
											  value != NULL ? lh_cell_utf8(ctx, value) : NULL));
	}
	database = get_database_name(MyDatabaseId);
	cdc->options.database = lh_cell_utf8(ctx, database != NULL ? database : "");
	lh_pg_check(ctx, lh_change_options_check(ctx, &cdc->options));
	read_publications(cdc);
	find_formats(cdc);
}

List *
lh_cdc_options_of_array(ArrayType *array)
{
	List	   *options = NIL;
	Datum	   *items;
	bool	   *nulls;
	int			n;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("array of options must be one-dimensional")));
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &items, &nulls, &n);
	if (n % 2 != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("array of options has %d elements: names and values must alternate", n),
				 errhint("SELECT * FROM lakehouse.cdc_options() lists them.")));
	for (int i = 0; i < n; i += 2)
	{
		Node	   *value = nulls[i + 1] ? NULL : (Node *) makeString(TextDatumGetCString(items[i + 1]));

		if (nulls[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("name of an option must not be null")));
		options = lappend(options, makeDefElem(TextDatumGetCString(items[i]), value, -1));
	}
	return options;
}
