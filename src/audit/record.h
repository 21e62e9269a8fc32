/*
 * record.h
 *		What is audited: one record an event, as bytes of the ring and as a line of the log.
 *
 *	record.c		records as bytes: between the processes of one server, of one version of the library
 *	line.c			records as lines of JSON: what is logged, hashed and kept
 *	line_read.c		lines read again
 *	ocsf.c			lines as events of the Open Cybersecurity Schema Framework, for other programs
 *	log.h			the log
 *
 * A statement has two records: its intent before the first row, its outcome at its end, abort, or the end of its
 * backend.  Both have its number.  No record has literals of a statement, values of columns, or keys.
 *
 * The line of a record is JSON (RFC 8259), UTF-8, one object without line breaks, members in a fixed order, absent
 * ones left out; times are RFC 3339 in UTC with microseconds.  Bytes that are no UTF-8 are written as U+FFFD.
 */
#ifndef LH_AUDIT_RECORD_H
#define LH_AUDIT_RECORD_H

#include "core/core.h"

typedef enum LhAuditKind
{
	LH_AUDIT_INTENT = 1,		/* a statement is about to run */
	LH_AUDIT_OUTCOME,			/* ... has ended */
	LH_AUDIT_EVENT,				/* something administrative: a key, a policy, a right, a setting */
	LH_AUDIT_LOST,				/* records that found no room in the ring: count, and since when */
	LH_AUDIT_START,				/* the worker began; of which server and version */
	LH_AUDIT_STOP				/* ... ended in order */
} LhAuditKind;

typedef enum LhAuditResult
{
	LH_AUDIT_OK = 1,
	LH_AUDIT_FAILED,			/* an ERROR: sqlstate says which */
	LH_AUDIT_CANCELLED,			/* by the user, a timeout, or the end of the connection */
	LH_AUDIT_DENIED,			/* permission denied */
	LH_AUDIT_GONE				/* the backend ended without saying how */
} LhAuditResult;

/* What values were turned back into, or made of what. */
typedef enum LhAuditUse
{
	LH_AUDIT_TOKENIZE, LH_AUDIT_DETOKENIZE, LH_AUDIT_ENCRYPT, LH_AUDIT_DECRYPT, LH_AUDIT_BLIND_INDEX, LH_AUDIT_SEARCH
} LhAuditUse;
#define LH_AUDIT_USES (LH_AUDIT_SEARCH + 1)

typedef struct LhAuditColumn
{
	LhSlice		name;
	LhSlice		policy;			/* empty: none, the value itself was read */
	LhSlice		mask;			/* name of the mask function; "expression": another; empty: the value itself */
	bool		written;
} LhAuditColumn;

typedef struct LhAuditRelation
{
	LhSlice		schema, name;
	uint32_t	oid;
	char		kind;			/* pg_class.relkind */
	LhSlice		filters;		/* names of policies whose row filters held, separated by commas */
	int			ncolumns;
	const LhAuditColumn *columns;
} LhAuditRelation;

typedef struct LhAuditUsed
{
	LhAuditUse	use;
	LhSlice		object;			/* token domain, or key */
	uint64_t	values;
} LhAuditUsed;

typedef struct LhAuditRecord
{
	LhAuditKind kind;
	int64_t		time;			/* microseconds since 1970-01-01 UTC */
	/* who; of all kinds but LOST, START, STOP */
	LhSlice		database, session_user, role, roles;	/* roles: the chain of current roles, outermost first, by commas */
	LhSlice		application, address;	/* address: host:port, or "local" */
	int32_t		pid;
	int64_t		session_start;	/* with pid: which session */
	uint64_t	transaction;	/* virtual: backend id << 32 | local id; 0: none */
	/* what */
	uint64_t	statement;		/* number in the session, from 1; the same in INTENT and OUTCOME */
	LhSlice		purpose;
	LhSlice		command;		/* "SELECT", "COPY", ... ; of an EVENT its action: "key_rotate" */
	LhSlice		fingerprint;	/* equal for statements that differ in constants alone: "t1-" and 16 hexadecimal digits, of the text
								 * (fingerprint.h); digits alone: PostgreSQL's identifier of the query */
	LhSlice		object;			/* of an EVENT: kind and name, "key/customer" */
	LhSlice		detail;			/* of an EVENT: a few words without values; of LOST: why */
	int			nrelations;
	const LhAuditRelation *relations;
	/* how it ended: OUTCOME; result also of EVENT */
	LhAuditResult result;
	char		sqlstate[6];	/* "" */
	uint64_t	rows;			/* returned, or changed */
	uint64_t	count;			/* LOST: records */
	int			nused;
	const LhAuditUsed *used;
	bool		cut;			/* something of it is missing: encoding found too little room */
} LhAuditRecord;

/*
 * Longest record as bytes, and longest line.  What is longer is cut and "cut" says so: first texts of
 * more than LH_AUDIT_TEXT_MOST bytes (at a character), then columns from the last relation on, then whole
 * relations and uses beyond LH_AUDIT_PARTS_MOST bytes.
 */
#define LH_AUDIT_TEXT_MOST 1024
#define LH_AUDIT_PARTS_MOST 8192
#define LH_AUDIT_RECORD_MOST 32768
#define LH_AUDIT_LINE_MOST (8 * LH_AUDIT_RECORD_MOST)

/* Times that a record can have: years 1 to 9999. */
#define LH_AUDIT_TIME_LEAST INT64_C(-62135596800000000)
#define LH_AUDIT_TIME_MOST INT64_C(253402300799999999)

/* Append the bytes of a record, at most LH_AUDIT_RECORD_MOST.  LH_INVALID: an enumeration, a time or an SQLSTATE is none. */
extern LhStatus lh_audit_encode(LhCtx *ctx, const LhAuditRecord *record, LhBuf *out);
/* LH_CORRUPT.  Slices borrow bytes, arrays are in ctx->arena.  What it takes, encoding makes again, byte for byte. */
extern LhStatus lh_audit_decode(LhCtx *ctx, LhSlice bytes, LhAuditRecord *out);
/* Append the line, without its end. */
extern LhStatus lh_audit_line(LhCtx *ctx, const LhAuditRecord *record, LhBuf *out);
/* A line, read again: hostile, unknown members are passed over.  LH_CORRUPT.  In ctx->arena, or borrowed from line. */
extern LhStatus lh_audit_read_line(LhCtx *ctx, LhSlice line, LhAuditRecord *out);
/*
 * Append the OCSF event (JSON, one line, no end) that says the same, of entry "number": statements are Datastore Activity (6005),
 * administrative events Entity Management (3004), start and stop Application Lifecycle (6002), lost records Application Error (6008).
 */
extern LhStatus lh_audit_ocsf(LhCtx *ctx, const LhAuditRecord *record, uint64_t number, LhBuf *out);

#endif
