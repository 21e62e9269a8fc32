/*
 * deliver_unfinished.c
 *		Transactions that were told before their commit: kept, then put as any other.
 *
 * Hooks see an event when it is put, in the order of commits: a mark of a snapshot stands
 * where its transaction ended, as it would if that had come whole.
 */
#include "client/deliver_internal.h"

#include "core/core.h"

size_t lh_delivery_step_bytes = (size_t) 1 << 20;

/* Of what is kept: bytes that make no sense are the server's, all else is the spool's. */
static LhStatus
spool_failed(LhDelivery *d, LhStatus status)
{
	if (status != LH_OK && status != LH_CORRUPT && status != LH_CANCELLED)
		d->state.spool_failed = true;
	return status;
}

/* The server told of it before the slot's position, to whoever moved it there. */
static LhStatus
take_unknown(LhCtx *ctx, LhDelivery *d, const LhUnfinishedEnd *end)
{
	bool needed = false;
	const char *text;

	for (int i = 0; i < d->nsinks; i++)
		needed = needed || d->sinks[i].committed.commit_end < end->pos.commit_end;
	if (!needed)
		return LH_OK;
	text = lh_sprintf(
		ctx,
		"prepared transaction \"%s\" was committed at %X/%X, but its changes were sent before the "
		"slot's position",
		end->gid, (unsigned) (end->pos.commit_end >> 32), (unsigned) end->pos.commit_end);
	if (text == NULL)
		return ctx->error->code;
	if (!d->config.allow_gap)
	{
		lh_fail(ctx, LH_CHANGED, "%s", text);
		lh_hint(ctx, "Somebody else moved the slot on.  Load the sinks anew, or go on without what "
					 "lies between: --allow-gap.");
		return LH_CHANGED;
	}
	if (d->config.notice != NULL)
		d->config.notice(text, d->config.notice_arg);
	return LH_OK;
}

LhStatus
lh_delivery_unfinished(LhCtx *ctx, LhDelivery *d, const LhFrame *f)
{
	LhUnfinishedEnd end;

	/* nobody asked for it, and what may be taken back is for no sink */
	if (d->kept == NULL || d->state.open)
		LH_FAIL(ctx, LH_CORRUPT,
				"change frame of kind %d of transaction %u, which is not finished%s", f->kind,
				f->pos.xid, d->kept == NULL ? "" : ", in the middle of another");
	LH_TRY(spool_failed(d, lh_unfinished_take(ctx, d->kept, f, &end)));
	if (end.txn == NULL && !end.unknown)
		return LH_OK;
	if (d->config.until != 0 && end.pos.commit_end > d->config.until)
	{
		d->state.ended = true;
		return LH_OK;
	}
	if (end.unknown)
		return take_unknown(ctx, d, &end);
	LH_TRY(lh_relations_forget(ctx, &d->replay.relations));
	LH_TRY(lh_delivery_open(ctx, d, &(LhChangePos){end.pos.commit_end, 0, end.pos.xid}));
	d->replay.end = end;
	return LH_OK;
}

static LhStatus
finish(LhCtx *ctx, LhDelivery *d)
{
	LhUnfinishedEnd end = d->replay.end;

	LH_TRY(lh_delivery_open(ctx, d, &end.pos));
	d->replay.end.txn = NULL;
	LH_TRY(lh_unfinished_end(ctx, d->kept, &end));
	d->state.replayed++;
	return lh_delivery_committed(ctx, d, &end.pos, end.commit_time);
}

LhStatus
lh_delivery_replay(LhCtx *ctx, LhDelivery *d)
{
	LH_TRY(lh_poll(ctx));
	for (size_t bytes = 0; bytes < lh_delivery_step_bytes;)
	{
		LhFrame f;
		bool over;

		LH_TRY(spool_failed(d, lh_unfinished_next(ctx, &d->replay.end, &f, &over)));
		if (over)
			return finish(ctx, d);
		bytes += f.body.len + LH_FRAME_HEAD;
		LH_TRY(lh_delivery_event(ctx, d, &d->replay.relations, &f));
	}
	return LH_OK;
}
