/*
 * once.c
 *		Expressions of the plan over one dictionary column, evaluated once for each entry.
 *
 * A policy's mask is an expression over a column in the target list of a scan, and so is upper(vendor).  Where the
 * column comes as codes into a dictionary, the value of such an expression is a function of the code:
 *
 *	1. Begin looks for the largest parts of the target list and of the executor's own conditions that use one column
 *	   and nothing else that varies, and puts parameters in their place, which the executor compiles to a call of ours.
 *	2. That call finds the code of the row at hand.  The first row that asks for it has the expression evaluated, the
 *	   value is kept until the column moves to another dictionary; null is one more code.
 *	3. Rows without a code (plain pages, constants, rows that EvalPlanQual brings) have it evaluated as ever.
 *
 * What is evaluated is what some row would have evaluated, when it would have been: so errors are the same ones, CASE keeps
 * its promises, and an entry that no row uses is never looked at.  Only the number of calls differs.
 *
 * Nothing is pushed into the files here: values of such an expression prune nothing.
 */
#include "pg/fdw/fdw.h"

#include "access/transam.h"
#include "executor/execExpr.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/* Entries above which a dictionary's values are not kept: it is nearly unique then. */
#define DICT_MAX (32 * 1024)
/* Kept values of one expression may take this part of work_mem. */
#define VALUES_SHARE 4
/* Parameters of ours count down from here; those of statements count up from 1. */
#define FIRST_PARAM INT_MAX

enum
{
	ENTRY_UNKNOWN, ENTRY_VALUE, ENTRY_NULL
};

typedef struct Once
{
	LhFdwScan  *scan;
	Expr	   *expr;
	ExprState  *state;
	AttrNumber	attno;			/* of the table */
	int16		typlen;
	bool		typbyval;
	const LhReaderColumn *column;	/* of the attribute; NULL: not looked for yet, or none */

	uint64_t	dict;			/* id; 0: none */
	uint32_t	n;				/* entries; the code of null is n */
	Datum	   *values;
	uint8	   *entries;		/* ENTRY_* */
	size_t		bytes;			/* of values that are kept */
	MemoryContext mcxt;			/* of these */
} Once;

typedef struct Search
{
	ForeignScanState *node;
	LhFdwScan  *scan;
	List	   *found;			/* of Once */
} Search;

/* ---- what can be taken ---- */

typedef struct Use
{
	const ForeignScan *plan;
	AttrNumber	attno;			/* of the table; 0: none yet */
	bool		worth;			/* more than the look-up of a code costs */
} Use;

static AttrNumber
attribute(const ForeignScan *plan, const Var *var)
{
	if (var->varlevelsup != 0)
		return 0;
	if (var->varno == INDEX_VAR)
		return castNode(Var, list_nth_node(TargetEntry, plan->fdw_scan_tlist, var->varattno - 1)->expr)->varattno;
	return var->varno == (int) plan->scan.scanrelid ? var->varattno : 0;
}

/* True: something in it is none of ours. */
static bool
look(Node *node, void *context)
{
	Use		   *use = context;

	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_Var:
			{
				AttrNumber	attno = attribute(use->plan, (Var *) node);

				if (attno <= 0 || (use->attno != 0 && use->attno != attno))
					return true;
				use->attno = attno;
				use->worth |= !get_typbyval(((Var *) node)->vartype);
				return false;
			}
		case T_FuncExpr:
			use->worth |= ((FuncExpr *) node)->funcid >= FirstNormalObjectId;
			break;
		case T_Param:
		case T_SubPlan:
		case T_AlternativeSubPlan:
		case T_Aggref:
		case T_GroupingFunc:
		case T_WindowFunc:
		case T_CurrentOfExpr:
			return true;
		default:
			break;
	}
	return expression_tree_walker(node, look, context);
}

/* A placeholder whose CASE or cast is not part of the expression. */
static bool
has_loose_placeholder(Node *node, void *context)
{
	int			depth = *(int *) context;
	int			inner;

	if (node == NULL)
		return false;
	if (IsA(node, CaseTestExpr))
		return depth == 0;
	inner = depth + ((IsA(node, CaseExpr) && ((CaseExpr *) node)->arg != NULL) || IsA(node, ArrayCoerceExpr));
	return expression_tree_walker(node, has_loose_placeholder, &inner);
}

