/*
 * schema.c
 *		The types of a footer -> nodes in depth-first order.
 *
 * Types name their children by number.  They have to be a tree: every child comes
 * behind its parent and has no other one.  That the numbers themselves are depth first, as
 * writers make them, is not needed.
 *
 *	1. each message is read into a Raw type;
 *	2. nodes are made from the root down, a kind at a time to its LhType;
 *	3. fields of nested types are put together from the leaves up.
 */
#include "orc/meta.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* Branches of a union: its tag is a byte. */
#define MAX_BRANCHES 256

typedef struct Raw
{
	int kind;
	int nchildren;
	int *children;
	int nnames;
	LhSlice *names;
	int max_length;
	int precision, scale; /* -1: not said */
	int nattributes;
	const char **attributes;
} Raw;

typedef struct Maker
{
	LhCtx *ctx;
	LhOrcAllowance *allowance;
	LhOrcMeta *meta;
	Raw *raw;
	int nraw;
	int *node_of; /* [type]: its node; -1: not met yet */
} Maker;

/*
 * Messages
 */

static void
count(LhProto *r, Raw *raw)
{
	LhProtoField f;

	while (lh_proto_next(r, &f))
		switch (f.id)
		{
			case 2:
			{
				LhProtoPacked packed;
				uint64_t v;

				lh_proto_packed(&f, &packed);
				while (lh_proto_packed_next(&packed, &v))
					raw->nchildren++;
				if (packed.in.why != NULL)
					lh_proto_fail(r, "numbers of types");
				break;
			}
			case 3: raw->nnames += f.wire == LH_PROTO_BYTES; break;
			case 7: raw->nattributes += f.wire == LH_PROTO_BYTES; break;
			default: break;
		}
}

static LhStatus
read_attribute(Maker *m, LhSlice bytes, const char **pair)
{
	LhSlice key = {0}, value = {0};
	LhProto r;
	LhProtoField f;

	lh_proto_init(&r, bytes);
	while (lh_proto_next(&r, &f))
	{
		if (f.id == 1)
			lh_proto_bytes(&f, &key);
		else if (f.id == 2)
			lh_proto_bytes(&f, &value);
	}
	LH_TRY(lh_proto_status(m->ctx, &r, "footer, an attribute"));
	LH_TRY(lh_orc_text(m->ctx, m->allowance, key, &pair[0]));
	return lh_orc_text(m->ctx, m->allowance, value, &pair[1]);
}

static LhStatus
read_type(Maker *m, int number, LhSlice bytes)
{
	LhCtx *ctx = m->ctx;
	Raw *raw = &m->raw[number];
	int children = 0, names = 0, attributes = 0;
	LhProto r;
	LhProtoField f;
	void *mem;

	raw->precision = raw->scale = -1;
	lh_proto_init(&r, bytes);
	count(&r, raw);
	LH_TRY(lh_proto_status(ctx, &r, "footer, a type"));
	LH_TRY(lh_orc_take(ctx, m->allowance, (size_t) raw->nchildren, sizeof(int), &mem));
	raw->children = mem;
	LH_TRY(lh_orc_take(ctx, m->allowance, (size_t) raw->nnames, sizeof(LhSlice), &mem));
	raw->names = mem;
	LH_TRY(lh_orc_take(ctx, m->allowance, 2 * (size_t) raw->nattributes, sizeof(char *), &mem));
	raw->attributes = mem;
	lh_proto_init(&r, bytes);
	while (lh_proto_next(&r, &f))
		switch (f.id)
		{
			case 1: lh_proto_int(&r, &f, INT32_MAX, &raw->kind); break;
			case 2:
			{
				LhProtoPacked packed;
				uint64_t v;

				lh_proto_packed(&f, &packed);
				while (lh_proto_packed_next(&packed, &v))
				{
					if (v <= (uint64_t) number || v >= (uint64_t) m->nraw)
						LH_FAIL(ctx, LH_CORRUPT,
								"footer is damaged: type %d of %d has the child %llu", number,
								m->nraw, (unsigned long long) v);
					raw->children[children++] = (int) v;
				}
				break;
			}
			case 3:
				if (f.wire == LH_PROTO_BYTES)
					raw->names[names++] = f.bytes;
				break;
			case 4: lh_proto_int(&r, &f, INT32_MAX, &raw->max_length); break;
			case 5: lh_proto_int(&r, &f, INT32_MAX, &raw->precision); break;
			case 6: lh_proto_int(&r, &f, INT32_MAX, &raw->scale); break;
			case 7:
				if (f.wire == LH_PROTO_BYTES)
					LH_TRY(read_attribute(m, f.bytes, &raw->attributes[2 * attributes++]));
				break;
			default: break;
		}
	return lh_proto_status(ctx, &r, "footer, a type");
}

