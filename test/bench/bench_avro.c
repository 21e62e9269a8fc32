/*
 * bench_avro.c
 *		Entries of Iceberg manifests a second.
 *
 *	bench_avro [-r ROUNDS] [-n ENTRIES] [-b BYTES OF A BLOCK] [-o FILE]
 *
 * A manifest of 20,000 entries with statistics of 20 columns is made, as Java
 * writes it (blocks of 64,000 bytes), with each codec, and read as planning does:
 *
 *	path	status and path alone
 *	prune	also partition, counts, and of the bounds and null counts one column
 *	all		everything, maps as vectors
 *
 * Decompression alone is timed for comparison.  Numbers are CPU time; the best
 * round counts.  -o writes the deflated file, for other readers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "unit/avro_make.h"

#define COLUMNS 20

static LhCtx *ctx;
static int rounds = 9;
static int entries = 20000;
static size_t block_bytes = 64000;

#define MAP(name, id, k, kid, vid, type)                                                 \
	"{\"name\":\"" name "\",\"type\":[\"null\",{\"type\":\"array\",\"items\":{\"type\":" \
	"\"record\",\"name\":\"" k                                                           \
	"\",\"fields\":[{\"name\":\"key\",\"type\":\"int\",\"field-id\":" kid                \
	"},{\"name\":\"value\",\"type\":\"" type "\",\"field-id\":" vid                      \
	"}]},\"logicalType\":\"map\"}],"                                                     \
	"\"default\":null,\"field-id\":" id "}"

static const char schema[] =
	"{\"type\":\"record\",\"name\":\"manifest_entry\",\"fields\":["
	"{\"name\":\"status\",\"type\":\"int\",\"field-id\":0},"
	"{\"name\":\"snapshot_id\",\"type\":[\"null\",\"long\"],\"field-id\":1},"
	"{\"name\":\"sequence_number\",\"type\":[\"null\",\"long\"],\"field-id\":3},"
	"{\"name\":\"file_sequence_number\",\"type\":[\"null\",\"long\"],\"field-id\":4},"
	"{\"name\":\"data_file\",\"type\":{\"type\":\"record\",\"name\":\"r2\",\"fields\":["
	"{\"name\":\"content\",\"type\":\"int\",\"field-id\":134},"
	"{\"name\":\"file_path\",\"type\":\"string\",\"field-id\":100},"
	"{\"name\":\"file_format\",\"type\":\"string\",\"field-id\":101},"
	"{\"name\":\"partition\",\"type\":{\"type\":\"record\",\"name\":\"r102\",\"fields\":["
	"{\"name\":\"day\",\"type\":[\"null\",{\"type\":\"int\",\"logicalType\":\"date\"}],\"field-id\":1000}]},"
	"\"field-id\":102},"
	"{\"name\":\"record_count\",\"type\":\"long\",\"field-id\":103},"
	"{\"name\":\"file_size_in_bytes\",\"type\":\"long\",\"field-id\":104}," MAP(
		"column_sizes", "108", "k117_v118", "117", "118",
		"long") "," MAP("value_counts", "109", "k119_v120", "119", "120",
						"long") "," MAP("null_value_counts", "110", "k121_v122", "121", "122",
										"long") "," MAP("nan_value_counts", "137", "k138_v139",
														"138", "139",
														"long") "," MAP("lower_bounds", "125",
																		"k126_v127", "126", "127",
																		"bytes") "," MAP("upper_bounds",
																						 "128",
																						 "k129_v130",
																						 "129",
																						 "130",
																						 "bytes") ","
																								  "{\"name\":\"key_metadata\",\"type\":[\"null\",\"bytes\"],\"field-id\":131},"
																								  "{\"name\":\"split_offsets\",\"type\":[\"null\",{\"type\":\"array\",\"items\":\"long\",\"element-id\":133}],"
																								  "\"field-id\":132},"
																								  "{\"name\":\"equality_ids\",\"type\":[\"null\",{\"type\":\"array\",\"items\":\"int\",\"element-id\":136}],"
																								  "\"field-id\":135},"
																								  "{\"name\":\"sort_order_id\",\"type\":[\"null\",\"int\"],\"field-id\":140}]},\"field-id\":2}]}";

static uint64_t
next_random(void)
{
	static uint64_t state = 88172645463325252u;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static void
put_counts(AvroMake *m, uint64_t from, uint64_t range)
{
	avro_long(m, 1);
	avro_long(m, COLUMNS);
	for (int c = 1; c <= COLUMNS; c++)
	{
		avro_long(m, c);
		avro_long(m, (int64_t) (from + (range > 0 ? next_random() % range : 0)));
	}
	avro_long(m, 0);
}

static void
put_bounds(AvroMake *m)
{
	avro_long(m, 1);
	avro_long(m, COLUMNS);
	for (int c = 1; c <= COLUMNS; c++)
	{
		static const size_t widths[] = {4, 8, 8, 16, 8};
		uint64_t x[2] = {next_random() % 1000000, next_random() % 1000000};

		avro_long(m, c);
		avro_bytes(m, x, widths[c % 5]);
	}
	avro_long(m, 0);
}

static void
put_entry(AvroMake *m, int i)
{
	char path[200];

	avro_long(m, 1);
	avro_long(m, 1);
	avro_long(m, 5923847239847239847);
	avro_long(m, 0);
	avro_long(m, 0);
	avro_long(m, 0);
	snprintf(path, sizeof(path),
			 "s3://bucket/warehouse/db/events/data/day=%d/%05d-%d-%08x-%04x-%04x-00001.parquet",
			 i / 100, i % 1000, i, (unsigned) next_random(), (unsigned) next_random() & 0xffff,
			 (unsigned) next_random() & 0xffff);
	avro_text(m, path);
	avro_text(m, "PARQUET");
	avro_long(m, 1);
	avro_long(m, 19000 + i / 100);
	avro_long(m, (int64_t) (1000000 + next_random() % 100000));
	avro_long(m, (int64_t) (128000000 + next_random() % 1000000));
	put_counts(m, 100000, 900000);
	put_counts(m, 1000000, 100000);
	put_counts(m, 0, 100);
	put_counts(m, 0, 0);
	put_bounds(m);
	put_bounds(m);
	avro_long(m, 0);
	avro_long(m, 1);
	avro_long(m, 1);
	avro_long(m, 4);
	avro_long(m, 0);
	avro_long(m, 0);
	avro_long(m, 1);
	avro_long(m, 0);
}

/* The manifest, its rows' bytes counted. */
static AvroMake
make_manifest(const char *codec, size_t *raw)
{
	AvroMake m = avro_new(ctx);
	AvroMake rows = avro_new(ctx);
	int n = 0;

	*raw = 0;
	avro_header(&m, schema, codec, NULL);
	for (int i = 0; i < entries; i++)
	{
		put_entry(&rows, i);
		n++;
		if (rows.b.len < block_bytes && i + 1 < entries)
			continue;
		avro_block(&m, n, &rows.b, codec);
		*raw += rows.b.len;
		rows.b.len = 0;
		n = 0;
	}
	return m;
}

