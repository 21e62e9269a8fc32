/*
 * test_avro_memory.c
 *		What reading Avro may take: the floor, the budget, and what is counted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "unit/avro_make.h"

#define MB ((size_t) 1 << 20)

static const char *const codecs[] = {"deflate", "snappy", "zstandard"};

static LhCtx *ctx;
static LhBudget budget;
static LhArena *arena;

static int
setup(void **state)
{
	ctx = lh_ctx_create();
	budget = (LhBudget){.limit = 4 * MB, .setting = "work_mem"};
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

/* A file of one text a row, made outside of the budget. */
static AvroMake
new_file(const char *codec)
{
	AvroMake m = avro_new(ctx);

	avro_header(&m, "{\"type\":\"record\",\"name\":\"r\",\"fields\":[{\"name\":\"s\",\"type\":\"string\"}]}",
				codec, NULL);
	return m;
}

/* A block of one row of n bytes. */
static void
add_block(AvroMake *m, const char *codec, size_t n)
{
	AvroMake row = avro_new(ctx);

	avro_long(&row, (int64_t) n);
	avro_must(lh_buf_reserve(ctx, &row.b, row.b.len + n));
	memset(row.b.data + row.b.len, 'x', n);
	row.b.len += n;
	avro_block(m, 1, &row.b, codec);
	lh_buf_free(&row.b);
}

/* Read all rows within the budget; *rows of them came. */
static LhStatus
read_all(const AvroMake *m, int *rows, LhAvroReader **reader)
{
	LhArena *old = lh_use(ctx, arena);
	LhAvroWant all = {.node = 1};
	LhAvroFile *file;
	LhAvroBatch batch;
	LhStatus status;

	*rows = 0;
	assert_int_equal(lh_avro_open_bytes(ctx, lh_slice(m->b.data, m->b.len), "made", &file), LH_OK);
	assert_int_equal(lh_avro_reader_open(ctx, file, 1, &all, NULL, reader), LH_OK);
	do
	{
		status = lh_avro_next(ctx, *reader, &batch);
		*rows += status == LH_OK ? batch.n : 0;
	} while (status == LH_OK && batch.n > 0);
	lh_use(ctx, old);
	return status;
}

/* Like any page a block is read whatever work_mem says, up to 16 MB; then work_mem counts. */
static void
blocks_are_floor_up_to_16_mb(void **state)
{
	for (int c = 0; c < 3; c++)
	{
		AvroMake m = new_file(codecs[c]);
		LhAvroReader *reader;
		int rows;

		add_block(&m, codecs[c], 10 * MB);
		assert_int_equal(read_all(&m, &rows, &reader), LH_OK);
		assert_int_equal(rows, 1);
		assert_true(budget.floor_peak >= 10 * MB);
		lh_avro_reader_close(reader);
		add_block(&m, codecs[c], 40 * MB);
		assert_int_equal(read_all(&m, &rows, &reader), LH_NO_MEMORY);
		assert_non_null(strstr(ctx->error->message, "\"made\": block 1 at offset "));
		assert_non_null(strstr(ctx->error->message, "exceed the limit of 4096 kB"));
		assert_non_null(strstr(ctx->error->hint, "work_mem"));
		lh_error_clear(ctx);
		budget.limit = 200 * MB;
		assert_int_equal(read_all(&m, &rows, &reader), LH_OK);
		assert_int_equal(rows, 2);
		budget.limit = 4 * MB;
		lh_buf_free(&m.b);
		lh_arena_reset(arena);
		budget.floor_peak = 0;
	}
}

/* A batch holds up to 64 blocks, but their buffers are not kept when they are large. */
static void
buffers_of_large_blocks_do_not_pile_up(void **state)
{
	AvroMake m = new_file("zstandard");
	LhAvroReader *reader;
	int rows, n = 0;

	/* so the large one lies in another buffer each time */
	for (int small = 0; small < 20; small++)
	{
		for (int i = 0; i < small; i++, n++)
			add_block(&m, "zstandard", 10);
		add_block(&m, "zstandard", 5 * MB);
		n++;
	}
	assert_int_equal(read_all(&m, &rows, &reader), LH_OK);
	assert_int_equal(rows, n);
	assert_true(budget.used < 20 * MB);
	assert_true(budget.peak < 30 * MB);
}

static void
decompressed_bytes_are_counted_once(void **state)
{
	for (int c = 0; c < 4; c++)
	{
		const char *codec = c < 3 ? codecs[c] : "null";
		AvroMake m = new_file(codec);
		uint64_t before = ctx->counters->v[LH_CTR_BYTES_DECOMPRESSED];
		LhAvroReader *reader;
		int rows;

		/* with their lengths of two bytes */
		add_block(&m, codec, 998);
		add_block(&m, codec, 1998);
		assert_int_equal(read_all(&m, &rows, &reader), LH_OK);
		assert_int_equal(rows, 2);
		assert_int_equal(ctx->counters->v[LH_CTR_BYTES_DECOMPRESSED] - before, c < 3 ? 3000 : 0);
	}
}

