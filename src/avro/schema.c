/*
 * schema.c
 *		A schema in JSON becomes nodes.
 *
 *	1. The JSON tree is walked from its root; each value that a row holds becomes
 *	   a node, in depth-first order.
 *	2. Records, enums and fixed are entered into a table under their full name
 *	   and their aliases.  A reference to such a name is expanded: its definition
 *	   is walked again, within the name space that it was met in.
 *	3. A definition that is met while it is being walked contains itself: such
 *	   types are refused, for rows of them have no fixed columns.
 *	4. Expansion may make very many nodes of a short schema: they are counted.
 *	5. A node's type is made when its children's types are known (logical.c).
 *
 * Names point into the JSON tree, which lives as long as the file.
 *
 * Format: https://avro.apache.org/docs/1.12.0/specification/#schema-declaration
 */
#include <string.h>

#include "avro/file.h"

/* Nodes between two questions whether to go on. */
#define POLL_NODES 1024

/* A named type. */
typedef struct Def
{
	const json_t *json;
	const char *full;  /* its name */
	const char *inner; /* the name space that it gives to what it holds */
	const char *space; /* the name space around it */
	bool open;         /* being walked */
	int nsymbols;      /* ENUM, made once */
	const char *const *symbols;
	const LhDict *dict;
} Def;

typedef struct Builder
{
	LhCtx *ctx;
	const char *path;
	LhBuf nodes;
	LhBuf defs;
	LhNameMap *names; /* full name -> number in defs */
	LhNameMap *seen;  /* address of a definition's JSON -> the same */
	LhBuf text;       /* a name that is looked up */
} Builder;

/* Where in the schema: recursion, and the name space. */
typedef struct Place
{
	int node;
	int depth;
	const char *space; /* "": none */
} Place;

static LhStatus walk(Builder *b, const json_t *json, Place at);

const char *
lh_avro_kind_name(LhAvroKind kind)
{
	static const char *const names[] = {"null",   "boolean", "int",    "long",  "float",
										"double", "bytes",   "string", "fixed", "enum",
										"record", "array",   "map",    "union"};

	return (unsigned) kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "?";
}

static LhAvroNode *
node_at(Builder *b, int i)
{
	return (LhAvroNode *) (void *) b->nodes.data + i;
}

static int
count_nodes(const Builder *b)
{
	return (int) (b->nodes.len / sizeof(LhAvroNode));
}

static Def *
def_at(Builder *b, int i)
{
	return (Def *) (void *) b->defs.data + i;
}

/*
 * A string; NULL when it is none, or holds what no name has: bytes of a default, which
 * JSON writes as characters, may be 0.
 */
static const char *
string_of(const json_t *json)
{
	const char *s = json_string_value(json);

	return s != NULL && strlen(s) == json_string_length(json) ? s : NULL;
}

/* A text attribute, NULL when there is none. */
static const char *
text(const json_t *json, const char *key)
{
	return string_of(json_object_get(json, key));
}

/* "node of the schema" for messages. */
static LhStatus
corrupt(Builder *b, Place at, const char *what)
{
	return lh_fail(b->ctx, LH_CORRUPT, "\"%s\": schema of \"%.200s\": %s", b->path,
				   at.node < count_nodes(b) ? node_at(b, at.node)->name : "?", what);
}

/* An id that Iceberg gave to something; -1: none. */
static int
id_of(const json_t *json, const char *key)
{
	const json_t *id = json_object_get(json, key);
	json_int_t n = json_is_integer(id) ? json_integer_value(id) : -1;

	return n < 0 || n > INT32_MAX ? -1 : (int) n;
}

