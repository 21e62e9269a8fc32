/*
 * leaf.h
 *		Internal: a leaf column of one row group: its pages, levels and values.
 *
 * Layers, each in a file of its own:
 *
 *	window.c	bytes of the chunk
 *	header.c	page headers from the window
 *	page.c		a page: checked, decrypted, decompressed, split in levels and values
 *	decode_*.c	one decoder per encoding: physical values (decode.h)
 *	convert.c	physical values to the lane of the type
 *	dict.c		the dictionary page
 *	leaf.c		moving from page to page
 *	column.c	flat columns: vectors of any range of rows
 *	nested.c	lists, maps and structs from the leaves below them
 */
#ifndef LH_PARQUET_LEAF_H
#define LH_PARQUET_LEAF_H

#include "parquet/convert.h"
#include "parquet/crypt.h"
#include "parquet/decode.h"
#include "parquet/dicts.h"
#include "parquet/levels.h"
#include "parquet/window.h"

/* A page's content, decompressed. */
typedef struct LhPqPage
{
	int num_values; /* levels, that is, with nulls */
	int encoding;
	LhPqLevels rep;
	LhPqLevels def;
	const uint8_t *values;
	size_t len; /* bytes of values; LH_PADDING more are readable */
	LhPqBlock *block; /* where all of this lies; the page is an owner */
} LhPqPage;

/* A kept page that a leaf refers to; it counts in the budget until then. */
typedef struct LhPqHold
{
	LhPqKept *kept;
	const LhPqKeptPage *page;
	LhArena *arena;
} LhPqHold;

typedef struct LhPqLeaf
{
	LhPqFile *file;
	int group;
	const LhPqNode *node;
	const LhPqChunk *chunk;
	LhPqDecrypt *decrypt; /* NULL: the chunk is in clear text */
	LhCodec codec;
	LhPqConvert convert;
	LhPqPool pool;
	LhPqWindow window;
	size_t read_ahead;
	bool may_direct; /* large uncompressed pages need no window: the store is local */
	bool direct; /* the last page was such a one */
	const LhPqPageIndex *index; /* NULL: none, or not asked for yet */
	bool index_asked;

	/* The dictionary page */
	bool begun; /* the chunk's first header was seen */
	bool has_dict;
	int64_t dict_pos; /* of its body */
	LhPqPageHeader dict_header;
	LhDict dict_space;
	LhDict *dict; /* &dict_space once loaded */
	LhPqBlock *dict_bytes; /* what dict's values point into */
	LhPqBlock *dict_values;
	LhPqHold *kept; /* the page as it was kept (dicts.h); NULL: it is read */

	/* The current page */
	int64_t next; /* file offset of the next page header */
	int64_t values_before; /* of the chunk, in pages before the current one */
	bool jumped; /* values_before is not known: page_no counts instead */
	int page_no; /* of the current page */
	bool have_page; /* header is that of the current page */
	bool loaded; /* so are page and decoder */
	LhPqPageHeader header;
	int64_t body; /* file offset of its body */
	LhPqPage page;
	bool by_code; /* its values are codes, given by "codes" */
	LhRle codes;
	LhPqDecoder decoder;

	/* Dense values on their way to a vector */
	LhBuf physical;
	LhBuf dense;
	int64_t digits_lost;
} LhPqLeaf;

/* page.c */

/* Bytes first tried as a page header: most are shorter. */
#define LH_PQ_HEADER_TRY ((size_t) 64)

/*
 * The page header at pos; "ahead" bytes are read with it.  With decrypt it is a
 * module: of the dictionary where the chunk says that it begins with one, else of
 * the data page with this ordinal.
 */
extern LhStatus lh_pq_header_read(LhCtx *ctx, LhPqWindow *w, const LhPqChunk *chunk,
								  LhPqDecrypt *decrypt, int64_t pos, size_t ahead, int ordinal,
								  LhPqPageHeader *h);
