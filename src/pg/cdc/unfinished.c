/*
 * unfinished.c
 *		Transactions that are told before their commit: in blocks while they run, or
 *		when they are prepared (docs/adr/0010-streamed-transactions.md).
 *
 *	1. Between the begin and the end of a block the running transaction is the
 *	   block's, and all that plugin.c does with changes holds for it.  BEGIN is then
 *	   STREAM_START, and like BEGIN it comes before the first event only.
 *	2. Each change has a number, wanted or not.  Numbers of a sub-transaction are kept
 *	   as ranges until the transaction ends; when it is rolled back they go out, and
 *	   whoever has the transaction whole counts without them.
 *	3. What schemas were told of counts within the transaction alone, and one that was
 *	   told of in a sub-transaction goes with it.
 *	4. A block that ends because its transaction was rolled back meanwhile ends behind
 *	   PostgreSQL's own clean-up, outside of the block's transaction: what the error
 *	   left half done is put away first.
 *
 * Memory: an entry a sub-transaction with changes, which PostgreSQL has too, and 16
 * bytes for each stretch of its changes; until the transaction ends.
 */
#include "pg/cdc/cdc.h"

#include "access/xact.h"
#include "replication/origin.h"
#include "replication/slot.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

typedef struct Ranges
{
	LhChangeRange *items;
	size_t		n,
				max;
} Ranges;

typedef struct Sub
{
	TransactionId xid;			/* key */
	bool		told;			/* a schema was told of in it */
	uint64		events;			/* of it that went out */
	Ranges		numbers;		/* of its changes */
} Sub;

/* A schema that was told of. */
typedef struct Told
{
	struct Told *older;
	TransactionId sub;
	uint32		n;
	uint64		fingerprint;
} Told;

typedef struct ToldRelation
{
	Oid			relid;			/* key: as published */
	uint32		n;				/* the last generation */
	Told	   *last;			/* that was told of, and not taken back */
} ToldRelation;

struct LhCdcUnfinished
{
	TransactionId xid;			/* key: of the top transaction */
	MemoryContext mcxt;
	uint64		scope;
	bool		begun;			/* a block of it went out */
	uint64		ordinal;		/* the last number */
	uint64		order;			/* events that went out */
	uint64		gone;			/* changes that were rolled back, of these */
	uint64		gone_events;
	Ranges		unsaid;			/* numbers that went before the first block did */
	HTAB	   *subs;
	Sub		   *at;				/* of the change at hand; NULL: the top transaction */
	HTAB	   *relations;
	RepOriginId origin;
	char	   *origin_name;
};

/* ---- numbers ---- */

static void
add_range(MemoryContext mcxt, Ranges *r, uint64 from, uint64 to)
{
	if (r->n > 0 && r->items[r->n - 1].to + 1 == from)
	{
		r->items[r->n - 1].to = to;
		return;
	}
	if (r->n == r->max)
	{
		size_t		max = Max(r->max * 2, 1);

		if (r->items == NULL)
			r->items = MemoryContextAllocHuge(mcxt, max * sizeof(LhChangeRange));
		else
			r->items = repalloc_huge(r->items, max * sizeof(LhChangeRange));
		r->max = max;
	}
	r->items[r->n++] = (LhChangeRange) {from, to};
}

static void
free_ranges(Ranges *r)
{
	if (r->items != NULL)
		pfree(r->items);
	*r = (Ranges) {0};
}

static Sub *
enter_sub(LhCdcUnfinished *u, TransactionId xid)
{
	bool		found;
	Sub		   *sub = hash_search(u->subs, &xid, HASH_ENTER, &found);

	if (!found)
	{
		sub->told = false;
		sub->events = 0;
		sub->numbers = (Ranges) {0};
	}
	return sub;
}

void
lh_cdc_count_unfinished(LhCdc *cdc, TransactionId xid)
{
	LhCdcUnfinished *u = cdc->open;

	cdc->sub = xid;
	if (xid == u->xid)
	{
		u->at = NULL;
		return;
	}
	if (u->at == NULL || u->at->xid != xid)
		u->at = enter_sub(u, xid);
	add_range(u->mcxt, &u->at->numbers, cdc->ordinal, cdc->ordinal);
}

