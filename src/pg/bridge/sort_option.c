/*
 * sort_option.c
 *		The option sorted_by: 'a, b DESC, c NULLS FIRST'.
 *
 * A list as any other ("a, b" or a JSON array), whose items are names in the
 * files, each with what ORDER BY allows behind an expression.  The words are
 * taken from the end, so that a column called "price desc" is written
 * "price desc ASC".
 */
#include "pg/bridge/options.h"

/* Cut the last word off, when it is this one (case does not matter) and something is before it. */
static bool
cut_word(char *item, const char *word)
{
	size_t		len = strlen(item),
				wlen = strlen(word);
	char	   *at;

	if (len <= wlen + 1)
		return false;
	at = item + len - wlen;
	if (!isspace((unsigned char) at[-1]) || pg_strcasecmp(at, word) != 0)
		return false;
	while (at > item && isspace((unsigned char) at[-1]))
		at--;
	*at = '\0';
	return true;
}

/* "NULLS FIRST" or "NULLS LAST" at the end; -1: neither. */
static int
cut_nulls(char *item)
{
	char	   *copy = pstrdup(item);
	bool		first = cut_word(copy, "FIRST");

	if ((!first && !cut_word(copy, "LAST")) || !cut_word(copy, "NULLS"))
		return -1;
	strcpy(item, copy);
	return first;
}

List *
lh_option_sort(const char *value)
{
	List	   *list = NIL;
	ListCell   *lc;

	foreach(lc, lh_option_list("sorted_by", value))
	{
		LhSortItem *item = palloc0(sizeof(LhSortItem));
		char	   *text = pstrdup(lfirst(lc));
		int			nulls = cut_nulls(text);

		item->descending = cut_word(text, "DESC");
		if (!item->descending)
			(void) cut_word(text, "ASC");
		item->nulls_first = nulls < 0 ? item->descending : nulls != 0;
		item->name = lh_pg_utf8(text);
		list = lappend(list, item);
	}
	return list;
}
