/*
 * enforce_plan.c
 *		Executor: a plan is run for the subject that it was made for, or not at all.
 *
 * Plans are cached, by PREPARE, by drivers and by functions, and PostgreSQL drops them when GetUserId() is another: within a
 * SECURITY DEFINER function it never is.  So
 *
 *	1. whenever the subject or the policies become others all cached plans are dropped (ResetPlanCache), by callbacks where
 *	   there are any and else before the next statement;
 *	2. each entry of a plan's range table that a policy is about is marked with what was decided.
 *	   A start, and each run of a cursor, compares that with what holds now.  Where they differ the plan is not
 *	   run: an error that goes away when the statement is sent again;
 *	3. an entry of such a table without any mark came from where we were not asked: an error as well.
 *
 * Statements that check privileges without a plan (COPY) come to ExecutorCheckPerms alone: what a policy is about
 * they may not read.
 */
#include "pg/privacy/enforce.h"
#include "pg/privacy/utility_parts.h"

#include "access/parallel.h"
#include "access/sysattr.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/bitmapset.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

/* ---- marks ---- */

/* In a field that entries of this kind have no use for, and that the parser never sets for them. */
#define MARK_FORMAT "lakehouse %c %u " UINT64_FORMAT " " INT64_FORMAT

void
lh_mark_set(RangeTblEntry *rte, LhMarkKind kind, const LhEffective *effective)
{
	rte->enrname = psprintf(MARK_FORMAT, (char) kind, effective != NULL ? effective->relid : rte->relid,
							effective != NULL ? effective->stamp : 0, effective != NULL ? effective->until : PG_INT64_MAX);
}

bool
lh_mark_read(const RangeTblEntry *rte, LhMark *mark)
{
	char		kind;
	char	   *rest;
	const char *text = rte->enrname;

	if (strncmp(text, "lakehouse ", 10) != 0)
		return false;
	kind = text[10];
	mark->kind = kind;
	mark->relid = (Oid) strtoul(text + 12, &rest, 10);
	mark->stamp = strtou64(rest, &rest, 10);
	mark->until = (TimestampTz) strtoi64(rest, &rest, 10);
	return true;
}

/* ---- another subject ---- */

static bool watching = false;
static struct
{
	Oid			role;
	Oid			session;
}			last;
static bool policies = false;	/* there are some, as far as was known when something was last planned */
static TimestampTz next_end = PG_INT64_MAX;	/* when the first of what plans were made with ends */

/* Of plans only: what runs is not touched.  Fails never, and reads no catalogs. */
static void
drop_plans(void)
{
	next_end = PG_INT64_MAX;
	ResetPlanCache();
}

static void
roles_changed(Datum arg, int cache, uint32 hash)
{
	drop_plans();
}

static void
watch(void)
{
	if (watching)
		return;
	watching = true;
	lh_hidden_watch(drop_plans);
	lh_pg_purpose_changed = drop_plans;
	CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, roles_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHOID, roles_changed, (Datum) 0);
	drop_plans();
}

/* It reads no catalogs: it is called in transactions that have failed, too. */
void
lh_enforce_subject_changed(void)
{
	Oid			role = GetOuterUserId();

	watch();
	if (last.role == role && last.session == GetSessionUserId() && (next_end == PG_INT64_MAX || GetCurrentTimestamp() < next_end))
		return;
	last.role = role;
	last.session = GetSessionUserId();
	if (policies)
		drop_plans();
}

/* ---- what a plan was made for ---- */

static void __attribute__((noreturn))
refuse(Oid relid)
{
	const char *name = get_rel_name(relid);

	drop_plans();
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("the plan of this statement was made for somebody else or under other policies"),
			 name != NULL ? errdetail("It reads table %s, which has policies.", name) : 0,
			 errhint("Run the statement again; a cursor has to be opened again.")));
}

typedef enum Looked { UNTOUCHED, MARKED, WRONG, UNMARKED } Looked;

/* One entry of a plan, and whether it is as it would be if it were planned now.  *subject is found out when first needed. */
static Looked
look(const RangeTblEntry *rte, LhSubject *subject, bool *known)
{
	LhMark		mark;
	bool		marked;
	const LhEffective *effective;

	if (rte->rtekind != RTE_RELATION || (rte->enrname == NULL && !lh_policy_any(rte->relid)))
		return UNTOUCHED;
	marked = lh_mark_get(rte, &mark);
	if (!marked && !lh_policy_any(rte->relid))
		return UNTOUCHED;
	if (!*known)
	{
		*subject = lh_subject();
		*known = true;
	}
	if (marked && mark.kind == LH_MARK_INTEGRITY)
		return subject->integrity ? MARKED : WRONG;
	effective = lh_enforce_effective(marked ? mark.relid : rte->relid, subject);
	if (!marked)
		return effective == NULL ? UNTOUCHED : UNMARKED;
	if (effective == NULL || effective->stamp != mark.stamp)
		return WRONG;
	return mark.until != PG_INT64_MAX && GetCurrentTimestamp() >= mark.until ? WRONG : MARKED;
}

