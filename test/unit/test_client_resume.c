/*
 * test_client_resume.c
 *		Where a snapshot goes on: lists of texts, state, and what each sink holds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/resume.h"

static int
setup(void **state)
{
	*state = lh_ctx_create();
	return 0;
}

static int
teardown(void **state)
{
	lh_ctx_destroy(*state);
	return 0;
}

static LhTexts
texts(LhCtx *ctx, int n, ...)
{
	LhTexts t = {0};
	va_list args;

	va_start(args, n);
	for (int i = 0; i < n; i++)
		assert_int_equal(lh_texts_add(ctx, &t, va_arg(args, const char *)), LH_OK);
	va_end(args);
	return t;
}

static void
same(const LhTexts *a, const LhTexts *b)
{
	assert_int_equal(a->n, b->n);
	for (int i = 0; i < a->n; i++)
		assert_string_equal(a->v[i], b->v[i]);
}

static void
lists_are_written_and_read(void **state)
{
	LhCtx *ctx = *state;
	LhTexts t = texts(ctx, 9, "", "a", "b c", "d\"e\\f", "{,}", "NULL", "\xc3\xa4\n", " ", "null"),
			back;
	LhBuf out;

	assert_int_equal(lh_buf_init(ctx, &out, false), LH_OK);
	assert_int_equal(lh_texts_write(ctx, &out, &t), LH_OK);
	assert_int_equal(lh_buf_putc(ctx, &out, '\0'), LH_OK);
	assert_string_equal(
		(char *) out.data,
		"{\"\",\"a\",\"b c\",\"d\\\"e\\\\f\",\"{,}\",\"NULL\",\"\xc3\xa4\n\",\" \",\"null\"}");
	assert_int_equal(lh_texts_parse(ctx, (char *) out.data, &back), LH_OK);
	same(&back, &t);
}

/* As the server writes them: quotes only where they are needed. */
static void
lists_of_the_server_are_read(void **state)
{
	LhCtx *ctx = *state;
	LhTexts t, expected;

	assert_int_equal(lh_texts_parse(ctx, "{}", &t), LH_OK);
	assert_int_equal(t.n, 0);
	assert_int_equal(lh_texts_parse(ctx, "{1,abc,\"x y\",a\\\\b,\"\"}", &t), LH_OK);
	expected = texts(ctx, 5, "1", "abc", "x y", "a\\b", "");
	same(&t, &expected);
}

static void
damaged_lists_are_refused(void **state)
{
	static const char *const bad[] = {"",     "{",      "}",         "{a",       "{a,",
									  "{a,}", "{,a}",   "{,}",       "{\"a",     "{\"a\\",
									  "{a}b", "{NULL}", "{{a}}",     "{a\"b}",   "{a b}",
									  "a",    "{a\\}",  "[1:1]={a}", "{\"a\"b}", "{a,NULL}"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		LhTexts t;

		lh_error_clear(*state);
		if (lh_texts_parse(*state, bad[i], &t) != LH_CORRUPT)
			fail_msg("%s was taken", bad[i]);
	}
}

static LhProgress
some_progress(LhCtx *ctx)
{
	return (LhProgress){.last = texts(ctx, 2, "1", "a"),
						.again = texts(ctx, 4, "0", "x", "1", "a"),
						.moved = true,
						.pass = 3,
						.pending = true,
						.point = UINT64_C(0x123456789abcdef0),
						.next = texts(ctx, 2, "2", ""),
						.next_again = texts(ctx, 2, "2", ""),
						.holders = texts(ctx, 1, "json=file:/a"),
						.snapshot = "10:20:15"};
}

static void
progress_survives(void **state)
{
	LhCtx *ctx = *state;
	LhProgress p = some_progress(ctx), q;
	LhTexts t;

	assert_int_equal(lh_progress_encode(ctx, &p, &t), LH_OK);
	assert_int_equal(lh_progress_decode(ctx, &t, &q), LH_OK);
	assert_int_equal(lh_progress_copy(ctx, &q, &q), LH_OK);
	for (int i = 0; i < t.n; i++)
		t.v[i] = "gone";
	same(&q.last, &p.last);
	same(&q.again, &p.again);
	same(&q.next, &p.next);
	same(&q.next_again, &p.next_again);
	same(&q.holders, &p.holders);
	assert_false(q.end);
	assert_true(q.moved);
	assert_int_equal(q.pass, 3);
	assert_true(q.pending);
	assert_true(q.point == p.point);
	assert_false(q.next_end);
	assert_string_equal(q.snapshot, "10:20:15");
	assert_int_equal(lh_progress_decode(ctx, &(LhTexts){0}, &q), LH_OK);
	assert_int_equal(q.last.n, 0);
	assert_false(q.pending);
}

static void
damaged_progress_is_refused(void **state)
{
	LhCtx *ctx = *state;
	LhProgress p = some_progress(ctx), q;
	LhTexts t, u;

	assert_int_equal(lh_progress_encode(ctx, &p, &t), LH_OK);
	for (int n = 1; n < t.n; n++)
	{
		u = t;
		u.n = n;
		assert_int_equal(lh_progress_decode(ctx, &u, &q), LH_CORRUPT);
	}
	for (int i = 0; i < 8; i++)
	{
		const char *was = t.v[i];

		t.v[i] = "x";
		assert_int_equal(lh_progress_decode(ctx, &t, &q), LH_CORRUPT);
		t.v[i] = "99999";
		if (i != 3 && i != 5)
			assert_int_equal(lh_progress_decode(ctx, &t, &q), LH_CORRUPT);
		t.v[i] = was;
	}
	assert_int_equal(lh_texts_add(ctx, &t, "more"), LH_OK);
	assert_int_equal(lh_progress_decode(ctx, &t, &q), LH_CORRUPT);
}

