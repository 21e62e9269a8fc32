/*
 * pred.h
 *		Predicates: filters on vectors, and the same predicates on bounds.
 *
 * A predicate is a tree of AND, OR and leaves in negation normal form: NOT is
 * pushed down to the leaves when the tree is built, which three-valued logic
 * allows (NOT (a < b) is a >= b, null stays null).  Therefore only "is true"
 * has to be computed anywhere: a row passes when the tree is true for it.
 *
 *	1. lh_pred_bind fits the constants to one file's column types, exactly: a
 *	   constant out of the lane's range, between two decimals or between two
 *	   ticks becomes NEVER or ALWAYS or a neighbouring bound.
 *	2. lh_pred_bounds answers from statistics: no row can pass, all rows pass,
 *	   or unknown.
 *	3. lh_pred_eval filters a batch, on codes and runs where the vector has them:
 *	   a leaf over a dictionary is evaluated once an entry and remembered.
 *
 * Comparison is PostgreSQL's: NaN = NaN and highest, -0 = 0, bytes by memcmp
 * (the bridge sends text order only under C collation), numeric by value.
 */
#ifndef LH_VEC_PRED_H
#define LH_VEC_PRED_H

#include "vec/vec.h"

typedef enum LhPredKind
{
	LH_P_AND, LH_P_OR,
	LH_P_NEVER,					/* false where col is not null, else null (col -1: false for every
								 * row); value.null: null for every row */
	LH_P_ALWAYS,				/* true for every row where column col is not null; col -1: every row */
	LH_P_CMP,					/* col op value */
	LH_P_IN,					/* col in values (without nulls, sorted and unique; has_null says there were) */
	LH_P_NOT_IN,				/* col not in values; never true when has_null */
	LH_P_IS_NULL, LH_P_NOT_NULL,
	LH_P_DISTINCT,				/* col is distinct from value (value not null) */
	LH_P_NOT_DISTINCT,
	LH_P_LIKE, LH_P_NOT_LIKE,	/* value.str is the pattern; escape is '\' (0: none) */
	LH_P_PREFIX, LH_P_NOT_PREFIX,	/* starts_with */
	LH_P_IS_TRUE_BOOL,			/* the bool column itself, and NOT of it: null for null rows, so that
								 * one is the negation of the other */
	LH_P_IS_FALSE_BOOL,			/* ("b IS NOT TRUE" is IS_NULL or IS_FALSE_BOOL) */
	LH_P_HOST,					/* the host evaluates (LH_NEED_HOST); strict: null rows are never asked
								 * for and do not pass */
	LH_P_RANGE					/* bound trees only: values[0] <= col <= values[1] */
} LhPredKind;

typedef enum LhCmp
{
	LH_EQ, LH_NE, LH_LT, LH_LE, LH_GT, LH_GE
} LhCmp;

typedef struct LhPred LhPred;
struct LhPred
{
	LhPredKind	kind;
	int			col;			/* index among the scan's columns */
	LhCmp		op;				/* CMP */
	LhValue		value;
	int			nvalues;
	LhValue    *values;			/* IN, NOT_IN, RANGE */
	bool		has_null;		/* IN, NOT_IN: the list held a null */
	bool		negate;			/* RANGE: outside it */
	int			nargs;
	LhPred	  **args;			/* AND, OR */
	char		escape;			/* LIKE; lh_pred_leaf sets '\\' */
	bool		text;			/* LIKE counts characters (UTF-8), not bytes; lh_pred_leaf sets it for
								 * text types */
	int			host_id;		/* HOST: which of the host's quals */
	void	   *state;			/* compiled form and per-dictionary results; owned by pred.c */
};

/*
 * Builders, in ctx->arena; values and their bytes are copied.  A null value
 * makes CMP, LIKE and PREFIX null for every row, DISTINCT NOT_NULL and
 * NOT_DISTINCT IS_NULL.  A LIKE pattern that ends in a lone escape gives
 * LH_UNSUPPORTED: whether PostgreSQL raises its error depends on the rows.
 */
extern LhStatus lh_pred_cmp(LhCtx *ctx, int col, LhCmp op, const LhValue *value, LhPred **out);	/* null value: NEVER */
extern LhStatus lh_pred_in(LhCtx *ctx, int col, bool negate, const LhValue *values, int n, bool has_null, LhPred **out);
extern LhStatus lh_pred_leaf(LhCtx *ctx, LhPredKind kind, int col, const LhValue *value, LhPred **out);
extern LhStatus lh_pred_list(LhCtx *ctx, LhPredKind kind, LhPred **args, int nargs, LhPred **out);	/* AND, OR; flattens */
/*
 * Negation by De Morgan of an unbound tree, exact in three-valued logic; HOST
 * cannot be negated (LH_UNSUPPORTED).
 */
