/*
 * threads.c
 *		Ungrouped aggregates of a whole scan, by the leader and helper threads.
 *
 * The leader is one of the parts: it goes through its own row groups batch by
 * batch, and between two batches looks after the others.
 *
 *	1. Units are taken under the lock of the run, so that at any moment the parts
 *	   hold the first of all units that are not done: the smallest they hold.
 *	2. Only what belongs to that first unit may become final: its floats are
 *	   added, its error is raised.
 *	3. The leader sleeps when it has nothing of its own to do; whoever takes
 *	   another unit, seals floats or ends wakes it.
 */
#include "exec/threads.h"

#include <pthread.h>
#include <string.h>

#include "exec/float_queue.h"

typedef struct Run Run;

/* What one thread does. */
typedef struct Part
{
	Run *run;
	LhScan *scan;
	LhAgg *agg;
	LhType *types; /* by scan column, as agg is bound */
	bool bound;
	bool in_unit;
	pthread_cond_t room; /* the leader has given packets back */
	/* under the lock */
	LhFloatQueue floats;
	bool started;
	bool holds; /* unit is taken, and not yet exchanged for another */
	LhScanUnit unit;
	bool done;
	LhStatus status; /* of a part that is done */
	const LhError *error;
} Part;

struct Run
{
	const LhAggJob *job;
	LhScanSpec spec;
	LhScanShare share;
	size_t float_bytes; /* of each part */
	pthread_mutex_t lock;
	bool leader_sleeps; /* under the lock */
	int nparts;
	Part *parts; /* the leader's is the first */
};

/*
 * A part
 */

static LhStatus
open_part(LhCtx *ctx, Part *part, LhAgg *agg)
{
	Run *run = part->run;
	int ninputs;

	part->agg = agg;
	if (agg == NULL)
		LH_TRY(lh_agg_create(ctx, run->job->specs, run->job->nspecs, &part->agg));
	lh_agg_keep_in_memory(part->agg, true);
	ninputs = lh_agg_inputs(part->agg);
	pthread_mutex_lock(&run->lock);
	lh_floats_init(ctx, &part->floats, ninputs, run->float_bytes);
	pthread_mutex_unlock(&run->lock);
	if (!run->job->float_fast)
		lh_agg_set_sink(part->agg, &part->floats.sink);
	LH_NEW_ARRAY(ctx, part->types, (size_t) run->spec.ncols + 1);
	LH_TRY(lh_scan_open(ctx, &run->spec, &part->scan));
	if (run->job->metadata)
		lh_scan_set_meta(part->scan, lh_agg_take_group, part->agg);
	return LH_OK;
}

/*
 * Bring the state to the types that this batch's vectors have.  The file of those
 * before may be closed by now.
 */
static LhStatus
bind_types(LhCtx *ctx, LhAgg *agg, LhType *types, bool *bound, const LhBatch *batch, int ncols)
{
	bool changed = !*bound;

	for (int c = 0; c < ncols; c++)
	{
		LhType now;

		if (batch->vecs[c] == NULL)
			continue;
		now = lh_type_bare(&batch->vecs[c]->type);
		if (lh_type_equal(&types[c], &now))
			continue;
		types[c] = now;
		changed = true;
	}
	if (!changed)
		return LH_OK;
	*bound = true;
	return lh_agg_bind(ctx, agg, types);
}

/* Under the lock: the leader shall look again. */
static void
wake_leader(Run *run)
{
	if (!run->leader_sleeps)
		return;
	run->leader_sleeps = false;
	lh_pool_notify(run->job->pool);
}

/* The part's next unit; false: there is none, and the part is done. */
static bool
take_unit(Part *part)
{
	Run *run = part->run;
	LhScanUnit unit;
	bool more;

	pthread_mutex_lock(&run->lock);
	more = lh_scan_take(part->scan, &unit);
	part->holds = more;
	if (more)
		part->unit = unit;
	else
		part->done = true;
	wake_leader(run);
	pthread_mutex_unlock(&run->lock);
	if (more)
		lh_agg_place(part->agg, (uint64_t) unit.task << 32 | (uint32_t) (unit.group + 1));
	part->in_unit = more;
	return more;
}

static void
seal(Part *part, bool end)
{
	Run *run = part->run;

	pthread_mutex_lock(&run->lock);
	if (lh_floats_seal(&part->floats, &part->unit, end))
		wake_leader(run);
	lh_floats_prepare(&part->floats);
	pthread_mutex_unlock(&run->lock);
}

