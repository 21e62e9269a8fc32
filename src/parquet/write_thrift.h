/*
 * write_thrift.h
 *		Internal: writer of Thrift's compact protocol.
 *
 * Structures are appended to a buffer.  A failure (of memory) is kept and
 * returned by lh_tout_status, so that the lines that write fields can be read
 * beside parquet.thrift.
 *
 * Format: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
 */
#ifndef LH_PARQUET_WRITE_THRIFT_H
#define LH_PARQUET_WRITE_THRIFT_H

#include "core/core.h"

/* Types of fields and elements on the wire. */
typedef enum LhToutType
{
	LH_TOUT_TRUE = 1, /* also: bool, as the type of elements */
	LH_TOUT_FALSE = 2,
	LH_TOUT_I8 = 3,
	LH_TOUT_I32 = 5,
	LH_TOUT_I64 = 6,
	LH_TOUT_BINARY = 8,
	LH_TOUT_LIST = 9,
	LH_TOUT_STRUCT = 12
} LhToutType;

/* Structures inside each other that Parquet's metadata has at most. */
#define LH_TOUT_DEPTH 16

typedef struct LhTout
{
	LhCtx *ctx;
	LhBuf *buf;
	LhStatus status;
	int depth;
	int last[LH_TOUT_DEPTH]; /* the field before, of each open structure */
} LhTout;

/* Append to buf; a top-level structure is open afterwards. */
extern void lh_tout_begin(LhTout *t, LhCtx *ctx, LhBuf *buf);
/* Close it; LH_OK or the first failure. */
extern LhStatus lh_tout_end(LhTout *t);

/* Fields, by ascending id. */
extern void lh_tout_bool(LhTout *t, int id, bool v);
extern void lh_tout_i8(LhTout *t, int id, int v);
extern void lh_tout_i32(LhTout *t, int id, int32_t v);
extern void lh_tout_i64(LhTout *t, int id, int64_t v);
extern void lh_tout_binary(LhTout *t, int id, LhSlice v);
extern void lh_tout_string(LhTout *t, int id, const char *v);
/* A structure as a field; lh_tout_close ends it. */
extern void lh_tout_struct(LhTout *t, int id);
extern void lh_tout_close(LhTout *t);
/* A union or structure without fields. */
extern void lh_tout_empty(LhTout *t, int id);
/* A field whose structure was written before, as a top-level one. */
extern void lh_tout_raw(LhTout *t, int id, LhSlice written);

/* A list of n elements as a field; the elements follow. */
extern void lh_tout_list(LhTout *t, int id, LhToutType type, size_t n);
extern void lh_tout_item(LhTout *t); /* a structure as an element; lh_tout_close ends it */
extern void lh_tout_bool_item(LhTout *t, bool v);
extern void lh_tout_i32_item(LhTout *t, int32_t v);
extern void lh_tout_i64_item(LhTout *t, int64_t v);
extern void lh_tout_binary_item(LhTout *t, LhSlice v);

#endif
