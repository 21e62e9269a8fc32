/*
 * test_column_lanes.c
 *		Flat columns: dictionaries, lanes of all types, how long memory lives, and
 *		reading again.
 */
#include "unit/test_column.h"

/* ---- dictionaries ---- */

static void
the_dictionary_can_be_had_alone(void **state)
{
	const LhDict *dict,
		*again;
	LhPqColumn *col;
	Tw w = {0};
	LhVec v;
	Maker m;

	one_column(&m, *state, (PqEl) PQ_LEAF("c", PQ_REQ, T_BYTES));
	string_dict(&m, 3);
	tw_byte(&w, 2);
	put_rle(&w, 2, 2, 100);
	maker_v1(&m, &w, 100, LH_PQ_RLE_DICTIONARY);
	col = finish(&m, 100);
	ASSERT_OK(m.ctx, lh_pq_column_dict(m.ctx, col, &dict));
	assert_int_equal(dict->n, 3);
	assert_int_equal(lh_dict_value(dict, 2).str.len, 7);
	assert_false(dict->text_checked);
	assert_int_equal(counter(m.ctx, LH_CTR_PAGES_READ), 0);
	ASSERT_OK(m.ctx, lh_pq_column_dict(m.ctx, col, &again));
	assert_ptr_equal(dict, again);
	ASSERT_OK(m.ctx, lh_pq_column_read(m.ctx, col, 90, 10, NULL, &v));
	assert_ptr_equal(v.dict, dict);
	assert_int_equal(counter(m.ctx, LH_CTR_DICT_PAGES_READ), 1);

	one_column(&m, *state, (PqEl) PQ_LEAF("c", PQ_REQ, T_INT64));
	put_i64s(&w, 0, 10);
	maker_v1(&m, &w, 10, LH_PQ_PLAIN);
	col = finish(&m, 10);
	ASSERT_OK(m.ctx, lh_pq_column_dict(m.ctx, col, &dict));
	assert_null(dict);
}

static void
dictionaries_never_share_an_id(void **state)
{
	uint64_t last = 0;

	for (int i = 0; i < 3; i++)
	{
		const LhDict *dict;
		LhPqColumn *col;
		Tw w = {0};
		Maker m;

		one_column(&m, *state, (PqEl) PQ_LEAF("c", PQ_REQ, T_BYTES));
		string_dict(&m, 3);
		tw_byte(&w, 2);
		put_rle(&w, 2, 2, 100);
		maker_v1(&m, &w, 100, LH_PQ_RLE_DICTIONARY);
		col = finish(&m, 100);
		ASSERT_OK(m.ctx, lh_pq_column_dict(m.ctx, col, &dict));
		assert_true(dict->id > last);
		last = dict->id;
	}
}

/* The dictionary is read only when a page needs it: a point look-up in plain pages does without. */
static void
a_dictionary_that_no_page_needs_is_not_decoded(void **state)
{
	LhPqColumn *col;
	Tw w = {0};
	LhVec v;
	Maker m;

	one_column(&m, *state, (PqEl) PQ_LEAF("c", PQ_REQ, T_BYTES));
	string_dict(&m, 3);
	tw_byte(&w, 2);
	put_rle(&w, 2, 2, 100);
	maker_v1(&m, &w, 100, LH_PQ_RLE_DICTIONARY);
	for (int i = 0; i < 100; i++)
		put_string(&w, "plain");
	maker_v1(&m, &w, 100, LH_PQ_PLAIN);
	col = finish(&m, 200);
	ASSERT_OK(m.ctx, lh_pq_column_read(m.ctx, col, 150, 10, NULL, &v));
	assert_string(&v, 0, "plain");
	assert_int_equal(counter(m.ctx, LH_CTR_DICT_PAGES_READ), 0);
	assert_int_equal(counter(m.ctx, LH_CTR_PAGES_SKIPPED), 1);
}

/* ---- lanes ---- */

/* One PLAIN page and one of codes of the same values must both give what is wanted. */
typedef struct Lane
{
	PqEl el;
	const char *bytes;
	size_t len; /* of two values */
	LhTypeId id;
	LhLane lane;
	const char *want[2]; /* of lh_value_format */
} Lane;

