/*
 * tasks.c
 *		One task a file, in byte order of the paths.
 */
#include "files/table.h"

LhStatus
lh_files_tasks(LhCtx *ctx, LhTable *base, const LhTaskFilter *filter, LhTaskList *out)
{
	LhFilesTable *table = (LhFilesTable *) base;
	const LhHive *hive = &table->hive;
	LhArena *arena, *old;

	LH_TRY(lh_files_list(ctx, table));
	*out = (LhTaskList){.n = table->files.n};
	/* as many as there are files: floor, as their names are */
	arena = lh_arena_child(ctx->arena);
	if (arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	lh_arena_as_floor(arena);
	old = lh_use(ctx, arena);
	out->tasks = lh_alloc_array(ctx, out->n, sizeof(*out->tasks));
	lh_use(ctx, old);
	if (out->tasks == NULL)
		return ctx->error->code;
	for (size_t i = 0; i < out->n; i++)
	{
		LhFileTask *task = &out->tasks[i];

		task->path = table->files.entries[i].path;
		task->size = table->files.entries[i].size;
		task->format = table->file_format;
		if (!hive->on)
			continue;
		task->npartition = hive->nkeys;
		task->partition_names = hive->names;
		task->partition_values = hive->dirs[i]->values;
	}
	return LH_OK;
}
