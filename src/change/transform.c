/*
 * transform.c
 *		Options of transforms: lists taken apart, and checked together.
 */
#include "change/transform.h"

#include <stdio.h>

#include "change/flat.h"
#include "change/outbox.h"
#include "change/unwrap.h"

/* What messages quote of an option. */
#define QUOTED 64

/* ---- topics ---- */

static bool
is_topic_char(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
		   c == '_' || c == '-';
}

char *
lh_topic_escape(char *p, const void *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *s = bytes;

	for (size_t i = 0; i < n; i++)
	{
		if (is_topic_char(s[i]))
			*p++ = (char) s[i];
		else
		{
			*p++ = '_';
			*p++ = digits[s[i] >> 4];
			*p++ = digits[s[i] & 15];
		}
	}
	return p;
}

bool
lh_topic_valid(const void *bytes, size_t n)
{
	const unsigned char *s = bytes;

	if (n == 0 || n > LH_TOPIC_MAX || (n <= 2 && s[0] == '.' && s[n - 1] == '.'))
		return false;
	for (size_t i = 0; i < n; i++)
	{
		if (!is_topic_char(s[i]))
			return false;
	}
	return true;
}

/* ---- lists ---- */

static LhStatus
check_length(LhCtx *ctx, const char *option, const char *text)
{
	size_t n = strlen(text);

	if (n > LH_TRANSFORM_TEXT_MAX)
		LH_FAIL(ctx, LH_INVALID, "option \"%s\" has %zu bytes, at most %d are allowed", option, n,
				LH_TRANSFORM_TEXT_MAX);
	return LH_OK;
}

