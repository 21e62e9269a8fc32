/*
 * variant_impl.h
 *		Internal to the files of variants: encoding (variant.c), shapes of
 *		shredded columns (variant_shape.c), the reader (variant_read.c).
 */
#ifndef LH_PARQUET_VARIANT_IMPL_H
#define LH_PARQUET_VARIANT_IMPL_H

#include "parquet/variant.h"

/* ---- the encoding ---- */

/* Metadata: the names that objects refer to by number. */
typedef struct LhVariantNames
{
	uint32_t n;
	int width; /* of an offset */
	const uint8_t *offsets; /* n + 1 */
	const uint8_t *bytes;
	size_t len; /* of bytes */
} LhVariantNames;

extern LhStatus lh_variant_names_open(LhCtx *ctx, LhSlice metadata, LhVariantNames *out);
/* A name, checked to be UTF-8; id is any number. */
extern LhStatus lh_variant_name(LhCtx *ctx, const LhVariantNames *names, uint32_t id, LhStr *out);

/* An encoded object or array. */
typedef struct LhVariantContainer
{
	bool object;
	int id_width; /* object */
	int offset_width;
	uint32_t n;
	const uint8_t *ids; /* object: n */
	const uint8_t *offsets; /* n + 1 */
	LhSlice values; /* where offsets count from */
	size_t header; /* bytes before values */
} LhVariantContainer;

/* Of the value that begins with this byte. */
static inline bool
lh_variant_is_object(uint8_t first)
{
	return (first & 3) == 2;
}

static inline bool
lh_variant_is_container(uint8_t first)
{
	return (first & 2) != 0;
}

/* The scalar that bytes begin with; *size is how many of them it takes. */
extern LhStatus lh_variant_scalar(LhCtx *ctx, LhSlice bytes, LhValue *out, size_t *size);
/* The object or array that bytes begin with. */
extern LhStatus lh_variant_container(LhCtx *ctx, LhSlice bytes, LhVariantContainer *out);
/* Its i-th value and what lies behind: where it ends is known when it is decoded. */
extern LhStatus lh_variant_child(LhCtx *ctx, const LhVariantContainer *c, uint32_t i, LhSlice *out);
/* The i-th name of an object. */
extern LhStatus lh_variant_field(LhCtx *ctx, const LhVariantNames *names, const LhVariantContainer *c, uint32_t i,
								 LhStr *out);
/* Is every name of an object there once only?  For objects whose names are not in order. */
extern LhStatus lh_variant_check_unique(LhCtx *ctx, const LhVariantNames *names, const LhVariantContainer *c,
										LhBuf *scratch);
extern LhStatus lh_variant_twice(LhCtx *ctx, LhStr name);

/* ---- shapes ---- */

typedef enum LhVariantTyped
{
	LH_VARIANT_UNTYPED, /* no typed_value */
	LH_VARIANT_SCALAR,
	LH_VARIANT_LIST,
	LH_VARIANT_STRUCT
} LhVariantTyped;

/* A group of value and typed_value: the variant itself, a field or an element. */
typedef struct LhVariantShape LhVariantShape;
struct LhVariantShape
{
	LhStr name; /* of a field */
	int at; /* of a field or element: which child of typed_value it is */
	int value_at; /* child of the group; -1: none */
	int typed_at;
	LhVariantTyped typed;
	int nchildren; /* LIST: 1, STRUCT: fields */
	LhVariantShape *children; /* STRUCT: shorter names first, equally long ones in order of bytes */
	const LhVec *value; /* of the batch; NULL: none */
	const LhVec *typed_value;
};

extern LhStatus lh_variant_shape_create(LhCtx *ctx, const LhType *type, LhVariantShape *out, int *metadata_at);
/* Point the shapes at the vectors of a group. */
extern LhStatus lh_variant_shape_bind(LhCtx *ctx, LhVariantShape *shape, const LhVec *group);
/* Is this the name of a field of a shredded object? */
extern bool lh_variant_shape_has(const LhVariantShape *shape, LhStr name);

#endif