/*
 * Types
 */

const char *
lh_orc_attribute(const LhOrcNode *node, const char *key)
{
	for (int i = 0; i < node->nattributes; i++)
		if (strcmp(node->attributes[2 * i], key) == 0)
			return node->attributes[2 * i + 1];
	return NULL;
}

static bool
attribute_is(const LhOrcNode *node, const char *key, const char *value)
{
	const char *found = lh_orc_attribute(node, key);

	return found != NULL && strcasecmp(found, value) == 0;
}

/* A number that an attribute holds; other text is none. */
static bool
attribute_number(const LhOrcNode *node, const char *key, int *out)
{
	const char *text = lh_orc_attribute(node, key);
	char *end;
	long v;

	if (text == NULL || *text < '0' || *text > '9')
		return false;
	v = strtol(text, &end, 10);
	if (*end != '\0' || v > INT32_MAX)
		return false;
	*out = (int) v;
	return true;
}

static LhType
plain(LhTypeId id, LhLane lane)
{
	return (LhType){.id = id, .lane = lane};
}

static LhType
timestamp_type(const LhOrcMeta *meta, LhOrcNode *node, bool utc)
{
	bool ns = meta->priv->nanoseconds || attribute_is(node, "iceberg.timestamp-unit", "NANOS");
	LhType type = {.id = LH_T_TIMESTAMP, .lane = LH_LANE_I64, .unit = LH_UNIT_US, .utc = utc};

	if (ns)
		type.unit = LH_UNIT_NS;
	if (attribute_is(node, "iceberg.timestamp-unit", "NANOS"))
		node->logical = "nanoseconds";
	return type;
}

static LhType
binary_type(LhOrcNode *node)
{
	int length;

	if (attribute_is(node, "iceberg.binary-type", "UUID"))
	{
		node->logical = "uuid";
		return (LhType){.id = LH_T_UUID, .lane = LH_LANE_FIX, .width = 16};
	}
	if (attribute_is(node, "iceberg.binary-type", "FIXED") &&
		attribute_number(node, "iceberg.length", &length) && length > 0)
	{
		node->logical = "fixed";
		return (LhType){.id = LH_T_FIXED, .lane = LH_LANE_FIX, .width = length};
	}
	return plain(LH_T_BINARY, LH_LANE_STR);
}

/* Hive 0.11 knew no precision: then 38 digits, 10 of them behind the point, as its successors take it. */
static LhStatus
decimal_type(LhCtx *ctx, const Raw *raw, const LhOrcNode *node, LhType *type)
{
	int precision = raw->precision > 0 ? raw->precision : 38;
	int scale = raw->scale >= 0 ? raw->scale : raw->precision > 0 ? 0 : 10;

	if (precision > LH_DECIMAL_MAX_PRECISION || scale > precision)
		LH_FAIL(ctx, LH_CORRUPT, "column \"%s\" is a decimal(%d,%d)", node->name, precision, scale);
	*type = (LhType){.id = LH_T_DECIMAL,
					 .lane = precision <= 18 ? LH_LANE_I64 : LH_LANE_I128,
					 .precision = (int16_t) precision,
					 .scale = (int16_t) scale};
	return LH_OK;
}

