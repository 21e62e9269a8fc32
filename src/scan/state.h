/*
 * state.h
 *		Internal: what a running scan knows, shared by the files of scan/.
 *
 * Memory lies in nested arenas, so that whatever ends early takes its files
 * and buffers along:
 *
 *	scan		columns, task list, batch
 *	  file		descriptor
 *	    body	footer reference, page indexes, bound columns
 *	      preds	filters bound to the file's types; bound anew by a rewind
 *	    group	row ranges
 *	    columns	column cursors with their dictionaries and buffers
 *
 * Columns are numbered as in the spec.  Behind them come hidden ones:
 *
 *	- a partition column that a file also holds is read there when its values
 *	  have to be compared with the partition's;
 *	- row ids and sequence numbers that a file has stored;
 *	- keys of equality deletes that are no columns of the spec.
 */
#ifndef LH_SCAN_STATE_H
#define LH_SCAN_STATE_H

#include "scan/datafile.h"
#include "scan/deletes.h"
#include "scan/project.h"
#include "scan/share.h"

/* A batch is cut at a page boundary only when at least so many rows are left in it. */
#define LH_SCAN_MIN_NATURAL 512

typedef enum LhColumnKind
{
	LH_COL_MISSING, /* not in the file: null */
	LH_COL_CONST,   /* partition value, file name, default */
	LH_COL_NODE,    /* a schema node of the file */
	LH_COL_POSITION,
	LH_COL_DELETED,
	LH_COL_ROW_ID,      /* stored, or made of the position */
	LH_COL_ROW_SEQUENCE /* stored, or the task's */
} LhColumnKind;

/* How one column is filled in one file. */
typedef struct LhFileColumn
{
	LhColumnKind kind;
	int node;
	bool flat;     /* its statistics speak of rows */
	bool not_null; /* the file's schema allows no null */
	bool absent;   /* DATA: the file has no such column */
	LhType type;   /* of the vectors */
	LhValue value; /* CONST */
	LhProjection *project; /* NODE: from the file's type to the table's; NULL: as it is.  CONST: members of a struct */
	int stored;            /* ROW_ID, ROW_SEQUENCE: hidden column of what the file has; -1: nothing */
} LhFileColumn;

/* A partition column that is also in the file: no row may differ from the partition. */
typedef struct LhPartitionCheck
{
	int col;         /* of the spec */
	int hidden;      /* where the file's values are read */
	LhPred *differs; /* bound; true for a row that contradicts */
} LhPartitionCheck;

/* What some delete files say of one data file. */
typedef struct LhFileDeletes
{
	const LhRowSet *rows; /* NULL: none by position */
	int nkeys;
	LhKeyDeletes *keys;
	int **cols;         /* of each: the scan's columns of its ids */
	const LhVec **vecs; /* key columns of one of them, for the batch */
} LhFileDeletes;

typedef struct LhScanFile
{
	LhArena *arena;
	size_t task;
	LhObject *obj;
	LhArena *body;
	LhDataFile *data;
	LhFileColumn *cols; /* ntotal */
	LhType *types;      /* ntotal, for binding; id NULL: missing */
	int *nodes;         /* ncols, for LhMetaFn; -1: not in the file */
	int nchecks;
	LhPartitionCheck *checks;

	/* what is deleted, known once the first row group is read */
	LhArena *deletes_arena;
	bool has_deletes; /* the task names some */
	bool loaded;
	LhFileDeletes now;     /* by all deletes of the task, of DELETED only the later ones */
	LhFileDeletes earlier; /* of DELETED: by the earlier ones */

	LhArena *preds;
	uint64_t generation; /* of the scan's filters, when these were bound */
	LhPred **filters;
	bool *satisfied; /* filters that every row of the file passes */

	int group;        /* next row group */
	int end;          /* behind the last one to be read */
	int groups_stats; /* pruned by statistics */
	int groups_meta;  /* answered by LhMetaFn */
	int groups_read;
	bool new_file; /* no batch has been returned yet */
	size_t memory; /* of body when it had been opened */
} LhScanFile;

typedef struct LhRowRange
{
	int64_t from, to;
	bool live; /* it is known that all of its rows may be given, as far as their positions say */
} LhRowRange;

