/*
 * parquet.h
 *		Parquet files: metadata, statistics, and columns as vectors.
 *
 * Reads what a caller names (row group, column, rows) and knows nothing of
 * queries.  Three layers, each usable alone:
 *
 *	1. metadata: the footer, its schema as a tree, row groups, column chunks,
 *	   statistics, page index and bloom filters, parsed on demand (meta.h);
 *	2. pages: header, decompression, levels, one decoder per encoding (page.h);
 *	3. columns: a cursor over one column of one row group that gives vectors for
 *	   any range of rows, skipping pages that hold none of them.
 *
 * Format: https://parquet.apache.org/docs/file-format/ and parquet.thrift 2.12.
 */
#ifndef LH_PARQUET_PARQUET_H
#define LH_PARQUET_PARQUET_H

#include "codec/codec.h"
#include "store/store.h"
#include "vec/pred.h"
#include "vec/vec.h"

/* Physical types, as in parquet.thrift. */
typedef enum LhPqPhysical
{
	LH_PQ_BOOLEAN = 0, LH_PQ_INT32 = 1, LH_PQ_INT64 = 2, LH_PQ_INT96 = 3,
	LH_PQ_FLOAT = 4, LH_PQ_DOUBLE = 5, LH_PQ_BYTE_ARRAY = 6, LH_PQ_FLBA = 7,
	LH_PQ_GROUP = -1
} LhPqPhysical;

typedef enum LhPqRepetition
{
	LH_PQ_REQUIRED = 0, LH_PQ_OPTIONAL = 1, LH_PQ_REPEATED = 2
} LhPqRepetition;

typedef enum LhPqEncoding
{
	LH_PQ_PLAIN = 0, LH_PQ_PLAIN_DICTIONARY = 2, LH_PQ_RLE = 3, LH_PQ_BIT_PACKED = 4,
	LH_PQ_DELTA_BINARY_PACKED = 5, LH_PQ_DELTA_LENGTH_BYTE_ARRAY = 6, LH_PQ_DELTA_BYTE_ARRAY = 7,
	LH_PQ_RLE_DICTIONARY = 8, LH_PQ_BYTE_STREAM_SPLIT = 9
} LhPqEncoding;

extern const char *lh_pq_physical_name(int physical);
extern const char *lh_pq_encoding_name(int encoding);
extern const char *lh_pq_codec_name(int codec);	/* of parquet.thrift's number */
extern const char *lh_pq_converted_name(int converted);	/* NULL: none */
extern const char *lh_pq_repetition_name(int repetition);
extern const char *lh_pq_page_type_name(int type);

/* A schema element.  Nodes lie in one array in depth-first order; 0 is the root. */
typedef struct LhPqNode LhPqNode;
struct LhPqNode
{
	const char *name;			/* valid UTF-8 or repaired; NUL-terminated */
	int			index;			/* in meta->nodes */
	int			parent;			/* -1: root */
	int			nchildren;
	int			first_child;	/* index; next sibling through next */
	int			next;			/* next sibling or -1 */
	int			leaf;			/* column ordinal; -1 for groups */
	LhPqPhysical physical;
	int			type_length;	/* FLBA */
	LhPqRepetition repetition;
	int			max_def,
				max_rep;		/* levels at this node */
	int			field_id;		/* -1: none */
	int			converted;		/* ConvertedType or -1 */
	int			precision,
				scale;			/* of the element itself */
	LhType		type;			/* logical type after all rules; LIST/MAP/STRUCT for groups */
	bool		unsigned_order; /* statistics compare unsigned */
	bool		hybrid;			/* days before 1582-10-15 are Julian in the file (calendar.c) */
	const char *logical;		/* text of the logical annotation for describe functions, NULL: none */
	/* For groups that are lists and maps after the compatibility rules: */
	int			element;		/* LIST: node of the element; MAP: key; -1 */
	int			value;			/* MAP: node of the value; -1: none */
	int			repeated;		/* LIST, MAP: the node whose repetition makes the entries; may be the node itself */
};

