/*
 * avro_row.h
 *		A table's columns as the fields of the format "avro" (docs/cdc-formats.md).
 *
 * Each type has the Avro type that says it naturally: a date is a date.  What
 * that cannot say (infinity, NaN of a decimal, arrays with bounds or of two
 * dimensions, years before 1 or beyond 9999, 24:00:00, damaged text) is null there,
 * and stands in the map __special as the text that PostgreSQL reads it from.
 */
#ifndef LH_CHANGE_AVRO_ROW_H
#define LH_CHANGE_AVRO_ROW_H

#include "change/avro.h"
#include "change/change.h"

/* How values are written; the schema says the rest. */
typedef enum LhAvroWrite
{
	LH_AVRO_BOOL, LH_AVRO_INT, LH_AVRO_FLOAT4, LH_AVRO_FLOAT8,
	LH_AVRO_DECIMAL,			/* scale */
	LH_AVRO_DOUBLE,				/* of a numeric */
	LH_AVRO_DATE, LH_AVRO_TIME, LH_AVRO_STAMP,
	LH_AVRO_UUID,
	LH_AVRO_TEXT,				/* text, json, other */
	LH_AVRO_BYTES,
	LH_AVRO_CELL_TEXT,			/* the canonical text of any cell */
	LH_AVRO_ARRAY
} LhAvroWrite;

typedef struct LhAvroType
{
	LhAvroWrite write;
	LhCellKind	kind;			/* of the cells that it is written of */
	int			scale;
	const char *schema;			/* JSON */
	const struct LhAvroType *element;	/* of ARRAY */
} LhAvroType;

typedef struct LhAvroColumn
{
	LhAvroType	type;
	LhSlice		name;			/* as an Avro string, with its length */
	bool		required;		/* in a key: null does not occur */
} LhAvroColumn;

typedef struct LhAvroPlan
{
	const LhChangeRel *rel;
	LhAvroColumn *columns;
	size_t		room;			/* of a row's values of bounded size */
	bool		special_key;	/* the key has a map __special, too */
	LhSchema	value,
				key;
} LhAvroPlan;

extern LhStatus lh_avro_plan(LhCtx *ctx, const LhChangeOptions *options, const LhChangeRel *rel, LhAvroPlan **out);

/* Values that were not written, and have to be told of behind the row. */
typedef struct LhAvroRest
{
	int			unchanged;
	int			special;
} LhAvroRest;

/* All columns; cells NULL: nulls.  whole: the old row, where unchanged values are taken from; NULL: there is none. */
extern LhStatus lh_avro_put_row(LhCtx *ctx, LhBuf *buf, const LhAvroPlan *plan, const LhCell *cells, const LhCell *whole,
								LhAvroRest *rest);
/* __unchanged and __special. */
extern LhStatus lh_avro_put_rest(LhCtx *ctx, LhBuf *buf, const LhAvroPlan *plan, const LhCell *cells, const LhCell *whole,
								 const LhAvroRest *rest);
/* The key's record; other: where to look for what is not in cells; NULL: nowhere. */
extern LhStatus lh_avro_put_key(LhCtx *ctx, LhBuf *buf, const LhAvroPlan *plan, const LhCell *cells, const LhCell *other);

#endif
