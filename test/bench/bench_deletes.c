/*
 * bench_deletes.c
 *		What deleted rows cost a scan.
 *
 *	bench_deletes [-n REPEATS] [-r ROWS] [-s STRETCH] [-w WHAT] [DIRECTORY]
 *
 * WHAT: only lines with this in their name.  Makes a file of ROWS rows (default 4,000,000): key, a permutation of the row
 * numbers; value, random; code, one of a hundred texts; name, near-unique text.
 * Sums one column and reads all four, with nothing deleted, with deletion vectors
 * (1, 10, 50 %; at random, and in stretches of STRETCH rows, default 10,000), and with a quarter as many
 * equality keys as rows, half of which meet a row.  Prints the least CPU time of
 * all repeats, ns a row of the file, and the ratio to nothing deleted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "exec/exec.h"
#include "parquet/write.h"
#include "store/output.h"

#define COLS    4
static int stretch = 10000;
static const char *only_what = "";

static const LhAccess any_file = {.local_any = true};
static LhCtx *ctx;
static LhStore *store;
static int64_t nrows = 4000000;
static int repeats = 3;
static const char *dir = "/tmp";

static void
must(LhStatus status)
{
	if (status == LH_OK)
		return;
	fprintf(stderr, "%s (%s)\n", ctx->error->message, ctx->error->detail);
	exit(1);
}

static double
cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double) t.tv_sec + (double) t.tv_nsec * 1e-9;
}

static LhStatus
put(LhCtx *c, void *arg, const uint8_t *bytes, size_t len)
{
	return fwrite(bytes, 1, len, arg) == len ? LH_OK : lh_fail(c, LH_IO, "cannot write");
}

static int64_t
key_of(int64_t row)
{
	return (row * 2654435761) % nrows;
}

static const char *
data_file(void)
{
	static const LhType int64 = {.id = LH_T_INT64, .lane = LH_LANE_I64};
	static const LhType text = {.id = LH_T_STRING, .lane = LH_LANE_STR};
	LhField fields[COLS] = {{.name = "key", .type = int64, .field_id = 1},
							{.name = "value", .type = int64, .field_id = 2},
							{.name = "code", .type = text, .field_id = 3},
							{.name = "name", .type = text, .field_id = 4}};
	static int64_t keys[LH_BATCH], values[LH_BATCH];
	static LhStr codes[LH_BATCH], names[LH_BATCH];
	static char texts[2][LH_BATCH][24];
	char *path = lh_sprintf(ctx, "%s/bench_deletes_%d.parquet", dir, (int) getpid());
	FILE *f = fopen(path, "wb");
	LhPqWriteOptions options;
	LhPqWriter *w;
	LhOutput *out;

	lh_pq_write_defaults(&options);
	must(lh_output_to(ctx, put, f, &out));
	must(lh_pq_writer_create(ctx, out, COLS, fields, NULL, &options, &w));
	for (int64_t row = 0; row < nrows; row += LH_BATCH)
	{
		int n = nrows - row < LH_BATCH ? (int) (nrows - row) : LH_BATCH;
		LhVec vecs[COLS] = {{.type = int64, .n = n, .data = keys}, {.type = int64, .n = n, .data = values},
							{.type = text, .n = n, .data = codes}, {.type = text, .n = n, .data = names}};
		const LhVec *ptrs[COLS] = {&vecs[0], &vecs[1], &vecs[2], &vecs[3]};

		for (int i = 0; i < n; i++)
		{
			uint64_t h = lh_hash_u64((uint64_t) (row + i));

			keys[i] = key_of(row + i);
			values[i] = (int64_t) (h >> 20);
			codes[i] = (LhStr){(uint8_t *) texts[0][i], (uint32_t) sprintf(texts[0][i], "code %d", (int) (h % 100)), 0};
			names[i] = (LhStr){(uint8_t *) texts[1][i], (uint32_t) sprintf(texts[1][i], "name %lld", (long long) (h % 1000000007)), 0};
		}
		must(lh_pq_writer_write(ctx, w, n, ptrs));
	}
	must(lh_pq_writer_finish(ctx, w, NULL));
	must(lh_output_finish(ctx, out, NULL));
	fclose(f);
	return path;
}

/* Keys from -n/2 to n/2 */
static const char *
key_file(int64_t n)
{
	LhField field = {.name = "key", .type = {.id = LH_T_INT64, .lane = LH_LANE_I64}, .field_id = 1};
	static int64_t keys[LH_BATCH];
	char *path = lh_sprintf(ctx, "%s/bench_keys_%d.parquet", dir, (int) getpid());
	FILE *f = fopen(path, "wb");
	LhPqWriteOptions options;
	LhPqWriter *w;
	LhOutput *out;

	lh_pq_write_defaults(&options);
	must(lh_output_to(ctx, put, f, &out));
	must(lh_pq_writer_create(ctx, out, 1, &field, NULL, &options, &w));
	for (int64_t row = 0; row < n; row += LH_BATCH)
	{
		int k = n - row < LH_BATCH ? (int) (n - row) : LH_BATCH;
		LhVec vec = {.type = field.type, .n = k, .data = keys};
		const LhVec *ptr = &vec;

		for (int i = 0; i < k; i++)
			keys[i] = row + i - n / 2;
		must(lh_pq_writer_write(ctx, w, k, &ptr));
	}
	must(lh_pq_writer_finish(ctx, w, NULL));
	must(lh_output_finish(ctx, out, NULL));
	fclose(f);
	return path;
}

