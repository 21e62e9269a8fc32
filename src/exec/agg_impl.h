/*
 * agg_impl.h
 *		What the files of ungrouped aggregation share.
 */
#ifndef LH_EXEC_AGG_IMPL_H
#define LH_EXEC_AGG_IMPL_H

#include "exec/distinct.h"
#include "exec/exec.h"
#include "vec/value.h"

typedef struct LhAggInput LhAggInput;

/* What an input is wanted for. */
typedef enum LhAggWant
{
	LH_WANT_SUM = 1 << 0,
	LH_WANT_YC = 1 << 1, /* Youngs-Cramer */
	LH_WANT_MIN = 1 << 2,
	LH_WANT_MAX = 1 << 3,
	LH_WANT_DISTINCT = 1 << 4,
	LH_WANT_TRUES = 1 << 5
} LhAggWant;

/*
 * Sums over a dictionary: rows are counted by code and folded when another
 * dictionary comes.  By then the dictionary is gone, so its numbers are copied.
 */
typedef struct LhHistogram
{
	uint64_t dict_id; /* 0: empty */
	LhType type;
	uint32_t n;
	int64_t rows; /* counted since the last fold */
	LhBuf values;
	LhBuf counts; /* four tables of n */
	bool small;   /* the table below holds all values, less base */
	LhI128 base;
	int32_t table[64];
} LhHistogram;

/* Codes of a dictionary that were met already. */
typedef struct LhSeenCodes
{
	uint64_t dict_id;
	uint32_t nseen;
	LhBuf bits;
	int nnew; /* codes met first in this batch */
	uint32_t *fresh;
} LhSeenCodes;

typedef struct LhExtreme
{
	bool max; /* the largest, else the smallest */
	bool seen;
	const uint64_t *now; /* the place of what is offered now */
	uint64_t place;      /* of value */
	LhValue value;
	LhBuf bytes; /* of value, for strings */
} LhExtreme;

/* One argument under one filter; several aggregates may read it. */
struct LhAggInput
{
	const LhExpr *arg; /* NULL: rows are counted */
	int filter;        /* index of the filter; -1: none */
	unsigned want;
	LhExpr *bound;

	int64_t count;
	int64_t trues;
	LhI128 sum;
	LhI256 wide;      /* to be added to sum: what left its 128 bits */
	bool overflow;    /* left 256 bits, too */
	int scale;     /* of sum */
	LhI128 factor; /* brings this file's numbers to that scale */
	bool fseen; /* a float was added to fsum */
	double fsum;
	float fsum4;
	double yc_n, yc_sx, yc_sxx;
	LhFloatSink *floats; /* floats go there instead, to be added by another thread; NULL: added here */
	int index;           /* of this input */
	LhHistogram hist;
	LhSeenCodes codes;
	LhExtreme min;
	LhExtreme max;
	LhDistinct *distinct;
	LhVecScratch *scratch;
};

typedef struct LhAggFilter
{
	const LhPred *pred;
	LhPred *bound;
	LhSel sel; /* of the current batch */
} LhAggFilter;

struct LhAgg
{
	LhArena *arena; /* the states */
	LhArena *file;  /* what is bound to the current file */
	uint64_t place; /* lh_agg_place */
	int nspecs;
	LhAggSpec *specs;
	int *input_of;  /* input of a spec */
	int64_t *extra; /* inputs of a spec known from metadata */
	LhAggState *states;
	int ninputs;
	LhAggInput *inputs;
	int nfilters;
	LhAggFilter *filters;
};

/* live: selected rows without nulls, at least one. */
extern LhStatus lh_agg_sum(LhCtx *ctx, LhAggInput *in, const LhVec *v, const LhSel *live);
extern LhStatus lh_agg_fold(LhCtx *ctx, LhAggInput *in);
/* The sum of all so far, in in->scale; overflow: it needs more than 256 bits. */
extern LhI256 lh_agg_total(const LhAggInput *in, bool *overflow);
/* The file's decimals have this scale. */
extern void lh_agg_set_scale(LhAggInput *in, int scale);
extern LhStatus lh_agg_sum_floats(LhCtx *ctx, LhAggInput *in, const LhVec *v, const LhSel *live);
extern LhStatus lh_agg_merge_floats(LhCtx *ctx, LhAggInput *into, const LhAggInput *from);
extern void lh_agg_trues(LhAggInput *in, const LhVec *v, const LhSel *live);

extern LhStatus lh_agg_extremes(LhCtx *ctx, LhAggInput *in, const LhVec *v, const LhSel *live);
/* Take value when it is better; ties are taken too, as PostgreSQL does. */
extern LhStatus lh_extreme_offer(LhCtx *ctx, LhExtreme *x, const LhValue *value);
extern LhStatus lh_extreme_merge(LhCtx *ctx, LhExtreme *into, const LhExtreme *from);

/* Codes of v at live rows that were not met before: in->codes.fresh. */
extern LhStatus lh_agg_new_codes(LhCtx *ctx, LhAggInput *in, const LhVec *v, const LhSel *live);

/* Bits of w in [from, to), from < to. */
static inline int
lh_count_range(const uint64_t *w, uint32_t from, uint32_t to)
{
	uint32_t a = from / 64, b = (to - 1) / 64;
	uint64_t first = ~UINT64_C(0) << (from % 64),
			 last = to % 64 == 0 ? ~UINT64_C(0) : lh_low_bits((int) (to % 64));
	int count;

	if (a == b)
		return __builtin_popcountll(w[a] & first & last);
	count = __builtin_popcountll(w[a] & first) + __builtin_popcountll(w[b] & last);
	for (uint32_t i = a + 1; i < b; i++)
		count += __builtin_popcountll(w[i]);
	return count;
}

#endif
