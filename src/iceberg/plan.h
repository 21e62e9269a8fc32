/*
 * plan.h
 *		Internal: what plan.c, prune.c, deletes.c and describe_files.c share.
 */
#ifndef LH_ICEBERG_PLAN_H
#define LH_ICEBERG_PLAN_H

#include "iceberg/ids.h"
#include "iceberg/manifest.h"

/* ---- partition specs as planning needs them (prune.c) ---- */

typedef struct LhIceFieldInfo
{
	const LhIceSpecField *field;
	bool known;    /* source and type are known */
	LhType source; /* of the source column, as far as known */
	LhType type;   /* of the partition value */
} LhIceFieldInfo;

typedef struct LhIceSpecInfo
{
	int spec_id;
	bool unpartitioned; /* no field, or void ones only */
	int nfields;
	LhIceFieldInfo *fields;
	LhPred **preds; /* by filter: bound projection on the fields, NULL: nothing */
} LhIceSpecInfo;

/* ---- pruning (prune.c) ---- */

typedef struct LhIcePrune LhIcePrune;

/* Compile a filter (NULL: none) for a table. */
extern LhStatus lh_ice_prune_create(LhCtx *ctx, LhIceTable *table, const LhTaskFilter *filter,
									LhIcePrune **out);
/* Ask for the statistics of more fields (top-level ones, of equality deletes). */
extern LhStatus lh_ice_prune_want(LhCtx *ctx, LhIcePrune *prune, int nids, const int *ids);
/* Fields whose statistics are needed, ascending. */
extern int lh_ice_prune_ids(const LhIcePrune *prune, const int32_t **ids);
extern LhStatus lh_ice_prune_spec(LhCtx *ctx, LhIcePrune *prune, int spec_id,
								  LhIceSpecInfo **out);

/* What its summaries say of each filter alone, over all rows of a manifest. */
extern LhStatus lh_ice_prune_verdicts(LhCtx *ctx, LhIcePrune *prune, const LhIceManifestFile *line,
									  LhVerdict *out);
/* Can a manifest hold a file with a row that passes, by its counts and summaries? */
extern LhStatus lh_ice_prune_manifest(LhCtx *ctx, LhIcePrune *prune, const LhIceManifestFile *line,
									  bool *may);

/* One manifest under a filter. */
typedef struct LhIceView
{
	LhIcePrune *prune;
	uint64_t serial; /* no other view of the prune has it */
	const LhIceManifest *m;
	LhIceSpecInfo *spec;
	int *parts;       /* by field of the spec: number in m->parts, -1: not there */
	uint8_t *tuples;  /* by tuple: 0 not looked at, 1 may pass, 2 cannot */
	const LhIceStats **stats; /* by column of the filter; NULL: none */
	/* what the tuple says of the filter's columns */
	LhArena *scratch;
	int64_t tuple; /* -1: none yet */
	LhBounds *tuple_bounds;
	LhBounds *bounds; /* of the file */
} LhIceView;

extern LhStatus lh_ice_view_create(LhCtx *ctx, LhIcePrune *prune, int spec_id,
								   const LhIceManifest *m, LhIceView **out);
/* Value of field j of the spec in a tuple, of the field's type; false: unknown. */
extern bool lh_ice_view_value(const LhIceView *view, int j, uint32_t tuple, LhValue *out);

typedef enum LhIceFate
{
	LH_ICE_KEEP, LH_ICE_BY_PARTITION, LH_ICE_BY_BOUNDS /* left out, and by what */
} LhIceFate;

/* What becomes of entry i; *satisfied: filters that all of its rows pass. */
extern LhStatus lh_ice_prune_file(LhCtx *ctx, LhIceView *view, size_t i, LhIceFate *fate,
								  uint64_t *satisfied);

/*
 * Can a key of an equality delete file (entry i) be equal to that of a row which passes?  Of
 * its other columns nothing counts.
 */
extern bool lh_ice_prune_keys(LhIcePrune *prune, const LhIceManifest *m, size_t i, int nids,
							  const int *ids);

/* Bounds of a field in a file, as lh_pred_bounds takes them. */
extern void lh_ice_stats_bounds(const LhIceStats *stats, const LhType *type, size_t i,
								int64_t records, LhBounds *out);

/* ---- deletes (deletes.c) ---- */

typedef struct LhIceDeletes LhIceDeletes;

/* The delete files of a task list, each once; several LhIceDeletes may fill it. */
typedef struct LhIceDeleteFiles
{
	LhArena *arena; /* of the task list */
	uint32_t n;
	LhBuf files;       /* LhDeleteFile */
	LhIceIntern lists; /* of numbers in files */
	LhBuf memory;      /* by number of a list: const uint32_t * */
} LhIceDeleteFiles;
extern LhStatus lh_ice_delete_files_init(LhCtx *ctx, LhIceDeleteFiles *out); /* in ctx->arena */