/* A node below parent (-1: the root). */
static LhStatus
add_node(Builder *b, int parent, const char *name, int *out)
{
	int i = count_nodes(b);
	LhAvroNode node = {.name = name,
					   .avro_name = name,
					   .index = i,
					   .parent = parent,
					   .first_child = -1,
					   .next = -1,
					   .field_id = -1,
					   .null_branch = -1};

	if (i >= LH_AVRO_MAX_NODES)
		LH_FAIL(b->ctx, LH_LIMIT, "\"%s\": the schema has more than %d nodes", b->path,
				LH_AVRO_MAX_NODES);
	if (i % POLL_NODES == 0)
		LH_TRY(lh_poll(b->ctx));
	if (parent >= 0)
		node.depth = node_at(b, parent)->depth + 1;
	LH_TRY(lh_buf_append(b->ctx, &b->nodes, &node, sizeof(node)));
	*out = i;
	return LH_OK;
}

/* A child, linked behind *last (-1: the first), which becomes it. */
static LhStatus
add_child(Builder *b, int parent, const char *name, int *last)
{
	int i = 0;

	LH_TRY(add_node(b, parent, name, &i));
	node_at(b, parent)->nchildren++;
	if (*last < 0)
		node_at(b, parent)->first_child = i;
	else
		node_at(b, *last)->next = i;
	*last = i;
	return LH_OK;
}

/* ---- names ---- */

/* Full name of a definition, or of a reference within space. */
static LhStatus
full_name(Builder *b, const char *name, const char *space, const char **full)
{
	if (strchr(name, '.') != NULL || space[0] == '\0')
		*full = name;
	else if ((*full = lh_sprintf(b->ctx, "%s.%s", space, name)) == NULL)
		return b->ctx->error->code;
	return LH_OK;
}

/* Number of the definition that a reference within space means, -1: none.  There may be very many. */
static LhStatus
find_def(Builder *b, const char *name, const char *space, int *out)
{
	b->text.len = 0;
	if (strchr(name, '.') == NULL && space[0] != '\0')
		LH_TRY(lh_buf_printf(b->ctx, &b->text, "%s.", space));
	LH_TRY(lh_buf_append_str(b->ctx, &b->text, name));
	*out = lh_namemap_get(b->names, (const char *) b->text.data, b->text.len);
	return LH_OK;
}

static LhStatus
space_of(Builder *b, const char *full, const char **out)
{
	const char *dot = strrchr(full, '.');

	*out = "";
	if (dot != NULL && (*out = lh_strndup(b->ctx, full, (size_t) (dot - full))) == NULL)
		return b->ctx->error->code;
	return LH_OK;
}

/* The name space that a definition is in and gives to what it holds, and its full name. */
static LhStatus
define_name(Builder *b, const json_t *json, const char *around, Place at, const char **full,
			const char **space)
{
	const char *name = text(json, "name");
	const char *own = text(json, "namespace");

	if (name == NULL || name[0] == '\0')
		return corrupt(b, at, "a record, enum or fixed has no name");
	LH_TRY(full_name(b, name, own != NULL ? own : around, full));
	return space_of(b, *full, space);
}

/* Enter a definition under a name; the first one stays. */
static LhStatus
enter(Builder *b, const char *full, int def)
{
	if (lh_namemap_get(b->names, full, strlen(full)) >= 0)
		return LH_OK;
	return lh_namemap_put(b->ctx, b->names, full, strlen(full), def);
}

/* A definition that is new. */
static LhStatus
add_def(Builder *b, Def def, int *out)
{
	const json_t *aliases = json_object_get(def.json, "aliases");

	*out = (int) (b->defs.len / sizeof(Def));
	LH_TRY(lh_buf_append(b->ctx, &b->defs, &def, sizeof(def)));
	LH_TRY(enter(b, def.full, *out));
	for (size_t i = 0; i < json_array_size(aliases); i++)
	{
		const char *alias = string_of(json_array_get(aliases, i));

		if (alias == NULL)
			continue;
		LH_TRY(full_name(b, alias, def.inner, &alias));
		LH_TRY(enter(b, alias, *out));
	}
	return LH_OK;
}

