/*
 * bench_vec.c
 *		Speed of filters, expressions and aggregates.
 *
 *	bench_vec [NAME]		only lines whose name contains NAME
 *
 * Data lie in the second-level cache (32,768 values, in batches of 2,048).
 *
 *	1. Kernels of every instruction set of this machine beside the loop that
 *	   one would write first, compiled like the rest (-O3).
 *	2. Whole predicates, LIKE and aggregates as a scan calls them.
 *
 * Numbers are 10^9 values (or bytes) a second of CPU time, the best of 9 runs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "exec/exec.h"
#include "vec/kernels.h"
#include "vec/like.h"
#include "vec/pred.h"

#define N       32768
#define BATCHES (N / LH_BATCH)
#define ROUNDS  9
#define SECONDS 0.02

static LhCtx *ctx;
static const char *only;
static volatile uint64_t sink;

static int32_t i32[N];
static int64_t i64[N];
static float f32[N];
static double f64[N];
static uint32_t codes_small[N];
static uint32_t codes_large[N];
static uint64_t table[LH_WORDS(65536)];
static uint64_t words[LH_WORDS(N)];
static uint64_t half[LH_WORDS(N)];
static uint32_t counts[4 * 4096];
static LhStr strs[N];
static size_t str_bytes;

static double
cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double) t.tv_sec + (double) t.tv_nsec * 1e-9;
}

static uint64_t
next_random(void)
{
	static uint64_t x = 88172645463325252u;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

/* 10^9 units a second of fn, which handles "units" a call. */
static double
rate(void (*fn)(void *), void *arg, double units)
{
	double best = 0;

	for (int round = 0; round < ROUNDS; round++)
	{
		double start = cpu_seconds(), took;
		int calls = 0;

		do
		{
			fn(arg);
			calls++;
			took = cpu_seconds() - start;
		} while (took < SECONDS);
		if (units * calls / took / 1e9 > best)
			best = units * calls / took / 1e9;
	}
	return best;
}

static bool
wanted(const char *name)
{
	return only == NULL || strstr(name, only) != NULL;
}

/* The loops one would write first. */
static void
plain_range_i32(void *arg)
{
	memset(words, 0, sizeof(words));
	for (size_t i = 0; i < N; i++)
	{
		if (i32[i] >= 100 && i32[i] <= 500)
			lh_bit_set(words, i);
	}
}

static void
plain_range_i64(void *arg)
{
	memset(words, 0, sizeof(words));
	for (size_t i = 0; i < N; i++)
	{
		if (i64[i] >= 100 && i64[i] <= 500)
			lh_bit_set(words, i);
	}
}

static void
plain_range_f32(void *arg)
{
	memset(words, 0, sizeof(words));
	for (size_t i = 0; i < N; i++)
	{
		if (f32[i] >= 100 && f32[i] <= 500)
			lh_bit_set(words, i);
	}
}

static void
plain_range_f64(void *arg)
{
	memset(words, 0, sizeof(words));
	for (size_t i = 0; i < N; i++)
	{
		if (f64[i] >= 100 && f64[i] <= 500)
			lh_bit_set(words, i);
	}
}

static void
plain_codes(const uint32_t *codes)
{
	memset(words, 0, sizeof(words));
	for (size_t i = 0; i < N; i++)
	{
		if (lh_bit_get(table, codes[i]))
			lh_bit_set(words, i);
	}
}

static void
plain_codes_small(void *arg)
{
	plain_codes(codes_small);
}

static void
plain_codes_large(void *arg)
{
	plain_codes(codes_large);
}

static void
plain_in_i32(void *arg)
{
	static const int32_t set[4] = {3, 77, 500, 900};

	memset(words, 0, sizeof(words));
	for (size_t i = 0; i < N; i++)
	{
		for (int k = 0; k < 4; k++)
		{
			if (i32[i] == set[k])
				lh_bit_set(words, i);
		}
	}
}

static void
plain_sum_i32(void *arg)
{
	int64_t s = 0;

	for (size_t i = 0; i < N; i++)
		s += i32[i];
	sink = (uint64_t) s;
}

static void
plain_sum_i64(void *arg)
{
	LhI128 s = 0;

	for (size_t i = 0; i < N; i++)
		s += i64[i];
	sink = (uint64_t) s;
}

