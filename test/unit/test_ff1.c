/*
 * test_ff1.c
 *		FF1: NIST's samples, an oracle that shares nothing with it, all kernels alike, bad parameters.
 *
 * FF1_RANDOM=N gives the number of random values of each comparison, FF1_ONLY=NAME (with
 * wildcards) limits the tests, FF1_SURE=N the values of each setting that the slow oracle sees,
 * FF1_SEED=N begins with other numbers (docs/evidence/crypto.md).
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/ff1_internal.h"
#include "ff1_slow.h"

#define LH_OK_(ctx, call)                                     \
	do                                                        \
	{                                                         \
		LhStatus s_ = (call);                                 \
		if (s_ != LH_OK)                                      \
			fail_msg("%s: %s", #call, (ctx)->error->message); \
	} while (0)

static const LhFf1Tweaks no_tweak = {0};
static uint64_t seed = 0x9e3779b97f4a7c15;

static uint64_t
next(void)
{
	uint64_t z = (seed += 0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static size_t
rounds_wanted(size_t otherwise)
{
	const char *n = getenv("FF1_RANDOM");

	return n != NULL ? (size_t) strtoull(n, NULL, 10) : otherwise;
}

static size_t
sure_of(size_t otherwise)
{
	const char *n = getenv("FF1_SURE");

	return n != NULL ? (size_t) strtoull(n, NULL, 10) : otherwise;
}

static int
setup(void **state)
{
	*state = lh_ctx_create();
	return *state == NULL;
}

static int
teardown(void **state)
{
	lh_isa_choose(LH_ISA_AVX512);
	lh_ctx_destroy(*state);
	return 0;
}

static LhKey
key_of(const char *hex)
{
	LhKey key = {.len = strlen(hex) / 2};

	for (size_t i = 0; i < key.len; i++)
		key.bytes[i] = (uint8_t) (lh_hex_digit((uint8_t) hex[2 * i]) << 4 |
								  lh_hex_digit((uint8_t) hex[2 * i + 1]));
	return key;
}

static LhKey
random_key(void)
{
	LhKey key = {.len = 16 + next() % 3 * 8};

	for (size_t i = 0; i < key.len; i++)
		key.bytes[i] = (uint8_t) next();
	return key;
}

static LhFf1 *
make(LhCtx *ctx, const LhKey *key, uint32_t radix, size_t length, size_t tweak_len)
{
	LhFf1Spec spec = {radix, length, tweak_len, true};
	LhFf1Key *k;
	LhFf1 *f;

	LH_OK_(ctx, lh_ff1_key_create(ctx, key, &k));
	LH_OK_(ctx, lh_ff1_create(ctx, k, &spec, &f));
	return f;
}

#define EACH_KERNEL(k)                                                       \
	for (const LhFf1Kernels *const *k = lh_ff1_kernels_all; *k != NULL; k++) \
		if ((*k)->supported() ? (lh_ff1_kernels_force(*k), true)             \
							  : (print_message("%s: not on this machine\n", (*k)->name), false))

/* ---- NIST ---- */

static const struct
{
	const char *key, *tweak;
	uint32_t radix;
	const char *plain, *cipher;
} samples[] = {
	{"2B7E151628AED2A6ABF7158809CF4F3C", "", 10, "0123456789", "2433477484"},
	{"2B7E151628AED2A6ABF7158809CF4F3C", "39383736353433323130", 10, "0123456789", "6124200773"},
	{"2B7E151628AED2A6ABF7158809CF4F3C", "3737373770717273373737", 36, "0123456789abcdefghi",
	 "a9tv40mll9kdu509eum"},
	{"2B7E151628AED2A6ABF7158809CF4F3CEF4359D8D580AA4F", "", 10, "0123456789", "2830668132"},
	{"2B7E151628AED2A6ABF7158809CF4F3CEF4359D8D580AA4F", "39383736353433323130", 10, "0123456789",
	 "2496655549"},
	{"2B7E151628AED2A6ABF7158809CF4F3CEF4359D8D580AA4F", "3737373770717273373737", 36,
	 "0123456789abcdefghi", "xbj3kv35jrawxv32ysr"},
	{"2B7E151628AED2A6ABF7158809CF4F3CEF4359D8D580AA4F7F036D6F04FC6A94", "", 10, "0123456789",
	 "6657667009"},
	{"2B7E151628AED2A6ABF7158809CF4F3CEF4359D8D580AA4F7F036D6F04FC6A94", "39383736353433323130", 10,
	 "0123456789", "1001623463"},
	{"2B7E151628AED2A6ABF7158809CF4F3CEF4359D8D580AA4F7F036D6F04FC6A94", "3737373770717273373737",
	 36, "0123456789abcdefghi", "xs8a0azh2avyalyzuwd"},
};

