/*
 * write_schema.c
 *		Columns -> schema elements, leaves, and the shapes that vectors are shredded by.
 *
 * Lists and maps get the three-level form with its standard names, whatever
 * they were called in the file they come from:
 *
 *	LIST	group NAME (LIST) { repeated group list { element } }
 *	MAP		group NAME (MAP) { repeated group key_value { required key; value } }
 *	VARIANT	group NAME (VARIANT) { its members }
 *
 * Format: https://github.com/apache/parquet-format/blob/master/LogicalTypes.md
 */
#include "parquet/write_shred.h"

typedef struct Making
{
	LhCtx *ctx;
	LhPqWriter *w;
	LhBuf nodes;
	int col; /* top-level column */
	int depth;
	const char *names[LH_PQ_MAX_DEPTH];
} Making;

static LhStatus
too_deep(Making *m)
{
	LH_FAIL(m->ctx, LH_LIMIT, "column \"%s\" is nested deeper than can be written",
			m->w->cols[m->col].name);
}

/* Open a path component. */
static LhStatus
enter(Making *m, const char *name)
{
	if (m->depth >= LH_PQ_MAX_DEPTH)
		return too_deep(m);
	if (!lh_utf8_valid((const uint8_t *) name, strlen(name)))
		LH_FAIL(m->ctx, LH_BAD_TEXT, "a name in column %d is not valid UTF-8", m->col + 1);
	m->names[m->depth++] = name;
	return LH_OK;
}

static LhStatus
add_node(Making *m, const LhPqwNode *node)
{
	m->w->nnodes++;
	return lh_buf_append(m->ctx, &m->nodes, node, sizeof(*node));
}

static LhStatus
add_group(Making *m, const LhField *f, LhTypeId group, LhPqRepetition repetition, int nchildren)
{
	LhPqwNode node = {.name = m->names[m->depth - 1],
					  .repetition = repetition,
					  .physical = LH_PQ_GROUP,
					  .nchildren = nchildren,
					  .field_id = f != NULL ? f->field_id : -1,
					  .group = group};

	return add_node(m, &node);
}

static LhStatus
make_paths(Making *m, LhPqwLeaf *leaf)
{
	const char **names;
	LhBuf path;

	LH_NEW_ARRAY(m->ctx, names, (size_t) m->depth);
	LH_TRY(lh_buf_init(m->ctx, &path, false));
	for (int i = 0; i < m->depth; i++)
	{
		names[i] = m->names[i];
		if (i > 0)
			LH_TRY(lh_buf_putc(m->ctx, &path, '.'));
		LH_TRY(lh_buf_append_str(m->ctx, &path, names[i]));
	}
	leaf->names = names;
	leaf->depth = m->depth;
	leaf->path = lh_strndup(m->ctx, (const char *) path.data, path.len);
	lh_buf_free(&path);
	return leaf->path != NULL ? LH_OK : m->ctx->error->code;
}

static LhStatus
make_leaf(Making *m, const LhField *f, LhPqRepetition repetition, LhPqwShape *s)
{
	LhPqWriter *w = m->w;
	LhPqwLeaf *leaf = &w->leaves[w->nleaves];
	LhPqwNode node = {.name = m->names[m->depth - 1],
					  .repetition = repetition,
					  .type = f->type,
					  .field_id = f->field_id};

	s->leaf = leaf;
	leaf->number = w->nleaves++;
	leaf->type = f->type;
	leaf->field_id = f->field_id;
	leaf->max_def = s->def + !s->required;
	leaf->max_rep = s->rep;
	LH_TRY(make_paths(m, leaf));
	LH_TRY(lh_pqw_leaf_init(m->ctx, leaf, &w->shared));
	node.physical = leaf->physical;
	node.type_length = leaf->type_length;
	return add_node(m, &node);
}

static LhStatus make(Making *m, const LhField *f, bool required, int def, int rep, LhPqwShape *s);

static LhStatus
need_children(Making *m, LhPqwShape *s, int n)
{
	s->nchildren = n;
	LH_NEW_ARRAY(m->ctx, s->children, (size_t) n);
	return LH_OK;
}

static LhStatus
make_child(Making *m, const char *name, const LhField *f, bool required, int def, int rep,
		   LhPqwShape *s)
{
	LH_TRY(enter(m, name));
	LH_TRY(make(m, f, required, def, rep, s));
	m->depth--;
	return LH_OK;
}

