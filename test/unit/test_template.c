/*
 * test_template.c
 *		Format templates: the form stays, all comes back, what cannot be encrypted says so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/datetime.h"
#include "crypto/ff1_internal.h"
#include "mask/template.h"

#define LH_OK_(ctx, call)                                     \
	do                                                        \
	{                                                         \
		LhStatus s_ = (call);                                 \
		if (s_ != LH_OK)                                      \
			fail_msg("%s: %s", #call, (ctx)->error->message); \
	} while (0)

#define MANY 600

static uint64_t seed = 42;
static LhFf1Key *key;
static LhBuf bytes, back;

static uint64_t
next(void)
{
	uint64_t z = (seed += 0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static int
setup(void **state)
{
	LhKey k = {.len = 32, .bytes = "a key of thirty-two bytes, 12345"};
	LhCtx *ctx = lh_ctx_create();

	*state = ctx;
	return ctx == NULL || lh_ff1_key_create(ctx, &k, &key) != LH_OK ||
		   lh_buf_init(ctx, &bytes, false) != LH_OK || lh_buf_init(ctx, &back, false) != LH_OK;
}

static int
teardown(void **state)
{
	lh_ctx_destroy(*state);
	return 0;
}

static LhTemplate *
make(LhCtx *ctx, LhTemplateSpec spec)
{
	LhTemplate *t;

	if (spec.domain.data == NULL)
		spec.domain = lh_slice("test", 4);
	LH_OK_(ctx, lh_template_create(ctx, key, &spec, &t));
	return t;
}

/* One value encrypted: its text, or the reason in angle brackets. */
static const char *
one(LhCtx *ctx, LhTemplate *t, const char *text)
{
	static char results[4][512];
	static int turn;
	char *out = results[turn++ % 4];
	LhSlice in = lh_slice(text, strlen(text)), got, again;
	LhCannot why;

	LH_OK_(ctx, lh_template_apply(ctx, t, LH_FF1_ENCRYPT, &in, 1, &bytes, &got, &why));
	if (got.data == NULL)
	{
		assert_int_not_equal(why, LH_CANNOT_NOT);
		snprintf(out, 512, "<%s>", lh_cannot_text(why));
		return out;
	}
	assert_int_equal(why, LH_CANNOT_NOT);
	assert_true(lh_utf8_valid(got.data, got.len));
	snprintf(out, 512, "%.*s", (int) got.len, (const char *) got.data);
	LH_OK_(ctx, lh_template_apply(ctx, t, LH_FF1_DECRYPT, &got, 1, &back, &again, &why));
	assert_int_equal(again.len, in.len);
	assert_memory_equal(again.data, in.data, in.len);
	return out;
}

static bool
cannot(const char *result, LhCannot why)
{
	return result[0] == '<' &&
		   strncmp(result + 1, lh_cannot_text(why), strlen(lh_cannot_text(why))) == 0;
}

/* The class of each ASCII character must be the same. */
static void
same_form(const char *a, const char *b)
{
	assert_int_equal(strlen(a), strlen(b));
	for (; *a != '\0'; a++, b++)
	{
		if (*a >= '0' && *a <= '9')
			assert_in_range(*b, '0', '9');
		else if (*a >= 'a' && *a <= 'z')
			assert_in_range(*b, 'a', 'z');
		else if (*a >= 'A' && *a <= 'Z')
			assert_in_range(*b, 'A', 'Z');
		else
			assert_int_equal(*a, *b);
	}
}

static bool
luhn(const char *s)
{
	size_t n = 0, i = 0;
	int sum = 0;

	for (const char *p = s; *p != '\0'; p++)
		n += *p >= '0' && *p <= '9';
	for (const char *p = s; *p != '\0'; p++)
	{
		int d = *p - '0';

		if (d < 0 || d > 9)
			continue;
		if ((n - i++) % 2 == 0)
			d = d * 2 > 9 ? d * 2 - 9 : d * 2;
		sum += d;
	}
	return sum % 10 == 0;
}

static const uint32_t dash_space[] = {'-', ' '};
static const LhAlphabet separators = {dash_space, 2};

static void
digits_keep_separators(void **state)
{
	LhCtx *ctx = *state;
	LhTemplate *t = make(
		ctx,
		(LhTemplateSpec){.classes = &lh_alphabet_digits, .nclasses = 1, .separators = separators});
	const char *a = one(ctx, t, "4111-1111 1111-1111"), *b = one(ctx, t, "4111111111111111");
	char joined[20], *p = joined;

	same_form("4111-1111 1111-1111", a);
	assert_string_not_equal(a, "4111-1111 1111-1111");
	/* separators are not part of the tweak */
	for (; *a != '\0'; a++)
	{
		if (*a != '-' && *a != ' ')
			*p++ = *a;
	}
	*p = '\0';
	assert_string_equal(joined, b);
	assert_true(cannot(one(ctx, t, "4111.1111"), LH_CANNOT_CHARACTER));
	assert_true(cannot(one(ctx, t, "41111"), LH_CANNOT_SMALL));
	assert_true(cannot(one(ctx, t, ""), LH_CANNOT_SMALL));
	assert_true(cannot(one(ctx, t, "---"), LH_CANNOT_SMALL));
	assert_true(cannot(one(ctx, t, "123456789\xff"), LH_CANNOT_UTF8));
	assert_true(cannot(one(ctx, t, "\xc3"), LH_CANNOT_UTF8));
	/* digits of another script are no digits of this class */
	assert_true(cannot(one(ctx, t, "\xd9\xa1\xd9\xa2\xd9\xa3\xd9\xa4\xd9\xa5\xd9\xa6\xd9\xa7"),
					   LH_CANNOT_CHARACTER));
}

