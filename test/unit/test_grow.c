/*
 * test_grow.c
 *		Data of unknown size: limits, the floor and the budget, huge streams, frames without a size.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "codec/codec.h"
#include "codec/grow.h"

#define MB    ((size_t) 1 << 20)
#define FLOOR (4 * MB)
#define LIMIT (64 * MB)

static LhCtx *ctx;
static LhBudget budget;
static LhArena *arena;

static int
setup(void **state)
{
	ctx = lh_ctx_create();
	budget = (LhBudget){.limit = 0, .setting = "work_mem"};
	arena = lh_arena_create(&budget);
	return 0;
}

static int
teardown(void **state)
{
	lh_arena_destroy(arena);
	lh_ctx_destroy(ctx);
	return 0;
}

static void
ok(LhStatus status)
{
	if (status != LH_OK)
		fail_msg("%s", ctx->error->message);
}

/* n bytes that shrink well, in ctx->arena, outside of the budget. */
static LhSlice
pattern(size_t n)
{
	uint8_t *p = lh_alloc(ctx, n + 1);

	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t) (i / 1000);
	return lh_slice(p, n);
}

static LhSlice
deflated(LhSlice in)
{
	struct libdeflate_compressor *c = libdeflate_alloc_compressor(1);
	size_t room = libdeflate_deflate_compress_bound(c, in.len);
	uint8_t *out = lh_alloc(ctx, room);
	size_t n = libdeflate_deflate_compress(c, in.data, in.len, out, room);

	libdeflate_free_compressor(c);
	assert_true(n > 0);
	return lh_slice(out, n);
}

/* A frame that names its size or does not, with this window. */
static LhSlice
framed(LhSlice in, bool sized, int window_log)
{
	ZSTD_CCtx *c = ZSTD_createCCtx();
	size_t room = ZSTD_compressBound(in.len) + 64;
	uint8_t *out = lh_alloc(ctx, room);
	ZSTD_inBuffer from = {in.data, in.len, 0};
	ZSTD_outBuffer to = {out, room, 0};

	ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, 1);
	if (window_log > 0)
		ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, window_log);
	if (sized)
		ZSTD_CCtx_setPledgedSrcSize(c, in.len);
	else
		/* else one call would tell the size */
		ZSTD_compressStream2(c, &to, &from, ZSTD_e_flush);
	assert_int_equal(ZSTD_compressStream2(c, &to, &from, ZSTD_e_end), 0);
	ZSTD_freeCCtx(c);
	return lh_slice(out, to.pos);
}

static LhGrow *
grower(void)
{
	LhArena *old = lh_use(ctx, arena);
	LhGrow *grow;

	ok(lh_grow_create(ctx, LIMIT, FLOOR, &grow));
	lh_use(ctx, old);
	return grow;
}

static LhBuf
buffer(void)
{
	return (LhBuf){.arena = arena};
}

typedef LhStatus (*Decode)(LhCtx *ctx, LhGrow *grow, const uint8_t *in, size_t len, LhBuf *out);

/* It comes back, and is counted once. */
static void
expect_back(Decode decode, LhSlice packed, LhSlice in)
{
	LhGrow *grow = grower();
	LhBuf out = buffer();
	uint64_t before = ctx->counters->v[LH_CTR_BYTES_DECOMPRESSED];

	ok(decode(ctx, grow, packed.data, packed.len, &out));
	assert_int_equal(out.len, in.len);
	assert_true(in.len == 0 || memcmp(out.data, in.data, in.len) == 0);
	assert_int_equal(ctx->counters->v[LH_CTR_BYTES_DECOMPRESSED] - before, in.len);
	lh_buf_free(&out);
}

static void
data_of_every_size_comes_back_and_is_counted_once(void **state)
{
	static const size_t sizes[] = {0, 1, 1000, 100000, 16 * MB + 1, 40 * MB, LIMIT};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
	{
		LhSlice in = pattern(sizes[i]);

		expect_back(lh_grow_deflate, deflated(in), in);
		expect_back(lh_grow_zstd, framed(in, true, 0), in);
		expect_back(lh_grow_zstd, framed(in, false, 0), in);
	}
}

