/*
 * bind.c
 *		The scan's columns and filters, fitted to one file.
 *
 * Each file has its own schema: a column may be missing, lie elsewhere, or
 * have another type of the same family.
 *
 *	1. A data column is looked up by name among the file's top-level columns,
 *	   then as "name#2" (the second of several columns with one name), then as
 *	   the dotted path of a nested column that lies in no list.
 *	2. Its type must be of the family of the table's type, or be held by it
 *	   exactly (an int where the table has a decimal).  Vectors keep the file's
 *	   type: consumers look at it.
 *	   Where the schema is by_id, columns are found by their field ids instead
 *	   (fields.c), and nested ones get the table's shape (project.c).
 *	3. Partition columns and file names are constants.  A partition column that
 *	   the file holds too must not contradict its folder: see LhPartitionCheck.
 *	4. Filters are bound to the file's types, so that their constants are exact.
 */
#include "scan/fit.h"
#include "scan/state.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * Names
 */

/* The ordinal of "name#3", and the length of its name; 0: none. */
static int
name_ordinal(const char *name, size_t *len)
{
	const char *hash = strrchr(name, '#');
	char *end;
	long ordinal;

	if (hash == NULL || hash[1] < '1' || hash[1] > '9')
		return 0;
	ordinal = strtol(hash + 1, &end, 10);
	if (*end != '\0' || ordinal < 2 || ordinal > INT32_MAX)
		return 0;
	*len = (size_t) (hash - name);
	return (int) ordinal;
}

static int
find_twin(const LhDataFile *file, const char *name, size_t len, int ordinal)
{
	LhFileNode node;

	file->format->node(file, 0, &node);
	for (int i = node.first_child; i >= 0; i = node.next)
	{
		file->format->node(file, i, &node);
		if (strlen(node.name) == len && memcmp(node.name, name, len) == 0 && --ordinal == 0)
			return i;
	}
	return -1;
}

/* Node of a column; -1: the file has none. */
static int
find_node(const LhDataFile *file, const char *name)
{
	size_t len;
	int node = file->format->child(file, 0, name, strlen(name));
	int ordinal;

	if (node >= 0)
		return node;
	ordinal = name_ordinal(name, &len);
	if (ordinal > 0 && (node = find_twin(file, name, len, ordinal)) >= 0)
		return node;
	return strchr(name, '.') != NULL ? file->format->find(file, name) : -1;
}

/*
 * Types
 */

static LhStatus
type_mismatch(LhCtx *ctx, const LhScanFile *file, const char *name, const LhType *found,
			  const LhType *wanted)
{
	LhBuf a, b;

	LH_TRY(lh_buf_init(ctx, &a, false));
	LH_TRY(lh_buf_init(ctx, &b, false));
	LH_TRY(lh_type_format(ctx, found, &a));
	LH_TRY(lh_type_format(ctx, wanted, &b));
	lh_fail(ctx, LH_MISMATCH,
			"column \"%s\" of file \"%s\" has type %.*s, which does not fit type %.*s "
			"of the table",
			name, lh_object_id(file->obj)->path, (int) a.len, (char *) a.data, (int) b.len,
			(char *) b.data);
	return LH_MISMATCH;
}

/*
 * Columns
 */

static LhValue
text_value(const LhType *type, const char *text)
{
	LhValue value = {.type = *type, .null = text == NULL};

	if (type->lane != LH_LANE_STR)
		value.type = (LhType){.id = LH_T_STRING, .lane = LH_LANE_STR};
	if (text != NULL)
		value.str = (LhStr){(const uint8_t *) text, (uint32_t) strlen(text), 0};
	return value;
}

static LhValue
int_value(LhTypeId id, LhLane lane, int64_t i64)
{
	return (LhValue){.type = {.id = id, .lane = lane}, .i64 = i64};
}

static LhValue
partition_value(const LhScanColumn *column, const LhFileTask *task)
{
	for (int i = 0; i < task->npartition; i++)
		if (strcmp(task->partition_names[i], column->name) == 0)
			return task->partition_values[i];
	return (LhValue){.type = column->type, .null = true};
}

