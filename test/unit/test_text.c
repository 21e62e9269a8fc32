/*
 * test_text.c
 *		UTF-8, %XX, JSON strings and the text of floats.
 */
#include <float.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/core.h"

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

/* ---- UTF-8 ---- */

/*
 * The slow obvious reference: decode by the scheme alone, then ask whether the
 * code point is one, and whether it needed so many bytes.  0: no character.
 */
static size_t
slow_character(const uint8_t *p, size_t n)
{
	static const uint32_t least[] = {0, 1, 0x80, 0x800, 0x10000};
	size_t len = p[0] < 0x80             ? 1
				 : (p[0] & 0xe0) == 0xc0 ? 2
				 : (p[0] & 0xf0) == 0xe0 ? 3
				 : (p[0] & 0xf8) == 0xf0 ? 4
										 : 0;
	uint32_t c;

	if (len == 0 || len > n)
		return 0;
	c = len == 1 ? p[0] : p[0] & (0xffu >> (len + 1));
	for (size_t i = 1; i < len; i++)
	{
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	return len;
}

static size_t
slow_check(const uint8_t *p, size_t n)
{
	size_t i = 0;

	while (i < n)
	{
		size_t len = slow_character(p + i, n - i);

		if (len == 0)
			break;
		i += len;
	}
	return i;
}

/* With every instruction set. */
static void
same_as_slow(const uint8_t *p, size_t n)
{
	size_t slow = slow_check(p, n);

	for (int isa = LH_ISA_BASE; isa <= (int) lh_isa_best(); isa++)
	{
		size_t bad = n;

		lh_isa_choose((LhIsa) isa);
		assert_int_equal(lh_utf8_valid(p, n), slow == n);
		assert_int_equal(lh_utf8_check(p, n, &bad), slow == n);
		assert_int_equal(bad, slow);
	}
}

static void
every_two_byte_sequence_is_judged_right(void **state)
{
	(void) state;
	for (uint32_t i = 0; i < 65536; i++)
	{
		uint8_t p[2] = {(uint8_t) (i >> 8), (uint8_t) i};

		same_as_slow(p, 2);
	}
}

static void
every_lead_with_every_boundary_byte_is_judged_right(void **state)
{
	static const uint8_t bytes[] = {0x00, 0x01, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f,
									0xa0, 0xbf, 0xc0, 0xc2, 0xe0, 0xf0, 0xff};
	const size_t n = sizeof(bytes);

	(void) state;
	for (uint32_t lead = 0x80; lead < 0x100; lead++)
	{
		for (size_t i = 0; i < n * n * n; i++)
		{
			uint8_t text[70];
			uint8_t p[4] = {(uint8_t) lead, bytes[i % n], bytes[i / n % n], bytes[i / n / n]};

			same_as_slow(p, 3);
			same_as_slow(p, 4);
			/* across the border of two blocks of the kernel */
			memset(text, 'a', sizeof(text));
			memcpy(text + 29 + i % 4, p, 4);
			same_as_slow(text, sizeof(text));
		}
	}
}

static void
the_offset_of_a_bad_byte_is_right_at_every_place(void **state)
{
	static const struct
	{
		const char *bytes;
		size_t len;
	} bad[] = {{"\0", 1},           {"\xff", 1},     {"\xc3", 1},
			   {"\xed\xa0\x80", 3}, {"\xc0\x80", 2}, {"\xf4\x90\x80\x80", 4},
			   {"\xe2\x82", 2},     {"\x80", 1}};

	(void) state;
	for (size_t b = 0; b < sizeof(bad) / sizeof(bad[0]); b++)
	{
		for (size_t at = 0; at < 140; at++)
		{
			uint8_t *p = malloc(200); /* on the heap, so that ASan sees overruns */
			size_t n = at + bad[b].len;

			memset(p, 'a', 200);
			memcpy(p + at, bad[b].bytes, bad[b].len);
			p = realloc(p, n);
			same_as_slow(p, n);
			free(p);
		}
	}
}

static void
random_texts_are_judged_as_by_the_slow_reference(void **state)
{
	uint64_t seed = 7;

	(void) state;
	for (int round = 0; round < 20000; round++)
	{
		uint8_t p[300];
		size_t n = 0;

		while (n < 256)
		{
			uint32_t r = (uint32_t) (lh_hash_u64(seed++) >> 8);
			uint32_t c = r % 8 == 0   ? 0x10000 + r % 0x100000
						 : r % 8 == 1 ? 0x800 + r % 0x5000
						 : r % 8 == 2 ? 0x80 + r % 0x700
									  : 1 + r % 127;

			if (c < 0x80)
				p[n++] = (uint8_t) c;
			else if (c < 0x800)
			{
				p[n++] = (uint8_t) (0xc0 | c >> 6);
				p[n++] = (uint8_t) (0x80 | (c & 63));
			}
			else if (c < 0x10000)
			{
				p[n++] = (uint8_t) (0xe0 | c >> 12);
				p[n++] = (uint8_t) (0x80 | (c >> 6 & 63));
				p[n++] = (uint8_t) (0x80 | (c & 63));
			}
			else
			{
				p[n++] = (uint8_t) (0xf0 | c >> 18);
				p[n++] = (uint8_t) (0x80 | (c >> 12 & 63));
				p[n++] = (uint8_t) (0x80 | (c >> 6 & 63));
				p[n++] = (uint8_t) (0x80 | (c & 63));
			}
		}
		same_as_slow(p, n);
		seed++;
		p[lh_hash_u64(seed) % n] ^= (uint8_t) (1 << seed % 8);
		same_as_slow(p, n);
	}
}

static void
clipping_never_cuts_a_character(void **state)
{
	static const char text[] = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80";
	static const size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};

	(void) state;
	for (size_t max = 0; max < 12; max++)
		assert_int_equal(lh_utf8_clip(text, 10, max), expected[max]);
	/* not UTF-8: a limit is kept nevertheless */
	assert_int_equal(lh_utf8_clip("\x80\x80\x80\x80\x80\x80\x80\x80", 8, 6), 6);
	assert_int_equal(lh_utf8_clip("\x80\x80\x80", 3, 2), 2);
}

