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
 *	3. Partition columns and file names are constants.  A partition column that
 *	   the file holds too must not contradict its folder: see LhPartitionCheck.
 *	4. Filters are bound to the file's types, so that their constants are exact.
 */
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

typedef enum Family
{
	FAM_NULL,
	FAM_BOOL,
	FAM_INT,
	FAM_FLOAT,
	FAM_DECIMAL,
	FAM_DATE,
	FAM_TIME,
	FAM_TIMESTAMP,
	FAM_INTERVAL,
	FAM_TEXT,
	FAM_BYTES,
	FAM_UUID,
	FAM_GEOMETRY,
	FAM_GEOGRAPHY,
	FAM_LIST,
	FAM_MAP,
	FAM_STRUCT,
	FAM_VARIANT
} Family;

static Family
family(const LhType *type)
{
	static const Family of[LH_N_TYPES] = {
		[LH_T_NULL] = FAM_NULL,
		[LH_T_BOOL] = FAM_BOOL,
		[LH_T_INT8] = FAM_INT,
		[LH_T_INT16] = FAM_INT,
		[LH_T_INT32] = FAM_INT,
		[LH_T_INT64] = FAM_INT,
		[LH_T_UINT8] = FAM_INT,
		[LH_T_UINT16] = FAM_INT,
		[LH_T_UINT32] = FAM_INT,
		[LH_T_UINT64] = FAM_INT,
		[LH_T_FLOAT16] = FAM_FLOAT,
		[LH_T_FLOAT] = FAM_FLOAT,
		[LH_T_DOUBLE] = FAM_FLOAT,
		[LH_T_DECIMAL] = FAM_DECIMAL,
		[LH_T_DATE] = FAM_DATE,
		[LH_T_TIME] = FAM_TIME,
		[LH_T_TIMESTAMP] = FAM_TIMESTAMP,
		[LH_T_INTERVAL] = FAM_INTERVAL,
		[LH_T_STRING] = FAM_TEXT,
		[LH_T_ENUM] = FAM_TEXT,
		[LH_T_JSON] = FAM_TEXT,
		[LH_T_BSON] = FAM_BYTES,
		[LH_T_BINARY] = FAM_BYTES,
		[LH_T_FIXED] = FAM_BYTES,
		[LH_T_UUID] = FAM_UUID,
		[LH_T_GEOMETRY] = FAM_GEOMETRY,
		[LH_T_GEOGRAPHY] = FAM_GEOGRAPHY,
		[LH_T_LIST] = FAM_LIST,
		[LH_T_MAP] = FAM_MAP,
		[LH_T_STRUCT] = FAM_STRUCT,
		[LH_T_VARIANT] = FAM_VARIANT,
	};

	return of[type->id];
}

/* INT96 says nothing about time zones, so it goes with both kinds. */
static bool
same_clock(const LhType *a, const LhType *b)
{
	return a->utc == b->utc || a->int96 || b->int96;
}

static bool fits(LhCtx *ctx, const LhType *file, const LhType *table);

/* Members by name (structs) or by place; what one side lacks is null. */
static bool
fields_fit(LhCtx *ctx, const LhType *file, const LhType *table)
{
	for (int i = 0; i < table->nfields; i++)
	{
		int j = i;

		if (table->id == LH_T_STRUCT)
			for (j = 0; j < file->nfields; j++)
				if (strcmp(file->fields[j].name, table->fields[i].name) == 0)
					break;
		if (j < file->nfields && !fits(ctx, &file->fields[j].type, &table->fields[i].type))
			return false;
	}
	return true;
}

/* May a file's column stand where the table has this type? */
static bool
fits(LhCtx *ctx, const LhType *file, const LhType *table)
{
	Family f = family(file), t = family(table);
	LhType both;

	if (f == FAM_NULL)
		return true;
	if (f == t)
	{
		if (f == FAM_TIME || f == FAM_TIMESTAMP)
			return same_clock(file, table);
		if (f == FAM_LIST || f == FAM_MAP || f == FAM_STRUCT)
			return fields_fit(ctx, file, table);
		return true;
	}
	return !lh_type_is_nested(file) && !lh_type_is_nested(table) &&
		   lh_type_union(ctx, file, table, &both) && family(&both) == t;
}

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

LhValue
lh_scan_constant(const LhScan *scan, int col, const LhFileTask *task)
{
	const LhScanColumn *column = &scan->spec.cols[col];
	LhValue value = {.type = column->type, .null = true};

	if (column->source == LH_SRC_FILENAME)
	{
		value.null = false;
		value.type = (LhType){.id = LH_T_STRING, .lane = LH_LANE_STR};
		value.str = (LhStr){(const uint8_t *) task->path, (uint32_t) strlen(task->path), 0};
		return value;
	}
	for (int i = 0; i < task->npartition; i++)
		if (strcmp(task->partition_names[i], column->name) == 0)
			return task->partition_values[i];
	return value;
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
	{
		if (!column->required || data->rows == 0)
			return LH_OK;
		lh_fail(ctx, LH_NULL_VALUE, "column \"%s\" is missing in file \"%s\"", column->name, path);
		lh_detail(ctx, "The column is declared NOT NULL.");
		return LH_NULL_VALUE;
	}
	data->format->node(data, number, &node);
	if (node.in_list)
		LH_FAIL(ctx, LH_UNSUPPORTED,
				"column \"%s\" of file \"%s\" lies in a list and has no single "
				"value a row",
				column->name, path);
	if (!fits(ctx, &node.type, &column->type))
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
	LH_NEW_ARRAY(ctx, file->checks, (size_t) (scan->ntotal - scan->ncols) + 1);
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

LhStatus
lh_scan_bind_columns(LhCtx *ctx, LhScan *scan, LhScanFile *file)
{
	const LhFileTask *task = &scan->tasks.tasks[file->task];

	LH_NEW_ARRAY(ctx, file->cols, (size_t) scan->ntotal + 1);
	LH_NEW_ARRAY(ctx, file->types, (size_t) scan->ntotal + 1);
	LH_NEW_ARRAY(ctx, file->nodes, (size_t) scan->ncols + 1);
	for (int i = 0; i < scan->ncols; i++)
	{
		LhFileColumn *col = &file->cols[i];

		if (scan->spec.cols[i].source == LH_SRC_DATA)
			LH_TRY(bind_data(ctx, file, &scan->spec.cols[i], col));
		else
		{
			col->kind = LH_COL_CONST;
			col->value = lh_scan_constant(scan, i, task);
			col->type = col->value.type;
			col->not_null = !col->value.null;
		}
		/* a type of id NULL makes every leaf on the column one on nulls */
		if (col->kind != LH_COL_MISSING)
			file->types[i] = col->type;
		file->nodes[i] = col->kind == LH_COL_NODE ? col->node : -1;
	}
	return bind_checks(ctx, scan, file);
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