/* One batch.  Whoever calls has seen that there is room for its floats. */
static LhStatus
step(LhCtx *ctx, Part *part)
{
	const LhBatch *batch;
	LhHostRequest *request = NULL;

	if (!part->in_unit && !take_unit(part))
		return LH_OK;
	LH_TRY(lh_scan_next(ctx, part->scan, &batch, &request));
	if (batch == NULL)
	{
		part->in_unit = false;
		seal(part, true);
		return LH_OK;
	}
	LH_TRY(bind_types(ctx, part->agg, part->types, &part->bound, batch, part->run->spec.ncols));
	LH_TRY(lh_agg_update(ctx, part->agg, batch->vecs, &batch->sel));
	seal(part, false);
	return LH_OK;
}

/*
 * A helper
 */

/* Until the leader has given a packet back, or the flag is up. */
static LhStatus
wait_for_room(LhCtx *ctx, Part *part)
{
	Run *run = part->run;
	LhStatus status = LH_OK;
	bool room;

	pthread_mutex_lock(&run->lock);
	while (!(room = lh_floats_room(&part->floats)) && (status = lh_poll(ctx)) == LH_OK)
		pthread_cond_wait(&part->room, &run->lock);
	if (room)
		lh_floats_prepare(&part->floats);
	pthread_mutex_unlock(&run->lock);
	return status;
}

static LhStatus
work(LhCtx *ctx, Part *part)
{
	LH_TRY(open_part(ctx, part, NULL));
	while (!part->done)
	{
		LH_TRY(wait_for_room(ctx, part));
		LH_TRY(step(ctx, part));
	}
	return lh_agg_finish(ctx, part->agg);
}

static LhStatus
help(LhCtx *ctx, void *arg)
{
	Part *part = arg;
	LhStatus status = work(ctx, part);

	/* the sum of what came before an error may have one of its own */
	if (status != LH_OK)
		seal(part, true);
	pthread_mutex_lock(&part->run->lock);
	part->status = status;
	part->error = ctx->error;
	part->done = true;
	wake_leader(part->run);
	pthread_mutex_unlock(&part->run->lock);
	return status;
}

/*
 * The leader
 */

/*
 * A helper will take what the leader has taken by now, most of it floor that is
 * never refused.  The leader's is what any scan may have beyond the budget (D3);
 * the helpers have to fit into it.
 */
static int
helpers_that_fit(const LhArena *arena)
{
	const LhBudget *budget = lh_arena_budget((LhArena *) arena);
	size_t used;

	if (budget == NULL || budget->limit == 0)
		return LH_POOL_MAX;
	used = __atomic_load_n(&budget->used, __ATOMIC_RELAXED);
	return (int) (budget->limit / (used + 1) > LH_POOL_MAX ? LH_POOL_MAX
														   : budget->limit / (used + 1));
}

static void
start_helpers(LhCtx *ctx, Run *run)
{
	int most = helpers_that_fit(ctx->arena);

	for (int i = 1; i < run->nparts && i <= most; i++)
	{
		Part *part = &run->parts[i];

		part->started = lh_pool_start(run->job->pool, i - 1, help, part);
	}
}

/* The unit that a part holds up; false: none. */
static bool
first_unit(const Part *part, LhScanUnit *out)
{
	if (part->floats.sealed != NULL)
		*out = part->floats.sealed->unit;
	else if (part->holds)
		*out = part->unit;
	else
	{
		/* an error before the first unit comes before all others */
		*out = (LhScanUnit){0, -1};
		return part->done && part->status != LH_OK;
	}
	return true;
}

/*
 * Under the lock: the part that holds the first unit that is not done; NULL: no
 * part holds one.  Without memory the run is over, wherever that was.
 */
static Part *
first_part(Run *run, bool *all_done)
{
	Part *first = NULL;
	LhScanUnit least = {0, 0}, unit;

	*all_done = true;
	for (int i = 0; i < run->nparts; i++)
	{
		Part *part = &run->parts[i];

		if (!part->started)
			continue;
		if (part->done && part->status == LH_NO_MEMORY)
			return part;
		*all_done = *all_done && part->done;
		if (first_unit(part, &unit) && (first == NULL || lh_unit_before(&unit, &least)))
		{
			first = part;
			least = unit;
		}
	}
	return first;
}

