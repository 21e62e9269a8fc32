/*
 * analyze.c
 *		Samples for ANALYZE.
 *
 *	1. The footers of all files say how many rows there are.
 *	2. Row groups are taken at even distances from a random start, so many that
 *	   they hold several times the rows of the sample; the others are not read.
 *	3. Of the rows of these groups a reservoir keeps the sample; only rows that
 *	   enter it become values.
 */
#include "pg/fdw/fdw.h"
#include "pg/util/features.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/sampling.h"

/* Rows read for each row of the sample. */
#define ROWS_PER_SAMPLE 10
/* Row groups read at least, where there are as many: neighbouring rows are alike. */
#define LEAST_GROUPS 16
/* Rows of a group, for that purpose. */
#define TYPICAL_GROUP 122880

/* Which row groups are read. */
typedef struct Chooser
{
	double		share;			/* of the groups */
	double		due;			/* a group is read when it reaches 1 */
} Chooser;

typedef struct Sample
{
	LhSource   *source;
	LhEmitter **emitters;		/* by scan column */
	Chooser		chooser;
	ReservoirStateData reservoir;
	double		seen;			/* rows read */
	double		skip;			/* rows to pass over before the next one enters; below 0: to be drawn */
	HeapTuple  *rows;
	int			nrows;
	int			wanted;
	MemoryContext batch_mcxt;
} Sample;

/* LhMetaFn: "taken" is a row group that is not read. */
static LhStatus
choose_group(LhCtx *ctx, void *arg, const LhMetaGroup *group, bool *taken)
{
	Chooser    *chooser = arg;

	*taken = false;
	chooser->due += chooser->share;
	*taken = chooser->due < 1.0;
	if (!*taken)
		chooser->due -= 1.0;
	return LH_OK;
}

/*
 * Which rows of a batch enter the sample, and where; ascending.  A place may be
 * given twice, then the later row wins.
 */
static int
draw(Sample *sample, const uint16_t *rows, int n, uint32_t *drawn, int *place)
{
	int			m = 0;

	for (int k = 0; k < n; k++)
	{
		if (sample->nrows < sample->wanted)
		{
			drawn[m] = rows[k];
			place[m++] = sample->nrows++;
		}
		else
		{
			if (sample->skip < 0)
				sample->skip = reservoir_get_next_S(&sample->reservoir, sample->seen, sample->wanted);
			if (sample->skip <= 0)
			{
				drawn[m] = rows[k];
				place[m++] = (int) (sample->wanted * sampler_random_fract(&sample->reservoir.randstate));
			}
			sample->skip -= 1;
		}
		sample->seen += 1;
	}
	return m;
}

static void
keep(Sample *sample, const LhBatch *batch, const uint32_t *drawn, const int *place, int n)
{
	LhSource   *s = sample->source;
	int			natts = s->desc->natts;
	MemoryContext old = MemoryContextSwitchTo(sample->batch_mcxt);
	Datum	  **values = palloc(sizeof(Datum *) * Max(s->ncols, 1));
	bool	  **nulls = palloc(sizeof(bool *) * Max(s->ncols, 1));
	Datum	   *row = palloc0(sizeof(Datum) * natts);
	bool	   *isnull = palloc(sizeof(bool) * natts);

	for (int c = 0; c < s->ncols; c++)
	{
		values[c] = palloc(sizeof(Datum) * n);
		nulls[c] = palloc(sizeof(bool) * n);
		lh_emitter_place(sample->emitters[c], batch->task->path, batch->first_row);
		lh_emit_rows(sample->emitters[c], batch->vecs[c], drawn, n, sample->batch_mcxt, values[c], nulls[c]);
	}
	MemoryContextSwitchTo(old);
	memset(isnull, true, natts);
	for (int k = 0; k < n; k++)
	{
		for (int c = 0; c < s->ncols; c++)
		{
			row[s->attnos[c] - 1] = values[c][k];
			isnull[s->attnos[c] - 1] = nulls[c][k];
		}
		if (sample->rows[place[k]] != NULL)
			heap_freetuple(sample->rows[place[k]]);
		sample->rows[place[k]] = heap_form_tuple(s->desc, row, isnull);
	}
}

