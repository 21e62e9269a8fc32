/*
 * capture.c
 *		Statements: how they begin and end, whichever way they do.
 *
 *	1. A statement is opened when the executor starts it, and has a record of its intent before that, if the filter wants it.
 *	   One that the filter does not want is recorded all the same as soon as it turns values back or makes them.
 *	2. It ends with the executor; by an error, which the hooks catch and record with its SQLSTATE; with its transaction (cursors);
 *	   or with the process.  Of the last two callbacks tell.  Room for the outcome was set aside with the intent.
 *	3. Statements within functions are statements of their own: they lie between intent and outcome of the one that
 *	   called the function, and their roles say as whom they run.  Checks of foreign keys are none.
 *	4. A parallel worker runs its leader's plan, which is recorded there; what functions in it run, and values
 *	   that it turns back, it records itself.
 *	5. What changed something and was rolled back has an event that says so.
 */
#include "pg/audit/ring.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/util/features.h"

/* Distinct objects of one outcome; others are counted together. */
#define USES_MOST 32

typedef struct Use
{
	LhAuditUse	use;
	uint64		values;
	char		object[NAMEDATALEN];
} Use;

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
	Use		   *uses;			/* USES_MOST + LH_AUDIT_USES, once there is one */
};

static MemoryContext statements;
static LhAuditStatement *open_statements;	/* newest first */
static LhAuditStatement *running;
static LhAuditStatement *stored;	/* results without a statement */
static LhAuditStatement *spare;	/* one that is free */
static uint64 last_number;
static uint64 needed;			/* bytes that have to be set aside */

/* For a denied statement and a rollback: set aside for as long as the process lives. */
#define ALWAYS_ASIDE 4096

/* The transaction has changed something that was recorded. */
static uint64 changed;			/* its number; 0: no */
static SubTransactionId changed_subid;

static int	fatal_code;			/* SQLSTATE by which the process ends */
static bool denied_recorded;	/* the present error is */

/* ---- this process ---- */

bool
lh_audit_here(void)
{
	static bool here = false;

	if (here)
		return true;
	here = IsUnderPostmaster && lh_ring != NULL && MyProc != NULL && OidIsValid(MyDatabaseId) && !lh_autovacuum_worker();
	return here;
}

static void at_exit(int code, Datum arg);
static void at_transaction(XactEvent event, void *arg);
static void at_subtransaction(SubXactEvent event, SubTransactionId subid, SubTransactionId parent, void *arg);

/* Before the first record. */
static void
begin_process(void)
{
	if (statements != NULL)
		return;
	lh_audit_columns_init();
	before_shmem_exit(at_exit, (Datum) 0);
	RegisterXactCallback(at_transaction, NULL);
	RegisterSubXactCallback(at_subtransaction, NULL);
	needed = ALWAYS_ASIDE;
	statements = AllocSetContextCreate(TopMemoryContext, "lakehouse audit statements", ALLOCSET_DEFAULT_SIZES);
}

/* ---- messages ---- */

/* What begins because the client asked has the time of that, which costs nothing. */
static TimestampTz
time_of(LhAuditKind kind)
{
	return kind == LH_AUDIT_INTENT && running == NULL && !IsParallelWorker() ? GetCurrentStatementStartTimestamp() : GetCurrentTimestamp();
}

static LhAuditMessage
message(LhAuditKind kind, LhSlice body, uint64 transaction)
{
	return (LhAuditMessage) {
		.kind = kind, .pid = MyProcPid, .body = (uint32) body.len, .time = lh_audit_time(time_of(kind)),
		.session_start = lh_audit_time(MyStartTimestamp), .transaction = transaction,
	};
}

static void
set_result(LhAuditMessage *m, LhAuditResult result, int code)
{
	m->result = result;
	if (code != 0)
		strlcpy(m->sqlstate, unpack_sql_state(code), sizeof(m->sqlstate));
}