static LhProgress
given_out(LhCtx *ctx)
{
	return (LhProgress){.last = texts(ctx, 1, "1"),
						.pending = true,
						.point = 0x100,
						.next = texts(ctx, 1, "2"),
						.next_again = texts(ctx, 1, "1.5"),
						.snapshot = "1:1:"};
}

static void
what_all_hold_is_done(void **state)
{
	LhCtx *ctx = *state;
	LhProgress p = given_out(ctx);
	LhHolder sinks[] = {{"a", true, {0x100, 1, 0}}, {"b", true, {0x200, 0, 0}}};
	LhHeld held;

	assert_int_equal(lh_progress_resolve(ctx, &p, 1, 2, sinks, &held), LH_OK);
	assert_int_equal(held, LH_HELD_ALL);
	assert_string_equal(p.last.v[0], "2");
	assert_string_equal(p.again.v[0], "1.5");
	assert_false(p.pending);
	assert_int_equal(p.next.n, 0);
	assert_string_equal(p.snapshot, "1:1:");
	/* once */
	assert_int_equal(lh_progress_resolve(ctx, &p, 1, 2, sinks, &held), LH_OK);
	assert_int_equal(held, LH_HELD_NONE);
	assert_string_equal(p.last.v[0], "2");
}

static void
what_none_holds_was_not(void **state)
{
	LhCtx *ctx = *state;
	LhProgress p = given_out(ctx);
	/* begun is not held, and one without a position holds nothing */
	LhHolder sinks[] = {{"a", true, {0x100, 0, 0}}, {"b", false, {0x200, 5, 0}}};
	LhHeld held;

	assert_int_equal(lh_progress_resolve(ctx, &p, 1, 2, sinks, &held), LH_OK);
	assert_int_equal(held, LH_HELD_NONE);
	assert_false(p.pending);
	assert_string_equal(p.last.v[0], "1");
	assert_int_equal(p.again.n, 0);
	assert_string_equal(p.snapshot, "");
}

static void
what_some_hold_is_for_the_others(void **state)
{
	LhCtx *ctx = *state;
	LhProgress p = given_out(ctx);
	LhHolder sinks[] = {
		{"a", true, {0x100, 1, 0}}, {"b", true, {0xff, 9, 0}}, {"c", true, {0x80, 0, 0}}};
	LhHeld held;

	assert_int_equal(lh_progress_resolve(ctx, &p, 1, 3, sinks, &held), LH_OK);
	assert_int_equal(held, LH_HELD_SOME);
	assert_true(p.pending);
	assert_int_equal(p.holders.n, 1);
	assert_true(lh_texts_have(&p.holders, "a"));
	/* all go on beyond the point before the rows are read once more: that is no proof any longer */
	sinks[1].pos.commit_end = sinks[2].pos.commit_end = 0x300;
	assert_int_equal(lh_progress_resolve(ctx, &p, 1, 3, sinks, &held), LH_OK);
	assert_int_equal(held, LH_HELD_SOME);
	assert_int_equal(p.holders.n, 1);
	/* given out again, one more got it before the next crash */
	p.point = 0x400;
	sinks[1].pos = (LhChangePos){0x400, 1, 0};
	assert_int_equal(lh_progress_resolve(ctx, &p, 1, 3, sinks, &held), LH_OK);
	assert_int_equal(held, LH_HELD_SOME);
	assert_int_equal(p.holders.n, 2);
	p.point = 0x500;
	sinks[2].pos = (LhChangePos){0x500, 2, 0};
	assert_int_equal(lh_progress_resolve(ctx, &p, 1, 3, sinks, &held), LH_OK);
	assert_int_equal(held, LH_HELD_ALL);
	assert_string_equal(p.last.v[0], "2");
	assert_int_equal(p.holders.n, 0);
}

/* A sink that is there no more does not count, a new one lacks what went before. */
static void
sinks_come_and_go(void **state)
{
	LhCtx *ctx = *state;
	LhProgress p = given_out(ctx);
	LhHolder sinks[] = {{"a", true, {0x100, 1, 0}}, {"new", false, {0, 0, 0}}};
	LhHeld held;

	assert_int_equal(lh_progress_resolve(ctx, &p, 1, 2, sinks, &held), LH_OK);
	assert_int_equal(held, LH_HELD_SOME);
	assert_int_equal(lh_progress_resolve(ctx, &p, 1, 1, sinks, &held), LH_OK);
	assert_int_equal(held, LH_HELD_ALL);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(lists_are_written_and_read),  T(lists_of_the_server_are_read),
		T(damaged_lists_are_refused),   T(progress_survives),
		T(damaged_progress_is_refused), T(what_all_hold_is_done),
		T(what_none_holds_was_not),     T(what_some_hold_is_for_the_others),
		T(sinks_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
