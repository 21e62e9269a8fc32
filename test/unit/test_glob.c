/*
 * test_glob.c
 *		Glob patterns: what they match, against a slow obvious matcher, and that
 *		no pattern takes long.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "store/local.h"

typedef struct Case
{
	const char *pattern;
	const char *path;
	bool match;
} Case;

static void
check(const Case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (lh_glob_match(cases[i].pattern, cases[i].path) != cases[i].match)
			fail_msg("\"%s\" should %smatch \"%s\"", cases[i].pattern, cases[i].match ? "" : "not ",
					 cases[i].path);
}
#define CHECK(cases) check(cases, sizeof(cases) / sizeof((cases)[0]))

static void
star_and_question_mark_stay_in_a_component(void **state)
{
	static const Case cases[] = {
		{"/a/*", "/a/b", true},
		{"/a/*", "/a/b/c", false},
		{"/a/*", "/a/", true},
		{"/a/*.parquet", "/a/x.parquet", true},
		{"/a/*.parquet", "/a/x.csv", false},
		{"/*/b", "/a/b", true},
		{"/*/b", "/a/x/b", false},
		{"/a?c", "/abc", true},
		{"/a?c", "/a/c", false},
		{"/a?c", "/ac", false},
		{"/a?c",
		 "/a\xc3\xa9"
		 "c",
		 true}, /* a character, not a byte */
		{"/a?c",
		 "/a\xff"
		 "c",
		 true}, /* what is no UTF-8 counts by the byte */
		{"/a??c",
		 "/a\xc3\xa9"
		 "c",
		 false},
		{"/***", "/abc", true},
		{"/a***b", "/axxb", true},
		{"/a**b", "/a/b", false},
		{"", "", true},
		{"", "a", false},
		{"*", "", true},
	};

	CHECK(cases);
}

static void
sets_match_one_character(void **state)
{
	static const Case cases[] = {
		{"[a-c]", "b", true},
		{"[a-c]", "d", false},
		{"[!a-c]", "d", true},
		{"[!a-c]", "b", false},
		{"[^a]", "b", true},
		{"[^a]", "a", false},
		{"[!a]", "/", false},
		{"[.-0]", "/", false},
		{"[]a]", "]", true},
		{"[]a]", "a", true},
		{"[!]a]", "]", false},
		{"[a-]", "-", true},
		{"[-a]", "-", true},
		{"[\\]]", "]", true},
		{"[a\\-c]", "b", false},
		{"[c-a]", "b", false},
		{"[\xc3\xa0-\xc3\xbf]", "\xc3\xa9", true},
		{"[\xc3\xa0-\xc3\xbf]", "a", false},
		{"[ab][cd]", "bd", true},
		{"[*]", "*", true},
		{"[*]", "x", false},
		{"a[b", "a[b", true},
		{"[", "[", true},
		{"[]", "[]", true},
		{"[!", "[!", true},
		{"[a/b]", "[a/b]", true},
		{"[a/b]", "a", false},
		{"[a-", "[a-", true},
	};

	CHECK(cases);
}

static void
braces_give_alternatives(void **state)
{
	static const Case cases[] = {
		{"{a,b}", "a", true},
		{"{a,b}", "b", true},
		{"{a,b}", "c", false},
		{"x{a,}y", "xy", true},
		{"x{a,b{c,d}}y", "xbdy", true},
		{"x{a,b{c,d}}y", "xby", false},
		{"/d/{2023/01,2024/*}/f", "/d/2024/12/f", true},
		{"/d/{2023/01,2024/*}/f", "/d/2023/02/f", false},
		{"{*.a,*.b}", "x.b", true},
		{"{a}", "a", true},
		{"{}", "", true},
		{"{a\\,b,c}", "a,b", true},
		{"{a\\,b,c}", "a", false},
		{"{a\\},b}", "a}", true},
		{"a,b", "a,b", true},
		{"{a,b", "{a,b", true},
		{"a}", "a}", true},
		{"{a,{b}", "{a,b", true},
		{"{a,b}}", "a}", true},
		{"{a,b}{c,d}", "bc", true},
		{"{a,b}{c,d}", "ba", false},
		{"{[ab],c}x", "bx", true},
	};

	CHECK(cases);
}

static void
two_stars_cross_directories(void **state)
{
	static const Case cases[] = {
		{"/a/**/b", "/a/b", true},
		{"/a/**/b", "/a/x/b", true},
		{"/a/**/b", "/a/x/y/b", true},
		{"/a/**/b", "/ab", false},
		{"/a/**/b", "/a/xb", false},
		{"/a/**", "/a/x", true},
		{"/a/**", "/a/x/y", true},
		{"/a/**", "/a/", false},
		{"/a/**", "/a", false},
		{"**/b", "b", true},
		{"**/b", "a/b", true},
		{"/**/*.p", "/x.p", true},
		{"/**/*.p", "/a/b/x.p", true},
		{"/a/**/**/b", "/a/b", true},
		{"/a/**/x/**/b", "/a/1/x/2/3/b", true},
		{"/a/**/x/**/b", "/a/1/2/b", false},
		{"/a/{**,c}/b", "/a/x/y/b", true},
	};

	CHECK(cases);
}

