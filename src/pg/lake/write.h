/*
 * write.h
 *		Internal: rows to Parquet files, by file.
 *
 *	write_options.c		options of lakehouse.write_parquet and COPY TO
 *	write.c				from a query's rows to a file, or to the client
 *	write_function.c	lakehouse.write_parquet
 *	copy.c				COPY ... (FORMAT parquet): which statements are ours
 *	copy_to.c			COPY TO
 *	copy_from.c			COPY FROM: an INSERT from lakehouse.read
 */
#ifndef LH_PG_LAKE_WRITE_H
#define LH_PG_LAKE_WRITE_H

#include "pg/lake/lake.h"

#include "nodes/parsenodes.h"
#include "tcop/dest.h"
#include "utils/rel.h"

#include "parquet/write.h"
#include "pg/bridge/take.h"

/* ---- write_options.c ---- */

typedef struct LhWriteOptions
{
	LhPqWriteOptions parquet;
	LhTakeOptions take;
	List	   *bloom;			/* columns with a bloom filter: char *, in the server's encoding */
	double		bloom_fpp;		/* 0: the writer's default */
	bool		overwrite;
} LhWriteOptions;

/* From DefElems with String values; raises at an unknown name or a bad value. */
extern void lh_write_options(List *list, LhWriteOptions *out);

/* ---- write.c ---- */

/* Where the rows of one statement go. */
typedef struct LhWrite LhWrite;

/*
 * location NULL: the client, by the COPY protocol.  Checks the rights of the
 * current user; nothing is created before the first row is known to come.
 * Lives in mcxt.
 */
extern LhWrite *lh_write_create(const char *location, Oid serverid, const LhWriteOptions *options,
								MemoryContext mcxt);

typedef struct LhWriteResult
{
	int64		rows;
	int64		bytes;
	int			row_groups;
} LhWriteResult;

/*
 * Run a query, its rows into the file, finish the file and free w.  source is
 * the text that positions in the query refer to; relid is what progress shows,
 * or InvalidOid.
 */
extern LhWriteResult lh_write_query(LhWrite *w, RawStmt *query, const char *source, Oid relid);

/* ---- copy*.c ---- */

/* Options of a COPY other than FORMAT, as DefElems with String values; lists as JSON. */
typedef struct LhCopy
{
	const CopyStmt *stmt;
	const char *source;			/* of the statement */
	int			stmt_location;
	int			stmt_len;
	List	   *options;		/* DefElem with String, SERVER left out */
	Oid			serverid;
} LhCopy;

extern uint64 lh_copy_to(const LhCopy *copy);
extern uint64 lh_copy_from(const LhCopy *copy);
/* The statement to be analysed, at its place in the source. */
extern RawStmt *lh_copy_raw(const LhCopy *copy, Node *stmt);
/* Attribute numbers of the named columns (NIL: all that COPY takes), without generated ones. */
extern List *lh_copy_attributes(Relation rel, List *names);

#endif
