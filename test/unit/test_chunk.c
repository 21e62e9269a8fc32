/*
 * test_chunk.c
 *		Columns that are made compact come back bit for bit, whatever is asked of them.
 */
#include "test_vec_gen.h"

#include "scan/chunk.h"

#define MOST_PIECES 64

static LhCtx *ctx;

static int
setup(void **state)
{
	(void) state;
	ctx = lh_ctx_create();
	return ctx == NULL;
}

static int
teardown(void **state)
{
	(void) state;
	lh_ctx_destroy(ctx);
	return 0;
}

/* The same value, floats by their bits. */
static bool
same_value(const LhValue *a, const LhValue *b)
{
	if (a->null || b->null)
		return a->null == b->null;
	switch (a->type.lane)
	{
		case LH_LANE_STR:
		case LH_LANE_FIX:
			return a->str.len == b->str.len && memcmp(a->str.ptr, b->str.ptr, a->str.len) == 0;
		case LH_LANE_I128: return a->i128 == b->i128;
		default: return a->i64 == b->i64;
	}
}

/* The chunk of the vectors, in memory that begins with garbage. */
static const LhChunk *
make(const LhType *type, int npieces, const LhVec *pieces)
{
	LhChunkMaker *maker;
	int64_t rows = 0;
	size_t size;
	void *to;

	for (int i = 0; i < npieces; i++)
		rows += pieces[i].n;
	ok(lh_chunk_maker_create(ctx, type, rows, &maker));
	for (int i = 0; i < npieces; i++)
		ok(lh_chunk_add(ctx, maker, &pieces[i]));
	ok(lh_chunk_seal(ctx, maker, &size));
	to = aligned_alloc(64, size);
	assert_non_null(to);
	memset(to, 0xa5, size);
	lh_chunk_write(maker, to);
	return to;
}

static LhChunkReader *
reader_of(const LhChunk *chunk)
{
	LhChunkReader *reader;

	ok(lh_chunk_reader_create(ctx, chunk, &reader));
	return reader;
}

/* A vector that was read holds the rows from "row" on of all that was put in. */
static void
check_vec(const LhVec *got, const LhValue *rows, int64_t row, int n)
{
	assert_int_equal(got->n, n);
	for (int i = 0; i < n; i++)
	{
		LhValue v = gen_row(got, i);

		if (!same_value(&v, &rows[row + i]))
			fail_msg("row %lld of a column of lane %d differs", (long long) row + i, got->type.lane);
		if (got->kind == LH_VEC_DICT)
			assert_true(got->codes[i] < got->dict->n && (!v.null || got->codes[i] == 0));
	}
	/* bits behind the rows are not set: others count words */
	if (got->kind != LH_VEC_CONST && got->valid != NULL && n % 64 != 0)
		assert_int_equal(got->valid[n / 64] >> (n % 64), 0);
}

static void
check_chunk(const LhChunk *chunk, const LhValue *rows, int64_t n)
{
	LhChunkReader *reader = reader_of(chunk);
	int64_t nulls = 0;
	LhVec vec;

	for (int64_t i = 0; i < n; i++)
		nulls += rows[i].null;
	assert_int_equal(chunk->rows, n);
	assert_int_equal(chunk->nulls, nulls);
	for (int64_t row = 0; row < n; row += LH_BATCH)
	{
		int some = n - row < LH_BATCH ? (int) (n - row) : LH_BATCH;

		lh_chunk_read(reader, row, some, &vec);
		check_vec(&vec, rows, row, some);
	}
	for (int i = 0; i < 12; i++)
	{
		int64_t row = (int64_t) (gen_u64() % (uint64_t) n);
		int most = n - row < LH_BATCH ? (int) (n - row) : LH_BATCH;
		int some = 1 + gen_int(gen_chance(2) ? most : most < 100 ? most : 100);

		lh_chunk_read(reader, row, some, &vec);
		check_vec(&vec, rows, row, some);
	}
}