/* A null says nothing of its type. */
static LhValue
typed_null(const LhScanColumn *column, LhValue value)
{
	if (value.null)
		value.type = column->type;
	return value;
}

bool
lh_scan_constant(const LhScan *scan, int col, const LhFileTask *task, LhValue *out)
{
	static const LhType string = {.id = LH_T_STRING, .lane = LH_LANE_STR};
	const LhScanColumn *column = &scan->cols[col];
	const LhValue *value;

	switch (column->source)
	{
		case LH_SRC_DATA:
			value = scan->by_id ? lh_task_const(task, column->field_id) : NULL;
			if (value == NULL)
				return false;
			*out = typed_null(column, *value);
			return true;
		case LH_SRC_PARTITION: *out = partition_value(column, task); return true;
		case LH_SRC_FILENAME: *out = text_value(&string, task->path); return true;
		case LH_SRC_SPEC_ID: *out = int_value(LH_T_INT32, LH_LANE_I32, task->spec_id); return true;
		case LH_SRC_PARTITION_TUPLE: *out = text_value(&column->type, task->partition); return true;
		case LH_SRC_CHANGE_TYPE:
			*out = text_value(&string, task->change_delete ? "DELETE" : "INSERT");
			return true;
		case LH_SRC_CHANGE_ORDINAL:
			*out = int_value(LH_T_INT32, LH_LANE_I32, task->change_ordinal);
			return true;
		case LH_SRC_CHANGE_SNAPSHOT:
			*out = int_value(LH_T_INT64, LH_LANE_I64, task->change_snapshot);
			return true;
		case LH_SRC_POSITION:
		case LH_SRC_DELETED:
		case LH_SRC_ROW_ID:
		case LH_SRC_ROW_SEQUENCE: break;
	}
	return false;
}

/* A column of the file.  Statistics of what lies in a list do not speak of rows. */
static void
bind_node(int number, const LhFileNode *node, LhFileColumn *out)
{
	out->kind = LH_COL_NODE;
	out->node = number;
	out->flat = node->flat;
	out->not_null = node->not_null;
	out->type = node->type;
}

static LhStatus
missing(LhCtx *ctx, const LhDataFile *data, const LhScanColumn *column, LhFileColumn *out)
{
	out->absent = true;
	if (!column->required || data->rows == 0)
		return LH_OK;
	lh_fail(ctx, LH_NULL_VALUE, "column \"%s\" is missing in file \"%s\"", column->name, data->path);
	lh_detail(ctx, "The column is declared NOT NULL.");
	return LH_NULL_VALUE;
}

static void
bind_constant(LhFileColumn *out, const LhValue *value)
{
	out->kind = LH_COL_CONST;
	out->value = *value;
	out->type = value->type;
	out->not_null = !value->null;
}

static LhStatus
bind_data(LhCtx *ctx, const LhScanFile *file, const LhScanColumn *column, LhFileColumn *out)
{
	const LhDataFile *data = file->data;
	const char *path = data->path;
	int number = find_node(data, column->name);
	LhFileNode node;

	for (int i = 0; column->members != NULL && column->members[i] != NULL && number >= 0; i++)
		number =
			data->format->child(data, number, column->members[i], strlen(column->members[i]));
	out->type = column->type;
	if (number < 0)
		return missing(ctx, data, column, out);
	data->format->node(data, number, &node);
	if (node.in_list)
		LH_FAIL(ctx, LH_UNSUPPORTED,
				"column \"%s\" of file \"%s\" lies in a list and has no single "
				"value a row",
				column->name, path);
	if (!lh_type_fits(ctx, &node.type, &column->type))
		return type_mismatch(ctx, file, column->name, &node.type, &column->type);
	if (node.type.id == LH_T_NULL)
		return LH_OK; /* nothing but nulls: as if it were missing */
	bind_node(number, &node, out);
	return LH_OK;
}