/* Do not look at this JSON again: through references it may be met very often. */
static LhStatus
mark_seen(Builder *b, const json_t *json, int def)
{
	const char *key = lh_memdup(b->ctx, &json, sizeof(json));

	if (key == NULL)
		return b->ctx->error->code;
	return lh_namemap_put(b->ctx, b->seen, key, sizeof(json), def);
}

/* Number of the definition whose JSON this is. */
static LhStatus
define(Builder *b, const json_t *json, Place at, int *out)
{
	Def def = {.json = json, .space = at.space};

	*out = lh_namemap_get(b->seen, (const char *) &json, sizeof(json));
	if (*out >= 0)
		return LH_OK;
	LH_TRY(define_name(b, json, at.space, at, &def.full, &def.inner));
	*out = lh_namemap_get(b->names, def.full, strlen(def.full));
	if (*out < 0)
		LH_TRY(add_def(b, def, out));
	/* the same text elsewhere: some writers repeat definitions */
	else if (!json_equal(def_at(b, *out)->json, json))
		return corrupt(b, at, "two types have the same name");
	return mark_seen(b, json, *out);
}

/* The same, where it is walked into: it must not be open, and is then. */
static LhStatus
open_def(Builder *b, const json_t *json, Place *at, int *out)
{
	LH_TRY(define(b, json, *at, out));
	if (def_at(b, *out)->open)
		LH_FAIL(b->ctx, LH_UNSUPPORTED,
				"\"%s\": type \"%.200s\" contains itself: such types are "
				"not supported",
				b->path, def_at(b, *out)->full);
	def_at(b, *out)->open = true;
	at->space = def_at(b, *out)->inner;
	return LH_OK;
}

/* ---- kinds ---- */

static bool
primitive_kind(const char *name, LhAvroKind *out)
{
	for (int k = LH_AVRO_NULL; k <= LH_AVRO_STRING; k++)
		if (strcmp(name, lh_avro_kind_name((LhAvroKind) k)) == 0)
		{
			*out = (LhAvroKind) k;
			return true;
		}
	return false;
}

static LhStatus
walk_field(Builder *b, const json_t *field, Place at, int *last)
{
	const char *name = text(field, "name");
	const char *original = text(field, "iceberg-field-name");

	if (name == NULL)
		return corrupt(b, at, "a field has no name");
	LH_TRY(add_child(b, at.node, name, last));
	if (original != NULL)
		node_at(b, *last)->name = original;
	node_at(b, *last)->field_id = id_of(field, "field-id");
	return walk(b, json_object_get(field, "type"), (Place){*last, at.depth + 1, at.space});
}

static LhStatus
walk_record(Builder *b, const json_t *json, Place at)
{
	const json_t *fields = json_object_get(json, "fields");
	int last = -1;

	if (!json_is_array(fields))
		return corrupt(b, at, "a record has no fields");
	node_at(b, at.node)->kind = LH_AVRO_RECORD;
	for (size_t i = 0; i < json_array_size(fields); i++)
		LH_TRY(walk_field(b, json_array_get(fields, i), at, &last));
	return LH_OK;
}

/* Symbols of an enum, as texts and as a dictionary. */
static LhStatus
make_symbols(Builder *b, const json_t *json, Place at, Def *def)
{
	const json_t *array = json_object_get(json, "symbols");
	size_t n = json_array_size(array);
	const char **symbols;
	LhStr *values;
	LhDict *dict;

	if (n == 0 || n > INT32_MAX)
		return corrupt(b, at, "an enum has no symbols");
	LH_NEW_ARRAY(b->ctx, symbols, n);
	LH_NEW_ARRAY(b->ctx, values, n);
	LH_NEW(b->ctx, dict);
	for (size_t i = 0; i < n; i++)
	{
		symbols[i] = string_of(json_array_get(array, i));
		if (symbols[i] == NULL)
			return corrupt(b, at, "a symbol of an enum is no text");
		values[i] = (LhStr){(const uint8_t *) symbols[i], (uint32_t) strlen(symbols[i]), 0};
	}
	*dict = (LhDict){.type = {.id = LH_T_ENUM, .lane = LH_LANE_STR},
					 .n = (uint32_t) n,
					 .values = values,
					 .id = lh_dict_new_id(),
					 .text_checked = true};
	def->nsymbols = (int) n;
	def->symbols = symbols;
	def->dict = dict;
	return LH_OK;
}

