/*
 * audit.h
 *		What statements read, write and ask of keys is recorded.
 *
 *	settings.c		lakehouse.audit and its settings; what is recorded (lakehouse.audit_filter)
 *	ring.c			records on their way: shared memory between backends and the worker (ring.h)
 *	capture.c		statements: begin, run, end
 *	capture_uses.c	... what they ask of keys
 *	capture_ends.c	... ends that nobody asked for
 *	identify.c		fingerprints
 *	columns.c		which relations and columns a plan uses, and what policies made of them
 *	utility.c		statements that have no plan
 *	reach.c			... and relations that they reach without naming them
 *	worker.c		the worker "lakehouse audit", which alone writes the log
 *	worker_log.c	... the log's directory, key, checkpoints and retention
 *	audit_sql.c		functions of SQL that read the log
 *
 * A backend writes an intent before the first row, and the outcome when the statement ends, in whatever way; both go into
 * shared memory at once, so no ROLLBACK takes them back.  Room for an outcome is set aside when the intent is written: no end of a
 * transaction, no exit ever waits.  The worker appends them to the log (src/audit/log.h) and syncs it.
 *
 * docs/audit.md has the whole of it, in prose.
 */
#ifndef LH_PG_AUDIT_H
#define LH_PG_AUDIT_H

#include "pg/util/util.h"

#include "executor/execdesc.h"
#include "nodes/plannodes.h"
#include "tcop/cmdtag.h"
#include "utils/elog.h"

#include "utils/timestamp.h"

#include "audit/record.h"

/* ---- settings.c ---- */

typedef enum LhAuditMode
{
	LH_AUDIT_OFF,
	LH_AUDIT_ASYNCHRONOUS,
	LH_AUDIT_SYNCHRONOUS		/* an intent is durable before the first row */
} LhAuditMode;

extern int	lakehouse_audit;
extern int	lakehouse_audit_ring_kb;
extern bool lakehouse_audit_drop;		/* lakehouse.audit_full = drop */
extern int	lakehouse_audit_timeout_ms;
extern char *lakehouse_audit_directory;
extern char *lakehouse_audit_origin;
extern char *lakehouse_audit_key;
extern int	lakehouse_audit_checkpoint_s;
extern int	lakehouse_audit_checkpoint_entries;
extern char *lakehouse_audit_checkpoint_target;
extern char *lakehouse_audit_checkpoint_credentials;
extern char *lakehouse_audit_checkpoint_ca;
extern int	lakehouse_audit_retention_min;

/* Before lh_pg_define_settings, which closes the list. */
extern void lh_audit_define_settings(void);

/* Microseconds since 1970, as records have them. */
static inline int64
lh_audit_time(TimestampTz time)
{
	return time + ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE)) * USECS_PER_DAY;
}
static inline int64
lh_audit_now(void)
{
	return lh_audit_time(GetCurrentTimestamp());
}

/* Paths that the settings mean; palloc'd. */
extern char *lh_audit_directory(void);
extern char *lh_audit_key_path(void);

/* What lakehouse.audit_filter asks of a statement. */
typedef struct LhAuditWanted
{
	bool		all;			/* every statement */
	bool		relations;		/* any relation that is not the system's */
	bool		policies;		/* relations with policies */
} LhAuditWanted;
extern LhAuditWanted lh_audit_wanted(void);
extern bool lh_audit_wants_schema(const char *schema);
extern bool lh_audit_wants_role(const char *role);
/* Does the filter ask for no more than relations with policies? */
extern bool lh_audit_wants_only_policies(void);
/* Changes whenever the filter does. */
extern uint32 lh_audit_filter_version(void);

/* ---- hooks (init.c), in a preloaded library ---- */

extern void lh_audit_init(void);
extern void lh_audit_request(void);
extern void lh_audit_startup(void);
extern void lh_audit_register_worker(void);

/* Is anything recorded in this process?  The one branch of those for whom nothing is. */
extern bool lh_audit_here(void);
static inline bool
lh_audit_on(void)
{
	return unlikely(lakehouse_audit != LH_AUDIT_OFF) && lh_audit_here();
}

typedef struct LhAuditStatement LhAuditStatement;

/* What ran before: to be put back, also after an ERROR. */
typedef struct LhAuditMark
{
	LhAuditStatement *before;
	LhAuditStatement *now;		/* NULL: nothing is recorded of it */
} LhAuditMark;

/* Executor: start (after policies were checked), run, finish, end.  Each begin has its left or failed. */
extern LhAuditMark lh_audit_start(QueryDesc *query, int eflags);
extern LhAuditMark lh_audit_enter(QueryDesc *query);
extern void lh_audit_ran(const LhAuditMark *mark, QueryDesc *query);
extern void lh_audit_left(const LhAuditMark *mark);
extern void lh_audit_ended(const LhAuditMark *mark);
/* In a PG_CATCH: the statement ends by the present error. */
extern void lh_audit_failed(const LhAuditMark *mark);

