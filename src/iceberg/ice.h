/*
 * ice.h
 *		Internal: what the files of iceberg/ share.
 *
 * Two halves meet here.  The first reads the metadata file (metadata.c,
 * schema.c, snapshot.c, path.c, location.c, table.c, describe_meta.c); the
 * second what snapshots consist of (value.c, transform.c, manifest.c, cache.c,
 * prune.c, deletes.c, plan.c, puffin.c, describe_files.c).
 */
#ifndef LH_ICEBERG_ICE_H
#define LH_ICEBERG_ICE_H

#include "iceberg/iceberg.h"

/* ---- the metadata file ---- */

/*
 * Snapshots stay text until somebody wants one: a metadata file may hold 200,000 of
 * them.  snapshots of LhIceMetadata are these entries, in the order of the file;
 * lh_ice_snapshot_read makes an LhIceSnapshot of one.
 */
typedef struct LhIceSnapshotEntry
{
	int64_t		snapshot_id;
	int64_t		timestamp_ms;
	LhSlice		text;			/* its JSON object, borrowed from the bytes of the file */
} LhIceSnapshotEntry;

typedef enum LhIceTransformKind
{
	LH_ICE_IDENTITY, LH_ICE_BUCKET, LH_ICE_TRUNCATE, LH_ICE_YEAR, LH_ICE_MONTH, LH_ICE_DAY, LH_ICE_HOUR,
	LH_ICE_VOID, LH_ICE_UNKNOWN	/* readable, says nothing about rows */
} LhIceTransformKind;

typedef struct LhIceTransform
{
	LhIceTransformKind kind;
	int32_t		param;			/* BUCKET: buckets; TRUNCATE: width */
	const char *text;			/* as written */
} LhIceTransform;

typedef struct LhIceSpecField
{
	int			field_id;		/* of the partition field (1000 ...) */
	int			source_id;		/* -1: several (a multi-argument transform, which is UNKNOWN) */
	const char *name;
	LhIceTransform transform;
} LhIceSpecField;

typedef struct LhIceSpec
{
	int			spec_id;
	int			nfields;
	LhIceSpecField *fields;
} LhIceSpec;

typedef struct LhIceSortOrder
{
	int			order_id;
	int			nfields;
	LhIceSortField *fields;
} LhIceSortOrder;

/* root.type is a STRUCT whose fields have their ids; defaults of all of them, ascending by id. */
typedef struct LhIceSchema
{
	int			schema_id;
	LhType		root;
	const char *const *docs;	/* by top-level field; NULL: none */
	int			ndefaults;
	LhDefault  *defaults;		/* initial-default, nested fields too */
	int			nidentifiers;
	const int  *identifiers;
	const char *refused;		/* what in it cannot be read; NULL: nothing.  lh_ice_choose fails by it */
} LhIceSchema;

typedef struct LhIceSnapshot
{
	int64_t		snapshot_id;
	int64_t		parent_id;
	bool		has_parent;
	int64_t		sequence;		/* 0 in v1 */
	int64_t		timestamp_ms;
	const char *manifest_list;	/* path as written; NULL: manifests stand below (old v1) */
	int			nmanifests;
	const char *const *manifests;
	const char *operation;		/* of the summary; NULL: unknown */
	LhSlice		summary;		/* JSON object text */
	int			schema_id;		/* -1: none said */
	bool		has_first_row_id;
	int64_t		first_row_id;
	int64_t		added_rows;		/* -1: not said */
	const char *key_id;			/* of an encrypted manifest list; NULL */
} LhIceSnapshot;

typedef struct LhIceRef
{
	const char *name;
	int64_t		snapshot_id;
	bool		is_tag;
	int64_t		max_ref_age_ms, /* -1: not said, as the others */
				max_snapshot_age_ms;
	int32_t		min_snapshots;
} LhIceRef;

typedef struct LhIceLogEntry
{
	int64_t		timestamp_ms;
	int64_t		snapshot_id;	/* of the snapshot log */
	const char *path;			/* of the metadata log */
} LhIceLogEntry;

typedef struct LhIceStatistics
{
	int64_t		snapshot_id;
	const char *path;
	int64_t		size;
	int64_t		footer_size;
	const char *key_metadata;	/* base64; NULL */
	LhSlice		blobs;			/* JSON text of blob-metadata */
} LhIceStatistics;

typedef struct LhIceEncryptionKey
{
	const char *key_id;
	LhSlice		encrypted;		/* decoded from base64 */
	const char *encrypted_by;	/* NULL: by the table's key, property "encryption.key-id" */
	int			nproperties;	/* pairs */
	const char *const *properties;
} LhIceEncryptionKey;

