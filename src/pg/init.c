/*
 * init.c
 *		The one place where the library introduces itself to PostgreSQL.
 *
 * Settings first, then formats, then what features offer to each other; each
 * hook of PostgreSQL is installed here once and calls features in a written
 * order.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "optimizer/paths.h"
#include "optimizer/planner.h"
#include "storage/ipc.h"
#include "tcop/utility.h"
#include "utils/selfuncs.h"

#include "executor/executor.h"

#include "files/files.h"
#include "iceberg/iceberg.h"
#include "pg/audit/audit.h"
#include "pg/bridge/iceberg.h"
#include "pg/bridge/pin.h"
#include "pg/cdc/cdc.h"
#include "pg/fdw/fdw.h"
#include "pg/lake/lake.h"
#include "pg/privacy/audit_uses.h"
#include "pg/privacy/enc_rotate.h"
#include "pg/privacy/enforce.h"
#include "pg/privacy/invert.h"
#include "pg/privacy/keyring.h"
#include "pg/privacy/location_closed.h"
#include "pg/privacy/limits.h"
#include "pg/privacy/policy.h"
#include "pg/privacy/project.h"
#include "pg/privacy/stream.h"
#include "pg/privacy/utility.h"
#include "pg/util/features.h"
#include "pg/util/progress.h"
#include "pg/util/threads.h"
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
static planner_hook_type next_planner;
static ExecutorStart_hook_type next_executor_start;
static ExecutorRun_hook_type next_executor_run;
static ExecutorFinish_hook_type next_executor_finish;
static ExecutorEnd_hook_type next_executor_end;
static emit_log_hook_type next_emit_log;
static get_relation_stats_hook_type next_relation_stats;
static ProcessUtility_hook_type next_process_utility;
static shmem_request_hook_type next_shmem_request;
static shmem_startup_hook_type next_shmem_startup;

static void
rel_pathlist(PlannerInfo *root, RelOptInfo *rel, Index rti, RangeTblEntry *rte)
{
	if (next_rel_pathlist != NULL)
		next_rel_pathlist(root, rel, rti, rte);
	lh_lake_read_paths(root, rel, rte);
	if (lh_privacy_preloaded)
		lh_invert_paths(root, rel, rte);
}

static bool
relation_stats(PlannerInfo *root, RangeTblEntry *rte, AttrNumber attno, VariableStatData *vardata)
{
	/* nearly always: neither under a policy, nor ours */
	if (next_relation_stats == NULL && rte->enrname == NULL && rte->relkind != RELKIND_FOREIGN_TABLE)
		return false;
	if (lh_enforce_hides_stats(rte, attno))
		return true;
	if (next_relation_stats != NULL && next_relation_stats(root, rte, attno, vardata))
		return true;
	return lh_features.relation_stats != NULL && lh_features.relation_stats(root, rte, attno, vardata);
}

static PlannedStmt *
plan_next(Query *query, const char *source, int options, ParamListInfo params)
{
	if (next_planner != NULL)
		return next_planner(query, source, options, params);
	return standard_planner(query, source, options, params);
}

/* Policies come before whatever else plans: others see masks where columns were. */
static PlannedStmt *
plan_with_policies(Query *query, const char *source, int options, ParamListInfo params)
{
	PlannedStmt *result;
	LhPlaces	places = lh_enforce_query(query);
	LhPlanning	before;
	bool		pinned;

	if (lh_policy_none())
		return plan_next(query, source, options, params);
	before = lh_enforce_planning_begin(places);
	pinned = lh_subject_pin();
	PG_TRY();
	{
		result = plan_next(query, source, options, params);
	}
	PG_FINALLY();
	{
		if (pinned)
			lh_subject_unpin();
		lh_enforce_planning_end(before);
	}
	PG_END_TRY();
	lh_enforce_planned(result);
	return result;
}

/* What is denied before there is a plan is recorded here. */
static PlannedStmt *
plan(Query *query, const char *source, int options, ParamListInfo params)
{
	PlannedStmt *result;

	if (!lh_audit_on())
		return plan_with_policies(query, source, options, params);
	PG_TRY();
	{
		result = plan_with_policies(query, source, options, params);
	}
	PG_CATCH();
	{
		lh_audit_planning_failed(query, source);
		PG_RE_THROW();
	}
	PG_END_TRY();
	return result;
}

