/*
 * describe.h
 *		Internal: one row-returning function over the files of a location.
 */
#ifndef LH_PG_LAKE_DESCRIBE_H
#define LH_PG_LAKE_DESCRIBE_H

#include "pg/lake/lake.h"

#include "parquet/parquet.h"

/* The file that is described. */
typedef struct LhDescribe
{
	LhCtx	   *ctx;			/* its arena goes with the file */
	LhRows		rows;
	const char *path;
	int64_t		size;
	int64_t		mtime_ns;
	LhPqFile   *file;			/* NULL where files are not opened */
	const LhPqMeta *meta;
} LhDescribe;

typedef void (*LhDescribeFn) (LhDescribe *d);

/*
 * Body of a function (location text, server name): fn for each file.  Rights
 * are those of the caller.
 */
extern Datum lh_describe(FunctionCallInfo fcinfo, bool open, LhDescribeFn fn);

/* Dotted path of a leaf. */
extern void lh_describe_path(LhDescribe *d, int node);
/* A number that is unknown below zero. */
extern void lh_describe_known(LhDescribe *d, int64 value);
extern void lh_describe_type(LhDescribe *d, const LhType *type);
extern void lh_describe_value(LhDescribe *d, const LhValue *value);

#endif
