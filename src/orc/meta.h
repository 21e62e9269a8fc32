/*
 * meta.h
 *		Internal: what the metadata files of this folder share.
 *
 *	open.c		file -> tail; the open file		meta.c		postscript, footer -> LhOrcMeta
 *	schema.c	types -> nodes					find.c		names -> nodes
 *	section.c	compressed sections of metadata
 *	stripe.c	stripe footers					stats.c		what statistics may be believed
 *	index.c		row indexes						bloom.c		bloom filters
 *	zone.c		time zones						calendar: core/datetime.h
 */
#ifndef LH_ORC_META_H
#define LH_ORC_META_H

#include "codec/block.h"
#include "orc/orc.h"
#include "orc/proto.h"
#include "orc/zone.h"

/* Types nested deeper than this are refused: types and readers recurse over them. */
#define LH_ORC_MAX_DEPTH 128

/* Of a section of metadata, before and after decompression. */
#define LH_ORC_MAX_SECTION (INT64_C(1) << 29)

/* compressionBlockSize when the postscript names none, and the most we take. */
#define LH_ORC_BLOCK_SIZE     (256 * 1024)
#define LH_ORC_MAX_BLOCK_SIZE (INT64_C(64) << 20)

/* A value of fixed length that is read and longer is refused: vectors have room for all of it in every row. */
#define LH_ORC_MAX_FIXED (1 << 20)

/* Versions of the Java writer that fixed something. */
#define LH_ORC_HIVE_8732 1
#define LH_ORC_135       6

#define LH_ORC_JAVA 0
#define LH_ORC_CPP  1

/* Elements between two questions whether to go on. */
#define LH_ORC_POLL 1024

/* The 3 bytes before a compression chunk. */
#define LH_ORC_CHUNK_HEADER 3

typedef struct LhOrcMetaPrivate LhOrcMetaPrivate;
struct LhOrcMetaPrivate
{
	LhArena *arena; /* holds everything, this included */
	int refs;
	int64_t file_size;
	int64_t body_end;      /* where the tail begins */
	int ncolumns;          /* types of the file */
	int nstats;            /* of stripe_stats: as many as stripes, or none */
	LhSlice *stripe_stats; /* StripeStatistics messages */
	LhNameMap **names;     /* [node]: its children by name; NULL for narrow ones */
	bool nanoseconds;
	bool iceberg; /* some column has an Iceberg id */
};

/*
 * What parsing a footer may allocate: some times its bytes and 64 MB, so that no
 * footer of lies takes far more memory than an honest one of its size.
 */
typedef struct LhOrcAllowance
{
	size_t left;
} LhOrcAllowance;

/* A zeroed array in ctx->arena; LH_LIMIT beyond the allowance. */
extern LhStatus
lh_orc_take(LhCtx *ctx, LhOrcAllowance *allowance, size_t n, size_t size, void **out);
/* Text from a file as a C string in ctx->arena: bytes that are no UTF-8 and NULs become U+FFFD. */
extern LhStatus lh_orc_text(LhCtx *ctx, LhOrcAllowance *allowance, LhSlice text, const char **out);

typedef struct LhOrcPostscript
{
	int64_t footer_length;
	int64_t metadata_length;
	int64_t stats_length; /* of encrypted statistics */
	int64_t size;         /* of the postscript, with its length byte */
	int64_t tail;         /* of all */
	int compression;
	int64_t block_size;
	int version[2];
	int writer_version;
	bool magic;
} LhOrcPostscript;

/* From the last bytes of a file (256 of them, or all).  LH_CORRUPT when they are no postscript. */
extern LhStatus lh_orc_postscript(LhCtx *ctx, const uint8_t *end, size_t len, int64_t file_size,
								  LhOrcPostscript *out);

/* All of the metadata from the tail's bytes (ps->tail of them, which may go then); it belongs to arena. */
extern LhStatus
lh_orc_meta_make(LhCtx *ctx, LhArena *arena, const uint8_t *tail, const LhOrcPostscript *ps,
				 int64_t file_size, const LhOrcOptions *options, LhOrcMeta **out);

/* The types of a footer, each a Type message, to meta->nodes (schema.c). */
extern LhStatus lh_orc_schema_make(LhCtx *ctx, LhOrcAllowance *allowance, LhOrcMeta *meta,
								   int ntypes, const LhSlice *types);
/* Name maps of wide nodes (find.c). */
extern LhStatus lh_orc_names_make(LhCtx *ctx, LhOrcMeta *meta);

