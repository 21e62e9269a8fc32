/*
 * test_mask_text.c
 *		Masks of texts: what they show, and that nothing of what they hide gets through.
 *
 * The values of the property tests have no character twice, and none of the fill: so whatever of the hidden
 * part is in a result came from there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/text.h"
#include "mask/text.h"

#define MANY 200000

static uint64_t seed = 42;

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

/* A result as text; "<null>". */
static const char *
partial(const char *value, int64_t first, const char *fill, int64_t last, LhMaskEncoding encoding,
		LhMaskOutcome *outcome)
{
	static uint8_t out[4096];
	LhMaskCut cut;

	*outcome = lh_mask_partial(s(value), first, s(fill), last, encoding, &cut);
	if (cut.nothing)
		return "<null>";
	assert_true(lh_mask_cut_size(&cut, s(fill)) < sizeof(out) - LH_MASK_SPARE);
	lh_mask_cut_put(&cut, s(value), s(fill), out);
	out[lh_mask_cut_size(&cut, s(fill))] = '\0';
	return (const char *) out;
}

static void
partial_keeps_the_ends(void **state)
{
	static const struct
	{
		const char *value;
		int64_t first;
		const char *fill;
		int64_t last;
		LhMaskEncoding encoding;
		LhMaskOutcome outcome;
		const char *out;
	} cases[] = {
		{"abcdefgh", 2, "*", 2, LH_MASK_UTF8, LH_MASK_DONE, "ab*gh"},
		{"abcde", 2, "*", 2, LH_MASK_UTF8, LH_MASK_DONE, "ab*de"},
		{"abcd", 2, "*", 2, LH_MASK_UTF8, LH_MASK_SHORT, "*"},
		{"", 0, "*", 0, LH_MASK_UTF8, LH_MASK_SHORT, "*"},
		{"", 0, "", 0, LH_MASK_UTF8, LH_MASK_SHORT, "<null>"},
		{"abc", INT64_MAX, "*", INT64_MAX, LH_MASK_UTF8, LH_MASK_SHORT, "*"},
		{"abc", INT64_MIN, "*", INT64_MIN, LH_MASK_UTF8, LH_MASK_DONE, "*"},
		{"abc", 1, "b", 1, LH_MASK_UTF8, LH_MASK_SAME, "b"},
		{"b", 0, "b", 0, LH_MASK_UTF8, LH_MASK_SAME, "<null>"},
		{"b", 3, "b", 0, LH_MASK_UTF8, LH_MASK_SHORT, "<null>"},
		{"abc", 2, "", 0, LH_MASK_UTF8, LH_MASK_DONE, "ab"},
		{"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80x", 1, "-", 1, LH_MASK_UTF8, LH_MASK_DONE,
		 "\xc3\xa9-x"},
		{"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 1, "-", 1, LH_MASK_UTF8, LH_MASK_DONE,
		 "\xc3\xa9-\xf0\x9f\x98\x80"},
		/* a letter and its accent are one character; a mark that follows nothing, too */
		{"e\xcc\x81", 1, "-", 0, LH_MASK_UTF8, LH_MASK_SHORT, "-"},
		{"e\xcc\x81", 0, "-", 1, LH_MASK_UTF8, LH_MASK_SHORT, "-"},
		{"e\xcc\x81\xcc\x88z", 1, "-", 0, LH_MASK_UTF8, LH_MASK_DONE, "e\xcc\x81\xcc\x88-"},
		{"ze\xcc\x81", 0, "-", 1, LH_MASK_UTF8, LH_MASK_DONE, "-e\xcc\x81"},
		{"\xcc\x81", 1, "-", 0, LH_MASK_UTF8, LH_MASK_SHORT, "-"},
		{"\xcc\x81"
		 "ab",
		 1, "-", 1, LH_MASK_UTF8, LH_MASK_DONE,
		 "\xcc\x81"
		 "-b"},
		/* not UTF-8: nothing of it */
		{"abc\xff\xfe"
		 "def",
		 1, "-", 1, LH_MASK_UTF8, LH_MASK_ENCODING, "-"},
		{"abc\xe2\x82", 1, "-", 1, LH_MASK_UTF8, LH_MASK_ENCODING, "-"},
		{"\xff", 0, "\xff", 0, LH_MASK_UTF8, LH_MASK_ENCODING, "<null>"},
		/* bytes, and only ASCII */
		{"\xe9t\xe9", 1, "-", 1, LH_MASK_BYTES, LH_MASK_DONE, "\xe9-\xe9"},
		{"\xe9t\xe9", 1, "-", 1, LH_MASK_ASCII, LH_MASK_ENCODING, "-"},
		{"ete", 1, "-", 1, LH_MASK_ASCII, LH_MASK_DONE, "e-e"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		LhMaskOutcome outcome;
		const char *out = partial(cases[i].value, cases[i].first, cases[i].fill, cases[i].last,
								  cases[i].encoding, &outcome);

		if (strcmp(out, cases[i].out) != 0 || outcome != cases[i].outcome)
			fail_msg("case %zu: \"%s\" (%d), expected \"%s\" (%d)", i, out, outcome, cases[i].out,
					 cases[i].outcome);
	}
}

/* ---- what is hidden stays hidden ---- */

/* Characters of one to four bytes, none of which is a mark, and marks. */
static const char *const pool[] = {
	"a",      "b",      "c",          "d",          "e",         "f",      "g",      "h",
	"i",      "j",      "k",          "l",          "m",         "n",      "o",      "p",
	"q",      "r",      "s",          "t",          "u",         "v",      "w",      "x",
	"y",      "z",      "0",          "1",          "2",         "3",      "4",      "5",
	"6",      "7",      "8",          "9",          "\u00e4",    "\u00f6", "\u00fc", "\u00df",
	"\u0430", "\u0431", "\u0432",     "\u0433",     "\u20ac",    "\u3042", "\u3044", "\u65e5",
	"\u672c", "\u8a9e", "\U0001f600", "\U0001f601", "\U00020000"};
static const char *const some_marks[] = {"\u0301", "\u0308", "\u0327", "\u20dd", "\ufe0f"};

#define POOL    (sizeof(pool) / sizeof(pool[0]))
#define MARKS   (sizeof(some_marks) / sizeof(some_marks[0]))
#define LONGEST 40

typedef struct Made
{
	char bytes[LONGEST * 16];
	size_t len;
	size_t at[LONGEST + 1]; /* where characters begin, and the end */
	size_t n;
} Made;

/* At most LONGEST characters, each once; marks may follow. */
static void
make(Made *m, bool marks, size_t limit)
{
	size_t order[POOL];

	for (size_t i = 0; i < limit; i++)
		order[i] = i;
	for (size_t i = limit - 1; i > 0; i--)
	{
		size_t j = next() % (i + 1), t = order[i];

		order[i] = order[j];
		order[j] = t;
	}
	*m = (Made){.n = next() % ((limit < LONGEST ? limit : LONGEST) + 1)};
	for (size_t i = 0; i < m->n; i++)
	{
		m->at[i] = m->len;
		m->len += (size_t) sprintf(m->bytes + m->len, "%s", pool[order[i]]);
		while (marks && next() % 4 == 0 && m->len < sizeof(m->bytes) - 16 * (LONGEST - i))
			m->len += (size_t) sprintf(m->bytes + m->len, "%s", some_marks[next() % MARKS]);
	}
	m->at[m->n] = m->len;
}

static void
nothing_hidden_gets_through_partial(void **state)
{
	size_t masked = 0;

	for (int i = 0; i < MANY; i++)
	{
		static const char *const fills[] = {"", "*", "***", "\u2022\u2022", "#-#"};
		const char *fill = fills[next() % 5];
		int64_t first = (int64_t) (next() % 8) - 1, last = (int64_t) (next() % 8) - 1;
		size_t f = first < 0 ? 0 : (size_t) first, l = last < 0 ? 0 : (size_t) last;
		char expected[2048];
		LhMaskOutcome outcome;
		const char *out;
		Made m;

		make(&m, i % 2 == 1, POOL);
		out = partial(m.bytes, first, fill, last, LH_MASK_UTF8, &outcome);
		if (m.n > f + l)
		{
			snprintf(expected, sizeof(expected), "%.*s%s%s", (int) m.at[f], m.bytes, fill,
					 m.bytes + m.at[m.n - l]);
			masked++;
		}
		else
			snprintf(expected, sizeof(expected), "%s",
					 m.len == 0 && *fill == '\0' ? "<null>" : fill);
		if (strcmp(out, expected) != 0)
			fail_msg("\"%s\" %d %d: \"%s\", expected \"%s\"", m.bytes, (int) first, (int) last, out,
					 expected);
		assert_string_not_equal(out, m.bytes);
		assert_true(lh_utf8_valid(out, strlen(out)));
		/* no character of those between, so no run of them either */
		for (size_t k = m.n > f + l ? f : 0; k < (m.n > f + l ? m.n - l : m.n); k++)
		{
			char character[64];

			snprintf(character, sizeof(character), "%.*s", (int) (m.at[k + 1] - m.at[k]),
					 m.bytes + m.at[k]);
			if (strstr(out, character) != NULL && strcmp(out, "<null>") != 0)
				fail_msg("\"%s\" %d %d: \"%s\" has \"%s\"", m.bytes, (int) first, (int) last, out,
						 character);
		}
	}
	assert_true(masked > MANY / 2);
}

/* ---- forms ---- */

static const char *
shown(LhMaskOutcome outcome, const LhMaskForm *form)
{
	static char out[1024];
	static const char *const names[] = {
#define X(id, name) "<" name ">",
		LH_MASK_OUTCOMES(X)
#undef X
	};

	if (outcome != LH_MASK_DONE)
		return names[outcome];
	snprintf(out, sizeof(out), "%.*s", (int) form->len, (const char *) form->bytes);
	return out;
}

static const char *
email(const char *value, int64_t first, const char *fill, bool keep_domain)
{
	LhMaskForm form;

	return shown(lh_mask_email(s(value), first, s(fill), keep_domain, LH_MASK_UTF8, &form), &form);
}

static void
email_keeps_the_first_and_the_domain(void **state)
{
	char local[400], label[100];

	assert_string_equal(email("john@example.com", 1, "***", true), "j***@example.com");
	assert_string_equal(email("john@example.com", 3, "", true), "joh@example.com");
	assert_string_equal(email("john@example.com", 4, "-", true), "-@example.com");
	assert_string_equal(email("john@example.com", -1, "-", true), "-@example.com");
	assert_string_equal(email("john@example.com", 1, "-", false), "j-@-");
	assert_string_equal(email("\u00e9ric@example.com", 1, "-", true), "\u00e9-@example.com");
	assert_string_equal(email("e\u0301ric@example.com", 1, "-", true), "e\u0301-@example.com");
	assert_string_equal(email("a@b@c.d", 1, "-", true), "a-@c.d");
	assert_string_equal(email("jo@c.d", 1, "o", true), "<same>");
	for (const char **p =
			 (const char *[]){"", "@", "a", "a@", "@b.c", "a@b", "a@.b", "a@b.", "a@b..c", "a@-b.c",
							  "a@b-.c", "a@b c.d", "a@b.c,d@e.f;", "a@b.\u00e9", "a@b_c.d",
							  "a@[10.0.0.1]", "<a@b.c>", NULL};
		 *p != NULL; p++)
		assert_string_equal(email(*p, 1, "-", true), "<form>");
	assert_string_equal(email("a\xff@b.c", 1, "-", true), "<encoding>");
	memset(local, 'l', sizeof(local));
	strcpy(local + 321 - 4, "@b.c");
	assert_string_equal(email(local, 1, "-", true), "<long>");
	strcpy(local + 320 - 4, "@b.c");
	assert_string_equal(email(local, 1, "-", true), "l-@b.c");
	memset(label, 'b', sizeof(label));
	strcpy(label + 66, ".c");
	memcpy(label, "a@", 2);
	assert_string_equal(email(label, 1, "-", true), "<form>");
	local[65] = '\0';
	assert_string_equal(email("a@b.c", 1, local, true), "<argument>");
}

static void
nothing_hidden_gets_through_email(void **state)
{
	for (int i = 0; i < MANY / 4; i++)
	{
		int64_t first = (int64_t) (next() % 6) - 1;
		size_t f = first < 0 ? 0 : (size_t) first;
		char value[1024];
		const char *out;
		Made m;

		/* letters of domains are not in the local part */
		do
			make(&m, i % 2 == 1, POOL);
		while (m.n == 0);
		snprintf(value, sizeof(value), "%s@EXAMPLE.COM", m.bytes);
		out = email(value, first, "***", true);
		if (strlen(value) > LH_MASK_MAX_EMAIL)
			continue;
		assert_string_not_equal(out, value);
		assert_true(strlen(out) >= 15 && strcmp(out + strlen(out) - 15, "***@EXAMPLE.COM") == 0);
		for (size_t k = m.n > f ? f : 0; k < m.n; k++)
		{
			char character[64];

			snprintf(character, sizeof(character), "%.*s", (int) (m.at[k + 1] - m.at[k]),
					 m.bytes + m.at[k]);
			assert_null(strstr(out, character));
		}
	}
}

static const char *
phone(const char *value, int64_t last, const char *fill)
{
	LhMaskForm form;

	return shown(lh_mask_phone(s(value), last, s(fill), LH_MASK_UTF8, &form), &form);
}

static const char *
card(const char *value, int64_t first, const char *fill, int64_t last)
{
	LhMaskForm form;

	return shown(lh_mask_card(s(value), first, s(fill), last, LH_MASK_UTF8, &form), &form);
}

static void
numbers_keep_their_form(void **state)
{
	assert_string_equal(phone("+49 (89) 1234-567", 4, "X"), "+XX (XX) XXX4-567");
	assert_string_equal(phone("1234567", 4, "\u2022"), "\u2022\u2022\u20224567");
	assert_string_equal(phone("1234567", 0, "X"), "XXXXXXX");
	assert_string_equal(phone("1234567", INT64_MIN, "X"), "XXXXXXX");
	assert_string_equal(phone("123456", 4, "X"), "<short>");
	assert_string_equal(phone("123456", INT64_MAX, "X"), "<short>");
	assert_string_equal(phone("", 0, "X"), "<short>");
	assert_string_equal(
		phone("12345678901234567890123456789012345678901234567890123456789012345", 4, "X"),
		"<long>");
	assert_string_equal(phone("1+234567", 4, "X"), "<form>");
	assert_string_equal(phone("1234567x", 4, "X"), "<form>");
	assert_string_equal(phone("\uff11\uff12\uff13\uff14\uff15\uff16\uff17", 4, "X"), "<form>");
	assert_string_equal(phone("0004567", 4, "0"), "<same>");
	for (const char **p = (const char *[]){"", "XX", "\xff", "\xe2\x82", "e\u0301", NULL};
		 *p != NULL; p++)
		assert_string_equal(phone("1234567", 4, *p), "<argument>");

	assert_string_equal(card("4111 1111 1111 1234", 6, "X", 4), "4111 11XX XXXX 1234");
	assert_string_equal(card("4111111111111234", INT64_MAX, "X", INT64_MAX), "41111111XXXX1234");
	assert_string_equal(card("371449635398431", 8, "X", 4), "371449XXXXX8431");
	assert_string_equal(card("411111111111", 8, "X", 4), "4111XXXX1111");
	assert_string_equal(card("4111111111111", 6, "X", 4), "41111XXXX1111");
	assert_string_equal(card("41111111111", 6, "X", 4), "<form>");
	assert_string_equal(card("41111111111111111111", 6, "X", 4), "<form>");
	assert_string_equal(card("4111.1111.1111.1234", 6, "X", 4), "<form>");
	assert_string_equal(card("4111110000001234", 6, "0", 4), "<same>");
}

/* Each digit is kept where it was or is the fill, and never more are kept than may be. */
static void
digits_are_kept_or_hidden(void **state)
{
	for (int i = 0; i < MANY; i++)
	{
		char value[64];
		size_t n = 0, len = 0, kept = 0, hidden = 0, allowed;
		bool is_card = i % 2 == 1;
		int64_t first = (int64_t) (next() % 12) - 1, last = (int64_t) (next() % 8) - 1;
		const char *out;

		while (n < (is_card ? 12 + next() % 8 : 1 + next() % 20))
		{
			value[len++] = (char) ('0' + next() % 10);
			n++;
			if (next() % 4 == 0)
				value[len++] = next() % 2 ? ' ' : '-';
		}
		value[len] = '\0';
		out = is_card ? card(value, first, "#", last) : phone(value, last, "#");
		allowed = is_card ? (n >= 16 ? 8 : 6) + 4 : last < 0 ? 0 : (size_t) last;
		if (out[0] == '<')
		{
			assert_true(is_card ? n > 19 : n < allowed + LH_MASK_PHONE_HIDDEN);
			continue;
		}
		assert_int_equal(strlen(out), len);
		for (size_t k = 0; k < len; k++)
		{
			assert_true(out[k] == value[k] ||
						(out[k] == '#' && value[k] >= '0' && value[k] <= '9'));
			kept += out[k] >= '0' && out[k] <= '9';
			hidden += out[k] == '#';
		}
		assert_true(kept <= allowed &&
					hidden >= (is_card ? LH_MASK_CARD_HIDDEN : LH_MASK_PHONE_HIDDEN));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(partial_keeps_the_ends),
		cmocka_unit_test(nothing_hidden_gets_through_partial),
		cmocka_unit_test(email_keeps_the_first_and_the_domain),
		cmocka_unit_test(nothing_hidden_gets_through_email),
		cmocka_unit_test(numbers_keep_their_form),
		cmocka_unit_test(digits_are_kept_or_hidden),
	};

	return cmocka_run_group_tests_name("mask_text", tests, NULL, NULL);
}
