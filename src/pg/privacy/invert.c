/*
 * invert.c
 *		Look-ups of tokens in indexes of raw columns.
 *
 *		SELECT ... FROM people WHERE ssn = '4711...'		-- a token
 *	is planned as
 *		Index Scan using people_ssn on people
 *		  Index Cond: (ssn = lakehouse.mask_invert('4711...', 'd', gate))
 *		  Filter: (lakehouse.mask_fpe_run(ssn, 'd', gate) = '4711...')
 *
 * lakehouse.mask_fpe is one for one, so the rows whose mask is a token are those that have one value.  Nothing of the query changes:
 * its conditions stay, and are asked of each row found, so that the answer is the same as without.  What is new is a path beside
 * those of the planner, with a condition of its own:
 *
 *	1. of conditions "mask = token", also of joins, "mask = ANY (tokens)", where the mask is nothing but mask_fpe of a column, and equality
 *	   the type's own, under a collation that tells apart what is not the same.  Of numeric(p, s) the token is looked for with s places;
 *	   of char(n) with as many blanks behind as there is room for, as the column does not keep them;
 *	   of coalesce(mask_fpe(...), constant) where the token is known while planning, and not the constant;
 *	2. the value is a call that is evaluated when the scan starts, or for each outer row.  It is STABLE, so it is
 *	   never evaluated while planning: what EXPLAIN or a dump of a plan shows is the token.  Its selectivity is set
 *	   here, as an estimate would evaluate it;
 *	3. not where row security holds: how many rows a look-up throws away would tell of rows that are not seen.  Where a policy filters
 *	   rows, EXPLAIN ANALYZE does not count these (enforce_count.c), and what the index asks of a hidden row is the type's own equality;
 *	4. rows that differ in a masked column come in the order of a bitmap, which is that of the table.
 *
 * Which path is chosen depends on sizes of table and index alone: statistics of the column are held back (enforce_stats.c).
 */
#include "pg/privacy/invert.h"

#include "access/stratnum.h"
#include "catalog/pg_am.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/selfuncs.h"

#include "pg/privacy/token.h"
#include "pg/util/util.h"

/* Of an array that is not known, as the planner has it. */
#define UNKNOWN_LENGTH 10

/* Of char(n) as many tokens are looked for as there are lengths with blanks behind. */
#define MOST_CHARACTERS 256

/* A column and its bijective mask. */
typedef struct Bijective
{
	AttrNumber	attnum;
	Oid			type;			/* of the mask function; of char(n): bpchar */
	int32		size;			/* digits after the point, or characters of char(n); else -1 */
	Expr	   *domain;
	const Const *fallback;		/* what rows show that have no token; NULL: NULL */
} Bijective;

/* The casts around a mask. */
typedef struct Casts
{
	int32		shortest;		/* typmod of varchar(n) and char(n); -1: none */
	int32		fit;			/* typmod of numeric(p, s); -1: none */
	bool		blanks;			/* char(n), or text of such: blanks at the end are no part of it */
	bool		differ;			/* two of numeric(p, s) */
} Casts;

/* A condition by which rows can be looked up. */
typedef struct Lookup
{
	RestrictInfo *rinfo;
	Bijective	mask;
	Expr	   *value;			/* what mask_invert gives: a value, or an array of them */
	bool		any;
} Lookup;

/* ---- masks ---- */

static Expr *
unlabelled(Expr *expr)
{
	while (expr != NULL && IsA(expr, RelabelType))
		expr = ((RelabelType *) expr)->arg;
	return expr;
}

static int32
typmod_argument(const FuncExpr *cast)
{
	const Const *typmod = list_length(cast->args) > 1 ? lsecond(cast->args) : NULL;

	return typmod != NULL && IsA(typmod, Const) && !typmod->constisnull ? DatumGetInt32(typmod->constvalue) : 0;
}

/* A cast that a mask of mask_fpe may go through, noted; what is in it, or NULL: it is none. */
static Expr *
uncast(Expr *expr, Casts *casts)
{
	FuncExpr   *cast = (FuncExpr *) expr;
	int32		typmod;

	if (expr == NULL || !IsA(expr, FuncExpr))
		return NULL;
	if (cast->funcid == F_TEXT_BPCHAR)
		casts->blanks = true;
	else if (cast->funcid == F_VARCHAR_VARCHAR_INT4_BOOL || cast->funcid == F_BPCHAR_BPCHAR_INT4_BOOL)
	{
		typmod = typmod_argument(cast);
		casts->blanks |= cast->funcid == F_BPCHAR_BPCHAR_INT4_BOOL;
		casts->shortest = casts->shortest < 0 ? typmod : Min(casts->shortest, typmod);
	}
	else if (lh_mask_is_fit(cast->funcid))
	{
		typmod = typmod_argument(cast);
		casts->differ |= casts->fit >= 0 && casts->fit != typmod;
		casts->fit = typmod;
	}
	else
		return NULL;
	return linitial(cast->args);
}