extern LhStatus lh_pq_page_codec(LhCtx *ctx, int thrift, LhCodec *out);
extern LhStatus lh_pq_page_load(LhCtx *ctx, LhPqLeaf *leaf, LhPqPage *page);
extern void lh_pq_page_drop(LhPqLeaf *leaf, LhPqPage *page);
/* The dictionary page, decompressed; the caller becomes an owner of its block. */
extern LhStatus lh_pq_page_dict_bytes(LhCtx *ctx, LhPqLeaf *leaf, LhPqBlock **out,
									  const uint8_t **data, size_t *len);

/* dict.c */

/* Can the dictionary of this leaf be kept? */
extern bool lh_pq_dict_keepable(const LhPqLeaf *leaf);
/* Take the page of the chunk's beginning from those that are kept; leaf->kept NULL: it is not there. */
extern LhStatus lh_pq_dict_find(LhCtx *ctx, LhPqLeaf *leaf);
extern LhStatus lh_pq_dict_load(LhCtx *ctx, LhPqLeaf *leaf);
extern void lh_pq_dict_drop(LhPqLeaf *leaf);
/* Write the values of n codes. */
extern void lh_pq_dict_gather(const LhDict *dict, const uint32_t *codes, size_t n, void *out);

/*
 * leaf.c
 *
 * Memory of a leaf is that of ctx->arena at init.  "type" is what its values
 * are to become.
 */
extern LhStatus lh_pq_leaf_init(LhCtx *ctx, LhPqLeaf *leaf, LhPqFile *file, int group, int node,
								const LhType *type);
extern void lh_pq_leaf_close(LhPqLeaf *leaf);
/* Stand before the first data page again; dictionary and memory stay. */
extern void lh_pq_leaf_rewind(LhPqLeaf *leaf);

/* See the chunk's first page header and load the dictionary, if that is what stands there. */
extern LhStatus lh_pq_leaf_begin(LhCtx *ctx, LhPqLeaf *leaf);

/* How a page is come to: as one that will be read, or one that is probably passed over. */
typedef enum LhPqApproach
{
	LH_PQ_TO_READ, LH_PQ_TO_PASS
} LhPqApproach;

/* Make the next data page the current one; its body is not read. */
extern LhStatus lh_pq_leaf_next(LhCtx *ctx, LhPqLeaf *leaf, LhPqApproach approach);
/* Can the next page's header be had without reading? */
extern bool lh_pq_leaf_next_is_near(const LhPqLeaf *leaf);
/* Have all values of the chunk been in a page up to the current one? */
extern bool lh_pq_leaf_is_last(const LhPqLeaf *leaf);

/* The page index; NULL when there is none. */
extern LhStatus lh_pq_leaf_index(LhCtx *ctx, LhPqLeaf *leaf, const LhPqPageIndex **out);
/* Leave the current page; lh_pq_leaf_next will give this one of the page index. */
extern void lh_pq_leaf_jump(LhCtx *ctx, LhPqLeaf *leaf, int from, int to);

/* Read and decompress the current page and start its decoder. */
extern LhStatus lh_pq_leaf_load(LhCtx *ctx, LhPqLeaf *leaf);

/*
 * The next n values, nulls not counted, of a loaded page.
 *
 *	skip	passes over them
 *	codes	of a page with by_code, checked against the dictionary; out has room
 *			for LH_RLE_SLACK more
 *	values	in the type's lane, of any page; what they point to is pinned
 *	borrow	as values, pointing into the page; NULL when they cannot
 */
extern LhStatus lh_pq_leaf_skip(LhCtx *ctx, LhPqLeaf *leaf, size_t n);
extern LhStatus lh_pq_leaf_codes(LhCtx *ctx, LhPqLeaf *leaf, size_t n, uint32_t *out);
extern LhStatus lh_pq_leaf_values(LhCtx *ctx, LhPqLeaf *leaf, size_t n, void *out);
extern const void *lh_pq_leaf_borrow(LhPqLeaf *leaf, size_t n);

/* Failures that several files report. */
extern LhStatus lh_pq_bad_code(LhCtx *ctx, const LhPqLeaf *leaf, uint32_t code);
extern LhStatus lh_pq_bad_levels(LhCtx *ctx, const LhPqLeaf *leaf);

#endif
