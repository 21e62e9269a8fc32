/*
 * fuzz_levels.c
 *		Levels: bitmap, count and the levels themselves agree, in any pieces.
 *
 * Input: largest level, encoding, size of pieces; then levels.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz_ctx.h"
#include "parquet/levels.h"

#define CHECK(x)     \
	do               \
	{                \
		if (!(x))    \
			abort(); \
	} while (0)

#define MOST 3000

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* How many of the levels are max; SIZE_MAX: one is larger, or bits from "from" on say otherwise. */
FUZZ_UNWATCHED static size_t
count_max(const uint8_t *levels, size_t n, int max, const uint64_t *bits, size_t from)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++, from++)
	{
		bool is_max = levels[i] == max;

		if (levels[i] > max || (bits[from / 64] >> from % 64 & 1) != is_max)
			return SIZE_MAX;
		count += is_max;
	}
	return count;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LhPqLevels read,
		bitmap,
		count;
	size_t piece,
		at = 0;
	uint8_t *p;
	int max;

	if (size < 3)
		return 0;
	max = data[0];
	piece = 1 + data[2];
	size -= 3;
	p = malloc(size + LH_PADDING);
	memcpy(p, data + 3, size);
	memset(p + size, 0xff, LH_PADDING);
	lh_isa_choose((LhIsa) (data[1] >> 1 & 3));
	lh_pq_levels_init(&read, p, size, max, data[1] & 1);
	bitmap = count = read;
	while (max > 0 && at < MOST)
	{
		size_t from = at % 70;
		uint64_t bits[8] = {0};
		uint8_t out[256];
		size_t set = 0,
			   counted = 0,
			   want;
		bool ok = lh_pq_levels_read(&read, piece, out);

		CHECK(lh_pq_levels_bitmap(&bitmap, piece, bits, from, &set) == ok);
		CHECK(lh_pq_levels_count(&count, piece, &counted) == ok);
		if (!ok)
			break;
		want = count_max(out, piece, max, bits, from);
		CHECK(set == want && counted == want && lh_bits_count(bits, 8) == want);
		at += piece;
	}
	free(p);
	return 0;
}