void
lh_cdc_count_unfinished_event(LhCdc *cdc)
{
	if (cdc->open->at != NULL)
		cdc->open->at->events++;
}

/* ---- schemas ---- */

bool
lh_cdc_announce_unfinished(LhCdc *cdc, LhCdcRel *rel)
{
	LhCdcUnfinished *u = cdc->open;
	bool		found;
	ToldRelation *r = hash_search(u->relations, &rel->change.relid, HASH_ENTER, &found);
	Told	   *told;

	if (!found)
	{
		r->n = 0;
		r->last = NULL;
	}
	if (r->last != NULL && r->last->fingerprint == rel->change.fingerprint)
	{
		rel->change.generation = r->last->n;
		return false;
	}
	told = MemoryContextAlloc(u->mcxt, sizeof(Told));
	*told = (Told) {r->last, cdc->sub, ++r->n, rel->change.fingerprint};
	r->last = told;
	if (u->at != NULL)
		u->at->told = true;
	rel->change.generation = told->n;
	return true;
}

/* What was told of in a sub-transaction was not; plans have to ask again. */
static void
untell(LhCdc *cdc, LhCdcUnfinished *u, TransactionId xid)
{
	HASH_SEQ_STATUS seq;
	ToldRelation *r;

	hash_seq_init(&seq, u->relations);
	while ((r = hash_seq_search(&seq)) != NULL)
	{
		for (Told **t = &r->last; *t != NULL;)
		{
			Told	   *gone = *t;

			if (gone->sub != xid)
			{
				t = &gone->older;
				continue;
			}
			*t = gone->older;
			pfree(gone);
		}
	}
	u->scope = ++cdc->scopes;
}

/* ---- transactions that there are ---- */

