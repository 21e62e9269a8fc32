/*
 * test_audit_fingerprint.c
 *		Fingerprints of statements: what is equal, what is not, and that no literal is in one.
 */
#include "unit/crypto_check.h"

#include "audit/fingerprint.h"

/* Exactly as long, so that a sanitizer sees an overrun. */
static uint64_t
of_bytes(const char *text, size_t len)
{
	char *p = malloc(len > 0 ? len : 1);
	uint64_t hash;

	memcpy(p, text, len);
	hash = lh_audit_fingerprint(p, len);
	free(p);
	return hash;
}

static uint64_t
of(const char *text)
{
	return of_bytes(text, strlen(text));
}

typedef struct Pair
{
	const char *a, *b;
} Pair;

static void
check_equal(const Pair *pairs, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		if (of(pairs[i].a) != of(pairs[i].b))
			fail_msg("differ: %s -- %s", pairs[i].a, pairs[i].b);
	}
}

static void
check_differ(const Pair *pairs, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		if (of(pairs[i].a) == of(pairs[i].b))
			fail_msg("equal: %s -- %s", pairs[i].a, pairs[i].b);
	}
}

#define EQUAL(pairs)  check_equal(pairs, sizeof(pairs) / sizeof((pairs)[0]))
#define DIFFER(pairs) check_differ(pairs, sizeof(pairs) / sizeof((pairs)[0]))

static void
literals_are_left_out(void **state)
{
	static const char *const literals[] = {"1",
										   "23456789",
										   "1.5",
										   ".5",
										   "5.",
										   "1e10",
										   "1.5E-3",
										   "2e+7",
										   "0x1F",
										   "0b101",
										   "0o17",
										   "1_000",
										   "''",
										   "'x'",
										   "'it''s'",
										   "'a' \n 'b'",
										   "'a' -- said\n 'b'",
										   "E'x'",
										   "e'\\''",
										   "E'\\\\'",
										   "E'a\\'b'\n'c\\'d'",
										   "U&'d\\0061t'",
										   "u&'x''y'",
										   "B'101'",
										   "b''",
										   "X'1F'",
										   "x'1f'",
										   "N'x'",
										   "n'x'",
										   "$$x$$",
										   "$$$$",
										   "$a$x$$y$a$",
										   "$a$ $b$ $b$a$",
										   "$_1$'$_1$",
										   "'\\'",
										   "-1",
										   "+ 1",
										   "- /* */ 1",
										   "TRUE",
										   "false",
										   "NULL",
										   "'C:\\dir'",
										   "'\\\\'"};
	char text[200];
	uint64_t want = of("SELECT a FROM t WHERE b = 1 AND c");

	(void) state;
	for (size_t i = 0; i < sizeof(literals) / sizeof(literals[0]); i++)
	{
		/* means one thing or another by a setting: the fingerprint ends there */
		if (strcmp(literals[i], "'\\'") == 0)
			continue;
		snprintf(text, sizeof(text), "SELECT a FROM t WHERE b = %s AND c", literals[i]);
		if (of(text) != want)
			fail_msg("not left out: %s", literals[i]);
		/* at the very end */
		snprintf(text, sizeof(text), "SELECT %s", literals[i]);
		if (of(text) != of("SELECT 1"))
			fail_msg("not left out at the end: %s", literals[i]);
	}
}

static void
the_look_of_a_text_does_not_matter(void **state)
{
	static const Pair pairs[] = {
		{"SELECT a FROM t", "select\n\tA\r\nfrom\fT ;"},
		{"SELECT a FROM t", "/* who /* nested */ knows */ SELECT--\na FROM t--"},
		{"SELECT a+b FROM t", "SELECT a + b FROM t"},
		{"SELECT a=-1", "SELECT a = 5"},
		{"SELECT a<-1", "SELECT a < - 5"},
		{"SELECT a-1", "SELECT a - 2"},
		{"SELECT a-/* */1", "SELECT a - 2"},
		{"SELECT a+/*+*/b", "SELECT a + b"},
		{"SELECT a FROM t WHERE b = $1", "SELECT a FROM t WHERE b=$22"},
		{"SELECT a[1:2]", "SELECT a [ 3 : 4 ]"},
		{"SELECT 1..2", "SELECT 3 .. 4"},
		{"SELECT date'2020-01-01'", "SELECT DATE '1999-01-01'"},
	};

	(void) state;
	EQUAL(pairs);
}