static LhStatus
walk_enum(Builder *b, const json_t *json, Place at, int def)
{
	LhAvroNode *node = node_at(b, at.node);

	if (def_at(b, def)->dict == NULL)
		LH_TRY(make_symbols(b, json, at, def_at(b, def)));
	node->kind = LH_AVRO_ENUM;
	node->nsymbols = def_at(b, def)->nsymbols;
	node->symbols = def_at(b, def)->symbols;
	node->dict = def_at(b, def)->dict;
	return LH_OK;
}

static LhStatus
walk_fixed(Builder *b, const json_t *json, Place at)
{
	const json_t *size = json_object_get(json, "size");

	if (!json_is_integer(size) || json_integer_value(size) < 0 ||
		json_integer_value(size) > INT32_MAX)
		return corrupt(b, at, "a fixed has no size from 0 to 2147483647");
	node_at(b, at.node)->kind = LH_AVRO_FIXED;
	node_at(b, at.node)->size = (int) json_integer_value(size);
	return LH_OK;
}

/* A record, enum or fixed where it is defined, or where it is referred to again. */
static LhStatus
walk_named(Builder *b, const json_t *json, const char *type, Place at)
{
	int def;
	LhStatus status;

	LH_TRY(open_def(b, json, &at, &def));
	if (node_at(b, at.node)->parent < 0)
		node_at(b, at.node)->name = node_at(b, at.node)->avro_name = text(json, "name");
	if (strcmp(type, "enum") == 0)
		status = walk_enum(b, json, at, def);
	else if (strcmp(type, "fixed") == 0)
		status = walk_fixed(b, json, at);
	else
		status = walk_record(b, json, at);
	def_at(b, def)->open = false;
	return status;
}

/* Children of an array that is no map: its element. */
static LhStatus
walk_array(Builder *b, const json_t *json, Place at)
{
	int last = -1;

	node_at(b, at.node)->kind = LH_AVRO_ARRAY;
	LH_TRY(add_child(b, at.node, "element", &last));
	node_at(b, last)->field_id = id_of(json, "element-id");
	return walk(b, json_object_get(json, "items"), (Place){last, at.depth + 1, at.space});
}

/* An array of records of two fields is a map, where the file says so: then they are its children. */
static LhStatus
walk_pairs(Builder *b, const json_t *items, Place at)
{
	const json_t *fields = json_object_get(items, "fields");
	int def, last = -1;
	LhStatus status = LH_OK;

	LH_TRY(open_def(b, items, &at, &def));
	node_at(b, at.node)->kind = LH_AVRO_ARRAY;
	node_at(b, at.node)->pairs = true;
	for (size_t i = 0; i < 2 && status == LH_OK; i++)
	{
		status = walk_field(b, json_array_get(fields, i), at, &last);
		if (status == LH_OK)
			node_at(b, last)->name = i == 0 ? "key" : "value";
	}
	def_at(b, def)->open = false;
	return status;
}

/* The definition of an array's items, where they are a record. */
static LhStatus
record_of(Builder *b, const json_t *items, const char *space, const json_t **out)
{
	const char *name = string_of(items);
	int def;

	*out = NULL;
	if (name != NULL)
	{
		LH_TRY(find_def(b, name, space, &def));
		/* its name is relative to where it was defined: only full references are looked through */
		items = def >= 0 && strcmp(def_at(b, def)->space, space) == 0 ? def_at(b, def)->json : NULL;
	}
	if (text(items, "type") != NULL && strcmp(text(items, "type"), "record") == 0)
		*out = items;
	return LH_OK;
}

