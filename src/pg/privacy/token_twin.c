/*
 * token_twin.c
 *		The function that stands in a plan for the name of a keyed mask, or for a cast that may fail.
 *
 * A twin is found by its name and arguments in schema lakehouse, where the extension's owner alone makes
 * functions; it has to be one of ours in C, so that a name without a twin is never taken for masked.
 */
#include "pg/privacy/token.h"
#include "pg/privacy/token_state.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "pg/privacy/mask_table.h"

/* In schema lakehouse, by name and arguments; InvalidOid: none. */
static Oid
find_function(const char *name, const Oid *arguments, int n)
{
	oidvector  *types = buildoidvector(arguments, n);

	return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum(name), PointerGetDatum(types),
						   ObjectIdGetDatum(get_namespace_oid("lakehouse", false)));
}

static bool
is_twin(Oid function, Oid result)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Form_pg_proc proc;
	bool		twin;

	if (!HeapTupleIsValid(tuple))
		return false;
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	twin = proc->prolang == ClanguageId && proc->proisstrict && proc->prorettype == result;
	ReleaseSysCache(tuple);
	return twin;
}

Oid
lh_mask_twin(Oid function)
{
	const LhMaskFunction *mask = lh_mask_function(function);
	Oid			arguments[FUNC_MAX_ARGS];
	Oid		   *declared;
	Oid			result,
				twin;
	int			n;

	if (mask == NULL || !mask->keyed)
		return InvalidOid;
	result = get_func_signature(function, &declared, &n);
	if (n >= FUNC_MAX_ARGS)
		return InvalidOid;
	memcpy(arguments, declared, n * sizeof(Oid));
	arguments[n] = INTERNALOID;
	twin = find_function(psprintf("%s_run", mask->name), arguments, n + 1);
	return OidIsValid(twin) && is_twin(twin, result) ? twin : InvalidOid;
}

/* lakehouse.mask_gate(NULL) */
static Expr *
gate_call(void)
{
	Oid			internal = INTERNALOID;
	Oid			gate = find_function("mask_gate", &internal, 1);

	if (!OidIsValid(gate))
		elog(ERROR, "function lakehouse.mask_gate does not exist");
	return (Expr *) makeFuncExpr(gate, INTERNALOID, list_make1(makeNullConst(INTERNALOID, -1, InvalidOid)), InvalidOid,
								 LH_MASK_GATE_MARK, COERCE_EXPLICIT_CALL);
}

/* Arguments by position, as they were declared. */
static List *
arguments_of(FuncExpr *call)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(call->funcid));
	List	   *args;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", call->funcid);
	args = expand_function_arguments(call->args, false, call->funcresulttype, tuple);
	ReleaseSysCache(tuple);
	return args;
}

/* The cast to numeric(precision, scale) raises where the number has no room; lakehouse.mask_fit gives NULL. */
static void
put_fit(FuncExpr *call)
{
	Oid			arguments[] = {NUMERICOID, INT4OID};
	Oid			fit = find_function("mask_fit", arguments, 2);

	if (!OidIsValid(fit))
		elog(ERROR, "function lakehouse.mask_fit does not exist");
	call->funcid = fit;
	call->funcformat = COERCE_EXPLICIT_CALL;
}

static Node *
put_twins(Node *node, void *context)
{
	FuncExpr   *call;
	Oid			twin;

	if (node == NULL)
		return NULL;
	if (IsA(node, Query))
		return (Node *) query_tree_mutator((Query *) node, put_twins, context, 0);
	if (IsA(node, FuncExpr) && OidIsValid(twin = lh_mask_twin(((FuncExpr *) node)->funcid)))
	{
		call = copyObject((FuncExpr *) node);
		call->args = (List *) expression_tree_mutator((Node *) arguments_of(call), put_twins, context);
		call->args = lappend(call->args, gate_call());
		call->funcid = twin;
		return (Node *) call;
	}
	node = expression_tree_mutator(node, put_twins, context);
	if (IsA(node, FuncExpr) && ((FuncExpr *) node)->funcid == F_NUMERIC_NUMERIC_INT4)
		put_fit((FuncExpr *) node);
	return node;
}

Expr *
lh_mask_executing(Expr *expr)
{
	return (Expr *) put_twins((Node *) expr, NULL);
}

static bool
is_named(Oid function, const char *wanted)
{
	char	   *name;

	if (get_func_namespace(function) != get_namespace_oid("lakehouse", true))
		return false;
	name = get_func_name(function);
	return name != NULL && strcmp(name, wanted) == 0 && is_twin(function, get_func_rettype(function));
}

bool
lh_mask_is_fpe(Oid function)
{
	return is_named(function, "mask_fpe_run");
}

bool
lh_mask_is_fit(Oid function)
{
	return is_named(function, "mask_fit");
}

Expr *
lh_mask_inverse(Expr *token, int32 size, Expr *domain)
{
	Oid			type = exprType((Node *) token);
	Oid			collation = exprCollation((Node *) token);
	Oid			arguments[] = {type, TEXTOID, INTERNALOID};
	Oid			sized[] = {type, INT4OID, TEXTOID, INTERNALOID};
	Oid			inverse = size < 0 ? find_function("mask_invert", arguments, 3) : find_function("mask_invert", sized, 4);
	List	   *args = list_make3(token, domain, gate_call());

	if (!OidIsValid(inverse) || !is_twin(inverse, type))
		return NULL;
	if (size >= 0)
		args = list_insert_nth(args, 1, makeConst(INT4OID, -1, InvalidOid, sizeof(int32), Int32GetDatum(size), false, true));
	return (Expr *) makeFuncExpr(inverse, type, args, collation, collation, COERCE_EXPLICIT_CALL);
}
