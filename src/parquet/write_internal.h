/*
 * write_internal.h
 *		Internal: what the files of the writer share.
 *
 *	write.c				rows in, row groups and footer out
 *	write_schema.c		columns -> schema elements and leaves
 *	write_shred.c		nested vectors -> slots of each leaf: levels and positions
 *	write_column.c		slots of a leaf -> pages
 *	write_take.c		vectors -> values in their physical form
 *	write_dict.c		dictionaries
 *	write_page.c		a page: its encoding, header, statistics, compression
 *	write_stats.c		bounds: order of types, truncation
 *	write_bloom.c		bloom filters
 *	write_index.c		page indexes
 *	write_meta.c		row groups and footer
 *	write_encode.c write_rle.c write_delta.c	encodings
 *	write_thrift.c		Thrift's compact protocol
 */
#ifndef LH_PARQUET_WRITE_INTERNAL_H
#define LH_PARQUET_WRITE_INTERNAL_H

#include "parquet/meta.h"
#include "parquet/write.h"
#include "parquet/write_encode.h"
#include "parquet/write_thrift.h"

/* Levels are bytes here as in the reader. */
#define LH_PQW_MAX_LEVEL 255

/* How the values of a leaf compare: TYPE_DEFINED_ORDER of parquet.thrift. */
typedef enum LhPqwOrder
{
	LH_PQW_NO_ORDER, /* no bounds are written */
	LH_PQW_ORDER_BOOL,
	LH_PQW_ORDER_I32,
	LH_PQW_ORDER_U32,
	LH_PQW_ORDER_I64,
	LH_PQW_ORDER_U64,
	LH_PQW_ORDER_F16,
	LH_PQW_ORDER_F32,
	LH_PQW_ORDER_F64,
	LH_PQW_ORDER_BYTES, /* unsigned bytes */
	LH_PQW_ORDER_NUMBER /* big-endian two's complement of one width */
} LhPqwOrder;

static inline bool
lh_pqw_order_is_float(LhPqwOrder order)
{
	return order == LH_PQW_ORDER_F16 || order == LH_PQW_ORDER_F32 || order == LH_PQW_ORDER_F64;
}

/* How a lane becomes the physical type. */
typedef enum LhPqwTake
{
	LH_PQW_NOTHING, /* type NULL */
	LH_PQW_AS_IS,
	LH_PQW_BOOL,
	LH_PQW_BYTES,   /* LhStr to BYTE_ARRAY */
	LH_PQW_I64_I32, /* times in ms, decimals: refused when they do not fit */
	LH_PQW_I64_U32,
	LH_PQW_I32_I64,
	LH_PQW_I128_I64,
	LH_PQW_I128_U64,
	LH_PQW_I128_I32,
	LH_PQW_I32_BE, /* decimals to FLBA */
	LH_PQW_I64_BE,
	LH_PQW_I128_BE,
	LH_PQW_STR_BE,
	LH_PQW_STR_I32, /* wide lanes of narrow decimals */
	LH_PQW_STR_I64,
	LH_PQW_HALF
} LhPqwTake;

/*
 * Schema: nodes in depth-first order; 0 is the root.
 */
typedef struct LhPqwNode
{
	const char *name;
	LhPqRepetition repetition;
	LhType type;
	LhPqPhysical physical; /* LH_PQ_GROUP for groups */
	int type_length;
	int nchildren;
	int field_id;
	LhTypeId group; /* of groups: LIST, MAP, VARIANT, or STRUCT for no annotation */
} LhPqwNode;

/* Bounds of some values, in their physical form, PLAIN without length. */
typedef struct LhPqwBounds
{
	bool known;
	LhSlice min, max; /* borrowed */
	int64_t nans;
} LhPqwBounds;

/* The same, kept. */
typedef struct LhPqwKept
{
	bool known;
	LhBuf min, max;
	int64_t values; /* levels: nulls and empty lists count */
	int64_t nulls;
	int64_t nans;
} LhPqwKept;

