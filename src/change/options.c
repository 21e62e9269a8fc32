/*
 * options.c
 *		Options of a change stream: parse, and check them together.
 */
#include "change/options.h"

#include "change/change.h"
#include "change/transform.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define MAX_NAME 64

/* Other names of the same. */
static const struct
{
	const char *alias, *name;
} aliases[] = {{"formats", "format"},
			   {"publication.name", "publication_names"},
			   {"batch", "batch.bytes"},
			   {"transactions", "provide.transaction.metadata"},
			   {"tombstones", "tombstones.on.delete"}};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- names ---- */

static bool
is_separator(char c)
{
	return c == '_' || c == '-' || c == '.';
}

static char
folded(char c)
{
	return is_separator(c) ? '.' : c >= 'A' && c <= 'Z' ? (char) (c - 'A' + 'a') : c;
}

static bool
same_name(const char *a, const char *b)
{
	while (*a != '\0' && folded(*a) == folded(*b))
	{
		a++;
		b++;
	}
	return *a == *b;
}

static const LhOptionInfo *
find(const char *name)
{
	for (size_t i = 0; i < COUNT(aliases); i++)
	{
		if (same_name(name, aliases[i].alias))
			name = aliases[i].name;
	}
	for (int i = 0; i < lh_change_noptions; i++)
	{
		if (same_name(name, lh_change_option_table[i].name))
			return &lh_change_option_table[i];
	}
	return NULL;
}

/* Insertions, deletions and replacements from a to b (Levenshtein); long names are far from everything. */
static int
distance(const char *a, const char *b)
{
	int row[MAX_NAME + 1];
	size_t n = strlen(b);

	if (strlen(a) > MAX_NAME || n > MAX_NAME)
		return INT_MAX;
	for (size_t j = 0; j <= n; j++)
		row[j] = (int) j;
	for (size_t i = 0; a[i] != '\0'; i++)
	{
		int diagonal = row[0];

		row[0] = (int) i + 1;
		for (size_t j = 0; j < n; j++)
		{
			int least = diagonal + (folded(a[i]) != folded(b[j]));

			diagonal = row[j + 1];
			if (row[j] + 1 < least)
				least = row[j] + 1;
			if (row[j + 1] + 1 < least)
				least = row[j + 1] + 1;
			row[j + 1] = least;
		}
	}
	return row[n];
}

static LhStatus
unknown(LhCtx *ctx, const char *name)
{
	const char *near = NULL;
	int least = (int) strlen(name) / 3 + 1;

	if (least > 4)
		least = 4;
	lh_fail(ctx, LH_INVALID, "unknown option \"%.*s\" of a change stream", MAX_NAME, name);
	for (int i = 0; i < lh_change_noptions; i++)
	{
		int d = distance(name, lh_change_option_table[i].name);

		if (d <= least && (near == NULL || d < least))
		{
			least = d;
			near = lh_change_option_table[i].name;
		}
	}
	if (near != NULL)
		lh_hint(ctx, "Perhaps you meant \"%s\".", near);
	else
		lh_hint(ctx, "All options are listed in docs/cdc-formats.md.");
	return LH_INVALID;
}

/* ---- values ---- */

/* As PostgreSQL's parse_bool: unique beginnings are enough. */
static bool
parse_bool(const char *value, bool *out)
{
	static const struct
	{
		const char *word;
		size_t least;
		bool value;
	} words[] = {{"true", 1, true}, {"false", 1, false}, {"yes", 1, true}, {"no", 1, false},
				 {"on", 2, true},   {"off", 2, false},   {"1", 1, true},   {"0", 1, false}};
	size_t n = strlen(value);

	for (size_t i = 0; i < COUNT(words); i++)
	{
		if (n >= words[i].least && n <= strlen(words[i].word) &&
			strncasecmp(value, words[i].word, n) == 0)
		{
			*out = words[i].value;
			return true;
		}
	}
	return false;
}

/* A number, with a unit of bytes where there may be one. */
static bool
parse_number(const char *value, bool units, int64_t *out)
{
	static const struct
	{
		const char *unit;
		int shift;
	} known[] = {{"", 0}, {"B", 0}, {"kB", 10}, {"MB", 20}, {"GB", 30}};
	char *end;
	long long n;

	errno = 0;
	n = strtoll(value, &end, 10);
	if (end == value || errno != 0)
		return false;
	while (*end == ' ')
		end++;
	for (size_t i = 0; i < (units ? COUNT(known) : 1); i++)
	{
		if (strcasecmp(end, known[i].unit) != 0)
			continue;
		if (n > INT64_MAX >> known[i].shift || n < 0)
			return n < 0 && known[i].shift == 0 ? (*out = n, true) : false;
		*out = (int64_t) n << known[i].shift;
		return true;
	}
	return false;
}

