/*
 * plugin.c
 *		The output plugin "lakehouse": PostgreSQL's callbacks of logical decoding.
 *
 * Which event follows which:
 *
 *	1. BEGIN comes before the first event of a transaction that goes out; one of
 *	   which nothing does is not mentioned.  (wal2json mentions all, so its formats
 *	   get all.)
 *	2. The schema of a table comes before its first row, and again whenever it is
 *	   another.
 *	3. Each change counts for the position, wanted or not, so that another choice
 *	   of tables does not move the positions of the rest.
 *	4. COMMIT is followed by a write of all that has gathered; with the option "hold"
 *	   soon, see hold.c.
 */
#include "pg/cdc/cdc.h"

#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "replication/origin.h"
#include "storage/lmgr.h"
#include "storage/sinval.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "change/ddl.h"

extern PGDLLEXPORT void _PG_output_plugin_init(OutputPluginCallbacks *cb);

/* Skipped changes between two signs of life to the receiver. */
#define SKIPPED_REPORT 100

/* ---- start and end ---- */

static void
start_stream(LogicalDecodingContext *pg, OutputPluginOptions *options, bool is_init)
{
	MemoryContext old;
	LhCdc	   *cdc;

	options->output_type = OUTPUT_PLUGIN_TEXTUAL_OUTPUT;
	options->receive_rewrites = false;
	/* a slot is only being made: it has no consumer yet */
	if (is_init)
	{
		pg->streaming = false;
		return;
	}
	cdc = lh_cdc_create(pg->context);
	cdc->pg = pg;
	cdc->streaming = !IsTransactionState();
	pg->output_plugin_private = cdc;

	old = CurrentMemoryContext;
	if (cdc->streaming)
		StartTransactionCommand();
	MemoryContextSwitchTo(cdc->mcxt);
	lh_cdc_read_catalog(cdc, pg->output_plugin_options);
	lh_cdc_relations_init(cdc);
	lh_cdc_policies_check(cdc);
	if (cdc->streaming)
	{
		/* caches know the present; SQL functions see to that themselves */
		lh_cdc_drop_caches();
		CommitTransactionCommand();
	}
	MemoryContextSwitchTo(cdc->mcxt);
	lh_cdc_writer_init(cdc);
	lh_cdc_hold_start(cdc);
	lh_cdc_unfinished_init(cdc);
	MemoryContextSwitchTo(old);
}

static void
end_stream(LogicalDecodingContext *pg)
{
	LhCdc	   *cdc = pg->output_plugin_private;

	if (cdc == NULL)
		return;
	lh_cdc_hold_stop(cdc);
	pg->output_plugin_private = NULL;
	MemoryContextDelete(cdc->mcxt);
}

/* ---- what comes before an event ---- */

/* BEGIN, if it has not been yet. */
static void
need_begin(LhCdc *cdc)
{
	LhChangeEvent ev;

	if (cdc->begun)
		return;
	if (unlikely(cdc->open != NULL))
	{
		lh_cdc_need_block(cdc);
		return;
	}
	cdc->begun = true;
	cdc->now = GetCurrentTimestamp();
	ev = lh_cdc_new_event(cdc, LH_CHANGE_BEGIN, cdc->txn.first_lsn);
	ev.pos.ordinal = 0;
	lh_cdc_emit(cdc, &ev, NULL, 0);
}

/* A long time of nothing but unwanted changes looks like death to the receiver. */
static void
skip(LhCdc *cdc)
{
	if (LH_SKIPPED_CHANGES_ARE_REPORTED || ++cdc->skipped < SKIPPED_REPORT)
		return;
	cdc->skipped = 0;
	OutputPluginUpdateProgress(cdc->pg, false);
}

/* ---- transactions ---- */

/* Looked up for each transaction, as an origin's number may be another's later; freed with the next. */
const char *
lh_cdc_name_of_origin(LhCdc *cdc, RepOriginId origin)
{
	MemoryContext old;
	char	   *name;

	if (cdc->origin_name != NULL)
		pfree(cdc->origin_name);
	cdc->origin_name = NULL;
	if (origin == InvalidRepOriginId)
		return NULL;
	old = lh_cdc_begin_event(cdc);
	name = (char *) lh_cell_utf8(cdc->ctx, replorigin_by_oid(origin, true, &name) ? name : "");
	cdc->origin_name = MemoryContextStrdup(cdc->mcxt, name);
	lh_cdc_end_event(cdc, old);
	return cdc->origin_name;
}

