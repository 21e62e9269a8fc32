/*
 * features.h
 *		What one feature needs from another, without knowing it.
 *
 * Features include only pg/util and pg/bridge.  A feature that offers
 * something to others fills a slot here in init.c; an empty slot means that
 * the feature is absent.
 */
#ifndef LH_PG_FEATURES_H
#define LH_PG_FEATURES_H

#include "postgres.h"

#include "nodes/parsenodes.h"
#include "utils/lsyscache.h"

#include "audit/record.h"

struct PlannedStmt;
struct LhStreamApi;
struct PlannerInfo;
struct VariableStatData;

typedef struct LhFeatures
{
	/* lake: statements of IMPORT FOREIGN SCHEMA, as FdwRoutine wants them */
	List	   *(*import_foreign_schema) (ImportForeignSchemaStmt *stmt, Oid serverid);
	/* fdw: statistics of a column of its tables for the planner, as get_relation_stats_hook wants them */
	bool		(*relation_stats) (struct PlannerInfo *root, RangeTblEntry *rte, AttrNumber attno,
								   struct VariableStatData *vardata);
	/* privacy: does a policy of the relation hold for who is asking?  What has its rows or their bounds without a plan is then refused. */
	bool		(*under_policy) (Oid relid);
	/*
	 * privacy: locations that policies close to the present subject (List of char *, in the server's encoding), unless this
	 * foreign table reads them; reader InvalidOid: none does.  anybody: to whomever, for what is read is shown to others.
	 */
	List	   *(*closed_locations) (Oid reader, bool anybody);
	/* privacy: ERROR unless the current user may change where a table of the lake is (place), or which of its files' columns it has */
	void		(*lake_table_changed) (Oid relid, bool place);
	/* privacy: what policies make of change streams (stream_policy.h) */
	const struct LhStreamApi *stream_policies;
	/* privacy: what policies made of the tables of a plan: List of LhPolicyUse, in the current context; NIL: nothing */
	List	   *(*policy_uses) (struct PlannedStmt *plan);
	/* privacy: is what is read by this entry of a plan's range table told by policy_uses?  Else it is in the entry's privileges. */
	bool		(*policy_entry) (const RangeTblEntry *rte);
	/* privacy: has the relation any policy, for whomever? */
	bool		(*has_policy) (Oid relid);
	/* audit: values were turned back, or made, in the running statement.  Cheap: may be called a value; ERROR when no record can be kept. */
	void		(*audit_use) (LhAuditUse use, const char *object, uint64 values);
	/*
	 * audit: something administrative is about to take effect: action "key_rotate", kind "key", its name, a few words or NULL.  Recorded
	 * also when the transaction is rolled back, which the record of its end says.  ERROR when it cannot be kept.
	 */
	void		(*audit_event) (const char *action, const char *kind, const char *name, const char *detail);
} LhFeatures;

extern LhFeatures lh_features;

/* A column of a table with policies, as a plan reads it for whom policies hold: each that is used has one. */
typedef struct LhPolicyUse
{
	Oid			relid;
	AttrNumber	attnum;			/* 0: a row filter holds; negative: no column, but the relation is used */
	const char *policy;			/* NULL: none is about this column */
	const char *mask;			/* name of the mask function; "expression": another; NULL: the value itself is shown */
} LhPolicyUse;

static inline void
lh_audit_use(LhAuditUse use, const char *object, uint64 values)
{
	if (lh_features.audit_use != NULL)
		lh_features.audit_use(use, object, values);
}

static inline void
lh_audit_event(const char *action, const char *kind, const char *name, const char *detail)
{
	if (lh_features.audit_event != NULL)
		lh_features.audit_event(action, kind, name, detail);
}

/* ERROR when one does. */
static inline void
lh_refuse_policied(Oid relid)
{
	if (lh_features.under_policy != NULL && lh_features.under_policy(relid))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied for foreign table %s", get_rel_name(relid)),
				 errdetail("It has a policy for you, and this function shows values without it.")));
}

#endif
