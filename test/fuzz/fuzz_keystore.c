/*
 * fuzz_keystore.c
 *		Entries and records of the key store: hostile bytes, and what is written reads back.
 *
 * Input: a byte of flags, then the bytes.  1: a record of erasure, else an entry.  2: its checksum is made right first, so that
 * hostile fields reach the checks behind it.
 */
#include "crypto/keystore.h"
#include "fuzz/fuzz_ctx.h"

#define CHECK(condition)  \
	do                    \
	{                     \
		if (!(condition)) \
			abort();      \
	} while (0)

static void
read_entry(LhCtx *ctx, LhSlice bytes)
{
	uint8_t again[LH_KEYSTORE_ENTRY];
	LhKeyStoreEntry e;
	LhStatus s = lh_keystore_entry_read(ctx, bytes, &e);
	LhKeyRef ref;

	if (s != LH_OK)
	{
		CHECK(s == LH_CORRUPT || s == LH_UNSUPPORTED);
		return;
	}
	CHECK((e.state == LH_KEYSTORE_ERASED) == (e.wrapped_len == 0));
	lh_keystore_entry_write(&e, again);
	CHECK(memcmp(again, bytes.data, sizeof(again)) == 0);
	s = lh_subject_wrapped_by(ctx, &e, &ref);
	CHECK(s == LH_CORRUPT || (s == LH_OK && ref.id == e.parent));
}

static void
read_record(LhCtx *ctx, LhSlice bytes)
{
	uint8_t again[LH_KEYSTORE_RECORD];
	LhErasure e;

	if (lh_erasure_read(ctx, bytes, &e) != LH_OK)
		return;
	lh_erasure_write(&e, again);
	CHECK(memcmp(again, bytes.data, sizeof(again)) == 0);
}

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LhCtx *ctx = fuzz_ctx();
	uint8_t *bytes;
	size_t n;

	if (size == 0)
		return 0;
	n = size - 1;
	bytes = lh_alloc(ctx, n + 1);
	memcpy(bytes, data + 1, n);
	if ((data[0] & 2) != 0 && (data[0] & 1) == 0 && n == LH_KEYSTORE_ENTRY)
		lh_sha256(lh_slice(bytes, n - LH_SHA256), bytes + n - LH_SHA256);
	if ((data[0] & 3) == 3 && n == LH_KEYSTORE_RECORD)
	{
		/* the receipt of these fields */
		LhErasure e = {.seq = lh_load_be64(bytes + 8), .id = lh_load_be64(bytes + 16)};

		lh_erasure_write(&e, bytes);
		CHECK(lh_erasure_read(ctx, lh_slice(bytes, n), &e) == LH_OK);
	}
	else if (data[0] & 1)
		read_record(ctx, lh_slice(bytes, n));
	else
		read_entry(ctx, lh_slice(bytes, n));
	fuzz_ctx_done(ctx);
	return 0;
}