static uint16_t
numeral(char c)
{
	return (uint16_t) (c <= '9' ? c - '0' : c - 'a' + 10);
}

static void
nist_samples(void **state)
{
	LhCtx *ctx = *state;

	EACH_KERNEL(k)
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
	{
		LhKey key = key_of(samples[i].key), tweak = {.len = strlen(samples[i].tweak) / 2};
		size_t n = strlen(samples[i].plain);
		uint16_t x[32], out[32];
		LhFf1Tweaks t = {tweak.bytes, 0};
		LhFf1 *f = make(ctx, &key, samples[i].radix, n, tweak.len);

		for (size_t j = 0; j < tweak.len; j++)
			tweak.bytes[j] = (uint8_t) (lh_hex_digit((uint8_t) samples[i].tweak[2 * j]) << 4 |
										lh_hex_digit((uint8_t) samples[i].tweak[2 * j + 1]));
		for (size_t j = 0; j < n; j++)
			x[j] = numeral(samples[i].plain[j]);
		LH_OK_(ctx, lh_ff1_numerals(ctx, f, LH_FF1_ENCRYPT, t, x, out, 1));
		for (size_t j = 0; j < n; j++)
			assert_int_equal(out[j], numeral(samples[i].cipher[j]));
		LH_OK_(ctx, lh_ff1_numerals(ctx, f, LH_FF1_DECRYPT, t, out, out, 1));
		assert_memory_equal(out, x, 2 * n);
		slow_ff1(&key, samples[i].radix, tweak.bytes, tweak.len, LH_FF1_ENCRYPT, x, n);
		for (size_t j = 0; j < n; j++)
			assert_int_equal(x[j], numeral(samples[i].cipher[j]));
	}
}

/* ---- the oracle ---- */

static uint32_t
any_radix(void)
{
	static const uint32_t some[] = {2,  3,   4,   7,    8,     10,    10,    16,   26,  32,
									36, 62,  64,  100,  255,   256,   257,   1000, 641, 4096,
									6,  127, 128, 4660, 32768, 65535, 65536, 5,    52,  94};

	return next() % 4 == 0 ? 2 + (uint32_t) (next() % 65535) : some[next() % 30];
}

static void
fill(uint16_t *x, size_t n, uint32_t radix)
{
	int how = (int) (next() % 8);

	for (size_t i = 0; i < n; i++)
		x[i] = (uint16_t) (how == 0 ? 0 : how == 1 ? radix - 1 : next() % radix);
}

