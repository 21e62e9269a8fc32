/*
 * compile.c
 *		A schema and what is wanted of it become a program.
 *
 * The tree is walked from the row down.  A node is wanted whole (it and all
 * below become columns), holds something wanted (a record is entered, of a map
 * some keys are picked), or is skipped.
 */
#include <stdlib.h>
#include <string.h>

#include "avro/program.h"

/* No byte. */
#define NO_BRANCH 0x100

/* What is wanted of a node. */
#define WANT_SKIP   0
#define WANT_INSIDE 1
#define WANT_WHOLE  2
#define WANT_PICK   3

typedef struct Compiler
{
	LhCtx *ctx;
	LhAvroFile *file;
	const LhAvroNode *nodes;
	LhAvroProgram *program;
	uint8_t *wanted;
	int64_t *min;
	const LhAvroWant *wants;
	int nwants;
	LhAvroColumn **columns; /* of whole nodes that lie in no list, by node */
	LhAvroPick **picks;     /* by want */
	LhBuf roots;            /* columns that become null with what is around them */
} Compiler;

/* Where columns go: their level, and whether something around them may be null. */
typedef struct Target
{
	LhAvroLevel *level;
	bool nullable;
	bool top; /* in no list */
} Target;

static LhStatus emit_skip(Compiler *c, LhAvroProg *prog, int node);
static LhStatus emit(Compiler *c, LhAvroProg *prog, int node, Target target);
static LhStatus
emit_whole(Compiler *c, LhAvroProg *prog, int node, Target target, LhAvroColumn **out);

/* ---- programs ---- */

static LhStatus
prog_begin(Compiler *c, LhAvroProg *prog)
{
	*prog = (LhAvroProg){.weight = 1};
	return lh_buf_init(c->ctx, &prog->buf, false);
}

static LhStatus
prog_create(Compiler *c, LhAvroProg **out)
{
	LH_NEW(c->ctx, *out);
	return prog_begin(c, *out);
}

static void
prog_end(LhAvroProg *prog)
{
	prog->n = (int) (prog->buf.len / sizeof(LhAvroOp));
	prog->ops = (const LhAvroOp *) (const void *) prog->buf.data;
}

/* Of a program that fills a level: when all its columns are known. */
static void
weigh(LhAvroProg *prog, const LhAvroLevel *level)
{
	prog->weight = 1 + level->columns.len / sizeof(LhAvroColumn *);
}

static int
count_ops(const LhAvroProg *prog)
{
	return (int) (prog->buf.len / sizeof(LhAvroOp));
}

static LhAvroOp *
op_at(LhAvroProg *prog, int i)
{
	return (LhAvroOp *) (void *) prog->buf.data + i;
}

static LhStatus
add_op(Compiler *c, LhAvroProg *prog, LhAvroOp op)
{
	return lh_buf_append(c->ctx, &prog->buf, &op, sizeof(op));
}

static LhStatus
add_column_op(Compiler *c, LhAvroProg *prog, LhAvroOpCode code, int node, size_t n,
			  LhAvroColumn *column)
{
	return add_op(c, prog, (LhAvroOp){.code = code, .node = node, .n = n, .column = column});
}

/* n more of a skip, together with the one before where that is of its kind. */
static LhStatus
add_skip(Compiler *c, LhAvroProg *prog, LhAvroOpCode code, int node, size_t n)
{
	int last = count_ops(prog) - 1;

	if (n == 0)
		return LH_OK;
	if (last >= prog->barrier && op_at(prog, last)->code == code)
	{
		op_at(prog, last)->n += n;
		return LH_OK;
	}
	return add_op(c, prog, (LhAvroOp){.code = code, .node = node, .n = n});
}

/* ---- unions with null ---- */

static size_t
count_roots(const Compiler *c)
{
	return c->roots.len / sizeof(LhAvroColumn *);
}

static LhStatus
add_root(Compiler *c, LhAvroColumn *column)
{
	return lh_buf_append(c->ctx, &c->roots, &column, sizeof(column));
}

