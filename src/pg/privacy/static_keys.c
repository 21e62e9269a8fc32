/*
 * static_keys.c
 *		Keys of static copies: what foreign keys make equal has one mask, and what is unique stays so.
 *
 *	1. A mask on one side of a foreign key goes to the other side, until nothing changes: so it comes through chains,
 *	   circles and tables that refer to themselves.  A referencing column that is masked by NULL is no side: it refers to nothing.
 *	2. Then both sides have the same mask, or it is a problem.
 *	3. Each unique key has only columns as they are, or under bijections.
 */
#include "pg/privacy/static.h"
#include "pg/privacy/policy_internal.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/rel.h"

#include "pg/privacy/mask_table.h"

/* ---- masks ---- */

/* mask_fpe or mask_hash of a column itself under a domain. */
typedef struct Bijection
{
	const char *name;			/* of the function that runs */
	Datum		domain;
} Bijection;

static const Node *
relabelled(const Node *node)
{
	while (IsA(node, RelabelType))
		node = (const Node *) ((const RelabelType *) node)->arg;
	return node;
}

/* Hexadecimal digits of a mask_hash. */
#define HASH_LENGTH 64

/* The length that the node casts varchar(n) or char(n) to; -1: it is no such cast.  *inner: what is cast. */
static int
cut(const Node *node, const Node **inner)
{
	const FuncExpr *call = (const FuncExpr *) node;
	const Const *typmod;

	*inner = node;
	if (!IsA(node, FuncExpr) || list_length(call->args) != 3 ||
		(call->funcresulttype != VARCHAROID && call->funcresulttype != BPCHAROID) ||
		exprType(linitial(call->args)) != call->funcresulttype || get_func_namespace(call->funcid) != PG_CATALOG_NAMESPACE)
		return -1;
	typmod = lsecond(call->args);
	if (!IsA(typmod, Const) || typmod->constisnull)
		return -1;
	*inner = relabelled(linitial(call->args));
	return DatumGetInt32(typmod->constvalue) - VARHDRSZ;
}

static bool
bijection(const Expr *mask, Bijection *out)
{
	const Node *node;
	int			length = cut(relabelled((const Node *) mask), &node);
	const FuncExpr *call = (const FuncExpr *) node;
	const Const *domain;

	if (!IsA(node, FuncExpr) || list_length(call->args) != 3 ||
		get_func_namespace(call->funcid) != get_namespace_oid("lakehouse", true))
		return false;
	out->name = get_func_name(call->funcid);
	/* a token of a form is as long as what it stands for */
	if (strcmp(out->name, "mask_fpe_run") != 0 && (strcmp(out->name, "mask_hash_run") != 0 || (length >= 0 && length < HASH_LENGTH)))
		return false;
	if (!IsA(relabelled(linitial(call->args)), Var))
		return false;
	domain = lsecond(call->args);
	if (!IsA(domain, Const) || domain->consttype != TEXTOID || domain->constisnull)
		return false;
	out->domain = domain->constvalue;
	return true;
}

bool
lh_static_injective(const Expr *mask)
{
	Bijection	b;

	return bijection(mask, &b);
}

static bool
same_bijection(const Expr *a, const Expr *b)
{
	Bijection	x,
				y;

	return bijection(a, &x) && bijection(b, &y) && strcmp(x.name, y.name) == 0 &&
		strcmp(TextDatumGetCString(x.domain), TextDatumGetCString(y.domain)) == 0;
}

static bool
always_null(const Expr *mask)
{
	Node	   *simple;

	if (mask == NULL)
		return false;
	if (lh_policy_strength((const Node *) mask) == LH_STRENGTH_NULL)
		return true;
	simple = eval_const_expressions(NULL, copyObject((Node *) mask));
	return IsA(simple, Const) && ((Const *) simple)->constisnull;
}

/* ---- foreign keys ---- */

static const char *
place(const LhStaticTable *table, const LhStaticColumn *column)
{
	return psprintf("%s.%s", table->source, quote_identifier(column->name));
}

