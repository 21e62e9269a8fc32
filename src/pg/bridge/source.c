/*
 * source.c
 *		A lake table as a source of batches: pushed clauses to predicates, the list
 *		of files for them, then the scan.
 *
 * source_open.c opens the location, source_column.c binds columns.
 *
 * The list of files is made when the scan starts.  Where it depends on the
 * filters (LhTable.filtered) other filters need another list, unless the list
 * without filters is so short that the scan may keep all of its files open:
 * then that one serves all rescans.
 */
#include "pg/bridge/source.h"
#include "pg/bridge/host.h"
#include "pg/bridge/members.h"
#include "pg/bridge/parallel.h"
#include "pg/util/progress.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "scan/share.h"

/* ---- filters ---- */

static LhArena *
new_arena(LhSource *s)
{
	LhArena    *arena = lh_arena_child(s->arena);

	if (arena == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	return arena;
}

/*
 * A clause without vector form that PostgreSQL may answer for single values.
 * Only while nothing was refused: what the caller evaluates comes last, and
 * user code must not see a row that an earlier clause rejects.
 */
static bool
ask_host(LhSource *s, Expr *clause, Index rti, PlanState *parent, LhPred **out)
{
	AttrNumber	attno = lh_qual_hostable(clause, rti);

	if (attno == 0 || parent == NULL || s->quals[attno - 1].col < 0 ||
		lh_type_is_nested(&s->quals[attno - 1].type))
		return false;
	if (s->hosts == NULL)
		s->hosts = lh_host_create(s, parent);
	lh_host_add(s->hosts, clause, attno, out);
	return true;
}

List *
lh_source_filters(LhSource *s, List *clauses, Index rti, ExprContext *econtext, PlanState *parent)
{
	LhQualBuild build = {s->ctx, econtext, parent, rti, s->desc->natts, s->quals, s};
	LhArena    *arena = new_arena(s);
	LhArena    *old;
	MemoryContext caller;
	List	   *left = NIL;
	List	   *refused = NIL;
	ListCell   *lc;
	const char *why;

	/* constants are evaluated and copied: what that took goes with the next round */
	if (s->filter_mcxt == NULL)
		s->filter_mcxt = AllocSetContextCreate(s->mcxt, "lakehouse filters", ALLOCSET_SMALL_SIZES);
	MemoryContextReset(s->filter_mcxt);
	caller = MemoryContextSwitchTo(s->filter_mcxt);
	foreach(lc, clauses)
	{
		Bitmapset  *attrs = NULL;
		List	   *paths = NIL;
		ListCell   *path;

		lh_member_uses(lfirst(lc), rti, &attrs, &paths);
		lh_source_columns(s, attrs, true);
		foreach(path, paths)
			(void) lh_source_member(s, lfirst(path), true);
	}
	/* the filters of the last round may still be in use by the scan until it is rewound */
	old = lh_use(s->ctx, arena);
	s->nfilters = 0;
	s->round++;
	s->refusal = NULL;
	s->filters = lh_alloc_array(s->ctx, (size_t) list_length(clauses) + 1, sizeof(LhPred *));
	if (s->filters == NULL)
		lh_pg_raise(s->ctx);
	foreach(lc, clauses)
	{
		if (lh_qual_build(lfirst(lc), &build, &s->filters[s->nfilters], &why))
		{
			s->nfilters++;
			continue;
		}
		s->refusal = why ? why : "it has no vector form";
		left = lappend(left, lfirst(lc));
	}
	/* what may fail comes last, also where another file would have let the engine take it */
	foreach(lc, left)
	{
		if (refused == NIL && ask_host(s, lfirst(lc), rti, parent, &s->filters[s->nfilters]))
		{
			s->nfilters++;
			continue;
		}
		MemoryContextSwitchTo(caller);
		refused = lappend(refused, lfirst(lc));
		MemoryContextSwitchTo(s->filter_mcxt);
	}
	MemoryContextSwitchTo(caller);
	lh_use(s->ctx, old);
	if (s->scan != NULL && s->scan_filter_arena == NULL)
		s->scan_filter_arena = s->filter_arena;
	else
		lh_arena_destroy(s->filter_arena);
	s->filter_arena = arena;
	return refused;
}

/* ---- batches ---- */

static void
close_scan(LhSource *s)
{
	lh_arena_destroy(s->scan_arena);
	s->scan_arena = NULL;
	s->scan = NULL;
}

/* ---- files ---- */

/* List the files in an arena of their own; filter NULL: all of them. */
static void
list_files(LhSource *s, const LhTaskFilter *filter)
{
	LhArena    *old;

	LhTaskFilter all = {.order = s->order};

	if (filter == NULL && s->order != NULL)
		filter = &all;
	lh_arena_destroy(s->tasks_arena);
	s->tasks_arena = new_arena(s);
	old = lh_use(s->ctx, s->tasks_arena);
	lh_pg_check(s->ctx, s->table->tasks(s->ctx, s->table, filter, &s->tasks));
	lh_use(s->ctx, old);
	s->has_tasks = true;
	s->listed = s->round;
}

/* What a list says of filters it was not made for is not to be believed. */
static void
forget_satisfied(LhSource *s)
{
	for (size_t i = 0; i < s->tasks.n; i++)
		s->tasks.tasks[i].satisfied = 0;
}

static void
list_filtered(LhSource *s)
{
	LhTaskFilter filter = {s->ncols, s->cols, s->nfilters, s->filters, s->order};
	bool		useful = s->table->filtered && lakehouse_pushdown && s->nfilters > 0;

	list_files(s, useful ? &filter : NULL);
}

void
lh_source_list(LhSource *s, bool exact)
{
	if (!s->has_tasks)
		list_filtered(s);
	if (!exact)
		forget_satisfied(s);
	s->list_stays = true;
}

/* Filters have changed since the files were listed: list them again, or all of them for good. */
static void
list_again(LhSource *s)
{
	if (!s->relisted && s->nfilters > 0)
	{
		list_files(s, NULL);
		s->relisted = true;
		if (s->tasks.n <= LH_SCAN_KEEP_FILES)
		{
			lh_source_list(s, false);
			return;
		}
	}
	list_filtered(s);
}

const LhTaskList *
lh_source_tasks(LhSource *s)
{
	if (!s->has_tasks)
		list_filtered(s);
	else if (s->table->filtered && !s->list_stays && s->listed != s->round)
		list_again(s);
	return &s->tasks;
}

void
lh_source_spec(LhSource *s, LhScanSpec *spec)
{
	memset(spec, 0, sizeof(*spec));
	spec->table = s->table;
	spec->schema = s->schema.by_id ? &s->schema : NULL;
	spec->ncols = s->ncols;
	spec->cols = s->cols;
	spec->nfilters = s->nfilters;
	spec->filters = s->filters;
	spec->prune = lakehouse_pushdown;
	spec->first_batch = s->first_batch;
	spec->tasks = lh_source_tasks(s);
	spec->share = lh_parallel_share(s);
	spec->parquet.check_crc = s->options.check_crc;
	spec->parquet.raw_int96 = s->options.emit.timestamp_ns != LH_NANOS_FLOOR;
}

int
lh_source_visible(const LhTableSchema *schema)
{
	int			n = 0;

	for (int i = 0; i < schema->ncols; i++)
		n += !schema->cols[i].hidden;
	return n;
}

double
lh_source_bytes(const LhSource *s)
{
	double		bytes = (double) s->schema.bytes;

	/* of a table that lists by filters, only these files */
	if (s->has_tasks && s->table->filtered)
	{
		bytes = 0;
		for (size_t i = 0; i < s->tasks.n; i++)
			bytes += (double) Max(s->tasks.tasks[i].size, 0);
	}
	return bytes * Min((double) s->ncols / Max(lh_source_visible(&s->schema), 1), 1.0);
}

static bool
asks_host(const LhPred *pred)
{
	for (int i = 0; i < pred->nargs; i++)
	{
		if (asks_host(pred->args[i]))
			return true;
	}
	return pred->kind == LH_P_HOST;
}

bool
lh_source_asks_host(const LhSource *s)
{
	for (int i = 0; i < s->nfilters; i++)
	{
		if (asks_host(s->filters[i]))
			return true;
	}
	return false;
}

static void
open_scan(LhSource *s)
{
	LhScanSpec	spec;
	LhArena    *old;

	lh_source_spec(s, &spec);
	s->scan_arena = new_arena(s);
	old = lh_use(s->ctx, s->scan_arena);
	lh_pg_check(s->ctx, lh_scan_open(s->ctx, &spec, &s->scan));
	lh_use(s->ctx, old);
	s->stale = false;
	if (s->meta != NULL)
		lh_scan_set_meta(s->scan, s->meta, s->meta_arg);
}

void
lh_source_set_meta(LhSource *s, LhMetaFn fn, void *arg)
{
	s->meta = fn;
	s->meta_arg = arg;
	if (s->scan != NULL)
		lh_scan_set_meta(s->scan, fn, arg);
}

void
lh_source_report(LhSource *s, bool running)
{
	if (running && s->progress == NULL && lh_pg_progress_enabled())
		s->progress = lh_pg_progress_create(s->ctx, s->mcxt, s->relid, s->options.table.location);
	if (s->progress == NULL)
		return;
	if (running)
		lh_pg_progress_begin(s->progress, (int64) lh_source_tasks(s)->n);
	else
		lh_pg_progress_end(s->progress);
}

/* The next batch of the scan, or of the row groups that were taken. */
static const LhBatch *
scan_batch(LhSource *s)
{
	const LhBatch *batch = NULL;
	LhHostRequest *request = NULL;
	LhArena    *old;
	LhStatus	status;

	for (;;)
	{
		old = lh_use(s->ctx, s->scan_arena);
		status = lh_scan_next(s->ctx, s->scan, &batch, &request);
		lh_use(s->ctx, old);
		if (status != LH_NEED_HOST)
			break;
		lh_host_answer(s->hosts, request);
	}
	lh_pg_check(s->ctx, status);
	return batch;
}

const LhBatch *
lh_source_next(LhSource *s)
{
	const LhBatch *batch;
	LhScanUnit	unit;

	CHECK_FOR_INTERRUPTS();
	if (s->scan == NULL)
		open_scan(s);
	lh_source_report(s, true);
	for (;;)
	{
		batch = scan_batch(s);
		if (batch != NULL || lh_parallel_share(s) == NULL || !lh_scan_take(s->scan, &unit))
			break;
		CHECK_FOR_INTERRUPTS();
	}
	if (batch == NULL)
		lh_source_report(s, false);
	else if (s->progress != NULL)
		lh_pg_progress_update(s->progress);
	lh_source_notice(s);
	return batch;
}

void
lh_source_rewind(LhSource *s)
{
	LhArena    *old;

	lh_source_report(s, false);
	/* other columns than before, or other files */
	if (s->scan != NULL && (s->stale || (s->table->filtered && !s->list_stays && s->listed != s->round)))
		close_scan(s);
	if (s->scan != NULL)
	{
		old = lh_use(s->ctx, s->scan_arena);
		lh_pg_check(s->ctx, lh_scan_rewind(s->ctx, s->scan, s->nfilters, s->filters));
		lh_use(s->ctx, old);
	}
	lh_arena_destroy(s->scan_filter_arena);
	s->scan_filter_arena = NULL;
}

void
lh_source_notice(LhSource *s)
{
	if (s->noticed || s->ctx->counters->v[LH_CTR_DIGITS_LOST] == 0)
		return;
	s->noticed = true;
	if (!lh_parallel_first_notice(s))
		return;
	ereport(NOTICE,
			(errmsg("nanoseconds of \"%s\" are cut to microseconds", s->relname),
			 errhint("The option timestamp_ns of the table decides: \"floor\" (as now), \"error\" or \"text\".")));
}