/* ---- identify.c ---- */

/* What a statement is known by. */
typedef struct LhAuditPrint
{
	uint64		hash;			/* 0: nothing */
	bool		of_text;		/* else PostgreSQL's identifier of the query */
} LhAuditPrint;

/* Of a part of a text: stmt_location and stmt_len as statements have them.  query: its identifier, or 0. */
extern LhAuditPrint lh_audit_print(const char *source, int location, int len, uint64 query);
/* palloc'd, or NULL */
extern char *lh_audit_print_text(LhAuditPrint print);

/* In a PG_CATCH around planning. */
extern void lh_audit_planning_failed(Query *query, const char *source);
/* emit_log_hook: permissions that were denied before there was a plan. */
extern void lh_audit_error(ErrorData *error);

/* Utility statements. */
extern LhAuditMark lh_audit_utility(PlannedStmt *pstmt);
extern void lh_audit_utility_ended(const LhAuditMark *mark, const QueryCompletion *completion);

/* LhFeatures.audit_use, audit_event */
extern void lh_audit_use_values(LhAuditUse use, const char *object, uint64 values);
extern void lh_audit_admin_event(const char *action, const char *kind, const char *name, const char *detail);

/* ---- columns.c ---- */

/* What is the same whenever a plan is run by the same people: who, and what it uses.  Valid until the next call. */
typedef struct LhAuditBody
{
	bool		wanted;			/* by the filter */
	LhSlice		bytes;			/* a record, encoded; what changes is in its LhAuditMessage */
} LhAuditBody;

/* who is asking: roles of the statements around it, outermost first */
typedef struct LhAuditChain
{
	int			n;
	Oid			roles[8];
} LhAuditChain;

extern void lh_audit_columns_init(void);
extern bool lh_audit_clearly_unwanted(const PlannedStmt *plan);
/* command NULL: by the plan.  into: name of a table that it makes, or NULL.  force: also when the filter does not want it. */
extern LhAuditBody lh_audit_plan_body(PlannedStmt *plan, const char *source, const char *command, const RangeVar *into, const LhAuditChain *chain, bool force);
/* A query that was refused before it had a plan. */
extern LhAuditBody lh_audit_query_body(Query *query, const char *source, const LhAuditChain *chain);
/* Relations (Oid), of a statement without a plan; columns of the first (attribute numbers; NIL: none), which are written, or read. */
extern LhAuditBody lh_audit_relations_body(const char *command, List *relations, List *columns, bool written,
										   const LhAuditChain *chain, bool force);
extern LhAuditBody lh_audit_event_body(const char *action, const char *kind, const char *name, const char *detail,
									   const LhAuditChain *chain);
/* Uses of an outcome; without catalogs, and without allocating. */
extern LhSlice lh_audit_uses_body(const LhAuditUsed *used, int n);
/* As far as it is known without catalogs: of an error outside of transactions. */
extern LhSlice lh_audit_session_body(const char *command);

/* ---- utility.c ---- */

/* What a utility statement is about. */
typedef struct LhAuditUtility
{
	const char *command;
	bool		recorded;		/* a record of its own, if the filter wants its relations; else what it runs has one */
	bool		passes;			/* the command is that of the query's record */
	bool		event;			/* administrative: always recorded */
	const char *kind;			/* of an event's object */
	const char *name;
	List	   *relations;		/* of Oid; first those that it names */
	int			named;			/* so many */
	List	   *columns;		/* of the first, attribute numbers */
	bool		written;
	const RangeVar *into;		/* made by the query that it runs */
} LhAuditUtility;

extern void lh_audit_examine(Node *stmt, LhAuditUtility *out);
/* Its record, if the filter wants any of the relations: at most LH_AUDIT_RELATIONS_MOST of them, the others counted (columns.c). */
#define LH_AUDIT_RELATIONS_MOST 32
/* Not the system's, unless the filter asks for its schema (columns.c). */
extern bool lh_audit_is_told(Oid relid);
extern LhAuditBody lh_audit_utility_body(const LhAuditUtility *what, const LhAuditChain *chain);
/* Of a transaction that is prepared, or was: it ends elsewhere, and later. */
extern bool lh_audit_is_prepared(const Node *stmt);


/* ---- reach.c ---- */

/* Lists of Oid, without repeats; named: what the statement names, which comes first. */
extern List *lh_audit_reached_by_drop(const DropStmt *stmt);
extern List *lh_audit_reached_by_drop_owned(const DropOwnedStmt *stmt);
extern List *lh_audit_reached_by_truncate(const TruncateStmt *stmt);
extern List *lh_audit_reached_by_vacuum(List *named);
extern List *lh_audit_reached_by_reindex(const ReindexStmt *stmt, List *named);
extern List *lh_audit_reached_by_cluster(List *named);
/* Those that a record names: what the statement names, then what has policies, then others; *more: how many it leaves out. */
extern List *lh_audit_told(const LhAuditUtility *what, uint64 *more);

#endif