/* The mask of one side for the other; false: it does not fit there. */
static bool
derive(const LhStaticTable *table, const LhStaticColumn *from, LhStaticColumn *to)
{
	Expr	   *mask = copyObject(lh_static_mask(from));
	ListCell   *lc;

	if (!lh_static_injective(mask) || from->type != to->type || from->typmod != to->typmod)
		return false;
	/* pull_var_clause gives the very nodes */
	foreach(lc, pull_var_clause((Node *) mask, 0))
	{
		Var		   *var = lfirst_node(Var, lc);

		var->varattno = var->varattnosyn = to->attnum;
	}
	to->derived = mask;
	to->derived_from = place(table, from);
	return true;
}

/* One pass over all pairs; true: something was derived. */
static bool
derive_all(LhStaticPlan *plan)
{
	bool		any = false;
	ListCell   *lc;

	foreach(lc, plan->objects)
	{
		LhStaticObject *key = lfirst(lc);

		/* also where the key itself is left out: its columns are what they are */
		if (key->kind != 'f')
			continue;
		for (int i = 0; i < list_length(key->columns); i++)
		{
			LhStaticColumn *child = lh_static_column(key->table, list_nth_int(key->columns, i));
			LhStaticColumn *parent = lh_static_column(key->refers, list_nth_int(key->refers_columns, i));

			if (lh_static_mask(child) == NULL && lh_static_mask(parent) != NULL)
				any |= derive(key->refers, parent, child);
			else if (key->refers->copied && lh_static_mask(parent) == NULL && lh_static_mask(child) != NULL && !always_null(child->mask))
				any |= derive(key->table, child, parent);
		}
	}
	return any;
}

static void
check_pair(LhStaticPlan *plan, const LhStaticObject *key, const LhStaticColumn *child, const LhStaticColumn *parent)
{
	const Expr *mask = lh_static_mask(child);
	const Expr *other = lh_static_mask(parent);

	if (always_null(mask) || (mask == NULL && other == NULL))
		return;
	if (mask != NULL && other != NULL && same_bijection(mask, other))
		return;
	lh_static_problem(plan, "foreign key", key->table, key->name,
					  psprintf("%s and %s would not have the same mask: mask both by mask_fpe or mask_hash with one domain, "
							   "or %s by NULL, or name the key in \"without\"",
							   place(key->table, child), place(key->refers, parent), quote_identifier(child->name)));
}

static bool
same_columns(List *a, List *b)
{
	return list_difference_int(a, b) == NIL && list_difference_int(b, a) == NIL;
}

/* What it refers to is unique by something that is made. */
static void
check_referred(LhStaticPlan *plan, const LhStaticObject *key)
{
	const LhStaticObject *left_out = NULL;
	ListCell   *lc;

	foreach(lc, plan->objects)
	{
		const LhStaticObject *other = lfirst(lc);

		if (other->table != key->refers || !other->unique || other->expression ||
			!same_columns(other->columns, key->refers_columns))
			continue;
		if (other->left_out == NULL)
			return;
		left_out = other;
	}
	if (left_out != NULL)
		lh_static_problem(plan, "foreign key", key->table, key->name,
						  psprintf("it needs %s, which is left out: name the key in \"without\" as well", quote_identifier(left_out->name)));
}

/* Of a key that is left out: a reviewer has to see it, but nothing would be wrong in the copy. */
static void
note_unmasked(const LhStaticObject *key)
{
	for (int i = 0; i < list_length(key->columns); i++)
	{
		LhStaticColumn *child = lh_static_column(key->table, list_nth_int(key->columns, i));
		const LhStaticColumn *parent = lh_static_column(key->refers, list_nth_int(key->refers_columns, i));

		if (lh_static_mask(child) == NULL && lh_static_mask(parent) != NULL)
			child->refers_masked = place(key->refers, parent);
	}
}

static void
check_foreign_key(LhStaticPlan *plan, const LhStaticObject *key)
{
	if (key->left_out != NULL)
	{
		note_unmasked(key);
		return;
	}
	for (int i = 0; i < list_length(key->columns); i++)
		check_pair(plan, key, lh_static_column(key->table, list_nth_int(key->columns, i)),
				   lh_static_column(key->refers, list_nth_int(key->refers_columns, i)));
	check_referred(plan, key);
}

