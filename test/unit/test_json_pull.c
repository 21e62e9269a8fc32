/*
 * test_json_pull.c
 *		The pull parser for JSON: what it takes, what it refuses, and where it says so.
 */
#include "test_scan.h"

#include "core/json_pull.h"

static LhStatus
opened(World *w, LhPull *j, const char *text)
{
	return lh_pull_open(w->ctx, j, "file", lh_slice(text, strlen(text)));
}

static LhStatus
skipped(World *w, const char *text)
{
	LhPull j;

	LH_TRY(opened(w, &j, text));
	LH_TRY(lh_pull_skip(w->ctx, &j, NULL));
	return lh_pull_close(w->ctx, &j);
}

static LhStatus
integer_of(World *w, const char *text, int64_t *out)
{
	LhPull j;

	LH_TRY(opened(w, &j, text));
	LH_TRY(lh_pull_i64(w->ctx, &j, out));
	return lh_pull_close(w->ctx, &j);
}

static void
numbers_of_64_bits_are_exact(void **state)
{
	World *w = *state;
	LhPull j;
	int64_t v;
	int k;

	ok(w, integer_of(w, "9223372036854775807", &v));
	assert_true(v == INT64_MAX);
	ok(w, integer_of(w, " -9223372036854775808 ", &v));
	assert_true(v == INT64_MIN);
	/* beyond the 53 bits of a double */
	ok(w, integer_of(w, "9007199254740993", &v));
	assert_true(v == INT64_C(9007199254740993));
	ok(w, integer_of(w, "-0", &v));
	assert_true(v == 0);
	refused(w, integer_of(w, "9223372036854775808", &v), LH_CORRUPT, "64 bits", NULL, NULL);
	refused(w, integer_of(w, "-9223372036854775809", &v), LH_CORRUPT, "64 bits", NULL, NULL);
	refused(w, integer_of(w, "18446744073709551616", &v), LH_CORRUPT, "64 bits", NULL, NULL);
	refused(w, integer_of(w, "99999999999999999999999999999999999999999999999999999999", &v),
			LH_CORRUPT, "does not fit", NULL, NULL);
	refused(w, integer_of(w, "1.0", &v), LH_CORRUPT, "an integer", "1.0", NULL);
	refused(w, integer_of(w, "1e3", &v), LH_CORRUPT, "an integer", NULL, NULL);
	refused(w, integer_of(w, "\"1\"", &v), LH_CORRUPT, "an integer", "a string", NULL);
	refused(w, integer_of(w, "01", &v), LH_CORRUPT, "malformed", NULL, NULL);
	refused(w, integer_of(w, "-", &v), LH_CORRUPT, "malformed", NULL, NULL);
	refused(w, integer_of(w, "1 2", &v), LH_CORRUPT, "the end", NULL, NULL);

	ok(w, opened(w, &j, "2147483648"));
	refused(w, lh_pull_i32(w->ctx, &j, &k), LH_CORRUPT, "32 bits", NULL, NULL);
	ok(w, opened(w, &j, "-2147483648"));
	ok(w, lh_pull_i32(w->ctx, &j, &k));
	assert_int_equal(k, INT32_MIN);
}

/* Some writers give snapshots ids of 64 bits without a sign. */
static void
ids_may_be_unsigned(void **state)
{
	World *w = *state;
	LhPull j;
	int64_t v;

	ok(w, opened(w, &j, "9876543210123456789"));
	ok(w, lh_pull_id(w->ctx, &j, &v));
	assert_true((uint64_t) v == UINT64_C(9876543210123456789));
	ok(w, opened(w, &j, "18446744073709551616"));
	refused(w, lh_pull_id(w->ctx, &j, &v), LH_CORRUPT, "64 bits", NULL, NULL);
}

static const char *
text_of(World *w, const char *json)
{
	const char *text;
	LhPull j;

	ok(w, opened(w, &j, json));
	ok(w, lh_pull_text(w->ctx, &j, &text));
	ok(w, lh_pull_close(w->ctx, &j));
	return text;
}

static LhStatus
bad_text(World *w, const char *json)
{
	const char *text;
	LhPull j;

	LH_TRY(opened(w, &j, json));
	return lh_pull_text(w->ctx, &j, &text);
}