static void
random_columns_come_back(void **state)
{
	int shapes[5] = {0};

	(void) state;
	for (int round = 0; round < 1500; round++)
	{
		LhArena *arena = lh_arena_child(ctx->arena), *old = lh_use(ctx, arena);
		LhType type = gen_type();
		uint32_t pool = gen_chance(3) ? 1 : gen_chance(2) ? 1 + (uint32_t) gen_int(10) : 3000;
		LhDict *d = gen_dict(ctx, &type, pool);
		LhVec pieces[MOST_PIECES];
		LhValue *rows;
		int npieces = 1 + gen_int(5);
		int64_t n = 0;
		bool nulls = gen_chance(2);
		const LhChunk *chunk;

		for (int i = 0; i < npieces; i++)
		{
			pieces[i] = gen_vec_of(ctx, d, gen_chance(2) ? LH_BATCH : 1 + gen_int(LH_BATCH),
								   (LhVecKind) gen_int(4), nulls);
			n += pieces[i].n;
		}
		rows = lh_alloc(ctx, (size_t) n * sizeof(LhValue));
		n = 0;
		for (int i = 0; i < npieces; i++)
			for (int k = 0; k < pieces[i].n; k++)
				rows[n++] = gen_row(&pieces[i], k);
		chunk = make(&type, npieces, pieces);
		shapes[chunk->shape]++;
		check_chunk(chunk, rows, n);
		free((void *) (uintptr_t) chunk);
		lh_use(ctx, old);
		lh_arena_destroy(arena);
	}
	for (int i = 0; i < 5; i++)
		if (shapes[i] == 0)
			fail_msg("no chunk of shape %d was made", i);
}

/* Flat vectors of int64, in one piece each. */
static const LhChunk *
make_longs(int64_t n, int64_t (*value)(int64_t), LhValue **rows)
{
	static const LhType type = {.id = LH_T_INT64, .lane = LH_LANE_I64};
	int64_t *data = lh_alloc(ctx, (size_t) n * 8);
	LhVec pieces[MOST_PIECES];
	int npieces = 0;

	*rows = lh_alloc(ctx, (size_t) n * sizeof(LhValue));
	for (int64_t i = 0; i < n; i++)
	{
		data[i] = value(i);
		(*rows)[i] = (LhValue){.type = type, .i64 = data[i]};
	}
	for (int64_t i = 0; i < n; i += LH_BATCH)
		pieces[npieces++] = (LhVec){.type = type, .data = data + i, .n = n - i < LH_BATCH ? (int) (n - i) : LH_BATCH};
	return make(&type, npieces, pieces);
}

static int64_t range;
static int64_t from_zero(int64_t i) { return i % 7 == 3 ? range : 0; }
static int64_t from_least(int64_t i) { return i % 7 == 3 ? INT64_MIN + range : INT64_MIN; }
static int64_t to_most(int64_t i) { return i % 7 == 3 ? INT64_MAX - range : INT64_MAX; }
static int64_t both_ends(int64_t i) { return i % 2 == 0 ? INT64_MIN : INT64_MAX; }

/* Widths at their borders, wherever the numbers lie. */
static void
numbers_take_as_many_bytes_as_they_need(void **state)
{
	static const struct { int64_t range; uint32_t width; } cases[] = {
		{0, 0}, {1, 1}, {255, 1}, {256, 2}, {65535, 2}, {65536, 4}, {UINT32_MAX, 4}, {INT64_C(1) << 32, 8}, {INT64_MAX, 8}};
	int64_t (*const values[])(int64_t) = {from_zero, from_least, to_most};
	LhValue *rows;
	const LhChunk *chunk;

	(void) state;
	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++)
		for (int v = 0; v < 3; v++)
		{
			range = cases[c].range;
			chunk = make_longs(LH_BATCH + 100, values[v], &rows);
			assert_int_equal(chunk->shape, LH_CHUNK_NUMBERS);
			assert_int_equal(chunk->segments[0].width, cases[c].width);
			assert_int_equal(chunk->segments[1].width, cases[c].width);
			check_chunk(chunk, rows, LH_BATCH + 100);
			free((void *) (uintptr_t) chunk);
		}
	chunk = make_longs(3 * LH_BATCH, both_ends, &rows);
	check_chunk(chunk, rows, 3 * LH_BATCH);
	free((void *) (uintptr_t) chunk);
}

/* A value for all rows is one in the vector, too. */
static void
a_constant_is_one_value(void **state)
{
	static const LhType real = {.id = LH_T_DOUBLE, .lane = LH_LANE_F64};
	double data[LH_BATCH];
	LhVec piece = {.type = real, .data = data, .n = LH_BATCH}, vec;
	const LhChunk *chunk;

	(void) state;
	for (int i = 0; i < LH_BATCH; i++)
		data[i] = -0.0;
	chunk = make(&real, 1, &piece);
	lh_chunk_read(reader_of(chunk), 0, LH_BATCH, &vec);
	assert_int_equal(vec.kind, LH_VEC_CONST);
	assert_memory_equal(vec.data, data, 8);
	free((void *) (uintptr_t) chunk);
	/* 0 and -0 are not one value, nor are two NaNs of other bits */
	data[5] = 0.0;
	chunk = make(&real, 1, &piece);
	lh_chunk_read(reader_of(chunk), 0, LH_BATCH, &vec);
	assert_int_equal(vec.kind, LH_VEC_FLAT);
	assert_memory_equal(vec.data, data, sizeof(data));
	free((void *) (uintptr_t) chunk);
}

