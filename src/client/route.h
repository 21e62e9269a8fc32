/*
 * route.h
 *		Topics of messages: templates such as "{slot}.{schema}.{table}".
 *
 * Brokers allow letters, digits, '.', '_' and '-' in topics; any other byte of a
 * name becomes "_" and two hexadecimal digits.  "{{" stands for a brace.
 */
#ifndef LH_CLIENT_ROUTE_H
#define LH_CLIENT_ROUTE_H

#include "core/core.h"

typedef enum LhRouteField { LH_ROUTE_TEXT, LH_ROUTE_SLOT, LH_ROUTE_SCHEMA, LH_ROUTE_TABLE } LhRouteField;

#define LH_ROUTE_MAX 16

typedef struct LhRoute
{
	int			n;
	struct
	{
		LhRouteField field;
		const char *text;
	}			parts[LH_ROUTE_MAX];
} LhRoute;

/* tables false: the topic is of no table, so {schema} and {table} are LH_INVALID. */
extern LhStatus lh_route_compile(LhCtx *ctx, const char *template, bool tables, LhRoute *route);
/* In ctx->arena. */
extern LhStatus lh_route_topic(LhCtx *ctx, const LhRoute *route, const char *slot, const char *schema,
							   const char *table, const char **topic);

#endif
