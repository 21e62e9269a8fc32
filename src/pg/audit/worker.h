/*
 * worker.h
 *		The worker's parts: the ring (worker.c), the log (worker_log.c), and what did not come from one to the other (worker_lost.c).
 */
#ifndef LH_PG_AUDIT_WORKER_H
#define LH_PG_AUDIT_WORKER_H

#include "pg/audit/ring.h"

/*
 * None of these raises: false, and the state says why.  The log is then closed; what was appended and not synced
 * is appended again when it is open.
 */
extern bool lh_worker_open(void);
/* Of the log as it was opened: it belongs to a run of the server that is over, and that had written no "stop". */
extern bool lh_worker_found_unfinished(void);
extern bool lh_worker_is_open(void);
/* A message of the ring.  again: it may have been written before a failure, and is then found in the log and not written twice. */
extern bool lh_worker_append(const LhAuditMessage *message, const uint8 *body, bool again);
/* A record of the worker's own. */
extern bool lh_worker_note(LhAuditKind kind, uint64 count, const char *detail);
extern bool lh_worker_sync(void);
extern bool lh_worker_checkpoint(void);
/* The newest checkpoint goes outside, if there is a target that has not got it.  The log stays open whatever comes of it. */
extern bool lh_worker_send(void);
/* Does somebody wait for a record (worker.c)? */
extern bool lh_worker_is_awaited(void);
/* Lines before the time (microseconds since 1970) go. */
extern bool lh_worker_retain(int64 before, uint64 *removed);
extern void lh_worker_close(void);
extern uint64 lh_worker_size(void);

/* ---- worker_lost.c ---- */

extern bool lh_worker_server_stops(void);
/* Are there processes that may still record something? */
extern bool lh_worker_has_sessions(void);
/* What is in the ring will not get into the log: counted, told to the server's log, and kept for the next start. */
extern void lh_worker_keep_lost(void);
/* At a start: records that say so, counted in *notes.  False: the log is closed. */
extern bool lh_worker_tell_lost(bool unfinished, int *notes);
extern void lh_worker_lost_is_durable(void);

#endif
