/*
 * test_pqwrite.c
 *		What the Parquet writer writes our reader reads back, value for value.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "unit/test_pqwrite.h"

#define OK(ctx, call)                              \
	do                                             \
	{                                              \
		if ((call) != LH_OK)                       \
			fail_msg("%s", (ctx)->error->message); \
	} while (0)

#define MAX_COLS    6
#define MAX_BATCHES 12

/* A file of random columns, and what was put in. */
typedef struct Case
{
	LhCtx *ctx;
	PqwSource source;
	int ncols, nbatches;
	LhField cols[MAX_COLS];
	PqwColumn columns[MAX_COLS];
	LhPqColumnOptions column_options[MAX_COLS];
	LhVec vecs[MAX_BATCHES][MAX_COLS];
	int rows[MAX_BATCHES];
	LhPqWriteOptions options;
	PqwSink sink;
	LhPqWritten written;
} Case;

static Case *
begin(uint64_t seed)
{
	Case *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	c->ctx = lh_ctx_create();
	c->source.state = seed * 2 + 1;
	lh_pq_write_defaults(&c->options);
	return c;
}

static void
end(Case *c)
{
	lh_ctx_destroy(c->ctx);
	free(c->sink.p);
	free(c);
}

static void
add_column(Case *c, LhType type, bool required)
{
	static const char *const names[MAX_COLS] = {"c0", "c1", "c2", "c3", "c4", "c5"};
	LhField *f = &c->cols[c->ncols];

	*f = (LhField){.name = names[c->ncols], .type = type, .required = required, .field_id = -1};
	pqw_column(c->ctx, &c->source, f, &c->columns[c->ncols]);
	c->ncols++;
}

static void
add_batch(Case *c, int n)
{
	for (int i = 0; i < c->ncols; i++)
		pqw_vec(c->ctx, &c->source, &c->columns[i], n, &c->vecs[c->nbatches][i]);
	c->rows[c->nbatches++] = n;
}

static LhStatus
write_case(Case *c)
{
	LhPqWriter *w;
	LhOutput *out;

	LH_TRY(lh_output_to(c->ctx, pqw_sink, &c->sink, &out));
	LH_TRY(lh_pq_writer_create(c->ctx, out, c->ncols, c->cols, c->column_options, &c->options, &w));
	for (int b = 0; b < c->nbatches; b++)
	{
		const LhVec *vecs[MAX_COLS];

		for (int i = 0; i < c->ncols; i++)
			vecs[i] = &c->vecs[b][i];
		LH_TRY(lh_pq_writer_write(c->ctx, w, c->rows[b], vecs));
	}
	LH_TRY(lh_pq_writer_finish(c->ctx, w, &c->written));
	return lh_output_finish(c->ctx, out, NULL);
}

/* Row "row" of the file, column col, as it was put in. */
static const LhVec *
source_row(const Case *c, int col, int64_t row, int *at)
{
	for (int b = 0; b < c->nbatches; b++)
	{
		if (row < c->rows[b])
		{
			*at = (int) row;
			return &c->vecs[b][col];
		}
		row -= c->rows[b];
	}
	fail_msg("row beyond the end");
	return NULL;
}

static void
check_group(Case *c, LhPqFile *file, int col, int group)
{
	const LhPqMeta *meta = lh_pq_meta(file);
	int node = lh_pq_child(meta, 0, c->cols[col].name, strlen(c->cols[col].name));
	const LhPqRowGroup *g = &meta->groups[group];
	LhPqColumn *column;

	assert_true(node > 0);
	OK(c->ctx, lh_pq_column_open(c->ctx, file, group, node, &column));
	for (int64_t row = 0; row < g->num_rows;)
	{
		int n = g->num_rows - row < LH_BATCH ? (int) (g->num_rows - row) : LH_BATCH;
		LhVec vec;

		OK(c->ctx, lh_pq_column_read(c->ctx, column, row, n, NULL, &vec));
		for (int i = 0; i < n; i++)
		{
			int at;
			const LhVec *from = source_row(c, col, g->first_row + row + i, &at);

			if (!pqw_same(from, at, &vec, i))
				fail_msg("column %d, row %lld differs", col, (long long) (g->first_row + row + i));
		}
		row += n;
	}
	lh_pq_column_close(column);
}