/* The bytes that docs/crypto.md says are the tweak: what is encrypted can be decrypted elsewhere. */
static void
a_class_alone_is_plain_ff1(void **state)
{
	LhCtx *ctx = *state;
	const uint8_t tweak[] = {0, 0, 0,   4, 't', 'e', 's', 't', 0,   8,
							 0, 0, '1', 0, 0,   '2', 0,   0,   '0', 0};
	LhTemplate *t = make(
		ctx, (LhTemplateSpec){
				 .classes = &lh_alphabet_digits, .nclasses = 1, .keep_first = 2, .keep_last = 1});
	LhFf1Spec spec = {10, 8, sizeof(tweak), false};
	char want[] = "12345678900", middle[8];
	LhFf1 *f;

	LH_OK_(ctx, lh_ff1_create(ctx, key, &spec, &f));
	memcpy(middle, want + 2, 8);
	LH_OK_(ctx, lh_ff1_digits(ctx, f, LH_FF1_ENCRYPT, (LhFf1Tweaks){tweak, 0}, middle, middle, 1));
	memcpy(want + 2, middle, 8);
	assert_string_equal(one(ctx, t, "12345678900"), want);
}

static void
kept_characters_are_part_of_the_tweak(void **state)
{
	LhCtx *ctx = *state;
	LhTemplate *t = make(
		ctx, (LhTemplateSpec){
				 .classes = &lh_alphabet_digits, .nclasses = 1, .keep_first = 6, .keep_last = 4});
	const char *a = one(ctx, t, "4111111234561111"), *b = one(ctx, t, "4111121234561111");

	assert_memory_equal(a, "411111", 6);
	assert_string_equal(a + 12, "1111");
	assert_memory_equal(b, "411112", 6);
	assert_memory_not_equal(a + 6, b + 6, 6);
	assert_true(cannot(one(ctx, t, "411111123451111"), LH_CANNOT_SMALL));
	assert_true(cannot(one(ctx, t, "1111111111"), LH_CANNOT_SMALL));
	assert_true(cannot(one(ctx, t, "111"), LH_CANNOT_SMALL));
}

static void
domains_do_not_join(void **state)
{
	LhCtx *ctx = *state;
	LhTemplateSpec spec = {
		.classes = &lh_alphabet_digits, .nclasses = 1, .domain = lh_slice("a", 1)};
	LhTemplate *a = make(ctx, spec), *same = make(ctx, spec), *b;

	spec.domain = lh_slice("b", 1);
	b = make(ctx, spec);
	assert_string_equal(one(ctx, a, "1234567890"), one(ctx, same, "1234567890"));
	assert_string_not_equal(one(ctx, a, "1234567890"), one(ctx, b, "1234567890"));
}

