/*
 * mask_basic.c
 *		lakehouse.mask_null, mask_constant and mask_partial.
 *
 * What does not depend on the value is put in place of the call when the query is planned, so that such a mask
 * costs nothing and the column need not even be read.
 */
#include "pg/privacy/mask_table.h"

#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "mask/text.h"

extern PGDLLEXPORT Datum lakehouse_mask_null(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_mask_constant(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_mask_support(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_mask_partial(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(lakehouse_mask_null);
PG_FUNCTION_INFO_V1(lakehouse_mask_constant);
PG_FUNCTION_INFO_V1(lakehouse_mask_support);
PG_FUNCTION_INFO_V1(lakehouse_mask_partial);

Datum
lakehouse_mask_null(PG_FUNCTION_ARGS)
{
	PG_RETURN_NULL();
}

/* Not strict: a value that is NULL is not told from others. */
Datum
lakehouse_mask_constant(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(1))
		PG_RETURN_NULL();
	PG_RETURN_DATUM(PG_GETARG_DATUM(1));
}

/* The call's result when it is known; NULL: it is not. */
static Node *
simplify(FuncExpr *call)
{
	Node	   *value = linitial(call->args);
	Node	   *constant;

	/* what has effects is evaluated */
	if (contain_volatile_functions(value))
		return NULL;
	if (list_length(call->args) == 1)
		return (Node *) makeNullConst(call->funcresulttype, -1, call->funccollid);
	constant = lsecond(call->args);
	if (!IsA(constant, Const) && !IsA(constant, Param))
		return NULL;
	/* with the collation that the parser has seen in the call */
	return applyRelabelType(copyObject(constant), call->funcresulttype, -1, call->funccollid,
							COERCE_IMPLICIT_CAST, -1, true);
}

/* Planner support of mask_null (one argument) and mask_constant (two). */
Datum
lakehouse_mask_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);

	if (!IsA(request, SupportRequestSimplify))
		PG_RETURN_POINTER(NULL);
	PG_RETURN_POINTER(simplify(((SupportRequestSimplify *) request)->fcall));
}

Datum
lakehouse_mask_partial(PG_FUNCTION_ARGS)
{
	LhSlice		value = lh_mask_argument(fcinfo, 0);
	LhSlice		fill = lh_mask_argument(fcinfo, 2);
	LhMaskCut	cut;
	LhMaskOutcome outcome = lh_mask_partial(value, PG_GETARG_INT32(1), fill, PG_GETARG_INT32(3), lh_mask_encoding(), &cut);
	text	   *result;
	char	   *to;

	if (unlikely(outcome != LH_MASK_DONE))
		lh_mask_count(LH_MASK_ID_PARTIAL, outcome);
	/* a value of a gigabyte whose fill is longer than what it hides has no room for its result */
	if (cut.nothing || cut.head + fill.len + cut.tail > MaxAllocSize - VARHDRSZ)
		PG_RETURN_NULL();
	result = palloc(VARHDRSZ + cut.head + fill.len + cut.tail);
	SET_VARSIZE(result, VARHDRSZ + cut.head + fill.len + cut.tail);
	to = VARDATA(result);
	memcpy(to, value.data, cut.head);
	memcpy(to + cut.head, fill.data, fill.len);
	memcpy(to + cut.head + fill.len, value.data + value.len - cut.tail, cut.tail);
	PG_RETURN_TEXT_P(result);
}