/* One setting: "count" values by each kernel and call against the oracle for the first "sure" of them. */
static void
compare(LhCtx *ctx, uint32_t radix, size_t n, size_t t, size_t count, size_t sure)
{
	LhKey key = random_key();
	LhFf1 *f = make(ctx, &key, radix, n, t);
	uint16_t *x = malloc(2 * n * count), *want = malloc(2 * n * count),
			 *got = malloc(2 * n * count);
	uint8_t *tweaks = malloc(t * count + 1);
	bool each = t > 0 && next() % 2 == 0;
	LhFf1Tweaks tw = {tweaks, each ? t : 0};

	for (size_t i = 0; i < t * count; i++)
		tweaks[i] = (uint8_t) next();
	for (size_t j = 0; j < count; j++)
		fill(x + j * n, n, radix);
	/* EVP and limbs' arithmetic: what the fused kernels are compared with */
	lh_ff1_kernels_force(&lh_ff1_kernels_evp);
	LH_OK_(ctx, lh_ff1_numerals(ctx, f, LH_FF1_ENCRYPT, tw, x, want, count));
	for (size_t j = 0; j < count && j < sure; j++)
	{
		uint16_t *slow = malloc(2 * n);

		memcpy(slow, x + j * n, 2 * n);
		slow_ff1(&key, radix, tweaks + j * tw.stride, t, LH_FF1_ENCRYPT, slow, n);
		if (memcmp(slow, want + j * n, 2 * n) != 0)
			fail_msg("radix %u length %zu tweak %zu differs from the oracle", radix, n, t);
		slow_ff1(&key, radix, tweaks + j * tw.stride, t, LH_FF1_DECRYPT, slow, n);
		assert_memory_equal(slow, x + j * n, 2 * n);
		free(slow);
	}
	for (const LhFf1Kernels *const *k = lh_ff1_kernels_all; *k != NULL; k++)
	{
		if (!(*k)->supported())
			continue;
		lh_ff1_kernels_force(*k);
		LH_OK_(ctx, lh_ff1_numerals(ctx, f, LH_FF1_ENCRYPT, tw, x, got, count));
		if (memcmp(got, want, 2 * n * count) != 0)
			fail_msg("%s: radix %u length %zu tweak %zu, %zu values", (*k)->name, radix, n, t,
					 count);
		LH_OK_(ctx, lh_ff1_numerals(ctx, f, LH_FF1_DECRYPT, tw, got, got, count));
		assert_memory_equal(got, x, 2 * n * count);
	}
	free(x);
	free(want);
	free(got);
	free(tweaks);
	lh_arena_reset(ctx->arena);
}

static void
random_settings_equal_the_oracle(void **state)
{
	size_t values = rounds_wanted(4000), done = 0;

	while (done < values)
	{
		uint32_t radix = any_radix();
		size_t n = 2 + next() % (next() % 4 == 0 ? 120 : 24);
		size_t t = next() % 3 == 0 ? next() % 70 : next() % 12;
		size_t count = next() % 4 == 0 ? 1 + next() % 200 : 1 + next() % 8;

		if (!lh_ff1_domain_allowed(radix, n, true))
			continue;
		compare(*state, radix, n, t, count, sure_of(2));
		done += count;
	}
}

static void
long_strings_equal_the_oracle(void **state)
{
	static const size_t lengths[] = {255, 256, 257, 400, 511, 777, 1500};

	for (int i = 0; i < 7; i++)
	{
		compare(*state, any_radix(), lengths[i], next() % 40, 1 + next() % 3, 1);
		compare(*state, 65536, lengths[i], 0, 1, 1);
		compare(*state, 2, lengths[i], 3, 70, 1);
	}
}

/* The sizes of halves of strings of digits, on which nearly all calls come. */
static void
fused_kernels_equal_the_rounds_in_limbs(void **state)
{
	size_t values = rounds_wanted(60000);

	for (size_t done = 0; done < values; done += 1000)
	{
		static const uint32_t radixes[] = {10, 10, 10, 16, 36, 62, 26, 2};
		uint32_t radix = radixes[next() % 8];
		size_t n = radix == 10 ? 6 + next() % 13 : radix == 2 ? 20 + next() % 44 : 4 + next() % 9;

		compare(*state, radix, n, next() % 11, 1000, sure_of(1));
	}
}

/* ---- digits and halves ---- */