/* The branch of a nullable value; *at says where, for end_nullable. */
static LhStatus
begin_nullable(Compiler *c, LhAvroProg *prog, int node, int *at)
{
	const LhAvroNode *nd = &c->nodes[node];
	int value = nd->kind == LH_AVRO_NULL ? -1 : nd->null_branch == 0 ? 1 : 0;
	LhAvroNullable *nullable;

	LH_NEW(c->ctx, nullable);
	nullable->null_byte = nd->null_branch < 0 ? NO_BRANCH : (uint16_t) (nd->null_branch * 2);
	nullable->value_byte = value < 0 ? NO_BRANCH : (uint16_t) (value * 2);
	*at = count_ops(prog);
	return add_op(c, prog,
				  (LhAvroOp){.code = LH_AVRO_OP_NULLABLE, .node = node, .nullable = nullable});
}

/* Null jumps to here, and makes the columns null that were added since there were "roots". */
static LhStatus
end_nullable(Compiler *c, LhAvroProg *prog, int at, size_t roots)
{
	LhAvroNullable *nullable = op_at(prog, at)->nullable;
	size_t n = count_roots(c) - roots;

	op_at(prog, at)->n = (size_t) (count_ops(prog) - at - 1);
	prog->barrier = count_ops(prog);
	if (n > 0)
	{
		nullable->columns = lh_memdup(c->ctx, (LhAvroColumn **) (void *) c->roots.data + roots,
									  n * sizeof(LhAvroColumn *));
		if (nullable->columns == NULL)
			return c->ctx->error->code;
	}
	nullable->ncolumns = (int) n;
	return LH_OK;
}

/* ---- skips ---- */

/* How the items whose program is body are skipped fastest. */
static void
choose_shape(LhAvroItems *items)
{
	const LhAvroOp *ops = items->body->ops;
	int n = items->body->n;

	items->shape = LH_AVRO_ITEMS_ANY;
	if (n == 0)
		items->shape = LH_AVRO_ITEMS_FIXED;
	else if (n == 1 && ops[0].code == LH_AVRO_OP_SKIP_FIXED)
		items->shape = LH_AVRO_ITEMS_FIXED;
	else if (n == 1 && ops[0].code == LH_AVRO_OP_SKIP_VARINTS)
		items->shape = LH_AVRO_ITEMS_VARINTS;
	else if (n == 2 && ops[0].code == LH_AVRO_OP_SKIP_VARINTS && ops[0].n == 1 &&
			 ops[1].code == LH_AVRO_OP_SKIP_BYTES && ops[1].n == 1)
		items->shape = LH_AVRO_ITEMS_VARINT_BYTES;
	if (n == 1 && items->shape != LH_AVRO_ITEMS_ANY)
		items->n = ops[0].n;
}

/* Items of an array or map as skips. */
static LhStatus
make_skip_items(Compiler *c, int node, LhAvroItems *items)
{
	LH_TRY(prog_create(c, &items->body));
	for (int i = c->nodes[node].first_child; i >= 0; i = c->nodes[i].next)
	{
		LH_TRY(emit_skip(c, items->body, i));
		items->min += c->min[i];
	}
	prog_end(items->body);
	choose_shape(items);
	return LH_OK;
}

static LhStatus
emit_skip_items(Compiler *c, LhAvroProg *prog, int node)
{
	LhAvroItems *items;

	LH_NEW(c->ctx, items);
	LH_TRY(make_skip_items(c, node, items));
	return add_op(c, prog, (LhAvroOp){.code = LH_AVRO_OP_SKIP_ITEMS, .node = node, .items = items});
}

/* Programs of a union's branches; those that are null have none. */
static LhStatus
branches_create(Compiler *c, int node, LhAvroBranches **out)
{
	const LhAvroNode *nd = &c->nodes[node];
	LhAvroBranches *branches;

	LH_NEW(c->ctx, branches);
	branches->n = nd->nbranches;
	branches->null_branch = nd->null_branch;
	LH_NEW_ARRAY(c->ctx, branches->progs, (size_t) nd->nbranches);
	for (int i = 0; i < nd->nbranches; i++)
		if (i != nd->null_branch)
			LH_TRY(prog_create(c, &branches->progs[i]));
	*out = branches;
	return LH_OK;
}

