/*
 * hive.c
 *		Hive partitions: values that are in the names of directories.
 *
 *	/lake/trips/year=2023/city=S%C3%A3o%20Paulo/part-0.parquet
 *
 *	1. Each directory "key=value" of a path is a partition key.  Both sides are
 *	   URL-decoded; what is no valid escape stays as it is.
 *	2. __HIVE_DEFAULT_PARTITION__ is null.
 *	3. All files must have the same keys, in any order.
 *	4. A key's type is the narrowest of a short list that holds its values in all
 *	   files, null aside: int32, int64, date, else string.  Only texts that the
 *	   number or date gives back unchanged count: "007", "-0", "+1" and
 *	   "2024-1-1" are strings, or a file could be found by a value it has not.
 *
 * The whole path is looked at, not only what lies below the location, so that a
 * location may name one partition and still give its column.
 */
#include "files/table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Length of the key in "key=value", 0 when the component is none. */
static size_t
key_length(const char *s, size_t len)
{
	const char *eq = memchr(s, '=', len);

	return eq != NULL ? (size_t) (eq - s) : 0;
}

/* One side of "key=value", decoded, as text that PostgreSQL can hold. */
static LhStatus
decode(LhCtx *ctx, const char *path, const char *s, size_t len, const char **out)
{
	char *text;
	size_t n;

	LH_ALLOC(ctx, text, len + 1);
	if (!lh_url_decode(s, len, text, &n))
	{
		memcpy(text, s, len);
		n = len;
	}
	text[n] = '\0';
	if (!lh_utf8_valid(text, n))
		LH_FAIL(ctx, LH_BAD_TEXT,
				"a partition of \"%s\" is not valid UTF-8 when its %% escapes are decoded", path);
	*out = text;
	return LH_OK;
}

/* Directories of path from offset "at" on: calls of this give them one by one; false at the end. */
static bool
next_directory(const char *path, size_t *at, const char **s, size_t *len)
{
	const char *begin = path + *at, *slash;

	while (*begin == '/')
		begin++;
	slash = strchr(begin, '/');
	if (slash == NULL)
		return false;
	*s = begin;
	*len = (size_t) (slash - begin);
	*at = (size_t) (slash - path);
	return true;
}

LhStatus
lh_hive_parse(LhCtx *ctx, const char *path, size_t root_len, int *n, const char ***names,
			  const char ***values)
{
	size_t at = root_len, len;
	const char *s;
	int count = 0;

	while (next_directory(path, &at, &s, &len))
		count += key_length(s, len) > 0;
	LH_NEW_ARRAY(ctx, *names, (size_t) count + 1);
	LH_NEW_ARRAY(ctx, *values, (size_t) count + 1);
	*n = 0;
	at = root_len;
	while (next_directory(path, &at, &s, &len))
	{
		size_t key = key_length(s, len);

		if (key == 0)
			continue;
		LH_TRY(decode(ctx, path, s, key, &(*names)[*n]));
		LH_TRY(decode(ctx, path, s + key + 1, len - key - 1, &(*values)[*n]));
		if (strcmp((*values)[*n], LH_HIVE_NULL) == 0)
			(*values)[*n] = NULL;
		for (int i = 0; i < *n; i++)
			if (strcmp((*names)[i], (*names)[*n]) == 0)
				LH_FAIL(ctx, LH_MISMATCH, "partition key \"%s\" occurs twice in \"%s\"",
						(*names)[i], path);
		(*n)++;
	}
	return LH_OK;
}

/*
 * Types of values
 */

/* An integer in its only spelling. */
static bool
parse_integer(const char *s, int64_t *out)
{
	const char *digits = s + (*s == '-');
	char *end;

	if (*digits < '0' || *digits > '9' || (*digits == '0' && (digits[1] != '\0' || digits != s)))
		return false;
	errno = 0;
	*out = strtoll(s, &end, 10);
	return *end == '\0' && errno == 0;
}

static int
two_digits(const char *s)
{
	return (s[0] - '0') * 10 + s[1] - '0';
}

/* yyyy-mm-dd, a day of the calendar. */
static bool
parse_date(const char *s, int64_t *days)
{
	int64_t year;
	int month, day;

	if (strlen(s) != 10)
		return false;
	for (int i = 0; i < 10; i++)
		if (i == 4 || i == 7 ? s[i] != '-' : s[i] < '0' || s[i] > '9')
			return false;
	if (two_digits(s) * 100 + two_digits(s + 2) < 1)
		return false;
	*days = lh_days_from_civil(two_digits(s) * 100 + two_digits(s + 2), two_digits(s + 5),
							   two_digits(s + 8));
	lh_civil_from_days(*days, &year, &month, &day);
	return year == two_digits(s) * 100 + two_digits(s + 2) && month == two_digits(s + 5) &&
		   day == two_digits(s + 8);
}

/* What all values seen so far allow. */
typedef struct Guess
{
	bool any; /* a value that is not null */
	bool int32, int64, date;
} Guess;

static void
guess_value(Guess *guess, const char *text)
{
	int64_t v;
	bool integer = parse_integer(text, &v);

	if (!guess->any)
		*guess = (Guess){true, true, true, true};
	guess->int64 &= integer;
	guess->int32 &= integer && v >= INT32_MIN && v <= INT32_MAX;
	guess->date &= parse_date(text, &v);
}

