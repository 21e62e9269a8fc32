/*
 * vector.h
 *		Internal: deletion vectors of Iceberg (Puffin blobs "deletion-vector-v1").
 *
 * At the place that the manifest names lie, and nothing else is looked at:
 *
 *	length	4 bytes, big-endian: of magic and bitmap
 *	magic	D1 D3 39 64
 *	bitmap	the portable form of 64-bit Roaring bitmaps (rowset.h)
 *	CRC-32	4 bytes, big-endian: of magic and bitmap
 *
 * Format: https://iceberg.apache.org/puffin-spec/#deletion-vector-v1-blob-type
 */
#ifndef LH_SCAN_VECTOR_H
#define LH_SCAN_VECTOR_H

#include "scan/rowset.h"
#include "scan/scan.h"

/* A blob as it lies in its file.  records: its cardinality by the metadata; -1: not known. */
extern LhStatus lh_vector_parse(LhCtx *ctx, LhSlice blob, int64_t records, bool floor, const char *what,
								LhRowSet **out);

/* Read and parse; the set lives in ctx->arena. */
extern LhStatus lh_vector_read(LhCtx *ctx, LhStore *store, const LhDeleteFile *file, bool floor,
							   LhRowSet **out);

#endif