typedef struct LhIceMetadata
{
	const char *path;			/* of the file that was read */
	int			version;		/* 1, 2, 3 */
	const char *uuid;			/* NULL in v1 perhaps */
	const char *location;
	int64_t		last_updated_ms;
	int64_t		last_sequence;
	int			nschemas;
	LhIceSchema *schemas;
	int			current_schema; /* id */
	int			nspecs;
	LhIceSpec  *specs;
	int			default_spec;	/* id */
	int			norders;
	LhIceSortOrder *orders;
	int			default_order;	/* id */
	int			nproperties;	/* pairs: key, value, key, value */
	const char *const *properties;
	bool		has_current;
	int64_t		current_snapshot;
	size_t		nsnapshots;
	LhIceSnapshotEntry *snapshots;	/* ids are unique */
	struct LhIceSnapshotIndex *index;	/* of them by id */
	int			nrefs;
	LhIceRef   *refs;			/* "main" among them, also when only current-snapshot-id says it */
	size_t		nlog;
	LhIceLogEntry *log;			/* snapshot-log */
	size_t		nmetadata_log;
	LhIceLogEntry *metadata_log;
	int			nstatistics;
	LhIceStatistics *statistics;
	int			npartition_statistics;
	LhIceStatistics *partition_statistics;
	int			nkeys;
	LhIceEncryptionKey *keys;
	int64_t		next_row_id;	/* -1: before v3 */
	const LhNameMapping *mapping;	/* property schema.name-mapping.default; NULL */
} LhIceMetadata;

/*
 * Parse a metadata file (plain or gzip, told by its bytes).  Errors name path and field.  In
 * ctx->arena; bytes are borrowed.
 */
extern LhStatus lh_ice_metadata_parse(LhCtx *ctx, const char *path, LhSlice bytes, LhIceMetadata **out);
/* The same of all bytes of an object. */
extern LhStatus lh_ice_metadata_read(LhCtx *ctx, LhObject *object, const char *path, LhIceMetadata **out);
/* The file, from the cache or read (estimate: as LhTableOptions has it): nobody changes what comes, which lives as long as ctx->arena does. */
extern LhStatus lh_ice_metadata_open(LhCtx *ctx, LhStore *store, const char *path, bool estimate,
									 LhIceMetadata **out);

extern const LhIceSchema *lh_ice_schema_find(const LhIceMetadata *m, int schema_id);	/* NULL */
extern const LhIceSpec *lh_ice_spec_find(const LhIceMetadata *m, int spec_id);
extern const LhIceSnapshotEntry *lh_ice_snapshot_find(const LhIceMetadata *m, int64_t snapshot_id);	/* NULL */
/* All of a snapshot, in ctx->arena (summary is borrowed).  LH_CORRUPT names file and field. */
extern LhStatus lh_ice_snapshot_read(LhCtx *ctx, const LhIceMetadata *m, const LhIceSnapshotEntry *entry,
									 LhIceSnapshot *out);
/* Both: LH_NOT_FOUND when there is no such snapshot. */
extern LhStatus lh_ice_snapshot_get(LhCtx *ctx, const LhIceMetadata *m, int64_t snapshot_id, LhIceSnapshot **out);
/* Value of a snapshot's summary in *out; NULL: it says none, or no text. */
extern LhStatus lh_ice_summary_value(LhCtx *ctx, const LhIceSnapshot *s, const char *key, const char **out);
extern const char *lh_ice_property(const LhIceMetadata *m, const char *key);	/* NULL */
/* A field anywhere in a schema, by id; elements of lists, keys and values of maps, too.  NULL: none. */
extern const LhField *lh_ice_field_find(const LhIceSchema *schema, int field_id);
/* In any schema of the table, the current one first: for keys of deletes and partition sources that were dropped. */
extern const LhField *lh_ice_field_any(const LhIceMetadata *m, int field_id);
/*
 * Do manifests speak of the data that is read as this field?  Files without ids are read by the name mapping
 * of now; their counts, bounds and partition values were noted by the one of then.  A field whose name went to
 * another since, because that was added or renamed to it, is read as null where the manifest has values.  It is
 * told by a name that a schema gave it, or a field above it, and the mapping does not.
 */
extern bool lh_ice_field_described(const LhIceMetadata *m, int field_id);

