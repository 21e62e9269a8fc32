/*
 * bench_pqkernels.c
 *		Ladder rung L0: speed of the kernels that decode Parquet pages.
 *
 *	bench_pqkernels [NAME]		only lines whose name contains NAME
 *
 * Input and output lie in the second-level cache (65,536 values, in batches of
 * 2,048).  Every instruction set of this machine, beside "loop": one load, shift
 * and limit check a value, as a decoder is first written.
 *
 * Numbers are 10^9 values a second of CPU time, the best of 9 runs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/core.h"
#include "parquet/kernels.h"

#define N       65536
#define BATCH   2048
#define ROUNDS  9
#define SECONDS 0.02

static const char *only;
static volatile uint64_t sink;

static uint8_t bytes[N * 16 + 1024];
static uint64_t valid[N / 64 + 1];
static uint64_t packed[N / 64 + 2];
static uint32_t out32[N + 64];
static uint64_t out64[N + 64];
static uint32_t codes[N];
static uint32_t table32[4096];
static uint64_t table64[4096];

/* What a bench does with one batch: kernels, its width, where the batch begins. */
typedef void (*Work)(const LhPqKernels *k, int width, size_t at);

static double
cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double) t.tv_sec + (double) t.tv_nsec * 1e-9;
}

static double
rate(const LhPqKernels *k, int width, Work work)
{
	double best = 0;

	for (int round = 0; round < ROUNDS; round++)
	{
		double start = cpu_seconds(), end;
		size_t values = 0;

		do
		{
			for (size_t at = 0; at < N; at += BATCH)
				work(k, width, at);
			values += N;
			end = cpu_seconds();
		} while (end - start < SECONDS);
		if ((double) values / (end - start) > best)
			best = (double) values / (end - start);
	}
	return best / 1e9;
}

static void
unpack32(const LhPqKernels *k, int width, size_t at)
{
	uint32_t max = 0;

	k->unpack32(bytes + at / 8 * (size_t) width, 0, width, BATCH, out32 + at, &max);
	sink += max;
}

/* The loop that one would write first. */
static void
unpack32_first(const LhPqKernels *k, int width, size_t at)
{
	const uint8_t *in = bytes + at / 8 * (size_t) width;
	uint64_t mask = width == 32 ? UINT32_MAX : (UINT64_C(1) << width) - 1;
	uint32_t max = 0;

	(void) k;
	for (size_t i = 0; i < BATCH; i++)
	{
		uint64_t w;
		uint32_t v;

		memcpy(&w, in + i * (size_t) width / 8, 8);
		v = (uint32_t) (w >> (i * (size_t) width & 7) & mask);
		if (v > max)
			max = v;
		out32[at + i] = v;
	}
	sink += max;
}

static void
unpack64(const LhPqKernels *k, int width, size_t at)
{
	k->unpack64(bytes + at / 8 * (size_t) width, 0, width, BATCH, out64 + at);
}

static void
sum64(const LhPqKernels *k, int width, size_t at)
{
	uint64_t last = 1;

	(void) width;
	k->sum64((const uint64_t *) (const void *) bytes + at, 3, BATCH, &last, out64 + at);
	sink += last;
}

static void
join4(const LhPqKernels *k, int width, size_t at)
{
	(void) width;
	k->join4(bytes + at, N, BATCH, (uint8_t *) (out32 + at));
}

static void
join8(const LhPqKernels *k, int width, size_t at)
{
	(void) width;
	k->join8(bytes + at, N, BATCH, (uint8_t *) (out64 + at));
}

static void
gather32(const LhPqKernels *k, int width, size_t at)
{
	(void) width;
	k->gather32(table32, codes + at, BATCH, out32 + at);
}

static void
gather64(const LhPqKernels *k, int width, size_t at)
{
	(void) width;
	k->gather64(table64, codes + at, BATCH, out64 + at);
}

static void
expand32(const LhPqKernels *k, int width, size_t at)
{
	(void) width;
	k->expand32(codes, valid, at, BATCH, out32 + at);
}

static void
at_least(const LhPqKernels *k, int width, size_t at)
{
	(void) width;
	k->at_least(bytes + at, BATCH, 128, packed + at / 64);
}

static void
be_to_i64(const LhPqKernels *k, int width, size_t at)
{
	k->be_to_i64(bytes + at * (size_t) width, width, BATCH, (int64_t *) out64 + at);
}

static void
line(const char *name, int width, Work work, Work first)
{
	const LhPqKernels *sets[] = {lh_pq_kernels_base(), lh_pq_kernels_avx2(), lh_pq_kernels_avx512()};
	char title[64];

	snprintf(title, sizeof(title), width >= 0 ? "%s %d" : "%s", name, width);
	if (only != NULL && strstr(title, only) == NULL)
		return;
	printf("%-28s", title);
	if (first != NULL)
		printf(" %8.2f", rate(sets[0], width, first));
	else
		printf(" %8s", "-");
	for (int i = 0; i < 3; i++)
	{
		if (sets[i] != NULL && lh_isa_best() >= (LhIsa) i)
			printf(" %8.2f", rate(sets[i], width, work));
		else
			printf(" %8s", "-");
	}
	printf("\n");
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	uint64_t x = 88172645463325252u;

	only = argc > 1 ? argv[1] : NULL;
	for (size_t i = 0; i < sizeof(bytes); i++)
	{
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		bytes[i] = (uint8_t) (x >> 32);
	}
	for (size_t i = 0; i < N; i++)
		codes[i] = (uint32_t) bytes[i] << 4 | (bytes[i + 1] & 15);
	for (size_t i = 0; i < N / 64; i++)
		memcpy(&valid[i], bytes + i * 8, 8);
	printf("%-28s %8s %8s %8s %8s\n", "kernel (Gval/s)", "loop", "base", "avx2", "avx512");
	for (int width = 1; width <= 32; width++)
		line("unpack32, width", width, unpack32, unpack32_first);
	for (int width = 8; width <= 64; width += 14)
		line("unpack64, width", width, unpack64, NULL);
	line("delta, 64 bits", -1, sum64, NULL);
	line("byte stream split, 4 bytes", -1, join4, NULL);
	line("byte stream split, 8 bytes", -1, join8, NULL);
	line("gather, 4096 of 4 bytes", -1, gather32, NULL);
	line("gather, 4096 of 8 bytes", -1, gather64, NULL);
	line("spread over nulls, 4 bytes", -1, expand32, NULL);
	line("levels to bitmap", -1, at_least, NULL);
	line("decimal of bytes", 5, be_to_i64, NULL);
	return 0;
}
