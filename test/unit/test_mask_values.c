/*
 * test_mask_values.c
 *		Masks of numbers, places, times, addresses, and paths into documents.
 *
 * A class is one: whatever is in it has the same result, and the result is in it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "core/datetime.h"
#include "mask/json.h"
#include "mask/network.h"
#include "mask/number.h"

#define MANY 200000

static uint64_t seed = 7;

static uint64_t
next(void)
{
	uint64_t z = (seed += 0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static LhSlice
s(const char *text)
{
	return lh_slice(text, strlen(text));
}

/* Of all sizes, and at the ends. */
static int64_t
integer(void)
{
	int64_t v = (int64_t) (next() >> next() % 64);

	switch (next() % 8)
	{
		case 0: return INT64_MAX - (v & 0xff);
		case 1: return INT64_MIN + (v & 0xff);
		case 2:
		case 3: return -v;
		default: return v;
	}
}

static void
ranges_hold_their_values(void **state)
{
	LhMaskRange r, again;

	for (int64_t width = 1; width > -3; width--)
		assert_int_equal(lh_mask_range(5, width, &r), LH_MASK_ARGUMENT);
	assert_int_equal(lh_mask_range(5, INT64_MIN, &r), LH_MASK_ARGUMENT);
	for (int i = 0; i < MANY; i++)
	{
		int64_t v = integer(), width = integer();

		if (width < 2)
			continue;
		assert_int_equal(lh_mask_range(v, width, &r), LH_MASK_DONE);
		assert_false(r.open_below && r.open_above);
		assert_true((r.open_below || r.lower <= v) && (r.open_above || v < r.upper));
		if (!r.open_below && !r.open_above)
			assert_true(r.upper - r.lower == width ||
						(uint64_t) r.upper - (uint64_t) r.lower == (uint64_t) width);
		if (!r.open_below)
			assert_int_equal(lh_floor_mod(r.lower, width), 0);
		/* another value of the class: its least, or the last */
		assert_int_equal(lh_mask_range(r.open_below ? INT64_MIN : r.lower, width, &again),
						 LH_MASK_DONE);
		assert_true(again.lower == r.lower || r.open_below);
		assert_int_equal(lh_mask_range(r.open_above ? INT64_MAX : r.upper - 1, width, &again),
						 LH_MASK_DONE);
		assert_int_equal(again.open_below, r.open_below);
		assert_true(again.upper == r.upper || r.open_above);
	}
}

static void
floors_are_multiples(void **state)
{
	static const double wrong[] = {0, -1, -0.0, NAN, INFINITY, -INFINITY};
	double out;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(lh_mask_floor(5, wrong[i], &out), LH_MASK_ARGUMENT);
	assert_int_equal(lh_mask_floor(NAN, 1, &out), LH_MASK_RANGE);
	assert_int_equal(lh_mask_floor(INFINITY, 1, &out), LH_MASK_RANGE);
	assert_int_equal(lh_mask_floor(-INFINITY, 1, &out), LH_MASK_RANGE);
	assert_int_equal(lh_mask_floor(1e300, 1, &out), LH_MASK_RANGE);
	assert_int_equal(lh_mask_floor(1, 1e-300, &out), LH_MASK_RANGE);
	assert_int_equal(lh_mask_floor(-1.7e308, 1.1e308, &out), LH_MASK_RANGE);
	assert_int_equal(lh_mask_floor(-0.0, 1, &out), LH_MASK_DONE);
	assert_true(out == 0 && !signbit(out));
	for (int i = 0; i < MANY; i++)
	{
		double width = (double) (next() % 1000 + 1) / 8, v = ((double) next() / 1e10) - 9e8, again;

		assert_int_equal(lh_mask_floor(v, width, &out), LH_MASK_DONE);
		/* eighths are exact */
		assert_true(out <= v && v < out + width && fmod(out, width) == 0);
		assert_int_equal(lh_mask_floor(out, width, &again), LH_MASK_DONE);
		assert_true(again == out);
	}
}

