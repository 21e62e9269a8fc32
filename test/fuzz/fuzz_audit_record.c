/*
 * fuzz_audit_record.c
 *		Audit records as bytes: any are refused, or are a record that is written as the same bytes, as a line and as an
 *		event.
 */
#include "fuzz/fuzz_ctx.h"
#include "audit/record.h"

#define CHECK(condition)  \
	do                    \
	{                     \
		if (!(condition)) \
			abort();      \
	} while (0)

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LhCtx *ctx = fuzz_ctx();
	LhAuditRecord r, back;
	LhBuf again, line, event;
	LhStatus status = lh_audit_decode(ctx, lh_slice(data, size), &r);

	CHECK(status == LH_OK || status == LH_CORRUPT);
	if (status == LH_OK)
	{
		CHECK(lh_buf_init(ctx, &again, false) == LH_OK && lh_buf_init(ctx, &line, false) == LH_OK &&
			  lh_buf_init(ctx, &event, false) == LH_OK);
		CHECK(lh_audit_encode(ctx, &r, &again) == LH_OK);
		CHECK(again.len == size && memcmp(again.data, data, size) == 0);
		CHECK(lh_audit_line(ctx, &r, &line) == LH_OK && line.len <= LH_AUDIT_LINE_MOST);
		CHECK(lh_audit_read_line(ctx, lh_slice(line.data, line.len), &back) == LH_OK);
		CHECK(back.kind == r.kind && back.time == r.time && back.nrelations == r.nrelations &&
			  back.rows == r.rows);
		CHECK(lh_audit_ocsf(ctx, &r, 1, &event) == LH_OK);
	}
	fuzz_ctx_done(ctx);
	return 0;
}
