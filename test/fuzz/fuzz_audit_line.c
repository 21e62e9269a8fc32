/*
 * fuzz_audit_line.c
 *		Lines of the audit log, and proofs as documents, from strangers.
 *
 * A line is refused, or a record whose own line is read as the same record.  The input is taken as a proof, too: none of them
 * proves anything to somebody who trusts a key that signed nothing.
 */
#include "fuzz/fuzz_ctx.h"
#include "audit/proof.h"

#define CHECK(condition)  \
	do                    \
	{                     \
		if (!(condition)) \
			abort();      \
	} while (0)

static void
check_line(LhCtx *ctx, LhSlice text)
{
	LhStatus status;
	LhAuditRecord r, back;
	LhBuf line, again;

	status = lh_audit_read_line(ctx, text, &r);
	CHECK(status == LH_OK || status == LH_CORRUPT);
	if (status != LH_OK)
		return;
	CHECK(lh_buf_init(ctx, &line, false) == LH_OK && lh_buf_init(ctx, &again, false) == LH_OK);
	CHECK(lh_audit_line(ctx, &r, &line) == LH_OK);
	/* empty objects grow when they are written in full */
	if (line.len > LH_AUDIT_LINE_MOST)
		return;
	CHECK(lh_audit_read_line(ctx, lh_slice(line.data, line.len), &back) == LH_OK);
	CHECK(lh_audit_line(ctx, &back, &again) == LH_OK);
	CHECK(again.len == line.len && memcmp(again.data, line.data, line.len) == 0);
}

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t public_key[LH_ED25519_PUBLIC] = {
		0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe,
		0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6,
		0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a};
	LhCtx *ctx = fuzz_ctx();
	LhVerifier *verifier;
	LhAuditProof proof;

	check_line(ctx, lh_slice(data, size));
	CHECK(lh_verifier_create(ctx, "example.com/audit", lh_slice(public_key, sizeof(public_key)),
							 &verifier) == LH_OK);
	CHECK(lh_audit_proof_verify(ctx, lh_slice(data, size), &verifier, 1,
								lh_slice("example.com/audit", 17), (LhSlice){0}, &proof) == LH_OK);
	CHECK(!proof.holds && proof.why != NULL);
	fuzz_ctx_done(ctx);
	return 0;
}
