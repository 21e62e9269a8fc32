/*
 * test_audit_record.c
 *		Audit records as bytes and as lines.
 */
#include "unit/audit_make.h"

static LhBuf
encoded(const LhAuditRecord *r)
{
	LhBuf out;

	ASSERT_OK(lh_buf_init(ctx, &out, false));
	ASSERT_OK(lh_audit_encode(ctx, r, &out));
	assert_true(out.len <= LH_AUDIT_RECORD_MOST);
	return out;
}

static LhBuf
line_of(const LhAuditRecord *r)
{
	LhBuf out;

	ASSERT_OK(lh_buf_init(ctx, &out, false));
	ASSERT_OK(lh_audit_line(ctx, r, &out));
	assert_true(out.len <= LH_AUDIT_LINE_MOST);
	assert_true(lh_utf8_valid(out.data, out.len));
	for (size_t i = 0; i < out.len; i++)
		assert_true(out.data[i] >= ' ');
	return out;
}

static LhSlice
bytes_of(const LhBuf *b)
{
	return lh_slice(b->data, b->len);
}

/* Exactly as long, so that a sanitizer sees an overrun. */
static LhSlice
exactly(LhSlice s)
{
	uint8_t *p = malloc(s.len > 0 ? s.len : 1);

	memcpy(p, s.data, s.len);
	return lh_slice(p, s.len);
}

static void
a_record_comes_back(void **state)
{
	LhAuditRecord r = full_record(), back;
	LhBuf bytes = encoded(&r), line;

	(void) state;
	ASSERT_OK(lh_audit_decode(ctx, bytes_of(&bytes), &back));
	line = line_of(&back);
	assert_bytes(bytes_of(&line), of_text(FULL_LINE));
	assert_false(back.cut);
}

static void
a_line_comes_back(void **state)
{
	LhAuditRecord back;
	LhBuf line;

	(void) state;
	ASSERT_OK(lh_audit_read_line(ctx, of_text(FULL_LINE), &back));
	assert_int_equal(back.transaction, UINT64_C(3) << 32 | 25);
	assert_int_equal(back.time, AUDIT_TIME);
	assert_string_equal(back.sqlstate, "42501");
	line = line_of(&back);
	assert_bytes(bytes_of(&line), of_text(FULL_LINE));
}

static void
random_records_come_back(void **state)
{
	uint64_t seed = 1;

	(void) state;
	for (int i = 0; i < 2000; i++)
	{
		LhAuditRecord r = random_record(&seed, 20, 5, false), back;
		LhBuf bytes = encoded(&r), again, line = line_of(&r), line2;

		ASSERT_OK(lh_audit_decode(ctx, bytes_of(&bytes), &back));
		assert_false(back.cut);
		again = encoded(&back);
		assert_bytes(bytes_of(&again), bytes_of(&bytes));
		line2 = line_of(&back);
		assert_bytes(bytes_of(&line2), bytes_of(&line));
		ASSERT_OK(lh_audit_read_line(ctx, bytes_of(&line), &back));
		again = encoded(&back);
		assert_bytes(bytes_of(&again), bytes_of(&bytes));
		lh_arena_reset(ctx->arena);
	}
}

/* The longest records of the worst bytes stay within both limits, and are still records. */
static void
what_is_too_long_is_cut(void **state)
{
	uint64_t seed = 2;
	int cut = 0;

	(void) state;
	for (int i = 0; i < 300; i++)
	{
		LhAuditRecord r = random_record(&seed, (size_t) 1 << i % 13, 1 << i % 8, i % 2 == 0), back,
					  back2;
		LhBuf bytes, line, again;
		bool any = i % 2 == 0;

		bytes = encoded(&r);
		ASSERT_OK(lh_audit_decode(ctx, bytes_of(&bytes), &back));
		cut += back.cut;
		assert_true(back.nrelations <= r.nrelations && back.nused <= r.nused);
		line = line_of(&back);
		ASSERT_OK(lh_audit_read_line(ctx, bytes_of(&line), &back2));
		assert_int_equal(back2.cut, back.cut);
		again = line_of(&back2);
		if (!any)
			assert_bytes(bytes_of(&again), bytes_of(&line));
		lh_arena_reset(ctx->arena);
	}
	assert_true(cut > 50);
}