typedef enum Next
{
	NEXT_END,
	NEXT_ERROR,
	NEXT_FLOATS,
	NEXT_BATCH,
	NEXT_SLEEP
} Next;

/* What the leader does next; *part: with whose error or floats. */
static Next
look(Run *run, Part **part)
{
	Part *mine = &run->parts[0], *first;
	bool all_done;
	Next next;

	pthread_mutex_lock(&run->lock);
	first = *part = first_part(run, &all_done);
	if (first != NULL && first->done && first->status == LH_NO_MEMORY)
		next = NEXT_ERROR;
	else if (first != NULL && first->floats.sealed != NULL)
		next = NEXT_FLOATS;
	else if (first != NULL && first->done && first->status != LH_OK)
		next = NEXT_ERROR;
	else if (all_done)
		next = NEXT_END;
	else if (!mine->done && lh_floats_room(&mine->floats))
	{
		lh_floats_prepare(&mine->floats);
		next = NEXT_BATCH;
	}
	else
	{
		run->leader_sleeps = true;
		next = NEXT_SLEEP;
	}
	pthread_mutex_unlock(&run->lock);
	return next;
}

static LhStatus
fold_floats(LhCtx *ctx, Run *run, Part *part)
{
	/* sealed packets are the leader's until it gives them back */
	LH_TRY(lh_floats_fold(ctx, part->floats.sealed, part->floats.ninputs, run->parts[0].agg));
	pthread_mutex_lock(&run->lock);
	lh_floats_release(&part->floats);
	pthread_cond_signal(&part->room);
	pthread_mutex_unlock(&run->lock);
	return LH_OK;
}

/* The leader's own batch.  An error waits until its unit is the first. */
static LhStatus
lead_batch(LhCtx *ctx, Run *run, LhError *error)
{
	Part *mine = &run->parts[0];
	LhStatus status = step(ctx, mine);

	if (status == LH_OK || status == LH_CANCELLED || status == LH_NO_MEMORY)
		return status;
	*error = *ctx->error;
	seal(mine, true);
	pthread_mutex_lock(&run->lock);
	mine->done = true;
	mine->status = status;
	mine->error = error;
	pthread_mutex_unlock(&run->lock);
	return LH_OK;
}

static LhStatus
lead(LhCtx *ctx, Run *run)
{
	uint64_t before = ctx->counters->v[LH_CTR_PAGES_READ];
	bool helpers = false;
	LhError error;
	Part *part;

	for (;;)
		switch (look(run, &part))
		{
			case NEXT_END: return LH_OK;
			case NEXT_ERROR: *ctx->error = *part->error; return part->status;
			case NEXT_FLOATS: LH_TRY(fold_floats(ctx, run, part)); break;
			case NEXT_SLEEP: LH_TRY(lh_pool_wait(ctx, run->job->pool)); break;
			case NEXT_BATCH:
				LH_TRY(lead_batch(ctx, run, &error));
				if (!helpers && ctx->counters->v[LH_CTR_PAGES_READ] > before)
				{
					start_helpers(ctx, run);
					helpers = true;
				}
				break;
		}
}

/* The helpers' states into the leader's; *same as of lh_agg_merge. */
static LhStatus
merge(LhCtx *ctx, Run *run, bool *same)
{
	*same = true;
	for (int i = 1; i < run->nparts && *same; i++)
		if (run->parts[i].started)
			LH_TRY(lh_agg_merge(ctx, run->parts[0].agg, run->parts[i].agg, same));
	return LH_OK;
}

/*
 * The run
 */

/* Half of the budget is for floats that wait; where there is none, 16 MB a thread. */
static size_t
float_bytes(const LhArena *arena, int nparts)
{
	const LhBudget *budget = lh_arena_budget((LhArena *) arena);

	return budget != NULL && budget->limit > 0 ? budget->limit / 2 / (size_t) nparts
											   : (size_t) 16 << 20;
}

