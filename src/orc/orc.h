/*
 * orc.h
 *		ORC files: metadata, statistics, and columns as vectors.
 *
 * Reads what a caller names (stripe, column, rows) and knows nothing of
 * queries; the shape of parquet/parquet.h, so that a scan sees one interface.
 *
 *	1. metadata: postscript, footer and stripe statistics are parsed at open into
 *	   an object of its own that may outlive the file and be shared; stripe
 *	   footers, row indexes and bloom filters are parsed on demand (meta.h);
 *	2. streams: compression chunks in windows, one decoder per encoding
 *	   (stream.h, rle.h);
 *	3. columns: a cursor over one column of one stripe that gives vectors for any
 *	   range of rows, jumping by the row index where rows are skipped.
 *
 * A stripe is what a row group is in Parquet, an entry of the row index what a
 * page is.
 *
 * Types:
 *
 *	boolean, byte, short, int, long		BOOL, INT8, INT16, INT32, INT64
 *	long with iceberg.long-type TIME	TIME(us)
 *	float, double						FLOAT, DOUBLE
 *	string, char, varchar				STRING; char as stored, with its blanks
 *	binary								BINARY; with iceberg.binary-type FIXED or
 *										UUID: FIXED(n), UUID
 *	decimal(p, s)						DECIMAL, lane I64 up to 18 digits, else I128
 *	date								DATE
 *	timestamp							TIMESTAMP(us), the wall clock that was written; digits
 *										beyond microseconds are cut (LH_CTR_DIGITS_LOST)
 *	timestamp with local time zone		TIMESTAMP(us, utc)
 *	both with iceberg.timestamp-unit NANOS, or by LhOrcOptions: TIMESTAMP(ns)
 *	geometry, geography					GEOMETRY, GEOGRAPHY
 *	list, map, struct					LIST, MAP, STRUCT
 *	struct with iceberg.struct-type VARIANT		VARIANT
 *	union								STRUCT with one field a branch, "field0" on: of a row that
 *										is not null the branch that was not chosen is null
 *
 * Format: https://orc.apache.org/specification/ORCv1/ and orc_proto.proto 1.1.
 */
#ifndef LH_ORC_ORC_H
#define LH_ORC_ORC_H

#include "codec/codec.h"
#include "store/store.h"
#include "vec/pred.h"
#include "vec/vec.h"

/* Type.Kind of orc_proto.proto. */
typedef enum LhOrcKind
{
	LH_ORC_BOOLEAN = 0, LH_ORC_BYTE = 1, LH_ORC_SHORT = 2, LH_ORC_INT = 3, LH_ORC_LONG = 4,
	LH_ORC_FLOAT = 5, LH_ORC_DOUBLE = 6, LH_ORC_STRING = 7, LH_ORC_BINARY = 8,
	LH_ORC_TIMESTAMP = 9, LH_ORC_LIST = 10, LH_ORC_MAP = 11, LH_ORC_STRUCT = 12,
	LH_ORC_UNION = 13, LH_ORC_DECIMAL = 14, LH_ORC_DATE = 15, LH_ORC_VARCHAR = 16,
	LH_ORC_CHAR = 17, LH_ORC_TIMESTAMP_INSTANT = 18, LH_ORC_GEOMETRY = 19, LH_ORC_GEOGRAPHY = 20,
	LH_ORC_N_KINDS
} LhOrcKind;

/* CompressionKind */
typedef enum LhOrcCompression
{
	LH_ORC_NONE = 0, LH_ORC_ZLIB = 1, LH_ORC_SNAPPY = 2, LH_ORC_LZO = 3, LH_ORC_LZ4 = 4,
	LH_ORC_ZSTD = 5, LH_ORC_BROTLI = 6
} LhOrcCompression;

/* Stream.Kind */
typedef enum LhOrcStreamKind
{
	LH_ORC_PRESENT = 0, LH_ORC_DATA = 1, LH_ORC_LENGTH = 2, LH_ORC_DICTIONARY_DATA = 3,
	LH_ORC_DICTIONARY_COUNT = 4, LH_ORC_SECONDARY = 5, LH_ORC_ROW_INDEX = 6,
	LH_ORC_BLOOM_FILTER = 7, LH_ORC_BLOOM_FILTER_UTF8 = 8,
	LH_ORC_ENCRYPTED_INDEX = 9, LH_ORC_ENCRYPTED_DATA = 10
} LhOrcStreamKind;

/* ColumnEncoding.Kind */
typedef enum LhOrcEncoding
{
	LH_ORC_DIRECT = 0, LH_ORC_DICTIONARY = 1, LH_ORC_DIRECT_V2 = 2, LH_ORC_DICTIONARY_V2 = 3
} LhOrcEncoding;