/* The attribute that the expression depends on; 0: it is not to be taken. */
static AttrNumber
takes(const ForeignScan *plan, Node *node)
{
	Use			use = {.plan = plan};
	int			depth = 0;

	/* no value by itself, or one that costs nothing */
	if (IsA(node, List) || IsA(node, TargetEntry) || IsA(node, Var) || IsA(node, Const) || IsA(node, RelabelType) ||
		IsA(node, CaseWhen) || IsA(node, NullTest) || IsA(node, FieldSelect))
		return 0;
	if (look(node, &use) || use.attno == 0 || contain_volatile_functions(node) || has_loose_placeholder(node, &depth))
		return 0;
	return use.worth || !get_typbyval(exprType(node)) ? use.attno : 0;
}

/* ---- one row ---- */

/* The code of a row, among n + 1; false: it has none. */
static bool
code_of(const LhVec *vec, uint32_t row, uint32_t *code)
{
	if (vec->kind == LH_VEC_DICT)
	{
		*code = lh_vec_is_null(vec, (int) row) ? vec->dict->n : vec->codes[row];
		return true;
	}
	if (vec->kind == LH_VEC_RUNS)
	{
		int			low = 0,
					high = vec->nruns - 1;

		while (low < high)
		{
			int			middle = (low + high) / 2;

			if (row < vec->runs[middle].end)
				high = middle;
			else
				low = middle + 1;
		}
		*code = vec->runs[low].code;
		return true;
	}
	return false;
}

static void
begin_dictionary(Once *once, const LhDict *dict)
{
	MemoryContextReset(once->mcxt);
	once->dict = 0;
	once->values = MemoryContextAlloc(once->mcxt, sizeof(Datum) * ((Size) dict->n + 1));
	once->entries = MemoryContextAllocZero(once->mcxt, (Size) dict->n + 1);
	once->n = dict->n;
	once->bytes = 0;
	once->dict = dict->id;
}

/* The vector of the column in the batch of the row that was returned last; NULL: no row of a batch is at hand. */
static const LhVec *
vector(Once *once, const LhReader *reader)
{
	if (reader == NULL || reader->batch == NULL || reader->next == 0)
		return NULL;
	/* columns are added, perhaps, but stay where they are */
	for (int i = 0; once->column == NULL && i < reader->ncolumns; i++)
	{
		if (reader->columns[i].attno == once->attno)
			once->column = &reader->columns[i];
	}
	return once->column != NULL && once->column->emitter != NULL ? reader->batch->vecs[once->column->col] : NULL;
}

static void
keep(Once *once, uint32_t code, Datum value, bool null)
{
	if (!null && !once->typbyval)
	{
		size_t		size = datumGetSize(value, once->typbyval, once->typlen);
		MemoryContext old;

		if (once->bytes + size > (size_t) work_mem * 1024 / VALUES_SHARE)
			return;
		once->bytes += size;
		old = MemoryContextSwitchTo(once->mcxt);
		value = datumCopy(value, once->typbyval, once->typlen);
		MemoryContextSwitchTo(old);
	}
	once->values[code] = value;
	once->entries[code] = null ? ENTRY_NULL : ENTRY_VALUE;
}

/* The step of the compiled expressions. */
static void
evaluate(ExprState *state, ExprEvalStep *op, ExprContext *econtext)
{
	Once	   *once = op->d.cparam.paramarg;
	const LhReader *reader = once->scan->reader;
	const LhVec *vec = vector(once, reader);
	uint32_t	code;

	if (vec == NULL || vec->dict == NULL || vec->dict->n > DICT_MAX || !code_of(vec, reader->rows[reader->next - 1], &code))
	{
		*op->resvalue = ExecEvalExpr(once->state, econtext, op->resnull);
		return;
	}
	if (unlikely(once->dict != vec->dict->id))
		begin_dictionary(once, vec->dict);
	if (unlikely(once->entries[code] == ENTRY_UNKNOWN))
	{
		*op->resvalue = ExecEvalExpr(once->state, econtext, op->resnull);
		LH_COUNT(once->scan->source->ctx, ENTRIES_COMPUTED, 1);
		keep(once, code, *op->resvalue, *op->resnull);
		return;
	}
	*op->resvalue = once->values[code];
	*op->resnull = once->entries[code] == ENTRY_NULL;
}

/* ---- compiling ---- */

typedef struct Compile
{
	List	   *found;			/* of Once, by FIRST_PARAM - paramid */
	ParamListInfo params;		/* of the statement; NULL: none */
} Compile;