static LhStatus
leaf_type(Maker *m, const Raw *raw, LhOrcNode *node)
{
	LhType *type = &node->type;

	switch (node->kind)
	{
		case LH_ORC_BOOLEAN: *type = plain(LH_T_BOOL, LH_LANE_U8); break;
		case LH_ORC_BYTE: *type = plain(LH_T_INT8, LH_LANE_I32); break;
		case LH_ORC_SHORT: *type = plain(LH_T_INT16, LH_LANE_I32); break;
		case LH_ORC_INT: *type = plain(LH_T_INT32, LH_LANE_I32); break;
		case LH_ORC_LONG:
			*type = plain(LH_T_INT64, LH_LANE_I64);
			if (attribute_is(node, "iceberg.long-type", "TIME"))
			{
				*type = (LhType){.id = LH_T_TIME, .lane = LH_LANE_I64, .unit = LH_UNIT_US};
				node->logical = "time";
			}
			break;
		case LH_ORC_FLOAT: *type = plain(LH_T_FLOAT, LH_LANE_F32); break;
		case LH_ORC_DOUBLE: *type = plain(LH_T_DOUBLE, LH_LANE_F64); break;
		case LH_ORC_STRING:
		case LH_ORC_VARCHAR:
		case LH_ORC_CHAR: *type = plain(LH_T_STRING, LH_LANE_STR); break;
		case LH_ORC_BINARY: *type = binary_type(node); break;
		case LH_ORC_GEOMETRY: *type = plain(LH_T_GEOMETRY, LH_LANE_STR); break;
		case LH_ORC_GEOGRAPHY: *type = plain(LH_T_GEOGRAPHY, LH_LANE_STR); break;
		case LH_ORC_TIMESTAMP: *type = timestamp_type(m->meta, node, false); break;
		case LH_ORC_TIMESTAMP_INSTANT: *type = timestamp_type(m->meta, node, true); break;
		case LH_ORC_DATE: *type = plain(LH_T_DATE, LH_LANE_I32); break;
		default: return decimal_type(m->ctx, raw, node, type);
	}
	return LH_OK;
}

static bool
is_nested(LhOrcKind kind)
{
	return kind == LH_ORC_LIST || kind == LH_ORC_MAP || kind == LH_ORC_STRUCT ||
		   kind == LH_ORC_UNION;
}

/* Has a type as many children and names as its kind asks for? */
static LhStatus
check_shape(LhCtx *ctx, const Raw *raw, int number)
{
	int least = 0, most = 0;

	if (raw->kind >= LH_ORC_N_KINDS)
		LH_FAIL(ctx, LH_UNSUPPORTED, "type %d is of kind %d, which is not known", number,
				raw->kind);
	switch (raw->kind)
	{
		case LH_ORC_LIST: least = most = 1; break;
		case LH_ORC_MAP: least = most = 2; break;
		case LH_ORC_STRUCT: most = INT32_MAX; break;
		case LH_ORC_UNION:
			most = MAX_BRANCHES;
			least = 1;
			break;
		default: break;
	}
	if (raw->nchildren < least || raw->nchildren > most ||
		(raw->kind == LH_ORC_STRUCT && raw->nnames != raw->nchildren))
		LH_FAIL(ctx, LH_CORRUPT, "footer is damaged: type %d, a %s, has %d children and %d names",
				number, lh_orc_kind_name(raw->kind), raw->nchildren, raw->nnames);
	return LH_OK;
}

/*
 * Nodes
 */

static LhStatus
child_name(Maker *m, const Raw *raw, int i, const char **out)
{
	char text[24];

	switch (raw->kind)
	{
		case LH_ORC_LIST: *out = "element"; return LH_OK;
		case LH_ORC_MAP: *out = i == 0 ? "key" : "value"; return LH_OK;
		case LH_ORC_UNION:
			snprintf(text, sizeof(text), "field%d", i);
			return lh_orc_text(m->ctx, m->allowance, lh_slice(text, strlen(text)), out);
		default: return lh_orc_text(m->ctx, m->allowance, raw->names[i], out);
	}
}

static LhStatus make_node(Maker *m, int number, int parent, const char *name, int depth, int *out);

static LhStatus
make_children(Maker *m, int number, int index, int depth)
{
	LhOrcMeta *meta = m->meta;
	const Raw *raw = &m->raw[number];
	int last = -1;

	for (int i = 0; i < raw->nchildren; i++)
	{
		const char *name;
		int child;

		LH_TRY(child_name(m, raw, i, &name));
		LH_TRY(make_node(m, raw->children[i], index, name, depth + 1, &child));
		if (last < 0)
			meta->nodes[index].first_child = child;
		else
			meta->nodes[last].next = child;
		last = child;
	}
	return LH_OK;
}

