/*
 * init.c
 *		The one place where the library introduces itself to PostgreSQL.
 *
 * Settings first, then formats, then what features offer to each other; each
 * hook of PostgreSQL is installed here once and calls features in a written
 * order.
 */
#include "postgres.h"

#include "fmgr.h"
#include "optimizer/paths.h"

#include "files/files.h"
#include "pg/lake/lake.h"
#include "pg/util/features.h"
#include "pg/util/util.h"

#ifdef PG_MODULE_MAGIC_EXT
PG_MODULE_MAGIC_EXT(.name = "lakehouse", .version = LAKEHOUSE_VERSION);
#else
PG_MODULE_MAGIC;
#endif

extern PGDLLEXPORT void _PG_init(void);

LhFeatures	lh_features;

/* Hooks as they were before ours. */
static set_rel_pathlist_hook_type next_rel_pathlist;

static void
rel_pathlist(PlannerInfo *root, RelOptInfo *rel, Index rti, RangeTblEntry *rte)
{
	if (next_rel_pathlist != NULL)
		next_rel_pathlist(root, rel, rti, rte);
	lh_lake_read_paths(root, rel, rti, rte);
}

void
_PG_init(void)
{
	lh_pg_define_settings();
	lh_format_register(&lh_files_format);
	lh_features.import_foreign_schema = lh_lake_import_schema;

	lh_lake_read_init();
	next_rel_pathlist = set_rel_pathlist_hook;
	set_rel_pathlist_hook = rel_pathlist;
}
