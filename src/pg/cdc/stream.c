/*
 * stream.c
 *		What all streams have, whoever feeds them: logical decoding (plugin.c) or a
 *		query over a table (snapshot.c).
 *
 * Memory: what an event needs is reset after it, plans live until they are
 * invalid, all else with the stream.  The stream lives in one memory context, whose
 * end is the stream's, so that an error needs no other care.
 */
#include "pg/cdc/cdc.h"

#include "access/xact.h"
#include "utils/guc.h"
#include "utils/memutils.h"

/* The text that a large masked value was made of is given back. */
#define MASK_TEXT_KEEP ((size_t) 1 << 20)

LhCdc *
lh_cdc_create(MemoryContext parent)
{
	MemoryContext mcxt = AllocSetContextCreate(parent, "lakehouse change stream", ALLOCSET_DEFAULT_SIZES);
	LhCdc	   *cdc = MemoryContextAllocZero(mcxt, sizeof(LhCdc));

	cdc->mcxt = mcxt;
	cdc->scratch = AllocSetContextCreate(mcxt, "lakehouse change", ALLOCSET_DEFAULT_SIZES);
	cdc->ctx = lh_pg_ctx(mcxt, 0, NULL);
	cdc->root = cdc->ctx->arena;
	cdc->row = lh_arena_child(cdc->root);
	if (cdc->row == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	lh_pg_check(cdc->ctx, lh_buf_init(cdc->ctx, &cdc->mask_text, false));
	cdc->scope = cdc->scopes = 1;
	return cdc;
}

/* Masks first, as nothing may be decoded without them. */
void
lh_cdc_read_catalog(LhCdc *cdc, List *options)
{
	lh_cdc_read_options(cdc, options);
	cdc->masks = lh_cdc_read_masks(cdc);
	lh_cdc_check_publications(cdc);
	cdc->filter = lh_cdc_filter(cdc);
	lh_cdc_read_row_filters(cdc);
	lh_cell_maker_init(&cdc->cells, cdc->ctx, cdc->scratch, cdc->session);
}

/* ---- settings ---- */

void
lh_cdc_need_settings(LhCdc *cdc)
{
	if (cdc->settings != 0 || cdc->session)
		return;
	/* a snapshot's rows need them each: they cost more than the row, and clients set them for their sessions */
	if (cdc->pg == NULL && lh_cell_settings_hold())
		return;
	cdc->settings = lh_cell_settings();
	cdc->settings_level = GetCurrentTransactionNestLevel();
}

void
lh_cdc_end_settings(LhCdc *cdc)
{
	/* a transaction that was aborted has taken them with it */
	if (cdc->settings != 0 && cdc->settings_level == GetCurrentTransactionNestLevel())
		AtEOXact_GUC(true, cdc->settings);
	cdc->settings = 0;
}

/* ---- events ---- */

MemoryContext
lh_cdc_begin_event(LhCdc *cdc)
{
	lh_use(cdc->ctx, cdc->row);
	cdc->cells.bytes = cdc->cells.grown = 0;
	cdc->column = -1;
	cdc->in_event = true;
	return MemoryContextSwitchTo(cdc->scratch);
}

void
lh_cdc_end_event(LhCdc *cdc, MemoryContext old)
{
	lh_use(cdc->ctx, cdc->root);
	lh_arena_reset(cdc->row);
	if (unlikely(cdc->mask_text.cap > MASK_TEXT_KEEP))
		lh_buf_free(&cdc->mask_text);
	MemoryContextSwitchTo(old);
	MemoryContextReset(cdc->scratch);
	cdc->in_event = false;
}

void
lh_cdc_settle(LhCdc *cdc)
{
	lh_cdc_drop_half(cdc);
	lh_cdc_unwrite(cdc);
	if (cdc->in_event)
		lh_cdc_end_event(cdc, CurrentMemoryContext);
}

LhChangeEvent
lh_cdc_new_event(LhCdc *cdc, LhChangeOp op, XLogRecPtr lsn)
{
	return (LhChangeEvent) {
		.op = op,
		.pos = {cdc->txn.commit_end, cdc->ordinal, cdc->txn.xid},
		.sub = cdc->sub,
		.lsn = lsn,
		/* a snapshot's rows are of no transaction */
		.txn = cdc->pg != NULL ? &cdc->txn : NULL,
	};
}

void
lh_cdc_need_schema(LhCdc *cdc, LhCdcRel *rel, XLogRecPtr lsn)
{
	LhChangeEvent ev;

	if (likely(rel->announced == cdc->scope))
		return;
	rel->announced = cdc->scope;
	if (!lh_cdc_announce(cdc, rel))
		return;
	if (!cdc->options.frames && !cdc->options.schema_events)
		return;
	ev = lh_cdc_new_event(cdc, LH_CHANGE_SCHEMA, lsn);
	lh_cdc_emit(cdc, &ev, rel, 0);
}