static void
start_next(QueryDesc *query, int eflags)
{
	if (next_executor_start != NULL)
		next_executor_start(query, eflags);
	else
		standard_ExecutorStart(query, eflags);
	if (query->estate != NULL)
		lh_pin_executor(query->estate);
	if (lh_privacy_preloaded && query->estate != NULL)
	{
		lh_utility_started(query);
		lh_project_started(query);
	}
}

/* Policies first, then audit: an intent is recorded of what they let through, before anything is run. */
static void
executor_start(QueryDesc *query, int eflags)
{
	LhAuditMark mark = {0};
	bool		audited;
	bool		pinned;

	if (lh_privacy_preloaded)
		lh_enforce_start(query, eflags);
	audited = lh_audit_on();
	if (audited)
		mark = lh_audit_start(query, eflags);
	pinned = lh_subject_pin();
	if (!pinned && !audited)
	{
		start_next(query, eflags);
		return;
	}
	PG_TRY();
	{
		start_next(query, eflags);
	}
	PG_CATCH();
	{
		if (pinned)
			lh_subject_unpin();
		if (audited)
			lh_audit_failed(&mark);
		PG_RE_THROW();
	}
	PG_END_TRY();
	if (pinned)
		lh_subject_unpin();
	if (audited)
		lh_audit_left(&mark);
}

static void
run_next(LH_EXECUTOR_RUN_ARGUMENTS)
{
	if (next_executor_run != NULL)
		next_executor_run(LH_EXECUTOR_RUN_PASS);
	else
		standard_ExecutorRun(LH_EXECUTOR_RUN_PASS);
}

static void
executor_run(LH_EXECUTOR_RUN_ARGUMENTS)
{
	LhAuditMark mark = {0};
	bool		audited = lh_audit_on();
	bool		pinned;

	lh_enforce_run(query);
	if (audited)
		mark = lh_audit_enter(query);
	pinned = lh_subject_pin();
	if (!pinned && !audited)
	{
		run_next(LH_EXECUTOR_RUN_PASS);
		return;
	}
	PG_TRY();
	{
		run_next(LH_EXECUTOR_RUN_PASS);
	}
	PG_CATCH();
	{
		if (pinned)
			lh_subject_unpin();
		if (audited)
			lh_audit_failed(&mark);
		PG_RE_THROW();
	}
	PG_END_TRY();
	if (pinned)
		lh_subject_unpin();
	if (audited)
	{
		lh_audit_ran(&mark, query);
		lh_audit_left(&mark);
	}
}

/* Triggers that wait for the end of the statement run here. */
static void
executor_finish(QueryDesc *query)
{
	ExecutorFinish_hook_type finish = next_executor_finish != NULL ? next_executor_finish : standard_ExecutorFinish;
	LhAuditMark mark;

	/* without changes there are no triggers */
	if (!lh_audit_on() || (query->operation == CMD_SELECT && !query->plannedstmt->hasModifyingCTE))
	{
		finish(query);
		if (lh_privacy_preloaded)
			lh_enforce_finished(query);
		return;
	}
	mark = lh_audit_enter(query);
	PG_TRY();
	{
		finish(query);
		if (lh_privacy_preloaded)
			lh_enforce_finished(query);
	}
	PG_CATCH();
	{
		lh_audit_failed(&mark);
		PG_RE_THROW();
	}
	PG_END_TRY();
	lh_audit_left(&mark);
}

/* An ERROR in here leaves the statement to the end of the transaction. */
static void
executor_end(QueryDesc *query)
{
	ExecutorEnd_hook_type end = next_executor_end != NULL ? next_executor_end : standard_ExecutorEnd;
	LhAuditMark mark;

	if (!lh_audit_on())
	{
		end(query);
		return;
	}
	mark = lh_audit_enter(query);
	end(query);
	lh_audit_ended(&mark);
}

static void
emit_log(ErrorData *error)
{
	if (next_emit_log != NULL)
		next_emit_log(error);
	lh_audit_error(error);
}

/*
 * Policies first: what COPY of a table becomes may be in our format, too.  COPY in our format ends here: PostgreSQL and other
 * extensions would not know it.
 */
#define LH_UTILITY_ARGUMENTS PlannedStmt *pstmt, const char *source, bool read_only_tree, ProcessUtilityContext context, \
	ParamListInfo params, QueryEnvironment *env, DestReceiver *dest, QueryCompletion *completion
