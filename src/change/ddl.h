/*
 * ddl.h
 *		A command that defined something (LH_CHANGE_DDL), as JSON: written to the
 *		log by the server's event triggers, read back and written again, as far
 *		as the stream may tell it, by the plugin.
 *
 *	{"tag":"ALTER TABLE","text":"ALTER TABLE t ADD x int","user":"ann","search_path":["public"],
 *	 "objects":[{"type":"table","schema":"public","name":"t","oid":16384}]}
 *
 * Everybody may write such a message, so what is read is as hostile as any input.
 */
#ifndef LH_CHANGE_DDL_H
#define LH_CHANGE_DDL_H

#include "core/core.h"

/* Of the logical messages; none with it goes out as a message. */
#define LH_DDL_PREFIX "lakehouse.ddl"
/* Bytes that one may have. */
#define LH_DDL_MAX ((size_t) 16 << 20)

typedef enum LhDdlType
{
	LH_DDL_TABLE, LH_DDL_PARTITIONED, LH_DDL_MATVIEW, LH_DDL_TYPE, LH_DDL_SCHEMA, LH_DDL_COLUMN, LH_N_DDL_TYPES
} LhDdlType;

/* Names are UTF-8. */
typedef struct LhDdlObject
{
	LhDdlType	type;
	uint32_t	oid;			/* of a column: its table's; 0: it is about to be made */
	const char *schema;			/* of a schema: itself */
	const char *name;			/* of a column: its table's; of a schema: NULL */
	const char *column;			/* of a column */
	bool		dropped;
	bool		rewritten;		/* all its rows were written anew: the stream has no changes of them */
	/* in the log only */
	int			nancestors;
	const uint32_t *ancestors;	/* of a partition: tables above it, the nearest first */
	int			npublications;
	const char *const *publications;	/* of one that was dropped: those that named it */
} LhDdlObject;

typedef struct LhDdl
{
	const char *tag;			/* "ALTER TABLE" */
	const char *text;			/* NULL: it has none of its own, or may not be told */
	bool		withheld;		/* it may not be told */
	bool		query;			/* holds a query over other tables (in the log only) */
	const char *user;
	int			npath;
	const char *const *path;	/* schemas that unqualified names were looked up in */
	int			nobjects;
	const LhDdlObject *objects;
} LhDdl;

extern const char *lh_ddl_type_name(LhDdlType type);
/* Append it as one JSON object on one line; log: with what only the log has. */
extern LhStatus lh_ddl_write(LhCtx *ctx, LhBuf *buf, const LhDdl *ddl, bool log);
/* What lh_ddl_write wrote to the log, in ctx->arena.  LH_CORRUPT: it is none. */
extern LhStatus lh_ddl_read(LhCtx *ctx, LhSlice content, LhDdl *ddl);

#endif
