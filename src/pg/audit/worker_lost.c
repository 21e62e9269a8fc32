/*
 * worker_lost.c
 *		What a run of the server did not get into the log.
 *
 *	1. At shutdown the worker outlives all sessions, so what they recorded is in the log.  Where that cannot be written until the end, what
 *	   is left in the ring is counted, and the number kept in a file of the data directory (which is on another disk, or should be).  The next
 *	   start tells it in a record of kind "lost", and removes the file when that is durable.
 *	2. A run that ended without "stop" (a crash, an immediate shutdown) took with it what was not durable: how much nobody knows, but
 *	   the next start says that it is so.
 */
#include "pg/audit/worker.h"

#include <errno.h>
#include <unistd.h>

#include "miscadmin.h"
#include "replication/walsender.h"
#include "replication/walsender_private.h"
#include "storage/fd.h"
#include "storage/procarray.h"
#include "utils/pidfile.h"
#include "utils/timestamp.h"

#define LOST_FILE "lakehouse_audit.lost"

static bool told;				/* the file's number is in the log, and may not be durable yet */

/* ---- the end of the server ---- */

/* From postmaster.pid: to processes nothing else tells a shutdown from a SIGTERM that somebody sent to them alone. */
bool
lh_worker_server_stops(void)
{
	FILE	   *file = AllocateFile("postmaster.pid", "r");
	char		line[MAXPGPATH];
	bool		stops = false;

	if (file == NULL)
		return false;
	for (int i = 1; fgets(line, sizeof(line), file) != NULL; i++)
	{
		if (i == LOCK_FILE_LINE_PM_STATUS)
			stops = strncmp(line, "stopping", strlen("stopping")) == 0;
	}
	FreeFile(file);
	return stops;
}

static int
walsenders(void)
{
	int			n = 0;

	for (int i = 0; WalSndCtl != NULL && i < max_wal_senders; i++)
	{
		WalSnd	   *sender = &WalSndCtl->walsnds[i];

		SpinLockAcquire(&sender->mutex);
		n += sender->pid != 0;
		SpinLockRelease(&sender->mutex);
	}
	return n;
}

bool
lh_worker_has_sessions(void)
{
	/* walsenders stay until this process has gone, and run no statements by then; without a database it is none of those counted itself */
	return CountDBBackends(InvalidOid) > walsenders();
}

/* ---- the number ---- */

static uint64
count_left(void)
{
	static uint8 body[LH_AUDIT_RECORD_MOST];
	LhAuditMessage message;
	uint64		at = pg_atomic_read_u64(&lh_ring->read);
	uint64		n = pg_atomic_read_u64(&lh_ring->dropped) - lh_ring->state.dropped_told;

	while (lh_ring_next(&at, &message, body))
		n++;
	return n;
}

/* False: there is no file.  *n 0: it does not say how many; *when 0: nor when. */
static bool
read_number(uint64 *n, TimestampTz *when)
{
	FILE	   *file = AllocateFile(LOST_FILE, "r");

	*n = 0;
	*when = 0;
	if (file == NULL)
		return false;
	/* somebody's edit, or a write that failed: that something is missing is known all the same */
	if (fscanf(file, UINT64_FORMAT " " INT64_FORMAT, n, when) != 2 || !IS_VALID_TIMESTAMP(*when))
		*n = *when = 0;
	FreeFile(file);
	return true;
}

static bool
write_number(uint64 n)
{
	FILE	   *file = AllocateFile(LOST_FILE, "w");
	bool		done;

	if (file == NULL)
		return false;
	done = fprintf(file, UINT64_FORMAT " " INT64_FORMAT "\n", n, GetCurrentTimestamp()) > 0 && fflush(file) == 0 && pg_fsync(fileno(file)) == 0;
	return FreeFile(file) == 0 && done;
}

void
lh_worker_keep_lost(void)
{
	uint64		n = count_left();
	uint64		before;
	TimestampTz when;

	if (n == 0)
		return;
	ereport(LOG, (errmsg(UINT64_FORMAT " audit records are lost: the log could not be written until the server stopped", n)));
	/* of a run before, whose number never got into the log */
	(void) read_number(&before, &when);
	if (!write_number(n + before))
		ereport(LOG, (errcode_for_file_access(), errmsg("could not write file \"%s\": %m", LOST_FILE)));
}

/* False: the log is closed. */
static bool
tell_number(int *notes)
{
	char		detail[160];
	TimestampTz when;
	uint64		n;

	if (!read_number(&n, &when))
		return true;
	if (n > 0)
		snprintf(detail, sizeof(detail), "the log could not be written until the server stopped, at %s", timestamptz_to_str(when));
	else
		snprintf(detail, sizeof(detail), "the log could not be written until the server stopped; how many records is not known");
	if (!lh_worker_note(LH_AUDIT_LOST, n, detail))
		return false;
	told = true;
	(*notes)++;
	return true;
}

bool
lh_worker_tell_lost(bool unfinished, int *notes)
{
	if (unfinished)
	{
		if (!lh_worker_note(LH_AUDIT_LOST, 0, "the run before ended without a stop: what was not durable then is missing"))
			return false;
		(*notes)++;
	}
	return tell_number(notes);
}

void
lh_worker_lost_is_durable(void)
{
	if (told && unlink(LOST_FILE) != 0 && errno != ENOENT)
		ereport(LOG, (errcode_for_file_access(), errmsg("could not remove file \"%s\": %m", LOST_FILE)));
	told = false;
}