static void
plain_sum_i64_half(void *arg)
{
	LhI128 s = 0;

	for (size_t i = 0; i < N; i++)
	{
		if (lh_bit_get(half, i))
			s += i64[i];
	}
	sink = (uint64_t) s;
}

static void
plain_sum_codes(void *arg)
{
	LhI128 s = 0;

	for (size_t i = 0; i < N; i++)
		s += i64[codes_small[i]];
	sink = (uint64_t) s;
}

static void
plain_minmax_i64(void *arg)
{
	int64_t lo = INT64_MAX, hi = INT64_MIN;

	for (size_t i = 0; i < N; i++)
	{
		if (i64[i] < lo)
			lo = i64[i];
		if (i64[i] > hi)
			hi = i64[i];
	}
	sink = (uint64_t) (lo + hi);
}

static void
plain_histogram(void *arg)
{
	for (size_t i = 0; i < N; i++)
		counts[codes_small[i]]++;
}

static void
plain_find(void *arg)
{
	for (size_t i = 0; i < N; i++)
		sink += memmem(strs[i].ptr, strs[i].len, "special", 7) != NULL;
}

static void
plain_utf8_length(void *arg)
{
	for (size_t i = 0; i < N; i++)
		for (size_t k = 0; k < strs[i].len; k++)
			sink += (strs[i].ptr[k] & 0xc0) != 0x80;
}

/* The same through a kernel table. */
static void
k_range_i32(void *k)
{
	((const LhVecKernels *) k)->range_i32(i32, N, 100, 500, words);
}

static void
k_range_i64(void *k)
{
	((const LhVecKernels *) k)->range_i64(i64, N, 100, 500, words);
}

static void
k_range_f32(void *k)
{
	((const LhVecKernels *) k)->range_f32(f32, N, 100, 500, words);
}

static void
k_range_f64(void *k)
{
	((const LhVecKernels *) k)->range_f64(f64, N, 100, 500, words);
}

static void
k_codes_small(void *k)
{
	((const LhVecKernels *) k)->codes(codes_small, N, table, 50, words);
}

static void
k_codes_large(void *k)
{
	((const LhVecKernels *) k)->codes(codes_large, N, table, 65536, words);
}

static void
k_in_i32(void *k)
{
	static const int32_t set[4] = {3, 77, 500, 900};

	((const LhVecKernels *) k)->in_i32(i32, N, set, 4, words);
}

static void
k_sum_i32(void *k)
{
	sink = (uint64_t) ((const LhVecKernels *) k)->sum_i32(i32, N, NULL);
}

static void
k_sum_i64(void *k)
{
	sink = (uint64_t) ((const LhVecKernels *) k)->sum_i64(i64, N, NULL);
}

static void
k_sum_i64_half(void *k)
{
	sink = (uint64_t) ((const LhVecKernels *) k)->sum_i64(i64, N, half);
}

static void
k_sum_codes(void *k)
{
	sink = (uint64_t) ((const LhVecKernels *) k)->sum_codes_i64(codes_small, N, i64, NULL);
}

static void
k_minmax_i64(void *k)
{
	int64_t lo = INT64_MAX, hi = INT64_MIN;

	((const LhVecKernels *) k)->minmax_i64(i64, N, NULL, &lo, &hi);
	sink = (uint64_t) (lo + hi);
}

static void
k_histogram(void *k)
{
	((const LhVecKernels *) k)->histogram(codes_small, N, NULL, counts, 64);
}

static void
k_find(void *k)
{
	LhNeedle needle = lh_needle((const uint8_t *) "special", 7);

	for (size_t i = 0; i < N; i++)
		sink += ((const LhVecKernels *) k)->find(strs[i].ptr, strs[i].len, &needle) != NULL;
}

static const uint8_t *page;
static size_t page_bytes;

static void
plain_find_page(void *arg)
{
	for (const uint8_t *at = page; at != NULL; sink++)
		at = memmem(at + 1, page_bytes - (size_t) (at + 1 - page), "special", 7);
}

static void
k_find_page(void *k)
{
	LhNeedle needle = lh_needle((const uint8_t *) "special", 7);

	for (const uint8_t *at = page; at != NULL; sink++)
		at = ((const LhVecKernels *) k)
				 ->find(at + 1, page_bytes - (size_t) (at + 1 - page), &needle);
}

