/*
 * filter.c
 *		Options that choose what is streamed: tables, operations, messages, origins.
 *
 * Patterns of table.include.list and table.exclude.list are regular expressions of
 * PostgreSQL that a whole "schema.table" must match, without regard to case, as
 * Debezium has them.  add-tables and filter-tables are wal2json's: names with "*"
 * for any schema or any table.  Tables are chosen once for each plan, not per row.
 */
#include "pg/cdc/cdc.h"

#include "catalog/pg_collation.h"
#include "mb/pg_wchar.h"
#include "regex/regex.h"
#include "replication/origin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

typedef struct NamePair
{
	char	   *schema;			/* NULL: any */
	char	   *name;
} NamePair;

struct LhCdcFilter
{
	bool		actions[LH_CDC_N_ACTIONS];
	bool		messages;
	List	   *include;		/* of text *: anchored patterns; NIL with has_include false */
	List	   *exclude;
	List	   *outbox;
	List	   *add;			/* of NamePair */
	List	   *filter;
	List	   *prefixes_add;	/* of char * */
	List	   *prefixes_filter;
	bool		local_only;
	RepOriginId *origins;		/* not wanted */
	int			norigins;
};

/* ---- lists ---- */

static char *
trimmed(char *item)
{
	size_t		len;

	while (*item == ' ' || *item == '\t' || *item == '\n')
		item++;
	len = strlen(item);
	while (len > 0 && (item[len - 1] == ' ' || item[len - 1] == '\t' || item[len - 1] == '\n'))
		item[--len] = '\0';
	return item;
}

char *
lh_cdc_next_item(const char **list, char separator)
{
	const char *p = *list;
	StringInfoData item;

	if (p == NULL || *p == '\0')
		return NULL;
	initStringInfo(&item);
	while (*p != '\0' && *p != separator)
	{
		/* any other backslash belongs to what reads the item */
		if (*p == '\\' && p[1] == separator)
			p++;
		else if (*p == '\\' && p[1] != '\0')
			appendStringInfoChar(&item, *p++);
		appendStringInfoChar(&item, *p++);
	}
	*list = *p == separator ? p + 1 : p;
	return trimmed(item.data);
}

/* Names lose their backslashes. */
static List *
read_names(const char *list)
{
	List	   *names = NIL;
	char	   *item;

	while ((item = lh_cdc_next_item(&list, ',')) != NULL)
	{
		char	   *to = item;

		for (char *from = item; *from != '\0'; from++)
		{
			if (*from == '\\' && from[1] != '\0')
				from++;
			*to++ = *from;
		}
		*to = '\0';
		if (*item != '\0')
			names = lappend(names, item);
	}
	return names;
}

/* "schema.table" where a dot, comma or star that belongs to a name stands behind a backslash. */
static List *
read_pairs(const char *list, const char *option)
{
	List	   *pairs = NIL;
	char	   *item;

	while ((item = lh_cdc_next_item(&list, ',')) != NULL)
	{
		NamePair   *pair = palloc0(sizeof(NamePair));
		char	   *part[2] = {item, NULL};
		bool		star[2] = {false, false};
		int			n = 0;
		char	   *to = item;

		for (char *from = item; *from != '\0'; from++)
		{
			if (*from == '\\' && from[1] != '\0')
				from++;
			else if (*from == '.' && n == 0)
			{
				*to++ = '\0';
				part[++n] = to;
				continue;
			}
			else if (*from == '*' && to == part[n])
				star[n] = true;
			*to++ = *from;
		}
		*to = '\0';
		if (n != 1 || *part[0] == '\0' || *part[1] == '\0')
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("option \"%s\" has an item that is not schema.table", option),
					 errhint("\"*\" stands for any schema or any table; a dot within a name is written \"\\.\".")));
		pair->schema = star[0] && part[0][1] == '\0' ? NULL : part[0];
		pair->name = star[1] && part[1][1] == '\0' ? NULL : part[1];
		pairs = lappend(pairs, pair);
	}
	return pairs;
}