/*
 * Shapes that readers of nodes meet:
 *
 *	- a repeated node that no LIST or MAP around it explains is a list by itself:
 *	  type is LIST, and element == repeated == index.  Leaf or group, the type
 *	  of one entry is lh_pq_value_type();
 *	- a repeated node inside its LIST or MAP has the type of one entry, never LIST
 *	  on its own account; element of the LIST may be this repeated node (legacy
 *	  two-level lists) or its only child;
 *	- a MAP without value is a LIST of its keys;
 *	- VARIANT has its children (metadata, value, typed_value) as fields.
 *
 * Fields of a LIST are called "element", of a MAP "key" and "value", whatever the file says.
 */
static inline const LhType *
lh_pq_value_type(const LhPqNode *node)
{
	return node->repeated == node->index ? &node->type.fields[0].type : &node->type;
}

typedef struct LhPqStats
{
	bool		present;
	bool		has_min,
				has_max;		/* usable under the column-order rules */
	bool		min_exact,
				max_exact;
	LhSlice		min,
				max;			/* PLAIN bytes without length prefix */
	LhSlice		raw_min,
				raw_max;		/* whatever the file says, new or legacy fields; for describe functions */
	int64_t		nulls;			/* -1: unknown */
	int64_t		distinct;		/* -1 */
	int64_t		nans;			/* -1: unknown */
} LhPqStats;

/* Statistics of geometries, as the file says them; axes are x, y, z, m. */
#define LH_PQ_GEO_AXES 4

typedef struct LhPqGeo
{
	bool		present;
	bool		known[LH_PQ_GEO_AXES];	/* has the box this axis */
	double		low[LH_PQ_GEO_AXES],
				high[LH_PQ_GEO_AXES];
	int			ntypes;			/* 0: not known */
	const int32_t *types;		/* WKB codes: 1 a point, 1001 one with z, ... */
} LhPqGeo;

typedef struct LhPqChunk
{
	int			codec;			/* of parquet.thrift */
	LhPqPhysical physical;
	uint32_t	encodings;		/* bit mask of LhPqEncoding */
	bool		all_dictionary; /* every data page is dictionary coded (from encoding_stats; false when unknown) */
	int64_t		num_values;
	int64_t		compressed_size,
				uncompressed_size;
	int64_t		data_offset;
	int64_t		dict_offset;	/* 0 or less: none named (a dictionary page may exist all the same) */
	int64_t		index_offset;
	int64_t		start;			/* where the chunk's first page header lies, after the rules of 6.3(1) */
	LhPqStats	stats;
	LhPqGeo		geo;
	int64_t		bloom_offset;	/* -1 none */
	int32_t		bloom_length;	/* -1 unknown */
	int64_t		offset_index_offset;	/* -1 none */
	int32_t		offset_index_length;
	int64_t		column_index_offset;	/* -1 none */
	int32_t		column_index_length;
	const char *file_path;		/* chunks in other files: refused when read; NULL normally */
	bool		encrypted;
	bool		locked;			/* ... with a key that cannot be had: nothing else is to be believed */
	const struct LhPqKey *key;	/* of an encrypted chunk (crypt.h) */
	int			nkv;
	const char *const *kv;		/* key, value, key, value ... */
} LhPqChunk;

typedef struct LhPqRowGroup
{
	int64_t		num_rows;
	int64_t		first_row;		/* of the file */
	int64_t		total_byte_size;
	int64_t		compressed_size;
	int			ordinal;		/* as encrypted modules know it: its number, unless the file says otherwise */
	int			nsorting;		/* sorting_columns, (leaf, descending, nulls_first) */
	const int  *sorting;
} LhPqRowGroup;