/* ---- %XX ---- */

static void
url_decoding_reverses_escapes(void **state)
{
	char out[64];
	size_t n;

	(void) state;
	assert_true(lh_url_decode("a%20b%2Fc%2f+", 13, out, &n));
	assert_int_equal(n, 7);
	assert_memory_equal(out, "a b/c/+", 7);
	assert_true(lh_url_decode("", 0, out, &n));
	assert_int_equal(n, 0);
	strcpy(out, "%41%00%ff");
	assert_true(lh_url_decode(out, 9, out, &n)); /* in place */
	assert_int_equal(n, 3);
	assert_memory_equal(out, "A\0\xff", 3);
}

static void
malformed_escapes_are_refused(void **state)
{
	static const char *const bad[] = {"%", "a%4", "%4g", "%g4", "%%41", "%-1", "% 1"};
	char out[16];
	size_t n;

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(lh_url_decode(bad[i], strlen(bad[i]), out, &n));
}

/* ---- JSON ---- */

static const char *
json(LhCtx *ctx, const char *p, size_t n)
{
	LhBuf out;

	assert_int_equal(lh_buf_init(ctx, &out, false), LH_OK);
	assert_int_equal(lh_json_string(ctx, &out, p, n), LH_OK);
	assert_int_equal(lh_buf_putc(ctx, &out, '\0'), LH_OK);
	return (const char *) out.data;
}