/* The type of a nested node, from its children, which have theirs. */
static LhStatus
nested_type(Maker *m, LhOrcNode *node)
{
	const LhOrcNode *nodes = m->meta->nodes;
	LhField *fields;
	int n = 0;
	void *mem;

	LH_TRY(lh_orc_take(m->ctx, m->allowance, (size_t) node->nchildren, sizeof(*fields), &mem));
	fields = mem;
	for (int i = node->first_child; i >= 0; i = nodes[i].next)
		fields[n++] = (LhField){nodes[i].name, nodes[i].type, nodes[i].required, nodes[i].field_id};
	node->type = (LhType){.lane = LH_LANE_NONE, .nfields = n, .fields = fields};
	switch (node->kind)
	{
		case LH_ORC_LIST: node->type.id = LH_T_LIST; break;
		case LH_ORC_MAP: node->type.id = LH_T_MAP; break;
		default: node->type.id = LH_T_STRUCT; break;
	}
	if (node->kind == LH_ORC_STRUCT && attribute_is(node, "iceberg.struct-type", "VARIANT") &&
		n >= 2)
	{
		node->type.id = LH_T_VARIANT;
		node->logical = "variant";
	}
	return LH_OK;
}

static LhStatus
make_node(Maker *m, int number, int parent, const char *name, int depth, int *out)
{
	LhCtx *ctx = m->ctx;
	LhOrcMeta *meta = m->meta;
	const Raw *raw = &m->raw[number];
	LhOrcNode *node;

	if (m->node_of[number] >= 0)
		LH_FAIL(ctx, LH_CORRUPT, "footer is damaged: type %d has two parents", number);
	if (depth > LH_ORC_MAX_DEPTH)
		LH_FAIL(ctx, LH_LIMIT, "types nest deeper than %d levels", LH_ORC_MAX_DEPTH);
	LH_TRY(check_shape(ctx, raw, number));
	*out = meta->nnodes++;
	if (*out % LH_ORC_POLL == 0)
		LH_TRY(lh_poll(ctx));
	m->node_of[number] = *out;
	node = &meta->nodes[*out];
	*node = (LhOrcNode){.name = name,
						.index = *out,
						.parent = parent,
						.nchildren = raw->nchildren,
						.first_child = -1,
						.next = -1,
						.column = number,
						.leaf = -1,
						.kind = (LhOrcKind) raw->kind,
						.field_id = -1,
						.nattributes = raw->nattributes,
						.attributes = (const char *const *) raw->attributes};
	if (raw->kind == LH_ORC_VARCHAR || raw->kind == LH_ORC_CHAR)
		node->max_length = raw->max_length;
	if (parent >= 0)
		node->repeated = meta->nodes[parent].repeated || meta->nodes[parent].kind != LH_ORC_STRUCT;
	meta->priv->iceberg |= attribute_number(node, "iceberg.id", &node->field_id);
	node->required = attribute_is(node, "iceberg.required", "true");
	if (!is_nested(node->kind))
	{
		node->leaf = meta->nleaves++;
		return leaf_type(m, raw, node);
	}
	LH_TRY(make_children(m, number, *out, depth));
	return nested_type(m, node);
}

LhStatus
lh_orc_schema_make(LhCtx *ctx, LhOrcAllowance *allowance, LhOrcMeta *meta, int ntypes,
				   const LhSlice *types)
{
	Maker m = {.ctx = ctx, .allowance = allowance, .meta = meta, .nraw = ntypes};
	int root;
	void *mem;

	if (ntypes == 0)
		LH_FAIL(ctx, LH_CORRUPT, "footer is damaged: expected a schema, found no type");
	LH_TRY(lh_orc_take(ctx, allowance, (size_t) ntypes, sizeof(*m.raw), &mem));
	m.raw = mem;
	LH_TRY(lh_orc_take(ctx, allowance, (size_t) ntypes, sizeof(*meta->nodes), &mem));
	meta->nodes = mem;
	LH_TRY(lh_orc_take(ctx, allowance, (size_t) ntypes, sizeof(*m.node_of), &mem));
	m.node_of = mem;
	for (int i = 0; i < ntypes; i++)
	{
		if (i % LH_ORC_POLL == 0)
			LH_TRY(lh_poll(ctx));
		m.node_of[i] = -1;
		LH_TRY(read_type(&m, i, types[i]));
	}
	meta->column_nodes = m.node_of;
	meta->priv->ncolumns = ntypes;
	return make_node(&m, 0, -1, "", 0, &root);
}
