/*
 * test_rowset.c
 *		Row sets and deletion vectors: what they hold, and what is refused.
 */
#include "test_scan.h"

#include "scan/vector.h"

#define SHARED "../shared/fixtures/iceberg"

static LhRowSet *
set_of(World *w, const int64_t *rows, int n)
{
	LhRowSet *set;

	ok(w, lh_rowset_create(w->ctx, false, &set));
	ok(w, lh_rowset_add(w->ctx, set, rows, n));
	ok(w, lh_rowset_finish(w->ctx, set));
	return set;
}

static bool
holds(const LhRowSet *set, int64_t row)
{
	uint64_t word;

	lh_rowset_words(set, row, 1, &word);
	return word == 1;
}

/* Every way of asking must agree with a plain array of bits. */
static void
assert_like_bits(const LhRowSet *set, const uint8_t *bits, int64_t base, int n)
{
	uint64_t words[LH_BATCH_WORDS];
	uint64_t count = 0;

	for (int from = 0; from < n; from += 611)
	{
		int len = from % 7 == 0 ? 64 : 1 + (from * 13) % LH_BATCH;

		len = len < n - from ? len : n - from;
		memset(words, 0xAA, sizeof(words));
		lh_rowset_words(set, base + from, len, words);
		for (int i = 0; i < len; i++)
			assert_int_equal(lh_bit_get(words, (size_t) i), bits[from + i]);
		for (int i = len; i < (int) LH_WORDS(len) * 64; i++)
			assert_false(lh_bit_get(words, (size_t) i));
	}
	for (int i = 0; i < n; i++)
		count += bits[i];
	assert_int_equal(lh_rowset_count_range(set, base, base + n), count);
}

static void
bits_of_every_kind_of_container(void **state)
{
	World *w = *state;
	enum { N = 4 * 65536 };
	uint8_t *bits = calloc(N, 1);
	int64_t *rows = malloc(N * sizeof(*rows));
	int n = 0;

	/* an array, a bitset, runs, nothing but the last row; across a border of 2^32 */
	for (int i = 0; i < N; i++)
	{
		bits[i] = i < 65536 ? i % 97 == 0 : i < 131072 ? (i * 2654435761u) % 3 == 0 : i < 196608 ? i / 700 % 2 == 0 : i == N - 1;
		if (bits[i])
			rows[n++] = i;
	}
	for (int shift = 0; shift < 3; shift++)
	{
		int64_t base = shift == 0 ? 0 : shift == 1 ? 12345 : (INT64_C(1) << 32) - 100000;
		int64_t *moved = malloc((size_t) n * sizeof(*moved));
		LhRowSet *set;

		for (int i = 0; i < n; i++)
			moved[i] = rows[i] + base;
		set = set_of(w, moved, n);
		assert_int_equal(lh_rowset_count(set), n);
		assert_like_bits(set, bits, base, N);
		free(moved);
	}
	free(bits);
	free(rows);
}

static void
rows_come_in_any_order_and_twice(void **state)
{
	World *w = *state;
	int64_t a[] = {5, 1, INT64_C(1) << 40, 5, 7}, b[] = {7, 8, (INT64_C(1) << 40) + 1};
	LhRowSet *x = set_of(w, a, 5), *y = set_of(w, b, 3), *both;

	ok(w, lh_rowset_create(w->ctx, false, &both));
	ok(w, lh_rowset_or(w->ctx, both, x));
	ok(w, lh_rowset_or(w->ctx, both, y));
	assert_int_equal(lh_rowset_count(x), 4);
	assert_int_equal(lh_rowset_count(both), 6);
	assert_true(holds(both, 1) && holds(both, 8) && holds(both, (INT64_C(1) << 40) + 1));
	assert_false(holds(both, 2) || holds(both, (INT64_C(1) << 40) + 2));
	assert_int_equal(lh_rowset_count_range(both, 6, INT64_C(1) << 40), 2);
	assert_int_equal(lh_rowset_count_range(both, 6, 6), 0);
	assert_int_equal(lh_rowset_count_range(both, 0, INT64_MAX), 6);
}