extern const char *lh_orc_kind_name(int kind);
extern const char *lh_orc_compression_name(int compression);
extern const char *lh_orc_stream_name(int kind);
extern const char *lh_orc_encoding_name(int encoding);
extern const char *lh_orc_writer_name(int writer);

/* A type of the schema.  Nodes lie in one array in depth-first order; 0 is the root. */
typedef struct LhOrcNode
{
	const char *name;			/* valid UTF-8 or repaired; NUL-terminated */
	int			index;			/* in meta->nodes */
	int			parent;			/* -1: root */
	int			nchildren;
	int			first_child;	/* index; next sibling through next */
	int			next;			/* next sibling or -1 */
	int			column;			/* ORC's column id */
	int			leaf;			/* ordinal among those without children; -1: list, map, struct, union */
	LhOrcKind	kind;
	LhType		type;			/* LIST, MAP and STRUCT with their fields */
	bool		required;		/* attribute iceberg.required */
	int			field_id;		/* attribute iceberg.id; -1: none */
	bool		repeated;		/* lies below a list, map or union: only that can be read as a whole */
	bool		encrypted;		/* it or something below it: cannot be read */
	int			max_length;		/* char, varchar: characters; else 0 */
	const char *logical;		/* of describe functions: what attributes add to the kind; NULL: none */
	int			nattributes;
	const char *const *attributes;	/* pairs key, value */
} LhOrcNode;

typedef struct LhOrcStripe
{
	int64_t		rows;
	int64_t		first_row;		/* of the file */
	int64_t		offset;
	int64_t		index_length,
				data_length,
				footer_length;
} LhOrcStripe;

/* An immutable, reference-counted tail; has an arena of its own. */
typedef struct LhOrcMeta LhOrcMeta;
struct LhOrcMeta
{
	int			version[2];		/* of the format: 0.11, 0.12; {0, 0}: not said */
	int			writer;			/* 0 Java, 1 C++, 2 Presto, 3 Go, 4 Trino, 5 cuDF */
	int			writer_version;
	const char *software;		/* version of the writing library; may be NULL */
	LhOrcCompression compression;
	int64_t		block_size;		/* most bytes that a compression chunk has */
	int64_t		num_rows;
	int			row_index_stride;	/* rows of an entry of the row index; 0: no indexes */
	bool		hybrid;			/* days and time stamps before 1582-10-15 are Julian */
	bool		acid;			/* a file of a transactional Hive table */
	int			nnodes;
	LhOrcNode  *nodes;
	int			nleaves;
	const int  *column_nodes;	/* [nnodes] by ORC's column id */
	int			nstripes;
	LhOrcStripe *stripes;
	int			nkv;
	const char *const *kv;		/* user metadata, as pairs; values that are no text are repaired */
	struct LhOrcMetaPrivate *priv;
};

typedef struct LhOrcFile LhOrcFile;

typedef struct LhOrcOptions
{
	bool		nanoseconds;	/* all time stamps as TIMESTAMP(ns): those that do not fit fail */
	bool		any_acid;		/* open files of transactional Hive tables, too (describe functions) */
	const char *zoneinfo;		/* directory of time zones; NULL: /usr/share/zoneinfo */
} LhOrcOptions;

/*
 * Open an object: reads its tail (speculatively the last 64 kB), unless meta
 * (may be NULL), which must be of this very object, is given.  The file lives
 * in ctx->arena and holds a reference to its metadata until then.  With
 * options->nanoseconds metadata differs: whoever keeps it, keeps them apart.
 */
extern LhStatus lh_orc_open(LhCtx *ctx, LhObject *obj, LhOrcMeta *meta, const LhOrcOptions *options,
							LhOrcFile **out);
extern LhOrcMeta *lh_orc_meta(const LhOrcFile *file);

/* For caches: a reference more, one less. Thread-safe. */
extern void lh_orc_meta_ref(LhOrcMeta *meta);
extern void lh_orc_meta_unref(void *meta);	/* an LhReleaseFn */

/* Parse the tail of a file alone (tests, fuzzing): its last len bytes. Released with ctx->arena. */
extern LhStatus lh_orc_meta_parse(LhCtx *ctx, const uint8_t *tail, size_t len, int64_t file_size,
								  const LhOrcOptions *options, LhOrcMeta **out);

/* Child of a node by exact name; -1: none. */
extern int	lh_orc_child(const LhOrcMeta *meta, int node, const char *name, size_t len);
/* Dotted path from the root, "a.b.c"; a name that is the whole path comes first; -1: none. */
extern int	lh_orc_find(const LhOrcMeta *meta, const char *path);
extern LhStatus lh_orc_path(LhCtx *ctx, const LhOrcMeta *meta, int node, char **out);	/* dotted */
/* Value of an attribute of a node; NULL: none. */
extern const char *lh_orc_attribute(const LhOrcNode *node, const char *key);

