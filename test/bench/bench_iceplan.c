/*
 * bench_iceplan.c
 *		Planning of a table with very many files.
 *
 *	bench_iceplan DIR [CACHE_MB]
 *
 * DIR is made by test/bench/iceberg_plan.py.  All files, predicates that leave 8 % of
 * them and 2, each with a fresh table; with a cache of manifests, all of it twice.
 * CPU seconds, and kB of resident memory above what the process had before the first plan:
 * now, and at most.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "iceberg/ice.h"

static double
cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double) t.tv_sec + (double) t.tv_nsec * 1e-9;
}

/* kB of a line of /proc/self/status. */
static long
memory(const char *what)
{
	char line[256];
	long kb = -1;
	FILE *f = fopen("/proc/self/status", "r");

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
	{
		if (strncmp(line, what, strlen(what)) == 0)
			kb = atol(line + strlen(what) + 1);
	}
	if (f != NULL)
		fclose(f);
	return kb;
}

static LhStatus
column(const LhTableSchema *schema, const char *name, LhScanColumn *out)
{
	for (int i = 0; i < schema->ncols; i++)
	{
		const LhColumn *c = &schema->cols[i];

		if (strcmp(c->name, name) == 0)
			*out = (LhScanColumn){.name = c->name, .source = c->source, .type = c->type,
								  .field_id = c->field_id};
	}
	return LH_OK;
}

/* 0: all files; 1: c1 < 20; 2: c0 between 5000999 and 5001000 */
static LhStatus
make_filters(LhCtx *ctx, int which, LhPred **filters, int *n)
{
	LhValue a = {.type = {.id = LH_T_INT64, .lane = LH_LANE_I64}, .i64 = 5000999}, b = a, c = a;

	b.i64 = 5001000;
	c.i64 = 20;
	*n = which;
	if (which == 1)
		return lh_pred_cmp(ctx, 1, LH_LT, &c, &filters[0]);
	if (which == 0)
		return LH_OK;
	LH_TRY(lh_pred_cmp(ctx, 0, LH_GE, &a, &filters[0]));
	return lh_pred_cmp(ctx, 0, LH_LE, &b, &filters[1]);
}

static LhStatus
plan(LhCtx *ctx, const char *dir, int which, size_t *tasks)
{
	static const LhAccess access = {.local_any = true};
	LhTableOptions options = {.location = dir};
	LhScanColumn cols[2];
	LhPred *filters[2];
	LhTaskFilter filter = {.ncols = 2, .cols = cols, .filters = filters};
	LhTableSchema schema;
	LhTaskList list;
	LhTable *table;
	LhStore *store;

	LH_TRY(lh_store_create(ctx, &access, &store));
	LH_TRY(lh_iceberg_format.open(ctx, store, NULL, &options, &table));
	LH_TRY(table->schema(ctx, table, &schema));
	LH_TRY(column(&schema, "c0", &cols[0]));
	LH_TRY(column(&schema, "c1", &cols[1]));
	LH_TRY(make_filters(ctx, which, filters, &filter.nfilters));
	LH_TRY(table->tasks(ctx, table, &filter, &list));
	*tasks = list.n;
	return LH_OK;
}

int
main(int argc, char **argv)
{
	static const char *const names[] = {"all", "8 %", "2 files"};
	LhIceCache *cache = argc > 2 ? lh_ice_cache_create((size_t) atol(argv[2]) << 20) : NULL;
	long before = memory("VmRSS:");

	if (argc < 2)
	{
		fprintf(stderr, "usage: bench_iceplan DIR [CACHE_MB]\n");
		return 2;
	}
	lh_ice_use_cache(cache);
	printf("%-8s %-8s %8s %8s %10s %10s\n", "manifests", "filter", "files", "cpu s", "kB now",
		   "kB most");
	for (int i = 0; i < (cache != NULL ? 6 : 3); i++)
	{
		LhCtx *ctx = lh_ctx_create();
		double start = cpu_seconds();
		size_t tasks = 0;

		if (ctx == NULL || plan(ctx, argv[1], i % 3, &tasks) != LH_OK)
		{
			fprintf(stderr, "%s\n", ctx != NULL ? ctx->error->message : "out of memory");
			return 1;
		}
		printf("%-8s  %-8s %8zu %8.3f %10ld %10ld\n",
			   ctx->counters->v[LH_CTR_MANIFESTS] > 0 ? "read" : "cached", names[i % 3], tasks,
			   cpu_seconds() - start, memory("VmRSS:") - before, memory("VmHWM:") - before);
		lh_ctx_destroy(ctx);
	}
	lh_ice_cache_destroy(cache);
	return 0;
}