static LhStatus
make_struct(Making *m, const LhField *f, LhPqRepetition repetition, LhPqwShape *s)
{
	const LhType *t = &f->type;

	if (t->nfields < 1)
		LH_FAIL(m->ctx, LH_UNSUPPORTED, "column \"%s\": %s \"%s\" has no fields to be written",
				m->w->cols[m->col].name, lh_type_name(t), f->name);
	LH_TRY(add_group(m, f, t->id, repetition, t->nfields));
	LH_TRY(need_children(m, s, t->nfields));
	for (int i = 0; i < t->nfields; i++)
		LH_TRY(make_child(m, t->fields[i].name, &t->fields[i], t->fields[i].required,
						  s->def + !s->required, s->rep, &s->children[i]));
	return LH_OK;
}

static LhStatus
make_list(Making *m, const LhField *f, LhPqRepetition repetition, LhPqwShape *s)
{
	static const char *const entry[] = {"list", "key_value"};
	static const char *const names[2][2] = {{"element", ""}, {"key", "value"}};
	const LhType *t = &f->type;
	bool map = t->id == LH_T_MAP;

	if (t->nfields != 1 + map)
		LH_FAIL(m->ctx, LH_INVALID, "column \"%s\": %s \"%s\" has %d members",
				m->w->cols[m->col].name, lh_type_name(t), f->name, t->nfields);
	LH_TRY(add_group(m, f, t->id, repetition, 1));
	LH_TRY(need_children(m, s, t->nfields));
	LH_TRY(enter(m, entry[map]));
	LH_TRY(add_group(m, NULL, LH_T_STRUCT, LH_PQ_REPEATED, t->nfields));
	for (int i = 0; i < t->nfields; i++)
		/* the format wants keys to be required */
		LH_TRY(make_child(m, names[map][i], &t->fields[i], t->fields[i].required || (map && i == 0),
						  s->def + !s->required + 1, s->rep + 1, &s->children[i]));
	m->depth--;
	return LH_OK;
}

/* A node whose parent is there from definition level def on, inside rep lists. */
static LhStatus
make(Making *m, const LhField *f, bool required, int def, int rep, LhPqwShape *s)
{
	LhPqRepetition repetition = required ? LH_PQ_REQUIRED : LH_PQ_OPTIONAL;

	if (def + 2 > LH_PQW_MAX_LEVEL)
		return too_deep(m);
	*s = (LhPqwShape){.type = &f->type, .required = required, .def = def, .rep = rep};
	LH_TRY(lh_buf_init(m->ctx, &s->out_rep, true));
	LH_TRY(lh_buf_init(m->ctx, &s->out_def, true));
	LH_TRY(lh_buf_init(m->ctx, &s->out_pos, true));
	switch (f->type.id)
	{
		case LH_T_STRUCT:
		case LH_T_VARIANT: return make_struct(m, f, repetition, s);
		case LH_T_LIST:
		case LH_T_MAP: return make_list(m, f, repetition, s);
		default: return make_leaf(m, f, repetition, s);
	}
}

static LhStatus
count_leaves(LhCtx *ctx, const LhType *t, int depth, int *n)
{
	if (depth > LH_PQ_MAX_DEPTH)
		LH_FAIL(ctx, LH_LIMIT, "a column is nested deeper than can be written");
	if (!lh_type_is_nested(t))
		(*n)++;
	for (int i = 0; lh_type_is_nested(t) && i < t->nfields; i++)
		LH_TRY(count_leaves(ctx, &t->fields[i].type, depth + 1, n));
	return LH_OK;
}