/* The text from p to end without blanks around it. */
static char *
trimmed(LhCtx *ctx, const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
		p++;
	while (end > p && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\n' || end[-1] == '\r'))
		end--;
	return lh_strndup(ctx, p, (size_t) (end - p));
}

/* Up to three parts between colons of the item at *text; *n: how many.  *text moves behind it. */
static LhStatus
next_parts(LhCtx *ctx, const char **text, char *parts[3], int *n)
{
	const char *end = *text + strcspn(*text, ",");
	const char *p = *text;

	parts[0] = parts[1] = parts[2] = NULL;
	*n = 0;
	while (p <= end)
	{
		const char *colon = memchr(p, ':', (size_t) (end - p));
		const char *stop = colon != NULL && *n < 2 ? colon : end;

		parts[*n] = trimmed(ctx, p, stop);
		if (parts[(*n)++] == NULL)
			return ctx->error->code;
		p = stop + 1;
	}
	*text = *end == ',' ? end + 1 : end;
	return LH_OK;
}

/* ---- row.filter ---- */

static LhStatus
bad_filter(LhCtx *ctx, int place, const char *at, const char *what)
{
	lh_fail(ctx, LH_INVALID, "option \"row.filter\", item %d: %s at \"%.*s\"", place, what, QUOTED,
			at);
	lh_hint(ctx, "Write schema.table: condition; schema.table: condition");
	return LH_INVALID;
}

static const char *
skip_blanks(const char *p)
{
	return p + strspn(p, " \t\r\n");
}

/* Where the identifier at s ends. */
static const char *
end_of_identifier(const char *s)
{
	if (*s != '"')
	{
		while (*s == '_' || *s == '$' || (*s >= '0' && *s <= '9') || (*s >= 'a' && *s <= 'z') ||
			   (*s >= 'A' && *s <= 'Z') || (unsigned char) *s >= 0x80)
			s++;
		return s;
	}
	for (s++; *s != '\0'; s++)
	{
		if (*s == '"' && *++s != '"')
			return s;
	}
	return s;
}

/* An identifier at *p: folded, or in quotes with doubled ones inside. */
static LhStatus
read_identifier(LhCtx *ctx, const char **p, int place, const char **out)
{
	const char *s = skip_blanks(*p), *end = end_of_identifier(s);
	bool quoted = *s == '"';
	char *name, *to;

	if (end == s)
		return bad_filter(ctx, place, s, "a name is expected");
	if (quoted && (end - s < 3 || end[-1] != '"'))
		return bad_filter(ctx, place, s, "a name whose quotes do not end, or an empty one");
	*p = skip_blanks(end);
	if (quoted)
	{
		s++;
		end--;
	}
	name = to = lh_strndup(ctx, s, (size_t) (end - s));
	if (name == NULL)
		return ctx->error->code;
	for (; s < end; s++)
	{
		*to++ = !quoted && *s >= 'A' && *s <= 'Z' ? (char) (*s - 'A' + 'a') : *s;
		s += quoted && *s == '"';
	}
	*to = '\0';
	*out = name;
	return LH_OK;
}

/* The end of the condition at p: a semicolon outside of quotes, or the text's. */
static LhStatus
read_condition(LhCtx *ctx, const char *p, int place, const char **end)
{
	const char *start = p;
	char quote = 0;
	int depth = 0;

	for (; *p != '\0' && (quote != 0 || *p != ';'); p++)
	{
		if (quote != 0)
			quote = *p == quote ? 0 : quote;
		else if (*p == '\'' || *p == '"')
			quote = *p;
		else if ((*p == '(' || *p == '[') && ++depth > LH_CONDITION_DEPTH)
			return bad_filter(ctx, place, p, "brackets are nested too deep");
		else if ((*p == ')' || *p == ']') && --depth < 0)
			return bad_filter(ctx, place, p, "a bracket that closes none");
	}
	if (quote != 0 || depth > 0)
		return bad_filter(ctx, place, start, "a quote or bracket does not end");
	if (p - start > LH_CONDITION_MAX)
		LH_FAIL(ctx, LH_INVALID,
				"option \"row.filter\", item %d: a condition of %zu bytes, at most %d are allowed",
				place, (size_t) (p - start), LH_CONDITION_MAX);
	*end = p;
	return LH_OK;
}

static LhStatus
read_filter(LhCtx *ctx, const char **p, LhRowFilter *f)
{
	const char *end = NULL;

	LH_TRY(read_identifier(ctx, p, f->place, &f->schema));
	if (**p != '.')
		return bad_filter(ctx, f->place, *p, "\".\" and the table's name are expected");
	++*p;
	LH_TRY(read_identifier(ctx, p, f->place, &f->table));
	if (**p != ':')
		return bad_filter(ctx, f->place, *p, "\":\" and a condition are expected");
	++*p;
	LH_TRY(read_condition(ctx, *p, f->place, &end));
	f->condition = trimmed(ctx, *p, end);
	if (f->condition == NULL)
		return ctx->error->code;
	if (*f->condition == '\0')
		return bad_filter(ctx, f->place, *p, "a condition is expected");
	*p = end;
	return LH_OK;
}

LhStatus
lh_row_filters_parse(LhCtx *ctx, const char *text, int *n, LhRowFilter **out)
{
	LhRowFilter *all;

	*n = 0;
	*out = NULL;
	if (text == NULL || *text == '\0')
		return LH_OK;
	LH_TRY(check_length(ctx, "row.filter", text));
	LH_NEW_ARRAY(ctx, all, LH_TRANSFORM_ITEMS_MAX);
	for (const char *p = skip_blanks(text); *p != '\0'; p = skip_blanks(p + (*p == ';')))
	{
		if (*p == ';')
			continue;
		if (*n == LH_TRANSFORM_ITEMS_MAX)
			LH_FAIL(ctx, LH_INVALID, "option \"row.filter\" has more than %d items",
					LH_TRANSFORM_ITEMS_MAX);
		all[*n].place = *n + 1;
		LH_TRY(read_filter(ctx, &p, &all[*n]));
		++*n;
	}
	*out = all;
	return LH_OK;
}

/* ---- add.fields ---- */

/* "__" and "source_ts_ms", or the name that was given. */
static LhStatus
name_field(LhCtx *ctx, const char *prefix, const char *given, LhAddField *f)
{
	char *name =
		lh_sprintf(ctx, "%s%s", prefix != NULL ? prefix : "", given != NULL ? given : f->field);
	char *dot;

	if (name == NULL)
		return ctx->error->code;
	dot = given == NULL ? strchr(name + (prefix != NULL ? strlen(prefix) : 0), '.') : NULL;
	if (dot != NULL)
		*dot = '_';
	if (strlen(name) > LH_FIELD_NAME_MAX)
		LH_FAIL(ctx, LH_INVALID,
				"option \"add.fields\": a name of %zu bytes, at most %d are allowed", strlen(name),
				LH_FIELD_NAME_MAX);
	f->name = name;
	return LH_OK;
}

LhStatus
lh_add_fields_parse(LhCtx *ctx, const LhChangeOptions *options, int *n, LhAddField **out)
{
	const char *text = options->add_fields;
	LhAddField *all;

	*n = 0;
	*out = NULL;
	if (text == NULL || *text == '\0')
		return LH_OK;
	LH_TRY(check_length(ctx, "add.fields", text));
	LH_NEW_ARRAY(ctx, all, LH_ADD_FIELDS_MAX);
	while (*text != '\0')
	{
		char *parts[3];
		int nparts;

		LH_TRY(next_parts(ctx, &text, parts, &nparts));
		if (nparts > 2 || *parts[0] == '\0' || (nparts == 2 && *parts[1] == '\0'))
			LH_FAIL(ctx, LH_INVALID,
					"option \"add.fields\", item %d: \"%.*s\" is not field or field:name", *n + 1,
					QUOTED, parts[0]);
		if (*n == LH_ADD_FIELDS_MAX)
			LH_FAIL(ctx, LH_INVALID, "option \"add.fields\" has more than %d items",
					LH_ADD_FIELDS_MAX);
		all[*n].field = parts[0];
		LH_TRY(name_field(ctx, options->add_fields_prefix, parts[1], &all[*n]));
		for (int i = 0; i < *n; i++)
		{
			if (strcmp(all[i].name, all[*n].name) == 0)
				LH_FAIL(ctx, LH_INVALID, "option \"add.fields\" names \"%.*s\" twice", QUOTED,
						all[i].name);
		}
		++*n;
	}
	*out = all;
	return LH_OK;
}

/* ---- table.fields.additional.placement ---- */

static LhStatus
read_placement(LhCtx *ctx, char *const parts[3], int nparts, int place, LhPlacement *out)
{
	static const char option[] = "table.fields.additional.placement";

	if (nparts < 2 || *parts[0] == '\0')
		LH_FAIL(ctx, LH_INVALID,
				"option \"%s\", item %d: \"%.*s\" is not column:header or column:envelope", option,
				place, QUOTED, parts[0]);
	if (strcmp(parts[1], "partition") == 0)
	{
		lh_fail(ctx, LH_INVALID, "option \"%s\", item %d: a column cannot choose the partition",
				option, place);
		lh_hint(ctx, "Partitions are chosen by the key: see \"table.field.event.key\".");
		return LH_INVALID;
	}
	out->header = strcmp(parts[1], "header") == 0;
	if (!out->header && strcmp(parts[1], "envelope") != 0)
		LH_FAIL(ctx, LH_INVALID, "option \"%s\", item %d: \"%.*s\" is neither header nor envelope",
				option, place, QUOTED, parts[1]);
	out->column = parts[0];
	out->alias = nparts > 2 ? parts[2] : parts[0];
	if (*out->alias == '\0' || strlen(out->alias) > LH_FIELD_NAME_MAX)
		LH_FAIL(ctx, LH_INVALID, "option \"%s\", item %d: an alias has 1 to %d bytes", option,
				place, LH_FIELD_NAME_MAX);
	return LH_OK;
}

LhStatus
lh_placements_parse(LhCtx *ctx, const char *text, int *n, LhPlacement **out)
{
	static const char option[] = "table.fields.additional.placement";
	LhPlacement *all;

	*n = 0;
	*out = NULL;
	if (text == NULL || *text == '\0')
		return LH_OK;
	LH_TRY(check_length(ctx, option, text));
	LH_NEW_ARRAY(ctx, all, LH_ADD_FIELDS_MAX);
	while (*text != '\0')
	{
		LhPlacement *p;
		char *parts[3];
		int nparts;

		LH_TRY(next_parts(ctx, &text, parts, &nparts));
		if (*n == LH_ADD_FIELDS_MAX)
			LH_FAIL(ctx, LH_INVALID, "option \"%s\" has more than %d items", option,
					LH_ADD_FIELDS_MAX);
		p = &all[*n];
		LH_TRY(read_placement(ctx, parts, nparts, *n + 1, p));
		for (int i = 0; i < *n; i++)
		{
			if (all[i].header == p->header && strcmp(all[i].alias, p->alias) == 0)
				LH_FAIL(ctx, LH_INVALID, "option \"%s\" names \"%.*s\" twice", option, QUOTED,
						p->alias);
		}
		if (!p->header && strcmp(p->alias, "payload") == 0)
			LH_FAIL(ctx, LH_INVALID, "option \"%s\": \"payload\" is the payload's own place",
					option);
		++*n;
	}
	*out = all;
	return LH_OK;
}

/* ---- together ---- */

/* The formats that know flat rows and outboxes. */
static LhStatus
check_formats(LhCtx *ctx, const LhChangeOptions *o, const char *option)
{
	for (int i = 0; i < o->nformats; i++)
	{
		if (strcmp(o->formats[i], "json") != 0 && strcmp(o->formats[i], "debezium-json") != 0)
			LH_FAIL(ctx, LH_INVALID,
					"option \"%s\" does not go with format \"%s\", but with json and debezium-json",
					option, o->formats[i]);
	}
	return LH_OK;
}

/* Formats whose rows are flat without "unwrap". */
static bool
is_flat(const char *format)
{
	return strcmp(format, "flat") == 0 || strcmp(format, "upsert") == 0;
}

static LhStatus
check_unwrap(LhCtx *ctx, const LhChangeOptions *o)
{
	LhAddField *fields;
	int n;

	LH_TRY(lh_add_fields_parse(ctx, o, &n, &fields));
	for (int i = 0; i < o->nformats && n > 0 && !o->unwrap; i++)
	{
		if (!is_flat(o->formats[i]))
			LH_FAIL(ctx, LH_INVALID,
					"option \"add.fields\" adds to flat rows: set the option \"unwrap\", too");
	}
	if (o->unwrap)
		LH_TRY(check_formats(ctx, o, "unwrap"));
	for (int i = 0; i < o->nformats; i++)
		for (int k = 0; k < n; k++)
		{
			int ignored;

			LH_TRY(lh_unwrap_field(ctx, o->formats[i], fields[k].field, &ignored));
			if (strcmp(o->formats[i], "flat") == 0 && lh_flat_is_field(fields[k].name))
				LH_FAIL(ctx, LH_INVALID,
						"option \"add.fields\": rows of format \"flat\" have \"%s\" already",
						fields[k].name);
		}
	return LH_OK;
}

LhStatus
lh_transforms_check(LhCtx *ctx, const LhChangeOptions *options)
{
	LhRowFilter *filters;
	int n;

	LH_TRY(lh_row_filters_parse(ctx, options->row_filter, &n, &filters));
	LH_TRY(check_unwrap(ctx, options));
	if (options->outbox_tables == NULL || *options->outbox_tables == '\0')
		return LH_OK;
	LH_TRY(check_formats(ctx, options, "outbox.table"));
	return lh_outbox_check(ctx, options);
}