static void
json_strings_escape_what_they_must_and_no_more(void **state)
{
	LhCtx *ctx = *state;

	assert_string_equal(json(ctx, "", 0), "\"\"");
	assert_string_equal(json(ctx, "plain / \x7f", 9), "\"plain / \x7f\"");
	assert_string_equal(json(ctx, "a\"b\\c", 5), "\"a\\\"b\\\\c\"");
	assert_string_equal(json(ctx, "\b\f\n\r\t", 5), "\"\\b\\f\\n\\r\\t\"");
	assert_string_equal(json(ctx, "\x01\x1f", 2), "\"\\u0001\\u001f\"");
	assert_string_equal(json(ctx, "\0", 1), "\"\\u0000\"");
	assert_string_equal(json(ctx, "\xe2\x82\xac", 3), "\"\xe2\x82\xac\"");
	assert_string_equal(json(ctx, "\"", 1), "\"\\\"\"");
}

/* ---- floats ---- */

/* Printed by PostgreSQL 15 with extra_float_digits = 1. */
static const struct
{
	double v;
	const char *text;
} doubles[] = {
	{0.0, "0"},
	{-0.0, "-0"},
	{1.0, "1"},
	{-1.5, "-1.5"},
	{0.1, "0.1"},
	{0.3, "0.3"},
	{0.1 + 0.2, "0.30000000000000004"},
	{1.0 / 3, "0.3333333333333333"},
	{2.0 / 3, "0.6666666666666666"},
	{100.0, "100"},
	{123456.789, "123456.789"},
	{0.0001, "0.0001"},
	{0.00001, "1e-05"},
	{0.000123, "0.000123"},
	{0.0000123, "1.23e-05"},
	{123456789012345.0, "123456789012345"},
	{100000000000000.0, "100000000000000"},
	{999999999999999.0, "999999999999999"},
	{1000000000000000.0, "1e+15"},
	{1234567890123456.0, "1.234567890123456e+15"},
	{9007199254740991.0, "9.007199254740991e+15"},
	{9007199254740992.0, "9.007199254740992e+15"},
	{9007199254740994.0, "9.007199254740994e+15"},
	{1e20, "1e+20"},
	{1e22, "1e+22"},
	/* on the midpoint to its neighbour, which PostgreSQL does not take */
	{1e23, "9.999999999999999e+22"},
	{1e100, "1e+100"},
	{DBL_MAX, "1.7976931348623157e+308"},
	{DBL_MIN, "2.2250738585072014e-308"},
	{5e-324, "5e-324"},
	{1e-320, "1e-320"},
	{1.5e-310, "1.5e-310"},
	{-123.456e-50, "-1.23456e-48"},
	{0x1p-1022, "2.2250738585072014e-308"},
	{0x1p60, "1.152921504606847e+18"},
	{0x1p89, "6.189700196426902e+26"},
	{INFINITY, "Infinity"},
	{-INFINITY, "-Infinity"},
	{NAN, "NaN"},
};

static const struct
{
	float v;
	const char *text;
} floats[] = {
	{0.0f, "0"},
	{-0.0f, "-0"},
	{1.5f, "1.5"},
	{0.1f, "0.1"},
	{16777216.0f, "1.6777216e+07"},
	{123456.0f, "123456"},
	{999999.0f, "999999"},
	{1000000.0f, "1e+06"},
	{0.0001f, "0.0001"},
	{0.00001f, "1e-05"},
	{3.1415927f, "3.1415927"},
	{1.0f / 3, "0.33333334"},
	{8.5899346e9f, "8.589935e+09"},
	{FLT_MAX, "3.4028235e+38"},
	{FLT_MIN, "1.1754944e-38"},
	{1.4e-45f, "1e-45"},
	{INFINITY, "Infinity"},
	{-INFINITY, "-Infinity"},
	{-NAN, "NaN"},
};

static void
doubles_are_printed_as_postgresql_does(void **state)
{
	char text[32];

	(void) state;
	for (size_t i = 0; i < sizeof(doubles) / sizeof(doubles[0]); i++)
	{
		assert_int_equal(lh_format_double(doubles[i].v, text), strlen(doubles[i].text));
		assert_string_equal(text, doubles[i].text);
	}
}

