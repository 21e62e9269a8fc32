/*
 * test_like.c
 *		LIKE against PostgreSQL's algorithm (test_like_postgres.h).
 */
#include "test_vec_gen.h"
#include "test_like_postgres.h"

#include "vec/like.h"
#include "vec/pred.h"

static bool
compiled(LhCtx *ctx, LhStr s, LhStr p, bool text)
{
	LhLike *like;

	ok(lh_like_compile(ctx, p.ptr, p.len, '\\', text, &like));
	return lh_like_test(like, s.ptr, s.len);
}

static LhStr
str(const char *s)
{
	return (LhStr){(const uint8_t *) s, (uint32_t) strlen(s), 0};
}

static void
check(LhCtx *ctx, const char *s, const char *p, bool text, bool want)
{
	LhStr a = str(s), b = str(p);

	for (int isa = 0; isa < 3; isa++)
	{
		lh_isa_choose((LhIsa) isa);
		if (compiled(ctx, a, b, text) != want ||
			lh_like_match(a.ptr, a.len, b.ptr, b.len, '\\', text) != want)
			fail_msg("'%s' LIKE '%s' should be %d", s, p, want);
	}
}

static void
examples(void **state)
{
	LhCtx *ctx = lh_ctx_create();

	check(ctx, "", "", true, true);
	check(ctx, "", "%", true, true);
	check(ctx, "", "_", true, false);
	check(ctx, "a", "", true, false);
	check(ctx, "abc", "abc", true, true);
	check(ctx, "abc", "a%", true, true);
	check(ctx, "abc", "%c", true, true);
	check(ctx, "abc", "%b%", true, true);
	check(ctx, "abc", "%%b%%", true, true);
	check(ctx, "abc", "a_c", true, true);
	check(ctx, "abc", "___", true, true);
	check(ctx, "abc", "____", true, false);
	check(ctx, "abc", "%_", true, true);
	check(ctx, "abc", "_%_%_", true, true);
	check(ctx, "abc", "_%_%_%_", true, false);
	check(ctx, "a%c", "a\\%c", true, true);
	check(ctx, "abc", "a\\%c", true, false);
	check(ctx, "a_c", "%\\_%", true, true);
	check(ctx, "a\\c", "a\\\\c", true, true);
	check(ctx, "abab", "%ab", true, true);
	check(ctx, "abcabd", "%ab%d", true, true);
	check(ctx, "aXbXc", "a%b%c", true, true);
	check(ctx, "ab", "a%b%b", true, false);
	check(ctx, "the special foxes, requests", "%special%requests%", true, true);
	check(ctx, "requests before special", "%special%requests%", true, false);
	/* characters, not bytes */
	check(ctx, "é", "_", true, true);
	check(ctx, "é", "_", false, false);
	check(ctx, "é", "__", false, true);
	check(ctx, "x€y", "x_y", true, true);
	check(ctx, "😀€", "__", true, true);
	check(ctx, "a😀€b", "%_b", true, true);
	check(ctx, "a€b", "a%_%b", true, true);
	lh_ctx_destroy(ctx);
}

/* Overlapping candidates, anchors at block borders, long needles. */
static void
needles_are_found_anywhere(void **state)
{
	LhCtx *ctx = lh_ctx_create();
	char s[700], p[320];

	for (int at = 0; at < 200; at++)
	{
		for (int m = 1; m < 70; m += 3)
		{
			memset(s, 'a', sizeof(s));
			s[at + m - 1] = 'b';
			s[at + m + 30] = 0;
			memset(p, 'a', sizeof(p));
			p[0] = '%';
			p[m] = 'b';
			p[m + 1] = '%';
			p[m + 2] = 0;
			check(ctx, s, p, true, true);
			s[at + m - 1] = 'a';
			check(ctx, s, p, true, false);
		}
	}
	lh_ctx_destroy(ctx);
}

