/*
 * aesblock_ni.c
 *		AES on the processor's instructions for it.
 *
 *	1. The key schedule is FIPS 197's, a word at a time; S-box and rotation of a word
 *	   are what AESKEYGENASSIST gives with the round constant 0.
 *	2. A chain (CMAC) is one block after the other: it runs at the latency of the
 *	   rounds.
 *	3. Counter mode runs eight blocks at a time, so that the rounds of one hide the
 *	   latency of the others.
 *
 * The instructions take equally long whatever key and text are.
 */
#include "core/cpu.h"
#include "crypto/aesblock.h"

#ifdef __x86_64__

#include <wmmintrin.h>
#include <smmintrin.h>

#define AES_FN   __attribute__((target("aes,sse4.1")))
#define AES_LINE static inline __attribute__((target("aes,sse4.1"), always_inline))
#define WIDE     8
#define HALF     4

bool
lh_aesni_usable(void)
{
	__builtin_cpu_init();
	return lh_isa() != LH_ISA_BASE && __builtin_cpu_supports("aes") &&
		   __builtin_cpu_supports("sse4.1");
}

/* Words are little-endian here: the word's first byte is its lowest. */
AES_FN void
lh_aesni_expand(LhAesSchedule *s, const uint8_t *key, size_t len)
{
	uint32_t words[60], rcon = 1;
	int nk = (int) len / 4, n;

	s->rounds = nk + 6;
	n = 4 * (s->rounds + 1);
	memcpy(words, key, len);
	for (int i = nk; i < n; i++)
	{
		uint32_t t = words[i - 1];

		if (i % nk == 0 || (nk > 6 && i % nk == 4))
		{
			__m128i x = _mm_aeskeygenassist_si128(_mm_set1_epi32((int) t), 0);

			/* the lowest word is the substituted one, the next the same rotated */
			if (i % nk == 0)
			{
				t = (uint32_t) _mm_extract_epi32(x, 1) ^ rcon;
				rcon = rcon << 1 ^ (rcon >> 7) * 0x11b;
			}
			else
				t = (uint32_t) _mm_extract_epi32(x, 0);
		}
		words[i] = words[i - nk] ^ t;
	}
	memcpy(s->keys, words, (size_t) n * 4);
	lh_wipe(words, sizeof(words));
}

AES_LINE __m128i
round_key(const LhAesSchedule *s, int i)
{
	return _mm_load_si128((const __m128i *) s->keys[i]);
}

AES_FN void
lh_aesni_chain(const LhAesSchedule *s, uint8_t state[LH_AES_BLOCK], const uint8_t *in, size_t n)
{
	__m128i x = _mm_loadu_si128((const __m128i *) state);

	for (size_t i = 0; i < n; i++)
	{
		x = _mm_xor_si128(x, _mm_loadu_si128((const __m128i *) (in + i * LH_AES_BLOCK)));
		x = _mm_xor_si128(x, round_key(s, 0));
		for (int r = 1; r < s->rounds; r++)
			x = _mm_aesenc_si128(x, round_key(s, r));
		x = _mm_aesenclast_si128(x, round_key(s, s->rounds));
	}
	_mm_storeu_si128((__m128i *) state, x);
}

/* k key stream blocks from counter value c on. */
AES_LINE void
stream(const LhAesSchedule *s, uint64_t high, uint64_t c, __m128i *x, int k)
{
	for (int i = 0; i < k; i++)
		x[i] = _mm_xor_si128(
			_mm_set_epi64x((int64_t) __builtin_bswap64(c + (uint64_t) i), (int64_t) high),
			round_key(s, 0));
	for (int r = 1; r < s->rounds; r++)
	{
		__m128i key = round_key(s, r);

		for (int i = 0; i < k; i++)
			x[i] = _mm_aesenc_si128(x[i], key);
	}
	for (int i = 0; i < k; i++)
		x[i] = _mm_aesenclast_si128(x[i], round_key(s, s->rounds));
}

/* k whole blocks of text. */
AES_LINE void
text_blocks(const LhAesSchedule *s, uint64_t high, uint64_t c, const uint8_t *in, uint8_t *out,
			int k)
{
	__m128i x[WIDE];

	stream(s, high, c, x, k);
	for (int i = 0; i < k; i++)
		_mm_storeu_si128((__m128i *) out + i,
						 _mm_xor_si128(x[i], _mm_loadu_si128((const __m128i *) in + i)));
}

AES_FN void
lh_aesni_ctr(const LhAesSchedule *s, const uint8_t counter[LH_AES_BLOCK], uint64_t first,
			 const uint8_t *in, size_t len, uint8_t *out)
{
	uint64_t high = lh_load_u64(counter), c = lh_load_be64(counter + 8) + first;
	__m128i x[1];

	for (; len >= WIDE * LH_AES_BLOCK; len -= WIDE * LH_AES_BLOCK, c += WIDE)
	{
		text_blocks(s, high, c, in, out, WIDE);
		in += WIDE * LH_AES_BLOCK;
		out += WIDE * LH_AES_BLOCK;
	}
	if (len >= HALF * LH_AES_BLOCK)
	{
		text_blocks(s, high, c, in, out, HALF);
		in += HALF * LH_AES_BLOCK;
		out += HALF * LH_AES_BLOCK;
		len -= HALF * LH_AES_BLOCK;
		c += HALF;
	}
	for (; len > 0; c++)
	{
		size_t k = len < LH_AES_BLOCK ? len : LH_AES_BLOCK;
		uint8_t text[LH_AES_BLOCK] = {0};

		stream(s, high, c, x, 1);
		memcpy(text, in, k);
		_mm_storeu_si128((__m128i *) text,
						 _mm_xor_si128(x[0], _mm_loadu_si128((const __m128i *) text)));
		memcpy(out, text, k);
		in += k;
		out += k;
		len -= k;
	}
}

#else

bool
lh_aesni_usable(void)
{
	return false;
}

void
lh_aesni_expand(LhAesSchedule *s, const uint8_t *key, size_t len)
{
}

void
lh_aesni_chain(const LhAesSchedule *s, uint8_t state[LH_AES_BLOCK], const uint8_t *in, size_t n)
{
}

void
lh_aesni_ctr(const LhAesSchedule *s, const uint8_t counter[LH_AES_BLOCK], uint64_t first,
			 const uint8_t *in, size_t len, uint8_t *out)
{
}

#endif