/* A data page of the chunk that is being collected. */
typedef struct LhPqwPage
{
	LhBuf bytes;       /* header and body as they will stand in the file */
	int64_t first_row; /* in the row group */
	int64_t rows;
	int64_t values;
	int64_t nulls;
	int64_t nans;
	bool known; /* bounds, in bounds.data: min, then max */
	size_t bounds_at;
	uint32_t min_len, max_len;
} LhPqwPage;

/* Values and their numbers (codes). */
typedef struct LhPqwDict
{
	bool active; /* values of the page in progress are given as codes */
	bool used;   /* a page of the chunk holds codes */
	LhPqwValues values;
	size_t plain_size;
	size_t limit; /* of plain_size */
	LhBuf table;  /* slots of an open hash table */
	size_t mask;
	LhBuf stamps; /* uint32_t each entry: the page that was last seen to hold it */
	uint32_t stamp;
	uint64_t mapped; /* id of the LhDict whose codes are mapped to ours; 0: none */
	LhBuf map;       /* uint32_t each entry of it; LH_PQW_UNMAPPED */
	uint32_t nmapped;
} LhPqwDict;

#define LH_PQW_UNMAPPED UINT32_MAX

/* Levels of the page in progress: all the same, as long as they are. */
typedef struct LhPqwLevels
{
	size_t n;
	int max;
	uint8_t same; /* the level of all n, while data is empty */
	LhBuf data;
} LhPqwLevels;

typedef struct LhPqwBloom
{
	bool wanted;
	LhBuf bits;
	uint32_t nblocks; /* a power of two; 0: nothing was inserted yet */
	double fpp;
} LhPqwBloom;

/* Options that all leaves share, with their defaults filled in. */
typedef struct LhPqwShared
{
	LhPqWriteOptions options;
	LhCodecs *codecs;
	LhBuf raw;    /* a page, its values not compressed */
	LhBuf packed; /* and compressed */
	LhBuf trial;  /* the same by another encoding */
	LhBuf header;
	LhBuf take;     /* values on their way into a dictionary */
	LhBuf picks;    /* positions of values that are not null */
	LhBuf codes;    /* of runs */
	LhBuf followed; /* what codes lead to */
	LhArena *arena;
} LhPqwShared;

/* Where a chunk was written to. */
typedef struct LhPqwPlace
{
	int64_t start; /* of the chunk */
	int64_t data;  /* first data page */
	int64_t compressed;
	int64_t bloom; /* 0: none */
	int32_t bloom_len;
} LhPqwPlace;

/* A column of the file: all of a row group until it is written. */
typedef struct LhPqwLeaf
{
	LhPqwShared *shared;
	int number;
	const char *path; /* dotted */
	int depth;
	const char *const *names; /* its path */
	LhType type;
	int field_id;
	LhPqPhysical physical;
	int type_length;
	LhPqwOrder order;
	LhPqwTake take;
	int max_def, max_rep;
	LhPqWriteEncoding wish;

	/* the page in progress */
	LhPqwLevels rep, def;
	int64_t page_rows;
	LhPqwValues values; /* or, with an active dictionary, */
	LhBuf codes;        /* uint32_t each value */
	size_t half_bytes;  /* of the dictionary when the page was half full; 0: it is not */
	size_t dict_before; /* of the dictionary when the page began */

	/* the chunk */
	LhPqwDict dict;
	LhPqEncoding plain; /* encoding of values that are not in the dictionary */
	bool chosen;        /* for this chunk */
	LhBuf pages;        /* LhPqwPage each */
	int npages;
	LhBuf bounds;
	int64_t rows;
	int64_t kept; /* bytes of pages */
	int dict_pages;
	int data_pages[LH_PQ_BYTE_STREAM_SPLIT + 1]; /* by their encoding */
	int64_t uncompressed;
	LhPqwKept chunk;
	LhPqwBloom bloom;
	LhPqwPlace place;

	/* the file */
	LhPqwKept file;
	int64_t compressed;
} LhPqwLeaf;