/* Number of the branch that is member number i. */
static int
branch_of(const LhAvroNode *node, int i)
{
	return node->null_branch >= 0 && i >= node->null_branch ? i + 1 : i;
}

static LhStatus
emit_skip_union(Compiler *c, LhAvroProg *prog, int node)
{
	LhAvroBranches *branches;
	int i = 0;

	LH_TRY(branches_create(c, node, &branches));
	for (int m = c->nodes[node].first_child; m >= 0; m = c->nodes[m].next, i++)
	{
		LhAvroProg *member = branches->progs[branch_of(&c->nodes[node], i)];

		LH_TRY(emit_skip(c, member, m));
		prog_end(member);
	}
	return add_op(c, prog,
				  (LhAvroOp){.code = LH_AVRO_OP_SKIP_UNION, .node = node, .branches = branches});
}

static LhStatus
emit_skip_value(Compiler *c, LhAvroProg *prog, int node)
{
	const LhAvroNode *nd = &c->nodes[node];

	switch (nd->kind)
	{
		case LH_AVRO_NULL: return LH_OK;
		case LH_AVRO_BOOLEAN: return add_skip(c, prog, LH_AVRO_OP_SKIP_FIXED, node, 1);
		case LH_AVRO_FLOAT: return add_skip(c, prog, LH_AVRO_OP_SKIP_FIXED, node, 4);
		case LH_AVRO_DOUBLE: return add_skip(c, prog, LH_AVRO_OP_SKIP_FIXED, node, 8);
		case LH_AVRO_FIXED:
			return add_skip(c, prog, LH_AVRO_OP_SKIP_FIXED, node, (size_t) nd->size);
		case LH_AVRO_INT:
		case LH_AVRO_LONG:
		case LH_AVRO_ENUM: return add_skip(c, prog, LH_AVRO_OP_SKIP_VARINTS, node, 1);
		case LH_AVRO_BYTES:
		case LH_AVRO_STRING: return add_skip(c, prog, LH_AVRO_OP_SKIP_BYTES, node, 1);
		case LH_AVRO_ARRAY:
		case LH_AVRO_MAP: return emit_skip_items(c, prog, node);
		case LH_AVRO_UNION: return emit_skip_union(c, prog, node);
		default:
			for (int i = nd->first_child; i >= 0; i = c->nodes[i].next)
				LH_TRY(emit_skip(c, prog, i));
			return LH_OK;
	}
}

/* All of a node, its branch included. */
static LhStatus
emit_skip(Compiler *c, LhAvroProg *prog, int node)
{
	int at = 0;

	if (c->nodes[node].nbranches == 0 || c->nodes[node].kind == LH_AVRO_UNION)
		return emit_skip_value(c, prog, node);
	LH_TRY(begin_nullable(c, prog, node, &at));
	LH_TRY(emit_skip_value(c, prog, node));
	return end_nullable(c, prog, at, count_roots(c));
}

/* ---- values ---- */

static LhAvroOpCode
decimal_op(const LhAvroNode *node)
{
	bool is_fixed = node->kind == LH_AVRO_FIXED;

	switch (node->type.lane)
	{
		case LH_LANE_I64: return is_fixed ? LH_AVRO_OP_FDEC64 : LH_AVRO_OP_DEC64;
		case LH_LANE_I128: return is_fixed ? LH_AVRO_OP_FDEC128 : LH_AVRO_OP_DEC128;
		default: return is_fixed ? LH_AVRO_OP_FDEC_WIDE : LH_AVRO_OP_DEC_WIDE;
	}
}

