/*
 * schema.c
 *		Schema elements of a footer -> nodes with levels and logical types.
 *
 *	1. parse: each element by itself; leaves get their type (logical.c), groups
 *	   the kind their annotation names (LIST, MAP, VARIANT or plain STRUCT);
 *	2. link: the depth-first list becomes a tree; from the root downwards levels
 *	   are counted, and annotations that a group's shape contradicts are dropped;
 *	3. type: from the leaves upwards the types of groups are put together.
 *
 * Lists and maps come in many historical shapes.  The rules (LogicalTypes.md,
 * "Backward-compatibility rules"), as this file applies them:
 *
 *	- LIST is a group with one repeated child.  The child itself is the element
 *	  when it is a primitive; a group with several fields; a group whose only
 *	  field is repeated (so also when it is a LIST or MAP itself); or called
 *	  "array" or "..._tuple".  Else its only field is the element.
 *	- MAP is a group with one repeated group of key and value.  MAP_KEY_VALUE on
 *	  the outer group counts as MAP.  Without a value it is a list of keys.
 *	- Any other repeated node is a list by itself, of required elements.
 *	- A group that does not have the shape of its annotation is a struct.
 *
 * Format: https://github.com/apache/parquet-format/blob/master/LogicalTypes.md
 */
#include <string.h>

#include "parquet/meta.h"

/* Fixed-length values that are wider fit no page with a few of them, nor PostgreSQL. */
#define MAX_WIDTH (INT32_C(1) << 30)

/* Has the element the type of a group?  Until pass 3 that is all type.id of a group says. */
static bool
is_group(const LhPqNode *node)
{
	return node->physical == LH_PQ_GROUP;
}

static LhStatus
check_physical(LhCtx *ctx, const LhPqNode *node, int32_t type, bool has_length)
{
	if (type < LH_PQ_BOOLEAN || type > LH_PQ_FLBA)
		LH_FAIL(ctx, LH_CORRUPT,
				"schema element %d (\"%s\"): expected a physical type from 0 to 7, found %d",
				node->index, node->name, type);
	if (node->nchildren > 0)
		LH_FAIL(ctx, LH_CORRUPT,
				"schema element %d (\"%s\"): expected a group or a column, found both: type %s and "
				"%d children",
				node->index, node->name, lh_pq_physical_name(type), node->nchildren);
	if (type == LH_PQ_FLBA && (!has_length || node->type_length < 1))
		LH_FAIL(ctx, LH_CORRUPT,
				"schema element %d (\"%s\"): expected a positive length of its fixed-length "
				"values, found %d",
				node->index, node->name, has_length ? node->type_length : 0);
	if (type == LH_PQ_FLBA && node->type_length > MAX_WIDTH)
		LH_FAIL(ctx, LH_LIMIT, "schema element %d (\"%s\"): values of %d bytes are too long",
				node->index, node->name, node->type_length);
	return LH_OK;
}

static LhStatus
check_repetition(LhCtx *ctx, const LhPqNode *node, int32_t repetition)
{
	if (repetition == 3)
		LH_FAIL(ctx, LH_UNSUPPORTED,
				"schema element %d (\"%s\"): repetition VECTOR is not supported", node->index,
				node->name);
	if (repetition < LH_PQ_REQUIRED || repetition > LH_PQ_REPEATED)
		LH_FAIL(ctx, LH_CORRUPT,
				"schema element %d (\"%s\"): expected a repetition from 0 to 2, found %d",
				node->index, node->name, repetition);
	return LH_OK;
}

/* The kind of group that an annotation asks for. */
static LhTypeId
group_kind(const LhPqLogical *logical, int converted)
{
	if (logical->id == LH_PQ_LOGICAL_LIST)
		return LH_T_LIST;
	if (logical->id == LH_PQ_LOGICAL_MAP)
		return LH_T_MAP;
	if (logical->id == LH_PQ_LOGICAL_VARIANT)
		return LH_T_VARIANT;
	if (converted == LH_PQ_CONV_LIST)
		return LH_T_LIST;
	if (converted == LH_PQ_CONV_MAP || converted == LH_PQ_CONV_MAP_KEY_VALUE)
		return LH_T_MAP;
	return LH_T_STRUCT;
}

