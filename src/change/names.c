/*
 * names.c
 *		Names of tables and columns as other systems take them.
 */
#include "change/names.h"

#include <stdio.h>

/* UTF-16 code units, as Java counts characters. */
static size_t
next_units(const char **s, unsigned units[2])
{
	const uint8_t *p = (const uint8_t *) *s;
	unsigned c = p[0];
	int n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

	c &= n == 1 ? 0x7fu : 0xffu >> (n + 1);
	for (int i = 1; i < n; i++)
	{
		if ((p[i] & 0xc0) != 0x80)
		{
			n = i;
			break;
		}
		c = c << 6 | (p[i] & 0x3f);
	}
	*s += n;
	if (c < 0x10000)
	{
		units[0] = c;
		return 1;
	}
	units[0] = 0xd800 + ((c - 0x10000) >> 10);
	units[1] = 0xdc00 + ((c - 0x10000) & 0x3ff);
	return 2;
}

static bool
is_letter(unsigned c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_digit(unsigned c)
{
	return c >= '0' && c <= '9';
}

/* A name as the field of a record, under field.name.adjustment.mode. */
LhStatus
lh_name_adjust(LhCtx *ctx, LhAdjustMode mode, const char *name, const char **out)
{
	char *text = lh_alloc(ctx, strlen(name) * 6 + 8);
	char *p = text;
	bool first = true;

	if (text == NULL)
		return LH_NO_MEMORY;
	*out = mode == LH_ADJUST_NONE ? name : text;
	for (const char *s = name; *s != '\0' && mode != LH_ADJUST_NONE;)
	{
		unsigned units[2];
		size_t n = next_units(&s, units);

		for (size_t i = 0; i < n; i++, first = false)
		{
			unsigned c = units[i];

			if (is_letter(c) || (!first && is_digit(c)) || (c == '_' && mode == LH_ADJUST_AVRO))
				*p++ = (char) c;
			else if (mode == LH_ADJUST_AVRO)
			{
				*p++ = '_';
				if (first && is_digit(c))
					*p++ = (char) c;
			}
			else
				p += sprintf(p, c < 0x100 ? "_u00%02x" : "_u%x", c);
		}
	}
	*p = '\0';
	return LH_OK;
}

LhStatus
lh_name_topic(LhCtx *ctx, const char *prefix, const char *schema, const char *table,
			  const char **out)
{
	char *name = lh_sprintf(ctx, "%s.%s.%s", prefix, schema, table);
	char *p = name;

	if (name == NULL)
		return LH_NO_MEMORY;
	for (const char *s = name; *s != '\0';)
	{
		unsigned units[2];
		size_t n = next_units(&s, units);

		for (size_t i = 0; i < n; i++)
			*p++ = is_letter(units[i]) || is_digit(units[i]) ||
						   (units[i] < 0x80 && strchr("._-", (int) units[i]))
					   ? (char) units[i]
					   : '_';
	}
	*p = '\0';
	*out = name;
	return LH_OK;
}

/* A part of a namespace, which is a name of its own. */
static char *
put_part(char *p, const char *part, size_t n)
{
	if (n == 0 || is_digit((unsigned char) part[0]))
		*p++ = '_';
	for (size_t i = 0; i < n; i++)
	{
		unsigned c = (unsigned char) part[i];

		*p++ = is_letter(c) || is_digit(c) ? (char) c : '_';
	}
	return p;
}

LhStatus
lh_name_namespace(LhCtx *ctx, const char *topic, const char **out)
{
	char *text = lh_alloc(ctx, strlen(topic) * 2 + 2);
	char *p = text;

	if (text == NULL)
		return LH_NO_MEMORY;
	for (const char *s = topic;; s++)
	{
		size_t n = strcspn(s, ".");

		p = put_part(p, s, n);
		s += n;
		if (*s == '\0')
			break;
		*p++ = '.';
	}
	*p = '\0';
	*out = text;
	return LH_OK;
}

static bool
is_taken(const char *name, const char *const *reserved, const char *const *names, int n)
{
	for (; *reserved != NULL; reserved++)
		if (strcmp(*reserved, name) == 0)
			return true;
	for (int i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

LhStatus
lh_names_of_columns(LhCtx *ctx, LhAdjustMode mode, const LhChangeRel *rel,
					const char *const *reserved, const char ***out)
{
	const char **adjusted, **names;

	LH_NEW_ARRAY(ctx, adjusted, (size_t) rel->ncolumns + 1);
	LH_NEW_ARRAY(ctx, names, (size_t) rel->ncolumns + 1);
	for (int i = 0; i < rel->ncolumns; i++)
	{
		int k = 1;

		LH_TRY(lh_name_adjust(ctx, mode, rel->columns[i].name, &adjusted[i]));
		for (int j = 0; j < i; j++)
			k += strcmp(adjusted[j], adjusted[i]) == 0;
		names[i] = adjusted[i];
		while (k > 1 || is_taken(names[i], reserved, names, i))
		{
			k += k == 1;
			names[i] = lh_sprintf(ctx, "%s_%d", adjusted[i], k++);
			if (names[i] == NULL)
				return LH_NO_MEMORY;
			if (!is_taken(names[i], reserved, names, i))
				break;
		}
	}
	*out = names;
	return LH_OK;
}
