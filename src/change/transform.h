/*
 * transform.h
 *		Options that change what a stream says: their lists, taken apart.
 *
 * Row filters, added fields and outboxes are asked for by text that a consumer
 * wrote.  It is taken apart here, the same for plugin and client, within bounds
 * of length, number and depth; what a condition means, PostgreSQL's parser says
 * (pg/cdc/row_filter.c).  docs/cdc-transforms.md tells what they do.
 */
#ifndef LH_CHANGE_TRANSFORM_H
#define LH_CHANGE_TRANSFORM_H

#include "change/options.h"

#define LH_TRANSFORM_TEXT_MAX 65536	/* bytes of an option */
#define LH_TRANSFORM_ITEMS_MAX 256
#define LH_CONDITION_MAX 8192
#define LH_CONDITION_DEPTH 64	/* of brackets */
#define LH_ADD_FIELDS_MAX 64
#define LH_FIELD_NAME_MAX 255	/* bytes of an added field's or header's name */

/* ---- topics ---- */

/* What brokers take: Kafka's limit. */
#define LH_TOPIC_MAX 249
/* Letters, digits, '.', '_' and '-' as they are, any other byte as "_" and two hexadecimal digits; up to 3 n bytes. */
extern char *lh_topic_escape(char *p, const void *bytes, size_t n);
/* 1 to LH_TOPIC_MAX of those characters, and neither "." nor "..". */
extern bool lh_topic_valid(const void *bytes, size_t n);

/* ---- row.filter: schema.table: condition; ... ---- */

typedef struct LhRowFilter
{
	const char *schema;			/* as PostgreSQL reads identifiers: folded unless quoted */
	const char *table;
	const char *condition;
	int			place;			/* in the list, from 1 */
} LhRowFilter;

/* In ctx->arena; NULL or empty: none. */
extern LhStatus lh_row_filters_parse(LhCtx *ctx, const char *text, int *n, LhRowFilter **out);

/* ---- add.fields: [struct.]field[:name], ... ---- */

typedef struct LhAddField
{
	const char *field;			/* "source.ts_ms", as given */
	const char *name;			/* with its prefix: "__source_ts_ms" */
} LhAddField;

extern LhStatus lh_add_fields_parse(LhCtx *ctx, const LhChangeOptions *options, int *n, LhAddField **out);

/* ---- table.fields.additional.placement: column:place[:alias], ... ---- */

typedef struct LhPlacement
{
	const char *column;
	const char *alias;
	bool		header;			/* else in the envelope */
} LhPlacement;

extern LhStatus lh_placements_parse(LhCtx *ctx, const char *text, int *n, LhPlacement **out);

/* All of them, and together with the formats, which were resolved. */
extern LhStatus lh_transforms_check(LhCtx *ctx, const LhChangeOptions *options);

#endif
