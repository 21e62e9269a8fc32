/*
 * fuzz_rle.c
 *		Hybrid runs: reading in any pieces, skipping and all instruction sets agree.
 *
 * Input: width, size of pieces; then runs.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz_ctx.h"
#include "parquet/rle.h"

#define CHECK(x)     \
	do               \
	{                \
		if (!(x))    \
			abort(); \
	} while (0)

#define MOST 3000

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

FUZZ_UNWATCHED static uint32_t
largest(const uint32_t *values, size_t n)
{
	uint32_t most = 0;

	for (size_t i = 0; i < n; i++)
		most = values[i] > most ? values[i] : most;
	return most;
}

/* Are these the values, or 0? */
FUZZ_UNWATCHED static bool
same_or_zero(const uint32_t *some, const uint32_t *values, size_t n)
{
	uint32_t differ = 0;

	for (size_t i = 0; i < n; i++)
		differ |= (some[i] ^ values[i]) & (some[i] != 0 ? UINT32_MAX : 0);
	return differ == 0;
}

/* Up to MOST values in pieces; every skip-th piece is skipped and left 0 in out. */
static size_t
take(const uint8_t *p, size_t len, int width, size_t piece, int skip, uint32_t *out)
{
	size_t at = 0;
	LhRle r;

	lh_rle_init(&r, p, len, width);
	for (int k = 0; at < MOST; k++)
	{
		size_t n = piece < MOST - at ? piece : MOST - at;
		uint32_t max = 0;
		size_t got;

		if (skip > 0 && k % skip == 0)
		{
			got = (size_t) lh_rle_skip(&r, n);
			memset(out + at, 0, got * sizeof(*out));
		}
		else
		{
			/* what another run left there is no answer */
			memset(out + at, 0xa5, n * sizeof(*out));
			got = lh_rle_read(&r, n, out + at, &max);
			CHECK(largest(out + at, got) == max);
		}
		CHECK(got <= n);
		at += got;
		if (got < n)
			break;
	}
	return at;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint32_t base[MOST + LH_RLE_SLACK],
		other[MOST + LH_RLE_SLACK];
	size_t n,
		m,
		piece;
	uint8_t *p;
	int width;

	if (size < 2)
		return 0;
	width = data[0] % 33;
	piece = 1 + data[1];
	size -= 2;
	/* exactly the padding that pages have */
	p = malloc(size + LH_PADDING);
	memcpy(p, data + 2, size);
	memset(p + size, 0xff, LH_PADDING);
	lh_isa_choose(LH_ISA_BASE);
	n = take(p, size, width, MOST, 0, base);
	for (int isa = LH_ISA_BASE; isa <= (int) lh_isa_best(); isa++)
	{
		lh_isa_choose((LhIsa) isa);
		m = take(p, size, width, piece, 0, other);
		CHECK(m == n && memcmp(base, other, n * sizeof(*base)) == 0);
		m = take(p, size, width, piece, 2, other);
		CHECK(m == n);
		CHECK(same_or_zero(other, base, n));
	}
	free(p);
	return 0;
}
