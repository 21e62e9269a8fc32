/*
 * worker.h
 *		The worker's two halves: the ring (worker.c) and the log (worker_log.c).
 */
#ifndef LH_PG_AUDIT_WORKER_H
#define LH_PG_AUDIT_WORKER_H

#include "pg/audit/ring.h"

/*
 * None of these raises: false, and the state says why.  The log is then closed; what was appended and not synced
 * is appended again when it is open.
 */
extern bool lh_worker_open(void);
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

#endif
