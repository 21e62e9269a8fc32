/*
 * meta.h
 *		Internal: what the metadata files of this folder share.
 *
 *	meta.c		footer -> LhPqMeta; where each column chunk lies in it
 *	schema.c	schema elements -> nodes with levels and logical types
 *	logical.c	annotations of one schema element -> LhType
 *	find.c		names -> nodes
 *	chunk.c		one column chunk, when it is asked for
 *	stats.c		what statistics may be believed
 *	crypt.c		keys and footer of an encrypted file		decrypt.c	modules of a chunk
 *	index.c		page indexes		bloom.c		bloom filters
 *	open.c		file -> footer		cache.c		footers kept
 */
#ifndef LH_PARQUET_META_H
#define LH_PARQUET_META_H

#include "parquet/crypt.h"
#include "parquet/file.h"
#include "parquet/thrift.h"

/* Groups nested deeper than this are refused: types and readers recurse over them. */
#define LH_PQ_MAX_DEPTH 256

/* "PAR1", and the length of the footer before it. */
#define LH_PQ_MAGIC_SIZE   4
#define LH_PQ_TRAILER_SIZE 8
/* Larger footers are refused. */
#define LH_PQ_MAX_FOOTER   (INT64_C(1) << 30)

/* Elements, chunks or names between two questions whether to go on. */
#define LH_PQ_POLL 1024

/* Union ColumnOrder of parquet.thrift. */
typedef enum LhPqOrder
{
	LH_PQ_ORDER_UNKNOWN = 0,
	LH_PQ_ORDER_TYPE = 1,
	LH_PQ_ORDER_IEEE754 = 2,
	LH_PQ_ORDER_INT96 = 3
} LhPqOrder;

/* ConvertedType of parquet.thrift. */
typedef enum LhPqConverted
{
	LH_PQ_CONV_UTF8,
	LH_PQ_CONV_MAP,
	LH_PQ_CONV_MAP_KEY_VALUE,
	LH_PQ_CONV_LIST,
	LH_PQ_CONV_ENUM,
	LH_PQ_CONV_DECIMAL,
	LH_PQ_CONV_DATE,
	LH_PQ_CONV_TIME_MILLIS,
	LH_PQ_CONV_TIME_MICROS,
	LH_PQ_CONV_TIMESTAMP_MILLIS,
	LH_PQ_CONV_TIMESTAMP_MICROS,
	LH_PQ_CONV_UINT_8,
	LH_PQ_CONV_UINT_16,
	LH_PQ_CONV_UINT_32,
	LH_PQ_CONV_UINT_64,
	LH_PQ_CONV_INT_8,
	LH_PQ_CONV_INT_16,
	LH_PQ_CONV_INT_32,
	LH_PQ_CONV_INT_64,
	LH_PQ_CONV_JSON,
	LH_PQ_CONV_BSON,
	LH_PQ_CONV_INTERVAL
} LhPqConverted;

/* Union LogicalType of parquet.thrift. */
typedef enum LhPqLogicalId
{
	LH_PQ_LOGICAL_NONE = 0,
	LH_PQ_LOGICAL_STRING = 1,
	LH_PQ_LOGICAL_MAP = 2,
	LH_PQ_LOGICAL_LIST = 3,
	LH_PQ_LOGICAL_ENUM = 4,
	LH_PQ_LOGICAL_DECIMAL = 5,
	LH_PQ_LOGICAL_DATE = 6,
	LH_PQ_LOGICAL_TIME = 7,
	LH_PQ_LOGICAL_TIMESTAMP = 8,
	LH_PQ_LOGICAL_INTEGER = 10,
	LH_PQ_LOGICAL_NULL = 11,
	LH_PQ_LOGICAL_JSON = 12,
	LH_PQ_LOGICAL_BSON = 13,
	LH_PQ_LOGICAL_UUID = 14,
	LH_PQ_LOGICAL_FLOAT16 = 15,
	LH_PQ_LOGICAL_VARIANT = 16,
	LH_PQ_LOGICAL_GEOMETRY = 17,
	LH_PQ_LOGICAL_GEOGRAPHY = 18
} LhPqLogicalId;

/* A LogicalType as read. */
typedef struct LhPqLogical
{
	int id;   /* LhPqLogicalId, or a number we do not know */
	int unit; /* TIME, TIMESTAMP: LhUnit, -1 unknown */
	bool utc; /* TIME, TIMESTAMP */
	int bits; /* INTEGER */
	bool is_signed;
	int32_t precision;
	int32_t scale;
	int version;   /* VARIANT */
	LhSlice crs;   /* GEOMETRY, GEOGRAPHY */
	int32_t edges; /* GEOGRAPHY; -1 none */
} LhPqLogical;

/*
 * What parsing a footer may allocate: four times its bytes and 64 MB, so that
 * no footer of lies takes more memory than an honest one of its size.
 */
typedef struct LhPqAllowance
{
	size_t left;
} LhPqAllowance;

#define LH_PQ_ALLOWANCE(bytes) ((LhPqAllowance){4 * (size_t) (bytes) + ((size_t) 64 << 20)})

