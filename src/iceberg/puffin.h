/*
 * puffin.h
 *		Footers of Puffin files, and their blobs.
 */
#ifndef LH_ICEBERG_PUFFIN_H
#define LH_ICEBERG_PUFFIN_H

#include "iceberg/ice.h"

typedef struct LhIceBlob
{
	const char *type; /* "apache-datasketches-theta-v1", "deletion-vector-v1" ... */
	int nfields;
	const int *fields;
	int64_t snapshot_id; /* -1 with vectors: inherited */
	int64_t sequence;
	int64_t offset;
	int64_t length;
	const char *codec; /* NULL: not compressed; "lz4", "zstd" */
	int nproperties;   /* pairs */
	const char *const *properties;
} LhIceBlob;

typedef struct LhIcePuffin
{
	const char *path;
	int64_t size;
	int64_t footer_size; /* from its first magic to the end of the file */
	int nblobs;
	const LhIceBlob *blobs;
	int nproperties;
	const char *const *properties;
} LhIcePuffin;

/*
 * Read the footer.  Blobs lie between the first magic and the footer and do not
 * overlap, else LH_CORRUPT.  In ctx->arena.
 */
extern LhStatus lh_ice_puffin_read(LhCtx *ctx, LhObject *obj, LhIcePuffin **out);
/* The same of a file in memory. */
extern LhStatus lh_ice_puffin_parse(LhCtx *ctx, const char *path, LhSlice bytes, LhIcePuffin **out);
/* A blob, decompressed. */
extern LhStatus lh_ice_puffin_blob(LhCtx *ctx, LhObject *obj, const LhIcePuffin *puffin,
								   const LhIceBlob *blob, LhBuf *out);
/* The same from its bytes. */
extern LhStatus lh_ice_puffin_unpack(LhCtx *ctx, const LhIcePuffin *puffin, const LhIceBlob *blob,
									 LhSlice bytes, LhBuf *out);
/* Distinct values of a compact theta sketch (blob "apache-datasketches-theta-v1"); false: it is none. */
extern bool lh_ice_theta_estimate(LhSlice sketch, double *out);
/* NULL: it has none of this name. */
extern const char *lh_ice_blob_property(const LhIceBlob *blob, const char *key);

#endif
