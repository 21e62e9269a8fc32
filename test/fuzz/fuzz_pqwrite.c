/*
 * fuzz_pqwrite.c
 *		Random columns, of any type and options, written and read back: the same.
 *
 * Input: numbers that choose types, options, batches and values (test_pqwrite.h).
 */
#include "fuzz/fuzz_ctx.h"
#include "unit/test_pqwrite.h"

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_COLS    3
#define MAX_BATCHES 4

static void
check(LhCtx *ctx, LhStatus status)
{
	if (status == LH_OK)
		return;
	fprintf(stderr, "%s\n", ctx->error->message);
	abort();
}

typedef struct Input
{
	PqwSource s;
	int ncols, nbatches;
	LhField cols[MAX_COLS];
	PqwColumn columns[MAX_COLS];
	LhPqColumnOptions column_options[MAX_COLS];
	LhPqWriteOptions options;
	LhVec vecs[MAX_BATCHES][MAX_COLS];
	int rows[MAX_BATCHES];
	PqwSink sink;
} Input;

static void
choose(LhCtx *ctx, Input *in)
{
	static const char *const names[MAX_COLS] = {"a", "b", "c"};
	PqwSource *s = &in->s;

	in->ncols = 1 + pqw_int(s, MAX_COLS);
	for (int i = 0; i < in->ncols; i++)
	{
		LhType t = pqw_any_type(ctx, s, pqw_int(s, 5));

		in->cols[i] = (LhField){.name = names[i],
								.type = t,
								.field_id = -1,
								.required = pqw_chance(s, 3) && t.id != LH_T_NULL};
		in->column_options[i].encoding = (LhPqWriteEncoding) pqw_int(s, LH_PQ_WRITE_SPLIT + 1);
		in->column_options[i].bloom = pqw_chance(s, 4);
		pqw_column(ctx, s, &in->cols[i], &in->columns[i]);
	}
	in->options.codec = pqw_chance(s, 2) ? LH_CODEC_NONE : LH_CODEC_SNAPPY;
	in->options.data_page = 1 + pqw_int(s, 2);
	in->options.page_rows = pqw_chance(s, 3) ? 0 : 1 + pqw_int(s, 50);
	in->options.row_group_rows = 1 + pqw_int(s, 200);
	in->options.dictionary_bytes = pqw_chance(s, 2) ? 0 : (size_t) (1 + pqw_int(s, 400));
	in->options.truncate = pqw_int(s, 9);
	in->nbatches = 1 + pqw_int(s, MAX_BATCHES);
	for (int b = 0; b < in->nbatches; b++)
	{
		in->rows[b] = pqw_int(s, 120);
		for (int i = 0; i < in->ncols; i++)
			pqw_vec(ctx, s, &in->columns[i], in->rows[b], &in->vecs[b][i]);
	}
}

static void
write_file(LhCtx *ctx, Input *in)
{
	LhPqWriter *w;
	LhOutput *out;

	check(ctx, lh_output_to(ctx, pqw_sink, &in->sink, &out));
	check(ctx,
		  lh_pq_writer_create(ctx, out, in->ncols, in->cols, in->column_options, &in->options, &w));
	for (int b = 0; b < in->nbatches; b++)
	{
		const LhVec *vecs[MAX_COLS];

		for (int i = 0; i < in->ncols; i++)
			vecs[i] = &in->vecs[b][i];
		check(ctx, lh_pq_writer_write(ctx, w, in->rows[b], vecs));
	}
	check(ctx, lh_pq_writer_finish(ctx, w, NULL));
	check(ctx, lh_output_finish(ctx, out, NULL));
}

static const LhVec *
source_row(const Input *in, int col, int64_t row, int *at)
{
	int b = 0;

	for (; row >= in->rows[b]; b++)
		row -= in->rows[b];
	*at = (int) row;
	return &in->vecs[b][col];
}

static void
read_column(LhCtx *ctx, const Input *in, LhPqFile *file, int col)
{
	const LhPqMeta *meta = lh_pq_meta(file);
	int node = lh_pq_child(meta, 0, in->cols[col].name, 1);

	for (int g = 0; g < meta->ngroups; g++)
	{
		int n = (int) meta->groups[g].num_rows;
		LhPqColumn *column;
		LhVec vec;

		check(ctx, lh_pq_column_open(ctx, file, g, node, &column));
		check(ctx, lh_pq_column_read(ctx, column, 0, n, NULL, &vec));
		for (int i = 0; i < n; i++)
		{
			int at;
			const LhVec *from = source_row(in, col, meta->groups[g].first_row + i, &at);

			if (!pqw_same(from, at, &vec, i))
				abort();
		}
		lh_pq_column_close(column);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Input *in = calloc(1, sizeof(*in));
	LhCtx *ctx = fuzz_ctx();
	LhPqFile *file;

	if (in == NULL)
		abort();
	in->s = (PqwSource){.state = 1, .bytes = data, .len = size};
	choose(ctx, in);
	write_file(ctx, in);
	check(ctx, pqw_open(ctx, &in->sink, &file));
	for (int i = 0; i < in->ncols; i++)
		read_column(ctx, in, file, i);
	fuzz_ctx_done(ctx);
	free(in->sink.p);
	free(in);
	return 0;
}