static LhAuditResult
result_of(int code)
{
	if (code == ERRCODE_INSUFFICIENT_PRIVILEGE)
		return LH_AUDIT_DENIED;
	if (ERRCODE_TO_CATEGORY(code) == ERRCODE_OPERATOR_INTERVENTION)
		return LH_AUDIT_CANCELLED;
	return LH_AUDIT_FAILED;
}

/* Durable, if the setting asks for it. */
static void
settle(uint64 at)
{
	if (lakehouse_audit == LH_AUDIT_SYNCHRONOUS)
		lh_ring_wait_durable(at);
}

/* From what was set aside, and so in error handling: it cannot fail, wait or allocate. */
static void
put_aside(const LhAuditMessage *m, LhSlice body)
{
	uint64		at;

	if (!lh_ring_put(m, body, true, &at))
		lh_ring_count_dropped();
}

/* ---- who asks ---- */

static void
add_role(LhAuditChain *chain, Oid role)
{
	if (chain->n > 0 && chain->roles[chain->n - 1] == role)
		return;
	/* the last place is for who asks now */
	if (chain->n == lengthof(chain->roles))
		chain->n--;
	chain->roles[chain->n++] = role;
}

static void
add_outer(LhAuditChain *chain, const LhAuditStatement *s)
{
	check_stack_depth();
	if (s == NULL)
		return;
	add_outer(chain, s->outer);
	add_role(chain, s->user);
}

static LhAuditChain
present_chain(void)
{
	LhAuditChain chain = {0};

	add_role(&chain, GetOuterUserId());
	add_outer(&chain, running);
	add_role(&chain, GetUserId());
	return chain;
}

/* ---- statements ---- */

static LhAuditStatement *
open_statement(QueryDesc *query)
{
	LhAuditStatement *s = spare;
	int			context;

	begin_process();
	if (s == NULL)
		s = MemoryContextAlloc(statements, sizeof(LhAuditStatement));
	spare = NULL;
	*s = (LhAuditStatement) {.next = open_statements, .outer = running, .query = query};
	s->subid = GetCurrentSubTransactionId();
	s->transaction = lh_virtual_transaction();
	GetUserIdAndSecContext(&s->user, &context);
	s->integrity = (context & SECURITY_NOFORCE_RLS) != 0;
	/* what a trigger under such a check does is no check any more, nor is ON DELETE CASCADE */
	s->quiet = (s->integrity && (running == NULL || !running->integrity) && query != NULL && query->operation == CMD_SELECT) ||
		(IsParallelWorker() && running == NULL);
	open_statements = s;
	if (running == NULL)
		denied_recorded = false;
	return s;
}

static uint64
outcome_bytes(int nuses)
{
	/* what lh_audit_encode needs at most: its head, and for each use numbers and the name */
	return lh_ring_bytes(nuses == 0 ? 0 : 128 + nuses * (16 + NAMEDATALEN));
}

static void
free_statement(LhAuditStatement *s)
{
	LhAuditStatement **at = &open_statements;

	while (*at != NULL && *at != s)
		at = &(*at)->next;
	if (*at == s)
		*at = s->next;
	if (s->event != NULL)
		pfree(s->event);
	if (s->uses != NULL)
		pfree(s->uses);
	if (spare == NULL)
		spare = s;
	else
		pfree(s);
}

static LhSlice
uses_body(const LhAuditStatement *s)
{
	LhAuditUsed used[USES_MOST + LH_AUDIT_USES];

	for (int i = 0; i < s->nuses; i++)
		used[i] = (LhAuditUsed) {s->uses[i].use, lh_slice(s->uses[i].object, strlen(s->uses[i].object)), s->uses[i].values};
	return lh_audit_uses_body(used, s->nuses);
}

