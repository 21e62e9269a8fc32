/*
 * schema.c
 *		One schema for many files.
 *
 *	1. Up to max_schema_files footers are read, spread evenly over the files, the
 *	   first and the last among them.
 *	2. With union_by_name the table has the columns of all of these, in the order
 *	   in which they are first met; a file that lacks one gives nulls.  Otherwise
 *	   the first file's columns are the table's, and the others must hold them.
 *	3. A column's type is the narrowest that holds the types of all files exactly
 *	   (lh_type_union).  Where there is none, the message names the two files.
 *	4. Of several columns with one name the second is called "name#2", and so on;
 *	   the scan finds them by it.
 *	5. Partition keys are columns of their own.  One that the files hold as well
 *	   is one column: the partition's value, which the scan verifies.
 */
#include "files/table.h"

#include "scan/datafile.h"

#include <stdio.h>

/* Columns of the file a schema begins with; the array doubles. */
#define FIRST_COLUMNS 64

typedef struct Column
{
	LhColumn column;
	const char *source; /* path of the file that decided its type */
	int64_t files;      /* that hold it */
} Column;

typedef struct Builder
{
	const LhFilesTable *table;
	int n;
	int cap;
	Column *cols;
	LhNameMap *by_name;
	LhNameMap *wanted; /* option "columns"; NULL: all */
	bool *wanted_found;
	int64_t files;
	double rows;
	double groups;
	double bytes; /* of the files looked at */
} Builder;

/*
 * Copies that outlive the footer they came from
 */

static LhStatus
copy_type(LhCtx *ctx, const LhType *type, LhType *out)
{
	LhField *fields;

	*out = *type;
	if (type->nfields == 0)
	{
		out->fields = NULL;
		return LH_OK;
	}
	LH_NEW_ARRAY(ctx, fields, (size_t) type->nfields);
	for (int i = 0; i < type->nfields; i++)
	{
		fields[i] = type->fields[i];
		fields[i].name = lh_strdup(ctx, type->fields[i].name ? type->fields[i].name : "");
		if (fields[i].name == NULL)
			return ctx->error->code;
		LH_TRY(copy_type(ctx, &type->fields[i].type, &fields[i].type));
	}
	out->fields = fields;
	return LH_OK;
}

/*
 * Columns
 */

static LhStatus
append(LhCtx *ctx, Builder *b, Column **out)
{
	if (b->n == b->cap)
	{
		int cap = b->cap ? 2 * b->cap : FIRST_COLUMNS;
		Column *cols;

		LH_NEW_ARRAY(ctx, cols, (size_t) cap);
		if (b->n > 0)
			memcpy(cols, b->cols, (size_t) b->n * sizeof(*cols));
		b->cols = cols;
		b->cap = cap;
	}
	*out = &b->cols[b->n++];
	return LH_OK;
}

static Column *
find(const Builder *b, const char *name)
{
	int i = lh_namemap_get(b->by_name, name, strlen(name));

	return i >= 0 ? &b->cols[i] : NULL;
}

/* Is a column asked for by option "columns"? */
static bool
is_wanted(Builder *b, const char *name)
{
	int i;

	if (b->wanted == NULL)
		return true;
	i = lh_namemap_get(b->wanted, name, strlen(name));
	if (i >= 0)
		b->wanted_found[i] = true;
	return i >= 0;
}

static LhStatus
types_differ(LhCtx *ctx, const Column *col, const LhType *type, const char *path)
{
	LhBuf a, b;

	LH_TRY(lh_buf_init(ctx, &a, false));
	LH_TRY(lh_buf_init(ctx, &b, false));
	LH_TRY(lh_type_format(ctx, &col->column.type, &a));
	LH_TRY(lh_type_format(ctx, type, &b));
	lh_fail(ctx, LH_MISMATCH, "column \"%s\" has type %.*s in file \"%s\", but %.*s in file \"%s\"",
			col->column.name, (int) a.len, (char *) a.data, col->source, (int) b.len,
			(char *) b.data, path);
	lh_hint(ctx,
			"No type holds the values of both. Choose a location of files that fit each other, "
			"or leave the column out with option \"columns\".");
	return LH_MISMATCH;
}

static LhStatus
add_column(LhCtx *ctx, Builder *b, const char *name, const LhFileNode *node, const char *path)
{
	Column *col = NULL;

	LH_TRY(append(ctx, b, &col));
	*col = (Column){.source = path, .files = 1};
	col->column.name = lh_strdup(ctx, name);
	if (col->column.name == NULL)
		return ctx->error->code;
	LH_TRY(copy_type(ctx, &node->type, &col->column.type));
	/* in files before this one it is missing */
	col->column.required = node->required && b->files == 0;
	col->column.source = LH_SRC_DATA;
	col->column.field_id = node->field_id;
	return lh_namemap_put(ctx, b->by_name, col->column.name, strlen(name), b->n - 1);
}