static LhStatus
walk_array_or_pairs(Builder *b, const json_t *json, Place at)
{
	const char *logical = text(json, "logicalType");
	const json_t *record = NULL;

	if (logical != NULL && strcmp(logical, "map") == 0)
		LH_TRY(record_of(b, json_object_get(json, "items"), at.space, &record));
	if (record != NULL && json_array_size(json_object_get(record, "fields")) == 2)
		return walk_pairs(b, record, at);
	return walk_array(b, json, at);
}

static LhStatus
walk_map(Builder *b, const json_t *json, Place at)
{
	int last = -1;

	node_at(b, at.node)->kind = LH_AVRO_MAP;
	LH_TRY(add_child(b, at.node, "key", &last));
	node_at(b, last)->field_id = id_of(json, "key-id");
	node_at(b, last)->kind = LH_AVRO_STRING;
	LH_TRY(lh_avro_node_type(b->ctx, node_at(b, 0), last, NULL));
	LH_TRY(add_child(b, at.node, "value", &last));
	node_at(b, last)->field_id = id_of(json, "value-id");
	return walk(b, json_object_get(json, "values"), (Place){last, at.depth + 1, at.space});
}

/* Name of a union's branch, for people. */
static const char *
branch_name(const json_t *branch)
{
	const char *name = string_of(branch);

	if (name == NULL)
		name = text(branch, "name");
	if (name == NULL)
		name = text(branch, "type");
	return name != NULL ? name : "?";
}

static bool
is_null(const json_t *branch)
{
	const char *name = string_of(branch);

	if (name == NULL)
		name = text(branch, "type");
	return name != NULL && strcmp(name, "null") == 0;
}

static LhStatus
walk_members(Builder *b, const json_t *branches, Place at)
{
	int last = -1, n = 0;

	node_at(b, at.node)->kind = LH_AVRO_UNION;
	for (size_t i = 0; i < json_array_size(branches); i++)
	{
		const json_t *branch = json_array_get(branches, i);
		const char *name;

		if (is_null(branch))
			continue;
		if ((name = lh_sprintf(b->ctx, "member%d", n++)) == NULL)
			return b->ctx->error->code;
		LH_TRY(add_child(b, at.node, name, &last));
		node_at(b, last)->avro_name = branch_name(branch);
		node_at(b, last)->nullable = true;
		LH_TRY(walk(b, branch, (Place){last, at.depth + 1, at.space}));
		if (node_at(b, last)->nbranches > 0)
			return corrupt(b, at, "a union lies directly in a union");
	}
	return lh_avro_node_type(b->ctx, node_at(b, 0), at.node, NULL);
}

static LhStatus
walk_union(Builder *b, const json_t *branches, Place at)
{
	LhAvroNode *node = node_at(b, at.node);
	size_t n = json_array_size(branches);
	const json_t *other = NULL;
	size_t others = 0;

	if (n == 0 || n > LH_AVRO_MAX_NODES || node->nbranches > 0)
		return corrupt(b, at, n == 0 ? "a union has no branches" : "a union lies in a union");
	node->nbranches = (int) n;
	for (size_t i = 0; i < n; i++)
	{
		const json_t *branch = json_array_get(branches, i);

		if (!is_null(branch))
		{
			other = branch;
			others++;
		}
		else if (node->null_branch >= 0)
			return corrupt(b, at, "a union has null twice");
		else
		{
			node->null_branch = (int) i;
			node->nullable = true;
		}
	}
	if (others > 1)
		return walk_members(b, branches, at);
	return walk(b, others == 1 ? other : json_array_get(branches, 0),
				(Place){at.node, at.depth + 1, at.space});
}