static void
places_are_rounded(void **state)
{
	static const double wrong[] = {180.0001, -181, NAN, INFINITY, -INFINITY, 1e300};
	double out;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(lh_mask_degrees(wrong[i], 1, &out), LH_MASK_RANGE);
	assert_int_equal(lh_mask_degrees(1, 4, &out), LH_MASK_ARGUMENT);
	assert_int_equal(lh_mask_degrees(1, -2, &out), LH_MASK_ARGUMENT);
	assert_int_equal(lh_mask_degrees(1, INT64_MAX, &out), LH_MASK_ARGUMENT);
	assert_int_equal(lh_mask_degrees(48.137154, 1, &out), LH_MASK_DONE);
	assert_true(out == 48.1);
	assert_int_equal(lh_mask_degrees(-179.96, 1, &out), LH_MASK_DONE);
	assert_true(out == -180);
	/* the side of zero is not told */
	for (int d = -1; d <= 3; d++)
	{
		assert_int_equal(lh_mask_degrees(-0.0001, d, &out), LH_MASK_DONE);
		assert_true(out == 0 && !signbit(out));
	}
	for (int i = 0; i < MANY; i++)
	{
		double v = (double) (int64_t) (next() % 3600000001) / 1e7 - 180,
			   half[] = {5, 0.5, 0.05, 0.005, 0.0005};
		int d = (int) (next() % 5) - 1;

		assert_int_equal(lh_mask_degrees(v, d, &out), LH_MASK_DONE);
		assert_true(fabs(v - out) <= half[d + 1] * 1.0000001 && fabs(out) <= 180);
	}
}

static void
units_hold_their_times(void **state)
{
	LhMaskUnit unit;
	int64_t first, next_one, f, n;

	for (const char **p = (const char *[]){"", "second", "days", "da", "millennium",
										   "\x0d"
										   "ay",
										   NULL};
		 *p != NULL; p++)
		assert_false(lh_mask_unit(s(*p), &unit));
	assert_true(lh_mask_unit(s("Week"), &unit) && unit == LH_MASK_WEEK);
	assert_int_equal(lh_mask_days(0, LH_MASK_DAY, &first, &next_one), LH_MASK_ARGUMENT);
	assert_int_equal(lh_mask_days(0, LH_MASK_HOUR, &first, &next_one), LH_MASK_ARGUMENT);
	/* 2024-05-17 was a Friday */
	assert_int_equal(lh_mask_days(19860, LH_MASK_WEEK, &first, &next_one), LH_MASK_DONE);
	assert_int_equal(first, 19856);
	for (int i = 0; i < MANY; i++)
	{
		int64_t day =
			LH_PG_MIN_DATE + (int64_t) (next() % ((uint64_t) LH_PG_MAX_DATE - LH_PG_MIN_DATE + 1));

		unit = (LhMaskUnit) (LH_MASK_WEEK + next() % (LH_MASK_CENTURY - LH_MASK_WEEK + 1));
		assert_int_equal(lh_mask_days(day, unit, &first, &next_one), LH_MASK_DONE);
		assert_true(first <= day && day < next_one);
		assert_int_equal(lh_mask_days(first, unit, &f, &n), LH_MASK_DONE);
		assert_true(f == first && n == next_one);
		assert_int_equal(lh_mask_days(next_one - 1, unit, &f, &n), LH_MASK_DONE);
		assert_true(f == first && n == next_one);
		assert_int_equal(lh_mask_days(next_one, unit, &f, &n), LH_MASK_DONE);
		assert_int_equal(f, next_one);
	}
	for (int i = 0; i < MANY; i++)
	{
		int64_t us = integer();

		unit = (LhMaskUnit) (next() % (LH_MASK_CENTURY + 1));
		lh_mask_microseconds(us, unit, &first, &next_one);
		assert_true(first <= us && (us < next_one || next_one == INT64_MAX));
		if (first != INT64_MIN)
		{
			lh_mask_microseconds(first, unit, &f, &n);
			assert_true(f == first && n == next_one);
		}
	}
}