#define LH_UTILITY_PASS pstmt, source, read_only_tree, context, params, env, dest, completion

static void
run_utility(LH_UTILITY_ARGUMENTS)
{
	if (lh_privacy_preloaded && lh_utility_before(&pstmt, source, context, params, env, dest, completion))
		return;
	if (lh_lake_copy(pstmt, source, completion))
		return;
	if (next_process_utility != NULL)
		next_process_utility(LH_UTILITY_PASS);
	else
		standard_ProcessUtility(LH_UTILITY_PASS);
	if (lh_privacy_preloaded)
	{
		lh_enforce_subject_changed();
		lh_utility_after(pstmt, source, completion);
	}
}

static void
process_utility(LH_UTILITY_ARGUMENTS)
{
	LhAuditMark mark;

	/* EXECUTE takes a plan before any other hook is called; SET changes for whom */
	if (lh_privacy_preloaded)
		lh_enforce_subject_changed();
	if (!lh_audit_on())
	{
		run_utility(LH_UTILITY_PASS);
		return;
	}
	mark = lh_audit_utility(pstmt);
	PG_TRY();
	{
		run_utility(LH_UTILITY_PASS);
	}
	PG_CATCH();
	{
		lh_audit_failed(&mark);
		PG_RE_THROW();
	}
	PG_END_TRY();
	lh_audit_utility_ended(&mark, completion);
}

static void
shmem_request(void)
{
	if (next_shmem_request != NULL)
		next_shmem_request();
	lh_pg_progress_request();
	lh_pg_threads_request();
	lh_keyring_request();
	lh_limits_request();
	lh_audit_request();
}

static void
shmem_startup(void)
{
	if (next_shmem_startup != NULL)
		next_shmem_startup();
	lh_pg_progress_startup();
	lh_pg_threads_startup();
	lh_keyring_startup();
	lh_limits_startup();
	lh_audit_startup();
}

void
_PG_init(void)
{
	lh_audit_define_settings();
	lh_pg_define_settings();
	lh_pg_manifest_cache_changed = lh_iceberg_resize_cache;
	lh_format_register(&lh_files_format);
	lh_format_register(&lh_files_avro);
	lh_format_register(&lh_files_orc);
	lh_format_register(&lh_iceberg_format);
	lh_features.import_foreign_schema = lh_lake_import_schema;
	lh_features.relation_stats = lh_fdw_relation_stats;
	lh_features.under_policy = lh_enforce_holds;
	lh_features.closed_locations = lh_location_closed;
	lh_features.lake_table_changed = lh_location_changed;
	lh_features.has_policy = lh_policy_any;
	lh_features.policy_uses = lh_audit_policy_uses;
	lh_features.policy_entry = lh_audit_policy_entry;
	lh_features.stream_policies = &lh_stream_api;

	lh_policy_init();
	lh_cdc_drop_guard_init();
	lh_lake_read_init();
	next_rel_pathlist = set_rel_pathlist_hook;
	set_rel_pathlist_hook = rel_pathlist;
	next_relation_stats = get_relation_stats_hook;
	get_relation_stats_hook = relation_stats;
	next_executor_start = ExecutorStart_hook;
	ExecutorStart_hook = executor_start;
	next_process_utility = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;

	/* shared memory is there for those alone who ask while the server starts */
	if (!process_shared_preload_libraries_in_progress)
		return;
	lh_privacy_preloaded = true;
	next_planner = planner_hook;
	planner_hook = plan;
	next_executor_run = ExecutorRun_hook;
	ExecutorRun_hook = executor_run;
	next_executor_finish = ExecutorFinish_hook;
	ExecutorFinish_hook = executor_finish;
	next_executor_end = ExecutorEnd_hook;
	ExecutorEnd_hook = executor_end;
	next_emit_log = emit_log_hook;
	emit_log_hook = emit_log;
	lh_enforce_init();
	lh_keyring_environment();
	lh_crypto_start();
	lh_keyring_register_worker();
	lh_audit_init();
	lh_audit_register_worker();
	lh_rotate_register_launcher();
	next_shmem_request = shmem_request_hook;
	shmem_request_hook = shmem_request;
	next_shmem_startup = shmem_startup_hook;
	shmem_startup_hook = shmem_startup;
}
