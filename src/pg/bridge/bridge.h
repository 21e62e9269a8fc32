/*
 * bridge.h
 *		Between PostgreSQL and core: types, values, locations, expressions.
 *
 * Everything that features need of both worlds is here once (DESIGN, "The
 * house"): which PostgreSQL type a file type becomes, how vectors become
 * Datums, who may open which location, which expressions the vector engine
 * evaluates exactly as PostgreSQL does.
 */
#ifndef LH_PG_BRIDGE_H
#define LH_PG_BRIDGE_H

#include "pg/util/util.h"

#include "access/tupdesc.h"
#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"

#include "scan/scan.h"

struct ForeignServer;

/* ---- types (typemap.c) ---- */

/*
 * The PostgreSQL type that a file type becomes when nobody declares another:
 * docs/types.md is this table.  Lists of scalars are arrays, all else nested
 * is jsonb.
 */
extern Oid	lh_pg_type(const LhType *type, int32 *typmod);
/* Its SQL spelling, for CREATE FOREIGN TABLE. */
extern char *lh_pg_type_sql(const LhType *type);

/* What to do with values that the PostgreSQL type cannot hold. */
typedef enum LhOutOfRange
{
	LH_RANGE_ERROR, LH_RANGE_CLAMP, LH_RANGE_NULL
} LhOutOfRange;

typedef enum LhNanos
{
	LH_NANOS_FLOOR, LH_NANOS_ERROR, LH_NANOS_TEXT
} LhNanos;

typedef struct LhEmitOptions
{
	LhOutOfRange out_of_range;
	LhNanos		timestamp_ns;
	bool		missing_null;	/* members of a composite type that a file lacks are null, not an error */
} LhEmitOptions;

/* ---- values (emit*.c) ---- */

/*
 * Turns vectors of one column into Datums of the column's declared type.  The
 * conversion is chosen when the vector's type changes; identical types take
 * direct paths (dictionary entries become Datums once a dictionary), others
 * go through PostgreSQL's assignment cast from the natural type, or for text
 * through the declared type's input function.
 */
typedef struct LhEmitter LhEmitter;
extern LhEmitter *lh_emitter_create(LhCtx *ctx, MemoryContext mcxt, const char *column,
									Oid typid, int32 typmod, const LhEmitOptions *options);
/* Can a file type be shown as this PostgreSQL type at all?  Else errors at first use. */
extern bool lh_emit_possible(const LhType *type, Oid typid, int32 typmod);
/*
 * Raise when a composite type inside the declared type has an attribute that no
 * file has, by the schema of all files; column: for the message.
 */
extern void lh_emit_check_rows(const char *column, const LhType *type, Oid typid);
/*
 * Names that the members of a struct have as attributes of a composite type:
 * their own, cut to 63 bytes on a character and numbered where that makes
 * twins.  palloc'd, in the server's encoding.
 */
extern char **lh_member_names(const LhType *type);

/*
 * Datums of the selected rows, compacted: k-th selected row -> values[k],
 * nulls[k].  Memory: batch_mcxt, to be reset by the caller before the next
 * batch.  Errors name file, column and row.
 */
extern void lh_emit(LhEmitter *em, const LhVec *vec, const LhSel *sel, MemoryContext batch_mcxt,
					Datum *values, bool *nulls);
/* The same for given rows, ascending (NULL: the first n); n <= LH_BATCH. */
extern void lh_emit_rows(LhEmitter *em, const LhVec *vec, const uint32_t *rows, int n, MemoryContext batch_mcxt,
						 Datum *values, bool *nulls);
/* What messages call the place: set once a batch. */
extern void lh_emitter_place(LhEmitter *em, const char *path, int64_t first_row);

/* A numeric of an unscaled value, exactly as numeric_in would make it (emit_numeric.c). */
extern Datum lh_numeric_datum(LhI128 v, int scale);

/* (expr_value.c) A constant of a PostgreSQL type as a core value in the family of a file type; false when it is not exactly that. text is borrowed from the datum (detoasted in CurrentMemoryContext). */
extern bool lh_value_from_datum(Datum d, Oid typid, LhValue *out);

/* ---- locations and rights (location.c) ---- */

/* One column of a declared order (option sorted_by). */
typedef struct LhSortItem
{
	const char *name;			/* in the files, UTF-8 */
	bool		descending;
	bool		nulls_first;
} LhSortItem;

/* Options of server, table and columns, parsed. */
typedef struct LhLakeOptions
{
	Oid			relid;			/* the foreign table whose options these are; InvalidOid: none */
	bool		sampled;		/* values go to catalogs that others read, too */
	const char *format;			/* NULL: detect */
	LhTableOptions table;
	LhEmitOptions emit;
	bool		check_crc;
	List	   *sorted_by;		/* of LhSortItem; NIL: no order is declared */
	const char *keys_file;		/* NULL: the server's */
	bool		dropped_null;	/* columns that a table lost are null, not an error */
	/* of a table of the server's catalog, in place of a location; UTF-8 */
	const char *catalog_namespace;	/* parts with dots between; NULL: the catalog's root */
	const char *catalog_table;		/* NULL: none */
} LhLakeOptions;