/* The operation that decodes a value which is not nested. */
static LhAvroOpCode
leaf_op(const LhAvroNode *node)
{
	if (node->type.id == LH_T_DECIMAL)
		return decimal_op(node);
	switch (node->kind)
	{
		case LH_AVRO_BOOLEAN: return LH_AVRO_OP_BOOL;
		case LH_AVRO_INT:
			return node->type.lane == LH_LANE_I64 ? LH_AVRO_OP_INT_LONG : LH_AVRO_OP_INT;
		case LH_AVRO_LONG: return LH_AVRO_OP_LONG;
		case LH_AVRO_FLOAT: return LH_AVRO_OP_FLOAT;
		case LH_AVRO_DOUBLE: return LH_AVRO_OP_DOUBLE;
		case LH_AVRO_FIXED: return LH_AVRO_OP_FIXED;
		case LH_AVRO_ENUM: return LH_AVRO_OP_ENUM;
		case LH_AVRO_STRING:
			return node->type.id == LH_T_UUID ? LH_AVRO_OP_UUID_TEXT : LH_AVRO_OP_BYTES;
		default: return LH_AVRO_OP_BYTES;
	}
}

static LhStatus
emit_leaf(Compiler *c, LhAvroProg *prog, int node, LhAvroColumn *column)
{
	const LhAvroNode *nd = &c->nodes[node];
	size_t n = nd->kind == LH_AVRO_ENUM ? (size_t) nd->nsymbols : (size_t) nd->size;

	if (nd->kind == LH_AVRO_NULL)
		return LH_OK;
	if (nd->kind == LH_AVRO_FIXED && nd->size > LH_AVRO_MAX_FIXED)
		LH_FAIL(c->ctx, LH_LIMIT,
				"\"%s\": field \"%.200s\" is a fixed of %d bytes, the limit is %d",
				c->file->meta.path, nd->name, nd->size, LH_AVRO_MAX_FIXED);
	return add_column_op(c, prog, leaf_op(nd), node, n, column);
}

static LhStatus
need_children(Compiler *c, int node, LhAvroColumn *column)
{
	column->nchildren = c->nodes[node].nchildren;
	LH_NEW_ARRAY(c->ctx, column->children, (size_t) column->nchildren);
	LH_NEW_ARRAY(c->ctx, column->vecs, (size_t) column->nchildren);
	return LH_OK;
}

/* Pairs that have loops of their own: Iceberg's counts and bounds. */
static LhAvroShape
pair_shape(const LhAvroProg *body)
{
	if (body->n == 2 && body->ops[0].code == LH_AVRO_OP_INT)
	{
		if (body->ops[1].code == LH_AVRO_OP_LONG)
			return LH_AVRO_ITEMS_VARINTS;
		if (body->ops[1].code == LH_AVRO_OP_BYTES)
			return LH_AVRO_ITEMS_VARINT_BYTES;
	}
	return LH_AVRO_ITEMS_ANY;
}

static LhStatus
emit_list(Compiler *c, LhAvroProg *prog, int node, LhAvroColumn *column)
{
	LhAvroItems *items;
	Target inside = {0};
	int n = 0;

	LH_NEW(c->ctx, items);
	LH_TRY(prog_create(c, &items->body));
	LH_TRY(lh_avro_level_create(c->ctx, c->program, &items->level));
	items->column = column;
	column->items = inside.level = items->level;
	for (int i = c->nodes[node].first_child; i >= 0; i = c->nodes[i].next)
	{
		LH_TRY(emit_whole(c, items->body, i, inside, &column->children[n++]));
		items->min += c->min[i];
	}
	prog_end(items->body);
	weigh(items->body, items->level);
	items->shape = pair_shape(items->body);
	return add_op(c, prog, (LhAvroOp){.code = LH_AVRO_OP_LIST, .node = node, .items = items});
}

static LhStatus
emit_union(Compiler *c, LhAvroProg *prog, int node, LhAvroColumn *column, Target target)
{
	LhAvroBranches *branches;
	int n = 0;

	target.nullable = true;
	LH_TRY(branches_create(c, node, &branches));
	branches->column = column;
	for (int m = c->nodes[node].first_child; m >= 0; m = c->nodes[m].next, n++)
	{
		LhAvroProg *member = branches->progs[branch_of(&c->nodes[node], n)];

		LH_TRY(emit_whole(c, member, m, target, &column->children[n]));
		prog_end(member);
	}
	return add_op(c, prog,
				  (LhAvroOp){.code = LH_AVRO_OP_UNION, .node = node, .branches = branches});
}