static HTAB *
make_hash(const char *name, MemoryContext mcxt, Size key, Size entry)
{
	HASHCTL		ctl = {.keysize = key, .entrysize = entry, .hcxt = mcxt};

	return hash_create(name, 16, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static LhCdcUnfinished *
find(LhCdc *cdc, TransactionId xid)
{
	return hash_search(cdc->unfinished, &xid, HASH_FIND, NULL);
}

static void
forget(LhCdc *cdc, LhCdcUnfinished *u)
{
	MemoryContext mcxt = u->mcxt;

	(void) hash_search(cdc->unfinished, &u->xid, HASH_REMOVE, NULL);
	MemoryContextDelete(mcxt);
}

/* A transaction is open, so that its origin can be asked for. */
static LhCdcUnfinished *
enter(LhCdc *cdc, ReorderBufferTXN *txn)
{
	const char *name = lh_cdc_name_of_origin(cdc, txn->origin_id);
	MemoryContext mcxt = AllocSetContextCreate(cdc->mcxt, "lakehouse unfinished transaction", ALLOCSET_SMALL_SIZES);
	char	   *origin_name = name != NULL ? MemoryContextStrdup(mcxt, name) : NULL;
	HTAB	   *subs = make_hash("lakehouse sub-transactions", mcxt, sizeof(TransactionId), sizeof(Sub));
	HTAB	   *relations = make_hash("lakehouse schemas told", mcxt, sizeof(Oid), sizeof(ToldRelation));
	LhCdcUnfinished *u = hash_search(cdc->unfinished, &txn->xid, HASH_ENTER, NULL);

	*u = (LhCdcUnfinished) {
		.xid = txn->xid,
		.mcxt = mcxt,
		.scope = ++cdc->scopes,
		.subs = subs,
		.relations = relations,
		.origin = txn->origin_id,
		.origin_name = origin_name,
	};
	return u;
}

static LhChangeTxn
facts(const LhCdcUnfinished *u, const ReorderBufferTXN *txn)
{
	return (LhChangeTxn) {
		.xid = u->xid,
		.first_lsn = txn->first_lsn,
		.origin = u->origin,
		.origin_name = u->origin_name,
		.nchanges = u->order - u->gone_events,
	};
}

/* ---- blocks ---- */

static void
open_block(LhCdc *cdc, LhCdcUnfinished *u, const ReorderBufferTXN *txn)
{
	/* an error may have left them */
	cdc->nat_hand = 0;
	lh_cdc_policies_update(cdc);
	cdc->open = u;
	cdc->sub = u->xid;
	cdc->scope = u->scope;
	cdc->txn = facts(u, txn);
	cdc->begun = false;
	cdc->ordinal = u->ordinal;
	cdc->order = u->order;
	cdc->settings = 0;
	u->at = NULL;
}

void
lh_cdc_need_block(LhCdc *cdc)
{
	LhCdcUnfinished *u = cdc->open;
	LhChangeEvent ev;

	cdc->begun = true;
	cdc->now = GetCurrentTimestamp();
	ev = lh_cdc_new_event(cdc, LH_CHANGE_STREAM_START, cdc->txn.first_lsn);
	ev.sub = u->xid;
	ev.pos.ordinal = 0;
	ev.first = !u->begun;
	ev.nback = u->unsaid.n;
	ev.back = u->unsaid.items;
	u->begun = true;
	lh_cdc_emit(cdc, &ev, NULL, 0);
	free_ranges(&u->unsaid);
}

static void
close_block(LhCdc *cdc)
{
	LhCdcUnfinished *u = cdc->open;

	/* the transaction may have been rolled back in the middle of an event */
	lh_cdc_settle(cdc);
	if (cdc->begun)
	{
		MemoryContext old = lh_cdc_begin_event(cdc);
		LhChangeEvent ev = lh_cdc_new_event(cdc, LH_CHANGE_STREAM_STOP, InvalidXLogRecPtr);

		ev.sub = u->xid;
		ev.pos.ordinal = 0;
		lh_cdc_emit(cdc, &ev, NULL, 0);
		lh_cdc_flush(cdc);
		lh_cdc_end_event(cdc, old);
	}
	u->ordinal = cdc->ordinal;
	u->order = cdc->order;
	cdc->open = NULL;
	cdc->sub = InvalidTransactionId;
	cdc->scope = 1;
	lh_cdc_end_settings(cdc);
}

static void
start_block(LogicalDecodingContext *pg, ReorderBufferTXN *txn)
{
	LhCdc	   *cdc = pg->output_plugin_private;
	LhCdcUnfinished *u = find(cdc, txn->xid);

	open_block(cdc, u != NULL ? u : enter(cdc, txn), txn);
}

static void
stop_block(LogicalDecodingContext *pg, ReorderBufferTXN *txn)
{
	close_block(pg->output_plugin_private);
}

/* ---- ends ---- */

/* What ends a transaction or takes something back, outside of blocks.  Ends are not kept waiting. */
static void
emit_end(LhCdc *cdc, LhChangeEvent *ev)
{
	MemoryContext old = lh_cdc_begin_event(cdc);

	cdc->now = GetCurrentTimestamp();
	if (ev->gid != NULL)
		ev->gid = lh_cdc_text_anywhere(cdc, ev->gid);
	lh_cdc_emit(cdc, ev, NULL, 0);
	if (ev->op != LH_CHANGE_STREAM_ABORT || ev->sub == ev->pos.xid)
		lh_cdc_flush(cdc);
	lh_cdc_end_event(cdc, old);
}

/* Also for those that were lost with the server, and those that turn out to be no concern of the slot's. */
static void
abort_all(LhCdc *cdc, LhCdcUnfinished *u, const ReorderBufferTXN *txn, XLogRecPtr lsn)
{
	LhChangeTxn known = facts(u, txn);
	LhChangeEvent ev = {
		.op = LH_CHANGE_STREAM_ABORT, .pos.xid = u->xid, .sub = u->xid, .lsn = lsn, .txn = &known
	};

	if (u->begun)
		emit_end(cdc, &ev);
	OutputPluginUpdateProgress(cdc->pg, !u->begun);
	forget(cdc, u);
}

static void
abort_sub(LhCdc *cdc, LhCdcUnfinished *u, const ReorderBufferTXN *txn, XLogRecPtr lsn)
{
	Sub		   *sub = hash_search(u->subs, &txn->xid, HASH_FIND, NULL);
	LhChangeTxn known = facts(u, txn->toptxn);
	LhChangeEvent ev = {
		.op = LH_CHANGE_STREAM_ABORT, .pos.xid = u->xid, .sub = txn->xid, .lsn = lsn, .txn = &known
	};

	if (sub == NULL)
		return;
	for (size_t i = 0; i < sub->numbers.n; i++)
		u->gone += sub->numbers.items[i].to - sub->numbers.items[i].from + 1;
	u->gone_events += sub->events;
	if (sub->told)
		untell(cdc, u, txn->xid);
	ev.nback = sub->numbers.n;
	ev.back = sub->numbers.items;
	if (u->begun)
		emit_end(cdc, &ev);
	else
	{
		for (size_t i = 0; i < ev.nback; i++)
			add_range(u->mcxt, &u->unsaid, ev.back[i].from, ev.back[i].to);
	}
	free_ranges(&sub->numbers);
	(void) hash_search(u->subs, &txn->xid, HASH_REMOVE, NULL);
}

static void
abort_streamed(LogicalDecodingContext *pg, ReorderBufferTXN *txn, XLogRecPtr lsn)
{
	LhCdc	   *cdc = pg->output_plugin_private;
	LhCdcUnfinished *u = find(cdc, txn->toptxn != NULL ? txn->toptxn->xid : txn->xid);

	if (u == NULL)
		return;
	if (txn->toptxn != NULL)
		abort_sub(cdc, u, txn, lsn);
	else
		abort_all(cdc, u, txn, lsn);
}

/* Facts of the record that decides, which PostgreSQL has put where a commit's are. */
static LhChangeTxn
decided(const LhCdcUnfinished *u, const ReorderBufferTXN *txn)
{
	LhChangeTxn known = facts(u, txn);

	known.commit_lsn = txn->final_lsn;
	known.commit_end = txn->end_lsn;
	known.commit_time = txn->xact_time.commit_time;
	known.origin_lsn = txn->origin_lsn;
	return known;
}

static void
commit_streamed(LogicalDecodingContext *pg, ReorderBufferTXN *txn, XLogRecPtr lsn)
{
	LhCdc	   *cdc = pg->output_plugin_private;
	LhCdcUnfinished *u = find(cdc, txn->xid);
	bool		begun = u != NULL && u->begun;

	/* what it changed PostgreSQL has told us with its last block */
	lh_cdc_wait_for_commit(txn);
	if (begun)
	{
		LhChangeTxn known = decided(u, txn);
		LhChangeEvent ev = {
			.op = LH_CHANGE_STREAM_COMMIT,
			.pos = {txn->end_lsn, u->ordinal - u->gone + 1, u->xid},
			.lsn = lsn,
			.txn = &known
		};

		emit_end(cdc, &ev);
	}
	OutputPluginUpdateProgress(pg, !begun);
	if (u != NULL)
		forget(cdc, u);
}

/* ---- two phases ---- */

static void
begin_prepare(LogicalDecodingContext *pg, ReorderBufferTXN *txn)
{
	LhCdc	   *cdc = pg->output_plugin_private;

	open_block(cdc, enter(cdc, txn), txn);
}

/* Also of a transaction without events: who hears of its end in another session cannot know. */
static void
emit_prepare(LogicalDecodingContext *pg, LhCdcUnfinished *u, ReorderBufferTXN *txn, XLogRecPtr lsn)
{
	LhCdc	   *cdc = pg->output_plugin_private;
	LhChangeTxn known = decided(u, txn);
	LhChangeEvent ev = {
		.op = LH_CHANGE_PREPARE,
		.pos = {txn->end_lsn, u->ordinal - u->gone + 1, u->xid},
		.lsn = lsn,
		.txn = &known,
		.gid = txn->gid
	};

	emit_end(cdc, &ev);
	OutputPluginUpdateProgress(pg, false);
	forget(cdc, u);
}

/* Where the transaction was rolled back while its changes were told this comes, too, and the block is open still. */
static void
prepare(LogicalDecodingContext *pg, ReorderBufferTXN *txn, XLogRecPtr lsn)
{
	LhCdc	   *cdc = pg->output_plugin_private;
	LhCdcUnfinished *u = cdc->open;

	if (u == NULL || u->xid != txn->xid)
		elog(ERROR, "transaction %u is prepared outside of its block", txn->xid);
	close_block(cdc);
	emit_prepare(pg, u, txn, lsn);
}

static void
prepare_streamed(LogicalDecodingContext *pg, ReorderBufferTXN *txn, XLogRecPtr lsn)
{
	LhCdc	   *cdc = pg->output_plugin_private;
	LhCdcUnfinished *u = find(cdc, txn->xid);

	if (u == NULL)
		elog(ERROR, "transaction %u is prepared, and no block of it was begun", txn->xid);
	emit_prepare(pg, u, txn, lsn);
}

/* Its changes may have been told in another session, so nothing is known of it here. */
static void
finish_prepared(LogicalDecodingContext *pg, ReorderBufferTXN *txn, LhChangeOp op)
{
	LhCdc	   *cdc = pg->output_plugin_private;
	bool		own = txn->origin_id != InvalidRepOriginId && !IsTransactionState();
	LhCdcUnfinished nothing = {.xid = txn->xid, .origin = txn->origin_id};
	LhChangeTxn known;
	LhChangeEvent ev = {
		.op = op, .pos = {txn->end_lsn, 0, txn->xid}, .lsn = txn->final_lsn, .txn = &known, .gid = txn->gid
	};
	MemoryContext old = CurrentMemoryContext;

	if (own)
		StartTransactionCommand();
	nothing.origin_name = (char *) lh_cdc_name_of_origin(cdc, txn->origin_id);
	if (own)
		CommitTransactionCommand();
	MemoryContextSwitchTo(old);
	known = decided(&nothing, txn);
	emit_end(cdc, &ev);
	OutputPluginUpdateProgress(pg, false);
}

static void
commit_prepared(LogicalDecodingContext *pg, ReorderBufferTXN *txn, XLogRecPtr lsn)
{
	/* what it changed PostgreSQL tells us afterwards */
	lh_cdc_wait_for_commit(txn);
	finish_prepared(pg, txn, LH_CHANGE_COMMIT_PREPARED);
}

static void
rollback_prepared(LogicalDecodingContext *pg, ReorderBufferTXN *txn, XLogRecPtr prepare_end, TimestampTz prepare_time)
{
	finish_prepared(pg, txn, LH_CHANGE_ROLLBACK_PREPARED);
}

/* ---- the stream ---- */

/*
 * PostgreSQL leaves out what was prepared before the consumer's position when it is
 * committed.  A stream without the option has passed such places without a word.
 */
static void
check_slot(LhCdc *cdc)
{
	bool		made_for_it = cdc->pg->slot->data.two_phase;

	if (cdc->options.two_phase && !made_for_it)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("option \"two_phase\" needs a slot that was made for it, which slot \"%s\" was not",
						NameStr(cdc->pg->slot->data.name)),
				 errhint("Make one: SELECT pg_create_logical_replication_slot('name', 'lakehouse', false, true).")));
	if (!cdc->options.two_phase && made_for_it)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("slot \"%s\" was made for two phases, and needs the option \"two_phase\"",
						NameStr(cdc->pg->slot->data.name)),
				 errdetail("Without it transactions that are prepared now would be lost to streams with it."),
				 errhint("Set the option, or use a slot that was made without.")));
}

void
lh_cdc_unfinished_init(LhCdc *cdc)
{
	check_slot(cdc);
	cdc->pg->streaming = cdc->options.streaming;
	cdc->pg->twophase = cdc->options.two_phase;
	if (lh_change_unfinished(&cdc->options))
		cdc->unfinished = make_hash("lakehouse unfinished transactions", cdc->mcxt, sizeof(TransactionId),
									sizeof(LhCdcUnfinished));
}

void
lh_cdc_unfinished_callbacks(OutputPluginCallbacks *cb)
{
	cb->stream_start_cb = start_block;
	cb->stream_stop_cb = stop_block;
	cb->stream_abort_cb = abort_streamed;
	cb->stream_commit_cb = commit_streamed;
	cb->stream_change_cb = lh_cdc_take_change;
	cb->stream_message_cb = lh_cdc_take_message;
	cb->stream_truncate_cb = lh_cdc_take_truncate;
	cb->begin_prepare_cb = begin_prepare;
	cb->prepare_cb = prepare;
	cb->stream_prepare_cb = prepare_streamed;
	cb->commit_prepared_cb = commit_prepared;
	cb->rollback_prepared_cb = rollback_prepared;
}