/* A vector with bitset containers only; percent of the rows, at random or in stretches. */
static LhDeleteFile
vector_file(int percent, bool stretches)
{
	char *path = lh_sprintf(ctx, "%s/bench_vector_%d_%d_%d.puffin", dir, (int) getpid(), percent, stretches);
	FILE *f = fopen(path, "wb");
	uint32_t ncontainers = (uint32_t) ((nrows + 65535) / 65536), cookie = 12346, key = 0, crc;
	uint64_t *bits = calloc((size_t) ncontainers * 1024, 8);
	int64_t records = 0, one = 1;
	LhBuf b;

	for (int64_t row = 0; row < nrows; row++)
		if ((int) (lh_hash_u64((uint64_t) (stretches ? row / stretch : row) + 99) % 100) < percent)
		{
			lh_bit_set(bits, (size_t) row);
			records++;
		}
	must(lh_buf_init(ctx, &b, false));
	must(lh_buf_append(ctx, &b, "\xD1\xD3\x39\x64", 4));
	must(lh_buf_append(ctx, &b, &one, 8));
	must(lh_buf_append(ctx, &b, &key, 4));
	must(lh_buf_append(ctx, &b, &cookie, 4));
	must(lh_buf_append(ctx, &b, &ncontainers, 4));
	/* containers with few rows would have to be arrays: they are left out of the benchmark's vectors */
	for (uint32_t i = 0; i < ncontainers; i++)
	{
		uint64_t count = lh_bits_count(bits + (size_t) i * 1024, 1024);
		uint16_t head[2];

		while (count <= 4096)
		{
			size_t row = (size_t) i * 65536 + (size_t) count * 15;

			records += !lh_bit_get(bits, row);
			lh_bit_set(bits, row);
			count = lh_bits_count(bits + (size_t) i * 1024, 1024);
			if (count <= 4096 && lh_bit_get(bits, row + 1) == 0)
			{
				lh_bit_set(bits, row + 1);
				records++;
				count++;
			}
			else if (count <= 4096)
			{
				for (size_t k = 0; count <= 4096; k++)
					if (!lh_bit_get(bits, (size_t) i * 65536 + k))
					{
						lh_bit_set(bits, (size_t) i * 65536 + k);
						records++;
						count++;
					}
			}
		}
		head[0] = (uint16_t) i;
		head[1] = (uint16_t) (count - 1);
		must(lh_buf_append(ctx, &b, head, 4));
	}
	for (uint32_t i = 0; i < ncontainers; i++)
	{
		uint32_t offset = 8 + 8 * ncontainers + 8192 * i;

		must(lh_buf_append(ctx, &b, &offset, 4));
	}
	must(lh_buf_append(ctx, &b, bits, (size_t) ncontainers * 8192));
	crc = lh_crc32(b.data, b.len);
	fwrite("PFA1", 1, 4, f);
	for (int i = 0; i < 4; i++)
		fputc((int) (b.len >> (24 - 8 * i) & 0xFF), f);
	fwrite(b.data, 1, b.len, f);
	for (int i = 0; i < 4; i++)
		fputc((int) (crc >> (24 - 8 * i) & 0xFF), f);
	fclose(f);
	free(bits);
	return (LhDeleteFile){.kind = LH_DELETE_VECTOR, .path = path, .size = -1, .offset = 4,
						  .length = (int64_t) b.len + 8, .records = records};
}

