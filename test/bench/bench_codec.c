/*
 * bench_codec.c
 *		Decompression speed of our codecs on Parquet pages.
 *
 *	bench_codec [-r ROUNDS] [-c] [-g] [FILE.parquet ...]
 *
 * Without files: those of $LH_BENCH_DATA (test/bench/setup.sh), and pages made
 * here.  -c shows every column, -g only what is made here.
 *
 *	1. The snappy pages of each file are decoded by our kernel (with every
 *	   instruction set this machine has) and by libsnappy, in turns; the best
 *	   round of each counts.
 *	2. Their bytes are compressed with each codec at its default level and
 *	   decoded through lh_decompress.
 *
 * Numbers are GB (10^9 bytes) of output a second of CPU time.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <snappy-c.h>

#include "codec/codec.h"

#define BENCH_DIR  (getenv("LH_BENCH_DATA") != NULL ? getenv("LH_BENCH_DATA") : "/tmp/lakehouse-bench")
#define MAX_GROUPS 128
#define MAX_BYTES  ((size_t) 400 << 20) /* of output, a file */

typedef struct Page
{
	const uint8_t *in;
	size_t len;
	size_t out_len;
} Page;

/* Pages that are timed together: the dictionary or data pages of a column. */
typedef struct Group
{
	char name[80];
	bool dict;
	Page *pages;
	size_t n;
	size_t bytes; /* of output */
} Group;

typedef struct Set
{
	Group groups[MAX_GROUPS];
	size_t n;
	size_t bytes;
} Set;

static int rounds = 7;
static bool by_column;
static LhCtx *ctx;
static LhCodecs *codecs;
static LhBuf out;

static void
die(const char *what)
{
	fprintf(stderr, "bench_codec: %s: %s\n", what, ctx->error->message);
	exit(1);
}

static double
cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double) t.tv_sec + (double) t.tv_nsec * 1e-9;
}

static Group *
group(Set *set, const char *name, bool dict)
{
	Group *g;

	for (size_t i = 0; i < set->n; i++)
	{
		if (set->groups[i].dict == dict && strcmp(set->groups[i].name, name) == 0)
			return &set->groups[i];
	}
	if (set->n == MAX_GROUPS)
		return &set->groups[MAX_GROUPS - 1];
	g = &set->groups[set->n++];
	snprintf(g->name, sizeof(g->name), "%s", name);
	g->dict = dict;
	return g;
}

static void
add_page(Set *set, const char *name, bool dict, const uint8_t *in, size_t len, size_t out_len)
{
	Group *g = group(set, name, dict);

	if (set->bytes + out_len > MAX_BYTES)
		return;
	g->pages = realloc(g->pages, (g->n + 1) * sizeof(Page));
	g->pages[g->n++] = (Page){in, len, out_len};
	g->bytes += out_len;
	set->bytes += out_len;
}

/* ---- the least of Parquet: trusted files, Thrift compact ---- */

static uint64_t
varint(const uint8_t **p)
{
	uint64_t v = 0;
	int shift = 0;

	for (;; shift += 7)
	{
		uint8_t b = *(*p)++;

		v |= (uint64_t) (b & 0x7f) << shift;
		if (b < 0x80)
			return v;
	}
}

static int64_t
zigzag(const uint8_t **p)
{
	uint64_t v = varint(p);

	return (int64_t) (v >> 1) ^ -(int64_t) (v & 1);
}

/* Next field of a struct: its type, 0 at the end. */
static int
field(const uint8_t **p, int *id)
{
	uint8_t b = *(*p)++;

	if (b == 0)
		return 0;
	*id = b >> 4 ? *id + (b >> 4) : (int) zigzag(p);
	return b & 15;
}

static size_t
list(const uint8_t **p, int *type)
{
	uint8_t b = *(*p)++;

	*type = b & 15;
	return b >> 4 < 15 ? b >> 4 : varint(p);
}