static void
words_are_told_apart(void **state)
{
	static const Pair pairs[] = {
		{"SELECT a FROM t", "SELECT b FROM t"},
		{"SELECT a FROM t", "SELECT a FROM u"},
		{"SELECT ab FROM t", "SELECT a b FROM t"},
		{"SELECT \"A\" FROM t", "SELECT \"a\" FROM t"},
		{"SELECT \"a b\" FROM t", "SELECT \"a\" b FROM t"},
		{"SELECT \"a\"\"b\"", "SELECT \"a\" \"b\""},
		{"SELECT \"--\" FROM t", "SELECT \"--\" FROM u"},
		{"SELECT a$1 FROM t", "SELECT a$2 FROM t"},
		{"SELECT a, b FROM t", "SELECT b, a FROM t"},
		{"SELECT a + b", "SELECT a - b"},
		{"SELECT a + 1", "SELECT a - 1"},
		{"SELECT a - 1", "SELECT a, - 1"},
		{"SELECT a < 1", "SELECT a <= 1"},
		{"SELECT f(1)", "SELECT f(1, 1)"},
		{"SELECT a WHERE b = $1", "SELECT a WHERE b = 1"},
		{"SELECT a WHERE b IS NULL", "SELECT a WHERE b IS NOT NULL"},
		{"SELECT a WHERE b IS TRUE", "SELECT a WHERE b IS FALSE"},
		{"SELECT a WHERE b IS NOT TRUE", "SELECT a WHERE b IS NOT FALSE"},
		{"SELECT a WHERE (b) c", "SELECT a WHERE (b c)"},
		{"SELECT \xc3\xa4", "SELECT \xc3\xb6"},
		{"SELECT 'x' COLLATE \"C\"", "SELECT 'x' COLLATE \"D\""},
		{"SELECT U&\"d\\0061t\"", "SELECT U&\"d\\0062t\""},
		{"SELECT a FROM t WHERE 'it''s' = b", "SELECT a FROM t WHERE 'it''s' = c"},
		{"SELECT 'a' /* x */, b", "SELECT 'a' /* x */, c"},
		{"SELECT $$'$$, b", "SELECT $$'$$, c"},
		{"SELECT E'\\'', b", "SELECT E'\\'', c"},
		{"SELECT '\\\\', b", "SELECT '\\\\', c"},
		{"SELECT 0x1e+b", "SELECT 0x1e+c"},
	};

	(void) state;
	DIFFER(pairs);
}

/* NOT b is an operator, b IS NOT ... is one; what NOT stands before is a literal. */
static void
constants_that_are_words_are_literals(void **state)
{
	static const Pair pairs[] = {
		{"SELECT a WHERE b = TRUE", "SELECT a WHERE b = FALSE"},
		{"SELECT a WHERE NOT TRUE", "SELECT a WHERE NOT FALSE"},
		{"SELECT a WHERE b IS DISTINCT FROM NULL", "SELECT a WHERE b IS DISTINCT FROM 'x'"},
		{"UPDATE t SET a = NULL", "UPDATE t SET a = 5"},
		{"SELECT f(NULL, TRUE)", "SELECT f('x', 7)"},
	};

	(void) state;
	EQUAL(pairs);
}

static void
a_sign_is_part_of_its_number(void **state)
{
	static const char *const behind[] = {"SELECT",
										 "SELECT a WHERE b =",
										 "SELECT f(",
										 "SELECT a,",
										 "SELECT a[",
										 "SELECT a LIMIT",
										 "SELECT a OFFSET",
										 "SELECT a WHERE b BETWEEN",
										 "SELECT a WHERE b BETWEEN 1 AND",
										 "SELECT CASE WHEN",
										 "SELECT CASE WHEN b THEN",
										 "SELECT CASE WHEN b THEN 1 ELSE",
										 "SELECT a WHERE b IN (",
										 "INSERT INTO t VALUES (",
										 "SELECT a WHERE b >",
										 "SELECT a ORDER BY",
										 "INSERT INTO t VALUES (1,"};
	char positive[100], negative[100];

	(void) state;
	for (size_t i = 0; i < sizeof(behind) / sizeof(behind[0]); i++)
	{
		snprintf(positive, sizeof(positive), "%s 5", behind[i]);
		snprintf(negative, sizeof(negative), "%s -5", behind[i]);
		if (of(positive) != of(negative))
			fail_msg("the sign is seen: %s", negative);
	}
}