/* "differs from the partition's value", bound to the type of the file's own column. */
static LhStatus
bind_check(LhCtx *ctx, const LhScan *scan, const LhScanFile *file, LhPartitionCheck *check)
{
	const LhValue *value = &file->cols[check->col].value;
	const LhType *type = &file->cols[check->hidden].type;
	LhPred *differs;
	LhStatus status;

	if (value->null)
		LH_TRY(lh_pred_leaf(ctx, LH_P_NOT_NULL, check->hidden, NULL, &differs));
	else
		LH_TRY(lh_pred_leaf(ctx, LH_P_DISTINCT, check->hidden, value, &differs));
	status = lh_pred_bind(ctx, differs, file->types, &check->differs);
	if (status != LH_UNSUPPORTED && status != LH_MISMATCH)
		return status;
	lh_error_clear(ctx);
	return type_mismatch(ctx, file, scan->spec.cols[check->col].name, type, &value->type);
}

/* Partition columns that are in the file as well get a hidden column and a check. */
static LhStatus
bind_checks(LhCtx *ctx, LhScan *scan, LhScanFile *file)
{
	int hidden = scan->ncols;

	file->nchecks = 0;
	LH_NEW_ARRAY(ctx, file->checks, (size_t) (scan->first_lineage - scan->ncols) + 1);
	for (int i = 0; i < scan->ncols; i++)
	{
		LhPartitionCheck *check = &file->checks[file->nchecks];
		const char *name = scan->spec.cols[i].name;
		LhFileNode node;
		int number;

		if (scan->spec.cols[i].source != LH_SRC_PARTITION)
			continue;
		number = file->data->format->child(file->data, 0, name, strlen(name));
		if (number >= 0)
			file->data->format->node(file->data, number, &node);
		if (number >= 0 && node.flat && node.type.id != LH_T_NULL)
		{
			bind_node(number, &node, &file->cols[hidden]);
			file->types[hidden] = file->cols[hidden].type;
			check->col = i;
			check->hidden = hidden;
			LH_TRY(bind_check(ctx, scan, file, check));
			file->nchecks++;
		}
		hidden++;
	}
	return LH_OK;
}

/*
 * Columns by field id
 */

static LhStatus bind_missing_member(LhCtx *ctx, const LhScan *scan, const LhScanFile *file, int col, int parent,
									const LhValue *value, LhFileColumn *out);

/* A field that is value in every row. */
static LhStatus
bind_default(LhCtx *ctx, const LhScan *scan, const LhScanFile *file, int col, const LhValue *value, LhFileColumn *out)
{
	const LhFieldValues values = {&scan->tasks.tasks[file->task], scan->spec.schema};

	bind_constant(out, value);
	out->absent = true;
	if (value->type.id != LH_T_STRUCT)
		return LH_OK;
	LH_TRY(lh_project_members(ctx, &scan->cols[col].type, &values, &out->project));
	out->type = *lh_project_type(out->project);
	return LH_OK;
}

/* A member of a struct that the file has not either: null, unless that one's default is its members' defaults. */
static LhStatus
bind_below_missing(LhCtx *ctx, const LhScan *scan, const LhScanFile *file, int col, int parent, const LhValue *value,
				   LhFileColumn *out)
{
	const LhValue *above = lh_schema_default(scan->spec.schema, parent);
	int higher = lh_schema_parent(scan->spec.schema, parent);

	if (above == NULL || above->null)
		return missing(ctx, file->data, &scan->cols[col], out);
	if (higher >= 0)
		return bind_missing_member(ctx, scan, file, col, higher, value, out);
	return bind_default(ctx, scan, file, col, value, out);
}

/* A member that the file's struct has not: its default, null where the struct is. */
static LhStatus
bind_missing_member(LhCtx *ctx, const LhScan *scan, const LhScanFile *file, int col, int parent,
					const LhValue *value, LhFileColumn *out)
{
	const LhFieldValues values = {&scan->tasks.tasks[file->task], scan->spec.schema};
	LhFoundField found;
	LhFileNode node;

	LH_TRY(lh_fields_find_one(ctx, scan->finder, scan->tasks.tasks[file->task].format, file->data,
							  parent, &found));
	if (found.node < 0)
		return bind_below_missing(ctx, scan, file, col, parent, value, out);
	file->data->format->node(file->data, found.node, &node);
	if (node.type.id != LH_T_STRUCT)
		return missing(ctx, file->data, &scan->cols[col], out);
	if (value->type.id == LH_T_STRUCT)
		LH_TRY(lh_project_members(ctx, &scan->cols[col].type, &values, &out->project));
	else
		LH_TRY(lh_project_default(ctx, value, &out->project));
	bind_node(found.node, &node, out);
	out->type = *lh_project_type(out->project);
	out->absent = true;
	return LH_OK;
}

