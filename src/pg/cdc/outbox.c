/*
 * outbox.c
 *		Tables whose inserts are messages of their own: what of them goes out.
 *
 * Inserts do, with a topic that a column says.  Deletes and truncations empty an
 * outbox and are no news; rows of snapshots were told long ago.  An update is an
 * error of the application's, of which the option says what becomes.  Who may insert
 * cannot stop the stream: a row without a topic goes to quarantine.
 */
#include "pg/cdc/cdc.h"

#include "change/outbox.h"

void
lh_cdc_outbox_plan(LhCdc *cdc, LhCdcRel *rel)
{
	if (!lh_cdc_is_outbox(cdc, rel->change.schema, rel->change.name))
		return;
	lh_pg_check(cdc->ctx, lh_outbox_plan(cdc->ctx, &cdc->options, &rel->change, &rel->outbox));
	rel->actions[LH_CDC_DELETE] = rel->actions[LH_CDC_TRUNCATE] = false;
	if (cdc->options.outbox_invalid == LH_OUTBOX_IGNORE)
		rel->actions[LH_CDC_UPDATE] = false;
}

/* One warning a transaction, lest many updates fill the server's log. */
static bool
updated(LhCdc *cdc, LhCdcRel *rel, LhCdcRow *row)
{
	bool		first = rel->warned != cdc->txn.xid;
	int			level = cdc->options.outbox_invalid == LH_OUTBOX_FATAL ? ERROR : WARNING;

	if (cdc->options.outbox_invalid == LH_OUTBOX_ERROR)
	{
		row->quarantine = "a row of an outbox was updated";
		return true;
	}
	rel->warned = cdc->txn.xid;
	if (first)
		ereport(level,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("outbox \"%s.%s\" was updated by transaction %u", lh_pg_text(rel->change.schema),
						lh_pg_text(rel->change.name), cdc->txn.xid),
				 errdetail("Its rows were told when they were inserted; updates are not."),
				 errhint("Option \"table.op.invalid.behavior\" says what becomes of updates.")));
	return false;
}

bool
lh_cdc_outbox(LhCdc *cdc, LhCdcRel *rel, LhCdcAction action, LhCdcRow *row)
{
	if (action == LH_CDC_UPDATE)
		return updated(cdc, rel, row);
	if (row->quarantine == NULL)
		lh_pg_check(cdc->ctx, lh_outbox_topic(cdc->ctx, rel->outbox, row->new_cells, &row->topic, &row->quarantine));
	return true;
}
