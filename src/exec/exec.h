/*
 * exec.h
 *		Ungrouped aggregates over batches.
 *
 * Works on codes and runs where a vector has them: a run of length n costs
 * O(1) for count, sum, min, max; codes are counted in a histogram per
 * dictionary and folded once a dictionary.  Float sums are added in row order
 * (DESIGN D5).  States are plain structs, so that the bridge turns them into
 * PostgreSQL's own transition values or results.
 */
#ifndef LH_EXEC_EXEC_H
#define LH_EXEC_EXEC_H

#include "scan/scan.h"
#include "vec/vec.h"
#include "vec/expr.h"
#include "vec/pred.h"

typedef enum LhAggKind
{
	LH_AGG_COUNT_STAR,
	LH_AGG_COUNT,				/* non-null values */
	LH_AGG_COUNT_DISTINCT,
	LH_AGG_SUM,					/* also feeds avg: sum and count */
	LH_AGG_MIN, LH_AGG_MAX,
	LH_AGG_BOOL_AND, LH_AGG_BOOL_OR
} LhAggKind;

/* How floats are summed: as float4pl, float8pl in row order, or as Youngs-Cramer for avg(float). */
typedef enum LhFloatSum
{
	LH_FLOAT_PLAIN, LH_FLOAT_YOUNGS_CRAMER
} LhFloatSum;

typedef struct LhAggSpec
{
	LhAggKind	kind;
	LhExpr	   *arg;			/* NULL for COUNT_STAR */
	LhFloatSum	float_sum;
	LhPred	   *filter;			/* FILTER clause, unbound; NULL: none */
} LhAggSpec;

typedef struct LhAggState
{
	int64_t		count;			/* non-null inputs (rows for COUNT_STAR; distinct values for COUNT_DISTINCT) */
	bool		seen;			/* any input: min/max/sum/bool are not null */
	bool		overflow;		/* the sum needs more than 256 bits */
	LhI256		sum;			/* ints and decimals, unscaled */
	int			scale;			/* of sum for decimals: the largest of all files */
	double		fsum;			/* LH_FLOAT_PLAIN on doubles (and on floats, in double) */
	float		fsum4;			/* LH_FLOAT_PLAIN on floats, as float4pl adds */
	double		yc_n,
				yc_sx,
				yc_sxx;			/* Youngs-Cramer */
	bool		boolean;
	LhValue		extreme;		/* MIN, MAX: own copy of the bytes; in the type of the file it is from */
} LhAggState;

typedef struct LhAgg LhAgg;

/*
 * Aggregates over the same argument and filter (the same LhPred) share one
 * pass.  The specs and what they point to must outlive the LhAgg.
 */
extern LhStatus lh_agg_create(LhCtx *ctx, const LhAggSpec *specs, int n, LhAgg **out);
/*
 * A new file begins: expressions and filters are bound to its column types.
 * LH_UNSUPPORTED when a filter needs the host, or a type cannot be aggregated
 * so (sums of decimals beyond 38 digits, extremes of nested types and
 * intervals).
 */
extern LhStatus lh_agg_bind(LhCtx *ctx, LhAgg *agg, const LhType *types);
extern LhStatus lh_agg_update(LhCtx *ctx, LhAgg *agg, const LhVec *const *vecs, const LhSel *sel);
/* n rows known from metadata only: count(*) += n. */
extern LhStatus lh_agg_add_rows(LhCtx *ctx, LhAgg *agg, int64_t n);
/*
 * The same for single aggregates: n non-null inputs of COUNT(arg), and the
 * smallest or largest value of rows that are not read, for MIN and MAX.
 */
extern LhStatus lh_agg_add_count(LhCtx *ctx, LhAgg *agg, int i, int64_t n);
extern LhStatus lh_agg_add_extreme(LhCtx *ctx, LhAgg *agg, int i, const LhValue *value);
/*
 * Metadata instead of rows (agg_meta.c): may it answer all of the aggregates at
 * all, given what their columns are?  Then lh_agg_take_group is an LhMetaFn
 * whose argument is the LhAgg.
 */
extern bool lh_agg_metadata_may_answer(const LhAgg *agg, const LhScanColumn *cols);
extern LhStatus lh_agg_take_group(LhCtx *ctx, void *agg, const LhMetaGroup *group, bool *taken);

/* Fold what is still in histograms.  May be called in mid-scan, and again. */
extern LhStatus lh_agg_finish(LhCtx *ctx, LhAgg *agg);
/* As of the last lh_agg_finish. */
extern const LhAggState *lh_agg_state(const LhAgg *agg, int i);
/* Begin again, for a rescan; the binding stays. */
extern void lh_agg_reset(LhAgg *agg);

/*
 * Several states of the same specs, each over a part of the rows (agg_merge.c).
 *
 * The place says where the rows that come next lie: of equal extremes that of
 * the highest place stays.  lh_agg_merge adds what a finished state holds to
 * another one; neither takes rows afterwards.  False: what it would give is
 * not, or may not be, what one state over all rows gives.
 */
extern void lh_agg_place(LhAgg *agg, uint64_t place);
extern LhStatus lh_agg_merge(LhCtx *ctx, LhAgg *into, LhAgg *from, bool *same);
/* Of states that will be merged: sets of distinct values never spill, but are LH_NO_MEMORY. */
extern void lh_agg_keep_in_memory(LhAgg *agg, bool keep);

/*
 * Float values on their way to another state: sums of an LhAgg with a sink are
 * not made, its other aggregates are.  The input is a number that both states
 * know; narrow: the values are floats, not doubles.
 */
typedef struct LhFloatSink LhFloatSink;
struct LhFloatSink
{
	LhStatus	(*add) (LhCtx *ctx, LhFloatSink *sink, int input, const double *x, int n, bool narrow);
};
extern void lh_agg_set_sink(LhAgg *agg, LhFloatSink *sink);	/* NULL: none */
extern int	lh_agg_inputs(const LhAgg *agg);	/* numbers of inputs are below this */
extern LhStatus lh_agg_add_floats(LhCtx *ctx, LhAgg *agg, int input, const double *x, int n, bool narrow);

#endif
