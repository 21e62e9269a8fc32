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

struct PlannerInfo;
struct VariableStatData;

typedef struct LhFeatures
{
	/* lake: statements of IMPORT FOREIGN SCHEMA, as FdwRoutine wants them */
	List	   *(*import_foreign_schema) (ImportForeignSchemaStmt *stmt, Oid serverid);
	/* fdw: statistics of a column of its tables for the planner, as get_relation_stats_hook wants them */
	bool		(*relation_stats) (struct PlannerInfo *root, RangeTblEntry *rte, AttrNumber attno,
								   struct VariableStatData *vardata);
} LhFeatures;

extern LhFeatures lh_features;

#endif