/* ---- unique keys, exclusion, NOT NULL, partitions ---- */

static void
check_unique(LhStaticPlan *plan, const LhStaticObject *object)
{
	ListCell   *lc;

	if (object->left_out != NULL || !object->unique)
		return;
	foreach(lc, object->columns)
	{
		const LhStaticColumn *column = lh_static_column(object->table, lfirst_int(lc));
		const Expr *mask = column != NULL ? lh_static_mask(column) : NULL;

		/* 0 is an expression of an exclusion constraint; what is in it is not looked for */
		if (column != NULL && mask == NULL)
			continue;
		if (column != NULL && object->kind != 'x' && !object->expression && lh_static_injective(mask))
			continue;
		lh_static_problem(plan, object->kind == 'i' ? "index" : "constraint", object->table, object->name,
						  psprintf("masks of %s can make different rows equal: mask by mask_fpe or mask_hash, or name %s in \"without\"",
								   column != NULL ? quote_identifier(column->name) : "its expressions", quote_identifier(object->name)));
	}
}

static void
check_nulls(LhStaticPlan *plan, const LhStaticTable *table)
{
	ListCell   *lc;

	foreach(lc, table->columns)
	{
		const LhStaticColumn *column = lfirst(lc);

		if (column->not_null && always_null(column->mask))
			lh_static_problem(plan, "column", table, column->name,
							  "it is NOT NULL and masked by NULL: mask it by a constant or a token");
	}
}

static void
check_partition_key(LhStaticPlan *plan, const LhStaticTable *table)
{
	Relation	rel;
	PartitionKey key;
	Bitmapset  *used = NULL;
	int			member = -1;

	if (table->partition_key == NULL)
		return;
	rel = table_open(table->relid, NoLock);
	key = RelationGetPartitionKey(rel);
	for (int i = 0; i < key->partnatts; i++)
	{
		if (key->partattrs[i] != 0)
			used = bms_add_member(used, key->partattrs[i] - FirstLowInvalidHeapAttributeNumber);
	}
	pull_varattnos((Node *) key->partexprs, 1, &used);
	table_close(rel, NoLock);
	while ((member = bms_next_member(used, member)) >= 0)
	{
		const LhStaticColumn *column = lh_static_column(table, member + FirstLowInvalidHeapAttributeNumber);

		if (column != NULL && lh_static_mask(column) != NULL)
			lh_static_problem(plan, "partition key", table, column->name,
							  "masked rows belong to other partitions, and bounds show values: take partitions => 'flatten'");
	}
}

/* Rows of a partition are copied with the root's, so they have its masks. */
static void
hand_down(const LhStaticPlan *plan, LhStaticTable *table)
{
	const LhStaticTable *parent = table->bound == NULL ? NULL : lh_static_table(plan, linitial_oid(table->parents));
	ListCell   *lc;

	foreach(lc, parent != NULL ? parent->columns : NIL)
	{
		const LhStaticColumn *from = lfirst(lc);
		ListCell   *to;

		foreach(to, table->columns)
		{
			LhStaticColumn *column = lfirst(to);

			if (lh_static_mask(from) != NULL && lh_static_mask(column) == NULL && strcmp(from->name, column->name) == 0)
				column->derived = lh_static_mask(from);
		}
	}
}

void
lh_static_keys(LhStaticPlan *plan)
{
	ListCell   *lc;

	while (derive_all(plan))
		CHECK_FOR_INTERRUPTS();
	/* parents come before their partitions */
	foreach(lc, plan->tables)
		hand_down(plan, lfirst(lc));
	foreach(lc, plan->objects)
	{
		const LhStaticObject *object = lfirst(lc);

		if (object->kind == 'f')
			check_foreign_key(plan, object);
		else
			check_unique(plan, object);
	}
	foreach(lc, plan->tables)
	{
		check_nulls(plan, lfirst(lc));
		check_partition_key(plan, lfirst(lc));
	}
}
