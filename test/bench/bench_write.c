/*
 * bench_write.c
 *		Rows a CPU second of the Parquet writer.
 *
 *	bench_write [-n REPEATS] [-c CODEC] [-r ROWS] [-l] [FILE]
 *
 * The first ROWS (default 1,048,576) rows of FILE (default: lineitem of
 * $LH_BENCH_DATA) are read into memory twice: as values, which is how rows of a
 * query come, and as they lie in the file, codes where it has dictionaries.  Each
 * form is then written REPEATS times to a file in $TMPDIR; the least CPU time
 * counts.  -l writes every column alone as well.  test/bench/write_peers.py does
 * the same with pyarrow and DuckDB.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "parquet/parquet.h"
#include "parquet/write.h"

#define MAX_COLS 64

static LhVecScratch *scratch;

typedef struct Data
{
	int ncols, nbatches;
	int64_t rows;
	const LhField *cols;
	LhVec *vecs; /* [batch * ncols + column] */
	int *n;
} Data;

static double
cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double) t.tv_sec + (double) t.tv_nsec * 1e-9;
}

/* Strings with their bytes. */
static LhStatus
copy_strs(LhCtx *ctx, const LhVec *v, const LhStr *in, LhStr *out)
{
	for (int i = 0; i < v->n; i++)
	{
		out[i] = (LhStr){0};
		if (lh_vec_is_null(v, i))
			continue;
		out[i].len = in[i].len;
		out[i].ptr = lh_memdup(ctx, in[i].ptr, in[i].len + 1);
		if (out[i].ptr == NULL)
			return ctx->error->code;
	}
	return LH_OK;
}

static LhStatus
keep_values(LhCtx *ctx, const LhVec *v, LhVec *out)
{
	size_t bytes = (size_t) v->n * lh_lane_size(v->type.lane, v->type.width);
	LhVec flat;
	void *data;

	LH_TRY(lh_vec_flatten(ctx, v, scratch, &flat));
	LH_ALLOC(ctx, data, bytes + 16);
	*out = (LhVec){.type = v->type, .n = v->n, .data = data};
	if (v->type.lane == LH_LANE_STR)
		LH_TRY(copy_strs(ctx, &flat, flat.data, data));
	else
		memcpy(data, flat.data, bytes);
	if (flat.valid != NULL)
		out->valid = lh_memdup(ctx, flat.valid, LH_WORDS(v->n) * 8);
	return LH_OK;
}

/* Dictionaries stay where they are: columns are not closed. */
static LhStatus
keep_codes(LhCtx *ctx, const LhVec *v, LhVec *out)
{
	if (v->kind != LH_VEC_DICT && v->kind != LH_VEC_RUNS)
		return keep_values(ctx, v, out);
	*out = *v;
	if (v->valid != NULL)
		out->valid = lh_memdup(ctx, v->valid, LH_WORDS(v->n) * 8);
	if (v->kind == LH_VEC_DICT)
		out->codes = lh_memdup(ctx, v->codes, (size_t) v->n * sizeof(*v->codes));
	else
		out->runs = lh_memdup(ctx, v->runs, (size_t) v->nruns * sizeof(*v->runs));
	return LH_OK;
}

static LhStatus
load(LhCtx *ctx, LhPqFile *file, int64_t rows, bool coded, Data *d)
{
	const LhPqMeta *meta = lh_pq_meta(file);

	*d = (Data){.ncols = meta->nodes[0].nchildren, .cols = meta->nodes[0].type.fields};
	LH_NEW_ARRAY(ctx, d->vecs, (size_t) (rows / LH_BATCH + meta->ngroups + 2) * (size_t) d->ncols);
	LH_NEW_ARRAY(ctx, d->n, (size_t) (rows / LH_BATCH + meta->ngroups + 2));
	for (int g = 0; g < meta->ngroups && d->rows < rows; g++)
	{
		LhPqColumn *columns[MAX_COLS];
		int i = 0;

		for (int node = meta->nodes[0].first_child; node >= 0; node = meta->nodes[node].next)
			LH_TRY(lh_pq_column_open(ctx, file, g, node, &columns[i++]));
		for (int64_t row = 0; row < meta->groups[g].num_rows && d->rows < rows; d->nbatches++)
		{
			int64_t left = meta->groups[g].num_rows - row;
			int n = left < LH_BATCH ? (int) left : LH_BATCH;

			for (i = 0; i < d->ncols; i++)
			{
				LhVec v, *out = &d->vecs[d->nbatches * d->ncols + i];

				LH_TRY(lh_pq_column_read(ctx, columns[i], row, n, NULL, &v));
				LH_TRY(coded ? keep_codes(ctx, &v, out) : keep_values(ctx, &v, out));
			}
			d->n[d->nbatches] = n;
			d->rows += n;
			row += n;
		}
	}
	return LH_OK;
}