/* It cannot fail or wait. */
static void
close_statement(LhAuditStatement *s, LhAuditResult result, int code)
{
	if (s->event != NULL && result != LH_AUDIT_OK)
	{
		LhSlice		body = lh_slice(s->event, s->event_len);
		LhAuditMessage m = message(LH_AUDIT_EVENT, body, s->transaction);

		set_result(&m, result, code);
		put_aside(&m, body);
	}
	if (s->recorded)
	{
		LhSlice		body = uses_body(s);
		LhAuditMessage m = message(LH_AUDIT_OUTCOME, body, s->transaction);

		m.statement = s->number;
		m.rows = s->rows;
		set_result(&m, result, code);
		put_aside(&m, body);
		needed -= outcome_bytes(s->nuses);
	}
	else if (s->dropped)
		lh_ring_count_dropped();
	if (running == s)
		running = s->outer;
	free_statement(s);
}

/* Until it is there; an ERROR ends a statement that does not run yet. */
static void
settle_intent(LhAuditStatement *s, uint64 at)
{
	if (lakehouse_audit != LH_AUDIT_SYNCHRONOUS)
		return;
	PG_TRY();
	{
		lh_ring_wait_durable(at);
	}
	PG_CATCH();
	{
		if (!s->started)
			close_statement(s, result_of(geterrcode()), geterrcode());
		PG_RE_THROW();
	}
	PG_END_TRY();
}

static void
changes(void)
{
	changed = lh_virtual_transaction();
	changed_subid = GetCurrentSubTransactionId();
}

static void
record_intent(LhAuditStatement *s, LhSlice body)
{
	LhAuditMessage m;
	uint64		at;

	if (!lh_ring_reserve(needed + outcome_bytes(s->nuses)))
		s->dropped = true;
	else
	{
		m = message(LH_AUDIT_INTENT, body, s->transaction);
		m.statement = last_number + 1;
		s->dropped = !lh_ring_put(&m, body, false, &at);
	}
	if (s->dropped)
	{
		lh_ring_count_dropped();
		return;
	}
	s->number = ++last_number;
	s->recorded = true;
	needed += outcome_bytes(s->nuses);
	if (s->query != NULL ? s->query->operation != CMD_SELECT : true)
		changes();
	settle_intent(s, at);
}

/* Of those around it, not itself. */
static LhAuditChain
chain_of(const LhAuditStatement *s)
{
	LhAuditStatement *before = running;
	LhAuditChain chain;

	running = s->outer;
	chain = present_chain();
	running = before;
	return chain;
}

static void
record_now(LhAuditStatement *s)
{
	bool		leaders = IsParallelWorker() && s->outer == NULL;
	LhAuditChain chain;
	LhSlice		body;

	if (!IsTransactionState())
		body = lh_audit_session_body(s->command);
	else
	{
		chain = chain_of(s);
		/* the leader has what the plan uses; marks of policies do not travel to workers */
		body = s->query != NULL && !leaders ?
			lh_audit_plan_body(s->query->plannedstmt, s->query->sourceText, s->command, s->into, &chain, true).bytes :
			lh_audit_relations_body(leaders ? "PARALLEL WORKER" : s->command, NIL, NIL, false, &chain, true).bytes;
	}
	record_intent(s, body);
}

/* ---- the executor ---- */

LhAuditMark
lh_audit_start(QueryDesc *query, int eflags)
{
	LhAuditMark mark = {running, NULL};
	LhAuditStatement *s;
	LhAuditBody body;
	LhAuditChain chain;

	if ((eflags & EXEC_FLAG_EXPLAIN_ONLY) != 0)
		return mark;
	s = open_statement(query);
	if (running != NULL && running->passes)
	{
		s->command = running->command;
		s->into = running->into;
	}
	if (!s->quiet && !lh_audit_clearly_unwanted(query->plannedstmt))
	{
		chain = present_chain();
		body = lh_audit_plan_body(query->plannedstmt, query->sourceText, s->command, s->into, &chain, false);
		if (body.wanted)
			record_intent(s, body.bytes);
	}
	s->started = true;
	running = mark.now = s;
	return mark;
}

