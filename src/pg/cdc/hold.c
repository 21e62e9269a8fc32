/*
 * hold.c
 *		Option "hold": finished transactions gather while more of the log is at hand.
 *
 * A transaction of one row costs less to decode than to send: a system call and the
 * waking of the receiver.  So its frames stay in the batch until
 *
 *	1. the batch is large enough (writer.c);
 *	2. the next page of the log is to be read, which is the only place where decoding
 *	   waits for log; PostgreSQL has no callback for that moment, but the reader's own
 *	   routine is there to be called by us;
 *	3. a transaction follows that takes its time.
 *
 * So nothing is held while anything is waited for, whatever it is: log, standbys that
 * have to confirm first (17), a promotion.  What is held is of one page of log.
 *
 * While it is, keepalives run ahead of it: they carry the end of what was decoded.  A
 * client that confirms that loses what a crash finds here, so who asks for "hold" must
 * not.  In their place we tell positions: before the wait, when all is written, a
 * PROGRESS frame says "all that was committed before this place was sent".  The
 * place is the end of the last record that was decoded, to the byte what a keepalive would
 * say then; a shutdown waits for just that one.
 *
 * Only for walsenders: what SQL functions return ends with a record, not with a read.
 */
#include "pg/cdc/cdc.h"

#include "access/xlog.h"
#include "access/xlogrecovery.h"
#include "replication/slot.h"
#include "replication/walsender.h"

/* A transaction of more changes is not waited for by those before it. */
#define LARGE_CHANGES 100
/* Where nothing is waited for for a long time, positions are told all the same. */
#define TELL_BYTES ((uint64) 1 << 20)

/* Will the reader wait for the log up to here?  Told in vain when it comes meanwhile. */
static bool
will_wait(XLogRecPtr upto)
{
#if PG_VERSION_NUM >= 170000
	/* and it may wait for standbys at any time */
	if (MyReplicationSlot->data.failover)
		return true;
#endif
	return upto > (RecoveryInProgress() ? GetXLogReplayRecPtr(NULL) : GetFlushRecPtr(NULL));
}

/* Write what is held as the callbacks' wrappers would: at this position, of no transaction. */
static void
write_held(LhCdc *cdc, XLogRecPtr lsn)
{
	LogicalDecodingContext *pg = cdc->pg;
	bool		accept = pg->accept_writes;
	XLogRecPtr	location = pg->write_location;
	TransactionId xid = pg->write_xid;

	pg->accept_writes = true;
	pg->write_location = lsn;
	pg->write_xid = InvalidTransactionId;
	lh_cdc_flush(cdc);
	pg->accept_writes = accept;
	pg->write_location = location;
	pg->write_xid = xid;
}

/*
 * The reader's routine: this is between two records, so that all in the batch is whole,
 * and EndRecPtr is the end of the last record that was decoded.
 */
static int
read_page(XLogReaderState *reader, XLogRecPtr page, int len, XLogRecPtr record, char *buf)
{
	LhCdc	   *cdc = ((LogicalDecodingContext *) reader->private_data)->output_plugin_private;
	XLogRecPtr	end = reader->EndRecPtr;
	bool		tell = end > cdc->hold.told && (end - cdc->hold.told >= TELL_BYTES || will_wait(page + len));

	if (tell || lh_cdc_holds(cdc))
	{
		MemoryContext old = lh_cdc_begin_event(cdc);

		if (tell)
		{
			lh_cdc_emit_progress(cdc, end);
			cdc->hold.told = end;
		}
		write_held(cdc, end);
		lh_cdc_end_event(cdc, old);
	}
	return cdc->hold.page_read(reader, page, len, record, buf);
}

void
lh_cdc_hold_start(LhCdc *cdc)
{
	XLogReaderState *reader = cdc->pg->reader;

	if (!cdc->options.hold || !cdc->streaming || !am_walsender)
		return;
	cdc->hold.page_read = reader->routine.page_read;
	/* the consumer has what is before; nobody else moves it while we have the slot */
	cdc->hold.told = MyReplicationSlot->data.confirmed_flush;
	reader->routine.page_read = read_page;
}

void
lh_cdc_hold_stop(LhCdc *cdc)
{
	if (cdc->hold.page_read != NULL)
		cdc->pg->reader->routine.page_read = cdc->hold.page_read;
}

static bool
is_large(ReorderBufferTXN *txn)
{
	uint64		changes = txn->nentries;
	dlist_iter	i;

	dlist_foreach(i, &txn->subtxns)
	{
		if (changes > LARGE_CHANGES)
			break;
		changes += dlist_container(ReorderBufferTXN, node, i.cur)->nentries;
	}
	return changes > LARGE_CHANGES;
}

void
lh_cdc_hold_begin(LhCdc *cdc, ReorderBufferTXN *txn)
{
	MemoryContext old;

	if (cdc->hold.page_read == NULL || !lh_cdc_holds(cdc) || !is_large(txn))
		return;
	old = lh_cdc_begin_event(cdc);
	lh_cdc_flush(cdc);
	lh_cdc_end_event(cdc, old);
}

void
lh_cdc_hold_commit(LhCdc *cdc)
{
	if (cdc->hold.page_read == NULL)
		lh_cdc_flush(cdc);
	else
		cdc->hold.told = cdc->txn.commit_end;
}
