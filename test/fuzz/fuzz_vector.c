/*
 * fuzz_vector.c
 *		Deletion vectors: any bytes are refused, or every way of asking agrees.
 *
 * Input: byte 0 odd: a whole blob.  Even: a 64-bit bitmap, to which an envelope is
 * made, so that the fuzzer need not find its CRC.
 *
 * A vector that is taken has as many rows as it counts in all ranges together, the
 * same rows by bits, and stays itself when it is united with a set.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz_ctx.h"
#include "scan/vector.h"

#define CHECK(x)     \
	do               \
	{                \
		if (!(x))    \
			abort(); \
	} while (0)

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static LhStatus
parse(LhCtx *ctx, const uint8_t *data, size_t size, LhRowSet **out)
{
	uint8_t *blob = lh_alloc(ctx, size + 16);
	uint32_t crc, len = (uint32_t) size + 3;

	if (data[0] % 2)
		return lh_vector_parse(ctx, lh_slice(data + 1, size - 1), -1, false, "fuzz", out);
	memcpy(blob + 4, "\xD1\xD3\x39\x64", 4);
	memcpy(blob + 8, data + 1, size - 1);
	crc = lh_crc32(blob + 4, len);
	for (int i = 0; i < 4; i++)
	{
		blob[i] = (uint8_t) (len >> (24 - 8 * i));
		blob[4 + len + (size_t) i] = (uint8_t) (crc >> (24 - 8 * i));
	}
	return lh_vector_parse(ctx, lh_slice(blob, len + 8), -1, false, "fuzz", out);
}

/* Rows [from, from + n) counted by bits. */
static uint64_t
count_bits(const LhRowSet *set, int64_t from, int n)
{
	uint64_t words[LH_BATCH_WORDS];

	lh_rowset_words(set, from, n, words);
	for (int i = n; i < (int) LH_WORDS(n) * 64; i++)
		CHECK(!lh_bit_get(words, (size_t) i));
	return lh_bits_count(words, LH_WORDS(n));
}

static void
check(LhCtx *ctx, const LhRowSet *set)
{
	uint64_t count = lh_rowset_count(set), seen = 0;
	LhRowSet *both;

	CHECK(lh_rowset_count_range(set, 0, INT64_MAX) == count);
	for (int64_t base = 0; base < (INT64_C(1) << 34); base += INT64_C(1) << 32)
		for (int64_t row = base; row < base + 4 * 65536; row += 1777)
		{
			uint64_t bits = count_bits(set, row, 1777);

			CHECK(bits == lh_rowset_count_range(set, row, row + 1777));
			seen += bits;
		}
	CHECK(seen <= count + 4 * 1777);
	CHECK(lh_rowset_create(ctx, false, &both) == LH_OK);
	CHECK(lh_rowset_add(ctx, both, (int64_t[]){0, 65535, 65536, INT64_C(1) << 33}, 4) == LH_OK);
	CHECK(lh_rowset_or(ctx, both, set) == LH_OK);
	CHECK(lh_rowset_finish(ctx, both) == LH_OK);
	CHECK(lh_rowset_count(both) >= count && lh_rowset_count(both) <= count + 4);
	CHECK(count_bits(both, 65535, 2) == 2);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LhCtx *ctx;
	LhRowSet *set;

	if (size < 1 || size > 1 << 20)
		return 0;
	ctx = fuzz_ctx();
	if (parse(ctx, data, size, &set) == LH_OK)
		check(ctx, set);
	else
		CHECK(ctx->error->message[0] != '\0');
	fuzz_ctx_done(ctx);
	return 0;
}
