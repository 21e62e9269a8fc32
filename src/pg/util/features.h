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
} LhFeatures;

extern LhFeatures lh_features;

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
