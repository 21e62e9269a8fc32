/*
 * enc_rotate.h
 *		Values of a column encrypted anew: what enc_rotate.c, enc_job.c and enc_worker.c share.
 *
 * What is to be done is a row of lakehouse.encryption_jobs, one for a column.  A session (lakehouse.encryption_rotate) or the worker does
 * it; who it is holds the lock of the table.  How far it is, is what is in the table: a row that is done is not stale.
 */
#ifndef LH_PG_PRIVACY_ENC_ROTATE_H
#define LH_PG_PRIVACY_ENC_ROTATE_H

#include "pg/privacy/enc.h"

#include "storage/block.h"
#include "storage/lock.h"

#define LH_ROTATE_MAX_BLOCKS 65536
#define LH_ROTATE_MAX_RATE   1000000000

typedef struct LhRotate
{
	MemoryContext mcxt;			/* outlives the transactions */
	int64		job;
	Oid			relid;
	NameData	column;
	Oid			role;			/* by whose right */
	bool		session;		/* called as a procedure: SPI commits */
	BlockNumber blocks;			/* of a transaction */
	int			rate;			/* rows a second; 0: as fast as it goes */
	int			retries;		/* failures since values were last encrypted */
	List	   *tables;			/* Oid */
} LhRotate;

/* ---- enc_rotate.c ---- */

/* The lock of a table's rotation, of the session; false: somebody else has it. */
extern bool lh_rotate_lock(Oid relid);
extern void lh_rotate_unlock(Oid relid);
/* ERROR: there is no such column, or none that can be rotated. */
extern void lh_rotate_check(Oid relid, const char *column);
/*
 * Until nothing is stale.  In a transaction, and ends in another one; locked, and the job is ours.  False: the job was paused, cancelled
 * or ended by somebody.  ERROR: a row cannot be encrypted anew, the table is gone, the right is gone.
 */
extern bool lh_rotate_run(LhRotate *r);
/* A transaction of the worker, with a snapshot. */
extern void lh_rotate_begin(void);
extern void lh_rotate_end(void);
/* The error that is being handled is that of an UPDATE, and may have what users' code says, or values. */
extern bool lh_rotate_foreign_error(void);

/* ---- enc_job.c ---- */

/* The job of the column becomes this session's, or a new one. */
extern void lh_job_take(LhRotate *r);
/* Jobs for the worker that can be run now; in r->mcxt of each.  *left: some that cannot. */
extern List *lh_job_list(MemoryContext mcxt, bool *left);
/*
 * ERROR unless whom it is for may rotate; false: it is no longer to be run.  hold: it is not paused or cancelled until the transaction ends, so
 * that who pauses it and goes on in his transaction is waited for here, and not later with rows locked.
 */
extern bool lh_job_goes_on(const LhRotate *r, bool hold);
extern void lh_job_claim(const LhRotate *r);
extern void lh_job_note_pass(const LhRotate *r, int64 blocks, const LhEncStale *left);
extern void lh_job_note_batch(const LhRotate *r, int64 blocks, uint64 rows);
extern void lh_job_end(const LhRotate *r);
/* retry_s 0: for good */
extern void lh_job_failed(const LhRotate *r, const char *state, const char *error, int retry_s);

/* ---- enc_worker.c ---- */

/* A worker for this database when the transaction commits. */
extern void lh_rotate_wake(void);
extern void lh_rotate_register_launcher(void);

#endif
