/*
 * deliver.c
 *		Frames to sinks.
 */
#include "client/deliver_internal.h"

LhStatus
lh_delivery_create(LhCtx *ctx, const LhDeliveryConfig *config, int nsinks, LhDeliverySink *sinks,
				   LhDelivery **out)
{
	LhDelivery *d;

	LH_NEW(ctx, d);
	d->config = *config;
	d->nsinks = nsinks;
	d->sinks = sinks;
	d->arena = ctx->arena;
	LH_TRY(lh_relations_init(ctx, &d->relations));
	LH_TRY(lh_relations_init(ctx, &d->unit.relations));
	LH_TRY(lh_relations_init(ctx, &d->replay.relations));
	d->scratch = lh_arena_child(ctx->arena);
	d->unit.scratch = lh_arena_child(ctx->arena);
	if (d->scratch == NULL || d->unit.scratch == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	LH_TRY(lh_buf_init(ctx, &d->joined, false));
	d->schemas = config->schemas;
	if (d->schemas == NULL)
		LH_TRY(lh_schema_store_create(ctx, &d->schemas));
	d->unit_schemas = config->unit_schemas;
	if (d->unit_schemas == NULL)
		LH_TRY(lh_schema_store_create(ctx, &d->unit_schemas));
	d->unfinished_schemas = config->unfinished_schemas;
	if (d->unfinished_schemas == NULL)
		LH_TRY(lh_schema_store_create(ctx, &d->unfinished_schemas));
	if (config->unfinished != NULL)
		LH_TRY(lh_unfinished_create(ctx, config->unfinished, &d->kept));
	LH_TRY(lh_route_topic(ctx, &config->message_topic, config->slot, "", "", &d->message_topic));
	LH_TRY(lh_rename_topic(ctx, config->renames, d->message_topic, &d->message_topic));
	*out = d;
	return LH_OK;
}

void
lh_delivery_recovered(LhDeliverySink *s, const LhChangePos *durable, bool known)
{
	static const LhChangePos none;

	s->known = known;
	s->put = s->committed = known ? *durable : none;
	s->put_sub = known ? INT32_MAX : -1;
	s->recovered = known;
}

LhStatus
lh_delivery_start(LhCtx *ctx, LhDelivery *d, uint64_t lsn)
{
	d->next_part = 0;
	d->more = false;
	d->replay.end.txn = NULL;
	if (d->kept != NULL)
		lh_unfinished_forget(d->kept);
	d->started = lsn;
	d->pos = d->finished = (LhChangePos){0};
	for (int i = 0; i < d->nsinks; i++)
		d->sinks[i].safe = lsn;
	d->state.finished = lsn;
	d->state.told = 0;
	d->nmarks = 0;
	d->state.open = d->state.ended = false;
	return lh_relations_forget(ctx, &d->relations);
}

const LhDeliveryState *
lh_delivery_state(const LhDelivery *d)
{
	return &d->state;
}

/* ---- frames ---- */

/* Positions ascend; a schema frame shares that of the row behind it. */
static LhStatus
check_position(LhCtx *ctx, LhDelivery *d, const LhChangePos *pos)
{
	int order = lh_change_pos_compare(pos, &d->pos);

	if (order < 0 || (d->state.open && pos->commit_end != d->pos.commit_end))
		LH_FAIL(ctx, LH_CORRUPT, "change frame at position %X/%X, %llu behind one at %X/%X, %llu",
				(unsigned) (pos->commit_end >> 32), (unsigned) pos->commit_end,
				(unsigned long long) pos->ordinal, (unsigned) (d->pos.commit_end >> 32),
				(unsigned) d->pos.commit_end, (unsigned long long) d->pos.ordinal);
	/* it would be taken for one that the sinks have */
	if (pos->commit_end <= d->state.told)
		LH_FAIL(ctx, LH_CORRUPT,
				"change frame at position %X/%X, where all before %X/%X was said to be sent",
				(unsigned) (pos->commit_end >> 32), (unsigned) pos->commit_end,
				(unsigned) (d->state.told >> 32), (unsigned) d->state.told);
	d->pos = *pos;
	return LH_OK;
}

static bool
is_of_rows(const LhFrame *f)
{
	return f->kind == LH_CHANGE_INSERT || f->kind == LH_CHANGE_UPDATE ||
		   f->kind == LH_CHANGE_DELETE || f->kind == LH_CHANGE_READ ||
		   f->kind == LH_CHANGE_TRUNCATE || f->kind == LH_CHANGE_QUARANTINE;
}

static void
spare_none(LhDelivery *d)
{
	for (int i = 0; i < d->nsinks; i++)
		d->sinks[i].spared = false;
}

/* What was sent; that it is finished is for the host to say (lh_delivery_idle). */
static LhStatus
take_progress(LhCtx *ctx, LhDelivery *d, const LhFrame *f)
{
	if (f->body.len != 0 || f->pos.ordinal != 0 || f->pos.commit_end < d->state.told)
		LH_FAIL(ctx, LH_CORRUPT, "progress frame at %X/%X, %llu with %zu bytes behind one at %X/%X",
				(unsigned) (f->pos.commit_end >> 32), (unsigned) f->pos.commit_end,
				(unsigned long long) f->pos.ordinal, f->body.len, (unsigned) (d->state.told >> 32),
				(unsigned) d->state.told);
	d->state.told = f->pos.commit_end;
	return LH_OK;
}

LhStatus
lh_delivery_open(LhCtx *ctx, LhDelivery *d, const LhChangePos *pos)
{
	LH_TRY(check_position(ctx, d, pos));
	if (!d->state.open && d->config.between != NULL)
		LH_TRY(d->config.between(ctx, pos->commit_end, d->config.arg));
	d->state.open = true;
	return LH_OK;
}

LhStatus
lh_delivery_event(LhCtx *ctx, LhDelivery *d, LhRelations *relations, const LhFrame *f)
{
	bool drop = false;

	LH_TRY(lh_delivery_open(ctx, d, &f->pos));
	if (is_of_rows(f) && d->config.row != NULL)
		LH_TRY(d->config.row(ctx, f, false, &drop, d->config.arg));
	memset(d->sub, 0, sizeof(d->sub));
	if (!drop)
		LH_TRY(lh_delivery_put(ctx, d, relations, f, f->pos, d->sub));
	spare_none(d);
	return LH_OK;
}

LhStatus
lh_delivery_committed(LhCtx *ctx, LhDelivery *d, const LhChangePos *pos, int64_t commit_time)
{
	LH_TRY(lh_delivery_commit(ctx, d, pos));
	d->state.transactions++;
	d->state.commit_time = commit_time;
	return LH_OK;
}

static LhStatus
take_frame(LhCtx *ctx, LhDelivery *d, const LhFrame *f)
{
	bool lone = f->kind == LH_CHANGE_MESSAGE && (f->flags & LH_FRAME_TRANSACTIONAL) == 0;

	if (d->state.ended)
		return LH_OK;
	if ((f->flags & LH_FRAME_UNFINISHED) != 0 || LH_CHANGE_IS_UNFINISHED(f->kind))
		return lh_delivery_unfinished(ctx, d, f);
	if (d->kept != NULL && lh_unfinished_block(d->kept) != 0)
		LH_FAIL(ctx, LH_CORRUPT, "change frame of kind %d in a block of transaction %u", f->kind,
				lh_unfinished_block(d->kept));
	if (f->kind == LH_CHANGE_PROGRESS)
		return take_progress(ctx, d, f);
	if (!d->state.open && d->config.until != 0 && f->pos.commit_end > d->config.until)
	{
		d->state.ended = true;
		return LH_OK;
	}
	LH_TRY(lh_delivery_event(ctx, d, &d->relations, f));
	if (f->kind == LH_CHANGE_COMMIT)
		return lh_delivery_committed(ctx, d, &f->pos, f->commit_time);
	return lone ? lh_delivery_commit(ctx, d, &f->pos) : LH_OK;
}

/* A frame in parts is one when the last is there. */
static LhStatus
take_part(LhCtx *ctx, LhDelivery *d, const LhFrame *f)
{
	if (f->part != d->next_part ||
		(f->part > 0 && (f->nparts != d->first.nparts || f->kind != d->first.kind ||
						 lh_change_pos_compare(&f->pos, &d->first.pos) != 0)))
		LH_FAIL(ctx, LH_CORRUPT, "part %u of %u of a change frame, where part %u is to come",
				f->part, f->nparts, d->next_part);
	if (f->part == 0)
	{
		d->joined.len = 0;
		d->first = *f;
	}
	if (f->body.len > d->config.max_message - d->joined.len)
		LH_FAIL(ctx, LH_LIMIT, "a change has more than %zu bytes; --max-message allows more",
				d->config.max_message);
	LH_TRY(lh_buf_append(ctx, &d->joined, f->body.data, f->body.len));
	d->next_part = f->part + 1;
	if (d->next_part < f->nparts)
		return LH_OK;
	d->next_part = 0;
	d->first.body = lh_slice(d->joined.data, d->joined.len);
	LH_TRY(take_frame(ctx, d, &d->first));
	lh_buf_free(&d->joined);
	return LH_OK;
}

/* Frames up to the end of the batch, or of a transaction that was kept. */
static LhStatus
take_frames(LhCtx *ctx, LhDelivery *d)
{
	if (d->replay.end.txn != NULL)
		return lh_delivery_replay(ctx, d);
	while (d->replay.end.txn == NULL)
	{
		LhFrame f;
		bool end;

		LH_TRY(lh_batch_next(ctx, &d->reader, &f, &end));
		d->more = !end;
		if (end)
			return LH_OK;
		if (f.nparts > 1 || d->next_part > 0)
			LH_TRY(take_part(ctx, d, &f));
		else
			LH_TRY(take_frame(ctx, d, &f));
	}
	return LH_OK;
}

static LhStatus
take_batch(LhCtx *ctx, LhDelivery *d, LhSlice bytes)
{
	LhArena *old = lh_use(ctx, d->arena);
	LhStatus status = lh_batch_open(ctx, bytes, d->config.max_message, &d->reader);

	lh_use(ctx, old);
	LH_TRY(status);
	return take_frames(ctx, d);
}

LhStatus
lh_delivery_batch(LhCtx *ctx, LhDelivery *d, LhSlice bytes)
{
	LhArena *old = lh_use(ctx, d->scratch);
	LhStatus status = take_batch(ctx, d, bytes);

	lh_use(ctx, old);
	lh_arena_reset(d->scratch);
	d->state.bytes += bytes.len;
	return status;
}

bool
lh_delivery_pending(const LhDelivery *d)
{
	return d->more && !d->state.ended;
}

LhStatus
lh_delivery_step(LhCtx *ctx, LhDelivery *d)
{
	LhArena *old = lh_use(ctx, d->scratch);
	LhStatus status = take_frames(ctx, d);

	lh_use(ctx, old);
	lh_arena_reset(d->scratch);
	return status;
}

const LhUnfinished *
lh_delivery_kept(const LhDelivery *d)
{
	return d->kept;
}

/* ---- units of snapshots ---- */

LhStatus
lh_delivery_unit_begin(LhCtx *ctx, LhDelivery *d, const LhChangePos *pos)
{
	d->unit.pos = *pos;
	memset(d->unit.sub, 0, sizeof(d->unit.sub));
	return lh_relations_forget(ctx, &d->unit.relations);
}

static LhStatus
take_unit_frame(LhCtx *ctx, LhDelivery *d, const LhFrame *f)
{
	bool drop = false;

	if (f->nparts > 1 || (f->kind != LH_CHANGE_SCHEMA && f->kind != LH_CHANGE_READ &&
						  f->kind != LH_CHANGE_QUARANTINE))
		LH_FAIL(ctx, LH_CORRUPT, "change frame of kind %d, part %u of %u, in a snapshot", f->kind,
				f->part, f->nparts);
	if (is_of_rows(f) && d->config.row != NULL)
		LH_TRY(d->config.row(ctx, f, true, &drop, d->config.arg));
	return drop ? LH_OK : lh_delivery_put(ctx, d, &d->unit.relations, f, d->unit.pos, d->unit.sub);
}

static LhStatus
take_unit_batch(LhCtx *ctx, LhDelivery *d, LhSlice bytes)
{
	LhArena *old = lh_use(ctx, d->arena);
	LhStatus status = lh_batch_open(ctx, bytes, d->config.max_message, &d->unit.reader);

	lh_use(ctx, old);
	LH_TRY(status);
	for (;;)
	{
		LhFrame f;
		bool end;

		LH_TRY(lh_batch_next(ctx, &d->unit.reader, &f, &end));
		if (end)
			return LH_OK;
		LH_TRY(take_unit_frame(ctx, d, &f));
	}
}

/* May be called while a frame of the stream is taken, so that scratch is in use. */
LhStatus
lh_delivery_unit_rows(LhCtx *ctx, LhDelivery *d, LhSlice batch)
{
	LhArena *old = lh_use(ctx, d->unit.scratch);
	LhStatus status = take_unit_batch(ctx, d, batch);

	lh_use(ctx, old);
	lh_arena_reset(d->unit.scratch);
	d->state.bytes += batch.len;
	return status;
}

LhStatus
lh_delivery_unit_end(LhCtx *ctx, LhDelivery *d, bool commits)
{
	spare_none(d);
	return commits ? lh_delivery_commit(ctx, d, &d->unit.pos) : LH_OK;
}

LhStatus
lh_delivery_idle(LhCtx *ctx, LhDelivery *d, uint64_t lsn)
{
	LhChangePos pos = {.commit_end = lsn};
	LhArena *old;
	LhStatus status;

	if (d->state.open || d->state.ended || lsn <= d->state.finished)
		return LH_OK;
	if (d->config.until != 0 && lsn > d->config.until)
		pos.commit_end = d->config.until;
	if (pos.commit_end <= d->state.finished)
		return LH_OK;
	old = lh_use(ctx, d->scratch);
	status =
		d->config.between != NULL ? d->config.between(ctx, pos.commit_end, d->config.arg) : LH_OK;
	if (status == LH_OK)
		status = lh_delivery_commit(ctx, d, &pos);
	lh_use(ctx, old);
	lh_arena_reset(d->scratch);
	return status;
}
