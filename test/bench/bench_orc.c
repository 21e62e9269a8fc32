/*
 * bench_orc.c
 *		Decode rate of the same columns as Parquet and as ORC.
 *
 *	bench_orc [-n REPEATS] [-s base|avx2|avx512] [-c COLUMN,COLUMN...] [DIRECTORY]
 *
 * For each codec of orc_data.py reads one column, then four together, from both formats, batch
 * by batch; for those four the vectors are made flat, as a scan does that emits rows.  With -c every column named is
 * read alone, and the form its vectors came in is printed.  The least CPU time of all repeats
 * counts.  The bar: ORC takes at most 1.5 times what Parquet takes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "orc/orc.h"
#include "parquet/parquet.h"

#define BAR			1.5
#define MAX_COLUMNS 16

static LhCtx *ctx;

static void
check(LhStatus status)
{
	if (status == LH_OK)
		return;
	fprintf(stderr, "%s: %s\n", lh_status_name(status), ctx->error->message);
	exit(1);
}

static double
cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double) t.tv_sec + (double) t.tv_nsec * 1e-9;
}

typedef struct Result
{
	int64_t rows;
	int64_t form[4]; /* rows by LhVecKind */
	LhI128 sum;		 /* of numbers, so that both formats can be seen to agree */
} Result;

static void
add_up(Result *r, const LhVec *v, LhVecScratch *scratch, bool flat)
{
	LhVec f;

	r->form[v->kind] += v->n;
	if (!flat)
		return;
	check(lh_vec_flatten(ctx, v, scratch, &f));
	if (f.type.lane == LH_LANE_I64)
		for (int i = 0; i < f.n; i++)
			r->sum += lh_load_i64((const uint8_t *) f.data + 8 * i);
	else if (f.type.lane == LH_LANE_I32)
		for (int i = 0; i < f.n; i++)
			r->sum += lh_load_i32((const uint8_t *) f.data + 4 * i);
	else if (f.type.lane == LH_LANE_STR)
		for (int i = 0; i < f.n; i++)
			r->sum += ((const LhStr *) f.data)[i].len;
}

static void
read_parquet(LhPqFile *file, int n, const int *nodes, bool flat, LhVecScratch *scratch, Result *r)
{
	const LhPqMeta *meta = lh_pq_meta(file);
	LhArena *outer = ctx->arena;

	for (int g = 0; g < meta->ngroups; g++)
	{
		LhArena *arena = lh_arena_child(outer);
		LhPqColumn *cols[MAX_COLUMNS];
		int64_t rows = meta->groups[g].num_rows;
		int k;

		lh_use(ctx, arena);
		for (int c = 0; c < n; c++)
			check(lh_pq_column_open(ctx, file, g, nodes[c], &cols[c]));
		for (int64_t row = 0; row < rows; row += k)
		{
			k = rows - row < LH_BATCH ? (int) (rows - row) : LH_BATCH;
			for (int c = 0; c < n; c++)
				k = lh_pq_column_natural(cols[c], row, k);
			for (int c = 0; c < n; c++)
			{
				LhVec v;

				check(lh_pq_column_read(ctx, cols[c], row, k, NULL, &v));
				add_up(r, &v, scratch, flat);
			}
		}
		for (int c = 0; c < n; c++)
			lh_pq_column_close(cols[c]);
		r->rows += rows;
		lh_use(ctx, outer);
		lh_arena_destroy(arena);
	}
}

static void
read_orc(LhOrcFile *file, int n, const int *nodes, bool flat, LhVecScratch *scratch, Result *r)
{
	const LhOrcMeta *meta = lh_orc_meta(file);

	for (int s = 0; s < meta->nstripes; s++)
	{
		LhOrcColumn *cols[MAX_COLUMNS];
		int64_t rows = meta->stripes[s].rows;
		int k;

		for (int c = 0; c < n; c++)
			check(lh_orc_column_open(ctx, file, s, nodes[c], &cols[c]));
		for (int64_t row = 0; row < rows; row += k)
		{
			k = rows - row < LH_BATCH ? (int) (rows - row) : LH_BATCH;
			for (int c = 0; c < n; c++)
				k = lh_orc_column_natural(cols[c], row, k);
			for (int c = 0; c < n; c++)
			{
				LhVec v;

				check(lh_orc_column_read(ctx, cols[c], row, k, NULL, &v));
				add_up(r, &v, scratch, flat);
			}
		}
		for (int c = 0; c < n; c++)
			lh_orc_column_close(cols[c]);
		r->rows += rows;
	}
}

typedef struct Files
{
	LhPqFile *pq;
	LhOrcFile *orc;
} Files;

