/*
 * deliver_durable.c
 *		Sinks are flushed; what is durable in all of them may be confirmed.
 */
#include "client/deliver_internal.h"

/* A commit that sinks are told to make durable. */
static void
add_mark(LhDelivery *d)
{
	if (d->nmarks > 0 && lh_change_pos_compare(&d->finished, &d->marks[d->nmarks - 1]) <= 0)
		return;
	if (d->nmarks == 0)
		d->stride = 1;
	else if (++d->since < d->stride)
	{
		d->marks[d->nmarks - 1] = d->finished;
		return;
	}
	if (d->nmarks == LH_DELIVERY_MARKS)
	{
		d->nmarks /= 2;
		for (int i = 0; i < d->nmarks; i++)
			d->marks[i] = d->marks[2 * i + 1];
		d->stride *= 2;
	}
	d->marks[d->nmarks++] = d->finished;
	d->since = 0;
}

/*
 * "durable" may stand in the middle of a transaction, so that its commit_end alone
 * says nothing: a sink's safe position moves when all that is finished is durable, or
 * all up to a mark.
 */
static void
note_durable(LhDelivery *d)
{
	uint64_t all = UINT64_MAX;
	int n = 0;

	for (int i = 0; i < d->nsinks; i++)
	{
		LhDeliverySink *s = &d->sinks[i];
		const LhChangePos *durable = &s->sink->durable;

		if (s->sink->kind->async != NULL)
			s->sink->kind->async->refresh(s->sink);
		if (lh_change_pos_compare(durable, &d->finished) >= 0 && d->state.finished > s->safe)
			s->safe = d->state.finished;
		for (int k = d->nmarks - 1; k >= 0 && d->marks[k].commit_end > s->safe; k--)
		{
			if (lh_change_pos_compare(durable, &d->marks[k]) >= 0)
				s->safe = d->marks[k].commit_end;
		}
		if (s->safe < all)
			all = s->safe;
	}
	while (n < d->nmarks && d->marks[n].commit_end <= all)
		n++;
	d->nmarks -= n;
	memmove(d->marks, d->marks + n, (size_t) d->nmarks * sizeof(d->marks[0]));
}

static LhStatus
flush_all(LhCtx *ctx, LhDelivery *d)
{
	for (int i = 0; i < d->nsinks; i++)
	{
		LhDeliverySink *s = &d->sinks[i];

		LH_TRY(lh_delivery_sink_failed(ctx, d, s, s->sink->kind->flush(ctx, s->sink)));
	}
	return LH_OK;
}

static LhStatus
settle_all(LhCtx *ctx, LhDelivery *d)
{
	/* all at work before one is waited for */
	LH_TRY(flush_all(ctx, d));
	for (int i = 0; i < d->nsinks; i++)
	{
		LhDeliverySink *s = &d->sinks[i];

		if (s->sink->kind->async != NULL)
			LH_TRY(lh_delivery_sink_failed(ctx, d, s, s->sink->kind->async->settle(ctx, s->sink)));
	}
	return LH_OK;
}

static LhStatus
flush(LhCtx *ctx, LhDelivery *d, LhStatus (*how)(LhCtx *ctx, LhDelivery *d))
{
	LhArena *old = lh_use(ctx, d->scratch);
	LhStatus status;

	add_mark(d);
	status = how(ctx, d);
	lh_use(ctx, old);
	lh_arena_reset(d->scratch);
	if (status != LH_OK)
		return status;
	note_durable(d);
	d->state.flushes++;
	d->state.unflushed_bytes = d->state.unflushed_commits = 0;
	return LH_OK;
}

LhStatus
lh_delivery_flush(LhCtx *ctx, LhDelivery *d)
{
	return flush(ctx, d, flush_all);
}

LhStatus
lh_delivery_settle(LhCtx *ctx, LhDelivery *d)
{
	return flush(ctx, d, settle_all);
}

LhStatus
lh_delivery_poll(LhCtx *ctx, LhDelivery *d)
{
	for (int i = 0; i < d->nsinks; i++)
	{
		LhDeliverySink *s = &d->sinks[i];

		if (s->sink->kind->async != NULL)
			LH_TRY(lh_delivery_sink_failed(ctx, d, s, s->sink->kind->async->poll(ctx, s->sink)));
	}
	note_durable(d);
	return LH_OK;
}

bool
lh_delivery_behind(const LhDelivery *d)
{
	return d->nmarks > 0;
}

uint64_t
lh_delivery_durable(LhDelivery *d)
{
	uint64_t lsn;

	note_durable(d);
	lsn = d->state.finished;
	for (int i = 0; i < d->nsinks; i++)
	{
		if (d->sinks[i].safe < lsn)
			lsn = d->sinks[i].safe;
	}
	return lsn;
}

uint64_t
lh_delivery_confirmed(LhDelivery *d)
{
	uint64_t lsn = lh_delivery_durable(d);

	if (d->kept == NULL)
		return lsn;
	lsn = lh_unfinished_clamp(d->kept, lsn);
	/* one from before the slot could tell of it is sent when it is decided, whatever is confirmed */
	if (lsn < d->started)
		lsn = d->started;
	lh_unfinished_confirmed(d->kept, lsn);
	return lsn;
}
