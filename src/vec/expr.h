/*
 * expr.h
 *		Scalar expressions over vectors: + - * and a few functions.
 *
 * Only what is provably identical to PostgreSQL: overflow of a selected,
 * non-null row raises PostgreSQL's error (LH_OUT_OF_RANGE with its text) in
 * the result type's range; float results that become infinite from finite
 * operands likewise; decimals follow numeric's scale rules (add: larger
 * scale, multiply: sum of scales) in 128 bits and fail with LH_UNSUPPORTED
 * when they would need more (the planner only sends what cannot).
 */
#ifndef LH_VEC_EXPR_H
#define LH_VEC_EXPR_H

#include "vec/vec.h"

typedef enum LhExprKind
{
	LH_E_COLUMN,
	LH_E_CONST,
	LH_E_ADD, LH_E_SUB, LH_E_MUL, LH_E_NEG,
	LH_E_LENGTH,				/* characters of text */
	LH_E_OCTET_LENGTH,			/* bytes of text or bytea */
	LH_E_CAST					/* int widening, int to float, float to double, int to decimal: as arith
								 * says; date to timestamp: type is the wanted type (id TIMESTAMP) */
} LhExprKind;

/* The arithmetic that PostgreSQL's result type asks for. */
typedef enum LhArith
{
	LH_ARITH_INT2, LH_ARITH_INT4, LH_ARITH_INT8, LH_ARITH_FLOAT4, LH_ARITH_FLOAT8, LH_ARITH_NUMERIC
} LhArith;

typedef struct LhExpr LhExpr;
struct LhExpr
{
	LhExprKind	kind;
	LhArith		arith;			/* of the result; COLUMN: only FLOAT8 matters, it widens float columns */
	int			col;			/* COLUMN */
	LhValue		value;			/* CONST */
	LhExpr	   *args[2];
	LhType		type;			/* after bind: result type; before: see CAST, else ignored */
	void	   *state;
};

/* A tree of its own in ctx->arena for one file's column types. */
extern LhStatus lh_expr_bind(LhCtx *ctx, const LhExpr *expr, const LhType *types, LhExpr **out);
/*
 * Values of the selected rows; a column is passed through as it is (codes,
 * runs).  A function of a dictionary column gives codes into a dictionary of
 * results, made once.  *out lives until the next call.
 */
extern LhStatus lh_expr_eval(LhCtx *ctx, LhExpr *bound, const LhVec *const *vecs, const LhSel *sel, LhVec *out);

extern bool lh_expr_equal(const LhExpr *a, const LhExpr *b);

#endif