/* An immutable, reference-counted footer; has an arena of its own. */
typedef struct LhPqMeta LhPqMeta;
struct LhPqMeta
{
	int			version;
	int64_t		num_rows;
	const char *created_by;		/* may be NULL */
	int			nnodes;
	LhPqNode   *nodes;
	int			nleaves;
	const int  *leaf_nodes;		/* node index of each leaf */
	int			ngroups;
	LhPqRowGroup *groups;
	int			nkv;
	const char *const *kv;		/* file key/value metadata, as pairs; values may be NULL */
	bool		has_column_orders;
	int64_t		footer_size;	/* bytes of the thrift footer, with what encryption adds to it */
	struct LhPqMetaPrivate *priv;
};

typedef struct LhPqFile LhPqFile;

typedef struct LhPqOptions
{
	bool		check_crc;		/* verify page checksums where present */
	bool		raw_int96;		/* keep ns digits: lane FIX 12 instead of TIMESTAMP(us) */
	/* key that the table has for the footer, instead of the host's; then the file must be encrypted.  NULL: none */
	const struct LhFileKey *file_key;
} LhPqOptions;

/*
 * Open an object: reads the footer (speculatively the last 64 kB) unless cache
 * holds it.  cache may be NULL.  The file lives in ctx->arena and holds a
 * reference to its metadata until then.
 */
typedef struct LhPqCache LhPqCache;
extern LhStatus lh_pq_open(LhCtx *ctx, LhObject *obj, LhPqCache *cache, const LhPqOptions *options, LhPqFile **out);
extern const LhPqMeta *lh_pq_meta(const LhPqFile *file);

/* Parse a footer alone (tests, fuzzing): bytes are copied. The result is released with ctx->arena. */
extern LhStatus lh_pq_meta_parse(LhCtx *ctx, const uint8_t *footer, size_t len, int64_t file_size, LhPqMeta **out);

/* Footers by (path, size, mtime or etag), least recently used dropped above max_bytes; malloc'ed, process-wide, for all threads. */
extern LhPqCache *lh_pq_cache_create(size_t max_bytes);
extern void lh_pq_cache_destroy(LhPqCache *cache);	/* NULL is allowed */
extern void lh_pq_cache_resize(LhPqCache *cache, size_t max_bytes);
extern void lh_pq_cache_clear(LhPqCache *cache);
extern size_t lh_pq_cache_bytes(const LhPqCache *cache);

/*
 * Inflated dictionary pages, process-wide, for all threads; malloc'ed (dicts.h).
 * lh_pq_use_dicts says which cache the process has (NULL: none) and which statement runs: a
 * number that is another one for each.  A cache that helper threads may use stays named.
 */
typedef struct LhPqDicts LhPqDicts;
extern LhPqDicts *lh_pq_dicts_create(size_t max_bytes);	/* NULL: out of memory */
extern void lh_pq_dicts_destroy(LhPqDicts *dicts);
extern void lh_pq_dicts_resize(LhPqDicts *dicts, size_t max_bytes);
extern size_t lh_pq_dicts_bytes(const LhPqDicts *dicts);
extern void lh_pq_use_dicts(LhPqDicts *dicts, uint64_t stamp);

/* Metadata of one column chunk, parsed at first use and kept. */
extern LhStatus lh_pq_chunk(LhCtx *ctx, LhPqFile *file, int group, int leaf, const LhPqChunk **out);
/*
 * Columns (nodes, with all below them) of a row group that will probably be read
 * from their beginning: remote stores begin to fetch them, several at a time.
 */
extern LhStatus lh_pq_will_need(LhCtx *ctx, LhPqFile *file, int group, int n, const int *nodes);
/* What was fetched so and not read will not be. */
extern void lh_pq_drop_ahead(LhPqFile *file);

/* Child of a group by exact name; -1: none. */
extern int	lh_pq_child(const LhPqMeta *meta, int node, const char *name, size_t len);
/* Dotted path from the root, "a.b.c"; names that hold dots are found by trying; -1: none. */
extern int	lh_pq_find(const LhPqMeta *meta, const char *path);
extern LhStatus lh_pq_path(LhCtx *ctx, const LhPqMeta *meta, int node, char **out);	/* dotted */