static LhStatus
emit_record(Compiler *c, LhAvroProg *prog, int node, LhAvroColumn *column, Target target)
{
	int n = 0;

	for (int i = c->nodes[node].first_child; i >= 0; i = c->nodes[i].next)
		LH_TRY(emit_whole(c, prog, i, target, &column->children[n++]));
	return LH_OK;
}

static LhStatus
emit_value(Compiler *c, LhAvroProg *prog, int node, LhAvroColumn *column, Target target)
{
	const LhAvroNode *nd = &c->nodes[node];

	if (nd->kind < LH_AVRO_RECORD)
		return emit_leaf(c, prog, node, column);
	LH_TRY(need_children(c, node, column));
	switch (nd->kind)
	{
		case LH_AVRO_ARRAY:
		case LH_AVRO_MAP: return emit_list(c, prog, node, column);
		case LH_AVRO_UNION: return emit_union(c, prog, node, column, target);
		default: return emit_record(c, prog, node, column, target);
	}
}

/* A node and all below it as columns. */
static LhStatus
emit_whole(Compiler *c, LhAvroProg *prog, int node, Target target, LhAvroColumn **out)
{
	const LhAvroNode *nd = &c->nodes[node];
	size_t roots = count_roots(c);
	LhAvroColumn *column;
	int at = 0;

	target.nullable = target.nullable || nd->nullable;
	LH_TRY(
		lh_avro_column_create(c->ctx, target.level, &nd->type, nd->dict, target.nullable, &column));
	if (target.top)
		c->columns[node] = column;
	*out = column;
	if (nd->nbranches == 0 || nd->kind == LH_AVRO_UNION)
		return emit_value(c, prog, node, column, target);
	LH_TRY(begin_nullable(c, prog, node, &at));
	LH_TRY(emit_value(c, prog, node, column, target));
	c->roots.len = roots * sizeof(LhAvroColumn *);
	LH_TRY(add_root(c, column));
	LH_TRY(end_nullable(c, prog, at, roots));
	c->roots.len = roots * sizeof(LhAvroColumn *);
	return LH_OK;
}

/* ---- keys of maps ---- */

static int
compare_keys(const void *a, const void *b)
{
	int32_t x = *(const int32_t *) a, y = *(const int32_t *) b;

	return (x > y) - (x < y);
}

/* Sorted keys with their slots, and the table of small ones. */
static LhStatus
index_keys(Compiler *c, const LhAvroWant *want, LhAvroPick *pick)
{
	int32_t *keys;
	int *slots;

	LH_NEW_ARRAY(c->ctx, keys, (size_t) want->nkeys);
	LH_NEW_ARRAY(c->ctx, slots, (size_t) want->nkeys);
	memcpy(keys, want->keys, (size_t) want->nkeys * sizeof(int32_t));
	qsort(keys, (size_t) want->nkeys, sizeof(int32_t), compare_keys);
	memset(pick->small, 0xff, sizeof(pick->small));
	for (int i = 0; i < want->nkeys; i++)
	{
		int32_t key = want->keys[i];
		const int32_t *at =
			bsearch(&key, keys, (size_t) want->nkeys, sizeof(int32_t), compare_keys);

		slots[at - keys] = i;
		if (key >= 0 && key < LH_AVRO_SMALL_KEYS)
			pick->small[key] = (int16_t) i;
	}
	for (int i = 1; i < want->nkeys; i++)
		if (keys[i] == keys[i - 1])
			LH_FAIL(c->ctx, LH_INVALID, "key %d of a map is wanted twice", keys[i]);
	pick->n = want->nkeys;
	pick->keys = keys;
	pick->slots = slots;
	return LH_OK;
}

