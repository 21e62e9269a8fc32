/*
 * debezium.h
 *		What the files of the format "debezium-json" share.
 *
 *	debezium_schema.c	a column's Kafka Connect type, its schema as JSON, its default
 *	debezium_value.c	a cell as the JSON converter writes a value of that type,
 *						with numbers in debezium_decimal.c, times in debezium_time.c
 *	format_debezium.c	envelope, keys, transactions
 */
#ifndef LH_CHANGE_DEBEZIUM_H
#define LH_CHANGE_DEBEZIUM_H

#include "change/change.h"
#include "change/text.h"

/* How a value is written; the schema says the rest to the reader. */
typedef enum LhDbzKind
{
	LH_DBZ_INT, /* int16, int32, int64 */
	LH_DBZ_BOOL,
	LH_DBZ_FLOAT,       /* float and double; NaN and infinities as strings */
	LH_DBZ_DECIMAL,     /* base64 of the unscaled value; scale */
	LH_DBZ_DECIMAL_ANY, /* {"scale":2,"value":"MDk="} */
	LH_DBZ_DECIMAL_STRING,
	LH_DBZ_DECIMAL_DOUBLE,
	LH_DBZ_MONEY,  /* money's text, as the decimal mode wants */
	LH_DBZ_STRING, /* whatever text the type has */
	LH_DBZ_BYTES,  /* bytea, or the text of a type that Debezium does not know */
	LH_DBZ_DAYS,   /* since 1970 */
	LH_DBZ_DATE_ISO,
	LH_DBZ_DATE_STRUCT,
	LH_DBZ_TIME, /* unit */
	LH_DBZ_TIME_ISO,
	LH_DBZ_TIME_STRUCT,
	LH_DBZ_TIMETZ,
	LH_DBZ_TIMETZ_STRUCT,
	LH_DBZ_STAMP, /* timestamp since 1970; unit */
	LH_DBZ_STAMP_ISO,
	LH_DBZ_STAMP_STRUCT,
	LH_DBZ_STAMPTZ, /* precision digits */
	LH_DBZ_STAMPTZ_STRUCT,
	LH_DBZ_INTERVAL, /* us, a month being 30.4375 days */
	LH_DBZ_INTERVAL_ISO,
	LH_DBZ_INTERVAL_STRUCT,
	LH_DBZ_BIT,  /* one bit as a boolean */
	LH_DBZ_BITS, /* base64, the last bit first */
	LH_DBZ_POINT,
	LH_DBZ_HSTORE_JSON,
	LH_DBZ_HSTORE_MAP,
	LH_DBZ_VECTOR,   /* pgvector's, which is a JSON array */
	LH_DBZ_GEOMETRY, /* PostGIS: hex EWKB */
	LH_DBZ_ARRAY
} LhDbzKind;

typedef enum LhDbzUnit
{
	LH_DBZ_MS,
	LH_DBZ_US,
	LH_DBZ_NS
} LhDbzUnit;

typedef struct LhDbzType LhDbzType;
struct LhDbzType
{
	LhDbzKind kind;
	LhDbzUnit unit;
	int scale;     /* of DECIMAL and MONEY */
	int precision; /* fraction digits of times */
	LhBinaryMode binary;
	LhDecimalMode decimal;    /* of MONEY */
	const LhDbzType *element; /* of ARRAY */
	/* schema: "type" with what belongs to it, then name, doc and parameters; NULL: none */
	const char *type;
	const char *name;
	const char *doc;
	const char *parameters;
};

typedef struct LhDbzColumn
{
	LhDbzType type;
	bool optional;
	bool preset;       /* its schema has a default */
	LhSlice head;      /* ,"name": */
	LhSlice field;     /* its schema as a field of a struct */
	LhSlice unchanged; /* the placeholder, as a value of this type */
	LhSlice absent;    /* null, or what a column that cannot be null has in a key's "before" */
} LhDbzColumn;