static double
cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double) t.tv_sec + (double) t.tv_nsec * 1e-9;
}

static void
must(LhStatus status)
{
	if (status == LH_OK)
		return;
	fprintf(stderr, "bench_avro: %s\n", ctx->error->message);
	exit(1);
}

/* What a planner wants; returns the number of wants. */
static int
choose(LhAvroFile *file, const char *what, LhAvroWant *wants)
{
	static const int32_t keys[] = {7};
	static const int flat[][2] = {{2, 134}, {2, 102}, {2, 103}, {2, 104}};
	static const int maps[][2] = {{2, 110}, {2, 125}, {2, 128}};
	int n = 0;

	wants[n++] = (LhAvroWant){.node = lh_avro_child_by_id(file, 0, 0)};
	wants[n++] = (LhAvroWant){.node = lh_avro_find_ids(file, (const int[]){2, 100}, 2)};
	if (strcmp(what, "path") == 0)
		return n;
	if (strcmp(what, "all") == 0)
	{
		wants[0].node = 0;
		return 1;
	}
	for (size_t i = 0; i < sizeof(flat) / sizeof(flat[0]); i++)
		wants[n++] = (LhAvroWant){.node = lh_avro_find_ids(file, flat[i], 2)};
	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
		wants[n++] =
			(LhAvroWant){.node = lh_avro_find_ids(file, maps[i], 2), .nkeys = 1, .keys = keys};
	return n;
}

