/*
 * pred_impl.h
 *		The compiled form of bound predicates, shared by pred_*.c.
 *
 * Every leaf is one test on non-null values, perhaps negated, and a word on
 * null rows:
 *
 *	passes(row) = null ? null_passes : test(value) != negate
 *
 * Numbers of all lanes are tested as ordered integer keys: ints, decimals,
 * dates and times as they are; floats by their bits in PostgreSQL's order with
 * -0 as 0 and one NaN above infinity.  So one closed range [lo, hi] of keys
 * stands for every comparison, in filters and in bounds alike.
 */
#ifndef LH_VEC_PRED_IMPL_H
#define LH_VEC_PRED_IMPL_H

#include "vec/like.h"
#include "vec/pred.h"
#include "vec/value.h"

typedef enum LhTest
{
	LH_TEST_NONE,  /* false for every value */
	LH_TEST_RANGE, /* lo <= key <= hi */
	LH_TEST_SET,   /* key is in the set */
	LH_TEST_BYTES_EQ,
	LH_TEST_BYTES_PREFIX,
	LH_TEST_BYTES_RANGE,
	LH_TEST_BYTES_SET,
	LH_TEST_LIKE,
	LH_TEST_WIDE, /* decimals beyond 128 bits, by lh_value_compare */
	LH_TEST_HOST
} LhTest;

/* A range of byte strings in memcmp order. */
typedef struct LhByteRange
{
	LhStr lo;
	LhStr hi;
	bool has_lo, has_hi;
	bool lo_open, /* lo itself is outside */
		hi_open;
} LhByteRange;

/* Constants of IN, looked up by hashing when there are more than a few. */
typedef struct LhKeySet
{
	int n;
	LhI128 *keys;     /* sorted, unique */
	LhStr *strs;      /* BYTES_SET: sorted, unique */
	int64_t divisor;  /* keys are floor(value / divisor): ns columns, us constants */
	int32_t *few_i32; /* at most LH_FEW: arrays for the kernels */
	int64_t *few_i64;
	uint32_t mask; /* hash table: slots of key index + 1 */
	uint32_t *slots;
} LhKeySet;

/* Below this many constants comparing with each is faster than hashing. */
#define LH_FEW 12

/* What a leaf knows of the entries of the dictionary it saw last. */
typedef struct LhDictResults
{
	uint64_t id; /* 0: none */
	uint32_t n;
	bool complete; /* pass holds every entry */
	uint32_t nknown;
	uint32_t npass; /* once complete */
	uint64_t rows;  /* rows served by this dictionary */
	LhBuf pass;     /* bitmaps of n entries */
	LhBuf known;
} LhDictResults;

typedef struct LhLeaf
{
	LhTest test;
	bool negate;
	bool null_passes;
	bool costly;   /* look at selected rows only */
	bool is_float; /* keys are of floats */
	LhType type;   /* of the column in this file */
	LhI128 lo, hi;
	LhByteRange bytes; /* EQ: lo; PREFIX: lo is the prefix, hi its successor */
	LhKeySet *set;
	LhLike *like;
	LhCmp op;      /* WIDE */
	LhValue value; /* WIDE */
	LhDictResults dict;
	/* HOST */
	LhHostRequest request;
	uint64_t row_known[LH_BATCH_WORDS];
	uint64_t row_pass[LH_BATCH_WORDS];
} LhLeaf;

/* Where an evaluation stands between LH_NEED_HOST and its repetition. */
typedef struct LhPredProgress
{
	LhPred *asking; /* leaf whose request is out; NULL: none */
	int arg;        /* conjunct of the root that asked */
	LhSel before;   /* the caller's selection then */
	LhSel sel;      /* what the conjuncts before left of it */
	const LhVec *const *vecs;
} LhPredProgress;

typedef struct LhPredState
{
	LhArena *arena;           /* of the bound tree */
	LhLeaf *leaf;             /* leaves only */
	LhPredProgress *progress; /* root only */
	bool has_host;
	int cost; /* 0 cheap, 1 LIKE, 2 HOST */
} LhPredState;

static inline LhLeaf *
lh_pred_get_leaf(const LhPred *p)
{
	return ((const LhPredState *) p->state)->leaf;
}

/* Keys that values of a lane can have. */
extern void lh_lane_limits(LhLane lane, LhI128 *min, LhI128 *max);
/* Key of a value in lane; the value is of that lane's type. */
extern LhI128 lh_value_key(const LhValue *v);
/* A value of a type from its key. */
extern LhValue lh_key_value(const LhType *type, LhI128 key);

/* Sets (pred_set.c) */
extern LhStatus lh_keyset_finish(LhCtx *ctx, LhKeySet *set, const LhType *type);
extern bool lh_keyset_has(const LhKeySet *set, LhI128 key);
extern bool lh_keyset_has_bytes(const LhKeySet *set, LhStr s);

/* Does one non-null value pass, negation included?  Not for HOST. */
extern bool lh_leaf_test(const LhLeaf *leaf, const void *data, size_t i);
/*
 * The same for n values by a kernel: words of result, bits at and above n are
 * 0.  False when there is no kernel for this test.
 */
extern bool lh_leaf_kernel(const LhLeaf *leaf, const void *data, size_t n, uint64_t *out);
/*
 * The same for strings at live rows, for tests of bytes; hit is zeroed before.
 * False when there is no loop for this test.
 */
extern bool
lh_leaf_strs(const LhLeaf *leaf, const LhStr *strs, const uint64_t *live, size_t n, uint64_t *hit);
/* Results of all entries (or of what is left) of a dictionary; not for HOST. */
extern LhStatus lh_leaf_complete(LhCtx *ctx, LhPred *p, const LhDict *dict);
/* Begin with a dictionary: nothing is known yet unless it is the one before. */
extern LhStatus lh_leaf_use_dict(LhCtx *ctx, LhPred *p, const LhDict *dict);
/* One entry of the dictionary in use, remembered; not for HOST. */
extern bool lh_leaf_entry(LhLeaf *leaf, const LhDict *dict, uint32_t code);

#endif