static void
addresses_lose_their_ends(void **state)
{
	for (int i = 0; i < MANY; i++)
	{
		uint8_t in[16], out[16];
		size_t size = next() % 2 ? 4 : 16;
		int64_t prefix = (int64_t) (next() % (size * 8));

		for (size_t k = 0; k < 16; k++)
			in[k] = out[k] = (uint8_t) next();
		assert_int_equal(lh_mask_address(out, size, prefix), LH_MASK_DONE);
		for (size_t bit = 0; bit < 128; bit++)
		{
			int a = in[bit / 8] >> (7 - bit % 8) & 1, b = out[bit / 8] >> (7 - bit % 8) & 1;

			assert_int_equal(b, bit < (size_t) prefix || bit >= size * 8 ? a : 0);
		}
	}
	assert_int_equal(lh_mask_address((uint8_t[4]){1, 2, 3, 4}, 4, 32), LH_MASK_ARGUMENT);
	assert_int_equal(lh_mask_address((uint8_t[4]){1, 2, 3, 4}, 4, -1), LH_MASK_ARGUMENT);
	assert_int_equal(lh_mask_address((uint8_t[16]){1}, 16, 128), LH_MASK_ARGUMENT);
	assert_int_equal(lh_mask_address((uint8_t[16]){1}, 16, INT64_MAX), LH_MASK_ARGUMENT);
}

/* ---- paths ---- */

/* A place in a document: keys, and indexes as negative numbers less one. */
typedef struct Place
{
	int n;
	int at[6]; /* 0 to 2: keys a, b, c; -1, -2, ...: elements 0, 1, ... */
} Place;

/* The slow way: does the rest of the path lead to the rest of the place? */
static bool
leads(const LhMaskStep *step, const Place *p, int at)
{
	bool array;

	if (step->kind == LH_MASK_STEP_END)
		return at == p->n;
	if (at == p->n)
		return false;
	array = p->at[at] < 0;
	if (array ? step->kind == LH_MASK_STEP_ANY_INDEX ||
					(step->kind == LH_MASK_STEP_INDEX && (int) step->index == -p->at[at] - 1)
			  : step->kind == LH_MASK_STEP_ANY_KEY ||
					(step->kind == LH_MASK_STEP_KEY && step->key.data[0] == 'a' + p->at[at]))
	{
		if (leads(step + 1, p, at + 1))
			return true;
	}
	if (step->deep ||
		(array && (step->kind == LH_MASK_STEP_KEY || step->kind == LH_MASK_STEP_ANY_KEY)))
		return leads(step, p, at + 1);
	return false;
}

static size_t
random_path(char *out)
{
	size_t len = 1;
	int steps = (int) (next() % 5);

	out[0] = '$';
	for (int i = 0; i < steps; i++)
	{
		const char *deep = next() % 4 == 0 ? ".." : "";

		switch (next() % 5)
		{
			case 0:
			case 1:
				len += (size_t) sprintf(out + len, "%s%c", *deep ? deep : ".",
										(int) ('a' + next() % 3));
				break;
			case 2: len += (size_t) sprintf(out + len, "%s*", *deep ? deep : "."); break;
			case 3: len += (size_t) sprintf(out + len, "%s[%d]", deep, (int) (next() % 3)); break;
			case 4: len += (size_t) sprintf(out + len, "%s[*]", deep); break;
		}
	}
	return len;
}

static void
paths_lead_where_the_slow_way_does(void **state)
{
	size_t led = 0;

	for (int i = 0; i < MANY; i++)
	{
		char text[3][64];
		size_t start[4] = {0};
		LhMaskPaths paths = {0};
		Place place = {.n = (int) (next() % 6)};
		bool expected = false, found;
		int n = (int) (1 + next() % 3);
		uint64_t at;

		for (int k = 0; k < n; k++)
		{
			start[k] = paths.n;
			assert_int_equal(lh_mask_paths_add(&paths, lh_slice(text[k], random_path(text[k]))),
							 LH_MASK_DONE);
		}
		for (int k = 0; k < place.n; k++)
			place.at[k] = (int) (next() % 6) - 3;
		at = paths.start;
		for (int k = 0; k < place.n; k++)
			at = place.at[k] < 0 ? lh_mask_paths_index(&paths, at, (uint64_t) (-place.at[k] - 1))
								 : lh_mask_paths_key(&paths, at, lh_slice(&"abc"[place.at[k]], 1));
		found = (at & paths.ends) != 0;
		for (int k = 0; k < n; k++)
			expected |= leads(&paths.steps[start[k]], &place, 0);
		if (found != expected)
			fail_msg("paths %.60s...: %d, expected %d", text[0], found, expected);
		led += found;
	}
	assert_true(led > MANY / 100);
}