/* A field that the file has not: its default, or null. */
static LhStatus
bind_missing_field(LhCtx *ctx, const LhScan *scan, const LhScanFile *file, int col, LhFileColumn *out)
{
	const LhScanColumn *column = &scan->cols[col];
	const LhValue *value = lh_schema_default(scan->spec.schema, column->field_id);

	int parent = lh_schema_parent(scan->spec.schema, column->field_id);

	if (value == NULL || value->null)
		return missing(ctx, file->data, column, out);
	if (parent >= 0)
		return bind_missing_member(ctx, scan, file, col, parent, value, out);
	return bind_default(ctx, scan, file, col, value, out);
}

static LhStatus
bind_field(LhCtx *ctx, const LhScan *scan, const LhScanFile *file, int col,
		   const LhFoundField *found, LhFileColumn *out)
{
	const LhFileTask *task = &scan->tasks.tasks[file->task];
	const LhScanColumn *column = &scan->cols[col];
	const LhFieldValues values = {task, scan->spec.schema};
	LhFileNode node;
	LhValue value;
	LhStatus status;
	bool fits;

	out->type = column->type;
	if (lh_scan_constant(scan, col, task, &value))
	{
		bind_constant(out, &value);
		return LH_OK;
	}
	if (found->node < 0)
		return bind_missing_field(ctx, scan, file, col, out);
	file->data->format->node(file->data, found->node, &node);
	if (node.type.id == LH_T_NULL)
		return LH_OK;
	status = lh_project_plan(ctx, &node.type, found->mapping, &column->type, &values, &out->project,
							 &fits);
	if (status == LH_NULL_VALUE)
		lh_error_prefix(ctx, "column \"%s\" of file \"%s\"", column->name, file->data->path);
	LH_TRY(status);
	if (!fits)
		return type_mismatch(ctx, file, column->name, &node.type, &column->type);
	bind_node(found->node, &node, out);
	if (out->project != NULL)
		out->type = *lh_project_type(out->project);
	return LH_OK;
}

/* Row ids and sequence numbers: stored in the file, computed, or not there at all. */
static void
bind_lineage(const LhScan *scan, const LhScanFile *file, int col, int stored, LhFileColumn *out)
{
	const LhFileTask *task = &scan->tasks.tasks[file->task];
	bool id = scan->cols[col].source == LH_SRC_ROW_ID;

	out->type = (LhType){.id = LH_T_INT64, .lane = LH_LANE_I64};
	out->stored = file->cols[stored].kind == LH_COL_NODE ? stored : -1;
	out->not_null = task->has_row_ids;
	if (out->stored < 0 && !task->has_row_ids)
		return;
	out->kind = id ? LH_COL_ROW_ID : LH_COL_ROW_SEQUENCE;
	if (out->stored < 0 && !id)
	{
		LhValue value = int_value(LH_T_INT64, LH_LANE_I64, task->sequence);

		bind_constant(out, &value);
	}
}

static LhStatus
bind_hidden(LhCtx *ctx, LhScan *scan, LhScanFile *file, const LhFoundField *found)
{
	for (int i = scan->first_lineage; i < scan->ntotal; i++)
	{
		file->cols[i].type = scan->cols[i].type;
		if (scan->by_id)
			LH_TRY(bind_field(ctx, scan, file, i, &found[i], &file->cols[i]));
	}
	return LH_OK;
}