/* In ctx->arena, which holds all but what goes out. */
extern LhStatus lh_ice_deletes_create(LhCtx *ctx, LhIceTable *table, LhIcePrune *prune,
									  LhIceDeleteFiles *out, LhIceDeletes **deletes);
/*
 * Add the live entries of a manifest of deletes, which stays open as long.  added_by: only
 * those that this snapshot added (0: all).
 */
extern LhStatus lh_ice_deletes_add(LhCtx *ctx, LhIceDeletes *d, const LhIceManifestFile *line,
								   LhIceManifest *m, int64_t added_by);
/* After the last one. */
extern LhStatus lh_ice_deletes_finish(LhCtx *ctx, LhIceDeletes *d);
extern bool lh_ice_deletes_empty(const LhIceDeletes *d);

/* A data file that deletes are looked up for. */
typedef struct LhIceDataFile
{
	LhIceView *view;
	size_t entry;
	int64_t sequence;
	const char *path; /* to open */
} LhIceDataFile;

/*
 * The deletes that apply to a data file: numbers in the list of delete files, in
 * memory that lives with it and is perhaps shared.  Files are best asked for
 * manifest by manifest.
 */
extern LhStatus lh_ice_deletes_find(LhCtx *ctx, LhIceDeletes *d, const LhIceDataFile *file, int *n,
									const uint32_t **out);

/* ---- plan.c ---- */

/* Partition fields of all specs, ascending by id; of one id the latest spec's that is not void. */
typedef struct LhIceTupleFields
{
	size_t n;
	const LhIceSpecField **fields;
} LhIceTupleFields;
extern LhStatus lh_ice_tuple_fields(LhCtx *ctx, const LhIceMetadata *m, LhIceTupleFields *out);
/* A tuple as JSON object over these, those that its spec lacks null; appended. */
extern LhStatus lh_ice_partition_json(LhCtx *ctx, const LhIceTupleFields *fields,
									  const LhIceView *view, uint32_t tuple, LhBuf *out);

typedef struct LhIcePlan
{
	LhIceTable *table;
	LhIcePrune *prune;
	LhArena *result; /* of the task list; floor */
	LhArena *work;   /* until the plan is made; floor */
	LhIceDeleteFiles files;
	bool want_partition; /* LH_SRC_PARTITION_TUPLE is asked for */
	LhIceTupleFields tuple_fields;
	size_t expected; /* tasks, by the manifest list; 0: nobody knows */
	size_t n;
	size_t npieces;
	LhBuf pieces; /* LhBuf of LhFileTask, in result */
	LhBuf text;
	struct LhIceOrder *order; /* that is wanted (order.h); NULL: none */
	LhIceIds delete_ids; /* fields whose statistics are wanted of delete files */
} LhIcePlan;

/* A manifest of data files, as its tasks are made. */
typedef struct LhIcePlanManifest
{
	LhArena *arena; /* of this manifest's planning */
	const LhIceManifestFile *line;
	LhIceManifest *m;
	LhIceView *view;
	LhStr *dirs; /* to open, by directory; ptr NULL: file by file */
	LhBuf path;  /* of the file that was asked for last */
	int nconsts;
	int *const_fields; /* of the spec */
	int *const_ids;
	LhType *const_types;
	const LhValue **consts; /* by tuple; NULL: not made */
	const char **json;      /* by tuple; NULL: not made */
} LhIcePlanManifest;

/* Called for each entry that the filter leaves. */
typedef LhStatus (*LhIceEntryFn) (LhCtx *ctx, LhIcePlan *plan, LhIcePlanManifest *pm, size_t i,
								  const LhIceInherit *inherit, uint64_t satisfied, void *arg);
/* Entries of a data manifest; statuses: bits (1 << LhIceStatus) of those that count. */
extern LhStatus lh_ice_plan_entries(LhCtx *ctx, LhIcePlan *plan, const LhIceManifestFile *line,
									unsigned statuses, LhIceEntryFn fn, void *arg);
/* Path and data sequence of an entry; the path is valid until the next one, a task keeps its own. */
extern LhStatus lh_ice_plan_file(LhCtx *ctx, LhIcePlan *plan, LhIcePlanManifest *pm, size_t i,
								 const LhIceInherit *inherit, LhIceDataFile *out);
/* A new task with all that an entry says. */
extern LhStatus lh_ice_plan_task(LhCtx *ctx, LhIcePlan *plan, LhIcePlanManifest *pm,
								 const LhIceDataFile *file, const LhIceInherit *inherit,
								 uint64_t satisfied, LhFileTask **out);
/* Index the deletes of a list's manifests. */
extern LhStatus lh_ice_plan_deletes(LhCtx *ctx, LhIcePlan *plan, size_t n,
									const LhIceManifestFile *lines, int64_t added_by,
									LhIceDeletes **out);

/* ---- changes.c ---- */

/* Tasks of the snapshots after options.changes_from up to changes_to. */
extern LhStatus lh_ice_plan_changes(LhCtx *ctx, LhIcePlan *plan);

#endif
