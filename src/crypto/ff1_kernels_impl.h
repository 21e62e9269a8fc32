/*
 * ff1_kernels_impl.h
 *		Ten rounds of FF1 on small halves, in vectors; strings of 16 digits.
 *
 * Included by each kernel file, which says what a vector is:
 *
 *	V, LANES			a vector of LANES 64-bit numbers, LANES / 2 blocks of AES
 *	SET64, SET128		a number, or a block, in all places
 *	AND, XOR, ADD, SUB, MUL32, SHIFT32, SHUFFLE, LOW_HALVES, LOW_WORDS, TO_DOUBLE, MULD, ADDD, FIX
 *
 * Numbers lie one a lane; a block takes two lanes, so that the numbers of one
 * vector become two vectors of blocks: of the even lanes, and of the odd ones.
 *
 *	1. a byte shuffle puts a half, big-endian, at the end of its block;
 *	2. the base, in which the round's number is, and the first round key are XORed;
 *	3. AES, GROUPS * 2 vectors side by side, for an instruction waits four cycles
 *	   for the one before it, and two can begin in each;
 *	4. the blocks' first 8 bytes, as lanes again, are y: ff1_internal.h tells how it is
 *	   reduced.
 *
 * Two rounds change first the left half and then the right one, each in place.
 */
#define GROUPS 4
#define STEP   (GROUPS * LANES)

typedef struct Half
{
	V			v[GROUPS];
} Half;

/* What all values of a call share. */
typedef struct Shared
{
	const LhFf1Key *key;
	V			m[2],
				c[2];
	VD			inverse[2];
	V			bases[LH_FF1_ROUNDS];	/* with round and first key in them */
} Shared;

static inline __attribute__((always_inline)) void
share(Shared *s, const LhFf1Key *key, const LhFf1Fused *f, const uint8_t *base)
{
	s->key = key;
	for (int i = 0; i < 2; i++)
	{
		s->m[i] = SET64((int64_t) f->small[i].m);
		s->c[i] = SET64((int64_t) f->small[i].c);
		s->inverse[i] = SETD(f->small[i].inverse);
	}
	for (int i = 0; i < LH_FF1_ROUNDS; i++)
	{
		uint8_t		block[LH_FF1_BLOCK];

		for (int k = 0; k < LH_FF1_BLOCK; k++)
			block[k] = key->keys[0][k] ^ (base != NULL ? base[k] : 0);
		block[15 - f->b] ^= (uint8_t) i;
		s->bases[i] = SET128(_mm_loadu_si128((const __m128i *) block));
	}
}

/* to = (to +- F(from)) % m.  own: the values' own bases, or NULL. */
static inline __attribute__((always_inline)) void
one_round(const Shared *s, int i, bool encrypt, const V *own, Half *to, const Half *from)
{
	const V		even = SET128(_mm_setr_epi8(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 3, 2, 1, 0));
	const V		odd = SET128(_mm_setr_epi8(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 11, 10, 9, 8));
	const V		reverse = SET128(_mm_setr_epi8(7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8));
	const V		m = s->m[i & 1],
				c = s->c[i & 1];
	const VD	inverse = s->inverse[i & 1];
	const LhFf1Key *key = s->key;
	int			last = key->rounds;
	V			x[2 * GROUPS];

	for (int g = 0; g < GROUPS; g++)
	{
		x[2 * g] = XOR(SHUFFLE(from->v[g], even), s->bases[i]);
		x[2 * g + 1] = XOR(SHUFFLE(from->v[g], odd), s->bases[i]);
		if (own != NULL)
		{
			x[2 * g] = XOR(x[2 * g], own[2 * g]);
			x[2 * g + 1] = XOR(x[2 * g + 1], own[2 * g + 1]);
		}
	}
	for (int r = 1; r < last; r++)
	{
		V			k = SET128(_mm_load_si128((const __m128i *) key->keys[r]));

		for (int g = 0; g < 2 * GROUPS; g++)
			x[g] = AESENC(x[g], k);
	}
	{
		V			k = SET128(_mm_load_si128((const __m128i *) key->keys[last]));

		for (int g = 0; g < 2 * GROUPS; g++)
			x[g] = AESENCLAST(x[g], k);
	}
	for (int g = 0; g < GROUPS; g++)
	{
		V			y = SHUFFLE(LOW_HALVES(x[2 * g], x[2 * g + 1]), reverse);
		V			t = ADD(MUL32(SHIFT32(y), c), LOW_WORDS(y)),
					rest;

		/* back: half - y is minus (y - half), and y + (m - half) is congruent to that */
		t = ADD(t, encrypt ? to->v[g] : SUB(m, to->v[g]));
		rest = MUL32(QUOTIENT(t, inverse), m);
		rest = encrypt ? SUB(t, rest) : SUB(rest, t);
		to->v[g] = FIX(rest, ADD(rest, m));
	}
}

static inline __attribute__((always_inline)) void
all_rounds(const Shared *s, LhFf1Way way, const V *own, uint64_t *left, uint64_t *right)
{
	Half		a,
				b;

	for (int g = 0; g < GROUPS; g++)
	{
		a.v[g] = LOAD(left + g * LANES);
		b.v[g] = LOAD(right + g * LANES);
	}
	if (way == LH_FF1_ENCRYPT)
	{
		for (int i = 0; i < LH_FF1_ROUNDS; i += 2)
		{
			one_round(s, i, true, own, &a, &b);
			one_round(s, i + 1, true, own, &b, &a);
		}
	}
	else
	{
		for (int i = LH_FF1_ROUNDS - 2; i >= 0; i -= 2)
		{
			one_round(s, i + 1, false, own, &b, &a);
			one_round(s, i, false, own, &a, &b);
		}
	}
	for (int g = 0; g < GROUPS; g++)
	{
		STORE(left + g * LANES, a.v[g]);
		STORE(right + g * LANES, b.v[g]);
	}
}

