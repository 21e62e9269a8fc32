/*
 * file.h
 *		Internal: what the files of this folder share about a container.
 *
 *	open.c		header -> metadata, schema, first block
 *	schema.c	JSON -> nodes			logical.c	annotations -> LhType
 *	find.c		names and ids -> nodes
 *	source.c	windows of bytes of the file
 *	blocks.c	headers of blocks
 *	inflate.c	bytes of a block, decompressed
 *	compile.c	nodes that are wanted -> program (program.h)
 *	run.c		programs over rows			column.c	the vectors they fill
 *	number.h, scalar.c	single values		fail.c		what went wrong in a row
 *	reader.c	blocks -> batches
 */
#ifndef LH_AVRO_FILE_H
#define LH_AVRO_FILE_H

#include <jansson.h>

#include "avro/avro.h"

/* "Obj" and the version. */
#define LH_AVRO_MAGIC      "Obj\x01"
#define LH_AVRO_MAGIC_SIZE 4
#define LH_AVRO_SYNC_SIZE  16

/* The longest number: 64 bits. */
#define LH_AVRO_MAX_VARINT 10

/* Headers (which hold the schema) that are longer are refused. */
#define LH_AVRO_MAX_HEADER ((int64_t) 16 << 20)
/* Items that may occupy no byte (nulls, empty records), of a block or of a list: more are refused. */
#define LH_AVRO_MAX_EMPTY  ((int64_t) 1 << 24)
/* A fixed that is wanted and longer is refused: vectors have room for all of it in every row. */
#define LH_AVRO_MAX_FIXED  (1 << 20)

/* Buffers larger than this are the budget's decision, not part of the floor. */
#define LH_AVRO_FLOOR      ((size_t) 16 << 20)

typedef enum LhAvroCodec
{
	LH_AVRO_CODEC_NULL,
	LH_AVRO_CODEC_DEFLATE,
	LH_AVRO_CODEC_SNAPPY,
	LH_AVRO_CODEC_ZSTD
} LhAvroCodec;

/* Bytes of a file, by windows (source.c). */
typedef struct LhAvroSource
{
	LhObject *obj; /* NULL: bytes in memory, all of them in head */
	const char *path;
	int64_t size;
	LhSlice head; /* the first bytes, which stay where they are */
	LhBuf window; /* len bytes from window_at on */
	int64_t window_at;
	bool jumping; /* only headers of blocks are wanted */
	bool remote;
} LhAvroSource;

struct LhAvroFile
{
	LhAvroMeta meta;
	LhAvroCodec codec;
	LhAvroSource source; /* of the header; readers copy it */
	LhBuf head;
	int64_t min_row; /* bytes that a row takes at least */
	bool scanned;    /* blocks are known */
	LhBuf blocks;    /* LhAvroBlock */
};

/* Reads the first bytes; buf holds them where they come from an object. */
extern LhStatus lh_avro_source_open(LhCtx *ctx, LhAvroSource *s, LhBuf *buf);
/* A source of its own window, with what was read of "from". */
extern LhStatus lh_avro_source_copy(LhCtx *ctx, const LhAvroSource *from, LhAvroSource *s);
/* More of the file's begin into head, at least len bytes or all. */
extern LhStatus lh_avro_source_extend(LhCtx *ctx, LhAvroSource *s, LhBuf *buf, size_t len);
/*
 * len bytes at offset, which lie in the file; valid until the next call.
 * *stays: they lie in head, and LH_PADDING bytes behind them are readable.
 */
extern LhStatus lh_avro_source_get(LhCtx *ctx, LhAvroSource *s, int64_t offset, size_t len,
								   const uint8_t **out, bool *stays);

/* JSON -> meta->nodes; types is kept by whoever calls as long as the nodes are used. */
extern LhStatus
lh_avro_schema_build(LhCtx *ctx, const char *path, const json_t *schema, LhAvroMeta *meta);
/* Type of a node whose kind and children are known. */
extern LhStatus
lh_avro_node_type(LhCtx *ctx, LhAvroNode *nodes, int node, const json_t *attributes);
/* Bytes that a value of the node takes at least. */
extern LhStatus lh_avro_min_sizes(LhCtx *ctx, const LhAvroMeta *meta, int64_t **out);

/* Header of the block at offset: *data is where its bytes begin. */
extern LhStatus
lh_avro_block_header(LhCtx *ctx, const LhAvroFile *file, LhAvroSource *s, int64_t number,
					 int64_t offset, LhAvroBlock *out, int64_t *data);
extern LhStatus lh_avro_check_sync(LhCtx *ctx, const LhAvroFile *file, int64_t number,
								   int64_t offset, const uint8_t *found);

/* Decompressors of one reader (inflate.c). */
typedef struct LhAvroInflater LhAvroInflater;
extern LhStatus
lh_avro_inflater_create(LhCtx *ctx, LhAvroCodec codec, size_t limit, LhAvroInflater **out);
/* All bytes of a block into out; LH_LIMIT when there are more than the limit. */
extern LhStatus
lh_avro_inflate(LhCtx *ctx, LhAvroInflater *inflater, const uint8_t *in, size_t len, LhBuf *out);

/*
 * A varint of the format, zigzag decoded, that must end before end: behind it,
 * or NULL when it does not or is longer than ten bytes.
 */
extern const uint8_t *lh_avro_long(const uint8_t *p, const uint8_t *end, int64_t *out);

#endif