static LhStatus
parse_element(LhCtx *ctx, LhPqAllowance *allowance, LhThrift *r, LhPqNode *node)
{
	LhThriftField f = {0};
	LhPqLogical logical = {0};
	LhSlice name = {0};
	int32_t type = LH_PQ_GROUP, repetition = LH_PQ_REQUIRED;
	bool has_type = false, has_length = false;

	while (lh_thrift_next(r, &f))
		switch (f.id)
		{
			case 1: has_type |= lh_thrift_i32(r, &f, &type); break;
			case 2: has_length |= lh_thrift_i32(r, &f, &node->type_length); break;
			case 3: lh_thrift_i32(r, &f, &repetition); break;
			case 4: lh_thrift_binary(r, &f, &name); break;
			case 5: lh_thrift_i32(r, &f, &node->nchildren); break;
			case 6: lh_thrift_i32(r, &f, &node->converted); break;
			case 7: lh_thrift_i32(r, &f, &node->scale); break;
			case 8: lh_thrift_i32(r, &f, &node->precision); break;
			case 9: lh_thrift_i32(r, &f, &node->field_id); break;
			case 10:
				if (lh_thrift_struct(r, &f))
					lh_pq_logical_parse(r, &logical);
				break;
			default: lh_thrift_skip(r, f.type);
		}
	LH_TRY(lh_thrift_status(ctx, r, "footer, schema"));
	LH_TRY(lh_pq_text(ctx, allowance, name, &node->name));
	if (node->nchildren < 0)
		LH_FAIL(ctx, LH_CORRUPT, "schema element %d (\"%s\"): expected children, found %d",
				node->index, node->name, node->nchildren);
	if (has_type)
		LH_TRY(check_physical(ctx, node, type, has_length));
	/* the root's repetition means nothing, whatever writers put there */
	if (node->index > 0)
		LH_TRY(check_repetition(ctx, node, repetition));
	LH_TRY(lh_pq_logical_text(ctx, allowance, &logical, &node->logical));
	node->physical = (LhPqPhysical) type;
	node->repetition = node->index > 0 ? (LhPqRepetition) repetition : LH_PQ_REQUIRED;
	if (has_type)
		lh_pq_leaf_type(node, &logical);
	else
		node->type.id = group_kind(&logical, node->converted);
	return LH_OK;
}

/* Is node the repeated child that makes the entries of the LIST or MAP around it? */
static bool
is_entry(const LhPqMeta *meta, const LhPqNode *node)
{
	LhTypeId around;

	if (node->parent < 0 || node->repetition != LH_PQ_REPEATED)
		return false;
	around = meta->nodes[node->parent].type.id;
	return around == LH_T_LIST || around == LH_T_MAP;
}

static bool
has_list_shape(const LhPqMeta *meta, const LhPqNode *node)
{
	return node->nchildren == 1 && node->index + 1 < meta->nnodes &&
		   meta->nodes[node->index + 1].repetition == LH_PQ_REPEATED;
}

static bool
has_map_shape(const LhPqMeta *meta, const LhPqNode *node)
{
	const LhPqNode *entry = node + 1;

	return has_list_shape(meta, node) && is_group(entry) &&
		   (entry->nchildren == 1 || entry->nchildren == 2) && entry->index + 1 < meta->nnodes &&
		   entry[1].repetition != LH_PQ_REPEATED;
}

/* Drop what a group's annotation claims and its shape denies; parents are settled before. */
static void
settle_kind(const LhPqMeta *meta, LhPqNode *node)
{
	bool entry = is_entry(meta, node);

	if (node->type.id == LH_T_LIST && !has_list_shape(meta, node))
		node->type.id = LH_T_STRUCT;
	if (node->type.id == LH_T_MAP && !has_map_shape(meta, node))
		node->type.id = LH_T_STRUCT;
	/* the format forbids repeated LIST and MAP groups outside lists */
	if (node->repetition == LH_PQ_REPEATED && !entry && node->type.id != LH_T_VARIANT)
		node->type.id = LH_T_STRUCT;
}

static void
count_levels(const LhPqMeta *meta, LhPqNode *node)
{
	const LhPqNode *parent = &meta->nodes[node->parent];

	node->max_def = parent->max_def + (node->repetition != LH_PQ_REQUIRED);
	node->max_rep = parent->max_rep + (node->repetition == LH_PQ_REPEATED);
}