static void
mixed_classes_stay_in_place(void **state)
{
	LhCtx *ctx = *state;
	const LhAlphabet classes[] = {lh_alphabet_digits, lh_alphabet_upper, lh_alphabet_lower};
	LhTemplate *t =
		make(ctx, (LhTemplateSpec){.classes = classes, .nclasses = 3, .separators = separators});
	static const char *const values[] = {
		"AB-123 456 C",
		"aB3xY7",
		"Zz9999",
		"000000a",
		"DE89370400440532013000",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaZ9"};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
	{
		const char *r = one(ctx, t, values[i]);

		same_form(values[i], r);
		assert_string_not_equal(values[i], r);
	}
	assert_true(cannot(one(ctx, t, "aB3x"), LH_CANNOT_SMALL));
	/* 26 * 26 * 10^3 = 676,000; one digit more is enough */
	assert_true(cannot(one(ctx, t, "aB123"), LH_CANNOT_SMALL));
	same_form("aB1234", one(ctx, t, "aB1234"));
}

static void
unicode_alphabets_by_list(void **state)
{
	LhCtx *ctx = *state;
	uint32_t greek[25], mixed[40], han[3000];
	LhAlphabet classes[3] = {{greek, 25}, {mixed, 40}, {han, 3000}};
	LhTemplate *t;
	LhSlice in, out;
	LhCannot why;
	const char *r;

	for (uint32_t i = 0; i < 25; i++)
		greek[i] = 0x3b1 + i;
	/* characters of one to four bytes in one class */
	for (uint32_t i = 0; i < 40; i++)
		mixed[i] = (i % 4 == 0 ? 'A' : i % 4 == 1 ? 0x430 : i % 4 == 2 ? 0x3042 : 0x1f600) + i / 4;
	for (uint32_t i = 0; i < 3000; i++)
		han[i] = 0x4e00 + i;
	t = make(ctx, (LhTemplateSpec){.classes = classes, .nclasses = 3, .separators = separators});
	r = one(ctx, t, "\xce\xb1\xce\xb2-\xce\xb3\xce\xb4\xce\xb5\xce\xb6\xce\xb7");
	assert_int_equal(strlen(r), 15);
	assert_int_equal(r[4], '-');
	in = lh_slice("A\xd0\xb0\xe3\x81\x82\xf0\x9f\x98\x80"
				  "AAAA",
				  14);
	LH_OK_(ctx, lh_template_apply(ctx, t, LH_FF1_ENCRYPT, &in, 1, &bytes, &out, &why));
	assert_int_equal(why, LH_CANNOT_NOT);
	(void) one(ctx, t,
			   "A\xd0\xb0\xe3\x81\x82\xf0\x9f\x98\x80"
			   "AAAA");
	(void) one(ctx, t, "\xe4\xb8\x80\xe4\xb8\x81");
	(void) one(ctx, t, "\xe4\xb8\x80 A\xce\xb1\xd0\xb0\xce\xb1");
	assert_true(cannot(one(ctx, t, "\xce\x91\xce\xb1\xce\xb1\xce\xb1\xce\xb1\xce\xb1"),
					   LH_CANNOT_CHARACTER));
}

static void
luhn_stays_valid(void **state)
{
	LhCtx *ctx = *state;
	LhTemplateSpec spec = {
		.classes = &lh_alphabet_digits, .nclasses = 1, .separators = separators, .luhn = true};
	LhTemplate *all = make(ctx, spec), *kept, *legacy;
	const char *r;

	assert_true(luhn("4111 1111 1111 1111"));
	r = one(ctx, all, "4111 1111 1111 1111");
	assert_true(luhn(r));
	assert_string_not_equal(r, "4111 1111 1111 1111");
	assert_true(cannot(one(ctx, all, "4111 1111 1111 1112"), LH_CANNOT_LUHN));
	spec.keep_first = 6;
	spec.keep_last = 4;
	kept = make(ctx, spec);
	/* 10^5 are left */
	assert_true(cannot(one(ctx, kept, "4111111111111111"), LH_CANNOT_SMALL));
	spec.legacy = true;
	legacy = make(ctx, spec);
	r = one(ctx, legacy, "4111111111111111");
	assert_true(luhn(r));
	assert_memory_equal(r, "411111", 6);
	assert_string_equal(r + 12, "1111");
	for (int i = 0; i < 500; i++)
	{
		char text[24];
		int n = 8 + (int) (next() % 12);

		for (int k = 0; k < n; k++)
			text[k] = (char) ('0' + next() % 10);
		text[n] = '\0';
		for (int k = 0; !luhn(text); k++)
			text[n - 1] = (char) ('0' + k);
		assert_true(luhn(one(ctx, all, text)));
	}
}

static void
emails(void **state)
{
	LhCtx *ctx = *state;
	LhTemplate *local = make(ctx, (LhTemplateSpec){.kind = LH_TEMPLATE_EMAIL, .keep_domain = true});
	LhTemplate *domain = make(ctx, (LhTemplateSpec){.kind = LH_TEMPLATE_EMAIL, .keep_local = true});
	LhTemplate *both = make(ctx, (LhTemplateSpec){.kind = LH_TEMPLATE_EMAIL});
	const char *r = one(ctx, local, "Jane.Doe+x1@example.org");
	static const char *const bad[] = {"",
									  "@",
									  "a@",
									  "@b.org",
									  "jane.doe",
									  "a@b@c.org",
									  "jane.doe@org",
									  "jane.doe@.org",
									  "jane.doe@example.",
									  "jane.doe@a..org"};

	same_form("Jane.Doe+x1@example.org", r);
	assert_string_equal(strchr(r, '@'), "@example.org");
	r = one(ctx, domain, "jo@mail.example.org");
	assert_memory_equal(r, "jo@", 3);
	assert_string_equal(r + strlen(r) - 4, ".org");
	assert_int_equal(r[7], '.');
	r = one(ctx, both, "jo@ex.org");
	assert_true(cannot(r, LH_CANNOT_SMALL));
	r = one(ctx, both, "jo@example.org");
	same_form("jo@example.org", r);
	assert_string_equal(strrchr(r, '.'), ".org");
	/* three lower case letters are 17,576 */
	assert_true(cannot(one(ctx, local, "bob@example.org"), LH_CANNOT_SMALL));
	assert_true(cannot(one(ctx, both, "jane doe@example.org"), LH_CANNOT_CHARACTER));
	assert_true(cannot(one(ctx, both, "jane.doe@exa_mple.org"), LH_CANNOT_CHARACTER));
	/* another address of the same local part: the domain is part of the tweak */
	assert_memory_not_equal(one(ctx, local, "jane.doe@a.org"), one(ctx, local, "jane.doe@b.org"),
							8);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_true(cannot(one(ctx, both, bad[i]), LH_CANNOT_FORM));
}

static void
numbers_stay_numbers(void **state)
{
	LhCtx *ctx = *state;
	LhTemplate *t = make(ctx, (LhTemplateSpec){.kind = LH_TEMPLATE_NUMERIC});
	static const char *const bad[] = {
		"",    "-",   "007", "+5",         "1e10",      "NaN",   "Infinity", "1.",      ".5",
		"-.5", "1,5", "-0",  "-0.0000000", "--1234567", "1.2.3", " 1234567", "1234567 "};

	for (int i = 0; i < 2000; i++)
	{
		char text[64], *p = text;
		int whole = 1 + (int) (next() % 20), scale = (int) (next() % 10);
		bool zero = true, minus = next() % 2;
		const char *r;

		if (minus)
			*p++ = '-';
		for (int k = 0; k < whole; k++)
			*p++ = (char) ('0' + (k == 0 && whole > 1 ? 1 + next() % 9 : next() % 10));
		if (scale > 0)
			*p++ = '.';
		for (int k = 0; k < scale; k++)
			*p++ = (char) ('0' + next() % 3 / 2);
		*p = '\0';
		r = one(ctx, t, text);
		for (p = text; *p != '\0'; p++)
			zero &= *p <= '0';
		if (minus && zero)
		{
			assert_true(cannot(r, LH_CANNOT_FORM));
			continue;
		}
		if (whole + scale < 6)
		{
			assert_true(cannot(r, LH_CANNOT_SMALL));
			continue;
		}
		if (r[0] == '<')
		{
			/* 9 * 10^5 values, or 10^6 - 1 */
			assert_true(cannot(r, LH_CANNOT_SMALL) && whole + scale == 6);
			continue;
		}
		same_form(text, r);
		if (whole > 1)
			assert_int_not_equal(r[minus], '0');
		zero = true;
		for (; *r != '\0'; r++)
			zero &= *r <= '0';
		assert_false(minus && zero);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_true(cannot(one(ctx, t, bad[i]), LH_CANNOT_FORM));
}

/* All of -0.01 to -9.99: each becomes another of them, and none a zero with a sign. */
static void
no_number_becomes_minus_zero(void **state)
{
	LhCtx *ctx = *state;
	LhTemplate *t = make(ctx, (LhTemplateSpec){.kind = LH_TEMPLATE_NUMERIC, .legacy = true});
	uint8_t seen[1000] = {0};

	for (int i = 1; i < 1000; i++)
	{
		char text[8];
		const char *r;

		snprintf(text, sizeof(text), "-%d.%02d", i / 100, i % 100);
		r = one(ctx, t, text);
		same_form(text, r);
		seen[(r[1] - '0') * 100 + (r[3] - '0') * 10 + r[4] - '0']++;
	}
	assert_int_equal(seen[0], 0);
	for (int i = 1; i < 1000; i++)
		assert_int_equal(seen[i], 1);
}

static void
range_of(LhCtx *ctx, int64_t least, int64_t most)
{
	LhTemplate *t =
		make(ctx, (LhTemplateSpec){.kind = LH_TEMPLATE_RANGE, .least = least, .most = most});
	static int64_t x[MANY], y[MANY], z[MANY];
	static LhCannot why[MANY];
	uint64_t span = (uint64_t) most - (uint64_t) least;
	size_t same = 0;
	char text[32];

	for (size_t i = 0; i < MANY; i++)
	{
		uint64_t offset = span == UINT64_MAX ? next() : next() % (span + 1);

		x[i] = (int64_t) ((uint64_t) least + (i == 0 ? 0 : i == 1 ? span : offset));
	}
	LH_OK_(ctx, lh_template_integers(ctx, t, LH_FF1_ENCRYPT, x, MANY, y, why));
	LH_OK_(ctx, lh_template_integers(ctx, t, LH_FF1_DECRYPT, y, MANY, z, NULL));
	for (size_t i = 0; i < MANY; i++)
	{
		assert_int_equal(why[i], LH_CANNOT_NOT);
		assert_true(y[i] >= least && y[i] <= most);
		assert_int_equal(z[i], x[i]);
		same += x[i] == y[i];
	}
	assert_true(same < 5);
	/* the text says the same */
	snprintf(text, sizeof(text), "%lld", (long long) x[7]);
	snprintf(text, sizeof(text), "%lld", strtoll(one(ctx, t, text), NULL, 10));
	assert_int_equal(strtoll(text, NULL, 10), y[7]);
	if (least == INT64_MIN && most == INT64_MAX)
		return;
	x[3] = most == INT64_MAX ? least - 1 : most + 1;
	LH_OK_(ctx, lh_template_integers(ctx, t, LH_FF1_ENCRYPT, x, MANY, y, why));
	assert_int_equal(why[3], LH_CANNOT_RANGE);
	assert_int_equal(y[3], 0);
	assert_int_equal(why[4], LH_CANNOT_NOT);
}

static void
integers_stay_in_their_range(void **state)
{
	static const char *const bad[] = {
		"", "-", "-0", "01", "1.0", "9223372036854775808", "-9223372036854775809", "x"};
	LhCtx *ctx = *state;
	LhTemplate *t = make(
		ctx, (LhTemplateSpec){.kind = LH_TEMPLATE_RANGE, .least = INT64_MIN, .most = INT64_MAX});

	range_of(ctx, INT64_MIN, INT64_MAX);
	range_of(ctx, 0, 999999);
	range_of(ctx, -500000, 499999);
	range_of(ctx, 1, INT64_MAX);
	range_of(ctx, INT64_MIN, -2);
	range_of(ctx, 0, (1 << 20));
	range_of(ctx, 5, (INT64_C(1) << 62) + 7);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_true(cannot(one(ctx, t, bad[i]), LH_CANNOT_FORM));
	(void) one(ctx, t, "-9223372036854775808");
	(void) one(ctx, t, "9223372036854775807");
	(void) one(ctx, t, "0");
	t = make(ctx, (LhTemplateSpec){.kind = LH_TEMPLATE_RANGE, .least = 0, .most = 999999});
	assert_true(cannot(one(ctx, t, "1000000"), LH_CANNOT_RANGE));
	assert_true(cannot(one(ctx, t, "-1"), LH_CANNOT_RANGE));
}

/* A whole range: a permutation of it. */
static void
a_range_is_permuted(void **state)
{
	LhCtx *ctx = *state;
	LhTemplate *t = make(
		ctx,
		(LhTemplateSpec){.kind = LH_TEMPLATE_RANGE, .least = -100, .most = 9899, .legacy = true});
	static int64_t x[10000];
	static uint8_t seen[10000];

	for (int i = 0; i < 10000; i++)
		x[i] = i - 100;
	LH_OK_(ctx, lh_template_integers(ctx, t, LH_FF1_ENCRYPT, x, 10000, x, NULL));
	for (int i = 0; i < 10000; i++)
		assert_int_equal(seen[x[i] + 100]++, 0);
}

static void
dates_stay_dates(void **state)
{
	static const char *const bad[] = {"2024-02-30", "2023-02-29", "0000-01-01", "24-01-01",
									  "2024-1-01",  "2024/01/01", "infinity",   "2024-13-01",
									  "2024-00-10", "10000-01-01"};
	LhCtx *ctx = *state;
	LhTemplate *t = make(ctx, (LhTemplateSpec){.kind = LH_TEMPLATE_DATE});
	LhTemplate *year = make(ctx, (LhTemplateSpec){.kind = LH_TEMPLATE_DATE,
												  .least = lh_days_from_civil(1900, 1, 1),
												  .most = lh_days_from_civil(1999, 12, 31),
												  .legacy = true});

	assert_int_equal(lh_days_from_civil(1, 1, 1), LH_TEMPLATE_FIRST_DAY);
	assert_int_equal(lh_days_from_civil(9999, 12, 31), LH_TEMPLATE_LAST_DAY);
	same_form("2024-02-29", one(ctx, t, "2024-02-29"));
	same_form("0001-01-01", one(ctx, t, "0001-01-01"));
	same_form("9999-12-31", one(ctx, t, "9999-12-31"));
	assert_memory_equal(one(ctx, year, "1984-05-06"), "19", 2);
	assert_true(cannot(one(ctx, year, "2000-01-01"), LH_CANNOT_RANGE));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_true(cannot(one(ctx, t, bad[i]), LH_CANNOT_FORM));
}

static void
uuids_keep_version_and_variant(void **state)
{
	static const char *const bad[] = {"",
									  "f47ac10b58cc4372a5670e02b2c3d479",
									  "F47AC10B-58CC-4372-A567-0E02B2C3D479",
									  "f47ac10b-58cc-4372-a567-0e02b2c3d47",
									  "g47ac10b-58cc-4372-a567-0e02b2c3d479",
									  "f47ac10b-58cc-4372-a567_0e02b2c3d479"};
	LhCtx *ctx = *state;
	LhTemplate *t = make(ctx, (LhTemplateSpec){.kind = LH_TEMPLATE_UUID});
	const char *r = one(ctx, t, "f47ac10b-58cc-4372-a567-0e02b2c3d479");
	uint8_t in[300 * 16], out[300 * 16], again[300 * 16];

	assert_int_equal(strlen(r), 36);
	assert_int_equal(r[14], '4');
	assert_non_null(strchr("89ab", r[19]));
	assert_string_not_equal(r, "f47ac10b-58cc-4372-a567-0e02b2c3d479");
	(void) one(ctx, t, "00000000-0000-0000-0000-000000000000");
	(void) one(ctx, t, "ffffffff-ffff-ffff-ffff-ffffffffffff");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_true(cannot(one(ctx, t, bad[i]), LH_CANNOT_FORM));
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t) next();
	LH_OK_(ctx, lh_template_uuids(ctx, t, LH_FF1_ENCRYPT, in, 300, out));
	LH_OK_(ctx, lh_template_uuids(ctx, t, LH_FF1_DECRYPT, out, 300, again));
	assert_memory_equal(in, again, sizeof(in));
	for (size_t i = 0; i < 300; i++)
	{
		assert_int_equal(in[16 * i + 6] & 0xf0, out[16 * i + 6] & 0xf0);
		assert_int_equal(in[16 * i + 8] & 0xc0, out[16 * i + 8] & 0xc0);
		assert_memory_not_equal(in + 16 * i, out + 16 * i, 16);
	}
}

/* Random values, good and bad ones, many shapes in one call: as one by one, and back. */
static void
batches_equal_single_values(void **state)
{
	LhCtx *ctx = *state;
	uint32_t cyrillic[32];
	LhAlphabet classes[] = {
		lh_alphabet_digits, lh_alphabet_upper, lh_alphabet_lower, {cyrillic, 32}};
	LhTemplateSpec spec = {
		.classes = classes, .nclasses = 4, .separators = separators, .max_characters = 60};
	static LhSlice in[3000], out[3000], again[3000];
	static LhCannot why[3000], why_again[3000];
	static char text[3000][200];
	size_t good = 0;

	for (uint32_t i = 0; i < 32; i++)
		cyrillic[i] = 0x430 + i;
	for (int round = 0; round < 8; round++)
	{
		LhTemplate *t;

		spec.keep_first = round % 3;
		spec.keep_last = round % 2;
		t = make(ctx, spec);
		for (size_t i = 0; i < 3000; i++)
		{
			size_t n = 1 + next() % (next() % 4 == 0 ? 80 : 14), len = 0;
			int kind = (int) (next() % 8);

			for (size_t k = 0; k < n; k++)
			{
				int c = kind < 4 ? kind : (int) (next() % 5);

				if (c == 0)
					text[i][len++] = (char) ('0' + next() % 10);
				else if (c == 1)
					text[i][len++] = (char) ('A' + next() % 26);
				else if (c == 2)
					text[i][len++] = (char) ('a' + next() % 26);
				else if (c == 3)
				{
					uint32_t p = 0x430 + (uint32_t) (next() % 32);

					text[i][len++] = (char) (0xc0 | p >> 6);
					text[i][len++] = (char) (0x80 | (p & 0x3f));
				}
				else
					text[i][len++] = next() % 200 == 0 ? (char) next() : '-';
			}
			in[i] = next() % 50 == 0 ? (LhSlice){0} : lh_slice(text[i], len);
		}
		LH_OK_(ctx, lh_template_apply(ctx, t, LH_FF1_ENCRYPT, in, 3000, &bytes, out, why));
		LH_OK_(ctx, lh_template_apply(ctx, t, LH_FF1_DECRYPT, out, 3000, &back, again, why_again));
		for (size_t i = 0; i < 3000; i++)
		{
			assert_int_equal(out[i].data != NULL, why[i] == LH_CANNOT_NOT);
			if (in[i].data == NULL)
				assert_int_equal(why[i], LH_CANNOT_NULL);
			if (out[i].data == NULL)
			{
				assert_int_equal(why_again[i], LH_CANNOT_NULL);
				continue;
			}
			good++;
			assert_int_equal(out[i].len, in[i].len);
			assert_int_equal(again[i].len, in[i].len);
			assert_memory_equal(again[i].data, in[i].data, in[i].len);
		}
		for (size_t i = 0; i < 3000; i += 41)
		{
			LhSlice r;
			LhCannot w;

			LH_OK_(ctx, lh_template_apply(ctx, t, LH_FF1_ENCRYPT, &in[i], 1, &back, &r, &w));
			assert_int_equal(w, why[i]);
			assert_int_equal(r.len, out[i].len);
			if (r.data != NULL)
				assert_memory_equal(r.data, out[i].data, r.len);
		}
	}
	assert_true(good > 10000);
}

static void
any_separator_keeps_what_is_in_no_class(void **state)
{
	LhCtx *ctx = *state;
	LhTemplate *t = make(
		ctx,
		(LhTemplateSpec){.classes = &lh_alphabet_digits, .nclasses = 1, .any_separator = true});
	const char *r = one(ctx, t, "tel. +49 (30) 123456 \xe2\x82\xac!");

	same_form("tel. +49 (30) 123456 \xe2\x82\xac!" + 5, r + 5);
	assert_memory_equal(r, "tel. +", 6);
}

static void
lengths_have_a_limit(void **state)
{
	LhCtx *ctx = *state;
	LhTemplate *t = make(
		ctx,
		(LhTemplateSpec){.classes = &lh_alphabet_digits, .nclasses = 1, .max_characters = 4096});
	LhTemplate *small = make(
		ctx, (LhTemplateSpec){.classes = &lh_alphabet_digits, .nclasses = 1, .max_characters = 10});
	char *big = malloc(20000);
	LhSlice in = lh_slice(big, 4096), out, again;
	LhCannot why;

	memset(big, '7', 20000);
	LH_OK_(ctx, lh_template_apply(ctx, t, LH_FF1_ENCRYPT, &in, 1, &bytes, &out, &why));
	LH_OK_(ctx, lh_template_apply(ctx, t, LH_FF1_DECRYPT, &out, 1, &back, &again, &why));
	assert_memory_equal(again.data, big, 4096);
	for (size_t n = 4097; n < 20000; n += 1234)
	{
		in.len = n;
		LH_OK_(ctx, lh_template_apply(ctx, t, LH_FF1_ENCRYPT, &in, 1, &bytes, &out, &why));
		assert_int_equal(why, LH_CANNOT_LENGTH);
		assert_null(out.data);
	}
	(void) one(ctx, small, "1234567890");
	assert_true(cannot(one(ctx, small, "12345678901"), LH_CANNOT_LENGTH));
	free(big);
}

/* More shapes than are kept: the old ones go, the results stay the same. */
static void
shapes_are_bounded(void **state)
{
	LhCtx *ctx = *state;
	LhTemplate *t = make(
		ctx,
		(LhTemplateSpec){.classes = &lh_alphabet_digits, .nclasses = 1, .max_characters = 4096});
	static char text[4096];
	LhSlice in[64], out[64], again[64];
	char first[16];

	memset(text, '3', sizeof(text));
	strcpy(first, one(ctx, t, "3333333333"));
	for (size_t n = 10; n + 64 * 20 < 4096; n += 64)
	{
		for (size_t i = 0; i < 64; i++)
			in[i] = lh_slice(text, n + i);
		LH_OK_(ctx, lh_template_apply(ctx, t, LH_FF1_ENCRYPT, in, 64, &bytes, out, NULL));
		LH_OK_(ctx, lh_template_apply(ctx, t, LH_FF1_DECRYPT, out, 64, &back, again, NULL));
		for (size_t i = 0; i < 64; i++)
		{
			assert_int_equal(again[i].len, n + i);
			assert_memory_equal(again[i].data, text, n + i);
		}
	}
	assert_string_equal(first, one(ctx, t, "3333333333"));
}

static void
refused(LhCtx *ctx, LhTemplateSpec spec, const char *word)
{
	LhTemplate *t;

	assert_int_equal(lh_template_create(ctx, key, &spec, &t), LH_INVALID);
	if (strstr(ctx->error->message, word) == NULL)
		fail_msg("%s", ctx->error->message);
	lh_error_clear(ctx);
}

static void
bad_templates_are_refused(void **state)
{
	LhCtx *ctx = *state;
	static const uint32_t twice[] = {'a', 'b', 'a'}, surrogate[] = {'a', 0xd800},
						  huge[] = {'a', 0x110000}, nul[] = {'a', 0}, single[] = {'x'};
	const LhAlphabet overlap[] = {lh_alphabet_digits, lh_alphabet_alnum}, a[] = {{twice, 3}},
					 b[] = {{surrogate, 2}}, c[] = {{huge, 2}}, d[] = {{nul, 2}},
					 e[] = {{single, 1}};
	static const uint32_t five[] = {'5'};
	static char name[2000];

	refused(ctx, (LhTemplateSpec){0}, "no class");
	refused(ctx, (LhTemplateSpec){.classes = overlap, .nclasses = 2}, "U+0030 is there twice");
	refused(ctx, (LhTemplateSpec){.classes = a, .nclasses = 1}, "twice");
	refused(ctx, (LhTemplateSpec){.classes = b, .nclasses = 1}, "no character");
	refused(ctx, (LhTemplateSpec){.classes = c, .nclasses = 1}, "no character");
	refused(ctx, (LhTemplateSpec){.classes = d, .nclasses = 1}, "no character");
	refused(ctx, (LhTemplateSpec){.classes = e, .nclasses = 1}, "2 to 65536");
	refused(ctx, (LhTemplateSpec){.classes = &lh_alphabet_digits, .nclasses = 33}, "too many");
	refused(
		ctx,
		(LhTemplateSpec){.classes = &lh_alphabet_digits, .nclasses = 1, .separators = {five, 1}},
		"twice");
	refused(ctx, (LhTemplateSpec){.classes = &lh_alphabet_upper, .nclasses = 1, .luhn = true},
			"Luhn");
	refused(ctx,
			(LhTemplateSpec){.classes = &lh_alphabet_digits, .nclasses = 1, .max_characters = 5},
			"too few");
	refused(
		ctx,
		(LhTemplateSpec){
			.classes = &lh_alphabet_digits, .nclasses = 1, .max_characters = 16, .keep_first = 11},
		"too few");
	refused(
		ctx,
		(LhTemplateSpec){
			.classes = &lh_alphabet_digits, .nclasses = 1, .keep_first = SIZE_MAX, .keep_last = 2},
		"keeps all");
	refused(ctx,
			(LhTemplateSpec){.classes = &lh_alphabet_digits, .nclasses = 1, .max_characters = 5000},
			"4096");
	refused(ctx,
			(LhTemplateSpec){.kind = LH_TEMPLATE_EMAIL, .keep_local = true, .keep_domain = true},
			"all is kept");
	refused(ctx, (LhTemplateSpec){.kind = LH_TEMPLATE_EMAIL, .any_separator = true}, "separator");
	refused(ctx, (LhTemplateSpec){.kind = LH_TEMPLATE_RANGE, .least = 0, .most = 999998},
			"fewer than 1000000");
	refused(ctx,
			(LhTemplateSpec){.kind = LH_TEMPLATE_RANGE, .least = 0, .most = 98, .legacy = true},
			"fewer than 100");
	refused(ctx, (LhTemplateSpec){.kind = LH_TEMPLATE_RANGE, .least = 5, .most = 4}, "ends before");
	refused(ctx, (LhTemplateSpec){.kind = LH_TEMPLATE_DATE, .least = 0, .most = 36524}, "fewer");
	refused(ctx, (LhTemplateSpec){.kind = LH_TEMPLATE_DATE, .least = INT64_MIN, .most = INT64_MAX},
			"9999");
	refused(ctx, (LhTemplateSpec){.kind = LH_TEMPLATE_UUID, .keep_first = 1}, "for text");
	refused(ctx, (LhTemplateSpec){.kind = (LhTemplateKind) 77}, "no such kind");
	refused(ctx, (LhTemplateSpec){.kind = LH_TEMPLATE_UUID, .domain = lh_slice(name, sizeof(name))},
			"too long");
}

/* ---- the short way ---- */

/* One and many, by every kernel, are what lh_template_apply gives. */
static void
plain_digits_are_the_same(void **state)
{
	LhCtx *ctx = *state;
	LhTemplate *t = make(ctx, (LhTemplateSpec){.kind = LH_TEMPLATE_TEXT,
											   .classes = &lh_alphabet_digits,
											   .nclasses = 1,
											   .any_separator = true});
	size_t short_way = 0;

	for (const LhFf1Kernels *const *k = lh_ff1_kernels_all; *k != NULL; k++)
	{
		if (!(*k)->supported())
			continue;
		lh_ff1_kernels_force(*k);
		for (size_t n = 0; n <= 24; n++)
		{
			char in[24 * 50 + 1], out[24 * 50];
			LhSlice values[50], want[50];
			bool done;

			for (size_t i = 0; i < n * 50; i++)
				in[i] = (char) ('0' + next() % 10);
			for (size_t i = 0; i < 50; i++)
				values[i] = lh_slice(in + i * n, n);
			for (int way = LH_FF1_ENCRYPT; way <= LH_FF1_DECRYPT; way++)
			{
				LH_OK_(ctx,
					   lh_template_apply(ctx, t, (LhFf1Way) way, values, 50, &bytes, want, NULL));
				LH_OK_(ctx, lh_template_plain(ctx, t, (LhFf1Way) way, in, out, n, 50, &done));
				/* fewer than 10^6 values, or longer than the kernels take */
				assert_int_equal(done, n >= 6 && n <= 18);
				for (size_t i = 0; done && i < 50; i++)
					assert_memory_equal(out + i * n, want[i].data, n);
				for (size_t i = 0; i < 50; i++)
				{
					LH_OK_(ctx,
						   lh_template_plain(ctx, t, (LhFf1Way) way, in + i * n, out, n, 1, &done));
					assert_true(!done || (n >= 6 && n <= 18));
					if (done)
						assert_memory_equal(out, want[i].data, n);
					short_way += done;
				}
				if (n == 0)
					continue;
				/* what is no digit is left to the other way */
				in[n / 2] = '-';
				LH_OK_(ctx, lh_template_plain(ctx, t, (LhFf1Way) way, in, out, n, 50, &done));
				assert_false(done);
				LH_OK_(ctx, lh_template_plain(ctx, t, (LhFf1Way) way, in, out, n, 1, &done));
				assert_false(done);
				in[n / 2] = '7';
				values[0] = lh_slice(in, n);
			}
		}
	}
	lh_isa_choose(LH_ISA_AVX512);
	if (lh_cpu_has_aes())
		assert_true(short_way > 0);
}

static void
fewest_characters_bound_what_is_guessed(void **state)
{
	LhCtx *ctx = *state;
	LhTemplateSpec spec = {.kind = LH_TEMPLATE_TEXT,
						   .classes = &lh_alphabet_digits,
						   .nclasses = 1,
						   .any_separator = true};
	LhTemplate *t = make(ctx, spec);
	bool done;
	char out[9];

	assert_true(lh_template_least_values(t) == 1e6);
	spec.min_characters = 9;
	t = make(ctx, spec);
	assert_true(lh_template_least_values(t) == 1e9);
	assert_true(cannot(one(ctx, t, "12345678"), LH_CANNOT_SMALL));
	assert_true(cannot(one(ctx, t, "1234-5678"), LH_CANNOT_SMALL));
	same_form("123-456-789", one(ctx, t, "123-456-789"));
	LH_OK_(ctx, lh_template_plain(ctx, t, LH_FF1_ENCRYPT, "12345678", out, 8, 1, &done));
	assert_false(done);
	spec.keep_last = 4;
	assert_true(lh_template_least_values(make(ctx, spec)) == 1e6);
	spec = (LhTemplateSpec){.kind = LH_TEMPLATE_RANGE, .least = INT64_MIN, .most = INT64_MAX};
	assert_true(lh_template_least_values(make(ctx, spec)) == 0x1p64);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(digits_keep_separators, setup, teardown),
		cmocka_unit_test_setup_teardown(a_class_alone_is_plain_ff1, setup, teardown),
		cmocka_unit_test_setup_teardown(kept_characters_are_part_of_the_tweak, setup, teardown),
		cmocka_unit_test_setup_teardown(domains_do_not_join, setup, teardown),
		cmocka_unit_test_setup_teardown(mixed_classes_stay_in_place, setup, teardown),
		cmocka_unit_test_setup_teardown(unicode_alphabets_by_list, setup, teardown),
		cmocka_unit_test_setup_teardown(luhn_stays_valid, setup, teardown),
		cmocka_unit_test_setup_teardown(emails, setup, teardown),
		cmocka_unit_test_setup_teardown(numbers_stay_numbers, setup, teardown),
		cmocka_unit_test_setup_teardown(no_number_becomes_minus_zero, setup, teardown),
		cmocka_unit_test_setup_teardown(integers_stay_in_their_range, setup, teardown),
		cmocka_unit_test_setup_teardown(a_range_is_permuted, setup, teardown),
		cmocka_unit_test_setup_teardown(dates_stay_dates, setup, teardown),
		cmocka_unit_test_setup_teardown(uuids_keep_version_and_variant, setup, teardown),
		cmocka_unit_test_setup_teardown(batches_equal_single_values, setup, teardown),
		cmocka_unit_test_setup_teardown(plain_digits_are_the_same, setup, teardown),
		cmocka_unit_test_setup_teardown(fewest_characters_bound_what_is_guessed, setup, teardown),
		cmocka_unit_test_setup_teardown(any_separator_keeps_what_is_in_no_class, setup, teardown),
		cmocka_unit_test_setup_teardown(lengths_have_a_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(shapes_are_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_templates_are_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
