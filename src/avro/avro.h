/*
 * avro.h
 *		Avro object container files: schema as a tree, rows as vectors.
 *
 * Serves Iceberg's manifests and manifest lists, where a few fields of very many
 * entries are wanted, and Avro data files.  Both go the same way:
 *
 *	1. lh_avro_open reads the header: metadata, schema, codec, sync marker;
 *	2. the caller looks up the nodes it wants, by field id or by name;
 *	3. lh_avro_reader_open compiles, for this schema and these nodes, a program
 *	   that decodes what is wanted and skips the rest (program.h);
 *	4. lh_avro_next gives batches of at most LH_BATCH rows, one vector a slot.
 *
 * How Avro's types become vectors:
 *
 *	boolean, float, double		BOOL, FLOAT, DOUBLE
 *	int, long					INT32, INT64; logical types DATE, TIME, TIMESTAMP
 *	bytes, fixed				BINARY, FIXED(n); decimal: DECIMAL in lane I64 (to 18
 *								digits), I128 (to 38) or STR (big-endian, as stored);
 *								duration: INTERVAL
 *	string						STRING; uuid, on a string or fixed(16): UUID
 *	enum						ENUM, as LH_VEC_DICT over its symbols
 *	array						LIST of "element"
 *	map							MAP of "key" (STRING) and "value"
 *	array, logicalType map		MAP: Iceberg's maps whose keys are no strings
 *	record						STRUCT; logicalType variant: VARIANT of metadata and value
 *	null						NULL
 *	union of T and null			T, nullable
 *	any other union				STRUCT of "member0", "member1"...: one nullable field
 *								for each branch that is not null, in their order; exactly
 *								one is not null, or the STRUCT is null
 *
 * timestamp-* are moments in UTC and local-timestamp-* are not, unless Iceberg's
 * attribute adjust-to-utc says otherwise.  Strings are as in the file: not yet
 * known to be UTF-8.
 *
 * A type that contains itself is LH_UNSUPPORTED.  All counts and lengths are
 * checked against the bytes there are.
 *
 * Format: https://avro.apache.org/docs/1.12.0/specification/ and appendix
 * "Avro" of https://iceberg.apache.org/spec/
 */
#ifndef LH_AVRO_AVRO_H
#define LH_AVRO_AVRO_H

#include "store/store.h"
#include "vec/vec.h"

/* Types nested deeper, and schemas of more nodes, are refused. */
#define LH_AVRO_MAX_DEPTH 200
#define LH_AVRO_MAX_NODES (1 << 18)

typedef enum LhAvroKind
{
	LH_AVRO_NULL, LH_AVRO_BOOLEAN, LH_AVRO_INT, LH_AVRO_LONG, LH_AVRO_FLOAT, LH_AVRO_DOUBLE,
	LH_AVRO_BYTES, LH_AVRO_STRING, LH_AVRO_FIXED, LH_AVRO_ENUM,
	LH_AVRO_RECORD, LH_AVRO_ARRAY, LH_AVRO_MAP,
	LH_AVRO_UNION				/* of several types that are not null */
} LhAvroKind;

extern const char *lh_avro_kind_name(LhAvroKind kind);

/*
 * A value of the schema.  Nodes lie in one array in depth-first order; 0 is the
 * row itself.  References to named types are expanded, unions with null are the
 * other type's node with nullable set.
 */
typedef struct LhAvroNode LhAvroNode;
struct LhAvroNode
{
	const char *name;			/* of the field, Iceberg's original one where the file has it; "element", "key",
								 * "value", "memberN"; the root: its type's name */
	const char *avro_name;		/* as the schema says it, perhaps sanitised */
	int			index;			/* in meta->nodes */
	int			parent;			/* -1: root */
	int			nchildren;
	int			first_child;	/* -1: none; next sibling through next */
	int			next;			/* next sibling or -1 */
	int			field_id;		/* field-id, element-id, key-id, value-id; -1: none */
	bool		nullable;
	LhType		type;
	LhAvroKind	kind;			/* how it lies in the file */
	bool		pairs;			/* an array of records (key, value) that is a MAP */
	int			size;			/* FIXED: bytes */
	int			nbranches;		/* 0: no union in the file */
	int			null_branch;	/* -1: none */
	int			nsymbols;		/* ENUM */
	const char *const *symbols;
	const LhDict *dict;			/* ENUM: the symbols, for every vector of this node */
	const char *logical;		/* logicalType as the schema says it; NULL: none */
	int			depth;			/* root: 0 */
};

typedef struct LhAvroKv
{
	const char *key;			/* NUL-terminated */
	LhSlice		value;			/* a NUL follows, uncounted */
} LhAvroKv;

typedef struct LhAvroMeta
{
	const char *path;			/* for messages */
	int64_t		size;
	const char *schema;			/* JSON, as the file has it */
	const char *codec;			/* as the file says it; "null" when it says nothing */
	int			nkv;			/* all metadata, avro.* included, in the file's order */
	const LhAvroKv *kv;
	int			nnodes;
	const LhAvroNode *nodes;
	int64_t		first_block;	/* offset */
	uint8_t		sync[16];
} LhAvroMeta;

