/*
 * enc_worker.c
 *		The worker that encrypts values anew (docs/encrypted_columns.md).
 *
 *	1. Who queues a job has a worker started for the database when that is committed.  One runs at a time: it holds a lock, and others leave.
 *	   It does the jobs one after the other, and ends when there is none.  It lets the lock go before it looks for the last time, so no job is
 *	   queued past it.
 *	2. A worker that fails, is ended or killed is started again by the postmaster, also after a crash.  When the server starts, the launcher
 *	   starts one for each database, which ends at once where there are no jobs.
 *	3. Its user is the bootstrap superuser.  Updates are run as the table's owner in a restricted context (enc_rotate.c), as those of autovacuum; what
 *	   decides is the right of who wanted the job.
 *	4. An error ends a job, unless it is one that passes (a deadlock, no memory, a key provider that does not answer): then it is tried again, later
 *	   and later.  The job has the message where we raised it; of errors of an UPDATE, which may have values of other columns, it has the
 *	   SQLSTATE, and the server's log the rest.
 */
#include "pg/privacy/enc_rotate.h"

#include <unistd.h>

#include "access/genam.h"
#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/wait_event.h"

#include "pg/privacy/keys_store.h"

extern PGDLLEXPORT void lakehouse_rotation_worker(Datum arg);
extern PGDLLEXPORT void lakehouse_rotation_launcher(Datum arg);

#define RESTART_S      2
#define LOOK_MS        1000
/* of a database, until the launcher goes on to the next */
#define LAUNCH_MS      2000
#define MOST_RETRY_S   60

static void
describe(BackgroundWorker *worker, const char *name, const char *function)
{
	memset(worker, 0, sizeof(*worker));
	worker->bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker->bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker->bgw_restart_time = RESTART_S;
	strlcpy(worker->bgw_name, name, BGW_MAXLEN);
	strlcpy(worker->bgw_type, name, BGW_MAXLEN);
	strlcpy(worker->bgw_library_name, "lakehouse", sizeof(worker->bgw_library_name));
	strlcpy(worker->bgw_function_name, function, BGW_MAXLEN);
}

/* ---- waking ---- */

static bool wanted = false;

static void
at_commit(XactEvent event, void *arg)
{
	BackgroundWorker worker;

	if (event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		wanted = false;
	if (event != XACT_EVENT_COMMIT || !wanted)
		return;
	wanted = false;
	describe(&worker, "lakehouse rotation", "lakehouse_rotation_worker");
	worker.bgw_main_arg = ObjectIdGetDatum(MyDatabaseId);
	if (!RegisterDynamicBackgroundWorker(&worker, NULL))
		ereport(WARNING,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("no worker can be started to encrypt values anew now"),
				 errhint("Raise max_worker_processes, or call lakehouse.encryption_rotation_resume later.")));
}

void
lh_rotate_wake(void)
{
	static bool watching = false;

	if (!watching)
		RegisterXactCallback(at_commit, NULL);
	watching = true;
	wanted = true;
}

/* ---- a job ---- */

/* Errors that may not be there the next time. */
static bool
passes(int code)
{
	switch (ERRCODE_TO_CATEGORY(code))
	{
		case ERRCODE_CONNECTION_EXCEPTION:
		case ERRCODE_TRANSACTION_ROLLBACK:
		case ERRCODE_INSUFFICIENT_RESOURCES:
		case ERRCODE_SYSTEM_ERROR:
			return true;
		default:
			return code == ERRCODE_LOCK_NOT_AVAILABLE || code == ERRCODE_OBJECT_IN_USE;
	}
}

static const char *
error_for_all(const ErrorData *e, bool foreign)
{
	if (!foreign)
		return e->message;
	return psprintf("an UPDATE of the table failed with SQLSTATE %s; the server's log has the message", unpack_sql_state(e->sqlerrcode));
}

/* With the transaction that failed went all locks. */
static void
note_failure(const LhRotate *r, MemoryContext mcxt)
{
	ErrorData  *e;
	bool		foreign = lh_rotate_foreign_error();
	int			retry = Min(1 << Min(r->retries, 6), MOST_RETRY_S);

	MemoryContextSwitchTo(mcxt);
	e = CopyErrorData();
	EmitErrorReport();
	FlushErrorState();
	AbortCurrentTransaction();
	lh_rotate_begin();
	if (e->sqlerrcode == ERRCODE_QUERY_CANCELED)
		lh_job_failed(r, "paused", "cancelled by pg_cancel_backend", 0);
	else if (passes(e->sqlerrcode))
		lh_job_failed(r, "active", error_for_all(e, foreign), retry);
	else
		lh_job_failed(r, "failed", error_for_all(e, foreign), 0);
	lh_rotate_end();
}

/* False: it failed. */
static bool
run_job(LhRotate *r, MemoryContext mcxt)
{
	volatile bool ran = false;

	PG_TRY();
	{
		lh_rotate_begin();
		pgstat_report_activity(STATE_RUNNING, psprintf("encrypting anew: job " INT64_FORMAT, r->job));
		lh_job_claim(r);
		lh_rotate_end();
		lh_rotate_begin();
		if (lh_rotate_run(r))
			lh_job_end(r);
		lh_rotate_end();
		ran = true;
	}
	PG_CATCH();
	{
		note_failure(r, mcxt);
	}
	PG_END_TRY();
	pgstat_report_activity(STATE_IDLE, NULL);
	return ran;
}

/* ---- all jobs ---- */