/* Seconds to open and read it once. */
static double
read_once(const AvroMake *m, const char *what)
{
	LhArena *arena = lh_arena_child(ctx->arena);
	LhArena *old = lh_use(ctx, arena);
	LhAvroWant wants[16];
	LhAvroReader *reader;
	LhAvroFile *file;
	LhAvroBatch batch;
	int64_t rows = 0;
	double start = cpu_seconds();

	must(lh_avro_open_bytes(ctx, lh_slice(m->b.data, m->b.len), "manifest", &file));
	must(lh_avro_reader_open(ctx, file, choose(file, what, wants), wants, NULL, &reader));
	do
	{
		must(lh_avro_next(ctx, reader, &batch));
		rows += batch.n;
	} while (batch.n > 0);
	start = cpu_seconds() - start;
	if (rows != entries)
		abort();
	lh_use(ctx, old);
	lh_arena_destroy(arena);
	return start;
}

/* Seconds of passing all blocks' bytes through the codec alone, by wanting nothing. */
static double
read_nothing(const AvroMake *m)
{
	LhArena *arena = lh_arena_child(ctx->arena);
	LhArena *old = lh_use(ctx, arena);
	LhAvroFile *file;
	const LhAvroBlock *blocks;
	int n;
	double seconds = 0;
	struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
	uint8_t *out = malloc(block_bytes * 2 + 10000);

	must(lh_avro_open_bytes(ctx, lh_slice(m->b.data, m->b.len), "manifest", &file));
	must(lh_avro_blocks(ctx, file, &n, &blocks));
	seconds = cpu_seconds();
	for (int i = 0; i < n; i++)
	{
		int64_t next = i + 1 < n ? blocks[i + 1].offset : (int64_t) m->b.len;
		size_t made;

		if (libdeflate_deflate_decompress(d, m->b.data + next - 16 - blocks[i].size,
										  (size_t) blocks[i].size, out, block_bytes * 2 + 10000,
										  &made) != LIBDEFLATE_SUCCESS)
			abort();
	}
	seconds = cpu_seconds() - seconds;
	libdeflate_free_decompressor(d);
	free(out);
	lh_use(ctx, old);
	lh_arena_destroy(arena);
	return seconds;
}

static void
show(const char *codec, const char *what, double seconds, size_t raw)
{
	printf("%-10s %-8s %8.3f ms  %6.2f M entries/s  %6.2f GB/s\n", codec, what, seconds * 1e3,
		   entries / seconds / 1e6, (double) raw / seconds / 1e9);
}

static void
bench(const char *codec, const char *out)
{
	static const char *const ways[] = {"path", "prune", "all"};
	size_t raw;
	AvroMake m = make_manifest(codec, &raw);
	double best;

	printf("%s: %zu bytes, %.0f an entry raw\n", codec, m.b.len, (double) raw / entries);
	if (out != NULL && strcmp(codec, "deflate") == 0)
	{
		FILE *f = fopen(out, "w");

		if (f == NULL || fwrite(m.b.data, 1, m.b.len, f) != m.b.len || fclose(f) != 0)
			exit(1);
	}
	for (int w = 0; w < 3; w++)
	{
		best = 1e9;
		for (int i = 0; i < rounds; i++)
		{
			double s = read_once(&m, ways[w]);

			best = s < best ? s : best;
		}
		show(codec, ways[w], best, raw);
	}
	if (strcmp(codec, "deflate") != 0)
		return;
	best = 1e9;
	for (int i = 0; i < rounds; i++)
	{
		double s = read_nothing(&m);

		best = s < best ? s : best;
	}
	show(codec, "inflate", best, raw);
}

int
main(int argc, char **argv)
{
	const char *out = NULL;
	int c;

	while ((c = getopt(argc, argv, "r:n:b:o:")) != -1)
		switch (c)
		{
			case 'r': rounds = atoi(optarg); break;
			case 'n': entries = atoi(optarg); break;
			case 'b': block_bytes = (size_t) atoll(optarg); break;
			case 'o': out = optarg; break;
			default: return 2;
		}
	ctx = lh_ctx_create();
	bench("null", out);
	bench("deflate", out);
	bench("zstandard", out);
	bench("snappy", out);
	lh_ctx_destroy(ctx);
	return 0;
}
