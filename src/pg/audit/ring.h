/*
 * ring.h
 *		Records between backends and the worker, in shared memory.
 *
 * A ring of bytes with many writers and one reader.  A writer takes its place under a spinlock, for some dozen
 * instructions, copies its record outside of it, and then says that it is complete.  The reader frees places only when what was there
 * is durable in the log: what is in the ring outlives a worker that dies.
 *
 * Room for what must not wait (outcomes) is set aside before, and belongs to the backend.
 */
#ifndef LH_PG_AUDIT_RING_H
#define LH_PG_AUDIT_RING_H

#include "pg/audit/audit.h"

#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/spin.h"
#include "datatype/timestamp.h"

/* What of a record is another each time.  The worker puts it into the record that body is. */
typedef struct LhAuditMessage
{
	uint8		kind;
	uint8		result;
	char		sqlstate[6];
	int32		pid;
	uint32		body;			/* bytes that follow */
	int64		time;
	int64		session_start;
	uint64		transaction;
	uint64		statement;
	uint64		rows;
} LhAuditMessage;

#define LH_AUDIT_MESSAGE_MOST (sizeof(LhAuditMessage) + LH_AUDIT_RECORD_MOST)
/* Bytes that a message of so many takes in the ring. */
extern uint32 lh_ring_bytes(uint32 body);

/* What backends may ask of the worker. */
typedef enum LhAuditAsk
{
	LH_ASK_NOTHING,
	LH_ASK_CHECKPOINT,			/* argument: with the records before this place */
	LH_ASK_RETAIN				/* argument: microseconds since 1970 */
} LhAuditAsk;

#define LH_AUDIT_TEXT 512

/* What the worker says of itself.  Under the ring's lock. */
typedef struct LhAuditWorkerState
{
	pid_t		worker;			/* 0: none */
	TimestampTz started;
	int64		starts;
	bool		open;			/* the log is open */
	char		error[LH_AUDIT_TEXT];	/* why it is not, or cannot be written; "" */
	uint64		size, first;
	bool		known;			/* durable is: the log was open since the server's start */
	uint64		durable;		/* entries that were said to be so */
	uint64		dropped_told;	/* the worker's: records that were dropped, as far as the log says */
	uint64		checkpoint_size;
	TimestampTz checkpoint_time;
	char		target_error[LH_AUDIT_TEXT];	/* of the last checkpoint that went outside */
	/* the request that is being answered */
	LhAuditAsk	ask;
	int64		argument;
	uint64		ticket;			/* of the last that was made */
	uint64		answered;		/* ... and answered */
	uint64		answer;
	char		answer_error[LH_AUDIT_TEXT];
} LhAuditWorkerState;

typedef struct LhAuditRing
{
	slock_t		lock;			/* of write, reserved */
	uint64		reserved;
	pg_atomic_uint64 write;		/* places are counted from the server's start, and never wrap */
	pg_atomic_uint64 read;		/* up to here all is durable */
	pg_atomic_uint64 wanted;	/* somebody waits until so much is durable */
	pg_atomic_uint64 dropped;	/* records that found no room */
	pg_atomic_uint64 dropped_since;	/* TimestampTz of the first that no record tells of yet; 0: none */
	pg_atomic_uint32 asleep;	/* the worker wants its latch set for the next record */
	Latch	   *latch;			/* the worker's */
	uint64		size;			/* bytes of data, a power of two */
	ConditionVariable moved;	/* read has */
	ConditionVariable answered;
	LWLock	   *state_lock;
	LhAuditWorkerState state;
	char		data[FLEXIBLE_ARRAY_MEMBER] pg_attribute_aligned(8);
} LhAuditRing;

/* NULL: the library is not preloaded. */
extern LhAuditRing *lh_ring;

/* ---- backends ---- */

/* Room is to be set aside for so many bytes in all by this backend; waits, or false: to be dropped. */
extern bool lh_ring_reserve(uint64 bytes);
/* Give back all that is more than so many bytes. */
extern void lh_ring_release(uint64 bytes);
/* The same, when it is much: not at each end of a transaction. */
extern void lh_ring_trim(uint64 bytes);

/*
 * Write a record; *at: to wait for.  aside: into what was set aside, or else is free; it never waits then, nor fails, and
 * false says that there was no room.  Else it waits for room; false: to be dropped.
 */
extern bool lh_ring_put(const LhAuditMessage *message, LhSlice body, bool aside, uint64 *at);
/*
 * As with aside, of an error that is about to be reported: it does not fail, but waits for room, unless that is to be dropped, somebody
 * cancels, or lakehouse.audit_timeout is over.
 */
extern bool lh_ring_put_late(const LhAuditMessage *message, LhSlice body, uint64 *at);
/* The place behind the last record that this session has written; 0: none. */
extern uint64 lh_ring_mine(void);
/* Until the worker has made it durable; ERROR after lakehouse.audit_timeout. */
extern void lh_ring_wait_durable(uint64 at);
/* One that was not written. */
extern void lh_ring_count_dropped(void);
/* Ask the worker; its answer, or ERROR. */
extern uint64 lh_ring_ask(LhAuditAsk ask, int64 argument);
extern void lh_ring_wake_worker(void);

/* ---- the worker ---- */

/* The record at *at, complete, into bytes (LH_AUDIT_MESSAGE_MOST); *at moves behind it.  False: there is none yet. */
extern bool lh_ring_next(uint64 *at, LhAuditMessage *message, uint8 *body);
/* All before this place is durable, in so many entries of the log. */
extern void lh_ring_durable(uint64 at, uint64 entries);

#endif