static void
k_sum_small(void *k)
{
	sink = (uint64_t) ((const LhVecKernels *) k)->sum_small(codes_small, N, i32, NULL);
}

static void
k_utf8_length(void *k)
{
	for (size_t i = 0; i < N; i++)
		sink += ((const LhVecKernels *) k)->utf8_length(strs[i].ptr, strs[i].len);
}

static const struct
{
	const char *name;
	void (*plain)(void *);
	void (*kernel)(void *);
	bool bytes; /* the unit is bytes of strs */
} kernel_lines[] = {
	{"range i32", plain_range_i32, k_range_i32, false},
	{"range i64", plain_range_i64, k_range_i64, false},
	{"range f32", plain_range_f32, k_range_f32, false},
	{"range f64", plain_range_f64, k_range_f64, false},
	{"in i32 (4)", plain_in_i32, k_in_i32, false},
	{"codes, 50 entries", plain_codes_small, k_codes_small, false},
	{"codes, 65536 entries", plain_codes_large, k_codes_large, false},
	{"sum i32", plain_sum_i32, k_sum_i32, false},
	{"sum i64 to i128", plain_sum_i64, k_sum_i64, false},
	{"sum i64, half selected", plain_sum_i64_half, k_sum_i64_half, false},
	{"sum of codes i64", plain_sum_codes, k_sum_codes, false},
	{"sum of codes, 50 entries", plain_sum_codes, k_sum_small, false},
	{"minmax i64", plain_minmax_i64, k_minmax_i64, false},
	{"histogram", plain_histogram, k_histogram, false},
	{"find 'special' (GB/s)", plain_find, k_find, true},
	{"find in a page (GB/s)", plain_find_page, k_find_page, true},
	{"utf8 length (GB/s)", plain_utf8_length, k_utf8_length, true},
};

static void
bench_kernels(void)
{
	const LhVecKernels *k[3] = {&lh_vec_kernels_base};

#if defined(__x86_64__)
	k[1] = lh_isa_best() >= LH_ISA_AVX2 ? &lh_vec_kernels_avx2 : NULL;
	k[2] = lh_isa_best() >= LH_ISA_AVX512 ? &lh_vec_kernels_avx512 : NULL;
#endif
	printf("%-34s %8s %8s %8s %8s\n", "kernel (Gval/s)", "loop", "base", "avx2", "avx512");
	for (size_t i = 0; i < sizeof(kernel_lines) / sizeof(kernel_lines[0]); i++)
	{
		double units = kernel_lines[i].bytes ? (double) str_bytes : N;

		if (!wanted(kernel_lines[i].name))
			continue;
		printf("%-34s %8.2f", kernel_lines[i].name, rate(kernel_lines[i].plain, NULL, units));
		for (int t = 0; t < 3; t++)
		{
			if (k[t] != NULL && (kernel_lines[i].kernel != k_sum_small || k[t]->sum_small != NULL))
				printf(" %8.2f", rate(kernel_lines[i].kernel, (void *) k[t], units));
			else
				printf(" %8s", "-");
		}
		printf("\n");
	}
}

/* A column in batches, and what is done with each. */
typedef struct Column
{
	LhType type;
	LhVec batch[BATCHES];
	LhPred *bound;
	LhAgg *agg;
	LhSel sel;
} Column;

static void
check(LhStatus status)
{
	if (status == LH_OK)
		return;
	fprintf(stderr, "bench_vec: %s\n", ctx->error->message);
	exit(1);
}

static void
run_pred(void *arg)
{
	Column *c = arg;

	for (int b = 0; b < BATCHES; b++)
	{
		const LhVec *vecs[1] = {&c->batch[b]};
		LhSel sel = c->sel;

		check(lh_pred_eval(ctx, c->bound, vecs, &sel, NULL));
		sink += (uint64_t) sel.count;
	}
}

static void
run_agg(void *arg)
{
	Column *c = arg;

	for (int b = 0; b < BATCHES; b++)
	{
		const LhVec *vecs[1] = {&c->batch[b]};

		check(lh_agg_update(ctx, c->agg, vecs, &c->sel));
	}
}