static void
several_frames_are_one_after_the_other(void **state)
{
	LhSlice in = pattern(300000);

	for (int mask = 0; mask < 4; mask++)
	{
		LhSlice a = framed(lh_slice(in.data, 100000), mask & 1, 0);
		LhSlice b = framed(lh_slice(in.data + 100000, 200000), mask & 2, 0);
		uint8_t *both = lh_alloc(ctx, a.len + b.len + 12);

		memcpy(both, a.data, a.len);
		/* a skippable one of 4 bytes */
		memcpy(both + a.len, "\x50\x2a\x4d\x18\4\0\0\0abcd", 12);
		memcpy(both + a.len + 12, b.data, b.len);
		expect_back(lh_grow_zstd, lh_slice(both, a.len + 12 + b.len), in);
	}
}

static void
expect_failure(Decode decode, LhSlice packed, LhStatus status, const char *part)
{
	LhGrow *grow = grower();
	LhBuf out = buffer();

	assert_int_equal(decode(ctx, grow, packed.data, packed.len, &out), status);
	if (strstr(ctx->error->message, part) == NULL)
		fail_msg("\"%s\" without \"%s\"", ctx->error->message, part);
	lh_error_clear(ctx);
	lh_buf_free(&out);
}

static void
one_byte_beyond_the_limit_is_too_much(void **state)
{
	LhSlice in = pattern(LIMIT + 1);

	expect_failure(lh_grow_deflate, deflated(in), LH_LIMIT, "become more than 67108864");
	expect_failure(lh_grow_zstd, framed(in, true, 0), LH_LIMIT, "become more than 67108864");
	expect_failure(lh_grow_zstd, framed(in, false, 0), LH_LIMIT, "become more than 67108864");
}

static void
damage_is_found_in_small_and_huge_data(void **state)
{
	static const size_t sizes[] = {1000, 40 * MB};

	for (int i = 0; i < 2; i++)
	{
		LhSlice in = pattern(sizes[i]);
		LhSlice d = deflated(in), z = framed(in, true, 0), u = framed(in, false, 0);

		expect_failure(lh_grow_deflate, lh_slice(d.data, d.len / 2), LH_CORRUPT,
					   "are no deflate stream");
		expect_failure(lh_grow_zstd, lh_slice(z.data, z.len - 1), LH_CORRUPT, "damaged");
		expect_failure(lh_grow_zstd, lh_slice(u.data, u.len - 1), LH_CORRUPT, "damaged");
	}
	expect_failure(lh_grow_deflate, lh_slice("\xff\xff\xff", 3), LH_CORRUPT,
				   "are no deflate stream");
	expect_failure(lh_grow_zstd, lh_slice("abcdefgh", 8), LH_CORRUPT, "no zstd frame");
}

/* Up to the floor nothing is refused; beyond it the budget has to hold it. */
static void
beyond_the_floor_the_budget_decides(void **state)
{
	LhSlice small = pattern(3 * MB), large = pattern(20 * MB);

	budget.limit = MB;
	expect_back(lh_grow_deflate, deflated(small), small);
	expect_back(lh_grow_zstd, framed(small, true, 0), small);
	expect_back(lh_grow_zstd, framed(small, false, 20), small);
	assert_true(budget.floor_peak >= 3 * MB);
	expect_failure(lh_grow_deflate, deflated(large), LH_NO_MEMORY, "exceed the limit of 1024 kB");
	expect_failure(lh_grow_zstd, framed(large, true, 0), LH_NO_MEMORY,
				   "exceed the limit of 1024 kB");
	expect_failure(lh_grow_zstd, framed(large, false, 20), LH_NO_MEMORY,
				   "exceed the limit of 1024 kB");
	budget.limit = 64 * MB;
	expect_back(lh_grow_deflate, deflated(large), large);
	expect_back(lh_grow_zstd, framed(large, false, 0), large);
}