/* n strings of which "different" differ; the memory they came in is gone when they are read. */
static const LhChunk *
make_texts(int64_t n, int64_t different, int64_t last)
{
	static const LhType text = {.id = LH_T_STRING, .lane = LH_LANE_STR};
	LhChunkMaker *maker;
	size_t size;
	void *to;

	ok(lh_chunk_maker_create(ctx, &text, n, &maker));
	for (int64_t row = 0; row < n; row += LH_BATCH)
	{
		static char bytes[LH_BATCH][16];
		LhStr strs[LH_BATCH];
		int some = n - row < LH_BATCH ? (int) (n - row) : LH_BATCH;
		LhVec piece = {.type = text, .data = strs, .n = some};

		for (int i = 0; i < some; i++)
		{
			int64_t k = row + i == n - 1 ? last : (row + i) % different;
			int len = snprintf(bytes[i], sizeof(bytes[i]), "%lld", (long long) k);

			strs[i] = (LhStr){(const uint8_t *) bytes[i], k == 0 ? 0 : (uint32_t) len, 0};
		}
		ok(lh_chunk_add(ctx, maker, &piece));
		memset(bytes, 'x', sizeof(bytes));
	}
	ok(lh_chunk_seal(ctx, maker, &size));
	to = aligned_alloc(64, size);
	assert_non_null(to);
	lh_chunk_write(maker, to);
	return to;
}

static void
check_texts(const LhChunk *chunk, int64_t different, int64_t last)
{
	LhChunkReader *reader = reader_of(chunk);

	for (int64_t row = 0; row < chunk->rows; row += LH_BATCH)
	{
		int some = chunk->rows - row < LH_BATCH ? (int) (chunk->rows - row) : LH_BATCH;
		LhVec vec;

		lh_chunk_read(reader, row, some, &vec);
		for (int i = 0; i < some; i++)
		{
			int64_t k = row + i == chunk->rows - 1 ? last : (row + i) % different;
			char want[16];
			int len = snprintf(want, sizeof(want), "%lld", (long long) k);
			LhValue v = gen_row(&vec, i);

			assert_false(v.null);
			assert_int_equal(v.str.len, k == 0 ? 0 : len);
			assert_memory_equal(v.str.ptr, want, v.str.len);
		}
	}
}

static void
strings_that_repeat_are_codes(void **state)
{
	static const struct { int64_t rows, different, last; LhChunkShape shape; uint32_t width; } cases[] = {
		{100, 100, 1, LH_CHUNK_CODES, 1},	/* fewer rows than tell anything */
		{10000, 7, 1, LH_CHUNK_CODES, 1},
		{10000, 256, 1, LH_CHUNK_CODES, 1},
		{10000, 256, 256, LH_CHUNK_CODES, 2},
		{10000, 512, 1, LH_CHUNK_CODES, 2},
		{10000, 10000, 1, LH_CHUNK_STRINGS, 0},
		{2 * LH_BATCH, LH_BATCH, 1, LH_CHUNK_STRINGS, 0},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		const LhChunk *chunk = make_texts(cases[i].rows, cases[i].different, cases[i].last);

		assert_int_equal(chunk->shape, cases[i].shape);
		assert_int_equal(chunk->code_width, cases[i].width);
		check_texts(chunk, cases[i].different, cases[i].last);
		free((void *) (uintptr_t) chunk);
	}
}