/* A sum of column "only", or -1: all columns read. */
static double
run_once(const LhScanSpec *spec, int only)
{
	LhExpr arg = {.kind = LH_E_COLUMN, .col = 0};
	LhAggSpec agg_spec = {.kind = LH_AGG_SUM, .arg = &arg};
	LhArena *arena = lh_arena_child(ctx->arena), *old = lh_use(ctx, arena);
	double start = cpu_seconds();
	LhHostRequest *request;
	const LhBatch *batch;
	LhScan *scan;
	LhAgg *agg;

	must(lh_agg_create(ctx, &agg_spec, 1, &agg));
	must(lh_scan_open(ctx, spec, &scan));
	for (;;)
	{
		must(lh_scan_next(ctx, scan, &batch, &request));
		if (batch == NULL)
			break;
		if (only < 0)
			continue;
		if (batch->new_file)
			must(lh_agg_bind(ctx, agg, &batch->vecs[0]->type));
		must(lh_agg_update(ctx, agg, batch->vecs, &batch->sel));
	}
	must(lh_agg_finish(ctx, agg));
	start = cpu_seconds() - start;
	lh_use(ctx, old);
	lh_arena_destroy(arena);
	return start;
}

static double
measure(LhTaskList *list, int only)
{
	static const LhType int64 = {.id = LH_T_INT64, .lane = LH_LANE_I64};
	static const LhType text = {.id = LH_T_STRING, .lane = LH_LANE_STR};
	static LhTable table;
	LhColumn columns[COLS] = {{.name = "key", .type = int64, .field_id = 1}, {.name = "value", .type = int64, .field_id = 2},
							  {.name = "code", .type = text, .field_id = 3}, {.name = "name", .type = text, .field_id = 4}};
	LhTableSchema schema = {.ncols = COLS, .cols = columns, .by_id = true};
	LhScanColumn cols[COLS];
	LhScanSpec spec = {.table = &table, .schema = &schema, .ncols = only < 0 ? COLS : 1, .cols = cols,
					   .prune = true, .tasks = list};
	double best = 1e9;

	table.store = store;
	for (int i = 0; i < COLS; i++)
		cols[i] = (LhScanColumn){.name = columns[i].name, .type = columns[i].type, .field_id = columns[i].field_id};
	if (only > 0)
		cols[0] = cols[only];
	for (int i = 0; i < repeats; i++)
	{
		double t = run_once(&spec, only);

		best = t < best ? t : best;
	}
	return best;
}

static void
report(const char *what, LhTaskList *list, const double *base, double *out)
{
	static const int columns[] = {0, 1, -1};

	if (strstr(what, only_what) == NULL)
		return;
	printf("%-28s", what);
	for (int i = 0; i < 3; i++)
	{
		double t = measure(list, columns[i]);

		if (out != NULL)
			out[i] = t;
		printf("  %7.2f ns %5.2fx", t * 1e9 / (double) nrows, base != NULL ? t / base[i] : 1.0);
	}
	printf("\n");
}

int
main(int argc, char **argv)
{
	static const int percents[] = {1, 10, 50};
	LhFileTask task = {0};
	LhTaskList list = {.n = 1, .tasks = &task};
	static const int ids[] = {1};
	uint32_t applied[] = {0};
	LhDeleteFile file;
	double base[3];
	int c;

	while ((c = getopt(argc, argv, "n:r:s:w:")) != -1)
		switch (c)
		{
			case 'n': repeats = atoi(optarg); break;
			case 'r': nrows = atoll(optarg); break;
			case 'w': only_what = optarg; break;
			case 's': stretch = atoi(optarg); break;
			default: fprintf(stderr, "usage: bench_deletes [-n REPEATS] [-r ROWS] [-s STRETCH] [DIRECTORY]\n"); return 2;
		}
	if (optind < argc)
		dir = argv[optind];
	ctx = lh_ctx_create();
	must(lh_store_create(ctx, &any_file, &store));
	task.path = data_file();
	task.deletes = applied;
	list.deletes = &file;
	printf("%-28s  %18s  %18s  %18s\n", "deleted", "sum(key)", "sum(value)", "four columns");
	report("nothing", &list, NULL, base);
	list.ndeletes = 1;
	task.ndeletes = 1;
	for (int s = 0; s < 2; s++)
		for (int i = 0; i < 3; i++)
		{
			file = vector_file(percents[i], s);
			report(lh_sprintf(ctx, "vector, %d %%, %s", percents[i], s ? "stretches" : "random"), &list, base, NULL);
			unlink(file.path);
		}
	file = (LhDeleteFile){.kind = LH_DELETE_EQUALITY, .path = key_file(nrows / 4), .size = -1, .records = -1,
						  .nids = 1, .ids = ids};
	report(lh_sprintf(ctx, "%lld equality keys", (long long) nrows / 4), &list, base, NULL);
	unlink(file.path);
	unlink(task.path);
	lh_ctx_destroy(ctx);
	return 0;
}