/* A chunk that was written: what the footer says. */
typedef struct LhPqwChunk
{
	size_t meta_at, meta_len; /* in writer->metas: ColumnMetaData */
	uint32_t column_index_len, offset_index_len;
} LhPqwChunk;

typedef struct LhPqwGroup
{
	int64_t rows, offset, uncompressed, compressed;
} LhPqwGroup;

struct LhPqWriter
{
	LhPqwShared shared;
	LhOutput *output;
	int ncols;
	const LhField *cols;
	struct LhPqwShape *shapes; /* of the columns */
	int nnodes;
	LhPqwNode *nodes;
	int nleaves;
	LhPqwLeaf *leaves;
	int64_t group_rows; /* of the row group in progress */
	int64_t rows;       /* of those that were written */
	bool finished, broken;
	size_t tight; /* bytes of the budget from which on a row group ends early; 0: none */
	LhBuf groups; /* LhPqwGroup each */
	int ngroups;
	LhBuf chunks; /* LhPqwChunk each: group by group, leaf by leaf */
	LhBuf metas, column_indexes, offset_indexes;
};

/* write_schema.c: cols -> w->nodes, w->leaves, w->shapes. */
extern LhStatus lh_pqw_schema(LhCtx *ctx, LhPqWriter *w, const LhPqColumnOptions *columns);
/* Append list<SchemaElement> as a field. */
extern void lh_pqw_put_schema(LhTout *t, int id, const LhPqWriter *w);

/*
 * Slots [begin, end) of a leaf: one for each level.  rep NULL: all 0.  def NULL: max_def
 * where bit i of valid is set (valid NULL: everywhere), else max_def - 1.
 * Slot i with the highest definition level holds value pos[i] of the vector;
 * pos NULL: value i.
 */
typedef struct LhPqwSlots
{
	size_t begin, end;
	const uint8_t *rep, *def;
	const uint64_t *valid;
	const uint32_t *pos;
} LhPqwSlots;

/* write_shred.c: append rows [from, to) of vec to column col. */
extern LhStatus
lh_pqw_shred(LhCtx *ctx, LhPqWriter *w, int col, int from, int to, const LhVec *vec);

/* write_column.c */
extern LhStatus lh_pqw_leaf_init(LhCtx *ctx, LhPqwLeaf *leaf, LhPqwShared *shared);
/* Append the values of vec at the slots; rows begin where rep is 0. */
extern LhStatus
lh_pqw_leaf_append(LhCtx *ctx, LhPqwLeaf *leaf, const LhVec *vec, const LhPqwSlots *slots);
/* Memory that ending the row group would give back. */
extern int64_t lh_pqw_leaf_kept(const LhPqwLeaf *leaf);
/* What the page in progress and the dictionary would take about, not compressed. */
extern int64_t lh_pqw_leaf_pending(const LhPqwLeaf *leaf);
/* Begin another chunk. */
extern LhStatus lh_pqw_leaf_reset(LhCtx *ctx, LhPqwLeaf *leaf);

/* write_take.c: values of an array in the lane of "type". */
extern LhStatus lh_pqw_take_choose(LhCtx *ctx, LhPqwLeaf *leaf);
typedef struct LhPqwPicks
{
	size_t n;
	const uint32_t *pos; /* NULL: from first on */
	uint32_t first;
} LhPqwPicks;
/* Append what picks names of data; codes (may be NULL) lead from positions to values. */
extern LhStatus lh_pqw_take(LhCtx *ctx, const LhPqwLeaf *leaf, const void *data,
							const LhPqwPicks *picks, LhPqwValues *out);

/* write_dict.c */
extern LhStatus lh_pqw_dict_init(LhCtx *ctx, LhPqwLeaf *leaf);
extern void lh_pqw_dict_clear(LhPqwDict *d);
/*
 * Codes of values, appended to leaf->codes; *done of n, fewer when the
 * dictionary would grow beyond its limit.
 */