/* What libzstd allocates for a window is ours to account. */
static void
windows_of_streamed_frames_are_counted(void **state)
{
	/* flushed at its begin and without a size, a frame keeps the window that was asked for */
	LhSlice in = pattern(100000), frame = framed(in, false, 24);

	expect_back(lh_grow_zstd, frame, in);
	assert_true(budget.peak >= 16 * MB);
	budget.limit = MB;
	lh_arena_reset(arena);
	assert_int_equal(budget.used > MB, 0);
	expect_failure(lh_grow_zstd, frame, LH_NO_MEMORY, "exceed the limit of 1024 kB");
}

/* Eight bytes do not become a gigabyte, whatever they say. */
static void
promises_that_cannot_be_kept_take_no_memory(void **state)
{
	/* single segment, content size of 8 bytes: 2^25, within the limit */
	expect_failure(lh_grow_zstd, lh_slice("\x28\xb5\x2f\xfd\xe0\0\0\0\2\0\0\0\0\1\0\0", 16),
				   LH_CORRUPT, "promises 33554432");
	assert_true(budget.peak < MB);
}

static int asked;

static bool
third_time(void *arg)
{
	return ++asked >= 3;
}

static void
huge_data_can_be_cancelled(void **state)
{
	static const LhHost host = {.interrupted = third_time};
	LhSlice in = pattern(60 * MB);
	LhSlice packed[3] = {deflated(in), framed(in, true, 0), framed(in, false, 0)};

	for (int i = 0; i < 3; i++)
	{
		LhGrow *grow = grower();
		LhBuf out = buffer();
		Decode decode = i == 0 ? lh_grow_deflate : lh_grow_zstd;

		asked = 0;
		ctx->host = &host;
		assert_int_equal(decode(ctx, grow, packed[i].data, packed[i].len, &out), LH_CANCELLED);
		ctx->host = NULL;
		lh_error_clear(ctx);
		lh_buf_free(&out);
	}
}

/* What no valid block exceeds: each bound holds for the best that its format can do. */
static void
bounds_of_blocks_hold(void **state)
{
	LhSlice zeros = lh_slice(lh_alloc0(ctx, 8 * MB), 8 * MB);
	LhSlice d = deflated(zeros), z = framed(zeros, true, 0);

	assert_true(lh_block_most(LH_BLOCK_DEFLATE, d.len) >= zeros.len);
	assert_true(lh_block_most(LH_BLOCK_ZSTD, z.len) >= zeros.len);
	assert_true(lh_block_most(LH_BLOCK_BROTLI, 1) == SIZE_MAX);
	assert_true(lh_block_most(LH_BLOCK_ZSTD, SIZE_MAX / 2) == SIZE_MAX);
	/* room: the least of what the block says, what it can hold and what is allowed */
	assert_int_equal(lh_block_room(LH_BLOCK_DEFLATE, d.data, 10, MB), 10320);
	assert_int_equal(lh_block_room(LH_BLOCK_DEFLATE, d.data, d.len, 1000), 1000);
	assert_int_equal(lh_block_room(LH_BLOCK_ZSTD, z.data, z.len, 16 * MB), 8 * MB);
	assert_int_equal(lh_block_room(LH_BLOCK_SNAPPY, (const uint8_t *) "\xff\xff\xff\xff\xf", 5, MB),
					 110);
	assert_int_equal(lh_block_room(LH_BLOCK_BROTLI, (const uint8_t *) "abc", 3, MB), MB);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(data_of_every_size_comes_back_and_is_counted_once),
		TEST(several_frames_are_one_after_the_other),
		TEST(one_byte_beyond_the_limit_is_too_much),
		TEST(damage_is_found_in_small_and_huge_data),
		TEST(beyond_the_floor_the_budget_decides),
		TEST(windows_of_streamed_frames_are_counted),
		TEST(promises_that_cannot_be_kept_take_no_memory),
		TEST(huge_data_can_be_cancelled),
		TEST(bounds_of_blocks_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