LhAuditMark
lh_audit_enter(QueryDesc *query)
{
	LhAuditMark mark = {running, NULL};
	LhAuditStatement *s = open_statements;

	while (s != NULL && s->query != query)
		s = s->next;
	mark.now = s;
	if (s != NULL)
		running = s;
	return mark;
}

void
lh_audit_ran(const LhAuditMark *mark, QueryDesc *query)
{
	if (mark->now != NULL && query->estate != NULL)
		mark->now->rows += query->estate->es_processed;
}

void
lh_audit_left(const LhAuditMark *mark)
{
	running = mark->before;
}

void
lh_audit_ended(const LhAuditMark *mark)
{
	if (mark->now != NULL)
		close_statement(mark->now, LH_AUDIT_OK, 0);
	running = mark->before;
}

/* The statement of the mark may have been ended by a callback meanwhile. */
static bool
is_open(const LhAuditStatement *s)
{
	const LhAuditStatement *at = open_statements;

	while (at != NULL && at != s)
		at = at->next;
	return at != NULL && s != NULL;
}

/* ---- what was denied ---- */

static void
put_denied(LhSlice body, int code)
{
	LhAuditMessage m = message(LH_AUDIT_OUTCOME, body, lh_virtual_transaction());
	uint64		at;

	set_result(&m, LH_AUDIT_DENIED, code);
	denied_recorded = true;
	if (lh_ring_put(&m, body, true, &at))
		return;
	/* in part, rather than not at all */
	body = lh_audit_session_body("DENIED");
	m.body = (uint32) body.len;
	put_aside(&m, body);
}

/* A description, whatever becomes of making it; there is no error pending. */
static LhSlice
describe_denied(Query *query, const char *source, LhAuditStatement *s)
{
	LhAuditChain chain;
	LhSlice		body;

	PG_TRY();
	{
		begin_process();
		(void) lh_ring_reserve(needed);
		chain = s != NULL ? chain_of(s) : present_chain();
		body = query != NULL ? lh_audit_query_body(query, source, &chain).bytes :
			lh_audit_plan_body(s->query->plannedstmt, s->query->sourceText, s->command, s->into, &chain, true).bytes;
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(CurTransactionContext);
		FlushErrorState();
		body = lh_audit_session_body("DENIED");
	}
	PG_END_TRY();
	return body;
}

/* Of what has no record of its intent.  Catalogs are read, so the pending error is put away meanwhile, and thrown again. */
static void __attribute__((noreturn))
record_denied(Query *query, const char *source, LhAuditStatement *s)
{
	ErrorData  *error;

	MemoryContextSwitchTo(CurTransactionContext);
	error = CopyErrorData();
	FlushErrorState();
	put_denied(describe_denied(query, source, s), error->sqlerrcode);
	if (s != NULL)
		close_statement(s, LH_AUDIT_DENIED, error->sqlerrcode);
	ReThrowError(error);
}

void
lh_audit_planning_failed(Query *query, const char *source)
{
	if (geterrcode() == ERRCODE_INSUFFICIENT_PRIVILEGE && !denied_recorded)
		record_denied(query, source, NULL);
}

void
lh_audit_failed(const LhAuditMark *mark)
{
	LhAuditStatement *s = is_open(mark->now) ? mark->now : NULL;
	int			code = geterrcode();

	running = is_open(mark->before) ? mark->before : NULL;
	if (s == NULL)
		return;
	if (code == ERRCODE_INSUFFICIENT_PRIVILEGE && !denied_recorded)
	{
		if (s->query != NULL && !s->recorded && !s->dropped)
			record_denied(NULL, NULL, s);
		denied_recorded = s->recorded || s->event != NULL;
	}
	close_statement(s, result_of(code), code);
}

