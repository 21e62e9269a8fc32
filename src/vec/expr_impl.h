/*
 * expr_impl.h
 *		What expr_bind.c, expr_eval.c, expr_row.c and expr_loops.c share.
 */
#ifndef LH_VEC_EXPR_IMPL_H
#define LH_VEC_EXPR_IMPL_H

#include "vec/expr.h"
#include "vec/value.h"

typedef struct LhExprState
{
	LhArena *arena; /* of the bound tree */
	LhBuf data;     /* result values */
	uint64_t valid[LH_BATCH_WORDS];
	LhVecScratch *scratch[2]; /* operands made flat */
	LhVec constant;           /* CONST */
	LhI128 factor[2];         /* NUMERIC: brings operands to the result's scale */

	/* results over a dictionary */
	uint64_t source_id; /* dictionary they were made from; 0: none */
	uint64_t seen_id;   /* dictionary met last, and rows it served */
	uint64_t seen_rows;
	bool refused; /* an entry of seen_id overflows: only rows decide */
	LhDict dict;
	LhBuf dict_values;
} LhExprState;

/* A number of a row, in the lane family of its vector. */
typedef union LhNumber
{
	LhI128 i;
	double f;
} LhNumber;

/*
 * One row, exactly: operand values in, result out.  false: out of range, the
 * message is lh_expr_error's.
 */
extern bool lh_expr_row(const LhExpr *e, const LhVec *a, const LhVec *b, size_t row, LhNumber *out);
/* Store a result at row of data, in e->type's lane. */
extern void lh_expr_store(const LhExpr *e, void *data, size_t row, LhNumber x);
extern LhStatus
lh_expr_error(LhCtx *ctx, const LhExpr *e, const LhVec *a, const LhVec *b, size_t row);

/*
 * n rows of two flat operands, nulls included; sel (NULL: all rows) tells which
 * rows are wanted.  Returns true when some row, wanted or not, was out of
 * range: the caller finds out which.
 */
extern bool lh_expr_loop(const LhExpr *e, const LhVec *a, const LhVec *b, size_t n,
						 const uint64_t *sel, void *out);

/*
 * Functions of one flat operand that have a loop (lengths, casts): false when
 * there is none.  Such a function is never out of range.
 */
extern bool
lh_expr_unary_loop(const LhExpr *e, const LhVec *a, size_t n, const uint64_t *sel, void *out);

static inline bool
lh_expr_is_binary(const LhExpr *e)
{
	return e->kind == LH_E_ADD || e->kind == LH_E_SUB || e->kind == LH_E_MUL;
}

static inline bool
lh_arith_is_int(LhArith a)
{
	return a == LH_ARITH_INT2 || a == LH_ARITH_INT4 || a == LH_ARITH_INT8;
}

#endif