static void
digits_equal_numerals(void **state)
{
	LhCtx *ctx = *state;

	for (int i = 0; i < 400; i++)
	{
		size_t n = next() % 3 == 0 ? 16 : 6 + next() % 40, t = next() % 20,
			   count = 1 + next() % 150;
		LhKey key = random_key();
		LhFf1 *f = make(ctx, &key, 10, n, t);
		uint16_t *x = malloc(2 * n * count);
		char *text = malloc(n * count);
		uint8_t tweaks[20 * 160];
		LhFf1Tweaks tw = {tweaks, next() % 2 ? t : 0};
		LhFf1Way way = next() % 2 ? LH_FF1_ENCRYPT : LH_FF1_DECRYPT;

		for (size_t j = 0; j < sizeof(tweaks); j++)
			tweaks[j] = (uint8_t) next();
		for (size_t j = 0; j < n * count; j++)
		{
			x[j] = (uint16_t) (next() % 10);
			text[j] = (char) ('0' + x[j]);
		}
		for (const LhFf1Kernels *const *k = lh_ff1_kernels_all; *k != NULL; k++)
		{
			if (!(*k)->supported())
				continue;
			lh_ff1_kernels_force(*k);
			LH_OK_(ctx, lh_ff1_numerals(ctx, f, way, tw, x, x, count));
			LH_OK_(ctx, lh_ff1_digits(ctx, f, way, tw, text, text, count));
			for (size_t j = 0; j < n * count; j++)
				assert_int_equal(text[j], '0' + x[j]);
		}
		free(x);
		free(text);
		lh_arena_reset(ctx->arena);
	}
}

static void
halves_equal_digits(void **state)
{
	LhCtx *ctx = *state;
	LhKey key = random_key();
	LhFf1 *f = make(ctx, &key, 10, 15, 0);
	uint64_t left[500], right[500];
	char text[500][16];

	assert_true(lh_ff1_has_halves(f));
	for (int i = 0; i < 500; i++)
	{
		left[i] = next() % 10000000;
		right[i] = next() % 100000000;
		snprintf(text[i], 16, "%07d%08d", (int) left[i], (int) right[i]);
	}
	LH_OK_(ctx, lh_ff1_halves(ctx, f, LH_FF1_ENCRYPT, no_tweak, left, right, 500));
	for (int i = 0; i < 500; i++)
	{
		char want[16];

		LH_OK_(ctx, lh_ff1_digits(ctx, f, LH_FF1_ENCRYPT, no_tweak, text[i], text[i], 1));
		snprintf(want, 16, "%07d%08d", (int) left[i], (int) right[i]);
		assert_memory_equal(want, text[i], 15);
	}
	left[300] = 10000000;
	assert_int_equal(lh_ff1_halves(ctx, f, LH_FF1_ENCRYPT, no_tweak, left, right, 500), LH_INVALID);
	assert_non_null(strstr(ctx->error->message, "300"));
	lh_error_clear(ctx);
	f = make(ctx, &key, 10, 40, 0);
	assert_false(lh_ff1_has_halves(f));
	assert_int_equal(lh_ff1_halves(ctx, f, LH_FF1_ENCRYPT, no_tweak, left, right, 1), LH_INVALID);
}

/* Each group of eight digits that there is, by all kernels: parsed and formatted as printf does, in steps. */
static void
sixteen_digits_are_read_and_written(void **state)
{
	size_t step = getenv("FF1_RANDOM") != NULL ? 1 : 997;
	char text[64 * 16], out[64 * 16];
	uint64_t left[64], right[64];

	(void) state;
	for (const LhFf1Kernels *const *k = lh_ff1_kernels_all; *k != NULL; k++)
	{
		if (!(*k)->supported())
			continue;
		for (uint32_t x = 0; x + 64 * step < 100000000; x += (uint32_t) (64 * step))
		{
			for (uint32_t j = 0; j < 64; j++)
			{
				uint32_t a = x + j * (uint32_t) step, b = 99999999 - a;

				for (int i = 0, p = 10000000; i < 8; i++, p /= 10)
				{
					out[j * 16 + i] = (char) ('0' + a / p % 10);
					out[j * 16 + 8 + i] = (char) ('0' + b / p % 10);
				}
			}
			assert_int_equal(lh_ff1_parse_digits(*k, out, 64, 8, 8, left, right), 64);
			lh_ff1_format_digits(*k, text, 64, 8, 8, left, right);
			for (uint32_t j = 0; j < 64; j++)
			{
				assert_int_equal(left[j], x + j * step);
				assert_int_equal(right[j], 99999999 - left[j]);
			}
			assert_memory_equal(text, out, sizeof(out));
		}
	}
}