static Node *
put_fallback(Node *node, void *context)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, PlaceHolderVar))
		return put_fallback((Node *) ((PlaceHolderVar *) node)->phexpr, context);
	if (IsA(node, CoalesceExpr))
		return copyObject(lsecond(((CoalesceExpr *) node)->args));
	return expression_tree_mutator(node, put_fallback, context);
}

/* What the whole mask is where coalesce(mask_fpe(...), constant) in it is the constant; NULL: that is not known. */
static const Const *
fallback_of(PlannerInfo *root, Expr *mask)
{
	Node	   *shown = eval_const_expressions(root, put_fallback((Node *) mask, NULL));

	return IsA(shown, Const) ? (const Const *) shown : NULL;
}

/* Is the column of a type of which the mask's casts leave each token what it is? */
static bool
column_of(const Var *var, const Casts *casts, Bijective *out)
{
	int32		typmod = var->vartypmod;
	int32		precision;

	/* tokens are as long as values */
	if (casts->shortest >= 0 && casts->shortest < (typmod < 0 ? PG_INT32_MAX : typmod))
		return false;
	if (out->type == BPCHAROID)
	{
		out->size = typmod - VARHDRSZ;
		return out->size > 0 && out->size <= MOST_CHARACTERS;
	}
	if (casts->blanks)
		return false;
	if (out->type != NUMERICOID)
		return casts->fit < 0;

	/*
	 * 1.0 and 1.00 are equal, and have other tokens: all values of the column have one scale.  Of one with fewer digits than
	 * places after the point some tokens do not fit.
	 */
	if (typmod < (int32) VARHDRSZ || casts->differ || (casts->fit >= 0 && casts->fit != typmod))
		return false;
	precision = ((typmod - VARHDRSZ) >> 16) & 0xffff;
	out->size = (((typmod - VARHDRSZ) & 0x7ff) ^ 1024) - 1024;
	return out->size >= 0 && out->size < precision;
}

/* Is it mask_fpe of a column of the relation, perhaps with a constant for rows without a token, and nothing more? */
static bool
bijective(PlannerInfo *root, Expr *expr, Index relid, Bijective *out)
{
	Casts		casts = {.shortest = -1, .fit = -1};
	Expr	   *mask,
			   *inner;
	FuncExpr   *call;
	Var		   *var;

	memset(out, 0, sizeof(Bijective));
	out->size = -1;
	mask = expr;
	expr = unlabelled(expr);
	/* text of char(n), as for comparisons with text */
	if (expr != NULL && IsA(expr, FuncExpr) && ((FuncExpr *) expr)->funcid == F_TEXT_BPCHAR &&
		IsA(unlabelled(linitial(((FuncExpr *) expr)->args)), PlaceHolderVar))
		expr = unlabelled(uncast(expr, &casts));
	if (expr != NULL && IsA(expr, PlaceHolderVar))
		expr = unlabelled(((PlaceHolderVar *) expr)->phexpr);
	while (expr != NULL)
	{
		if (IsA(expr, CoalesceExpr))
		{
			List	   *args = ((CoalesceExpr *) expr)->args;

			if (out->fallback != NULL || list_length(args) != 2 || !IsA(lsecond(args), Const) ||
				(out->fallback = fallback_of(root, mask)) == NULL)
				return false;
			inner = linitial(args);
		}
		else if ((inner = uncast(expr, &casts)) == NULL)
			break;
		expr = unlabelled(inner);
	}
	if (expr == NULL || !IsA(expr, FuncExpr))
		return false;
	call = (FuncExpr *) expr;
	if (list_length(call->args) != 3 || !lh_mask_is_fpe(call->funcid))
		return false;
	var = (Var *) unlabelled(linitial(call->args));
	out->domain = lsecond(call->args);
	out->type = call->funcresulttype;
	if (IsA(var, FuncExpr) && ((FuncExpr *) var)->funcid == F_TEXT_BPCHAR)
	{
		var = (Var *) unlabelled(linitial(((FuncExpr *) var)->args));
		out->type = BPCHAROID;
	}
	if (!IsA(var, Var) || var->varno != relid || var->varlevelsup != 0 || var->varattno <= 0 || !IsA(out->domain, Const))
		return false;
	out->attnum = var->varattno;
	return column_of(var, &casts, out);
}