/* Write columns [from, to). */
static LhStatus
write_once(LhCtx *ctx, const Data *d, int from, int to, const char *path,
		   const LhPqWriteOptions *options, LhPqWritten *written)
{
	static const LhAccess access = {.write_any = true};
	LhStore *store;
	LhOutput *out;
	LhPqWriter *w;

	LH_TRY(lh_store_create(ctx, &access, &store));
	LH_TRY(lh_output_create(ctx, store, path, &(LhOutputOptions){.overwrite = true}, &out));
	LH_TRY(lh_pq_writer_create(ctx, out, to - from, d->cols + from, NULL, options, &w));
	for (int b = 0; b < d->nbatches; b++)
	{
		const LhVec *vecs[MAX_COLS];

		for (int i = from; i < to; i++)
			vecs[i - from] = &d->vecs[b * d->ncols + i];
		LH_TRY(lh_pq_writer_write(ctx, w, d->n[b], vecs));
	}
	LH_TRY(lh_pq_writer_finish(ctx, w, written));
	return lh_output_finish(ctx, out, NULL);
}

static LhStatus
bench(LhCtx *ctx, const Data *d, int from, int to, const char *what, int repeats,
	  const LhPqWriteOptions *options)
{
	const char *dir = getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp";
	const char *path = lh_sprintf(ctx, "%s/bench_write.%d.parquet", dir, (int) getpid());
	LhArena *outer = ctx->arena;
	double best = 1e9;
	int64_t bytes = 0;

	for (int i = 0; i < repeats; i++)
	{
		LhArena *arena = lh_arena_child(outer);
		LhPqWritten written;
		double start;

		lh_use(ctx, arena);
		start = cpu_seconds();
		LH_TRY(write_once(ctx, d, from, to, path, options, &written));
		start = cpu_seconds() - start;
		best = start < best ? start : best;
		bytes = written.bytes;
		lh_use(ctx, outer);
		lh_arena_destroy(arena);
	}
	unlink(path);
	printf("%-8s %-18s %8.3f s %8.2f M rows/s %12lld bytes\n", what,
		   to - from == 1 ? d->cols[from].name : "all columns", best, (double) d->rows / best / 1e6,
		   (long long) bytes);
	return LH_OK;
}

static LhStatus
run(LhCtx *ctx, const char *path, int64_t rows, int repeats, bool each,
	const LhPqWriteOptions *options)
{
	static const LhAccess access = {.local_any = true};
	LhStore *store;
	LhObject *obj;
	LhPqFile *file;

	LH_TRY(lh_vec_scratch_create(ctx, &scratch));
	LH_TRY(lh_store_create(ctx, &access, &store));
	LH_TRY(lh_object_open(ctx, store, path, &obj));
	LH_TRY(lh_pq_open(ctx, obj, NULL, NULL, &file));
	for (int coded = 0; coded < 2; coded++)
	{
		LhArena *arena = lh_arena_child(ctx->arena), *old = lh_use(ctx, arena);
		Data d;

		LH_TRY(load(ctx, file, rows, coded, &d));
		LH_TRY(bench(ctx, &d, 0, d.ncols, coded ? "codes" : "values", repeats, options));
		for (int i = 0; each && i < d.ncols; i++)
			LH_TRY(bench(ctx, &d, i, i + 1, coded ? "codes" : "values", repeats, options));
		lh_use(ctx, old);
		lh_arena_destroy(arena);
	}
	return LH_OK;
}

int
main(int argc, char **argv)
{
	const char *data = getenv("LH_BENCH_DATA");
	LhCtx *ctx = lh_ctx_create();
	const char *path =
		lh_sprintf(ctx, "%s/lineitem_snappy.parquet", data != NULL ? data : "/tmp/lakehouse-bench");
	int64_t rows = 1 << 20;
	int repeats = 3, opt;
	LhPqWriteOptions options;
	bool each = false;

	lh_pq_write_defaults(&options);
	while ((opt = getopt(argc, argv, "n:c:r:l")) != -1)
		switch (opt)
		{
			case 'n': repeats = atoi(optarg); break;
			case 'r': rows = atoll(optarg); break;
			case 'l': each = true; break;
			case 'c':
				for (int c = 0; c < LH_N_CODECS; c++)
					if (strcmp(lh_codec_name((LhCodec) c), optarg) == 0)
						options.codec = (LhCodec) c;
				break;
			default: return 2;
		}
	if (optind < argc)
		path = argv[optind];
	if (run(ctx, path, rows, repeats, each, &options) != LH_OK)
	{
		fprintf(stderr, "bench_write: %s\n", ctx->error->message);
		return 1;
	}
	lh_ctx_destroy(ctx);
	return 0;
}