/* A whole small domain: no two plaintexts have one ciphertext. */
static void
it_permutes(void **state)
{
	LhCtx *ctx = *state;
	LhKey key = random_key();
	LhFf1 *f = make(ctx, &key, 10, 4, 2);
	static uint16_t x[10000][4];
	static uint8_t seen[10000];
	size_t same = 0;

	EACH_KERNEL(k)
	{
		for (int i = 0; i < 10000; i++)
		{
			for (int j = 0, v = i; j < 4; j++, v /= 10)
				x[i][3 - j] = (uint16_t) (v % 10);
		}
		memset(seen, 0, sizeof(seen));
		LH_OK_(ctx, lh_ff1_numerals(ctx, f, LH_FF1_ENCRYPT,
									(LhFf1Tweaks){(const uint8_t *) "ab", 0}, x[0], x[0], 10000));
		for (int i = 0; i < 10000; i++)
		{
			int v = x[i][0] * 1000 + x[i][1] * 100 + x[i][2] * 10 + x[i][3];

			assert_int_equal(seen[v]++, 0);
			same += v == i;
		}
	}
	assert_true(same < 200);
}

/* Strings of digits without a tweak, beyond numbers of 64 bits: several groups of them. */
static void
long_digits_need_no_tweak(void **state)
{
	LhCtx *ctx = *state;
	LhKey key = random_key();
	LhFf1 *f = make(ctx, &key, 10, 2000, 0);
	size_t n = 70 * 2000;
	char *text = malloc(n), *was = malloc(n);

	for (size_t i = 0; i < n; i++)
		text[i] = (char) ('0' + next() % 10);
	memcpy(was, text, n);
	LH_OK_(ctx, lh_ff1_digits(ctx, f, LH_FF1_ENCRYPT, (LhFf1Tweaks){NULL, 7}, text, text, 70));
	assert_memory_not_equal(text + 69 * 2000, was + 69 * 2000, 2000);
	LH_OK_(ctx, lh_ff1_digits(ctx, f, LH_FF1_DECRYPT, no_tweak, text, text, 70));
	assert_memory_equal(text, was, n);
	free(text);
	free(was);
}

/* ---- threads ---- */

typedef struct Shared
{
	const LhFf1 *small, *large;
	uint64_t want[2];
	uint16_t numerals[80];
} Shared;

static void *
one_thread(void *arg)
{
	const Shared *s = arg;
	LhCtx *ctx = lh_ctx_create();
	void *bad = ctx == NULL ? arg : NULL;

	for (int i = 0; ctx != NULL && i < 200; i++)
	{
		uint64_t left = 1234567, right = 7654321;
		uint16_t x[80] = {0};

		if (lh_ff1_halves(ctx, s->small, LH_FF1_ENCRYPT, no_tweak, &left, &right, 1) != LH_OK ||
			left != s->want[0] || right != s->want[1] ||
			lh_ff1_numerals(ctx, s->large, LH_FF1_ENCRYPT, no_tweak, x, x, 1) != LH_OK ||
			memcmp(x, s->numerals, sizeof(x)) != 0)
			bad = arg;
	}
	lh_ctx_destroy(ctx);
	return bad;
}

static void
threads_share_one_object(void **state)
{
	LhCtx *ctx = *state;
	LhKey key = random_key();
	Shared s = {.small = make(ctx, &key, 10, 16, 0), .large = make(ctx, &key, 36, 80, 0)};

	s.want[0] = 1234567;
	s.want[1] = 7654321;
	LH_OK_(ctx, lh_ff1_halves(ctx, s.small, LH_FF1_ENCRYPT, no_tweak, &s.want[0], &s.want[1], 1));
	LH_OK_(ctx, lh_ff1_numerals(ctx, s.large, LH_FF1_ENCRYPT, no_tweak, s.numerals, s.numerals, 1));
	for (const LhFf1Kernels *const *k = lh_ff1_kernels_all; *k != NULL; k++)
	{
		pthread_t threads[4];
		void *bad;

		if (!(*k)->supported())
			continue;
		lh_ff1_kernels_force(*k);
		for (int i = 0; i < 4; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, one_thread, &s), 0);
		for (int i = 0; i < 4; i++)
		{
			pthread_join(threads[i], &bad);
			assert_null(bad);
		}
	}
}

