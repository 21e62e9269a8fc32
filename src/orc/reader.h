/*
 * reader.h
 *		Internal: the reader of one node, with readers of what lies below it.
 *
 *	tree.c		opening; null bits; lists, maps, structs and unions
 *	leaf.c		numbers, booleans, strings, decimals		dict.c		dictionaries
 *	stamp.c		time stamps
 *	column.c	the cursor: rows, selections, jumps by the row index
 *
 * A node has one slot for every row, or for every entry of the list around it.  What lies below
 * a struct has, in the file, values only for the structs that are not null: so
 * a reader is asked for n slots with a mask that says which of them exist in
 * its parent.
 *
 *	1. PRESENT has a bit for each slot of the mask: those that are set make
 *	   "valid", a bit for each of the n slots;
 *	2. the other streams have values for the set bits of valid: they are read one
 *	   behind the other and then spread over the slots;
 *	3. valid is the mask of the children of a struct; a branch of a union has those whose
 *	   tag names it; children of lists and maps have as many slots as there are
 *	   entries.
 */
#ifndef LH_ORC_READER_H
#define LH_ORC_READER_H

#include "orc/rle.h"

/* A vector stays in runs while these are at least so long on average. */
#define LH_ORC_MIN_RUN 16

typedef struct LhOrcReader LhOrcReader;
typedef struct LhOrcLeafOps LhOrcLeafOps;

/* Which slots a reader is asked for. */
typedef struct LhOrcSlots
{
	size_t n;
	const uint64_t *mask; /* NULL: all of them */
	size_t count;         /* bits of mask, or n */
	size_t from;          /* where the first one may be; only a hint when range is false */
	bool
		range; /* mask is one piece, from on, and rows outside are nobody's: they need not look null */
} LhOrcSlots;

struct LhOrcReader
{
	const LhOrcNode *node;
	LhOrcFile *file;
	LhOrcStripeState *stripe;
	int encoding;
	bool v2; /* run lengths of version 2 */
	LhType type;
	const LhOrcLeafOps *ops; /* NULL: nested */

	bool has_present;
	LhOrcStream present_stream;
	LhOrcBits present;

	LhOrcStream data;
	LhOrcStream second;  /* LENGTH or SECONDARY */
	LhOrcRle *first_rle; /* of data */
	LhOrcRle *second_rle;
	LhOrcBytes bytes;
	LhOrcBits bits;

	LhDict *dict; /* NULL: none, or not read yet */
	bool by_code; /* it is a dictionary column */
	LhDict dict_space;
	LhBuf dict_bytes;
	LhBuf dict_values;
	const struct LhZone *zone; /* of time stamps; NULL: UTC */
	int64_t epoch;             /* seconds since 1970 that 2015 began at, for the writer */
	int64_t zone_from, zone_until;
	int32_t zone_offset;

	bool top;         /* no node around it is read: its codes may come as runs */
	int run_pause;    /* batches not to be tried as runs */
	int run_failures; /* attempts that failed, in a row */
	LhRun runs[LH_BATCH / LH_ORC_MIN_RUN + 1];

	LhBuf valid;
	LhBuf dense;   /* values one behind the other */
	LhBuf values;  /* the same on their slots */
	LhBuf numbers; /* scratch: int64 */
	LhBuf offsets;
	int nchildren;
	LhOrcReader *children;
	LhVec *vecs;
};

/* What kinds of leaves differ in. */
struct LhOrcLeafOps
{
	LhStatus (*open)(LhCtx *ctx, LhOrcReader *r);
	/* n dense values in the lane of the type (codes: u32) to out, which has room for them and one more. */
	LhStatus (*read)(LhCtx *ctx, LhOrcReader *r, size_t n, void *out);
	/* The same without copying, valid until the next call; NULL: not now.  May be absent. */
	LhStatus (*borrow)(LhCtx *ctx, LhOrcReader *r, size_t n, const void **out);
	LhStatus (*skip)(LhCtx *ctx, LhOrcReader *r, uint64_t n);
	/* Move the streams; *place has gone past the numbers that were used.  left: numbers there are. */
	LhStatus (*seek)(LhCtx *ctx, LhOrcReader *r, const uint64_t **place, size_t *left);
	void (*rewind)(LhOrcReader *r);
};

/* tree.c */
extern LhStatus
lh_orc_reader_open(LhCtx *ctx, LhOrcReader *r, LhOrcFile *file, LhOrcStripeState *s, int node);
extern LhStatus lh_orc_reader_read(LhCtx *ctx, LhOrcReader *r, const LhOrcSlots *slots, LhVec *out);
/* Pass n slots that exist in the parent. */
extern LhStatus lh_orc_reader_skip(LhCtx *ctx, LhOrcReader *r, uint64_t n);
/* Go to an entry of the row index: of this node and all below it.  *can false: some of them has no index. */
extern LhStatus lh_orc_reader_can_seek(LhCtx *ctx, LhOrcReader *r, bool *can);
extern LhStatus lh_orc_reader_seek(LhCtx *ctx, LhOrcReader *r, int entry);
extern void lh_orc_reader_rewind(LhOrcReader *r);
/* Only the null bits: the slots of mask that are not null, as bits; *count of them. */
extern LhStatus lh_orc_reader_valid(LhCtx *ctx, LhOrcReader *r, const LhOrcSlots *slots,
									const uint64_t **valid, size_t *count);
extern LhStatus lh_orc_reader_seek_present(LhCtx *ctx, LhOrcReader *r, int entry);
/* Pass n slots of PRESENT: *count of them are not null. */
extern LhStatus lh_orc_reader_skip_present(LhCtx *ctx, LhOrcReader *r, uint64_t n, uint64_t *count);
extern LhStatus lh_orc_reader_open_present(LhCtx *ctx, LhOrcReader *r, LhOrcFile *file,
										   LhOrcStripeState *s, int node);

/* leaf.c */
extern const LhOrcLeafOps *lh_orc_leaf_ops(const LhOrcReader *r);
extern LhStatus lh_orc_leaf_stream(LhCtx *ctx, LhOrcReader *r, LhOrcStream *s, int kind);
extern LhStatus
lh_orc_leaf_rle(LhCtx *ctx, LhOrcStream *s, bool is_signed, bool v2, LhOrcRle **out);
extern LhStatus lh_orc_places(LhCtx *ctx, const LhOrcStream *s, size_t extra, size_t *left);

/* dict.c */
extern const LhOrcLeafOps lh_orc_dict_ops;
extern LhStatus lh_orc_dict_load(LhCtx *ctx, LhOrcReader *r);
/* The next n codes as at most so many runs; *done of them, which is fewer when they are more. */
extern LhStatus lh_orc_dict_runs(LhCtx *ctx, LhOrcReader *r, size_t n, LhRun *runs, int most,
								 int *nruns, size_t *done);

/* stamp.c */
extern const LhOrcLeafOps lh_orc_stamp_ops;

/* Room for n things of size bytes, content lost; floor up to LH_ORC_FLOOR. */
extern LhStatus lh_orc_fit(LhCtx *ctx, LhBuf *buf, size_t n, size_t size);

#endif