/* Bounds of a leaf in a row group, under all rules of statistics; known=false when there are none that may be used. */
extern LhStatus lh_pq_bounds(LhCtx *ctx, LhPqFile *file, int group, int leaf, LhBounds *out);
/* PLAIN bytes of a statistic as a value of the leaf's type; false when they do not fit. */
extern bool lh_pq_stat_value(LhCtx *ctx, const LhPqNode *node, LhSlice bytes, LhValue *out);

/* Page index of a chunk, NULL when the file has none or it contradicts itself (then counted as absent). */
typedef struct LhPqPageIndex
{
	int			npages;
	const int64_t *offset;		/* of the page header in the file */
	const int32_t *size;		/* compressed, with header */
	const int64_t *first_row;	/* in the row group */
	const LhBounds *bounds;		/* NULL when there is no column index */
} LhPqPageIndex;
extern LhStatus lh_pq_page_index(LhCtx *ctx, LhPqFile *file, int group, int leaf, const LhPqPageIndex **out);

/* Split-block bloom filter; NULL when the chunk has none or it is not one we know. */
typedef struct LhPqBloom LhPqBloom;
extern LhStatus lh_pq_bloom(LhCtx *ctx, LhPqFile *file, int group, int leaf, const LhPqBloom **out);
/* May the value occur?  value in the leaf's type; true when in doubt. */
extern bool lh_pq_bloom_may_hold(const LhPqBloom *bloom, const LhPqNode *node, const LhValue *value);

/*
 * A cursor over one schema node (a leaf, or a nested group) in one row group.
 * Rows are those of the row group, from 0.
 */
typedef struct LhPqColumn LhPqColumn;
extern LhStatus lh_pq_column_open(LhCtx *ctx, LhPqFile *file, int group, int node, LhPqColumn **out);

/*
 * The values of rows [row, row + n), n <= LH_BATCH.  row must not lie before
 * the end of the last read.  Rows between are skipped: pages that hold only
 * skipped rows are not decompressed, and where a page index exists not read.
 * sel (may be NULL: all) says which of the n rows are wanted.
 */
extern LhStatus lh_pq_column_read(LhCtx *ctx, LhPqColumn *col, int64_t row, int n,
								  const LhSel *sel, LhVec *out);

/* Rows that every page boundary ahead allows to read at once without copying: at most n. A hint for batch sizes. */
extern int	lh_pq_column_natural(LhPqColumn *col, int64_t row, int n);

/* The dictionary of a leaf's chunk; NULL when it has none. Reads its page. */
extern LhStatus lh_pq_column_dict(LhCtx *ctx, LhPqColumn *col, const LhDict **out);

/*
 * Read again from row 0: the dictionary with its id, page index and buffers stay.
 * Only of columns that can: flat ones in which nothing has failed.
 */
extern bool lh_pq_column_can_rewind(const LhPqColumn *col);
extern void lh_pq_column_rewind(LhPqColumn *col);

/*
 * Re-use for another row group of the same file, or drop buffers early.  All
 * memory of a column is floor or window memory of ctx->arena at open.
 */
extern void lh_pq_column_close(LhPqColumn *col);

/* Pages of a chunk for describe functions: walks the page headers. */
typedef struct LhPqPageInfo
{
	int			type;			/* PageType of parquet.thrift */
	int64_t		offset;
	int			header_size;
	int			compressed_size,
				uncompressed_size;
	int			encoding;
	int			def_encoding,
				rep_encoding;
	int64_t		num_values;
	int64_t		num_rows;		/* -1 unknown (v1) */
	int64_t		num_nulls;		/* -1 unknown */
	bool		has_crc;
	uint32_t	crc;
} LhPqPageInfo;
typedef LhStatus (*LhPqPageFn) (LhCtx *ctx, void *arg, const LhPqPageInfo *page);
extern LhStatus lh_pq_walk_pages(LhCtx *ctx, LhPqFile *file, int group, int leaf, LhPqPageFn fn, void *arg);

#endif