/* Type and texts of a column, in ctx->arena. */
extern LhStatus lh_dbz_column(LhCtx *ctx, const LhChangeOptions *options,
							  const LhChangeColumn *column, LhDbzColumn *out);
/* Everything of a type's schema but its brackets, the default and the field's name. */
extern LhStatus lh_dbz_put_type(LhCtx *ctx, LhBuf *buf, const LhDbzType *t, bool optional);
/* Any cell as a value of the type; null where the type cannot say it. */
extern LhStatus lh_dbz_value(LhCtx *ctx, LhBuf *buf, const LhDbzType *type, const LhCell *cell);

/* Base64 of a numeric's value times 10^scale, with its quotes; the value is finite. */
extern LhStatus lh_dbz_unscaled(LhCtx *ctx, LhBuf *buf, const LhCell *numeric, int scale);

/* Cells of the kind's own kind; parts of lh_dbz_value. */
extern LhStatus lh_dbz_decimal(LhCtx *ctx, LhBuf *buf, const LhDbzType *type, const LhCell *c);
extern LhStatus lh_dbz_money(LhCtx *ctx, LhBuf *buf, const LhDbzType *type, const LhCell *c);
extern LhStatus lh_dbz_date(LhCtx *ctx, LhBuf *buf, const LhDbzType *type, const LhCell *c);
extern LhStatus lh_dbz_time(LhCtx *ctx, LhBuf *buf, const LhDbzType *type, const LhCell *c);
extern LhStatus lh_dbz_timetz(LhCtx *ctx, LhBuf *buf, const LhDbzType *type, const LhCell *c);
extern LhStatus lh_dbz_stamp(LhCtx *ctx, LhBuf *buf, const LhDbzType *type, const LhCell *c);
extern LhStatus lh_dbz_interval(LhCtx *ctx, LhBuf *buf, const LhDbzType *type, const LhCell *c);
/* A JSON number, or NaN and infinities in quotes. */
extern LhStatus lh_dbz_double(LhCtx *ctx, LhBuf *buf, double v);
/* Base64 with its quotes. */
extern LhStatus lh_dbz_bytes64(LhCtx *ctx, LhBuf *buf, const uint8_t *p, size_t n);

/* ---- what values are made of, for all encodings ---- */

/* Cells that a kind of value is made of; others (a mask's) go out as text. */
extern bool lh_dbz_fits(LhDbzKind kind, LhCellKind cell);
/* DAYS, TIME, STAMP, INTERVAL; false: there is no such number. */
extern bool lh_dbz_number(const LhDbzType *type, const LhCell *c, int64_t *out);
/* An interval's infinity. */
extern bool lh_dbz_is_infinite(const LhCell *c, bool *minus);
/* The scale without trailing zeros, 0 at least. */
extern int lh_dbz_least_scale(const LhCell *c);
/* Money of a precise mode, else as text; false: it has too many digits. */
extern bool lh_dbz_money_of(const LhDbzType *type, const LhCell *c, int64_t *unscaled,
							char text[64]);
/* Bits in "few" or ctx->arena. */
extern LhStatus lh_dbz_bits(LhCtx *ctx, const LhCell *c, uint8_t few[32], LhSlice *out);
/* False: the text is no point. */
extern bool lh_dbz_point(const LhCell *c, double *x, double *y, uint8_t wkb[21]);
/* The pair at *s, which moves behind it; text: room for all.  value.data NULL: null.  False: it is none. */
extern bool lh_dbz_hstore_next(const uint8_t **s, const uint8_t *end, uint8_t *text, LhSlice *key,
							   LhSlice *value);
/* Numbers in brackets, with commas between them. */
extern bool lh_dbz_is_vector(const LhCell *c);
/* *srid is INT64_MAX where there is none. */
extern LhStatus lh_dbz_geometry(LhCtx *ctx, const LhCell *c, LhSlice *out, int64_t *srid,
								bool *good);

#endif
