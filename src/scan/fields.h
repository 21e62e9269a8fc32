/*
 * fields.h
 *		Internal: which node of a file is which field of the table.
 */
#ifndef LH_SCAN_FIELDS_H
#define LH_SCAN_FIELDS_H

#include "scan/datafile.h"

/* A field that is looked for in every file. */
typedef struct LhWantedField
{
	int id;
	int col;
} LhWantedField;

/* What is looked for, made once a scan. */
typedef struct LhFieldFinder
{
	int n;
	LhWantedField *wanted; /* ascending by id */
	const LhNameMapping *mapping; /* the table's; NULL: none */
	const LhNameMapping *names; /* of the schema */
} LhFieldFinder;

/* ids[i]: field id of column i, -1: not looked for by id. */
extern LhStatus lh_fields_prepare(LhCtx *ctx, const LhTableSchema *schema, int ncols, const int *ids,
								  LhFieldFinder **out);

/* A column's place in a file. */
typedef struct LhFoundField
{
	int node; /* -1: the file has no such field */
	const LhNameMapping *mapping; /* ids of what is below it; NULL: the file has ids itself */
} LhFoundField;

/* found[ncols]; LH_CORRUPT when a field that is looked for is there twice. */
extern LhStatus lh_fields_find(LhCtx *ctx, const LhFieldFinder *finder, LhFileFormat format,
							   const LhDataFile *file, LhFoundField *found, int ncols);

/* Child of a group by name; NULL: none. */
extern const LhNameMapping *lh_mapping_child(const LhNameMapping *mapping, const char *name);

/* The schema's own names as a mapping, in ctx->arena. */
extern LhStatus lh_schema_names(LhCtx *ctx, const LhTableSchema *schema, const LhNameMapping **out);
/* Type of a field anywhere in the schema; NULL: it has none. */
extern const LhType *lh_schema_field(const LhTableSchema *schema, int field_id);
/* Field id of the struct that the field is a member of; -1: none, it is a column or lies elsewhere. */
extern int lh_schema_parent(const LhTableSchema *schema, int field_id);
/* One field that was not looked for when the finder was made. */
extern LhStatus lh_fields_find_one(LhCtx *ctx, const LhFieldFinder *finder, LhFileFormat format,
								   const LhDataFile *file, int field_id, LhFoundField *found);
/* What a field is worth where a file lacks it; NULL: null. */
extern const LhValue *lh_schema_default(const LhTableSchema *schema, int field_id);

#endif