/*
 * The snapshot that options choose (snapshot_id, snapshot_time_us by the snapshot
 * log, ref; else main) and the schema its rows are shown with: of an id, a time or a tag
 * the snapshot's own, of a branch the current one.  *snapshot NULL: the table is empty.
 */
extern LhStatus lh_ice_choose(LhCtx *ctx, const LhIceMetadata *m, const LhTableOptions *options,
							  const LhIceSnapshot **snapshot, const LhIceSchema **schema);

/*
 * Schema JSON (of the metadata file, or of a manifest's header) -> LhIceSchema;
 * partition-spec JSON -> LhIceSpec: an object, or the array of its fields as manifests'
 * headers have it (then spec_id is 0).  text is JSON; what names it in errors.
 */
extern LhStatus lh_ice_schema_parse(LhCtx *ctx, const char *what, LhSlice text, LhIceSchema *out);
extern LhStatus lh_ice_spec_parse(LhCtx *ctx, const char *what, LhSlice text, LhIceSpec *out);

/* ---- encrypted tables (encryption.c) ---- */

/*
 * The bytes of an encrypted manifest list (the snapshot has a key_id), of a manifest or another file
 * whose key metadata a list or manifest says.  In ctx->arena.  LH_DENIED without the key,
 * LH_CORRUPT when a byte was changed.
 */
extern LhStatus lh_ice_decrypt_list(LhCtx *ctx, const LhIceMetadata *m, const LhIceSnapshot *snapshot,
									LhObject *object, LhSlice *out);
extern LhStatus lh_ice_decrypt(LhCtx *ctx, LhObject *object, LhSlice key_metadata, LhSlice *out);

/* ---- paths (path.c) ---- */

/*
 * What paths in the metadata of one table may be.  Made when the table is
 * opened: root is where the table was found, location what its metadata says.
 */
typedef struct LhIcePaths
{
	const char *found;			/* normal form of where the metadata file lies: directory of the table */
	const char *location;		/* normal form of metadata's location */
	bool		rebase;			/* paths below location are taken to lie below base */
	const char *base;			/* found, or where the option says that location is now */
	LhScheme	scheme;			/* of found */
	LhStore    *store;			/* for what else is allowed: local rights and allowed_locations */
} LhIcePaths;

extern LhStatus lh_ice_paths_init(LhCtx *ctx, LhStore *store, const char *metadata_path, const char *location,
								  const char *rebase, LhIcePaths *out);
/*
 * A path as metadata or a delete file writes it -> the path to open.  what
 * ("manifest list", "data file" ...) and from (the file that says it) are for messages.
 * LH_DENIED: it leaves the table's scheme and authority and is not allowed
 * otherwise; a remote table never gives a local path; ".." is refused in rebased paths.
 */
extern LhStatus lh_ice_path(LhCtx *ctx, const LhIcePaths *paths, const char *what, const char *from,
							const char *raw, size_t len, const char **out);
/*
 * The same form without asking whether it may be opened, only for comparing with
 * what lh_ice_path gave (paths in position deletes); "hdfs://host:port/x" is "/x" here.
 */
extern LhStatus lh_ice_path_form(LhCtx *ctx, const LhIcePaths *paths, const char *raw, size_t len, const char **out);

/* ---- single values (value.c) ---- */

/*
 * Binary single-value serialisation (spec, appendix D) of a bound written when the field had a
 * type that promotes to "type": int for long, float for double, date for timestamp,
 * decimals of any width.  False: the bytes fit no such type (then nothing is known).  Strings are borrowed.
 */
extern bool lh_ice_value_binary(const LhType *type, LhSlice bytes, LhValue *out);
/* A value of a type that promotes to "type" (int, float, date, decimal) as one of it; false: it does not. */
extern bool lh_ice_value_promote(const LhValue *v, const LhType *type, LhValue *out);
/* Append as JSON: numbers, true, "2017-11-16", "\\xcafe" of bytes (as docs/types.md has them), null. */
extern LhStatus lh_ice_value_write(LhCtx *ctx, const LhValue *v, LhBuf *out);
/* JSON single-value serialisation (defaults): text is one JSON value.  Nested values are LH_UNSUPPORTED. */
extern LhStatus lh_ice_value_json(LhCtx *ctx, const LhType *type, LhSlice text, LhValue *out);

/* ---- transforms (transform.c) ---- */