/*
 * A transaction is in the log before its session tells others what it changed, and that may be long: with synchronous replication it
 * waits for standbys first, of which we may be one.  But right after the log it is noted as committed, which is what the
 * present catalog goes by (present.c); so what its session will tell is told here, and a policy that it made holds for its own rows.
 */
void
lh_cdc_wait_for_commit(const ReorderBufferTXN *txn)
{
	if (!rbtxn_has_catalog_changes(txn) || RecoveryInProgress())
		return;
	while (!TransactionIdDidCommit(txn->xid))
	{
		CHECK_FOR_INTERRUPTS();
		pg_usleep(1000);
	}
}

static void
tell_ourselves(const ReorderBufferTXN *txn)
{
	if (!rbtxn_has_catalog_changes(txn) || RecoveryInProgress() || lh_transaction_is_over(txn->xid))
		return;
	lh_cdc_wait_for_commit(txn);
	for (uint32 i = 0; i < txn->ninvalidations; i++)
		LocalExecuteInvalidationMessage(&txn->invalidations[i]);
}

static void
begin_txn(LogicalDecodingContext *pg, ReorderBufferTXN *txn)
{
	LhCdc	   *cdc = pg->output_plugin_private;
	MemoryContext old;

	cdc->nat_hand = 0;
	tell_ourselves(txn);
	lh_cdc_policies_update(cdc);
	lh_cdc_hold_begin(cdc, txn);
	cdc->txn = (LhChangeTxn) {
		.xid = txn->xid,
		.first_lsn = txn->first_lsn,
		.commit_lsn = txn->final_lsn,
		.commit_end = txn->end_lsn,
		.commit_time = txn->xact_time.commit_time,
		.origin = txn->origin_id,
		.origin_name = lh_cdc_name_of_origin(cdc, txn->origin_id),
		.origin_lsn = txn->origin_lsn,
	};
	cdc->begun = false;
	cdc->ordinal = cdc->order = 0;
	cdc->settings = 0;
	if (cdc->session)
	{
		static char text[MAXDATELEN + 1];

		strlcpy(text, timestamptz_to_str(txn->xact_time.commit_time), sizeof(text));
		cdc->txn.commit_text = text;
		old = lh_cdc_begin_event(cdc);
		need_begin(cdc);
		lh_cdc_end_event(cdc, old);
	}
}

static void
commit_txn(LogicalDecodingContext *pg, ReorderBufferTXN *txn, XLogRecPtr commit_lsn)
{
	LhCdc	   *cdc = pg->output_plugin_private;
	MemoryContext old = lh_cdc_begin_event(cdc);

	if (cdc->begun)
	{
		LhChangeEvent ev;

		cdc->txn.nchanges = cdc->order;
		cdc->ordinal++;
		ev = lh_cdc_new_event(cdc, LH_CHANGE_COMMIT, commit_lsn);
		lh_cdc_emit(cdc, &ev, NULL, 0);
		lh_cdc_hold_commit(cdc);
	}
	OutputPluginUpdateProgress(pg, !cdc->begun);
	lh_cdc_end_event(cdc, old);
	lh_cdc_end_settings(cdc);
}

/* ---- changes ---- */

static LhCdcAction
action_of(const ReorderBufferChange *change)
{
	return change->action == REORDER_BUFFER_CHANGE_INSERT ? LH_CDC_INSERT :
		change->action == REORDER_BUFFER_CHANGE_UPDATE ? LH_CDC_UPDATE : LH_CDC_DELETE;
}

static LhChangeOp
op_of(LhCdcAction action)
{
	return action == LH_CDC_INSERT ? LH_CHANGE_INSERT : action == LH_CDC_UPDATE ? LH_CHANGE_UPDATE : LH_CHANGE_DELETE;
}

/* A change counts, wanted or not. */
static inline void
count_change(LhCdc *cdc, TransactionId xid)
{
	cdc->ordinal++;
	if (unlikely(cdc->open != NULL))
		lh_cdc_count_unfinished(cdc, xid);
}

/* And an event among those that go out. */
static inline uint64
count_event(LhCdc *cdc)
{
	if (unlikely(cdc->open != NULL))
		lh_cdc_count_unfinished_event(cdc);
	return ++cdc->order;
}

/* The clock is looked at now and then only. */
#define CLOCK_EVENTS 64