static void
strings_lose_their_escapes(void **state)
{
	World *w = *state;

	assert_string_equal(text_of(w, "\"\""), "");
	assert_string_equal(text_of(w, "\"a\\\"b\\\\\""), "a\"b\\");
	assert_string_equal(text_of(w, "\"\\/\\b\\f\\n\\r\\t\""), "/\b\f\n\r\t");
	assert_string_equal(text_of(w, "\"\\u00e9\\u20AC\\ud83d\\ude00\""), "é€😀");
	assert_string_equal(text_of(w, "\"é\""), "é");
	assert_string_equal(text_of(w, "\xEF\xBB\xBF \"mark\""), "mark");
	refused(w, bad_text(w, "\"\\u0000\""), LH_BAD_TEXT, "NUL", NULL, NULL);
	refused(w, bad_text(w, "\"\\ud83d\""), LH_BAD_TEXT, "surrogate", NULL, NULL);
	refused(w, bad_text(w, "\"\\ud83d\\u0041\""), LH_BAD_TEXT, "surrogate", NULL, NULL);
	refused(w, bad_text(w, "\"\\ude00\""), LH_BAD_TEXT, "surrogate", NULL, NULL);
	refused(w, bad_text(w, "\"\\u12g4\""), LH_CORRUPT, "escape", NULL, NULL);
	refused(w, bad_text(w, "\"\\u12\""), LH_CORRUPT, "escape", NULL, NULL);
	refused(w, bad_text(w, "\"\\x\""), LH_CORRUPT, "escape", NULL, NULL);
	refused(w, bad_text(w, "\"a\nb\""), LH_CORRUPT, "control character", NULL, NULL);
	refused(w, bad_text(w, "\"open"), LH_CORRUPT, "does not end", NULL, NULL);
	refused(w, bad_text(w, "\"open\\\""), LH_CORRUPT, "does not end", NULL, NULL);
	refused(w, bad_text(w, "\"\xff\""), LH_BAD_TEXT, "UTF-8", "byte 1", NULL);
}

static void
what_is_stepped_over_must_pair_and_end(void **state)
{
	World *w = *state;

	ok(w, skipped(w, "{\"a\":[1,2,{\"b\":\"]}\\\"\"}],\"c\":null}"));
	ok(w, skipped(w, "[]"));
	ok(w, skipped(w, "-1.5e+7"));
	ok(w, skipped(w, "true"));
	refused(w, skipped(w, "{]"), LH_CORRUPT, "pair", NULL, NULL);
	refused(w, skipped(w, "[[}]"), LH_CORRUPT, "pair", NULL, NULL);
	refused(w, skipped(w, "[1"), LH_CORRUPT, "ends", NULL, NULL);
	refused(w, skipped(w, "[\"]"), LH_CORRUPT, "does not end", NULL, NULL);
	refused(w, skipped(w, ""), LH_CORRUPT, "text ends", NULL, NULL);
	refused(w, skipped(w, "}"), LH_CORRUPT, "0x7d", NULL, NULL);
	refused(w, skipped(w, "tru"), LH_CORRUPT, "true", NULL, NULL);
	refused(w, skipped(w, "1."), LH_CORRUPT, "malformed", NULL, NULL);
	refused(w, skipped(w, "1e"), LH_CORRUPT, "malformed", NULL, NULL);
	refused(w, skipped(w, "[] []"), LH_CORRUPT, "the end", NULL, NULL);
}

/* 10^6 levels, entered or stepped over, are an error and no crash. */
static void
nesting_is_bounded(void **state)
{
	World *w = *state;
	size_t n = 1000000;
	char *text = lh_alloc(w->ctx, n);
	LhStatus status = LH_OK;
	LhPull j;
	bool more;

	memset(text, '[', n);
	refused(w, lh_pull_open(w->ctx, &j, "file", lh_slice(text, n)), LH_OK, NULL, NULL, NULL);
	refused(w, lh_pull_skip(w->ctx, &j, NULL), LH_LIMIT, "nested", NULL, NULL);
	ok(w, lh_pull_open(w->ctx, &j, "file", lh_slice(text, n)));
	while (status == LH_OK)
	{
		status = lh_pull_array(w->ctx, &j);
		if (status == LH_OK)
			status = lh_pull_item(w->ctx, &j, &more);
	}
	refused(w, status, LH_LIMIT, "nested", NULL, NULL);
}

static LhStatus
fields_of(World *w, const char *text, uint64_t needed, int *last)
{
	static const char *const names[] = {"a", "b", NULL};
	uint64_t seen = 0;
	LhPull j;
	bool more;
	int which;

	*last = -1;
	LH_TRY(opened(w, &j, text));
	LH_TRY(lh_pull_object(w->ctx, &j));
	for (;;)
	{
		LH_TRY(lh_pull_field(w->ctx, &j, names, &seen, &which, &more));
		if (!more)
			break;
		LH_TRY(lh_pull_i32(w->ctx, &j, last));
	}
	LH_TRY(lh_pull_need(w->ctx, &j, names, seen, needed));
	return lh_pull_close(w->ctx, &j);
}