extern void lh_lake_options(Oid foreigntableid, LhLakeOptions *out);
/* Is this a foreign server, a foreign table, of our wrapper? */
extern bool lh_lake_is_server(const struct ForeignServer *server);
extern bool lh_lake_is_table(Oid relid);
/* With whose rights a foreign table is read; raises when it is gone. */
extern Oid	lh_lake_owner(Oid foreigntableid);
/* The defaults, and one option at a time, for functions that take options of their own. */
extern void lh_lake_options_init(LhLakeOptions *out);
extern void lh_lake_option(LhLakeOptions *out, const char *name, const char *value);
/* A location, or the JSON array of locations that it may be, as a List of char *; raises when empty. */
extern List *lh_location_list(const char *location);
/* Text of the server in UTF-8, as core wants it; palloc'd. */
extern char *lh_pg_utf8(const char *text);

/*
 * Open a location for a role, with the rights checks of docs/security.md:
 * local files need pg_read_server_files, or a base directory of the server
 * (server option base_directories, set by a superuser).  server InvalidOid:
 * functions without server.
 */
extern void lh_lake_open(LhCtx *ctx, Oid roleid, Oid serverid, const LhLakeOptions *options, LhTable **out);
/* The same with a status: for planning, where an unreadable location is no error. */
extern LhStatus lh_lake_try_open(LhCtx *ctx, Oid roleid, Oid serverid, const LhLakeOptions *options, LhTable **out);
/* The store alone (list, describe); files are decrypted with the server's keys. */
extern void lh_lake_store(LhCtx *ctx, Oid roleid, Oid serverid, LhStore **out);
/* Raise when roleid may not name this location (used when an option is set). */
extern void lh_location_check(Oid roleid, Oid serverid, const char *location);

/* ---- writing (location_write.c) ---- */

/*
 * A store that only writes: local files by pg_write_server_files or the server
 * option writable_directories, objects by allowed_locations.
 */
extern void lh_lake_write_store(LhCtx *ctx, Oid roleid, Oid serverid, LhStore **out);
/* Raise when roleid may not write this location, which is a single one. */
extern void lh_location_check_write(Oid roleid, Oid serverid, const char *location);

/* ---- expressions (expr.c, expr_value.c) ---- */

/*
 * Conjuncts that the vector engine evaluates exactly as PostgreSQL would.
 *
 * Planning asks lh_qual_pushable, by declared types only: a plan holds no fact
 * about files.  Columns of other relations count as constants there: a nested
 * loop gives them as parameters.  A pushed clause leaves scan.plan.qual and stays in fdw_exprs
 * (so that parameters and varnos are fixed) and in fdw_recheck_quals.
 *
 * Execution calls lh_qual_build for each pushed clause at the start of a scan
 * and at every rescan with changed parameters.  It may still say no: the file
 * holds another type than declared, out_of_range rewrites values, a constant
 * has more digits than 128 bits hold.  Then the caller must evaluate that
 * clause itself on the emitted slot (ExecQual) - "fallback" in EXPLAIN.
 */
typedef struct LhQualColumn
{
	int			col;			/* scan column (index into LhScanSpec.cols); -1: not read from the file as it is */
	LhType		type;			/* type in the table schema, from LhTableSchema at execution */
	Oid			typid;			/* declared */
	int32		typmod;
	LhEmitOptions emit;
} LhQualColumn;

typedef struct LhQualBuild
{
	LhCtx	   *ctx;			/* predicates are allocated in ctx->arena */
	ExprContext *econtext;		/* for parameters */
	PlanState  *parent;
	Index		rti;			/* varno of the scanned relation in the clause */
	int			natts;
	const LhQualColumn *columns;	/* by attno - 1 */
	struct LhSource *source;	/* knows members of composite columns; NULL: there are none */
} LhQualBuild;

/* May this clause be evaluated by the engine, by declared types?  *why (may be NULL) gets a short reason when not. */
extern bool lh_qual_pushable(Expr *clause, Index rti, const char **why);
/* The attribute that a pushable clause compares by =, <, <=, > or >= with something else; 0: it is no such clause. */
extern AttrNumber lh_qual_probe(Expr *clause, Index rti, bool *equality);
/* Build it with the values parameters have now; false: the caller evaluates it, *why says the reason. */
extern bool lh_qual_build(Expr *clause, const LhQualBuild *build, LhPred **out, const char **why);
/* True when a value of this file type, emitted as the declared type, compares in core exactly as PostgreSQL compares. */
extern bool lh_type_exact(const LhType *type, Oid typid, int32 typmod, const LhEmitOptions *emit);

#endif