/* "a, b, c" of an option's choices, for messages. */
static LhStatus
refuse_choice(LhCtx *ctx, const LhOptionInfo *o, const char *value, size_t n)
{
	char all[LH_ERROR_TEXT / 2] = "";
	size_t len = 0;

	for (int i = 0; o->choices[i] != NULL && len + strlen(o->choices[i]) + 3 < sizeof(all); i++)
		len += (size_t) sprintf(all + len, "%s%s", i > 0 ? ", " : "", o->choices[i]);
	lh_fail(ctx, LH_INVALID, "option \"%s\": \"%.*s\" is no value of it", o->name,
			(int) (n < MAX_NAME ? n : MAX_NAME), value);
	lh_hint(ctx, "Its values are %s.", all);
	return LH_INVALID;
}

/* Place of the word among the choices, or -1; '_' and '-' are alike here, too. */
static int
choice(const LhOptionInfo *o, const char *word, size_t n)
{
	for (int i = 0; o->choices[i] != NULL; i++)
	{
		size_t k = 0;

		while (k < n && folded(word[k]) == folded(o->choices[i][k]))
			k++;
		if (k == n && o->choices[i][k] == '\0')
			return i;
	}
	return -1;
}

/* The next item of a comma-separated list, without blanks around; false at the end. */
static bool
next_item(const char **at, const char **item, size_t *n)
{
	const char *p = *at;

	if (*p == '\0')
		return false;
	while (*p == ' ')
		p++;
	*item = p;
	while (*p != '\0' && *p != ',')
		p++;
	*n = (size_t) (p - *item);
	while (*n > 0 && (*item)[*n - 1] == ' ')
		(*n)--;
	*at = *p == ',' ? p + 1 : p;
	return true;
}

static LhStatus
set_formats(LhCtx *ctx, LhChangeOptions *options, const char *value)
{
	const char *at = value, *item;
	size_t n;

	options->nformats = 0;
	while (next_item(&at, &item, &n))
	{
		if (options->nformats == LH_MAX_FORMATS)
			LH_FAIL(ctx, LH_INVALID, "option \"format\": more than %d formats", LH_MAX_FORMATS);
		if (n == 0)
			LH_FAIL(ctx, LH_INVALID, "option \"format\": an empty name of a format in \"%.*s\"",
					MAX_NAME, value);
		options->formats[options->nformats] = lh_strndup(ctx, item, n);
		if (options->formats[options->nformats++] == NULL)
			return ctx->error->code;
	}
	if (options->nformats == 0)
		LH_FAIL(ctx, LH_INVALID, "option \"format\" names no format");
	return LH_OK;
}

static LhStatus
set_text(LhCtx *ctx, LhChangeOptions *options, const LhOptionInfo *o, const char *value)
{
	const char *at = value, *item, *copy = NULL;
	size_t n;

	if (!lh_utf8_valid(value, strlen(value)))
		LH_FAIL(ctx, LH_INVALID, "option \"%s\": its value is no valid UTF-8", o->name);
	if (o->offset == offsetof(LhChangeOptions, formats))
		return set_formats(ctx, options, value);
	while (o->choices != NULL && next_item(&at, &item, &n))
	{
		if (choice(o, item, n) < 0)
			return refuse_choice(ctx, o, item, n);
	}
	/* an empty list is none */
	if (o->type == LH_OPT_TEXT || *value != '\0')
	{
		copy = lh_strdup(ctx, value);
		if (copy == NULL)
			return ctx->error->code;
	}
	memcpy((char *) options + o->offset, &copy, sizeof(copy));
	return LH_OK;
}

static LhStatus
set_number(LhCtx *ctx, LhChangeOptions *options, const LhOptionInfo *o, const char *value)
{
	int64_t v;
	int narrow;

	if (!parse_number(value, o->type == LH_OPT_SIZE, &v))
	{
		lh_fail(ctx, LH_INVALID, "option \"%s\": \"%.*s\" is no number", o->name, MAX_NAME, value);
		if (o->type == LH_OPT_SIZE)
			lh_hint(ctx, "Units are B, kB, MB and GB.");
		return LH_INVALID;
	}
	if (v < o->min || v > o->max)
		LH_FAIL(ctx, LH_INVALID, "option \"%s\": %lld is not between %lld and %lld", o->name,
				(long long) v, (long long) o->min, (long long) o->max);
	narrow = (int) v;
	if (o->type == LH_OPT_SIZE)
		memcpy((char *) options + o->offset, &v, sizeof(v));
	else
		memcpy((char *) options + o->offset, &narrow, sizeof(narrow));
	return LH_OK;
}