static void
odd_paths_are_refused(void **state)
{
	static const char *const wrong[] = {
		"",      "$.",     "$..",   "$.a.",    "$.a..",   "$.a[",
		"$.a[]", "$.a[x]", "$.a[1", "$.a[-1]", "$.a[1x]", "$.a[9999999999]",
		"$.\"a", "$a",     "$$",    "a]",      "[",       "$.a b\"c\""};
	char many[512] = "$";
	LhMaskPaths paths;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
	{
		LhMaskOutcome outcome;

		paths = (LhMaskPaths){0};
		outcome = lh_mask_paths_add(&paths, s(wrong[i]));
		if (strcmp(wrong[i], "$a") == 0 || strcmp(wrong[i], "$$") == 0)
			assert_int_equal(outcome, LH_MASK_DONE);
		else if (outcome != LH_MASK_ARGUMENT)
			fail_msg("\"%s\" is taken", wrong[i]);
	}
	/* 63 steps and an end fit, 64 do not, nor anything after them */
	paths = (LhMaskPaths){0};
	for (int i = 0; i < 63; i++)
		strcat(many, ".a");
	assert_int_equal(lh_mask_paths_add(&paths, s(many)), LH_MASK_DONE);
	assert_int_equal(paths.n, 64);
	assert_int_equal(lh_mask_paths_add(&paths, s("$.b")), LH_MASK_ARGUMENT);
	assert_int_equal(lh_mask_paths_add(&paths, s("$")), LH_MASK_ARGUMENT);
	paths = (LhMaskPaths){0};
	strcat(many, ".a");
	assert_int_equal(lh_mask_paths_add(&paths, s(many)), LH_MASK_ARGUMENT);
	/* the last bit leads nowhere */
	paths = (LhMaskPaths){0};
	many[127] = '\0';
	assert_int_equal(lh_mask_paths_add(&paths, s(many)), LH_MASK_DONE);
	assert_int_equal(lh_mask_paths_key(&paths, UINT64_C(1) << 62, s("a")), UINT64_C(1) << 63);
	assert_int_equal(lh_mask_paths_key(&paths, UINT64_C(1) << 63, s("a")), 0);
}

static void
members_are_described(void **state)
{
	LhMaskMember m;
	char longest[1100] = "constant:";

	assert_int_equal(lh_mask_member(s("null"), &m), LH_MASK_DONE);
	assert_int_equal(m.kind, LH_MASK_MEMBER_NULL);
	assert_int_equal(lh_mask_member(s("constant:a:b"), &m), LH_MASK_DONE);
	assert_true(m.kind == LH_MASK_MEMBER_CONSTANT && m.text.len == 3);
	assert_int_equal(lh_mask_member(s("partial:12:a:b:3"), &m), LH_MASK_DONE);
	assert_true(m.kind == LH_MASK_MEMBER_PARTIAL && m.first == 12 && m.last == 3 &&
				m.text.len == 3);
	assert_int_equal(lh_mask_member(s("partial:0::0"), &m), LH_MASK_DONE);
	assert_int_equal(m.text.len, 0);
	for (const char **p =
			 (const char *[]){"", "nul", "null ", "constant", "partial", "partial:", "partial:1",
							  "partial:1:", "partial::X:1", "partial:1:X:", "partial:-1:X:1",
							  "partial:1:X:y", "partial:9999999999:X:1", NULL};
		 *p != NULL; p++)
	{
		if (lh_mask_member(s(*p), &m) != LH_MASK_ARGUMENT)
			fail_msg("\"%s\" is taken", *p);
	}
	memset(longest + 9, 'x', 1025);
	assert_int_equal(lh_mask_member(lh_slice(longest, 9 + 1024), &m), LH_MASK_DONE);
	assert_int_equal(lh_mask_member(lh_slice(longest, 9 + 1025), &m), LH_MASK_ARGUMENT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_hold_their_values),
		cmocka_unit_test(floors_are_multiples),
		cmocka_unit_test(places_are_rounded),
		cmocka_unit_test(units_hold_their_times),
		cmocka_unit_test(addresses_lose_their_ends),
		cmocka_unit_test(paths_lead_where_the_slow_way_does),
		cmocka_unit_test(odd_paths_are_refused),
		cmocka_unit_test(members_are_described),
	};

	return cmocka_run_group_tests_name("mask_values", tests, NULL, NULL);
}