/* ---- what is refused ---- */

static void
refused(LhCtx *ctx, const LhFf1Key *k, LhFf1Spec spec, const char *word)
{
	LhFf1 *f;

	assert_int_equal(lh_ff1_create(ctx, k, &spec, &f), LH_INVALID);
	if (strstr(ctx->error->message, word) == NULL)
		fail_msg("%s", ctx->error->message);
	lh_error_clear(ctx);
}

static void
small_domains_and_bad_parameters_are_refused(void **state)
{
	LhCtx *ctx = *state;
	LhKey key = key_of(samples[0].key), bad = {.len = 17};
	LhFf1Key *k;
	LhFf1 *f;

	assert_int_equal(lh_ff1_key_create(ctx, &bad, &k), LH_INVALID);
	lh_error_clear(ctx);
	LH_OK_(ctx, lh_ff1_key_create(ctx, &key, &k));
	refused(ctx, k, (LhFf1Spec){10, 5, 0, false}, "too few");
	refused(ctx, k, (LhFf1Spec){65536, 1, 0, false}, "too few");
	refused(ctx, k, (LhFf1Spec){65536, 1, 0, true}, "too few");
	refused(ctx, k, (LhFf1Spec){10, 0, 0, true}, "too few");
	refused(ctx, k, (LhFf1Spec){10, 1, 0, true}, "too few");
	refused(ctx, k, (LhFf1Spec){2, 6, 0, true}, "too few");
	refused(ctx, k, (LhFf1Spec){9, 2, 0, true}, "too few");
	refused(ctx, k, (LhFf1Spec){999, 2, 0, false}, "too few");
	refused(ctx, k, (LhFf1Spec){2, 19, 0, false}, "too few");
	refused(ctx, k, (LhFf1Spec){1, 100, 0, true}, "alphabets");
	refused(ctx, k, (LhFf1Spec){0, 100, 0, true}, "alphabets");
	refused(ctx, k, (LhFf1Spec){65537, 100, 0, true}, "alphabets");
	refused(ctx, k, (LhFf1Spec){10, (size_t) 1 << 32, 0, true}, "strings of at most");
	refused(ctx, k, (LhFf1Spec){10, 16, 65537, true}, "tweaks");
	LH_OK_(ctx, lh_ff1_create(ctx, k, &(LhFf1Spec){10, 6, 65536, false}, &f));
	LH_OK_(ctx, lh_ff1_create(ctx, k, &(LhFf1Spec){1000, 2, 0, false}, &f));
	LH_OK_(ctx, lh_ff1_create(ctx, k, &(LhFf1Spec){2, 20, 0, false}, &f));
	LH_OK_(ctx, lh_ff1_create(ctx, k, &(LhFf1Spec){10, 2, 0, true}, &f));
	LH_OK_(ctx, lh_ff1_create(ctx, k, &(LhFf1Spec){2, 7, 0, true}, &f));
}

static void
numerals_outside_the_alphabet_are_refused(void **state)
{
	LhCtx *ctx = *state;
	LhKey key = random_key();
	LhFf1 *f = make(ctx, &key, 10, 16, 0);
	uint16_t x[100 * 16] = {0};
	char text[100 * 16];

	x[99 * 16 + 3] = 10;
	assert_int_equal(lh_ff1_numerals(ctx, f, LH_FF1_ENCRYPT, no_tweak, x, x, 100), LH_INVALID);
	assert_non_null(strstr(ctx->error->message, "character 3 of value 99"));
	lh_error_clear(ctx);
	for (int c = 0; c < 256; c++)
	{
		memset(text, '5', sizeof(text));
		text[70 * 16 + c % 16] = (char) c;
		if (c >= '0' && c <= '9')
			LH_OK_(ctx, lh_ff1_digits(ctx, f, LH_FF1_ENCRYPT, no_tweak, text, text, 100));
		else
		{
			assert_int_equal(lh_ff1_digits(ctx, f, LH_FF1_ENCRYPT, no_tweak, text, text, 100),
							 LH_INVALID);
			assert_non_null(strstr(ctx->error->message, "value 70"));
			lh_error_clear(ctx);
		}
	}
	f = make(ctx, &key, 11, 16, 0);
	assert_int_equal(lh_ff1_digits(ctx, f, LH_FF1_ENCRYPT, no_tweak, text, text, 1), LH_INVALID);
}