static void
fields_are_found_by_name(void **state)
{
	World *w = *state;
	int v;

	ok(w, fields_of(w, "{\"x\":[{}],\"a\":7,\"y\":\"}\"}", 1, &v));
	assert_int_equal(v, 7);
	ok(w, fields_of(w, "{\"\\u0061\":8}", 1, &v));
	assert_int_equal(v, 8);
	refused(w, fields_of(w, "{\"b\":1}", 1, &v), LH_CORRUPT, "required field \"a\" is missing",
			NULL, NULL);
	/* null is as good as nothing */
	refused(w, fields_of(w, "{\"a\":null}", 1, &v), LH_CORRUPT, "\"a\" is missing", NULL, NULL);
	refused(w, fields_of(w, "{\"a\":1,\"b\":2,\"a\":1}", 1, &v), LH_CORRUPT, "field \"a\"", "twice",
			NULL);
	/* unknown ones may repeat: nobody looks at them */
	ok(w, fields_of(w, "{\"x\":1,\"x\":2}", 0, &v));
	refused(w, fields_of(w, "{\"a\":1 \"b\":2}", 0, &v), LH_CORRUPT, ",", NULL, NULL);
	refused(w, fields_of(w, "{\"a\" 1}", 0, &v), LH_CORRUPT, ":", NULL, NULL);
	refused(w, fields_of(w, "{a:1}", 0, &v), LH_CORRUPT, "name of a member", NULL, NULL);
	refused(w, fields_of(w, "{\"a\":1,}", 0, &v), LH_CORRUPT, "name of a member", NULL, NULL);
	refused(w, fields_of(w, "{\"a\":1", 0, &v), LH_CORRUPT, "the text ends", NULL, NULL);
	refused(w, fields_of(w, "[1]", 0, &v), LH_CORRUPT, "an object", "an array", NULL);
}

static void
errors_say_the_way_to_the_field(void **state)
{
	World *w = *state;
	const char *text = "{\"list\":[{\"id\":1},{\"id\":2},{\"id\":[]}]}";
	LhStatus status = LH_OK;
	LhSlice key;
	LhPull j;
	int64_t v;
	bool more;

	ok(w, opened(w, &j, text));
	ok(w, lh_pull_object(w->ctx, &j));
	ok(w, lh_pull_member(w->ctx, &j, &key, &more));
	ok(w, lh_pull_array(w->ctx, &j));
	for (int i = 0; i < 3 && status == LH_OK; i++)
	{
		ok(w, lh_pull_item(w->ctx, &j, &more));
		ok(w, lh_pull_object(w->ctx, &j));
		ok(w, lh_pull_member(w->ctx, &j, &key, &more));
		status = lh_pull_i64(w->ctx, &j, &v);
		if (status == LH_OK)
			ok(w, lh_pull_member(w->ctx, &j, &key, &more));
	}
	refused(w, status, LH_CORRUPT, "file: field \"list[2].id\"", "an integer", "an array");
}

static void
pairs_take_every_scalar(void **state)
{
	World *w = *state;
	const char *const *pairs;
	LhPull j;
	int n;

	ok(w, opened(w, &j, "{\"a\":\"x\\n\",\"b\":7,\"c\":true,\"d\":null,\"e\":{\"f\":[]}}"));
	ok(w, lh_pull_pairs(w->ctx, &j, &n, &pairs));
	ok(w, lh_pull_close(w->ctx, &j));
	assert_int_equal(n, 4);
	assert_string_equal(pairs[1], "x\n");
	assert_string_equal(pairs[2], "b");
	assert_string_equal(pairs[3], "7");
	assert_string_equal(pairs[5], "true");
	assert_string_equal(pairs[6], "e");
	assert_string_equal(pairs[7], "{\"f\":[]}");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(numbers_of_64_bits_are_exact),
		TEST(ids_may_be_unsigned),
		TEST(strings_lose_their_escapes),
		TEST(what_is_stepped_over_must_pair_and_end),
		TEST(nesting_is_bounded),
		TEST(fields_are_found_by_name),
		TEST(errors_say_the_way_to_the_field),
		TEST(pairs_take_every_scalar),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
