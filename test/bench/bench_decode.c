/*
 * bench_decode.c
 *		Decode rate of every column of some Parquet files.
 *
 *	bench_decode [-n REPEATS] [-s base|avx2|avx512] [FILE...]
 *
 * Reads each flat column whole, batch by batch, as a scan does that looks at no
 * value, and prints the least CPU time of all repeats: ns a row, GB of
 * uncompressed pages a second, and in which form vectors came (runs, codes,
 * values; a form's share of rows).  Default files: test/bench/setup.sh's
 * lineitem.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "parquet/parquet.h"

typedef struct Result
{
	double seconds;
	int64_t rows;
	int64_t bytes; /* of uncompressed pages */
	int64_t form[4]; /* rows by LhVecKind */
} Result;

static double
cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double) t.tv_sec + (double) t.tv_nsec * 1e-9;
}

static LhStatus
read_column(LhCtx *ctx, LhPqFile *file, int node, Result *r)
{
	const LhPqMeta *meta = lh_pq_meta(file);
	LhArena *outer = ctx->arena;

	*r = (Result){0};
	for (int g = 0; g < meta->ngroups; g++)
	{
		LhArena *arena = lh_arena_child(outer);
		int64_t rows = meta->groups[g].num_rows;
		const LhPqChunk *chunk;
		LhPqColumn *col;
		LhVec v;

		lh_use(ctx, arena);
		LH_TRY(lh_pq_column_open(ctx, file, g, node, &col));
		for (int64_t row = 0; row < rows; row += v.n)
		{
			int n = rows - row < LH_BATCH ? (int) (rows - row) : LH_BATCH;

			LH_TRY(lh_pq_column_read(ctx, col, row, n, NULL, &v));
			r->form[v.kind] += n;
		}
		lh_pq_column_close(col);
		LH_TRY(lh_pq_chunk(ctx, file, g, meta->nodes[node].leaf, &chunk));
		r->bytes += chunk->uncompressed_size;
		r->rows += rows;
		lh_use(ctx, outer);
		lh_arena_destroy(arena);
	}
	return LH_OK;
}

static LhStatus
bench_file(LhCtx *ctx, const char *path, int repeats)
{
	LhAccess access = {.local_any = true};
	LhStore *store;
	LhObject *obj;
	LhPqFile *file;
	const LhPqMeta *meta;
	double total = 0;

	LH_TRY(lh_store_create(ctx, &access, &store));
	LH_TRY(lh_object_open(ctx, store, path, &obj));
	LH_TRY(lh_pq_open(ctx, obj, NULL, NULL, &file));
	meta = lh_pq_meta(file);
	printf("%s, %lld rows, %s\n", path, (long long) meta->num_rows, lh_isa_name(lh_isa()));
	printf("%-18s %9s %8s %7s   %5s %5s %5s\n", "column", "ms", "ns/row", "GB/s", "runs", "codes",
		   "flat");
	for (int leaf = 0; leaf < meta->nleaves; leaf++)
	{
		const LhPqNode *node = &meta->nodes[meta->leaf_nodes[leaf]];
		double best = 1e9;
		Result r;

		if (node->max_rep > 0)
			continue;
		for (int k = 0; k < repeats; k++)
		{
			double start = cpu_seconds();

			LH_TRY(read_column(ctx, file, node->index, &r));
			r.seconds = cpu_seconds() - start;
			best = r.seconds < best ? r.seconds : best;
		}
		total += best;
		printf("%-18s %9.2f %8.3f %7.2f   %4.0f%% %4.0f%% %4.0f%%\n", node->name, best * 1e3,
			   best * 1e9 / (double) r.rows, (double) r.bytes / best * 1e-9,
			   100.0 * (double) r.form[LH_VEC_RUNS] / (double) r.rows,
			   100.0 * (double) r.form[LH_VEC_DICT] / (double) r.rows,
			   100.0 * (double) (r.form[LH_VEC_FLAT] + r.form[LH_VEC_CONST]) / (double) r.rows);
	}
	printf("%-18s %9.2f\n", "all", total * 1e3);
	return LH_OK;
}

int
main(int argc, char **argv)
{
	static char names[2][4096];
	static char *defaults[] = {names[0], names[1]};
	const char *dir = getenv("LH_BENCH_DATA") != NULL ? getenv("LH_BENCH_DATA") : "/tmp/lakehouse-bench";
	int repeats = 5;
	int at = 1;
	int nfiles = 2;
	char **files = defaults;

	snprintf(names[0], sizeof(names[0]), "%s/lineitem_uncompressed.parquet", dir);
	snprintf(names[1], sizeof(names[1]), "%s/lineitem_snappy.parquet", dir);
	for (; at + 1 < argc && argv[at][0] == '-'; at += 2)
	{
		if (argv[at][1] == 'n')
			repeats = atoi(argv[at + 1]);
		else if (argv[at][1] == 's')
			lh_isa_choose(strcmp(argv[at + 1], "base") == 0	  ? LH_ISA_BASE
						  : strcmp(argv[at + 1], "avx2") == 0 ? LH_ISA_AVX2
															  : LH_ISA_AVX512);
	}
	if (at < argc)
	{
		files = argv + at;
		nfiles = argc - at;
	}
	for (int i = 0; i < nfiles; i++)
	{
		LhCtx *ctx = lh_ctx_create();

		if (ctx == NULL || bench_file(ctx, files[i], repeats) != LH_OK)
		{
			fprintf(stderr, "%s\n", ctx != NULL ? ctx->error->message : "out of memory");
			return 1;
		}
		lh_ctx_destroy(ctx);
	}
	return 0;
}