static void
skip(const uint8_t **p, int type)
{
	int id = 0;
	int t;

	switch (type)
	{
		case 3: (*p)++; break;
		case 4:
		case 5:
		case 6: varint(p); break;
		case 7: *p += 8; break;
		case 8:
		{
			size_t n = varint(p);

			*p += n;
			break;
		}
		case 9:
		case 10:
			for (size_t n = list(p, &t); n > 0; n--)
				skip(p, t);
			break;
		case 12:
			while ((t = field(p, &id)) != 0)
				skip(p, t);
			break;
	}
}

typedef struct PageHeader
{
	int64_t type, out_len, len, levels;
} PageHeader;

static PageHeader
page_header(const uint8_t **p)
{
	PageHeader h = {0, 0, 0, 0};
	int id = 0;
	int t;

	while ((t = field(p, &id)) != 0)
	{
		if (id == 1)
			h.type = zigzag(p);
		else if (id == 2)
			h.out_len = zigzag(p);
		else if (id == 3)
			h.len = zigzag(p);
		else if (id == 8)
		{
			int id2 = 0;

			while ((t = field(p, &id2)) != 0)
			{
				if (id2 == 5 || id2 == 6)
					h.levels += zigzag(p);
				else
					skip(p, t);
			}
		}
		else
			skip(p, t);
	}
	return h;
}

static void
column_chunk(Set *set, const uint8_t *file, const uint8_t **p)
{
	int64_t codec = 0, size = 0, data = 0, dict = 0;
	char name[80] = "";
	int id = 0;
	int t, t2;
	const uint8_t *q, *end;

	while ((t = field(p, &id)) != 0)
	{
		if (id == 3)
		{
			for (size_t n = list(p, &t2); n > 0; n--)
			{
				size_t len = varint(p);

				snprintf(name, sizeof(name), "%.*s", (int) len, (const char *) *p);
				*p += len;
			}
		}
		else if (id == 4)
			codec = zigzag(p);
		else if (id == 7)
			size = zigzag(p);
		else if (id == 9)
			data = zigzag(p);
		else if (id == 11)
			dict = zigzag(p);
		else
			skip(p, t);
	}
	if (codec != 1)
		return;
	q = file + (dict > 0 && dict < data ? dict : data);
	end = q + size;
	while (q < end)
	{
		PageHeader h = page_header(&q);

		if (h.out_len > h.levels)
			add_page(set, name, h.type == 2, q + h.levels, (size_t) (h.len - h.levels),
					 (size_t) (h.out_len - h.levels));
		q += h.len;
	}
}

static void
row_group(Set *set, const uint8_t *file, const uint8_t **p)
{
	int id = 0;
	int t, t2;

	while ((t = field(p, &id)) != 0)
	{
		if (id != 1)
		{
			skip(p, t);
			continue;
		}
		for (size_t n = list(p, &t2); n > 0; n--)
		{
			int id2 = 0;

			while ((t = field(p, &id2)) != 0)
			{
				if (id2 == 3)
					column_chunk(set, file, p);
				else
					skip(p, t);
			}
		}
	}
}

static void
read_file(Set *set, const char *path)
{
	FILE *f = fopen(path, "r");
	struct stat st;
	uint8_t *file;
	const uint8_t *p;
	int id = 0;
	int t, t2;

	if (f == NULL || fstat(fileno(f), &st) != 0 || (file = malloc((size_t) st.st_size)) == NULL ||
		fread(file, 1, (size_t) st.st_size, f) != (size_t) st.st_size || st.st_size < 12)
		die(path);
	fclose(f);
	p = file + st.st_size - 8 - lh_load_u32(file + st.st_size - 8);
	while ((t = field(&p, &id)) != 0)
	{
		if (id != 4)
		{
			skip(&p, t);
			continue;
		}
		for (size_t n = list(&p, &t2); n > 0; n--)
			row_group(set, file, &p);
	}
}

/* ---- pages made here ---- */

static uint64_t seed = 1;

static uint32_t
random_below(uint32_t n)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t) (((seed >> 32) * n) >> 32);
}