static void
lists_are_folded(void **state)
{
	static const Pair equal[] = {
		{"SELECT a WHERE b IN (1)", "SELECT a WHERE b IN (1, 2, 3, -4, 'x', NULL)"},
		{"SELECT a WHERE b NOT IN ($1)", "SELECT a WHERE b NOT IN ($1, $2, $3)"},
		{"SELECT a WHERE b IN ($1) AND c = $2", "SELECT a WHERE b IN ($1, $2) AND c = $3"},
		{"SELECT a WHERE (b, c) IN ((1, 2))", "SELECT a WHERE (b, c) IN ((1, 2), (3, 4), (5, 6))"},
		{"SELECT ARRAY[1]", "SELECT ARRAY[1, 2, 3]"},
		{"SELECT ARRAY[[1, 2], [3, 4]]", "SELECT ARRAY[[1]]"},
		{"SELECT ARRAY['a'::text]", "SELECT ARRAY['a'::text, 'b'::text]"},
		{"INSERT INTO t (a, b) VALUES (1, 'x')",
		 "INSERT INTO t (a, b) VALUES (1, 'x'), (NULL, 'y'), (-3, 'z')"},
		{"INSERT INTO t VALUES (1, now())", "INSERT INTO t VALUES (1, now()), (2, now())"},
		{"INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING",
		 "INSERT INTO t VALUES (1), (2) ON CONFLICT DO NOTHING"},
		{"INSERT INTO t VALUES (1), (DEFAULT)",
		 "INSERT INTO t VALUES (1), (DEFAULT), (2), (3), (DEFAULT)"},
		{"SELECT * FROM (VALUES (1, ARRAY[1])) v",
		 "SELECT * FROM (VALUES (1, ARRAY[1, 2]), (3, ARRAY[5])) v"},
		{"SELECT a WHERE b IN (VALUES (1)) AND c IN (1)",
		 "SELECT a WHERE b IN (VALUES (1), (2)) AND c IN (1, 2)"},
	};
	static const Pair different[] = {
		{"SELECT a WHERE b IN (1)", "SELECT a WHERE b IN (c)"},
		{"SELECT a WHERE b IN (1, c)", "SELECT a WHERE b IN (1, d)"},
		{"SELECT a WHERE b IN (1) AND c", "SELECT a WHERE b IN (1) AND d"},
		{"SELECT a WHERE b IN (1) AND c", "SELECT a WHERE b IN (1) OR c"},
		{"SELECT a WHERE b IN (1), c", "SELECT a WHERE b IN (1)"},
		{"SELECT a WHERE b IN (SELECT c FROM t)", "SELECT a WHERE b IN (SELECT c FROM u)"},
		{"SELECT a WHERE b IN (SELECT c FROM t) AND d",
		 "SELECT a WHERE b IN (SELECT c FROM t) AND e"},
		{"INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (1, 2)"},
		{"INSERT INTO t VALUES (1) RETURNING a", "INSERT INTO t VALUES (1) RETURNING b"},
		{"INSERT INTO t VALUES (1) RETURNING a, a", "INSERT INTO t VALUES (1) RETURNING a"},
		{"INSERT INTO t VALUES (now())", "INSERT INTO t VALUES (today())"},
		{"SELECT * FROM (VALUES (1)) v, t", "SELECT * FROM (VALUES (1)) v, u"},
		{"SELECT b[1]", "SELECT b(1)"},
	};

	(void) state;
	EQUAL(equal);
	DIFFER(different);
}

