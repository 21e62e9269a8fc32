/*
 * enforce.h
 *		Policies applied to statements.
 *
 *	enforce.c			planner hook: which statements, whose subject, tables that are written to
 *	enforce_table.c		a table in a query replaced by a subquery of masks
 *	enforce_write.c		masked columns of a table that is written to
 *	enforce_place.c		masks that stay at the scan in a query that has no subquery any more
 *	enforce_raw.c		plans: what is masked is nowhere above its scan
 *	enforce_plan.c		executor: plans of another subject are not run; privileges of used columns
 *	enforce_count.c		what EXPLAIN ANALYZE counts
 *	enforce_stats.c		what the planner may know of masked columns
 *	utility*.c			statements that the planner does not see (utility.h)
 *
 * docs/policies-enforcement.md has the whole of it, in prose.
 */
#ifndef LH_PG_PRIVACY_ENFORCE_H
#define LH_PG_PRIVACY_ENFORCE_H

#include "pg/privacy/policy.h"

#include "executor/execdesc.h"
#include "nodes/params.h"
#include "nodes/plannodes.h"

/* PlaceHolderVars that masks of a statement are in: numbers of them (enforce_place.c). */
typedef Index LhPlaces;

/* What is known while a statement is planned; statements that planning calls have their own. */
typedef struct LhPlanning
{
	bool		active;			/* functions that could bring tables into it by themselves stay calls */
	LhPlaces	places;
	const struct PlannerGlobal *told;	/* who numbers its own after these */
} LhPlanning;

/*
 * Hooks, called by init.c in this order: before planning (the query is changed in place: the planner's caller owns it),
 * after it, at every executor start before anything else, and at every run (a cursor has many).
 */
extern LhPlaces lh_enforce_query(Query *query);
extern void lh_enforce_planned(PlannedStmt *plan);
extern void lh_enforce_start(QueryDesc *query, int eflags);
extern void lh_enforce_run(QueryDesc *query);
/* After the end of a statement, before its plan is shown with counts. */
extern void lh_enforce_finished(QueryDesc *query);

/* Around planning; returns what lh_enforce_planning_end has to be given, also after an ERROR. */
extern LhPlanning lh_enforce_planning_begin(LhPlaces places);
extern void lh_enforce_planning_end(LhPlanning before);

/*
 * The subject may have become another (after SET, and before what could use a cached plan): plans of the
 * last one are dropped.  Cheap when it is the same; may be called in a failed transaction.
 */
extern void lh_enforce_subject_changed(void);

/* Does a policy of the relation hold for the present subject?  LhFeatures.under_policy. */
extern bool lh_enforce_holds(Oid relid);

/* _PG_init: fmgr and other hooks of its own, settings. */
extern void lh_enforce_init(void);

/* ---- between these files ---- */

/*
 * As lh_policy_effective, but an ERROR when nobody knows for whom: every caller of this
 * folder that enforces asks this.
 */
extern const LhEffective *lh_enforce_effective(Oid relid, const LhSubject *subject);

/*
 * An entry of the range table that was looked at for a subject says so: plans are flattened and cached, and what is
 * in one without this, or with another, is not run.  The executor's copy of the entry keeps it, inheritance hands it on to
 * children, and no statement of SQL can make it.
 */
typedef enum LhMarkKind
{
	LH_MARK_MASKED = 'm',		/* read by a subquery of ours */
	LH_MARK_PRIVILEGES = 'p',	/* scanned by nothing: carries privileges */
	LH_MARK_WRITTEN = 'w',		/* result relation: what is read of it was checked */
	LH_MARK_POLICY = 'x',		/* read by an expression of a policy */
	LH_MARK_INTEGRITY = 'i'		/* compared raw by a check of a foreign key */
} LhMarkKind;

typedef struct LhMark
{
	LhMarkKind	kind;
	Oid			relid;			/* whose policies: an ancestor, in a child's entry */
	uint64		stamp;
	TimestampTz until;
} LhMark;

/* effective NULL: of LH_MARK_INTEGRITY */
extern void lh_mark_set(RangeTblEntry *rte, LhMarkKind kind, const LhEffective *effective);
extern bool lh_mark_read(const RangeTblEntry *rte, LhMark *mark);

/* False: there is none. */
static inline bool
lh_mark_get(const RangeTblEntry *rte, LhMark *mark)
{
	return unlikely(rte->enrname != NULL) && lh_mark_read(rte, mark);
}

/* The entry is read in this query, by its FROM: replaced as policies say.  kept: a subquery with masks stays one. */
extern void lh_enforce_table(Query *query, Index rti, const LhSubject *subject, bool kept);

/* The statement writes to its result relation: ERROR when it does with masked columns what it may not. */
extern void lh_enforce_written(Query *query, const LhEffective *effective, LhPrivileges *privileges);

/* EXCLUDED of ON CONFLICT: the values that the statement proposed. */
extern void lh_enforce_excluded(Query *query, RangeTblEntry *rte, const LhEffective *effective);

/* Tables that an expression of a policy looks things up in are marked: it reads them as its owner, without masks. */
extern void lh_enforce_expression(Node *expression, const LhSubject *subject);

/* "permission denied for column x of table y" */
extern void lh_enforce_denied(Oid relid, AttrNumber attnum, const char *what) __attribute__((noreturn));

/* ---- enforce_place.c ---- */

/* Before the first of a statement; ends with how many there were, and what was counted before. */
extern LhPlaces lh_places_begin(void);
extern LhPlaces lh_places_end(LhPlaces before);
/* Are there numbers for so many more? */
extern bool lh_places_room(int n);
/* The expression over this entry of the query, evaluated where that is scanned and nowhere else. */
extern Expr *lh_place_at_scan(Expr *expr, Index rti);
/* get_relation_info_hook: the planner numbers its own after ours.  Before it looks for any in this query. */
extern void lh_places_tell(struct PlannerInfo *root, LhPlanning *planning);
extern LhPlanning lh_planning;

/* ---- enforce_raw.c ---- */

/* ERROR when a node above a scan has use for a masked column; what is merely carried along to where rows are stored is taken out. */
extern void lh_enforce_raw(PlannedStmt *plan, const LhSubject *subject);

/* enforce_plan.c, enforce_stats.c: their hooks */
extern void lh_enforce_plan_init(void);
extern void lh_enforce_stats_init(void);
/* get_relation_stats_hook: true: the planner gets no statistics of this column. */
extern bool lh_enforce_hides_stats(RangeTblEntry *rte, AttrNumber attnum);
/* Catalogs with samples of values: what is in them of tables under a policy is left out of what the entry reads. */
extern bool lh_enforce_is_statistics(Oid relid);
extern void lh_enforce_statistics(RangeTblEntry *rte, Index rti, const LhSubject *subject);

#endif