static void
a_backslash_takes_the_meaning_away(void **state)
{
	static const Case cases[] = {
		{"\\*", "*", true},   {"\\*", "a", false},        {"\\\\", "\\", true},
		{"a\\", "a\\", true}, {"\\{a,b}", "{a,b}", true}, {"\\[a]", "[a]", true},
		{"\\a", "a", true},
	};

	CHECK(cases);
}

static bool
guarded(const char *pattern, const char *path)
{
	LhCtx *ctx = lh_ctx_create();
	LhGlob *glob;
	uint64_t *set;
	bool match;

	assert_int_equal(lh_glob_compile(ctx, pattern, true, &glob), LH_OK);
	set = lh_alloc_array(ctx, lh_glob_words(glob), sizeof(*set));
	lh_glob_start(glob, set);
	lh_glob_feed(glob, set, path, strlen(path), true, set);
	match = lh_glob_accepts(glob, set);
	lh_ctx_destroy(ctx);
	return match;
}

static void
hidden_names_are_matched_only_when_named(void **state)
{
	assert_false(guarded("/a/*", "/a/.x"));
	assert_false(guarded("/a/*", "/a/_x"));
	assert_false(guarded("/a/?x", "/a/_x"));
	assert_false(guarded("/a/[_a]x", "/a/_x"));
	assert_false(guarded("/a/**", "/a/_d/x"));
	assert_false(guarded("/a/**/x", "/a/.d/x"));
	assert_false(guarded("/a/**", "/a/d/.x"));
	assert_true(guarded("/a/_*", "/a/_x"));
	assert_true(guarded("/a/{.,}x", "/a/.x"));
	assert_true(guarded("/a/_d/*", "/a/_d/x"));
	assert_true(guarded("/a/*", "/a/x_y.z"));
	assert_true(guarded("/a/**", "/a/d_/x.y"));
}

/*
 * The slow matcher: braces are written out, then each pattern is tried.
 */

static bool
slow_simple(const char *p, const char *s, bool edge)
{
	if (*p == '\0')
		return *s == '\0';
	if (edge && strncmp(p, "**", 2) == 0 && (p[2] == '/' || p[2] == '\0'))
	{
		bool last = p[2] == '\0';

		if (!last && slow_simple(p + 3, s, true))
			return true;
		if (*s == '\0' || *s == '/')
			return false;
		for (; *s != '\0' && *s != '/'; s++)
			;
		if (last && *s == '\0')
			return true;
		return *s == '/' && slow_simple(p, s + 1, true);
	}
	if (*p == '*')
	{
		do
		{
			if (slow_simple(p + 1, s, false))
				return true;
		} while (*s != '\0' && *s++ != '/');
		return false;
	}
	if (*s == '\0')
		return false;
	if (*p == '?')
		return *s != '/' && slow_simple(p + 1, s + 1, false);
	if (*p == '[')
	{
		bool neg = p[1] == '!', in = false;

		for (p += 1 + neg; *p != ']'; p++)
			in |= *p == *s;
		return *s != '/' && in != neg && slow_simple(p + 1, s + 1, false);
	}
	return *p == *s && slow_simple(p + 1, s + 1, *p == '/');
}

static bool
slow_match(const char *p, const char *s)
{
	const char *open = strchr(p, '{'), *part, *q;
	int depth = 0;

	if (open == NULL)
		return slow_simple(p, s, true);
	for (q = open; *q != '}' || depth != 1; q++)
		depth += (*q == '{') - (*q == '}');
	for (part = open + 1, depth = 0;; part++)
	{
		char one[256];
		const char *end = part;

		for (depth = 0; end < q && !(*end == ',' && depth == 0); end++)
			depth += (*end == '{') - (*end == '}');
		snprintf(one, sizeof(one), "%.*s%.*s%s", (int) (open - p), p, (int) (end - part), part,
				 q + 1);
		if (slow_match(one, s))
			return true;
		part = end;
		if (part >= q)
			return false;
	}
}

static int
pick(int n)
{
	return rand() % n;
}