/* Lists deeper than those that are folded, and shapes beyond those that are kept, are still bounded and told apart from others. */
static void
lists_within_lists(void **state)
{
	char deep[400] = "SELECT a WHERE ", one[1000] = "SELECT a WHERE b IN (", two[1000];

	(void) state;
	for (int i = 0; i < 40; i++)
		strcat(deep, "b IN (");
	assert_true(of(deep) != 0);
	assert_int_equal(of(deep), of(deep));
	for (int i = 0; i < 40; i++)
		snprintf(one + strlen(one), sizeof(one) - strlen(one), "f%d(1), ", i);
	snprintf(two, sizeof(two), "%s1) AND c", one);
	strcat(one, "g(1), 1) AND c");
	assert_int_equal(of(one), of(two));
}

/*
 * Whatever stands in a literal: of any text the fingerprint is that of a text whose literals' bytes are others.  Among them
 * all that a lexer could stumble over.
 */
static void
what_is_in_a_literal_is_never_seen(void **state)
{
	static const char *const contents[] = {"secret",
										   "a -- b",
										   "a /* b",
										   "*/",
										   "$$",
										   "$a$",
										   "\"",
										   "a;b",
										   "IN (1, 2)",
										   "(((",
										   ")))",
										   "1, 2",
										   "VALUES (1), (2)",
										   "\xff\xfe",
										   "\1\2\3",
										   "\n\n",
										   "E",
										   "?"};
	static const char *const shapes[] = {"SELECT a WHERE b = '%s' AND c",
										 "SELECT a WHERE b = E'%s' AND c",
										 "SELECT a WHERE b = $x$%s$x$ AND c",
										 "SELECT a WHERE b IN ('%s', E'\\'%s') AND c",
										 "SELECT '%s'",
										 "SELECT '%s",
										 "SELECT E'%s",
										 "SELECT $x$%s",
										 "SELECT '\\'%s' , b",
										 "SELECT 'a\\\\\\'%s', '%s'",
										 "SELECT E'a\\\\\\'%s', c",
										 "INSERT INTO t VALUES ('%s', $x$%s$x$), ('%s"};
	char a[400], b[400];

	(void) state;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
	{
		snprintf(a, sizeof(a), shapes[i], "x", "x", "x");
		for (size_t j = 0; j < sizeof(contents) / sizeof(contents[0]); j++)
		{
			snprintf(b, sizeof(b), shapes[i], contents[j], contents[j], contents[j]);
			if (of(a) != of(b))
				fail_msg("seen: %s", b);
		}
	}
}

/* With standard_conforming_strings the first text has a literal and a name, without it one literal: the name may be a secret. */
static void
what_depends_on_a_setting_ends_it(void **state)
{
	static const Pair equal[] = {
		{"SELECT '\\', secret, '\\''", "SELECT '\\', other, '\\''"},
		{"SELECT 'a\\' || 'secret'", "SELECT 'a\\' || 'other'"},
		{"SELECT n'a\\' || 'secret'", "SELECT n'a\\' || 'other'"},
		{"SELECT 'a\\\\\\' || x", "SELECT '\\' || y"},
		{"SELECT N'\\' || x", "SELECT n'\\' || y"},
		{"SELECT 'a'\n'\\' || x", "SELECT 'a'\n'\\' || y"},
	};
	static const Pair different[] = {
		{"SELECT a, '\\'", "SELECT b, '\\'"},
		{"SELECT '\\\\' || x", "SELECT '\\\\' || y"},
		{"SELECT E'\\'' || x", "SELECT E'\\'' || y"},
		/* no setting changes them */
		{"SELECT B'\\' || x", "SELECT B'\\' || y"},
		{"SELECT U&'\\' || x", "SELECT U&'\\' || y"},
	};

	(void) state;
	EQUAL(equal);
	DIFFER(different);
}