extern LhStatus lh_pqw_dict_add(LhCtx *ctx, LhPqwLeaf *leaf, const LhPqwValues *v, size_t *done);
extern LhStatus
lh_pqw_dict_add_strs(LhCtx *ctx, LhPqwLeaf *leaf, const LhStr *v, size_t n, size_t *done);
/* The same for codes of another dictionary; picks are positions in codes. */
extern LhStatus lh_pqw_dict_add_codes(LhCtx *ctx, LhPqwLeaf *leaf, const LhDict *dict,
									  const uint32_t *codes, const LhPqwPicks *picks, size_t *done);
/* Go on without: codes of the page in progress become values. */
extern LhStatus lh_pqw_dict_give_up(LhCtx *ctx, LhPqwLeaf *leaf);

/* write_page.c */
extern LhStatus lh_pqw_page_cut(LhCtx *ctx, LhPqwLeaf *leaf);
/* Append the dictionary page to out. */
extern LhStatus lh_pqw_dict_page(LhCtx *ctx, LhPqwLeaf *leaf, LhBuf *out);

/* write_stats.c */
extern LhPqwOrder lh_pqw_order_of(const LhType *type, LhPqPhysical physical);
extern int lh_pqw_compare(LhPqwOrder order, LhSlice a, LhSlice b);
extern void lh_pqw_bounds(LhPqwOrder order, const LhPqwValues *v, LhPqwBounds *out);
/* Of a page of codes. */
extern LhStatus lh_pqw_bounds_of_codes(LhCtx *ctx, LhPqwLeaf *leaf, LhPqwBounds *out);
extern LhStatus lh_pqw_kept_init(LhCtx *ctx, LhPqwKept *k);
extern void lh_pqw_kept_clear(LhPqwKept *k);
extern LhStatus lh_pqw_kept_add(LhCtx *ctx, LhPqwOrder order, LhPqwKept *k, const LhPqwBounds *b);
/*
 * Bounds as they are written: zeros of floats with the sign that keeps both,
 * long bytes cut to "most".  Appended to out as min, then max; false when there is no
 * such upper bound short enough (then it stays whole).
 */
extern LhStatus
lh_pqw_bounds_put(LhCtx *ctx, const LhPqwLeaf *leaf, LhSlice min, LhSlice max, LhBuf *out,
				  uint32_t *min_len, uint32_t *max_len, bool *min_exact, bool *max_exact);
/* Physical bytes as a value of the leaf's type; borrowed. */
extern LhValue lh_pqw_bound_value(const LhPqwLeaf *leaf, LhSlice bytes);

/* write_bloom.c */
extern LhStatus lh_pqw_bloom_add(LhCtx *ctx, LhPqwLeaf *leaf, const LhPqwValues *v);
/* Fold the filter to the size that its values need and append header and bits to out. */
extern LhStatus lh_pqw_bloom_put(LhCtx *ctx, LhPqwLeaf *leaf, LhBuf *out);
extern void lh_pqw_bloom_clear(LhPqwBloom *b);

/* write_index.c: append the indexes of a chunk. */
extern LhStatus
lh_pqw_index_put(LhCtx *ctx, LhPqWriter *w, const LhPqwLeaf *leaf, LhPqwChunk *chunk);

/* write_meta.c */
extern LhStatus
lh_pqw_put_chunk(LhCtx *ctx, LhPqWriter *w, const LhPqwLeaf *leaf, LhPqwChunk *chunk);
extern LhStatus lh_pqw_put_footer(LhCtx *ctx, LhPqWriter *w, int64_t indexes_at, LhBuf *out);

static inline LhPqwPage *
lh_pqw_pages(const LhPqwLeaf *leaf)
{
	return (LhPqwPage *) (void *) leaf->pages.data;
}

#endif