static void
check_lane(LhCtx *ctx, const Lane *lane)
{
	for (int dict = 0; dict < 2; dict++)
	{
		for (int optional = 0; optional < 2; optional++)
		{
			PqEl el = lane->el;
			LhPqColumn *col;
			Tw w = {0};
			LhVec v;
			Maker m;

			el.rep = optional;
			one_column(&m, ctx, el);
			if (dict)
			{
				tw_bytes(&w, lane->bytes, lane->len);
				maker_dict(&m, &w, 2);
			}
			if (optional)
				put_levels(&w, 1, (uint32_t[]) {1, 0, 1}, 3);
			if (dict)
				put_codes(&w, 1, (uint32_t[]) {0, 1}, 2);
			else
				tw_bytes(&w, lane->bytes, lane->len);
			maker_v1(&m, &w, 2 + optional, dict ? LH_PQ_RLE_DICTIONARY : LH_PQ_PLAIN);
			col = finish(&m, 2 + optional);
			ASSERT_OK(ctx, lh_pq_column_read(ctx, col, 0, 2 + optional, NULL, &v));
			assert_int_equal(v.type.id, lane->id);
			assert_int_equal(v.type.lane, lane->lane);
			if (optional)
				assert_true(lh_vec_is_null(&v, 1));
			for (int i = 0; i < 2; i++)
			{
				LhValue value = lh_vec_value(&v, i * (1 + optional));
				LhBuf text;

				ASSERT_OK(ctx, lh_buf_init(ctx, &text, false));
				ASSERT_OK(ctx, lh_value_format(ctx, &value, &text));
				ASSERT_OK(ctx, lh_buf_putc(ctx, &text, 0));
				assert_string_equal((char *) text.data, lane->want[i]);
			}
		}
	}
}

#define DECIMAL(type, length, p, s) \
	{ \
		"c", 0, type, -1, C_DECIMAL, 0, length, p, s \
	}

static void
types_come_in_their_lanes(void **state)
{
	static const Lane lanes[] = {
		{PQ_LEAF("c", 0, T_INT32), "\x01\0\0\0\xff\xff\xff\xff", 8, LH_T_INT32, LH_LANE_I32, {"1", "-1"}},
		{PQ_LEAF_AS("c", 0, T_INT32, C_UINT8), "\x01\0\0\0\xff\xff\xff\xff", 8, LH_T_UINT8, LH_LANE_I32, {"1", "255"}},
		{PQ_LEAF_AS("c", 0, T_INT32, C_UINT16), "\x01\0\0\0\xff\xff\0\0", 8, LH_T_UINT16, LH_LANE_I32, {"1", "65535"}},
		{PQ_LEAF_AS("c", 0, T_INT32, C_UINT32), "\x01\0\0\0\xff\xff\xff\xff", 8, LH_T_UINT32, LH_LANE_I64, {"1", "4294967295"}},
		{PQ_LEAF_AS("c", 0, T_INT64, C_UINT64), "\x01\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", 16, LH_T_UINT64, LH_LANE_I128, {"1", "18446744073709551615"}},
		{PQ_LEAF("c", 0, T_INT64), "\x01\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", 16, LH_T_INT64, LH_LANE_I64, {"1", "-1"}},
		{PQ_LEAF_AS("c", 0, T_INT32, C_TIME_MILLIS), "\x01\0\0\0\xff\xff\0\0", 8, LH_T_TIME, LH_LANE_I64, {"00:00:00.001", "00:01:05.535"}},
		{PQ_LEAF("c", 0, T_FLOAT), "\0\0\x80\x3f\0\0\0\xc0", 8, LH_T_FLOAT, LH_LANE_F32, {"1", "-2"}},
		{PQ_LEAF("c", 0, T_DOUBLE), "\0\0\0\0\0\0\xf0\x3f\0\0\0\0\0\0\0\xc0", 16, LH_T_DOUBLE, LH_LANE_F64, {"1", "-2"}},
		{{"c", 0, T_FLBA, -1, -1, 15, 2}, "\x00\x3c\x01\x80", 4, LH_T_FLOAT16, LH_LANE_F32, {"1", "-5.9604645e-08"}},
		{PQ_LEAF("c", 0, T_BYTES), "\x01\0\0\0a\x02\0\0\0bc", 11, LH_T_BINARY, LH_LANE_STR, {"\\x61", "\\x6263"}},
		{PQ_LEAF_AS("c", 0, T_BYTES, C_UTF8), "\x01\0\0\0a\x02\0\0\0bc", 11, LH_T_STRING, LH_LANE_STR, {"a", "bc"}},
		{{"c", 0, T_FLBA, -1, -1, 0, 3}, "abcdef", 6, LH_T_FIXED, LH_LANE_FIX, {"\\x616263", "\\x646566"}},
	};

	for (size_t i = 0; i < sizeof(lanes) / sizeof(lanes[0]); i++)
		check_lane(*state, &lanes[i]);
}