static void
patterns_that_end_in_escape_are_refused(void **state)
{
	LhCtx *ctx = lh_ctx_create();
	LhLike *like;
	LhPred *p;
	LhValue v = {.type = gen_simple(LH_T_STRING, LH_LANE_STR), .str = str("abc\\")};

	assert_true(lh_like_ends_in_escape((const uint8_t *) "\\", 1, '\\'));
	assert_true(lh_like_ends_in_escape((const uint8_t *) "\\\\\\", 3, '\\'));
	assert_false(lh_like_ends_in_escape((const uint8_t *) "\\\\", 2, '\\'));
	assert_false(lh_like_ends_in_escape((const uint8_t *) "\\", 1, 0));
	assert_int_equal(lh_like_compile(ctx, (const uint8_t *) "a\\", 2, '\\', true, &like),
					 LH_INVALID);
	assert_int_equal(lh_pred_leaf(ctx, LH_P_LIKE, 0, &v, &p), LH_UNSUPPORTED);
	assert_int_equal(lh_pred_leaf(ctx, LH_P_NOT_LIKE, 0, &v, &p), LH_UNSUPPORTED);
	lh_ctx_destroy(ctx);
}

static void
without_escape_a_backslash_is_itself(void **state)
{
	LhCtx *ctx = lh_ctx_create();
	LhLike *like;

	ok(lh_like_compile(ctx, (const uint8_t *) "a\\%", 3, 0, true, &like));
	assert_true(lh_like_test(like, (const uint8_t *) "a\\bc", 4));
	assert_false(lh_like_test(like, (const uint8_t *) "a%", 2));
	assert_true(lh_like_match((const uint8_t *) "a\\bc", 4, (const uint8_t *) "a\\%", 3, 0, true));
	lh_ctx_destroy(ctx);
}

/* A pattern that s matches, or nearly. */
static LhStr
pattern_of(LhCtx *ctx, LhStr s)
{
	char text[512];
	uint32_t n = 0;

	for (uint32_t i = 0; i < s.len;)
	{
		uint32_t c = 1;

		while (i + c < s.len && (s.ptr[i + c] & 0xC0) == 0x80)
			c++;
		switch (gen_int(8))
		{
			case 0: text[n++] = '_'; break;
			case 1:
				text[n++] = '%';
				if (gen_chance(2))
					continue;
				break;
			case 2: text[n++] = gen_chance(4) ? 'q' : '%'; break;
			default:
				if (strchr("%_\\", s.ptr[i]) != NULL || gen_chance(5))
					text[n++] = '\\';
				memcpy(text + n, s.ptr + i, c);
				n += c;
				break;
		}
		i += c;
	}
	return gen_bytes(ctx, text, n);
}

static LhStr
random_pattern(LhCtx *ctx)
{
	static const char *const parts[] = {"a",   "b", "%", "%",   "_",  "\\\\", "\\%",
										"\\_", "é", "€", "\\é", "ab", "😀"};
	char text[128] = "";

	for (int i = gen_int(7); i > 0; i--)
		strcat(text, parts[gen_int(13)]);
	return gen_bytes(ctx, text, (uint32_t) strlen(text));
}

static void
random_patterns_match_as_postgres(void **state)
{
	LhCtx *ctx = lh_ctx_create();
	int matches = 0;

	for (int i = 0; i < 300000; i++)
	{
		LhStr s = gen_text(ctx), p = gen_chance(2) ? random_pattern(ctx) : pattern_of(ctx, s);
		bool text = gen_chance(2);
		Match m = match_text(s.ptr, s.len, p.ptr, p.len, text);
		bool want = m == MATCH_TRUE;

		gen_isa();
		assert_int_not_equal(m, MATCH_ERROR);
		matches += want;
		if (compiled(ctx, s, p, text) != want)
			fail_msg("compiled '%.*s' LIKE '%.*s' (text %d) should be %d", s.len, s.ptr, p.len,
					 p.ptr, text, want);
		if (lh_like_match(s.ptr, s.len, p.ptr, p.len, '\\', text) != want)
			fail_msg("plain '%.*s' LIKE '%.*s' (text %d) should be %d", s.len, s.ptr, p.len, p.ptr,
					 text, want);
		if (i % 1000 == 0)
			lh_arena_reset(ctx->arena);
	}
	assert_true(matches > 30000);
	lh_isa_choose(LH_ISA_AVX512);
	lh_ctx_destroy(ctx);
}