/* As many as codes can name, and one more, which is the last row. */
static void
one_string_too_many_ends_the_codes(void **state)
{
	/* so long without a new one that the share of entries is never too large */
	static const int64_t rows = 5 * 65536;
	static const LhType text = {.id = LH_T_STRING, .lane = LH_LANE_STR};

	(void) state;
	for (int more = 0; more < 2; more++)
	{
		LhChunkMaker *maker;
		LhChunkReader *reader;
		size_t size;
		LhChunk *chunk;
		LhVec vec;

		ok(lh_chunk_maker_create(ctx, &text, rows, &maker));
		for (int64_t row = 0; row < rows; row += LH_BATCH)
		{
			static uint32_t keys[LH_BATCH];
			LhStr strs[LH_BATCH];
			LhVec piece = {.type = text, .data = strs, .n = LH_BATCH};

			for (int i = 0; i < LH_BATCH; i++)
			{
				keys[i] = (uint32_t) ((row + i) / 5 + (row + i == rows - 1 ? more : 0));
				strs[i] = (LhStr){(const uint8_t *) &keys[i], 4, 0};
			}
			ok(lh_chunk_add(ctx, maker, &piece));
		}
		ok(lh_chunk_seal(ctx, maker, &size));
		chunk = aligned_alloc(64, size);
		lh_chunk_write(maker, chunk);
		assert_int_equal(chunk->shape, more ? LH_CHUNK_STRINGS : LH_CHUNK_CODES);
		reader = reader_of(chunk);
		for (int64_t row = 0; row < rows; row += LH_BATCH)
		{
			lh_chunk_read(reader, row, LH_BATCH, &vec);
			for (int i = 0; i < LH_BATCH; i++)
			{
				uint32_t key = (uint32_t) ((row + i) / 5 + (row + i == rows - 1 ? more : 0));
				LhValue v = gen_row(&vec, i);

				assert_int_equal(v.str.len, 4);
				assert_memory_equal(v.str.ptr, &key, 4);
			}
		}
		free(chunk);
	}
}

static void
what_is_promised_is_held(void **state)
{
	static const LhType type = {.id = LH_T_INT32, .lane = LH_LANE_I32};
	static const LhType other = {.id = LH_T_INT64, .lane = LH_LANE_I64};
	static const LhType nested = {.id = LH_T_LIST};
	static const LhType wide = {.id = LH_T_FIXED, .lane = LH_LANE_FIX, .width = LH_CHUNK_MOST_FIXED + 1};
	int64_t data[10] = {0};
	LhVec piece = {.type = type, .data = data, .n = 10};
	LhChunkMaker *maker;
	size_t size;

	(void) state;
	assert_false(lh_chunk_can(&nested));
	assert_false(lh_chunk_can(&wide));
	assert_int_equal(lh_chunk_maker_create(ctx, &nested, 10, &maker), LH_BUG);
	assert_int_equal(lh_chunk_maker_create(ctx, &type, LH_CHUNK_MOST_ROWS + 1, &maker), LH_BUG);
	ok(lh_chunk_maker_create(ctx, &type, 15, &maker));
	ok(lh_chunk_add(ctx, maker, &piece));
	assert_int_equal(lh_chunk_seal(ctx, maker, &size), LH_BUG);
	assert_int_equal(lh_chunk_add(ctx, maker, &piece), LH_BUG);
	piece.type = other;
	piece.n = 5;
	assert_int_equal(lh_chunk_add(ctx, maker, &piece), LH_BUG);
}

/* However little memory there is: refused, or right. */
static void
short_memory_is_refused(void **state)
{
	static const LhType text = {.id = LH_T_STRING, .lane = LH_LANE_STR};
	int made = 0, refused = 0;

	(void) state;
	for (size_t limit = 1 << 14; limit < (size_t) 1 << 22; limit += limit / 4)
	{
		LhBudget budget = {.limit = limit, .setting = "work_mem"};
		LhArena *arena = lh_arena_create(&budget), *old = lh_use(ctx, arena);
		LhChunkMaker *maker = NULL;
		LhStatus status = lh_chunk_maker_create(ctx, &text, 20 * LH_BATCH, &maker);
		size_t size;

		for (int i = 0; i < 20 && status == LH_OK; i++)
		{
			uint32_t keys[LH_BATCH];
			LhStr strs[LH_BATCH];
			LhVec piece = {.type = text, .data = strs, .n = LH_BATCH};

			for (int k = 0; k < LH_BATCH; k++)
			{
				keys[k] = (uint32_t) (limit % 2 == 0 ? i * LH_BATCH + k : k % 500);
				strs[k] = (LhStr){(const uint8_t *) &keys[k], 4, 0};
			}
			status = lh_chunk_add(ctx, maker, &piece);
		}
		if (status == LH_OK)
			status = lh_chunk_seal(ctx, maker, &size);
		assert_true(status == LH_OK || status == LH_NO_MEMORY);
		made += status == LH_OK;
		refused += status != LH_OK;
		lh_error_clear(ctx);
		lh_use(ctx, old);
		lh_arena_destroy(arena);
	}
	assert_true(made > 0 && refused > 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(random_columns_come_back),
		TEST(numbers_take_as_many_bytes_as_they_need),
		TEST(a_constant_is_one_value),
		TEST(strings_that_repeat_are_codes),
		TEST(one_string_too_many_ends_the_codes),
		TEST(what_is_promised_is_held),
		TEST(short_memory_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