static void
add_made(Set *set, const char *name, bool dict, const uint8_t *bytes, size_t n)
{
	LhBuf packed;

	if (lh_buf_init(ctx, &packed, false) != LH_OK ||
		lh_compress(ctx, codecs, LH_CODEC_SNAPPY, 0, bytes, n, &packed) != LH_OK)
		die("snappy");
	add_page(set, name, dict, packed.data, packed.len, n);
}

/* A plain BYTE_ARRAY value: its length before it.  Returns what is behind it. */
static uint8_t *
put_text(uint8_t *p, const char *text, size_t len)
{
	uint32_t n = (uint32_t) len;

	memcpy(p, &n, 4);
	memcpy(p + 4, text, len);
	return p + 4 + len;
}

static const char *
word(void)
{
	static const char *const words[] = {
		"carefully", "final",   "deposits", "sleep",    "blithely", "requests",    "the",
		"furiously", "even",    "ideas",    "accounts", "quickly",  "special",     "pending",
		"packages",  "express", "regular",  "silent",   "foxes",    "instructions"};

	return words[random_below(20)];
}

/* One value at p (room for 256 bytes); the row number i makes sorted ones. */
static uint8_t *
make_price(uint8_t *p, uint32_t i)
{
	int64_t price = 90000 + random_below(10000000);

	(void) i;
	memcpy(p, &price, 8);
	return p + 8;
}

static uint8_t *
make_sorted(uint8_t *p, uint32_t i)
{
	int64_t key = 4 * (int64_t) i + random_below(3);

	memcpy(p, &key, 8);
	return p + 8;
}

static uint8_t *
make_time(uint8_t *p, uint32_t i)
{
	int64_t us = INT64_C(1700000000000000) + (int64_t) i * 1500000 + random_below(1000000);

	memcpy(p, &us, 8);
	return p + 8;
}

static uint8_t *
make_double(uint8_t *p, uint32_t i)
{
	static double walk = 100;

	(void) i;
	walk += (random_below(2001) - 1000.0) / 1000;
	memcpy(p, &walk, 8);
	return p + 8;
}

static uint8_t *
make_user(uint8_t *p, uint32_t i)
{
	char text[64];

	(void) i;
	return put_text(p, text,
					(size_t) snprintf(text, sizeof(text), "user-%08x@mail%u.example",
									  random_below(UINT32_MAX), random_below(40)));
}

static uint8_t *
make_words(uint8_t *p, uint32_t i)
{
	char text[200];
	size_t n = 0;

	(void) i;
	for (uint32_t k = 2 + random_below(8); k > 0; k--)
		n += (size_t) snprintf(text + n, sizeof(text) - n, "%s ", word());
	return put_text(p, text, n);
}

static uint8_t *
make_url(uint8_t *p, uint32_t i)
{
	char text[200];

	(void) i;
	return put_text(p, text,
					(size_t) snprintf(text, sizeof(text),
									  "https://www.%s-%s.example/catalog/%s/item?id=%u&ref=%s",
									  word(), word(), word(), random_below(100000), word()));
}

static uint8_t *
make_json(uint8_t *p, uint32_t i)
{
	char text[250];

	return put_text(p, text,
					(size_t) snprintf(text, sizeof(text),
									  "{\"id\": %u, \"user\": \"%s\", \"event\": \"%s\", "
									  "\"tags\": [\"%s\", \"%s\"], \"amount\": %u.%02u}",
									  i, word(), word(), word(), word(), random_below(1000),
									  random_below(100)));
}

static uint8_t *
make_few(uint8_t *p, uint32_t i)
{
	(void) i;
	memset(p, random_below(50) == 0 ? 1 : 0, 4);
	return p + 4;
}

static uint8_t *
make_noise(uint8_t *p, uint32_t i)
{
	(void) i;
	for (int k = 0; k < 8; k++)
		p[k] = (uint8_t) random_below(256);
	return p + 8;
}