/* A schema that refers to a type of a long name very often costs its nodes, not its text again. */
static void
references_do_not_copy_long_names(void **state)
{
	LhBuf schema;
	AvroMake m = avro_new(ctx);
	LhAvroFile *file;
	LhArena *old;

	avro_must(lh_buf_init(ctx, &schema, false));
	avro_must(lh_buf_append_str(ctx, &schema, "{\"type\":\"record\",\"name\":\"r\",\"namespace\":\""));
	for (int i = 0; i < 100000; i++)
		avro_must(lh_buf_putc(ctx, &schema, 'n'));
	avro_must(lh_buf_append_str(
		ctx, &schema,
		"\",\"fields\":[{\"name\":\"a\",\"type\":{\"type\":\"record\",\"name\":\"f\",\"fields\":["
		"{\"name\":\"x\",\"type\":{\"type\":\"fixed\",\"name\":\"g\",\"size\":1}}]}}"));
	for (int i = 0; i < 3000; i++)
		avro_must(lh_buf_printf(ctx, &schema, ",{\"name\":\"b%d\",\"type\":\"f\"}", i));
	avro_must(lh_buf_append_str(ctx, &schema, "]}"));
	avro_must(lh_buf_putc(ctx, &schema, '\0'));
	avro_header(&m, (const char *) schema.data, NULL, NULL);
	budget.limit = 64 * MB;
	old = lh_use(ctx, arena);
	if (lh_avro_open_bytes(ctx, lh_slice(m.b.data, m.b.len), "made", &file) != LH_OK)
		fail_msg("%s", ctx->error->message);
	lh_use(ctx, old);
	assert_int_equal(lh_avro_meta(file)->nnodes, 1 + 2 * 3001);
	assert_true(budget.peak < 16 * MB);
}

/* The list of blocks of a file of very many is no floor without end. */
static void
very_many_blocks_are_the_budgets(void **state)
{
	AvroMake m = new_file("null");
	LhAvroFile *file;
	const LhAvroBlock *blocks;
	LhArena *old;
	int n;

	for (int i = 0; i < 500000; i++)
		avro_raw_block(&m, 0, "", 0);
	old = lh_use(ctx, arena);
	assert_int_equal(lh_avro_open_bytes(ctx, lh_slice(m.b.data, m.b.len), "made", &file), LH_OK);
	assert_int_equal(lh_avro_blocks(ctx, file, &n, &blocks), LH_NO_MEMORY);
	lh_error_clear(ctx);
	budget.limit = 100 * MB;
	assert_int_equal(lh_avro_blocks(ctx, file, &n, &blocks), LH_OK);
	assert_int_equal(n, 500000);
	lh_use(ctx, old);
}

/* What the JSON library takes for a schema is accounted, and given back. */
static void
schemas_are_counted(void **state)
{
	AvroMake m = avro_new(ctx);
	LhBuf schema;
	LhAvroFile *file;
	LhArena *old;

	avro_must(lh_buf_init(ctx, &schema, false));
	avro_must(lh_buf_append_str(ctx, &schema, "{\"type\":\"int\",\"x\":[0"));
	for (int i = 0; i < 1000000; i++)
		avro_must(lh_buf_append_str(ctx, &schema, ",[]"));
	avro_must(lh_buf_append_str(ctx, &schema, "]}"));
	avro_must(lh_buf_putc(ctx, &schema, '\0'));
	avro_header(&m, (const char *) schema.data, NULL, NULL);
	old = lh_use(ctx, arena);
	budget.limit = 20 * MB;
	assert_int_equal(lh_avro_open_bytes(ctx, lh_slice(m.b.data, m.b.len), "made", &file),
					 LH_NO_MEMORY);
	lh_error_clear(ctx);
	lh_use(ctx, old);
	lh_arena_reset(arena);
	assert_true(budget.used < MB);
	old = lh_use(ctx, arena);
	budget.limit = 100 * MB;
	assert_int_equal(lh_avro_open_bytes(ctx, lh_slice(m.b.data, m.b.len), "made", &file), LH_OK);
	lh_use(ctx, old);
	assert_true(budget.used >= 48 * MB);
	lh_arena_reset(arena);
	assert_true(budget.used < MB && budget.floor == 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(blocks_are_floor_up_to_16_mb),
		TEST(buffers_of_large_blocks_do_not_pile_up),
		TEST(decompressed_bytes_are_counted_once),
		TEST(references_do_not_copy_long_names),
		TEST(very_many_blocks_are_the_budgets),
		TEST(schemas_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
