/*
 * meta.h
 *		Internal: what the files that read the metadata file share.
 */
#ifndef LH_ICEBERG_META_H
#define LH_ICEBERG_META_H

#include "iceberg/ice.h"
#include "core/json_pull.h"

/* Types nested deeper are refused (three levels of JSON each). */
#define LH_ICE_MAX_DEPTH 100

/* Largest metadata file, also when unpacked. */
#define LH_ICE_METADATA_MAX ((int64_t) 1 << 30)

/* The value that stands at j. */
extern LhStatus lh_ice_schema_at(LhCtx *ctx, LhPull *j, LhIceSchema *out);
extern LhStatus lh_ice_spec_at(LhCtx *ctx, LhPull *j, LhIceSpec *out);
extern LhStatus lh_ice_order_at(LhCtx *ctx, LhPull *j, LhIceSortOrder *out);

/* A name mapping's JSON (property schema.name-mapping.default). */
extern LhStatus lh_ice_mapping_parse(LhCtx *ctx, const char *what, LhSlice text, const LhNameMapping **out);

/* snapshot.c: the index of m->snapshots; LH_CORRUPT when an id occurs twice. */
extern LhStatus lh_ice_index_snapshots(LhCtx *ctx, LhIceMetadata *m);

/* Base64 with padding, or without. False: it is none. */
extern LhStatus lh_ice_base64(LhCtx *ctx, LhSlice text, LhSlice *out, bool *good);

/* Copy the text into ctx->arena; NULL stays NULL. */
/* Does this process keep what it reads (cache.c)? */
extern bool lh_ice_cache_on(void);
extern LhStatus lh_ice_copy(LhCtx *ctx, const char *s, const char **out);

#endif
