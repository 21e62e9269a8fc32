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
#include "pg/audit/capture_parts.h"

#include "commands/extension.h"
#include "storage/proc.h"
#include "utils/memutils.h"

#include "pg/util/features.h"

LhAuditSession lh_audit_session;

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

/* Before the first record. */
static void
begin_process(void)
{
	if (lh_audit_session.statements != NULL)
		return;
	lh_audit_columns_init();
	lh_audit_ends_init();
	lh_audit_session.needed = LH_AUDIT_ALWAYS_ASIDE;
	lh_audit_session.statements = AllocSetContextCreate(TopMemoryContext, "lakehouse audit statements", ALLOCSET_DEFAULT_SIZES);
}

/* ---- messages ---- */

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
	add_outer(&chain, lh_audit_session.running);
	add_role(&chain, GetUserId());
	return chain;
}

/* ---- statements ---- */

LhAuditStatement *
lh_audit_statement_open(QueryDesc *query)
{
	LhAuditStatement *s = lh_audit_session.spare;
	int			context;

	begin_process();
	if (s == NULL)
		s = MemoryContextAlloc(lh_audit_session.statements, sizeof(LhAuditStatement));
	lh_audit_session.spare = NULL;
	*s = (LhAuditStatement) {.next = lh_audit_session.open, .outer = lh_audit_session.running, .query = query};
	s->subid = GetCurrentSubTransactionId();
	s->transaction = lh_virtual_transaction();
	GetUserIdAndSecContext(&s->user, &context);
	s->integrity = (context & SECURITY_NOFORCE_RLS) != 0;
	/* what a trigger under such a check does is no check any more, nor is ON DELETE CASCADE */
	s->quiet = (s->integrity && (lh_audit_session.running == NULL || !lh_audit_session.running->integrity) && query != NULL && query->operation == CMD_SELECT) ||
		(IsParallelWorker() && lh_audit_session.running == NULL);
	lh_audit_session.open = s;
	if (lh_audit_session.running == NULL)
		lh_audit_session.denied_recorded = false;
	return s;
}

static void
free_statement(LhAuditStatement *s)
{
	LhAuditStatement **at = &lh_audit_session.open;

	while (*at != NULL && *at != s)
		at = &(*at)->next;
	if (*at == s)
		*at = s->next;
	if (s->event != NULL)
		pfree(s->event);
	if (s->uses != NULL)
		pfree(s->uses);
	if (lh_audit_session.spare == NULL)
		lh_audit_session.spare = s;
	else
		pfree(s);
}

static LhSlice
uses_body(const LhAuditStatement *s)
{
	LhAuditUsed used[LH_AUDIT_USES_MOST + LH_AUDIT_USES];

	for (int i = 0; i < s->nuses; i++)
		used[i] = (LhAuditUsed) {s->uses[i].use, lh_slice(s->uses[i].object, strlen(s->uses[i].object)), s->uses[i].values};
	return lh_audit_uses_body(used, s->nuses);
}

/* It cannot fail or wait. */
void
lh_audit_statement_close(LhAuditStatement *s, LhAuditResult result, int code)
{
	if (s->event != NULL && result != LH_AUDIT_OK)
	{
		LhSlice		body = lh_slice(s->event, s->event_len);
		LhAuditMessage m = lh_audit_message(LH_AUDIT_EVENT, body, s->transaction);

		lh_audit_set_result(&m, result, code);
		lh_audit_put_aside(&m, body);
	}
	if (s->recorded)
	{
		LhSlice		body = uses_body(s);
		LhAuditMessage m = lh_audit_message(LH_AUDIT_OUTCOME, body, s->transaction);

		m.statement = s->number;
		m.rows = s->rows;
		lh_audit_set_result(&m, result, code);
		lh_audit_put_aside(&m, body);
		lh_audit_session.needed -= lh_audit_outcome_bytes(s->nuses);
	}
	else if (s->dropped)
		lh_ring_count_dropped();
	if (lh_audit_session.running == s)
		lh_audit_session.running = s->outer;
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
			lh_audit_statement_close(s, result_of(geterrcode()), geterrcode());
		PG_RE_THROW();
	}
	PG_END_TRY();
}

