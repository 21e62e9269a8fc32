/*
 * iceberg.h
 *		Apache Iceberg tables, v1 to v3, read.
 *
 * Fills the vtable of scan/ and, beside it, tells what the metadata says: the
 * rows of Iceberg's metadata tables, for describe functions.  Nothing here
 * knows PostgreSQL or a catalog: who has a catalog resolves a name to a
 * metadata file and gives that as the location.
 *
 *	location.c	directory or metadata file -> the metadata file to read
 *	metadata.c	the metadata file (core/json_pull.h): schemas, specs, snapshots, refs, logs
 *	schema.c	Iceberg's types and defaults -> LhType, LhDefault, name mappings
 *	spec.c		partition specs, sort orders
 *	snapshot.c	which snapshot and which schema (id, time, ref)
 *	path.c		paths in metadata: normal form, trust, rebasing
 *	encryption.c	keys of encrypted tables, their manifest lists and manifests
 *	value.c		single values: binary (bounds) and JSON (defaults)
 *	transform.c	partition transforms and projections of predicates on them
 *	manifest.c	manifests, decoded column-wise (columns.c, intern.c, ids.c); list.c: lists of them
 *	cache.c		decoded manifests and metadata files, kept by what tells them apart
 *	prune.c		which manifests and files can hold a row that passes
 *	deletes*.c	which deletes apply to which data file
 *	plan.c		a snapshot -> file tasks; changes.c: what snapshots changed
 *	puffin.c	footers of Puffin files: statistics, deletion vectors
 *	describe_*.c	rows of metadata tables
 *	table.c		the vtable
 *	order.c		tasks in the order of their rows; estimate.c: how many pass a condition
 *	facts.c		what planners ask: counts, distinct values, sort order
 *
 * Format: https://iceberg.apache.org/spec/ ; puffin: https://iceberg.apache.org/puffin-spec/
 */
#ifndef LH_ICEBERG_ICEBERG_H
#define LH_ICEBERG_ICEBERG_H

#include "scan/scan.h"

extern const LhFormat lh_iceberg_format;

/* Decoded manifests and metadata files, for all tables of a process; as LhPqCache.  Set once, before the first table is opened; NULL: none. */
typedef struct LhIceCache LhIceCache;
extern LhIceCache *lh_ice_cache_create(size_t max_bytes);
extern void lh_ice_cache_destroy(LhIceCache *cache);
extern void lh_ice_cache_resize(LhIceCache *cache, size_t max_bytes);
extern void lh_ice_cache_clear(LhIceCache *cache);
extern size_t lh_ice_cache_bytes(const LhIceCache *cache);
extern void lh_ice_use_cache(LhIceCache *cache);

/* ---- what a table is now ---- */

typedef struct LhIceSnapshotInfo
{
	int64_t		snapshot_id;	/* 0 when none: an empty table */
	bool		has_snapshot;
	int64_t		timestamp_ms;
	int			schema_id;		/* of the schema that the rows are shown with */
	const char *metadata_path;	/* of the metadata file that was read */
	const char *ref;			/* as asked for; NULL: main, or by id or time */
	double		rows;			/* records of data files less deleted positions, by the manifest list; -1: unknown */
	double		delete_rows;	/* records of delete files */
	int64_t		bytes;			/* of data files; -1: unknown */
	int64_t		data_files;		/* by the manifest list; -1 */
	int64_t		delete_files;
} LhIceSnapshotInfo;

/* For planning: reads metadata file and manifest list, no manifest. table was opened by lh_iceberg_format. */
extern LhStatus lh_ice_snapshot_info(LhCtx *ctx, LhTable *table, LhIceSnapshotInfo *out);

/* Distinct values of a field by the snapshot's Puffin statistics (theta sketches, "ndv"); -1: unknown. */
extern LhStatus lh_ice_distinct(LhCtx *ctx, LhTable *table, int field_id, double *out);

/* The declared sort order that all data files of the snapshot share: field ids; 0 when there is none. */
typedef struct LhIceSortField
{
	int			field_id;
	bool		identity;		/* false: a transform of it */
	bool		descending;
	bool		nulls_first;
} LhIceSortField;
extern LhStatus lh_ice_sort_order(LhCtx *ctx, LhTable *table, int *n, const LhIceSortField **out);
/* The order that is declared, whatever files say: no manifest is read. */
extern LhStatus lh_ice_default_order(LhCtx *ctx, LhTable *table, int *n, const LhIceSortField **out);
/* Are values of this type in the same order for everybody?  Not floats (-0, NaN), nor UUIDs, which some compare signed. */
extern bool lh_ice_order_is_plain(const LhType *type);
/*
 * Do metadata say that all data files have this order, and follow each other in it?  Reads all manifests, if there are no
 * more than so many data files and bytes of manifests by the list; else it is not known.
 */
extern LhStatus lh_ice_follows(LhCtx *ctx, LhTable *table, const LhTaskOrder *order, int64_t max_files,
							   int64_t max_bytes, bool *yes);

/*
 * Location of a table directory -> metadata file, under the rules of
 * LhTableOptions (allow_version_guess).  LH_NOT_FOUND when it is none.
 */
extern LhStatus lh_ice_locate(LhCtx *ctx, LhStore *store, const LhTableOptions *options, const char **metadata_path);
/* Is a location the name of a metadata file, which is one state and never another? */
extern bool lh_ice_is_metadata_file(const char *path);

/*
 * Which share of the rows passes each filter for sure, and of which it is not known, by partition summaries of the
 * manifest list: no manifest is read.  Deletes are not looked at.
 */
typedef struct LhIceShare
{
	double		all;
	double		maybe;
} LhIceShare;
extern LhStatus lh_ice_shares(LhCtx *ctx, LhTable *table, const LhTaskFilter *filter, LhIceShare *out);

/* The metadata file that table will read, which was located before; table was opened and nothing was asked of it yet. */
extern LhStatus lh_ice_pin(LhCtx *ctx, LhTable *table, const char *metadata_path);

/* ---- metadata tables ---- */

typedef enum LhIceMetaTable
{
	LH_ICE_SNAPSHOTS, LH_ICE_HISTORY, LH_ICE_REFS, LH_ICE_FILES, LH_ICE_ALL_FILES, LH_ICE_MANIFESTS,
	LH_ICE_PARTITIONS, LH_ICE_ENTRIES, LH_ICE_DELETE_FILES, LH_ICE_METADATA_LOG, LH_ICE_PROPERTIES,
	LH_N_ICE_META_TABLES
} LhIceMetaTable;

/*
 * Columns of a metadata table: names and meaning are those of Spark's metadata
 * tables; structs, lists and maps are JSON text.  Types are lanes of LhValue:
 * INT32, INT64, BOOL, STRING, JSON, TIMESTAMP(ms or us, utc), DOUBLE.
 */
typedef struct LhIceMetaColumn
{
	const char *name;
	LhType		type;
} LhIceMetaColumn;
extern const LhIceMetaColumn *lh_ice_meta_columns(LhIceMetaTable which, int *n);

/* One row after the other: values in the order of the columns, valid during the call only.  Any status but LH_OK ends it. */
typedef LhStatus (*LhIceRowFn) (LhCtx *ctx, void *arg, const LhValue *values);
extern LhStatus lh_ice_meta_rows(LhCtx *ctx, LhTable *table, LhIceMetaTable which, LhIceRowFn fn, void *arg);

#endif