/* Objects of number 0 there are none: so no table's lock is this one. */
static bool
alone(bool begin)
{
	Oid			jobs = lh_keys_table("encryption_jobs", true);

	if (!OidIsValid(jobs))
		return false;
	if (begin)
		return lh_rotate_lock(InvalidOid);
	lh_rotate_unlock(InvalidOid);
	return true;
}

static bool
begin_alone(void)
{
	bool		begun;

	lh_rotate_begin();
	begun = alone(true);
	lh_rotate_end();
	return begun;
}

static bool
lock_table(const LhRotate *r)
{
	bool		locked;

	lh_rotate_begin();
	locked = lh_rotate_lock(r->relid);
	lh_rotate_end();
	return locked;
}

static void
unlock_table(const LhRotate *r)
{
	lh_rotate_begin();
	lh_rotate_unlock(r->relid);
	lh_rotate_end();
}

static List *
list_jobs(MemoryContext mcxt, bool *left)
{
	List	   *jobs;

	lh_rotate_begin();
	jobs = OidIsValid(lh_keys_table("encryption_jobs", true)) ? lh_job_list(mcxt, left) : NIL;
	lh_rotate_end();
	return jobs;
}

static void
rest(void)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, LOOK_MS, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
}

static bool
any_jobs(MemoryContext mcxt)
{
	bool		left = false;

	(void) list_jobs(mcxt, &left);
	return left;
}

/* Each job once; tables that a session works at are passed over.  False: one failed, and with it we are no longer alone. */
static bool
round_of_jobs(List *jobs, MemoryContext mcxt)
{
	ListCell   *lc;

	foreach(lc, jobs)
	{
		LhRotate   *r = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (!lock_table(r))
			continue;
		if (!run_job(r, mcxt))
			return false;
		unlock_table(r);
	}
	return true;
}

static void
end_alone(void)
{
	lh_rotate_begin();
	(void) alone(false);
	lh_rotate_end();
}

/* Until there are no jobs, or one has failed. */
static void
work(MemoryContext mcxt)
{
	bool		left = true;

	while (left)
	{
		List	   *jobs;

		MemoryContextReset(mcxt);
		left = false;
		jobs = list_jobs(mcxt, &left);
		if (!round_of_jobs(jobs, mcxt))
			return;
		/* those that are to wait, or that a session does */
		if (any_jobs(mcxt))
			rest();
	}
	end_alone();
}

/* ---- the worker ---- */

static bool connected = false;

/* on_proc_exit, the last: who cannot connect, as the database was dropped, is not started again; the launcher or another job does it. */
static void
leave(int code, Datum arg)
{
	if (!connected)
		_exit(0);
}

/* What a database or the server sets for sessions and a worker cannot work with. */
static void
own_settings(void)
{
	SetConfigOption("default_transaction_isolation", "read committed", PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("default_transaction_read_only", "off", PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("lock_timeout", "0", PGC_SUSET, PGC_S_OVERRIDE);
}

void
lakehouse_rotation_worker(Datum arg)
{
	MemoryContext mcxt;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	on_proc_exit(leave, (Datum) 0);
	BackgroundWorkerInitializeConnectionByOid(DatumGetObjectId(arg), InvalidOid, 0);
	connected = true;
	own_settings();
	mcxt = AllocSetContextCreate(TopMemoryContext, "lakehouse rotation", ALLOCSET_DEFAULT_SIZES);
	while (any_jobs(mcxt) && begin_alone())
		work(mcxt);
	/* with 0 it is not started again */
	proc_exit(0);
}

/* ---- the launcher ---- */

static List *
databases(MemoryContext mcxt)
{
	List	   *all = NIL;
	Relation	rel;
	TableScanDesc scan;
	HeapTuple	tuple;

	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	rel = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(rel, 0, NULL);
	while (HeapTupleIsValid(tuple = heap_getnext(scan, ForwardScanDirection)))
	{
		Form_pg_database database = (Form_pg_database) GETSTRUCT(tuple);
		MemoryContext old = MemoryContextSwitchTo(mcxt);

		if (database->datallowconn && !database->datistemplate)
			all = lappend_oid(all, database->oid);
		MemoryContextSwitchTo(old);
	}
	table_endscan(scan);
	table_close(rel, AccessShareLock);
	CommitTransactionCommand();
	return all;
}

/* One after the other, as there are few places for workers; one that has work is not waited for. */
static void
launch(Oid database)
{
	BackgroundWorker worker;
	BackgroundWorkerHandle *handle;
	pid_t		pid;

	describe(&worker, "lakehouse rotation", "lakehouse_rotation_worker");
	worker.bgw_main_arg = ObjectIdGetDatum(database);
	worker.bgw_notify_pid = MyProcPid;
	while (!RegisterDynamicBackgroundWorker(&worker, &handle))
		rest();
	for (int waited = 0; waited < LAUNCH_MS && GetBackgroundWorkerPid(handle, &pid) != BGWH_STOPPED; waited += LOOK_MS)
		rest();
}

void
lakehouse_rotation_launcher(Datum arg)
{
	ListCell   *lc;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	foreach(lc, databases(TopMemoryContext))
		launch(lfirst_oid(lc));
	/* done until the server starts again: after a crash the postmaster starts by itself the workers that there were */
	proc_exit(0);
}

void
lh_rotate_register_launcher(void)
{
#ifndef EXEC_BACKEND
	BackgroundWorker worker;

	describe(&worker, "lakehouse rotation launcher", "lakehouse_rotation_launcher");
	RegisterBackgroundWorker(&worker);
#endif
}
