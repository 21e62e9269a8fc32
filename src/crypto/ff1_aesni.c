/*
 * ff1_aesni.c
 *		FF1 with AES-NI: blocks, 8 side by side; rounds of 8 values; of one.
 */
#ifdef __x86_64__

#include "crypto/ff1_internal.h"

#include <immintrin.h>

typedef __m128i V;
typedef __m128d VD;

#define LANES            2
#define LOAD(p)          _mm_loadu_si128((const __m128i *) (p))
#define STORE(p, v)      _mm_storeu_si128((__m128i *) (p), (v))
#define SET64(x)         _mm_set1_epi64x(x)
#define SET128(x)        (x)
#define SETD(x)          _mm_set1_pd(x)
#define XOR(a, b)        _mm_xor_si128((a), (b))
#define ADD(a, b)        _mm_add_epi64((a), (b))
#define SUB(a, b)        _mm_sub_epi64((a), (b))
#define MUL32(a, b)      _mm_mul_epu32((a), (b))
#define SHIFT32(a)       _mm_srli_epi64((a), 32)
#define LOW_WORDS(a)     _mm_blend_epi16((a), _mm_setzero_si128(), 0xcc)
#define LOW_HALVES(a, b) _mm_unpacklo_epi64((a), (b))
#define SHUFFLE(a, by)   _mm_shuffle_epi8((a), (by))
#define AESENC(a, k)     _mm_aesenc_si128((a), (k))
#define AESENCLAST(a, k) _mm_aesenclast_si128((a), (k))
/* the second where the first is negative */
#define FIX(a, b) \
	_mm_castpd_si128(_mm_blendv_pd(_mm_castsi128_pd(a), _mm_castsi128_pd(b), _mm_castsi128_pd(a)))

/* t / m, rounded, in the low 32 bits of each lane: its halves become doubles by their exponents */
static inline __attribute__((always_inline)) V
quotient(V t, VD inverse)
{
	V high = _mm_or_si128(_mm_srli_epi64(t, 32), _mm_castpd_si128(_mm_set1_pd(0x1p84)));
	V low = _mm_blend_epi16(t, _mm_castpd_si128(_mm_set1_pd(0x1p52)), 0xcc);
	VD d = _mm_add_pd(_mm_sub_pd(_mm_castsi128_pd(high), _mm_set1_pd(0x1p84 + 0x1p52)),
					  _mm_castsi128_pd(low));

	return _mm_castpd_si128(_mm_add_pd(_mm_mul_pd(d, inverse), _mm_set1_pd(0x1p52)));
}
#define QUOTIENT(t, inverse) quotient((t), (inverse))

#include "crypto/ff1_kernels_impl.h"

static bool
supported(void)
{
	return lh_cpu_has_aes();
}

/* The S-box, four times, by the instruction made for it. */
static uint32_t
sub_word(uint32_t w)
{
	return (uint32_t) _mm_cvtsi128_si32(_mm_aeskeygenassist_si128(_mm_set1_epi32((int32_t) w), 0));
}

/* FIPS 197, section 5.2 */
void
lh_ff1_expand_aesni(LhFf1Key *key, const uint8_t *bytes, size_t len)
{
	size_t nk = len / 4, total;
	uint32_t w[4 * LH_FF1_AES_KEYS], rcon = 1;

	key->rounds = (int) nk + 6;
	total = 4 * ((size_t) key->rounds + 1);
	memcpy(w, bytes, len);
	for (size_t i = nk; i < total; i++)
	{
		uint32_t t = w[i - 1];

		if (i % nk == 0)
		{
			/* words are little-endian here: a rotation by one byte to the left */
			t = sub_word(t >> 8 | t << 24) ^ rcon;
			rcon = rcon << 1 ^ (rcon & 0x80 ? 0x11b : 0);
		}
		else if (nk > 6 && i % nk == 4)
			t = sub_word(t);
		w[i] = w[i - nk] ^ t;
	}
	memcpy(key->keys, w, total * 4);
	lh_wipe(w, sizeof(w));
}

static inline __attribute__((always_inline)) void
encrypt(const LhFf1Key *key, uint8_t *blocks, int count)
{
	__m128i x[8], k = _mm_load_si128((const __m128i *) key->keys[0]);

	for (int i = 0; i < count; i++)
		x[i] = _mm_xor_si128(_mm_loadu_si128((const __m128i *) blocks + i), k);
	for (int r = 1; r < key->rounds; r++)
	{
		k = _mm_load_si128((const __m128i *) key->keys[r]);
		for (int i = 0; i < count; i++)
			x[i] = _mm_aesenc_si128(x[i], k);
	}
	k = _mm_load_si128((const __m128i *) key->keys[key->rounds]);
	for (int i = 0; i < count; i++)
		_mm_storeu_si128((__m128i *) blocks + i, _mm_aesenclast_si128(x[i], k));
}