typedef struct LhAvroFile LhAvroFile;

/*
 * Open an object.  Small files (1 MB, remote ones 8 MB) are read by one read,
 * larger ones window by window.  The file lives in ctx->arena.
 */
extern LhStatus lh_avro_open(LhCtx *ctx, LhObject *obj, LhAvroFile **out);
/* The same of bytes that stay where they are while the file is used; name is for messages. */
extern LhStatus lh_avro_open_bytes(LhCtx *ctx, LhSlice bytes, const char *name, LhAvroFile **out);

extern const LhAvroMeta *lh_avro_meta(const LhAvroFile *file);
/* A value of the metadata by its key ("schema", "partition-spec", "format-version"...); NULL: none. */
extern const LhSlice *lh_avro_meta_value(const LhAvroFile *file, const char *key);

/* Child of a node by field id; -1: none. */
extern int	lh_avro_child_by_id(const LhAvroFile *file, int node, int field_id);
/*
 * From the root down by field ids ({2, 100}: data_file.file_path), or by names or Avro's names with
 * dots between; a name that is the whole path comes first; -1: none.
 */
extern int	lh_avro_find_ids(const LhAvroFile *file, const int *ids, int n);
extern int	lh_avro_find(const LhAvroFile *file, const char *path);
/* Dotted path for messages. */
extern LhStatus lh_avro_path(LhCtx *ctx, const LhAvroFile *file, int node, const char **out);

/*
 * Something wanted: a node that lies in no list or map, with all that is below
 * it (0: the whole row as a STRUCT), or some keys of a map.
 *
 * With nkeys > 0 the node is a MAP whose keys are INT32 or INT64 and whose
 * values are not nested: each key takes a slot, a nullable vector of the map's
 * values under this key (the last one where a key occurs twice); null where the
 * map is null or has no such key.  All other entries are skipped.  Keys must
 * differ.
 */
typedef struct LhAvroWant
{
	int			node;
	int			nkeys;			/* 0: the node itself, in one slot */
	const int32_t *keys;
} LhAvroWant;

typedef struct LhAvroBatch
{
	int64_t		first_row;		/* of the file */
	int			n;				/* rows; 0: the end */
	int			nvecs;
	const LhVec *vecs;			/* one a slot, in the order of wants and their keys */
} LhAvroBatch;

/* Where a block lies: the unit that is compressed, skipped and read in parallel. */
typedef struct LhAvroBlock
{
	int64_t		offset;			/* of its header */
	int64_t		size;			/* bytes of its (compressed) rows */
	int64_t		rows;
	int64_t		first_row;		/* of the file */
	int64_t		number;			/* for messages */
} LhAvroBlock;

typedef struct LhAvroReader LhAvroReader;

typedef struct LhAvroOptions
{
	size_t		max_block;		/* decompressed blocks larger than this are refused; 0: LH_AVRO_MAX_BLOCK */
} LhAvroOptions;
#define LH_AVRO_MAX_BLOCK ((size_t) 1 << 30)

/*
 * A cursor before the first row.  Several cursors may read one file, in one
 * thread each when they read bytes in memory; an LhObject belongs to a thread.
 * wants are copied; options may be NULL.  Nodes inside lists are LH_INVALID.
 */
extern LhStatus lh_avro_reader_open(LhCtx *ctx, LhAvroFile *file, int nwants, const LhAvroWant *wants,
									const LhAvroOptions *options, LhAvroReader **out);

/*
 * The next rows: at most LH_BATCH, fewer at will, none at the end.  Vectors are
 * valid until the next call on this reader; strings lie in the decompressed
 * blocks.  After a failure only lh_avro_reader_close is allowed.
 */
extern LhStatus lh_avro_next(LhCtx *ctx, LhAvroReader *reader, LhAvroBatch *out);
/* Pass n rows (fewer at the end); blocks that are passed wholly are not decompressed. */
extern LhStatus lh_avro_skip_rows(LhCtx *ctx, LhAvroReader *reader, int64_t n);
/* Number of the row that comes next. */
extern int64_t lh_avro_row(const LhAvroReader *reader);
/*
 * Begin again with blocks [first, first + n) of lh_avro_blocks, of this file or
 * of another opening of it (in another thread).
 */
extern LhStatus lh_avro_read_blocks(LhCtx *ctx, LhAvroReader *reader, const LhAvroBlock *first, int n);
/* Free buffers early. */
extern void lh_avro_reader_close(LhAvroReader *reader);

/* All blocks, found by their headers alone and kept with the file; sync markers are checked. */
extern LhStatus lh_avro_blocks(LhCtx *ctx, LhAvroFile *file, int *n, const LhAvroBlock **out);
/* Give back the memory of that list; who asks again finds the blocks again. */
extern void lh_avro_blocks_drop(LhAvroFile *file);

#endif