static LhStatus
set(LhCtx *ctx, LhChangeOptions *options, const LhOptionInfo *o, const char *value)
{
	bool b;
	int i;

	switch (o->type)
	{
		case LH_OPT_BOOL:
			if (!parse_bool(value, &b))
				LH_FAIL(ctx, LH_INVALID, "option \"%s\": \"%.*s\" is neither on nor off", o->name,
						MAX_NAME, value);
			if (o->offset != LH_OPTION_IGNORED)
				memcpy((char *) options + o->offset, &b, sizeof(b));
			return LH_OK;
		case LH_OPT_ENUM:
			i = choice(o, value, strlen(value));
			if (i < 0)
				return refuse_choice(ctx, o, value, strlen(value));
			memcpy((char *) options + o->offset, &i, sizeof(i));
			return LH_OK;
		case LH_OPT_INT:
		case LH_OPT_SIZE: return set_number(ctx, options, o, value);
		case LH_OPT_TEXT:
		case LH_OPT_LIST: return set_text(ctx, options, o, value);
	}
	LH_FAIL(ctx, LH_BUG, "option \"%s\" is of no type", o->name);
}

LhStatus
lh_change_options_init(LhCtx *ctx, LhChangeOptions *options)
{
	_Static_assert(sizeof(LhTimeMode) == sizeof(int), "enum options are set as int");

	*options = (LhChangeOptions){0};
	for (int i = 0; i < lh_change_noptions; i++)
		LH_TRY(set(ctx, options, &lh_change_option_table[i], lh_change_option_table[i].preset));
	return LH_OK;
}

LhStatus
lh_change_option_set(LhCtx *ctx, LhChangeOptions *options, const char *name, const char *value)
{
	const LhOptionInfo *o = find(name);

	if (o == NULL)
		return unknown(ctx, name);
	if (value == NULL)
		value = o->type == LH_OPT_BOOL ? "on" : o->preset;
	return set(ctx, options, o, value);
}

/* ---- together ---- */

static LhStatus
unknown_format(LhCtx *ctx, const char *name)
{
	char all[LH_ERROR_TEXT / 2] = "";
	size_t len = 0;

	lh_fail(ctx, LH_INVALID, "unknown format \"%.*s\" of a change stream", MAX_NAME, name);
	for (int i = 0;
		 lh_change_formats[i] != NULL && len + strlen(lh_change_formats[i]->name) + 3 < sizeof(all);
		 i++)
		len += (size_t) sprintf(all + len, "%s%s", i > 0 ? ", " : "", lh_change_formats[i]->name);
	lh_hint(ctx, "Formats are %s.", all);
	return LH_INVALID;
}

/* "wal2json" is the format of format-version, as for wal2json itself. */
static LhStatus
resolve_version(LhCtx *ctx, LhChangeOptions *options, int i)
{
	int version = options->w_format_version;
	const char *name = options->formats[i];

	if (strcasecmp(name, "wal2json") == 0)
	{
		options->formats[i] = version == 2 ? "wal2json-v2" : "wal2json-v1";
		return LH_OK;
	}
	if (version != 0 && strncasecmp(name, "wal2json-v", 10) == 0 && name[10] != '0' + version)
		LH_FAIL(ctx, LH_INVALID, "format \"%s\" contradicts option \"format-version\" %d", name,
				version);
	return LH_OK;
}

static LhStatus
check_formats(LhCtx *ctx, LhChangeOptions *options)
{
	const LhChangeFormat *found[LH_MAX_FORMATS];

	for (int i = 0; i < options->nformats; i++)
	{
		LH_TRY(resolve_version(ctx, options, i));
		found[i] = lh_change_format_find(options->formats[i], strlen(options->formats[i]));
		if (found[i] == NULL)
			return unknown_format(ctx, options->formats[i]);
		options->formats[i] = found[i]->name;
		for (int k = 0; k < i; k++)
		{
			if (found[k] == found[i])
				LH_FAIL(ctx, LH_INVALID, "format \"%s\" is named twice", found[i]->name);
			if (found[k]->session != found[i]->session)
				LH_FAIL(
					ctx, LH_INVALID,
					"formats \"%s\" and \"%s\" cannot share a stream: only one of them writes values as the settings of "
					"the session say",
					found[k]->name, found[i]->name);
		}
		if (!options->frames && !options->keys && found[i]->tombstones)
		{
			lh_fail(ctx, LH_INVALID,
					"format \"%s\" says by a key alone that a row is gone, and this stream has no "
					"keys",
					found[i]->name);
			lh_hint(ctx, "Set the option \"keys\", or \"frames\".");
			return LH_INVALID;
		}
		if (!options->frames && !found[i]->text && (options->keys || options->batch_bytes > 0))
			LH_FAIL(ctx, LH_INVALID,
					"option \"%s\": format \"%s\" is binary, its messages need frames",
					options->keys ? "keys" : "batch.bytes", found[i]->name);
	}
	return LH_OK;
}