/* Column and program of each key's value. */
static LhStatus
pick_values(Compiler *c, int value, Target target, LhAvroPick *pick)
{
	const LhAvroNode *nd = &c->nodes[value];
	LhAvroOpCode op = leaf_op(nd);
	size_t roots = count_roots(c);

	LH_NEW_ARRAY(c->ctx, pick->columns, (size_t) pick->n);
	LH_NEW_ARRAY(c->ctx, pick->progs, (size_t) pick->n);
	target.nullable = true;
	target.top = false;
	for (int i = 0; i < pick->n; i++)
	{
		LH_TRY(prog_create(c, &pick->progs[i]));
		LH_TRY(emit_whole(c, pick->progs[i], value, target, &pick->columns[i]));
		prog_end(pick->progs[i]);
	}
	pick->value = LH_AVRO_OP_PICK;
	if (nd->nbranches == 0 && (op == LH_AVRO_OP_LONG || op == LH_AVRO_OP_BYTES))
		pick->value = op;
	c->roots.len = roots * sizeof(LhAvroColumn *);
	for (int i = 0; i < pick->n; i++)
		LH_TRY(add_root(c, pick->columns[i]));
	return LH_OK;
}

/* Is the node a map of which keys can be picked? */
static bool
can_pick(const LhAvroNode *nodes, int node)
{
	const LhAvroNode *key, *value;

	if (nodes[node].type.id != LH_T_MAP || nodes[node].nchildren != 2)
		return false;
	key = &nodes[nodes[node].first_child];
	value = &nodes[key->next];
	return key->nbranches == 0 && (key->type.id == LH_T_INT32 || key->type.id == LH_T_INT64) &&
		   !lh_type_is_nested(&value->type) && value->type.id != LH_T_NULL;
}

static LhStatus
emit_pick(Compiler *c, LhAvroProg *prog, int node, Target target)
{
	int key = c->nodes[node].first_child;
	int value = c->nodes[key].next;
	LhAvroPick *pick;
	int w = 0;

	while (c->wants[w].node != node)
		w++;
	LH_NEW(c->ctx, pick);
	LH_TRY(index_keys(c, &c->wants[w], pick));
	LH_TRY(make_skip_items(c, node, &pick->skip));
	LH_TRY(prog_create(c, &pick->skip_value));
	LH_TRY(emit_skip(c, pick->skip_value, value));
	prog_end(pick->skip_value);
	pick->narrow = c->nodes[key].kind == LH_AVRO_INT;
	LH_TRY(pick_values(c, value, target, pick));
	c->picks[w] = pick;
	return add_op(c, prog, (LhAvroOp){.code = LH_AVRO_OP_PICK, .node = node, .pick = pick});
}

/* ---- the tree ---- */

/* A node that is not wanted whole but holds something that is. */
static LhStatus
emit_inside(Compiler *c, LhAvroProg *prog, int node, Target target)
{
	size_t roots = count_roots(c);
	bool branch = c->nodes[node].nbranches > 0;
	int at = 0;

	target.nullable = target.nullable || c->nodes[node].nullable;
	if (branch)
		LH_TRY(begin_nullable(c, prog, node, &at));
	if (c->wanted[node] == WANT_PICK)
		LH_TRY(emit_pick(c, prog, node, target));
	else
		for (int i = c->nodes[node].first_child; i >= 0; i = c->nodes[i].next)
			LH_TRY(emit(c, prog, i, target));
	return branch ? end_nullable(c, prog, at, roots) : LH_OK;
}

static LhStatus
emit(Compiler *c, LhAvroProg *prog, int node, Target target)
{
	LhAvroColumn *column;

	switch (c->wanted[node])
	{
		case WANT_SKIP: return emit_skip(c, prog, node);
		case WANT_WHOLE:
			LH_TRY(emit_whole(c, prog, node, target, &column));
			return add_root(c, column);
		default: return emit_inside(c, prog, node, target);
	}
}

static LhStatus
invalid(Compiler *c, int node, const char *what)
{
	const char *path;

	LH_TRY(lh_avro_path(c->ctx, c->file, node, &path));
	return lh_fail(c->ctx, LH_INVALID, "\"%s\": field \"%.200s\" %s", c->file->meta.path, path,
				   what);
}

