/*
 * options.h
 *		The table of all options: the validator and lh_lake_options read it.
 */
#ifndef LH_PG_BRIDGE_OPTIONS_H
#define LH_PG_BRIDGE_OPTIONS_H

#include "pg/bridge/bridge.h"

#include "nodes/parsenodes.h"

/* Where an option may stand; a bit each. */
enum
{
	LH_ON_WRAPPER = 1, LH_ON_SERVER = 2, LH_ON_TABLE = 4, LH_ON_COLUMN = 8, LH_ON_USER = 16
};

typedef enum LhOptionKind
{
	LH_OPTION_TEXT,				/* not empty */
	LH_OPTION_NAME,				/* any text, not empty */
	LH_OPTION_ANY,				/* any text: a column's name in its file may be empty */
	LH_OPTION_LOCATION,
	LH_OPTION_BOOL,
	LH_OPTION_BOOL_AUTO,		/* true, false, auto */
	LH_OPTION_CHOICE,
	LH_OPTION_LIST,				/* JSON array of strings, or separated by commas */
	LH_OPTION_DIRECTORIES,		/* LIST of absolute paths */
	LH_OPTION_ALLOWED,			/* LIST of prefixes, hosts and networks */
	LH_OPTION_ENDPOINT,			/* https://host[:port] */
	LH_OPTION_REGION,			/* letters, digits and hyphens: it becomes part of a host name */
	LH_OPTION_CHAIN,			/* LIST of sources of credentials */
	LH_OPTION_FILE,				/* an absolute path */
	LH_OPTION_SNAPSHOT,			/* a whole number of 64 bits */
	LH_OPTION_SNAPSHOT_ID,		/* the same, but for 0 */
	LH_OPTION_MOMENT,			/* a timestamp with time zone */
	LH_OPTION_FIELD,			/* id of a field */
	LH_OPTION_PORT,
	LH_OPTION_SECONDS,
	LH_OPTION_SECRET			/* not empty; never repeated in a message */
} LhOptionKind;

typedef struct LhOption
{
	const char *name;
	int			where;
	LhOptionKind kind;
	const char *const *choices; /* CHOICE; NULL-terminated */
	bool		superuser;		/* only a superuser may set it */
} LhOption;

/* All options, ended by a NULL name. */
extern const LhOption lh_option_table[];

extern const LhOption *lh_option_find(const char *name, int where);
/* Is this the name of a credential?  These are only taken by user mappings, and never printed. */
extern bool lh_option_is_secret(const char *name);
/* Raise unless the value fits the option. */
extern void lh_option_check(const LhOption *option, const char *value);
/* A time as option snapshot_time has it, in microseconds since 1970; raises. */
extern int64 lh_option_moment(const char *value);
/* Raise when only a superuser may set it and the current user is none; where is "a foreign table" or the like. */
extern void lh_option_check_right(const LhOption *option, const char *where);

/*
 * An option of a server that a role may use, a list of directories (location.c): in the arena of ctx, or the question whether
 * a path is, by its spelling, below one.  Empty: it is not set, or the role has no right to it.
 */
extern LhStatus lh_server_directories(LhCtx *ctx, Oid roleid, Oid serverid, const char *name,
									  const char *const **out, int *n);
extern bool lh_server_covers(Oid roleid, Oid serverid, const char *name, const char *path);
/* A List of char * as core wants it, in its arena: UTF-8, ended by NULL. */
extern LhStatus lh_core_strings(LhCtx *ctx, List *list, const char *const **out, int *n);

/* The items of option sorted_by (sort_option.c): a List of LhSortItem. */
extern List *lh_option_sort(const char *value);

/* "a, b" or '["a", "b"]' as a List of char *. */
extern List *lh_option_list(const char *name, const char *value);

#endif