static bool
in_pairs(List *pairs, const char *schema, const char *name)
{
	ListCell   *lc;

	foreach(lc, pairs)
	{
		NamePair   *pair = lfirst(lc);

		if ((pair->schema == NULL || strcmp(pair->schema, schema) == 0) &&
			(pair->name == NULL || strcmp(pair->name, name) == 0))
			return true;
	}
	return false;
}

/* ---- patterns ---- */

/* In the server's encoding, compiled now so that a bad one is an error at the start. */
static List *
read_patterns(const char *list)
{
	List	   *patterns = NIL;
	char	   *item;

	while ((item = lh_cdc_next_item(&list, ',')) != NULL)
	{
		text	   *pattern;

		if (*item == '\0')
			continue;
		pattern = cstring_to_text(psprintf("^(?:%s)$", lh_pg_text(item)));
		(void) RE_compile_and_cache(pattern, REG_ADVANCED | REG_ICASE | REG_NOSUB, DEFAULT_COLLATION_OID);
		patterns = lappend(patterns, pattern);
	}
	return patterns;
}

static bool
matches(List *patterns, const char *schema, const char *name)
{
	char	   *full;
	ListCell   *lc;

	if (patterns == NIL)
		return false;
	full = lh_pg_text(psprintf("%s.%s", schema, name));
	foreach(lc, patterns)
	{
		if (RE_compile_and_execute(lfirst(lc), full, (int) strlen(full), REG_ADVANCED | REG_ICASE | REG_NOSUB,
								   DEFAULT_COLLATION_OID, 0, NULL))
			return true;
	}
	return false;
}

/* ---- operations ---- */

static void
read_skipped(LhCdcFilter *f, const char *list)
{
	char	   *item;

	while ((item = lh_cdc_next_item(&list, ',')) != NULL)
	{
		if (strcmp(item, "none") == 0 || *item == '\0')
			continue;
		for (const char *p = item; *p != '\0'; p++)
		{
			if (*p == 'c')
				f->actions[LH_CDC_INSERT] = false;
			else if (*p == 'u')
				f->actions[LH_CDC_UPDATE] = false;
			else if (*p == 'd')
				f->actions[LH_CDC_DELETE] = false;
			else if (*p == 't')
				f->actions[LH_CDC_TRUNCATE] = false;
			else if (*p == 'm')
				f->messages = false;
			else
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("option \"skipped.operations\" has an item that is not c, u, d, t, m or none: %s",
								lh_pg_text(item))));
		}
	}
}

static void
read_actions(LhCdcFilter *f, const char *list)
{
	static const char *const names[LH_CDC_N_ACTIONS] = {"insert", "update", "delete", "truncate"};
	bool		named[LH_CDC_N_ACTIONS] = {false};
	char	   *item;

	if (list == NULL || *list == '\0')
		return;
	while ((item = lh_cdc_next_item(&list, ',')) != NULL)
	{
		int			i = 0;

		while (i < LH_CDC_N_ACTIONS && strcmp(item, names[i]) != 0)
			i++;
		if (i == LH_CDC_N_ACTIONS)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("option \"actions\" has an item that is not insert, update, delete or truncate: %s",
							lh_pg_text(item))));
		named[i] = true;
	}
	for (int i = 0; i < LH_CDC_N_ACTIONS; i++)
		f->actions[i] = f->actions[i] && named[i];
}

/* Ids, or names of origins that exist. */
static void
read_origins(LhCdcFilter *f, const char *list)
{
	char	   *item;

	while ((item = lh_cdc_next_item(&list, ',')) != NULL)
	{
		char	   *end;
		long		id = strtol(item, &end, 10);

		if (*item == '\0')
			continue;
		if (*end != '\0')
		{
			id = replorigin_by_name(lh_pg_text(item), true);
			if (id == InvalidRepOriginId)
				ereport(ERROR,
						(errcode(ERRCODE_UNDEFINED_OBJECT),
						 errmsg("option \"filter-origins\" names a replication origin that does not exist: %s",
								lh_pg_text(item))));
		}
		else if (id <= 0 || id > PG_UINT16_MAX)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("option \"filter-origins\" has an id out of range: %s", item)));
		f->origins = f->origins == NULL ? palloc(sizeof(RepOriginId)) :
			repalloc(f->origins, sizeof(RepOriginId) * (f->norigins + 1));
		f->origins[f->norigins++] = (RepOriginId) id;
	}
}