/* ---- conditions ---- */

/* Equality that holds for the very same values alone, of columns as above. */
static bool
same_only(Oid function, Oid collation)
{
	switch (function)
	{
		case F_TEXTEQ:
		case F_BPCHAREQ:
			return OidIsValid(collation) && get_collation_isdeterministic(collation);
		case F_INT8EQ:
		case F_INT4EQ:
		case F_INT48EQ:
		case F_INT84EQ:
		case F_UUID_EQ:
		case F_DATE_EQ:
		case F_NUMERIC_EQ:
			return true;
		default:
			return false;
	}
}

/* The token as the mask's type, or an array of these; NULL: it is of another, and not narrower. */
static Expr *
token_as(Expr *token, Oid type)
{
	Oid			is = exprType((Node *) token);

	if (is == type)
		return token;
	if (type == INT8OID && is == INT4OID)
		return (Expr *) makeFuncExpr(F_INT8_INT4, INT8OID, list_make1(token), InvalidOid, InvalidOid, COERCE_IMPLICIT_CAST);
	if ((type == BPCHAROID && is == TEXTOID) || (type == BPCHARARRAYOID && is == TEXTARRAYOID))
		return (Expr *) makeRelabelType(token, type, -1, exprCollation((Node *) token), COERCE_IMPLICIT_CAST);
	return NULL;
}

static Expr *
array_of(Expr *token)
{
	ArrayExpr  *array = makeNode(ArrayExpr);

	array->element_typeid = exprType((Node *) token);
	array->array_typeid = get_array_type(array->element_typeid);
	array->array_collid = exprCollation((Node *) token);
	array->elements = list_make1(token);
	array->location = -1;
	return (Expr *) array;
}

/* Known where the scan begins? */
static bool
outside(PlannerInfo *root, Node *expr, Index relid)
{
	return !bms_is_member(relid, pull_varnos(root, expr)) && !contain_volatile_functions(expr) && !contain_subplans(expr);
}

/*
 * May the rows asked for be such as have no token, which no index finds?  Only where it is known while planning that they
 * are not: "mask = token" with the fallback for the mask, of which nothing is raw, is false or NULL.
 */
static bool
may_fall_back(PlannerInfo *root, const Expr *clause, bool mask_first, const Const *fallback)
{
	Expr	   *asked;
	List	   *args;
	Node	   *answer;

	if (fallback == NULL)
		return false;
	asked = copyObject((Expr *) clause);
	args = IsA(asked, OpExpr) ? ((OpExpr *) asked)->args : ((ScalarArrayOpExpr *) asked)->args;
	lfirst(mask_first ? list_head(args) : list_second_cell(args)) = copyObject((Const *) fallback);
	answer = eval_const_expressions(root, (Node *) asked);
	return !IsA(answer, Const) || (!((Const *) answer)->constisnull && DatumGetBool(((Const *) answer)->constvalue));
}

static bool
lookup_operands(PlannerInfo *root, Index relid, List *args, bool mask_first, Lookup *out)
{
	Expr	   *mask = mask_first ? linitial(args) : lsecond(args);
	Expr	   *token = mask_first ? lsecond(args) : linitial(args);

	if (!bijective(root, mask, relid, &out->mask) || !outside(root, (Node *) token, relid) ||
		may_fall_back(root, out->rinfo->clause, mask_first, out->mask.fallback))
		return false;
	token = token_as(copyObject(token), out->any ? get_array_type(out->mask.type) : out->mask.type);
	/* one token of char(n) may be of several values */
	if (token != NULL && out->mask.type == BPCHAROID && !out->any)
	{
		out->any = true;
		token = array_of(token);
	}
	out->value = token != NULL ? lh_mask_inverse(token, out->mask.size, copyObject(out->mask.domain)) : NULL;
	return out->value != NULL;
}