typedef struct Maker
{
	const char *name;
	uint8_t *(*make)(uint8_t *p, uint32_t i);
} Maker;

static void
make_pages(Set *set)
{
	static const Maker makers[] = {{"int64 prices", make_price},
								   {"int64 sorted", make_sorted},
								   {"timestamps", make_time},
								   {"doubles, walk", make_double},
								   {"near-unique texts", make_user},
								   {"words", make_words},
								   {"urls", make_url},
								   {"json", make_json},
								   {"int32 mostly 0", make_few},
								   {"noise", make_noise}};
	static uint8_t bytes[1 << 20];

	for (size_t m = 0; m < sizeof(makers) / sizeof(makers[0]); m++)
	{
		uint32_t row = 0;

		for (int page = 0; page < 8; page++)
		{
			uint8_t *p = bytes;

			while (p < bytes + sizeof(bytes) - 300)
				p = makers[m].make(p, row++);
			add_made(set, makers[m].name, false, bytes, (size_t) (p - bytes));
		}
	}
}

/* ---- timing ---- */

typedef bool (*Decode)(LhCodec codec, const Page *page);

static bool
by_us(LhCodec codec, const Page *page)
{
	(void) codec;
	return lh_snappy_decode(page->in, page->len, out.data, page->out_len);
}

static bool
by_libsnappy(LhCodec codec, const Page *page)
{
	size_t n = page->out_len;

	(void) codec;
	return snappy_uncompress((const char *) page->in, page->len, (char *) out.data, &n) ==
		   SNAPPY_OK;
}

static bool
by_codec(LhCodec codec, const Page *page)
{
	return lh_decompress(ctx, codecs, codec, page->in, page->len, out.data, page->out_len) == LH_OK;
}

/* Seconds for one pass over the groups; dict: 0 data pages, 1 dictionaries, -1 both. */
static double
pass(const Group *groups, size_t n, int dict, LhCodec codec, Decode decode)
{
	double start = cpu_seconds();

	for (size_t g = 0; g < n; g++)
	{
		if (dict >= 0 && groups[g].dict != dict)
			continue;
		for (size_t i = 0; i < groups[g].n; i++)
		{
			if (!decode(codec, &groups[g].pages[i]))
				die(groups[g].name);
		}
	}
	return cpu_seconds() - start;
}

static void
compare(const char *name, const Group *groups, size_t n, int dict)
{
	double best[LH_ISA_AVX512 + 2] = {0};
	size_t bytes = 0;
	size_t packed = 0;
	size_t pages = 0;
	int last = (int) lh_isa_best() + 1;

	for (size_t g = 0; g < n; g++)
	{
		if (dict >= 0 && groups[g].dict != dict)
			continue;
		bytes += groups[g].bytes;
		pages += groups[g].n;
		for (size_t i = 0; i < groups[g].n; i++)
			packed += groups[g].pages[i].len;
	}
	if (bytes == 0)
		return;
	for (int r = 0; r < rounds; r++)
	{
		for (int k = 0; k <= last; k++)
		{
			double t;

			if (k < last)
				lh_isa_choose((LhIsa) k);
			t = pass(groups, n, dict, LH_CODEC_SNAPPY, k < last ? by_us : by_libsnappy);
			if (best[k] == 0 || t < best[k])
				best[k] = t;
		}
	}
	printf("  %-28s %6zu pages %7.1f MB  x%-5.2f", name, pages, (double) bytes * 1e-6,
		   (double) bytes / (double) packed);
	for (int k = 0; k < last; k++)
		printf(" %s %6.2f", lh_isa_name((LhIsa) k), (double) bytes / best[k] * 1e-9);
	printf("  libsnappy %6.2f\n", (double) bytes / best[last] * 1e-9);
}