static LhStatus
merge_column(LhCtx *ctx, Column *col, const LhFileNode *node, const char *path)
{
	LhType both, own;

	col->files++;
	col->column.required &= node->required;
	if (lh_type_equal(&col->column.type, &node->type))
		return LH_OK;
	if (!lh_type_union(ctx, &col->column.type, &node->type, &both))
		return types_differ(ctx, col, &node->type, path);
	LH_TRY(copy_type(ctx, &both, &own));
	if (!lh_type_equal(&own, &col->column.type))
		col->source = path;
	col->column.type = own;
	return LH_OK;
}

/*
 * Files
 */

/* Name of a top-level column: its own, or "name#2" for the second of that name in its file. */
static LhStatus
column_name(LhCtx *ctx, LhNameMap *seen, int *counts, const LhFileNode *node, int ordinal,
			const char **out)
{
	size_t len = strlen(node->name);
	int first = lh_namemap_get(seen, node->name, len);

	*out = node->name;
	if (first < 0)
	{
		counts[ordinal] = 1;
		return lh_namemap_put(ctx, seen, node->name, len, ordinal);
	}
	*out = lh_sprintf(ctx, "%s#%d", node->name, ++counts[first]);
	return *out == NULL ? ctx->error->code : LH_OK;
}

/* In a schema that the first file decides: which of its columns does this file lack? */
static LhStatus
check_complete(LhCtx *ctx, const Builder *b, const char *path)
{
	for (int i = 0; i < b->n; i++)
	{
		if (b->cols[i].files == b->files + 1)
			continue;
		lh_fail(ctx, LH_MISMATCH, "column \"%s\" of file \"%s\" is missing in file \"%s\"",
				b->cols[i].column.name, b->table->files.entries[0].path, path);
		lh_hint(ctx, "With option \"union_by_name\" missing columns are null.");
		return LH_MISMATCH;
	}
	return LH_OK;
}

/* Put the columns of an open file into the schema; names and types are copied to "keep". */
static LhStatus
merge_file(LhCtx *ctx, Builder *b, LhArena *keep, const LhDataFile *file, const char *path)
{
	bool by_name = b->table->options.union_by_name;
	LhFileNode node;
	LhNameMap *seen;
	int *counts;
	int ordinal = 0;

	LH_TRY(lh_namemap_create(ctx, (size_t) (file->nnodes < FIRST_COLUMNS ? file->nnodes : FIRST_COLUMNS), &seen));
	LH_NEW_ARRAY(ctx, counts, (size_t) file->nnodes + 1);
	file->format->node(file, 0, &node);
	for (int i = node.first_child; i >= 0; i = node.next)
	{
		const char *name;
		Column *col;
		LhArena *old;
		LhStatus status = LH_OK;

		file->format->node(file, i, &node);
		LH_TRY(column_name(ctx, seen, counts, &node, ordinal++, &name));
		if (!is_wanted(b, name))
			continue;
		old = lh_use(ctx, keep);
		col = find(b, name);
		if (col != NULL)
			status = merge_column(ctx, col, &node, path);
		else if (by_name || b->files == 0)
			status = add_column(ctx, b, name, &node, path);
		lh_use(ctx, old);
		LH_TRY(status);
	}
	if (!by_name)
		LH_TRY(check_complete(ctx, b, path));
	b->files++;
	b->rows += (double) file->rows;
	b->groups += (double) file->ngroups;
	return LH_OK;
}