static bool
lookup_of(PlannerInfo *root, RestrictInfo *rinfo, Index relid, Lookup *out)
{
	memset(out, 0, sizeof(Lookup));
	out->rinfo = rinfo;
	if (rinfo->pseudoconstant || rinfo->security_level > 0)
		return false;
	if (IsA(rinfo->clause, OpExpr))
	{
		OpExpr	   *op = (OpExpr *) rinfo->clause;

		return list_length(op->args) == 2 && same_only(get_opcode(op->opno), op->inputcollid) &&
			(lookup_operands(root, relid, op->args, true, out) || lookup_operands(root, relid, op->args, false, out));
	}
	if (IsA(rinfo->clause, ScalarArrayOpExpr))
	{
		ScalarArrayOpExpr *op = (ScalarArrayOpExpr *) rinfo->clause;

		out->any = true;
		return op->useOr && same_only(get_opcode(op->opno), op->inputcollid) &&
			lookup_operands(root, relid, op->args, true, out);
	}
	return false;
}

/* ---- paths ---- */

/* Equality of the index's first column and the value; InvalidOid: the index is not for this. */
static Oid
index_operator(const IndexOptInfo *index, const Lookup *lookup)
{
	bool		btree = index->relam == BTREE_AM_OID;
	Oid			op;

	if ((!btree && index->relam != HASH_AM_OID) || (index->indpred != NIL && !index->predOK) || index->nkeycolumns < 1 ||
		index->indexkeys[0] != lookup->mask.attnum || (lookup->any && !index->amsearcharray))
		return InvalidOid;
	op = get_opfamily_member(index->opfamily[0], index->opcintype[0], lookup->mask.type,
							 btree ? BTEqualStrategyNumber : HTEqualStrategyNumber);
	return OidIsValid(op) && same_only(get_opcode(op), index->indexcollations[0]) ? op : InvalidOid;
}

static double
how_many(const Lookup *lookup)
{
	const Const *tokens = linitial(((FuncExpr *) lookup->value)->args);

	if (!lookup->any)
		return 1;
	if (IsA(tokens, ArrayExpr))
		return list_length(((const ArrayExpr *) tokens)->elements);
	if (!IsA(tokens, Const) || tokens->constisnull)
		return UNKNOWN_LENGTH;
	return ArrayGetNItems(ARR_NDIM(DatumGetArrayTypeP(tokens->constvalue)), ARR_DIMS(DatumGetArrayTypeP(tokens->constvalue)));
}

/* As of a column without statistics. */
static Selectivity
selectivity(const IndexOptInfo *index, const Lookup *lookup)
{
	double		distinct = index->unique && index->nkeycolumns == 1 ? index->rel->tuples : DEFAULT_NUM_DISTINCT;

	return Min(1.0, how_many(lookup) / Max(1.0, distinct));
}

/* The index's first column is the value, or one of them. */
static Expr *
condition(const IndexOptInfo *index, const Lookup *lookup, Oid op)
{
	Expr	   *column = copyObject(linitial_node(TargetEntry, index->indextlist)->expr);
	ScalarArrayOpExpr *any;
	Expr	   *equal;

	if (exprType((Node *) column) != index->opcintype[0])
		column = (Expr *) makeRelabelType(column, index->opcintype[0], -1, exprCollation((Node *) column), COERCE_IMPLICIT_CAST);
	if (!lookup->any)
	{
		equal = make_opclause(op, BOOLOID, false, column, lookup->value, InvalidOid, index->indexcollations[0]);
		set_opfuncid((OpExpr *) equal);
		return equal;
	}
	any = makeNode(ScalarArrayOpExpr);
	any->opno = op;
	any->opfuncid = get_opcode(op);
	any->useOr = true;
	any->inputcollid = index->indexcollations[0];
	any->args = list_make2(column, lookup->value);
	any->location = -1;
	return (Expr *) any;
}

/* Lossy: what was asked is asked of each row found, also where another path would take it from an equivalence. */
static IndexClause *
index_clause(PlannerInfo *root, const IndexOptInfo *index, const Lookup *lookup, Oid op)
{
	IndexClause *clause = makeNode(IndexClause);
	RestrictInfo *asked = makeNode(RestrictInfo);
	RestrictInfo *derived = make_simple_restrictinfo(root, condition(index, lookup, op));

	*asked = *lookup->rinfo;
	asked->parent_ec = NULL;
	derived->norm_selec = derived->outer_selec = selectivity(index, lookup);
	clause->rinfo = asked;
	clause->indexquals = list_make1(derived);
	clause->lossy = true;
	clause->indexcol = 0;
	return clause;
}

