/*
 * manifest.h
 *		Manifests in memory, column by column.
 *
 * Immutable once made, and counted: the cache and those who plan share them.
 * What a manifest inherits from its list (snapshot, sequence numbers, row ids)
 * is not in it, since lists may say different things of one manifest.
 *
 * Statistics are kept of those field ids only that somebody asked for.
 */
#ifndef LH_ICEBERG_MANIFEST_H
#define LH_ICEBERG_MANIFEST_H

#include "avro/avro.h"
#include "iceberg/ice.h"
#include "iceberg/intern.h"

/* A null among LhIceInts. */
#define LH_ICE_NONE INT64_MIN

/* Whole numbers, in as few bytes as they need. */
typedef struct LhIceInts
{
	int width; /* bytes a number: 0 (all are "same"), 4 (INT32_MIN is NONE) or 8 */
	int64_t same;
	const void *v;
} LhIceInts;

static inline int64_t
lh_ice_int(const LhIceInts *c, size_t i)
{
	if (c->width == 0)
		return c->same;
	if (c->width == 8)
		return ((const int64_t *) c->v)[i];
	return ((const int32_t *) c->v)[i] == INT32_MIN ? LH_ICE_NONE : ((const int32_t *) c->v)[i];
}

/* Byte strings; valid NULL: all are null. */
typedef struct LhIceBytes
{
	const uint64_t *valid;
	const uint32_t *offsets; /* n + 1 */
	const uint8_t *heap;
} LhIceBytes;

static inline bool
lh_ice_bytes(const LhIceBytes *c, size_t i, LhSlice *out)
{
	if (c->valid == NULL || !lh_bit_get(c->valid, i))
		return false;
	*out = lh_slice(c->heap + c->offsets[i], c->offsets[i + 1] - c->offsets[i]);
	return true;
}

/* Statistics of one field. */
typedef struct LhIceStats
{
	int32_t id;
	LhIceInts values; /* less the file's records; NONE: unknown, as the others */
	LhIceInts nulls;
	LhIceInts nans;
	LhIceBytes lower;
	LhIceBytes upper;
} LhIceStats;

/* A field of the partition tuples that occur. */
typedef struct LhIcePart
{
	int field_id;
	const char *name;
	LhType type;           /* as the manifest has it */
	const uint64_t *valid; /* by tuple; NULL: all */
	const void *data;      /* lane values */
} LhIcePart;

typedef enum LhIceStatus
{
	LH_ICE_EXISTING = 0, LH_ICE_ADDED = 1, LH_ICE_DELETED = 2
} LhIceStatus;

/* File formats of entries, beyond LhFileFormat. */
#define LH_ICE_PUFFIN LH_N_FILE_FORMATS
#define LH_ICE_OTHER_FORMAT (LH_N_FILE_FORMATS + 1)

typedef struct LhIceManifest
{
	LhArena *arena; /* its own */
	int refs;       /* atomic */
	size_t n;       /* entries */
	LhIceInts status, content, format;
	LhIceInts records, size;
	LhIceInts snapshot, sequence, file_sequence, first_row_id; /* as written */
	LhIceInts sort_order;
	LhIceInts offset, length; /* of deletion vectors */
	/* file paths: directory (with its slash) and name */
	LhIceInts dir;
	uint32_t ndirs;
	const LhStr *dirs;
	LhIceBytes names;
	LhIceBytes referenced; /* referenced_data_file */
	LhIceBytes keys;       /* key_metadata */
	/* partition tuples */
	int nparts;
	const LhIcePart *parts;
	uint32_t ntuples;
	LhIceInts tuple;
	/* equality ids */
	LhIceInts ids; /* number of the set; NONE */
	uint32_t nidsets;
	const struct LhIceIdSet
	{
		int n;
		const int *ids;
	} *idsets;
	int nstats; /* ascending by id */
	const LhIceStats *stats;
} LhIceManifest;

/*
 * Decode a manifest.  ids: fields whose statistics are wanted, ascending.  *out has
 * one reference, the caller's, and lives in no arena of ctx.
 */
extern LhStatus lh_ice_manifest_decode(LhCtx *ctx, LhAvroFile *file, int nids, const int32_t *ids,
									   LhIceManifest **out);
extern void lh_ice_manifest_ref(LhIceManifest *m);
extern void lh_ice_manifest_unref(LhIceManifest *m);

/* Path of entry i as written, into buf (a NUL follows). */
extern LhStatus lh_ice_manifest_path(LhCtx *ctx, const LhIceManifest *m, size_t i, LhBuf *buf);
extern const LhIceStats *lh_ice_manifest_stats(const LhIceManifest *m, int32_t id); /* NULL */
/* Value of a part in a tuple, as the manifest has it. */
extern LhValue lh_ice_part_value(const LhIcePart *part, uint32_t tuple);

/* Lines of a manifest list.  In ctx->arena. */
extern LhStatus lh_ice_list_decode(LhCtx *ctx, LhAvroFile *file, size_t *n,
								   LhIceManifestFile **out);

/*
 * Lines that are kept of the file that was opened as id (cache.c); *out NULL: none are.  They live as long as
 * ctx->arena does.  Whoever opened it may read it.
 */
extern LhStatus lh_ice_list_find(LhCtx *ctx, const LhObjectId *id, size_t *n,
								 const LhIceManifestFile **out);
/*
 * The same of a path, by a look at its file (which was opened before), for an estimate without: *out NULL: it has to be
 * opened.
 */
extern LhStatus lh_ice_list_look(LhCtx *ctx, LhStore *store, const char *path, bool estimate,
								 size_t *n, const LhIceManifestFile **out);
/* Keep a copy of them, when there is room. */
extern void lh_ice_list_keep(const LhObjectId *id, size_t n, const LhIceManifestFile *lines);

/*
 * What entry i inherits.  Walk all entries in order, from a zeroed LhIceInherit
 * on: row ids depend on the entries before.
 */
typedef struct LhIceInherit
{
	int64_t next_row_id;
	bool begun;
	/* of the entry */
	int64_t snapshot;     /* LH_ICE_NONE: nobody knows */
	int64_t sequence;
	int64_t first_row_id; /* LH_ICE_NONE: it has none */
} LhIceInherit;
extern LhStatus lh_ice_inherit(LhCtx *ctx, const LhIceManifestFile *line, const LhIceManifest *m,
							   size_t i, LhIceInherit *state);

/*
 * The manifest of a line, with statistics of at least these fields, from the cache or read: a
 * reference that dies with ctx->arena, or earlier by lh_ice_manifest_close.
 */
extern LhStatus lh_ice_manifest_open(LhCtx *ctx, LhIceTable *table, const LhIceManifestFile *line,
									 int nids, const int32_t *ids, LhIceManifest **out);
extern void lh_ice_manifest_close(LhCtx *ctx, LhIceManifest *m);
/* The file of a line. */
extern LhStatus lh_ice_manifest_open_file(LhCtx *ctx, LhIceTable *table,
										  const LhIceManifestFile *line, LhAvroFile **out);

#endif