/* A stream as the stripe footer has it. */
typedef struct LhOrcStreamInfo
{
	LhOrcStreamKind kind;		/* or a number that we do not know */
	int			column;
	int64_t		offset;			/* in the file */
	int64_t		length;
} LhOrcStreamInfo;

/* A stripe's footer: valid until the file has moved to another stripe and all columns of this one are closed. */
typedef struct LhOrcStripeInfo
{
	int			nstreams;
	const LhOrcStreamInfo *streams;	/* in file order */
	int			ncolumns;
	const uint8_t *encodings;	/* [column id]: LhOrcEncoding */
	const uint32_t *dictionary_sizes;	/* [column id] */
	const char *timezone;		/* of the writer; NULL: not said */
} LhOrcStripeInfo;
extern LhStatus lh_orc_stripe(LhCtx *ctx, LhOrcFile *file, int stripe, const LhOrcStripeInfo **out);

/*
 * Columns (nodes, with all below them) of a stripe that will probably be read
 * from their beginning: remote stores begin to fetch them, several at a time.
 */
extern LhStatus lh_orc_will_need(LhCtx *ctx, LhOrcFile *file, int stripe, int n, const int *nodes);
/* What was fetched so and not read will not be. */
extern void lh_orc_drop_ahead(LhOrcFile *file);

/*
 * Bounds of a node in a stripe, under all rules of statistics; known=false when
 * there are none that may be used.  Nodes below lists, maps and unions have
 * none; rows and nulls are always of rows of the stripe.
 */
extern LhStatus lh_orc_bounds(LhCtx *ctx, LhOrcFile *file, int stripe, int node, LhBounds *out);

/*
 * Row index of a node in a stripe, NULL when there is none or it contradicts
 * itself (then counted as absent).  Lives as long as LhOrcStripeInfo.
 */
typedef struct LhOrcRowIndex
{
	int			nentries;
	const int64_t *first_row;	/* in the stripe */
	const LhBounds *bounds;		/* [nentries] */
} LhOrcRowIndex;
extern LhStatus lh_orc_row_index(LhCtx *ctx, LhOrcFile *file, int stripe, int node,
								 const LhOrcRowIndex **out);

/*
 * Bloom filters of a node in a stripe, one for each entry of the row index;
 * NULL when there are none or they are not to be trusted.  Lives as long as
 * LhOrcStripeInfo.
 */
typedef struct LhOrcBloom LhOrcBloom;
extern LhStatus lh_orc_bloom(LhCtx *ctx, LhOrcFile *file, int stripe, int node, const LhOrcBloom **out);
/* May the value occur in that entry (-1: in any)?  value in the node's type; true when in doubt. */
extern bool lh_orc_bloom_may_hold(const LhOrcBloom *bloom, int entry, const LhOrcNode *node,
								  const LhValue *value);

/*
 * A cursor over one node (a leaf, or a nested one) in one stripe.  Rows are
 * those of the stripe, from 0.  A node below structs gives null where one of
 * these is null; one below a list, map or union is refused.
 */
typedef struct LhOrcColumn LhOrcColumn;
extern LhStatus lh_orc_column_open(LhCtx *ctx, LhOrcFile *file, int stripe, int node, LhOrcColumn **out);

/*
 * The values of rows [row, row + n), n <= LH_BATCH.  row must not lie before
 * the end of the last read.  Rows between are skipped: where a row index
 * exists, compression chunks that hold only skipped rows are neither read nor
 * decompressed.  sel (may be NULL: all) says which of the n rows are wanted.
 * Strings of dictionaries come as LH_VEC_DICT, or LH_VEC_RUNS while runs are long.
 */
extern LhStatus lh_orc_column_read(LhCtx *ctx, LhOrcColumn *col, int64_t row, int n,
								   const LhSel *sel, LhVec *out);

/* How many of the n rows from row on should be read at once, so that long values stay within memory. */
extern int	lh_orc_column_natural(LhOrcColumn *col, int64_t row, int n);

/* The dictionary of a leaf's stripe; NULL when it has none. Reads it.  It then holds for all rows. */
extern LhStatus lh_orc_column_dict(LhCtx *ctx, LhOrcColumn *col, const LhDict **out);

/* Read again from row 0: the dictionary with its id and buffers stay.  Only of columns in which nothing has failed. */
extern bool lh_orc_column_can_rewind(const LhOrcColumn *col);
extern void lh_orc_column_rewind(LhOrcColumn *col);

/* Drop buffers early.  All memory of a column is floor or window memory of ctx->arena at open. */
extern void lh_orc_column_close(LhOrcColumn *col);

#endif
