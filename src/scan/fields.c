/*
 * fields.c
 *		Finding fields in files by their ids.
 *
 *	1. A file with ids, were it on one node only, is searched by them, at any depth
 *	   that has one value a row.
 *	2. A file without any (it was added to the table, not written for it) is
 *	   searched by the table's name mapping: a node has the id of the entry of its
 *	   name below its parent's entry.
 *	3. Without a mapping the names of the schema are taken for one, but of Parquet
 *	   files: there Iceberg's readers number the top-level columns from 1 on in the
 *	   order of the file; what is below them goes by the schema's names.
 *	4. A mapping that puts a field below another one than the schema does was made
 *	   with other ids (Hive's migration numbers depth first, its tables do not): no
 *	   change of a schema moves a field.  The names of the schema are taken instead.
 *
 * Two fields that claim one id are an error, for any choice might be the wrong
 * one; by names the first one of the file is taken.
 */
#include "scan/fields.h"

#include <stdlib.h>

static LhStatus
mapping_of_type(LhCtx *ctx, const LhType *type, int depth, LhNameMapping *out)
{
	LhNameMapping *children;

	out->nchildren = 0;
	if (type->nfields == 0 || type->id == LH_T_VARIANT)
		return LH_OK;
	if (depth > LH_MAX_TYPE_DEPTH)
		LH_FAIL(ctx, LH_LIMIT, "type is nested too deeply");
	LH_NEW_ARRAY(ctx, children, (size_t) type->nfields);
	for (int i = 0; i < type->nfields; i++)
	{
		children[i].field_id = type->fields[i].field_id;
		children[i].nnames = 1;
		children[i].names = &type->fields[i].name;
		LH_TRY(mapping_of_type(ctx, &type->fields[i].type, depth + 1, &children[i]));
	}
	out->nchildren = type->nfields;
	out->children = children;
	return LH_OK;
}

LhStatus
lh_schema_names(LhCtx *ctx, const LhTableSchema *schema, const LhNameMapping **out)
{
	LhNameMapping *root, *children;
	int n = 0;

	LH_NEW(ctx, root);
	LH_NEW_ARRAY(ctx, children, (size_t) schema->ncols + 1);
	for (int i = 0; i < schema->ncols; i++)
	{
		const LhColumn *c = &schema->cols[i];

		if (c->source != LH_SRC_DATA)
			continue;
		children[n].field_id = c->field_id;
		children[n].nnames = 1;
		children[n].names = &c->name;
		LH_TRY(mapping_of_type(ctx, &c->type, 1, &children[n++]));
	}
	root->field_id = -1;
	root->nchildren = n;
	root->children = children;
	*out = root;
	return LH_OK;
}

/* A field's id, and that of the one it is in (-1: of none). */
typedef struct Place
{
	int id;
	int parent;
} Place;

