/*
 * capture_ends.c
 *		Ends that nobody asked for: of statements whose transaction or process ends before they do.
 *
 * Callbacks of transactions tell.  Nothing here can fail, wait or allocate: room for outcomes was set aside.
 */
#include "pg/audit/capture_parts.h"

#include "storage/ipc.h"

/* Statements of the executor that were begun in this subtransaction or below. */
static void
close_from(SubTransactionId subid, LhAuditResult result)
{
	LhAuditStatement *s = lh_audit_session.open;

	while (s != NULL)
	{
		LhAuditStatement *next = s->next;

		if ((s->query != NULL || !s->started) && s->subid >= subid)
			lh_audit_statement_close(s, result, 0);
		s = next;
	}
}

static void
close_result(LhAuditResult result)
{
	if (lh_audit_session.stored != NULL)
		lh_audit_statement_close(lh_audit_session.stored, result, 0);
	lh_audit_session.stored = NULL;
}

static void
record_rollback(const char *command)
{
	LhSlice		body = lh_audit_session_body(command);
	LhAuditMessage m = lh_audit_message(LH_AUDIT_EVENT, body, lh_audit_session.changed);

	lh_audit_set_result(&m, LH_AUDIT_FAILED, 0);
	lh_audit_put_aside(&m, body);
}

static void
at_transaction(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PARALLEL_ABORT:
			close_from(TopSubTransactionId, LH_AUDIT_CANCELLED);
			close_result(LH_AUDIT_FAILED);
			if (lh_audit_session.changed != 0)
				record_rollback("ROLLBACK");
			lh_audit_session.running = NULL;
			break;
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_PARALLEL_COMMIT:
		case XACT_EVENT_PREPARE:
			/* cursors that were open when the audit was switched off */
			close_from(TopSubTransactionId, LH_AUDIT_OK);
			close_result(LH_AUDIT_OK);
			break;
		default:
			return;
	}
	lh_audit_session.changed = 0;
	lh_ring_trim(lh_audit_session.needed);
	/* CALL goes on, in another transaction */
	for (LhAuditStatement *s = lh_audit_session.open; s != NULL; s = s->next)
	{
		s->subid = TopSubTransactionId;
		if (lh_audit_session.running == NULL && s->query == NULL)
			lh_audit_session.running = s;
	}
}

static void
at_subtransaction(SubXactEvent event, SubTransactionId subid, SubTransactionId parent, void *arg)
{
	if (event != SUBXACT_EVENT_ABORT_SUB)
	{
		/* what it did is its parent's now */
		if (event == SUBXACT_EVENT_COMMIT_SUB)
		{
			for (LhAuditStatement *s = lh_audit_session.open; s != NULL; s = s->next)
				if (s->subid == subid)
					s->subid = parent;
			if (lh_audit_session.changed_subid == subid)
				lh_audit_session.changed_subid = parent;
		}
		return;
	}
	close_from(subid, LH_AUDIT_CANCELLED);
	if (lh_audit_session.changed != 0 && lh_audit_session.changed_subid >= subid)
		record_rollback("ROLLBACK TO SAVEPOINT");
}

/* before_shmem_exit: before the transaction is aborted. */
static void
at_exit(int code, Datum arg)
{
	lh_audit_session.stored = NULL;
	while (lh_audit_session.open != NULL)
		lh_audit_statement_close(lh_audit_session.open, code > 1 ? LH_AUDIT_GONE : LH_AUDIT_CANCELLED, lh_audit_session.fatal_code);
	if (lh_audit_session.changed != 0)
		record_rollback("ROLLBACK");
	lh_audit_session.changed = 0;
	lh_audit_session.needed = 0;
	lh_ring_release(0);
}

void
lh_audit_ends_init(void)
{
	before_shmem_exit(at_exit, (Datum) 0);
	RegisterXactCallback(at_transaction, NULL);
	RegisterSubXactCallback(at_subtransaction, NULL);
}
