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

#include "nodes/nodeFuncs.h"
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
	uint64		place;			/* where texts follow: the location, the pin (LhTableOptions); empty: none */
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

/* Has the expression parameters that a rescan may change? */
static bool
has_exec_param(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param))
		return ((Param *) node)->paramkind == PARAM_EXEC;
	return expression_tree_walker(node, has_exec_param, context);
}

/*
 * The list is made once, whatever rescans come, so it is made for those clauses
 * whose values stay.
 */
static void
list_files(LhSource *s, List *clauses, Index rti, PlanState *ps)
{
	List	   *stay = NIL;
	ListCell   *lc;

	foreach(lc, clauses)
	{
		if (!has_exec_param(lfirst(lc), NULL))
			stay = lappend(stay, lfirst(lc));
	}
	if (s->table->filtered && stay != NIL && !s->has_tasks)
		(void) lh_source_filters(s, stay, rti, ps->ps_ExprContext, ps);
	lh_source_list(s, list_length(stay) == list_length(clauses));
}

/* Pack schema and files; the leader reads by the same list. */
static void
pack(LhSource *s, List *clauses, Index rti, PlanState *ps)
{
	lh_source_open(s);
	list_files(s, clauses, rti, ps);
	lh_pg_check(s->ctx, lh_buf_init(s->ctx, &s->packed, true));
	lh_pg_check(s->ctx, lh_wire_pack(s->ctx, &s->schema, lh_source_tasks(s), &s->packed));
}

static const char *
text_or_empty(const char *text)
{
	return text != NULL ? text : "";
}

Size
lh_parallel_estimate(LhSource *s, List *clauses, Index rti, PlanState *ps)
{
	pack(s, clauses, rti, ps);
	return MAXALIGN(sizeof(struct LhParallel)) + s->packed.len +
		strlen(text_or_empty(s->options.table.location)) + strlen(text_or_empty(s->options.table.pin)) + 2;
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
	p->place = p->at + p->size;
	strcpy((char *) p + p->place, text_or_empty(s->options.table.location));
	strcpy((char *) p + p->place + strlen((char *) p + p->place) + 1, text_or_empty(s->options.table.pin));
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
	const char *place;

	s->parallel = coordinate;
	s->is_worker = true;
	s->options.format = pstrdup(s->parallel->format);
	place = (const char *) s->parallel + s->parallel->place;
	if (place[0] != '\0')
		s->options.table.location = pstrdup(place);
	place += strlen(place) + 1;
	if (place[0] != '\0')
		s->options.table.pin = pstrdup(place);
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
	s->has_tasks = s->list_stays = true;
	if (s->table->adopt != NULL)
		lh_pg_check(s->ctx, s->table->adopt(s->ctx, s->table, &s->schema));
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