static LhType
guessed_type(const Guess *guess)
{
	if (guess->any && guess->int32)
		return (LhType){.id = LH_T_INT32, .lane = LH_LANE_I32};
	if (guess->any && guess->int64)
		return (LhType){.id = LH_T_INT64, .lane = LH_LANE_I64};
	if (guess->any && guess->date)
		return (LhType){.id = LH_T_DATE, .lane = LH_LANE_I32};
	return (LhType){.id = LH_T_STRING, .lane = LH_LANE_STR};
}

static LhValue
typed_value(const LhType *type, const char *text)
{
	LhValue value = {.type = *type, .null = text == NULL};

	if (text == NULL)
		return value;
	if (type->id == LH_T_STRING)
		value.str = (LhStr){(const uint8_t *) text, (uint32_t) strlen(text), 0};
	else if (type->id == LH_T_DATE)
		parse_date(text, &value.i64);
	else
		parse_integer(text, &value.i64);
	return value;
}

/*
 * Partitions of all files
 */

static LhStatus
keys_differ(LhCtx *ctx, const char *a, const char *b)
{
	lh_fail(ctx, LH_MISMATCH, "files \"%s\" and \"%s\" have different partition keys", a, b);
	lh_hint(
		ctx,
		"Set option \"hive_partitioning\" off, or choose a location of files with the same keys.");
	return LH_MISMATCH;
}

/* Length of the path's directory, with its slash. */
static size_t
directory_length(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? (size_t) (slash - path) + 1 : 0;
}

/* Index of a name among a directory's keys, -1: it lacks the key. */
static int
find_key(const LhHiveDir *dir, int nkeys, const char *name)
{
	for (int i = 0; i < nkeys; i++)
		if (strcmp(dir->names[i], name) == 0)
			return i;
	return -1;
}

/* Texts of file i's directory, in the order of the table's keys. */
static LhStatus
read_dir(LhCtx *ctx, const LhList *files, size_t i, LhHive *hive, int *nkeys)
{
	const char *path = files->entries[i].path;
	const char **texts;
	LhHiveDir *dir;

	LH_NEW(ctx, dir);
	hive->dirs[i] = dir;
	LH_TRY(lh_hive_parse(ctx, path, 0, nkeys, &dir->names, &texts));
	dir->texts = texts;
	if (i == 0)
	{
		hive->nkeys = *nkeys;
		hive->names = dir->names;
		return LH_OK;
	}
	if (*nkeys != hive->nkeys)
		return LH_OK;
	LH_NEW_ARRAY(ctx, dir->texts, (size_t) *nkeys + 1);
	for (int k = 0; k < hive->nkeys; k++)
	{
		int at = find_key(dir, *nkeys, hive->names[k]);

		if (at < 0)
			return keys_differ(ctx, files->entries[0].path, path);
		dir->texts[k] = texts[at];
	}
	return LH_OK;
}

/* Directories of all files; files are sorted, so those of one directory are mostly together. */
static LhStatus
read_dirs(LhCtx *ctx, const LhList *files, int mode, LhHive *hive)
{
	size_t last = 0;

	for (size_t i = 0; i < files->n; i++)
	{
		const char *path = files->entries[i].path;
		size_t len = directory_length(path);
		int nkeys;

		if (i > 0 && last == len && memcmp(path, files->entries[i - 1].path, len) == 0)
		{
			hive->dirs[i] = hive->dirs[i - 1];
			continue;
		}
		last = len;
		LH_TRY(lh_poll(ctx));
		LH_TRY(read_dir(ctx, files, i, hive, &nkeys));
		/* automatic: a file without any key means that there are no partitions */
		if (mode < 0 && nkeys == 0)
			return LH_OK;
		if (nkeys != hive->nkeys)
		{
			if (mode < 0 && hive->nkeys == 0)
				return LH_OK;
			return keys_differ(ctx, files->entries[0].path, path);
		}
	}
	hive->on = hive->nkeys > 0;
	return LH_OK;
}

static LhStatus
type_values(LhCtx *ctx, const LhList *files, LhHive *hive)
{
	Guess *guesses;

	LH_NEW_ARRAY(ctx, guesses, (size_t) hive->nkeys);
	LH_NEW_ARRAY(ctx, hive->types, (size_t) hive->nkeys);
	LH_NEW_ARRAY(ctx, hive->has_null, (size_t) hive->nkeys);
	for (size_t i = 0; i < files->n; i++)
		for (int k = 0; k < hive->nkeys && (i == 0 || hive->dirs[i] != hive->dirs[i - 1]); k++)
		{
			if (hive->dirs[i]->texts[k] == NULL)
				hive->has_null[k] = true;
			else
				guess_value(&guesses[k], hive->dirs[i]->texts[k]);
		}
	for (int k = 0; k < hive->nkeys; k++)
		hive->types[k] = guessed_type(&guesses[k]);
	for (size_t i = 0; i < files->n; i++)
	{
		LhHiveDir *dir = hive->dirs[i];

		if (dir->values != NULL)
			continue;
		LH_NEW_ARRAY(ctx, dir->values, (size_t) hive->nkeys);
		for (int k = 0; k < hive->nkeys; k++)
			dir->values[k] = typed_value(&hive->types[k], dir->texts[k]);
	}
	return LH_OK;
}

LhStatus
lh_hive_infer(LhCtx *ctx, const LhList *files, int mode, LhHive *out)
{
	*out = (LhHive){0};
	if (mode == 0 || files->n == 0)
		return LH_OK;
	LH_NEW_ARRAY(ctx, out->dirs, files->n);
	LH_TRY(read_dirs(ctx, files, mode, out));
	if (!out->on)
		return LH_OK;
	return type_values(ctx, files, out);
}