static void
open_source(LhSource *source)
{
	if (!lh_source_try_open(source, 0))
		lh_pg_raise(source->ctx);
}

/* Columns, emitters, and the share of row groups to read. */
static void
prepare(Sample *sample, LhSource *s)
{
	MemoryContext old = MemoryContextSwitchTo(s->mcxt);
	double		rows = Max(s->schema.rows, 1.0);
	Bitmapset  *whole_row = bms_make_singleton(0 - FirstLowInvalidHeapAttributeNumber);

	sample->source = s;
	lh_source_columns(s, whole_row, false);
	sample->emitters = palloc(sizeof(LhEmitter *) * Max(s->ncols, 1));
	for (int c = 0; c < s->ncols; c++)
	{
		Form_pg_attribute att = TupleDescAttr(s->desc, s->attnos[c] - 1);

		sample->emitters[c] = lh_emitter_create(s->ctx, s->mcxt, NameStr(att->attname), att->atttypid,
												att->atttypmod, &s->options.emit);
	}
	sample->batch_mcxt = AllocSetContextCreate(s->mcxt, "lakehouse sample", ALLOCSET_DEFAULT_SIZES);
	sample->chooser.share = Min(1.0, Max((double) sample->wanted * ROWS_PER_SAMPLE,
										 (double) LEAST_GROUPS * TYPICAL_GROUP) / rows);
	reservoir_init_selection_state(&sample->reservoir, sample->wanted);
	/* the first group of all comes due at a random one of the first few */
	sample->chooser.due = 1.0 - sampler_random_fract(&sample->reservoir.randstate) * sample->chooser.share;
	sample->skip = -1;
	lh_source_set_meta(s, choose_group, &sample->chooser);
	MemoryContextSwitchTo(old);
}

static int
acquire_sample_rows(Relation rel, int elevel, HeapTuple *rows, int targrows, double *totalrows,
					double *totaldeadrows)
{
	LhSource   *s = lh_source_create(RelationGetRelid(rel), CurrentMemoryContext);
	ErrorContextCallback *context = error_context_stack;
	LhHiddenErrors errors;
	Sample		sample = {0};
	const LhBatch *batch;
	uint16_t	selected[LH_BATCH];
	uint32_t	drawn[LH_BATCH];
	int			place[LH_BATCH];

	s->options.sampled = true;
	memset(rows, 0, sizeof(HeapTuple) * targrows);
	sample.rows = rows;
	sample.wanted = targrows;
	if (lh_source_hides(s))
		lh_hidden_errors_push(&errors, s);
	open_source(s);
	prepare(&sample, s);
	while ((batch = lh_source_next(s)) != NULL)
	{
		int			n = lh_sel_rows(&batch->sel, selected);

		n = draw(&sample, selected, n, drawn, place);
		if (n > 0)
			keep(&sample, batch, drawn, place, n);
		MemoryContextReset(sample.batch_mcxt);
	}
	error_context_stack = context;
	*totalrows = s->schema.rows;
	*totaldeadrows = 0;
	ereport(elevel,
			(errmsg("\"%s\": %.0f rows in " INT64_FORMAT " files, %.0f read, %d in the sample",
					RelationGetRelationName(rel), *totalrows, s->schema.files_total, sample.seen, sample.nrows)));
	MemoryContextDelete(s->mcxt);
	return sample.nrows;
}

bool
lh_fdw_analyze(Relation rel, AcquireSampleRowsFunc *func, BlockNumber *pages)
{
	LhSource   *s = lh_source_create(RelationGetRelid(rel), CurrentMemoryContext);

	/* everybody who may read the table finds values in pg_stats: PostgreSQL leaves it out with a warning */
	s->options.sampled = true;
	if (!lh_source_try_open(s, 0))
	{
		bool		closed = s->ctx->error->code == LH_DENIED && lh_features.closed_locations != NULL &&
			lh_features.closed_locations(RelationGetRelid(rel), true) != NIL;

		if (!closed)
			lh_pg_raise(s->ctx);
		MemoryContextDelete(s->mcxt);
		return false;
	}
	*pages = (BlockNumber) Min(Max(s->schema.bytes / BLCKSZ, 1), MaxBlockNumber);
	*func = acquire_sample_rows;
	MemoryContextDelete(s->mcxt);
	return true;
}
