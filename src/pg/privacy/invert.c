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
 *	   the type's own, under a collation that tells apart what is not the same;
 *	2. the value is a call that is evaluated when the scan starts, or for each outer row.  It is STABLE, so it is
 *	   never evaluated while planning: what EXPLAIN or a dump of a plan shows is the token.  Its selectivity is set
 *	   here, as an estimate would evaluate it;
 *	3. not where rows are filtered or row security holds: how many rows a look-up throws away would tell of rows that are not seen;
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

/* A column and its bijective mask. */
typedef struct Bijective
{
	AttrNumber	attnum;
	Oid			type;			/* of the mask function */
	Expr	   *domain;
} Bijective;

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

/*
 * Is it mask_fpe of a column of the relation, and nothing more?  Tokens are as long as values, so a cast to varchar(n), which
 * the value has been through, does not shorten them.
 */
static bool
bijective(Expr *expr, Index relid, Bijective *out)
{
	FuncExpr   *call;
	Var		   *var;

	expr = unlabelled(expr);
	if (expr != NULL && IsA(expr, PlaceHolderVar))
		expr = unlabelled(((PlaceHolderVar *) expr)->phexpr);
	if (expr != NULL && IsA(expr, FuncExpr) && ((FuncExpr *) expr)->funcid == F_VARCHAR_VARCHAR_INT4_BOOL)
		expr = unlabelled(linitial(((FuncExpr *) expr)->args));
	if (expr == NULL || !IsA(expr, FuncExpr))
		return false;
	call = (FuncExpr *) expr;
	if (list_length(call->args) != 3 || !lh_mask_is_fpe(call->funcid))
		return false;
	var = (Var *) unlabelled(linitial(call->args));
	out->domain = lsecond(call->args);
	out->type = call->funcresulttype;
	if (!IsA(var, Var) || var->varno != relid || var->varlevelsup != 0 || var->varattno <= 0 || !IsA(out->domain, Const))
		return false;
	out->attnum = var->varattno;
	return true;
}

/* ---- conditions ---- */

/* Equality that holds for the very same values alone.  1.0 and 1.00 are equal, but have other tokens. */
static bool
same_only(Oid function, Oid collation)
{
	switch (function)
	{
		case F_TEXTEQ:
			return OidIsValid(collation) && get_collation_isdeterministic(collation);
		case F_INT8EQ:
		case F_INT4EQ:
		case F_INT48EQ:
		case F_INT84EQ:
		case F_UUID_EQ:
		case F_DATE_EQ:
			return true;
		default:
			return false;
	}
}

/* The token as the mask's type; NULL: it is of another, and not narrower. */
static Expr *
token_as(Expr *token, Oid type)
{
	Oid			is = exprType((Node *) token);

	if (is == type)
		return token;
	if (type == INT8OID && is == INT4OID)
		return (Expr *) makeFuncExpr(F_INT8_INT4, INT8OID, list_make1(token), InvalidOid, InvalidOid, COERCE_IMPLICIT_CAST);
	return NULL;
}

/* Known where the scan begins? */
static bool
outside(PlannerInfo *root, Node *expr, Index relid)
{
	return !bms_is_member(relid, pull_varnos(root, expr)) && !contain_volatile_functions(expr) && !contain_subplans(expr);
}

static bool
lookup_operands(PlannerInfo *root, Index relid, Expr *mask, Expr *token, Lookup *out)
{
	if (!bijective(mask, relid, &out->mask) || !outside(root, (Node *) token, relid))
		return false;
	token = token_as(token, out->any ? get_array_type(out->mask.type) : out->mask.type);
	out->value = token != NULL ? lh_mask_inverse(copyObject(token), copyObject(out->mask.domain)) : NULL;
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
			(lookup_operands(root, relid, linitial(op->args), lsecond(op->args), out) ||
			 lookup_operands(root, relid, lsecond(op->args), linitial(op->args), out));
	}
	if (IsA(rinfo->clause, ScalarArrayOpExpr))
	{
		ScalarArrayOpExpr *op = (ScalarArrayOpExpr *) rinfo->clause;

		out->any = true;
		return op->useOr && same_only(get_opcode(op->opno), op->inputcollid) &&
			lookup_operands(root, relid, linitial(op->args), lsecond(op->args), out);
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

	return !ec->ec_has_volatile && bijective(em->em_expr, rel->relid, &mask) && mask.attnum == *(AttrNumber *) column;
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
applies(RelOptInfo *rel, RangeTblEntry *rte)
{
	LhMark		mark;
	LhSubject	subject;
	const LhEffective *effective;

	if (rel->indexlist == NIL || rte->rtekind != RTE_RELATION || rte->inh || IS_DUMMY_REL(rel) ||
		lakehouse_mask_plans != LH_MASK_PLANS_INDEX || !lh_mark_get(rte, &mark) || mark.kind != LH_MARK_MASKED)
		return false;
	subject = lh_subject();
	effective = lh_enforce_effective(mark.relid, &subject);
	return effective != NULL && effective->filters == NIL;
}

void
lh_invert_paths(PlannerInfo *root, RelOptInfo *rel, RangeTblEntry *rte)
{
	Bitmapset  *columns;
	int			column = -1;
	ListCell   *lc;

	if (lh_policy_none() || !applies(rel, rte))
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
