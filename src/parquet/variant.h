/*
 * variant.h
 *		Variants: their binary encoding, and their values put together again from
 *		the columns that they were shredded into.
 *
 * A variant column comes from its cursor (parquet.h) as a vector with the
 * children metadata, value and typed_value.  A reader gives the value of one
 * slot of it as tokens, without building it:
 *
 *	{"a": [1, null]}	OBJECT, KEY a, ARRAY, VALUE 1, VALUE null, END_ARRAY, END_OBJECT
 *
 * Where a value lies (in typed_value, in value, in both) is not seen in them.
 * Fields of an object come in no particular order.
 *
 * Rules of the format, and what is an error:
 *
 *	1. value and typed_value both null: a missing field of a shredded object is
 *	   left out; anywhere else it is the variant null.
 *	2. Both set: an object whose other fields are in value; typed_value must be a
 *	   shredded object, value an object, and no name may be a shredded one.
 *	   Anything else is LH_CORRUPT, as is a name that one object has twice.
 *	3. A typed_value of a type that no variant has is LH_UNSUPPORTED, a shape
 *	   that the format does not have LH_CORRUPT: when the reader is made.
 *
 * Bytes are hostile: every offset is checked where it is used; no byte of a
 * value is read as part of two values (overlapping values would cost work
 * without bound); values nest LH_VARIANT_MAX_DEPTH deep at most; strings and
 * names are UTF-8 without NUL (else LH_BAD_TEXT).  Bytes behind the end of
 * metadata or value are ignored.
 *
 * Format: VariantEncoding.md and VariantShredding.md of apache/parquet-format.
 */
#ifndef LH_PARQUET_VARIANT_H
#define LH_PARQUET_VARIANT_H

#include "vec/vec.h"

#define LH_VARIANT_MAX_DEPTH 1000

typedef enum LhVariantKind
{
	LH_VARIANT_END, /* the value is complete */
	LH_VARIANT_VALUE, /* a scalar, or the variant null */
	LH_VARIANT_OBJECT,
	LH_VARIANT_KEY, /* name of a field; its value follows */
	LH_VARIANT_END_OBJECT,
	LH_VARIANT_ARRAY,
	LH_VARIANT_END_ARRAY
} LhVariantKind;

typedef struct LhVariantToken
{
	LhVariantKind kind;
	LhStr key; /* KEY */
	LhValue value; /* VALUE: bytes are borrowed from the vectors */
} LhVariantToken;

typedef struct LhVariantReader LhVariantReader;

/* A reader for a VARIANT type, in ctx->arena.  NULL: only lh_variant_start_bytes will be used. */
extern LhStatus lh_variant_reader_create(LhCtx *ctx, const LhType *type, LhVariantReader **out);

/* Use this vector, of the type the reader was made for; it must live while slots are read. */
extern LhStatus lh_variant_bind(LhCtx *ctx, LhVariantReader *reader, const LhVec *vec);

/* Begin the value of a slot that is not null. */
extern LhStatus lh_variant_start(LhCtx *ctx, LhVariantReader *reader, int slot);
/* Begin a value that was not shredded. */
extern LhStatus lh_variant_start_bytes(LhCtx *ctx, LhVariantReader *reader, LhSlice metadata, LhSlice value);

/* The next token; it lives until the next call. */
extern LhStatus lh_variant_next(LhCtx *ctx, LhVariantReader *reader, const LhVariantToken **out);

#endif