/* "bucket[16]", "day" ...; unknown ones become UNKNOWN. */
extern LhStatus lh_ice_transform_parse(LhCtx *ctx, const char *text, size_t len, LhIceTransform *out);
/* Type of the partition value for a source type; false: unknown, or not defined for the type. */
extern bool lh_ice_transform_type(const LhIceTransform *t, const LhType *source, LhType *out);
/* Apply; null stays null.  *known false: not defined for the type, or UNKNOWN. */
extern LhStatus lh_ice_transform_apply(LhCtx *ctx, const LhIceTransform *t, const LhValue *v, LhValue *out, bool *known);
/*
 * The source values that a partition value (not null) stands for, as far as order tells:
 * an interval in ctx->arena.  has_min, has_max false: open, or nothing is known; exact: all rows
 * have this one value.
 */
extern LhStatus lh_ice_transform_range(LhCtx *ctx, const LhIceTransform *t, const LhType *source, const LhValue *v,
									   LhBounds *out);
/*
 * Inclusive projection of one leaf: a predicate on the partition value that is true wherever
 * the leaf may be true for the source value.  col: number of the partition column in the result.
 * *out NULL: nothing can be said.
 */
extern LhStatus lh_ice_project(LhCtx *ctx, const LhIceTransform *t, const LhType *source, const LhPred *leaf, int col, LhPred **out);
/* 32-bit murmur3 of what Iceberg hashes of a value (spec, appendix B); false: type is not hashed. */
extern bool lh_ice_hash(const LhValue *v, uint32_t *out);

/* ---- manifests (manifest.c) ---- */

typedef enum LhIceContent
{
	LH_ICE_DATA = 0, LH_ICE_POSITION_DELETES = 1, LH_ICE_EQUALITY_DELETES = 2
} LhIceContent;

/* One line of a manifest list. */
typedef struct LhIceManifestFile
{
	const char *path;			/* as written */
	int64_t		length;
	int			spec_id;
	bool		deletes;		/* content: deletes, not data */
	int64_t		sequence,		/* 0 in v1 */
				min_sequence;
	int64_t		added_snapshot; /* -1: unknown */
	int64_t		added_files, existing_files, deleted_files;	/* -1: unknown, as rows */
	int64_t		added_rows, existing_rows, deleted_rows;
	int			nsummaries;		/* by field of the spec; 0: none */
	struct LhIceSummary
	{
		bool		contains_null;
		int8_t		contains_nan;	/* -1: unknown */
		bool		has_lower, has_upper;
		LhSlice		lower, upper;
	}		   *summaries;
	bool		has_first_row_id;
	int64_t		first_row_id;
	LhSlice		key_metadata;
} LhIceManifestFile;

typedef struct LhIceTable LhIceTable;

/*
 * Lines of the snapshot's manifest list, in order (v1 without a list: from its manifests).  Nobody
 * changes them: they may be the cache's.
 */
extern LhStatus lh_ice_manifest_list(LhCtx *ctx, LhIceTable *table, const LhIceSnapshot *snapshot,
									 size_t *n, const LhIceManifestFile **out);

/* ---- plan.c ---- */

/* Tasks of the chosen snapshot (or of options.changes), with their deletes; filter may be NULL. */
extern LhStatus lh_ice_plan(LhCtx *ctx, LhIceTable *table, const LhTaskFilter *filter, LhTaskList *out);

/* ---- the table (table.c) ---- */

struct LhIceTable
{
	LhTable		base;
	LhArena    *arena;			/* of the table; floor */
	LhTableOptions options;		/* own copy */
	bool		loaded;
	bool		adopted;		/* base.adopt: only paths are known, no metadata was read */
	const LhIceMetadata *metadata;
	LhIcePaths	paths;
	const LhIceSnapshot *snapshot;	/* NULL: empty table */
	const LhIceSchema *schema;	/* that rows are shown with */
	LhTableSchema table_schema; /* made of it */
	/* of the list, once it was read */
	bool		has_list;
	size_t		nmanifests;
	const LhIceManifestFile *manifests;
	struct LhIceDistinct *distinct;	/* facts.c; NULL: nobody has asked yet */
};

/* Read the metadata, choose snapshot and schema, once. */
extern LhStatus lh_ice_load(LhCtx *ctx, LhIceTable *table);
/* Read the manifest list, once; the table stays as it is for its life. */
extern LhStatus lh_ice_load_list(LhCtx *ctx, LhIceTable *table);

/* Rows of the metadata tables that manifests are read for (describe_files.c); lh_ice_meta_rows calls it. */
extern LhStatus lh_ice_file_rows(LhCtx *ctx, LhIceTable *table, LhIceMetaTable which, LhIceRowFn fn, void *arg);

#endif