LhCdcFilter *
lh_cdc_filter(LhCdc *cdc)
{
	const LhChangeOptions *o = &cdc->options;
	MemoryContext old = MemoryContextSwitchTo(cdc->mcxt);
	LhCdcFilter *f = palloc0(sizeof(LhCdcFilter));

	for (int i = 0; i < LH_CDC_N_ACTIONS; i++)
		f->actions[i] = true;
	f->messages = o->messages;
	read_skipped(f, o->skipped_operations);
	read_actions(f, o->actions);
	f->include = read_patterns(o->include_tables);
	f->exclude = read_patterns(o->exclude_tables);
	f->outbox = read_patterns(o->outbox_tables);
	f->add = read_pairs(o->add_tables, "add-tables");
	f->filter = read_pairs(o->filter_tables, "filter-tables");
	f->prefixes_add = read_names(o->message_prefixes_add);
	f->prefixes_filter = read_names(o->message_prefixes_filter);
	f->local_only = o->origin != NULL && strcmp(o->origin, "none") == 0;
	read_origins(f, o->filter_origins);
	MemoryContextSwitchTo(old);
	return f;
}

/* ---- questions ---- */

bool
lh_cdc_wants_table(LhCdc *cdc, const char *schema, const char *name)
{
	const LhCdcFilter *f = cdc->filter;

	if (in_pairs(f->filter, schema, name) || matches(f->exclude, schema, name))
		return false;
	if (f->add != NIL && !in_pairs(f->add, schema, name))
		return false;
	return f->include == NIL || matches(f->include, schema, name);
}

bool
lh_cdc_is_outbox(LhCdc *cdc, const char *schema, const char *name)
{
	return matches(cdc->filter->outbox, schema, name);
}

bool
lh_cdc_wants_action(LhCdc *cdc, LhCdcAction action)
{
	return cdc->filter->actions[action];
}

static bool
in_names(List *names, const char *name)
{
	ListCell   *lc;

	foreach(lc, names)
	{
		if (strcmp(lfirst(lc), name) == 0)
			return true;
	}
	return false;
}

bool
lh_cdc_wants_message(LhCdc *cdc, const char *prefix)
{
	const LhCdcFilter *f = cdc->filter;

	return f->messages && !in_names(f->prefixes_filter, prefix) &&
		(f->prefixes_add == NIL || in_names(f->prefixes_add, prefix));
}

bool
lh_cdc_wants_origin(LhCdc *cdc, RepOriginId origin)
{
	const LhCdcFilter *f = cdc->filter;

	if (origin == InvalidRepOriginId)
		return true;
	if (f->local_only)
		return false;
	for (int i = 0; i < f->norigins; i++)
	{
		if (f->origins[i] == origin)
			return false;
	}
	return true;
}

/* "schema.table:a,b;other.table:c"; the table may be a pattern, as Debezium has it. */
const char *
lh_cdc_key_columns(LhCdc *cdc, const char *schema, const char *name)
{
	const char *list = cdc->options.message_key_columns;
	char	   *item;

	while ((item = lh_cdc_next_item(&list, ';')) != NULL)
	{
		char	   *colon = strrchr(item, ':');

		if (*item == '\0')
			continue;
		if (colon == NULL || colon == item || colon[1] == '\0')
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("option \"message.key.columns\" has an item that is not schema.table:column,...: %s",
							lh_pg_text(item))));
		*colon = '\0';
		if (matches(read_patterns(item), schema, name))
			return colon + 1;
	}
	return NULL;
}
