/*
 * types.h
 *		Logical types, the lanes that values lie in, and single values.
 *
 * A type says what a value means (decimal(15,2), timestamp in us, UTC); a lane
 * says how it lies in a vector.  Files keep their own units: nothing is
 * converted until somebody needs it, so a vector of one column may have
 * another type in the next file.  Consumers look at vec->type.
 *
 *	type                      lane
 *	BOOL                      U8 (0 or 1)
 *	INT8/16/32, UINT8/16      I32
 *	INT64, UINT32             I64
 *	UINT64                    I128 (as decimal(20,0))
 *	FLOAT16, FLOAT            F32
 *	DOUBLE                    F64
 *	DECIMAL(p,s)              I32 (INT32 columns), I64 (p <= 18), I128 (p <= 38),
 *	                          STR (wider: big-endian two's complement)
 *	DATE                      I32 (days since 1970)
 *	TIME(unit)                I64 (since midnight; ms columns are widened)
 *	TIMESTAMP(unit, utc)      I64 (since 1970 in unit; INT96 becomes us by floor)
 *	INTERVAL                  FIX 12 (months, days, ms: little-endian u32)
 *	STRING, JSON, ENUM, BSON,
 *	BINARY, GEOMETRY, GEOGRAPHY   STR
 *	FIXED(n)                  FIX n
 *	UUID                      FIX 16
 *	NULL                      none: every row is null
 *	LIST, MAP, STRUCT, VARIANT    none: children
 */
#ifndef LH_VEC_TYPES_H
#define LH_VEC_TYPES_H

#include "core/core.h"

/* Who walks down types by recursion goes no deeper; the readers of schemas allow less. */
#define LH_MAX_TYPE_DEPTH 300

typedef enum LhTypeId
{
	LH_T_NULL, LH_T_BOOL,
	LH_T_INT8, LH_T_INT16, LH_T_INT32, LH_T_INT64,
	LH_T_UINT8, LH_T_UINT16, LH_T_UINT32, LH_T_UINT64,
	LH_T_FLOAT16, LH_T_FLOAT, LH_T_DOUBLE,
	LH_T_DECIMAL,
	LH_T_DATE, LH_T_TIME, LH_T_TIMESTAMP, LH_T_INTERVAL,
	LH_T_STRING, LH_T_ENUM, LH_T_JSON, LH_T_BSON, LH_T_BINARY, LH_T_FIXED, LH_T_UUID,
	LH_T_GEOMETRY, LH_T_GEOGRAPHY,
	LH_T_LIST, LH_T_MAP, LH_T_STRUCT, LH_T_VARIANT,
	LH_N_TYPES
} LhTypeId;

typedef enum LhLane
{
	LH_LANE_NONE, LH_LANE_U8, LH_LANE_I32, LH_LANE_I64, LH_LANE_I128,
	LH_LANE_F32, LH_LANE_F64, LH_LANE_STR, LH_LANE_FIX
} LhLane;

typedef struct LhType LhType;
typedef struct LhField LhField;

struct LhType
{
	LhTypeId	id;
	LhLane		lane;
	uint8_t		unit;			/* LhUnit: TIME, TIMESTAMP */
	bool		utc;			/* TIME, TIMESTAMP: isAdjustedToUTC */
	bool		int96;			/* TIMESTAMP that was stored as INT96 */
	int16_t		precision;		/* DECIMAL */
	int16_t		scale;			/* DECIMAL */
	int32_t		width;			/* bytes a value in lane FIX */
	int			nfields;		/* STRUCT: members; LIST: 1 (element); MAP: 2 (key, value) */
	const LhField *fields;
};

struct LhField
{
	const char *name;			/* NUL-terminated; may be empty, may be any bytes of valid UTF-8 */
	LhType		type;
	bool		required;
	int			field_id;		/* -1: none */
};

/* 16 bytes; ptr is borrowed from a page, a dictionary or an arena. */
typedef struct LhStr
{
	const uint8_t *ptr;
	uint32_t	len;
	uint32_t	spare;
} LhStr;

/* A single value in its type's lane. */
typedef struct LhValue
{
	LhType		type;
	bool		null;
	union
	{
		bool		b;
		int64_t		i64;		/* lanes U8, I32 and I64 alike */
		LhI128		i128;
		double		f64;		/* lanes F32 and F64 alike (a float is exact in a double) */
		LhStr		str;		/* lanes STR and FIX alike */
	};
} LhValue;

static inline size_t
lh_lane_size(LhLane lane, int width)
{
	switch (lane)
	{
		case LH_LANE_U8:
			return 1;
		case LH_LANE_I32:
		case LH_LANE_F32:
			return 4;
		case LH_LANE_I64:
		case LH_LANE_F64:
			return 8;
		case LH_LANE_I128:
		case LH_LANE_STR:
			return 16;
		case LH_LANE_FIX:
			return (size_t) width;
		default:
			return 0;
	}
}

static inline bool
lh_type_is_nested(const LhType *t)
{
	return t->id >= LH_T_LIST;
}

extern bool lh_type_equal(const LhType *a, const LhType *b);	/* names of fields count */
extern LhType lh_type_bare(const LhType *t);	/* without members: may be kept when t's owner goes */
/* "decimal(15,2)", "timestamp(us, utc)", "list<int32>"...; for messages and describe functions. */
extern LhStatus lh_type_format(LhCtx *ctx, const LhType *t, LhBuf *out);
extern const char *lh_type_name(const LhType *t);	/* short, static */

/*
 * The type that holds all values of both exactly: wider ints, int -> decimal,
 * float -> double, decimals with more digits, finer units; false when there is
 * none (then schemas do not reconcile).
 */
extern bool lh_type_union(LhCtx *ctx, const LhType *a, const LhType *b, LhType *out);

/* Total order of values of one type family: -1, 0, 1; floats as PostgreSQL orders them (NaN highest, -0 = 0); bytes by memcmp. */
extern int	lh_value_compare(const LhValue *a, const LhValue *b);
/* Text of a value for messages and describe functions (not PostgreSQL's output functions). */
extern LhStatus lh_value_format(LhCtx *ctx, const LhValue *v, LhBuf *out);

#endif