static void
changes(void)
{
	lh_audit_session.changed = lh_virtual_transaction();
	lh_audit_session.changed_subid = GetCurrentSubTransactionId();
}

static void
record_intent(LhAuditStatement *s, LhSlice body)
{
	LhAuditMessage m;
	uint64		at;

	if (!lh_ring_reserve(lh_audit_session.needed + lh_audit_outcome_bytes(s->nuses)))
		s->dropped = true;
	else
	{
		m = lh_audit_message(LH_AUDIT_INTENT, body, s->transaction);
		m.statement = lh_audit_session.last_number + 1;
		s->dropped = !lh_ring_put(&m, body, false, &at);
	}
	if (s->dropped)
	{
		lh_ring_count_dropped();
		return;
	}
	s->number = ++lh_audit_session.last_number;
	s->recorded = true;
	lh_audit_session.needed += lh_audit_outcome_bytes(s->nuses);
	if (s->query != NULL ? s->query->operation != CMD_SELECT : true)
		changes();
	settle_intent(s, at);
}

/* Of those around it, not itself. */
static LhAuditChain
chain_of(const LhAuditStatement *s)
{
	LhAuditStatement *before = lh_audit_session.running;
	LhAuditChain chain;

	lh_audit_session.running = s->outer;
	chain = present_chain();
	lh_audit_session.running = before;
	return chain;
}

void
lh_audit_statement_record(LhAuditStatement *s)
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
	LhAuditMark mark = {lh_audit_session.running, NULL};
	LhAuditStatement *s;
	LhAuditBody body;
	LhAuditChain chain;

	if ((eflags & EXEC_FLAG_EXPLAIN_ONLY) != 0)
		return mark;
	s = lh_audit_statement_open(query);
	if (lh_audit_session.running != NULL && lh_audit_session.running->passes)
	{
		s->command = lh_audit_session.running->command;
		s->into = lh_audit_session.running->into;
	}
	if (!s->quiet && !lh_audit_clearly_unwanted(query->plannedstmt))
	{
		chain = present_chain();
		body = lh_audit_plan_body(query->plannedstmt, query->sourceText, s->command, s->into, &chain, false);
		if (body.wanted)
			record_intent(s, body.bytes);
	}
	s->started = true;
	lh_audit_session.running = mark.now = s;
	return mark;
}

LhAuditMark
lh_audit_enter(QueryDesc *query)
{
	LhAuditMark mark = {lh_audit_session.running, NULL};
	LhAuditStatement *s = lh_audit_session.open;

	while (s != NULL && s->query != query)
		s = s->next;
	mark.now = s;
	if (s != NULL)
		lh_audit_session.running = s;
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
	lh_audit_session.running = mark->before;
}

void
lh_audit_ended(const LhAuditMark *mark)
{
	if (mark->now != NULL)
		lh_audit_statement_close(mark->now, LH_AUDIT_OK, 0);
	lh_audit_session.running = mark->before;
}

/* The statement of the mark may have been ended by a callback meanwhile. */
static bool
is_open(const LhAuditStatement *s)
{
	const LhAuditStatement *at = lh_audit_session.open;

	while (at != NULL && at != s)
		at = at->next;
	return at != NULL && s != NULL;
}

/* ---- what was denied ---- */

static void
put_denied(LhSlice body, int code)
{
	LhAuditMessage m = lh_audit_message(LH_AUDIT_OUTCOME, body, lh_virtual_transaction());
	uint64		at;

	lh_audit_set_result(&m, LH_AUDIT_DENIED, code);
	lh_audit_session.denied_recorded = true;
	if (lh_ring_put_late(&m, body, &at))
		return;
	/* in part, rather than not at all */
	body = lh_audit_session_body("DENIED");
	m.body = (uint32) body.len;
	lh_audit_put_aside(&m, body);
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
		(void) lh_ring_reserve(lh_audit_session.needed);
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
		lh_audit_statement_close(s, LH_AUDIT_DENIED, error->sqlerrcode);
	ReThrowError(error);
}