/* What the library takes is counted, and given back. */
static void
memory_is_counted(void **state)
{
	World *w = *state;
	LhBudget budget = {.limit = 64 * 1024, .setting = "work_mem"};
	LhArena *arena = lh_arena_create(&budget), *old = lh_use(w->ctx, arena);
	LhRowSet *set;

	ok(w, lh_rowset_create(w->ctx, false, &set));
	for (int64_t i = 0; i < 2000000; i += 3)
		ok(w, lh_rowset_add(w->ctx, set, &i, 1));
	refused(w, lh_rowset_finish(w->ctx, set), LH_NO_MEMORY, "limit of 64 kB", NULL, NULL);
	lh_arena_reset(arena);
	assert_true(budget.used <= 8192);
	/* floor is never refused */
	ok(w, lh_rowset_create(w->ctx, true, &set));
	for (int64_t i = 0; i < 2000000; i += 3)
		ok(w, lh_rowset_add(w->ctx, set, &i, 1));
	ok(w, lh_rowset_finish(w->ctx, set));
	assert_true(budget.floor > 200000);
	lh_use(w->ctx, old);
	lh_arena_destroy(arena);
	assert_int_equal(budget.used, 0);
	assert_int_equal(budget.floor, 0);
}

/*
 * The portable form
 */

static void
put(LhBuf *b, World *w, const void *p, size_t n)
{
	ok(w, lh_buf_append(w->ctx, b, p, n));
}

/* count, key, then a bitmap of one array container {1, 3, 5, 7, 9} */
static LhBuf
bitmap64(World *w, int64_t count, const uint32_t *keys, int nkeys)
{
	static const uint8_t map[] = {0x3a, 0x30, 0, 0, 1, 0, 0, 0, 0, 0, 4, 0, 16, 0, 0, 0,
								  1, 0, 3, 0, 5, 0, 7, 0, 9, 0};
	LhBuf b;

	ok(w, lh_buf_init(w->ctx, &b, false));
	put(&b, w, &count, 8);
	for (int i = 0; i < nkeys; i++)
	{
		put(&b, w, &keys[i], 4);
		put(&b, w, map, sizeof(map));
	}
	return b;
}

static LhStatus
parse(World *w, const LhBuf *b, LhRowSet **out)
{
	return lh_rowset_parse(w->ctx, lh_slice(b->data, b->len), false, "here", out);
}

static void
keys_ascend_and_have_no_high_bit(void **state)
{
	World *w = *state;
	LhRowSet *set;
	LhBuf b = bitmap64(w, 2, (uint32_t[]){0, 3}, 2);

	ok(w, parse(w, &b, &set));
	assert_int_equal(lh_rowset_count(set), 10);
	assert_true(holds(set, 9) && holds(set, (INT64_C(3) << 32) + 1));
	b = bitmap64(w, 0, NULL, 0);
	ok(w, parse(w, &b, &set));
	assert_int_equal(lh_rowset_count(set), 0);
	b = bitmap64(w, 2, (uint32_t[]){3, 3}, 2);
	refused(w, parse(w, &b, &set), LH_CORRUPT, "here: key 3 follows key 3", "ascend", NULL);
	b = bitmap64(w, 1, (uint32_t[]){0x80000000u}, 1);
	refused(w, parse(w, &b, &set), LH_CORRUPT, "high bit", NULL, NULL);
	b = bitmap64(w, -1, NULL, 0);
	refused(w, parse(w, &b, &set), LH_CORRUPT, "claims -1 bitmaps", NULL, NULL);
	b = bitmap64(w, 3, (uint32_t[]){0, 3}, 2);
	refused(w, parse(w, &b, &set), LH_CORRUPT, "ends before bitmap 3 of 3", NULL, NULL);
	b = bitmap64(w, 1, (uint32_t[]){0, 3}, 2);
	refused(w, parse(w, &b, &set), LH_CORRUPT, "bytes follow its last bitmap", NULL, NULL);
	for (size_t len = 0; len < 38; len++)
	{
		b = bitmap64(w, 1, (uint32_t[]){0}, 1);
		b.len = len;
		refused(w, parse(w, &b, &set), LH_CORRUPT, "here", NULL, NULL);
	}
}