static size_t
random_pattern(char *out, int pieces, int depth)
{
	size_t n = 0;

	for (int i = 0; i < pieces; i++)
		switch (pick(depth < 2 ? 9 : 8))
		{
			case 0: out[n++] = '*'; break;
			case 1: out[n++] = '?'; break;
			case 2:
				n += (size_t) sprintf(out + n, "[%s%s]", pick(2) ? "!" : "", pick(2) ? "a" : "ab");
				break;
			case 3: out[n++] = '/'; break;
			case 4:
				/* whole components only: what ** beside a brace means is no promise */
				n += (size_t) sprintf(out + n, depth == 0 ? "/**/" : "b");
				break;
			case 8:
				out[n++] = '{';
				for (int k = 1 + pick(3); k > 0; k--)
				{
					n += random_pattern(out + n, pick(3), depth + 1);
					out[n++] = k > 1 ? ',' : '}';
				}
				break;
			default: out[n++] = "ab"[pick(2)];
		}
	out[n] = '\0';
	return n;
}

static void
random_patterns_match_as_the_slow_matcher_says(void **state)
{
	int matches = 0;

	srand(42);
	for (int i = 0; i < 100000; i++)
	{
		char pattern[256], path[16];
		int n = pick(9);
		bool expected;

		random_pattern(pattern, 1 + pick(6), 0);
		/* stars that braces or pieces put side by side are no promise either */
		if (strstr(pattern, "/**/*") || strstr(pattern, "**/**") || strstr(pattern, "*{") ||
			strstr(pattern, "}*") || strstr(pattern, "***") || strstr(pattern, ",**") ||
			strstr(pattern, "{**") || strstr(pattern, "}{"))
			continue;
		for (int k = 0; k < n; k++)
			path[k] = "aab/"[pick(4)];
		path[n] = '\0';
		expected = slow_match(pattern, path);
		matches += expected;
		if (lh_glob_match(pattern, path) != expected)
			fail_msg("\"%s\" should %smatch \"%s\"", pattern, expected ? "" : "not ", path);
	}
	assert_true(matches > 3000);
}

/* Removal proof: a backtracking or expanding matcher would take years for these. */
static void
glob_bombs_are_harmless(void **state)
{
	static char pattern[LH_PATH_MAX + 1], path[LH_PATH_MAX];
	clock_t start = clock();
	size_t n = 0;

	memset(path, 'a', sizeof(path) - 1);
	while (n + 2 < 400)
		n += (size_t) sprintf(pattern + n, "*a");
	strcpy(pattern + n, "b");
	assert_false(lh_glob_match(pattern, path));

	for (n = 0; n + 5 < 2000;)
		n += (size_t) sprintf(pattern + n, "{a,a}");
	strcpy(pattern + n, "b");
	assert_false(lh_glob_match(pattern, path));

	for (n = 0; n + 5 < 400;)
		n += (size_t) sprintf(pattern + n, "**/a/");
	strcpy(pattern + n, "b");
	for (size_t i = 1; i < sizeof(path) - 1; i += 2)
		path[i] = '/';
	assert_false(lh_glob_match(pattern, path));

	memset(pattern, '{', LH_PATH_MAX);
	pattern[LH_PATH_MAX] = '\0';
	assert_false(lh_glob_match(pattern, path));
	memset(pattern + LH_PATH_MAX / 2, '}', LH_PATH_MAX / 2);
	assert_false(lh_glob_match(pattern, path));
	memset(pattern, '[', LH_PATH_MAX);
	assert_false(lh_glob_match(pattern, path));
	assert_true((clock() - start) / CLOCKS_PER_SEC < 20);
}

static void
long_patterns_are_refused(void **state)
{
	LhCtx *ctx = lh_ctx_create();
	LhGlob *glob;
	char *pattern = calloc(1, LH_PATH_MAX + 2);

	memset(pattern, '*', LH_PATH_MAX + 1);
	assert_int_equal(lh_glob_compile(ctx, pattern, false, &glob), LH_LIMIT);
	free(pattern);
	lh_ctx_destroy(ctx);
}

static void
the_walk_starts_at_the_last_plain_directory(void **state)
{
	assert_int_equal(lh_glob_static_prefix("/a/b/*.p"), 5);
	assert_int_equal(lh_glob_static_prefix("/a/b*/c"), 3);
	assert_int_equal(lh_glob_static_prefix("/a/\\*/c?"), 6);
	assert_int_equal(lh_glob_static_prefix("/{a,b}/c"), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(star_and_question_mark_stay_in_a_component),
		cmocka_unit_test(sets_match_one_character),
		cmocka_unit_test(braces_give_alternatives),
		cmocka_unit_test(two_stars_cross_directories),
		cmocka_unit_test(a_backslash_takes_the_meaning_away),
		cmocka_unit_test(hidden_names_are_matched_only_when_named),
		cmocka_unit_test(random_patterns_match_as_the_slow_matcher_says),
		cmocka_unit_test(glob_bombs_are_harmless),
		cmocka_unit_test(long_patterns_are_refused),
		cmocka_unit_test(the_walk_starts_at_the_last_plain_directory),
	};

	return cmocka_run_group_tests_name("glob", tests, NULL, NULL);
}