static void
what_is_no_statement_ends_it(void **state)
{
	static const Pair equal[] = {
		{"SELECT a \\ b", "SELECT a \\ c"},     {"SELECT a 'b", "SELECT a 'c"},
		{"SELECT a \"b", "SELECT a \"c"},       {"SELECT a /* b", "SELECT a /* c /* */"},
		{"SELECT a $b$ c", "SELECT a $d$ e $"}, {"SELECT a \1 b", "SELECT a \1 c"},
		{"SELECT a U&\"b", "SELECT a U&\"c"},
	};

	(void) state;
	EQUAL(equal);
	assert_int_equal(of(""), 0);
	assert_int_equal(of(" /* only */ -- this\n;"), 0);
	assert_int_equal(of_bytes("SELECT a\0b", 10), of_bytes("SELECT a\0c", 10));
	assert_int_equal(of(")))]] SELECT a"), of(") ) ) ] ] select A"));
}

/* Where the buffer is hashed does not depend on how something was written. */
static void
long_texts_have_one_form(void **state)
{
	for (int pad = 0; pad < 300; pad++)
	{
		static const char *const forms[] = {"'x'", "E'x'", "NULL", "-1", "U&'x'", "$$x$$", "n'x'"};
		char text[700], want[700];

		(void) state;
		snprintf(want, sizeof(want), "SELECT \"%0*d\", 1, a.b", pad + 1, 0);
		for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		{
			snprintf(text, sizeof(text), "SELECT \"%0*d\",  %s , A . b", pad + 1, 0, forms[i]);
			if (of(text) != of(want))
				fail_msg("%s", text);
		}
	}
}

static void
cost_is_bounded(void **state)
{
	size_t n = 10 << 20;
	char *text = malloc(n);
	uint64_t first;

	(void) state;
	memcpy(text, "INSERT INTO t VALUES ", 21);
	for (size_t i = 21; i < n; i++)
		text[i] = "(1,'x'),"[(i - 21) % 8];
	/* the row that the bound cuts is left out: as many rows as there are, one fingerprint */
	assert_int_equal(lh_audit_fingerprint(text, n), of("INSERT INTO t VALUES (2, 'y')"));
	for (size_t i = 0; i < n; i++)
		text[i] = i % 2 == 0 ? 'a' : ' ';
	first = lh_audit_fingerprint(text, n);
	assert_true(first != 0);
	memset(text + LH_AUDIT_FINGERPRINT_MOST, 'b', n - LH_AUDIT_FINGERPRINT_MOST);
	assert_int_equal(lh_audit_fingerprint(text, n), first);
	text[LH_AUDIT_FINGERPRINT_MOST - 2] = 'b';
	assert_true(lh_audit_fingerprint(text, n) != first);
	memset(text, '(', n);
	(void) lh_audit_fingerprint(text, n);
	memset(text, '\'', n);
	(void) lh_audit_fingerprint(text, n);
	free(text);
}

/* Logs are kept for years: what is one statement today is one tomorrow. */
static void
known_answers(void **state)
{
	(void) state;
	assert_string_equal(LH_AUDIT_FINGERPRINT_PREFIX, "t1-");
	assert_int_equal(of("SELECT abalance FROM pgbench_accounts WHERE aid = 12345;"),
					 UINT64_C(0x10a16736af5e03b9));
	assert_int_equal(of("INSERT INTO t (a, b) VALUES (1, 'x'), (2, 'y') ON CONFLICT DO NOTHING"),
					 UINT64_C(0xab75e096f5456136));
	assert_int_equal(of("SELECT count(*) FROM \"T\" WHERE a IN ($1, $2) AND b IS NOT NULL"),
					 UINT64_C(0x44a427e3aa7a1ef8));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(literals_are_left_out),
		cmocka_unit_test(the_look_of_a_text_does_not_matter),
		cmocka_unit_test(words_are_told_apart),
		cmocka_unit_test(constants_that_are_words_are_literals),
		cmocka_unit_test(a_sign_is_part_of_its_number),
		cmocka_unit_test(lists_are_folded),
		cmocka_unit_test(lists_within_lists),
		cmocka_unit_test(what_is_in_a_literal_is_never_seen),
		cmocka_unit_test(what_depends_on_a_setting_ends_it),
		cmocka_unit_test(what_is_no_statement_ends_it),
		cmocka_unit_test(long_texts_have_one_form),
		cmocka_unit_test(cost_is_bounded),
		cmocka_unit_test(known_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
