/*
 * changes.c
 *		What snapshots changed -> file tasks.
 *
 * Snapshots after "from" up to "to" along the parents of "to", oldest first; those
 * that only replaced files by others with the same rows are left out.  For each:
 *
 *	inserted	rows of the data files it added, less those its deletes delete at once
 *	deleted		rows of the data files it removed, less those that were deleted before
 *	deleted		rows of all other data files that its new deletes delete and the
 *				deletes of its parent did not
 *
 * Format: BaseIncrementalChangelogScan of Apache Iceberg, which refuses deletes.
 */
#include "iceberg/plan.h"

/* A snapshot with the lines of its list. */
typedef struct Step
{
	const LhIceSnapshot *snapshot; /* NULL: before the first one */
	size_t n;
	const LhIceManifestFile *lines;
	int ordinal;
	LhIceDeletes *before; /* of the parent */
	LhIceDeletes *after;
	LhIceDeletes *added;
} Step;

static LhStatus
read_lines(LhCtx *ctx, LhIcePlan *plan, const LhIceSnapshot *snapshot, size_t *n,
		   const LhIceManifestFile **lines)
{
	*n = 0;
	*lines = NULL;
	return snapshot == NULL ? LH_OK : lh_ice_manifest_list(ctx, plan->table, snapshot, n, lines);
}

static LhStatus
mark(LhCtx *ctx, const Step *step, LhFileTask *task, bool deleted)
{
	task->change_delete = deleted;
	task->change_ordinal = step->ordinal;
	task->change_snapshot = step->snapshot->snapshot_id;
	return LH_OK;
}

static LhStatus
inserted_file(LhCtx *ctx, LhIcePlan *plan, LhIcePlanManifest *pm, size_t i,
			  const LhIceInherit *inherit, uint64_t satisfied, void *arg)
{
	Step *step = arg;
	LhIceDataFile file;
	LhFileTask *task;

	if (inherit->snapshot != step->snapshot->snapshot_id)
		return LH_OK;
	LH_TRY(lh_ice_plan_file(ctx, plan, pm, i, inherit, &file));
	LH_TRY(lh_ice_plan_task(ctx, plan, pm, &file, inherit, satisfied, &task));
	LH_TRY(mark(ctx, step, task, false));
	return lh_ice_deletes_find(ctx, step->after, &file, &task->ndeletes, &task->deletes);
}

static LhStatus
removed_file(LhCtx *ctx, LhIcePlan *plan, LhIcePlanManifest *pm, size_t i,
			 const LhIceInherit *inherit, uint64_t satisfied, void *arg)
{
	Step *step = arg;
	LhIceDataFile file;
	LhFileTask *task;

	if (inherit->snapshot != step->snapshot->snapshot_id)
		return LH_OK;
	LH_TRY(lh_ice_plan_file(ctx, plan, pm, i, inherit, &file));
	LH_TRY(lh_ice_plan_task(ctx, plan, pm, &file, inherit, satisfied, &task));
	LH_TRY(mark(ctx, step, task, true));
	return lh_ice_deletes_find(ctx, step->before, &file, &task->ndeletes, &task->deletes);
}

/* Files that were there before and stay, which new deletes hit. */
static LhStatus
kept_file(LhCtx *ctx, LhIcePlan *plan, LhIcePlanManifest *pm, size_t i, const LhIceInherit *inherit,
		  uint64_t satisfied, void *arg)
{
	Step *step = arg;
	const uint32_t *added, *before;
	int nadded, nbefore;
	LhIceDataFile file;
	LhFileTask *task;
	uint32_t *both;
	LhArena *old;

	if (lh_ice_int(&pm->m->status, i) == LH_ICE_ADDED &&
		inherit->snapshot == step->snapshot->snapshot_id)
		return LH_OK;
	LH_TRY(lh_ice_plan_file(ctx, plan, pm, i, inherit, &file));
	LH_TRY(lh_ice_deletes_find(ctx, step->added, &file, &nadded, &added));
	if (nadded == 0)
		return LH_OK;
	LH_TRY(lh_ice_deletes_find(ctx, step->before, &file, &nbefore, &before));
	LH_TRY(lh_ice_plan_task(ctx, plan, pm, &file, inherit, satisfied, &task));
	LH_TRY(mark(ctx, step, task, true));
	old = lh_use(ctx, plan->result);
	both = lh_alloc_array(ctx, (size_t) (nadded + nbefore), sizeof(*both));
	lh_use(ctx, old);
	if (both == NULL)
		return ctx->error->code;
	if (nbefore > 0)
		memcpy(both, before, (size_t) nbefore * sizeof(*both));
	memcpy(both + nbefore, added, (size_t) nadded * sizeof(*both));
	task->rows = LH_ROWS_DELETED;
	task->deletes = both;
	task->ndeletes = nadded + nbefore;
	task->nearlier = nbefore;
	return LH_OK;
}

static LhStatus
data_manifests(LhCtx *ctx, LhIcePlan *plan, Step *step, bool own_only, unsigned statuses,
			   LhIceEntryFn fn)
{
	for (size_t i = 0; i < step->n; i++)
	{
		LhIceManifestFile line = step->lines[i];
		bool may;

		if (line.deletes || (own_only && line.added_snapshot != -1 &&
							 line.added_snapshot != step->snapshot->snapshot_id))
			continue;
		if ((statuses == 1u << LH_ICE_DELETED && line.deleted_files == 0) ||
			(statuses == 1u << LH_ICE_ADDED && line.added_files == 0))
			continue;
		/* removed files are none that the counts of live ones speak of */
		if ((statuses >> LH_ICE_DELETED & 1) != 0)
			line.existing_files = -1;
		LH_TRY(lh_ice_prune_manifest(ctx, plan->prune, &line, &may));
		if (may)
			LH_TRY(lh_ice_plan_entries(ctx, plan, &step->lines[i], statuses, fn, step));
		else
			LH_COUNT(ctx, MANIFESTS_PRUNED, 1);
	}
	return LH_OK;
}