static LhStatus
make_run(LhCtx *ctx, const LhAggJob *job, Run *run)
{
	int helpers = lh_pool_size(job->pool);

	helpers = job->helpers < helpers ? job->helpers : helpers;
	run->job = job;
	run->spec = job->scan;
	run->spec.share = &run->share;
	lh_share_init(&run->share);
	/* whoever comes first reads a delete file for all parts */
	if (run->spec.tasks != NULL && run->spec.deletes == NULL)
		LH_TRY(lh_deletes_open(ctx, run->spec.table, run->spec.schema, run->spec.tasks,
							   &run->spec.deletes));
	LH_NEW_ARRAY(ctx, run->parts, (size_t) helpers + 1);
	run->float_bytes = float_bytes(ctx->arena, helpers + 1);
	for (; run->nparts <= helpers; run->nparts++)
	{
		run->parts[run->nparts].run = run;
		pthread_cond_init(&run->parts[run->nparts].room, NULL);
	}
	return LH_OK;
}

/* Helpers that wait for room shall see the flag: they are waked until all have ended. */
static void
stop(Run *run)
{
	lh_pool_cancel(run->job->pool);
	pthread_mutex_lock(&run->lock);
	for (int i = 0; i < run->nparts; i++)
		pthread_cond_signal(&run->parts[i].room);
	pthread_mutex_unlock(&run->lock);
	lh_pool_stop(run->job->pool);
}

/* *again: one thread has to do it. */
static LhStatus
together(LhCtx *ctx, Run *run, LhAgg *agg, bool *again)
{
	LhStatus status;
	bool same = true;

	LH_TRY(make_run(ctx, run->job, run));
	run->parts[0].started = true;
	status = open_part(ctx, &run->parts[0], agg);
	if (status == LH_OK)
		status = lead(ctx, run);
	if (status == LH_OK)
		status = lh_pool_settle(ctx, run->job->pool);
	if (status == LH_OK)
	{
		status = merge(ctx, run, &same);
		*again = !same || (status != LH_OK && status != LH_CANCELLED);
	}
	if (status != LH_OK)
		stop(run);
	if (status == LH_NO_MEMORY)
		*again = true;
	return status;
}

static void
free_run(Run *run)
{
	for (int i = 0; i < run->nparts; i++)
		pthread_cond_destroy(&run->parts[i].room);
	pthread_mutex_destroy(&run->lock);
	for (int i = 0; i < lh_pool_size(run->job->pool); i++)
		lh_arena_reset(lh_pool_ctx(run->job->pool, i)->arena);
}

static LhStatus
alone(LhCtx *ctx, const LhAggJob *job, LhAgg *agg)
{
	LhHostRequest *request = NULL;
	const LhBatch *batch;
	bool bound = false;
	LhType *types;
	LhScan *scan;

	lh_agg_keep_in_memory(agg, false);
	LH_NEW_ARRAY(ctx, types, (size_t) job->scan.ncols + 1);
	LH_TRY(lh_scan_open(ctx, &job->scan, &scan));
	if (job->metadata)
		lh_scan_set_meta(scan, lh_agg_take_group, agg);
	for (;;)
	{
		LH_TRY(lh_scan_next(ctx, scan, &batch, &request));
		if (batch == NULL)
			return LH_OK;
		LH_TRY(bind_types(ctx, agg, types, &bound, batch, job->scan.ncols));
		LH_TRY(lh_agg_update(ctx, agg, batch->vecs, &batch->sel));
	}
}

static LhStatus
in_arena(LhCtx *ctx, const LhAggJob *job, LhAgg *agg, LhArena *arena)
{
	Run run = {.job = job, .lock = PTHREAD_MUTEX_INITIALIZER};
	LhCounters before = *ctx->counters, discarded = {0};
	LhCtx waste = {.counters = &discarded};
	bool again = false;
	LhStatus status = together(ctx, &run, agg, &again);

	lh_agg_set_sink(agg, NULL);
	free_run(&run);
	if (!again)
	{
		lh_pool_collect(ctx, job->pool);
		return status;
	}
	lh_pool_collect(&waste, job->pool);
	*ctx->counters = before;
	lh_error_clear(ctx);
	lh_arena_reset(arena);
	lh_agg_reset(agg);
	return alone(ctx, job, agg);
}

LhStatus
lh_agg_with_threads(LhCtx *ctx, const LhAggJob *job, LhAgg *agg)
{
	LhArena *arena = lh_arena_child(ctx->arena), *old;
	LhStatus status;

	if (arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	old = lh_use(ctx, arena);
	status = in_arena(ctx, job, agg, arena);
	lh_use(ctx, old);
	lh_arena_destroy(arena);
	return status;
}