bool
lh_ff1_blocks_aesni(const LhFf1Call *call, uint8_t *blocks, size_t count)
{
	for (; count >= 8; count -= 8, blocks += 8 * LH_FF1_BLOCK)
		encrypt(call->key, blocks, 8);
	for (; count >= 2; count -= 2, blocks += 2 * LH_FF1_BLOCK)
		encrypt(call->key, blocks, 2);
	if (count > 0)
		encrypt(call->key, blocks, 1);
	return true;
}

/*
 * (half + y) % m, or (half - y) % m.  The quotient is one too small at most, so that what is left is below
 * 3 m; all steps but the last two do not wait for one another.
 */
static inline __attribute__((always_inline)) uint64_t
reduce_one(const LhFf1Fused *f, int which, LhFf1Way way, uint64_t half, uint64_t y)
{
	uint64_t m = f->small[which].m;
	uint64_t off = (uint64_t) (((LhU128) y * f->barrett[which]) >> 64) * m;
	uint64_t sum = way == LH_FF1_ENCRYPT ? half + y - off : half + 2 * m - y + off;
	uint64_t one = sum - m, two = sum - 2 * m;

	sum = (int64_t) one < 0 ? sum : one;
	return (int64_t) two < 0 ? sum : two;
}

/* The number that round i adds, made of the other half. */
static inline __attribute__((always_inline)) uint64_t
round_one(const LhFf1Key *key, int rounds, __m128i start, unsigned shift, int i, uint64_t other)
{
	/* the last 8 bytes of a block, which are little-endian here, from a number */
	const __m128i place = _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, -1, -1, -1, -1, -1, -1, -1, -1);
	__m128i round = _mm_set_epi64x((int64_t) ((uint64_t) i << shift), 0);
	__m128i q = _mm_shuffle_epi8(_mm_cvtsi64_si128((int64_t) other), place);
	__m128i x = _mm_xor_si128(_mm_xor_si128(start, round), q);

	for (int r = 1; r < rounds; r++)
		x = _mm_aesenc_si128(x, _mm_load_si128((const __m128i *) key->keys[r]));
	x = _mm_aesenclast_si128(x, _mm_load_si128((const __m128i *) key->keys[rounds]));
	return __builtin_bswap64((uint64_t) _mm_cvtsi128_si64(x));
}

/* Two rounds at a time, so that both halves stay in registers; with constants for the way and the rounds of AES. */
static inline __attribute__((always_inline)) void
one(const LhFf1Key *key, int rounds, const LhFf1Fused *f, LhFf1Way way, const uint8_t *base,
	uint64_t *left, uint64_t *right)
{
	uint64_t a = *left, b = *right;
	__m128i start = _mm_xor_si128(LOAD(base), _mm_load_si128((const __m128i *) key->keys[0]));
	unsigned shift = 8 * (7 - f->b); /* of the round in them */

	for (int n = 0; n < LH_FF1_ROUNDS; n += 2)
	{
		if (way == LH_FF1_ENCRYPT)
		{
			a = reduce_one(f, 0, way, a, round_one(key, rounds, start, shift, n, b));
			b = reduce_one(f, 1, way, b, round_one(key, rounds, start, shift, n + 1, a));
		}
		else
		{
			b = reduce_one(f, 1, way, b,
						   round_one(key, rounds, start, shift, LH_FF1_ROUNDS - 1 - n, a));
			a = reduce_one(f, 0, way, a,
						   round_one(key, rounds, start, shift, LH_FF1_ROUNDS - 2 - n, b));
		}
	}
	*left = a;
	*right = b;
}

void
lh_ff1_one_aesni(const LhFf1Key *key, const LhFf1Fused *f, LhFf1Way way, const uint8_t *base,
				 uint64_t *left, uint64_t *right)
{
	/* AES-256: all keys of domains */
	if (key->rounds != 14)
		one(key, key->rounds, f, way, base, left, right);
	else if (way == LH_FF1_ENCRYPT)
		one(key, 14, f, LH_FF1_ENCRYPT, base, left, right);
	else
		one(key, 14, f, LH_FF1_DECRYPT, base, left, right);
}

const LhFf1Kernels lh_ff1_kernels_aesni = {.name = "aesni",
										   .isa = LH_ISA_AVX2,
										   .supported = supported,
										   .blocks = lh_ff1_blocks_aesni,
										   .fused = fused,
										   .fused_each = fused_each,
										   .few = 2,
										   .fused_one = lh_ff1_one_aesni,
										   .parse16 = parse16,
										   .format16 = format16};

#endif