void
lh_audit_error(ErrorData *error)
{
	if (error->elevel >= FATAL)
		fatal_code = error->sqlerrcode;
	/* of a schema or a function, say, while the statement was analysed: no catalogs are read here */
	if (error->elevel == ERROR && error->sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE && !denied_recorded && lh_audit_on())
	{
		begin_process();
		put_denied(lh_audit_session_body("DENIED"), error->sqlerrcode);
	}
	if (error->elevel >= ERROR)
		denied_recorded = false;
}

/* ---- utility statements ---- */

LhAuditMark
lh_audit_utility(PlannedStmt *pstmt)
{
	LhAuditMark mark = {running, NULL};
	LhAuditStatement *s;
	LhAuditUtility what;
	LhAuditChain chain;
	LhAuditBody body;

	/* no catalogs in a transaction that failed */
	if (!IsTransactionState() || (IsA(pstmt->utilityStmt, TransactionStmt) && !lh_audit_is_prepared(pstmt->utilityStmt)))
		return mark;
	/* the script is known, CREATE EXTENSION was recorded */
	if (creating_extension)
		return mark;
	begin_process();
	(void) lh_ring_reserve(needed);
	lh_audit_examine(pstmt->utilityStmt, &what);
	chain = present_chain();
	s = open_statement(NULL);
	s->command = what.command;
	s->passes = what.passes;
	s->into = what.into;
	if (what.event)
	{
		body = lh_audit_event_body(what.command, what.kind, what.name, NULL, &chain);
		s->event = MemoryContextAlloc(statements, Max(body.bytes.len, 1));
		memcpy(s->event, body.bytes.data, body.bytes.len);
		s->event_len = (uint32) body.bytes.len;
	}
	else if (what.recorded)
	{
		body = lh_audit_relations_body(what.command, what.relations, what.columns, what.written, &chain, false);
		if (body.wanted)
			record_intent(s, body.bytes);
	}
	s->started = true;
	running = mark.now = s;
	return mark;
}

static void
put_event(LhSlice body)
{
	LhAuditMessage m = message(LH_AUDIT_EVENT, body, lh_virtual_transaction());
	uint64		at;

	set_result(&m, LH_AUDIT_OK, 0);
	if (!lh_ring_put(&m, body, false, &at))
	{
		lh_ring_count_dropped();
		return;
	}
	changes();
	settle(at);
}

/* When it cannot be kept the statement fails, and is not to stay as the running one. */
static void
put_own_event(const LhAuditMark *mark)
{
	PG_TRY();
	{
		put_event(lh_slice(mark->now->event, mark->now->event_len));
	}
	PG_CATCH();
	{
		lh_audit_failed(mark);
		PG_RE_THROW();
	}
	PG_END_TRY();
}

void
lh_audit_utility_ended(const LhAuditMark *mark, const QueryCompletion *completion)
{
	LhAuditStatement *s = mark->now;

	if (s != NULL && is_open(s))
	{
		if (completion != NULL && completion->commandTag == CMDTAG_COPY)
			s->rows = completion->nprocessed;
		/* CALL may have ended the transaction that it began in */
		if (s->event != NULL && IsTransactionState())
			put_own_event(mark);
		close_statement(s, LH_AUDIT_OK, 0);
	}
	running = is_open(mark->before) ? mark->before : NULL;
}

/* ---- what others tell ---- */

void
lh_audit_admin_event(const char *action, const char *kind, const char *name, const char *detail)
{
	LhAuditChain chain;

	if (!lh_audit_on())
		return;
	begin_process();
	(void) lh_ring_reserve(needed);
	chain = present_chain();
	put_event(lh_audit_event_body(action, kind, name, detail, &chain).bytes);
}