/* The row group being read. */
typedef struct LhScanGroup
{
	LhArena *arena;
	int group;
	int64_t rows;
	int64_t first_row;      /* of the file */
	LhBounds *bounds;       /* ntotal; the scan's */
	LhDataColumn **columns; /* ntotal; NULL until a column is read */
	bool *todo;           /* filters that still decide about rows */
	bool *check_todo;
	int nranges;
	LhRowRange *ranges; /* ascending, disjoint, not empty */
	uint64_t *given;    /* bits of the rows that may be given, by their positions; NULL: not kept */
	int range;          /* current */
	int64_t row;        /* next, in the row group */
	bool payload_asked; /* the payload columns were announced to the store */
} LhScanGroup;

/*
 * The columns of the row group that was read last: when it is the next one, too,
 * after a rewind, they are read again with the dictionaries they have.
 */
typedef struct LhScanColumns
{
	LhArena *arena; /* in the file's; NULL: none */
	const LhScanFile *file;
	int group;
	LhDataColumn **columns; /* ntotal; NULL: not opened */
} LhScanColumns;

/* Columns that a filter refers to, and what kind of filter it is. */
typedef struct LhFilterInfo
{
	int ncols;
	int *cols;
	bool has_host;
} LhFilterInfo;

typedef enum LhScanStage
{
	LH_STAGE_FILE,
	LH_STAGE_GROUP,
	LH_STAGE_BATCH,
	LH_STAGE_FILTER,
	LH_STAGE_END
} LhScanStage;

struct LhScan
{
	LhScanSpec spec; /* with arrays of its own */
	LhArena *arena;
	int ncols;
	int ntotal; /* with hidden columns */
	const LhScanColumn *cols; /* ntotal */
	bool by_id;
	LhFieldFinder *finder; /* by_id */
	int first_lineage;     /* hidden columns of row ids and sequence numbers */
	int first_key;         /* ... and of keys */
	bool shows_deleted;    /* a column LH_SRC_DELETED: deleted rows are given */
	LhTaskList tasks;
	LhDeletes *deletes; /* NULL: no task has any */

	LhArena *filter_arena; /* what depends on the filters; reset by a rewind */
	uint64_t generation;
	int nfilters;
	LhPred **filters;
	LhFilterInfo *infos;

	/* Filters bound to the types of partition values, to prune files unopened. */
	LhArena *prune_arena;
	LhPred **prune_filters; /* a NULL among them: cannot prune */
	LhType *prune_types;    /* ntotal */
	bool *prune_known;      /* ntotal; columns that these types are of */
	bool prune_bound;
	bool *prune_satisfied; /* of the task looked at last */

	LhMetaFn meta_fn;
	void *meta_arg;

	/* of a scan that shares its row groups (share.h) */
	int nsplit;
	size_t *split; /* tasks whose files are taken by row groups, ascending */
	LhScanUnit unit;

	LhScanStage stage;
	size_t next_task;
	uint64_t rewinds;
	LhScanFile *file; /* being read; NULL between */
	int nkept;
	LhScanFile *kept[LH_SCAN_KEEP_FILES];
	LhScanGroup group;
	LhScanColumns columns;

	LhBounds *bounds; /* ntotal, of the row group being pruned */

	/* the batch */
	int target; /* rows of the next batch */
	int filter; /* being evaluated */
	LhBatch batch;
	LhVec *vecs;            /* ntotal */
	const LhVec **vec_ptrs; /* ntotal; NULL: not read in this batch */
	void **made;            /* ntotal; values of computed columns, LH_BATCH each */
	bool keys_done;         /* equality deletes were looked at in this batch */
	LhSel dead;             /* shows_deleted: rows that are deleted */
};

/* scan.c */
/* A file was read to its end: count it when no row group had to be read. */
extern void lh_scan_count_file(LhCtx *ctx, const LhScanFile *file, int stats, int meta, int read);

/* share.c */
extern LhStatus lh_share_prepare(LhCtx *ctx, LhScan *scan);
extern LhStatus lh_share_enter(LhCtx *ctx, LhScan *scan);
extern void lh_share_leave(LhCtx *ctx, LhScan *scan);

/* scan.c */
/* The column of a key of equality deletes. */
extern int lh_scan_key_column(const LhScan *scan, int field_id);