static void
other_codecs(const Set *set)
{
	static const LhCodec all[] = {LH_CODEC_SNAPPY, LH_CODEC_LZ4_RAW, LH_CODEC_ZSTD, LH_CODEC_GZIP,
								  LH_CODEC_BROTLI};
	LhArena *arena = lh_arena_child(ctx->arena);
	LhArena *old = lh_use(ctx, arena);

	for (size_t c = 0; c < sizeof(all) / sizeof(all[0]); c++)
	{
		Set again = {.n = 0};
		double best = 0;
		size_t packed = 0;

		for (size_t g = 0; g < set->n; g++)
		{
			for (size_t i = 0; i < set->groups[g].n && again.bytes < (32 << 20); i += 4)
			{
				const Page *page = &set->groups[g].pages[i];
				LhBuf buf;

				if (!by_us(LH_CODEC_SNAPPY, page) || lh_buf_init(ctx, &buf, false) != LH_OK ||
					lh_compress(ctx, codecs, all[c], 0, out.data, page->out_len, &buf) != LH_OK)
					die("compress");
				add_page(&again, "", false, buf.data, buf.len, page->out_len);
				packed += buf.len;
			}
		}
		for (int r = 0; r < rounds; r++)
		{
			double t = pass(again.groups, again.n, -1, all[c], by_codec);

			if (best == 0 || t < best)
				best = t;
		}
		printf("  lh_decompress %-8s x%-5.2f %6.2f\n", lh_codec_name(all[c]),
			   (double) again.bytes / (double) packed, (double) again.bytes / best * 1e-9);
		free(again.groups[0].pages);
	}
	lh_use(ctx, old);
	lh_arena_destroy(arena);
}

static void
run(const char *name, Set *set)
{
	size_t largest = 0;

	for (size_t g = 0; g < set->n; g++)
	{
		for (size_t i = 0; i < set->groups[g].n; i++)
		{
			if (set->groups[g].pages[i].out_len > largest)
				largest = set->groups[g].pages[i].out_len;
		}
	}
	if (largest == 0)
		return;
	if (lh_buf_fit(ctx, &out, largest) != LH_OK)
		die(name);
	printf("%s\n", name);
	for (size_t g = 0; by_column && g < set->n; g++)
	{
		char label[96];

		snprintf(label, sizeof(label), "%s%s", set->groups[g].name,
				 set->groups[g].dict ? " (dict)" : "");
		compare(label, &set->groups[g], 1, -1);
	}
	compare("dictionary pages", set->groups, set->n, 1);
	compare("data pages", set->groups, set->n, 0);
	compare("all pages", set->groups, set->n, -1);
	other_codecs(set);
}

static void
run_directory(void)
{
	DIR *dir = opendir(BENCH_DIR);
	struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL)
	{
		size_t len = strlen(entry->d_name);
		char path[512];
		Set *set;

		if (len < 8 || strcmp(entry->d_name + len - 8, ".parquet") != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", BENCH_DIR, entry->d_name);
		set = calloc(1, sizeof(*set));
		read_file(set, path);
		run(path, set);
	}
	if (dir != NULL)
		closedir(dir);
}

int
main(int argc, char **argv)
{
	bool made_only = false;
	int files = 0;

	ctx = lh_ctx_create();
	if (ctx == NULL || lh_codecs_create(ctx, &codecs) != LH_OK ||
		lh_buf_init(ctx, &out, false) != LH_OK)
		return 1;
	for (int i = 1; i < argc; i++)
	{
		if (strcmp(argv[i], "-r") == 0 && i + 1 < argc)
			rounds = atoi(argv[++i]);
		else if (strcmp(argv[i], "-c") == 0)
			by_column = true;
		else if (strcmp(argv[i], "-g") == 0)
			made_only = true;
		else
		{
			Set *set = calloc(1, sizeof(*set));

			read_file(set, argv[i]);
			run(argv[i], set);
			files++;
		}
	}
	if (files == 0)
	{
		Set *set = calloc(1, sizeof(*set));

		if (!made_only)
			run_directory();
		make_pages(set);
		by_column = true;
		run("generated pages", set);
	}
	lh_ctx_destroy(ctx);
	return 0;
}
