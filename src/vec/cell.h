/*
 * cell.h
 *		One value of a row on its way out of PostgreSQL: a tagged, borrowed view.
 *
 * Rows that leave one at a time (change streams, snapshots, masks) are arrays
 * of cells.  A cell is 24 bytes, owns nothing and is as close to what lies in
 * the heap tuple as it can be: digits of a numeric in base 10,000, text as
 * pointer and length, dates as PostgreSQL counts them.  pg/bridge makes cells
 * of Datums; mask/ replaces some; change/ writes them.  LhValue (types.h) is
 * for values of files; it carries its type and is too large for this.
 *
 * What a cell points to lives until the bridge's scratch memory is reset: for
 * the row at least.
 */
#ifndef LH_VEC_CELL_H
#define LH_VEC_CELL_H

#include "core/core.h"

/*
 * What is not a value comes first: NULL; UNCHANGED: stored out of line and not
 * touched by this update, hence not in the log; ABSENT: not part of this tuple
 * (an old key holds the key columns only); MASKED_NULL is a plain NULL.
 */
typedef enum LhCellKind
{
	LH_CELL_NULL,
	LH_CELL_UNCHANGED,
	LH_CELL_ABSENT,
	/* values */
	LH_CELL_BOOL,				/* i64: 0 or 1 */
	LH_CELL_INT,				/* i64: smallint, integer, bigint, oid, xid */
	LH_CELL_FLOAT4,				/* f64 holds the float exactly */
	LH_CELL_FLOAT8,				/* f64 */
	LH_CELL_NUMERIC,			/* digits, sign, weight, dscale, ndigits */
	LH_CELL_TEXT,				/* ptr, len: valid UTF-8; text, varchar, char(n), name, enum, citext */
	LH_CELL_JSON,				/* ptr, len: UTF-8 text that is JSON (of json as written, of jsonb as jsonb_out) */
	LH_CELL_BYTES,				/* ptr, len: bytea */
	LH_CELL_UUID,				/* ptr: 16 bytes */
	LH_CELL_DATE,				/* i64: days since 2000-01-01; INT32_MIN, INT32_MAX: -infinity, infinity */
	LH_CELL_TIME,				/* i64: us since midnight, 24:00:00 included */
	LH_CELL_TIMETZ,				/* i64: us since midnight; aux: seconds west of UTC, as PostgreSQL keeps them */
	LH_CELL_TIMESTAMP,			/* i64: us since 2000-01-01; INT64_MIN, INT64_MAX: -infinity, infinity */
	LH_CELL_TIMESTAMPTZ,		/* the same, in UTC */
	LH_CELL_INTERVAL,			/* i64: us; len as int32: days; aux: months (all at their least or most: infinite, 17) */
	LH_CELL_ARRAY,				/* array */
	LH_CELL_OTHER,				/* ptr, len: valid UTF-8 that the type's output function wrote */
	LH_CELL_RAW,				/* ptr, len: as OTHER, but bytes that are no valid UTF-8 (SQL_ASCII, bad data) */
	LH_N_CELL_KINDS
} LhCellKind;

#define LH_CELL_IS_VALUE(cell) ((cell)->kind >= LH_CELL_BOOL)

/* sign of a NUMERIC */
typedef enum LhCellSign
{
	LH_SIGN_PLUS, LH_SIGN_MINUS, LH_SIGN_NAN, LH_SIGN_INFINITY, LH_SIGN_MINUS_INFINITY
} LhCellSign;

#define LH_CELL_MAX_DIMS 6		/* PostgreSQL's MAXDIM */

typedef struct LhCellArray LhCellArray;

typedef struct LhCell
{
	uint8_t		kind;			/* LhCellKind */
	uint8_t		sign;			/* NUMERIC: LhCellSign */
	int16_t		weight;			/* NUMERIC: of the first digit, in powers of 10,000 */
	uint16_t	dscale;			/* NUMERIC: decimal digits to show after the point */
	uint16_t	ndigits;		/* NUMERIC: base-10,000 digits behind ptr */
	uint32_t	len;			/* bytes behind ptr; INTERVAL: days, as int32_t */
	int32_t		aux;			/* TIMETZ: zone; INTERVAL: months */
	union
	{
		int64_t		i64;
		double		f64;
		const uint8_t *ptr;		/* NUMERIC: int16_t digits in the machine's order, perhaps not aligned */
		const LhCellArray *array;
	};
} LhCell;

/* Items row by row (the last index runs fastest); an empty array has ndim 0. */
struct LhCellArray
{
	int			ndim;
	int			dims[LH_CELL_MAX_DIMS];
	int			lbound[LH_CELL_MAX_DIMS];
	int			nitems;
	char		delim;			/* ',' but for box */
	const LhCell *items;
};

static inline LhCell
lh_cell_null(void)
{
	return (LhCell) {.kind = LH_CELL_NULL};
}

static inline LhCell
lh_cell_text(const void *p, size_t n)
{
	return (LhCell) {.kind = LH_CELL_TEXT, .len = (uint32_t) n, .ptr = (const uint8_t *) p};
}

static inline bool
lh_cell_is_text(const LhCell *c)
{
	return c->kind == LH_CELL_TEXT || c->kind == LH_CELL_JSON || c->kind == LH_CELL_OTHER;
}

#endif