static Column *
new_column(LhType type, LhVecKind kind, const void *data, const LhDict *dict, const uint32_t *codes)
{
	Column *c = calloc(1, sizeof(*c));
	size_t size = lh_lane_size(type.lane, type.width);

	c->type = type;
	lh_sel_all(&c->sel, LH_BATCH);
	for (int b = 0; b < BATCHES; b++)
	{
		LhRun *runs;

		c->batch[b] = (LhVec){.type = type, .kind = kind, .n = LH_BATCH, .dict = dict};
		if (kind == LH_VEC_FLAT)
			c->batch[b].data = (const uint8_t *) data + (size_t) b * LH_BATCH * size;
		else if (kind == LH_VEC_DICT)
			c->batch[b].codes = codes + b * LH_BATCH;
		else
		{
			/* 16 runs a batch */
			runs = calloc(16, sizeof(*runs));
			for (uint32_t r = 0; r < 16; r++)
				runs[r] = (LhRun){codes[b * 16 + (int) r], (r + 1) * (LH_BATCH / 16)};
			c->batch[b].nruns = 16;
			c->batch[b].runs = runs;
		}
	}
	return c;
}

static void
pred_line(const char *name, Column *c, LhPred *pred, double units)
{
	if (!wanted(name))
		return;
	check(lh_pred_bind(ctx, pred, &c->type, &c->bound));
	printf("%-34s %8.2f\n", name, rate(run_pred, c, units));
}

static void
agg_line(const char *name, Column *c, LhAggKind kind, LhExprKind fn, LhFloatSum float_sum)
{
	LhExpr *column = calloc(1, sizeof(LhExpr)), *arg = column;
	LhAggSpec spec = {.kind = kind, .float_sum = float_sum};

	if (!wanted(name))
		return;
	column->kind = LH_E_COLUMN;
	if (fn != LH_E_COLUMN)
	{
		arg = calloc(1, sizeof(LhExpr));
		arg->kind = fn;
		arg->arith = LH_ARITH_INT4;
		arg->args[0] = column;
	}
	spec.arg = arg;
	check(lh_agg_create(ctx, &spec, 1, &c->agg));
	check(lh_agg_bind(ctx, c->agg, &c->type));
	printf("%-34s %8.2f\n", name, rate(run_agg, c, N));
}

/* sum(c * (1 - c)) over decimals, and over doubles */
static void
product_line(const char *name, Column *c, LhArith arith, LhValue one)
{
	static LhExpr e[5];
	LhAggSpec spec = {.kind = LH_AGG_SUM, .arg = &e[0]};

	if (!wanted(name))
		return;
	memset(e, 0, sizeof(e));
	e[0] = (LhExpr){.kind = LH_E_MUL, .arith = arith, .args = {&e[1], &e[2]}};
	e[1] = e[4] = (LhExpr){.kind = LH_E_COLUMN};
	e[2] = (LhExpr){.kind = LH_E_SUB, .arith = arith, .args = {&e[3], &e[4]}};
	e[3] = (LhExpr){.kind = LH_E_CONST, .value = one};
	check(lh_agg_create(ctx, &spec, 1, &c->agg));
	check(lh_agg_bind(ctx, c->agg, &c->type));
	printf("%-34s %8.2f\n", name, rate(run_agg, c, N));
}

static LhPred *
like(const char *pattern)
{
	LhValue v = {.type = {.id = LH_T_STRING, .lane = LH_LANE_STR},
				 .str = {(const uint8_t *) pattern, (uint32_t) strlen(pattern), 0}};
	LhPred *p;

	check(lh_pred_leaf(ctx, LH_P_LIKE, 0, &v, &p));
	return p;
}

static LhPred *
text_in(const char *a, const char *b)
{
	LhValue v[2] = {{.type = {.id = LH_T_STRING, .lane = LH_LANE_STR},
					 .str = {(const uint8_t *) a, (uint32_t) strlen(a), 0}},
					{.type = {.id = LH_T_STRING, .lane = LH_LANE_STR},
					 .str = {(const uint8_t *) b, (uint32_t) strlen(b), 0}}};
	LhPred *p;

	check(lh_pred_in(ctx, 0, false, v, 2, false, &p));
	return p;
}

static LhPred *
less(LhType type, int64_t x)
{
	LhValue v = {.type = type, .i64 = x};
	LhPred *p;

	check(lh_pred_cmp(ctx, 0, LH_LT, &v, &p));
	return p;
}

