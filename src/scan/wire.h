/*
 * wire.h
 *		A table's schema and file tasks as bytes, for processes that read it together.
 *
 * Who begins a scan resolves the location once; the others must read the very
 * same files with the very same types, though files come and go meanwhile.
 * The bytes are of this build and this machine, never stored.
 */
#ifndef LH_SCAN_WIRE_H
#define LH_SCAN_WIRE_H

#include "scan/scan.h"

/* Append to out. */
extern LhStatus lh_wire_pack(LhCtx *ctx, const LhTableSchema *schema, const LhTaskList *tasks, LhBuf *out);

/* In ctx->arena; names, paths and strings are borrowed from the bytes. LH_CORRUPT when they end early. */
extern LhStatus lh_wire_unpack(LhCtx *ctx, const uint8_t *data, size_t len, LhTableSchema *schema, LhTaskList *tasks);

#endif
