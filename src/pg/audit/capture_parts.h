/*
 * capture_parts.h
 *		What the files of capture share: the statements of this process.
 */
#ifndef LH_PG_AUDIT_CAPTURE_PARTS_H
#define LH_PG_AUDIT_CAPTURE_PARTS_H

#include "pg/audit/ring.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

/* Distinct objects of one outcome; others are counted together. */
#define LH_AUDIT_USES_MOST 32

typedef struct LhAuditUseOf
{
	LhAuditUse	use;
	uint64		values;
	char		object[NAMEDATALEN];
} LhAuditUseOf;

struct LhAuditStatement
{
	LhAuditStatement *next;		/* opened before it, and still open */
	LhAuditStatement *outer;	/* that was running when it began */
	QueryDesc  *query;			/* NULL: a utility statement */
	PlannedStmt *utility;
	const char *command;		/* of a utility statement, and of queries that it runs */
	bool		passes;
	const RangeVar *into;
	SubTransactionId subid;
	Oid			user;
	bool		integrity;		/* a check of a foreign key */
	bool		quiet;			/* only what it turns back is recorded */
	bool		recorded;		/* its intent was */
	bool		dropped;
	bool		started;		/* hooks see its end; else a callback does */
	uint64		number;
	uint64		transaction;
	uint64		rows;
	char	   *event;			/* body of an event that is recorded at its end */
	uint32		event_len;
	int			nuses;
	LhAuditUseOf *uses;			/* LH_AUDIT_USES_MOST + LH_AUDIT_USES, once there is one */
};

/* For a denied statement and a rollback: set aside for as long as the process lives. */
#define LH_AUDIT_ALWAYS_ASIDE 4096

typedef struct LhAuditSession
{
	MemoryContext statements;
	LhAuditStatement *open;		/* newest first */
	LhAuditStatement *running;
	LhAuditStatement *stored;	/* results without a statement */
	LhAuditStatement *spare;	/* one that is free */
	uint64		last_number;
	uint64		needed;			/* bytes that have to be set aside */
	/* the transaction has changed something that was recorded */
	uint64		changed;		/* its number; 0: no */
	SubTransactionId changed_subid;
	int			fatal_code;		/* SQLSTATE by which the process ends */
	bool		denied_recorded;	/* the present error is */
} LhAuditSession;

extern LhAuditSession lh_audit_session;

/* ---- capture.c ---- */

extern LhAuditStatement *lh_audit_statement_open(QueryDesc *query);
/* It cannot fail or wait. */
extern void lh_audit_statement_close(LhAuditStatement *s, LhAuditResult result, int code);
/* The intent of a statement that runs already. */
extern void lh_audit_statement_record(LhAuditStatement *s);

/* ---- capture_ends.c ---- */

extern void lh_audit_ends_init(void);

/* ---- messages ---- */

/* What begins because the client asked has the time of that, which costs nothing. */
static inline TimestampTz
lh_audit_time_of(LhAuditKind kind)
{
	return kind == LH_AUDIT_INTENT && lh_audit_session.running == NULL && !IsParallelWorker() ? GetCurrentStatementStartTimestamp() : GetCurrentTimestamp();
}

static inline LhAuditMessage
lh_audit_message(LhAuditKind kind, LhSlice body, uint64 transaction)
{
	return (LhAuditMessage) {
		.kind = kind, .pid = MyProcPid, .body = (uint32) body.len, .time = lh_audit_time(lh_audit_time_of(kind)),
		.session_start = lh_audit_time(MyStartTimestamp), .transaction = transaction,
	};
}

static inline void
lh_audit_set_result(LhAuditMessage *m, LhAuditResult result, int code)
{
	m->result = result;
	if (code != 0)
		strlcpy(m->sqlstate, unpack_sql_state(code), sizeof(m->sqlstate));
}

/* From what was set aside, and so in error handling: it cannot fail, wait or allocate. */
static inline void
lh_audit_put_aside(const LhAuditMessage *m, LhSlice body)
{
	uint64		at;

	if (!lh_ring_put(m, body, true, &at))
		lh_ring_count_dropped();
}

/* What an outcome takes in the ring. */
static inline uint64
lh_audit_outcome_bytes(int nuses)
{
	/* what lh_audit_encode needs at most: its head, and for each use numbers and the name */
	return lh_ring_bytes(nuses == 0 ? 0 : 128 + nuses * (16 + NAMEDATALEN));
}

#endif