/* Bytes that are about to be allocated; LH_LIMIT beyond the allowance. */
extern LhStatus lh_pq_spend(LhCtx *ctx, LhPqAllowance *allowance, size_t bytes);
/* A zeroed array in ctx->arena; LH_LIMIT beyond the allowance. */
extern LhStatus lh_pq_take(LhCtx *ctx, LhPqAllowance *allowance, size_t n, size_t size, void **out);
/* Text from a file as a C string in ctx->arena: bytes that are no UTF-8 and NULs become U+FFFD. */
extern LhStatus lh_pq_text(LhCtx *ctx, LhPqAllowance *allowance, LhSlice text, const char **out);
/* list<KeyValue>: pairs of texts, the value NULL where the file has none. */
extern LhStatus lh_pq_key_values(LhCtx *ctx, LhPqAllowance *allowance, LhThrift *r,
								 const LhThriftField *f, int *n, const char *const **out);

typedef struct LhPqMetaPrivate LhPqMetaPrivate;
struct LhPqMetaPrivate
{
	LhArena *arena; /* holds everything, this included */
	int refs;
	int64_t file_size;
	const uint8_t *footer;
	size_t footer_len;
	const uint32_t *chunk_at; /* [group * nleaves + leaf]: where in the footer the chunk begins */
	const uint8_t *orders;    /* LhPqOrder of each leaf; NULL: the file names none */
	LhNameMap **names;        /* [node]: its children by name; NULL for narrow groups */
	LhPqCryptInfo crypt;      /* of a footer in clear text: how columns are encrypted */
	bool secret;              /* the footer itself is encrypted in the file: never cached */
};

/* Parse a footer that lies in arena already; meta and all its memory belong to arena. */
extern LhStatus lh_pq_meta_make(LhCtx *ctx, LhArena *arena, const uint8_t *footer, size_t len,
								int64_t file_size, LhPqMeta **out);
extern void lh_pq_meta_ref(LhPqMeta *meta);
extern void lh_pq_meta_unref(void *meta); /* an LhReleaseFn */

/* list<SchemaElement> -> meta->nodes, nleaves, leaf_nodes (schema.c). */
extern LhStatus
lh_pq_schema_parse(LhCtx *ctx, LhPqAllowance *allowance, LhThrift *r, uint32_t n, LhPqMeta *meta);
/* Sets "hybrid" of the leaves, by the file's key/value metadata (calendar.c). */
extern void lh_pq_calendar_mark(LhPqMeta *meta);
/* Name maps of wide groups (find.c). */
extern LhStatus lh_pq_names_make(LhCtx *ctx, LhPqAllowance *allowance, LhPqMeta *meta);

/* Union LogicalType (logical.c). */
extern void lh_pq_logical_parse(LhThrift *r, LhPqLogical *out);
/* Type of a leaf from its physical type and annotations; those that contradict it are ignored. */
extern void lh_pq_leaf_type(LhPqNode *node, const LhPqLogical *logical);
/* node->logical, for describe functions. */
extern LhStatus lh_pq_logical_text(LhCtx *ctx, LhPqAllowance *allowance, const LhPqLogical *logical,
								   const char **out);

/* Statistics as the file has them. */
typedef struct LhPqRawStats
{
	LhSlice min, max;             /* deprecated fields */
	LhSlice min_value, max_value; /* data NULL: absent */
	bool has_min_exact, has_max_exact;
	bool min_exact, max_exact;
	int64_t nulls, distinct, nans; /* -1: absent */
} LhPqRawStats;

/* GeospatialStatistics (geo.c). */
extern LhStatus lh_pq_geo_parse(LhCtx *ctx, LhPqAllowance *allowance, LhThrift *r, LhPqGeo *out);

extern void lh_pq_stats_parse(LhThrift *r, LhPqRawStats *out);
extern LhPqOrder lh_pq_order(const LhPqMeta *meta, int leaf);

/* Which of the bounds may be used, and what they are worth. */
extern LhStatus lh_pq_stats_judge(LhCtx *ctx, const LhPqMeta *meta, int leaf, int64_t num_values,
								  const LhPqRawStats *raw, LhPqStats *out);

/*
 * Bounds from two PLAIN values (data NULL: absent), as statistics and column
 * indexes give them: dropped when they do not fit the type, are NaN or
 * contradict each other; zeros of floats become -0 and +0.  Sets known,
 * has_min, has_max, min, max only.
 */
extern void
lh_pq_bounds_make(LhCtx *ctx, const LhPqNode *node, LhSlice min, LhSlice max, LhBounds *out);
/* May min and max of this leaf be used at all, given the order the file names for it? */
extern bool lh_pq_order_usable(const LhPqNode *node, LhPqOrder order);

static inline bool
lh_pq_is_float(const LhPqNode *node)
{
	LhTypeId id = lh_pq_value_type(node)->id;

	return id == LH_T_FLOAT || id == LH_T_DOUBLE || id == LH_T_FLOAT16;
}

/* End of what pages and indexes may occupy: where the footer begins. */
static inline int64_t
lh_pq_data_end(const LhPqMeta *meta)
{
	return meta->priv->file_size - LH_PQ_TRAILER_SIZE - meta->footer_size;
}

#endif