/* Every match must begin with the prefix that bounds are compared with. */
static void
prefix_is_what_matches_begin_with(void **state)
{
	LhCtx *ctx = lh_ctx_create();
	LhLike *like;

	ok(lh_like_compile(ctx, (const uint8_t *) "ab\\%c_d%", 8, '\\', true, &like));
	assert_int_equal(like->prefix.len, 4);
	assert_memory_equal(like->prefix.ptr, "ab%c", 4);
	ok(lh_like_compile(ctx, (const uint8_t *) "_ab%", 4, '\\', true, &like));
	assert_int_equal(like->prefix.len, 0);
	ok(lh_like_compile(ctx, (const uint8_t *) "%ab", 3, '\\', true, &like));
	assert_int_equal(like->prefix.len, 0);
	lh_ctx_destroy(ctx);
}

/* Many % and near misses: no stack, no exponential time. */
static void
hostile_patterns_end_in_time(void **state)
{
	LhCtx *ctx = lh_ctx_create();
	size_t n = 20000;
	uint8_t *s = lh_alloc(ctx, n), *p = lh_alloc(ctx, n);
	LhLike *like;

	memset(s, 'a', n);
	for (size_t i = 0; i < n; i++)
		p[i] = i % 2 == 0 ? '%' : 'a';
	p[n - 1] = 'b';
	assert_false(lh_like_match(s, n, p, n, '\\', true));
	ok(lh_like_compile(ctx, p, n, '\\', true, &like));
	assert_false(lh_like_test(like, s, n));
	/* first and last byte fit everywhere, the middle nowhere */
	memset(p, 'a', n);
	p[0] = '%';
	p[n / 4] = 'b';
	p[n / 2] = '%';
	for (int isa = 0; isa < 3; isa++)
	{
		lh_isa_choose((LhIsa) isa);
		ok(lh_like_compile(ctx, p, n / 2 + 1, '\\', true, &like));
		for (int i = 0; i < 20; i++)
			assert_false(lh_like_test(like, s, n));
	}
	lh_ctx_destroy(ctx);
}

/* Memory between strings may be read only when it can belong to no one else. */
static void
strings_that_lie_apart_are_not_read_as_one(void **state)
{
	LhCtx *ctx = lh_ctx_create();
	uint8_t page[64] = "needle..needle..needle";
	LhStr s[3] = {{page, 4, 0}, {page + 8, 6, 0}, {page + 16, 6, 0}};
	uint64_t hit = 99, outer = 5;
	LhSlice all;
	LhLike *like;

	ok(lh_like_compile(ctx, (const uint8_t *) "%needle%", 8, '\\', true, &like));
	assert_true(lh_strs_are_adjacent(s, 3, NULL, &all));
	assert_ptr_equal(all.data, page);
	assert_int_equal(all.len, 22);
	assert_true(lh_like_scan(like, s, 3, NULL, &hit));
	assert_int_equal(hit, 6); /* the first is cut */
	s[0].len = 3;             /* five bytes to the next */
	hit = 99;
	assert_false(lh_strs_are_adjacent(s, 3, NULL, &all));
	assert_false(lh_like_scan(like, s, 3, NULL, &hit));
	assert_int_equal(hit, 99);
	/* the other way round */
	s[0] = s[2];
	s[2] = (LhStr){page, 4, 0};
	assert_false(lh_strs_are_adjacent(s, 3, NULL, &all));
	/* null rows do not count */
	s[0] = (LhStr){page, 8, 0};
	s[1] = (LhStr){NULL, 0, 0};
	s[2] = (LhStr){page + 8, 6, 0};
	assert_true(lh_strs_are_adjacent(s, 3, &outer, &all));
	assert_int_equal(all.len, 14);
	outer = 0;
	assert_false(lh_strs_are_adjacent(s, 3, &outer, &all));
	lh_ctx_destroy(ctx);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples),
		cmocka_unit_test(needles_are_found_anywhere),
		cmocka_unit_test(patterns_that_end_in_escape_are_refused),
		cmocka_unit_test(without_escape_a_backslash_is_itself),
		cmocka_unit_test(random_patterns_match_as_postgres),
		cmocka_unit_test(prefix_is_what_matches_begin_with),
		cmocka_unit_test(hostile_patterns_end_in_time),
		cmocka_unit_test(strings_that_lie_apart_are_not_read_as_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