/* Removal proof: the library reads all of these without complaint. */
static void
containers_are_checked(void **state)
{
	World *w = *state;
	/* cookie of run containers (1 container), run flag, key, cardinality - 1, runs */
	static const uint8_t runs_overlap[] = {0x3b, 0x30, 0, 0, 1, 0, 0, 8, 0, 2, 0, 10, 0, 5, 0, 12, 0, 3, 0};
	static const uint8_t run_leaves[] = {0x3b, 0x30, 0, 0, 1, 0, 0, 8, 0, 1, 0, 0xF0, 0xFF, 0x20, 0};
	static const uint8_t no_runs[] = {0x3b, 0x30, 0, 0, 1, 0, 0, 0, 0, 0, 0};
	static const uint8_t array_falls[] = {0x3a, 0x30, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 16, 0, 0, 0, 5, 0, 5, 0};
	static const struct
	{
		const uint8_t *p;
		size_t n;
		const char *what;
	} bad[] = {
		{runs_overlap, sizeof(runs_overlap), "runs that do not ascend"},
		{run_leaves, sizeof(run_leaves), "run that leaves its container"},
		{no_runs, sizeof(no_runs), "container without runs"},
		{array_falls, sizeof(array_falls), "array that does not ascend"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		int64_t one = 1;
		uint32_t key = 0;
		LhRowSet *set;
		LhBuf b;

		ok(w, lh_buf_init(w->ctx, &b, false));
		put(&b, w, &one, 8);
		put(&b, w, &key, 4);
		put(&b, w, bad[i].p, bad[i].n);
		refused(w, parse(w, &b, &set), LH_CORRUPT, bad[i].what, NULL, NULL);
	}
}

/*
 * Deletion vectors
 */

static LhBuf
vector_of(World *w)
{
	LhBuf map = bitmap64(w, 1, (uint32_t[]){0}, 1), b;
	uint8_t head[8] = {0, 0, 0, (uint8_t) (map.len + 4), 0xD1, 0xD3, 0x39, 0x64}, tail[4];
	uint32_t crc;

	ok(w, lh_buf_init(w->ctx, &b, false));
	put(&b, w, head, 8);
	put(&b, w, map.data, map.len);
	crc = lh_crc32(b.data + 4, b.len - 4);
	for (int i = 0; i < 4; i++)
		tail[i] = (uint8_t) (crc >> (24 - 8 * i));
	put(&b, w, tail, 4);
	return b;
}

static LhStatus
read_vector(World *w, const LhBuf *b, int64_t records, LhRowSet **out)
{
	return lh_vector_parse(w->ctx, lh_slice(b->data, b->len), records, false, "vector", out);
}

static void
every_claim_of_a_vector_is_checked(void **state)
{
	World *w = *state;
	LhBuf b = vector_of(w);
	LhRowSet *set;

	ok(w, read_vector(w, &b, 5, &set));
	ok(w, read_vector(w, &b, -1, &set));
	assert_true(holds(set, 1) && holds(set, 9) && !holds(set, 2));
	refused(w, read_vector(w, &b, 6, &set), LH_CORRUPT, "deletes 5 rows", "says 6", NULL);
	b.data[3]++;
	refused(w, read_vector(w, &b, 5, &set), LH_CORRUPT, "length field says 43 bytes, expected 42", NULL, NULL);
	b = vector_of(w);
	b.data[4] = 0;
	refused(w, read_vector(w, &b, 5, &set), LH_CORRUPT, "magic 00D33964", NULL, NULL);
	b = vector_of(w);
	b.data[b.len - 6] ^= 1;
	refused(w, read_vector(w, &b, 5, &set), LH_CORRUPT, "CRC-32", NULL, NULL);
	b = vector_of(w);
	b.data[b.len - 1] ^= 1;
	refused(w, read_vector(w, &b, 5, &set), LH_CORRUPT, "CRC-32", NULL, NULL);
	b = vector_of(w);
	b.len = 19;
	refused(w, read_vector(w, &b, 5, &set), LH_CORRUPT, "19 bytes are too few", NULL, NULL);
	b = vector_of(w);
	memcpy(b.data, "\x28\xB5\x2F\xFD", 4);
	refused(w, read_vector(w, &b, 5, &set), LH_UNSUPPORTED, "compressed with zstd", NULL, NULL);
	memcpy(b.data, "\x04\x22\x4D\x18", 4);
	refused(w, read_vector(w, &b, 5, &set), LH_UNSUPPORTED, "compressed with LZ4", NULL, NULL);
}

static const char *
written(World *w, const char *name, const void *head, size_t nhead, const LhBuf *b)
{
	const char *path = lh_sprintf(w->ctx, "%s/%s", w->dir, name);
	FILE *f = fopen(path, "wb");

	fwrite(head, 1, nhead, f);
	fwrite(b->data, 1, b->len, f);
	fclose(f);
	return path;
}

static void
a_vector_lies_within_its_puffin_file(void **state)
{
	World *w = *state;
	LhBuf b = vector_of(w);
	LhDeleteFile file = {.kind = LH_DELETE_VECTOR, .offset = 4, .length = (int64_t) b.len, .records = 5};
	LhRowSet *set;

	file.path = written(w, "v.puffin", "PFA1", 4, &b);
	ok(w, lh_vector_read(w->ctx, w->store, &file, true, &set));
	assert_int_equal(lh_rowset_count(set), 5);
	assert_int_equal(counter(w, LH_CTR_DELETION_VECTORS_READ), 1);
	file.offset = 5;
	refused(w, lh_vector_read(w->ctx, w->store, &file, true, &set), LH_CORRUPT, "offset 5", "v.puffin", "does not lie within");
	file.offset = -1;
	refused(w, lh_vector_read(w->ctx, w->store, &file, true, &set), LH_CORRUPT, "offset -1", NULL, NULL);
	file.offset = 4;
	file.length = INT64_MAX;
	refused(w, lh_vector_read(w->ctx, w->store, &file, true, &set), LH_CORRUPT, "does not lie within", NULL, NULL);
	file.length = 7;
	refused(w, lh_vector_read(w->ctx, w->store, &file, true, &set), LH_CORRUPT, "with 7 bytes", NULL, NULL);
	/* the names of file and place are in the messages about what is in it */
	file.length = (int64_t) b.len;
	file.records = 4;
	refused(w, lh_vector_read(w->ctx, w->store, &file, true, &set), LH_CORRUPT, "offset 4", "v.puffin", "says 4");
}

static void
a_vector_without_its_envelope_is_read_on_request(void **state)
{
	World *w = *state;
	LhBuf b = vector_of(w);
	LhDeleteFile file = {.kind = LH_DELETE_VECTOR, .length = (int64_t) b.len, .records = 5};
	LhRowSet *set;

	file.path = written(w, "bare", "", 0, &b);
	assert_int_equal(lh_vector_read(w->ctx, w->store, &file, true, &set), LH_UNSUPPORTED);
	assert_non_null(strstr(w->ctx->error->message, "is no Puffin file"));
	/* by the name that the option has in SQL */
	assert_non_null(strstr(w->ctx->error->hint, "\"allow_legacy_deletion_vectors\""));
	lh_error_clear(w->ctx);
	file.bare = true;
	ok(w, lh_vector_read(w->ctx, w->store, &file, true, &set));
	assert_int_equal(lh_rowset_count(set), 5);
}

/*
 * What others wrote
 */

/* A file of the shared fixtures; false, loudly, when they are not there. */
static bool
shared_file(World *w, const char *name, LhSlice *out)
{
	const char *path = lh_sprintf(w->ctx, "%s/%s", SHARED, name);
	FILE *f = fopen(path, "rb");
	uint8_t *bytes = lh_alloc(w->ctx, 1 << 20);

	if (f == NULL)
	{
		print_message("SKIPPED: no %s\n", path);
		return false;
	}
	*out = lh_slice(bytes, fread(bytes, 1, 1 << 20, f));
	fclose(f);
	return true;
}

static void
bitmaps_that_java_wrote(void **state)
{
	World *w = *state;
	/* Iceberg's TestRoaringPositionBitmap, TestBitmapPositionDeleteIndex; -1: whole files of the vector form */
	static const struct
	{
		const char *name;
		bool vector;
		int64_t count;
		int64_t in, out;
	} files[] = {
		{"64map32bitvals.bin", false, 10, 0, 10},
		{"64mapempty.bin", false, 0, -1, 0},
		{"64mapspreadvals.bin", false, 100, 0, 10},
		{"empty-position-index.bin", true, 0, -1, 0},
		{"small-alternating-values-position-index.bin", true, 5, 1, 2},
		{"small-and-large-values-position-index.bin", true, 4, 100, 102},
		{"all-container-types-position-index.bin", true, -1, 5, 4},
	};
	static const char *const dirs[] = {"java-core/org/apache/iceberg/deletes", "go/dv/deletes"};

	for (int d = 0; d < 2; d++)
		for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		{
			LhRowSet *set;
			LhSlice bytes;

			if (!shared_file(w, lh_sprintf(w->ctx, "%s/%s", dirs[d], files[i].name), &bytes))
				skip();
			if (files[i].vector)
				ok(w, lh_vector_parse(w->ctx, bytes, -1, false, files[i].name, &set));
			else
				ok(w, lh_rowset_parse(w->ctx, bytes, false, files[i].name, &set));
			if (files[i].count >= 0)
				assert_int_equal(lh_rowset_count(set), files[i].count);
			if (files[i].in >= 0)
				assert_true(holds(set, files[i].in));
			assert_false(holds(set, files[i].out));
		}
}

static void
a_bitmap_whose_keys_are_too_high(void **state)
{
	World *w = *state;
	LhRowSet *set;
	LhSlice bytes;

	if (!shared_file(w, "java-core/org/apache/iceberg/deletes/64maphighvals.bin", &bytes))
		skip();
	refused(w, lh_rowset_parse(w->ctx, bytes, false, "high", &set), LH_CORRUPT, "high bit", NULL, NULL);
}

static void
a_vector_that_go_wrote(void **state)
{
	World *w = *state;
	LhRowSet *set;
	LhSlice bytes;

	if (!shared_file(w, "go/puffin/deletion-vector-v1-payload.bin", &bytes))
		skip();
	ok(w, lh_vector_parse(w->ctx, bytes, 5, false, "go", &set));
	for (int i = 0; i < 10; i++)
		assert_int_equal(holds(set, i), i % 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bits_of_every_kind_of_container),
		TEST(rows_come_in_any_order_and_twice),
		TEST(memory_is_counted),
		TEST(keys_ascend_and_have_no_high_bit),
		TEST(containers_are_checked),
		TEST(every_claim_of_a_vector_is_checked),
		TEST(a_vector_lies_within_its_puffin_file),
		TEST(a_vector_without_its_envelope_is_read_on_request),
		TEST(bitmaps_that_java_wrote),
		TEST(a_bitmap_whose_keys_are_too_high),
		TEST(a_vector_that_go_wrote),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