static void
bench_whole(void)
{
	LhType text = {.id = LH_T_STRING, .lane = LH_LANE_STR},
		   int64 = {.id = LH_T_INT64, .lane = LH_LANE_I64},
		   int32 = {.id = LH_T_INT32, .lane = LH_LANE_I32},
		   real8 = {.id = LH_T_DOUBLE, .lane = LH_LANE_F64};
	static LhDict small, large, words50, texts;
	Column *flat64, *flat32, *dict64, *runs64, *large64, *flat_text, *dict_text, *near_text,
		*flat_f64;

	small = (LhDict){.type = int64, .n = 50, .values = i64, .id = lh_dict_new_id()};
	large = (LhDict){.type = int64, .n = N, .values = i64, .id = lh_dict_new_id()};
	words50 = (LhDict){.type = text, .n = 50, .values = strs, .id = lh_dict_new_id()};
	texts = (LhDict){.type = text, .n = N, .values = strs, .id = lh_dict_new_id()};
	for (size_t i = 0; i < N; i++)
		codes_large[i] %= N;
	flat64 = new_column(int64, LH_VEC_FLAT, i64, NULL, NULL);
	flat32 = new_column(int32, LH_VEC_FLAT, i32, NULL, NULL);
	flat_f64 = new_column(real8, LH_VEC_FLAT, f64, NULL, NULL);
	dict64 = new_column(int64, LH_VEC_DICT, NULL, &small, codes_small);
	runs64 = new_column(int64, LH_VEC_RUNS, NULL, &small, codes_small);
	large64 = new_column(int64, LH_VEC_DICT, NULL, &large, codes_large);
	flat_text = new_column(text, LH_VEC_FLAT, strs, NULL, NULL);
	dict_text = new_column(text, LH_VEC_DICT, NULL, &words50, codes_small);
	near_text = new_column(text, LH_VEC_DICT, NULL, &texts, codes_large);

	printf("\n%-34s %8s\n", "predicate (Gval/s)", lh_isa_name(lh_isa()));
	pred_line("c < 500, flat i64", flat64, less(int64, 500), N);
	pred_line("c < 500, dictionary of 50", dict64, less(int64, 500), N);
	pred_line("c < 500, dictionary of 32768", large64, less(int64, 500), N);
	pred_line("c < 500, runs of 128", runs64, less(int64, 500), N);
	pred_line("text IN (2), dictionary of 50", dict_text, text_in("MAIL", "SHIP"), N);
	pred_line("text IN (2), flat", flat_text, text_in("MAIL", "SHIP"), N);
	pred_line("LIKE, dictionary of 50", dict_text, like("%special%"), N);
	pred_line("LIKE, dictionary of 32768", near_text, like("%special%"), N);

	printf("\n%-34s %8s\n", "LIKE on flat strings (GB/s)", lh_isa_name(lh_isa()));
	pred_line("LIKE 'the%'", flat_text, like("the%"), (double) str_bytes);
	pred_line("LIKE '%special%'", flat_text, like("%special%"), (double) str_bytes);
	pred_line("LIKE '%special%requests%'", flat_text, like("%special%requests%"),
			  (double) str_bytes);
	pred_line("LIKE '%s_ecial%'", flat_text, like("%s_ecial%"), (double) str_bytes);
	pred_line("LIKE '%requests'", flat_text, like("%requests"), (double) str_bytes);

	printf("\n%-34s %8s\n", "aggregate (Gval/s)", lh_isa_name(lh_isa()));
	agg_line("sum, flat i64", flat64, LH_AGG_SUM, LH_E_COLUMN, LH_FLOAT_PLAIN);
	agg_line("sum, flat i32", flat32, LH_AGG_SUM, LH_E_COLUMN, LH_FLOAT_PLAIN);
	agg_line("sum, dictionary of 50", dict64, LH_AGG_SUM, LH_E_COLUMN, LH_FLOAT_PLAIN);
	agg_line("sum, dictionary of 32768", large64, LH_AGG_SUM, LH_E_COLUMN, LH_FLOAT_PLAIN);
	agg_line("sum, runs of 128", runs64, LH_AGG_SUM, LH_E_COLUMN, LH_FLOAT_PLAIN);
	agg_line("sum, flat double, in order", flat_f64, LH_AGG_SUM, LH_E_COLUMN, LH_FLOAT_PLAIN);
	agg_line("avg, flat double, Youngs-Cramer", flat_f64, LH_AGG_SUM, LH_E_COLUMN,
			 LH_FLOAT_YOUNGS_CRAMER);
	agg_line("min, flat i64", flat64, LH_AGG_MIN, LH_E_COLUMN, LH_FLOAT_PLAIN);
	agg_line("min, flat double", flat_f64, LH_AGG_MIN, LH_E_COLUMN, LH_FLOAT_PLAIN);
	agg_line("min, dictionary of 50", dict64, LH_AGG_MIN, LH_E_COLUMN, LH_FLOAT_PLAIN);
	agg_line("min, flat text", flat_text, LH_AGG_MIN, LH_E_COLUMN, LH_FLOAT_PLAIN);
	agg_line("count distinct, flat i32", flat32, LH_AGG_COUNT_DISTINCT, LH_E_COLUMN,
			 LH_FLOAT_PLAIN);
	agg_line("count distinct, dict of 32768", large64, LH_AGG_COUNT_DISTINCT, LH_E_COLUMN,
			 LH_FLOAT_PLAIN);
	agg_line("count distinct, flat text", flat_text, LH_AGG_COUNT_DISTINCT, LH_E_COLUMN,
			 LH_FLOAT_PLAIN);
	agg_line("sum(length), flat text", flat_text, LH_AGG_SUM, LH_E_LENGTH, LH_FLOAT_PLAIN);
	flat64->type = dict64->type = small.type =
		(LhType){.id = LH_T_DECIMAL, .lane = LH_LANE_I64, .precision = 15, .scale = 2};
	for (int b = 0; b < BATCHES; b++)
		flat64->batch[b].type = dict64->batch[b].type = flat64->type;
	product_line("sum(c * (1 - c)), flat decimal", flat64, LH_ARITH_NUMERIC,
				 (LhValue){.type = int32, .i64 = 1});
	product_line("sum(c * (1 - c)), dict decimal", dict64, LH_ARITH_NUMERIC,
				 (LhValue){.type = int32, .i64 = 1});
	product_line("sum(c * (1 - c)), flat double", flat_f64, LH_ARITH_FLOAT8,
				 (LhValue){.type = real8, .f64 = 1});
	agg_line("sum(length), dictionary of 50", dict_text, LH_AGG_SUM, LH_E_LENGTH, LH_FLOAT_PLAIN);
}

