/*
 * parallel.c
 *		A source that the processes of a parallel plan read together.
 *
 * The leader sees the workers' counters when the shared memory is given back:
 * by then all workers have ended, and nobody else tells a scan that they have
 * (its own shutdown comes before that of the Gather above it).  Should the
 * leader's source go first, after an error, the callback goes with it.
 */
#include "pg/bridge/parallel.h"

#include <math.h>

#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/paths.h"
#include "storage/dsm.h"

#include "scan/share.h"
#include "scan/wire.h"

struct LhParallel
{
	LhScanShare share;
	bool		noticed;		/* one process has given the NOTICE of the scan */
	char		format[NAMEDATALEN];	/* what the leader found the location to be */

	/* of workers that have ended */
	uint64		counters[LH_N_COUNTERS];
	uint64		floor_peak;		/* the highest of any process */
	uint64		peak;

	uint64		size;			/* of the description */
	uint64		at;				/* where it lies behind this struct, aligned */
};

/* The leader's own: the callback that brings the counters home. */
typedef struct Homecoming
{
	LhSource   *source;
	dsm_segment *segment;		/* NULL: it has come */
	MemoryContextCallback forget;
} Homecoming;

/* ---- planning ---- */

int
lh_parallel_workers(RelOptInfo *rel, double bytes, double groups)
{
	double		pages = ceil(bytes / BLCKSZ);
	int			workers = compute_parallel_worker(rel, pages, -1, max_parallel_workers_per_gather);

	return (int) Max(Min((double) workers, groups - 1), 0);
}

double
lh_parallel_divisor(int workers)
{
	double		leader = parallel_leader_participation ? 1.0 - 0.3 * workers : 0;

	return workers + Max(leader, 0);
}

/* ---- the leader ---- */

/* Pack schema and files; the leader reads by the same list. */
static void
pack(LhSource *s)
{
	lh_source_open(s);
	lh_pg_check(s->ctx, lh_buf_init(s->ctx, &s->packed, true));
	lh_pg_check(s->ctx, lh_wire_pack(s->ctx, &s->schema, lh_source_tasks(s), &s->packed));
}

Size
lh_parallel_estimate(LhSource *s)
{
	pack(s);
	return MAXALIGN(sizeof(struct LhParallel)) + s->packed.len;
}

static void
take_counters(LhSource *s)
{
	struct LhParallel *p = s->parallel;

	for (int i = 0; i < LH_N_COUNTERS; i++)
		s->workers.v[i] += p->counters[i];
	s->workers_floor = Max(s->workers_floor, (size_t) p->floor_peak);
	s->workers_peak = Max(s->workers_peak, (size_t) p->peak);
}

/* The shared memory is about to go; a rescan gets another one, and the scan with it. */
static void
on_detach(dsm_segment *segment, Datum arg)
{
	Homecoming *home = (Homecoming *) DatumGetPointer(arg);

	take_counters(home->source);
	home->source->parallel = NULL;
	home->source->stale = true;
	home->segment = NULL;
}

/* The source is about to go. */
static void
on_release(void *arg)
{
	Homecoming *home = arg;

	if (home->segment != NULL)
		cancel_on_dsm_detach(home->segment, on_detach, PointerGetDatum(home));
}

static void
await_counters(LhSource *s, dsm_segment *segment)
{
	Homecoming *home = MemoryContextAllocZero(s->mcxt, sizeof(Homecoming));

	home->source = s;
	home->segment = segment;
	home->forget.func = on_release;
	home->forget.arg = home;
	MemoryContextRegisterResetCallback(s->mcxt, &home->forget);
	on_dsm_detach(segment, on_detach, PointerGetDatum(home));
}

void
lh_parallel_initialize(LhSource *s, ParallelContext *pcxt, void *coordinate)
{
	struct LhParallel *p = coordinate;

	memset(p, 0, sizeof(*p));
	lh_share_init(&p->share);
	strlcpy(p->format, s->table->format->name, sizeof(p->format));
	p->at = MAXALIGN(sizeof(*p));
	p->size = s->packed.len;
	memcpy((char *) p + p->at, s->packed.data, s->packed.len);
	lh_buf_free(&s->packed);
	s->parallel = p;
	/* a scan of before a rescan knows another share */
	s->stale = true;
	/* without a segment there are no workers, and what is here lives as long as the plan */
	if (pcxt->seg != NULL)
		await_counters(s, pcxt->seg);
}

void
lh_parallel_reinitialize(LhSource *s)
{
	lh_share_init(&s->parallel->share);
}

/* ---- a worker ---- */

void
lh_parallel_attach(LhSource *s, void *coordinate)
{
	s->parallel = coordinate;
	s->is_worker = true;
	s->options.format = pstrdup(s->parallel->format);
}

/* Raise *peak to at least now. */
static void
raise_peak(uint64 *peak, uint64 now)
{
	uint64		old = __atomic_load_n(peak, __ATOMIC_RELAXED);

	while (old < now && !__atomic_compare_exchange_n(peak, &old, now, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

void
lh_parallel_report(LhSource *s)
{
	const LhBudget *budget = lh_pg_budget(s->ctx);
	struct LhParallel *p = s->parallel;

	if (p == NULL || !s->is_worker)
		return;
	s->parallel = NULL;
	for (int i = 0; i < LH_N_COUNTERS; i++)
		__atomic_add_fetch(&p->counters[i], s->ctx->counters->v[i], __ATOMIC_RELAXED);
	raise_peak(&p->floor_peak, budget->floor_peak);
	raise_peak(&p->peak, budget->peak);
}

/* ---- for source.c ---- */

bool
lh_parallel_describe(LhSource *s)
{
	struct LhParallel *p = s->parallel;
	LhArena    *old,
			   *arena;

	if (p == NULL || !s->is_worker)
		return false;
	/* as many as there are files: floor, as in the leader */
	arena = lh_arena_child(s->arena);
	if (arena == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	lh_arena_as_floor(arena);
	old = lh_use(s->ctx, arena);
	lh_pg_check(s->ctx, lh_wire_unpack(s->ctx, (const uint8_t *) p + p->at, p->size, &s->schema, &s->tasks));
	s->has_tasks = true;
	lh_use(s->ctx, old);
	return true;
}

LhScanShare *
lh_parallel_share(LhSource *s)
{
	return s->parallel != NULL ? &s->parallel->share : NULL;
}

bool
lh_parallel_first_notice(LhSource *s)
{
	return s->parallel == NULL || !__atomic_exchange_n(&s->parallel->noticed, true, __ATOMIC_RELAXED);
}