/* "table:column,column;..." */
static LhStatus
check_keys(LhCtx *ctx, const char *keys)
{
	for (const char *p = keys; p != NULL && *p != '\0';)
	{
		size_t n = strcspn(p, ";");
		const char *colon = memchr(p, ':', n);

		if (n > 0 && (colon == NULL || colon == p || colon == p + n - 1))
		{
			lh_fail(ctx, LH_INVALID,
					"option \"message.key.columns\": \"%.*s\" is no table with columns",
					(int) (n < MAX_NAME ? n : MAX_NAME), p);
			lh_hint(ctx, "Write schema.table:column,column;schema.table:column");
			return LH_INVALID;
		}
		p += n + (p[n] == ';');
	}
	return LH_OK;
}

static LhStatus
cannot_stream(LhCtx *ctx, const char *option, const char *name)
{
	char can[LH_ERROR_TEXT / 2] = "";
	size_t len = 0;

	lh_fail(
		ctx, LH_INVALID,
		"option \"%s\": format \"%s\" cannot tell of transactions before their commit: its values "
		"say when that was, or it cannot say that they are taken back",
		option, name);
	for (int i = 0; lh_change_formats[i] != NULL; i++)
	{
		const LhChangeFormat *format = lh_change_formats[i];

		if (format->streams && len + strlen(format->name) + 3 < sizeof(can))
			len += (size_t) sprintf(can + len, "%s%s", len > 0 ? ", " : "", format->name);
	}
	lh_hint(ctx, "Formats that can: %s.", can);
	return LH_INVALID;
}

/* What is told before it is committed may be taken back, and knows no commit. */
static LhStatus
check_unfinished(LhCtx *ctx, const LhChangeOptions *options)
{
	const char *option = options->streaming ? "streaming" : "two_phase";

	if (!lh_change_unfinished(options))
		return LH_OK;
	for (int i = 0; i < options->nformats; i++)
	{
		const LhChangeFormat *format =
			lh_change_format_find(options->formats[i], strlen(options->formats[i]));

		if (format == NULL || !format->streams)
			return cannot_stream(ctx, option, options->formats[i]);
	}
	if (options->unwrap)
		LH_FAIL(
			ctx, LH_INVALID,
			"option \"%s\" contradicts \"unwrap\": a flat row cannot say which transaction takes it back",
			option);
	if (options->outbox_tables != NULL && options->outbox_tables[0] != '\0')
		LH_FAIL(
			ctx, LH_INVALID,
			"option \"%s\" contradicts \"outbox.table\": a message of an outbox cannot be taken back",
			option);
	return LH_OK;
}

LhStatus
lh_change_options_check(LhCtx *ctx, LhChangeOptions *options)
{
	LH_TRY(check_formats(ctx, options));
	LH_TRY(check_keys(ctx, options->message_key_columns));
	if (!options->frames && options->nformats > 1)
	{
		lh_fail(ctx, LH_INVALID,
				"%d formats without frames: nobody could tell their messages apart",
				options->nformats);
		lh_hint(ctx, "Set the option \"frames\", or name one format.");
		return LH_INVALID;
	}
	LH_TRY(lh_transforms_check(ctx, options));
	LH_TRY(check_unfinished(ctx, options));
	if (!options->frames && options->zstd)
		LH_FAIL(ctx, LH_INVALID,
				"option \"zstd\" compresses frames: set the option \"frames\", too");
	if (!options->frames && options->signals)
		LH_FAIL(ctx, LH_INVALID,
				"option \"signals\" makes frames of messages: set the option \"frames\", too");
	if (!options->frames && options->hold)
		LH_FAIL(ctx, LH_INVALID,
				"option \"hold\" needs the positions in frames: set the option \"frames\", too");
	if (!options->frames && options->w_pretty && (options->batch_bytes > 0 || options->keys))
		LH_FAIL(ctx, LH_INVALID, "option \"pretty-print\" writes newlines: it contradicts \"%s\"",
				options->keys ? "keys" : "batch.bytes");
	return LH_OK;
}
