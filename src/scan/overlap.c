/*
 * overlap.c
 *		Bounds of a column in some of the row groups, compared with each other.
 *
 * Of large tables a sample: so many files, and of these together so many row
 * groups, spread evenly.  Every two are compared; a row group of which nothing
 * is known meets all others, one without values none.
 */
#include "scan/overlap.h"

#include "scan/datafile.h"

/* Row groups that are compared, each with each. */
#define MAX_GROUPS 256

typedef struct Sample
{
	const char *name;
	int most; /* row groups of a file */
	int n;
	LhBounds *bounds; /* MAX_GROUPS */
	int blooms;
} Sample;

/* The k-th of "some" out of "all", spread evenly. */
static size_t
spread(size_t k, size_t some, size_t all)
{
	if (some >= all || some <= 1)
		return k;
	return (size_t) ((unsigned __int128) k * (all - 1) / (some - 1));
}

static const LhValue *
partition_value(const LhFileTask *task, const char *name)
{
	for (int i = 0; i < task->npartition; i++)
		if (strcmp(task->partition_names[i], name) == 0)
			return &task->partition_values[i];
	return NULL;
}

/* What the footer says about the column; out is all zero. */
static LhStatus
bounds_of(LhCtx *ctx, Sample *s, LhDataFile *file, int group, int node, LhBounds *out)
{
	LhFileNode facts;
	bool bloom;

	out->rows = lh_data_group(file, group).rows;
	if (node < 0)
	{
		out->nulls = out->rows;
		return LH_OK;
	}
	file->format->node(file, node, &facts);
	if (!facts.flat)
		return LH_OK;
	LH_TRY(file->format->has_bloom(ctx, file, group, node, &bloom));
	s->blooms += bloom;
	return file->format->bounds(ctx, file, group, node, out);
}

static LhStatus
look_at(LhCtx *ctx, Sample *s, const LhTable *table, const LhFileTask *task)
{
	const LhValue *value = partition_value(task, s->name);
	LhDataOptions options = {.cache = table->cache, .key_metadata = task->key_metadata};
	LhDataFile *file;
	LhObject *obj;
	size_t some;

	LH_TRY(lh_object_open(ctx, table->store, task->path, &obj));
	LH_TRY(lh_data_open(ctx, task->format, obj, &options, &file));
	some = file->ngroups < s->most ? (size_t) file->ngroups : (size_t) s->most;
	for (size_t k = 0; k < some && s->n < MAX_GROUPS; k++)
	{
		LhBounds *b = &s->bounds[s->n++];
		int group = (int) spread(k, some, (size_t) file->ngroups);
		int64_t rows = lh_data_group(file, group).rows;

		*b = (LhBounds){.nulls = -1};
		if (value == NULL)
			LH_TRY(bounds_of(ctx, s, file, group, file->format->find(file, s->name), b));
		else if (value->null)
			*b = (LhBounds){.rows = rows, .nulls = rows};
		else
			*b = (LhBounds){.known = true, .has_min = true, .has_max = true, .min = *value, .max = *value,
							.rows = rows};
	}
	return LH_OK;
}

/* Values of files that disagree about the type are not compared. */
static bool
comparable(const LhValue *a, const LhValue *b)
{
	return a->type.id == b->type.id && a->type.lane == b->type.lane && a->type.scale == b->type.scale &&
		   a->type.unit == b->type.unit;
}

static bool
meet(const LhBounds *a, const LhBounds *b)
{
	if ((a->nulls >= 0 && a->nulls == a->rows) || (b->nulls >= 0 && b->nulls == b->rows))
		return false;
	if (!a->known || !b->known || !a->has_min || !a->has_max || !b->has_min || !b->has_max ||
		!comparable(&a->min, &b->min))
		return true;
	return lh_value_compare(&a->min, &b->max) <= 0 && lh_value_compare(&b->min, &a->max) <= 0;
}

static void
compare_all(const Sample *s, LhOverlap *out)
{
	double pairs = 0;

	out->groups = s->n;
	out->bloom = s->n > 0 && s->blooms == s->n;
	out->others = 1;
	if (s->n < 2)
		return;
	for (int i = 0; i < s->n; i++)
		for (int k = 0; k < i; k++)
			pairs += meet(&s->bounds[i], &s->bounds[k]);
	out->others = pairs * 2 / ((double) s->n * (s->n - 1));
}

static LhStatus
look_at_files(LhCtx *ctx, Sample *s, const LhTable *table, const LhTaskList *tasks, size_t some)
{
	LH_NEW_ARRAY(ctx, s->bounds, MAX_GROUPS);
	for (size_t k = 0; k < some; k++)
	{
		LH_TRY(lh_poll(ctx));
		LH_TRY(look_at(ctx, s, table, &tasks->tasks[spread(k, some, tasks->n)]));
	}
	return LH_OK;
}

LhStatus
lh_overlap(LhCtx *ctx, const LhTable *table, const LhTaskList *tasks, const char *name, int max_files,
		   LhOverlap *out)
{
	LhArena *keep = ctx->arena, *arena = lh_arena_child(keep);
	size_t some = tasks->n < (size_t) max_files ? tasks->n : (size_t) max_files;
	Sample s = {.name = name, .most = some > 0 ? (int) (MAX_GROUPS / some) : 0};
	LhStatus status;

	*out = (LhOverlap){.others = 1};
	if (arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	lh_use(ctx, arena);
	status = look_at_files(ctx, &s, table, tasks, some);
	if (status == LH_OK)
		compare_all(&s, out);
	lh_use(ctx, keep);
	lh_arena_destroy(arena);
	return status;
}

static LhStatus
file_is_exact(LhCtx *ctx, const LhTable *table, const LhFileTask *task, const char *name, bool values, bool *yes)
{
	LhDataOptions options = {.cache = table->cache, .key_metadata = task->key_metadata};
	LhFileNode facts;
	LhDataFile *file;
	LhObject *obj;
	int node;

	LH_TRY(lh_object_open(ctx, table->store, task->path, &obj));
	LH_TRY(lh_data_open(ctx, task->format, obj, &options, &file));
	node = file->format->find(file, name);
	*yes = node >= 0;
	if (!*yes)
		return LH_OK;
	file->format->node(file, node, &facts);
	*yes = facts.flat;
	for (int g = 0; g < file->ngroups && *yes; g += file->ngroups > 1 ? file->ngroups - 1 : 1)
	{
		LhBounds b = {.nulls = -1};

		LH_TRY(file->format->bounds(ctx, file, g, node, &b));
		*yes = b.nulls >= 0 && (!values || b.nulls == b.rows || (b.known && b.has_min && b.has_max && b.min_exact && b.max_exact));
	}
	return LH_OK;
}

LhStatus
lh_bounds_exact(LhCtx *ctx, const LhTable *table, const LhTaskList *tasks, const char *name, bool values,
				bool *yes)
{
	LhArena *keep = ctx->arena, *arena = lh_arena_child(keep);
	LhStatus status = LH_OK;

	*yes = true;
	if (arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	lh_use(ctx, arena);
	for (size_t i = 0; i < tasks->n && status == LH_OK && *yes; i += tasks->n > 1 ? tasks->n - 1 : 1)
		status = file_is_exact(ctx, table, &tasks->tasks[i], name, values, yes);
	lh_use(ctx, keep);
	lh_arena_destroy(arena);
	return status;
}