static void
emit_row(LhCdc *cdc, LhCdcRel *rel, const LhCdcRow *row, XLogRecPtr lsn)
{
	LhChangeEvent ev;

	need_begin(cdc);
	lh_cdc_need_schema(cdc, rel, lsn);
	if (count_event(cdc) % CLOCK_EVENTS == 0)
	{
		cdc->now = GetCurrentTimestamp();
		/* within a long transaction nobody else may listen */
		AcceptInvalidationMessages();
		if (!lh_cdc_policies_current(cdc))
			lh_cdc_forget_plans(cdc);
	}
	ev = lh_cdc_new_event(cdc, row->quarantine != NULL ? LH_CHANGE_QUARANTINE : row->op, lsn);
	ev.order = cdc->order;
	ev.new_cells = row->new_cells;
	ev.old_cells = row->old_cells;
	ev.old_is_key = row->old_is_key;
	ev.key_changed = row->key_changed;
	ev.incomplete = row->incomplete;
	ev.topic = row->topic;
	ev.reason = row->quarantine;
	lh_cdc_emit(cdc, &ev, rel, cdc->cells.bytes);
}

void
lh_cdc_take_change(LogicalDecodingContext *pg, ReorderBufferTXN *txn, Relation relation, ReorderBufferChange *c)
{
	LhCdc	   *cdc = pg->output_plugin_private;
	LhCdcRel   *rel = lh_cdc_relation(cdc, relation);
	MemoryContext old;
	LhCdcAction action = action_of(c);
	LhCdcRow	row;

	count_change(cdc, c->txn->xid);
	if (!rel->actions[action])
	{
		skip(cdc);
		return;
	}
	old = lh_cdc_begin_event(cdc);
	if (lh_cdc_row(cdc, rel, RelationGetDescr(relation), op_of(action), LH_CHANGE_TUPLE(c->data.tp.oldtuple),
				   LH_CHANGE_TUPLE(c->data.tp.newtuple), &row) &&
		(likely(rel->outbox == NULL) || lh_cdc_outbox(cdc, rel, action, &row)))
		emit_row(cdc, rel, &row, c->lsn);
	else
		skip(cdc);
	lh_cdc_end_event(cdc, old);
}

/* A partition whose rows go out under another name is not told of: that table's own entry is. */
static bool
tells_truncate(const LhCdcRel *rel)
{
	return rel->actions[LH_CDC_TRUNCATE] && rel->change.relid == rel->relid;
}

void
lh_cdc_take_truncate(LogicalDecodingContext *pg, ReorderBufferTXN *txn, int n, Relation relations[], ReorderBufferChange *c)
{
	LhCdc	   *cdc = pg->output_plugin_private;
	MemoryContext old;
	int			wanted = 0;

	cdc->at_hand = relations;
	cdc->nat_hand = n;
	for (int i = 0; i < n; i++)
		wanted += tells_truncate(lh_cdc_relation(cdc, relations[i]));
	for (int i = 0; i < n; i++)
	{
		LhCdcRel   *rel = lh_cdc_relation(cdc, relations[i]);
		LhChangeEvent ev;

		count_change(cdc, c->txn->xid);
		if (!tells_truncate(rel))
		{
			skip(cdc);
			continue;
		}
		old = lh_cdc_begin_event(cdc);
		need_begin(cdc);
		lh_cdc_need_schema(cdc, rel, c->lsn);
		ev = lh_cdc_new_event(cdc, LH_CHANGE_TRUNCATE, c->lsn);
		ev.order = count_event(cdc);
		ev.ntruncated = wanted;
		ev.cascade = c->data.truncate.cascade;
		ev.restart_identity = c->data.truncate.restart_seqs;
		lh_cdc_emit(cdc, &ev, rel, 0);
		lh_cdc_end_event(cdc, old);
	}
	cdc->nat_hand = 0;
}

/* ---- messages ---- */

/* One outside of transactions has its own end as position, and is not kept waiting. */
static void
emit_lone_message(LhCdc *cdc, LhChangeEvent *ev)
{
	cdc->now = GetCurrentTimestamp();
	ev->pos = (LhChangePos) {cdc->pg->reader->EndRecPtr, 0, 0};
	ev->txn = NULL;
	lh_cdc_emit(cdc, ev, NULL, ev->content.len);
	lh_cdc_flush(cdc);
}

/*
 * One outside of transactions comes outside of a transaction of ours, too, and a
 * conversion looks into the catalog.
 */
const char *
lh_cdc_text_anywhere(LhCdc *cdc, const char *text)
{
	bool		own = OidIsValid(cdc->cells.conversion) && !IsTransactionState();
	MemoryContext old = CurrentMemoryContext;
	const char *name;

	if (own)
		StartTransactionCommand();
	MemoryContextSwitchTo(old);
	name = lh_cell_utf8(cdc->ctx, text);
	if (own)
		CommitTransactionCommand();
	MemoryContextSwitchTo(old);
	return name;
}