LhStatus
lh_pqw_schema(LhCtx *ctx, LhPqWriter *w, const LhPqColumnOptions *columns)
{
	Making m = {.ctx = ctx, .w = w};
	LhPqwNode root = {.name = "schema",
					  .physical = LH_PQ_GROUP,
					  .nchildren = w->ncols,
					  .field_id = -1,
					  .group = LH_T_STRUCT};
	int n = 0;

	for (int i = 0; i < w->ncols; i++)
		LH_TRY(count_leaves(ctx, &w->cols[i].type, 1, &n));
	LH_NEW_ARRAY(ctx, w->leaves, (size_t) n);
	LH_NEW_ARRAY(ctx, w->shapes, (size_t) w->ncols);
	LH_TRY(lh_buf_init(ctx, &m.nodes, false));
	LH_TRY(add_node(&m, &root));
	for (m.col = 0; m.col < w->ncols; m.col++)
	{
		const LhField *f = &w->cols[m.col];

		for (int i = w->nleaves; columns != NULL && i < n; i++)
		{
			w->leaves[i].wish = columns[m.col].encoding;
			w->leaves[i].bloom.wanted = columns[m.col].bloom;
			w->leaves[i].bloom.fpp = columns[m.col].bloom_fpp;
		}
		LH_TRY(make_child(&m, f->name, f, f->required, 0, 0, &w->shapes[m.col]));
	}
	w->nodes = (LhPqwNode *) (void *) m.nodes.data;
	return LH_OK;
}

/*
 * Elements
 */

static void
put_decimal(LhTout *t, const LhType *type)
{
	lh_tout_struct(t, LH_PQ_LOGICAL_DECIMAL);
	lh_tout_i32(t, 1, type->scale);
	lh_tout_i32(t, 2, type->precision);
	lh_tout_close(t);
}

static void
put_time(LhTout *t, int id, const LhType *type)
{
	lh_tout_struct(t, id);
	lh_tout_bool(t, 1, type->utc);
	lh_tout_struct(t, 2);
	lh_tout_empty(t, 1 + type->unit - LH_UNIT_MS);
	lh_tout_close(t);
	lh_tout_close(t);
}

static void
put_integer(LhTout *t, int bits, bool is_signed)
{
	lh_tout_struct(t, LH_PQ_LOGICAL_INTEGER);
	lh_tout_i8(t, 1, bits);
	lh_tout_bool(t, 2, is_signed);
	lh_tout_close(t);
}

/* How a type is annotated; -1: not. */
typedef struct Annotation
{
	int logical;
	int converted;
} Annotation;

static Annotation
annotation_of(const LhType *t)
{
	bool utc = t->utc;

	switch (t->id)
	{
		case LH_T_NULL: return (Annotation){LH_PQ_LOGICAL_NULL, -1};
		case LH_T_INT8: return (Annotation){LH_PQ_LOGICAL_INTEGER, LH_PQ_CONV_INT_8};
		case LH_T_INT16: return (Annotation){LH_PQ_LOGICAL_INTEGER, LH_PQ_CONV_INT_16};
		case LH_T_UINT8: return (Annotation){LH_PQ_LOGICAL_INTEGER, LH_PQ_CONV_UINT_8};
		case LH_T_UINT16: return (Annotation){LH_PQ_LOGICAL_INTEGER, LH_PQ_CONV_UINT_16};
		case LH_T_UINT32: return (Annotation){LH_PQ_LOGICAL_INTEGER, LH_PQ_CONV_UINT_32};
		case LH_T_UINT64: return (Annotation){LH_PQ_LOGICAL_INTEGER, LH_PQ_CONV_UINT_64};
		case LH_T_FLOAT16: return (Annotation){LH_PQ_LOGICAL_FLOAT16, -1};
		case LH_T_DECIMAL: return (Annotation){LH_PQ_LOGICAL_DECIMAL, LH_PQ_CONV_DECIMAL};
		case LH_T_DATE: return (Annotation){LH_PQ_LOGICAL_DATE, LH_PQ_CONV_DATE};
		/* the older annotations mean UTC, and have no nanoseconds */
		case LH_T_TIME:
			return (Annotation){LH_PQ_LOGICAL_TIME, !utc || t->unit == LH_UNIT_NS ? -1
													: t->unit == LH_UNIT_MS
														? LH_PQ_CONV_TIME_MILLIS
														: LH_PQ_CONV_TIME_MICROS};
		case LH_T_TIMESTAMP:
			return (Annotation){LH_PQ_LOGICAL_TIMESTAMP, !utc || t->unit == LH_UNIT_NS ? -1
														 : t->unit == LH_UNIT_MS
															 ? LH_PQ_CONV_TIMESTAMP_MILLIS
															 : LH_PQ_CONV_TIMESTAMP_MICROS};
		case LH_T_INTERVAL: return (Annotation){-1, LH_PQ_CONV_INTERVAL};
		case LH_T_STRING: return (Annotation){LH_PQ_LOGICAL_STRING, LH_PQ_CONV_UTF8};
		case LH_T_ENUM: return (Annotation){LH_PQ_LOGICAL_ENUM, LH_PQ_CONV_ENUM};
		case LH_T_JSON: return (Annotation){LH_PQ_LOGICAL_JSON, LH_PQ_CONV_JSON};
		case LH_T_BSON: return (Annotation){LH_PQ_LOGICAL_BSON, LH_PQ_CONV_BSON};
		case LH_T_UUID: return (Annotation){LH_PQ_LOGICAL_UUID, -1};
		case LH_T_GEOMETRY: return (Annotation){LH_PQ_LOGICAL_GEOMETRY, -1};
		case LH_T_GEOGRAPHY: return (Annotation){LH_PQ_LOGICAL_GEOGRAPHY, -1};
		default: return (Annotation){-1, -1};
	}
}