/* bind.c */
extern LhStatus lh_scan_bind_columns(LhCtx *ctx, LhScan *scan, LhScanFile *file);
extern LhStatus lh_scan_bind_filters(LhCtx *ctx, LhScan *scan, LhScanFile *file);
/* Is the column the same in all rows of the task's file, known without opening it?  Then *out. */
extern bool lh_scan_constant(const LhScan *scan, int col, const LhFileTask *task, LhValue *out);

/* task.c */
extern LhStatus lh_scan_filters_set(LhCtx *ctx, LhScan *scan, int nfilters, LhPred **filters);
/* Can no row of the task's file pass, by what is known without opening it? */
extern LhStatus lh_scan_prune_task(LhCtx *ctx, LhScan *scan, const LhFileTask *task, bool *pruned);
/* The task's file, open and bound: scan->file. */
extern LhStatus lh_scan_open_file(LhCtx *ctx, LhScan *scan, size_t task);
/* Done with scan->file: close it, or keep it for the next rewind. */
extern void lh_scan_leave_file(LhScan *scan);
/* Between two row groups: give back what the file gathered, when it is much. */
extern LhStatus lh_scan_refresh_file(LhCtx *ctx, LhScan *scan);

/* Is there memory for what only a rewind would use? */
extern bool lh_scan_may_keep(const LhScan *scan);

/* rowgroup.c */
/* Look at the next row group; *read says whether rows are left to be read in it. */
extern LhStatus lh_scan_enter_group(LhCtx *ctx, LhScan *scan, bool *read);
extern void lh_scan_leave_group(LhScan *scan);
/* Close the columns that a rewind might use. */
extern void lh_scan_drop_columns(LhScan *scan);
/* Of formats that read rows as a whole: how many of n rows can be read together? */
extern LhStatus lh_scan_together(LhCtx *ctx, LhScan *scan, int *n);
extern LhStatus lh_scan_column(LhCtx *ctx, LhScan *scan, int col, LhDataColumn **out);

/* dead.c: deleted rows */
/* Load what the file's deletes say, and cut out of the group's ranges what they delete. *alive: rows to be given. */
extern LhStatus lh_scan_cut_deletes(LhCtx *ctx, LhScan *scan, int64_t *alive);
/* A batch begins: take rows out of its selection. */
extern void lh_scan_begin_deletes(LhScan *scan);
/* Take out what equality deletes delete; once a batch. */
extern LhStatus lh_scan_probe_keys(LhCtx *ctx, LhScan *scan);

/* Row i, which is not null, of a flat vector of integers. */
static inline int64_t
lh_scan_integer(const LhVec *flat, int i)
{
	const uint8_t *data = flat->data;

	switch (flat->type.lane)
	{
		case LH_LANE_I64: return lh_load_i64(data + (size_t) i * 8);
		case LH_LANE_I32: return lh_load_i32(data + (size_t) i * 4);
		default: return lh_lane_value(&flat->type, data, (size_t) i).i64;
	}
}

/* lineage.c: columns that are computed */
extern LhStatus lh_scan_make_column(LhCtx *ctx, LhScan *scan, int col);

/* ahead.c: announce columns that will be read to a remote store */
/* Of filters that are left, when the row group is entered; without any, of the payload. */
extern LhStatus lh_scan_ask_filters(LhCtx *ctx, LhScan *scan);
/* Of the payload, when the first row passed. */
extern LhStatus lh_scan_ask_payload(LhCtx *ctx, LhScan *scan);

/* batch.c */
/* The column's vector of this batch, unless it is there. */
extern LhStatus lh_scan_read_column(LhCtx *ctx, LhScan *scan, int col);
/* Begin the next batch; false when the row group has no more rows. */
extern LhStatus lh_scan_begin_batch(LhCtx *ctx, LhScan *scan, bool *more);
/* Filters from scan->filter on; may return LH_NEED_HOST. */
extern LhStatus lh_scan_filter_batch(LhCtx *ctx, LhScan *scan, LhHostRequest **request);
/* Payload columns and checks of the selected rows. */
extern LhStatus lh_scan_fill_batch(LhCtx *ctx, LhScan *scan);

#endif