/* A primitive type, or the name of one that was defined. */
static LhStatus
walk_name(Builder *b, const char *name, const json_t *attributes, Place at)
{
	int def;

	if (primitive_kind(name, &node_at(b, at.node)->kind))
		return lh_avro_node_type(b->ctx, node_at(b, 0), at.node, attributes);
	LH_TRY(find_def(b, name, at.space, &def));
	if (def < 0)
		def = lh_namemap_get(b->names, name, strlen(name));
	if (def < 0)
		LH_FAIL(b->ctx, LH_CORRUPT, "\"%s\": schema of \"%.200s\": there is no type \"%.200s\"",
				b->path, node_at(b, at.node)->name, name);
	at.space = def_at(b, def)->space;
	at.depth++;
	return walk(b, def_at(b, def)->json, at);
}

static LhStatus
walk_object(Builder *b, const json_t *json, Place at)
{
	const json_t *type = json_object_get(json, "type");
	const char *name = string_of(type);

	if (name == NULL)
	{
		if (!json_is_object(type) && !json_is_array(type))
			return corrupt(b, at, "a type is neither a name nor an object nor a union");
		at.depth++;
		return walk(b, type, at);
	}
	if (strcmp(name, "record") == 0 || strcmp(name, "error") == 0 || strcmp(name, "enum") == 0 ||
		strcmp(name, "fixed") == 0)
		LH_TRY(walk_named(b, json, name, at));
	else if (strcmp(name, "array") == 0)
		LH_TRY(walk_array_or_pairs(b, json, at));
	else if (strcmp(name, "map") == 0)
		LH_TRY(walk_map(b, json, at));
	else
		return walk_name(b, name, json, at);
	return lh_avro_node_type(b->ctx, node_at(b, 0), at.node, json);
}

static LhStatus
walk(Builder *b, const json_t *json, Place at)
{
	if (at.depth > LH_AVRO_MAX_DEPTH)
		LH_FAIL(b->ctx, LH_LIMIT, "\"%s\": the schema is nested deeper than %d types", b->path,
				LH_AVRO_MAX_DEPTH);
	if (string_of(json) != NULL)
		return walk_name(b, string_of(json), NULL, at);
	if (json_is_array(json))
		return walk_union(b, json, at);
	if (json_is_object(json))
		return walk_object(b, json, at);
	return corrupt(b, at, "a type is missing");
}

LhStatus
lh_avro_schema_build(LhCtx *ctx, const char *path, const json_t *schema, LhAvroMeta *meta)
{
	Builder b = {.ctx = ctx, .path = path};
	int root = 0;

	LH_TRY(lh_buf_init(ctx, &b.nodes, false));
	LH_TRY(lh_buf_init(ctx, &b.defs, false));
	LH_TRY(lh_buf_init(ctx, &b.text, false));
	LH_TRY(lh_namemap_create(ctx, 16, &b.names));
	LH_TRY(lh_namemap_create(ctx, 16, &b.seen));
	LH_TRY(add_node(&b, -1, "", &root));
	LH_TRY(walk(&b, schema, (Place){root, 0, ""}));
	meta->nodes = node_at(&b, 0);
	meta->nnodes = count_nodes(&b);
	lh_buf_free(&b.defs);
	lh_buf_free(&b.text);
	return LH_OK;
}

LhStatus
lh_avro_min_sizes(LhCtx *ctx, const LhAvroMeta *meta, int64_t **out)
{
	int64_t *sizes;

	LH_NEW_ARRAY(ctx, sizes, (size_t) meta->nnodes);
	/* children come behind their parents */
	for (int i = meta->nnodes - 1; i >= 0; i--)
	{
		const LhAvroNode *node = &meta->nodes[i];

		if (node->nbranches > 0)
			sizes[i] = 1;
		else if (node->kind == LH_AVRO_RECORD)
			for (int c = node->first_child; c >= 0; c = meta->nodes[c].next)
				sizes[i] += sizes[c];
		else if (node->kind == LH_AVRO_FIXED)
			sizes[i] = node->size;
		else
			sizes[i] = node->kind == LH_AVRO_NULL     ? 0
					   : node->kind == LH_AVRO_FLOAT  ? 4
					   : node->kind == LH_AVRO_DOUBLE ? 8
													  : 1;
	}
	*out = sizes;
	return LH_OK;
}