static LhStatus
look_at(LhCtx *ctx, Builder *b, const LhListEntry *file)
{
	const LhFilesTable *table = b->table;
	LhArena *keep = ctx->arena, *arena = lh_arena_child(keep);
	LhDataOptions options = {.cache = table->base.cache};
	LhDataFile *data;
	LhObject *obj;
	LhStatus status;

	if (arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	lh_use(ctx, arena);
	status = lh_object_open(ctx, table->base.store, file->path, &obj);
	if (status == LH_OK)
		status = lh_data_open(ctx, table->file_format, obj, &options, &data);
	if (status == LH_OK)
		status = merge_file(ctx, b, keep, data, file->path);
	if (status == LH_OK)
		b->bytes += (double) lh_object_id(obj)->size;
	lh_use(ctx, keep);
	lh_arena_destroy(arena);
	return status;
}

/* Files to look at, spread evenly: the k-th of "some" out of "all". */
static size_t
sample(size_t k, size_t some, size_t all)
{
	if (some >= all || some <= 1)
		return k;
	return (size_t) ((unsigned __int128) k * (all - 1) / (some - 1));
}

static LhStatus
look_at_files(LhCtx *ctx, Builder *b)
{
	const LhList *files = &b->table->files;
	int most = b->table->options.max_schema_files;
	size_t some = most > 0 && (size_t) most < files->n ? (size_t) most : files->n;

	for (size_t k = 0; k < some; k++)
	{
		LH_TRY(lh_poll(ctx));
		LH_TRY(look_at(ctx, b, &files->entries[sample(k, some, files->n)]));
	}
	/* what was not looked at may lack or null any column */
	for (int i = 0; i < b->n; i++)
		if (some < files->n || b->cols[i].files < b->files)
			b->cols[i].column.required = false;
	return LH_OK;
}

/*
 * Columns that are in no file
 */

static LhStatus
add_partitions(LhCtx *ctx, Builder *b)
{
	const LhHive *hive = &b->table->hive;

	for (int i = 0; hive->on && i < hive->nkeys; i++)
	{
		Column *col;

		if (!is_wanted(b, hive->names[i]))
			continue;
		col = find(b, hive->names[i]);
		if (col == NULL)
			LH_TRY(append(ctx, b, &col));
		*col = (Column){0};
		col->column.name = hive->names[i];
		col->column.type = hive->types[i];
		col->column.required = !hive->has_null[i];
		col->column.source = LH_SRC_PARTITION;
		col->column.field_id = -1;
	}
	return LH_OK;
}

static LhStatus
add_filename(LhCtx *ctx, Builder *b)
{
	const char *name = b->table->options.filename_column;
	Column *col = NULL;

	if (name == NULL)
		return LH_OK;
	for (int i = 0; i < b->n; i++)
		if (strcmp(b->cols[i].column.name, name) == 0)
		{
			lh_fail(ctx, LH_INVALID, "the files have a column \"%s\" of their own", name);
			lh_hint(ctx, "Choose another name in option \"filename_column\".");
			return LH_INVALID;
		}
	LH_TRY(append(ctx, b, &col));
	*col = (Column){0};
	col->column.name = name;
	col->column.type = (LhType){.id = LH_T_STRING, .lane = LH_LANE_STR};
	col->column.required = true;
	col->column.source = LH_SRC_FILENAME;
	col->column.field_id = -1;
	return LH_OK;
}

/*
 * The schema
 */

static LhStatus
set_wanted(LhCtx *ctx, Builder *b)
{
	const char *const *names = b->table->options.columns;
	size_t n = 0;

	if (names == NULL)
		return LH_OK;
	while (names[n] != NULL)
		n++;
	LH_TRY(lh_namemap_create(ctx, n, &b->wanted));
	LH_NEW_ARRAY(ctx, b->wanted_found, n + 1);
	for (size_t i = 0; i < n; i++)
		LH_TRY(lh_namemap_put(ctx, b->wanted, names[i], strlen(names[i]), (int) i));
	return LH_OK;
}

static LhStatus
check_wanted(LhCtx *ctx, const Builder *b)
{
	const char *const *names = b->table->options.columns;

	for (int i = 0; names != NULL && names[i] != NULL; i++)
		if (!b->wanted_found[lh_namemap_get(b->wanted, names[i], strlen(names[i]))])
			LH_FAIL(ctx, LH_NOT_FOUND,
					"column \"%s\" of option \"columns\" is in none of the %lld files "
					"that were looked at",
					names[i], (long long) b->files);
	return LH_OK;
}

static LhStatus
build(LhCtx *ctx, Builder *b)
{
	LH_TRY(lh_namemap_create(ctx, FIRST_COLUMNS, &b->by_name));
	LH_TRY(set_wanted(ctx, b));
	LH_TRY(look_at_files(ctx, b));
	LH_TRY(add_partitions(ctx, b));
	LH_TRY(check_wanted(ctx, b));
	return add_filename(ctx, b);
}

static LhStatus
make_schema(LhCtx *ctx, const LhFilesTable *table, LhTableSchema *out)
{
	Builder b = {.table = table};
	LhTableSchema schema = {0};

	LH_TRY(build(ctx, &b));
	schema.ncols = b.n;
	LH_NEW_ARRAY(ctx, schema.cols, (size_t) b.n + 1);
	for (int i = 0; i < b.n; i++)
		schema.cols[i] = b.cols[i].column;
	schema.files = b.files;
	schema.files_total = (int64_t) table->files.n;
	for (size_t i = 0; i < table->files.n; i++)
		schema.bytes += table->files.entries[i].size;
	schema.rows = b.rows;
	schema.groups = b.groups;
	if (schema.files < schema.files_total && b.bytes > 0)
	{
		schema.rows = b.rows / b.bytes * (double) schema.bytes;
		schema.groups = b.groups / b.bytes * (double) schema.bytes;
	}
	*out = schema;
	return LH_OK;
}

LhStatus
lh_files_schema(LhCtx *ctx, LhTable *base, LhTableSchema *out)
{
	LhFilesTable *table = (LhFilesTable *) base;
	LhArena *old;
	LhStatus status;

	LH_TRY(lh_files_list(ctx, table));
	old = lh_use(ctx, table->arena);
	status = make_schema(ctx, table, out);
	lh_use(ctx, old);
	return status;
}