/* Mark a wanted node and what it lies in. */
static LhStatus
mark(Compiler *c, const LhAvroWant *want)
{
	int node = want->node;

	if (node < 0 || node >= c->file->meta.nnodes || want->nkeys < 0)
		LH_FAIL(c->ctx, LH_INVALID, "\"%s\" has no node %d", c->file->meta.path, node);
	if (want->nkeys > INT16_MAX)
		return invalid(c, node, "has more keys that are wanted than 32767");
	if (want->nkeys > 0 && !can_pick(c->nodes, node))
		return invalid(c, node, "is no map from numbers to flat values: its keys cannot be picked");
	if (c->wanted[node] == WANT_PICK || (want->nkeys > 0 && c->wanted[node] != WANT_SKIP))
		return invalid(c, node, "is wanted twice, and at least once by its keys");
	c->wanted[node] = want->nkeys > 0 ? WANT_PICK : WANT_WHOLE;
	while ((node = c->nodes[node].parent) >= 0)
	{
		if (c->nodes[node].kind != LH_AVRO_RECORD)
			return invalid(c, want->node,
						   "lies in a list, map or union: only all of it can be wanted");
		if (c->wanted[node] == WANT_SKIP)
			c->wanted[node] = WANT_INSIDE;
	}
	return LH_OK;
}

/* Keys are not picked of a map that is wanted whole with something around it. */
static LhStatus
check_picks(Compiler *c)
{
	for (int i = 0; i < c->nwants; i++)
		for (int p = c->nodes[c->wants[i].node].parent; c->wants[i].nkeys > 0 && p >= 0;
			 p = c->nodes[p].parent)
			if (c->wanted[p] == WANT_WHOLE)
				return invalid(c, c->wants[i].node,
							   "is wanted twice, and at least once by its keys");
	return LH_OK;
}

static LhStatus
fill_slots(Compiler *c)
{
	LhAvroProgram *program = c->program;
	int slot = 0;

	for (int i = 0; i < c->nwants; i++)
		program->nslots += c->wants[i].nkeys > 0 ? c->wants[i].nkeys : 1;
	LH_NEW_ARRAY(c->ctx, program->slots, (size_t) program->nslots);
	LH_NEW_ARRAY(c->ctx, program->vecs, (size_t) program->nslots);
	for (int i = 0; i < c->nwants; i++)
		if (c->wants[i].nkeys == 0)
			program->slots[slot++] = c->columns[c->wants[i].node];
		else
			for (int k = 0; k < c->wants[i].nkeys; k++)
				program->slots[slot++] = c->picks[i]->columns[k];
	return LH_OK;
}

LhStatus
lh_avro_compile(LhCtx *ctx, LhAvroFile *file, int nwants, const LhAvroWant *wants,
				LhAvroProgram *out)
{
	Compiler c = {.ctx = ctx,
				  .file = file,
				  .nodes = file->meta.nodes,
				  .program = out,
				  .wants = wants,
				  .nwants = nwants};
	Target rows = {.top = true};
	size_t n = (size_t) file->meta.nnodes;

	*out = (LhAvroProgram){0};
	LH_NEW_ARRAY(ctx, c.wanted, n);
	LH_NEW_ARRAY(ctx, c.columns, n);
	LH_NEW_ARRAY(ctx, c.picks, (size_t) nwants);
	LH_TRY(lh_avro_min_sizes(ctx, &file->meta, &c.min));
	LH_TRY(lh_buf_init(ctx, &c.roots, false));
	for (int i = 0; i < nwants; i++)
		LH_TRY(mark(&c, &wants[i]));
	LH_TRY(check_picks(&c));

	LH_TRY(lh_avro_level_create(ctx, out, &rows.level));
	LH_TRY(prog_begin(&c, &out->rows));
	LH_TRY(emit(&c, &out->rows, 0, rows));
	prog_end(&out->rows);
	weigh(&out->rows, rows.level);
	LH_TRY(prog_begin(&c, &out->skip));
	LH_TRY(emit_skip(&c, &out->skip, 0));
	prog_end(&out->skip);
	lh_buf_free(&c.roots);
	return fill_slots(&c);
}
