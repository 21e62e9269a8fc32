/*
 * fuzz_delta.c
 *		Every decoder of values: reading at once, in pieces and by skipping agree,
 *		in all instruction sets.
 *
 * Input: physical type, encoding, length of fixed values, size of pieces; then
 * the page's values.
 */
#include <stdlib.h>
#include <string.h>

#include <sanitizer/asan_interface.h>

#include "fuzz/fuzz_ctx.h"
#include "parquet/decode.h"

#define CHECK(x)     \
	do               \
	{                \
		if (!(x))    \
			abort(); \
	} while (0)

#define MOST 2000

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct Run
{
	LhCtx *ctx;
	LhPqDecoder d;
	const uint8_t *p;
	size_t len;
	int encoding;
	size_t width;
	uint8_t *out; /* of MOST values */
} Run;

/* Never 0. */
FUZZ_UNWATCHED static uint64_t
fingerprint(const uint8_t *p, size_t n)
{
	uint64_t h = n * UINT64_C(0x9e3779b97f4a7c15), word;

	for (; n >= 8; n -= 8, p += 8)
	{
		memcpy(&word, p, 8);
		h = (h ^ word) * UINT64_C(0xff51afd7ed558ccd);
		h ^= h >> 32;
	}
	for (; n > 0; n--, p++)
	{
		h = (h ^ *p) * UINT64_C(0xff51afd7ed558ccd);
		h ^= h >> 32;
	}
	return h | 1;
}

/* Fingerprints of n values of width bytes each. */
FUZZ_UNWATCHED static void
fixed_fingerprints(const uint8_t *out, size_t width, size_t n, uint64_t *hash)
{
	for (size_t i = 0; i < n; i++)
		hash[i] = fingerprint(out + i * width, width);
}

/* Of n strings, whose bytes must all be there. */
FUZZ_UNWATCHED static void
string_fingerprints(const LhStr *s, size_t n, uint64_t *hash)
{
	for (size_t i = 0; i < n; i++)
	{
		CHECK(s[i].len == 0 || __asan_region_is_poisoned((void *) s[i].ptr, s[i].len) == NULL);
		hash[i] = fingerprint(s[i].ptr, s[i].len);
	}
}

/* Are these the fingerprints, or 0? */
FUZZ_UNWATCHED static bool
same_or_zero(const uint64_t *some, const uint64_t *hash, size_t n)
{
	uint64_t differ = 0;

	for (size_t i = 0; i < n; i++)
		differ |= (some[i] ^ hash[i]) & (some[i] != 0 ? UINT64_MAX : 0);
	return differ == 0;
}

/*
 * How many of MOST values there are, in pieces; hash[i] of value i, 0 for those
 * skipped.  A read that fails gives nothing of its piece.
 */
static size_t
take(Run *r, size_t piece, int skip, uint64_t *hash)
{
	size_t at = 0;

	if (lh_pq_decoder_start(r->ctx, &r->d, r->encoding, r->p, r->len) != LH_OK)
		return SIZE_MAX;
	for (int k = 0; at < MOST; k++)
	{
		size_t n = piece < MOST - at ? piece : MOST - at;
		bool skipped = skip > 0 && k % skip == 0;
		LhStatus status;

		lh_pq_pool_unpin(r->d.pool);
		/* what another run left there is no answer */
		memset(r->out, 0xa5, skipped ? 0 : n * r->width);
		status = skipped ? r->d.ops->skip(r->ctx, &r->d, n)
						 : r->d.ops->read(r->ctx, &r->d, n, r->out);
		if (status != LH_OK)
			break;
		if (skipped)
			memset(hash + at, 0, n * sizeof(*hash));
		else if (r->d.physical == LH_PQ_BYTE_ARRAY)
			string_fingerprints((const LhStr *) (const void *) r->out, n, hash + at);
		else
			fixed_fingerprints(r->out, r->width, n, hash + at);
		at += n;
	}
	return at;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint64_t one[MOST],
		other[MOST];
	static const int encodings[] = {0, 3, 5, 6, 7, 9, 5, 7};
	LhPqPool pool;
	Run r = {0};
	size_t n;
	uint8_t *p;

	if (size < 4)
		return 0;
	r.ctx = fuzz_ctx();
	lh_pq_pool_init(&pool, r.ctx->arena);
	lh_pq_decoder_init(&r.d, &pool, (LhPqPhysical) (data[0] % 8), 1 + data[2] % 40);
	r.width = r.d.width;
	r.encoding = encodings[data[1] % 8];
	r.len = size - 4;
	p = malloc(r.len + LH_PADDING);
	memcpy(p, data + 4, r.len);
	memset(p + r.len, 0xff, LH_PADDING);
	r.p = p;
	r.out = malloc(MOST * r.width);
	lh_isa_choose(LH_ISA_BASE);
	/* one by one: as many as there are */
	n = take(&r, 1, 0, one);
	for (int isa = LH_ISA_BASE; isa <= (int) lh_isa_best() && n != SIZE_MAX; isa++)
	{
		size_t piece = 1 + data[3];

		lh_isa_choose((LhIsa) isa);
		for (int skip = 0; skip <= 2; skip += 2)
		{
			size_t m = take(&r, piece, skip, other);

			/* pieces may only lose the one in which the end lies; skipping looks less closely */
			CHECK(m >= n || n - m < piece);
			CHECK(m <= n || skip > 0);
			CHECK(same_or_zero(other, one, m < n ? m : n));
		}
	}
	free(r.out);
	free(p);
	lh_pq_decoder_close(&r.d);
	fuzz_ctx_done(r.ctx);
	return 0;
}