/* Groups that still wait for children, outermost first. */
typedef struct OpenGroups
{
	int depth;
	int node[LH_PQ_MAX_DEPTH];
	int left[LH_PQ_MAX_DEPTH];
	int last[LH_PQ_MAX_DEPTH]; /* child so far */
} OpenGroups;

static LhStatus
link_child(LhCtx *ctx, LhPqMeta *meta, OpenGroups *open, LhPqNode *node)
{
	int top;

	while (open->depth > 0 && open->left[open->depth - 1] == 0)
		open->depth--;
	if (open->depth == 0)
		LH_FAIL(ctx, LH_CORRUPT,
				"schema: expected %d elements by the counts of children, found %d: the first that "
				"belongs nowhere is \"%s\"",
				node->index, meta->nnodes, node->name);
	top = open->depth - 1;
	node->parent = open->node[top];
	if (open->last[top] < 0)
		meta->nodes[node->parent].first_child = node->index;
	else
		meta->nodes[open->last[top]].next = node->index;
	open->last[top] = node->index;
	open->left[top]--;
	return LH_OK;
}

static LhStatus
link_nodes(LhCtx *ctx, LhPqMeta *meta)
{
	OpenGroups open;

	open.depth = 0;
	for (int i = 0; i < meta->nnodes; i++)
	{
		LhPqNode *node = &meta->nodes[i];

		if (i > 0)
		{
			LH_TRY(link_child(ctx, meta, &open, node));
			count_levels(meta, node);
		}
		if (!is_group(node))
		{
			node->leaf = meta->nleaves++;
			continue;
		}
		settle_kind(meta, node);
		if (node->nchildren == 0)
			continue;
		if (open.depth == LH_PQ_MAX_DEPTH)
			LH_FAIL(ctx, LH_LIMIT, "schema: groups are nested more than %d deep", LH_PQ_MAX_DEPTH);
		open.node[open.depth] = i;
		open.left[open.depth] = node->nchildren;
		open.last[open.depth++] = -1;
	}
	for (int d = 0; d < open.depth; d++)
		if (open.left[d] > 0)
			LH_FAIL(ctx, LH_CORRUPT,
					"schema: expected %d children of element %d (\"%s\"), found %d before the end",
					meta->nodes[open.node[d]].nchildren, open.node[d],
					meta->nodes[open.node[d]].name,
					meta->nodes[open.node[d]].nchildren - open.left[d]);
	return LH_OK;
}

static LhField
field_of(const LhPqNode *node, const char *name)
{
	return (LhField){.name = name,
					 .type = node->type,
					 .required = node->repetition != LH_PQ_OPTIONAL,
					 .field_id = node->field_id};
}

static LhStatus
set_fields(LhCtx *ctx, LhPqAllowance *allowance, LhPqNode *node, LhTypeId id, int n,
		   LhField **fields)
{
	void *p = NULL;

	if (n > 0)
		LH_TRY(lh_pq_take(ctx, allowance, (size_t) n, sizeof(LhField), &p));
	*fields = p;
	node->type = (LhType){.id = id, .lane = LH_LANE_NONE, .nfields = n, .fields = p};
	return LH_OK;
}

static LhStatus
type_struct(LhCtx *ctx, LhPqAllowance *allowance, const LhPqMeta *meta, LhPqNode *node)
{
	LhField *fields;
	int n = 0;

	LH_TRY(set_fields(ctx, allowance, node, node->type.id, node->nchildren, &fields));
	for (int i = node->first_child; i >= 0; i = meta->nodes[i].next)
		fields[n++] = field_of(&meta->nodes[i], meta->nodes[i].name);
	return LH_OK;
}

static bool
ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && strcmp(s + n - m, end) == 0;
}

/* The node of a LIST's element: its repeated child, or the only field of that. */
static int
list_element(const LhPqMeta *meta, const LhPqNode *list)
{
	const LhPqNode *entry = &meta->nodes[list->first_child];

	if (!is_group(entry) || entry->nchildren != 1)
		return entry->index;
	if (meta->nodes[entry->first_child].repetition == LH_PQ_REPEATED)
		return entry->index;
	if (strcmp(entry->name, "array") == 0 || ends_with(entry->name, "_tuple"))
		return entry->index;
	return entry->first_child;
}