static void
floats_are_printed_as_postgresql_does(void **state)
{
	char text[32];

	(void) state;
	for (size_t i = 0; i < sizeof(floats) / sizeof(floats[0]); i++)
	{
		assert_int_equal(lh_format_float(floats[i].v, text), strlen(floats[i].text));
		assert_string_equal(text, floats[i].text);
	}
}

static double
any_double(uint64_t i)
{
	uint64_t bits = lh_hash_u64(i);
	double v;

	if (i % 4 == 0)
		return (double) (int64_t) (bits >> i % 60);
	if (i % 4 == 1)
		return (double) (bits % 100000000) / 1000;
	if (i % 4 == 2) /* around powers of two */
		bits = (bits & UINT64_C(0x7ff0000000000000)) + i % 3 - 1;
	memcpy(&v, &bits, sizeof(v));
	return v;
}

static void
every_double_reads_back(void **state)
{
	char text[32];

	(void) state;
	for (uint64_t i = 0; i < 200000; i++)
	{
		double v = any_double(i);
		int n = lh_format_double(v, text);

		assert_int_equal(n, strlen(text));
		assert_true(n <= 24);
		if (!isnan(v))
			assert_true(strtod(text, NULL) == v);
	}
}

static void
every_float_reads_back(void **state)
{
	char text[32];

	(void) state;
	for (uint64_t i = 0; i < 200000; i++)
	{
		uint32_t bits = (uint32_t) lh_hash_u64(i);
		float v;

		memcpy(&v, &bits, sizeof(v));
		lh_format_float(v, text);
		if (!isnan(v))
			assert_true(strtof(text, NULL) == v);
	}
}

/* Significant digits of a number's text. */
static int
significant(const char *text)
{
	int n = 0, zeros = 0;

	for (; *text != '\0' && *text != 'e'; text++)
	{
		if (*text == '0' && n > 0)
			zeros++;
		else if (*text >= '1' && *text <= '9')
		{
			n += zeros + 1;
			zeros = 0;
		}
	}
	return n;
}

static void
no_shorter_text_reads_back(void **state)
{
	char text[32], shorter[40];

	(void) state;
	for (uint64_t i = 0; i < 50000; i++)
	{
		double v = any_double(i);

		/* from 2^53 on a shorter text may lie on a midpoint */
		if (isnan(v) || isinf(v) || v == 0 || (fabs(v) >= 0x1p53 && fabs(v) < 1e40))
			continue;
		lh_format_double(v, text);
		if (significant(text) == 1)
			continue;
		snprintf(shorter, sizeof(shorter), "%.*e", significant(text) - 2, v);
		assert_true(strtod(shorter, NULL) != v);
	}
}

static void
the_locale_does_not_matter(void **state)
{
	char text[32];
	static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "C.UTF-8"};

	(void) state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		if (setlocale(LC_NUMERIC, names[i]) == NULL)
			continue;
		lh_format_double(1.0 / 3, text);
		assert_string_equal(text, "0.3333333333333333");
	}
	setlocale(LC_NUMERIC, "C");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(every_two_byte_sequence_is_judged_right),
		TEST(every_lead_with_every_boundary_byte_is_judged_right),
		TEST(the_offset_of_a_bad_byte_is_right_at_every_place),
		TEST(random_texts_are_judged_as_by_the_slow_reference),
		TEST(clipping_never_cuts_a_character),
		TEST(url_decoding_reverses_escapes),
		TEST(malformed_escapes_are_refused),
		TEST(json_strings_escape_what_they_must_and_no_more),
		TEST(doubles_are_printed_as_postgresql_does),
		TEST(floats_are_printed_as_postgresql_does),
		TEST(every_double_reads_back),
		TEST(every_float_reads_back),
		TEST(no_shorter_text_reads_back),
		TEST(the_locale_does_not_matter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