static int
by_place(const void *a, const void *b)
{
	const Place *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static LhStatus
add_places(LhCtx *ctx, const LhNameMapping *mapping, LhBuf *out)
{
	for (int i = 0; i < mapping->nchildren; i++)
	{
		const Place place = {mapping->children[i].field_id, mapping->field_id};

		LH_TRY(lh_buf_append(ctx, out, &place, sizeof(place)));
		LH_TRY(add_places(ctx, &mapping->children[i], out));
	}
	return LH_OK;
}

/* An entry below an entry without an id says nothing. */
static bool
contradicts(const LhNameMapping *mapping, int parent, const Place *places, size_t n)
{
	for (int i = 0; i < mapping->nchildren; i++)
	{
		const LhNameMapping *child = &mapping->children[i];
		const Place key = {child->field_id, parent}, *place;

		place = n > 0 ? bsearch(&key, places, n, sizeof(key), by_place) : NULL;
		if (child->field_id >= 0 && place != NULL && place->parent != parent)
			return true;
		if (child->field_id >= 0 && contradicts(child, child->field_id, places, n))
			return true;
	}
	return false;
}

/* Is the mapping one of this schema, whose names are given?  Depth is bounded by who made both. */
static LhStatus
is_of_schema(LhCtx *ctx, const LhNameMapping *mapping, const LhNameMapping *names, bool *out)
{
	LhBuf places;
	size_t n;

	LH_TRY(lh_buf_init(ctx, &places, true));
	LH_TRY(add_places(ctx, names, &places));
	n = places.len / sizeof(Place);
	if (n > 1)
		qsort(places.data, n, sizeof(Place), by_place);
	*out = !contradicts(mapping, -1, (const Place *) (const void *) places.data, n);
	lh_buf_free(&places);
	return LH_OK;
}

static int
by_id(const void *a, const void *b)
{
	const LhWantedField *x = a, *y = b;

	return x->id != y->id ? (x->id < y->id ? -1 : 1) : x->col - y->col;
}

LhStatus
lh_fields_prepare(LhCtx *ctx, const LhTableSchema *schema, int ncols, const int *ids,
				  LhFieldFinder **out)
{
	LhFieldFinder *finder;

	LH_NEW(ctx, finder);
	LH_NEW_ARRAY(ctx, finder->wanted, (size_t) ncols + 1);
	for (int i = 0; i < ncols; i++)
		if (ids[i] >= 0)
			finder->wanted[finder->n++] = (LhWantedField){ids[i], i};
	qsort(finder->wanted, (size_t) finder->n, sizeof(*finder->wanted), by_id);
	finder->mapping = schema->mapping;
	LH_TRY(lh_schema_names(ctx, schema, &finder->names));
	if (schema->mapping != NULL)
	{
		bool own;

		LH_TRY(is_of_schema(ctx, schema->mapping, finder->names, &own));
		if (!own)
			finder->mapping = finder->names;
	}
	*out = finder;
	return LH_OK;
}

/* First of the wanted fields with this id, or -1. */
static int
find_wanted(const LhFieldFinder *finder, int id)
{
	int low = 0, high = finder->n;

	while (low < high)
	{
		int mid = (low + high) / 2;

		if (finder->wanted[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low < finder->n && finder->wanted[low].id == id ? low : -1;
}

typedef struct Search
{
	const LhFieldFinder *finder;
	const LhDataFile *file;
	LhFoundField *found;
} Search;

/* The node has this id: all columns that want it are there.  False: some have found it before. */
static bool
take(const Search *s, int id, int node, const LhNameMapping *mapping)
{
	int i = id >= 0 ? find_wanted(s->finder, id) : -1;

	if (i < 0)
		return true;
	if (s->found[s->finder->wanted[i].col].node >= 0)
		return false;
	for (; i < s->finder->n && s->finder->wanted[i].id == id; i++)
		s->found[s->finder->wanted[i].col] = (LhFoundField){node, mapping};
	return true;
}

static bool
has_ids(const LhDataFile *file)
{
	LhFileNode node;

	for (int i = 1; i < file->nnodes; i++)
	{
		file->format->node(file, i, &node);
		if (node.field_id >= 0)
			return true;
	}
	return false;
}

static LhStatus
find_by_ids(LhCtx *ctx, const Search *s)
{
	LhFileNode node;

	for (int i = 1; i < s->file->nnodes; i++)
	{
		s->file->format->node(s->file, i, &node);
		if (node.in_list || take(s, node.field_id, i, NULL))
			continue;
		lh_fail(ctx, LH_CORRUPT, "file \"%s\" has two columns with field id %d", s->file->path,
				node.field_id);
		lh_detail(ctx, "The second one is called \"%s\".", node.name);
		return LH_CORRUPT;
	}
	return LH_OK;
}

const LhNameMapping *
lh_mapping_child(const LhNameMapping *mapping, const char *name)
{
	for (int i = 0; mapping != NULL && i < mapping->nchildren; i++)
		for (int k = 0; k < mapping->children[i].nnames; k++)
			if (strcmp(mapping->children[i].names[k], name) == 0)
				return &mapping->children[i];
	return NULL;
}

static const LhNameMapping nothing = {.field_id = -1};

static void find_below(const Search *s, int parent, const LhNameMapping *mapping);

static void
find_named(const Search *s, int number, const LhFileNode *node, const LhNameMapping *mapping)
{
	if (mapping == NULL)
		return;
	take(s, mapping->field_id, number, mapping);
	if (node->type.id == LH_T_STRUCT && !node->in_list)
		find_below(s, number, mapping);
}

/* Depth is that of the file's schema, which its reader has bounded. */
static void
find_below(const Search *s, int parent, const LhNameMapping *mapping)
{
	LhFileNode node;

	s->file->format->node(s->file, parent, &node);
	for (int i = node.first_child; i >= 0; i = node.next)
	{
		s->file->format->node(s->file, i, &node);
		find_named(s, i, &node, lh_mapping_child(mapping, node.name));
	}
}

static const LhNameMapping *
child_with_id(const LhNameMapping *mapping, int id)
{
	for (int i = 0; i < mapping->nchildren; i++)
		if (mapping->children[i].field_id == id)
			return &mapping->children[i];
	return NULL;
}

/* Iceberg's fallback for Parquet files. */
static void
find_by_position(const Search *s)
{
	LhFileNode node;
	int id = 1;

	s->file->format->node(s->file, 0, &node);
	for (int i = node.first_child; i >= 0; i = node.next, id++)
	{
		const LhNameMapping *mapping = child_with_id(s->finder->names, id);

		s->file->format->node(s->file, i, &node);
		if (mapping != NULL)
			find_named(s, i, &node, mapping);
		else
			take(s, id, i, &nothing);
	}
}

LhStatus
lh_fields_find(LhCtx *ctx, const LhFieldFinder *finder, LhFileFormat format, const LhDataFile *file,
			   LhFoundField *found, int ncols)
{
	Search s = {finder, file, found};

	for (int i = 0; i < ncols; i++)
		found[i] = (LhFoundField){.node = -1};
	if (has_ids(file))
		return find_by_ids(ctx, &s);
	if (finder->mapping != NULL)
		find_below(&s, 0, finder->mapping);
	else if (format == LH_FILE_PARQUET)
		find_by_position(&s);
	else
		find_below(&s, 0, finder->names);
	return LH_OK;
}

LhStatus
lh_fields_find_one(LhCtx *ctx, const LhFieldFinder *finder, LhFileFormat format,
				   const LhDataFile *file, int field_id, LhFoundField *found)
{
	LhWantedField wanted = {.id = field_id, .col = 0};
	LhFieldFinder one = {1, &wanted, finder->mapping, finder->names};

	return lh_fields_find(ctx, &one, format, file, found, 1);
}

/*
 * The schema
 */

static const LhType *
field_below(const LhType *type, int id)
{
	for (int i = 0; i < type->nfields; i++)
	{
		const LhType *found;

		if (type->fields[i].field_id == id)
			return &type->fields[i].type;
		found = field_below(&type->fields[i].type, id);
		if (found != NULL)
			return found;
	}
	return NULL;
}

const LhType *
lh_schema_field(const LhTableSchema *schema, int field_id)
{
	for (int i = 0; i < schema->ncols; i++)
	{
		const LhType *found;

		if (schema->cols[i].source != LH_SRC_DATA)
			continue;
		if (schema->cols[i].field_id == field_id)
			return &schema->cols[i].type;
		found = field_below(&schema->cols[i].type, field_id);
		if (found != NULL)
			return found;
	}
	return NULL;
}

static int
parent_below(const LhType *type, int type_id, int id)
{
	for (int i = 0; i < type->nfields; i++)
	{
		const LhField *field = &type->fields[i];
		int found;

		if (field->field_id == id)
			return type->id == LH_T_STRUCT ? type_id : -1;
		found = parent_below(&field->type, field->field_id, id);
		if (found >= 0)
			return found;
	}
	return -1;
}

int
lh_schema_parent(const LhTableSchema *schema, int field_id)
{
	for (int i = 0; schema != NULL && i < schema->ncols; i++)
	{
		const LhColumn *col = &schema->cols[i];
		int found = col->source == LH_SRC_DATA ? parent_below(&col->type, col->field_id, field_id) : -1;

		if (found >= 0)
			return found;
	}
	return -1;
}

const LhValue *
lh_schema_default(const LhTableSchema *schema, int field_id)
{
	int low = 0, high = schema != NULL ? schema->ndefaults : 0;

	while (low < high)
	{
		int mid = (low + high) / 2;

		if (schema->defaults[mid].field_id < field_id)
			low = mid + 1;
		else if (schema->defaults[mid].field_id > field_id)
			high = mid;
		else
			return &schema->defaults[mid].value;
	}
	return NULL;
}
