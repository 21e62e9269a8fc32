/*
 * share.c
 *		Taking units, and what a shared scan does at the borders of one.
 */
#include "scan/share.h"

#include "scan/state.h"

#define UNIT(task, group) ((uint64_t) (task) << 32 | (uint32_t) (group))
#define TASK(unit)        ((size_t) ((unit) >> 32))
#define GROUP(unit)       ((int) ((unit) &0x7fffffff))

void
lh_share_init(LhScanShare *share)
{
	for (int i = 0; i < LH_SHARE_PARTS; i++)
		share->tallies[i] = (LhShareTally){0};
	__atomic_store_n(&share->next, 0, __ATOMIC_RELEASE);
}

/* Tasks whose files are taken by row groups: at most LH_SHARE_PARTS, for each is a larger part. */
LhStatus
lh_share_prepare(LhCtx *ctx, LhScan *scan)
{
	const LhTaskList *list = &scan->tasks;
	int64_t total = 0;

	LH_NEW_ARRAY(ctx, scan->split, LH_SHARE_PARTS);
	for (size_t i = 0; i < list->n; i++)
		if (list->tasks[i].size > 0 && __builtin_add_overflow(total, list->tasks[i].size, &total))
			LH_FAIL(ctx, LH_LIMIT, "the files of the table are too large");
	scan->nsplit = 0;
	for (size_t i = 0; i < list->n && scan->nsplit < LH_SHARE_PARTS; i++)
		if (list->tasks[i].size > total / LH_SHARE_PARTS)
			scan->split[scan->nsplit++] = i;
	return LH_OK;
}

/* Which of the split tasks it is; -1: none, the file is one unit. */
static int
split_index(const LhScan *scan, size_t task)
{
	int low = 0, high = scan->nsplit;

	while (low < high)
	{
		int mid = (low + high) / 2;

		if (scan->split[mid] < task)
			low = mid + 1;
		else
			high = mid;
	}
	return low < scan->nsplit && scan->split[low] == task ? low : -1;
}

/* Nobody takes another row group of this file. */
static void
skip_file(LhScanShare *share, size_t task)
{
	uint64_t next = __atomic_load_n(&share->next, __ATOMIC_ACQUIRE);

	while (TASK(next) == task &&
		   !__atomic_compare_exchange_n(&share->next, &next, UNIT(task + 1, 0), false,
										__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		;
}

bool
lh_scan_take(LhScan *scan, LhScanUnit *unit)
{
	LhScanShare *share = scan->spec.share;
	uint64_t next = __atomic_load_n(&share->next, __ATOMIC_ACQUIRE);

	for (;;)
	{
		size_t task = TASK(next);
		bool whole;
		uint64_t after;

		if (task >= scan->tasks.n)
			return false;
		if (scan->file != NULL && scan->file->task == task &&
			GROUP(next) >= scan->file->data->ngroups)
		{
			skip_file(share, task);
			next = __atomic_load_n(&share->next, __ATOMIC_ACQUIRE);
			continue;
		}
		whole = split_index(scan, task) < 0;
		after = whole ? UNIT(task + 1, 0) : next + 1;
		if (!__atomic_compare_exchange_n(&share->next, &next, after, false, __ATOMIC_ACQ_REL,
										 __ATOMIC_ACQUIRE))
			continue;
		*unit = scan->unit = (LhScanUnit){task, whole ? -1 : GROUP(next)};
		scan->stage = LH_STAGE_FILE;
		return true;
	}
}

/* FILE of a shared scan: open the unit's file, unless it is open or pruned. */
LhStatus
lh_share_enter(LhCtx *ctx, LhScan *scan)
{
	const LhScanUnit *unit = &scan->unit;
	bool first = unit->group <= 0, pruned = false;

	scan->stage = LH_STAGE_END;
	lh_progress(ctx, "files", (int64_t) unit->task, (int64_t) scan->tasks.n);
	LH_TRY(lh_poll(ctx));
	if (first)
		LH_COUNT(ctx, FILES, 1);
	if (scan->file == NULL || scan->file->task != unit->task)
	{
		lh_scan_leave_file(scan);
		LH_TRY(lh_scan_prune_task(ctx, scan, &scan->tasks.tasks[unit->task], &pruned));
	}
	if (pruned)
	{
		if (first)
			LH_COUNT(ctx, FILES_PRUNED_PARTITION, 1);
		skip_file(scan->spec.share, unit->task);
		return LH_OK;
	}
	if (scan->file == NULL)
		LH_TRY(lh_scan_open_file(ctx, scan, unit->task));
	if (unit->group >= scan->file->data->ngroups)
	{
		skip_file(scan->spec.share, unit->task);
		return LH_OK;
	}
	scan->file->groups_stats = scan->file->groups_meta = scan->file->groups_read = 0;
	scan->file->group = unit->group < 0 ? 0 : unit->group;
	scan->file->end = unit->group < 0 ? scan->file->data->ngroups : unit->group + 1;
	scan->stage = LH_STAGE_GROUP;
	return LH_OK;
}

static uint32_t
add(uint32_t *tally, int n)
{
	return __atomic_add_fetch(tally, (uint32_t) n, __ATOMIC_ACQ_REL);
}

/* A unit was read: what is counted once a file is counted by whoever reads its last row group. */
void
lh_share_leave(LhCtx *ctx, LhScan *scan)
{
	LhScanFile *file = scan->file;
	int split = split_index(scan, file->task);
	LhShareTally *tally;

	scan->stage = LH_STAGE_END;
	if (split < 0)
	{
		lh_scan_count_file(ctx, file, file->groups_stats, file->groups_meta, file->groups_read);
		return;
	}
	tally = &scan->spec.share->tallies[split];
	add(&tally->stats, file->groups_stats);
	add(&tally->meta, file->groups_meta);
	add(&tally->read, file->groups_read);
	if (add(&tally->done, 1) == (uint32_t) file->data->ngroups)
		lh_scan_count_file(ctx, file, (int) add(&tally->stats, 0), (int) add(&tally->meta, 0),
						   (int) add(&tally->read, 0));
}