static void
columns_are_cut_before_relations(void **state)
{
	LhAuditColumn columns[2000];
	LhAuditRelation relations[2] = {{of_text("s"), of_text("a"), 1, 'r', {0}, 2000, columns},
									{of_text("s"), of_text("b"), 2, 'r', {0}, 2000, columns}};
	LhAuditRecord r = full_record(), back;
	LhBuf bytes;

	(void) state;
	for (int i = 0; i < 2000; i++)
		columns[i] = (LhAuditColumn){of_text("a_column_of_a_name"), {0}, {0}, false};
	r.relations = relations;
	bytes = encoded(&r);
	ASSERT_OK(lh_audit_decode(ctx, bytes_of(&bytes), &back));
	assert_true(back.cut);
	assert_int_equal(back.nrelations, 2);
	assert_int_equal(back.nused, 2);
	assert_in_range(back.relations[0].ncolumns, 1200, 1999);
	assert_int_equal(back.relations[1].ncolumns, 0);
	assert_true(bytes.len > LH_AUDIT_RECORD_MOST - 100);
}

static void
bytes_that_are_no_text_are_replaced(void **state)
{
	LhAuditRecord r = {.kind = LH_AUDIT_EVENT,
					   .time = 0,
					   .command = of_text("key_rotate"),
					   .object = lh_slice("key/\xff\0\xc3x\xe2\x82", 10),
					   .result = LH_AUDIT_OK};
	LhBuf line = line_of(&r);

	(void) state;
	assert_bytes(
		bytes_of(&line),
		of_text(
			"{\"time\":\"1970-01-01T00:00:00.000000Z\",\"kind\":\"event\",\"command\":\"key_rotate\","
			"\"object\":\"key/\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdx\xef\xbf\xbd\xef\xbf\xbd\",\"result\":\"ok\"}"));
}

/* Whatever bytes: no overrun, and what is taken is made again byte for byte. */
static void
hostile_records_are_refused(void **state)
{
	LhAuditRecord r = full_record(), back;
	LhBuf bytes = encoded(&r), again;
	int taken = 0;

	(void) state;
	for (size_t n = 0; n < bytes.len; n++)
	{
		LhSlice s = exactly(lh_slice(bytes.data, n));

		assert_int_equal(lh_audit_decode(ctx, s, &back), LH_CORRUPT);
		free((void *) s.data);
	}
	for (size_t at = 0; at < bytes.len; at++)
		for (int bit = 0; bit < 8; bit++)
		{
			LhSlice s = exactly(bytes_of(&bytes));
			LhStatus status;

			((uint8_t *) s.data)[at] ^= (uint8_t) (1 << bit);
			status = lh_audit_decode(ctx, s, &back);
			assert_true(status == LH_OK || status == LH_CORRUPT);
			if (status == LH_OK)
			{
				again = encoded(&back);
				assert_bytes(bytes_of(&again), s);
				(void) line_of(&back);
				taken++;
			}
			free((void *) s.data);
		}
	assert_true(taken > 100);
	r.kind = 0;
	assert_int_equal(lh_audit_encode(ctx, &r, &bytes), LH_INVALID);
	assert_int_equal(lh_audit_line(ctx, &r, &bytes), LH_INVALID);
	r = full_record();
	r.time = LH_AUDIT_TIME_MOST + 1;
	assert_int_equal(lh_audit_encode(ctx, &r, &bytes), LH_INVALID);
	strcpy(r.sqlstate, "a\"");
	r.time = 0;
	assert_int_equal(lh_audit_line(ctx, &r, &bytes), LH_INVALID);
}