void
lh_audit_planning_failed(Query *query, const char *source)
{
	if (geterrcode() == ERRCODE_INSUFFICIENT_PRIVILEGE && !lh_audit_session.denied_recorded)
		record_denied(query, source, NULL);
}

void
lh_audit_failed(const LhAuditMark *mark)
{
	LhAuditStatement *s = is_open(mark->now) ? mark->now : NULL;
	int			code = geterrcode();

	lh_audit_session.running = is_open(mark->before) ? mark->before : NULL;
	if (s == NULL)
		return;
	if (code == ERRCODE_INSUFFICIENT_PRIVILEGE && !lh_audit_session.denied_recorded)
	{
		if (s->query != NULL && !s->recorded && !s->dropped)
			record_denied(NULL, NULL, s);
		lh_audit_session.denied_recorded = s->recorded || s->event != NULL;
	}
	lh_audit_statement_close(s, result_of(code), code);
}

void
lh_audit_error(ErrorData *error)
{
	if (error->elevel >= FATAL)
		lh_audit_session.fatal_code = error->sqlerrcode;
	/* of a schema or a function, say, while the statement was analysed: no catalogs are read here */
	if (error->elevel == ERROR && error->sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE && !lh_audit_session.denied_recorded && lh_audit_on())
	{
		begin_process();
		put_denied(lh_audit_session_body("DENIED"), error->sqlerrcode);
	}
	if (error->elevel >= ERROR)
		lh_audit_session.denied_recorded = false;
}

/* ---- utility statements ---- */

LhAuditMark
lh_audit_utility(PlannedStmt *pstmt)
{
	LhAuditMark mark = {lh_audit_session.running, NULL};
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
	(void) lh_ring_reserve(lh_audit_session.needed);
	lh_audit_examine(pstmt->utilityStmt, &what);
	chain = present_chain();
	s = lh_audit_statement_open(NULL);
	s->command = what.command;
	s->passes = what.passes;
	s->into = what.into;
	if (what.event)
	{
		body = lh_audit_event_body(what.command, what.kind, what.name, NULL, &chain);
		s->event = MemoryContextAlloc(lh_audit_session.statements, Max(body.bytes.len, 1));
		memcpy(s->event, body.bytes.data, body.bytes.len);
		s->event_len = (uint32) body.bytes.len;
	}
	if (what.recorded)
	{
		body = lh_audit_utility_body(&what, &chain);
		if (body.wanted)
			record_intent(s, body.bytes);
	}
	s->started = true;
	lh_audit_session.running = mark.now = s;
	return mark;
}

static void
put_event(LhSlice body)
{
	LhAuditMessage m = lh_audit_message(LH_AUDIT_EVENT, body, lh_virtual_transaction());
	uint64		at;

	lh_audit_set_result(&m, LH_AUDIT_OK, 0);
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
		lh_audit_statement_close(s, LH_AUDIT_OK, 0);
	}
	lh_audit_session.running = is_open(mark->before) ? mark->before : NULL;
}

/* ---- what others tell ---- */

void
lh_audit_admin_event(const char *action, const char *kind, const char *name, const char *detail)
{
	LhAuditChain chain;

	if (!lh_audit_on())
		return;
	begin_process();
	(void) lh_ring_reserve(lh_audit_session.needed);
	chain = present_chain();
	put_event(lh_audit_event_body(action, kind, name, detail, &chain).bytes);
}

void
lh_audit_init(void)
{
	lh_features.audit_use = lh_audit_use_values;
	lh_features.audit_event = lh_audit_admin_event;
}