/* One snapshot against its parent (NULL: there was none, or it is unknown). */
static LhStatus
plan_step(LhCtx *ctx, LhIcePlan *plan, Step *step, const LhIceSnapshot *parent)
{
	size_t nparent;
	const LhIceManifestFile *parents;
	bool new_deletes = false;

	LH_TRY(read_lines(ctx, plan, step->snapshot, &step->n, &step->lines));
	LH_TRY(read_lines(ctx, plan, parent, &nparent, &parents));
	LH_TRY(lh_ice_plan_deletes(ctx, plan, nparent, parents, 0, &step->before));
	LH_TRY(lh_ice_plan_deletes(ctx, plan, step->n, step->lines, 0, &step->after));
	LH_TRY(lh_ice_plan_deletes(ctx, plan, step->n, step->lines, step->snapshot->snapshot_id,
							   &step->added));
	new_deletes = !lh_ice_deletes_empty(step->added);
	LH_TRY(data_manifests(ctx, plan, step, true, 1u << LH_ICE_DELETED, removed_file));
	if (new_deletes)
		LH_TRY(data_manifests(ctx, plan, step, false, 1u << LH_ICE_EXISTING | 1u << LH_ICE_ADDED,
							  kept_file));
	return data_manifests(ctx, plan, step, true, 1u << LH_ICE_ADDED, inserted_file);
}

/*
 * The chain
 */

static LhStatus
no_ancestor(LhCtx *ctx, const LhIcePlan *plan, int64_t to)
{
	LH_FAIL(ctx, LH_INVALID, "%s: snapshot %lld is no ancestor of snapshot %lld",
			plan->table->metadata->path, (long long) plan->table->options.changes_from,
			(long long) to);
}

/* Snapshots to, its parent ... down to the one after from, youngest first. */
static LhStatus
find_chain(LhCtx *ctx, const LhIcePlan *plan, const LhIceSnapshot *to, LhBuf *chain, int *n,
		   bool *complete)
{
	const LhIceMetadata *m = plan->table->metadata;
	int64_t from = plan->table->options.changes_from;
	const LhIceSnapshot *s = to;

	*n = 0;
	*complete = true;
	if (from == to->snapshot_id)
		return LH_OK;
	for (;;)
	{
		LhIceSnapshot *parent;

		LH_TRY(lh_poll(ctx));
		LH_TRY(lh_buf_append(ctx, chain, &s, sizeof(s)));
		/* more steps than snapshots: parents go round */
		if ((size_t) ++*n > m->nsnapshots)
			LH_FAIL(ctx, LH_CORRUPT, "%s: parents of snapshot %lld go round in a circle", m->path,
					(long long) to->snapshot_id);
		if (s->has_parent && from != 0 && s->parent_id == from)
			break;
		if (!s->has_parent)
			return from == 0 ? LH_OK : no_ancestor(ctx, plan, to->snapshot_id);
		if (lh_ice_snapshot_find(m, s->parent_id) == NULL)
		{
			if (from != 0)
				return no_ancestor(ctx, plan, to->snapshot_id);
			LH_FAIL(ctx, LH_NOT_FOUND,
					"%s: snapshot %lld, from which changes would begin, has expired", m->path,
					(long long) s->parent_id);
		}
		LH_TRY(lh_ice_snapshot_get(ctx, m, s->parent_id, &parent));
		s = parent;
	}
	*complete = lh_ice_snapshot_find(m, from) != NULL;
	return LH_OK;
}

static LhStatus
find_parent(LhCtx *ctx, const LhIcePlan *plan, const LhIceSnapshot *s, const LhIceSnapshot **out)
{
	LhIceSnapshot *parent;

	*out = NULL;
	if (!s->has_parent)
		return LH_OK;
	LH_TRY(lh_ice_snapshot_get(ctx, plan->table->metadata, s->parent_id, &parent));
	*out = parent;
	return LH_OK;
}

static LhStatus
plan_chain(LhCtx *ctx, LhIcePlan *plan, const LhIceSnapshot *to)
{
	const LhIceSnapshot **chain;
	LhBuf found;
	int n, ordinal = 0;
	bool complete;

	LH_TRY(lh_buf_init(ctx, &found, true));
	LH_TRY(find_chain(ctx, plan, to, &found, &n, &complete));
	chain = (const LhIceSnapshot **) (void *) found.data;
	for (int i = n - 1; i >= 0; i--)
	{
		Step step = {.snapshot = chain[i], .ordinal = ordinal};
		const LhIceSnapshot *parent = i + 1 < n ? chain[i + 1] : NULL;

		if (chain[i]->operation != NULL && strcmp(chain[i]->operation, "replace") == 0)
			continue;
		/* the parent of the first one is "from", whose deletes are needed, too */
		if (i == n - 1 && complete)
			LH_TRY(find_parent(ctx, plan, chain[i], &parent));
		LH_TRY(plan_step(ctx, plan, &step, parent));
		ordinal++;
	}
	return LH_OK;
}

LhStatus
lh_ice_plan_changes(LhCtx *ctx, LhIcePlan *plan)
{
	const LhIceTable *table = plan->table;
	int64_t id = table->options.changes_to;
	LhIceSnapshot *to;

	if (id == 0 || id == table->snapshot->snapshot_id)
		return plan_chain(ctx, plan, table->snapshot);
	LH_TRY(lh_ice_snapshot_get(ctx, table->metadata, id, &to));
	return plan_chain(ctx, plan, to);
}