static bool
always_interrupted(void *arg)
{
	return true;
}

static void
long_work_can_be_cancelled(void **state)
{
	LhCtx *ctx = *state;
	LhHost host = {.interrupted = always_interrupted};
	LhKey key = random_key();
	LhFf1 *f = make(ctx, &key, 10, 16, 0);
	size_t n = 64 * 64;
	uint64_t *a = calloc(n, 8), *b = calloc(n, 8);
	uint16_t *x = calloc(5000, 2);

	ctx->host = &host;
	assert_int_equal(lh_ff1_halves(ctx, f, LH_FF1_ENCRYPT, no_tweak, a, b, n), LH_CANCELLED);
	ctx->host = NULL;
	lh_error_clear(ctx);
	f = make(ctx, &key, 10, 5000, 0);
	ctx->host = &host;
	assert_int_equal(lh_ff1_numerals(ctx, f, LH_FF1_ENCRYPT, no_tweak, x, x, 1), LH_CANCELLED);
	ctx->host = NULL;
	free(a);
	free(b);
	free(x);
}

/* lakehouse.simd reaches FF1: no AES instructions of ours below avx2. */
static void
the_chosen_set_is_used(void **state)
{
	lh_isa_choose(LH_ISA_BASE);
	assert_string_equal(lh_ff1_kernels()->name, "evp");
	for (int isa = LH_ISA_BASE; isa <= LH_ISA_AVX512; isa++)
	{
		const LhFf1Kernels *const *k = lh_ff1_kernels_all;

		lh_isa_choose((LhIsa) isa);
		assert_true(lh_ff1_kernels()->isa <= lh_isa() && lh_ff1_kernels()->supported());
		while (*k != lh_ff1_kernels())
		{
			assert_true((*k)->isa > lh_isa() || !(*k)->supported());
			k++;
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nist_samples, setup, teardown),
		cmocka_unit_test_setup_teardown(random_settings_equal_the_oracle, setup, teardown),
		cmocka_unit_test_setup_teardown(long_strings_equal_the_oracle, setup, teardown),
		cmocka_unit_test_setup_teardown(fused_kernels_equal_the_rounds_in_limbs, setup, teardown),
		cmocka_unit_test_setup_teardown(digits_equal_numerals, setup, teardown),
		cmocka_unit_test_setup_teardown(halves_equal_digits, setup, teardown),
		cmocka_unit_test_setup_teardown(sixteen_digits_are_read_and_written, setup, teardown),
		cmocka_unit_test_setup_teardown(it_permutes, setup, teardown),
		cmocka_unit_test_setup_teardown(long_digits_need_no_tweak, setup, teardown),
		cmocka_unit_test_setup_teardown(threads_share_one_object, setup, teardown),
		cmocka_unit_test_setup_teardown(small_domains_and_bad_parameters_are_refused, setup,
										teardown),
		cmocka_unit_test_setup_teardown(numerals_outside_the_alphabet_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(long_work_can_be_cancelled, setup, teardown),
		cmocka_unit_test_setup_teardown(the_chosen_set_is_used, setup, teardown),
	};

	if (getenv("FF1_SEED") != NULL)
		seed += strtoull(getenv("FF1_SEED"), NULL, 10) * 0xd1342543de82ef95;
	if (getenv("FF1_ONLY") != NULL)
		cmocka_set_test_filter(getenv("FF1_ONLY"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