/* 6.3 (7): decimals are big-endian two's complement of any width, fixed or variable. */
static void
rule_7_decimals_of_any_width(void **state)
{
	static const Lane lanes[] = {
		{DECIMAL(T_INT32, 0, 5, 2), "\x39\x30\0\0\xff\xff\xff\xff", 8, LH_T_DECIMAL, LH_LANE_I32, {"123.45", "-0.01"}},
		{DECIMAL(T_INT64, 0, 15, 2), "\x39\x30\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", 16, LH_T_DECIMAL, LH_LANE_I64, {"123.45", "-0.01"}},
		{DECIMAL(T_FLBA, 3, 5, 2), "\x00\x30\x39\xff\xff\xff", 6, LH_T_DECIMAL, LH_LANE_I64, {"123.45", "-0.01"}},
		{DECIMAL(T_FLBA, 8, 18, 0), "\0\0\0\0\0\0\x30\x39\xff\xff\xff\xff\xff\xff\xff\xff", 16, LH_T_DECIMAL, LH_LANE_I64, {"12345", "-1"}},
		/* wider than its digits need */
		{DECIMAL(T_FLBA, 11, 9, 2), "\0\0\0\0\0\0\0\0\0\x30\x39\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 22, LH_T_DECIMAL, LH_LANE_I64, {"123.45", "-0.01"}},
		{DECIMAL(T_FLBA, 16, 38, 3), "\x7f\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 32, LH_T_DECIMAL, LH_LANE_I128, {"168811955464684315858783496655603761.152", "-0.001"}},
		{DECIMAL(T_FLBA, 20, 30, 1), "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x30\x39\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 40, LH_T_DECIMAL, LH_LANE_I128, {"1234.5", "-0.1"}},
		{DECIMAL(T_BYTES, 0, 5, 2), "\x02\0\0\0\x30\x39\x01\0\0\0\xff", 11, LH_T_DECIMAL, LH_LANE_I64, {"123.45", "-0.01"}},
		{DECIMAL(T_BYTES, 0, 5, 2), "\x00\0\0\0\x05\0\0\0\0\0\0\x30\x39", 13, LH_T_DECIMAL, LH_LANE_I64, {"0.00", "123.45"}},
		{DECIMAL(T_BYTES, 0, 30, 2), "\x02\0\0\0\x30\x39\x01\0\0\0\xff", 11, LH_T_DECIMAL, LH_LANE_I128, {"123.45", "-0.01"}},
		{DECIMAL(T_BYTES, 0, 60, 2), "\x02\0\0\0\x30\x39\x01\0\0\0\xff", 11, LH_T_DECIMAL, LH_LANE_STR, {"123.45", "-0.01"}},
		{DECIMAL(T_FLBA, 20, 45, 1), "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x30\x39\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 40, LH_T_DECIMAL, LH_LANE_STR, {"1234.5", "-0.1"}},
	};

	for (size_t i = 0; i < sizeof(lanes) / sizeof(lanes[0]); i++)
		check_lane(*state, &lanes[i]);
}

static void
rule_7_decimals_that_exceed_their_lane_are_refused(void **state)
{
	static const struct
	{
		PqEl el;
		const char *bytes;
		size_t len;
	} bad[] = {{DECIMAL(T_FLBA, 9, 9, 2), "\x01\0\0\0\0\0\0\0\0", 9},
			   {DECIMAL(T_BYTES, 0, 9, 2), "\x09\0\0\0\x01\0\0\0\0\0\0\0\0", 13},
			   {DECIMAL(T_BYTES, 0, 38, 2), "\x11\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 21}};

	for (int i = 0; i < 3; i++)
	{
		LhPqColumn *col;
		Tw w = {0};
		LhVec v;
		Maker m;

		one_column(&m, *state, bad[i].el);
		tw_bytes(&w, bad[i].bytes, bad[i].len);
		maker_v1(&m, &w, 1, LH_PQ_PLAIN);
		col = finish(&m, 1);
		ASSERT_FAILS(m.ctx, lh_pq_column_read(m.ctx, col, 0, 1, NULL, &v), LH_CORRUPT, "precision");
	}
}

/* Nanoseconds of the day, then the Julian day. */
static void
put_int96(Tw *w, int64_t ns, int32_t day)
{
	tw_bytes(w, &ns, 8);
	tw_bytes(w, &day, 4);
}

static void
int96_becomes_microseconds_or_stays_raw(void **state)
{
	for (int raw = 0; raw < 2; raw++)
	{
		LhPqFile *file;
		LhPqColumn *col;
		Tw w = {0};
		LhVec v;
		Maker m;

		one_column(&m, *state, (PqEl) PQ_LEAF("c", PQ_REQ, T_INT96));
		put_int96(&w, 1000, 2440588);
		put_int96(&w, -1, 2440588);
		put_int96(&w, 0, 2440587);
		/* as Spark writes 290000-12-31: its sum of microseconds wraps around */
		put_int96(&w, INT64_C(-32509551616000), -105862232);
		put_int96(&w, 0, -1); /* a day before the Julian epoch */
		maker_v1(&m, &w, 5, LH_PQ_PLAIN);
		maker_end(&m);
		m.rows = 5;
		ASSERT_OK(m.ctx, maker_open(&m, &file));
		file->options.raw_int96 = raw;
		ASSERT_OK(m.ctx, lh_pq_column_open(m.ctx, file, 0, 1, &col));
		ASSERT_OK(m.ctx, lh_pq_column_read(m.ctx, col, 0, 5, NULL, &v));
		if (raw)
		{
			assert_int_equal(v.type.lane, LH_LANE_FIX);
			assert_int_equal(v.type.width, 12);
			assert_true(v.type.int96);
		}
		else
		{
			const int64_t *us = v.data;

			assert_int_equal(us[0], 1);
			assert_int_equal(us[1], -1);
			assert_true(us[2] == INT64_C(-86400000000));
			assert_true(us[3] == INT64_C(9089380393200000000));
			assert_true(us[4] == INT64_C(-2440589) * INT64_C(86400000000));
			assert_int_equal(counter(m.ctx, LH_CTR_DIGITS_LOST), 1);
		}
	}
}

static void
int96_beyond_64_bits_is_an_error(void **state)
{
	LhPqColumn *col;
	Tw w = {0};
	LhVec v;
	Maker m;

	one_column(&m, *state, (PqEl) PQ_LEAF("c", PQ_REQ, T_INT96));
	put_int96(&w, 0, INT32_MAX);
	maker_v1(&m, &w, 1, LH_PQ_PLAIN);
	col = finish(&m, 1);
	assert_int_equal(lh_pq_column_read(m.ctx, col, 0, 1, NULL, &v), LH_BAD_DATETIME);
}

static void
booleans_are_bytes(void **state)
{
	LhPqColumn *col;
	Tw w = {0};
	LhVec v;
	Maker m;

	one_column(&m, *state, (PqEl) PQ_LEAF("c", PQ_REQ, T_BOOL));
	tw_bytes(&w, "\x05\x02", 2);
	maker_v1(&m, &w, 10, LH_PQ_PLAIN);
	col = finish(&m, 10);
	ASSERT_OK(m.ctx, lh_pq_column_read(m.ctx, col, 1, 9, NULL, &v));
	assert_int_equal(v.type.lane, LH_LANE_U8);
	assert_memory_equal(v.data, "\0\1\0\0\0\0\0\0\1", 9);
}

/* 6.3 (13): decoding hands text on as it is and says that nobody has looked at it yet. */
static void
rule_13_text_is_not_claimed_to_be_valid(void **state)
{
	LhPqColumn *col;
	Tw w = {0};
	LhVec v;
	Maker m;

	one_column(&m, *state, (PqEl) PQ_LEAF_AS("c", PQ_REQ, T_BYTES, C_UTF8));
	tw_bytes(&w, "\x02\0\0\0\xff\0", 6);
	maker_dict(&m, &w, 1);
	tw_byte(&w, 0);
	maker_v1(&m, &w, 10, LH_PQ_RLE_DICTIONARY);
	col = finish(&m, 10);
	ASSERT_OK(m.ctx, lh_pq_column_read(m.ctx, col, 0, 10, NULL, &v));
	assert_false(v.dict->text_checked);
	assert_false(lh_utf8_valid(lh_vec_value(&v, 0).str.ptr, lh_vec_value(&v, 0).str.len));
}

/* An optional leaf in an optional struct is null where its level is not the largest. */
static void
leaves_below_structs_are_flat(void **state)
{
	LhPqFile *file;
	LhPqColumn *col;
	Tw w = {0};
	LhVec v;
	Maker m;
	int node;

	maker_init(&m, *state);
	maker_el(&m, (PqEl) PQ_GROUP_("s", PQ_OPT, 1));
	maker_el(&m, (PqEl) PQ_LEAF("x", PQ_OPT, T_INT32));
	maker_begin(&m, T_INT32);
	put_levels(&w, 2, (uint32_t[]) {2, 1, 0, 2, 2, 0, 1, 2}, 8);
	for (int i = 0; i < 4; i++)
		put_i32(&w, i);
	maker_v1(&m, &w, 8, LH_PQ_PLAIN);
	maker_end(&m);
	m.rows = 8;
	ASSERT_OK(m.ctx, maker_open(&m, &file));
	node = lh_pq_find(lh_pq_meta(file), "s.x");
	ASSERT_OK(m.ctx, lh_pq_column_open(m.ctx, file, 0, node, &col));
	ASSERT_OK(m.ctx, lh_pq_column_read(m.ctx, col, 0, 8, NULL, &v));
	assert_int_equal(v.type.id, LH_T_INT32);
	assert_int_equal(v.valid[0], 0x99);
	assert_int_equal(((const int32_t *) v.data)[7], 3);
}

/* ---- memory ---- */

/* 4 MB of pages through a budget of 300 kB: read-ahead shrinks, the floor is never refused. */
static void
a_tight_budget_shrinks_the_window(void **state)
{
	LhBudget budget = {.limit = 64 * 1024, .setting = "work_mem"};
	LhCtx *ctx = *state;
	LhArena *old = ctx->arena;
	LhArena *arena = lh_arena_create(&budget);
	LhPqColumn *col;
	LhPqFile *file;
	LhVec v;
	Maker m;

	one_column(&m, ctx, (PqEl) PQ_LEAF("c", PQ_REQ, T_INT64));
	m.codec = m.cols[0].codec = 1;
	for (int page = 0; page < 64; page++)
	{
		Tw w = {0};

		put_i64s(&w, page * 8000, 8000);
		maker_v1(&m, &w, 8000, LH_PQ_PLAIN);
	}
	maker_end(&m);
	m.rows = 64 * 8000;
	ASSERT_OK(ctx, maker_open(&m, &file));
	lh_use(ctx, arena);
	ASSERT_OK(ctx, lh_pq_column_open(ctx, file, 0, 1, &col));
	for (int64_t row = 0; row < 64 * 8000; row += 2000)
	{
		ASSERT_OK(ctx, lh_pq_column_read(ctx, col, row, 2000, NULL, &v));
		assert_int_equal(((const int64_t *) v.data)[1999], row + 1999);
	}
	assert_true(budget.peak < 300 * 1024);
	lh_pq_column_close(col);
	assert_true(budget.used < 64 * 1024);
	lh_use(ctx, old);
	lh_arena_destroy(arena);
}

/* ---- reading again ---- */

/* A dictionary page, pages of codes, then a plain one. */
static LhPqColumn *
column_that_falls_back(Maker *m, LhCtx *ctx)
{
	Tw plain = {0};

	one_column(m, ctx, (PqEl) PQ_LEAF("c", PQ_REQ, T_BYTES));
	string_dict(m, 4);
	for (int page = 0; page < 4; page++)
	{
		Tw w = {0};

		tw_byte(&w, 2);
		put_rle(&w, 2, page, 100);
		maker_v1(m, &w, 100, LH_PQ_RLE_DICTIONARY);
	}
	for (int i = 0; i < 100; i++)
		put_string(&plain, "plain");
	maker_v1(m, &plain, 100, LH_PQ_PLAIN);
	return finish(m, 500);
}

static void
a_rewound_column_keeps_its_dictionary(void **state)
{
	const LhDict *dict, *again;
	LhPqColumn *col;
	uint32_t id;
	LhVec v;
	Maker m;

	col = column_that_falls_back(&m, *state);
	ASSERT_OK(m.ctx, lh_pq_column_dict(m.ctx, col, &dict));
	id = dict->id;
	for (int round = 0; round < 10; round++)
	{
		int64_t stop_at = 50 * (round + 1);

		ASSERT_OK(m.ctx, lh_pq_column_read(m.ctx, col, 0, 150, NULL, &v));
		assert_int_equal(v.kind, LH_VEC_RUNS);
		assert_int_equal(v.dict->id, id);
		assert_string(&v, 99, "entry 0");
		assert_string(&v, 100, "entry 1");
		/* wherever the column stood */
		if (stop_at > 150)
		{
			ASSERT_OK(m.ctx, lh_pq_column_read(m.ctx, col, stop_at - 1, 1, NULL, &v));
			assert_string(&v, 0, stop_at > 400 ? "plain" : stop_at > 300 ? "entry 3" :
						  stop_at > 200 ? "entry 2" : "entry 1");
		}
		assert_true(lh_pq_column_can_rewind(col));
		lh_pq_column_rewind(col);
		ASSERT_OK(m.ctx, lh_pq_column_dict(m.ctx, col, &again));
		assert_ptr_equal(again, dict);
	}
	assert_int_equal(counter(m.ctx, LH_CTR_DICT_PAGES_READ), 1);
}

static void
a_column_that_failed_is_not_rewound(void **state)
{
	LhPqColumn *col;
	Tw w = {0};
	LhVec v;
	Maker m;

	one_column(&m, *state, (PqEl) PQ_LEAF("c", PQ_REQ, T_BYTES));
	string_dict(&m, 4);
	tw_byte(&w, 3);
	put_rle(&w, 3, 7, 100);
	maker_v1(&m, &w, 100, LH_PQ_RLE_DICTIONARY);
	col = finish(&m, 100);
	assert_true(lh_pq_column_can_rewind(col));
	assert_int_equal(lh_pq_column_read(m.ctx, col, 0, 100, NULL, &v), LH_CORRUPT);
	assert_false(lh_pq_column_can_rewind(col));
}

static bool
stop(void *arg)
{
	return (*(int *) arg)-- <= 0;
}

static void
reading_can_be_cancelled(void **state)
{
	static const LhHost host = {.interrupted = stop};
	int left = 5;
	LhCtx *ctx = *state;
	LhPqColumn *col;
	LhStatus status = LH_OK;
	LhVec v;
	Maker m;

	col = pages_of_100(&m, ctx, false);
	ctx->host = &host;
	ctx->host_arg = &left;
	for (int row = 0; row < 2000 && status == LH_OK; row += 10)
		status = lh_pq_column_read(ctx, col, row, 10, NULL, &v);
	assert_int_equal(status, LH_CANCELLED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_dictionary_can_be_had_alone),
		TEST(dictionaries_never_share_an_id),
		TEST(a_dictionary_that_no_page_needs_is_not_decoded),
		TEST(types_come_in_their_lanes),
		TEST(rule_7_decimals_of_any_width),
		TEST(rule_7_decimals_that_exceed_their_lane_are_refused),
		TEST(int96_becomes_microseconds_or_stays_raw),
		TEST(int96_beyond_64_bits_is_an_error),
		TEST(booleans_are_bytes),
		TEST(rule_13_text_is_not_claimed_to_be_valid),
		TEST(leaves_below_structs_are_flat),
		TEST(a_tight_budget_shrinks_the_window),
		TEST(a_rewound_column_keeps_its_dictionary),
		TEST(a_column_that_failed_is_not_rewound),
		TEST(reading_can_be_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