/* Write, read, compare. */
static LhPqFile *
round_trip(Case *c)
{
	LhPqFile *file;
	int64_t rows = 0;

	OK(c->ctx, write_case(c));
	OK(c->ctx, pqw_open(c->ctx, &c->sink, &file));
	for (int b = 0; b < c->nbatches; b++)
		rows += c->rows[b];
	assert_int_equal(lh_pq_meta(file)->num_rows, rows);
	assert_int_equal(c->written.rows, rows);
	assert_int_equal(c->written.bytes, c->sink.len);
	for (int i = 0; i < c->ncols; i++)
		for (int g = 0; g < lh_pq_meta(file)->ngroups; g++)
			check_group(c, file, i, g);
	return file;
}

static void
every_type_comes_back(void **state)
{
	for (int k = 0; k < PQW_LEAF_TYPES; k++)
	{
		for (int required = 0; required < 2; required++)
		{
			Case *c = begin((uint64_t) k * 2 + (uint64_t) required + 1);

			if (required && pqw_leaf_type(k).id == LH_T_NULL)
			{
				end(c);
				continue;
			}
			add_column(c, pqw_leaf_type(k), required);
			for (int b = 0; b < 3; b++)
				add_batch(c, b == 1 ? 333 : LH_BATCH);
			c->options.page_rows = 1500;
			round_trip(c);
			end(c);
		}
	}
}

static void
a_file_without_rows_is_a_file(void **state)
{
	Case *c = begin(1);

	add_column(c, pqw_leaf_type(3), false);
	add_column(c, pqw_leaf_type(29), true);
	round_trip(c);
	assert_int_equal(c->written.ngroups, 0);
	end(c);
}

static void
random_options(Case *c)
{
	static const LhCodec codecs[] = {LH_CODEC_ZSTD, LH_CODEC_NONE,    LH_CODEC_SNAPPY,
									 LH_CODEC_GZIP, LH_CODEC_LZ4_RAW, LH_CODEC_BROTLI};
	PqwSource *s = &c->source;

	c->options.codec = codecs[pqw_int(s, 6)];
	c->options.data_page = 1 + pqw_int(s, 2);
	c->options.page_rows = pqw_chance(s, 2) ? 0 : 1 + pqw_int(s, 3000);
	c->options.page_bytes = pqw_chance(s, 2) ? 0 : (size_t) (1 + pqw_int(s, 20000));
	c->options.row_group_rows = pqw_chance(s, 2) ? 0 : 1 + pqw_int(s, 5000);
	c->options.dictionary_bytes = pqw_chance(s, 2) ? 0 : (size_t) (1 + pqw_int(s, 5000));
	c->options.no_dictionary = pqw_chance(s, 4);
	c->options.no_statistics = pqw_chance(s, 8);
	c->options.no_page_index = pqw_chance(s, 8);
	c->options.no_crc = pqw_chance(s, 4);
	c->options.truncate = pqw_int(s, 20);
	for (int i = 0; i < MAX_COLS; i++)
	{
		c->column_options[i].encoding = (LhPqWriteEncoding) pqw_int(s, LH_PQ_WRITE_SPLIT + 1);
		c->column_options[i].bloom = pqw_chance(s, 3);
	}
}

static void
random_files_come_back(void **state)
{
	for (uint64_t seed = 1; seed <= 250; seed++)
	{
		Case *c = begin(seed * 7919);
		int ncols = 1 + pqw_int(&c->source, 4), nbatches = 1 + pqw_int(&c->source, 5);

		for (int i = 0; i < ncols; i++)
		{
			LhType t = pqw_any_type(c->ctx, &c->source, pqw_int(&c->source, 4));

			add_column(c, t, pqw_chance(&c->source, 3) && t.id != LH_T_NULL);
		}
		random_options(c);
		for (int b = 0; b < nbatches; b++)
			add_batch(c, pqw_chance(&c->source, 3) ? pqw_int(&c->source, 40)
												   : 1 + pqw_int(&c->source, LH_BATCH));
		round_trip(c);
		end(c);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_comes_back),
		cmocka_unit_test(a_file_without_rows_is_a_file),
		cmocka_unit_test(random_files_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