/* How often the scan starts, at the fewest. */
static double
loops(PlannerInfo *root, Relids outer)
{
	double		least = 0;
	int			relid = -1;

	while ((relid = bms_next_member(outer, relid)) >= 0)
	{
		RelOptInfo *rel = relid < root->simple_rel_array_size ? root->simple_rel_array[relid] : NULL;

		if (rel != NULL && rel->rows > 0 && (least == 0 || rel->rows < least))
			least = rel->rows;
	}
	return least > 0 ? least : 1;
}

static void
add_paths(PlannerInfo *root, RelOptInfo *rel, IndexOptInfo *index, const Lookup *lookup, Oid op)
{
	Relids		outer = bms_union(bms_difference(lookup->rinfo->clause_relids, rel->relids), rel->lateral_relids);
	double		count = loops(root, outer);
	IndexPath  *path;

	if (bms_is_empty(outer))
		outer = NULL;
	path = create_index_path(root, index, list_make1(index_clause(root, index, lookup, op)), NIL, NIL, NIL,
							 ForwardScanDirection, false, outer, count, false);
	add_path(rel, (Path *) create_bitmap_heap_path(root, rel, (Path *) path, outer, count, 0));
	/* else in the order of values, or of further columns of the index */
	if (!lookup->any && index->nkeycolumns == 1)
		add_path(rel, (Path *) path);
}

/* ---- all of a relation ---- */

static void
use_condition(PlannerInfo *root, RelOptInfo *rel, RestrictInfo *rinfo)
{
	Lookup		lookup;
	ListCell   *lc;

	if (!lookup_of(root, rinfo, rel->relid, &lookup))
		return;
	foreach(lc, rel->indexlist)
	{
		IndexOptInfo *index = lfirst(lc);
		Oid			op = index_operator(index, &lookup);

		if (OidIsValid(op))
			add_paths(root, rel, index, &lookup, op);
	}
}

static bool
is_mask_of(PlannerInfo *root, RelOptInfo *rel, EquivalenceClass *ec, EquivalenceMember *em, void *column)
{
	Bijective	mask;

	return !ec->ec_has_volatile && bijective(root, em->em_expr, rel->relid, &mask) && mask.attnum == *(AttrNumber *) column;
}

/* First columns of indexes, each once. */
static Bitmapset *
indexed(const RelOptInfo *rel)
{
	Bitmapset  *columns = NULL;
	ListCell   *lc;

	foreach(lc, rel->indexlist)
	{
		const IndexOptInfo *index = lfirst(lc);

		if (index->indexkeys[0] > 0)
			columns = bms_add_member(columns, index->indexkeys[0]);
	}
	return columns;
}

/* Is the table read through masks by which it may be looked up? */
static bool
applies(PlannerInfo *root, RelOptInfo *rel, RangeTblEntry *rte)
{
	LhMark		mark;
	LhSubject	subject;
	const LhEffective *effective;

	if (rel->indexlist == NIL || rte->rtekind != RTE_RELATION || rte->inh || IS_DUMMY_REL(rel) ||
		lakehouse_mask_plans != LH_MASK_PLANS_INDEX || !lh_mark_get(rte, &mark) || mark.kind != LH_MARK_MASKED)
		return false;
	subject = lh_subject();
	effective = lh_enforce_effective(mark.relid, &subject);
	if (effective == NULL)
		return false;
	/* a join within the subquery is of the filter: what comes to it is counted by node, and has rows that it hides */
	return effective->filters == NIL || bms_membership(root->all_baserels) == BMS_SINGLETON;
}

void
lh_invert_paths(PlannerInfo *root, RelOptInfo *rel, RangeTblEntry *rte)
{
	Bitmapset  *columns;
	int			column = -1;
	ListCell   *lc;

	if (lh_policy_none() || !applies(root, rel, rte))
		return;
	foreach(lc, rel->baserestrictinfo)
		use_condition(root, rel, lfirst_node(RestrictInfo, lc));
	foreach(lc, rel->joininfo)
	{
		RestrictInfo *rinfo = lfirst_node(RestrictInfo, lc);

		if (join_clause_is_movable_to(rinfo, rel))
			use_condition(root, rel, rinfo);
	}
	if (!rel->has_eclass_joins)
		return;
	columns = indexed(rel);
	while ((column = bms_next_member(columns, column)) >= 0)
	{
		AttrNumber	attnum = (AttrNumber) column;

		foreach(lc, generate_implied_equalities_for_column(root, rel, is_mask_of, &attnum, rel->lateral_referencers))
			use_condition(root, rel, lfirst_node(RestrictInfo, lc));
	}
}