void
lh_enforce_planned(PlannedStmt *plan)
{
	LhSubject	subject;
	bool		known = false;
	bool		masked = false;
	ListCell   *lc;

	policies = true;
	foreach(lc, plan->rtable)
	{
		RangeTblEntry *rte = lfirst(lc);
		LhMark		mark;
		Looked		looked;

		if (rte->rtekind != RTE_RELATION || !(lh_mark_get(rte, &mark) || lh_policy_any(rte->relid)))
			continue;
		/* also of who is exempt: it must not be another's */
		plan->dependsOnRole = true;
		looked = look(rte, &subject, &known);
		if (looked == UNMARKED)
			lh_enforce_denied(rte->relid, InvalidAttrNumber,
							  "It has policies, and came into the plan where they could not be applied.");
		if (looked == WRONG)
			refuse(rte->relid);
		if (looked == MARKED && lh_mark_get(rte, &mark))
		{
			next_end = Min(next_end, mark.until);
			masked |= mark.kind == LH_MARK_MASKED;
		}
	}
	if (masked)
		lh_enforce_raw(plan, &subject);
}

static void
check(const PlannedStmt *plan)
{
	LhSubject	subject;
	bool		known = false;
	ListCell   *lc;

	/* the leader has looked, and marks do not travel to workers */
	if (plan == NULL || IsParallelWorker())
		return;
	foreach(lc, plan->rtable)
	{
		Looked		looked = look(lfirst(lc), &subject, &known);

		if (looked == WRONG || looked == UNMARKED)
			refuse(lfirst_node(RangeTblEntry, lc)->relid);
	}
}

void
lh_enforce_start(QueryDesc *query, int eflags)
{
	lh_enforce_subject_changed();
	check(query->plannedstmt);
}

/* Its rows are for who opened it. */
void
lh_enforce_run(QueryDesc *query)
{
	/* PortalStart's PG_TRY has put back what was watched before */
	lh_utility_watch_errors();
	check(query->plannedstmt);
}

/* ---- privileges without a plan ---- */

static ExecutorCheckPerms_hook_type next_check_perms;

/* Would reading this entry go past a policy?  *column: of which column; 0: of the table's rows. */
static bool
past_policy(RangeTblEntry *rte, List *infos, const LhSubject *subject, AttrNumber *column)
{
	const LhEffective *effective;
	LhPrivileges privileges;
	LhMark		mark;
	bool		whole;
	ListCell   *lc;

	if (lh_mark_get(rte, &mark) || !lh_privileges(infos, rte, &privileges) || (*privileges.required & ACL_SELECT) == 0 ||
		(effective = lh_enforce_effective(rte->relid, subject)) == NULL)
		return false;
	*column = InvalidAttrNumber;
	if (effective->filters != NIL)
		return true;
	whole = bms_is_member(InvalidAttrNumber - FirstLowInvalidHeapAttributeNumber, *privileges.selected);
	foreach(lc, effective->columns)
	{
		const LhColumnPolicy *policy = lfirst(lc);

		*column = policy->attnum;
		if (policy->mask != NULL && (whole || bms_is_member(*column - FirstLowInvalidHeapAttributeNumber, *privileges.selected)))
			return true;
	}
	return false;
}

static bool
check_perms(LH_CHECK_PERMS_ARGUMENTS)
{
	LhSubject	subject;
	bool		known = false;
	AttrNumber	column;
	ListCell   *lc;

	if (next_check_perms != NULL && !next_check_perms(LH_CHECK_PERMS_PASS))
		return false;
	if (IsParallelWorker() || lh_policy_none())
		return true;
	foreach(lc, rtable)
	{
		RangeTblEntry *rte = lfirst(lc);

		if (rte->rtekind != RTE_RELATION || !lh_policy_any(rte->relid))
			continue;
		if (!known)
			subject = lh_subject();
		known = true;
		if (!past_policy(rte, LH_CHECK_PERMS_INFOS, &subject, &column))
			continue;
		if (raise)
			lh_enforce_denied(rte->relid, column, "It has a policy, which this statement would go past.");
		return false;
	}
	return true;
}

void
lh_enforce_plan_init(void)
{
	next_check_perms = ExecutorCheckPerms_hook;
	ExecutorCheckPerms_hook = check_perms;
}
