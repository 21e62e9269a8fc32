/*
 * take.h
 *		Rows of PostgreSQL as vectors: the way back of emit.
 *
 * A row is taken apart when it comes, because its memory goes with the next
 * one: each value is appended to its column's vector, text and bytes are copied
 * to memory of the batch.  A batch is full after LH_BATCH rows, or earlier when
 * its values are large.
 *
 *	PostgreSQL type			type of the vector
 *	boolean					BOOL
 *	smallint, integer, bigint	INT16, INT32, INT64
 *	oid						UINT32
 *	real, double precision	FLOAT, DOUBLE
 *	numeric(p,s), p <= 38	DECIMAL
 *	any other numeric		as LhTakeOptions.numeric says
 *	text, varchar, char(n), name	STRING
 *	bytea					BINARY
 *	date, time, timestamp[tz]	DATE, TIME and TIMESTAMP in us
 *	interval				INTERVAL, or STRING by option
 *	uuid					UUID
 *	json, jsonb				JSON
 *	enumerations			ENUM
 *	arrays					LIST, of one dimension
 *	composite types			STRUCT
 *	domains					as their base type
 *	anything else			STRING: the text of its output function
 *
 * docs/types.md says it for users.
 */
#ifndef LH_PG_BRIDGE_TAKE_H
#define LH_PG_BRIDGE_TAKE_H

#include "pg/bridge/bridge.h"

/* What becomes of numerics whose digits are not declared, or are more than 38. */
typedef enum LhTakeNumeric
{
	LH_TAKE_TEXT,				/* STRING with all their digits */
	LH_TAKE_ERROR,				/* refused when the columns are known */
	LH_TAKE_DECIMAL				/* DECIMAL(precision, scale) of the options; what does not fit is out of range */
} LhTakeNumeric;

typedef struct LhTakeOptions
{
	LhOutOfRange out_of_range;	/* what the type of the file cannot hold: infinity, NaN, ... */
	LhTakeNumeric numeric;
	int			precision;		/* DECIMAL */
	int			scale;
	bool		interval_text;	/* intervals as ISO 8601 text */
} LhTakeOptions;

typedef struct LhTake LhTake;

/*
 * For rows of desc (dropped attributes are left out; there must be others).
 * target is what messages call the place ("/dir/file.parquet").  Lives in mcxt
 * and in the arena of ctx.  Raises when a column cannot be taken.
 */
extern LhTake *lh_take_create(LhCtx *ctx, MemoryContext mcxt, TupleDesc desc, const char *target,
							  const LhTakeOptions *options);
/* Columns of the vectors; their names are UTF-8. */
extern int	lh_take_fields(const LhTake *take, const LhField **fields);
/*
 * Append a row, by attno - 1.  True when the batch is full: the caller uses
 * lh_take_vecs and calls lh_take_reset.  Errors have a CONTEXT with target, row
 * and column.
 */
extern bool lh_take_row(LhTake *take, const Datum *values, const bool *nulls);
/* The rows appended since the last reset, a vector a column; returns how many. */
extern int	lh_take_vecs(LhTake *take, const LhVec *const **vecs);
extern void lh_take_reset(LhTake *take);
/* All rows appended so far. */
extern int64_t lh_take_rows(const LhTake *take);

#endif
