/*
 * names.c
 *		Names in files as SQL names.
 *
 * A column keeps its name when PostgreSQL can hold it.  Otherwise it gets
 * another one, and the option column_name keeps the file's:
 *
 *	1. Names that need no change are reserved first, in the order of the
 *	   columns, so that none of them is taken by a made-up one.
 *	2. Of names that differ only in the case of ASCII letters the first keeps
 *	   its own: unquoted SQL does not tell them apart.
 *	3. What is left is cut to 63 bytes on a character, and numbered until it is
 *	   unique; the number takes the place of the last characters.
 */
#include "pg/lake/lake.h"

#include "catalog/heap.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

/* Extensions of Parquet files. */
static const char *const extensions[] = {".parquet", ".parq", ".pq"};

static HTAB *
names_create(int n)
{
	HASHCTL		info = {0};

	info.keysize = NAMEDATALEN;
	info.entrysize = NAMEDATALEN;
	info.hcxt = CurrentMemoryContext;
	return hash_create("lakehouse names", n, &info, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
}

/* Reserve a name; false when it, or its twin in another case, is taken. */
static bool
take(HTAB *names, const char *name)
{
	char		folded[NAMEDATALEN];
	bool		found;
	int			i;

	for (i = 0; name[i] != '\0' && i < NAMEDATALEN - 1; i++)
		folded[i] = (char) (name[i] >= 'A' && name[i] <= 'Z' ? name[i] - 'A' + 'a' : name[i]);
	folded[i] = '\0';
	hash_search(names, folded, HASH_ENTER, &found);
	return !found;
}

static char *
clip_to(const char *name, size_t most)
{
	size_t		len = strlen(name);

	if (len > most)
		len = (size_t) pg_mbcliplen(name, (int) len, (int) most);
	return pnstrdup(name, len);
}

char *
lh_lake_clip(const char *name)
{
	return clip_to(name, NAMEDATALEN - 1);
}

/*
 * The scan calls the second of several columns with one name "name#2".  Such a
 * name is not shown as it is: it would have to be quoted, and explains nothing.
 */
static bool
is_numbered_twin(int i, const char *const *file_names)
{
	const char *hash = strrchr(file_names[i], '#');
	size_t		len;

	if (hash == NULL || hash[1] == '\0' || strspn(hash + 1, "0123456789") != strlen(hash + 1))
		return false;
	len = (size_t) (hash - file_names[i]);
	for (int j = 0; j < i; j++)
	{
		if (file_names[j] != NULL && strlen(file_names[j]) == len &&
			memcmp(file_names[j], file_names[i], len) == 0)
			return true;
	}
	return false;
}

static bool
fits_unchanged(const char *name)
{
	return name[0] != '\0' && strlen(name) < NAMEDATALEN && SystemAttributeByName(name) == NULL;
}

/* A free name made from text, which is not one itself. */
static char *
make_name(HTAB *names, const char *text, int ordinal)
{
	const char *base = text[0] != '\0' ? text : psprintf("column_%d", ordinal);
	char	   *name = lh_lake_clip(base);

	if (SystemAttributeByName(name) != NULL)
		base = name = psprintf("%s_", name);
	for (int k = 2; !take(names, name); k++)
	{
		char		suffix[16];

		snprintf(suffix, sizeof(suffix), "_%d", k);
		name = psprintf("%s%s", clip_to(base, NAMEDATALEN - 1 - strlen(suffix)), suffix);
	}
	return name;
}

/* "dup" of "dup#2" */
static char *
twin_base(const char *file_name, int i, const char *const *file_names)
{
	char	   *text = lh_pg_text(file_name);

	if (is_numbered_twin(i, file_names))
		*strrchr(text, '#') = '\0';
	return text;
}

LhLakeName *
lh_lake_names(int n, const char *const *file_names, List *taken)
{
	LhLakeName *out = palloc0(sizeof(LhLakeName) * Max(n, 1));
	HTAB	   *names = names_create(n + list_length(taken) + 1);
	ListCell   *lc;

	foreach(lc, taken)
		(void) take(names, lfirst(lc));
	for (int i = 0; i < n; i++)
	{
		char	   *text;

		if (file_names[i] == NULL || is_numbered_twin(i, file_names))
			continue;
		text = lh_pg_text(file_names[i]);
		if (fits_unchanged(text) && take(names, text))
			out[i].name = text;
	}
	for (int i = 0; i < n; i++)
	{
		if (file_names[i] == NULL || out[i].name != NULL)
			continue;
		out[i].name = make_name(names, twin_base(file_names[i], i, file_names), i + 1);
		out[i].file_name = lh_pg_text(file_names[i]);
	}
	hash_destroy(names);
	return out;
}

/* ---- tables ---- */

/* Length of a name without its extension; all of it when it has none. */
static size_t
stem_length(const char *name)
{
	size_t		len = strlen(name);

	for (int i = 0; i < (int) lengthof(extensions); i++)
	{
		size_t		n = strlen(extensions[i]);

		if (len > n && pg_strcasecmp(name + len - n, extensions[i]) == 0)
			return len - n;
	}
	return len;
}

bool
lh_lake_is_data_name(const char *name)
{
	return stem_length(name) < strlen(name);
}

char *
lh_lake_table_name(const char *path)
{
	char	   *copy = pstrdup(path);
	size_t		len = strlen(copy);
	char	   *slash;

	while (len > 1 && copy[len - 1] == '/')
		copy[--len] = '\0';
	slash = strrchr(copy, '/');
	if (slash != NULL)
		copy = slash + 1;
	copy[stem_length(copy)] = '\0';
	return lh_lake_clip(lh_pg_text(copy));
}