/* Room for one more name in the outcome; "" when there are too many. */
static Use *
add_use(LhAuditStatement *s, LhAuditUse use, const char *object)
{
	Use		   *u;

	if (s->uses == NULL)
		s->uses = MemoryContextAllocZero(statements, sizeof(Use) * (USES_MOST + LH_AUDIT_USES));
	if (s->recorded)
	{
		uint64		more = outcome_bytes(s->nuses + 1) - outcome_bytes(s->nuses);

		if (lh_ring_reserve(needed + more))
			needed += more;
		else
			return NULL;
	}
	u = &s->uses[s->nuses++];
	u->use = use;
	strlcpy(u->object, object, sizeof(u->object));
	return u;
}

static Use *
find_use(LhAuditStatement *s, LhAuditUse use, const char *object)
{
	for (int i = 0; i < s->nuses; i++)
	{
		if (s->uses[i].use == use && strcmp(s->uses[i].object, object) == 0)
			return &s->uses[i];
	}
	if (s->nuses >= USES_MOST && object[0] != '\0')
		return find_use(s, use, "");
	return add_use(s, use, object);
}

/*
 * Values of a result that was stored before (RETURNING, held cursors) become text when their statement has ended, and the fast path
 * of the protocol calls functions without one.  All such of a transaction are one statement.
 */
static LhAuditStatement *
result_statement(void)
{
	if (stored == NULL)
	{
		stored = open_statement(NULL);
		stored->command = "RESULT";
		stored->started = true;
	}
	return stored;
}

static void
close_result(LhAuditResult result)
{
	if (stored != NULL)
		close_statement(stored, result, 0);
	stored = NULL;
}

void
lh_audit_use_values(LhAuditUse use, const char *object, uint64 values)
{
	LhAuditStatement *s;
	Use		   *u;

	if (!lh_audit_on())
		return;
	s = running != NULL ? running : result_statement();
	if (!s->recorded && !s->dropped)
		record_now(s);
	if (s->recorded && (u = find_use(s, use, object)) != NULL)
		u->values += values;
}

/* ---- ends that nobody asked for ---- */

/* Statements of the executor that were begun in this subtransaction or below. */
static void
close_from(SubTransactionId subid, LhAuditResult result)
{
	LhAuditStatement *s = open_statements;

	while (s != NULL)
	{
		LhAuditStatement *next = s->next;

		if ((s->query != NULL || !s->started) && s->subid >= subid)
			close_statement(s, result, 0);
		s = next;
	}
}

static void
record_rollback(const char *command)
{
	LhSlice		body = lh_audit_session_body(command);
	LhAuditMessage m = message(LH_AUDIT_EVENT, body, changed);

	set_result(&m, LH_AUDIT_FAILED, 0);
	put_aside(&m, body);
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
			if (changed != 0)
				record_rollback("ROLLBACK");
			running = NULL;
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
	changed = 0;
	lh_ring_trim(needed);
	/* CALL goes on, in another transaction */
	for (LhAuditStatement *s = open_statements; s != NULL; s = s->next)
	{
		s->subid = TopSubTransactionId;
		if (running == NULL && s->query == NULL)
			running = s;
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
			for (LhAuditStatement *s = open_statements; s != NULL; s = s->next)
				if (s->subid == subid)
					s->subid = parent;
			if (changed_subid == subid)
				changed_subid = parent;
		}
		return;
	}
	close_from(subid, LH_AUDIT_CANCELLED);
	if (changed != 0 && changed_subid >= subid)
		record_rollback("ROLLBACK TO SAVEPOINT");
}

/* before_shmem_exit: before the transaction is aborted. */
static void
at_exit(int code, Datum arg)
{
	stored = NULL;
	while (open_statements != NULL)
		close_statement(open_statements, code > 1 ? LH_AUDIT_GONE : LH_AUDIT_CANCELLED, fatal_code);
	if (changed != 0)
		record_rollback("ROLLBACK");
	changed = 0;
	needed = 0;
	lh_ring_release(0);
}

void
lh_audit_init(void)
{
	lh_features.audit_use = lh_audit_use_values;
	lh_features.audit_event = lh_audit_admin_event;
}