/* Codec of a compression; false: none. */
extern bool lh_orc_codec(LhOrcCompression compression, LhBlockCodec *codec);
/* LH_UNSUPPORTED for a number that is no compression we know. */
extern LhStatus lh_orc_check_compression(LhCtx *ctx, int compression);
/*
 * A section of metadata, decompressed into memory of ctx->arena; without
 * compression it is in itself.
 */
extern LhStatus lh_orc_section(LhCtx *ctx, LhBlocks *blocks, LhOrcCompression compression,
							   int64_t block_size, LhSlice in, LhSlice *out);

/* A stripe and what was read of it. */
typedef struct LhOrcStripeState
{
	LhArena *arena;
	int number;
	int refs; /* columns that are open in it */
	bool current;
	LhOrcStripeInfo info;
	const struct LhOrcIndex **indexes; /* [column id]; NULL: not read yet */
	const LhOrcBloom **blooms;         /* [column id] */
	const int *first_stream; /* [column id] into by_column, and one more */
	const int *by_column;    /* streams, by column */
} LhOrcStripeState;

struct LhOrcFile
{
	LhObject *obj;
	int64_t size;
	const char *path; /* for messages */
	LhOrcMeta *meta;  /* referenced until the arena is reset */
	LhOrcOptions options;
	LhBlocks *blocks;
	LhArena *arena;
	LhOrcStripeState *stripe; /* the current one; NULL: none yet */
	int stats_stripe;         /* that "stats" is of; -1: none */
	LhBuf stats;              /* LhSlice [column id]: where its statistics lie (stats.c) */
};

/* "file.orc, stripe 3, column a.b": for messages; in ctx->arena. */
extern const char *lh_orc_where(LhCtx *ctx, const LhOrcFile *file, int stripe, int node);
/* Put it before an error that does not have it yet. */
extern LhStatus
lh_orc_with_place(LhCtx *ctx, const LhOrcFile *file, int stripe, int node, LhStatus status);

/* One user less (refs). */
extern void lh_orc_stripe_leave(LhOrcStripeState *state);
/* Make it the current one. */
extern LhStatus lh_orc_stripe_get(LhCtx *ctx, LhOrcFile *file, int stripe, LhOrcStripeState **out);
/* A column's stream; NULL: it has none of that kind. */
extern const LhOrcStreamInfo *lh_orc_find_stream(const LhOrcStripeState *s, int column, int kind);

/* Row index with the places in the streams. */
typedef struct LhOrcIndex
{
	LhOrcRowIndex rows;             /* nentries 0: none */
	const uint64_t *positions;      /* of all entries */
	const uint32_t *first_position; /* [entry] in positions, and one more */
} LhOrcIndex;
/* Decompress a stream of metadata and hand it to fn, with the stripe's arena in use. */
typedef LhStatus (*LhOrcMetadataFn)(LhCtx *ctx, void *arg, LhSlice section);
extern LhStatus lh_orc_read_metadata(LhCtx *ctx, LhOrcFile *file, LhOrcStripeState *s,
									 const LhOrcStreamInfo *stream, LhOrcMetadataFn fn, void *arg);
extern LhStatus
lh_orc_index(LhCtx *ctx, LhOrcFile *file, LhOrcStripeState *s, int node, const LhOrcIndex **out);

/*
 * ColumnStatistics -> bounds of a node for so many rows (-1: they say nothing of
 * rows, as below lists).  What may not be believed is left out.
 */
extern LhStatus lh_orc_stats_bounds(LhCtx *ctx, const LhOrcMeta *meta, const LhOrcNode *node,
									LhSlice stats, int64_t rows, LhBounds *out);

/* Values of a column that are not null in a stripe, as statistics count them; -1: they do not say. */
extern LhStatus
lh_orc_stats_count(LhCtx *ctx, LhOrcFile *file, int stripe, int column, int64_t *out);

/* Entries that a row index of so many rows has. */
static inline int64_t
lh_orc_entries(int64_t rows, int64_t stride)
{
	return rows / stride + (rows % stride != 0);
}

static inline bool
lh_orc_is_dictionary(int encoding)
{
	return encoding == LH_ORC_DICTIONARY || encoding == LH_ORC_DICTIONARY_V2;
}

static inline bool
lh_orc_is_v2(int encoding)
{
	return encoding == LH_ORC_DIRECT_V2 || encoding == LH_ORC_DICTIONARY_V2;
}

#endif
