/*
 * lake.h
 *		SQL functions on locations, and the definition of lake tables, by file.
 *
 *	names.c			names of files and their columns as SQL names
 *	infer.c			the columns that a location has
 *	define.c		the event trigger: columns and rights of foreign tables
 *	refresh.c		lakehouse.refresh_columns
 *	import.c		IMPORT FOREIGN SCHEMA
 *	types.c			lakehouse.create_types: composite types for nested columns
 *	ddl.c			lakehouse.ddl, and the text of CREATE FOREIGN TABLE
 *	arguments.c		arguments and results that the functions share
 *	describe.c		lakehouse.list and the parquet_* functions, file by file
 *	progress.c		lakehouse.running_scans, below the view scan_progress
 *	read*.c			lakehouse.read (read.h)
 *	write*.c		lakehouse.write_parquet (write.h)
 *	copy*.c			COPY ... (FORMAT parquet) (write.h)
 */
#ifndef LH_PG_LAKE_H
#define LH_PG_LAKE_H

#include "postgres.h"

#include "foreign/foreign.h"
#include "nodes/parsenodes.h"
#include "nodes/plannodes.h"
#include "tcop/cmdtag.h"
#include "utils/jsonb.h"

#include "pg/bridge/bridge.h"

/* ---- for init.c ---- */

extern List *lh_lake_import_schema(ImportForeignSchemaStmt *stmt, Oid serverid);
extern void lh_lake_read_init(void);
struct PlannerInfo;
struct RelOptInfo;
extern void lh_lake_read_paths(struct PlannerInfo *root, struct RelOptInfo *rel, RangeTblEntry *rte);
/* COPY in our format: true when it was one, and is done. */
extern bool lh_lake_copy(PlannedStmt *pstmt, const char *source, QueryCompletion *completion);

/* ---- names.c ---- */

/* What a column of a file is called in SQL. */
typedef struct LhLakeName
{
	char	   *name;			/* shorter than NAMEDATALEN, unique, no system column */
	char	   *file_name;		/* value of the option column_name; NULL: name says it */
} LhLakeName;

/*
 * Names for n columns of files (UTF-8) beside those in taken (List of char *,
 * in the server's encoding).  file_names[i] NULL: no name is wanted.
 */
extern LhLakeName *lh_lake_names(int n, const char *const *file_names, List *taken);

/* A name cut to what an identifier can hold, on a character. */
extern char *lh_lake_clip(const char *name);
/* The last component of a path (UTF-8) without the extension of a data file: the name of its table. */
extern char *lh_lake_table_name(const char *path);
/* Does the name end like that of a Parquet file? */
extern bool lh_lake_is_data_name(const char *name);

/* ---- infer.c ---- */

typedef struct LhLakeColumn
{
	const LhColumn *file;		/* the column of the files */
	LhLakeName	name;
	Oid			typid;
	int32		typmod;
	char	   *type_sql;		/* a type that need not exist yet (types.c); NULL: typid */
	int			field_id;		/* option field_id; -1: none */
} LhLakeColumn;

typedef struct LhLakeColumns
{
	int			n;
	LhLakeColumn *cols;
	LhTableSchema schema;
} LhLakeColumns;

/*
 * Opens the location as roleid and reads its schema; memory is that of ctx.
 * Raises when it cannot be read, or has more columns than a table can have.
 */
extern LhLakeColumns *lh_lake_infer(LhCtx *ctx, Oid roleid, Oid serverid, const LhLakeOptions *options);
/* The schema alone. */
extern void lh_lake_schema(LhCtx *ctx, Oid roleid, Oid serverid, const LhLakeOptions *options,
						   LhTableSchema *out);
/* The type that a column of the files gets in SQL. */
extern Oid	lh_lake_type(const LhType *type, const LhLakeOptions *options, int32 *typmod);
/* "name type OPTIONS (column_name '...', field_id '...')" */
extern void lh_lake_append_column(StringInfo out, const LhLakeColumn *col);

/* ---- types.c ---- */

/* A composite type for a struct, or for the entries of a map. */
typedef struct LhLakeRowType
{
	char	   *path;			/* of the column or member, dotted */
	char	   *name;			/* quoted and qualified */
	char	   *ddl;			/* CREATE TYPE, without semicolon */
} LhLakeRowType;

/*
 * Types for all structs of the columns, inner ones first (List of
 * LhLakeRowType), and type_sql of the columns that use them.  Names are made of
 * the table's and the members'; the same names each time.  pairs: for the
 * entries of maps as well, which are jsonb otherwise.
 */
extern List *lh_lake_row_types(LhLakeColumns *columns, const char *schema, const char *table,
							   const LhLakeOptions *options, bool pairs);

/* ---- define.c ---- */

/* Has a column the option column_name?  Then its name in SQL is somebody's own. */
extern bool lh_lake_has_column_name(Oid relid, AttrNumber attno);
/* Set while columns are renamed to follow the files, not away from them. */
extern bool lh_lake_following;
/* Raises unless there is such a server, and it is ours. */
extern Oid	lh_lake_server_named(const char *name);
/* Run one statement of ours; the caller's search_path is ours already. */
extern void lh_lake_execute(const char *sql);
/* "schema.name", quoted */
extern char *lh_lake_qualified(Oid relid);

/* ---- ddl.c ---- */

/*
 * CREATE FOREIGN TABLE of the columns of a location.  table is the quoted name,
 * perhaps qualified; options are DefElems, location among them.
 */
extern char *lh_lake_create_statement(const char *table, const char *server,
									  const LhLakeColumns *columns, List *options);
/*
 * The columns of a location that the caller names, whose right to it is checked.
 * The option location goes before *options; *table NULL becomes the default name.
 */
extern LhLakeColumns *lh_lake_infer_table(LhCtx *ctx, Oid serverid, char *location, char **table,
										  List **options, LhLakeOptions *parsed);

/* ---- arguments.c ---- */

/* Argument i as a string, NULL when it is null. */
#define LH_ARG_TEXT(i) (PG_ARGISNULL(i) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(i)))
/* The server named by argument i, which may be null or absent. */
extern Oid	lh_lake_server_arg(FunctionCallInfo fcinfo, int i);
/* Table options as DefElems with String values, from a JSON object; NIL for NULL.  Each is checked. */
extern List *lh_lake_json_options(Jsonb *object);
/* The value of a table option, checked and set. */
extern void lh_lake_apply_options(LhLakeOptions *out, List *options);

/* The rows of a function that returns a set, one after the other. */
typedef struct LhRows
{
	ReturnSetInfo *rsinfo;
	int			natts;
	int			next;			/* column that is set next */
	Datum	   *values;
	bool	   *nulls;
	MemoryContext mcxt;			/* of the values, reset after each row */
} LhRows;

extern void lh_rows_begin(LhRows *rows, FunctionCallInfo fcinfo);
extern void lh_rows_null(LhRows *rows);
extern void lh_rows_bool(LhRows *rows, bool value);
extern void lh_rows_int(LhRows *rows, int32 value);
extern void lh_rows_bigint(LhRows *rows, int64 value);
extern void lh_rows_text(LhRows *rows, const char *utf8);	/* NULL: null */
extern void lh_rows_datum(LhRows *rows, Datum value);
extern void lh_rows_put(LhRows *rows);

#endif