static LhStatus
type_list(LhCtx *ctx, LhPqAllowance *allowance, const LhPqMeta *meta, LhPqNode *node, int element)
{
	LhField *fields;

	LH_TRY(set_fields(ctx, allowance, node, LH_T_LIST, 1, &fields));
	node->element = element;
	node->repeated = node->first_child;
	fields[0] = field_of(&meta->nodes[element], "element");
	return LH_OK;
}

static LhStatus
type_map(LhCtx *ctx, LhPqAllowance *allowance, const LhPqMeta *meta, LhPqNode *node)
{
	const LhPqNode *entry = &meta->nodes[node->first_child];
	LhField *fields;

	if (entry->nchildren == 1)
		return type_list(ctx, allowance, meta, node, entry->first_child);
	LH_TRY(set_fields(ctx, allowance, node, LH_T_MAP, 2, &fields));
	node->repeated = entry->index;
	node->element = entry->first_child;
	node->value = meta->nodes[entry->first_child].next;
	fields[0] = field_of(&meta->nodes[node->element], "key");
	fields[1] = field_of(&meta->nodes[node->value], "value");
	return LH_OK;
}

/* A repeated node that nothing around it explains: a list of what it would be by itself. */
static LhStatus
type_repeated(LhCtx *ctx, LhPqAllowance *allowance, LhPqNode *node)
{
	LhField element = field_of(node, "element");
	LhField *fields;

	element.required = true;
	LH_TRY(set_fields(ctx, allowance, node, LH_T_LIST, 1, &fields));
	fields[0] = element;
	node->element = node->index;
	node->repeated = node->index;
	return LH_OK;
}

static LhStatus
type_nodes(LhCtx *ctx, LhPqAllowance *allowance, LhPqMeta *meta)
{
	for (int i = meta->nnodes - 1; i >= 0; i--)
	{
		LhPqNode *node = &meta->nodes[i];

		if (is_group(node))
			switch (node->type.id)
			{
				case LH_T_LIST:
					LH_TRY(type_list(ctx, allowance, meta, node, list_element(meta, node)));
					break;
				case LH_T_MAP: LH_TRY(type_map(ctx, allowance, meta, node)); break;
				default: LH_TRY(type_struct(ctx, allowance, meta, node));
			}
		if (node->repetition == LH_PQ_REPEATED && !is_entry(meta, node))
			LH_TRY(type_repeated(ctx, allowance, node));
	}
	return LH_OK;
}

static LhStatus
list_leaves(LhCtx *ctx, LhPqAllowance *allowance, LhPqMeta *meta)
{
	void *p = NULL;
	int *leaves;

	LH_TRY(lh_pq_take(ctx, allowance, (size_t) meta->nleaves, sizeof(int), &p));
	leaves = p;
	for (int i = 0; i < meta->nnodes; i++)
		if (meta->nodes[i].leaf >= 0)
			leaves[meta->nodes[i].leaf] = i;
	meta->leaf_nodes = leaves;
	return LH_OK;
}

LhStatus
lh_pq_schema_parse(LhCtx *ctx, LhPqAllowance *allowance, LhThrift *r, uint32_t n, LhPqMeta *meta)
{
	void *p = NULL;

	if (n == 0)
		LH_FAIL(ctx, LH_CORRUPT, "schema: expected at least its root, found no element");
	LH_TRY(lh_pq_take(ctx, allowance, n, sizeof(LhPqNode), &p));
	meta->nodes = p;
	meta->nnodes = (int) n;
	for (int i = 0; i < meta->nnodes; i++)
	{
		LhPqNode *node = &meta->nodes[i];

		if (i % LH_PQ_POLL == 0)
			LH_TRY(lh_poll(ctx));
		node->index = i;
		node->parent = node->first_child = node->next = node->leaf = -1;
		node->element = node->value = node->repeated = -1;
		node->field_id = node->converted = -1;
		LH_TRY(parse_element(ctx, allowance, r, node));
	}
	if (!is_group(&meta->nodes[0]))
		LH_FAIL(ctx, LH_CORRUPT, "schema: expected a group as its root, found a column of type %s",
				lh_pq_physical_name(meta->nodes[0].physical));
	meta->nodes[0].type.id = LH_T_STRUCT;
	LH_TRY(link_nodes(ctx, meta));
	LH_TRY(type_nodes(ctx, allowance, meta));
	return list_leaves(ctx, allowance, meta);
}