static void
hostile_lines_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"{",
		"{}",
		"[]",
		"null",
		"{\"time\":\"2026-12-01T09:59:06.123456Z\"}",
		"{\"time\":\"2026-12-01T09:59:06.123456Z\",\"kind\":\"intents\"}",
		"{\"time\":\"2026-12-01T09:59:06.123456Z\",\"kind\":\"event\"} x",
		"{\"time\":\"2026-02-30T09:59:06.123456Z\",\"kind\":\"event\"}",
		"{\"time\":\"2026-12-01T09:59:06.12345Z\",\"kind\":\"event\"}",
		"{\"time\":\"2026-12-01 09:59:06.123456Z\",\"kind\":\"event\"}",
		"{\"time\":\"0000-12-01T09:59:06.123456Z\",\"kind\":\"event\"}",
		"{\"time\":\"2026-12-01T09:59:06.123456Z\",\"kind\":\"event\",\"kind\":\"event\"}",
		"{\"time\":\"2026-12-01T09:59:06.123456Z\",\"kind\":\"event\",\"rows\":-1}",
		"{\"time\":\"2026-12-01T09:59:06.123456Z\",\"kind\":\"event\",\"rows\":1.5}",
		"{\"time\":\"2026-12-01T09:59:06.123456Z\",\"kind\":\"event\",\"rows\":18446744073709551616}",
		"{\"time\":\"2026-12-01T09:59:06.123456Z\",\"kind\":\"event\",\"transaction\":\"1\"}",
		"{\"time\":\"2026-12-01T09:59:06.123456Z\",\"kind\":\"event\",\"transaction\":\"1/2/3\"}",
		"{\"time\":\"2026-12-01T09:59:06.123456Z\",\"kind\":\"event\",\"transaction\":\"4294967296/2\"}",
		"{\"time\":\"2026-12-01T09:59:06.123456Z\",\"kind\":\"event\",\"relations\":[{}]}",
		"{\"time\":\"2026-12-01T09:59:06.123456Z\",\"kind\":\"event\",\"relations\":[{\"kind\":\"rr\"}]}",
		"{\"time\":\"2026-12-01T09:59:06.123456Z\",\"kind\":\"event\",\"relations\":[{\"kind\":\"r\",\"oid\":4294967296}]}",
		"{\"time\":\"2026-12-01T09:59:06.123456Z\",\"kind\":\"event\",\"used\":[{\"use\":\"eat\"}]}",
		"{\"time\":\"2026-12-01T09:59:06.123456Z\",\"kind\":\"event\",\"sqlstate\":\"4250\"}",
		"{\"time\":\"2026-12-01T09:59:06.123456Z\",\"kind\":\"event\",\"sqlstate\":\"4250a\"}",
		"{\"time\":\"2026-12-01T09:59:06.123456Z\",\"kind\":\"event\",\"role\":\"\xff\"}",
		"{\"time\":\"2026-12-01T09:59:06.123456Z\",\"kind\":\"event\",\"role\":\"a\\u0000b\"}",
		"{\"time\":\"2026-12-01T09:59:06.123456Z\",\"kind\":\"event\",\"pid\":2147483648}",
	};
	LhAuditRecord r;
	LhBuf deep;

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		LhSlice s = exactly(of_text(bad[i]));

		if (lh_audit_read_line(ctx, s, &r) != LH_CORRUPT)
			fail_msg("taken: %s", bad[i]);
		assert_int_equal(ctx->error->code, LH_CORRUPT);
		free((void *) s.data);
	}
	ASSERT_OK(lh_buf_init(ctx, &deep, false));
	ASSERT_OK(lh_buf_append_str(ctx, &deep, "{\"relations\":"));
	for (int i = 0; i < 100000; i++)
		ASSERT_OK(lh_buf_putc(ctx, &deep, '['));
	assert_int_equal(lh_audit_read_line(ctx, bytes_of(&deep), &r), LH_CORRUPT);
	/* members of a later version, another order and blanks are no reason to refuse */
	ASSERT_OK(lh_audit_read_line(
		ctx,
		of_text(
			" { \"new\" : [1, {\"x\": 2}] , \"kind\" : \"stop\", \"time\": \"2026-12-01T09:59:06.123456Z\" } "),
		&r));
	assert_int_equal(r.kind, LH_AUDIT_STOP);
}

static void
times_have_one_text(void **state)
{
	static const int64_t times[] = {LH_AUDIT_TIME_LEAST, LH_AUDIT_TIME_MOST,      -1, 0,
									AUDIT_TIME,          INT64_C(951825600000000)};

	(void) state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
	{
		LhAuditRecord r = {.kind = LH_AUDIT_START, .time = times[i]}, back;
		LhBuf line = line_of(&r);

		ASSERT_OK(lh_audit_read_line(ctx, bytes_of(&line), &back));
		assert_int_equal(back.time, times[i]);
	}
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		test(a_record_comes_back),
		test(a_line_comes_back),
		test(random_records_come_back),
		test(what_is_too_long_is_cut),
		test(columns_are_cut_before_relations),
		test(bytes_that_are_no_text_are_replaced),
		test(hostile_records_are_refused),
		test(hostile_lines_are_refused),
		test(times_have_one_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