/* ParamCompileHook: a parameter of ours, or of the statement. */
static void
compile_param(ParamListInfo params, Param *param, ExprState *state, Datum *resv, bool *resnull)
{
	Compile    *compile = params->paramCompileArg;
	ExprEvalStep step = {0};

	if (param->paramid > FIRST_PARAM - list_length(compile->found))
	{
		step.opcode = EEOP_PARAM_CALLBACK;
		step.d.cparam.paramfunc = evaluate;
		step.d.cparam.paramarg = list_nth(compile->found, FIRST_PARAM - param->paramid);
		step.d.cparam.paramid = param->paramid;
		step.d.cparam.paramtype = param->paramtype;
	}
	else if (compile->params != NULL && compile->params->paramCompile != NULL)
	{
		compile->params->paramCompile(compile->params, param, state, resv, resnull);
		return;
	}
	else
	{
		step.opcode = EEOP_PARAM_EXTERN;
		step.d.param.paramid = param->paramid;
		step.d.param.paramtype = param->paramtype;
	}
	step.resvalue = resv;
	step.resnull = resnull;
	ExprEvalPushStep(state, &step);
}

static Once *
make_once(Search *search, Node *node, AttrNumber attno)
{
	Once	   *once = palloc0(sizeof(Once));

	once->scan = search->scan;
	once->expr = (Expr *) node;
	once->attno = attno;
	once->state = ExecInitExpr(once->expr, &search->node->ss.ps);
	get_typlenbyval(exprType(node), &once->typlen, &once->typbyval);
	once->mcxt = AllocSetContextCreate(search->scan->source->mcxt, "lakehouse expression of entries",
									   ALLOCSET_DEFAULT_SIZES);
	return once;
}

/* Its place in the list; the same expression is taken once. */
static int
find_once(Search *search, Node *node, AttrNumber attno)
{
	ListCell   *lc;

	foreach(lc, search->found)
	{
		if (equal(((Once *) lfirst(lc))->expr, node))
			return foreach_current_index(lc);
	}
	search->found = lappend(search->found, make_once(search, node, attno));
	return list_length(search->found) - 1;
}

static Node *
replace(Node *node, void *context)
{
	Search	   *search = context;
	const ForeignScan *plan = (ForeignScan *) search->node->ss.ps.plan;
	AttrNumber	attno;
	Param	   *param;

	if (node == NULL)
		return NULL;
	attno = takes(plan, node);
	/* what fills placeholders is taken as a whole or not at all */
	if (attno == 0 && ((IsA(node, CaseExpr) && ((CaseExpr *) node)->arg != NULL) || IsA(node, ArrayCoerceExpr)))
		return copyObject(node);
	if (attno == 0)
		return expression_tree_mutator(node, replace, context);
	param = makeNode(Param);
	param->paramkind = PARAM_EXTERN;
	param->paramtype = exprType(node);
	param->paramtypmod = exprTypmod(node);
	param->paramcollid = exprCollation(node);
	param->location = -1;
	param->paramid = FIRST_PARAM - find_once(search, node, attno);
	return (Node *) param;
}

/* Expressions with parameters of ours are compiled again; those with subplans would have these twice. */
static void
compile(Search *search, List *tlist, List *qual)
{
	PlanState  *ps = &search->node->ss.ps;
	Compile    *arg = palloc(sizeof(Compile));
	ParamListInfo params = makeParamList(0);

	arg->found = search->found;
	arg->params = ps->state->es_param_list_info;
	params->paramCompile = compile_param;
	params->paramCompileArg = arg;
	ps->state->es_param_list_info = params;
	if (tlist != NIL)
		ps->ps_ProjInfo = ExecBuildProjectionInfo(tlist, ps->ps_ExprContext, ps->ps_ResultTupleSlot, ps,
												  search->node->ss.ss_ScanTupleSlot->tts_tupleDescriptor);
	if (qual != NIL)
		ps->qual = ExecInitQual(qual, ps);
	ps->state->es_param_list_info = arg->params;
}

void
lh_once_begin(ForeignScanState *node, LhFdwScan *scan)
{
	PlanState  *ps = &node->ss.ps;
	Search		search = {.node = node, .scan = scan};
	List	   *tlist = NIL,
			   *qual = NIL;
	int			of_tlist;

	/* rows of EvalPlanQual, and those that changed, are no rows of a batch */
	if (ps->state->es_epq_active != NULL || scan->source->options.table.changes)
		return;
	if (ps->ps_ProjInfo != NULL && !contain_subplans((Node *) ps->plan->targetlist))
		tlist = (List *) replace((Node *) ps->plan->targetlist, &search);
	of_tlist = list_length(search.found);
	if (of_tlist == 0)
		tlist = NIL;
	if (!contain_subplans((Node *) ps->plan->qual))
		qual = (List *) replace((Node *) ps->plan->qual, &search);
	if (search.found != NIL)
		compile(&search, tlist, qual);
}