static void
open_files(LhStore *store, const char *dir, const char *codec, Files *out)
{
	char path[512];
	LhObject *obj;

	snprintf(path, sizeof(path), "%s/li_%s.parquet", dir, codec);
	check(lh_object_open(ctx, store, path, &obj));
	check(lh_pq_open(ctx, obj, NULL, NULL, &out->pq));
	snprintf(path, sizeof(path), "%s/li_%s.orc", dir, codec);
	check(lh_object_open(ctx, store, path, &obj));
	check(lh_orc_open(ctx, obj, NULL, NULL, &out->orc));
}

/* True when the bar is met. */
static bool
compare(const Files *f, const char *codec, int n, const char *const *names, bool flat, int repeats)
{
	int pq[MAX_COLUMNS], orc[MAX_COLUMNS];
	double best[2] = {1e9, 1e9};
	LhVecScratch *scratch;
	Result r[2];

	check(lh_vec_scratch_create(ctx, &scratch));
	for (int c = 0; c < n; c++)
	{
		pq[c] = lh_pq_find(lh_pq_meta(f->pq), names[c]);
		orc[c] = lh_orc_find(lh_orc_meta(f->orc), names[c]);
	}
	for (int i = 0; i < repeats; i++)
	{
		double t = cpu_seconds();

		r[0] = r[1] = (Result){0};
		read_parquet(f->pq, n, pq, flat, scratch, &r[0]);
		if (cpu_seconds() - t < best[0])
			best[0] = cpu_seconds() - t;
		t = cpu_seconds();
		read_orc(f->orc, n, orc, flat, scratch, &r[1]);
		if (cpu_seconds() - t < best[1])
			best[1] = cpu_seconds() - t;
	}
	printf("%-6s %-16s%-6s parquet %6.2f ns/row, orc %6.2f ns/row, %5.2fx", codec, n == 1 ? names[0] : "four columns",
		   flat ? " flat" : "", best[0] * 1e9 / (double) r[0].rows, best[1] * 1e9 / (double) r[1].rows,
		   best[1] / best[0]);
	for (int k = 0; k < 2; k++)
		printf("  (%lld flat %lld const %lld dict %lld runs)", (long long) r[k].form[0], (long long) r[k].form[1],
			   (long long) r[k].form[2], (long long) r[k].form[3]);
	printf("%s\n", r[0].rows != r[1].rows || r[0].sum != r[1].sum ? "  DIFFER" : "");
	if (r[0].rows != r[1].rows || r[0].sum != r[1].sum)
		exit(1);
	return best[1] <= BAR * best[0];
}

int
main(int argc, char **argv)
{
	static const LhAccess access = {.local_any = true};
	static const char *const codecs[] = {"snappy", "zstd"};
	const char *one[] = {"l_extendedprice"};
	const char *four[] = {"l_orderkey", "l_extendedprice", "l_shipdate", "l_shipmode"};
	const char *dir = getenv("LH_BENCH_DATA") != NULL ? getenv("LH_BENCH_DATA") : "/tmp/lakehouse-bench";
	char *columns = NULL;
	int repeats = 5, missed = 0;
	LhStore *store;

	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "-n") == 0 && i + 1 < argc)
			repeats = atoi(argv[++i]);
		else if (strcmp(argv[i], "-c") == 0 && i + 1 < argc)
			columns = argv[++i];
		else if (strcmp(argv[i], "-s") == 0 && i + 1 < argc)
		{
			i++;
			lh_isa_choose(argv[i][0] == 'b' ? LH_ISA_BASE : strcmp(argv[i], "avx2") == 0 ? LH_ISA_AVX2 : LH_ISA_AVX512);
		}
		else
			dir = argv[i];
	ctx = lh_ctx_create();
	check(lh_store_create(ctx, &access, &store));
	for (int c = 0; c < 2; c++)
	{
		Files f;

		open_files(store, dir, codecs[c], &f);
		if (columns != NULL)
		{
			char *list = strdup(columns);

			for (char *name = strtok(list, ","); name != NULL; name = strtok(NULL, ","))
			{
				const char *names[1] = {name};

				compare(&f, codecs[c], 1, names, false, repeats);
			}
			free(list);
			continue;
		}
		missed += !compare(&f, codecs[c], 1, one, false, repeats);
		missed += !compare(&f, codecs[c], 1, one, true, repeats);
		missed += !compare(&f, codecs[c], 4, four, false, repeats);
		missed += !compare(&f, codecs[c], 4, four, true, repeats);
	}
	if (columns == NULL)
		printf("%d of 8 bars missed\n", missed);
	lh_ctx_destroy(ctx);
	return missed > 0;
}
