/*
 * test_keyed.c
 *		Masks under a key: the same value the same mask, never the value, domains apart.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "mask/keyed.h"

#define LH_OK_(ctx, call)                                     \
	do                                                        \
	{                                                         \
		LhStatus s_ = (call);                                 \
		if (s_ != LH_OK)                                      \
			fail_msg("%s: %s", #call, (ctx)->error->message); \
	} while (0)

static int
setup(void **state)
{
	*state = lh_ctx_create();
	return *state == NULL;
}

static int
teardown(void **state)
{
	lh_ctx_destroy(*state);
	return 0;
}

static LhSlice
text(const char *s)
{
	return lh_slice(s, strlen(s));
}

static LhKeyed *
make(LhCtx *ctx, const char *domain)
{
	LhKeyed *k;

	LH_OK_(ctx, lh_keyed_create(ctx, text("0123456789abcdef0123456789abcdef"), text(domain), &k));
	return k;
}

/*
 * hmac.new(b"0123456789abcdef" * 2, b"lakehouse mask 1\0" + b"hash\0" + len(d).to_bytes(8, "big") + d + v, "sha256")
 * of Python, d = b"people"
 */
static void
hashes_are_what_the_header_says(void **state)
{
	static const char *const known[][2] = {
		{"", "74ffd6d8571cd51c3cd59ad09fd334d5c3dc425e55c6b3718e161306f2857f35"},
		{"Erika Mustermann", "12e1556c37587215f21347495b97c73da3b025e375f95d72008033ebbba0ec3a"},
	};
	LhKeyed *k = make(*state, "people");
	char hash[LH_KEYED_HASH];

	for (int i = 0; i < 2; i++)
	{
		lh_keyed_hash(k, text(known[i][0]), hash);
		assert_memory_equal(hash, known[i][1], LH_KEYED_HASH);
	}
}

static void
domains_and_purposes_are_apart(void **state)
{
	LhKeyed *a = make(*state, "a"), *ab = make(*state, "ab");
	uint8_t x[LH_SHA256], y[LH_SHA256];

	lh_keyed_bytes(a, "hash", text("bc"), x);
	lh_keyed_bytes(ab, "hash", text("c"), y);
	assert_memory_not_equal(x, y, LH_SHA256);
	lh_keyed_bytes(a, "noise", text("bc"), y);
	assert_memory_not_equal(x, y, LH_SHA256);
	lh_keyed_bytes(make(*state, "a"), "hash", text("bc"), y);
	assert_memory_equal(x, y, LH_SHA256);
}

static void
shifts_are_never_nothing(void **state)
{
	static const int64_t mosts[] = {1, 2, 7, 365, 3652059};
	LhKeyed *k = make(*state, "d");

	for (int m = 0; m < 5; m++)
	{
		int64_t least = INT64_MAX, most = INT64_MIN;
		int seen[15] = {0};

		for (int i = 0; i < 20000; i++)
		{
			char subject[16];
			int64_t x;

			snprintf(subject, sizeof(subject), "%d", i);
			x = lh_keyed_shift(k, text(subject), mosts[m]);
			assert_true(x != 0 && x >= -mosts[m] && x <= mosts[m]);
			assert_true(x == lh_keyed_shift(k, text(subject), mosts[m]));
			least = x < least ? x : least;
			most = x > most ? x : most;
			if (mosts[m] <= 7)
				seen[x + 7]++;
		}
		/* all of the range, about evenly */
		for (int64_t x = -mosts[m]; mosts[m] <= 7 && x <= mosts[m]; x++)
			assert_true(x == 0 || seen[x + 7] > 20000 / (int) (2 * mosts[m]) * 9 / 10);
		assert_true(least < -mosts[m] * 95 / 100 && most > mosts[m] * 95 / 100);
	}
}

static void
noise_is_even(void **state)
{
	LhKeyed *k = make(*state, "d");
	double sum = 0, square = 0;

	for (int i = 0; i < 20000; i++)
	{
		char value[16];
		double x;

		snprintf(value, sizeof(value), "%d", i);
		x = lh_keyed_noise(k, text(value));
		assert_true(x >= -1 && x < 1);
		sum += x;
		square += x * x;
	}
	/* expected 0 and a third; the bounds are six standard deviations */
	assert_true(fabs(sum / 20000) < 0.025 && fabs(square / 20000 - 1.0 / 3) < 0.013);
}

/* Fakes are lists' entries: taken as values themselves, sooner or later one would meet itself. */
static void
no_fake_is_its_own_value(void **state)
{
	for (int d = 0; d < 40; d++)
	{
		char name[16];
		LhKeyed *k;

		snprintf(name, sizeof(name), "domain %d", d);
		k = make(*state, name);
		for (int kind = 0; kind < LH_FAKES; kind++)
		{
			for (int i = 0; i < 300; i++)
			{
				char value[LH_FAKE_MOST], fake[LH_FAKE_MOST], again[LH_FAKE_MOST];
				size_t n = (size_t) snprintf(value, sizeof(value), "%d", i), len;

				len = lh_fake(k, (LhFake) kind, lh_slice(value, n), fake);
				assert_true(len > 0 && len < LH_FAKE_MOST && strlen(fake) == len);
				for (size_t j = 0; j < len; j++)
					assert_in_range(fake[j], ' ', '~');
				assert_int_equal(lh_fake(k, (LhFake) kind, lh_slice(value, n), again), len);
				assert_string_equal(fake, again);
				assert_true(lh_fake(k, (LhFake) kind, lh_slice(fake, len), again) > 0);
				assert_true(strcasecmp(fake, again) != 0);
				fake[0] ^= fake[0] >= 'A' ? 0x20 : 0;
				assert_true(lh_fake(k, (LhFake) kind, lh_slice(fake, len), again) > 0);
				assert_true(strcasecmp(fake, again) != 0);
			}
		}
	}
}

static void
long_names_of_domains_are_refused(void **state)
{
	static char name[LH_KEYED_DOMAIN + 2];
	LhCtx *ctx = *state;
	LhKeyed *k;

	memset(name, 'x', LH_KEYED_DOMAIN + 1);
	assert_int_equal(lh_keyed_create(ctx, text("key"), text(name), &k), LH_INVALID);
	name[LH_KEYED_DOMAIN] = '\0';
	LH_OK_(ctx, lh_keyed_create(ctx, text("key"), text(name), &k));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(hashes_are_what_the_header_says, setup, teardown),
		cmocka_unit_test_setup_teardown(domains_and_purposes_are_apart, setup, teardown),
		cmocka_unit_test_setup_teardown(shifts_are_never_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(noise_is_even, setup, teardown),
		cmocka_unit_test_setup_teardown(no_fake_is_its_own_value, setup, teardown),
		cmocka_unit_test_setup_teardown(long_names_of_domains_are_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