extern LhStatus lh_pred_not(LhCtx *ctx, const LhPred *pred, LhPred **out);
extern bool lh_pred_uses(const LhPred *pred, int col);

/*
 * How constants compare with columns: ints and decimals by number; float
 * constants with float columns as double; dates and time stamps by moment (a
 * DATE with a UTC time stamp is LH_UNSUPPORTED: it depends on the time zone;
 * two time stamps compare by number whatever their utc says: the caller has
 * seen to the zone);
 * all kinds of bytes by memcmp.  A nanosecond column meets a coarser constant
 * as PostgreSQL sees it: cut to microseconds.
 *
 * Fit to a file: types[col] is the type of column col in this file, or id NULL
 * when the file lacks it (all null).  The result is a tree of its own in
 * ctx->arena, ready for bounds and eval.  LH_UNSUPPORTED when a leaf does not
 * fit the type at all (the bridge must then evaluate itself).  Inside AND and
 * OR cheap leaves are moved before LIKE, and these before HOST.
 */
extern LhStatus lh_pred_bind(LhCtx *ctx, const LhPred *pred, const LhType *types, LhPred **out);

/* What is known of a column's values in a file, row group or page. */
typedef struct LhBounds
{
	bool		known;			/* false: nothing is known but rows and null_count */
	bool		has_min,
				has_max;
	bool		min_exact,
				max_exact;		/* the bound is a value that occurs */
	bool		may_nan;		/* floats: a NaN is possible */
	LhValue		min,
				max;			/* in the file column's type */
	int64_t		rows;			/* -1: unknown */
	int64_t		nulls;			/* -1: unknown */
} LhBounds;

typedef enum LhVerdict
{
	LH_MAYBE, LH_NONE, LH_ALL	/* some rows may pass; no row passes; every row passes */
} LhVerdict;

/* bounds[col]; a col whose known, rows and nulls say nothing gives MAYBE. */
extern LhVerdict lh_pred_bounds(const LhPred *bound, const LhBounds *bounds);

/* Values that an equality leaf looks for: calls fn for each conjunct leaf EQ / IN / NOT_DISTINCT; used for bloom filters. */
typedef LhVerdict (*LhProbeFn) (void *arg, int col, const LhValue *value);	/* NONE: value is absent */
extern LhVerdict lh_pred_probe(const LhPred *bound, LhProbeFn fn, void *arg);

/*
 * Does any entry of a dictionary pass?  For columns whose every page is
 * dictionary coded: LH_NONE means no non-null row passes and null rows do not either.
 */
extern LhStatus lh_pred_dict(LhCtx *ctx, LhPred *bound, int col, const LhDict *dict, LhVerdict *out);

/*
 * Filter: sel &= bound(vecs).  vecs[col] are the vectors of the batch, NULL for
 * columns not read: the tree must use only columns that are there.  A leaf
 * looks at selected rows only.  Returns LH_NEED_HOST when a HOST leaf needs
 * values that are not known yet: *request says which; after the host filled
 * request->result, call again with the same arguments (sel unchanged).
 */
typedef struct LhHostRequest
{
	int			host_id;
	int			col;
	const LhDict *dict;			/* entries to evaluate: codes[0..n) of dict; or NULL: rows of vec */
	const LhVec *vec;
	int			n;
	uint32_t   *items;			/* dictionary codes, or row numbers of vec */
	uint8_t    *result;			/* host writes 1: true, 0: false or null, for each item */
} LhHostRequest;

extern LhStatus lh_pred_eval(LhCtx *ctx, LhPred *bound, const LhVec *const *vecs,
							 LhSel *sel, LhHostRequest **request);

/* Slow, obvious evaluation of one row for tests: is the unbound predicate true? values[col]. */
extern bool lh_pred_reference(const LhPred *pred, const LhValue *values);

/* LIKE as PostgreSQL matches it under a deterministic collation, on bytes or UTF-8. */
extern bool lh_like_match(const uint8_t *s, size_t slen, const uint8_t *p, size_t plen, char escape, bool text);

/* For EXPLAIN and tests: "(c0 >= 10 AND c1 IN (...))". */
extern LhStatus lh_pred_format(LhCtx *ctx, const LhPred *pred, const char *const *names, LhBuf *out);

#endif