/* Texts like TPC-H comments in the form of a PLAIN page: length, bytes, length, bytes. */
static void
make_texts(void)
{
	static const char *const vocabulary[] = {
		"furiously", "carefully", "quickly", "the",     "even",     "ideas",    "deposits",
		"accounts",  "sleep",     "final",   "bold",    "packages", "requests", "pending",
		"about",     "ironic",    "regular", "express", "among",    "slyly"};
	uint8_t *p = malloc((size_t) N * 80 + 64);

	page = p;

	for (size_t i = 0; i < N; i++)
	{
		uint32_t want = 10 + (uint32_t) (next_random() % 34), len = 0;

		while (len < want)
		{
			const char *word =
				next_random() % 1000 == 0 ? "special" : vocabulary[next_random() % 20];

			len += (uint32_t) sprintf((char *) p + 4 + len, "%s ", word);
		}
		len = want;
		memcpy(p, &len, 4);
		strs[i] = (LhStr){p + 4, len, 0};
		str_bytes += len;
		p += 4 + len;
	}
	page_bytes = (size_t) (p - page);
}

int
main(int argc, char **argv)
{
	only = argc > 1 ? argv[1] : NULL;
	ctx = lh_ctx_create();
	for (size_t i = 0; i < N; i++)
	{
		i64[i] = (int64_t) (next_random() % 1000);
		i32[i] = (int32_t) i64[i];
		f64[i] = (double) i64[i];
		f32[i] = (float) i64[i];
		codes_small[i] = (uint32_t) (next_random() % 50);
		codes_large[i] = (uint32_t) (next_random() % 65536);
	}
	for (size_t i = 0; i < LH_WORDS(65536); i++)
		table[i] = next_random();
	for (size_t i = 0; i < LH_WORDS(N); i++)
		half[i] = next_random();
	make_texts();
	bench_kernels();
	bench_whole();
	return 0;
}
