/*
 * route.c
 *		Templates of topics.
 */
#include "client/route.h"

#include "change/transform.h"

static LhStatus
add(LhCtx *ctx, LhRoute *route, const char *template, LhRouteField field, const char *text)
{
	if (route->n == LH_ROUTE_MAX)
		LH_FAIL(ctx, LH_LIMIT, "topic \"%s\" has more than %d parts", template, LH_ROUTE_MAX);
	route->parts[route->n].field = field;
	route->parts[route->n++].text = text;
	return LH_OK;
}

/* "{name}" at p: its field, and how long it is. */
static LhStatus
read_field(LhCtx *ctx, const char *template, const char *p, bool tables, LhRouteField *field,
		   size_t *n)
{
	static const char *const names[] = {
		[LH_ROUTE_SLOT] = "{slot}", [LH_ROUTE_SCHEMA] = "{schema}", [LH_ROUTE_TABLE] = "{table}"};

	for (int i = LH_ROUTE_SLOT; i <= (tables ? LH_ROUTE_TABLE : LH_ROUTE_SLOT); i++)
	{
		*n = strlen(names[i]);
		if (strncmp(p, names[i], *n) == 0)
		{
			*field = (LhRouteField) i;
			return LH_OK;
		}
	}
	LH_FAIL(ctx, LH_INVALID, "topic \"%s\": \"%.*s\" is not known here, but %s", template,
			(int) strcspn(p + 1, "{}") + 2, p,
			tables ? "{slot}, {schema} and {table}" : "{slot}, as these messages are of no table");
}

LhStatus
lh_route_compile(LhCtx *ctx, const char *template, bool tables, LhRoute *route)
{
	const char *p = template;

	route->n = 0;
	while (*p != '\0')
	{
		LhRouteField field = LH_ROUTE_TEXT;
		const char *text = NULL;
		size_t n = strcspn(p, "{}");

		if (n == 0 && p[0] == p[1]) /* a doubled brace */
		{
			text = lh_strndup(ctx, p, 1);
			n = 2;
		}
		else if (n == 0 && p[0] == '}')
			LH_FAIL(ctx, LH_INVALID,
					"topic \"%s\": a \"}\" without \"{\"; write \"}}\" for a brace", template);
		else if (n == 0)
			LH_TRY(read_field(ctx, template, p, tables, &field, &n));
		else
			text = lh_strndup(ctx, p, n);
		if (field == LH_ROUTE_TEXT && text == NULL)
			return ctx->error->code;
		LH_TRY(add(ctx, route, template, field, text));
		p += n;
	}
	if (route->n == 0)
		LH_FAIL(ctx, LH_INVALID, "the template of a topic is empty");
	return LH_OK;
}

LhStatus
lh_route_topic(LhCtx *ctx, const LhRoute *route, const char *slot, const char *schema,
			   const char *table, const char **topic)
{
	const char *values[] = {
		[LH_ROUTE_SLOT] = slot, [LH_ROUTE_SCHEMA] = schema, [LH_ROUTE_TABLE] = table};
	size_t max = 1;
	char *out;

	for (int i = 0; i < route->n; i++)
		max += route->parts[i].text != NULL ? strlen(route->parts[i].text)
											: 3 * strlen(values[route->parts[i].field]);
	LH_ALLOC(ctx, out, max);
	*topic = out;
	for (int i = 0; i < route->n; i++)
	{
		const char *text = route->parts[i].text;

		if (text != NULL)
		{
			out = stpcpy(out, text);
			continue;
		}
		text = values[route->parts[i].field];
		out = lh_topic_escape(out, text, strlen(text));
	}
	*out = '\0';
	return LH_OK;
}