/* The values' own bases, as the blocks of one_round lie: of even lanes, of odd ones. */
static inline __attribute__((always_inline)) void
own_bases(V *own, const uint8_t *bases)
{
	uint8_t		blocks[STEP * LH_FF1_BLOCK] __attribute__((aligned(64)));

	for (int j = 0; j < STEP; j++)
	{
		int			lane = j % LANES,
					at = j / LANES * LANES + lane % 2 * (LANES / 2) + lane / 2;

		memcpy(blocks + at * LH_FF1_BLOCK, bases + j * LH_FF1_BLOCK, LH_FF1_BLOCK);
	}
	for (int k = 0; k < 2 * GROUPS; k++)
		own[k] = LOAD(blocks + (size_t) k * sizeof(V));
	lh_wipe(blocks, sizeof(blocks));
}

static void
fused(const LhFf1Key *key, const LhFf1Fused *f, LhFf1Way way, const uint8_t *base, uint64_t *left,
	  uint64_t *right, size_t count)
{
	Shared		s;
	uint64_t	l[STEP] = {0},
				r[STEP] = {0};

	share(&s, key, f, base);
	for (; count >= STEP; count -= STEP, left += STEP, right += STEP)
		all_rounds(&s, way, NULL, left, right);
	if (count > 0)
	{
		memcpy(l, left, count * 8);
		memcpy(r, right, count * 8);
		all_rounds(&s, way, NULL, l, r);
		memcpy(left, l, count * 8);
		memcpy(right, r, count * 8);
		lh_wipe(l, sizeof(l));
		lh_wipe(r, sizeof(r));
	}
	lh_wipe(&s, sizeof(s));
}

static void
fused_each(const LhFf1Key *key, const LhFf1Fused *f, LhFf1Way way, const uint8_t *bases,
		   uint64_t *left, uint64_t *right, size_t count)
{
	Shared		s;
	V			own[2 * GROUPS];
	uint64_t	l[STEP] = {0},
				r[STEP] = {0};
	uint8_t		tail[STEP * LH_FF1_BLOCK] = {0};

	share(&s, key, f, NULL);
	for (; count >= STEP; count -= STEP, left += STEP, right += STEP)
	{
		own_bases(own, bases);
		all_rounds(&s, way, own, left, right);
		bases += STEP * LH_FF1_BLOCK;
	}
	if (count > 0)
	{
		memcpy(tail, bases, count * LH_FF1_BLOCK);
		memcpy(l, left, count * 8);
		memcpy(r, right, count * 8);
		own_bases(own, tail);
		all_rounds(&s, way, own, l, r);
		memcpy(left, l, count * 8);
		memcpy(right, r, count * 8);
		lh_wipe(l, sizeof(l));
		lh_wipe(r, sizeof(r));
		lh_wipe(tail, sizeof(tail));
	}
	lh_wipe(&s, sizeof(s));
	lh_wipe(own, sizeof(own));
}

/* ---- strings of 16 digits, which are two halves of eight ---- */

/* false: somewhere is no digit */
static bool
parse16(const char *in, size_t count, uint64_t *left, uint64_t *right)
{
	const __m128i zero = _mm_set1_epi8('0'),
				nine = _mm_set1_epi8(9),
				tens = _mm_set1_epi16(1 << 8 | 10),
				hundreds = _mm_set1_epi32(1 << 16 | 100),
				myriads = _mm_set1_epi32(1 << 16 | 10000);
	__m128i		bad = _mm_setzero_si128();

	for (size_t j = 0; j < count; j++)
	{
		__m128i		x = _mm_xor_si128(_mm_loadu_si128((const __m128i *) in + j), zero);

		bad = _mm_or_si128(bad, _mm_subs_epu8(x, nine));
		x = _mm_maddubs_epi16(x, tens);
		x = _mm_madd_epi16(x, hundreds);
		x = _mm_madd_epi16(_mm_packus_epi32(x, x), myriads);
		left[j] = (uint32_t) _mm_cvtsi128_si32(x);
		right[j] = (uint32_t) _mm_extract_epi32(x, 1);
	}
	return _mm_testz_si128(bad, bad);
}

/* Quotients by multiplication: x * 3518437209 >> 45 is x / 10000 below 10^8, and so on. */
static void
format16(char *out, size_t count, const uint64_t *left, const uint64_t *right)
{
	for (size_t j = 0; j < count; j++)
	{
		__m128i		x = _mm_set_epi64x((int64_t) right[j], (int64_t) left[j]),
					q = _mm_srli_epi64(_mm_mul_epu32(x, _mm_set1_epi64x(3518437209)), 45);

		/* to fours, to pairs, to digits: the quotient first, the rest beside it */
		x = _mm_sub_epi64(x, _mm_mul_epu32(q, _mm_set1_epi64x(10000)));
		x = _mm_or_si128(q, _mm_slli_epi64(x, 32));
		q = _mm_srli_epi16(_mm_mulhi_epu16(x, _mm_set1_epi16(5243)), 3);
		x = _mm_sub_epi16(x, _mm_mullo_epi16(q, _mm_set1_epi16(100)));
		x = _mm_or_si128(q, _mm_slli_epi32(x, 16));
		q = _mm_mulhi_epu16(x, _mm_set1_epi16(6554));
		x = _mm_sub_epi16(x, _mm_mullo_epi16(q, _mm_set1_epi16(10)));
		x = _mm_or_si128(q, _mm_slli_epi16(x, 8));
		_mm_storeu_si128((__m128i *) out + j, _mm_or_si128(x, _mm_set1_epi8('0')));
	}
}