static LhStatus
bind_column(LhCtx *ctx, LhScan *scan, LhScanFile *file, int col, const LhFoundField *found,
			int *lineage)
{
	LhFileColumn *out = &file->cols[col];
	LhValue value;

	switch (scan->cols[col].source)
	{
		case LH_SRC_DATA:
			return scan->by_id ? bind_field(ctx, scan, file, col, &found[col], out)
							   : bind_data(ctx, file, &scan->cols[col], out);
		case LH_SRC_POSITION:
			out->kind = LH_COL_POSITION;
			out->type = (LhType){.id = LH_T_INT64, .lane = LH_LANE_I64};
			break;
		case LH_SRC_DELETED:
			out->kind = LH_COL_DELETED;
			out->type = (LhType){.id = LH_T_BOOL, .lane = LH_LANE_U8};
			break;
		case LH_SRC_ROW_ID:
		case LH_SRC_ROW_SEQUENCE:
			bind_lineage(scan, file, col, scan->first_lineage + (*lineage)++, out);
			return LH_OK;
		default:
			lh_scan_constant(scan, col, &scan->tasks.tasks[file->task], &value);
			bind_constant(out, &value);
			return LH_OK;
	}
	out->not_null = true;
	return LH_OK;
}

/* A format that reads rows as a whole wants to know which of their columns. */
static LhStatus
tell_wanted(LhCtx *ctx, const LhScan *scan, LhScanFile *file)
{
	int *nodes, n = 0;

	if (file->data->format->wants == NULL)
		return LH_OK;
	LH_NEW_ARRAY(ctx, nodes, (size_t) scan->ntotal + 1);
	for (int i = 0; i < scan->ntotal; i++)
		if (file->cols[i].kind == LH_COL_NODE && (i < scan->first_key || file->has_deletes))
			nodes[n++] = file->cols[i].node;
	return file->data->format->wants(ctx, file->data, n, nodes);
}

LhStatus
lh_scan_bind_columns(LhCtx *ctx, LhScan *scan, LhScanFile *file)
{
	LhFoundField *found = NULL;
	int lineage = 0;

	LH_NEW_ARRAY(ctx, file->cols, (size_t) scan->ntotal + 1);
	LH_NEW_ARRAY(ctx, file->types, (size_t) scan->ntotal + 1);
	LH_NEW_ARRAY(ctx, file->nodes, (size_t) scan->ncols + 1);
	for (int i = 0; i < scan->ntotal; i++)
		file->cols[i].stored = -1;
	if (scan->by_id)
	{
		LH_NEW_ARRAY(ctx, found, (size_t) scan->ntotal + 1);
		LH_TRY(lh_fields_find(ctx, scan->finder, scan->tasks.tasks[file->task].format, file->data,
							  found, scan->ntotal));
	}
	LH_TRY(bind_hidden(ctx, scan, file, found));
	for (int i = 0; i < scan->ncols; i++)
	{
		const LhFileColumn *col = &file->cols[i];

		LH_TRY(bind_column(ctx, scan, file, i, found, &lineage));
		/* a type of id NULL makes every leaf on the column one on nulls */
		if (col->kind != LH_COL_MISSING)
			file->types[i] = col->type;
		file->nodes[i] = col->kind == LH_COL_NODE ? col->node : -1;
	}
	LH_TRY(bind_checks(ctx, scan, file));
	return tell_wanted(ctx, scan, file);
}

/* Bind the scan's filters unless they are bound already; satisfied comes from the task's pruning. */
LhStatus
lh_scan_bind_filters(LhCtx *ctx, LhScan *scan, LhScanFile *file)
{
	LhArena *old;

	if (file->generation == scan->generation)
		return LH_OK;
	lh_arena_reset(file->preds);
	old = lh_use(ctx, file->preds);
	LH_NEW_ARRAY(ctx, file->filters, (size_t) scan->nfilters + 1);
	LH_NEW_ARRAY(ctx, file->satisfied, (size_t) scan->nfilters + 1);
	for (int i = 0; i < scan->nfilters; i++)
	{
		LhStatus status = lh_pred_bind(ctx, scan->filters[i], file->types, &file->filters[i]);

		if (status != LH_OK)
		{
			if (status != LH_NO_MEMORY && status != LH_CANCELLED)
				lh_error_prefix(ctx, "file \"%s\"", lh_object_id(file->obj)->path);
			return status;
		}
		file->satisfied[i] = scan->prune_satisfied[i];
	}
	lh_use(ctx, old);
	file->generation = scan->generation;
	return LH_OK;
}