/* Union LogicalType of a leaf. */
static void
put_logical(LhTout *t, int logical, const LhType *type)
{
	switch (logical)
	{
		case LH_PQ_LOGICAL_DECIMAL: put_decimal(t, type); break;
		case LH_PQ_LOGICAL_TIME:
		case LH_PQ_LOGICAL_TIMESTAMP: put_time(t, logical, type); break;
		case LH_PQ_LOGICAL_INTEGER:
			put_integer(t,
						type->id == LH_T_INT8 || type->id == LH_T_UINT8     ? 8
						: type->id == LH_T_INT16 || type->id == LH_T_UINT16 ? 16
						: type->id == LH_T_UINT32                           ? 32
																			: 64,
						type->id < LH_T_UINT8);
			break;
		default: lh_tout_empty(t, logical);
	}
}

static void
put_leaf(LhTout *t, const LhPqwNode *node)
{
	Annotation a = annotation_of(&node->type);

	if (a.converted >= 0)
		lh_tout_i32(t, 6, a.converted);
	if (node->type.id == LH_T_DECIMAL)
	{
		lh_tout_i32(t, 7, node->type.scale);
		lh_tout_i32(t, 8, node->type.precision);
	}
	if (node->field_id >= 0)
		lh_tout_i32(t, 9, node->field_id);
	if (a.logical < 0)
		return;
	lh_tout_struct(t, 10);
	put_logical(t, a.logical, &node->type);
	lh_tout_close(t);
}

static void
put_group(LhTout *t, const LhPqwNode *node)
{
	lh_tout_i32(t, 5, node->nchildren);
	if (node->group == LH_T_LIST)
		lh_tout_i32(t, 6, LH_PQ_CONV_LIST);
	if (node->group == LH_T_MAP)
		lh_tout_i32(t, 6, LH_PQ_CONV_MAP);
	if (node->field_id >= 0)
		lh_tout_i32(t, 9, node->field_id);
	if (node->group == LH_T_STRUCT)
		return;
	lh_tout_struct(t, 10);
	if (node->group == LH_T_VARIANT)
	{
		lh_tout_struct(t, LH_PQ_LOGICAL_VARIANT);
		lh_tout_i8(t, 1, 1);
		lh_tout_close(t);
	}
	else
		lh_tout_empty(t, node->group == LH_T_LIST ? LH_PQ_LOGICAL_LIST : LH_PQ_LOGICAL_MAP);
	lh_tout_close(t);
}

void
lh_pqw_put_schema(LhTout *t, int id, const LhPqWriter *w)
{
	lh_tout_list(t, id, LH_TOUT_STRUCT, (size_t) w->nnodes);
	for (int i = 0; i < w->nnodes; i++)
	{
		const LhPqwNode *node = &w->nodes[i];

		lh_tout_item(t);
		if (node->physical != LH_PQ_GROUP)
			lh_tout_i32(t, 1, (int32_t) node->physical);
		if (node->physical == LH_PQ_FLBA)
			lh_tout_i32(t, 2, node->type_length);
		if (i > 0)
			lh_tout_i32(t, 3, (int32_t) node->repetition);
		lh_tout_string(t, 4, node->name);
		if (node->physical == LH_PQ_GROUP)
			put_group(t, node);
		else
			put_leaf(t, node);
		lh_tout_close(t);
	}
}