/* What clients tell themselves through the log, and no consumer sees. */
static bool
is_signal(const char *prefix)
{
	return strcmp(prefix, "lakehouse.watermark") == 0 || strcmp(prefix, "lakehouse.signal") == 0;
}

static bool
is_own_message(const char *prefix)
{
	return is_signal(prefix) || strcmp(prefix, LH_HEARTBEAT_PREFIX) == 0 || strcmp(prefix, LH_DDL_PREFIX) == 0;
}

/* A command that defined something; as it was logged it may tell more than the stream does. */
static void
take_ddl(LhCdc *cdc, const char *prefix, XLogRecPtr lsn, LhSlice content)
{
	LhChangeEvent ev;
	LhSlice		told;

	if (!lh_cdc_ddl(cdc, content, &told))
	{
		skip(cdc);
		return;
	}
	need_begin(cdc);
	ev = lh_cdc_new_event(cdc, LH_CHANGE_DDL, lsn);
	ev.transactional = true;
	ev.prefix = prefix;
	ev.content = told;
	ev.order = ++cdc->order;
	lh_cdc_emit(cdc, &ev, NULL, told.len);
}

/* No event for consumers: it does not count among those. */
static void
emit_signal(LhCdc *cdc, const char *prefix, XLogRecPtr lsn, const char *content, Size size)
{
	LhChangeEvent ev;

	need_begin(cdc);
	ev = lh_cdc_new_event(cdc, LH_CHANGE_SIGNAL, lsn);
	ev.prefix = prefix;
	ev.content = lh_slice(content, size);
	lh_cdc_emit(cdc, &ev, NULL, size);
}

/*
 * In an unfinished transaction PostgreSQL says which one, but not which sub-transaction.  It
 * watches whether that is rolled back, and does not where it has committed already.
 */
static inline TransactionId
message_xid(const ReorderBufferTXN *txn)
{
	return TransactionIdIsValid(CheckXidAlive) ? CheckXidAlive : txn->xid;
}

void
lh_cdc_take_message(LogicalDecodingContext *pg, ReorderBufferTXN *txn, XLogRecPtr lsn, bool transactional,
					const char *prefix, Size size, const char *content)
{
	LhCdc	   *cdc = pg->output_plugin_private;
	MemoryContext old = lh_cdc_begin_event(cdc);
	const char *name = lh_cdc_text_anywhere(cdc, prefix);
	LhChangeEvent ev;

	if (transactional)
		count_change(cdc, message_xid(txn));
	if (transactional && cdc->options.signals && is_signal(name))
		emit_signal(cdc, name, lsn, content, size);
	else if (transactional && cdc->options.ddl && strcmp(name, LH_DDL_PREFIX) == 0)
		take_ddl(cdc, name, lsn, lh_slice(content, size));
	else if (is_own_message(name) || !lh_cdc_wants_message(cdc, name))
		skip(cdc);
	else
	{
		if (transactional)
			need_begin(cdc);
		ev = lh_cdc_new_event(cdc, LH_CHANGE_MESSAGE, lsn);
		ev.transactional = transactional;
		ev.prefix = name;
		ev.content = lh_slice(content, size);
		if (!transactional)
			emit_lone_message(cdc, &ev);
		else
		{
			ev.order = count_event(cdc);
			lh_cdc_emit(cdc, &ev, NULL, size);
		}
	}
	lh_cdc_end_event(cdc, old);
}

/* Called while the log is read, also where the slot is only moved on and nobody reads. */
static bool
filter_by_origin(LogicalDecodingContext *pg, RepOriginId origin)
{
	LhCdc	   *cdc = pg->output_plugin_private;

	return cdc != NULL && !lh_cdc_wants_origin(cdc, origin);
}

void
_PG_output_plugin_init(OutputPluginCallbacks *cb)
{
	cb->startup_cb = start_stream;
	cb->begin_cb = begin_txn;
	cb->change_cb = lh_cdc_take_change;
	cb->truncate_cb = lh_cdc_take_truncate;
	cb->commit_cb = commit_txn;
	cb->message_cb = lh_cdc_take_message;
	cb->filter_by_origin_cb = filter_by_origin;
	cb->shutdown_cb = end_stream;
	lh_cdc_unfinished_callbacks(cb);
}
