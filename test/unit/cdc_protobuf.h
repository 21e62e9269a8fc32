/*
 * cdc_protobuf.h
 *		For tests of the format "protobuf": a context, hexadecimal, and rows that a reader has checked.
 */
#ifndef CDC_PROTOBUF_H
#define CDC_PROTOBUF_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "change/formats.h"
#include "unit/cdc_stream.h"
#include "unit/pb_check.h"

static inline int
setup(void **state)
{
	*state = lh_ctx_create();
	return *state == NULL;
}

static inline int
teardown(void **state)
{
	lh_ctx_destroy(*state);
	return 0;
}

static inline const char *
hex(LhCtx *ctx, LhSlice s)
{
	LhBuf buf;

	LH_OK_(ctx, lh_buf_init(ctx, &buf, false));
	LH_OK_(ctx, lh_buf_reserve(ctx, &buf, 1));
	LH_OK_(ctx, lh_put_hex(ctx, &buf, s.data, s.len));
	LH_OK_(ctx, lh_buf_putc(ctx, &buf, '\0'));
	return (char *) buf.data;
}

static inline LhSlice
row_of(LhCtx *ctx, int n, const LhChangeColumn *columns, const LhCell *cells)
{
	LhChangeRel *rel = cdc_rel(ctx, "public", "t", LH_IDENTITY_DEFAULT, n, columns);
	int unchanged = 0;
	LhPbRow row;
	LhBuf buf;

	LH_OK_(ctx, lh_buf_init(ctx, &buf, false));
	LH_OK_(ctx, lh_pb_row_create(ctx, rel, 0, NULL, &row));
	LH_OK_(ctx, lh_pb_put_row(ctx, &buf, &row, cells, &unchanged));
	pb_check_row(ctx, n, rel->columns, cells, lh_slice(buf.data, buf.len));
	return lh_slice(buf.data, buf.len);
}

#endif
