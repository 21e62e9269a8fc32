/*
 * write.h
 *		The Parquet writer: batches of vectors in, one file out.
 *
 * Every write path uses this writer (COPY, write_parquet, and later the table
 * formats).  It takes the vectors that the reader gives, so that a column that
 * comes dictionary coded is not expanded more than it must be.
 *
 *	type of vec/		written as
 *	BOOL				BOOLEAN
 *	INT8..INT32, UINT8, UINT16	INT32 with INTEGER(width, signed)
 *	INT64, UINT32, UINT64	INT64 (UINT32: INTEGER(32, false) on INT32)
 *	FLOAT16				FLBA(2) FLOAT16
 *	FLOAT, DOUBLE		FLOAT, DOUBLE
 *	DECIMAL(p,s)		INT32 (p <= 9), INT64 (p <= 18), FLBA of the least bytes that hold p digits
 *	DATE, TIME, TIMESTAMP	INT32 / INT64 with their units; INT96 is never written
 *	INTERVAL			FLBA(12)
 *	STRING, ENUM, JSON, BSON, BINARY, GEOMETRY, GEOGRAPHY	BYTE_ARRAY
 *	FIXED(n), UUID		FLBA
 *	LIST, MAP			the three-level form
 *	STRUCT				group
 *	VARIANT				group of metadata and value
 *
 * Memory: a row group's encoded pages are kept until it is written, under the
 * budget of the arena: a row group ends early when the budget would be
 * exceeded, never in an error as long as one page a column fits.
 *
 * Format: https://parquet.apache.org/docs/file-format/ and parquet.thrift 2.12.
 */
#ifndef LH_PARQUET_WRITE_H
#define LH_PARQUET_WRITE_H

#include "codec/codec.h"
#include "store/output.h"
#include "vec/vec.h"

typedef enum LhPqWriteEncoding
{
	LH_PQ_WRITE_AUTO,			/* dictionary while it pays, then the best plain or delta form */
	LH_PQ_WRITE_PLAIN,
	LH_PQ_WRITE_DICTIONARY,
	LH_PQ_WRITE_DELTA,			/* DELTA_BINARY_PACKED for integers, DELTA_LENGTH_BYTE_ARRAY for bytes */
	LH_PQ_WRITE_DELTA_BYTES,	/* DELTA_BYTE_ARRAY */
	LH_PQ_WRITE_SPLIT			/* BYTE_STREAM_SPLIT */
} LhPqWriteEncoding;

/* Of one top-level column, for all its leaves; zero is the default. */
typedef struct LhPqColumnOptions
{
	LhPqWriteEncoding encoding;
	bool		bloom;			/* write a split-block bloom filter */
	double		bloom_fpp;		/* 0: 0.01 */
} LhPqColumnOptions;

typedef struct LhPqWriteOptions
{
	LhCodec		codec;			/* lh_pq_write_defaults: zstd */
	int			level;			/* 0: the codec's default */
	int64_t		row_group_rows; /* 0: 1,048,576 */
	int64_t		row_group_bytes;	/* uncompressed; 0: 128 MB */
	int			page_rows;		/* 0: 20,000 */
	size_t		page_bytes;		/* uncompressed; 0: 1 MB */
	size_t		dictionary_bytes;	/* a dictionary that grows beyond is given up; 0: 1 MB */
	int			data_page;		/* version 1 or 2; 0: 1 */
	bool		no_dictionary;
	bool		no_statistics;
	bool		no_page_index;
	bool		no_crc;
	int			truncate;		/* bytes of a string's bounds; 0: 64 */
	int			nkv;			/* pairs of key/value metadata */
	const char *const *kv;		/* key, value, key, value ... */
	const char *created_by;		/* NULL: "lakehouse version X" */
} LhPqWriteOptions;

extern void lh_pq_write_defaults(LhPqWriteOptions *options);

typedef struct LhPqWriter LhPqWriter;

/*
 * Begin a file with these columns (names, types, required, field ids; -1: none
 * is written).  columns (may be NULL): options of each.  The writer, and all it
 * keeps, lives in ctx->arena; the output is the caller's.
 */
extern LhStatus lh_pq_writer_create(LhCtx *ctx, LhOutput *output, int ncols, const LhField *cols,
									const LhPqColumnOptions *columns, const LhPqWriteOptions *options,
									LhPqWriter **out);

/*
 * Append n rows, one vector a column, of the types given at creation (a vector
 * may be longer than LH_BATCH only as a child).  A null in a required column is
 * LH_MISMATCH naming column and row.  Vectors are not kept.
 */
extern LhStatus lh_pq_writer_write(LhCtx *ctx, LhPqWriter *w, int n, const LhVec *const *vecs);

/* Size of the file so far, with an estimate of what is still in memory: for splitting files by size. */
extern int64_t lh_pq_writer_size(const LhPqWriter *w);

/* What was written, for manifests and for the caller's message. */
typedef struct LhPqWrittenColumn
{
	const char *path;			/* dotted */
	int			field_id;
	int64_t		values;			/* with nulls */
	int64_t		nulls;
	int64_t		nans;			/* of floats */
	int64_t		compressed_size;
	bool		has_bounds;
	LhValue		min,
				max;			/* exact, not truncated; NaN never */
} LhPqWrittenColumn;

typedef struct LhPqWritten
{
	int64_t		rows;
	int64_t		bytes;
	int			ngroups;
	const int64_t *split_offsets;	/* where each row group begins */
	int			nleaves;
	const LhPqWrittenColumn *leaves;
} LhPqWritten;

/* Write what is left and the footer.  The output itself is finished by the caller. out may be NULL. */
extern LhStatus lh_pq_writer_finish(LhCtx *ctx, LhPqWriter *w, LhPqWritten *out);

#endif
